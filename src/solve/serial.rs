//! Solutions as data for serde, feature `serde`: what is written, and what is checked when it is read again.
//!
//! Times, states, outputs and dense output are lists of numbers, names are `[name, [[first subscript, extent], …]]`. Formats
//! without NaN and infinity (JSON) cannot bring those back; serde_json brings back every bit with its feature `float_roundtrip`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Dense, Occurrence, Solution, Statistics};
use crate::system::{Names, Shape};

/// A name and per dimension the first subscript and the number of subscripts.
type Named = (String, Vec<(i64, usize)>);

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    times: Cow<'a, [f64]>,
    state_names: Vec<Named>,
    /// Column by column.
    states: Cow<'a, [f64]>,
    output_names: Vec<Named>,
    outputs: Cow<'a, [f64]>,
    events: Cow<'a, [Occurrence]>,
    event_names: Cow<'a, [String]>,
    stopped: bool,
    dense: Option<Cow<'a, Dense>>,
    statistics: Cow<'a, Statistics>,
}

impl Serialize for Solution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = |names: &Names| {
            names.blocks().iter().map(|block| (block.name.clone(), block.dims.clone())).collect::<Vec<Named>>()
        };
        let stored = Stored {
            times: Cow::Borrowed(&self.times),
            state_names: list(&self.shape.states),
            states: Cow::Borrowed(&self.states),
            output_names: list(&self.shape.outputs),
            outputs: Cow::Borrowed(&self.outputs),
            events: Cow::Borrowed(&self.events),
            event_names: Cow::Borrowed(&self.event_names),
            stopped: self.stopped,
            dense: self.dense.as_ref().map(Cow::Borrowed),
            statistics: Cow::Borrowed(&self.statistics),
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Solution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let len = stored.times.len();
        let columns = |what: &str, list: Vec<Named>, values: &[f64]| {
            let Some(names) = names(list) else {
                return Err(D::Error::custom(format!("the arrays of {what} have too many elements")));
            };
            match names.len().checked_mul(len) {
                Some(wanted) if wanted == values.len() => Ok(names),
                _ => Err(D::Error::custom(format!(
                    "{} {what} at {len} times are not {} numbers",
                    names.len(),
                    values.len()
                ))),
            }
        };
        let states = columns("states", stored.state_names, &stored.states)?;
        let outputs = columns("outputs", stored.output_names, &stored.outputs)?;
        if let Some(event) = stored.events.iter().find(|event| event.group >= stored.event_names.len()) {
            return Err(D::Error::custom(format!("event {} has no name", event.group)));
        }
        if stored.dense.as_ref().is_some_and(|dense| !dense.is_sound(states.len())) {
            return Err(D::Error::custom("the dense output is not one of these states"));
        }
        Ok(Solution {
            times: stored.times.into_owned(),
            states: stored.states.into_owned(),
            outputs: stored.outputs.into_owned(),
            shape: Arc::new(Shape { states, outputs, ..Shape::default() }),
            events: stored.events.into_owned(),
            event_names: stored.event_names.into_owned(),
            stopped: stored.stopped,
            dense: stored.dense.map(Cow::into_owned),
            statistics: stored.statistics.into_owned(),
        })
    }
}

/// Nothing where there are more elements than can be counted.
fn names(list: Vec<Named>) -> Option<Names> {
    let mut names = Names::default();
    for (name, dims) in list {
        let elements = dims.iter().try_fold(1usize, |product, (_, n)| product.checked_mul(*n))?;
        names.len().checked_add(elements)?;
        names.push(name, dims);
    }
    Some(names)
}
