//! The step loop allocates nothing: a long run allocates exactly as often as a short one.

#[path = "common/counting.rs"]
mod counting;

use counting::allocations;
use rhapsode::Model;
use rhapsode::solve::{Method, Save};

/// (allocations, steps) of a run that keeps four points.
fn count(compiled: &rhapsode::Compiled, method: Method, end: f64) -> (u64, u64) {
    let times = vec![0.0, 0.25 * end, 0.5 * end, end];
    let problem = compiled.problem().span(0.0..end).method(method).rtol(1e-6).save(Save::At(times));
    let before = allocations();
    let solution = problem.solve().unwrap();
    (allocations() - before, solution.statistics.steps)
}

#[test]
fn steps_allocate_nothing() {
    // One test, one thread: the counter is global.
    let lorenz = Model::parse(include_str!("../examples/models/lorenz.ode")).unwrap().compile().unwrap();
    let banded = Model::parse(include_str!("../examples/models/brusselator_1d.ode")).unwrap().compile().unwrap();
    for (name, compiled) in [("lorenz", &lorenz), ("brusselator_1d", &banded)] {
        for method in Method::ALL.iter().copied().filter(|method| !method.is_second_order()) {
            // Steps are interpreted until compiling them pays: that happens here.
            for _ in 0..40 {
                count(compiled, method, 8.0);
            }
            // Long enough for `auto` to find a change of method worth while, which allocates, in both.
            let (short, few) = count(compiled, method, 10.0);
            let (long, many) = count(compiled, method, 40.0);
            assert!(2 * many > 3 * few, "{name} {}: {many} steps against {few}", method.name());
            assert_eq!(short, long, "{name} {}: {} more steps allocated", method.name(), many - few);
        }
    }
    // Events and located switches: what is kept of them grows, by doubling; nothing else does.
    let text = "init x = 1, v = 0\ndiscrete n = 0\nx' = v\nv' = -sign(x)\nwhen v > 0.5 { n := n + 1 }\n\
                every 0.37 { v := v }\nwhen sin(x) > 0.3 { n := n + 1 }\n";
    let relay = Model::parse(text).unwrap().compile().unwrap();
    for method in [Method::Tsit5, Method::Dop853, Method::Vern9, Method::Rodas5P, Method::Bdf] {
        (0..40).for_each(|_| _ = count(&relay, method, 8.0));
        let happened = |end: f64| {
            let solution = relay.problem().span(0.0..end).method(method).save(Save::At(vec![end])).solve().unwrap();
            solution.statistics.events + solution.statistics.located
        };
        let (few, many) = (happened(20.0), happened(800.0));
        let (short, long) = (count(&relay, method, 20.0).0, count(&relay, method, 800.0).0);
        assert!(many > 30 * few && many > 2000, "{few} {many}");
        assert!(long < short + 20, "{}: {} more events allocated {} times", method.name(), many - few, long - short);
    }
}
