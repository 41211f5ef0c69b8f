//! What collocation methods are made of: the formula as data, and what follows from it.

use crate::system::CollocationFormula;

/// Stages of the largest method.
pub const MOST: usize = 7;

/// A Radau IIA method of s stages and order 2s − 1.
pub type Radau = CollocationFormula<'static>;

/// 1/(c_i Π (c_i − c_k)), of [`CollocationFormula::lagrange`].
pub const fn lagrange<const S: usize>(c: &[f64; S]) -> [f64; S] {
    let mut all = [0.0; S];
    let mut i = 0;
    while i < S {
        let (mut product, mut k) = (c[i], 0);
        while k < S {
            if k != i {
                product *= c[i] - c[k];
            }
            k += 1;
        }
        all[i] = 1.0 / product;
        i += 1;
    }
    all
}

impl CollocationFormula<'_> {
    /// Number of stages.
    pub const fn stages(&self) -> usize {
        self.c.len()
    }

    /// A⁻¹ = T Λ T⁻¹, by rows.
    pub fn inverse_matrix(&self) -> impl Iterator<Item = f64> + '_ {
        let s = self.stages();
        (0..s * s).map(move |at| {
            let (t, inverse) = (self.t[at / s], |k: usize| self.inverse[k][at % s]);
            let mut sum = self.gamma * t[0] * inverse(0);
            for (k, (alpha, beta)) in self.pairs.iter().enumerate() {
                let (x, y) = (1 + 2 * k, 2 + 2 * k);
                sum += t[x] * (alpha * inverse(x) + beta * inverse(y));
                sum += t[y] * (alpha * inverse(y) - beta * inverse(x));
            }
            sum
        })
    }

    /// Weights of the z in the collocation polynomial's difference from y at `theta` (Lagrange on 0 and the nodes).
    pub fn dense_weights(&self, theta: f64, weights: &mut [f64]) {
        // Π (θ − c_k) over the nodes before one on the way up, over those behind it on the way down.
        let mut product = theta;
        for ((w, c), over) in weights.iter_mut().zip(self.c).zip(self.lagrange) {
            *w = product * over;
            product *= theta - c;
        }
        let mut product = 1.0;
        for (w, c) in weights.iter_mut().zip(self.c).rev() {
            *w *= product;
            product *= theta - c;
        }
    }

    /// Newton iterations after which a step is given up.
    pub fn most_iterations(&self) -> i32 {
        7 + 5 * (self.stages() as i32 - 3) / 2
    }
}
