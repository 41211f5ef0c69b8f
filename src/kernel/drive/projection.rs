//! Constraints that differentiation of the equations leaves, kept by the smallest change of the state: `Projection` of
//! `solve/consistent.rs` as functions for a host's memory.

use super::memory::Project;
use super::{Drive, INCONSISTENT};
use crate::kernel::control::Kind::{Count, Pointer, Real};
use crate::kernel::control::{
    Expr, Function, Local, Number, Tables, Whole, Writer, element, less, moved, same, shifted, truncated, unary, whole,
};
use crate::linalg::Pattern;
use crate::math::Unary;
use crate::system::LIMITS;
use crate::system::constants::{ENOUGH, KEPT, PROJECTIONS, ROUNDED, SET};

/// The constraints' derivatives by the states: sizes, and the tables that say where they are.
#[derive(Clone, Debug)]
pub struct Constraints {
    /// How many constraints.
    pub(super) count: usize,
    /// Entries of the matrix, and how many values the kernel writes.
    pub(super) entries: usize,
    pub(super) values: usize,
    /// Tables: where each column begins, the row of each entry, the entry of each value.
    columns: usize,
    rows: usize,
    places: usize,
}

impl Constraints {
    /// From the pattern, and the place in it of each value of the kernel (if not in order).
    pub fn new(pattern: &Pattern, places: Option<&[usize]>, values: usize, tables: &mut Tables) -> Self {
        let columns = tables.len();
        let numbers = |list: &[usize]| list.iter().map(|place| *place as f64).collect();
        let order: Vec<usize> = (0..values).collect();
        tables.extend([numbers(pattern.columns()), numbers(pattern.rows()), numbers(places.unwrap_or(&order))]);
        let (count, entries) = (pattern.nrows(), pattern.nnz());
        Constraints { count, entries, values, columns, rows: columns + 1, places: columns + 2 }
    }
}

/// An element of a table of whole numbers.
fn whole_of(table: usize, place: impl Into<Expr>) -> Expr {
    truncated(element(Expr::Table(table), place))
}

/// The parts of memory, as pointers of a function.
struct Parts {
    limits: Local,
    bound: Local,
    work: Local,
    raw: Local,
    values: Local,
    g: Local,
    sizes: Local,
    shares: Local,
    given: Local,
    step: Local,
    matrix: Local,
}

impl Drive {
    pub(super) fn projection_functions(&self, own: &Constraints) -> Vec<Function> {
        vec![self.measure(), self.onto(own), self.project(), self.refit(own)]
    }

    fn parts(&self, f: &mut Writer, memory: Local) -> Parts {
        let places = self.places();
        let Project { raw, values, g, sizes, shares, given, step, matrix } = places.project;
        let mut part = |name, place| f.pointer(name, shifted(memory, place));
        Parts {
            limits: part("limits", places.limits),
            bound: part("bound", places.bound),
            work: part("work", places.work),
            raw: part("raw", raw),
            values: part("values", values),
            g: part("g", g),
            sizes: part("sizes", sizes),
            shares: part("shares", shares),
            given: part("given", given),
            step: part("step", step),
            matrix: part("matrix", matrix),
        }
    }

    /// `measure(memory, y)`: squared sizes of the states in the norm of the error test.
    fn measure(&self) -> Function {
        let (mut f, [memory, y]) = Writer::new("measure", Count, [("memory", Pointer), ("y", Pointer)]);
        let at = self.parts(&mut f, memory);
        let i = f.count("i", 0);
        let weight = f.real("weight", 0.0);
        f.times(i, self.n as i64, |f| {
            let scale = element(shifted(at.limits, LIMITS), i) + element(at.limits, 1) * element(y, i).size();
            f.set(weight, Expr::from(1.0) / scale.most(f64::MIN_POSITIVE));
            f.store(at.sizes, i, Expr::from(1.0) / (weight * weight));
        });
        f.finish(0)
    }

    /// The constraints at (t, y), and their derivatives.
    fn constrain(&self, f: &mut Writer, own: &Constraints, at: &Parts, [memory, t, y, i]: [Local; 4]) {
        let place = f.count("place", 0);
        for (kernel, out) in [("constraints", at.g), ("constraint_jacobian", at.raw)] {
            f.kernel(kernel, [t.into(), y.into(), at.bound.into(), memory.into(), at.work.into(), out.into()]);
        }
        f.times(i, own.entries as i64, |f| f.store(at.values, i, 0.0));
        f.times(i, own.values as i64, |f| {
            f.set(place, whole_of(own.places, i));
            f.store(at.values, place, element(at.values, place) + element(at.raw, i));
        });
    }

    /// `onto(memory, t, y)`: moves y onto the constraints: 1 if it had to move, 0 if not, -1 where there is no point near.
    fn onto(&self, own: &Constraints) -> Function {
        let (mut f, [memory, t, y]) = Writer::new("onto", Count, [("memory", Pointer), ("t", Real), ("y", Pointer)]);
        let (at, n, m) = (self.parts(&mut f, memory), self.n as i64, own.count as i64);
        let [i, j, a, b, turn, end, pivot] = ["i", "j", "a", "b", "turn", "end", "pivot"].map(|name| f.count(name, 0));
        let [sum, size, largest, swapped] = ["sum", "size", "largest", "swapped"].map(|name| f.real(name, 0.0));
        let column = |k: Expr| moved(at.matrix, whole(Whole::Mul, k, m));
        // Entries a of column j.
        let entries = |f: &mut Writer, a: Local, body: &mut dyn FnMut(&mut Writer)| {
            f.set(a, whole_of(own.columns, j));
            f.repeat(less(a, end), |f| {
                body(f);
                f.advance(a);
            });
        };
        f.times(turn, PROJECTIONS as i64, |f| {
            self.constrain(f, own, &at, [memory, t, y, i]);
            // G D² Gᵀ
            f.times(i, m * m, |f| f.store(at.matrix, i, 0.0));
            f.times(j, n, |f| {
                f.set(end, whole_of(own.columns, whole(Whole::Add, j, 1)));
                entries(f, a, &mut |f| {
                    entries(f, b, &mut |f| {
                        let to = moved(column(whole_of(own.rows, b)), whole_of(own.rows, a));
                        let product = element(at.values, a) * element(at.values, b) * element(at.sizes, j);
                        f.store(to.clone(), 0, element(to, 0) + product);
                    });
                });
            });
            // Its elimination with row exchanges, applied to g at once.
            f.times(j, m, |f| {
                f.set(largest, -1.0);
                f.set(i, j);
                f.repeat(less(i, m), |f| {
                    f.set(size, element(column(j.into()), i).size());
                    f.when(largest.at_most(size), |f| {
                        f.set(largest, size);
                        f.set(pivot, i);
                    });
                    f.advance(i);
                });
                f.when(Expr::from(0.0).below(largest).and(largest.finite()).negated(), |f| f.give(-1));
                f.when(same(pivot, j).negated(), |f| {
                    f.times(i, m, |f| {
                        f.set(swapped, element(column(i.into()), j));
                        f.store(column(i.into()), j, element(column(i.into()), pivot));
                        f.store(column(i.into()), pivot, swapped);
                    });
                    f.set(swapped, element(at.g, j));
                    f.store(at.g, j, element(at.g, pivot));
                    f.store(at.g, pivot, swapped);
                });
                f.set(sum, Expr::from(1.0) / element(column(j.into()), j));
                f.set(i, whole(Whole::Add, j, 1));
                f.repeat(less(i, m), |f| {
                    f.set(swapped, element(column(j.into()), i) * sum);
                    f.set(a, whole(Whole::Add, j, 1));
                    f.repeat(less(a, m), |f| {
                        let left = element(column(a.into()), i) - swapped * element(column(a.into()), j);
                        f.store(column(a.into()), i, left);
                        f.advance(a);
                    });
                    f.store(at.g, i, element(at.g, i) - swapped * element(at.g, j));
                    f.advance(i);
                });
            });
            f.set(j, m - 1);
            f.repeat(less(-1, j), |f| {
                f.set(sum, element(at.g, j) / element(column(j.into()), j));
                f.store(at.g, j, sum);
                f.times(i, j, |f| f.store(at.g, i, element(at.g, i) - element(column(j.into()), i) * sum));
                f.set(j, whole(Whole::Sub, j, 1));
            });
            // δ = −D² Gᵀ (G D² Gᵀ)⁻¹ g
            f.set(size, 0.0);
            f.times(j, n, |f| {
                f.set(end, whole_of(own.columns, whole(Whole::Add, j, 1)));
                f.set(sum, 0.0);
                entries(f, a, &mut |f| {
                    f.set(sum, sum + element(at.values, a) * element(at.g, whole_of(own.rows, a)));
                });
                f.store(at.step, j, unary(Unary::Neg, element(at.sizes, j)) * sum);
                let scale = element(shifted(at.limits, LIMITS), j) + element(at.limits, 1) * element(y, j).size();
                f.set(swapped, element(at.step, j) / scale.most(f64::MIN_POSITIVE));
                f.set(size, size + swapped * swapped);
            });
            f.set(size, unary(Unary::Sqrt, size / self.n as f64));
            f.when(size.finite().negated(), |f| f.give(-1));
            f.when(size.equals(0.0), |f| {
                f.when(less(0, turn), |f| f.give(1));
                f.give(0);
            });
            f.times(j, n, |f| f.store(y, j, element(y, j) + element(at.step, j)));
            f.when(size.at_most(ENOUGH), |f| f.give(1));
            f.when(less(1, turn).and(size.at_most(ROUNDED)), |f| f.give(1));
        });
        f.finish(-1)
    }

    /// `project(memory, t, y)`: all states alike.
    fn project(&self) -> Function {
        let (mut f, [memory, t, y]) = Writer::new("project", Count, [("memory", Pointer), ("t", Real), ("y", Pointer)]);
        let moved = f.count("moved", 0);
        f.call(moved, "measure", vec![memory.into(), y.into()]);
        f.call(moved, "onto", vec![memory.into(), t.into(), y.into()]);
        f.finish(moved)
    }

    /// `refit(memory, t, y)`: behind an event, whose states are marked among the shares: they, and states whose constraints
    /// hold, stay if they can. A status.
    fn refit(&self, own: &Constraints) -> Function {
        let (mut f, [memory, t, y]) = Writer::new("refit", Count, [("memory", Pointer), ("t", Real), ("y", Pointer)]);
        let (at, n) = (self.parts(&mut f, memory), self.n as i64);
        let [i, j, k, end, fits] = ["i", "j", "k", "end", "fits"].map(|name| f.count(name, 0));
        let [gradient, value] = ["gradient", "value"].map(|name| f.real(name, 0.0));
        f.call(fits, "measure", vec![memory.into(), y.into()]);
        self.constrain(&mut f, own, &at, [memory, t, y, i]);
        // The entries of row k, and the column of each.
        let row = |f: &mut Writer, body: &dyn Fn(&mut Writer)| {
            f.times(j, n, |f| {
                f.set(end, whole_of(own.columns, whole(Whole::Add, j, 1)));
                f.set(i, whole_of(own.columns, j));
                f.repeat(less(i, end), |f| {
                    f.when(same(whole_of(own.rows, i), k), body);
                    f.advance(i);
                });
            });
        };
        f.times(k, own.count as i64, |f| {
            f.set(gradient, 0.0);
            row(f, &|f| {
                f.set(value, element(at.values, i));
                f.set(gradient, gradient + value * value * element(at.sizes, j));
            });
            f.when((element(at.g, k) * element(at.g, k)).at_most(gradient), |f| {
                row(f, &|f| f.store(at.shares, j, KEPT));
            });
        });
        f.times(i, n, |f| {
            f.store(at.given, i, element(y, i));
            f.store(at.sizes, i, element(at.sizes, i) * element(at.shares, i));
        });
        f.call(fits, "onto", vec![memory.into(), t.into(), y.into()]);
        f.when(less(fits, 0), |f| {
            f.times(i, n, |f| f.store(y, i, element(at.given, i)));
            f.call(fits, "project", vec![memory.into(), t.into(), y.into()]);
            f.when(less(fits, 0), |f| f.give(INCONSISTENT));
        });
        f.finish(0)
    }

    /// Forgets which states an event has set.
    pub(super) fn unmark(&self, f: &mut Writer, memory: Local, i: Local) {
        let shares = shifted(memory, self.places().project.shares);
        f.times(i, self.n as i64, |f| f.store(shares.clone(), i, 1.0));
    }

    /// Notes that an event sets a state.
    pub(super) fn mark(&self, f: &mut Writer, memory: Local, state: Expr) {
        f.store(shifted(memory, self.places().project.shares), state, SET);
    }
}
