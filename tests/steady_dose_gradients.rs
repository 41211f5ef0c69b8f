//! Derivatives of runs before which doses have been given for ever (`SS`): against closed forms, against the derivatives of the same
//! doses written out, against differences, and backward against forward.

use std::collections::BTreeMap;

use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model, Problem};

fn compiled(text: &str, table: &str) -> Compiled {
    let files = BTreeMap::from([("d.csv".to_string(), table.to_string())]);
    Model::parse_with(&files, "m.ode", text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap()
}

fn of(compiled: &Compiled, from: f64, method: Method) -> Problem<'_> {
    let problem = compiled.problem().span(from..60.0).rtol(1e-10).atol(1e-11).method(method);
    problem.save(Save::At(vec![0.7, 5.3, 13.1, 30.3, 60.0]))
}

/// All derivatives, those by the gradient of each weighted sum being the same: the largest difference between the two ways as a share of
/// what is added up has to be rounding.
fn derivatives(compiled: &Compiled, problem: &Problem, by: &[&str]) -> Vec<f64> {
    let tangents = problem.tangents(by).unwrap_or_else(|e| panic!("{e}"));
    let model = compiled.model();
    let count = tangents.values().len() / by.len();
    let w: Vec<f64> = (1..=count).map(|k| 2.0 * (0.618_033_988_749_895 * k as f64).fract() - 1.0).collect();
    let whole = problem.record().unwrap_or_else(|e| panic!("{e}"));
    let gradient = whole.pull(&w).unwrap_or_else(|e| panic!("{e}"));
    let part = problem.clone().max_tape(60_000).record().unwrap();
    assert!(part.bytes() < whole.bytes().max(140_000), "nothing was dropped");
    assert_eq!(part.pull(&w).unwrap(), gradient);
    for (j, name) in by.iter().enumerate() {
        let back = match model.parameters().find(name) {
            Some(place) => gradient.parameters[place],
            None => gradient.initial[model.states().find(name).unwrap()],
        };
        let terms = w.iter().enumerate().map(|(row, w)| w * tangents.values()[row * by.len() + j]);
        let (sum, size) = terms.fold((0.0, 1e-9), |(sum, size), term| (sum + term, size + f64::abs(term)));
        assert!((sum - back).abs() <= 1e-12 * size, "{name}: {sum} {back} of {size}");
    }
    tangents.values().to_vec()
}

#[test]
fn one_compartment_has_the_derivative_of_its_geometric_sum() {
    let model = compiled(
        "param k = 0.2, F = 0.8\ninit A = 0\nA' = -k*A\ndoses csv(\"d.csv\") { bioavailability A = F }\n",
        "TIME,AMT,II,ADDL,SS\n0,100,12,4,1\n",
    );
    for method in [Method::Auto, Method::Tsit5, Method::Rodas5P, Method::Bdf, Method::Adams] {
        let found = derivatives(&model, &of(&model, 0.0, method), &["k", "F", "A"]);
        // A = 80 e^(−k s)/(1 − e^(−12 k)), s after the last dose.
        for (row, t) in [0.7f64, 5.3, 13.1, 30.3, 60.0].into_iter().enumerate() {
            let (k, tau) = (0.2f64, 12.0f64);
            let s = if t == 60.0 { 12.0 } else { t % 12.0 };
            let left = (-k * tau).exp();
            let amount = 80.0 * (-k * s).exp() / (1.0 - left);
            let wanted = [amount * (-s - tau * left / (1.0 - left)), amount / 0.8, 0.0];
            for (found, wanted) in found[3 * row..3 * row + 3].iter().zip(wanted) {
                assert!((found - wanted).abs() <= 1e-7 * amount, "{} at {t}: {found} {wanted}", method.name());
            }
        }
    }
}

/// Absorption with a lag, saturable elimination, and a share of it that is bound: algebraic.
const PK: &str = "
param ka = 1.1, V = 30, K = 4, D = 1.3, F = 0.9
init depot = 0, central = 1, bound = 0.1
depot' = -ka*depot
central' = ka*depot - V*central/(K + central)/(1 + bound)
0 = bound - 0.2*(central - bound)/(1 + central - bound)
";

#[test]
fn doses_for_ever_have_the_derivatives_of_as_many_doses_as_it_takes() {
    let by = ["ka", "V", "K", "D", "F", "central"];
    let settings = "lag depot = D\nbioavailability depot = F";
    let steady =
        compiled(&format!("{PK}doses csv(\"d.csv\") {{ {settings} }}\n"), "TIME,AMT,II,ADDL,SS\n0,100,12,4,1\n");
    let written = compiled(&format!("{PK}every 12 from D - 960 to D + 48 {{ depot := depot + F*100 }}\n"), "");
    for method in [Method::Rodas5P, Method::RadauIIA5, Method::Bdf] {
        let found = derivatives(&steady, &of(&steady, 0.0, method), &by);
        let wanted = of(&written, -960.0, method).tangents(&by).unwrap();
        for (at, (found, wanted)) in found.iter().zip(wanted.values()).enumerate() {
            let name = by[at % by.len()];
            assert!(
                (found - wanted).abs() <= 1e-6 * (1.0 + wanted.abs()),
                "{} {name} {at}: {found} {wanted}",
                method.name()
            );
        }
    }
}

#[test]
fn infusions_under_way_at_the_start_move_with_parameters() {
    let text = "param k = 0.2, R = 10\ninit A = 0\nA' = -k*A\ndoses csv(\"d.csv\") { rate A = R }\n";
    let model = compiled(text, "TIME,AMT,RATE,II,ADDL,SS\n0,50,-1,2,40,1\n");
    let at = |k: f64, r: f64| {
        let problem = of(&model, 0.0, Method::Vern7).set("k", k).unwrap().set("R", r).unwrap();
        problem.solve().unwrap().column("A").unwrap().to_vec()
    };
    let found = derivatives(&model, &of(&model, 0.0, Method::Vern7), &["k", "R"]);
    let h = 1e-4;
    let pairs = [(at(0.2 + h, 10.0), at(0.2 - h, 10.0)), (at(0.2, 10.0 + h), at(0.2, 10.0 - h))];
    for (j, (up, down)) in pairs.iter().enumerate() {
        for (row, (up, down)) in up.iter().zip(down).enumerate() {
            let (found, wanted) = (found[2 * row + j], (up - down) / (2.0 * h));
            assert!((found - wanted).abs() <= 2e-5 * (1.0 + wanted.abs()), "{row} {j}: {found} {wanted}");
        }
    }
}

#[test]
fn what_has_no_derivatives_there_is_refused_by_name() {
    let table = "TIME,AMT,II,SS\n0,100,12,1\n";
    let model = compiled("param k = 0.2\ninit A = 0\nA' = -k*A\ndoses csv(\"d.csv\")\n", table);
    let refused = of(&model, 0.0, Method::Tsit5).record_continuously().err().unwrap().to_string();
    assert!(refused.contains("doses before the start (SS)"), "{refused}");
    let delayed = compiled("param k = 0.2\ninit A = 0\nA' = -k*A(t - 1)\ndoses csv(\"d.csv\")\n", table);
    for error in
        [of(&delayed, 0.0, Method::Tsit5).tangents(&["k"]).err(), of(&delayed, 0.0, Method::Tsit5).record().err()]
    {
        assert!(error.unwrap().to_string().contains("before the start (SS) beside delays"));
    }
}
