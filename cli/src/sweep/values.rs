//! What `--param` says of one parameter: `k1=log(1e-3,1e3,50)`, `k1=0.1,0.2`, or for samples `k1=log(1e-3,1e3)`, `k1`.

use crate::values::{columns, number};

/// A parameter or initial value that varies.
#[derive(Clone, Debug, PartialEq)]
pub struct Varied {
    /// Its name; of the first value of a state, the state's.
    pub name: String,
    /// How.
    pub values: Values,
}

/// How it varies.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// These values.
    List(Vec<f64>),
    /// So many evenly spaced values.
    Linear(f64, f64, u64),
    /// The same on a logarithmic scale.
    Logarithmic(f64, f64, u64),
    /// Anything between two values, for samples; logarithmically or not.
    Between(f64, f64, bool),
    /// Anything that the model allows.
    Allowed,
}

impl Values {
    /// How many there are; none of a range.
    pub fn count(&self) -> Option<u64> {
        match self {
            Values::List(list) => Some(list.len() as u64),
            Values::Linear(.., n) | Values::Logarithmic(.., n) => Some(*n),
            Values::Between(..) | Values::Allowed => None,
        }
    }

    /// Value `k` of a grid.
    pub fn get(&self, k: u64) -> f64 {
        match self {
            Values::List(list) => list[k as usize],
            Values::Linear(a, b, n) => between(*a, *b, part(k, *n), false),
            Values::Logarithmic(a, b, n) => between(*a, *b, part(k, *n), true),
            Values::Between(..) | Values::Allowed => f64::NAN,
        }
    }

    /// Whether the scale is logarithmic.
    pub fn is_logarithmic(&self) -> bool {
        matches!(self, Values::Logarithmic(..) | Values::Between(.., true))
    }
}

fn part(k: u64, n: u64) -> f64 {
    if n == 1 { 0.0 } else { k as f64 / (n - 1) as f64 }
}

/// The value at `part` (0 to 1) of the way; both ends exactly.
pub fn between(a: f64, b: f64, part: f64, logarithmic: bool) -> f64 {
    match part {
        0.0 => a,
        1.0 => b,
        _ if logarithmic => {
            let (from, to) = (rhapsode::math::log(a), rhapsode::math::log(b));
            rhapsode::math::exp(from + part * (to - from))
        }
        _ => a + part * (b - a),
    }
}

/// `NAME`, `NAME=VALUES`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn varied(text: &str) -> Result<Varied, String> {
    let (name, values) = match text.split_once('=') {
        Some((name, values)) => (name, self::values(values.trim())?),
        None => (text, Values::Allowed),
    };
    let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    if name.is_empty() {
        return Err(format!("expected a name before `=` in `{text}`"));
    }
    Ok(Varied { name, values })
}

fn values(text: &str) -> Result<Values, String> {
    let Some((kind, rest)) = text.split_once('(') else {
        let list = columns(text).map_err(|_| expected(text))?.0;
        return Ok(Values::List(list.iter().map(|value| number(value)).collect::<Result<_, _>>()?));
    };
    let arguments = rest.strip_suffix(')').ok_or_else(|| expected(text))?;
    let numbers = arguments.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
    let logarithmic = match kind.trim() {
        "lin" => false,
        "log" => true,
        _ => return Err(expected(text)),
    };
    let [a, b] = *numbers.first_chunk().ok_or_else(|| expected(text))?;
    if logarithmic && !(a > 0.0 && b > 0.0) {
        return Err(format!("a logarithmic scale needs values above 0, found `{text}`"));
    }
    match numbers[2..] {
        [] if a < b => Ok(Values::Between(a, b, logarithmic)),
        [] => Err(format!("the interval from {a} to {b} is empty")),
        [0.0] => Err(format!("`{text}` has no values")),
        [n] if n >= 1.0 && n.fract() == 0.0 && n < 1e18 => match logarithmic {
            false => Ok(Values::Linear(a, b, n as u64)),
            true => Ok(Values::Logarithmic(a, b, n as u64)),
        },
        [n] => Err(format!("expected a whole number of values in `{text}`, found {n}")),
        _ => Err(expected(text)),
    }
}

fn expected(text: &str) -> String {
    format!("expected values such as `log(1e-3,1e3,50)`, `lin(0,1,11)` or `1,2,5`, found `{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let values = |text| varied(text).map(|v| v.values);
        assert_eq!(values("k=log(1e-3, 1e3, 50)"), Ok(Values::Logarithmic(1e-3, 1e3, 50)));
        assert_eq!(values("u[1,2]=lin(0,1,3)"), Ok(Values::Linear(0.0, 1.0, 3)));
        assert_eq!(values("k=1,2.5"), Ok(Values::List(vec![1.0, 2.5])));
        assert_eq!(values("k=3"), Ok(Values::List(vec![3.0])));
        assert_eq!(values("k=log(1,2)"), Ok(Values::Between(1.0, 2.0, true)));
        assert_eq!(values("k"), Ok(Values::Allowed));
        for (text, word) in [
            ("k=log(0,1,5)", "above 0"),
            ("k=lin(0,1,0)", "no values"),
            ("k=lin(0,1,2.5)", "whole number"),
            ("k=lin(1,0)", "empty"),
            ("k=linear(0,1,2)", "expected values"),
            ("k=lin(0,1,2", "expected values"),
            ("k=1,fast", "`fast`"),
            ("k=", "expected values"),
            ("=1", "a name"),
        ] {
            assert!(varied(text).is_err_and(|error| error.contains(word)), "{text}: {:?}", varied(text));
        }
    }

    #[test]
    fn grids_reach_their_ends() {
        let log = Values::Logarithmic(1e-3, 1e3, 7);
        let all: Vec<f64> = (0..7).map(|k| log.get(k)).collect();
        assert_eq!((all[0], all[6]), (1e-3, 1e3));
        assert!((all[3] - 1.0).abs() < 1e-14 && (all[1] / 1e-2 - 1.0).abs() < 1e-14, "{all:?}");
        assert_eq!(Values::Linear(2.0, 3.0, 1).get(0), 2.0);
    }
}
