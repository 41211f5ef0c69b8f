//! Delay differential equations against analytic solutions, a high-precision reference, and themselves: every model is run
//! in both backends, which must agree to the bit.

#[path = "common/both.rs"]
mod both;

use both::{failure, run};
use rhapsode::Model;
use rhapsode::solve::{ErrorKind, Method, Save, Solution};

/// The largest error of a state over all saved points.
fn error(solution: &Solution, name: &str, exact: impl Fn(f64) -> f64) -> f64 {
    let column = solution.column(name).unwrap();
    solution.times().iter().zip(column).map(|(t, x)| (x - exact(*t)).abs()).fold(0.0, f64::max)
}

/// Methods of every kind, and what their error may be at rtol 1e-8 on a problem of size one.
const METHODS: &[(Method, f64)] = &[
    (Method::Auto, 1e-6),
    (Method::Tsit5, 1e-6),
    (Method::Vern7, 1e-6),
    (Method::Dop853, 1e-6),
    (Method::Vern9, 1e-6),
    (Method::Adams, 1e-6),
    (Method::Rodas4, 1e-6),
    (Method::Rodas5P, 1e-6),
    (Method::KenCarp4, 1e-6),
    (Method::Kvaerno5, 1e-6),
    (Method::RadauIIA5, 1e-6),
    (Method::Radau, 1e-6),
    (Method::Bdf, 1e-6),
];

const TIGHT: &str = "{ rtol = 1e-8, atol = 1e-10 }";

/// Runs a model with all methods.
fn all_methods(text: &str, name: &str, exact: impl Fn(f64) -> f64) {
    for (method, most) in METHODS {
        let solution = run(text, |p| p.method(*method));
        let found = error(&solution, name, &exact);
        assert!(found <= *most, "{}: {found:e}", method.name());
    }
}

/// y' = −y(t − 1), y = 1 before: Σ (−1)^k (t − k + 1)^k/k! for k up to ⌊t⌋ + 1.
fn unit_delay(t: f64) -> f64 {
    let (mut sum, mut factorial) = (1.0, 1.0);
    for k in 1..=(t.floor() as i32 + 1) {
        factorial *= f64::from(k);
        sum += (-1.0f64).powi(k) * (t - f64::from(k) + 1.0).powi(k) / factorial;
    }
    sum
}

#[test]
fn the_method_of_steps_with_every_method() {
    all_methods(&format!("init y = 1\ny' = -y(t - 1)\nsolve t = 0..6 {TIGHT}"), "y", unit_delay);
}

#[test]
fn methods_that_hold_polynomials_of_enough_degree_are_exact() {
    // Steps end on the breaking points, between which the solution is a polynomial of degree up to 5.
    let text = "init y = 1\ny' = -y(t - 1)\nsolve t = 0..4 { rtol = 1e-8, atol = 1e-10 }";
    let solution = run(text, |p| p.method(Method::Dop853));
    assert!(error(&solution, "y", unit_delay) < 1e-14);
    assert!(solution.statistics.steps < 10, "{}", solution.statistics.steps);
}

#[test]
fn a_past_given_as_a_function() {
    let text = format!("init x(t) = sin(t)\nx' = -x(t - pi/2)\nsolve t = 0..20 {TIGHT}");
    all_methods(&text, "x", f64::sin);
}

#[test]
fn several_delays_that_are_parameters() {
    // x = e^(λ t) for λ = a e^(−λ τ1) + b e^(−λ τ2)
    let (lambda, a, t1, t2) = (-0.4f64, -0.7, 0.3, 1.1);
    let b = (lambda - a * (-lambda * t1).exp()) / (-lambda * t2).exp();
    let text = format!(
        "param tau1 = {t1}, tau2 = {t2}, b = {b:?}, lambda = {lambda}\ninit x(t) = exp(lambda*t)\n\
         x' = {a}*x(t - tau1) + b*x(t - tau2)\nsolve t = 0..10 {TIGHT}"
    );
    all_methods(&text, "x", |t| (lambda * t).exp());
}

/// Feldstein & Neves (1984): y' = y(y − √2 + 1)/(2√t), y = 1 before t = 1. A breaking point at t = 2, where the state decides.
#[test]
fn a_delay_that_the_state_decides() {
    let text = format!("init y = 1\ny' = y(y - sqrt(2) + 1)/(2*sqrt(t))\nsolve t = 1..5 {TIGHT}");
    let exact = |t: f64| if t < 2.0 { t.sqrt() } else { t / 4.0 + 0.5 + (1.0 - 0.5f64.sqrt()) * t.sqrt() };
    all_methods(&text, "y", exact);
    let solution = run(&text, |p| p.method(Method::Dop853));
    assert!(solution.times().iter().any(|t| (t - 2.0).abs() < 1e-9), "a step ends on the breaking point");
}

/// Neves (1975): y' = y(y), y = 1/2 before t = 2, y(2) = 1: the past does not lead to the start, and the jump comes back at
/// t = 4 (Paul, A Test Set of Functional Differential Equations, 1994).
#[test]
fn a_jump_at_the_start_comes_back_where_the_state_passes_it() {
    let text = format!("init y(t) = 0.5, y = 1\ny' = y(y)\nsolve t = 2..5.5 {TIGHT}");
    let turn = 4.0 + 2.0 * 2.0f64.ln();
    let exact = |t: f64| match t {
        t if t < 4.0 => t / 2.0,
        t if t < turn => 2.0 * (t / 2.0 - 2.0).exp(),
        t => 4.0 - 2.0 * (1.0 + turn - t).ln(),
    };
    all_methods(&text, "y", exact);
}

/// Neves (1975): y' = 1 − y(exp(1 − 1/t)), y = ln t: the delay vanishes at t = 1.
#[test]
fn a_delay_that_vanishes_on_the_way() {
    let text = format!("init y(t) = log(t)\ny' = 1 - y(exp(1 - 1/t))\nsolve t = 0.5..5 {TIGHT}");
    all_methods(&text, "y", f64::ln);
}

/// The pantograph equation: y' = y/2 + e^(t/2) y(t/2)/2, y = e^t: the delay is 0 at the start.
#[test]
fn a_delay_that_is_nothing_at_the_start() {
    let text = format!("init y = 1\ny' = 0.5*y + 0.5*exp(t/2)*y(t/2)\nsolve t = 0..1 {TIGHT}");
    all_methods(&text, "y", f64::exp);
}

#[test]
fn delays_much_shorter_than_the_steps() {
    // x = e^(−t) for a = −e^(−τ)
    for tau in [1e-2f64, 1e-4, 1e-9] {
        let a = -(-tau).exp();
        let text = format!("init x(t) = exp(-t)\nx' = {a:?}*x(t - {tau:e})\nsolve t = 0..10 {TIGHT}");
        for (method, most) in METHODS {
            let solution = run(&text, |p| p.method(*method));
            let found = error(&solution, "x", |t| (-t).exp());
            assert!(found <= *most, "{} with {tau}: {found:e}", method.name());
            if *method == Method::Dop853 {
                assert!(solution.statistics.steps < 100, "{} steps", solution.statistics.steps);
            }
        }
    }
}

#[test]
fn a_delay_that_is_a_parameter_may_be_nothing() {
    let text = "param tau = 0\ninit x = 1\nx' = -x(t - tau)\nsolve t = 0..3 { rtol = 1e-8, atol = 1e-10 }";
    all_methods(text, "x", |t| (-t).exp());
}

/// Stiff (Paul 1994): y' = −1000 y + 997 e^(−3) y(t − 1) + 1000 − 997 e^(−3), y = 1 + e^(−3t).
#[test]
fn a_stiff_equation() {
    let text = format!(
        "init y(t) = 1 + exp(-3*t)\ny' = -1000*y + 997*exp(-3)*y(t - 1) + 1000 - 997*exp(-3)\nsolve t = 0..4 {TIGHT}"
    );
    for method in
        [Method::Auto, Method::Rodas4, Method::Rodas5P, Method::Kvaerno5, Method::RadauIIA5, Method::Radau, Method::Bdf]
    {
        let solution = run(&text, |p| p.method(method));
        let found = error(&solution, "y", |t| 1.0 + (-3.0 * t).exp());
        assert!(found <= 1e-6 && solution.statistics.steps < 1500, "{}: {found:e}", method.name());
    }
}

/// y' = y + y'(t − 1), y = 1 before: derivatives jump at every whole time, and do not fade.
#[test]
fn derivatives_at_other_times() {
    let text = format!("init y = 1\ny' = y + y'(t - 1)\nsolve t = 0..3 {TIGHT}");
    let exact = |t: f64| {
        let mut y = t.exp();
        if t > 1.0 {
            y += (t - 1.0) * (t - 1.0).exp();
        }
        if t > 2.0 {
            y += 0.5 * t * (t - 2.0) * (t - 2.0).exp();
        }
        y
    };
    for method in
        [Method::Auto, Method::Tsit5, Method::Vern7, Method::Dop853, Method::RadauIIA5, Method::Kvaerno5, Method::Bdf]
    {
        let solution = run(&text, |p| p.method(method));
        let found = error(&solution, "y", exact);
        // A derivative of dense output is of one order less.
        assert!(found <= 2e-5, "{}: {found:e}", method.name());
    }
}

/// What `tests/references/mackey_glass.py` prints.
const MACKEY_GLASS: &[(f64, f64)] = &[
    (17.0, 0.491_972_096_710_356),
    (34.0, 1.032_327_188_294_702_6),
    (51.0, 1.041_979_197_496_803_1),
    (85.0, 1.188_454_024_138_460_5),
    (170.0, 0.655_640_466_774_170_5),
    (340.0, 1.006_837_992_871_046_6),
    (510.0, 0.632_959_894_424_109_8),
];

#[test]
fn mackey_glass_against_a_reference_in_fifty_digits() {
    let text = "param beta = 0.2, gamma = 0.1, n = 10, tau = 17\ninit x = 1.2\n\
                x' = beta*x(t - tau)/(1 + x(t - tau)^n) - gamma*x\nsolve t = 0..510 { rtol = 1e-8, atol = 1e-10 }";
    let times: Vec<f64> = MACKEY_GLASS.iter().map(|row| row.0).collect();
    for method in [Method::Auto, Method::Dop853, Method::Vern9, Method::Rodas5P, Method::Radau] {
        let solution = run(text, |p| p.method(method).save(Save::At(times.clone())));
        for (x, (t, exact)) in solution.column("x").unwrap().iter().zip(MACKEY_GLASS) {
            // Errors double every 100 or so: the solution is chaotic.
            assert!((x - exact).abs() < 1e-6, "{} at {t}: {:e}", method.name(), x - exact);
        }
    }
    let fine = run(text, |p| p.rtol(1e-12).atol(1e-14).method(Method::Dop853).save(Save::At(times.clone())));
    for (x, (_, exact)) in fine.column("x").unwrap().iter().zip(MACKEY_GLASS) {
        assert!((x - exact).abs() < 1e-10, "{:e}", x - exact);
    }
}

/// With steps of one length the error falls with the order of the method; where its dense output is of lower order, with that
/// order plus 1.
#[test]
fn the_error_falls_with_the_order() {
    let orders = [
        (Method::Bosh3, 3.0, (32, 64)),
        (Method::Tsit5, 5.0, (16, 32)),
        (Method::Vern7, 7.0, (8, 16)),
        (Method::Dop853, 8.0, (6, 12)),
        (Method::Rodas4, 4.0, (32, 64)),
        (Method::Rodas5P, 5.0, (16, 32)),
    ];
    for (method, order, (few, many)) in orders {
        let error = |count: u32| {
            let h = 4.0 / f64::from(count);
            let text = format!(
                "init x(t) = sin(t), y(t) = cos(t)\nparam tau = 2\n\
                 x' = cos(tau)*y(t - tau) - sin(tau)*x(t - tau) - 0.9*x*(x*x + y*y - 1)\n\
                 y' = -cos(tau)*x(t - tau) - sin(tau)*y(t - tau)\n\
                 solve t = 0..4 {{ rtol = 0.9, atol = 1e3, first_step = {h:?}, max_step = {h:?} }}"
            );
            let solution = run(&text, |p| p.method(method));
            (solution.column("x").unwrap().last().unwrap() - 4.0f64.sin()).abs()
        };
        let slope = (error(few) / error(many)).log2();
        assert!(slope > order - 0.5, "{}: {slope:.2}, expected {order}", method.name());
    }
}

/// What iterates cannot do without tolerances, be it a method or a step longer than the delay: the error over the number of
/// steps as those fall.
#[test]
fn the_error_of_what_iterates_falls_with_the_order() {
    let outside = [(Method::KenCarp4, 4.0), (Method::Kvaerno5, 4.0), (Method::RadauIIA5, 4.0), (Method::Bdf, 4.0)];
    // Rosenbrock methods and BDF, whose estimates count errors of what they read of themselves, take shorter steps than their
    // order asks for.
    let inside = [(Method::Tsit5, 5.0), (Method::Dop853, 8.0), (Method::RadauIIA5, 4.0)];
    let outside = outside.map(|(method, order)| (method, order, "x' = -x(t - pi/2)"));
    let inside = inside.map(|(method, order)| (method, order, "x' = cos(t) - x(t - 1e-6) + sin(t - 1e-6)"));
    for (method, order, equation) in outside.into_iter().chain(inside) {
        let at = |tol: f64| {
            let text = format!("init x(t) = sin(t)\n{equation}\nsolve t = 0..12 {{ rtol = {tol:e}, atol = {tol:e} }}");
            let solution = run(&text, |p| p.method(method));
            (error(&solution, "x", f64::sin), solution.statistics.steps as f64)
        };
        let ((e1, n1), (e2, n2)) = (at(1e-6), at(1e-10));
        let slope = (e1 / e2).ln() / (n2 / n1).ln();
        assert!(slope > order - 0.5, "{}: {slope:.2}, expected {order}", method.name());
    }
}

#[test]
fn points_to_keep_never_change_the_steps() {
    let text = "init y = 1\ny' = y(t - 0.3*sin(t)^2) - 1.2*y(t - 1)\nsolve t = 0..10";
    let one = run(text, |p| p.save(Save::At(vec![10.0])));
    let many = run(text, |p| p.save(Save::At((0..=1000).map(|k| f64::from(k) / 100.0).collect())));
    assert_eq!(one.column("y").unwrap().last(), many.column("y").unwrap().last());
    assert_eq!(one.statistics.steps, many.statistics.steps);
}

#[test]
fn outputs_read_the_past_at_every_point() {
    // The output's delay is the longest, so that nothing may be dropped too early.
    let text =
        "init y = 1\ny' = -y(t - 0.5)\noutput before = y(t - 1), far = y(t - 1.0001)\nsolve t = 0..20 { rtol = 1e-8 }";
    let solution = run(text, |p| p.save(Save::At((0..=2000).map(|k| f64::from(k) / 100.0).collect())));
    let (y, before, far) =
        (solution.column("y").unwrap(), solution.column("before").unwrap(), solution.column("far").unwrap());
    for k in 100..=2000 {
        assert!((before[k] - y[k - 100]).abs() < 1e-7, "{} {}", before[k], y[k - 100]);
        assert!((far[k] - y[k - 100]).abs() < 1e-3);
    }
}

#[test]
fn what_an_event_sets_comes_back_later() {
    // x' = x(t − 1) with x = 0 before; at 0.5 x becomes 1: from 1.5 on x' = 1, from 2.5 on x' = 1 + (t − 2.5).
    let text = "init x = 0\nx' = x(t - 1)\nat 0.5 { x := 1 }\nsolve t = 0..3.5 { rtol = 1e-8, atol = 1e-10 }";
    let exact = |t: f64| match t {
        t if t < 0.5 => 0.0,
        t if t < 1.5 => 1.0,
        t if t < 2.5 => 1.0 + (t - 1.5),
        t => 2.0 + (t - 2.5) + 0.5 * (t - 2.5).powi(2),
    };
    for (method, most) in METHODS {
        let solution = run(text, |p| p.method(*method).save(Save::At(vec![0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])));
        let found = error(&solution, "x", exact);
        assert!(found <= *most, "{}: {found:e}", method.name());
    }
    // An event that the state brings about, and what it sets read at once.
    let text = "init x = 0, y = 0\nx' = 1\ny' = x(t - 1)\nwhen x > 2 { x := x(t - 1) - 1 }\nsolve t = 0..4 { rtol = 1e-8, atol = 1e-10 }";
    let solution = run(text, |p| p);
    // x is t up to 2, then starts from 0, reaches 2 again at 4.
    let y = *solution.column("y").unwrap().last().unwrap();
    assert!((solution.events().next().unwrap().0 - 2.0).abs() < 1e-12);
    // ∫ x(t − 1) from 1 to 4: 2 for t up to 3, then (t − 3)²/2.
    assert!((y - 2.5).abs() < 1e-7, "{y}");
}

#[test]
fn arrays_read_their_neighbours_past() {
    // Every element is sin(t + i): u' = cos(t + i) = u[i](t + π/2 − 2π).
    let text = "const N = 4\nindex i = 1..N\nparam tau[i] = 1.5*pi + 2*pi*(i - 1)/1000\n\
                init u[i](t) = sin(t + i), u[1](t) = sin(t + 1)\n\
                u[i]' = u[i](t - 1.5*pi) + 0*u[i](t - tau[i])\n\
                output total = sum[i](u[i](t - 0.5*i))\nsolve t = 0..8 { rtol = 1e-8, atol = 1e-10 }";
    let solution = run(text, |p| p);
    for i in 1..=4 {
        assert!(error(&solution, &format!("u[{i}]"), |t| (t + f64::from(i)).sin()) < 1e-6);
    }
    let total = |t: f64| (1..=4).map(|i| (t + 0.5 * f64::from(i)).sin()).sum::<f64>();
    let found: Vec<f64> = solution.column("total").unwrap().to_vec();
    for (t, found) in solution.times().iter().zip(found) {
        assert!((found - total(*t)).abs() < 1e-6, "{found} {}", total(*t));
    }
}

#[test]
fn members_intermediates_second_order_equations_and_another_time() {
    let text = "time z\ncomponent Cell(k) {\n  init x(z) = exp(-z)\n  x' = -exp(-k)*x(z - k)\n}\n\
                a = Cell(k = 0.5)\nc[i] = Cell(k = 0.1*i)\nindex i = 1..2\n\
                init w = 0, s(z) = sin(z), s'(z) = cos(z)\nboth = a.x + c[2].x\n\
                w' = c[1].x(z - 1) + both(z - 1)\n s'' = s'(z - 1.5*pi)\n\
                solve z = 0..5 { rtol = 1e-8, atol = 1e-10 }";
    let solution = run(text, |p| p);
    assert!(error(&solution, "a.x", |t| (-t).exp()) < 1e-6);
    assert!(error(&solution, "c[2].x", |t| (-t).exp()) < 1e-6);
    assert!(error(&solution, "w", |t| 3.0 * 1.0f64.exp() * (1.0 - (-t).exp())) < 1e-5);
    // s'' = cos(t − 3π/2) = −sin t
    assert!(error(&solution, "s", f64::sin) < 1e-6);
}

#[test]
fn the_memory_of_a_run_is_bounded_by_its_longest_delay() {
    let text = "init x = 1\nx' = 0.2*x(t - 17)/(1 + x(t - 17)^10) - 0.1*x\nsolve t = 0..20000";
    let compiled = Model::parse(text).unwrap().compile().unwrap();
    let mut options = compiled.problem().options().clone();
    options.save = Save::At(vec![20000.0]);
    // Steps of about 5: all of them would take more.
    options.max_memory = 16 << 10;
    let bound = compiled.bind(&[]);
    let y0 = compiled.initial(0.0, &bound);
    let solution = rhapsode::solve::integrate(compiled.system(), &y0, &bound, &options).unwrap();
    assert!(solution.statistics.steps > 2000);
}

#[test]
fn what_cannot_be_is_told_with_its_name() {
    let ErrorKind::Options(sentence) = failure("param tau = -1\ninit x = 1\nx' = -x(t - tau)") else { panic!() };
    assert_eq!(sentence, "the delay of `x(t - tau)` is -1; expected 0 or more");
    let ErrorKind::Ahead(name, s) = failure("init x = 1\nx' = -x(2*t - 0.5)") else { panic!() };
    assert!(name == "x(2*t - 0.5)" && s > 0.5);
    let ErrorKind::Options(sentence) = failure("init x = 1\nx' = -x(t - 1)\nsolve t = 0..1 { method = Taylor }") else {
        panic!()
    };
    assert!(sentence.contains("delays"), "{sentence}");
    let ErrorKind::Options(sentence) = failure("init x = 1\nx' = -x'(t - 1)\nsolve t = 0..1 { method = Rodas5P }")
    else {
        panic!()
    };
    assert!(sentence.contains("derivatives at other times"), "{sentence}");
    let backwards = Model::parse("init x = 1\nx' = -x(t - 1)").unwrap().compile().unwrap();
    let sentence = backwards.problem().span(1.0..0.0).solve().unwrap_err().to_string();
    assert!(sentence.contains("forwards"), "{sentence}");
    let model = Model::parse("init x = 1\nx' = -x(t - 1)").unwrap().compile().unwrap();
    let refused = model.problem().span(0.0..f64::INFINITY).solve().unwrap_err().to_string();
    assert!(refused.contains("delays"), "{refused}");
    let sum = "index i = 1..3\ninit u[i] = 1, z = 0\nu[i]' = -u[i]\ntotal = sum[i](u[i])\nz' = total(t - 1)";
    let message = Model::parse(sum).unwrap_err().to_string();
    assert!(message.contains("`total` is computed in a way that cannot be read at another time"), "{message}");
    let ErrorKind::NotFinite(names) = failure("init x(t) = sqrt(t + 0.2)\nx' = -x(t - 0.5)") else { panic!() };
    assert_eq!(names, ["x"]);
}

#[test]
fn algebraic_equations_beside_delays() {
    // z is given by 0 = z + z³ − x at all times; x' = −z(t − 1) needs its past.
    let text = "init x = 2, z = 1\nx' = -z(t - 1)\n0 = z + z^3 - x\nsolve t = 0..3 { rtol = 1e-8, atol = 1e-10 }";
    let explicit =
        "init x = 2, z = 1\nx' = -z(t - 1)\nz' = -z(t - 1)/(1 + 3*z^2)\nsolve t = 0..3 { rtol = 1e-10, atol = 1e-12 }";
    let exact = *run(explicit, |p| p).column("x").unwrap().last().unwrap();
    for method in [Method::Auto, Method::Rodas5P, Method::RadauIIA5, Method::Bdf] {
        let found = *run(text, |p| p.method(method)).column("x").unwrap().last().unwrap();
        assert!((found - exact).abs() < 1e-6, "{}: {:e}", method.name(), found - exact);
    }
    // Where an equation has to be differentiated, or gives what is delayed, that is told.
    for text in [
        "init x = 1, y = 0, l = 0\nx'' = -l*x + x(t - 1)\ny'' = -l*y - 1\nx^2 + y^2 = 1\ninit x' = 0, y' = 0",
        "init x = 1, z = 2\nx' = -z(t - 1)\n0 = z - 2*x",
    ] {
        let errors = Model::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(errors.diagnostics()[0].code.0, "E0230", "{errors}");
    }
}

/// Rises with slope 1 until it has been above 0.5 a while ago, then falls until it has been below: a triangle of period 4.
fn triangle(t: f64) -> f64 {
    if t < 1.5 { t } else { ((t - 1.5) % 4.0 - 2.0).abs() - 0.5 }
}

#[test]
fn a_delayed_state_decides_branches_events_and_lookups() {
    let spellings = [
        // A switch of the equations, located.
        "x' = if x(t - 1) > 0.5 then -1 else 1",
        "x' = -sign(x(t - 1) - 0.5)",
        // An event.
        "discrete up = 1\nx' = up\nwhen x(t - 1) > 0.5 { up := -1 }\nwhen x(t - 1) < 0.5 { up := 1 }",
    ];
    for spelling in spellings {
        let text = format!(
            "discrete n = 0\ninit x = 0, y = 0\n{spelling}\ny' = max(x(t - 0.5), 0)\nwhen x(t - 1) > 0.5 and t > 2 {{ n := n + 1 }}\n\
             solve t = 0..12 {{ rtol = 1e-9, atol = 1e-11 }}"
        );
        for method in [Method::Auto, Method::Tsit5, Method::Vern7, Method::RadauIIA5, Method::Bdf] {
            let solution =
                run(&text, |p| p.method(method).save(Save::At((0..=24).map(|k| 0.5 * f64::from(k)).collect())));
            let bound = if matches!(method, Method::RadauIIA5 | Method::Bdf) { 1e-6 } else { 1e-8 };
            for (t, x) in solution.times().iter().zip(solution.column("x").unwrap()) {
                assert!((x - triangle(*t)).abs() < bound, "{spelling} {}: {t} {x}", method.name());
            }
            // Three peaks of 1.5 over 3 have passed half a unit ago; the event fires at 2, 5.5 and 9.5.
            let y = *solution.column("y").unwrap().last().unwrap();
            assert!((y - 6.75).abs() < 10.0 * bound, "{spelling} {}: {y}", method.name());
            assert_eq!(*solution.column("n").unwrap().last().unwrap(), 3.0, "{spelling} {}", method.name());
        }
    }
}

#[test]
fn doses_data_switches_and_delays_in_one_model() {
    // Everything at once against the same written without delays: what is read at another time is known in closed form.
    let shelf: std::collections::BTreeMap<String, String> =
        [("f.csv".to_string(), "t,f\n0,1\n2,0.5\n5,2\n9,1\n".to_string())].into();
    let common = "input f(t) = csv(\"f.csv\", t, f) linear extrapolate hold\ndose x 2 at 3\ndose x 1 at 5 over 1\n\
                  init x = 1, z = 0\nx' = -0.5*x\nsolve t = 0..8 { rtol = 1e-10, atol = 1e-12 }\n";
    let delayed = "z' = f(t - 0.25)*max(x(t - 1.5) - 0.7, 0) + (if x(t - 1.5) > 1.2 then 0.5 else 0)\n\
                   when x(t - 1.5) > 2 { z := z + 1 }\n";
    // The same state once more, later.
    let chained = "init w = 1\nw' = if t < 1.5 then 0 else -0.5*w + infusion\ndose w 2 at 4.5\ninfusion = pulse(t, 6.5, 1)\n\
                   z' = f(t - 0.25)*max(w - 0.7, 0) + (if w > 1.2 then 0.5 else 0)\nwhen w > 2 { z := z + 1 }\n";
    let solve = |rest: &str, method| {
        let model = Model::parse_with(&shelf, "m.ode", &format!("{common}{rest}")).unwrap_or_else(|e| panic!("{e}"));
        let compiled = model.compile().unwrap();
        let solution = compiled.problem().method(method).solve().unwrap_or_else(|e| panic!("{e}"));
        *solution.column("z").unwrap().last().unwrap()
    };
    let exact = solve(chained, Method::Vern9);
    for method in [Method::Auto, Method::Tsit5, Method::Vern7, Method::Dop853, Method::Rodas5P, Method::Bdf] {
        let found = solve(delayed, method);
        let bound = if method == Method::Bdf { 1e-6 } else { 1e-7 };
        println!("{} {found} {exact}", method.name());
        assert!((found - exact).abs() < bound, "{}: {found} {exact}", method.name());
    }
}
