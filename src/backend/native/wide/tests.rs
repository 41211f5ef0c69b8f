//! Bodies at random, to registers' end and beyond: wide vectors against the interpreter, bit for bit.

use super::*;
use crate::backend::interpret::Interpreter;
use crate::backend::native::{Native, target::Features};
use crate::backend::{Arguments, KernelId, Kernels, SingleKernels};
use crate::kernel::program::{Affine, Kernel, Lengths, Program};

/// Rows of each buffer, with an element of every turn.
const ROWS: usize = 12;

struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }
}

fn at(buffer: Buffer, row: usize, turns: usize) -> Address {
    Address { buffer, element: Affine { base: (turns * row) as i64, terms: vec![(LoopVar(0), 1)] } }
}

/// A loop of so many turns and statements at random; operands are any values before, mostly old ones if `far`.
fn program(random: &mut Random, (turns, statements): (usize, usize), far: bool) -> Program {
    let (mut body, mut numbers, mut count) = (Vec::new(), Vec::new(), 0);
    let mut stored: Vec<usize> = Vec::new();
    for _ in 0..statements {
        let pick = |random: &mut Random, numbers: &[Value]| {
            let window = if far { numbers.len() } else { numbers.len().min(6) };
            numbers[numbers.len() - 1 - random.below(window)]
        };
        let mut set = |op| {
            let dst = Value(count);
            count += 1;
            body.push(Stmt::Let { dst, op });
            dst
        };
        let row = random.below(ROWS);
        if numbers.len() < 3 || random.below(8) == 0 {
            let buffer = [Buffer::Y, Buffer::P, Buffer::V][random.below(3)];
            let same = Address { buffer, element: Affine::constant((turns * row) as i64 + 1) };
            numbers.push(set(Op::Load(if random.below(3) == 0 { same } else { at(buffer, row, turns) })));
            continue;
        }
        let [a, b, c] = std::array::from_fn(|_| pick(random, &numbers));
        numbers.push(match random.below(14) {
            0 => set(Op::Const([0.5, -1.25, 3.0, 1e-300][random.below(4)])),
            1 => set(Op::Unary(Unary::Neg, a)),
            2 => set(Op::Unary(Unary::Abs, a)),
            3 => set(Op::Unary(Unary::Sqrt, a)),
            4 => set(Op::Binary(Binary::Add, a, b)),
            5 => set(Op::Binary(Binary::Sub, a, b)),
            6 => set(Op::Binary(Binary::Div, a, b)),
            7 => set(Op::Binary([Binary::Min, Binary::Max][random.below(2)], a, b)),
            8 => {
                let op = [Compare::Lt, Compare::Le, Compare::Eq, Compare::Ne][random.below(4)];
                let condition = set(Op::Compare(op, a, b));
                set(Op::Select(condition, b, c))
            }
            9 => {
                let negative = set(Op::Unary(Unary::Neg, a));
                set(Op::Fma(negative, b, c))
            }
            10 => {
                let negative = set(Op::Unary(Unary::Neg, c));
                set(Op::Fma(a, b, negative))
            }
            11 if stored.contains(&row) => set(Op::Load(at(Buffer::W, row, turns))),
            12 => {
                stored.push(row);
                let buffer = [Buffer::W, Buffer::Out][random.below(2)];
                body.push(Stmt::Store { to: at(Buffer::W, row, turns), value: a });
                body.push(Stmt::Store { to: at(buffer, row, turns), value: b });
                continue;
            }
            _ => set(Op::Fma(a, b, c)),
        });
    }
    for (row, value) in numbers.iter().rev().take(ROWS).enumerate() {
        body.push(Stmt::Store { to: at(Buffer::Out, row, turns), value: *value });
    }
    let length = ROWS * turns;
    let lengths = Lengths { y: length, p: length, v: length, w: length, out: length };
    let body = vec![Stmt::Loop { var: LoopVar(0), lo: 0, hi: turns as i64 - 1, carried: Vec::new(), body }];
    let piece = Piece { values: count, loops: 1, body };
    Program { kernels: vec![Kernel { name: "step", lengths, pieces: vec![piece] }] }
}

/// Inputs, rounded to single precision for both.
fn columns(seed: u64, length: usize) -> [Vec<f64>; 3] {
    let mut random = Random(seed);
    std::array::from_fn(|_| (0..length).map(|_| f64::from(random.below(4_001) as f32 / 1000.0 - 1.5)).collect())
}

fn run(kernels: &dyn Kernels, seed: u64) -> Vec<u64> {
    let [y, p, v] = columns(seed, kernels.lengths(KernelId(0)).y);
    let (mut w, mut out) = (vec![0.0; kernels.lengths(KernelId(0)).w], vec![0.0; y.len()]);
    kernels.call(KernelId(0), Arguments { t: 0.0, y: &y, p: &p, v: &v, w: &mut w, out: &mut out });
    w.truncate(y.len());
    w.iter().chain(&out).map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).collect()
}

fn run_in_single(kernels: &dyn SingleKernels, seed: u64) -> Vec<u32> {
    let [y, p, v] = columns(seed, kernels.lengths(KernelId(0)).y)
        .map(|column| column.iter().map(|x| *x as f32).collect::<Vec<f32>>());
    let (mut w, mut out) = (vec![0.0; kernels.lengths(KernelId(0)).w], vec![0.0; y.len()]);
    kernels.call(KernelId(0), Arguments { t: 0.0, y: &y, p: &p, v: &v, w: &mut w, out: &mut out });
    w.truncate(y.len());
    w.iter().chain(&out).map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
}

#[test]
fn wide_vectors_compute_what_the_program_means() -> Result<(), Box<dyn std::error::Error>> {
    let mut random = Random(5);
    for round in 0..300 {
        let statements = [12, 60, 400][round % 3];
        let turns = [8, 3, 4, 5, 7, 9, 12, 14, 16, 21, 40][random.below(11)];
        let program = program(&mut random, (turns, statements), round % 2 == 0);
        assert!(piece(&program.kernels[0].pieces[0], false).is_some() || statements == 400, "{program}");
        if !Features::host()?.wide {
            continue;
        }
        let (native, interpreter) = (Native::new(&program)?, Interpreter::new(&program)?);
        let single = [native.single(&program), interpreter.single(&program)].map(|kernels| kernels.ok_or("none"));
        let [native_single, interpreter_single] = single;
        let (native_single, interpreter_single) = (native_single?, interpreter_single?);
        for seed in 0..3 {
            assert_eq!(run(&native, seed), run(&interpreter, seed), "{program}");
            let (found, expected) = (run_in_single(&*native_single, seed), run_in_single(&*interpreter_single, seed));
            assert_eq!(found, expected, "in single precision: {program}");
        }
    }
    Ok(())
}

/// Whether eleven turns of a body that does so run on wide vectors: from one element of the work buffer to another.
fn taken(from: Affine, to: Affine) -> bool {
    let address = |element| Address { buffer: Buffer::W, element };
    let load = Stmt::Let { dst: Value(0), op: Op::Load(address(from)) };
    let body = vec![load, Stmt::Store { to: address(to), value: Value(0) }];
    let body = vec![Stmt::Loop { var: LoopVar(0), lo: 0, hi: 10, carried: Vec::new(), body }];
    piece(&Piece { values: 1, loops: 1, body }, false).is_some()
}

#[test]
fn turns_that_meet_are_left_alone() {
    let moving = |base| Affine { base, terms: vec![(LoopVar(0), 1)] };
    assert!(taken(moving(20), moving(20)), "a turn may change the element it read");
    assert!(taken(moving(20), moving(28)) && taken(moving(28), moving(20)), "not within one vector");
    assert!(!taken(moving(20), moving(27)) && !taken(moving(27), moving(20)));
    assert!(taken(Affine::constant(19), moving(20)) && taken(Affine::constant(31), moving(20)));
    assert!(!taken(Affine::constant(20), moving(20)) && !taken(Affine::constant(30), moving(20)));
    assert!(!taken(moving(20), Affine::constant(3)), "stores of turns must keep their order");
    assert!(!taken(Affine { base: 0, terms: vec![(LoopVar(0), 2)] }, moving(40)));
}
