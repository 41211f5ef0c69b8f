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
    /// `pointer + count`
    Moved(Box<Expr>, Box<Expr>),
    /// The address of constant numbers, by their place among [`Tables`].
    Table(usize),
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
    /// a·b
    Mul,
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
    /// `local = function(arguments)`, of another such function.
    Call(Local, &'static str, Vec<Expr>),
    /// Leaves the function with its value.
    Return(Expr),
}

/// Constant numbers that functions read.
pub type Tables = Vec<Vec<f64>>;

/// A function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name, behind that of the model.
    pub name: String,
    /// What it returns.
    pub returns: Kind,
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

    /// Which locals are read, by more than what sets locals that are not.
    pub fn read(&self) -> Vec<bool> {
        let mut read = vec![false; self.locals.len()];
        loop {
            let before = read.clone();
            visit(&self.body, &mut |statement| {
                if matches!(statement, Stmt::Set(local, _) if !read[local.0 as usize]) {
                    return;
                }
                let mut mark = |expr: &Expr| {
                    if let Expr::Local(local) = expr {
                        read[local.0 as usize] = true;
                    }
                };
                statement.operands().into_iter().for_each(|operand| operand.visit(&mut mark));
            });
            if read == before {
                return read;
            }
        }
    }
}

/// Of functions that call each other, those that the last one needs, in their order.
pub fn needed(functions: Vec<Function>) -> Vec<Function> {
    let mut needed = vec![false; functions.len()];
    let mut waiting: Vec<usize> = functions.len().checked_sub(1).into_iter().collect();
    while let Some(number) = waiting.pop() {
        if !std::mem::replace(&mut needed[number], true) {
            visit(&functions[number].body, &mut |statement| {
                if let Stmt::Call(_, name, _) = statement {
                    waiting.extend(functions.iter().position(|function| function.name == *name));
                }
            });
        }
    }
    functions.into_iter().zip(needed).filter_map(|(function, needed)| needed.then_some(function)).collect()
}

/// Calls a function on every statement, inner ones too.
fn visit(statements: &[Stmt], see: &mut dyn FnMut(&Stmt)) {
    for statement in statements {
        see(statement);
        match statement {
            Stmt::If(_, then, other) => {
                visit(then, see);
                visit(other, see);
            }
            Stmt::While(_, body) => visit(body, see),
            _ => {}
        }
    }
}

impl Stmt {
    /// What it reads.
    fn operands(&self) -> Vec<&Expr> {
        match self {
            Stmt::Set(_, value) | Stmt::Return(value) | Stmt::If(value, ..) | Stmt::While(value, _) => vec![value],
            Stmt::Store(pointer, index, value) => vec![pointer, index, value],
            Stmt::Kernel(_, operands) => operands.iter().collect(),
            Stmt::Call(_, _, arguments) => arguments.iter().collect(),
        }
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
    pub fn new<const N: usize>(
        name: impl Into<String>,
        returns: Kind,
        parameters: [(&'static str, Kind); N],
    ) -> (Writer, [Local; N]) {
        let (name, locals) = (name.into(), parameters.to_vec());
        let function = Function { name, returns, parameters: N, locals, body: Vec::new() };
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
            f.advance(counter);
        });
    }

    /// Runs a kernel.
    pub fn kernel(&mut self, name: &'static str, operands: [Expr; 6]) {
        self.push(Stmt::Kernel(name, operands));
    }

    /// `local = function(arguments)`
    pub fn call(&mut self, local: Local, function: &'static str, arguments: Vec<Expr>) {
        self.push(Stmt::Call(local, function, arguments));
    }

    /// Adds one to an integer.
    pub fn advance(&mut self, counter: Local) {
        self.set(counter, whole(Whole::Add, counter, 1));
    }

    /// Leaves the function.
    pub fn give(&mut self, value: impl Into<Expr>) {
        self.push(Stmt::Return(value.into()));
    }

    /// The function, which ends by giving `value`.
    pub fn finish(mut self, value: impl Into<Expr>) -> Function {
        self.give(value);
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

/// `pointer + count`
pub fn moved(pointer: impl Into<Expr>, count: impl Into<Expr>) -> Expr {
    Expr::Moved(Box::new(pointer.into()), Box::new(count.into()))
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

/// Whether two integers are equal.
pub fn same(a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
    let (a, b) = (a.into(), b.into());
    less(a.clone(), b.clone()).or(less(b, a)).negated()
}

/// An integer as a number.
pub fn converted(a: impl Into<Expr>) -> Expr {
    Expr::Converted(Box::new(a.into()))
}

/// A number without its fraction, as an integer.
pub fn truncated(a: impl Into<Expr>) -> Expr {
    Expr::Truncated(Box::new(a.into()))
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
    /// Calls a function on it and all it is made of.
    fn visit(&self, see: &mut dyn FnMut(&Expr)) {
        see(self);
        match self {
            Expr::Real(_) | Expr::Count(_) | Expr::Local(_) | Expr::Table(_) => {}
            Expr::Shifted(a, _) | Expr::Unary(_, a) | Expr::Not(a) | Expr::IsNull(a) => a.visit(see),
            Expr::Bits(a) | Expr::FromBits(a) | Expr::Truncated(a) | Expr::Converted(a) => a.visit(see),
            Expr::Element(a, b) | Expr::Moved(a, b) | Expr::Binary(_, a, b) | Expr::Whole(_, a, b) => {
                a.visit(see);
                b.visit(see);
            }
            Expr::Compare(_, a, b) | Expr::Less(a, b) | Expr::And(a, b) | Expr::Or(a, b) => {
                a.visit(see);
                b.visit(see);
            }
            Expr::Select(a, b, c) => [a, b, c].into_iter().for_each(|part| part.visit(see)),
        }
    }

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

/// Comparisons and functions of numbers, behind the number.
pub trait Number: Into<Expr> + Sized {
    /// `self < other`
    fn below(self, other: impl Into<Expr>) -> Expr {
        compare(Compare::Lt, self, other)
    }

    /// `self ≤ other`
    fn at_most(self, other: impl Into<Expr>) -> Expr {
        compare(Compare::Le, self, other)
    }

    /// `self = other`
    fn equals(self, other: impl Into<Expr>) -> Expr {
        compare(Compare::Eq, self, other)
    }

    /// `self ≠ other`
    fn differs(self, other: impl Into<Expr>) -> Expr {
        compare(Compare::Ne, self, other)
    }

    /// The smaller one.
    fn least(self, other: impl Into<Expr>) -> Expr {
        binary(Binary::Min, self, other)
    }

    /// The larger one.
    fn most(self, other: impl Into<Expr>) -> Expr {
        binary(Binary::Max, self, other)
    }

    /// |self|
    fn size(self) -> Expr {
        unary(Unary::Abs, self)
    }

    /// Neither infinite nor NaN.
    fn finite(self) -> Expr {
        self.size().below(f64::INFINITY)
    }
}

impl Number for Expr {}
impl Number for Local {}

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
