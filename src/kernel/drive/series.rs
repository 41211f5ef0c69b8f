//! Where a watched function changes sign, from its Chebyshev series: `solve/events/series.rs` as functions that stand alone.

use super::events::Table;
use super::memory::{Cell, INTERVALS, PIECES};
use crate::kernel::control::Kind::{Count, Pointer, Real};
use crate::kernel::control::{
    Expr, Function, Local, Number, Whole, Writer, converted, element, less, moved, select, whole,
};
use crate::system::constants::{MOST_PARTS, NARROW, TOUCH};

/// −1, 0 or 1; NaN stays NaN.
pub(super) fn sign(x: impl Into<Expr>) -> Expr {
    let x = x.into();
    select(x.clone().below(0.0), -1.0, select(Expr::from(0.0).below(x.clone()), 1.0, Expr::from(0.0) * x))
}

/// The next number above (or below) a finite one.
pub(super) fn next(x: Local, up: bool) -> Expr {
    let bits = || Expr::Bits(Box::new(x.into()));
    let by = |step: i32| Expr::FromBits(Box::new(whole(Whole::Add, bits(), step)));
    let (towards, least) = if up { (1, f64::from_bits(1)) } else { (-1, -f64::from_bits(1)) };
    select(x.equals(0.0), least, select(Expr::from(0.0).below(x), by(towards), by(-towards)))
}

impl Table {
    pub(super) fn series_functions(&self) -> Vec<Function> {
        vec![self.series(), self.clenshaw(), self.one_signed(), self.expand(), self.add_piece(), self.isolate()]
    }

    /// `series(values, out)`: the coefficients of the polynomial with these values at the points.
    fn series(&self) -> Function {
        let (mut f, [values, out]) = Writer::new("series", Count, [("values", Pointer), ("out", Pointer)]);
        let terms = self.terms as i64;
        let [k, j] = ["k", "j"].map(|name| f.count(name, 0));
        let sum = f.real("sum", 0.0);
        f.times(k, terms, |f| {
            f.set(sum, 0.0);
            let row = moved(Expr::Table(self.transform), whole(Whole::Mul, k, terms));
            f.times(j, terms, |f| f.set(sum, sum + element(row.clone(), j) * element(values, j)));
            f.store(out, k, sum * select(less(0, k), 2.0, 1.0) / terms as f64);
        });
        f.finish(0)
    }

    /// `clenshaw(c, x)` = Σ c_k T_k(x)
    fn clenshaw(&self) -> Function {
        let (mut f, [c, x]) = Writer::new("clenshaw", Real, [("c", Pointer), ("x", Real)]);
        let [b1, b2, b] = ["b1", "b2", "b"].map(|name| f.real(name, 0.0));
        let k = f.count("k", self.terms as i64 - 1);
        f.repeat(less(0, k), |f| {
            f.set(b, Expr::from(2.0) * x * b1 - b2 + element(c, k));
            f.set(b2, b1);
            f.set(b1, b);
            f.set(k, whole(Whole::Sub, k, 1));
        });
        f.finish(x * b1 - b2 + element(c, 0))
    }

    /// `one_signed(c, count, noise)`: whether the constant term outweighs the others, so that there is no zero.
    fn one_signed(&self) -> Function {
        let (mut f, [c, count, noise]) =
            Writer::new("one_signed", Count, [("c", Pointer), ("count", Count), ("noise", Real)]);
        let sum = f.real("sum", 0.0);
        let k = f.count("k", 1);
        f.repeat(less(k, count), |f| {
            f.set(sum, sum + element(c, k).size());
            f.advance(k);
        });
        f.when((sum + noise).below(element(c, 0).size()), |f| f.give(1));
        f.finish(0)
    }

    /// `expand(memory, place)`: the series of one function from the samples, its noise and its tail; whether all samples are
    /// finite.
    fn expand(&self) -> Function {
        let (mut f, [memory, place]) = Writer::new("expand", Count, [("memory", Pointer), ("place", Count)]);
        let (at, terms) = (self.at(memory), self.terms as i64);
        let k = f.count("k", 0);
        let [value, wrong, total, last] = ["value", "wrong", "total", "last"].map(|name| f.real(name, 0.0));
        f.times(k, terms, |f| {
            let sample = whole(Whole::Add, whole(Whole::Mul, k, self.watched as i64), place);
            f.set(value, element(at.samples(), sample));
            f.set(wrong, wrong + Expr::from(0.0) * value);
            f.store(at.column(), k, value);
        });
        f.call(k, "series", vec![at.column(), at.series()]);
        f.times(k, terms, |f| {
            f.set(value, element(at.series(), k).size());
            f.set(total, total + value);
            f.when(less(terms - 3, k), |f| f.set(last, last.most(value)));
        });
        at.set(&mut f, Cell::Tail, select(Expr::from(0.0).below(total), last / total, 0.0));
        let noise = Expr::from(8.0) * (Expr::from(f64::EPSILON) * total).most(last);
        at.set(&mut f, Cell::Noise, noise.most(Expr::from(TOUCH) * element(at.largest(), place)));
        f.when(wrong.equals(0.0), |f| f.give(1));
        f.finish(0)
    }

    /// `isolate(memory, at_a, at_b)`: the pieces on which the series changes sign or may do so, from left to right; how many.
    /// The signs at the ends are what the caller knows better.
    fn isolate(&self) -> Function {
        let (mut f, [memory, at_a, at_b]) =
            Writer::new("isolate", Count, [("memory", Pointer), ("at_a", Real), ("at_b", Real)]);
        let (at, terms) = (self.at(memory), self.terms as i64);
        let [found, k, yes, left] = ["found", "k", "yes", "left"].map(|name| f.count(name, 0));
        let [a, b, middle, half, value, sum] =
            ["a", "b", "middle", "half", "value", "sum"].map(|name| f.real(name, 0.0));
        let top = f.count("top", 1);
        let done = f.count("done", 0);
        f.set(left, MOST_PARTS as i64);
        let interval = f.pointer("interval", at.intervals());
        f.store(interval, 0, -1.0);
        f.store(interval, 1, 1.0);
        f.store(interval, 2, at_a);
        f.store(interval, 3, at_b);
        f.repeat(less(0, top), |f| {
            f.set(top, whole(Whole::Sub, top, 1));
            f.set(interval, moved(at.intervals(), whole(Whole::Mul, top, 4)));
            for (place, local) in [a, b, at_a, at_b].into_iter().enumerate() {
                f.set(local, element(interval, place as i64));
            }
            f.when(less(0, left), |f| f.set(left, whole(Whole::Sub, left, 1)));
            // The series on the part.
            f.set(middle, Expr::from(0.5) * (a + b));
            f.set(half, Expr::from(0.5) * (b - a));
            f.times(k, terms, |f| {
                let x = middle + half * element(Expr::Table(self.points), k);
                f.call(value, "clenshaw", vec![at.series(), x]);
                f.store(at.column(), k, value);
            });
            f.call(k, "series", vec![at.column(), at.local()]);
            f.call(yes, "one_signed", vec![at.local(), terms.into(), at.get(Cell::Noise)]);
            let settled = Expr::from(0.0).at_most(at_a * at_b).and(at_a.differs(0.0)).and(at_b.differs(0.0));
            f.set(done, 0);
            f.when(less(0, yes).and(settled), |f| f.set(done, 1));
            f.when(less(done, 1), |f| {
                // The derivative's series: c'_{k−1} = c'_{k+1} + 2 k c_k.
                f.set(k, terms - 1);
                f.repeat(less(0, k), |f| {
                    let behind = whole(Whole::Add, k, 1);
                    f.set(value, 0.0);
                    f.when(less(behind.clone(), terms - 1), |f| f.set(value, element(at.slope(), behind)));
                    let next = value + Expr::from(2.0) * converted(k) * element(at.local(), k);
                    f.store(at.slope(), whole(Whole::Sub, k, 1), next);
                    f.set(k, whole(Whole::Sub, k, 1));
                });
                f.store(at.slope(), 0, element(at.slope(), 0) * 0.5);
                f.call(yes, "one_signed", vec![at.slope(), (terms - 1).into(), 0.0.into()]);
                f.when(less(0, yes).or((b - a).below(NARROW)), |f| {
                    f.when(at_a.differs(at_b), |f| {
                        f.call(found, "add_piece", vec![memory.into(), found.into(), a.into(), b.into(), 0.0.into()]);
                    });
                    f.set(done, 1);
                });
            });
            f.when(less(done, 1), |f| {
                f.set(sum, 0.0);
                f.times(k, terms, |f| f.set(sum, sum + element(at.local(), k).size()));
                // Nothing in here can be told from zero: the coefficients on the part have rounding of their own.
                f.when(less(left, 1).or(sum.at_most(at.get(Cell::Noise) * 4.0)), |f| {
                    f.call(found, "add_piece", vec![memory.into(), found.into(), a.into(), b.into(), 1.0.into()]);
                    f.set(done, 1);
                });
            });
            f.when(less(done, 1).and(less(top, INTERVALS as i64 - 1)), |f| {
                f.call(value, "clenshaw", vec![at.series(), middle.into()]);
                let open = value.size().at_most(at.get(Cell::Noise));
                f.set(value, select(open, 0.0, sign(value)));
                for part in [[middle, b, value, at_b], [a, middle, at_a, value]] {
                    f.set(interval, moved(at.intervals(), whole(Whole::Mul, top, 4)));
                    part.iter().enumerate().for_each(|(place, local)| f.store(interval, place as i64, *local));
                    f.advance(top);
                }
            });
        });
        f.finish(found)
    }

    /// `add_piece(memory, found, a, b, undecided)`: one more piece; undecided ones that meet are one.
    fn add_piece(&self) -> Function {
        let parameters = [("memory", Pointer), ("found", Count), ("a", Real), ("b", Real), ("undecided", Real)];
        let (mut f, [memory, found, a, b, undecided]) = Writer::new("add_piece", Count, parameters);
        let at = self.at(memory);
        let piece = f.pointer("piece", moved(at.pieces(), whole(Whole::Mul, found, 3)));
        f.when(less(0, found).and(undecided.equals(1.0)), |f| {
            let last = |k: i64| element(piece, k - 3);
            f.when(last(2).equals(1.0).and(last(1).equals(a)), |f| {
                f.store(piece, -2, b);
                f.give(found);
            });
        });
        f.when(less(PIECES as i64 - 1, found), |f| {
            at.set(f, Cell::Overflow, 1.0);
            f.give(found);
        });
        for (place, value) in [a, b, undecided].into_iter().enumerate() {
            f.store(piece, place as i64, value);
        }
        f.finish(whole(Whole::Add, found, 1))
    }
}
