//! One problem, solved by Rhapsode, for `benches/peers/run`.
//!
//! `ours problem.ode T0 T1 T2 …` compiles the text (and says how long that took), then reads lines
//! `method rtol atol seconds` and answers each with one line of JSON, like the other workers of that folder: the median
//! time of a warm solve, its steps and the values at the output times; besides, how long the very first solve took. A
//! solve is the whole call of `solve`, with all that it allocates. Negative seconds are a number of solves, for counting
//! instructions.

use std::fmt::Write;
use std::io::BufRead;
use std::time::Instant;

use rhapsode::Model;
use rhapsode::solve::{Method, Save};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [path, start, times @ ..] = arguments.as_slice() else {
        return println!("this bench is a worker of benches/peers/run");
    };
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let t0: f64 = start.parse().expect("a number");
    let times: Vec<f64> = times.iter().map(|t| t.parse().expect("a number")).collect();
    let begun = Instant::now();
    let compiled = Model::parse(&text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"));
    let compile = begun.elapsed().as_secs_f64();
    let (mut known, mut first) = (Vec::new(), None);
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [method, rtol, atol, budget] = words.as_slice() else { continue };
        let [rtol, atol, budget] = [rtol, atol, budget].map(|w| w.parse::<f64>().expect("a number"));
        let Some(method) = Method::find(method) else {
            println!("{{\"error\": \"no method {method}\"}}");
            continue;
        };
        let mut spent = Vec::new();
        let problem = compiled.problem().span(t0..times[times.len() - 1]).method(method).rtol(rtol).atol(atol);
        let problem = problem.save(Save::At(times.clone()));
        // Kernels of a method (of an order, for Taylor) are made when first asked for, and compiled once that pays.
        let warm = (method, rtol.to_bits());
        if !known.contains(&warm) {
            known.push(warm);
            let (begun, mut turns) = (Instant::now(), 0);
            while turns < 4 && problem.solve().is_ok() && (begun.elapsed().as_secs_f64() < 0.3 || turns == 0) {
                turns += 1;
                first = first.or_else(|| Some(begun.elapsed().as_secs_f64()));
            }
        }
        let begun = Instant::now();
        let answer = loop {
            let before = Instant::now();
            let solution = problem.solve();
            spent.push(before.elapsed().as_secs_f64());
            let so_far = begun.elapsed().as_secs_f64();
            let enough = match budget {
                0.0.. => so_far > budget && (spent.len() > 2 || so_far > 10.0 * budget),
                _ => spent.len() as f64 >= -budget,
            };
            if solution.is_err() || enough {
                break solution;
            }
        };
        spent.sort_by(f64::total_cmp);
        match answer {
            Err(error) => println!("{{\"error\": {:?}}}", error.to_string()),
            Ok(solution) => {
                let s = &solution.statistics;
                let mut out = format!(
                    "{{\"seconds\": {:e}, \"steps\": {}, \"rejected\": {}, \"rhs\": {}, \"compile\": {compile:e}, \
                     \"first\": {:e}, \
                     \"method\": {:?}, \"linear\": {:?}, \"values\": [",
                    spent[spent.len() / 2],
                    s.steps,
                    s.rejected,
                    s.rhs,
                    first.unwrap_or_default(),
                    s.method,
                    s.linear,
                );
                for row in 0..solution.len() {
                    let values = (0..solution.state_names().len()).map(|k| format!("{:e}", solution.state(k)[row]));
                    let values: Vec<String> = values.collect();
                    let _ = write!(out, "{}[{}]", if row > 0 { "," } else { "" }, values.join(","));
                }
                println!("{out}]}}");
            }
        }
    }
}
