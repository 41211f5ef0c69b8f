//! Events and switches beside algebraic equations and constraints, and beside conserved sums.

#[path = "common/both.rs"]
mod both;
mod common;

use both::run;

use rhapsode::solve::{ErrorKind, Method, Save, Solution};
use rhapsode::{Model, SolveError};

fn times(solution: &Solution) -> Vec<f64> {
    solution.events().map(|(t, _)| t).collect()
}

/// A pendulum of length 1 in the plane, let go at 0.8 from the lowest point, with an event; and the same by its angle.
fn pendulums(cartesian: &str, angle: &str) -> [Solution; 2] {
    let end = "solve t = 0..10 { rtol = 1e-9, atol = 1e-11 }";
    let plane = format!(
        "init x = 0.8, y = -0.6, x' = 0, y' = 0, T = 0\nx'' = -T*x\ny'' = -T*y - 1\n0 = x^2 + y^2 - 1\n{cartesian}\n{end}"
    );
    let by_angle = format!("init a = 0.9272952180016122, a' = 0\na'' = -sin(a)\noutput x = sin(a)\n{angle}\n{end}");
    let grid = || Save::At((0..=40).map(|k| f64::from(k) / 4.0).collect());
    [run(&plane, |p| p.save(grid())), run(&by_angle, |p| p.save(grid()))]
}

fn alike(pair: &[Solution; 2], events: usize) {
    let [plane, by_angle] = pair;
    let (found, expected) = (times(plane), times(by_angle));
    assert_eq!((found.len(), expected.len()), (events, events), "{found:?} {expected:?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    for (found, expected) in plane.column("x").unwrap().iter().zip(by_angle.column("x").unwrap()) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    let (x, y) = (plane.column("x").unwrap(), plane.column("y").unwrap());
    for (x, y) in x.iter().zip(y) {
        assert!((x * x + y * y - 1.0).abs() < 1e-9);
    }
}

#[test]
fn a_pendulum_in_the_plane_stops_and_bounces() {
    alike(&pendulums("when x < -0.3 { stop }", "when sin(a) < -0.3 { stop }"), 1);
    // Only one velocity is set: the other follows, and the place remains.
    let both = pendulums("when x < -0.3 { x' := -0.8*x' }", "when sin(a) < -0.3 { a' := -0.8*a' }");
    alike(&both, times(&both[1]).len());
    assert!(times(&both[1]).len() >= 2);
    let both = pendulums("when x < -0.3 { x' := -0.8*x', y' := -0.8*y' }", "when sin(a) < -0.3 { a' := -0.8*a' }");
    alike(&both, times(&both[1]).len());
}

/// A drug of which a part is bound: the free concentration c of a total amount A solves an equation; its closed form.
const BOUND: &str = "param K = 0.5, B = 2, k = 0.3\ninit A = 1\nA' = -k*c\n";

#[test]
fn doses_beside_an_algebraic_equation() {
    let doses = "every 3 from 1 to 16 { A := A + 2 }\nsolve t = 0..20 { rtol = 1e-9, atol = 1e-12 }";
    let implicit = format!("{BOUND}init c = 0.1\n0 = c + B*c/(K + c) - A\n{doses}");
    let closed = format!("{BOUND}s = A - B - K\nc = 0.5*(s + sqrt(s^2 + 4*K*A))\noutput free = c\n{doses}");
    let (found, expected) = (run(&implicit, |p| p), run(&closed, |p| p));
    assert_eq!(times(&found), times(&expected));
    assert_eq!(times(&found).len(), 6);
    let at = |solution: &Solution, name: &str| *solution.column(name).unwrap().last().unwrap();
    assert!((at(&found, "A") - at(&expected, "A")).abs() < 1e-8);
    // Every point is consistent, those right behind a dose too.
    let (a, c) = (found.column("A").unwrap(), found.column("c").unwrap());
    for (a, c) in a.iter().zip(c) {
        assert!((c + 2.0 * c / (0.5 + c) - a).abs() < 1e-9, "{a} {c}");
    }
}

#[test]
fn a_relay_with_an_algebraic_loop_switches_where_it_should() {
    // z + z³ = x: z reaches ±0.5 where x is ±0.625; x moves with slope ±1.
    let text = "discrete up = 1\ninit x = 0, z = 0\nx' = up\n0 = z + z^3 - x\n\
                when z > 0.5 { up := -1 }\nwhen z < -0.5 { up := 1 }\nsolve t = 0..10 { rtol = 1e-10, atol = 1e-12 }";
    let solution = run(text, |p| p);
    let expected: Vec<f64> = (0..8).map(|k| 0.625 + 1.25 * f64::from(k)).collect();
    assert_eq!(times(&solution).len(), expected.len(), "{:?}", times(&solution));
    for (found, expected) in times(&solution).iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
    // Every stiff method, and a switch of the state within the loop: z jumps where x passes 1.
    let text = "init x = 0, y = 0, z = 0\nx' = 1\n0 = z + z^3 - (if x < 1 then 2 else 10)\ny' = z\n\
                solve t = 0..3 { rtol = 1e-8, atol = 1e-10 }";
    for method in [Method::Auto, Method::Rodas5P, Method::RadauIIA5, Method::Bdf, Method::Kvaerno5, Method::Rodas4] {
        let solution = run(text, |p| p.method(method));
        let y = *solution.column("y").unwrap().last().unwrap();
        assert!((y - 5.0).abs() < 1e-6, "{}: {y}", method.name());
        assert_eq!(solution.statistics.located, 1, "{}", method.name());
    }
}

#[test]
fn unknowns_that_follow_from_others_are_put_into_events() {
    // i follows from v by hand; families of events that read it are written out.
    let text = "index k = 1..3\ninit q[k] = k, i[k] = 0\ndiscrete n[k] = 0\nq[k]' = -i[k]\n0 = 2*i[k] - q[k]\n\
                when i[k] < 0.25 { n[k] := n[k] + 1, q[k] := q[k] + 1 }\nsolve t = 0..8 { rtol = 1e-9, atol = 1e-12 }";
    let plain = text.replace("init q[k] = k, i[k] = 0", "init q[k] = k").replace("0 = 2*i[k] - q[k]", "i[k] = q[k]/2");
    let (found, expected) = (run(text, |p| p), run(&plain, |p| p));
    assert!(times(&found).len() > 3 && times(&found).len() == times(&expected).len());
    for (found, expected) in times(&found).iter().zip(times(&expected)) {
        assert!((found - expected).abs() < 1e-8, "{found} {expected}");
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let text = "init x = 4, z = 2\nx' = -1\n0 = z^2 - x\nat 1 { x := -1 }\nsolve t = 0..2";
    let compiled = Model::parse(text).unwrap().compile().unwrap();
    match compiled.problem().solve() {
        Err(SolveError::Failed(failure)) => {
            let text = failure.to_string();
            assert!(matches!(failure.kind, ErrorKind::InconsistentAfter { .. }), "{text}");
            assert!(text.contains("behind `at 1` at t = 1") && text.contains("that of z"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    for target in ["z", "w"] {
        let text = format!(
            "init x = 4, z = 2, w = 0\nx' = -1\n0 = z^3 + z - x\n0 = 2*w - x\nat 1 {{ {target} := 1 }}\nsolve t = 0..2"
        );
        let errors = Model::parse(&text).unwrap_err().to_string();
        assert!(errors.contains(&format!("cannot set `{target}`")), "{errors}");
    }
}

#[test]
fn conserved_sums_are_used_beside_events() {
    let text = "param kf = 2, kr = 1, kc = 0.5\ninit E = 1, S = 5, ES = 0, P = 0\nE + S <-> ES @ kf, kr\nES -> E + P @ kc\n\
                at 2 { S := S + 3 }\nwhen P > 4 { S := S + 1 }\n\
                solve t = 0..20 { rtol = 1e-10, atol = 1e-12, reduce = conserved }";
    let reduced = run(text, |p| p);
    let full = run(&text.replace("reduce = conserved", "reduce = none"), |p| p);
    assert_eq!(times(&reduced).len(), 2);
    for name in ["E", "S", "ES", "P"] {
        let last = |s: &Solution| *s.column(name).unwrap().last().unwrap();
        assert!((last(&reduced) - last(&full)).abs() < 1e-8, "{name}");
    }
    for (found, expected) in times(&reduced).iter().zip(times(&full)) {
        assert!((found - expected).abs() < 1e-8);
    }
    // The sum that no event touches holds exactly.
    let (e, es) = (reduced.column("E").unwrap(), reduced.column("ES").unwrap());
    assert!(e.iter().zip(es).all(|(e, es)| e + es == 1.0 || (e + es - 1.0).abs() <= f64::EPSILON));
}
