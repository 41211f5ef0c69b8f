//! Every reference problem without events and algebraic equations, through the whole pipeline.

mod common;

use common::{Reference, problems};
use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model};

/// The absolute tolerance of a problem: 1e-10, or less where the traps state that a component's own size asks for it.
fn atol(problem: &Reference) -> f64 {
    match problem.name.as_str() {
        // y2 falls to 1e-13.
        "rober" => 1e-18,
        // y16 is about 4e-18.
        "pollu" => 1e-22,
        // Chemical pyrolysis: concentrations of 1e-10 and below.
        "stdtest_e5" => 1e-18,
        _ => 1e-10,
    }
}

fn compile(problem: &Reference) -> Compiled {
    Model::parse_named(&problem.name, &problem.text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap()
}

/// The mixed error of the Bari test set: |difference| / (atol/rtol + |reference|), largest component.
fn end_error(found: &[f64], problem: &Reference, rtol: f64, atol: f64) -> f64 {
    let last = problem.rows.last().unwrap();
    found.iter().zip(last).map(|(x, r)| (x - r).abs() / (atol / rtol + r.abs())).fold(0.0, f64::max)
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
                let error = end_error(&solution.last(), &problem, 1e-8, atol(&problem));
                let s = &solution.statistics;
                println!(
                    "{:18} n {:3} error {error:8.1e} steps {:6} rejected {:5} rhs {:7} lu {:6} {} {:.2e} s",
                    problem.name, problem.dim, s.steps, s.rejected, s.rhs, s.factorizations, s.method, s.solve_seconds
                );
                // Arenstorf's orbit keeps 1.7 digits when its constants are rounded to doubles; no more is asked of it.
                let allowed = 1e-5f64.max(10f64.powf(-problem.digits));
                if !(error <= allowed) {
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
                let run =
                    compiled.problem().span(t0..t1).method(method).rtol(*rtol).atol(atol(&problem).min(rtol * 1e-2));
                run.solve()
                    .inspect_err(|e| println!("{}: {e}", problem.name))
                    .map_or(f64::NAN, |s| end_error(&s.last(), &problem, 1e-8, atol(&problem)))
            })
            .collect();
        println!("{:18} {} {:.1e} {:.1e} {:.1e}", problem.name, method.name(), errors[0], errors[1], errors[2]);
        // Within a hundred tolerances, or what rounding of the largest component leaves of the smallest, no more is asked.
        let last = problem.rows.last().unwrap();
        let largest = last.iter().fold(0.0f64, |m, r| m.max(r.abs()));
        let smallest = last.iter().fold(f64::INFINITY, |m, r| m.min(atol(&problem) / 1e-8 + r.abs()));
        let floor = 1e-8f64.max(10.0 * f64::EPSILON * largest / smallest).max(10f64.powf(-problem.digits));
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
fn bosh3_error_falls_with_tolerance() {
    error_falls(Method::Bosh3, 0.6, |p| !p.stiff);
}

#[test]
fn vern7_error_falls_with_tolerance() {
    error_falls(Method::Vern7, 0.6, |p| !p.stiff);
}

#[test]
fn vern9_error_falls_with_tolerance() {
    error_falls(Method::Vern9, 0.6, |p| !p.stiff);
}

#[test]
fn taylor_error_falls_with_tolerance() {
    error_falls(Method::Taylor, 0.6, |p| !p.stiff);
}

#[test]
fn adams_error_falls_with_tolerance() {
    error_falls(Method::Adams, 0.6, |p| !p.stiff);
}

#[test]
fn low_storage_error_falls_with_tolerance() {
    error_falls(Method::Rdpk3Sp49, 0.6, |p| !p.stiff);
}

#[test]
fn rkc_error_falls_with_tolerance() {
    // Arenstorf: at 1e-4 order 2 loses the orbit altogether, so that there is no error to compare with.
    error_falls(Method::Rkc, 0.5, |p| !p.stiff && p.name != "arenstorf");
}

#[test]
fn dop853_error_falls_with_tolerance() {
    error_falls(Method::Dop853, 0.6, |p| !p.stiff);
}

#[test]
fn rosenbrock23_error_falls_with_tolerance() {
    // Its estimate falls as h³, its error as h²: two thirds of what methods of order and error order p, p − 1 gain.
    error_falls(Method::Rosenbrock23, 0.4, |p| p.stiff && p.dim <= 12);
}

#[test]
fn rodas4_error_falls_with_tolerance() {
    error_falls(Method::Rodas4, 0.6, |p| p.stiff && p.dim <= 100 && p.name != "beam");
    // BEAM's fast oscillations reduce the order; Rodas5P was made against that.
    error_falls(Method::Rodas4, 0.5, |p| p.name == "beam");
}

#[test]
fn rodas5p_error_falls_with_tolerance() {
    error_falls(Method::Rodas5P, 0.6, |p| p.stiff && p.dim <= 100);
}

#[test]
fn trbdf2_error_falls_with_tolerance() {
    // As Rosenbrock23.
    error_falls(Method::TrBdf2, 0.4, |p| p.stiff && p.dim <= 12);
}

#[test]
fn kencarp4_error_falls_with_tolerance() {
    error_falls(Method::KenCarp4, 0.6, |p| p.stiff && p.dim <= 100);
}

#[test]
fn kvaerno5_error_falls_with_tolerance() {
    error_falls(Method::Kvaerno5, 0.6, |p| p.stiff && p.dim <= 100 && p.name != "beam");
    // Stages of order 2 on BEAM's fast oscillations: see Rodas4.
    error_falls(Method::Kvaerno5, 0.5, |p| p.name == "beam");
}

#[test]
fn radau5_error_falls_with_tolerance() {
    error_falls(Method::RadauIIA5, 0.6, |p| p.stiff && p.dim <= 100 && p.name != "beam");
    // BEAM's fast oscillations reduce the order to that of the stages, 3, for which tolerances to the power 2/3 are lax.
    error_falls(Method::RadauIIA5, 0.35, |p| p.name == "beam");
}

#[test]
fn radau_error_falls_with_tolerance() {
    error_falls(Method::Radau, 0.6, |p| p.stiff && p.dim <= 100 && p.name != "beam");
    // As RadauIIA5.
    error_falls(Method::Radau, 0.35, |p| p.name == "beam");
}

#[test]
fn bdf_error_falls_with_tolerance() {
    // BEAM: eigenvalues on the imaginary axis, outside BDF's stability region. KPP: it starts at t = 43200, where an
    // order-1 step at rtol 1e-10 would be shorter than a double can resolve (2e-11).
    error_falls(Method::Bdf, 0.5, |p| p.stiff && p.name != "beam" && p.name != "kpp_small_strato");
}
