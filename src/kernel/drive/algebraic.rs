//! Values that satisfy the algebraic equations, at the start and behind events: `Algebraic::solve` of
//! `solve/consistent.rs` as a function for a host's memory.

use super::memory::Settle;
use super::{Drive, INCONSISTENT};
use crate::kernel::control::Kind::{Count, Pointer, Real};
use crate::kernel::control::{Expr, Function, Local, Number, Writer, element, less, shifted, unary};
use crate::math::Unary;
use crate::system::LIMITS;
use crate::system::constants::{ENOUGH, ITERATIONS, LEAST_DAMPING, ROUNDED};

impl Drive {
    /// `settle(memory, t, y)`: solves the algebraic equations for their unknowns, the others held; where that does not
    /// succeed y stays as it is.
    pub(super) fn settle(&self) -> Function {
        let parameters = [("memory", Pointer), ("t", Real), ("y", Pointer)];
        let (mut f, [memory, t, y]) = Writer::new("settle", Count, parameters);
        let (places, n) = (self.places(), self.n as i64);
        let mut part = |name, place| f.pointer(name, shifted(memory, place));
        let Settle { w, slope, trial, step, next } = places.settle;
        let w = part("w", w);
        let [slope, trial, step, next] =
            [("slope", slope), ("trial", trial), ("step", step), ("next", next)].map(|(name, place)| part(name, place));
        let [bound, limits, work] = [("bound", places.bound), ("limits", places.limits), ("work", places.work)]
            .map(|(name, place)| part(name, place));
        let [size, other, damping, share] = ["size", "other", "damping", "share"].map(|name| f.real(name, 0.0));
        let [i, turn, on] = ["i", "turn", "on"].map(|name| f.count(name, 0));
        let inside = f.real("inside", t.most(element(limits, 2)).least(element(limits, 3)));
        let rhs = |f: &mut Writer, at: Local| {
            f.kernel("rhs", [inside.into(), at.into(), bound.into(), memory.into(), work.into(), slope.into()]);
        };
        let correct = |f: &mut Writer, out: Local| {
            f.kernel("settle_correction", [inside.into(), y.into(), bound.into(), slope.into(), w.into(), out.into()]);
        };
        // The norm of the error test.
        let norm = |f: &mut Writer, of: Local, out: Local| {
            f.set(out, 0.0);
            f.times(i, n, |f| {
                let most = element(y, i).size().most(element(trial, i).size());
                let scale = element(shifted(limits, LIMITS), i) + element(limits, 1) * most;
                f.set(share, element(of, i) / scale.most(f64::MIN_POSITIVE));
                f.set(out, out + share * share);
            });
            f.set(out, unary(Unary::Sqrt, out / self.n as f64));
        };
        let moved = |f: &mut Writer, by: Expr| {
            f.times(i, n, |f| f.store(trial, i, element(trial, i) + by.clone() * element(step, i)));
        };
        let taken = |f: &mut Writer| {
            f.times(i, n, |f| f.store(y, i, element(trial, i)));
            f.give(0);
        };
        f.times(i, n, |f| f.store(trial, i, element(y, i)));
        rhs(&mut f, y);
        f.set(damping, 0.5);
        f.times(turn, i64::from(ITERATIONS), |f| {
            // `trial` is the point at hand, `step` its Newton correction.
            f.kernel(
                "settle_matrix",
                [inside.into(), trial.into(), bound.into(), memory.into(), w.into(), step.into()],
            );
            correct(f, step);
            f.when(element(step, n).equals(0.0), |f| f.give(INCONSISTENT));
            norm(f, step, size);
            f.when(size.finite().negated(), |f| f.give(INCONSISTENT));
            f.when(size.at_most(ENOUGH), |f| {
                moved(f, 1.0.into());
                taken(f);
            });
            // Natural monotonicity (P. Deuflhard, Newton Methods for Nonlinear Problems, section 3.3).
            f.set(damping, (damping * 2.0).least(1.0));
            moved(f, damping.into());
            f.set(on, 1);
            f.repeat(less(0, on), |f| {
                rhs(f, trial);
                correct(f, next);
                norm(f, next, other);
                f.choose(
                    other.at_most((Expr::from(1.0) - damping * 0.25) * size),
                    |f| f.set(on, 0),
                    |f| {
                        f.when(size.at_most(ROUNDED), taken);
                        f.set(damping, damping * 0.5);
                        f.when(damping.below(LEAST_DAMPING), |f| f.give(INCONSISTENT));
                        moved(f, unary(Unary::Neg, damping));
                    },
                );
            });
        });
        f.finish(INCONSISTENT)
    }
}
