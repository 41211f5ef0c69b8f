//! Native code against the same formulas in Rust, and the time to compile. Each formula is written once, generic over
//! the number type: with `f64` it is the Rust reference, with [`Traced`] it records a program.

use criterion::{Criterion, criterion_group, criterion_main};
use rhapsode::backend::interpret::Interpreter;
use rhapsode::backend::native::Native;
use rhapsode::backend::{Arguments, KernelId, Kernels};
use rhapsode::kernel::program::{
    Address, Affine, Binary, Buffer, Kernel, Lengths, LoopVar, Op, Piece, Program, Stmt, Value,
};
use std::cell::RefCell;
use std::hint::black_box;
use std::ops::{Add, Mul, Sub};

thread_local! {
    /// Statements recorded so far and the number of their values.
    static TAPE: RefCell<(Vec<Stmt>, u32)> = const { RefCell::new((Vec::new(), 0)) };
}

/// A number that records what is done to it.
#[derive(Clone, Copy)]
struct Traced(Value);

fn record(op: Op) -> Traced {
    TAPE.with_borrow_mut(|(tape, values)| {
        let dst = Value(*values);
        *values += 1;
        tape.push(Stmt::Let { dst, op });
        Traced(dst)
    })
}

fn load(buffer: Buffer, base: i64, terms: &[(LoopVar, i64)]) -> Traced {
    let mut terms = terms.to_vec();
    terms.sort();
    record(Op::Load(Address { buffer, element: Affine { base, terms } }))
}

fn store(base: i64, terms: &[(LoopVar, i64)], value: Traced) {
    let to = Address { buffer: Buffer::Out, element: Affine { base, terms: terms.to_vec() } };
    TAPE.with_borrow_mut(|(tape, _)| tape.push(Stmt::Store { to, value: value.0 }));
}

/// What was recorded, and the number of its values.
fn recorded() -> (Vec<Stmt>, u32) {
    TAPE.take()
}

macro_rules! operator {
    ($trait:ident $method:ident $op:ident) => {
        impl $trait for Traced {
            type Output = Traced;
            fn $method(self, other: Traced) -> Traced {
                record(Op::Binary(Binary::$op, self.0, other.0))
            }
        }
    };
}
operator!(Add add Add);
operator!(Sub sub Sub);
operator!(Mul mul Mul);

/// `f64` or [`Traced`].
trait Number: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    fn constant(value: f64) -> Self;
}

impl Number for f64 {
    fn constant(value: f64) -> Self {
        value
    }
}

impl Number for Traced {
    fn constant(value: f64) -> Self {
        record(Op::Const(value))
    }
}

fn lorenz<T: Number>(y: [T; 3], p: [T; 3]) -> [T; 3] {
    [p[0] * (y[1] - y[0]), y[0] * (p[1] - y[2]) - y[1], y[0] * y[1] - p[2] * y[2]]
}

/// The air pollution problem (Verwer 1994): 20 species, 25 reactions.
fn pollution<T: Number>(y: &[T; 20]) -> [T; 20] {
    let k = T::constant;
    let [y1, y2, y3, y4, y5, y6, y7, _, y9, y10, y11, _, y13, y14, _, y16, y17, _, y19, y20] = *y;
    let (r1, r2, r3, r4, r5) = (k(0.35) * y1, k(26.6) * y2 * y4, k(12300.0) * y5 * y2, k(8.6e-4) * y7, k(8.2e-4) * y7);
    let (r6, r7, r8, r9) = (k(15000.0) * y7 * y6, k(1.3e-4) * y9, k(24000.0) * y9 * y6, k(16500.0) * y11 * y2);
    let (r10, r11, r12, r13) = (k(9000.0) * y11 * y1, k(0.022) * y13, k(12000.0) * y10 * y2, k(1.88) * y14);
    let (r14, r15, r16, r17) = (k(16300.0) * y1 * y6, k(4.8e6) * y3, k(3.5e-4) * y4, k(0.0175) * y4);
    let (r18, r19, r20, r21) = (k(1e8) * y16, k(4.44e11) * y16, k(1240.0) * y17 * y6, k(2.1) * y19);
    let (r22, r23, r24, r25) = (k(5.78) * y19, k(0.0474) * y1 * y4, k(1780.0) * y19 * y1, k(3.12) * y20);
    let zero = k(0.0);
    [
        r2 + r3 + r9 + r11 + r12 + r22 + r25 - r1 - r10 - r14 - r23 - r24,
        r1 + r21 - r2 - r3 - r9 - r12,
        r1 + r17 + r19 + r22 - r15,
        r15 - r2 - r16 - r17 - r23,
        r4 + r4 + r6 + r7 + r13 + r20 - r3,
        r3 + r18 + r18 - r6 - r8 - r14 - r20,
        r13 - r4 - r5 - r6,
        r4 + r5 + r6 + r7,
        zero - r7 - r8,
        r7 + r9 - r12,
        r8 + r11 - r9 - r10,
        r9,
        r10 - r11,
        r12 - r13,
        r14,
        r16 - r18 - r19,
        zero - r20,
        r20,
        r23 + r25 - r21 - r22 - r24,
        r24 - r25,
    ]
}

/// One cell of the 2-D Brusselator: `u`, its four neighbours, `v`, its four neighbours.
#[inline(always)]
fn brusselator<T: Number>(u: [T; 5], v: [T; 5], alpha: T) -> [T; 2] {
    let uuv = u[0] * u[0] * v[0];
    let lap = |x: [T; 5]| x[1] + x[2] + x[3] + x[4] - T::constant(4.0) * x[0];
    let du = T::constant(1.0) + uuv - T::constant(4.4) * u[0] + alpha * lap(u);
    let dv = T::constant(3.4) * u[0] - uuv + alpha * lap(v);
    [du, dv]
}

fn program(lengths: Lengths, pieces: Vec<Piece>) -> Program {
    Program { kernels: vec![Kernel { name: "rhs", lengths, pieces }] }
}

fn lorenz_program() -> Program {
    let y = std::array::from_fn(|k| load(Buffer::Y, k as i64, &[]));
    let p = std::array::from_fn(|k| load(Buffer::P, k as i64, &[]));
    lorenz(y, p).into_iter().enumerate().for_each(|(k, dy)| store(k as i64, &[], dy));
    let (body, values) = recorded();
    program(Lengths { y: 3, p: 3, v: 0, w: 0, out: 3 }, vec![Piece { values, loops: 0, body }])
}

fn pollution_program() -> Program {
    let y = std::array::from_fn(|k| load(Buffer::Y, k as i64, &[]));
    pollution(&y).into_iter().enumerate().for_each(|(k, dy)| store(k as i64, &[], dy));
    let (body, values) = recorded();
    program(Lengths { y: 20, p: 0, v: 0, w: 0, out: 20 }, vec![Piece { values, loops: 0, body }])
}

fn brusselator_program(n: i64) -> Program {
    let at = [(LoopVar(0), n), (LoopVar(1), 1)];
    let cell = |first: i64| [0, -n, n, -1, 1].map(|shift| load(Buffer::Y, first + shift, &at));
    let (u, v) = (cell(0), cell(n * n));
    let alpha = load(Buffer::P, 0, &[]);
    let [du, dv] = brusselator(u, v, alpha);
    store(0, &at, du);
    store(n * n, &at, dv);
    let (body, values) = recorded();
    let repeat = |var: u32, body| Stmt::Loop { var: LoopVar(var), lo: 1, hi: n - 2, carried: vec![], body };
    let body = vec![repeat(0, vec![repeat(1, body)])];
    let length = 2 * (n * n) as usize;
    program(Lengths { y: length, p: 1, v: 0, w: 0, out: length }, vec![Piece { values, loops: 2, body }])
}

/// The same on a torus: the neighbours' subscripts wrap around.
fn torus_program(n: i64) -> Program {
    let wrap = |var: u32, of: u32, base| {
        let of = Affine { base, terms: vec![(LoopVar(of), 1)] };
        Stmt::Wrap { var: LoopVar(var), of, extent: n }
    };
    let cell = |first: i64| {
        [(0, 1), (2, 1), (3, 1), (0, 4), (0, 5)]
            .map(|(i, j)| load(Buffer::Y, first, &[(LoopVar(i), n), (LoopVar(j), 1)]))
    };
    let (u, v) = (cell(0), cell(n * n));
    let alpha = load(Buffer::P, 0, &[]);
    let [du, dv] = brusselator(u, v, alpha);
    let at = [(LoopVar(0), n), (LoopVar(1), 1)];
    store(0, &at, du);
    store(n * n, &at, dv);
    let (cell, values) = recorded();
    let repeat = |var: u32, body| Stmt::Loop { var: LoopVar(var), lo: 0, hi: n - 1, carried: vec![], body };
    let inner = [vec![wrap(4, 1, -1), wrap(5, 1, 1)], cell].concat();
    let body = vec![repeat(0, vec![wrap(2, 0, -1), wrap(3, 0, 1), repeat(1, inner)])];
    let length = 2 * (n * n) as usize;
    program(Lengths { y: length, p: 1, v: 0, w: 0, out: length }, vec![Piece { values, loops: 6, body }])
}

#[inline(never)]
fn torus_rust(n: usize, y: &[f64], alpha: f64, out: &mut [f64]) {
    let (u, v) = y.split_at(n * n);
    let (du, dv) = out.split_at_mut(n * n);
    for i in 0..n {
        let (north, south) = ((i + n - 1) % n * n, (i + 1) % n * n);
        let (un, uc, us) = (&u[north..north + n], &u[i * n..(i + 1) * n], &u[south..south + n]);
        let (vn, vc, vs) = (&v[north..north + n], &v[i * n..(i + 1) * n], &v[south..south + n]);
        let (du, dv) = (&mut du[i * n..(i + 1) * n], &mut dv[i * n..(i + 1) * n]);
        let mut cell = |j: usize, west: usize, east: usize| {
            let u = [uc[j], un[j], us[j], uc[west], uc[east]];
            let v = [vc[j], vn[j], vs[j], vc[west], vc[east]];
            [du[j], dv[j]] = brusselator(u, v, alpha);
        };
        cell(0, n - 1, 1);
        for j in 1..n - 1 {
            cell(j, j - 1, j + 1);
        }
        cell(n - 1, n - 2, 0);
    }
}

#[inline(never)]
fn brusselator_rust(n: usize, y: &[f64], alpha: f64, out: &mut [f64]) {
    let (u, v) = y.split_at(n * n);
    let (du, dv) = out.split_at_mut(n * n);
    for i in 1..n - 1 {
        let (un, uc, us) = (&u[(i - 1) * n..i * n], &u[i * n..(i + 1) * n], &u[(i + 1) * n..(i + 2) * n]);
        let (vn, vc, vs) = (&v[(i - 1) * n..i * n], &v[i * n..(i + 1) * n], &v[(i + 1) * n..(i + 2) * n]);
        let (du, dv) = (&mut du[i * n..(i + 1) * n], &mut dv[i * n..(i + 1) * n]);
        for j in 1..n - 1 {
            let [a, b] = brusselator(
                [uc[j], un[j], us[j], uc[j - 1], uc[j + 1]],
                [vc[j], vn[j], vs[j], vc[j - 1], vc[j + 1]],
                alpha,
            );
            du[j] = a;
            dv[j] = b;
        }
    }
}

#[inline(never)]
fn lorenz_rust(_t: f64, y: &[f64], p: &[f64], out: &mut [f64]) {
    let dy = lorenz([y[0], y[1], y[2]], [p[0], p[1], p[2]]);
    out[..3].copy_from_slice(&dy);
}

#[inline(never)]
fn pollution_rust(y: &[f64; 20], out: &mut [f64; 20]) {
    *out = pollution(y);
}

/// Six kernels of about ten operations each.
fn small_model() -> Program {
    let kernel = lorenz_program().kernels.remove(0);
    let names = ["bind", "init", "rhs", "jacobian", "time_derivative", "outputs"];
    Program { kernels: names.into_iter().map(|name| Kernel { name, ..kernel.clone() }).collect() }
}

/// Six kernels of about a hundred operations each.
fn medium_model() -> Program {
    let kernel = pollution_program().kernels.remove(0);
    let names = ["bind", "init", "rhs", "jacobian", "time_derivative", "outputs"];
    Program { kernels: names.into_iter().map(|name| Kernel { name, ..kernel.clone() }).collect() }
}

/// Twenty pieces of two thousand operations, each on values at most ten back.
fn large_model() -> Program {
    let mut state = 1u32;
    let mut below = |n: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % n
    };
    let mut pieces = Vec::new();
    for piece in 0..20 {
        load(Buffer::Y, piece % 20, &[]);
        for value in 1..2000 {
            let mut back = || Value(value - 1 - below(value.min(10)));
            let (a, b) = (back(), back());
            match below(5) {
                0 => load(Buffer::Y, i64::from(below(20)), &[]),
                1 => record(Op::Binary(Binary::Add, a, b)),
                2 => record(Op::Binary(Binary::Sub, a, b)),
                _ => record(Op::Binary(Binary::Mul, a, b)),
            };
        }
        store(piece, &[], Traced(Value(1999)));
        let (body, values) = recorded();
        pieces.push(Piece { values, loops: 0, body });
    }
    program(Lengths { y: 20, p: 0, v: 0, w: 0, out: 20 }, pieces)
}

fn numbers(length: usize) -> Vec<f64> {
    (0..length).map(|k| 0.5 + (k as f64 * 0.618).fract()).collect()
}

fn compare(c: &mut Criterion, name: &str, program: &Program, mut rust: impl FnMut(&[f64], &[f64], &mut [f64])) {
    let native = Native::new(program).expect("the host has native code");
    let function = native.function(KernelId(0));
    let interpreter = Interpreter::new(program).expect("the program is valid");
    let lengths = interpreter.lengths(KernelId(0));
    let (y, p, mut w) = (numbers(lengths.y), numbers(lengths.p), numbers(lengths.w));
    let (mut out, mut reference) = (vec![0.0; lengths.out], vec![0.0; lengths.out]);
    function.call(Arguments { t: 0.0, y: &y, p: &p, v: &[], w: &mut w, out: &mut out });
    rust(&y, &p, &mut reference);
    assert_eq!(out, reference, "{name} differs from Rust");
    let mut group = c.benchmark_group(name);
    group.bench_function("native", |b| {
        b.iter(|| function.call(Arguments { t: 0.0, y: black_box(&y), p: &p, v: &[], w: &mut w, out: &mut out }))
    });
    group.bench_function("rust", |b| b.iter(|| rust(black_box(&y), &p, &mut reference)));
    group.bench_function("interpreter", |b| {
        b.iter(|| {
            let arguments = Arguments { t: 0.0, y: black_box(&y), p: &p, v: &[], w: &mut w, out: &mut out };
            interpreter.call(KernelId(0), arguments);
        })
    });
    group.finish();
}

fn run(c: &mut Criterion) {
    compare(c, "lorenz", &lorenz_program(), |y, p, out| lorenz_rust(0.0, y, p, out));
    compare(c, "pollution", &pollution_program(), |y, _, out| {
        if let (Ok(y), Ok(out)) = (y.try_into(), out.try_into()) {
            pollution_rust(y, out);
        }
    });
    for n in [32, 128] {
        let program = brusselator_program(n);
        compare(c, &format!("brusselator {n}"), &program, |y, p, out| brusselator_rust(n as usize, y, p[0], out));
        let program = torus_program(n);
        compare(c, &format!("torus {n}"), &program, |y, p, out| torus_rust(n as usize, y, p[0], out));
    }
}

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    for (name, program) in [
        ("small", small_model()),
        ("medium", medium_model()),
        ("stencil", brusselator_program(128)),
        ("torus", torus_program(512)),
        ("large", large_model()),
    ] {
        group.bench_function(name, |b| b.iter(|| Native::new(black_box(&program)).map(|native| native.code_bytes())));
    }
    group.finish();
}

criterion_group!(benches, run, compile);
criterion_main!(benches);
