//! A whole integration as one function: the drive loop of a one-step method around its compiled step, for models compiled
//! ahead of time.
//!
//! The same formulas as `solve`: the first step and the step-size control of H&N&W II.4, steps that end where the run does
//! or something happens, dense output. What it needs it finds in one stretch of memory of its caller's; it calls nothing
//! but kernels and the functions beside it: `events` (with `series`, `locate`, `clock`) and `lookup` for curves.

mod algebraic;
mod clock;
mod events;
mod locals;
mod locate;
mod lookup;
mod memory;
mod pace;
mod projection;
mod series;
mod steps;

use super::control::{
    Expr, Function, Kind, Local, Number, Whole, Writer, converted, element, is_null, less, needed, same, select,
    shifted, whole,
};
use crate::system::constants::{GROW, LEAST, MARGIN};
use crate::system::{EXTRA, LIMITS};
pub use events::Table;
use locals::Run;
pub use lookup::lookup;
use memory::Cell;
use pace::Start;
pub use projection::Constraints;

/// Sizes of a model and its method.
#[derive(Clone, Debug, Default)]
pub struct Drive {
    /// States.
    pub n: usize,
    /// Parameters.
    pub parameters: usize,
    /// Discrete quantities, which stand behind them.
    pub discretes: usize,
    /// All that is bound: these, and what follows from parameters.
    pub bound: usize,
    /// Recorded quantities.
    pub outputs: usize,
    /// Numbers a step needs in `w`.
    pub stages: usize,
    /// Of explicit methods, the place in `w` of f at the new point; Rosenbrock methods leave it behind the state.
    pub last: Option<usize>,
    /// Numbers of the interpolant.
    pub dense: usize,
    /// Work of all other kernels.
    pub work: usize,
    /// Order of the error estimate (error ~ h^(order+1)).
    pub order: u32,
    /// β of the step-size controller.
    pub beta: f64,
    /// Of models with algebraic equations, numbers that solving them needs in `w`.
    pub settle: Option<usize>,
    /// What differentiation of its equations has left.
    pub constraints: Option<Constraints>,
    /// What happens along the way.
    pub events: Option<Table>,
    /// Used where the caller says nothing.
    pub defaults: Defaults,
}

/// What a run uses where its caller says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults {
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerance.
    pub atol: f64,
    /// Steps, rejected ones included.
    pub max_steps: f64,
    /// Whether steps run over the switches of the equations as if there were none; the caller has no say in this.
    pub over_switches: bool,
}

/// What `solve` returns.
pub const STATUSES: [(&str, &str); 8] = [
    ("DONE", "the end was reached"),
    (
        "INVALID",
        "a pointer is null, a number not finite, times are out of order or outside the span, or an event's time is no number",
    ),
    ("NOT_FINITE", "the right-hand side is not finite where the run begins"),
    ("STEP_TOO_SMALL", "no step is small enough: the solution ends here, or f is not finite beyond"),
    ("TOO_MANY_STEPS", "max_steps was reached"),
    ("STOPPED", "an event has ended the run; the last row, if there is room for it, is where"),
    ("FOR_EVER", "events cause each other for ever, or follow each other without getting anywhere"),
    ("INCONSISTENT", "no values near the given ones satisfy the algebraic equations"),
];
const INVALID: i64 = 1;
const NOT_FINITE: i64 = 2;
const STEP_TOO_SMALL: i64 = 3;
const TOO_MANY_STEPS: i64 = 4;
const STOPPED: i64 = 5;
const FOR_EVER: i64 = 6;
const INCONSISTENT: i64 = 7;

/// Fields of the options, in order; 0 means the default.
pub const OPTIONS: [(&str, &str); 5] = [
    ("rtol", "relative tolerance"),
    ("atol", "absolute tolerance"),
    ("first_step", "length of the first step to try; 0: chosen"),
    ("max_step", "greatest length of a step; 0: none"),
    ("max_steps", "number of steps, rejected ones included"),
];

/// Fields of the statistics, in order.
pub const STATISTICS: [(&str, &str); 5] = [
    ("steps", "accepted steps"),
    ("rejected", "rejected steps"),
    ("t", "where the run ended"),
    ("saved", "rows written"),
    ("events", "events executed"),
];

impl Drive {
    /// All functions of the integration; the last is what a host calls.
    pub fn functions(&self) -> Vec<Function> {
        let mut functions: Vec<Function> = self.settle.map(|_| self.settle()).into_iter().collect();
        functions.extend(self.constraints.iter().flat_map(|own| self.projection_functions(own)));
        functions.extend(self.events.iter().flat_map(|table| table.functions(self)));
        functions.push(self.solve());
        needed(functions)
    }

    /// The function `solve(p, y0, t0, t1, times, count, out, memory, options, statistics)`.
    ///
    /// `out` gets a row of n states and the recorded quantities for each of the `count` times, which lie in
    /// the span, in its direction; `y0` may be null (the model's own initial values), `options` and `statistics` too.
    fn solve(&self) -> Function {
        use Kind::{Count, Pointer, Real};
        let (mut f, parameters) = Writer::new(
            "solve",
            Count,
            [
                ("p", Pointer),
                ("y0", Pointer),
                ("t0", Real),
                ("t1", Real),
                ("times", Pointer),
                ("count", Count),
                ("out", Pointer),
                ("memory", Pointer),
                ("options", Pointer),
                ("statistics", Pointer),
            ],
        );
        let [p, y0, t0, t1, times, count, out, memory, options, statistics] = parameters;
        let null = is_null(memory).or(less(0, count).and(is_null(times).or(is_null(out))));
        let null = if self.parameters > 0 { null.or(is_null(p)) } else { null };
        f.when(null, |f| f.give(INVALID));
        f.when(t0.finite().and(t1.finite()).negated().or(t0.equals(t1)), |f| f.give(INVALID));
        if self.events.as_ref().is_some_and(|table| !table.events.groups.is_empty()) {
            // What events set cannot be undone.
            f.when(t1.below(t0), |f| f.give(INVALID));
        }
        let run = Run::new(self, &mut f, parameters);
        let Run { i, direction, here, next, bound, limits, work, t, .. } = run;
        check_times(&mut f, [t0, t1, direction, i, times, count]);
        self.options(&mut f, &run, options);
        f.store(limits, 1, run.rtol);
        f.store(limits, 2, t0.least(t1));
        f.store(limits, 3, t0.most(t1));
        f.times(i, self.n as i64, |f| f.store(shifted(limits, LIMITS), i, run.atol));
        self.set_out(&mut f, &run, [p, y0, t0]);
        self.set_least(&mut f, &run);
        f.set(run.h, run.first * direction);
        if self.events.is_some() {
            f.call(run.status, "begin", vec![memory.into(), t0.into(), t1.into(), here.into()]);
            f.when(less(0, run.status), |f| f.give(run.status));
            self.happen(&mut f, &run);
        }
        let start = |f: &mut Writer| {
            self.slope(f, &run, t);
            f.when(run.h.equals(0.0).and(less(run.status, 1)), |f| {
                let span = f.real("span", (run.end - t).size());
                let Run { rtol, atol, max_step, least, h, .. } = run;
                let start = Start {
                    here,
                    slope: run.slope,
                    next,
                    work,
                    limits,
                    rtol,
                    atol,
                    max_step,
                    least,
                    direction,
                    t,
                    span,
                    i,
                };
                self.first_step(f, h, &start, bound);
            });
        };
        if self.events.is_none() {
            start(&mut f);
            f.when(less(0, run.status), |f| f.give(run.status));
        }
        self.save(&mut f, &run, None);
        match self.events {
            None => f.repeat(t.differs(t1).and(less(run.status, 1)), |f| self.step(f, &run)),
            Some(_) => f.repeat(t.differs(t1).and(less(run.status, 1)), |f| {
                self.start_stretch(f, &run);
                start(f);
                f.set(run.cut, 0);
                f.repeat(t.differs(run.end).and(less(run.status, 1)).and(less(run.cut, 1)), |f| self.step(f, &run));
                self.end_stretch(f, &run);
            }),
        }
        f.when(is_null(statistics).negated(), |f| {
            f.store(statistics, 0, run.steps);
            f.store(statistics, 1, run.rejected);
            f.store(statistics, 2, t);
            f.store(statistics, 3, converted(run.saved));
            f.store(statistics, 4, self.executed(memory));
        });
        f.finish(run.status)
    }

    /// How many events were executed.
    fn executed(&self, memory: Local) -> Expr {
        match &self.events {
            Some(_) => element(shifted(memory, self.places().watch.cells), Cell::Executed as i64),
            None => 0.0.into(),
        }
    }

    /// What the caller asks for, else the defaults.
    fn options(&self, f: &mut Writer, run: &Run, options: Local) {
        let Run { rtol, atol, first, max_step, max_steps, .. } = *run;
        let Defaults { rtol: relative, atol: absolute, max_steps: most, .. } = self.defaults;
        let all = [(rtol, relative), (atol, absolute), (first, 0.0), (max_step, f64::INFINITY), (max_steps, most)];
        for (k, (local, default)) in all.into_iter().enumerate() {
            f.set(local, default);
            f.when(is_null(options).negated(), |f| {
                let given = element(options, k as i64);
                f.when(given.clone().differs(0.0), |f| f.set(local, given));
            });
        }
        let sound = |x: Local| Expr::from(0.0).at_most(x);
        let good = Expr::from(1e-14).at_most(rtol).and(rtol.below(1.0)).and(atol.finite()).and(sound(atol));
        let good = good.and(first.finite()).and(sound(first)).and(sound(max_step)).and(sound(max_steps));
        f.when(good.negated(), |f| f.give(INVALID));
    }

    /// The parameters and what follows from them, the discrete quantities, the state.
    fn set_out(&self, f: &mut Writer, run: &Run, [p, y0, t0]: [Local; 3]) {
        let Run { memory, bound, here, work, i, .. } = *run;
        f.times(i, self.parameters as i64, |f| f.store(bound, i, element(p, i)));
        let kernel = |f: &mut Writer, name, out: Expr| {
            f.kernel(name, [t0.into(), memory.into(), bound.into(), memory.into(), work.into(), out]);
        };
        kernel(f, "bind", shifted(bound, self.parameters + self.discretes));
        if self.discretes > 0 {
            kernel(f, "discretes", shifted(bound, self.parameters));
        }
        f.choose(
            is_null(y0),
            |f| kernel(f, "init", here.into()),
            |f| f.times(i, self.n as i64, |f| f.store(here, i, element(y0, i))),
        );
        if self.constraints.is_some() {
            f.call(run.ready, "project", vec![memory.into(), t0.into(), here.into()]);
            f.when(less(run.ready, 0), |f| f.give(INCONSISTENT));
            f.set(run.ready, 0);
        }
        if self.settle.is_some() {
            f.call(run.status, "settle", vec![memory.into(), t0.into(), here.into()]);
            f.when(less(0, run.status), |f| f.give(INCONSISTENT));
        }
    }

    /// f where the run stands, for the next step to begin with.
    fn slope(&self, f: &mut Writer, run: &Run, t: Local) {
        let Run { memory, bound, here, work, limits, slope, wrong, i, .. } = *run;
        match self.last {
            Some(_) => f.set(slope, run.stages),
            None => f.set(slope, shifted(here, self.n + EXTRA)),
        }
        let inside = match self.events {
            Some(_) => t.most(element(limits, 2)).least(element(limits, 3)),
            None => t.into(),
        };
        f.kernel("rhs", [inside, here.into(), bound.into(), memory.into(), work.into(), slope.into()]);
        f.set(wrong, 0.0);
        f.times(i, self.n as i64, |f| {
            f.set(wrong, wrong + (Expr::from(0.0) * element(slope, i) + Expr::from(0.0) * element(here, i)));
        });
        f.when(wrong.equals(0.0).negated(), |f| f.set(run.status, NOT_FINITE));
    }

    /// The shortest step there is.
    fn set_least(&self, f: &mut Writer, run: &Run) {
        let size = run.t.size().most(f64::MIN_POSITIVE / f64::EPSILON);
        f.set(run.least, size * (2.0 * f64::EPSILON));
    }

    /// Where the next steps lead: to the end, or to where something happens or jumps. f is asked for just inside.
    fn start_stretch(&self, f: &mut Writer, run: &Run) {
        let Run { memory, limits, t, t1, direction, end, behind, .. } = *run;
        let far = f64::INFINITY;
        f.call(end, "next_end", vec![memory.into(), t.into()]);
        let (lo, hi) = (f.real("lo", behind), f.real("hi", end));
        f.when(t1.below(end).or(direction.below(0.0)), |f| {
            f.set(end, t1);
            f.set(hi, far);
        });
        f.when(direction.below(0.0), |f| f.set(lo, -far));
        let both = lo.finite().and(hi.finite());
        let length = f.real("length", select(both, hi - lo, 0.0));
        for (place, x, sign) in [(2, lo, 1.0), (3, hi, -1.0)] {
            let x_size = f.real("size", x.size());
            let room = f.real("room", (series::next(x_size, true) - x_size) * 4.0 + length * MARGIN);
            f.when(Expr::from(0.0).below(length), |f| f.set(room, room.least(length * 0.25)));
            f.store(limits, place, select(x.finite(), x + room * sign, x));
        }
        // The controller knows nothing of what was before.
        f.set(run.last, LEAST.1);
        f.set(run.most, GROW);
    }

    /// What happens where steps have ended, at a time that was foreseen or before it.
    fn end_stretch(&self, f: &mut Writer, run: &Run) {
        let Run { memory, here, t, end, behind, status, ready, i, .. } = *run;
        f.when(less(status, 1), |f| {
            f.when(t.equals(end), |f| f.set(behind, end));
            f.when(less(0, run.cut), |f| {
                let y = shifted(memory, self.places().watch.y);
                f.times(i, self.n as i64, |f| f.store(here, i, element(y.clone(), i)));
            });
            f.call(ready, "is_due", vec![memory.into(), t.into()]);
            // Behind a jump of f the old step means little; what sets no state lets it stand.
            f.when(less(ready, 1), |f| f.set(run.h, 0.0));
            self.happen(f, run);
            f.set(ready, 0);
            self.save(f, run, None);
        });
    }

    /// Executes what is due where the run stands.
    fn happen(&self, f: &mut Writer, run: &Run) {
        let Run { memory, here, t, status, ready, saved, count, at, .. } = *run;
        f.call(ready, "is_due", vec![memory.into(), t.into()]);
        f.when(less(0, ready), |f| {
            // Between steps unknowns are interpolated; where that is too far off they stand as they are.
            if self.constraints.is_some() {
                self.unmark(f, memory, run.i);
                f.call(status, "refit", vec![memory.into(), t.into(), here.into()]);
            }
            if self.settle.is_some() {
                f.call(status, "settle", vec![memory.into(), t.into(), here.into()]);
            }
            f.call(status, "execute", vec![memory.into(), t.into(), here.into()]);
            f.when(same(status, STOPPED), |f| {
                self.save(f, run, None);
                // The end of a run that was not foreseen is among the rows.
                let kept = element(run.times, whole(Whole::Sub, saved, 1));
                f.when(less(saved, count), |f| {
                    f.set(at, f64::NAN);
                    f.when(less(0, saved), |f| f.set(at, kept));
                });
                f.when(less(saved, count).and(at.differs(t)), |f| {
                    f.set(at, t);
                    self.copy(f, run);
                    self.record(f, run);
                });
            });
        });
    }

    /// Numbers in a row of results: states, then recorded quantities.
    pub fn row(&self) -> usize {
        self.n + self.outputs
    }
}

/// Times to save lie within the span, in order.
fn check_times(f: &mut Writer, [t0, t1, direction, i, times, count]: [Local; 6]) {
    let earlier = f.real("earlier", t0);
    f.times(i, count, |f| {
        let time = element(times, i);
        let inside = Expr::from(0.0).at_most((time.clone() - earlier) * direction);
        let inside = inside.and(Expr::from(0.0).at_most((t1 - time.clone()) * direction));
        f.when(inside.negated(), |f| f.give(INVALID));
        f.set(earlier, time);
    });
}
