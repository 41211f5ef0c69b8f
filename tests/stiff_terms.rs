//! Terms marked `stiff(…)`: the parts of f add up, the implicit part has its own Jacobian, marks change no result, and
//! KenCarp4 takes the parts apart.

#[path = "common/both.rs"]
mod both;

use rhapsode::solve::{Method, Save, Solution};
use rhapsode::system::System;
use rhapsode::{Backend, Compiled, Model};

/// Marks in every place they may stand: terms, factors of terms, rates, computed arrays, arrays of arrays, sums, branches.
const PLACES: &str = "const N = 5\nindex i, j = 1..N\nparam k = 40, a = 2, W[i,j] = 1/(i + 2*j)\n\
    init u[i] = 1 + i/N, x = 1, y = 0.5, A = 1, B = 0\n\
    g[i] = stiff(exp(-u[i])) + u[i]^2\nh[i] = a*g[i] + sum[j](W[i,j]*g[j])\nslow = 3*x*y\nboth = stiff(-k*x) + slow\n\
    u[i]' = -h[i]/a - stiff(k*u[i])/(1 + u[i]^2) + sin(t)\n\
    x' = both + a*stiff(y - x)\n\
    y' = if x > 0.2 then stiff(-k*y) + x else 1 - stiff(y)\n\
    A -> B @ stiff(k)\n0 -> A @ a\n\
    output total = sum[i](g[i]) + both\nsolve t = 0..2 { rtol = 1e-9, atol = 1e-11 }";

/// The same text without marks.
fn without_marks(text: &str) -> String {
    text.replace("stiff(", "(")
}

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap()
}

/// What a function of a system writes at a point.
fn values(n: usize, work: usize, f: impl Fn(&mut [f64], &mut [f64])) -> Vec<f64> {
    let (mut w, mut out) = (vec![0.0; work], vec![0.0; n]);
    f(&mut w, &mut out);
    out
}

/// J of a system as a dense matrix, column by column.
fn dense(system: &dyn System, work: usize, t: f64, y: &[f64], p: &[f64]) -> Vec<f64> {
    let pattern = system.jacobian_pattern();
    let entries = values(pattern.nnz(), work, |w, out| system.jacobian(t, y, p, w, out));
    let n = y.len();
    let mut matrix = vec![0.0; n * n];
    for column in 0..n {
        for at in pattern.column(column) {
            matrix[column * n + pattern.rows()[at]] += entries[at];
        }
    }
    matrix
}

#[test]
fn the_parts_add_up_and_the_jacobian_is_that_of_the_marked_terms() {
    let model = Model::parse(PLACES).unwrap();
    let plain = compiled(&without_marks(PLACES));
    for backend in [Backend::Jit, Backend::Interpret] {
        let compiled = model.compile_with(backend).unwrap();
        let system = compiled.system();
        let split = system.split().expect("the model has marked terms");
        let defaults = compiled.problem().parameter_values().unwrap();
        let (p, n, work) = (compiled.bind(&defaults), system.shape().dim(), system.shape().work);
        for seed in 0..20 {
            let y: Vec<f64> = (0..n).map(|k| 0.1 + ((7 * k + 3 * seed) % 11) as f64 / 8.0).collect();
            let t = 0.3 * f64::from(seed as u8);
            let rhs = |of: &dyn System| values(n, work, |w, out| of.rhs(t, &y, &p, w, out));
            let (all, rest, stiff) = (rhs(system), rhs(split.explicit.as_ref()), rhs(split.implicit.as_ref()));
            for k in 0..n {
                let size = rest[k].abs() + stiff[k].abs();
                assert!(
                    (all[k] - rest[k] - stiff[k]).abs() <= 1e-14 * size,
                    "{k}: {} {} {}",
                    all[k],
                    rest[k],
                    stiff[k]
                );
            }
            // Nothing of the marked terms is left in the explicit part: that of x' is 3 x y, that of B' is 0.
            let at = |name: &str| system.shape().states.find(name).unwrap();
            assert!((rest[at("x")] - 3.0 * y[at("x")] * y[at("y")]).abs() < 1e-14);
            assert_eq!(rest[at("B")], 0.0);
            assert_eq!(stiff[at("B")], 40.0 * y[at("A")]);
            // ∂f_I/∂y against differences of f_I.
            let jacobian = dense(split.implicit.as_ref(), work, t, &y, &p);
            for column in 0..n {
                let d = 1e-6;
                let moved = |by: f64| {
                    let mut y = y.clone();
                    y[column] += by;
                    values(n, work, |w, out| split.implicit.rhs(t, &y, &p, w, out))
                };
                let (up, down) = (moved(d), moved(-d));
                for row in 0..n {
                    let slope = (up[row] - down[row]) / (2.0 * d);
                    let found = jacobian[column * n + row];
                    assert!((slope - found).abs() < 1e-6 * (1.0 + found.abs()), "{row},{column}: {found} {slope}");
                }
            }
            // The whole is that of the text without marks.
            let q = plain.bind(&plain.problem().parameter_values().unwrap());
            let unmarked = values(n, plain.system().shape().work, |w, out| plain.system().rhs(t, &y, &q, w, out));
            for (a, b) in all.iter().zip(&unmarked) {
                assert!((a - b).abs() <= 1e-14 * (1.0 + a.abs()) * 10.0, "{a} {b}");
            }
        }
    }
}

/// The last row, outputs included.
fn last(solution: &Solution) -> Vec<f64> {
    let columns = ["u[1]", "u[5]", "x", "y", "A", "B", "total"];
    columns.iter().map(|name| *solution.column(name).unwrap().last().unwrap()).collect()
}

#[test]
fn marks_change_no_result() {
    let (marked, plain) = (compiled(PLACES), compiled(&without_marks(PLACES)));
    let reference = last(&plain.problem().rtol(1e-12).atol(1e-14).method(Method::Radau).solve().unwrap());
    for method in Method::ALL.iter().filter(|method| !method.is_second_order()) {
        let tolerance = match method {
            Method::Bosh3 | Method::Rosenbrock23 | Method::TrBdf2 | Method::Rkc => 1e-7,
            _ => 1e-9,
        };
        let run = marked.problem().rtol(tolerance).atol(1e-2 * tolerance).method(*method);
        let found = last(&run.solve().unwrap_or_else(|e| panic!("{}: {e}", method.name())));
        for (a, b) in found.iter().zip(&reference) {
            assert!((a - b).abs() < 1e3 * tolerance * (1.0 + b.abs()), "{}: {a} {b}", method.name());
        }
    }
}

#[test]
fn kencarp4_takes_the_parts_apart_and_says_so() {
    let text = include_str!("../examples/models/reaction_front.ode");
    let (marked, plain) = (compiled(text), compiled(&without_marks(text)));
    let run = |compiled: &Compiled, rtol: f64| {
        let problem = compiled.problem().rtol(rtol).atol(1e-3 * rtol).save(Save::At(vec![7.5, 15.0])).explain();
        problem.solve().unwrap()
    };
    let reference = run(&plain, 1e-11).column("reached").unwrap().to_vec();
    let error = |solution: &Solution| {
        let own = solution.column("reached").unwrap();
        own.iter().zip(&reference).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    for rtol in [1e-5, 1e-7] {
        let (parts, whole) = (run(&marked, rtol), run(&plain, rtol));
        assert!(error(&parts) < 100.0 * rtol, "{rtol:e}: {}", error(&parts));
        let sentence = |solution: &Solution| solution.statistics.reasons.iter().any(|r| r.contains("marked stiff"));
        assert!(sentence(&parts) && !sentence(&whole), "{:?}", parts.statistics.reasons);
        // The Jacobian of diffusion does not change.
        assert_eq!(parts.statistics.jacobians, 1);
        assert!(whole.statistics.jacobians > 10, "{:?}", whole.statistics);
    }
}

#[test]
fn marks_go_with_events_delays_switches_and_tight_tolerances() {
    let text = "param tau = 0.5\ndiscrete q = 1\ninit x(t) = 1, y = 0\n\
                x' = stiff(-50*x) + q*x(t - tau) + max(y, 0.1)\ny' = q - stiff(20*y) + 0.1*x\n\
                at 1 { q := 3 }\nwhen y > 0.12 { q := 0.5 }\nsolve t = 0..3 { rtol = 1e-9, atol = 1e-11 }";
    let end = |text: &str, method: Method| {
        let solution = both::run(text, |problem| problem.method(method));
        ["x", "y"].map(|name| *solution.column(name).unwrap().last().unwrap())
    };
    let (parts, whole) = (end(text, Method::KenCarp4), end(&without_marks(text), Method::Radau));
    for (a, b) in parts.iter().zip(whole) {
        assert!((a - b).abs() < 1e-6 * (1.0 + b.abs()), "{a} {b}");
    }
}

#[test]
fn marks_that_cannot_be_followed_are_told() {
    for (text, name) in [
        ("init x = 1\nx' = -stiff(x)^2", "`x`"),
        ("init x = 1\nx' = exp(stiff(x))", "`x`"),
        ("init x = 1\nx' = 1/stiff(x)", "`x`"),
        ("init x = 1\nx' = stiff(x)*stiff(2*x)", "`x`"),
        ("init x = 1\nx' = if stiff(x) > 1 then x else 0", "`x`"),
        ("const N = 3\nindex i = 1..N\ninit x[i] = 1\ng[i] = exp(stiff(x[i]))\nx[i]' = -g[i]*x[i]", "`x`"),
    ] {
        let error = Model::parse(text).err().unwrap_or_else(|| panic!("accepted: {text}")).to_string();
        assert!(error.contains("E0235") && error.contains(name) && error.contains("not linear"), "{text}: {error}");
    }
    // Nested marks mean one; marks where there is nothing to take apart mean nothing.
    for text in [
        "init x = 1\nx' = stiff(stiff(-x))",
        "param k = stiff(2)\ninit x = stiff(k)\nx' = -x\noutput y = stiff(x)^2",
        "init x = 1, z = 1\nx' = stiff(-x) + z\n0 = z - x",
    ] {
        Model::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    }
}
