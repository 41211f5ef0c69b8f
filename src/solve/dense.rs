//! The solution at every time: each step's dense output kept as the polynomial it is.
//!
//! A polynomial of degree d is known by its values at d + 1 Chebyshev points of the second kind, ends included, and
//! evaluated from them by the barycentric formula (Berrut & Trefethen, Barycentric Lagrange interpolation, SIAM Review 46,
//! 2004, eq. 5.4): at the ends of a step exactly the values of the step.

use super::ErrorKind;
use crate::math::Function;

/// How far outside its step a polynomial is followed, in half steps from the middle: rounding grows with its degree's power.
const FARTHEST: f64 = 3.0;

/// A run's solution between the points kept. Where an event has made it jump, it has the values after.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Dense {
    dim: usize,
    /// In the order of integration.
    pieces: Vec<Piece>,
    /// Per piece, from the end of the step to its start, `degree + 1` states each.
    values: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Piece {
    from: f64,
    to: f64,
    /// Up to where it counts: what ended the run may have cut it short.
    until: f64,
    degree: usize,
    /// Where its values begin.
    first: usize,
}

impl Dense {
    /// For states of `dim` numbers.
    pub(super) fn new(dim: usize) -> Self {
        Dense { dim, ..Dense::default() }
    }

    /// Adds the step from `from` to `to`, which counts up to `until`; `state` writes the solution at a time.
    ///
    /// # Errors
    /// If it does not fit into so many bytes.
    pub(super) fn push(
        &mut self,
        (from, to): (f64, f64),
        until: f64,
        degree: usize,
        most: u64,
        mut state: impl FnMut(f64, &mut [f64]) -> Result<(), ErrorKind>,
    ) -> Result<(), ErrorKind> {
        let degree = degree.max(1);
        let first = self.values.len();
        let needed = 8 * (first + (degree + 1) * self.dim) as u64;
        if needed > most {
            return Err(ErrorKind::Memory(needed, most));
        }
        self.values.resize(first + (degree + 1) * self.dim, 0.0);
        let piece = Piece { from, to, until, degree, first };
        for (j, row) in self.values[first..].chunks_exact_mut(self.dim.max(1)).enumerate() {
            state(piece.time(j), row)?;
        }
        self.pieces.push(piece);
        Ok(())
    }

    /// Whether it is one of so many states, and every step has its values: of what was read from elsewhere.
    #[cfg(feature = "serde")]
    pub(super) fn is_sound(&self, dim: usize) -> bool {
        let whole = |piece: &Piece| {
            let needed = piece.degree.checked_add(1).and_then(|rows| rows.checked_mul(dim));
            let end = needed.and_then(|needed| needed.checked_add(piece.first));
            piece.degree > 0 && end.is_some_and(|end| end <= self.values.len())
        };
        self.dim == dim && self.pieces.iter().all(whole)
    }

    /// The same with more states, each a sum of multiples of those there are.
    pub(super) fn expanded(mut self, dim: usize, expand: impl Fn(&[f64], &mut [f64])) -> Self {
        let rows = self.values.len() / self.dim.max(1);
        let mut values = vec![0.0; rows * dim];
        let pairs = self.values.chunks_exact(self.dim.max(1)).zip(values.chunks_exact_mut(dim.max(1)));
        pairs.for_each(|(few, all)| expand(few, all));
        self.pieces.iter_mut().for_each(|piece| piece.first = piece.first / self.dim.max(1) * dim);
        Dense { dim, values, ..self }
    }

    /// The number of steps.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The last step alone.
    pub(super) fn last(&self) -> Dense {
        let Some(piece) = self.pieces.last() else { return Dense::new(self.dim) };
        Dense { dim: self.dim, pieces: vec![Piece { first: 0, ..*piece }], values: self.values[piece.first..].to_vec() }
    }

    /// Start and end of what is known.
    pub fn span(&self) -> Option<(f64, f64)> {
        Some((self.pieces.first()?.from, self.pieces.last()?.until))
    }

    /// The ends of the steps, the start first.
    pub fn times(&self) -> Vec<f64> {
        let start = self.pieces.first().map(|piece| piece.from);
        start.into_iter().chain(self.pieces.iter().map(|piece| piece.until)).collect()
    }

    /// The same where an event makes the solution jump: with the values before.
    pub(crate) fn state_before(&self, t: f64, out: &mut [f64]) {
        let Some((start, end)) = self.span() else { return out.fill(f64::NAN) };
        let direction = if end < start { -1.0 } else { 1.0 };
        self.of_piece(self.pieces.partition_point(|piece| (piece.from - t) * direction < 0.0), t, out);
    }

    /// The state at a time, NaN where there is no step. Outside the span it is what the nearest step's polynomial says up to a
    /// step's length away, and farther the parabola through that step's ends and middle.
    pub fn state(&self, t: f64, out: &mut [f64]) {
        let Some((start, end)) = self.span() else { return out.fill(f64::NAN) };
        let direction = if end < start { -1.0 } else { 1.0 };
        self.of_piece(self.pieces.partition_point(|piece| (piece.from - t) * direction <= 0.0), t, out);
    }

    /// The state at a time by the piece before the one at that place.
    fn of_piece(&self, later: usize, t: f64, out: &mut [f64]) {
        let Some(piece) = self.pieces.get(later.saturating_sub(1)) else { return out.fill(f64::NAN) };
        piece.state(t, &self.values[piece.first..][..(piece.degree + 1) * self.dim], out);
    }
}

impl Piece {
    /// The time of point j.
    fn time(&self, j: usize) -> f64 {
        match j {
            0 => self.to,
            j if j == self.degree => self.from,
            j => self.from + 0.5 * (1.0 + self.point(j)) * (self.to - self.from),
        }
    }

    /// Point j on [−1, 1].
    fn point(&self, j: usize) -> f64 {
        Function::Cos.eval(std::f64::consts::PI * j as f64 / self.degree as f64, 0.0)
    }

    fn state(&self, t: f64, values: &[f64], out: &mut [f64]) {
        let row = |j: usize| &values[j * out.len()..(j + 1) * out.len()];
        if let Some(j) = (0..=self.degree).find(|j| self.time(*j) == t) {
            return out.copy_from_slice(row(j));
        }
        let x = (t - self.from) / (self.to - self.from) * 2.0 - 1.0;
        if x.abs() > FARTHEST {
            let mut middle = vec![0.0; out.len()];
            self.state(self.from + 0.5 * (self.to - self.from), values, &mut middle);
            let ends = row(self.degree).iter().zip(row(0));
            for (out, (middle, (start, end))) in out.iter_mut().zip(middle.iter().zip(ends)) {
                *out = middle + 0.5 * x * (end - start) + 0.5 * x * x * (start - 2.0 * middle + end);
            }
            return;
        }
        let rows: Vec<&[f64]> = (0..=self.degree).map(row).collect();
        let weight = |j: usize| {
            let sign = if j.is_multiple_of(2) { 1.0 } else { -1.0 };
            let half = if j == 0 || j == self.degree { 0.5 } else { 1.0 };
            sign * half / (x - self.point(j))
        };
        out.fill(0.0);
        let mut total = 0.0;
        for (j, row) in rows.iter().enumerate() {
            let weight = weight(j);
            total += weight;
            out.iter_mut().zip(*row).for_each(|(out, value)| *out += weight * value);
        }
        out.iter_mut().for_each(|out| *out /= total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cubes(times: &[f64]) -> Dense {
        let mut dense = Dense::new(2);
        for step in times.windows(2) {
            let fill = |t: f64, y: &mut [f64]| {
                y.copy_from_slice(&[t * t * t, 1.0 - t]);
                Ok(())
            };
            dense.push((step[0], step[1]), step[1], 3, 1 << 20, fill).unwrap();
        }
        dense
    }

    #[test]
    fn polynomials_come_back_forwards_and_backwards() {
        let mut y = [0.0; 2];
        for dense in [cubes(&[0.0, 1.0, 3.0, 3.5]), cubes(&[3.5, 3.0, 1.0, 0.0])] {
            for k in 0..=70 {
                let t = f64::from(k) * 0.05;
                dense.state(t, &mut y);
                assert!((y[0] - t * t * t).abs() < 1e-13 && (y[1] - 1.0 + t).abs() < 1e-14, "{t}: {y:?}");
            }
            // Beyond the ends the last polynomial goes on.
            dense.state(3.6, &mut y);
            assert!((y[0] - 46.656).abs() < 1e-10);
            // Far away it is a parabola: of what is linear nothing is lost.
            dense.state(1e3, &mut y);
            assert!((y[1] + 999.0).abs() < 1e-6, "{y:?}");
        }
        cubes(&[0.0, 1.0, 3.0]).state(3.0, &mut y);
        assert_eq!(y, [27.0, -2.0]);
    }

    #[test]
    fn nothing_known_is_no_number_and_memory_is_bounded() {
        let mut y = [0.0];
        Dense::new(1).state(0.0, &mut y);
        assert!(y[0].is_nan());
        let refused = Dense::new(1).push((0.0, 1.0), 1.0, 3, 31, |_, _| Ok(()));
        assert_eq!(refused, Err(ErrorKind::Memory(32, 31)));
    }
}
