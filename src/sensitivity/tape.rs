//! Backward: what a run has to remember, and the sweep back through it that pulls weights of the kept points to the start
//! and to the parameters, up the list of instructions of every step.

use std::ops::Range;

use super::echoes::Echoes;
use super::forward::no_rosenbrock;
use super::happening::Moments;
use super::linear::forget;
use super::moment::Moment;
use super::onto::Given;
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
    /// Of a run for second derivatives: how many states are the model's.
    own: Option<usize>,
    /// States of the points kept, n numbers each.
    states: Vec<f64>,
    /// Of a system with constraints, what they were before they moved onto them inside a step; the last one found.
    given: Vec<f64>,
    found: Vec<f64>,
    constrained: bool,
    pub(super) stretches: Vec<Stretch>,
    /// Steps that the run left inside, and where: the time and the state there.
    cuts: Vec<(usize, f64, Vec<f64>)>,
    /// What the run leaves of its past, where it reads that.
    memory: Option<Memory>,
    /// Jumps of the solution that delays bring back.
    echoes: Echoes,
    /// The start of a system with algebraic equations; where there are constraints, as it was given.
    start: Option<(f64, Vec<f64>)>,
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
    pub(super) p: Vec<f64>,
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
            own: None,
            states: Vec::new(),
            given: Vec::new(),
            found: Vec::new(),
            constrained: system.constraints().is_some(),
            stretches: Vec::new(),
            cuts: Vec::new(),
            memory: None,
            echoes: Echoes::default(),
            start: None,
        }
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
        // What is read at other times changes all the time, and is found anew.
        let own = problem.system.delays().map_or(p.len(), |table| table.places);
        let same = |known: &Stretch| known.inside == inside && known.p[..own] == p[..own];
        if !self.stretches.last().is_some_and(same) {
            self.stretches.push(Stretch { from: self.steps.count(), p: p.to_vec(), inside });
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
        let Some(stretch) = self.stretches.last() else {
            return Err(ErrorKind::Options("nothing was recorded".to_string()));
        };
        let mut problem = Problem::new(system, &stretch.p, options);
        problem.past = self.memory.as_ref().and_then(|memory| Past::back(system, memory));
        let mut sweep = Sweep::new(system)?;
        let (mut kept, mut stretches) = (self.kept.len(), self.stretches.len());
        let (mut cuts, mut points, mut moments) = (self.cuts.len(), Vec::new(), self.moments.len());
        let mut earlier: Option<Steps> = None;
        for index in (0..=self.steps.count()).rev() {
            while stretches > 1 && self.stretches[stretches - 1].from > index {
                stretches -= 1;
            }
            let stretch = &self.stretches[stretches - 1];
            problem.place(&stretch.p, stretch.inside);
            match index.checked_sub(1) {
                Some(last) => sweep.stand(&mut problem, last, None),
                None => sweep.stand_at_start(&mut problem),
            }
            // Points behind step `index`, and what happened between them.
            let first = self.kept[..kept].partition_point(|point| point.steps < index);
            while let Some((steps, moment)) = moments.checked_sub(1).map(|last| &self.moments[last])
                && *steps == index
            {
                self.keep_back(&mut problem, &mut sweep, first..kept, moments, weights)?;
                sweep.through(&mut problem, moment)?;
                moments -= 1;
            }
            self.keep_back(&mut problem, &mut sweep, first..kept, moments, weights)?;
            if index > 0 {
                let mut steps = earlier.as_ref().unwrap_or(&self.steps);
                if index <= steps.first() {
                    earlier = None;
                    let mut again = Again::new(index, self.window);
                    repeat(&mut again)?;
                    steps = earlier.insert(again.into_steps());
                }
                let taken = steps.get(index - 1, &mut points);
                if stretch.from >= index
                    && let Some(before) = self.stretches[..stretches].iter().rfind(|before| before.from < index)
                {
                    problem.place(&before.p, before.inside);
                }
                sweep.stand(&mut problem, index - 1, Some((taken.t, &points[..self.n])));
                let cut = self.cuts[..cuts].last().filter(|(step, ..)| *step == index);
                if let Some((_, t, y)) = cut {
                    if self.constrained {
                        sweep.project(&mut problem, Given { t: *t, y, set: Some(&[]) })?;
                    } else if !problem.algebraic.is_empty() {
                        sweep.follow(&mut problem, *t, y)?;
                    }
                }
                sweep.prepare(&mut problem, &taken, &points, cut.map(|(_, t, _)| *t))?;
                cuts -= usize::from(cut.is_some());
                for (k, point) in self.kept[..kept].iter().enumerate().skip(first).rev() {
                    if point.place == Place::Inside {
                        sweep.stand(&mut problem, index - 1, None);
                        self.weigh(&mut problem, &mut sweep, k, point, weights);
                        sweep.stand(&mut problem, index - 1, Some((taken.t, &points[..self.n])));
                        sweep.seed(&mut problem, &taken, point.t)?;
                    }
                }
                sweep.take_waiting(&mut problem, &taken)?;
                sweep.back(&mut problem, &taken, &points)?;
                forget(&mut sweep.lambda);
                watch(index - 1, &sweep.lambda[..self.n]);
            }
            kept = first;
        }
        match &self.start {
            Some((t, y)) if self.constrained => sweep.project(&mut problem, Given { t: *t, y, set: None })?,
            Some((t, y)) => sweep.follow(&mut problem, *t, y)?,
            None => {}
        }
        if let Some(reads) = &sweep.reads {
            add(&mut sweep.lambda[..self.n], 1.0, &reads.start);
        }
        Ok(Gradient { start: sweep.lambda[..self.n].to_vec(), parameters: sweep.gradient })
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
        self.building = None;
        self.look(problem);
        if !self.constrained && problem.algebraic.is_empty() {
            return Ok(());
        }
        let y = if self.constrained { given } else { y };
        if first {
            self.start = Some((t, y.to_vec()));
        } else {
            self.moments.push((self.steps.count(), Moment::of_start(problem, t, y)));
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
        self.cuts.push((self.steps.count(), t, y.to_vec()));
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

    fn keep(&mut self, _problem: &mut Problem, place: Place, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        let (steps, moments) = (self.steps.count(), self.moments.len());
        if let (Place::Happening, Some((_, moment))) = (place, self.moments.last()) {
            moment.asked_for_by_all()?;
        }
        self.kept.push(Kept { steps, moments, place, t });
        self.states.extend_from_slice(y);
        if self.constrained {
            self.given.extend_from_slice(if place == Place::Inside { &self.found } else { y });
        }
        Ok(())
    }
}
