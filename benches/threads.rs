//! How ensembles of trajectories of uneven cost scale with threads: van der Pol's oscillator over six decades of stiffness, the
//! costly trajectories at one end. One and two threads take turns, so that a busy machine does not favour either;
//! prints the medians and their ratio.
//!
//! `cargo bench -p rhapsode --bench threads [-- TRAJECTORIES]`

use std::ops::ControlFlow;
use std::time::Instant;

use rhapsode::solve::Method;
use rhapsode::{Compiled, Keep, Model};

const ROUNDS: usize = 5;

fn seconds(compiled: &Compiled, mu: &[f64], threads: usize) -> f64 {
    let problem = compiled.problem().span(0.0..20.0).method(Method::Rodas5P).rtol(1e-6).atol(1e-8);
    let ensemble = problem.ensemble(&[("mu", mu)]).expect("the column is a parameter").threads(threads);
    let start = Instant::now();
    let mut failed = 0;
    let count = ensemble.records(&Keep::Final, |_, record| {
        failed += usize::from(record.failure.is_some());
        ControlFlow::Continue(())
    });
    assert_eq!((count.expect("nothing is missing"), failed), (mu.len(), 0));
    start.elapsed().as_secs_f64()
}

fn main() {
    let count = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(100_000_usize);
    let text = include_str!("../examples/models/van_der_pol.ode");
    let compiled = Model::parse(text).expect("the example is sound").compile().expect("it compiles");
    let mu: Vec<f64> = (0..count).map(|k| 10_f64.powf(-3.0 + 6.0 * k as f64 / count as f64)).collect();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (threads, list) in times.iter_mut().enumerate() {
            list.push(seconds(&compiled, &mu, threads + 1));
        }
    }
    let [one, two] = times.map(|mut list| {
        list.sort_by(f64::total_cmp);
        list[ROUNDS / 2]
    });
    let each = |seconds: f64| 1e6 * seconds / count as f64;
    println!(
        "{count} trajectories: {:.2} µs each on one thread, {:.2} on two, {:.2} times as fast",
        each(one),
        each(two),
        one / two
    );
}
