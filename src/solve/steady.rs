//! Steady states, f(y) = 0: Newton's iteration, pseudo-transient continuation where that fails or finds a state that
//! the solution would leave, and the solution itself, followed until it rests, as a last resort.

use super::characteristic::characteristic_roots;
use super::consistent::Projection;
use super::drive::integrate_to;
use super::problem::Problem;
use super::{ErrorKind, Failure, Options, Save, Solution, Statistics};
use crate::linalg::{DenseLu, Shifted, eigenvalues};
use crate::system::System;

/// Iterations of Newton's method, how often it begins anew, and those of the pseudo-transient.
const ITERATIONS: usize = 100;
const ROUNDS: usize = 4;
const TRANSIENT: usize = 500;
/// A step of the pseudo-transient that changes nothing must stay so when it is so many times as long.
const FAR: f64 = 1e8;
const LONGEST: f64 = 1e100;
/// Steps in time, where the solution is followed only because Newton's iteration did not please.
const FOLLOWED: u64 = 5_000;
/// Points for the mean of a solution that does not come to rest.
const MEAN: u32 = 400;
const LEAST_DAMPING: f64 = 1e-8;
/// Corrections of this share of the tolerance are as good as none.
const ENOUGH: f64 = 1e-6;
/// Corrections of this share of the tolerance are taken where rounding lets no smaller ones be reached.
const ROUNDED: f64 = 1e-2;
/// Eigenvalues of larger systems would take long.
const LARGEST: usize = 1000;

/// How a steady state is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approach {
    /// Newton's iteration; the others where it does not lead to a state that the solution would come to.
    #[default]
    Auto,
    /// Damped Newton iteration from the initial values: the nearest steady state, stable or not.
    Newton,
    /// Implicit Euler steps as long as f is nearly linear (P. Deuflhard, Newton Methods for Nonlinear Problems, section
    /// 6.4). Conserved sums stay; of a line of steady states that no sum tells apart it finds one near the solution's.
    Transient,
    /// Integration until nothing changes, then Newton's iteration.
    Time,
}

impl Approach {
    /// All of them, with the names the command line takes.
    pub const ALL: &'static [(&'static str, Approach)] = &[
        ("auto", Approach::Auto),
        ("newton", Approach::Newton),
        ("transient", Approach::Transient),
        ("time", Approach::Time),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Approach::ALL.iter().find(|(_, other)| *other == self).map_or("auto", |(name, _)| name)
    }
}

/// Whether a small disturbance dies away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// It does: all eigenvalues of ∂f/∂y lie to the left of 0.
    Stable,
    /// It grows along so many directions.
    Unstable(usize),
    /// So many eigenvalues are 0 within rounding (a conserved sum, a line of steady states, a border); the others lie to
    /// the left.
    Marginal(usize),
    /// The eigenvalues are not known.
    Unknown,
}

/// A steady state and how it was found.
#[derive(Clone, Debug)]
pub struct SteadyState {
    /// The states.
    pub y: Vec<f64>,
    /// What is left of f there, per state.
    pub left: Vec<f64>,
    /// How it was found.
    pub approach: Approach,
    /// Iterations (steps in time included) of that approach.
    pub iterations: u64,
    /// Whether the other approaches were tried too and led to no state that the solution would stay in.
    pub last_resort: bool,
    /// Whether it is stable.
    pub stability: Stability,
    /// Of ∂f/∂y (without algebraic unknowns), real and imaginary parts, those farthest to the right first; none for
    /// more than 1,000 states, or where they could not be computed. With delays, the roots of the characteristic equation
    /// that are not far from 0.
    pub eigenvalues: Option<Vec<(f64, f64)>>,
    /// Counts.
    pub statistics: Statistics,
}

/// Looks for y with f(t0, y, p) = 0, from `y0`; of the options, tolerances, limits and `t0` count. Corrections have become
/// smaller than a millionth of the tolerance, or as small as rounding lets them. The first `own` states say whether it is
/// stable: what stands behind them (sensitivities) depends on them without acting on them.
///
/// # Errors
/// [`Failure`] with [`ErrorKind::NotSteady`] where none is found, or a limit is reached.
pub fn steady(
    system: &dyn System,
    own: usize,
    y0: &[f64],
    p: &[f64],
    options: &Options,
    approach: Approach,
) -> Result<SteadyState, Failure> {
    let mut problem = Problem::new(system, p, options);
    let projection = Projection::new(&problem);
    let found = problem.shifted().and_then(|w| {
        let nnz = system.jacobian_pattern().nnz();
        let zeros = || vec![0.0; y0.len()];
        let (f, trial, step, next) = (zeros(), zeros(), zeros(), zeros());
        let (t, values) = (options.t0, vec![0.0; nnz]);
        let mut search = Search { problem: &mut problem, own, w, projection, values, f, trial, step, next, t, options };
        search.find(y0, p, approach)
    });
    let seconds = problem.seconds();
    problem.statistics.solve_seconds = seconds;
    match found {
        Ok(state) => Ok(SteadyState { statistics: problem.statistics, ..state }),
        Err(kind) => {
            let shape = std::sync::Arc::new(system.shape().clone());
            let partial = Box::new(Solution::from_rows(Vec::new(), &[], shape, problem.statistics));
            Err(Failure { kind, time: options.t0, step: 0.0, partial })
        }
    }
}

impl SteadyState {
    /// The same steady state of a system with delays: it is as stable as the roots of its characteristic equation say.
    pub fn with_delays(self, system: &dyn System, t: f64, p: &[f64]) -> SteadyState {
        let roots = characteristic_roots(system, t, &self.y, p, LARGEST);
        SteadyState { stability: stability(roots.as_deref()), eigenvalues: roots, ..self }
    }
}

struct Search<'a, 'b> {
    problem: &'a mut Problem<'b>,
    own: usize,
    w: Shifted,
    projection: Option<Projection>,
    values: Vec<f64>,
    f: Vec<f64>,
    trial: Vec<f64>,
    step: Vec<f64>,
    next: Vec<f64>,
    t: f64,
    options: &'a Options<'b>,
}

impl Search<'_, '_> {
    fn find(&mut self, y0: &[f64], p: &[f64], approach: Approach) -> Result<SteadyState, ErrorKind> {
        if self.problem.system.delays().is_some() {
            let sentence =
                "a steady state is looked for without delays; what is at rest was at other times what it is now";
            return Err(ErrorKind::Options(sentence.to_string()));
        }
        if let Some(k) = y0.iter().position(|y| !y.is_finite()) {
            let name = self.problem.system.shape().states.get(k);
            return Err(ErrorKind::Options(format!("the initial value of {name} is not finite: {}", y0[k])));
        }
        let order = [Approach::Newton, Approach::Transient, Approach::Time];
        // What is found first is kept for the case that nothing better is.
        let mut kept: Option<SteadyState> = None;
        for one in order.into_iter().filter(|one| approach == Approach::Auto || approach == *one) {
            let mut y = y0.to_vec();
            let before = self.problem.statistics.steps;
            let found = match one {
                Approach::Newton => self.projection.is_none() && self.newton(&mut y)?,
                Approach::Transient => self.transient(&mut y)?,
                _ => {
                    self.time(&mut y, p, if approach == Approach::Auto { FOLLOWED } else { self.options.max_steps })?
                }
            };
            if !found {
                continue;
            }
            let mut state = self.state(y, one);
            state.iterations = self.problem.statistics.steps - before;
            // Quantities that begin without a minus sign, such as amounts, are not expected to end with one.
            let own = self.own;
            let signs =
                one != Approach::Newton || y0[..own].iter().any(|y| *y < 0.0) || self.keeps_signs(&state.y[..own]);
            let good = match state.stability {
                Stability::Stable => signs,
                // Of a line of steady states only time tells which belongs to the start.
                Stability::Marginal(_) => signs && one == Approach::Time,
                Stability::Unknown => signs && one != Approach::Newton,
                Stability::Unstable(_) => false,
            };
            if good || approach != Approach::Auto {
                return Ok(state);
            }
            kept = kept.or(Some(state));
        }
        let kept = kept.map(|state| SteadyState { last_resort: true, ..state });
        kept.ok_or_else(|| self.not_steady(y0))
    }

    /// Whether no value is below 0 by more than the tolerance.
    fn keeps_signs(&self, y: &[f64]) -> bool {
        y.iter().enumerate().all(|(k, y)| *y >= -self.problem.atol(k).max(f64::MIN_POSITIVE))
    }

    /// Newton's iteration; whether it converged. What a correction is compared with is the larger of the values where the
    /// iteration stands and where it began, so it begins anew until that no longer matters.
    fn newton(&mut self, y: &mut [f64]) -> Result<bool, ErrorKind> {
        for _ in 0..ROUNDS {
            match self.newton_round(y)? {
                None => return Ok(false),
                Some(0 | 1) => return Ok(true),
                Some(_) => {}
            }
        }
        Ok(true)
    }

    /// One round; the number of corrections it took, if it converged.
    fn newton_round(&mut self, y: &mut [f64]) -> Result<Option<usize>, ErrorKind> {
        self.trial.copy_from_slice(y);
        self.problem.rhs(self.t, y, &mut self.f);
        let mut damping: f64 = 0.5;
        for iteration in 0..ITERATIONS {
            self.problem.check()?;
            self.problem.statistics.steps += 1;
            let trial = std::mem::take(&mut self.trial);
            let size =
                if self.correction(&trial, 0.0) { self.problem.largest(&self.step, y, &trial) } else { f64::INFINITY };
            self.trial = trial;
            if !size.is_finite() {
                return Ok(None);
            }
            if size <= ENOUGH {
                y.iter_mut().zip(self.trial.iter().zip(&self.step)).for_each(|(y, (x, s))| *y = x + s);
                return Ok(Some(iteration));
            }
            // Natural monotonicity (P. Deuflhard, Newton Methods for Nonlinear Problems, section 3.3).
            damping = (2.0 * damping).min(1.0);
            self.trial.iter_mut().zip(&self.step).for_each(|(x, s)| *x += damping * s);
            loop {
                self.problem.rhs(self.t, &self.trial, &mut self.f);
                self.next.copy_from_slice(&self.f);
                self.w.solve(&mut self.next);
                if self.problem.largest(&self.next, y, &self.trial) <= (1.0 - 0.25 * damping) * size {
                    break;
                }
                if size <= ROUNDED {
                    y.copy_from_slice(&self.trial);
                    return Ok(Some(iteration));
                }
                damping *= 0.5;
                if damping < LEAST_DAMPING {
                    return Ok(None);
                }
                self.trial.iter_mut().zip(&self.step).for_each(|(x, s)| *x -= damping * s);
            }
        }
        Ok(None)
    }

    /// `step = (shift·M − J(y))⁻¹ f`, with `f` as it stands; whether there is one.
    fn correction(&mut self, y: &[f64], shift: f64) -> bool {
        self.problem.jacobian(self.t, y, &mut self.values);
        self.problem.statistics.factorizations += 1;
        self.step.copy_from_slice(&self.f);
        let factored = self.w.factor(shift, &self.values);
        if factored {
            self.w.solve(&mut self.step);
        }
        factored && self.step.iter().all(|x| x.is_finite())
    }

    /// Pseudo-transient continuation: linearly implicit Euler steps, each as long as f is nearly linear over it (the second
    /// correction of Newton's iteration for the implicit step tells); whether it converged. Conserved sums stay.
    fn transient(&mut self, y: &mut [f64]) -> Result<bool, ErrorKind> {
        self.problem.rhs(self.t, y, &mut self.f);
        // A first step that changes no state by more than a hundredth of itself or of the largest.
        let most = y.iter().fold(0.0, |most: f64, y| most.max(y.abs()));
        let floor = (0.01 * most).max(f64::MIN_POSITIVE);
        let rate = self.f.iter().zip(&*y).map(|(f, y)| (f / (y.abs() + floor)).abs()).fold(0.0, f64::max);
        if !rate.is_finite() {
            return Ok(false);
        }
        let mut h = (0.01 / rate.max(1e-15)).max(1e-15);
        let mut f = self.f.clone();
        let mut rest = None;
        let signed = y[..self.own].iter().any(|y| *y < 0.0);
        for _ in 0..TRANSIENT {
            self.problem.check()?;
            self.problem.statistics.steps += 1;
            let mut bend = f64::INFINITY;
            let mut size = f64::INFINITY;
            if self.correction(y, 1.0 / h) {
                self.trial.iter_mut().zip(y.iter().zip(&self.step)).for_each(|(x, (y, s))| *x = y + s);
                let projected = match &mut self.projection {
                    Some(projection) => projection.project(self.problem, self.t, &mut self.trial).is_ok(),
                    None => true,
                };
                self.problem.rhs(self.t, &self.trial, &mut self.f);
                self.next.copy_from_slice(&self.f);
                let step = self.step.iter().enumerate();
                let algebraic = &self.problem.algebraic;
                step.filter(|(k, _)| !algebraic.get(*k).copied().unwrap_or(false))
                    .for_each(|(k, s)| self.next[k] -= s / h);
                self.w.solve(&mut self.next);
                size = self.problem.largest(&self.step, y, &self.trial);
                // Quantities that begin without a minus sign, such as amounts, run away once they have one.
                if projected && (signed || self.keeps_signs(&self.trial[..self.own])) {
                    bend = self.problem.largest(&self.next, y, &self.trial) / size.max(f64::MIN_POSITIVE);
                }
            }
            if bend.is_nan() || bend == f64::INFINITY || (bend > 0.5 && size > ROUNDED) {
                self.f.copy_from_slice(&f);
                self.problem.statistics.rejected += 1;
                h *= 0.25;
                if h * rate < 1e-14 {
                    return Ok(false);
                }
                continue;
            }
            // A short step changes little because it is short: longer ones have to change as little. Of those only the
            // rounding counts that h times over moves conserved sums, so the values of the first stay.
            match rest {
                Some(first) if size <= ROUNDED && h >= FAR * first => return Ok(true),
                Some(_) if size <= ROUNDED => self.f.copy_from_slice(&f),
                _ => {
                    y.copy_from_slice(&self.trial);
                    f.copy_from_slice(&self.f);
                    rest = (size <= ENOUGH).then_some(h);
                }
            }
            let factor = (0.25 / bend.max(f64::MIN_POSITIVE)).clamp(0.5, 10.0);
            h = (h * if rest.is_some() { 100.0 } else { factor }).min(LONGEST);
            if rest.is_some() && h == LONGEST {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Follows the solution until it rests, then Newton's iteration or, where that leads elsewhere, the pseudo-transient.
    /// From a solution that does not come to rest, Newton's iteration starts at its mean: the state it turns around.
    fn time(&mut self, y: &mut [f64], p: &[f64], most: u64) -> Result<bool, ErrorKind> {
        let events = self.problem.system.events();
        if self.problem.system.shape().time_dependent || events.is_some() {
            // Time has been stopped, and events are not to happen.
            return Ok(false);
        }
        let options =
            Options { t1: f64::INFINITY, max_steps: most, save: Save::At(Vec::new()), ..self.options.clone() };
        let (system, mut end) = (self.problem.system, None);
        let result = integrate_to(system, y, p, &options, &mut end);
        self.count(match &result {
            Ok(solution) => &solution.statistics,
            Err(failure) => &failure.partial.statistics,
        });
        match result {
            Ok(_) => {}
            Err(Failure { kind: kind @ (ErrorKind::Interrupted | ErrorKind::TooMuchTime(_)), .. }) => return Err(kind),
            Err(Failure { kind: ErrorKind::NotSteady(_), time, .. })
                if time > options.t0 && self.projection.is_none() =>
            {
                let half = 0.5 * (time - options.t0);
                let points = (0..MEAN).map(|k| options.t0 + half + half * f64::from(k) / f64::from(MEAN - 1));
                let again = Options { t1: time, save: Save::At(points.collect()), ..options };
                let Ok(solution) = integrate_to(system, y, p, &again, &mut None) else { return Ok(false) };
                self.count(&solution.statistics);
                for (k, y) in y.iter_mut().enumerate() {
                    *y = solution.state(k).iter().sum::<f64>() / f64::from(MEAN);
                }
                return self.newton(y);
            }
            Err(_) => return Ok(false),
        }
        let Some(rest) = end.filter(|end| end.settled).map(|end| end.y) else { return Ok(false) };
        y.copy_from_slice(&rest);
        if self.projection.is_none() && self.newton(y)? {
            let moved: Vec<f64> = y.iter().zip(&rest).map(|(y, rest)| y - rest).collect();
            if self.problem.largest(&moved, &rest, &rest) <= 100.0 {
                return Ok(true);
            }
        }
        y.copy_from_slice(&rest);
        self.transient(y)
    }

    fn count(&mut self, run: &Statistics) {
        let all = &mut self.problem.statistics;
        all.steps += run.steps;
        all.rejected += run.rejected;
        all.rhs += run.rhs;
        all.jacobians += run.jacobians;
        all.factorizations += run.factorizations;
    }

    fn state(&mut self, y: Vec<f64>, approach: Approach) -> SteadyState {
        let mut left = vec![0.0; y.len()];
        self.problem.rhs(self.t, &y, &mut left);
        let eigenvalues = self.spectrum(&y);
        let stability = stability(eigenvalues.as_deref());
        SteadyState {
            y,
            left,
            approach,
            iterations: 0,
            last_resort: false,
            stability,
            eigenvalues,
            statistics: Statistics::default(),
        }
    }

    /// The eigenvalues of ∂f/∂y, algebraic unknowns eliminated: A − B D⁻¹ C.
    fn spectrum(&mut self, y: &[f64]) -> Option<Vec<(f64, f64)>> {
        let n = self.own;
        if n > LARGEST {
            return None;
        }
        self.problem.jacobian(self.t, y, &mut self.values);
        let pattern = self.problem.system.jacobian_pattern();
        let algebraic: Vec<usize> = self.problem.system.shape().algebraic.iter().copied().filter(|k| *k < n).collect();
        let rest: Vec<usize> = (0..n).filter(|k| !algebraic.contains(k)).collect();
        let part = |rows: &[usize], columns: &[usize]| -> Vec<f64> {
            let value = |i: &usize, j: &usize| pattern.place(*i, *j).map_or(0.0, |place| self.values[place]);
            columns.iter().flat_map(|j| rows.iter().map(move |i| value(i, j))).collect()
        };
        let (m, a) = (rest.len(), algebraic.len());
        let mut matrix = part(&rest, &rest);
        if a > 0 {
            let mut lu = DenseLu::new(a);
            lu.matrix_mut().copy_from_slice(&part(&algebraic, &algebraic));
            if !lu.factor() {
                return None;
            }
            let (b, mut c) = (part(&rest, &algebraic), part(&algebraic, &rest));
            for (j, column) in c.chunks_exact_mut(a).enumerate() {
                lu.solve(column);
                for (b, x) in b.chunks_exact(m).zip(column.iter()) {
                    matrix[j * m..(j + 1) * m].iter_mut().zip(b).for_each(|(m, b)| *m -= b * x);
                }
            }
        }
        eigenvalues(m, &matrix)
    }

    /// The state that is farthest from rest at the start.
    fn not_steady(&mut self, y0: &[f64]) -> ErrorKind {
        self.problem.rhs(self.t, y0, &mut self.f);
        ErrorKind::NotSteady(self.problem.worst(&self.f, y0))
    }
}

/// What eigenvalues say; the error of each is of the size of rounding in the largest.
fn stability(eigenvalues: Option<&[(f64, f64)]>) -> Stability {
    let Some(list) = eigenvalues else { return Stability::Unknown };
    let largest = list.iter().map(|(re, im)| re.abs().max(im.abs())).fold(0.0, f64::max);
    let rounding = 8.0 * f64::EPSILON * largest * (list.len() as f64).sqrt();
    let count = |test: &dyn Fn(f64) -> bool| list.iter().filter(|(re, _)| test(*re)).count();
    match (count(&|re| re > rounding), count(&|re| re.abs() <= rounding)) {
        (0, 0) => Stability::Stable,
        (0, n) => Stability::Marginal(n),
        (n, _) => Stability::Unstable(n),
    }
}
