//! Many trajectories of one system, several at a time: the whole compiled step of a method, side by side.
//!
//! Each lane has a time, a step size, a controller, points to keep and counts of its own, and takes the next trajectory
//! when its own has ended, so that none waits for another. What every step takes is done for all lanes at once (`paces`);
//! lanes are looked at one by one where a step was rejected or has come to a point to keep. The formulas are those of the
//! method's stepper for one trajectory, which also does itself whatever is rare (`single`): so every result is, bit for bit,
//! that of [`super::integrate`] alone, whatever the neighbours, their number and the order of the trajectories.

mod block;
mod paces;
mod single;

pub use block::{Block, Widths};
pub use single::Single;

use std::sync::Arc;
use std::time::Instant;

use self::paces::Paces;
use super::explicit::ExplicitStepper;
use super::methods::{self, taylor::Taylor};
use super::options::validate;
use super::points::Points;
use super::problem::Problem;
use super::rosenbrock::RosenbrockStepper;
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
    paces: Paces,
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
    kept: Points<'a>,
    /// Of the steps, only those rejected are counted before the end.
    statistics: Statistics,
    started: Instant,
    /// Attempts that were no whole steps.
    parted: u64,
    /// Steps whose planned pivots were bad.
    bad: u32,
    /// The stepper of its own, once a step was not to be had together: what it remembers of pivots is the trajectory's.
    single: Option<Box<dyn Single>>,
    /// That stepper has J at the point where the lane stood after so many steps.
    fresh: Option<u64>,
}

impl Lane<'_> {
    /// The problem is the lane's: its parameters and counts.
    fn attend(&mut self, problem: &mut Problem) {
        problem.set_parameters(&self.p);
        std::mem::swap(&mut problem.statistics, &mut self.statistics);
    }

    /// The time from which on there is something to be kept, or the run is over.
    fn look(&self, end: f64, direction: f64) -> f64 {
        if self.kept.steps() { f64::NEG_INFINITY * direction } else { self.kept.next().unwrap_or(end) }
    }

    /// Steps taken before the last of so many attempts.
    fn steps_before(&self, attempts: u64) -> u64 {
        attempts - 1 - self.statistics.rejected
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
    (from, now): ((f64, f64), f64),
    point: &mut [f64],
) -> Result<(), ErrorKind> {
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
        let paces = Paces::new(single.pace(), options, (widths.aims_at_end, patience > 0));
        let (point, clock) = (vec![0.0; n], Instant::now());
        Ok(Lanes { options, shape, problem, single, step, block, paces, patience, lanes, point, clock })
    }

    /// How many trajectories run side by side.
    pub fn width(&self) -> usize {
        self.lanes.len()
    }

    /// Runs the trajectories that `next` gives until it has no more, and hands over each as it ends.
    pub fn run(&mut self, next: &mut dyn FnMut() -> Option<Member>, done: &mut Done) {
        let (mut more, mut sweeps) = (true, 0u64);
        self.clock = Instant::now();
        loop {
            if more && self.paces.busy() < self.width() {
                more = self.fill(next, done);
            }
            if self.paces.busy() == 0 {
                return;
            }
            if self.problem.is_watched() {
                self.watch(sweeps, done);
                sweeps += 1;
            }
            self.block.aim(self.paces.next());
            self.block.attempt(self.step.as_ref());
            let [mut named, steps] = self.paces.judge(&self.block.said());
            while named != 0 {
                let lane = named.trailing_zeros() as usize;
                named &= named - 1;
                match self.follow(lane, steps >> lane & 1 == 1) {
                    Ok(false) => {}
                    Ok(true) => self.finish(lane, Ok(()), done),
                    Err(kind) => self.finish(lane, Err(kind), done),
                }
            }
            self.block.move_on();
        }
    }

    /// Puts trajectories into the lanes that are free; if there may be more of them, none is free then.
    fn fill(&mut self, next: &mut dyn FnMut() -> Option<Member>, done: &mut Done) -> bool {
        for lane in 0..self.lanes.len() {
            while self.lanes[lane].is_none() {
                match next() {
                    Some(member) => self.begin(lane, member, done),
                    None => return false,
                }
            }
        }
        true
    }

    /// Ends what was cancelled or has taken too long.
    #[cold]
    fn watch(&mut self, sweeps: u64, done: &mut Done) {
        for lane in 0..self.lanes.len() {
            let Some(own) = &self.lanes[lane] else { continue };
            if let Err(kind) = self.problem.allows(sweeps, own.started) {
                self.finish(lane, Err(kind), done);
            }
        }
    }

    /// Puts a trajectory into a lane.
    fn begin(&mut self, lane: usize, member: Member, done: &mut Done) {
        let Member { number, mut y, p } = member;
        let mut own = Lane {
            number,
            p,
            kept: Points::new(self.options, &self.shape),
            statistics: Statistics::default(),
            started: self.clock,
            parted: 0,
            bad: 0,
            single: None,
            fresh: None,
        };
        let mut pace = self.single.pace();
        pace.start(self.options.t0, 0.0);
        self.paces.begin(lane, pace);
        let outcome = self.start(lane, &mut own, &mut y);
        self.lanes[lane] = Some(own);
        match outcome {
            Err(kind) => self.finish(lane, Err(kind), done),
            Ok(()) if self.options.max_steps == 0 => self.finish(lane, Err(ErrorKind::TooManySteps(0)), done),
            Ok(()) => {}
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
        self.paces.set(lane, begun?);
        self.paces.look_at(lane, own.look(t1, self.problem.direction));
        let (point, stage) = self.single.here();
        self.block.set_point(lane, point, stage);
        self.block.set_parameters(lane, &own.p);
        Ok(())
    }

    /// What there is to be done for a lane behind its attempt, which was a step or not; whether the trajectory has come to its end.
    fn follow(&mut self, lane: usize, step: bool) -> Result<bool, ErrorKind> {
        if !step && !self.repeat_or_reject(lane)? {
            return self.may_go_on(lane);
        }
        if self.paces.has_come(lane) {
            self.keep(lane)?;
            if self.paces.get(lane).t == self.options.t1 {
                return Ok(true);
            }
        }
        self.may_go_on(lane)
    }

    /// False, for it has not ended, unless it has taken too many steps.
    fn may_go_on(&self, lane: usize) -> Result<bool, ErrorKind> {
        let most = self.options.max_steps;
        if self.paces.attempts(lane) >= most { Err(ErrorKind::TooManySteps(most)) } else { Ok(false) }
    }

    /// An attempt that was no step is one after all, once it is taken otherwise, or is rejected; whether it is one.
    fn repeat_or_reject(&mut self, lane: usize) -> Result<bool, ErrorKind> {
        let (h, mut pace) = (self.paces.taken(lane).1, self.paces.get(lane));
        let [mut error, second, third] = self.block.said().map(|row| row[lane]);
        let given_up = self.lanes[lane].as_ref().is_some_and(|own| own.bad >= self.patience);
        if self.patience > 0 && (given_up || second == 0.0) {
            error = self.repeat(lane);
            if error <= 1.0 {
                pace.accept(h, [error, second, third], self.options.t1);
                self.paces.set(lane, pace);
                return Ok(true);
            }
        }
        pace.reject(h, error);
        self.paces.set(lane, pace);
        self.block.stay(lane);
        let collapsed = pace.h.abs() < self.problem.least_step(pace.t);
        let reason = if collapsed { self.refused(lane) } else { None };
        if let Some(own) = &mut self.lanes[lane] {
            own.statistics.rejected += 1;
        }
        if collapsed { Err(reason.unwrap_or(ErrorKind::Singular)) } else { Ok(false) }
    }

    /// Takes the lane's step by stages: its planned pivots were bad, or have been too often.
    #[cold]
    fn repeat(&mut self, lane: usize) -> f64 {
        let Some(mut own) = self.lanes[lane].take() else { return f64::NAN };
        own.parted += u64::from(own.bad >= self.patience);
        own.bad = own.bad.saturating_add(1);
        if own.bad >= self.patience {
            self.paces.distrust(lane);
        }
        let outcome = self.alone(lane, &mut own, |single, problem, block, (h, t_new)| {
            let (error, point, stages) = single.repeat(problem, h, t_new)?;
            block.set_new(lane, point, stages);
            Some(error)
        });
        own.fresh = Some(own.steps_before(self.paces.attempts(lane)));
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
        let fresh = own.fresh == Some(own.steps_before(self.paces.attempts(lane)));
        own.attend(&mut self.problem);
        let single = match own.single.take() {
            Some(single) => Ok(single),
            None => single(self.options.method, &self.problem).map_err(ErrorKind::Options),
        };
        let (pace, (_, h)) = (self.paces.get(lane), self.paces.taken(lane));
        let outcome = single.map(|mut single| {
            let (point, stage) = single.stand(pace, fresh);
            self.block.point(lane, point);
            self.block.stages(lane, stage);
            let step = (h, pace.behind(h, self.options.t1));
            let value = work(single.as_mut(), &mut self.problem, &mut self.block, step);
            note(single.as_ref(), &mut self.problem.statistics);
            own.single = Some(single);
            value
        });
        own.leave(&mut self.problem);
        outcome
    }

    /// Keeps what the lane's step has passed.
    fn keep(&mut self, lane: usize) -> Result<(), ErrorKind> {
        let Lanes { lanes, problem, single, block, paces, point, .. } = self;
        let Some(own) = &mut lanes[lane] else { return Ok(()) };
        own.attend(problem);
        let span = (paces.taken(lane), paces.get(lane).t);
        let outcome = keep_points(own, problem, single.as_mut(), (&*block, lane), span, point);
        own.leave(problem);
        paces.look_at(lane, own.look(self.options.t1, self.problem.direction));
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

    /// Empties a lane, and hands over what its trajectory came to.
    fn finish(&mut self, lane: usize, outcome: Result<(), ErrorKind>, done: &mut Done) {
        let Some(own) = self.lanes[lane].take() else { return };
        let (pace, attempts) = (self.paces.get(lane), self.paces.attempts(lane));
        self.paces.rest(lane);
        let Lane { number, kept, mut statistics, started, parted, .. } = own;
        statistics.steps = attempts - statistics.rejected;
        self.single.count(&mut statistics, attempts - parted);
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
