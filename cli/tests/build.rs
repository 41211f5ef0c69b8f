//! `rhapsode build`: what C hosts get computes what `rhapsode run` does.

mod common;

use std::path::Path;
use std::process::Command;

use common::{example, folder, outcome, rhapsode};

/// A host that prints what a model does at eleven times, 17 digits each.
fn host(name: &str, upper: &str, t1: &str, options: &str) -> String {
    format!(
        r#"#include "{name}.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
int main(void)
{{
#ifdef {upper}_DEFAULTS
    double p[] = {upper}_DEFAULTS;
#else
    double *p = 0;
#endif
    double times[11], out[11 * {upper}_ROW];
    /* What is in it before does not matter, and what lies beside it stays. */
    double *all = malloc(sizeof(double) * ({upper}_MEMORY + 2)), *memory = all + 1;
    for (int k = 0; k < {upper}_MEMORY; k++) memory[k] = NAN;
    all[0] = memory[{upper}_MEMORY] = 1234.5;
    struct {name}_options options = {{ {options} }};
    struct {name}_statistics statistics;
    for (int k = 0; k < 11; k++) times[k] = {t1} * (k / 10.0);
    int64_t status = {name}_solve(p, 0, 0.0, {t1}, times, 11, out, memory, &options, &statistics);
    if (status != {upper}_DONE && status != {upper}_STOPPED) return (int)status;
    for (int k = 0; k < statistics.saved; k++) {{
        for (int j = 0; j < {upper}_ROW; j++) printf("%.17g,", out[k * {upper}_ROW + j]);
        printf("\n");
    }}
    fprintf(stderr, "%g %g\n", statistics.steps, statistics.rejected);
    if (all[0] != 1234.5 || memory[{upper}_MEMORY] != 1234.5) return 99;
    free(all);
    return 0;
}}
"#
    )
}

/// Whether there is a C compiler.
fn compiler() -> bool {
    let there = Command::new("cc").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: there is no C compiler `cc`");
    }
    there
}

fn compile(folder: &Path, sources: &[&str], program: &str) {
    let output = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-ffp-contract=off", "-o", program])
        .args(sources)
        .arg("-lm")
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn numbers(text: &str) -> Vec<Vec<f64>> {
    let row = |line: &str| line.split(',').filter(|cell| !cell.is_empty()).map(|cell| cell.parse().unwrap()).collect();
    text.lines().map(row).collect()
}

/// Rows of an object, of the text in C, and of `rhapsode run` (without times), and the number of steps the first took.
fn three(model: &str, method: &str, t1: &str, flags: &[&str]) -> [Vec<Vec<f64>>; 3] {
    let folder = folder();
    let name = Path::new(model).file_stem().unwrap().to_str().unwrap();
    let upper = name.to_uppercase();
    let run = |program: &str| {
        let output = Command::new(folder.path().join(program)).output().unwrap();
        assert!(output.status.success(), "{:?}", output.status);
        numbers(&String::from_utf8_lossy(&output.stdout))
    };
    let path = |file: String| folder.path().join(file);
    let build = |emit: &str, file: String| {
        let (code, _, err) = outcome(
            rhapsode()
                .args(["build", model, "--method", method, "--name", name, "--emit", emit])
                .args(flags)
                .arg("-o")
                .arg(path(file))
                .arg("--header")
                .arg(path(format!("{name}.h"))),
        );
        assert_eq!(code, 0, "{err}");
    };
    let options = ".rtol = 1e-8, .atol = 1e-10, .first_step = 1e-4";
    std::fs::write(path("host.c".into()), host(name, &upper, t1, options)).unwrap();
    build("object", format!("{name}.o"));
    compile(folder.path(), &["host.c", &format!("{name}.o")], "of_object");
    build("c", format!("{name}.c"));
    compile(folder.path(), &["host.c", &format!("{name}.c")], "of_text");
    let mut text = std::fs::read_to_string(model).unwrap();
    if let Some(at) = text.find("solve ") {
        text.truncate(at);
    }
    text += &format!("\nsolve t = 0..{t1} {{ rtol = 1e-8, atol = 1e-10, first_step = 1e-4, save = 11 }}\n");
    // Files of data are found from the model's folder.
    let beside = Path::new(model).parent().unwrap();
    let (code, out, err) =
        outcome(rhapsode().args(["run", "-", "--method", method]).current_dir(beside).write_stdin(text));
    assert_eq!(code, 0, "{err}");
    let rows = numbers(&out.lines().skip(1).collect::<Vec<_>>().join("\n"));
    [run("of_object"), run("of_text"), rows.into_iter().map(|row| row[1..].to_vec()).collect()]
}

fn same(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    let bits = |rows: &[Vec<f64>]| -> Vec<u64> { rows.iter().flatten().map(|x| x.to_bits()).collect() };
    bits(a) == bits(b)
}

fn close(a: &[Vec<f64>], b: &[Vec<f64>], tolerance: f64) -> bool {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    a.len() == b.len() && pairs.into_iter().all(|(a, b)| (a - b).abs() <= tolerance * (1e-3 + b.abs()))
}

#[test]
fn a_host_gets_the_numbers_that_a_run_gives() {
    if !compiler() {
        return;
    }
    for (name, method, t1) in [
        ("hires", "Rodas5P", "321.8122"),
        ("robertson", "Rodas4", "100.0"),
        ("oregonator", "Rosenbrock23", "50.0"),
        ("lorenz", "DOP853", "5.0"),
    ] {
        // With all instructions of this machine it is the code that `run` compiles, bit for bit.
        let [object, text, run] = three(&example(name), method, t1, &["--cpu", "native"]);
        assert_eq!(object.len(), 11, "{name}");
        assert!(same(&object, &text), "{name}: {object:?} {text:?}");
        assert!(same(&object, &run), "{name}: {object:?} {run:?}");
        // What every processor can do rounds differently.
        let [object, text, run] = three(&example(name), method, t1, &[]);
        assert!(same(&object, &text), "{name}");
        assert!(close(&object, &run, 1e-5), "{name}: {object:?} {run:?}");
    }
}

/// What happens along the way is the same to the last bit where each stretch begins with the step of the one before; a first
/// step is a power that the two compute differently, and a `clamp` by the state ends steps of a run only.
#[test]
fn events_and_data_are_those_of_a_run() {
    if !compiler() {
        return;
    }
    let cases = [
        ("bouncing_ball", "Rodas5P", "12.0", 0.0),
        ("bouncing_ball", "DOP853", "12.0", 0.0),
        ("thermostat", "DOP853", "60.0", 0.0),
        ("thermostat", "Rodas4", "60.0", 0.0),
        ("dosing", "Rodas5P", "72.0", 1e-9),
        ("dosing_table", "DOP853", "84.0", 1e-9),
        ("building", "Rodas5P", "120.0", 1e-5),
        ("building", "DOP853", "120.0", 1e-5),
    ];
    for (name, method, t1, tolerance) in cases {
        let [object, text, run] = three(&example(name), method, t1, &["--cpu", "native"]);
        assert!(same(&object, &text), "{name}: {object:?} {text:?}");
        assert!(close(&object, &run, tolerance), "{name} by {method}: {object:?} {run:?}");
    }
}

/// Conditions of several functions, priorities, cascades, values at triggers, moments, a stop, arrays, periodic and
/// jumping data, algebraic equations that events disturb.
#[test]
fn what_events_mean_is_what_they_mean_in_a_run() {
    if !compiler() {
        return;
    }
    let cases = [
        (
            "logic",
            "init x = 0, y = 1\ndiscrete n = 0, m = 0\nx' = y\ny' = -x\nwhen x > 0.5 and y < 0.5 or x*y > 0.45 priority 2 { n := n + 1, \
             y := 0.99*y }\nwhen x^2 <= 0 { m := m + 1 }\nwhen n > 2.5 at start { n := 0 }\n",
            0.0,
        ),
        (
            "moments",
            "init x = 0\ndiscrete n = 0, seen = 0\nx' = 1\nwhen x == 1 priority 1 { n := n + 1 }\nwhen x >= 1 persistent values at \
             trigger { seen := n }\nevery 0.7 from 0.1 to 2.2 { x := x + 0.01 }\nat 2, 2, 0.5 { n := n + 10 }\n",
            0.0,
        ),
        ("stops", "init x = 1\nx' = x\noutput twice = 2*x\nwhen x > 3 { stop }\n", 0.0),
        (
            "rows",
            "index i = 1..5\ninit u[i] = i/10\nu[i]' = 1 + i/7\nwhen u[i] > 1 { u[i] := 0 }\nevery 1 { u[i] := u[6-i] }\nwhen u[i] > 0.5 and \
             t < 3 { u[i] := u[i] - 0.1 } for i in 2..3\n",
            0.0,
        ),
        ("jumps", "init x = 0\nx' = (if t > 1.5 then 1 else -1) + step(t, 2.5)*x\n", 1e-9),
        (
            "implicit",
            "init x = 1, z = 0.5\nx' = -z\n0 = z^3 + z - x\nwhen x < 0.7 { x := x + 0.5 }\nat 2 { x := 0.1 }\n",
            1e-7,
        ),
        (
            "circle",
            "init a = 1, b = 0, z = 0\na' = b\nb' = -a*z\nz + z^5/4 = 1 + a^2 + t\noutput left = z + z^5/4 - 1 - a^2 - t\n",
            1e-7,
        ),
        (
            "pendulum",
            "init x = 0.8, y = -0.6, x' = 0, y' = 0, pull = 0\nx'' = -pull*x\ny'' = -pull*y - 1\n0 = x^2 + y^2 - 1\n\
             when x < -0.3 { x' := -0.8*x' }\n",
            1e-7,
        ),
    ];
    for (name, model, tolerance) in cases {
        let folder = folder();
        let path = folder.path().join(format!("{name}.ode"));
        std::fs::write(&path, model).unwrap();
        let [object, text, run] = three(path.to_str().unwrap(), "Rodas5P", "4.0", &["--cpu", "native"]);
        assert!(same(&object, &text), "{name}: {object:?} {text:?}");
        assert!(close(&object, &run, tolerance), "{name}: {object:?} {run:?}");
    }
}

/// Curves of every shape, also beyond their points; the transistor amplifier's eight equations with a singular matrix, and a
/// pendulum's of index 3.
#[test]
fn curves_and_constraints_are_those_of_a_run() {
    if !compiler() {
        return;
    }
    let folder = folder();
    std::fs::write(folder.path().join("d.csv"), "t,v\n0.5,1\n1,3\n1.25,2\n2.5,2.5\n3,1\n").unwrap();
    for shape in ["previous", "linear", "cubic", "monotone"] {
        for outside in ["hold", "linear", "periodic"] {
            let name = format!("{shape}_{outside}");
            let model = format!(
                "input d(t) = csv(\"d.csv\", t, v) {shape} extrapolate {outside}\ninput e(t) = csv(\"d.csv\", t, v) {shape} extrapolate hold\n\
                 init x = 1, y = 2\nx' = d(t) - x\ny' = e(x) - y\noutput o = d(t - 0.1)\n"
            );
            let path = folder.path().join(format!("{name}.ode"));
            std::fs::write(&path, model).unwrap();
            for method in ["Rodas5P", "DOP853"] {
                let [object, text, run] = three(path.to_str().unwrap(), method, "4.0", &["--cpu", "native"]);
                assert!(same(&object, &text), "{name}: {object:?} {text:?}");
                // A lookup by the state ends steps of a run where the piece changes, not of an object.
                assert!(close(&object, &run, 1e-5), "{name} by {method}: {object:?} {run:?}");
            }
        }
    }
    for (name, t1) in [("transistor_amplifier", "0.05"), ("cartesian_pendulum", "4.0")] {
        let [object, text, run] = three(&example(name), "Rodas5P", t1, &["--cpu", "native"]);
        assert!(close(&object, &text, 1e-5), "{name}: {object:?} {text:?}");
        assert!(close(&object, &run, 1e-5), "{name}: {object:?} {run:?}");
    }
}

#[test]
fn elementary_functions_are_those_of_the_c_library() {
    if !compiler() {
        return;
    }
    for (name, method, t1) in [("pendulum", "DOP853", "10.0"), ("neural_ode", "Rodas5P", "2.0")] {
        let [object, text, run] = three(&example(name), method, t1, &[]);
        assert!(close(&object, &text, 1e-7), "{name}: {object:?} {text:?}");
        assert!(close(&object, &run, 1e-5), "{name}: {object:?} {run:?}");
    }
}

/// The text of every example that can be built is C99 without a warning.
#[test]
fn every_example_is_c99() {
    if !compiler() {
        return;
    }
    let folder = folder();
    let mut refused = Vec::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/models");
    let mut models: Vec<_> = std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).collect();
    models.sort();
    for model in models.iter().filter(|path| path.extension().is_some_and(|e| e == "ode")) {
        let name = model.file_stem().unwrap().to_str().unwrap();
        let text = folder.path().join(format!("{name}.c"));
        let (code, _, err) = outcome(rhapsode().arg("build").arg(model).args(["--emit", "c", "-o"]).arg(&text));
        if code != 0 {
            refused.push(name.to_string());
            assert_eq!(code, 2, "{name}: {err}");
            continue;
        }
        let mut check = Command::new("cc");
        check.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O0", "-fsyntax-only"]).arg(&text);
        let output = check.output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // Too large, delays twice, a method that is not made.
    assert_eq!(refused, ["brusselator_2d", "circadian_clock", "mackey_glass", "reaction_front"]);
}

/// Runs `rhapsode build` with these arguments behind the model.
fn build(model: &str, folder: &Path, arguments: &[&str]) -> (i32, String) {
    let (code, out, err) =
        outcome(rhapsode().args(["build", "-"]).args(arguments).current_dir(folder).write_stdin(model));
    assert_eq!(out, "");
    (code, err)
}

const GROWTH: &str = "model growth\nparam r = 1\ninit x = 1\nx' = r*x\noutput half = x/2\n";

#[test]
fn hosts_are_told_what_is_wrong() {
    if !compiler() {
        return;
    }
    let folder = folder();
    let (code, err) = build(GROWTH, folder.path(), &["-o", "growth.o", "--header", "growth.h"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.starts_with("growth.o: growth_solve and its kernels, "), "{err}");
    let host = r#"#include "growth.h"
#include <math.h>
#include <stdio.h>
int main(void)
{
    double p[] = GROWTH_DEFAULTS, x[1] = { 2 }, times[2] = { 0.5, 1 }, late[2] = { 1, 0.5 }, out[2 * GROWTH_ROW];
    double memory[GROWTH_MEMORY], bad[1] = { INFINITY };
    struct growth_options few = { .max_steps = 3 }, silly = { .rtol = 2 };
    struct growth_statistics s;
    printf("%d", (int)growth_solve(0, 0, 0, 1, times, 2, out, memory, 0, 0));
    printf("%d", (int)growth_solve(p, 0, 0, 1, 0, 2, out, memory, 0, 0));
    printf("%d", (int)growth_solve(p, 0, 0, 1, times, 2, 0, memory, 0, 0));
    printf("%d", (int)growth_solve(p, 0, 0, 1, times, 2, out, 0, 0, 0));
    printf("%d", (int)growth_solve(p, 0, 0, 1, late, 2, out, memory, 0, 0));
    printf("%d", (int)growth_solve(p, 0, 0, 0.7, times, 2, out, memory, 0, 0));
    printf("%d", (int)growth_solve(p, 0, 0, NAN, times, 2, out, memory, 0, 0));
    printf("%d ", (int)growth_solve(p, 0, 0, 1, times, 2, out, memory, &silly, 0));
    printf("%d", (int)growth_solve(bad, 0, 0, 1, times, 2, out, memory, 0, 0));
    printf("%d ", (int)growth_solve(p, bad, 0, 1, times, 2, out, memory, 0, 0));
    printf("%d ", (int)growth_solve(p, x, 0, 1, times, 2, out, memory, &few, &s));
    printf("%d ", (int)growth_solve(p, 0, 0, 1000, 0, 0, 0, memory, 0, &s));
    printf("%d", (int)(s.t < 711 && s.t > 700));
    /* Backwards, from a state of the host's own. */
    times[0] = 0.5; times[1] = 0;
    int status = (int)growth_solve(p, x, 1, 0, times, 2, out, memory, 0, &s);
    printf(" %d %.4f %.4f %.4f %d\n", status, out[0], out[2], out[3], (int)s.saved);
    return 0;
}
"#;
    std::fs::write(folder.path().join("host.c"), host).unwrap();
    compile(folder.path(), &["host.c", "growth.o"], "host");
    let output = Command::new(folder.path().join("host")).output().unwrap();
    let expected =
        format!("11111111 22 4 3 1 0 {:.4} {:.4} {:.4} 2\n", 2.0 * (-0.5f64).exp(), 2.0 / 1f64.exp(), 1.0 / 1f64.exp());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

/// What ends a run behind an event keeps the rows up to there and says where it was.
#[test]
fn a_run_that_ends_early_says_where() {
    if !compiler() {
        return;
    }
    let folder = folder();
    let model = "model roots\ninit x = 1\nx' = sqrt(x)\nat 1 { x := -1 }\nwhen x > 30 { x := x + 1 }\n";
    let (code, err) = build(model, folder.path(), &["-o", "roots.o", "--header", "roots.h"]);
    assert_eq!(code, 0, "{err}");
    let host = r#"#include "roots.h"
#include <stdio.h>
int main(void)
{
    double times[3] = { 0.5, 1, 2 }, out[3 * ROOTS_ROW], memory[ROOTS_MEMORY], large[1] = { 29.9 }, back[1] = { 0 };
    struct roots_statistics s;
    int status = (int)roots_solve(0, 0, 0, 2, times, 3, out, memory, 0, &s);
    printf("%d %.0f %.0f %.0f,", status == ROOTS_NOT_FINITE, s.saved, s.t, s.events);
    status = (int)roots_solve(0, large, 1.5, 2, 0, 0, 0, memory, 0, &s);
    printf(" %d %.0f,", status, s.events);
    printf(" %d\n", (int)roots_solve(0, large, 1, 0, back, 1, out, memory, 0, &s) == ROOTS_INVALID);
    return 0;
}
"#;
    std::fs::write(folder.path().join("host.c"), host).unwrap();
    compile(folder.path(), &["host.c", "roots.o"], "host");
    let output = Command::new(folder.path().join("host")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 2 1 1, 0 1, 1\n");
}

#[test]
fn the_header_is_one_for_cpp_and_the_names_are_those_of_c() {
    let folder = folder();
    let model = "index i = 1..2\ninit u[i] = i\nu[i]' = -u[i]\n";
    let (code, err) =
        build(model, folder.path(), &["-o", "m.o", "--header", "m.h", "--name", "2 fast", "--method", "dop853"]);
    assert_eq!(code, 0, "{err}");
    let header = std::fs::read_to_string(folder.path().join("m.h")).unwrap();
    assert!(header.contains("int64_t _2_fast_solve(") && header.contains("_2_fast_u_1_ = 0,"), "{header}");
    if Command::new("c++").arg("--version").output().is_ok_and(|output| output.status.success()) {
        std::fs::write(folder.path().join("host.cpp"), "#include \"m.h\"\nint main() { return _2_FAST_STATES - 2; }\n")
            .unwrap();
        let output = Command::new("c++")
            .args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "host.cpp", "m.o", "-o", "host"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn objects_are_made_for_other_machines() {
    // The first bytes of ELF with the machine's number at 18, of COFF, of Mach-O.
    let (elf, macho): (&[u8], &[u8]) = (b"\x7fELF", b"\xcf\xfa\xed\xfe");
    let targets: [(&str, &[u8], Option<u8>); 6] = [
        ("x86_64-unknown-linux-gnu", elf, Some(62)),
        ("aarch64-unknown-linux-gnu", elf, Some(183)),
        ("riscv64gc-unknown-linux-gnu", elf, Some(243)),
        ("x86_64-pc-windows-msvc", b"\x64\x86", None),
        ("x86_64-apple-darwin", macho, None),
        ("aarch64-apple-darwin", macho, None),
    ];
    // With events and data it has tables of constants, whose addresses each format writes in its own way.
    let more = format!(
        "{GROWTH}input d(t) = csv(\"d.csv\")\noutput of_data = d(t)\nwhen x > 2 {{ x := 1 }}\nevery 2 {{ x := 2 }}\n"
    );
    for (target, magic, machine) in targets {
        for model in [GROWTH, &more] {
            let folder = folder();
            std::fs::write(folder.path().join("d.csv"), "t,v\n0,1\n1,3\n").unwrap();
            let (code, err) = build(model, folder.path(), &["-o", "m.o", "--target", target]);
            assert_eq!(code, 0, "{target}: {err}");
            let bytes = std::fs::read(folder.path().join("m.o")).unwrap();
            assert!(bytes.starts_with(magic) && machine.is_none_or(|machine| bytes[18] == machine), "{target}");
        }
    }
    let folder = folder();
    std::fs::write(folder.path().join("d.csv"), "t,v\n0,1\n1,3\n").unwrap();
    let (code, err) = build(&more, folder.path(), &["-o", "m.o", "--target", "aarch64-pc-windows-msvc"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("cannot be reached from an object for aarch64-pc-windows-msvc; use `--emit c`"), "{err}");
}

#[test]
fn what_cannot_be_made_ahead_of_time_is_refused_and_nothing_is_written() {
    let folder = folder();
    let cases: [(&str, &[&str], &str); 9] = [
        (&format!("{GROWTH}when x > 2 delay 1 {{ stop }}\n"), &[], "`when x > 2` is executed after a delay"),
        ("init x(t) = 1\nx' = -x(t - 1)\n", &[], "the model has delays"),
        (
            "init x = 1, z = 1\nx' = -z\n0 = z^3 + z - x\n",
            &["--method", "DOP853"],
            "DOP853 cannot solve algebraic equations; Rodas5P can",
        ),
        ("param k\ninit x = 1\nx' = -k*x\n", &[], "`k` has no value"),
        ("extern fn f(x)\ninit x = 1\nx' = -f(x)\n", &[], "it calls `f`, a function of the host"),
        ("init x = 1\nx' = -gamma(x)*x^2 + digamma(x)\n", &[], "the C library has no function digamma"),
        (GROWTH, &["--target", "nonsense"], "no target `nonsense`"),
        (GROWTH, &["--target", "aarch64-unknown-linux-gnu", "--cpu", "native"], "are not those of aarch64"),
        (&format!("{GROWTH}solve t = 0..1 {{ method = BDF }}\n"), &[], "BDF is not made ahead of time; Rodas5P"),
    ];
    for (model, flags, sentence) in cases {
        let (code, err) = build(model, folder.path(), &[&["-o", "m.o"], flags].concat());
        assert_eq!(code, 2, "{model}: {err}");
        assert!(err.contains(sentence), "{model}: {err}");
        assert!(!folder.path().join("m.o").exists());
    }
    let (code, err) = build(GROWTH, folder.path(), &["-o", "m.o", "--header", "nowhere/m.h"]);
    assert_eq!(code, 2);
    assert!(err.contains("--header") && !folder.path().join("m.o").exists(), "{err}");
}
