//! Modes of a run: which branch of each switch the equations are on, kept within a step, changed where the switch is
//! located.
//!
//! A mode of 0 leaves the decision to f itself at every point, as if nothing were located. So it is where the deciding
//! function is exactly zero and where it goes cannot be told, and where locating does not pay: after [`MOST_CHATTER`]
//! switches one upon the other (the solution slides along the switch), after steps that cannot be taken with modes fixed
//! (a branch that is no number behind its switch), where a step would be cut [`CROWD`] times, and where a trial shows that
//! the run gets further without. After a while it is tried again, each time after twice as long.
//!
//! A function that is [`FAR`] times farther from zero than it moves in a step, at both ends, and than it moved in the
//! step before for its length, is not looked at inside the step: a step that resolves the solution does not hide more.

use super::locate::{Crossing, sign};
use crate::solve::problem::Problem;
use crate::system::{ModeGroup, Watch};

/// So many switches in a row, each within [`NEAR`] of the span of the one before, are a slide.
const MOST_CHATTER: u32 = 16;
const NEAR: f64 = 1e-10;
/// Accepted steps for which all modes are 0, the first time.
const PATIENCE: u64 = 100;
/// After a step that could not be taken, or so often only that something must be wrong.
const PAST_FAILURE: u64 = 10;
const REJECTED: u64 = 3;
/// Steps over which a run is judged if most of them end at switches and it gets no further than [`LITTLE`] of the span or
/// climbs levels (the points of data may lie much closer than their shape needs); with [`MANY`] modes also if the watched
/// functions are computed more often than f.
const WINDOW: u32 = 64;
const MANY: usize = 16;
const LITTLE: f64 = 1e-3;
const FAR: f64 = 4.0;
/// So many switches behind the one that ends a step: between them steps would be much shorter than the solution needs.
const CROWD: usize = 32;
/// How often modes are looked at again after one has changed.
const CASCADE: usize = 8;

/// What the number of a watched function says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    /// It belongs to an event.
    None,
    /// The sign of the mode at this place.
    Side(usize),
    /// How far x is above the beginning of the level of the mode at this place.
    Above(usize),
    /// How far it is below its end.
    Below(usize),
}

/// Progress per evaluation, for the choice between locating and not.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    steps: u32,
    cuts: u32,
    /// The time, and how often f and the watched functions had been computed.
    since: Option<(f64, u64, u64)>,
}

/// The modes of a run in progress.
#[derive(Debug, Default)]
pub struct Modes {
    /// Per watched number its role.
    roles: Vec<Role>,
    /// Per mode its place among the discrete quantities, and the place of its (first) function.
    places: Vec<(usize, usize)>,
    values: Vec<f64>,
    /// Changes to be made where the run stands, and the functions that ask for them.
    pending: Vec<(usize, f64)>,
    asking: Vec<usize>,
    /// All modes are 0 until so many steps have been taken, and how long it will be next time.
    released: Option<u64>,
    patience: u64,
    /// The last time of a switch, and how many before it were as near.
    last: (f64, u32),
    t0: f64,
    span: f64,
    /// The switch that the solution slid along when all were released.
    slid: Option<usize>,
    window: Window,
    /// Whether the step is crowded with switches.
    crowded: bool,
    /// Whether each mode has changed where the run stands.
    known: Vec<bool>,
    /// Time per evaluation with modes fixed, while it is tried without.
    trial: Option<f64>,
    /// No such trial before so many steps.
    next_trial: u64,
    /// The watched functions where the step before began, and its length; 0 where there is none to compare with.
    before: (Vec<f64>, f64),
    slope: Vec<f64>,
    moved: Vec<f64>,
    g: Vec<f64>,
}

impl Modes {
    /// For m watched functions, n states and a run from t0 of this length; all modes are 0. What it knew of another run is
    /// forgotten.
    pub fn begin(&mut self, groups: &[ModeGroup], m: usize, n: usize, (t0, span): (f64, f64)) {
        self.roles.clear();
        self.roles.resize(m, Role::None);
        self.places.clear();
        for group in groups {
            for k in 0..group.len() {
                let mode = self.places.len();
                let first = match group.watch {
                    Watch::Side(first) => {
                        self.roles[first + k] = Role::Side(mode);
                        first
                    }
                    Watch::Level { above, below } => {
                        self.roles[above + k] = Role::Above(mode);
                        self.roles[below + k] = Role::Below(mode);
                        above
                    }
                };
                self.places.push((group.mode + k, first + k));
            }
        }
        let modes = self.places.len();
        let (states, functions) = if modes == 0 { (0, 0) } else { (n, m) };
        let lists = [(&mut self.values, modes), (&mut self.slope, states), (&mut self.moved, states)];
        let functions = [(&mut self.g, functions), (&mut self.before.0, functions)];
        for (list, len) in lists.into_iter().chain(functions) {
            list.clear();
            list.resize(len, 0.0);
        }
        self.known.clear();
        self.known.resize(modes, false);
        self.pending.clear();
        self.asking.clear();
        (self.released, self.patience, self.slid) = (None, PATIENCE, None);
        (self.last, self.t0, self.span) = ((f64::NEG_INFINITY, 0), t0, span);
        (self.window, self.crowded, self.trial, self.next_trial) = (Window::default(), false, None, 0);
        self.before.1 = 0.0;
    }

    /// The length of the run; so far, if it has no end.
    fn reach(&self, t: f64) -> f64 {
        if self.span.is_finite() { self.span } else { t - self.t0 }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether a watched number is to be followed along a step of length h, from `start` to `end`: those of modes that are
    /// 0, and those far from zero, are not.
    pub fn follows(&self, place: usize, h: f64, start: f64, end: f64) -> bool {
        match self.roles[place] {
            Role::None => true,
            Role::Side(mode) | Role::Above(mode) | Role::Below(mode) => {
                let (before, length) = (self.before.0[place], self.before.1);
                let moved = (end - start).abs().max((start - before).abs() * (h / length));
                let far = length > 0.0 && start * end > 0.0 && start.abs().min(end.abs()) > FAR * moved;
                self.values[mode] != 0.0 && !far
            }
        }
    }

    /// Whether a watched number belongs to a mode.
    pub fn owns(&self, place: usize) -> bool {
        self.roles[place] != Role::None
    }

    /// Whether modes are to change where the run stands.
    pub fn is_due(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The functions that ask for the changes to be made.
    pub fn due(&self) -> impl Iterator<Item = usize> + '_ {
        self.asking.iter().copied()
    }

    fn set(&mut self, problem: &mut Problem, mode: usize, value: f64) {
        self.values[mode] = value;
        problem.set_discrete(self.places[mode].0, value);
    }

    /// Finds all modes anew at (t, y): at the start, and where an event has set something.
    pub fn settle(&mut self, problem: &mut Problem, t: f64, y: &[f64]) {
        if self.is_empty() || self.released.is_some() {
            return;
        }
        self.before.1 = 0.0;
        (0..self.values.len()).for_each(|mode| self.set(problem, mode, 0.0));
        let mut g = std::mem::take(&mut self.g);
        problem.surfaces(t, y, &mut g);
        self.fix(problem, &g);
        if self.undecided() {
            // Where the solution goes from there decides, by a step of the size of the tolerance.
            problem.rhs(t, y, &mut self.slope);
            problem.clear_algebraic(&mut self.slope);
            let size = problem.norm(&self.slope, y, y);
            let h = (1e-8 * self.span).min(if size > 0.0 { 1.0 / size } else { f64::INFINITY });
            if h.is_finite() && t + h > t {
                self.moved.iter_mut().zip(y.iter().zip(&self.slope)).for_each(|(m, (y, f))| *m = y + h * f);
                problem.surfaces(t + h, &self.moved, &mut g);
                self.fix(problem, &g);
            }
        }
        self.g = g;
    }

    fn undecided(&self) -> bool {
        self.values.contains(&0.0)
    }

    /// Gives modes that are 0 the value that the watched functions say; whether there was one.
    fn fix(&mut self, problem: &mut Problem, g: &[f64]) -> bool {
        let mut fixed = false;
        for mode in 0..self.values.len() {
            if self.values[mode] != 0.0 {
                continue;
            }
            let at = self.places[mode].1;
            let value = match self.roles[at] {
                Role::Above(_) => level(g[at].floor()),
                _ => sign(g[at]),
            };
            if value != 0.0 && value.is_finite() {
                self.set(problem, mode, value);
                fixed = true;
            }
        }
        fixed
    }

    /// The mode that changes, and to what, when a watched number takes this sign.
    fn turn(&self, place: usize, after: f64) -> Option<(usize, f64)> {
        let (mode, value) = match self.roles[place] {
            Role::Side(mode) if after != 0.0 => (mode, after),
            Role::Above(mode) if after < 0.0 => (mode, level(level_of(self.values[mode]) - 1.0)),
            Role::Below(mode) if after < 0.0 => (mode, level(level_of(self.values[mode]) + 1.0)),
            _ => return None,
        };
        let changes = self.values[mode] != 0.0 && self.values[mode] != value && value.is_finite();
        changes.then_some((mode, value))
    }

    /// Of a step that is cut, how many switches it has behind the first.
    pub fn note_crowd(&mut self, behind: usize) {
        self.crowded = behind >= CROWD;
    }

    /// Whether a crossing ends a step.
    pub fn cuts(&self, crossing: &Crossing) -> bool {
        self.turn(crossing.place, crossing.after).is_some()
    }

    /// What a crossing means for the mode it belongs to; whether that is to change.
    pub fn cross(&mut self, crossing: &Crossing) -> bool {
        let turn = self.turn(crossing.place, crossing.after);
        self.pending.extend(turn);
        self.asking.extend(turn.map(|_| crossing.place));
        turn.is_some()
    }

    /// The same for the numbers at the end of a step, should a crossing not have been seen.
    pub fn compare(&mut self, g: &[f64]) -> bool {
        let mut changes = false;
        for (place, g) in g.iter().enumerate() {
            if self.roles[place] != Role::None {
                changes |= self.cross(&Crossing { t: 0.0, place, before: 0.0, after: sign(*g) });
            }
        }
        changes
    }

    /// A step of the run from `start` to t, where the functions are `g`, has been accepted and ends without a switch, after
    /// so many rejections in a row: modes that are 0 are given their value. Whether any has changed.
    pub fn advance(&mut self, problem: &mut Problem, t: f64, start: (f64, &[f64]), g: &[f64], rejected: u64) -> bool {
        self.before.0.copy_from_slice(start.1);
        let begun = std::mem::replace(&mut self.before.1, t - start.0) > 0.0;
        self.judge(problem, t, None);
        let steps = problem.statistics.steps;
        match self.released {
            Some(until) if steps < until => false,
            Some(_) => {
                // `g` was computed with all modes 0.
                self.released = None;
                self.fix(problem, g)
            }
            None if begun && rejected >= REJECTED => self.give_way(problem),
            // Numbers of levels whose mode is 0 say the level, whatever the others are.
            None => self.undecided() && self.fix(problem, g),
        }
    }

    /// Changes the modes that are to change at (t, y), and those that follow from them.
    pub fn change(&mut self, problem: &mut Problem, t: f64, y: &[f64]) {
        if self.pending.is_empty() {
            return;
        }
        self.asking.clear();
        problem.statistics.located += 1;
        self.before.1 = 0.0;
        let slides = t - self.last.0 <= NEAR * self.reach(t);
        self.last = (t, if slides { self.last.1 + 1 } else { 0 });
        let first = self.pending[0].0;
        self.judge(problem, t, Some(first));
        if self.last.1 >= MOST_CHATTER {
            self.slid = Some(first);
            self.release(problem, self.patience);
        }
        if std::mem::take(&mut self.crowded) && self.released.is_none() {
            self.release(problem, self.patience);
        }
        if self.released.is_some() {
            return;
        }
        let mut changed = std::mem::take(&mut self.pending);
        for (mode, value) in &changed {
            self.known[*mode] = true;
            self.set(problem, *mode, *value);
        }
        let mut g = std::mem::take(&mut self.g);
        for _ in 0..CASCADE {
            problem.surfaces(t, y, &mut g);
            let before = changed.len();
            for place in 0..g.len() {
                let (Role::Side(mode) | Role::Above(mode) | Role::Below(mode)) = self.roles[place] else { continue };
                // What has just changed was located, and is right whatever rounding says.
                if self.values[mode] == 0.0 || self.known[mode] {
                    continue;
                }
                let value = match self.roles[place] {
                    // Levels are found anew.
                    Role::Above(_) | Role::Below(_) if g[place] < 0.0 => 0.0,
                    Role::Side(_) if sign(g[place]) * self.values[mode] < 0.0 => sign(g[place]),
                    _ => continue,
                };
                if value.is_finite() {
                    changed.push((mode, value));
                    self.known[mode] = true;
                    self.set(problem, mode, value);
                }
            }
            if changed.len() == before {
                break;
            }
            if self.undecided() {
                problem.surfaces(t, y, &mut g);
                self.fix(problem, &g);
            }
        }
        self.g = g;
        changed.iter().for_each(|(mode, _)| self.known[*mode] = false);
        changed.clear();
        self.pending = changed;
    }

    /// A step could not be taken with modes fixed: whether it may be tried with all of them 0.
    pub fn give_way(&mut self, problem: &mut Problem) -> bool {
        let fixed = self.values.iter().any(|value| *value != 0.0);
        if fixed {
            self.release(problem, PAST_FAILURE);
        }
        fixed
    }

    /// All modes become 0 for so many steps.
    fn release(&mut self, problem: &mut Problem, steps: u64) {
        self.pending.clear();
        self.asking.clear();
        (0..self.values.len()).for_each(|mode| self.set(problem, mode, 0.0));
        self.released = Some(problem.statistics.steps + steps);
        if steps >= self.patience {
            self.patience = self.patience.saturating_mul(2);
        }
        self.window = Window::default();
        self.last = (f64::NEG_INFINITY, 0);
    }

    fn is_level(&self, mode: usize) -> bool {
        matches!(self.roles[self.places[mode].1], Role::Above(_))
    }

    /// Whether steps that end at switches get further, per evaluation, than steps over them.
    fn judge(&mut self, problem: &mut Problem, t: f64, cut: Option<usize>) {
        let (all, looked) = (problem.statistics.rhs - problem.aside, problem.looks);
        let (t0, rhs, looks) = *self.window.since.get_or_insert((t, all, looked));
        self.window.steps += 1;
        self.window.cuts += u32::from(cut.is_some());
        if self.window.steps < WINDOW {
            return;
        }
        let (rhs, looks) = (all - rhs, looked - looks);
        let pace = (t - t0) / (rhs + looks).max(1) as f64;
        let cuts = std::mem::take(&mut self.window).cuts;
        let slow = t - t0 < LITTLE * self.reach(t);
        let steps = problem.statistics.steps;
        match (self.trial.take(), self.released) {
            // Without modes it went slower: back, and not to be asked again soon.
            (Some(before), Some(_)) if pace < before => {
                self.released = Some(0);
                self.next_trial = steps + self.patience;
            }
            (None, None)
                if steps >= self.next_trial
                    && ((self.places.len() >= MANY && (2 * cuts > WINDOW || looks > rhs))
                        || (2 * cuts > WINDOW && (slow || cut.is_some_and(|mode| self.is_level(mode))))) =>
            {
                self.slid = cut.filter(|_| slow).or(self.slid);
                self.release(problem, self.patience.max(2 * u64::from(WINDOW)));
                self.trial = Some(pace);
            }
            _ => {}
        }
    }

    /// The name of the switch that the solution slides along, if it was found to.
    pub fn slides(&self, groups: &[ModeGroup]) -> Option<String> {
        let mut mode = self.slid.filter(|_| self.released.is_some())?;
        for group in groups {
            if mode < group.len() {
                return Some(group.element(mode));
            }
            mode -= group.len();
        }
        None
    }
}

/// The mode of a level.
fn level(k: f64) -> f64 {
    if k >= 0.0 { k + 1.0 } else { k }
}

/// The level of a mode.
fn level_of(mode: f64) -> f64 {
    if mode > 0.0 { mode - 1.0 } else { mode }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_a_mode_and_none_has_0() {
        for k in [-3.0, -1.0, 0.0, 1.0, 7.0] {
            assert_eq!(level_of(level(k)), k);
            assert_ne!(level(k), 0.0);
        }
    }
}
