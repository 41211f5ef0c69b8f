//! Expressions as MathML (Core, 2023), the mathematics of web pages: fractions, roots and indices as a person sets them.
//!
//! The structure follows the text printer: sums flat with positive terms first, equal factors as powers.

use super::print::{GREEK, shortest};
use super::{Affine, ExprId, Graph, Names, Node, Reduction, SubsId};
use crate::math::{Binary, Compare, Function, Unary};
use crate::name::at_another_time;

/// Prints nodes of one graph as MathML, without the surrounding `<math>`.
pub struct MathMl<'a> {
    graph: &'a Graph,
    names: &'a dyn Names,
}

/// How tightly the outermost operator of a piece binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Logic,
    Compare,
    Sum,
    Product,
    Atom,
}

use Strength::{Atom, Product, Sum};

impl<'a> MathMl<'a> {
    /// A printer for the given names.
    pub fn new(graph: &'a Graph, names: &'a dyn Names) -> Self {
        MathMl { graph, names }
    }

    /// The expression.
    pub fn expression(&self, id: ExprId) -> String {
        format!("<mrow>{}</mrow>", self.node(id).0)
    }

    fn at(&self, id: ExprId, least: Strength) -> String {
        let (text, strength) = self.node(id);
        if strength < least { fenced("(", &text, ")") } else { format!("<mrow>{text}</mrow>") }
    }

    fn node(&self, id: ExprId) -> (String, Strength) {
        let infix = |a: ExprId, op: &str, b: ExprId, s: Strength| {
            (format!("{}{}{}", self.at(a, s), operator(op), self.at(b, s)), s)
        };
        match self.graph.node(id) {
            Node::Const(bits) => number(f64::from_bits(bits)),
            Node::Bool(value) => (format!("<mi>{value}</mi>"), Atom),
            Node::Time => (name(self.names.time()), Atom),
            Node::Index(var) => (name(self.graph.var_name(var)), Atom),
            Node::Symbol(symbol, subs) => (self.symbol(self.names.symbol(symbol), subs), Atom),
            Node::Unary(Unary::Neg, _) | Node::Binary(Binary::Add | Binary::Sub, ..) => self.sum(id),
            Node::Unary(Unary::Abs, a) => (fenced("|", &self.at(a, Strength::Logic), "|"), Atom),
            Node::Unary(Unary::Sqrt, a) => (format!("<msqrt>{}</msqrt>", self.at(a, Strength::Logic)), Atom),
            Node::Unary(Unary::Floor, a) => (fenced("⌊", &self.at(a, Strength::Logic), "⌋"), Atom),
            Node::Unary(Unary::Ceil, a) => (fenced("⌈", &self.at(a, Strength::Logic), "⌉"), Atom),
            Node::Binary(Binary::Mul, ..) => (self.product(id), Product),
            Node::Binary(Binary::Div, a, b) => {
                let (a, b) = (self.at(a, Strength::Logic), self.at(b, Strength::Logic));
                (format!("<mfrac>{a}{b}</mfrac>"), Atom)
            }
            Node::Binary(Binary::Min, a, b) => (self.call("min", &[a, b]), Atom),
            Node::Binary(Binary::Max, a, b) => (self.call("max", &[a, b]), Atom),
            Node::Call1(Function::Exp, a) => {
                (format!("<msup><mi>e</mi>{}</msup>", self.at(a, Strength::Logic)), Product)
            }
            Node::Call2(Function::Pow, a, b) => {
                (format!("<msup>{}{}</msup>", self.at(a, Atom), self.at(b, Strength::Logic)), Product)
            }
            Node::Call1(f, a) => (self.call(f.name(), &[a]), Atom),
            Node::Call2(f, a, b) => (self.call(f.name(), &[a, b]), Atom),
            Node::Curve(curve, order, a) => {
                let name = self.graph.curve(curve).name().to_string() + &"'".repeat(usize::from(order));
                (self.call(&name, &[a]), Atom)
            }
            Node::Foreign(foreign, part, arguments) => {
                (self.call(&self.graph.foreign(foreign).spelled(part), self.graph.arguments(arguments)), Atom)
            }
            Node::Compare(op, a, b) => {
                let sign = match op {
                    Compare::Lt => "&lt;",
                    Compare::Le => "≤",
                    Compare::Eq => "=",
                    Compare::Ne => "≠",
                };
                (format!("{}{}{}", self.at(a, Sum), operator(sign), self.at(b, Sum)), Strength::Compare)
            }
            Node::And(a, b) => infix(a, "∧", b, Strength::Logic),
            Node::Or(a, b) => {
                let side = |x| fenced("(", &self.at(x, Strength::Logic), ")");
                (format!("{}{}{}", side(a), operator("∨"), side(b)), Strength::Logic)
            }
            Node::Not(a) => (format!("{}{}", operator("¬"), self.at(a, Atom)), Strength::Logic),
            Node::Select(..) => (self.cases(id), Atom),
            Node::Reduce(kind, var, lo, hi, body) => {
                let sign = match kind {
                    Reduction::Sum => operator("∑"),
                    Reduction::Prod => operator("∏"),
                    Reduction::Min => operator("min"),
                    Reduction::Max => operator("max"),
                };
                let from = format!("<mrow>{}<mo>=</mo><mn>{lo}</mn></mrow>", name(self.graph.var_name(var)));
                let under = format!("<munderover>{sign}{from}<mn>{hi}</mn></munderover>");
                (format!("{under}{}", self.at(body, Product)), Product)
            }
        }
    }

    /// One row per branch of a chain of conditions.
    fn cases(&self, mut id: ExprId) -> String {
        let mut rows = String::new();
        while let Node::Select(c, a, b) = self.graph.node(id) {
            let (value, condition) = (self.at(a, Strength::Logic), self.at(c, Strength::Logic));
            rows += &format!("<mtr><mtd>{value}</mtd><mtd><mtext>if&#160;</mtext>{condition}</mtd></mtr>");
            id = b;
        }
        let value = self.at(id, Strength::Logic);
        rows += &format!("<mtr><mtd>{value}</mtd><mtd><mtext>otherwise</mtext></mtd></mtr>");
        format!("<mrow><mo>{{</mo><mtable columnalign=\"left left\">{rows}</mtable></mrow>")
    }

    /// A symbol's element.
    fn symbol(&self, of: &str, subs: SubsId) -> String {
        if let Some((base, time)) = at_another_time(of) {
            let time = time.replace('&', "&amp;").replace('<', "&lt;").replace('-', "−");
            return format!("<mrow>{}<mo>(</mo><mtext>{time}</mtext><mo>)</mo></mrow>", name(base));
        }
        let list: Vec<&Affine> = self.graph.subscripts(subs).iter().map(|s| &s.affine).collect();
        self.element(of, &list)
    }

    /// A name with subscripts.
    pub fn element(&self, of: &str, subscripts: &[&Affine]) -> String {
        if subscripts.is_empty() {
            return name(of);
        }
        let list: Vec<String> = subscripts.iter().map(|affine| self.affine(affine)).collect();
        format!("<msub>{}<mrow>{}</mrow></msub>", name(of), list.join("<mo>,</mo>"))
    }

    fn affine(&self, affine: &Affine) -> String {
        let mut text = String::new();
        for (var, k) in &affine.terms {
            if *k < 0 {
                text += "<mo>−</mo>";
            } else if !text.is_empty() {
                text += "<mo>+</mo>";
            }
            if k.abs() != 1 {
                text += &format!("<mn>{}</mn>", k.abs());
            }
            text += &name(self.graph.var_name(*var));
        }
        match affine.offset {
            0 if !text.is_empty() => {}
            offset if text.is_empty() && offset >= 0 => text = format!("<mn>{offset}</mn>"),
            offset => {
                text += if offset < 0 { "<mo>−</mo>" } else { "<mo>+</mo>" };
                text += &format!("<mn>{}</mn>", offset.abs());
            }
        }
        text
    }

    fn call(&self, of: &str, arguments: &[ExprId]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|a| self.at(*a, Strength::Logic)).collect();
        format!("<mi mathvariant=\"normal\">{of}</mi>{}", fenced("(", &arguments.join("<mo>,</mo>"), ")"))
    }

    fn sum(&self, id: ExprId) -> (String, Strength) {
        let mut text = String::new();
        for (k, (x, plus)) in self.graph.terms(id).iter().enumerate() {
            // `x - 1`, not `x + (-1)`.
            let negative = self.graph.as_const(*x).filter(|value| k > 0 && *value < 0.0);
            text += match (k, *plus != negative.is_some()) {
                (0, true) => "",
                (_, true) => "<mo>+</mo>",
                (_, false) => "<mo>−</mo>",
            };
            text += &negative.map_or_else(|| self.at(*x, Product), |value| number(-value).0);
        }
        (text, Sum)
    }

    fn product(&self, id: ExprId) -> String {
        let groups = self.graph.factors(id);
        let text = |(x, n): &(ExprId, usize)| match n {
            1 => self.at(*x, Product),
            n => format!("<msup>{}<mn>{n}</mn></msup>", self.at(*x, Atom)),
        };
        groups.iter().map(text).collect::<Vec<_>>().join("<mo>&#8290;</mo><mspace width=\"0.17em\"/>")
    }
}

fn operator(sign: &str) -> String {
    format!("<mo>{sign}</mo>")
}

fn fenced(open: &str, text: &str, close: &str) -> String {
    format!("<mrow><mo>{open}</mo>{text}<mo>{close}</mo></mrow>")
}

fn number(value: f64) -> (String, Strength) {
    let text = shortest(value.abs());
    let (text, strength) = match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let power = format!("<msup><mn>10</mn><mn>{}</mn></msup>", exponent.replace('-', "−"));
            (if mantissa == "1" { power } else { format!("<mn>{mantissa}</mn><mo>·</mo>{power}") }, Product)
        }
        None => (format!("<mn>{text}</mn>"), Atom),
    };
    if value.is_sign_negative() { (format!("<mo>−</mo>{text}"), Sum) } else { (text, strength) }
}

/// A name: Greek letters by their names, what follows an underscore or is a number as a subscript, primes.
pub fn name(name: &str) -> String {
    let primes = name.chars().rev().take_while(|c| *c == '\'').count();
    let base = &name[..name.len() - primes];
    let (head, tail) = match base.split_once('_') {
        Some((head, tail)) if !head.is_empty() && !tail.is_empty() => (head, Some(tail)),
        _ => (base, None),
    };
    let letters = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let (letters, digits) = if letters.is_empty() { (head, "") } else { (letters, &head[letters.len()..]) };
    let identifier = |text: &str| match GREEK.iter().find(|(known, _)| *known == text) {
        Some((_, greek)) => format!("<mi>{greek}</mi>"),
        None => format!("<mi>{}</mi>", escaped(text)),
    };
    let head = identifier(letters);
    let head = match primes {
        0 => head,
        n => format!("<msup>{head}<mo>{}</mo></msup>", "′".repeat(n)),
    };
    let subscript = match (digits, tail) {
        ("", None) => return head,
        ("", Some(tail)) => identifier(tail),
        (digits, None) => format!("<mn>{digits}</mn>"),
        (digits, Some(tail)) => format!("<mrow><mn>{digits}</mn><mo>,</mo>{}</mrow>", identifier(tail)),
    };
    format!("<msub>{head}{subscript}</msub>")
}

/// Text for a page.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Reads, SymbolId};

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
    fn fractions_powers_and_names() {
        let mut g = Graph::default();
        let none = g.subscripts_id(vec![]);
        let (x, k) = (g.declare(Reads::State), g.declare(Reads::Parameters));
        let x = g.intern(Node::Symbol(x, none));
        let k = g.intern(Node::Symbol(k, none));
        let two = g.constant(2.0);
        let square = g.pow(x, two);
        let sum = g.add(k, x);
        let quotient = g.div(square, sum);
        let text = MathMl::new(&g, &Letters).expression(quotient);
        let open = text.matches("<mrow>").count();
        assert_eq!(open, text.matches("</mrow>").count());
        assert!(
            text.contains("<mfrac>") && text.contains("<msup>") && text.contains("<msub><mi>k</mi><mi>cat</mi></msub>")
        );
        assert_eq!(name("theta''"), "<msup><mi>θ</mi><mo>′′</mo></msup>");
        assert_eq!(name("k1"), "<msub><mi>k</mi><mn>1</mn></msub>");
        assert_eq!(number(-1e-14).0, "<mo>−</mo><msup><mn>10</mn><mn>−14</mn></msup>");
    }
}
