//! The text form of programs: exact, stable, for reading and for tests.

use std::fmt::{self, Display, Formatter};

use super::program::{Address, Affine, Binary, Buffer, Compare, Kernel, Op, Program, Stmt, Unary, Value};
use crate::expr::shortest;

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (k, kernel) in self.kernels.iter().enumerate() {
            if k > 0 {
                writeln!(f)?;
            }
            write!(f, "{kernel}")?;
        }
        Ok(())
    }
}

impl Display for Kernel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let l = self.lengths;
        writeln!(f, "kernel {}(y[{}], p[{}], v[{}], w[{}]) -> out[{}]", self.name, l.y, l.p, l.v, l.w, l.out)?;
        for (k, piece) in self.pieces.iter().enumerate() {
            if self.pieces.len() > 1 {
                writeln!(f, "piece {k}")?;
            }
            body(f, &piece.body, 1)?;
        }
        Ok(())
    }
}

fn body(f: &mut Formatter<'_>, stmts: &[Stmt], depth: usize) -> fmt::Result {
    for stmt in stmts {
        write!(f, "{:1$}", "", 2 * depth)?;
        match stmt {
            Stmt::Let { dst, op } => writeln!(f, "{dst} = {op}")?,
            Stmt::Store { to, value } => writeln!(f, "{to} = {value}")?,
            Stmt::Wrap { var, of, extent } => writeln!(f, "i{} = ({of}) mod {extent}", var.0)?,
            Stmt::Loop { var, lo, hi, carried, body: inner } => {
                write!(f, "for i{} in {lo}..={hi}", var.0)?;
                for c in carried {
                    write!(f, ", {} = {} then {}", c.acc, c.init, c.next)?;
                }
                writeln!(f)?;
                body(f, inner, depth + 1)?;
                for c in carried {
                    writeln!(f, "{:1$}{2} = last {3}", "", 2 * depth, c.result, c.next)?;
                }
            }
        }
    }
    Ok(())
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

impl Display for Affine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.base)?;
        for (var, k) in &self.terms {
            write!(f, " + {k}*i{}", var.0)?;
        }
        Ok(())
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let buffer = match self.buffer {
            Buffer::Y => "y",
            Buffer::P => "p",
            Buffer::V => "v",
            Buffer::W => "w",
            Buffer::Out => "out",
        };
        write!(f, "{buffer}[{}]", self.element)
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Op::Const(c) => write!(f, "{}", shortest(*c)),
            Op::Time => write!(f, "t"),
            Op::Index(var) => write!(f, "i{}", var.0),
            Op::Load(address) => write!(f, "{address}"),
            Op::Unary(op, a) => {
                let name = match op {
                    Unary::Neg => "neg",
                    Unary::Abs => "abs",
                    Unary::Sqrt => "sqrt",
                    Unary::Floor => "floor",
                    Unary::Ceil => "ceil",
                };
                write!(f, "{name} {a}")
            }
            Op::Binary(op, a, b) => {
                let name = match op {
                    Binary::Add => "add",
                    Binary::Sub => "sub",
                    Binary::Mul => "mul",
                    Binary::Div => "div",
                    Binary::Min => "min",
                    Binary::Max => "max",
                };
                write!(f, "{name} {a}, {b}")
            }
            Op::Fma(a, b, c) => write!(f, "fma {a}, {b}, {c}"),
            Op::Call1(function, a) => write!(f, "call {}({a})", function.name()),
            Op::Call2(function, a, b) => write!(f, "call {}({a}, {b})", function.name()),
            Op::Compare(op, a, b) => {
                let name = match op {
                    Compare::Lt => "lt",
                    Compare::Le => "le",
                    Compare::Eq => "eq",
                    Compare::Ne => "ne",
                };
                write!(f, "{name} {a}, {b}")
            }
            Op::And(a, b) => write!(f, "and {a}, {b}"),
            Op::Or(a, b) => write!(f, "or {a}, {b}"),
            Op::Not(a) => write!(f, "not {a}"),
            Op::Select(c, a, b) => write!(f, "select {c}, {a}, {b}"),
        }
    }
}
