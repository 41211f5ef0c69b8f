//! The steps a run has taken, told to whoever differentiates the run.
//!
//! A [`Recorder`] hears of every accepted step by which formula it was taken, and of every point that is kept. What a step
//! says of itself is small: its formula, its length, and the points at which implicit stages have converged; the rest
//! follows from the state before. Who listens costs nothing where nobody does.

use super::ErrorKind;
use super::collocation::Radau;
use super::esdirk::Esdirk;
use super::low_storage::LowStorage;
use super::methods::adams::AdamsStep;
use super::problem::Problem;
use super::rosenbrock::Rosenbrock;
use super::symplectic::Symplectic;
use super::tableau::Explicit;

/// How a step was computed from what the method carries.
#[derive(Clone)]
pub enum Formula {
    /// Stages one after the other; kept are their slopes times h but for that at the new point.
    Explicit(&'static Explicit),
    /// Stages with one factorisation; kept are the u.
    Rosenbrock(&'static Rosenbrock),
    /// Implicit stages one after the other; kept are the points of stages 2 to s.
    Esdirk(&'static Esdirk),
    /// Implicit stages all at once; kept are their points.
    Radau(&'static Radau),
    /// Backward differences; kept is the new point.
    Bdf(BdfStep),
    /// Predict, evaluate, correct, evaluate; kept are the prediction and the new point.
    Adams(Box<AdamsStep>),
    /// Stages in few vectors.
    LowStorage(&'static LowStorage),
    /// So many Chebyshev stages.
    Rkc(usize),
    /// Kicks and drifts.
    Symplectic(&'static Symplectic),
    /// The Nyström stages of DPRKN6.
    Nystrom,
    /// The Taylor series up to this order.
    Taylor(usize),
}

impl Formula {
    /// Whether what is kept of a step could be calculated once more.
    pub fn repeats(&self) -> bool {
        matches!(self, Formula::Explicit(_) | Formula::Rosenbrock(_))
    }
}

/// A step in backward differences.
#[derive(Clone, Default)]
pub struct BdfStep {
    /// The order of the step.
    pub order: usize,
    /// The step the first difference was made for, where the method has just started.
    pub first: f64,
    /// Changes of the step before it was taken: the order then, and the factor.
    pub changes: Changes,
}

/// A short list: what most steps have to note takes no memory of its own.
#[derive(Clone, Default)]
pub struct Changes {
    first: [(usize, f64); 4],
    len: usize,
    more: Vec<(usize, f64)>,
}

impl Changes {
    /// One more.
    pub fn push(&mut self, change: (usize, f64)) {
        match self.first.get_mut(self.len) {
            Some(place) => *place = change,
            None => self.more.push(change),
        }
        self.len += 1;
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.first.iter().take(self.len).chain(&self.more).copied()
    }

    fn clear(&mut self) {
        self.len = 0;
        self.more.clear();
    }
}

impl BdfStep {
    /// Before the first step; with room for as many changes as steps may see.
    pub fn with_room() -> Self {
        let changes = Changes { more: Vec::with_capacity(12), ..Changes::default() };
        BdfStep { order: 0, first: 0.0, changes }
    }

    /// Before anything has changed.
    pub fn begin(&mut self) {
        (self.order, self.first) = (0, 0.0);
        self.changes.clear();
    }
}

/// An accepted step.
#[derive(Clone)]
pub struct Taken {
    /// How.
    pub formula: Formula,
    /// From where.
    pub t: f64,
    /// How far.
    pub h: f64,
    /// The method started at t: it carries nothing but the state there.
    pub began: bool,
}

/// Where a point that is kept lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Where the run stands: at the start, at the end of the last step, or behind an event.
    Here,
    /// Inside the last step.
    Inside,
    /// Here, at a time that was asked for and at which something has just happened.
    Happening,
}

/// Why something happens just when it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// The watched function at this place is zero.
    Surface(usize),
    /// A time of the schedule: its place, and a place and how often for a period that is added. Without a place it is counted
    /// from the start.
    Time {
        /// Its place.
        first: Option<usize>,
        /// The place of a period, and how often it is added.
        period: Option<(usize, f64)>,
    },
    /// A delay is over; the ticket.
    Delay(usize),
    /// Something else that happens then, or the start of the run.
    Nothing,
}

/// What happens at a moment, turn by turn. The state and the parameters a turn is told with are those before it.
#[derive(Clone, Copy, Debug)]
pub enum Turn<'t> {
    /// The run has come to where events fire, branches change or the equations jump, for these reasons.
    Begin {
        /// The reasons that do not follow from each other.
        causes: &'t [Cause],
    },
    /// The right sides of an event are kept under a ticket.
    Keep {
        /// The ticket.
        ticket: usize,
        /// The event.
        group: usize,
        /// Its element.
        element: usize,
    },
    /// An event is put off by its delay.
    PutOff {
        /// The ticket under which one hears of it again.
        ticket: usize,
        /// The event.
        group: usize,
        /// Its element.
        element: usize,
    },
    /// An event is executed.
    Execute {
        /// The event.
        group: usize,
        /// Its element.
        element: usize,
        /// Why it fired.
        cause: Cause,
        /// What was kept of it.
        ticket: Option<usize>,
    },
    /// The rest of the state has followed what was set; told with the state behind it.
    Settle {
        /// The state before it followed.
        given: &'t [f64],
        /// The states that were set.
        set: &'t [usize],
    },
    /// The moment is over, and the run perhaps too; told with the state behind it.
    End {
        /// An event has ended the run.
        stopped: bool,
    },
}

/// A jump of the solution that a delay brings back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Echo {
    /// When the solution jumped.
    pub from: f64,
    /// The delay, by place.
    pub lag: usize,
}

/// A listener whose evaluations of f are told apart from the run's own: what a run decides by their number it decides alike whoever
/// listens.
pub struct Aside<'r>(pub &'r mut dyn Recorder);

impl Aside<'_> {
    fn apart<T>(&mut self, problem: &mut Problem, call: impl FnOnce(&mut dyn Recorder, &mut Problem) -> T) -> T {
        let before = problem.statistics.rhs;
        let value = call(self.0, problem);
        problem.aside += problem.statistics.rhs - before;
        value
    }
}

impl Recorder for Aside<'_> {
    fn start(&mut self, problem: &mut Problem, t: f64, given: &[f64], y: &[f64]) -> Result<(), ErrorKind> {
        self.apart(problem, |recorder, problem| recorder.start(problem, t, given, y))
    }

    fn reads_work(&self) -> bool {
        self.0.reads_work()
    }

    fn step(&mut self, problem: &mut Problem, taken: Taken, y: &[f64], points: &[f64]) -> Result<(), ErrorKind> {
        self.apart(problem, |recorder, problem| recorder.step(problem, taken, y, points))
    }

    fn found(&mut self, y: &[f64]) {
        self.0.found(y);
    }

    fn cut(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        self.apart(problem, |recorder, problem| recorder.cut(problem, t, y))
    }

    fn turn(&mut self, problem: &mut Problem, t: f64, y: &[f64], turn: Turn) -> Result<(), ErrorKind> {
        self.apart(problem, |recorder, problem| recorder.turn(problem, t, y, turn))
    }

    fn echo(&mut self, problem: &mut Problem, t: f64, f: [&[f64]; 2], echoes: &[Echo]) -> Result<(), ErrorKind> {
        self.apart(problem, |recorder, problem| recorder.echo(problem, t, f, echoes))
    }

    fn end(&mut self, problem: &mut Problem) {
        self.apart(problem, |recorder, problem| recorder.end(problem));
    }

    fn keep(&mut self, problem: &mut Problem, place: Place, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        self.apart(problem, |recorder, problem| recorder.keep(problem, place, t, y))
    }
}

/// Listens to a run.
pub trait Recorder {
    /// The run starts at (t, y), which `given` has become where there are constraints and algebraic unknowns. A run that another one leads
    /// to starts where that has ended.
    ///
    /// # Errors
    /// If the run cannot be followed.
    fn start(&mut self, problem: &mut Problem, t: f64, given: &[f64], y: &[f64]) -> Result<(), ErrorKind>;

    /// Whether the recorder makes use of what steps that are one function leave in their work buffers.
    fn reads_work(&self) -> bool {
        false
    }

    /// A step from the state `y` has been taken; `points` are what its formula keeps, one after the other, and behind them, for who
    /// reads it, what the step has left in its work buffer.
    ///
    /// # Errors
    /// If the run cannot be followed any further.
    fn step(&mut self, problem: &mut Problem, taken: Taken, y: &[f64], points: &[f64]) -> Result<(), ErrorKind>;

    /// What the method's dense output says inside the last step; told before what it becomes on the constraints is kept.
    fn found(&mut self, _y: &[f64]) {}

    /// The run goes on from (t, y) inside the last step, where something happens; the method starts anew behind.
    ///
    /// # Errors
    /// If the run cannot be followed any further.
    fn cut(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind>;

    /// Something happens at (t, y).
    ///
    /// # Errors
    /// If there is no derivative.
    fn turn(&mut self, problem: &mut Problem, t: f64, y: &[f64], turn: Turn) -> Result<(), ErrorKind>;

    /// A jump of the solution comes back at (t, y), by delays that parameters decide: f before and behind.
    ///
    /// # Errors
    /// If there is no derivative.
    fn echo(&mut self, _problem: &mut Problem, _t: f64, _f: [&[f64]; 2], _echoes: &[Echo]) -> Result<(), ErrorKind> {
        Ok(())
    }

    /// The run has reached its end.
    fn end(&mut self, _problem: &mut Problem) {}

    /// The point (t, y) is kept.
    ///
    /// # Errors
    /// If memory is short.
    fn keep(&mut self, problem: &mut Problem, place: Place, t: f64, y: &[f64]) -> Result<(), ErrorKind>;
}
