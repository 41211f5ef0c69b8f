//! From text to trajectory, stage by stage, and the right-hand sides against the same formulas written in Rust.
//!
//! Run: `cargo bench --bench pipeline`. Ratios within one run are what counts; machines differ and are noisy.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rhapsode::kernel::{Target64, lower};
use rhapsode::solve::Method;
use rhapsode::source::Sources;
use rhapsode::system::System;
use rhapsode::{Compiled, Model};

const ROBERTSON: &str = include_str!("../examples/models/robertson.ode");
const POLLUTION: &str = include_str!("../examples/models/pollution.ode");
const MEDICAL_AKZO: &str = include_str!("../examples/models/medical_akzo.ode");
const LORENZ: &str = include_str!("../examples/models/lorenz.ode");

/// The Brusselator on an N × N periodic grid, without forcing: the plain stencil.
fn brusselator(n: usize) -> String {
    format!(
        "const N = {n}\nindex i, j = 1..N periodic\nparam A = 3.4, B = 1, alpha = 0.002\n\
         init u[i,j] = 1 + 0.1*sin(2*pi*i/N), v[i,j] = 3 + 0.1*cos(2*pi*j/N)\n\
         u[i,j]' = B + u[i,j]^2*v[i,j] - (A + 1)*u[i,j] + alpha*(u[i-1,j] + u[i+1,j] + u[i,j-1] + u[i,j+1] - 4*u[i,j])\n\
         v[i,j]' = A*u[i,j] - u[i,j]^2*v[i,j] + alpha*(v[i-1,j] + v[i+1,j] + v[i,j-1] + v[i,j+1] - 4*v[i,j])\n"
    )
}

fn compile(text: &str) -> Compiled {
    let model = Model::parse(text).unwrap_or_else(|errors| panic!("{errors}"));
    model.compile().unwrap_or_else(|error| panic!("{error}"))
}

fn text_to_kernels(c: &mut Criterion) {
    let mut group = c.benchmark_group("text to kernels");
    for (name, text) in [("robertson", ROBERTSON), ("pollution", POLLUTION), ("medical_akzo", MEDICAL_AKZO)] {
        group.bench_function(name, |b| b.iter(|| compile(black_box(text))));
    }
    for n in [32, 128, 512] {
        let text = brusselator(n);
        println!("brusselator {n}: {} bytes of code", compile(&text).code_bytes());
        group.bench_function(BenchmarkId::new("brusselator_2d", n), |b| b.iter(|| compile(black_box(&text))));
    }
    group.finish();
}

fn stages(c: &mut Criterion) {
    let mut group = c.benchmark_group("stages of pollution");
    let sources = Sources::new("pollution", POLLUTION);
    let (ast, _) = rhapsode::lang::parse(sources.main());
    let model = Model::parse(POLLUTION).unwrap_or_else(|errors| panic!("{errors}"));
    group.bench_function("parse", |b| b.iter(|| rhapsode::lang::parse(black_box(sources.main()))));
    group.bench_function("check", |b| b.iter(|| rhapsode::model::check(black_box(&sources), black_box(&ast))));
    group.bench_function("derive", |b| b.iter(|| rhapsode::diff::derive(black_box(model.checked()))));
    group.bench_function("lower", |b| {
        let target = Target64 { fma: rhapsode::backend::host_has_fma() };
        b.iter(|| lower(black_box(model.checked()), black_box(model.derivatives()), target));
    });
    #[cfg(feature = "jit")]
    {
        let lowered = model.lower();
        group.bench_function("emit native code", |b| {
            b.iter(|| rhapsode::backend::native::Native::new(black_box(&lowered.program)));
        });
    }
    group.finish();
}

/// y, bound parameters, work and result for calls to a system.
fn buffers(compiled: &Compiled) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>) {
    let n = compiled.model().checked().parameter_count();
    let defaults = compiled.problem().parameter_values().unwrap_or_else(|_| vec![1.0; n]);
    let p = compiled.bind(&defaults);
    let y: Vec<f64> = compiled.initial(0.0, &p).iter().map(|y| y + 1e-3).collect();
    let shape = compiled.system().shape();
    let (work, dim) = (shape.work, shape.dim());
    (y, p, vec![0.0; work], vec![0.0; dim])
}

fn right_hand_sides(c: &mut Criterion) {
    let mut group = c.benchmark_group("rhs lorenz");
    let compiled = compile(LORENZ);
    let (y, p, mut w, mut dy) = buffers(&compiled);
    group.bench_function("rhapsode", |b| {
        b.iter(|| compiled.system().rhs(0.0, black_box(&y), black_box(&p), &mut w, black_box(&mut dy)))
    });
    group.bench_function("rust", |b| b.iter(|| lorenz(black_box(&y), black_box(&p), black_box(&mut dy))));
    // The same formulas behind the same interface a solver sees.
    let by_hand = rhapsode::system::ClosureSystem::new(3, 3, |_, y, p, dy| lorenz(y, p, dy));
    let by_hand: &dyn System = black_box(&by_hand);
    group.bench_function("rust as a System", |b| {
        b.iter(|| by_hand.rhs(0.0, black_box(&y), black_box(&p), &mut w, black_box(&mut dy)))
    });
    #[cfg(feature = "jit")]
    {
        use rhapsode::backend::{Arguments, Kernels, native::Native};
        let native = Native::new(&compiled.model().lower().program).unwrap_or_else(|error| panic!("{error}"));
        let kernel = native.find("rhs").map(|id| native.function(id)).unwrap_or_else(|| panic!("no rhs"));
        group.bench_function("rhapsode, the kernel alone", |b| {
            b.iter(|| {
                kernel.call(Arguments {
                    t: 0.0,
                    y: black_box(&y),
                    p: black_box(&p),
                    v: &[],
                    w: &mut w,
                    out: black_box(&mut dy),
                })
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("rhs pollution");
    let compiled = compile(POLLUTION);
    let (y, p, mut w, mut dy) = buffers(&compiled);
    group.bench_function("rhapsode", |b| {
        b.iter(|| compiled.system().rhs(0.0, black_box(&y), black_box(&p), &mut w, black_box(&mut dy)))
    });
    group.bench_function("rust", |b| b.iter(|| pollution(black_box(&y), black_box(&p), black_box(&mut dy))));
    let mut values = vec![0.0; compiled.system().jacobian_pattern().nnz()];
    group.bench_function("jacobian", |b| {
        b.iter(|| compiled.system().jacobian(0.0, black_box(&y), black_box(&p), &mut w, black_box(&mut values)));
    });
    group.finish();

    let mut group = c.benchmark_group("rhs brusselator_2d");
    for n in [32, 128] {
        let compiled = compile(&brusselator(n));
        let (y, p, mut w, mut dy) = buffers(&compiled);
        group.bench_function(BenchmarkId::new("rhapsode", n), |b| {
            b.iter(|| compiled.system().rhs(0.0, black_box(&y), black_box(&p), &mut w, black_box(&mut dy)));
        });
        group.bench_function(BenchmarkId::new("rust", n), |b| {
            b.iter(|| brusselator_rust(n, black_box(&y), black_box(&p), black_box(&mut dy)));
        });
    }
    group.finish();
}

fn solves(c: &mut Criterion) {
    let mut group = c.benchmark_group("solve");
    let cases = [
        ("lorenz 0..10", LORENZ, 10.0, Method::Dop853, 1e-7),
        ("robertson 0..1e11", ROBERTSON, 1e11, Method::Rodas5P, 1e-6),
        ("pollution 0..60", POLLUTION, 60.0, Method::Rodas5P, 1e-6),
        ("medical_akzo 0..20", MEDICAL_AKZO, 20.0, Method::Auto, 1e-6),
    ];
    group.sample_size(20);
    for (name, text, end, method, rtol) in cases {
        let compiled = compile(text);
        let problem = compiled.problem().span(0.0..end).method(method).rtol(rtol);
        group.bench_function(name, |b| b.iter(|| problem.solve().map(|s| s.len()).unwrap_or(0)));
    }
    group.finish();
}

#[inline(never)]
fn lorenz(y: &[f64], p: &[f64], dy: &mut [f64]) {
    let ([x, y, z], [sigma, rho, beta]) = ([y[0], y[1], y[2]], [p[0], p[1], p[2]]);
    dy[0] = sigma * (y - x);
    dy[1] = x * (rho - z) - y;
    dy[2] = x * y - beta * z;
}

#[inline(never)]
fn pollution(y: &[f64], k: &[f64], dy: &mut [f64]) {
    let (y, k): (&[f64; 20], &[f64; 25]) = match (y.first_chunk(), k.first_chunk()) {
        (Some(y), Some(k)) => (y, k),
        _ => return,
    };
    let r = [
        k[0] * y[0],
        k[1] * y[1] * y[3],
        k[2] * y[4] * y[1],
        k[3] * y[6],
        k[4] * y[6],
        k[5] * y[6] * y[5],
        k[6] * y[8],
        k[7] * y[8] * y[5],
        k[8] * y[10] * y[1],
        k[9] * y[10] * y[0],
        k[10] * y[12],
        k[11] * y[9] * y[1],
        k[12] * y[13],
        k[13] * y[0] * y[5],
        k[14] * y[2],
        k[15] * y[3],
        k[16] * y[3],
        k[17] * y[15],
        k[18] * y[15],
        k[19] * y[16] * y[5],
        k[20] * y[18],
        k[21] * y[18],
        k[22] * y[0] * y[3],
        k[23] * y[18] * y[0],
        k[24] * y[19],
    ];
    let Some(dy) = dy.first_chunk_mut::<20>() else { return };
    dy[0] = -r[0] - r[9] - r[13] - r[22] - r[23] + r[1] + r[2] + r[8] + r[10] + r[11] + r[21] + r[24];
    dy[1] = -r[1] - r[2] - r[8] - r[11] + r[0] + r[20];
    dy[2] = -r[14] + r[0] + r[16] + r[18] + r[21];
    dy[3] = -r[1] - r[15] - r[16] - r[22] + r[14];
    dy[4] = -r[2] + 2.0 * r[3] + r[5] + r[6] + r[12] + r[19];
    dy[5] = -r[5] - r[7] - r[13] - r[19] + r[2] + 2.0 * r[17];
    dy[6] = -r[3] - r[4] - r[5] + r[12];
    dy[7] = r[3] + r[4] + r[5] + r[6];
    dy[8] = -r[6] - r[7];
    dy[9] = -r[11] + r[6] + r[8];
    dy[10] = -r[8] - r[9] + r[7] + r[10];
    dy[11] = r[8];
    dy[12] = -r[10] + r[9];
    dy[13] = -r[12] + r[11];
    dy[14] = r[13];
    dy[15] = -r[17] - r[18] + r[15];
    dy[16] = -r[19];
    dy[17] = r[19];
    dy[18] = -r[20] - r[21] - r[23] + r[22] + r[24];
    dy[19] = -r[24] + r[23];
}

/// Interior by slices (which the compiler vectorises), edges by wrapping: the way one would write it by hand.
#[inline(never)]
fn brusselator_rust(n: usize, y: &[f64], p: &[f64], dy: &mut [f64]) {
    let [a, b, alpha] = [p[0], p[1], p[2]];
    let (u, v) = y.split_at(n * n);
    let (du, dv) = dy.split_at_mut(n * n);
    for i in 0..n {
        let (up, down) = ((i + n - 1) % n * n, (i + 1) % n * n);
        let row = i * n;
        let point = |left: usize, j: usize, right: usize| {
            let (uc, vc) = (u[row + j], v[row + j]);
            let uuv = uc * uc * vc;
            let lap_u = u[up + j] + u[down + j] + u[row + left] + u[row + right] - 4.0 * uc;
            let lap_v = v[up + j] + v[down + j] + v[row + left] + v[row + right] - 4.0 * vc;
            (b + uuv - (a + 1.0) * uc + alpha * lap_u, a * uc - uuv + alpha * lap_v)
        };
        (du[row], dv[row]) = point(n - 1, 0, 1);
        (du[row + n - 1], dv[row + n - 1]) = point(n - 2, n - 1, 0);
        let (u0, um, up1) = (&u[row..row + n - 2], &u[row + 1..row + n - 1], &u[row + 2..row + n]);
        let (v0, vm, vp1) = (&v[row..row + n - 2], &v[row + 1..row + n - 1], &v[row + 2..row + n]);
        let (uu, ud) = (&u[up + 1..up + n - 1], &u[down + 1..down + n - 1]);
        let (vu, vd) = (&v[up + 1..up + n - 1], &v[down + 1..down + n - 1]);
        let (du, dv) = (&mut du[row + 1..row + n - 1], &mut dv[row + 1..row + n - 1]);
        for j in 0..n - 2 {
            let uuv = um[j] * um[j] * vm[j];
            du[j] = b + uuv - (a + 1.0) * um[j] + alpha * (uu[j] + ud[j] + u0[j] + up1[j] - 4.0 * um[j]);
            dv[j] = a * um[j] - uuv + alpha * (vu[j] + vd[j] + v0[j] + vp1[j] - 4.0 * vm[j]);
        }
    }
}

criterion_group!(benches, text_to_kernels, stages, right_hand_sides, solves);
criterion_main!(benches);
