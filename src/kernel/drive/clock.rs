//! Times that are known beforehand: `solve/events/clock.rs` as functions for a host's memory. A periodic time is computed
//! from its number, A + k P, so that none drifts.

use super::events::{At, Table, even, evenly, evenly_paired};
use super::memory::{Cell, PERIODIC};
use crate::kernel::control::Kind::{Count, Pointer, Real};
use crate::kernel::control::{
    Expr, Function, Local, Number, Whole, Writer, converted, element, less, select, shifted, truncated, unary, whole,
};
use crate::math::Unary;
use crate::system::{Stop, Trigger};

/// More periods than can be counted.
const MOST: f64 = 9_007_199_254_740_992.0;

impl Table {
    pub(super) fn clock_functions(&self) -> Vec<Function> {
        vec![self.advance(), self.set_clock(), self.next_end(), self.take_due(), self.is_due()]
    }

    /// `advance(entry, step)`: the next time of a periodic entry, so many periods on; infinite behind its last.
    fn advance(&self) -> Function {
        let (mut f, [entry, step]) = Writer::new("advance", Real, [("entry", Pointer), ("step", Real)]);
        let part = |k: i64| element(entry, k);
        f.store(entry, 3, part(3) + step);
        let time = f.real("time", part(0) + part(3) * part(1));
        let last = f.real("last", part(2));
        // The last time is meant to be hit though k P rounds.
        let near = (time.size() + last.size()) * (4.0 * f64::EPSILON);
        let within = select(time.below(last), time, f64::INFINITY);
        f.store(entry, 4, select((time - last).size().at_most(near), last, within));
        f.finish(part(4))
    }

    /// `set_clock(memory, t0, t1)`: all times of a run; 1 if one makes no sense.
    fn set_clock(&self) -> Function {
        let parameters = [("memory", Pointer), ("t0", Real), ("t1", Real)];
        let (mut f, [memory, t0, t1]) = Writer::new("set_clock", Count, parameters);
        let at = self.at(memory);
        at.set(&mut f, Cell::Stops, 0.0);
        at.set(&mut f, Cell::Passed, 0.0);
        let k = f.count("k", 0);
        f.times(k, self.due as i64, |f| f.store(at.due(), k, f64::INFINITY));
        f.times(k, (PERIODIC * self.periodic_stops) as i64, |f| f.store(at.periodic_stops(), k, f64::INFINITY));
        if self.events.times > 0 {
            f.kernel("schedule", [t0.into(), memory.into(), at.bound(), memory.into(), at.work(), at.times()]);
        }
        // Backwards nothing ends steps: what has events is not run so.
        f.when(t1.below(t0), |f| f.give(0));
        self.set_stops(&mut f, at, [t0, t1]);
        let due = f.count("due", 0);
        let [time, period, from, last, count] =
            ["time", "period", "from", "last", "count"].map(|name| f.real(name, 0.0));
        let one = f.pointer("one", at.periodic());
        let part = |place: &usize, k: Local| element(shifted(at.times(), *place), k);
        for (group, _) in self.groups() {
            let len = group.len() as i64;
            match &group.trigger {
                Trigger::Condition(_) => {}
                Trigger::At(places) => {
                    for place in places {
                        f.times(k, len, |f| {
                            f.set(time, part(place, k));
                            f.when(time.differs(time), |f| f.give(1));
                            f.when(t0.at_most(time).and(time.at_most(t1)), |f| f.store(at.due(), due, time));
                            f.advance(due);
                        });
                    }
                }
                Trigger::Every { period: every, from: first, to } => f.times(k, len, |f| {
                    f.set(period, part(every, k));
                    f.set(from, first.map_or(t0.into(), |place| part(&place, k)));
                    f.set(last, to.map_or(t1.into(), |place| part(&place, k)));
                    f.when(Expr::from(0.0).below(period).and(period.finite()).negated(), |f| f.give(1));
                    f.when(from.equals(from).and(last.equals(last)).negated(), |f| f.give(1));
                    f.set(last, last.least(t1));
                    f.when(Expr::from(MOST).below((last - from.most(t0)) / period), |f| f.give(1));
                    f.set(count, unary(Unary::Floor, (t0 - from) / period).most(0.0));
                    f.repeat((from + count * period).below(t0), |f| f.set(count, count + 1.0));
                    set_entry(f, one, [from.into(), period.into(), last.into(), count.into()]);
                    f.call(time, "advance", vec![one.into(), 0.0.into()]);
                    f.store(at.due(), due, time);
                    f.set(one, shifted(one, PERIODIC));
                    f.advance(due);
                }),
            }
        }
        f.finish(0)
    }

    /// The times at which steps end and nothing is executed.
    fn set_stops(&self, f: &mut Writer, at: At, [t0, t1]: [Local; 2]) {
        let [k, count] = ["k", "stops"].map(|name| f.count(name, 0));
        let [time, period, from] = ["stop", "distance", "origin"].map(|name| f.real(name, 0.0));
        let single = self.events.stops.iter().filter_map(|stop| match stop {
            Stop::At(place) => Some(*place),
            Stop::Every { .. } => None,
        });
        for stretch in evenly(single) {
            f.times(k, stretch.len, |f| {
                f.set(time, element(at.times(), even(stretch, k)));
                f.when(t0.below(time).and(time.at_most(t1)), |f| {
                    f.store(at.stops(), count, time);
                    f.advance(count);
                });
            });
        }
        if self.stops > 0 {
            at.set(f, Cell::Stops, converted(count));
            sort(f, at.stops(), count);
        }
        let one = f.pointer("stop_entry", at.periodic_stops());
        let pairs = self.events.stops.iter().filter_map(|stop| match stop {
            Stop::Every { from, period } => Some((*from, *period)),
            Stop::At(_) => None,
        });
        for (origins, distances) in evenly_paired(pairs) {
            f.times(k, origins.len, |f| {
                f.set(from, element(at.times(), even(origins, k)));
                f.set(period, element(at.times(), even(distances, k)).size());
                let fits = from.finite().and(Expr::from(0.0).below(period)).and(((t1 - t0) / period).below(MOST));
                f.when(fits, |f| {
                    let before = unary(Unary::Floor, (t0 - from) / period);
                    set_entry(f, one, [from + before * period, period.into(), t1.into(), 0.0.into()]);
                    f.call(time, "advance", vec![one.into(), 0.0.into()]);
                    f.repeat(time.at_most(t0), |f| f.call(time, "advance", vec![one.into(), 1.0.into()]));
                });
                f.set(one, shifted(one, PERIODIC));
            });
        }
    }

    /// `next_end(memory, t)`: the next time after t at which a step must end.
    fn next_end(&self) -> Function {
        let (mut f, [memory, t]) = Writer::new("next_end", Real, [("memory", Pointer), ("t", Real)]);
        let at = self.at(memory);
        let end = f.real("end", f64::INFINITY);
        let k = f.count("k", 0);
        if self.stops > 0 {
            let passed = f.count("passed", truncated(at.get(Cell::Passed)));
            let on = f.count("on", 1);
            f.repeat(less(0, on), |f| {
                f.set(on, 0);
                f.when(converted(passed).below(at.get(Cell::Stops)), |f| {
                    f.choose(
                        element(at.stops(), passed).at_most(t),
                        |f| {
                            f.advance(passed);
                            f.set(on, 1);
                        },
                        |f| f.set(end, element(at.stops(), passed)),
                    );
                });
            });
            at.set(&mut f, Cell::Passed, converted(passed));
        }
        if self.periodic_stops > 0 {
            let one = f.pointer("one", at.periodic_stops());
            let time = f.real("time", 0.0);
            f.times(k, self.periodic_stops as i64, |f| {
                f.set(time, element(one, 4));
                f.repeat(time.at_most(t), |f| f.call(time, "advance", vec![one.into(), 1.0.into()]));
                f.set(end, end.least(time));
                f.set(one, shifted(one, PERIODIC));
            });
        }
        f.times(k, self.due as i64, |f| f.set(end, end.least(element(at.due(), k))));
        f.finish(end)
    }

    /// `take_due(memory, t)`: what is due at t or before waits to be executed.
    fn take_due(&self) -> Function {
        let (mut f, [memory, t]) = Writer::new("take_due", Count, [("memory", Pointer), ("t", Real)]);
        let at = self.at(memory);
        let [k, due] = ["k", "due"].map(|name| f.count(name, 0));
        let time = f.real("time", 0.0);
        let one = f.pointer("one", at.periodic());
        for (group, first) in self.groups() {
            let waiting = shifted(at.waiting(), first as usize);
            let fire = |f: &mut Writer| f.store(waiting.clone(), k, element(waiting.clone(), k) + 1.0);
            match &group.trigger {
                Trigger::Condition(_) => {}
                Trigger::At(places) => {
                    for _ in places {
                        f.times(k, group.len() as i64, |f| {
                            f.when(element(at.due(), due).at_most(t), |f| {
                                fire(f);
                                f.store(at.due(), due, f64::INFINITY);
                            });
                            f.advance(due);
                        });
                    }
                }
                Trigger::Every { .. } => f.times(k, group.len() as i64, |f| {
                    f.set(time, element(at.due(), due));
                    f.repeat(time.at_most(t), |f| {
                        fire(f);
                        f.call(time, "advance", vec![one.into(), 1.0.into()]);
                    });
                    f.store(at.due(), due, time);
                    f.set(one, shifted(one, PERIODIC));
                    f.advance(due);
                }),
            }
        }
        f.finish(0)
    }

    /// `is_due(memory, t)`: whether something is to be executed at t.
    fn is_due(&self) -> Function {
        let (mut f, [memory, t]) = Writer::new("is_due", Count, [("memory", Pointer), ("t", Real)]);
        let at = self.at(memory);
        let [k, yes] = ["k", "yes"].map(|name| f.count(name, 0));
        f.times(k, self.slots as i64, |f| {
            f.when(Expr::from(0.0).below(element(at.waiting(), k)), |f| f.set(yes, 1));
        });
        f.times(k, self.due as i64, |f| f.when(element(at.due(), k).at_most(t), |f| f.set(yes, 1)));
        f.finish(yes)
    }
}

/// A periodic entry that stands before its first time.
fn set_entry(f: &mut Writer, entry: Local, parts: [Expr; 4]) {
    parts.into_iter().enumerate().for_each(|(k, part)| f.store(entry, k as i64, part));
}

/// Sorts numbers (D. L. Shell 1959, with distances halved): curves give theirs in order, several after another.
fn sort(f: &mut Writer, list: Expr, count: Local) {
    let [gap, i, j, on] = ["gap", "i", "j", "on"].map(|name| f.count(name, 0));
    let one = f.real("one", 0.0);
    f.set(gap, whole(Whole::ShiftRight, count, 1));
    f.repeat(less(0, gap), |f| {
        f.set(i, gap);
        f.repeat(less(i, count), |f| {
            f.set(one, element(list.clone(), i));
            f.set(j, i);
            f.set(on, 1);
            f.repeat(less(0, on), |f| {
                f.set(on, 0);
                let before = || whole(Whole::Sub, j, gap);
                f.when(less(-1, before()), |f| {
                    f.when(one.below(element(list.clone(), before())), |f| {
                        f.store(list.clone(), j, element(list.clone(), before()));
                        f.set(j, before());
                        f.set(on, 1);
                    });
                });
            });
            f.store(list.clone(), j, one);
            f.advance(i);
        });
        f.set(gap, whole(Whole::ShiftRight, gap, 1));
    });
}
