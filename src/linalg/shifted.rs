//! The matrix every implicit method solves with: `W = s·I − J` with s = 1/(γh), by whatever [`super::choose`] says suits
//! its pattern.
//!
//! Planned pivots (an [`Eliminator`]) are checked with the first solution of every factorisation. One that is not good is
//! found again with pivoting, which then serves until W changes. At the first such case pivots are chosen anew from the
//! values at hand; where those fail too, a few times, planning is given up.

use std::sync::Arc;

use super::krylov::Krylov;
use super::pivoted::Pivoted;
use super::strategy::{Kind, STRAIGHT, Strategy};
use super::valued::plan_for_values;
use super::{Eliminator, Pattern, TableEliminator};

/// After this many factorisations whose planned pivots were bad, planning is given up.
const PATIENCE: u64 = 5;

/// `W = s·I − J` and its factorisation.
pub struct Shifted {
    pattern: Pattern,
    kind: Kind,
    planned: Option<Planned>,
    pivoted: Option<Pivoted>,
    krylov: Option<Box<Krylov>>,
    /// Whether the factorisation at hand is the pivoted one.
    pivoting: bool,
    replanned: bool,
    fallbacks: u64,
}

/// A factorisation with planned pivots.
struct Planned {
    code: Arc<dyn Eliminator>,
    factors: Vec<f64>,
    scratch: Vec<f64>,
    b: Vec<f64>,
    shift: f64,
    /// The Jacobian's values of the factorisation at hand.
    jacobian: Vec<f64>,
    /// Whether a solution has been checked since.
    checked: bool,
}

impl Planned {
    fn new(code: Arc<dyn Eliminator>, pattern: &Pattern) -> Self {
        let (factors, scratch) = code.lengths();
        Planned {
            code,
            factors: vec![0.0; factors],
            scratch: vec![0.0; scratch],
            b: vec![0.0; pattern.nrows()],
            shift: 0.0,
            jacobian: vec![0.0; pattern.nnz()],
            checked: false,
        }
    }

    fn factor(&mut self, shift: f64, jacobian: &[f64]) {
        self.shift = shift;
        self.jacobian.copy_from_slice(jacobian);
        self.code.factor(shift, jacobian, &mut self.factors);
        self.checked = false;
    }

    /// Solves with `b` in place; false if the first solution of the factorisation is not good, which `b` then holds.
    #[inline]
    fn solve(&mut self, b: &mut [f64]) -> bool {
        self.b.copy_from_slice(b);
        self.code.solve(&self.factors, &self.b, &mut self.scratch, b);
        if !self.checked {
            self.checked = self.code.check(self.shift, &self.jacobian, b, &self.b, &mut self.scratch);
        }
        self.checked
    }
}

/// W would need more memory than can be had: bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge(pub u64);

impl Shifted {
    /// Chooses a factorisation for a Jacobian's pattern.
    ///
    /// # Errors
    /// [`TooLarge`] where only a dense factorisation is available and it would not fit.
    pub fn new(pattern: &Pattern) -> Result<Self, TooLarge> {
        Self::with(pattern, &Strategy::new(pattern, |_, _| None))
    }

    /// By a strategy made for this pattern.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with(pattern: &Pattern, strategy: &Strategy) -> Result<Self, TooLarge> {
        let mut w = Shifted {
            pattern: pattern.clone(),
            kind: strategy.kind,
            planned: None,
            pivoted: None,
            krylov: None,
            pivoting: false,
            replanned: false,
            fallbacks: 0,
        };
        match (&strategy.eliminator, strategy.kind) {
            (Some(code), _) => w.planned = Some(Planned::new(code.clone(), pattern)),
            (None, Kind::Krylov) => w.krylov = Some(Box::new(Krylov::new(pattern))),
            (None, kind) => {
                w.pivoted = Some(Pivoted::new(pattern, kind)?);
                w.pivoting = true;
            }
        }
        Ok(w)
    }

    /// What kind of factorisation it is, in a word or two.
    pub fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// Whether it is factorised, not iterated with.
    pub fn is_factorised(&self) -> bool {
        self.krylov.is_none()
    }

    /// Whether nothing is known of earlier matrices that a new one would not know: planned pivots have always been good.
    pub fn is_as_made(&self) -> bool {
        self.krylov.is_none() && !self.replanned && self.fallbacks == 0
    }

    /// How often planned pivots were bad.
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks
    }

    /// Iterations of the iterative solver; 0 where W is factorised.
    pub fn iterations(&self) -> u64 {
        self.krylov.as_ref().map_or(0, |krylov| krylov.iterations())
    }

    /// Where W is not factorised but iterated with: solutions shall leave a residual of at most this share of b.
    pub fn set_accuracy(&mut self, accuracy: f64) {
        if let Some(krylov) = &mut self.krylov {
            krylov.set_accuracy(accuracy);
        }
    }

    /// Roughly how many operations a factorisation and a solve take.
    pub fn cost(&self) -> (f64, f64) {
        match (&self.planned, &self.krylov, &self.pivoted) {
            (Some(planned), ..) => planned.code.cost(),
            (_, Some(krylov), _) => krylov.cost(),
            (.., Some(pivoted)) => pivoted.cost(),
            _ => (0.0, 0.0),
        }
    }

    /// Assembles `shift·I − J` and factorises it; false if it is found singular.
    pub fn factor(&mut self, shift: f64, jacobian: &[f64]) -> bool {
        if let Some(planned) = &mut self.planned {
            planned.factor(shift, jacobian);
            self.pivoting = false;
            return true;
        }
        if let Some(krylov) = &mut self.krylov {
            return krylov.factor(shift, jacobian);
        }
        self.pivoted.as_mut().is_some_and(|pivoted| pivoted.factor(shift, jacobian))
    }

    /// The factors as straight-line code with planned pivots left them, for code that solves with them itself; it then owes
    /// [`Self::accepts`] its first solution.
    pub fn planned_factors(&self) -> Option<&[f64]> {
        let straight = self.kind == Kind::Straight && !self.pivoting;
        self.planned.as_ref().filter(|_| straight).map(|planned| planned.factors.as_slice())
    }

    /// Whether x solves `W x = b`: looked at once for a factorisation. If it does not, [`Self::solve`] mends it.
    #[inline]
    pub fn accepts(&mut self, x: &[f64], b: &[f64]) -> bool {
        self.planned.as_mut().is_some_and(|planned| {
            planned.checked =
                planned.checked || planned.code.check(planned.shift, &planned.jacobian, x, b, &mut planned.scratch);
            planned.checked
        })
    }

    /// Solves `W x = b` in place. Where W turns out to be singular, or b is not finite, b becomes NaN.
    #[inline]
    pub fn solve(&mut self, b: &mut [f64]) {
        debug_assert_eq!(b.len(), self.pattern.nrows());
        match &mut self.planned {
            Some(planned) if !self.pivoting => {
                if !planned.solve(b) {
                    self.fall_back(b);
                }
            }
            _ => self.solve_otherwise(b),
        }
    }

    /// Solves `W x = b` in place for k vectors side by side: b is by rows of k numbers. `room` becomes as long as is needed.
    pub fn solve_rows(&mut self, b: &mut [f64], k: usize, room: &mut Vec<f64>) {
        if k == 1 {
            return self.solve(b);
        }
        let n = self.pattern.nrows();
        room.resize(n * k, 0.0);
        let take = |j: usize, b: &[f64], single: &mut [f64]| {
            single.iter_mut().zip(b[j..].iter().step_by(k)).for_each(|(x, b)| *x = *b);
        };
        if !self.pivoting && self.planned.as_ref().is_some_and(|planned| !planned.checked) {
            // Whether pivots are good shows with a first solution.
            take(0, b, &mut room[..n]);
            self.solve(&mut room[..n]);
        }
        let planned = self.planned.as_ref().filter(|planned| planned.checked && !self.pivoting);
        if planned.is_some_and(|planned| planned.code.solve_rows(&planned.factors, k, b, room)) {
            return;
        }
        for j in 0..k {
            take(j, b, &mut room[..n]);
            self.solve(&mut room[..n]);
            b[j..].iter_mut().step_by(k).zip(&room[..n]).for_each(|(b, x)| *b = *x);
        }
    }

    fn solve_otherwise(&mut self, b: &mut [f64]) {
        match (&mut self.krylov, &mut self.pivoted) {
            (Some(krylov), _) => krylov.solve(b),
            (None, Some(pivoted)) => pivoted.solve(b),
            (None, None) => b.fill(f64::NAN),
        }
    }

    /// Planned pivots gave no good solution: pivots from the values at hand, or a factorisation with pivoting.
    #[cold]
    fn fall_back(&mut self, b: &mut [f64]) {
        let Some(planned) = &mut self.planned else { return };
        let finite = |values: &[f64]| values.iter().all(|x| x.is_finite());
        if !finite(&planned.b) || !finite(&planned.jacobian) || !planned.shift.is_finite() {
            // Not the pivots' fault.
            b.fill(f64::NAN);
            return;
        }
        b.copy_from_slice(&planned.b);
        self.fallbacks += 1;
        if !self.replanned {
            self.replanned = true;
            let plan = plan_for_values(&self.pattern, planned.shift, &planned.jacobian, 4 * STRAIGHT);
            if let Some(plan) = plan {
                let mut other = Planned::new(Arc::new(TableEliminator::new(&plan, &self.pattern)), &self.pattern);
                other.factor(planned.shift, &planned.jacobian);
                if other.solve(b) {
                    self.kind = Kind::Table;
                    *planned = other;
                    return;
                }
                b.copy_from_slice(&planned.b);
            }
        }
        if self.pivoted.is_none() {
            self.pivoted = Pivoted::general(&self.pattern).ok();
        }
        let Some(pivoted) = &mut self.pivoted else { return b.fill(f64::NAN) };
        self.pivoting = true;
        if pivoted.factor(planned.shift, &planned.jacobian) {
            pivoted.solve(b);
        } else {
            b.fill(f64::NAN);
        }
        if self.fallbacks > PATIENCE {
            self.kind = pivoted.kind();
            self.planned = None;
        }
    }
}
