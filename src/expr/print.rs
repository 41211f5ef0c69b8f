//! Expressions as people write them: plain text that the language reads back, or LaTeX.
//!
//! Sums are printed flat, with the positive terms first; this is for reading, the graph decides the rounding.

use super::{ExprId, Graph, Node, Reduction, SymbolId};
use crate::math::{Binary, Compare, Function, Unary};
use crate::name::{at_another_time, parts, with_subscripts};

/// What a printer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The language itself.
    Text,
    /// LaTeX mathematics, without the surrounding dollars.
    Latex,
}

/// What leaves are called.
pub trait Names {
    /// The name of a symbol.
    fn symbol(&self, symbol: SymbolId) -> &str;
    /// The name of the independent variable.
    fn time(&self) -> &str;
}

/// Prints nodes of one graph.
pub struct Printer<'a> {
    graph: &'a Graph,
    names: &'a dyn Names,
    format: Format,
}

// Binding strengths, weakest first.
const IF: u8 = 0;
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const POWER: u8 = 8;
const ATOM: u8 = 9;

impl<'a> Printer<'a> {
    /// A printer for the given names.
    pub fn new(graph: &'a Graph, names: &'a dyn Names, format: Format) -> Self {
        Printer { graph, names, format }
    }

    /// The expression as text.
    pub fn expression(&self, id: ExprId) -> String {
        self.at(id, IF)
    }

    /// A name in the chosen format: LaTeX sets long names upright and the part after an underscore as a subscript.
    pub fn name(&self, name: &str) -> String {
        match self.format {
            Format::Text => name.to_string(),
            Format::Latex => latex_name(name),
        }
    }

    fn latex(&self) -> bool {
        self.format == Format::Latex
    }

    fn at(&self, id: ExprId, least: u8) -> String {
        let (text, strength) = self.node(id);
        match (strength < least, self.latex()) {
            (false, _) => text,
            (true, false) => format!("({text})"),
            (true, true) => format!("\\left({text}\\right)"),
        }
    }

    fn node(&self, id: ExprId) -> (String, u8) {
        let infix =
            |a: ExprId, op: &str, b: ExprId, s: u8| (format!("{} {op} {}", self.at(a, s), self.at(b, s + 1)), s);
        match self.graph.node(id) {
            Node::Const(bits) => self.number(f64::from_bits(bits)),
            Node::Bool(value) => (value.to_string(), ATOM),
            Node::Time => (self.name(self.names.time()), ATOM),
            Node::Index(var) => (self.name(self.graph.var_name(var)), ATOM),
            Node::Symbol(symbol, subs) => (self.symbol(symbol, subs), ATOM),
            Node::Unary(Unary::Neg, _) | Node::Binary(Binary::Add | Binary::Sub, ..) => self.sum(id),
            Node::Unary(Unary::Abs, a) if self.latex() => (format!("\\left|{}\\right|", self.at(a, IF)), ATOM),
            Node::Unary(Unary::Sqrt, a) if self.latex() => (format!("\\sqrt{{{}}}", self.at(a, IF)), ATOM),
            Node::Unary(op, a) => {
                let name = match op {
                    Unary::Abs | Unary::Neg => "abs",
                    Unary::Sqrt => "sqrt",
                    Unary::Floor => "floor",
                    Unary::Ceil => "ceil",
                };
                (self.call(name, &[a]), ATOM)
            }
            Node::Binary(Binary::Mul, ..) => (self.product(id), PRODUCT),
            Node::Binary(Binary::Div, a, b) if self.latex() => {
                (format!("\\frac{{{}}}{{{}}}", self.at(a, IF), self.at(b, IF)), PRODUCT)
            }
            Node::Binary(Binary::Div, a, b) => {
                (format!("{}/{}", self.at(a, PRODUCT), self.at(b, PRODUCT + 1)), PRODUCT)
            }
            Node::Binary(Binary::Min, a, b) => (self.call("min", &[a, b]), ATOM),
            Node::Binary(Binary::Max, a, b) => (self.call("max", &[a, b]), ATOM),
            Node::Call1(Function::Exp, a) if self.latex() => (format!("e^{{{}}}", self.at(a, IF)), POWER),
            Node::Call2(Function::Pow, a, b) if self.latex() => {
                (format!("{}^{{{}}}", self.at(a, ATOM), self.at(b, IF)), POWER)
            }
            Node::Call2(Function::Pow, a, b) => (format!("{}^{}", self.at(a, ATOM), self.at(b, POWER)), POWER),
            Node::Call1(f, a) => (self.call(f.name(), &[a]), ATOM),
            Node::Call2(f, a, b) => (self.call(f.name(), &[a, b]), ATOM),
            Node::Curve(curve, order, a) => {
                let name = self.graph.curve(curve).name().to_string() + &"'".repeat(usize::from(order));
                (self.call(&name, &[a]), ATOM)
            }
            Node::Foreign(foreign, part, arguments) => {
                (self.call(&self.graph.foreign(foreign).spelled(part), self.graph.arguments(arguments)), ATOM)
            }
            Node::Compare(op, a, b) => {
                let symbol = match (op, self.latex()) {
                    (Compare::Lt, _) => "<",
                    (Compare::Le, false) => "<=",
                    (Compare::Le, true) => "\\le",
                    (Compare::Eq, false) => "==",
                    (Compare::Eq, true) => "=",
                    (Compare::Ne, false) => "!=",
                    (Compare::Ne, true) => "\\ne",
                };
                (format!("{} {symbol} {}", self.at(a, SUM), self.at(b, SUM)), COMPARE)
            }
            Node::And(a, b) => infix(a, if self.latex() { "\\land" } else { "and" }, b, AND),
            Node::Or(a, b) => infix(a, if self.latex() { "\\lor" } else { "or" }, b, OR),
            Node::Not(a) => (format!("{} {}", if self.latex() { "\\lnot" } else { "not" }, self.at(a, NOT)), NOT),
            Node::Select(c, a, b) if self.latex() => (
                format!(
                    "\\begin{{cases}} {} & {} \\\\ {} & \\text{{otherwise}} \\end{{cases}}",
                    self.at(a, IF),
                    self.at(c, IF),
                    self.at(b, IF)
                ),
                ATOM,
            ),
            Node::Select(c, a, b) => {
                (format!("if {} then {} else {}", self.at(c, OR), self.at(a, OR), self.at(b, IF)), IF)
            }
            Node::Reduce(kind, var, lo, hi, body) => self.reduction(kind, self.graph.var_name(var), lo, hi, body),
        }
    }

    fn reduction(&self, kind: Reduction, var: &str, lo: i32, hi: i32, body: ExprId) -> (String, u8) {
        if self.latex() {
            let operator = match kind {
                Reduction::Sum => "\\sum",
                Reduction::Prod => "\\prod",
                Reduction::Min => "\\min",
                Reduction::Max => "\\max",
            };
            return (format!("{operator}_{{{}={lo}}}^{{{hi}}} {}", self.name(var), self.at(body, PRODUCT)), PRODUCT);
        }
        let name = match kind {
            Reduction::Sum => "sum",
            Reduction::Prod => "prod",
            Reduction::Min => "min",
            Reduction::Max => "max",
        };
        (format!("{name}[{var} in {lo}..{hi}]({})", self.at(body, IF)), ATOM)
    }

    fn number(&self, value: f64) -> (String, u8) {
        let text = shortest(value.abs());
        let text = match (self.latex(), text.split_once('e')) {
            (true, Some((mantissa, exponent))) => format!("{mantissa} \\cdot 10^{{{exponent}}}"),
            _ => text,
        };
        if value.is_sign_negative() { (format!("-{text}"), SUM) } else { (text, ATOM) }
    }

    fn symbol(&self, symbol: SymbolId, subs: super::SubsId) -> String {
        let name = self.names.symbol(symbol);
        if let Some((base, time)) = at_another_time(name) {
            return if self.latex() {
                format!("{}\\left({}\\right)", latex_words(base), latex_words(time))
            } else {
                name.to_string()
            };
        }
        let texts: Vec<String> = self.graph.subscripts(subs).iter().map(|s| self.affine(&s.affine)).collect();
        if !self.latex() {
            return with_subscripts(name, &texts);
        }
        let (mut rest, mut parts) = (texts.as_slice(), parts(name).peekable());
        let mut spelled = Vec::new();
        while let Some((part, count)) = parts.next() {
            let own = if parts.peek().is_some() { count.min(rest.len()) } else { rest.len() };
            let (subscripts, further) = rest.split_at(own);
            spelled.push(match subscripts {
                [] => latex_name(part),
                list => format!("{{{}}}_{{{}}}", latex_name(part), list.join(",")),
            });
            rest = further;
        }
        spelled.join(".")
    }

    fn affine(&self, affine: &super::Affine) -> String {
        let mut text = String::new();
        for (var, k) in &affine.terms {
            let sign = if *k < 0 {
                "-"
            } else if text.is_empty() {
                ""
            } else {
                "+"
            };
            let factor = if k.abs() == 1 { String::new() } else { format!("{}*", k.abs()) };
            text += &format!("{sign}{factor}{}", self.graph.var_name(*var));
        }
        match affine.offset {
            0 if !text.is_empty() => text,
            offset if offset > 0 && !text.is_empty() => format!("{text}+{offset}"),
            offset => format!("{text}{offset}"),
        }
    }

    fn call(&self, name: &str, arguments: &[ExprId]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|a| self.at(*a, IF)).collect();
        let arguments = arguments.join(", ");
        if !self.latex() {
            return format!("{name}({arguments})");
        }
        let known = ["exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "min", "max"];
        let operator = if known.contains(&name) { format!("\\{name}") } else { format!("\\operatorname{{{name}}}") };
        format!("{operator}\\left({arguments}\\right)")
    }

    /// A chain of sums and differences, flat.
    fn sum(&self, id: ExprId) -> (String, u8) {
        let mut text = String::new();
        for (k, (x, plus)) in self.graph.terms(id).iter().enumerate() {
            // `x - 1`, not `x + (-1)`.
            let negative = self.graph.as_const(*x).filter(|value| k > 0 && *value < 0.0);
            let plus = *plus != negative.is_some();
            let sign = match (k, plus) {
                (0, true) => "",
                (0, false) => "-",
                (_, true) => " + ",
                (_, false) => " - ",
            };
            text += sign;
            text += &negative.map_or_else(|| self.at(*x, SUM + 1), |value| self.number(-value).0);
        }
        (text, SUM)
    }

    /// A chain of products, flat, numbers first and equal neighbours as powers.
    fn product(&self, id: ExprId) -> String {
        let texts: Vec<String> = self
            .graph
            .factors(id)
            .iter()
            .map(|(x, n)| match (n, self.latex()) {
                (1, _) => self.at(*x, PRODUCT + 1),
                (n, true) => format!("{}^{{{n}}}", self.at(*x, ATOM)),
                (n, false) => format!("{}^{n}", self.at(*x, ATOM)),
            })
            .collect();
        texts.join(if self.latex() { " \\, " } else { "*" })
    }
}

impl Graph {
    /// The terms of a chain of sums and differences, and whether each is added; a positive one comes first if there is
    /// one. Iterative, because chains can be long.
    pub(super) fn terms(&self, id: ExprId) -> Vec<(ExprId, bool)> {
        let mut terms = Vec::new();
        let mut stack = vec![(id, true)];
        while let Some((x, plus)) = stack.pop() {
            match self.node(x) {
                Node::Binary(Binary::Add, a, b) => stack.extend([(b, plus), (a, plus)]),
                Node::Binary(Binary::Sub, a, b) => stack.extend([(b, !plus), (a, plus)]),
                Node::Unary(Unary::Neg, a) => stack.push((a, !plus)),
                _ => terms.push((x, plus)),
            }
        }
        if let Some(first) = terms.iter().position(|(_, plus)| *plus) {
            let term = terms.remove(first);
            terms.insert(0, term);
        }
        terms
    }

    /// The factors of a chain of products with their powers, numbers first.
    pub(super) fn factors(&self, id: ExprId) -> Vec<(ExprId, usize)> {
        let mut factors = Vec::new();
        let mut stack = vec![id];
        while let Some(x) = stack.pop() {
            match self.node(x) {
                Node::Binary(Binary::Mul, a, b) => stack.extend([b, a]),
                _ => factors.push(x),
            }
        }
        factors.sort_by_key(|x| self.as_const(*x).is_none());
        let mut groups: Vec<(ExprId, usize)> = Vec::new();
        for x in factors {
            match groups.iter_mut().find(|(known, _)| *known == x) {
                Some(group) => group.1 += 1,
                None => groups.push((x, 1)),
            }
        }
        groups
    }
}

/// The shortest decimal that reads back as the same number, with an exponent where that is shorter.
pub fn shortest(value: f64) -> String {
    let plain = format!("{value}");
    let scientific = format!("{value:e}");
    if scientific.len() < plain.len() { scientific } else { plain }
}

/// Greek letters by name.
pub(super) const GREEK: &[(&str, &str)] = &[
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("zeta", "ζ"),
    ("eta", "η"),
    ("theta", "θ"),
    ("iota", "ι"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("nu", "ν"),
    ("xi", "ξ"),
    ("pi", "π"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("tau", "τ"),
    ("phi", "φ"),
    ("chi", "χ"),
    ("psi", "ψ"),
    ("omega", "ω"),
    ("Gamma", "Γ"),
    ("Delta", "Δ"),
    ("Theta", "Θ"),
    ("Lambda", "Λ"),
    ("Sigma", "Σ"),
    ("Phi", "Φ"),
    ("Psi", "Ψ"),
    ("Omega", "Ω"),
];

fn latex_words(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '\'');
        let end = rest.find(|c| inside(c) != inside(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        result += &match inside(first) {
            true if first.is_numeric() => word.to_string(),
            true => latex_name(word),
            false => word.replace('*', " \\, "),
        };
        rest = after;
    }
    result
}

fn latex_name(name: &str) -> String {
    let primes = name.chars().rev().take_while(|c| *c == '\'').count();
    let base = &name[..name.len() - primes];
    let primes = "'".repeat(primes);
    let (head, tail) = match base.split_once('_') {
        Some((head, tail)) if !head.is_empty() && !tail.is_empty() => (head, Some(tail)),
        _ => (base, None),
    };
    let letters = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &head[letters.len()..];
    let upright = |text: &str| format!("\\mathrm{{{}}}", text.replace('_', "\\_"));
    let head = if GREEK.iter().any(|(known, _)| *known == letters) {
        format!("\\{letters}")
    } else if letters.chars().count() <= 1 {
        letters.to_string()
    } else {
        upright(letters)
    };
    let subscript = match (digits, tail) {
        ("", None) => return format!("{head}{primes}"),
        ("", Some(tail)) => upright(tail),
        (digits, None) => digits.to_string(),
        (digits, Some(tail)) => format!("{digits},{}", upright(tail)),
    };
    format!("{head}{primes}_{{{subscript}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Reads;

    struct Letters;
    impl Names for Letters {
        fn symbol(&self, symbol: SymbolId) -> &str {
            ["x", "k_cat"][symbol.0 as usize]
        }
        fn time(&self) -> &str {
            "t"
        }
    }

    #[test]
    fn text_and_latex() {
        let mut g = Graph::default();
        let none = g.subscripts_id(vec![]);
        let (x, k) = (g.declare(Reads::State), g.declare(Reads::Parameters));
        let x = g.intern(Node::Symbol(x, none));
        let k = g.intern(Node::Symbol(k, none));
        let two = g.constant(2.0);
        let square = g.pow(x, two);
        let sum = g.add(k, x);
        let quotient = g.div(square, sum);
        let difference = g.sub(quotient, k);
        assert_eq!(Printer::new(&g, &Letters, Format::Text).expression(difference), "x^2/(x + k_cat) - k_cat");
        assert_eq!(
            Printer::new(&g, &Letters, Format::Latex).expression(difference),
            "\\frac{x^{2}}{x + k_{\\mathrm{cat}}} - k_{\\mathrm{cat}}"
        );
        let negative = g.constant(-1e-14);
        assert_eq!(Printer::new(&g, &Letters, Format::Text).expression(negative), "-1e-14");
    }
}
