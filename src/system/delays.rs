//! Delays as data: which states are read at which other times, and where their values are expected.
//!
//! A system says the times as numbers ([`super::System::lags`], [`super::System::times`]) and the values before the start
//! ([`super::System::past`]); the solver puts the values of [`Delays::values`] into the bound parameters, from
//! [`Delays::places`] on, and their derivatives behind them, before it asks for f.

/// All that a system reads at other times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delays {
    /// The times.
    pub arguments: Vec<DelayArgument>,
    /// What is read at them.
    pub values: Vec<DelayedState>,
    /// Where in the bound parameters the values stand, and as many derivatives behind them.
    pub places: usize,
    /// How many numbers `lags` writes.
    pub lags: usize,
    /// How many numbers `times` writes.
    pub times: usize,
}

/// A time s at which something is read.
#[derive(Clone, Debug, PartialEq)]
pub struct DelayArgument {
    /// What is read at it, as written: `x(t - tau)`.
    pub name: String,
    /// Where it comes from.
    pub source: TimeSource,
    /// Whether f reads a derivative at it: then jumps of the derivative do not fade from lag to lag.
    pub neutral: bool,
}

/// Where a time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// s = t − τ with τ among the numbers of `lags`.
    Lag(usize),
    /// s among the numbers of `times`.
    Computed(usize),
}

/// A state at another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayedState {
    /// Which state.
    pub state: usize,
    /// The time, by place in [`Delays::arguments`].
    pub argument: usize,
    /// Whether the system says its past; else that is its value at the start.
    pub past: bool,
}

impl Delays {
    /// Whether f reads a derivative at another time.
    pub fn is_neutral(&self) -> bool {
        self.arguments.iter().any(|argument| argument.neutral)
    }
}
