//! The builtin functions, one row each: the parser's names, suggestions, dimension checks, lowering, derivatives, the
//! documentation page and the property tests all read this table.

use super::{ExprId, Graph};
use crate::math::{Binary, Compare, Function, Unary};

/// One builtin function.
pub struct Builtin {
    /// Its name in the language.
    pub name: &'static str,
    /// Names of its arguments (their number is its arity).
    pub arguments: &'static [&'static str],
    /// What it computes, in one line.
    pub doc: &'static str,
    /// Where it is defined, as the documentation says it.
    pub domain: &'static str,
    /// How the dimension of its value follows from those of its arguments.
    pub dimension: Dimension,
    /// Its expression.
    pub meaning: Meaning,
    /// Arguments inside the domain, away from jumps: the tests compare derivatives there.
    pub samples: &'static [&'static [f64]],
}

/// How dimensions pass through a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Arguments and value are pure numbers.
    Number,
    /// All arguments share one dimension, the value's too.
    Same,
    /// All arguments share one dimension; the value is a pure number.
    Ratio,
    /// The value has the argument's dimension to this rational power (numerator, denominator).
    Power(i32, i32),
    /// As `x^y`.
    Exponent,
}

/// What a builtin stands for.
pub enum Meaning {
    /// An elementary function with a derivative by each argument.
    Elementary(Function, &'static [Rule]),
    /// An expression of other operations; its derivative follows from theirs.
    Derived(fn(&mut Graph, &[ExprId]) -> ExprId),
}

/// A derivative: from the graph, the arguments x and y (the same for one argument) and the function's own node f.
pub type Rule = fn(g: &mut Graph, x: ExprId, y: ExprId, f: ExprId) -> ExprId;

/// The row of that name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// The function's expression for these arguments (as many as [`Builtin::arguments`]).
pub fn build(builtin: &Builtin, g: &mut Graph, arguments: &[ExprId]) -> ExprId {
    match (&builtin.meaning, arguments) {
        (Meaning::Elementary(f, _), [x]) => g.call1(*f, *x),
        (Meaning::Elementary(f, _), [x, y, ..]) => g.call2(*f, *x, *y),
        (Meaning::Elementary(..), []) => g.constant(f64::NAN),
        (Meaning::Derived(expression), _) => expression(g, arguments),
    }
}

/// ∂f/∂(argument k) of an elementary function.
pub fn derivative(function: Function, k: usize, g: &mut Graph, x: ExprId, y: ExprId, f: ExprId) -> ExprId {
    let row = BUILTINS.iter().find_map(|builtin| match builtin.meaning {
        Meaning::Elementary(found, rules) if found == function => rules.get(k),
        _ => None,
    });
    match row {
        Some(rule) => rule(g, x, y, f),
        // Every function has a row (a test says so); NaN would be seen at once.
        None => g.constant(f64::NAN),
    }
}

fn reciprocal(g: &mut Graph, x: ExprId) -> ExprId {
    let one = g.constant(1.0);
    g.div(one, x)
}

/// `a + b*x*x`
fn quadratic(g: &mut Graph, a: f64, b: f64, x: ExprId) -> ExprId {
    let square = g.mul(x, x);
    let b = g.constant(b);
    let scaled = g.mul(b, square);
    let a = g.constant(a);
    g.add(a, scaled)
}

fn reciprocal_root(g: &mut Graph, radicand: ExprId) -> ExprId {
    let root = g.unary(Unary::Sqrt, radicand);
    reciprocal(g, root)
}

fn scaled(g: &mut Graph, k: f64, x: ExprId) -> ExprId {
    let k = g.constant(k);
    g.mul(k, x)
}

/// `exp(-x*x)*2/sqrt(pi)`, the derivative of erf.
fn gauss(g: &mut Graph, x: ExprId) -> ExprId {
    let square = g.mul(x, x);
    let minus = g.neg(square);
    let bell = g.call1(Function::Exp, minus);
    scaled(g, std::f64::consts::FRAC_2_SQRT_PI, bell)
}

/// sign(x) as an expression: −1, 0 or 1.
pub fn sign(g: &mut Graph, x: ExprId) -> ExprId {
    let zero = g.constant(0.0);
    let (plus, minus) = (g.constant(1.0), g.constant(-1.0));
    let below = g.compare(Compare::Lt, x, zero);
    let above = g.compare(Compare::Lt, zero, x);
    let rest = g.select(below, minus, zero);
    g.select(above, plus, rest)
}

const UNIT: &[&[f64]] = &[&[-0.7], &[0.3], &[0.9]];
const REAL: &[&[f64]] = &[&[-1.3], &[0.4], &[2.1]];
const POSITIVE: &[&[f64]] = &[&[0.2], &[1.7], &[30.0]];
const PAIRS: &[&[f64]] = &[&[0.7, -1.2], &[2.5, 0.6], &[-0.4, 3.0]];
const X: &[&str] = &["x"];
const XY: &[&str] = &["x", "y"];
const YX: &[&str] = &["y", "x"];

macro_rules! elementary {
    ($name:literal $args:ident $function:ident $dimension:expr, $domain:literal, $doc:literal, $samples:expr; $($rule:expr),+) => {
        Builtin {
            name: $name,
            arguments: $args,
            doc: $doc,
            domain: $domain,
            dimension: $dimension,
            meaning: Meaning::Elementary(Function::$function, &[$($rule),+]),
            samples: $samples,
        }
    };
}

macro_rules! derived {
    ($name:literal $args:expr, $dimension:expr, $domain:literal, $doc:literal, $samples:expr; $expression:expr) => {
        Builtin {
            name: $name,
            arguments: $args,
            doc: $doc,
            domain: $domain,
            dimension: $dimension,
            meaning: Meaning::Derived($expression),
            samples: $samples,
        }
    };
}

/// All builtin functions.
pub static BUILTINS: &[Builtin] = &[
    elementary!("exp" X Exp Dimension::Number, "all x", "e to the power x", REAL; |_, _, _, f| f),
    elementary!("expm1" X Expm1 Dimension::Number, "all x", "exp(x) - 1, exact near 0", REAL; |g, _, _, f| {
        let one = g.constant(1.0);
        g.add(f, one)
    }),
    elementary!("log" X Log Dimension::Number, "x > 0", "natural logarithm", POSITIVE; |g, x, _, _| reciprocal(g, x)),
    elementary!("log1p" X Log1p Dimension::Number, "x > -1", "log(1 + x), exact near 0", POSITIVE; |g, x, _, _| {
        let one = g.constant(1.0);
        let shifted = g.add(one, x);
        reciprocal(g, shifted)
    }),
    elementary!("log10" X Log10 Dimension::Number, "x > 0", "decimal logarithm", POSITIVE; |g, x, _, _| {
        let k = g.constant(std::f64::consts::LOG10_E);
        g.div(k, x)
    }),
    elementary!("log2" X Log2 Dimension::Number, "x > 0", "binary logarithm", POSITIVE; |g, x, _, _| {
        let k = g.constant(std::f64::consts::LOG2_E);
        g.div(k, x)
    }),
    derived!("sqrt" X, Dimension::Power(1, 2), "x >= 0", "square root", POSITIVE; |g, a| g.unary(Unary::Sqrt, a[0])),
    elementary!("cbrt" X Cbrt Dimension::Power(1, 3), "all x", "cube root", REAL; |g, _, _, f| {
        // d cbrt(x) = 1/(3*cbrt(x)^2)
        let square = g.mul(f, f);
        let triple = scaled(g, 3.0, square);
        reciprocal(g, triple)
    }),
    elementary!("sin" X Sin Dimension::Number, "all x (radians)", "sine", REAL; |g, x, _, _| g.call1(Function::Cos, x)),
    elementary!("cos" X Cos Dimension::Number, "all x (radians)", "cosine", REAL; |g, x, _, _| {
        let sine = g.call1(Function::Sin, x);
        g.neg(sine)
    }),
    elementary!("tan" X Tan Dimension::Number, "x (radians) not an odd multiple of pi/2", "tangent", REAL; |g, _, _, f| quadratic(g, 1.0, 1.0, f)),
    elementary!("asin" X Asin Dimension::Number, "-1 <= x <= 1", "inverse sine, in radians", UNIT; |g, x, _, _| {
        let radicand = quadratic(g, 1.0, -1.0, x);
        reciprocal_root(g, radicand)
    }),
    elementary!("acos" X Acos Dimension::Number, "-1 <= x <= 1", "inverse cosine, in radians", UNIT; |g, x, _, _| {
        let radicand = quadratic(g, 1.0, -1.0, x);
        let slope = reciprocal_root(g, radicand);
        g.neg(slope)
    }),
    elementary!("atan" X Atan Dimension::Number, "all x", "inverse tangent, in radians", REAL; |g, x, _, _| {
        let denominator = quadratic(g, 1.0, 1.0, x);
        reciprocal(g, denominator)
    }),
    elementary!("atan2" YX Atan2 Dimension::Ratio, "not both 0", "angle of the point (x, y) in radians", PAIRS;
    |g, y, x, _| {
        let (xx, yy) = (g.mul(x, x), g.mul(y, y));
        let square = g.add(xx, yy);
        g.div(x, square)
    },
    |g, y, x, _| {
        let (xx, yy) = (g.mul(x, x), g.mul(y, y));
        let square = g.add(xx, yy);
        let slope = g.div(y, square);
        g.neg(slope)
    }),
    elementary!("sinh" X Sinh Dimension::Number, "all x", "hyperbolic sine", REAL; |g, x, _, _| g.call1(Function::Cosh, x)),
    elementary!("cosh" X Cosh Dimension::Number, "all x", "hyperbolic cosine", REAL; |g, x, _, _| g.call1(Function::Sinh, x)),
    elementary!("tanh" X Tanh Dimension::Number, "all x", "hyperbolic tangent", REAL; |g, _, _, f| quadratic(g, 1.0, -1.0, f)),
    elementary!("asinh" X Asinh Dimension::Number, "all x", "inverse hyperbolic sine", REAL; |g, x, _, _| {
        let radicand = quadratic(g, 1.0, 1.0, x);
        reciprocal_root(g, radicand)
    }),
    elementary!("acosh" X Acosh Dimension::Number, "x >= 1", "inverse hyperbolic cosine", &[&[1.2], &[3.0]]; |g, x, _, _| {
        let radicand = quadratic(g, -1.0, 1.0, x);
        reciprocal_root(g, radicand)
    }),
    elementary!("atanh" X Atanh Dimension::Number, "-1 < x < 1", "inverse hyperbolic tangent", UNIT; |g, x, _, _| {
        let denominator = quadratic(g, 1.0, -1.0, x);
        reciprocal(g, denominator)
    }),
    elementary!("erf" X Erf Dimension::Number, "all x", "error function", REAL; |g, x, _, _| gauss(g, x)),
    elementary!("erfc" X Erfc Dimension::Number, "all x", "1 - erf(x), exact for large x", REAL; |g, x, _, _| {
        let slope = gauss(g, x);
        g.neg(slope)
    }),
    elementary!("gamma" X Gamma Dimension::Number, "x not 0, -1, -2, ...", "gamma function", POSITIVE; |g, x, _, f| {
        let psi = g.call1(Function::Digamma, x);
        g.mul(f, psi)
    }),
    elementary!("lgamma" X Lgamma Dimension::Number, "x not 0, -1, -2, ...", "log |gamma(x)|", POSITIVE; |g, x, _, _| g.call1(Function::Digamma, x)),
    elementary!("digamma" X Digamma Dimension::Number, "x not 0, -1, -2, ...", "derivative of lgamma", POSITIVE; |g, x, _, _| g.call1(Function::Trigamma, x)),
    // The tetragamma function is not provided: a third derivative of gamma is NaN, never a wrong number.
    elementary!("trigamma" X Trigamma Dimension::Number, "x not 0, -1, -2, ...", "derivative of digamma (itself without one)", &[]; |g, _, _, _| g.constant(f64::NAN)),
    elementary!("hypot" XY Hypot Dimension::Same, "all x, y", "sqrt(x^2 + y^2) without overflow", PAIRS; |g, x, _, f| g.div(x, f), |g, _, y, f| g.div(y, f)),
    elementary!("pow" XY Pow Dimension::Exponent, "x > 0, or y a whole number", "x^y", &[&[0.7, -1.2], &[2.5, 0.6], &[0.4, 3.0]];
    |g, x, y, _| {
        // d x^y = y*x^(y-1)
        let one = g.constant(1.0);
        let less = g.sub(y, one);
        let power = g.pow(x, less);
        g.mul(y, power)
    },
    |g, x, _, f| {
        // log(x)*x^y, and 0 at x = 0, where x^y is flat in y
        let zero = g.constant(0.0);
        let log = g.call1(Function::Log, x);
        let slope = g.mul(log, f);
        let at_zero = g.compare(Compare::Eq, x, zero);
        g.select(at_zero, zero, slope)
    }),
    derived!("abs" X, Dimension::Same, "all x", "magnitude", REAL; |g, a| g.unary(Unary::Abs, a[0])),
    derived!("sign" X, Dimension::Ratio, "all x", "-1, 0 or 1", REAL; |g, a| sign(g, a[0])),
    derived!("floor" X, Dimension::Same, "all x", "largest whole number not above x", REAL; |g, a| g.unary(Unary::Floor, a[0])),
    derived!("ceil" X, Dimension::Same, "all x", "smallest whole number not below x", REAL; |g, a| g.unary(Unary::Ceil, a[0])),
    derived!("min" XY, Dimension::Same, "all x, y", "the smaller", PAIRS; |g, a| g.binary(Binary::Min, a[0], a[1])),
    derived!("max" XY, Dimension::Same, "all x, y", "the larger", PAIRS; |g, a| g.binary(Binary::Max, a[0], a[1])),
    derived!("clamp" &["x", "lo", "hi"], Dimension::Same, "lo <= hi", "x, but not below lo nor above hi", &[&[0.5, 0.0, 1.0], &[2.0, 0.0, 1.0], &[-2.0, 0.0, 1.0]]; |g, a| {
        let above = g.binary(Binary::Max, a[0], a[1]);
        g.binary(Binary::Min, above, a[2])
    }),
    derived!("mod" XY, Dimension::Same, "y not 0", "x - y*floor(x/y), with the sign of y", &[&[7.3, 2.0], &[-1.2, 0.7]]; |g, a| {
        let quotient = g.div(a[0], a[1]);
        let whole = g.unary(Unary::Floor, quotient);
        let multiple = g.mul(a[1], whole);
        g.sub(a[0], multiple)
    }),
    derived!("stiff" X, Dimension::Same, "all x", "x itself; marks a stiff term, which KenCarp4 takes implicitly and all others explicitly", REAL; |_, a| a[0]),
    derived!("step" &["x", "start"], Dimension::Ratio, "all x", "1 from x = start on, 0 before", &[&[0.3, 1.0], &[2.0, 1.0]]; |g, a| {
        let on = g.compare(Compare::Le, a[1], a[0]);
        let (one, zero) = (g.constant(1.0), g.constant(0.0));
        g.select(on, one, zero)
    }),
    derived!("pulse" &["x", "start", "width"], Dimension::Ratio, "all x", "1 while start <= x < start + width, else 0", &[&[0.3, 1.0, 0.5], &[1.2, 1.0, 0.5], &[2.0, 1.0, 0.5]]; |g, a| {
        let end = g.add(a[1], a[2]);
        let begun = g.compare(Compare::Le, a[1], a[0]);
        let open = g.compare(Compare::Lt, a[0], end);
        let on = g.and(begun, open);
        let (one, zero) = (g.constant(1.0), g.constant(0.0));
        g.select(on, one, zero)
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_a_row_with_a_derivative_per_argument() {
        for f in Function::ALL {
            let rules = BUILTINS.iter().find_map(|b| match b.meaning {
                Meaning::Elementary(found, rules) if found == *f => Some((b, rules)),
                _ => None,
            });
            let (row, rules) = rules.unwrap_or_else(|| panic!("{} has no row", f.name()));
            assert_eq!(rules.len(), f.arity());
            assert_eq!(row.arguments.len(), f.arity());
        }
    }

    #[test]
    fn names_are_unique_and_documented() {
        let mut names: Vec<_> = BUILTINS.iter().map(|b| b.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), BUILTINS.len());
        assert!(BUILTINS.iter().all(|b| !b.doc.is_empty() && !b.domain.is_empty()));
    }
}
