//! Values that satisfy the algebraic equations: at the start, and on the constraints that differentiation of
//! higher-index equations leaves behind, after every step.
//!
//! At the start the algebraic unknowns are solved for, the others held. Hidden constraints G(t, y) = 0 are kept by
//! projection, the smallest change of y in the norm of the error test (E. Eich, SIAM J. Numer. Anal. 30 (1993) 1467;
//! H&W VII.2): it moves the solution by no more than the error just made, so that the method's order stays, and unlike a
//! choice of dummy derivatives it never has to be made anew along the way.
//!
//! Behind an event the states that it has set stay, and those whose constraints still hold, as far as the others can make
//! up for it: of a pendulum whose horizontal velocity is set, the vertical one follows and the place remains.

use super::ErrorKind;
use super::problem::Problem;
use crate::linalg::{DenseLu, Pattern, Shifted};
use crate::system::Constraints;
use crate::system::constants::{ENOUGH, HELD, ITERATIONS, KEPT, LEAST_DAMPING, PROJECTIONS, ROUNDED, SET};
use std::sync::Arc;

/// Newton's iteration for the algebraic unknowns, with its memory.
pub struct Algebraic {
    w: Shifted,
    values: Vec<f64>,
    f: Vec<f64>,
    trial: Vec<f64>,
    step: Vec<f64>,
    next: Vec<f64>,
}

impl Algebraic {
    /// For a system with algebraic equations; none for the others.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] if W does not fit.
    pub fn new(problem: &Problem) -> Result<Option<Self>, ErrorKind> {
        if problem.algebraic.is_empty() {
            return Ok(None);
        }
        let zeros = || vec![0.0; problem.dim()];
        Ok(Some(Algebraic {
            w: problem.shifted()?,
            values: vec![0.0; problem.system.jacobian_pattern().nnz()],
            f: zeros(),
            trial: zeros(),
            step: zeros(),
            next: zeros(),
        }))
    }

    /// Whether nothing is left of what it has solved before.
    pub fn is_as_made(&self) -> bool {
        self.w.is_as_made()
    }

    /// Solves the algebraic equations for their unknowns, the others held.
    ///
    /// # Errors
    /// [`ErrorKind::Inconsistent`] where no solution is found near the given values, which y then still holds.
    pub fn solve(&mut self, problem: &mut Problem, t: f64, y: &mut [f64]) -> Result<(), ErrorKind> {
        self.trial.copy_from_slice(y);
        problem.rhs(t, y, &mut self.f);
        let mut damping: f64 = 0.5;
        for _ in 0..ITERATIONS {
            // `trial` is the point at hand, `step` its Newton correction.
            problem.jacobian(t, &self.trial, &mut self.values);
            if !self.w.factor(HELD, &self.values) {
                return Err(unsolved(problem, &self.f, true));
            }
            correction(problem, &mut self.w, &self.f, &mut self.step);
            let size = problem.norm(&self.step, y, &self.trial);
            if !size.is_finite() {
                return Err(unsolved(problem, &self.f, true));
            }
            if size <= ENOUGH {
                y.iter_mut().zip(self.trial.iter().zip(&self.step)).for_each(|(y, (x, s))| *y = x + s);
                return Ok(());
            }
            // Natural monotonicity (P. Deuflhard, Newton Methods for Nonlinear Problems, section 3.3): the simplified
            // correction at the new point has to be smaller.
            damping = (2.0 * damping).min(1.0);
            self.trial.iter_mut().zip(&self.step).for_each(|(x, s)| *x += damping * s);
            loop {
                problem.rhs(t, &self.trial, &mut self.f);
                correction(problem, &mut self.w, &self.f, &mut self.next);
                if problem.norm(&self.next, y, &self.trial) <= (1.0 - 0.25 * damping) * size {
                    break;
                }
                if size <= ROUNDED {
                    y.copy_from_slice(&self.trial);
                    return Ok(());
                }
                damping *= 0.5;
                if damping < LEAST_DAMPING {
                    return Err(unsolved(problem, &self.f, false));
                }
                self.trial.iter_mut().zip(&self.step).for_each(|(x, s)| *x -= damping * s);
            }
        }
        Err(unsolved(problem, &self.f, false))
    }
}

/// The Newton correction of the algebraic unknowns.
fn correction(problem: &Problem, w: &mut Shifted, f: &[f64], out: &mut [f64]) {
    let places = &problem.system.shape().algebraic;
    out.fill(0.0);
    places.iter().for_each(|k| out[*k] = f[*k]);
    w.solve(out);
    let rows = out.iter_mut().zip(&problem.algebraic).filter(|(_, algebraic)| !**algebraic);
    rows.for_each(|(x, _)| *x = 0.0);
}

/// What is left, and of which equation the most.
fn unsolved(problem: &Problem, f: &[f64], singular: bool) -> ErrorKind {
    let size = |k: &usize| if f[*k].is_nan() { f64::INFINITY } else { f[*k].abs() };
    let shape = problem.system.shape();
    let worst = shape.algebraic.iter().copied().max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(0);
    ErrorKind::Inconsistent { state: shape.states.get(worst), left: f[worst], singular }
}

/// The projection onto a system's constraints, with its memory.
pub struct Projection {
    constraints: Arc<dyn Constraints>,
    pattern: Pattern,
    values: Vec<f64>,
    lu: DenseLu,
    g: Vec<f64>,
    /// Squared sizes of the states in the norm of the error test.
    sizes: Vec<f64>,
    /// The share of them that each may move behind an event.
    shares: Vec<f64>,
    given: Vec<f64>,
    step: Vec<f64>,
    work: Vec<f64>,
    /// Of whoever differentiates a projection: where each iteration began, and its multipliers (G D² Gᵀ)⁻¹ g.
    path: Option<Path>,
}

/// Iterations: where each began, and its multipliers.
#[derive(Default)]
struct Path {
    points: Vec<(Vec<f64>, Vec<f64>)>,
    /// How many have been made; the others are memory.
    len: usize,
}

impl Path {
    fn push(&mut self, y: &[f64], multipliers: &[f64]) {
        if self.points.len() == self.len {
            self.points.push(Default::default());
        }
        let (point, mu) = &mut self.points[self.len];
        point.clear();
        mu.clear();
        point.extend_from_slice(y);
        mu.extend_from_slice(multipliers);
        self.len += 1;
    }
}

impl Projection {
    /// For a system with constraints; none for the others.
    pub fn new(problem: &Problem) -> Option<Self> {
        let constraints = problem.system.constraints()?;
        let (pattern, n) = (constraints.pattern().clone(), problem.dim());
        let m = pattern.nrows();
        Some(Projection {
            values: vec![0.0; pattern.nnz()],
            lu: DenseLu::new(m),
            g: vec![0.0; m],
            sizes: vec![0.0; n],
            shares: vec![1.0; n],
            given: vec![0.0; n],
            step: vec![0.0; n],
            work: vec![0.0; constraints.work()],
            constraints,
            pattern,
            path: None,
        })
    }

    /// The same, one that remembers the way it has gone.
    pub fn remembering(problem: &Problem) -> Option<Self> {
        Some(Projection { path: Some(Path::default()), ..Projection::new(problem)? })
    }

    /// The way the last projection has gone: for each iteration where it began, and its multipliers (G D² Gᵀ)⁻¹ g.
    pub fn path(&self) -> &[(Vec<f64>, Vec<f64>)] {
        self.path.as_ref().map_or(&[], |path| &path.points[..path.len])
    }

    /// D² of the last projection.
    pub fn sizes(&self) -> &[f64] {
        &self.sizes
    }

    /// Moves y onto the constraints; whether it had to move.
    ///
    /// # Errors
    /// [`ErrorKind::Inconsistent`] where there is no point on them near y.
    pub fn project(&mut self, problem: &mut Problem, t: f64, y: &mut [f64]) -> Result<bool, ErrorKind> {
        self.measure(problem, y);
        self.newton(problem, t, y)
    }

    /// The same behind an event that has set some states: they, and states whose constraints hold, stay if they can.
    ///
    /// # Errors
    /// As [`Self::project`].
    pub fn restore(&mut self, problem: &mut Problem, t: f64, y: &mut [f64], set: &[usize]) -> Result<(), ErrorKind> {
        self.measure(problem, y);
        let p = problem.parameters();
        self.constraints.values(t, y, p, &mut self.work, &mut self.g);
        self.constraints.jacobian(t, y, p, &mut self.work, &mut self.values);
        self.shares.fill(1.0);
        set.iter().for_each(|k| self.shares[*k] = SET);
        for k in 0..self.g.len() {
            let entries = || (0..self.pattern.ncols()).filter_map(|j| Some((j, self.pattern.place(k, j)?)));
            let gradient: f64 = entries().map(|(j, at)| self.values[at] * self.values[at] * self.sizes[j]).sum();
            if self.g[k] * self.g[k] <= gradient {
                for j in 0..self.pattern.ncols() {
                    if self.pattern.place(k, j).is_some() {
                        self.shares[j] = KEPT;
                    }
                }
            }
        }
        self.given.copy_from_slice(y);
        self.sizes.iter_mut().zip(&self.shares).for_each(|(size, share)| *size *= share);
        if self.newton(problem, t, y).is_err() {
            y.copy_from_slice(&self.given);
            self.project(problem, t, y)?;
        }
        Ok(())
    }

    fn measure(&mut self, problem: &Problem, y: &[f64]) {
        problem.weights(y, y, &mut self.sizes);
        self.sizes.iter_mut().for_each(|s| *s = 1.0 / (*s * *s));
    }

    fn newton(&mut self, problem: &mut Problem, t: f64, y: &mut [f64]) -> Result<bool, ErrorKind> {
        self.path.iter_mut().for_each(|path| path.len = 0);
        for iteration in 0..PROJECTIONS {
            let p = problem.parameters();
            self.constraints.values(t, y, p, &mut self.work, &mut self.g);
            self.constraints.jacobian(t, y, p, &mut self.work, &mut self.values);
            if !self.factor() {
                return Err(self.unsolved(problem, true));
            }
            // δ = −D² Gᵀ (G D² Gᵀ)⁻¹ g with D the sizes.
            self.lu.solve(&mut self.g);
            if let Some(path) = &mut self.path {
                path.push(y, &self.g);
            }
            self.pattern.multiply_transposed(&self.values, &self.g, &mut self.step);
            self.step.iter_mut().zip(&self.sizes).for_each(|(s, size)| *s *= -size);
            let size = problem.norm(&self.step, y, y);
            if !size.is_finite() {
                return Err(self.unsolved(problem, true));
            }
            if size == 0.0 {
                return Ok(iteration > 0);
            }
            y.iter_mut().zip(&self.step).for_each(|(y, s)| *y += s);
            if size <= ENOUGH || (iteration > 1 && size <= ROUNDED) {
                return Ok(true);
            }
        }
        self.constraints.values(t, y, problem.parameters(), &mut self.work, &mut self.g);
        Err(self.unsolved(problem, false))
    }

    fn factor(&mut self) -> bool {
        factor(&self.pattern, &self.values, &self.sizes, &mut self.lu)
    }

    fn unsolved(&self, problem: &Problem, singular: bool) -> ErrorKind {
        let size = |k: &usize| if self.g[*k].is_nan() { f64::INFINITY } else { self.g[*k].abs() };
        let worst = (0..self.g.len()).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(0);
        // A state the constraint reads says which it is.
        let reads = (0..self.pattern.ncols()).find(|j| self.pattern.place(worst, *j).is_some());
        let state = reads.map_or_else(String::new, |j| problem.system.shape().states.get(j));
        ErrorKind::Inconsistent { state, left: self.g[worst], singular }
    }
}

/// G D² Gᵀ, factorised, of G's values and D²; false if it is singular.
pub fn factor(pattern: &Pattern, values: &[f64], sizes: &[f64], lu: &mut DenseLu) -> bool {
    let (rows, m) = (pattern.rows(), pattern.nrows());
    let matrix = lu.matrix_mut();
    matrix.fill(0.0);
    for (j, size) in sizes.iter().enumerate() {
        let column = pattern.column(j);
        for a in column.clone() {
            for b in column.clone() {
                matrix[rows[b] * m + rows[a]] += values[a] * values[b] * size;
            }
        }
    }
    lu.factor()
}

/// The values at the start made consistent.
///
/// # Errors
/// As [`Algebraic::solve`] and [`Projection::project`].
pub fn initialise(
    problem: &mut Problem,
    projection: Option<&mut Projection>,
    algebraic: Option<&mut Algebraic>,
    t: f64,
    y: &mut [f64],
) -> Result<(), ErrorKind> {
    if let Some(projection) = projection {
        projection.project(problem, t, y)?;
    }
    match algebraic {
        Some(algebraic) => algebraic.solve(problem, t, y),
        None => Ok(()),
    }
}

/// Notes what changed by more than the tolerance.
pub fn note_changes(problem: &mut Problem, given: &[f64], used: &[f64]) {
    let names = &problem.system.shape().states;
    let moved = given.iter().zip(used).enumerate().filter(|(k, (given, used))| {
        let scale = problem.atol(*k) + problem.rtol * given.abs().max(used.abs());
        (**given - **used).abs() > scale
    });
    problem.statistics.adjusted = moved.map(|(k, (given, used))| (names.get(k), *given, *used)).collect();
}

/// Values that are consistent behind an event which has set the states `set`.
///
/// # Errors
/// As [`Algebraic::solve`] and [`Projection::project`].
pub fn restore(
    problem: &mut Problem,
    projection: Option<&mut Projection>,
    algebraic: Option<&mut Algebraic>,
    (t, y): (f64, &mut [f64]),
    set: &[usize],
) -> Result<(), ErrorKind> {
    if let Some(projection) = projection {
        projection.restore(problem, t, y, set)?;
    }
    match algebraic {
        Some(algebraic) => algebraic.solve(problem, t, y),
        None => Ok(()),
    }
}
