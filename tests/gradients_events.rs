//! Gradients through every kind of event: two hundred made cases, forward, adjoint and by the adjoint equation, against differences of high order
//! at tight tolerances; and cases without a derivative, which are refused by name.

use std::collections::BTreeMap;

use rhapsode::solve::Method;
use rhapsode::{Model, Objective, ObjectiveError, Way};

/// A repeatable source of numbers.
struct Dice(u64);

impl Dice {
    fn between(&mut self, lo: f64, hi: f64) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = lo + (hi - lo) * ((self.0 >> 11) as f64 / (1u64 << 53) as f64);
        (x * 1e4).round() / 1e4
    }
}

fn objective(text: &str, by: &[&str]) -> Objective {
    let table = ("d.csv".to_string(), "TIME,AMT,CMT,RATE\n0.5,10,1,0\n3,8,1,0\n5,6,1,4\n".to_string());
    let model = Model::parse_with(&BTreeMap::from([table]), "case", text).unwrap_or_else(|errors| panic!("{errors}"));
    let objective = model.compile().unwrap().objective(None, None, by);
    objective.unwrap_or_else(|error| panic!("{error}\n{text}")).rtol(1e-12).atol(1e-13)
}

/// Differences of sixth order; none where those of two lengths are apart, because the objective itself jumps there.
fn differences(objective: &Objective, at: &[f64]) -> Option<Vec<f64>> {
    let value = |k: usize, h: f64| {
        let mut moved = at.to_vec();
        moved[k] += h;
        objective.value(&moved).unwrap_or_else(|error| panic!("{error}"))
    };
    let slope = |k: usize, h: f64| {
        let pair = |m: f64| value(k, m * h) - value(k, -m * h);
        (45.0 * pair(1.0) - 9.0 * pair(2.0) + pair(3.0)) / (60.0 * h)
    };
    let each = (0..at.len()).map(|k| {
        let h = 2e-4 * at[k].abs().max(0.1);
        let (near, far) = (slope(k, h), slope(k, 2.0 * h));
        ((near - far).abs() <= 1e-4 * near.abs().max(1e-2)).then_some(near)
    });
    each.collect()
}

/// A kind of event: a model with places for numbers, by what it is differentiated, and the range of each number.
struct Kind {
    name: &'static str,
    text: &'static str,
    numbers: &'static [(&'static str, f64, f64)],
}

const KINDS: &[Kind] = &[
    Kind {
        name: "a ball that bounces",
        text: "init h = a, v = 0\nh' = v\nv' = -g\nwhen h < 0 { v := -e*v, h := 0 }\n\
               objective o = final(h) + 0.3*final(v) + integral(h^2)\nsolve t = 0..1.2",
        numbers: &[("a", 0.8, 1.2), ("g", 9.0, 10.5), ("e", 0.6, 0.8)],
    },
    Kind {
        name: "a bolus at a time that is a parameter",
        text: "init x = 1\nx' = -k*x^1.5\nat t1 { x := x + d }\nobjective o = final(x) + integral(x^2) + value(x, 1.5)\nsolve t = 0..3",
        numbers: &[("k", 0.5, 1.0), ("t1", 0.8, 1.3), ("d", 1.0, 3.0)],
    },
    Kind {
        name: "a period that is a parameter",
        text: "init x = 1\nx' = -k*x\nevery p from a { x := 0.5*x + b }\nobjective o = final(x) + integral(x*t)\nsolve t = 0..4.9",
        numbers: &[("k", 0.3, 1.0), ("p", 0.9, 1.1), ("a", 0.2, 0.6), ("b", 1.0, 2.0)],
    },
    Kind {
        name: "infusions with lag and bioavailability",
        text: "init gut = 0, c = 0\ngut' = -ka*gut\nc' = ka*gut - 0.3*c\n\
               dose gut dose every 3 from 0.5 to 7 over T lag L bioavailability F\n\
               objective o = final(c) + integral(c) + value(gut, 2.2)\nsolve t = 0..9",
        numbers: &[("ka", 0.8, 1.5), ("dose", 3.0, 6.0), ("T", 0.7, 1.4), ("L", 0.05, 0.3), ("F", 0.5, 0.9)],
    },
    Kind {
        name: "a thermostat",
        text: "init T = 15\ndiscrete heat = 1\nT' = -k*(T - 10) + p*heat\nwhen T > hi { heat := 0 }\nwhen T < lo { heat := 1 }\n\
               objective o = integral(T*heat) + final(T)\nsolve t = 0..6",
        numbers: &[("k", 0.4, 0.6), ("p", 8.0, 10.0), ("hi", 21.0, 22.0), ("lo", 18.0, 19.0)],
    },
    Kind {
        name: "a time that is noted",
        text: "init x = x0\ndiscrete hit = 0, speed = 0\nx' = r*x*(1 - x)\nwhen x > c { hit := t, speed := x' }\n\
               objective o = final(hit)^2 + final(speed) + final(x)\nsolve t = 0..6",
        numbers: &[("x0", 0.05, 0.2), ("r", 0.9, 1.4), ("c", 0.5, 0.8)],
    },
    Kind {
        name: "an end that an event brings about",
        text: "init x = 0, v = w\nx' = v\nv' = -g\nwhen x < -d { stop }\n\
               objective o = final(t)*final(v) + final(x + t^2) + integral(x)\nsolve t = 0..20",
        numbers: &[("w", 3.0, 5.0), ("g", 9.0, 10.0), ("d", 0.5, 1.5)],
    },
    Kind {
        name: "a delay",
        text: "init x = 0.1, y = 0\nx' = r*x*(1 - x)\ny' = x - y\nwhen x > c delay d { y := y + x^2 }\n\
               objective o = final(y) + integral(y)\nsolve t = 0..7",
        numbers: &[("r", 0.9, 1.2), ("c", 0.4, 0.6), ("d", 0.5, 1.2)],
    },
    Kind {
        name: "values from the time of the trigger",
        text: "init x = 0.1, y = 0\nx' = r*x*(1 - x)\ny' = x - y\nwhen x > c delay d*x values at trigger { y := y + x^2 + t }\n\
               objective o = final(y) + integral(y)\nsolve t = 0..7",
        numbers: &[("r", 0.9, 1.2), ("c", 0.4, 0.6), ("d", 0.8, 1.8)],
    },
    Kind {
        name: "an event that causes another",
        text: "init x = 0, y = 0, z = 1\nx' = r\ny' = -0.2*y\nz' = 0.1*x*z\nwhen x > c { y := y + a }\nwhen y > 1 { z := z + x*y, x := x/2 }\n\
               objective o = final(z) + integral(y*z) + final(x)\nsolve t = 0..3",
        numbers: &[("r", 0.9, 1.2), ("c", 1.0, 1.4), ("a", 1.2, 2.0)],
    },
    Kind {
        name: "a switch that the state decides",
        text: "init x = 0, y = 0\nx' = if x > c then r2*y else r1 + t\ny' = 1 - y*(if x > c then 2 else 0.5)\n\
               objective o = final(x) + integral(x*y)\nsolve t = 0..3",
        numbers: &[("c", 0.8, 1.6), ("r1", 0.4, 0.9), ("r2", 0.5, 1.5)],
    },
    Kind {
        name: "a kink",
        text: "init x = 0, y = 0\nx' = 1 + 0.2*cos(x)\ny' = max(x - c, 0)*k + abs(x - b)\nobjective o = final(y) + integral(y)\nsolve t = 0..3",
        numbers: &[("c", 0.8, 1.6), ("k", 0.5, 1.5), ("b", 1.7, 2.4)],
    },
    Kind {
        name: "a switch at a time",
        text: "init x = 1\nx' = -k*x + (if t < t1 then u else 0.2*u) + pulse(t, t2, 0.5)\n\
               objective o = final(x) + integral(x^2)\nsolve t = 0..3",
        numbers: &[("k", 0.5, 1.0), ("t1", 0.7, 1.2), ("t2", 1.4, 2.0), ("u", 1.0, 2.0)],
    },
    Kind {
        name: "twins that cross together",
        text: "init x = 0, y = 0\nx' = a*r\ny' = b*r\nwhen x > c { x := -0.5 }\nwhen y > c { y := -0.3*c }\n\
               objective o = final(x*y) + integral(x + 2*y)\nsolve t = 0..3.3",
        numbers: &[("r", 0.9, 1.1), ("c", 0.6, 1.0)],
    },
    Kind {
        name: "assignments that read time and each other's targets",
        text: "init x = 0, y = 1\nx' = r + 0.1*y\ny' = -0.3*y + x\nwhen x > c { y := t*x + y, x := y - 2 }\n\
               objective o = final(y) + integral(x*y)\nsolve t = 0..2.4",
        numbers: &[("r", 0.9, 1.2), ("c", 0.8, 1.2)],
    },
    Kind {
        name: "priorities",
        text: "init x = 0, y = 1, z = 0\nx' = r\ny' = -0.1*y\nz' = 0.2*y\nwhen x > c priority 1 { z := y*x + z }\n\
               when x > c priority 2 { y := x + 1 + y^2 }\nobjective o = final(z) + integral(y*z)\nsolve t = 0..3",
        numbers: &[("r", 0.9, 1.2), ("c", 0.8, 1.4)],
    },
    Kind {
        name: "events over an index",
        text: "index i = 1..3\ninit u[i] = 0.1*i\nu[i]' = k*i - 0.1*u[i]\nwhen u[i] > c { u[i] := a/i } for i in 1..3\n\
               objective o = final(sum[i](u[i]^2)) + integral(u[2])\nsolve t = 0..3",
        numbers: &[("k", 0.5, 0.6), ("c", 1.0, 1.3), ("a", 0.1, 0.4)],
    },
    Kind {
        name: "algebraic unknowns that follow",
        text: "init x = 2, y = 1\nx' = -k*y + 0.1*t\n0 = y^3 + y - x - p*t\nwhen y < c { x := x + a*y }\n\
               objective o = final(y) + integral(x*y) + value(y, 0.4)\nsolve t = 0..3",
        numbers: &[("k", 1.0, 1.5), ("p", 0.1, 0.3), ("c", 0.5, 0.7), ("a", 0.8, 1.5)],
    },
    Kind {
        name: "levels",
        text: "init x = 0, y = 0\nx' = r + 0.1*x\ny' = floor(x/s) - 0.2*y\nobjective o = final(y) + integral(y^2)\nsolve t = 0..3",
        numbers: &[("r", 0.9, 1.2), ("s", 0.7, 0.9)],
    },
    Kind {
        name: "a table of doses",
        text: "init depot = 0, c = 0\ndepot' = -ka*depot\nc' = ka*depot - k*c\n\
               doses csv(\"d.csv\") { 1 = depot, lag depot = L, bioavailability depot = F }\n\
               objective o = final(c) + integral(c^2)\nsolve t = 0..9",
        numbers: &[("ka", 0.8, 1.4), ("k", 0.2, 0.4), ("L", 0.1, 0.4), ("F", 0.5, 0.9)],
    },
    Kind {
        name: "where discrete quantities start",
        text: "init x = 1, y = b\ndiscrete rate = 2*a, count = 0\nx' = -rate*x\ny' = count - y\nat 1, 2 { rate := rate*b, count := count + x }\n\
               objective o = final(x + y) + integral(rate*x)\nsolve t = 0..3",
        numbers: &[("a", 0.3, 0.6), ("b", 0.5, 0.9)],
    },
];

/// Cases of each kind.
const EACH: usize = 10;

fn close(found: &[f64], expected: &[f64], tolerance: f64) -> bool {
    let size = expected.iter().fold(0.0f64, |size, x| size.max(x.abs()));
    found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance * b.abs().max(1e-2 * size))
}

#[test]
fn two_hundred_cases_are_right() {
    let mut dice = Dice(20_261_126);
    let (mut cases, mut thrown_away, mut faults) = (0, 0, String::new());
    for kind in KINDS {
        let mut count = 0;
        while count < EACH {
            let at: Vec<f64> = kind.numbers.iter().map(|(_, lo, hi)| dice.between(*lo, *hi)).collect();
            let by: Vec<&str> = kind.numbers.iter().map(|(name, ..)| *name).collect();
            let declared: Vec<String> = by.iter().zip(&at).map(|(name, value)| format!("{name} = {value}")).collect();
            let mut text = format!("param {}\n{}", declared.join(", "), kind.text);
            if kind.name.starts_with("twins") {
                text.insert_str(0, "param a = 1, b = 1\n");
            }
            let objective = objective(&text, &by);
            let Some(expected) = differences(&objective, &at) else {
                // Something happens within the differences' reach of the end; such a throw does not count.
                thrown_away += 1;
                continue;
            };
            (cases, count) = (cases + 1, count + 1);
            for way in [Way::Forward, Way::Adjoint, Way::Continuous] {
                let mut gradient = vec![0.0; at.len()];
                match objective.clone().way(way).value_and_gradient(&at, &mut gradient) {
                    Ok(_) if close(&gradient, &expected, 1e-6) => {}
                    // The adjoint equation is there for differential equations only.
                    Err(error) if way == Way::Continuous && error.to_string().contains("of algebraic equations") => {}
                    Ok(_) => faults += &format!("{} {way:?} at {at:?}: {gradient:?} is not {expected:?}\n", kind.name),
                    Err(error) => faults += &format!("{} {way:?} at {at:?}: {error}\n", kind.name),
                }
            }
        }
    }
    assert!(cases >= 200 && thrown_away <= 10, "{cases}, {thrown_away} thrown away");
    assert!(faults.is_empty(), "{faults}");
}

/// The same to 1e-12 of the largest: a small derivative may be what is left of large terms.
fn alike(a: &[f64], b: &[f64]) -> bool {
    let size = a.iter().fold(0.0f64, |size, x| size.max(x.abs()));
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-12 * size)
}

/// Down and up the same list of steps and moments, with every method that the equations can be solved by.
#[test]
fn forward_and_adjoint_agree_through_events_with_all_methods() {
    let (mut count, mut faults) = (0, String::new());
    for kind in KINDS {
        let at: Vec<f64> = kind.numbers.iter().map(|(_, lo, hi)| 0.5 * (lo + hi)).collect();
        let by: Vec<&str> = kind.numbers.iter().map(|(name, ..)| *name).collect();
        let declared: Vec<String> = by.iter().zip(&at).map(|(name, value)| format!("{name} = {value}")).collect();
        let twins = if kind.name.starts_with("twins") { "param a = 1, b = 1\n" } else { "" };
        let text = format!("{twins}param {}\n{}", declared.join(", "), kind.text);
        let objective = objective(&text, &by).rtol(1e-6).atol(1e-8);
        let algebraic = text.contains("\n0 = ");
        // The interpolant of Adams does not begin just where its step does: an event that leaves the solution where it is fires again and
        // again there.
        let stays = |method: &Method| *method == Method::Adams && kind.name == "a time that is noted";
        let suits =
            |method: &&Method| !method.is_second_order() && (!algebraic || method.suits_stiff()) && !stays(method);
        for method in Method::ALL.iter().filter(suits) {
            let run = |way: Way| {
                let mut gradient = vec![0.0; at.len()];
                let outcome = objective.clone().method(*method).way(way).value_and_gradient(&at, &mut gradient);
                outcome.map(|_| gradient)
            };
            match (run(Way::Forward), run(Way::Adjoint)) {
                (Ok(down), Ok(up)) if alike(&up, &down) => {}
                (down, up) => faults += &format!("{} {}: {up:?} is not {down:?}\n", kind.name, method.name()),
            }
            count += 1;
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(count > 300, "{count}");
}

/// Models whose derivative does not exist, by the event that is to blame.
const WITHOUT: &[(&str, &str, &[&str], &str)] = &[
    (
        "a condition that is only touched",
        "param a = 1\ninit x = 0, y = 0\nx' = 2*(a - t)\ny' = 0\nwhen x >= 1 { y := 1 }\nobjective o = final(y) + final(x)\nsolve t = 0..3",
        &["a"],
        "when x >= 1",
    ),
    (
        "events that meet and whose order matters",
        "param a = 1, b = 1\ninit x = 0, y = 0, z = 1\nx' = a\ny' = b\nz' = 0\nwhen x > 1 { z := 2*z }\nwhen y > 1 { z := z + 1 }\n\
         objective o = final(z)\nsolve t = 0..3",
        &["a", "b"],
        "when x > 1",
    ),
    (
        "a value at just the time of an event that moves",
        "param t1 = 1\ninit x = 1\nx' = -x\nat t1 { x := x + 1 }\nobjective o = value(x, 1)\nsolve t = 0..3",
        &["t1"],
        "an event at a time",
    ),
    (
        "an event just at the start",
        "param t1 = 0\ninit x = 1\nx' = -x\nat t1 { x := x + 1 }\nobjective o = final(x)\nsolve t = 0..3",
        &["t1"],
        "an event at a time",
    ),
];

#[test]
fn where_there_is_no_derivative_the_event_is_named() {
    for (what, text, by, event) in WITHOUT {
        let objective = objective(text, by);
        let at = objective.point().unwrap();
        let mut gradient = vec![0.0; at.len()];
        for way in [Way::Forward, Way::Adjoint] {
            let error = match objective.clone().way(way).value_and_gradient(&at, &mut gradient) {
                Err(error @ (ObjectiveError::Derivatives(_) | ObjectiveError::Solve(_))) => error.to_string(),
                other => panic!("{what} {way:?}: {other:?} {gradient:?}"),
            };
            assert!(error.contains(&format!("no derivative through `{event}` at t = ")), "{what} {way:?}: {error}");
        }
        // The value is there all the same.
        assert!(objective.value(&at).unwrap().is_finite());
    }
}
