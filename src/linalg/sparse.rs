//! Sparse LU for large systems: faer's, with the symbolic part made once per pattern. Real or complex.

use faer::prelude::Solve;
use faer::sparse::linalg::solvers::{Lu, SymbolicLu};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMat};
use faer::traits::ComplexField;

use super::Pattern;

/// LU of a sparse n × n matrix.
pub struct SparseLu<T = f64> {
    structure: SymbolicSparseColMat<usize>,
    symbolic: SymbolicLu<usize>,
    values: Vec<T>,
    numeric: Option<Lu<usize, T>>,
}

impl<T: ComplexField> SparseLu<T> {
    /// Analyses a pattern; `None` if memory does not suffice.
    pub fn new(pattern: &Pattern) -> Option<Self> {
        faer::set_global_parallelism(faer::Par::Seq);
        let n = pattern.nrows();
        let structure = SymbolicSparseColMat::new_checked(
            n,
            pattern.ncols(),
            pattern.columns().to_vec(),
            None,
            pattern.rows().to_vec(),
        );
        let symbolic = SymbolicLu::try_new(structure.as_ref()).ok()?;
        Some(SparseLu { structure, symbolic, values: vec![T::zero_impl(); pattern.nnz()], numeric: None })
    }

    /// The entries in the pattern's order; fill them before [`Self::factor`].
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// Factorises; false if the matrix is singular or not finite.
    pub fn factor(&mut self) -> bool {
        if self.values.iter().any(|v| !T::is_finite_impl(v)) {
            return false;
        }
        let matrix = SparseColMatRef::new(self.structure.as_ref(), &self.values);
        self.numeric = Lu::try_new_with_symbolic(self.symbolic.clone(), matrix).ok();
        self.numeric.is_some()
    }

    /// Solves `A x = b` in place; leaves `b` as it is if there is no factorisation.
    pub fn solve(&self, b: &mut [T]) {
        if let Some(lu) = &self.numeric {
            let n = b.len();
            lu.solve_in_place(faer::MatMut::from_column_major_slice_mut(b, n, 1));
        }
    }
}
