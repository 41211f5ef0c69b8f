//! Data that the state looks up: the points of the curve are switches, and each is located.

use rhapsode::curve::{Curve, Outside, Shape};
use rhapsode::solve::{Method, Save, Solution};
use rhapsode::{Backend, Model, Problem, SolveError};
use std::collections::BTreeMap;
use std::fmt::Write;

fn parse(text: &str, knots: &[f64], values: &[f64]) -> Model {
    let mut file = String::from("x,f\n");
    knots.iter().zip(values).for_each(|(x, f)| writeln!(file, "{x},{f}").unwrap());
    let shelf: BTreeMap<String, String> = [("f.csv".to_string(), file)].into();
    Model::parse_with(&shelf, "m.ode", text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// In both backends, which must agree to the bit.
fn run(model: &Model, set: impl Fn(Problem<'_>) -> Problem<'_>) -> Solution {
    let solve = |backend| {
        let compiled = model.compile_with(backend).unwrap();
        set(compiled.problem()).solve().unwrap_or_else(|e| panic!("{e}"))
    };
    let (native, interpreted) = (solve(Backend::Jit), solve(Backend::Interpret));
    assert_eq!((native.times(), native.last()), (interpreted.times(), interpreted.last()));
    native
}

fn last(solution: &Solution, name: &str) -> f64 {
    *solution.column(name).unwrap().last().unwrap()
}

const KNOTS: [f64; 7] = [0.0, 0.5, 0.8, 1.5, 2.0, 2.6, 4.0];
const VALUES: [f64; 7] = [1.0, 0.7, 1.3, 0.9, 1.4, 1.1, 1.2];

/// How many of the five points inside are switches: a spline is the same cubic on both sides of the first and the last.
fn passed(shape: Shape) -> u64 {
    if shape == Shape::Cubic { 3 } else { 5 }
}

/// ∫ dx/c(x), the time that x' = c(x) takes, by Gauss's rule of five points on 200 parts of each cell.
fn time(curve: &Curve, from: f64, to: f64) -> f64 {
    let nodes = [
        (0.0, 128.0 / 225.0),
        (0.538_469_310_105_683_1, 0.478_628_670_499_366_5),
        (0.906_179_845_938_664, 0.236_926_885_056_189_1),
    ];
    let inner = curve.knots().iter().copied().filter(|x| *x > from && *x < to);
    let ends: Vec<f64> = [from].into_iter().chain(inner).chain([to]).collect();
    let mut sum = 0.0;
    for cell in ends.windows(2) {
        let h = (cell[1] - cell[0]) / 200.0;
        for k in 0..200 {
            let middle = cell[0] + (f64::from(k) + 0.5) * h;
            for (x, weight) in nodes {
                let both = if x == 0.0 { vec![0.0] } else { vec![-x, x] };
                sum += both.iter().map(|x| 0.5 * h * weight / curve.value(0, middle + 0.5 * h * x)).sum::<f64>();
            }
        }
    }
    sum
}

#[test]
fn errors_fall_with_the_order_of_the_method_through_points_that_the_state_passes() {
    let orders = [(Method::Tsit5, 5.0), (Method::Dop853, 8.0), (Method::Rodas5P, 5.0), (Method::RadauIIA5, 5.0)];
    for (name, shape) in Shape::ALL {
        let text = format!("input f(x) = csv(\"f.csv\", x, f) {name}\ninit x = 0.1\nx' = f(x)\nsolve t = 0..1");
        let model = parse(&text, &KNOTS, &VALUES);
        let curve = Curve::new("f", shape, Outside::Error, KNOTS.to_vec(), &VALUES).unwrap();
        let end = time(&curve, 0.1, 3.5);
        let compiled = model.compile().unwrap();
        for (method, order) in orders {
            let at = |rtol: f64, over: bool| {
                let problem = compiled.problem().span(0.0..end).method(method).rtol(rtol).atol(rtol);
                let problem = if over { problem.over_switches() } else { problem };
                let solution = problem.save(Save::At(vec![end])).solve().unwrap();
                assert_eq!(
                    solution.statistics.located,
                    if over { 0 } else { passed(shape) },
                    "{name} {}",
                    method.name()
                );
                ((last(&solution, "x") - 3.5).abs(), solution.statistics.steps as f64)
            };
            let (coarse, fine, over) = (at(1e-4, false), at(1e-9, false), at(1e-9, true));
            let slope = (coarse.0 / fine.0).ln() / (fine.1 / coarse.1).ln();
            println!(
                "{name:9} {:10} {:.1e} ({}) {:.1e} ({}) slope {slope:.1}, over the points {:.1e} ({})",
                method.name(),
                coarse.0,
                coarse.1,
                fine.0,
                fine.1,
                over.0,
                over.1
            );
            // The dense output of Radau IIA has the order of its stages only.
            let bound = if method == Method::RadauIIA5 { 2e-7 } else { 1e-8 };
            assert!(fine.0 < bound, "{name} {}: {fine:?}", method.name());
            // A spline has two continuous derivatives: its points harm high orders only.
            let harmed = shape != Shape::Cubic;
            assert!(!harmed || fine.0 < over.0, "{name} {}: {fine:?} {over:?}", method.name());
            // What is exact at once has no slope; crossings are located on dense output, that of DOP853 of order 7.
            assert!(slope > f64::min(order, 7.0) - 1.5 || fine.0 < 1e-11, "{name} {}: {slope} {fine:?}", method.name());
        }
        run(&model, |p| p.span(0.0..end));
    }
}

#[test]
fn every_method_stays_on_the_piece_where_its_step_began() {
    // x = t, so that y is the area under the curve: cubics are exact for every method of third order and more.
    for (name, shape) in Shape::ALL {
        let text = format!(
            "input f(x) = csv(\"f.csv\", x, f) {name}\ninit x = 0.1, y = 0\nx' = 1\ny' = f(x)\nsolve t = 0..3.6"
        );
        let model = parse(&text, &KNOTS, &VALUES);
        let curve = Curve::new("f", shape, Outside::Error, KNOTS.to_vec(), &VALUES).unwrap();
        let ends: Vec<f64> = [0.1].into_iter().chain(KNOTS[1..6].iter().copied()).chain([3.7]).collect();
        let area = |cell: &[f64]| {
            let (a, b) = (cell[0], cell[1].next_down());
            (b - a) / 6.0 * (curve.value(0, a) + curve.value(0, b) + 4.0 * curve.value(0, 0.5 * (a + b)))
        };
        let exact: f64 = ends.windows(2).map(area).sum();
        let compiled = model.compile().unwrap();
        for method in Method::ALL.iter().copied().filter(|m| !m.is_second_order()) {
            let solution = compiled.problem().method(method).rtol(1e-7).atol(1e-9).save(Save::Steps).solve();
            let solution = solution.unwrap_or_else(|e| panic!("{name} {}: {e}", method.name()));
            let (error, located) = ((last(&solution, "y") - exact).abs(), solution.statistics.located);
            println!("{name:9} {:12} {error:.1e} steps {}", method.name(), solution.statistics.steps);
            assert_eq!(located, passed(shape), "{name} {}", method.name());
            let low =
                [Method::Rkc, Method::TrBdf2, Method::Rosenbrock23, Method::KenCarp4, Method::Bdf].contains(&method);
            let bound = if low { 2e-5 } else { 1e-6 };
            assert!(error < bound, "{name} {}: {error:e}", method.name());
        }
    }
}

#[test]
fn rules_beyond_the_points_are_pieces_too() {
    // x goes through all of the data, out on both sides, and back: x = 5 sin t.
    for (name, outside) in [("hold", Outside::Hold), ("linear", Outside::Linear), ("periodic", Outside::Periodic)] {
        for (shape, of) in Shape::ALL {
            let text = format!(
                "input f(x) = csv(\"f.csv\", x, f) {shape} extrapolate {name}\ninit x = 0, v = 5, y = 0\nx' = v\nv' = -x\n\
                 y' = f(x)\nsolve t = 0..6 {{ rtol = 1e-10, atol = 1e-12 }}"
            );
            let mut values = VALUES;
            values[6] = if outside == Outside::Periodic { values[0] } else { values[6] };
            let model = parse(&text, &KNOTS, &values);
            let curve = Curve::new("f", of, outside, KNOTS.to_vec(), &values).unwrap();
            let solution = run(&model, |p| p.method(Method::Dop853));
            // The midpoint rule between the times at which 5 sin t is at a knot, refined by Richardson: by brute force.
            let n = 4_000_000;
            let h = 6.0 / f64::from(n);
            let sum: f64 = (0..n).map(|k| curve.value(0, 5.0 * (h * (f64::from(k) + 0.5)).sin())).sum();
            let error = (last(&solution, "y") - h * sum).abs();
            println!("{name:9} {shape:9} {error:.1e} located {}", solution.statistics.located);
            assert!(error < if of == Shape::Previous { 1e-5 } else { 5e-9 }, "{name} {shape}: {error:e}");
            assert!(
                solution.statistics.located >= if of == Shape::Cubic { 9 } else { 13 },
                "{name} {shape}: {}",
                solution.statistics.located
            );
        }
    }
}

#[test]
fn beyond_data_without_a_rule_the_run_ends_where_they_end() {
    for shape in ["linear", "previous", "cubic"] {
        let text = format!(
            "input f(x) = csv(\"f.csv\", x, f) {shape}\ninit x = 3, y = 0\nx' = 0.5\ny' = f(x)\nsolve t = 0..9"
        );
        let compiled = parse(&text, &KNOTS, &VALUES).compile().unwrap();
        for method in [Method::Auto, Method::Tsit5, Method::Rodas5P, Method::Bdf] {
            match compiled.problem().method(method).solve() {
                Err(SolveError::Failed(failure)) => {
                    println!("{shape} {}: {failure}", method.name());
                    assert!((failure.time - 2.0).abs() < 0.01, "{shape} {}: {}", method.name(), failure.time);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Where x' = f(x), with straight lines between the points, comes to in a time: by exponentials.
fn along(mut x: f64, mut left: f64) -> f64 {
    loop {
        let k = KNOTS.partition_point(|knot| *knot <= x) - 1;
        let slope = (VALUES[k + 1] - VALUES[k]) / (KNOTS[k + 1] - KNOTS[k]);
        let speed = VALUES[k] + slope * (x - KNOTS[k]);
        let time = (slope * (KNOTS[k + 1] - x) / speed).ln_1p() / slope;
        if time >= left {
            return x + speed / slope * (slope * left).exp_m1();
        }
        (x, left) = (KNOTS[k + 1], left - time);
    }
}

#[test]
fn elements_look_up_for_themselves_and_events_move_them() {
    let text = "const N = 10\nindex i = 1..N\ninput f(x) = csv(\"f.csv\", x, f) linear extrapolate hold\n\
                init x[i] = i/20\nx[i]' = f(x[i])\nat 0.5 { x[1] := 3 }\nat 0.75 { x[1] := 0.6 }\n\
                solve t = 0..2 { rtol = 1e-10, atol = 1e-12 }";
    let model = parse(text, &KNOTS, &VALUES);
    let solution = run(&model, |p| p.method(Method::Vern7));
    assert!(solution.statistics.located > 25, "{}", solution.statistics.located);
    for k in 1..=10 {
        let (found, from) = (last(&solution, &format!("x[{k}]")), f64::from(k) / 20.0);
        let expected = if k == 1 { along(0.6, 1.25) } else { along(from, 2.0) };
        assert!((found - expected).abs() < 1e-10, "{k}: {found} {expected}");
    }
    // A discrete quantity shifts the data.
    let text = "discrete shift = 0\ninput f(x) = csv(\"f.csv\", x, f) previous\ninit y = 0\ny' = f(t - shift)\n\
                at 1 { shift := 0.75 }\nsolve t = 0..2 { rtol = 1e-9, atol = 1e-12 }";
    let solution = run(&parse(text, &KNOTS, &VALUES), |p| p);
    // 1·0.5 + 0.7·0.3 + 1.3·0.2, then from 0.25: 1·0.25 + 0.7·0.3 + 1.3·0.45
    let exact = 0.5 + 0.21 + 0.26 + 0.25 + 0.21 + 0.585;
    assert!((last(&solution, "y") - exact).abs() < 1e-10, "{} {exact}", last(&solution, "y"));
}

#[test]
fn a_table_with_more_points_than_the_solution_has_features_does_not_hold_it_up() {
    // 20,000 points of a smooth curve: a step per point where they are few, the control of the step size where not.
    let knots: Vec<f64> = (0..=20_000).map(|k| 1e-3 * f64::from(k)).collect();
    let values: Vec<f64> = knots.iter().map(|x| 1.0 + 0.5 * x.sin()).collect();
    let text = "input f(x) = csv(\"f.csv\", x, f) cubic\ninit x = 0\nx' = f(x)\nsolve t = 0..15";
    let model = parse(text, &knots, &values);
    let solution = run(&model, |p| p.rtol(1e-8).atol(1e-8));
    println!("steps {} located {}", solution.statistics.steps, solution.statistics.located);
    assert!(solution.statistics.steps < 3_000, "{}", solution.statistics.steps);
    let plain =
        Model::parse("init x = 0\nx' = 1 + 0.5*sin(x)\nsolve t = 0..15 { rtol = 1e-11, atol = 1e-11 }").unwrap();
    let exact = run(&plain, |p| p);
    assert!((last(&solution, "x") - last(&exact, "x")).abs() < 1e-6);
}
