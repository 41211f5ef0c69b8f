//! Quantiles of a stream of numbers in bounded memory.
//!
//! Up to [`CAPACITY`] numbers are kept, and quantiles are exact. Beyond, a full buffer is sorted and every second of its numbers
//! is handed to the buffer above, where each stands for twice as many (Munro & Paterson 1980, Theor. Comput. Sci. 12; Manku,
//! Rajagopalan & Lindsay 1998, SIGMOD): memory grows with the logarithm of their count. Each such halving at level h moves ranks
//! by at most 2^h; halvings of one level keep the odd and the even places by turns, so that most of that cancels.
//! [`Sketch::rank_error`] is the sum, a bound and not an estimate. Nothing is left to chance: the same numbers in the same order give the same sketch.

/// Numbers per buffer.
const CAPACITY: usize = 4096;

/// Numbers that were added, so far as their quantiles ask for it.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    /// Buffer h holds numbers that stand for 2^h each.
    levels: Vec<Level>,
    count: u64,
    moved: u64,
    ends: Option<(f64, f64)>,
}

#[derive(Clone, Debug, Default)]
struct Level {
    numbers: Vec<f64>,
    odd: bool,
}

impl Sketch {
    /// Adds a number. What is no number is not added.
    pub fn add(&mut self, x: f64) {
        if x.is_nan() {
            return;
        }
        self.count += 1;
        self.ends = Some(self.ends.map_or((x, x), |(lo, hi)| (lo.min(x), hi.max(x))));
        self.put(0, x);
        let mut h = 0;
        while self.levels[h].numbers.len() == CAPACITY {
            let level = &mut self.levels[h];
            let mut full = std::mem::take(&mut level.numbers);
            full.sort_by(f64::total_cmp);
            let first = usize::from(level.odd);
            level.odd = !level.odd;
            self.moved += 1 << h;
            for x in full.iter().skip(first).step_by(2) {
                self.put(h + 1, *x);
            }
            full.clear();
            self.levels[h].numbers = full;
            h += 1;
        }
    }

    fn put(&mut self, h: usize, x: f64) {
        if self.levels.len() <= h {
            self.levels.resize_with(h + 1, Level::default);
        }
        self.levels[h].numbers.push(x);
    }

    /// How many numbers were added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The ranks of quantiles are wrong by at most this share of the count; 0 where they are exact.
    pub fn rank_error(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.moved as f64 / self.count as f64 }
    }

    /// The quantiles of these probabilities, between the neighbouring numbers by straight lines (the definition 7 of Hyndman &
    /// Fan 1996, Am. Stat. 50); NaN where nothing was added. Those of 0 and 1 are always exact.
    pub fn quantiles(&self, probabilities: &[f64]) -> Vec<f64> {
        let Some(ends) = self.ends else { return vec![f64::NAN; probabilities.len()] };
        let weighed = |(h, level): (usize, &Level)| {
            let weight = 1_u64 << h;
            level.numbers.iter().map(move |x| (*x, weight)).collect::<Vec<_>>()
        };
        let mut all: Vec<(f64, u64)> = self.levels.iter().enumerate().flat_map(weighed).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = 0;
        let reach: Vec<u64> = all
            .iter()
            .map(|(_, weight)| {
                below += weight;
                below
            })
            .collect();
        let ranked = |rank: u64| all[reach.partition_point(|end| *end <= rank).min(all.len() - 1)].0;
        let quantile = |q: f64| {
            if q <= 0.0 {
                return ends.0;
            }
            if q >= 1.0 {
                return ends.1;
            }
            let place = q * (self.count - 1) as f64;
            let (a, part) = (place.floor(), place - place.floor());
            let (low, high) = (ranked(a as u64), ranked(a as u64 + 1));
            if low == high { low } else { low + part * (high - low) }
        };
        probabilities.iter().map(|q| quantile(*q)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without order, by a linear congruential generator (Knuth's MMIX constants).
    fn numbers(n: usize) -> Vec<f64> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..n).map(|_| next() * next()).collect()
    }

    const PROBABILITIES: [f64; 7] = [0.0, 0.01, 0.25, 0.5, 0.9, 0.999, 1.0];

    #[test]
    fn few_numbers_are_exact() {
        for n in [1, 2, 3, 100, CAPACITY - 1] {
            let mut sketch = Sketch::default();
            let mut list = numbers(n);
            list.iter().for_each(|x| sketch.add(*x));
            sketch.add(f64::NAN);
            list.sort_by(f64::total_cmp);
            for (q, found) in PROBABILITIES.iter().zip(sketch.quantiles(&PROBABILITIES)) {
                let place = q * (n - 1) as f64;
                let (a, part) = (place as usize, place.fract());
                let expected = list[a] + part * (list[(a + 1).min(n - 1)] - list[a]);
                assert!((found - expected).abs() <= 1e-15, "{q} of {n}: {found} {expected}");
            }
            assert_eq!((sketch.count(), sketch.rank_error()), (n as u64, 0.0));
        }
        assert!(Sketch::default().quantiles(&[0.5])[0].is_nan());
    }

    #[test]
    fn ranks_of_many_numbers_stay_within_the_bound() {
        let n = 1_000_000;
        let drawn = numbers(n);
        let mut sorted = drawn.clone();
        sorted.sort_by(f64::total_cmp);
        let ascending = sorted.clone();
        let descending: Vec<f64> = sorted.iter().rev().copied().collect();
        for list in [drawn, ascending, descending] {
            let mut sketch = Sketch::default();
            list.iter().for_each(|x| sketch.add(*x));
            let bound = sketch.rank_error();
            assert!(bound > 0.0 && bound < 0.0025, "{bound}");
            let held: usize = sketch.levels.iter().map(|level| level.numbers.len()).sum();
            assert!(held < 10 * CAPACITY, "{held}");
            for (q, found) in PROBABILITIES.iter().zip(sketch.quantiles(&PROBABILITIES)) {
                let rank = sorted.partition_point(|x| *x < found) as f64 / n as f64;
                assert!((rank - q).abs() <= bound + 2.0 / n as f64, "{q}: {rank}, bound {bound}");
            }
            assert_eq!(sketch.quantiles(&[0.0, 1.0]), [sorted[0], sorted[n - 1]]);
        }
    }
}
