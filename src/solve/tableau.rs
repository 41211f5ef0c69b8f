//! Tableaus of explicit Runge–Kutta methods as data, checked when compiled.

/// An explicit method of S stages whose last stage is evaluated at the new point (first same as last).
pub struct Explicit<const S: usize> {
    /// Order of the solution.
    pub order: u32,
    /// Order of the embedded solution.
    pub embedded: u32,
    /// Nodes.
    pub c: [f64; S],
    /// Row i has i coefficients that count; the last row is b.
    pub a: [[f64; S]; S],
    /// b − b̂.
    pub error: [f64; S],
    /// Where the method's stability region ends on the negative real axis.
    pub real_stability: f64,
}

impl<const S: usize> Explicit<S> {
    /// The weights of the solution: the last row of a.
    pub const fn b(&self) -> &[f64; S] {
        &self.a[S - 1]
    }

    /// Checks row sums, Σb = 1, Σ(b − b̂) = 0 and first-same-as-last; a wrong digit does not compile.
    pub const fn checked(self) -> Self {
        let mut i = 0;
        let mut error_sum = 0.0;
        while i < S {
            let (mut sum, mut j) = (0.0, 0);
            while j < S {
                sum += self.a[i][j];
                assert!(j < i || self.a[i][j] == 0.0, "not explicit");
                j += 1;
            }
            assert!((sum - self.c[i]).abs() < 1e-13, "a row does not sum to its node");
            error_sum += self.error[i];
            i += 1;
        }
        assert!(self.c[S - 1] == 1.0, "the last stage is not at the new point");
        assert!(error_sum.abs() < 1e-13, "the error weights do not sum to 0");
        self
    }
}
