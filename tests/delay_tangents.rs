//! Derivatives of solutions with delays, by delays too, against closed forms and differences; and sensitivities in the error
//! test.

#[path = "common/method_of_steps.rs"]
mod method_of_steps;

use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model, Tangents, Way};

use method_of_steps::steps;

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"))
}

fn tangents(compiled: &Compiled, method: Method, end: f64, names: &[&str]) -> Tangents {
    let times = (0..=24).map(|k| end * f64::from(k) / 24.0).collect();
    let problem = compiled.problem().span(0.0..end).method(method).save(Save::At(times));
    problem.rtol(1e-9).atol(1e-11).tangents(names).unwrap_or_else(|e| panic!("{}: {e}", method.name()))
}

const METHODS: [Method; 10] = [
    Method::Auto,
    Method::Tsit5,
    Method::Dop853,
    Method::Vern9,
    Method::Adams,
    Method::Rodas5P,
    Method::KenCarp4,
    Method::RadauIIA5,
    Method::Radau,
    Method::Bdf,
];

#[test]
fn by_rates_delays_and_starts() {
    // y' = −k y(t − τ) by the method of steps; by the value at the start alone it is the fundamental solution.
    let model = compiled("param k = 0.7, tau = 1.1, a = 2\ninit y = a\ninit y(t) = a\ny' = -k*y(t - tau)");
    let names = ["k", "tau", "a", "y"];
    for method in METHODS {
        if method == Method::Rodas5P {
            // By a delay, f has a derivative by time that nobody knows.
            let error = model.problem().method(method).tangents(&["tau"]).unwrap_err().to_string();
            assert!(error.contains("try RadauIIA5 or BDF"), "{error}");
        }
        let rosenbrock = method == Method::Rodas5P;
        let names: Vec<&str> = names.iter().copied().filter(|name| !rosenbrock || *name != "tau").collect();
        let found = tangents(&model, method, 6.0, &names);
        for (j, name) in names.iter().enumerate() {
            for (t, s) in found.solution().times().iter().zip(found.column(0, j)) {
                let [y, by_k, by_tau] = steps(*t, 0.7, 1.1, -1.0);
                let exact = match *name {
                    "k" => 2.0 * by_k,
                    "tau" => 2.0 * by_tau,
                    "a" => y,
                    _ => steps(*t, 0.7, 1.1, 0.0)[0],
                };
                assert!((s - exact).abs() <= 1e-6, "{} by {name} at {t}: {s} {exact}", method.name());
            }
        }
    }
}

/// The largest difference of derivatives from differences of runs, in units of the largest of a column.
fn off(text: &str, end: f64, names: &[(&str, f64)], method: Method) -> f64 {
    let model = compiled(text);
    let list: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let found = tangents(&model, method, end, &list);
    let columns = found.solution().state_names().len() + found.solution().output_names().len();
    let mut most = 0.0f64;
    for (j, (name, at)) in names.iter().enumerate() {
        let run = |shift: f64| {
            let times = found.solution().times().to_vec();
            let problem = model.problem().span(0.0..end).method(Method::Dop853).rtol(1e-12).atol(1e-14);
            problem.save(Save::At(times)).set(name, at + shift).unwrap().solve().unwrap()
        };
        let h = 1e-3 * at.abs();
        let runs = [run(-2.0 * h), run(-h), run(h), run(2.0 * h)];
        for k in 0..columns {
            let n = found.solution().state_names().len();
            let column = |run: &rhapsode::solve::Solution, row: usize| {
                if k < n { run.state(k)[row] } else { run.output(k - n)[row] }
            };
            let exact: Vec<f64> = (0..found.solution().len())
                .map(|row| {
                    let [a, b, c, d] = [0, 1, 2, 3].map(|r| column(&runs[r], row));
                    (a - 8.0 * b + 8.0 * c - d) / (12.0 * h)
                })
                .collect();
            let scale = exact.iter().fold(1e-3, |most: f64, x| most.max(x.abs()));
            let gap = found.column(k, j).zip(&exact).map(|(s, e)| (s - e).abs() / scale).fold(0.0, f64::max);
            most = most.max(gap);
        }
    }
    most
}

#[test]
fn against_differences() {
    let mackey_glass = "param b = 0.2, g = 0.1, tau = 6\ninit x = 0.8\nx' = b*x(t - tau)/(1 + x(t - tau)^10) - g*x\n\
                        output twice = 2*x + x(t - tau)";
    let two = "param p = 1.3, s = 0.4, r = 0.9, c = 0.5\ninit x = sin(0.3), y = c\ninit x(t) = sin(t + 0.3)\n\
               x' = -p*x(t - s) + y(t - r)*y\ny' = x(t - r) - 0.5*y(t - s)";
    // The delay depends on the state (the time read moves with it), and on a parameter.
    let of_state = "param a = 0.4, k = 0.6\ninit x = 1.2\nx' = -k*x(t - a - 0.1*x^2)";
    let family = "index i = 1..3\nparam tau = 0.7, k[i] = 0.3*i\ninit u[i] = i\nu[i]' = -k[i]*u[i](t - tau) + 0.1*u[1]";
    for method in [Method::Auto, Method::Tsit5, Method::Bdf, Method::RadauIIA5] {
        let most = if method == Method::Bdf { 1e-5 } else { 2e-6 };
        for (text, end, names) in [
            (mackey_glass, 40.0, &[("b", 0.2), ("g", 0.1), ("tau", 6.0), ("x", 0.8)][..]),
            (two, 5.0, &[("p", 1.3), ("s", 0.4), ("r", 0.9)][..]),
            (of_state, 6.0, &[("a", 0.4), ("k", 0.6)][..]),
            (family, 4.0, &[("tau", 0.7), ("k[2]", 0.6)][..]),
        ] {
            let found = off(text, end, names, method);
            assert!(found <= most, "{}: {found:e}\n{text}", method.name());
        }
    }
}

#[test]
fn what_they_do_not_go_through() {
    let text = "param k = 1, tau = 1\ninit x = 2\ninit x(t) = 1\nx' = -k*x(t - tau)";
    let problem = compiled(text);
    let error = problem.problem().span(0.0..3.0).control_sensitivities().tangents(&["tau"]).unwrap_err().to_string();
    assert!(error.contains("`x` jumps at the start, and `x(t - tau)` at a time that moves"), "{error}");
    let neutral = "param k = 1\ninit x(t) = 1\ninit x = 1\nx' = -k*x'(t - 1) - x";
    let error = compiled(neutral).problem().tangents(&["k"]).unwrap_err().to_string();
    assert!(error.contains("derivatives at other times"), "{error}");
    let events = "param k = 1\ninit x = 1\nx' = -k*x(t - 1)\nwhen x < 0.5 { x := 1 }";
    let error = compiled(events).problem().control_sensitivities().tangents(&["k"]).unwrap_err().to_string();
    assert!(error.contains("of a model with delays are not there yet through events"), "{error}");
    let follows = "param a = 1, k = 2*a\ninit x = 1\nx' = -k*x(t - 1)";
    let error = compiled(follows).problem().tangents(&["a"]).unwrap_err().to_string();
    assert!(error.contains("parameters follow from others, as `k` does"), "{error}");
}

#[test]
fn objectives_of_models_with_delays() {
    let text = "param k = 0.7, tau = 1.1\ninit y = 2\ny' = -k*y(t - tau)\nobjective o = integral(y^2) + final(y)\n\
                solve t = 0..3 { rtol = 1e-10, atol = 1e-12 }";
    let objective = compiled(text).objective(None, None, &["k", "tau"]).unwrap();
    let (at, mut gradient) = (objective.point().unwrap(), [0.0; 2]);
    let value = objective.clone().way(Way::Forward).value_and_gradient(&at, &mut gradient).unwrap();
    assert!((value - objective.value(&at).unwrap()).abs() < 1e-8);
    for k in 0..2 {
        let shifted = |h: f64| {
            let mut at = at.clone();
            at[k] += h;
            objective.value(&at).unwrap()
        };
        let h = 1e-3;
        let exact = (shifted(-2.0 * h) - 8.0 * shifted(-h) + 8.0 * shifted(h) - shifted(2.0 * h)) / (12.0 * h);
        assert!((gradient[k] - exact).abs() < 1e-6 * (1.0 + exact.abs()), "{k}: {} {exact}", gradient[k]);
    }
    let mut back = [0.0; 2];
    objective.way(Way::Adjoint).value_and_gradient(&at, &mut back).unwrap();
    assert!(gradient.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-7 * (1.0 + a.abs())), "{gradient:?} {back:?}");
}

#[test]
fn sensitivities_in_the_error_test() {
    // x' = −x + sin(w t): at loose tolerances the phase's derivative is far worse than the state, unless it counts.
    let model = compiled("param w = 7, k = 1\ninit x = 1\nx' = -k*x + sin(w*t)");
    let times: Vec<f64> = (0..=10).map(f64::from).collect();
    for method in [Method::Tsit5, Method::Dop853, Method::Rodas5P, Method::Bdf] {
        let problem = model.problem().span(0.0..10.0).method(method).rtol(1e-5).atol(1e-7);
        let problem = problem.save(Save::At(times.clone()));
        let exact = problem.clone().rtol(1e-12).atol(1e-13).method(Method::Dop853).tangents(&["w", "k"]).unwrap();
        let worst = |found: &Tangents| {
            let gaps = found.values().iter().zip(exact.values()).map(|(a, b)| (a - b).abs());
            gaps.fold(0.0, f64::max)
        };
        let plain = problem.tangents(&["w", "k"]).unwrap();
        let controlled = problem.clone().control_sensitivities().tangents(&["w", "k"]).unwrap();
        // Without, the steps are those of the plain run.
        assert_eq!(plain.solution().statistics.steps, problem.solve().unwrap().statistics.steps);
        assert!(controlled.solution().statistics.steps > plain.solution().statistics.steps, "{}", method.name());
        assert!(worst(&controlled) < worst(&plain), "{}: {:e} {:e}", method.name(), worst(&controlled), worst(&plain));
        assert_eq!(controlled.solution().state_names(), plain.solution().state_names());
    }
    let events = compiled("param k = 1\ninit x = 1\nx' = -k*x\nwhen x < 0.5 { x := 1 }");
    let error = events.problem().control_sensitivities().tangents(&["k"]).unwrap_err().to_string();
    assert!(error.contains("in the error test are not there yet through events"), "{error}");
}

#[test]
fn switches_that_move_are_told_apart_from_others() {
    // x' jumps where x passes c, and its derivative by c is not 0, as the equations for it would have it.
    let jumps = "param c = 0.5, k = 1\ninit x = 1\nx' = if x > c then -k else -2*k";
    let larger = Model::parse(jumps).unwrap().with_sensitivities(&["c"]).unwrap().compile().unwrap();
    let error = larger.problem().span(0.0..1.0).solve().unwrap_err().to_string();
    assert!(error.contains("jump, by a condition of `if`, at a time that moves"), "{error}");
    // Where it is not met it is in nobody's way.
    let short = larger.problem().span(0.0..0.4).solve().unwrap();
    assert_eq!(short.column("d[x]/d[c]").unwrap().last(), Some(&0.0));
    let found = compiled(jumps).problem().span(0.0..0.75).save(Save::At(vec![0.75])).tangents(&["c"]).unwrap();
    assert!((found.column(0, 0).next().unwrap() + 1.0).abs() < 1e-6, "carried along it is told: {:?}", found.values());
    for fixed in ["if t > 0.3 then -k else -2*k", "-k*max(x - c, 0)", "-k*abs(x - c)"] {
        let text = format!("param c = 0.5, k = 1\ninit x = 1\nx' = {fixed}");
        let larger = Model::parse(&text).unwrap().with_sensitivities(&["k", "c"]).unwrap().compile().unwrap();
        let problem = larger.problem().span(0.0..1.0).rtol(1e-9).save(Save::At(vec![1.0]));
        let (solution, told) = (problem.solve().unwrap(), compiled(&text));
        let told = told.problem().span(0.0..1.0).rtol(1e-9).save(Save::At(vec![1.0])).tangents(&["k", "c"]).unwrap();
        for (name, exact) in ["d[x]/d[k]", "d[x]/d[c]"].iter().zip(told.values()) {
            let found = solution.column(name).unwrap()[0];
            assert!((found - exact).abs() < 1e-6, "{fixed} {name}: {found} {exact}");
        }
    }
    let moved = "param c = 0.5\ninit x = 1\nx' = if t > c then -1 else -2";
    let larger = Model::parse(moved).unwrap().with_sensitivities(&["c"]).unwrap().compile().unwrap();
    assert!(larger.problem().span(0.0..1.0).solve().is_err());
}
