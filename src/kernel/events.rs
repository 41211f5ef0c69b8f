//! Events lowered: three kernels of numbers, and the table that says what they mean.
//!
//! Every number of an event over indices is an array over the box of its indices, row by row, so that element k of the
//! event finds its own k places behind element 0's.

use super::emit::{Nest, Target};
use super::lower::FlatPlace;
use super::program::Buffer;
use crate::expr::{ExprId, IndexRange, Subscript, for_each_turn};
use crate::model::{self, Kind, Model, Symbol, When};
use crate::system::{Assignment, EventGroup, Events, Logic, ModeGroup, Stop, Surface, Trigger, Watch};

/// Events to be: the table without the places that grow with index sets, which [`EventPlan::events`] lists.
#[derive(Clone, Debug, Default)]
pub struct EventPlan {
    events: Events,
    /// Per event and assignment.
    targets: Vec<Vec<Set>>,
}

/// What an assignment sets.
#[derive(Clone, Debug)]
struct Set {
    /// Indices of its own, and those of the event.
    ranges: [Vec<IndexRange>; 2],
    place: FlatPlace,
}

/// The nests of one kernel, and how many numbers it writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub nests: Vec<Nest>,
    pub len: usize,
}

/// What the kernels of events compute.
#[derive(Clone, Debug, Default)]
pub(super) struct EventNumbers {
    pub surfaces: Numbers,
    pub resets: Numbers,
    pub schedule: Numbers,
}

impl Numbers {
    /// Adds a number per element of the ranges; returns the place of the first.
    pub(super) fn add(&mut self, ranges: &[IndexRange], value: ExprId) -> usize {
        let first = self.len;
        let mut target = Target { buffer: Buffer::Out, base: first as i64, terms: Vec::new() };
        let mut stride = 1i64;
        for range in ranges.iter().rev() {
            target.terms.push((range.var, stride));
            target.base -= stride * range.lo;
            stride *= range.len() as i64;
        }
        self.len += stride as usize;
        match self.nests.iter_mut().find(|nest| nest.ranges == ranges) {
            Some(nest) => nest.stores.push((target, value)),
            None => self.nests.push(Nest { ranges: ranges.to_vec(), stores: vec![(target, value)] }),
        }
        first
    }

    /// What they are: the ranges, the template, and the place of the first.
    pub(super) fn list(&self) -> Vec<(Vec<IndexRange>, ExprId, usize)> {
        let each = self.nests.iter().flat_map(|nest| {
            nest.stores.iter().map(|(target, value)| {
                let stride =
                    |range: &IndexRange| target.terms.iter().find(|(var, _)| *var == range.var).map_or(0, |t| t.1);
                let first = nest.ranges.iter().fold(target.base, |at, range| at + stride(range) * range.lo);
                (nest.ranges.clone(), *value, first as usize)
            })
        });
        each.collect()
    }
}

impl EventPlan {
    /// The table, and what is to be computed for it.
    pub(super) fn new(model: &Model, symbols: &[Symbol]) -> (Self, EventNumbers) {
        let (mut plan, mut numbers) = (EventPlan::default(), EventNumbers::default());
        for event in &model.events {
            let ranges = event.ranges.as_slice();
            let mut clock = |value: ExprId| numbers.schedule.add(ranges, value);
            let trigger = match &event.trigger {
                model::Trigger::At(times) => Trigger::At(times.iter().map(|time| clock(*time)).collect()),
                model::Trigger::Every { period, from, to } => {
                    Trigger::Every { period: clock(*period), from: from.map(&mut clock), to: to.map(&mut clock) }
                }
                model::Trigger::When(condition) => {
                    let places: Vec<usize> =
                        condition.surfaces.iter().map(|s| numbers.surfaces.add(ranges, s.value)).collect();
                    let len = ranges.iter().map(|r| r.len()).product();
                    for (surface, first) in condition.surfaces.iter().zip(&places) {
                        plan.events.surfaces.push(Surface { first: *first, len, degree: surface.degree });
                    }
                    Trigger::Condition(condition.logic.iter().map(|step| placed(*step, &places)).collect())
                }
            };
            let mut group = EventGroup::new(event.name.clone(), trigger);
            group.dims = ranges.iter().map(|r| (r.lo, r.len())).collect();
            group.stop = event.stop;
            group.delay = event.delay.map(|delay| numbers.resets.add(ranges, delay));
            group.priority = event.priority.map(|priority| numbers.resets.add(ranges, priority));
            (group.persistent, group.values_at_trigger) = (event.persistent, event.values_at_trigger);
            group.at_start = event.at_start;
            let mut targets = Vec::new();
            for assignment in &event.assignments {
                let plain = |a: &crate::expr::Affine| Subscript { affine: a.clone(), wrap: false };
                let subscripts: Vec<Subscript> = assignment.subscripts.iter().map(plain).collect();
                let place = FlatPlace::new(symbols, assignment.symbol, &subscripts);
                let ranges = [assignment.ranges.clone(), ranges.to_vec()];
                let all = ranges.concat();
                targets.push(Set { ranges, place });
                group.assignments.push(Assignment {
                    state: symbols[assignment.symbol.0 as usize].kind == Kind::State,
                    places: Vec::new(),
                    value: numbers.resets.add(&all, assignment.value),
                });
            }
            plan.targets.push(targets);
            plan.events.groups.push(group);
        }
        for switch in &model.switches {
            let len: usize = switch.ranges.iter().map(|r| r.len()).product();
            let mut clock = |value: ExprId| numbers.schedule.add(&switch.ranges, value);
            let stop = match switch.when {
                When::At(time) => (clock(time), None),
                When::Every { from, period } => (clock(from), Some(clock(period))),
            };
            let each = |k: usize| match stop {
                (time, None) => Stop::At(time + k),
                (from, Some(period)) => Stop::Every { from: from + k, period: period + k },
            };
            plan.events.stops.extend((0..len).map(each));
        }
        let behind: usize = model.discretes.iter().map(|id| model.symbol(*id).len()).sum();
        for mode in &model.modes {
            let len = mode.ranges.iter().map(|r| r.len()).product();
            let mut watched = |surface: model::Surface| {
                let first = numbers.surfaces.add(&mode.ranges, surface.value);
                plan.events.surfaces.push(Surface { first, len, degree: surface.degree });
                first
            };
            let watch = match mode.watch {
                model::Watch::Side(surface) => Watch::Side(watched(surface)),
                model::Watch::Level { above, below } => Watch::Level { above: watched(above), below: watched(below) },
            };
            plan.events.modes.push(ModeGroup {
                name: mode.name.clone(),
                dims: mode.ranges.iter().map(|r| (r.lo, r.len())).collect(),
                mode: behind + symbols[mode.symbol.0 as usize].offset,
                watch,
            });
        }
        plan.events.values = numbers.resets.len;
        plan.events.times = numbers.schedule.len;
        (plan, numbers)
    }

    /// Whether nothing happens.
    pub fn is_empty(&self) -> bool {
        self.events.groups.is_empty() && self.events.stops.is_empty() && self.events.modes.is_empty()
    }

    /// The table with all places.
    pub fn events(&self) -> Events {
        let mut events = self.events.clone();
        for (group, targets) in events.groups.iter_mut().zip(&self.targets) {
            let elements = group.len();
            for (template, set) in std::mem::take(&mut group.assignments).into_iter().zip(targets) {
                let Set { ranges: [own, ranges], place } = set;
                let mut value = template.value;
                for_each_turn(own, |mine| {
                    let mut one = Assignment { value, ..template.clone() };
                    for_each_turn(ranges, |indices| one.places.push(place.at(&[mine, indices].concat())));
                    value += elements;
                    group.assignments.push(one);
                });
            }
        }
        events
    }
}

/// The same operation, of functions by their place among the numbers of `surfaces`.
fn placed(step: Logic, places: &[usize]) -> Logic {
    match step {
        Logic::Negative(k) => Logic::Negative(places[k]),
        Logic::NotPositive(k) => Logic::NotPositive(places[k]),
        Logic::Zero(k) => Logic::Zero(places[k]),
        other => other,
    }
}
