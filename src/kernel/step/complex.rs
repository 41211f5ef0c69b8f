//! Symbolic execution of a kernel of an elimination in complex numbers: the same lines that factorise a real `s·I − J` and
//! solve with it do so where the shift is complex, each operation on a pair of values.

use crate::kernel::program::{Binary, Buffer, Kernel, Op, Stmt, Unary, Value};
use crate::kernel::straight::Straight;

/// A number in the code at hand: real, if it has no imaginary part.
#[derive(Clone, Copy)]
pub struct Number {
    pub re: Value,
    pub im: Option<Value>,
}

impl Number {
    fn real(re: Value) -> Self {
        Number { re, im: None }
    }
}

/// What stands for a buffer of the kernel.
#[derive(Clone, Copy)]
pub enum Numbers<'a> {
    /// Numbers, element by element.
    These(&'a [Number]),
    /// Real numbers in the work buffer from there on.
    Real(usize),
    /// Complex numbers in the work buffer from there on, real and imaginary parts in turns.
    Complex(usize),
}

/// What a kernel is run on.
pub struct Operands<'a> {
    /// The shift.
    pub shift: Number,
    pub y: Numbers<'a>,
    pub p: Numbers<'a>,
    pub v: Numbers<'a>,
    /// Where in the work buffer the kernel's own part shall be, two numbers an element; values only, if nowhere.
    pub work: Option<usize>,
}

/// The results of a kernel without loops on these operands; `None` if it does what eliminations do not.
pub fn inline_complex(code: &mut Straight, kernel: &Kernel, operands: &Operands, fma: bool) -> Option<Vec<Number>> {
    let (work, out) = (vec![None; kernel.lengths.w], vec![None; kernel.lengths.out]);
    let mut run = Run { code, operands, fma, values: Vec::new(), work, out };
    for piece in &kernel.pieces {
        run.values = vec![None; piece.values as usize];
        for statement in &piece.body {
            run.statement(statement)?;
        }
    }
    run.out.into_iter().collect()
}

struct Run<'a, 'b> {
    code: &'a mut Straight,
    operands: &'a Operands<'b>,
    fma: bool,
    values: Vec<Option<Number>>,
    work: Vec<Option<Number>>,
    out: Vec<Option<Number>>,
}

impl Run<'_, '_> {
    fn statement(&mut self, statement: &Stmt) -> Option<()> {
        match statement {
            Stmt::Let { dst, op } => {
                let number = self.operation(op)?;
                self.values[dst.0 as usize] = Some(number);
            }
            Stmt::Store { to, value } => {
                let (number, at) = (self.get(*value)?, to.element.eval(&[]) as usize);
                match (to.buffer, self.operands.work) {
                    (Buffer::W, Some(base)) => {
                        let im = number.im.unwrap_or_else(|| self.code.op(Op::Const(0.0)));
                        self.code.keep(base + 2 * at, number.re);
                        self.code.keep(base + 2 * at + 1, im);
                    }
                    (Buffer::W, None) => *self.work.get_mut(at)? = Some(number),
                    _ => *self.out.get_mut(at)? = Some(number),
                }
            }
            Stmt::Wrap { .. } | Stmt::Lookup { .. } | Stmt::Loop { .. } => return None,
        }
        Some(())
    }

    fn get(&self, value: Value) -> Option<Number> {
        self.values[value.0 as usize]
    }

    fn load(&mut self, buffer: Buffer, at: usize) -> Option<Number> {
        let numbers = match buffer {
            Buffer::Y => self.operands.y,
            Buffer::P => self.operands.p,
            Buffer::V => self.operands.v,
            Buffer::W => match self.operands.work {
                Some(base) => Numbers::Complex(base),
                None => return self.work.get(at).copied().flatten(),
            },
            Buffer::Out => return None,
        };
        Some(match numbers {
            Numbers::These(numbers) => *numbers.get(at)?,
            Numbers::Real(base) => Number::real(self.code.kept(base + at)),
            Numbers::Complex(base) => {
                let re = self.code.kept(base + 2 * at);
                Number { re, im: Some(self.code.kept(base + 2 * at + 1)) }
            }
        })
    }

    fn operation(&mut self, op: &Op) -> Option<Number> {
        Some(match op {
            Op::Time => self.operands.shift,
            Op::Const(value) => Number::real(self.code.op(Op::Const(*value))),
            Op::Load(from) => return self.load(from.buffer, from.element.eval(&[]) as usize),
            Op::Unary(Unary::Neg, a) => {
                let a = self.get(*a)?;
                let im = a.im.map(|im| self.negative(im));
                Number { re: self.negative(a.re), im }
            }
            Op::Unary(Unary::Abs, a) => {
                // |Re| + |Im|: a size to compare with.
                let a = self.get(*a)?;
                let re = self.code.op(Op::Unary(Unary::Abs, a.re));
                Number::real(match a.im {
                    Some(im) => {
                        let im = self.code.op(Op::Unary(Unary::Abs, im));
                        self.code.op(Op::Binary(Binary::Add, re, im))
                    }
                    None => re,
                })
            }
            Op::Binary(Binary::Add, a, b) => {
                let (a, b) = (self.get(*a)?, self.get(*b)?);
                let im = match (a.im, b.im) {
                    (Some(a), Some(b)) => Some(self.code.op(Op::Binary(Binary::Add, a, b))),
                    (a, b) => a.or(b),
                };
                Number { re: self.code.op(Op::Binary(Binary::Add, a.re, b.re)), im }
            }
            Op::Binary(Binary::Sub, a, b) => {
                let (a, b) = (self.get(*a)?, self.get(*b)?);
                let im = match (a.im, b.im) {
                    (Some(a), Some(b)) => Some(self.code.op(Op::Binary(Binary::Sub, a, b))),
                    (a, b) => a.or(b.map(|b| self.negative(b))),
                };
                Number { re: self.code.op(Op::Binary(Binary::Sub, a.re, b.re)), im }
            }
            Op::Binary(Binary::Mul, a, b) => self.product(self.get(*a)?, self.get(*b)?, None),
            Op::Fma(a, b, c) => self.product(self.get(*a)?, self.get(*b)?, Some(self.get(*c)?)),
            Op::Binary(Binary::Div, a, b) => self.quotient(self.get(*a)?, self.get(*b)?)?,
            Op::Compare(op, a, b) => Number::real(self.code.op(Op::Compare(
                *op,
                self.values[a.0 as usize]?.re,
                self.values[b.0 as usize]?.re,
            ))),
            Op::Select(c, a, b) => {
                let (c, a, b) = (self.get(*c)?, self.get(*a)?, self.get(*b)?);
                if a.im.is_some() || b.im.is_some() {
                    return None;
                }
                Number::real(self.code.op(Op::Select(c.re, a.re, b.re)))
            }
            _ => return None,
        })
    }

    fn negative(&mut self, a: Value) -> Value {
        self.code.op(Op::Unary(Unary::Neg, a))
    }

    /// `a·b + c`
    fn product(&mut self, a: Number, b: Number, c: Option<Number>) -> Number {
        let mut re = self.code.add_product(a.re, b.re, c.map(|c| c.re), self.fma);
        if let (Some(x), Some(y)) = (a.im, b.im) {
            let x = self.negative(x);
            re = self.code.multiply_add(x, y, re, self.fma);
        }
        let mut im = c.and_then(|c| c.im);
        for (x, y) in [(Some(a.re), b.im), (a.im, Some(b.re))] {
            if let (Some(x), Some(y)) = (x, y) {
                im = Some(self.code.add_product(x, y, im, self.fma));
            }
        }
        Number { re, im }
    }

    /// A real number by a complex one. Where the square of that leaves the range of numbers the result is 0 or infinite,
    /// which the check of the solution finds.
    fn quotient(&mut self, a: Number, b: Number) -> Option<Number> {
        if a.im.is_some() {
            return None;
        }
        let Some(im) = b.im else {
            return Some(Number::real(self.code.op(Op::Binary(Binary::Div, a.re, b.re))));
        };
        let square = self.code.op(Op::Binary(Binary::Mul, b.re, b.re));
        let square = self.code.multiply_add(im, im, square, self.fma);
        let rate = self.code.op(Op::Binary(Binary::Div, a.re, square));
        let re = self.code.op(Op::Binary(Binary::Mul, rate, b.re));
        let im = self.code.op(Op::Binary(Binary::Mul, rate, im));
        Some(Number { re, im: Some(self.negative(im)) })
    }
}
