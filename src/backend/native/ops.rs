//! From one operation to Cranelift instructions, in one lane or all lanes of a vector.

use super::emit::{Emitter, Import};
use crate::kernel::program::{Binary, Compare, LoopVar, Op, Unary, Value};
use cranelift::codegen::ir::{self, Endianness, InstBuilder, InstructionData, types};
use cranelift::prelude::{FloatCC, MemFlagsData};

/// A comparison of two numbers as Cranelift has it.
pub(super) fn condition(op: Compare) -> FloatCC {
    match op {
        Compare::Lt => FloatCC::LessThan,
        Compare::Le => FloatCC::LessThanOrEqual,
        Compare::Eq => FloatCC::Equal,
        Compare::Ne => FloatCC::NotEqual,
    }
}

impl<'a> Emitter<'a> {
    /// Emits `dst = op`.
    pub fn assign(&mut self, dst: Value, op: &'a Op) {
        let result = match *op {
            Op::Load(ref from) => return self.load(dst, from),
            Op::Const(value) => self.constant(value),
            Op::Time => self.rounded(self.t),
            Op::Index(var) => self.index(var),
            Op::Unary(op, a) => {
                let a = self.operand(a);
                self.unary(op, a)
            }
            Op::Binary(op, a, b) => {
                let (mut a, mut b) = (self.operand(a), self.operand(b));
                // A constant on the right is a memory operand, on the left it costs a register.
                if matches!(op, Binary::Add | Binary::Mul) && self.as_constant(a).is_some() {
                    (a, b) = (b, a);
                }
                self.binary(op, a, b)
            }
            Op::Fma(a, b, c) => {
                let (a, b, c) = (self.operand(a), self.operand(b), self.operand(c));
                if self.features.fma { self.builder.ins().fma(a, b, c) } else { self.calls(Import::Fma, &[a, b, c]) }
            }
            Op::Call1(function, a) => {
                let a = self.operand(a);
                self.calls(Import::Function(function), &[a])
            }
            Op::Call2(function, a, b) => {
                let (a, b) = (self.operand(a), self.operand(b));
                self.calls(Import::Function(function), &[a, b])
            }
            Op::Curve(ref curve, order, a) => {
                let a = self.operand(a);
                self.each_lane(&[a], |emitter, parts| emitter.call_curve(curve, order, parts[0]))
            }
            Op::Foreign(ref foreign, part, ref arguments) => {
                let arguments: Vec<_> = arguments.iter().map(|a| self.operand(*a)).collect();
                // It stays where it is as long as the code, as curves do.
                self.each_lane(&arguments, |emitter, parts| emitter.call_foreign(foreign, part, parts))
            }
            Op::Compare(op, a, b) => {
                let (a, b) = (self.operand(a), self.operand(b));
                self.builder.ins().fcmp(condition(op), a, b)
            }
            Op::And(a, b) => {
                let (a, b) = (self.operand(a), self.operand(b));
                self.builder.ins().band(a, b)
            }
            Op::Or(a, b) => {
                let (a, b) = (self.operand(a), self.operand(b));
                self.builder.ins().bor(a, b)
            }
            Op::Not(a) => {
                let a = self.operand(a);
                if self.wide { self.builder.ins().bnot(a) } else { self.builder.ins().bxor_imm_s(a, 1) }
            }
            Op::Select(c, a, b) => {
                let (c, a, b) = (self.operand(c), self.operand(a), self.operand(b));
                self.select(c, a, b)
            }
        };
        self.set(dst, result);
    }

    /// A constant in the lanes being emitted.
    pub fn constant(&mut self, value: f64) -> ir::Value {
        match (self.wide, self.features.single) {
            (true, _) => self.constants(|_| value),
            (false, true) => self.builder.ins().f32const(value as f32),
            (false, false) => self.builder.ins().f64const(value),
        }
    }

    /// The number a one-lane value was defined as, if it is a constant.
    pub fn as_constant(&self, value: ir::Value) -> Option<f64> {
        let dfg = &self.builder.func.dfg;
        match dfg.value_def(value).inst().map(|inst| dfg.insts[inst]) {
            Some(InstructionData::UnaryIeee64 { imm, .. }) => Some(f64::from_bits(imm.bits())),
            Some(InstructionData::UnaryIeee32 { imm, .. }) => Some(f64::from(f32::from_bits(imm.bits()))),
            _ => None,
        }
    }

    /// Constants in the lanes of a vector.
    pub fn constants(&mut self, lane: impl Fn(usize) -> f64) -> ir::Value {
        let numbers = (0..self.lanes()).map(lane);
        let bytes: Vec<u8> = if self.features.single {
            numbers.flat_map(|number| (number as f32).to_le_bytes()).collect()
        } else {
            numbers.flat_map(f64::to_le_bytes).collect()
        };
        let constant = self.builder.func.dfg.constants.insert(bytes.into());
        let kind = self.vector();
        self.builder.ins().vconst(kind, constant)
    }

    /// A double as a number of the code.
    pub fn rounded(&mut self, double: ir::Value) -> ir::Value {
        if self.features.single { self.builder.ins().fdemote(types::F32, double) } else { double }
    }

    /// A number of the code as a double.
    pub fn double(&mut self, number: ir::Value) -> ir::Value {
        if self.features.single { self.builder.ins().fpromote(types::F64, number) } else { number }
    }

    /// Numbers side by side in a vector.
    pub fn side_by_side(&mut self, numbers: &[ir::Value]) -> ir::Value {
        let kind = self.vector();
        let first = self.builder.ins().scalar_to_vector(kind, numbers[0]);
        let rest = numbers.iter().enumerate().skip(1);
        rest.fold(first, |vector, (lane, number)| self.builder.ins().insertlane(vector, *number, lane as u8))
    }

    /// A loop variable as a real: below 2^48, so sums are exact.
    fn index(&mut self, var: LoopVar) -> ir::Value {
        let integer = self.vars[var.0 as usize];
        let turns = self.ahead.filter(|&(ahead, _)| ahead == var).map_or(0, |(_, turns)| turns);
        if self.wide && !self.features.single {
            let real = self.builder.ins().fcvt_from_sint(types::F64, integer);
            let both = self.builder.ins().splat(types::F64X2, real);
            let ahead = self.constants(|lane| f64::from(turns) + lane as f64);
            return self.builder.ins().fadd(both, ahead);
        }
        if self.wide {
            // Of four lanes sums need not be exact.
            let lanes: Vec<_> = (0..4).map(|lane| self.index_at(integer, i64::from(turns) + lane)).collect();
            return self.side_by_side(&lanes);
        }
        self.index_at(integer, i64::from(turns))
    }

    fn index_at(&mut self, mut integer: ir::Value, turns: i64) -> ir::Value {
        if turns != 0 {
            integer = self.builder.ins().iadd_imm_s(integer, turns);
        }
        let real = self.builder.ins().fcvt_from_sint(types::F64, integer);
        self.rounded(real)
    }

    fn unary(&mut self, op: Unary, a: ir::Value) -> ir::Value {
        match op {
            Unary::Neg => self.builder.ins().fneg(a),
            Unary::Abs => self.builder.ins().fabs(a),
            Unary::Sqrt => self.builder.ins().sqrt(a),
            Unary::Floor if self.features.round => self.builder.ins().floor(a),
            Unary::Ceil if self.features.round => self.builder.ins().ceil(a),
            Unary::Floor => self.calls(Import::Floor, &[a]),
            Unary::Ceil => self.calls(Import::Ceil, &[a]),
        }
    }

    fn binary(&mut self, op: Binary, a: ir::Value, b: ir::Value) -> ir::Value {
        match op {
            Binary::Add => self.builder.ins().fadd(a, b),
            Binary::Sub => self.builder.ins().fsub(a, b),
            Binary::Mul => self.builder.ins().fmul(a, b),
            Binary::Div => self.builder.ins().fdiv(a, b),
            // These two forms are what x86-64 has as one instruction each.
            Binary::Min => {
                let less = self.builder.ins().fcmp(FloatCC::LessThan, a, b);
                self.select(less, a, b)
            }
            Binary::Max => {
                let less = self.builder.ins().fcmp(FloatCC::LessThan, b, a);
                self.select(less, a, b)
            }
        }
    }

    fn select(&mut self, c: ir::Value, a: ir::Value, b: ir::Value) -> ir::Value {
        if !self.wide {
            return self.builder.ins().select(c, a, b);
        }
        let lanes = MemFlagsData::new().with_endianness(Endianness::Little);
        let kind = self.vector();
        let mask = self.builder.ins().bitcast(kind, lanes, c);
        self.builder.ins().bitselect(mask, a, b)
    }

    /// Calls an import, once per lane.
    fn calls(&mut self, import: Import, arguments: &[ir::Value]) -> ir::Value {
        self.each_lane(arguments, |emitter, parts| emitter.call(import, parts))
    }

    /// Emits what gives a double from doubles, one lane of each argument, once per lane.
    fn each_lane(&mut self, arguments: &[ir::Value], one: impl Fn(&mut Self, &[ir::Value]) -> ir::Value) -> ir::Value {
        let wide = self.wide;
        let of_lane = |emitter: &mut Self, lane: u8| {
            let part = |&argument: &ir::Value| {
                let number = if wide { emitter.builder.ins().extractlane(argument, lane) } else { argument };
                emitter.double(number)
            };
            let parts: Vec<_> = arguments.iter().map(part).collect();
            let result = one(emitter, &parts);
            emitter.rounded(result)
        };
        if !wide {
            return of_lane(self, 0);
        }
        let results: Vec<_> = (0..self.lanes() as u8).map(|lane| of_lane(self, lane)).collect();
        self.side_by_side(&results)
    }
}
