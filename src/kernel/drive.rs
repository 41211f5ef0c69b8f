//! A whole integration as one function: the drive loop of a one-step method around its compiled step, for models compiled
//! ahead of time.
//!
//! The same formulas as `solve`: the first step and the step-size control of H&N&W II.4, steps that end where the run does,
//! dense output. What it needs it finds in one stretch of memory of its caller's; it calls nothing but kernels.

use super::control::{Expr, Function, Kind, Local, Whole, Writer, compare, element, is_null, less, select, shifted};
use super::control::{binary, unary, whole};
use crate::math::{Binary, Compare, Unary};
use crate::system::{EXTRA, LIMITS};

/// Sizes of a model and its method.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drive {
    /// States.
    pub n: usize,
    /// Parameters.
    pub parameters: usize,
    /// Parameters with what follows from them.
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
}

/// What `solve` returns.
pub const STATUSES: [(&str, &str); 5] = [
    ("DONE", "the end was reached"),
    ("INVALID", "a pointer is null, a number not finite, or times are out of order or outside the span"),
    ("NOT_FINITE", "the right-hand side is not finite where the run begins"),
    ("STEP_TOO_SMALL", "no step is small enough: the solution ends here, or f is not finite beyond"),
    ("TOO_MANY_STEPS", "max_steps was reached"),
];
const INVALID: i64 = 1;
const NOT_FINITE: i64 = 2;
const STEP_TOO_SMALL: i64 = 3;
const TOO_MANY_STEPS: i64 = 4;

/// Fields of the options, in order; 0 means the default.
pub const OPTIONS: [(&str, &str); 5] = [
    ("rtol", "relative tolerance"),
    ("atol", "absolute tolerance"),
    ("first_step", "length of the first step to try; 0: chosen"),
    ("max_step", "greatest length of a step; 0: none"),
    ("max_steps", "number of steps, rejected ones included"),
];

/// Fields of the statistics, in order.
pub const STATISTICS: [(&str, &str); 4] = [
    ("steps", "accepted steps"),
    ("rejected", "rejected steps"),
    ("t", "where the run ended"),
    ("saved", "rows written"),
];

/// Step-size control: H&N&W II.4, as `solve` has it.
const SAFETY: f64 = 0.9;
const SHRINK: f64 = 0.2;
const GROW: f64 = 8.0;
/// The least error that is remembered, and its log₂.
const LEAST: (f64, f64) = (1e-4, -13.287_712_379_549_449);

/// Where things stand in the caller's memory.
struct Places {
    bound: usize,
    points: [usize; 3],
    limits: usize,
    stages: [usize; 2],
    dense: usize,
    work: usize,
    end: usize,
}

impl Drive {
    fn places(&self) -> Places {
        let mut end = 0;
        let mut take = |count: usize| {
            end += count;
            end - count
        };
        let point = 2 * self.n + EXTRA;
        Places {
            bound: take(self.bound),
            points: std::array::from_fn(|_| take(point)),
            limits: take(LIMITS + 2 * self.n),
            stages: std::array::from_fn(|_| take(self.stages)),
            dense: take(self.dense),
            work: take(self.work),
            end,
        }
    }

    /// Numbers of memory a run needs.
    pub fn memory(&self) -> usize {
        self.places().end
    }

    /// The function `solve(p, y0, t0, t1, times, count, out, memory, options, statistics)`.
    ///
    /// `out` gets a row of n states and the recorded quantities for each of the `count` times, which lie in the span, in
    /// its direction; `y0` may be null (the model's own initial values), `options` and `statistics` too.
    pub fn solve(&self) -> Function {
        use Kind::{Count, Pointer, Real};
        let (mut f, parameters) = Writer::new(
            "solve",
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
        let places = self.places();
        let pointer = |f: &mut Writer, name, place| f.pointer(name, shifted(memory, place));
        let null = is_null(memory).or(less(0, count).and(is_null(times).or(is_null(out))));
        let null = if self.parameters > 0 { null.or(is_null(p)) } else { null };
        f.when(null, |f| f.give(INVALID));
        f.when(finite(t0).and(finite(t1)).negated().or(compare(Compare::Eq, t0, t1)), |f| f.give(INVALID));
        let direction = f.real("direction", select(compare(Compare::Lt, t0, t1), 1.0, -1.0));
        let i = f.count("i", 0);
        check_times(&mut f, Run { t0, t1, direction }, times, count, i);

        let option = |f: &mut Writer, k: usize, name, default: f64| {
            let local = f.real(name, default);
            f.when(is_null(options).negated(), |f| {
                let given = element(options, k as i64);
                f.when(compare(Compare::Ne, given.clone(), 0.0), |f| f.set(local, given));
            });
            local
        };
        let rtol = option(&mut f, 0, "rtol", self.defaults.rtol);
        let atol = option(&mut f, 1, "atol", self.defaults.atol);
        let first = option(&mut f, 2, "first_step", 0.0);
        let max_step = option(&mut f, 3, "max_step", f64::INFINITY);
        let max_steps = option(&mut f, 4, "max_steps", self.defaults.max_steps);
        let sound = |x: Local| compare(Compare::Le, 0.0, x);
        let good = compare(Compare::Le, 1e-14, rtol).and(compare(Compare::Lt, rtol, 1.0)).and(finite(atol));
        let good =
            good.and(sound(atol)).and(finite(first)).and(sound(first)).and(sound(max_step)).and(sound(max_steps));
        f.when(good.negated(), |f| f.give(INVALID));

        let bound = pointer(&mut f, "bound", places.bound);
        let here = pointer(&mut f, "here", places.points[0]);
        let next = pointer(&mut f, "next", places.points[1]);
        let before = pointer(&mut f, "before", places.points[2]);
        let spare = pointer(&mut f, "spare", places.points[2]);
        let limits = pointer(&mut f, "limits", places.limits);
        let stages = pointer(&mut f, "stages", places.stages[0]);
        let taken = pointer(&mut f, "taken", places.stages[1]);
        let dense = pointer(&mut f, "dense", places.dense);
        let work = pointer(&mut f, "work", places.work);
        let nothing = Expr::from(memory);
        let kernel = |f: &mut Writer, name, t: Expr, y: Expr, v: Expr, w: Local, out: Expr| {
            f.kernel(name, [t, y, bound.into(), v, w.into(), out]);
        };

        // The parameters and what follows from them, the state, f there.
        f.times(i, self.parameters as i64, |f| f.store(bound, i, element(p, i)));
        f.kernel(
            "bind",
            [t0.into(), nothing.clone(), bound.into(), nothing.clone(), work.into(), shifted(bound, self.parameters)],
        );
        f.choose(
            is_null(y0),
            |f| kernel(f, "init", t0.into(), nothing.clone(), nothing.clone(), work, here.into()),
            |f| f.times(i, self.n as i64, |f| f.store(here, i, element(y0, i))),
        );
        let slope = match self.last {
            Some(_) => f.pointer("slope", stages),
            None => f.pointer("slope", shifted(here, self.n + EXTRA)),
        };
        kernel(&mut f, "rhs", t0.into(), here.into(), nothing.clone(), work, slope.into());
        let wrong = f.real("wrong", 0.0);
        f.times(i, self.n as i64, |f| {
            f.set(wrong, wrong + (Expr::from(0.0) * element(slope, i) + Expr::from(0.0) * element(here, i)));
        });
        f.when(compare(Compare::Eq, wrong, 0.0).negated(), |f| f.give(NOT_FINITE));

        f.store(limits, 1, rtol);
        f.store(limits, 2, binary(Binary::Min, t0, t1));
        f.store(limits, 3, binary(Binary::Max, t0, t1));
        f.times(i, self.n as i64, |f| f.store(shifted(limits, LIMITS), i, atol));

        let t = f.real("t", t0);
        let least = f.real("least", 0.0);
        let set_least = |f: &mut Writer| {
            let size = binary(Binary::Max, unary(Unary::Abs, t), f64::MIN_POSITIVE / f64::EPSILON);
            f.set(least, size * (2.0 * f64::EPSILON));
        };
        set_least(&mut f);
        let h = f.real("h", first * direction);
        let start = Start { here, slope, next, work, limits, rtol, atol, max_step, least, direction, t0, t1, i };
        f.when(compare(Compare::Eq, h, 0.0), |f| self.first_step(f, h, &start, bound));

        // Rows at the start.
        let saved = f.count("saved", 0);
        let row = f.pointer("row", out);
        let more = f.count("more", 0);
        let at = f.real("at", 0.0);
        let pending = |f: &mut Writer| {
            // 1 if the next time to save is not beyond t.
            f.set(more, 0);
            f.when(less(saved, count), |f| {
                f.set(at, element(times, saved));
                f.when(compare(Compare::Le, 0.0, (t - at) * direction), |f| f.set(more, 1));
            });
        };
        let recorded = |f: &mut Writer| {
            if self.outputs > 0 {
                let behind = shifted(row, self.n);
                kernel(f, "outputs", at.into(), row.into(), nothing.clone(), work, behind);
            }
            f.set(row, shifted(row, self.n + self.outputs));
            f.set(saved, whole(Whole::Add, saved, 1));
        };
        let copy = |f: &mut Writer| f.times(i, self.n as i64, |f| f.store(row, i, element(here, i)));
        pending(&mut f);
        f.repeat(less(0, more), |f| {
            copy(f);
            recorded(f);
            pending(f);
        });

        let steps = f.real("steps", 0.0);
        let rejected = f.real("rejected", 0.0);
        let status = f.count("status", 0);
        let ready = f.count("ready", 0);
        let tried = f.real("tried", 0.0);
        let error = f.real("error", 0.0);
        let log = f.real("log", 0.0);
        let factor = f.real("factor", 0.0);
        let last = f.real("last_log", LEAST.1);
        let most = f.real("most", GROW);
        let t_old = f.real("t_old", t0);
        let old = f.pointer("old", stages);
        let alpha = 1.0 / f64::from(self.order + 1) - 0.75 * self.beta;
        f.repeat(compare(Compare::Ne, t, t1).and(less(status, 1)), |f| {
            // The step to try, ending where the run does.
            f.set(tried, binary(Binary::Max, binary(Binary::Min, h, max_step), unary(Unary::Neg, max_step)));
            let left = t1 - t;
            let long = compare(Compare::Le, unary(Unary::Abs, left.clone()), unary(Unary::Abs, tried) * 1.01);
            f.set(tried, select(long, left.clone(), tried));
            f.store(limits, 0, tried);
            f.kernel("step", [t.into(), here.into(), bound.into(), limits.into(), stages.into(), next.into()]);
            f.set(error, element(next, self.n as i64));
            if self.last.is_none() {
                // Bad pivots: a shorter step has a matrix nearer to the unit matrix.
                let good = compare(Compare::Ne, element(next, self.n as i64 + 1), 0.0);
                f.set(error, select(good, error, f64::NAN));
            }
            f.choose(
                compare(Compare::Le, error, 1.0),
                |f| {
                    f.set(steps, steps + 1.0);
                    f.set(t_old, t);
                    f.set(t, select(compare(Compare::Eq, tried, left.clone()), t1, t + tried));
                    f.set(spare, before);
                    f.set(before, here);
                    f.set(here, next);
                    f.set(next, spare);
                    f.set(old, taken);
                    f.set(taken, stages);
                    f.set(stages, old);
                    if let Some(last) = self.last {
                        f.times(i, self.n as i64, |f| f.store(stages, i, element(shifted(taken, last), i)));
                    }
                    log2(f, log, binary(Binary::Max, error, 1e-10));
                    exp2(f, factor, Expr::from(self.beta) * last - Expr::from(alpha) * log);
                    f.set(factor, binary(Binary::Min, binary(Binary::Max, Expr::from(SAFETY) * factor, SHRINK), most));
                    f.set(most, GROW);
                    f.set(last, select(compare(Compare::Lt, LEAST.0, error), log, LEAST.1));
                    // A step cut short by the end says nothing against the one that was wanted.
                    let size = |x: Expr| unary(Unary::Abs, x);
                    let short = compare(Compare::Lt, size(tried.into()), size(h.into()));
                    let short = short.and(compare(Compare::Lt, factor * size(tried.into()), size(h.into())));
                    f.set(h, select(short, h, factor * tried));
                    f.set(ready, 0);
                    pending(f);
                    f.repeat(less(0, more), |f| {
                        f.choose(
                            compare(Compare::Eq, at, t),
                            |f| copy(f),
                            |f| {
                                // Limits still hold the step taken.
                                f.when(less(ready, 1), |f| {
                                    f.times(i, self.n as i64, |f| {
                                        f.store(shifted(limits, LIMITS + self.n), i, element(here, i));
                                    });
                                    kernel(
                                        f,
                                        "prepare",
                                        t_old.into(),
                                        before.into(),
                                        limits.into(),
                                        taken,
                                        dense.into(),
                                    );
                                    f.set(ready, 1);
                                });
                                let theta = (at - t_old) / tried;
                                f.kernel(
                                    "dense",
                                    [theta, before.into(), dense.into(), here.into(), work.into(), row.into()],
                                );
                            },
                        );
                        recorded(f);
                        pending(f);
                    });
                },
                |f| {
                    f.set(rejected, rejected + 1.0);
                    f.set(most, 1.0);
                    f.choose(
                        compare(Compare::Lt, error, f64::INFINITY),
                        |f| {
                            log2(f, log, error.into());
                            exp2(f, factor, Expr::from(-alpha) * log);
                            let clamped = binary(Binary::Min, Expr::from(SAFETY) * factor, 0.9);
                            f.set(factor, binary(Binary::Max, clamped, SHRINK));
                        },
                        |f| f.set(factor, 0.1),
                    );
                    f.set(h, tried * factor);
                    set_least(f);
                    f.when(compare(Compare::Lt, unary(Unary::Abs, h), least), |f| f.set(status, STEP_TOO_SMALL));
                },
            );
            let many = compare(Compare::Le, max_steps, steps + rejected).and(compare(Compare::Ne, t, t1));
            f.when(many.and(less(status, 1)), |f| f.set(status, TOO_MANY_STEPS));
        });
        f.when(is_null(statistics).negated(), |f| {
            f.store(statistics, 0, steps);
            f.store(statistics, 1, rejected);
            f.store(statistics, 2, t);
            f.store(statistics, 3, Expr::Converted(Box::new(saved.into())));
        });
        f.give(status);
        f.finish(0)
    }

    /// A first step (H&N&W II.4, algorithm "starting step size").
    fn first_step(&self, f: &mut Writer, h: Local, s: &Start, bound: Local) {
        let Start { here, slope, next, work, limits, rtol, atol, max_step, least, direction, t0, t1, i } = *s;
        let n = self.n as i64;
        let [d0, d1, d2] = ["d0", "d1", "d2"].map(|name| f.real(name, 0.0));
        let scale = f.real("scale", 0.0);
        let share = f.real("share", 0.0);
        let add = |f: &mut Writer, sum: Local, value: Expr| {
            f.set(share, value / scale);
            f.set(sum, sum + share * share);
        };
        let weigh = |f: &mut Writer| {
            let size = atol + rtol * unary(Unary::Abs, element(here, i));
            f.set(scale, binary(Binary::Max, size, f64::MIN_POSITIVE));
        };
        f.times(i, n, |f| {
            weigh(f);
            add(f, d0, element(here, i));
            add(f, d1, element(slope, i));
        });
        let mean = |f: &mut Writer, d: Local| f.set(d, unary(Unary::Sqrt, d / self.n as f64));
        mean(f, d0);
        mean(f, d1);
        let span = f.real("span", unary(Unary::Abs, t1 - t0));
        let small = compare(Compare::Lt, d0, 1e-5).or(compare(Compare::Lt, d1, 1e-5));
        let guess = f.real("guess", select(small, 1e-6, Expr::from(0.01) * d0 / d1));
        let bounded = |guess: Expr| {
            let most = binary(Binary::Min, binary(Binary::Min, guess, span), max_step);
            binary(Binary::Max, most, least)
        };
        f.set(guess, bounded(guess.into()));
        // `next` holds the trial point, f there goes behind the limits' own part.
        f.times(i, n, |f| f.store(next, i, element(here, i) + direction * guess * element(slope, i)));
        let trial = shifted(limits, LIMITS + self.n);
        f.kernel("rhs", [t0 + direction * guess, next.into(), bound.into(), next.into(), work.into(), trial.clone()]);
        f.times(i, n, |f| {
            weigh(f);
            add(f, d2, element(trial.clone(), i) - element(slope, i));
        });
        mean(f, d2);
        f.set(d2, d2 / guess);
        let better = f.real("better", guess * 1e-3);
        f.when(finite(d1).and(finite(d2)), |f| {
            f.set(better, binary(Binary::Max, better, 1e-6));
            let most = f.real("curvature", binary(Binary::Max, d1, d2));
            f.when(compare(Compare::Lt, 1e-15, most), |f| {
                log2(f, better, Expr::from(0.01) / most);
                exp2(f, better, better / f64::from(self.order + 1));
            });
        });
        f.set(h, bounded(binary(Binary::Min, guess * 100.0, better)) * direction);
    }
}

/// What the first step is chosen from.
#[derive(Clone, Copy)]
struct Start {
    here: Local,
    slope: Local,
    next: Local,
    work: Local,
    limits: Local,
    rtol: Local,
    atol: Local,
    max_step: Local,
    least: Local,
    direction: Local,
    t0: Local,
    t1: Local,
    i: Local,
}

/// Where a run leads.
struct Run {
    t0: Local,
    t1: Local,
    direction: Local,
}

/// Times to save lie within the span, in order.
fn check_times(f: &mut Writer, run: Run, times: Local, count: Local, i: Local) {
    let Run { t0, t1, direction } = run;
    let earlier = f.real("earlier", t0);
    f.times(i, count, |f| {
        let time = element(times, i);
        let inside = compare(Compare::Le, 0.0, (time.clone() - earlier) * direction);
        let inside = inside.and(compare(Compare::Le, 0.0, (t1 - time.clone()) * direction));
        f.when(inside.negated(), |f| f.give(INVALID));
        f.set(earlier, time);
    });
}

/// Neither infinite nor NaN.
fn finite(x: Local) -> Expr {
    compare(Compare::Lt, unary(Unary::Abs, x), f64::INFINITY)
}

/// `out` = log₂ x of a positive normal number, as `solve::stepper` computes it.
fn log2(f: &mut Writer, out: Local, x: Expr) {
    let bits = f.count("bits", Expr::Bits(Box::new(x)));
    let root = std::f64::consts::FRAC_1_SQRT_2.to_bits() as i64;
    let e = f.count("exponent", whole(Whole::ShiftRight, whole(Whole::Sub, bits, root), 52));
    let mantissa = whole(Whole::Sub, bits, whole(Whole::ShiftLeft, e, 52));
    let m = f.real("mantissa", Expr::FromBits(Box::new(mantissa)));
    let s = f.real("s", (m - 1.0) / (m + 1.0));
    let q = f.real("q", s * s);
    let q = || Expr::from(q);
    let c = |numerator: f64, d: f64| Expr::from(numerator / d);
    let tail = c(1.0, 9.0) + q() / 11.0;
    let series = Expr::from(1.0) + q() * (c(1.0, 3.0) + q() * (Expr::from(0.2) + q() * (c(1.0, 7.0) + q() * tail)));
    let whole_part = Expr::Converted(Box::new(e.into()));
    f.set(out, whole_part + Expr::from(2.0 * std::f64::consts::LOG2_E) * s * series);
}

/// `out` = 2ˣ for |x| < 1000, as `solve::stepper` computes it.
fn exp2(f: &mut Writer, out: Local, x: Expr) {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let x = f.real("x", binary(Binary::Min, binary(Binary::Max, x, -1000.0), 1000.0));
    let n = f.real("n", (x + ROUND) - ROUND);
    let r = f.real("r", (x - n) * std::f64::consts::LN_2);
    let r = || Expr::from(r);
    let factorials = [5040.0, 720.0, 120.0, 24.0, 6.0];
    let series = factorials.iter().fold(r() / 40320.0, |sum, d| r() * (Expr::from(1.0 / d) + sum));
    let series = Expr::from(1.0) + r() * (Expr::from(1.0) + r() * (Expr::from(0.5) + series));
    let power = whole(Whole::ShiftLeft, whole(Whole::Add, Expr::Truncated(Box::new(n.into())), 1023), 52);
    f.set(out, series * Expr::FromBits(Box::new(power)));
}
