//! Forward: S = ∂y/∂q carried along with a run, down the list of instructions of every step.

use super::along::Along;
use super::happening::Moments;
use super::linear::{Changes, Linear, Part, forget};
use super::moment::{Moment, Registers, Scratch};
use super::onto::Given;
use super::program::{Op, Program, Terms, weigh_pairs};
use super::reads::no_long_bdf;
use super::remembered::Remembered;
use super::spare::Kept;
use crate::linalg::rows::weigh;
use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::solve::{Echo, Formula, Place, Recorder, Taken, Turn};
use crate::system::{Matrix, System};

/// Carries S along with a run: k directions, side by side in rows of states.
pub struct Forward {
    n: usize,
    k: usize,
    /// What the parameters and discrete quantities change by: a row of k numbers each.
    q: Vec<f64>,
    changes: Changes,
    linear: Linear,
    outputs: Option<(Part, Part)>,
    /// S of what the method carries, n·k numbers each; the state's first.
    carried: Vec<f64>,
    /// The last step: its list, how it was taken, values and S of its slots.
    program: Program,
    taken: Option<Taken>,
    values: Vec<f64>,
    tangents: Vec<f64>,
    /// How many instructions have been followed.
    done: usize,
    /// What a point inside it is made of.
    terms: Terms,
    /// The way along whole steps as one function; the last step went that way.
    along: Option<Along>,
    at_once: bool,
    /// That of the method before, where methods change.
    other: Option<Along>,
    /// Whether it has told what it knows of its inside, and the state it began with.
    told: bool,
    start: Vec<f64>,
    point: Vec<f64>,
    /// Right sides of coupled stages.
    right: Vec<f64>,
    /// What S changes by besides, inside the last step.
    pub(super) inside: Vec<f64>,
    /// Of a system with constraints: where the state inside the last step was before it moved onto them.
    found: Vec<f64>,
    constrained: bool,
    kept: Vec<f64>,
    /// What happens, what is known of executions to come, and how the last moment moves.
    moments: Option<Moments>,
    remembered: Kept,
    scratch: Scratch,
    tau: Vec<f64>,
    /// The moment at which the run stands, and whether it has ended the run.
    just: Option<Moment>,
    moved: bool,
    ended: bool,
    by_time: Option<Part>,
    /// Where values at other times are read; S of the step's slots a round before.
    reads: Option<Remembered>,
    before: Vec<f64>,
}

impl Forward {
    /// S of the state at the start by rows of `k`, and what parameters and discrete quantities change by in each direction.
    ///
    /// # Errors
    /// If the system has no derivatives by parameters.
    pub fn new(system: &dyn System, k: usize, start: Vec<f64>, q: Vec<f64>) -> Result<Self, ErrorKind> {
        let (n, constrained) = (system.shape().dim(), system.constraints().is_some());
        let outputs = match system.shape().outputs.is_empty() {
            true => None,
            false => Some((Part::new(system, Matrix::Outputs)?, Part::new(system, Matrix::OutputParameters)?)),
        };
        Ok(Forward {
            n,
            k,
            changes: Changes::of(&q, k),
            q,
            linear: Linear::new(system)?,
            outputs,
            carried: start,
            program: Program::new(constrained),
            taken: None,
            values: Vec::new(),
            tangents: Vec::new(),
            done: 0,
            terms: Terms::new(),
            along: None,
            at_once: false,
            other: None,
            told: false,
            start: Vec::new(),
            point: vec![0.0; n * k],
            right: Vec::new(),
            inside: Vec::new(),
            found: Vec::new(),
            constrained,
            kept: Vec::new(),
            moments: None,
            remembered: Kept::default(),
            scratch: Scratch::default(),
            tau: vec![0.0; k],
            just: None,
            moved: false,
            ended: false,
            by_time: None,
            reads: Remembered::new(system, k)?,
            before: Vec::new(),
        })
    }

    /// Forgets the run before, of the same system in as many directions, but keeps its memory.
    pub fn begin_anew(&mut self, start: &[f64], q: &[f64]) {
        self.carried.clear();
        self.carried.extend_from_slice(start);
        self.q.copy_from_slice(q);
        self.changes.set(q);
        for along in [&mut self.along, &mut self.other] {
            along.take_if(|along| !along.moves_as(q));
            along.iter_mut().for_each(|along| along.turn(q));
        }
        self.linear.renew();
        self.kept.clear();
        self.inside.clear();
        self.tau.fill(0.0);
        (self.at_once, self.moved, self.ended) = (false, false, false);
        // The rest is forgotten when the run starts.
    }

    /// S at the points kept: for each, n states and then the outputs, k numbers each.
    pub fn kept(&self) -> &[f64] {
        &self.kept
    }

    /// The same.
    pub fn into_kept(self) -> Vec<f64> {
        self.kept
    }

    /// S where the run stands, by rows of k.
    pub fn state(&self) -> &[f64] {
        &self.carried[..self.n * self.k]
    }

    /// Changes S at the end of the last step.
    pub fn change(&mut self, by: &[f64]) {
        self.carried.iter_mut().zip(by).for_each(|(s, by)| *s += by);
    }

    /// The state at the end of the last step.
    pub fn end(&self) -> &[f64] {
        if let Some(along) = self.along.as_ref().filter(|_| self.at_once) {
            return along.end();
        }
        let end = self.program.leaves.first().map_or(0, |slot| slot * self.n);
        &self.values[end..end + self.n]
    }

    /// The algebraic unknowns follow the others.
    fn follow(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        self.linear.follow(problem, (t, y), (&self.q, &[]), self.k, &mut self.point)
    }

    /// Follows instructions up to that one.
    fn follow_to(&mut self, problem: &mut Problem, end: usize) -> Result<(), ErrorKind> {
        let ops = std::mem::take(&mut self.program.ops);
        let outcome = ops[self.done..end].iter().try_for_each(|op| {
            if self.program.explicit || matches!(op, Op::Project { .. }) {
                value(problem, &mut self.linear, op, self.n, &mut self.values)?;
            }
            self.tangent(problem, op)
        });
        self.done = end;
        self.program.ops = ops;
        outcome
    }

    /// All instructions of a step that reads values at other times; again and again where it has read itself.
    fn follow_all(&mut self, problem: &mut Problem, taken: &Taken) -> Result<(), ErrorKind> {
        let start = &self.values[..self.n];
        let paused = problem.past.as_mut().map(|past| past.during(taken.t, start));
        self.before.clear();
        self.before.resize(self.tangents.len(), 0.0);
        let (mut outcome, mut last) = (Err(ErrorKind::Options(UNSETTLED.to_string())), f64::INFINITY);
        for _ in 0..ROUNDS {
            self.done = 0;
            outcome = self.follow_to(problem, self.program.ops.len());
            if outcome.is_err() || !self.reads.as_mut().is_some_and(|reads| std::mem::take(&mut reads.reads_itself)) {
                break;
            }
            if let Err(error) = no_long_bdf(taken) {
                outcome = Err(error);
                break;
            }
            let largest = self.tangents.iter().fold(0.0f64, |most, s| most.max(s.abs()));
            let change =
                self.tangents.iter().zip(&self.before).map(|(s, before)| (s - before).abs()).fold(0.0, f64::max);
            // Rounding is all that is left where it does not shrink any more.
            if change <= SETTLED.0 * largest || (change <= SETTLED.1 * largest && change > 0.5 * last) {
                break;
            }
            last = change;
            self.before.copy_from_slice(&self.tangents);
            outcome = Err(ErrorKind::Options(UNSETTLED.to_string()));
        }
        if let (Some(past), Some(paused)) = (&mut problem.past, paused) {
            past.resume(paused);
        }
        outcome?;
        let size = self.program.slots * self.n * self.k;
        match &mut self.reads {
            Some(reads) => reads.keep(problem, taken, &self.program, &self.tangents[..size]),
            None => Ok(()),
        }
    }

    /// S at (t, y) inside the last step, into `point`; where there are constraints, y is moved onto them: by an event that happens
    /// there (`cut`), or to be kept.
    fn reach(&mut self, problem: &mut Problem, t: f64, y: &[f64], cut: bool) -> Result<(), ErrorKind> {
        self.tell();
        self.follow_to(problem, self.program.ops.len())?;
        self.point.fill(0.0);
        if let Some(taken) = &self.taken {
            self.program.inside(taken, t, &mut self.terms);
            weigh(&self.terms, &self.tangents, &mut self.point);
        }
        if self.constrained {
            let given = Given { t, y: if cut { y } else { &self.found }, set: cut.then_some(&[]) };
            self.linear.project(problem, given, (&self.q, &[]), self.k, &mut self.point)?;
            if self.inside.is_empty() {
                return Ok(());
            }
            let end = self.linear.end().to_vec();
            self.point.iter_mut().zip(&self.inside).for_each(|(s, by)| *s += by);
            return if problem.algebraic.is_empty() { Ok(()) } else { self.follow(problem, t, &end) };
        }
        self.point.iter_mut().zip(&self.inside).for_each(|(s, by)| *s += by);
        if problem.algebraic.is_empty() { Ok(()) } else { self.follow(problem, t, y) }
    }

    /// What a step that went at once has to tell of its inside.
    fn tell(&mut self) {
        if let (Some(along), Some(taken), true) = (&self.along, &self.taken, self.at_once && !self.told) {
            self.program.of(taken);
            let (slots, n, k) = (self.program.slots, self.n, self.k);
            self.values.resize(((slots + 1) * n).max(self.values.len()), 0.0);
            self.values[..n].copy_from_slice(&self.start);
            self.tangents.resize((slots * n * k).max(self.tangents.len()), 0.0);
            self.done = along.tell(&self.program, &self.carried, &mut self.tangents);
            self.told = true;
        }
    }

    /// The last step as one function: how many numbers of what is carried are new. `None` where there is none, its pivots are bad,
    /// or it has been projected onto constraints.
    fn go_along(&mut self, problem: &Problem, y: &[f64], points: &[f64]) -> Option<usize> {
        let taken = self.taken.as_ref().filter(|_| !self.constrained && self.reads.is_none())?;
        let unfit = |along: &Option<Along>| along.as_ref().is_none_or(|along| !along.is_for(taken));
        if unfit(&self.along) && !unfit(&self.other) {
            std::mem::swap(&mut self.along, &mut self.other);
        }
        if unfit(&self.along) {
            let new = Along::new(problem.system, taken, &self.q, self.k)?;
            self.other = self.along.replace(new);
        }
        self.along.as_mut()?.step(problem, taken, (y, points), &mut self.carried)
    }

    /// The run goes on from the moment at which it stood.
    fn pass_on(&mut self) {
        if let (Some(moment), Some(moments)) = (self.just.take(), &mut self.moments) {
            moments.take(moment);
        }
    }

    /// The first numbers of what is carried belong to the new point.
    fn passed(&mut self, numbers: usize) -> Result<(), ErrorKind> {
        forget(&mut self.carried[..numbers]);
        if self.state().iter().all(|s| s.is_finite()) { Ok(()) } else { Err(ErrorKind::Overflow) }
    }

    fn tangent(&mut self, problem: &mut Problem, op: &Op) -> Result<(), ErrorKind> {
        let (n, k) = (self.n, self.k);
        let (linear, values, q) = (&mut self.linear, &self.values, &self.changes);
        let value = |slot: usize| &values[slot * n..(slot + 1) * n];
        let size = n * k;
        let own = self.taken.as_ref().map(|taken| (taken, &self.program, &self.before[..]));
        let reads = &mut self.reads;
        // What f at a point changes by through what it read there; S where the step began is given.
        let mut read = |problem: &Problem, t: f64, y: &[f64], factor: f64, start: &[f64], out: &mut [f64]| {
            if let Some(reads) = reads {
                reads.add_to_slope(problem, (t, y), q, factor, (start, own), out);
            }
        };
        match op {
            Op::Sum { out, terms } => {
                let (before, rest) = self.tangents.split_at_mut(out * size);
                let out = &mut rest[..size];
                out.fill(0.0);
                weigh(terms, before, out);
            }
            Op::Slope { out, at, t, h } => {
                linear.evaluate(problem, *t, value(*at));
                let (before, rest) = self.tangents.split_at_mut(out * size);
                let out = &mut rest[..size];
                out.fill(0.0);
                linear.add_product(problem, &before[at * size..(at + 1) * size], q, *h, out);
                read(problem, *t, value(*at), *h, &before[..size], out);
                clear_algebraic(problem, out, k);
            }
            Op::Pairs { out, terms } => {
                let (before, rest) = self.tangents.split_at_mut(out * size);
                weigh_pairs(linear.pairs(problem)?, terms, k, before, &mut rest[..size]);
            }
            // Taken with the values.
            Op::Series { order, .. } => linear.push_series(q, k, &mut self.tangents[..(order + 1) * size]),
            // W is factorised with the values.
            Op::Factor { .. } => {}
            Op::Stage { out, at, t, terms, h, d } => {
                let (t0, from) = (self.taken.as_ref().map_or(*t, |taken| taken.t), 0);
                let (before, rest) = self.tangents.split_at_mut(out * size);
                let out_s = &mut rest[..size];
                out_s.fill(0.0);
                weigh(terms, before, out_s);
                let reciprocal = 1.0 / h;
                out_s.iter_mut().for_each(|x| *x *= reciprocal);
                clear_algebraic(problem, out_s, k);
                linear.evaluate(problem, *t, value(*at));
                linear.add_product(problem, &before[at * size..(at + 1) * size], q, 1.0, out_s);
                linear.curve(problem, t0, value(from), value(*out), *d)?;
                linear.add_curved(&before[from * size..(from + 1) * size], q, out_s);
                linear.solve(out_s, k);
            }
            Op::Implicit { out: point, base, t, g } => {
                linear.evaluate(problem, *t, value(*point));
                linear.factor(problem, 1.0 / g)?;
                let (before, rest) = self.tangents.split_at_mut(point * size);
                let out = &mut rest[..size];
                let reciprocal = 1.0 / g;
                let from = &before[base * size..(base + 1) * size];
                out.iter_mut().zip(from).for_each(|(x, b)| *x = reciprocal * b);
                clear_algebraic(problem, out, k);
                linear.add_parameters(q, 1.0, out);
                read(problem, *t, value(*point), 1.0, &before[..size], out);
                linear.solve(out, k);
            }
            Op::Coupled { first, base, t, a } => {
                let s = t.len();
                let mut at = 0;
                let right = &mut self.right;
                right.clear();
                right.resize(s * size, 0.0);
                for (i, (t, right)) in t.iter().zip(right.chunks_exact_mut(size)).enumerate() {
                    linear.evaluate(problem, *t, value(first + i));
                    at = linear.couple(problem, i, a);
                    let sum: f64 = a[i * s..(i + 1) * s].iter().sum();
                    let base = &self.tangents[base * size..(base + 1) * size];
                    right.iter_mut().zip(base).for_each(|(x, b)| *x = sum * b);
                    clear_algebraic(problem, right, k);
                    linear.add_parameters(q, 1.0, right);
                    read(problem, *t, value(first + i), 1.0, &self.tangents[..size], right);
                }
                linear.factor_coupled(at, a, false)?;
                linear.solve_coupled(at, right, k, false);
                self.tangents[first * size..(first + s) * size].copy_from_slice(right);
            }
            Op::Project { out, at, t } => {
                let (before, rest) = self.tangents.split_at_mut(out * size);
                let out = &mut rest[..size];
                out.copy_from_slice(&before[at * size..(at + 1) * size]);
                let given = Given { t: *t, y: value(*at), set: None };
                linear.project(problem, given, (&self.q, &[]), k, out)?;
            }
        }
        Ok(())
    }
}

/// Rounds through a step that reads itself, and what may change in the last of them.
const ROUNDS: usize = 200;
const SETTLED: (f64, f64) = (1e-15, 1e-11);
const UNSETTLED: &str = "sensitivities of a step that reads itself do not settle; take steps no longer than the delays with \
                         `max_step`";

/// Where values at other times are read, f has no second derivative by time.
///
/// # Errors
/// For steps of Rosenbrock methods.
pub fn no_rosenbrock(taken: &Taken) -> Result<(), ErrorKind> {
    if !matches!(taken.formula, Formula::Rosenbrock(_)) {
        return Ok(());
    }
    let sentence = "steps of Rosenbrock methods have no derivatives where values at other times are read; try RadauIIA5 or KenCarp4";
    Err(ErrorKind::Options(sentence.to_string()))
}

fn clear_algebraic(problem: &Problem, out: &mut [f64], k: usize) {
    for row in &problem.system.shape().algebraic {
        out[row * k..(row + 1) * k].fill(0.0);
    }
}

/// The value of an instruction of a step whose values are not known.
pub fn value(
    problem: &mut Problem,
    linear: &mut Linear,
    op: &Op,
    n: usize,
    values: &mut [f64],
) -> Result<(), ErrorKind> {
    match op {
        Op::Sum { out, terms } => {
            let (before, rest) = values.split_at_mut(out * n);
            let out = &mut rest[..n];
            out.fill(0.0);
            weigh(terms, before, out);
        }
        Op::Slope { out, at, t, h } => {
            let (before, rest) = values.split_at_mut(out * n);
            let out = &mut rest[..n];
            problem.rhs(*t, &before[at * n..(at + 1) * n], out);
            out.iter_mut().for_each(|x| *x *= h);
            clear_algebraic(problem, out, 1);
        }
        Op::Pairs { out, terms } => {
            let (before, rest) = values.split_at_mut(out * n);
            weigh_pairs(linear.pairs(problem)?, terms, 1, before, &mut rest[..n]);
        }
        Op::Series { t, order } => {
            let (y, rest) = values.split_at_mut(n);
            linear.expand(problem, *order, (*t, y), &mut rest[..order * n])?;
        }
        Op::Factor { at, t, shift } => {
            linear.evaluate(problem, *t, &values[at * n..(at + 1) * n]);
            linear.factor(problem, *shift)?;
            linear.keep_slope(problem, *t, &values[at * n..(at + 1) * n]);
        }
        Op::Stage { out, at, t, terms, h, d } => {
            let (before, rest) = values.split_at_mut(out * n);
            let (out, scratch) = rest.split_at_mut(n);
            let f = &mut scratch[..n];
            problem.rhs(*t, &before[at * n..(at + 1) * n], f);
            out.fill(0.0);
            weigh(terms, before, out);
            out.iter_mut().for_each(|x| *x /= h);
            clear_algebraic(problem, out, 1);
            out.iter_mut().zip(&*f).for_each(|(x, f)| *x += f);
            linear.add_slope(*d, out);
            linear.solve(out, 1);
        }
        Op::Implicit { .. } | Op::Coupled { .. } => {}
        Op::Project { out, at, t } => {
            let (before, rest) = values.split_at_mut(out * n);
            let given = Given { t: *t, y: &before[at * n..(at + 1) * n], set: None };
            rest[..n].copy_from_slice(linear.moved(problem, given)?);
        }
    }
    Ok(())
}

impl Recorder for Forward {
    fn start(&mut self, problem: &mut Problem, t: f64, given: &[f64], y: &[f64]) -> Result<(), ErrorKind> {
        let size = self.n * self.k;
        self.taken = None;
        self.pass_on();
        self.moments.iter_mut().for_each(Moments::begin_anew);
        self.remembered.clear();
        if self.constrained {
            let given = Given { t, y: given, set: None };
            self.linear.project(problem, given, (&self.q, &[]), self.k, &mut self.carried[..size])?;
        } else if !problem.algebraic.is_empty() {
            self.point.copy_from_slice(&self.carried[..size]);
            self.follow(problem, t, y)?;
            self.carried[..size].copy_from_slice(&self.point);
        }
        if let Some(reads) = &mut self.reads {
            reads.start.clone_from(&self.carried);
        }
        Ok(())
    }

    fn reads_work(&self) -> bool {
        !self.constrained && self.reads.is_none()
    }

    fn step(&mut self, problem: &mut Problem, taken: Taken, y: &[f64], points: &[f64]) -> Result<(), ErrorKind> {
        let (n, size) = (self.n, self.n * self.k);
        self.taken = Some(taken.clone());
        self.pass_on();
        let new = self.go_along(problem, y, points);
        self.at_once = new.is_some();
        if let Some(new) = new {
            self.told = false;
            self.start.clear();
            self.start.extend_from_slice(y);
            return self.passed(new);
        }
        self.program.of(&taken);
        let program = &self.program;
        // Behind the slots there is room for an evaluation of f.
        self.values.resize(((program.slots + 1) * n).max(self.values.len()), 0.0);
        self.tangents.resize((program.slots * size).max(self.tangents.len()), 0.0);
        self.values[..n].copy_from_slice(y);
        for (slot, point) in program.known.iter().zip(points.chunks_exact(n)) {
            self.values[slot * n..(slot + 1) * n].copy_from_slice(point);
        }
        self.tangents[..program.carried * size].copy_from_slice(&self.carried[..program.carried * size]);
        self.done = 0;
        if self.reads.is_some() {
            no_rosenbrock(&taken)?;
            self.follow_all(problem, &taken)?;
        } else {
            self.follow_to(problem, self.program.main)?;
        }
        let leaves = &self.program.leaves;
        self.carried.resize((leaves.len() * size).max(self.carried.len()), 0.0);
        for (carried, slot) in self.carried.chunks_exact_mut(size.max(1)).zip(leaves) {
            carried.copy_from_slice(&self.tangents[slot * size..(slot + 1) * size]);
        }
        self.passed(leaves.len() * size)
    }

    fn found(&mut self, y: &[f64]) {
        self.found.clear();
        self.found.extend_from_slice(y);
    }

    fn cut(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        self.reach(problem, t, y, true)?;
        let size = self.n * self.k;
        self.carried[..size].copy_from_slice(&self.point);
        Ok(())
    }

    fn turn(&mut self, problem: &mut Problem, t: f64, y: &[f64], turn: Turn) -> Result<(), ErrorKind> {
        if self.moments.is_none() {
            self.moments = Moments::new(problem.system, None)?;
        }
        let size = self.n * self.k;
        let h = self.taken.as_ref().map_or(0.0, |taken| taken.h);
        let Some(moments) = &mut self.moments else { return Ok(()) };
        if let Some(mut moment) = moments.turn(problem, t, y, turn, h)? {
            if let Some(reads) = &mut self.reads {
                reads.echoes.remember(problem, &mut moment)?;
            }
            let (y, q, kept) = (&mut self.carried[..size], self.q.as_mut_slice(), &mut self.remembered);
            let registers = Registers { k: self.k, y, q, tau: &mut self.tau, kept };
            self.moved = moment.push(problem, &mut self.linear, registers, &mut self.scratch)?;
            self.changes.set(&self.q);
            [&mut self.along, &mut self.other].into_iter().flatten().for_each(|along| along.turn(&self.q));
            self.ended = moment.stopped;
            self.just.replace(moment).into_iter().for_each(|before| moments.take(before));
        }
        Ok(())
    }

    fn echo(&mut self, problem: &mut Problem, t: f64, f: [&[f64]; 2], echoes: &[Echo]) -> Result<(), ErrorKind> {
        let Some(reads) = &mut self.reads else { return Ok(()) };
        if let Some(moment) = reads.echoes.come_back(problem, t, f, echoes)? {
            let (y, q, kept) = (&mut self.carried[..self.n * self.k], self.q.as_mut_slice(), &mut self.remembered);
            let registers = Registers { k: self.k, y, q, tau: &mut self.tau, kept };
            moment.push(problem, &mut self.linear, registers, &mut self.scratch)?;
        }
        Ok(())
    }

    fn keep(&mut self, problem: &mut Problem, place: Place, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        let (n, k) = (self.n, self.k);
        if let (Place::Happening, Some(moment)) = (place, &self.just) {
            moment.asked_for(problem, self.moved)?;
        }
        match place {
            Place::Inside => self.reach(problem, t, y, false)?,
            Place::Here | Place::Happening => self.point.copy_from_slice(&self.carried[..n * k]),
        }
        self.kept.extend_from_slice(&self.point);
        if let Some((by_state, by_parameter)) = &mut self.outputs {
            let start = self.kept.len();
            self.kept.resize(start + k * problem.system.shape().outputs.len(), 0.0);
            let out = &mut self.kept[start..];
            problem.recall_rates(t, y);
            let p = problem.parameters();
            by_state.evaluate(t, y, p, &[]);
            by_state.add_product(&self.point, k, 1.0, out);
            by_parameter.evaluate(t, y, p, &[]);
            by_parameter.add_changes(&self.changes, 1.0, out);
            if let Some(reads) = &mut self.reads {
                reads.add_to_outputs(problem, (t, y), &self.changes, &self.point, out);
            }
            if self.ended {
                // The end moves with the event that brought it about.
                let by_time = match &mut self.by_time {
                    Some(by_time) => by_time,
                    none => none.insert(Part::new(problem.system, Matrix::OutputTime)?),
                };
                by_time.evaluate(t, y, p, &[]);
                by_time.add_product(&self.tau, k, 1.0, out);
            }
        }
        Ok(())
    }
}
