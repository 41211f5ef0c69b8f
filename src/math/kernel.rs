//! A function written once gives two: of one argument, and of a slice.
//!
//! [`Kernel::fast`] has no branches and calls nothing, so that a loop of eight turns over it becomes vector
//! instructions; which ones, `dispatch` decides when the program runs. Each turn computes what the function of one
//! argument computes: the same operations in the same order, none of them fused, hence the same bits.

/// A function of one argument.
pub trait Kernel {
    /// Whether `fast` may be used.
    fn usual(x: f64) -> bool;

    /// The value for usual arguments, without branches.
    fn fast(x: f64) -> f64;

    /// The value for all others: huge, tiny, infinite, not a number, outside the domain.
    fn rare(x: f64) -> f64;
}

/// A function of two arguments.
pub trait Kernel2 {
    /// Whether `fast` may be used.
    fn usual(x: f64, y: f64) -> bool;

    /// The value for usual arguments, without branches.
    fn fast(x: f64, y: f64) -> f64;

    /// The value for all others.
    fn rare(x: f64, y: f64) -> f64;
}

/// The function of one argument.
#[inline(always)]
pub fn one<K: Kernel>(x: f64) -> f64 {
    if K::usual(x) { K::fast(x) } else { K::rare(x) }
}

/// The function of two arguments.
#[inline(always)]
pub fn two<K: Kernel2>(x: f64, y: f64) -> f64 {
    if K::usual(x, y) { K::fast(x, y) } else { K::rare(x, y) }
}

/// Numbers at a time.
const LANES: usize = 8;

/// Values in the place of eight arguments or so.
#[inline(always)]
fn lanes<K: Kernel, const N: usize>(xs: &mut [f64; N]) {
    if xs.iter().fold(true, |all, &x| all & K::usual(x)) {
        for x in xs {
            *x = K::fast(*x);
        }
    } else {
        for x in xs {
            *x = one::<K>(*x);
        }
    }
}

/// Values in the place of as many first arguments.
#[inline(always)]
fn lanes2<K: Kernel2, const N: usize>(xs: &mut [f64; N], ys: &[f64; N]) {
    if xs.iter().zip(ys).fold(true, |all, (&x, &y)| all & K::usual(x, y)) {
        for (x, &y) in xs.iter_mut().zip(ys) {
            *x = K::fast(*x, y);
        }
    } else {
        for (x, &y) in xs.iter_mut().zip(ys) {
            *x = two::<K>(*x, y);
        }
    }
}

/// Values in the place of arguments.
#[inline(always)]
pub fn slice<K: Kernel>(xs: &mut [f64]) {
    let (chunks, rest) = xs.as_chunks_mut::<LANES>();
    for chunk in chunks {
        lanes::<K, LANES>(chunk);
    }
    if !rest.is_empty() {
        let mut padded = [rest[0]; LANES];
        padded[..rest.len()].copy_from_slice(rest);
        lanes::<K, LANES>(&mut padded);
        rest.copy_from_slice(&padded[..rest.len()]);
    }
}

/// The same of four pairs, which are there in registers.
#[inline(always)]
pub fn four<K: Kernel2>(xs: &mut [f64; 4], ys: &[f64; 4]) {
    lanes2::<K, 4>(xs, ys);
}

/// Values in the place of the first arguments; the second ones are as many.
#[inline(always)]
pub fn slice2<K: Kernel2>(xs: &mut [f64], ys: &[f64]) {
    let (chunks, rest) = xs.as_chunks_mut::<LANES>();
    let (seconds, last) = ys.as_chunks::<LANES>();
    for (xs, ys) in chunks.iter_mut().zip(seconds) {
        lanes2::<K, LANES>(xs, ys);
    }
    if !rest.is_empty() && last.len() == rest.len() {
        let (mut padded, mut pad) = ([rest[0]; LANES], [last[0]; LANES]);
        padded[..rest.len()].copy_from_slice(rest);
        pad[..rest.len()].copy_from_slice(last);
        lanes2::<K, LANES>(&mut padded, &pad);
        rest.copy_from_slice(&padded[..rest.len()]);
    }
}
