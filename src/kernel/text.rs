//! The text form of programs: one statement per line, exact (every bit of a constant can be read back), made to be
//! read in `rhapsode show --program` and compared in golden tests.
//!
//! ```text
//! kernel rhs: y 21, out 1
//!   %0 = y[0]
//!   loop i0 = 0..=9 carry %1 from %0 by %3 into %4 {
//!     %2 = y[2*i0 + 1]
//!     %3 = add %1, %2
//!   }
//!   out[0] = %4
//! ```
//! `carry acc from init by next into result` is one [`Carried`] value. Several pieces are headed `piece 0`, `piece 1`, ….

use super::program::{
    Address, Affine, Binary, Buffer, Carried, Compare, Kernel, LoopVar, Op, Piece, Program, Stmt, Unary, Value,
};
use std::fmt::{Display, Formatter, Result};

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (k, kernel) in self.kernels.iter().enumerate() {
            if k > 0 {
                writeln!(f)?;
            }
            kernel.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Kernel {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "kernel {}:", self.name)?;
        let l = self.lengths;
        let used = [("y", l.y), ("p", l.p), ("v", l.v), ("w", l.w), ("out", l.out)];
        let mut separator = " ";
        for (name, length) in used.into_iter().filter(|&(_, length)| length > 0) {
            write!(f, "{separator}{name} {length}")?;
            separator = ", ";
        }
        writeln!(f)?;
        for (number, piece) in self.pieces.iter().enumerate() {
            if self.pieces.len() > 1 {
                writeln!(f, "  piece {number}")?;
            }
            piece.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Piece {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        body(&self.body, 1, f)
    }
}

/// A statement on one line; of a loop only the head.
impl Display for Stmt {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Stmt::Let { dst, op } => write!(f, "{dst} = {op}"),
            Stmt::Store { to, value } => write!(f, "{to} = {value}"),
            Stmt::Loop { var, lo, hi, carried, .. } => {
                write!(f, "loop {var} = {lo}..={hi}")?;
                for (k, Carried { acc, init, next, result }) in carried.iter().enumerate() {
                    let separator = if k == 0 { " carry" } else { "," };
                    write!(f, "{separator} {acc} from {init} by {next} into {result}")?;
                }
                Ok(())
            }
            Stmt::Wrap { var, of, extent } => write!(f, "wrap {var} = ({of}) mod {extent}"),
            Stmt::Lookup { var, table, at } => {
                write!(f, "lookup {var} = (")?;
                for (k, value) in table.iter().enumerate() {
                    write!(f, "{}{value}", if k == 0 { "" } else { " " })?;
                }
                write!(f, ")[{at}]")
            }
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "%{}", self.0)
    }
}

impl Display for LoopVar {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "i{}", self.0)
    }
}

impl Display for Affine {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.terms.is_empty() {
            return write!(f, "{}", self.base);
        }
        for (position, &(var, k)) in self.terms.iter().enumerate() {
            f.write_str(match (position, k < 0) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            })?;
            match k.unsigned_abs() {
                1 => write!(f, "{var}")?,
                k => write!(f, "{k}*{var}")?,
            }
        }
        match self.base {
            0 => Ok(()),
            base => write!(f, " {} {}", if base < 0 { '-' } else { '+' }, base.unsigned_abs()),
        }
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}[{}]", self.buffer, self.element)
    }
}

impl Display for Buffer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Buffer::Y => "y",
            Buffer::P => "p",
            Buffer::V => "v",
            Buffer::W => "w",
            Buffer::Out => "out",
        })
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Op::Const(x) if x.is_nan() => write!(f, "nan:{:016x}", x.to_bits()),
            Op::Const(x) => write!(f, "{x:?}"),
            Op::Time => f.write_str("t"),
            Op::Index(var) => write!(f, "real {var}"),
            Op::Load(address) => address.fmt(f),
            Op::Unary(op, a) => write!(f, "{} {a}", unary(*op)),
            Op::Binary(op, a, b) => write!(f, "{} {a}, {b}", binary(*op)),
            Op::Fma(a, b, c) => write!(f, "fma {a}, {b}, {c}"),
            Op::Call1(function, a) => write!(f, "{} {a}", function.name()),
            Op::Call2(function, a, b) => write!(f, "{} {a}, {b}", function.name()),
            Op::Curve(curve, order, a) => write!(f, "curve {}{} {a}", curve.name(), "'".repeat(usize::from(*order))),
            Op::Foreign(foreign, part, arguments) => {
                write!(f, "extern {}", foreign.spelled(*part))?;
                arguments.iter().enumerate().try_for_each(|(k, a)| write!(f, "{} {a}", if k == 0 { "" } else { "," }))
            }
            Op::Compare(op, a, b) => write!(f, "{} {a}, {b}", compare(*op)),
            Op::And(a, b) => write!(f, "and {a}, {b}"),
            Op::Or(a, b) => write!(f, "or {a}, {b}"),
            Op::Not(a) => write!(f, "not {a}"),
            Op::Select(c, a, b) => write!(f, "select {c}, {a}, {b}"),
        }
    }
}

fn body(statements: &[Stmt], depth: usize, f: &mut Formatter<'_>) -> Result {
    for statement in statements {
        let indent = 2 * depth;
        write!(f, "{:indent$}{statement}", "")?;
        if let Stmt::Loop { body: inner, .. } = statement {
            writeln!(f, " {{")?;
            body(inner, depth + 1, f)?;
            write!(f, "{:indent$}}}", "")?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn unary(op: Unary) -> &'static str {
    match op {
        Unary::Neg => "neg",
        Unary::Abs => "abs",
        Unary::Sqrt => "sqrt",
        Unary::Floor => "floor",
        Unary::Ceil => "ceil",
    }
}

fn binary(op: Binary) -> &'static str {
    match op {
        Binary::Add => "add",
        Binary::Sub => "sub",
        Binary::Mul => "mul",
        Binary::Div => "div",
        Binary::Min => "min",
        Binary::Max => "max",
    }
}

fn compare(op: Compare) -> &'static str {
    match op {
        Compare::Lt => "lt",
        Compare::Le => "le",
        Compare::Eq => "eq",
        Compare::Ne => "ne",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::program::Lengths;
    use crate::math::Function;

    fn at(buffer: Buffer, base: i64, terms: &[(u32, i64)]) -> Address {
        let terms = terms.iter().map(|&(var, k)| (LoopVar(var), k)).collect();
        Address { buffer, element: Affine { base, terms } }
    }

    fn set(dst: u32, op: Op) -> Stmt {
        Stmt::Let { dst: Value(dst), op }
    }

    #[test]
    fn every_form_prints_as_documented() {
        let v = Value;
        let inner = vec![
            Stmt::Wrap { var: LoopVar(1), of: Affine { base: -1, terms: vec![(LoopVar(0), 1)] }, extent: 8 },
            Stmt::Lookup { var: LoopVar(2), table: [7, 0, 19].into(), at: Affine { base: 0, terms: vec![] } },
            set(5, Op::Load(at(Buffer::P, -3, &[(0, -1), (1, 4)]))),
            set(6, Op::Binary(Binary::Add, v(4), v(5))),
            set(7, Op::Index(LoopVar(0))),
            Stmt::Store { to: at(Buffer::Out, 0, &[(0, 2)]), value: v(7) },
        ];
        let kernel = Kernel {
            name: "rhs",
            lengths: Lengths { y: 3, p: 40, v: 0, w: 0, out: 20 },
            pieces: vec![
                Piece {
                    values: 9,
                    loops: 2,
                    body: vec![
                        set(0, Op::Load(at(Buffer::Y, 2, &[]))),
                        set(1, Op::Const(-0.1)),
                        set(2, Op::Compare(Compare::Le, v(0), v(1))),
                        set(3, Op::Select(v(2), v(0), v(1))),
                        Stmt::Loop {
                            var: LoopVar(0),
                            lo: 0,
                            hi: 9,
                            carried: vec![Carried { acc: v(4), init: v(3), next: v(6), result: v(8) }],
                            body: inner,
                        },
                        Stmt::Store { to: at(Buffer::Out, 19, &[]), value: v(8) },
                    ],
                },
                Piece {
                    values: 7,
                    loops: 0,
                    body: vec![
                        set(0, Op::Time),
                        set(1, Op::Const(f64::from_bits(0x7ff8_0000_0000_0001))),
                        set(2, Op::Fma(v(0), v(0), v(1))),
                        set(3, Op::Call1(Function::Exp, v(2))),
                        set(4, Op::Call2(Function::Pow, v(3), v(2))),
                        set(5, Op::Unary(Unary::Sqrt, v(4))),
                        set(6, Op::Binary(Binary::Min, v(5), v(0))),
                        Stmt::Store { to: at(Buffer::Out, 0, &[]), value: v(6) },
                    ],
                },
            ],
        };
        let expected = "\
kernel rhs: y 3, p 40, out 20
  piece 0
  %0 = y[2]
  %1 = -0.1
  %2 = le %0, %1
  %3 = select %2, %0, %1
  loop i0 = 0..=9 carry %4 from %3 by %6 into %8 {
    wrap i1 = (i0 - 1) mod 8
    lookup i2 = (7 0 19)[0]
    %5 = p[-i0 + 4*i1 - 3]
    %6 = add %4, %5
    %7 = real i0
    out[2*i0] = %7
  }
  out[19] = %8
  piece 1
  %0 = t
  %1 = nan:7ff8000000000001
  %2 = fma %0, %0, %1
  %3 = exp %2
  %4 = pow %3, %2
  %5 = sqrt %4
  %6 = min %5, %0
  out[0] = %6
";
        assert_eq!(kernel.to_string(), expected);
        let program = Program { kernels: vec![kernel.clone(), kernel] };
        assert_eq!(program.to_string(), format!("{expected}\n{expected}"));
    }
}
