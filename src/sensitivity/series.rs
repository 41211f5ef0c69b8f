//! The linearised Taylor series of a solution: what coefficients change by when the point they are taken at, or parameters, do.
//!
//! With J(s) = Σ J_j s^j and F(s) likewise, the series of ∂f/∂y and ∂f/∂p along the solution, the coefficients' changes obey
//! k ċ_k = Σ_j J_j ċ_{k−1−j} + F_{k−1} q, which is (H&N&W I.8) for the variational equations (I.14): exact for any order, so
//! that a step of that order has exactly this derivative. The way back goes down from the last coefficient.

use std::sync::Arc;

use super::linear::Changes;
use crate::linalg::Pattern;
use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::system::TaylorDerivatives;

/// The series at a point.
pub struct Series {
    of: Arc<dyn TaylorDerivatives>,
    n: usize,
    order: usize,
    states: Values,
    parameters: Values,
    work: Vec<f64>,
}

/// The coefficients of a matrix.
struct Values {
    /// Those of each order, in the order of the pattern.
    all: Vec<f64>,
    /// (row, column, how many orders there are before only zeros follow) by place.
    entries: Vec<(usize, usize, usize)>,
}

impl Values {
    fn new(pattern: &Pattern, order: usize) -> Self {
        let column = |j: usize| pattern.column(j).map(move |place| (pattern.rows()[place], j, 0));
        Values { all: vec![0.0; order * pattern.nnz()], entries: (0..pattern.ncols()).flat_map(column).collect() }
    }

    /// What does not change along the solution has few coefficients.
    fn measure(&mut self) {
        let nnz = self.entries.len();
        for (place, (.., length)) in self.entries.iter_mut().enumerate() {
            let order = self.all.len() / nnz;
            *length = (0..order).rev().find(|j| self.all[j * nnz + place] != 0.0).map_or(0, |j| j + 1);
        }
    }

    /// For j below `count`: j, row, column and coefficient of each entry that is not 0.
    fn each(&self, count: usize, mut call: impl FnMut(usize, usize, usize, f64)) {
        let nnz = self.entries.len();
        for (place, (row, column, length)) in self.entries.iter().enumerate() {
            for j in 0..count.min(*length) {
                call(j, *row, *column, self.all[j * nnz + place]);
            }
        }
    }

    /// The same of one order.
    fn of_order(&self, j: usize, mut call: impl FnMut(usize, usize, f64)) {
        let nnz = self.entries.len();
        let entries = self.entries.iter().zip(&self.all[j * nnz..(j + 1) * nnz]);
        entries.filter(|((.., length), _)| j < *length).for_each(|((row, column, _), c)| call(*row, *column, *c));
    }
}

impl Series {
    /// Of an order.
    ///
    /// # Errors
    /// If the system has none.
    pub fn new(problem: &Problem, order: usize) -> Result<Self, ErrorKind> {
        let of = problem.system.taylor_derivatives(order).map_err(ErrorKind::Options)?;
        Ok(Series {
            n: problem.dim(),
            order,
            states: Values::new(of.states(), order),
            parameters: Values::new(of.parameters(), order),
            work: vec![0.0; of.work()],
            of,
        })
    }

    /// The order it is of.
    pub fn order(&self) -> usize {
        self.order
    }

    /// Takes it at a point; `coefficients` become those of orders 1 to N, n numbers each.
    pub fn evaluate(&mut self, problem: &Problem, t: f64, y: &[f64], coefficients: &mut [f64]) {
        let (t, p) = (problem.inside(t), problem.parameters());
        let values = [coefficients, &mut self.states.all, &mut self.parameters.all];
        self.of.values(t, y, p, &mut self.work, values);
        self.states.measure();
        self.parameters.measure();
    }

    /// Changes of c_1 … c_N behind those of c_0, for k directions side by side.
    pub fn push(&self, q: &Changes, k: usize, changes: &mut [f64]) {
        let size = self.n * k;
        for order in 1..=self.order {
            let (before, rest) = changes.split_at_mut(order * size);
            let out = &mut rest[..size];
            out.fill(0.0);
            self.states.each(order, |j, row, column, c| {
                let from = &before[(order - 1 - j) * size + column * k..][..k];
                out[row * k..(row + 1) * k].iter_mut().zip(from).for_each(|(out, x)| *out += c * x);
            });
            // A parameter's coefficients are those of its column.
            self.parameters
                .of_order(order - 1, |row, column, c| q.each(column, |l, change| out[row * k + l] += c * change));
            let share = 1.0 / order as f64;
            out.iter_mut().for_each(|x| *x *= share);
        }
    }

    /// Its transpose: of adjoints of c_0 … c_N, c_0's is added to, and the gradient.
    pub fn pull(&self, adjoints: &mut [f64], gradient: &mut [f64]) {
        let n = self.n;
        for order in (1..=self.order).rev() {
            let (before, rest) = adjoints.split_at_mut(order * n);
            let share = 1.0 / order as f64;
            let own = &mut rest[..n];
            own.iter_mut().for_each(|x| *x *= share);
            if own.iter().all(|x| *x == 0.0) {
                continue;
            }
            self.states.each(order, |j, row, column, c| before[(order - 1 - j) * n + column] += c * own[row]);
            self.parameters.of_order(order - 1, |row, column, c| gradient[column] += c * own[row]);
        }
    }
}
