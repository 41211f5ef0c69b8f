//! Implicit stages that are solved for all at once: their matrix, from J at every stage.

use super::linear::no_memory;
use crate::linalg::{Pattern, Refined, Shifted};
use crate::solve::ErrorKind;
use crate::solve::problem::Problem;

/// Stages that are solved for all at once: s·I − (blocks of J − (a − s I)⊗M).
pub struct Coupled {
    pub stages: usize,
    pattern: Pattern,
    /// By stage, the place of each entry of J; by pair of stages, that of the diagonal of differential rows.
    pub blocks: Vec<usize>,
    diagonals: Vec<usize>,
    pub values: Vec<f64>,
    /// For solves, and for those with the transpose.
    pub w: [Option<Refined>; 2],
    transposed: Option<(Pattern, Vec<f64>)>,
    next: Vec<usize>,
}

impl Coupled {
    pub fn new(problem: &Problem, stages: usize) -> Self {
        let own = problem.system.jacobian_pattern();
        let n = own.nrows();
        let mut pairs = Vec::new();
        for i in 0..stages {
            for j in 0..n {
                pairs.extend(own.column(j).map(|place| (i * n + own.rows()[place], i * n + j)));
            }
        }
        let blocks = pairs.len();
        for i in 0..stages {
            for j in 0..stages {
                let rows = (0..n).filter(|row| own.is_differential(*row));
                pairs.extend(rows.map(|row| (i * n + row, j * n + row)));
            }
        }
        let (pattern, mut places) = Pattern::from_pairs(stages * n, stages * n, &pairs);
        let diagonals = places.split_off(blocks);
        let algebraic: Vec<usize> = (0..stages * n).filter(|row| !own.is_differential(row % n)).collect();
        let pattern = pattern.with_algebraic(&algebraic);
        let values = vec![0.0; pattern.nnz()];
        Coupled {
            stages,
            pattern,
            blocks: places,
            diagonals,
            values,
            w: [None, None],
            transposed: None,
            next: Vec::new(),
        }
    }

    /// W = a_11 M − values, so that values hold J less (a − a_11 I)⊗M.
    pub fn begin(&mut self, problem: &Problem, a: &[f64]) {
        self.values.fill(0.0);
        let n = problem.system.jacobian_pattern();
        let differential = (0..n.nrows()).filter(|row| n.is_differential(*row)).count();
        for (pair, places) in self.diagonals.chunks_exact(differential.max(1)).enumerate() {
            let (i, j) = (pair / self.stages, pair % self.stages);
            let value = a[pair] - if i == j { a[0] } else { 0.0 };
            places.iter().for_each(|place| self.values[*place] -= value);
        }
    }

    pub fn factor(&mut self, shift: f64, transposed: bool) -> Result<bool, ErrorKind> {
        let (pattern, values) = if transposed {
            let (pattern, values) =
                self.transposed.get_or_insert_with(|| (self.pattern.transposed(), vec![0.0; self.values.len()]));
            self.pattern.transpose(pattern, &self.values, &mut self.next, values);
            (&*pattern, &*values)
        } else {
            (&self.pattern, &self.values)
        };
        let slot = &mut self.w[usize::from(transposed)];
        if slot.is_none() {
            let mut w = Shifted::new(pattern).map_err(no_memory)?;
            w.set_accuracy(1e-13);
            *slot = Some(Refined::new(w, pattern));
        }
        Ok(slot.as_mut().is_some_and(|w| w.factor(shift, values)))
    }
}
