//! What a run promises besides numbers: points that do not change steps, ends that are hit, failures that name names.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rhapsode::solve::{ErrorKind, Failure, Method, Options, Save, Tolerance, integrate};
use rhapsode::system::ClosureSystem;
use rhapsode::{Model, SolveError};

const METHODS: [Method; 5] = [Method::Auto, Method::Tsit5, Method::Dop853, Method::Rodas5P, Method::Bdf];

/// y1' = -y2, y2' = y1: a circle.
fn circle() -> ClosureSystem {
    let system = ClosureSystem::new(2, 0, |_, y, _, dy| {
        dy[0] = -y[1];
        dy[1] = y[0];
    });
    system.with_jacobian(|_, _, _, j| j.copy_from_slice(&[0.0, 1.0, -1.0, 0.0])).autonomous()
}

fn options<'a>(end: f64, method: Method) -> Options<'a> {
    let mut options = Options::new(0.0, end);
    (options.rtol, options.atol, options.method) = (1e-8, Tolerance::Scalar(1e-10), method);
    options
}

#[test]
fn output_points_never_change_the_steps() {
    for method in METHODS {
        let run = |n: usize| {
            let mut options = options(10.0, method);
            options.save = Save::At((0..=n).map(|k| 10.0 * k as f64 / n as f64).collect());
            integrate(&circle(), &[1.0, 0.0], &[], &options).unwrap()
        };
        let (few, many) = (run(2), run(1000));
        assert_eq!(few.last(), many.last(), "{}", method.name());
        assert_eq!(few.state(0)[1].to_bits(), many.state(0)[500].to_bits(), "{}", method.name());
        assert_eq!(few.statistics.steps, many.statistics.steps);
        for (k, t) in many.times().iter().enumerate() {
            let error = (many.state(0)[k] - t.cos()).abs().max((many.state(1)[k] - t.sin()).abs());
            assert!(error < 2e-6, "{} at {t}: {error:e}", method.name());
        }
    }
}

#[test]
fn backwards_and_back_again() {
    for method in METHODS {
        let there = integrate(&circle(), &[1.0, 0.0], &[], &options(3.0, method)).unwrap();
        let mut back = options(0.0, method);
        (back.t0, back.t1) = (3.0, 0.0);
        let back = integrate(&circle(), &there.last(), &[], &back).unwrap();
        assert_eq!(back.times().last(), Some(&0.0));
        assert!((back.last()[0] - 1.0).abs() < 1e-5, "{}: {:?}", method.name(), back.last());
    }
}

#[test]
fn breakpoints_and_ends_are_hit_exactly() {
    for method in METHODS {
        let mut options = options(1.0, method);
        options.breakpoints = vec![0.7, 0.1 + 0.2, -5.0, 2.0];
        let solution = integrate(&circle(), &[1.0, 0.0], &[], &options).unwrap();
        for wanted in [0.1 + 0.2, 0.7, 1.0] {
            assert!(solution.times().contains(&wanted), "{} misses {wanted}", method.name());
        }
    }
}

fn kind(end: f64, change: impl FnOnce(&mut Options)) -> ErrorKind {
    let mut options = options(end, Method::Auto);
    change(&mut options);
    integrate(&circle(), &[1.0, 0.0], &[], &options).unwrap_err().kind
}

#[test]
fn bad_options_are_refused_with_a_sentence() {
    let sentences = [
        (kind(1.0, |o| o.rtol = 0.0), "rtol"),
        (kind(1.0, |o| o.rtol = f64::NAN), "rtol"),
        (kind(1.0, |o| o.rtol = 1e-16), "rtol"),
        (kind(1.0, |o| o.atol = Tolerance::Scalar(-1.0)), "atol"),
        (kind(1.0, |o| o.atol = Tolerance::PerState(vec![1e-9])), "2 absolute tolerances"),
        (kind(1.0, |o| o.atol = Tolerance::PerState(vec![1e-9, f64::NAN])), "y2"),
        (kind(0.0, |_| {}), "empty"),
        (kind(f64::NEG_INFINITY, |_| {}), "not finite"),
        (kind(f64::INFINITY, |o| o.save = Save::At(vec![1.0])), "not finite"),
        (kind(1.0, |o| o.max_step = 0.0), "max_step"),
        (kind(1.0, |o| o.first_step = Some(-1.0)), "first_step"),
        (kind(1.0, |o| o.save = Save::At(vec![0.0, 2.0])), "outside the span"),
        (kind(1.0, |o| o.save = Save::At(vec![0.5, 0.1])), "not in order"),
    ];
    for (kind, word) in sentences {
        let ErrorKind::Options(sentence) = kind else { panic!("{kind:?} for {word}") };
        assert!(sentence.contains(word), "{sentence:?} does not mention {word}");
    }
}

#[test]
fn limits_end_a_run_with_what_there_is() {
    let mut limited = options(1e6, Method::Tsit5);
    limited.max_steps = 100;
    let failure = integrate(&circle(), &[1.0, 0.0], &[], &limited).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::TooManySteps(100));
    assert!(failure.partial.len() > 50 && failure.time > 1.0);

    let flag = AtomicBool::new(false);
    let stop = |t: f64| {
        if t > 1000.0 {
            flag.store(true, Ordering::Relaxed);
        }
    };
    let mut cancelled = options(1e9, Method::Tsit5);
    cancelled.cancel = Some(&flag);
    cancelled.progress = Some(&stop);
    let failure = integrate(&circle(), &[1.0, 0.0], &[], &cancelled).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Interrupted);
    assert!(failure.time > 1000.0 && failure.time < 1e6);

    let mut timed = options(1e12, Method::Tsit5);
    (timed.max_time, timed.save) = (Some(Duration::from_millis(20)), Save::At(vec![0.0]));
    timed.max_steps = u64::MAX;
    let failure = integrate(&circle(), &[1.0, 0.0], &[], &timed).unwrap_err();
    assert!(matches!(failure.kind, ErrorKind::TooMuchTime(_)));
}

fn failure(text: &str, method: Method) -> Failure {
    let compiled = Model::parse(text).unwrap().compile().unwrap();
    match compiled.problem().method(method).solve() {
        Err(SolveError::Failed(failure)) => failure,
        other => panic!("expected a failure, found {other:?}"),
    }
}

#[test]
fn failures_name_the_time_and_the_state() {
    for method in METHODS {
        let start = failure("init good = 1, bad = -1\ngood' = 1\nbad' = log(bad)\nsolve t = 0..1", method);
        assert_eq!(start.kind, ErrorKind::NotFinite(vec!["bad".into()]), "{}", method.name());
        assert_eq!(start.time, 0.0);

        let later = failure("init calm = 1, x = 1\ncalm' = 0\nx' = -sqrt(x) - 1\nsolve t = 0..10", method);
        assert!(later.to_string().contains('x'), "{}: {later}", method.name());
        // sqrt(x) + 1 = -x' reaches x = 0 at t = 2 - 2 log 2.
        assert!((later.time - (2.0 - 2.0 * 2f64.ln())).abs() < 1e-3, "{}: {later}", method.name());

        let blown = failure("init calm = 1, x = 1\ncalm' = 0\nx' = x^2\nsolve t = 0..2", method);
        assert!(blown.to_string().contains('x'), "{}: {blown}", method.name());
        assert!((blown.time - 1.0).abs() < 1e-3, "{}: {blown}", method.name());
    }
}

/// y' = 1 before t = 1 and 100 behind; at t = 1 itself it is one or the other.
fn jump(late: bool) -> ClosureSystem {
    let system = ClosureSystem::new(1, 0, move |t, _, _, dy| {
        let before = if late { t <= 1.0 } else { t < 1.0 };
        dy[0] = if before { 1.0 } else { 100.0 };
    });
    let zero = |_: f64, _: &[f64], _: &[f64], out: &mut [f64]| out.fill(0.0);
    system.with_jacobian(zero).with_time_derivative(zero)
}

#[test]
fn a_jump_at_a_breakpoint_costs_neither_steps_nor_accuracy() {
    for method in METHODS {
        for late in [false, true] {
            for (t0, t1) in [(0.0, 2.0), (2.0, 0.0)] {
                let mut options = options(t1, method);
                (options.t0, options.breakpoints) = (t0, vec![1.0]);
                let solution = integrate(&jump(late), &[0.0], &[], &options).unwrap();
                let (name, end) = (method.name(), solution.last()[0]);
                assert!((end.abs() - 101.0).abs() < 1e-10, "{name} {late} from {t0}: {end}");
                assert_eq!(solution.statistics.rejected, 0, "{name} {late} from {t0}: steps rejected at the jump");
            }
        }
    }
}

#[test]
fn breakpoints_that_are_no_times_are_refused() {
    let ErrorKind::Options(sentence) = kind(1.0, |o| o.breakpoints = vec![0.5, f64::NAN]) else { panic!() };
    assert!(sentence.contains("breakpoint"), "{sentence}");
    let ErrorKind::Options(sentence) = kind(1.0, |o| o.save = Save::At(vec![f64::NAN])) else { panic!() };
    assert!(sentence.contains("NaN"), "{sentence}");
}

#[test]
fn lengths_and_initial_values_are_checked() {
    let refused = |y0: &[f64], p: &[f64]| {
        let failure = integrate(&circle(), y0, p, &options(1.0, Method::Auto)).unwrap_err();
        assert!(matches!(failure.kind, ErrorKind::Options(_)), "{:?}", failure.kind);
        failure.to_string()
    };
    assert_eq!(refused(&[1.0], &[]), "expected 2 initial values, found 1");
    assert_eq!(refused(&[1.0, 0.0], &[3.0]), "expected 0 bound parameters, found 1");
    assert_eq!(refused(&[1.0, f64::NAN], &[]), "the initial value of y2 is not finite: NaN");
}

#[test]
fn a_parameter_that_is_set_to_no_number_is_named() {
    let model = Model::parse("param a = 1, b = 2\ndiscrete d = 0\ninit x = 1\nx' = -a*b*x + d\n").unwrap();
    let compiled = model.compile().unwrap();
    let said = |name: &str| {
        let run = compiled.problem().span(0.0..1.0).set("a", 3.0).unwrap().set(name, f64::NAN).unwrap();
        run.solve().unwrap_err().to_string()
    };
    assert_eq!([said("b"), said("d")], ["`b` is set to NaN", "`d` is set to NaN"]);
    assert_eq!(said("x"), "the initial value of x is not finite: NaN");
}

#[test]
fn no_step_is_longer_than_the_longest_allowed() {
    for method in METHODS {
        let mut options = options(1.0, method);
        (options.rtol, options.max_step) = (1e-2, 1.0 / 64.0);
        let solution = integrate(&circle(), &[1.0, 0.0], &[], &options).unwrap();
        let longest = solution.times().windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max);
        // `clip` stretches the last step by at most a hundredth.
        assert!(longest <= 1.01 / 64.0, "{}: {longest}", method.name());
        assert!(solution.statistics.factorizations <= solution.statistics.steps, "{}", method.name());
    }
}

#[test]
fn bdf_at_the_longest_step_raises_its_order_and_keeps_its_factors() {
    let mut options = options(10.0, Method::Bdf);
    options.max_step = 0.01;
    let solution = integrate(&circle(), &[1.0, 0.0], &[], &options).unwrap();
    let s = &solution.statistics;
    assert!((solution.last()[0] - 10f64.cos()).abs() < 1e-6, "{:?}", solution.last());
    assert!(s.factorizations < 40, "{} factorisations in {} steps", s.factorizations, s.steps);
}

#[test]
fn a_new_point_where_f_is_not_finite_is_not_accepted() {
    // y = t, and f ends at y = 1: whatever the method, the run ends before, not on a point it cannot leave.
    for method in METHODS {
        let system = ClosureSystem::new(2, 0, |_, y, _, dy| {
            dy[0] = if y[0] < 1.0 { 1.0 } else { f64::NAN };
            dy[1] = 0.0;
        })
        .with_jacobian(|_, _, _, j| j.fill(0.0));
        let failure = integrate(&system.autonomous(), &[0.0, 1.0], &[], &options(2.0, method)).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::NotFinite(vec!["y1".into()]), "{}", method.name());
        assert!(failure.partial.last()[0] < 1.0, "{}: {:?}", method.name(), failure.partial.last());
        assert!((failure.time - 1.0).abs() < 1e-6, "{}: {failure}", method.name());
    }
}
