//! A parameter scan on all cores: one compiled model, shared by every thread.
//!
//! Run with `cargo run --release --example parameter_scan`.

use std::thread;

use rhapsode::{Compiled, Model};

const MODEL: &str = include_str!("models/sir.ode");
/// Values of the parameter.
const POINTS: usize = 41;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let compiled = Model::parse(MODEL)?.compile()?;
    let numbers: Vec<f64> = (0..POINTS).map(|k| 1.0 + 3.0 * k as f64 / (POINTS - 1) as f64).collect();

    // `Compiled` is `Send + Sync` and immutable: threads borrow it.
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let shares: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = numbers
            .chunks(POINTS.div_ceil(threads))
            .map(|chunk| scope.spawn(|| chunk.iter().map(|r0| never_infected(&compiled, *r0)).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });

    println!("an epidemic by its reproduction number: who is never infected");
    for (r0, share) in numbers.iter().zip(shares).step_by(4) {
        let share = share?;
        println!("R0 = {r0:4.2}  {:5.1} %  {}", 100.0 * share, "#".repeat((50.0 * share) as usize));
    }
    Ok(())
}

/// The share of susceptible people when the epidemic is over.
fn never_infected(compiled: &Compiled, r0: f64) -> Result<f64, String> {
    let problem = compiled.problem().span(0.0..2000.0).set("R0", r0).map_err(|error| error.to_string())?;
    let solution = problem.solve().map_err(|error| error.to_string())?;
    let susceptible = solution.column("S").map_err(|error| error.to_string())?;
    susceptible.last().copied().ok_or_else(|| "nothing was saved".to_string())
}
