//! Whether a run stays within the data of its inputs.

use std::fmt;

use crate::expr::{Environment, Evaluator, Node, SymbolId, turns};
use crate::model::{Kind, Model};

/// A run would ask an input for values beyond its points.
#[derive(Clone, Debug, PartialEq)]
pub struct OutsideData {
    /// The input.
    pub input: String,
    /// The file of its points.
    pub file: String,
    /// Its first and last point.
    pub range: (f64, f64),
    /// The least and the greatest argument of the run.
    pub asked: (f64, f64),
}

impl fmt::Display for OutsideData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutsideData { input, file, range, asked } = self;
        write!(
            f,
            "the data of input `{input}` ({file}) go from {} to {}, and the run asks for it from {} to {}",
            range.0, range.1, asked.0, asked.1
        )
    }
}

impl std::error::Error for OutsideData {}

/// So many elements of an array's argument are looked at.
const MOST_ELEMENTS: usize = 10_000;

/// The first input that a run from t0 to t1 would ask for more than its data, given all parameters.
pub fn outside_data(model: &Model, parameters: &[f64], t0: f64, t1: f64) -> Option<OutsideData> {
    model.reaches.iter().find_map(|reach| {
        let curve = model.graph.curve(reach.curve);
        let mut asked = (f64::INFINITY, f64::NEG_INFINITY);
        // As most are; nothing has to be evaluated for it.
        let of_time = model.graph.node(reach.argument) == Node::Time;
        if of_time {
            asked = (t0.min(t1), t0.max(t1));
        }
        for indices in turns(&reach.ranges).take(if of_time { 0 } else { MOST_ELEMENTS }) {
            for time in [t0, t1] {
                let environment = At { model, parameters, time };
                let value = Evaluator::new(&model.graph, &environment, indices.clone()).value(reach.argument);
                asked = (asked.0.min(value), asked.1.max(value));
            }
        }
        // Rounding of a shift is no reason.
        let slack = 1e-9 * (t1 - t0).abs();
        let range = curve.range();
        (asked.0 < range.0 - slack || asked.1 > range.1 + slack).then(|| {
            let file = model.inputs.iter().find(|input| input.curve == reach.curve).map(|input| input.file.clone());
            OutsideData { input: curve.name().to_string(), file: file.unwrap_or_default(), range, asked }
        })
    })
}

struct At<'a> {
    model: &'a Model,
    parameters: &'a [f64],
    time: f64,
}

impl Environment for At<'_> {
    fn time(&self) -> f64 {
        self.time
    }

    /// What is no parameter is not known yet: nothing is concluded from it.
    fn element(&self, symbol: SymbolId, subscripts: &[i64]) -> f64 {
        let symbol = self.model.symbol(symbol);
        match symbol.kind {
            Kind::Parameter => {
                self.parameters.get(symbol.offset + symbol.place(subscripts)).copied().unwrap_or(f64::NAN)
            }
            _ => f64::NAN,
        }
    }
}
