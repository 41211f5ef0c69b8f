//! What is asked of a solution: objectives and observations mean what they say, their gradients are right, and what cannot be
//! asked is refused by name.

use rhapsode::solve::Method;
use rhapsode::source::DataFile;
use rhapsode::{Compiled, Model, Objective, ObjectiveError, Way};

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|errors| panic!("{errors}")).compile().unwrap()
}

fn tight(objective: Objective) -> Objective {
    objective.rtol(1e-11).atol(1e-13)
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1e-3), "{found} is not {expected}");
}

/// The objective's value and gradient where the model stands.
fn here(objective: &Objective) -> (f64, Vec<f64>) {
    let at = objective.point().unwrap();
    let mut gradient = vec![0.0; at.len()];
    let value = objective.value_and_gradient(&at, &mut gradient).unwrap_or_else(|error| panic!("{error}"));
    (value, gradient)
}

const TANK: &str = "
    param k = 2, x0 = 1.5, weight = 10
    init x = x0
    x' = -k*x
    fn square(x) = x^2
    objective cost = integral(x^2) + weight*square(final(x - 1)) + value(x, 0.5)*final(t)
    objective ratio = final(x)/integral(x)
    solve t = 0..1
";

#[test]
fn terms_and_what_is_made_of_them() {
    let tank = compiled(TANK);
    let cost = tight(tank.objective(Some("cost"), None, &["k", "x0", "weight"]).unwrap());
    let (value, gradient) = here(&cost);
    let (k, x0, w) = (2.0f64, 1.5f64, 10.0f64);
    let e = |t: f64| (-k * t).exp();
    let end = x0 * e(1.0) - 1.0;
    close(value, x0 * x0 * (1.0 - e(2.0)) / (2.0 * k) + w * end * end + x0 * e(0.5), 1e-9);
    let integral = x0 * x0 * (e(2.0) / k - (1.0 - e(2.0)) / (2.0 * k * k));
    close(gradient[0], integral - 2.0 * w * end * x0 * e(1.0) - 0.5 * x0 * e(0.5), 1e-8);
    close(gradient[1], x0 * (1.0 - e(2.0)) / k + 2.0 * w * end * e(1.0) + e(0.5), 1e-8);
    close(gradient[2], end * end, 1e-8);
    let ratio = tight(tank.objective(Some("ratio"), None, &["k"]).unwrap());
    let (value, gradient) = here(&ratio);
    close(value, k * e(1.0) / (1.0 - e(1.0)), 1e-9);
    close(gradient[0], (e(1.0) * (1.0 - k) - e(2.0)) / (1.0 - e(1.0)).powi(2), 1e-8);
}

#[test]
fn an_initial_value_that_is_named_is_a_number_of_its_own() {
    let tank = compiled(TANK);
    let ratio = tight(tank.objective(Some("cost"), None, &["x", "x0"]).unwrap());
    let (_, gradient) = here(&ratio);
    let (k, x0, w) = (2.0f64, 1.5f64, 10.0f64);
    let e = |t: f64| (-k * t).exp();
    close(gradient[0], x0 * (1.0 - e(2.0)) / k + 2.0 * w * (x0 * e(1.0) - 1.0) * e(1.0) + e(0.5), 1e-8);
    assert_eq!(gradient[1], 0.0);
}

#[test]
fn arrays_components_and_units() {
    let text = "
        time t: min
        component Pool(rate: 1/h = 6) {
            init amount: g = 2
            amount' = -rate*amount
        }
        index i = 1..3
        param k[i] = i
        pool = Pool(rate = 3)
        init u[i] = 1
        u[i]' = -k[i]*u[i]/(60 [s])
        objective area: g*min = integral(pool.amount)
        objective total = final(sum[i](u[i]^2))
        solve t = 0..2
    ";
    let model = compiled(text);
    let area = tight(model.objective(Some("area"), None, &["pool.rate"]).unwrap());
    let (value, _) = here(&area);
    // 3/h over two minutes.
    close(value, 2.0 * 20.0 * (1.0 - (-0.1f64).exp()), 1e-9);
    let total = tight(model.objective(Some("total"), None, &["k", "u[2]"]).unwrap());
    assert_eq!(total.by(), ["k[1]", "k[2]", "k[3]", "u[2]"]);
    let (value, gradient) = here(&total);
    let square = |i: f64| (-4.0 * i).exp();
    close(value, (1..=3).map(|i| square(f64::from(i))).sum(), 1e-9);
    (1..=3).for_each(|i| close(gradient[i - 1], -4.0 * square(i as f64), 1e-7));
    close(gradient[3], 2.0 * square(2.0), 1e-7);
}

#[test]
fn implicit_equations_and_what_they_determine() {
    let text = "
        param k = 2
        init x = 1, y = 1
        x' = -y
        0 = y - k*x
        objective cost = integral(y^2) + final(x)
        solve t = 0..1
    ";
    let (value, _) = here(&tight(compiled(text).objective(None, None, &["k"]).unwrap()));
    let e = |t: f64| (-2.0 * t).exp();
    close(value, 4.0 * (1.0 - e(2.0)) / 4.0 + e(1.0), 1e-8);
}

const DECAY: &str = "
    param k = 0.5, spread = 0.1
    init x = 2
    x' = -k*x
    observe x ~ Normal(x, spread + own)
    observe 4 ~ Normal(2*x, 0.3)
    solve t = 0..3
";

#[test]
fn rows_are_compared_at_their_times_in_any_order() {
    let data = DataFile::new("seen.csv", "own,x [mg],t,last\n0.1,0.7,2,1.2\n0.2,1.3,1,2.5\n0.1,1.9,0,4.1\n");
    let likelihood = tight(compiled(DECAY).objective(None, Some(&data), &["k", "spread"]).unwrap());
    assert_eq!(likelihood.name(), rhapsode::LOG_LIKELIHOOD);
    let (value, gradient) = here(&likelihood);
    let density =
        |y: f64, m: f64, s: f64| -0.5 * ((y - m) / s).powi(2) - s.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln();
    let sum = |k: f64, spread: f64| {
        let rows = [(0.1, 0.7, 2.0, 1.2), (0.2, 1.3, 1.0, 2.5), (0.1, 1.9, 0.0, 4.1)];
        let row = |(own, seen, t, last): (f64, f64, f64, f64)| {
            let x = 2.0 * (-k * t).exp();
            density(seen, x, spread + own) + density(last, 2.0 * x, 0.3)
        };
        rows.into_iter().map(row).sum::<f64>()
    };
    close(value, sum(0.5, 0.1), 1e-9);
    let h = 1e-5;
    close(gradient[0], (sum(0.5 + h, 0.1) - sum(0.5 - h, 0.1)) / (2.0 * h), 1e-7);
    close(gradient[1], (sum(0.5, 0.1 + h) - sum(0.5, 0.1 - h)) / (2.0 * h), 1e-7);
}

/// `log_likelihood_points` of the reference posterior of thirty made-up supernovae.
#[test]
fn the_likelihood_of_supernovae() {
    let data = DataFile::new("supernovae.csv", include_str!("../examples/models/supernovae.csv"));
    let model = compiled(include_str!("../examples/models/lambda_cdm.ode"));
    let likelihood = tight(model.objective(None, Some(&data), &["Om", "H0"]).unwrap());
    let points = [
        (0.3, 70.0, 14.62668753332099),
        (0.25, 72.0, 14.887340990047843),
        (0.5, 65.0, 9.552273013899228),
        (0.05, 80.0, 10.617341593435503),
        (0.9, 55.0, -11.06488902447418),
    ];
    let mut gradient = [0.0; 2];
    for (om, h0, expected) in points {
        close(likelihood.value_and_gradient(&[om, h0], &mut gradient).unwrap(), expected, 1e-9);
    }
}

#[test]
fn all_ways_agree() {
    let data = DataFile::new("supernovae.csv", include_str!("../examples/models/supernovae.csv"));
    let model = compiled(include_str!("../examples/models/lambda_cdm.ode"));
    for method in [Method::Auto, Method::Vern7, Method::Rodas5P, Method::Bdf] {
        let likelihood = model.objective(None, Some(&data), &["Om", "d_C", "H0"]).unwrap().rtol(1e-10).atol(1e-10);
        let likelihood = likelihood.method(method);
        let (value, expected) = here(&likelihood.clone().way(Way::Forward));
        for (other, gradient) in [here(&likelihood.clone().way(Way::Adjoint)), here(&likelihood)] {
            close(other, value, 1e-7);
            gradient.iter().zip(&expected).for_each(|(found, expected)| close(*found, *expected, 1e-6));
        }
    }
}

/// dx/dk of 0 = q − k x is −q/k².
#[test]
fn a_run_until_rest_ends_where_the_equations_say() {
    let text = "param q = 3, k = 0.5\ninit x = 1\nx' = q - k*x\nobjective rest = final(x)\nsolve t = 0..steady";
    let rest = compiled(text).objective(None, None, &["q", "k"]).unwrap().rtol(1e-9).atol(1e-9);
    for way in [Way::Forward, Way::Adjoint] {
        let (value, gradient) = here(&rest.clone().way(way));
        close(value, 6.0, 1e-6);
        close(gradient[0], 2.0, 1e-5);
        close(gradient[1], -12.0, 1e-5);
    }
}

/// Second derivatives are the slopes of gradients: of an objective with terms of all kinds, with discrete quantities and
/// defaults that name parameters, and of a likelihood.
#[test]
fn hessians_are_slopes_of_gradients() {
    let terms = "param a = 0.7, b = 2*a, c = 1.3
        init x = a, y = 1
        discrete d = c
        x' = -b*x*y + c*sin(t)*d
        y' = x - y^2
        z = x*y
        objective o = integral(x^2*a)*final(y)^2 + c*value(z, 1)*value(y, 0.5) + exp(final(x))*final(d)
        solve t = 0..2
        ";
    let growth = |what: &str| {
        let text = "param r = 1.2, c = 0.6, k = 0.3
            init x = 0.1
            discrete hit = k
            x' = r*x*(1 - x) + 0.1*hit
            objective o = integral(x^2*hit*t) + final(hit)*final(x^2*t) + value(x, 1)
            solve t = 0..3.3
            ";
        compiled(&format!("{text}when x > c {{ {what} }}")).objective(None, None, &["r", "c", "k"]).unwrap()
    };
    let data = DataFile::new("seen.csv", "t,own,x,last\n1,0.1,1,2\n2.5,0.2,0.4,2\n");
    let cases = [
        (growth("hit := t*k, x := 0.2 + k"), vec![1.2, 0.6, 0.3]),
        (compiled(terms).objective(None, None, &["a", "c", "x", "b"]).unwrap(), vec![0.7, 1.3, 0.6, 1.1]),
        (compiled(terms).objective(None, None, &["a", "c"]).unwrap(), vec![0.7, 1.3]),
        (compiled(DECAY).objective(None, Some(&data), &["k"]).unwrap(), vec![0.5]),
    ];
    let ended = growth("hit := t*k, stop").hessian(&[1.2, 0.6, 0.3]).unwrap_err().to_string();
    assert!(ended.contains("second derivatives of objectives do not go through `stop` yet"), "{ended}");
    for (objective, at) in cases {
        let (objective, k) = (tight(objective), at.len());
        let hessian = objective.hessian(&at).unwrap();
        let slope = |row: usize, h: f64| {
            let gradient = |h: f64| {
                let (mut at, mut gradient) = (at.clone(), vec![0.0; k]);
                at[row] += h;
                objective.value_and_gradient(&at, &mut gradient).unwrap();
                gradient
            };
            let (up, down) = (gradient(h), gradient(-h));
            up.iter().zip(&down).map(|(up, down)| (up - down) / (2.0 * h)).collect::<Vec<f64>>()
        };
        for row in 0..k {
            let (wide, narrow) = (slope(row, 2e-3), slope(row, 1e-3));
            for column in 0..k {
                let wanted = (4.0 * narrow[column] - wide[column]) / 3.0;
                let found = hessian[row * k + column];
                assert!((found - wanted).abs() < 1e-6 * (1.0 + wanted.abs()), "{row} {column}: {found} {wanted}");
                assert!((found - hessian[column * k + row]).abs() < 1e-7 * (1.0 + found.abs()), "{hessian:?}");
            }
        }
    }
}

#[test]
fn threads_share_an_objective() {
    let tank = compiled(TANK);
    let cost = tank.objective(Some("cost"), None, &["k", "x0"]).unwrap();
    let run = |k: f64| {
        let mut gradient = [0.0; 2];
        let value = cost.value_and_gradient(&[k, 1.5], &mut gradient).unwrap();
        [value.to_bits(), gradient[0].to_bits(), gradient[1].to_bits()]
    };
    let alone: Vec<_> = (1..9).map(|k| run(f64::from(k))).collect();
    let run = &run;
    let together: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..9).map(|k| scope.spawn(move || run(f64::from(k)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(alone, together);
}

#[test]
fn what_cannot_be_asked_is_refused_by_name() {
    let tank = compiled(TANK);
    let data = DataFile::new("seen.csv", "t,own,x,last\n1,0.1,1,2\n5,0.1,1,2\n");
    let decay = compiled(DECAY);
    let told =
        |result: Result<Objective, ObjectiveError>| result.err().map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(told(tank.objective(None, None, &["k"])), "the model has several objectives: `cost`, `ratio`");
    let unknown = tank.objective(Some("costs"), None, &["k"]).err().unwrap();
    assert_eq!(unknown.help().as_deref(), Some("did you mean `cost`?"));
    assert_eq!(
        told(tank.objective(Some("cost"), None, &["x0", "wieght"])),
        "no parameter or state is called `wieght`; did you mean `weight`?"
    );
    assert!(told(tank.objective(None, Some(&data), &["k"])).contains("observes nothing"));
    assert!(told(decay.objective(None, None, &["k"])).contains("no file of data"));
    assert!(told(compiled("init x = 1\nx' = x").objective(None, None, &[])).contains("asks nothing"));
    let fixed = "const n = 3, c = 2\nindex i = 1..n\nparam p = c\ninit u[i] = 1\nz = 3*p\nu[i]' = -z\ndiscrete d = 0\n\
                 at 1 { d := 1 }\nobjective o = final(u[1])";
    let fixed = compiled(fixed);
    for (name, what) in [
        ("n", "a number known when compiling"),
        ("i", "a number known when compiling"),
        ("c", "a number known when compiling"),
        ("t", "the independent variable"),
        ("d", "a discrete quantity, which events set"),
    ] {
        assert_eq!(
            told(fixed.objective(None, None, &[name])),
            format!("there is no derivative by `{name}`: it is {what}")
        );
    }
    for (text, expected) in [
        ("t,x,own\n1,2,3\n", "`d.csv`: there is no column 4"),
        ("time,x,own,last\n1,2,3,4\n", "`d.csv`: there is no column `t` of times"),
        ("t,x,last,more\n1,2,3,4\n", "`d.csv`: there is no column `own`"),
        ("t,x,own,last\n1,,3,4\n2,NA,3,4\n", "`d.csv`: column `x`: lines 2 and 3: there is no value"),
        ("t,x,own,last\n1,a,3,4\n", "`d.csv`: column `x`: line 2: expected a number, found `a`"),
        ("", "`d.csv`: the file is empty"),
    ] {
        assert_eq!(told(decay.objective(None, Some(&DataFile::new("d.csv", text)), &["k"])), expected);
    }
}

#[test]
fn what_lies_outside_the_run_or_is_no_number_is_told() {
    let mut gradient = [0.0];
    let data = DataFile::new("seen.csv", "t,own,x,last\n1,0.1,1,2\n5,0.1,1,2\n");
    let likelihood = compiled(DECAY).objective(None, Some(&data), &["k"]).unwrap();
    let error = likelihood.value_and_gradient(&[0.5], &mut gradient).unwrap_err();
    assert_eq!(error.to_string(), "row 2 of `seen.csv` is at 5, outside the run from 0 to 3");
    assert_eq!(error.help().as_deref(), Some("run through it: `--span 0..5`"));
    assert!(likelihood.span(0.0..5.0).value_and_gradient(&[0.5], &mut gradient).is_ok());
    let late = "init x = 1\nparam k = 1\nx' = -k*x\nobjective o = value(x, 7)\nsolve t = 0..3";
    let late = compiled(late).objective(None, None, &["k"]).unwrap();
    let error = late.value_and_gradient(&[1.0], &mut gradient).unwrap_err().to_string();
    assert_eq!(error, "`value(x, 7)` is at 7, outside the run from 0 to 3");
    let never = "init x = 1\nparam k = 1\nx' = -k*x\nobjective o = log(final(-x))\nsolve t = 0..3";
    let never = compiled(never).objective(None, None, &["k"]).unwrap();
    let error = never.value_and_gradient(&[1.0], &mut gradient).unwrap_err().to_string();
    assert_eq!(error, "`o` comes to NaN, which is no number to differentiate");
    let steep = "init x = 1\nparam k = 0\nx' = -x\nobjective o = sqrt(k) + final(x)\nsolve t = 0..3";
    let steep = compiled(steep).objective(None, None, &["k"]).unwrap();
    match steep.value_and_gradient(&[0.0], &mut gradient) {
        Err(ObjectiveError::Derivative { value, name }) => {
            close(value, (-3.0f64).exp(), 1e-5);
            assert_eq!(name, "k");
        }
        other => panic!("{other:?}"),
    }
}

/// What a run shows does not change because something is asked of its solution.
#[test]
fn a_run_does_not_know_of_objectives() {
    let plain: String =
        TANK.lines().filter(|line| !line.contains("objective")).map(|line| format!("{line}\n")).collect();
    let rows = |text: &str| {
        let solution = compiled(text).problem().solve().unwrap();
        let names: Vec<String> = solution.state_names().iter().map(|name| name.to_string()).collect();
        (names, solution.times().to_vec(), solution.state(0).to_vec())
    };
    assert_eq!(rows(TANK), rows(&plain));
}

#[test]
fn misuse_is_a_diagnostic() {
    for (line, code, part) in [
        ("objective o = x", "E0217", "write `final(x)`"),
        ("objective o = t", "E0217", "write `final(t)`"),
        ("objective o = integral(final(x))", "E0290", "term of an objective"),
        ("objective o = sum[i](final(u[i]))", "E0290", "write the sum inside: `final(sum[i](…))`"),
        ("y = integral(x)", "E0290", "objective cost = integral(…)"),
        ("objective o = value(x)", "E0214", "takes 2 arguments, found 1"),
        ("objective o = value(x, k)", "E0203", "expected a constant, found `k`"),
        ("objective x = 3", "E0202", "already"),
        ("observe y ~ Normal(x)", "E0214", "`Normal` takes 2 arguments, found 1"),
        ("observe y ~ Norml(x, 1)", "E0291", "did you mean `Normal`?"),
        ("observe y ~ LogNormal(x, 1)", "E0114", "the distribution `LogNormal` is not yet supported"),
        ("observe t ~ Normal(x, 1)", "E0292", "independent variable"),
        ("observe y ~ Normal(x, 1", "E01", "expected"),
        ("observe y = x", "E0103", "expected `~` and a distribution after the column"),
    ] {
        let text = format!("param k = 1\nindex i = 1..3\ninit x = 1, u[i] = 1\nx' = -k*x\nu[i]' = -x\n{line}\n");
        let errors = Model::parse(&text).err().unwrap_or_else(|| panic!("{line}")).to_string();
        assert!(errors.contains(&format!("error[{code}")) && errors.contains(part), "{line}:\n{errors}");
    }
    let units = "time t: s\ninit x: m = 1\nx' = -x/(1 [s])\nobjective o: m = integral(x)";
    assert!(Model::parse(units).err().unwrap().to_string().contains("found s*m"));
}
