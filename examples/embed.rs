//! Embedding: a model as text, compiled once, solved several times.
//!
//! Run with `cargo run --release --example embed`.

use rhapsode::Model;
use rhapsode::solve::{Method, Save};

const MODEL: &str = include_str!("models/robertson.ode");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A mistake in the model comes back as diagnostics that point into its text.
    let broken = MODEL.replace("k3*B*C", "k4*B*C");
    if let Err(errors) = Model::parse(&broken) {
        println!("{errors}");
    }

    let model = Model::parse(MODEL)?;
    println!("{}: states {:?}", model.name(), model.states().iter().collect::<Vec<_>>());

    // Native code, made once; cheap to clone and share.
    let compiled = model.compile()?;

    // Everything comes from the model's solve block unless it is set here.
    for k1 in [0.02, 0.04, 0.08] {
        let times = vec![0.4, 40.0, 4000.0];
        let solution = compiled.problem().span(0.0..4000.0).set("k1", k1)?.save(Save::At(times)).solve()?;
        let a = solution.column("A")?;
        println!("k1 = {k1}: A at t = 0.4, 40, 4000 is {a:.6?} ({} steps)", solution.statistics.steps);
    }

    // A run that cannot reach its end says why, and keeps what it has.
    match compiled.problem().method(Method::Tsit5).max_steps(2000).solve() {
        Ok(solution) => println!("reached t = {:?}", solution.times().last()),
        Err(error) => println!("as expected, an explicit method: {error}"),
    }
    Ok(())
}
