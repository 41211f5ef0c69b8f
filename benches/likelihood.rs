//! The likelihood of thirty supernovae in a flat universe of two parameters, per call: value, and value with gradient, by the
//! methods that suit it. Run: `cargo bench --bench likelihood`; prints microseconds, the best of many batches.
//!
//! `cargo bench --bench likelihood -- --profile CALLS METHOD` calls the gradient so often, for callgrind.

use std::hint::black_box;
use std::time::Instant;

use rhapsode::solve::Method;
use rhapsode::source::DataFile;
use rhapsode::{Model, Objective, Way};

const MODEL: &str = "
    time z
    param Om = 0.3, H0 = 70
    init chi = 0
    chi' = 1/sqrt(Om*(1 + z)^3 + 1 - Om)
    observe mu ~ Normal(5*log10(299792.458/H0*(1 + z)*chi) + 25, sigma)
    solve z = 0..3 { rtol = 1e-8, atol = 1e-10 }
";

fn likelihood(method: Method) -> Objective {
    let data = DataFile::new("supernovae.csv", include_str!("../examples/models/supernovae.csv"));
    let compiled = Model::parse(MODEL).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"));
    compiled.objective(None, Some(&data), &["Om", "H0"]).unwrap_or_else(|e| panic!("{e}")).method(method)
}

/// Calls at points that differ a little each time.
fn calls(count: u32, mut call: impl FnMut(&[f64])) {
    for k in 0..count {
        call(&[0.3 + 1e-6 * f64::from(k % 100), 70.0]);
    }
}

/// Microseconds per call.
fn best(mut call: impl FnMut(&[f64])) -> f64 {
    calls(200, &mut call);
    let batch = |call: &mut dyn FnMut(&[f64])| {
        let start = Instant::now();
        calls(500, call);
        start.elapsed().as_secs_f64() * 1e6 / 500.0
    };
    (0..40).map(|_| batch(&mut call)).fold(f64::INFINITY, f64::min)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|a| a == "--profile") {
        let count = arguments.get(at + 1).and_then(|n| n.parse().ok()).unwrap_or(1_000);
        let method = arguments.get(at + 2).and_then(|name| Method::find(name)).unwrap_or(Method::Vern7);
        let (likelihood, mut gradient) = (likelihood(method), [0.0; 2]);
        calls(count, |at| _ = black_box(likelihood.value_and_gradient(at, &mut gradient)));
        return;
    }
    println!("method      value  gradient   forward   adjoint   (microseconds per call)");
    for method in [Method::Tsit5, Method::Vern7, Method::Dop853, Method::Vern9, Method::Adams, Method::Auto] {
        let (likelihood, mut gradient) = (likelihood(method), [0.0; 2]);
        let value = best(|at| _ = black_box(likelihood.value(at)));
        let together = best(|at| _ = black_box(likelihood.value_and_gradient(at, &mut gradient)));
        let mut by = |way: Way| {
            let likelihood = likelihood.clone().way(way);
            best(|at| _ = black_box(likelihood.value_and_gradient(at, &mut gradient)))
        };
        let (forward, adjoint) = (by(Way::Forward), by(Way::Adjoint));
        println!("{:8} {value:8.2} {together:9.2} {forward:9.2} {adjoint:9.2}", method.name());
    }
}
