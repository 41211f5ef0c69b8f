//! Events through the whole pipeline: order, attributes, limits, what is kept, and the reference problems.

#[path = "common/both.rs"]
mod both;
mod common;

use both::{failure, run};

use rhapsode::solve::{ErrorKind, Method, Save, Solution};
use rhapsode::{Model, SolveError};

fn times(solution: &Solution) -> Vec<f64> {
    solution.events().map(|(t, _)| t).collect()
}

fn last(solution: &Solution, name: &str) -> f64 {
    *solution.column(name).unwrap().last().unwrap()
}

const BALL: &str = "param g = 9.81, e = 0.8\ninit y = 10, v = 0\ny' = v\nv' = -g\n\
                    when y < 0 { v := -e*v, y := 0 }\nsolve t = 0..12 { rtol = 1e-10, atol = 1e-12 }";

const THERMOSTAT: &str = "param k = 0.1, Tout = 10, q = 2\ndiscrete heat = 1\ninit T = 15\n\
                          T' = -k*(T - Tout) + q*heat\nwhen T > 22 { heat := 0 }\nwhen T < 18 { heat := 1 }\n\
                          solve t = 0..60 { rtol = 1e-10, atol = 1e-12 }";

const HARVEST: &str = "param a = 1.5, b = 1, c = 3, d = 1, H = 0.8\ndiscrete h = 0\ninit x = 1, y = 1\n\
                       x' = a*x - b*x*y - H*h*x\ny' = -c*y + d*x*y\n\
                       when x > 4 and h < 0.5 { h := 1 }\nwhen x < 2 and h > 0.5 { h := 0 }\n\
                       solve t = 0..20 { rtol = 1e-10, atol = 1e-12 }";

const DOSES: &str = "param ka = 1.2, CL = 3.5, V = 40, F = 0.9\ninit depot = 0, central = 0\n\
                     depot' = -ka*depot\ncentral' = ka*depot - CL/V*central\noutput conc = central/V\n\
                     every 12 from 0 to 60 { depot := depot + F*100 }\n\
                     solve t = 0..72 { rtol = 1e-10, atol = 1e-12 }";

/// The columns of a reference file: its first is time.
fn table(name: &str, file: &str) -> Option<(Vec<String>, Vec<Vec<f64>>)> {
    let path = common::data()?.join("ivp").join(name).join(file);
    // Doses are at given times; they have no table.
    let text = std::fs::read_to_string(path).ok()?;
    let mut lines = text.lines();
    let names = lines.next().unwrap().split(',').map(str::to_string).collect();
    let rows = lines.map(|line| line.split(',').map(|field| field.parse().unwrap_or(f64::NAN)).collect()).collect();
    Some((names, rows))
}

/// The largest relative error of event times, and of the columns in the reference (relative to the larger of 1 and the
/// value).
fn against_reference(name: &str, text: &str, method: Method) -> Option<(f64, f64)> {
    let (columns, rows) = table(name, "reference.csv")?;
    let asked: Vec<f64> = rows.iter().map(|row| row[0]).collect();
    let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    // The control of these methods lets the error over the run grow to more than the tolerance; the dense output of
    // Radau IIA has the order of its stages only.
    let lax = matches!(method, Method::Kvaerno5 | Method::KenCarp4 | Method::RadauIIA5 | Method::Radau | Method::Bdf);
    let rtol = if lax { 1e-12 } else { 1e-10 };
    let run = compiled.problem().rtol(rtol).atol(1e-2 * rtol).method(method).save(Save::At(asked.clone()));
    let run = if method.is_second_order() && method != Method::Dprkn6 { run.first_step(1e-3) } else { run };
    let solution = run.solve().unwrap_or_else(|e| panic!("{name} {}: {e}", method.name()));
    assert_eq!(solution.times(), asked);
    let mut worst = (0.0f64, 0.0f64);
    if let Some((_, events)) = table(name, "events.csv") {
        let found = times(&solution);
        assert_eq!(found.len(), events.len(), "{name} {}: {found:?}", method.name());
        for (found, row) in found.iter().zip(events) {
            worst.0 = worst.0.max((found - row[1]).abs() / row[1]);
        }
    }
    for (k, column) in columns.iter().enumerate().skip(1) {
        for (found, row) in solution.column(column).unwrap().iter().zip(&rows) {
            worst.1 = worst.1.max((found - row[k]).abs() / row[k].abs().max(1.0));
        }
    }
    Some(worst)
}

/// Methods of order 4 and more, which reach rtol 1e-10 in reasonable time; those for equations of second order where
/// they apply.
fn suitable(second_order: bool) -> Vec<Method> {
    let low = [Method::Bosh3, Method::Rkc, Method::Rdpk3Sp49, Method::Rosenbrock23, Method::TrBdf2, Method::Verlet];
    let all = Method::ALL.iter().copied().filter(|m| !low.contains(m));
    all.filter(|m| second_order || !m.is_second_order()).collect()
}

fn references(name: &str, text: &str, second_order: bool, times: f64, states: f64) {
    if common::data().is_none() {
        return;
    }
    let mut failures = Vec::new();
    for method in suitable(second_order) {
        let Some((time, state)) = against_reference(name, text, method) else { continue };
        println!("{name:22} {:12} times {time:.1e} states {state:.1e}", method.name());
        let times = if matches!(method, Method::RadauIIA5 | Method::Radau) { 10.0 * times } else { times };
        if !(time <= times && state <= states) {
            failures.push(format!("{}: times {time:e}, states {state:e}", method.name()));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_ball_bounces_when_it_should() {
    references("bouncing_ball", BALL, true, 1e-10, 1e-8);
}

#[test]
fn the_thermostat_switches_when_it_should() {
    references("thermostat_relay", THERMOSTAT, false, 1e-10, 1e-8);
}

#[test]
fn harvesting_begins_and_ends_when_it_should() {
    references("predator_prey_harvest", HARVEST, false, 1e-10, 1e-8);
}

#[test]
fn doses_arrive() {
    references("pk_1cpt_oral", DOSES, false, 1e-10, 1e-8);
}

#[test]
fn conditions_fire_when_they_become_true_only() {
    // True at the start: it has not become so. Once it has ceased it may.
    let text = "init x = 0, v = 1\nx' = v\nv' = -x\ndiscrete n = 0, m = 0\nwhen x < 0.5 { n := n + 1 }\n\
                when x < 0.5 at start { m := m + 1 }\nsolve t = 0..6 { rtol = 1e-10, atol = 1e-12 }";
    let solution = run(text, |p| p);
    assert_eq!((last(&solution, "n"), last(&solution, "m")), (1.0, 2.0));
    let fall = std::f64::consts::PI - 0.5f64.asin();
    let found = times(&solution);
    assert_eq!(found[0], 0.0);
    assert!(found[1..].iter().all(|t| (t - fall).abs() < 1e-10), "{found:?}");
}

#[test]
fn strict_and_other_comparisons_are_told_apart() {
    // x touches 0 at t = 1 and goes back; these methods keep the parabola to rounding.
    let text = "init x = 1\nx' = 2*(t - 1)\ndiscrete a = 0, b = 0, e = 0\n\
                when x < 0 { a := a + 1 }\nwhen x <= 0 { b := b + 1 }\nwhen x == 0 { e := e + 1 }\n\
                solve t = 0..2 { rtol = 1e-10, atol = 1e-12 }";
    for method in [Method::Tsit5, Method::Dop853, Method::Vern7] {
        let solution = run(text, |p| p.method(method));
        let found = ["b", "e"].map(|name| last(&solution, name));
        assert_eq!(found, [1.0, 1.0], "{}", method.name());
    }
}

#[test]
fn right_sides_see_values_before_and_assignments_are_simultaneous() {
    let text = "init x = 1, y = 2\nx' = 0\ny' = 0\nat 1 { x := y, y := x }\nsolve t = 0..2";
    let solution = run(text, |p| p);
    assert_eq!((last(&solution, "x"), last(&solution, "y")), (2.0, 1.0));
}

#[test]
fn the_order_is_priority_then_text() {
    let text = "init x = 0\nx' = 0\ndiscrete log = 0\nat 1 { log := 10*log + 1 }\nat 1 priority 5 { log := 10*log + 2 }\n\
                at 1 { log := 10*log + 3 }\nat 1 priority -1 { log := 10*log + 4 }\nsolve t = 0..2";
    assert_eq!(last(&run(text, |p| p), "log"), 2134.0);
}

#[test]
fn delays_wait_and_are_dropped_unless_persistent() {
    let text = |attributes: &str| {
        format!(
            "init x = 0\nx' = 1\ndiscrete low = 1, n = 0, when_set = 0\nwhen x > 1 and low > 0 {attributes} \
             {{ n := n + 1, when_set := x }}\nat 2 {{ low := 0 }}\nsolve t = 0..5 {{ rtol = 1e-10, atol = 1e-12 }}"
        )
    };
    let n = |attributes: &str| {
        let solution = run(&text(attributes), |p| p);
        (last(&solution, "n"), last(&solution, "when_set"))
    };
    assert_eq!(n("delay 3").0, 0.0, "the condition has ceased to hold");
    let (count, x) = n("delay 3 persistent");
    assert!(count == 1.0 && (x - 4.0).abs() < 1e-9, "{x}");
    let (count, x) = n("delay 3 persistent values at trigger");
    assert!(count == 1.0 && (x - 1.0).abs() < 1e-9, "{x}");
    let (count, x) = n("delay 0.5");
    assert!(count == 1.0 && (x - 1.5).abs() < 1e-9, "{x}");
}

#[test]
fn events_cause_events() {
    let text = "init x = 0\nx' = 1\ndiscrete a = 0, b = 0, c = 0\nwhen b > 0 { c := 1 }\nwhen a > 0 { b := 1 }\n\
                at 1 { a := 1 }\nsolve t = 0..2";
    let solution = run(text, |p| p);
    assert_eq!(["a", "b", "c"].map(|name| last(&solution, name)), [1.0; 3]);
    let names: Vec<&str> = solution.events().map(|(_, name)| name).collect();
    assert_eq!(names, ["at 1", "when a > 0", "when b > 0"]);
    assert_eq!(times(&solution), [1.0; 3]);
}

#[test]
fn what_gets_nowhere_is_reported() {
    let forever = "init x = 0\nx' = 1\ndiscrete a = 0\nwhen a > 0 { a := 0 }\nwhen a <= 0 { a := 1 }\nat 1 { a := 1 }\n\
                   solve t = 0..2";
    assert!(matches!(failure(forever), ErrorKind::EventsForEver(_)));
    let zeno = BALL.replace("0..12", "0..20");
    assert_eq!(failure(&zeno), ErrorKind::Zeno("when y < 0".to_string()));
    let compiled = Model::parse(&zeno).unwrap().compile().unwrap();
    let Err(SolveError::Failed(failed)) = compiled.problem().solve() else { panic!() };
    let limit = (2.0f64 * 10.0 / 9.81).sqrt() * 9.0;
    assert!((failed.time - limit).abs() < 1e-6, "{} {limit}", failed.time);
    // From the start on, where time has room for any number of them: a bound that the solution is put back to.
    for slope in ["1 - x", "0.3*x", "1e-3", "1e6*(2 - x)"] {
        let text = format!(
            "param c = 0.7\ninit x = 0.5\nx' = {slope}\nwhen x > 0.2*c at start {{ x := 0.2*c }}\nsolve t = 0..3"
        );
        assert_eq!(failure(&text), ErrorKind::Zeno("when x > 0.2*c".to_string()), "{slope}");
    }
    let text = "param P = 0\ninit x = 0\nx' = 1\nevery P { x := 0 }\nsolve t = 0..2";
    assert!(matches!(failure(text), ErrorKind::Options(sentence) if sentence.contains("period of `every P` is 0")));
    let text = "param D = -1\ninit x = 0\nx' = 1\nwhen x > 1 delay D { x := 0 }\nsolve t = 0..2";
    assert!(matches!(failure(text), ErrorKind::Options(sentence) if sentence.contains("delay of `when x > 1`")));
}

#[test]
fn stop_ends_the_run_and_says_so() {
    let text = "init c = 0\nc' = 1\nwhen c > 3.5 { stop }\nsolve t = 0..10 { rtol = 1e-10, atol = 1e-12, save = 11 }";
    let solution = run(text, |p| p);
    let (t, name) = solution.stopped_by().unwrap();
    assert!((t - 3.5).abs() < 1e-9 && name == "when c > 3.5");
    assert_eq!(solution.times().len(), 5);
    assert_eq!(solution.times().last(), Some(&t));
}

#[test]
fn events_over_indices_act_on_their_element() {
    let text = "const N = 5\nindex i = 1..N\ninit u[i] = 0\nu[i]' = i\ndiscrete n[i] = 0\n\
                when u[i] > 1 { u[i] := 0, n[i] := n[i] + 1 }\nsolve t = 0..2.1 { rtol = 1e-10, atol = 1e-12 }";
    let solution = run(text, |p| p);
    let counts: Vec<f64> = (1..=5).map(|i| last(&solution, &format!("n[{i}]"))).collect();
    assert_eq!(counts, [2.0, 4.0, 6.0, 8.0, 10.0]);
    let text = "const N = 3\nindex i = 1..N\nparam tau[i] = i\ninit u[i] = 0\nu[i]' = 0\n\
                at tau[i] { u[i] := 10*t } for i in 2..N\nsolve t = 0..5";
    let solution = run(text, |p| p);
    assert_eq!(["u[1]", "u[2]", "u[3]"].map(|name| last(&solution, name)), [0.0, 20.0, 30.0]);
}

#[test]
fn components_have_events_of_their_own() {
    let text = "component Neuron(I = 1.5) {\n  init v = 0\n  discrete spikes = 0\n  v' = I - v\n\
                when v > 1 { v := 0, spikes := spikes + 1 }\n}\nindex k = 1..2\nn[k] = Neuron(I = 1 + k)\na = Neuron()\n\
                solve t = 0..5 { rtol = 1e-9, atol = 1e-11 }";
    let solution = run(text, |p| p);
    // Period log(I/(I - 1)).
    let expected = |current: f64| (5.0 / (current / (current - 1.0)).ln()).floor();
    assert_eq!(last(&solution, "a.spikes"), expected(1.5));
    assert_eq!([last(&solution, "n[1].spikes"), last(&solution, "n[2].spikes")], [expected(2.0), expected(3.0)]);
}

#[test]
fn units_of_events_are_checked_and_converted() {
    let text = "time t: h\nparam V: L = 40, every_: min = 120\ninit gut: mg = 0\ngut' = -gut/(2 [h])\n\
                every every_ from 0 to 4 { gut := gut + 0.1 [g] }\nwhen gut > 130 [mg] { stop }\nsolve t = 0..10";
    let solution = run(text, |p| p);
    // 100 e^-1 + 100 = 137 mg at the second dose.
    assert_eq!(solution.stopped_by().unwrap().0, 2.0);
    let wrong = "time t: h\nparam V: L = 40\ninit gut: mg = 0\ngut' = -gut/(2 [h])\nat 3 { gut := V }\nwhen gut > V { stop }\n\
                 at V { stop }";
    let errors = Model::parse(wrong).unwrap_err();
    assert_eq!(errors.diagnostics().iter().filter(|d| d.code.0 == "E0261").count(), 3, "{errors}");
}

#[test]
fn points_before_and_after_are_kept_with_every_step_and_those_after_on_a_grid() {
    let text = "init x = 0\nx' = 1\nat 1 { x := 5 }\nsolve t = 0..2";
    let steps = run(text, |p| p);
    let at: Vec<f64> =
        steps.times().iter().zip(steps.column("x").unwrap()).filter(|(t, _)| **t == 1.0).map(|r| *r.1).collect();
    assert!((at[0] - 1.0).abs() < 1e-14 && at[1..] == [5.0], "{at:?}");
    let grid = run(text, |p| p.save(Save::At(vec![0.5, 1.0, 1.5])));
    let x = grid.column("x").unwrap();
    assert!(x.iter().zip([0.5, 5.0, 5.5]).all(|(x, y)| (x - y).abs() < 1e-14), "{x:?}");
}

#[test]
fn output_points_never_change_the_steps() {
    for text in [BALL, THERMOSTAT, HARVEST, DOSES] {
        for method in [Method::Auto, Method::Tsit5, Method::Vern9, Method::Rodas5P, Method::Bdf] {
            let compiled = Model::parse(text).unwrap().compile().unwrap();
            let end = compiled.problem().options().t1;
            let solve = |times: Vec<f64>| compiled.problem().method(method).save(Save::At(times)).solve().unwrap();
            let many: Vec<f64> = (0..=1000).map(|k| end * f64::from(k) / 1000.0).collect();
            let (many, few) = (solve(many), solve(vec![0.5 * end, end]));
            assert_eq!(many.occurrences(), few.occurrences());
            assert_eq!(many.statistics.steps, few.statistics.steps);
            for name in many.state_names().iter() {
                let (many, few) = (many.column(&name).unwrap(), few.column(&name).unwrap());
                assert_eq!([many[500], many[1000]], [few[0], few[1]], "{name} {}", method.name());
            }
        }
    }
}

#[test]
fn doses_are_boluses_and_infusions() {
    let bolus = "param k = 0.3, F = 0.5\ninit x = 0\nx' = -k*x\ndose x 100 at 1, 3 lag 0.5 bioavailability F\n\
                 solve t = 0..10 { rtol = 1e-11, atol = 1e-12 }";
    let solution = run(bolus, |p| p);
    assert_eq!(times(&solution), [1.5, 3.5]);
    let exact = 50.0 * ((-0.3f64 * 8.5).exp() + (-0.3f64 * 6.5).exp());
    assert!((last(&solution, "x") - exact).abs() < 1e-9 * exact);
    // Overlapping infusions of 10 over 2, every 1.
    let infusion = "param k = 0.3, D = 2\ninit x = 0\nx' = -k*x\ndose x 10 every 1 from 0 to 3 over D\n\
                    solve t = 0..10 { rtol = 1e-11, atol = 1e-12 }";
    let solution = run(infusion, |p| p);
    assert_eq!(times(&solution), [0.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 5.0]);
    assert_eq!(solution.output_names().len(), 0);
    let one = |start: f64| 5.0 / 0.3 * ((-0.3f64 * (8.0 - start)).exp() - (-0.3f64 * (10.0 - start)).exp());
    let exact: f64 = (0..4).map(|k| one(f64::from(k))).sum();
    assert!((last(&solution, "x") - exact).abs() < 1e-9 * exact, "{} {exact}", last(&solution, "x"));
    let species =
        "param k = 0.3\ninit A = 0, B = 0\nA -> B @ k\ndose A 10 at 1 over 2\nsolve t = 0..10 { rtol = 1e-10 }";
    let solution = run(species, |p| p);
    assert!((last(&solution, "A") + last(&solution, "B") - 10.0).abs() < 1e-9);
}

#[test]
fn switches_of_time_alone_are_hit() {
    let text = "init x = 0\nx' = if t < 1 then 1 else pulse(t, 2, 0.5) + floor(t/3)\nsolve t = 0..7";
    let solution = run(text, |p| p);
    for time in [1.0, 2.0, 2.5, 3.0, 6.0] {
        assert!(solution.times().contains(&time), "{time}: {:?}", solution.times());
    }
    // 1 + 0.5 + (6 - 3) + 2
    assert!((last(&solution, "x") - 6.5).abs() < 1e-12, "{}", last(&solution, "x"));
    let off = run(&text.replace("0..7", "0..7 { switches = off }"), |p| p);
    assert!(!off.times().contains(&2.5));
}

#[test]
fn an_event_sets_all_elements_whose_index_it_alone_mentions() {
    // One event: its condition ceases to hold with the first element it sets, and all are set.
    let text = "index i = 1..4\ndiscrete n[i] = 0\ninit u[i] = i, x = 0\nu[i]' = -u[i]\nx' = 1\n\
                when x > 1.5 { u[i] := 10*i, x := 0, n[i] := n[i] + 1 }\nat 2 { u[i] := u[5-i] }\nsolve t = 0..2";
    let solution = run(text, |p| p);
    assert_eq!(solution.occurrences().len(), 2);
    for k in 1..=4 {
        let found = *solution.column(&format!("u[{k}]")).unwrap().last().unwrap();
        let expected = 10.0 * f64::from(5 - k) * (-0.5f64).exp();
        assert!((found - expected).abs() < 1e-4 * expected, "{k}: {found} {expected}");
        assert_eq!(solution.column(&format!("n[{k}]")).unwrap().last(), Some(&1.0));
    }
    // With `for` there are as many events, one after the other; an index of the condition makes as many too.
    let text = "index i = 1..4\ninit u[i] = i\nu[i]' = 0*u[i]\nat 1 { u[i+1] := u[i] } for i in 1..3\n\
                when u[i] > 3.5 at start { u[i] := 0 }\nsolve t = 0..2";
    let solution = run(text, |p| p);
    assert_eq!(solution.last(), [1.0, 1.0, 1.0, 1.0]);
    assert_eq!(solution.occurrences().len(), 4);
    // A sum binds its index for itself.
    let text = "index i = 1..3\ninit u[i] = i\nu[i]' = 1\nwhen sum[i](u[i]) > 9 { u[i] := u[i] - 3 }\nsolve t = 0..2";
    let solution = run(text, |p| p);
    for (found, expected) in solution.last().iter().zip([0.0, 1.0, 2.0]) {
        assert!((found - expected).abs() < 1e-9, "{:?}", solution.last());
    }
    let message =
        Model::parse("index i = 1..3\ninit u[i] = i, x = 0\nu[i]' = 1\nx' = 1\nat 1 { x := u[i] }").unwrap_err();
    assert!(message.to_string().contains("`x` is set once for each value of `i`, all at once"), "{message}");
    // Beside implicit equations, which are written out.
    let text = "index i = 1..3\ninit u[i] = i, z[i] = 1\nu[i]' = -z[i]\n0 = z[i] + z[i]^3 - 2*u[i]\nat 1 { u[i] := i }\n\
                solve t = 0..1 { rtol = 1e-9 }";
    let solution = run(text, |p| p);
    assert_eq!(solution.occurrences().len(), 1);
    assert_eq!(&solution.last()[..3], [1.0, 2.0, 3.0]);
}
