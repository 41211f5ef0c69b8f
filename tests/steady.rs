//! Steady states against values known in closed form, their stability against known eigenvalues, and runs that end where
//! nothing changes any more.

use rhapsode::solve::{Approach, ErrorKind, Failure, Stability};
use rhapsode::{Backend, Model, SolveError, Steady};

fn find(text: &str, set: &[(&str, f64)], approach: Approach) -> Result<Steady, SolveError> {
    let compiled = Model::parse(text).unwrap().compile().unwrap();
    let mut problem = compiled.problem();
    for (name, value) in set {
        problem = problem.set(name, *value).unwrap();
    }
    problem.steady(approach)
}

fn found(text: &str, set: &[(&str, f64)]) -> Steady {
    find(text, set, Approach::Auto).unwrap()
}

#[track_caller]
fn near(found: f64, wanted: f64, relative: f64) {
    assert!((found - wanted).abs() <= relative * wanted.abs().max(1e-300), "{found} instead of {wanted}");
}

const BRUSSELATOR: &str =
    "model m\nparam A = 1, B = 1.5\ninit x = 1.2, y = 3\nx' = A + x^2*y - (B + 1)*x\ny' = B*x - x^2*y";

#[test]
fn the_brusselator_rests_at_a_and_b_over_a_and_is_stable_below_the_hopf_bifurcation() {
    for (a, b, stability) in
        [(1.0, 1.5, Stability::Stable), (1.0, 3.0, Stability::Unstable(2)), (2.0, 4.9, Stability::Stable)]
    {
        let state = found(BRUSSELATOR, &[("A", a), ("B", b)]);
        near(state.value("x").unwrap(), a, 1e-12);
        near(state.value("y").unwrap(), b / a, 1e-12);
        assert_eq!(state.stability(), stability);
        // λ² − (B − 1 − A²) λ + A² = 0
        let (trace, determinant) = (b - 1.0 - a * a, a * a);
        let inside = trace * trace / 4.0 - determinant;
        let (re, im) = state.eigenvalues().unwrap()[0];
        let wanted = if inside < 0.0 { (trace / 2.0, (-inside).sqrt()) } else { (trace / 2.0 + inside.sqrt(), 0.0) };
        assert!((re - wanted.0).abs() < 1e-10 && (im - wanted.1).abs() < 1e-10, "{re} {im} {wanted:?}");
    }
}

#[test]
fn of_several_states_the_one_the_solution_comes_to_is_found() {
    let text = "model m\ninit x = 0.1\nx' = x - x^3";
    for (start, wanted) in [(0.1, 1.0), (-0.1, -1.0), (0.55, 1.0), (3.0, 1.0), (-0.6, -1.0)] {
        let state = found(text, &[("x", start)]);
        near(state.value("x").unwrap(), wanted, 1e-12);
        assert_eq!(state.stability(), Stability::Stable);
        near(state.eigenvalues().unwrap()[0].0, -2.0, 1e-10);
    }
    let nearest = find(text, &[], Approach::Newton).unwrap();
    assert!(nearest.value("x").unwrap().abs() < 1e-12);
    assert_eq!(nearest.stability(), Stability::Unstable(1));
    for approach in [Approach::Transient, Approach::Time] {
        near(find(text, &[], approach).unwrap().value("x").unwrap(), 1.0, 1e-10);
    }
}

#[test]
fn conserved_sums_keep_their_values() {
    let (kf, kr, total) = (2.0, 0.5, 3.0);
    let wanted = total * kr / (kf + kr);
    let reactions = "model m\nparam kf = 2, kr = 0.5\ninit A = 3, B = 0\nA <-> B @ kf, kr";
    let equations = "model m\nparam kf = 2, kr = 0.5\ninit A = 3, B = 0\nA' = kr*B - kf*A\nB' = kf*A - kr*B";
    let state = found(reactions, &[]);
    near(state.value("A").unwrap(), wanted, 1e-12);
    assert_eq!((state.stability(), state.found_by()), (Stability::Stable, "newton"));
    // Written as equations nobody knows of the sum, which is an eigenvalue of 0.
    let state = found(equations, &[]);
    near(state.value("A").unwrap(), wanted, 1e-9);
    near(state.value("A").unwrap() + state.value("B").unwrap(), total, 1e-12);
    assert_eq!(state.stability(), Stability::Marginal(1));
}

#[test]
fn of_a_line_of_steady_states_time_tells_which() {
    // The size of an epidemic: log(S/S0) = −R0 (1 − S) (W. O. Kermack & A. G. McKendrick 1927).
    let text = "model m\nparam beta = 0.5, gamma = 0.2\ninit S = 1 - 1e-6, I = 1e-6\nS' = -beta*S*I\nI' = beta*S*I - gamma*I\nsolve t = 0..1 { rtol = 1e-10, atol = 1e-12 }";
    let s = found(text, &[]).value("S").unwrap();
    near((s / (1.0 - 1e-6)).ln(), -2.5 * (1.0 - s), 1e-7);
}

#[test]
fn algebraic_unknowns_take_part() {
    let state = found("model m\ninit x = 2, y = 1\nx' = 1 - y\n0 = y^2 - x", &[]);
    near(state.value("x").unwrap(), 1.0, 1e-12);
    near(state.value("y").unwrap(), 1.0, 1e-12);
    let list = state.eigenvalues().unwrap();
    assert_eq!(list.len(), 1);
    near(list[0].0, -0.5, 1e-12);
}

#[test]
fn steady_states_move_with_parameters_as_the_implicit_function_theorem_says() {
    let text = "model m\nparam k = 3, d = 0.7\ninit x = 1\nx' = k - d*x^2\noutput twice = 2*x";
    let compiled = Model::parse(text).unwrap().with_sensitivities(&["k", "d"]).unwrap().compile().unwrap();
    let state = compiled.problem().steady(Approach::Auto).unwrap();
    let (k, d) = (3.0f64, 0.7f64);
    let x = (k / d).sqrt();
    near(state.value("x").unwrap(), x, 1e-12);
    near(state.value("d[x]/d[k]").unwrap(), 0.5 / (k * d).sqrt(), 1e-11);
    near(state.value("d[twice]/d[d]").unwrap(), -(k / d).sqrt() / d, 1e-11);
    assert_eq!(state.eigenvalues().unwrap().len(), 1, "sensitivities are no directions of their own");

    let text = "model m\nparam kf = 2, kr = 0.5\ninit A = 3, B = 0\nA <-> B @ kf, kr";
    let compiled = Model::parse(text).unwrap().with_sensitivities(&["kf", "A"]).unwrap().compile().unwrap();
    let state = compiled.problem().steady(Approach::Auto).unwrap();
    near(state.value("d[A]/d[kf]").unwrap(), -3.0 * 0.5 / 6.25, 1e-8);
    near(state.value("d[B]/d[kf]").unwrap(), 3.0 * 0.5 / 6.25, 1e-8);
    near(state.value("d[A]/d[A]").unwrap(), 0.2, 1e-8);
}

#[test]
fn backends_agree_to_the_bit() {
    let model = Model::parse(BRUSSELATOR).unwrap();
    let bits = |backend| {
        let state = model.compile_with(backend).unwrap().problem().steady(Approach::Auto).unwrap();
        state.states().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(Backend::Jit), bits(Backend::Interpret));
}

#[test]
fn where_there_is_none_it_says_so() {
    for approach in [Approach::Auto, Approach::Newton, Approach::Transient, Approach::Time] {
        let error = find("model m\ninit x = 1, y = 0\nx' = 1 + x^2\ny' = 1", &[], approach).unwrap_err();
        assert!(matches!(&error, SolveError::Failed(Failure { kind: ErrorKind::NotSteady(_), .. })), "{error:?}");
        assert!(error.to_string().starts_with("no steady state was found"), "{error}");
    }
}

fn run(text: &str) -> Result<rhapsode::solve::Solution, SolveError> {
    Model::parse(text).unwrap().compile().unwrap().problem().solve()
}

#[test]
fn a_run_may_end_where_nothing_changes() {
    let s = run("model m\ninit x = 1\nx' = 2 - x\nsolve t = 0..steady { rtol = 1e-8 }").unwrap();
    let end = *s.times().last().unwrap();
    near(s.last()[0], 2.0, 2e-8);
    assert!((15.0..60.0).contains(&end), "{end}");
    // Points to keep are spread over the time that takes.
    let s = run("model m\ninit x = 1\nx' = 2 - x\nsolve t = 0..steady { rtol = 1e-8, save = 11 }").unwrap();
    assert_eq!((s.len(), *s.times().last().unwrap()), (11, end));
    near(s.times()[5], end / 2.0, 1e-12);
}

#[test]
fn a_plateau_is_no_end() {
    let s = run("model m\ninit x = 1, y = 0\nx' = -x\ny' = 1e-9*(1 - y)\nsolve t = 0..steady").unwrap();
    near(s.last()[1], 1.0, 1e-5);
    // A start from which the slope is small.
    let s = run("model m\ninit x = 1e-8\nx' = x*(1 - x)\nsolve t = 0..steady").unwrap();
    near(s.last()[0], 1.0, 1e-5);
}

#[test]
fn what_is_known_to_happen_keeps_the_run_going() {
    let text = "model m\ninit x = 0\ndiscrete k = 1\nx' = k - x\nat 1000 { k := 3 }\nsolve t = 0..steady";
    let s = run(text).unwrap();
    near(s.last()[0], 3.0, 1e-5);
    assert!(*s.times().last().unwrap() > 1000.0);
}

#[test]
fn what_never_rests_is_given_up() {
    let error =
        run("model m\ninit x = 1, v = 0\nx' = v\nv' = -x\nsolve t = 0..steady { max_steps = 2000 }").unwrap_err();
    assert!(error.to_string().contains("does not come to rest"), "{error}");
}

#[test]
fn what_happens_for_ever_is_refused() {
    let error = run("model m\ninit x = 1\nx' = -x\nevery 5 { x := 2 }\nsolve t = 0..steady").unwrap_err();
    assert!(error.to_string().contains("`every 5` happens for ever"), "{error}");
}

#[test]
fn the_name_steady_may_be_somebody_elses() {
    let model = Model::parse("model m\nconst steady = 3\ninit x = 1\nx' = -x\nsolve t = 0..steady").unwrap();
    assert_eq!(model.run().span, Some((0.0, 3.0)));
}

fn steady(text: &str, set: &[(&str, f64)]) -> rhapsode::Steady {
    let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    let problem = set.iter().fold(compiled.problem(), |problem, (name, value)| problem.set(name, *value).unwrap());
    problem.steady(Approach::Auto).unwrap_or_else(|e| panic!("{text}\n{e}"))
}

#[test]
fn delays_move_no_steady_state_but_decide_its_stability() {
    // λ = −e^(−λτ): λτ = W(−τ), Lambert's function; on the imaginary axis for τ = π/2.
    let text = "param tau = 1\ninit x = 0.2\nx' = 1 - x(t - tau)\noutput twice = 2*x(t - tau)";
    let found = steady(text, &[]);
    assert!((found.states()[0] - 1.0).abs() < 1e-12 && found.value("twice") == Some(2.0));
    assert_eq!(found.stability(), Stability::Stable);
    let roots = found.eigenvalues().unwrap();
    assert!((roots[0].0 + 0.318_131_505_204_764).abs() < 1e-9, "{:?}", roots[0]);
    assert!((roots[0].1.abs() - 1.337_235_701_430_689).abs() < 1e-9, "{:?}", roots[0]);
    let half = std::f64::consts::FRAC_PI_2;
    assert_eq!(steady(text, &[("tau", half + 1e-6)]).stability(), Stability::Unstable(2));
    assert_eq!(steady(text, &[("tau", half - 1e-6)]).stability(), Stability::Stable);
    let none = steady(text, &[("tau", 0.0)]);
    assert!((none.eigenvalues().unwrap()[0].0 + 1.0).abs() < 1e-9 && none.stability() == Stability::Stable);
    // Mackey and Glass: λ = −γ − 0.4 e^(−λτ) at x = 1, stable up to a delay of arccos(−1/4)/√0.15.
    let text = "param tau = 17\ninit x = 1.2\nx' = 0.2*x(t - tau)/(1 + x(t - tau)^10) - 0.1*x";
    let limit = (-0.25f64).acos() / 0.15f64.sqrt();
    for (tau, expected) in
        [(17.0, Stability::Unstable(2)), (limit + 1e-5, Stability::Unstable(2)), (limit - 1e-5, Stability::Stable)]
    {
        let found = steady(text, &[("tau", tau)]);
        assert!((found.states()[0] - 1.0).abs() < 1e-10);
        println!("{tau}: {:?}", &found.eigenvalues().unwrap()[..4]);
        assert_eq!(found.stability(), expected, "{tau}");
    }
    // What the runs do is what the roots say: they die away, or grow into a cycle.
    for (tau, rests) in [(4.0, true), (6.0, false)] {
        let compiled = Model::parse(text).unwrap().compile().unwrap();
        let run = compiled.problem().set("tau", tau).unwrap().span(0.0..2000.0).rtol(1e-8).solve().unwrap();
        assert_eq!((run.last()[0] - 1.0).abs() < 1e-6, rests, "{tau}: {}", run.last()[0]);
    }
}

#[test]
fn steady_states_with_delays_of_every_kind() {
    // Arrays, neighbours, delays by index, by the state and by time; a derivative, which is 0 at rest; an intermediate.
    let text = "const N = 4\nindex i = 1..N\nparam tau[i] = 0.1*i, k = 0.5\ninit u[i] = 1, z = 2\n\
                u[i]' = z - u[i](t - tau[i]) + 0.1*u'[i](t - 1) for i in 2..N\n\
                u[1]' = z(0.5*t) - u[2](t - k*u[1]^2)\nz' = 6 - sum[i](u[i](t - 0.3)) - z/k + z";
    let found = steady(text, &[]);
    // u = z everywhere; 6 − 4z − 2z + z = 0
    for (k, value) in found.states().iter().enumerate() {
        assert!((value - 1.2).abs() < 1e-10, "{k}: {value}");
    }
    // Derivatives at other times have no roots of this kind.
    assert_eq!(found.stability(), Stability::Unknown);
    // An algebraic unknown.
    let found = steady("init x = 1, z = 1\nx' = 2 - z\n0 = z + z^3 - x(t - 1) - x", &[]);
    assert!((found.value("x").unwrap() - 5.0).abs() < 1e-9 && (found.value("z").unwrap() - 2.0).abs() < 1e-9);
    assert_eq!(found.stability(), Stability::Unknown);
    // A switch that reads the past.
    let found = steady("init x = 1\nx' = (if x(t - 1) > 2 then 3 else 1) - x(t - 0.2)", &[]);
    assert!((found.states()[0] - 1.0).abs() < 1e-9, "{:?}", found.states());
}
