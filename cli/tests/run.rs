//! `rhapsode run`: what it prints, what it refuses, and what its exit code says.

mod common;

use common::{DECAY, example, folder, outcome, rhapsode};

/// The rows of a CSV text, without its header.
fn rows(csv: &str) -> Vec<Vec<f64>> {
    let number = |cell: &str| cell.parse::<f64>().unwrap_or(f64::NAN);
    csv.lines().skip(1).map(|line| line.split(',').map(number).collect()).collect()
}

fn decay(arguments: &[&str]) -> (i32, String, String) {
    outcome(rhapsode().arg("run").arg("-").args(arguments).write_stdin(DECAY))
}

#[test]
fn standard_input_to_standard_output() {
    let (code, out, err) = decay(&[]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(out.lines().next(), Some("t,x,twice"));
    let rows = rows(&out);
    assert_eq!(rows.iter().map(|r| r[0]).collect::<Vec<_>>(), [0.0, 1.0, 2.0]);
    for row in &rows {
        assert!((row[1] - (-row[0]).exp()).abs() < 1e-8 && row[2] == 2.0 * row[1], "{row:?}");
    }
    assert!(err.starts_with("decay: 3 points to t = 2 with ") && err.lines().count() == 1, "{err}");
}

#[test]
fn functions_of_a_host_need_one() {
    let text = "extern fn f(x)\ninit x = 1\nx' = -f(x)\nsolve t = 0..1\n";
    for command in ["run", "steady"] {
        let (code, out, err) = outcome(rhapsode().args([command, "-"]).write_stdin(text));
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(
            err.starts_with(
                "error: `f` is a function of a host program (`extern fn`), and this command has none\nhelp: "
            ),
            "{err}"
        );
    }
}

#[test]
fn robertson_ends_where_the_literature_says() {
    let (code, out, err) = outcome(rhapsode().args(["run", &example("robertson"), "--quiet"]));
    assert_eq!((code, err.as_str()), (0, ""));
    let rows = rows(&out);
    assert_eq!(rows.len(), 200);
    let last = &rows[199];
    // Reference: Hairer & Wanner, Solving ODEs II, IV.10.
    for (value, expected) in last.iter().zip([1e11, 2.083340149701255e-8, 8.333360770334713e-14, 0.999_999_979_166_505])
    {
        assert!((value / expected - 1.0).abs() < 1e-5, "{last:?}");
    }
}

#[test]
fn flags_change_the_run() {
    let last = |arguments: &[&str]| {
        let (code, out, err) = decay(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        rows(&out).pop().unwrap_or_default()
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} against {b}");
    near(last(&["--set", "rate=2"])[1], (-4.0f64).exp());
    near(last(&["--set", "x=3"])[1], 3.0 * (-2.0f64).exp());
    near(last(&["--set", "rate=-1", "--set", "x=2"])[1], 2.0 * 2.0f64.exp());
    near(last(&["--span", "-1..1"])[1], (-2.0f64).exp());
    for method in ["auto", "tsit5", "Rodas5P", "bdf"] {
        near(last(&["--method", method, "--rtol", "1e-8", "--atol", "1e-10"])[1], (-2.0f64).exp());
    }
    near(last(&["--backend", "interpret"])[1], (-2.0f64).exp());
}

#[test]
fn single_precision_is_for_loose_tolerances_and_named_methods() {
    let single = ["--precision", "f32", "--save", "3", "--rtol", "1e-4", "--atol", "1e-6"];
    let (code, out, _) = decay(&[&single[..], &["--method", "DOP853"]].concat());
    let (_, double, _) = decay(&[&single[2..], &["--method", "DOP853"]].concat());
    assert_eq!(code, 0);
    let (single_rows, double_rows) = (rows(&out), rows(&double));
    assert!((single_rows[2][1] - double_rows[2][1]).abs() < 1e-3 * double_rows[2][1], "{out}{double}");
    assert_ne!(out, double);
    let (code, out, told) = decay(&single);
    assert!(code == 2 && out.is_empty() && told.contains("name a method such as DOP853"), "{code}{told}");
}

#[test]
fn both_backends_give_the_same_bytes() {
    for name in ["robertson", "brusselator_1d", "lambda_cdm"] {
        let run = |backend| outcome(rhapsode().args(["run", &example(name), "--quiet", "--backend", backend])).1;
        let (jit, interpreted) = (run("jit"), run("interpret"));
        assert!(!jit.is_empty() && jit == interpreted, "{name}");
    }
}

#[test]
fn points_to_keep() {
    let times = |arguments: &[&str]| {
        let (code, out, err) = decay(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        rows(&out).iter().map(|r| r[0]).collect::<Vec<_>>()
    };
    assert_eq!(times(&["--save", "5"]), [0.0, 0.5, 1.0, 1.5, 2.0]);
    assert_eq!(times(&["--save-at", "1.5,0.25"]), [0.25, 1.5]);
    assert_eq!(times(&["--save-every", "0.75"]), [0.0, 0.75, 1.5, 2.0]);
    let (code, _, err) = decay(&["--save", "5", "--save-every", "1"]);
    assert!(code == 2 && err.contains("--save") && err.contains("cannot be used with"), "{err}");
    let (code, _, err) = decay(&["--save-at", "1,3"]);
    assert!(code == 2 && err.contains("--save-at") && err.contains("outside the span"), "{err}");
}

#[test]
fn columns_are_chosen_in_order() {
    let (code, out, _) = decay(&["--columns", "twice,x"]);
    assert_eq!((code, out.lines().next()), (0, Some("t,twice,x")));
    let (_, out, _) = outcome(rhapsode().args(["run", &example("brusselator_2d"), "--columns", "u[1,2],mean_v"]));
    assert_eq!(out.lines().next(), Some("t,\"u[1,2]\",mean_v"));
    let (code, out, err) = decay(&["--columns", "twise"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("--columns") && err.contains("did you mean `twice`?"), "{err}");
}

#[test]
fn numbers_round_trip() {
    let (_, out, _) = decay(&["--save-at", "1e-14,1"]);
    assert!(out.contains("\n1e-14,"), "{out}");
    let cells = out.lines().skip(1).flat_map(|line| line.split(','));
    for cell in cells {
        let value: f64 = cell.parse().unwrap_or(f64::NAN);
        assert!(value.to_string() == cell || format!("{value:e}") == cell, "{cell}");
    }
}

#[test]
fn bad_flags_say_which_and_suggest() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--spam", "0..1"], &["--spam", "--span"]),
        (&["--span", "3"], &["--span", "0..100"]),
        (&["--span", "2..1"], &["--span", "ends before it begins"]),
        (&["--span", "1..1"], &["--span", "empty"]),
        (&["--set", "rate"], &["--set", "NAME=VALUE"]),
        (&["--set", "rate=abc"], &["--set", "expected a number", "abc"]),
        (&["--set", "rat=1"], &["--set", "did you mean `rate`?"]),
        (&["--set", "rate[2]=1"], &["--set", "single number"]),
        (&["--method", "Rodas5"], &["--method", "Rodas5P"]),
        (&["--rtol", "-1"], &["--rtol", "above 0"]),
        (&["--atol", "x"], &["--atol", "expected a number"]),
        (&["--save", "1"], &["--save", "at least 2"]),
        (&["--save-every", "0"], &["--save-every", "above 0"]),
        (&["--save-every", "1e-12"], &["--save-every", "more than 1e8"]),
        (&["--max-steps", "0"], &["--max-steps"]),
        (&["--max-time", "soon"], &["--max-time", "30s"]),
        (&["--backend", "gpu"], &["--backend", "interpret"]),
        (&["-o", "out.xlsx"], &["--output", ".parquet"]),
        (&["--plot", "out.bmp"], &["--plot", ".svg"]),
    ];
    for (arguments, expected) in cases {
        let (code, out, err) = decay(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        for word in *expected {
            assert!(err.contains(word), "{arguments:?}: expected {word} in {err}");
        }
    }
}

#[test]
fn bad_models_are_diagnosed_without_output() {
    let cases = [
        ("x' = -k*x\ninit x = 1\nsolve t = 0..1 { }\n", "k"),
        ("init x = 1\nx' = -(x\nsolve t = 0..1 { }\n", "error"),
        ("init x = 1\nx' = -x\n", "--span"),
        ("", "error"),
        ("param k\ninit x = 1\nx' = -k*x\nsolve t = 0..1 { }\n", "--set k="),
    ];
    for (model, word) in cases {
        let (code, out, err) = outcome(rhapsode().args(["run", "-"]).write_stdin(model));
        assert_eq!((code, out.as_str()), (2, ""), "{model}: {err}");
        assert!(err.contains(word), "{model}: {err}");
    }
    let (code, _, err) = outcome(rhapsode().args(["run", "no_such_model.ode"]));
    assert!(code == 2 && err.contains("no_such_model.ode"), "{err}");
    let (code, _, err) = outcome(rhapsode().args(["run", "-"]).write_stdin(b"x' = \xff\n".as_slice()));
    assert!(code == 2 && err.contains("UTF-8"), "{err}");
}

#[test]
fn a_run_that_ends_early_writes_what_there_is() {
    // x' = x^2 reaches infinity at t = 1.
    let model = "init x = 1\nx' = x^2\nsolve t = 0..2 { save = 41 }\n";
    let folder = folder();
    let stats = folder.path().join("stats.json");
    let (code, out, err) = outcome(rhapsode().args(["run", "-", "--stats"]).arg(&stats).write_stdin(model));
    assert_eq!(code, 3, "{err}");
    let rows = rows(&out);
    assert!(rows.len() >= 19 && rows.len() <= 21, "{out}");
    assert!(rows.iter().all(|row| (row[1] * (1.0 - row[0]) - 1.0).abs() < 1e-2 || row[0] > 0.9), "{out}");
    assert!(err.contains("what was computed is written"), "{err}");
    let text = std::fs::read_to_string(stats).unwrap_or_default();
    let stats: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    assert_eq!(stats["success"], false);
    assert!(stats["message"].as_str().is_some_and(|m| m.contains("t = ")), "{text}");
}

#[test]
fn too_many_points_are_refused() {
    let model = "model m\ninit x = 1\nx' = -x\nsolve t = 0..1 { save = every(1e-13) }\n";
    let (code, out, err) = outcome(rhapsode().arg("run").arg("-").write_stdin(model));
    assert!(code != 0 && out.is_empty(), "{code} {out}");
    assert!(err.contains("`every(1e-13)` asks for 1.0e13 points from 0 to 1"), "{err}");
}

#[test]
fn times_near_zero_are_written_short() {
    let model = "model m\ninit x = 1\nx' = 1e12*x^2\nsolve t = 0..1\n";
    let (code, _, err) = outcome(rhapsode().arg("run").arg("-").write_stdin(model));
    assert!(code != 0 && err.contains("at t = 1.0") && err.contains("e-12;"), "{err}");
    assert!(err.lines().all(|line| line.len() < 200), "{err}");
}

#[test]
fn limits_end_a_run() {
    let (code, out, err) = outcome(rhapsode().args(["run", &example("lorenz"), "--max-steps", "50", "--columns", "x"]));
    assert!(code == 3 && err.contains("50 steps") && rows(&out).len() > 1, "{err}");
    let long = ["--method", "Tsit5", "--span", "0..1e9", "--save", "10", "--max-time", "200ms"];
    let (code, out, err) = outcome(rhapsode().args(["run", &example("lorenz"), "--max-steps", "1e15"]).args(long));
    assert!(code == 3 && err.contains("0.2 s") && rows(&out).len() == 1, "{err}");
}

#[test]
fn a_right_hand_side_that_is_not_finite_is_named() {
    let model = "init x = 0, y = 1\nx' = log(x - 1)\ny' = -y\nsolve t = 0..1 { }\n";
    let (code, _, err) = outcome(rhapsode().args(["run", "-"]).write_stdin(model));
    assert!(code == 3 && err.contains("derivative of x") && err.contains("not finite"), "{err}");
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_error() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_rhapsode"))
        .args(["run", &example("lorenz"), "--save", "200000", "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{error}"));
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn the_first_ctrl_c_writes_what_there_is() {
    use std::process::{Command, Stdio};
    use std::time::Duration;
    let folder = folder();
    let file = folder.path().join("out.csv");
    let arguments = ["--span", "0..1e12", "--save-at", "0,1,1e12", "--max-steps", "1e15", "--method", "Tsit5"];
    let child = Command::new(env!("CARGO_BIN_EXE_rhapsode"))
        .args(["run", &example("lorenz")])
        .args(arguments)
        .arg("-o")
        .arg(&file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{error}"));
    // The temporary file shows that the run is about to begin; the handler is installed right after it.
    for _ in 0..200 {
        if std::fs::read_dir(folder.path()).is_ok_and(|mut entries| entries.next().is_some()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(!file.exists());
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("{error}"));
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains("interrupted at t = "), "{err}");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(rows(&text).iter().map(|row| row[0]).collect::<Vec<_>>(), [0.0, 1.0]);
}

#[test]
fn an_index_that_a_sum_binds_again_is_its_own() {
    // x stays (1, 2, 3), so u[i,j]' = i + j*sum[i](i*j) = i + 6 j^2; both sums bind i again under an equation over i.
    let model = "const N = 3\nindex i, j = 1..N\ninit x[i] = i, u[i,j] = 0, v[i] = 0\nx[i]' = 0*x[i]\n\
                 g[j] = sum[i](x[i]*x[j])\nu[i,j]' = x[i] + x[j]*g[j]\nX = sum[i](exp(x[i]))\nv[i]' = X/exp(x[i])\n\
                 solve t = 0..1 { save = 2 }\n";
    for backend in ["jit", "interpret"] {
        for method in ["Tsit5", "Rodas5P"] {
            let flags = ["--backend", backend, "--method", method, "--columns", "u[2,3],u[3,1],v[1]"];
            let (code, out, err) = outcome(rhapsode().args(["run", "-", "-q"]).args(flags).write_stdin(model));
            assert_eq!(code, 0, "{err}");
            let last = rows(&out).pop().unwrap_or_default();
            let v = 1.0 + 1f64.exp() + 2f64.exp();
            for (value, expected) in last.iter().zip([1.0, 56.0, 9.0, v]) {
                assert!((value - expected).abs() < 1e-6 * expected, "{backend} {method}: {last:?}");
            }
        }
    }
}

#[test]
fn explain_says_what_was_chosen_and_why() {
    let output = rhapsode().args(["run", &example("robertson.ode"), "--explain", "--quiet"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    for part in ["where not stiff", "where stiff", "W = s·I − J: straight-line LU: 3 states"] {
        assert!(text.contains(part), "{text}");
    }
    let args = ["run", &example("robertson.ode"), "--explain", "--quiet", "--method", "BDF", "--backend", "interpret"];
    let output = rhapsode().args(args).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("BDF: as asked\n"));
}

#[test]
fn a_table_left_by_the_state_is_named_in_the_hint() {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let path = folder.path().join("m.ode");
    std::fs::write(folder.path().join("k.csv"), "x,k\n0,1\n2,1\n").unwrap_or_else(|error| panic!("{error}"));
    let text = "input k(x) = csv(\"k.csv\", x, k)\ninit x = 1\nx' = k(x)\nsolve t = 0..5\n";
    std::fs::write(&path, text).unwrap_or_else(|error| panic!("{error}"));
    let (code, _, err) = outcome(rhapsode().arg("run").arg(&path));
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("help: the data of input `k` (k.csv) go from 0 to 2, and beyond it is no number"), "{err}");
    // What time alone decides is told beforehand.
    std::fs::write(&path, text.replace("k(x)\n", "k(t)\n")).unwrap_or_else(|error| panic!("{error}"));
    let (code, out, err) = outcome(rhapsode().arg("run").arg(&path));
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(err.contains("from 0 to 2, and the run asks for it from 0 to 5"), "{err}");
}

#[test]
fn errors_are_estimated_for_every_quantity() {
    let (code, out, err) = decay(&["--error-estimate", "--quiet", "--method", "Tsit5", "--rtol", "1e-5"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(rows(&out).len(), 3);
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 2, "{err}");
    for (line, name) in lines.iter().zip(["x", "twice"]) {
        // What is said is what the numbers show.
        let digits: f64 = line.strip_prefix(&format!("{name} is good to ")).unwrap()[..1].parse().unwrap();
        let column = if name == "x" { 1 } else { 2 };
        let off = |row: &Vec<f64>| (row[column] / column as f64 - (-row[0]).exp()).abs();
        let most = rows(&out).iter().map(off).fold(0.0, f64::max);
        assert!(((-most.log10()).floor() - digits).abs() <= 1.0, "{line}: off by {most}");
    }
}

#[test]
fn the_solution_is_there_where_its_derivatives_overflow() {
    let model =
        "param x0 = 0\ninit x = x0, y = 1\nx' = 1000*x\ny' = -1e-6*y\nsolve t = 0..1e5 { max_step = 1e3, save = 3 }\n";
    let arguments = ["run", "-", "--sensitivities", "x0", "--method", "Tsit5", "--quiet"];
    let (code, out, err) = outcome(rhapsode().args(arguments).write_stdin(model));
    assert_eq!((code, rows(&out).len()), (3, 3), "{err}");
    assert!(err.contains("the sensitivities are no finite numbers any more"), "{err}");
    assert_eq!(rows(&out)[2][0], 1e5);
}

#[test]
fn what_sensitivities_cost_is_explained() {
    let (code, _, err) = decay(&["--sensitivities", "x", "--explain"]);
    assert!(code == 0 && err.contains("forward; expected to take ") && err.contains("plain runs"), "{err}");
}
