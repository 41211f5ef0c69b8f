//! The likelihood of measured values as a function of two parameters, with its gradient.

use rhapsode::source::DataFile;
use rhapsode::{Model, ObjectiveError};

const MODEL: &str = "
    param k = 1, spread = 0.1
    init x = 2
    x' = -k*x
    observe seen ~ Normal(x, spread)
    solve t = 0..3 { rtol = 1e-10, atol = 1e-12 }
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = DataFile::new("seen.csv", "t,seen\n1,0.7\n2,0.3\n3,0.1\n");
    let compiled = Model::parse(MODEL)?.compile()?;
    let likelihood = compiled.objective(None, Some(&data), &["k", "spread"])?;
    let mut gradient = [0.0; 2];
    // A few steps uphill.
    let mut at = [1.0, 0.1];
    for _ in 0..20 {
        let value = likelihood.value_and_gradient(&at, &mut gradient)?;
        println!("k = {:.4}, spread = {:.4}: {value:.4}", at[0], at[1]);
        at[0] += 1e-3 * gradient[0];
        at[1] = (at[1] + 1e-4 * gradient[1]).max(0.01);
    }
    // What is no parameter is refused.
    assert!(matches!(compiled.objective(None, Some(&data), &["t"]), Err(ObjectiveError::NoDerivative { .. })));
    Ok(())
}
