//! Switches that the state decides, located: `if`, `min`, `max`, `abs`, `sign`, `floor`, `ceil` of what changes.

#[path = "common/both.rs"]
mod both;
mod common;

use both::run;

use rhapsode::solve::{ErrorKind, Method, Save, Solution};
use rhapsode::{Model, SolveError};

fn last(solution: &Solution, name: &str) -> f64 {
    *solution.column(name).unwrap().last().unwrap()
}

#[test]
fn an_if_is_crossed_with_every_method() {
    let s = -(0.4f64.ln());
    for method in Method::ALL.iter().copied().filter(|m| !m.is_second_order()) {
        let low =
            matches!(method, Method::Bosh3 | Method::Rkc | Method::Rdpk3Sp49 | Method::Rosenbrock23 | Method::TrBdf2);
        let text = "init x = 0\nx' = if x < 0.6 then 1 - x else 2 - x\nsolve t = 0..3 { rtol = 1e-10, atol = 1e-12 }";
        let (rtol, bound) = if low { (1e-7, 1e-5) } else { (1e-10, 3e-9) };
        let compiled = Model::parse(text).unwrap().compile().unwrap();
        let solution = compiled.problem().method(method).rtol(rtol).atol(1e-2 * rtol).save(Save::Steps).solve();
        let solution = solution.unwrap_or_else(|e| panic!("{}: {e}", method.name()));
        let exact = 2.0 - 1.4 * (-(3.0 - s)).exp();
        let error = (last(&solution, "x") - exact).abs();
        let crossing = solution.times().iter().map(|t| (t - s).abs()).fold(f64::INFINITY, f64::min);
        println!(
            "{:12} error {error:.1e} crossing {crossing:.1e} steps {} rejected {}",
            method.name(),
            solution.statistics.steps,
            solution.statistics.rejected
        );
        assert_eq!(solution.statistics.located, 1, "{}", method.name());
        // The dense output of Radau IIA has the order of its stages only.
        let bound = if matches!(method, Method::RadauIIA5 | Method::Radau) { 10.0 * bound } else { bound };
        assert!(error < bound && crossing < bound, "{}: {error:e} {crossing:e}", method.name());
    }
    run("init x = 0\nx' = if x < 0.6 then 1 - x else 2 - x\nsolve t = 0..3", |p| p);
}

#[test]
fn a_staircase_of_floors_and_ceilings() {
    // x' = 1/(1 + floor(x)): each level k takes k + 1 units of time.
    let text = "init x = 0\nx' = 1/(1 + floor(x))\nsolve t = 0..50 { rtol = 1e-10, atol = 1e-12 }";
    let solution = run(text, |p| p);
    // 45 units for nine levels, and 5 of the ten of the next.
    assert!((last(&solution, "x") - 9.5).abs() < 1e-11, "{}", last(&solution, "x"));
    assert_eq!(solution.statistics.located, 9);
    // Downwards through 0, and by ceilings: from 3.5, ceil = 4, 3, 2, 1, 0, −1 …
    let text = "init x = 3.5\nx' = -1/(4 + ceil(x))\nsolve t = 0..20 { rtol = 1e-10, atol = 1e-12 }";
    let solution = run(text, |p| p);
    // 4 for the first half, then 7, 6, and 3 of the 5 from 1 to 0
    assert!((last(&solution, "x") - 0.4).abs() < 1e-11, "{}", last(&solution, "x"));
    // A saw of the state: mod(x, 1) rises along with it.
    let text = "init x = 0.25, y = 0\nx' = 2\ny' = mod(x, 1)\nsolve t = 0..5 { rtol = 1e-10, atol = 1e-12 }";
    let solution = run(text, |p| p);
    assert!((last(&solution, "y") - 2.5).abs() < 1e-10, "{}", last(&solution, "y"));
}

/// x'' = −x below 0 and −4x above: half periods of π and π/2.
fn bilinear(t: f64) -> f64 {
    use std::f64::consts::PI;
    let phase = t % (1.5 * PI);
    // From the top down to 0 in π/4, through −2 and back in π, up again in π/4.
    if phase < 0.25 * PI {
        (2.0 * phase).cos()
    } else if phase < 1.25 * PI {
        -2.0 * (phase - 0.25 * PI).sin()
    } else {
        (2.0 * (phase - 1.25 * PI)).sin()
    }
}

#[test]
fn errors_fall_with_the_order_of_the_method_through_kinks() {
    let spellings = ["-x - 3*max(x, 0)", "-2.5*x - 1.5*abs(x)", "if x > 0 then -4*x else -x", "-4*x + 3*min(0, x)"];
    let orders = [(Method::Tsit5, 5.0), (Method::Vern7, 7.0), (Method::Dop853, 8.0), (Method::Vern9, 9.0)];
    for spelling in spellings {
        let text = format!("init x = 1, v = 0\nx' = v\nv' = {spelling}\nsolve t = 0..15");
        let compiled = Model::parse(&text).unwrap().compile().unwrap();
        for (method, order) in orders.into_iter().chain([(Method::Rodas5P, 5.0), (Method::RadauIIA5, 5.0)]) {
            let at = |rtol: f64| {
                let run = compiled.problem().method(method).rtol(rtol).atol(rtol);
                let solution = run.save(Save::At(vec![15.0])).solve().unwrap();
                // Two per period, and one more.
                assert_eq!(solution.statistics.located, 7, "{spelling} {}", method.name());
                ((last(&solution, "x") - bilinear(15.0)).abs(), solution.statistics.steps as f64)
            };
            let (coarse, fine) = (at(1e-5), at(1e-9));
            let slope = (coarse.0 / fine.0).ln() / (fine.1 / coarse.1).ln();
            println!("{spelling:28} {:10} {:.1e} {:.1e} slope {slope:.1}", method.name(), coarse.0, fine.0);
            assert!(slope > order - 1.5 && fine.0 < 1e-7, "{spelling} {}: {slope} {fine:?}", method.name());
        }
        run(&text, |p| p);
    }
}

#[test]
fn switches_of_clamp_sign_step_and_pulse() {
    // The states of a body pushed towards 0 by a constant force: parabolas of half width √(2·1).
    let text = "init x = 1, v = 0\nx' = v\nv' = -sign(x)\nsolve t = 0..20 { rtol = 1e-9, atol = 1e-12 }";
    let solution = run(text, |p| p);
    let quarter = 2f64.sqrt();
    let phase: f64 = 20.0 % (4.0 * quarter);
    assert!(phase < 3.0 * quarter && phase > quarter);
    let exact = -1.0 + 0.5 * (phase - 2.0 * quarter) * (phase - 2.0 * quarter);
    assert!((last(&solution, "x") - exact).abs() < 1e-10, "{} {exact}", last(&solution, "x"));
    assert!(solution.statistics.located == 7 && solution.statistics.steps < 60, "{:?}", solution.statistics);
    // x = t: areas under what switches.
    let area = |f: &str, end: f64| {
        let text = format!("init x = 0, y = 0\nx' = 1\ny' = {f}\nsolve t = 0..{end} {{ rtol = 1e-9, atol = 1e-12 }}");
        let solution = run(&text, |p| p);
        (last(&solution, "y"), solution.statistics.located)
    };
    let near = |(y, n): (f64, u64), exact: (f64, u64)| assert!((y - exact.0).abs() < 1e-11 && n == exact.1, "{y} {n}");
    near(area("clamp(x, 1, 2)", 4.0), (1.0 + 1.5 + 4.0, 2));
    near(area("step(x, 1.5)", 4.0), (2.5, 1));
    near(area("pulse(x, 1, 0.25)", 4.0), (0.25, 2));
    near(area("max(abs(x - 2), 1)", 4.0), (1.5 + 2.0 + 1.5, 3));
    near(area("if not (x > 1 and x < 2) or x >= 3.5 then 1 else 0", 4.0), (3.0, 3));
    near(area("if x*x > 2 then 1 else 0", 4.0), (4.0 - 2f64.sqrt(), 1));
    near(area("if sin(x) > 0.5 then 1 else 0", 4.0), (2.0 / 3.0 * std::f64::consts::PI, 2));
    // Of time, but no line.
    near(area("if sin(t) > 0.5 then 1 else 0", 4.0), (2.0 / 3.0 * std::f64::consts::PI, 2));
}

#[test]
fn switches_over_indices_and_within_sums_are_templates() {
    let text = "const N = 40\nindex i, j = 1..N\ninit u[i] = i/N\nhot[i] = if u[i] > 0.5 then 1 else 0\n\
                u[i]' = -u[i]*(1 + hot[i]) + sum[j](max(u[j] - 0.25, 0))/N^2\nsolve t = 0..2 { rtol = 1e-9, atol = 1e-12 }";
    let solution = run(text, |p| p);
    let plain = run(&text.replace("1e-12 }", "1e-12, switches = off }"), |p| p.rtol(1e-11));
    assert!(solution.statistics.located >= 20 && plain.statistics.located == 0, "{:?}", solution.statistics);
    for k in [1, 20, 21, 40] {
        let name = format!("u[{k}]");
        assert!((last(&solution, &name) - last(&plain, &name)).abs() < 1e-8, "{name}");
    }
    let size = |n: &str| {
        let model = Model::parse(&text.replace("const N = 40", n)).unwrap();
        model.compile().unwrap().code_bytes()
    };
    // Constants may be longer.
    assert!(2 * size("const N = 400") < 3 * size("const N = 40"));
}

#[test]
fn sliding_along_a_switch_is_reported_and_does_not_hang() {
    let text = "init x = 1\nx' = 0.3 - sign(x)\nsolve t = 0..3 { max_steps = 20000 }";
    for method in [Method::Auto, Method::Tsit5, Method::Rodas5P, Method::Bdf] {
        let compiled = Model::parse(text).unwrap().compile().unwrap();
        match compiled.problem().method(method).solve() {
            Err(SolveError::Failed(failure)) => {
                assert_eq!(failure.kind, ErrorKind::Slides("x < 0".to_string()), "{}", method.name());
                assert!(failure.to_string().contains("both of its sides lead back"), "{failure}");
                assert!((failure.time - 1.0 / 0.7).abs() < 1e-3);
            }
            other => panic!("{other:?}"),
        }
    }
    // A body that friction brings to rest, where the spring is weaker than it: as good as without modes.
    let text = "init x = 1, v = 0\nx' = v\nv' = -x - 0.2*sign(v)\nsolve t = 0..20 { max_steps = 60000 }";
    let solution = run(text, |p| p.method(Method::Tsit5));
    assert!((last(&solution, "x") - 0.2).abs() < 1e-4, "{}", last(&solution, "x"));
}

#[test]
fn a_branch_that_is_no_number_behind_its_switch_is_left() {
    let text = "init x = 1\nx' = if x > 0 then -1 - sqrt(x) else -1\nsolve t = 0..3";
    let s = 2.0 - 2.0 * 2f64.ln();
    for method in [Method::Auto, Method::Tsit5, Method::Dop853, Method::Taylor] {
        let solution = run(text, |p| p.method(method));
        assert!((last(&solution, "x") - (s - 3.0)).abs() < 1e-5, "{}: {}", method.name(), last(&solution, "x"));
        assert!(solution.statistics.steps < 200, "{}: {}", method.name(), solution.statistics.steps);
    }
}

#[test]
fn events_that_set_states_find_branches_anew() {
    // A reset from one side to the other, onto the switch, and away from it again.
    let text = "init x = -2, y = 0\nx' = 1\ny' = if x > 0 then 1 else 0\nat 1 { x := 5 }\nat 2 { x := -1 }\n\
                at 2.5 { x := 0 }\nat 3 { x := -1 }\nsolve t = 0..5 { rtol = 1e-9, atol = 1e-12 }";
    let solution = run(text, |p| p);
    assert!((last(&solution, "y") - 2.5).abs() < 1e-11, "{}", last(&solution, "y"));
    assert_eq!(solution.statistics.located, 1);
}

#[test]
fn off_means_as_if_there_were_none() {
    let on = "init x = 1, v = 0\nx' = v\nv' = -sign(x)\nsolve t = 0..20 { switches = on }";
    let off = on.replace("= on", "= off");
    let (on, off) = (run(on, |p| p), run(&off, |p| p));
    assert!(on.statistics.located == 7 && off.statistics.located == 0);
    assert!(off.statistics.rejected > 20 * (1 + on.statistics.rejected), "{:?} {:?}", on.statistics, off.statistics);
}

#[test]
fn reference_problems_with_switches_reach_their_digits() {
    for name in ["detest_f2", "detest_f4"] {
        let Some(problem) = common::problem(name) else { return };
        let compiled = Model::parse(&problem.text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
        for method in [Method::Auto, Method::Tsit5, Method::Vern9, Method::Dop853] {
            let run = compiled.problem().span(problem.span.0..problem.span.1).rtol(1e-10).atol(1e-13).method(method);
            let solution = run.save(Save::At(problem.times.clone())).solve().unwrap_or_else(|e| panic!("{name}: {e}"));
            let mut worst = 0.0f64;
            for (found, row) in solution.column("y1").unwrap().iter().zip(&problem.rows) {
                worst = worst.max((found - row[0]).abs() / row[0].abs().max(1e-3));
            }
            println!("{name:12} {:8} {worst:.1e} steps {}", method.name(), solution.statistics.steps);
            assert!(worst < 1e-9, "{name} {}: {worst:e}", method.name());
        }
    }
}

#[test]
fn a_saw_of_time_switches_twice_a_day_in_one_step() {
    // Nothing moves at night, so that steps are as long as days: both crossings of a day lie within one, which ends
    // where the saw falls back.
    let text = "init x = 0\ndiscrete mornings = 0\nhour = t - 24*floor(t/24)\n\
                x' = if hour > 4.5 and hour < 4.75 then 1 else 0\nwhen hour > 4.5 { mornings := mornings + 1 }\n\
                solve t = 0..240 { rtol = 1e-6, atol = 1e-9 }";
    let solution = run(text, |p| p);
    assert_eq!(last(&solution, "mornings"), 10.0);
    assert!((last(&solution, "x") - 2.5).abs() < 1e-9, "{}", last(&solution, "x"));
    let falling = run(&text.replace("t - 24*floor(t/24)", "24*ceil(t/24) - t"), |p| p);
    assert_eq!(last(&falling, "mornings"), 10.0);
    assert!((last(&falling, "x") - 2.5).abs() < 1e-9, "{}", last(&falling, "x"));
}

#[test]
fn output_points_never_change_the_steps() {
    let text = "init x = 1, v = 0\nx' = v\nv' = -sign(x) - 0.2*max(x, 0) + 0.01*floor(3*v)\n\
                when v > 0.9 { v := 0.8*v }\nsolve t = 0..40 { rtol = 1e-8, atol = 1e-10 }";
    for method in [Method::Auto, Method::Tsit5, Method::Vern9, Method::Rodas5P, Method::Bdf] {
        let compiled = Model::parse(text).unwrap().compile().unwrap();
        let solve = |times: Vec<f64>| compiled.problem().method(method).save(Save::At(times)).solve().unwrap();
        let (many, few) = (solve((0..=1000).map(|k| 0.04 * f64::from(k)).collect()), solve(vec![20.0, 40.0]));
        assert_eq!(many.occurrences(), few.occurrences());
        assert_eq!((many.statistics.steps, many.statistics.located), (few.statistics.steps, few.statistics.located));
        assert!(many.statistics.located > 20);
        for name in ["x", "v"] {
            let (many, few) = (many.column(name).unwrap(), few.column(name).unwrap());
            assert_eq!([many[500], many[1000]], [few[0], few[1]], "{name} {}", method.name());
        }
    }
}

/// A root, where a branch ends with an infinite slope: models, and where their first state ends.
#[test]
fn implicit_methods_pass_roots_that_end_at_their_switch() {
    let s = 2.0 - 2.0 * 2f64.ln();
    let cases = [
        // From above; the branch is no number behind the switch.
        ("init x = 1\nx' = if x > 0 then -1 - sqrt(x) else -1\nsolve t = 0..3", s - 3.0, 1e-5),
        ("init x = 1\nx' = if x > 0 then -1 - x^0.5 else -1\nsolve t = 0..3", s - 3.0, 1e-5),
        // From below.
        (
            "init y = 0, x = -1\ny' = if x > 0 then sqrt(x) else 0\nx' = 1\nsolve t = 0..3",
            2.0 / 3.0 * 8f64.sqrt(),
            1e-5,
        ),
        // To the switch, and no farther: a tank runs empty.
        ("init h = 1\nh' = if h > 0 then -sqrt(h) else 0\nsolve t = 0..3", 0.0, 1e-7),
        ("init h = 1\nh' = -sqrt(max(h, 0))\nsolve t = 0..3", 0.0, 1e-7),
    ];
    let implicit = Method::ALL.iter().copied().filter(|m| m.suits_stiff());
    for method in implicit {
        for (text, exact, bound) in cases {
            for over in [false, true] {
                let solution = run(text, |p| {
                    let p = p.method(method).rtol(1e-7).atol(1e-9);
                    if over { p.over_switches() } else { p }
                });
                let (found, steps) = (solution.last()[0], solution.statistics.steps);
                println!("{:12} {over:5} {:.1e} steps {steps}", method.name(), found - exact);
                assert!((found - exact).abs() < bound, "{} {text} {over}: {found} {exact}", method.name());
                assert!(steps < 3_000, "{} {text} {over}: {steps}", method.name());
            }
        }
    }
}
