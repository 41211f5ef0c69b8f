//! Values and gradients allocate nothing after the first calls, however many threads ask at once, and do not depend on what
//! was asked before.

#[path = "common/counting.rs"]
mod counting;

use std::collections::BTreeMap;
use std::sync::Barrier;

use counting::allocations;
use rhapsode::solve::Method;
use rhapsode::source::DataFile;
use rhapsode::{Model, Objective, Way};

const METHODS: [Method; 9] = [
    Method::Auto,
    Method::Bosh3,
    Method::Tsit5,
    Method::Vern7,
    Method::Dop853,
    Method::Vern9,
    Method::Taylor,
    Method::Adams,
    Method::Rodas5P,
];

/// A likelihood, an objective with terms inside and at the end of the run, and a stiff one.
fn objectives(method: Method) -> [Objective; 3] {
    let of = |text: &str, data: Option<&DataFile>, by: &[&str]| {
        let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
        compiled.objective(None, data, by).unwrap_or_else(|e| panic!("{e}")).method(method).rtol(1e-5).atol(1e-8)
    };
    let data = DataFile::new("supernovae.csv", include_str!("../examples/models/supernovae.csv"));
    let decay = "
        param k = 0.8, c = 2
        init x = 1, y = 0.5
        x' = -k*x + 0.1*y
        y' = c*(x - y)
        objective o = (value(x, 1) - 0.3)^2 + integral(y^2)*final(x + y)
        solve t = 0..3
    ";
    let stiff = "
        param k = 2000
        init x = 1, y = 0
        x' = -k*(x - cos(y))
        y' = x - 0.1*y
        objective o = final(x*y)
        solve t = 0..2
    ";
    [
        of(include_str!("../examples/models/lambda_cdm.ode"), Some(&data), &["Om", "H0"]),
        of(decay, None, &["k", "x", "c"]),
        of(stiff, None, &["k"]),
    ]
}

/// Points near by, always in the same order.
fn points(objective: &Objective) -> Vec<Vec<f64>> {
    let at = objective.point().unwrap();
    (0..8).map(|k| at.iter().map(|x| x * (1.0 + 0.003 * f64::from(k))).collect()).collect()
}

fn ask(objective: &Objective, at: &[f64], gradient: &mut [f64]) -> (u64, u64) {
    let value = objective.value(at).unwrap();
    let again = objective.value_and_gradient(at, gradient).unwrap();
    assert!((value - again).abs() <= 1e-3 * (1.0 + value.abs()), "{value} {again}");
    (value.to_bits(), again.to_bits())
}

/// A model, what it is differentiated by, and the methods it is run by.
struct Case {
    name: &'static str,
    text: String,
    by: &'static [&'static str],
    methods: &'static [Method],
}

const ALL: &[Method] =
    &[Method::Auto, Method::Tsit5, Method::Dop853, Method::Rodas5P, Method::Bdf, Method::RadauIIA5, Method::KenCarp4];
const IMPLICIT: &[Method] = &[Method::Auto, Method::Rodas5P, Method::Bdf, Method::RadauIIA5, Method::KenCarp4];

fn cases() -> Vec<Case> {
    let case = |name, text: &str, by, methods| Case { name, text: text.to_string(), by, methods };
    let ring = |n: usize| {
        format!(
            "const N = {n}
             param d = 3, k = 1
             index i = 1..N periodic
             init u[i] = 1 + 0.5*sin(2*pi*i/N)
             u[i]' = d*(u[i-1] - 2*u[i] + u[i+1]) - k*u[i]^2
             objective o = value(u[1], 0.5) + final(u[2]^2)
             solve t = 0..1"
        )
    };
    let full = |n: usize| {
        format!(
            "const N = {n}
             param d = 3, k = 1
             index i, j = 1..N
             init u[i] = 1 + 0.5*sin(2*pi*i/N)
             u[i]' = d*sum[j](sin(i*j)/N*u[j]) - k*u[i]
             objective o = value(u[1], 0.5) + final(u[2]^2)
             solve t = 0..1"
        )
    };
    vec![
        Case { name: "ring of 10", text: ring(10), by: &["d", "k"], methods: ALL },
        Case { name: "ring of 32", text: ring(32), by: &["d", "k"], methods: &[Method::Dop853, Method::Rodas5P] },
        Case { name: "ring of 100", text: ring(100), by: &["d", "u[3]"], methods: ALL },
        Case { name: "full, 10", text: full(10), by: &["d", "k"], methods: ALL },
        Case {
            name: "full, 100",
            text: full(100),
            by: &["k"],
            methods: &[Method::Tsit5, Method::Bdf, Method::Rodas5P],
        },
        case(
            "two states",
            "param k = 0.8, c = 2
             init x = 1, y = 0.5
             x' = -k*x + 0.1*y
             y' = c*(x - y)
             objective o = (value(x, 1) - 0.3)^2 + integral(y^2)*final(x + y)
             solve t = 0..3",
            &["k", "x", "c"],
            &[
                Method::Bosh3,
                Method::Vern9,
                Method::Taylor,
                Method::Rosenbrock23,
                Method::Kvaerno5,
                Method::TrBdf2,
                Method::Radau,
                Method::Rdpk3Sp49,
                Method::Rkc,
            ],
        ),
        case(
            "measured, with an input and a dose",
            "param k = 1.2, dose = 2, s = 0.3
             input u(t) = csv(\"u.csv\", time, u) linear
             init x = 1
             x' = -k*x + u(t)
             at 0.8 { x := x + dose }
             observe x ~ Normal(x, s)
             solve t = 0..2",
            &["k", "dose", "s"],
            ALL,
        ),
        case(
            "resets",
            "param g = 9.81, e = 0.8
             init h = 1, v = 0
             h' = v
             v' = -g
             when h < 0 { v := -e*v, h := 0 }
             objective o = value(h, 1) + final(h + v)
             solve t = 0..1.3",
            &["g", "e", "h"],
            ALL,
        ),
        case(
            "doses",
            "param k = 1.2, dose = 3, T = 0.7
             init gut = 1, x = 0
             gut' = -k*gut
             x' = k*gut - 0.3*x
             at T { gut := gut + dose }
             every 0.5 from 0.1 to 2 { gut := gut + 0.1*dose }
             objective o = value(x, 1) + final(x)
             solve t = 0..3",
            &["k", "dose", "T"],
            ALL,
        ),
        case(
            "counted, then stopped",
            "param k = 1.2, c = 0.4
             init x = 1
             discrete n = 0
             x' = -k*x*(1 + 0.1*n)
             when x < 0.7 { n := n + 1 }
             when x < c { stop }
             objective o = final(x^2 + k) + integral(x)
             solve t = 0..3",
            &["k", "c"],
            ALL,
        ),
        case(
            "at once, and one upon the other",
            "param a = 1, T = 1
             init x = 0, y = 0
             discrete m = 1, n = 1
             x' = a*m
             y' = a*n
             at T { x := x + a }
             at T { y := y + 2*a, m := m + 1 }
             when x > 1.5 { n := 2 }
             objective o = final(x*y)
             solve t = 0..3",
            &["a"],
            ALL,
        ),
        case(
            "put off",
            "param k = 1.2, tau = 0.3
             init x = 1
             discrete n = 0
             x' = -k*x*(1 + 0.1*n)
             when x < 0.7 delay tau values at trigger { n := n + x }
             objective o = final(x^2)
             solve t = 0..3",
            &["k", "tau"],
            ALL,
        ),
        case(
            "switches",
            "param k = 1.2, c = 0.5
             init x = 1, y = 0
             x' = -k*x
             y' = if x > c then 1 - y else -y
             objective o = final(y)
             solve t = 0..3",
            &["k", "c"],
            ALL,
        ),
        case(
            "algebraic",
            "param k1 = 0.04, k2 = 3e7, k3 = 1e4
             init A = 1, B = 0, C = 0.1
             A' = -k1*A + k3*B*C
             B' = k1*A - k3*B*C - k2*B^2
             0 = A + B + C - 1
             objective o = value(A, 10) + final(C)
             solve t = 0..40",
            &["k1", "k2"],
            IMPLICIT,
        ),
        case(
            "algebraic, with resets",
            "param k = 1.2, c = 0.4
             init x = 1, z = 0
             x' = -k*x*z
             0 = z^3 + z - x
             when x < 0.7 { x := x + c }
             objective o = value(x, 1) + final(z)
             solve t = 0..2",
            &["k", "c"],
            IMPLICIT,
        ),
        case(
            "constraints",
            "param g = 9.81, L = 1
             init x = 0.6, y = -0.8, lambda = 0
             init x' = 0, y' = 0
             x'' = -lambda*x
             y'' = -lambda*y - g
             0 = x^2 + y^2 - L^2
             objective o = value(x, 0.5) + final(y)
             solve t = 0..1",
            &["g", "L"],
            IMPLICIT,
        ),
    ]
}

fn bits(value: f64, gradient: &[f64]) -> Vec<u64> {
    std::iter::once(value).chain(gradient.iter().copied()).map(f64::to_bits).collect()
}

/// Calls that fail, at once or on the way, leave nothing behind for the next.
fn failures_leave_nothing() {
    let text = "param k = 0.6, c = 2
        init x = 1, y = 0
        x' = k*x^2
        y' = x - 20*y
        when y > 0.06 { y := y - 0.01*c }
        objective o = final(x*y) + value(y, 0.5)
        solve t = 0..1";
    let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    for method in ALL {
        for way in [Way::Forward, Way::Adjoint] {
            let make = || {
                let objective = compiled.objective(None, None, &["k", "c"]).unwrap();
                objective.method(*method).rtol(1e-5).atol(1e-8).way(way)
            };
            let (objective, mut gradient) = (make(), [0.0; 2]);
            for k in 0..4 {
                let at = [0.6 + 0.01 * f64::from(k), 2.0];
                let value = objective.value_and_gradient(&at, &mut gradient).unwrap();
                let found = bits(value, &gradient);
                let value = make().value_and_gradient(&at, &mut gradient).unwrap();
                assert_eq!(found, bits(value, &gradient), "{} {way:?}", method.name());
                // x goes to infinity at 1/k; no number at all.
                for wrong in [[2.0, 2.0], [f64::NAN, 2.0]] {
                    assert!(
                        objective.value_and_gradient(&wrong, &mut gradient).is_err(),
                        "{} {wrong:?}",
                        method.name()
                    );
                }
            }
        }
    }
}

/// Whatever a model has: forward and back, and values alone.
fn larger_models_too() {
    const THREADS: usize = 3;
    for Case { name, text, by, methods } in cases() {
        let files = BTreeMap::from([("u.csv".to_string(), "time,u\n0,1\n0.7,2\n1.1,0.5\n2,1\n".to_string())]);
        let model = Model::parse_with(&files, "m.ode", &text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let compiled = model.compile().unwrap();
        let data = DataFile::new("x.csv", "t,x\n0.3,0.9\n1,2\n1,2.1\n1.7,1\n");
        let data = text.contains("observe").then_some(&data);
        for method in methods {
            for way in [Way::Forward, Way::Adjoint] {
                let case = format!("{name}, {}, {way:?}", method.name());
                let objective = compiled.objective(None, data, by).unwrap_or_else(|e| panic!("{case}: {e}"));
                let objective = objective.method(*method).rtol(1e-5).atol(1e-8).way(way);
                let points: Vec<Vec<f64>> = points(&objective).into_iter().take(4).collect();
                let mut gradient = vec![0.0; by.len()];
                let mut ask = |at: &[f64]| {
                    let value = objective.value(at).unwrap_or_else(|e| panic!("{case}: {e}"));
                    let again =
                        objective.value_and_gradient(at, &mut gradient).unwrap_or_else(|e| panic!("{case}: {e}"));
                    (value, again, gradient.iter().fold(0u64, |all, d| all.rotate_left(7) ^ d.to_bits()))
                };
                let before = allocations();
                let first: Vec<_> = points.iter().map(|at| ask(at)).collect();
                // Whole steps of small models are interpreted until compiling them pays.
                for at in points.iter().cycle().take(if name.ends_with("100") { 8 } else { 500 }) {
                    ask(at);
                }
                let (warm, before) = (allocations() - before, allocations());
                for (at, answer) in points.iter().zip(&first).rev() {
                    let found = ask(at);
                    assert_eq!(
                        (found.0.to_bits(), found.1.to_bits(), found.2),
                        (answer.0.to_bits(), answer.1.to_bits(), answer.2),
                        "{case}"
                    );
                }
                assert_eq!(allocations() - before, 0, "{case}");
                let expected: Vec<Vec<u64>> = points
                    .iter()
                    .map(|at| {
                        let value = objective.value_and_gradient(at, &mut gradient).unwrap();
                        bits(value, &gradient)
                    })
                    .collect();
                let barrier = Barrier::new(THREADS);
                let work = || {
                    let mut gradient = vec![0.0; by.len()];
                    barrier.wait();
                    let before = allocations();
                    barrier.wait();
                    for (at, expected) in points.iter().zip(&expected).cycle().take(12) {
                        let value = objective.value_and_gradient(at, &mut gradient).unwrap();
                        let same = value.to_bits() == expected[0]
                            && gradient.iter().zip(&expected[1..]).all(|(d, e)| d.to_bits() == *e);
                        assert!(same, "{case}");
                    }
                    barrier.wait();
                    allocations() - before
                };
                std::thread::scope(|scope| {
                    let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
                    for thread in threads {
                        // As much memory as calls are under way at once, made when that first happens.
                        let found = thread.join().unwrap();
                        assert!(
                            found <= warm * (THREADS as u64 - 1),
                            "{case}: {found} allocations, {warm} of the first calls"
                        );
                    }
                });
            }
        }
    }
}

#[test]
fn calls_allocate_nothing() {
    // One test: the counter is that of the whole process.
    const THREADS: usize = 3;
    failures_leave_nothing();
    larger_models_too();
    for method in METHODS {
        for (which, objective) in objectives(method).iter().enumerate() {
            if which == 2 && method != Method::Rodas5P {
                // An explicit method is not for it, and `auto` may make another one on the way.
                continue;
            }
            assert!(objective.explain().unwrap().starts_with("together"), "{}: {which}", method.name());
            let (points, barrier) = (points(objective), Barrier::new(THREADS));
            let mut gradient = vec![0.0; objective.by().len()];
            // Steps are interpreted until compiling them pays.
            for at in points.iter().cycle().take(600) {
                ask(objective, at, &mut gradient);
            }
            let answers: Vec<_> = points.iter().map(|at| ask(objective, at, &mut gradient)).collect();
            let before = allocations();
            for (at, answer) in points.iter().zip(&answers).rev() {
                assert_eq!(ask(objective, at, &mut gradient), *answer, "{}: {which}", method.name());
            }
            assert_eq!(allocations() - before, 0, "{}: {which}", method.name());
            let work = |_| {
                let mut gradient = vec![0.0; objective.by().len()];
                barrier.wait();
                let before = allocations();
                barrier.wait();
                for (at, answer) in points.iter().zip(&answers).cycle().take(400) {
                    assert_eq!(ask(objective, at, &mut gradient), *answer, "{}: {which}", method.name());
                }
                barrier.wait();
                allocations() - before
            };
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS).map(|k| scope.spawn(move || work(k))).collect();
                for thread in threads {
                    // Memory for as many calls as are under way at once, made when that first happens.
                    let most = 200 * (THREADS as u64 - 1);
                    let found = thread.join().unwrap();
                    assert!(
                        found <= most,
                        "{}: {which}: {found} allocations in {} calls",
                        method.name(),
                        800 * THREADS
                    );
                }
            });
        }
    }
}
