//! The one lowered form below every backend: kernels of scheduled operations on slots, with loops over index ranges.
//!
//! A [`Program`] is a set of [`Kernel`]s over shared buffers. A kernel is a list of [`Piece`]s, run in order; values
//! never cross from one piece to the next except through the work buffer, so that every piece can be a function of
//! its own. Within a piece statements run in order, every value is assigned once and used after its assignment.
//! There is no undefined behaviour in a verified program (see `verify`), and rounding is part of its meaning: a fused
//! multiply-add happens exactly where [`Op::Fma`] stands, an elementary function is the one of [`crate::math`].
//! The interpreter (`backend::interpret`) defines the meaning; native code agrees with it bit for bit.
//!
//! All kernels share one signature:
//! `kernel(t: f64, y: &[f64], p: &[f64], v: &[f64], w: &mut [f64], out: &mut [f64])`.
//! Shapes are per kernel, in [`Kernel::lengths`].

use std::sync::Arc;

use crate::curve::Curve;
use crate::foreign::{Foreign, Part};
use crate::math::Function;
pub use crate::math::{Binary, Compare, Unary};

/// All kernels of one model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// In a fixed order; names are unique.
    pub kernels: Vec<Kernel>,
}

/// One compiled function of the model: one job.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Its job: `rhs`, `jacobian`, …
    pub name: &'static str,
    /// How long each buffer must be at least.
    pub lengths: Lengths,
    /// Run in order.
    pub pieces: Vec<Piece>,
}

/// Lengths of the buffers a kernel touches, in `f64`s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// State `y`.
    pub y: usize,
    /// Bound parameters `p`: the model's parameters, then the quantities hoisted out of the kernels.
    pub p: usize,
    /// Direction `v` (products only, else 0).
    pub v: usize,
    /// Work space `w`; contents on entry are arbitrary.
    pub w: usize,
    /// Result `out`.
    pub out: usize,
}

/// A run of statements that becomes one function; a *value* lives only inside its piece.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Piece {
    /// Number of values; ids are `0..values`.
    pub values: u32,
    /// Number of loop variables; ids are `0..loops`.
    pub loops: u32,
    /// In order of execution.
    pub body: Vec<Stmt>,
}

/// A value of a piece, assigned exactly once (a loop assigns its own values anew on every turn).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

/// An integer loop variable of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LoopVar(pub u32);

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Stmt {
    /// `dst = op`
    Let {
        /// Assigned here.
        dst: Value,
        /// The operation.
        op: Op,
    },
    /// `buffer[address] = value`
    Store {
        /// Where; the buffer is `W` or `Out` (`P` in the `bind` kernel is reached through `Out`).
        to: Address,
        /// A real value.
        value: Value,
    },
    /// `for var in lo..=hi { body }` with values carried from turn to turn.
    Loop {
        /// The loop variable, visible in the body only.
        var: LoopVar,
        /// First value.
        lo: i64,
        /// Last value; `lo <= hi`.
        hi: i64,
        /// Accumulators.
        carried: Vec<Carried>,
        /// Run once per turn.
        body: Vec<Stmt>,
    },
    /// `var = ((of mod extent) + extent) mod extent`: a periodic subscript, zero-based, as one more loop variable.
    Wrap {
        /// Assigned here, visible until the enclosing body ends.
        var: LoopVar,
        /// The subscript before wrapping, zero-based.
        of: Affine,
        /// The number of places; positive.
        extent: i64,
    },
    /// `var = table[at]`: a subscript that follows no formula, as one more loop variable. With it a loop gathers from
    /// and scatters to any places of the buffers.
    Lookup {
        /// Assigned here, visible until the enclosing body ends.
        var: LoopVar,
        /// The values; part of the program, shared by its copies.
        table: Arc<[u32]>,
        /// Which of them, zero-based; inside the table on every turn.
        at: Affine,
    },
}

/// A value carried around a loop: `acc` is `init` on the first turn, then the `next` of the turn before.
/// After the loop `result` holds the last `next`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Carried {
    /// Visible in the body.
    pub acc: Value,
    /// Assigned before the loop.
    pub init: Value,
    /// Assigned in the body.
    pub next: Value,
    /// Visible after the loop.
    pub result: Value,
}

/// An integer `base + Σ coefficient·variable`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Affine {
    /// The constant part.
    pub base: i64,
    /// Loop variables with non-zero coefficients, in ascending order of variable.
    pub terms: Vec<(LoopVar, i64)>,
}

/// A place in a buffer, counted in `f64`s.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Which buffer.
    pub buffer: Buffer,
    /// Which element.
    pub element: Affine,
}

/// The buffers of the shared signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Buffer {
    /// State, read only.
    Y,
    /// Bound parameters, read only.
    P,
    /// Direction, read only.
    V,
    /// Work space.
    W,
    /// Result, written only.
    Out,
}

/// An operation. Values are real (`f64`) or truth values; the verifier tells them apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A constant, bit for bit.
    Const(f64),
    /// The independent variable.
    Time,
    /// A loop variable as a real number.
    Index(LoopVar),
    /// A buffer element.
    Load(Address),
    /// One real argument.
    Unary(Unary, Value),
    /// Two real arguments.
    Binary(Binary, Value, Value),
    /// `a*b + c`, rounded once.
    Fma(Value, Value, Value),
    /// An elementary function of one argument, from [`crate::math`].
    Call1(Function, Value),
    /// An elementary function of two arguments.
    Call2(Function, Value, Value),
    /// A derivative of a curve, order 0 being the curve itself; part of the program, shared by its copies.
    Curve(Arc<Curve>, u8, Value),
    /// A function of the host, or a derivative of it.
    Foreign(Arc<Foreign>, Part, Box<[Value]>),
    /// Two reals to a truth value (IEEE: any comparison with NaN but `Ne` is false).
    Compare(Compare, Value, Value),
    /// Both truth values.
    And(Value, Value),
    /// Either truth value.
    Or(Value, Value),
    /// The other truth value.
    Not(Value),
    /// `if c { a } else { b }` with real `a`, `b`; both are computed before.
    Select(Value, Value, Value),
}

impl Affine {
    /// A constant.
    pub fn constant(base: i64) -> Self {
        Affine { base, terms: Vec::new() }
    }

    /// Its value, given those of the loop variables.
    pub fn eval(&self, loops: &[i64]) -> i64 {
        self.terms.iter().fold(self.base, |sum, (var, k)| sum + k * loops[var.0 as usize])
    }
}

impl Op {
    /// Calls `f` on every operand.
    pub fn for_each_operand(&self, mut f: impl FnMut(Value)) {
        match *self {
            Op::Foreign(_, _, ref arguments) => arguments.iter().copied().for_each(f),
            Op::Const(_) | Op::Time | Op::Index(_) | Op::Load(_) => {}
            Op::Unary(_, a) | Op::Call1(_, a) | Op::Curve(_, _, a) | Op::Not(a) => f(a),
            Op::Binary(_, a, b) | Op::Call2(_, a, b) | Op::Compare(_, a, b) | Op::And(a, b) | Op::Or(a, b) => {
                f(a);
                f(b);
            }
            Op::Fma(a, b, c) | Op::Select(a, b, c) => {
                f(a);
                f(b);
                f(c);
            }
        }
    }
}

impl Program {
    /// The kernel of that name.
    pub fn kernel(&self, name: &str) -> Option<&Kernel> {
        self.kernels.iter().find(|kernel| kernel.name == name)
    }
}
