//! Curves as functions that stand alone: the search for the cell and the polynomial there, on tables of constant numbers.
//!
//! The same operations as `Curve::value`: the same bits.

use crate::curve::{Curve, Outside, Shape};
use crate::kernel::control::{
    Expr, Function, Kind, Local, Number, Tables, Whole, Writer, element, less, select, truncated, unary, whole,
};
use crate::math::Unary;

/// The function `curveN(x)`: the `order`th derivative of a curve. Its numbers become tables.
pub fn lookup(curve: &Curve, order: u8, number: usize, tables: &mut Tables) -> Function {
    let (mut f, [x]) = Writer::new(format!("curve{number}"), Kind::Real, [("x", Kind::Real)]);
    let parts = curve.parts();
    let mut table = |values: Vec<f64>| {
        tables.push(values);
        Expr::Table(tables.len() - 1)
    };
    let coefficients = table(parts.coefficients.to_vec());
    if parts.knots.is_empty() {
        // An array, read by place.
        let inside = Expr::from(0.0).at_most(x).and(x.below(parts.coefficients.len() as f64));
        let outside = if order == 0 { f64::NAN } else { 0.0 };
        f.when(inside.negated(), |f| f.give(outside));
        return f.finish(if order == 0 { element(coefficients, truncated(x)) } else { 0.0.into() });
    }
    let cell = Cell {
        order,
        stride: i64::from(parts.shape.degree()) + 1,
        first: parts.knots[0],
        scale: parts.scale,
        buckets: parts.guide.len() as i64 - 1,
        cells: parts.knots.len() as i64 - i64::from(parts.shape != Shape::Previous),
        guide: table(parts.guide.iter().map(|place| f64::from(*place)).collect()),
        knots: table(parts.knots.to_vec()),
        coefficients,
    };
    let (first, last) = curve.range();
    f.when(x.differs(x), |f| f.give(f64::NAN));
    // A value of the left end, or of the right one.
    let ends = |order| select(x.below(first), curve.value(order, first), curve.value(order, last));
    f.when(x.below(first).or(Expr::from(last).below(x)), |f| match (curve.outside(), order) {
        (Outside::Error, _) => f.give(f64::NAN),
        (Outside::Hold, 0) => f.give(ends(0)),
        (Outside::Linear, 0) => f.give(ends(0) + ends(1) * (x - select(x.below(first), first, last))),
        (Outside::Linear, 1) => f.give(ends(1)),
        (Outside::Hold | Outside::Linear, _) => f.give(0.0),
        (Outside::Periodic, _) => {
            let period = last - first;
            let turned = f.real("turned", x - unary(Unary::Floor, (x - first) / period) * period);
            f.set(x, select(Expr::from(first).at_most(turned).and(turned.below(last)), turned, first));
        }
    });
    if curve.outside() == Outside::Periodic {
        // The end of a period is the beginning of the next.
        f.when(x.equals(last), |f| f.set(x, first));
    }
    cell.value(f, x)
}

/// What finds the cell of a point between first and last knot.
struct Cell {
    order: u8,
    stride: i64,
    first: f64,
    scale: f64,
    buckets: i64,
    cells: i64,
    guide: Expr,
    knots: Expr,
    coefficients: Expr,
}

impl Cell {
    /// The rest of the function: the polynomial of the cell at x.
    fn value(&self, mut f: Writer, x: Local) -> Function {
        let bucket = f.count("bucket", truncated((x - self.first) * self.scale));
        f.when(less(self.buckets - 1, bucket), |f| f.set(bucket, self.buckets - 1));
        let guide = |place: Expr| truncated(element(self.guide.clone(), place));
        let from = f.count("from", guide(bucket.into()));
        let to = f.count("to", guide(whole(Whole::Add, bucket, 1)));
        // The first knot of the bucket beyond x.
        let middle = f.count("middle", 0);
        f.repeat(less(from, to), |f| {
            f.set(middle, whole(Whole::ShiftRight, whole(Whole::Add, from, to), 1));
            f.choose(
                element(self.knots.clone(), middle).at_most(x),
                |f| f.set(from, whole(Whole::Add, middle, 1)),
                |f| f.set(to, middle),
            );
        });
        let cell = f.count("cell", whole(Whole::Sub, from, 1));
        f.when(less(cell, 0), |f| f.set(cell, 0));
        f.when(less(self.cells - 1, cell), |f| f.set(cell, self.cells - 1));
        let first = f.count("first", whole(Whole::Mul, cell, self.stride));
        let d = f.real("d", x - element(self.knots.clone(), cell));
        let c = |k: i64| element(self.coefficients.clone(), whole(Whole::Add, first, k));
        let value = match (self.stride, self.order) {
            (stride, 0) => (0..stride - 1).rev().fold(c(stride - 1), |sum, k| sum * d + c(k)),
            (2, 1) => c(1),
            (4, 1) => (Expr::from(3.0) * c(3) * d + Expr::from(2.0) * c(2)) * d + c(1),
            (4, 2) => Expr::from(6.0) * c(3) * d + Expr::from(2.0) * c(2),
            (4, 3) => Expr::from(6.0) * c(3),
            _ => 0.0.into(),
        };
        f.finish(value)
    }
}
