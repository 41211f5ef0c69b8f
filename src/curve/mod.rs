//! Functions of one variable that are given by points: a piecewise polynomial, looked up.
//!
//! A [`Curve`] is what a column of data becomes, and an array of numbers that is too long to be written out. Interpreter
//! and native code call the same [`Curve::value`], so that both give the same bits. It holds no state: any number of
//! threads may read one.
//!
//! Between neighbouring knots the value is a polynomial in the distance from the left one; at a knot it is the value to
//! its right. `slopes` finds the polynomials. The cell of a point is found by a guide: as many equal buckets as
//! cells, each with the first knot that lies in it or beyond, so that what is left to search is one bucket (for evenly
//! spaced knots, one comparison). A curve of n points takes at most 44 n bytes.
//!
//! What this is not: reading of files. It neither sorts nor mends its points.

mod pieces;
mod slopes;

pub use pieces::Pieces;

use std::fmt;

/// What stands between the points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// The value of the last point passed; jumps at each point.
    Previous,
    /// Straight lines; kinks at each point.
    #[default]
    Linear,
    /// The cubic spline with two continuous derivatives; at its ends the third derivative is continuous at the last but
    /// one point ("not a knot").
    Cubic,
    /// Cubics that are monotone wherever the points are, so that nothing overshoots; one continuous derivative.
    Monotone,
}

/// What the curve is before its first and after its last point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outside {
    /// Nothing: not a number.
    #[default]
    Error,
    /// The first and the last value.
    Hold,
    /// The tangents at the ends.
    Linear,
    /// The same again, with the distance from first to last point as its period.
    Periodic,
}

impl Shape {
    /// All of them, with their names in the language.
    pub const ALL: [(&str, Shape); 4] = [
        ("linear", Shape::Linear),
        ("previous", Shape::Previous),
        ("cubic", Shape::Cubic),
        ("monotone", Shape::Monotone),
    ];

    /// The degree of the polynomials.
    pub fn degree(self) -> u8 {
        match self {
            Shape::Previous => 0,
            Shape::Linear => 1,
            Shape::Cubic | Shape::Monotone => 3,
        }
    }
}

impl Outside {
    /// All of them, with their names in the language.
    pub const ALL: [(&str, Outside); 4] = [
        ("error", Outside::Error),
        ("hold", Outside::Hold),
        ("linear", Outside::Linear),
        ("periodic", Outside::Periodic),
    ];
}

/// A piecewise polynomial of one variable.
#[derive(Clone, PartialEq)]
pub struct Curve {
    name: String,
    shape: Shape,
    outside: Outside,
    /// Ascending; none for an array.
    knots: Vec<f64>,
    /// `degree + 1` per cell, from the constant up; for degree 0 one per knot.
    coefficients: Vec<f64>,
    /// Per bucket, the first knot in it or beyond; one more at the end.
    guide: Vec<u32>,
    /// Buckets per unit of the variable.
    scale: f64,
}

/// What a [`Curve`] is made of, for code that looks up without it.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// What stands between the points.
    pub shape: Shape,
    /// Ascending; none for an array.
    pub knots: &'a [f64],
    /// `degree + 1` per cell, from the constant up; for degree 0 one per knot.
    pub coefficients: &'a [f64],
    /// Per bucket, the first knot in it or beyond; one more at the end.
    pub guide: &'a [u32],
    /// Buckets per unit of the variable, from the first knot on.
    pub scale: f64,
}

/// What it is, and not its numbers: there may be a million.
impl fmt::Debug for Curve {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Curve { name, shape, outside, knots, coefficients, .. } = self;
        match knots.len() {
            0 => write!(f, "Curve({name}: {} numbers)", coefficients.len()),
            points => write!(f, "Curve({name}: {shape:?} between {points} points, beyond them {outside:?})"),
        }
    }
}

impl Curve {
    /// The curve of that name through points: knots ascending, as many values, at least two of each (one for
    /// [`Shape::Previous`]). `None` if they are not like that.
    pub fn new(name: &str, shape: Shape, outside: Outside, knots: Vec<f64>, values: &[f64]) -> Option<Curve> {
        let least = if shape == Shape::Previous { 1 } else { 2 };
        let sound = knots.len() == values.len()
            && knots.len() >= least
            && u32::try_from(knots.len()).is_ok()
            && knots.windows(2).all(|pair| pair[0] < pair[1])
            && knots.iter().all(|knot| knot.is_finite());
        if !sound {
            return None;
        }
        let periodic = outside == Outside::Periodic;
        let coefficients = match shape {
            Shape::Previous => values.to_vec(),
            Shape::Linear => slopes::lines(&knots, values),
            Shape::Cubic => slopes::cells(&knots, values, &slopes::spline(&knots, values, periodic)),
            Shape::Monotone => slopes::cells(&knots, values, &slopes::monotone(&knots, values, periodic)),
        };
        let buckets = knots.len().saturating_sub(1).max(1);
        let mut curve =
            Curve { name: name.to_string(), shape, outside, knots, coefficients, guide: Vec::new(), scale: 0.0 };
        curve.scale = buckets as f64 / (curve.last() - curve.first());
        let mut guide = vec![0u32; buckets + 1];
        for knot in &curve.knots {
            guide[curve.bucket(*knot, buckets) + 1] += 1;
        }
        for k in 1..=buckets {
            guide[k] += guide[k - 1];
        }
        curve.guide = guide;
        Some(curve)
    }

    /// Numbers by their place: the value at k (or a bit beyond) is number k, elsewhere not a number.
    pub fn array(name: &str, values: Vec<f64>) -> Curve {
        Curve {
            name: name.to_string(),
            shape: Shape::Previous,
            outside: Outside::Error,
            knots: Vec::new(),
            coefficients: values,
            guide: Vec::new(),
            scale: 0.0,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands between its points.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What it is beyond its points.
    pub fn outside(&self) -> Outside {
        self.outside
    }

    /// Its knots, ascending; none for an array.
    pub fn knots(&self) -> &[f64] {
        &self.knots
    }

    /// The first and the last knot (not a number for an array).
    pub fn range(&self) -> (f64, f64) {
        (self.first(), self.last())
    }

    /// What it is made of.
    pub fn parts(&self) -> Parts<'_> {
        let Curve { shape, knots, coefficients, guide, scale, .. } = self;
        Parts { shape: *shape, knots, coefficients, guide, scale: *scale }
    }

    /// The smallest and the largest value at its knots, or in its array.
    pub fn extent(&self) -> (f64, f64) {
        let stride = usize::from(self.shape.degree()) + 1;
        let ends = self
            .coefficients
            .iter()
            .step_by(stride)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
        match self.knots.len() {
            0 | 1 => ends,
            _ => {
                let last = self.value(0, self.last());
                (ends.0.min(last), ends.1.max(last))
            }
        }
    }

    fn first(&self) -> f64 {
        self.knots.first().copied().unwrap_or(f64::NAN)
    }

    fn last(&self) -> f64 {
        self.knots.last().copied().unwrap_or(f64::NAN)
    }

    /// The `order`th derivative at `x`, order 0 being the value itself. At a knot it is that of the polynomial to its
    /// right, at the last knot that to its left.
    pub fn value(&self, order: u8, x: f64) -> f64 {
        let (first, last) = (self.first(), self.last());
        if x >= first && x <= last {
            // The end of a period is the beginning of the next.
            let x = if self.outside == Outside::Periodic && x == last { first } else { x };
            return self.inside(order, x);
        }
        if self.knots.is_empty() {
            let value = if x >= 0.0 { self.coefficients.get(x as usize).copied() } else { None };
            return if order == 0 { value.unwrap_or(f64::NAN) } else { 0.0 };
        }
        if x.is_nan() {
            return f64::NAN;
        }
        let end = if x < first { first } else { last };
        match (self.outside, order) {
            (Outside::Error, _) => f64::NAN,
            (Outside::Hold, 0) => self.inside(0, end),
            (Outside::Hold, _) => 0.0,
            (Outside::Linear, 0) => self.inside(0, end) + self.inside(1, end) * (x - end),
            (Outside::Linear, 1) => self.inside(1, end),
            (Outside::Linear, _) => 0.0,
            (Outside::Periodic, _) => {
                let period = last - first;
                let turned = x - ((x - first) / period).floor() * period;
                self.inside(order, if turned >= first && turned < last { turned } else { first })
            }
        }
    }

    fn inside(&self, order: u8, x: f64) -> f64 {
        let cell = self.cell(x);
        let stride = usize::from(self.shape.degree()) + 1;
        let Some(c) = self.coefficients.get(cell * stride..(cell + 1) * stride) else { return f64::NAN };
        let d = x - self.knots[cell];
        match (c, order) {
            (c, 0) => c.iter().rev().skip(1).fold(c[c.len() - 1], |sum, c| sum * d + c),
            ([_, c1], 1) => *c1,
            ([_, c1, c2, c3], 1) => (3.0 * c3 * d + 2.0 * c2) * d + c1,
            ([_, _, c2, c3], 2) => 6.0 * c3 * d + 2.0 * c2,
            ([_, _, _, c3], 3) => 6.0 * c3,
            _ => 0.0,
        }
    }

    /// The cell of a point between first and last knot.
    fn cell(&self, x: f64) -> usize {
        let buckets = self.guide.len() - 1;
        let bucket = self.bucket(x, buckets);
        let (from, to) = (self.guide[bucket] as usize, self.guide[bucket + 1] as usize);
        let passed = from + self.knots[from..to].partition_point(|knot| *knot <= x);
        let cells = if self.shape == Shape::Previous { self.knots.len() } else { self.knots.len() - 1 };
        passed.saturating_sub(1).min(cells - 1)
    }

    /// Ascends with x, rounding included: a knot in an earlier bucket is smaller, one in a later bucket larger.
    fn bucket(&self, x: f64, buckets: usize) -> usize {
        (((x - self.first()) * self.scale) as usize).min(buckets - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uneven() -> (Vec<f64>, Vec<f64>) {
        let knots = vec![-1.0, -0.9, 0.0, 0.25, 0.26, 3.0, 3.5, 10.0];
        let values = vec![1.0, 2.0, 2.0, -1.0, 0.0, 5.0, 6.0, 6.5];
        (knots, values)
    }

    #[test]
    fn every_shape_passes_through_its_points() {
        let (knots, values) = uneven();
        for (name, shape) in Shape::ALL {
            let curve = Curve::new(name, shape, Outside::Error, knots.clone(), &values).unwrap();
            for (knot, value) in knots.iter().zip(&values) {
                assert!((curve.value(0, *knot) - value).abs() <= 1e-12, "{name} at {knot}");
            }
            assert_eq!(curve.range(), (-1.0, 10.0));
            assert!(curve.extent().0 == -1.0 && (curve.extent().1 - 6.5).abs() < 1e-12);
        }
    }

    #[test]
    fn the_cell_is_that_of_a_plain_search_wherever_the_point_lies() {
        let (knots, values) = uneven();
        let curve = Curve::new("c", Shape::Previous, Outside::Hold, knots.clone(), &values).unwrap();
        let near = |x: f64| [x.next_down(), x, x.next_up()];
        let points = knots.iter().flat_map(|x| near(*x)).chain((0..2000).map(|k| -1.0 + 0.0055 * f64::from(k)));
        for x in points {
            let place = knots.partition_point(|knot| *knot <= x).max(1) - 1;
            assert_eq!(curve.value(0, x), values[place], "{x}");
        }
    }

    #[test]
    fn derivatives_are_those_of_the_polynomials() {
        let (knots, values) = uneven();
        for (name, shape) in Shape::ALL {
            let curve = Curve::new(name, shape, Outside::Linear, knots.clone(), &values).unwrap();
            for order in 0..3 {
                for x in [-2.0, -0.95, 0.1, 1.5, 9.0, 12.0] {
                    let h = 1e-5;
                    let slope = (curve.value(order, x + h) - curve.value(order, x - h)) / (2.0 * h);
                    let found = curve.value(order + 1, x);
                    assert!(
                        (slope - found).abs() <= 1e-4 * (1.0 + found.abs()),
                        "{name} {order} at {x}: {slope} {found}"
                    );
                }
            }
            assert_eq!(curve.value(4, 0.1), 0.0);
        }
    }

    #[test]
    fn a_spline_gives_cubics_back_and_a_monotone_one_does_not_overshoot() {
        let knots: Vec<f64> = [0.0, 0.3, 1.0, 1.1, 2.0, 4.0].to_vec();
        let cubic = |x: f64| 2.0 - x + 0.5 * x * x - 0.25 * x * x * x;
        let values: Vec<f64> = knots.iter().map(|x| cubic(*x)).collect();
        let curve = Curve::new("c", Shape::Cubic, Outside::Error, knots.clone(), &values).unwrap();
        for k in 0..=400 {
            let x = 0.01 * f64::from(k);
            assert!((curve.value(0, x) - cubic(x)).abs() < 1e-12, "{x}");
        }
        // Three points make a parabola, two a line.
        let three = Curve::new("c", Shape::Cubic, Outside::Error, vec![0.0, 1.0, 3.0], &[0.0, 1.0, 9.0]).unwrap();
        assert!((three.value(0, 2.0) - 4.0).abs() < 1e-14);
        let two = Curve::new("c", Shape::Cubic, Outside::Error, vec![0.0, 2.0], &[0.0, 1.0]).unwrap();
        assert_eq!(two.value(0, 1.0), 0.5);
        // Akima's data: flat, then steep.
        let knots: Vec<f64> = (0..8).map(f64::from).collect();
        let values = [10.0, 10.0, 10.0, 10.5, 15.0, 50.0, 60.0, 60.0];
        let curve = Curve::new("c", Shape::Monotone, Outside::Error, knots, &values).unwrap();
        let all: Vec<f64> = (0..=700).map(|k| curve.value(0, 0.01 * f64::from(k))).collect();
        assert!(all.windows(2).all(|pair| pair[1] >= pair[0] - 1e-12));
        assert!(all.iter().all(|v| (10.0..=60.0 + 1e-12).contains(v)));
    }

    #[test]
    fn beyond_the_points_the_rule_decides() {
        let make = |outside| Curve::new("c", Shape::Linear, outside, vec![1.0, 2.0, 4.0], &[0.0, 3.0, 0.0]).unwrap();
        assert!(make(Outside::Error).value(0, 0.5).is_nan() && make(Outside::Error).value(0, 4.1).is_nan());
        assert_eq!((make(Outside::Hold).value(0, 0.0), make(Outside::Hold).value(1, 9.0)), (0.0, 0.0));
        assert_eq!((make(Outside::Linear).value(0, 0.0), make(Outside::Linear).value(0, 6.0)), (-3.0, -3.0));
        let periodic = make(Outside::Periodic);
        for turn in [-7.0, -1.0, 1.0, 5.0] {
            assert_eq!(periodic.value(0, 1.5 + 3.0 * turn), 1.5, "{turn}");
            assert_eq!(periodic.value(1, 1.0 + 3.0 * turn), 3.0, "{turn}");
        }
        assert!(periodic.value(0, f64::NAN).is_nan() && periodic.value(0, f64::INFINITY).is_finite());
    }

    #[test]
    fn a_periodic_spline_joins_smoothly() {
        let n = 12;
        let turn = |k: usize| 2.0 * std::f64::consts::PI * k as f64 / n as f64;
        let knots: Vec<f64> = (0..=n).map(turn).collect();
        let values: Vec<f64> = (0..=n).map(|k| turn(k % n).sin()).collect();
        for shape in [Shape::Cubic, Shape::Monotone] {
            let curve = Curve::new("c", shape, Outside::Periodic, knots.clone(), &values).unwrap();
            let (left, right) = (curve.value(1, turn(n).next_down()), curve.value(1, turn(n)));
            assert!((left - right).abs() < 1e-6, "{left} {right}");
        }
        let curve = Curve::new("c", Shape::Cubic, Outside::Periodic, knots, &values).unwrap();
        let errors = (0..1000).map(|k| 0.0063 * f64::from(k)).map(|x| (curve.value(0, x) - x.sin()).abs());
        assert!(errors.fold(0.0, f64::max) < 4e-4);
    }

    #[test]
    fn arrays_are_read_by_place_and_bad_points_are_refused() {
        let array = Curve::array("w", vec![5.0, 6.0]);
        assert_eq!((array.value(0, 0.0), array.value(0, 1.0), array.value(1, 1.0)), (5.0, 6.0, 0.0));
        assert!(array.value(0, 2.0).is_nan() && array.value(0, -1.0).is_nan());
        let refused = |knots: &[f64], values: &[f64]| {
            Curve::new("c", Shape::Linear, Outside::Hold, knots.to_vec(), values).is_none()
        };
        assert!(refused(&[], &[]) && refused(&[1.0], &[1.0]) && refused(&[1.0, 1.0], &[1.0, 2.0]));
        assert!(refused(&[2.0, 1.0], &[1.0, 2.0]) && refused(&[1.0, f64::INFINITY], &[1.0, 2.0]));
        assert!(refused(&[1.0, 2.0], &[1.0]));
        let one = Curve::new("c", Shape::Previous, Outside::Hold, vec![1.0], &[4.0]).unwrap();
        assert_eq!((one.value(0, 0.0), one.value(0, 1.0), one.value(0, 2.0)), (4.0, 4.0, 4.0));
    }
}
