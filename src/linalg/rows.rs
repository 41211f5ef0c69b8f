//! Vectors side by side: by rows, k numbers each, worked on with the processor's widest instructions, which change no bit.

use super::Pattern;
use crate::math::{Wide, wide};

/// Numbers at a time.
const LANES: usize = 4;

/// Sets to 0 what is less than a share of the largest number.
pub fn forget(x: &mut [f64], share: f64) {
    wide(Forget { x, share });
}

struct Forget<'a> {
    x: &'a mut [f64],
    share: f64,
}

impl Wide for Forget<'_> {
    type Value = ();

    #[inline(always)]
    fn run(self) {
        let (wide, rest) = self.x.as_chunks_mut::<LANES>();
        let mut most = [0.0f64; LANES];
        for k in 0..wide.len() {
            for l in 0..LANES {
                most[l] = if wide[k][l].abs() > most[l] { wide[k][l].abs() } else { most[l] };
            }
        }
        let mut largest = 0.0f64;
        for x in most.iter().chain(&*rest) {
            largest = largest.max(x.abs());
        }
        let least = self.share * largest;
        for k in 0..wide.len() {
            for l in 0..LANES {
                wide[k][l] = if wide[k][l].abs() < least { 0.0 } else { wide[k][l] };
            }
        }
        for x in rest {
            *x = if x.abs() < least { 0.0 } else { *x };
        }
    }
}

/// `out += c x`
#[inline(always)]
pub fn add_scaled(out: &mut [f64], c: f64, x: &[f64]) {
    let (wide, rest) = out.as_chunks_mut::<LANES>();
    let (x_wide, x_rest) = x.as_chunks::<LANES>();
    // Without iterators, whose functions are not always made part of one with wider instructions.
    for k in 0..wide.len() {
        // In registers: what is written could be what is read, for all the compiler knows.
        let (mut sum, x) = (wide[k], x_wide[k]);
        for l in 0..LANES {
            sum[l] += c * x[l];
        }
        wide[k] = sum;
    }
    for l in 0..rest.len() {
        rest[l] += c * x_rest[l];
    }
}

/// `out += factor A x` for k vectors, A being sparse.
pub fn add_product(pattern: &Pattern, values: &[f64], x: &[f64], k: usize, factor: f64, out: &mut [f64]) {
    wide(Product { pattern, values, x, k, factor, out });
}

struct Product<'a> {
    pattern: &'a Pattern,
    values: &'a [f64],
    x: &'a [f64],
    k: usize,
    factor: f64,
    out: &'a mut [f64],
}

impl Product<'_> {
    /// For K vectors, a number that is known when compiled: a row stays in registers.
    #[inline(always)]
    fn of<const K: usize>(self) {
        let Product { pattern, values, x, factor, out, .. } = self;
        let (rows, x, out) = (pattern.rows(), x.as_chunks::<K>().0, out.as_chunks_mut::<K>().0);
        for j in 0..pattern.ncols() {
            let x = &x[j];
            for place in pattern.column(j) {
                let (c, row) = (factor * values[place], &mut out[rows[place]]);
                for l in 0..K {
                    row[l] += c * x[l];
                }
            }
        }
    }

    #[inline(always)]
    fn of_any(self) {
        let Product { pattern, values, x, k, factor, out } = self;
        let rows = pattern.rows();
        for j in 0..pattern.ncols() {
            let x = &x[j * k..(j + 1) * k];
            for place in pattern.column(j) {
                let at = rows[place] * k;
                add_scaled(&mut out[at..at + k], factor * values[place], x);
            }
        }
    }
}

impl Wide for Product<'_> {
    type Value = ();

    #[inline(always)]
    fn run(self) {
        match self.k {
            4 => self.of::<4>(),
            8 => self.of::<8>(),
            12 => self.of::<12>(),
            16 => self.of::<16>(),
            _ => self.of_any(),
        }
    }
}

/// `out += Σ c x` over some of the vectors of `slots`, each as long as `out`.
pub fn weigh(terms: &[(usize, f64)], slots: &[f64], out: &mut [f64]) {
    wide(Weigh { terms, slots, out });
}

struct Weigh<'a> {
    terms: &'a [(usize, f64)],
    slots: &'a [f64],
    out: &'a mut [f64],
}

impl Wide for Weigh<'_> {
    type Value = ();

    #[inline(always)]
    fn run(self) {
        let Weigh { terms, slots, out } = self;
        let size = out.len();
        const SIZE: usize = 4 * LANES;
        let (wide, rest) = out.as_chunks_mut::<SIZE>();
        let done = size - rest.len();
        for (at, out) in wide.iter_mut().enumerate() {
            let mut sum = *out;
            for (slot, c) in terms {
                let from = slot * size + at * SIZE;
                let x = &slots[from..from + SIZE];
                for l in 0..SIZE {
                    sum[l] += c * x[l];
                }
            }
            *out = sum;
        }
        if !rest.is_empty() {
            for (slot, c) in terms {
                add_scaled(rest, *c, &slots[slot * size + done..(slot + 1) * size]);
            }
        }
    }
}
