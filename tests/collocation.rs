//! Collocation steps as a system's own functions, against their formulas and against the same steps by general code.

#[path = "common/plain.rs"]
mod plain;

use rhapsode::solve::collocation::Radau;
use rhapsode::solve::methods::radau::{RADAU5, RADAU9, RADAU13};
use rhapsode::solve::{Method, Options, Save, Solution, Tolerance, integrate};
use rhapsode::system::{CompiledCollocation, LIMITS, System};
use rhapsode::{Backend, Compiled, Model};

use plain::Plain;

const FORMULAS: [&Radau; 3] = [&RADAU5, &RADAU9, &RADAU13];

/// Stiff ones, one that depends on time, one with an algebraic equation, with the end of a run.
const MODELS: [(&str, &str, f64); 6] = [
    ("robertson", include_str!("../examples/models/robertson.ode"), 1e4),
    ("van der pol", "init x = 2, y = 0\nx' = y\ny' = 1e3*((1 - x^2)*y - x) + sin(t)", 2.0),
    ("oregonator", include_str!("../examples/models/oregonator.ode"), 30.0),
    ("hires", include_str!("../examples/models/hires.ode"), 300.0),
    ("pollution", include_str!("../examples/models/pollution.ode"), 60.0),
    ("algebraic", "init x = 1, z = 0.5\nx' = -x + z*sin(t)\n0 = z + z^3/5 - x", 10.0),
];

fn compile(text: &str, backend: Backend) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile_with(backend).unwrap()
}

fn start(compiled: &Compiled) -> (Vec<f64>, Vec<f64>) {
    let p = compiled.bind(&compiled.problem().parameter_values().unwrap());
    (compiled.initial(0.0, &p), p)
}

/// A step of 1e-3 from the start, iterated so often, with what the functions were given and have left.
struct Step {
    n: usize,
    h: f64,
    t: f64,
    y: Vec<f64>,
    p: Vec<f64>,
    f0: Vec<f64>,
    w: Vec<f64>,
    /// Of the first iteration, of the last, and of the estimate.
    said: [Vec<f64>; 3],
}

fn step(code: &dyn CompiledCollocation, compiled: &Compiled, iterations: usize) -> Step {
    let (y, p) = start(compiled);
    let (n, h, t) = (y.len(), 1e-3, 0.25);
    let mut limits = vec![h, 1e-6, f64::NEG_INFINITY, f64::INFINITY];
    limits.extend((0..n).map(|k| 1e-6 * (1.0 + k as f64)));
    let mut f0 = vec![0.0; n];
    compiled.system().rhs(t, &y, &p, &mut vec![0.0; compiled.system().shape().work], &mut f0);
    limits.extend(&f0);
    assert_eq!(limits.len(), LIMITS + 2 * n);
    let mut w = vec![0.0; code.work()];
    let [mut first, mut last, mut end] = [(); 3].map(|()| vec![f64::NAN; n + 2]);
    code.jacobian(t, &y, &p, &limits, &mut w, &mut first);
    code.factor(&limits, &mut w);
    code.first(t, &y, &p, &limits, &mut w, &mut first);
    for _ in 1..iterations {
        code.again(t, &y, &p, &limits, &mut w, &mut last);
    }
    code.estimate(t, &y, &p, &limits, &mut w, &mut end);
    Step { n, h, t, y, p, f0, w, said: [first, last, end] }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// z of the stages (not T⁻¹z), and the error.
fn results(step: &Step, formula: &Radau) -> (Vec<f64>, Vec<f64>) {
    let all = step.n * formula.stages();
    (step.w[2 * all..3 * all].to_vec(), step.w[4 * all..4 * all + step.n].to_vec())
}

#[test]
fn both_backends_agree_bit_for_bit() {
    for (name, text, _) in MODELS {
        let (native, interpreted) = (compile(text, Backend::Jit), compile(text, Backend::Interpret));
        for formula in FORMULAS {
            let codes = [&native, &interpreted]
                .map(|c| c.system().collocation(formula).unwrap_or_else(|| panic!("{name} {}", formula.name)));
            let expected = step(&*codes[1], &interpreted, 3);
            let (z, error) = results(&expected, formula);
            assert!(z.iter().chain(&error).all(|x| x.is_finite()), "{name}: {z:?} {error:?}");
            for call in 0..400 {
                let found = step(&*codes[0], &native, 3);
                assert_eq!(bits(&results(&found, formula).0), bits(&z), "{name} {} call {call}", formula.name);
                assert_eq!(bits(&results(&found, formula).1), bits(&error), "{name} {} call {call}", formula.name);
                for (found, expected) in found.said.iter().zip(&expected.said) {
                    assert_eq!(bits(found), bits(expected), "{name} {} call {call}", formula.name);
                }
            }
        }
    }
}

/// A⁻¹ z = h f(y + z) at the nodes, and (γ/h M − J) error = f(t, y) + M Σ e z/h, J times the error by differences of f.
#[test]
fn a_step_is_what_its_formula_says() {
    for (name, text, _) in MODELS {
        let compiled = compile(text, Backend::Interpret);
        let system = compiled.system();
        let algebraic = &system.shape().algebraic;
        for formula in FORMULAS {
            let code = system.collocation(formula).unwrap();
            let step = step(&*code, &compiled, 40);
            let (n, s, h) = (step.n, formula.stages(), step.h);
            let (z, error) = results(&step, formula);
            let f = |c: f64, x: &[f64]| {
                let mut f = vec![0.0; n];
                system.rhs(step.t + c * h, x, &step.p, &mut vec![0.0; system.shape().work], &mut f);
                f
            };
            let plus = |z: &[f64]| -> Vec<f64> { step.y.iter().zip(z).map(|(y, z)| y + z).collect() };
            let inverse: Vec<f64> = formula.inverse_matrix().collect();
            for i in 0..s {
                let slope = f(formula.c[i], &plus(&z[i * n..(i + 1) * n]));
                for j in 0..n {
                    let terms = (0..s).map(|k| inverse[i * s + k] * z[k * n + j] / h);
                    let (left, size) = terms.fold((0.0, 0.0f64), |(sum, size), x| (sum + x, size + x.abs()));
                    let left = if algebraic.contains(&j) { 0.0 } else { left };
                    let allowed = 1e-9 * (size + slope[j].abs()) + 1e-9;
                    assert!((left - slope[j]).abs() <= allowed, "{name} {} {i} {j}: {left} {}", formula.name, slope[j]);
                }
            }
            let scale = 1e-4 / error.iter().fold(1e-300f64, |most, e| most.max(e.abs()));
            let moved =
                |sign: f64| -> Vec<f64> { f(0.0, &plus(&error.iter().map(|e| sign * scale * e).collect::<Vec<_>>())) };
            let (up, down) = (moved(1.0), moved(-1.0));
            for j in 0..n {
                let product = 0.5 * (up[j] - down[j]) / scale;
                let sum: f64 = (0..s).map(|k| formula.e[k] * z[k * n + j] / h).sum();
                let differential = !algebraic.contains(&j);
                let left = if differential { formula.gamma / h * error[j] } else { 0.0 } - product;
                let right = step.f0[j] + if differential { sum } else { 0.0 };
                let size = (formula.gamma / h * error[j]).abs() + product.abs() + step.f0[j].abs() + sum.abs();
                assert!((left - right).abs() <= 1e-5 * size + 1e-12, "{name} {} {j}: {left} {right}", formula.name);
            }
            let [first, last, end] = &step.said;
            assert_eq!(first[1], 1.0, "{name} {}: pivots", formula.name);
            assert!(last[0] < 1e-3 * first[0].max(1e-9), "{name} {}: {} {}", formula.name, first[0], last[0]);
            assert_eq!(bits(&end[..n]), bits(&plus(&z[(s - 1) * n..])), "{name} {}: the new state", formula.name);
        }
    }
}

/// Of a step whose z lie on a polynomial through 0 the prediction lies on the same one, farther on.
#[test]
fn predictions_go_on_along_the_polynomial() {
    let compiled = compile("init x = 1, y = 2\nx' = -x\ny' = -y*x", Backend::Interpret);
    for formula in FORMULAS {
        let (n, s) = (2, formula.stages());
        let code = compiled.system().collocation(formula).unwrap();
        let z = |j: usize, theta: f64| theta * (1.0 + j as f64) - 0.3 * theta.powi(s as i32);
        for ratio in [0.3, 1.0, 2.5] {
            let mut w = vec![0.0; code.work()];
            for i in 0..s {
                (0..n).for_each(|j| w[(s + i) * n + j] = z(j, formula.c[i]));
            }
            code.predict(ratio, &mut w);
            for i in 0..s {
                for j in 0..n {
                    let found: f64 = (0..s).map(|k| formula.t[i][k] * w[k * n + j]).sum();
                    let expected = z(j, 1.0 + ratio * formula.c[i]) - z(j, 1.0);
                    assert!(
                        (found - expected).abs() < 1e-8 * (1.0 + expected.abs()),
                        "{}: {found} {expected}",
                        formula.name
                    );
                }
            }
        }
    }
}

fn options(method: Method, rtol: f64, end: f64) -> Options<'static> {
    let mut options = Options::new(0.0, end);
    (options.method, options.rtol, options.atol) = (method, rtol, Tolerance::Scalar(1e-3 * rtol));
    options
}

fn solve(system: &dyn System, compiled: &Compiled, options: &Options) -> Solution {
    let (y, p) = start(compiled);
    integrate(system, &y, &p, options).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn runs_of_both_backends_agree_and_take_the_way_of_plain_ones() {
    for (name, text, end) in MODELS {
        let (native, interpreted) = (compile(text, Backend::Jit), compile(text, Backend::Interpret));
        for (method, rtol) in [(Method::RadauIIA5, 1e-5), (Method::Radau, 1e-8)] {
            let mut options = options(method, rtol, end);
            options.save = Save::At((0..=20).map(|k| end * f64::from(k) / 20.0).collect());
            let expected = solve(interpreted.system(), &interpreted, &options);
            for _ in 0..3 {
                let found = solve(native.system(), &native, &options);
                for k in 0..native.system().shape().dim() {
                    assert_eq!(bits(found.state(k)), bits(expected.state(k)), "{name} {}", method.name());
                }
            }
            if name == "algebraic" {
                // Plain systems have no algebraic equations.
                continue;
            }
            let plain = solve(&Plain(native.system()), &native, &options);
            let (a, b) = (expected.statistics.steps as f64, plain.statistics.steps as f64);
            assert!((a - b).abs() <= 3.0 + 0.04 * b, "{name} {}: {a} steps, {b} by general code", method.name());
            for k in 0..native.system().shape().dim() {
                let size = plain.state(k).iter().fold(0.0f64, |most, x| most.max(x.abs()));
                for (a, b) in expected.state(k).iter().zip(plain.state(k)) {
                    assert!((a - b).abs() <= 100.0 * rtol * size, "{name} {}: {a}, {b}", method.name());
                }
            }
        }
    }
}

#[test]
fn bad_pivots_are_found_and_replaced() {
    // γ/h is what stands on the diagonal of J: the real W has zeros there, and its inverse is its own transpose.
    let rate = 4.0;
    let text = format!("init x = 1, y = 0.5\nx' = {rate}*x + y\ny' = {rate}*y - x");
    let compiled = compile(&text, Backend::Jit);
    let mut options = options(Method::RadauIIA5, 1e-9, 3.0);
    options.first_step = Some(RADAU5.gamma / rate * 1e-3);
    let exact = (rate * 3.0f64).exp() * (3f64.cos() + 0.5 * 3f64.sin());
    let code = compiled.system().collocation(&RADAU5).unwrap();
    let (y, p) = start(&compiled);
    let good = |h: f64| {
        let mut limits = vec![h, 1e-6, f64::NEG_INFINITY, f64::INFINITY, 1e-9, 1e-9];
        limits.extend([4.5, 1.0]);
        let (mut w, mut out) = (vec![0.0; code.work()], vec![0.0; 4]);
        code.jacobian(0.0, &y, &p, &limits, &mut w, &mut out);
        code.factor(&limits, &mut w);
        code.first(0.0, &y, &p, &limits, &mut w, &mut out);
        out[1]
    };
    assert_eq!(good(RADAU5.gamma / rate), 0.0, "such pivots must not pass for good");
    assert_eq!(good(0.9 * RADAU5.gamma / rate), 1.0);
    options.first_step = Some(RADAU5.gamma / rate);
    options.max_step = RADAU5.gamma / rate;
    let solution = solve(compiled.system(), &compiled, &options);
    assert!((solution.last()[0] / exact - 1.0).abs() < 1e-6, "{:?} {exact}", solution.last());
}
