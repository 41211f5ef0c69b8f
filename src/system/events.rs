//! Events as data: which functions of (t, y) are watched, what makes an event fire, and what it sets.
//!
//! A system gives numbers ([`super::System::surfaces`], [`super::System::resets`], [`super::System::schedule`]); this
//! table says what they mean. Events over an index set are one [`EventGroup`] of many elements; element k finds its
//! numbers k places behind those of element 0, so that the table does not grow with the index set but for
//! [`Assignment::places`].
//!
//! Order: events that fire at the same time are executed one after the other, higher priority first, then in the order of
//! the table, then by element. Each one's right sides see what the ones before it have set.

use std::sync::OnceLock;

use super::Names;
pub use crate::math::Logic;

/// All events of a system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    /// In the order of execution where priorities are equal.
    pub groups: Vec<EventGroup>,
    /// The watched functions, in blocks of one per element; together they are what `surfaces` writes.
    pub surfaces: Vec<Surface>,
    /// How many numbers `resets` writes: right sides, delays and priorities.
    pub values: usize,
    /// How many numbers `schedule` writes: times and periods.
    pub times: usize,
    /// Times at which f, or a watched function, jumps or has a kink.
    pub stops: Vec<Stop>,
    /// Switches of f whose branch is fixed within a step, those that others read first.
    pub modes: Vec<ModeGroup>,
}

impl Events {
    /// There are none.
    pub(crate) fn none() -> &'static Events {
        static NONE: OnceLock<Events> = OnceLock::new();
        NONE.get_or_init(Events::default)
    }
}

/// The mode of a switch of f, or one per element of an index set: a number among the parameters, 0 where f decides by
/// itself at every point. The functions it watches are smooth as long as modes that are not 0 do not change.
#[derive(Clone, Debug, PartialEq)]
pub struct ModeGroup {
    /// The switch as a person reads it: `x > 1`.
    pub name: String,
    /// First subscript and extent per index; none for a single switch.
    pub dims: Vec<(i64, usize)>,
    /// Where element 0's mode stands among the parameters, counted from [`super::Shape::discretes_at`].
    pub mode: usize,
    /// What decides it.
    pub watch: Watch,
}

/// What decides a mode, by places of element 0 among the numbers of `surfaces`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// The sign of this function, −1 or 1.
    Side(usize),
    /// The level k of a quantity x, a whole number such as k ≤ x < k + 1: the mode is k + 1 from 0 on, k below.
    Level {
        /// x less the beginning of the level; where the mode is 0 a number whose floor is k.
        above: usize,
        /// The end of the level less x.
        below: usize,
    },
}

/// Times at which a step ends and nothing is executed; by places among the numbers of `schedule`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// One time.
    At(usize),
    /// All times `from + k·period` of the run, k whole; the period may be negative.
    Every {
        /// One of them.
        from: usize,
        /// The distance.
        period: usize,
    },
}

/// A function g(t, y, p) whose sign matters, one per element of its group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// The place of element 0 among the numbers of `surfaces`.
    pub first: usize,
    /// How many elements.
    pub len: usize,
    /// Its degree as a polynomial in (t, y) together; none if it is none.
    pub degree: Option<u8>,
}

/// One event, or one per element of an index set.
#[derive(Clone, Debug, PartialEq)]
pub struct EventGroup {
    /// As a person reads it: `when h < 0`; of many elements the blocks of [`Names`] say which.
    pub name: String,
    /// First subscript and extent per index; none for a single event.
    pub dims: Vec<(i64, usize)>,
    /// When it fires.
    pub trigger: Trigger,
    /// What it sets, all at once.
    pub assignments: Vec<Assignment>,
    /// Whether it ends the run.
    pub stop: bool,
    /// The place of element 0's delay among the numbers of `resets`.
    pub delay: Option<usize>,
    /// The place of element 0's priority among the numbers of `resets`; without one it is 0.
    pub priority: Option<usize>,
    /// Whether it is executed though its condition no longer holds when its turn comes.
    pub persistent: bool,
    /// Whether right sides are evaluated when the condition becomes true rather than when the event is executed.
    pub values_at_trigger: bool,
    /// Whether it fires at the start of the run if the condition holds there.
    pub at_start: bool,
}

/// What makes an event fire.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// A condition on the signs of watched functions becomes true; in postfix order.
    Condition(Vec<Logic>),
    /// Times among the numbers of `schedule`, each the place of element 0.
    At(Vec<usize>),
    /// From one time, every so much, up to another (included); places of element 0 among the numbers of `schedule`.
    Every {
        /// The distance.
        period: usize,
        /// The first time; the start of the run if none is given.
        from: Option<usize>,
        /// The last time; the end of the run if none is given.
        to: Option<usize>,
    },
}

/// `target := value`
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Whether the target is a state; else it is a discrete quantity.
    pub state: bool,
    /// Per element, the target's place among the states or the discrete quantities.
    pub places: Vec<usize>,
    /// The place of element 0's value among the numbers of `resets`.
    pub value: usize,
}

impl EventGroup {
    /// One event of this name with nothing to do yet.
    pub fn new(name: impl Into<String>, trigger: Trigger) -> Self {
        EventGroup {
            name: name.into(),
            dims: Vec::new(),
            trigger,
            assignments: Vec::new(),
            stop: false,
            delay: None,
            priority: None,
            persistent: false,
            values_at_trigger: false,
            at_start: false,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.dims.iter().map(|(_, n)| n).product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of an element.
    pub fn element(&self, k: usize) -> String {
        element(&self.name, &self.dims, k)
    }
}

impl ModeGroup {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.dims.iter().map(|(_, n)| n).product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of an element.
    pub fn element(&self, k: usize) -> String {
        element(&self.name, &self.dims, k)
    }
}

fn element(name: &str, dims: &[(i64, usize)], k: usize) -> String {
    if dims.is_empty() {
        return name.to_string();
    }
    let mut names = Names::default();
    names.push("", dims.to_vec());
    format!("{name} {}", names.get(k))
}
