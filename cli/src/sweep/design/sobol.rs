//! Sobol's sequence (Sobol' 1967) in base 2, each point by its number (Bratley & Fox 1988, ACM Trans. Math. Softw. 14), with a
//! random shift of its digits, the same for all points of a dimension (Matoušek 1998, J. Complexity 14): as even as the
//! sequence itself, and each point uniformly distributed.

use super::directions::DIRECTIONS;
use super::random::Random;

/// The dimensions there are direction numbers for.
pub const MOST_DIMENSIONS: usize = DIRECTIONS.len() + 1;
/// Binary digits of a number.
const DIGITS: usize = 52;

/// A shifted sequence.
#[derive(Clone)]
pub struct Sequence {
    /// By dimension: vⱼ, with the first digit in bit `DIGITS - 1`, and the shift.
    dimensions: Vec<([u64; DIGITS], u64)>,
    seed: u64,
}

/// What tells it from another.
impl std::fmt::Debug for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sequence({}, {})", self.dimensions.len(), self.seed)
    }
}

impl Sequence {
    /// The sequence of a dimension and a seed.
    ///
    /// # Errors
    /// A sentence, where there are no direction numbers for it.
    pub fn new(dimension: usize, seed: u64) -> Result<Sequence, String> {
        if dimension > MOST_DIMENSIONS {
            return Err(format!(
                "Sobol's sequence has {MOST_DIMENSIONS} dimensions here, and {dimension} are needed; vary fewer parameters, \
                 or sample with `--design latin`"
            ));
        }
        let random = Random::new(seed);
        let shifted = |d| (directions(d), random.bits(u64::MAX, d as u64) >> (64 - DIGITS));
        Ok(Sequence { dimensions: (0..dimension).map(shifted).collect(), seed })
    }

    /// Coordinate `d` of point `k`, in 0..1.
    pub fn get(&self, k: u64, d: usize) -> f64 {
        let (directions, shift) = &self.dimensions[d];
        // In the order of the Gray code, which is that of the sequence within each power of two.
        let gray = k ^ (k >> 1);
        let digits = (0..DIGITS).filter(|j| gray >> j & 1 == 1).fold(*shift, |x, j| x ^ directions[j]);
        digits as f64 / (1_u64 << DIGITS) as f64
    }
}

/// The direction numbers of a dimension, mⱼ 2^(DIGITS − j): the recurrence of its polynomial (Bratley & Fox 1988, eq. 2).
fn directions(d: usize) -> [u64; DIGITS] {
    let mut m = [1_u64; DIGITS];
    if let Some((polynomial, first)) = d.checked_sub(1).map(|k| DIRECTIONS[k]) {
        let s = first.len();
        m.iter_mut().zip(first).for_each(|(m, first)| *m = u64::from(*first));
        for j in s..DIGITS {
            m[j] = m[j - s] ^ m[j - s] << s;
            for i in 1..s {
                if polynomial >> (s - 1 - i) & 1 == 1 {
                    m[j] ^= m[j - i] << i;
                }
            }
        }
    }
    std::array::from_fn(|j| m[j] << (DIGITS - 1 - j))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a shift.
    fn plain(dimension: usize) -> Sequence {
        let mut sequence = Sequence::new(dimension, 0).unwrap();
        sequence.dimensions.iter_mut().for_each(|(_, shift)| *shift = 0);
        sequence
    }

    #[test]
    fn the_first_points_are_those_of_the_literature() {
        // Joe & Kuo's own listing of the first ten points in three dimensions.
        let expected = [
            [0.0, 0.0, 0.0],
            [0.5, 0.5, 0.5],
            [0.75, 0.25, 0.25],
            [0.25, 0.75, 0.75],
            [0.375, 0.375, 0.625],
            [0.875, 0.875, 0.125],
            [0.625, 0.125, 0.875],
            [0.125, 0.625, 0.375],
            [0.1875, 0.3125, 0.9375],
            [0.6875, 0.8125, 0.4375],
        ];
        let sequence = plain(3);
        for (k, point) in expected.iter().enumerate() {
            let found: [f64; 3] = std::array::from_fn(|d| sequence.get(k as u64, d));
            assert_eq!(found, *point, "{k}");
        }
    }

    #[test]
    fn every_dimension_is_a_digital_net_by_itself() {
        let sequence = Sequence::new(MOST_DIMENSIONS, 5).unwrap();
        for d in 0..MOST_DIMENSIONS {
            for start in [0, 1024] {
                let mut parts: Vec<u64> = (start..start + 1024).map(|k| (sequence.get(k, d) * 1024.0) as u64).collect();
                parts.sort_unstable();
                assert!(parts.iter().enumerate().all(|(k, part)| k as u64 == *part), "{d}");
            }
        }
        // Direction numbers are odd, and below the power of two of their place.
        for (polynomial, first) in DIRECTIONS {
            assert!(*polynomial < 1 << (first.len() - 1).max(1));
            assert!(first.iter().enumerate().all(|(j, m)| m % 2 == 1 && *m < 2 << j), "{first:?}");
        }
        assert!(Sequence::new(MOST_DIMENSIONS + 1, 0).is_err_and(|e| e.contains("128 dimensions")));
    }
}
