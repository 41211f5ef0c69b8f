//! Hosts that look along: dense output that is kept, observers that see each step and may end the run, interrupts.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rhapsode::Model;
use rhapsode::SolveError;
use rhapsode::solve::{ErrorKind, Failure, Go, Method, Observer, Options, Passed, Save, integrate};
use rhapsode::system::ClosureSystem;

const SPRING: &str = "model spring\nparam w = 2\ninit x = 1, v = 0\nx' = v\nv' = -w^2*x\n";
const BALL: &str = "model ball\ninit h = 1, v = 0\nh' = v\nv' = -9.81\nwhen h < 0 { h := 0, v := -0.8*v }\n";

#[test]
fn dense_output_is_what_asked_for_times_give() {
    for (text, end) in [(SPRING, 3.0), (BALL, 2.0)] {
        let compiled = Model::parse(text).unwrap().compile().unwrap();
        for method in Method::ALL {
            // Interpolants of multistep methods miss the start of their step by up to the tolerance.
            let multistep = matches!(method, Method::Adams | Method::Bdf | Method::Auto);
            let close = if multistep { 1e-7 } else { 1e-10 };
            if method.is_second_order() && (text == BALL || *method != Method::Dprkn6) {
                continue;
            }
            let problem = compiled.problem().method(*method).rtol(1e-7).atol(1e-9);
            let dense = problem.clone().span(0.0..end).dense().solve().unwrap();
            let times: Vec<f64> = (0..=200).map(|k| end * f64::from(k) / 200.0).collect();
            let asked = problem.span(0.0..end).save(Save::At(times.clone())).solve().unwrap();
            let mut y = [0.0; 2];
            for (row, t) in times.iter().enumerate() {
                dense.dense().unwrap().state(*t, &mut y);
                for k in 0..2 {
                    let wanted = asked.state(k)[row];
                    assert!(
                        (y[k] - wanted).abs() < close * (1.0 + wanted.abs()),
                        "{} {t}: {y:?} {wanted}",
                        method.name()
                    );
                }
            }
            // At the points kept it is what was kept, to the last bit: of two at a jump the later.
            for (row, t) in dense.times().iter().enumerate() {
                if dense.times().get(row + 1) != Some(t) {
                    dense.dense().unwrap().state(*t, &mut y);
                    assert_eq!(y, [dense.state(0)[row], dense.state(1)[row]], "{} at {t}", method.name());
                }
            }
        }
    }
}

#[test]
fn dense_output_knows_states_left_out_by_conserved_sums() {
    let text = "model m\nparam k = 1\ninit A = 1, B = 0\nA -> B @ k\nsolve t = 0..2 { reduce = conserved }\n";
    let solution = Model::parse(text).unwrap().compile().unwrap().problem().dense().solve().unwrap();
    let mut y = [0.0; 2];
    solution.dense().unwrap().state(1.3, &mut y);
    assert!((y[0] + y[1] - 1.0).abs() < 1e-15 && (y[0] - (-1.3f64).exp()).abs() < 1e-5, "{y:?}");
}

#[test]
fn an_observer_sees_every_step_and_ends_the_run_where_it_says() {
    let system = ClosureSystem::new(2, 0, |_, y, _, dy| (dy[0], dy[1]) = (y[1], -y[0]));
    for (end, save) in [(10.0, Save::Steps), (-10.0, Save::Steps), (10.0, Save::At(vec![0.5, 1.0, 1.5, 2.0, 9.0]))] {
        let seen = Mutex::new(Vec::new());
        // Ends where the first component is 0.
        let observe: &Observer = &|step: &mut Passed| {
            let mut y = [0.0; 2];
            step.state(step.from(), &mut y);
            assert_eq!(y, step.start());
            step.state(step.to(), &mut y);
            assert_eq!(y, step.end());
            seen.lock().unwrap().push((step.from(), step.to()));
            if step.start()[0] * step.end()[0] > 0.0 {
                return Go::On;
            }
            let (mut a, mut b) = (step.from(), step.to());
            for _ in 0..60 {
                let middle = 0.5 * (a + b);
                step.state(middle, &mut y);
                if y[0] > 0.0 { a = middle } else { b = middle }
            }
            Go::StopAt(b)
        };
        let mut options = Options::new(0.0, end);
        (options.rtol, options.atol) = (1e-10, rhapsode::solve::Tolerance::Scalar(1e-12));
        (options.save, options.observe, options.dense) = (save.clone(), Some(observe), true);
        let solution = integrate(&system, &[1.0, 0.0], &[], &options).unwrap();
        let quarter = std::f64::consts::FRAC_PI_2 * end.signum();
        let last = *solution.times().last().unwrap();
        assert!((last - quarter).abs() < 1e-8, "{last}");
        assert!(solution.last()[0].abs() < 1e-9);
        assert!((solution.dense().unwrap().span().unwrap().1 - last).abs() == 0.0);
        if let Save::At(_) = save {
            assert_eq!(solution.times().len(), 4, "{:?}", solution.times());
        }
        let seen = seen.into_inner().unwrap();
        assert_eq!(seen[0].0, 0.0);
        assert!(seen.windows(2).all(|pair| pair[0].1 == pair[1].0), "{seen:?}");
    }
}

#[test]
fn a_host_is_asked_whether_to_go_on() {
    let compiled = Model::parse(SPRING).unwrap().compile().unwrap();
    let asked = AtomicU32::new(0);
    let third = || asked.fetch_add(1, Ordering::Relaxed) == 2;
    let problem = compiled.problem().span(0.0..1e9).max_time(Duration::from_secs(60)).save(Save::At(vec![1.0, 1e9]));
    match problem.interrupt(&third).solve() {
        Err(SolveError::Failed(failure)) => {
            assert_eq!(failure.kind, ErrorKind::Interrupted);
            assert_eq!(failure.partial.times(), [1.0]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[test]
fn arrays_are_set_as_a_whole() {
    let text = "model m\nindex i = 0..1\nindex j = 1..3\nparam W[i,j] = 1\ninit x[i] = 1\nx[i]' = -W[i,2]*x[i]\n";
    let compiled = Model::parse(text).unwrap().compile().unwrap();
    let refused = |name: &str, values: &[f64]| compiled.problem().set_array(name, values).err().unwrap();
    assert_eq!(refused("W", &[1.0; 5]), "`W` has 6 elements, found 5");
    assert_eq!(refused("V", &[1.0; 6]), "no parameter or state is called `V`");
    assert!(refused("W[0,1]", &[1.0, 2.0]).starts_with("no parameter or state is called `W[0,1]`"));
    let problem = compiled.problem().set_array("W", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    assert_eq!(problem.parameter_values().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let solution = problem.set_array("x", &[7.0, 8.0]).unwrap().span(0.0..1.0).solve().unwrap();
    assert_eq!((solution.state(0)[0], solution.state(1)[0]), (7.0, 8.0));
}

#[test]
fn initial_values_are_counted() {
    let compiled = Model::parse(SPRING).unwrap().compile().unwrap();
    assert_eq!(compiled.problem().initial(&[1.0]).err().unwrap(), "expected 2 initial values, found 1");
    let solution = compiled.problem().initial(&[2.0, 0.0]).unwrap().span(0.0..1.0).solve().unwrap();
    assert_eq!((solution.state(0)[0], solution.state(1)[0]), (2.0, 0.0));
}

#[test]
fn steps_are_pulled_and_are_those_of_the_run() {
    for (text, end) in [(SPRING, 3.0), (BALL, 2.0)] {
        let compiled = Model::parse(text).unwrap().compile().unwrap();
        for method in Method::ALL {
            if method.is_second_order() && (text == BALL || *method != Method::Dprkn6) {
                continue;
            }
            for save in [Save::Steps, Save::At(vec![0.3, 0.31, 1.7])] {
                let mut problem = compiled.problem().method(*method).rtol(1e-7).span(0.0..end).save(save);
                let whole = problem.clone().dense().solve().unwrap();
                let mut steps = problem.steps().unwrap();
                let (mut reached, mut inside, mut wanted) = (0.0, [0.0; 2], [0.0; 2]);
                for step in &mut steps {
                    let step = step.unwrap();
                    assert_eq!(step.from(), reached, "{}", method.name());
                    reached = step.to();
                    let t = step.from() + 0.4 * (step.to() - step.from());
                    step.state(t, &mut inside);
                    whole.dense().unwrap().state(t, &mut wanted);
                    assert_eq!(inside, wanted, "{} at {t}", method.name());
                    step.state(reached, &mut inside);
                    assert_eq!(inside, step.end());
                }
                assert_eq!(reached, end);
                assert_eq!(steps.statistics().steps, whole.statistics.steps);
                let solution = steps.into_solution();
                assert_eq!((solution.times(), solution.last()), (whole.times(), whole.last()), "{}", method.name());
                assert_eq!(solution.occurrences(), whole.occurrences());
                assert!(solution.dense().is_none());
            }
        }
    }
}

#[test]
fn steps_end_with_the_error_and_may_be_left() {
    let compiled = Model::parse("model m\ninit x = 1\nx' = x^2\n").unwrap().compile().unwrap();
    let mut problem = compiled.problem().span(0.0..2.0);
    let mut steps = problem.steps().unwrap();
    let (passed, errors): (Vec<_>, Vec<_>) = steps.by_ref().partition(Result::is_ok);
    // The last steps of all are shorter than time can tell.
    assert!(passed.len() > 100 && passed.len() as u64 <= steps.statistics().steps);
    let [Err(failure)] = &errors[..] else { panic!("{errors:?}") };
    assert!((failure.time - 1.0).abs() < 1e-3, "{failure}");
    assert!(steps.next().is_none());
    assert_eq!(steps.into_solution().times(), failure.partial.times());
    // What is left early is the solution so far, as a run over the whole span would begin.
    let mut steps = problem.steps().unwrap();
    let third = steps.by_ref().nth(2).unwrap().unwrap();
    let begun = steps.into_solution();
    assert_eq!((begun.len(), begun.times()[3], begun.last()), (4, third.to(), third.end().to_vec()));
    let mut wrong = compiled.problem().rtol(-1.0);
    assert!(matches!(wrong.steps().err(), Some(SolveError::Failed(Failure { kind: ErrorKind::Options(_), .. }))));
}
