//! File tests of models: `tests/models/*.ode` say in comments what the model below them means.
//!
//! ```text
//! # rhs(0, [1, 0, 0]) == [-0.04, 0.04, 0]
//! # init == [1, 0, 0]
//! # jac: dA'/dB = k3*C
//! # zero: dC'/dA
//! # output(0, [1, 2, 3]): total = 6
//! ```
//!
//! Numbers are of the language, with its parameters and constants (`-k1`, `3e7`); a derivative is an expression that is
//! compared with the compiled Jacobian at random points, `zero` states that the pattern has no entry at all. Expressions
//! are read by the compiler itself as one more output, so what is tested is the differentiation, the layout and the
//! names, not the reading of numbers.

use rhapsode::{Compiled, Model};

/// One more output per expression; their values at a point.
fn values(text: &str, expressions: &[String], t: f64, y: &[f64]) -> Vec<f64> {
    let lines: Vec<String> =
        expressions.iter().enumerate().map(|(k, e)| format!("output expected_{k} = {e}\n")).collect();
    let text = format!("{text}\n{}", lines.concat());
    let compiled = compile(&text);
    let bound = compiled.bind(&compiled.problem().parameter_values().unwrap());
    let outputs = compiled.model().outputs();
    let (mut w, mut out) = (vec![0.0; compiled.system().shape().work], vec![0.0; outputs.len()]);
    compiled.system().outputs(t, y, &bound, &mut w, &mut out);
    (0..expressions.len()).map(|k| out[outputs.find(&format!("expected_{k}")).unwrap()]).collect()
}

fn compile(text: &str) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"))
}

fn near(found: f64, expected: f64) -> bool {
    found == expected || (found - expected).abs() <= 1e-13 * expected.abs().max(1e-3)
}

/// `a, b, c` at the outermost level of brackets.
fn split(list: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in list.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    parts.retain(|part| !part.trim().is_empty());
    parts.iter().map(|part| part.trim().to_string()).collect()
}

/// `(t, [y…])` and what follows it.
fn point(text: &str) -> (Vec<String>, &str) {
    let end = text.find("])").unwrap_or_else(|| panic!("no `])` in `{text}`"));
    let (inside, rest) = (&text[1..end], &text[end + 2..]);
    let (t, y) = inside.split_once('[').unwrap();
    let mut list = vec![t.trim().trim_end_matches(',').to_string()];
    list.extend(split(y));
    (list, rest.trim())
}

struct Case<'a> {
    text: &'a str,
    compiled: Compiled,
    bound: Vec<f64>,
}

impl Case<'_> {
    fn start(&self) -> Vec<f64> {
        self.compiled.initial(0.0, &self.bound)
    }

    fn numbers(&self, expressions: &[String]) -> Vec<f64> {
        values(self.text, expressions, 0.0, &self.start())
    }

    fn list(&self, text: &str) -> Vec<f64> {
        self.numbers(&split(text.trim().trim_start_matches('[').trim_end_matches(']')))
    }

    fn equal(&self, what: &str, found: &[f64], expected: &[f64]) {
        let same = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| near(*f, *e));
        assert!(same, "{what}: found {found:?}, expected {expected:?}");
    }

    fn work(&self) -> Vec<f64> {
        vec![0.0; self.compiled.system().shape().work]
    }

    fn rhs(&self, statement: &str) {
        let (at, rest) = point(statement);
        let at = self.numbers(&at);
        let mut dy = vec![0.0; at.len() - 1];
        self.compiled.system().rhs(at[0], &at[1..], &self.bound, &mut self.work(), &mut dy);
        self.equal(statement, &dy, &self.list(rest.trim_start_matches("==")));
    }

    fn output(&self, statement: &str) {
        let (at, rest) = point(statement);
        let at = self.numbers(&at);
        let (name, value) = rest.trim_start_matches(':').split_once('=').unwrap();
        let outputs = self.compiled.model().outputs();
        let mut out = vec![0.0; outputs.len()];
        self.compiled.system().outputs(at[0], &at[1..], &self.bound, &mut self.work(), &mut out);
        let k = outputs.find(name.trim()).unwrap_or_else(|| panic!("no output `{}`", name.trim()));
        self.equal(statement, &out[k..=k], &self.list(value));
    }

    /// `dA'/dB` as row and column.
    fn entry(&self, text: &str) -> (usize, usize) {
        let (row, column) = text.trim().strip_prefix('d').and_then(|t| t.split_once("/d")).unwrap();
        let states = self.compiled.model().states();
        // The row is named by the derivative: the prime before its subscripts goes.
        let row = match row.split_once('[') {
            Some((name, rest)) => format!("{}[{rest}", name.strip_suffix('\'').unwrap()),
            None => row.strip_suffix('\'').unwrap().to_string(),
        };
        let find = |name: &str| states.find(name).unwrap_or_else(|| panic!("no state `{name}`"));
        (find(&row), find(column))
    }

    fn jac(&self, statement: &str) {
        let (entry, expression) = statement.split_once('=').unwrap();
        let (i, j) = self.entry(entry);
        let system = self.compiled.system();
        let pattern = system.jacobian_pattern();
        let place = pattern.place(i, j).unwrap_or_else(|| panic!("{statement}: the pattern has no such entry"));
        for turn in 1..=3 {
            let y: Vec<f64> =
                self.start().iter().enumerate().map(|(k, y)| y + 0.1 * ((k * 5 + turn * 3) % 7 + 1) as f64).collect();
            let t = 0.2 * turn as f64;
            let mut entries = vec![0.0; pattern.nnz()];
            system.jacobian(t, &y, &self.bound, &mut self.work(), &mut entries);
            let expected = values(self.text, &[expression.to_string()], t, &y);
            self.equal(statement, &entries[place..=place], &expected);
        }
    }

    fn zero(&self, statement: &str) {
        let (i, j) = self.entry(statement);
        assert!(self.compiled.system().jacobian_pattern().place(i, j).is_none(), "{statement}: the pattern has it");
    }
}

#[test]
fn models_mean_what_they_state() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut statements = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        println!("{name}");
        let compiled = compile(&text);
        let bound = compiled.bind(&compiled.problem().parameter_values().unwrap());
        let case = Case { text: &text, compiled, bound };
        for line in text.lines().filter_map(|line| line.strip_prefix("# ")) {
            println!("  {line}");
            if let Some(rest) = line.strip_prefix("rhs") {
                case.rhs(rest);
            } else if let Some(rest) = line.strip_prefix("init ==") {
                case.equal(line, &case.start(), &case.list(rest));
            } else if let Some(rest) = line.strip_prefix("jac:") {
                case.jac(rest);
            } else if let Some(rest) = line.strip_prefix("zero:") {
                case.zero(rest);
            } else if let Some(rest) = line.strip_prefix("output") {
                case.output(rest);
            } else {
                continue;
            }
            statements += 1;
        }
    }
    assert!(statements >= 60, "only {statements} statements");
}
