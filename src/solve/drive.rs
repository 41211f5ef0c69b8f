//! The run: segments between breakpoints, steps within them, points kept from the dense output.

mod abreast;
mod active;
mod kept;
mod memory;
mod passed;
mod steps;

pub use abreast::Abreast;
pub(super) use active::Active;
pub(super) use memory::Memory;
pub use passed::{Go, Observer, Passed};
pub use steps::{Step, Steps, steps};

use std::sync::Arc;

use super::consistent::{self, Algebraic, Projection};
use super::events::{Flow, Happenings};
use super::options::validate;
use super::past::{self, Past};
use super::points::Points;
use super::problem::Problem;
use super::settled::Settled;
use super::stepper::{Stepper, zeros};
use super::taken::{Aside, Place, Recorder, Turn};
use super::{Dense, ErrorKind, Failure, Method, Options, Precision, Solution, lanes};
use crate::system::System;

/// Integrates `y' = f(t, y, p)` from `y0`.
///
/// # Errors
/// [`Failure`], with everything saved up to then, when the run cannot reach its end.
pub fn integrate(system: &dyn System, y0: &[f64], p: &[f64], options: &Options) -> Result<Solution, Failure> {
    integrate_to(system, y0, p, options, &mut None)
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// All unknowns.
    pub y: Vec<f64>,
    /// The bound parameters, discrete quantities as they are then.
    pub p: Vec<f64>,
    /// Whether nothing changed any more.
    pub settled: bool,
}

/// The same; `end` receives how the run ended, if it reached its end.
///
/// # Errors
/// As [`integrate`].
pub fn integrate_to(
    system: &dyn System,
    y0: &[f64],
    p: &[f64],
    options: &Options,
    end: &mut Option<End>,
) -> Result<Solution, Failure> {
    integrate_told(system, y0, p, options, end, None)
}

/// The same; the recorder hears of every step.
///
/// # Errors
/// As [`integrate`], and what the recorder has to say.
pub fn integrate_told(
    system: &dyn System,
    y0: &[f64],
    p: &[f64],
    options: &Options,
    end: &mut Option<End>,
    recorder: Option<&mut dyn Recorder>,
) -> Result<Solution, Failure> {
    if options.precision == Precision::Single {
        return lanes::in_single(system, y0, p, options, recorder.is_some());
    }
    let mut run = Run::new(system, p, options, recorder);
    match validate(system, y0, p, options).map_err(ErrorKind::Options).and_then(|()| run.all(y0)) {
        Ok(y) => {
            *end = Some(End { y, p: run.problem.parameters().to_vec(), settled: run.rests });
            Ok(run.into_solution())
        }
        Err(kind) => Err(run.failed(kind)),
    }
}

/// What lasts from one stretch of a run to the next.
struct Going {
    active: Active,
    /// The state where the last stretch ended.
    y: Vec<f64>,
    /// Where f may jump, and the end of the run: the next one last.
    breaks: Vec<f64>,
    /// The last of them that was passed.
    behind: f64,
    /// How smooth the solution is where the next stretch begins, for delays.
    level: u32,
    /// The step to try first.
    h: f64,
    /// The end of the stretch under way.
    end: Option<f64>,
}

struct Run<'a, 'r> {
    problem: Problem<'a>,
    /// Whoever differentiates the run, and what the last step says of itself.
    recorder: Option<Aside<'r>>,
    points: Vec<f64>,
    projection: Option<Projection>,
    algebraic: Option<Algebraic>,
    options: &'a Options<'a>,
    kept: Points<'a>,
    point: Vec<f64>,
    time: f64,
    step: f64,
    /// Steps between two reports of progress: fewer where a step costs more.
    seldom: u64,
    events: Option<Happenings<'a>>,
    /// Whether an event has ended the run.
    stopped: bool,
    /// Of a run without a known end: what sees that it has come to rest, and the state where it ended.
    settled: Option<Settled>,
    rests: bool,
    /// Of a run whose steps are shown or kept: the state where the step began.
    start: Vec<f64>,
    dense: Option<Dense>,
    /// Whether the observer has ended the run; the state there is `point`.
    halted: bool,
    /// What is left of an earlier run and has not been taken up yet.
    memory: Memory,
}

impl<'a, 'r> Run<'a, 'r> {
    fn new(
        system: &'a dyn System,
        p: &[f64],
        options: &'a Options<'a>,
        recorder: Option<&'r mut dyn Recorder>,
    ) -> Self {
        Run::within(system, p, options, recorder, Memory::default())
    }

    /// From the start to the end; the state there.
    fn all(&mut self, y0: &[f64]) -> Result<Vec<f64>, ErrorKind> {
        let mut going = self.set_out(y0)?;
        while self.go_on(&mut going)? {}
        if let Some(recorder) = &mut self.recorder {
            recorder.end(&mut self.problem);
        }
        self.memory.keep(self.options, going.active);
        self.memory.breaks = going.breaks;
        Ok(going.y)
    }

    /// Everything up to the first step.
    fn set_out(&mut self, y0: &[f64]) -> Result<Going, ErrorKind> {
        let (direction, options) = (self.problem.direction, self.options);
        let mut active = self.memory.active(options, &mut self.problem)?;
        if !self.memory.is_kept {
            self.problem.statistics.method = active.stepper().name().to_string();
        }
        if let Active::Fixed(stepper) = &active {
            self.problem.explain(|| format!("{}: as asked", stepper.name()));
            let system = self.problem.system;
            let implicit = system.split().filter(|_| stepper.splits()).map(|split| split.implicit.as_ref());
            if let Some(part) = implicit {
                let entries = [part, system].map(|system| system.jacobian_pattern().nnz());
                self.problem.explain(|| {
                    let [own, all] = entries;
                    format!("terms marked stiff implicitly ({own} of {all} entries of J), the others explicitly")
                });
            }
            if stepper.shifted().is_some() {
                self.problem.explain(|| format!("W = s·I − J: {}", implicit.unwrap_or(system).strategy()));
            }
        }
        let mut breaks = std::mem::take(&mut self.memory.breaks);
        breaks.clear();
        breaks.push(options.t1);
        let within = |b: &&f64| (**b - options.t0) * direction > 0.0 && (options.t1 - **b) * direction > 0.0;
        breaks.extend(options.breakpoints.iter().filter(within));
        breaks[1..].sort_unstable_by(|a, b| (b * direction).total_cmp(&(a * direction)));
        breaks.dedup();
        let h = options.first_step.map_or(0.0, |h| h * direction);
        let mut y = std::mem::take(&mut self.memory.y);
        y.clear();
        y.extend_from_slice(y0);
        self.kept.reserve()?;
        self.algebraic = match self.memory.algebraic.take().filter(Algebraic::is_as_made) {
            None => Algebraic::new(&self.problem)?,
            known => known,
        };
        self.problem.past = Past::new(&mut self.problem, options.t0, &y, delay_order(options.method))?;
        self.make_consistent(y0, &mut y)?;
        if let Some(past) = &mut self.problem.past {
            past.set_start(&y);
        }
        let memory = self.memory.events.take();
        self.events = Happenings::within(&mut self.problem, (options.t0, options.t1), memory)?;
        if options.t1.is_infinite() {
            self.settled = Some(Settled::new(&self.problem, self.problem.shifted()?));
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.start(&mut self.problem, options.t0, y0, &y)?;
        }
        self.begin(&mut y)?;
        let behind = f64::INFINITY * -direction;
        // What an event has set may make the solution itself jump.
        Ok(Going { active, y, breaks, behind, level: u32::MAX, h, end: None })
    }

    /// Goes on to where the driver looks next, as a rule the end of a step; says whether there is more to go.
    fn go_on(&mut self, going: &mut Going) -> Result<bool, ErrorKind> {
        let outcome = self.advance(going);
        if outcome != Ok(true) {
            self.note(&mut going.active);
        }
        outcome
    }

    fn advance(&mut self, going: &mut Going) -> Result<bool, ErrorKind> {
        let Some(end) = self.stretch(going)? else { return Ok(false) };
        let outcome = if self.time == end { Ok(true) } else { self.step(going.active.stepper(), end) };
        self.conclude(going, end, outcome)
    }

    /// The end of the stretch under way, or of the next; none at the end of the run.
    fn stretch(&mut self, going: &mut Going) -> Result<Option<f64>, ErrorKind> {
        match going.end {
            Some(end) => Ok(Some(end)),
            None if self.time == self.options.t1 || self.stopped => Ok(None),
            None => self.start_stretch(going).map(Some),
        }
    }

    /// What becomes of the stretch by what a step has come to; says whether there is more to go.
    fn conclude(&mut self, going: &mut Going, end: f64, outcome: Result<bool, ErrorKind>) -> Result<bool, ErrorKind> {
        match outcome {
            Ok(false) if self.time != end => return Ok(true),
            Ok(_) => {}
            Err(kind) => return Err(self.problem.diagnose(kind, going.active.stepper())),
        }
        going.end = None;
        if self.halted {
            going.y.copy_from_slice(&self.point);
            return Ok(false);
        }
        self.end_stretch(going, end)?;
        Ok(true)
    }

    /// Prepares for the way to where f or the solution may jump next; says where that is.
    fn start_stretch(&mut self, going: &mut Going) -> Result<f64, ErrorKind> {
        let (direction, options) = (self.problem.direction, self.options);
        while going.breaks.pop_if(|b| (self.time - *b) * direction >= 0.0).is_some() {}
        let mut end = going.breaks.last().copied().unwrap_or(options.t1);
        // The end of the run is no break, unless something happens or jumps just there.
        let mut smooth = end == options.t1;
        if let Some(time) = self.events.as_mut().and_then(|events| events.next_end(self.time))
            && time <= end
        {
            (end, smooth) = (time, false);
        }
        // Where delays bring back jumps of the solution, f jumps.
        let echoes = match (&self.recorder, &self.problem.past) {
            (Some(_), Some(past)) => past.echoes(self.time),
            _ => Vec::new(),
        };
        let mut slopes = [Vec::new(), Vec::new()];
        if !echoes.is_empty() {
            slopes = [zeros(going.y.len()), zeros(going.y.len())];
            self.problem.rhs(self.time, &going.y, &mut slopes[0]);
        }
        if let Some(mut past) = self.problem.past.take() {
            past.begin(&mut self.problem, self.time, &going.y, going.level);
            if let Some(time) = past.next_end(self.time).filter(|time| *time <= end) {
                (end, smooth) = (time, false);
            }
            self.problem.past = Some(past);
        }
        self.problem.between(going.behind, if smooth { f64::INFINITY * direction } else { end });
        if let Some(recorder) = self.recorder.as_mut().filter(|_| !echoes.is_empty()) {
            self.problem.rhs(self.time, &going.y, &mut slopes[1]);
            recorder.echo(&mut self.problem, self.time, [&slopes[0], &slopes[1]], &echoes)?;
        }
        going.active.stepper().start(&mut self.problem, self.time, &going.y, going.h)?;
        if let Some(events) = &mut self.events {
            // A delay below rounding of time is over before a step is taken.
            events.y.copy_from_slice(&going.y);
        }
        self.begins(&going.y);
        going.end = Some(end);
        Ok(end)
    }

    /// What happens where a stretch has ended, at `end` or before it.
    fn end_stretch(&mut self, going: &mut Going, end: f64) -> Result<(), ErrorKind> {
        if self.time == end {
            going.behind = end;
        }
        // Behind a jump of f the old step means little.
        going.h = 0.0;
        let happens = self.events.as_ref().is_some_and(|events| events.is_due(self.time));
        going.level = u32::MAX;
        let stepper = going.active.stepper();
        if happens {
            self.happen(&mut going.y, going.behind)?;
            // What sets no state makes f jump at most.
            going.level = u32::from(self.events.as_ref().is_some_and(|events| events.y == going.y));
            going.h = if stepper.keeps_step() { stepper.h() } else { 0.0 };
        } else {
            going.y.copy_from_slice(stepper.y());
            self.pass(&going.y, end)?;
            // Where a delay passes a breaking point f does not jump.
            if self.problem.past.is_some() && stepper.keeps_step() {
                going.h = stepper.h();
            }
        }
        Ok(())
    }

    /// What the method has to say of a run that has ended.
    fn note(&mut self, active: &mut Active) {
        if self.memory.is_kept {
            // Nobody reads it.
            return;
        }
        if let Some(w) = active.stepper().shifted() {
            self.problem.statistics.fallbacks = w.fallbacks();
            self.problem.statistics.linear = w.kind().to_string();
        }
        if let Active::Auto(auto) = active {
            self.problem.statistics.method = format!("auto ({})", auto.used().join("+"));
        }
    }

    /// Algebraic unknowns that fit the rest of the state.
    fn make_consistent(&mut self, given: &[f64], y: &mut [f64]) -> Result<(), ErrorKind> {
        let (projection, algebraic) = (self.projection.as_mut(), self.algebraic.as_mut());
        if projection.is_none() && algebraic.is_none() {
            return Ok(());
        }
        consistent::initialise(&mut self.problem, projection, algebraic, self.time, y)?;
        if !self.memory.is_kept {
            consistent::note_changes(&mut self.problem, given, y);
        }
        Ok(())
    }

    /// The same within a run.
    fn restore(&mut self, y: &mut [f64]) -> Result<(), ErrorKind> {
        let (projection, algebraic) = (self.projection.as_mut(), self.algebraic.as_mut());
        consistent::restore(&mut self.problem, projection, algebraic, (self.time, y), &[])
    }

    /// What happens at the start, and the first point to keep.
    fn begin(&mut self, y: &mut [f64]) -> Result<(), ErrorKind> {
        let t0 = self.options.t0;
        if let Some(events) = &mut self.events {
            events.begin(&mut self.problem, t0, y);
            if events.is_due(t0) {
                events.y.copy_from_slice(y);
                return self.happen(y, f64::NAN);
            }
        }
        self.save_start(y)
    }

    /// Executes the events due where the run stands, in the state that was found there, and keeps the points before and
    /// after. The time asked for is kept with the values after.
    fn happen(&mut self, y: &mut [f64], behind: f64) -> Result<(), ErrorKind> {
        let Some(mut events) = self.events.take() else { return Ok(()) };
        y.copy_from_slice(&events.y);
        // Between steps algebraic unknowns are interpolated; where that is too far off they stand as they are.
        let _ = self.restore(y);
        let steps = self.kept.steps();
        // Where a branch of the equations changes there is one point, as at the end of any step.
        if steps && !events.only_switches(self.time) {
            self.point.copy_from_slice(y);
            self.record(self.time, Place::Here)?;
        }
        let (projection, algebraic, time) = (&mut self.projection, &mut self.algebraic, self.time);
        // What an event sets may leave algebraic unknowns behind.
        let mut restore = |problem: &mut Problem, y: &mut [f64], set: &[usize]| {
            consistent::restore(problem, projection.as_mut(), algebraic.as_mut(), (time, y), set)
        };
        let flow = match &mut self.recorder {
            None => events.execute(&mut self.problem, time, y, &mut restore, None),
            Some(recorder) => {
                let mut tell = |problem: &mut Problem, y: &[f64], turn: Turn| recorder.turn(problem, time, y, turn);
                events.execute(&mut self.problem, time, y, &mut restore, Some(&mut tell))
            }
        };
        self.events = Some(events);
        if let (Some(recorder), Ok(flow)) = (&mut self.recorder, &flow) {
            if time == behind {
                // Behind a switch of the equations f is what it is there.
                self.problem.between(behind, f64::INFINITY);
            }
            recorder.turn(&mut self.problem, time, y, Turn::End { stopped: *flow == Flow::Stop })?;
        }
        self.point.copy_from_slice(y);
        if steps {
            self.record(self.time, Place::Here)?;
        }
        while self.kept.next_at(self.time) {
            self.record(self.time, Place::Happening)?;
            self.kept.advance();
        }
        self.stopped = flow? == Flow::Stop;
        // The end of a run that was not foreseen is always among the points.
        if self.stopped && self.kept.last() != Some(self.time) {
            self.record(self.time, Place::Here)?;
        }
        Ok(())
    }

    /// The run has come to the end of a stretch where nothing is executed: what the equations jump by there.
    fn pass(&mut self, y: &[f64], end: f64) -> Result<(), ErrorKind> {
        let (Some(recorder), Some(events)) = (&mut self.recorder, &self.events) else { return Ok(()) };
        let causes = &mut self.memory.causes;
        causes.clear();
        causes.extend(events.stops_at(end).filter(|_| self.time == end));
        if causes.is_empty() {
            return Ok(());
        }
        recorder.turn(&mut self.problem, end, y, Turn::Begin { causes })?;
        self.problem.between(end, f64::INFINITY);
        recorder.turn(&mut self.problem, end, y, Turn::End { stopped: false })
    }

    /// The time up to which steps may be taken without looking at each: that of the next point to keep.
    fn until(&self, end: f64) -> f64 {
        let looks = self.projection.is_some()
            || self.events.is_some()
            || self.settled.is_some()
            || self.recorder.is_some()
            || self.options.progress.is_some()
            || self.shows_steps();
        if looks || self.kept.steps() {
            return f64::INFINITY * -self.problem.direction;
        }
        self.kept.before(end).unwrap_or(end)
    }

    /// Takes a step, or several where nobody looks at each; says whether the stretch is over before its end.
    fn step(&mut self, stepper: &mut dyn Stepper, end: f64) -> Result<bool, ErrorKind> {
        let rejected = self.problem.statistics.rejected;
        if self.recorder.is_some() {
            self.point.copy_from_slice(stepper.y());
        }
        let outcome = if self.problem.past.is_some() {
            past::step(&mut self.problem, stepper, end)
        } else {
            let until = self.until(end);
            stepper.advance(&mut self.problem, until, end).map(|()| false)
        };
        self.stepped(stepper, end, rejected, outcome)
    }

    /// All that follows a step (or several), before which so many had been rejected; says whether the stretch is over before
    /// its end.
    fn stepped(
        &mut self,
        stepper: &mut dyn Stepper,
        end: f64,
        rejected: u64,
        outcome: Result<bool, ErrorKind>,
    ) -> Result<bool, ErrorKind> {
        let rejected = self.problem.statistics.rejected - rejected;
        self.step = stepper.h();
        if let (Err(ErrorKind::TooManySteps(_)), Some(settled)) = (&outcome, &self.settled) {
            return Err(ErrorKind::NotSteady(settled.worst(&self.problem, stepper.y())));
        }
        let on_break = match outcome {
            Ok(on_break) => on_break,
            Err(kind) => {
                self.time = stepper.t();
                self.retry(kind, stepper)?;
                return Ok(false);
            }
        };
        let before = std::mem::replace(&mut self.time, stepper.t());
        if let Some(recorder) = &mut self.recorder {
            self.points.clear();
            let taken = stepper.taken(&mut self.points);
            // Stages of algebraic equations may be badly conditioned: who differentiates them calculates them more exactly.
            if taken.formula.repeats() && (recorder.reads_work() || !self.problem.algebraic.is_empty()) {
                self.points.clear();
            }
            if recorder.reads_work() {
                self.points.extend_from_slice(stepper.work());
            }
            recorder.step(&mut self.problem, taken, &self.point, &self.points)?;
        }
        if let Some(projection) = &mut self.projection {
            self.point.copy_from_slice(stepper.y());
            if projection.project(&mut self.problem, self.time, &mut self.point)? {
                if let Some(algebraic) = &mut self.algebraic {
                    // Where rounding stands in the way, the values of the step stay: the next step solves for them anyway.
                    let _ = algebraic.solve(&mut self.problem, self.time, &mut self.point);
                }
                stepper.correct(&mut self.problem, &self.point)?;
            }
        }
        let happens = match &mut self.events {
            None => false,
            Some(events) => match events.inspect(&mut self.problem, stepper, before, rejected) {
                Some(time) => {
                    self.time = time;
                    true
                }
                None if self.time == end && events.is_due(end) => {
                    events.y.copy_from_slice(stepper.y());
                    true
                }
                None => false,
            },
        };
        if self.show(stepper, before, happens)? {
            return Ok(true);
        }
        if happens {
            self.save_before(stepper, self.time)?;
            self.tell_cut(stepper)?;
        } else {
            self.save(stepper)?;
            self.begins(stepper.y());
        }
        if let Some(progress) = self.options.progress
            && self.problem.statistics.steps.is_multiple_of(self.seldom)
        {
            progress(self.time);
        }
        if happens || on_break {
            return Ok(true);
        }
        // What is known to happen yet keeps the run going.
        if let Some(settled) = &mut self.settled
            && self.events.as_mut().is_none_or(|events| events.next_end(self.time).is_none())
            && settled.reached(&mut self.problem, self.time, stepper.y(), self.time - self.options.t0)
        {
            self.rests = true;
            self.stopped = true;
            return Ok(true);
        }
        Ok(false)
    }

    /// Tells whoever differentiates the run that something happens inside the last step.
    fn tell_cut(&mut self, stepper: &mut dyn Stepper) -> Result<(), ErrorKind> {
        match (&mut self.recorder, &self.events) {
            (Some(recorder), Some(events)) if self.time != stepper.t() => {
                recorder.cut(&mut self.problem, self.time, &events.y)
            }
            _ => Ok(()),
        }
    }

    /// A step that cannot be taken on one branch of a switch, because f is no number behind it, is tried once more with f
    /// deciding its branches at every point.
    fn retry(&mut self, kind: ErrorKind, stepper: &mut dyn Stepper) -> Result<(), ErrorKind> {
        let numerical = matches!(
            kind,
            ErrorKind::StepTooSmall(_) | ErrorKind::NotFinite(_) | ErrorKind::Singular | ErrorKind::Derivative(..)
        );
        let Some(events) = &mut self.events else { return Err(kind) };
        self.point.copy_from_slice(stepper.y());
        if numerical && events.give_way(&mut self.problem, self.time, &self.point) {
            return stepper.start(&mut self.problem, self.time, &self.point, 0.0);
        }
        let stuck = matches!(kind, ErrorKind::StepTooSmall(_) | ErrorKind::TooManySteps(_));
        Err(events.slides().filter(|_| stuck).map_or(kind, ErrorKind::Slides))
    }

    fn failed(self, kind: ErrorKind) -> Failure {
        let (time, step) = (self.time, self.step);
        Failure { kind, time, step, partial: Box::new(self.into_solution()) }
    }

    fn into_solution(mut self) -> Solution {
        self.problem.statistics.solve_seconds = self.problem.seconds();
        let shape = Arc::new(self.problem.system.shape().clone());
        let dense = self.dense.take();
        let solution = self.kept.into_solution(shape, self.problem.statistics).with_dense(dense);
        match self.events {
            Some(events) => {
                let names = events.names();
                solution.with_events(events.log, names, self.stopped && !self.halted)
            }
            None => solution,
        }
    }
}

/// The order up to which breaking points are followed.
fn delay_order(method: Method) -> u32 {
    match method {
        Method::Dop853 | Method::Vern7 | Method::Vern9 | Method::Adams | Method::Radau | Method::Auto => 9,
        _ => 6,
    }
}
