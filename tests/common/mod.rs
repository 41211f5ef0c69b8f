//! Reference problems from the shared data folder, rewritten in the Rhapsode language.
#![allow(dead_code)]

use std::path::PathBuf;

/// A reference problem: its model text and its published values.
pub struct Reference {
    pub name: String,
    pub stiff: bool,
    pub dim: usize,
    pub text: String,
    pub times: Vec<f64>,
    /// Row per time.
    pub rows: Vec<Vec<f64>>,
    pub span: (f64, f64),
    pub breakpoints: Vec<f64>,
    /// Digits that survive when the decimal constants are rounded to doubles.
    pub digits: f64,
}

/// The shared data folder, or `None` (with a message) where it is not there.
pub fn data() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: the reference data folder ../shared/data is not there");
    None
}

/// All initial-value problems without events and without algebraic equations.
pub fn problems() -> Vec<Reference> {
    let Some(data) = data() else { return Vec::new() };
    let index = std::fs::read_to_string(data.join("ivp/index.csv")).unwrap();
    let mut list = Vec::new();
    for line in index.lines().skip(1) {
        let mut fields = line.split(',');
        let (name, kind) = (fields.next().unwrap(), fields.next().unwrap());
        // The sensitivity variants repeat the plain problems.
        if kind == "ode" && !name.ends_with("_sens") {
            list.push(load(&data, name));
        }
    }
    list
}

/// One problem by name.
pub fn problem(name: &str) -> Option<Reference> {
    data().map(|data| load(&data, name))
}

fn load(data: &std::path::Path, name: &str) -> Reference {
    let folder = data.join("ivp").join(name);
    let text = std::fs::read_to_string(folder.join("problem.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let number = |key: &str| table[key].as_float().unwrap();
    let strings = |value: &toml::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_string()).collect()
    };
    let states = strings(&table["states"]);
    let y0 = strings(&table["y0"]);
    let mut model = format!("model {name}\n");
    if let Some(params) = table.get("params").and_then(|p| p.as_table()) {
        for (name, value) in params {
            model += &format!("param {name} = {}\n", translate(value.as_str().unwrap()));
        }
    }
    if let Some(aux) = table.get("aux").and_then(|a| a.as_table()) {
        let expr = aux["expr"].as_table().unwrap();
        for name in strings(&aux["order"]) {
            model += &format!("{name} = {}\n", translate(expr[&name].as_str().unwrap()));
        }
    }
    let equations = table["equations"].as_table().unwrap();
    // M y' = f, row by row.
    let masses = table.get("mass_diag").map_or_else(|| vec!["1".to_string(); states.len()], strings);
    for ((state, start), mass) in states.iter().zip(&y0).zip(&masses) {
        model += &format!("init {state} = {}\n", translate(start));
        let right = translate(equations[state].as_str().unwrap());
        model += &match mass.as_str() {
            "0" => format!("0 = {right}\n"),
            "1" => format!("{state}' = {right}\n"),
            mass => format!("{mass}*{state}' = {right}\n"),
        };
    }
    let csv = std::fs::read_to_string(folder.join("reference.csv")).unwrap();
    let rows: Vec<Vec<f64>> =
        csv.lines().skip(1).map(|line| line.split(',').map(|field| field.parse().unwrap()).collect()).collect();
    let floats = |key: &str| -> Vec<f64> {
        table
            .get(key)
            .and_then(|v| v.as_array())
            .map_or(Vec::new(), |a| a.iter().map(|v| v.as_float().unwrap()).collect())
    };
    let digits = table["reference"].get("digits_with_double_constants").and_then(|d| d.as_float()).unwrap_or(15.0);
    Reference {
        name: name.to_string(),
        stiff: table["stiff"].as_bool().unwrap(),
        dim: states.len(),
        text: model,
        times: rows.iter().map(|row| row[0]).collect(),
        rows: rows.into_iter().map(|row| row[1..].to_vec()).collect(),
        span: (number("t0"), number("t1")),
        breakpoints: floats("breakpoints"),
        digits,
    }
}

/// `if(c, a, b)` becomes `(if c then a else b)`; everything else is the same in both languages.
fn translate(text: &str) -> String {
    let Some(at) = text.find("if(") else { return text.to_string() };
    let (mut depth, mut cuts) = (0, vec![at + 2]);
    let mut end = text.len();
    for (k, c) in text.char_indices().skip_while(|(k, _)| *k < at + 2) {
        match c {
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    end = k;
                    break;
                }
            }
            ',' if depth == 1 => cuts.push(k),
            _ => {}
        }
    }
    cuts.push(end);
    let part = |k: usize| translate(text[cuts[k] + 1..cuts[k + 1]].trim());
    let inner = format!("(if {} then {} else {})", part(0), part(1), part(2));
    format!("{}{}{}", &text[..at], inner, translate(&text[end + 1..]))
}

/// Mixed error at one time: the largest |difference| over 1 + |reference| scaled by the column's own size.
pub fn mixed_error(found: &[f64], reference: &[f64], rows: &[Vec<f64>]) -> f64 {
    let mut most = 0.0f64;
    for (k, (x, r)) in found.iter().zip(reference).enumerate() {
        let largest = rows.iter().map(|row| row[k].abs()).fold(0.0, f64::max);
        most = most.max((x - r).abs() / r.abs().max(1e-9 * largest).max(1e-300));
    }
    most
}
