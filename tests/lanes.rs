//! Trajectories in lanes are, bit for bit, what each is alone: whatever the method, the neighbours, their number and order,
//! also where some fail or need pivots of their own.

mod common;
#[path = "common/lanes.rs"]
mod material;
#[path = "common/members.rs"]
mod members;

use rhapsode::solve::methods;
use rhapsode::solve::{ErrorKind, Lanes, Member, Method, Options, Save, Tolerance};
use rhapsode::system::{EXTRA, LIMITS};
use rhapsode::{Backend, Compiled, Model};

use material::{FUNCTIONS, LORENZ, Random, compile};
use members::{Found, as_alone, fingerprint, members, options};

/// The methods whose steps run in lanes, and whether they are for stiff problems.
const METHODS: [(Method, bool); 9] = [
    (Method::Bosh3, false),
    (Method::Tsit5, false),
    (Method::Vern7, false),
    (Method::Dop853, false),
    (Method::Vern9, false),
    (Method::Taylor, false),
    (Method::Rosenbrock23, true),
    (Method::Rodas4, true),
    (Method::Rodas5P, true),
];

const VAN_DER_POL: &str = "param m = 5\ninit x = 2, v = 0\nx' = v\nv' = m*(1 - x^2)*v - x";
/// f is no number behind a time that depends on a parameter.
const ENDING: &str = "param a = 1, s = 0\ninit x = 1, y = 1\nx' = -sqrt(a - t)*x + s*y\ny' = -y";

fn together(compiled: &Compiled, members: &[Member], options: &Options) -> Vec<(usize, Found)> {
    let mut lanes = Lanes::<f64>::new(compiled.system(), options).unwrap_or_else(|reason| panic!("{reason}"));
    let mut rest = members.iter().cloned();
    let mut found = Vec::new();
    lanes.run(&mut || rest.next(), &mut |number, result| found.push((number, fingerprint(&result))));
    found
}

fn compare(name: &str, compiled: &Compiled, members: &[Member], options: &Options) -> Vec<Found> {
    as_alone(name, compiled, members, options, together)
}

#[test]
fn every_lane_is_what_it_is_alone() {
    let times = |end: f64| Save::At(vec![0.0, 0.1 * end, 0.11 * end, 0.5 * end, end, end]);
    for backend in [Backend::Jit, Backend::Interpret] {
        for (name, text, end) in [("lorenz", LORENZ, 2.0), ("mixed", FUNCTIONS, 3.0), ("van der pol", VAN_DER_POL, 8.0)]
        {
            let compiled = compile(text, backend);
            let members = members(&compiled, 23, (0.6, 0.3));
            for (method, _) in METHODS {
                let rtol = if matches!(method, Method::Bosh3 | Method::Rosenbrock23) { 1e-4 } else { 1e-7 };
                for save in [Save::Steps, times(end), Save::At(Vec::new())] {
                    compare(name, &compiled, &members, &options(method, rtol, end, save));
                }
            }
        }
    }
}

/// Conditions of every kind, on the state and on time.
const BRANCHES: &str = "
param a = 0.3, b = 2
init x = 0.4, y = 1, z = -0.2
x' = (if x > 0.5 and not (y <= 1) then exp(-z) else sqrt(abs(z))) + max(x, min(y, 0.2*t))
y' = -y*(if t >= 0.1 or x == z then a else b) + sign(z) + floor(3*x) - ceil(y*z)
z' = clamp(x*y, 0, 0.3) + (if x != y then log(1 + abs(x)) else pow(abs(y), a))
";

#[test]
fn a_step_of_several_is_the_step_of_one() {
    for backend in [Backend::Jit, Backend::Interpret] {
        for text in [BRANCHES, FUNCTIONS, LORENZ] {
            let compiled = compile(text, backend);
            let system = compiled.system();
            let (n, mut random) = (system.shape().dim(), Random(11));
            let explicit =
                methods::tableau(Method::Dop853).and_then(|tableau| system.explicit_step(&tableau.formula()));
            let rosenbrock = system.rosenbrock_step(&methods::rodas5p::RODAS5P.formula());
            for (step, extra) in [(explicit.unwrap(), 0), (rosenbrock.unwrap(), n + EXTRA)] {
                let lanes = step.lanes().unwrap();
                let count = lanes.lanes();
                let members = members(&compiled, count, (0.5, 0.5));
                let side = |columns: &[Vec<f64>]| -> Vec<f64> {
                    (0..columns[0].len()).flat_map(|j| columns.iter().map(move |column| column[j])).collect()
                };
                // Often enough for both to become native code on the way.
                for _ in 0..2_000 {
                    let mut scratch = vec![0.0; system.shape().work];
                    let (mut points, mut stages, mut limits, mut expected) = (vec![], vec![], vec![], vec![]);
                    for member in &members {
                        let (t, h) = (random.next(), 0.05 * random.next());
                        let mut f = vec![0.0; n];
                        system.rhs(t, &member.y, &member.p, &mut scratch, &mut f);
                        let mut own = vec![h, 1e-6, f64::NEG_INFINITY, f64::INFINITY];
                        own.resize(LIMITS + n, 1e-8);
                        let mut point = member.y.clone();
                        point.resize(n + extra, 0.0);
                        point[extra..].copy_from_slice(&f);
                        point[..n].copy_from_slice(&member.y);
                        let mut w = vec![0.0; step.work()];
                        w[..n].copy_from_slice(&f);
                        let mut out = vec![0.0; n + EXTRA + extra];
                        step.attempt(t, &point, &member.p, &own, &mut w, &mut out);
                        out.truncate(n + EXTRA.max(extra));
                        expected.push(out);
                        points.push(point);
                        stages.push(f);
                        limits.push([vec![t], own].concat());
                    }
                    let parameters: Vec<_> = members.iter().map(|member| member.p.clone()).collect();
                    let mut w = vec![0.0; lanes.work()];
                    w[..n * count].copy_from_slice(&side(&stages));
                    let mut out = vec![0.0; count * (n + EXTRA + extra)];
                    lanes.attempt(&side(&points), &side(&parameters), &side(&limits), &mut w, &mut out);
                    let expected = side(&expected);
                    for (k, (e, f)) in expected.iter().zip(&out).enumerate() {
                        assert!(e.to_bits() == f.to_bits() || (e.is_nan() && f.is_nan()), "{text} {k}: {e:e} {f:e}");
                    }
                }
            }
        }
    }
}

#[test]
fn long_and_short_trajectories_share_lanes() {
    // The periods, and so the steps, differ a hundredfold.
    let compiled = compile(VAN_DER_POL, Backend::Jit);
    let mut members = members(&compiled, 19, (0.0, 0.2));
    for (k, member) in members.iter_mut().enumerate() {
        member.p = compiled.bind(&[[0.1, 300.0, 3.0, 30.0][k % 4] + k as f64]);
    }
    for method in [Method::Dop853, Method::Rodas5P] {
        let found = compare("uneven", &compiled, &members, &options(method, 1e-6, 20.0, Save::At(vec![7.0, 20.0])));
        assert!(found.len() == 19);
    }
}

#[test]
fn a_failing_lane_leaves_its_neighbours_alone() {
    let compiled = compile(ENDING, Backend::Jit);
    let mut members = members(&compiled, 21, (0.0, 0.1));
    let mut random = Random(3);
    for member in &mut members {
        // About half of them end before t = 2.
        member.p = compiled.bind(&[2.0 + 1.5 * random.next(), 0.1]);
    }
    members[4].p = compiled.bind(&[f64::NAN, 0.1]);
    members[9].y[1] = f64::INFINITY;
    members[11].y.pop();
    for (method, _) in METHODS {
        let options = options(method, 1e-4, 2.0, Save::At(vec![0.1, 1.0, 2.0]));
        let found = compare("ending", &compiled, &members, &options);
        let failed = found.iter().filter(|(end, _)| end.contains("NotFinite") || end.contains("Derivative")).count();
        assert!((4..18).contains(&failed), "{failed} failed: {found:?}");
    }
    let mut few = options(Method::Tsit5, 1e-6, 2.0, Save::Steps);
    few.max_steps = 12;
    let found = compare("few steps", &compiled, &members, &few);
    assert!(found.iter().any(|(end, _)| end.contains("TooManySteps")), "{found:?}");
    let mut little = options(Method::Dop853, 1e-6, 2.0, Save::Steps);
    little.max_memory = 200;
    let found = compare("little memory", &compiled, &members, &little);
    assert!(found.iter().any(|(end, _)| end.contains("Memory")), "{found:?}");
}

#[test]
fn a_lane_with_bad_pivots_takes_that_step_by_itself() {
    // 1/(γh) is what stands on the diagonal of J at the first step, of some: W has zeros there.
    let compiled = compile("param r = 4\ninit x = 1, y = 0.5\nx' = r*x + y\ny' = r*y - x", Backend::Jit);
    let mut members = members(&compiled, 9, (0.0, 0.1));
    for (k, member) in members.iter_mut().enumerate() {
        member.p = compiled.bind(&[[4.0, 3.0, 4.0, 2.0, -1.0][k % 5]]);
    }
    let mut options = options(Method::Rodas5P, 1e-8, 3.0, Save::At(vec![0.2, 3.0]));
    options.first_step = Some(1.0 / (methods::rodas5p::RODAS5P.gamma * 4.0));
    let found = compare("bad pivots", &compiled, &members, &options);
    assert!(found.iter().any(|(end, _)| !end.contains("fallbacks: 0")), "{found:?}");
}

#[test]
fn reference_problems_are_the_same_in_lanes() {
    for problem in common::problems().into_iter().filter(|problem| problem.breakpoints.is_empty()) {
        let compiled = Model::parse_named(&problem.name, &problem.text).unwrap().compile().unwrap();
        let (t0, t1) = problem.span;
        // A tenth of the way is as good as all of it.
        let t1 = t0 + 0.1 * (t1 - t0);
        let members = members(&compiled, 6, (0.0, 1e-3));
        for (method, stiff) in METHODS.into_iter().filter(|(_, stiff)| *stiff || !problem.stiff) {
            let mut options =
                options(method, if stiff { 1e-5 } else { 1e-6 }, t1, Save::At(vec![t0 + 0.3 * (t1 - t0), t1]));
            options.t0 = t0;
            match Lanes::<f64>::new(compiled.system(), &options) {
                Ok(_) => {
                    compare(&problem.name, &compiled, &members, &options);
                }
                Err(reason) => {
                    assert!(reason.contains("no step") || reason.contains("switches"), "{}: {reason}", problem.name);
                }
            }
        }
    }
}

#[test]
fn what_cannot_go_in_lanes_says_why() {
    let reason = |text: &str, change: &dyn Fn(&mut Options)| {
        let compiled = compile(text, Backend::Jit);
        let mut options = options(Method::Tsit5, 1e-6, 1.0, Save::Steps);
        change(&mut options);
        Lanes::<f64>::new(compiled.system(), &options).err().unwrap_or_default()
    };
    let plain = "init x = 1\nx' = -x";
    assert_eq!(reason(plain, &|_| ()), "");
    let event = format!("{plain}\nwhen x < 0.5 {{ x := 1 }}");
    assert_eq!(reason(&event, &|_| ()), "events and switches are looked for step by step");
    let delay = "init x(t) = 1\nx' = -x(t - 1)";
    assert_eq!(reason(delay, &|_| ()), "what is read at other times has another value at each stage");
    let algebraic = "init x = 1, z = 1\nx' = -z\n0 = z^3 + z - x";
    assert_eq!(reason(algebraic, &|o| o.method = Method::Rodas5P), "algebraic equations are solved point by point");
    assert_eq!(reason(plain, &|o| o.t1 = f64::INFINITY), "the end is found step by step");
    assert_eq!(reason(plain, &|o| o.dense = true), "every step is looked at");
    assert_eq!(reason(plain, &|o| o.breakpoints = vec![0.5]), "the run has breakpoints");
    let bdf = "BDF is no explicit Runge–Kutta, Rosenbrock or Taylor method";
    assert_eq!(reason(plain, &|o| o.method = Method::Bdf), bdf);
    let tolerances = "expected 1 absolute tolerances, found 2";
    assert_eq!(reason(plain, &|o| o.atol = Tolerance::PerState(vec![1e-9; 2])), tolerances);
    let large = "index i = 1..100\ninit x[i] = i\nx[i]' = -x[i]";
    assert_eq!(reason(large, &|_| ()), "Tsit5 has no step of one function for this system");
}

#[test]
fn a_cancelled_run_ends_every_lane() {
    let compiled = compile(LORENZ, Backend::Jit);
    let flag = std::sync::atomic::AtomicBool::new(true);
    let mut options = options(Method::Tsit5, 1e-6, 1.0, Save::Steps);
    options.cancel = Some(&flag);
    let mut lanes = Lanes::<f64>::new(compiled.system(), &options).unwrap();
    let (members, mut kinds) = (members(&compiled, 7, (0.1, 0.1)), Vec::new());
    let mut rest = members.into_iter();
    lanes.run(&mut || rest.next(), &mut |_, result| kinds.extend(result.err().map(|failure| failure.kind)));
    assert_eq!(kinds, vec![ErrorKind::Interrupted; 7]);
}
