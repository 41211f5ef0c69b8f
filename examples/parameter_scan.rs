//! A parameter scan on all cores: an ensemble of runs of one compiled model.
//!
//! Run with `cargo run --release --example parameter_scan`.

use std::ops::ControlFlow;

use rhapsode::{Keep, Model};

const MODEL: &str = include_str!("models/sir.ode");
/// Values of the parameter.
const POINTS: usize = 41;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let compiled = Model::parse(MODEL)?.compile()?;
    let numbers: Vec<f64> = (0..POINTS).map(|k| 1.0 + 3.0 * k as f64 / (POINTS - 1) as f64).collect();

    // A column per parameter or initial value, a row per trajectory.
    let ensemble = compiled.problem().span(0.0..2000.0).ensemble(&[("R0", &numbers)])?;
    println!("an epidemic by its reproduction number: who is never infected");
    ensemble.records_of(&["S"], &Keep::Final, |k, record| {
        // Records come in order, however many threads there are; one that failed says why.
        match &record.failure {
            None if k % 4 == 0 => {
                let (r0, share) = (numbers[k], record.values[0]);
                println!("R0 = {r0:4.2}  {:5.1} %  {}", 100.0 * share, "#".repeat((50.0 * share) as usize));
            }
            None => {}
            Some(reason) => println!("R0 = {:4.2}  {reason}", numbers[k]),
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}
