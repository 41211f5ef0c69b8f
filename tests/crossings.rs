//! No crossing is missed: a constructed grid of pairs within one step, tangents included; and a million periodic events.

use rhapsode::solve::{Method, Options, Save, Solution, integrate};
use rhapsode::system::{Assignment, ClosureSystem, EventGroup, Events, Logic, Surface, Trigger};
use rhapsode::{Compiled, Model};

/// y = (t − a)² − d on 0..10: below zero between a − √d and a + √d.
const DIP: &str = "param a = 5, d = 0.01\ninit y = a^2 - d, v = -2*a\ny' = v\nv' = 2\n\
                   when y < 0 { below := below + 1 }\nwhen y > 0 { above := above + 1 }\n\
                   when y <= 0 { touched := touched + 1 }\nwhen sin(y/30) < 0 { deep := deep + 1 }\n\
                   discrete below = 0, above = 0, touched = 0, deep = 0\nsolve t = 0..10 { rtol = 1e-6, atol = 1e-6 }";

/// With whether they keep a parabola to rounding, so that a tangent is one; the coefficients of Vern7 and Vern9 move it by 1e-11.
const METHODS: [(Method, bool); 5] = [
    (Method::Tsit5, true),
    (Method::Vern7, false),
    (Method::Dop853, true),
    (Method::Vern9, false),
    (Method::Taylor, true),
];

fn dip(compiled: &Compiled, method: Method, a: f64, d: f64) -> Solution {
    let problem = compiled.problem().method(method).save(Save::At(vec![10.0]));
    problem.set("a", a).unwrap().set("d", d).unwrap().solve().unwrap()
}

fn times<'s>(solution: &'s Solution, name: &'s str) -> Vec<f64> {
    solution.events().filter(|(_, known)| *known == name).map(|(t, _)| t).collect()
}

#[test]
fn no_pair_of_crossings_within_a_step_is_missed() {
    let compiled = Model::parse(DIP).unwrap().compile().unwrap();
    let (mut cases, mut within, mut faults) = (0, 0, Vec::new());
    for (m, (method, exact)) in METHODS.into_iter().enumerate() {
        for k in 0..200 {
            // Places all over the run, gaps from 2 to 2e-5, every fifth a tangent.
            let a = 1.2 + 7.6 * ((k * 37 + m * 11) % 200) as f64 / 200.0;
            let gap = if exact && k % 5 == 4 { 0.0 } else { 10f64.powf(-5.0 * (k % 20) as f64 / 19.0) };
            let solution = dip(&compiled, method, a, gap * gap);
            cases += 1;
            // The method would step over: its steps are longer than the gap.
            within += usize::from(2.0 * gap < 10.0 / solution.statistics.steps as f64);
            let (below, touched) = (times(&solution, "when y < 0"), times(&solution, "when y <= 0"));
            let (above, deep) = (times(&solution, "when y > 0"), times(&solution, "when sin(y/30) < 0"));
            // What rounding of y, up to 100, moves the zeros of a parabola by.
            // The coefficients of Vern7 and Vern9 add to it.
            let rounding = if exact { 1e-10 } else { 3e-10 };
            let near = if gap == 0.0 { 1e-4 } else { rounding / gap + 1e-10 };
            let right = |list: &[f64], t: f64| list.len() == 1 && (list[0] - t).abs() < near;
            let good = match gap {
                0.0 => touched.iter().any(|t| (t - a).abs() < near) && touched.len() == 1,
                _ => {
                    right(&below, a - gap)
                        && right(&touched, a - gap)
                        && right(&above, a + gap)
                        && right(&deep, a - gap)
                }
            };
            if !good {
                faults.push(format!("{} {a} {gap}: {below:?} {touched:?} {above:?} {deep:?}", method.name()));
            }
        }
    }
    assert!(faults.is_empty(), "{} of {cases} missed: {faults:#?}", faults.len());
    assert_eq!(cases, 1000);
    assert!(within > 600, "{within}");
}

/// x' = −x with x := x + 1 at every k·P, by hand, for a million events.
#[test]
fn a_million_periodic_events_do_not_drift() {
    let period = 0.1;
    let mut group = EventGroup::new("every 0.1", Trigger::Every { period: 0, from: Some(1), to: None });
    group.assignments = vec![Assignment { state: true, places: vec![0], value: 0 }];
    let events = Events { groups: vec![group], values: 1, times: 2, ..Events::default() };
    let system = ClosureSystem::new(1, 0, |_, y, _, dy| dy[0] = -y[0]).autonomous().with_events(
        events,
        0,
        |_, _, _, _| {},
        |_, y, _, values| values[0] = y[0] + 1.0,
        vec![period, 0.0],
    );
    let count = 1_000_000u32;
    let end = f64::from(count - 1) * period;
    let mut options = Options::new(0.0, end);
    (options.rtol, options.method, options.save) = (1e-10, Method::Vern7, Save::At(vec![end]));
    options.max_steps = u64::MAX;
    let solution = integrate(&system, &[0.0], &[], &options).unwrap();
    assert_eq!(solution.statistics.events, u64::from(count));
    for (k, event) in solution.occurrences().iter().enumerate() {
        assert_eq!(event.time, if k + 1 == count as usize { end } else { k as f64 * period });
    }
    // The sum of a geometric series.
    let exact = (1.0 - (-f64::from(count) * period).exp()) / (1.0 - (-period).exp());
    let found = solution.state(0)[0];
    assert!((found - exact).abs() < 1e-8 * exact, "{found} {exact}");
    println!("{} s for a million events, {} steps", solution.statistics.solve_seconds, solution.statistics.steps);
}

/// Events of a hand-written system: a condition, a discrete quantity, `stop`.
#[test]
fn systems_by_hand_have_events_too() {
    let watch = |name: &str, step: Logic, value: usize| {
        let mut group = EventGroup::new(name, Trigger::Condition(vec![step]));
        group.assignments = vec![Assignment { state: false, places: vec![0], value }];
        group
    };
    // T' = −(T − 10)/10 + 2 d, switched at 22 and 18.
    let mut end = EventGroup::new("the end", Trigger::At(vec![0]));
    end.stop = true;
    let events = Events {
        groups: vec![watch("off", Logic::Negative(0), 0), watch("on", Logic::Negative(1), 1), end],
        surfaces: vec![Surface { first: 0, len: 1, degree: Some(1) }, Surface { first: 1, len: 1, degree: Some(1) }],
        values: 2,
        times: 1,
        stops: Vec::new(),
        modes: Vec::new(),
    };
    let system = ClosureSystem::new(1, 1, |_, y, p, dy| dy[0] = -0.1 * (y[0] - 10.0) + 2.0 * p[0]).with_events(
        events,
        1,
        |_, y, _, g| (g[0], g[1]) = (22.0 - y[0], y[0] - 18.0),
        |_, _, _, values| (values[0], values[1]) = (0.0, 1.0),
        vec![11.0],
    );
    let mut options = Options::new(0.0, 60.0);
    (options.rtol, options.atol) = (1e-10, rhapsode::solve::Tolerance::Scalar(1e-12));
    let solution = integrate(&system, &[15.0], &[1.0], &options).unwrap();
    let found: Vec<(f64, &str)> = solution.events().collect();
    assert_eq!(found.len(), 3);
    // 10 + 20 − 15 e^(−t/10) = 22 and 10 + 12 e^(−s/10) = 18.
    let off = 10.0 * (15.0f64 / 8.0).ln();
    let on = off + 10.0 * 1.5f64.ln();
    assert!((found[0].0 - off).abs() < 1e-8 && found[0].1 == "off", "{found:?} {off}");
    assert!((found[1].0 - on).abs() < 1e-8 && found[1].1 == "on", "{found:?} {on}");
    assert_eq!(solution.stopped_by(), Some((11.0, "the end")));
}

/// A model without events has none of this: no surface is evaluated, no step changes.
#[test]
fn a_condition_that_never_holds_changes_no_step() {
    let plain = "init x = 1, v = 0\nx' = v\nv' = -x\nsolve t = 0..20";
    let watched = format!("{plain}\nwhen x > 2 {{ x := 0 }}");
    // `auto` takes a series where nothing happens.
    let method = Method::Dop853;
    let solve = |text: &str| Model::parse(text).unwrap().compile().unwrap().problem().method(method).solve().unwrap();
    let (plain, watched) = (solve(plain), solve(&watched));
    assert_eq!(plain.times(), watched.times());
    assert_eq!(plain.column("x").unwrap(), watched.column("x").unwrap());
}
