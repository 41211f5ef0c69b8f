//! Numbers as unevaluated sums of two: the error-free transformations the functions of this folder are made of.
//!
//! Everything here is plain addition, subtraction and multiplication, never fused: the same bits on every machine, with
//! or without an instruction for fused multiply-adds. References: Dekker, Numer. Math. 18 (1971) 224; Shewchuk, Discrete
//! Comput. Geom. 18 (1997) 305; Muller et al., Handbook of Floating-Point Arithmetic, chapter 4.

/// 1.5·2⁵²: adding it rounds a small number to an integer, which then stands in the low bits.
pub const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// `a + b` and its rounding error, if |a| ≥ |b| or a = 0.
#[inline(always)]
pub fn fast_two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    (s, (a - s) + b)
}

/// `a + b` and its rounding error (Knuth).
#[inline(always)]
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let part = s - a;
    (s, (a - (s - part)) + (b - part))
}

/// The first 26 bits of a number: products of two such are exact.
#[inline(always)]
pub fn head(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & !0x7ff_ffff)
}

/// `a·b` and its rounding error (to 2⁻¹⁰⁶ of the product), where neither over- nor underflows.
#[inline(always)]
pub fn two_product(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    let (ah, bh) = (head(a), head(b));
    let (al, bl) = (a - ah, b - bh);
    (p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)
}

/// `(a + al)/(b + bl)` to about 2⁻¹⁰⁰.
#[inline(always)]
pub fn quotient(a: f64, al: f64, b: f64, bl: f64) -> (f64, f64) {
    let q = a / b;
    let (p, e) = two_product(q, b);
    (q, (((a - p) - e) + (al - q * bl)) / b)
}

/// √(a + al) to about 2⁻¹⁰⁰, a > 0
#[inline(always)]
pub fn root(a: f64, al: f64) -> (f64, f64) {
    let r = a.sqrt();
    let (p, e) = two_product(r, r);
    (r, (((a - p) - e) + al) / (2.0 * r))
}

/// `if condition { a } else { b }`, both of them computed: loops over it become vector instructions.
#[inline(always)]
pub fn select(condition: bool, a: f64, b: f64) -> f64 {
    std::hint::select_unpredictable(condition, a, b)
}

/// `p·2ᵏ` for |k| ≤ 2,000 and p near 1, rounded once.
pub fn scale(p: f64, k: i64) -> f64 {
    let power = |k: i64| f64::from_bits(((1023 + k) as u64) << 52);
    let half = k / 2;
    p * power(half) * power(k - half)
}

/// The polynomial with these coefficients, ascending, by Estrin's scheme: pairs, pairs of pairs, …
#[inline(always)]
pub fn polynomial<const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let mut level = *c;
    let (mut terms, mut power) = (N, x);
    while terms > 1 {
        let pairs = terms / 2;
        let mut k = 0;
        while k < pairs {
            level[k] = level[2 * k] + power * level[2 * k + 1];
            k += 1;
        }
        if terms % 2 == 1 {
            level[pairs] = level[terms - 1];
        }
        terms = pairs + terms % 2;
        power *= power;
    }
    level[0]
}
