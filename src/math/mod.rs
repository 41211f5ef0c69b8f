//! Elementary functions: one implementation for the interpreter, for native code and for everything else, with the same
//! bits on every machine.
//!
//! It imports nothing of the project and never asks the platform's library. The common functions are ours: additions,
//! multiplications, divisions and square roots that are rounded by IEEE 754 and never fused (`double`), written once for
//! one argument and for eight (`kernel`, `dispatch`). The rest comes from the portable crate `libm`, which is made of the
//! same operations. `docs/src/accuracy.md` has the accuracy of each as measured by `tests/maths.rs`. Functions that are single
//! instructions (`sqrt abs floor ceil`) are not functions here but [`Unary`], [`Binary`] and [`Compare`].

#![allow(clippy::manual_range_contains, reason = "comparisons joined by `&` become vector instructions")]

mod chebyshev;
mod dispatch;
mod double;
mod exponential;
mod gamma;
mod inverse;
mod kernel;
mod logarithm;
mod logic;
mod operations;
mod polynomials;
mod power;
mod real;
mod trigonometric;

pub use chebyshev::chebyshev;
pub use dispatch::{Wide, wide};
pub(crate) use double::{two_product, two_sum};
pub use logic::Logic;
pub use operations::{Binary, Compare, Unary};
pub use real::Real;

use exponential::{Cosh, Exp, Expm1, Sinh, Tanh};
use kernel::{one, two};
use logarithm::{Log, Log1p, Log2, Log10};
use power::Pow;
use trigonometric::{Cos, Sin, Tan};

/// eˣ
pub fn exp(x: f64) -> f64 {
    one::<Exp>(x)
}

/// Natural logarithm.
pub fn log(x: f64) -> f64 {
    one::<Log>(x)
}

/// xʸ
pub fn pow(x: f64, y: f64) -> f64 {
    two::<Pow>(x, y)
}

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

/// The compiled form for several arguments at a time; values go into the array.
#[derive(Clone, Copy, Debug)]
pub enum Gather {
    /// Of one argument.
    Eight(extern "C" fn(&mut [f64; 8], f64, f64, f64, f64, f64, f64, f64, f64)),
    /// Of two arguments: four first ones, four second ones.
    FourPairs(extern "C" fn(&mut [f64; 4], f64, f64, f64, f64, f64, f64, f64, f64)),
}

/// The functions that have a form for several arguments at a time, and what to do with their kernels.
macro_rules! vectorised {
    ($function:expr, $one:ident => $body:expr, $two:ident => $body2:expr) => {
        vectorised!(@ $function, $one => $body, $two => $body2;
            Exp Expm1 Log Log1p Log10 Log2 Sin Cos Tan Sinh Cosh Tanh)
    };
    (@ $function:expr, $one:ident => $body:expr, $two:ident => $body2:expr; $($name:ident)+) => {
        match $function {
            $(Function::$name => {
                type $one = $name;
                Some($body)
            })+
            Function::Pow => {
                type $two = Pow;
                Some($body2)
            }
            _ => None,
        }
    };
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
    Exp "exp" One(x) => exp(x);
    Expm1 "expm1" One(x) => one::<Expm1>(x);
    Log "log" One(x) => log(x);
    Log1p "log1p" One(x) => one::<Log1p>(x);
    Log10 "log10" One(x) => one::<Log10>(x);
    Log2 "log2" One(x) => one::<Log2>(x);
    Cbrt "cbrt" One(x) => libm::cbrt(x);
    Sin "sin" One(x) => one::<Sin>(x);
    Cos "cos" One(x) => one::<Cos>(x);
    Tan "tan" One(x) => one::<Tan>(x);
    Asin "asin" One(x) => libm::asin(x);
    Acos "acos" One(x) => libm::acos(x);
    Atan "atan" One(x) => libm::atan(x);
    Sinh "sinh" One(x) => one::<Sinh>(x);
    Cosh "cosh" One(x) => one::<Cosh>(x);
    Tanh "tanh" One(x) => one::<Tanh>(x);
    Asinh "asinh" One(x) => inverse::asinh(x);
    Acosh "acosh" One(x) => inverse::acosh(x);
    Atanh "atanh" One(x) => inverse::atanh(x);
    Erf "erf" One(x) => libm::erf(x);
    Erfc "erfc" One(x) => libm::erfc(x);
    Gamma "gamma" One(x) => libm::tgamma(x);
    Lgamma "lgamma" One(x) => libm::lgamma(x);
    Digamma "digamma" One(x) => gamma::digamma(x);
    Trigamma "trigamma" One(x) => gamma::trigamma(x);
    Pow "pow" Two(x, y) => pow(x, y);
    Atan2 "atan2" Two(y, x) => libm::atan2(y, x);
    Hypot "hypot" Two(x, y) => libm::hypot(x, y);
}

impl Function {
    /// Number of arguments.
    pub fn arity(self) -> usize {
        match self.entry() {
            Entry::One(_) => 1,
            Entry::Two(_) => 2,
        }
    }

    /// The same for several arguments at a time, in the best instructions of this processor, if there is such a form:
    /// each value has the bits [`Function::entry`] gives.
    pub fn gather(self) -> Option<Gather> {
        vectorised!(self, K => dispatch::gather::<K>(), K2 => dispatch::gather2::<K2>())
    }

    /// Its values in the place of the first arguments; `ys` are the second ones (not read by functions of one argument).
    /// Each has the bits of [`Function::eval`].
    ///
    /// # Panics
    /// If there are fewer second arguments than first ones.
    pub fn eval_slice(self, xs: &mut [f64], ys: &[f64]) {
        let ys = if self.arity() == 2 { &ys[..xs.len()] } else { &[] };
        let done = vectorised!(self, K => dispatch::each::<K>(xs), K2 => dispatch::each2::<K2>(xs, ys));
        if done.is_none() {
            for (i, x) in xs.iter_mut().enumerate() {
                *x = self.eval(*x, ys.get(i).copied().unwrap_or(0.0));
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = Function::ALL.iter().map(|f| f.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Function::ALL.len());
    }
}
