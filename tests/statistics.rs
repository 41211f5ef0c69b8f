//! How much work the reference problems take: a change here is a change of algorithm, and must be meant.
//! `BLESS=1 cargo test --test statistics` rewrites `tests/statistics.txt`.

mod common;

use rhapsode::Model;
use rhapsode::solve::Method;

const PROBLEMS: [&str; 12] = [
    "lotka_volterra",
    "lorenz63",
    "pleiades",
    "rigid_body",
    "fitzhugh_nagumo",
    "bruss1d",
    "rober",
    "vdpol_1e3",
    "orego",
    "hires",
    "pollu",
    "medakzo",
];

#[test]
fn the_work_is_as_committed() {
    let mut text = String::from("problem method steps rejected rhs jacobians factorizations switches\n");
    for name in PROBLEMS {
        let Some(problem) = common::problem(name) else { return };
        let compiled = Model::parse(&problem.text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
        for method in Method::ALL {
            if (problem.stiff && !method.suits_stiff()) || method.is_second_order() {
                continue;
            }
            let run = compiled.problem().span(problem.span.0..problem.span.1).method(*method).rtol(1e-6).atol(1e-9);
            let solution = run.solve().unwrap_or_else(|e| panic!("{name} {}: {e}", method.name()));
            let s = &solution.statistics;
            text += &format!(
                "{name} {} {} {} {} {} {} {}\n",
                method.name(),
                s.steps,
                s.rejected,
                s.rhs,
                s.jacobians,
                s.factorizations,
                s.switches
            );
        }
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/statistics.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, wanted) in text.lines().zip(committed.lines()) {
        assert!(close(line, wanted), "found     {line}\ncommitted {wanted}");
    }
    assert_eq!(text.lines().count(), committed.lines().count());
}

/// The same words, and counts within 2 %: machines without fused multiply-add round differently.
fn close(found: &str, committed: &str) -> bool {
    let (a, b): (Vec<&str>, Vec<&str>) = (found.split(' ').collect(), committed.split(' ').collect());
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(x), Ok(y)) => (x - y).abs() <= 3.0 + 0.02 * y,
            _ => a == b,
        })
}
