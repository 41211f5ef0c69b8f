//! The complex counterpart of [`super::Shifted`]: `W = s·I − J` with a complex shift and a real J, as the transformed
//! stages of Radau methods need it (H&W IV.8).
//!
//! Elimination by tables with pivots planned from the pattern, where a plan pays; its first solution is checked, and where
//! it is not good a factorisation with pivoting takes over: banded (a full matrix being a wide band) or sparse.

use super::band::BandLu;
use super::eliminator::{GOOD, Tables};
use super::pivoted::narrow_band;
use super::shifted::TooLarge;
use super::{Complex, Elimination, Pattern, Scalar};

/// Above so many multiply-adds no pivots are planned.
const PLANNED: usize = 60_000_000;
/// Up to this dimension a matrix without a plan or narrow band is taken as full.
const FULL: usize = if cfg!(feature = "sparse") { 400 } else { 5_000 };
/// After this many factorisations whose planned pivots were bad, planning is given up.
const PATIENCE: u64 = 5;

/// `W = s·I − J` with complex s, and its factorisation.
pub struct ShiftedComplex {
    pattern: Pattern,
    planned: Option<Planned>,
    pivoted: Option<Pivoted>,
    /// Whether the factorisation at hand is the pivoted one.
    pivoting: bool,
    fallbacks: u64,
    /// The right side, then the solution.
    b: Vec<Complex>,
    x: Vec<Complex>,
}

/// A factorisation with planned pivots.
struct Planned {
    tables: Tables,
    cost: (f64, f64),
    shift: Complex,
    jacobian: Vec<f64>,
    factors: Vec<Complex>,
    /// One row spread out, zero between uses.
    row: Vec<Complex>,
    scratch: Vec<Complex>,
    sizes: Vec<f64>,
    /// Whether a solution has been checked since.
    checked: bool,
}

/// A factorisation with pivoting.
struct Pivoted {
    factor: Factor,
    /// Place of each Jacobian value in the factor's storage, and of the diagonal.
    places: Vec<usize>,
    diagonal: Vec<usize>,
}

enum Factor {
    /// With the unknowns in another order, and room for a right side in it.
    Band(BandLu<Complex>, Vec<usize>, Vec<Complex>),
    #[cfg(feature = "sparse")]
    Sparse(Box<super::sparse::SparseLu<faer::c64>>, Vec<faer::c64>),
}

impl ShiftedComplex {
    /// Room for a Jacobian's pattern.
    ///
    /// # Errors
    /// [`TooLarge`] where no factorisation fits.
    pub fn new(pattern: &Pattern) -> Result<Self, TooLarge> {
        let n = pattern.nrows();
        let plan = Elimination::plan(pattern, PLANNED, true).filter(|plan| 2 * plan.full_from > n || n <= 64);
        let planned = plan.map(|plan| Planned::new(&plan, pattern));
        let pivoted = if planned.is_some() { None } else { Some(Pivoted::new(pattern)?) };
        Ok(ShiftedComplex {
            pattern: pattern.clone(),
            pivoting: planned.is_none(),
            planned,
            pivoted,
            fallbacks: 0,
            b: vec![Complex::default(); n],
            x: vec![Complex::default(); n],
        })
    }

    /// How often planned pivots were bad.
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks
    }

    /// Roughly how many operations a factorisation and a solve take.
    pub fn cost(&self) -> (f64, f64) {
        match (&self.planned, &self.pivoted) {
            (Some(planned), _) => planned.cost,
            (None, Some(pivoted)) => pivoted.cost(),
            (None, None) => (0.0, 0.0),
        }
    }

    /// Whether planned pivots have always been good: then nothing is known of earlier matrices.
    pub fn is_as_made(&self) -> bool {
        self.fallbacks == 0
    }

    /// Assembles `shift·I − J` and factorises it; false if it is found singular.
    pub fn factor(&mut self, shift: Complex, jacobian: &[f64]) -> bool {
        if let Some(planned) = &mut self.planned {
            planned.factor(shift, jacobian);
            self.pivoting = false;
            return true;
        }
        self.pivoted.as_mut().is_some_and(|pivoted| pivoted.factor(shift, jacobian))
    }

    /// Solves `W (x + i y) = re + i·im` in place. Where W turns out to be singular, they become NaN.
    pub fn solve(&mut self, re: &mut [f64], im: &mut [f64]) {
        for ((b, re), im) in self.b.iter_mut().zip(re.iter()).zip(im.iter()) {
            *b = Complex { re: *re, im: *im };
        }
        match (&mut self.planned, &mut self.pivoted) {
            (Some(planned), _) if !self.pivoting => {
                planned.tables.solve(&planned.factors, &self.b, &mut planned.scratch, &mut self.x);
                if !planned.checked {
                    let Planned { shift, jacobian, scratch, sizes, .. } = planned;
                    let matrix = (*shift, jacobian.as_slice());
                    planned.checked = nearby(&self.pattern, matrix, &self.x, &self.b, scratch, sizes);
                    if !planned.checked {
                        self.fall_back();
                    }
                }
            }
            (_, Some(pivoted)) => pivoted.solve(&self.b, &mut self.x),
            _ => self.x.fill(Complex::from(f64::NAN)),
        }
        for ((x, re), im) in self.x.iter().zip(re.iter_mut()).zip(im.iter_mut()) {
            (*re, *im) = (x.re, x.im);
        }
    }

    /// Planned pivots gave no good solution: a factorisation with pivoting.
    #[cold]
    fn fall_back(&mut self) {
        self.x.fill(Complex::from(f64::NAN));
        let Some(planned) = &self.planned else { return };
        let finite = planned.jacobian.iter().all(|x| x.is_finite()) && planned.shift.size().is_finite();
        if !finite || self.b.iter().any(|b| !b.size().is_finite()) {
            // Not the pivots' fault.
            return;
        }
        self.fallbacks += 1;
        if self.pivoted.is_none() {
            self.pivoted = Pivoted::new(&self.pattern).ok();
        }
        let Some(pivoted) = &mut self.pivoted else { return };
        self.pivoting = true;
        if pivoted.factor(planned.shift, &planned.jacobian) {
            pivoted.solve(&self.b, &mut self.x);
        }
        if self.fallbacks > PATIENCE {
            self.planned = None;
        }
    }
}

impl Planned {
    fn new(plan: &Elimination, pattern: &Pattern) -> Self {
        let n = pattern.nrows();
        let tables = Tables::new(plan, pattern);
        let zeros = |n: usize| vec![Complex::default(); n];
        Planned {
            // A complex multiply-add is four real ones.
            cost: (8.0 * plan.multiply_adds as f64 + 20.0 * n as f64, 8.0 * plan.entries() as f64),
            factors: zeros(tables.starts[n]),
            tables,
            shift: Complex::default(),
            jacobian: vec![0.0; pattern.nnz()],
            row: zeros(n),
            scratch: zeros(n),
            sizes: vec![0.0; n],
            checked: false,
        }
    }

    fn factor(&mut self, shift: Complex, jacobian: &[f64]) {
        self.shift = shift;
        self.jacobian.copy_from_slice(jacobian);
        self.tables.factor(shift, jacobian, &mut self.factors, &mut self.row);
        self.checked = false;
    }
}

/// Whether x solves a system within [`GOOD`] of `(s·I − J) x = b`, row by row (Oettli & Prager 1964); `rows` holds n
/// residuals and `sizes` n sizes.
fn nearby(
    pattern: &Pattern,
    (shift, jacobian): (Complex, &[f64]),
    x: &[Complex],
    b: &[Complex],
    rows: &mut [Complex],
    sizes: &mut [f64],
) -> bool {
    for (i, (((row, size), x), b)) in rows.iter_mut().zip(sizes.iter_mut()).zip(x).zip(b).enumerate() {
        let term = if pattern.is_differential(i) { shift * *x } else { Complex::default() };
        (*row, *size) = (*b - term, b.size() + term.size());
    }
    for (j, x) in x.iter().enumerate() {
        for k in pattern.column(j) {
            let term = *x * Complex::from(jacobian[k]);
            rows[pattern.rows()[k]] += term;
            sizes[pattern.rows()[k]] += term.size();
        }
    }
    rows.iter().zip(sizes).all(|(row, size)| row.size() <= GOOD * *size)
}

impl Pivoted {
    fn new(pattern: &Pattern) -> Result<Self, TooLarge> {
        let n = pattern.nrows();
        #[cfg(feature = "sparse")]
        let shifted = |places: &[usize]| -> Vec<usize> {
            places.iter().enumerate().filter(|(j, _)| pattern.is_differential(*j)).map(|(_, place)| *place).collect()
        };
        let entries = || (0..n).flat_map(|j| pattern.column(j).map(move |k| (pattern.rows()[k], j)));
        let band: Option<(Vec<usize>, _, _)> = match narrow_band(pattern) {
            None if n <= FULL => Some(((0..n).collect(), n.saturating_sub(1), n.saturating_sub(1))),
            narrow => narrow,
        };
        if let Some((order, lower, upper)) = band {
            let mut place = vec![0; n];
            order.iter().enumerate().for_each(|(k, i): (usize, &usize)| place[*i] = k);
            let lu = BandLu::new(n, lower, upper);
            let places = entries().map(|(i, j)| lu.place(place[i], place[j])).collect();
            let diagonal = (0..n).filter(|j| pattern.is_differential(order[*j])).map(|j| lu.place(j, j)).collect();
            return Ok(Pivoted { factor: Factor::Band(lu, order, vec![Complex::default(); n]), places, diagonal });
        }
        #[cfg(feature = "sparse")]
        {
            let mut pairs: Vec<(usize, usize)> = entries().collect();
            pairs.extend((0..n).map(|j| (j, j)));
            let (with_diagonal, places) = Pattern::from_pairs(n, n, &pairs);
            if let Some(sparse) = super::sparse::SparseLu::new(&with_diagonal) {
                let (places, diagonal) = (places[..pattern.nnz()].to_vec(), shifted(&places[pattern.nnz()..]));
                let room = vec![faer::c64::new(0.0, 0.0); n];
                return Ok(Pivoted { factor: Factor::Sparse(Box::new(sparse), room), places, diagonal });
            }
        }
        Err(TooLarge(48 * (n as u64) * (n as u64)))
    }

    fn cost(&self) -> (f64, f64) {
        match &self.factor {
            Factor::Band(lu, ..) => {
                let (factor, solve) = lu.cost();
                (4.0 * factor, 4.0 * solve)
            }
            #[cfg(feature = "sparse")]
            Factor::Sparse(..) => (400.0 * self.places.len() as f64, 40.0 * self.places.len() as f64),
        }
    }

    fn factor(&mut self, shift: Complex, jacobian: &[f64]) -> bool {
        match &mut self.factor {
            Factor::Band(lu, ..) => {
                let storage = lu.values_mut();
                storage.fill(Complex::default());
                self.places.iter().zip(jacobian).for_each(|(place, value)| storage[*place] = Complex::from(-value));
                self.diagonal.iter().for_each(|place| storage[*place] += shift);
                lu.factor()
            }
            #[cfg(feature = "sparse")]
            Factor::Sparse(lu, _) => {
                let storage = lu.values_mut();
                storage.fill(faer::c64::new(0.0, 0.0));
                let real = |value: &f64| faer::c64::new(-value, 0.0);
                self.places.iter().zip(jacobian).for_each(|(place, value)| storage[*place] = real(value));
                self.diagonal.iter().for_each(|place| storage[*place] += faer::c64::new(shift.re, shift.im));
                lu.factor()
            }
        }
    }

    fn solve(&mut self, b: &[Complex], x: &mut [Complex]) {
        match &mut self.factor {
            Factor::Band(lu, order, room) => {
                room.iter_mut().zip(order.iter()).for_each(|(r, i)| *r = b[*i]);
                lu.solve(room);
                room.iter().zip(order.iter()).for_each(|(r, i)| x[*i] = *r);
            }
            #[cfg(feature = "sparse")]
            Factor::Sparse(lu, room) => {
                room.iter_mut().zip(b).for_each(|(r, b)| *r = faer::c64::new(b.re, b.im));
                lu.solve(room);
                room.iter().zip(x.iter_mut()).for_each(|(r, x)| *x = Complex { re: r.re, im: r.im });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Residual of W x = b for a pattern, relative to b, and how often planned pivots were bad.
    fn residual(n: usize, pairs: &[(usize, usize)], shift: Complex, planned: bool) -> (f64, u64) {
        let (pattern, places) = Pattern::from_pairs(n, n, pairs);
        let mut jacobian = vec![0.0; pattern.nnz()];
        places.iter().enumerate().for_each(|(k, place)| jacobian[*place] = ((k * 37) % 19) as f64 / 19.0 - 0.4);
        let mut w = ShiftedComplex::new(&pattern).unwrap_or_else(|e| panic!("{e:?}"));
        if !planned {
            (w.planned, w.pivoting) = (None, true);
            w.pivoted = Some(Pivoted::new(&pattern).unwrap_or_else(|e| panic!("{e:?}")));
        }
        assert!(w.factor(shift, &jacobian));
        let b = |k: usize| Complex { re: (k % 7) as f64 - 3.0, im: (k % 5) as f64 };
        let (mut re, mut im): (Vec<f64>, Vec<f64>) = (0..n).map(|k| (b(k).re, b(k).im)).unzip();
        w.solve(&mut re, &mut im);
        let x = |j: usize| Complex { re: re[j], im: im[j] };
        let mut r: Vec<Complex> = (0..n).map(|k| b(k) - shift * x(k)).collect();
        for j in 0..n {
            for k in pattern.column(j) {
                r[pattern.rows()[k]] += x(j) * Complex::from(jacobian[k]);
            }
        }
        (r.iter().map(|r| r.size()).fold(0.0, f64::max), w.fallbacks())
    }

    #[test]
    fn every_kind_solves() {
        let dense: Vec<_> = (0..12).flat_map(|i| (0..12).map(move |j| (i, j))).collect();
        let band: Vec<_> =
            (0..100usize).flat_map(|j| (j.saturating_sub(2)..(j + 2).min(100)).map(move |i| (i, j))).collect();
        let scattered: Vec<_> =
            (0..500usize).flat_map(|j| [(j, j), ((7 * j + 3) % 500, j), ((31 * j) % 500, j)]).collect();
        for (n, pairs) in [(12, &dense), (100, &band), (500, &scattered)] {
            for planned in [true, false] {
                let (residual, _) = residual(n, pairs, Complex { re: 3.0, im: -4.0 }, planned);
                assert!(residual < 1e-10, "n = {n}, planned {planned}: {residual:e}");
            }
        }
    }

    #[test]
    fn bad_pivots_are_found_out_and_mended() {
        // Without a diagonal in J and with a tiny shift the planned pivots are nearly 0.
        let ring: Vec<_> = (0..10usize).flat_map(|j| [((j + 1) % 10, j), ((j + 9) % 10, j)]).chain([(0, 5)]).collect();
        let (residual, fallbacks) = residual(10, &ring, Complex { re: 1e-14, im: 1e-14 }, true);
        assert!(residual < 1e-9 && fallbacks == 1, "{residual:e} after {fallbacks}");
    }

    #[test]
    fn singular_systems_give_no_number() {
        let (pattern, _) = Pattern::from_pairs(2, 2, &[(0, 0), (0, 1), (1, 0), (1, 1)]);
        let mut w = ShiftedComplex::new(&pattern).unwrap_or_else(|e| panic!("{e:?}"));
        // s·I − J with J = s·I + a singular matrix.
        w.factor(Complex { re: 0.0, im: 0.0 }, &[1.0, 2.0, 2.0, 4.0]);
        let (mut re, mut im) = ([1.0, 0.0], [0.0, 0.0]);
        w.solve(&mut re, &mut im);
        assert!(re[0].is_nan() || !re[0].is_finite(), "{re:?}");
    }
}
