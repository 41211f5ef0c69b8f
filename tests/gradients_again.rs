//! Values and gradients of a small smooth model allocate nothing after the first calls, however many threads ask at once, and
//! do not depend on what was asked before.

#[path = "common/counting.rs"]
mod counting;

use std::sync::Barrier;

use counting::allocations;
use rhapsode::solve::Method;
use rhapsode::source::DataFile;
use rhapsode::{Model, Objective};

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

#[test]
fn calls_allocate_nothing() {
    // One test: the counter is that of the whole process.
    const THREADS: usize = 3;
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
