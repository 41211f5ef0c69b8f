//! A step as a list of vector instructions. Whatever the method, its step is made of a few: a sum of vectors with fixed
//! weights (of its own for positions and velocities, where a method tells them apart), f at a point, a linear solve with W,
//! an equation with f in it whose solution is known, and the Taylor series at a point; where there are constraints, the
//! projection onto them follows. So derivatives of
//! steps are written once for all methods: forward they run down the list, backward up.
//!
//! Vectors are slots of n numbers, each written once. What a method carries from step to step (the state, differences, a
//! slope) stands in the first slots.

use crate::solve::collocation::{self, Radau};
use crate::solve::differences::{self, MAX_ORDER};
use crate::solve::esdirk::{self, Esdirk};
use crate::solve::low_storage::LowStorage;
use crate::solve::methods::adams::{self, AdamsStep};
use crate::solve::methods::rkc::{Recurrence, Stage};
use crate::solve::rosenbrock::Rosenbrock;
use crate::solve::tableau::{Dense, Explicit};
use crate::solve::taken::{BdfStep, Formula, Taken};

mod pairs;

pub use pairs::{pull_pairs, weigh_pairs};

/// Weighted slots.
pub type Terms = Vec<(usize, f64)>;

/// An instruction.
#[derive(Clone, Debug)]
pub enum Op {
    /// `out = Σ c x`
    Sum { out: usize, terms: Terms },
    /// `out = h f(t, x_at)` but for algebraic rows, which are 0.
    Slope { out: usize, at: usize, t: f64, h: f64 },
    /// W = 1/(γh) M − J(t, x_at) for the Rosenbrock stages that follow.
    Factor { at: usize, t: f64, shift: f64 },
    /// `W u = f(t, x_at) + M Σ c u / h + d ∂f/∂t(t0, x_from)`, with W of the instruction [`Op::Factor`] at x_from.
    Stage { out: usize, at: usize, t: f64, terms: Terms, h: f64, d: f64 },
    /// `M (out − base) = g f(t, out)`
    Implicit { out: usize, base: usize, t: f64, g: f64 },
    /// `M Σ_j a_ij (x_j − base) = f(t_i, x_i)` for all slots x_i from `first` on; a is s × s by rows.
    Coupled { first: usize, base: usize, t: Vec<f64>, a: Vec<f64> },
    /// `out = Σ C x`, C being 2 × 2 by rows for a position and its velocity.
    Pairs { out: usize, terms: Vec<(usize, [f64; 4])> },
    /// The Taylor coefficients of orders 1 to `order` at (t, x_0), in the slots behind 0.
    Series { t: f64, order: usize },
    /// `out` is x_at moved onto the constraints.
    Project { out: usize, at: usize, t: f64 },
}

/// A step.
#[derive(Clone, Default)]
pub struct Program {
    /// Slots the method carries into the step: the state first.
    pub carried: usize,
    /// Number of slots.
    pub slots: usize,
    /// The instructions.
    pub ops: Vec<Op>,
    /// How many of them the new state needs; the others serve points inside the step.
    pub main: usize,
    /// What the method carries out of the step: the new state first.
    pub leaves: Vec<usize>,
    /// Slots whose values are known from the run itself, in the order of its points.
    pub known: Vec<usize>,
    /// Slots whose values may be known: those of the stages of explicit and Rosenbrock methods, ascending.
    pub stages: Vec<usize>,
    /// Whether slots that are not known have to be calculated before derivatives can be.
    pub explicit: bool,
    /// Whether steps end on constraints.
    pub constrained: bool,
    dense: Interpolant,
    /// The slots that the interpolant reads, of methods whose lists differ from step to step.
    read: Vec<usize>,
    /// Lists of instructions of earlier steps, for the room they have.
    spare: Spare,
}

/// Lists that are empty.
#[derive(Clone, Default)]
struct Spare {
    terms: Vec<Terms>,
    pairs: Vec<Vec<(usize, [f64; 4])>>,
    numbers: Vec<Vec<f64>>,
}

impl Spare {
    fn take(&mut self, op: Op) {
        fn emptied<T>(mut list: Vec<T>) -> Vec<T> {
            list.clear();
            list
        }
        match op {
            Op::Sum { terms, .. } | Op::Stage { terms, .. } => self.terms.push(emptied(terms)),
            Op::Pairs { terms, .. } => self.pairs.push(emptied(terms)),
            Op::Coupled { t, a, .. } => self.numbers.extend([emptied(t), emptied(a)]),
            _ => {}
        }
    }
}

/// The solution inside the step.
#[derive(Clone, Default)]
enum Interpolant {
    #[default]
    None,
    /// H&N&W II.6.7 by the slots of both ends and of their slopes times h.
    Hermite([usize; 4], Option<&'static LowStorage>),
    /// Of an explicit method: the slots of z = h k.
    Explicit(&'static Explicit),
    Rosenbrock(&'static Rosenbrock),
    Esdirk(&'static Esdirk),
    Radau(&'static Radau),
    Bdf(usize),
    Adams(Box<AdamsStep>),
    /// A polynomial in the time since the step began, in units of this length.
    Powers(f64),
}

impl Program {
    /// None yet, of steps that may end on constraints.
    pub fn new(constrained: bool) -> Self {
        Program { constrained, ..Program::default() }
    }

    fn slot(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    fn sum(&mut self, terms: impl IntoIterator<Item = (usize, f64)>) -> usize {
        let out = self.slot();
        let terms = self.terms(terms);
        self.ops.push(Op::Sum { out, terms });
        out
    }

    fn terms(&mut self, terms: impl IntoIterator<Item = (usize, f64)>) -> Terms {
        let mut list = self.spare.terms.pop().unwrap_or_default();
        list.extend(terms.into_iter().filter(|(_, c)| *c != 0.0));
        list
    }

    fn slope(&mut self, at: usize, t: f64, h: f64) -> usize {
        let out = self.slot();
        self.ops.push(Op::Slope { out, at, t, h });
        out
    }

    fn implicit(&mut self, base: usize, t: f64, g: f64) -> usize {
        let out = self.slot();
        self.ops.push(Op::Implicit { out, base, t, g });
        self.known.push(out);
        out
    }

    /// What points inside the step are made of.
    pub fn without_instructions(&self) -> Program {
        let (leaves, read, dense) = (self.leaves.clone(), self.read.clone(), self.dense.clone());
        Program { leaves, slots: self.slots, read, dense, ..Program::default() }
    }

    /// Becomes the list of another step. The room of the one before is used again.
    pub fn of(&mut self, taken: &Taken) {
        if self.renew(taken) {
            return;
        }
        self.ops.drain(..).for_each(|op| self.spare.take(op));
        [&mut self.known, &mut self.stages, &mut self.leaves, &mut self.read].into_iter().for_each(Vec::clear);
        self.explicit = false;
        let (t, h) = (taken.t, taken.h);
        match &taken.formula {
            Formula::Explicit(method) => self.explicit(method, t, h),
            Formula::Rosenbrock(method) => self.rosenbrock(method, t, h),
            Formula::Esdirk(method) => self.esdirk(method, t, h, taken.began),
            Formula::Radau(method) => self.radau(method, t, h),
            Formula::Bdf(step) => self.bdf(step, t, h, taken.began),
            Formula::Adams(step) => self.adams(step, t, h, taken.began),
            Formula::LowStorage(method) => self.low_storage(method, t, h),
            Formula::Rkc(stages) => self.rkc(*stages, t, h),
            Formula::Symplectic(method) => self.symplectic(method, t, h),
            Formula::Nystrom => self.nystrom(t, h),
            Formula::Taylor(order) => self.taylor(*order, t, h),
        }
        if self.constrained {
            self.project(t + h);
        }
    }

    /// The new state moves onto the constraints, and with it the end of interpolants that begin from there.
    fn project(&mut self, t: f64) {
        let (at, out) = (self.leaves[0], self.slot());
        self.ops.insert(self.main, Op::Project { out, at, t });
        self.main += 1;
        self.leaves[0] = out;
        if let Interpolant::Bdf(_) = &self.dense {
            self.read[0] = out;
        }
    }

    /// Changes time and length only; false where the list depends on more than those.
    fn renew(&mut self, taken: &Taken) -> bool {
        let (t, h) = (taken.t, taken.h);
        let (same, c): (bool, &[f64]) = match (&self.dense, &taken.formula) {
            (Interpolant::Explicit(known), Formula::Explicit(method)) => (std::ptr::eq(*known, *method), method.c),
            (Interpolant::Rosenbrock(known), Formula::Rosenbrock(method)) => (std::ptr::eq(*known, *method), method.c),
            (Interpolant::Hermite(_, Some(known)), Formula::LowStorage(method)) => {
                (std::ptr::eq(*known, *method), method.c)
            }
            _ => return false,
        };
        let mut stages = 0..;
        for op in self.ops.iter_mut().filter(|_| same) {
            match (op, &taken.formula) {
                (Op::Slope { t: at, h: factor, .. }, _) => {
                    if let Some(i) = stages.next() {
                        // Behind the stages comes the slope at the new point.
                        (*at, *factor) = (t + c.get(i).unwrap_or(&1.0) * h, h);
                    }
                }
                (Op::Factor { t: at, shift, .. }, Formula::Rosenbrock(method)) => {
                    (*at, *shift) = (t, 1.0 / (method.gamma * h));
                }
                (Op::Stage { t: at, h: length, d, .. }, Formula::Rosenbrock(method)) => {
                    if let Some(i) = stages.next() {
                        (*at, *length, *d) = (t + c[i] * h, h, h * method.d[i]);
                    }
                }
                (Op::Project { t: at, .. }, _) => *at = t + h,
                _ => {}
            }
        }
        same
    }

    /// The state, and further slots behind it unless the method has just started.
    fn carry(&mut self, further: usize, began: bool) {
        self.carried = if began { 1 } else { 1 + further };
        self.slots = self.carried;
    }

    /// Slots of z_i are 1 + 2i, of the arguments x_i behind them.
    fn explicit(&mut self, method: &'static Explicit, t: f64, h: f64) {
        self.carry(0, false);
        self.explicit = true;
        let mut at = 0;
        for (i, row) in method.a.iter().enumerate() {
            if i > 0 {
                let terms = row.iter().enumerate().map(|(j, a)| (1 + 2 * j, *a));
                at = self.sum(std::iter::once((0, 1.0)).chain(terms));
            }
            if i + 1 == method.stages {
                self.leaves.push(at);
            }
            self.slope(at, t + method.c[i] * h, h);
            if i + 1 == method.stages {
                // The slope at the new point belongs to the next step; here it serves the interpolant.
                self.main = self.ops.len() - 1;
            }
        }
        self.stages.extend((1..method.stages).map(|i| 2 * i - 1));
        self.dense = Interpolant::Explicit(method);
    }

    /// Slots of u_i are 1 + 2i, of the arguments x_i before them.
    fn rosenbrock(&mut self, method: &'static Rosenbrock, t: f64, h: f64) {
        self.carry(0, false);
        self.explicit = true;
        self.ops.push(Op::Factor { at: 0, t, shift: 1.0 / (method.gamma * h) });
        let u = |i: usize| 1 + 2 * i;
        let mut at = 0;
        for i in 0..method.c.len() {
            if i > 0 {
                let terms = method.a[i].iter().enumerate().map(|(j, a)| (u(j), *a));
                at = self.sum(std::iter::once((0, 1.0)).chain(terms));
            }
            let terms = self.terms(method.cc[i].iter().enumerate().map(|(j, c)| (u(j), *c)));
            let out = self.slot();
            self.ops.push(Op::Stage { out, at, t: t + method.c[i] * h, terms, h, d: h * method.d[i] });
        }
        let terms = method.m.iter().enumerate().map(|(i, m)| (u(i), *m));
        let end = self.sum(std::iter::once((0, 1.0)).chain(terms));
        self.leaves.push(end);
        self.main = self.ops.len();
        self.stages.extend((0..method.c.len()).map(u));
        self.dense = Interpolant::Rosenbrock(method);
    }

    /// z_i = h k_i; the first stage's slope is carried.
    fn esdirk(&mut self, method: &'static Esdirk, t: f64, h: f64, began: bool) {
        self.carry(1, began);
        let first = if began { self.slope(0, t, 1.0) } else { 1 };
        let mut z = std::mem::take(&mut self.read);
        z.push(self.sum([(first, h)]));
        let mut at = 0;
        for i in 1..method.c.len() {
            let terms = method.a[i].iter().zip(&z).map(|(a, z)| (*z, *a));
            let base = self.sum(std::iter::once((0, 1.0)).chain(terms));
            at = self.implicit(base, t + method.c[i] * h, method.gamma * h);
            z.push(self.sum([(at, 1.0 / method.gamma), (base, -1.0 / method.gamma)]));
        }
        let slope = self.sum([(z[z.len() - 1], 1.0 / h)]);
        self.leaves.extend([at, slope]);
        self.main = self.ops.len();
        self.read = z;
        self.dense = Interpolant::Esdirk(method);
    }

    fn radau(&mut self, method: &'static Radau, t: f64, h: f64) {
        self.carry(0, false);
        let s = method.stages();
        self.slots += s;
        self.known.extend(1..=s);
        let [mut times, mut a] = [(); 2].map(|()| self.spare.numbers.pop().unwrap_or_default());
        a.extend(method.inverse_matrix().map(|a| a / h));
        times.extend(method.c.iter().map(|c| t + c * h));
        self.ops.push(Op::Coupled { first: 1, base: 0, t: times, a });
        self.leaves.push(s);
        self.main = self.ops.len();
        self.dense = Interpolant::Radau(method);
    }

    /// ∇^k y stands in slot k at first.
    fn bdf(&mut self, step: &BdfStep, t: f64, h: f64, began: bool) {
        self.carry(MAX_ORDER + 2, began);
        let mut table = [0; MAX_ORDER + 3];
        table.iter_mut().enumerate().for_each(|(k, slot)| *slot = k);
        if began {
            table[1] = self.slope(0, t, step.first);
            let zero = self.sum([]);
            table[2..].fill(zero);
        }
        for (q, factor) in step.changes.iter() {
            let weights = differences::change(q, factor);
            let old = table;
            for i in 1..=q {
                table[i] = self.sum((0..q).map(|l| (old[l + 1], weights[i][l])));
            }
        }
        let q = step.order;
        let (weights, alpha) = differences::implicit_part(q);
        let base = self.sum((0..=q).map(|k| (table[k], weights[k])));
        let point = self.implicit(base, t + h, h / alpha);
        let d = self.sum(std::iter::once((point, 1.0)).chain((0..=q).map(|k| (table[k], -1.0))));
        table[q + 2] = self.sum([(d, 1.0), (table[q + 1], -1.0)]);
        table[q + 1] = d;
        for k in (1..=q).rev() {
            table[k] = self.sum([(table[k], 1.0), (table[k + 1], 1.0)]);
        }
        table[0] = point;
        self.main = self.ops.len();
        self.leaves.extend_from_slice(&table);
        self.read.extend_from_slice(&table);
        self.dense = Interpolant::Bdf(q);
    }

    /// φ_i stands in slot i at first.
    fn adams(&mut self, step: &AdamsStep, t: f64, h: f64, began: bool) {
        let most = adams::ROOM - 1;
        self.carry(most, began);
        let mut phi = std::mem::take(&mut self.read);
        phi.extend(0..self.carried);
        if began {
            phi.push(self.slope(0, t, 1.0));
            let zero = self.sum([]);
            phi.resize(most + 1, zero);
        }
        let k = step.k;
        for i in step.equal + 1..=k {
            phi[i] = self.sum([(phi[i], step.beta[i])]);
        }
        let before = phi[k + 1];
        let terms = (1..=k).map(|i| (phi[i], h * step.g[i]));
        let prediction = self.sum(std::iter::once((0, 1.0)).chain(terms));
        // φ_k as if f were its prediction: φ_{k+1} is 0.
        for i in (1..k).rev() {
            phi[i] = self.sum([(phi[i], 1.0), (phi[i + 1], 1.0)]);
        }
        let f = self.slope(prediction, t + h, 1.0);
        let factor = h * step.g[k + 1];
        let end = self.sum([(prediction, 1.0), (f, factor), (phi[1], -factor)]);
        let f = self.slope(end, t + h, 1.0);
        let difference = self.sum([(f, 1.0), (phi[1], -1.0)]);
        phi[k + 1] = difference;
        phi[k + 2] = self.sum([(difference, 1.0), (before, -1.0)]);
        for i in 1..=k {
            phi[i] = self.sum([(phi[i], 1.0), (difference, 1.0)]);
        }
        phi[0] = end;
        self.known.extend([prediction, end]);
        self.main = self.ops.len();
        self.leaves.extend_from_slice(&phi);
        self.read = phi;
        self.dense = Interpolant::Adams(Box::new(step.clone()));
    }

    fn low_storage(&mut self, method: &'static LowStorage, t: f64, h: f64) {
        self.carry(0, false);
        self.explicit = true;
        let rows = method.expanded();
        let mut z = Vec::new();
        let mut at = 0;
        for (i, row) in rows.iter().enumerate() {
            if i > 0 {
                let terms = z.iter().zip(row).map(|(z, a)| (*z, *a));
                at = self.sum(std::iter::once((0, 1.0)).chain(terms));
            }
            if i + 1 < rows.len() {
                z.push(self.slope(at, t + method.c[i] * h, h));
            }
        }
        self.hermite(at, z[0], (t, h), Some(method));
    }

    fn rkc(&mut self, stages: usize, t: f64, h: f64) {
        self.carry(0, false);
        self.explicit = true;
        let recurrence = Recurrence::new(stages);
        let z0 = self.slope(0, t, h);
        let (mut before, mut last) = (0, self.sum([(0, 1.0), (z0, recurrence.first)]));
        let mut time = t + recurrence.first * h;
        for Stage { mu, nu, slope, gamma, c } in recurrence {
            let z = self.slope(last, time, h);
            let terms = [(last, mu), (before, nu), (0, 1.0 - mu - nu), (z, slope), (z0, gamma)];
            let (merged, len) = merged(terms);
            (before, last, time) = (last, self.sum(merged.into_iter().take(len)), t + c * h);
        }
        self.hermite(last, z0, (t, h), None);
    }

    fn taylor(&mut self, order: usize, t: f64, h: f64) {
        self.carry(0, false);
        self.explicit = true;
        self.ops.push(Op::Series { t, order });
        self.slots += order;
        let end = self.sum((0..=order).zip(powers(h)));
        self.leaves.push(end);
        self.main = self.ops.len();
        self.read.extend(0..=order);
        self.dense = Interpolant::Powers(1.0);
    }

    fn hermite(&mut self, end: usize, z0: usize, (t, h): (f64, f64), method: Option<&'static LowStorage>) {
        self.leaves.push(end);
        self.main = self.ops.len();
        let z1 = self.slope(end, t + h, h);
        self.dense = Interpolant::Hermite([0, end, z0, z1], method);
    }

    /// The solution at the time `t_at` inside the step as weighted slots, into `terms`.
    pub fn inside(&self, taken: &Taken, t_at: f64, terms: &mut Terms) {
        let theta = (t_at - taken.t) / taken.h;
        let rest = 1.0 - theta;
        terms.clear();
        match &self.dense {
            Interpolant::None => {}
            Interpolant::Hermite([y0, y1, z0, z1], _) => {
                let outer = theta * (theta - 1.0);
                let inner = outer * (1.0 - 2.0 * theta);
                terms.extend([
                    (*y0, rest - inner),
                    (*y1, theta + inner),
                    (*z0, outer * (theta - 1.0)),
                    (*z1, outer * theta),
                ]);
            }
            Interpolant::Explicit(method) => self.explicit_inside(method, theta, terms),
            Interpolant::Rosenbrock(method) => {
                terms.extend([(0, rest), (self.leaves[0], theta)]);
                for i in 0..method.c.len() {
                    let inner = method.dense.iter().rev().fold(0.0, |sum, row| row[i] + theta * sum);
                    terms.push((1 + 2 * i, theta * rest * inner));
                }
            }
            Interpolant::Esdirk(method) => {
                let mut weights = [0.0; esdirk::MOST_STAGES];
                method.dense_weights(theta, &mut weights);
                terms.push((0, 1.0));
                terms.extend(self.read.iter().copied().zip(weights));
            }
            Interpolant::Radau(method) => {
                let mut weights = [0.0; collocation::MOST];
                let weights = &mut weights[..method.stages()];
                method.dense_weights(theta, weights);
                terms.push((0, 1.0 - weights.iter().sum::<f64>()));
                terms.extend(weights.iter().enumerate().map(|(i, w)| (1 + i, *w)));
            }
            Interpolant::Bdf(order) => {
                let table = &self.read;
                terms.push((table[0], 1.0));
                let mut product = 1.0;
                for k in 0..*order {
                    product *= (theta - 1.0 + k as f64) / (k + 1) as f64;
                    terms.push((table[k + 1], product));
                }
            }
            Interpolant::Adams(step) => {
                let (hi, phi) = (t_at - (taken.t + taken.h), &self.read);
                let last = step.k + 1;
                let weights = adams::dense_weights(hi, last, &step.psi);
                terms.push((phi[0], 1.0));
                terms.extend((1..=last).map(|i| (phi[i], hi * weights[i])));
            }
            Interpolant::Powers(length) => {
                terms.extend(self.read.iter().copied().zip(powers((t_at - taken.t) / length)));
            }
        }
    }

    fn explicit_inside(&self, method: &Explicit, theta: f64, terms: &mut Terms) {
        let z = |i: usize| 1 + 2 * i;
        match method.dense {
            Dense::Weights(weights) => {
                terms.push((0, 1.0));
                let weights = weights(theta);
                terms.extend(weights.iter().enumerate().take(method.stages).map(|(i, b)| (z(i), *b)));
            }
            Dense::Polynomials(rows) => {
                terms.push((0, 1.0));
                let weight = |row: &[f64]| theta * row.iter().rev().fold(0.0, |sum, c| sum * theta + c);
                let rows = rows.iter().enumerate().filter(|(_, row)| !row.is_empty());
                terms.extend(rows.map(|(i, row)| (z(i), weight(row))));
            }
            Dense::Rows(rows) => {
                let rest = 1.0 - theta;
                // y0 + θ (f0 + (1 − θ) (f1 + θ (f2 + (1 − θ) …)))
                let (a, b, c) = (theta, theta * rest, theta * theta * rest);
                let d = c * rest;
                terms.extend([(0, 1.0 - a + b - 2.0 * c), (self.leaves[0], a - b + 2.0 * c)]);
                terms.extend([(z(0), b - c), (z(method.stages - 1), -c)]);
                let factors = [d, d * theta, d * theta * rest, d * theta * rest * theta];
                for i in 0..method.a.len() {
                    let weight = rows.iter().zip(factors).map(|(row, factor)| row[i] * factor).sum();
                    terms.push((z(i), weight));
                }
            }
        }
    }
}

/// 1, x, x², …
fn powers(x: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(1.0), move |power| Some(power * x))
}

/// Terms with each slot once, and how many those are.
fn merged(terms: [(usize, f64); 5]) -> ([(usize, f64); 5], usize) {
    let (mut merged, mut len) = ([(0, 0.0); 5], 0);
    for (slot, c) in terms {
        match merged[..len].iter_mut().find(|(known, _)| *known == slot) {
            Some((_, sum)) => *sum += c,
            None => {
                merged[len] = (slot, c);
                len += 1;
            }
        }
    }
    (merged, len)
}
