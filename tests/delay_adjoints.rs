//! The way back through runs with delays: against closed forms, against sensitivities carried along with a run, and against
//! differences of runs that take the same steps.

#[path = "common/method_of_steps.rs"]
mod method_of_steps;
#[path = "common/numbers.rs"]
mod numbers;

use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Gradient, Model, Problem, Way};

use method_of_steps::steps;
use numbers::numbers;

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"))
}

const METHODS: [Method; 14] = [
    Method::Auto,
    Method::Bosh3,
    Method::Tsit5,
    Method::Vern7,
    Method::Dop853,
    Method::Vern9,
    Method::Adams,
    Method::Rdpk3Sp49,
    Method::TrBdf2,
    Method::KenCarp4,
    Method::Kvaerno5,
    Method::RadauIIA5,
    Method::Radau,
    Method::Bdf,
];

/// The derivative by that name.
fn of(compiled: &Compiled, gradient: &Gradient, name: &str) -> f64 {
    let model = compiled.model();
    match model.parameters().find(name) {
        Some(place) => gradient.parameters[place],
        None => gradient.initial[model.states().find(name).unwrap()],
    }
}

fn columns(compiled: &Compiled) -> usize {
    compiled.model().states().len() + compiled.model().outputs().len()
}

#[test]
fn closed_form_with_all_methods() {
    let model = compiled("param k = 0.7, tau = 1.1, a = 2\ninit y = a\ninit y(t) = a\ny' = -k*y(t - tau)");
    let times = [0.5, 1.7, 2.3, 4.4, 6.0];
    for method in METHODS {
        let loose = [Method::Bosh3, Method::TrBdf2].contains(&method);
        let (rtol, most) = if loose { (1e-8, 1e-5) } else { (1e-9, 2e-6) };
        let problem = model.problem().span(0.0..6.0).method(method).rtol(rtol).atol(1e-3 * rtol);
        let recorded = problem.save(Save::At(times.to_vec())).record().unwrap_or_else(|e| panic!("{e}"));
        for (row, t) in times.iter().enumerate() {
            let mut weights = vec![0.0; times.len()];
            weights[row] = 1.0;
            let gradient = recorded.pull(&weights).unwrap_or_else(|e| panic!("{}: {e}", method.name()));
            let [y, by_k, by_tau] = steps(*t, 0.7, 1.1, -1.0);
            let exact = [("k", 2.0 * by_k), ("tau", 2.0 * by_tau), ("a", y), ("y", steps(*t, 0.7, 1.1, 0.0)[0])];
            for (name, exact) in exact {
                let found = of(&model, &gradient, name);
                assert!((found - exact).abs() <= most, "{} by {name} at {t}: {found} {exact}", method.name());
            }
        }
    }
}

const MACKEY_GLASS: &str = "param b = 0.2, g = 0.1, tau = 6\ninit x = 0.8\nx' = b*x(t - tau)/(1 + x(t - tau)^10) - g*x\n\
                            output twice = 2*x + x(t - tau)";
const TWO: &str = "param p = 1.3, s = 0.4, r = 0.9, c = 0.5, d = 0.3\ninit x = sin(d), y = c\ninit x(t) = sin(t + d)\n\
                   x' = -p*x(t - s) + y(t - r)*y\ny' = x(t - r) - 0.5*y(t - s)\noutput o = x(t - s)*y(t - r)^2 + p";
const OF_STATE: &str = "param a = 0.4, k = 0.6\ninit x = 1.2\nx' = -k*x(t - a - 0.1*x^2)";
const FAMILY: &str =
    "index i = 1..3\nparam tau = 0.7, k[i] = 0.3*i\ninit u[i] = i\nu[i]' = -k[i]*u[i](t - tau) + 0.1*u[1]";
/// Delays shorter than steps: steps that read themselves.
const SHORT: &str =
    "param k = 0.6, tau = 0.02, w = 1.5\ninit x = 1, y = 0\nx' = -k*x(t - tau) + sin(w*t)\ny' = x - y(t - 2*tau)";
/// A delay that vanishes at the start, and one that grows.
const PANTOGRAPH: &str = "param q = 0.6, k = 0.8\ninit x = 1\nx' = -k*x + 0.5*x(q*t)";

/// The gradient back is what sensitivities carried along add up to, as tolerances are tight.
#[test]
fn as_carried_along() {
    for (text, end, names) in [
        (MACKEY_GLASS, 40.0, &["b", "g", "tau", "x"][..]),
        (TWO, 5.0, &["p", "s", "r", "c", "d", "x"][..]),
        (OF_STATE, 6.0, &["a", "k", "x"][..]),
        (FAMILY, 4.0, &["tau", "k[2]", "k[3]", "u[2]"][..]),
        (SHORT, 6.0, &["k", "tau", "w", "x", "y"][..]),
        (PANTOGRAPH, 5.0, &["q", "k", "x"][..]),
    ] {
        let model = compiled(text);
        let times: Vec<f64> = (0..=7).map(|k| end * f64::from(k) / 7.0).collect();
        let at = |method, rtol: f64| {
            let problem = model.problem().span(0.0..end).method(method).rtol(rtol).atol(1e-2 * rtol);
            problem.save(Save::At(times.clone()))
        };
        let tangents = at(Method::Dop853, 1e-11).tangents(names).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let weights = numbers(times.len() * columns(&model));
        for method in [Method::Auto, Method::Tsit5, Method::Dop853, Method::Vern9, Method::RadauIIA5, Method::Kvaerno5]
        {
            let recorded = at(method, 1e-9).record().unwrap_or_else(|e| panic!("{}: {e}\n{text}", method.name()));
            let gradient = recorded.pull(&weights).unwrap_or_else(|e| panic!("{}: {e}\n{text}", method.name()));
            for (j, name) in names.iter().enumerate() {
                let terms = weights.iter().enumerate().map(|(row, w)| w * tangents.values()[row * names.len() + j]);
                let (wanted, size) = terms.fold((0.0, 1.0), |(sum, size), term| (sum + term, size + f64::abs(term)));
                let found = of(&model, &gradient, name);
                let close = (found - wanted).abs() <= 2e-6 * size;
                assert!(close, "{} by {name}: {found} {wanted}\n{text}", method.name());
            }
        }
    }
}

/// Steps of one length, which neither error nor parameters change; so coarse that the solution itself is far off.
fn coarse<'c>(model: &'c Compiled, method: Method, end: f64) -> Problem<'c> {
    let problem = model.problem().span(0.0..end).method(method).rtol(1e-3).atol(1e10).first_step(0.2).max_step(0.2);
    problem.save(Save::At(vec![0.7 * end, 0.83 * end, end]))
}

/// What is differentiated are the numbers that were returned: where steps are read, and what stands between them.
#[test]
fn of_the_steps_taken() {
    let explicit = [Method::Bosh3, Method::Tsit5, Method::Vern7, Method::Dop853, Method::Vern9, Method::Rdpk3Sp49];
    for (text, end, at) in [
        (MACKEY_GLASS, 20.0, &[("b", 0.2), ("g", 0.1), ("x", 0.8)][..]),
        (TWO, 4.0, &[("p", 1.3), ("c", 0.5), ("d", 0.3), ("y", 0.5)][..]),
    ] {
        let model = compiled(text);
        for method in explicit {
            let problem = coarse(&model, method, end);
            let recorded = problem.record().unwrap();
            let weights = numbers(3 * columns(&model));
            let gradient = recorded.pull(&weights).unwrap();
            for (name, value) in at {
                let run = |h: f64| {
                    let solution = problem.clone().set(name, value + h).unwrap().solve().unwrap();
                    let n = solution.state_names().len();
                    let number = |row: usize, k: usize| {
                        if k < n { solution.state(k)[row] } else { solution.output(k - n)[row] }
                    };
                    let count = columns(&model);
                    weights.iter().enumerate().map(|(at, w)| w * number(at / count, at % count)).sum::<f64>()
                };
                let h = 1e-3 * value;
                let wanted = (8.0 * (run(h) - run(-h)) - (run(2.0 * h) - run(-2.0 * h))) / (12.0 * h);
                let found = of(&model, &gradient, name);
                let close = (found - wanted).abs() <= 1e-8 * (1.0 + wanted.abs());
                assert!(close, "{} by {name}: {found} {wanted}\n{text}", method.name());
            }
        }
    }
}

/// A ring of 20 states, each fed by its neighbour's past, with ten numbers of its own.
const RING: &str = "index i = 1..20 periodic
index j = 1..10
param w[i,j] = 0.02*i - 0.03*j, tau = 0.8
init u[i] = 1 + 0.3*sin(i)
u[i]' = -0.5*u[i] + sum[j](w[i,j]*cos(j*u[i]))*u[i-1](t - tau)/(1 + u[i-1](t - tau)^2)
";

#[test]
fn two_hundred_parameters() {
    let model = compiled(RING);
    assert_eq!(model.model().parameters().len(), 201);
    let problem = model.problem().span(0.0..6.0).method(Method::Vern7).rtol(1e-9).atol(1e-11);
    let problem = problem.save(Save::At(vec![2.0, 6.0]));
    let weights = numbers(2 * 20);
    let gradient = problem.record().unwrap().pull(&weights).unwrap();
    let names = ["w[3,2]", "w[20,10]", "w[1,1]", "tau", "u[7]"];
    let tangents = problem.tangents(&names).unwrap();
    for (j, name) in names.iter().enumerate() {
        let wanted: f64 = weights.iter().enumerate().map(|(row, w)| w * tangents.values()[row * names.len() + j]).sum();
        let found = of(&model, &gradient, name);
        assert!((found - wanted).abs() <= 1e-6 * (1.0 + wanted.abs()), "{name}: {found} {wanted}");
    }
}

/// What the way back takes, of runs of so many parameters, with steps as they come, some of them longer than the delay, and
/// with shorter ones; on a quiet machine:
/// `cargo test --release --workspace --test delay_adjoints -- --ignored --nocapture costs`.
#[test]
#[ignore = "measures time"]
fn costs() {
    for (count, longest) in [1, 10, 100].into_iter().flat_map(|count| [(count, 20.0), (count, 0.7)]) {
        let text = RING
            .replace("1..10", &format!("1..{count}"))
            .replace("sum[j](w[i,j]*cos(j*u[i]))", "(w[i,1] + 1e-6*sum[j](w[i,j]))");
        let model = compiled(&text);
        let problem = model.problem().span(0.0..20.0).method(Method::Vern7).rtol(1e-6).max_step(longest);
        let problem = problem.save(Save::At(vec![20.0]));
        let recorded = problem.record().unwrap();
        let best = |call: &dyn Fn()| {
            let once = || {
                let start = std::time::Instant::now();
                call();
                start.elapsed().as_secs_f64()
            };
            (0..20).map(|_| once()).fold(f64::INFINITY, f64::min)
        };
        let plain = best(&|| drop(problem.solve().unwrap()));
        let back = best(&|| drop(recorded.pull(&[1.0; 20]).unwrap()));
        let count = 20 * count + 1;
        println!("{count} parameters, steps up to {longest}: run {:.2} ms, back {:.1} runs", 1e3 * plain, back / plain);
    }
}

#[test]
fn steps_that_were_dropped_come_back() {
    let model = compiled(TWO);
    for method in [Method::Tsit5, Method::RadauIIA5] {
        let problem = model.problem().span(0.0..20.0).method(method).max_step(2e-3).save(Save::At(vec![7.0, 20.0]));
        let weights = numbers(2 * columns(&model));
        let whole = problem.record().unwrap();
        let part = problem.clone().max_tape(200_000).record().unwrap();
        assert!(part.bytes() < whole.bytes());
        assert_eq!(part.pull(&weights).unwrap(), whole.pull(&weights).unwrap(), "{}", method.name());
    }
}

#[test]
fn objectives_go_back_where_that_costs_less() {
    let text = format!(
        "{RING}objective o = integral(sum[i](u[i]^2)) + value(u[3], 2)^2\nsolve t = 0..6 {{ rtol = 1e-9, atol = 1e-11 }}"
    );
    let model = compiled(&text);
    let names: Vec<String> = model.model().parameters().iter().collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let many = model.objective(None, None, &names).unwrap();
    assert!(many.explain().unwrap().starts_with("adjoint"), "{}", many.explain().unwrap());
    let at = many.point().unwrap();
    let mut gradient = vec![0.0; at.len()];
    let value = many.value_and_gradient(&at, &mut gradient).unwrap();
    let few = model.objective(None, None, &["w[2,3]", "tau"]).unwrap();
    let (at, mut forward) = (few.point().unwrap(), [0.0; 2]);
    let same = few.way(Way::Forward).value_and_gradient(&at, &mut forward).unwrap();
    assert!((value - same).abs() < 1e-7 * value.abs());
    for (name, wanted) in ["w[2,3]", "tau"].iter().zip(forward) {
        let found = gradient[names.iter().position(|known| known == name).unwrap()];
        assert!((found - wanted).abs() < 1e-6 * (1.0 + wanted.abs()), "{name}: {found} {wanted}");
    }
}

/// Down the list of the same steps what goes up it: where sensitivities are those of the steps.
fn agree(problem: &Problem, model: &Compiled, gradient: &Gradient, weights: &[f64], at: &[(&str, f64)]) {
    let names: Vec<&str> = at.iter().map(|(name, _)| *name).collect();
    let tangents = problem.tangents(&names).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(tangents.solution().statistics.steps, problem.record().unwrap().solution().statistics.steps);
    for (j, name) in names.iter().enumerate() {
        let terms = weights.iter().enumerate().map(|(row, w)| w * tangents.values()[row * names.len() + j]);
        let (wanted, size) = terms.fold((0.0, 1.0), |(sum, size), term| (sum + term, size + f64::abs(term)));
        let found = of(model, gradient, name);
        assert!((found - wanted).abs() <= 1e-12 * size, "by {name}: {found} {wanted}");
    }
}

#[test]
fn forward_is_the_transpose_of_back() {
    let happens = "at 0.37 { ";
    for (text, state, end, at) in [
        (MACKEY_GLASS, "x", 20.0, &[("b", 0.2), ("g", 0.1), ("tau", 6.0), ("x", 0.8)][..]),
        (TWO, "y", 4.0, &[("p", 1.3), ("s", 0.4), ("r", 0.9), ("c", 0.5), ("d", 0.3), ("y", 0.5)][..]),
        (FAMILY, "u[2]", 4.0, &[("tau", 0.7), ("k[2]", 0.6), ("k[3]", 0.9), ("u[1]", 1.0)][..]),
        (SHORT, "y", 3.0, &[("k", 0.6), ("tau", 0.02), ("w", 1.5), ("x", 1.0)][..]),
    ] {
        let model = compiled(&format!("{text}\n{happens}{state} := 1.1*{state} }}\n"));
        let count = columns(&model);
        let times = vec![0.31 * end, 0.77 * end, end];
        let weights = numbers(times.len() * count);
        for method in METHODS {
            let problem = model.problem().span(0.0..end).method(method).rtol(1e-6).atol(1e-8);
            let problem = problem.save(Save::At(times.clone()));
            if method == Method::Bdf && text == SHORT {
                // Its derivatives grow from step to step.
                let errors = [
                    problem.record().unwrap().pull(&weights).unwrap_err().to_string(),
                    problem.tangents(&["tau"]).unwrap_err().to_string(),
                ];
                assert!(errors.iter().all(|e| e.contains("steps of BDF that are longer than a delay")), "{errors:?}");
                continue;
            }
            let gradient =
                problem.record().unwrap().pull(&weights).unwrap_or_else(|e| panic!("{}: {e}", method.name()));
            agree(&problem, &model, &gradient, &weights, at);
        }
    }
}

/// Jumps that delays bring back at times that move, and what happens beside delays.
#[test]
fn through_jumps_and_events() {
    let jump = "param k = 0.7, tau = 0.6, a = 1\ninit x = 2\ninit x(t) = a*cos(t)\nx' = -k*x(t - tau)";
    let arrays = "index i = 1..3\nparam tau = 0.5, s = 0.8, k[i] = 0.2*i\ninit u[i] = i\ninit u[i](t) = 0\n\
                  u[i]' = -k[i]*u[i](t - tau) + 0.3*u[1](t - s)*u[2]\noutput o = u[3](t - tau)";
    let switch =
        "param k = 0.9, tau = 0.7, c = 0.4, a = 0.3\ninit x = 1\nx' = -k*x(t - tau) + (if x > c then 0 else -a)";
    let discrete = "param k = 0.9, tau = 0.7, c = 0.5, d = 0.3\ninit x = 1\ndiscrete g = 0\nx' = -k*x(t - tau) + g\n\
                    when x < c { g := g + d }";
    let reset = "param k = 0.9, tau = 0.7, c = 0.5, d = 0.4\ninit x = 1, y = 0.2\nx' = -k*x(t - tau)\ny' = x(t - 2*tau) - y\n\
                 when x < c { x := x + d*(1 + y) }";
    let timed = "param k = 0.9, tau = 0.7, t1 = 0.45, d = 0.4\ninit x = 1\nx' = -k*x(t - tau)\nat t1 { x := x + d }\n\
                 at t1 + 1.3 { x := d*x }";
    for (text, end, at) in [
        (jump, 3.2, &[("k", 0.7), ("tau", 0.6), ("a", 1.0), ("x", 2.0)][..]),
        (arrays, 2.3, &[("tau", 0.5), ("s", 0.8), ("k[2]", 0.4), ("u[2]", 2.0)][..]),
        (switch, 3.1, &[("k", 0.9), ("tau", 0.7), ("c", 0.4), ("a", 0.3), ("x", 1.0)][..]),
        (discrete, 3.1, &[("k", 0.9), ("tau", 0.7), ("c", 0.5), ("d", 0.3)][..]),
        (reset, 3.3, &[("k", 0.9), ("tau", 0.7), ("c", 0.5), ("d", 0.4), ("y", 0.2)][..]),
        (timed, 3.3, &[("k", 0.9), ("tau", 0.7), ("t1", 0.45), ("d", 0.4)][..]),
    ] {
        let model = compiled(text);
        let count = columns(&model);
        let times = vec![0.31 * end, 0.77 * end, end];
        let weights = numbers(times.len() * count);
        let at_tolerance = |method, rtol: f64| {
            let problem = model.problem().span(0.0..end).method(method).rtol(rtol).atol(1e-2 * rtol);
            problem.save(Save::At(times.clone()))
        };
        for method in [Method::Tsit5, Method::Vern9, Method::RadauIIA5, Method::Bdf] {
            let recorded =
                at_tolerance(method, 1e-9).record().unwrap_or_else(|e| panic!("{}: {e}\n{text}", method.name()));
            let gradient = recorded.pull(&weights).unwrap();
            agree(&at_tolerance(method, 1e-9), &model, &gradient, &weights, at);
            for (name, value) in at {
                let run = |h: f64| {
                    let problem = at_tolerance(Method::Vern9, 1e-13).set(name, value + h).unwrap();
                    let solution = problem.solve().unwrap();
                    let n = solution.state_names().len();
                    let number = |row: usize, k: usize| {
                        if k < n { solution.state(k)[row] } else { solution.output(k - n)[row] }
                    };
                    weights.iter().enumerate().map(|(at, w)| w * number(at / count, at % count)).sum::<f64>()
                };
                let h = 1e-3 * value;
                let wanted = (8.0 * (run(h) - run(-h)) - (run(2.0 * h) - run(-2.0 * h))) / (12.0 * h);
                let found = of(&model, &gradient, name);
                let most = if method == Method::Bdf { 1e-4 } else { 2e-6 };
                let close = (found - wanted).abs() <= most * (1.0 + wanted.abs());
                assert!(close, "{} by {name}: {found} {wanted}\n{text}", method.name());
            }
        }
    }
    // Sensitivities that are states would jump: those of the steps are taken without asking.
    let text = format!("{jump}\nobjective o = final(x)^2\nsolve t = 0..2 {{ rtol = 1e-9 }}");
    let objective = compiled(&text).objective(None, None, &["tau"]).unwrap();
    let mut gradient = [0.0];
    objective.value_and_gradient(&objective.point().unwrap(), &mut gradient).unwrap();
    assert!(gradient[0] != 0.0);
}

#[test]
fn what_it_does_not_go_through_is_said() {
    let record = |text: &str, method: Method| {
        let model = compiled(text);
        let problem = model.problem().span(0.0..3.0).method(method);
        problem.record().map(|_| ()).unwrap_err().to_string()
    };
    let cases = [
        (
            "param k = 1\ninit x = 1\nx' = -k*x(t - 1)\nwhen x(t - 1) < 0.9 { x := 1 }",
            "that read values at other times",
        ),
        ("param k = 1\ninit x = 1\nx' = if x(t - 1) > 0.5 then -k*x else 1", "that read values at other times"),
        ("param k = 1\ninit x = 1\nx' = -k*x(t - x^2)\nwhen x < 0.5 { x := 1 }", "events that set states"),
        ("param k = 1\ninit x(t) = 1\ninit x = 1\nx' = -k*x'(t - 1) - x", "derivatives at other times"),
        ("param k = 1\ninit x = 1, z = 1\nx' = -k*x(t - 1)*z\n0 = z^3 + z - x", "algebraic equations"),
        (
            "param k = 1, tau = 1\ninit x = 2\ninit x(t) = 1\nx' = -k*x(t - tau*x^2)",
            "`x` jumps at the start, and `x(t - tau*x^2)` at a time that the state decides",
        ),
    ];
    for (text, what) in cases {
        let error = record(text, Method::Tsit5);
        assert!(error.contains(what), "{error}");
    }
    let rosenbrock = record("param k = 1\ninit x = 1\nx' = -k*x(t - 1)", Method::Rodas5P);
    assert!(rosenbrock.contains("Rosenbrock methods"), "{rosenbrock}");
    // A jump that stays where it is brought back is in nobody's way.
    let fixed = compiled("param k = 1\ninit x = 2\ninit x(t) = 1\nx' = -k*x(t - 1)");
    let problem = fixed.problem().span(0.0..2.5).rtol(1e-10).save(Save::At(vec![2.5]));
    let found = problem.record().unwrap().pull(&[1.0]).unwrap();
    let wanted = problem.tangents(&["k", "x"]).unwrap();
    assert!((found.parameters[0] - wanted.values()[0]).abs() < 1e-7, "{found:?} {wanted:?}");
    assert!((found.initial[0] - wanted.values()[1]).abs() < 1e-7, "{found:?} {wanted:?}");
}
