//! Vector work of the steps in one pass: `base + Σ w_l v_l` over vectors that stand one after the other.

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
    let base = &base[..n];
    for j in 0..n {
        let mut sum = w[0] * v[0][j];
        for l in 1..K {
            sum += w[l] * v[l][j];
        }
        each(&mut out[j], &base[j], sum);
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
}
