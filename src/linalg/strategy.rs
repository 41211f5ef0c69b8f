//! Which factorisation suits a pattern, and why: decided in one place, [`choose`], once per system.

use std::sync::Arc;

use super::eliminator::TableEliminator;
use super::hybrid::HybridEliminator;
use super::{Elimination, Eliminator, Pattern, narrow_band};

/// Up to so many multiply-adds a factorisation becomes straight-line code (RESEARCH: beyond, code no longer fits the
/// caches and loops over tables are as fast).
pub const STRAIGHT: usize = 20_000;
/// Up to so many, loops over single entries; beyond, the full remainder is worth a dense factorisation.
const TABLE: usize = 50_000;
/// Above so many, a general sparse factorisation, or iteration.
const PLANNED: usize = 60_000_000;
/// A remainder smaller than this is not worth its own dense factorisation.
const WORTH_DENSE: usize = 24;
/// Above this dimension W is never dense (8 n² bytes).
pub const NEVER_DENSE: usize = 20_000;
/// Above this dimension nothing but a narrow band is factorised: fill-in of grids costs more than iterating.
const ITERATE: usize = 20_000;

/// A kind of factorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Planned pivots, factorisation and solves as straight-line machine code.
    Straight,
    /// Planned pivots, loops over tables.
    Table,
    /// Planned pivots for sparse rows, then a dense remainder with pivoting.
    Hybrid,
    /// Dense with partial pivoting.
    Dense,
    /// A narrow band with partial pivoting.
    Banded,
    /// General sparse with pivoting.
    Sparse,
    /// Iteration with an incomplete factorisation.
    Krylov,
}

impl Kind {
    /// A word or two.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Straight => "straight-line LU",
            Kind::Table => "table-driven LU",
            Kind::Hybrid => "sparse-dense LU",
            Kind::Dense => "dense LU",
            Kind::Banded => "banded LU",
            Kind::Sparse => "sparse LU",
            Kind::Krylov => "BiCGStab with ILU(0)",
        }
    }
}

/// What was chosen for a pattern, with what all runs of a system share.
#[derive(Clone)]
pub struct Strategy {
    /// The kind.
    pub kind: Kind,
    /// Why, in a sentence with figures.
    pub reason: String,
    /// Roughly how many operations a factorisation and a solve take.
    pub cost: (f64, f64),
    /// The planned factorisation, where there is one.
    pub eliminator: Option<Arc<dyn Eliminator>>,
}

/// What was chosen, before any code is made for it.
pub struct Choice {
    /// The kind.
    pub kind: Kind,
    /// Why.
    pub reason: String,
    /// Roughly how many operations a factorisation and a solve take, for the kinds without a plan.
    pub cost: (f64, f64),
    /// The plan of pivots, for the kinds that have one.
    pub plan: Option<Elimination>,
}

/// Chooses for `W = s·I − J`, J of this pattern.
pub fn choose(pattern: &Pattern) -> Choice {
    let (n, nnz) = (pattern.nrows(), pattern.nnz());
    let share = 100.0 * nnz as f64 / ((n * n).max(1) as f64);
    let facts = format!("{n} states, {nnz} entries in J ({share:.3} %)");
    let choice = |kind: Kind, why: String, plan| {
        let (n, nnz) = (n as f64, nnz as f64);
        let cost = match kind {
            Kind::Dense => (2.0 / 3.0 * n * n * n, 2.0 * n * n),
            // Fill-in multiplies the entries some five times.
            Kind::Sparse => (100.0 * nnz, 10.0 * nnz),
            // Some ten iterations of two products and two preconditioner solves each.
            Kind::Krylov => (10.0 * nnz, 80.0 * nnz),
            _ => (0.0, 0.0),
        };
        Choice { kind, reason: format!("{facts}; {why}"), cost, plan }
    };
    if let Some(plan) = Elimination::plan(pattern, TABLE, true) {
        let blocks = plan.blocks.len() - 1;
        let why = format!(
            "a factorisation takes {} multiply-adds in {blocks} diagonal block{}",
            plan.multiply_adds,
            if blocks == 1 { "" } else { "s" }
        );
        let kind = if plan.multiply_adds <= STRAIGHT { Kind::Straight } else { Kind::Table };
        return choice(kind, why, Some(plan));
    }
    if let Some((_, lower, upper)) = narrow_band(pattern) {
        let banded = choice(Kind::Banded, format!("in a band of {lower} + {upper} diagonals after reordering"), None);
        let (n, lower, upper) = (n as f64, lower as f64, upper as f64);
        let cost = (2.0 * n * lower * (lower + upper + 1.0), 2.0 * n * (2.0 * lower + upper + 1.0));
        return Choice { cost, ..banded };
    }
    if let Some(plan) = Elimination::plan(pattern, PLANNED, false) {
        let side = n - plan.full_from;
        let why = format!("a factorisation takes {} multiply-adds, the last {side} rows fill in", plan.multiply_adds);
        return match side {
            side if 10 * side >= 9 * n => choice(Kind::Dense, why, None),
            side if side >= WORTH_DENSE => choice(Kind::Hybrid, why, Some(plan)),
            _ => choice(Kind::Table, why, Some(plan)),
        };
    }
    if n <= NEVER_DENSE && nnz >= n * n / 8 {
        return choice(Kind::Dense, "J is nearly full".to_string(), None);
    }
    if cfg!(feature = "sparse") && n <= ITERATE {
        return choice(Kind::Sparse, "too much fill-in to plan".to_string(), None);
    }
    choice(Kind::Krylov, format!("more than {ITERATE} states without a narrow band are not factorised"), None)
}

impl Strategy {
    /// Chooses, and prepares what runs share. `compile` makes code of a plan, where it can.
    pub fn new(
        pattern: &Pattern,
        compile: impl FnOnce(&Elimination, &Pattern) -> Option<Arc<dyn Eliminator>>,
    ) -> Strategy {
        let Choice { mut kind, mut reason, mut cost, plan } = choose(pattern);
        let eliminator = plan.map(|plan| match kind {
            Kind::Hybrid => Arc::new(HybridEliminator::new(&plan, pattern)) as Arc<dyn Eliminator>,
            Kind::Straight => compile(&plan, pattern).unwrap_or_else(|| {
                kind = Kind::Table;
                reason += "; the system brings no code for it";
                Arc::new(TableEliminator::new(&plan, pattern))
            }),
            _ => Arc::new(TableEliminator::new(&plan, pattern)),
        });
        if let Some(code) = &eliminator {
            cost = code.cost();
        }
        Strategy { kind, reason, cost, eliminator }
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.reason)
    }
}
