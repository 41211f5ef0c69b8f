//! Times that are known beforehand: lists, periods, delayed executions, and stops where nothing is executed.
//!
//! A periodic time is computed from its number, A + k P, so that none drifts.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::system::{EventGroup, Stop, Trigger};

/// The next time of one element of an event.
#[derive(Clone, Debug)]
struct Entry {
    time: f64,
    group: usize,
    element: usize,
    series: Series,
}

#[derive(Clone, Debug)]
enum Series {
    /// Sorted times, from their first place to their last among [`Clock::lists`], at this place.
    Listed(usize, usize, usize),
    Periodic {
        from: f64,
        period: f64,
        to: f64,
        k: u64,
    },
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The heap's greatest is the earliest.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = other.time.total_cmp(&self.time);
        order.then(other.group.cmp(&self.group)).then(other.element.cmp(&self.element))
    }
}

/// An execution put off by a delay.
#[derive(Clone, Debug)]
pub struct Delayed {
    /// When.
    pub time: f64,
    /// What.
    pub group: usize,
    /// Which element.
    pub element: usize,
    /// The numbers of `resets` when it was triggered, if those count.
    pub values: Option<Vec<f64>>,
    /// What is known of it since then.
    pub ticket: Option<usize>,
}

/// Why something is due.
pub enum Due {
    /// It is the n-th of a list at this time, counted from 0.
    Listed(usize),
    /// So many periods are over.
    Periodic(u64),
    /// Its delay is over.
    Delayed(Delayed),
}

/// All times to come.
#[derive(Debug, Default)]
pub struct Clock {
    entries: BinaryHeap<Entry>,
    /// Executions put off.
    pub delayed: Vec<Delayed>,
    stops: BinaryHeap<Entry>,
    /// Sorted lists of times, one after the other.
    lists: Vec<f64>,
}

impl Clock {
    /// The times of a run from t0 to t1; those of another run are forgotten.
    ///
    /// # Errors
    /// A sentence that names the event whose times make no sense.
    pub fn begin(
        &mut self,
        groups: &[EventGroup],
        stops: &[Stop],
        times: &[f64],
        (t0, t1): (f64, f64),
    ) -> Result<(), String> {
        self.entries.clear();
        self.stops.clear();
        self.delayed.clear();
        self.lists.clear();
        for (group, event) in groups.iter().enumerate() {
            for element in 0..event.len() {
                let bad = |what: &str, value: f64| format!("the {what} of `{}` is {value}", event.element(element));
                match &event.trigger {
                    Trigger::Condition(_) => {}
                    Trigger::At(places) => {
                        let mut list = places.iter().map(|place| times[place + element]);
                        if let Some(time) = list.clone().find(|time| time.is_nan()) {
                            return Err(bad("time", time));
                        }
                        if let Some((time, series)) = self.list(&mut list, |time| (t0..=t1).contains(&time)) {
                            self.entries.push(Entry { time, group, element, series });
                        }
                    }
                    Trigger::Every { period, from, to } => {
                        let period = times[period + element];
                        if !(period > 0.0 && period.is_finite()) {
                            return Err(bad("period", period));
                        }
                        let from = from.map_or(t0, |place| times[place + element]);
                        let to = to.map_or(t1, |place| times[place + element]);
                        if from.is_nan() || to.is_nan() {
                            return Err(bad("first or last time", f64::NAN));
                        }
                        if (to.min(t1) - from.max(t0)) / period > 2f64.powi(53) {
                            if t1.is_infinite() {
                                let name = event.element(element);
                                return Err(format!(
                                    "`{name}` happens for ever, so the run never comes to rest; say how far to integrate"
                                ));
                            }
                            return Err(bad("period", period) + ", too short for the run");
                        }
                        let mut k = ((t0 - from) / period).floor().max(0.0) as u64;
                        while from + k as f64 * period < t0 {
                            k += 1;
                        }
                        let series = Series::Periodic { from, period, to: to.min(t1), k };
                        if let Some(time) = series.time(&self.lists) {
                            self.entries.push(Entry { time, group, element, series });
                        }
                    }
                }
            }
        }
        // Single stops, of which there may be very many, are one sorted list.
        let single = |stop: &Stop| match stop {
            Stop::At(place) => Some(times[*place]),
            Stop::Every { .. } => None,
        };
        let mut single = stops.iter().filter_map(single);
        if let Some((time, series)) = self.list(&mut single, |time| t0 < time && time <= t1) {
            self.stops.push(Entry { time, group: 0, element: 0, series });
        }
        for (group, stop) in stops.iter().enumerate() {
            let mut series = match *stop {
                Stop::At(_) => continue,
                Stop::Every { from, period } => {
                    let (from, period) = (times[from], times[period].abs());
                    let fits = from.is_finite() && period > 0.0 && (t1 - t0) / period < 2f64.powi(53);
                    if !fits {
                        continue;
                    }
                    let before = ((t0 - from) / period).floor();
                    Series::Periodic { from: from + before * period, period, to: t1, k: 0 }
                }
            };
            while let Some(time) = series.time(&self.lists) {
                if time > t0 {
                    self.stops.push(Entry { time, group, element: 0, series });
                    break;
                }
                series.advance(&self.lists);
            }
        }
        Ok(())
    }

    /// One more sorted list of those times that count, and its first, if it has any.
    fn list(&mut self, times: &mut dyn Iterator<Item = f64>, counts: impl Fn(f64) -> bool) -> Option<(f64, Series)> {
        let first = self.lists.len();
        self.lists.extend(times.filter(|time| counts(*time)));
        self.lists[first..].sort_unstable_by(f64::total_cmp);
        let last = self.lists.len().checked_sub(1).filter(|last| *last >= first)?;
        Some((self.lists[first], Series::Listed(first, last, first)))
    }

    /// The next time at which something is executed.
    pub fn next(&self) -> Option<f64> {
        let first = self.entries.peek().map(|entry| entry.time);
        self.delayed.iter().map(|d| d.time).chain(first).min_by(f64::total_cmp)
    }

    /// The next time after `t` at which a step must end.
    pub fn next_end(&mut self, t: f64) -> Option<f64> {
        while self.stops.peek().is_some_and(|stop| stop.time <= t) {
            if let Some(mut stop) = self.stops.pop()
                && let Some(time) = stop.series.advance(&self.lists)
            {
                self.stops.push(Entry { time, ..stop });
            }
        }
        let stop = self.stops.peek().map(|stop| stop.time);
        stop.into_iter().chain(self.next()).min_by(f64::total_cmp)
    }

    /// Takes what is due at `t` or before: calls `f` with the event, the element, and the reason.
    pub fn take_due(&mut self, t: f64, mut f: impl FnMut(usize, usize, Due)) {
        while self.entries.peek().is_some_and(|entry| entry.time <= t) {
            let Some(mut entry) = self.entries.pop() else { break };
            let due = match entry.series {
                Series::Listed(first, _, place) => {
                    Due::Listed(self.lists[first..place].iter().rev().take_while(|x| **x == t).count())
                }
                Series::Periodic { k, .. } => Due::Periodic(k),
            };
            f(entry.group, entry.element, due);
            if let Some(time) = entry.series.advance(&self.lists) {
                self.entries.push(Entry { time, ..entry });
            }
        }
        let mut k = 0;
        while k < self.delayed.len() {
            if self.delayed[k].time <= t {
                let delayed = self.delayed.remove(k);
                f(delayed.group, delayed.element, Due::Delayed(delayed));
            } else {
                k += 1;
            }
        }
    }
}

impl Series {
    /// The time it stands at.
    fn time(&self, lists: &[f64]) -> Option<f64> {
        match *self {
            Series::Listed(_, last, place) => lists[..=last].get(place).copied(),
            Series::Periodic { from, period, to, k } => {
                let time = from + k as f64 * period;
                // The last time is meant to be hit though k P rounds.
                let near = 4.0 * f64::EPSILON * (time.abs() + to.abs());
                if (time - to).abs() <= near { Some(to) } else { (time < to).then_some(time) }
            }
        }
    }

    fn advance(&mut self, lists: &[f64]) -> Option<f64> {
        match self {
            // The same time twice is two executions at once.
            Series::Listed(.., place) => *place += 1,
            Series::Periodic { k, .. } => *k += 1,
        }
        self.time(lists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periodic_times_do_not_drift_and_the_last_is_hit() {
        let trigger = Trigger::Every { period: 0, from: Some(1), to: Some(2) };
        let groups = [EventGroup::new("every 0.1", trigger)];
        let mut clock = Clock::default();
        clock.begin(&groups, &[], &[0.1, 0.0, 0.3], (-1.0, 10.0)).unwrap();
        let mut times = Vec::new();
        while let Some(t) = clock.next() {
            clock.take_due(t, |_, _, _| times.push(t));
        }
        assert_eq!(times, [0.0, 0.1, 0.2, 0.3]);
        assert!(
            clock
                .begin(&groups, &[], &[0.0, 0.0, 1.0], (0.0, 1.0))
                .unwrap_err()
                .contains("the period of `every 0.1` is 0")
        );
    }

    #[test]
    fn lists_are_sorted_and_cut_to_the_span() {
        let trigger = Trigger::At(vec![0, 1, 2]);
        let groups = [EventGroup::new("at", trigger)];
        let mut clock = Clock::default();
        clock.begin(&groups, &[], &[5.0, 1.0, 20.0], (0.0, 10.0)).unwrap();
        assert_eq!(clock.next(), Some(1.0));
        clock.take_due(1.0, |_, _, _| {});
        assert_eq!(clock.next(), Some(5.0));
        clock.take_due(5.0, |_, _, _| {});
        assert_eq!(clock.next(), None);
    }
}
