//! The same loops compiled for several instruction sets, and the choice among them when the program runs.
//!
//! Eight arguments come one by one, in registers, and are put together there: what was stored in pieces and is read as a
//! whole makes a processor wait for its memory. The tests hold every form this processor has to the
//! function of one argument, bit for bit.

use super::Gather;
use super::kernel::{self, Kernel, Kernel2, slice, slice2};

/// Work on long vectors, element by element, which gains by the widest instructions there are. Its `run` is to be inlined
/// always, with all it calls. Nothing is fused or reordered: every form gives the same bits.
pub trait Wide {
    /// What it gives.
    type Value;
    /// Does it.
    fn run(self) -> Self::Value;
}

/// Does the work with this processor's widest instructions.
pub fn wide<W: Wide>(work: W) -> W::Value {
    #[cfg(target_arch = "x86_64")]
    match x86::best() {
        // SAFETY: the processor has what `best` found.
        x86::Best::Avx512 => return unsafe { x86::wide_avx512(work) },
        // SAFETY: the processor has what `best` found.
        x86::Best::Avx2 => return unsafe { x86::wide_avx2(work) },
        x86::Best::Sse2 => {}
    }
    work.run()
}

/// Applies a function to each number of a slice.
pub fn each<K: Kernel>(xs: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    match x86::best() {
        // SAFETY: the processor has what `best` found.
        x86::Best::Avx512 => return unsafe { x86::slice_avx512::<K>(xs) },
        // SAFETY: the processor has what `best` found.
        x86::Best::Avx2 => return unsafe { x86::slice_avx2::<K>(xs) },
        x86::Best::Sse2 => {}
    }
    slice::<K>(xs);
}

/// Applies a function to each pair of numbers of two slices as long as each other; values replace the first.
pub fn each2<K: Kernel2>(xs: &mut [f64], ys: &[f64]) {
    #[cfg(target_arch = "x86_64")]
    match x86::best() {
        // SAFETY: the processor has what `best` found.
        x86::Best::Avx512 => return unsafe { x86::slice2_avx512::<K>(xs, ys) },
        // SAFETY: the processor has what `best` found.
        x86::Best::Avx2 => return unsafe { x86::slice2_avx2::<K>(xs, ys) },
        x86::Best::Sse2 => {}
    }
    slice2::<K>(xs, ys);
}

/// The best form for eight arguments on this processor.
pub fn gather<K: Kernel>() -> Gather {
    #[cfg(target_arch = "x86_64")]
    match x86::best() {
        x86::Best::Avx512 => return Gather::Eight(x86::eight_avx512::<K>),
        x86::Best::Avx2 => return Gather::Eight(x86::eight_avx2::<K>),
        x86::Best::Sse2 => {}
    }
    Gather::Eight(eight::<K>)
}

/// The best form for four pairs of arguments on this processor.
pub fn gather2<K: Kernel2>() -> Gather {
    #[cfg(target_arch = "x86_64")]
    match x86::best() {
        x86::Best::Avx512 | x86::Best::Avx2 => return Gather::FourPairs(x86::four_avx2::<K>),
        x86::Best::Sse2 => {}
    }
    Gather::FourPairs(four::<K>)
}

/// What every processor can do.
#[allow(clippy::too_many_arguments, reason = "arguments in registers are the point")]
extern "C" fn eight<K: Kernel>(out: &mut [f64; 8], a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64) {
    *out = [a, b, c, d, e, f, g, h];
    slice::<K>(out);
}

/// The same of two arguments.
#[allow(clippy::too_many_arguments, reason = "arguments in registers are the point")]
extern "C" fn four<K: Kernel2>(out: &mut [f64; 4], a: f64, b: f64, c: f64, d: f64, ya: f64, yb: f64, yc: f64, yd: f64) {
    *out = [a, b, c, d];
    kernel::four::<K>(out, &[ya, yb, yc, yd]);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::kernel::four;
    use super::{Kernel, Kernel2, Wide, slice, slice2};
    use std::arch::x86_64::{__m256d, __m512d, _mm256_setr_pd, _mm512_setr_pd};
    use std::mem::transmute;

    /// The instruction sets there is a form for.
    #[derive(Clone, Copy)]
    pub enum Best {
        Avx512,
        Avx2,
        Sse2,
    }

    /// The best of this processor (the answer is kept by the standard library).
    #[inline]
    pub fn best() -> Best {
        if std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512dq") {
            Best::Avx512
        } else if std::arch::is_x86_feature_detected!("avx2") {
            Best::Avx2
        } else {
            Best::Sse2
        }
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    pub fn wide_avx512<W: Wide>(work: W) -> W::Value {
        work.run()
    }

    #[target_feature(enable = "avx2")]
    pub fn wide_avx2<W: Wide>(work: W) -> W::Value {
        work.run()
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    pub fn slice_avx512<K: Kernel>(xs: &mut [f64]) {
        slice::<K>(xs);
    }

    #[target_feature(enable = "avx2")]
    pub fn slice_avx2<K: Kernel>(xs: &mut [f64]) {
        slice::<K>(xs);
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    pub fn slice2_avx512<K: Kernel2>(xs: &mut [f64], ys: &[f64]) {
        slice2::<K>(xs, ys);
    }

    #[target_feature(enable = "avx2")]
    pub fn slice2_avx2<K: Kernel2>(xs: &mut [f64], ys: &[f64]) {
        slice2::<K>(xs, ys);
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    #[allow(clippy::too_many_arguments, reason = "arguments in registers are the point")]
    fn together_avx512<K: Kernel>(out: &mut [f64; 8], a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64) {
        let xs = _mm512_setr_pd(a, b, c, d, e, f, g, h);
        // SAFETY: both are eight numbers without padding.
        *out = unsafe { transmute::<__m512d, [f64; 8]>(xs) };
        slice::<K>(out);
    }

    #[target_feature(enable = "avx2")]
    #[allow(clippy::too_many_arguments, reason = "arguments in registers are the point")]
    fn together_avx2<K: Kernel>(out: &mut [f64; 8], a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64) {
        let halves = [_mm256_setr_pd(a, b, c, d), _mm256_setr_pd(e, f, g, h)];
        // SAFETY: both are eight numbers without padding.
        *out = unsafe { transmute::<[__m256d; 2], [f64; 8]>(halves) };
        slice::<K>(out);
    }

    #[target_feature(enable = "avx2")]
    #[allow(clippy::too_many_arguments, reason = "arguments in registers are the point")]
    fn pairs_avx2<K: Kernel2>(out: &mut [f64; 4], a: f64, b: f64, c: f64, d: f64, ya: f64, yb: f64, yc: f64, yd: f64) {
        let (xs, ys) = (_mm256_setr_pd(a, b, c, d), _mm256_setr_pd(ya, yb, yc, yd));
        // SAFETY: each is four numbers without padding.
        let ys = unsafe { transmute::<__m256d, [f64; 4]>(ys) };
        // SAFETY: each is four numbers without padding.
        *out = unsafe { transmute::<__m256d, [f64; 4]>(xs) };
        four::<K>(out, &ys);
    }

    #[allow(clippy::too_many_arguments, reason = "arguments in registers are the point")]
    pub extern "C" fn eight_avx512<K: Kernel>(
        out: &mut [f64; 8],
        a: f64,
        b: f64,
        c: f64,
        d: f64,
        e: f64,
        f: f64,
        g: f64,
        h: f64,
    ) {
        // SAFETY: only `gather` hands out this function, where `best` found AVX-512 F and DQ.
        unsafe { together_avx512::<K>(out, a, b, c, d, e, f, g, h) }
    }

    #[allow(clippy::too_many_arguments, reason = "arguments in registers are the point")]
    pub extern "C" fn eight_avx2<K: Kernel>(
        out: &mut [f64; 8],
        a: f64,
        b: f64,
        c: f64,
        d: f64,
        e: f64,
        f: f64,
        g: f64,
        h: f64,
    ) {
        // SAFETY: only `gather` hands out this function, where `best` found AVX2.
        unsafe { together_avx2::<K>(out, a, b, c, d, e, f, g, h) }
    }

    #[allow(clippy::too_many_arguments, reason = "arguments in registers are the point")]
    pub extern "C" fn four_avx2<K: Kernel2>(
        out: &mut [f64; 4],
        a: f64,
        b: f64,
        c: f64,
        d: f64,
        ya: f64,
        yb: f64,
        yc: f64,
        yd: f64,
    ) {
        // SAFETY: only `gather2` hands out this function, where `best` found AVX2 (which AVX-512 F includes).
        unsafe { pairs_avx2::<K>(out, a, b, c, d, ya, yb, yc, yd) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::kernel::{one, two};
    use crate::math::{Cos, Cosh, Exp, Expm1, Log, Log1p, Log2, Log10, Pow, Sin, Sinh, Tan, Tanh};

    /// Ordinary numbers, eight by eight, then any bits.
    fn numbers() -> Vec<f64> {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut bits = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let ordinary = |bits: u64| (bits >> 11) as f64 / 9_007_199_254_740_992.0 * 60.0 - 20.0;
        let positive = |bits: u64| (bits >> 11) as f64 / 9_007_199_254_740_992.0 * 9.0 + 1e-3;
        let mut numbers: Vec<f64> = (0..2_000).map(|_| ordinary(bits())).collect();
        numbers.extend((0..2_000).map(|_| positive(bits())));
        numbers.extend((0..4_003).map(|_| f64::from_bits(bits())));
        numbers
    }

    fn same(a: f64, b: f64) -> bool {
        a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
    }

    fn compare(form: &str, expected: &[f64], found: &[f64]) {
        for (k, (&e, &f)) in expected.iter().zip(found).enumerate() {
            assert!(same(e, f), "{form}, number {k}: {f:e}, not {e:e}");
        }
    }

    fn forms<K: Kernel>(name: &str) {
        let xs = numbers();
        let expected: Vec<f64> = xs.iter().map(|&x| one::<K>(x)).collect();
        let with = |form: &str, apply: &dyn Fn(&mut [f64])| {
            let mut found = xs.clone();
            apply(&mut found);
            compare(&format!("{name}, {form}"), &expected, &found);
        };
        let eights = |form: &str, eight: extern "C" fn(&mut [f64; 8], f64, f64, f64, f64, f64, f64, f64, f64)| {
            with(form, &|found| {
                for chunk in found.as_chunks_mut::<8>().0 {
                    let [a, b, c, d, e, f, g, h] = *chunk;
                    eight(chunk, a, b, c, d, e, f, g, h);
                }
                let rest = found.len() - found.len() % 8;
                found[rest..].iter_mut().for_each(|x| *x = one::<K>(*x));
            });
        };
        with("plain", &slice::<K>);
        with("best", &each::<K>);
        eights("plain, eight", eight::<K>);
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2.
                with("AVX2", &|xs| unsafe { x86::slice_avx2::<K>(xs) });
                eights("AVX2, eight", x86::eight_avx2::<K>);
            }
            if matches!(x86::best(), x86::Best::Avx512) {
                // SAFETY: the processor has AVX-512 F and DQ.
                with("AVX-512", &|xs| unsafe { x86::slice_avx512::<K>(xs) });
                eights("AVX-512, eight", x86::eight_avx512::<K>);
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        forms::<Exp>("exp");
        forms::<Expm1>("expm1");
        forms::<Log>("log");
        forms::<Log1p>("log1p");
        forms::<Log2>("log2");
        forms::<Log10>("log10");
        forms::<Sin>("sin");
        forms::<Cos>("cos");
        forms::<Tan>("tan");
        forms::<Sinh>("sinh");
        forms::<Cosh>("cosh");
        forms::<Tanh>("tanh");
    }

    #[test]
    fn every_instruction_set_gives_the_same_powers() {
        let xs = numbers();
        let ys: Vec<f64> = xs.iter().rev().map(|y| if y.abs() < 100.0 { 0.2 * y } else { *y }).collect();
        let expected: Vec<f64> = xs.iter().zip(&ys).map(|(&x, &y)| two::<Pow>(x, y)).collect();
        let with = |form: &str, apply: &dyn Fn(&mut [f64])| {
            let mut found = xs.clone();
            apply(&mut found);
            compare(form, &expected, &found);
        };
        let fours = |form: &str, four: extern "C" fn(&mut [f64; 4], f64, f64, f64, f64, f64, f64, f64, f64)| {
            let (mut found, seconds) = (xs.clone(), ys.as_chunks::<4>().0);
            for (chunk, &[ya, yb, yc, yd]) in found.as_chunks_mut::<4>().0.iter_mut().zip(seconds) {
                let [a, b, c, d] = *chunk;
                four(chunk, a, b, c, d, ya, yb, yc, yd);
            }
            let whole = xs.len() - xs.len() % 4;
            compare(form, &expected[..whole], &found[..whole]);
        };
        with("plain", &|xs| slice2::<Pow>(xs, &ys));
        with("best", &|xs| each2::<Pow>(xs, &ys));
        fours("plain, four", four::<Pow>);
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2.
                with("AVX2", &|xs| unsafe { x86::slice2_avx2::<Pow>(xs, &ys) });
                fours("AVX2, four", x86::four_avx2::<Pow>);
            }
            if matches!(x86::best(), x86::Best::Avx512) {
                // SAFETY: the processor has AVX-512 F and DQ.
                with("AVX-512", &|xs| unsafe { x86::slice2_avx512::<Pow>(xs, &ys) });
            }
        }
    }
}
