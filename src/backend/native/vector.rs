//! Innermost loops two turns at a time (four in single precision): consecutive turns in the lanes of a vector.
//!
//! Legal when nothing is carried, subscripts advance by one element per turn or not at all, and no element that one turn
//! of a vector writes is touched by another. Every lane computes exactly what its turn would alone, so results keep
//! their bits. What does not depend on the loop variable is computed once before the loop. Turns left over run in
//! straight-line code after it.

use super::emit::Emitter;
use super::gather::called;
use crate::kernel::program::{Address, Carried, LoopVar, Op, Stmt, Unary, Value};
use cranelift::codegen::ir::{InstBuilder, types};
use rustc_hash::{FxHashMap, FxHashSet};

/// Turns in step where calls are made together: as many as the form for several arguments takes.
const LOCKSTEP: i64 = 8;

/// Bodies of more statements are long.
const LONG: usize = 64;

/// What vectorising a loop takes.
#[derive(Default)]
struct Lanes<'a> {
    /// Statements that do not depend on the loop variable.
    before: Vec<&'a Stmt>,
    /// Values the turns take from outside or from `before`.
    spread: Vec<Value>,
    /// Operations per turn.
    operations: usize,
    /// Calls per turn, one by one.
    calls: usize,
    /// Calls per turn of functions that have a form for several arguments.
    several: usize,
    /// No element that a turn writes is touched by a turn fewer than this many before or after it.
    apart: i64,
}

/// Pairs of turns per turn of the emitted loop: enough work to hide the loop's own.
fn unroll(operations: usize) -> i64 {
    match operations {
        0..=8 => 4,
        9..=24 => 2,
        _ => 1,
    }
}

impl<'a> Emitter<'a> {
    /// Emits the loop with two lanes if that is legal and pays; otherwise does nothing and says so.
    pub fn vectorised(&mut self, var: LoopVar, lo: i64, hi: i64, carried: &[Carried], body: &'a [Stmt]) -> bool {
        if lo == hi || !carried.is_empty() {
            return false;
        }
        let Some(lanes) = self.plan_of(var, body) else { return false };
        let turns = hi - lo + 1;
        // Eight turns in step let calls of one statement be made together.
        let in_step = lanes.several > 0 && turns >= LOCKSTEP && lanes.apart >= LOCKSTEP;
        let calls = lanes.calls + if in_step { 0 } else { lanes.several };
        if calls * 6 > lanes.operations {
            return false;
        }
        self.vectors.resize(self.scalars.len(), self.t);
        self.body_of(&lanes.before);
        for &value in &lanes.spread {
            self.spread(value);
        }
        let width = self.lanes() as i64;
        let (vectors, per_turn) = (turns / width, if in_step { LOCKSTEP / width } else { unroll(lanes.operations) });
        let looped = if vectors <= per_turn { 0 } else { vectors - vectors % per_turn };
        if looped > 0 {
            let head = self.open(var, lo, &[]);
            self.vectors(var, per_turn, body, &lanes, in_step);
            self.close(head, var, width * per_turn, lo + width * looped, &[]);
        } else {
            self.enter_at(var, lo);
        }
        self.vectors(var, vectors - looped, body, &lanes, in_step);
        for turn in width * (vectors - looped)..turns - width * looped {
            self.ahead = Some((var, turn as i32));
            self.next_epoch();
            self.body(body);
        }
        self.ahead = None;
        self.next_epoch();
        true
    }

    /// Emits `count` vectors of turns from where the pointers are.
    fn vectors(&mut self, var: LoopVar, count: i64, body: &'a [Stmt], lanes: &Lanes<'a>, in_step: bool) {
        self.wide = true;
        let mut before = lanes.before.iter().peekable();
        let varies = |statement: &&Stmt| before.next_if(|&&known| std::ptr::eq(known, *statement)).is_none();
        let statements: Vec<&Stmt> = body.iter().filter(varies).collect();
        if in_step {
            self.lockstep(var, count, &statements);
        } else {
            for vector in 0..count {
                self.ahead = Some((var, self.lanes() as i32 * vector as i32));
                self.next_epoch();
                self.body_of(&statements);
            }
        }
        self.wide = false;
        self.ahead = None;
    }

    fn body_of(&mut self, statements: &[&'a Stmt]) {
        for &statement in statements {
            self.body(std::slice::from_ref(statement));
        }
    }

    /// Makes a value of one lane one of equal lanes.
    fn spread(&mut self, value: Value) {
        let scalar = self.operand(value);
        let pair = if let Some(number) = self.as_constant(scalar) {
            self.constants(|_| number)
        } else if self.builder.func.dfg.value_type(scalar) == types::I8 {
            let (one, all) = if self.features.single { (types::I32, types::I32X4) } else { (types::I64, types::I64X2) };
            let mask = self.builder.ins().bmask(one, scalar);
            self.builder.ins().splat(all, mask)
        } else {
            let kind = self.vector();
            self.builder.ins().splat(kind, scalar)
        };
        self.wide = true;
        self.set(value, pair);
        self.wide = false;
    }

    /// What vectorising takes, or nothing if it is not legal.
    fn plan_of(&self, var: LoopVar, body: &'a [Stmt]) -> Option<Lanes<'a>> {
        let mut lanes = Lanes { apart: i64::MAX, ..Lanes::default() };
        // Of many constants, and numbers that are the same in all turns, each is read where it is used: registers would not
        // hold them.
        let long = body.len() > LONG;
        let mut varies: FxHashMap<Value, bool> = FxHashMap::default();
        let mut spread: FxHashSet<Value> = FxHashSet::default();
        let (mut loads, mut fixed, mut stores): (Vec<_>, Vec<_>, Vec<_>) = Default::default();
        for statement in body {
            let mut operands = Vec::new();
            match statement {
                Stmt::Let { dst, op } => {
                    op.for_each_operand(|operand| operands.push(operand));
                    let own = match op {
                        Op::Index(index) => *index == var,
                        Op::Const(_) => long,
                        Op::Load(from) => {
                            let advances = advances(from, var)?;
                            if advances { &mut loads } else { &mut fixed }.push(from);
                            advances || long
                        }
                        _ => false,
                    };
                    let inherited = operands.iter().any(|operand| varies.get(operand).copied().unwrap_or(false));
                    varies.insert(*dst, own || inherited);
                    if !own && !inherited {
                        lanes.before.push(statement);
                        continue;
                    }
                    lanes.operations += 1;
                    let several = self.features.several && called(statement).is_some();
                    lanes.several += usize::from(several);
                    lanes.calls += usize::from(!several && self.is_call(op));
                }
                Stmt::Store { to, value } => {
                    if !advances(to, var)? {
                        return None;
                    }
                    stores.push(to);
                    operands.push(*value);
                    lanes.operations += 1;
                }
                Stmt::Wrap { .. } | Stmt::Lookup { .. } | Stmt::Loop { .. } => return None,
            }
            for operand in operands {
                if !varies.get(&operand).copied().unwrap_or(false) && spread.insert(operand) {
                    lanes.spread.push(operand);
                }
            }
        }
        for (position, store) in stores.iter().enumerate() {
            for other in stores[position + 1..].iter().chain(&loads).chain(&fixed) {
                lanes.apart = lanes.apart.min(self.apart(store, other));
            }
        }
        (lanes.apart >= self.lanes() as i64).then_some(lanes)
    }

    fn is_call(&self, op: &Op) -> bool {
        match op {
            Op::Call1(..) | Op::Call2(..) | Op::Curve(..) | Op::Foreign(..) => true,
            Op::Fma(..) => !self.features.fma,
            Op::Unary(Unary::Floor | Unary::Ceil, _) => !self.features.round,
            _ => false,
        }
    }

    /// How many turns lie at least between one that writes an element through `store` and another that touches it
    /// through `other`. Equal elements in the same turn keep their order, as do turns of different groups.
    fn apart(&self, store: &Address, other: &Address) -> i64 {
        if store.buffer != other.buffer {
            return i64::MAX;
        }
        if store.element.terms == other.element.terms {
            let distance = (store.element.base - other.element.base).abs();
            return if distance == 0 { i64::MAX } else { distance };
        }
        let (a, b) = (self.extent(store), self.extent(other));
        if a.0 <= b.1 && b.0 <= a.1 { 1 } else { i64::MAX }
    }

    /// The least and the largest element of an address over the ranges of all its variables.
    fn extent(&self, address: &Address) -> (i64, i64) {
        let element = &address.element;
        element.terms.iter().fold((element.base, element.base), |(lo, hi), &(var, k)| {
            let (from, to) = self.plan.ranges[var.0 as usize];
            (lo + (k * from).min(k * to), hi + (k * from).max(k * to))
        })
    }
}

/// Whether an address moves on by one element per turn (or stays); nothing if it does anything else.
pub(super) fn advances(address: &Address, var: LoopVar) -> Option<bool> {
    match address.element.terms.iter().find(|(term, _)| *term == var) {
        None => Some(false),
        Some((_, 1)) => Some(true),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::clif;
    use crate::backend::KernelId;
    use crate::kernel::program::{
        Address, Affine, Binary, Buffer, Carried, Kernel, Lengths, LoopVar, Op, Piece, Program, Stmt, Value,
    };

    fn at(buffer: Buffer, base: i64, k: i64) -> Address {
        let terms = if k == 0 { vec![] } else { vec![(LoopVar(0), k)] };
        Address { buffer, element: Affine { base, terms } }
    }

    fn load(dst: u32, from: Address) -> Stmt {
        Stmt::Let { dst: Value(dst), op: Op::Load(from) }
    }

    fn store(to: Address, value: u32) -> Stmt {
        Stmt::Store { to, value: Value(value) }
    }

    /// Whether a loop over ten turns of this body runs on vectors.
    fn on_vectors(body: Vec<Stmt>, carried: Vec<Carried>) -> bool {
        let lengths = Lengths { y: 40, p: 40, v: 40, w: 40, out: 40 };
        let body = vec![load(0, at(Buffer::P, 0, 0)), Stmt::Loop { var: LoopVar(0), lo: 0, hi: 9, carried, body }];
        let piece = Piece { values: 9, loops: 1, body };
        let program = Program { kernels: vec![Kernel { name: "f", lengths, pieces: vec![piece] }] };
        clif(&program, KernelId(0)).expect("a valid program").contains("f64x2")
    }

    fn add(dst: u32, a: u32, b: u32) -> Stmt {
        Stmt::Let { dst: Value(dst), op: Op::Binary(Binary::Add, Value(a), Value(b)) }
    }

    #[test]
    fn independent_turns_run_on_vectors() {
        let y = || load(1, at(Buffer::Y, 3, 1));
        assert!(on_vectors(vec![y(), add(2, 1, 0), store(at(Buffer::Out, 0, 1), 2)], vec![]));
        let twice = vec![y(), store(at(Buffer::Out, 0, 1), 1), store(at(Buffer::Out, 2, 1), 0)];
        assert!(on_vectors(twice, vec![]), "elements two apart never meet in one pair");
        let update = vec![load(1, at(Buffer::W, 3, 1)), add(2, 1, 0), store(at(Buffer::W, 3, 1), 2)];
        assert!(on_vectors(update, vec![]), "a turn may change the element it read");
    }

    #[test]
    fn turns_that_meet_do_not() {
        let neighbour = |base| vec![load(1, at(Buffer::W, base, 1)), store(at(Buffer::W, 3, 1), 1)];
        assert!(!on_vectors(neighbour(4), vec![]), "the next turn reads what this one writes");
        assert!(!on_vectors(neighbour(2), vec![]));
        let overlap = vec![store(at(Buffer::Out, 0, 1), 0), store(at(Buffer::Out, 1, 1), 0)];
        assert!(!on_vectors(overlap, vec![]), "stores of neighbouring turns must keep their order");
        assert!(!on_vectors(vec![load(1, at(Buffer::W, 5, 0)), store(at(Buffer::W, 0, 1), 1)], vec![]));
        assert!(!on_vectors(vec![load(1, at(Buffer::Y, 0, 2)), store(at(Buffer::Out, 0, 1), 1)], vec![]));
        assert!(!on_vectors(vec![load(1, at(Buffer::Y, 9, -1)), store(at(Buffer::Out, 0, 1), 1)], vec![]));
        assert!(!on_vectors(vec![store(at(Buffer::Out, 0, 0), 0)], vec![]));
        let sum = vec![Carried { acc: Value(2), init: Value(0), next: Value(3), result: Value(4) }];
        assert!(!on_vectors(vec![load(1, at(Buffer::Y, 0, 1)), add(3, 2, 1)], sum), "sums keep their order");
    }
}
