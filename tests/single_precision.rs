//! Single precision: interpreter and native code agree bit for bit, trajectories do not depend on their neighbours, errors are as
//! asked for at tolerances it reaches, and what it cannot do is refused with a reason.

#[path = "common/lanes.rs"]
mod material;

use rhapsode::solve::{
    Failure, Lanes, Member, Method, Options, Precision, Save, Solution, Tolerance, integrate, methods,
};
use rhapsode::system::{EXTRA, LIMITS};
use rhapsode::{Backend, Compiled};

use material::{FUNCTIONS, LORENZ, Random, compile};

const VAN_DER_POL: &str = "param m = 50\ninit x = 2, v = 0\nx' = v\nv' = m*(1 - x^2)*v - x";
/// Conditions of every kind, on the state and on time.
const BRANCHES: &str = "
param a = 0.3, b = 2
init x = 0.4, y = 1, z = -0.2
x' = (if x > 0.5 and not (y <= 1) then exp(-z) else sqrt(abs(z))) + max(x, min(y, 0.2*t))
y' = -y*(if t >= 0.1 or x == z then a else b) + sign(z) + floor(3*x) - ceil(y*z)
z' = clamp(x*y, 0, 0.3) + (if x != y then log(1 + abs(x)) else pow(abs(y), a))
";

fn members(compiled: &Compiled, count: usize, share: f64) -> Vec<Member> {
    let values = compiled.problem().parameter_values().unwrap();
    let mut random = Random(5);
    let mut one = |number| {
        let own: Vec<f64> = values.iter().map(|value| value * (1.0 + share * random.next())).collect();
        let p = compiled.bind(&own);
        Member { number, y: compiled.initial(0.0, &p), p }
    };
    (0..count).map(&mut one).collect()
}

fn options(method: Method, rtol: f64, end: f64) -> Options<'static> {
    let mut options = Options::new(0.0, end);
    (options.method, options.rtol, options.atol) = (method, rtol, Tolerance::Scalar(rtol * 1e-2));
    options.precision = Precision::Single;
    options.save = Save::At(vec![0.0, 0.3 * end, end]);
    options
}

fn numbers(result: &Result<Solution, Failure>) -> Vec<u64> {
    let solution = result.as_ref().unwrap_or_else(|e| panic!("{e}"));
    let columns = 0..solution.state_names().len();
    columns.flat_map(|k| solution.state(k).iter().map(|x| x.to_bits()).collect::<Vec<_>>()).collect()
}

#[test]
fn both_backends_round_alike() {
    let formulas = (methods::tableau(Method::Dop853).unwrap(), &methods::rodas5p::RODAS5P);
    for text in [BRANCHES, FUNCTIONS, LORENZ, VAN_DER_POL] {
        let both = [Backend::Jit, Backend::Interpret].map(|backend| compile(text, backend));
        let n = both[0].system().shape().dim();
        let p = members(&both[0], 1, 0.0).remove(0).p;
        for whole in [false, true] {
            let lanes = both.each_ref().map(|compiled| {
                let system = compiled.system();
                let step = match whole {
                    false => system.explicit_step(&formulas.0.formula()),
                    true => system.rosenbrock_step(&formulas.1.formula_in_single()),
                };
                step.unwrap().lanes_in_single().unwrap()
            });
            let (count, point) = (lanes[0].lanes(), 2 * n + EXTRA);
            let mut random = Random(9);
            for _ in 0..300 {
                let mut fill = |rows: usize| -> Vec<f32> { (0..rows * count).map(|_| random.next() as f32).collect() };
                let (y, stages) = (fill(point), fill(n));
                let mut limits = fill(1 + LIMITS + n);
                for (row, value) in [(1, 0.05), (2, 1e-4), (3, f32::NEG_INFINITY), (4, f32::INFINITY)] {
                    limits[row * count..(row + 1) * count].fill(value);
                }
                limits[(1 + LIMITS) * count..].fill(1e-6);
                let p: Vec<f32> = p.iter().flat_map(|p| std::iter::repeat_n(*p as f32, count)).collect();
                let [native, interpreted] = lanes.each_ref().map(|lanes| {
                    let (mut w, mut out) = (vec![0.0; lanes.work()], vec![0.0; point * count]);
                    w[..n * count].copy_from_slice(&stages);
                    lanes.attempt(&y, &p, &limits, &mut w, &mut out);
                    out
                });
                for (a, b) in native.iter().zip(&interpreted) {
                    assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()), "{text} {whole}: {a:e} {b:e}");
                }
            }
        }
    }
}

#[test]
fn a_trajectory_does_not_depend_on_its_neighbours() {
    for (text, end) in [(LORENZ, 1.0), (FUNCTIONS, 2.0), (VAN_DER_POL, 5.0)] {
        let both = [Backend::Jit, Backend::Interpret].map(|backend| compile(text, backend));
        let members = members(&both[0], 19, 0.3);
        let methods =
            [Method::Bosh3, Method::Tsit5, Method::Dop853, Method::Taylor, Method::Rosenbrock23, Method::Rodas5P];
        for method in methods {
            let options = options(method, 1e-4, end);
            let alone: Vec<_> = members
                .iter()
                .map(|member| numbers(&integrate(both[1].system(), &member.y, &member.p, &options)))
                .collect();
            for part in [&members[..3], &members[..]] {
                let mut lanes = Lanes::<f32>::new(both[0].system(), &options).unwrap();
                let (mut rest, mut found) = (part.iter().rev().cloned(), 0);
                lanes.run(&mut || rest.next(), &mut |number, result| {
                    found += 1;
                    assert!(numbers(&result) == alone[number], "{} {number}", method.name());
                });
                assert_eq!(found, part.len());
            }
        }
    }
}

#[test]
fn errors_are_as_asked_for() {
    let robertson = include_str!("../examples/models/robertson.ode");
    let pollution = include_str!("../examples/models/pollution.ode");
    let stiff = [Method::Rodas4, Method::Rodas5P];
    let all = [Method::Tsit5, Method::Dop853, Method::Taylor, Method::Rodas4, Method::Rodas5P];
    let problems: [(&str, &str, f64, &[Method]); 5] = [
        ("lorenz", LORENZ, 1.0, &all),
        ("functions", FUNCTIONS, 3.0, &all),
        ("van der pol", VAN_DER_POL, 30.0, &all),
        ("robertson", robertson, 1e5, &stiff),
        ("pollution", pollution, 60.0, &stiff),
    ];
    for (name, text, end, list) in problems {
        let compiled = compile(text, Backend::Jit);
        let member = members(&compiled, 1, 0.0).remove(0);
        let run = |options: &Options| {
            let solution = integrate(compiled.system(), &member.y, &member.p, options);
            solution.unwrap_or_else(|e| panic!("{name} {}: {e}", options.method.name())).last()
        };
        let mut exact = options(Method::Rodas5P, 1e-11, end);
        (exact.precision, exact.atol) = (Precision::Double, Tolerance::Scalar(1e-15));
        let exact = run(&exact);
        for method in list {
            let mut double = options(*method, 1e-4, end);
            // What matters in these two is small.
            if list.len() == 2 {
                double.atol = Tolerance::Scalar(1e-9);
            }
            let single = double.clone();
            double.precision = Precision::Double;
            let Tolerance::Scalar(atol) = single.atol else { panic!("one tolerance") };
            let error = |found: &[f64]| {
                let shares = found.iter().zip(&exact).map(|(x, e)| (x - e).abs() / (atol + 1e-4 * e.abs()));
                shares.fold(0.0, f64::max)
            };
            let (found, same) = (error(&run(&single)), error(&run(&double)));
            println!("{name} {}: {found:.3} tolerances, in double precision {same:.3}", method.name());
            assert!(found <= 1.5 * same + 1.0, "{name} {}: {found} tolerances, double {same}", method.name());
        }
    }
}

#[test]
fn what_it_cannot_do_is_refused() {
    let reason = |text: &str, change: &dyn Fn(&mut Options)| {
        let compiled = compile(text, Backend::Jit);
        let member = members(&compiled, 1, 0.0).remove(0);
        let mut options = options(Method::Tsit5, 1e-4, 1.0);
        change(&mut options);
        let result = integrate(compiled.system(), &member.y, &member.p, &options);
        result.map_or_else(|failure| failure.to_string(), |_| String::new())
    };
    let plain = "param k = 1\ninit x = 1\nx' = -k*x";
    assert_eq!(reason(plain, &|_| ()), "");
    let tight = "rtol must be at least 2e-6 in single precision, found 1e-6; ask for 1e-4, or use double precision";
    assert_eq!(reason(plain, &|o| o.rtol = 1e-6), tight);
    let method = "there is no run in single precision: BDF is no explicit Runge–Kutta, Rosenbrock or Taylor method; use double precision";
    assert_eq!(reason(plain, &|o| o.method = Method::Bdf), method);
    let event = format!("{plain}\nwhen x < 0.5 {{ x := 1 }}");
    assert!(reason(&event, &|_| ()).contains("events and switches"));
    let small =
        "the initial value 1e-50 of x is out of the range of single precision; use other units, or double precision";
    assert_eq!(reason("init x = 1e-50\nx' = -x", &|_| ()), small);
    let large = "1e40, a parameter or what follows from parameters, is out of the range of single precision; use other units, or double precision";
    assert_eq!(reason("param k = 1e40\ninit x = 1\nx' = -x/(1 + k)", &|_| ()), large);
}

#[test]
fn an_ensemble_may_be_in_single_precision() {
    let compiled = compile(LORENZ, Backend::Jit);
    let r: Vec<f64> = (0..50).map(f64::from).collect();
    let problem = compiled.problem().span(0.0..1.0).rtol(1e-4).atol(1e-6).method(Method::Dop853);
    let mut ends = Vec::new();
    for precision in [Precision::Double, Precision::Single] {
        let ensemble = problem.clone().precision(precision).ensemble(&[("r", &r)]).unwrap();
        assert_eq!(ensemble.lanes(), Ok(8));
        let mut list = Vec::new();
        let keep = |_, record: rhapsode::Record| {
            list.push(record.values[0]);
            std::ops::ControlFlow::Continue(())
        };
        ensemble.records(&rhapsode::Keep::Final, keep).unwrap();
        ends.push(list);
    }
    for (k, (double, single)) in ends[0].iter().zip(&ends[1]).enumerate() {
        let alone = problem.clone().precision(Precision::Single).set("r", r[k]).unwrap().solve().unwrap();
        assert_eq!(alone.column("x").unwrap().last(), Some(single));
        assert!(double != single && (double - single).abs() < 2e-3 * (1.0 + double.abs()), "{k}: {double} {single}");
    }
}
