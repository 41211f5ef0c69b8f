//! One problem, solved by diffsol with its Cranelift backend.
//!
//! `peer-diffsol problem.dsl T1 T2 …` compiles the text, then reads lines `solver rtol atol seconds` and answers each with
//! one line of JSON, like the other workers of this folder: the median time of a warm solve and the values at the output
//! times. A solve makes a solver from the compiled problem (diffsol's way) and stores all output times.
//!
//! `peer-diffsol --ensemble problem.dsl members.csv END` runs the problem for every row of a table, which begins with its inputs:
//! lines `solver rtol atol` are answered with the seconds for all of them and the values at the end.

mod ensemble;

use std::io::BufRead;
use std::time::Instant;

use diffsol::{
    CraneliftJitModule, DefaultDenseMatrix, DenseMatrix, DiffSl, DiffsolError, FaerSparseLU, FaerSparseMat, Matrix,
    MatrixCommon, NalgebraLU, NalgebraMat, OdeBuilder, OdeSolverMethod, OdeSolverProblem, Vector,
};

type Equations<M> = DiffSl<M, CraneliftJitModule>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, path, members, end] = arguments.as_slice()
        && flag == "--ensemble"
    {
        return ensemble::answer(path, members, end.parse().unwrap_or(1.0));
    }
    let [path, times @ ..] = arguments.as_slice() else { return println!("usage: peer-diffsol problem.dsl T1 T2 …") };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let times: Vec<f64> = times.iter().filter_map(|t| t.parse().ok()).collect();
    let mut dense: Option<OdeSolverProblem<Equations<NalgebraMat<f64>>>> = None;
    let mut sparse: Option<OdeSolverProblem<Equations<FaerSparseMat<f64>>>> = None;
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [solver, rtol, atol, budget] = words.as_slice() else { continue };
        let [rtol, atol, budget] = [rtol, atol, budget].map(|w| w.parse::<f64>().unwrap_or(1e-6));
        let answer = (|| -> Result<String, DiffsolError> {
            // Compiled when first asked for: the dense and the sparse problem are two.
            if solver.ends_with("sparse") {
                if sparse.is_none() {
                    sparse =
                        Some(OdeBuilder::<FaerSparseMat<f64>>::new().build_from_diffsl::<CraneliftJitModule>(&text)?);
                }
                let problem = sparse.as_mut().expect("just made");
                problem.rtol = rtol;
                problem.atol.fill(atol);
                let problem = sparse.as_ref().expect("just made");
                repeat(budget, || match *solver {
                    "bdf_sparse" => values(problem.bdf::<FaerSparseLU<f64>>()?, &times),
                    "esdirk34_sparse" => values(problem.esdirk34::<FaerSparseLU<f64>>()?, &times),
                    "tr_bdf2_sparse" => values(problem.tr_bdf2::<FaerSparseLU<f64>>()?, &times),
                    _ => values(problem.tsit45()?, &times),
                })
            } else {
                if dense.is_none() {
                    dense = Some(OdeBuilder::<NalgebraMat<f64>>::new().build_from_diffsl::<CraneliftJitModule>(&text)?);
                }
                let problem = dense.as_mut().expect("just made");
                problem.rtol = rtol;
                problem.atol.fill(atol);
                let problem = dense.as_ref().expect("just made");
                repeat(budget, || match *solver {
                    "bdf" => values(problem.bdf::<NalgebraLU<f64>>()?, &times),
                    "esdirk34" => values(problem.esdirk34::<NalgebraLU<f64>>()?, &times),
                    "tr_bdf2" => values(problem.tr_bdf2::<NalgebraLU<f64>>()?, &times),
                    _ => values(problem.tsit45()?, &times),
                })
            }
        })();
        match answer {
            Ok(text) => println!("{text}"),
            Err(error) => println!("{}", serde_json::json!({"error": format!("{solver}: {error}")})),
        }
    }
}

/// The values at the output times, a column each.
fn values<'a, M, S>(mut solver: S, times: &[f64]) -> Result<Vec<Vec<f64>>, DiffsolError>
where
    M: Matrix<T = f64>,
    M::V: DefaultDenseMatrix,
    Equations<M>: diffsol::OdeEquations<T = f64, V = M::V> + 'a,
    S: OdeSolverMethod<'a, Equations<M>>,
{
    let (table, _) = solver.solve_dense(times)?;
    let rows = table.nrows();
    Ok((0..table.ncols()).map(|c| (0..rows).map(|r| table.get_index(r, c)).collect()).collect())
}

/// Warm solves for about `budget` seconds, and the answer about them.
fn repeat(budget: f64, solve: impl Fn() -> Result<Vec<Vec<f64>>, DiffsolError>) -> Result<String, DiffsolError> {
    let (begun, mut spent) = (Instant::now(), Vec::new());
    let last = loop {
        let before = Instant::now();
        let values = solve()?;
        spent.push(before.elapsed().as_secs_f64());
        let so_far = begun.elapsed().as_secs_f64();
        if so_far > budget && (spent.len() > 2 || so_far > 10.0 * budget) {
            break values;
        }
    };
    spent.sort_by(f64::total_cmp);
    Ok(serde_json::json!({"seconds": spent[spent.len() / 2], "steps": 0, "values": last}).to_string())
}
