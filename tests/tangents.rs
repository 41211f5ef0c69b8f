//! Derivatives carried along with a run against references: doses with a closed form, two compartments, HIRES.

mod common;

use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model, Tangents};

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"))
}

/// The largest relative error of derivatives, by rows of (state, then name): numbers are compared with at least a millionth
/// of the largest of their column.
fn worst(found: &Tangents, rows: &[Vec<f64>]) -> f64 {
    let (states, names) = (found.solution().state_names().len(), found.names().len());
    let mut most = 0.0f64;
    for k in 0..states {
        for j in 0..names {
            let place = k * names + j;
            let largest = rows.iter().map(|row| row[place].abs()).fold(0.0, f64::max);
            for (row, found) in rows.iter().zip(found.column(k, j)) {
                let scale = row[place].abs().max(1e-6 * largest).max(f64::MIN_POSITIVE);
                most = most.max((found - row[place]).abs() / scale);
            }
        }
    }
    most
}

#[test]
fn doses_reach_the_reference() {
    let Some(data) = common::data() else { return };
    let text = std::fs::read_to_string(data.join("ivp/pk_1cpt_oral/sensitivities.csv")).unwrap();
    let rows: Vec<Vec<f64>> =
        text.lines().skip(1).map(|line| line.split(',').map(|x| x.parse().unwrap()).collect()).collect();
    let times: Vec<f64> = rows.iter().map(|row| row[0]).collect();
    // Columns are by name, then state.
    let rows: Vec<Vec<f64>> =
        rows.iter().map(|row| (0..2).flat_map(|k| (0..4).map(move |j| row[1 + 2 * j + k])).collect()).collect();
    let model = compiled(
        "param ka = 1.2, CL = 3.5, V = 40, F = 0.9
        init depot = 0, central = 0
        depot' = -ka*depot
        central' = ka*depot - CL/V*central
        every 12 from 0 to 60 { depot := depot + F*100 }
        solve t = 0..72 { rtol = 1e-10, atol = 1e-12 }
        ",
    );
    for method in [Method::Auto, Method::Tsit5, Method::Dop853, Method::Rodas5P, Method::Bdf, Method::RadauIIA5] {
        let problem = model.problem().method(method).save(Save::At(times.clone()));
        let worst = worst(&problem.tangents(&["ka", "CL", "V", "F"]).unwrap(), &rows);
        assert!(worst <= 1e-7, "{}: {worst:e}", method.name());
    }
}

#[test]
fn by_nothing_there_are_no_columns() {
    let model = compiled("param k = 100\ninit x = 1, y = 0\nx' = -k*(x - cos(y))\ny' = x - 0.1*y\nsolve t = 0..1\n");
    for method in Method::ALL.iter().copied().filter(|method| !method.is_second_order()) {
        let tangents =
            model.problem().method(method).tangents(&[]).unwrap_or_else(|e| panic!("{}: {e}", method.name()));
        assert!(tangents.values().is_empty() && tangents.solution().len() > 1, "{}", method.name());
    }
}

/// A dose into the first of two compartments in the closed form of Gibaldi & Perrier, Pharmacokinetics (1982), 2.
fn two_compartments(p: [f64; 4], t: f64) -> [f64; 2] {
    let [k10, k12, k21, dose] = p;
    let sum = k10 + k12 + k21;
    let root = (sum * sum - 4.0 * k10 * k21).sqrt();
    let (alpha, beta) = (0.5 * (sum + root), 0.5 * (sum - root));
    let (fast, slow) = ((-alpha * t).exp(), (-beta * t).exp());
    [dose * ((alpha - k21) * fast + (k21 - beta) * slow) / (alpha - beta), dose * k12 * (slow - fast) / (alpha - beta)]
}

#[test]
fn two_compartments_reach_the_closed_form() {
    let (at, times) = ([0.3, 0.7, 0.2, 100.0], [0.5, 1.0, 3.0, 8.0, 24.0]);
    let slope = |j: usize, k: usize, t: f64| {
        let h = 2e-3 * at[j];
        let value = |c: f64| {
            let mut p = at;
            p[j] += c * h;
            two_compartments(p, t)[k]
        };
        // Central differences of order 6.
        let pair = |c: f64| value(c) - value(-c);
        (45.0 * pair(1.0) - 9.0 * pair(2.0) + pair(3.0)) / (60.0 * h)
    };
    let row = |t: f64| (0..2).flat_map(|k| (0..4).map(move |j| slope(j, k, t))).collect();
    let rows: Vec<Vec<f64>> = times.iter().map(|t| row(*t)).collect();
    let model = compiled(
        "param k10 = 0.3, k12 = 0.7, k21 = 0.2, dose = 100
        init A = dose, B = 0
        A' = -(k10 + k12)*A + k21*B
        B' = k12*A - k21*B
        solve t = 0..24 { rtol = 1e-10, atol = 1e-12 }
        ",
    );
    for method in [Method::Auto, Method::Vern9, Method::Adams, Method::Rodas5P, Method::Bdf] {
        let problem = model.problem().method(method).save(Save::At(times.to_vec()));
        let worst = worst(&problem.tangents(&["k10", "k12", "k21", "dose"]).unwrap(), &rows);
        assert!(worst <= 1e-7, "{}: {worst:e}", method.name());
    }
}

const HIRES: &str =
    concat!(include_str!("common/hires_rates.ode"), "solve t = 0..321.8122 { rtol = 1e-10, atol = 1e-13 }");
const RATES: [&str; 12] = ["k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11", "k12"];

/// The reference are the variational equations, integrated as states of a model of their own, far more closely and by another
/// family of methods.
#[test]
fn hires_reaches_the_variational_equations() {
    let model = Model::parse(HIRES).unwrap();
    let times = vec![1.0, 10.0, 100.0, 250.0, 321.8122];
    let larger = model.with_sensitivities(&RATES).unwrap().compile().unwrap();
    let problem = larger.problem().rtol(1e-13).atol(1e-18).method(Method::Radau).save(Save::At(times.clone()));
    let exact = problem.solve().unwrap_or_else(|e| panic!("{e}"));
    let rows: Vec<Vec<f64>> = (0..times.len())
        .map(|row| {
            (0..8).flat_map(|k| (1..=12).map(move |j| (j, k))).map(|(j, k)| exact.state(8 * j + k)[row]).collect()
        })
        .collect();
    let compiled = model.compile().unwrap();
    for method in [Method::Auto, Method::Rodas5P, Method::Bdf] {
        let problem = compiled.problem().method(method).save(Save::At(times.clone()));
        let worst = worst(&problem.tangents(&RATES).unwrap(), &rows);
        println!("{}: {worst:e}", method.name());
        assert!(worst <= 1e-7, "{}: {worst:e}", method.name());
    }
}

/// Where only the derivatives grow beyond all numbers the error says so.
#[test]
fn derivatives_that_overflow_are_told_apart_from_the_run() {
    let model = compiled("param x0 = 0\ninit x = x0\nx' = 1000*x\nsolve t = 0..1e5 { max_step = 1e3 }\n");
    let problem = model.problem().method(Method::Tsit5);
    assert!(problem.solve().is_ok());
    let error = problem.tangents(&["x0"]).unwrap_err().to_string();
    assert!(error.contains("the sensitivities are no finite numbers any more"), "{error}");
}
