//! Native code against the interpreter, bit for bit, on random programs.
#![cfg(feature = "jit")]

use proptest::prelude::*;
use rhapsode::backend::interpret::Interpreter;
use rhapsode::backend::native::{self, Native};
use rhapsode::backend::{Arguments, KernelId, Kernels};
use rhapsode::kernel::program::{
    Address, Affine, Binary, Buffer, Carried, Compare, Kernel, Lengths, LoopVar, Op, Piece, Program, Stmt, Unary, Value,
};
use rhapsode::math::Function;

const LENGTHS: Lengths = Lengths { y: 60, p: 20, v: 10, w: 60, out: 70 };

/// Numbers that arithmetic treats specially, and a few ordinary ones.
const NUMBERS: [f64; 14] =
    [1.0, 0.0, -0.0, -1.5, 2.0, 0.3, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e300, -1e-310, 5e-324, 1e17, -7.25];

/// Draws choices from a tape of bytes, then zeros: a shorter tape makes a simpler program.
struct Tape<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl Tape<'_> {
    fn below(&mut self, n: usize) -> usize {
        if n <= 1 { 0 } else { usize::from(self.bytes.next().copied().unwrap_or(0)) % n }
    }

    fn between(&mut self, lo: i64, hi: i64) -> i64 {
        lo + self.below((hi - lo + 1) as usize) as i64
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }

    fn ended(&self) -> bool {
        self.bytes.len() == 0
    }
}

/// Builds one piece; keeps what is visible.
struct Build<'a, 'b> {
    tape: &'a mut Tape<'b>,
    values: u32,
    loops: u32,
    reals: Vec<Value>,
    truths: Vec<Value>,
    vars: Vec<(LoopVar, i64, i64)>,
    /// Statements left, loops unrolled: bounds the run time.
    budget: i64,
    /// Whether many operations call the same few functions.
    calls: bool,
}

impl Build<'_, '_> {
    fn value(&mut self) -> Value {
        self.values += 1;
        Value(self.values - 1)
    }

    fn var(&mut self) -> LoopVar {
        self.loops += 1;
        LoopVar(self.loops - 1)
    }

    /// A subscript within `0..length`.
    fn element(&mut self, length: usize) -> Affine {
        let mut terms = Vec::new();
        let (mut lo, mut hi) = (0, 0);
        for position in 0..self.vars.len() {
            let (var, from, to) = self.vars[position];
            let k = self.tape.pick(&[0, 1, 1, 1, -1, 2, 3]);
            let (low, high) = ((k * from).min(k * to), (k * from).max(k * to));
            if k != 0 && high - low + hi - lo < length as i64 {
                terms.push((var, k));
                lo += low;
                hi += high;
            }
        }
        terms.sort();
        let base = self.tape.between(-lo, length as i64 - 1 - hi);
        Affine { base, terms }
    }

    fn address(&mut self, buffer: Buffer) -> Address {
        let length = match buffer {
            Buffer::Y => LENGTHS.y,
            Buffer::P => LENGTHS.p,
            Buffer::V => LENGTHS.v,
            Buffer::W => LENGTHS.w,
            Buffer::Out => LENGTHS.out,
        };
        Address { buffer, element: self.element(length) }
    }

    fn op(&mut self) -> Op {
        let recent = |values: &[Value], tape: &mut Tape| values[values.len() - 1 - tape.below(values.len().min(24))];
        macro_rules! real {
            () => {
                recent(&self.reals, self.tape)
            };
        }
        macro_rules! truth {
            () => {
                recent(&self.truths, self.tape)
            };
        }
        if self.reals.is_empty() {
            return Op::Load(self.address(Buffer::Y));
        }
        let truths = !self.truths.is_empty();
        match self.tape.below(22) {
            0..9 if self.calls => {
                let function = self.tape.pick(&[Function::Exp, Function::Sin, Function::Pow]);
                match function.arity() {
                    1 => Op::Call1(function, real!()),
                    _ => Op::Call2(function, real!(), real!()),
                }
            }
            0..=3 => {
                let buffer = self.tape.pick(&[Buffer::Y, Buffer::Y, Buffer::P, Buffer::V, Buffer::W]);
                Op::Load(self.address(buffer))
            }
            4 => Op::Const(self.tape.pick(&NUMBERS)),
            5 => Op::Time,
            6 if !self.vars.is_empty() => Op::Index(self.vars[self.tape.below(self.vars.len())].0),
            7 | 8 => {
                let op = self.tape.pick(&[Unary::Neg, Unary::Abs, Unary::Sqrt, Unary::Floor, Unary::Ceil]);
                Op::Unary(op, real!())
            }
            9 => Op::Fma(real!(), real!(), real!()),
            10 | 11 => {
                let function = self.tape.pick(Function::ALL);
                match function.arity() {
                    1 => Op::Call1(function, real!()),
                    _ => Op::Call2(function, real!(), real!()),
                }
            }
            12 => {
                let op = self.tape.pick(&[Compare::Lt, Compare::Le, Compare::Eq, Compare::Ne]);
                Op::Compare(op, real!(), real!())
            }
            13 if truths => match self.tape.below(3) {
                0 => Op::And(truth!(), truth!()),
                1 => Op::Or(truth!(), truth!()),
                _ => Op::Not(truth!()),
            },
            14 if truths => Op::Select(truth!(), real!(), real!()),
            _ => {
                let all = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Min, Binary::Max];
                Op::Binary(self.tape.pick(&all), real!(), real!())
            }
        }
    }

    fn statement(&mut self, depth: usize) -> Stmt {
        match self.tape.below(12) {
            0 | 1 if !self.reals.is_empty() => {
                let buffer = self.tape.pick(&[Buffer::Out, Buffer::Out, Buffer::W]);
                let to = self.address(buffer);
                Stmt::Store { to, value: self.reals[self.reals.len() - 1] }
            }
            2 if depth < 3 && !self.reals.is_empty() => self.repeat(depth),
            3 if !self.vars.is_empty() => {
                let extent = self.tape.between(1, 9);
                let of = match self.tape.below(4) {
                    0 => Affine { base: -40, terms: self.element(60).terms },
                    _ => Affine { base: self.tape.between(-2, 2), terms: vec![(self.vars[0].0, 1)] },
                };
                let var = self.var();
                self.vars.push((var, 0, extent - 1));
                Stmt::Wrap { var, of, extent }
            }
            4 if !self.vars.is_empty() => self.lookup(),
            _ => {
                let op = self.op();
                let dst = self.value();
                let truth = matches!(op, Op::Compare(..) | Op::And(..) | Op::Or(..) | Op::Not(..));
                if truth {
                    self.truths.push(dst)
                } else {
                    self.reals.push(dst)
                }
                Stmt::Let { dst, op }
            }
        }
    }

    /// A table over the whole range of a variable.
    fn lookup(&mut self) -> Stmt {
        let (of, lo, hi) = self.vars[self.tape.below(self.vars.len())];
        let table: Vec<u32> = (lo..=hi).map(|_| self.tape.between(0, 9) as u32).collect();
        let (least, most) = rhapsode::kernel::bounds(&table);
        let var = self.var();
        self.vars.push((var, least, most));
        Stmt::Lookup { var, table: table.into(), at: Affine { base: -lo, terms: vec![(of, 1)] } }
    }

    fn repeat(&mut self, depth: usize) -> Stmt {
        let lo = self.tape.between(-3, 3);
        let trips = if depth == 0 { self.tape.between(1, 18) } else { self.tape.between(1, 5) };
        let (var, hi) = (self.var(), lo + trips - 1);
        let (reals, truths, vars) = (self.reals.len(), self.truths.len(), self.vars.len());
        let mut carried = Vec::new();
        for _ in 0..self.tape.below(3) {
            let init = self.reals[self.tape.below(reals)];
            let (acc, result) = (self.value(), self.value());
            carried.push(Carried { acc, init, next: acc, result });
        }
        self.vars.push((var, lo, hi));
        self.reals.extend(carried.iter().map(|c| c.acc));
        let budget = self.budget / trips;
        let saved = std::mem::replace(&mut self.budget, budget.min(30));
        let body = self.body(depth + 1);
        self.budget = saved - budget * trips / 2;
        for c in &mut carried {
            c.next = self.reals[self.reals.len() - 1 - self.tape.below(self.reals.len().min(4))];
        }
        self.reals.truncate(reals);
        self.truths.truncate(truths);
        self.vars.truncate(vars);
        self.reals.extend(carried.iter().map(|c| c.result));
        Stmt::Loop { var, lo, hi, carried, body }
    }

    fn body(&mut self, depth: usize) -> Vec<Stmt> {
        let mut body = Vec::new();
        while self.budget > 0 && !self.tape.ended() {
            self.budget -= 1;
            body.push(self.statement(depth));
            if depth > 0 && self.tape.below(10) == 9 {
                break;
            }
        }
        body
    }
}

fn random_program(bytes: &[u8], calls: bool) -> Program {
    let mut tape = Tape { bytes: bytes.iter() };
    let mut pieces = Vec::new();
    for _ in 0..=tape.below(3) {
        let mut build = Build {
            tape: &mut tape,
            values: 0,
            loops: 0,
            reals: Vec::new(),
            truths: Vec::new(),
            vars: Vec::new(),
            budget: 150,
            calls,
        };
        let body = build.body(0);
        pieces.push(Piece { values: build.values, loops: build.loops, body });
    }
    Program { kernels: vec![Kernel { name: "rhs", lengths: LENGTHS, pieces }] }
}

/// What is in `out` and the kernel's own part of `w` after a call, NaNs all alike.
fn run(kernels: &dyn Kernels, seed: usize, own: Lengths) -> (Vec<u64>, Vec<u64>) {
    let id = KernelId(0);
    let lengths = kernels.lengths(id);
    let fill = |length: usize, salt: usize| -> Vec<f64> {
        let number = |k: usize| match (k * 7 + salt + seed) % 19 {
            special @ 0..14 if (k + seed).is_multiple_of(5) => NUMBERS[special],
            other => (other as f64 - 9.0) * 0.37 + k as f64 * 0.01,
        };
        (0..length).map(number).collect()
    };
    let (y, p, v) = (fill(own.y, 1), fill(own.p, 2), fill(own.v, 3));
    let (mut w, mut out) = (fill(own.w, 4), fill(own.out, 5));
    w.resize(lengths.w, f64::NAN);
    kernels.call(id, Arguments { t: 0.75, y: &y, p: &p, v: &v, w: &mut w, out: &mut out });
    let bits = |values: &[f64]| values.iter().map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).collect();
    (bits(&out), bits(&w[..own.w]))
}

fn agree(program: &Program) -> Result<(), TestCaseError> {
    let interpreter = Interpreter::new(program).map_err(|e| TestCaseError::fail(format!("{e}\n{program}")))?;
    let native = Native::new(program).map_err(|e| TestCaseError::fail(format!("{e}\n{program}")))?;
    let own = program.kernels[0].lengths;
    for seed in 0..5 {
        let (expected, found) = (run(&interpreter, seed, own), run(&native, seed, own));
        for (name, expected, found) in [("out", &expected.0, &found.0), ("w", &expected.1, &found.1)] {
            for (element, (e, f)) in expected.iter().zip(found).enumerate() {
                let (real, other) = (f64::from_bits(*e), f64::from_bits(*f));
                let place = format!("{name}[{element}] is {other:?} not {real:?} with numbers {seed} in\n{program}");
                prop_assert!(e == f, "{}", place);
            }
        }
    }
    Ok(())
}

/// A loop that may run two turns at a time: random operations on neighbouring elements, `turns` long.
fn stencil_loop(bytes: &[u8], turns: i64, calls: bool) -> Program {
    let mut tape = Tape { bytes: bytes.iter() };
    let (inner, outer) = (LoopVar(1), LoopVar(0));
    let lo = tape.between(-2, 3);
    let mut build = Build {
        tape: &mut tape,
        values: 2,
        loops: 4,
        reals: vec![Value(0)],
        truths: vec![Value(1)],
        vars: Vec::new(),
        budget: 0,
        calls,
    };
    // Periodic neighbours, of a period that is the loop's or is not.
    let mut body = Vec::new();
    let periodic = [LoopVar(2), LoopVar(3)];
    let extent = build.tape.pick(&[turns, turns, turns, turns + 1, (turns + 1) / 2]).max(1);
    for (var, k) in periodic.into_iter().zip([1, build.tape.pick(&[1, 1, -1])]) {
        let of = Affine { base: build.tape.between(-2, 2), terms: vec![(inner, k)] };
        body.push(Stmt::Wrap { var, of, extent });
    }
    if build.tape.below(2) == 0 {
        body.clear();
    }
    let wraps = !body.is_empty();
    for _ in 0..2 + build.tape.below(30) {
        if build.tape.below(5) == 0 {
            let buffer = build.tape.pick(&[Buffer::Out, Buffer::W]);
            let base = 8 + build.tape.between(0, 12) - lo;
            let terms = if build.tape.below(3) == 0 { vec![(inner, 1)] } else { vec![(outer, 9), (inner, 1)] };
            let value = build.reals[build.reals.len() - 1 - build.tape.below(build.reals.len().min(3))];
            body.push(Stmt::Store { to: Address { buffer, element: Affine { base, terms } }, value });
            continue;
        }
        let op = match build.tape.below(4) {
            0 => {
                let buffer = build.tape.pick(&[Buffer::Y, Buffer::Y, Buffer::W]);
                let base = 8 + build.tape.between(0, 12) - lo;
                let terms = match build.tape.below(8) {
                    0 => vec![(outer, 9)],
                    1 => vec![(inner, 1)],
                    2 | 3 if wraps => vec![(outer, 9), (build.tape.pick(&periodic), 1)],
                    _ => vec![(outer, 9), (inner, 1)],
                };
                Op::Load(Address { buffer, element: Affine { base: base.max(0), terms } })
            }
            1 => Op::Index(build.tape.pick(&[inner, outer])),
            _ => build.op(),
        };
        let dst = build.value();
        let truth = matches!(op, Op::Compare(..) | Op::And(..) | Op::Or(..) | Op::Not(..));
        if truth {
            build.truths.push(dst)
        } else {
            build.reals.push(dst)
        }
        body.push(Stmt::Let { dst, op });
    }
    let body = Stmt::Loop { var: inner, lo, hi: lo + turns - 1, carried: vec![], body };
    let piece = Piece {
        values: build.values,
        loops: 4,
        body: vec![
            Stmt::Let { dst: Value(0), op: Op::Load(Address { buffer: Buffer::P, element: Affine::constant(1) }) },
            Stmt::Let { dst: Value(1), op: Op::Compare(Compare::Lt, Value(0), Value(0)) },
            Stmt::Loop { var: outer, lo: 0, hi: 2, carried: vec![], body: vec![body] },
        ],
    };
    Program { kernels: vec![Kernel { name: "rhs", lengths: LENGTHS, pieces: vec![piece] }] }
}

/// The number of calls in a kernel's machine code.
fn calls_in(values: u32, loops: u32, body: Vec<Stmt>) -> usize {
    let pieces = vec![Piece { values, loops, body }];
    let program = Program { kernels: vec![Kernel { name: "rhs", lengths: LENGTHS, pieces }] };
    agree(&program).unwrap();
    native::clif(&program, KernelId(0)).unwrap().matches("call fn").count()
}

#[test]
fn calls_that_do_not_need_each_other_are_one() {
    let at =
        |buffer, base, terms: &[(LoopVar, i64)]| Address { buffer, element: Affine { base, terms: terms.to_vec() } };
    let set = |dst, op| Stmt::Let { dst: Value(dst), op };
    let store = |base, value| Stmt::Store { to: at(Buffer::Out, base, &[]), value: Value(value) };
    // out[k] = f(f(y[k])), one after the other.
    let rows = |function: Function, count: u32| {
        let row = |k: u32| {
            let (load, call) = (Op::Load(at(Buffer::Y, i64::from(k), &[])), |a| match function.arity() {
                1 => Op::Call1(function, Value(a)),
                _ => Op::Call2(function, Value(a), Value(a)),
            });
            [
                set(3 * k, load),
                set(3 * k + 1, call(3 * k)),
                set(3 * k + 2, call(3 * k + 1)),
                store(i64::from(k), 3 * k + 2),
            ]
        };
        calls_in(3 * count, 0, (0..count).flat_map(row).collect())
    };
    assert_eq!(rows(Function::Exp, 8), 2);
    assert_eq!(rows(Function::Exp, 12), 4);
    assert_eq!(rows(Function::Exp, 2), 4, "two calls are not worth it");
    assert_eq!(rows(Function::Pow, 4), 2);
    assert_eq!(rows(Function::Atan, 8), 16, "there is no form for several");
    // out[i] = exp(y[i]) in a loop: eight turns in step, then the rest of it.
    let turns = |count: i64| {
        let var = LoopVar(0);
        let body = vec![
            set(0, Op::Load(at(Buffer::Y, 0, &[(var, 1)]))),
            set(1, Op::Call1(Function::Exp, Value(0))),
            Stmt::Store { to: at(Buffer::Out, 0, &[(var, 1)]), value: Value(1) },
        ];
        calls_in(2, 1, vec![Stmt::Loop { var, lo: 0, hi: count - 1, carried: vec![], body }])
    };
    assert_eq!(turns(48), 1);
    assert_eq!(turns(8), 1);
    assert_eq!(turns(52), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_agree_bit_for_bit(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        agree(&random_program(&bytes, false))?;
    }

    #[test]
    fn calls_made_together_keep_their_bits(
        bytes in prop::collection::vec(any::<u8>(), 0..900),
        loop_bytes in prop::collection::vec(any::<u8>(), 0..160),
        turns in 6i64..=18,
    ) {
        agree(&random_program(&bytes, true))?;
        agree(&stencil_loop(&loop_bytes, turns, true))?;
    }

    #[test]
    fn vectorised_loops_agree_for_every_number_of_turns(
        bytes in prop::collection::vec(any::<u8>(), 0..160),
        turns in 1i64..=18,
    ) {
        agree(&stencil_loop(&bytes, turns, false))?;
    }
}
