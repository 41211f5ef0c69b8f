//! What every run keeps to, whatever the method: exact ends, points that do not change the steps, limits, and failures
//! that say when, where and which state. Hand-written systems only: this is the runtime column without the compiler.

use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rhapsode::linalg::Pattern;
use rhapsode::solve::{ErrorKind, Failure, Method, Options, Save, Solution, Tolerance, integrate};
use rhapsode::system::{ClosureSystem, Names, Shape, System};

/// y1' = y2, y2' = −y1: a circle.
fn circle() -> ClosureSystem {
    ClosureSystem::new(2, 0, |_, y, _, dy| {
        dy[0] = y[1];
        dy[1] = -y[0];
    })
    .with_jacobian(|_, _, _, j| j.copy_from_slice(&[0.0, -1.0, 1.0, 0.0]))
    .autonomous()
}

/// Van der Pol's oscillator with μ = 1000, in the scaling of the stiff test sets.
fn stiff() -> ClosureSystem {
    const MU: f64 = 1e3;
    ClosureSystem::new(2, 0, |_, y, _, dy| {
        dy[0] = y[1];
        dy[1] = MU * MU * ((1.0 - y[0] * y[0]) * y[1] - y[0]);
    })
    .with_jacobian(|_, y, _, j| {
        j.copy_from_slice(&[0.0, MU * MU * (-2.0 * y[0] * y[1] - 1.0), 1.0, MU * MU * (1.0 - y[0] * y[0])])
    })
    .autonomous()
}

fn options<'a>(t0: f64, t1: f64, method: Method) -> Options<'a> {
    Options { method, ..Options::new(t0, t1) }
}

fn run(system: &ClosureSystem, y0: &[f64], options: &Options) -> Solution {
    integrate(system, y0, &[], options).unwrap_or_else(|e| panic!("{}: {e}", options.method.name()))
}

fn failure(system: &ClosureSystem, y0: &[f64], options: &Options) -> Failure {
    integrate(system, y0, &[], options).map(|_| ()).expect_err(options.method.name())
}

/// The methods that solve any system, given as a function too.
fn general() -> impl Iterator<Item = &'static Method> {
    Method::ALL.iter().filter(|method| **method != Method::Taylor && !method.is_second_order())
}

/// Methods whose solution is of order 2 while their estimate falls as h³: steps go as rtol^(1/3), so at rtol 1e-6 the
/// error may reach rtol^(2/3) = 1e-4 times the length of the run, and there are many steps.
fn is_of_order_two(method: Method) -> bool {
    matches!(method, Method::Rosenbrock23 | Method::TrBdf2 | Method::Rkc)
}

#[test]
fn runs_end_exactly_where_asked_forwards_and_backwards() {
    for method in general() {
        for end in [1.0, -1.0, 0.1 + 0.2, 1e-300, -7.3] {
            let s = run(&circle(), &[1.0, 0.0], &options(0.0, end, *method));
            assert_eq!(s.times().last(), Some(&end), "{}", method.name());
            let last = s.last();
            let most = if is_of_order_two(*method) { 1e-4 * f64::max(1.0, end.abs()) } else { 1e-4 };
            assert!((last[0] - end.cos()).abs() < most, "{} {end}: {last:?}", method.name());
            assert!((last[1] + end.sin()).abs() < most, "{} {end}: {last:?}", method.name());
            let forward = s.times().windows(2).all(|w| (w[1] - w[0]) * end.signum() > 0.0);
            assert!(forward, "{}: times run in the direction of integration", method.name());
        }
    }
}

#[test]
fn a_start_far_from_zero_and_the_shortest_span_work() {
    for method in general() {
        let t0 = 1e6f64;
        let t1 = t0.next_up();
        let s = run(&circle(), &[1.0, 0.0], &options(t0, t1, *method));
        assert_eq!(s.times(), &[t0, t1], "{}", method.name());
        let s = run(&circle(), &[1.0, 0.0], &options(t0, t0 + 1.0, *method));
        assert!((s.last()[0] - 1f64.cos()).abs() < 1e-4, "{}", method.name());
    }
}

#[test]
fn points_to_keep_do_not_change_the_steps() {
    let few = vec![1.0, 2.0];
    let many: Vec<f64> = (0..=2000).map(|k| f64::from(k) / 1000.0).collect();
    for method in general() {
        for (system, y0) in [(circle(), [1.0, 0.0]), (stiff(), [2.0, 0.0])] {
            let at = |times: &[f64]| {
                run(&system, &y0, &Options { save: Save::At(times.to_vec()), ..options(0.0, 2.0, *method) })
            };
            let (a, b) = (at(&few), at(&many));
            let same = |s: &Solution, row: usize| [s.state(0)[row].to_bits(), s.state(1)[row].to_bits()];
            assert_eq!(same(&a, 0), same(&b, 1000), "{}", method.name());
            assert_eq!(same(&a, 1), same(&b, 2000), "{}", method.name());
            assert_eq!(a.statistics.steps, b.statistics.steps, "{}", method.name());
            assert_eq!(b.times(), &many[..]);
        }
    }
}

#[test]
fn dense_output_is_as_good_as_the_steps() {
    let times: Vec<f64> = (0..=700).map(|k| f64::from(k) / 100.0).collect();
    for method in general() {
        let wanted = Options { rtol: 1e-8, save: Save::At(times.clone()), ..options(0.0, 7.0, *method) };
        let s = run(&circle(), &[1.0, 0.0], &wanted);
        let error = times.iter().zip(s.state(0)).map(|(t, y)| (y - t.cos()).abs()).fold(0.0, f64::max);
        let end = (s.last()[0] - 7f64.cos()).abs().max((s.last()[1] + 7f64.sin()).abs());
        assert!(error < 1e-5 && error < 30.0 * end.max(1e-8), "{}: {error:e} against {end:e}", method.name());
    }
}

#[test]
fn times_to_keep_may_repeat_and_touch_both_ends() {
    for method in general() {
        let times = vec![0.0, 0.0, 0.5, 0.5, 1.0, 1.0];
        let s = run(&circle(), &[1.0, 0.0], &Options { save: Save::At(times.clone()), ..options(0.0, 1.0, *method) });
        assert_eq!(s.times(), &times[..], "{}", method.name());
        let s = run(&circle(), &[1.0, 0.0], &Options { save: Save::At(vec![]), ..options(0.0, 1.0, *method) });
        assert!(s.is_empty() && s.statistics.steps > 0, "{}", method.name());
    }
}

/// y' = 1 before t = 1/3 and −1 behind; times at which f was asked are kept.
fn jump(asked: &'static Mutex<Vec<f64>>) -> ClosureSystem {
    ClosureSystem::new(1, 0, move |t, _, _, dy| {
        asked.lock().unwrap().push(t);
        dy[0] = if t <= 1.0 / 3.0 { 1.0 } else { -1.0 };
    })
    .with_jacobian(|_, _, _, j| j[0] = 0.0)
    .with_time_derivative(|_, _, _, ft| ft[0] = 0.0)
}

#[test]
fn steps_end_at_breakpoints_in_any_order_and_either_direction() {
    static ASKED: Mutex<Vec<f64>> = Mutex::new(Vec::new());
    let b = 1.0 / 3.0;
    for method in general() {
        for (t0, t1) in [(0.0, 1.0), (1.0, 0.0)] {
            // Outside, at the ends, repeated and unsorted ones do no harm.
            let breakpoints = vec![0.9, b, -5.0, 0.0, 1.0, 7.0, b];
            let s = run(&jump(&ASKED), &[0.0], &Options { breakpoints, ..options(t0, t1, *method) });
            assert!(s.times().contains(&b) && s.times().contains(&0.9), "{} {t0}..{t1}", method.name());
        }
        // Known, the jump costs nothing and leaves no error; unknown, error control survives it.
        let known = run(&jump(&ASKED), &[0.0], &Options { breakpoints: vec![b], ..options(0.0, 1.0, *method) });
        let unknown = run(&jump(&ASKED), &[0.0], &options(0.0, 1.0, *method));
        let expected = b - (1.0 - b);
        assert!((unknown.last()[0] - expected).abs() < 1e-4, "{}: {:?}", method.name(), unknown.last());
        assert!(known.statistics.rejected < unknown.statistics.rejected, "{}", method.name());
    }
}

#[test]
fn the_step_keeps_below_max_step_and_begins_with_first_step() {
    for method in general() {
        let s = run(&circle(), &[1.0, 0.0], &Options { max_step: 0.05, ..options(0.0, 2.0, *method) });
        assert!(s.times().windows(2).all(|w| w[1] - w[0] <= 0.05 * 1.011), "{}", method.name());
        let s = run(&circle(), &[1.0, 0.0], &Options { first_step: Some(1e-5), ..options(0.0, 2.0, *method) });
        assert!((s.times()[1] - 1e-5).abs() < 1e-12, "{}: {}", method.name(), s.times()[1]);
        // A first step far too large is only a guess.
        let s = run(&circle(), &[1.0, 0.0], &Options { first_step: Some(1e9), ..options(0.0, 20.0, *method) });
        assert!((s.last()[0] - 20f64.cos()).abs() < 1e-3, "{}: {:?}", method.name(), s.last());
    }
}

#[test]
fn an_absolute_tolerance_of_zero_lets_components_be_zero() {
    let system = ClosureSystem::new(2, 0, |_, y, _, dy| {
        dy[0] = -y[0];
        dy[1] = 0.0 * y[1];
    })
    .with_jacobian(|_, _, _, j| j.copy_from_slice(&[-1.0, 0.0, 0.0, 0.0]))
    .autonomous();
    for method in general() {
        let wanted = Options { atol: Tolerance::Scalar(0.0), ..options(0.0, 10.0, *method) };
        let s = run(&system, &[1.0, 0.0], &wanted);
        assert!((s.last()[0] / (-10f64).exp() - 1.0).abs() < 1e-3, "{}: {:?}", method.name(), s.last());
        assert_eq!(s.last()[1], 0.0);
    }
}

#[test]
fn each_state_has_its_own_absolute_tolerance() {
    // y2 is a thousandth of y1's size and fast; a loose atol for it saves steps.
    let system = || {
        ClosureSystem::new(2, 0, |t, y, _, dy| {
            dy[0] = -y[0];
            dy[1] = 0.05 * (50.0 * t).cos();
        })
    };
    for method in general() {
        let steps = |second: f64| {
            let atol = Tolerance::PerState(vec![1e-9, second]);
            run(&system(), &[1.0, 0.0], &Options { atol, ..options(0.0, 5.0, *method) }).statistics.steps
        };
        assert!(2 * steps(1.0) < steps(1e-9), "{}", method.name());
    }
}

#[test]
fn senseless_options_are_refused_with_a_sentence() {
    let good = || options(0.0, 1.0, Method::Auto);
    let cases: Vec<(Options, &str)> = vec![
        (Options { t1: 0.0, ..good() }, "span"),
        (Options { t1: f64::NEG_INFINITY, ..good() }, "span"),
        (Options { t0: f64::NAN, ..good() }, "span"),
        (Options { rtol: 0.0, ..good() }, "rtol"),
        (Options { rtol: -1e-6, ..good() }, "rtol"),
        (Options { rtol: f64::NAN, ..good() }, "rtol"),
        (Options { rtol: 1e-15, ..good() }, "rtol"),
        (Options { atol: Tolerance::Scalar(-1.0), ..good() }, "atol"),
        (Options { atol: Tolerance::Scalar(f64::NAN), ..good() }, "atol"),
        (Options { atol: Tolerance::PerState(vec![1e-6]), ..good() }, "2 absolute tolerances"),
        (Options { atol: Tolerance::PerState(vec![1e-6, -1.0]), ..good() }, "y2"),
        (Options { max_step: 0.0, ..good() }, "max_step"),
        (Options { max_step: f64::NAN, ..good() }, "max_step"),
        (Options { first_step: Some(-1.0), ..good() }, "first_step"),
        (Options { first_step: Some(f64::NAN), ..good() }, "first_step"),
        (Options { save: Save::At(vec![0.5, 2.0]), ..good() }, "2"),
        (Options { save: Save::At(vec![f64::NAN]), ..good() }, "NaN"),
        (Options { save: Save::At(vec![0.7, 0.2]), ..good() }, "order"),
        (Options { breakpoints: vec![f64::NAN], ..good() }, "breakpoint"),
    ];
    for (bad, word) in cases {
        let f = failure(&circle(), &[1.0, 0.0], &bad);
        let ErrorKind::Options(sentence) = &f.kind else { panic!("{word}: {:?}", f.kind) };
        assert!(sentence.contains(word), "{sentence}");
        assert_eq!(f.to_string(), *sentence);
        assert!(f.partial.is_empty());
    }
    let f = failure(&circle(), &[1.0], &good());
    assert!(f.to_string().contains("2 initial values"), "{f}");
    let f = failure(&circle(), &[1.0, f64::NAN], &good());
    assert!(f.to_string().contains("y2"), "{f}");
}

/// y1' = 1, y2' = √(1 − t): not a number behind t = 1.
fn ends_at_one() -> ClosureSystem {
    ClosureSystem::new(2, 0, |t, _, _, dy| {
        dy[0] = 1.0;
        dy[1] = (1.0 - t).sqrt();
    })
    .with_jacobian(|_, _, _, j| j.fill(0.0))
    .with_time_derivative(|t, _, _, ft| {
        ft[0] = 0.0;
        ft[1] = -0.5 / (1.0 - t).sqrt();
    })
}

#[test]
fn a_derivative_that_stops_being_a_number_names_its_state_and_time() {
    for method in general() {
        let f = failure(&ends_at_one(), &[0.0, 0.0], &options(0.0, 2.0, *method));
        assert_eq!(f.kind, ErrorKind::NotFinite(vec!["y2".to_string()]), "{}: {f}", method.name());
        assert!((f.time - 1.0).abs() < 1e-3, "{}: {}", method.name(), f.time);
        assert!(f.step.abs() < 1e-6, "{}: {}", method.name(), f.step);
        // What was computed is there.
        assert_eq!(f.partial.times().last(), Some(&f.time), "{}", method.name());
        assert!((f.partial.last()[1] - 2.0 / 3.0).abs() < 1e-3, "{}: {:?}", method.name(), f.partial.last());
    }
}

#[test]
fn a_derivative_that_is_no_number_at_the_start_says_so_at_once() {
    let system = ClosureSystem::new(2, 0, |_, _, _, dy| {
        dy[0] = 1.0;
        dy[1] = f64::NAN;
    });
    for method in general() {
        let f = failure(&system, &[0.0, 0.0], &options(0.0, 1.0, *method));
        assert_eq!(f.kind, ErrorKind::NotFinite(vec!["y2".to_string()]), "{}", method.name());
        assert_eq!(f.time, 0.0);
        assert!(f.partial.statistics.rhs < 10, "{}", method.name());
    }
}

#[test]
fn a_trial_point_outside_the_domain_is_stepped_back_from() {
    // y' = −√y·(…) style: log needs y > 0; the solution stays positive, a long trial step does not.
    let system = || {
        ClosureSystem::new(1, 0, |_, y, _, dy| dy[0] = -1e3 * y[0] * (1.0 + y[0].ln().powi(2)))
            .with_jacobian(|_, y, _, j| j[0] = -1e3 * (1.0 + y[0].ln().powi(2) + 2.0 * y[0].ln()))
            .autonomous()
    };
    for method in general() {
        for h in [1e-3, 1.0, 1e3] {
            let wanted = Options { first_step: Some(h), ..options(0.0, 1.3e-3, *method) };
            let s = run(&system(), &[1.0], &wanted);
            // With u = log y: u' = −1000(1 + u²), u = −tan(1000 t).
            let exact = (-(1.3f64).tan()).exp();
            assert!((s.last()[0] - exact).abs() < 1e-4, "{} {h}: {} {exact}", method.name(), s.last()[0]);
        }
    }
}

#[test]
fn a_jacobian_outside_the_domain_is_forgotten() {
    // y' = −g(t) y with a sudden burst of g at t = 5; neither f nor J is a number where y < 0, which extrapolation
    // into the burst reaches.
    fn g(t: f64) -> f64 {
        1.0 + 1e3 * (-((t - 5.0) / 0.01).powi(2)).exp()
    }
    let system = ClosureSystem::new(1, 0, |t, y, _, dy| dy[0] = -g(t) * y[0].sqrt() * y[0].sqrt())
        .with_jacobian(|t, y, _, j| j[0] = -g(t) * y[0].sqrt() / y[0].sqrt());
    for method in general() {
        let s = run(&system, &[1.0], &Options { max_step: 0.5, ..options(0.0, 5.02, *method) });
        let exact = (-5.02 - 1e3 * 0.01 * std::f64::consts::PI.sqrt()).exp();
        assert!((s.last()[0] - exact).abs() < 1e-7, "{}: {:?} {exact:e}", method.name(), s.last());
    }
}

#[test]
fn a_pole_ends_the_run_near_it_with_the_state_responsible() {
    // y2' = y2², y2(0) = 1: a pole at t = 1.
    let system = ClosureSystem::new(2, 0, |_, y, _, dy| {
        dy[0] = 0.0;
        dy[1] = y[1] * y[1];
    })
    .with_jacobian(|_, y, _, j| j.copy_from_slice(&[0.0, 0.0, 0.0, 2.0 * y[1]]))
    .autonomous();
    for method in general() {
        let f = failure(&system, &[1.0, 1.0], &options(0.0, 2.0, *method));
        assert!((f.time - 1.0).abs() < 1e-3, "{}: {f}", method.name());
        match &f.kind {
            ErrorKind::StepTooSmall(name) => assert_eq!(name, "y2", "{}", method.name()),
            ErrorKind::NotFinite(names) => assert_eq!(names, &["y2".to_string()], "{}", method.name()),
            other => panic!("{}: {other:?}", method.name()),
        }
        let s = &f.partial.statistics;
        // Towards a pole every step is the same share of what is left, down to the last bit.
        let most = if is_of_order_two(*method) { 40_000 } else { 20_000 };
        assert!(s.steps + s.rejected < most, "{}: {f} {s:?}", method.name());
    }
}

#[test]
fn limits_end_the_run_and_keep_what_there_is() {
    for method in general() {
        let f = failure(&circle(), &[1.0, 0.0], &Options { max_steps: 20, ..options(0.0, 1e6, *method) });
        assert_eq!(f.kind, ErrorKind::TooManySteps(20), "{}", method.name());
        assert!(f.partial.len() > 2 && f.partial.times().last() == Some(&f.time), "{}", method.name());
        let limit = Some(Duration::from_millis(30));
        let f = failure(&circle(), &[1.0, 0.0], &Options { max_time: limit, ..options(0.0, 1e12, *method) });
        assert_eq!(f.kind, ErrorKind::TooMuchTime(0.03), "{}", method.name());
    }
}

#[test]
fn a_slow_system_heeds_cancellation_after_the_step_at_hand() {
    static CANCEL: AtomicBool = AtomicBool::new(false);
    static CALLS: AtomicU64 = AtomicU64::new(0);
    for method in general() {
        CANCEL.store(false, Ordering::Relaxed);
        CALLS.store(0, Ordering::Relaxed);
        let system = ClosureSystem::new(2, 0, |_, y, _, dy| {
            if CALLS.fetch_add(1, Ordering::Relaxed) == 500 {
                CANCEL.store(true, Ordering::Relaxed);
            }
            dy[0] = y[1];
            dy[1] = -y[0];
        })
        .with_jacobian(|_, _, _, j| j.copy_from_slice(&[0.0, -1.0, 1.0, 0.0]))
        .autonomous();
        let f = failure(&system, &[1.0, 0.0], &Options { cancel: Some(&CANCEL), ..options(0.0, 1e9, *method) });
        assert_eq!(f.kind, ErrorKind::Interrupted, "{}", method.name());
        // The step being taken when the flag rose is finished, none is begun.
        assert!(CALLS.load(Ordering::Relaxed) < 540, "{}: {CALLS:?}", method.name());
    }
}

#[test]
fn progress_goes_forward_and_is_called_seldom() {
    struct Seen(Mutex<RefCell<Vec<f64>>>);
    for method in general() {
        let seen = Seen(Mutex::new(RefCell::new(Vec::new())));
        let note = |t: f64| seen.0.lock().unwrap().borrow_mut().push(t);
        let s = run(&circle(), &[1.0, 0.0], &Options { progress: Some(&note), ..options(0.0, 3e3, *method) });
        let seen = seen.0.into_inner().unwrap().into_inner();
        assert!(!seen.is_empty() && seen.len() as u64 <= s.statistics.steps / 10, "{}", method.name());
        assert!(seen.windows(2).all(|w| w[0] <= w[1]), "{}", method.name());
    }
}

/// A million states at rest; its pattern is never asked for.
struct Wide(Shape, Pattern);

impl System for Wide {
    fn shape(&self) -> &Shape {
        &self.0
    }
    fn jacobian_pattern(&self) -> &Pattern {
        &self.1
    }
    fn rhs(&self, _: f64, _: &[f64], _: &[f64], _: &mut [f64], dy: &mut [f64]) {
        dy.fill(0.0);
    }
    fn jacobian(&self, _: f64, _: &[f64], _: &[f64], _: &mut [f64], _: &mut [f64]) {}
    fn time_derivative(&self, _: f64, _: &[f64], _: &[f64], _: &mut [f64], _: &mut [f64]) {}
    fn outputs(&self, _: f64, _: &[f64], _: &[f64], _: &mut [f64], _: &mut [f64]) {}
}

#[test]
fn more_points_than_memory_are_refused_with_the_numbers() {
    let n = 1_000_000;
    let mut states = Names::default();
    states.push("u", vec![(1, n)]);
    let shape = Shape {
        states,
        outputs: Names::default(),
        parameters: 0,
        algebraic: Vec::new(),
        discretes: Names::default(),
        discretes_at: 0,
        work: 0,
        time_dependent: false,
    };
    let system = Wide(shape, Pattern::from_pairs(n, n, &[]).0);
    let y0 = vec![0.0; n];
    // A million points of a million states: 8 TB, asked for beforehand.
    let times: Vec<f64> = (0..1_000_000).map(|k| f64::from(k) / 1e6).collect();
    let wanted = Options { save: Save::At(times), ..options(0.0, 1.0, Method::Tsit5) };
    let f = integrate(&system, &y0, &[], &wanted).map(|_| ()).expect_err("8 TB");
    let ErrorKind::Memory(needed, allowed) = f.kind else { panic!("{f}") };
    assert!(needed >= 8_000_000_000_000 && allowed < needed, "{f}");
    // Every step, of which there are more than fit: the run ends there, and what was kept is there.
    let max_memory = 20 * 8 * n as u64;
    let wanted = Options { max_memory, max_step: 1e-3, ..options(0.0, 1.0, Method::Tsit5) };
    let f = integrate(&system, &y0, &[], &wanted).map(|_| ()).expect_err("a thousand steps");
    assert!(matches!(f.kind, ErrorKind::Memory(needed, allowed) if needed > allowed && allowed == max_memory), "{f}");
    assert!((2..=20).contains(&f.partial.len()), "{}", f.partial.len());
}

#[test]
fn every_method_is_in_the_documentation() {
    let page = include_str!("../docs/src/methods.md");
    for method in Method::ALL {
        assert!(page.contains(&format!("`{}`", method.name())), "{} is not in docs/src/methods.md", method.name());
    }
}
