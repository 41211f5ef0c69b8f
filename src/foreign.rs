//! Functions of the host (`extern fn`): a name and its number of arguments in a model, bound to a function of the host program.
//!
//! Not here: who may call them, and what a run does where one is missing (`facade::foreign`). Invariant: a [`Foreign`]
//! never changes; binding makes another one.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

type Value = dyn Fn(&[f64]) -> f64 + Send + Sync;
type Derivatives = dyn Fn(&[f64], &mut [f64]) + Send + Sync;

/// A function of the host, with as many derivatives as it can give.
///
/// It must be pure (the same arguments, the same value) and may be called from several threads at once. Methods call it at
/// arguments that no solution takes; what it cannot answer is NaN, and the step is tried again shorter. A panic counts as NaN.
#[derive(Clone)]
pub struct HostFunction {
    value: Arc<Value>,
    gradient: Option<Arc<Derivatives>>,
    hessian: Option<Arc<Derivatives>>,
}

impl HostFunction {
    /// From the function's arguments to its value. Methods that need no Jacobian can use it as it is.
    pub fn new(value: impl Fn(&[f64]) -> f64 + Send + Sync + 'static) -> Self {
        HostFunction { value: Arc::new(value), gradient: None, hessian: None }
    }

    /// Its first derivatives: writes one per argument.
    pub fn gradient(mut self, gradient: impl Fn(&[f64], &mut [f64]) + Send + Sync + 'static) -> Self {
        self.gradient = Some(Arc::new(gradient));
        self
    }

    /// Its second derivatives: writes n × n, row by row. Only the upper half is read.
    pub fn hessian(mut self, hessian: impl Fn(&[f64], &mut [f64]) + Send + Sync + 'static) -> Self {
        self.hessian = Some(Arc::new(hessian));
        self
    }

    /// How many times it can be differentiated.
    pub fn derivatives(&self) -> usize {
        match (&self.gradient, &self.hessian) {
            (None, _) => 0,
            (Some(_), None) => 1,
            (Some(_), Some(_)) => 2,
        }
    }
}

impl PartialEq for HostFunction {
    /// Whether they are clones of one.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.value, &other.value) && self.derivatives() == other.derivatives()
    }
}

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunction {{ derivatives: {} }}", self.derivatives())
    }
}

/// A function of the host as the model knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// Its name in the model.
    pub name: String,
    /// The names of its arguments.
    pub arguments: Vec<String>,
    /// What it is bound to.
    pub host: Option<HostFunction>,
}

/// Which derivative of a function: none, by one argument, or by two in ascending order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The function itself.
    #[default]
    Value,
    /// By an argument.
    First(u8),
    /// By two.
    Second(u8, u8),
    /// By more than two, which no host gives: not a number.
    Higher,
}

impl Part {
    /// Its derivative by one argument more.
    pub fn by(self, k: u8) -> Part {
        match self {
            Part::Value => Part::First(k),
            Part::First(j) => Part::Second(j.min(k), j.max(k)),
            Part::Second(..) | Part::Higher => Part::Higher,
        }
    }
}

impl Part {
    /// As one number, for compiled code.
    pub fn number(self) -> u32 {
        match self {
            Part::Value => 0,
            Part::First(k) => 1 << 16 | u32::from(k),
            Part::Second(j, k) => 2 << 16 | u32::from(j) << 8 | u32::from(k),
            Part::Higher => 3 << 16,
        }
    }

    /// The part with that number.
    pub fn of_number(number: u32) -> Part {
        let [_, kind, j, k] = number.to_be_bytes();
        match kind {
            0 => Part::Value,
            1 => Part::First(k),
            2 => Part::Second(j, k),
            _ => Part::Higher,
        }
    }
}

impl Foreign {
    /// The most arguments one may have.
    pub const MOST: usize = 64;

    /// A part of it at these arguments; NaN where the host gives none.
    pub fn evaluate(&self, part: Part, arguments: &[f64]) -> f64 {
        // Compiled code has no way to be unwound through.
        catch_unwind(AssertUnwindSafe(|| self.part(part, arguments))).ok().flatten().unwrap_or(f64::NAN)
    }

    fn part(&self, part: Part, arguments: &[f64]) -> Option<f64> {
        let host = self.host.as_ref()?;
        let n = arguments.len();
        let pick = |derivatives: &Derivatives, len: usize, at: usize| {
            let mut few = [0.0; 16];
            let mut many;
            let out = match few.get_mut(..len) {
                Some(out) => out,
                None => {
                    many = vec![0.0; len];
                    &mut many[..]
                }
            };
            derivatives(arguments, out);
            out.get(at).copied()
        };
        match part {
            Part::Value => Some((host.value)(arguments)),
            Part::First(k) => pick(host.gradient.as_deref()?, n, k.into()),
            Part::Second(j, k) => pick(host.hessian.as_deref()?, n * n, usize::from(j) * n + usize::from(k)),
            Part::Higher => None,
        }
    }

    /// How a part is written: `drag`, `drag'v`, `drag'v'v`.
    pub fn spelled(&self, part: Part) -> String {
        let by = |k: u8| self.arguments.get(usize::from(k)).map_or("?", String::as_str);
        match part {
            Part::Value => self.name.clone(),
            Part::First(k) => format!("{}'{}", self.name, by(k)),
            Part::Second(j, k) => format!("{}'{}'{}", self.name, by(j), by(k)),
            Part::Higher => format!("{}'''", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_the_host_gives_and_else_no_number() {
        let host = HostFunction::new(|x| x[0] * x[0] * x[1]);
        let bound = |host| Foreign { name: "f".into(), arguments: vec!["a".into(), "b".into()], host: Some(host) };
        let x = [3.0, 5.0];
        assert_eq!(bound(host.clone()).evaluate(Part::Value, &x), 45.0);
        assert!(bound(host.clone()).evaluate(Part::First(0), &x).is_nan());
        let host = host.gradient(|x, g| g.copy_from_slice(&[2.0 * x[0] * x[1], x[0] * x[0]]));
        let host = host.hessian(|x, h| h.copy_from_slice(&[2.0 * x[1], 2.0 * x[0], 2.0 * x[0], 0.0]));
        let f = bound(host);
        assert_eq!([0, 1].map(|k| f.evaluate(Part::First(k), &x)), [30.0, 9.0]);
        assert_eq!(f.evaluate(Part::First(1).by(0), &x), 6.0);
        assert!(f.evaluate(Part::Second(0, 1).by(0), &x).is_nan());
        for part in [Part::Value, Part::First(1), Part::Second(0, 63), Part::Higher] {
            assert_eq!(Part::of_number(part.number()), part);
        }
        assert_eq!(f.spelled(Part::First(1).by(0)), "f'a'b");
        let panics = bound(HostFunction::new(|x| x[7]));
        assert!(panics.evaluate(Part::Value, &x).is_nan());
    }
}
