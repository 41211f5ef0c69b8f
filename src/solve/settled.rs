//! When a run may end because nothing changes any more.

use super::problem::Problem;
use crate::linalg::Shifted;

/// How much longer than the run so far the linearised equations are looked ahead.
const AHEAD: f64 = 1e12;

/// Watches a run for the end of change.
///
/// A slow slope alone says little: at the start of a run, and on the plateau between a fast and a slow process, little
/// changes for as long as has been looked at. So two things are asked. The slope would change no state by more than its
/// tolerance in as long again as the run has taken, which is cheap to see; and the equations linearised here go no farther
/// than that however long one waits: `(1/H − J)⁻¹ f` with H so large that only what moves slower than anything in the
/// run is left out. (With H infinite it is Newton's correction, which does not exist where sums are conserved.)
pub struct Settled {
    w: Shifted,
    values: Vec<f64>,
    f: Vec<f64>,
}

impl Settled {
    /// For a problem; `w` is its W.
    pub fn new(problem: &Problem, w: Shifted) -> Self {
        let nnz = problem.system.jacobian_pattern().nnz();
        Settled { w, values: vec![0.0; nnz], f: vec![0.0; problem.dim()] }
    }

    /// Whether a run that began `passed` ago and stands at (t, y) has come to its end.
    pub fn reached(&mut self, problem: &mut Problem, t: f64, y: &[f64], passed: f64) -> bool {
        problem.rhs(t, y, &mut self.f);
        problem.clear_algebraic(&mut self.f);
        if problem.largest(&self.f, y, y) * passed > 1.0 {
            return false;
        }
        problem.jacobian(t, y, &mut self.values);
        if !self.w.factor(1.0 / (AHEAD * passed), &self.values) {
            return false;
        }
        self.w.solve(&mut self.f);
        problem.largest(&self.f, y, y) <= 1.0
    }

    /// The state that changed most when last looked at.
    pub fn worst(&self, problem: &Problem, y: &[f64]) -> String {
        problem.worst(&self.f, y)
    }
}
