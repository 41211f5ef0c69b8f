//! Every derivative against an independent one: differences of high order of the function itself.

use rhapsode::backend::{Arguments, KernelId, Kernels, interpret::Interpreter};
use rhapsode::expr::builtin::{BUILTINS, Meaning, build, derivative};
use rhapsode::expr::{Environment, Evaluator, Graph, Node, Reads, SymbolId};
use rhapsode::kernel::{Target64, lower_jacobian_product, lower_matrix, lower_pull};
use rhapsode::system::Matrix;
use rhapsode::{Compiled, Model};

struct Values<'a>(&'a [f64]);

impl Environment for Values<'_> {
    fn time(&self) -> f64 {
        0.0
    }
    fn element(&self, symbol: SymbolId, _: &[i64]) -> f64 {
        self.0[symbol.0 as usize]
    }
}

/// Central differences extrapolated twice (error of order h⁶).
fn slope(f: impl Fn(f64) -> f64, x: f64, h: f64) -> f64 {
    let d = |h: f64| (f(x + h) - f(x - h)) / (2.0 * h);
    let (a, b, c) = (d(h), d(h / 2.0), d(h / 4.0));
    let (ab, bc) = ((4.0 * b - a) / 3.0, (4.0 * c - b) / 3.0);
    (16.0 * bc - ab) / 15.0
}

#[test]
fn every_builtin_has_the_right_derivative() {
    let mut checked = 0;
    for row in BUILTINS {
        let mut g = Graph::default();
        let none = g.subscripts_id(vec![]);
        let leaves: Vec<_> = row
            .arguments
            .iter()
            .map(|_| {
                let symbol = g.declare(Reads::State);
                g.intern(Node::Symbol(symbol, none))
            })
            .collect();
        let f = build(row, &mut g, &leaves);
        let Meaning::Elementary(function, rules) = row.meaning else { continue };
        for k in 0..rules.len() {
            let d = derivative(function, k, &mut g, leaves[0], *leaves.last().unwrap(), f);
            for sample in row.samples {
                let exact = Evaluator::new(&g, &Values(sample), []).value(d);
                let along = |x: f64| {
                    let mut point = sample.to_vec();
                    point[k] = x;
                    Evaluator::new(&g, &Values(&point), []).value(f)
                };
                let found = slope(along, sample[k], 2e-3 * sample[k].abs().max(0.5));
                assert!(
                    (exact - found).abs() <= 1e-7 * (1.0 + exact.abs()),
                    "{} by {k} at {sample:?}: {exact} {found}",
                    row.name
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 60, "only {checked} derivatives checked");
}

/// Models that use every way of writing arrays.
const MODELS: &[(&str, &str)] = &[
    (
        "periodic stencil",
        "const N = 5\nindex i, j = 1..N periodic\nparam a = 0.3, b = 1.2\ninit u[i,j] = 1 + 0.1*i, v[i,j] = 2 + 0.05*j\n\
         lap[i,j] = u[i-1,j] + u[i+1,j] + u[i,j-2] + u[i,j+1] - 4*u[i,j]\n\
         u[i,j]' = u[i,j]^2*v[i,j] - b*u[i,j] + a*lap[i,j] + sin(t)\nv[i,j]' = b*u[i,j] - u[i,j]^2*v[i,j]*exp(-a*t)",
    ),
    (
        "boundaries and pieces",
        "const N = 7\nindex i = 1..N\nparam k = 2, L = 0.5\ninit x[i] = i/N\n\
         flux[i] = k*(x[i] - x[i-1])/(1 + x[i]^2) for i in 2..N\nflux[1] = k*x[1] - L\n\
         x[i]' = flux[i+1] - flux[i] for i in 1..N-1\nx[N]' = -flux[N]*tanh(x[N]) + cos(t)",
    ),
    (
        "reductions",
        "const N = 4\nindex i, j = 1..N\nparam W[i,j] = cos(i*j)\nparam g = 0.7\ninit x[i] = 0.2*i + 0.1\n\
         s[i] = sum[j](W[i,j]*tanh(x[j]))\nm = max[j](x[j])\nq = prod[j](x[j] + 1)\n\
         x[i]' = -g*x[i] + s[i]*s[1] + m*x[i] + 0.01*q + min[j](x[j]*j) + dot[j](x[j], W[j,i])",
    ),
    (
        "wrapped convolution",
        "const N = 6\nindex i = 1..N periodic\nindex k = -1..1\nparam w[k] = 1/(1 + k^2)\ninit x[i] = sin(i)\n\
         x[i]' = sum[k](w[k]*x[i+k]) - x[i]^3",
    ),
    (
        "scalars of all kinds",
        "param a = 1.5, b = 0.4\nfn hill(x, k, n) = x^n/(k^n + x^n)\ninit x = 0.7, theta = 0.3, theta' = 0.1\n\
         rate = if x > 0.5 then hill(x, a, 2.5) else b*x\nx' = rate - b*x*theta' + atan2(x, theta) + hypot(x, b)\n\
         theta'' = -a*sin(theta) - b*theta' + erf(x)*clamp(theta, -1, 1) + abs(x - 2)*mod(t + 0.3, 2)",
    ),
];

fn compile(text: &str) -> (Compiled, Vec<f64>, Vec<f64>) {
    let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    let values = compiled.problem().parameter_values().unwrap();
    let p = compiled.bind(&values);
    let y: Vec<f64> = compiled.initial(0.0, &p).iter().enumerate().map(|(k, y)| y + 0.013 * (k % 7) as f64).collect();
    (compiled, p, y)
}

fn rhs(compiled: &Compiled, t: f64, y: &[f64], p: &[f64]) -> Vec<f64> {
    let mut w = vec![0.0; compiled.system().shape().work];
    let mut dy = vec![0.0; y.len()];
    compiled.system().rhs(t, y, p, &mut w, &mut dy);
    dy
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 2e-7 * (1.0 + a.abs().max(b.abs()))
}

#[test]
fn jacobians_and_products_agree_with_differences() {
    for (name, text) in MODELS {
        let (compiled, p, y) = compile(text);
        let (n, t) = (y.len(), 0.37);
        let system = compiled.system();
        let pattern = system.jacobian_pattern();
        let mut w = vec![0.0; system.shape().work];
        let mut values = vec![0.0; pattern.nnz()];
        system.jacobian(t, &y, &p, &mut w, &mut values);
        let mut dense = vec![0.0; n * n];
        for j in 0..n {
            for k in pattern.column(j) {
                dense[pattern.rows()[k] * n + j] = values[k];
            }
        }
        for i in 0..n {
            for j in 0..n {
                let along = |x: f64| {
                    let mut point = y.clone();
                    point[j] = x;
                    rhs(&compiled, t, &point, &p)[i]
                };
                let found = slope(along, y[j], 1e-3);
                assert!(close(dense[i * n + j], found), "{name}: J[{i},{j}] {} {found}", dense[i * n + j]);
            }
        }
        let mut ft = vec![0.0; n];
        system.time_derivative(t, &y, &p, &mut w, &mut ft);
        for i in 0..n {
            let found = slope(|t| rhs(&compiled, t, &y, &p)[i], t, 1e-3);
            assert!(close(ft[i], found), "{name}: ft[{i}] {} {found}", ft[i]);
        }
        // J v by its own kernel.
        let target = Target64 { fma: false };
        let lowered = compiled.model().lower();
        let product = Interpreter::new(&lower_jacobian_product(compiled.model().checked(), &lowered, target)).unwrap();
        let v: Vec<f64> = (0..n).map(|k| 0.5 - (k % 5) as f64 / 3.0).collect();
        let (mut work, mut jv) = (vec![0.0; product.lengths(KernelId(0)).w], vec![0.0; n]);
        product.call(KernelId(0), Arguments { t, y: &y, p: &p, v: &v, w: &mut work, out: &mut jv });
        for i in 0..n {
            let expected: f64 = (0..n).map(|j| dense[i * n + j] * v[j]).sum();
            assert!(
                (jv[i] - expected).abs() <= 1e-11 * (1.0 + expected.abs()),
                "{name}: (J v)[{i}] {} {expected}",
                jv[i]
            );
        }
    }
}

#[test]
fn parameter_jacobians_agree_with_differences() {
    for (name, text) in MODELS {
        let (compiled, p, y) = compile(text);
        let values = compiled.problem().parameter_values().unwrap();
        let (n, t) = (y.len(), 0.37);
        let lowered = compiled.model().lower();
        let (program, plan) =
            lower_matrix(compiled.model().checked(), &lowered, Target64 { fma: true }, Matrix::Parameters).unwrap();
        let kernel = Interpreter::new(&program).unwrap();
        let (mut work, mut raw) = (vec![0.0; kernel.lengths(KernelId(0)).w], vec![0.0; plan.values]);
        kernel.call(KernelId(0), Arguments { t, y: &y, p: &p, v: &[], w: &mut work, out: &mut raw });
        let (pattern, places) = plan.pattern();
        let mut entries = vec![0.0; pattern.nnz()];
        for (k, value) in raw.iter().enumerate() {
            entries[places.as_ref().map_or(k, |places| places[k])] += value;
        }
        for j in 0..values.len() {
            for i in 0..n {
                let exact = pattern.place(i, j).map_or(0.0, |k| entries[k]);
                let along = |x: f64| {
                    let mut changed = values.clone();
                    changed[j] = x;
                    rhs(&compiled, t, &y, &compiled.bind(&changed))[i]
                };
                let found = slope(along, values[j], 1e-3);
                assert!(close(exact, found), "{name}: df[{i}]/dp[{j}] {exact} {found}");
            }
        }
    }
}

/// The entries of a matrix of derivatives at a point: row, column, value.
fn entries(
    compiled: &Compiled,
    matrix: Matrix,
    (t, y, p): (f64, &[f64], &[f64]),
    v: &[f64],
) -> Vec<(usize, usize, f64)> {
    let (lowered, target) = (compiled.model().lower(), Target64 { fma: true });
    let (program, plan) = lower_matrix(compiled.model().checked(), &lowered, target, matrix).unwrap();
    let kernel = Interpreter::new(&program).unwrap();
    let (mut work, mut raw) = (vec![0.0; kernel.lengths(KernelId(0)).w], vec![0.0; plan.values]);
    kernel.call(KernelId(0), Arguments { t, y, p, v, w: &mut work, out: &mut raw });
    let (pattern, places) = plan.pattern();
    let place = |k: usize| places.as_ref().map_or(k, |places| places[k]);
    raw.iter().enumerate().map(|(k, value)| (pattern.entry(place(k)).0, pattern.entry(place(k)).1, *value)).collect()
}

/// Products of transposed Jacobians against those of the matrices, for the equations and for J v + τ ∂f/∂t.
fn products_agree(name: &str, compiled: &Compiled, p: &[f64], y: &[f64]) {
    let (n, t, model) = (y.len(), 0.37, compiled.model().checked());
    let lowered = compiled.model().lower();
    let columns = lowered.parameters + lowered.discretes;
    let some = |k: usize| 0.5 - (k % 5) as f64 / 3.0;
    for curved in [false, true] {
        let direction: Vec<f64> = (0..if curved { 2 * n + 1 } else { n }).map(|k| some(k * k + 1)).collect();
        let mu = &direction[direction.len() - n..];
        let (by_state, by_parameter) = if curved {
            let v = &direction[..=n];
            let part = |matrix| entries(compiled, matrix, (t, y, p), v);
            (part(Matrix::Curvature), part(Matrix::MixedCurvature))
        } else {
            let system = compiled.system();
            let (pattern, shape) = (system.jacobian_pattern(), system.shape());
            let (mut work, mut values) = (vec![0.0; shape.work], vec![0.0; pattern.nnz()]);
            system.jacobian(t, y, p, &mut work, &mut values);
            let places = values.iter().enumerate();
            let jacobian = places.map(|(k, value)| (pattern.entry(k).0, pattern.entry(k).1, *value)).collect();
            (jacobian, entries(compiled, Matrix::Parameters, (t, y, p), &[]))
        };
        // What stands there is added to.
        let before: Vec<f64> = (0..n + columns).map(some).collect();
        let (mut expected, mut size) = (before.clone(), vec![1.0; n + columns]);
        for (list, from) in [(by_state, 0), (by_parameter, n)] {
            for (row, column, value) in list {
                expected[from + column] += value * mu[row];
                size[from + column] += (value * mu[row]).abs();
            }
        }
        let Ok(program) = lower_pull(model, &lowered, Target64 { fma: true }, curved) else {
            assert_eq!(name, "wrapped convolution", "a subscript of several indices wraps there only");
            continue;
        };
        let kernel = Interpreter::new(&program).unwrap();
        let mut work = vec![f64::NAN; kernel.lengths(KernelId(0)).w];
        work[..n + columns].copy_from_slice(&before);
        kernel.call(KernelId(0), Arguments { t, y, p, v: &direction, w: &mut work, out: &mut [] });
        for k in 0..n + columns {
            let (found, expected) = (work[k], expected[k]);
            let same = (found - expected).abs() <= 1e-11 * size[k] || !expected.is_finite() || !size[k].is_finite();
            assert!(same, "{name}, curved {curved}: product {k} of {n} and {columns}: {found} {expected}");
        }
    }
}

#[test]
fn products_of_transposed_jacobians_agree_with_matrices() {
    for (name, text) in MODELS {
        let (compiled, p, y) = compile(text);
        products_agree(name, &compiled, &p, &y);
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models");
    let mut count = 0;
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|e| e != "ode") {
            continue;
        }
        let model = Model::load(&path).unwrap_or_else(|e| panic!("{e}"));
        // What is read at other times follows parameters in its own ways.
        if !model.checked().delays.is_empty() || model.checked().dim() > 1000 {
            continue;
        }
        let compiled = model.compile().unwrap();
        let Ok(values) = compiled.problem().parameter_values() else { continue };
        let p = compiled.bind(&values);
        let y: Vec<f64> =
            compiled.initial(0.0, &p).iter().enumerate().map(|(k, y)| y + 0.013 * (k % 7) as f64).collect();
        products_agree(&path.display().to_string(), &compiled, &p, &y);
        count += 1;
    }
    assert!(count >= 20, "only {count} examples");
}
