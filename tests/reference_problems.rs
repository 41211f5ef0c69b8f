//! Every reference problem without events and algebraic equations, through the whole pipeline.

mod common;

use common::{Reference, problems};
use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model};

/// The absolute tolerance of a problem: 1e-10, or less where a component's own size asks for it (stated traps:
/// Robertson's y2 ~ 1e-13, pollution's y16 ~ 4e-18): a millionth of the smallest non-zero reference magnitude per
/// column, never above the default.
fn atol(problem: &Reference) -> f64 {
    let columns = problem.rows[0].len();
    let size = |k: usize| problem.rows.iter().map(|row| row[k].abs()).fold(0.0, f64::max);
    let smallest = (0..columns).map(size).filter(|s| *s > 0.0).fold(f64::INFINITY, f64::min);
    1e-10f64.min(1e-6 * smallest)
}

fn compile(problem: &Reference) -> Compiled {
    Model::parse_named(&problem.name, &problem.text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap()
}

/// |difference| / (1e-5-of-largest + |reference|) at the end: the mixed error of the issue.
fn end_error(found: &[f64], problem: &Reference) -> f64 {
    let last = problem.rows.last().unwrap();
    let mut most = 0.0f64;
    for (k, (x, r)) in found.iter().zip(last).enumerate() {
        let largest = problem.rows.iter().map(|row| row[k].abs()).fold(0.0, f64::max);
        most = most.max((x - r).abs() / (r.abs() + largest).max(1e-300));
    }
    most
}

#[test]
fn auto_reaches_every_reference() {
    let mut failures = Vec::new();
    for problem in problems() {
        let compiled = compile(&problem);
        let (t0, t1) = problem.span;
        let run = compiled.problem().span(t0..t1).rtol(1e-8).atol(atol(&problem)).save(Save::At(problem.times.clone()));
        match run.solve() {
            Ok(solution) => {
                let error = end_error(&solution.last(), &problem);
                let s = &solution.statistics;
                println!(
                    "{:18} n {:3} error {error:8.1e} steps {:6} rejected {:5} rhs {:7} lu {:6} {} {:.2e} s",
                    problem.name, problem.dim, s.steps, s.rejected, s.rhs, s.factorizations, s.method, s.solve_seconds
                );
                if !(error <= 1e-5) {
                    failures.push(format!("{}: error {error:e}", problem.name));
                }
            }
            Err(error) => failures.push(format!("{}: {error}", problem.name)),
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Tightening the tolerance by 10⁶ must gain at least 10^(6·share) in error: one-step methods control the error per
/// step, so the end error falls nearly with the tolerance.
fn error_falls(method: Method, share: f64, suitable: impl Fn(&Reference) -> bool) {
    let mut failures = Vec::new();
    for problem in problems().into_iter().filter(suitable) {
        let compiled = compile(&problem);
        let (t0, t1) = problem.span;
        let errors: Vec<f64> = [1e-4, 1e-7, 1e-10]
            .iter()
            .map(|rtol| {
                let run = compiled.problem().span(t0..t1).method(method).rtol(*rtol).atol(atol(&problem).min(*rtol * 1e-2));
                run.solve().map_or(f64::NAN, |s| end_error(&s.last(), &problem))
            })
            .collect();
        println!("{:18} {} {:.1e} {:.1e} {:.1e}", problem.name, method.name(), errors[0], errors[1], errors[2]);
        // Below what doubles can represent of the problem nothing more is asked.
        let floor = 1e-9f64.max(10f64.powf(1.5 - problem.digits));
        if !(errors[2] <= floor || errors[2] <= errors[0] * 10f64.powf(-6.0 * share)) {
            failures.push(format!("{}: {errors:?}", problem.name));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn tsit5_error_falls_with_tolerance() {
    error_falls(Method::Tsit5, 0.6, |p| !p.stiff);
}

#[test]
fn rodas5p_error_falls_with_tolerance() {
    error_falls(Method::Rodas5P, 0.6, |p| p.stiff && p.dim <= 100);
}

#[test]
fn bdf_error_falls_with_tolerance() {
    // BEAM's eigenvalues on the imaginary axis are outside BDF's stability region.
    error_falls(Method::Bdf, 0.5, |p| p.stiff && p.name != "beam");
}
