//! Steps with directions as one kernel: both backends give the same bits, and what the lists of instructions give but for rounding.

#[path = "common/numbers.rs"]
mod numbers;
#[path = "common/plain.rs"]
mod plain;

use rhapsode::sensitivity::Forward;
use rhapsode::solve::methods::{rodas4::RODAS4, rodas5p::RODAS5P, rosenbrock23::ROSENBROCK23};
use rhapsode::solve::rosenbrock::Rosenbrock;
use rhapsode::solve::{Method, Options, Save, Tolerance, integrate_told};
use rhapsode::system::{LIMITS, System};
use rhapsode::{Backend, Compiled, Model};

use numbers::numbers;
use plain::Plain;

const ROSENBROCK: [(&Rosenbrock, Method); 3] =
    [(&ROSENBROCK23, Method::Rosenbrock23), (&RODAS4, Method::Rodas4), (&RODAS5P, Method::Rodas5P)];

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

#[test]
fn steps_with_directions_of_both_backends_agree_bit_for_bit() {
    for (name, text) in MODELS {
        let (native, interpreted) = (compile(text, Backend::Jit), compile(text, Backend::Interpret));
        let columns = native.model().parameters().len();
        for (method, _) in ROSENBROCK {
            // One direction alone, vectors, and one left over.
            for k in [1, 2, 5, 8, 12] {
                // Some directions change a parameter, others two.
                let all = (0..columns).flat_map(|column| (0..k).map(move |direction| (column, direction)));
                let moves: Vec<(usize, usize)> =
                    all.filter(|(column, direction)| (2 * column + direction) % 3 == 0).collect();
                let one = |compiled: &Compiled| {
                    let step = compiled.system().rosenbrock_tangent(&method.formula(), (k, &moves)).unwrap();
                    let (y, p) = start(compiled);
                    let n = y.len();
                    let mut given = vec![0.01, 0.0, f64::NEG_INFINITY, f64::INFINITY];
                    given.extend(numbers(n * k + moves.len()));
                    assert_eq!(given.len(), LIMITS + n * k + moves.len());
                    let (mut w, mut out) = (vec![f64::NAN; step.work()], vec![f64::NAN; n + 1 + n * k]);
                    step.attempt(0.25, &y, &p, &given, &mut w, &mut out);
                    out.extend_from_slice(&w[..method.c.len() * n * k]);
                    out
                };
                let expected = one(&interpreted);
                assert!(expected.iter().all(|x| x.is_finite()), "{name} {}: {expected:?}", method.name);
                for call in 0..1_500 {
                    let found = one(&native);
                    assert_eq!(bits(&found), bits(&expected), "{name} {} {k} directions, call {call}", method.name);
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
        for (_, method) in ROSENBROCK {
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
            assert!(differs || name == "decay", "{name} {}", method.name());
        }
    }
}
