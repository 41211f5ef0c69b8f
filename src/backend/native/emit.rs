//! From one piece to one Cranelift function: statements, loops, addresses.
//!
//! Everything is emitted in the order of the program. A value is a Cranelift value (`f64`, or `i8` 0/1 for a truth
//! value); in the turns of a vectorised loop (see `vector`) it is two lanes (`f64x2`, or an `i64x2` mask). In single precision it is `f32`,
//! or four lanes; elementary functions are those of doubles, rounded.

use super::gather::{gather, run};
use super::plan::{Plan, far};
use super::split::split;
use super::target::Features;
use super::vector::advances;
use crate::curve::Curve;
use crate::foreign::{Foreign, Part};
use crate::kernel::program::{Address, Affine, Buffer, Carried, LoopVar, Piece, Stmt, Value};
use crate::math::Function;
use cranelift::codegen::ir::{self, BlockArg, FuncRef, InstBuilder, UserExternalName, types};
use cranelift::codegen::isa::TargetIsa;
use cranelift::prelude::{
    AbiParam, ExtFuncData, ExternalName, FunctionBuilder, FunctionBuilderContext, IntCC, MemFlagsData, Signature,
    StackSlotData, StackSlotKind,
};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::sync::Arc;

/// What a function of the program may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Import {
    /// An elementary function.
    Function(Function),
    /// Fused multiply-add, where the target has no instruction.
    Fma,
    /// Rounding down, where the target has no instruction.
    Floor,
    /// Rounding up, where the target has no instruction.
    Ceil,
    /// A curve, by its address and the order of its derivative.
    Curve,
    /// A function of the host, by its address, the number of its part and the address of its arguments.
    Foreign,
    /// An elementary function of several arguments at a time.
    Gather(Function),
}

impl Import {
    /// All of them; the position is the number in external names.
    pub fn all() -> impl Iterator<Item = Import> {
        let functions = Function::ALL.iter().map(|&function| Import::Function(function));
        let gathers = Function::ALL.iter().map(|&function| Import::Gather(function));
        functions.chain([Import::Fma, Import::Floor, Import::Ceil, Import::Curve, Import::Foreign]).chain(gathers)
    }

    pub fn name(self) -> String {
        match self {
            Import::Function(function) => function.name().into(),
            Import::Fma => "fma".into(),
            Import::Floor => "floor".into(),
            Import::Ceil => "ceil".into(),
            Import::Curve => "curve".into(),
            Import::Foreign => "foreign".into(),
            Import::Gather(function) => format!("{}.several", function.name()),
        }
    }

    fn arity(self) -> usize {
        match self {
            Import::Function(function) => function.arity(),
            Import::Fma => 3,
            Import::Floor | Import::Ceil | Import::Curve => 1,
            Import::Foreign => 0,
            Import::Gather(_) => 8,
        }
    }

    pub fn number(self) -> u32 {
        match self {
            Import::Function(function) => function as u32,
            Import::Fma => Function::ALL.len() as u32,
            Import::Floor => Function::ALL.len() as u32 + 1,
            Import::Ceil => Function::ALL.len() as u32 + 2,
            Import::Curve => Function::ALL.len() as u32 + 3,
            Import::Foreign => Function::ALL.len() as u32 + 4,
            Import::Gather(function) => Function::ALL.len() as u32 + 5 + function as u32,
        }
    }
}

/// Name space of the program's own functions in external names.
pub(super) const OWN: u32 = 0;
/// Name space of imports.
pub(super) const IMPORTS: u32 = 1;
/// Name space of tables of constant numbers.
pub(super) const TABLES: u32 = 2;

/// A curve's derivative as a function of the program itself, where the curve does not stay in memory.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub curve: Arc<Curve>,
    pub order: u8,
    /// The job that is its function.
    pub job: u32,
}

/// The program's own function that is made of a job.
pub(super) fn own(builder: &mut FunctionBuilder, index: u32, signature: Signature) -> FuncRef {
    let signature = builder.import_signature(signature);
    let name = builder.func.declare_imported_user_function(UserExternalName { namespace: OWN, index });
    let name = ExternalName::user(name);
    builder.import_function(ExtFuncData { name, signature, colocated: true, patchable: false })
}

/// `(t, y, p, v, w, out)`: the signature of every kernel and piece.
pub(super) fn signature(isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params.push(AbiParam::new(types::F64));
    signature.params.extend([AbiParam::new(isa.pointer_type()); 5]);
    signature
}

/// Emits one piece into `function`.
pub(super) fn piece(
    piece: &Piece,
    isa: &dyn TargetIsa,
    features: Features,
    lookups: &[Lookup],
    function: &mut ir::Function,
    scratch: &mut FunctionBuilderContext,
) {
    function.signature = signature(isa);
    let piece = &*split(piece);
    let gathered = if features.several { gather(piece) } else { Cow::Borrowed(piece) };
    let piece = &*gathered;
    let plan = Plan::new(piece);
    let mut builder = FunctionBuilder::new(function, scratch);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let mut emitter = Emitter::new(piece, &plan, builder, entry, isa, features);
    emitter.lookups = lookups;
    emitter.body(&piece.body);
    let mut builder = emitter.builder;
    builder.ins().return_(&[]);
    builder.seal_all_blocks();
    builder.finalize(isa.frontend_config());
}

/// Emits a function that runs the pieces numbered `first..first + count`, in order.
pub(super) fn driver(
    first: u32,
    count: u32,
    isa: &dyn TargetIsa,
    function: &mut ir::Function,
    scratch: &mut FunctionBuilderContext,
) {
    function.signature = signature(isa);
    let mut builder = FunctionBuilder::new(function, scratch);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let arguments = builder.block_params(entry).to_vec();
    for job in first..first + count {
        let callee = own(&mut builder, job, signature(isa));
        builder.ins().call(callee, &arguments);
    }
    builder.ins().return_(&[]);
    builder.seal_all_blocks();
    builder.finalize(isa.frontend_config());
}

/// A deferred load that has been emitted: where, and as what.
#[derive(Clone, Copy)]
pub(super) struct Recent {
    value: ir::Value,
    position: u32,
    /// Emissions of a body are told apart: a value of one turn is not one of another.
    epoch: u32,
}

/// A load serves further uses within this many statements of the last one; later uses load again.
const WINDOW: u32 = 16;

/// The state of emission.
pub(super) struct Emitter<'a> {
    pub builder: FunctionBuilder<'a>,
    pub plan: &'a Plan,
    pub features: Features,
    pub pointer_type: ir::Type,
    call_conv: cranelift::codegen::isa::CallConv,
    pub t: ir::Value,
    /// Per group: its pointer.
    pub pointers: Vec<ir::Value>,
    /// Per loop variable: its value.
    pub vars: Vec<ir::Value>,
    /// Per value, one lane.
    pub scalars: Vec<ir::Value>,
    /// Per value, two lanes; allocated when a loop is vectorised.
    pub vectors: Vec<ir::Value>,
    /// Whether two lanes are being emitted.
    pub wide: bool,
    /// The vectorised loop, and how many turns beyond its pointers the turn being emitted lies.
    pub ahead: Option<(LoopVar, i32)>,
    /// Per value: the address of a deferred load.
    pending: Vec<Option<&'a Address>>,
    pub recent: Vec<Recent>,
    /// Where calls for several arguments put their values.
    pub slot: Option<ir::StackSlot>,
    pub position: u32,
    pub epoch: u32,
    imports: FxHashMap<Import, FuncRef>,
    lookups: &'a [Lookup],
}

impl<'a> Emitter<'a> {
    fn new(
        piece: &'a Piece,
        plan: &'a Plan,
        builder: FunctionBuilder<'a>,
        entry: ir::Block,
        isa: &dyn TargetIsa,
        features: Features,
    ) -> Self {
        let arguments = builder.block_params(entry).to_vec();
        // Placeholder until assignment; a verified program reads nothing before it.
        let none = arguments[0];
        let values = piece.values as usize;
        let mut emitter = Emitter {
            builder,
            plan,
            features,
            pointer_type: isa.pointer_type(),
            call_conv: isa.default_call_conv(),
            t: arguments[0],
            pointers: vec![none; plan.groups.len()],
            vars: vec![none; piece.loops as usize],
            scalars: vec![none; values],
            vectors: Vec::new(),
            wide: false,
            ahead: None,
            pending: vec![None; values],
            recent: vec![Recent { value: none, position: 0, epoch: 0 }; values],
            slot: None,
            position: 0,
            epoch: 1,
            imports: FxHashMap::default(),
            lookups: &[],
        };
        for (number, group) in plan.groups.iter().enumerate() {
            if group.parent.is_none() {
                let buffer = arguments[1 + group.buffer as usize];
                emitter.pointers[number] = emitter.shifted(buffer, group.far);
            }
        }
        emitter
    }

    pub fn body(&mut self, statements: &'a [Stmt]) {
        let mut at = 0;
        while at < statements.len() {
            let together = run(&statements[at..]);
            if self.serves(&statements[at], together) {
                self.together(&statements[at..at + together]);
                at += together;
            } else {
                self.statement(&statements[at]);
                at += 1;
            }
        }
    }

    pub fn statement(&mut self, statement: &'a Stmt) {
        self.position += 1;
        match statement {
            Stmt::Let { dst, op } => self.assign(*dst, op),
            Stmt::Store { to, value } => {
                let value = self.operand(*value);
                let (pointer, offset) = self.place(to);
                let flags = self.flags();
                self.builder.ins().store(flags, value, pointer, offset);
            }
            Stmt::Wrap { var, of, extent } => self.wrap(*var, of, *extent),
            Stmt::Lookup { var, table, at } => self.lookup(*var, table, at),
            Stmt::Loop { var, lo, hi, carried, body } => {
                if !self.vectorised(*var, *lo, *hi, carried, body) {
                    self.repeat(*var, *lo, *hi, carried, body);
                }
            }
        }
    }

    /// Remembers a load for its uses, or emits it.
    pub fn load(&mut self, dst: Value, from: &'a Address) {
        if self.plan.deferred[dst.0 as usize] {
            self.pending[dst.0 as usize] = Some(from);
            self.recent[dst.0 as usize].epoch = 0;
        } else {
            let value = self.load_now(from);
            self.set(dst, value);
        }
    }

    /// A value where it is used.
    pub fn operand(&mut self, value: Value) -> ir::Value {
        let number = value.0 as usize;
        let Some(from) = self.pending[number] else {
            return if self.wide { self.vectors[number] } else { self.scalars[number] };
        };
        let recent = self.recent[number];
        let known = recent.epoch == self.epoch && self.position - recent.position <= WINDOW;
        let value = if known { recent.value } else { self.load_now(from) };
        self.recent[number] = Recent { value, position: self.position, epoch: self.epoch };
        value
    }

    pub fn set(&mut self, dst: Value, value: ir::Value) {
        let number = dst.0 as usize;
        self.pending[number] = None;
        if self.wide {
            self.vectors[number] = value;
        } else {
            self.scalars[number] = value;
        }
    }

    /// Begins another emission of a body.
    pub fn next_epoch(&mut self) {
        self.epoch += 1;
    }

    fn load_now(&mut self, from: &Address) -> ir::Value {
        let (pointer, offset) = self.place(from);
        if self.wide && self.ahead.is_some_and(|(var, _)| advances(from, var) == Some(false)) {
            let (one, all) = (self.real(), self.vector());
            let number = self.builder.ins().load(one, MemFlagsData::trusted(), pointer, offset);
            return self.builder.ins().splat(all, number);
        }
        let kind = if self.wide { self.vector() } else { self.real() };
        let flags = self.flags();
        self.builder.ins().load(kind, flags, pointer, offset)
    }

    /// Buffers are arrays of `f64`: accesses never trap; pairs of elements may lie across 16-byte boundaries.
    fn flags(&self) -> MemFlagsData {
        if self.wide { MemFlagsData::new().with_notrap() } else { MemFlagsData::trusted() }
    }

    /// Pointer and offset in bytes of an address.
    fn place(&self, address: &Address) -> (ir::Value, i32) {
        let group = self.plan.group(address);
        let base = address.element.base;
        let mut offset = (base - far(base)) as i32 * self.bytes();
        if let (Some((var, turns)), Some((_, last, coefficient))) = (self.ahead, self.plan.groups[group].parent)
            && var == last
        {
            offset += turns * coefficient as i32 * self.bytes();
        }
        (self.pointers[group], offset)
    }

    /// The type of a number.
    pub fn real(&self) -> ir::Type {
        if self.features.single { types::F32 } else { types::F64 }
    }

    /// The type of numbers in the lanes of a vector.
    pub fn vector(&self) -> ir::Type {
        if self.features.single { types::F32X4 } else { types::F64X2 }
    }

    /// Numbers in a vector.
    pub fn lanes(&self) -> usize {
        if self.features.single { 4 } else { 2 }
    }

    /// Bytes of a number.
    fn bytes(&self) -> i32 {
        if self.features.single { 4 } else { 8 }
    }

    /// The pointer so many elements on.
    fn shifted(&mut self, pointer: ir::Value, elements: i64) -> ir::Value {
        match elements {
            0 => pointer,
            elements => {
                let bytes = elements.wrapping_mul(i64::from(self.bytes()));
                self.builder.ins().iadd_imm_s(pointer, bytes)
            }
        }
    }

    /// Forms the pointers born with `var`, whose value is the constant `at`.
    pub fn enter_at(&mut self, var: LoopVar, at: i64) {
        self.vars[var.0 as usize] = self.builder.ins().iconst(types::I64, at);
        for &group in &self.plan.born[var.0 as usize] {
            if let Some((parent, _, coefficient)) = self.plan.groups[group].parent {
                self.pointers[group] = self.shifted(self.pointers[parent], coefficient.wrapping_mul(at));
            }
        }
    }

    /// Opens a loop from `lo`: afterwards variable, pointers and accumulators are those of a turn.
    pub fn open(&mut self, var: LoopVar, lo: i64, carried: &[Carried]) -> ir::Block {
        self.enter_at(var, lo);
        let head = self.builder.create_block();
        let mut arguments: Vec<BlockArg> = vec![self.vars[var.0 as usize].into()];
        arguments.extend(self.plan.born[var.0 as usize].iter().map(|&group| BlockArg::from(self.pointers[group])));
        for c in carried {
            let init = self.operand(c.init);
            arguments.push(init.into());
        }
        self.builder.ins().jump(head, &arguments);
        self.builder.switch_to_block(head);
        self.next_epoch();
        self.vars[var.0 as usize] = self.builder.append_block_param(head, types::I64);
        for &group in &self.plan.born[var.0 as usize] {
            self.pointers[group] = self.builder.append_block_param(head, self.pointer_type);
        }
        for c in carried {
            let acc = self.builder.append_block_param(head, self.real());
            self.set(c.acc, acc);
        }
        head
    }

    /// Closes a loop that advances by `step` until `var` would be `end`; pointers are then those of `end`.
    pub fn close(&mut self, head: ir::Block, var: LoopVar, step: i64, end: i64, carried: &[Carried]) {
        // Before the pointers move: a `next` may be a deferred load.
        let nexts: Vec<_> = carried.iter().map(|c| self.operand(c.next)).collect();
        let next = self.builder.ins().iadd_imm_s(self.vars[var.0 as usize], step);
        self.vars[var.0 as usize] = next;
        let mut arguments: Vec<BlockArg> = vec![next.into()];
        for &group in &self.plan.born[var.0 as usize] {
            if let Some((_, _, coefficient)) = self.plan.groups[group].parent {
                self.pointers[group] = self.shifted(self.pointers[group], coefficient.wrapping_mul(step));
                arguments.push(self.pointers[group].into());
            }
        }
        arguments.extend(nexts.iter().map(|&next| BlockArg::from(next)));
        let exit = self.builder.create_block();
        let more = self.builder.ins().icmp_imm_s(IntCC::NotEqual, next, end);
        self.builder.ins().brif(more, head, &arguments, exit, &[]);
        self.builder.switch_to_block(exit);
        self.next_epoch();
        for (c, next) in carried.iter().zip(nexts) {
            self.set(c.result, next);
        }
    }

    fn repeat(&mut self, var: LoopVar, lo: i64, hi: i64, carried: &[Carried], body: &'a [Stmt]) {
        if lo < hi {
            let head = self.open(var, lo, carried);
            self.body(body);
            self.close(head, var, 1, hi + 1, carried);
            return;
        }
        self.enter_at(var, lo);
        for c in carried {
            let init = self.operand(c.init);
            self.set(c.acc, init);
        }
        self.body(body);
        let nexts: Vec<_> = carried.iter().map(|c| self.operand(c.next)).collect();
        for (c, next) in carried.iter().zip(nexts) {
            self.set(c.result, next);
        }
    }

    fn wrap(&mut self, var: LoopVar, of: &Affine, extent: i64) {
        let (mut lo, mut hi) = (of.base, of.base);
        for &(term, k) in &of.terms {
            let (from, to) = self.plan.ranges[term.0 as usize];
            lo += (k * from).min(k * to);
            hi += (k * from).max(k * to);
        }
        let value = self.affine(of);
        let wrapped = if lo >= 0 && hi < extent {
            value
        } else if extent & (extent - 1) == 0 {
            self.builder.ins().band_imm_s(value, extent - 1)
        } else {
            let near = lo >= -extent && hi < 2 * extent;
            let rest = if near { value } else { self.builder.ins().srem_imm_s(value, extent) };
            let raised = self.builder.ins().iadd_imm_s(rest, extent);
            let negative = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, rest, 0);
            let rest = self.builder.ins().select(negative, raised, rest);
            if near {
                let lowered = self.builder.ins().iadd_imm_s(rest, -extent);
                let above = self.builder.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, rest, extent);
                self.builder.ins().select(above, lowered, rest)
            } else {
                rest
            }
        };
        self.bind(var, wrapped);
    }

    /// The table stays where it is as long as the code: see `Native`.
    fn lookup(&mut self, var: LoopVar, table: &[u32], at: &Affine) {
        let place = Affine { base: 0, terms: at.terms.clone() };
        let place = self.affine(&place);
        let bytes = self.builder.ins().ishl_imm_u(place, 2);
        let start = table.as_ptr() as i64 + 4 * at.base;
        let start = self.builder.ins().iconst(self.pointer_type, start);
        let pointer = self.builder.ins().iadd(start, bytes);
        let value = self.builder.ins().uload32(MemFlagsData::trusted(), pointer, 0);
        self.bind(var, value);
    }

    /// Gives a variable its value, and forms the pointers born with it.
    fn bind(&mut self, var: LoopVar, value: ir::Value) {
        self.vars[var.0 as usize] = value;
        for &group in &self.plan.born[var.0 as usize] {
            if let Some((parent, _, coefficient)) = self.plan.groups[group].parent {
                let bytes = self.scaled(value, coefficient.wrapping_mul(i64::from(self.bytes())));
                self.pointers[group] = self.builder.ins().iadd(self.pointers[parent], bytes);
            }
        }
    }

    fn affine(&mut self, affine: &Affine) -> ir::Value {
        let mut sum = None;
        for &(var, k) in &affine.terms {
            let term = self.scaled(self.vars[var.0 as usize], k);
            sum = Some(match sum {
                None => term,
                Some(sum) => self.builder.ins().iadd(sum, term),
            });
        }
        match sum {
            None => self.builder.ins().iconst(types::I64, affine.base),
            Some(sum) if affine.base == 0 => sum,
            Some(sum) => self.builder.ins().iadd_imm_s(sum, affine.base),
        }
    }

    fn scaled(&mut self, value: ir::Value, factor: i64) -> ir::Value {
        match factor {
            1 => value,
            factor if factor > 0 && factor & (factor - 1) == 0 => {
                self.builder.ins().ishl_imm_u(value, i64::from(factor.trailing_zeros()))
            }
            factor => self.builder.ins().imul_imm_s(value, factor),
        }
    }

    /// Calls an imported function with one-lane arguments.
    pub fn call(&mut self, import: Import, arguments: &[ir::Value]) -> ir::Value {
        let callee = self.callee(import);
        let call = self.builder.ins().call(callee, arguments);
        self.builder.inst_results(call)[0]
    }

    /// Calls a derivative of a curve.
    pub fn call_curve(&mut self, curve: &Arc<Curve>, order: u8, x: ir::Value) -> ir::Value {
        if let Some(lookup) = self.lookups.iter().find(|own| Arc::ptr_eq(&own.curve, curve) && own.order == order) {
            let mut signature = Signature::new(self.call_conv);
            signature.params.push(AbiParam::new(types::F64));
            signature.returns.push(AbiParam::new(types::F64));
            let callee = own(&mut self.builder, lookup.job, signature);
            let call = self.builder.ins().call(callee, &[x]);
            return self.builder.inst_results(call)[0];
        }
        // The curve stays where it is as long as the code: see `Native`.
        let curve = self.builder.ins().iconst(self.pointer_type, Arc::as_ptr(curve) as i64);
        let order = self.builder.ins().iconst(types::I32, i64::from(order));
        self.call(Import::Curve, &[curve, order, x])
    }

    /// Calls a function for several arguments; its values are in the slot then.
    pub fn call_several(&mut self, function: Function, arguments: &[ir::Value]) -> ir::StackSlot {
        let slot = *self.slot.get_or_insert_with(|| {
            self.builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 64, 4))
        });
        let callee = self.callee(Import::Gather(function));
        let mut all = vec![self.builder.ins().stack_addr(self.pointer_type, slot, 0)];
        all.extend_from_slice(arguments);
        self.builder.ins().call(callee, &all);
        slot
    }

    /// Calls a part of a function of the host.
    pub fn call_foreign(&mut self, foreign: &Foreign, part: Part, arguments: &[ir::Value]) -> ir::Value {
        let bytes = 8 * arguments.len() as u32;
        let slot =
            self.builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes.max(8), 3));
        for (k, argument) in arguments.iter().enumerate() {
            self.builder.ins().stack_store(self.pointer_type, *argument, slot, 8 * k as i32);
        }
        let place = self.builder.ins().stack_addr(self.pointer_type, slot, 0);
        let foreign = self.builder.ins().iconst(self.pointer_type, std::ptr::from_ref(foreign) as i64);
        let part = self.builder.ins().iconst(types::I32, i64::from(part.number()));
        self.call(Import::Foreign, &[foreign, part, place])
    }

    fn callee(&mut self, import: Import) -> FuncRef {
        match self.imports.get(&import) {
            Some(&callee) => callee,
            None => self.import(import),
        }
    }

    fn import(&mut self, import: Import) -> FuncRef {
        let mut signature = Signature::new(self.call_conv);
        match import {
            Import::Gather(_) => signature.params.push(AbiParam::new(self.pointer_type)),
            Import::Curve => {
                signature.params.extend([AbiParam::new(self.pointer_type), AbiParam::new(types::I32)]);
                signature.returns.push(AbiParam::new(types::F64));
            }
            Import::Foreign => {
                let pointer = AbiParam::new(self.pointer_type);
                signature.params.extend([pointer, AbiParam::new(types::I32), pointer]);
                signature.returns.push(AbiParam::new(types::F64));
            }
            _ => signature.returns.push(AbiParam::new(types::F64)),
        }
        signature.params.extend(vec![AbiParam::new(types::F64); import.arity()]);
        let signature = self.builder.import_signature(signature);
        let name = UserExternalName { namespace: IMPORTS, index: import.number() };
        let name = ExternalName::user(self.builder.func.declare_imported_user_function(name));
        let data = ExtFuncData { name, signature, colocated: false, patchable: false };
        let callee = self.builder.import_function(data);
        self.imports.insert(import, callee);
        callee
    }
}

/// Buffers are numbered as the pointers of the signature.
const _: () = assert!(Buffer::Y as usize == 0 && Buffer::Out as usize == 4);
