//! `rhapsode steady`: what it prints, what it refuses, and what its exit code says.

mod common;

use common::{example, folder, outcome, rhapsode};

fn steady(model: &str, arguments: &[&str]) -> (i32, String, String) {
    outcome(rhapsode().args(["steady", "-"]).args(arguments).write_stdin(model))
}

const TANK: &str = "model tank\nparam k = 0.5, q = 3\ninit V = 0\nV' = q - k*V\noutput half = V/2\n";

#[test]
fn values_go_to_standard_output_and_what_is_known_of_them_to_standard_error() {
    let (code, out, err) = steady(TANK, &[]);
    assert_eq!((code, out.as_str()), (0, "name,value\nV,6\nhalf,3\n"), "{err}");
    assert!(err.starts_with("tank: stable, the eigenvalue is -5.0000e-1; found by newton in "), "{err}");
    let (code, out, err) = steady(TANK, &["--set", "q=4", "--quiet", "--sensitivities", "q"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "name,value\nV,8\nd[V]/d[q],2\nhalf,4\nd[half]/d[q],1\n", ""));
}

#[test]
fn a_json_file_has_the_eigenvalues() {
    let folder = folder();
    let file = folder.path().join("rest.json");
    let (code, _, err) = outcome(rhapsode().args(["steady", &example("enzyme"), "-o"]).arg(&file));
    assert_eq!(code, 0, "{err}");
    let object: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((object["stability"].as_str(), object["found_by"].as_str()), (Some("stable"), Some("newton")));
    assert_eq!(object["eigenvalues"].as_array().unwrap().len(), 3);
    assert_eq!(object["states"]["S"].as_f64(), Some(0.0));
}

#[test]
fn what_cannot_be_is_refused_with_a_way_out() {
    let (code, out, err) = steady("model m\ninit x = 1\nx' = sin(t) - x", &[]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("the equations depend on t") && err.contains("`--at 0`"), "{err}");
    let (code, out, _) = steady("model m\ninit x = 1\nx' = sin(t) - x", &["--at", "0", "-q"]);
    assert_eq!((code, out.as_str()), (0, "name,value\nx,0\n"));
    let (code, _, err) = steady("model m\ninit x = 1\nx' = sin(t) - x(t - 1)", &[]);
    assert!(code == 2 && err.contains("`--at 0`"), "{err}");
    let (code, out, err) = steady("model m\ninit x = 1\nx' = 1 - x(t - 2)", &[]);
    assert_eq!((code, out.as_str()), (0, "name,value\nx,1\n"));
    assert!(err.contains("unstable along 2 directions"), "{err}");
    let (code, out, err) = steady("model m\ninit x = 1\nx' = 1", &[]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains("no steady state was found"), "{err}");
    let (code, _, err) = steady(TANK, &["--set", "kk=1"]);
    assert!(code == 2 && err.contains("known names: k, q, V"), "{err}");
    let (code, _, err) = steady(TANK, &["-o", "rest.txt"]);
    assert!(code == 2 && err.contains(".csv or .json"), "{err}");
    let (code, _, err) = steady(TANK, &["--method", "fast"]);
    assert!(code == 2 && err.contains("transient"), "{err}");
}

#[test]
fn runs_end_where_nothing_changes() {
    let run = |arguments: &[&str]| outcome(rhapsode().args(["run", "-"]).args(arguments).write_stdin(TANK));
    let (code, out, err) = run(&["--span", "0..steady", "--save", "3"]);
    assert_eq!((code, out.lines().count()), (0, 4), "{err}");
    let last: Vec<f64> = out.lines().last().unwrap().split(',').map(|x| x.parse().unwrap()).collect();
    assert!((last[1] - 6.0).abs() < 1e-5, "{out}");
    let (code, _, err) = run(&["--span", "0..steady", "--save-at", "1,2"]);
    assert!(code == 2 && err.contains("known end"), "{err}");
}
