//! What `rhapsode show` prints: the inside of a model as text.

use std::fmt::Write;

use super::Model;
use crate::expr::{
    Affine, ExprId, Format, Graph, IndexRange, Names, Node, Printer, SubsId, Subscript, SymbolId, shortest,
};
use crate::model::{Family, Participant, QuantityUnit, Symbol};
use crate::name::primed;

/// The views of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// The differential equations.
    Equations,
    /// The non-zero entries of ∂f/∂y.
    Jacobian,
    /// A picture of the Jacobian's pattern.
    Sparsity,
    /// The expression graph of the right-hand side, in the DOT language.
    Graph,
    /// The reactions and their net fluxes.
    Reactions,
    /// Sums of species that no reaction changes.
    Conserved,
    /// The unit of every quantity, and the conversions put into the equations.
    Units,
    /// The lowered form.
    Program,
    /// Cranelift's intermediate form.
    Clif,
    /// Machine code.
    Asm,
}

pub(super) struct SymbolNames<'a>(pub &'a [Symbol], pub &'a str);

impl Names for SymbolNames<'_> {
    fn symbol(&self, symbol: SymbolId) -> &str {
        &self.0[symbol.0 as usize].name
    }

    fn time(&self) -> &str {
        self.1
    }
}

impl Model {
    /// A view of the model.
    ///
    /// # Errors
    /// A sentence, where this build or machine cannot show it.
    pub fn show(&self, what: Show, format: Format) -> Result<String, String> {
        match what {
            Show::Equations => Ok(self.equations(format)),
            Show::Jacobian => Ok(self.jacobian(format)),
            Show::Sparsity => Ok(self.sparsity()),
            Show::Graph => Ok(self.graph()),
            Show::Reactions => self.reactions(format),
            Show::Conserved => self.conserved(format),
            Show::Units => self.units(),
            Show::Program => Ok(self.lower().program.to_string()),
            Show::Clif | Show::Asm => self.listing(what),
        }
    }

    #[cfg(feature = "jit")]
    fn listing(&self, what: Show) -> Result<String, String> {
        use crate::backend::{KernelId, native};
        let (program, mut text) = (self.lower().program, String::new());
        for (k, kernel) in program.kernels.iter().enumerate() {
            let listing = if what == Show::Clif { native::clif } else { native::assembly };
            let listing = listing(&program, KernelId(k)).map_err(|e| e.to_string())?;
            text += &format!("; kernel {}\n{listing}\n", kernel.name);
        }
        Ok(text)
    }

    #[cfg(not(feature = "jit"))]
    fn listing(&self, _what: Show) -> Result<String, String> {
        Err("this build has no native code (feature `jit`)".to_string())
    }

    fn equations(&self, format: Format) -> String {
        let model = self.checked();
        let names = SymbolNames(&model.symbols, &model.time);
        let printer = Printer::new(&model.graph, &names, format);
        let mut lines = Vec::new();
        let mut family = |family: &Family, derivative: bool, graph: &mut Graph| {
            for piece in &family.pieces {
                let left = element(graph, &names, format, family.symbol, &piece.subscripts, &piece.ranges);
                let left = match (derivative, format) {
                    (true, _) if model.is_algebraic(family.symbol, piece) => "0".to_string(),
                    (false, _) => left,
                    (true, Format::Text) => primed(&left),
                    (true, Format::Latex) => format!("\\frac{{d{left}}}{{d{}}}", printer.name(&model.time)),
                };
                let right = Printer::new(graph, &names, format).expression(piece.value);
                lines.push((left, right, domain(graph, &piece.ranges, format)));
            }
        };
        let mut graph = model.graph.clone();
        for definition in &model.definitions {
            family(definition, false, &mut graph);
        }
        for derivative in &model.derivatives {
            family(derivative, true, &mut graph);
        }
        for output in &model.outputs {
            family(output, false, &mut graph);
        }
        for constraint in &model.constraints {
            let right = Printer::new(&graph, &names, format).expression(*constraint);
            lines.push(("0".to_string(), right, String::new()));
        }
        table(&lines, format) + &self.happenings(format)
    }

    /// What events set, a line each; in formulas what is set has a plus.
    fn happenings(&self, format: Format) -> String {
        let model = self.checked();
        let names = SymbolNames(&model.symbols, &model.time);
        let mut graph = model.graph.clone();
        let (mut text, mut lines) = (String::new(), Vec::new());
        for event in &model.events {
            let over = domain(&graph, &event.ranges, format);
            let mut actions: Vec<String> = Vec::new();
            for assignment in &event.assignments {
                let left =
                    element(&mut graph, &names, format, assignment.symbol, &assignment.subscripts, &event.ranges);
                let right = Printer::new(&graph, &names, format).expression(assignment.value);
                actions.push(format!("{left} := {right}"));
                lines.push((format!("{left}^+"), right, format!("\\text{{{}}}", event.name)));
            }
            actions.extend(event.stop.then(|| "stop".to_string()));
            let over = if over.is_empty() { over } else { format!("   for {over}") };
            let _ = writeln!(text, "{}: {}{over}", event.name, actions.join(", "));
        }
        match format {
            Format::Text => text,
            Format::Latex if lines.is_empty() => String::new(),
            Format::Latex => table(&lines, format),
        }
    }

    fn jacobian(&self, format: Format) -> String {
        let derivatives = self.derivatives();
        let names = SymbolNames(&derivatives.symbols, &self.checked().time);
        let mut graph = derivatives.graph.clone();
        let mut lines = Vec::new();
        for entry in &derivatives.jacobian {
            let row = element(&mut graph, &names, format, entry.row.0, &entry.row.1, &entry.ranges);
            let column = subscripted(&mut graph, &names, format, entry.column.0, entry.column.1.clone());
            let value = Printer::new(&graph, &names, format).expression(entry.value);
            let left = match format {
                Format::Text => format!("d[{}]/d[{column}]", primed(&row)),
                Format::Latex => format!("\\frac{{\\partial \\dot{{{row}}}}}{{\\partial {column}}}"),
            };
            lines.push((left, value, domain(&graph, &entry.ranges, format)));
        }
        table(&lines, format)
    }

    fn sparsity(&self) -> String {
        /// Larger matrices are shown in blocks, so that they fit a screen.
        const SCREEN: usize = 72;
        let lowered = self.lower();
        if lowered.jacobian.values > 50_000_000 {
            return format!(
                "{0} x {0}, about {1} entries: too many to draw\n",
                self.checked().dim(),
                lowered.jacobian.values
            );
        }
        let (pattern, _) = lowered.jacobian.pattern();
        let n = pattern.nrows();
        let block = n.div_ceil(SCREEN).max(1);
        let side = n.div_ceil(block);
        let mut cells = vec![false; side * side];
        for j in 0..n {
            for k in pattern.column(j) {
                cells[pattern.rows()[k] / block * side + j / block] = true;
            }
        }
        let percent = 100.0 * pattern.nnz() as f64 / (n * n).max(1) as f64;
        let mut text = format!("{n} x {n}, {} entries ({percent:.3} %)", pattern.nnz());
        if block > 1 {
            let _ = write!(text, ", one mark per {block} x {block} block");
        }
        text.push('\n');
        for row in cells.chunks(side.max(1)) {
            text.extend(row.iter().map(|filled| if *filled { '#' } else { '.' }));
            text.push('\n');
        }
        text
    }

    fn reactions(&self, format: Format) -> Result<String, String> {
        let model = self.checked();
        if model.written.is_empty() {
            return Err("the model has no reactions".to_string());
        }
        let names = SymbolNames(&model.symbols, &model.time);
        let printer = Printer::new(&model.graph, &names, format);
        let species = |p: &Participant| {
            let name = printer.name(&p.name);
            let name = match (p.subscripts.is_empty(), format) {
                (true, _) => name,
                (false, Format::Text) => format!("{name}[{}]", p.subscripts.join(",")),
                (false, Format::Latex) => format!("{{{name}}}_{{{}}}", p.subscripts.join(",")),
            };
            match (p.coefficient, format) {
                (1.0, _) => name,
                (c, Format::Text) => format!("{} {name}", shortest(c)),
                (c, Format::Latex) => format!("{} \\, {name}", shortest(c)),
            }
        };
        let side = |list: &[Participant]| match list {
            [] if format == Format::Latex => "\\varnothing".to_string(),
            [] => "0".to_string(),
            list => list.iter().map(species).collect::<Vec<_>>().join(" + "),
        };
        let mut lines = Vec::new();
        for (k, reaction) in model.written.iter().enumerate() {
            let arrow = match (reaction.arrow, format) {
                (arrow, Format::Text) => arrow,
                ("<->", Format::Latex) => "\\rightleftharpoons",
                (_, Format::Latex) => "\\rightarrow",
            };
            let label = reaction.label.clone().unwrap_or_else(|| format!("{}", k + 1));
            let label = if format == Format::Latex { format!("\\text{{{label}: }}") } else { format!("{label}: ") };
            let left = format!("{label}{} {arrow} {}", side(&reaction.reactants), side(&reaction.products));
            for piece in &reaction.flux {
                lines.push((
                    left.clone(),
                    printer.expression(piece.value),
                    domain(&model.graph, &piece.ranges, format),
                ));
            }
        }
        Ok(match format {
            Format::Latex => table(&lines, format),
            Format::Text => {
                let width = lines.iter().map(|(left, ..)| left.chars().count()).max().unwrap_or(0);
                lines
                    .iter()
                    .map(|(left, rate, over)| {
                        let over = if over.is_empty() { String::new() } else { format!("   for {over}") };
                        format!("{left:width$}   at {rate}{over}\n")
                    })
                    .collect()
            }
        })
    }

    fn conserved(&self, format: Format) -> Result<String, String> {
        let model = self.checked();
        if model.species.is_empty() {
            return Err("the model has no reactions, which conserved sums are found from".to_string());
        }
        let laws = model
            .conserved()
            .ok_or("the reactions are too many, or their coefficients too large, for exact arithmetic")?;
        if laws.is_empty() {
            return Ok("no sum of species is conserved\n".to_string());
        }
        let names = SymbolNames(&model.symbols, &model.time);
        let mut graph = model.graph.clone();
        let mut text = String::new();
        for law in laws {
            for (place, (species, weight)) in law.weights.iter().enumerate() {
                text += match (place, *weight < 0) {
                    (0, _) => "",
                    (_, false) => " + ",
                    (_, true) => " - ",
                };
                match (weight.unsigned_abs(), format) {
                    (1, _) => {}
                    (n, Format::Text) => text += &format!("{n}*"),
                    (n, Format::Latex) => text += &format!("{n} \\, "),
                }
                let (symbol, at) = &model.species[species.0];
                let subscript = |at: &i64| Subscript { affine: crate::expr::Affine::constant(*at), wrap: false };
                let at = at.iter().map(subscript).collect();
                text += &subscripted(&mut graph, &names, format, *symbol, at);
            }
            text.push('\n');
        }
        Ok(text)
    }

    fn units(&self) -> Result<String, String> {
        let model = self.checked();
        let units = model.units.as_ref().ok_or("the model states no unit")?;
        let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let names = width(&mut units.quantities.iter().map(|q| q.name.chars().count()));
        let known = |q: &QuantityUnit| q.unit.clone().unwrap_or_else(|| "-".to_string());
        let column = width(&mut units.quantities.iter().map(|q| known(q).chars().count()));
        let mut text = String::new();
        for quantity in &units.quantities {
            let (unit, name) = (known(quantity), &quantity.name);
            let origin = match (&quantity.unit, quantity.declared) {
                (_, true) => "declared",
                (Some(_), false) => "inferred",
                (None, false) => "nothing determines it",
            };
            let _ = writeln!(text, "{name:names$}  {unit:column$}  {origin}");
        }
        text += if units.conversions.is_empty() { "\nno conversions\n" } else { "\nconversions\n" };
        for conversion in &units.conversions {
            let source = model.sources.find(conversion.span.start);
            let (line, column) = source.line_column(conversion.span.start);
            let what = source.slice(conversion.span);
            let (from, to) = (&conversion.from, &conversion.to);
            let _ = writeln!(text, "{line}:{column}  {what}: {from} to {to},{}", conversion.formula());
        }
        Ok(text)
    }

    fn graph(&self) -> String {
        let model = self.checked();
        let names = SymbolNames(&model.symbols, &model.time);
        let printer = Printer::new(&model.graph, &names, Format::Text);
        let roots: Vec<ExprId> = model.derivatives.iter().flat_map(|f| f.pieces.iter().map(|p| p.value)).collect();
        let mut text = String::from("digraph rhs {\n  rankdir=BT; node [shape=box, fontname=monospace];\n");
        for id in model.graph.reachable(&roots) {
            let node = model.graph.node(id);
            let mut operands = Vec::new();
            model.graph.for_each_operand(node, |operand| operands.push(operand));
            let label = if operands.is_empty() { printer.expression(id) } else { operator(&model.graph, node) };
            let _ = writeln!(text, "  n{} [label=\"{}\"];", id.0, label.replace('"', "\\\""));
            for operand in operands {
                let _ = writeln!(text, "  n{} -> n{};", operand.0, id.0);
            }
        }
        for family in &model.derivatives {
            for piece in &family.pieces {
                let name = primed(&model.symbol(family.symbol).name);
                let _ = writeln!(text, "  \"{name}\" [shape=ellipse]; n{} -> \"{name}\";", piece.value.0);
            }
        }
        text + "}\n"
    }
}

fn operator(graph: &crate::expr::Graph, node: Node) -> String {
    match node {
        Node::Unary(op, _) => format!("{op:?}").to_lowercase(),
        Node::Binary(op, ..) => format!("{op:?}").to_lowercase(),
        Node::Call1(f, _) | Node::Call2(f, ..) => f.name().to_string(),
        Node::Curve(curve, order, _) => graph.curve(curve).name().to_string() + &"'".repeat(usize::from(order)),
        Node::Foreign(foreign, part, _) => graph.foreign(foreign).spelled(part),
        Node::Compare(op, ..) => format!("{op:?}").to_lowercase(),
        Node::And(..) => "and".into(),
        Node::Or(..) => "or".into(),
        Node::Not(_) => "not".into(),
        Node::Select(..) => "if".into(),
        Node::Reduce(kind, ..) => format!("{kind:?}").to_lowercase(),
        _ => String::new(),
    }
}

fn element(
    graph: &mut Graph,
    names: &SymbolNames,
    format: Format,
    symbol: SymbolId,
    subscripts: &[Affine],
    _ranges: &[IndexRange],
) -> String {
    let list = subscripts.iter().map(|a| Subscript { affine: a.clone(), wrap: false }).collect();
    subscripted(graph, names, format, symbol, list)
}

fn subscripted(
    graph: &mut Graph,
    names: &SymbolNames,
    format: Format,
    symbol: SymbolId,
    list: Vec<Subscript>,
) -> String {
    let subs: SubsId = graph.subscripts_id(list);
    let node = graph.intern(Node::Symbol(symbol, subs));
    Printer::new(graph, names, format).expression(node)
}

fn domain(graph: &Graph, ranges: &[IndexRange], format: Format) -> String {
    let texts: Vec<String> = ranges
        .iter()
        .map(|r| match format {
            Format::Text => format!("{} in {}..{}", graph.var_name(r.var), r.lo, r.hi),
            Format::Latex => format!("{} = {} \\ldots {}", graph.var_name(r.var), r.lo, r.hi),
        })
        .collect();
    texts.join(", ")
}

/// Aligned `left = right` lines.
fn table(lines: &[(String, String, String)], format: Format) -> String {
    let mut text = String::new();
    if format == Format::Latex {
        text += "\\begin{align}\n";
        for (k, (left, right, domain)) in lines.iter().enumerate() {
            let domain = if domain.is_empty() { String::new() } else { format!(", \\quad {domain}") };
            let end = if k + 1 < lines.len() { " \\\\" } else { "" };
            let _ = writeln!(text, "{left} &= {right}{domain}{end}");
        }
        return text + "\\end{align}\n";
    }
    let width = lines.iter().map(|(left, ..)| left.chars().count()).max().unwrap_or(0);
    for (left, right, domain) in lines {
        let domain = if domain.is_empty() { String::new() } else { format!("   for {domain}") };
        let _ = writeln!(text, "{left:width$} = {right}{domain}");
    }
    text
}
