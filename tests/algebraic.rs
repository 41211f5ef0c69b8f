//! Algebraic equations in the solvers, on hand-written systems: order, consistent initial values, refusals.

use rhapsode::solve::{ErrorKind, Method, Options, Save, Tolerance, integrate};
use rhapsode::system::ClosureSystem;

/// x' = −x + z − sin t, 0 = z − x² (1 + x) + … made so that x = cos t, z = cos t + cos² t/(1 + t) solves it.
fn index_one() -> ClosureSystem {
    // x' = (z − x²/(1 + t)) − x − sin t, 0 = (z − x − x²/(1 + t))·(2 + z²)
    ClosureSystem::new(2, 0, |t, y, _, f| {
        let (x, z) = (y[0], y[1]);
        f[0] = z - x * x / (1.0 + t) - x - t.sin();
        f[1] = (z - x - x * x / (1.0 + t)) * (2.0 + z * z);
    })
    .with_jacobian(|t, y, _, j| {
        let (x, z) = (y[0], y[1]);
        let g = z - x - x * x / (1.0 + t);
        j[0] = -2.0 * x / (1.0 + t) - 1.0;
        j[1] = (-1.0 - 2.0 * x / (1.0 + t)) * (2.0 + z * z);
        j[2] = 1.0;
        j[3] = 2.0 + z * z + 2.0 * z * g;
    })
    .with_time_derivative(|t, y, _, ft| {
        let (x, z) = (y[0], y[1]);
        let slope = x * x / ((1.0 + t) * (1.0 + t));
        ft[0] = slope - t.cos();
        ft[1] = slope * (2.0 + z * z);
    })
    .with_algebraic(&[1])
}

fn exact(t: f64) -> [f64; 2] {
    let x = t.cos();
    [x, x + x * x / (1.0 + t)]
}

fn methods() -> impl Iterator<Item = Method> {
    Method::ALL.iter().copied().filter(|method| method.suits_stiff())
}

#[test]
fn errors_fall_with_the_tolerance_and_at_points_between() {
    let system = index_one();
    for method in methods() {
        let error = |rtol: f64, save: Save| {
            let options = Options { method, rtol, atol: Tolerance::Scalar(rtol), save, ..Options::new(0.0, 5.0) };
            let solution = integrate(&system, &[1.0, 0.0], &[], &options).unwrap_or_else(|e| panic!("{method:?}: {e}"));
            let rows = solution.times().iter().enumerate();
            rows.fold([0.0f64; 2], |worst, (k, t)| {
                let e = exact(*t);
                [0, 1].map(|j| worst[j].max((solution.state(j)[k] - e[j]).abs()))
            })
        };
        let between = || Save::At((0..=50).map(|k| 0.1 * f64::from(k)).collect());
        let largest = |[x, z]: [f64; 2]| x.max(z);
        let errors = [1e-4, 1e-8].map(|rtol| (largest(error(rtol, Save::Steps)), largest(error(rtol, between()))));
        println!("{:14} at steps {:9.1e} {:9.1e}", method.name(), errors[0].0, errors[1].0);
        println!("{:14} between  {:9.1e} {:9.1e}", method.name(), errors[0].1, errors[1].1);
        for (loose, tight) in [(errors[0].0, errors[1].0), (errors[0].1, errors[1].1)] {
            assert!(loose < 50.0 * 1e-4 && tight < loose * 10f64.powf(-0.6 * 4.0), "{method:?}: {loose:e} {tight:e}");
        }
    }
}

#[test]
fn a_wrong_guess_is_mended_and_told() {
    let options = Options::new(0.0, 1.0);
    let solution = integrate(&index_one(), &[1.0, 17.0], &[], &options).unwrap();
    let [(state, given, used)] = solution.statistics.adjusted.as_slice() else { panic!("one value changes") };
    assert_eq!((state.as_str(), *given), ("y2", 17.0));
    assert!((used - 2.0).abs() < 1e-12, "{used}");
}

#[test]
fn equations_without_a_solution_are_named() {
    // 0 = z² + 1 + x² has none.
    let system = ClosureSystem::new(2, 0, |_, y, _, f| {
        f[0] = -y[0];
        f[1] = y[1] * y[1] + 1.0 + y[0] * y[0];
    })
    .with_algebraic(&[1]);
    for method in methods() {
        let options = Options { method, ..Options::new(0.0, 1.0) };
        let failure = integrate(&system, &[1.0, 0.7], &[], &options).unwrap_err();
        assert!(matches!(&failure.kind, ErrorKind::Inconsistent { state, .. } if state == "y2"), "{failure}");
        assert!(failure.to_string().contains("init y2"), "{failure}");
    }
}

#[test]
fn explicit_methods_refuse_and_say_what_would_do() {
    for method in Method::ALL.iter().copied().filter(|m| !m.suits_stiff() && *m != Method::Auto) {
        let options = Options { method, ..Options::new(0.0, 1.0) };
        let failure = integrate(&index_one(), &[1.0, 2.0], &[], &options).unwrap_err().to_string();
        assert!(failure.contains("y2") && failure.contains("Rodas5P"), "{failure}");
    }
}
