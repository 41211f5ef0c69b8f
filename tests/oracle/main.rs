//! The compiler against a second, naive reading of the language, on random models and on every example: right sides,
//! initial values, defaults, outputs and all derivatives; and native code against the interpreter, bit for bit.

mod evaluate;
mod generate;
mod networks;

use std::collections::HashMap;

use evaluate::{Dual, Oracle, Point};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rhapsode::backend::interpret::Interpreter;
use rhapsode::backend::{Arguments, KernelId, Kernels};
use rhapsode::kernel::program::Program;
use rhapsode::kernel::{MatrixPlan, Target64, lower_jacobian_product, lower_matrix, verify};
use rhapsode::source::Source;
use rhapsode::system::Matrix;
use rhapsode::system::Names;
use rhapsode::{Backend, Compiled, Model};

/// A repeatable stream of numbers between -2 and 2.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64 * 4.0 - 2.0
    }

    fn take(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.next()).collect()
    }

    /// Numbers a model may meet but would rather not.
    fn unpleasant(&mut self, n: usize) -> Vec<f64> {
        const LIST: [f64; 10] = [0.0, -0.0, 1.0, -1e3, 1e-30, 1e300, -1e300, f64::INFINITY, f64::NAN, 5e-324];
        (0..n)
            .map(|_| if self.next() < 0.0 { self.next() } else { LIST[(self.0 >> 40) as usize % LIST.len()] })
            .collect()
    }
}

/// Name without subscripts, and subscripts, of every component.
fn components(names: &Names) -> Vec<(String, Vec<i64>)> {
    (0..names.len())
        .map(|k| {
            let name = names.get(k);
            match name.split_once('[') {
                None => (name, Vec::new()),
                Some((base, list)) => {
                    let list = list.trim_end_matches(']').split(',').map(|s| s.parse().unwrap()).collect();
                    (base.to_string(), list)
                }
            }
        })
        .collect()
}

/// What gives dy of every component: its own equation, or the next derivative.
enum Slope {
    Equation(String, Vec<i64>),
    State(usize),
}

struct Case<'a> {
    oracle: Oracle<'a>,
    compiled: Compiled,
    text: &'a str,
    states: Names,
    parameters: Names,
    slopes: Vec<Slope>,
}

fn near(found: f64, expected: f64) -> bool {
    // Where the naive reading leaves the numbers, or drowns in rounding, nothing is claimed.
    !expected.is_finite() || expected.abs() > 1e7 || (found - expected).abs() <= 1e-8 * (1.0 + expected.abs())
}

impl<'a> Case<'a> {
    fn new(ast: &'a rhapsode::lang::ast::Ast, model: &Model, text: &'a str) -> Self {
        let oracle = Oracle::new(ast);
        let (states, parameters) = (model.states(), model.parameters());
        let slopes = components(&states)
            .into_iter()
            .map(|(name, at)| {
                let base = name.trim_end_matches('\'').to_string();
                let order = (name.len() - base.len()) as u32 + 1;
                if oracle.order(&base) == Some(order) {
                    return Slope::Equation(format!("{name}'"), at);
                }
                let list: Vec<String> = at.iter().map(i64::to_string).collect();
                let next = if at.is_empty() { format!("{name}'") } else { format!("{name}'[{}]", list.join(",")) };
                Slope::State(states.find(&next).unwrap())
            })
            .collect();
        let compiled = model.compile_with(Backend::Interpret).unwrap();
        Case { oracle, compiled, text, states, parameters, slopes }
    }

    fn point(&self, t: f64, y: &[f64], p: &[f64]) -> Point {
        let named = |names: &Names, values: &[f64]| -> HashMap<String, Dual> {
            values.iter().take(names.len()).enumerate().map(|(k, v)| (names.get(k), Dual::constant(*v))).collect()
        };
        Point { t: Dual::constant(t), y: named(&self.states, y), p: named(&self.parameters, p) }
    }

    /// dy by the oracle.
    fn slopes(&self, point: &Point) -> Vec<Dual> {
        let keys: Vec<(String, Vec<i64>)> = self
            .slopes
            .iter()
            .filter_map(|s| match s {
                Slope::Equation(key, at) => Some((key.clone(), at.clone())),
                Slope::State(_) => None,
            })
            .collect();
        let mut values = self.oracle.values(&keys, point).into_iter();
        let slope = |s: &Slope| match s {
            Slope::Equation(..) => values.next().unwrap(),
            Slope::State(k) => point.y[&self.states.get(*k)],
        };
        self.slopes.iter().map(slope).collect()
    }

    fn compare(&self, what: &str, names: &Names, found: &[f64], expected: &[f64]) -> Result<(), String> {
        for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
            if !near(*found, *expected) {
                return Err(format!("{what} {}: {found:?}, expected {expected:?} in\n{}", names.get(k), self.text));
            }
        }
        Ok(())
    }

    /// Defaults and initial values, then everything at a point.
    fn check(&self, numbers: &mut Numbers) -> Result<(), String> {
        let mut values = self.compiled.problem().parameter_values().map_err(|e| e.to_string())?;
        let nowhere = Point { t: Dual::constant(0.0), y: HashMap::new(), p: HashMap::new() };
        let keys = |names: &Names, keyword: &str| -> Vec<(String, Vec<i64>)> {
            components(names).into_iter().map(|(name, at)| (format!("{keyword}{name}"), at)).collect()
        };
        let expected: Vec<f64> =
            self.oracle.values(&keys(&self.parameters, "param "), &nowhere).iter().map(|v| v.x).collect();
        self.compare("default of", &self.parameters, &values, &expected)?;
        for value in &mut values {
            *value += 0.05 * numbers.next();
        }
        let bound = self.compiled.bind(&values);
        let t = 0.4;
        let mut y = self.compiled.initial(t, &bound);
        let point = self.point(t, &[], &values);
        let expected: Vec<f64> = self.oracle.values(&keys(&self.states, "init "), &point).iter().map(|v| v.x).collect();
        self.compare("initial value of", &self.states, &y, &expected)?;
        for value in &mut y {
            *value += 0.1 * numbers.next();
        }
        self.values(t, &y, &values, &bound)?;
        self.derivatives(t, &y, &values, &bound, numbers)
    }

    /// Right sides and outputs.
    fn values(&self, t: f64, y: &[f64], values: &[f64], bound: &[f64]) -> Result<(), String> {
        let system = self.compiled.system();
        let mut w = vec![0.0; system.shape().work];
        let mut dy = vec![0.0; y.len()];
        system.rhs(t, y, bound, &mut w, &mut dy);
        let point = self.point(t, y, values);
        let expected: Vec<f64> = self.slopes(&point).iter().map(|v| v.x).collect();
        self.compare("slope of", &self.states, &dy, &expected)?;
        let outputs = self.compiled.model().outputs();
        let mut out = vec![0.0; outputs.len()];
        system.outputs(t, y, bound, &mut w, &mut out);
        let expected: Vec<f64> = self.oracle.values(&components(&outputs), &point).iter().map(|v| v.x).collect();
        self.compare("output", &outputs, &out, &expected)
    }

    /// ∂f/∂y, ∂f/∂t, ∂f/∂p and J v.
    fn derivatives(
        &self,
        t: f64,
        y: &[f64],
        values: &[f64],
        bound: &[f64],
        numbers: &mut Numbers,
    ) -> Result<(), String> {
        let n = y.len();
        let system = self.compiled.system();
        let pattern = system.jacobian_pattern();
        let mut w = vec![0.0; system.shape().work];
        let mut entries = vec![0.0; pattern.nnz()];
        system.jacobian(t, y, bound, &mut w, &mut entries);
        let point = self.point(t, y, values);
        let direction = |point: &Point| -> Vec<f64> { self.slopes(point).iter().map(|v| v.d).collect() };
        for j in 0..n {
            let mut along = point.clone();
            along.y.get_mut(&self.states.get(j)).unwrap().d = 1.0;
            let column: Vec<f64> = (0..n).map(|i| pattern.place(i, j).map_or(0.0, |k| entries[k])).collect();
            self.compare(&format!("by {}: slope of", self.states.get(j)), &self.states, &column, &direction(&along))?;
        }
        let mut along = point.clone();
        along.t.d = 1.0;
        let mut ft = vec![0.0; n];
        system.time_derivative(t, y, bound, &mut w, &mut ft);
        self.compare("by time: slope of", &self.states, &ft, &direction(&along))?;

        let lowered = self.compiled.model().lower();
        let checked = self.compiled.model().checked();
        let product = lower_jacobian_product(checked, &lowered, Target64 { fma: false });
        let v = numbers.take(n);
        let mut along = point.clone();
        v.iter().enumerate().for_each(|(k, v)| along.y.get_mut(&self.states.get(k)).unwrap().d = *v);
        let found = call(&product, t, y, bound, &v);
        self.compare("J v of", &self.states, &found, &direction(&along))?;

        let (program, plan) =
            lower_matrix(checked, &lowered, Target64 { fma: true }, Matrix::Parameters).map_err(|e| e.to_string())?;
        let raw = call(&program, t, y, bound, &[]);
        let by_parameter = gather(&plan, &raw, n, values.len());
        for (j, column) in by_parameter.iter().enumerate() {
            let mut along = point.clone();
            along.p.get_mut(&self.parameters.get(j)).unwrap().d = 1.0;
            let name = format!("by {}: slope of", self.parameters.get(j));
            self.compare(&name, &self.states, column, &direction(&along))?;
        }
        Ok(())
    }
}

fn call(program: &Program, t: f64, y: &[f64], p: &[f64], v: &[f64]) -> Vec<f64> {
    let kernels = Interpreter::new(program).unwrap();
    let lengths = kernels.lengths(KernelId(0));
    let (mut w, mut out) = (vec![0.0; lengths.w], vec![0.0; lengths.out]);
    kernels.call(KernelId(0), Arguments { t, y, p, v, w: &mut w, out: &mut out });
    out
}

/// The columns of a matrix.
fn gather(plan: &MatrixPlan, raw: &[f64], rows: usize, columns: usize) -> Vec<Vec<f64>> {
    let (pattern, places) = plan.pattern();
    let mut entries = vec![0.0; pattern.nnz()];
    for (k, value) in raw.iter().enumerate() {
        entries[places.as_ref().map_or(k, |places| places[k])] += value;
    }
    let entry = |i, j| pattern.place(i, j).map_or(0.0, |k| entries[k]);
    (0..columns).map(|j| (0..rows).map(|i| entry(i, j)).collect()).collect()
}

/// Interpreter and native code on every kernel of a program.
#[cfg(feature = "jit")]
fn agree(program: &Program, numbers: &mut Numbers) -> Result<(), String> {
    verify(program).map_err(|e| e.to_string())?;
    let native = rhapsode::backend::native::Native::new(program).map_err(|e| e.to_string())?;
    let interpreter = Interpreter::new(program).map_err(|e| e.to_string())?;
    for (k, kernel) in program.kernels.iter().enumerate() {
        let (id, l) = (KernelId(k), kernel.lengths);
        for turn in 0..4 {
            let mut take = |n| if turn < 2 { numbers.take(n) } else { numbers.unpleasant(n) };
            let (t, y, p, v) = (take(1)[0], take(l.y), take(l.p), take(l.v));
            let run = |kernels: &dyn Kernels| {
                let (mut w, mut out) = (vec![0.0; kernels.lengths(id).w], vec![0.0; l.out]);
                kernels.call(id, Arguments { t, y: &y, p: &p, v: &v, w: &mut w, out: &mut out });
                out
            };
            for (at, (a, b)) in run(&interpreter).iter().zip(run(&native)).enumerate() {
                if a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()) {
                    return Err(format!("{}[{at}]: interpreter {a:?}, native {b:?} in\n{program}", kernel.name));
                }
            }
        }
    }
    Ok(())
}

/// All programs of a model, with and without fused multiply-adds.
#[cfg(feature = "jit")]
fn backends_agree(model: &Model, numbers: &mut Numbers) -> Result<(), String> {
    for fma in [false, true] {
        let target = Target64 { fma };
        let lowered = rhapsode::kernel::lower(model.checked(), model.derivatives(), target);
        agree(&lowered.program, numbers)?;
        agree(&lower_jacobian_product(model.checked(), &lowered, target), numbers)?;
        for matrix in Matrix::ALL {
            let (program, _) = lower_matrix(model.checked(), &lowered, target, matrix).map_err(|e| e.to_string())?;
            agree(&program, numbers)?;
        }
    }
    Ok(())
}

/// The model, or `None` where the language refuses it on purpose: a definition read through a subscript of several
/// indices that wraps, or a division by what turned out to be zero.
fn parse(text: &str) -> Result<Option<Model>, String> {
    match Model::parse(text) {
        Ok(model) => Ok(Some(model)),
        Err(errors) if errors.diagnostics().iter().all(|d| ["E0234", "E0216"].contains(&d.code.0)) => Ok(None),
        Err(errors) => Err(format!("{errors}\n{text}")),
    }
}

fn check(text: &str, seed: u64) -> Result<bool, String> {
    let Some(model) = parse(text)? else { return Ok(false) };
    let source = Source::new("model", text);
    let (ast, _) = rhapsode::lang::parse(&source);
    Case::new(&ast, &model, text).check(&mut Numbers(seed))?;
    Ok(true)
}

/// Random bytes of random length.
fn tape(seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    (0..600).map(|_| ((numbers.next() + 2.0) * 64.0) as u8).collect()
}

/// Cases by themselves, without shrinking: how many were refused is known.
#[test]
fn most_random_models_are_accepted() {
    let models: Vec<String> = (0..60).map(|seed| generate::model(&tape(seed))).collect();
    let accepted: Vec<&String> = models.iter().filter(|text| parse(text).unwrap().is_some()).collect();
    assert!(accepted.len() >= 45, "only {} of 60", accepted.len());
    let count = |part: &str| accepted.iter().filter(|text| text.contains(part)).count();
    for part in [" -> ", " <-> ", " => ", "reactions combinatorial", "' += "] {
        assert!(count(part) >= 3, "only {} models with `{part}`", count(part));
    }
}

/// The same cases on every run, or as many others as `PROPTEST_CASES` says.
fn cases(default: u32) -> ProptestConfig {
    let fixed = ProptestConfig {
        cases: default,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        return fixed;
    }
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn random_models_mean_what_they_say(bytes in prop::collection::vec(any::<u8>(), 0..600), seed in any::<u64>()) {
        let text = generate::model(&bytes);
        if let Err(fault) = check(&text, seed) {
            prop_assert!(false, "{}", fault);
        }
    }
}

#[cfg(feature = "jit")]
proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn random_models_compile_to_the_same_bits(bytes in prop::collection::vec(any::<u8>(), 0..600), seed in any::<u64>()) {
        let text = generate::model(&bytes);
        if let Some(model) = parse(&text).unwrap()
            && let Err(fault) = backends_agree(&model, &mut Numbers(seed))
        {
            prop_assert!(false, "{}\n{}", fault, text);
        }
    }
}

#[test]
fn examples_mean_what_they_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The same equations in a size that lists of elements can hold.
        let text = std::fs::read_to_string(&path).unwrap();
        // Components are held against the statements they stand for in `tests/components.rs`.
        // Data are held against the numbers in their files in `tests/data.rs` and `tests/dose_tables.rs`.
        if text.contains("\ncomponent ") || text.contains("csv(") || path.extension().is_none_or(|e| e != "ode") {
            continue;
        }
        let text = ["32", "40", "60", "64", "100", "200"]
            .iter()
            .fold(text, |text, size| text.replace(&format!("const N = {size}\n"), "const N = 6\n"));
        // The oracle knows no units; `tests/units.rs` holds them against the SI.
        let model = Model::parse(&text).unwrap_or_else(|e| panic!("{e}"));
        if model.checked().units.is_some() {
            continue;
        }
        // Nor does it solve equations, know events or remember; `tests/dae.rs`, `tests/events.rs` and `tests/delays.rs` do.
        let checked = model.checked();
        if !checked.algebraic.is_empty() || !checked.events.is_empty() || !checked.delays.is_empty() {
            continue;
        }
        match check(&text, count + 1) {
            Ok(accepted) => assert!(accepted),
            Err(fault) => panic!("{}: {fault}", path.display()),
        }
        count += 1;
    }
    assert!(count >= 12, "only {count} examples");
}
