//! Factorisations of `W = s·I − J` with pivoting: dense, banded or sparse, by pattern. They serve where no pivots can be
//! planned, and where planned ones turned out bad.

use super::band::BandLu;
use super::shifted::TooLarge;
use super::strategy::{Kind, NEVER_DENSE};
use super::{DenseLu, Pattern, reverse_cuthill_mckee};

/// Up to this dimension W is dense whatever its pattern.
const ALWAYS_DENSE: usize = 40;

/// Which factorisation is used.
enum Factor {
    Dense(DenseLu),
    /// With the unknowns in another order, and room for a right side in it.
    Band(BandLu, Vec<usize>, Vec<f64>),
    #[cfg(feature = "sparse")]
    Sparse(Box<super::sparse::SparseLu>),
}

/// `W = s·I − J` and its factorisation with pivoting.
pub struct Pivoted {
    n: usize,
    factor: Factor,
    /// Place of each Jacobian value in the factor's storage.
    places: Vec<usize>,
    /// Places of the diagonal where the shift enters.
    diagonal: Vec<usize>,
}

impl Pivoted {
    /// Of a kind chosen for the pattern; one that cannot be had gives way to a more general one.
    ///
    /// # Errors
    /// [`TooLarge`] where only a dense factorisation is available and it would not fit.
    pub fn new(pattern: &Pattern, kind: Kind) -> Result<Self, TooLarge> {
        let n = pattern.nrows();
        if kind == Kind::Banded
            && let Some((order, lower, upper)) = narrow_band(pattern)
        {
            let mut place = vec![0; n];
            order.iter().enumerate().for_each(|(k, i)| place[*i] = k);
            let band = BandLu::new(n, lower, upper);
            let places = columns(pattern).map(|(i, j)| band.place(place[i], place[j])).collect();
            let diagonal = (0..n).filter(|j| pattern.is_differential(order[*j])).map(|j| band.place(j, j)).collect();
            return Ok(Pivoted { n, factor: Factor::Band(band, order, vec![0.0; n]), places, diagonal });
        }
        #[cfg(feature = "sparse")]
        if kind != Kind::Dense {
            let mut pairs: Vec<(usize, usize)> = columns(pattern).collect();
            pairs.extend((0..n).map(|j| (j, j)));
            let (with_diagonal, places) = Pattern::from_pairs(n, n, &pairs);
            if let Some(sparse) = super::sparse::SparseLu::new(&with_diagonal) {
                let diagonal =
                    (0..n).filter(|j| pattern.is_differential(*j)).map(|j| places[pattern.nnz() + j]).collect();
                let places = places[..pattern.nnz()].to_vec();
                return Ok(Pivoted { n, factor: Factor::Sparse(Box::new(sparse)), places, diagonal });
            }
        }
        if n > NEVER_DENSE {
            return Err(TooLarge(8 * (n as u64) * (n as u64)));
        }
        let places = columns(pattern).map(|(i, j)| j * n + i).collect();
        let diagonal = (0..n).filter(|j| pattern.is_differential(*j)).map(|j| j * (n + 1)).collect();
        Ok(Pivoted { n, factor: Factor::Dense(DenseLu::new(n)), places, diagonal })
    }

    /// Whatever suits the pattern without planning.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn general(pattern: &Pattern) -> Result<Self, TooLarge> {
        let n = pattern.nrows();
        let full = n <= ALWAYS_DENSE || (n <= NEVER_DENSE && pattern.nnz() >= n * n / 8);
        Self::new(pattern, if full { Kind::Dense } else { Kind::Banded })
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self.factor {
            Factor::Dense(_) => Kind::Dense,
            Factor::Band(..) => Kind::Banded,
            #[cfg(feature = "sparse")]
            Factor::Sparse(_) => Kind::Sparse,
        }
    }

    /// Roughly how many operations a factorisation and a solve take.
    pub fn cost(&self) -> (f64, f64) {
        let n = self.n as f64;
        match &self.factor {
            Factor::Dense(_) => (2.0 / 3.0 * n * n * n, 2.0 * n * n),
            Factor::Band(lu, ..) => lu.cost(),
            // Fill-in multiplies the entries some five times.
            #[cfg(feature = "sparse")]
            Factor::Sparse(_) => (100.0 * self.places.len() as f64, 10.0 * self.places.len() as f64),
        }
    }

    /// Assembles `shift·I − J` and factorises it; false if it is singular.
    pub fn factor(&mut self, shift: f64, jacobian: &[f64]) -> bool {
        let storage = match &mut self.factor {
            Factor::Dense(lu) => lu.matrix_mut(),
            Factor::Band(lu, ..) => lu.values_mut(),
            #[cfg(feature = "sparse")]
            Factor::Sparse(lu) => lu.values_mut(),
        };
        storage.fill(0.0);
        for (place, value) in self.places.iter().zip(jacobian) {
            storage[*place] = -value;
        }
        for place in &self.diagonal {
            storage[*place] += shift;
        }
        match &mut self.factor {
            Factor::Dense(lu) => lu.factor(),
            Factor::Band(lu, ..) => lu.factor(),
            #[cfg(feature = "sparse")]
            Factor::Sparse(lu) => lu.factor(),
        }
    }

    /// Solves `W x = b` in place.
    pub fn solve(&mut self, b: &mut [f64]) {
        debug_assert_eq!(b.len(), self.n);
        match &mut self.factor {
            Factor::Dense(lu) => lu.solve(b),
            Factor::Band(lu, order, x) => {
                x.iter_mut().zip(order.iter()).for_each(|(x, i)| *x = b[*i]);
                lu.solve(x);
                x.iter().zip(order.iter()).for_each(|(x, i)| b[*i] = *x);
            }
            #[cfg(feature = "sparse")]
            Factor::Sparse(lu) => lu.solve(b),
        }
    }
}

/// An order of the unknowns in which the matrix is a narrow band, with its numbers of sub- and super-diagonals.
pub fn narrow_band(pattern: &Pattern) -> Option<(Vec<usize>, usize, usize)> {
    let n = pattern.nrows();
    // More entries than a narrow band can hold: no need to look for one.
    if pattern.nnz() > 64 * n {
        return None;
    }
    let order = reverse_cuthill_mckee(pattern);
    let mut place = vec![0; n];
    order.iter().enumerate().for_each(|(k, i)| place[*i] = k);
    let (mut lower, mut upper) = (0, 0);
    for (i, j) in columns(pattern) {
        lower = lower.max(place[i].saturating_sub(place[j]));
        upper = upper.max(place[j].saturating_sub(place[i]));
    }
    let width = 2 * lower + upper;
    (width < n / 4 && width < 64).then_some((order, lower, upper))
}

/// (row, column) of every place, in order.
fn columns(pattern: &Pattern) -> impl Iterator<Item = (usize, usize)> + '_ {
    (0..pattern.ncols()).flat_map(move |j| pattern.column(j).map(move |k| (pattern.rows()[k], j)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Residual of W x = b for a pattern, relative to b.
    fn residual(n: usize, pairs: &[(usize, usize)], kind: Kind) -> f64 {
        let (pattern, places) = Pattern::from_pairs(n, n, pairs);
        let mut jacobian = vec![0.0; pattern.nnz()];
        places.iter().enumerate().for_each(|(k, place)| jacobian[*place] = ((k * 37) % 19) as f64 / 19.0 - 0.4);
        let mut w = Pivoted::general(&pattern).unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(w.kind(), kind);
        assert!(w.factor(3.0, &jacobian));
        let b: Vec<f64> = (0..n).map(|k| (k % 7) as f64 - 3.0).collect();
        let mut x = b.clone();
        w.solve(&mut x);
        let mut r: Vec<f64> = b.iter().zip(&x).map(|(b, x)| b - 3.0 * x).collect();
        for (k, (i, j)) in columns(&pattern).enumerate() {
            r[i] += jacobian[k] * x[j];
        }
        r.iter().fold(0.0, |most: f64, r| most.max(r.abs()))
    }

    #[test]
    fn every_kind_solves() {
        let dense: Vec<_> = (0..12).flat_map(|i| (0..12).map(move |j| (i, j))).collect();
        assert!(residual(12, &dense, Kind::Dense) < 1e-12);
        let band: Vec<_> =
            (0..100usize).flat_map(|j| (j.saturating_sub(2)..(j + 2).min(100)).map(move |i| (i, j))).collect();
        assert!(residual(100, &band, Kind::Banded) < 1e-12);
        if cfg!(feature = "sparse") {
            let scattered: Vec<_> =
                (0..300usize).flat_map(|j| [(j, j), ((7 * j + 3) % 300, j), ((31 * j) % 300, j)]).collect();
            assert!(residual(300, &scattered, Kind::Sparse) < 1e-11);
        }
    }
}
