//! Runs abreast are, bit for bit, what each is alone: whatever happens between their steps, whichever methods `auto` takes, in
//! any company.

mod common;
#[path = "common/lanes.rs"]
mod material;
#[path = "common/members.rs"]
mod members;

use std::sync::atomic::AtomicBool;

use rhapsode::solve::{Abreast, ErrorKind, Member, Method, Options, Save, Tolerance};
use rhapsode::{Backend, Compiled, Model};

use material::{FUNCTIONS, LORENZ, compile};
use members::{Found, as_alone, fingerprint, members, options};

/// Methods whose steps run in lanes, and the one that changes between them.
const METHODS: [Method; 7] =
    [Method::Auto, Method::Tsit5, Method::Dop853, Method::Vern9, Method::Taylor, Method::Rosenbrock23, Method::Rodas5P];

/// Bounces, at heights that differ, until it rests.
const BALL: &str = "param r = 0.8, g = 9.81\ninit h = 1, v = 0\nh' = v\nv' = -g\nwhen h < 0 { v := -r*v, h := 0 }";
/// Doses at known times, a threshold that ends the run, a quantity that events set.
const DOSES: &str = "
param k = 1, most = 2.3
init gut = 1, blood = 0
discrete given = 1
gut' = -k*gut
blood' = k*gut - 0.3*blood*given
every 0.5 from 0.5 to 4 { gut := gut + 0.4, given := given + 0.1 }
when blood > most { stop }
at 1.3 { blood := blood/2 }
output total = gut + blood
";
/// Branches that the state decides, and one that time does.
const BRANCHES: &str = "
param a = 0.3, b = 2
init x = 0.4, y = 1
x' = (if x > 0.7 then exp(-x) else y) + max(x, 0.2*t) - x*y
y' = -y*(if t >= 1.1 then a else b) + abs(x - 1)
";
const VAN_DER_POL: &str = "param m = 40\ninit x = 2, v = 0\nx' = v\nv' = m*(1 - x^2)*v - x";
const PENDULUM: &str = "param g = 9.81\ninit x = 0.6, y = -0.8, u = 0, v = 0, f = 1\nx' = u\ny' = v\n\
                        u' = -f*x\nv' = -f*y - g\n0 = u^2 + v^2 - f*(x^2 + y^2) - g*y";

fn together(compiled: &Compiled, members: &[Member], options: &Options) -> Vec<(usize, Found)> {
    let mut lanes = Abreast::new(compiled.system(), options).unwrap_or_else(|reason| panic!("{reason}"));
    let (mut rest, mut found) = (members.iter().cloned(), Vec::new());
    lanes.run(&mut || rest.next(), &mut |number, result| found.push((number, fingerprint(&result))));
    found
}

fn compare(name: &str, compiled: &Compiled, members: &[Member], options: &Options) -> Vec<Found> {
    as_alone(name, compiled, members, options, together)
}

#[test]
fn whatever_happens_happens_to_each() {
    for (name, text, end) in [("ball", BALL, 1.5), ("doses", DOSES, 5.0), ("branches", BRANCHES, 3.0)] {
        let compiled = compile(text, Backend::Jit);
        let members = members(&compiled, 13, (0.3, 0.2));
        let mut events = 0;
        for method in METHODS {
            // Where there are branches Taylor's steps are not one function.
            if Abreast::new(compiled.system(), &options(method, 1e-6, end, Save::Steps)).is_err() {
                assert_eq!((name, method), ("branches", Method::Taylor));
                continue;
            }
            let rtol = if method == Method::Rosenbrock23 { 1e-4 } else { 1e-7 };
            for save in [Save::Steps, Save::At(vec![0.0, 0.3, 0.5 * end, end])] {
                let found = compare(name, &compiled, &members, &options(method, rtol, end, save));
                events += found.iter().filter(|(words, _)| !words.contains("events: 0, located: 0")).count();
            }
        }
        assert!(events > 60, "{name}: something happened in {events} runs");
    }
}

#[test]
fn changes_of_method_are_those_of_each() {
    let compiled = compile(VAN_DER_POL, Backend::Jit);
    let mut members = members(&compiled, 15, (0.0, 0.2));
    for (k, member) in members.iter_mut().enumerate() {
        member.p = compiled.bind(&[[0.5, 40.0, 2000.0][k % 3] + k as f64]);
    }
    let found =
        compare("van der pol", &compiled, &members, &options(Method::Auto, 1e-6, 60.0, Save::At(vec![7.0, 60.0])));
    for methods in ["auto (Taylor)", "auto (Taylor+"] {
        assert!(found.iter().any(|(words, _)| words.contains(methods)), "no run was made with {methods}: {found:?}");
    }
    // Whole steps of Radau are several functions: those runs go on alone.
    let found = compare("tight", &compiled, &members, &options(Method::Auto, 1e-9, 60.0, Save::Steps));
    assert!(found.iter().any(|(words, _)| words.contains("Taylor") || words.contains("Vern9")), "{found:?}");
}

#[test]
fn a_failing_run_leaves_its_neighbours_alone() {
    // f is no number behind a time that depends on a parameter; a ball that is never still.
    let ending = "param a = 1\ninit x = 1\nx' = -sqrt(a - t)*x\nwhen x < 0.5 { x := 1 }";
    let compiled = compile(ending, Backend::Jit);
    let mut members = members(&compiled, 17, (0.9, 0.1));
    members[3].p = compiled.bind(&[f64::NAN]);
    members[6].y[0] = f64::INFINITY;
    members[8].y.pop();
    for method in METHODS {
        if Abreast::new(compiled.system(), &options(method, 1e-4, 1.0, Save::Steps)).is_ok() {
            let found = compare("ending", &compiled, &members, &options(method, 1e-4, 1.0, Save::At(vec![0.1, 1.0])));
            let failed = found.iter().filter(|(words, _)| words.contains("NotFinite")).count();
            assert!((4..15).contains(&failed), "{failed} failed");
        }
    }
    let ball = compile(BALL, Backend::Jit);
    let balls = self::members::members(&ball, 9, (0.05, 0.2));
    let found = compare("zeno", &ball, &balls, &options(Method::Auto, 1e-6, 20.0, Save::Steps));
    assert!(found.iter().any(|(words, _)| words.contains("Zeno")), "{found:?}");
    let mut few = options(Method::Auto, 1e-6, 1.5, Save::Steps);
    few.max_steps = 5;
    let found = compare("few steps", &ball, &balls, &few);
    assert!(found.iter().any(|(words, _)| words.contains("TooManySteps")), "{found:?}");
}

#[test]
fn algebraic_equations_breakpoints_and_open_ends() {
    let compiled = compile(PENDULUM, Backend::Jit);
    let members = members(&compiled, 7, (0.1, 0.0));
    for method in [Method::Auto, Method::Rodas5P] {
        let options = options(method, 1e-6, 2.0, Save::At(vec![1.0, 2.0]));
        if Abreast::new(compiled.system(), &options).is_ok() {
            compare("pendulum", &compiled, &members, &options);
        }
    }
    let compiled = compile(FUNCTIONS, Backend::Jit);
    let members = self::members::members(&compiled, 9, (0.2, 0.2));
    for method in [Method::Auto, Method::Dop853, Method::Rodas5P] {
        let mut broken = options(method, 1e-6, 3.0, Save::At(vec![1.0, 3.0]));
        broken.breakpoints = vec![0.7, 1.0, 2.9];
        compare("breakpoints", &compiled, &members, &broken);
        let mut steps = options(method, 1e-6, 3.0, Save::Steps);
        steps.dense = true;
        compare("dense", &compiled, &members, &steps);
    }
    let resting = compile("param k = 1\ninit x = 1, y = 0\nx' = -k*x\ny' = k*x - 2*y", Backend::Jit);
    let members = self::members::members(&resting, 9, (0.5, 0.2));
    compare("at rest", &resting, &members, &options(Method::Auto, 1e-6, f64::INFINITY, Save::Steps));
}

#[test]
fn reference_problems_are_the_same_abreast() {
    for problem in common::problems() {
        let compiled = Model::parse_named(&problem.name, &problem.text).unwrap().compile().unwrap();
        let (t0, t1) = problem.span;
        let t1 = t0 + 0.1 * (t1 - t0);
        let members = members(&compiled, 5, (0.0, 1e-3));
        let mut options = options(Method::Auto, 1e-5, t1, Save::At(vec![t0 + 0.3 * (t1 - t0), t1]));
        options.t0 = t0;
        options.breakpoints = problem.breakpoints.iter().copied().filter(|b| *b < t1).collect();
        match Abreast::new(compiled.system(), &options) {
            Ok(_) => {
                compare(&problem.name, &compiled, &members, &options);
            }
            Err(reason) => assert!(reason.contains("no step of one function"), "{}: {reason}", problem.name),
        }
    }
}

#[test]
fn what_cannot_go_abreast_says_why_and_a_cancelled_run_ends() {
    let compiled = compile(LORENZ, Backend::Jit);
    let reason = |method| Abreast::new(compiled.system(), &options(method, 1e-6, 1.0, Save::Steps)).err();
    assert_eq!(reason(Method::Auto), None);
    assert_eq!(reason(Method::Bdf), Some("BDF has no step of one function for this system".to_string()));
    let delayed = compile("init x(t) = 1\nx' = -x(t - 1)", Backend::Jit);
    let refused = Abreast::new(delayed.system(), &options(Method::Auto, 1e-6, 1.0, Save::Steps)).err();
    assert!(refused.is_some_and(|reason| reason.contains("at other times")));
    let mut senseless = options(Method::Auto, 1e-6, 1.0, Save::Steps);
    senseless.atol = Tolerance::PerState(vec![1e-9; 2]);
    let refused = Abreast::new(compiled.system(), &senseless).err();
    assert_eq!(refused, Some("expected 3 absolute tolerances, found 2".to_string()));
    let flag = AtomicBool::new(true);
    let mut cancelled = options(Method::Auto, 1e-6, 1.0, Save::Steps);
    cancelled.cancel = Some(&flag);
    let (members, mut kinds) = (members(&compiled, 7, (0.1, 0.1)), Vec::new());
    let (mut lanes, mut rest) = (Abreast::new(compiled.system(), &cancelled).unwrap(), members.into_iter());
    lanes.run(&mut || rest.next(), &mut |_, result| kinds.extend(result.err().map(|failure| failure.kind)));
    assert_eq!(kinds, vec![ErrorKind::Interrupted; 7]);
}
