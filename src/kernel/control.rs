//! Functions with control flow around kernels: loops that end when numbers say so, choices, pointers that change places.
//!
//! Kernels have none of this, on purpose. What drives them (a whole integration, to be compiled ahead of time) is written
//! once in this form; `backend::native` makes machine code of it, `backend::c` text in C. Numbers are `f64`, counts `i64`,
//! pointers point to `f64`. Operands have no effects and may be computed whether they are needed or not: `and` and `or`
//! look at both sides.

use crate::math::{Binary, Compare, Unary};

/// What a local holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Real,
    /// An integer.
    Count,
    /// The address of numbers.
    Pointer,
}

/// A variable of a function; parameters come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local(pub u32);

/// An operand without effects.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number.
    Real(f64),
    /// An integer.
    Count(i64),
    /// A local's value.
    Local(Local),
    /// `pointer[index]`
    Element(Box<Expr>, Box<Expr>),
    /// `pointer + elements`
    Shifted(Box<Expr>, i64),
    /// Of a number.
    Unary(Unary, Box<Expr>),
    /// Of two numbers.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// Of two integers, wrapping.
    Whole(Whole, Box<Expr>, Box<Expr>),
    /// A number's bits as an integer.
    Bits(Box<Expr>),
    /// The number with these bits.
    FromBits(Box<Expr>),
    /// A number without its fraction, as an integer.
    Truncated(Box<Expr>),
    /// An integer as a number.
    Converted(Box<Expr>),
    /// A truth value, of two numbers.
    Compare(Compare, Box<Expr>, Box<Expr>),
    /// A truth value: whether the first integer is less.
    Less(Box<Expr>, Box<Expr>),
    /// A truth value: whether a pointer points to nothing.
    IsNull(Box<Expr>),
    /// Of truth values.
    And(Box<Expr>, Box<Expr>),
    /// Of truth values.
    Or(Box<Expr>, Box<Expr>),
    /// Of a truth value.
    Not(Box<Expr>),
    /// One of two numbers, by a truth value.
    Select(Box<Expr>, Box<Expr>, Box<Expr>),
}

/// An operation on integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a·2ᵇ
    ShiftLeft,
    /// a/2ᵇ, rounded down.
    ShiftRight,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Stmt {
    /// `local = value`
    Set(Local, Expr),
    /// `pointer[index] = value`
    Store(Expr, Expr, Expr),
    /// One of two lists.
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// As long as a truth value holds.
    While(Expr, Vec<Stmt>),
    /// A kernel, by its name: `(t, y, p, v, w, out)`.
    Kernel(&'static str, [Expr; 6]),
    /// Leaves the function with an integer.
    Return(Expr),
}

/// A function that returns an integer.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name, behind that of the model.
    pub name: &'static str,
    /// How many of the locals are parameters.
    pub parameters: usize,
    /// Names and kinds, parameters first.
    pub locals: Vec<(&'static str, Kind)>,
    /// What it does; ends by returning.
    pub body: Vec<Stmt>,
}

impl Function {
    /// What a local holds.
    pub fn kind(&self, local: Local) -> Kind {
        self.locals[local.0 as usize].1
    }
}

impl From<Local> for Expr {
    fn from(local: Local) -> Expr {
        Expr::Local(local)
    }
}

impl From<f64> for Expr {
    fn from(value: f64) -> Expr {
        Expr::Real(value)
    }
}

impl From<i64> for Expr {
    fn from(value: i64) -> Expr {
        Expr::Count(value)
    }
}

impl From<i32> for Expr {
    fn from(value: i32) -> Expr {
        Expr::Count(value.into())
    }
}

/// Writing functions: statements go to the innermost open list.
#[derive(Debug)]
pub struct Writer {
    function: Function,
    open: Vec<Vec<Stmt>>,
}

impl Writer {
    /// A function with these parameters, and the locals that are these.
    pub fn new<const N: usize>(name: &'static str, parameters: [(&'static str, Kind); N]) -> (Writer, [Local; N]) {
        let function = Function { name, parameters: N, locals: parameters.to_vec(), body: Vec::new() };
        let locals = std::array::from_fn(|k| Local(k as u32));
        (Writer { function, open: vec![Vec::new()] }, locals)
    }

    /// A new local that begins with a value.
    pub fn local(&mut self, name: &'static str, kind: Kind, value: impl Into<Expr>) -> Local {
        let local = Local(self.function.locals.len() as u32);
        self.function.locals.push((name, kind));
        self.set(local, value);
        local
    }

    /// A new number.
    pub fn real(&mut self, name: &'static str, value: impl Into<Expr>) -> Local {
        self.local(name, Kind::Real, value)
    }

    /// A new integer.
    pub fn count(&mut self, name: &'static str, value: impl Into<Expr>) -> Local {
        self.local(name, Kind::Count, value)
    }

    /// A new pointer.
    pub fn pointer(&mut self, name: &'static str, value: impl Into<Expr>) -> Local {
        self.local(name, Kind::Pointer, value)
    }

    /// `local = value`
    pub fn set(&mut self, local: Local, value: impl Into<Expr>) {
        self.push(Stmt::Set(local, value.into()));
    }

    /// `pointer[index] = value`
    pub fn store(&mut self, pointer: impl Into<Expr>, index: impl Into<Expr>, value: impl Into<Expr>) {
        self.push(Stmt::Store(pointer.into(), index.into(), value.into()));
    }

    /// Does something if a condition holds.
    pub fn when(&mut self, condition: Expr, then: impl FnOnce(&mut Writer)) {
        self.choose(condition, then, |_| {});
    }

    /// Does one thing or the other.
    pub fn choose(&mut self, condition: Expr, then: impl FnOnce(&mut Writer), other: impl FnOnce(&mut Writer)) {
        let then = self.list(then);
        let other = self.list(other);
        self.push(Stmt::If(condition, then, other));
    }

    /// Does something as long as a condition holds.
    pub fn repeat(&mut self, condition: Expr, body: impl FnOnce(&mut Writer)) {
        let body = self.list(body);
        self.push(Stmt::While(condition, body));
    }

    /// Does something for `counter` = 0 … `turns` − 1.
    pub fn times(&mut self, counter: Local, turns: impl Into<Expr>, body: impl FnOnce(&mut Writer)) {
        self.set(counter, 0i64);
        self.repeat(less(counter, turns), |f| {
            body(f);
            f.set(counter, whole(Whole::Add, counter, 1i64));
        });
    }

    /// Runs a kernel.
    pub fn kernel(&mut self, name: &'static str, operands: [Expr; 6]) {
        self.push(Stmt::Kernel(name, operands));
    }

    /// Leaves the function.
    pub fn give(&mut self, status: impl Into<Expr>) {
        self.push(Stmt::Return(status.into()));
    }

    /// The function, which ends by giving `status`.
    pub fn finish(mut self, status: i64) -> Function {
        self.give(status);
        self.function.body = self.open.pop().unwrap_or_default();
        self.function
    }

    fn list(&mut self, write: impl FnOnce(&mut Writer)) -> Vec<Stmt> {
        self.open.push(Vec::new());
        write(self);
        self.open.pop().unwrap_or_default()
    }

    fn push(&mut self, statement: Stmt) {
        if let Some(list) = self.open.last_mut() {
            list.push(statement);
        }
    }
}

/// `pointer[index]`
pub fn element(pointer: impl Into<Expr>, index: impl Into<Expr>) -> Expr {
    Expr::Element(Box::new(pointer.into()), Box::new(index.into()))
}

/// `pointer + elements`
pub fn shifted(pointer: impl Into<Expr>, elements: usize) -> Expr {
    Expr::Shifted(Box::new(pointer.into()), elements as i64)
}

/// An operation on a number.
pub fn unary(op: Unary, a: impl Into<Expr>) -> Expr {
    Expr::Unary(op, Box::new(a.into()))
}

/// An operation on two numbers.
pub fn binary(op: Binary, a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
    Expr::Binary(op, Box::new(a.into()), Box::new(b.into()))
}

/// An operation on two integers.
pub fn whole(op: Whole, a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
    Expr::Whole(op, Box::new(a.into()), Box::new(b.into()))
}

/// A comparison of two numbers.
pub fn compare(op: Compare, a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
    Expr::Compare(op, Box::new(a.into()), Box::new(b.into()))
}

/// Whether the first of two integers is less.
pub fn less(a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
    Expr::Less(Box::new(a.into()), Box::new(b.into()))
}

/// Whether a pointer points to nothing.
pub fn is_null(a: impl Into<Expr>) -> Expr {
    Expr::IsNull(Box::new(a.into()))
}

/// One of two numbers.
pub fn select(condition: Expr, a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
    Expr::Select(Box::new(condition), Box::new(a.into()), Box::new(b.into()))
}

impl Expr {
    /// Both truth values.
    pub fn and(self, other: Expr) -> Expr {
        Expr::And(Box::new(self), Box::new(other))
    }

    /// Either truth value.
    pub fn or(self, other: Expr) -> Expr {
        Expr::Or(Box::new(self), Box::new(other))
    }

    /// The other truth value.
    pub fn negated(self) -> Expr {
        Expr::Not(Box::new(self))
    }
}

/// Formulas of numbers read like formulas.
macro_rules! operator {
    ($trait:ident, $method:ident, $op:ident) => {
        impl<B: Into<Expr>> std::ops::$trait<B> for Expr {
            type Output = Expr;
            fn $method(self, other: B) -> Expr {
                binary(Binary::$op, self, other)
            }
        }

        impl<B: Into<Expr>> std::ops::$trait<B> for Local {
            type Output = Expr;
            fn $method(self, other: B) -> Expr {
                binary(Binary::$op, self, other)
            }
        }
    };
}

operator!(Add, add, Add);
operator!(Sub, sub, Sub);
operator!(Mul, mul, Mul);
operator!(Div, div, Div);
