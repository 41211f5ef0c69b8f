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
use super::methods::{self, taylor::Taylor};
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
    /// When a trajectory ended last: the next begins then.
    clock: Instant,
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
    /// The time from which on there is something to be kept, or the run is over.
    look: f64,
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

impl Lane<'_> {
    /// The problem is the lane's: its parameters and counts.
    fn attend(&mut self, problem: &mut Problem) {
        problem.set_parameters(&self.p);
        std::mem::swap(&mut problem.statistics, &mut self.statistics);
    }

    /// Finds the time from which on there is something to do.
    fn look_out(&mut self, end: f64, direction: f64) {
        self.look = if self.kept.steps() { f64::NEG_INFINITY * direction } else { self.kept.next().unwrap_or(end) };
    }

    /// It is nobody's again.
    fn leave(&mut self, problem: &mut Problem) {
        std::mem::swap(&mut problem.statistics, &mut self.statistics);
    }
}

/// Keeps the start of a trajectory, as far as that is asked for.
fn save_start(problem: &mut Problem, own: &mut Lane, (t0, y): (f64, &[f64])) -> Result<(), ErrorKind> {
    if own.kept.steps() {
        own.kept.push(problem, t0, y)?;
    }
    while own.kept.next_at(t0) {
        own.kept.push(problem, t0, y)?;
        own.kept.advance();
    }
    Ok(())
}

/// Keeps the points that a lane's step has passed.
fn keep_points<T: Number>(
    own: &mut Lane,
    problem: &mut Problem,
    single: &mut dyn Single,
    (block, lane): (&Block<T>, usize),
    from: (f64, f64),
    point: &mut [f64],
) -> Result<(), ErrorKind> {
    let now = own.pace.t;
    if own.kept.steps() {
        block.new_point(lane, point);
        return own.kept.push(problem, now, point);
    }
    let mut passed = false;
    while let Some(t) = own.kept.reached(now) {
        if t == now {
            block.new_point(lane, point);
        } else {
            if !std::mem::replace(&mut passed, true) {
                let [old, new, stages] = single.passed(from);
                block.point(lane, old);
                block.new_point(lane, new);
                block.stages(lane, stages);
            }
            single.interpolate(problem, t, point);
        }
        own.kept.push(problem, t, point)?;
        own.kept.advance();
    }
    Ok(())
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

/// Says what is wrong with the options, whatever a trajectory starts from.
pub fn sound(system: &dyn System, options: &Options) -> Result<(), String> {
    let shape = system.shape();
    validate(system, &vec![0.0; shape.dim()], &vec![0.0; shape.parameters], options)
}

impl<'a, T: Number> Lanes<'a, T> {
    /// Lanes for a system and options.
    ///
    /// # Errors
    /// A sentence that says why its trajectories go one by one.
    pub fn new(system: &'a dyn System, options: &'a Options<'a>) -> Result<Self, String> {
        suit(system, options)?;
        sound(system, options)?;
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
        let (point, clock) = (vec![0.0; n], Instant::now());
        Ok(Lanes { options, shape, problem, single, step, block, patience, lanes, point, clock })
    }

    /// How many trajectories run side by side.
    pub fn width(&self) -> usize {
        self.lanes.len()
    }

    /// Runs the trajectories that `next` gives until it has no more, and hands over each as it ends.
    pub fn run(&mut self, next: &mut dyn FnMut() -> Option<Member>, done: &mut Done) {
        let mut more = true;
        self.clock = Instant::now();
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
                self.block.move_on();
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
            look: 0.0,
            statistics: Statistics::default(),
            started: self.clock,
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
        own.attend(&mut self.problem);
        let begun = save_start(&mut self.problem, own, (t0, y))
            .and_then(|()| self.single.begin(&mut self.problem, y, (t0, h), t1));
        own.leave(&mut self.problem);
        note(self.single.as_ref(), &mut own.statistics);
        own.pace = begun?;
        own.look_out(self.options.t1, self.problem.direction);
        let (point, stage) = self.single.here();
        self.block.set_point(lane, point, stage);
        self.block.set_parameters(lane, &own.p);
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
        let t = if self.block.widths.aims_at_end { own.pace.behind(own.h, self.options.t1) } else { own.pace.t };
        self.block.aim(lane, t, own.h);
        true
    }

    /// What becomes of the lane's attempt.
    #[inline]
    fn conclude(&mut self, lane: usize, done: &mut Done) {
        let Some(own) = &mut self.lanes[lane] else { return };
        let (end, h) = (self.options.t1, own.h);
        let [mut error, second, third] = self.block.said(lane);
        let patience = self.patience;
        own.whole += u64::from(patience == 0 || own.bad < patience);
        if patience > 0 && (own.bad >= patience || second == 0.0) {
            error = self.repeat(lane);
        }
        let Some(own) = &mut self.lanes[lane] else { return };
        if error <= 1.0 {
            own.statistics.steps += 1;
            own.fresh = false;
            let t = own.pace.t;
            own.pace.accept(h, [error, second, third], end);
            if (own.pace.t - own.look) * self.problem.direction >= 0.0 {
                let over = own.pace.t == end;
                match self.keep(lane, (t, h)) {
                    Ok(()) if over => self.finish(lane, Ok(()), done),
                    Ok(()) => {}
                    Err(kind) => self.finish(lane, Err(kind), done),
                }
            }
            return;
        }
        own.statistics.rejected += 1;
        own.pace.reject(h, error);
        self.block.stay(lane);
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
        own.attend(&mut self.problem);
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
        own.leave(&mut self.problem);
        outcome
    }

    /// Keeps what the lane's step from t of length h has passed.
    fn keep(&mut self, lane: usize, from: (f64, f64)) -> Result<(), ErrorKind> {
        let Lanes { lanes, problem, single, block, point, .. } = self;
        let Some(own) = &mut lanes[lane] else { return Ok(()) };
        own.attend(problem);
        let outcome = keep_points(own, problem, single.as_mut(), (&*block, lane), from, point);
        own.leave(problem);
        own.look_out(self.options.t1, self.problem.direction);
        outcome
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
        self.clock = Instant::now();
        statistics.solve_seconds = (self.clock - started).as_secs_f64();
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
    let refused = |reason: String| format!("there is no run in single precision: {reason}; use double precision");
    let lanes = match watched {
        true => Err(refused("the steps have no derivatives".to_string())),
        false => validate(system, y0, p, options).and_then(|()| Lanes::<f32>::new(system, options).map_err(refused)),
    };
    let reason = match lanes {
        Ok(mut lanes) => {
            let (y, p) = (y0.to_vec(), p.to_vec());
            let (mut member, mut found) = (Some(Member { number: 0, y, p }), None);
            lanes.run(&mut || member.take(), &mut |_, result| found = Some(result));
            match found {
                Some(result) => return result,
                None => refused("the run has no end".to_string()),
            }
        }
        Err(reason) => reason,
    };
    let kind = ErrorKind::Options(reason);
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
    if method == Method::Taylor {
        return match Taylor::new(problem) {
            Ok(stepper) => Ok(Box::new(stepper)),
            Err(ErrorKind::Options(reason)) => Err(reason),
            Err(kind) => Err(format!("{kind:?}")),
        };
    }
    match methods::rosenbrock(method) {
        Some(tableau) => match RosenbrockStepper::new(tableau, problem) {
            Ok(stepper) => Ok(Box::new(stepper)),
            Err(_) => Err("W does not fit into memory".to_string()),
        },
        None if method == Method::Auto => {
            Err("auto chooses step by step; name a method such as DOP853, or Rodas5P for stiff equations".to_string())
        }
        None => Err(format!("{} is no explicit Runge–Kutta, Rosenbrock or Taylor method", method.name())),
    }
}
