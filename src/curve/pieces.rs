//! A curve taken apart into its polynomials, for lookups that stay on one of them also beyond its ends.

use super::{Curve, Outside, Shape};

/// Polynomials that differ by no more than this share of their size over a cell are the same.
const ROUNDING: f64 = 1e-14;

/// The polynomials of a curve in ascending order, those before its first and after its last point among them: piece 0
/// lies below the first rung, piece k from rung k − 1 on. Of a periodic curve the pieces are those of one period, piece k
/// from rung k on, and the last rung is its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Pieces {
    /// Where one piece ends and the next begins.
    pub rungs: Vec<f64>,
    /// Per piece what its polynomial is a function of the distance from.
    pub bases: Vec<f64>,
    /// Per power, from the constant up, the coefficient of each piece.
    pub coefficients: Vec<Vec<f64>>,
}

impl Curve {
    /// Its `order`th derivative, taken apart; none for an array, or if there is nothing to tell apart.
    pub fn pieces(&self, order: u8) -> Option<Pieces> {
        let (first, last) = self.range();
        let periodic = self.outside == Outside::Periodic;
        if self.knots.len() < if periodic { 2 } else { 1 } {
            return None;
        }
        let stride = usize::from(self.shape.degree()) + 1;
        let (mut rungs, mut bases, mut polynomials) = (Vec::new(), Vec::<f64>::new(), Vec::<Vec<f64>>::new());
        for (cell, polynomial) in self.knots.windows(2).zip(self.coefficients.chunks_exact(stride)) {
            // What goes on as it was is no new piece: neighbours of the ends of a spline, points on a line.
            let same =
                |((base, known), width): ((&f64, &Vec<f64>), f64)| same_at(known, cell[0] - base, polynomial, width);
            if !bases.last().zip(polynomials.last()).map(|known| (known, cell[1] - cell[0])).is_some_and(same) {
                rungs.push(cell[0]);
                bases.push(cell[0]);
                polynomials.push(polynomial.to_vec());
            }
        }
        rungs.push(last);
        if !periodic {
            let beyond = |x: f64| {
                let mut line = vec![0.0; stride];
                match self.outside {
                    Outside::Error => line.fill(f64::NAN),
                    Outside::Linear => {
                        line.iter_mut().take(2).enumerate().for_each(|(k, c)| *c = self.inside(k as u8, x))
                    }
                    _ => line[0] = self.inside(0, x),
                }
                line
            };
            bases.insert(0, first);
            polynomials.insert(0, beyond(first));
            if self.outside == Outside::Error {
                // The last point is still one of the curve.
                if self.shape == Shape::Previous {
                    bases.push(last);
                    polynomials.push(vec![self.inside(0, last)]);
                    rungs.push(last);
                }
                if let Some(end) = rungs.last_mut() {
                    *end = last.next_up();
                }
            }
            bases.push(last);
            polynomials.push(beyond(last));
        }
        for _ in 0..order {
            for polynomial in &mut polynomials {
                (1..stride).for_each(|k| polynomial[k - 1] = k as f64 * polynomial[k]);
                polynomial[stride - 1] *= 0.0;
            }
        }
        let powers = stride.saturating_sub(usize::from(order)).max(1);
        let coefficients = (0..powers).map(|k| polynomials.iter().map(|p| p[k]).collect()).collect();
        Some(Pieces { rungs, bases, coefficients })
    }
}

/// Whether one polynomial is, from a distance d on and over some width, another within rounding.
fn same_at(known: &[f64], d: f64, other: &[f64], width: f64) -> bool {
    let mut shifted = known.to_vec();
    for k in 0..shifted.len() {
        (k..shifted.len() - 1).rev().for_each(|j| shifted[j] += d * shifted[j + 1]);
    }
    let sizes = |c: &[f64]| c.iter().rev().fold(0.0, |sum: f64, c| sum * width + c.abs());
    let off: Vec<f64> = shifted.iter().zip(other).map(|(a, b)| a - b).collect();
    sizes(&off) <= ROUNDING * sizes(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_the_curve() {
        let knots = vec![-1.0, 0.0, 0.5, 2.0];
        let values = [1.0, 3.0, 2.0, 1.0];
        for (shape_name, shape) in Shape::ALL {
            for (outside_name, outside) in Outside::ALL {
                let curve = Curve::new("c", shape, outside, knots.clone(), &values).unwrap();
                for order in 0..=shape.degree() {
                    let pieces = curve.pieces(order).unwrap();
                    let periodic = outside == Outside::Periodic;
                    let count = if periodic { pieces.rungs.len() - 1 } else { pieces.rungs.len() + 1 };
                    assert_eq!((pieces.bases.len(), pieces.coefficients[0].len()), (count, count));
                    for x in [-1.5, -1.0, -0.3, 0.0, 0.2, 0.5, 1.9, 2.0, 2.5] {
                        let turned = if !periodic { x } else { x - ((x + 1.0) / 3.0f64).floor() * 3.0 };
                        let passed = pieces.rungs.partition_point(|rung| *rung <= turned);
                        let k = if periodic { passed - 1 } else { passed };
                        let d = turned - pieces.bases[k];
                        let found = pieces.coefficients.iter().rev().fold(0.0, |sum, c| sum * d + c[k]);
                        let expected = curve.value(order, x);
                        // Where a derivative jumps at the last point the curve has the one to its left.
                        let jumps = x == 2.0 && order > 0;
                        assert!(
                            jumps || (found - expected).abs() < 1e-12 || (found.is_nan() && expected.is_nan()),
                            "{shape_name} {outside_name} {order} at {x}: {found} {expected}"
                        );
                    }
                }
            }
        }
        let count = |shape, values: &[f64]| {
            let knots = (0..values.len()).map(|k| 0.1 * k as f64).collect();
            Curve::new("c", shape, Outside::Hold, knots, values).unwrap().pieces(0).unwrap().rungs.len()
        };
        // Four points are one cubic; a line, a jump, a line; the ends count.
        assert_eq!(count(Shape::Cubic, &[0.0, 1.0, 0.0, 2.0]), 2);
        assert_eq!(count(Shape::Cubic, &[0.0, 1.0, 0.0, 2.0, 1.0, 5.0]), 4);
        assert_eq!(count(Shape::Linear, &[0.0, 0.1, 0.2, 0.3, 7.3, 7.4, 7.5]), 4);
        assert_eq!(count(Shape::Previous, &[1.0, 1.0, 2.0, 2.0]), 3);
        assert!(Curve::array("a", vec![1.0, 2.0]).pieces(0).is_none());
    }
}
