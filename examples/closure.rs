//! A system written in Rust, integrated by the same methods as a model.
//!
//! Run with `cargo run --release --example closure`.

use rhapsode::solve::{Method, Options, Save, Tolerance, integrate};
use rhapsode::system::ClosureSystem;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two states, one parameter: a circle that is gone round with angular velocity p[0].
    let circle = ClosureSystem::new(2, 1, |_t, y, p, dy| {
        dy[0] = -p[0] * y[1];
        dy[1] = p[0] * y[0];
    });
    let times = vec![0.25, 0.5, 1.0];
    let options = Options {
        method: Method::Vern7,
        rtol: 1e-10,
        atol: Tolerance::Scalar(1e-12),
        save: Save::At(times),
        ..Options::new(0.0, 1.0)
    };
    let solution = integrate(&circle, &[1.0, 0.0], &[std::f64::consts::TAU], &options)?;
    for (k, t) in solution.times().iter().enumerate() {
        println!("t = {t}: {:+.9} {:+.9}", solution.state(0)[k], solution.state(1)[k]);
    }
    Ok(())
}
