//! Estimates of global errors beside the true ones: reference problems, events, algebraic unknowns, objectives.

mod common;

use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model, Problem};

/// Errors of a run at some times: estimated and true, in units of the largest value of each state.
struct Errors {
    estimated: f64,
    found: f64,
    /// The largest gap between them.
    gap: f64,
}

fn errors(problem: &Problem, exact: &[Vec<f64>]) -> Errors {
    let estimate = problem.global_error().unwrap_or_else(|e| panic!("{e}"));
    let solution = estimate.solution();
    assert_eq!(solution.len(), exact.len());
    let mut errors = Errors { estimated: 0.0, found: 0.0, gap: 0.0 };
    for k in 0..solution.state_names().len() {
        let size = exact.iter().map(|row| row[k].abs()).fold(f64::MIN_POSITIVE, f64::max);
        for (row, estimated) in estimate.column(k, 0).enumerate() {
            let found = exact[row][k] - solution.state(k)[row];
            errors.estimated = errors.estimated.max(estimated.abs() / size);
            errors.found = errors.found.max(found.abs() / size);
            errors.gap = errors.gap.max((estimated - found).abs() / size);
        }
    }
    errors
}

/// The estimate is right within a factor of `factor`, where there is more than rounding to see.
fn agree(what: &str, errors: &Errors, factor: f64, faults: &mut Vec<String>) {
    let Errors { estimated, found, gap } = errors;
    println!("{what}: estimated {estimated:.2e}, true {found:.2e}, apart {gap:.2e}");
    if found.max(*estimated) > 1e-12 && !(*found < factor * estimated && *estimated < factor * found) {
        faults.push(format!("{what}: estimated {estimated:.2e}, true {found:.2e}"));
    }
}

#[test]
fn estimates_are_right_within_a_factor() {
    let cases: [(&str, &[Method], &[f64]); 10] = [
        (
            "lotka_volterra",
            &[Method::Tsit5, Method::Vern7, Method::Dop853, Method::Adams, Method::Rodas5P],
            &[1e-4, 1e-7],
        ),
        ("rigid_body", &[Method::Bosh3, Method::Tsit5, Method::Vern9, Method::Bdf], &[1e-4, 1e-6]),
        ("arenstorf", &[Method::Dop853, Method::Vern7], &[1e-8, 1e-10]),
        ("pleiades", &[Method::Tsit5, Method::Adams], &[1e-6, 1e-8]),
        ("fitzhugh_nagumo", &[Method::Tsit5, Method::Auto], &[1e-5, 1e-7]),
        ("hires", &[Method::Auto, Method::Rodas5P, Method::KenCarp4, Method::RadauIIA5, Method::Bdf], &[1e-4, 1e-7]),
        ("rober", &[Method::Rodas5P, Method::Kvaerno5, Method::RadauIIA5, Method::Bdf], &[1e-6, 1e-8]),
        ("orego", &[Method::Rodas5P, Method::Bdf], &[1e-5, 1e-7]),
        ("vdpol_1e3", &[Method::Rodas5P, Method::Rodas4, Method::KenCarp4], &[1e-5, 1e-7]),
        ("pollu", &[Method::TrBdf2, Method::Bdf], &[1e-4, 1e-6]),
    ];
    let mut faults = Vec::new();
    for (name, methods, tolerances) in cases {
        let Some(reference) = common::problem(name) else { return };
        let compiled = Model::parse(&reference.text).unwrap().compile().unwrap();
        let (t0, t1) = reference.span;
        for (method, rtol) in methods.iter().flat_map(|method| tolerances.iter().map(move |rtol| (*method, *rtol))) {
            let problem = compiled.problem().span(t0..t1).rtol(rtol).atol(1e-3 * rtol).method(method);
            let found = errors(&problem.save(Save::At(reference.times.clone())), &reference.rows);
            agree(&format!("{name} {} {rtol:e}", method.name()), &found, FACTOR, &mut faults);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// How far an estimate may be off.
const FACTOR: f64 = 2.0;

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn events_and_algebraic_unknowns_pass_errors_on() {
    // The exact solutions are runs at a far closer tolerance.
    let bouncing = "model m
        param g = 9.81, c = 0.9, r = 0.1
        init h = 10, v = 0
        h' = v
        v' = -g - r*v*abs(v)
        when h < 0 { v := -c*v, h := 0 }
        at 2.5 { v := v + 1 }
        solve t = 0..6
        ";
    let circuit = "model m
        param k = 1
        init x = 1, y = 1
        x' = sin(3*t) - k*x*y
        0 = y + 0.2*y^3 - x^2 - 0.3
        every 1.5 from 1 to 5 { x := x + 0.5 }
        solve t = 0..6
        ";
    let mut faults = Vec::new();
    for (name, text, methods) in [
        ("bouncing", bouncing, &[Method::Tsit5, Method::Dop853, Method::Rodas5P][..]),
        ("circuit", circuit, &[Method::Rodas5P, Method::RadauIIA5, Method::KenCarp4, Method::Bdf]),
    ] {
        let compiled = compiled(text);
        let times: Vec<f64> = (1..=12).map(|k| 0.49 * f64::from(k)).collect();
        let problem = compiled.problem().save(Save::At(times));
        let exact = problem.clone().rtol(1e-13).atol(1e-14).solve().unwrap_or_else(|e| panic!("{e}"));
        let states = exact.state_names().len();
        let rows: Vec<Vec<f64>> =
            (0..exact.len()).map(|row| (0..states).map(|k| exact.state(k)[row]).collect()).collect();
        for method in methods {
            for rtol in [1e-4, 1e-6] {
                let found = errors(&problem.clone().method(*method).rtol(rtol).atol(rtol), &rows);
                agree(&format!("{name} {} {rtol:e}", method.name()), &found, FACTOR, &mut faults);
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn an_objective_knows_its_error() {
    let compiled = compiled(
        "model m
        param k = 1.3
        init x = 1, y = 0
        x' = -k*x*y
        y' = x - y^2
        objective o = integral(x^2) + 3*final(y)^2 + value(x, 1)
        solve t = 0..5
        ",
    );
    let objective = compiled.objective(None, None, &["k"]).unwrap();
    let exact = objective.clone().rtol(1e-13).atol(1e-14).value(&[1.3]).unwrap();
    for (method, rtol) in [
        (Method::Tsit5, 1e-5),
        (Method::Vern7, 1e-6),
        (Method::Rodas5P, 1e-5),
        (Method::Bdf, 1e-6),
        (Method::Taylor, 1e-5),
    ] {
        let objective = objective.clone().method(method).rtol(rtol).atol(rtol);
        let (found, estimated) = (exact - objective.value(&[1.3]).unwrap(), objective.error_estimate(&[1.3]).unwrap());
        assert!((estimated - found).abs() <= 0.5 * found.abs(), "{}: {estimated:e} {found:e}", method.name());
    }
}

#[test]
fn outputs_have_errors_too() {
    let compiled = compiled("model m\ninit x = 1\nx' = -x\noutput twice = 2*x\nsolve t = 0..1\n");
    let problem = compiled.problem().method(Method::Tsit5).rtol(1e-4);
    let estimate = problem.global_error().unwrap();
    assert!(estimate.column(0, 0).zip(estimate.column(1, 0)).all(|(x, twice)| twice == 2.0 * x));
    assert!(estimate.column(0, 0).last().unwrap().abs() > 0.0);
}
