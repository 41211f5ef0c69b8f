//! Steps with directions as one kernel: both backends give the same bits, and what the lists of instructions give but for rounding.

use std::sync::Arc;

#[path = "common/numbers.rs"]
mod numbers;
#[path = "common/plain.rs"]
mod plain;

use rhapsode::sensitivity::Forward;
use rhapsode::solve::differences::implicit_part;
use rhapsode::solve::methods::{dop853::DOP853, tsit5::TSIT5};
use rhapsode::solve::methods::{rodas4::RODAS4, rodas5p::RODAS5P, rosenbrock23::ROSENBROCK23};
use rhapsode::solve::rosenbrock::Rosenbrock;
use rhapsode::solve::tableau::Explicit;
use rhapsode::solve::{Method, Options, Save, Tolerance, integrate_told};
use rhapsode::system::{CompiledStep, DifferenceFormula, EXTRA, HISTORY, LIMITS, System};
use rhapsode::{Backend, Compiled, Model};

use numbers::numbers;
use plain::Plain;

/// Of the methods whose steps along are one function.
const ROSENBROCK: [(&Rosenbrock, Method); 3] =
    [(&ROSENBROCK23, Method::Rosenbrock23), (&RODAS4, Method::Rodas4), (&RODAS5P, Method::Rodas5P)];

const EXPLICIT: [(&Explicit, Method); 2] = [(&TSIT5, Method::Tsit5), (&DOP853, Method::Dop853)];

/// Time, loops, sums, conditions, functions, a parameter that acts nowhere, algebraic unknowns.
const MODELS: [(&str, &str); 4] = [
    (
        "everything",
        "
        index i, j = 1..4
        param a = 0.3, b = 2, idle = 1
        param W[i,j] = sin(i + 2*j)/4
        init x[i] = 0.1*i, z = 1
        flow[i] = tanh(sum[j](W[i,j]*x[j]))
        x[i]' = -x[i] + flow[i] + a*sin(b*t)
        z' = -z*sum[i](flow[i]^2) + (if z > 0.5 then exp(-z)*x[2] else sqrt(abs(z))) + 0.2*t*b
        ",
    ),
    ("robertson", include_str!("../examples/models/robertson.ode")),
    ("decay", "param k = 1\ninit x = 1\nx' = -k*x"),
    ("algebraic", "param k = 0.7, b = 2\ninit x = 1, z = 1\nx' = -k*x*z + 0.1*sin(t)\n0 = z^3 + z - b*x"),
];

fn compile(text: &str, backend: Backend) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile_with(backend).unwrap()
}

fn start(compiled: &Compiled) -> (Vec<f64>, Vec<f64>) {
    let p = compiled.bind(&compiled.problem().parameter_values().unwrap());
    (compiled.initial(0.0, &p), p)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// A step with directions: of how many stages, and what a step h that the way goes along has left.
struct Case {
    name: &'static str,
    stages: usize,
    left: Vec<f64>,
}

/// The step with so many directions of a case.
type Make<'a> = &'a dyn Fn(&Compiled, (usize, &[(usize, usize)])) -> Arc<dyn CompiledStep>;

fn agree(name: &str, [native, interpreted]: [&Compiled; 2], case: &Case, make: Make) {
    let columns = native.model().parameters().len();
    // One direction alone, vectors, and one left over.
    for k in [1, 2, 5, 8, 12] {
        // Some directions change a parameter, others two.
        let all = (0..columns).flat_map(|column| (0..k).map(move |direction| (column, direction)));
        let moves: Vec<(usize, usize)> = all.filter(|(column, direction)| (2 * column + direction) % 3 == 0).collect();
        let (y, p) = start(native);
        let n = y.len();
        let mut given = vec![0.01, 0.0, f64::NEG_INFINITY, f64::INFINITY];
        given.extend(numbers(n * k + moves.len()));
        assert_eq!(given.len(), LIMITS + n * k + moves.len());
        given.extend(&y);
        let one = |compiled: &Compiled| {
            let step = make(compiled, (k, &moves));
            let (mut w, mut out) = (vec![f64::NAN; step.work()], vec![f64::NAN; n + n * k]);
            step.attempt(0.25, &case.left, &p, &given, &mut w, &mut out);
            out.extend_from_slice(&w[..case.stages * n * k]);
            out
        };
        let expected = one(interpreted);
        assert!(expected.iter().all(|x| x.is_finite()), "{name} {}: {expected:?}", case.name);
        for call in 0..1_500 {
            let found = one(native);
            assert_eq!(bits(&found), bits(&expected), "{name} {} {k} directions, call {call}", case.name);
        }
    }
}

#[test]
fn steps_with_directions_of_both_backends_agree_bit_for_bit() {
    for (name, text) in MODELS {
        let (native, interpreted) = (compile(text, Backend::Jit), compile(text, Backend::Interpret));
        let both = [&native, &interpreted];
        for (method, _) in ROSENBROCK {
            let formula = method.formula();
            let case = Case { name: method.name, stages: method.c.len(), left: left(&native, method) };
            let make = |of: &Compiled, directions: (usize, &[(usize, usize)])| {
                of.system().rosenbrock_tangent(&formula, directions).unwrap()
            };
            agree(name, both, &case, &make);
        }
        // Algebraic unknowns are none of theirs.
        for (method, _) in EXPLICIT.into_iter().filter(|_| name != "algebraic") {
            let formula = method.formula();
            // For k any numbers do.
            let left = numbers(method.a.len() * start(&native).0.len());
            let case = Case { name: method.name, stages: method.stages - 1, left };
            let make = |of: &Compiled, directions: (usize, &[(usize, usize)])| {
                of.system().explicit_tangent(&formula, directions).unwrap()
            };
            agree(name, both, &case, &make);
        }
    }
}

/// What a step leaves in its work buffer.
fn left(compiled: &Compiled, method: &Rosenbrock) -> Vec<f64> {
    let step = compiled.system().rosenbrock_step(&method.formula()).unwrap();
    let (y, p) = start(compiled);
    let n = y.len();
    let mut limits = vec![0.01, 1e-6, f64::NEG_INFINITY, f64::INFINITY];
    limits.extend(vec![1e-9; n]);
    let (mut here, mut next) = (y, vec![f64::NAN; 2 * n + EXTRA]);
    // For f any numbers do.
    here.extend(numbers(EXTRA + n));
    let mut w = vec![f64::NAN; step.work()];
    step.attempt(0.25, &here, &p, &limits, &mut w, &mut next);
    w
}

#[test]
fn differences_of_both_backends_agree_bit_for_bit() {
    const NAMES: [&str; 3] = ["one", "three", "five"];
    // With algebraic equations there are none.
    for (name, text) in MODELS.into_iter().filter(|(name, _)| *name != "algebraic") {
        let (native, interpreted) = (compile(text, Backend::Jit), compile(text, Backend::Interpret));
        let columns = native.model().parameters().len();
        for (q, known_by) in [1, 3, 5].into_iter().zip(NAMES) {
            for k in [1, 4, 8, 12] {
                let moves: Vec<(usize, usize)> = (0..columns.min(k)).map(|column| (column, k - 1 - column)).collect();
                let (y, p) = start(&native);
                let n = y.len();
                let mut given = y.clone();
                given.push(80.0);
                given.extend(numbers(moves.len()));
                let (old, weights) = (numbers(HISTORY * n * k), numbers(q * q));
                let formula = DifferenceFormula { name: known_by, weights: &implicit_part(q).0[..=q] };
                let one = |compiled: &Compiled| {
                    let step = compiled.system().difference_tangent(&formula, (k, &moves)).unwrap();
                    let mut w = vec![f64::NAN; step.work()];
                    let [mut changed, mut out] = [0, 1].map(|_| vec![f64::NAN; HISTORY * n * k + 1]);
                    step.interpolant(0.25, &weights, &p, &old, &mut w, &mut changed);
                    step.attempt(0.25, &given, &p, &changed, &mut w, &mut out);
                    assert_eq!(out.pop(), Some(1.0), "pivots are good");
                    out.truncate((q + 3) * n * k);
                    changed.truncate((q + 3) * n * k);
                    [changed, out].concat()
                };
                let expected = one(&interpreted);
                assert!(expected.iter().all(|x| x.is_finite()), "{name} {q}: {expected:?}");
                for call in 0..1_500 {
                    assert_eq!(bits(&one(&native)), bits(&expected), "{name} {q} {k} directions, call {call}");
                }
            }
        }
    }
}

/// S at points inside steps and at their ends, of a run in fifty equal steps, by all parameters and initial values.
fn carried(system: &dyn System, compiled: &Compiled, method: Method, h: f64) -> Vec<f64> {
    let (y, p) = start(compiled);
    let (n, columns) = (y.len(), compiled.model().parameters().len());
    let k = n + columns;
    let unit = |rows: usize, from: usize| -> Vec<f64> {
        (0..rows * k).map(|at| f64::from(u8::from(at / k + from == at % k))).collect()
    };
    let mut options = Options::new(0.0, 50.0 * h);
    options.method = method;
    (options.rtol, options.atol) = (0.9, Tolerance::Scalar(1.0));
    (options.first_step, options.max_step) = (Some(h), h);
    options.save = Save::At([0.0, 0.4, 20.0, 33.33, 50.0].map(|steps| steps * h).to_vec());
    let mut forward = Forward::new(system, k, unit(n, 0), unit(columns, n)).unwrap_or_else(|e| panic!("{e:?}"));
    integrate_told(system, &y, &p, &options, &mut None, Some(&mut forward)).unwrap_or_else(|e| panic!("{e}"));
    forward.into_kept()
}

#[test]
fn they_are_what_the_instructions_of_the_step_give() {
    for (name, text) in MODELS {
        let compiled = compile(text, Backend::Jit);
        let h = if name == "robertson" { 1e-6 } else { 0.01 };
        let explicit = EXPLICIT.map(|(_, method)| method);
        // Algebraic unknowns are none of theirs.
        let explicit = explicit.into_iter().filter(|_| name != "algebraic");
        for method in ROSENBROCK.map(|(_, method)| method).into_iter().chain([Method::Bdf]).chain(explicit) {
            let whole = carried(compiled.system(), &compiled, method, h);
            let plain = carried(&Plain(compiled.system()), &compiled, method, h);
            assert_eq!(whole.len(), plain.len());
            let columns = compiled.model().parameters().len() + compiled.model().states().len();
            let mut differs = false;
            for j in 0..columns {
                let column = |of: &[f64]| of.iter().skip(j).step_by(columns).copied().collect::<Vec<_>>();
                let (whole, plain) = (column(&whole), column(&plain));
                let largest = plain.iter().fold(0.0f64, |most, x| most.max(x.abs()));
                for (a, b) in whole.iter().zip(&plain) {
                    assert!((a - b).abs() <= 1e-12 * largest, "{name} {} column {j}: {a} {b}", method.name());
                    differs |= a.to_bits() != b.to_bits();
                }
            }
            // Else both went the same way.
            let listed = method == Method::Bdf && name == "algebraic";
            assert!(differs || listed || name == "decay", "{name} {}", method.name());
        }
    }
}
