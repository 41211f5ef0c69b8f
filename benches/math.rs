//! Nanoseconds per value of the elementary functions: one at a time and in slices, against the standard library (which asks
//! the platform's). `cargo bench --bench math -- exp` runs those of one function.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rhapsode::Model;
use rhapsode::math::{Entry, Function};
use std::hint::black_box;

const N: usize = 1024;

/// The same function of the standard library.
fn standard(function: Function) -> Option<fn(f64, f64) -> f64> {
    Some(match function {
        Function::Exp => |x, _| x.exp(),
        Function::Expm1 => |x, _| x.exp_m1(),
        Function::Log => |x, _| x.ln(),
        Function::Log1p => |x, _| x.ln_1p(),
        Function::Log2 => |x, _| x.log2(),
        Function::Log10 => |x, _| x.log10(),
        Function::Cbrt => |x, _| x.cbrt(),
        Function::Sin => |x, _| x.sin(),
        Function::Cos => |x, _| x.cos(),
        Function::Tan => |x, _| x.tan(),
        Function::Asin => |x, _| x.asin(),
        Function::Acos => |x, _| x.acos(),
        Function::Atan => |x, _| x.atan(),
        Function::Sinh => |x, _| x.sinh(),
        Function::Cosh => |x, _| x.cosh(),
        Function::Tanh => |x, _| x.tanh(),
        Function::Asinh => |x, _| x.asinh(),
        Function::Acosh => |x, _| x.acosh(),
        Function::Atanh => |x, _| x.atanh(),
        Function::Pow => |x, y| x.powf(y),
        Function::Atan2 => |x, y| x.atan2(y),
        Function::Hypot => |x, y| x.hypot(y),
        _ => return None,
    })
}

fn functions(c: &mut Criterion) {
    for &function in Function::ALL {
        let Some(standard) = standard(function) else { continue };
        let spread = |k: usize, a: f64, b: f64| a + (b - a) * ((k * 619) % N) as f64 / N as f64;
        let (a, b) = match function {
            Function::Log | Function::Log2 | Function::Log10 | Function::Log1p | Function::Pow | Function::Acosh => {
                (1.1, 9.0)
            }
            Function::Asin | Function::Acos | Function::Atanh => (-0.99, 0.99),
            _ => (-5.0, 5.0),
        };
        let xs: Vec<f64> = (0..N).map(|k| spread(k, a, b)).collect();
        let ys: Vec<f64> = (0..N).map(|k| spread(k + 7, -3.0, 3.0)).collect();
        let mut out = vec![0.0; N];
        let mut group = c.benchmark_group(function.name());
        group.throughput(Throughput::Elements(N as u64));
        let standard = black_box(standard);
        group.bench_function("standard", |b| {
            b.iter(|| (0..N).for_each(|k| out[k] = standard(xs[k], ys[k])));
        });
        group.bench_function("one", |b| match black_box(function.entry()) {
            Entry::One(f) => b.iter(|| (0..N).for_each(|k| out[k] = f(xs[k]))),
            Entry::Two(f) => b.iter(|| (0..N).for_each(|k| out[k] = f(xs[k], ys[k]))),
        });
        group.bench_function("slice", |b| {
            b.iter(|| {
                out.copy_from_slice(&xs);
                function.eval_slice(&mut out, &ys);
            });
        });
        group.finish();
    }
}

/// Right-hand sides made of calls: per call, in native code.
fn kernels(c: &mut Criterion) {
    let eight: String = (0..8).map(|k| format!("x{k}' = exp(-{}*x{k}) - x{k}\ninit x{k} = 0.{k}\n", k + 1)).collect();
    let array = "const N = 1000\nindex i = 1..N\ninit x[i] = i/N\nx[i]' = exp(-x[i]) - x[i]\n";
    let chain = "init x = 0.3\nx' = exp(-exp(-exp(-exp(-x))))\n";
    for (name, text, calls) in
        [("eight side by side", eight.as_str(), 8), ("an array", array, 1000), ("a chain", chain, 4)]
    {
        let model = Model::parse(text).unwrap_or_else(|errors| panic!("{errors}"));
        let compiled = model.compile().unwrap_or_else(|error| panic!("{error}"));
        let p = compiled.bind(&[]);
        let y = compiled.initial(0.0, &p);
        let (mut work, mut dy) = (vec![0.0; compiled.system().shape().work], vec![0.0; y.len()]);
        let mut group = c.benchmark_group("kernels");
        group.throughput(Throughput::Elements(calls));
        group.bench_function(name, |b| {
            b.iter(|| compiled.system().rhs(0.0, black_box(&y), &p, &mut work, &mut dy));
        });
        group.finish();
    }
}

criterion_group!(benches, functions, kernels);
criterion_main!(benches);
