//! Backward: what a run has to remember, and the sweep back through it that pulls weights of the kept points to the start
//! and to the parameters, up the list of instructions of every step.

use std::ops::Range;

use super::echoes::Echoes;
use super::forward::no_rosenbrock;
use super::happening::Moments;
use super::linear::forget;
use super::moment::Moment;
use super::onto::Given;
use super::spare::Spare;
use super::steps::{Again, Steps};
use super::sweep::{Sweep, add};
use crate::solve::problem::Problem;
use crate::solve::{Echo, ErrorKind, Memory, Options, Past, Place, Recorder, Taken, Turn};
use crate::system::System;

/// A run that was recorded.
pub struct Tape {
    n: usize,
    pub(super) steps: Steps,
    window: u64,
    pub(super) kept: Vec<Kept>,
    /// What happened, and behind how many steps.
    pub(super) moments: Vec<(usize, Moment)>,
    building: Option<Moments>,
    /// Of moments at starts.
    spare: Spare,
    /// Of a run for second derivatives: how many states are the model's.
    own: Option<usize>,
    /// States of the points kept, n numbers each.
    states: Vec<f64>,
    /// Of a system with constraints, what they were before they moved onto them inside a step; the last one found.
    given: Vec<f64>,
    found: Vec<f64>,
    constrained: bool,
    pub(super) stretches: Vec<Stretch>,
    /// The parameters of the stretches, one after the other.
    bound: Vec<f64>,
    /// Steps that the run left inside, and when; the states there, one after the other.
    cuts: Vec<(usize, f64)>,
    cut_at: Vec<f64>,
    /// What the problem's [`Problem::changes`] were when it was last looked at.
    looked: Option<u64>,
    /// What the run leaves of its past, where it reads that.
    memory: Option<Memory>,
    /// Jumps of the solution that delays bring back.
    echoes: Echoes,
    /// When a system with algebraic equations started, and from where; where there are constraints, as it was given.
    start: Option<f64>,
    start_at: Vec<f64>,
}

/// Runs the same run once more for a listener; a run that the listener has ended is no error.
pub type Repeat<'r> = dyn FnMut(&mut Again) -> Result<(), ErrorKind> + 'r;

/// A point kept: behind so many steps and moments.
pub(super) struct Kept {
    pub(super) steps: usize,
    moments: usize,
    pub(super) place: Place,
    pub(super) t: f64,
}

/// Steps with the same parameters and the same interval for f, from this one on.
pub(super) struct Stretch {
    pub(super) from: usize,
    pub(super) inside: (f64, f64),
}

/// What one number made of the kept points changes by.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// By the states at the start, as they were given.
    pub start: Vec<f64>,
    /// By the parameters, then the discrete quantities: directly, not through the start.
    pub parameters: Vec<f64>,
}

impl Tape {
    /// For a system, nothing recorded yet. Steps may take `most` bytes; of a longer run the last ones are kept in half of
    /// that, and the others found again, in the other half, when they are needed.
    pub fn new(system: &dyn System, most: u64) -> Self {
        Tape {
            n: system.shape().dim(),
            steps: Steps::new(most, most / 2),
            window: most / 2,
            kept: Vec::new(),
            moments: Vec::new(),
            building: None,
            spare: Spare::default(),
            own: None,
            states: Vec::new(),
            given: Vec::new(),
            found: Vec::new(),
            constrained: system.constraints().is_some(),
            stretches: Vec::new(),
            bound: Vec::new(),
            looked: None,
            cuts: Vec::new(),
            cut_at: Vec::new(),
            memory: None,
            echoes: Echoes::default(),
            start: None,
            start_at: Vec::new(),
        }
    }

    /// Nothing recorded any more; its memory serves the next run.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.kept.clear();
        for (_, moment) in self.moments.drain(..) {
            match &mut self.building {
                Some(moments) => moments.take(moment),
                None => self.spare.take_moment(moment),
            }
        }
        [&mut self.states, &mut self.given, &mut self.bound, &mut self.cut_at].into_iter().for_each(Vec::clear);
        self.stretches.clear();
        self.cuts.clear();
        (self.memory, self.start) = (None, None);
        self.echoes = Echoes::default();
    }

    /// The parameters of a stretch.
    pub(super) fn bound(&self, stretch: usize) -> &[f64] {
        let len = self.bound.len() / self.stretches.len().max(1);
        &self.bound[stretch * len..(stretch + 1) * len]
    }

    /// For second derivatives: of the model with its derivative, whose first states are the model's own.
    pub fn of_second(mut self, own: usize) -> Self {
        self.own = Some(own);
        self
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> u64 {
        let numbers = self.states.capacity() + self.given.capacity();
        let lists = self.kept.capacity() * size_of::<Kept>() + 8 * numbers;
        self.steps.bytes() + lists as u64
    }

    fn look(&mut self, problem: &Problem) {
        let (p, inside) = (problem.parameters(), problem.interval());
        if self.looked.replace(problem.changes()) == Some(problem.changes()) {
            return;
        }
        // What is read at other times changes all the time, and is found anew.
        let own = problem.system.delays().map_or(p.len(), |table| table.places);
        let last = self.stretches.len().wrapping_sub(1);
        let same = |known: &Stretch| known.inside == inside && self.bound(last)[..own] == p[..own];
        if !self.stretches.last().is_some_and(same) {
            self.stretches.push(Stretch { from: self.steps.count(), inside });
            self.bound.extend_from_slice(p);
        }
    }

    /// Pulls weights back: the gradient of Σ weights · values over the kept points, each with n states and then the outputs,
    /// in the order of [`crate::solve::Solution`]'s times. `watch` is told the adjoint of the state before every step, from the
    /// last one on; `repeat` is asked for steps that were dropped.
    ///
    /// # Errors
    /// If a matrix on the way is singular, the system has no derivatives by parameters, or the run cannot be repeated.
    pub fn pull(
        &self,
        system: &dyn System,
        options: &Options,
        weights: &[f64],
        watch: &mut dyn FnMut(usize, &[f64]),
        repeat: &mut Repeat,
    ) -> Result<Gradient, ErrorKind> {
        let mut sweep = Sweep::new(system)?;
        self.pull_by(&mut sweep, system, options, weights, watch, repeat)?;
        Ok(Gradient { start: sweep.lambda, parameters: sweep.gradient })
    }

    /// The same by a sweep that is there, one of the same system: the adjoint of the start is its `lambda` then.
    ///
    /// # Errors
    /// As [`Self::pull`].
    pub fn pull_by(
        &self,
        sweep: &mut Sweep,
        system: &dyn System,
        options: &Options,
        weights: &[f64],
        watch: &mut dyn FnMut(usize, &[f64]),
        repeat: &mut Repeat,
    ) -> Result<(), ErrorKind> {
        let Some(last) = self.stretches.len().checked_sub(1) else {
            return Err(ErrorKind::Options("nothing was recorded".to_string()));
        };
        sweep.renew(system)?;
        let mut points = std::mem::take(&mut sweep.points);
        let mut problem = Problem::within(system, self.bound(last), options, std::mem::take(&mut sweep.problem));
        problem.past = self.memory.as_ref().and_then(|memory| Past::back(system, memory));
        self.back(&mut problem, sweep, &mut points, weights, watch, repeat)?;
        sweep.points = points;
        (_, sweep.problem) = problem.into_room();
        Ok(())
    }

    fn back(
        &self,
        problem: &mut Problem,
        sweep: &mut Sweep,
        points: &mut Vec<f64>,
        weights: &[f64],
        watch: &mut dyn FnMut(usize, &[f64]),
        repeat: &mut Repeat,
    ) -> Result<(), ErrorKind> {
        let (mut kept, mut stretches) = (self.kept.len(), self.stretches.len());
        let (mut cuts, mut moments) = (self.cuts.len(), self.moments.len());
        let mut earlier: Option<Steps> = None;
        // The stretch the problem is placed in.
        let mut placed = None;
        for index in (0..=self.steps.count()).rev() {
            while stretches > 1 && self.stretches[stretches - 1].from > index {
                stretches -= 1;
            }
            let stretch = &self.stretches[stretches - 1];
            if placed.replace(stretches) != Some(stretches) || problem.past.is_some() {
                problem.place(self.bound(stretches - 1), stretch.inside);
            }
            match index.checked_sub(1) {
                Some(last) => sweep.stand(problem, last, None),
                None => sweep.stand_at_start(problem),
            }
            // Points behind step `index`, and what happened between them.
            let first = self.kept[..kept].partition_point(|point| point.steps < index);
            while let Some((steps, moment)) = moments.checked_sub(1).map(|last| &self.moments[last])
                && *steps == index
            {
                self.keep_back(problem, sweep, first..kept, moments, weights)?;
                sweep.through(problem, moment)?;
                placed = None;
                moments -= 1;
            }
            self.keep_back(problem, sweep, first..kept, moments, weights)?;
            if index > 0 {
                let mut steps = earlier.as_ref().unwrap_or(&self.steps);
                if index <= steps.first() {
                    earlier = None;
                    let mut again = Again::new(index, self.window);
                    repeat(&mut again)?;
                    steps = earlier.insert(again.into_steps());
                }
                let taken = steps.get(index - 1, points);
                if stretch.from >= index
                    && let Some(before) = self.stretches[..stretches].iter().rposition(|before| before.from < index)
                {
                    problem.place(self.bound(before), self.stretches[before].inside);
                    placed = None;
                }
                sweep.stand(problem, index - 1, Some((taken.t, &points[..self.n])));
                let cut = self.cuts[..cuts].last().filter(|(step, _)| *step == index);
                if let Some((_, t)) = cut {
                    let y = &self.cut_at[(cuts - 1) * self.n..cuts * self.n];
                    if self.constrained {
                        sweep.project(problem, Given { t: *t, y, set: Some(&[]) })?;
                    } else if !problem.algebraic.is_empty() {
                        sweep.follow(problem, *t, y)?;
                    }
                }
                sweep.prepare(problem, &taken, points, cut.map(|(_, t)| *t))?;
                cuts -= usize::from(cut.is_some());
                for (k, point) in self.kept[..kept].iter().enumerate().skip(first).rev() {
                    if point.place == Place::Inside {
                        sweep.stand(problem, index - 1, None);
                        self.weigh(problem, sweep, k, point, weights);
                        sweep.stand(problem, index - 1, Some((taken.t, &points[..self.n])));
                        sweep.seed(problem, &taken, point.t)?;
                    }
                }
                sweep.take_waiting(problem, &taken)?;
                sweep.back(problem, &taken, points)?;
                forget(&mut sweep.lambda);
                watch(index - 1, &sweep.lambda[..self.n]);
            }
            kept = first;
        }
        match self.start {
            Some(t) if self.constrained => sweep.project(problem, Given { t, y: &self.start_at, set: None })?,
            Some(t) => sweep.follow(problem, t, &self.start_at)?,
            None => {}
        }
        if let Some(reads) = &sweep.reads {
            add(&mut sweep.lambda[..self.n], 1.0, &reads.start);
        }
        sweep.collect();
        sweep.lambda.truncate(self.n);
        Ok(())
    }

    /// The weights of the points kept here, behind so many moments.
    pub(super) fn keep_back(
        &self,
        problem: &mut Problem,
        sweep: &mut Sweep,
        points: Range<usize>,
        moments: usize,
        weights: &[f64],
    ) -> Result<(), ErrorKind> {
        for k in points.rev() {
            let point = &self.kept[k];
            if point.place != Place::Inside && point.moments == moments {
                self.weigh(problem, sweep, k, point, weights);
                add(&mut sweep.lambda[..self.n], 1.0, &sweep.own);
                if moments > 0 && self.moments[moments - 1].1.stopped {
                    sweep.end(
                        problem,
                        point.t,
                        &self.states[k * self.n..(k + 1) * self.n],
                        &weights[self.row(problem, k)],
                    )?;
                }
            }
        }
        Ok(())
    }

    /// The weights of a point's outputs.
    fn row(&self, problem: &Problem, k: usize) -> Range<usize> {
        let (n, m) = (self.n, problem.system.shape().outputs.len());
        k * (n + m) + n..(k + 1) * (n + m)
    }

    /// Puts the weights of a point's state into `own`, those of its outputs pulled to it.
    pub(super) fn weigh(&self, problem: &mut Problem, sweep: &mut Sweep, k: usize, point: &Kept, weights: &[f64]) {
        let (n, m) = (self.n, problem.system.shape().outputs.len());
        let own = &weights[k * (n + m)..(k + 1) * (n + m)];
        let y = &self.states[k * n..(k + 1) * n];
        sweep.own.copy_from_slice(&own[..n]);
        if let Some((by_state, by_parameter)) = &mut sweep.outputs
            && own[n..].iter().any(|w| *w != 0.0)
        {
            problem.recall_rates(point.t, y);
            by_state.evaluate(point.t, y, problem.parameters(), &[]);
            by_state.add_transposed(&own[n..], 1.0, &mut sweep.own);
            by_parameter.evaluate(point.t, y, problem.parameters(), &[]);
            by_parameter.add_transposed(&own[n..], 1.0, &mut sweep.gradient);
            if let Some(reads) = &mut sweep.reads {
                reads.of_outputs(problem, (point.t, y), &own[n..], &mut sweep.own, &mut sweep.gradient);
            }
        }
        let follows = self.constrained || !problem.algebraic.is_empty();
        if point.place == Place::Inside && follows {
            // Where it fails the weights stay: the values stood as they were too.
            let mut own = std::mem::take(&mut sweep.own);
            let _ = if self.constrained {
                let given = Given { t: point.t, y: &self.given[k * n..(k + 1) * n], set: None };
                sweep.linear.project_back(problem, given, &mut own, &mut sweep.gradient, &mut [0.0])
            } else {
                sweep.follow_point(problem, point.t, y, &mut own)
            };
            sweep.own = own;
        }
    }
}

impl Recorder for Tape {
    fn start(&mut self, problem: &mut Problem, t: f64, given: &[f64], y: &[f64]) -> Result<(), ErrorKind> {
        let first = self.stretches.is_empty();
        self.building.iter_mut().for_each(Moments::begin_anew);
        self.looked = None;
        self.look(problem);
        if !self.constrained && problem.algebraic.is_empty() {
            return Ok(());
        }
        let y = if self.constrained { given } else { y };
        if first {
            self.start = Some(t);
            self.start_at.clear();
            self.start_at.extend_from_slice(y);
        } else {
            self.moments.push((self.steps.count(), Moment::of_start(problem, t, y, &mut self.spare)));
        }
        Ok(())
    }

    fn step(&mut self, problem: &mut Problem, taken: Taken, y: &[f64], points: &[f64]) -> Result<(), ErrorKind> {
        if problem.past.is_some() {
            no_rosenbrock(&taken)?;
        }
        self.look(problem);
        self.steps.push(taken, y, points);
        match self.bytes() {
            bytes if bytes > problem.max_memory() => Err(ErrorKind::Memory(bytes, problem.max_memory())),
            _ => Ok(()),
        }
    }

    fn found(&mut self, y: &[f64]) {
        self.found.clear();
        self.found.extend_from_slice(y);
    }

    fn cut(&mut self, _problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        self.cuts.push((self.steps.count(), t));
        self.cut_at.extend_from_slice(y);
        Ok(())
    }

    fn turn(&mut self, problem: &mut Problem, t: f64, y: &[f64], turn: Turn) -> Result<(), ErrorKind> {
        if self.building.is_none() {
            self.building = Moments::new(problem.system, self.own)?;
        }
        let h = self.steps.last_length();
        let Some(moments) = &mut self.building else { return Ok(()) };
        if let Some(mut moment) = moments.turn(problem, t, y, turn, h)? {
            self.echoes.remember(problem, &mut moment)?;
            self.moments.push((self.steps.count(), moment));
            // What is kept from here on is kept with what has been set.
            self.look(problem);
        }
        Ok(())
    }

    fn echo(&mut self, problem: &mut Problem, t: f64, f: [&[f64]; 2], echoes: &[Echo]) -> Result<(), ErrorKind> {
        let moment = self.echoes.come_back(problem, t, f, echoes)?;
        self.moments.extend(moment.map(|moment| (self.steps.count(), moment)));
        Ok(())
    }

    fn end(&mut self, problem: &mut Problem) {
        self.memory = problem.past.take().map(|past| past.into_memory());
    }

    fn keep(&mut self, problem: &mut Problem, place: Place, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        let (steps, moments) = (self.steps.count(), self.moments.len());
        if let (Place::Happening, Some((_, moment))) = (place, self.moments.last()) {
            moment.asked_for_by_all(problem)?;
        }
        self.kept.push(Kept { steps, moments, place, t });
        self.states.extend_from_slice(y);
        if self.constrained {
            self.given.extend_from_slice(if place == Place::Inside { &self.found } else { y });
        }
        Ok(())
    }
}
