//! Taylor coefficients: every function's recurrence against the solution's derivatives by a relation that needs no
//! formula, scalar and array models, both backends, and what is refused.

mod common;
#[path = "common/plain.rs"]
mod plain;

use rhapsode::solve::{Method, Options, Save, Tolerance, integrate};
use rhapsode::system::System;
use rhapsode::{Backend, Compiled, Model};

use plain::Plain;

fn compile(text: &str, backend: Backend) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile_with(backend).unwrap()
}

/// y_1 … y_N at a point, N rows.
fn coefficients(compiled: &Compiled, t: f64, y: &[f64], order: usize) -> Vec<Vec<f64>> {
    let series = compiled.system().taylor(order).unwrap_or_else(|e| panic!("{e}"));
    let p = compiled.bind(&compiled.problem().parameter_values().unwrap());
    let (mut w, mut out) = (vec![f64::NAN; series.work()], vec![0.0; order * y.len()]);
    series.coefficients(t, y, &p, &mut w, &mut out);
    out.chunks(y.len()).map(<[f64]>::to_vec).collect()
}

/// P(h) and P'(h)
fn evaluate(y: &[f64], rows: &[Vec<f64>], h: f64) -> (Vec<f64>, Vec<f64>) {
    let (mut p, mut d) = (vec![0.0; y.len()], vec![0.0; y.len()]);
    for row in rows.iter().rev().map(Vec::as_slice).chain([y]) {
        for j in 0..y.len() {
            d[j] = d[j] * h + p[j];
            p[j] = p[j] * h + row[j];
        }
    }
    (p, d)
}

/// The series of order N solves the equation up to h^N: the defect P'(h) − f(t + h, P(h)) falls with slope N, and is no
/// more than rounding for small h. No formula of the series enters.
fn solves_its_equation(name: &str, text: &str) {
    let order = 9;
    let (native, interpreted) = (compile(text, Backend::Jit), compile(text, Backend::Interpret));
    let p = native.bind(&native.problem().parameter_values().unwrap());
    let t0 = 0.3;
    let y = native.initial(t0, &p);
    let rows = coefficients(&native, t0, &y, order);
    assert_eq!(rows, coefficients(&interpreted, t0, &y, order), "{name}: native and interpreted differ");
    let defect = |h: f64| {
        let (x, dx) = evaluate(&y, &rows, h);
        let system = native.system();
        let (mut w, mut f) = (vec![0.0; system.shape().work], vec![0.0; y.len()]);
        system.rhs(t0 + h, &x, &p, &mut w, &mut f);
        f.iter().zip(&dx).map(|(f, d)| (f - d).abs()).fold(0.0, f64::max)
    };
    assert!(defect(0.0) < 1e-14, "{name}: y_1 is not f: {:e}", defect(0.0));
    // From a step where the defect can be seen over rounding to one half as large.
    let Some(h) = (0..30).map(|k| 0.5f64.powi(k)).find(|h| defect(*h) < 1e-6) else { panic!("{name}: no convergence") };
    let (a, b) = (defect(h), defect(0.5 * h));
    println!("{name}: h {h} defects {a:.1e} {b:.1e}, slope {:.2}", (a / b).log2());
    assert!(b < 4e-15 || (a / b).log2() > order as f64 - 0.8, "{name}: defects {a:e} and {b:e} at {h} and half of it");
}

#[test]
fn every_function_solves_its_equation() {
    // The argument stays inside every domain; the second state makes it vary nonlinearly.
    let unary = [
        "exp", "expm1", "log", "log1p", "log10", "log2", "sqrt", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan",
        "sinh", "cosh", "tanh", "asinh", "atanh", "erf", "erfc", "abs",
    ];
    for f in unary {
        let text = format!("init x = 0.4, y = 0.2\nx' = {f}(0.5 + 0.3*y - 0.1*x) - 0.2*t*x\ny' = x - y + 0.3*cos(t)\n");
        solves_its_equation(f, &text);
    }
    for (name, expression) in [
        ("acosh", "acosh(1.5 + y)"),
        ("atan2", "atan2(x + t, 1 + y)"),
        ("hypot", "hypot(x, 1 + y)"),
        ("quotient", "(x + t)/(1 + y*y)"),
        ("square", "(x - y)^2*t"),
        ("power", "(1 + x)^2.3"),
        ("negative power", "(1 + x)^(-1.5)"),
        ("parameter power", "(1 + x)^a"),
        ("varying power", "(1 + x)^(y*t)"),
        ("constant base", "2^(x - y)"),
        ("tall", "sin(exp(log(1 + x*y)/(2 + cos(x))))"),
        ("min", "min(x, 5 + y)*x"),
        ("max", "max(x, y - 5)*t"),
        ("branch", "if x > 5 then x else y*y"),
        ("clamp", "clamp(x*y, -5, 5)"),
        ("floor", "floor(3.5 + 0.01*x) + x"),
        ("time", "exp(-t)*sin(3*t) + t^3/(1 + t)"),
        ("scaled", "2*(x - y)/(1 + y) + 3*(y - x)/(1 + y) - (-x)*(2*y)"),
    ] {
        let text = format!("param a = 1.7\ninit x = 0.4, y = 0.2\nx' = {expression} - 0.2*x\ny' = x - y\n");
        solves_its_equation(name, &text);
    }
}

#[test]
fn arrays_solve_their_equations_too() {
    let brusselator = "const N = 12\nindex i = 1..N periodic\nparam alpha = 0.02\n\
        init u[i] = 1 + 0.3*sin(2*pi*i/N), v[i] = 3\n\
        flux[i] = u[i]^2*v[i]/(1 + u[i])\n\
        u[i]' = 1 + flux[i] - 4*u[i] + alpha*(u[i-1] - 2*u[i] + u[i+1])*N\n\
        v[i]' = 3*u[i] - flux[i] + alpha*(v[i-1] - 2*v[i] + v[i+1])*N\n";
    solves_its_equation("brusselator", brusselator);
    let kuramoto = "const N = 7\nindex i, j = 1..N\nparam K = 1.3\ninit theta[i] = i^2/N, r = 0.5\n\
        mean = sum[j](cos(theta[j]))/N\n\
        theta[i]' = 1 + 0.1*i + K/N*sum[j](sin(theta[j] - theta[i])) + 0.1*r\nr' = mean - r*sqrt(1 + r*r)\n";
    solves_its_equation("kuramoto", kuramoto);
    let boundaries = "const N = 9\nindex i = 1..N\ninit u[i] = i/N\nu[1]' = exp(-t) - u[1]\nu[N]' = tanh(u[N-1])\n\
        u[i]' = u[i+1]*u[i-1] - exp(u[i]) for i in 2..N-1\n";
    solves_its_equation("boundaries", boundaries);
    let product =
        "const N = 4\nindex i, j = 1..N\ninit x[i] = 1 + 0.1*i\nx[i]' = prod[j](x[j]) - x[i]^2 + min[j](x[j])\n";
    solves_its_equation("product", product);
}

#[test]
fn arrays_and_scalars_agree() {
    let array = "const N = 3\nindex i = 1..N\ninit x[i] = i/2\nx[1]' = 10*(x[2] - x[1])\nx[2]' = x[1]*(28 - x[3]) - x[2]\n\
        x[i]' = x[i-2]*x[i-1] - 8/3*x[i] for i in 3..3\n";
    let scalar = "init x = 1/2, y = 1, z = 3/2\nx' = 10*(y - x)\ny' = x*(28 - z) - y\nz' = x*y - 8/3*z\n";
    let y = [0.5, 1.0, 1.5];
    let a = coefficients(&compile(array, Backend::Jit), 0.0, &y, 12);
    let b = coefficients(&compile(scalar, Backend::Jit), 0.0, &y, 12);
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        assert!((a - b).abs() <= 1e-13 * b.abs().max(1.0), "{a} {b}");
    }
}

#[test]
fn known_series_are_found() {
    // x' = x: 1/k!;  x' = x²: 1;  x' = 1 + x², x(0) = 0: the tangent.
    let compiled = compile("init x = 1, y = 1, z = 0\nx' = x\ny' = y^2\nz' = 1 + z^2\n", Backend::Jit);
    let rows = coefficients(&compiled, 0.0, &[1.0, 1.0, 0.0], 9);
    let mut factorial = 1.0;
    let tangent = [1.0, 0.0, 1.0 / 3.0, 0.0, 2.0 / 15.0, 0.0, 17.0 / 315.0, 0.0, 62.0 / 2835.0];
    for (k, row) in rows.iter().enumerate() {
        factorial *= (k + 1) as f64;
        assert!((row[0] * factorial - 1.0).abs() < 1e-14 && row[1] == 1.0, "{row:?}");
        assert!((row[2] - tangent[k]).abs() < 1e-15, "order {}: {} and {}", k + 1, row[2], tangent[k]);
    }
}

#[test]
fn what_has_no_recurrence_is_refused_by_name() {
    for (text, words) in [
        ("init x = 1\nx' = -gamma(2 + x)\n", "`gamma`, in the equation of x"),
        ("init x = 1, y = 2\nx' = -x\ny' = digamma(1 + x) - y\n", "`digamma`, in the equation of y"),
        ("const N = 99\nindex i, j = 1..N\ninit x[i] = 1\nx[i]' = -prod[j](x[j])\n", "`prod`"),
    ] {
        let compiled = compile(text, Backend::Jit);
        let error = compiled.problem().span(0.0..1.0).method(Method::Taylor).solve().unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("DOP853"), "{error}");
    }
    // Of parameters alone any function may be.
    let compiled = compile("param a = 2.5\ninit x = 1\nx' = -gamma(a)*x\n", Backend::Jit);
    let solution = compiled.problem().span(0.0..1.0).method(Method::Taylor).rtol(1e-12).solve().unwrap();
    assert!((solution.last()[0] - (-1.329_340_388_179_137f64).exp()).abs() < 1e-11);
    let closure = rhapsode::system::ClosureSystem::new(1, 0, |_, y, _, dy| dy[0] = -y[0]);
    let options = rhapsode::solve::Options { method: Method::Taylor, ..rhapsode::solve::Options::new(0.0, 1.0) };
    let error = rhapsode::solve::integrate(&closure, &[1.0], &[], &options).unwrap_err().to_string();
    assert!(error.contains("Taylor") && error.contains("DOP853"), "{error}");
}

#[test]
fn jumps_are_found_by_the_defect() {
    // A slope that changes at x = 1/2: exp(t)/4 up to log 2, then 1/2 + 2 (t − log 2).
    let compiled = compile("init x = 0.25\nx' = if x < 0.5 then x else 2\n", Backend::Jit);
    let run = compiled.problem().span(0.0..2.0).method(Method::Taylor).rtol(1e-9).atol(1e-9).over_switches();
    let solution = run.save(Save::At(vec![0.5, 1.0, 2.0])).solve().unwrap();
    let exact = |t: f64| if t < 2f64.ln() { 0.25 * t.exp() } else { 0.5 + 2.0 * (t - 2f64.ln()) };
    for (t, x) in solution.times().iter().zip(solution.column("x").unwrap()) {
        assert!((x - exact(*t)).abs() < 1e-7, "t = {t}: {x} and {}", exact(*t));
    }
    assert!(solution.statistics.rejected > 0);
    // Polynomials, whose last coefficients vanish.
    let compiled = compile("init x = 0\nx' = 3*t^2\n", Backend::Jit);
    let solution = compiled.problem().span(0.0..10.0).method(Method::Taylor).solve().unwrap();
    assert!((solution.last()[0] - 1000.0).abs() < 1e-9);
    // Behind its end a solution is not followed: x = 1/(1 − t).
    let compiled = compile("init x = 1\nx' = x^2\n", Backend::Jit);
    let error = compiled.problem().span(0.0..2.0).method(Method::Taylor).solve().unwrap_err().to_string();
    assert!(error.contains("t = 1") || error.contains("t = 0.99"), "{error}");
}

#[test]
fn the_order_follows_the_tolerance_and_the_error_falls_with_it() {
    use rhapsode::solve::methods::taylor::order;
    assert_eq!([1e-3, 1e-6, 1e-9, 1e-12, 1e-14].map(|rtol| order(rtol, 4)), [5, 8, 12, 15, 18]);
    assert_eq!([1e-3, 1e-6, 1e-9, 1e-12, 1e-14].map(|rtol| order(rtol, 3)), [8, 11, 15, 18, 21]);
    for name in ["lotka_volterra", "lorenz63", "pleiades", "rigid_body", "fitzhugh_nagumo", "bruss1d"] {
        let Some(problem) = common::problem(name) else { return };
        let compiled = compile(&problem.text, Backend::Jit);
        let (t0, t1) = problem.span;
        let error = |rtol: f64| {
            let run = compiled.problem().span(t0..t1).method(Method::Taylor).rtol(rtol).atol(rtol * 1e-2);
            let solution = run.save(Save::At(problem.times.clone())).solve().unwrap_or_else(|e| panic!("{name}: {e}"));
            let mut worst = 0.0f64;
            for (k, row) in problem.rows.iter().enumerate() {
                for (j, reference) in row.iter().enumerate() {
                    let x = solution.state(j)[k];
                    worst = worst.max((x - reference).abs() / (0.01 + reference.abs()));
                }
            }
            println!(
                "{name} {rtol:e}: error {worst:.1e} steps {} rejected {}",
                solution.statistics.steps, solution.statistics.rejected
            );
            worst
        };
        let (loose, tight) = (error(1e-5), error(1e-11));
        assert!(tight < 1e-7 && (tight < 1e-9 || tight < loose * 1e-4), "{name}: {loose:e} {tight:e}");
    }
}

#[test]
fn whole_steps_are_the_same_native_and_interpreted_and_take_the_way_of_steps_by_parts() {
    let models = [
        ("lorenz", "init x = 1, y = 0, z = 0\nx' = 10*(y - x)\ny' = x*(28 - z) - y\nz' = x*y - 8/3*z", 2.0),
        ("driven", "init x = 1, v = 0, w = 0\nx' = v\nv' = -sin(x) + cos(2*t)\nw' = exp(-x^2)/(1 + v^2)", 9.0),
        ("decay", "param k = 2\ninit x = 1\nx' = -k*x", 3.0),
        ("powers", "init x = 1, y = 2\nx' = -x^2.5*y\ny' = sqrt(x + y) - y*log(1 + x^2)", 5.0),
    ];
    for (name, text, end) in models {
        let (native, interpreted) = (compile(text, Backend::Jit), compile(text, Backend::Interpret));
        for rtol in [1e-4, 1e-8, 1e-12] {
            let solve = |compiled: &Compiled, system: &dyn System| {
                let p = compiled.bind(&compiled.problem().parameter_values().unwrap());
                let mut options = Options::new(0.0, end);
                options.method = Method::Taylor;
                options.rtol = rtol;
                options.atol = Tolerance::Scalar(rtol);
                options.save = Save::At((0..=20).map(|k| end * f64::from(k) / 20.0).collect());
                integrate(system, &compiled.initial(0.0, &p), &p, &options).unwrap_or_else(|e| panic!("{name}: {e}"))
            };
            let order = rhapsode::solve::methods::taylor::order(rtol, native.system().shape().dim());
            assert!(native.system().taylor(order).unwrap().step().is_some(), "{name} has no step");
            let expected = solve(&interpreted, interpreted.system());
            let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            // Native code takes over after a while.
            for _ in 0..200 {
                let found = solve(&native, native.system());
                for k in 0..native.system().shape().dim() {
                    assert_eq!(bits(found.state(k)), bits(expected.state(k)), "{name} {rtol}");
                }
            }
            let parts = solve(&native, &Plain(native.system()));
            let (a, b) = (expected.statistics.steps as f64, parts.statistics.steps as f64);
            assert!((a - b).abs() <= 2.0 + 0.1 * b, "{name} {rtol}: {a} steps, {b} by parts");
            for k in 0..native.system().shape().dim() {
                for (a, b) in expected.state(k).iter().zip(parts.state(k)) {
                    assert!((a - b).abs() <= 50.0 * rtol * (1.0 + b.abs()), "{name} {rtol}: {a}, {b}");
                }
            }
        }
    }
}
