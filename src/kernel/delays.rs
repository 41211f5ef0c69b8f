//! Delays lowered: which kernels' numbers are the times, and the table that says what is read at them.

use super::events::Numbers;
use super::lower::FlatPlace;
use crate::expr::{IndexRange, Subscript, for_each_turn};
use crate::model::{Model, Symbol};
use crate::system::{DelayArgument, DelayedState, Delays, TimeSource};

/// Delays to be: the table without the elements of arrays, which [`DelayPlan::delays`] lists.
#[derive(Clone, Debug, Default)]
pub struct DelayPlan {
    /// Per time: what is read at it, its indices, where it comes from for the first element, whether it is neutral.
    arguments: Vec<(String, Vec<IndexRange>, TimeSource, bool)>,
    values: Vec<Value>,
    places: usize,
    lags: usize,
    times: usize,
    /// Number of all times and of all values.
    pub counts: (usize, usize),
}

#[derive(Clone, Debug)]
struct Value {
    ranges: Vec<IndexRange>,
    state: FlatPlace,
    argument: FlatPlace,
    past: bool,
}

/// What the kernels `lags` and `times` compute.
#[derive(Clone, Debug, Default)]
pub(super) struct DelayNumbers {
    pub lags: Numbers,
    pub times: Numbers,
}

impl DelayPlan {
    /// The plan, and what is to be computed for it.
    pub(super) fn new(model: &Model, symbols: &[Symbol], places: usize) -> (Self, DelayNumbers) {
        let (mut plan, mut numbers) = (DelayPlan { places, ..DelayPlan::default() }, DelayNumbers::default());
        for argument in &model.delays.arguments {
            let source = match argument.lag {
                Some(lag) => TimeSource::Lag(numbers.lags.add(&argument.ranges, lag)),
                None => TimeSource::Computed(numbers.times.add(&argument.ranges, argument.value)),
            };
            plan.arguments.push((argument.text.clone(), argument.ranges.clone(), source, argument.neutral));
            plan.counts.0 += argument.ranges.iter().map(|r| r.len()).product::<usize>();
        }
        for delayed in &model.delays.values {
            let argument = &model.delays.arguments[delayed.argument];
            let plain = |affine: &crate::expr::Affine| Subscript { affine: affine.clone(), wrap: false };
            let own: Vec<Subscript> = delayed.subscripts.iter().map(plain).collect();
            let time = |r: &IndexRange| plain(&crate::expr::Affine::var(r.var));
            let times: Vec<Subscript> = argument.ranges.iter().map(time).collect();
            plan.values.push(Value {
                ranges: delayed.ranges.clone(),
                state: FlatPlace::new(symbols, delayed.state, &own),
                argument: FlatPlace::new(symbols, argument.symbol, &times),
                past: model.delays.histories.iter().any(|h| h.state == delayed.state),
            });
            plan.counts.1 += delayed.len();
        }
        (plan.lags, plan.times) = (numbers.lags.len, numbers.times.len);
        (plan, numbers)
    }

    /// Whether nothing is read at other times.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The table with all elements.
    pub fn delays(&self) -> Delays {
        let mut delays = Delays { places: self.places, lags: self.lags, times: self.times, ..Delays::default() };
        for (name, ranges, source, neutral) in &self.arguments {
            let len: usize = ranges.iter().map(|r| r.len()).product();
            for k in 0..len {
                let source = match *source {
                    TimeSource::Lag(first) => TimeSource::Lag(first + k),
                    TimeSource::Computed(first) => TimeSource::Computed(first + k),
                };
                delays.arguments.push(DelayArgument { name: name.clone(), source, neutral: *neutral });
            }
        }
        for value in &self.values {
            for_each_turn(&value.ranges, |indices| {
                delays.values.push(DelayedState {
                    state: value.state.at(indices),
                    argument: value.argument.at(indices),
                    past: value.past,
                });
            });
        }
        delays
    }
}
