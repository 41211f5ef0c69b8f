//! Many trajectories of one system, several at a time: the whole compiled step of a method, side by side.
//!
//! Each lane has a time, a step size, a controller, points to keep and counts of its own, and takes the next trajectory
//! when its own has ended, so that none waits for another. The formulas are those of the method's stepper for one
//! trajectory, which also does itself whatever is rare (`single`): so every result is, bit for bit, that of
//! [`super::integrate`] alone, whatever the neighbours, their number and the order of the trajectories.

mod block;
mod single;

pub use block::{Block, Widths};
pub use single::Single;

use std::sync::Arc;
use std::time::Instant;

use super::explicit::ExplicitStepper;
use super::methods;
use super::options::validate;
use super::points::Points;
use super::problem::Problem;
use super::rosenbrock::RosenbrockStepper;
use super::stepper::Pace;
use super::{ErrorKind, Failure, Method, Options, Solution, Statistics};
use crate::math::Real;
use crate::system::{CompiledLanes, CompiledStep, LIMITS, Shape, System};

/// A trajectory to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// What it is known by.
    pub number: usize,
    /// The states at the start.
    pub y: Vec<f64>,
    /// The bound parameters.
    pub p: Vec<f64>,
}

/// Lanes ready to run trajectories of one system with one set of options.
pub struct Lanes<'a, T = f64> {
    options: &'a Options<'a>,
    shape: Arc<Shape>,
    /// The system with the parameters and counts of the lane at hand.
    problem: Problem<'a>,
    single: Box<dyn Single>,
    step: Arc<dyn CompiledLanes<T>>,
    block: Block<T>,
    /// [`Single::patience`]
    patience: u32,
    lanes: Vec<Option<Lane<'a>>>,
    point: Vec<f64>,
}

/// A precision that lanes have.
pub trait Number: Real {
    /// The step in this precision.
    fn lanes(step: &dyn CompiledStep) -> Option<Arc<dyn CompiledLanes<Self>>>;
}

impl Number for f64 {
    fn lanes(step: &dyn CompiledStep) -> Option<Arc<dyn CompiledLanes>> {
        step.lanes()
    }
}

impl Number for f32 {
    fn lanes(step: &dyn CompiledStep) -> Option<Arc<dyn CompiledLanes<f32>>> {
        step.lanes_in_single()
    }
}

/// Receives the number of a trajectory and what it came to.
pub type Done<'d> = dyn FnMut(usize, Result<Solution, Failure>) + 'd;

/// One trajectory under way.
struct Lane<'a> {
    number: usize,
    p: Vec<f64>,
    pace: Pace,
    /// The step being tried.
    h: f64,
    kept: Points<'a>,
    statistics: Statistics,
    started: Instant,
    /// Attempts that were whole steps.
    whole: u64,
    /// Steps whose planned pivots were bad.
    bad: u32,
    /// The stepper of its own, once a step was not to be had together: what it remembers of pivots is the trajectory's.
    single: Option<Box<dyn Single>>,
    /// That stepper has J at the point where the lane stands.
    fresh: bool,
}

/// Whether trajectories of a system may go in lanes, as far as system and options say.
///
/// # Errors
/// A sentence that says why they go one by one.
pub fn suit(system: &dyn System, options: &Options) -> Result<(), String> {
    let refuse = |when: bool, why: &str| if when { Err(why.to_string()) } else { Ok(()) };
    refuse(system.events().is_some(), "events and switches are looked for step by step")?;
    refuse(system.delays().is_some(), "what is read at other times has another value at each stage")?;
    let implicit = !system.shape().algebraic.is_empty() || system.constraints().is_some();
    refuse(implicit, "algebraic equations are solved point by point")?;
    refuse(options.t1.is_infinite(), "the end is found step by step")?;
    refuse(!options.breakpoints.is_empty(), "the run has breakpoints")?;
    let watched = options.observe.is_some() || options.dense || options.progress.is_some() || options.explain;
    refuse(watched, "every step is looked at")
}

impl<'a, T: Number> Lanes<'a, T> {
    /// Lanes for a system and options.
    ///
    /// # Errors
    /// A sentence that says why its trajectories go one by one.
    pub fn new(system: &'a dyn System, options: &'a Options<'a>) -> Result<Self, String> {
        suit(system, options)?;
        let shape = Arc::new(system.shape().clone());
        let (n, parameters) = (shape.dim(), shape.parameters);
        let problem = Problem::new(system, &vec![0.0; parameters], options);
        let single = single(options.method, &problem)?;
        let none = || format!("{} has no step of one function for this system", single.name());
        let whole = single.whole(&problem, T::EPSILON > f64::EPSILON);
        let step = whole.and_then(|step| T::lanes(step.as_ref())).ok_or_else(none)?;
        let mut limits = vec![0.0; LIMITS + n];
        problem.limits(&mut limits);
        let widths = single.widths();
        let block = Block::new(step.as_ref(), widths, parameters, &limits);
        let lanes = (0..step.lanes()).map(|_| None).collect();
        let patience = single.patience();
        Ok(Lanes { options, shape, problem, single, step, block, patience, lanes, point: vec![0.0; n] })
    }

    /// How many trajectories run side by side.
    pub fn width(&self) -> usize {
        self.lanes.len()
    }

    /// Runs the trajectories that `next` gives until it has no more, and hands over each as it ends.
    pub fn run(&mut self, next: &mut dyn FnMut() -> Option<Member>, done: &mut Done) {
        let mut more = true;
        loop {
            let mut active = false;
            for lane in 0..self.lanes.len() {
                while more && self.lanes[lane].is_none() {
                    match next() {
                        Some(member) => self.begin(lane, member, done),
                        None => more = false,
                    }
                }
                active |= self.aim(lane, done);
            }
            if active {
                self.block.attempt(self.step.as_ref());
                (0..self.lanes.len()).for_each(|lane| self.conclude(lane, done));
            } else if !more {
                return;
            }
        }
    }

    /// Puts a trajectory into a lane.
    fn begin(&mut self, lane: usize, member: Member, done: &mut Done) {
        let Member { number, mut y, p } = member;
        let mut own = Lane {
            number,
            p,
            pace: self.single.pace(),
            h: 0.0,
            kept: Points::new(self.options, &self.shape),
            statistics: Statistics::default(),
            started: Instant::now(),
            whole: 0,
            bad: 0,
            single: None,
            fresh: false,
        };
        own.pace.start(self.options.t0, 0.0);
        match self.start(lane, &mut own, &mut y) {
            Ok(()) => self.lanes[lane] = Some(own),
            Err(kind) => {
                own.pace.h = 0.0;
                self.end(own, Err(kind), done);
            }
        }
    }

    fn start(&mut self, lane: usize, own: &mut Lane<'a>, y: &mut [f64]) -> Result<(), ErrorKind> {
        let Options { t0, t1, first_step, .. } = *self.options;
        validate(self.problem.system, y, &own.p, self.options).map_err(ErrorKind::Options)?;
        legible::<T>(&self.shape, y, &own.p).map_err(ErrorKind::Options)?;
        y.iter_mut().for_each(|y| *y = T::round(*y));
        own.statistics.method = self.single.name().to_string();
        let h = first_step.map_or(0.0, |h| h * self.problem.direction);
        own.kept.reserve()?;
        self.attend(own);
        let begun = self.save_start(own, y).and_then(|()| self.single.begin(&mut self.problem, y, (t0, h), t1));
        self.leave(own);
        note(self.single.as_ref(), &mut own.statistics);
        own.pace = begun?;
        let (point, stage) = self.single.here();
        self.block.set_point(lane, point, stage);
        self.block.set_parameters(lane, &own.p);
        Ok(())
    }

    fn save_start(&mut self, own: &mut Lane, y: &[f64]) -> Result<(), ErrorKind> {
        let t0 = self.options.t0;
        if own.kept.steps() {
            own.kept.push(&mut self.problem, t0, y)?;
        }
        while own.kept.next_at(t0) {
            own.kept.push(&mut self.problem, t0, y)?;
            own.kept.advance();
        }
        Ok(())
    }

    /// The lane's next attempt; false if it has none.
    #[inline]
    fn aim(&mut self, lane: usize, done: &mut Done) -> bool {
        let Some(own) = &mut self.lanes[lane] else { return false };
        if let Err(kind) = self.problem.allows(&own.statistics, own.started) {
            self.finish(lane, Err(kind), done);
            return false;
        }
        own.h = own.pace.attempt(self.options.max_step, self.options.t1);
        self.block.aim(lane, own.pace.t, own.h);
        true
    }

    /// What becomes of the lane's attempt.
    #[inline]
    fn conclude(&mut self, lane: usize, done: &mut Done) {
        let Some(own) = &mut self.lanes[lane] else { return };
        let (end, h) = (self.options.t1, own.h);
        let mut error = self.block.said(lane, 0);
        let patience = self.patience;
        own.whole += u64::from(patience == 0 || own.bad < patience);
        if patience > 0 && (own.bad >= patience || self.block.said(lane, 1) == 0.0) {
            error = self.repeat(lane);
        }
        let Some(own) = &mut self.lanes[lane] else { return };
        if error <= 1.0 {
            own.statistics.steps += 1;
            own.fresh = false;
            let t = own.pace.t;
            own.pace.accept(h, error, end);
            let keeps = own.kept.steps() || own.kept.reached(own.pace.t).is_some();
            if keeps && let Err(kind) = self.keep(lane, (t, h)) {
                return self.finish(lane, Err(kind), done);
            }
            let Some(own) = &self.lanes[lane] else { return };
            if own.pace.t == end {
                return self.finish(lane, Ok(()), done);
            }
            return self.block.move_on(lane);
        }
        own.statistics.rejected += 1;
        own.pace.reject(h, error);
        if own.pace.h.abs() < self.problem.least_step(own.pace.t) {
            let kind = self.refused(lane).unwrap_or(ErrorKind::Singular);
            self.finish(lane, Err(kind), done);
        }
    }

    /// Takes the lane's step by stages: its planned pivots were bad, or have been too often.
    #[cold]
    fn repeat(&mut self, lane: usize) -> f64 {
        let Some(mut own) = self.lanes[lane].take() else { return f64::NAN };
        own.bad = own.bad.saturating_add(1);
        let outcome = self.alone(lane, &mut own, |single, problem, block, (h, t_new)| {
            let (error, point, stages) = single.repeat(problem, h, t_new)?;
            block.set_new(lane, point, stages);
            Some(error)
        });
        own.fresh = true;
        self.lanes[lane] = Some(own);
        outcome.ok().flatten().unwrap_or(f64::NAN)
    }

    /// Does something with the lane's own stepper, where the lane stands.
    fn alone<R>(
        &mut self,
        lane: usize,
        own: &mut Lane,
        work: impl FnOnce(&mut dyn Single, &mut Problem, &mut Block<T>, (f64, f64)) -> R,
    ) -> Result<R, ErrorKind> {
        self.attend(own);
        let single = match own.single.take() {
            Some(single) => Ok(single),
            None => single(self.options.method, &self.problem).map_err(ErrorKind::Options),
        };
        let outcome = single.map(|mut single| {
            let (point, stage) = single.stand(own.pace, own.fresh);
            self.block.point(lane, point);
            self.block.stages(lane, stage);
            let step = (own.h, own.pace.behind(own.h, self.options.t1));
            let value = work(single.as_mut(), &mut self.problem, &mut self.block, step);
            note(single.as_ref(), &mut self.problem.statistics);
            own.single = Some(single);
            value
        });
        self.leave(own);
        outcome
    }

    /// Keeps what the lane's step from t of length h has passed.
    #[cold]
    fn keep(&mut self, lane: usize, (t, h): (f64, f64)) -> Result<(), ErrorKind> {
        let Some(mut own) = self.lanes[lane].take() else { return Ok(()) };
        self.attend(&mut own);
        let outcome = self.keep_points(lane, &mut own, (t, h));
        self.leave(&mut own);
        self.lanes[lane] = Some(own);
        outcome
    }

    fn keep_points(&mut self, lane: usize, own: &mut Lane, from: (f64, f64)) -> Result<(), ErrorKind> {
        let now = own.pace.t;
        if own.kept.steps() {
            self.block.new_point(lane, &mut self.point);
            return own.kept.push(&mut self.problem, now, &self.point);
        }
        let mut passed = false;
        while let Some(t) = own.kept.reached(now) {
            if t == now {
                self.block.new_point(lane, &mut self.point);
            } else {
                if !std::mem::replace(&mut passed, true) {
                    let [old, new, stages] = self.single.passed(from);
                    self.block.point(lane, old);
                    self.block.new_point(lane, new);
                    self.block.stages(lane, stages);
                }
                self.single.interpolate(&mut self.problem, t, &mut self.point);
            }
            own.kept.push(&mut self.problem, t, &self.point)?;
            own.kept.advance();
        }
        Ok(())
    }

    /// Why no step of the lane is small enough.
    fn refused(&mut self, lane: usize) -> Option<ErrorKind> {
        let mut own = self.lanes[lane].take()?;
        let kind = self.alone(lane, &mut own, |single, problem, _, (h, t_new)| {
            let kind = single.refuse(problem, h, t_new);
            problem.diagnose(kind, single)
        });
        self.lanes[lane] = Some(own);
        Some(kind.unwrap_or_else(|kind| kind))
    }

    /// The problem is the lane's: its parameters and counts.
    fn attend(&mut self, own: &mut Lane) {
        self.problem.set_parameters(&own.p);
        std::mem::swap(&mut self.problem.statistics, &mut own.statistics);
    }

    /// It is nobody's again.
    fn leave(&mut self, own: &mut Lane) {
        std::mem::swap(&mut self.problem.statistics, &mut own.statistics);
    }

    /// Empties a lane.
    fn finish(&mut self, lane: usize, outcome: Result<(), ErrorKind>, done: &mut Done) {
        if let Some(own) = self.lanes[lane].take() {
            self.end(own, outcome, done);
        }
    }

    /// Hands over what a trajectory came to.
    fn end(&mut self, own: Lane<'a>, outcome: Result<(), ErrorKind>, done: &mut Done) {
        let Lane { number, pace, kept, mut statistics, started, whole, .. } = own;
        self.single.count(&mut statistics, whole);
        statistics.solve_seconds = started.elapsed().as_secs_f64();
        let solution = kept.into_solution(self.shape.clone(), statistics);
        done(
            number,
            match outcome {
                Ok(()) => Ok(solution),
                Err(kind) => Err(Failure { kind, time: pace.t, step: pace.h, partial: Box::new(solution) }),
            },
        );
    }
}

/// Says which number is so large or small that the precision would lose it, if one is.
fn legible<T: Number>(shape: &Shape, y: &[f64], p: &[f64]) -> Result<(), String> {
    let lost = |x: &f64| x.is_finite() && (!T::round(*x).is_finite() || (*x != 0.0 && x.abs() < T::LEAST));
    let what = match (y.iter().position(lost), p.iter().find(|p| lost(p))) {
        (Some(k), _) => format!("the initial value {:e} of {}", y[k], shape.states.get(k)),
        (None, Some(value)) => format!("{value:e}, a parameter or what follows from parameters,"),
        (None, None) => return Ok(()),
    };
    Err(format!("{what} is out of the range of single precision; use other units, or double precision"))
}

/// What a method has to say of W.
fn note(single: &dyn Single, statistics: &mut Statistics) {
    if let Some(w) = single.shifted() {
        statistics.linear = w.kind().to_string();
        statistics.fallbacks = w.fallbacks();
    }
}

/// A run in single precision: a single trajectory in lanes.
///
/// # Errors
/// [`Failure`], also where it cannot run in lanes, for a reason that it says; `watched`: somebody wants to hear of its steps.
pub fn in_single(
    system: &dyn System,
    y0: &[f64],
    p: &[f64],
    options: &Options,
    watched: bool,
) -> Result<Solution, Failure> {
    let lanes = match watched {
        true => Err("the steps have no derivatives".to_string()),
        false => Lanes::<f32>::new(system, options),
    };
    let reason = match lanes {
        Ok(mut lanes) => {
            let (y, p) = (y0.to_vec(), p.to_vec());
            let (mut member, mut found) = (Some(Member { number: 0, y, p }), None);
            lanes.run(&mut || member.take(), &mut |_, result| found = Some(result));
            match found {
                Some(result) => return result,
                None => "the run has no end".to_string(),
            }
        }
        Err(reason) => reason,
    };
    let kind = ErrorKind::Options(format!("there is no run in single precision: {reason}; use double precision"));
    let shape = Arc::new(system.shape().clone());
    let partial = Box::new(Solution::from_rows(Vec::new(), &[], shape, Statistics::default()));
    Err(Failure { kind, time: options.t0, step: 0.0, partial })
}

/// The stepper for one trajectory of a method whose steps run in lanes.
///
/// # Errors
/// A sentence, if the method has none.
fn single(method: Method, problem: &Problem) -> Result<Box<dyn Single>, String> {
    if let Some(tableau) = methods::tableau(method) {
        return Ok(Box::new(ExplicitStepper::new(tableau, problem)));
    }
    match methods::rosenbrock(method) {
        Some(tableau) => match RosenbrockStepper::new(tableau, problem) {
            Ok(stepper) => Ok(Box::new(stepper)),
            Err(_) => Err("W does not fit into memory".to_string()),
        },
        None => Err(format!("{} is not an explicit Runge–Kutta or a Rosenbrock method", method.name())),
    }
}
