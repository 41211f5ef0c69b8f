//! `check`, `show`, `new`, `completions` and the help.

mod common;

use std::fs;

use common::{DECAY, example, folder, outcome, rhapsode};

#[test]
fn help_has_examples() {
    for arguments in [&["--help"][..], &["run", "--help"], &["show", "--help"], &["new", "--help"], &["fmt", "--help"]]
    {
        let (code, out, _) = outcome(rhapsode().args(arguments));
        assert_eq!(code, 0);
        assert!(out.contains("Examples:\n  rhapsode "), "{out}");
    }
    let (code, out, _) = outcome(rhapsode().arg("--version"));
    assert_eq!((code, out), (0, format!("rhapsode {}\n", env!("CARGO_PKG_VERSION"))));
    let (code, out, err) = outcome(rhapsode().arg("chek"));
    assert!(code == 2 && out.is_empty() && err.contains("'check'"), "{err}");
    assert_eq!(outcome(&mut rhapsode()).0, 2);
}

#[test]
fn check_tells_all_errors_in_one_pass() {
    let model = "init x = 1, y = 2\nx' = -kk*x\ny' = foo(y)\nsolve t = 0..1 { rtool = 1e-6 }\n";
    let (code, out, err) = outcome(rhapsode().args(["check", "-"]).write_stdin(model));
    assert_eq!((code, out.as_str()), (2, ""));
    for word in ["kk", "foo", "rtool", "did you mean `rtol`?"] {
        assert!(err.contains(word), "{word} in {err}");
    }
    assert!(!err.contains('\x1b'), "colour where there is no terminal");
    let (code, out, err) = outcome(rhapsode().args(["check", "-"]).write_stdin(DECAY));
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.contains("model decay is sound: 1 state, 1 parameter, 1 output"), "{err}");
    let (code, _, err) = outcome(rhapsode().args(["check", "--quiet", &example("hires"), "none.ode"]));
    assert!(code == 2 && err.contains("none.ode") && !err.contains("hires"), "{err}");
}

#[test]
fn show_views() {
    let model = example("robertson");
    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["A'", "B'", "C'", "total"]),
        (&["--equations", "--format", "latex"], &["\\begin{align}", "\\frac"]),
        (&["--jacobian"], &["d[A']/d[B]", "d[B']/d[C]"]),
        (&["--jacobian", "--format", "latex"], &["\\partial"]),
        (&["--sparsity"], &["3 x 3", "###"]),
        (&["--graph"], &["digraph", "->"]),
        (&["--program"], &["rhs", "jac"]),
    ];
    for (arguments, expected) in cases {
        let (code, out, err) = outcome(rhapsode().args(["show", &model]).args(*arguments));
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
        for word in *expected {
            assert!(out.contains(word), "{arguments:?}: expected {word} in {out}");
        }
    }
    #[cfg(feature = "jit")]
    for view in ["--clif", "--asm"] {
        let (code, out, err) = outcome(rhapsode().args(["show", &model, view]));
        assert!(code == 0 && out.lines().count() > 10, "{view}: {err}");
    }
    let (code, out, _) = outcome(rhapsode().args(["show", "--target"]));
    assert!(code == 0 && !out.is_empty());
    let (code, _, err) = outcome(rhapsode().args(["show", &model, "--jacobian", "--asm"]));
    assert!(code == 2 && err.contains("cannot be used with"), "{err}");
    let (code, _, err) = outcome(rhapsode().args(["show", &model, "--asm", "--format", "latex"]));
    assert!(code == 2 && err.contains("--format"), "{err}");
}

#[test]
fn new_writes_a_model_that_runs_and_never_overwrites() {
    let folder = folder();
    let inside = |arguments: &[&str]| outcome(rhapsode().current_dir(folder.path()).args(arguments));
    let (code, out, err) = inside(&["new", "my-reactor", "--like", "robertson"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(err.contains("rhapsode run my-reactor.ode --plot my-reactor.svg"), "{err}");
    let text = fs::read_to_string(folder.path().join("my-reactor.ode")).unwrap_or_default();
    assert!(text.contains("\nmodel my_reactor\n"), "{text}");
    assert_eq!(inside(&["run", "my-reactor.ode", "--plot", "my-reactor.svg"]).0, 0);
    let (code, _, err) = inside(&["new", "my-reactor.ode"]);
    assert!(code == 2 && err.contains("exists already"), "{err}");
    assert_eq!(fs::read_to_string(folder.path().join("my-reactor.ode")).unwrap_or_default(), text);
    let (code, _, err) = inside(&["new", "other", "--like", "robertsen"]);
    assert!(code == 2 && err.contains("did you mean `robertson`?"), "{err}");
    // What the example reads is written beside it, and never overwritten either.
    let (code, _, err) = inside(&["new", "house", "--like", "building"]);
    assert!(code == 0 && err.contains("wrote house.ode and outdoor.csv"), "{err}");
    assert_eq!(inside(&["run", "house.ode"]).0, 0);
    let (code, _, err) = inside(&["new", "house2", "--like", "building"]);
    assert!(code == 0 && err.contains("wrote house2.ode;"), "{err}");
    fs::write(folder.path().join("outdoor.csv"), "mine").unwrap_or_default();
    let (code, _, err) = inside(&["new", "house3", "--like", "building"]);
    assert!(code == 2 && err.contains("`outdoor.csv` exists already"), "{err}");
    let (code, _, err) = inside(&["new", "none/other"]);
    assert!(code == 2 && err.contains("cannot write"), "{err}");
}

#[test]
fn every_example_checks_and_runs() {
    let (_, list, _) = outcome(rhapsode().args(["new", "--list"]));
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 14, "{list}");
    for name in names {
        let (code, _, err) = outcome(rhapsode().args(["check", &example(name)]));
        assert_eq!(code, 0, "{name}: {err}");
        let (code, out, err) = outcome(rhapsode().args(["run", &example(name)]));
        assert_eq!(code, 0, "{name}: {err}");
        assert!(out.lines().count() > 10 && !out.contains("NaN") && !out.contains("inf,"), "{name}");
    }
}

#[test]
fn completions_for_shells() {
    for (shell, word) in [("bash", "_rhapsode"), ("zsh", "#compdef rhapsode"), ("fish", "complete -c rhapsode")] {
        let (code, out, _) = outcome(rhapsode().args(["completions", shell]));
        assert!(code == 0 && out.contains(word) && out.contains("save-every"), "{shell}");
    }
    let (code, _, err) = outcome(rhapsode().args(["completions", "dos"]));
    assert!(code == 2 && err.contains("bash"), "{err}");
}

/// Last values of every example, computed at tolerances near rounding (`kuramoto` by a Runge–Kutta method of fixed step
/// outside this project), against those at the tolerances the example asks for.
#[test]
fn every_example_reaches_its_golden_summary() {
    let mut reader = csv::Reader::from_reader(include_str!("summaries.csv").as_bytes());
    let mut seen = Vec::new();
    for record in reader.records() {
        let record = record.unwrap_or_else(|error| panic!("{error}"));
        let (model, span, column) = (&record[0], &record[1], &record[2]);
        let expected: f64 = record[3].parse().unwrap_or_else(|error| panic!("{error}"));
        let end = span.split_once("..").map_or("", |(_, end)| end);
        let flags = ["--span", span, "--save-at", end, "--columns", column, "--quiet"];
        let (code, out, err) = outcome(rhapsode().args(["run", &example(model)]).args(flags));
        assert_eq!(code, 0, "{model}: {err}");
        let value = out.trim_end().rsplit(',').next().and_then(|cell| cell.parse::<f64>().ok()).unwrap_or(f64::NAN);
        let scale = expected.abs().max(if model == "pollution" || model == "robertson" { 0.0 } else { 1e-3 });
        assert!((value - expected).abs() <= 1e-4 * scale, "{model} {column}: {value} against {expected}");
        if seen.last() != Some(&model.to_string()) {
            seen.push(model.to_string());
        }
    }
    let (_, list, _) = outcome(rhapsode().args(["new", "--list"]));
    for name in list.lines().filter_map(|line| line.split_whitespace().next()) {
        assert!(seen.iter().any(|known| known == name), "{name} has no golden summary");
    }
}

#[test]
fn explain_tells_what_a_code_means() {
    let explain = |args: &[&str]| {
        let output = assert_cmd::Command::cargo_bin("rhapsode").unwrap().arg("explain").args(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, page, _) = explain(&["e0209"]);
    assert_eq!(code, Some(0));
    assert!(
        page.starts_with("E0209: index out of range") && page.contains("This fails:") && page.contains("periodic"),
        "{page}"
    );
    let (code, list, _) = explain(&[]);
    assert_eq!(code, Some(0));
    assert!(list.lines().count() > 40, "{list}");
    let (code, _, error) = explain(&["E9999"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("no code `E9999`"), "{error}");
}
