//! A model as one web page: text, equations, reactions and Jacobian in MathML, readable on screen and on paper, with
//! nothing to load from elsewhere.

use std::fmt::Write;

use super::Model;
use super::show::SymbolNames;
use crate::expr::mathml::{MathMl, escaped, name};
use crate::expr::{Affine, Graph, IndexRange, SymbolId};
use crate::model::{Family, Participant};

/// With more entries than this the Jacobian is left out (and said to be).
const MOST_ENTRIES: usize = 500;
/// With more equations or reactions than this only so many are written out.
const MOST_ROWS: usize = 2_000;

const STYLE: &str = "\
body{font:16px/1.5 Georgia,'Times New Roman',serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}\
h1{font-size:1.7rem;margin:0 0 .2rem}h2{font-size:1.15rem;border-bottom:1px solid #ccc;margin:2rem 0 .6rem}\
p.doc{color:#444;margin:.1rem 0 1rem;white-space:pre-line}\
table{border-collapse:collapse}td,th{padding:.25rem .9rem .25rem 0;text-align:left;vertical-align:baseline}\
th{font-weight:normal;color:#555;font-size:.9rem}td.left{text-align:right;white-space:nowrap}\
td.range,td.doc{color:#555;font-size:.9rem}div.wide{overflow:auto hidden;padding-bottom:.3rem}\
math{font-size:1.05em}@media print{body{margin:0;max-width:none}tr{break-inside:avoid}div.wide{overflow:visible}}";

/// A row: left side, right side, for which indices.
type Row = (String, String, String);

impl Model {
    /// The model as one self-contained page.
    pub fn page(&self) -> String {
        let model = self.checked();
        let mut body = format!("<h1>{}</h1>\n", escaped(&model.name));
        if let Some(doc) = &model.doc {
            let _ = writeln!(body, "<p class=\"doc\">{}</p>", escaped(doc));
        }
        self.quantities(&mut body);
        self.page_reactions(&mut body);
        section(&mut body, "Equations", &self.page_equations());
        self.page_jacobian(&mut body);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n",
            escaped(&model.name)
        )
    }

    /// Parameters with their defaults, and states with their starts.
    fn quantities(&self, body: &mut String) {
        let model = self.checked();
        let names = SymbolNames(&model.symbols, &model.time);
        let math = MathMl::new(&model.graph, &names);
        for (title, symbols, values) in [
            ("Parameters", &model.parameters, &model.defaults),
            ("States at the start", &model.states, &model.initials),
        ] {
            if symbols.is_empty() {
                continue;
            }
            let _ = writeln!(body, "<h2>{title}</h2>\n<div class=\"wide\"><table>");
            for (symbol, family) in symbols.iter().zip(values).take(MOST_ROWS) {
                let doc = model.symbol(*symbol).doc.as_deref().map(escaped).unwrap_or_default();
                if family.pieces.is_empty() {
                    let left = wrap(&name(&model.symbol(*symbol).name));
                    let _ = writeln!(
                        body,
                        "<tr><td class=\"left\">{left}</td><td>to be given</td><td class=\"doc\">{doc}</td></tr>"
                    );
                }
                for (k, piece) in family.pieces.iter().enumerate() {
                    let left = self.element(&math, *symbol, &piece.subscripts);
                    let line = wrap(&format!("{left}<mo>=</mo>{}", math.expression(piece.value)));
                    let (range, doc) = (range(&model.graph, &piece.ranges), if k == 0 { doc.as_str() } else { "" });
                    let _ = writeln!(
                        body,
                        "<tr><td>{line}</td><td class=\"range\">{range}</td><td class=\"doc\">{doc}</td></tr>"
                    );
                }
            }
            body.push_str("</table></div>\n");
            more(body, symbols.len());
        }
    }

    fn element(&self, math: &MathMl, symbol: SymbolId, subscripts: &[Affine]) -> String {
        math.element(&self.checked().symbol(symbol).name, &subscripts.iter().collect::<Vec<_>>())
    }

    fn page_equations(&self) -> Vec<Row> {
        let model = self.checked();
        let names = SymbolNames(&model.symbols, &model.time);
        let math = MathMl::new(&model.graph, &names);
        let mut rows = Vec::new();
        let mut add = |family: &Family, derivative: bool| {
            for piece in &family.pieces {
                let left = self.element(&math, family.symbol, &piece.subscripts);
                let left = match derivative {
                    true if model.is_algebraic(family.symbol, piece) => "<mn>0</mn>".to_string(),
                    true => format!(
                        "<mfrac><mrow><mi>d</mi>{left}</mrow><mrow><mi>d</mi>{}</mrow></mfrac>",
                        name(&model.time)
                    ),
                    false => left,
                };
                rows.push((left, math.expression(piece.value), range(&model.graph, &piece.ranges)));
            }
        };
        model.definitions.iter().for_each(|family| add(family, false));
        model.derivatives.iter().for_each(|family| add(family, true));
        model.outputs.iter().for_each(|family| add(family, false));
        for constraint in &model.constraints {
            rows.push(("<mn>0</mn>".to_string(), math.expression(*constraint), String::new()));
        }
        rows
    }

    fn page_reactions(&self, body: &mut String) {
        let model = self.checked();
        if model.written.is_empty() {
            return;
        }
        let names = SymbolNames(&model.symbols, &model.time);
        let math = MathMl::new(&model.graph, &names);
        let species = |p: &Participant| {
            let plain = name(&p.name);
            let text = match p.subscripts.as_slice() {
                [] => plain,
                list => format!("<msub>{plain}<mtext>{}</mtext></msub>", escaped(&list.join(","))),
            };
            if p.coefficient == 1.0 {
                text
            } else {
                format!("<mn>{}</mn><mspace width=\"0.2em\"/>{text}", p.coefficient)
            }
        };
        let side = |list: &[Participant]| match list {
            [] => "<mi>∅</mi>".to_string(),
            list => list.iter().map(species).collect::<Vec<_>>().join("<mo>+</mo>"),
        };
        let _ = writeln!(
            body,
            "<h2>Reactions</h2>\n<div class=\"wide\"><table><tr><th></th><th>reaction</th><th>net flux</th><th></th></tr>"
        );
        for (k, reaction) in model.written.iter().enumerate().take(MOST_ROWS) {
            let arrow = if reaction.arrow == "<->" { "⇌" } else { "→" };
            let line = format!("{}<mo>{arrow}</mo>{}", side(&reaction.reactants), side(&reaction.products));
            let label = reaction.label.as_deref().map_or_else(|| format!("{}", k + 1), escaped);
            for piece in &reaction.flux {
                let (flux, range) = (wrap(&math.expression(piece.value)), range(&model.graph, &piece.ranges));
                let line = wrap(&line);
                let _ = writeln!(
                    body,
                    "<tr><th>{label}</th><td>{line}</td><td>{flux}</td><td class=\"range\">{range}</td></tr>"
                );
            }
        }
        body.push_str("</table></div>\n");
        more(body, model.written.len());
    }

    fn page_jacobian(&self, body: &mut String) {
        let derivatives = self.derivatives();
        if derivatives.jacobian.len() > MOST_ENTRIES {
            let _ = writeln!(
                body,
                "<h2>Jacobian</h2>\n<p>{} entries, not written out here.</p>",
                derivatives.jacobian.len()
            );
            return;
        }
        let names = SymbolNames(&derivatives.symbols, &self.checked().time);
        let math = MathMl::new(&derivatives.graph, &names);
        let element =
            |symbol: SymbolId, list: Vec<&Affine>| math.element(&derivatives.symbols[symbol.0 as usize].name, &list);
        let rows: Vec<Row> = derivatives
            .jacobian
            .iter()
            .map(|entry| {
                let row = element(entry.row.0, entry.row.1.iter().collect());
                let column = element(entry.column.0, entry.column.1.iter().map(|s| &s.affine).collect());
                let left = format!("<mfrac><mrow><mo>∂</mo><mover>{row}<mo>˙</mo></mover></mrow><mrow><mo>∂</mo>{column}</mrow></mfrac>");
                (left, math.expression(entry.value), range(&derivatives.graph, &entry.ranges))
            })
            .collect();
        section(body, "Jacobian", &rows);
    }
}

fn wrap(math: &str) -> String {
    format!("<math displaystyle=\"true\"><mrow>{math}</mrow></math>")
}

/// Rows aligned at their equals signs.
fn section(body: &mut String, title: &str, rows: &[Row]) {
    let _ = writeln!(body, "<h2>{title}</h2>\n<div class=\"wide\"><table>");
    for (left, right, range) in rows.iter().take(MOST_ROWS) {
        let (left, right) = (wrap(left), wrap(&format!("<mo>=</mo>{right}")));
        let _ =
            writeln!(body, "<tr><td class=\"left\">{left}</td><td>{right}</td><td class=\"range\">{range}</td></tr>");
    }
    body.push_str("</table></div>\n");
    more(body, rows.len());
}

/// Says what was left out.
fn more(body: &mut String, count: usize) {
    if count > MOST_ROWS {
        let _ = writeln!(body, "<p>… and {} more.</p>", count - MOST_ROWS);
    }
}

fn range(graph: &Graph, ranges: &[IndexRange]) -> String {
    let list: Vec<String> = ranges
        .iter()
        .map(|r| {
            wrap(&format!("{}<mo>=</mo><mn>{}</mn><mo>…</mo><mn>{}</mn>", name(graph.var_name(r.var)), r.lo, r.hi))
        })
        .collect();
    list.join(", ")
}
