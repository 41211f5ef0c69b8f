//! Pages of the book that are made from tables of the library: diagnostic codes, builtin functions, units.

use crate::pages::{bless, folder};
use rhapsode::Model;
use rhapsode::diag::CODES;
use rhapsode::expr::builtin::{BUILTINS, Builtin, Dimension};
use rhapsode::expr::{Format, Printer};

/// The page is what the table makes of it; `BLESS=1` writes it.
fn up_to_date(page: &str, text: &str) {
    let path = folder().join(page);
    if bless() {
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = || found.lines().zip(text.lines()).find(|(a, b)| a != b);
    assert!(found == text, "{page} is not up to date (BLESS=1 cargo test --test book): {:?}", differs());
}

#[test]
fn the_page_of_diagnostic_codes_is_up_to_date() {
    let mut text = String::from(
        "# Every error\n\n<!-- Made from src/diag/codes by tests/book/generated.rs. -->\n\n\
         Each diagnostic has a code. `rhapsode explain E0201` prints what this page says of one: what it means, a model\n\
         that shows it, and the same model mended. All errors of a file are reported in one pass.\n",
    );
    for entry in CODES.iter().copied().flatten() {
        text += &format!(
            "\n<a id=\"{}\"></a>\n\n## {}: {}\n\n{}\n",
            entry.code.0.to_lowercase(),
            entry.code,
            entry.title,
            markdown(entry.explanation)
        );
        text += &format!("\n{}\n{}", fenced(entry.failing, true), fenced(entry.mended, false));
    }
    up_to_date("errors.md", &text);
}

/// A paragraph, broken at words.
fn markdown(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| line.chars().count() + 1 + word.chars().count() > 110) {
            lines.push(String::new());
        }
        let line = lines.last_mut().unwrap();
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.join("\n")
}

/// A model of the table. What shows a limit has lines nobody reads to the end; they are cut.
/// Most are parts of models; that they fail and are mended is tested in `diagnostics.rs` and `diagnostics_model.rs`.
fn fenced(model: &str, fails: bool) -> String {
    let cut = |line: &str| match line.char_indices().nth(100) {
        Some((at, _)) => format!("{}…\n", &line[..at]),
        None => format!("{line}\n"),
    };
    let shown: String = model.lines().take(12).map(cut).collect();
    let (head, dots) = (if fails { "Fails:" } else { "Mended:" }, if model.lines().count() > 12 { "…\n" } else { "" });
    format!("{head}\n\n```ode\n{shown}{dots}```\n")
}

#[test]
fn the_page_of_functions_is_up_to_date() {
    let mut text = String::from(
        "# Every function\n\n<!-- Made from src/expr/builtin.rs by tests/book/generated.rs. -->\n\n\
         The derivatives are those the compiler uses. *Units* says what the rule is where a model states units:\n\
         functions of pure *numbers*, arguments that have all *the same* unit (and a value that has it too, or is a pure *number*),\n\
         or a value in a *power* of the argument's unit.\n\n| function | value | defined for | units | derivatives |\n|---|---|---|---|---|\n",
    );
    for row in BUILTINS {
        let call = format!("`{}({})`", row.name, row.arguments.join(", "));
        let slopes: Vec<String> = derivatives(row).iter().map(|(x, slope)| format!("by {x}: `{slope}`")).collect();
        let slopes =
            if slopes.len() == 1 { slopes[0].split_once(": ").unwrap().1.to_owned() } else { slopes.join(", ") };
        text += &format!(
            "| {call} | {} | {} | {} | {} |\n",
            cell(row.doc),
            cell(row.domain),
            dimension(row.dimension),
            slopes.replace('|', "\\|")
        );
    }
    text += "\n`log` is the natural logarithm. `pi` is a constant. `e` is an ordinary name: write `exp(1)`.\n\
             Reductions over indices, such as `sum[i](…)`, are on the page about [arrays](language/arrays.md#sums).\n";
    up_to_date("functions.md", &text);
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*")
}

fn dimension(rule: Dimension) -> String {
    match rule {
        Dimension::Number => "numbers".to_owned(),
        Dimension::Same => "the same".to_owned(),
        Dimension::Ratio => "the same; number".to_owned(),
        Dimension::Power(a, b) => format!("power {a}/{b}"),
        Dimension::Exponent => "as `x^y`".to_owned(),
    }
}

/// The derivative by each argument: the Jacobian of a model whose equation is the function.
fn derivatives(row: &Builtin) -> Vec<(&'static str, String)> {
    let states: String = row.arguments.iter().map(|name| format!("init {name} = 1\n{name}' = 0\n")).collect();
    let text = format!("time time_\ninit value_ = 0\nvalue_' = {}({})\n{states}", row.name, row.arguments.join(", "));
    let model = Model::parse(&text).unwrap_or_else(|errors| panic!("{errors}"));
    let derivatives = model.derivatives();
    let printer = Printer::new(&derivatives.graph, model.checked(), Format::Text);
    let name = |id| model.checked().symbol(id).name.as_str();
    let slope = |argument: &&'static str| {
        let entry = derivatives.jacobian.iter().find(|e| name(e.row.0) == "value_" && name(e.column.0) == *argument);
        let slope = match entry.map(|entry| printer.expression(entry.value)) {
            None => "0".to_owned(),
            // trigamma is the last of its line.
            Some(none) if none == "NaN" => "none".to_owned(),
            Some(slope) => slope,
        };
        (*argument, slope)
    };
    row.arguments.iter().map(slope).collect()
}

#[test]
fn the_page_of_units_is_up_to_date() {
    let table = include_str!("../../src/model/units/table.txt");
    let mut text = String::from(
        "# Every unit\n\n<!-- Made from src/model/units/table.txt by tests/book/generated.rs. -->\n\n\
         Prefixes: *SI* from quecto (`q`) to quetta (`Q`), `u` for `µ`; *large* those from kilo up; *binary* `Ki`, `Mi`, …\n\
         beside those. Symbols take the symbols of prefixes (`mV`), words their words (`millivolt`); words may end in a\n\
         plural s. Sources stand in `src/model/units/table.txt`.\n",
    );
    let (mut rows, mut names) = (0, 0);
    for line in table.lines() {
        if let Some(heading) = line.strip_prefix("# ---").and_then(|rest| rest.strip_suffix("---")) {
            let heading = heading.trim();
            text += &format!("\n## {}{}\n", heading[..1].to_uppercase(), &heading[1..]);
            text += "\n| symbols | words | prefixes | is | measures |\n|---|---|---|---|---|\n";
        } else if !line.starts_with('#') && line.contains('|') {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            let [spelled, prefixes, is, measures] = columns[..] else { panic!("four columns: {line}") };
            let (symbols, words) = spelled.split_once(';').unwrap();
            // Some symbols have two code points that look alike.
            let mut seen = Vec::new();
            let code = |text: &str| text.split_whitespace().map(|word| format!("`{word}`")).collect::<Vec<_>>();
            for symbol in code(symbols) {
                if !seen.contains(&symbol.replace('\u{2126}', "Ω").replace('\u{b5}', "μ")) {
                    seen.push(symbol.replace('\u{2126}', "Ω").replace('\u{b5}', "μ"));
                }
            }
            let prefixes = match prefixes {
                "si" => "SI",
                "-" => "",
                other => other,
            };
            let is = match is.strip_prefix("base ") {
                Some(dimension) => format!("base unit of {dimension}"),
                None => format!("`{is}`"),
            };
            text += &format!("| {} | {} | {prefixes} | {is} | {measures} |\n", seen.join(" "), code(words).join(" "));
            rows += 1;
            names += seen.len() + code(words).len();
        }
    }
    assert!(rows > 100 && names > 150, "{rows} rows, {names} names");
    up_to_date("units.md", &text);
}
