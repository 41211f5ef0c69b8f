//! The interpreter: the meaning of a program, operation by operation, and the backend where no code may be made.
//!
//! Values and loop variables live in the caller's work buffer behind the kernel's own part, so a call allocates nothing.
//! Truth values are 1 and 0; loop variables are whole `f64`s.

use super::{Kernels, check_lengths};
use crate::kernel::program::{Address, Affine, Buffer, Kernel, Lengths, Op, Program, Stmt};
use crate::kernel::{Invalid, verify};

/// Runs a verified program.
#[derive(Clone, Debug)]
pub struct Interpreter {
    program: Program,
}

impl Interpreter {
    /// Takes a program after verifying it.
    ///
    /// # Errors
    /// [`Invalid`] if the program has no meaning.
    pub fn new(program: Program) -> Result<Self, Invalid> {
        verify(&program)?;
        Ok(Interpreter { program })
    }
}

/// Work needed for values and loop variables.
fn registers(kernel: &Kernel) -> usize {
    kernel.pieces.iter().map(|piece| (piece.values + piece.loops) as usize).max().unwrap_or(0)
}

impl Kernels for Interpreter {
    fn lengths(&self, kernel: usize) -> Lengths {
        let kernel = &self.program.kernels[kernel];
        Lengths { w: kernel.lengths.w + registers(kernel), ..kernel.lengths }
    }

    fn call(&self, kernel: usize, t: f64, y: &[f64], p: &[f64], v: &[f64], w: &mut [f64], out: &mut [f64]) {
        check_lengths(self.lengths(kernel), y, p, v, w, out);
        let kernel = &self.program.kernels[kernel];
        let (w, registers) = w.split_at_mut(kernel.lengths.w);
        for piece in &kernel.pieces {
            let (values, loops) = registers.split_at_mut(piece.values as usize);
            Frame { t, y, p, v, w, out, values, loops }.run(&piece.body);
        }
    }
}

struct Frame<'a> {
    t: f64,
    y: &'a [f64],
    p: &'a [f64],
    v: &'a [f64],
    w: &'a mut [f64],
    out: &'a mut [f64],
    values: &'a mut [f64],
    loops: &'a mut [f64],
}

impl Frame<'_> {
    fn run(&mut self, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::Let { dst, op } => self.values[dst.0 as usize] = self.op(op),
                Stmt::Store { to, value } => {
                    let at = self.place(&to.element);
                    let value = self.values[value.0 as usize];
                    match to.buffer {
                        Buffer::W => self.w[at] = value,
                        _ => self.out[at] = value,
                    }
                }
                Stmt::Wrap { var, of, extent } => {
                    self.loops[var.0 as usize] = (self.index(of).rem_euclid(*extent)) as f64;
                }
                Stmt::Loop { var, lo, hi, carried, body } => {
                    for c in carried {
                        self.values[c.acc.0 as usize] = self.values[c.init.0 as usize];
                    }
                    for turn in *lo..=*hi {
                        self.loops[var.0 as usize] = turn as f64;
                        self.run(body);
                        // All at once: a next may be another's accumulator only through an operation of its own.
                        for c in carried {
                            self.values[c.result.0 as usize] = self.values[c.next.0 as usize];
                        }
                        for c in carried {
                            self.values[c.acc.0 as usize] = self.values[c.result.0 as usize];
                        }
                    }
                }
            }
        }
    }

    fn op(&self, op: &Op) -> f64 {
        let v = |value: &crate::kernel::program::Value| self.values[value.0 as usize];
        let truth = |b: bool| if b { 1.0 } else { 0.0 };
        match op {
            Op::Const(c) => *c,
            Op::Time => self.t,
            Op::Index(var) => self.loops[var.0 as usize],
            Op::Load(address) => self.load(address),
            Op::Unary(op, a) => op.eval(v(a)),
            Op::Binary(op, a, b) => op.eval(v(a), v(b)),
            Op::Fma(a, b, c) => v(a).mul_add(v(b), v(c)),
            Op::Call1(f, a) => f.eval(v(a), 0.0),
            Op::Call2(f, a, b) => f.eval(v(a), v(b)),
            Op::Compare(op, a, b) => truth(op.eval(v(a), v(b))),
            Op::And(a, b) => truth(v(a) != 0.0 && v(b) != 0.0),
            Op::Or(a, b) => truth(v(a) != 0.0 || v(b) != 0.0),
            Op::Not(a) => truth(v(a) == 0.0),
            Op::Select(c, a, b) => {
                if v(c) != 0.0 {
                    v(a)
                } else {
                    v(b)
                }
            }
        }
    }

    fn index(&self, affine: &Affine) -> i64 {
        affine.terms.iter().fold(affine.base, |sum, (var, k)| sum + k * self.loops[var.0 as usize] as i64)
    }

    fn place(&self, affine: &Affine) -> usize {
        self.index(affine) as usize
    }

    fn load(&self, address: &Address) -> f64 {
        let at = self.place(&address.element);
        match address.buffer {
            Buffer::Y => self.y[at],
            Buffer::P => self.p[at],
            Buffer::V => self.v[at],
            Buffer::W => self.w[at],
            Buffer::Out => self.out[at],
        }
    }
}
