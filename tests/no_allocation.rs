//! The step loop allocates nothing: a long run allocates exactly as often as a short one.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use rhapsode::Model;
use rhapsode::solve::{Method, Save};

static COUNT: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call goes to the system allocator unchanged; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// (allocations, steps) of a run that keeps four points.
fn count(compiled: &rhapsode::Compiled, method: Method, end: f64) -> (u64, u64) {
    let times = vec![0.0, 0.25 * end, 0.5 * end, end];
    let problem = compiled.problem().span(0.0..end).method(method).rtol(1e-6).save(Save::At(times));
    let before = COUNT.load(Ordering::Relaxed);
    let solution = problem.solve().unwrap();
    (COUNT.load(Ordering::Relaxed) - before, solution.statistics.steps)
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
}
