//! `rhapsode gradient`: what it prints, what it refuses, and what its exit code says.

mod common;

use common::{example, folder, outcome, rhapsode};

fn gradient(model: &str, arguments: &[&str]) -> (i32, String, String) {
    outcome(rhapsode().args(["gradient", "-"]).args(arguments).write_stdin(model))
}

const TANK: &str = "model tank\nparam k = 2\ninit x = 1\nx' = -k*x\nobjective o = final(x)\n\
                    solve t = 0..1 { rtol = 1e-10, atol = 1e-12 }\n";

#[test]
fn value_and_gradient_go_to_standard_output_or_a_file() {
    let (code, out, err) = gradient(TANK, &["--wrt", "k,x", "--set", "k=1"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    assert!((number(&object["value"]) - (-1f64).exp()).abs() < 1e-9, "{out}");
    assert!((number(&object["gradient"]["k"]) + (-1f64).exp()).abs() < 1e-8, "{out}");
    assert!((number(&object["gradient"]["x"]) - (-1f64).exp()).abs() < 1e-8, "{out}");
    assert_eq!((number(&object["at"]["k"]), &object["objective"]), (1.0, &serde_json::json!("o")));
    let folder = folder();
    let file = folder.path().join("g.json");
    let (code, out, _) = gradient(TANK, &["--wrt", "k,x", "--set", "k=1", "-o", &file.display().to_string()]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&std::fs::read(&file).unwrap()).unwrap(), object);
}

#[test]
fn data_make_the_likelihood_the_objective() {
    let data = example("supernovae").replace(".ode", ".csv");
    let model = example("lambda_cdm");
    let (code, out, err) = outcome(rhapsode().args(["gradient", &model, &data, "--wrt", "Om,H0", "--rtol", "1e-11"]));
    assert_eq!(code, 0, "{err}");
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(object["objective"], "log_likelihood");
    assert!((object["value"].as_f64().unwrap() - 14.62668753332099).abs() < 1e-7, "{out}");
}

#[test]
fn what_cannot_be_is_refused_with_a_way_out() {
    for (arguments, code, part) in [
        (&["--wrt", "k,q"][..], 2, "error: --wrt: no parameter or state is called `q`"),
        (&["--wrt", "t"], 2, "error: there is no derivative by `t`: it is the independent variable\nhelp: "),
        (&[], 2, "--wrt"),
        (&["--wrt", "k", "--objective", "p"], 2, "error: no objective is called `p`"),
        (&["none.csv", "--wrt", "k"], 2, "error: cannot read `none.csv`: "),
        (&["--wrt", "k", "--set", "q=1"], 2, "error: --set: "),
    ] {
        let (found, out, err) = gradient(TANK, arguments);
        assert_eq!((found, out.as_str()), (code, ""), "{arguments:?}");
        assert!(err.contains(part), "{arguments:?}: {err}");
    }
    // The value is there where the derivatives are not.
    let steep = "model m\nparam k = 0\ninit x = 1\nx' = -x\nobjective o = sqrt(k) + final(x)\nsolve t = 0..1\n";
    let (code, out, err) = gradient(steep, &["--wrt", "k"]);
    assert!(code == 3 && out.contains("\"gradient\": null") && out.contains("\"value\": 0.367"), "{out}");
    assert!(err.contains("its derivative by `k` is not finite"), "{err}");
    let (code, _, err) = gradient(&TANK.replace("final(x)", "log(-final(x))"), &["--wrt", "k"]);
    assert_eq!((code, err.as_str()), (3, "error: `o` comes to NaN, which is no number to differentiate\n"));
}

#[test]
fn the_way_is_chosen_by_cost_and_explained() {
    let explained = |model: &str, arguments: &[&str]| {
        let (code, out, err) = gradient(model, &[&["--explain"], arguments].concat());
        assert_eq!(code, 0, "{err}");
        (serde_json::from_str::<serde_json::Value>(&out).unwrap(), err)
    };
    let many: String = (0..30).map(|k| format!("param k{k} = 0.{}\n", k + 10)).collect();
    let sum: Vec<String> = (0..30).map(|k| format!("k{k}*x^{}", k % 3 + 1)).collect();
    let model = format!(
        "{many}init x = 1\nx' = -({})/10\nobjective o = final(x)\nsolve t = 0..1 {{ rtol = 1e-9 }}\n",
        sum.join(" + ")
    );
    let names: Vec<String> = (0..30).map(|k| format!("k{k}")).collect();
    let (chosen, reason) = explained(&model, &["--wrt", &names.join(",")]);
    assert!(reason.starts_with("adjoint; expected to take ") && reason.contains("30 derivatives"), "{reason}");
    // Both ways give what was chosen.
    for way in ["--forward", "--adjoint"] {
        let (other, reason) = explained(&model, &["--wrt", &names.join(","), way]);
        assert!(reason.contains(": as asked; expected to take "), "{reason}");
        for name in &names {
            let number = |object: &serde_json::Value| object["gradient"][name].as_f64().unwrap();
            assert!((number(&other) - number(&chosen)).abs() < 1e-12, "{way} {name}");
        }
    }
}

#[test]
fn the_error_of_the_value_is_estimated() {
    let (code, out, err) = gradient(TANK, &["--wrt", "k", "--error-estimate", "--rtol", "1e-5", "--atol", "1e-7"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    let number = |name: &str| object[name].as_f64().unwrap();
    let off = (-2f64).exp() - number("value");
    assert!((number("error_estimate") - off).abs() < 0.3 * off.abs(), "{out} {off:e}");
}

#[test]
fn second_derivatives_are_a_matrix_by_name() {
    let (code, out, err) = gradient(TANK, &["--wrt", "k,x", "--hessian"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    // x exp(−k) at k = 2, x = 1.
    let e = (-2f64).exp();
    for (row, column, wanted) in [("k", "k", e), ("k", "x", -e), ("x", "k", -e), ("x", "x", 0.0)] {
        let found = object["hessian"][row][column].as_f64().unwrap();
        assert!((found - wanted).abs() < 1e-7, "{row} {column}: {found} {wanted}");
    }
}

#[test]
fn whatever_is_no_number_to_move_is_refused_by_name() {
    let text = "const n = 3, c = 2\nindex i = 1..n\nparam p = c, k = 1\ninit u[i] = 1\ndiscrete d = 0\nz = 3*p\n\
                u[i]' = -z*u[i] + d\nat 1 { d := 1 }\noutput s = sum[i](u[i])\nobjective o = final(u[1])\nsolve t = 0..5\n";
    for (name, what) in [
        ("n", "a number known when compiling"),
        ("c", "a number known when compiling"),
        ("d", "a discrete quantity, which events set"),
        ("z", "computed from others"),
        ("s", "computed from others"),
        ("t", "the independent variable"),
    ] {
        let (code, out, err) = gradient(text, &["--wrt", name]);
        let message = format!("there is no derivative by `{name}`: it is {what}\nhelp: ");
        assert!(code == 2 && out.is_empty() && err.starts_with(&format!("error: {message}")), "{name}: {err}");
        let arguments = ["run", "-", "--sensitivities", name, "--quiet"];
        let (code, out, err) = outcome(rhapsode().args(arguments).write_stdin(text));
        let message = format!("error: --sensitivities: {message}");
        assert!(code == 2 && out.is_empty() && err.starts_with(&message), "{name}: {err}");
    }
    for name in ["u[4]", "u[0]", "q"] {
        let (code, _, err) = gradient(text, &["--wrt", name]);
        assert!(code == 2 && err.contains(&format!("no parameter or state is called `{name}`")), "{name}: {err}");
    }
}

#[test]
fn data_that_are_never_met_and_derivatives_that_overflow() {
    let folder = folder();
    let text = "model m\nparam k = 1, s = 0.1\ninit x = 1\nx' = -k*x\nobserve seen ~ Normal(x, s)\nsolve t = 0..5\n";
    for (data, part) in [
        ("t,seen\n", "there is no row of data"),
        ("t,seen\n6,1\n7,2\n", "is at 6, outside the run from 0 to 5\nhelp: run through it: `--span 0..6`"),
        ("t,seen\n-1,1\n", "is at -1, outside the run from 0 to 5"),
        ("t,seen\n1,\n", "column `seen`: line 2: there is no value"),
    ] {
        let file = folder.path().join("d.csv");
        std::fs::write(&file, data).unwrap();
        let (code, out, err) = gradient(text, &[&file.display().to_string(), "--wrt", "k"]);
        assert!(code == 2 && out.is_empty() && err.contains(part), "{data:?}: {err}");
    }
    let text = "model m\nparam x0 = 0\ninit x = x0, y = 1\nx' = 1000*x\ny' = -1e-6*y\nobjective o = final(x + y)\n\
                solve t = 0..1e5 { max_step = 1e3 }\n";
    for way in [&[][..], &["--forward"], &["--adjoint"]] {
        let (code, out, err) = gradient(text, &[&["--wrt", "x0", "--method", "Tsit5"], way].concat());
        assert!(code == 3 && out.contains("\"gradient\": null") && out.contains("\"value\": 0.904"), "{way:?}: {out}");
        assert!(err.contains("not finite") || err.contains("no finite numbers any more"), "{way:?}: {err}");
    }
}

#[test]
fn the_adjoint_equation_and_delays() {
    let found = |text: &str, arguments: &[&str]| {
        let (code, out, err) = gradient(text, arguments);
        assert_eq!(code, 0, "{err}");
        let object: serde_json::Value = serde_json::from_str(&out).unwrap();
        object["gradient"].as_object().unwrap().values().map(|d| d.as_f64().unwrap()).collect::<Vec<f64>>()
    };
    for way in [&["--adjoint"][..], &["--adjoint", "discrete"], &["--adjoint", "continuous"], &["--forward"]] {
        let [k, x] = found(TANK, &[&["--wrt", "k,x"], way].concat())[..] else { panic!() };
        assert!((k + (-2f64).exp()).abs() < 1e-8 && (x - (-2f64).exp()).abs() < 1e-8, "{way:?}: {k} {x}");
    }
    let echo = "model m\nparam k = 0.5, tau = 1\ninit x = 1\nx' = -k*x(t - tau)\nobjective o = final(x)\n\
                solve t = 0..1.5 { rtol = 1e-10, atol = 1e-12 }\n";
    // x(3/2) = 1 − 3/2 k + k² (3/2 − τ)²/2
    for way in [&["--adjoint"][..], &["--forward"], &[]] {
        let [k, tau] = found(echo, &[&["--wrt", "k,tau"], way].concat())[..] else { panic!() };
        assert!((k + 1.375).abs() < 1e-8 && (tau + 0.125).abs() < 1e-8, "{way:?}: {k} {tau}");
    }
    let (code, out, err) = gradient(echo, &["--wrt", "tau", "--adjoint", "continuous"]);
    let refused = err.contains("the adjoint equation of models with delays is not there yet");
    assert!(code == 3 && out.contains("\"gradient\": null") && refused, "{err}");
    // What a past value is at a point of the solution is known within the run only.
    let (code, out, err) = gradient(&echo.replace("final(x)", "final(x + x(t - tau))"), &["--wrt", "k"]);
    assert!(code == 2 && out.is_empty(), "{out}");
    assert!(err.starts_with("error: `final(x + x(t - tau))` asks for a value at another time"), "{err}");
    let arguments = ["run", "-", "--sensitivities", "tau", "--save", "2", "--quiet"];
    let (code, out, err) = outcome(rhapsode().args(arguments).write_stdin(echo));
    assert!(code == 0 && out.starts_with("t,x,d[x]/d[tau]\n"), "{out} {err}");
    let arguments = ["run", "-", "--sensitivities", "k", "--control-sensitivities", "--quiet"];
    let (code, out, err) = outcome(rhapsode().args(arguments).write_stdin(TANK));
    assert!(code == 0 && out.starts_with("t,x,d[x]/d[k]\n"), "{out} {err}");
}
