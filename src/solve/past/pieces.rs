//! The solution so far as polynomials, one per step, for the states that are read at other times.
//!
//! A step's dense output is a polynomial already: its values at the Chebyshev points of the step (their ends included)
//! become the coefficients of its Chebyshev series, exactly up to rounding, whatever the method.

use std::collections::VecDeque;

use crate::math::Function;
use crate::solve::problem::Problem;
use crate::solve::stepper::Stepper;

/// One step's polynomials.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// Where the step began.
    pub from: f64,
    /// How long it was.
    length: f64,
    /// Up to where it holds: an event may have cut it short.
    pub until: f64,
    degree: usize,
    /// The coefficients, degree + 1 per watched state.
    c: Vec<f64>,
}

/// How far outside its step a polynomial is followed, in half steps from the middle.
const FARTHEST: f64 = 3.0;

impl Piece {
    /// The place of a time in the step, −1 to 1; not farther outside than a step's length.
    pub fn place(&self, t: f64) -> f64 {
        ((t - self.from) / self.length * 2.0 - 1.0).clamp(-FARTHEST, FARTHEST)
    }

    /// Σ c_k T_k(x) of a watched state, by Clenshaw's recurrence.
    pub fn value(&self, watched: usize, x: f64) -> f64 {
        let c = self.series(watched);
        let (mut b1, mut b2) = (0.0, 0.0);
        for c in c[1..].iter().rev() {
            (b1, b2) = (2.0 * x * b1 - b2 + c, b1);
        }
        x * b1 - b2 + c[0]
    }

    /// Its derivative by time: Σ k c_k U_{k−1}(x).
    pub fn rate(&self, watched: usize, x: f64) -> f64 {
        let c = self.series(watched);
        let (mut b1, mut b2) = (0.0, 0.0);
        for (k, c) in c.iter().enumerate().skip(1).rev() {
            (b1, b2) = (2.0 * x * b1 - b2 + k as f64 * c, b1);
        }
        2.0 * b1 / self.length
    }

    fn series(&self, watched: usize) -> &[f64] {
        &self.c[watched * (self.degree + 1)..(watched + 1) * (self.degree + 1)]
    }
}

/// The pieces that may still be read, in order of time.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    list: VecDeque<Piece>,
    /// How many were dropped: numbers of pieces count those too.
    dropped: usize,
    /// Length of all that is kept.
    numbers: usize,
}

/// Turns steps into pieces.
#[derive(Debug, Default)]
pub struct Sampler {
    /// Memory of pieces that are done with.
    spare: Vec<Vec<f64>>,
    /// By degree: the points, and cos(π j k / degree) by row k.
    tables: Vec<(Vec<f64>, Vec<f64>)>,
    values: Vec<f64>,
    point: Vec<f64>,
}

impl Pieces {
    /// The number the next piece will have.
    pub fn next(&self) -> usize {
        self.dropped + self.list.len()
    }

    /// The piece of a number, if it is still there.
    pub fn get(&self, number: usize) -> Option<&Piece> {
        self.list.get(number.checked_sub(self.dropped)?)
    }

    /// Of the pieces numbered from `first` to before `end`, the one that holds at a time, or the nearest.
    pub fn at(&self, t: f64, first: usize, end: usize) -> Option<usize> {
        let (mut lo, mut hi) = (first.max(self.dropped), end.checked_sub(1)?);
        if lo > hi {
            return None;
        }
        while lo < hi {
            let middle = lo + (hi - lo) / 2;
            match self.get(middle) {
                Some(piece) if piece.until >= t => hi = middle,
                _ => lo = middle + 1,
            }
        }
        Some(lo)
    }

    /// Adds the latest piece.
    pub fn push(&mut self, piece: Piece) {
        self.numbers += piece.c.len() + 5;
        self.list.push_back(piece);
    }

    /// The last one holds up to `t` only.
    pub fn cut(&mut self, t: f64) {
        if let Some(last) = self.list.back_mut() {
            last.until = last.until.min(t);
        }
    }

    /// Drops what lies wholly before a time.
    pub fn drop_before(&mut self, t: f64, mut done: impl FnMut(Piece)) {
        while self.list.len() > 1 && self.list.get(1).is_some_and(|second| second.from < t) {
            if let Some(piece) = self.list.pop_front() {
                self.numbers -= piece.c.len() + 5;
                done(piece);
                self.dropped += 1;
            }
        }
    }

    /// Bytes of what is kept.
    pub fn bytes(&self) -> u64 {
        8 * self.numbers as u64
    }
}

impl Sampler {
    /// The polynomials of the step just taken, from the point (t, y) on.
    pub fn of_step(
        &mut self,
        problem: &mut Problem,
        stepper: &mut dyn Stepper,
        (t, y): (f64, &[f64]),
        watched: &[usize],
    ) -> Piece {
        let degree = stepper.degree().max(1);
        self.prepare(degree);
        let (from, until) = (t, stepper.t());
        let width = degree + 1;
        let mut c = self.spare.pop().unwrap_or_default();
        c.clear();
        c.resize(width * watched.len(), 0.0);
        self.point.resize(y.len(), 0.0);
        self.values.clear();
        self.values.resize(width * watched.len(), 0.0);
        // Values at the points, which run from the end of the step to its start.
        for j in 0..width {
            let row = &mut self.values[j * watched.len()..(j + 1) * watched.len()];
            let values: &[f64] = if j == 0 {
                stepper.y()
            } else if j == degree {
                y
            } else {
                let x = self.tables[degree].0[j];
                stepper.interpolate(problem, from + 0.5 * (1.0 + x) * (until - from), &mut self.point);
                &self.point
            };
            row.iter_mut().zip(watched).for_each(|(value, k)| *value = values[*k]);
        }
        // c_k = 2/d Σ'' f_j cos(π j k / d), the first and the last term and coefficient halved.
        let table = &self.tables[degree].1;
        for (w, c) in c.chunks_exact_mut(width).enumerate() {
            for (k, c) in c.iter_mut().enumerate() {
                let row = &table[k * width..(k + 1) * width];
                let value = |j: usize| self.values[j * watched.len() + w] * row[j];
                let inner: f64 = (1..degree).map(value).sum();
                let sum = inner + 0.5 * (value(0) + value(degree));
                *c = sum * if k == 0 || k == degree { 1.0 } else { 2.0 } / degree as f64;
            }
        }
        Piece { from, length: until - from, until, degree, c }
    }

    fn prepare(&mut self, degree: usize) {
        let cos = |x: f64| Function::Cos.eval(x, 0.0);
        while self.tables.len() <= degree {
            let d = self.tables.len();
            let angle = |j: usize| std::f64::consts::PI * j as f64 / d.max(1) as f64;
            let points = (0..=d).map(|j| cos(angle(j))).collect();
            let table = (0..=d).flat_map(|k| (0..=d).map(move |j| cos(angle((j * k) % (2 * d.max(1)))))).collect();
            self.tables.push((points, table));
        }
    }

    /// A piece that is not needed: its memory is.
    pub fn give_back(&mut self, piece: Piece) {
        self.spare.push(piece.c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_rates_are_those_of_the_polynomial() {
        // x³ on [1, 3]: with u = t − 2, (u + 2)³ = 8 + 12 u + 6 u² + u³; u² = (T2 + 1)/2, u³ = (T3 + 3 T1)/4.
        let piece = Piece { from: 1.0, length: 2.0, until: 3.0, degree: 3, c: vec![11.0, 12.75, 3.0, 0.25] };
        for t in [1.0, 1.3, 2.0, 2.9, 3.0, 3.5] {
            let x = piece.place(t);
            assert!((piece.value(0, x) - t * t * t).abs() < 1e-13 * t * t * t);
            assert!((piece.rate(0, x) - 3.0 * t * t).abs() < 1e-12);
        }
    }

    #[test]
    fn pieces_are_found_by_time_among_those_that_are_left() {
        let mut pieces = Pieces::default();
        for k in 0..10 {
            let from = f64::from(k);
            pieces.push(Piece { from, length: 1.0, until: from + 1.0, degree: 0, c: vec![from] });
        }
        let found = |pieces: &Pieces, t: f64| pieces.at(t, 0, 10).unwrap();
        assert_eq!((found(&pieces, 0.5), found(&pieces, 1.0), found(&pieces, 9.5), found(&pieces, 12.0)), (0, 0, 9, 9));
        pieces.drop_before(4.5, |_| {});
        assert_eq!((found(&pieces, 0.5), found(&pieces, 4.5), pieces.next()), (4, 4, 10));
        assert_eq!(pieces.at(0.5, 3, 3), None);
        assert!(pieces.get(3).is_none());
    }
}
