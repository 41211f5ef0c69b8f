//! Models with implicit and algebraic equations, through the whole pipeline: reference problems, index reduction, alias
//! elimination and tearing, consistent starts, and what is said of systems that do not determine their unknowns.

mod common;

use common::problem;
use rhapsode::solve::{Method, Save};
use rhapsode::{Backend, Compiled, Model};

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap()
}

/// The largest error of any column at any of the published times, relative to the larger of the value and 1e-3 of the
/// column's largest.
fn error(name: &str, method: Method, rtol: f64) -> Option<f64> {
    let problem = problem(name)?;
    let compiled = compiled(&problem.text);
    let names = problem.text.lines().filter_map(|line| line.strip_prefix("init ")?.split(' ').next());
    let (t0, t1) = problem.span;
    let run = compiled.problem().span(t0..t1).rtol(rtol).atol(1e-4 * rtol).method(method);
    let solution =
        run.save(Save::At(problem.times.clone())).solve().unwrap_or_else(|e| panic!("{name} {method:?}: {e}"));
    let mut worst = 0.0f64;
    for (k, column) in names.enumerate() {
        let found = solution.column(column).unwrap();
        let largest = problem.rows.iter().map(|row| row[k].abs()).fold(0.0, f64::max);
        for (x, row) in found.iter().zip(&problem.rows) {
            worst = worst.max((x - row[k]).abs() / row[k].abs().max(1e-3 * largest).max(1e-300));
        }
    }
    let s = &solution.statistics;
    println!(
        "{name:10} {:10} rtol {rtol:7.0e} error {worst:9.1e} in {:6} steps ({} rejected)",
        method.name(),
        s.steps,
        s.rejected
    );
    Some(worst)
}

/// Index 1 (Robertson with its conservation law, chemical Akzo), index 3 (car axis) and index 2 with 49 unknowns and
/// friction factors given implicitly (water tube).
#[test]
fn reference_problems_reach_six_digits() {
    for name in ["rober_dae", "chemakzo", "caraxis", "watertube"] {
        for method in [Method::Auto, Method::Rodas5P, Method::RadauIIA5] {
            let Some(error) = error(name, method, 1e-8) else { return };
            // Radau's own tolerance is weaker: its solution is of higher order than its estimate.
            let allowed = if method == Method::RadauIIA5 { 1e-5 } else { 1e-6 };
            assert!(error <= allowed, "{name} with {method:?}: {error:e}");
        }
    }
}

/// Of each kind of method one, on index 1.
#[test]
fn every_kind_of_stiff_method_reaches_six_digits_at_index_1() {
    for name in ["rober_dae", "chemakzo"] {
        for method in [Method::Bdf, Method::Rodas5P, Method::Radau, Method::Kvaerno5] {
            let Some(error) = error(name, method, 1e-8) else { return };
            // An ESDIRK's estimate is that of order 4, and over eleven decades of time errors add up.
            let allowed = if method == Method::Kvaerno5 { 5e-5 } else { 1e-6 };
            assert!(error <= allowed, "{name} with {method:?}: {error:e}");
        }
    }
}

#[test]
fn every_stiff_method_solves_them() {
    for name in ["rober_dae", "chemakzo", "caraxis"] {
        for method in Method::ALL.iter().copied().filter(|m| m.suits_stiff()) {
            // Methods of order 2 take steps without end at tight tolerances.
            let rtol = if matches!(method, Method::Rosenbrock23 | Method::TrBdf2) { 1e-5 } else { 1e-7 };
            let Some(error) = error(name, method, rtol) else { return };
            assert!(error <= 3e4 * rtol, "{name} with {method:?}: {error:e}");
        }
    }
}

const PENDULUM: &str = "
param g = 9.81, L = 1
init x = 1, x' = 0, y = 0, y' = 0, lambda = 0
x'' = -lambda*x
y'' = -lambda*y - g
0 = x^2 + y^2 - L^2
output drift = x^2 + y^2 - L^2
output turning = x*x' + y*y'
";

#[test]
fn a_cartesian_pendulum_swings_for_a_hundred_seconds() {
    // From the angle: x = L sin θ, y = −L cos θ, from θ = π/2.
    let angle = compiled("param g = 9.81, L = 1\ninit theta = pi/2, theta' = 0\ntheta'' = -g/L*sin(theta)\n");
    let times: Vec<f64> = (0..=1000).map(|k| 0.1 * f64::from(k)).collect();
    let run = angle.problem().span(0.0..100.0).rtol(1e-13).atol(1e-13).method(Method::Vern9);
    let reference = run.save(Save::At(times.clone())).solve().unwrap();
    let theta = reference.column("theta").unwrap();
    let pendulum = compiled(PENDULUM);
    for (method, allowed) in [
        (Method::Auto, 5e-5),
        (Method::Rodas5P, 5e-5),
        (Method::RadauIIA5, 5e-5),
        (Method::KenCarp4, 5e-5),
        (Method::Bdf, 2e-3),
    ] {
        let run = pendulum.problem().span(0.0..100.0).rtol(1e-8).atol(1e-10).method(method);
        let solution = run.save(Save::At(times.clone())).solve().unwrap_or_else(|e| panic!("{method:?}: {e}"));
        let largest = |name: &str| solution.column(name).unwrap().iter().fold(0.0f64, |most, x| most.max(x.abs()));
        let (x, y) = (solution.column("x").unwrap(), solution.column("y").unwrap());
        let off = (0..times.len())
            .fold(0.0f64, |most, k| most.max((x[k] - theta[k].sin()).abs()).max((y[k] + theta[k].cos()).abs()));
        println!("{:10} off {off:8.1e} drift {:8.1e}", method.name(), largest("drift"));
        assert!(largest("drift") <= 1e-8 && largest("turning") <= 1e-8, "{method:?} leaves its circle");
        assert!(off <= allowed, "{method:?}: {off:e}");
    }
}

/// Rows whose derivatives cancel: three pairs of nodes joined by capacitors alone. Published value at t = 0.2 of the Bari
/// test set (Hairer, Lubich & Roche 1989).
#[test]
fn a_transistor_amplifier_amplifies() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/transistor_amplifier.ode"))
            .unwrap();
    let published = [
        -0.5562145012262709e-2,
        0.3006522471903042e1,
        0.2849958788608128e1,
        0.2926422536206241e1,
        0.2704617865010554e1,
        0.2761837778393145e1,
        0.4770927631616772e1,
        0.1236995868091548e1,
    ];
    let amplifier = compiled(&text);
    for method in [Method::Auto, Method::RadauIIA5] {
        let run = amplifier.problem().span(0.0..0.2).rtol(1e-8).atol(1e-10).method(method);
        let solution = run.solve().unwrap_or_else(|e| panic!("{method:?}: {e}"));
        for (k, expected) in published.iter().enumerate() {
            let found = *solution.column(&format!("u{}", k + 1)).unwrap().last().unwrap();
            assert!(
                (found - expected).abs() <= 1e-6 * expected.abs().max(0.01),
                "{method:?} u{}: {found} {expected}",
                k + 1
            );
        }
    }
}

#[test]
fn what_follows_from_others_is_no_state() {
    // An alias, a definition in disguise, a derivative with a factor; then a loop of three with one torn.
    let model = Model::parse(
        "param L = 2, R = 3\ninit i = 0, a = 1, w = 0, v = 1\nv' = -v\nL*i' + R*i = v\n0 = a - i\n2*w = v*a\noutput power = w*i'\n",
    )
    .unwrap();
    assert_eq!((model.states().len(), model.outputs().len()), (2, 3));
    let solution = model.compile().unwrap().problem().span(0.0..1.0).rtol(1e-10).atol(1e-12).solve().unwrap();
    // L i' + R i = e^-t with i(0) = 0: i = (e^-t − e^(−3t/2))/(R − L).
    let i = |t: f64| (-t).exp() - (-1.5 * t).exp();
    let t = *solution.times().last().unwrap();
    for (name, expected) in [("i", i(t)), ("a", i(t)), ("w", 0.5 * (-t).exp() * i(t))] {
        let found = *solution.column(name).unwrap().last().unwrap();
        assert!((found - expected).abs() < 1e-9, "{name}: {found} {expected}");
    }
    let model =
        Model::parse("init x = 1, p = 1, q = 1, r = 1\nx' = -p\n0 = p + q - x\n0 = q - exp(r)\n0 = r + 2*q - 3*p\n")
            .unwrap();
    assert_eq!((model.states().len(), model.outputs().len()), (2, 2));
}

#[test]
fn implicit_derivatives_are_unknowns_too() {
    // x'^2 + x^2 = 1 from x = 0, x' = 1: the sine. The other branch is the guess −1.
    for (guess, sign) in [(0.9, 1.0), (-0.8, -1.0)] {
        let text = format!("init x = 0, x' = {guess}\nx'^2 + x^2 = 1\n");
        let solution = compiled(&text).problem().span(0.0..1.0).rtol(1e-9).atol(1e-11).solve().unwrap();
        let found = *solution.column("x").unwrap().last().unwrap();
        assert!((found - sign * 1f64.sin()).abs() < 1e-7, "{guess}: {found}");
        let [(state, given, used)] = solution.statistics.adjusted.as_slice() else { panic!("x' is made consistent") };
        assert_eq!((state.as_str(), *given), ("x'", guess));
        assert!((used - sign).abs() < 1e-9);
    }
}

/// Heat in a bar whose potential follows from the temperature at every instant: an array of algebraic unknowns.
#[test]
fn arrays_of_algebraic_equations() {
    let text = "
const N = 20
index i = 1..N
init T[i] = sin(pi*i/(N + 1)), phi[i] = 0
T[i]' = phi[i] - T[i] for i in 1..N
0 = phi[i-1] - 2*phi[i] + phi[i+1] + T[i]/(N + 1)^2 for i in 2..N-1
0 = -2*phi[1] + phi[2] + T[1]/(N + 1)^2
0 = phi[N-1] - 2*phi[N] + T[N]/(N + 1)^2
";
    for backend in [Backend::Jit, Backend::Interpret] {
        let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile_with(backend).unwrap();
        let solution = compiled.problem().span(0.0..1.0).rtol(1e-9).atol(1e-12).solve().unwrap();
        // The sine is an eigenvector: −φ'' = T gives φ = T/μ, so T decays with 1 − 1/μ.
        let mu = (2.0 - 2.0 * (std::f64::consts::PI / 21.0).cos()) * 441.0;
        let expected = (std::f64::consts::PI * 10.0 / 21.0).sin() * (1.0 / mu - 1.0f64).exp();
        let found = *solution.column("T[10]").unwrap().last().unwrap();
        assert!((found - expected).abs() < 1e-8, "{found} {expected}");
    }
}

#[test]
fn sensitivities_of_algebraic_unknowns() {
    // 0 = z^3 + z − k x, x' = −x: dz/dk by the implicit function theorem.
    let model = Model::parse("param k = 2\ninit x = 1, z = 1\nx' = -x\n0 = z^3 + z - k*x\n").unwrap();
    let model = model.with_sensitivities(&["k"]).unwrap_or_else(|e| panic!("{e}"));
    let solution = model.compile().unwrap().problem().span(0.0..1.0).rtol(1e-9).atol(1e-12).solve().unwrap();
    let last = |name: &str| *solution.column(name).unwrap().last().unwrap();
    let (x, z) = (last("x"), last("z"));
    let expected = x / (3.0 * z * z + 1.0);
    assert!((last("d[z]/d[k]") - expected).abs() < 1e-8, "{} {expected}", last("d[z]/d[k]"));
    assert!(Model::parse(PENDULUM).unwrap().with_sensitivities(&["g"]).is_err());
}

#[test]
fn both_backends_agree_to_the_last_bit() {
    let last = |backend| {
        let compiled = Model::parse(PENDULUM).unwrap().compile_with(backend).unwrap();
        compiled.problem().span(0.0..2.0).method(Method::Rodas5P).solve().unwrap().last()
    };
    assert_eq!(last(Backend::Jit), last(Backend::Interpret));
}

#[test]
fn systems_that_do_not_determine_their_unknowns_are_told_by_name() {
    let told = |text: &str| Model::parse(text).unwrap_err().to_string();
    let cases = [
        // Too many, too few, structurally singular, one unknown nobody mentions.
        (
            "init x = 1, z = 0\nx' = z\n0 = x - z\n0 = x + 2*z\n",
            ["3 equations for `x` and `z`", "one equation too many"],
        ),
        (
            "init x = 1, y = 1, z = 0\nx' = z\n0 = x - z - y\n",
            ["2 equations for `y`, `z` and `x`", "one equation too few"],
        ),
        ("init x = 1, y = 1, z = 0\nx' = z\n0 = y - 4\n0 = y - 3\n", ["2 equations for `y`", "too many"]),
        ("init x = 1, y = 1\nx' = -x\n0 = x - 3\n", ["for `x`", "too many"]),
    ];
    for (text, parts) in cases {
        let said = told(text);
        assert!(parts.iter().all(|part| said.contains(part)), "{text}\n{said}");
    }
}

/// What only numbers show: u' + v' is asked to be 1 and, by the other equation, 0.
#[test]
fn equations_that_contradict_each_other_stop_the_run() {
    let model = compiled("init u = 1, v = 1\nu' + v' = 1\nu + v = 2\n");
    let said = model.problem().span(0.0..1.0).solve().unwrap_err().to_string();
    assert!(said.contains("do not determine their unknowns at t = 0") && said.contains("init "), "{said}");
}

#[test]
fn units_of_both_sides_are_compared() {
    let sound = "time t: s\nparam L: H = 1, R: ohm = 2, U: V = 3\ninit i: A = 0\nL*i' + R*i = U\n";
    assert!(Model::parse(sound).is_ok(), "{}", Model::parse(sound).unwrap_err());
    let unsound = sound.replace("R*i = U", "R*i = i");
    assert!(
        Model::parse(&unsound).unwrap_err().to_string().contains("E0261"),
        "{}",
        Model::parse(&unsound).unwrap_err()
    );
    // 0 has any unit.
    assert!(Model::parse("param a: m = 1\ninit x: m = 1, z: m = 1\nx' = -x\n0 = x - 2*z + a\n").is_ok());
}
