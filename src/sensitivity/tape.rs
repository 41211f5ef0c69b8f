//! Backward: what a run has to remember, and the sweep back through it that pulls weights of the kept points to the start
//! and to the parameters, up the list of instructions of every step.

use super::forward::value;
use std::collections::BTreeMap;
use std::ops::Range;

use super::echoes::Echoes;
use super::happening::Moments;
use super::linear::{Linear, Part, forget};
use super::moment::{Moment, Registers};
use super::program::{Op, Program, Terms, pull_pairs};
use super::reads::Reads;
use super::steps::{Again, Steps};
use super::whole::Whole;
use crate::solve::problem::Problem;
use crate::solve::{Echo, ErrorKind, Formula, Memory, Options, Past, Place, Recorder, Taken, Turn};
use crate::system::{Matrix, System};

/// A run that was recorded.
pub struct Tape {
    n: usize,
    pub(super) steps: Steps,
    window: u64,
    pub(super) kept: Vec<Kept>,
    /// What happened, and behind how many steps.
    pub(super) moments: Vec<(usize, Moment)>,
    building: Option<Moments>,
    /// States of the points kept, n numbers each.
    states: Vec<f64>,
    pub(super) stretches: Vec<Stretch>,
    /// Steps that the run left inside, and where: the time and the state there.
    cuts: Vec<(usize, f64, Vec<f64>)>,
    /// What the run leaves of its past, where it reads that.
    memory: Option<Memory>,
    /// Jumps of the solution that delays bring back.
    echoes: Echoes,
    /// The start of a system with algebraic equations.
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
            states: Vec::new(),
            stretches: Vec::new(),
            cuts: Vec::new(),
            memory: None,
            echoes: Echoes::default(),
            start: None,
        }
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> u64 {
        let lists = self.kept.capacity() * size_of::<Kept>() + 8 * self.states.capacity();
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
                if let Some((_, t, y)) = cut
                    && !problem.algebraic.is_empty()
                {
                    sweep.follow(&mut problem, *t, y)?;
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
        if let Some((t, y)) = &self.start {
            sweep.follow(&mut problem, *t, y)?;
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
        if point.place == Place::Inside && !problem.algebraic.is_empty() {
            // Where it fails the weights stay: the values stood as they were too.
            let mut own = std::mem::take(&mut sweep.own);
            let _ = sweep.follow_point(problem, point.t, y, &mut own);
            sweep.own = own;
        }
    }
}

impl Recorder for Tape {
    fn start(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        if !problem.algebraic.is_empty() {
            self.start = Some((t, y.to_vec()));
        }
        self.look(problem);
        Ok(())
    }

    fn step(&mut self, problem: &mut Problem, taken: Taken, y: &[f64], points: &[f64]) -> Result<(), ErrorKind> {
        if problem.past.is_some() && matches!(taken.formula, Formula::Rosenbrock(_)) {
            let sentence = "there is no way back through the steps of Rosenbrock methods where values at other times are read; \
                            try RadauIIA5 or KenCarp4";
            return Err(ErrorKind::Options(sentence.to_string()));
        }
        self.look(problem);
        self.steps.push(taken, y, points);
        match self.bytes() {
            bytes if bytes > problem.max_memory() => Err(ErrorKind::Memory(bytes, problem.max_memory())),
            _ => Ok(()),
        }
    }

    fn cut(&mut self, _problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        self.cuts.push((self.steps.count(), t, y.to_vec()));
        Ok(())
    }

    fn turn(&mut self, problem: &mut Problem, t: f64, y: &[f64], turn: Turn) -> Result<(), ErrorKind> {
        if self.building.is_none() {
            self.building = Moments::new(problem.system)?;
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
        Ok(())
    }
}

/// The way back, step by step.
pub(super) struct Sweep {
    pub(super) n: usize,
    linear: Linear,
    /// Where values at other times are read.
    pub(super) reads: Option<Reads>,
    outputs: Option<(Part, Part)>,
    /// Adjoints of what the method carries, n numbers each; the state's first.
    pub(super) lambda: Vec<f64>,
    pub(super) gradient: Vec<f64>,
    pub(super) program: Program,
    values: Vec<f64>,
    pub(super) adjoints: Vec<f64>,
    /// How many instructions have values.
    done: usize,
    own: Vec<f64>,
    mu: Vec<f64>,
    /// The way back through explicit steps as one function; the step at hand goes that way.
    whole: Option<Whole>,
    at_once: bool,
    /// Of the time of the moment to come, and of what is remembered of events.
    tau: f64,
    remembered: BTreeMap<usize, Vec<f64>>,
}

impl Sweep {
    pub(super) fn new(system: &dyn System) -> Result<Self, ErrorKind> {
        let n = system.shape().dim();
        let outputs = match system.shape().outputs.is_empty() {
            true => None,
            false => Some((Part::new(system, Matrix::Outputs)?, Part::new(system, Matrix::OutputParameters)?)),
        };
        let linear = Linear::new(system)?;
        Ok(Sweep {
            n,
            gradient: vec![0.0; linear.columns()],
            linear,
            reads: Reads::new(system)?,
            outputs,
            lambda: vec![0.0; n],
            program: Program::default(),
            values: Vec::new(),
            adjoints: Vec::new(),
            done: 0,
            own: vec![0.0; n],
            mu: Vec::new(),
            whole: None,
            at_once: false,
            tau: 0.0,
            remembered: BTreeMap::new(),
        })
    }

    /// Back through what happened at a moment.
    pub(super) fn through(&mut self, problem: &mut Problem, moment: &Moment) -> Result<(), ErrorKind> {
        let mut tau = [std::mem::take(&mut self.tau)];
        let (y, q, kept) = (&mut self.lambda[..self.n], self.gradient.as_mut_slice(), &mut self.remembered);
        moment.pull(problem, &mut self.linear, Registers { k: 1, y, q, tau: &mut tau, kept })?;
        // A method that starts anew carries nothing but the state.
        self.lambda.truncate(self.n);
        Ok(())
    }

    /// Adds the weights of a point to the adjoint of the state there.
    pub(super) fn take_up(&mut self) {
        add(&mut self.lambda, 1.0, &self.own);
    }

    /// The end of a run that moves with the event that brought it about.
    fn end(&mut self, problem: &mut Problem, t: f64, y: &[f64], weights: &[f64]) -> Result<(), ErrorKind> {
        if weights.iter().any(|w| *w != 0.0) {
            let mut by_time = Part::new(problem.system, Matrix::OutputTime)?;
            by_time.evaluate(t, y, problem.parameters(), &[]);
            let mut sum = [0.0];
            by_time.add_transposed(weights, 1.0, &mut sum);
            self.tau += sum[0];
        }
        Ok(())
    }

    /// Values of a step's slots, and adjoints of what it carries on: of the state inside it where the run left it there.
    fn prepare(
        &mut self,
        problem: &mut Problem,
        taken: &Taken,
        points: &[f64],
        cut: Option<f64>,
    ) -> Result<(), ErrorKind> {
        let n = self.n;
        if self.whole.as_ref().is_none_or(|whole| !whole.is_for(taken)) {
            self.whole = Whole::new(problem.system, taken, self.gradient.len());
        }
        if let Some(whole) = self.whole.as_mut().filter(|whole| whole.is_there()) {
            self.at_once = true;
            match cut {
                Some(time) => {
                    self.own.fill(0.0);
                    whole.begin(&self.own);
                    whole.seed(taken, time, &self.lambda[..n]);
                }
                None => whole.begin(&self.lambda[..n]),
            }
            return Ok(());
        }
        self.at_once = false;
        self.list(taken, points);
        if let Some(time) = cut {
            self.own.copy_from_slice(&self.lambda[..n]);
            return self.seed(problem, taken, time);
        }
        // Behind the last step, and where the method began anew, only the state counts.
        for (slot, lambda) in self.program.leaves.iter().zip(self.lambda.chunks_exact(n)) {
            add(&mut self.adjoints[slot * n..(slot + 1) * n], 1.0, lambda);
        }
        self.values_to(problem, self.program.main)
    }

    /// The list of a step, its known values, and no adjoints yet.
    fn list(&mut self, taken: &Taken, points: &[f64]) {
        let n = self.n;
        self.program.of(taken);
        let program = &self.program;
        self.values.resize(((program.slots + 1) * n).max(self.values.len()), 0.0);
        let (state, points) = points.split_at(n);
        self.values[..n].copy_from_slice(state);
        for (slot, point) in program.known.iter().zip(points.chunks_exact(n)) {
            self.values[slot * n..(slot + 1) * n].copy_from_slice(point);
        }
        self.adjoints.clear();
        self.adjoints.resize(program.slots * n, 0.0);
        self.done = 0;
    }

    pub(super) fn values_to(&mut self, problem: &mut Problem, end: usize) -> Result<(), ErrorKind> {
        if self.program.explicit {
            for op in &self.program.ops[self.done..end] {
                value(problem, &mut self.linear, op, self.n, &mut self.values)?;
            }
        }
        self.done = end;
        Ok(())
    }

    /// The weights of a point inside the step.
    fn seed(&mut self, problem: &mut Problem, taken: &Taken, time: f64) -> Result<(), ErrorKind> {
        if let Some(whole) = self.whole.as_mut().filter(|_| self.at_once) {
            whole.seed(taken, time, &self.own);
            return Ok(());
        }
        // Values of the slots that serve points inside the step too.
        self.values_to(problem, self.program.ops.len())?;
        let n = self.n;
        for (slot, c) in self.program.inside(taken, time) {
            add(&mut self.adjoints[slot * n..(slot + 1) * n], c, &self.own);
        }
        Ok(())
    }

    /// Goes from the function for whole steps, whose pivots were bad, to the list, with the same adjoints.
    fn by_instructions(&mut self, problem: &mut Problem, taken: &Taken, points: &[f64]) -> Result<(), ErrorKind> {
        self.at_once = false;
        self.list(taken, points);
        let Some([new, old, stages]) = self.whole.as_ref().map(Whole::seeds) else { return Ok(()) };
        let (n, end) = (self.n, self.program.leaves[0]);
        add(&mut self.adjoints[end * n..(end + 1) * n], 1.0, new);
        add(&mut self.adjoints[..n], 1.0, old);
        for (i, seed) in stages.chunks_exact(n).enumerate() {
            add(&mut self.adjoints[(1 + 2 * i) * n..(2 + 2 * i) * n], 1.0, seed);
        }
        self.values_to(problem, self.program.ops.len())
    }

    /// Back through the step.
    fn back(&mut self, problem: &mut Problem, taken: &Taken, points: &[f64]) -> Result<(), ErrorKind> {
        if self.at_once {
            self.lambda.truncate(self.n);
            let (lambda, gradient) = (&mut self.lambda, &mut self.gradient);
            let whole = self.whole.as_mut();
            if whole.is_some_and(|whole| whole.back(problem, taken, &points[..self.n], lambda, gradient)) {
                return Ok(());
            }
            self.by_instructions(problem, taken, points)?;
        }
        self.up(problem)?;
        let carried = self.program.carried * self.n;
        self.lambda.clear();
        self.lambda.extend_from_slice(&self.adjoints[..carried]);
        self.settle(problem, taken)
    }

    /// Up the list once.
    pub(super) fn up(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        let ops = std::mem::take(&mut self.program.ops);
        // A factorisation is needed before the stages that were calculated with it.
        if let Some(Op::Factor { at, t, shift }) = ops.first() {
            self.linear.evaluate(problem, *t, &self.values[at * self.n..(at + 1) * self.n]);
            self.linear.factor_transposed(problem, *shift)?;
        }
        let start = match ops.first() {
            Some(Op::Factor { t, .. }) => *t,
            _ => 0.0,
        };
        for op in ops[..self.done].iter().rev() {
            self.adjoint(problem, op, start)?;
        }
        self.program.ops = ops;
        Ok(())
    }

    fn adjoint(&mut self, problem: &mut Problem, op: &Op, start: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        let (linear, values, gradient, mu) = (&mut self.linear, &self.values, &mut self.gradient, &mut self.mu);
        let reads = &mut self.reads;
        let mut read = |problem: &Problem, t: f64, y: &[f64], mu: &[f64], gradient: &mut [f64]| {
            if let Some(reads) = reads {
                reads.of_slope(problem, t, y, mu, gradient);
            }
        };
        let value = |slot: usize| &values[slot * n..(slot + 1) * n];
        let mut take = |adjoints: &[f64], slot: usize| {
            mu.clear();
            mu.extend_from_slice(&adjoints[slot * n..(slot + 1) * n]);
            mu.iter().any(|x| *x != 0.0)
        };
        let range = |slot: usize| slot * n..(slot + 1) * n;
        match op {
            Op::Sum { out, terms } => {
                let (before, rest) = self.adjoints.split_at_mut(out * n);
                pull(terms, &rest[..n], 1.0, before);
            }
            Op::Slope { out, at, t, h } => {
                if take(&self.adjoints, *out) {
                    clear_algebraic(problem, mu);
                    mu.iter_mut().for_each(|x| *x *= h);
                    linear.evaluate(problem, *t, value(*at));
                    linear.add_transposed(problem, mu, &mut self.adjoints[range(*at)], gradient);
                    read(problem, *t, value(*at), mu, gradient);
                }
            }
            Op::Pairs { out, terms } => {
                if take(&self.adjoints, *out) {
                    pull_pairs(linear.pairs(problem)?, terms, mu, &mut self.adjoints);
                }
            }
            Op::Series { order, .. } => linear.pull_series(&mut self.adjoints[..(order + 1) * n], gradient),
            Op::Factor { .. } => {}
            Op::Stage { out, at, t, terms, h, d } => {
                if take(&self.adjoints, *out) {
                    linear.solve_transposed(mu);
                    linear.curve(problem, start, value(0), value(*out), *d)?;
                    linear.add_curved_transposed(mu, &mut self.adjoints[range(0)], gradient);
                    linear.evaluate(problem, *t, value(*at));
                    linear.add_transposed(problem, mu, &mut self.adjoints[range(*at)], gradient);
                    clear_algebraic(problem, mu);
                    pull(terms, mu, 1.0 / h, &mut self.adjoints);
                }
            }
            Op::Implicit { out, base, t, g } => {
                if take(&self.adjoints, *out) {
                    linear.evaluate(problem, *t, value(*out));
                    linear.factor_transposed(problem, 1.0 / g)?;
                    linear.solve_transposed(mu);
                    linear.add_gradient(mu, gradient);
                    read(problem, *t, value(*out), mu, gradient);
                    clear_algebraic(problem, mu);
                    add(&mut self.adjoints[range(*base)], 1.0 / g, mu);
                }
            }
            Op::Coupled { first, base, t, a } => {
                let s = t.len();
                mu.clear();
                mu.extend_from_slice(&self.adjoints[first * n..(first + s) * n]);
                if mu.iter().all(|x| *x == 0.0) {
                    return Ok(());
                }
                let mut at = 0;
                for (i, t) in t.iter().enumerate() {
                    linear.evaluate(problem, *t, value(first + i));
                    at = linear.couple(problem, i, a);
                }
                linear.factor_coupled(at, a, true)?;
                linear.solve_coupled(at, mu, 1, true);
                for (i, (t, mu)) in t.iter().zip(mu.chunks_exact_mut(n)).enumerate() {
                    linear.evaluate(problem, *t, value(first + i));
                    linear.add_gradient(mu, gradient);
                    read(problem, *t, value(first + i), mu, gradient);
                    clear_algebraic(problem, mu);
                    add(&mut self.adjoints[range(*base)], a[i * s..(i + 1) * s].iter().sum(), mu);
                }
            }
        }
        Ok(())
    }

    /// Back through algebraic unknowns that follow the others at the start.
    fn follow(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        let mut lambda = std::mem::take(&mut self.lambda);
        lambda.truncate(self.n);
        let outcome = self.follow_point(problem, t, y, &mut lambda);
        self.lambda = lambda;
        outcome
    }

    fn follow_point(&mut self, problem: &mut Problem, t: f64, y: &[f64], own: &mut [f64]) -> Result<(), ErrorKind> {
        self.linear.follow_back(problem, (t, y), own, &mut self.gradient, &mut [0.0])
    }
}

/// `out += c x`
pub(super) fn add(out: &mut [f64], c: f64, x: &[f64]) {
    out.iter_mut().zip(x).for_each(|(out, x)| *out += c * x);
}

/// The adjoint of `Σ c x`.
fn pull(terms: &Terms, mu: &[f64], factor: f64, slots: &mut [f64]) {
    let n = mu.len();
    for (slot, c) in terms {
        add(&mut slots[slot * n..(slot + 1) * n], factor * c, mu);
    }
}

fn clear_algebraic(problem: &Problem, x: &mut [f64]) {
    problem.system.shape().algebraic.iter().for_each(|row| x[*row] = 0.0);
}
