//! Pages about what the language brings along: builtin functions with their derivatives, reductions, options.

use rhapsode::Model;
use rhapsode::expr::builtin::{self, Builtin};
use rhapsode::expr::{Format, Printer};

/// What takes indices in brackets.
pub const REDUCTIONS: [(&str, &str, &str); 5] = [
    ("sum", "sum[i](expression)", "the sum over all values of the indices"),
    ("prod", "prod[i](expression)", "the product over all values of the indices"),
    ("min", "min[i](expression)", "the least over all values of the indices"),
    ("max", "max[i](expression)", "the greatest over all values of the indices"),
    ("dot", "dot[i](a, b)", "the sum of a*b over all values of the indices"),
];

/// The shapes of `save`, with what they keep.
pub const GRIDS: [(&str, &str, &[&str]); 4] = [
    ("steps", "every step the method takes", &[]),
    ("every", "one point every dt, and the end", &["dt"]),
    ("linear", "so many points, evenly spaced", &["from", "to", "count"]),
    ("log", "so many points, evenly spaced in their logarithm", &["from", "to", "count"]),
];

/// `name(x, y)`
pub fn heading(row: &Builtin) -> String {
    format!("{}({})", row.name, row.arguments.join(", "))
}

/// Documentation, domain and derivatives of a builtin function.
pub fn page(row: &Builtin) -> String {
    let mut text =
        format!("```rhapsode\n{}\n```\nbuiltin function: {}\n\nDefined for {}.\n", heading(row), row.doc, row.domain);
    for (argument, slope) in derivatives(row) {
        text += &format!("\n`d {}/d {argument} = {slope}`\n", heading(row));
    }
    text
}

/// The derivative by each argument, as the compiler forms it: those of a model whose equation is the function.
fn derivatives(row: &Builtin) -> Vec<(&'static str, String)> {
    let states: String = row.arguments.iter().map(|name| format!("init {name} = 1\n{name}' = 0\n")).collect();
    let text = format!("time time_\ninit value_ = 0\nvalue_' = {}\n{states}", heading(row));
    let Ok(model) = Model::parse(&text) else { return Vec::new() };
    let derivatives = model.derivatives();
    let printer = Printer::new(&derivatives.graph, model.checked(), Format::Text);
    let name = |id| model.checked().symbol(id).name.as_str();
    let slope = |argument: &&'static str| {
        let entry = derivatives.jacobian.iter().find(|e| name(e.row.0) == "value_" && name(e.column.0) == *argument);
        (*argument, entry.map_or("0".to_string(), |entry| printer.expression(entry.value)))
    };
    row.arguments.iter().map(slope).collect()
}

/// The row of a function that is called with parentheses.
pub fn find(name: &str) -> Option<&'static Builtin> {
    builtin::find(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rhapsode::expr::builtin::BUILTINS;

    #[test]
    fn every_builtin_has_a_page_with_its_derivatives() {
        for row in BUILTINS {
            let page = page(row);
            assert_eq!(page.matches("`d ").count(), row.arguments.len(), "{page}");
        }
        assert!(page(find("sin").unwrap()).contains("`d sin(x)/d x = cos(x)`"));
        assert!(page(find("hypot").unwrap()).contains("`d hypot(x, y)/d y = y/hypot(x, y)`"));
    }
}
