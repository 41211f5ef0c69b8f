//! HIRES, compiled ahead of time, in a Rust program: once by its own integration, once by a method of the runtime.

use rhapsode::solve::{Method, Options, Save, integrate};
use rhapsode::system::ClosureSystem;
use std::ptr::null;

const STATES: usize = 8;
const MEMORY: usize = 4096;
const END: f64 = 321.8122;

unsafe extern "C" {
    fn hires_solve(
        p: *const f64,
        y0: *const f64,
        t0: f64,
        t1: f64,
        times: *const f64,
        count: i64,
        out: *mut f64,
        memory: *mut f64,
        options: *const f64,
        statistics: *mut f64,
    ) -> i64;
    fn hires_bind(t: f64, y: *const f64, p: *const f64, v: *const f64, w: *mut f64, out: *mut f64);
    fn hires_init(t: f64, y: *const f64, p: *const f64, v: *const f64, w: *mut f64, out: *mut f64);
    fn hires_rhs(t: f64, y: *const f64, p: *const f64, v: *const f64, w: *mut f64, out: *mut f64);
}

fn main() {
    let (mut memory, mut own, mut statistics) = ([0.0; MEMORY], [0.0; STATES], [0.0; 5]);
    let options = [1e-9, 1e-12, 0.0, 0.0, 0.0];
    // SAFETY: lengths as the header says; the model has no parameters.
    let status = unsafe {
        let (out, memory, statistics) = (own.as_mut_ptr(), memory.as_mut_ptr(), statistics.as_mut_ptr());
        hires_solve(null(), null(), 0.0, END, &END, 1, out, memory, options.as_ptr(), statistics)
    };
    assert_eq!(status, 0);

    let (mut bound, mut start) = ([0.0; 64], [0.0; STATES]);
    // SAFETY: the same; what is bound fits in 64 numbers.
    unsafe {
        hires_bind(0.0, null(), bound.as_ptr(), null(), memory.as_mut_ptr(), bound.as_mut_ptr());
        hires_init(0.0, null(), bound.as_ptr(), null(), memory.as_mut_ptr(), start.as_mut_ptr());
    }
    let system = ClosureSystem::new(STATES, 0, move |t, y, _, dy| {
        let mut work = [0.0; MEMORY];
        // SAFETY: y and dy have as many numbers as there are states.
        unsafe { hires_rhs(t, y.as_ptr(), bound.as_ptr(), null(), work.as_mut_ptr(), dy.as_mut_ptr()) };
    });
    let mut options = Options::new(0.0, END);
    (options.rtol, options.method, options.save) = (1e-9, Method::Radau, Save::At(vec![END]));
    let solution = integrate(&system, &start, &[], &options).expect("it reaches the end");
    for (k, (own, other)) in own.iter().zip(solution.last()).enumerate() {
        println!("y{} {own:.9e} {other:.9e}", k + 1);
        assert!((own - other).abs() < 1e-6 * (1e-3 + own.abs()));
    }
    println!("{} steps by the object's own integration", statistics[0]);
}
