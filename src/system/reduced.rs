//! A system without the states that conserved sums determine: fewer unknowns, the same solution.
//!
//! Where Σ w y stays what it is at the start, one y of the sum follows from the others. The solver sees the states that
//! are kept; the full system's calls get all of them, and the Jacobian gains by the chain rule: for an eliminated y_e,
//! ∂y_e/∂y_k = −w_k/w_e.

use std::sync::OnceLock;

use super::{Events, Names, Shape, System};
use crate::linalg::Pattern;

/// A state and how it follows from states that are kept: `(total − Σ weight·y)/own`.
#[derive(Clone, Debug, PartialEq)]
pub struct Eliminated {
    /// Its place among all states.
    pub state: usize,
    /// Its own weight in the sum; not 0.
    pub own: f64,
    /// Places of kept states among all, and their weights.
    pub others: Vec<(usize, f64)>,
}

impl Eliminated {
    /// Those of whose sums no event sets a state.
    pub fn undisturbed(list: Vec<Eliminated>, events: Option<&Events>) -> Vec<Eliminated> {
        let groups = || events.into_iter().flat_map(|events| &events.groups);
        let is_set = |k: usize| groups().flat_map(|g| &g.assignments).any(|a| a.state && a.places.contains(&k));
        list.into_iter().filter(|e| !is_set(e.state) && !e.others.iter().any(|(k, _)| is_set(*k))).collect()
    }
}

/// A system on the states that are kept, for one start.
pub struct Reduced<'a> {
    full: &'a dyn System,
    shape: Shape,
    kept: Vec<usize>,
    eliminated: Vec<(Eliminated, f64)>,
    /// The full system's, with the places of states among those that are kept.
    events: Option<Events>,
    jacobian: OnceLock<Chain>,
}

/// How the reduced Jacobian is made from the full one.
struct Chain {
    pattern: Pattern,
    /// Place in the full values, place in the reduced values, factor.
    terms: Vec<(usize, usize, f64)>,
}

impl<'a> Reduced<'a> {
    /// Without the eliminated states; their sums keep the values they have in `y0` (all states). No event sets a state of
    /// such a sum ([`Eliminated::undisturbed`]).
    pub fn new(full: &'a dyn System, eliminated: Vec<Eliminated>, y0: &[f64]) -> Self {
        let of_full = full.shape();
        let n = of_full.dim();
        let kept: Vec<usize> = (0..n).filter(|k| eliminated.iter().all(|e| e.state != *k)).collect();
        let is_algebraic = |at: &usize| of_full.algebraic.contains(&kept[*at]);
        let shape = Shape {
            algebraic: (0..kept.len()).filter(is_algebraic).collect(),
            states: Names::scalars(kept.iter().map(|k| of_full.states.get(*k))),
            // All states, all slopes, and the values of the full Jacobian.
            work: of_full.work + 2 * n + full.jacobian_entries(),
            ..of_full.clone()
        };
        let events = full.events().cloned().map(|mut events| {
            let assignments = events.groups.iter_mut().flat_map(|group| &mut group.assignments);
            for place in assignments.filter(|a| a.state).flat_map(|a| &mut a.places) {
                *place = kept.partition_point(|k| *k < *place);
            }
            events
        });
        let total = |e: &Eliminated| e.own * y0[e.state] + e.others.iter().map(|(k, w)| w * y0[*k]).sum::<f64>();
        let eliminated = eliminated.into_iter().map(|e| (total(&e), e)).map(|(total, e)| (e, total)).collect();
        Reduced { full, shape, kept, eliminated, events, jacobian: OnceLock::new() }
    }

    /// The kept ones of all states (or of anything that has one entry per state).
    pub fn keep(&self, all: &[f64]) -> Vec<f64> {
        self.kept.iter().map(|k| all[*k]).collect()
    }

    /// How many states are left out.
    pub fn eliminated(&self) -> usize {
        self.eliminated.len()
    }

    /// All states from those that are kept.
    pub fn expand(&self, z: &[f64], y: &mut [f64]) {
        for (k, z) in self.kept.iter().zip(z) {
            y[*k] = *z;
        }
        for (e, total) in &self.eliminated {
            let others: f64 = e.others.iter().map(|(k, w)| w * y[*k]).sum();
            y[e.state] = (total - others) / e.own;
        }
    }

    fn chain(&self) -> &Chain {
        self.jacobian.get_or_init(|| {
            let pattern = self.full.jacobian_pattern();
            let n = self.full.shape().dim();
            let mut place = vec![None; n];
            self.kept.iter().enumerate().for_each(|(at, k)| place[*k] = Some(at));
            let mut follows: Vec<&[(usize, f64)]> = vec![&[]; n];
            let mut own = vec![1.0; n];
            for (e, _) in &self.eliminated {
                (follows[e.state], own[e.state]) = (&e.others, e.own);
            }
            let (mut pairs, mut sources) = (Vec::new(), Vec::new());
            for j in 0..n {
                for source in pattern.column(j) {
                    let Some(row) = place[pattern.rows()[source]] else { continue };
                    if let Some(column) = place[j] {
                        pairs.push((row, column));
                        sources.push((source, 1.0));
                    }
                    for (k, w) in follows[j] {
                        if let Some(column) = place[*k] {
                            pairs.push((row, column));
                            sources.push((source, -w / own[j]));
                        }
                    }
                }
            }
            let (pattern, places) = Pattern::from_pairs(self.kept.len(), self.kept.len(), &pairs);
            let pattern = pattern.with_algebraic(&self.shape.algebraic);
            let terms = sources.into_iter().zip(places).map(|((source, factor), at)| (source, at, factor)).collect();
            Chain { pattern, terms }
        })
    }

    /// All states in the first part of `w`, room for as many slopes, and the rest.
    fn split<'w>(&self, z: &[f64], w: &'w mut [f64]) -> (&'w [f64], &'w mut [f64], &'w mut [f64]) {
        let n = self.full.shape().dim();
        let (y, rest) = w.split_at_mut(n);
        self.expand(z, y);
        let (slopes, rest) = rest.split_at_mut(n);
        (y, slopes, rest)
    }

    fn gather(&self, all: &[f64], out: &mut [f64]) {
        for (out, k) in out.iter_mut().zip(&self.kept) {
            *out = all[*k];
        }
    }
}

impl System for Reduced<'_> {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn jacobian_pattern(&self) -> &Pattern {
        &self.chain().pattern
    }

    fn rhs(&self, t: f64, z: &[f64], p: &[f64], w: &mut [f64], dz: &mut [f64]) {
        let (y, dy, w) = self.split(z, w);
        self.full.rhs(t, y, p, w, dy);
        self.gather(dy, dz);
    }

    fn jacobian(&self, t: f64, z: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]) {
        let (y, _, w) = self.split(z, w);
        let (full, w) = w.split_at_mut(self.full.jacobian_pattern().nnz());
        self.full.jacobian(t, y, p, w, full);
        values.fill(0.0);
        for (source, at, factor) in &self.chain().terms {
            values[*at] += factor * full[*source];
        }
    }

    fn time_derivative(&self, t: f64, z: &[f64], p: &[f64], w: &mut [f64], ft: &mut [f64]) {
        let (y, slopes, w) = self.split(z, w);
        self.full.time_derivative(t, y, p, w, slopes);
        self.gather(slopes, ft);
    }

    fn events(&self) -> Option<&Events> {
        self.events.as_ref()
    }

    fn surfaces(&self, t: f64, z: &[f64], p: &[f64], w: &mut [f64], g: &mut [f64]) {
        let (y, _, w) = self.split(z, w);
        self.full.surfaces(t, y, p, w, g);
    }

    fn resets(&self, t: f64, z: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]) {
        let (y, _, w) = self.split(z, w);
        self.full.resets(t, y, p, w, values);
    }

    fn schedule(&self, t: f64, p: &[f64], w: &mut [f64], times: &mut [f64]) {
        self.full.schedule(t, p, w, times);
    }

    fn outputs(&self, t: f64, z: &[f64], p: &[f64], w: &mut [f64], out: &mut [f64]) {
        let (y, _, w) = self.split(z, w);
        self.full.outputs(t, y, p, w, out);
    }
}
