//! sin, cos and tan: x = q·π/2 + r, then polynomials in r.
//!
//! Up to 51,000, π/2 is taken off in three parts whose products with q are exact (Cody & Waite, chapter 8), and r is a
//! sum of two numbers, so that nothing is lost near multiples of π/2. Beyond, x·2/π is formed from as many digits
//! of 2/π as matter (Payne & Hanek, SIGNUM Newsletter 18 (1983) 19).

use super::double::{ROUNDER, fast_two_sum, head, polynomial, quotient, select, two_product, two_sum};
use super::kernel::Kernel;
use super::polynomials::{COS, HALF_PI, HALF_PI_DOUBLE, SIN, TWO_OVER_PI};

/// The largest argument of the fast reduction: its multiple of π/2 has 15 bits.
const FAST: f64 = 51_000.0;

/// x = q·π/2 + r + `low` with |r| ≤ π/4; of q only the last two bits count.
#[derive(Clone, Copy)]
struct Reduced {
    r: f64,
    low: f64,
    q: u64,
}

#[inline(always)]
fn reduce(x: f64) -> Reduced {
    let shifted = x * std::f64::consts::FRAC_2_PI + ROUNDER;
    let k = shifted - ROUNDER;
    // q has 15 bits, these parts have 38: products and the first difference are exact.
    let (near, lost) = two_sum(x - k * HALF_PI[0], -(k * HALF_PI[1]));
    let (r, low) = fast_two_sum(near, lost - k * HALF_PI[2]);
    Reduced { r, low, q: shifted.to_bits() }
}

/// The same for finite arguments beyond [`FAST`].
fn reduce_huge(x: f64) -> Reduced {
    let bits = x.to_bits();
    // |x| = m·2ᵉ, −37 ≤ e ≤ 971
    let e = (bits >> 52 & 0x7ff) as i64 - 1075;
    let m = (bits & ((1 << 52) - 1)) | 1 << 52;
    // Bit i of 2/π (from 1 on) weighs 2⁻ⁱ: times m·2ᵉ it is a multiple of 4 up to i = e − 2. The window is 192 bits from
    // the next one on, so that the product's low 192 bits are x·2/π modulo 4 in units of 2⁻¹⁹⁰.
    let start = e - 2;
    let word = |at: i64| {
        // 64 bits after the first `at`; there are none before the point.
        let (index, shift) = (at.div_euclid(64), at.rem_euclid(64) as u32);
        let of = |index: i64| usize::try_from(index).ok().and_then(|i| TWO_OVER_PI.get(i)).copied().unwrap_or(0);
        if shift == 0 { of(index) } else { of(index) << shift | of(index + 1) >> (64 - shift) }
    };
    let window = [word(start + 128), word(start + 64), word(start)];
    let mut product = [0u64; 3];
    let mut carry = 0u128;
    for (digit, part) in product.iter_mut().zip(window) {
        let sum = u128::from(part) * u128::from(m) + carry;
        *digit = sum as u64;
        carry = sum >> 64;
    }
    let [low, middle, high] = product;
    let mut q = high >> 62;
    // The fraction in units of 2⁻¹⁹², nearest to zero: −1/2 … 1/2.
    let mut fraction = [low << 2, middle << 2 | low >> 62, high << 2 | middle >> 62];
    let negative = fraction[2] >> 63 == 1;
    if negative {
        q += 1;
        let mut carry = true;
        for digit in &mut fraction {
            (*digit, carry) = (!*digit).overflowing_add(u64::from(carry));
        }
    }
    // Two numbers of 53 bits from its first digits.
    let zeros = if fraction[2] == 0 { 64 } else { fraction[2].leading_zeros() };
    let [low, middle, high] = fraction;
    let top = u128::from(high) << 64 | u128::from(middle);
    let leading = if zeros == 0 { top } else { top << zeros | u128::from(low) >> (64 - zeros).min(63) };
    let unit = f64::from_bits(u64::from(1023 - 53 - zeros) << 52);
    let first = (leading >> 75) as f64 * unit;
    let second = (leading >> 22 & ((1 << 53) - 1)) as f64 * unit / 9_007_199_254_740_992.0;
    let (p, error) = two_product(first, HALF_PI_DOUBLE[0]);
    let (r, low) = fast_two_sum(p, error + (first * HALF_PI_DOUBLE[1] + second * HALF_PI_DOUBLE[0]));
    let flip = negative != (x < 0.0);
    let q = if x < 0.0 { q.wrapping_neg() } else { q };
    if flip { Reduced { r: -r, low: -low, q } } else { Reduced { r, low, q } }
}

/// sin(r + low) and cos(r + low), each as a sum of two whose second part is small.
#[inline(always)]
fn sin_cos_parts(r: f64, low: f64) -> ((f64, f64), (f64, f64)) {
    // r² and its rounding error, of which the cosine would see a quarter of a unit.
    let z = r * r;
    let front = head(r);
    let z_low = (front * front - z) + (r - front) * (r + front);
    let half = 0.5 * z;
    let sin_rest = r * z * polynomial(z, &SIN) + (low - low * half);
    let (w, lost) = fast_two_sum(1.0, -half);
    let cos_rest = z * z * polynomial(z, &COS) + (lost - (r * low + 0.5 * z_low));
    ((r, sin_rest), (w, cos_rest))
}

/// sin of q quarter turns and r.
#[inline(always)]
fn sin_of(Reduced { r, low, q }: Reduced) -> f64 {
    let (sin, cos) = sin_cos_parts(r, low);
    let value = select(q & 1 == 1, cos.0 + cos.1, sin.0 + sin.1);
    f64::from_bits(value.to_bits() ^ (q & 2) << 62)
}

/// Sine of radians.
pub struct Sin;

impl Kernel for Sin {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        x.abs() <= FAST
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        let value = sin_of(reduce(x));
        select(x == 0.0, x, value)
    }

    fn rare(x: f64) -> f64 {
        if x.is_finite() { sin_of(reduce_huge(x)) } else { f64::NAN }
    }
}

/// Cosine of radians.
pub struct Cos;

impl Kernel for Cos {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        x.abs() <= FAST
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        let Reduced { r, low, q } = reduce(x);
        sin_of(Reduced { r, low, q: q.wrapping_add(1) })
    }

    fn rare(x: f64) -> f64 {
        if x.is_finite() {
            let Reduced { r, low, q } = reduce_huge(x);
            sin_of(Reduced { r, low, q: q.wrapping_add(1) })
        } else {
            f64::NAN
        }
    }
}

#[inline(always)]
fn tan_of(Reduced { r, low, q }: Reduced) -> f64 {
    let (sin, cos) = sin_cos_parts(r, low);
    let sin = fast_two_sum(sin.0, sin.1);
    let cos = fast_two_sum(cos.0, cos.1);
    // tan(r + π/2) = −cos r/sin r
    let odd = q & 1 == 1;
    let (n, n_low) = (select(odd, -cos.0, sin.0), select(odd, -cos.1, sin.1));
    let (d, d_low) = (select(odd, sin.0, cos.0), select(odd, sin.1, cos.1));
    let (value, rest) = quotient(n, n_low, d, d_low);
    value + rest
}

/// Tangent of radians.
pub struct Tan;

impl Kernel for Tan {
    #[inline(always)]
    fn usual(x: f64) -> bool {
        // Below, digits of products would be lost.
        (x.abs() <= FAST) & (x.abs() >= 1e-150)
    }

    #[inline(always)]
    fn fast(x: f64) -> f64 {
        tan_of(reduce(x))
    }

    fn rare(x: f64) -> f64 {
        if x.abs() < 1.0 {
            x
        } else if x.is_finite() {
            tan_of(reduce_huge(x))
        } else {
            f64::NAN
        }
    }
}
