//! Along steps in backward differences.

use std::sync::Arc;

use super::Directions;
use crate::sensitivity::program::Program;
use crate::solve::Taken;
use crate::solve::differences::{MAX_ORDER, change, implicit_part};
use crate::solve::problem::Problem;
use crate::solve::taken::BdfStep;
use crate::system::{CompiledStep, DifferenceFormula, HISTORY};

/// Functions for steps of all orders.
pub struct Differences {
    pub directions: Directions,
    /// By order less 1, when first asked for.
    orders: [Option<Option<Arc<dyn CompiledStep>>>; MAX_ORDER],
    /// The new state, 1/g, and what moves.
    given: Vec<f64>,
    weights: Vec<f64>,
    work: Vec<f64>,
    /// Differences of S on the way from those before to those behind the step.
    between: [Vec<f64>; 2],
    /// S at the end of the last step, before anybody has changed it there.
    end: Vec<f64>,
}

/// What steps of these orders are known by.
const NAMES: [&str; MAX_ORDER] = ["differences1", "differences2", "differences3", "differences4", "differences5"];

impl Differences {
    pub fn new(directions: Directions) -> Self {
        let between = [0, 1].map(|_| vec![0.0; HISTORY * directions.size() + 1]);
        let [given, weights, work, end] = [const { Vec::new() }; 4];
        Differences { directions, orders: Default::default(), given, weights, work, between, end }
    }

    /// The function for an order.
    fn order(&mut self, problem: &Problem, q: usize) -> Option<Arc<dyn CompiledStep>> {
        let Directions { k, moves, .. } = &self.directions;
        let make = || {
            let weights = &implicit_part(q).0[..=q];
            problem.system.difference_tangent(&DifferenceFormula { name: NAMES[q - 1], weights }, (*k, moves))
        };
        let step = self.orders[q - 1].get_or_insert_with(make).clone()?;
        self.work.resize(step.work().max(self.work.len()), 0.0);
        Some(step)
    }

    pub fn step(
        &mut self,
        problem: &Problem,
        (taken, step): (&Taken, &BdfStep),
        points: &[f64],
        carried: &mut Vec<f64>,
    ) -> Option<usize> {
        // At first there are no differences yet.
        if taken.began {
            return None;
        }
        let (q, size) = (step.order, self.directions.size());
        carried.resize(self.between[0].len(), 0.0);
        let p = problem.parameters();
        let mut changed = false;
        for (q, factor) in step.changes.iter() {
            let code = self.order(problem, q)?;
            self.weights.clear();
            change(q, factor)[1..=q].iter().for_each(|row| self.weights.extend_from_slice(&row[..q]));
            let [from, to] = &mut self.between;
            let old = if changed { from } else { &mut *carried };
            code.interpolant(taken.t, &self.weights, p, old, &mut self.work, to);
            self.between.swap(0, 1);
            changed = true;
        }
        let code = self.order(problem, q)?;
        self.given.clear();
        self.given.extend_from_slice(&points[..self.directions.n]);
        self.given.push(implicit_part(q).1 / taken.h);
        self.given.extend_from_slice(&self.directions.amounts);
        let [from, to] = &mut self.between;
        let (old, t) = (if changed { from } else { &mut *carried }, problem.inside(taken.t + taken.h));
        code.attempt(t, &self.given, p, old, &mut self.work, to);
        if to[HISTORY * size] == 0.0 {
            return None;
        }
        std::mem::swap(carried, to);
        self.end.clear();
        self.end.extend_from_slice(&carried[..size]);
        Some((q + 3) * size)
    }

    pub fn end(&self) -> &[f64] {
        &self.given[..self.directions.n]
    }

    /// The new differences.
    pub fn tell(&self, program: &Program, carried: &[f64], slots: &mut [f64]) -> usize {
        let size = self.directions.size();
        for (slot, difference) in program.leaves.iter().zip(carried.chunks_exact(size)) {
            slots[slot * size..(slot + 1) * size].copy_from_slice(difference);
        }
        slots[program.leaves[0] * size..][..size].copy_from_slice(&self.end);
        program.ops.len()
    }
}
