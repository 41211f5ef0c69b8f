//! The runs of one thread: starts go in, solutions come out.

use super::super::problem::{Problem, SolveError, Start};
use super::super::reach::outside_data;
use crate::solve::{Lanes, Member, Number, Precision, Solution};

/// Receives the number of a run and what it came to.
type Done<'d> = dyn FnMut(usize, Result<Solution, SolveError>) + 'd;

impl Problem<'_> {
    /// Runs what `next` gives until it gives nothing; `done` is called once for each number, in any order. What this problem
    /// itself says of parameters and first values does not count. Several run at a time, side by side, where they can.
    pub(super) fn run_many(&self, next: &mut dyn FnMut() -> Option<(usize, Start)>, done: &mut Done) {
        let together = match self.options().precision {
            Precision::Double => self.lanes::<f64>().map(|lanes| self.run_lanes(lanes, next, done)),
            Precision::Single => self.lanes::<f32>().map(|lanes| self.run_lanes(lanes, next, done)),
        };
        if together.is_err() {
            while let Some((k, start)) = next() {
                done(k, self.run_told(start, None));
            }
        }
    }

    /// Lanes for runs with these settings.
    ///
    /// # Errors
    /// A sentence that says why they go one by one.
    pub(super) fn lanes<T: Number>(&self) -> Result<Lanes<'_, T>, String> {
        let checked = self.compiled().model().checked();
        let refuse = |when: bool, why: &str| if when { Err(why.to_string()) } else { Ok(()) };
        refuse(checked.lead_in.is_some(), "doses before the start are given to each")?;
        refuse(self.reduces(), "conserved sums have other values in each")?;
        refuse(!self.points_are_settled(), "the points to keep are found run by run")?;
        Lanes::new(self.compiled().system(), self.options())
    }

    fn run_lanes<T: Number>(
        &self,
        mut lanes: Lanes<T>,
        next: &mut dyn FnMut() -> Option<(usize, Start)>,
        done: &mut Done,
    ) {
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
        lanes.run(&mut next, &mut ended);
    }
}
