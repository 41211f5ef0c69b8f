//! The linearised equations at a point: J, ∂f/∂p and the curvature with their products, and solves with W and its
//! transpose. What forward and backward sweeps share.

use std::sync::Arc;

use super::coupled::Coupled;
use super::onto::{Given, Onto};
use super::series::Series;
use crate::linalg::rows::{self, add_product};
use crate::linalg::{Pattern, Refined, Shifted, Strategy};
use crate::solve::ErrorKind;
use crate::solve::problem::Problem;
use crate::system::{Derivative, Matrix, SecondOrder, System};

/// A matrix with room for its values.
pub struct Part {
    of: Arc<dyn Derivative>,
    values: Vec<f64>,
    work: Vec<f64>,
}

impl Part {
    /// Made by the system.
    ///
    /// # Errors
    /// If it has none.
    pub fn new(system: &dyn System, matrix: Matrix) -> Result<Self, ErrorKind> {
        let of = system.derivative(matrix).map_err(ErrorKind::Options)?;
        Ok(Part { values: vec![0.0; of.pattern().nnz()], work: vec![0.0; of.work()], of })
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Evaluates it.
    pub fn evaluate(&mut self, t: f64, y: &[f64], p: &[f64], v: &[f64]) {
        if !self.is_empty() {
            self.of.values(t, y, p, v, &mut self.work, &mut self.values);
        }
    }

    /// `out += factor A x` for k vectors side by side: x and out are by rows, k numbers each.
    pub fn add_product(&self, x: &[f64], k: usize, factor: f64, out: &mut [f64]) {
        add_product(self.of.pattern(), &self.values, x, k, factor, out);
    }

    /// The same of changes.
    pub fn add_changes(&self, q: &Changes, factor: f64, out: &mut [f64]) {
        let (pattern, k) = (self.of.pattern(), q.k);
        for (j, direction, change) in &q.entries {
            let change = factor * change;
            for place in pattern.column(*j) {
                out[pattern.rows()[place] * k + direction] += change * self.values[place];
            }
        }
    }

    /// `out += factor Aᵀ x`
    pub fn add_transposed(&self, x: &[f64], factor: f64, out: &mut [f64]) {
        add_transposed(self.of.pattern(), &self.values, x, factor, out);
    }

    /// The entries of a row that are not 0, column and value, into `entries`.
    pub fn row(&self, row: usize, entries: &mut Vec<(usize, f64)>) {
        let pattern = self.of.pattern();
        let all = (0..pattern.ncols()).flat_map(|j| pattern.column(j).map(move |place| (j, place)));
        let own = all.filter(|(_, place)| pattern.rows()[*place] == row && self.values[*place] != 0.0);
        entries.extend(own.map(|(j, place)| (j, self.values[place])));
    }
}

/// What parameters and discrete quantities change by in k directions, most by nothing: place, direction, change.
#[derive(Default)]
pub struct Changes {
    k: usize,
    entries: Vec<(usize, usize, f64)>,
}

impl Changes {
    /// From rows of k numbers.
    pub fn of(q: &[f64], k: usize) -> Self {
        let mut changes = Changes { k, entries: Vec::new() };
        changes.set(q);
        changes
    }

    /// Takes other ones.
    pub fn set(&mut self, q: &[f64]) {
        self.set_for(q, self.k);
    }

    /// Takes other ones, for k directions.
    pub fn set_for(&mut self, q: &[f64], k: usize) {
        self.k = k;
        self.entries.clear();
        let moved = q.iter().enumerate().filter(|(_, q)| **q != 0.0);
        self.entries.extend(moved.map(|(at, q)| (at / k, at % k, *q)));
    }

    /// Direction and change of what stands at a place, where it changes.
    pub fn each(&self, place: usize, mut call: impl FnMut(usize, f64)) {
        let from = self.entries.partition_point(|(at, ..)| *at < place);
        let own = self.entries[from..].iter().take_while(|(at, ..)| *at == place);
        own.for_each(|(_, direction, change)| call(*direction, *change));
    }
}

/// `out += factor Aᵀ x`
pub fn add_transposed(pattern: &Pattern, values: &[f64], x: &[f64], factor: f64, out: &mut [f64]) {
    let rows = pattern.rows();
    for (out, ends) in out.iter_mut().zip(pattern.columns().windows(2)) {
        match (ends[0], ends[1]) {
            (from, to) if from == to => {}
            // As most columns of many parameters are.
            (from, to) if from + 1 == to => *out += factor * term(values[from], rows[from], x),
            (from, to) => *out += factor * gathered(&values[from..to], &rows[from..to], x),
        }
    }
}

/// What counts for nothing may be no number.
#[inline]
fn term(a: f64, row: usize, x: &[f64]) -> f64 {
    if x[row] == 0.0 { 0.0 } else { a * x[row] }
}

/// Σ a x of the numbers of x in these rows: four sums, so that none waits for another.
#[inline]
fn gathered(values: &[f64], rows: &[usize], x: &[f64]) -> f64 {
    let ((a, rest), (r, rest_of_rows)) = (values.as_chunks::<4>(), rows.as_chunks::<4>());
    let mut sums = [0.0; 4];
    for (a, r) in a.iter().zip(r) {
        for l in 0..4 {
            sums[l] += term(a[l], r[l], x);
        }
    }
    let rest: f64 = rest.iter().zip(rest_of_rows).map(|(a, row)| term(*a, *row, x)).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// A factorisation that costs so many times what a solve and a product do serves several steps.
const MANY: f64 = 16.0;

/// J, ∂f/∂p and what else the instructions of a step ask for.
pub struct Linear {
    /// Number of states.
    pub n: usize,
    /// J's values, and ∂f/∂p.
    jacobian: Vec<f64>,
    parameters: Part,
    /// Made when a Rosenbrock step first asks.
    curvature: Option<(Part, Part)>,
    direction: Vec<f64>,
    /// ∂f/∂t where the last factorisation was asked for.
    slope: Vec<f64>,
    shifted: Option<Refined>,
    transposed: Option<Transposed>,
    /// Factors of the transpose of this run's are there.
    factored: bool,
    coupled: Vec<Coupled>,
    /// Of systems with constraints, when first asked for.
    onto: Option<Onto>,
    room: Vec<f64>,
    /// Where a state has been moved to; right sides, and changes, of unknowns that follow.
    end: Vec<f64>,
    right: Vec<f64>,
    changes: Changes,
    /// Where steps tell positions from velocities, and where they are series.
    pairs: Option<Arc<SecondOrder>>,
    series: Option<Series>,
}

/// W's transpose.
struct Transposed {
    of: Arc<(Pattern, Arc<Strategy>)>,
    w: Refined,
    values: Vec<f64>,
    next: Vec<usize>,
}

pub fn no_memory(error: crate::linalg::TooLarge) -> ErrorKind {
    ErrorKind::Memory(error.0, 8 * 20_000 * 20_000)
}

impl Linear {
    /// For a system.
    ///
    /// # Errors
    /// If it has no derivatives by parameters.
    pub fn new(system: &dyn System) -> Result<Self, ErrorKind> {
        let n = system.shape().dim();
        Ok(Linear {
            n,
            jacobian: vec![0.0; system.jacobian_pattern().nnz()],
            parameters: Part::new(system, Matrix::Parameters)?,
            curvature: None,
            direction: vec![0.0; n + 1],
            slope: vec![0.0; n],
            shifted: None,
            transposed: None,
            factored: false,
            coupled: Vec::new(),
            onto: None,
            room: Vec::new(),
            end: Vec::new(),
            right: Vec::new(),
            changes: Changes::default(),
            pairs: None,
            series: None,
        })
    }

    /// Forgets matrices that have taught it something: what follows is, bit for bit, what one just made does.
    pub fn renew(&mut self) {
        self.factored = false;
        self.shifted.take_if(|w| !w.renew());
        self.transposed.take_if(|transposed| !transposed.w.renew());
        self.coupled.retain_mut(|coupled| coupled.w.iter_mut().flatten().all(Refined::renew));
    }

    /// The places of positions and velocities.
    ///
    /// # Errors
    /// If the system does not tell them apart.
    pub fn pairs(&mut self, problem: &Problem) -> Result<&SecondOrder, ErrorKind> {
        if self.pairs.is_none() {
            self.pairs = Some(problem.system.second_order().map_err(ErrorKind::Options)?);
        }
        Ok(self.pairs.as_deref().unwrap_or_default())
    }

    /// Takes the series of an order at a point; its coefficients of orders 1 to N come out.
    ///
    /// # Errors
    /// If the system has none.
    pub fn expand(
        &mut self,
        problem: &Problem,
        order: usize,
        (t, y): (f64, &[f64]),
        coefficients: &mut [f64],
    ) -> Result<(), ErrorKind> {
        if self.series.as_ref().is_none_or(|series| series.order() != order) {
            self.series = Some(Series::new(problem, order)?);
        }
        if let Some(series) = &mut self.series {
            series.evaluate(problem, t, y, coefficients);
        }
        Ok(())
    }

    /// Changes of the coefficients of the series taken last, behind those of the point: for k directions.
    pub fn push_series(&self, q: &Changes, k: usize, changes: &mut [f64]) {
        if let Some(series) = &self.series {
            series.push(q, k, changes);
        }
    }

    /// Its transpose.
    pub fn pull_series(&self, adjoints: &mut [f64], gradient: &mut [f64]) {
        if let Some(series) = &self.series {
            series.pull(adjoints, gradient);
        }
    }

    /// Number of parameters and discrete quantities.
    pub fn columns(&self) -> usize {
        self.parameters.of.pattern().ncols()
    }

    /// J at a point.
    pub fn evaluate_states(&mut self, problem: &mut Problem, t: f64, y: &[f64]) {
        problem.jacobian(t, y, &mut self.jacobian);
    }

    /// J and ∂f/∂p at a point.
    pub fn evaluate(&mut self, problem: &mut Problem, t: f64, y: &[f64]) {
        self.evaluate_states(problem, t, y);
        self.parameters.evaluate(problem.inside(t), y, problem.parameters(), &[]);
    }

    /// `out += factor (J x + ∂f/∂p q)` for k vectors side by side.
    pub fn add_product(&self, problem: &Problem, x: &[f64], q: &Changes, factor: f64, out: &mut [f64]) {
        add_product(problem.system.jacobian_pattern(), &self.jacobian, x, q.k, factor, out);
        self.add_parameters(q, factor, out);
    }

    /// `out += factor ∂f/∂p q`
    pub fn add_parameters(&self, q: &Changes, factor: f64, out: &mut [f64]) {
        self.parameters.add_changes(q, factor, out);
    }

    /// `y += Jᵀ x`, `g += (∂f/∂p)ᵀ x`
    pub fn add_transposed(&self, problem: &Problem, x: &[f64], y: &mut [f64], g: &mut [f64]) {
        add_transposed(problem.system.jacobian_pattern(), &self.jacobian, x, 1.0, y);
        self.add_gradient(x, g);
    }

    /// `g += (∂f/∂p)ᵀ x`
    pub fn add_gradient(&self, x: &[f64], g: &mut [f64]) {
        self.parameters.add_transposed(x, 1.0, g);
    }

    /// The derivative of J v + τ ∂f/∂t at a point.
    ///
    /// # Errors
    /// If the system has none.
    pub fn curve(&mut self, problem: &Problem, t: f64, y: &[f64], v: &[f64], tau: f64) -> Result<(), ErrorKind> {
        if self.curvature.is_none() {
            let part = |matrix| Part::new(problem.system, matrix);
            self.curvature = Some((part(Matrix::Curvature)?, part(Matrix::MixedCurvature)?));
        }
        self.direction[..self.n].copy_from_slice(v);
        self.direction[self.n] = tau;
        if let Some((by_state, by_parameter)) = &mut self.curvature {
            let (t, p) = (problem.inside(t), problem.parameters());
            by_state.evaluate(t, y, p, &self.direction);
            by_parameter.evaluate(t, y, p, &self.direction);
        }
        Ok(())
    }

    /// `out += ` its product with x and q.
    pub fn add_curved(&self, x: &[f64], q: &Changes, out: &mut [f64]) {
        if let Some((by_state, by_parameter)) = &self.curvature {
            by_state.add_product(x, q.k, 1.0, out);
            by_parameter.add_changes(q, 1.0, out);
        }
    }

    /// `y += ` the product of its transpose with x, and g with that by parameters.
    pub fn add_curved_transposed(&self, x: &[f64], y: &mut [f64], g: &mut [f64]) {
        if let Some((by_state, by_parameter)) = &self.curvature {
            by_state.add_transposed(x, 1.0, y);
            by_parameter.add_transposed(x, 1.0, g);
        }
    }

    /// Sets the rows of J that are not of algebraic equations to 0: W = M − J then solves for the algebraic unknowns.
    pub fn only_algebraic(&mut self, problem: &Problem) {
        let rows = problem.system.jacobian_pattern().rows();
        for (value, row) in self.jacobian.iter_mut().zip(rows) {
            if !problem.algebraic[*row] {
                *value = 0.0;
            }
        }
    }

    /// The algebraic unknowns follow the others: 0 = f_y S + ∂f/∂p q + ∂f/∂t τ in their rows, for k directions.
    ///
    /// # Errors
    /// If the algebraic equations do not determine them.
    pub fn follow(
        &mut self,
        problem: &mut Problem,
        (t, y): (f64, &[f64]),
        (q, tau): (&[f64], &[f64]),
        k: usize,
        s: &mut [f64],
    ) -> Result<(), ErrorKind> {
        self.evaluate(problem, t, y);
        self.only_algebraic(problem);
        self.shifted.iter_mut().for_each(Refined::look);
        self.factor(problem, 1.0)?;
        // (M − J) S = S, or ∂f/∂p q + ∂f/∂t τ.
        let (mut right, mut changes) = (std::mem::take(&mut self.right), std::mem::take(&mut self.changes));
        right.clear();
        right.resize(s.len(), 0.0);
        changes.set_for(q, k);
        self.add_parameters(&changes, 1.0, &mut right);
        self.changes = changes;
        if tau.iter().any(|tau| *tau != 0.0) {
            self.keep_slope(problem, t, y);
            for (right, slope) in right.chunks_exact_mut(k).zip(&self.slope) {
                right.iter_mut().zip(tau).for_each(|(right, tau)| *right += slope * tau);
            }
        }
        for row in (0..self.n).filter(|row| !problem.algebraic[*row]) {
            right[row * k..(row + 1) * k].copy_from_slice(&s[row * k..(row + 1) * k]);
        }
        self.solve(&mut right, k);
        s.copy_from_slice(&right);
        self.right = right;
        Ok(())
    }

    /// The transpose of [`Self::follow`] for one direction: `s` becomes the adjoint of what was given, `q` and `tau` are added
    /// to.
    ///
    /// # Errors
    /// If the algebraic equations do not determine their unknowns.
    pub fn follow_back(
        &mut self,
        problem: &mut Problem,
        (t, y): (f64, &[f64]),
        s: &mut [f64],
        q: &mut [f64],
        tau: &mut [f64],
    ) -> Result<(), ErrorKind> {
        self.evaluate(problem, t, y);
        self.only_algebraic(problem);
        self.transposed.iter_mut().for_each(|transposed| transposed.w.look());
        self.factor_transposed(problem, 1.0)?;
        self.solve_transposed(s);
        // Differential rows go to the states, algebraic rows to ∂f/∂p and ∂f/∂t.
        self.keep_slope(problem, t, y);
        let mut rest = std::mem::take(&mut self.right);
        rest.clear();
        rest.extend_from_slice(s);
        for (k, rest) in rest.iter_mut().enumerate() {
            if problem.algebraic[k] {
                tau[0] += self.slope[k] * *rest;
                s[k] = 0.0;
            } else {
                *rest = 0.0;
            }
        }
        self.add_gradient(&rest, q);
        self.right = rest;
        Ok(())
    }

    /// A state moved onto the constraints, algebraic unknowns included, and S with it.
    ///
    /// # Errors
    /// If it cannot be moved, or unknowns do not follow.
    pub fn project(
        &mut self,
        problem: &mut Problem,
        given: Given,
        (q, tau): (&[f64], &[f64]),
        k: usize,
        s: &mut [f64],
    ) -> Result<(), ErrorKind> {
        let mut end = std::mem::take(&mut self.end);
        let onto = self.onto(problem)?;
        onto.repeat(problem, given)?;
        onto.push(problem, given.t, (q, tau), k, s)?;
        end.clear();
        end.extend_from_slice(onto.end());
        if !problem.algebraic.is_empty() {
            self.follow(problem, (given.t, &end), (q, tau), k, s)?;
        }
        self.end = end;
        Ok(())
    }

    /// Where a state has been moved to last.
    pub fn end(&self) -> &[f64] {
        &self.end
    }

    /// The transpose of [`Self::project`] for one direction: `s` becomes the adjoint of what was given, `q` and `tau` are added
    /// to.
    ///
    /// # Errors
    /// As [`Self::project`].
    pub fn project_back(
        &mut self,
        problem: &mut Problem,
        given: Given,
        s: &mut [f64],
        q: &mut [f64],
        tau: &mut [f64],
    ) -> Result<(), ErrorKind> {
        let mut end = std::mem::take(&mut self.end);
        let onto = self.onto(problem)?;
        onto.repeat(problem, given)?;
        end.clear();
        end.extend_from_slice(onto.end());
        if !problem.algebraic.is_empty() {
            self.follow_back(problem, (given.t, &end), s, q, tau)?;
        }
        self.end = end;
        self.onto(problem)?.pull(problem, given.t, s, q, tau)
    }

    /// Where a state is moved to.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn moved(&mut self, problem: &mut Problem, given: Given) -> Result<&[f64], ErrorKind> {
        let onto = self.onto(problem)?;
        onto.repeat(problem, given)?;
        Ok(onto.end())
    }

    fn onto(&mut self, problem: &Problem) -> Result<&mut Onto, ErrorKind> {
        if self.onto.is_none() {
            self.onto = Onto::new(problem)?;
        }
        self.onto.as_mut().ok_or_else(|| ErrorKind::Options("the system has no constraints".to_string()))
    }

    /// Factorises W = `shift` M − J with the J at hand.
    ///
    /// # Errors
    /// If it is singular.
    pub fn factor(&mut self, problem: &Problem, shift: f64) -> Result<(), ErrorKind> {
        if self.shifted.is_none() {
            let mut w = problem.shifted()?;
            w.set_accuracy(1e-13);
            self.shifted = Some(Refined::new(w, problem.system.jacobian_pattern()));
        }
        let good = self.shifted.as_mut().is_some_and(|w| w.factor(shift, &self.jacobian));
        if good { Ok(()) } else { Err(ErrorKind::Singular) }
    }

    /// Evaluates ∂f/∂t, for [`Self::add_slope`].
    pub fn keep_slope(&mut self, problem: &mut Problem, t: f64, y: &[f64]) {
        problem.time_derivative(t, y, &mut self.slope);
    }

    /// `out += factor ∂f/∂t`
    pub fn add_slope(&self, factor: f64, out: &mut [f64]) {
        if factor != 0.0 {
            out.iter_mut().zip(&self.slope).for_each(|(out, slope)| *out += factor * slope);
        }
    }

    /// Solves W x = b for k vectors side by side.
    pub fn solve(&mut self, b: &mut [f64], k: usize) {
        if let Some(w) = &mut self.shifted {
            w.solve_rows(b, k, &mut self.room);
        }
    }

    /// Factorises the transpose of W.
    ///
    /// # Errors
    /// If it is singular, or does not fit.
    pub fn factor_transposed(&mut self, problem: &Problem, shift: f64) -> Result<(), ErrorKind> {
        let pattern = problem.system.jacobian_pattern();
        if self.transposed.is_none() {
            let of = problem.system.transposed();
            let mut w = Shifted::with(&of.0, &of.1).map_err(no_memory)?;
            w.set_accuracy(1e-13);
            self.transposed =
                Some(Transposed { w: Refined::new(w, &of.0), of, values: vec![0.0; pattern.nnz()], next: Vec::new() });
        }
        let Some(Transposed { of, w, values, next }) = &mut self.transposed else { return Err(ErrorKind::Singular) };
        pattern.transpose(&of.0, &self.jacobian, next, values);
        self.factored = w.factor(shift, values);
        if self.factored { Ok(()) } else { Err(ErrorKind::Singular) }
    }

    /// Whether there are factors of Wᵀ which cost many times what a solve does, and a product with J.
    pub fn keeps_factors(&self) -> bool {
        let entries = self.jacobian.len() as f64;
        let worth = |(factor, solve): (f64, f64)| factor > MANY * (solve + entries);
        self.factored && self.transposed.as_ref().is_some_and(|transposed| worth(transposed.of.1.cost))
    }

    /// Solves Wᵀ x = b.
    pub fn solve_transposed(&mut self, b: &mut [f64]) {
        if let Some(transposed) = &mut self.transposed {
            transposed.w.solve(b);
        }
    }

    /// Solves Wᵀ x = b with the factors that are there, whichever step they are of.
    pub fn solve_nearly(&mut self, b: &mut [f64]) {
        if let Some(transposed) = &mut self.transposed {
            transposed.w.solve_once(b);
        }
    }

    /// Puts the J at hand into stage i of coupled stages; the first stage also sets the matrix a.
    pub fn couple(&mut self, problem: &Problem, i: usize, a: &[f64]) -> usize {
        let stages = (a.len() as f64).sqrt().round() as usize;
        let at = match self.coupled.iter().position(|c| c.stages == stages) {
            Some(at) => at,
            None => {
                self.coupled.push(Coupled::new(problem, stages));
                self.coupled.len() - 1
            }
        };
        let coupled = &mut self.coupled[at];
        if i == 0 {
            coupled.begin(problem, a);
        }
        let nnz = self.jacobian.len();
        let places = &coupled.blocks[i * nnz..(i + 1) * nnz];
        places.iter().zip(&self.jacobian).for_each(|(place, value)| coupled.values[*place] += value);
        at
    }

    /// Factorises coupled stages, or the transpose of their matrix.
    ///
    /// # Errors
    /// If it is singular, or does not fit.
    pub fn factor_coupled(&mut self, at: usize, a: &[f64], transposed: bool) -> Result<(), ErrorKind> {
        if self.coupled[at].factor(a[0], transposed)? { Ok(()) } else { Err(ErrorKind::Singular) }
    }

    /// Solves for coupled stages.
    pub fn solve_coupled(&mut self, at: usize, b: &mut [f64], k: usize, transposed: bool) {
        let coupled = &mut self.coupled[at];
        if let Some(w) = &mut coupled.w[usize::from(transposed)] {
            w.solve_rows(b, k, &mut self.room);
        }
    }
}

/// Sets to 0 what is less than a 10¹⁰⁰th of the largest number: what fast processes forget shrinks step by step, and numbers
/// below the normal ones take a hundred times as long to calculate with.
pub fn forget(x: &mut [f64]) {
    rows::forget(x, 1e-100);
}
