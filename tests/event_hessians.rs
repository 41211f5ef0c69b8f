//! Second derivatives through events: against differences of exact gradients, and symmetric.

use std::collections::BTreeMap;

use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model, Problem};

fn compiled(text: &str) -> Compiled {
    let table = "TIME,AMT,II,ADDL,SS\n0,10,0.9,1,1\n";
    let files = BTreeMap::from([("d.csv".to_string(), table.to_string())]);
    Model::parse_with(&files, "m.ode", text).unwrap_or_else(|e| panic!("{text}\n{e}")).compile().unwrap()
}

/// At the times given, or at the start and the end that an event brings about.
fn run<'a>(model: &'a Compiled, by: &[(&str, f64)], method: Method) -> Problem<'a> {
    let problem = model.problem().span(0.0..2.0).rtol(1e-11).atol(1e-12).method(method);
    let problem = problem.save(Save::At(vec![0.1, 0.55, 1.13, 1.6, 2.0]));
    by.iter().fold(problem, |problem, (name, value)| problem.set(name, *value).unwrap())
}

fn of(model: &Compiled, gradient: &rhapsode::Gradient, name: &str) -> f64 {
    match model.model().parameters().find(name) {
        Some(place) => gradient.parameters[place],
        None => gradient.initial[model.model().states().find(name).unwrap()],
    }
}

fn weights(count: usize) -> Vec<f64> {
    (1..=count).map(|k| 2.0 * (0.618_033_988_749_895 * k as f64).fract() - 1.0).collect()
}

fn holds(what: &str, text: &str, by: &[(&str, f64)], method: Method) {
    let model = compiled(text);
    let names: Vec<&str> = by.iter().map(|(name, _)| *name).collect();
    let problem = run(&model, by, method);
    let recorded = problem.record().unwrap_or_else(|e| panic!("{what}: {e}"));
    let solution = recorded.solution();
    assert!(solution.statistics.events + solution.statistics.located > 0, "{what}: nothing happens");
    let w = weights(solution.len() * (model.model().states().len() + model.model().outputs().len()));
    let found = problem.hessian(&w, &names).unwrap_or_else(|e| panic!("{what}: {e}"));
    let largest = found.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    assert!(largest > 1e-3, "{what}: nothing to compare");
    let k = by.len();
    for i in 0..k {
        let gradient = |h: f64| {
            let mut by = by.to_vec();
            by[i].1 += h;
            let recorded = run(&model, &by, method).record().unwrap();
            assert_eq!(recorded.solution().len(), solution.len(), "{what}");
            let gradient = recorded.pull(&w).unwrap();
            names.iter().map(|name| of(&model, &gradient, name)).collect::<Vec<f64>>()
        };
        let h = 2e-4;
        let [up, down, further, back] = [h, -h, 2.0 * h, -2.0 * h].map(gradient);
        for j in 0..k {
            let wanted = (8.0 * (up[j] - down[j]) - (further[j] - back[j])) / (12.0 * h);
            let (found, other) = (found[i * k + j], found[j * k + i]);
            let names = (names[i], names[j]);
            assert!((found - other).abs() <= 1e-7 * largest, "{what} {names:?} {}: {found} {other}", method.name());
            assert!((found - wanted).abs() <= 1e-6 * largest, "{what} {names:?} {}: {found} {wanted}", method.name());
        }
    }
}

const BALL: &str = "param g = 9.81, c = 0.8\ninit h = 1, v = 0.3\nh' = v\nv' = -g - 0.1*v*abs(v)\n";
const GROWTH: &str = "param r = 1.1, c = 0.6, k = 0.4, q = 0.7\ninit x = 0.3, y = 0.2\ndiscrete hit = 0.1*k\nx' = r*x*(1 - x) + 0.1*sin(t)*y + 0.1*hit\ny' = k*x - y^2\noutput z = x*y*k + hit*t\n";

#[test]
fn events_of_every_kind_are_passed() {
    let ball = [("g", 9.81), ("c", 0.8), ("h", 1.0), ("v", 0.3)];
    let growth = [("r", 1.1), ("c", 0.6), ("k", 0.4), ("q", 0.7), ("x", 0.3), ("y", 0.2)];
    let cases = [
        ("a moving time and a reset", "when x > c { x := 0.3*x + 0.1*k*y*t, hit := hit + t*x }"),
        ("a quantity that changes the slopes", "when x > c { hit := 1 + q*x }"),
        ("a condition with time and parameters", "when x*y > 0.3*q - 0.2*t + c*k { y := r*y, hit := t }"),
        (
            "several comparisons, the first comes last",
            "when x > c and y > 0.05*q { x := 0.3*x + 0.1*k*y*t, hit := t*x }",
        ),
        (
            "several comparisons, the last comes last",
            "when x > 0.5*c and y > 0.5*q - 0.1*c { x := 0.3*x*k, hit := t*y }",
        ),
        ("one of several comparisons", "when y > 2*q or x*t > c or r > 5 { x := 0.3*x + 0.1*k*y*t, y := 0.1*q }"),
        ("a fixed time", "at 0.9 { x := x*c + y^2, hit := x*k }"),
        ("a time that a parameter decides", "at q { x := x*c, hit := t }"),
        ("two times", "at q, 1.3*q + c { y := y + c*t*x }"),
        ("a period", "every q from 0.3*c { y := y + k*t }"),
        (
            "an event that another causes",
            "when x > c { y := y + 2, hit := t }\nwhen y > 1.5*q { x := 0.3 + t*y*k, y := 0.3*c }",
        ),
        ("priorities", "when x > c { y := y + 2 }\nwhen y > 1 priority 2 { x := 0.3*r, y := 0.5 }"),
        ("the end of the run", "when x > c { hit := hit + x*y, stop }"),
        ("the end of the run, a time", "at 2*q { stop }"),
    ];
    for method in [Method::Dop853, Method::Rodas5P] {
        holds("a ball", &format!("{BALL}when h < 0 {{ v := -c*v, h := 0 }}\n"), &ball, method);
        for (what, event) in cases {
            holds(what, &format!("{GROWTH}{event}\n"), &growth, method);
        }
        let array = "param k = 0.7, c = 0.5\nindex i = 1..3\ninit u[i] = 0.2*i, w = 0\nu[i]' = k*u[i]*(1 - w) - 0.1*i*u[1]^2\nw' = u[2]*u[3]\nwhen w > 0.4*c { u[i] := c*u[i] + 0.1*i*t, w := 0.1*u[2] }\n";
        holds("arrays", array, &[("k", 0.7), ("c", 0.5), ("w", 0.0)], method);
        let kink =
            "param k = 1.3, r = 2, c = 0.6\ninit x = 0.1, y = 0\nx' = k - r*max(x - c, 0)\ny' = x^2 + abs(x - 1.1*c)\n";
        holds("a switch at which slopes bend", kink, &[("k", 1.3), ("r", 2.0), ("c", 0.6), ("x", 0.1)], method);
        let doses = "param ka = 2, k = 1.2, F = 0.8, lag = 0.2, V = 20\ninit depot = 0, A = 0\ndepot' = -ka*depot\nA' = ka*depot - V*A/(3 + A)\n";
        let by = [("ka", 2.0), ("F", 0.8), ("lag", 0.2), ("V", 20.0)];
        for table in [
            "dose depot F*10 every 0.8 from lag to 1.7 + lag",
            "doses csv(\"d.csv\") { lag depot = lag\nbioavailability depot = F }",
        ] {
            holds(table, &format!("{doses}{table}\n"), &by, method);
        }
    }
}

#[test]
fn what_they_do_not_go_through_is_refused_by_name() {
    let refused = |text: &str, by: &str| {
        let model = compiled(text);
        let problem = run(&model, &[], Method::Rodas5P);
        problem.tangents(&[by]).unwrap_or_else(|e| panic!("{e}"));
        let w = vec![1.0; 5 * (model.model().states().len() + model.model().outputs().len())];
        problem.hessian(&w, &[by]).unwrap_err().to_string()
    };
    let error = refused("param c = 0.5\ninit x = 0\nx' = if x > c then 1 else 2\n", "c");
    assert!(error.contains("the equations jump there, which second derivatives do not go through yet"), "{error}");
    let error = refused("param c = 0.5\ninit x = 0, z = 1\nx' = 1\n0 = z^3 + z - x\nwhen z > c { x := 0.1 }\n", "c");
    assert!(error.contains("events beside algebraic equations"), "{error}");
    let error = refused(
        "param c = 0.5\ninit x = 0, y = 0\nx' = 1\ny' = 1\nwhen x > c { x := x - c }\nwhen y > 0.5 { y := y - 0.5 }\n",
        "c",
    );
    assert!(error.contains("meets another event"), "{error}");
    let error = refused(&format!("{GROWTH}when x > c delay 0.1 {{ x := 0.2 }}\n"), "c");
    assert!(error.contains("an event with a delay"), "{error}");
}
