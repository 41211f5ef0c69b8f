//! The gradient by the adjoint equation comes to that of the steps, as both come to the exact one, with every kind of method;
//! through events see `gradients_events`.

use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Gradient, Model};

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"))
}

/// The largest difference of two gradients, in units of the largest derivative.
fn apart(a: &Gradient, b: &Gradient) -> f64 {
    let all = |g: &Gradient| g.parameters.iter().chain(&g.initial).copied().collect::<Vec<f64>>();
    let (a, b) = (all(a), all(b));
    let largest = b.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    a.iter().zip(&b).map(|(a, b)| (a - b).abs() / largest).fold(0.0, f64::max)
}

/// Gradients of a sum of all states and outputs at all times, both ways, by runs to a tolerance.
fn both(compiled: &Compiled, method: Method, times: &[f64], rtol: f64) -> [Gradient; 2] {
    let problem = compiled.problem().span(0.0..times[times.len() - 1]).method(method).rtol(rtol).atol(1e-3 * rtol);
    let problem = problem.save(Save::At(times.to_vec()));
    let recorded = problem.record().unwrap_or_else(|e| panic!("{}: {e}", method.name()));
    let columns = compiled.model().states().len() + compiled.model().outputs().len();
    let weights: Vec<f64> = (0..times.len() * columns).map(|k| 1.0 + 0.3 * (k % 5) as f64).collect();
    let continuous = problem.record_continuously().unwrap().pull(&weights);
    [recorded.pull(&weights).unwrap(), continuous.unwrap_or_else(|e| panic!("{}: {e}", method.name()))]
}

const METHODS: [Method; 15] = [
    Method::Auto,
    Method::Tsit5,
    Method::Vern7,
    Method::Dop853,
    Method::Vern9,
    Method::Adams,
    Method::Taylor,
    Method::Rosenbrock23,
    Method::Rodas4,
    Method::Rodas5P,
    Method::KenCarp4,
    Method::TrBdf2,
    Method::RadauIIA5,
    Method::Radau,
    Method::Bdf,
];

/// Gradients come together as tolerances fall, and to the one of a far smaller tolerance.
fn come_together(text: &str, times: &[f64], methods: &[Method]) {
    let compiled = compiled(text);
    let [exact, _] = both(&compiled, Method::RadauIIA5, times, 1e-12);
    for method in methods {
        let gaps: Vec<[f64; 2]> = [1e-4, 1e-6, 1e-8]
            .iter()
            .map(|rtol| {
                let [discrete, continuous] = both(&compiled, *method, times, *rtol);
                [apart(&continuous, &discrete), apart(&continuous, &exact)]
            })
            .collect();
        let name = method.name();
        let falls = |a: usize, b: usize, by: f64| gaps[b][0] < by * gaps[a][0].max(1e-8);
        assert!(falls(0, 1, 0.6) && falls(1, 2, 0.6) && falls(0, 2, 0.1), "{name}: {gaps:?}");
        assert!(gaps[2].iter().all(|gap| *gap < 1e-5), "{name}: {gaps:?}");
        // Not the same numbers: it is another way.
        assert!(gaps[0][0] > 1e-12, "{name}: {gaps:?}");
    }
}

#[test]
fn smooth_models() {
    let text = "
        param a = 1.5, b = 1, c = 3, d = 1, w = 2, x0 = 1
        init x = x0, y = 0.5*x0
        x' = a*x - b*x*y + 0.1*sin(w*t)
        y' = d*x*y - c*y
        output z = x*y + a*t
    ";
    come_together(text, &[0.0, 0.7, 1.9, 2.5, 4.0], &METHODS);
}

#[test]
fn stiff_models() {
    let text = "
        param k = 1000, c = 2
        init x = 1, y = 0
        x' = -k*(x - cos(c*y))
        y' = x - 0.1*y^2
    ";
    let stiff: Vec<Method> = METHODS.into_iter().filter(|m| m.suits_stiff() || *m == Method::Auto).collect();
    come_together(text, &[0.5, 1.0, 2.0], &stiff);
}

#[test]
fn what_it_is_not_there_for_is_said() {
    let times = vec![1.0];
    let pull = |text: &str| {
        let compiled = compiled(text);
        let problem = compiled.problem().span(0.0..1.0).save(Save::At(times.clone()));
        let recorded = problem.record_continuously().map_err(|e| e.to_string())?;
        let weights = vec![1.0; compiled.model().states().len()];
        recorded.pull(&weights).map_err(|e| e.to_string())
    };
    let algebraic = pull("param k = 1\ninit x = 1, z = 0.5\nx' = -k*z\n0 = z + z^3 - x").unwrap_err();
    assert!(algebraic.contains("the adjoint equation of algebraic equations is not there yet"), "{algebraic}");
    let delays = pull("param k = 1\ninit x = 1\nx' = -k*x(t - 0.5)").unwrap_err();
    assert!(delays.contains("the adjoint equation of models with delays is not there yet"), "{delays}");
    let compiled = compiled("param k = 1\ninit x = 1\nx' = -k*x");
    let problem = compiled.problem().span(0.0..1e3).max_step(1e-2).max_tape(1 << 18).save(Save::At(vec![1e3]));
    let long = problem.record_continuously().unwrap().pull(&[1.0]).unwrap_err().to_string();
    assert!(long.contains("more steps than may be kept"), "{long}");
}
