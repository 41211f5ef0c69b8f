//! Functions of the host: the same numbers as the function written in the model, with every method and backend, and clear errors
//! where the host does not give what is needed.

use std::ops::ControlFlow;

use rhapsode::solve::{ErrorKind, Method, Save};
use rhapsode::{Backend, Compiled, HostError, HostFunction, Model, SolveError};

/// A function of two arguments that is not linear in either.
fn host() -> HostFunction {
    HostFunction::new(|x| x[0] * x[0] / (x[1] + x[0]))
        .gradient(|x, g| {
            let sum = x[1] + x[0];
            (g[0], g[1]) = (x[0] * (x[0] + 2.0 * x[1]) / (sum * sum), -x[0] * x[0] / (sum * sum));
        })
        .hessian(|x, h| {
            let cube = (x[1] + x[0]).powi(3);
            let mixed = -2.0 * x[0] * x[1] / cube;
            h.copy_from_slice(&[2.0 * x[1] * x[1] / cube, mixed, mixed, 2.0 * x[0] * x[0] / cube]);
        })
}

const OWN: &str = "fn f(x, k) = x^2/(k + x)\n";
const EXTERN: &str = "extern fn f(x, k)\n";
const SCALAR: &str = "param k = 0.7, q = 2\ninit x = 1 + f(q, k), y = 0.5\nx' = -f(x, k) + 0.1*y\n\
    y' = f(x, k*q) - y\noutput z = f(y, x)\nwhen x < 0.8 { y := f(y + 1, k) }\n";
const ARRAY: &str = "index i = 1..40\nparam k = 0.7\ninit u[i] = 1 + 0.1*i\nu[i]' = -f(u[i], k + 0.01*i)\n\
    output total = sum[i](f(u[i], k))\n";

fn pair(body: &str, backend: Backend) -> [Compiled; 2] {
    let bound = Model::parse(&format!("{EXTERN}{body}")).unwrap().with_function("f", host()).unwrap();
    let own = Model::parse(&format!("{OWN}{body}")).unwrap();
    [bound, own].map(|model| model.compile_with(backend).unwrap())
}

#[test]
fn it_is_the_function_written_in_the_model() {
    for body in [SCALAR, ARRAY] {
        for backend in [Backend::Jit, Backend::Interpret] {
            let models = pair(body, backend);
            for method in [Method::Auto, Method::Dop853, Method::Rodas5P, Method::Bdf, Method::Radau, Method::KenCarp4]
            {
                let [a, b] = models.each_ref().map(|compiled| {
                    let problem = compiled.problem().span(0.0..4.0).method(method).rtol(1e-10).atol(1e-12);
                    problem.save(Save::At(vec![1.0, 2.5, 4.0])).solve().unwrap()
                });
                for k in 0..a.state_names().len() {
                    for (x, y) in a.state(k).iter().zip(b.state(k)) {
                        assert!((x - y).abs() < 1e-8 * y.abs().max(1.0), "{} {k}: {x} {y}", method.name());
                    }
                }
                assert!((a.output(0)[2] - b.output(0)[2]).abs() < 1e-7, "{}", method.name());
            }
        }
    }
}

#[test]
fn interpreter_and_native_code_agree_to_the_bit() {
    for body in [SCALAR, ARRAY] {
        let [native, _] = pair(body, Backend::Jit);
        let [interpreted, _] = pair(body, Backend::Interpret);
        let [a, b] = [native, interpreted].map(|compiled| compiled.problem().span(0.0..3.0).solve().unwrap());
        assert_eq!((a.times(), a.last()), (b.times(), b.last()));
    }
}

#[test]
fn ensembles_call_it_from_every_thread() {
    let calm = SCALAR.replace("when x < 0.8 { y := f(y + 1, k) }\n", "");
    let k: Vec<f64> = (0..40).map(|j| 0.4 + 0.02 * f64::from(j)).collect();
    for body in [SCALAR, &calm, ARRAY] {
        let [compiled, _] = pair(body, Backend::Jit);
        for method in [Method::Auto, Method::Dop853, Method::Rodas5P] {
            let problem = compiled.problem().span(0.0..2.0).method(method).save(Save::At(vec![2.0]));
            let ensemble = problem.clone().ensemble(&[("k", &k)]).unwrap().threads(3);
            let mut ends = Vec::new();
            let sink = |_, end: Vec<f64>| {
                ends.push(end);
                ControlFlow::Continue(())
            };
            ensemble.each(|_, result| result.unwrap().last(), sink).unwrap();
            for (k, end) in k.iter().zip(&ends) {
                let alone = problem.clone().set("k", *k).unwrap().solve().unwrap().last();
                assert_eq!(alone, *end, "{} k = {k}", method.name());
            }
            assert_eq!(ends.len(), k.len());
        }
    }
}

#[test]
fn gradients_go_through_it() {
    let models = pair(SCALAR, Backend::Jit);
    for method in [Method::Tsit5, Method::Bdf, Method::Rodas5P, Method::KenCarp4] {
        let [a, b] = models.each_ref().map(|compiled| {
            let problem = compiled.problem().span(0.0..4.0).method(method).rtol(1e-9).atol(1e-11);
            let problem = problem.save(Save::At(vec![1.0, 4.0]));
            let pulled = problem.record().unwrap().pull(&[1.0, 0.5, 0.1, 2.0, 1.0, 0.3]).unwrap();
            let carried = problem.tangents(&["k"]).unwrap();
            (pulled, carried.column(0, 0).collect::<Vec<f64>>())
        });
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6 * b.abs().max(1.0));
        assert!(close(&a.0.parameters, &b.0.parameters), "{}: {:?} {:?}", method.name(), a.0, b.0);
        assert!(close(&a.0.initial, &b.0.initial) && close(&a.1, &b.1), "{}: {a:?} {b:?}", method.name());
    }
}

fn host_error(compiled: &Compiled, method: Method) -> HostError {
    match compiled.problem().method(method).solve() {
        Err(SolveError::Host(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_host_does_not_give_is_named() {
    let model = Model::parse(&format!("{EXTERN}{SCALAR}")).unwrap();
    assert_eq!(model.functions()[0].arguments, ["x", "k"]);
    let unbound = model.compile().unwrap();
    let error = host_error(&unbound, Method::Tsit5);
    assert_eq!(error, HostError::Unbound("f".into()));
    assert!(error.to_string().starts_with("`f` is a function of the host (`extern fn`), and there is none"), "{error}");
    assert!(matches!(unbound.problem().steps().err(), Some(SolveError::Host(_))));
    assert!(matches!(unbound.problem().steady(rhapsode::solve::Approach::Auto).err(), Some(SolveError::Host(_))));
    let unknown = model.with_function("g", host()).unwrap_err();
    assert_eq!(unknown.to_string(), "the model has no `extern fn g`; it has f");

    let value_only = HostFunction::new(|x| x[0] * x[0] / (x[1] + x[0]));
    let compiled = model.with_function("f", value_only.clone()).unwrap().compile().unwrap();
    assert!(compiled.problem().method(Method::Tsit5).solve().is_ok());
    for method in [Method::Auto, Method::Bdf] {
        let error = host_error(&compiled, method).to_string();
        let wanted = format!(
            "{} needs the derivatives of `f`, which the host does not give: give its gradient too, or use Tsit5 or another \
             explicit method",
            method.name()
        );
        assert_eq!(error, wanted);
    }
    let taylor = compiled.problem().method(Method::Taylor).solve().unwrap_err().to_string();
    assert!(taylor.contains("`f`, in the equation of x, has no recurrence"), "{taylor}");
    let once = value_only.gradient(|x, g| g.fill(x[0]));
    let compiled = model.with_function("f", once).unwrap().compile().unwrap();
    let refused = compiled.problem().method(Method::Rodas5P).record().err().unwrap().to_string();
    assert_eq!(
        refused,
        "the gradient of a run with Rodas5P needs second derivatives of `f`, which the host does not give: give its hessian \
         too, or use Tsit5 or another explicit method"
    );
    assert!(compiled.problem().method(Method::Tsit5).record().is_ok());
}

#[test]
fn what_the_host_cannot_answer_ends_the_run_with_the_state() {
    let model = Model::parse("extern fn f(x)\ninit x = 1\nx' = f(x)\n").unwrap();
    for host in [HostFunction::new(|x| if x[0] > 2.0 { f64::NAN } else { 1.0 }), HostFunction::new(|x| x[9])] {
        for backend in [Backend::Jit, Backend::Interpret] {
            let compiled = model.with_function("f", host.clone()).unwrap().compile_with(backend).unwrap();
            match compiled.problem().span(0.0..5.0).method(Method::Tsit5).solve() {
                Err(SolveError::Failed(failure)) => {
                    assert!(matches!(&failure.kind, ErrorKind::NotFinite(names) if *names == ["x"]), "{failure}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn it_is_checked_like_any_function() {
    let errors = |text: &str| Model::parse(text).unwrap_err().to_string();
    assert!(errors("extern fn f(x)\ninit x = 1\nx' = f(x, 2)\n").contains("E0214"));
    assert!(
        errors("extern fn f(x)\nconst N = f(2)\ninit x = N\nx' = -x\n").contains("known when the model is compiled")
    );
    assert!(errors("extern fn f(x)\nfn f(x) = x\ninit x = 1\nx' = f(x)\n").contains("function `f`"));
    let many = (0..65).map(|k| format!("a{k}")).collect::<Vec<_>>().join(", ");
    assert!(errors(&format!("extern fn f({many})\ninit x = 1\nx' = x\n")).contains("more than 64"));
    // Units of the host's functions are not known; what is around them is checked all the same.
    let units = "extern fn f(x)\nparam m: kg = 2\ninit v: m/s = 1\ntime t: s\nv' = -f(v)/m\n";
    assert!(Model::parse(units).is_ok());
    assert!(
        errors(&units.replace("init v: m/s", "param w: s = 1\ninit v: m/s").replace("/m\n", "/m + w\n"))
            .contains("E0261")
    );
}
