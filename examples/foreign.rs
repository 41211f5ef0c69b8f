//! A model that calls a function of this program, with its derivatives.
//!
//! Run with `cargo run --release --example foreign`.

use rhapsode::{HostFunction, Model};

const MODEL: &str = "
model skydiver
extern fn drag(v, rho)
param rho = 1.2, g = 9.81
init h = 1000, v = 0
h' = v
v' = -g - drag(v, rho)
when h < 0 { stop }
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Pure, and called from any thread that solves.
    let drag = HostFunction::new(|x| 0.004 * x[1] * x[0] * x[0].abs()).gradient(|x, slope| {
        slope[0] = 0.008 * x[1] * x[0].abs();
        slope[1] = 0.004 * x[0] * x[0].abs();
    });
    let compiled = Model::parse(MODEL)?.with_function("drag", drag)?.compile()?;
    let solution = compiled.problem().span(0.0..60.0).solve()?;
    if let Some((time, _)) = solution.stopped_by() {
        println!("lands at t = {time:.3} with v = {:.3}", solution.last()[1]);
    }
    Ok(())
}
