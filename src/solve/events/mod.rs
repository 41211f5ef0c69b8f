//! Events of a run: when they fire, in which order they are executed, and what has happened.
//!
//! `locate` finds the crossings inside a step, `clock` knows the times that are given beforehand; this file keeps the
//! signs of the watched functions and the truth of the conditions, and executes. Edge-triggered: an event fires when its
//! condition becomes true, whether by the solution's way or by what another event sets.
//!
//! At one time: what fires is executed by priority, then in the order of the table; after each execution conditions are
//! looked at again, so that events can cause others (`MOST_AT_ONCE` at most). An event that waits for its turn or its
//! delay is dropped when its condition ceases to hold, unless it is persistent.

mod clock;
mod locate;
mod memory;
mod modes;
mod series;

use clock::{Clock, Delayed, Due};
use locate::{Crossing, Locator, Watched, sign};
use modes::Modes;

use super::ErrorKind;
use super::problem::Problem;
use super::stepper::Stepper;
use super::taken::{Cause, Turn};
use crate::system::constants::{CLOSE, MOST_AT_ONCE, MOST_CLOSE};
use crate::system::{Events, Logic, Stop, Trigger};

/// An event that was executed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Occurrence {
    /// When.
    pub time: f64,
    /// The event's place in [`Events::groups`].
    pub group: usize,
    /// Its element.
    pub element: usize,
}

/// Fired, and not yet executed.
struct Firing {
    group: usize,
    element: usize,
    /// Whether its delay is over, or it has been seen that it has none.
    served: bool,
    /// Whether its condition held for this one moment only, so that it cannot cease to.
    momentary: bool,
    values: Option<Vec<f64>>,
    /// Why it fires when it does.
    cause: Cause,
    /// What is known of it since it was triggered.
    ticket: Option<usize>,
}

impl Firing {
    fn new(group: usize, element: usize, cause: Cause) -> Self {
        Firing { group, element, served: false, momentary: false, values: None, cause, ticket: None }
    }
}

/// Makes the rest of a state fit what an event has set; the places of those states.
pub type Restore<'r> = dyn FnMut(&mut Problem, &mut [f64], &[usize]) -> Result<(), ErrorKind> + 'r;

/// Tells whoever differentiates the run what happens, turn by turn.
pub type Tell<'r> = dyn FnMut(&mut Problem, &[f64], Turn) -> Result<(), ErrorKind> + 'r;

/// What execution leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The run goes on.
    On,
    /// An event has ended it.
    Stop,
}

/// The events of a run in progress.
pub struct Happenings<'a> {
    events: &'a Events,
    clock: Clock,
    /// The numbers of `schedule`.
    times: Vec<f64>,
    /// How many tickets have been given.
    tickets: usize,
    locator: Locator,
    /// The branches of the equations' switches, and whether those that time decides end steps.
    modes: Modes,
    located: bool,
    /// The watched functions where the run stands; what matters is their signs.
    g: Vec<f64>,
    g_end: Vec<f64>,
    start: Vec<f64>,
    /// The states that an event has just set.
    set: Vec<usize>,
    crossings: Vec<Crossing>,
    /// Whether the condition of each element holds, by [`Self::first`].
    truths: Vec<bool>,
    /// The place of each event's first element in `truths`.
    first: Vec<usize>,
    /// The event that watches each of [`Events::surfaces`], if any does.
    owners: Vec<Option<usize>>,
    /// The numbers of `resets`.
    values: Vec<f64>,
    waiting: Vec<Firing>,
    /// The memory of values that were kept.
    spare: Vec<Vec<f64>>,
    /// Why something happens, and the state before it is made to fit: what is told.
    causes: Vec<Cause>,
    given: Vec<f64>,
    /// The state where an event was located.
    pub y: Vec<f64>,
    /// What has happened.
    pub log: Vec<Occurrence>,
    /// The last time of an event, and how many before it were as close.
    last: (f64, u32),
    /// The length of the step looked at last.
    length: f64,
}

impl<'a> Happenings<'a> {
    /// The events of a run from t0 to t1, in the memory of another one of the same system; none if the system has none.
    ///
    /// # Errors
    /// If times make no sense, or the run goes backwards.
    pub fn within(
        problem: &mut Problem<'a>,
        (t0, t1): (f64, f64),
        room: Option<Happenings<'static>>,
    ) -> Result<Option<Self>, ErrorKind> {
        let Some(events) = problem.system.events() else { return Ok(None) };
        if events.groups.is_empty() && (t1 < t0 || problem.over_switches()) {
            return Ok(None);
        }
        if t1 < t0 {
            return Err(ErrorKind::Options(
                "a model with events can only be run forwards in time: what they set cannot be undone".to_string(),
            ));
        }
        if let Some(group) = events.groups.iter().find(|g| match &g.trigger {
            Trigger::Condition(condition) => Logic::depth(condition) > 64,
            _ => false,
        }) {
            return Err(ErrorKind::Options(format!("the condition of `{}` is nested too deeply", group.name)));
        }
        let mut own = room.unwrap_or_else(Happenings::none);
        own.begin_anew(problem, events, (t0, t1))?;
        Ok(Some(own))
    }

    /// Looks at the start: conditions that hold there have not become true, unless the event says otherwise.
    pub fn begin(&mut self, problem: &mut Problem, t: f64, y: &[f64]) {
        self.modes.settle(problem, t, y);
        self.watch(problem, t, y);
        let events = self.events;
        for (group, event) in events.groups.iter().enumerate() {
            for element in 0..event.len() {
                let holds = self.holds(group, element);
                self.truths[self.first[group] + element] = holds;
                if holds && event.at_start && matches!(event.trigger, Trigger::Condition(_)) {
                    self.fire(problem, t, y, group, element);
                }
            }
        }
    }

    /// The next time after `t` at which a step must end.
    pub fn next_end(&mut self, t: f64) -> Option<f64> {
        self.clock.next_end(t)
    }

    /// Whether something is to be executed at `t`.
    pub fn is_due(&self, t: f64) -> bool {
        !self.waiting.is_empty() || self.modes.is_due() || self.clock.next().is_some_and(|next| next <= t)
    }

    /// Whether what is due at `t` is no more than a switch of the equations.
    pub fn only_switches(&self, t: f64) -> bool {
        self.waiting.is_empty() && self.clock.next().is_none_or(|next| next > t)
    }

    /// Looks along the step just taken from `t0`. Gives the first time at which an event fires or a branch of the
    /// equations changes; `rejected` steps were tried before it, and the state there is in [`Self::y`], and [`Self::execute`] is to be called.
    pub fn inspect(&mut self, problem: &mut Problem, stepper: &mut dyn Stepper, t0: f64, rejected: u64) -> Option<f64> {
        if self.g.is_empty() {
            return None;
        }
        let t1 = stepper.t();
        self.length = t1 - t0;
        self.start.copy_from_slice(&self.g);
        let mut g_end = std::mem::take(&mut self.g_end);
        let mut crossings = std::mem::take(&mut self.crossings);
        problem.surfaces(t1, stepper.y(), &mut g_end);
        let (span, ends) = ((t0, t1), (self.g.as_slice(), g_end.as_slice()));
        let modes = &self.modes;
        let follows = |place: usize| modes.follows(place, t1 - t0, ends.0[place], ends.1[place]);
        let cuts = |crossing: &Crossing| modes.cuts(crossing);
        let plain = |place: usize| modes.owns(place);
        let watched = Watched { surfaces: &self.events.surfaces, follows: &follows, cuts: &cuts, plain: &plain };
        self.locator.crossings(problem, stepper, span, ends, watched, &mut crossings);
        self.modes.note_crowd(self.locator.behind);
        let mut found: Option<f64> = None;
        for crossing in &crossings {
            if found.is_some_and(|t| crossing.t > t) {
                break;
            }
            let of_mode = self.modes.owns(crossing.place);
            if if of_mode { self.modes.cross(crossing) } else { self.cross(crossing) } {
                found = Some(crossing.t);
            }
        }
        if found.is_none() {
            // What the series did not show, the ends do.
            for place in 0..self.g.len() {
                if !self.modes.owns(place) && sign(self.g[place]) != sign(g_end[place]) {
                    self.g[place] = g_end[place];
                    if self.look_again(place) {
                        found = Some(t1);
                    }
                }
            }
            if self.modes.compare(&g_end) {
                found = Some(t1);
            }
            if found.is_none()
                && !self.modes.is_empty()
                && self.modes.advance(problem, t1, (t0, &self.start), &g_end, rejected)
            {
                // Numbers of modes that have changed mean something else.
                problem.surfaces(t1, stepper.y(), &mut g_end);
            }
            self.g.copy_from_slice(&g_end);
        }
        (self.g_end, self.crossings) = (g_end, crossings);
        if let Some(t) = found {
            if t == t1 {
                self.y.copy_from_slice(stepper.y());
            } else {
                stepper.interpolate(problem, t, &mut self.y);
            }
            let y = std::mem::take(&mut self.y);
            self.keep_values(problem, t, &y);
            self.y = y;
        }
        found
    }

    /// A step could not be taken: whether it may be tried again with f deciding its branches by itself.
    pub fn give_way(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> bool {
        let again = self.modes.give_way(problem);
        if again {
            self.watch(problem, t, y);
        }
        again
    }

    /// The switch that the solution slides along, if it does.
    pub fn slides(&self) -> Option<String> {
        let groups = if self.located { self.events.modes.as_slice() } else { &[] };
        self.modes.slides(groups)
    }

    /// Follows a function through zero; says whether an event fires.
    fn cross(&mut self, crossing: &Crossing) -> bool {
        let mut fires = false;
        if crossing.before != 0.0 && crossing.after != 0.0 {
            self.g[crossing.place] = 0.0;
            fires = self.look_again(crossing.place);
            if let (true, Some(firing)) = (fires, self.waiting.last_mut()) {
                // That it does not hold any more is seen when it has been executed.
                firing.momentary = true;
                self.g[crossing.place] = crossing.after;
                return true;
            }
        }
        self.g[crossing.place] = crossing.after;
        self.look_again(crossing.place) || fires
    }

    /// Looks again at the condition that watches the function at a place; says whether it has become true.
    fn look_again(&mut self, place: usize) -> bool {
        let Some(block) = self.events.surfaces.iter().position(|s| (s.first..s.first + s.len).contains(&place)) else {
            return false;
        };
        let Some(group) = self.owners[block] else { return false };
        self.update(group, place - self.events.surfaces[block].first, Cause::Surface(place))
    }

    /// Brings the truth of a condition up to date: what becomes true fires, what ceases to be is dropped.
    fn update(&mut self, group: usize, element: usize, cause: Cause) -> bool {
        let holds = self.holds(group, element);
        let before = std::mem::replace(&mut self.truths[self.first[group] + element], holds);
        if before && !holds && !self.events.groups[group].persistent {
            self.waiting.retain(|f| (f.group, f.element) != (group, element) || f.momentary);
            self.clock.delayed.retain(|d| (d.group, d.element) != (group, element));
        }
        if holds && !before {
            self.waiting.push(Firing::new(group, element, cause));
        }
        holds && !before
    }

    fn holds(&self, group: usize, element: usize) -> bool {
        match &self.events.groups[group].trigger {
            Trigger::Condition(condition) => Logic::holds(condition, |at| sign(self.g[at + element])),
            _ => false,
        }
    }

    fn watch(&mut self, problem: &mut Problem, t: f64, y: &[f64]) {
        if !self.g.is_empty() {
            problem.surfaces(t, y, &mut self.g);
        }
    }

    fn fire(&mut self, problem: &mut Problem, t: f64, y: &[f64], group: usize, element: usize) {
        self.waiting.push(Firing::new(group, element, Cause::Nothing));
        self.keep_values(problem, t, y);
    }

    /// Values from the time of the trigger, for what has just fired and wants them.
    fn keep_values(&mut self, problem: &mut Problem, t: f64, y: &[f64]) {
        let events = self.events;
        let wants = |f: &Firing| events.groups[f.group].values_at_trigger && f.values.is_none();
        if self.waiting.iter().any(wants) {
            problem.resets(t, y, &mut self.values);
            for firing in self.waiting.iter_mut().filter(|f| wants(f)) {
                let mut kept = self.spare.pop().unwrap_or_default();
                kept.clone_from(&self.values);
                firing.values = Some(kept);
            }
        }
    }

    /// Why what is due at `t` happens just then, each reason once.
    fn find_causes(&self, t: f64, causes: &mut Vec<Cause>) {
        causes.clear();
        causes.extend(self.waiting.iter().map(|firing| firing.cause));
        causes.extend(self.modes.due().map(Cause::Surface));
        causes.extend(self.stops_at(t));
        causes.retain(|cause| *cause != Cause::Nothing);
    }

    /// The switches of the equations at this time, as reasons.
    pub fn stops_at(&self, t: f64) -> impl Iterator<Item = Cause> + '_ {
        let stops = if self.located { self.events.stops.as_slice() } else { &[] };
        stops.iter().filter_map(move |stop| match *stop {
            Stop::At(place) => (self.times[place] == t).then_some(Cause::Time { first: Some(place), period: None }),
            Stop::Every { from, period } => {
                let count = ((t - self.times[from]) / self.times[period]).round();
                let here = self.times[from] + count * self.times[period];
                let near = (t - here).abs() <= 8.0 * f64::EPSILON * t.abs().max(here.abs());
                near.then_some(Cause::Time { first: Some(from), period: Some((period, count)) })
            }
        })
    }

    /// Executes all that has fired or is due at (t, y), and what that causes. Discrete quantities change in `problem`.
    ///
    /// # Errors
    /// If events cause each other for ever, follow each other without getting anywhere, have a bad delay, or leave a state
    /// that no algebraic equations fit.
    pub fn execute(
        &mut self,
        problem: &mut Problem,
        t: f64,
        y: &mut [f64],
        restore: &mut Restore,
        tell: Option<&mut Tell>,
    ) -> Result<Flow, ErrorKind> {
        let events = self.events;
        let (telling, mut tell) = (tell.is_some(), tell);
        let mut told = |problem: &mut Problem, y: &[f64], turn: Turn| match &mut tell {
            Some(tell) => tell(problem, y, turn),
            None => Ok(()),
        };
        let (waiting, times) = (&mut self.waiting, &self.times);
        self.clock.take_due(t, |group, element, due| {
            let (served, values, ticket, cause) = match due {
                Due::Delayed(delayed) => {
                    let cause = delayed.ticket.map_or(Cause::Nothing, Cause::Delay);
                    (true, delayed.values, delayed.ticket, cause)
                }
                Due::Listed(nth) => (false, None, None, listed(&events.groups[group].trigger, times, element, t, nth)),
                Due::Periodic(count) => (false, None, None, periodic(&events.groups[group].trigger, element, count)),
            };
            waiting.push(Firing { served, values, ticket, ..Firing::new(group, element, cause) });
        });
        if telling {
            let mut causes = std::mem::take(&mut self.causes);
            self.find_causes(t, &mut causes);
            told(problem, y, Turn::Begin { causes: &causes })?;
            self.causes = causes;
        }
        self.tell_kept(problem, y, &mut told)?;
        if self.modes.is_due() {
            self.modes.change(problem, t, y);
            self.given.clear();
            self.given.extend(y.iter().filter(|_| telling));
            restore(problem, y, &[])?;
            told(problem, y, Turn::Settle { given: &self.given, set: &[] })?;
        }
        let (mut executed, mut seen, mut flow) = (0, false, Flow::On);
        loop {
            self.put_off(problem, t, y, &mut told)?;
            if let Some(next) = self.next_in_turn(problem, t, y) {
                let firing = self.waiting.remove(next);
                let event = &events.groups[firing.group];
                executed += 1;
                if executed > MOST_AT_ONCE {
                    return Err(ErrorKind::EventsForEver(event.element(firing.element)));
                }
                let (Firing { group, element, cause, ticket, .. }, values) =
                    (&firing, firing.values.as_deref().unwrap_or(&self.values));
                let turn = Turn::Execute { group: *group, element: *element, cause: *cause, ticket: *ticket };
                told(problem, y, turn)?;
                self.set.clear();
                for assignment in &event.assignments {
                    let place = assignment.places[firing.element];
                    let value = values[assignment.value + firing.element];
                    if assignment.state {
                        y[place] = value;
                        self.set.push(place);
                    } else {
                        problem.set_discrete(place, value);
                    }
                }
                self.log.push(Occurrence { time: t, group: firing.group, element: firing.element });
                problem.statistics.events += 1;
                if event.stop {
                    flow = Flow::Stop;
                    break;
                }
                // Where events have set something, the rest of the state and the branches follow.
                self.given.clear();
                self.given.extend(y.iter().filter(|_| telling));
                restore(problem, y, &self.set).map_err(|kind| match kind {
                    ErrorKind::Inconsistent { state, left, singular } => {
                        let event = event.element(firing.element);
                        ErrorKind::InconsistentAfter { event, state, left, singular }
                    }
                    other => other,
                })?;
                told(problem, y, Turn::Settle { given: &self.given, set: &self.set })?;
                self.spare.extend(firing.values);
                self.modes.settle(problem, t, y);
            } else if seen {
                break;
            }
            seen = true;
            self.update_all(problem, t, y);
            self.tell_kept(problem, y, &mut told)?;
        }
        self.locator.begin_anew();
        if executed > 0 {
            self.note_time(t)?;
        }
        Ok(flow)
    }

    /// Tells of values that have been kept for executions to come.
    fn tell_kept(
        &mut self,
        problem: &mut Problem,
        y: &[f64],
        told: &mut impl FnMut(&mut Problem, &[f64], Turn) -> Result<(), ErrorKind>,
    ) -> Result<(), ErrorKind> {
        for firing in self.waiting.iter_mut().filter(|f| f.values.is_some() && f.ticket.is_none()) {
            firing.ticket = Some(self.tickets);
            told(problem, y, Turn::Keep { ticket: self.tickets, group: firing.group, element: firing.element })?;
            self.tickets += 1;
        }
        Ok(())
    }

    /// Looks at all conditions at (t, y).
    fn update_all(&mut self, problem: &mut Problem, t: f64, y: &[f64]) {
        if self.g.is_empty() {
            return;
        }
        problem.surfaces(t, y, &mut self.g);
        let events = self.events;
        for (group, event) in events.groups.iter().enumerate() {
            if matches!(event.trigger, Trigger::Condition(_)) {
                (0..event.len()).for_each(|element| _ = self.update(group, element, Cause::Nothing));
            }
        }
        self.keep_values(problem, t, y);
    }

    /// Events with a delay leave for the clock.
    fn put_off(
        &mut self,
        problem: &mut Problem,
        t: f64,
        y: &[f64],
        told: &mut impl FnMut(&mut Problem, &[f64], Turn) -> Result<(), ErrorKind>,
    ) -> Result<(), ErrorKind> {
        let events = self.events;
        let delays = |f: &Firing| !f.served && events.groups[f.group].delay.is_some();
        if self.waiting.iter().any(delays) {
            problem.resets(t, y, &mut self.values);
        }
        let mut k = 0;
        while k < self.waiting.len() {
            let firing = &mut self.waiting[k];
            let event = &events.groups[firing.group];
            let delay = event.delay.filter(|_| !firing.served).map_or(0.0, |at| self.values[at + firing.element]);
            firing.served = true;
            if !(delay >= 0.0 && delay.is_finite()) {
                let name = event.element(firing.element);
                return Err(ErrorKind::Options(format!("the delay of `{name}` at t = {t} is {delay}")));
            }
            if delay > 0.0 {
                let Firing { group, element, values, ticket, .. } = self.waiting.remove(k);
                let ticket = ticket.unwrap_or(self.tickets);
                self.tickets = self.tickets.max(ticket + 1);
                told(problem, y, Turn::PutOff { ticket, group, element })?;
                self.clock.delayed.push(Delayed { time: t + delay, group, element, values, ticket: Some(ticket) });
            } else {
                k += 1;
            }
        }
        Ok(())
    }

    /// The place of the one to be executed next; priorities, and the right sides in `values`, are as they are now.
    fn next_in_turn(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Option<usize> {
        if self.waiting.is_empty() {
            return None;
        }
        problem.resets(t, y, &mut self.values);
        let rank = |f: &Firing| {
            let priority = self.events.groups[f.group].priority.map_or(0.0, |at| self.values[at + f.element]);
            (if priority.is_nan() { 0.0 } else { priority }, f.group, f.element)
        };
        (0..self.waiting.len()).min_by(|a, b| {
            let (a, b) = (rank(&self.waiting[*a]), rank(&self.waiting[*b]));
            b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2))
        })
    }

    /// Counts events that follow each other within rounding of time, or of the steps in which they are found: close to t = 0
    /// time has room for any number of them.
    fn note_time(&mut self, t: f64) -> Result<(), ErrorKind> {
        let near = CLOSE * f64::EPSILON * t.abs().max(self.length).max(f64::MIN_POSITIVE);
        let count = if t - self.last.0 <= near { self.last.1 + 1 } else { 0 };
        self.last = (t, count);
        match self.log.last() {
            Some(event) if count >= MOST_CLOSE => Err(ErrorKind::Zeno(self.name(event))),
            _ => Ok(()),
        }
    }

    /// The names of all events, in their order.
    pub fn names(&self) -> Vec<String> {
        self.events.groups.iter().map(|group| group.name.clone()).collect()
    }

    /// The name of an event that was executed.
    fn name(&self, event: &Occurrence) -> String {
        self.events.groups[event.group].element(event.element)
    }
}

/// The reason of the n-th execution of an `at` event at a time.
fn listed(trigger: &Trigger, times: &[f64], element: usize, t: f64, nth: usize) -> Cause {
    let Trigger::At(places) = trigger else { return Cause::Nothing };
    let here = places.iter().map(|place| place + element).filter(|place| times[*place] == t).nth(nth);
    here.map_or(Cause::Nothing, |place| Cause::Time { first: Some(place), period: None })
}

/// The reason of an execution of an `every` event after so many periods.
fn periodic(trigger: &Trigger, element: usize, count: u64) -> Cause {
    let Trigger::Every { period, from, .. } = trigger else { return Cause::Nothing };
    Cause::Time { first: from.map(|place| place + element), period: Some((period + element, count as f64)) }
}
