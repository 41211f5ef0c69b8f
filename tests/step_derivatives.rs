//! Derivatives of the steps of Taylor's method and of those for second-order equations, against differences of runs that take the
//! same steps: such runs are smooth functions of their parameters, whatever their own error is.

use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model, Problem};

fn compiled(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"))
}

/// With steps of one length, which neither error nor parameters change.
fn evenly<'c>(compiled: &'c Compiled, method: Method, h: f64, times: &[f64]) -> Problem<'c> {
    let problem = compiled.problem().method(method).rtol(1e-4).atol(1e10).first_step(h).max_step(h);
    problem.save(Save::At(times.to_vec()))
}

/// The columns of states and outputs one after the other, at all times.
fn values(problem: &Problem) -> Vec<f64> {
    let solution = problem.solve().unwrap_or_else(|e| panic!("{e}"));
    let outputs = (0..solution.output_names().len()).map(|k| solution.output(k).to_vec());
    let states = (0..solution.state_names().len()).map(|k| solution.state(k).to_vec());
    states.chain(outputs).flatten().collect()
}

/// Forward derivatives by the names against differences of order 4, as close as `tolerance`, and backward ones against them.
fn compare(compiled: &Compiled, problem: &Problem, at: &[(&str, f64)], what: &str, tolerance: f64) {
    let names: Vec<&str> = at.iter().map(|(name, _)| *name).collect();
    let tangents = problem.tangents(&names).unwrap_or_else(|e| panic!("{what}: {e}"));
    let (times, k) = (tangents.solution().len(), names.len());
    let columns = tangents.values().len() / (times * k);
    let recorded = problem.record().unwrap_or_else(|e| panic!("{what}: {e}"));
    for (j, (name, value)) in at.iter().enumerate() {
        let moved = |h: f64| values(&problem.clone().set(name, value + h).unwrap());
        let h = 2e-3 * value.abs().max(0.1);
        let [a, b, c, d] = [moved(h), moved(-h), moved(2.0 * h), moved(-2.0 * h)];
        for i in 0..columns {
            for row in 0..times {
                let place = i * times + row;
                let wanted = (8.0 * (a[place] - b[place]) - (c[place] - d[place])) / (12.0 * h);
                let found = tangents.values()[(row * columns + i) * k + j];
                let close = (found - wanted).abs() <= tolerance * (1.0 + wanted.abs());
                assert!(close, "{what}: column {i} by {name}, row {row}: {found} {wanted}");
            }
        }
    }
    // Each number alone goes the way back.
    for place in 0..times * columns {
        let mut weights = vec![0.0; times * columns];
        weights[place] = 1.0;
        let gradient = recorded.pull(&weights).unwrap();
        let model = compiled.model();
        for (j, name) in names.iter().enumerate() {
            let found = match model.parameters().iter().position(|known| known == *name) {
                Some(at) => gradient.parameters[at],
                None => gradient.initial[model.states().iter().position(|known| known == *name).unwrap()],
            };
            let wanted = tangents.values()[place * k + j];
            let size = tangents.values().iter().fold(1.0f64, |most, x| most.max(x.abs()));
            assert!((found - wanted).abs() <= 1e-12 * size, "{what}: {place} by {name}: {found} {wanted}");
        }
    }
}

const PENDULUMS: &str = "param g = 1.3, k = 0.4, w = 2, a = 0.3
init x = 0.7, x' = 0, y = -0.2, y' = 0.5
x'' = -g*sin(x) + k*(y - x) + a*cos(w*t)
y'' = -g*sin(y) - k*(y - x)^3
output energy = x'^2/2 - g*cos(x)
solve t = 0..3
";

#[test]
fn second_order_methods() {
    let compiled = compiled(PENDULUMS);
    for method in Method::ALL.iter().filter(|method| method.is_second_order()) {
        // Data times between steps, and on one.
        let problem = evenly(&compiled, *method, 0.05, &[0.0, 0.333, 1.0, 2.518, 3.0]);
        let at = [("g", 1.3), ("k", 0.4), ("w", 2.0), ("a", 0.3), ("x", 0.7), ("y'", 0.5)];
        compare(&compiled, &problem, &at, method.name(), 1e-8);
    }
}

#[test]
fn derivatives_have_the_order_of_the_method() {
    let compiled = compiled(PENDULUMS);
    let names = ["g", "k", "x"];
    let exact = compiled.problem().method(Method::Vern9).rtol(1e-13).atol(1e-14).save(Save::At(vec![3.0]));
    let exact = exact.tangents(&names).unwrap();
    let cases = [(Method::Verlet, 2.0), (Method::McLachlan4, 4.0), (Method::KahanLi6, 6.0), (Method::Dprkn6, 6.0)];
    for (method, order) in cases {
        let error = |h: f64| {
            let found = evenly(&compiled, method, h, &[3.0]).tangents(&names).unwrap();
            found.values().iter().zip(exact.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        let slope = (error(0.1) / error(0.05)).log2();
        assert!((slope - order).abs() < 0.4, "{}: {slope}", method.name());
    }
}

#[test]
fn second_order_methods_through_events() {
    let text = "param g = 9.81, c = 0.8, h0 = 2, kick = 0.7
init h = h0, h' = 0
discrete n = 0
h'' = -g + 0.3*sin(h)
when h < 0 { h' := -c*h', h := 0, n := n + 1 }
at 1.1 { h' := h' + kick }
output seen = n*h
solve t = 0..2.5
";
    let compiled = compiled(text);
    for method in Method::ALL.iter().filter(|method| method.is_second_order()) {
        let problem = compiled.problem().method(*method).rtol(1e-12).atol(1e-12).first_step(2e-3);
        let problem = problem.save(Save::At(vec![0.3, 0.9, 1.3, 2.1, 2.5]));
        let at = [("g", 9.81), ("c", 0.8), ("h0", 2.0), ("kick", 0.7)];
        // Where a run is cut the steps behind move with the parameters: what the methods are off by moves too.
        let tolerance = match method {
            Method::Verlet => 1e-3,
            Method::McLachlan4 => 1e-6,
            _ => 1e-7,
        };
        compare(&compiled, &problem, &at, method.name(), tolerance);
    }
}

/// Everything a recurrence is made for: products, quotients, roots, powers with constant and varying exponents, exponentials,
/// logarithms, circular functions, selections, definitions that share, data, time.
const MANY: &str = "param a = 1.3, b = 0.7, c = 2.2, d = 0.4
fn smooth(x) = x/(1 + x^2)
init u = 0.8, v = 1.5, w = a*b, z = 0.3
q = sqrt(u^2 + b*v)
r = exp(-a*u)*sin(c*t + v)
u' = -b*u*v + smooth(w)/q + d*cos(t)
v' = u^1.7 - a*v + log(1 + w^2)*r
w' = if c > 1 then atan2(u, c + v) - d*w^3 else w
z' = tanh(u - z)*v^d + (1.2 + u^2)^(0.3*v) - cbrt(2 + z^2)*erf(b*z)
output s = q*w + r
solve t = 0..2
";

#[test]
fn series() {
    let compiled = compiled(MANY);
    let at = [("a", 1.3), ("b", 0.7), ("c", 2.2), ("d", 0.4), ("u", 0.8), ("v", 1.5), ("z", 0.3)];
    for rtol in [1e-2, 1e-5, 1e-9] {
        let problem = evenly(&compiled, Method::Taylor, 0.02, &[0.0, 0.51, 0.515, 1.3, 2.0]).rtol(rtol);
        compare(&compiled, &problem, &at, &format!("rtol = {rtol}"), 1e-8);
    }
}

#[test]
fn series_of_arrays() {
    let text = "const N = 12
index i = 1..N
index j = 1..3
param D = 0.8, k[j] = 0.3 + 0.1*j, s = 0.2
init u[i] = 1 + 0.5*sin(i) + s, m = 0.4
flux[i] = D*u[i]*(1 + 0.1*m)
u[i]' = flux[i-1] - 2*flux[i] + flux[i+1] - k[2]*u[i]^2/(1 + u[i]) for i in 2..N-1
u[1]' = flux[2] - flux[1]
u[N]' = flux[N-1] - flux[N]*exp(-m)
m' = sum[i](u[i]*u[i])/N - prod[j](k[j]*m)
output total = sum[i](u[i])
solve t = 0..1
";
    let compiled = compiled(text);
    let problem = evenly(&compiled, Method::Taylor, 0.01, &[0.123, 1.0]).rtol(1e-6);
    let at = [("D", 0.8), ("k[2]", 0.5), ("k[3]", 0.6), ("s", 0.2), ("u[3]", 1.0 + 0.5 * 3f64.sin() + 0.2), ("m", 0.4)];
    compare(&compiled, &problem, &at, "arrays", 1e-8);
}

#[test]
fn series_through_events() {
    let text = "param a = 0.9, r = 1.4, drop = 0.5, lag = 0.3
init x = 0.2, y = 0
discrete gain = 1
x' = gain*r*x*(1 - x) + max(0, y - 0.4)
y' = x - a*y
when x > 0.7 delay lag { x := drop*x, gain := gain + 0.2 }
at 1.5*a { y := y*drop }
output o = gain*x*y
solve t = 0..6
";
    let compiled = compiled(text);
    let problem = compiled.problem().method(Method::Taylor).rtol(1e-13).atol(1e-14);
    let problem = problem.save(Save::At(vec![0.7, 2.0, 3.3, 4.4, 6.0]));
    let at = [("a", 0.9), ("r", 1.4), ("drop", 0.5), ("lag", 0.3), ("y", 0.0)];
    compare(&compiled, &problem, &at, "events", 1e-6);
}
