//! Ensembles: every trajectory is what it is alone, on any number of threads; a failure stays where it is; reductions agree
//! with what they reduce.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rhapsode::solve::Method;
use rhapsode::{Compiled, EnsembleError, Keep, Model, Record, SolveError};

const ROBERTSON: &str = include_str!("../examples/models/robertson.ode");

/// Default values that follow from parameters, an array, an event and an output.
const TANK: &str = "\
model tank
param k = 1, twice = 2*k, c[i] = 0.5 for i in 1..2
index i = 1..2
init x = 3, u[i] = k
discrete closed = 0
x' = -k*x*(1 - closed)
u[i]' = -twice*u[i] + c[i]
when x < 1 { closed := 1 }
output sum_of = x + u[1] + u[2]
solve t = 0..4 { save = 9, rtol = 1e-8, atol = 1e-10 }
";

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap()
}

fn grid(n: usize, from: f64, to: f64) -> Vec<f64> {
    (0..n).map(|k| from + (to - from) * k as f64 / (n - 1) as f64).collect()
}

fn records(compiled: &Compiled, columns: &[(&str, &[f64])], keep: &Keep, threads: usize) -> Vec<Record> {
    let mut list = Vec::new();
    let ensemble = compiled.ensemble(columns).unwrap().threads(threads);
    let count = ensemble.records(keep, |k, record| {
        assert_eq!(k, list.len());
        list.push(record);
        ControlFlow::Continue(())
    });
    assert_eq!(count.unwrap(), list.len());
    list
}

/// Records with NaN in them, to be compared.
fn bits(list: &[Record]) -> Vec<(Vec<u64>, String)> {
    let numbers = |r: &Record| r.values.iter().chain(&r.times).map(|x| x.to_bits()).collect();
    list.iter()
        .map(|r| (numbers(r), format!("{:?} {:?} {} {} {}", r.failure, r.events, r.steps, r.rejected, r.rhs)))
        .collect()
}

#[test]
fn trajectories_are_what_they_are_alone() {
    for (text, names, ranges) in [
        (ROBERTSON, ["k1", "A"], [(0.01, 0.08), (0.5, 2.0)]),
        (TANK, ["k", "u[2]"], [(0.2, 3.0), (0.0, 1.0)]),
        (TANK, ["c[1]", "x"], [(-1.0, 3.0), (0.5, 5.0)]),
    ] {
        let compiled = compiled(text);
        let columns = ranges.map(|(from, to)| grid(40, from, to));
        let named: Vec<(&str, &[f64])> = names.iter().copied().zip(columns.iter().map(Vec::as_slice)).collect();
        let times = grid(5, 0.0, compiled.model().run().span.unwrap().1);
        for keep in [Keep::Final, Keep::At(times.clone()), Keep::Extremes, Keep::Events] {
            let one = records(&compiled, &named, &keep, 1);
            for threads in [2, 7] {
                assert_eq!(bits(&records(&compiled, &named, &keep, threads)), bits(&one), "{threads} threads");
            }
        }
        let ends = records(&compiled, &named, &Keep::Final, 2);
        for (k, record) in ends.iter().enumerate() {
            let mut alone = compiled.problem();
            for (name, column) in names.iter().zip(&columns) {
                alone = alone.set(name, column[k]).unwrap();
            }
            let alone = alone.solve().unwrap();
            let last = alone.last();
            let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
            assert!(record.values.iter().zip(&last).all(same), "{names:?} {k}: {record:?} {last:?}");
        }
    }
}

#[test]
fn a_failure_stays_where_it_is() {
    let compiled = compiled("model blow\nparam a = 1, x0 = 1\ninit x = x0\nx' = a*x^2\nsolve t = 0..1\n");
    let (a, x0) = ([0.5, 2.0, f64::NAN, 0.25], [1.0, 1.0, 1.0, f64::INFINITY]);
    let list = records(&compiled, &[("a", &a), ("x0", &x0)], &Keep::At(vec![0.0, 0.25, 1.0]), 2);
    let failures: Vec<&str> = list.iter().map(|r| r.failure.as_deref().unwrap_or("")).collect();
    assert_eq!(failures[0], "");
    assert!(failures[1].contains("at t = 0.49") || failures[1].contains("at t = 0.5"), "{failures:?}");
    assert!(list[1].values[1] > 1.9 && list[1].values[2].is_nan(), "{list:?}");
    assert!(failures[2].contains("not finite") && failures[3].contains("initial value of x"), "{failures:?}");
    assert!((list[0].values[2] - 2.0).abs() < 1e-5);
}

#[test]
fn bad_columns_are_refused() {
    let compiled = compiled(TANK);
    let refused = |columns: &[(&str, &[f64])]| match compiled.ensemble(columns) {
        Ok(_) => panic!("{columns:?} is accepted"),
        Err(error) => error.to_string(),
    };
    assert_eq!(refused(&[("k", &[1.0, 2.0]), ("x", &[1.0])]), "the column `x` has 1 values, the first has 2");
    assert_eq!(refused(&[("twise", &[1.0])]), "no parameter or state is called `twise`; did you mean `twice`?");
    assert_eq!(refused(&[("k", &[1.0]), ("k", &[1.0])]), "there are two columns `k`");
    assert!(refused(&[]).contains("no column"));
    let ensemble = compiled.ensemble(&[("k", &[1.0])]).unwrap();
    let unknown = ensemble.column_names(&["sum_off"]).unwrap_err();
    assert_eq!(unknown.to_string(), "no state or output is called `sum_off`; did you mean `sum_of`?");
    assert_eq!(ensemble.column_names(&["u", "x"]).unwrap(), ["u[1]", "u[2]", "x"]);
    let none = compiled.ensemble(&[("k", &[])]).unwrap();
    assert!(none.is_empty());
    assert_eq!(none.records(&Keep::Final, |_, _| ControlFlow::Continue(())).unwrap(), 0);
    let missing = self::compiled("model m\nparam k, q\ninit x = 1\nx' = -k*q*x\nsolve t = 0..1\n");
    let error = missing.ensemble(&[("k", &[1.0])]).unwrap().records(&Keep::Final, |_, _| ControlFlow::Continue(()));
    assert!(matches!(&error, Err(EnsembleError::Start(SolveError::Missing(q))) if q.0 == "q"), "{error:?}");
}

#[test]
fn events_extremes_and_the_end_where_an_event_stops() {
    let compiled = compiled(
        "model ball\nparam h0 = 1\ninit h = h0, v = 0\nh' = v\nv' = -2\nwhen h < 0 { stop }\nsolve t = 0..3 { rtol = 1e-10, atol = 1e-12 }\n",
    );
    let h0 = [1.0, 4.0, 16.0];
    let events = records(&compiled, &[("h0", &h0)], &Keep::Events, 2);
    for (record, time) in events.iter().zip([1.0, 2.0]) {
        assert!(record.events.len() == 1 && (record.events[0].0 - time).abs() < 1e-8, "{record:?}");
        assert!(record.events[0].1.contains("h < 0"), "{record:?}");
    }
    assert!(events[2].events.is_empty());
    let ends = records(&compiled, &[("h0", &h0)], &Keep::Final, 2);
    assert!((ends[1].times[0] - 2.0).abs() < 1e-8 && (ends[1].values[1] + 4.0).abs() < 1e-7, "{ends:?}");
    assert_eq!(ends[2].times, [3.0]);
    let points = records(&compiled, &[("h0", &h0)], &Keep::At(vec![0.5, 2.5]), 2);
    assert!((points[0].values[0] - 0.75).abs() < 1e-8 && points[0].values[2].is_nan(), "{points:?}");
    let extremes = records(&compiled, &[("h0", &h0)], &Keep::Extremes, 2);
    assert!(extremes[1].values[0].abs() < 1e-8 && extremes[1].values[2] == 4.0, "{extremes:?}");
}

#[test]
fn quantiles_over_time_are_those_of_the_trajectories() {
    let compiled =
        compiled("model m\nparam k = 1\ninit x = 1\nx' = -k*x\nsolve t = 0..2 { rtol = 1e-9, atol = 1e-12 }\n");
    let k = grid(501, 0.0, 1.0);
    let ensemble = compiled.ensemble(&[("k", &k)]).unwrap();
    let found = ensemble.quantiles(&["x"], &[0.0, 1.0, 2.0], &[0.0, 0.1, 0.5, 1.0]).unwrap();
    assert_eq!((found.count, found.succeeded, found.rank_error), (501, 501, 0.0));
    // x falls with k, so that quantiles of x are those of k from the other end.
    for (row, t) in found.times.iter().enumerate() {
        for (j, q) in found.probabilities.iter().enumerate() {
            let exact = (-(1.0 - q) * t).exp();
            assert!((found.values[row * 4 + j] - exact).abs() < 1e-8, "{t} {q}");
        }
    }
    assert_eq!(found.band(0, 2)[0], 1.0);
}

#[test]
fn gradients_and_own_ways_to_run() {
    let text = "model m\nparam k = 1, b = 2\ninit x = b\nx' = -k*x\nobjective cost = final(x^2)\nsolve t = 0..1 { rtol = 1e-10, atol = 1e-12, method = Tsit5 }\n";
    let compiled = compiled(text);
    let (b, k) = (grid(30, 0.5, 2.0), grid(30, 0.1, 1.0));
    let objective = compiled.objective(None, None, &["k", "b"]).unwrap();
    let ensemble = compiled.problem().method(Method::Tsit5).ensemble(&[("b", &b), ("k", &k)]).unwrap().threads(2);
    let mut found = Vec::new();
    let mut push = |_, valued: rhapsode::Valued| {
        found.push(valued.unwrap());
        ControlFlow::Continue(())
    };
    ensemble.gradients(&objective, &mut push).unwrap();
    for (j, (value, gradient)) in found.iter().enumerate() {
        let exact = b[j].powi(2) * (-2.0 * k[j]).exp();
        assert!((value - exact).abs() < 1e-7 && (gradient[0] + 2.0 * exact).abs() < 1e-6, "{j}");
        assert!((gradient[1] - 2.0 * exact / b[j]).abs() < 1e-6, "{j}");
    }
    // The same through a recorded run of each.
    let mut pulled = Vec::new();
    let run = |_, problem: rhapsode::Problem| {
        let recorded = problem.save(rhapsode::solve::Save::At(vec![1.0])).record()?;
        recorded.pull(&[2.0 * recorded.solution().state(0)[0]]).map(|gradient| gradient.parameters)
    };
    ensemble
        .each_problem(run, |_, gradient: Result<Vec<f64>, rhapsode::DerivativeError>| {
            pulled.push(gradient.unwrap());
            ControlFlow::Continue(())
        })
        .unwrap();
    for ((_, a), b) in found.iter().zip(&pulled) {
        assert!((a[0] - b[0]).abs() < 1e-8 && (a[1] - b[1]).abs() < 1e-8, "{a:?} {b:?}");
    }
    let stranger = compiled.ensemble(&[("k", &k)]).unwrap().gradients(&objective, |_, _| ControlFlow::Continue(()));
    assert!(matches!(stranger, Err(EnsembleError::Objective(_))), "{stranger:?}");
}

#[test]
fn cancelled_ensembles_have_handed_on_the_first() {
    let compiled = compiled("model m\nparam k = 1\ninit x = 1\nx' = -k*x\nsolve t = 0..1\n");
    let k = grid(20_000, 0.0, 1.0);
    for threads in [1, 2] {
        let (flag, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
        let ensemble = compiled.problem().cancel(&flag).ensemble(&[("k", &k)]).unwrap().threads(threads);
        let received = ensemble.each(
            |_, result| {
                if seen.fetch_add(1, Ordering::SeqCst) == 500 {
                    flag.store(true, Ordering::SeqCst);
                }
                result.is_ok()
            },
            |_, good| {
                assert!(good);
                ControlFlow::Continue(())
            },
        );
        let received = received.unwrap();
        // Of two threads one may be behind with the first trajectories, and those of the other are handed on only after them.
        assert!(received <= 600 && (threads > 1 || received >= 400), "{threads} threads: {received}");
    }
    // The receiver may end it, too.
    let ensemble = compiled.ensemble(&[("k", &k)]).unwrap().threads(2);
    let ended =
        ensemble.records(&Keep::Final, |k, _| if k == 9 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    assert_eq!(ended.unwrap(), 10);
}
