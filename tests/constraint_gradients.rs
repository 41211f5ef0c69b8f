//! Derivatives of runs on constraints that index reduction leaves: against a formulation without constraints, against differences
//! of runs, and backward against forward.

mod common;

use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model, Problem};

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"))
}

/// Methods that algebraic equations allow.
fn methods() -> impl Iterator<Item = Method> {
    Method::ALL.iter().copied().filter(|method| method.suits_stiff() && *method != Method::Rkc)
}

/// In the plane, from rest at the angle a; and by its angle.
const PENDULUM: &str = "
param g = 9.81, L = 1.3, a = 0.9
init x = L*sin(a), x' = 0, y = -L*cos(a), y' = 0, lambda = 0
x'' = -lambda*x
y'' = -lambda*y - g
0 = x^2 + y^2 - L^2
output energy = (x'^2 + y'^2)/2 + g*y
";
const ANGLE: &str = "
param g = 9.81, L = 1.3, a = 0.9
init theta = a, theta' = 0
theta'' = -g/L*sin(theta)
output x = L*sin(theta)
output vx = L*cos(theta)*theta'
output y = -L*cos(theta)
output vy = L*sin(theta)*theta'
output lambda = theta'^2 + g/L*cos(theta)
output energy = L^2*theta'^2/2 - g*L*cos(theta)
";

#[test]
fn a_pendulum_in_the_plane_moves_with_its_parameters_as_its_angle_does() {
    let (plane, angle) = (compiled(PENDULUM), compiled(ANGLE));
    let times = Save::At((0..=10).map(|k| 0.31 * f64::from(k)).collect());
    let by = ["g", "L", "a"];
    let wanted = angle.problem().span(0.0..3.1).rtol(1e-13).atol(1e-13).method(Method::Vern9).save(times.clone());
    let wanted = wanted.tangents(&by).unwrap();
    for method in methods() {
        let (rtol, allowed) = match method {
            Method::Auto | Method::Rodas5P | Method::RadauIIA5 | Method::Radau => (1e-11, 1e-7),
            Method::Bdf => (1e-11, 1e-5),
            Method::Kvaerno5 | Method::KenCarp4 => (1e-9, 1e-5),
            // Of order 2.
            _ => (1e-7, 5e-3),
        };
        let problem = plane.problem().span(0.0..3.1).rtol(rtol).atol(1e-3 * rtol).method(method).save(times.clone());
        let found = problem.tangents(&by).unwrap_or_else(|e| panic!("{}: {e}", method.name()));
        let names = ["x", "x'", "y", "y'", "lambda"];
        let mut worst = 0.0f64;
        for j in 0..3 {
            for (k, name) in names.iter().enumerate() {
                let place = found.solution().state_names().find(name).unwrap();
                for (found, wanted) in found.column(place, j).zip(wanted.column(2 + k, j)) {
                    worst = worst.max((found - wanted).abs() / (1.0 + wanted.abs()));
                }
            }
            for (found, wanted) in found.column(5, j).zip(wanted.column(7, j)) {
                worst = worst.max((found - wanted).abs() / (1.0 + wanted.abs()));
            }
        }
        println!("{:12} {worst:8.1e}", method.name());
        assert!(worst <= allowed, "{}: {worst:e}", method.name());
    }
}

/// Numbers without pattern, between −1 and 1.
fn weights(count: usize) -> Vec<f64> {
    (1..=count).map(|k| 2.0 * (0.618_033_988_749_895 * k as f64).fract() - 1.0).collect()
}

/// A run to differentiate.
struct Run {
    method: Method,
    rtol: f64,
    end: f64,
    times: Vec<f64>,
}

impl Run {
    fn of<'a>(&self, compiled: &'a Compiled, by: &[(&str, f64)]) -> Problem<'a> {
        let problem = compiled.problem().span(0.0..self.end).rtol(self.rtol).atol(0.1 * self.rtol);
        let problem = problem.method(self.method).save(Save::At(self.times.clone()));
        by.iter().fold(problem, |problem, (name, value)| problem.set(name, *value).unwrap())
    }
}

/// How far Σ weights · S and the gradient of the backward sweep are apart, as a share of what is added up; and how far it is from
/// differences of runs, relative to its size.
fn gaps(compiled: &Compiled, run: &Run, by: &[(&str, f64)], h: f64) -> (f64, f64) {
    let problem = run.of(compiled, by);
    let names: Vec<&str> = by.iter().map(|(name, _)| *name).collect();
    let tangents = problem.tangents(&names).unwrap_or_else(|e| panic!("{e}"));
    assert!(compiled.system().events().is_none() || tangents.solution().statistics.events > 0, "nothing happens");
    let recorded = problem.record().unwrap_or_else(|e| panic!("{e}"));
    let w = weights(tangents.values().len() / by.len());
    let gradient = recorded.pull(&w).unwrap_or_else(|e| panic!("{e}"));
    let (parameters, states) = (compiled.model().parameters(), compiled.model().states());
    let (n, m) = (states.len(), compiled.model().outputs().len());
    let sum = |by: &[(&str, f64)]| {
        let solution = run.of(compiled, by).solve().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(solution.len(), tangents.solution().len());
        let value = |row: usize, k: usize| if k < n { solution.state(k)[row] } else { solution.output(k - n)[row] };
        w.iter().enumerate().map(|(at, w)| w * value(at / (n + m), at % (n + m))).sum::<f64>()
    };
    let (mut apart, mut off) = (0.0f64, 0.0f64);
    for (j, (name, here)) in by.iter().enumerate() {
        let back = match parameters.find(name) {
            Some(place) => gradient.parameters[place],
            None => gradient.initial[states.find(name).unwrap()],
        };
        let terms = w.iter().enumerate().map(|(row, w)| w * tangents.values()[row * by.len() + j]);
        let (total, size) = terms.fold((0.0, 0.0f64), |(total, size), term| (total + term, size + term.abs()));
        assert!(back.is_finite() && total.is_finite(), "{name}: {total} {back}");
        apart = apart.max((total - back).abs() / size.max(f64::MIN_POSITIVE));
        let slope = |h: f64| {
            let at = |h: f64| {
                let mut by = by.to_vec();
                by[j].1 = here + h;
                sum(&by)
            };
            (at(h) - at(-h)) / (2.0 * h)
        };
        let wanted = (4.0 * slope(h) - slope(2.0 * h)) / 3.0;
        off = off.max((total - wanted).abs() / (1.0 + wanted.abs()));
    }
    (apart, off)
}

#[test]
fn a_guess_far_off_the_constraints_moves_with_what_it_is_moved_to() {
    // Of the point that is nearest in the norm of the error test, which differs with the guess itself.
    let text = PENDULUM.replace(
        "init x = L*sin(a), x' = 0, y = -L*cos(a), y' = 0",
        "init x = 0.8*L, x' = 0.3*a, y = -0.2*a, y' = 0.4",
    );
    let model = compiled(&text.replace("x^2 + y^2 - L^2", "x^2 + 0.6*a*x*y + y^2 - L^2"));
    let by = [("g", 0.5), ("L", 1.3), ("a", 0.9), ("x", 1.1), ("y'", 0.4)];
    for method in [Method::Rodas5P, Method::RadauIIA5, Method::Bdf, Method::KenCarp4] {
        for times in [vec![0.0], vec![0.0, 0.31, 0.7]] {
            let run = Run { method, rtol: 1e-10, end: times[times.len() - 1] + 1e-3, times };
            let (apart, off) = gaps(&model, &run, &by, 1e-4);
            println!("{:12} to {:.1}: {apart:8.1e} {off:8.1e}", method.name(), run.end);
            assert!(apart <= 1e-12 && off <= 1e-6, "{}: {apart:e} {off:e}", method.name());
        }
    }
}

/// A bead on a wire that turns and shakes: the constraint reads time and parameters.
const BEAD: &str = "
param w = 1.7, r = 0.8, m = 0.4, q = 0.35
init x = 0.8, x' = 0.1, y = 0.1, y' = -0.9, n = 0
discrete hit = 0
x'' = n*(2*x + r*y) - 0.1*x'
y'' = n*(2*y + r*x) - 1 - m*y'
0 = x^2 + r*x*y + y^2 - 1 - 0.2*sin(w*t)
output product = x*y'*r + hit
";

#[test]
fn events_on_constraints_are_passed() {
    let cases = [
        ("a moving time", "when y < -0.5*q { y' := -r*y' + m, hit := hit + t }"),
        ("what is set stays", "when y < -0.5*q { x' := 0.5*x' + r*x, hit := x }"),
        ("a place is set", "when y < -0.5*q { y := 0.9*y, y' := 0.2*m }"),
        ("a fixed time", "at 0.4 { x' := -x'*m }"),
        ("a time that a parameter decides", "at q { y' := y' + m, hit := y }"),
        ("again and again", "every q { y' := 0.9*y' + 0.1*m }"),
        ("the end of the run", "when y < -0.5*q { stop }"),
    ];
    for (what, event) in cases {
        let model = compiled(&format!("{BEAD}{event}\n"));
        let by = [("w", 1.7), ("r", 0.8), ("m", 0.4), ("q", 0.35), ("x", 0.8), ("y'", -0.9)];
        for method in [Method::Rodas5P, Method::RadauIIA5, Method::Bdf] {
            let run = Run { method, rtol: 1e-10, end: 1.3, times: vec![0.0, 0.2, 0.33, 0.81, 1.1, 1.3] };
            let (apart, off) = gaps(&model, &run, &by, 5e-4);
            println!("{what}, {:12} {apart:8.1e} {off:8.1e}", method.name());
            assert!(apart <= 1e-12 && off <= 1e-6, "{what} with {}: {apart:e} {off:e}", method.name());
        }
    }
}

/// Nothing is algebraic: a sum is known, and u is what it leaves.
const DRIVEN: &str = "
param w = 1.3, k = 0.7
init x = 1, y = 0, u = 0
x' = -k*x + sin(y)
y' = u
0 = y + x - k*sin(w*t)
output z = x*u
";

#[test]
fn every_method_goes_over_constraints_without_algebraic_equations() {
    let model = compiled(DRIVEN);
    assert!(model.system().constraints().is_some(), "there are no constraints");
    assert!(model.system().shape().algebraic.is_empty(), "there are algebraic equations");
    for method in methods() {
        let rtol = match method {
            Method::TrBdf2 | Method::Rosenbrock23 => 1e-7,
            _ => 1e-9,
        };
        let run = Run { method, rtol, end: 1.2, times: vec![0.0, 0.13, 0.77, 1.2] };
        let (apart, off) = gaps(&model, &run, &[("w", 1.3), ("k", 0.7), ("x", 1.0), ("y", 0.05)], 1e-4);
        println!("{:12} {apart:8.1e} {off:8.1e}", method.name());
        assert!(apart <= 1e-12 && off <= 1e-5, "{}: {apart:e} {off:e}", method.name());
    }
}

#[test]
fn the_error_of_a_pendulum_is_estimated() {
    let model = compiled(PENDULUM);
    let at = |rtol: f64| {
        let problem = model.problem().span(0.0..3.0).rtol(rtol).atol(0.1 * rtol).method(Method::Rodas5P);
        problem.save(Save::At(vec![1.0, 2.0, 3.0]))
    };
    let (estimated, exact) = (at(1e-6).global_error().unwrap(), at(1e-12).solve().unwrap());
    for state in ["x", "x'", "y", "y'"] {
        let place = exact.state_names().find(state).unwrap();
        let found: Vec<f64> = estimated.column(place, 0).collect();
        for (row, found) in found.iter().enumerate() {
            let wanted = exact.state(place)[row] - estimated.solution().state(place)[row];
            println!("{state} {found:e} {wanted:e}");
            assert!((found - wanted).abs() <= 0.1 * wanted.abs() + 1e-9, "{state} {row}: {found:e} {wanted:e}");
        }
    }
}
