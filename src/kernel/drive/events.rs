//! Events in an integration that stands alone: which conditions have become true, and what is executed in which order.
//! `solve/events/mod.rs` says what that means; here it is written as functions for a host's memory.
//!
//! Elements of all events are *slots*, one after the other in the order of the table.

use super::Drive;
use super::memory::{Cell, Clock, Places, Watch};
use super::series::sign;
use super::{FOR_EVER, INCONSISTENT, INVALID, STOPPED};
use crate::kernel::control::Kind::{Count, Pointer, Real};
use crate::kernel::control::{
    Expr, Function, Local, Number, Tables, Whole, Writer, converted, element, less, moved, shifted, truncated, whole,
};
use crate::math::chebyshev;
use crate::system::constants::{ADAPTIVE, CLOSE, MOST_AT_ONCE, MOST_CLOSE, MOST_DEGREE};
use crate::system::{EventGroup, Events, Logic, Stop, Surface, Trigger};

/// A table of events, and the sizes that follow from it and from the method.
#[derive(Clone, Debug)]
pub struct Table {
    /// What happens; modes are not among it.
    pub events: Events,
    /// Watched functions, elements of events, entries of events that know their times, of these the periodic ones, stops at
    /// one time, and periodic ones.
    pub(super) watched: usize,
    pub(super) slots: usize,
    pub(super) due: usize,
    pub(super) periodic: usize,
    pub(super) stops: usize,
    pub(super) periodic_stops: usize,
    /// Numbers that are kept from triggers.
    pub(super) kept: usize,
    /// Terms of a series, and the degree of a step's interpolant.
    pub(super) terms: usize,
    degree: usize,
    /// Tables of constants: the Chebyshev points, the transform.
    pub(super) points: usize,
    pub(super) transform: usize,
    /// Where the parts of memory are.
    places: Places,
    /// Where discrete quantities begin in the bound parameters.
    discretes: usize,
}

/// Places that lie evenly: `first + k·stride`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evenly {
    pub first: i64,
    pub stride: i64,
    pub len: i64,
}

/// A list as stretches of even distance.
pub(super) fn evenly(places: impl IntoIterator<Item = usize>) -> Vec<Evenly> {
    let mut found: Vec<Evenly> = Vec::new();
    for place in places.into_iter().map(|place| place as i64) {
        match found.last_mut() {
            Some(last) if last.len == 1 => (last.stride, last.len) = (place - last.first, 2),
            Some(last) if place == last.first + last.stride * last.len => last.len += 1,
            _ => found.push(Evenly { first: place, stride: 0, len: 1 }),
        }
    }
    found
}

/// The same of two lists of one length, as stretches that both lie evenly.
pub(super) fn evenly_paired(pairs: impl IntoIterator<Item = (usize, usize)>) -> Vec<(Evenly, Evenly)> {
    let (left, right): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
    let mut found = Vec::new();
    let mut from = 0;
    for a in evenly(left) {
        let mut first = a.first;
        for b in evenly(right[from..from + a.len as usize].iter().copied()) {
            found.push((Evenly { first, len: b.len, ..a }, b));
            first += a.stride * b.len;
        }
        from += a.len as usize;
    }
    found
}

/// `first + k·stride`
pub(super) fn even(stretch: Evenly, k: Local) -> Expr {
    whole(Whole::Add, whole(Whole::Mul, k, stretch.stride), stretch.first)
}

/// The memory of a run, seen from a function that has its address.
#[derive(Clone, Copy)]
pub(super) struct At {
    memory: Local,
    places: Places,
}

/// A part of memory by name.
macro_rules! parts {
    ($($name:ident: $field:expr;)*) => {
        impl At {
            $(pub fn $name(self) -> Expr {
                let field: fn(&Places, &Watch, &Clock) -> usize = $field;
                shifted(self.memory, field(&self.places, &self.places.watch, &self.places.clock))
            })*
        }
    };
}

parts! {
    bound: |p, _, _| p.bound;
    dense: |p, _, _| p.dense;
    work: |p, _, _| p.work;
    y: |_, w, _| w.y;
    g: |_, w, _| w.g;
    g_end: |_, w, _| w.g_end;
    g_at: |_, w, _| w.g_at;
    largest: |_, w, _| w.largest;
    close: |_, w, _| w.close;
    samples: |_, w, _| w.samples;
    column: |_, w, _| w.column;
    series: |_, w, _| w.series;
    local: |_, w, _| w.local;
    slope: |_, w, _| w.slope;
    panels: |_, w, _| w.panels;
    intervals: |_, w, _| w.intervals;
    pieces: |_, w, _| w.pieces;
    crossings: |_, w, _| w.crossings;
    values: |_, w, _| w.values;
    truths: |_, w, _| w.truths;
    waiting: |_, w, _| w.waiting;
    momentary: |_, w, _| w.momentary;
    has_kept: |_, w, _| w.has_kept;
    kept: |_, w, _| w.kept;
    times: |_, _, c| c.times;
    stops: |_, _, c| c.stops;
    periodic_stops: |_, _, c| c.periodic_stops;
    periodic: |_, _, c| c.periodic;
    due: |_, _, c| c.due;
}

impl At {
    /// The functions at the left end (0) or the right one of a part of the step.
    pub fn ends(self, k: usize) -> Expr {
        shifted(self.memory, self.places.watch.ends[k])
    }

    pub fn get(self, cell: Cell) -> Expr {
        element(shifted(self.memory, self.places.watch.cells), cell as i64)
    }

    pub fn set(self, f: &mut Writer, cell: Cell, value: impl Into<Expr>) {
        f.store(shifted(self.memory, self.places.watch.cells), cell as i64, value);
    }
}

impl Table {
    /// For a method whose interpolant has this degree.
    ///
    /// # Errors
    /// A sentence on what is not done ahead of time.
    pub fn new(events: Events, degree: usize, discretes: usize, tables: &mut Tables) -> Result<Table, String> {
        if let Some(group) = events.groups.iter().find(|group| group.delay.is_some()) {
            return Err(format!("`{}` is executed after a delay, which code made ahead of time cannot do", group.name));
        }
        let groups = || events.groups.iter();
        let entries = |group: &EventGroup| match &group.trigger {
            Trigger::Condition(_) => 0,
            Trigger::At(places) => places.len() * group.len(),
            Trigger::Every { .. } => group.len(),
        };
        let watched = events.surfaces.iter().map(|s| s.len).sum();
        let mut table = Table {
            watched,
            slots: groups().map(EventGroup::len).sum(),
            due: groups().map(entries).sum(),
            periodic: groups()
                .filter(|group| matches!(group.trigger, Trigger::Every { .. }))
                .map(EventGroup::len)
                .sum(),
            stops: events.stops.iter().filter(|stop| matches!(stop, Stop::At(_))).count(),
            periodic_stops: events.stops.iter().filter(|stop| matches!(stop, Stop::Every { .. })).count(),
            kept: groups().filter(|g| g.values_at_trigger).map(|g| g.len() * g.assignments.len()).sum(),
            terms: 0,
            degree,
            points: 0,
            transform: 0,
            places: Places::default(),
            discretes,
            events,
        };
        if watched > 0 {
            let degrees = table.events.surfaces.iter().map(|s| table.exact(s).unwrap_or(ADAPTIVE));
            table.terms = degrees.max().unwrap_or(1) + 3;
            let (points, transform) = chebyshev(table.terms);
            table.points = tables.len();
            table.transform = table.points + 1;
            tables.extend([points, transform]);
        }
        Ok(table)
    }

    /// The degree of a watched function along a step, if it is a polynomial of a moderate one.
    fn exact(&self, surface: &Surface) -> Option<usize> {
        surface.degree.map(|q| usize::from(q) * self.degree).filter(|product| *product <= MOST_DEGREE)
    }

    /// The functions whose series must be seen to be complete.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &Surface> {
        self.events.surfaces.iter().filter(|surface| self.exact(surface).is_none())
    }

    /// So many crossings in one step are told apart; with more, a shorter one is tried.
    pub(super) fn most_crossings(&self) -> usize {
        if self.watched == 0 { 0 } else { 64 + 4 * self.watched }
    }

    pub(super) fn at(&self, memory: Local) -> At {
        At { memory, places: self.places }
    }

    /// All functions that a run with these events calls.
    pub(super) fn functions(&self, drive: &Drive) -> Vec<Function> {
        let table = &Table { places: drive.places(), ..self.clone() };
        let mut functions = Vec::new();
        if table.keeps() {
            functions.push(table.keep());
        }
        if table.watched > 0 {
            functions.extend(table.series_functions());
            functions.extend(drive.location_functions(table));
            functions.extend([table.update(), table.inspect(drive)]);
        }
        functions.extend(table.clock_functions());
        functions.extend([table.begin(), table.execute(drive)]);
        functions
    }

    fn keeps(&self) -> bool {
        self.kept > 0
    }

    /// Each event with its first slot.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&EventGroup, i64)> {
        self.events.groups.iter().scan(0, |first, group| {
            let mine = *first;
            *first += group.len() as i64;
            Some((group, mine))
        })
    }

    /// `update(memory, momentary)`: brings the truth of all conditions up to date; what becomes true fires, for this moment
    /// only or not, what ceases to be is dropped. How many have fired.
    fn update(&self) -> Function {
        let (mut f, [memory, momentary]) = Writer::new("update", Count, [("memory", Pointer), ("momentary", Count)]);
        let at = self.at(memory);
        let [fired, k, slot, holds, held] = ["fired", "k", "slot", "holds", "held"].map(|name| f.count(name, 0));
        for (group, first) in self.groups() {
            let Trigger::Condition(condition) = &group.trigger else { continue };
            f.times(k, group.len() as i64, |f| {
                f.set(slot, whole(Whole::Add, k, first));
                f.set(holds, 0);
                f.when(holding(condition, at.g(), k), |f| f.set(holds, 1));
                f.set(held, truncated(element(at.truths(), slot)));
                f.store(at.truths(), slot, converted(holds));
                if !group.persistent {
                    f.when(less(holds, held), |f| f.store(at.waiting(), slot, element(at.momentary(), slot)));
                }
                f.when(less(held, holds), |f| {
                    f.store(at.waiting(), slot, element(at.waiting(), slot) + 1.0);
                    f.when(less(0, momentary), |f| f.store(at.momentary(), slot, element(at.waiting(), slot)));
                    f.advance(fired);
                });
            });
        }
        f.finish(fired)
    }

    /// `keep(memory, t, y)`: the right sides as they are now, for what has just fired and wants them.
    fn keep(&self) -> Function {
        let (mut f, [memory, t, y]) = Writer::new("keep", Count, [("memory", Pointer), ("t", Real), ("y", Pointer)]);
        let at = self.at(memory);
        let [k, slot] = ["k", "slot"].map(|name| f.count(name, 0));
        self.resets(&mut f, at, memory, t, y);
        let mut kept = 0i64;
        for (group, first) in self.groups().filter(|(group, _)| group.values_at_trigger) {
            f.times(k, group.len() as i64, |f| {
                f.set(slot, whole(Whole::Add, k, first));
                let wants =
                    Expr::from(0.0).below(element(at.waiting(), slot)).and(element(at.has_kept(), slot).equals(0.0));
                f.when(wants, |f| {
                    f.store(at.has_kept(), slot, 1.0);
                    for (number, assignment) in group.assignments.iter().enumerate() {
                        let value = element(shifted(at.values(), assignment.value), k);
                        f.store(shifted(at.kept(), (kept + number as i64 * group.len() as i64) as usize), k, value);
                    }
                });
            });
            kept += (group.len() * group.assignments.len()) as i64;
        }
        f.finish(0)
    }

    /// The numbers of `resets` at (t, y).
    fn resets(&self, f: &mut Writer, at: At, memory: Local, t: Local, y: Local) {
        if self.events.values > 0 {
            f.kernel("resets", [t.into(), y.into(), at.bound(), memory.into(), at.work(), at.values()]);
        }
    }

    /// The watched functions at (t, y).
    fn watch(&self, f: &mut Writer, at: At, memory: Local, t: Local, y: Local) {
        if self.watched > 0 {
            f.kernel("surfaces", [t.into(), y.into(), at.bound(), memory.into(), at.work(), at.g()]);
        }
    }

    /// `inspect(memory, before, here)`: looks along the step just taken. The first time at which an event fires, with the
    /// state there in memory; NaN if none does, infinite if there is too much in the step.
    fn inspect(&self, drive: &Drive) -> Function {
        let parameters = [("memory", Pointer), ("before", Pointer), ("here", Pointer)];
        let (mut f, [memory, before, here]) = Writer::new("inspect", Real, parameters);
        let (at, m) = (self.at(memory), self.watched as i64);
        let t1 = f.real("t1", at.get(Cell::Here));
        at.set(&mut f, Cell::Overflow, 0.0);
        f.kernel("surfaces", [t1.into(), here.into(), at.bound(), memory.into(), at.work(), at.g_end()]);
        let [count, k, place, fired, i] = ["count", "k", "place", "fired", "i"].map(|name| f.count(name, 0));
        f.call(count, "crossings", vec![memory.into(), before.into(), here.into()]);
        f.when(at.get(Cell::Overflow).differs(0.0), |f| f.give(f64::INFINITY));
        let found = f.real("found", f64::NAN);
        let one = f.pointer("one", at.crossings());
        f.times(k, count, |f| {
            f.set(one, moved(at.crossings(), whole(Whole::Mul, k, 4)));
            let [t, before, after] = [0, 2, 3].map(|k| element(one, k));
            f.choose(
                found.below(t.clone()),
                |f| f.set(k, count),
                |f| {
                    f.set(place, truncated(element(one, 1)));
                    f.set(fired, 0);
                    f.when(before.differs(0.0).and(after.clone().differs(0.0)), |f| {
                        // What holds for this one moment does not cease to until it has been executed.
                        f.store(at.g(), place, 0.0);
                        f.call(fired, "update", vec![memory.into(), 1.into()]);
                    });
                    f.store(at.g(), place, after);
                    f.when(less(fired, 1), |f| f.call(fired, "update", vec![memory.into(), 0.into()]));
                    f.when(less(0, fired), |f| f.set(found, t));
                },
            );
        });
        f.when(found.differs(found), |f| {
            // What the series did not show, the ends do.
            f.times(k, m, |f| {
                f.when(sign(element(at.g(), k)).differs(sign(element(at.g_end(), k))), |f| {
                    f.store(at.g(), k, element(at.g_end(), k));
                    f.call(fired, "update", vec![memory.into(), 0.into()]);
                    f.when(less(0, fired), |f| f.set(found, t1));
                });
            });
            f.times(k, m, |f| f.store(at.g(), k, element(at.g_end(), k)));
        });
        f.when(found.equals(found), |f| {
            f.choose(
                found.equals(t1),
                |f| f.times(i, drive.n as i64, |f| f.store(at.y(), i, element(here, i))),
                |f| {
                    let theta = (found - at.get(Cell::Before)) / at.get(Cell::Length);
                    f.kernel("dense", [theta, before.into(), at.dense(), here.into(), at.work(), at.y()]);
                },
            );
            if self.keeps() {
                f.call(k, "keep", vec![memory.into(), found.into(), at.y()]);
            }
        });
        f.finish(found)
    }

    /// `begin(memory, t0, t1, y)`: the times of a run, and its conditions where it starts: those that hold there have not
    /// become true, unless the event says otherwise.
    fn begin(&self) -> Function {
        let parameters = [("memory", Pointer), ("t0", Real), ("t1", Real), ("y", Pointer)];
        let (mut f, [memory, t0, t1, y]) = Writer::new("begin", Count, parameters);
        let at = self.at(memory);
        let k = f.count("k", 0);
        let wrong = f.count("wrong", 0);
        f.times(k, self.watched as i64, |f| {
            f.store(at.largest(), k, 0.0);
            f.store(at.close(), k, 0.0);
        });
        f.times(k, self.slots as i64, |f| {
            [at.truths(), at.waiting(), at.momentary(), at.has_kept()]
                .into_iter()
                .for_each(|list| f.store(list, k, 0.0));
        });
        at.set(&mut f, Cell::Executed, 0.0);
        at.set(&mut f, Cell::Length, 0.0);
        at.set(&mut f, Cell::LastTime, f64::NEG_INFINITY);
        at.set(&mut f, Cell::CloseCount, 0.0);
        f.call(wrong, "set_clock", vec![memory.into(), t0.into(), t1.into()]);
        f.when(less(0, wrong), |f| f.give(INVALID));
        self.watch(&mut f, at, memory, t0, y);
        if self.watched > 0 {
            f.call(k, "update", vec![memory.into(), 0.into()]);
        }
        for (group, first) in self.groups().filter(|(group, _)| !group.at_start) {
            let waiting = shifted(at.waiting(), first as usize);
            f.times(k, group.len() as i64, |f| f.store(waiting.clone(), k, 0.0));
        }
        if self.keeps() {
            f.call(k, "keep", vec![memory.into(), t0.into(), y.into()]);
        }
        f.finish(0)
    }

    /// `execute(memory, t, y)`: executes all that has fired or is due at (t, y), and what that causes.
    fn execute(&self, drive: &Drive) -> Function {
        let parameters = [("memory", Pointer), ("t", Real), ("y", Pointer)];
        let (mut f, [memory, t, y]) = Writer::new("execute", Count, parameters);
        let at = self.at(memory);
        let [k, slot, seen, executed, best, status] =
            ["k", "slot", "seen", "executed", "best", "status"].map(|name| f.count(name, 0));
        let [rank, highest] = ["rank", "highest"].map(|name| f.real(name, 0.0));
        f.call(k, "take_due", vec![memory.into(), t.into()]);
        let on = f.count("on", 1);
        f.repeat(less(0, on), |f| {
            // Higher priorities first, then in the order of the table, then by element.
            self.resets(f, at, memory, t, y);
            f.set(best, -1);
            f.set(highest, f64::NEG_INFINITY);
            for (group, first) in self.groups() {
                f.times(k, group.len() as i64, |f| {
                    f.set(slot, whole(Whole::Add, k, first));
                    f.when(Expr::from(0.0).below(element(at.waiting(), slot)), |f| {
                        f.set(rank, 0.0);
                        if let Some(priority) = group.priority {
                            f.set(rank, element(shifted(at.values(), priority), k));
                            f.when(rank.differs(rank), |f| f.set(rank, 0.0));
                        }
                        f.when(less(best, 0).or(highest.below(rank)), |f| {
                            f.set(best, slot);
                            f.set(highest, rank);
                        });
                    });
                });
            }
            f.choose(
                less(best, 0),
                |f| f.when(less(0, seen), |f| f.set(on, 0)),
                |f| {
                    f.advance(executed);
                    f.when(less(i64::from(MOST_AT_ONCE), executed), |f| f.give(FOR_EVER));
                    f.store(at.waiting(), best, element(at.waiting(), best) - 1.0);
                    f.store(at.momentary(), best, 0.0);
                    at.set(f, Cell::Executed, at.get(Cell::Executed) + 1.0);
                    let mut kept = 0;
                    for (group, first) in self.groups() {
                        let mine = less(first - 1, best).and(less(best, first + group.len() as i64));
                        f.when(mine, |f| {
                            f.set(k, whole(Whole::Sub, best, first));
                            if group.values_at_trigger {
                                self.recall(f, at, group, kept, best, k);
                            }
                            self.assign(f, drive, group, [memory, y, k]);
                            if group.stop {
                                f.set(status, STOPPED);
                                f.set(on, 0);
                            }
                        });
                        if group.values_at_trigger {
                            kept += group.len() * group.assignments.len();
                        }
                    }
                },
            );
            f.when(less(0, on), |f| {
                f.set(seen, 1);
                // What an event sets may leave the rest of the state behind.
                for (needed, repair) in [(drive.constraints.is_some(), "refit"), (drive.settle.is_some(), "settle")] {
                    if needed {
                        f.when(less(-1, best), |f| {
                            f.call(k, repair, vec![memory.into(), t.into(), y.into()]);
                            f.when(less(0, k), |f| f.give(INCONSISTENT));
                        });
                    }
                }
                self.watch(f, at, memory, t, y);
                if self.watched > 0 {
                    f.call(k, "update", vec![memory.into(), 0.into()]);
                }
                if self.keeps() {
                    f.call(k, "keep", vec![memory.into(), t.into(), y.into()]);
                }
            });
        });
        f.times(k, self.watched as i64, |f| f.store(at.close(), k, 0.0));
        // Events that follow each other within rounding of time, or of the steps in which they are found, get nowhere.
        f.when(less(0, executed), |f| {
            let near = t.size().most(at.get(Cell::Length)).most(f64::MIN_POSITIVE) * (CLOSE * f64::EPSILON);
            f.choose(
                (t - at.get(Cell::LastTime)).at_most(near),
                |f| at.set(f, Cell::CloseCount, at.get(Cell::CloseCount) + 1.0),
                |f| at.set(f, Cell::CloseCount, 0.0),
            );
            at.set(f, Cell::LastTime, t);
            f.when(Expr::from(f64::from(MOST_CLOSE)).at_most(at.get(Cell::CloseCount)), |f| f.give(FOR_EVER));
        });
        f.finish(status)
    }

    /// Puts the values that element k of an event kept from its trigger where the present ones are.
    fn recall(&self, f: &mut Writer, at: At, group: &EventGroup, kept: usize, slot: Local, k: Local) {
        f.when(element(at.has_kept(), slot).differs(0.0), |f| {
            for (number, assignment) in group.assignments.iter().enumerate() {
                let own = element(shifted(at.kept(), kept + number * group.len()), k);
                f.store(shifted(at.values(), assignment.value), k, own);
            }
            f.store(at.has_kept(), slot, 0.0);
        });
    }

    /// All assignments of element k of an event.
    fn assign(&self, f: &mut Writer, drive: &Drive, group: &EventGroup, [memory, y, k]: [Local; 3]) {
        let (at, values) = (self.at(memory), self.at(memory).values());
        let set = |f: &mut Writer, state: bool, place: Expr, value: Expr| {
            match state {
                true => f.store(y, place.clone(), value),
                false => f.store(shifted(at.bound(), self.discretes), place.clone(), value),
            }
            if state && drive.constraints.is_some() {
                drive.mark(f, memory, place);
            }
        };
        if drive.constraints.is_some() {
            let i = f.count("i", 0);
            drive.unmark(f, memory, i);
        }
        if group.len() == 1 {
            // Many assignments of one event are loops.
            for state in [true, false] {
                let own = group.assignments.iter().filter(|assignment| assignment.state == state);
                for (targets, from) in evenly_paired(own.flat_map(|a| a.places.first().map(|place| (*place, a.value))))
                {
                    f.times(k, targets.len, |f| {
                        set(f, state, even(targets, k), element(values.clone(), even(from, k)));
                    });
                }
            }
            return;
        }
        let place = f.count("place", 0);
        for assignment in &group.assignments {
            let mut first = 0i64;
            for stretch in evenly(assignment.places.iter().copied()) {
                // Element k lies in this stretch or one of those behind.
                let whole = Evenly { first: stretch.first - first * stretch.stride, ..stretch };
                f.when(less(first - 1, k), |f| f.set(place, even(whole, k)));
                first += stretch.len;
            }
            set(f, assignment.state, place.into(), element(shifted(values.clone(), assignment.value), k));
        }
    }
}

/// Whether a condition holds for element k, by the signs of the numbers in g.
fn holding(condition: &[Logic], g: Expr, k: Local) -> Expr {
    let mut stack: Vec<Expr> = Vec::new();
    let never = || less(0, 0);
    for step in condition {
        let value = |at: &usize| element(shifted(g.clone(), *at), k);
        let mut pop = || stack.pop().unwrap_or_else(never);
        let holds = match step {
            Logic::Constant(value) => less(0, i64::from(*value)),
            Logic::Negative(at) => value(at).below(0.0),
            Logic::NotPositive(at) => value(at).at_most(0.0),
            Logic::Zero(at) => value(at).equals(0.0),
            Logic::And => pop().and(pop()),
            Logic::Or => pop().or(pop()),
            Logic::Not => pop().negated(),
        };
        stack.push(holds);
    }
    stack.pop().unwrap_or_else(never)
}
