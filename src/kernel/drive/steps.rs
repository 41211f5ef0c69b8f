//! A step and what follows it: the next length, the constraints, what happens inside it, the rows it passes.

use super::locals::Run;
use super::memory::Cell;
use super::pace::{exp2, log2};
use super::{Drive, INCONSISTENT, STEP_TOO_SMALL, TOO_MANY_STEPS, Table};
use crate::kernel::control::{Expr, Local, Number, Writer, element, less, select, shifted};
use crate::system::LIMITS;
use crate::system::constants::{GROW, LEAST, SAFETY, SHRINK};

impl Drive {
    /// A step to try, and what its error makes of it.
    pub(super) fn step(&self, f: &mut Writer, run: &Run) {
        let Run { bound, here, next, before, spare, limits, stages, taken, old, t, t_old, .. } = *run;
        let Run { h, tried, error, log, factor, last, most, max_step, status, i, steps, rejected, end, .. } = *run;
        let n = self.n as i64;
        let alpha = 1.0 / f64::from(self.order + 1) - 0.75 * self.beta;
        // Ending where the run does.
        f.set(tried, h.least(max_step).most(Expr::from(0.0) - max_step));
        let left = end - t;
        f.set(tried, select(left.clone().size().at_most(tried.size() * 1.01), left.clone(), tried));
        f.store(limits, 0, tried);
        f.kernel("step", [t.into(), here.into(), bound.into(), limits.into(), stages.into(), next.into()]);
        f.set(error, element(next, n));
        if self.last.is_none() {
            // Bad pivots: a shorter step has a matrix nearer to the unit matrix.
            f.set(error, select(element(next, n + 1).differs(0.0), error, f64::NAN));
        }
        f.choose(
            error.at_most(1.0),
            |f| {
                f.set(steps, steps + 1.0);
                f.set(t_old, t);
                f.set(t, select(tried.equals(left), end, t + tried));
                rotate(f, [spare, before, here, next]);
                swap(f, [old, taken, stages]);
                if let Some(last) = self.last {
                    f.times(i, n, |f| f.store(stages, i, element(shifted(taken, last), i)));
                }
                log2(f, log, error.most(1e-10));
                exp2(f, factor, Expr::from(self.beta) * last - Expr::from(alpha) * log);
                f.set(factor, (Expr::from(SAFETY) * factor).most(SHRINK).least(most));
                f.set(most, GROW);
                f.set(last, select(Expr::from(LEAST.0).below(error), log, LEAST.1));
                // A step cut short by the end says nothing against the one that was wanted.
                let short = tried.size().below(h.size()).and((factor * tried.size()).below(h.size()));
                f.set(h, select(short, h, factor * tried));
                f.set(run.ready, 0);
                self.correct(f, run);
                f.when(less(status, 1), |f| match &self.events {
                    Some(table) if table.watched > 0 => self.look_along(f, run),
                    _ => self.save(f, run, self.events.as_ref()),
                });
            },
            |f| {
                f.set(rejected, rejected + 1.0);
                f.set(most, 1.0);
                f.choose(
                    error.below(f64::INFINITY),
                    |f| {
                        log2(f, log, error.into());
                        exp2(f, factor, Expr::from(-alpha) * log);
                        f.set(factor, (Expr::from(SAFETY) * factor).least(SAFETY).most(SHRINK));
                    },
                    |f| f.set(factor, 0.1),
                );
                f.set(h, tried * factor);
                self.set_least(f, run);
                f.when(h.size().below(run.least), |f| f.set(status, STEP_TOO_SMALL));
            },
        );
        let many = run.max_steps.at_most(steps + rejected).and(t.differs(run.t1));
        f.when(many.and(less(status, 1)), |f| f.set(status, TOO_MANY_STEPS));
    }

    /// Puts the state onto the constraints: it moves by no more than the error of the step, and f follows.
    fn correct(&self, f: &mut Writer, run: &Run) {
        let Run { memory, here, t, ready, .. } = *run;
        if self.constraints.is_none() {
            return;
        }
        f.call(ready, "project", vec![memory.into(), t.into(), here.into()]);
        f.when(less(ready, 0), |f| f.set(run.status, INCONSISTENT));
        f.when(less(0, ready), |f| {
            if self.settle.is_some() {
                // Where rounding stands in the way, the values of the step stay: the next step solves for them anyway.
                f.call(ready, "settle", vec![memory.into(), t.into(), here.into()]);
            }
            self.slope(f, run, t);
            if self.last.is_some() {
                // Explicit methods begin afresh.
                f.set(run.last, LEAST.1);
                f.set(run.most, GROW);
            }
        });
        f.set(ready, 0);
    }

    /// Looks for events inside the step just taken, which ends at the first.
    fn look_along(&self, f: &mut Writer, run: &Run) {
        let Run { memory, here, next, before, spare, stages, taken, old, t, t_old, h, tried, found, .. } = *run;
        let cells = shifted(memory, self.places().watch.cells);
        for (cell, value) in [(Cell::Before, t_old), (Cell::Length, tried), (Cell::Here, t)] {
            f.store(cells.clone(), cell as i64, value);
        }
        self.prepare(f, run);
        f.call(found, "inspect", vec![memory.into(), before.into(), here.into()]);
        f.choose(
            found.equals(f64::INFINITY),
            |f| {
                // More than can be told apart: back, and half of it.
                rotate(f, [spare, next, here, before]);
                swap(f, [old, taken, stages]);
                f.set(t, t_old);
                f.set(h, tried * 0.5);
                self.set_least(f, run);
                f.when(h.size().below(run.least), |f| f.set(run.status, STEP_TOO_SMALL));
            },
            |f| {
                f.when(found.equals(found), |f| {
                    f.set(t, found);
                    f.set(run.cut, 1);
                });
                self.save(f, run, self.events.as_ref());
            },
        );
    }

    /// The numbers of the step's interpolant; limits still hold the step taken.
    fn prepare(&self, f: &mut Writer, run: &Run) {
        let Run { bound: _, here, before, limits, taken, t_old, dense, ready, i, .. } = *run;
        f.times(i, self.n as i64, |f| f.store(shifted(limits, LIMITS + self.n), i, element(here, i)));
        f.kernel("prepare", [t_old.into(), before.into(), run.bound.into(), limits.into(), taken.into(), dense.into()]);
        f.set(ready, 1);
    }

    /// Writes the rows up to where the run stands; of those just there none if something happens, which comes first.
    pub(super) fn save(&self, f: &mut Writer, run: &Run, events: Option<&Table>) {
        let Run { memory, here, before, t, t_old, tried, ready, dense, work, row, more, at, .. } = *run;
        let happens = run.happens;
        if events.is_some() {
            f.set(happens, run.cut);
            f.when(less(happens, 1).and(t.equals(run.end)), |f| {
                f.call(happens, "is_due", vec![memory.into(), t.into()]);
            });
        }
        let pending = |f: &mut Writer| {
            // 1 if the next time to save is not beyond t.
            f.set(more, 0);
            f.when(less(run.saved, run.count), |f| {
                f.set(at, element(run.times, run.saved));
                f.when(Expr::from(0.0).at_most((t - at) * run.direction), |f| f.set(more, 1));
                if events.is_some() {
                    f.when(less(0, happens).and(at.equals(t)), |f| f.set(more, 0));
                }
            });
        };
        pending(f);
        f.repeat(less(0, more), |f| {
            f.choose(
                at.equals(t),
                |f| self.copy(f, run),
                |f| {
                    f.when(less(ready, 1), |f| self.prepare(f, run));
                    let theta = (at - t_old) / tried;
                    f.kernel("dense", [theta, before.into(), dense.into(), here.into(), work.into(), row.into()]);
                    // Methods interpolate less well than they compute; where that is too far off it stands as it is.
                    for (needed, repair) in [(self.constraints.is_some(), "project"), (self.settle.is_some(), "settle")]
                    {
                        if needed {
                            f.call(run.repaired, repair, vec![memory.into(), at.into(), row.into()]);
                        }
                    }
                },
            );
            self.record(f, run);
            pending(f);
        });
    }

    /// The state where the run stands, into the row.
    pub(super) fn copy(&self, f: &mut Writer, run: &Run) {
        f.times(run.i, self.n as i64, |f| f.store(run.row, run.i, element(run.here, run.i)));
    }

    /// The rest of a row at a time, behind the state; the next row.
    pub(super) fn record(&self, f: &mut Writer, run: &Run) {
        let Run { memory, bound, work, row, at, .. } = *run;
        if self.outputs > 0 {
            let behind = shifted(row, self.n);
            f.kernel("outputs", [at.into(), row.into(), bound.into(), memory.into(), work.into(), behind]);
        }
        f.set(row, shifted(row, self.row()));
        f.advance(run.saved);
    }
}

/// Pointers change places: the first gets what the second is, the second what the third is, and so on.
fn rotate(f: &mut Writer, [spare, a, b, c]: [Local; 4]) {
    f.set(spare, a);
    f.set(a, b);
    f.set(b, c);
    f.set(c, spare);
}

/// Two pointers change places.
fn swap(f: &mut Writer, [spare, a, b]: [Local; 3]) {
    f.set(spare, a);
    f.set(a, b);
    f.set(b, spare);
}
