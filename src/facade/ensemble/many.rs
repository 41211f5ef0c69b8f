//! The runs of one thread: starts go in, solutions come out.

use super::super::problem::{Problem, SolveError, Start};
use super::super::reach::outside_data;
use crate::solve::{Abreast, Failure, Lanes, Member, Precision, Solution};

/// Receives the number of a run and what it came to.
type Done<'d> = dyn FnMut(usize, Result<Solution, SolveError>) + 'd;

/// Runs between whose steps something happens go side by side if they have so many equations: steps of fewer take less time than
/// their way into lanes and out of them (`cargo bench --bench ensembles -- --abreast`).
const FEW: usize = 4;

/// Runs that go side by side.
pub(super) enum Together<'a> {
    /// Nothing happens between their steps.
    Plain(Lanes<'a>),
    /// The same in single precision.
    Single(Lanes<'a, f32>),
    /// Events, switches or changes of method may.
    Abreast(Abreast<'a>),
}

impl Together<'_> {
    /// How many go side by side.
    pub(super) fn width(&self) -> usize {
        match self {
            Together::Plain(lanes) => lanes.width(),
            Together::Single(lanes) => lanes.width(),
            Together::Abreast(lanes) => lanes.width(),
        }
    }

    fn run(
        &mut self,
        next: &mut dyn FnMut() -> Option<Member>,
        done: &mut dyn FnMut(usize, Result<Solution, Failure>),
    ) {
        match self {
            Together::Plain(lanes) => lanes.run(next, done),
            Together::Single(lanes) => lanes.run(next, done),
            Together::Abreast(lanes) => lanes.run(next, done),
        }
    }
}

impl Problem<'_> {
    /// Runs what `next` gives until it gives nothing; `done` is called once for each number, in any order. What this problem
    /// itself says of parameters and first values does not count. Several run at a time, side by side, where they can.
    pub(super) fn run_many(&self, next: &mut dyn FnMut() -> Option<(usize, Start)>, done: &mut Done) {
        let Ok(mut together) = self.together() else {
            while let Some((k, start)) = next() {
                done(k, self.run_told(start, None));
            }
            return;
        };
        let checked = self.compiled().model().checked();
        let (t0, t1) = (self.options().t0, self.options().t1);
        // Both closures hand over what has ended.
        let done = std::cell::RefCell::new(done);
        let mut next = || loop {
            let (number, Start { bound: p, y }) = next()?;
            match outside_data(checked, &p, t0, t1) {
                None => return Some(Member { number, y, p }),
                Some(outside) => (*done.borrow_mut())(number, Err(SolveError::OutsideData(outside))),
            }
        };
        let mut ended = |number, result: Result<Solution, _>| {
            (*done.borrow_mut())(number, result.map_err(SolveError::Failed));
        };
        together.run(&mut next, &mut ended);
    }

    /// Lanes for runs with these settings.
    ///
    /// # Errors
    /// A sentence that says why they go one by one.
    pub(super) fn together(&self) -> Result<Together<'_>, String> {
        let checked = self.compiled().model().checked();
        let refuse = |when: bool, why: &str| if when { Err(why.to_string()) } else { Ok(()) };
        refuse(checked.lead_in.is_some(), "doses before the start are given to each")?;
        refuse(self.reduces(), "conserved sums have other values in each")?;
        refuse(!self.points_are_settled(), "the points to keep are found run by run")?;
        let (system, options) = (self.compiled().system(), self.options());
        if options.precision == Precision::Single {
            return Lanes::new(system, options).map(Together::Single);
        }
        match Lanes::new(system, options) {
            Ok(lanes) => Ok(Together::Plain(lanes)),
            Err(_) => {
                let lanes = Abreast::new(system, options)?;
                refuse(
                    system.shape().dim() < FEW,
                    "steps of so few equations take less time than their way into lanes",
                )?;
                Ok(Together::Abreast(lanes))
            }
        }
    }
}
