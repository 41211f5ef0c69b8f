//! Explicit Runge–Kutta methods as data: one constant per method, in its own file.

use crate::system::{ErrorFormula, ExplicitFormula};

/// An explicit method whose last stage is evaluated at the new point (first same as last).
pub struct Explicit {
    /// The name on the command line.
    pub name: &'static str,
    /// Order of the solution.
    pub order: u32,
    /// Order of the error estimate: the estimate falls as h^(order + 1).
    pub error_order: u32,
    /// Nodes, one per stage; stages beyond those of a row of `a` serve the interpolant only.
    pub c: &'static [f64],
    /// Row i holds the i weights of the stages before; the row of the last stage of a step is b.
    pub a: &'static [&'static [f64]],
    /// Number of stages of a step, the one at the new point included.
    pub stages: usize,
    /// The error estimate.
    pub error: ErrorEstimate,
    /// The interpolant.
    pub dense: Dense,
    /// Where the stability region ends on the negative real axis.
    pub real_stability: f64,
}

/// How the error of a step is estimated.
pub enum ErrorEstimate {
    /// `h Σ e_i k_i` with e = b − b̂.
    Weights(&'static [f64]),
    /// Two estimates of orders 3 and 5, combined as H&N&W II.10 (their `dop853`).
    Pair(&'static [f64], &'static [f64]),
}

/// How the solution inside a step is found from its stages.
pub enum Dense {
    /// `y0 + h Σ b_i(θ) k_i`.
    Weights(fn(f64) -> [f64; 7]),
    /// `y0 + h Σ b_i(θ) k_i` with `b_i(θ) = Σ_j row_i[j] θ^(j+1)`; an empty row is 0. Stages of `a` beyond those of a step
    /// are evaluated when first asked for.
    Polynomials(&'static [&'static [f64]]),
    /// H&N&W II.6: order 7 with the extra stages of `a` and these four rows.
    Rows(&'static [[f64; 16]; 4]),
}

impl Explicit {
    /// Checks row sums, Σb = 1 and that error weights sum to 0; used in `const` position a wrong digit does not compile.
    pub const fn checked(self) -> Self {
        let mut i = 0;
        while i < self.a.len() {
            let (mut sum, mut j) = (0.0, 0);
            assert!(self.a[i].len() == i, "a row of a has the wrong length");
            while j < i {
                sum += self.a[i][j];
                j += 1;
            }
            assert!((sum - self.c[i]).abs() < 1e-13, "a row does not sum to its node");
            i += 1;
        }
        assert!(self.c[self.stages - 1] == 1.0, "the last stage is not at the new point");
        match &self.error {
            ErrorEstimate::Weights(e) => assert!(sums_to_zero(e)),
            ErrorEstimate::Pair(e3, e5) => assert!(sums_to_zero(e3) && sums_to_zero(e5)),
        }
        self
    }

    /// Whether the last two stages stand at the same time, so that their difference measures stiffness.
    pub const fn twins(&self) -> bool {
        self.c[self.stages - 2] == 1.0
    }

    /// The step as a system is asked for it.
    pub fn formula(&self) -> ExplicitFormula<'static> {
        let error = match self.error {
            ErrorEstimate::Weights(weights) => ErrorFormula::Weights(weights),
            ErrorEstimate::Pair(third, fifth) => ErrorFormula::Pair(third, fifth),
        };
        let interpolant: &[_] = if let Dense::Rows(rows) = self.dense { rows } else { &[] };
        ExplicitFormula { name: self.name, c: self.c, a: self.a, stages: self.stages, error, interpolant }
    }

    /// The weights of the solution.
    pub const fn b(&self) -> &'static [f64] {
        self.a[self.stages - 1]
    }
}

const fn sums_to_zero(e: &[f64]) -> bool {
    let (mut sum, mut i) = (0.0, 0);
    while i < e.len() {
        sum += e[i];
        i += 1;
    }
    sum.abs() < 1e-13
}
