//! `rhapsode fmt`: what it writes, what it leaves alone, and how it says so.

mod common;

use std::fs;

use common::{DECAY, example, folder, outcome, rhapsode};

const RAGGED: &str = "param  a=1 # one\nparam bb = 2\nx'=-a*x\n";
const TIDY: &str = "param a  = 1  # one\nparam bb = 2\nx' = -a*x\n";

#[test]
fn files_are_rewritten_and_then_left_alone() {
    let folder = folder();
    let path = folder.path().join("m.ode");
    fs::write(&path, RAGGED).unwrap();
    let name = path.display().to_string();
    let (code, out, err) = outcome(rhapsode().args(["fmt", &name]));
    assert_eq!((code, out.as_str(), err), (0, "", format!("{name}: formatted\n")));
    assert_eq!(fs::read_to_string(&path).unwrap(), TIDY);
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(outcome(rhapsode().args(["fmt", &name])), (0, String::new(), String::new()));
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before, "an unchanged file is not touched");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn standard_input_goes_to_standard_output() {
    assert_eq!(outcome(rhapsode().args(["fmt", "-"]).write_stdin(RAGGED)), (0, TIDY.into(), String::new()));
    assert_eq!(outcome(rhapsode().args(["fmt", "-"]).write_stdin(TIDY)), (0, TIDY.into(), String::new()));
    assert_eq!(outcome(rhapsode().args(["fmt", "--check", "-"]).write_stdin(DECAY)), (0, String::new(), String::new()));
}

#[test]
fn check_shows_the_difference_and_writes_nothing() {
    let folder = folder();
    let path = folder.path().join("m.ode");
    fs::write(&path, RAGGED).unwrap();
    let name = path.display().to_string();
    let (code, out, err) = outcome(rhapsode().args(["fmt", "--check", &name, &example("robertson")]));
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(out.contains(&name) && out.contains("\n-x'=-a*x\n+x' = -a*x\n") && !out.contains("robertson"), "{out}");
    assert_eq!(fs::read_to_string(&path).unwrap(), RAGGED);
    let sound = outcome(rhapsode().args(["fmt", "--check", &example("robertson"), &example("heat")]));
    assert_eq!(sound, (0, String::new(), String::new()));
}

#[test]
fn errors_leave_the_file_as_it_was_and_the_others_formatted() {
    let folder = folder();
    let (bad, good) = (folder.path().join("bad.ode"), folder.path().join("good.ode"));
    fs::write(&bad, "x' = (1\ny'  =  2\n").unwrap();
    fs::write(&good, RAGGED).unwrap();
    let (bad_name, good_name) = (bad.display().to_string(), good.display().to_string());
    let (code, _, err) = outcome(rhapsode().args(["fmt", &bad_name, "none.ode", &good_name]));
    assert_eq!(code, 2);
    assert!(
        err.contains("error[E0104]") && err.contains("bad.ode:") && err.contains("cannot read `none.ode`"),
        "{err}"
    );
    assert_eq!(fs::read_to_string(&bad).unwrap(), "x' = (1\ny'  =  2\n");
    assert_eq!(fs::read_to_string(&good).unwrap(), TIDY);
    fs::write(&bad, [0xff, 0xfe]).unwrap();
    let (code, _, err) = outcome(rhapsode().args(["fmt", &bad_name]));
    assert!(code == 2 && err.contains("not UTF-8"), "{err}");
}

#[cfg(unix)]
#[test]
fn permissions_stay() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let path = folder.path().join("m.ode");
    fs::write(&path, RAGGED).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(outcome(rhapsode().arg("fmt").arg(&path)).0, 0);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}
