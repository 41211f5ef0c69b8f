//! Random numbers by their place, not by their turn: SplitMix64 (Steele, Lea & Flood 2014, OOPSLA), whose k-th number is a
//! function of k, and permutations by a Feistel network over such numbers (Luby & Rackoff 1988, SIAM J. Comput. 17).

/// A family of streams of random numbers.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

/// 2⁶⁴ divided by the golden ratio, odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of SplitMix64 (variant 13 of Stafford's mixers).
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// The family of a seed.
    pub fn new(seed: u64) -> Random {
        Random(mix(seed.wrapping_add(GAMMA)))
    }

    /// Number `k` of a stream.
    pub fn bits(self, stream: u64, k: u64) -> u64 {
        let start = mix(self.0 ^ mix(stream.wrapping_add(GAMMA)));
        mix(start.wrapping_add(GAMMA.wrapping_mul(k.wrapping_add(1))))
    }

    /// The same, evenly between 0 and 1 (without 1).
    pub fn uniform(self, stream: u64, k: u64) -> f64 {
        (self.bits(stream, k) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Number `k` of a permutation of 0..n, one for each stream.
    pub fn permuted(self, stream: u64, k: u64, n: u64) -> u64 {
        // A permutation of a power of four that holds n, walked until it comes back into range.
        let half = n.next_power_of_two().trailing_zeros().div_ceil(2).max(1);
        let mask = (1_u64 << half) - 1;
        let mut x = k;
        loop {
            let (mut left, mut right) = (x >> half, x & mask);
            for round in 0..6 {
                let turned = self.bits(stream ^ (1 << 63), right | round << 40) & mask;
                (left, right) = (right, left ^ turned);
            }
            x = left << half | right;
            if x < n {
                return x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutations_hold_every_number_once() {
        let random = Random::new(3);
        for n in [1, 2, 3, 5, 64, 1000, 4097] {
            let mut all: Vec<u64> = (0..n).map(|k| random.permuted(1, k, n)).collect();
            let moved = all.iter().enumerate().filter(|(k, x)| *k as u64 != **x).count();
            assert!(n < 64 || moved > all.len() / 2);
            all.sort_unstable();
            assert!(all.iter().enumerate().all(|(k, x)| k as u64 == *x), "{n}");
        }
    }

    #[test]
    fn streams_and_seeds_differ() {
        let (a, b) = (Random::new(1), Random::new(2));
        assert!(a.bits(0, 0) != a.bits(1, 0) && a.bits(0, 0) != a.bits(0, 1) && a.bits(0, 0) != b.bits(0, 0));
        // Correlation of neighbouring streams and numbers: 0 within three standard errors.
        let n = 10_000;
        for shift in [(1, 0), (0, 1)] {
            let sum: f64 = (0..n).map(|k| (a.uniform(0, k) - 0.5) * (a.uniform(shift.0, k + shift.1) - 0.5)).sum();
            assert!((12.0 * sum / n as f64).abs() < 3.0 / (n as f64).sqrt(), "{shift:?}: {sum}");
        }
    }
}
