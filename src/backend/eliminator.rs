//! Planned factorisations as kernels of any backend: what a compiled system brings for its own pattern.

use super::{Arguments, KernelId, Kernels};
use crate::kernel::{Target64, lower_elimination};
use crate::linalg::{Elimination, Eliminator, Pattern, TableEliminator};

/// The kernels `factor`, `solve` and `check` of one plan.
pub struct CompiledEliminator<K> {
    kernels: K,
    factor: KernelId,
    solve: KernelId,
    check: KernelId,
    lengths: (usize, usize),
    cost: (f64, f64),
    /// The same plan for many vectors at once: a loop over them per entry costs less than the code does once for each.
    tables: TableEliminator,
}

impl<K: Kernels> CompiledEliminator<K> {
    /// Lowers a plan for this pattern and compiles it as `like` is compiled; `None` if the backend cannot.
    pub fn new(plan: &Elimination, pattern: &Pattern, like: &K, target: Target64) -> Option<Self> {
        let kernels = like.another(&lower_elimination(plan, pattern, target))?;
        let (factor, solve, check) = (kernels.find("factor")?, kernels.find("solve")?, kernels.find("check")?);
        let scratch = kernels.lengths(solve).w.max(kernels.lengths(check).w);
        let lengths = (kernels.lengths(factor).w, scratch);
        // Straight-line code takes about half of what loops over tables take per operation.
        let cost = (1.0 * plan.multiply_adds as f64 + 6.0 * plan.dim() as f64, plan.entries() as f64);
        let tables = TableEliminator::new(plan, pattern);
        Some(CompiledEliminator { kernels, factor, solve, check, lengths, cost, tables })
    }
}

impl<K: Kernels> Eliminator for CompiledEliminator<K> {
    fn lengths(&self) -> (usize, usize) {
        self.lengths
    }

    fn factor(&self, shift: f64, jacobian: &[f64], factors: &mut [f64]) {
        self.kernels.call(self.factor, Arguments { t: shift, y: jacobian, p: &[], v: &[], w: factors, out: &mut [] });
    }

    fn solve(&self, factors: &[f64], b: &[f64], scratch: &mut [f64], x: &mut [f64]) {
        self.kernels.call(self.solve, Arguments { t: 0.0, y: factors, p: &[], v: b, w: scratch, out: x });
    }

    fn solve_rows(&self, factors: &[f64], k: usize, b: &mut [f64], scratch: &mut [f64]) -> bool {
        self.tables.solve_rows(factors, k, b, scratch)
    }

    fn check(&self, shift: f64, jacobian: &[f64], x: &[f64], b: &[f64], scratch: &mut [f64]) -> bool {
        let mut good = [0.0];
        let arguments = Arguments { t: shift, y: jacobian, p: x, v: b, w: scratch, out: &mut good };
        self.kernels.call(self.check, arguments);
        good[0] == 1.0
    }

    fn cost(&self) -> (f64, f64) {
        self.cost
    }
}
