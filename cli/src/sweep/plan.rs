//! What a sweep is: everything that its result depends on, so that a journal can tell whether it belongs to it, and the result
//! can be made of journals alone.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use super::design::Indices;

/// What is kept of the trajectories.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// The values at the end.
    Final,
    /// Those at these times.
    Times(Vec<f64>),
    /// Quantiles over all trajectories at these times, of these probabilities.
    Quantiles(Vec<f64>, Vec<f64>),
    /// The events.
    Events,
}

/// One of several equal parts of a sweep: every so manyth trajectory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub number: u64,
    /// Of how many.
    pub of: u64,
}

impl Shard {
    /// The whole.
    pub const ALL: Shard = Shard { number: 1, of: 1 };

    /// The trajectory that is number `k` of this part.
    pub fn trajectory(self, k: u64) -> u64 {
        self.number - 1 + self.of * k
    }

    /// How many of `count` trajectories are in it.
    pub fn share(self, count: u64) -> u64 {
        (count + self.of - self.number) / self.of
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text
            .split_once('/')
            .and_then(|(number, of)| Some(Shard { number: number.trim().parse().ok()?, of: of.trim().parse().ok()? }));
        match parsed {
            Some(shard) if 1 <= shard.number && shard.number <= shard.of => Ok(shard),
            Some(shard) => Err(format!("there is no shard {} of {}; they are counted from 1", shard.number, shard.of)),
            None => Err(format!("expected a shard such as `2/8`, found `{text}`")),
        }
    }
}

/// An axis of a grid, for figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub values: Vec<f64>,
    pub log: bool,
}

/// A sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The model's name.
    pub model: String,
    /// A checksum of its text, and of the texts and data it uses.
    pub text: String,
    /// Span, method, tolerances and what else changes numbers.
    pub settings: String,
    /// The values of the trajectories.
    pub design: String,
    /// The independent variable's name.
    pub independent: String,
    /// What varies: parameters, and `first x` for the first value of x.
    pub varied: Vec<String>,
    /// The states and outputs that are kept.
    pub columns: Vec<String>,
    pub kept: Kept,
    /// Of which they are to be sensitivities.
    pub indices: Option<Indices>,
    /// Trajectories of the whole.
    pub count: u64,
    pub shard: Shard,
    /// Of a grid that is not too fine.
    pub axes: Vec<Axis>,
}

impl Plan {
    /// Trajectories of this part.
    pub fn share(&self) -> u64 {
        self.shard.share(self.count)
    }

    /// Times of each trajectory's rows; empty at its end.
    pub fn times(&self) -> &[f64] {
        match &self.kept {
            Kept::Times(times) | Kept::Quantiles(times, _) => times,
            Kept::Final | Kept::Events => &[],
        }
    }

    /// What another plan does otherwise, as a clause; none where it is a part of the same sweep.
    pub fn difference(&self, other: &Plan) -> Option<&'static str> {
        let same = [
            (self.text == other.text && self.model == other.model, "the model is another"),
            (self.settings == other.settings, "span, tolerances or other settings differ"),
            (self.design == other.design && self.count == other.count, "the values of the parameters differ"),
            (self.kept == other.kept && self.columns == other.columns, "what is kept differs"),
            (self.indices == other.indices, "the indices asked for differ"),
        ];
        same.iter().find(|(same, _)| !same).map(|(_, clause)| *clause)
    }

    /// As a line of text.
    pub fn to_json(&self) -> Value {
        let (kept, times, probabilities) = match &self.kept {
            Kept::Final => ("final", &[][..], &[][..]),
            Kept::Times(times) => ("times", times.as_slice(), &[][..]),
            Kept::Quantiles(times, probabilities) => ("quantiles", times.as_slice(), probabilities.as_slice()),
            Kept::Events => ("events", &[][..], &[][..]),
        };
        let axes: Vec<Value> =
            self.axes.iter().map(|axis| json!({ "values": numbers(&axis.values), "log": axis.log })).collect();
        json!({
            "model": self.model, "text": self.text, "settings": self.settings, "design": self.design,
            "independent": self.independent, "varied": self.varied, "columns": self.columns,
            "kept": kept, "times": numbers(times), "probabilities": numbers(probabilities),
            "indices": self.indices.map(|indices| format!("{indices:?}")),
            "count": self.count, "shard": self.shard.to_string(), "axes": axes,
        })
    }

    /// Back from text.
    pub fn from_json(value: &Value) -> Option<Plan> {
        let text = |key: &str| value[key].as_str().map(str::to_string);
        let texts = |key: &str| -> Option<Vec<String>> {
            value[key].as_array()?.iter().map(|v| v.as_str().map(str::to_string)).collect()
        };
        let (times, probabilities) = (list(&value["times"])?, list(&value["probabilities"])?);
        let kept = match value["kept"].as_str()? {
            "final" => Kept::Final,
            "times" => Kept::Times(times),
            "quantiles" => Kept::Quantiles(times, probabilities),
            "events" => Kept::Events,
            _ => return None,
        };
        let indices = match value["indices"].as_str() {
            Some("Sobol") => Some(Indices::Sobol),
            Some("Morris") => Some(Indices::Morris),
            _ => None,
        };
        let axis = |v: &Value| Some(Axis { values: list(&v["values"])?, log: v["log"].as_bool()? });
        Some(Plan {
            model: text("model")?,
            text: text("text")?,
            settings: text("settings")?,
            design: text("design")?,
            independent: text("independent")?,
            varied: texts("varied")?,
            columns: texts("columns")?,
            kept,
            indices,
            count: value["count"].as_u64()?,
            shard: value["shard"].as_str()?.parse().ok()?,
            axes: value["axes"].as_array()?.iter().map(axis).collect::<Option<_>>()?,
        })
    }
}

/// Numbers as texts, which read back as the same numbers.
fn numbers(list: &[f64]) -> Value {
    list.iter().map(|x| format!("{x:?}")).collect()
}

fn list(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(|v| v.as_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_everything() {
        for (count, of) in [(10, 3), (2, 5), (0, 1), (9, 3)] {
            let shards = (1..=of).map(|number| Shard { number, of });
            let mut all: Vec<u64> = shards.flat_map(|s| (0..s.share(count)).map(move |k| s.trajectory(k))).collect();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
        assert_eq!("2/3".parse(), Ok(Shard { number: 2, of: 3 }));
        for bad in ["0/3", "4/3", "2", "a/b", "2/0"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn plans_read_back() {
        let plan = Plan {
            model: "m".into(),
            text: "1".into(),
            settings: "s".into(),
            design: "d".into(),
            independent: "t".into(),
            varied: vec!["k".into(), "first x".into()],
            columns: vec!["x".into()],
            kept: Kept::Quantiles(vec![0.1 + 0.2, 1e300], vec![0.05, 0.5]),
            indices: Some(Indices::Morris),
            count: 7,
            shard: Shard { number: 2, of: 3 },
            axes: vec![Axis { values: vec![1.0 / 3.0], log: true }],
        };
        let text = plan.to_json().to_string();
        assert_eq!(serde_json::from_str(&text).ok().as_ref().and_then(Plan::from_json), Some(plan.clone()));
        assert_eq!(plan.difference(&Plan { shard: Shard::ALL, ..plan.clone() }), None);
        assert_eq!(plan.difference(&Plan { count: 8, ..plan.clone() }), Some("the values of the parameters differ"));
    }
}
