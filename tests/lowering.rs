//! Lowering against the templates it lowers: every element of every right-hand side, evaluated one by one from the
//! checked model, equals what the kernels compute with their loops, pieces, wraps and hoisted parts, to the last bit.
//! On the example models and on random ones.

use rhapsode::Model;
use rhapsode::backend::interpret::Interpreter;
use rhapsode::backend::{Arguments, KernelId, Kernels};
use rhapsode::expr::{Environment, Evaluator, SymbolId, VarId};
use rhapsode::kernel::program::Program;
use rhapsode::kernel::{Target64, lower};
use rhapsode::model::{Family, Kind, Model as Checked, Piece};

/// A repeatable stream of choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn number(&mut self) -> f64 {
        self.below(4000) as f64 / 1000.0 - 1.0
    }
}

struct Point<'a> {
    model: &'a Checked,
    t: f64,
    y: &'a [f64],
    p: &'a [f64],
}

impl Point<'_> {
    fn piece(&self, piece: &Piece, subscripts: &[i64]) -> Option<f64> {
        let mut indices: Vec<(VarId, i64)> = Vec::new();
        for (affine, at) in piece.subscripts.iter().zip(subscripts) {
            match affine.terms.first() {
                None if affine.offset != *at => return None,
                None => {}
                Some((var, _)) => {
                    let value = at - affine.offset;
                    if !piece.ranges.iter().any(|r| r.var == *var && (r.lo..=r.hi).contains(&value)) {
                        return None;
                    }
                    indices.push((*var, value));
                }
            }
        }
        Some(Evaluator::new(&self.model.graph, self, indices).value(piece.value))
    }

    fn family(&self, family: &Family, subscripts: &[i64]) -> f64 {
        let found: Vec<f64> = family.pieces.iter().filter_map(|piece| self.piece(piece, subscripts)).collect();
        assert_eq!(
            found.len(),
            1,
            "element {subscripts:?} of {} is covered once",
            self.model.symbol(family.symbol).name
        );
        found[0]
    }
}

impl Environment for Point<'_> {
    fn time(&self) -> f64 {
        self.t
    }

    fn element(&self, id: SymbolId, subscripts: &[i64]) -> f64 {
        let symbol = self.model.symbol(id);
        let wrapped: Vec<i64> =
            subscripts.iter().zip(&symbol.dims).map(|(s, d)| d.lo + (s - d.lo).rem_euclid(d.len() as i64)).collect();
        match symbol.kind {
            Kind::State => self.y[symbol.offset + symbol.place(&wrapped)],
            Kind::Parameter => self.p[symbol.offset + symbol.place(&wrapped)],
            _ => self.family(self.model.definitions.iter().find(|f| f.symbol == id).unwrap(), &wrapped),
        }
    }
}

fn call(program: &Program, name: &str, t: f64, y: &[f64], p: &[f64], out: usize) -> Vec<f64> {
    let kernels = Interpreter::new(program).unwrap();
    let id = KernelId(program.kernels.iter().position(|k| k.name == name).unwrap());
    let (mut w, mut out) = (vec![0.0; kernels.lengths(id).w], vec![0.0; out]);
    kernels.call(id, Arguments { t, y, p, v: &[], w: &mut w, out: &mut out });
    out
}

/// Every kernel gives the same bits in the interpreter and in native code.
#[cfg(feature = "jit")]
fn backends_agree(name: &str, program: &Program, choices: &mut Choices) {
    use rhapsode::backend::native::Native;
    let (slow, fast) = (Interpreter::new(program).unwrap(), Native::new(program).unwrap());
    for (k, kernel) in program.kernels.iter().enumerate() {
        let (id, l) = (KernelId(k), kernel.lengths);
        let mut take = |n: usize| -> Vec<f64> { (0..n).map(|_| choices.number()).collect() };
        let (t, y, p) = (0.3, take(l.y), take(l.p));
        let run = |kernels: &dyn Kernels| {
            let (mut w, mut out) = (vec![0.0; kernels.lengths(id).w], vec![0.0; l.out]);
            kernels.call(id, Arguments { t, y: &y, p: &p, v: &[], w: &mut w, out: &mut out });
            out
        };
        for (a, b) in run(&slow).iter().zip(run(&fast)) {
            assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()), "{name}: {}: {a:e} {b:e}", kernel.name);
        }
    }
}

/// Compares all right-hand sides at a random point.
fn compare(name: &str, model: &Model, choices: &mut Choices) {
    let checked = model.checked();
    let lowered = lower(checked, model.derivatives(), Target64 { fma: false });
    let t = choices.number();
    let y: Vec<f64> = (0..checked.dim()).map(|_| choices.number()).collect();
    let p: Vec<f64> = (0..checked.parameter_count()).map(|_| choices.number() + 1.5).collect();
    let hoisted = call(&lowered.program, "bind", 0.0, &[], &p, lowered.bound - lowered.parameters);
    let bound: Vec<f64> = p.iter().copied().chain(hoisted).collect();
    let dy = call(&lowered.program, "rhs", t, &y, &bound, checked.dim());
    let point = Point { model: checked, t, y: &y, p: &p };
    for family in &checked.derivatives {
        let symbol = checked.symbol(family.symbol);
        for k in 0..symbol.len() {
            let mut rest = k;
            let mut subscripts: Vec<i64> = symbol
                .dims
                .iter()
                .rev()
                .map(|d| {
                    let s = d.lo + (rest % d.len()) as i64;
                    rest /= d.len();
                    s
                })
                .collect();
            subscripts.reverse();
            let (expected, found) = (point.family(family, &subscripts), dy[symbol.offset + k]);
            let same = expected.to_bits() == found.to_bits() || (expected.is_nan() && found.is_nan());
            assert!(same, "{name}: {}{subscripts:?}' should be {expected:e}, is {found:e}", symbol.name);
        }
    }
}

#[test]
fn the_examples() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "ode") {
            continue;
        }
        let model = Model::load(&path).unwrap_or_else(|e| panic!("{e}"));
        // This evaluator knows no quantities that events set, and no past; `tests/events.rs` and `tests/delays.rs` hold both
        // backends to the same bits there.
        if !model.checked().discretes.is_empty() || !model.checked().delays.is_empty() {
            continue;
        }
        for seed in 0..2 {
            compare(&path.display().to_string(), &model, &mut Choices(seed));
        }
    }
}

/// A random expression over scalars, or over array elements around index `i` of 1..N.
fn expression(c: &mut Choices, depth: u64, array: bool) -> String {
    if depth == 0 {
        return match c.below(if array { 8 } else { 5 }) {
            0 => "x".into(),
            1 => "k".into(),
            2 => "t".into(),
            3 => format!("{}", c.number()),
            4 => "q".into(),
            5 => "u[i]".into(),
            6 => ["u[i-1]", "u[i+2]", "s[i]", "s[i-1]", "W[i]", "m[i+1]"][c.below(6) as usize].into(),
            _ => "i".into(),
        };
    }
    let sub = |c: &mut Choices| expression(c, depth - 1, array);
    match c.below(12) {
        0 | 1 => format!("({} + {})", sub(c), sub(c)),
        2 => format!("({} - {})", sub(c), sub(c)),
        3 | 4 => format!("{}*{}", sub(c), sub(c)),
        5 => format!("{}/(2 + abs({}))", sub(c), sub(c)),
        6 => format!("({})^{}", sub(c), ["2", "3", "-1", "0.5", "k"][c.below(5) as usize]),
        7 => format!("{}({})", ["sin", "exp", "tanh", "log", "sqrt", "floor", "atan"][c.below(7) as usize], sub(c)),
        8 => format!("(if {} < {} and not ({} == 0) then {} else {})", sub(c), sub(c), sub(c), sub(c), sub(c)),
        9 => format!("{}({}, {})", ["min", "max", "atan2", "hypot", "mod"][c.below(5) as usize], sub(c), sub(c)),
        10 if array => format!("sum[j](u[j]*w[{}])", ["j", "i", "3"][c.below(3) as usize]),
        _ => format!("-{}", sub(c)),
    }
}

#[test]
fn random_models() {
    for seed in 0..150 {
        let mut c = Choices(seed);
        let n = 3 + c.below(6);
        let text = format!(
            "const N = {n}\nindex i, j = 1..N periodic\nparam k = 0.7\nparam w[i] = 1/i, W[i] = i\n\
             init x = 1, u[i] = i/N, v[i] = 0\nq = {}\n\
             s[i] = {}\ns[2] = k*x\nm[i] = exp(u[i]) + sum[j](W[j]*u[j])\n\
             x' = {}\nu[i]' = {}\nu[1]' = {}\nv[i]' = {} for i in 1..N-1\nv[N]' = u[N]*q\n",
            expression(&mut c, 2, false).replace("sqrt", "tanh").replace('q', "k"),
            expression(&mut c, 2, true).replace("s[i", "u[i").replace("m[i", "u[i"),
            expression(&mut c, 4, false),
            expression(&mut c, 4, true),
            expression(&mut c, 2, false),
            expression(&mut c, 3, true),
        );
        let model = Model::parse(&text).unwrap_or_else(|e| panic!("{text}\n{e}"));
        compare(&text, &model, &mut c);
        #[cfg(feature = "jit")]
        backends_agree(&text, &lower(model.checked(), model.derivatives(), Target64 { fma: true }).program, &mut c);
    }
}
