//! Backward: what a run has to remember, and the sweep back through it that pulls weights of the kept points to the start
//! and to the parameters, up the list of instructions of every step.

use super::forward::value;
use super::linear::{Linear, Part};
use super::program::{Op, Program, Terms};
use crate::solve::problem::Problem;
use crate::solve::{ErrorKind, Options, Place, Recorder, Taken};
use crate::system::{Matrix, System};

/// The steps of a run, in order.
#[derive(Default)]
pub struct Tape {
    n: usize,
    steps: Vec<Step>,
    /// Per step the state before it and the points its formula keeps.
    points: Vec<f64>,
    kept: Vec<Kept>,
    /// States of the points kept, n numbers each.
    states: Vec<f64>,
    stretches: Vec<Stretch>,
    /// The start of a system with algebraic equations.
    start: Option<(f64, Vec<f64>)>,
}

struct Step {
    taken: Taken,
    /// Where its points begin.
    at: usize,
}

/// A point kept: behind so many steps.
struct Kept {
    steps: usize,
    place: Place,
    t: f64,
}

/// Steps with the same parameters and the same interval for f, from this one on.
struct Stretch {
    from: usize,
    p: Vec<f64>,
    inside: (f64, f64),
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
    /// For a system, nothing recorded yet.
    pub fn new(system: &dyn System) -> Self {
        Tape { n: system.shape().dim(), ..Tape::default() }
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> u64 {
        let numbers = self.points.capacity() + self.states.capacity();
        (8 * numbers + self.steps.capacity() * size_of::<Step>() + self.kept.capacity() * size_of::<Kept>()) as u64
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    fn look(&mut self, problem: &Problem) {
        let (p, inside) = (problem.parameters(), problem.interval());
        let same = |known: &Stretch| known.inside == inside && known.p == p;
        if !self.stretches.last().is_some_and(same) {
            self.stretches.push(Stretch { from: self.steps.len(), p: p.to_vec(), inside });
        }
    }

    /// Pulls weights back: the gradient of Σ weights · values over the kept points, each with n states and then the outputs,
    /// in the order of [`crate::solve::Solution`]'s times. `watch` is told the adjoint of the state before every step, from the
    /// last one on.
    ///
    /// # Errors
    /// If a matrix on the way is singular, or the system has no derivatives by parameters.
    pub fn pull(
        &self,
        system: &dyn System,
        options: &Options,
        weights: &[f64],
        watch: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<Gradient, ErrorKind> {
        let Some(stretch) = self.stretches.last() else {
            return Err(ErrorKind::Options("nothing was recorded".to_string()));
        };
        let mut problem = Problem::new(system, &stretch.p, options);
        let mut sweep = Sweep::new(system)?;
        let (mut kept, mut stretches) = (self.kept.len(), self.stretches.len());
        for index in (0..=self.steps.len()).rev() {
            while stretches > 1 && self.stretches[stretches - 1].from > index {
                stretches -= 1;
            }
            let stretch = &self.stretches[stretches - 1];
            problem.place(&stretch.p, stretch.inside);
            // Points behind step `index`.
            let first = self.kept[..kept].partition_point(|point| point.steps < index);
            for (k, point) in self.kept[..kept].iter().enumerate().skip(first).rev() {
                if point.place == Place::Here {
                    self.weigh(&mut problem, &mut sweep, k, point, weights);
                    add(&mut sweep.lambda[..self.n], 1.0, &sweep.own);
                }
            }
            if index > 0 {
                let step = &self.steps[index - 1];
                if stretch.from >= index && stretches > 1 {
                    let before = &self.stretches[stretches - 2];
                    problem.place(&before.p, before.inside);
                }
                sweep.prepare(&mut problem, step, &self.points[step.at..])?;
                for (k, point) in self.kept[..kept].iter().enumerate().skip(first).rev() {
                    if let Place::Inside(time) = point.place {
                        sweep.reach_inside(&mut problem)?;
                        self.weigh(&mut problem, &mut sweep, k, point, weights);
                        sweep.seed(&step.taken, time);
                    }
                }
                sweep.back(&mut problem)?;
                watch(index - 1, &sweep.lambda[..self.n]);
            }
            kept = first;
        }
        if let Some((t, y)) = &self.start {
            sweep.follow(&mut problem, *t, y)?;
        }
        Ok(Gradient { start: sweep.lambda[..self.n].to_vec(), parameters: sweep.gradient })
    }

    /// Puts the weights of a point's state into `own`, those of its outputs pulled to it.
    fn weigh(&self, problem: &mut Problem, sweep: &mut Sweep, k: usize, point: &Kept, weights: &[f64]) {
        let (n, m) = (self.n, problem.system.shape().outputs.len());
        let own = &weights[k * (n + m)..(k + 1) * (n + m)];
        let y = &self.states[k * n..(k + 1) * n];
        sweep.own.copy_from_slice(&own[..n]);
        if let Some((by_state, by_parameter)) = &mut sweep.outputs
            && own[n..].iter().any(|w| *w != 0.0)
        {
            by_state.evaluate(point.t, y, problem.parameters(), &[]);
            by_state.add_transposed(&own[n..], 1.0, &mut sweep.own);
            by_parameter.evaluate(point.t, y, problem.parameters(), &[]);
            by_parameter.add_transposed(&own[n..], 1.0, &mut sweep.gradient);
        }
        if matches!(point.place, Place::Inside(_)) && !problem.algebraic.is_empty() {
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
        self.look(problem);
        self.steps.push(Step { taken, at: self.points.len() });
        self.points.extend_from_slice(y);
        self.points.extend_from_slice(points);
        match self.bytes() {
            bytes if bytes > problem.max_memory() => Err(ErrorKind::Memory(bytes, problem.max_memory())),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, _problem: &mut Problem, place: Place, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        self.kept.push(Kept { steps: self.steps.len(), place, t });
        self.states.extend_from_slice(y);
        Ok(())
    }
}

/// The way back, step by step.
struct Sweep {
    n: usize,
    linear: Linear,
    outputs: Option<(Part, Part)>,
    /// Adjoints of what the method carries, n numbers each; the state's first.
    lambda: Vec<f64>,
    gradient: Vec<f64>,
    program: Program,
    values: Vec<f64>,
    adjoints: Vec<f64>,
    /// How many instructions have values.
    done: usize,
    own: Vec<f64>,
    mu: Vec<f64>,
}

impl Sweep {
    fn new(system: &dyn System) -> Result<Self, ErrorKind> {
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
            outputs,
            lambda: vec![0.0; n],
            program: Program::default(),
            values: Vec::new(),
            adjoints: Vec::new(),
            done: 0,
            own: vec![0.0; n],
            mu: Vec::new(),
        })
    }

    /// Values of a step's slots, and adjoints of what it carries on.
    fn prepare(&mut self, problem: &mut Problem, step: &Step, points: &[f64]) -> Result<(), ErrorKind> {
        let n = self.n;
        self.program = Program::new(&step.taken);
        let program = &self.program;
        self.values.resize(((program.slots + 1) * n).max(self.values.len()), 0.0);
        let (state, points) = points.split_at(n);
        self.values[..n].copy_from_slice(state);
        for (slot, point) in program.known.iter().zip(points.chunks_exact(n)) {
            self.values[slot * n..(slot + 1) * n].copy_from_slice(point);
        }
        self.adjoints.clear();
        self.adjoints.resize(program.slots * n, 0.0);
        // Behind the last step, and where the method began anew, only the state counts.
        for (slot, lambda) in program.leaves.iter().zip(self.lambda.chunks_exact(n)) {
            add(&mut self.adjoints[slot * n..(slot + 1) * n], 1.0, lambda);
        }
        self.done = 0;
        self.values_to(problem, self.program.main)
    }

    fn values_to(&mut self, problem: &mut Problem, end: usize) -> Result<(), ErrorKind> {
        if self.program.explicit {
            for op in &self.program.ops[self.done..end] {
                value(problem, &mut self.linear, op, self.n, &mut self.values)?;
            }
        }
        self.done = end;
        Ok(())
    }

    /// Values of the slots that serve points inside the step too.
    fn reach_inside(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
        self.values_to(problem, self.program.ops.len().max(self.done))
    }

    /// The weights of a point inside the step.
    fn seed(&mut self, taken: &Taken, time: f64) {
        let n = self.n;
        for (slot, c) in self.program.inside(taken, time) {
            add(&mut self.adjoints[slot * n..(slot + 1) * n], c, &self.own);
        }
    }

    /// Up the list.
    fn back(&mut self, problem: &mut Problem) -> Result<(), ErrorKind> {
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
        let carried = self.program.carried * self.n;
        self.lambda.clear();
        self.lambda.extend_from_slice(&self.adjoints[..carried]);
        Ok(())
    }

    fn adjoint(&mut self, problem: &mut Problem, op: &Op, start: f64) -> Result<(), ErrorKind> {
        let n = self.n;
        let (linear, values, gradient, mu) = (&mut self.linear, &self.values, &mut self.gradient, &mut self.mu);
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
                }
            }
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
        self.linear.evaluate(problem, t, y);
        self.linear.only_algebraic(problem);
        self.linear.factor_transposed(problem, 1.0)?;
        self.linear.solve_transposed(own);
        // Differential rows go to the states, algebraic rows to ∂f/∂p.
        let mut rest = own.to_vec();
        for (rest, algebraic) in rest.iter_mut().zip(&problem.algebraic) {
            if !algebraic {
                *rest = 0.0;
            }
        }
        self.linear.add_gradient(&rest, &mut self.gradient);
        clear_algebraic(problem, own);
        Ok(())
    }
}

/// `out += c x`
fn add(out: &mut [f64], c: f64, x: &[f64]) {
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
