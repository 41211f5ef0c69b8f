//! Forward sensitivities against the reference values of the variational equations, and against differences.

mod common;

use rhapsode::Model;
use rhapsode::solve::{Method, Save};

/// Largest relative error over all columns and times, by the data set's own measure: components are compared with at
/// least a millionth of their largest value.
fn worst(name: &str, parameters: &[&str], rtol: f64, atol: f64, method: Method) -> Option<f64> {
    let problem = common::problem(name)?;
    let model = Model::parse(&problem.text).unwrap_or_else(|e| panic!("{e}"));
    let compiled = model.with_sensitivities(parameters).unwrap().compile().unwrap();
    let (t0, t1) = problem.span;
    let run =
        compiled.problem().span(t0..t1).rtol(rtol).atol(atol).method(method).save(Save::At(problem.times.clone()));
    let solution = run.solve().unwrap();
    let states: Vec<String> = model.states().iter().collect();
    let mut columns: Vec<String> = states.clone();
    for p in parameters {
        columns.extend(states.iter().map(|s| format!("d[{s}]/d[{p}]")));
    }
    let mut most = 0.0f64;
    for (k, column) in columns.iter().enumerate() {
        let largest = problem.rows.iter().map(|row| row[k].abs()).fold(0.0, f64::max);
        for (row, found) in problem.rows.iter().zip(solution.column(column).unwrap()) {
            most = most.max((found - row[k]).abs() / row[k].abs().max(1e-6 * largest));
        }
    }
    Some(most)
}

#[test]
fn lotka_volterra_reaches_the_reference() {
    if let Some(error) = worst("lv_sens", &["a", "b", "c", "d"], 1e-10, 1e-13, Method::Auto) {
        println!("lv_sens: {error:e}");
        assert!(error <= 1e-7, "{error:e}");
    }
}

#[test]
fn robertson_reaches_the_reference() {
    for method in [Method::Auto, Method::Rodas5P, Method::Bdf] {
        if let Some(error) = worst("rober_sens", &["k1", "k2", "k3"], 1e-10, 1e-20, method) {
            println!("rober_sens {}: {error:e}", method.name());
            assert!(error <= 1e-7, "{}: {error:e}", method.name());
        }
    }
}

/// Central differences in a parameter with Richardson extrapolation.
fn difference(model: &Model, name: &str, at: f64, column: &str) -> f64 {
    let compiled = model.compile().unwrap();
    let end = |value: f64| {
        let solution = compiled.problem().set(name, value).unwrap().rtol(1e-12).atol(1e-14).solve().unwrap();
        *solution.column(column).unwrap().last().unwrap()
    };
    let slope = |h: f64| (end(at + h) - end(at - h)) / (2.0 * h);
    let h = 1e-3 * at.abs().max(1.0);
    (4.0 * slope(h / 2.0) - slope(h)) / 3.0
}

const ARRAYS: &str = "
const N = 6
index i, j = 1..N periodic
param k = 0.8, x0 = 0.5
param W[i,j] = sin(i + 2*j)/N
s[i] = sum[j](W[i,j]*tanh(x[j]))
s[2] = W[2,3]*x[1]
init x[i] = x0*i/N, v = k^2
x[i]' = -k*x[i] + s[i] + 0.3*(x[i-1] - x[i]) + 0.1*sin(t)
v' = max[i](x[i]) - v*(if v > k then 1 else 2)
output total = sum[i](x[i]^2) + k*v
solve t = 0..3 { save = 7 }
";

#[test]
fn arrays_initial_values_and_outputs_agree_with_differences() {
    let model = Model::parse(ARRAYS).unwrap_or_else(|e| panic!("{e}"));
    let names = ["k", "x0", "W[1,2]", "x[3]"];
    let compiled = model.with_sensitivities(&names).unwrap().compile().unwrap();
    let solution = compiled.problem().rtol(1e-10).atol(1e-12).solve().unwrap();
    let start = (0.5 * 3.0) / 6.0;
    for (name, at) in names.iter().zip([0.8, 0.5, (1.0f64 + 4.0).sin() / 6.0, start]) {
        for column in ["x[1]", "x[4]", "v", "total"] {
            let exact = *solution.column(&format!("d[{column}]/d[{name}]")).unwrap().last().unwrap();
            let expected = difference(&model, name, at, column);
            assert!(
                (exact - expected).abs() < 1e-6 * (1.0 + expected.abs()),
                "d[{column}]/d[{name}]: {exact} {expected}"
            );
        }
    }
}

#[test]
fn a_start_that_is_set_depends_on_no_parameter() {
    let text = "param k = 2\ninit x = k\nx' = -x\nsolve t = 0..1";
    let compiled = Model::parse(text).unwrap().with_sensitivities(&["k", "x"]).unwrap().compile().unwrap();
    let plain = compiled.problem().solve().unwrap();
    let set = compiled.problem().set("x", 3.0).unwrap().solve().unwrap();
    let last = |s: &rhapsode::solve::Solution, c: &str| *s.column(c).unwrap().last().unwrap();
    assert!((last(&plain, "d[x]/d[k]") - (-1f64).exp()).abs() < 1e-6);
    assert_eq!(last(&set, "d[x]/d[k]"), 0.0);
    assert!((last(&set, "d[x]/d[x]") - (-1f64).exp()).abs() < 1e-6);
}

#[test]
fn unknown_names_are_refused_with_a_suggestion() {
    let model = Model::parse("param rate = 1\ninit x = 1\nx' = -rate*x\nsolve t = 0..1").unwrap();
    let error = model.with_sensitivities(&["rat"]).unwrap_err().to_string();
    assert!(error.contains("`rat`") && error.contains("`rate`"), "{error}");
}
