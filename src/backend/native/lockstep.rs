//! Calls of elementary functions made together: of one body (see `gather`), and of several turns of a loop in step.

use super::emit::{Emitter, Import, Recent};
use super::gather::{called, fewest, run};
use crate::kernel::program::{LoopVar, Op, Stmt, Value};
use crate::math::Function;
use cranelift::codegen::ir::{self, InstBuilder, types};

/// What a pair of turns has of its own.
struct Turns {
    vectors: Vec<ir::Value>,
    recent: Vec<Recent>,
}

impl<'a> Emitter<'a> {
    /// Whether so many calls, the first of them `statement`, are worth one call.
    pub fn serves(&self, statement: &Stmt, calls: usize) -> bool {
        let lanes = if self.wide { self.lanes() } else { 1 };
        self.features.several && called(statement).is_some_and(|function| calls * lanes >= fewest(function))
    }

    /// Emits calls of one function that do not need each other.
    pub fn together(&mut self, statements: &'a [Stmt]) {
        let mut arguments = Arguments::default();
        for statement in statements {
            self.position += 1;
            self.arguments(statement, &mut arguments);
        }
        let values = self.values(&arguments);
        for (statement, value) in statements.iter().zip(values) {
            self.keep(statement, value);
        }
    }

    /// Emits `count` pairs of turns from where the pointers are, each statement for all of them before the next.
    pub fn lockstep(&mut self, var: LoopVar, count: i64, statements: &[&'a Stmt]) {
        self.next_epoch();
        let mut turns: Vec<Turns> =
            (0..count).map(|_| Turns { vectors: self.vectors.clone(), recent: self.recent.clone() }).collect();
        let mut at = 0;
        while at < statements.len() {
            let calls = run(&statements[at..]);
            let several = called(statements[at])
                .filter(|_| self.features.several && (count > 1 || self.serves(statements[at], calls)));
            let group = &statements[at..at + if several.is_some() { calls } else { 1 }];
            let position = self.position;
            let mut arguments = Arguments::default();
            for (number, own) in turns.iter_mut().enumerate() {
                self.position = position;
                self.of(var, number, own, |emitter| {
                    for &statement in group {
                        match several {
                            Some(_) => emitter.arguments(statement, &mut arguments),
                            None => emitter.statement(statement),
                        }
                    }
                });
            }
            if several.is_some() {
                let mut values = self.values(&arguments).into_iter();
                for (number, own) in turns.iter_mut().enumerate() {
                    self.of(var, number, own, |emitter| {
                        for (&statement, value) in group.iter().zip(&mut values) {
                            emitter.keep(statement, value);
                        }
                    });
                }
            }
            self.position = position + group.len() as u32;
            at += group.len();
        }
    }

    /// Emits something for one of the pairs in step.
    fn of(&mut self, var: LoopVar, number: usize, own: &mut Turns, emit: impl FnOnce(&mut Self)) {
        std::mem::swap(&mut self.vectors, &mut own.vectors);
        std::mem::swap(&mut self.recent, &mut own.recent);
        self.ahead = Some((var, (self.lanes() * number) as i32));
        emit(self);
        std::mem::swap(&mut self.vectors, &mut own.vectors);
        std::mem::swap(&mut self.recent, &mut own.recent);
    }

    fn arguments(&mut self, statement: &'a Stmt, arguments: &mut Arguments) {
        match statement {
            Stmt::Let { op: Op::Call1(function, a), .. } => {
                arguments.function = Some(*function);
                self.lanes_of(*a, &mut arguments.first);
            }
            Stmt::Let { op: Op::Call2(function, a, b), .. } => {
                arguments.function = Some(*function);
                self.lanes_of(*a, &mut arguments.first);
                self.lanes_of(*b, &mut arguments.second);
            }
            _ => {}
        }
    }

    /// Appends the lanes of an operand, as doubles.
    fn lanes_of(&mut self, operand: Value, lanes: &mut Vec<ir::Value>) {
        let value = self.operand(operand);
        let count = if self.wide { self.lanes() as u8 } else { 1 };
        for lane in 0..count {
            let number = if self.wide { self.builder.ins().extractlane(value, lane) } else { value };
            let double = self.double(number);
            lanes.push(double);
        }
    }

    fn keep(&mut self, statement: &Stmt, value: ir::Value) {
        if let Stmt::Let { dst, .. } = statement {
            self.set(*dst, value);
        }
    }

    /// The function's values, in one lane or all as they are being emitted.
    fn values(&mut self, arguments: &Arguments) -> Vec<ir::Value> {
        let Some(function) = arguments.function else { return Vec::new() };
        let (lanes, kind) = if self.wide { (self.lanes(), self.vector()) } else { (1, types::F64) };
        let size = if function.arity() == 1 { 8 } else { 4 };
        let mut values = Vec::new();
        for from in (0..arguments.first.len()).step_by(size) {
            let count = size.min(arguments.first.len() - from);
            if count < fewest(function) {
                for lane in (from..from + count).step_by(lanes) {
                    let value = self.one_by_one(function, arguments, lane, lanes);
                    values.push(value);
                }
                continue;
            }
            let padded = |all: &[ir::Value]| (0..size).map(|k| all[from + if k < count { k } else { 0 }]).collect();
            let mut given: Vec<ir::Value> = padded(&arguments.first);
            if function.arity() == 2 {
                given.extend::<Vec<_>>(padded(&arguments.second));
            }
            let slot = self.call_several(function, &given);
            for lane in (0..count).step_by(lanes) {
                if self.features.single {
                    let load = |emitter: &mut Self, at: usize| {
                        let offset = 8 * at as i32;
                        emitter.builder.ins().stack_load(emitter.pointer_type, types::F64, slot, offset)
                    };
                    let doubles: Vec<_> = (lane..lane + lanes).map(|at| load(self, at)).collect();
                    let value = self.of_doubles(&doubles);
                    values.push(value);
                } else {
                    values.push(self.builder.ins().stack_load(self.pointer_type, kind, slot, 8 * lane as i32));
                }
            }
        }
        values
    }

    fn one_by_one(&mut self, function: Function, arguments: &Arguments, from: usize, lanes: usize) -> ir::Value {
        let value = |emitter: &mut Self, at: usize| {
            let mut given = vec![arguments.first[at]];
            given.extend(arguments.second.get(at));
            emitter.call(Import::Function(function), &given)
        };
        let doubles: Vec<_> = (from..from + lanes).map(|at| value(self, at)).collect();
        self.of_doubles(&doubles)
    }

    /// What is being emitted of one lane or all, from doubles.
    fn of_doubles(&mut self, doubles: &[ir::Value]) -> ir::Value {
        let numbers: Vec<_> = doubles.iter().map(|double| self.rounded(*double)).collect();
        if let [number] = numbers[..] { number } else { self.side_by_side(&numbers) }
    }
}

/// Arguments of calls of one function, lane by lane.
#[derive(Default)]
struct Arguments {
    function: Option<Function>,
    first: Vec<ir::Value>,
    second: Vec<ir::Value>,
}
