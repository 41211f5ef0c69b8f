//! Vector work of the steps in one pass: `base + Σ w_l v_l` over vectors that stand one after the other. Long vectors are
//! worked on with the processor's widest instructions, which changes no bit.

use crate::math::{Wide, wide};

/// Vectors from so many numbers on are long.
pub const LONG: usize = 64;

/// Weighted sums of up to so many vectors are unrolled.
const UNROLLED: usize = 8;

/// `out = base + Σ w_l v_l`, where v_l is the l-th run of n = `out.len()` numbers of `v`. Sums left to right.
#[inline]
pub fn combine(out: &mut [f64], base: &[f64], weights: &[f64], v: &[f64]) {
    let each = |out: &mut f64, base: &f64, sum: f64| *out = base + sum;
    unroll(out, base, weights, v, each);
}

/// `out = base + (Σ w_l v_l)·factor + rate·slope`: the right side of a Rosenbrock stage.
#[inline]
pub fn stage(out: &mut [f64], base: &[f64], weights: &[f64], v: &[f64], factor: f64, slope: Option<(f64, &[f64])>) {
    let each = |out: &mut f64, base: &f64, sum: f64| *out = base + sum * factor;
    unroll(out, base, weights, v, each);
    if let Some((rate, slope)) = slope {
        out.iter_mut().zip(slope).for_each(|(out, slope)| *out += rate * slope);
    }
}

/// `out = Σ w_l v_l`
#[inline]
pub fn weigh(out: &mut [f64], weights: &[f64], v: &[f64]) {
    // Any slice of the right length will do as the base that is not read.
    let n = out.len();
    unroll(out, &v[..n], weights, v, |out, _, sum| *out = sum);
}

#[inline]
fn unroll(out: &mut [f64], base: &[f64], weights: &[f64], v: &[f64], each: impl Fn(&mut f64, &f64, f64)) {
    match weights.len() {
        0 => out.iter_mut().zip(base).for_each(|(out, base)| each(out, base, 0.0)),
        1 => pass::<1>(out, base, weights, v, each),
        2 => pass::<2>(out, base, weights, v, each),
        3 => pass::<3>(out, base, weights, v, each),
        4 => pass::<4>(out, base, weights, v, each),
        5 => pass::<5>(out, base, weights, v, each),
        6 => pass::<6>(out, base, weights, v, each),
        7 => pass::<7>(out, base, weights, v, each),
        UNROLLED => pass::<UNROLLED>(out, base, weights, v, each),
        _ => {
            let n = out.len();
            for (j, (out, base)) in out.iter_mut().zip(base).enumerate() {
                each(out, base, weights.iter().enumerate().map(|(l, w)| w * v[l * n + j]).sum());
            }
        }
    }
}

#[inline]
fn pass<const K: usize>(out: &mut [f64], base: &[f64], weights: &[f64], v: &[f64], each: impl Fn(&mut f64, &f64, f64)) {
    let n = out.len();
    let w: [f64; K] = std::array::from_fn(|l| weights[l]);
    let v: [&[f64]; K] = std::array::from_fn(|l| &v[l * n..(l + 1) * n]);
    let pass = Pass { out, base: &base[..n], w, v, each };
    if n < LONG { pass.run() } else { wide(pass) }
}

/// One pass over K vectors.
struct Pass<'a, const K: usize, E> {
    out: &'a mut [f64],
    base: &'a [f64],
    w: [f64; K],
    v: [&'a [f64]; K],
    each: E,
}

impl<const K: usize, E: Fn(&mut f64, &f64, f64)> Wide for Pass<'_, K, E> {
    type Value = ();

    #[inline(always)]
    fn run(self) {
        let n = self.out.len();
        // Lengths in sight of the loop.
        let (base, v) = (&self.base[..n], self.v.map(|v| &v[..n]));
        for j in 0..n {
            let mut sum = self.w[0] * v[0][j];
            for l in 1..K {
                sum += self.w[l] * v[l][j];
            }
            (self.each)(&mut self.out[j], &base[j], sum);
        }
    }
}

/// `out = y + h Σ a_l k_l` over the entries (l, a) of a row, or without y: four stages at a time, along the states.
pub fn add_stages(out: &mut [f64], y: Option<&[f64]>, h: f64, k: &[f64], row: &[(usize, f64)]) {
    let long = out.len() >= LONG;
    let stages = Stages { out, y, h, k, row };
    if long { wide(stages) } else { stages.run() }
}

/// The sum of a row of a tableau.
struct Stages<'a> {
    out: &'a mut [f64],
    y: Option<&'a [f64]>,
    h: f64,
    k: &'a [f64],
    row: &'a [(usize, f64)],
}

impl Wide for Stages<'_> {
    type Value = ();

    #[inline(always)]
    fn run(self) {
        let Stages { out, y, h, k, row } = self;
        let n = out.len();
        let stage = |(l, a): (usize, f64)| (&k[l * n..(l + 1) * n], h * a);
        match y {
            Some(y) => out.copy_from_slice(y),
            None => out.fill(0.0),
        }
        let mut fours = row.chunks_exact(4);
        for four in &mut fours {
            let [(p, a), (q, b), (r, c), (s, d)] = [stage(four[0]), stage(four[1]), stage(four[2]), stage(four[3])];
            for ((((out, p), q), r), s) in out.iter_mut().zip(p).zip(q).zip(r).zip(s) {
                *out += (a * p + b * q) + (c * r + d * s);
            }
        }
        for (p, a) in fours.remainder().iter().map(|entry| stage(*entry)) {
            for (out, p) in out.iter_mut().zip(p) {
                *out += a * p;
            }
        }
    }
}

/// Σ (e/scale(a, b))², for long vectors in eight partial sums.
pub fn sum_of_squares(error: &[f64], y0: &[f64], y1: &[f64], scale: impl Fn(usize, f64, f64) -> f64) -> f64 {
    let long = error.len() >= LONG;
    let shares = Shares { error, y0, y1, scale };
    if long { wide(shares) } else { shares.part(0, error.len()) }
}

/// The shares of an error in its scale.
struct Shares<'a, S> {
    error: &'a [f64],
    y0: &'a [f64],
    y1: &'a [f64],
    scale: S,
}

impl<S: Fn(usize, f64, f64) -> f64> Shares<'_, S> {
    #[inline(always)]
    fn part(&self, from: usize, to: usize) -> f64 {
        let mut sum = 0.0;
        for (k, ((e, a), b)) in self.error[..to].iter().zip(&self.y0[..to]).zip(&self.y1[..to]).enumerate().skip(from) {
            let share = e / (self.scale)(k, *a, *b);
            sum += share * share;
        }
        sum
    }
}

impl<S: Fn(usize, f64, f64) -> f64> Wide for Shares<'_, S> {
    type Value = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut sums = [0.0; 8];
        let n = self.error.len();
        let eights =
            self.error.as_chunks::<8>().0.iter().zip(self.y0.as_chunks::<8>().0).zip(self.y1.as_chunks::<8>().0);
        for (k, ((e, a), b)) in eights.enumerate() {
            for l in 0..8 {
                let share = e[l] / (self.scale)(8 * k + l, a[l], b[l]);
                sums[l] += share * share;
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        ((a + e) + (b + f)) + ((c + g) + (d + h)) + self.part(n - n % 8, n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unrolled_and_looped_sums_agree() {
        let n = 3;
        for terms in 0..=11 {
            let weights: Vec<f64> = (0..terms).map(|l| 0.5 * l as f64 - 1.0).collect();
            let v: Vec<f64> = (0..(terms + 1) * n).map(|k| (k * k % 7) as f64).collect();
            let sum = |j: usize| weights.iter().enumerate().map(|(l, w)| w * v[l * n + j]).sum::<f64>();
            let base = [1.0, 2.0, 3.0];
            let mut out = [0.0; 3];
            combine(&mut out, &base, &weights, &v);
            assert_eq!(out, [0, 1, 2].map(|j| base[j] + sum(j)), "{terms} terms");
            weigh(&mut out, &weights, &v);
            assert_eq!(out, [0, 1, 2].map(sum), "{terms} terms");
            stage(&mut out, &base, &weights, &v, 0.25, Some((2.0, &base)));
            assert_eq!(out, [0, 1, 2].map(|j| 3.0 * base[j] + 0.25 * sum(j)), "{terms} terms");
        }
    }

    #[test]
    fn long_vectors_give_the_bits_of_short_ones() {
        let n = 3 * LONG + 5;
        let number = |k: usize| ((k * 7919 + 13) % 1009) as f64 / 37.0 - 11.0;
        let y: Vec<f64> = (0..n).map(number).collect();
        let v: Vec<f64> = (0..5 * n).map(|k| number(3 * k + 1)).collect();
        let weights = [0.3, -1.7, 0.11, 2.9, 0.7];
        let row: Vec<(usize, f64)> = weights.iter().copied().enumerate().collect();
        let (mut long, mut staged) = (vec![0.0; n], vec![0.0; n]);
        combine(&mut long, &y, &weights, &v);
        add_stages(&mut staged, Some(&y), 0.1, &v, &row);
        for j in 0..n {
            let own: Vec<f64> = (0..5).map(|l| v[l * n + j]).collect();
            let (mut one, mut by_stages) = ([0.0], [0.0]);
            combine(&mut one, &y[j..=j], &weights, &own);
            add_stages(&mut by_stages, Some(&y[j..=j]), 0.1, &own, &row);
            assert_eq!((long[j], staged[j]), (one[0], by_stages[0]), "{j}");
        }
    }

    #[test]
    fn sums_of_squares_leave_nothing_out() {
        for n in [0, 1, 7, LONG - 1, LONG, LONG + 1, 2 * LONG + 7] {
            let e: Vec<f64> = (0..n).map(|k| f64::from(u8::try_from(k % 200).unwrap())).collect();
            let ones = vec![1.0; n];
            // Whole numbers: every order of summation is exact.
            let exact: f64 = e.iter().enumerate().map(|(k, e)| (e * (k + 1) as f64).powi(2)).sum();
            let found = sum_of_squares(&e, &ones, &ones, |k, a, b| 0.5 * (a + b) / (k + 1) as f64);
            assert!((found - exact).abs() <= 1e-12 * exact, "{n}: {found} {exact}");
        }
    }
}
