//! One problem for many values of its inputs, one after the other.

use std::io::BufRead;
use std::time::Instant;

use diffsol::{
    CraneliftJitModule, DiffSl, DiffsolError, NalgebraLU, NalgebraMat, NalgebraVec, OdeBuilder, OdeEquations,
    OdeSolverProblem, Op, Vector,
};

use crate::values;

type Dense = OdeSolverProblem<DiffSl<NalgebraMat<f64>, CraneliftJitModule>>;

/// Answers lines about a problem whose members are the rows of a table.
pub fn answer(path: &str, members: &str, end: f64) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let built = OdeBuilder::<NalgebraMat<f64>>::new().build_from_diffsl::<CraneliftJitModule>(&text);
    let mut problem = match built {
        Ok(problem) => problem,
        Err(error) => return println!("{}", serde_json::json!({"error": error.to_string()})),
    };
    let inputs = problem.eqn().nparams();
    let table = std::fs::read_to_string(members).unwrap_or_default();
    let row = |line: &str| line.split(',').take(inputs).filter_map(|cell| cell.parse().ok()).collect();
    let rows: Vec<Vec<f64>> = table.lines().map(row).collect();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [solver, rtol, atol] = words.as_slice() else { continue };
        problem.rtol = rtol.parse().unwrap_or(1e-6);
        problem.atol.fill(atol.parse().unwrap_or(1e-8));
        let before = Instant::now();
        let ends: Result<Vec<_>, _> = rows.iter().map(|row| one(&mut problem, solver, row, end)).collect();
        let seconds = before.elapsed().as_secs_f64();
        match ends {
            Ok(ends) => println!("{}", serde_json::json!({"seconds": seconds, "ends": ends})),
            Err(error) => println!("{}", serde_json::json!({"error": format!("{solver}: {error}")})),
        }
    }
}

/// The values at the end for these inputs.
fn one(problem: &mut Dense, solver: &str, inputs: &[f64], end: f64) -> Result<Vec<f64>, DiffsolError> {
    let context = *problem.context();
    problem.eqn_mut().set_params(&NalgebraVec::from_vec(inputs.to_vec(), context));
    let times = [end];
    let table = match solver {
        "bdf" => values(problem.bdf::<NalgebraLU<f64>>()?, &times),
        "esdirk34" => values(problem.esdirk34::<NalgebraLU<f64>>()?, &times),
        "tr_bdf2" => values(problem.tr_bdf2::<NalgebraLU<f64>>()?, &times),
        _ => values(problem.tsit45()?, &times),
    };
    Ok(table?.pop().unwrap_or_default())
}
