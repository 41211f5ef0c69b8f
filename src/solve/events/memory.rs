//! The memory of a run's events, for the next run of the same system.

use super::Happenings;
use super::clock::Clock;
use super::locate::Locator;
use super::modes::Modes;
use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::system::{EventGroup, Events, Logic, Trigger};

impl<'a> Happenings<'a> {
    /// Those of no run: memory for one.
    pub(super) fn none() -> Happenings<'static> {
        Happenings {
            events: Events::none(),
            clock: Clock::default(),
            times: Vec::new(),
            tickets: 0,
            locator: Locator::default(),
            modes: Modes::default(),
            located: false,
            g: Vec::new(),
            g_end: Vec::new(),
            start: Vec::new(),
            set: Vec::new(),
            crossings: Vec::new(),
            truths: Vec::new(),
            first: Vec::new(),
            owners: Vec::new(),
            values: Vec::new(),
            waiting: Vec::new(),
            spare: Vec::new(),
            causes: Vec::new(),
            given: Vec::new(),
            y: Vec::new(),
            log: Vec::new(),
            last: (f64::NEG_INFINITY, 0),
            length: 0.0,
        }
    }

    /// Its memory, for the next run of the same system.
    pub fn into_memory(self) -> Happenings<'static> {
        let (clock, times, locator, modes) = (self.clock, self.times, self.locator, self.modes);
        let (g, g_end, start, set, crossings) = (self.g, self.g_end, self.start, self.set, self.crossings);
        let (truths, first, owners, values) = (self.truths, self.first, self.owners, self.values);
        let (waiting, spare, causes, given) = (self.waiting, self.spare, self.causes, self.given);
        Happenings {
            clock,
            times,
            locator,
            modes,
            g,
            g_end,
            start,
            set,
            crossings,
            truths,
            first,
            owners,
            values,
            waiting,
            spare,
            causes,
            given,
            y: self.y,
            log: self.log,
            ..Happenings::none()
        }
    }

    pub(super) fn begin_anew(
        &mut self,
        problem: &mut Problem<'a>,
        events: &'a Events,
        (t0, t1): (f64, f64),
    ) -> Result<(), ErrorKind> {
        let n = problem.dim();
        let m = events.surfaces.iter().map(|s| s.len).sum();
        self.events = events;
        let lists = [&mut self.times, &mut self.values, &mut self.y, &mut self.g, &mut self.g_end, &mut self.start];
        for (list, len) in lists.into_iter().zip([events.times, events.values, n, m, m, m]) {
            list.clear();
            list.resize(len, 0.0);
        }
        let begun = problem.begun().unwrap_or(t0);
        problem.schedule(begun, &mut self.times);
        self.located = !problem.over_switches();
        let stops = if self.located { events.stops.as_slice() } else { &[] };
        self.clock.begin(&events.groups, stops, &self.times, (t0, t1)).map_err(ErrorKind::Options)?;
        let modes = if self.located { events.modes.as_slice() } else { &[] };
        self.modes.begin(modes, m, n, (t0, t1 - t0));
        self.locator.begin(n, m);
        let mut elements = 0;
        self.first.clear();
        self.first.extend(events.groups.iter().map(|group| {
            elements += group.len();
            elements - group.len()
        }));
        self.truths.clear();
        self.truths.resize(elements, false);
        let watches = |group: &EventGroup, at: usize| match &group.trigger {
            Trigger::Condition(condition) => condition
                .iter()
                .any(|step| matches!(step, Logic::Negative(k) | Logic::NotPositive(k) | Logic::Zero(k) if *k == at)),
            _ => false,
        };
        let owner = |at: usize| events.groups.iter().position(|group| watches(group, at));
        self.owners.clear();
        self.owners.extend(events.surfaces.iter().map(|surface| owner(surface.first)));
        self.set.clear();
        self.crossings.clear();
        self.waiting.clear();
        self.log.clear();
        (self.tickets, self.last, self.length) = (0, (f64::NEG_INFINITY, 0), 0.0);
        Ok(())
    }
}
