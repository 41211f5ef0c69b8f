//! The order every method shows: slopes of the error at fixed steps, at the ends of steps and inside them. The algebra is
//! in `order.rs`.

use rhapsode::solve::collocation::{Radau, RadauStepper};
use rhapsode::solve::esdirk::{Esdirk, EsdirkStepper};
use rhapsode::solve::explicit::ExplicitStepper;
use rhapsode::solve::low_storage::LowStorageStepper;
use rhapsode::solve::methods::radau::{RADAU5, RADAU9, RADAU13};
use rhapsode::solve::methods::{bdf::Bdf, bosh3::BOSH3, dop853::DOP853, tsit5::TSIT5, vern7::VERN7, vern9::VERN9};
use rhapsode::solve::methods::{kencarp4::KENCARP4, kvaerno5::KVAERNO5, trbdf2::TRBDF2};
use rhapsode::solve::methods::{rdpk3sp49::RDPK3SP49, rkc::Rkc};
use rhapsode::solve::methods::{rodas4::RODAS4, rodas5p::RODAS5P, rosenbrock23::ROSENBROCK23};
use rhapsode::solve::problem::Problem;
use rhapsode::solve::rosenbrock::{Rosenbrock, RosenbrockStepper};
use rhapsode::solve::stepper::Stepper;
use rhapsode::solve::tableau::Explicit;
use rhapsode::solve::{Options, Tolerance};
use rhapsode::system::{ClosureSystem, System};

/// A nonlinear, non-autonomous problem with a known solution: y1 = exp(sin t), y2 = cos t.
fn nonlinear() -> ClosureSystem {
    ClosureSystem::new(2, 0, |t, y, _, dy| {
        dy[0] = y[0] * t.cos() * (1.0 + y[1] - t.cos());
        dy[1] = -t.sin() * y[0] * y[0] * (-2.0 * t.sin()).exp();
    })
    .with_jacobian(|t, y, _, j| {
        j[0] = t.cos() * (1.0 + y[1] - t.cos());
        j[1] = -2.0 * t.sin() * y[0] * (-2.0 * t.sin()).exp();
        j[2] = y[0] * t.cos();
        j[3] = 0.0;
    })
    .with_time_derivative(|t, y, _, ft| {
        let (s, c) = t.sin_cos();
        ft[0] = -y[0] * s * (1.0 + y[1] - c) + y[0] * c * s;
        ft[1] = (2.0 * s * c - c) * y[0] * y[0] * (-2.0 * s).exp();
    })
}

fn exact(t: f64) -> [f64; 2] {
    [t.sin().exp(), t.cos()]
}

/// The same in two parts, the stiff one with some of either equation.
fn in_parts() -> ClosureSystem {
    let explicit = ClosureSystem::new(2, 0, |t, y, _, dy| {
        dy[0] = y[0] * t.cos() * (1.0 + y[1] - t.cos()) + 2.0 * y[0] * y[1];
        dy[1] = 3.0 * y[1];
    });
    let implicit = ClosureSystem::new(2, 0, |t, y, _, dy| {
        dy[0] = -2.0 * y[0] * y[1];
        dy[1] = -t.sin() * y[0] * y[0] * (-2.0 * t.sin()).exp() - 3.0 * y[1];
    });
    let implicit = implicit.with_jacobian(|t, y, _, j| {
        j.copy_from_slice(&[-2.0 * y[1], -2.0 * t.sin() * y[0] * (-2.0 * t.sin()).exp(), -2.0 * y[0], -3.0]);
    });
    nonlinear().with_split(explicit, implicit)
}

/// A linear one: y' = -2 y + 2 cos t - sin t, y = cos t.
fn linear() -> ClosureSystem {
    ClosureSystem::new(2, 0, |t, y, _, dy| {
        dy[0] = -2.0 * (y[0] - t.sin().exp()) + t.cos() * t.sin().exp();
        dy[1] = -2.0 * (y[1] - t.cos()) - t.sin();
    })
    .with_jacobian(|_, _, _, j| j.copy_from_slice(&[-2.0, 0.0, 0.0, -2.0]))
    .with_time_derivative(|t, _, _, ft| {
        let e = t.sin().exp();
        ft[0] = 2.0 * t.cos() * e + (t.cos().powi(2) - t.sin()) * e;
        ft[1] = -2.0 * t.sin() - t.cos();
    })
}

fn error(y: &[f64], t: f64) -> f64 {
    y.iter().zip(exact(t)).map(|(y, e)| (y - e).abs()).fold(0.0, f64::max)
}

/// Largest errors at the ends and in the middles of `steps` equal steps over (0, 2).
fn run(system: &dyn System, make: &dyn Fn(&Problem) -> Box<dyn Stepper>, steps: u32) -> (f64, f64) {
    let h = 2.0 / f64::from(steps);
    let mut options = Options::new(0.0, 2.0);
    // Every step is accepted; the largest step is the step.
    (options.rtol, options.atol, options.max_step) = (0.9, Tolerance::Scalar(1e6), h);
    let mut problem = Problem::new(system, &[], &options);
    let mut stepper = make(&problem);
    stepper.start(&mut problem, 0.0, &exact(0.0), h).unwrap();
    let (mut t, mut ends, mut dense) = (0.0, 0.0f64, 0.0f64);
    for k in 1..=steps {
        let end = if k == steps { 2.0 } else { f64::from(k) * h };
        stepper.step(&mut problem, end).unwrap();
        let middle = 0.5 * (t + stepper.t());
        let mut y = [0.0; 2];
        stepper.interpolate(&mut problem, middle, &mut y);
        dense = dense.max(error(&y, middle));
        t = stepper.t();
        ends = ends.max(error(stepper.y(), t));
    }
    assert_eq!(t, 2.0);
    (ends, dense)
}

/// The tolerances of `run` are so lax that an iteration would stop at once; in their units this is 1e-14.
const EXACT: f64 = 1e-20;

/// Makes a stepper for a problem.
type Maker = Box<dyn Fn(&Problem) -> Box<dyn Stepper>>;

fn explicit(method: &'static Explicit) -> Maker {
    Box::new(move |problem| Box::new(ExplicitStepper::new(method, problem)))
}

fn rosenbrock(method: &'static Rosenbrock) -> Maker {
    Box::new(move |problem| Box::new(RosenbrockStepper::new(method, problem).unwrap()))
}

fn esdirk(method: &'static Esdirk) -> Maker {
    Box::new(move |problem| Box::new(EsdirkStepper::new(method, problem).unwrap().iterate_to(EXACT)))
}

fn radau(family: &'static [&'static Radau]) -> Maker {
    // Their transformation magnifies rounding.
    let make = move |problem: &Problem| RadauStepper::new("Radau", family, problem).unwrap().iterate_to(10.0 * EXACT);
    Box::new(move |problem| Box::new(make(problem)))
}

#[test]
fn one_step_methods_show_their_order() {
    // Name, stepper, order, order of the dense output's global error, numbers of steps.
    let methods = [
        ("Bosh3", explicit(&BOSH3), 3.0, 3.0, (80, 160)),
        ("Tsit5", explicit(&TSIT5), 5.0, 5.0, (40, 80)),
        ("Vern7", explicit(&VERN7), 7.0, 7.0, (10, 20)),
        ("Vern9", explicit(&VERN9), 9.0, 9.0, (4, 8)),
        ("RDPK3Sp49", Box::new(|p| Box::new(LowStorageStepper::new(&RDPK3SP49, p.dim()))), 4.0, 4.0, (40, 80)),
        ("RKC", Box::new(|p| Box::new(Rkc::new(p.dim()))), 2.0, 2.0, (100, 200)),
        ("DOP853", explicit(&DOP853), 8.0, 8.0, (5, 10)),
        ("Rosenbrock23", rosenbrock(&ROSENBROCK23), 2.0, 2.0, (160, 320)),
        ("Rodas4", rosenbrock(&RODAS4), 4.0, 4.0, (40, 80)),
        ("Rodas5P", rosenbrock(&RODAS5P), 5.0, 5.0, (40, 80)),
        ("TRBDF2", esdirk(&TRBDF2), 2.0, 2.0, (160, 320)),
        ("KenCarp4", esdirk(&KENCARP4), 4.0, 4.0, (40, 80)),
        ("Kvaerno5", esdirk(&KVAERNO5), 5.0, 5.0, (40, 80)),
        ("RadauIIA5", radau(&[&RADAU5]), 5.0, 4.0, (20, 40)),
        ("Radau9", radau(&[&RADAU9]), 9.0, 6.0, (6, 12)),
    ];
    for (name, make, order, dense_order, (coarse, fine)) in methods {
        for (kind, system) in [("linear", linear()), ("nonlinear", nonlinear())] {
            let (a, b) = (run(&system, &make, coarse), run(&system, &make, fine));
            let (slope, dense) = ((a.0 / b.0).log2(), (a.1 / b.1).log2());
            println!(
                "{name} {kind}: slope {slope:.2} ({:.1e} {:.1e}), dense {dense:.2} ({:.1e} {:.1e})",
                a.0, b.0, a.1, b.1
            );
            // A method may do better than its order on a problem, never worse.
            assert!(slope > order - 0.2, "{name} {kind}: slope {slope}");
            assert!(dense > dense_order - 0.25, "{name} {kind}: dense slope {dense}");
        }
    }
}

#[test]
fn kencarp4_keeps_its_order_in_parts() {
    let (system, make) = (in_parts(), esdirk(&KENCARP4));
    let (a, b) = (run(&system, &make, 40), run(&system, &make, 80));
    let (slope, dense) = ((a.0 / b.0).log2(), (a.1 / b.1).log2());
    println!("slope {slope:.2} ({:.1e} {:.1e}), dense {dense:.2}", a.0, b.0);
    assert!(slope > 3.8 && dense > 3.75, "slopes {slope}, {dense}");
    // The other way of taking it apart leaves other errors: the parts are what is integrated.
    assert_ne!(b.0, run(&nonlinear(), &make, 80).0);
}

#[test]
fn bdf_shows_the_order_it_is_held_at() {
    for order in 1..=5usize {
        for (kind, system) in [("linear", linear()), ("nonlinear", nonlinear())] {
            let make = |problem: &Problem| -> Box<dyn Stepper> {
                let mut bdf = Bdf::new(problem).unwrap();
                bdf.hold(order, |t| exact(t).to_vec());
                Box::new(bdf)
            };
            let (a, b) = (run(&system, &make, 200), run(&system, &make, 400));
            let slope = (a.0 / b.0).log2();
            println!("BDF{order} {kind}: slope {slope:.2} ({:.1e} {:.1e}), dense {:.2}", a.0, b.0, (a.1 / b.1).log2());
            assert!(slope > order as f64 - 0.2, "order {order} {kind}: {slope}");
        }
    }
}

/// Largest error inside one step h from the exact solution at a time: the local error of the dense output.
fn inside(system: &dyn System, make: &dyn Fn(&Problem) -> Box<dyn Stepper>, start: f64, h: f64) -> f64 {
    let mut options = Options::new(start, start + h);
    (options.rtol, options.atol) = (0.9, Tolerance::Scalar(1e6));
    let mut problem = Problem::new(system, &[], &options);
    let mut stepper = make(&problem);
    stepper.start(&mut problem, start, &exact(start), h).unwrap();
    stepper.step(&mut problem, start + h).unwrap();
    let mut y = [0.0; 2];
    let at = |theta: f64| {
        stepper.interpolate(&mut problem, start + theta * h, &mut y);
        error(&y, start + theta * h)
    };
    [0.2, 0.4, 0.5, 0.6, 0.8].map(at).into_iter().fold(0.0, f64::max)
}

/// Once around the unit circle at a speed that depends on t: y = (cos φ, sin φ), φ = 1.5 t − 0.2 cos t; linear, or with a
/// factor 0.9 + 0.1 (y1² + y2²) that is 1 on the solution.
fn circle(linear: bool) -> ClosureSystem {
    let factor = move |y: &[f64]| if linear { 1.0 } else { 0.9 + 0.1 * (y[0] * y[0] + y[1] * y[1]) };
    let speed = |t: f64| 1.5 + 0.2 * t.sin();
    ClosureSystem::new(2, 0, move |t, y, _, dy| {
        let speed = speed(t) * factor(y);
        (dy[0], dy[1]) = (-speed * y[1], speed * y[0]);
    })
    .with_jacobian(move |t, y, _, j| {
        let (speed, r) = (speed(t), factor(y));
        let slope = if linear { 0.0 } else { 0.2 * speed };
        j[0] = -slope * y[0] * y[1];
        j[1] = speed * r + slope * y[0] * y[0];
        j[2] = -speed * r - slope * y[1] * y[1];
        j[3] = slope * y[0] * y[1];
    })
}

#[test]
fn radau13_shows_its_order_in_single_steps() {
    // From a few long steps to rounding there is no room for a slope of 13; errors of single steps, the largest of many
    // starts, fall as h^14.
    let exact = |t: f64| {
        let (sin, cos) = (1.5 * t - 0.2 * t.cos()).sin_cos();
        [cos, sin]
    };
    for kind in ["linear", "nonlinear"] {
        let system = circle(kind == "linear");
        let error = |start: f64, h: f64| {
            let mut options = Options::new(start, start + h);
            (options.rtol, options.atol) = (0.9, Tolerance::Scalar(1e6));
            let mut problem = Problem::new(&system, &[], &options);
            let mut stepper = radau(&[&RADAU13])(&problem);
            stepper.start(&mut problem, start, &exact(start), h).unwrap();
            stepper.step(&mut problem, start + h).unwrap();
            assert_eq!(stepper.t(), start + h, "one step");
            let end = exact(start + h);
            stepper.y().iter().zip(end).map(|(y, e)| (y - e).abs()).fold(0.0, f64::max)
        };
        let most = |h: f64| (0..62).map(|k| error(0.1 * f64::from(k), h)).fold(0.0, f64::max);
        let (a, b) = (most(1.0), most(0.8));
        let slope = (a / b).ln() / (1.0f64 / 0.8).ln();
        println!("Radau13 {kind}: local slope at the end {slope:.2} ({a:.1e} {b:.1e})");
        assert!((slope - 14.0).abs() < 0.25, "{kind}: slope {slope}");
    }
}

#[test]
fn dense_outputs_show_their_order_inside_one_step() {
    let methods = [
        ("Bosh3", explicit(&BOSH3), 3.0, 0.05),
        ("Tsit5", explicit(&TSIT5), 4.0, 0.05),
        ("Vern7", explicit(&VERN7), 7.0, 0.2),
        ("Vern9", explicit(&VERN9), 9.0, 0.6),
        ("DOP853", explicit(&DOP853), 7.0, 0.2),
        ("Rosenbrock23", rosenbrock(&ROSENBROCK23), 2.0, 0.01),
        ("Rodas4", rosenbrock(&RODAS4), 3.0, 0.05),
        ("Rodas5P", rosenbrock(&RODAS5P), 4.0, 0.05),
        ("TRBDF2", esdirk(&TRBDF2), 2.0, 0.01),
        ("KenCarp4", esdirk(&KENCARP4), 3.0, 0.05),
        ("Kvaerno5", esdirk(&KVAERNO5), 4.0, 0.05),
        ("RadauIIA5", radau(&[&RADAU5]), 3.0, 0.05),
        ("Radau9", radau(&[&RADAU9]), 5.0, 0.1),
        ("Radau13", radau(&[&RADAU13]), 7.0, 0.3),
    ];
    for (name, make, order, h) in methods {
        for (kind, system) in [("linear", linear()), ("nonlinear", nonlinear())] {
            let most =
                |h: f64| [0.3, 0.9, 1.5].iter().map(|start| inside(&system, &make, *start, h)).fold(0.0, f64::max);
            let (a, b) = (most(h), most(0.5 * h));
            let slope = (a / b).log2();
            println!("{name} {kind}: local slope {slope:.2} ({a:.1e} {b:.1e})");
            // The leading terms of Verner's interpolants are so small that those behind them show.
            let most = if name.starts_with("Vern") { 2.5 } else { 0.2 };
            assert!(slope > order + 0.8, "{name} {kind}: slope {slope}, not {}", order + 1.0);
            assert!(slope < order + 1.0 + most, "{name} {kind}: slope {slope}, not {}", order + 1.0);
        }
    }
}
