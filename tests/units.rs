//! Units: what is accepted means what the SI says it means, what is wrong is found, and numbers change nowhere else.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rhapsode::expr::Format;
use rhapsode::{Backend, Model, Show};

/// Exponents of length, time and mass.
type Dims = [i32; 3];

/// Declared quantities: name, unit, dimension, size in SI units, value in its unit.
const QUANTITIES: [(&str, &str, Dims, f64, f64); 12] = [
    ("a", "km", [1, 0, 0], 1e3, 0.7),
    ("b", "m", [1, 0, 0], 1.0, 310.0),
    ("c", "min", [0, 1, 0], 60.0, 2.5),
    ("d", "s", [0, 1, 0], 1.0, 95.0),
    ("f", "g", [0, 0, 1], 1e-3, 420.0),
    ("g", "lb", [0, 0, 1], 0.45359237, 1.5),
    ("v", "km/h", [1, -1, 0], 1e3 / 3600.0, 14.0),
    ("w", "ft/s", [1, -1, 0], 0.3048, 8.0),
    ("e", "kWh", [2, -2, 1], 3.6e6, 2e-6),
    ("q", "cal", [2, -2, 1], 4.184, 1.7),
    ("n", "%", [0, 0, 0], 1e-2, 83.0),
    ("p", "mmHg", [-1, -2, 1], 133.322387415, 0.01),
];

const FUNCTIONS: &str = "fn mean(x, y) = (x + y)/2\nfn ratio(x, y) = x/y\nfn hill(x, k, n) = x^n/(k^n + x^n)\n\
                         fn norm(x, y) = sqrt(x^2 + y^2)\n";

/// A source of choices that shrinks to nothing.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % n
    }
}

/// Writes expressions of a dimension, with their values in SI units computed beside.
struct Writer<'a> {
    choices: Choices<'a>,
    /// Leaves written so far, and the one whose dimension is to be wrong.
    leaves: usize,
    wrong: Option<usize>,
}

impl Writer<'_> {
    /// Positive values only, so that nothing cancels.
    fn expression(&mut self, dims: Dims, depth: u32) -> (String, f64) {
        let choice = if depth == 0 { 0 } else { self.choices.below(12) };
        let mut part = |dims: Dims| self.expression(dims, depth - 1);
        match choice {
            1 | 2 => {
                let ((x, a), (y, b)) = (part(dims), part(dims));
                (format!("({x} + {y})"), a + b)
            }
            3 | 4 => {
                let other = self.some_dims();
                let (x, a) = self.expression(sub(dims, other), depth - 1);
                let (y, b) = self.expression(other, depth - 1);
                (format!("{x}*{y}"), a * b)
            }
            5 => {
                let other = self.some_dims();
                let (x, a) = self.expression(add(dims, other), depth - 1);
                let (y, b) = self.expression(other, depth - 1);
                (format!("{x}/({y})"), a / b)
            }
            6 => {
                let (x, a) = part(dims.map(|n| 2 * n));
                (format!("sqrt({x})"), a.sqrt())
            }
            7 => {
                let ((x, a), (y, b)) = (part(dims), part(dims));
                (format!("max({x}, {y})"), a.max(b))
            }
            8 => {
                let ((x, a), (y, b)) = (part(dims), part(dims));
                (format!("mean({x}, {y})"), (a + b) / 2.0)
            }
            9 => {
                let ((x, a), (y, b)) = (part(dims), part(dims));
                (format!("norm({x}, {y})"), a.hypot(b))
            }
            10 => {
                let other = self.some_dims();
                let ((x, a), (y, b)) = (self.expression(other, depth - 1), self.expression(other, depth - 1));
                let (z, c) = self.expression(dims, depth - 1);
                (format!("hill({x}, {y}, 2)*{z}"), a * a / (a * a + b * b) * c)
            }
            11 if dims.iter().all(|n| n % 3 == 0) => {
                let (x, a) = part(dims.map(|n| n / 3));
                (format!("({x})^3"), a.powi(3))
            }
            _ => self.leaf(dims),
        }
    }

    fn leaf(&mut self, dims: Dims) -> (String, f64) {
        let mut dims = dims;
        if self.wrong == Some(self.leaves) {
            dims[self.choices.below(3)] += 1 + self.choices.below(2) as i32;
        }
        self.leaves += 1;
        let known: Vec<_> = QUANTITIES.iter().filter(|(_, _, found, ..)| *found == dims).collect();
        if !known.is_empty() && self.choices.below(4) > 0 {
            let (name, _, _, size, value) = known[self.choices.below(known.len())];
            return (name.to_string(), size * value);
        }
        let number = 1.0 + self.choices.below(20) as f64 / 8.0;
        if dims == [0, 0, 0] && self.choices.below(2) == 0 {
            return (format!("{number}"), number);
        }
        let (unit, size) = self.unit(dims);
        (format!("{number} [{unit}]"), number * size)
    }

    /// Some unit of a dimension, and its size.
    fn unit(&mut self, dims: Dims) -> (String, f64) {
        let names = [
            [("m", 1.0), ("km", 1e3), ("inch", 0.0254)],
            [("s", 1.0), ("hour", 3600.0), ("ms", 1e-3)],
            [("kg", 1.0), ("mg", 1e-6), ("tonne", 1e3)],
        ];
        let (mut text, mut size) = ("1".to_string(), 1.0);
        for (choices, exponent) in names.iter().zip(dims) {
            let (name, unit) = choices[self.choices.below(3)];
            text += &match exponent {
                0 => continue,
                n if n < 0 => format!("/{name}^{}", -n),
                n => format!("*{name}^{n}"),
            };
            size *= f64::powi(unit, exponent);
        }
        (text, size)
    }

    fn some_dims(&mut self) -> Dims {
        let (_, _, dims, ..) = QUANTITIES[self.choices.below(QUANTITIES.len())];
        dims
    }
}

fn add(a: Dims, b: Dims) -> Dims {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

fn sub(a: Dims, b: Dims) -> Dims {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// A model that records an expression in a unit of its own.
fn model(unit: &str, expression: &str) -> String {
    let mut text = FUNCTIONS.to_string();
    for (name, unit, _, _, value) in QUANTITIES {
        text += &format!("param {name}: {unit} = {value}\n");
    }
    text + &format!("init z = 0\nz' = 0\noutput r: {unit} = {expression}\n")
}

fn value(text: &str) -> f64 {
    let model = Model::parse(text).unwrap_or_else(|errors| panic!("{text}{errors}"));
    let compiled = model.compile_with(Backend::Interpret).unwrap();
    let solution = compiled.problem().span(0.0..1.0).solve().unwrap();
    solution.column("r").unwrap()[0]
}

/// The same cases on every run, or as many others as `PROPTEST_CASES` says.
fn cases(default: u32) -> ProptestConfig {
    let plain = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    match std::env::var_os("PROPTEST_CASES") {
        None => ProptestConfig { cases: default, rng_seed: RngSeed::Fixed(1), ..plain },
        Some(_) => plain,
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn consistent_expressions_mean_what_the_si_says(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut writer = Writer { choices: Choices(bytes.iter()), leaves: 0, wrong: None };
        let dims = writer.some_dims();
        let (expression, si) = writer.expression(dims, 5);
        let (unit, size) = writer.unit(dims);
        let found = value(&model(&unit, &expression));
        let expected = si / size;
        prop_assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{expression}: {found} for {expected}");
    }

    #[test]
    fn one_wrong_part_is_found(bytes in prop::collection::vec(any::<u8>(), 0..120), place in 0usize..20) {
        let mut writer = Writer { choices: Choices(bytes.iter()), leaves: 0, wrong: Some(place) };
        let dims = writer.some_dims();
        let (expression, _) = writer.expression(dims, 5);
        prop_assume!(writer.leaves > place);
        let (unit, _) = writer.unit(dims);
        match Model::parse(&model(&unit, &expression)) {
            Ok(_) => prop_assert!(false, "accepted: {}", expression),
            Err(errors) => {
                let codes: Vec<_> = errors.diagnostics().iter().map(|d| d.code.0).collect();
                prop_assert!(codes.iter().all(|code| ["E0261", "E0262"].contains(code)), "{expression}\n{errors}");
                // `max(x, x)` makes two of a part, so a wrong one may be wrong twice; one error may follow.
                prop_assert!(codes.len() <= 3, "more than one follow-on error: {expression}\n{errors}");
            }
        }
    }
}

#[test]
fn a_model_in_hours_and_the_same_in_minutes_have_one_trajectory() {
    let text = |time: &str, volume: &str, end: &str| {
        format!(
            "time t: {time}\nparam CL: L/hour = 5, V: {volume}, ka: 1/hour = 1.2, inflow: mg/min = 0.5, Km: µM = 30\n\
             param Vmax: mM/day = 4\ninit gut: mg = 100, blood: mg = 0, S: mM = 0.2\n\
             fn mm(s, vmax, km) = vmax*s/(km + s)\ngut' = -ka*gut\nblood' = ka*gut + inflow - CL/V*blood\n\
             S' = -mm(S, Vmax, Km)\noutput c: µg/mL = blood/V\n\
             solve t = 0..{end} {{ rtol = 1e-12, atol = 1e-14, save = 25, method = DOP853 }}\n"
        )
    };
    let run = |text: &str| {
        let model = Model::parse(text).unwrap_or_else(|errors| panic!("{errors}"));
        let solution = model.compile().unwrap().problem().solve().unwrap();
        let columns = ["gut", "blood", "S", "c"].map(|name| solution.column(name).unwrap().to_vec());
        (solution.times().to_vec(), columns)
    };
    let (hours, by_hour) = run(&text("hour", "L = 40", "1 [day]"));
    let (minutes, by_minute) = run(&text("min", "mL = 40e3", "1440"));
    assert_eq!((hours.len(), *hours.last().unwrap(), *minutes.last().unwrap()), (25, 24.0, 1440.0));
    for (h, m) in hours.iter().zip(&minutes) {
        assert!((h * 60.0 - m).abs() < 1e-9);
    }
    for (a, b) in by_hour.iter().flatten().zip(by_minute.iter().flatten()) {
        assert!((a - b).abs() < 1e-8 * (1e-3 + a.abs()), "{a} {b}");
    }
}

#[test]
fn units_that_agree_change_nothing() {
    let with = "time t: s\nparam g: m/s^2 = 9.81, L: m = 2, k: 1/s = 0.1\ninit theta: rad = 0.5, theta': rad/s = 0\n\
                theta'' = -g/L*sin(theta) - k*theta'\noutput E: m^2/s^2 = (L*theta')^2/2 - g*L*cos(theta)\n\
                solve t = 0..10 { save = 50 }\n";
    let without: String = {
        let mut text = with.to_string();
        for unit in [": m/s^2", ": m^2/s^2", ": 1/s", ": rad/s", ": rad", ": m", ": s"] {
            text = text.replace(unit, "");
        }
        text
    };
    let run = |text: &str| {
        let model = Model::parse(text).unwrap_or_else(|errors| panic!("{text}{errors}"));
        let solution = model.compile().unwrap().problem().solve().unwrap();
        let bits: Vec<u64> =
            ["theta", "E"].iter().flat_map(|c| solution.column(c).unwrap().iter().map(|x| x.to_bits())).collect();
        (model.show(Show::Equations, Format::Text).unwrap(), model.checked().units.is_some(), bits)
    };
    let ((equations, has, bits), (plain, has_not, plain_bits)) = (run(with), run(&without));
    assert_eq!((equations, bits), (plain, plain_bits));
    assert!(has && !has_not);
}

fn units(text: &str) -> String {
    let model = Model::parse(text).unwrap_or_else(|errors| panic!("{text}{errors}"));
    model.show(Show::Units, Format::Text).unwrap()
}

#[test]
fn what_is_not_declared_follows_from_the_equations() {
    let text = "time t: hour\nparam k, V, r = 0.1, n = 2, K: mg/L = 3, loose = 1\ninit A: mg = 1, theta = 0, theta' = 0\n\
                A' = -k*A*c^n/(K^n + c^n) + r*A\nc = A/V\ntheta'' = -theta/tau^2\ntau = 1 [s]\n";
    let shown = units(text);
    for line in [
        "t       hour     declared",
        "k       1/hour   inferred",
        "V       L        inferred",
        "r       1/hour   inferred",
        "n       1        inferred",
        "K       mg/L     declared",
        "loose   -        nothing determines it",
        "c       mg/L     inferred",
        "tau     s        inferred",
    ] {
        let words = |line: &str| line.split_whitespace().map(str::to_string).collect::<Vec<_>>();
        assert!(shown.lines().any(|found| words(found) == words(line)), "{line} is not in\n{shown}");
    }
    assert!(shown.contains("-theta/tau^2: [theta]/s^2 to [theta]/hour^2"), "{shown}");
}

/// A factor without a unit that the equations make a plain number stays one: the units around it are converted.
#[test]
fn a_plain_factor_takes_no_part_in_conversions() {
    let text = "param part = 0.5, amount: g = 3\ninit z = 0\nz' = 0\noutput r: mg = part*amount\n";
    assert_eq!(value(text), 1500.0);
    let either_order = "param amount: g = 3\ninit z = 0\nz' = 0\noutput r: mg = amount*part\nparam part = 0.5\n";
    assert_eq!(value(either_order), 1500.0);
}

#[test]
fn temperatures_convert_with_their_offset() {
    let r = |declarations: &str, unit: &str, expression: &str| {
        value(&format!("param {declarations}\ninit z = 0\nz' = 0\noutput r: {unit} = {expression}\n"))
    };
    let near = |found: f64, expected: f64| {
        assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{found} {expected}")
    };
    near(r("T: degC = 37", "K", "T"), 310.15);
    near(r("T: degC = 37", "degF", "T"), 98.6);
    near(r("T: degF = 98.6", "degC", "T"), 37.0);
    near(r("T: K = 310.15", "°C", "T"), 37.0);
    near(r("T: degC = 37, U: degF = 50", "K", "T - U"), 27.0);
    near(r("T: degC = 37", "degC", "T + 2 [K]"), 39.0);
    near(r("T: degC = 37", "1", "(T - 20 [degC])/10 [K]"), 1.7);
    near(r("T: degC = 37", "1", "if T > 309 [K] then 1 else 0"), 1.0);
    near(r("T: degC = 37", "degC", "max(T, 311 [K])"), 37.85);
    let cooling = "time t: min\nparam T0: degC = 20, k: 1/min = 0.1\ninit T: degC = 90\nT' = -k*(T - T0)\n";
    assert!(units(cooling).contains("no conversions"));
}

#[test]
fn functions_have_the_units_of_each_call() {
    let text = "fn rate(x, k) = x/k\nfn both(x, y) = x + rate(y, 2)\nparam a: m = 1, b: s = 2, c: km = 3, d: kg = 1\n\
                init z = 0\nz' = 0\noutput r: m/s = rate(a, b)\noutput q: m = both(a, c)\noutput s: kg*s = rate(d, 1/b)\n";
    let shown = units(text);
    assert!(shown.contains("c: km to m, * 1000"), "{shown}");
    let wrong = format!("{text}output w = both(a, d)\n");
    let errors = Model::parse(&wrong).unwrap_err().to_string();
    assert!(errors.contains("argument `y` of `both` is m here, found kg"), "{errors}");
}

#[test]
fn reactions_are_checked_like_the_equations_they_stand_for() {
    let text = "time t: s\nparam kf: 1/mM/s = 2, kr = 0.1, kin: uM/s = 3\ninit A: mM = 1, B: uM = 100, C: mM = 0\n\
                bind: A + B <-> C @ kf, kr\n0 -> A @ kin\n";
    let shown = units(text);
    for part in ["bind        uM/s     inferred", "kf          1/mM/s   declared", "bind: uM/s to mM/s, / 1000"] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let laws = Model::parse(text).unwrap().show(Show::Conserved, Format::Text).unwrap();
    assert_eq!(laws, "B + 1000*C\n");
    let wrong = text.replace("kf: 1/mM/s", "kf: 1/s");
    assert!(Model::parse(&wrong).unwrap_err().to_string().contains("E0261"));
}

/// Text that is legal but unkind.
#[test]
fn unkind_models_end() {
    let chain: String = (1..20_000).map(|k| format!("a{k} = a{} + 0\n", k - 1)).collect();
    let chain = format!("a0: m = 3\n{chain}init x: m = 0\nx' = a19999/1 [s]\n");
    assert!(Model::parse(&chain).is_ok());
    let backwards: String = (1..20_000).rev().map(|k| format!("a{k} = a{}\n", k - 1)).collect();
    assert!(Model::parse(&format!("{backwards}a0: m = 3\ninit x: m = 0\nx' = a19999/1 [s]\n")).is_ok());
    let sum = format!("init x: m = 1\nx' = ({}x)/1 [s]\n", "x + 2 [km] + ".repeat(20_000));
    assert!(Model::parse(&sum).is_ok());
    let names: Vec<String> = (0..3000).map(|k| format!("p{k}")).collect();
    let product = format!("param {} = 1\ninit x: m = 1\nx' = {}\n", names.join(" = 1, "), names.join("*"));
    assert!(Model::parse(&product).is_ok());
    let doubling: String = (1..40).map(|k| format!("fn f{k}(x) = f{}(x) + f{}(2*x)\n", k - 1, k - 1)).collect();
    let _ = Model::parse(&format!("fn f0(x) = sin(x)\n{doubling}init x: m = 1\nx' = f39(x)/1 [s]\n"));
    let deep = format!("time t: s\ninit x: m = 1\nx' = {}x{}\n", "(1 [m] + ".repeat(200), ")".repeat(200));
    assert!(Model::parse(&deep).is_err());
}
