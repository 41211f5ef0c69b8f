//! `auto` against each method by itself, problem by problem: what choosing costs.
//!
//! Run: `cargo bench --bench methods [-- PROBLEM …]`. Prints, per problem and tolerance, each method's steps, achieved
//! error and time (the best of several runs), and `auto`'s time over that of the fastest single method whose error is no
//! more than five times that of `auto`. Problems come from `../shared/data/ivp`; without them nothing is printed.
//! Also: what a factorisation and a solve take, by kind.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::Reference;
use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model};

/// One method on one problem.
struct Row {
    method: Method,
    text: String,
    error: f64,
    seconds: f64,
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let (names, methods): (Vec<String>, Vec<String>) = wanted.into_iter().partition(|w| Method::find(w).is_none());
    let asked = |method: &Method| methods.is_empty() || methods.iter().any(|m| Method::find(m) == Some(*method));
    let mut ratios = Vec::new();
    for problem in common::problems() {
        if !names.is_empty() && !names.contains(&problem.name) {
            continue;
        }
        let compiled = Model::parse(&problem.text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
        for rtol in [1e-4, 1e-6, 1e-8] {
            println!("{} (n = {}), rtol {rtol:e}", problem.name, problem.dim);
            let rows: Vec<Row> = Method::ALL
                .iter()
                .filter(|m| asked(m) && (m.suits_stiff() || !problem.stiff))
                .filter_map(|method| measure(&compiled, &problem, *method, rtol))
                .collect();
            rows.iter().for_each(|row| println!("  {}", row.text));
            let Some(auto) = rows.iter().find(|row| row.method == Method::Auto) else { continue };
            let rivals = rows.iter().filter(|row| row.method != Method::Auto && row.error <= 5.0 * auto.error);
            if let Some(best) = rivals.min_by(|a, b| a.seconds.total_cmp(&b.seconds)) {
                let ratio = auto.seconds / best.seconds;
                println!("  auto / {}: {ratio:.2}", best.method.name());
                ratios.push((ratio, problem.name.clone(), rtol));
            }
        }
    }
    ratios.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("auto over the best single method, worst first:");
    for (ratio, name, rtol) in ratios.iter().take(25) {
        println!("  {ratio:.2} {name} {rtol:e}");
    }
}

fn measure(compiled: &Compiled, problem: &Reference, method: Method, rtol: f64) -> Option<Row> {
    let (t0, t1) = problem.span;
    let atol = match problem.name.as_str() {
        "rober" | "stdtest_e5" => rtol * 1e-8,
        "pollu" => rtol * 1e-10,
        _ => rtol * 1e-3,
    };
    let run = compiled.problem().span(t0..t1).method(method).rtol(rtol).atol(atol).save(Save::At(vec![t1]));
    let solution = run.solve().inspect_err(|e| println!("  {} {e}", method.name())).ok()?;
    let last = problem.rows.last()?;
    let error =
        solution.last().iter().zip(last).map(|(x, r)| (x - r).abs() / (r.abs() + atol / rtol)).fold(0.0, f64::max);
    let (mut best, mut spent) = (f64::INFINITY, 0.0);
    for turn in 0..200 {
        let start = Instant::now();
        let _ = std::hint::black_box(run.solve());
        let seconds = start.elapsed().as_secs_f64();
        best = best.min(seconds);
        spent += seconds;
        // A busy machine may take the first few runs' time for itself.
        if spent > 0.05 && turn > 6 {
            break;
        }
    }
    let s = &solution.statistics;
    let text = format!(
        "{:12} {:6} steps ({:4} rejected) {:7} f {:5} J {:6} LU error {error:8.1e} {:9.1} µs {:6.3} µs/step {} {}",
        method.name(),
        s.steps,
        s.rejected,
        s.rhs,
        s.jacobians,
        s.factorizations,
        1e6 * best,
        1e6 * best / s.steps.max(1) as f64,
        s.linear,
        if method == Method::Auto { s.method.as_str() } else { "" },
    );
    Some(Row { method, text, error, seconds: best })
}
