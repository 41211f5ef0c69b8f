//! One piece of a kernel as Cranelift instructions, in the order the lowered form gives.
//!
//! Addresses are made cheap here: all loads and stores that differ only in their constant part share one pointer,
//! computed where its last loop variable is set, and the constant goes into the instruction.

use cranelift::codegen::ir::{self, Block, MemFlagsData, types};
use cranelift::codegen::isa::OwnedTargetIsa;
use cranelift::prelude::{AbiParam, FloatCC, FunctionBuilder, InstBuilder, IntCC, Signature};
use rustc_hash::FxHashMap;

use crate::backend::host_has_fma;
use crate::kernel::program::{Address, Affine, Binary, Buffer, Carried, Compare, LoopVar, Op, Piece, Stmt, Unary, Value};
use crate::math::{Entry, Function};

/// Pointers known in a frame: buffer and variable part of an address.
type Pointers = FxHashMap<(Buffer, Vec<(LoopVar, i64)>), ir::Value>;

/// What one loop body (or the piece itself) has computed for addressing.
#[derive(Default)]
struct Frame {
    var: Option<LoopVar>,
    pointers: Pointers,
}

/// Emits one piece.
pub struct PieceEmitter<'a, 'b> {
    pub builder: FunctionBuilder<'b>,
    isa: &'a OwnedTargetIsa,
    piece: &'a Piece,
    time: ir::Value,
    buffers: [ir::Value; 5],
    pub values: Vec<Option<ir::Value>>,
    pub loops: Vec<Option<ir::Value>>,
    frames: Vec<Frame>,
    signatures: [Option<ir::SigRef>; 4],
    /// Two lanes per value while inside a vectorised loop body.
    pub wide: Option<super::loops::Wide>,
}

/// Loads and stores never trap, are aligned to 8 bytes, and nothing written is read through another buffer.
fn flags() -> MemFlagsData {
    MemFlagsData::trusted()
}

extern "C" fn fma(a: f64, b: f64, c: f64) -> f64 {
    a.mul_add(b, c)
}
extern "C" fn floor(x: f64) -> f64 {
    x.floor()
}
extern "C" fn ceil(x: f64) -> f64 {
    x.ceil()
}

/// Whether rounding to whole numbers is one instruction here.
fn host_has_round() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("sse4.1");
    #[cfg(not(target_arch = "x86_64"))]
    return cfg!(target_arch = "aarch64");
}

impl<'a, 'b> PieceEmitter<'a, 'b> {
    pub fn new(mut builder: FunctionBuilder<'b>, isa: &'a OwnedTargetIsa, piece: &'a Piece) -> Self {
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        builder.seal_block(block);
        let params = builder.block_params(block);
        let (time, buffers) = (params[0], [params[1], params[2], params[3], params[4], params[5]]);
        PieceEmitter {
            builder,
            isa,
            piece,
            time,
            buffers,
            values: vec![None; piece.values as usize],
            loops: vec![None; piece.loops as usize],
            frames: vec![Frame::default()],
            signatures: [None; 4],
            wide: None,
        }
    }

    pub fn emit(mut self) {
        let piece = self.piece;
        self.body(&piece.body);
        self.builder.ins().return_(&[]);
        self.builder.finalize(self.isa.frontend_config());
    }

    fn body(&mut self, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::Let { dst, op } => {
                    let value = self.op(op);
                    self.values[dst.0 as usize] = Some(value);
                }
                Stmt::Store { to, value } => {
                    if self.wide.is_some() {
                        self.store_lanes(to, *value);
                        continue;
                    }
                    let value = self.value(*value);
                    let (pointer, offset) = self.address(to);
                    self.builder.ins().store(flags(), value, pointer, offset);
                }
                Stmt::Loop { var, lo, hi, carried, body } => {
                    if !self.vector_loop(*var, *lo, *hi, carried, body) {
                        self.scalar_loop(*var, *lo, *hi, carried, body);
                    }
                }
                Stmt::Wrap { var, of, extent } => {
                    let index = self.integer(of);
                    let extent = self.builder.ins().iconst(types::I64, *extent);
                    let remainder = self.builder.ins().srem(index, extent);
                    let shifted = self.builder.ins().iadd(remainder, extent);
                    let zero = self.builder.ins().iconst(types::I64, 0);
                    let negative = self.builder.ins().icmp(IntCC::SignedLessThan, remainder, zero);
                    let wrapped = self.builder.ins().select(negative, shifted, remainder);
                    self.loops[var.0 as usize] = Some(wrapped);
                }
            }
        }
    }

    /// A loop tested at its end: ranges are never empty.
    fn scalar_loop(&mut self, var: LoopVar, lo: i64, hi: i64, carried: &[Carried], body: &[Stmt]) {
        let (header, exit) = (self.builder.create_block(), self.builder.create_block());
        let index = self.builder.append_block_param(header, types::I64);
        let first = self.builder.ins().iconst(types::I64, lo);
        let mut entering = vec![first.into()];
        for c in carried {
            let acc = self.builder.append_block_param(header, types::F64);
            let result = self.builder.append_block_param(exit, types::F64);
            entering.push(self.value(c.init).into());
            self.values[c.acc.0 as usize] = Some(acc);
            self.values[c.result.0 as usize] = Some(result);
        }
        self.builder.ins().jump(header, &entering);
        self.builder.switch_to_block(header);
        self.turn(var, index, body);
        let next = self.builder.ins().iadd_imm_s(index, 1);
        let last = self.builder.ins().iconst(types::I64, hi);
        let again = self.builder.ins().icmp(IntCC::SignedLessThanOrEqual, next, last);
        let leaving: Vec<_> = carried.iter().map(|c| self.value(c.next).into()).collect();
        let mut repeating = vec![next.into()];
        repeating.extend(leaving.iter().copied());
        self.builder.ins().brif(again, header, &repeating, exit, &leaving);
        self.builder.seal_block(header);
        self.enter(exit);
    }

    pub fn enter(&mut self, block: Block) {
        self.builder.switch_to_block(block);
        self.builder.seal_block(block);
    }

    /// One turn of a loop body with the loop variable's value.
    pub fn turn(&mut self, var: LoopVar, index: ir::Value, body: &[Stmt]) {
        self.loops[var.0 as usize] = Some(index);
        self.frames.push(Frame { var: Some(var), ..Frame::default() });
        self.body(body);
        self.frames.pop();
    }

    pub fn value(&mut self, value: Value) -> ir::Value {
        match self.values[value.0 as usize] {
            Some(found) => found,
            // The verifier has shown that every value is assigned before it is used.
            None => unreachable!("value {} of a verified piece has no assignment", value.0),
        }
    }

    fn loop_value(&mut self, var: LoopVar) -> ir::Value {
        match self.loops[var.0 as usize] {
            Some(found) => found,
            None => unreachable!("loop variable {} of a verified piece has no value", var.0),
        }
    }

    fn integer(&mut self, affine: &Affine) -> ir::Value {
        let mut sum = self.builder.ins().iconst(types::I64, affine.base);
        for (var, k) in &affine.terms {
            let index = self.loop_value(*var);
            let term = if *k == 1 { index } else { self.builder.ins().imul_imm_s(index, *k) };
            sum = self.builder.ins().iadd(sum, term);
        }
        sum
    }

    /// Pointer and constant offset of an address.
    pub fn address(&mut self, address: &Address) -> (ir::Value, i32) {
        let bytes = address.element.base * 8;
        let pointer = self.pointer(address.buffer, &address.element.terms);
        match i32::try_from(bytes) {
            Ok(offset) => (pointer, offset),
            Err(_) => (self.builder.ins().iadd_imm_s(pointer, bytes), 0),
        }
    }

    /// `buffer + 8*Σ k·var`, computed once in the innermost frame that sets one of the variables.
    fn pointer(&mut self, buffer: Buffer, terms: &[(LoopVar, i64)]) -> ir::Value {
        let base = self.buffers[buffer as usize];
        if terms.is_empty() {
            return base;
        }
        let key = (buffer, terms.to_vec());
        if let Some(pointer) = self.frames.iter().rev().find_map(|frame| frame.pointers.get(&key)) {
            return *pointer;
        }
        // Peel the innermost variable off: what is left belongs to a frame further out if that is still being built.
        let innermost = self.frames.last().and_then(|frame| frame.var);
        let split = terms.iter().position(|(var, _)| Some(*var) == innermost).unwrap_or(terms.len() - 1);
        let mut rest = terms.to_vec();
        let (var, k) = rest.remove(split);
        let outer = self.pointer(buffer, &rest);
        let index = self.loop_value(var);
        let bytes = k * 8;
        let scaled = match bytes {
            b if b > 0 && (b as u64).is_power_of_two() => self.builder.ins().ishl_imm_u(index, i64::from(b.trailing_zeros())),
            b => self.builder.ins().imul_imm_s(index, b),
        };
        let pointer = self.builder.ins().iadd(outer, scaled);
        if let Some(frame) = self.frames.last_mut() {
            frame.pointers.insert(key, pointer);
        }
        pointer
    }

    /// Computes, before an inner loop begins, the parts of its addresses that stay the same during it.
    pub fn prepare_pointers(&mut self, var: LoopVar, body: &[Stmt]) {
        let mut wanted: Vec<(Buffer, Vec<(LoopVar, i64)>)> = Vec::new();
        let mut inner = vec![var];
        collect_addresses(body, &mut inner, &mut wanted);
        for (buffer, terms) in wanted {
            if !terms.is_empty() && terms.iter().all(|(v, _)| self.loops[v.0 as usize].is_some()) {
                self.pointer(buffer, &terms);
            }
        }
    }

    fn op(&mut self, op: &Op) -> ir::Value {
        let wide = self.wide.is_some();
        match op {
            Op::Const(c) => self.constant(*c),
            Op::Time => self.time,
            Op::Index(var) => self.index_value(*var),
            Op::Load(address) => self.load(address),
            Op::Unary(op, a) => {
                let a = self.lanes(*a);
                match op {
                    Unary::Neg => self.builder.ins().fneg(a),
                    Unary::Abs => self.builder.ins().fabs(a),
                    Unary::Sqrt => self.builder.ins().sqrt(a),
                    Unary::Floor if host_has_round() => self.builder.ins().floor(a),
                    Unary::Ceil if host_has_round() => self.builder.ins().ceil(a),
                    Unary::Floor => self.call_lanes(floor as *const () as usize, &[a]),
                    Unary::Ceil => self.call_lanes(ceil as *const () as usize, &[a]),
                }
            }
            Op::Binary(op, a, b) => {
                let (a, b) = (self.lanes(*a), self.lanes(*b));
                match op {
                    Binary::Add => self.builder.ins().fadd(a, b),
                    Binary::Sub => self.builder.ins().fsub(a, b),
                    Binary::Mul => self.builder.ins().fmul(a, b),
                    Binary::Div => self.builder.ins().fdiv(a, b),
                    Binary::Min => {
                        let first = self.builder.ins().fcmp(FloatCC::LessThan, a, b);
                        self.pick(first, a, b)
                    }
                    Binary::Max => {
                        let first = self.builder.ins().fcmp(FloatCC::GreaterThan, a, b);
                        self.pick(first, a, b)
                    }
                }
            }
            Op::Fma(a, b, c) => {
                let (a, b, c) = (self.lanes(*a), self.lanes(*b), self.lanes(*c));
                if host_has_fma() {
                    self.builder.ins().fma(a, b, c)
                } else {
                    self.call_lanes(fma as *const () as usize, &[a, b, c])
                }
            }
            Op::Call1(f, a) => {
                let a = self.lanes(*a);
                self.call_lanes(entry_address(*f), &[a])
            }
            Op::Call2(f, a, b) => {
                let (a, b) = (self.lanes(*a), self.lanes(*b));
                self.call_lanes(entry_address(*f), &[a, b])
            }
            Op::Compare(op, a, b) => {
                let (a, b) = (self.lanes(*a), self.lanes(*b));
                let condition = match op {
                    Compare::Lt => FloatCC::LessThan,
                    Compare::Le => FloatCC::LessThanOrEqual,
                    Compare::Eq => FloatCC::Equal,
                    Compare::Ne => FloatCC::NotEqual,
                };
                self.builder.ins().fcmp(condition, a, b)
            }
            Op::And(a, b) => {
                let (a, b) = (self.value(*a), self.value(*b));
                self.builder.ins().band(a, b)
            }
            Op::Or(a, b) => {
                let (a, b) = (self.value(*a), self.value(*b));
                self.builder.ins().bor(a, b)
            }
            Op::Not(a) => {
                let a = self.value(*a);
                if wide { self.builder.ins().bnot(a) } else { self.builder.ins().bxor_imm_u(a, 1) }
            }
            Op::Select(c, a, b) => {
                let (c, a, b) = (self.value(*c), self.lanes(*a), self.lanes(*b));
                self.pick(c, a, b)
            }
        }
    }

    /// `if c { a } else { b }`, in each lane.
    fn pick(&mut self, c: ir::Value, a: ir::Value, b: ir::Value) -> ir::Value {
        if self.wide.is_some() {
            let mask = self.builder.ins().bitcast(types::F64X2, MemFlagsData::new().with_endianness(ir::Endianness::Little), c);
            return self.builder.ins().bitselect(mask, a, b);
        }
        self.builder.ins().select(c, a, b)
    }

    /// Calls a function by address, lane by lane.
    fn call_lanes(&mut self, address: usize, arguments: &[ir::Value]) -> ir::Value {
        if self.wide.is_none() {
            return self.call(address, arguments);
        }
        let mut lanes = [0u8, 1].map(|lane| {
            let scalars: Vec<ir::Value> = arguments.iter().map(|a| self.builder.ins().extractlane(*a, lane)).collect();
            self.call(address, &scalars)
        });
        let low = self.builder.ins().splat(types::F64X2, lanes[0]);
        lanes[0] = low;
        self.builder.ins().insertlane(low, lanes[1], 1)
    }

    fn call(&mut self, address: usize, arguments: &[ir::Value]) -> ir::Value {
        let count = arguments.len();
        let signature = match self.signatures[count] {
            Some(signature) => signature,
            None => {
                let mut signature = Signature::new(self.isa.default_call_conv());
                signature.params.extend(vec![AbiParam::new(types::F64); count]);
                signature.returns.push(AbiParam::new(types::F64));
                let signature = self.builder.import_signature(signature);
                self.signatures[count] = Some(signature);
                signature
            }
        };
        let callee = self.builder.ins().iconst(self.isa.pointer_type(), address as i64);
        let call = self.builder.ins().call_indirect(signature, callee, arguments);
        self.builder.inst_results(call)[0]
    }

    fn constant(&mut self, value: f64) -> ir::Value {
        let scalar = self.builder.ins().f64const(value);
        if self.wide.is_some() { self.builder.ins().splat(types::F64X2, scalar) } else { scalar }
    }

    fn load(&mut self, address: &Address) -> ir::Value {
        let (pointer, offset) = self.address(address);
        let scalar = |s: &mut Self| s.builder.ins().load(types::F64, flags(), pointer, offset);
        match self.wide.as_ref().map(|wide| wide.var) {
            None => scalar(self),
            Some(var) if address.element.terms.iter().any(|(v, _)| *v == var) => {
                self.builder.ins().load(types::F64X2, unaligned(), pointer, offset)
            }
            Some(_) => {
                let one = scalar(self);
                self.builder.ins().splat(types::F64X2, one)
            }
        }
    }

    fn index_value(&mut self, var: LoopVar) -> ir::Value {
        let index = self.loop_value(var);
        let scalar = self.builder.ins().fcvt_from_sint(types::F64, index);
        match self.wide.as_ref().map(|wide| wide.var) {
            None => scalar,
            Some(inner) => {
                let both = self.builder.ins().splat(types::F64X2, scalar);
                if inner != var {
                    return both;
                }
                let second = self.builder.ins().iadd_imm_s(index, 1);
                let second = self.builder.ins().fcvt_from_sint(types::F64, second);
                self.builder.ins().insertlane(both, second, 1)
            }
        }
    }
}

/// Vector loads may straddle 16-byte boundaries.
pub fn unaligned() -> MemFlagsData {
    let mut flags = MemFlagsData::new();
    flags.set_notrap();
    flags
}

fn entry_address(f: Function) -> usize {
    match f.entry() {
        Entry::One(f) => f as *const () as usize,
        Entry::Two(f) => f as *const () as usize,
    }
}

/// Addresses in a body without the variables set inside it.
fn collect_addresses(body: &[Stmt], inner: &mut Vec<LoopVar>, wanted: &mut Vec<(Buffer, Vec<(LoopVar, i64)>)>) {
    let mut add = |address: &Address, inner: &[LoopVar]| {
        let terms: Vec<_> = address.element.terms.iter().filter(|(v, _)| !inner.contains(v)).copied().collect();
        let key = (address.buffer, terms);
        if !wanted.contains(&key) {
            wanted.push(key);
        }
    };
    for stmt in body {
        match stmt {
            Stmt::Let { op: Op::Load(address), .. } | Stmt::Store { to: address, .. } => add(address, inner),
            Stmt::Wrap { var, .. } => inner.push(*var),
            _ => {}
        }
    }
    for stmt in body {
        if let Stmt::Loop { var, body, .. } = stmt {
            inner.push(*var);
            collect_addresses(body, inner, wanted);
        }
    }
}
