//! Elementary functions: the one place both the interpreter and native code call, so that they agree bit for bit.
//!
//! It imports nothing of the project. Functions that are single machine instructions (`sqrt abs floor ceil`) are not
//! here; they are operations of the lowered form. `erf gamma lgamma` come from the portable crate `libm`, the rest from
//! the standard library. Single instructions are the operations [`Unary`], [`Binary`] and [`Compare`].

/// An elementary function of one or two real arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// eˣ
    Exp,
    /// eˣ − 1
    Expm1,
    /// Natural logarithm.
    Log,
    /// log(1 + x)
    Log1p,
    /// Decimal logarithm.
    Log10,
    /// Binary logarithm.
    Log2,
    /// Cube root.
    Cbrt,
    /// Sine of radians.
    Sin,
    /// Cosine of radians.
    Cos,
    /// Tangent of radians.
    Tan,
    /// Inverse sine.
    Asin,
    /// Inverse cosine.
    Acos,
    /// Inverse tangent.
    Atan,
    /// Hyperbolic sine.
    Sinh,
    /// Hyperbolic cosine.
    Cosh,
    /// Hyperbolic tangent.
    Tanh,
    /// Inverse hyperbolic sine.
    Asinh,
    /// Inverse hyperbolic cosine.
    Acosh,
    /// Inverse hyperbolic tangent.
    Atanh,
    /// Error function.
    Erf,
    /// 1 − erf(x)
    Erfc,
    /// Gamma function.
    Gamma,
    /// log |Γ(x)|
    Lgamma,
    /// ψ(x) = d log Γ / dx
    Digamma,
    /// ψ′(x)
    Trigamma,
    /// xʸ
    Pow,
    /// Angle of (x, y): `atan2(y, x)`.
    Atan2,
    /// √(x² + y²)
    Hypot,
}

/// The compiled form of a function: what native code calls.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// One argument.
    One(extern "C" fn(f64) -> f64),
    /// Two arguments.
    Two(extern "C" fn(f64, f64) -> f64),
}

macro_rules! functions {
    ($($variant:ident $name:literal $arity:ident ($($x:ident),+) => $body:expr;)+) => {
        impl Function {
            /// All of them, in order of declaration.
            pub const ALL: &'static [Function] = &[$(Function::$variant),+];

            /// Its name in the text form.
            pub fn name(self) -> &'static str {
                match self { $(Function::$variant => $name),+ }
            }

            /// The function itself.
            pub fn entry(self) -> Entry {
                match self {
                    $(Function::$variant => {
                        extern "C" fn entry($($x: f64),+) -> f64 { $body }
                        Entry::$arity(entry)
                    })+
                }
            }
        }
    };
}

functions! {
    Exp "exp" One(x) => x.exp();
    Expm1 "expm1" One(x) => x.exp_m1();
    Log "log" One(x) => x.ln();
    Log1p "log1p" One(x) => x.ln_1p();
    Log10 "log10" One(x) => x.log10();
    Log2 "log2" One(x) => x.log2();
    Cbrt "cbrt" One(x) => x.cbrt();
    Sin "sin" One(x) => x.sin();
    Cos "cos" One(x) => x.cos();
    Tan "tan" One(x) => x.tan();
    Asin "asin" One(x) => x.asin();
    Acos "acos" One(x) => x.acos();
    Atan "atan" One(x) => x.atan();
    Sinh "sinh" One(x) => x.sinh();
    Cosh "cosh" One(x) => x.cosh();
    Tanh "tanh" One(x) => x.tanh();
    Asinh "asinh" One(x) => x.asinh();
    Acosh "acosh" One(x) => x.acosh();
    Atanh "atanh" One(x) => x.atanh();
    Erf "erf" One(x) => libm::erf(x);
    Erfc "erfc" One(x) => libm::erfc(x);
    Gamma "gamma" One(x) => libm::tgamma(x);
    Lgamma "lgamma" One(x) => libm::lgamma(x);
    Digamma "digamma" One(x) => digamma(x);
    Trigamma "trigamma" One(x) => trigamma(x);
    Pow "pow" Two(x, y) => x.powf(y);
    Atan2 "atan2" Two(y, x) => y.atan2(x);
    Hypot "hypot" Two(x, y) => x.hypot(y);
}

impl Function {
    /// Number of arguments.
    pub fn arity(self) -> usize {
        match self.entry() {
            Entry::One(_) => 1,
            Entry::Two(_) => 2,
        }
    }

    /// Its value; `y` is ignored by functions of one argument.
    pub fn eval(self, x: f64, y: f64) -> f64 {
        match self.entry() {
            Entry::One(f) => f(x),
            Entry::Two(f) => f(x, y),
        }
    }
}

/// Real functions that are single instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// `-x`
    Neg,
    /// `|x|`
    Abs,
    /// Square root, correctly rounded.
    Sqrt,
    /// Largest integer not above.
    Floor,
    /// Smallest integer not below.
    Ceil,
}

/// Real functions of two arguments that are single instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`
    Div,
    /// `if a < b { a } else { b }` (so NaN in either gives `b`).
    Min,
    /// `if a > b { a } else { b }`
    Max,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `a < b`
    Lt,
    /// `a <= b`
    Le,
    /// `a == b`
    Eq,
    /// `a != b`
    Ne,
}

impl Unary {
    /// Its value.
    #[inline]
    pub fn eval(self, x: f64) -> f64 {
        match self {
            Unary::Neg => -x,
            Unary::Abs => x.abs(),
            Unary::Sqrt => x.sqrt(),
            Unary::Floor => x.floor(),
            Unary::Ceil => x.ceil(),
        }
    }
}

impl Binary {
    /// Its value.
    #[inline]
    pub fn eval(self, a: f64, b: f64) -> f64 {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Min => {
                if a < b {
                    a
                } else {
                    b
                }
            }
            Binary::Max => {
                if a > b {
                    a
                } else {
                    b
                }
            }
        }
    }
}

impl Compare {
    /// Its value.
    #[inline]
    pub fn eval(self, a: f64, b: f64) -> bool {
        match self {
            Compare::Lt => a < b,
            Compare::Le => a <= b,
            Compare::Eq => a == b,
            Compare::Ne => a != b,
        }
    }
}

/// ψ(x): reflection below zero, recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.18).
fn digamma(x: f64) -> f64 {
    use std::f64::consts::PI;
    if x <= 0.0 {
        return if x == x.floor() { f64::NAN } else { digamma(1.0 - x) - PI / (PI * x).tan() };
    }
    let mut shift = 0.0;
    let mut x = x;
    while x < 10.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r
        * (1.0 / 12.0
            - r * (1.0 / 120.0
                - r * (1.0 / 252.0 - r * (1.0 / 240.0 - r * (1.0 / 132.0 - r * (691.0 / 32760.0 - r / 12.0))))));
    shift + x.ln() - 0.5 / x - series
}

/// ψ′(x): reflection, recurrence and asymptotic series (Abramowitz & Stegun 6.4.7, 6.4.6, 6.4.12).
fn trigamma(x: f64) -> f64 {
    use std::f64::consts::PI;
    if x <= 0.0 {
        let s = (PI * x).sin();
        return if x == x.floor() { f64::NAN } else { PI * PI / (s * s) - trigamma(1.0 - x) };
    }
    let mut shift = 0.0;
    let mut x = x;
    while x < 12.0 {
        shift += 1.0 / (x * x);
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r
        * (1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r * (1.0 / 30.0 - r * (5.0 / 66.0 - r * 691.0 / 2730.0)))));
    shift + 1.0 / x + 0.5 * r + series / x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digamma_agrees_with_known_values() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + EULER).abs() < 1e-15);
        assert!((digamma(0.5) + EULER + 2.0 * 2f64.ln()).abs() < 1e-14);
        assert!((digamma(-0.5) - 0.036_489_973_978_576_52).abs() < 1e-13);
    }

    #[test]
    fn trigamma_agrees_with_known_values() {
        use std::f64::consts::PI;
        assert!((trigamma(1.0) - PI * PI / 6.0).abs() < 1e-14);
        assert!((trigamma(0.5) - PI * PI / 2.0).abs() < 1e-13);
        assert!((trigamma(-0.5) - (PI * PI / 2.0 + 4.0)).abs() < 1e-12);
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = Function::ALL.iter().map(|f| f.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Function::ALL.len());
    }
}
