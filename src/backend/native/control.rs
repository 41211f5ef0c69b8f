//! From a function with control flow to a Cranelift function. Locals are Cranelift's variables; conditions become branches.

use super::compile::Standing;
use super::emit::{TABLES, own, signature};
use super::ops::condition;
use crate::kernel::control::{Expr, Function, Kind, Local, Stmt, Whole};
use crate::math::{Binary, Unary};
use cranelift::codegen::ir::{self, FuncRef, GlobalValueData, InstBuilder, UserExternalName, types};
use cranelift::codegen::isa::TargetIsa;
use cranelift::prelude::{
    AbiParam, ExternalName, FloatCC, FunctionBuilder, FunctionBuilderContext, IntCC, MemFlagsData, Signature, Variable,
};
use rustc_hash::FxHashMap;

/// What a host calls.
pub(super) fn host_signature(function: &Function, isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    for (_, kind) in &function.locals[..function.parameters] {
        signature.params.push(AbiParam::new(machine_type(*kind, isa)));
    }
    signature.returns.push(AbiParam::new(machine_type(function.returns, isa)));
    signature
}

fn machine_type(kind: Kind, isa: &dyn TargetIsa) -> ir::Type {
    match kind {
        Kind::Real => types::F64,
        Kind::Count => types::I64,
        Kind::Pointer => isa.pointer_type(),
    }
}

/// Emits a function.
pub(super) fn function(
    source: &Function,
    standing: &Standing,
    isa: &dyn TargetIsa,
    function: &mut ir::Function,
    scratch: &mut FunctionBuilderContext,
) {
    function.signature = host_signature(source, isa);
    let mut builder = FunctionBuilder::new(function, scratch);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let variables: Vec<Variable> =
        source.locals.iter().map(|(_, kind)| builder.declare_var(machine_type(*kind, isa))).collect();
    for (number, argument) in builder.block_params(entry).to_vec().into_iter().enumerate() {
        builder.def_var(variables[number], argument);
    }
    for (variable, (_, kind)) in variables.iter().zip(&source.locals).skip(source.parameters) {
        let zero = match kind {
            Kind::Real => builder.ins().f64const(0.0),
            Kind::Count | Kind::Pointer => builder.ins().iconst(machine_type(*kind, isa), 0),
        };
        builder.def_var(*variable, zero);
    }
    let called = FxHashMap::default();
    let mut emitter = Emitter { builder, variables, standing, isa, called };
    emitter.list(&source.body);
    let Emitter { mut builder, .. } = emitter;
    builder.seal_all_blocks();
    builder.finalize(isa.frontend_config());
}

struct Emitter<'a> {
    builder: FunctionBuilder<'a>,
    variables: Vec<Variable>,
    standing: &'a Standing<'a>,
    isa: &'a dyn TargetIsa,
    called: FxHashMap<u32, FuncRef>,
}

impl Emitter<'_> {
    /// Emits statements; says whether the code behind them can be reached.
    fn list(&mut self, statements: &[Stmt]) -> bool {
        statements.iter().all(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Stmt) -> bool {
        match statement {
            Stmt::Set(local, value) => {
                let value = self.value(value);
                self.builder.def_var(self.variables[local.0 as usize], value);
            }
            Stmt::Store(pointer, index, value) => {
                let (pointer, value) = (self.place(pointer, index), self.value(value));
                self.builder.ins().store(MemFlagsData::trusted(), value, pointer, 0);
            }
            Stmt::If(condition, then, other) => {
                let condition = self.value(condition);
                let [first, second, behind] = std::array::from_fn(|_| self.builder.create_block());
                self.builder.ins().brif(condition, first, &[], second, &[]);
                for (block, list) in [(first, then), (second, other)] {
                    self.builder.switch_to_block(block);
                    if self.list(list) {
                        self.builder.ins().jump(behind, &[]);
                    }
                }
                self.builder.switch_to_block(behind);
            }
            Stmt::While(condition, body) => {
                let [head, inside, behind] = std::array::from_fn(|_| self.builder.create_block());
                self.builder.ins().jump(head, &[]);
                self.builder.switch_to_block(head);
                let condition = self.value(condition);
                self.builder.ins().brif(condition, inside, &[], behind, &[]);
                self.builder.switch_to_block(inside);
                if self.list(body) {
                    self.builder.ins().jump(head, &[]);
                }
                self.builder.switch_to_block(behind);
            }
            Stmt::Kernel(name, operands) => {
                let operands: Vec<_> = operands.iter().map(|operand| self.value(operand)).collect();
                if let Some(callee) = self.kernel(name) {
                    self.builder.ins().call(callee, &operands);
                }
            }
            Stmt::Call(local, name, arguments) => {
                let arguments: Vec<_> = arguments.iter().map(|argument| self.value(argument)).collect();
                if let Some(callee) = self.function(name) {
                    let call = self.builder.ins().call(callee, &arguments);
                    let value = self.builder.inst_results(call)[0];
                    self.builder.def_var(self.variables[local.0 as usize], value);
                }
            }
            Stmt::Return(value) => {
                let value = self.value(value);
                self.builder.ins().return_(&[value]);
                return false;
            }
        }
        true
    }

    fn kernel(&mut self, name: &'static str) -> Option<FuncRef> {
        let job = self.standing.kernels.iter().find(|(known, _)| *known == name)?.1;
        Some(self.callee(job, signature(self.isa)))
    }

    fn function(&mut self, name: &'static str) -> Option<FuncRef> {
        let number = self.standing.functions.iter().position(|function| function.name == name)?;
        let signature = host_signature(&self.standing.functions[number], self.isa);
        Some(self.callee(self.standing.first + number as u32, signature))
    }

    /// The function that is made of a job.
    fn callee(&mut self, job: u32, signature: Signature) -> FuncRef {
        if let Some(known) = self.called.get(&job) {
            return *known;
        }
        let callee = own(&mut self.builder, job, signature);
        self.called.insert(job, callee);
        callee
    }

    /// The address of constant numbers.
    fn table(&mut self, number: usize) -> ir::Value {
        let name = UserExternalName { namespace: TABLES, index: number as u32 };
        let name = ExternalName::user(self.builder.func.declare_imported_user_function(name));
        let data = GlobalValueData::Symbol { name, offset: 0.into(), colocated: true, tls: false };
        let address = self.builder.func.create_global_value(data);
        self.builder.ins().symbol_value(self.isa.pointer_type(), address)
    }

    fn place(&mut self, pointer: &Expr, index: &Expr) -> ir::Value {
        let pointer = self.value(pointer);
        if let Expr::Count(constant) = index {
            return if *constant == 0 { pointer } else { self.builder.ins().iadd_imm_s(pointer, 8 * constant) };
        }
        let index = self.value(index);
        let bytes = self.builder.ins().ishl_imm_u(index, 3);
        self.builder.ins().iadd(pointer, bytes)
    }

    fn value(&mut self, expr: &Expr) -> ir::Value {
        let two = |emitter: &mut Self, a: &Expr, b: &Expr| (emitter.value(a), emitter.value(b));
        match expr {
            Expr::Real(value) => self.builder.ins().f64const(*value),
            Expr::Count(value) => self.builder.ins().iconst(types::I64, *value),
            Expr::Local(Local(number)) => self.builder.use_var(self.variables[*number as usize]),
            Expr::Element(pointer, index) => {
                let place = self.place(pointer, index);
                self.builder.ins().load(types::F64, MemFlagsData::trusted(), place, 0)
            }
            Expr::Shifted(pointer, elements) => self.place(pointer, &Expr::Count(*elements)),
            Expr::Moved(pointer, count) => self.place(pointer, count),
            Expr::Table(number) => self.table(*number),
            Expr::Unary(op, a) => {
                let a = self.value(a);
                match op {
                    Unary::Neg => self.builder.ins().fneg(a),
                    Unary::Abs => self.builder.ins().fabs(a),
                    Unary::Sqrt => self.builder.ins().sqrt(a),
                    Unary::Floor => self.builder.ins().floor(a),
                    Unary::Ceil => self.builder.ins().ceil(a),
                }
            }
            Expr::Binary(op, a, b) => {
                let (a, b) = two(self, a, b);
                match op {
                    Binary::Add => self.builder.ins().fadd(a, b),
                    Binary::Sub => self.builder.ins().fsub(a, b),
                    Binary::Mul => self.builder.ins().fmul(a, b),
                    Binary::Div => self.builder.ins().fdiv(a, b),
                    Binary::Min | Binary::Max => {
                        let (first, second) = if *op == Binary::Min { (a, b) } else { (b, a) };
                        let less = self.builder.ins().fcmp(FloatCC::LessThan, first, second);
                        self.builder.ins().select(less, a, b)
                    }
                }
            }
            Expr::Whole(op, a, b) => {
                let (a, b) = two(self, a, b);
                match op {
                    Whole::Add => self.builder.ins().iadd(a, b),
                    Whole::Sub => self.builder.ins().isub(a, b),
                    Whole::Mul => self.builder.ins().imul(a, b),
                    Whole::ShiftLeft => self.builder.ins().ishl(a, b),
                    Whole::ShiftRight => self.builder.ins().sshr(a, b),
                }
            }
            Expr::Bits(a) => {
                let a = self.value(a);
                self.builder.ins().bitcast(types::I64, MemFlagsData::new(), a)
            }
            Expr::FromBits(a) => {
                let a = self.value(a);
                self.builder.ins().bitcast(types::F64, MemFlagsData::new(), a)
            }
            Expr::Truncated(a) => {
                let a = self.value(a);
                self.builder.ins().fcvt_to_sint_sat(types::I64, a)
            }
            Expr::Converted(a) => {
                let a = self.value(a);
                self.builder.ins().fcvt_from_sint(types::F64, a)
            }
            Expr::Compare(op, a, b) => {
                let (a, b) = two(self, a, b);
                self.builder.ins().fcmp(condition(*op), a, b)
            }
            Expr::Less(a, b) => {
                let (a, b) = two(self, a, b);
                self.builder.ins().icmp(IntCC::SignedLessThan, a, b)
            }
            Expr::IsNull(a) => {
                let a = self.value(a);
                self.builder.ins().icmp_imm_s(IntCC::Equal, a, 0)
            }
            Expr::And(a, b) => {
                let (a, b) = two(self, a, b);
                self.builder.ins().band(a, b)
            }
            Expr::Or(a, b) => {
                let (a, b) = two(self, a, b);
                self.builder.ins().bor(a, b)
            }
            Expr::Not(a) => {
                let a = self.value(a);
                self.builder.ins().bxor_imm_s(a, 1)
            }
            Expr::Select(c, a, b) => {
                let c = self.value(c);
                let (a, b) = two(self, a, b);
                self.builder.ins().select(c, a, b)
            }
        }
    }
}
