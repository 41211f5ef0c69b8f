//! A run looked at while it is under way: pulled step by step, or shown to an observer that ends it.
//!
//! Run with `cargo run --release --example steps`.

use rhapsode::Model;
use rhapsode::solve::{Go, Passed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = Model::parse("model spring\ninit x = 1, v = 0\nx' = v\nv' = -x\n")?;
    println!("{}: {} states, {} parameters", model.name(), model.states().len(), model.parameters().len());
    let compiled = model.compile()?;

    // An iterator: each step is made when it is asked for, and knows the solution within it.
    let mut problem = compiled.problem().span(0.0..100.0);
    let mut y = [0.0; 2];
    for step in problem.steps()?.take(4) {
        let step = step?;
        let middle = 0.5 * (step.from() + step.to());
        step.state(middle, &mut y);
        println!("t = {middle:.4}: x = {:+.6}", y[0]);
    }

    // A callback: sees every step of a run, and may end it within the step.
    let turn = |step: &mut Passed| {
        if step.start()[1] < 0.0 && step.end()[1] >= 0.0 { Go::StopAt(step.to()) } else { Go::On }
    };
    let solution = compiled.problem().span(0.0..100.0).observe(&turn).solve()?;
    println!("turned back before t = {:.4}", solution.times().last().copied().unwrap_or(f64::NAN));
    Ok(())
}
