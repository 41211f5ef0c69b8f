//! Runs of one system several at a time, whatever there is to be done between their steps.
//!
//! Each is the run that [`super::Run`] makes alone, with a stepper of its own, up to the moment at which a whole step of a
//! method is to be attempted. Attempts of the same compiled step are made side by side, a lane for each; then each run
//! goes on by itself. So events, switches and `auto`'s changes of method are what they are alone, bit for bit, whatever
//! the neighbours. [`crate::solve::Lanes`] costs less where nothing happens between steps.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Active, Going, Run};
use crate::solve::lanes::{Block, Done, Member, Single, sound};
use crate::solve::options::validate;
use crate::solve::problem::Problem;
use crate::solve::{ErrorKind, Failure, Options, Precision, Solution};
use crate::system::{CompiledLanes, CompiledStep, LIMITS, System};

/// Runs that have begun and wait for a lane, at most.
const WAITING: usize = 4;

/// Lanes for runs of one system with one set of options, as many kinds as there are compiled steps to attempt.
pub struct Abreast<'a> {
    system: &'a dyn System,
    options: &'a Options<'a>,
    width: usize,
    kinds: Vec<Kind<'a>>,
    waiting: VecDeque<Box<Under<'a>>>,
}

/// The lanes of one compiled step, and the runs in them.
struct Kind<'a> {
    step: Arc<dyn CompiledStep>,
    lanes: Arc<dyn CompiledLanes>,
    block: Block<f64>,
    runs: Vec<Option<Box<Under<'a>>>>,
}

/// A run under way.
struct Under<'a> {
    number: usize,
    run: Run<'a, 'static>,
    going: Going,
    /// Of the step under way: where it began and where the stretch ends; how many had been rejected before.
    span: (f64, f64),
    rejected: u64,
    /// Whether a step is under way, and the length to be attempted.
    inside: bool,
    h: f64,
}

impl<'a> Abreast<'a> {
    /// Lanes for a system and options.
    ///
    /// # Errors
    /// A sentence that says why runs go one by one.
    pub fn new(system: &'a dyn System, options: &'a Options<'a>) -> Result<Self, String> {
        if options.precision == Precision::Single {
            return Err("in single precision nothing is done between steps".to_string());
        }
        if system.delays().is_some() {
            return Err("what is read at other times has another value at each stage".to_string());
        }
        sound(system, options)?;
        let mut problem = Problem::new(system, &vec![0.0; system.shape().parameters], options);
        let mut active = Active::new(options.method, &mut problem).map_err(|kind| match kind {
            ErrorKind::Options(reason) => reason,
            kind => format!("{kind:?}"),
        })?;
        let method = active.stepper().name();
        let none = || format!("{method} has no step of one function for this system");
        let single = active.stepper().single().ok_or_else(none)?;
        let lanes = single.whole(&problem, false).and_then(|step| step.lanes()).ok_or_else(none)?;
        Ok(Abreast { system, options, width: lanes.lanes(), kinds: Vec::new(), waiting: VecDeque::new() })
    }

    /// How many runs go side by side.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Makes the runs that `next` gives until it has no more, and hands over each as it ends.
    pub fn run(&mut self, next: &mut dyn FnMut() -> Option<Member>, done: &mut Done) {
        let mut more = true;
        loop {
            self.take_seats();
            while more && self.waiting.len() < WAITING && self.has_room() {
                match next() {
                    Some(member) => self.begin(member, done),
                    None => more = false,
                }
                self.take_seats();
            }
            let mut active = false;
            for place in 0..self.kinds.len() {
                if self.kinds[place].attempt() {
                    active = true;
                    (0..self.kinds[place].runs.len()).for_each(|lane| self.conclude(place, lane, done));
                }
            }
            if !active && !more {
                return;
            }
        }
    }

    fn has_room(&self) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.runs.iter().any(Option::is_none))
    }

    fn begin(&mut self, member: Member, done: &mut Done) {
        let Member { number, y, p } = member;
        let (system, options) = (self.system, self.options);
        let mut run = Run::new(system, &p, options, None);
        let sound = validate(system, &y, &p, options).map_err(ErrorKind::Options);
        match sound.and_then(|()| run.set_out(&y)) {
            Ok(going) => {
                let span = (options.t0, options.t0);
                let under = Under { number, run, going, span, rejected: 0, inside: false, h: 0.0 };
                self.go_on(Box::new(under), None, done);
            }
            Err(kind) => done(number, Err(run.failed(kind))),
        }
    }

    /// What becomes of a lane's attempt.
    fn conclude(&mut self, place: usize, lane: usize, done: &mut Done) {
        let kind = &mut self.kinds[place];
        let Some(mut under) = kind.runs[lane].take() else { return };
        match under.conclude(&kind.block, lane) {
            Ok(true) => self.go_on(under, Some((place, lane)), done),
            Ok(false) => under.end(Ok(()), done),
            Err(kind) => under.end(Err(kind), done),
        }
    }

    /// Lets a run go on alone as far as it does, then back to its lane, or to those that wait.
    fn go_on(&mut self, mut under: Box<Under<'a>>, seat: Option<(usize, usize)>, done: &mut Done) {
        match under.proceed() {
            Ok(true) => match seat {
                Some((place, lane)) if under.wants(&self.kinds[place].step) => {
                    self.kinds[place].runs[lane] = Some(under);
                }
                _ => self.waiting.push_back(under),
            },
            Ok(false) => under.end(Ok(()), done),
            Err(kind) => under.end(Err(kind), done),
        }
    }

    /// Those that wait take the lanes that are free.
    fn take_seats(&mut self) {
        for _ in 0..self.waiting.len() {
            let Some(mut under) = self.waiting.pop_front() else { return };
            if !self.kinds.iter().any(|kind| under.wants(&kind.step)) {
                self.kinds.extend(under.kind());
            }
            let kinds = self.kinds.iter_mut().filter(|kind| under.wants(&kind.step));
            match kinds.flat_map(|kind| &mut kind.runs).find(|seat| seat.is_none()) {
                Some(seat) => *seat = Some(under),
                None => self.waiting.push_back(under),
            }
        }
    }
}

impl Kind<'_> {
    /// Attempts a step of every run in the lanes; false if there is none.
    fn attempt(&mut self) -> bool {
        let mut active = false;
        for (lane, under) in self.runs.iter_mut().enumerate() {
            if let Some(under) = under {
                under.load(&mut self.block, lane);
                active = true;
            }
        }
        if active {
            self.block.attempt(self.lanes.as_ref());
        }
        active
    }
}

impl<'a> Under<'a> {
    /// Its stepper and problem, where the next attempt is one of a compiled step.
    fn single(&mut self) -> Option<(&mut dyn Single, &mut Problem<'a>)> {
        let single = self.going.active.stepper().single()?;
        Some((single, &mut self.run.problem))
    }

    /// Whether its next attempt is one of that step.
    fn wants(&mut self, step: &Arc<dyn CompiledStep>) -> bool {
        let whole = self.single().and_then(|(single, problem)| single.whole(problem, false));
        whole.is_some_and(|whole| std::ptr::addr_eq(Arc::as_ptr(&whole), Arc::as_ptr(step)))
    }

    /// Lanes for what it wants.
    fn kind(&mut self) -> Option<Kind<'a>> {
        let (single, problem) = self.single()?;
        let step = single.whole(problem, false)?;
        let lanes = step.lanes()?;
        let limits = vec![0.0; LIMITS + problem.dim()];
        let block = Block::new(lanes.as_ref(), single.widths(), problem.parameters().len(), &limits);
        let runs = (0..lanes.lanes()).map(|_| None).collect();
        Some(Kind { step, lanes, block, runs })
    }

    /// Goes on alone until a compiled step is to be attempted; false at the end of the run.
    fn proceed(&mut self) -> Result<bool, ErrorKind> {
        loop {
            let Some(end) = self.run.stretch(&mut self.going)? else { return Ok(false) };
            if self.run.time == end {
                if !self.run.conclude(&mut self.going, end, Ok(true))? {
                    return Ok(false);
                }
                continue;
            }
            let stepper = self.going.active.stepper();
            let mut outcome = Ok(());
            if !self.inside {
                self.rejected = self.run.problem.statistics.rejected;
                outcome = stepper.reconsider(&mut self.run.problem);
                self.span = (stepper.t(), end);
                self.inside = true;
            }
            let more = match (outcome, stepper.single()) {
                (Err(kind), _) => self.stepped(Err(kind))?,
                (Ok(()), Some(single)) => match single.propose(&mut self.run.problem, end) {
                    Ok(h) => {
                        self.h = h;
                        return Ok(true);
                    }
                    Err(kind) => self.concluded(Err(kind))?,
                },
                (Ok(()), None) => {
                    let outcome = stepper.step(&mut self.run.problem, end);
                    self.stepped(outcome)?
                }
            };
            if !more {
                return Ok(false);
            }
        }
    }

    /// Puts what the attempt needs into a lane.
    fn load(&mut self, block: &mut Block<f64>, lane: usize) {
        let ((_, end), h) = (self.span, self.h);
        let Some((single, problem)) = self.single() else { return };
        let pace = single.pace();
        let t = if block.widths.aims_at_end { problem.inside(pace.behind(h, end)) } else { pace.t };
        let (point, stages) = single.here();
        block.set_point(lane, point, stages);
        block.set_parameters(lane, problem.parameters());
        block.set_limits(lane, t, single.limits(h));
    }

    /// Takes the attempt's results out of a lane; false at the end of the run.
    fn conclude(&mut self, block: &Block<f64>, lane: usize) -> Result<bool, ErrorKind> {
        let ((_, end), h) = (self.span, self.h);
        let Some((single, problem)) = self.single() else { return Ok(true) };
        let [point, stages] = single.attempted();
        block.new_point(lane, point);
        block.stages(lane, stages);
        match single.judge(problem, h, end) {
            Some(outcome) => self.concluded(outcome),
            None => Ok(true),
        }
    }

    /// The method's step is over.
    fn concluded(&mut self, outcome: Result<(), ErrorKind>) -> Result<bool, ErrorKind> {
        let outcome = self.going.active.stepper().concluded(&mut self.run.problem, self.span, outcome);
        self.stepped(outcome)
    }

    /// The stepper's step is over.
    fn stepped(&mut self, outcome: Result<(), ErrorKind>) -> Result<bool, ErrorKind> {
        self.inside = false;
        let (end, stepper) = (self.span.1, self.going.active.stepper());
        let outcome = self.run.stepped(stepper, end, self.rejected, outcome.map(|()| false));
        self.run.conclude(&mut self.going, end, outcome)
    }

    /// Hands over what the run came to.
    fn end(mut self: Box<Self>, outcome: Result<(), ErrorKind>, done: &mut Done) {
        self.run.note(&mut self.going.active);
        let Under { number, run, .. } = *self;
        let result: Result<Solution, Failure> = match outcome {
            Ok(()) => Ok(run.into_solution()),
            Err(kind) => Err(run.failed(kind)),
        };
        done(number, result);
    }
}
