//! Symbolic execution of a kernel: its operations, on operands that are values of other code.

use crate::kernel::program::{Buffer, Carried, Kernel, LoopVar, Op, Stmt, Value};
use crate::kernel::straight::Straight;

/// What stands for a buffer of the kernel.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// Values, element by element.
    Values(&'a [Value]),
    /// Another buffer's elements from there on.
    Memory(Buffer, usize),
}

/// What a kernel is run on.
pub struct Operands<'a> {
    /// The independent variable; any value will do where [`reads_time`] says that it is not read.
    pub t: Value,
    /// The state.
    pub y: Place<'a>,
    /// Parameters.
    pub p: Place<'a>,
    /// Direction.
    pub v: Place<'a>,
    /// Where in the work buffer the kernel's own part shall be; values only, if nowhere.
    pub work: Option<usize>,
    /// Where results shall be kept, in the work buffer and in the result, besides being given back.
    pub out: Option<(usize, usize)>,
}

impl<'a> Operands<'a> {
    /// A state, and the parameters at hand.
    pub fn at(t: Value, y: Place<'a>) -> Self {
        Operands { t, y, p: Place::Memory(Buffer::P, 0), v: Place::Values(&[]), work: None, out: None }
    }
}

/// The number of operations of a kernel with its loops unrolled; `usize::MAX` if there are very many.
pub fn operations(kernel: &Kernel) -> usize {
    count(kernel, &|lo, hi| (hi - lo + 1).max(0) as usize)
}

/// The number of operations of a kernel as it is written, which is what compiling it takes.
pub fn statements(kernel: &Kernel) -> usize {
    count(kernel, &|_, _| 1)
}

/// A loop's body counts as often as is said.
fn count(kernel: &Kernel, turns: &dyn Fn(i64, i64) -> usize) -> usize {
    fn body_of(body: &[Stmt], turns: &dyn Fn(i64, i64) -> usize) -> usize {
        let each = |statement: &Stmt| match statement {
            Stmt::Let { .. } => 1,
            Stmt::Store { .. } | Stmt::Wrap { .. } | Stmt::Lookup { .. } => 0,
            Stmt::Loop { lo, hi, body, .. } => body_of(body, turns).saturating_mul(turns(*lo, *hi)),
        };
        body.iter().fold(0usize, |sum, statement| sum.saturating_add(each(statement)))
    }
    kernel.pieces.iter().fold(0, |sum, piece| sum.saturating_add(body_of(&piece.body, turns)))
}

/// Whether a kernel reads the independent variable.
pub fn reads_time(kernel: &Kernel) -> bool {
    fn reads(body: &[Stmt]) -> bool {
        body.iter().any(|statement| match statement {
            Stmt::Let { op, .. } => *op == Op::Time,
            Stmt::Loop { body, .. } => reads(body),
            Stmt::Store { .. } | Stmt::Wrap { .. } | Stmt::Lookup { .. } => false,
        })
    }
    kernel.pieces.iter().any(|piece| reads(&piece.body))
}

/// The results of a kernel on these operands; `None` if it leaves one out or reads work space it has not written.
pub fn inline(code: &mut Straight, kernel: &Kernel, operands: &Operands) -> Option<Vec<Value>> {
    let mut run = Run {
        code,
        operands,
        values: Vec::new(),
        loops: Vec::new(),
        work: vec![None; kernel.lengths.w],
        out: vec![None; kernel.lengths.out],
    };
    for piece in &kernel.pieces {
        run.values = vec![None; piece.values as usize];
        run.loops = vec![0; piece.loops as usize];
        run.body(&piece.body)?;
    }
    run.out.into_iter().collect()
}

struct Run<'a, 'b> {
    code: &'a mut Straight,
    operands: &'a Operands<'b>,
    /// Per value of the piece: what it is here.
    values: Vec<Option<Value>>,
    loops: Vec<i64>,
    work: Vec<Option<Value>>,
    out: Vec<Option<Value>>,
}

impl Run<'_, '_> {
    fn body(&mut self, body: &[Stmt]) -> Option<()> {
        for statement in body {
            match statement {
                Stmt::Let { dst, op } => {
                    let value = self.operation(op)?;
                    self.set(*dst, value);
                }
                Stmt::Store { to, value } => {
                    let (value, at) = (self.get(*value)?, to.element.eval(&self.loops) as usize);
                    if let (Buffer::W, Some(base)) = (to.buffer, self.operands.work) {
                        self.code.keep(base + at, value);
                        continue;
                    }
                    if let (Buffer::Out, Some((kept, out))) = (to.buffer, self.operands.out) {
                        self.code.store(Buffer::Out, out + at, value);
                        self.code.keep(kept + at, value);
                    }
                    let buffer = if to.buffer == Buffer::W { &mut self.work } else { &mut self.out };
                    *buffer.get_mut(at)? = Some(value);
                }
                Stmt::Wrap { var, of, extent } => {
                    self.loops[var.0 as usize] = of.eval(&self.loops).rem_euclid(*extent);
                }
                Stmt::Lookup { var, table, at } => {
                    self.loops[var.0 as usize] = i64::from(*table.get(at.eval(&self.loops) as usize)?);
                }
                Stmt::Loop { var, lo, hi, carried, body } => self.turns(*var, *lo, *hi, carried, body)?,
            }
        }
        Some(())
    }

    fn turns(&mut self, var: LoopVar, lo: i64, hi: i64, carried: &[Carried], body: &[Stmt]) -> Option<()> {
        for c in carried {
            let init = self.get(c.init)?;
            self.set(c.acc, init);
        }
        for turn in lo..=hi {
            self.loops[var.0 as usize] = turn;
            self.body(body)?;
            let nexts = carried.iter().map(|c| self.get(c.next)).collect::<Option<Vec<_>>>()?;
            for (c, next) in carried.iter().zip(nexts) {
                self.set(c.acc, next);
                self.set(c.result, next);
            }
        }
        Some(())
    }

    fn operation(&mut self, op: &Op) -> Option<Value> {
        let op = match op {
            Op::Time => return Some(self.operands.t),
            Op::Index(var) => Op::Const(self.loops[var.0 as usize] as f64),
            Op::Load(from) => {
                let at = from.element.eval(&self.loops) as usize;
                let place = match from.buffer {
                    Buffer::Y => self.operands.y,
                    Buffer::P => self.operands.p,
                    Buffer::V => self.operands.v,
                    Buffer::W => match self.operands.work {
                        Some(base) => Place::Memory(Buffer::W, base),
                        None => return self.work.get(at).copied().flatten(),
                    },
                    Buffer::Out => return None,
                };
                return match place {
                    Place::Values(values) => values.get(at).copied(),
                    Place::Memory(Buffer::W, base) => Some(self.code.kept(base + at)),
                    Place::Memory(buffer, base) => Some(self.code.load(buffer, base + at)),
                };
            }
            Op::Const(value) => Op::Const(*value),
            Op::Unary(op, a) => Op::Unary(*op, self.get(*a)?),
            Op::Binary(op, a, b) => Op::Binary(*op, self.get(*a)?, self.get(*b)?),
            Op::Fma(a, b, c) => Op::Fma(self.get(*a)?, self.get(*b)?, self.get(*c)?),
            Op::Call1(function, a) => Op::Call1(*function, self.get(*a)?),
            Op::Call2(function, a, b) => Op::Call2(*function, self.get(*a)?, self.get(*b)?),
            Op::Curve(curve, order, a) => Op::Curve(curve.clone(), *order, self.get(*a)?),
            Op::Foreign(foreign, part, arguments) => {
                let arguments = arguments.iter().map(|a| self.get(*a)).collect::<Option<_>>()?;
                Op::Foreign(foreign.clone(), *part, arguments)
            }
            Op::Compare(op, a, b) => Op::Compare(*op, self.get(*a)?, self.get(*b)?),
            Op::And(a, b) => Op::And(self.get(*a)?, self.get(*b)?),
            Op::Or(a, b) => Op::Or(self.get(*a)?, self.get(*b)?),
            Op::Not(a) => Op::Not(self.get(*a)?),
            Op::Select(c, a, b) => Op::Select(self.get(*c)?, self.get(*a)?, self.get(*b)?),
        };
        Some(self.code.op(op))
    }

    fn get(&self, value: Value) -> Option<Value> {
        self.values[value.0 as usize]
    }

    fn set(&mut self, value: Value, here: Value) {
        self.values[value.0 as usize] = Some(here);
    }
}
