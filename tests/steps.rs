//! Whole steps as one kernel against the same steps stage by stage.

mod common;
#[path = "common/plain.rs"]
mod plain;

use std::sync::Arc;

use rhapsode::solve::methods::{rodas4::RODAS4, rodas5p::RODAS5P, rosenbrock23::ROSENBROCK23, tableau};
use rhapsode::solve::rosenbrock::Rosenbrock;
use rhapsode::solve::tableau::Explicit;
use rhapsode::solve::{Method, Options, Save, Solution, Tolerance, integrate};
use rhapsode::system::{CompiledNewton, CompiledStep, EXTRA, HISTORY, NEWTON_LIMITS, NEWTON_PARTS, System};
use rhapsode::{Backend, Compiled, Model};

use plain::Plain;

/// The explicit methods.
fn explicit() -> impl Iterator<Item = (&'static Explicit, Method)> {
    Method::ALL.iter().filter_map(|method| tableau(*method).map(|tableau| (tableau, *method)))
}

/// Loops, wrapped subscripts, sums, time, conditions, functions, work arrays: everything a right-hand side can hold.
const EVERYTHING: &str = "
const N = 5
index i, j = 1..N
index k = 1..N periodic
param a = 0.3, b = 2
param W[i,j] = sin(i + 2*j)/N
init x[i] = 0.1*i, u[k] = cos(k), z = 1
flow[i] = tanh(sum[j](W[i,j]*x[j]))
total = sum[i](flow[i]^2)
x[i]' = -x[i] + flow[i] + a*sin(b*t)
u[k]' = u[k+1] - 2*u[k] + u[k-1] + (if z > 0.5 then exp(-z)*x[k] else sqrt(abs(z)))
z' = -z*total + max(u[1], min(u[2], 0.2*t)) + i_sum
i_sum = sum[i](i*x[i])/100
";

fn compile(text: &str, backend: Backend) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile_with(backend).unwrap()
}

fn start(compiled: &Compiled) -> (Vec<f64>, Vec<f64>) {
    let p = compiled.bind(&compiled.problem().parameter_values().unwrap());
    (compiled.initial(0.0, &p), p)
}

/// The numbers of one step from a start: new state, error, differences, stages; then the interpolant's coefficients.
fn one_step(step: &dyn CompiledStep, compiled: &Compiled, method: &Explicit, t: f64, h: f64) -> (Vec<f64>, Vec<f64>) {
    let (y, p) = start(compiled);
    let n = y.len();
    let mut limits = vec![h, 1e-6, f64::NEG_INFINITY, f64::INFINITY];
    limits.extend((0..n).map(|k| 1e-6 * (1.0 + k as f64)));
    let mut w = vec![f64::NAN; step.work()];
    let mut scratch = vec![0.0; compiled.system().shape().work];
    compiled.system().rhs(t, &y, &p, &mut scratch, &mut w[..n]);
    let mut out = vec![f64::NAN; n + EXTRA];
    step.attempt(t, &y, &p, &limits, &mut w, &mut out);
    out.extend_from_slice(&w[..method.stages * n]);
    let mut dense = Vec::new();
    if !method.formula().interpolant.is_empty() {
        limits.extend_from_slice(&out[..n]);
        dense = vec![f64::NAN; 7 * n];
        step.interpolant(t, &y, &p, &limits, &mut w, &mut dense);
    }
    (out, dense)
}

/// The Rosenbrock methods.
const ROSENBROCK: [(&Rosenbrock, Method); 3] =
    [(&ROSENBROCK23, Method::Rosenbrock23), (&RODAS4, Method::Rodas4), (&RODAS5P, Method::Rodas5P)];

/// The numbers of one Rosenbrock step from a start: what the step says, then its stages.
fn one_rosenbrock(step: &dyn CompiledStep, compiled: &Compiled, method: &Rosenbrock, t: f64, h: f64) -> Vec<f64> {
    let (y, p) = start(compiled);
    let n = y.len();
    let mut limits = vec![h, 1e-6, f64::NEG_INFINITY, f64::INFINITY];
    limits.extend((0..n).map(|k| 1e-6 * (1.0 + k as f64)));
    let mut scratch = vec![0.0; compiled.system().shape().work];
    let mut point = y.clone();
    point.resize(2 * n + EXTRA, f64::NAN);
    compiled.system().rhs(t, &y, &p, &mut scratch, &mut point[n + EXTRA..]);
    let mut w = vec![f64::NAN; step.work()];
    let mut out = vec![f64::NAN; 2 * n + EXTRA];
    step.attempt(t, &point, &p, &limits, &mut w, &mut out);
    out.extend_from_slice(&w[..method.c.len() * n]);
    out
}

#[test]
fn rosenbrock_steps_of_both_backends_agree_bit_for_bit() {
    for (name, text, _) in models() {
        let (native, interpreted) = (compile(&text, Backend::Jit), compile(&text, Backend::Interpret));
        for (method, _) in ROSENBROCK {
            let steps = [&native, &interpreted].map(|c| c.system().rosenbrock_step(&method.formula()).unwrap());
            let expected = one_rosenbrock(&*steps[1], &interpreted, method, 0.25, 0.01);
            assert!(expected.iter().all(|x| x.is_finite()), "{name}: {expected:?}");
            for call in 0..1_000 {
                let found = one_rosenbrock(&*steps[0], &native, method, 0.25, 0.01);
                assert_eq!(bits(&found), bits(&expected), "{name} {} call {call}", method.name);
            }
        }
    }
}

/// The tableau multiplied out, W solved by elimination with pivoting on dense rows.
#[test]
fn a_rosenbrock_step_is_what_its_tableau_says() {
    for (name, text, _) in models() {
        let compiled = compile(&text, Backend::Interpret);
        let system = compiled.system();
        let (y, p) = start(&compiled);
        let n = y.len();
        let mut scratch = vec![0.0; system.shape().work];
        for (method, _) in ROSENBROCK {
            let (t, h) = (0.25, 1e-3);
            let step = system.rosenbrock_step(&method.formula()).unwrap();
            let found = one_rosenbrock(&*step, &compiled, method, t, h);
            let pattern = system.jacobian_pattern();
            let mut values = vec![0.0; pattern.nnz()];
            system.jacobian(t, &y, &p, &mut scratch, &mut values);
            let mut ft = vec![0.0; n];
            system.time_derivative(t, &y, &p, &mut scratch, &mut ft);
            let mut w = vec![vec![0.0; n]; n];
            for j in 0..n {
                w[j][j] = 1.0 / (method.gamma * h);
                for k in pattern.column(j) {
                    w[pattern.rows()[k]][j] -= values[k];
                }
            }
            let mut u: Vec<Vec<f64>> = Vec::new();
            let sum = |weights: &[f64], u: &[Vec<f64>], j: usize| -> f64 {
                weights.iter().zip(u).map(|(a, u)| a * u[j]).sum()
            };
            for i in 0..method.c.len() {
                let argument: Vec<f64> = (0..n).map(|j| y[j] + sum(method.a[i], &u, j)).collect();
                let mut b = vec![0.0; n];
                system.rhs(t + method.c[i] * h, &argument, &p, &mut scratch, &mut b);
                for j in 0..n {
                    b[j] += sum(method.cc[i], &u, j) / h + h * method.d[i] * ft[j];
                }
                u.push(gauss(w.clone(), b));
            }
            let new: Vec<f64> = (0..n).map(|j| y[j] + sum(method.m, &u, j)).collect();
            let mut f = vec![0.0; n];
            system.rhs(t + h, &new, &p, &mut scratch, &mut f);
            let share =
                |j: usize| sum(method.e, &u, j) / (1e-6 * (1.0 + j as f64) + 1e-6 * y[j].abs().max(new[j].abs()));
            let error = ((0..n).map(|j| share(j).powi(2)).sum::<f64>() / n as f64).sqrt();
            let norm = pattern.norm(&values, &mut vec![0.0; n]);
            let close = |found: f64, wanted: f64, within: f64, what: &str| {
                assert!((found - wanted).abs() <= within, "{name} {} {what}: {found} {wanted}", method.name);
            };
            // Pollution's stages are differences of rates of 1e12: what is lost is the condition of the problem.
            let size = |v: &[f64]| v.iter().fold(1e-30f64, |most, x| most.max(x.abs()));
            for j in 0..n {
                close(found[j], new[j], 1e-12 * size(&new), "y");
                close(found[n + EXTRA + j], f[j], 1e-9 * size(&f), "f");
            }
            for (i, u) in u.iter().enumerate() {
                let all: f64 = size(&y).max(size(u));
                for j in 0..n {
                    close(found[2 * n + EXTRA + i * n + j], u[j], 1e-11 * all, "u");
                }
            }
            close(found[n], error, 1e-4 * error + 1e-7, "error");
            assert_eq!(found[n + 1], 1.0, "{name}");
            close(found[n + 2], norm, 1e-13 * norm, "norm");
        }
    }
}

/// x of `a x = b`, with pivoting by rows.
fn gauss(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|i, j| a[*i][k].abs().total_cmp(&a[*j][k].abs())).unwrap();
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..n {
            let l = a[i][k] / a[k][k];
            for j in k..n {
                a[i][j] -= l * a[k][j];
            }
            b[i] -= l * b[k];
        }
    }
    for k in (0..n).rev() {
        let rest: f64 = (k + 1..n).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - rest) / a[k][k];
    }
    b
}

#[test]
fn stiff_runs_of_both_backends_agree_and_take_the_way_of_plain_ones() {
    let stiff = [
        ("robertson", include_str!("../examples/models/robertson.ode"), 1e4),
        ("van der pol", "init x = 2, y = 0\nx' = y\ny' = 1e3*((1 - x^2)*y - x) + sin(t)", 2.0),
        ("oregonator", include_str!("../examples/models/oregonator.ode"), 30.0),
        ("hires", include_str!("../examples/models/hires.ode"), 300.0),
        ("pollution", include_str!("../examples/models/pollution.ode"), 60.0),
        ("everything", EVERYTHING, 20.0),
    ];
    for (name, text, end) in stiff {
        let (native, interpreted) = (compile(text, Backend::Jit), compile(text, Backend::Interpret));
        for (method, kind) in ROSENBROCK {
            assert!(native.system().rosenbrock_step(&method.formula()).is_some(), "{name} has no step");
            let rtol = 1e-5;
            let mut options = options(kind, rtol, end);
            options.save = Save::At((0..=20).map(|k| end * f64::from(k) / 20.0).collect());
            let expected = solve(interpreted.system(), &interpreted, &options);
            for _ in 0..3 {
                let found = solve(native.system(), &native, &options);
                for k in 0..native.system().shape().dim() {
                    assert_eq!(bits(found.state(k)), bits(expected.state(k)), "{name} {}", kind.name());
                }
            }
            let plain = solve(&Plain(native.system()), &native, &options);
            let (a, b) = (expected.statistics.steps as f64, plain.statistics.steps as f64);
            assert!((a - b).abs() <= 2.0 + 0.02 * b, "{name} {}: {a} steps, {b} by stages", kind.name());
            for k in 0..native.system().shape().dim() {
                let size = plain.state(k).iter().fold(0.0f64, |most, x| most.max(x.abs()));
                for (a, b) in expected.state(k).iter().zip(plain.state(k)) {
                    assert!((a - b).abs() <= 20.0 * rtol * size, "{name} {}: {a}, {b}", kind.name());
                }
            }
        }
    }
}

#[test]
fn bad_pivots_are_found_and_replaced() {
    // 1/(γh) is what stands on the diagonal of J: W has zeros there, and its inverse is its own transpose.
    let rate = 4.0;
    let text = format!("init x = 1, y = 0.5\nx' = {rate}*x + y\ny' = {rate}*y - x");
    let compiled = compile(&text, Backend::Jit);
    let system = compiled.system();
    let step = system.rosenbrock_step(&RODAS5P.formula()).unwrap();
    let h = 1.0 / (RODAS5P.gamma * rate);
    assert_eq!(one_rosenbrock(&*step, &compiled, &RODAS5P, 0.0, h)[3], 0.0, "such pivots must not pass for good");
    assert_eq!(one_rosenbrock(&*step, &compiled, &RODAS5P, 0.0, 0.9 * h)[3], 1.0);
    let mut options = options(Method::Rodas5P, 1e-8, 3.0);
    options.first_step = Some(h);
    let (whole, plain) = (solve(system, &compiled, &options), solve(&Plain(system), &compiled, &options));
    let exact = (rate * 3.0f64).exp() * (3f64.cos() + 0.5 * 3f64.sin());
    for solution in [whole, plain] {
        assert!((solution.last()[0] / exact - 1.0).abs() < 1e-6, "{:?} {exact}", solution.last());
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn steps_of_both_backends_agree_bit_for_bit() {
    for (name, text, h) in models() {
        let (native, interpreted) = (compile(&text, Backend::Jit), compile(&text, Backend::Interpret));
        for (method, _) in explicit() {
            let steps: Vec<Arc<dyn CompiledStep>> = [&native, &interpreted]
                .iter()
                .map(|c| c.system().explicit_step(&method.formula()).unwrap_or_else(|| panic!("{name} has no step")))
                .collect();
            let expected = one_step(&*steps[1], &interpreted, method, 0.25, h);
            assert!(expected.0.iter().chain(&expected.1).all(|x| x.is_finite()), "{name}: {expected:?}");
            // Native code takes over after some hundred steps.
            for call in 0..2_000 {
                let found = one_step(&*steps[0], &native, method, 0.25, h);
                assert_eq!(bits(&found.0), bits(&expected.0), "{name} {} call {call}", method.name);
                assert_eq!(bits(&found.1), bits(&expected.1), "{name} {} call {call}", method.name);
            }
        }
    }
}

/// The tableau, multiplied out with no thought of order or rounding.
#[test]
fn a_step_is_what_its_tableau_says() {
    for (name, text, h) in models() {
        let compiled = compile(&text, Backend::Interpret);
        let (y, p) = start(&compiled);
        let n = y.len();
        let mut scratch = vec![0.0; compiled.system().shape().work];
        for (method, _) in explicit() {
            let step = compiled.system().explicit_step(&method.formula()).unwrap();
            let t = 0.25;
            let (found, _) = one_step(&*step, &compiled, method, t, h);
            let mut k: Vec<Vec<f64>> = Vec::new();
            let mut arguments: Vec<Vec<f64>> = Vec::new();
            for i in 0..method.stages {
                let sum = |j: usize| (0..i).map(|l| method.a[i][l] * k[l][j]).sum::<f64>();
                let argument: Vec<f64> = (0..n).map(|j| y[j] + h * sum(j)).collect();
                let mut f = vec![0.0; n];
                compiled.system().rhs(t + method.c[i] * h, &argument, &p, &mut scratch, &mut f);
                k.push(f);
                arguments.push(argument);
            }
            let (new, late) = (&arguments[method.stages - 1], &arguments[method.stages - 2]);
            let norm = |weights: &[f64]| {
                let share = |j: usize| {
                    let error: f64 = h * weights.iter().zip(&k).map(|(e, k)| e * k[j]).sum::<f64>();
                    error / (1e-6 * (1.0 + j as f64) + 1e-6 * y[j].abs().max(new[j].abs()))
                };
                ((0..n).map(|j| share(j).powi(2)).sum::<f64>() / n as f64).sqrt()
            };
            let error = match method.error {
                rhapsode::solve::tableau::ErrorEstimate::Weights(e) => norm(e),
                rhapsode::solve::tableau::ErrorEstimate::Pair(third, fifth) => {
                    let (e3, e5) = (norm(third), norm(fifth));
                    e5 * e5 / (e5 * e5 + 0.01 * e3 * e3).sqrt()
                }
            };
            let close = |found: f64, wanted: f64, scale: f64, what: &str| {
                let size = scale.max(wanted.abs());
                assert!((found - wanted).abs() <= size, "{name} {} {what}: {found} {wanted}", method.name);
            };
            for j in 0..n {
                close(found[j], new[j], 1e-15 * (1.0 + new[j].abs()), "y");
                for i in 0..method.stages {
                    close(found[n + EXTRA + i * n + j], k[i][j], 1e-13 * (1.0 + k[i][j].abs()), "k");
                }
            }
            // The estimates are small differences of large sums.
            close(found[n], error, 1e-6 * error + 1e-9, "error");
            let squares = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            if !method.twins() {
                assert_eq!(&found[n + 1..n + 3], &[0.0, 0.0], "{name} {}", method.name);
                continue;
            }
            let up = squares(&k[method.stages - 1], &k[method.stages - 2]);
            let rounding: f64 = k[method.stages - 1].iter().map(|k| (1e-14 * (1.0 + k.abs())).powi(2)).sum();
            close(found[n + 1], up, 1e-6 * up + rounding, "up");
            let down = squares(new, late);
            close(found[n + 2], down, 1e-6 * down + 1e-28, "down");
        }
    }
}

/// A model and a step within its stability.
fn models() -> Vec<(&'static str, String, f64)> {
    let short = |(name, text)| (name, text, if name == "pollution" { 1e-12 } else { 0.01 });
    let models = [
        ("lorenz", include_str!("../examples/models/lorenz.ode").to_string()),
        ("everything", EVERYTHING.to_string()),
        ("hodgkin_huxley", include_str!("../examples/models/hodgkin_huxley.ode").to_string()),
        ("pollution", include_str!("../examples/models/pollution.ode").to_string()),
        ("decay", "init x = 1\nx' = -x".to_string()),
    ];
    models.into_iter().map(short).collect()
}

/// Those that an explicit method gets through.
fn mild() -> Vec<(&'static str, String)> {
    models().into_iter().filter(|(.., h)| *h == 0.01).map(|(name, text, _)| (name, text)).collect()
}

fn options(method: Method, rtol: f64, end: f64) -> Options<'static> {
    let mut options = Options::new(0.0, end);
    options.method = method;
    options.rtol = rtol;
    options.atol = Tolerance::Scalar(1e-3 * rtol);
    // A system that offers no steps, which others are compared with here, does not tell its switches either.
    options.over_switches = true;
    options
}

fn solve(system: &dyn System, compiled: &Compiled, options: &Options) -> Solution {
    let (y, p) = start(compiled);
    integrate(system, &y, &p, options).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn runs_of_both_backends_agree_and_do_not_depend_on_what_ran_before() {
    for (name, text) in mild() {
        let (native, interpreted) = (compile(&text, Backend::Jit), compile(&text, Backend::Interpret));
        for (_, method) in explicit() {
            let mut options = options(method, 1e-7, 2.0);
            options.save = Save::At((0..=40).map(|k| 0.05 * f64::from(k)).collect());
            let expected = solve(interpreted.system(), &interpreted, &options);
            for _ in 0..8 {
                let found = solve(native.system(), &native, &options);
                let n = native.system().shape().dim();
                for k in 0..n {
                    assert_eq!(bits(found.state(k)), bits(expected.state(k)), "{name} {}", method.name());
                }
                assert_eq!(found.statistics.rhs, expected.statistics.rhs, "{name} {}", method.name());
            }
        }
    }
}

#[test]
fn compiled_and_plain_steps_take_the_same_way() {
    for (name, text) in mild() {
        let compiled = compile(&text, Backend::Jit);
        for (_, method) in explicit() {
            let rtol = 1e-7;
            let mut options = options(method, rtol, 2.0);
            options.save = Save::At((0..=40).map(|k| 0.05 * f64::from(k)).collect());
            let (whole, plain) =
                (solve(compiled.system(), &compiled, &options), solve(&Plain(compiled.system()), &compiled, &options));
            let (a, b) = (&whole.statistics, &plain.statistics);
            assert_eq!((a.steps, a.rejected), (b.steps, b.rejected), "{name} {}", method.name());
            for k in 0..compiled.system().shape().dim() {
                for (a, b) in whole.state(k).iter().zip(plain.state(k)) {
                    // Less than the tolerance: where the estimate is all rounding, step sizes differ a little.
                    assert!((a - b).abs() <= 0.1 * rtol * (1.0 + b.abs()), "{name} {}: {a}, {b}", method.name());
                }
            }
        }
    }
}

#[test]
fn large_systems_have_no_step_of_one_kernel() {
    let wide = "const N = 200\nindex i = 1..N\ninit x[i] = i\nx[i]' = -x[i]";
    let compiled = compile(wide, Backend::Jit);
    assert!(explicit().all(|(method, _)| compiled.system().explicit_step(&method.formula()).is_none()));
}

#[test]
fn a_jump_is_seen_from_one_side_and_a_bad_point_is_refused() {
    // f jumps at the breakpoint; both sides must see their own limit at it.
    let compiled = compile("init x = 0\nx' = if t < 1 then 1 else -1", Backend::Jit);
    for (_, method) in explicit() {
        let mut options = options(method, 1e-9, 2.0);
        options.breakpoints = vec![1.0];
        let solution = solve(compiled.system(), &compiled, &options);
        assert!(solution.last()[0].abs() < 1e-14, "{} {:?}", method.name(), solution.last());
        assert!(solution.statistics.rejected == 0, "{}", method.name());
    }
    let compiled = compile("init x = 1\nx' = x^2", Backend::Jit);
    let (y, p) = start(&compiled);
    for (_, method) in explicit() {
        let error = integrate(compiled.system(), &y, &p, &options(method, 1e-8, 2.0)).expect_err("a pole at 1");
        assert!((error.time - 1.0).abs() < 1e-3, "{error}");
    }
    // No step can be small enough: the component is named.
    let compiled = compile("init x = 1, y = 1\nx' = -1e-3*x\ny' = sqrt(0.5 - t)*y", Backend::Jit);
    let (y, p) = start(&compiled);
    let error = integrate(compiled.system(), &y, &p, &options(Method::Tsit5, 1e-8, 2.0)).expect_err("not a number");
    assert!(error.to_string().contains('y'), "{error}");
}

/// What Newton's iterations are given: everything but the factors.
struct Newton {
    t: f64,
    p: Vec<f64>,
    limits: Vec<f64>,
    w: Vec<f64>,
    factors: Vec<f64>,
    jacobian: Vec<f64>,
    inverse: f64,
}

fn newton(code: &dyn CompiledNewton, compiled: &Compiled) -> Newton {
    let system = compiled.system();
    let (y, p) = start(compiled);
    let (n, t, c) = (y.len(), 0.25, 2e-3);
    let mut limits = vec![-1.0 / c, 0.9, 1e-6, f64::NEG_INFINITY, f64::INFINITY];
    limits.extend([1.0, 1.0, 1.0, 0.0, 0.0, 0.7, 0.4, 0.2, 0.0, 0.0]);
    limits.extend((0..n).map(|k| 1e-6 * (1.0 + k as f64)));
    limits.extend(&y);
    let mut w = vec![f64::NAN; code.work().max((HISTORY + NEWTON_PARTS) * n)];
    for k in 0..HISTORY {
        for j in 0..n {
            w[k * n + j] = if k == 0 { y[j] } else { 1e-2f64.powi(k as i32) * ((j + k) as f64).sin() };
        }
    }
    let mut scratch = vec![0.0; system.shape().work];
    let mut jacobian = vec![0.0; system.jacobian_pattern().nnz()];
    system.jacobian(t, &y, &p, &mut scratch, &mut jacobian);
    let strategy = system.strategy();
    let eliminator = strategy.eliminator.as_ref().unwrap();
    let mut factors = vec![0.0; eliminator.lengths().0];
    eliminator.factor(1.0 / c, &jacobian, &mut factors);
    assert!(factors.len() >= code.factors());
    Newton { t, p, limits, w, factors, jacobian, inverse: 1.0 / c }
}

#[test]
fn newton_iterations_of_both_backends_agree_bit_for_bit() {
    for (name, text, _) in models() {
        let (native, interpreted) = (compile(&text, Backend::Jit), compile(&text, Backend::Interpret));
        let two = |compiled: &Compiled| {
            let code = compiled.system().newton().unwrap();
            let mut given = newton(&*code, compiled);
            let n = compiled.system().shape().dim();
            let (mut first, mut again) = (vec![f64::NAN; n + 2], vec![f64::NAN; n + 2]);
            code.first(given.t, &given.factors, &given.p, &given.limits, &mut given.w, &mut first);
            code.again(given.t, &given.factors, &given.p, &given.limits, &mut given.w, &mut again);
            [first, again, given.w[HISTORY * n..(HISTORY + NEWTON_PARTS) * n].to_vec()].concat()
        };
        let expected = two(&interpreted);
        assert!(expected.iter().all(|x| x.is_finite()), "{name}: {expected:?}");
        for call in 0..3_000 {
            assert_eq!(bits(&two(&native)), bits(&expected), "{name} call {call}");
        }
    }
}

/// The formula written out: x is put back into W x = b, with W multiplied entry by entry.
#[test]
fn newton_iterations_are_what_the_formula_says() {
    for (name, text, _) in models() {
        let compiled = compile(&text, Backend::Interpret);
        let system = compiled.system();
        let (n, pattern) = (system.shape().dim(), system.jacobian_pattern());
        let code = system.newton().unwrap();
        let mut given = newton(&*code, &compiled);
        let (y, table) = (given.limits[NEWTON_LIMITS + n..].to_vec(), given.w.clone());
        let sum = |from: usize, to: usize, weight: &dyn Fn(usize) -> f64, j: usize| {
            (from..=to).map(|k| weight(k) * table[k * n + j]).sum::<f64>()
        };
        let predicted: Vec<f64> = (0..n).map(|j| sum(0, 3, &|_| 1.0, j)).collect();
        let psi: Vec<f64> = (0..n).map(|j| sum(1, 3, &|k| [0.0, 0.7, 0.4, 0.2][k], j)).collect();
        let weight = |j: usize| 1.0 / (1e-6 * (1.0 + j as f64) + 1e-6 * y[j].abs().max(predicted[j].abs()));
        let (mut d, mut scratch) = (vec![0.0; n], vec![0.0; system.shape().work]);
        for turn in 0..2 {
            let argument: Vec<f64> = predicted.iter().zip(&d).map(|(p, d)| p + d).collect();
            let mut f = vec![0.0; n];
            system.rhs(given.t, &argument, &given.p, &mut scratch, &mut f);
            let mut out = vec![f64::NAN; n + 2];
            let (t, w) = (given.t, &mut given.w);
            match turn {
                0 => code.first(t, &given.factors, &given.p, &given.limits, w, &mut out),
                _ => code.again(t, &given.factors, &given.p, &given.limits, w, &mut out),
            }
            let x: Vec<f64> = (0..n).map(|j| (out[j] - argument[j]) / 0.9).collect();
            for i in 0..n {
                let (mut left, mut size) = (given.inverse * x[i], (given.inverse * x[i]).abs());
                for j in 0..n {
                    for k in pattern.column(j).filter(|k| pattern.rows()[*k] == i) {
                        left -= given.jacobian[k] * x[j];
                        size += (given.jacobian[k] * x[j]).abs();
                    }
                }
                let right = f[i] - given.inverse * (psi[i] + d[i]);
                // x comes out of differences of states of size 1.
                let allowed = 1e-9 * (size + right.abs()) + 1e-14 * given.inverse * argument[i].abs().max(1.0);
                assert!((left - right).abs() <= allowed, "{name} turn {turn} row {i}: {left} {right}");
            }
            let delta: Vec<f64> = x.iter().map(|x| 0.9 * x).collect();
            d.iter_mut().zip(&delta).for_each(|(d, delta)| *d += delta);
            let norm =
                |v: &[f64]| (v.iter().enumerate().map(|(j, v)| (v * weight(j)).powi(2)).sum::<f64>() / n as f64).sqrt();
            for (found, expected) in [(out[n], norm(&delta)), (out[n + 1], norm(&d))] {
                assert!((found / expected - 1.0).abs() < 1e-6, "{name} turn {turn}: {found} {expected}");
            }
        }
    }
}
