//! Data in models: forcing functions and arrays from files, in both backends and by every kind of method.

use rhapsode::expr::Format;
use rhapsode::solve::{Method, Save};
use rhapsode::{Backend, Model, Show, SolveError};
use std::collections::BTreeMap;
use std::fmt::Write;

type Shelf = BTreeMap<String, String>;

fn shelf(files: &[(&str, &str)]) -> Shelf {
    files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

fn parse(text: &str, files: &[(&str, &str)]) -> Model {
    Model::parse_with(&shelf(files), "m.ode", text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn errors(text: &str, files: &[(&str, &str)]) -> String {
    Model::parse_with(&shelf(files), "m.ode", text).expect_err(text).to_string()
}

/// The first lines of all errors.
fn headlines(text: &str, files: &[(&str, &str)]) -> Vec<String> {
    errors(text, files).lines().filter(|line| line.starts_with("error")).map(str::to_string).collect()
}

/// The end of the first state.
fn end(model: &Model, t1: f64, method: Method, rtol: f64) -> f64 {
    let compiled = model.compile().unwrap();
    let problem = compiled.problem().span(0.0..t1).method(method).rtol(rtol).atol(rtol);
    problem.solve().unwrap_or_else(|e| panic!("{method:?}: {e}")).last()[0]
}

/// Uneven points with jumps, as a file, and themselves.
fn points() -> (String, Vec<f64>, Vec<f64>) {
    let times = [0.0, 0.7, 1.0, 1.25, 2.5, 2.75, 4.0, 5.5, 6.0];
    let values = [1.0, -2.0, 3.0, 0.5, 0.5, 4.0, -1.0, 2.0, 1.0];
    let mut text = String::from("time,x\n");
    times.iter().zip(&values).for_each(|(t, x)| writeln!(text, "{t},{x}").unwrap());
    (text, times.to_vec(), values.to_vec())
}

/// ∫ over the whole range of a curve that is a cubic at most in each cell: Simpson's rule is exact.
fn integral(curve: &rhapsode::curve::Curve) -> f64 {
    let cells = curve.knots().windows(2).map(|cell| {
        let (a, b) = (cell[0], cell[1]);
        // Inside the cell, so that a jump at its end does not count.
        let ends = curve.value(0, a) + curve.value(0, b.next_down());
        (b - a) / 6.0 * (ends + 4.0 * curve.value(0, 0.5 * (a + b)))
    });
    cells.sum()
}

const METHODS: [Method; 9] = [
    Method::Tsit5,
    Method::Dop853,
    Method::Vern9,
    Method::Taylor,
    Method::Adams,
    Method::Rodas5P,
    Method::Kvaerno5,
    Method::Radau,
    Method::Bdf,
];

#[test]
fn every_method_integrates_every_shape_without_stepping_over_a_point() {
    let (file, ..) = points();
    for shape in ["linear", "previous", "cubic", "monotone"] {
        let text = format!("input u(t) = csv(\"u.csv\", time, x) {shape}\ninit x = 0\nx' = u(t)\n");
        let model = parse(&text, &[("u.csv", &file)]);
        let expected = integral(&model.checked().graph.curves()[0]);
        for method in METHODS {
            // Quadrature of low-degree polynomials is exact for the one-step methods; Adams and BDF have a history.
            // A stage of Kvaerno5 lies beyond its step, where the next cell's polynomial holds.
            let bound = if matches!(method, Method::Adams | Method::Bdf | Method::Kvaerno5) { 1e-7 } else { 1e-11 };
            let found = end(&model, 6.0, method, 1e-9);
            assert!((found - expected).abs() < bound, "{shape} {method:?}: {found} {expected}");
        }
    }
}

#[test]
fn a_spike_far_narrower_than_a_step_is_never_missed() {
    let file = "t,u\n0,0\n50,1000\n50.001,0\n100,0\n";
    let text = "input u(t) = csv(\"u.csv\", t, u) previous\ninit x = 0\nx' = u(t)\n";
    for method in METHODS {
        let found = end(&parse(text, &[("u.csv", file)]), 100.0, method, 1e-6);
        assert!((found - 1.0).abs() < 1e-6, "{method:?}: {found}");
    }
    // Without the knots it is missed: so the test above sees what it claims to see.
    let blind = format!("{text}solve t = 0..100 {{ switches = off }}\n");
    assert!(end(&parse(&blind, &[("u.csv", file)]), 100.0, Method::Dop853, 1e-6).abs() < 1e-3);
}

#[test]
fn knots_move_with_the_argument() {
    let (file, ..) = points();
    let text = "input u(t) = csv(\"u.csv\", time, x) previous extrapolate hold\nparam lag = 0, stretch = 1\ninit x = 0\n\
                x' = u((t - lag)/stretch)\n";
    let model = parse(text, &[("u.csv", &file)]);
    let whole = integral(&model.checked().graph.curves()[0]);
    let compiled = model.compile().unwrap();
    // Before its data u holds 1; the whole of it is passed between lag and lag + 6·stretch.
    for (lag, stretch) in [(0.0, 1.0), (0.37, 1.0), (1.0, 2.5), (0.1, 0.3)] {
        let problem = compiled.problem().span(0.0..lag + 6.0 * stretch).method(Method::Dop853);
        let problem = problem.set("lag", lag).unwrap().set("stretch", stretch).unwrap();
        let found = problem.solve().unwrap().last()[0];
        assert!((found - (lag + stretch * whole)).abs() < 1e-10, "{lag} {stretch}: {found}");
    }
}

#[test]
fn what_repeats_is_met_in_every_turn() {
    let (file, times, values) = points();
    for shape in ["linear", "previous", "cubic", "monotone"] {
        let text =
            format!("input u(t) = csv(\"u.csv\", time, x) {shape} extrapolate periodic\ninit x = 0\nx' = u(t - 1.5)\n");
        let model = parse(&text, &[("u.csv", &file)]);
        let turn = integral(&model.checked().graph.curves()[0]);
        let found = end(&model, 60.0, Method::Dop853, 1e-9);
        assert!((found - 10.0 * turn).abs() < 1e-9, "{shape}: {found} {turn}");
    }
    let area: f64 = times.windows(2).zip(&values).map(|(t, x)| (t[1] - t[0]) * x).sum();
    let text = "input u(t) = csv(\"u.csv\") previous\ninit x = 0\nx' = u(t)\n";
    assert!((end(&parse(text, &[("u.csv", &file)]), 6.0, Method::Tsit5, 1e-6) - area).abs() < 1e-12);
}

/// A damped oscillator, driven through a table that the state and time enter.
const DRIVEN: &str = "input u(t) = csv(\"u.csv\", time, x) cubic\ninput k(x) = csv(\"k.csv\", x, k) cubic extrapolate hold\n\
                      init x = 0.5, v = 0\nx' = v\nv' = u(t) - k(x)*x - 0.3*v*u(t/2)\noutput s = k(2*x) + u(t)\n";
/// Four points are one cubic: what the state crosses is smooth.
const STIFFNESS: &str = "x,k\n-15,9\n-3,4\n3,5\n15,11\n";

#[test]
fn both_backends_give_the_same_bits_and_all_methods_the_same_solution() {
    let (file, ..) = points();
    let model = parse(DRIVEN, &[("u.csv", &file), ("k.csv", STIFFNESS)]);
    let mut ends = Vec::new();
    for method in METHODS {
        let run = |backend| {
            let compiled = model.compile_with(backend).unwrap();
            let problem = compiled.problem().span(0.0..6.0).method(method).rtol(1e-10).atol(1e-10);
            let solution = problem.save(Save::Steps).solve().unwrap_or_else(|e| panic!("{method:?}: {e}"));
            let column: Vec<u64> = solution.column("s").unwrap().iter().map(|x| x.to_bits()).collect();
            (column, solution.last().to_vec())
        };
        let (interpreted, native) = (run(Backend::Interpret), run(Backend::Jit));
        assert_eq!(interpreted, native, "{method:?}");
        ends.push((method, native.1));
    }
    for (method, last) in &ends {
        // Local errors of multistep methods add up over many more steps.
        let bound = if matches!(method, Method::Adams | Method::Bdf) { 1e-6 } else { 1e-7 };
        for (a, b) in last.iter().zip(&ends[2].1) {
            assert!((a - b).abs() < bound, "{method:?}: {a} {b}");
        }
    }
}

#[test]
fn derivatives_are_exact() {
    let (file, ..) = points();
    let model = parse(DRIVEN, &[("u.csv", &file), ("k.csv", STIFFNESS)]);
    let (u, k) = (&model.checked().graph.curves()[0], &model.checked().graph.curves()[1]);
    let compiled = model.compile().unwrap();
    let system = compiled.system();
    let p = compiled.bind(&compiled.problem().parameter_values().unwrap());
    let (t, y) = (2.1, [0.4, -0.7]);
    let mut values = vec![0.0; compiled.jacobian_pattern().nnz()];
    let mut work = vec![0.0; system.shape().work];
    system.jacobian(t, &y, &p, &mut work, &mut values);
    let by_x = -(k.value(1, y[0]) * y[0] + k.value(0, y[0]));
    assert!(values.iter().any(|v| (v - by_x).abs() < 1e-12), "{values:?} {by_x}");
    let mut by_t = [0.0; 2];
    system.time_derivative(t, &y, &p, &mut work, &mut by_t);
    let expected = u.value(1, t) - 0.3 * y[1] * 0.5 * u.value(1, t / 2.0);
    assert!((by_t[1] - expected).abs() < 1e-12, "{by_t:?} {expected}");
}

#[test]
fn a_run_beyond_the_data_is_refused_before_it_begins() {
    let file = "hour,temp\n0,5\n72,6\n";
    let text = "input T(t) = csv(\"temp.csv\", hour, temp)\nparam lag = 3\ninit x = 0\nx' = T(t - lag) - x\n";
    let compiled = parse(text, &[("temp.csv", file)]).compile().unwrap();
    let error = compiled.problem().span(0.0..60.0).solve().unwrap_err();
    assert!(matches!(error, SolveError::OutsideData(_)));
    let expected = "the data of input `T` (temp.csv) go from 0 to 72, and the run asks for it from -3 to 57";
    assert_eq!(error.to_string(), expected);
    assert!(compiled.problem().span(3.0..75.0).solve().is_ok());
    assert!(compiled.problem().span(0.0..72.0).set("lag", 0.0).unwrap().solve().is_ok());
    for rule in ["hold", "linear", "periodic"] {
        let file = file.replace("72,6", "72,5");
        let text = text.replace("temp)", &format!("temp) linear extrapolate {rule}"));
        let compiled = parse(&text, &[("temp.csv", &file)]).compile().unwrap();
        assert!(compiled.problem().span(0.0..100.0).solve().is_ok(), "{rule}");
    }
    // A condition that guards it is believed, and what is only recorded counts.
    let guarded = text.replace("T(t - lag)", "(if t < 3 then 0 else T(t - lag))");
    assert!(parse(&guarded, &[("temp.csv", file)]).compile().unwrap().problem().span(0.0..60.0).solve().is_ok());
    let recorded = format!("{}output y = T(t + 10)\n", text.replace("T(t - lag)", "1"));
    assert!(parse(&recorded, &[("temp.csv", file)]).compile().unwrap().problem().span(0.0..70.0).solve().is_err());
}

#[test]
fn arrays_of_parameters_come_from_files() {
    let text = "const N = 2\nindex i = 1..N\nindex j = 0..2\nparam W[i,j] = 10*csv(\"w.csv\"), v[j] = csv(\"v.csv\", weight), r[j] = csv(\"r.csv\")\n\
                init x[i] = 0\nx[i]' = sum[j](W[i,j]*v[j]) + sum[j](r[j])\n";
    let files = [("w.csv", "1,2,3\n4,5,6\n"), ("v.csv", "name;weight\na;1\nb;0.5\nc;-1\n"), ("r.csv", "7,8,9\n")];
    let model = parse(text, &files);
    for backend in [Backend::Interpret, Backend::Jit] {
        let compiled = model.compile_with(backend).unwrap();
        let last = compiled.problem().span(0.0..1.0).solve().unwrap().last().to_vec();
        assert!((last[0] - (24.0 - 10.0)).abs() < 1e-12 && (last[1] - (24.0 + 5.0)).abs() < 1e-12, "{last:?}");
        // They are parameters like any other.
        let set = compiled.problem().span(0.0..1.0).set("W[1,2]", 0.0).unwrap().solve().unwrap().last()[0];
        assert!((set - (24.0 + 20.0)).abs() < 1e-12, "{set}");
    }
}

#[test]
fn sizes_places_and_columns_are_checked() {
    let w = ("w.csv", "1,2,3\n4,5,6\n");
    let sized = "index i = 1..3\nparam W[i,j] = csv(\"w.csv\") for j in 1..3\ninit x[i] = 1\nx[i]' = -x[i]*W[i,1]\n";
    assert_eq!(headlines(sized, &[w]), ["error[E0285]: `w.csv` has 2 rows and 3 columns, the array is 3 by 3"]);
    let scalar = "param k = csv(\"w.csv\")\ninit x = 1\nx' = -k*x\n";
    assert_eq!(headlines(scalar, &[w]), ["error[E0286]: data cannot stand here"]);
    let column = "input u(t) = csv(\"u.csv\", hour, Temp)\ninput v(t) = csv(\"u.csv\", 3, 1)\ninput w(t) = csv(\"w.csv\")\n\
                  init x = 1\nx' = u(t) + v(t) + w(t)\n";
    let found = errors(column, &[w, ("u.csv", "hour,temp [degC]\n0,1\n1,2\n")]);
    for part in [
        "`u.csv` has no column `Temp`",
        "did you mean `temp`?",
        "`u.csv` has columns 1 to 2, not 3",
        "its columns are `hour`, `temp [degC]`",
        "an input takes two columns, of its argument and of its value; the file has 3",
    ] {
        assert!(found.contains(part), "{part}\n{found}");
    }
    assert_eq!(headlines("init x = 1\nx' = csv(\"w.csv\") - x\n", &[w]), ["error[E0286]: data cannot stand here"]);
}

#[test]
fn faults_of_rows_name_file_column_and_line() {
    let one = |file: &str, rest: &str| {
        let text = format!("input u(t) = csv(\"u.csv\", t, x){rest}\ninit x = 1\nx' = u(t)\n");
        let found = headlines(&text, &[("u.csv", file)]);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    };
    assert_eq!(one("t,x\n0,1\n1,\n2,NA\n", ""), "error[E0282]: `u.csv`, column `x`, lines 3 and 4: there is no value");
    assert_eq!(
        one("t,x\n0,1\n1,abc\n", ""),
        "error[E0282]: `u.csv`, column `x`, line 3: expected a number, found `abc`"
    );
    assert_eq!(one("# c\nt,x\n0,1\n\n3,1\n2,1\n", ""), "error[E0283]: `u.csv`, column `t`, line 6: 2 comes after 3");
    assert_eq!(one("t,x\n0,1\n0,2\n", ""), "error[E0283]: `u.csv`, column `t`: 0 stands there twice, in lines 2 and 3");
    assert_eq!(one("t,x\n0,1\n", ""), "error[E0283]: `u.csv` has one row of data");
    assert_eq!(one("t,x\n", ""), "error[E0282]: `u.csv`: there is no row of data");
    assert_eq!(one("", ""), "error[E0282]: `u.csv`: the file is empty");
    assert_eq!(
        one("t,x\n0,1\n1\n", ""),
        "error[E0282]: `u.csv`, line 3: expected 2 cells as in the first line, found 1"
    );
    let open = one("t,x\n0,1\n1,2\n", " extrapolate periodic");
    assert_eq!(open, "error[E0283]: `u` is periodic, but begins with 1 and ends with 2");
    assert!(one("t,x\n0,1\n1,2\n", " spline").contains("expected `linear`, `previous`, `cubic`, `monotone`"));
    let text = "input u(t) = csv(\"u.csv\", t, x)\ninit x = 1\nx' = u(t)\n";
    assert!(headlines(text, &[])[0].starts_with("error[E0280]: cannot read `u.csv`: "));
    let alone = Model::parse(text).unwrap_err().to_string();
    assert!(alone.contains("this model is read from a text alone, without files beside it"), "{alone}");
    // Calls are told like those of functions.
    let calls = "input u(t) = csv(\"u.csv\", t, x)\ninit x = 1\nx' = u(t, 2) + u\n";
    let found = headlines(calls, &[("u.csv", "t,x\n0,1\n1,2\n")]);
    assert_eq!(found.len(), 2, "{found:?}");
    let twice = "input u(t) = csv(\"u.csv\", t, x)\ninput u(t) = csv(\"u.csv\", t, x)\ninit x = 1\nx' = u(t)\n";
    assert_eq!(headlines(twice, &[("u.csv", "t,x\n0,1\n1,2\n")]), ["error[E0202]: input `u` is declared twice"]);
}

#[test]
fn units_of_headings_are_converted_or_refused() {
    let file = "time [min],temp [degF],p (outdoor)\n0,32,1\n60,212,2\n";
    let text = "time t: hour\ninput T(t): K = csv(\"u.csv\", time, temp)\ninput p(t): kPa = csv(\"u.csv\", time, p)\n\
                init x: K*hour = 0\nx' = T(t)\noutput y: kPa = p(t)\n";
    let model = parse(text, &[("u.csv", file)]);
    let found = end(&model, 1.0, Method::Dop853, 1e-10);
    assert!((found - (273.15 + 50.0)).abs() < 1e-9, "{found}");
    let listed = model.show(Show::Units, Format::Text).unwrap();
    assert!(listed.contains("min to hour") && listed.contains("degF to K"), "{listed}");
    let wrong = text.replace("T(t): K", "T(t): kg").replace("K*hour", "kg*hour");
    let found = errors(&wrong, &[("u.csv", file)]);
    assert!(found.contains("E0261") && found.contains("csv(\"u.csv\", time, temp)"), "{found}");
    // A model without units asks for none.
    let plain = "input T(t) = csv(\"u.csv\", time, temp)\ninit x = 0\nx' = T(t)\n";
    assert!((end(&parse(plain, &[("u.csv", file)]), 60.0, Method::Tsit5, 1e-9) - 60.0 * 122.0).abs() < 1e-6);
    let lookup = "time t: s\ninput rho(h: km): kg/m^3 = csv(\"r.csv\")\ninit x: m = 0\nx' = 1000 [m/s]\noutput r: g/m^3 = rho(x)\n";
    let compiled = parse(lookup, &[("r.csv", "h,rho\n0,1\n2,3\n")]).compile().unwrap();
    let solution = compiled.problem().span(0.0..1.0).solve().unwrap();
    assert!((solution.column("r").unwrap().last().unwrap() - 2000.0).abs() < 1e-9);
}

#[test]
fn a_million_rows_are_read_and_followed() {
    let mut file = String::from("t,x\n");
    for k in 0..1_000_000 {
        writeln!(file, "{},{}", k, k % 7).unwrap();
    }
    let text = "input u(t) = csv(\"u.csv\", t, x) previous\ninit x = 0\nx' = u(t)\n";
    let model = parse(text, &[("u.csv", &file)]);
    let compiled = model.compile().unwrap();
    let solution = compiled.problem().span(500_000.0..502_000.0).method(Method::Tsit5).solve().unwrap();
    let expected: f64 = (500_000..502_000).map(|k| f64::from(k % 7)).sum();
    assert!((solution.last()[0] - expected).abs() < 1e-8 * expected, "{}", solution.last()[0]);
}

#[test]
fn components_and_used_files_share_inputs() {
    let files = [
        (
            "lib/room.ode",
            "input T(t) = csv(\"temp.csv\", hour, temp)\ncomponent Room(k = 1) {\n  init x = 0\n  x' = k*(T(t) - x)\n}\n",
        ),
        ("lib/temp.csv", "hour,temp\n0,4\n10,4\n"),
    ];
    let text = "use \"lib/room.ode\"\na = Room(k = 2)\noutput y = T(0)\n";
    let last = parse(text, &files).compile().unwrap().problem().span(0.0..10.0).solve().unwrap().last().to_vec();
    assert!((last[0] - 4.0).abs() < 1e-4, "{last:?}");
}
