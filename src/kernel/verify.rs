//! The verifier: a program that passes has a meaning, and no kernel of it touches memory it was not given.

use std::fmt;

use super::program::{Address, Affine, Buffer, Kernel, Lengths, LoopVar, Op, Piece, Program, Stmt, Value};

/// What is wrong with a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The kernel.
    pub kernel: &'static str,
    /// The piece, counted from 0.
    pub piece: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel `{}`, piece {}: {}", self.kernel, self.piece, self.reason)
    }
}

impl std::error::Error for Invalid {}

/// Checks single assignment, scope, kinds, loop bounds and that every address stays inside its buffer.
///
/// # Errors
/// The first fault.
pub fn verify(program: &Program) -> Result<(), Invalid> {
    for kernel in &program.kernels {
        for (k, piece) in kernel.pieces.iter().enumerate() {
            let mut check = Check::new(kernel, piece);
            check.body(&piece.body).map_err(|reason| Invalid { kernel: kernel.name, piece: k, reason })?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Real,
    Truth,
}

struct Check {
    lengths: Lengths,
    values: Vec<Option<Kind>>,
    ever: Vec<bool>,
    loops: Vec<Option<(i64, i64)>>,
}

type Outcome = Result<(), String>;

impl Check {
    fn new(kernel: &Kernel, piece: &Piece) -> Self {
        Check {
            lengths: kernel.lengths,
            values: vec![None; piece.values as usize],
            ever: vec![false; piece.values as usize],
            loops: vec![None; piece.loops as usize],
        }
    }

    fn body(&mut self, body: &[Stmt]) -> Outcome {
        let mut local_values = Vec::new();
        let mut local_loops = Vec::new();
        for stmt in body {
            match stmt {
                Stmt::Let { dst, op } => {
                    let kind = self.op(op)?;
                    self.define(*dst, kind)?;
                    local_values.push(*dst);
                }
                Stmt::Store { to, value } => {
                    self.expect(*value, Kind::Real)?;
                    if !matches!(to.buffer, Buffer::W | Buffer::Out) {
                        return Err(format!("store to the read-only buffer {:?}", to.buffer));
                    }
                    self.address(to)?;
                }
                Stmt::Loop { var, lo, hi, carried, body } => {
                    if lo > hi {
                        return Err(format!("loop over the empty range {lo}..{hi}"));
                    }
                    self.bind_loop(*var, (*lo, *hi))?;
                    for c in carried {
                        self.expect(c.init, Kind::Real)?;
                        self.define(c.acc, Kind::Real)?;
                    }
                    // What the body assigns is gone when `body` returns, but the carried values must be seen to be real.
                    let next_kinds = self.loop_body(body, &carried.iter().map(|c| c.next).collect::<Vec<_>>())?;
                    if next_kinds.iter().any(|kind| *kind != Some(Kind::Real)) {
                        return Err("a carried value is not assigned in its loop".into());
                    }
                    self.loops[var.0 as usize] = None;
                    for c in carried {
                        self.values[c.acc.0 as usize] = None;
                        self.define(c.result, Kind::Real)?;
                        local_values.push(c.result);
                    }
                }
                Stmt::Wrap { var, of, extent } => {
                    if *extent < 1 {
                        return Err(format!("wrap around {extent} places"));
                    }
                    self.affine(of)?;
                    self.bind_loop(*var, (0, extent - 1))?;
                    local_loops.push(*var);
                }
            }
        }
        local_values.iter().for_each(|v| self.values[v.0 as usize] = None);
        local_loops.iter().for_each(|v| self.loops[v.0 as usize] = None);
        Ok(())
    }

    fn loop_body(&mut self, body: &[Stmt], nexts: &[Value]) -> Result<Vec<Option<Kind>>, String> {
        // Kinds of the carried values at the end of the body: look at their definitions before scopes close.
        let mut kinds = vec![None; nexts.len()];
        self.body(body)?;
        for (kind, next) in kinds.iter_mut().zip(nexts) {
            let inside = body.iter().any(|stmt| match stmt {
                Stmt::Let { dst, op } => dst == next && !is_truth(op),
                Stmt::Loop { carried, .. } => carried.iter().any(|c| c.result == *next),
                _ => false,
            });
            let outside = self.values.get(next.0 as usize).copied().flatten();
            *kind = if inside { Some(Kind::Real) } else { outside };
        }
        Ok(kinds)
    }

    fn define(&mut self, value: Value, kind: Kind) -> Outcome {
        match self.ever.get_mut(value.0 as usize) {
            None => Err(format!("value {} of {}", value.0, self.values.len())),
            Some(true) => Err(format!("value {} is assigned twice", value.0)),
            Some(ever) => {
                *ever = true;
                self.values[value.0 as usize] = Some(kind);
                Ok(())
            }
        }
    }

    fn expect(&self, value: Value, kind: Kind) -> Outcome {
        match self.values.get(value.0 as usize).copied().flatten() {
            None => Err(format!("value {} is used where it is not assigned", value.0)),
            Some(found) if found != kind => Err(format!("value {} is of the wrong kind", value.0)),
            Some(_) => Ok(()),
        }
    }

    fn op(&self, op: &Op) -> Result<Kind, String> {
        match op {
            Op::Load(address) => self.address(address)?,
            Op::Index(var) => {
                self.range(*var)?;
            }
            Op::Select(c, a, b) => {
                self.expect(*c, Kind::Truth)?;
                self.expect(*a, Kind::Real)?;
                self.expect(*b, Kind::Real)?;
            }
            Op::And(a, b) | Op::Or(a, b) => {
                self.expect(*a, Kind::Truth)?;
                self.expect(*b, Kind::Truth)?;
            }
            Op::Not(a) => self.expect(*a, Kind::Truth)?,
            Op::Call1(f, _) if f.arity() != 1 => return Err(format!("{} does not take one argument", f.name())),
            Op::Call2(f, ..) if f.arity() != 2 => return Err(format!("{} does not take two arguments", f.name())),
            _ => {
                let mut outcome = Ok(());
                op.for_each_operand(|v| outcome = outcome.clone().and_then(|()| self.expect(v, Kind::Real)));
                outcome?;
            }
        }
        Ok(if is_truth(op) { Kind::Truth } else { Kind::Real })
    }

    fn bind_loop(&mut self, var: LoopVar, range: (i64, i64)) -> Outcome {
        match self.loops.get_mut(var.0 as usize) {
            None => Err(format!("loop variable {} of {}", var.0, self.loops.len())),
            Some(Some(_)) => Err(format!("loop variable {} is in use", var.0)),
            Some(slot) => {
                *slot = Some(range);
                Ok(())
            }
        }
    }

    fn range(&self, var: LoopVar) -> Result<(i64, i64), String> {
        self.loops.get(var.0 as usize).copied().flatten().ok_or(format!("loop variable {} has no value here", var.0))
    }

    fn affine(&self, affine: &Affine) -> Result<(i64, i64), String> {
        let (mut lo, mut hi) = (affine.base, affine.base);
        for pair in affine.terms.windows(2) {
            if pair[0].0 >= pair[1].0 {
                return Err("terms out of order".into());
            }
        }
        for (var, k) in &affine.terms {
            let (a, b) = self.range(*var)?;
            let overflow = || "an address overflows".to_string();
            let (a, b) = (a.checked_mul(*k).ok_or_else(overflow)?, b.checked_mul(*k).ok_or_else(overflow)?);
            lo = lo.checked_add(a.min(b)).ok_or_else(overflow)?;
            hi = hi.checked_add(a.max(b)).ok_or_else(overflow)?;
        }
        Ok((lo, hi))
    }

    fn address(&self, address: &Address) -> Outcome {
        let (lo, hi) = self.affine(&address.element)?;
        let len = match address.buffer {
            Buffer::Y => self.lengths.y,
            Buffer::P => self.lengths.p,
            Buffer::V => self.lengths.v,
            Buffer::W => self.lengths.w,
            Buffer::Out => self.lengths.out,
        };
        if lo < 0 || hi >= len as i64 {
            return Err(format!("{:?}[{lo}..={hi}] is outside its {len} elements", address.buffer));
        }
        Ok(())
    }
}

fn is_truth(op: &Op) -> bool {
    matches!(op, Op::Compare(..) | Op::And(..) | Op::Or(..) | Op::Not(_))
}
