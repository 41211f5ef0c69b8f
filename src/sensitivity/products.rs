//! Jᵀμ and (∂f/∂p)ᵀμ in one pass, by a function of the system ([`System::pull`]). The sums by parameters stay where the function
//! adds to them until they are asked for: a sweep back through many steps reads each of them once.

use std::sync::Arc;

use crate::solve::problem::Problem;
use crate::system::{Pull, System};

/// Such a function with its memory, made when first asked for.
pub struct Products {
    /// Of J v + τ ∂f/∂t in the place of f.
    curved: bool,
    made: Option<Option<Made>>,
}

struct Made {
    of: Arc<dyn Pull>,
    n: usize,
    /// Number of parameters and discrete quantities.
    columns: usize,
    /// Sums by states, sums by parameters, and what the function needs besides.
    work: Vec<f64>,
    before: Vec<f64>,
}

impl Made {
    fn new(system: &dyn System, curved: bool) -> Option<Self> {
        let (of, shape) = (system.pull(curved)?, system.shape());
        let (columns, work) = (shape.discretes_at + shape.discretes.len(), vec![0.0; of.work()]);
        Some(Made { of, n: shape.dim(), columns, work, before: vec![0.0; columns] })
    }
}

impl Products {
    /// Of f, or with `curved` of J v + τ ∂f/∂t.
    pub fn new(curved: bool) -> Self {
        Products { curved, made: None }
    }

    /// Adds to `sum` what the state at (t, y) counts for; `direction` ends with μ. False if that cannot be said, and nothing has
    /// been done: a slope that is no number where μ is 0 counts for nothing, which products do not know.
    #[must_use]
    pub fn add(&mut self, problem: &Problem, t: f64, y: &[f64], direction: &[f64], sum: &mut [f64]) -> bool {
        let made = self.made.get_or_insert_with(|| Made::new(problem.system, self.curved));
        let Some(Made { of, n, columns, work, before }) = made else { return false };
        let (n, sums) = (*n, *n..*n + *columns);
        let partial = direction[direction.len() - n..].contains(&0.0);
        if partial {
            before.copy_from_slice(&work[sums.clone()]);
        }
        work[..n].copy_from_slice(sum);
        of.add(problem.inside(t), y, problem.parameters(), direction, work);
        if partial && work[..sums.end].iter().any(|x| !x.is_finite()) {
            work[sums].copy_from_slice(before);
            return false;
        }
        sum.copy_from_slice(&work[..n]);
        true
    }

    /// Forgets the sums by parameters.
    pub fn clear(&mut self) {
        if let Some(Some(made)) = &mut self.made {
            made.work[made.n..made.n + made.columns].fill(0.0);
        }
    }

    /// Moves the sums by parameters to a gradient.
    pub fn take(&mut self, gradient: &mut [f64]) {
        if let Some(Some(made)) = &mut self.made {
            for (sum, more) in gradient.iter_mut().zip(&mut made.work[made.n..]) {
                *sum += std::mem::take(more);
            }
        }
    }
}
