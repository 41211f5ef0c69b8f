//! Derivatives of the projection onto constraints that index reduction leaves, at the start, behind every step, inside steps
//! and behind events: of the iterations made, one after the other.
//!
//! With G and its derivative G_y at the point y_i, D² the sizes of [`Projection`] and μ = (G_y D² G_yᵀ)⁻¹ G an iteration is
//! y_{i+1} = y_i − D² G_yᵀ μ. Of its derivative, μ held, only second derivatives of G are to be found:
//! δμ = (G_y D² G_yᵀ)⁻¹ (δG − δ(G_y) D² G_yᵀ μ − G_y δ(D²) G_yᵀ μ − G_y D² δ(G_yᵀ) μ). The last iteration, whose μ is nearly 0,
//! leaves S − D² G_yᵀ (G_y D² G_yᵀ)⁻¹ (G_y S + G_p q + G_t τ): what the implicit function theorem says of a point on the
//! constraints. Before it the others count where the given state was far off, as a guess at the start may be. The sizes change with
//! the state they were measured at.
//!
//! Which iterations were made is found by making them once more.

use std::sync::Arc;

use super::linear::{Changes, Part, add_transposed};
use crate::linalg::rows::add_product;
use crate::linalg::{DenseLu, Pattern};
use crate::solve::ErrorKind;
use crate::solve::consistent::{Algebraic, Projection, factor};
use crate::solve::problem::Problem;
use crate::system::{Constraints, Matrix, System};

/// A state before it was moved.
#[derive(Clone, Copy, Debug)]
pub struct Given<'g> {
    /// When.
    pub t: f64,
    /// Where.
    pub y: &'g [f64],
    /// Within a run, the states an event has set (perhaps none); none at all at the start, behind steps and inside.
    pub set: Option<&'g [usize]>,
}

/// The projection, to be made once more and differentiated.
pub struct Onto {
    constraints: Arc<dyn Constraints>,
    pattern: Pattern,
    projection: Projection,
    algebraic: Option<Algebraic>,
    by_parameter: Part,
    by_time: Part,
    curvature: Part,
    mixed: Part,
    /// Of the iteration at hand: G_y, G_y D² G_yᵀ, G_yᵀ μ, and D² times that.
    values: Vec<f64>,
    lu: DenseLu,
    normal: Vec<f64>,
    moved: Vec<f64>,
    /// What D² changes by with the state it was measured at.
    growth: Vec<f64>,
    work: Vec<f64>,
    direction: Vec<f64>,
    /// Where the state has been moved to.
    end: Vec<f64>,
    scratch: Scratch,
}

/// Vectors of an iteration: of as many numbers as there are states, or constraints, times directions.
#[derive(Default)]
struct Scratch {
    changes: Changes,
    given: Vec<f64>,
    right: Vec<f64>,
    bent: Vec<f64>,
    column: Vec<f64>,
    own: Vec<f64>,
    rows: Vec<f64>,
    mu: Vec<f64>,
}

/// So many zeros.
fn clear(list: &mut Vec<f64>, len: usize) {
    list.clear();
    list.resize(len, 0.0);
}

impl Onto {
    /// For a system with constraints; none for the others.
    ///
    /// # Errors
    /// If the system has no derivatives of them.
    pub fn new(problem: &Problem) -> Result<Option<Self>, ErrorKind> {
        let system: &dyn System = problem.system;
        let (Some(constraints), Some(projection)) = (system.constraints(), Projection::remembering(problem)) else {
            return Ok(None);
        };
        let (pattern, n) = (constraints.pattern().clone(), problem.dim());
        Ok(Some(Onto {
            projection,
            algebraic: Algebraic::new(problem)?,
            by_parameter: Part::new(system, Matrix::ConstraintParameters)?,
            by_time: Part::new(system, Matrix::ConstraintTime)?,
            curvature: Part::new(system, Matrix::ConstraintCurvature)?,
            mixed: Part::new(system, Matrix::MixedConstraintCurvature)?,
            values: vec![0.0; pattern.nnz()],
            lu: DenseLu::new(pattern.nrows()),
            normal: vec![0.0; n],
            moved: vec![0.0; n],
            growth: vec![0.0; n],
            work: vec![0.0; constraints.work()],
            direction: vec![0.0; n + 1],
            end: Vec::new(),
            scratch: Scratch::default(),
            constraints,
            pattern,
        }))
    }

    /// Where the state was moved to, algebraic unknowns included.
    pub fn end(&self) -> &[f64] {
        &self.end
    }

    /// Moves a state as the run has done.
    ///
    /// # Errors
    /// As [`Projection::project`].
    pub fn repeat(&mut self, problem: &mut Problem, given: Given) -> Result<(), ErrorKind> {
        let Given { t, y, set } = given;
        self.end.clear();
        self.end.extend_from_slice(y);
        match set {
            None => _ = self.projection.project(problem, t, &mut self.end)?,
            Some(set) => self.projection.restore(problem, t, &mut self.end, set)?,
        }
        if let Some(algebraic) = &mut self.algebraic {
            // Where it fails the values stand as they are, in the run too.
            let _ = algebraic.solve(problem, t, &mut self.end);
        }
        let sizes = self.projection.sizes();
        problem.weights(y, y, &mut self.growth);
        for ((growth, y), size) in self.growth.iter_mut().zip(y).zip(sizes) {
            // D = (atol + rtol |y|), perhaps times a share.
            *growth *= if *y == 0.0 { 0.0 } else { 2.0 * problem.rtol * y.signum() * size };
        }
        Ok(())
    }

    /// Down the iterations of [`Self::repeat`]: S of the state that was given becomes S of what it was moved to, for k directions
    /// in which parameters change by `q` and time by `tau` (empty: by nothing). Algebraic unknowns are not followed.
    ///
    /// # Errors
    /// If the constraints depend on each other.
    pub fn push(
        &mut self,
        problem: &Problem,
        t: f64,
        (q, tau): (&[f64], &[f64]),
        k: usize,
        s: &mut [f64],
    ) -> Result<(), ErrorKind> {
        let (n, m) = (s.len() / k.max(1), self.pattern.nrows());
        let mut scratch = std::mem::take(&mut self.scratch);
        let Scratch { changes, given, right, bent, column, own, rows, mu } = &mut scratch;
        changes.set_for(q, k);
        given.clear();
        given.extend_from_slice(s);
        for step in 0..self.projection.path().len() {
            self.prepare(problem, t, step, mu)?;
            clear(right, m * k);
            clear(bent, n * k);
            let y = &self.projection.path()[step].0;
            let (p, sizes) = (problem.parameters(), self.projection.sizes());
            add_product(&self.pattern, &self.values, s, k, 1.0, right);
            self.by_parameter.add_changes(changes, 1.0, right);
            self.by_time.add_product(tau, if tau.is_empty() { 0 } else { k }, 1.0, right);
            if self.moved.iter().any(|x| *x != 0.0) {
                // δ(G_y) D² G_yᵀ μ, and δ(G_yᵀ) μ by what is symmetric in it.
                for c in 0..k {
                    self.direction.iter_mut().zip(s.chunks_exact(k)).for_each(|(d, s)| *d = s[c]);
                    self.direction[n] = tau.get(c).copied().unwrap_or(0.0);
                    self.curvature.evaluate(t, y, p, &self.direction);
                    clear(column, m);
                    self.curvature.add_product(&self.moved, 1, 1.0, column);
                    right.chunks_exact_mut(k).zip(&*column).for_each(|(right, x)| right[c] -= x);
                    clear(own, n);
                    self.curvature.add_transposed(mu, 1.0, own);
                    bent.chunks_exact_mut(k).zip(&*own).for_each(|(bent, x)| bent[c] += x);
                }
                if !self.mixed.is_empty() {
                    self.direction[..n].copy_from_slice(&self.moved);
                    self.direction[n] = 0.0;
                    self.mixed.evaluate(t, y, p, &self.direction);
                    self.mixed.add_changes(changes, -1.0, right);
                    for j in (0..n).filter(|j| sizes[*j] != 0.0) {
                        self.direction.fill(0.0);
                        self.direction[j] = 1.0;
                        self.mixed.evaluate(t, y, p, &self.direction);
                        clear(rows, m * k);
                        self.mixed.add_changes(changes, 1.0, rows);
                        for (rows, mu) in rows.chunks_exact(k).zip(&*mu) {
                            bent[j * k..(j + 1) * k].iter_mut().zip(rows).for_each(|(bent, x)| *bent += mu * x);
                        }
                    }
                }
            }
            // D² δ(G_yᵀ) μ + δ(D²) G_yᵀ μ
            for j in 0..n {
                let (bent, given) = (&mut bent[j * k..(j + 1) * k], &given[j * k..(j + 1) * k]);
                let grown = self.growth[j] * self.normal[j];
                bent.iter_mut().zip(given).for_each(|(bent, given)| *bent = sizes[j] * *bent + grown * given);
            }
            add_product(&self.pattern, &self.values, bent, k, -1.0, right);
            self.solve(right, k, column);
            s.iter_mut().zip(&*bent).for_each(|(s, bent)| *s -= bent);
            for j in 0..n {
                for place in self.pattern.column(j) {
                    let factor = sizes[j] * self.values[place];
                    let row = self.pattern.rows()[place];
                    let change = &right[row * k..(row + 1) * k];
                    s[j * k..(j + 1) * k].iter_mut().zip(change).for_each(|(s, x)| *s -= factor * x);
                }
            }
        }
        self.scratch = scratch;
        Ok(())
    }

    /// Up the iterations, the transpose of [`Self::push`] for one direction: `s` becomes the adjoint of the state that was given,
    /// `q` and `tau` are added to.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn pull(
        &mut self,
        problem: &Problem,
        t: f64,
        s: &mut [f64],
        q: &mut [f64],
        tau: &mut [f64],
    ) -> Result<(), ErrorKind> {
        let (n, m) = (s.len(), self.pattern.nrows());
        let mut scratch = std::mem::take(&mut self.scratch);
        let Scratch { given: of_given, bent: sized, right: rho, column, rows, mu, .. } = &mut scratch;
        clear(of_given, n);
        for step in (0..self.projection.path().len()).rev() {
            self.prepare(problem, t, step, mu)?;
            let y = &self.projection.path()[step].0;
            let (p, sizes) = (problem.parameters(), self.projection.sizes());
            // The adjoint of δμ's right side, and that of D² δ(G_yᵀ) μ + δ(D²) G_yᵀ μ.
            sized.clear();
            sized.extend(s.iter().zip(sizes).map(|(s, size)| size * s));
            clear(rho, m);
            add_product(&self.pattern, &self.values, sized, 1, -1.0, rho);
            self.solve(rho, 1, column);
            add_transposed(&self.pattern, &self.values, rho, 1.0, s);
            for j in 0..n {
                of_given[j] -= self.growth[j] * self.normal[j] * s[j];
                sized[j] = -sizes[j] * s[j];
            }
            self.by_parameter.add_transposed(rho, 1.0, q);
            self.by_time.add_transposed(rho, 1.0, tau);
            if self.moved.iter().all(|x| *x == 0.0) {
                continue;
            }
            for (direction, weights, factor) in [(&self.moved, &*rho, -1.0), (&*sized, &*mu, 1.0)] {
                self.direction[..n].copy_from_slice(direction);
                self.direction[n] = 0.0;
                self.curvature.evaluate(t, y, p, &self.direction);
                self.curvature.add_transposed(weights, factor, s);
                self.mixed.evaluate(t, y, p, &self.direction);
                self.mixed.add_transposed(weights, factor, q);
            }
            self.direction.fill(0.0);
            self.direction[n] = 1.0;
            self.curvature.evaluate(t, y, p, &self.direction);
            for (direction, weights, factor) in [(&self.moved, &*rho, -1.0), (&*sized, &*mu, 1.0)] {
                clear(rows, m);
                self.curvature.add_product(direction, 1, factor, rows);
                tau[0] += rows.iter().zip(weights).map(|(row, weight)| row * weight).sum::<f64>();
            }
        }
        s.iter_mut().zip(&*of_given).for_each(|(s, more)| *s += more);
        self.scratch = scratch;
        Ok(())
    }

    /// The matrices where an iteration began, and its μ.
    fn prepare(&mut self, problem: &Problem, t: f64, step: usize, own: &mut Vec<f64>) -> Result<(), ErrorKind> {
        let (y, mu) = &self.projection.path()[step];
        let (p, sizes) = (problem.parameters(), self.projection.sizes());
        self.constraints.jacobian(t, y, p, &mut self.work, &mut self.values);
        self.by_parameter.evaluate(t, y, p, &[]);
        self.by_time.evaluate(t, y, p, &[]);
        self.normal.fill(0.0);
        add_transposed(&self.pattern, &self.values, mu, 1.0, &mut self.normal);
        for ((moved, normal), size) in self.moved.iter_mut().zip(&self.normal).zip(sizes) {
            *moved = size * normal;
        }
        own.clone_from(mu);
        if factor(&self.pattern, &self.values, sizes, &mut self.lu) { Ok(()) } else { Err(ErrorKind::Singular) }
    }

    /// Solves with G_y D² G_yᵀ for k vectors side by side.
    fn solve(&self, b: &mut [f64], k: usize, column: &mut Vec<f64>) {
        clear(column, self.pattern.nrows());
        for c in 0..k {
            column.iter_mut().zip(b.chunks_exact(k)).for_each(|(x, b)| *x = b[c]);
            self.lu.solve(column);
            column.iter().zip(b.chunks_exact_mut(k)).for_each(|(x, b)| b[c] = *x);
        }
    }
}
