//! Two turns at a time: innermost loops whose turns do not depend on each other run on 128-bit vectors.
//!
//! Every lane does exactly the operations of its turn, so results stay bit-identical to the scalar loop.

use cranelift::codegen::ir::types;
use cranelift::prelude::{InstBuilder, IntCC};
use cranelift::codegen::ir;

use super::piece::{PieceEmitter, unaligned};
use crate::kernel::program::{Address, Buffer, Carried, LoopVar, Op, Stmt, Value};

/// A vectorised loop body in progress.
pub struct Wide {
    /// The loop variable whose two values the lanes hold.
    pub var: LoopVar,
    /// Values from outside the body, spread over both lanes before the loop.
    spread: Vec<(Value, ir::Value)>,
}

impl PieceEmitter<'_, '_> {
    /// Emits the loop on vectors if it can be; false if nothing was emitted.
    pub fn vector_loop(&mut self, var: LoopVar, lo: i64, hi: i64, carried: &[Carried], body: &[Stmt]) -> bool {
        self.prepare_pointers(var, body);
        let turns = hi - lo + 1;
        if turns < 4 || !carried.is_empty() || self.wide.is_some() || !independent(var, body) {
            return false;
        }
        let mut wide = Wide { var, spread: Vec::new() };
        for value in free_values(body) {
            let scalar = self.value(value);
            // Truth values from outside cannot be spread; such loops are rare.
            if self.builder.func.dfg.value_type(scalar) != types::F64 {
                return false;
            }
            let both = self.builder.ins().splat(types::F64X2, scalar);
            wide.spread.push((value, both));
        }
        let saved = self.values.clone();
        let (header, exit) = (self.builder.create_block(), self.builder.create_block());
        let index = self.builder.append_block_param(header, types::I64);
        let first = self.builder.ins().iconst(types::I64, lo);
        self.builder.ins().jump(header, &[first.into()]);
        self.builder.switch_to_block(header);
        for (value, both) in &wide.spread {
            self.values[value.0 as usize] = Some(*both);
        }
        self.wide = Some(wide);
        self.turn(var, index, body);
        self.wide = None;
        let next = self.builder.ins().iadd_imm_s(index, 2);
        let last = self.builder.ins().iconst(types::I64, hi);
        let again = self.builder.ins().icmp(IntCC::SignedLessThan, next, last);
        self.builder.ins().brif(again, header, &[next.into()], exit, &[]);
        self.builder.seal_block(header);
        self.enter(exit);
        self.values = saved;
        if turns % 2 == 1 {
            let last = self.builder.ins().iconst(types::I64, hi);
            self.turn(var, last, body);
        }
        true
    }

    /// An operand as two lanes inside a vectorised body, as it is elsewhere.
    pub fn lanes(&mut self, value: Value) -> ir::Value {
        let found = self.value(value);
        // The independent variable is the one scalar that ops hand on unspread.
        if self.wide.is_some() && self.builder.func.dfg.value_type(found) == types::F64 {
            return self.builder.ins().splat(types::F64X2, found);
        }
        found
    }

    /// Stores one or two lanes.
    pub fn store_lanes(&mut self, to: &Address, value: Value) {
        let value = self.lanes(value);
        let (pointer, offset) = self.address(to);
        self.builder.ins().store(unaligned(), value, pointer, offset);
    }
}

/// Whether the turns of a loop can run in pairs: straight-line bodies whose references move by one element per turn or
/// stay, and that read nothing they write.
fn independent(var: LoopVar, body: &[Stmt]) -> bool {
    let step = |address: &Address| address.element.terms.iter().find(|(v, _)| *v == var).map_or(0, |(_, k)| *k);
    let mut writes: Vec<Buffer> = Vec::new();
    let mut reads: Vec<Buffer> = Vec::new();
    for stmt in body {
        match stmt {
            Stmt::Let { op: Op::Load(address), .. } => {
                if !matches!(step(address), 0 | 1) {
                    return false;
                }
                reads.push(address.buffer);
            }
            Stmt::Let { .. } => {}
            Stmt::Store { to, .. } => {
                if step(to) != 1 {
                    return false;
                }
                writes.push(to.buffer);
            }
            Stmt::Loop { .. } | Stmt::Wrap { .. } => return false,
        }
    }
    writes.iter().all(|buffer| !reads.contains(buffer))
}

/// Values a body reads but does not assign.
fn free_values(body: &[Stmt]) -> Vec<Value> {
    let mut assigned: Vec<Value> = Vec::new();
    let mut free: Vec<Value> = Vec::new();
    for stmt in body {
        let mut read = |value: Value| {
            if !assigned.contains(&value) && !free.contains(&value) {
                free.push(value);
            }
        };
        match stmt {
            Stmt::Let { dst, op } => {
                op.for_each_operand(&mut read);
                assigned.push(*dst);
            }
            Stmt::Store { value, .. } => read(*value),
            Stmt::Loop { .. } | Stmt::Wrap { .. } => {}
        }
    }
    free
}
