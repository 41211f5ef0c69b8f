//! The way back through a run, step by step: up the list of instructions of each step, or through the function for whole steps.

use super::forward::value;
use super::linear::{Linear, Part};
use super::moment::{Moment, Registers, Scratch};
use super::onto::Given;
use super::products::Products;
use super::program::{Op, Program, Terms, pull_pairs};
use super::reads::Reads;
use super::reused::Reused;
use super::spare::Kept;
use super::whole::Whole;
use crate::solve::problem::{Problem, Room};
use crate::solve::{ErrorKind, Taken};
use crate::system::{Matrix, System};

/// The way back, step by step.
pub struct Sweep {
    pub n: usize,
    pub linear: Linear,
    /// Where values at other times are read.
    pub reads: Option<Reads>,
    pub outputs: Option<(Part, Part)>,
    /// Adjoints of what the method carries, n numbers each; the state's first.
    pub lambda: Vec<f64>,
    pub gradient: Vec<f64>,
    pub program: Program,
    values: Vec<f64>,
    pub adjoints: Vec<f64>,
    /// How many instructions have values, and how many slots of stages had them from the run.
    done: usize,
    /// What a point inside a step is made of.
    pub terms: Terms,
    given: usize,
    pub own: Vec<f64>,
    mu: Vec<f64>,
    /// Products of transposed Jacobians, and those of J v + τ ∂f/∂t.
    products: Products,
    curved: Products,
    reused: Reused,
    direction: Vec<f64>,
    /// The way back through explicit steps as one function; the step at hand goes that way.
    whole: Option<Whole>,
    /// Those of methods that are not in use.
    others: Vec<Whole>,
    at_once: bool,
    /// Of the time of the moment to come, and of what is remembered of events.
    tau: f64,
    remembered: Kept,
    scratch: Scratch,
    by_time: Option<Part>,
    /// Of the last way back: its problem's memory, and a step's state and points.
    pub problem: Room,
    pub points: Vec<f64>,
}

impl Sweep {
    pub fn new(system: &dyn System) -> Result<Self, ErrorKind> {
        let n = system.shape().dim();
        let outputs = match system.shape().outputs.is_empty() {
            true => None,
            false => Some((Part::new(system, Matrix::Outputs)?, Part::new(system, Matrix::OutputParameters)?)),
        };
        let linear = Linear::new(system)?;
        Ok(Sweep {
            n,
            products: Products::new(false),
            curved: Products::new(true),
            reused: Reused::default(),
            direction: Vec::new(),
            gradient: vec![0.0; linear.columns()],
            linear,
            reads: Reads::new(system)?,
            outputs,
            lambda: vec![0.0; n],
            program: Program::new(system.constraints().is_some()),
            values: Vec::new(),
            adjoints: Vec::new(),
            done: 0,
            terms: Terms::new(),
            given: 0,
            own: vec![0.0; n],
            mu: Vec::new(),
            whole: None,
            others: Vec::new(),
            at_once: false,
            tau: 0.0,
            remembered: Kept::default(),
            scratch: Scratch::default(),
            by_time: None,
            problem: Room::default(),
            points: Vec::new(),
        })
    }

    /// Forgets the way back before, of the same system, but keeps its memory.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn renew(&mut self, system: &dyn System) -> Result<(), ErrorKind> {
        self.lambda.clear();
        self.lambda.resize(self.n, 0.0);
        self.gradient.fill(0.0);
        self.linear.renew();
        self.tau = 0.0;
        self.remembered.clear();
        if self.reads.is_some() {
            self.reads = Reads::new(system)?;
        }
        self.products.clear();
        self.curved.clear();
        Ok(())
    }

    /// Completes the gradient.
    pub fn collect(&mut self) {
        self.products.take(&mut self.gradient);
        self.curved.take(&mut self.gradient);
    }

    /// Back through what happened at a moment.
    pub fn through(&mut self, problem: &mut Problem, moment: &Moment) -> Result<(), ErrorKind> {
        // What sets a discrete quantity takes what that counts for until then.
        self.collect();
        let mut tau = [std::mem::take(&mut self.tau)];
        let (y, q, kept) = (&mut self.lambda[..self.n], self.gradient.as_mut_slice(), &mut self.remembered);
        let registers = Registers { k: 1, y, q, tau: &mut tau, kept };
        moment.pull(problem, &mut self.linear, registers, &mut self.scratch)?;
        // A method that starts anew carries nothing but the state.
        self.lambda.truncate(self.n);
        Ok(())
    }

    /// Adds the weights of a point to the adjoint of the state there.
    pub fn take_up(&mut self) {
        add(&mut self.lambda, 1.0, &self.own);
    }

    /// The end of a run that moves with the event that brought it about.
    pub fn end(&mut self, problem: &mut Problem, t: f64, y: &[f64], weights: &[f64]) -> Result<(), ErrorKind> {
        if weights.iter().any(|w| *w != 0.0) {
            let by_time = match &mut self.by_time {
                Some(by_time) => by_time,
                none => none.insert(Part::new(problem.system, Matrix::OutputTime)?),
            };
            by_time.evaluate(t, y, problem.parameters(), &[]);
            let mut sum = [0.0];
            by_time.add_transposed(weights, 1.0, &mut sum);
            self.tau += sum[0];
        }
        Ok(())
    }

    /// Values of a step's slots, and adjoints of what it carries on: of the state inside it where the run left it there.
    pub fn prepare(
        &mut self,
        problem: &mut Problem,
        taken: &Taken,
        points: &[f64],
        cut: Option<f64>,
    ) -> Result<(), ErrorKind> {
        let n = self.n;
        if self.whole.as_ref().is_none_or(|whole| !whole.is_for(taken)) {
            let next = match self.others.iter().position(|whole| whole.is_for(taken)) {
                Some(at) => Some(self.others.swap_remove(at)),
                None => Whole::new(problem.system, taken, self.gradient.len()),
            };
            self.others.extend(std::mem::replace(&mut self.whole, next));
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
        let known = if program.explicit { &program.stages } else { &program.known };
        for (slot, point) in known.iter().zip(points.chunks_exact(n)) {
            self.values[slot * n..(slot + 1) * n].copy_from_slice(point);
        }
        self.given = if program.explicit && !points.is_empty() { program.stages.len() } else { 0 };
        self.adjoints.clear();
        self.adjoints.resize(program.slots * n, 0.0);
        self.done = 0;
    }

    pub fn values_to(&mut self, problem: &mut Problem, end: usize) -> Result<(), ErrorKind> {
        let given = &self.program.stages[..self.given];
        for op in &self.program.ops[self.done..end] {
            let known = match op {
                Op::Slope { out, .. } | Op::Stage { out, .. } => given.contains(out),
                // W serves stages that have to be calculated.
                Op::Factor { .. } => !given.is_empty(),
                Op::Project { .. } => false,
                _ => !self.program.explicit,
            };
            if !known {
                value(problem, &mut self.linear, op, self.n, &mut self.values)?;
            }
        }
        self.done = end;
        Ok(())
    }

    /// The weights of a point inside the step.
    pub fn seed(&mut self, problem: &mut Problem, taken: &Taken, time: f64) -> Result<(), ErrorKind> {
        if let Some(whole) = self.whole.as_mut().filter(|_| self.at_once) {
            whole.seed(taken, time, &self.own);
            return Ok(());
        }
        // Values of the slots that serve points inside the step too.
        self.values_to(problem, self.program.ops.len())?;
        let n = self.n;
        self.program.inside(taken, time, &mut self.terms);
        for (slot, c) in &self.terms {
            add(&mut self.adjoints[slot * n..(slot + 1) * n], *c, &self.own);
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
    pub fn back(&mut self, problem: &mut Problem, taken: &Taken, points: &[f64]) -> Result<(), ErrorKind> {
        if self.at_once {
            self.lambda.truncate(self.n);
            let (lambda, gradient) = (&mut self.lambda, &mut self.gradient);
            let whole = self.whole.as_mut();
            if whole.is_some_and(|whole| whole.back(problem, taken, points, lambda, gradient)) {
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
    pub fn up(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        let ops = std::mem::take(&mut self.program.ops);
        let start = match ops.first() {
            Some(Op::Factor { t, .. }) => *t,
            _ => 0.0,
        };
        let mut factored = false;
        for op in ops[..self.done].iter().rev() {
            // A factorisation is needed before the stages that were calculated with it; the projection behind them has its own.
            if let (Some(Op::Factor { at, t, shift }), false) =
                (ops.first(), matches!(op, Op::Project { .. }) || factored)
            {
                self.linear.evaluate_states(problem, *t, &self.values[at * self.n..(at + 1) * self.n]);
                self.linear.factor_transposed(problem, *shift)?;
                factored = true;
            }
            self.adjoint(problem, op, start)?;
        }
        self.program.ops = ops;
        Ok(())
    }

    fn adjoint(&mut self, problem: &mut Problem, op: &Op, start: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        let (linear, values, gradient, mu) = (&mut self.linear, &self.values, &mut self.gradient, &mut self.mu);
        let (reads, products, direction) = (&mut self.reads, &mut self.products, &mut self.direction);
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
                    let of = (*t, value(*at));
                    pull_slope(problem, (products, linear), of, mu, &mut self.adjoints[range(*at)], gradient);
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
                    direction.clear();
                    direction.extend(value(*out).iter().chain([d]).chain(&*mu));
                    let sum = &mut self.adjoints[range(0)];
                    if !self.curved.add(problem, start, value(0), direction, sum) {
                        linear.curve(problem, start, value(0), value(*out), *d)?;
                        linear.add_curved_transposed(mu, sum, gradient);
                    }
                    let of = (*t, value(*at));
                    pull_slope(problem, (products, linear), of, mu, &mut self.adjoints[range(*at)], gradient);
                    clear_algebraic(problem, mu);
                    pull(terms, mu, 1.0 / h, &mut self.adjoints);
                }
            }
            Op::Implicit { out, base, t, g } => {
                if take(&self.adjoints, *out) {
                    let of = (*t, value(*out));
                    if !self.reused.solve(problem, (products, linear), of, 1.0 / g, mu) {
                        linear.evaluate_states(problem, *t, value(*out));
                        linear.factor_transposed(problem, 1.0 / g)?;
                        linear.solve_transposed(mu);
                        pull_parameters(problem, (products, linear), of, (mu, direction), gradient);
                        self.reused.finish(mu);
                    }
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
                    linear.evaluate_states(problem, *t, value(first + i));
                    at = linear.couple(problem, i, a);
                }
                linear.factor_coupled(at, a, true)?;
                linear.solve_coupled(at, mu, 1, true);
                for (i, (t, mu)) in t.iter().zip(mu.chunks_exact_mut(n)).enumerate() {
                    pull_parameters(problem, (products, linear), (*t, value(first + i)), (mu, direction), gradient);
                    read(problem, *t, value(first + i), mu, gradient);
                    clear_algebraic(problem, mu);
                    add(&mut self.adjoints[range(*base)], a[i * s..(i + 1) * s].iter().sum(), mu);
                }
            }
            Op::Project { out, at, t } => {
                if take(&self.adjoints, *out) {
                    let given = Given { t: *t, y: value(*at), set: None };
                    linear.project_back(problem, given, mu, gradient, &mut [0.0])?;
                    add(&mut self.adjoints[range(*at)], 1.0, mu);
                }
            }
        }
        Ok(())
    }

    /// Back through algebraic unknowns that follow the others at the start.
    pub fn follow(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        let mut lambda = std::mem::take(&mut self.lambda);
        lambda.truncate(self.n);
        let outcome = self.follow_point(problem, t, y, &mut lambda);
        self.lambda = lambda;
        outcome
    }

    /// Back through the projection onto constraints.
    pub fn project(&mut self, problem: &mut Problem, given: Given) -> Result<(), ErrorKind> {
        self.lambda.truncate(self.n);
        self.linear.project_back(problem, given, &mut self.lambda, &mut self.gradient, &mut [0.0])
    }

    pub fn follow_point(&mut self, problem: &mut Problem, t: f64, y: &[f64], own: &mut [f64]) -> Result<(), ErrorKind> {
        self.linear.follow_back(problem, (t, y), own, &mut self.gradient, &mut [0.0])
    }
}

/// `sum += Jᵀ μ` at (t, y), and the gradient grows by (∂f/∂p)ᵀ μ, sooner or later.
fn pull_slope(
    problem: &mut Problem,
    (products, linear): (&mut Products, &mut Linear),
    (t, y): (f64, &[f64]),
    mu: &[f64],
    sum: &mut [f64],
    gradient: &mut [f64],
) {
    if !products.add(problem, t, y, mu, sum) {
        linear.evaluate(problem, t, y);
        linear.add_transposed(problem, mu, sum, gradient);
    }
}

/// The gradient grows by (∂f/∂p)ᵀ μ at (t, y), sooner or later.
fn pull_parameters(
    problem: &mut Problem,
    (products, linear): (&mut Products, &mut Linear),
    (t, y): (f64, &[f64]),
    (mu, unused): (&[f64], &mut Vec<f64>),
    gradient: &mut [f64],
) {
    unused.clear();
    unused.resize(mu.len(), 0.0);
    if !products.add(problem, t, y, mu, unused) {
        linear.evaluate(problem, t, y);
        linear.add_gradient(mu, gradient);
    }
}

/// `out += c x`
pub fn add(out: &mut [f64], c: f64, x: &[f64]) {
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
