//! Where a function changes sign, from its Chebyshev series: no pair of sign changes is overlooked.
//!
//! For a polynomial the series is exact, and each interval is decided by a bound: the constant term outweighs all others
//! (no zero), or the derivative's does (at most one). What neither decides is halved. Method: Boyd, Computing zeros on a
//! real interval through Chebyshev expansion, SIAM J. Numer. Anal. 40 (2002); the bound |T_k| ≤ 1.
//!
//! The limit is rounding: two zeros between which the function stays below [`Expansion::noise`] count as one touch.

use crate::math::chebyshev;
use crate::system::constants::{MOST_PARTS, NARROW};

/// Chebyshev points of the first kind on [−1, 1], and the values of T_k there.
#[derive(Clone, Debug)]
pub struct Transform {
    /// The points, from the right to the left.
    pub points: Vec<f64>,
    /// T_k at point j, row k.
    table: Vec<f64>,
}

/// What is found on an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Its left end.
    pub a: f64,
    /// Its right end.
    pub b: f64,
    /// Whether nothing on it can be told from zero; else the function is monotone there and changes sign once.
    pub undecided: bool,
}

/// A function's series, and how far it can be trusted.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    coefficients: Vec<f64>,
    /// What rounding may change of its values.
    pub noise: f64,
    /// The last two coefficients relative to the sum of all: of the size of rounding where the series is complete.
    pub tail: f64,
    local: Vec<f64>,
    slope: Vec<f64>,
    values: Vec<f64>,
    waiting: Vec<Interval>,
}

#[derive(Clone, Copy, Debug)]
struct Interval {
    a: f64,
    b: f64,
    /// Signs at the ends.
    at_a: f64,
    at_b: f64,
}

/// Halvings that bring an interval below what the series can tell.
const BISECTIONS: u32 = 44;

impl Transform {
    /// For series of `n` terms.
    pub fn new(n: usize) -> Self {
        let (points, table) = chebyshev(n);
        Transform { points, table }
    }

    /// The coefficients of the polynomial with these values at the points.
    fn series(&self, values: &[f64], out: &mut Vec<f64>) {
        let n = self.points.len();
        out.clear();
        for row in self.table.chunks_exact(n) {
            let sum: f64 = row.iter().zip(values).map(|(t, v)| t * v).sum();
            out.push(sum * if out.is_empty() { 1.0 } else { 2.0 } / n as f64);
        }
    }
}

/// Σ c_k T_k(x) by Clenshaw's recurrence.
fn clenshaw(c: &[f64], x: f64) -> f64 {
    let (mut b1, mut b2) = (0.0, 0.0);
    for c in c[1..].iter().rev() {
        (b1, b2) = (2.0 * x * b1 - b2 + c, b1);
    }
    x * b1 - b2 + c[0]
}

/// The derivative's series: c'_{k−1} = c'_{k+1} + 2 k c_k.
fn derivative(c: &[f64], out: &mut Vec<f64>) {
    out.clear();
    out.resize(c.len().max(2) - 1, 0.0);
    for k in (1..c.len()).rev() {
        out[k - 1] = out.get(k + 1).copied().unwrap_or(0.0) + 2.0 * k as f64 * c[k];
    }
    out[0] *= 0.5;
}

/// Whether the constant term outweighs the others: then there is no zero.
fn one_signed(c: &[f64], noise: f64) -> bool {
    c[0].abs() > c[1..].iter().map(|c| c.abs()).sum::<f64>() + noise
}

impl Expansion {
    /// Takes the values at the transform's points; below `least` they are rounding.
    pub fn set(&mut self, transform: &Transform, values: &[f64], least: f64) {
        transform.series(values, &mut self.coefficients);
        let total: f64 = self.coefficients.iter().map(|c| c.abs()).sum();
        let last = self.coefficients.iter().rev().take(2).fold(0.0f64, |most, c| most.max(c.abs()));
        self.tail = if total > 0.0 { last / total } else { 0.0 };
        self.noise = (8.0 * (f64::EPSILON * total).max(last)).max(least);
    }

    /// Whether it has no zero at all.
    pub fn is_one_signed(&self) -> bool {
        one_signed(&self.coefficients, self.noise)
    }

    /// The sign of the series, 0 where rounding leaves it open.
    pub fn sign(&self, x: f64) -> f64 {
        let value = clenshaw(&self.coefficients, x);
        if value.abs() <= self.noise { 0.0 } else { value.signum() }
    }

    /// Where it changes sign on a piece, as well as the series tells.
    pub fn zero(&self, piece: Piece, after: f64) -> f64 {
        let (mut lo, mut hi) = (piece.a, piece.b);
        for _ in 0..BISECTIONS {
            let middle = 0.5 * (lo + hi);
            if clenshaw(&self.coefficients, middle) * after > 0.0 { hi = middle } else { lo = middle }
        }
        hi
    }

    /// Appends the pieces on which it changes sign or may do so, from left to right; `ends` are the signs at −1 and 1,
    /// which the caller knows better.
    pub fn isolate(&mut self, transform: &Transform, ends: (f64, f64), pieces: &mut Vec<Piece>) {
        self.waiting.clear();
        self.waiting.push(Interval { a: -1.0, b: 1.0, at_a: ends.0, at_b: ends.1 });
        let first = pieces.len();
        let mut left = MOST_PARTS;
        while let Some(now) = self.waiting.pop() {
            left -= usize::from(left > 0);
            self.expand(transform, now);
            if one_signed(&self.local, self.noise) && now.at_a * now.at_b >= 0.0 && now.at_a != 0.0 && now.at_b != 0.0 {
                continue;
            }
            derivative(&self.local, &mut self.slope);
            if one_signed(&self.slope, 0.0) || now.b - now.a < NARROW {
                if now.at_a != now.at_b {
                    pieces.push(Piece { a: now.a, b: now.b, undecided: false });
                }
                continue;
            }
            // Nothing in here can be told from zero: the coefficients on the part have rounding of their own.
            if left == 0 || self.local.iter().map(|c| c.abs()).sum::<f64>() <= 4.0 * self.noise {
                match pieces[first..].last_mut() {
                    Some(last) if last.undecided && last.b == now.a => last.b = now.b,
                    _ => pieces.push(Piece { a: now.a, b: now.b, undecided: true }),
                }
                continue;
            }
            let middle = 0.5 * (now.a + now.b);
            let at = self.sign(middle);
            self.waiting.push(Interval { a: middle, at_a: at, ..now });
            self.waiting.push(Interval { b: middle, at_b: at, ..now });
        }
    }

    /// The series on a part of the interval, in `local`.
    fn expand(&mut self, transform: &Transform, part: Interval) {
        let (middle, half) = (0.5 * (part.a + part.b), 0.5 * (part.b - part.a));
        self.values.clear();
        self.values.extend(transform.points.iter().map(|x| clenshaw(&self.coefficients, middle + half * x)));
        transform.series(&self.values, &mut self.local);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(f: impl Fn(f64) -> f64, degree: usize) -> Vec<Piece> {
        let transform = Transform::new(degree + 3);
        let values: Vec<f64> = transform.points.iter().map(|x| f(*x)).collect();
        let (mut expansion, mut pieces) = (Expansion::default(), Vec::new());
        expansion.set(&transform, &values, 0.0);
        assert!(expansion.tail < 1e-13, "{}", expansion.tail);
        expansion.isolate(&transform, (f(-1.0).signum(), f(1.0).signum()), &mut pieces);
        pieces
    }

    #[test]
    fn pairs_of_zeros_are_told_apart_down_to_rounding() {
        for k in 1..=6 {
            let gap = 10f64.powi(-k);
            let found = pieces(|x| (x - 0.3) * (x - 0.3) - gap * gap, 4);
            let crossings = found.iter().filter(|p| !p.undecided).count();
            assert_eq!(crossings, 2, "gap {gap}: {found:?}");
            for (piece, root) in found.iter().zip([0.3 - gap, 0.3 + gap]) {
                assert!(piece.a <= root && root <= piece.b, "{piece:?} {root}");
            }
        }
        assert!(pieces(|x| (x - 0.3) * (x - 0.3) + 1e-10, 4).is_empty());
    }

    #[test]
    fn a_touch_is_one() {
        let found = pieces(|x| 3.0 * (x - 0.3) * (x - 0.3), 2);
        let undecided: Vec<&Piece> = found.iter().filter(|p| p.undecided).collect();
        assert_eq!(undecided.len(), 1, "{found:?}");
        assert!(undecided[0].a <= 0.3 && 0.3 <= undecided[0].b);
        assert!(found.iter().all(|p| (p.a - 0.3).abs() < 1e-6 && (p.b - 0.3).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn all_zeros_of_a_polynomial_are_found() {
        let roots = [-0.95, -0.5, -0.49, 0.1, 0.101, 0.7, 0.999];
        let found = pieces(|x| roots.iter().map(|r| x - r).product(), 7);
        // A zero where two parts meet is seen from both.
        assert!(found.len() <= 8, "{found:?}");
        assert!(roots.iter().all(|r| found.iter().any(|p| p.a <= *r && *r <= p.b)), "{found:?}");
    }
}
