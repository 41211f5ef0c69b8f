//! Elementary functions: how accurate they are, what they do at special values, and that one argument and eight give the
//! same bits.
//!
//! Errors are in units in the last place of the exact value, taken from a reference of about a hundred bits
//! (`maths/reference.rs`), which is itself held to an arbitrary-precision library. Samples are the same on every
//! machine, results too: `docs/src/accuracy.md` holds the greatest errors found. `BLESS=1 cargo test --test maths` rewrites it:
//! read the difference.

#[path = "maths/reference.rs"]
mod reference;
#[path = "maths/samples.rs"]
mod samples;

use astro_float::{BigFloat, Consts, RoundingMode, Sign};
use proptest::prelude::*;
use reference::{Double, Scaled, double, power_of_two};
use rhapsode::math::Function;
use samples::{Random, argument, second};
use std::f64::consts::FRAC_PI_2;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Samples of each function.
const SAMPLES: usize = 120_000;

/// The functions in the order of the table, and the greatest error allowed.
const FUNCTIONS: &[(Function, f64)] = &[
    (Function::Exp, 0.75),
    (Function::Expm1, 1.10),
    (Function::Log, 0.80),
    (Function::Log1p, 0.63),
    (Function::Log2, 0.51),
    (Function::Log10, 0.51),
    (Function::Pow, 0.75),
    (Function::Cbrt, 0.51),
    (Function::Sin, 0.76),
    (Function::Cos, 0.76),
    (Function::Tan, 0.91),
    (Function::Asin, 0.87),
    (Function::Acos, 0.87),
    (Function::Atan, 0.83),
    (Function::Sinh, 0.87),
    (Function::Cosh, 0.76),
    (Function::Tanh, 1.00),
    (Function::Asinh, 0.51),
    (Function::Acosh, 0.51),
    (Function::Atanh, 0.51),
];

/// The exact value, where the reference serves.
fn exact(function: Function, x: f64, y: f64) -> Option<Scaled> {
    use reference as r;
    let plain = |value: Double| Some((value, 0));
    // The reference works on numbers of ordinary size.
    let (m, k) = split(x);
    let tiny = x.abs() < 1e-100;
    let d = double(x);
    match function {
        Function::Exp => Some(r::exp(d)),
        Function::Expm1 if tiny => Some((double(m), k)),
        Function::Expm1 => Some(r::expm1(d)),
        Function::Log => plain(r::log_scaled((double(m), k))),
        Function::Log2 => plain(r::log_scaled((double(m), k)) / r::log(double(2.0))),
        Function::Log10 => plain(r::log_scaled((double(m), k)) / r::log(double(10.0))),
        Function::Log1p if tiny => Some((double(m), k)),
        Function::Log1p if x > 1e100 => plain(r::log_scaled((double(m), k))),
        Function::Log1p => plain(r::log1p(d)),
        Function::Pow => Some(r::pow((double(m), k), y)),
        Function::Cbrt => {
            let rest = k.rem_euclid(3);
            Some((r::cbrt(double(m * power_of_two(rest))), (k - rest) / 3))
        }
        Function::Sin
        | Function::Tan
        | Function::Asin
        | Function::Atan
        | Function::Sinh
        | Function::Asinh
        | Function::Atanh
        | Function::Tanh
            if tiny =>
        {
            Some((double(m), k))
        }
        Function::Sin if x.abs() < 1e5 => plain(r::sin_cos(d).0),
        Function::Cos if x.abs() < 1e5 => plain(r::sin_cos(d).1),
        Function::Tan if x.abs() < 1e5 => {
            let (sin, cos) = r::sin_cos(d);
            plain(sin / cos)
        }
        Function::Sin | Function::Cos | Function::Tan => None,
        Function::Asin => plain(r::asin(d)),
        Function::Acos => plain(r::acos(d)),
        Function::Atan if x.abs() > 1e20 => plain(r::half_pi().times(x.signum()) - double(1.0) / d),
        Function::Atan => plain(r::atan(d)),
        Function::Sinh => Some(r::sinh(d)),
        Function::Cosh => Some(r::cosh(d)),
        Function::Tanh => plain(r::tanh(d)),
        Function::Asinh | Function::Acosh if x.abs() > 1e30 => {
            let log = r::log_scaled((double(m.abs()), k + 1));
            plain(if x < 0.0 { -log } else { log })
        }
        Function::Asinh => plain(r::asinh(d)),
        Function::Acosh => plain(r::acosh(d)),
        Function::Atanh => plain(r::atanh(d)),
        _ => None,
    }
}

/// A number as m·2ᵏ, 1 ≤ |m| < 2.
fn split(x: f64) -> (f64, i32) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let (x, below) = if x.abs() < f64::MIN_POSITIVE { (x * power_of_two(60), 60) } else { (x, 0) };
    let k = (x.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    (f64::from_bits(x.to_bits() & !(0x7ff << 52) | 1023 << 52), k - below)
}

/// `value·2⁻ᵏ`, which is of ordinary size.
fn unscaled(value: f64, k: i32) -> f64 {
    value * power_of_two(-(k / 2)) * power_of_two(-(k - k / 2))
}

/// The error in units in the last place of the exact value.
fn error(value: f64, (exact, k): Scaled) -> f64 {
    if value.is_nan() {
        return f64::INFINITY;
    }
    let exponent = split(exact.h).1 + k;
    if !(-1100..=1100).contains(&exponent) {
        let right = if exponent < 0 { value == 0.0 } else { value.is_infinite() };
        return if right && value.is_sign_negative() == (exact.h < 0.0) { 0.0 } else { f64::INFINITY };
    }
    // What rounds to infinity is beyond the largest number by half a unit.
    if exponent >= 1024 || (value.is_infinite() && exponent == 1023) {
        let largest = f64::MAX * power_of_two(-1000);
        let beyond = exact.abs().h * unscaled(1.0, -(k - 1000)) > largest * (1.0 - f64::EPSILON);
        return if value.is_infinite() && beyond && (value > 0.0) == (exact.h > 0.0) { 0.0 } else { f64::INFINITY };
    }
    let unit = exponent.max(-1022) - 52 - k;
    let difference = double(unscaled(value, k)) - exact;
    difference.abs().h * unscaled(1.0, unit)
}

#[test]
fn errors_are_below_what_the_table_says() {
    let mut rows = Vec::new();
    for &(function, allowed) in FUNCTIONS {
        let mut random = Random::new(function as u64 + 1);
        let (mut worst, mut at) = (0.0, (0.0, 0.0));
        let mut compared = 0;
        for number in 0..SAMPLES {
            let x = argument(function, number, &mut random);
            let y = second(x, number, &mut random);
            let value = function.eval(x, y);
            let Some(exact) = exact(function, x, y) else { continue };
            compared += 1;
            let error = error(value, exact);
            if error > worst {
                (worst, at) = (error, (x, y));
            }
        }
        println!("{:6} {worst:.3} at {:e}, {:e} of {compared}", function.name(), at.0, at.1);
        assert!(compared >= 100_000, "{}: {compared} samples", function.name());
        assert!(worst <= allowed, "{}({:e}, {:e}): error {worst}", function.name(), at.0, at.1);
        // Rounded up: no sample lies above what is written.
        rows.push(format!("| `{}` | {:.2} | {:e} |", function.name(), (worst * 100.0).ceil() / 100.0, at.0));
    }
    in_document("accuracy", &rows);
}

/// Compares a table of `docs/src/accuracy.md` between its marks, or writes it.
fn in_document(mark: &str, rows: &[String]) {
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = WRITING.lock();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/src/accuracy.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (open, close) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let from = text.find(&open).unwrap() + open.len();
    let to = text.find(&close).unwrap();
    let known: Vec<_> = text[from..to].lines().skip(2).collect();
    if std::env::var_os("BLESS").is_some() {
        let head: Vec<_> = text[from..to].lines().take(2).collect();
        let table = format!("{}\n{}\n{}\n", head[0], head[1], rows.join("\n"));
        std::fs::write(path, format!("{}{table}{}", &text[..from], &text[to..])).unwrap();
        return;
    }
    assert_eq!(known, rows, "the table of docs/src/accuracy.md (BLESS=1 writes it)");
}

/// Values at −∞, −0, 0, ∞ (C17, annex F.10; none says anything else of NaN than NaN).
const SPECIAL: &[(Function, [f64; 4])] = &[
    (Function::Exp, [0.0, 1.0, 1.0, INF]),
    (Function::Expm1, [-1.0, -0.0, 0.0, INF]),
    (Function::Log, [NAN, -INF, -INF, INF]),
    (Function::Log1p, [NAN, -0.0, 0.0, INF]),
    (Function::Log2, [NAN, -INF, -INF, INF]),
    (Function::Log10, [NAN, -INF, -INF, INF]),
    (Function::Cbrt, [-INF, -0.0, 0.0, INF]),
    (Function::Sin, [NAN, -0.0, 0.0, NAN]),
    (Function::Cos, [NAN, 1.0, 1.0, NAN]),
    (Function::Tan, [NAN, -0.0, 0.0, NAN]),
    (Function::Asin, [NAN, -0.0, 0.0, NAN]),
    (Function::Acos, [NAN, FRAC_PI_2, FRAC_PI_2, NAN]),
    (Function::Atan, [-FRAC_PI_2, -0.0, 0.0, FRAC_PI_2]),
    (Function::Sinh, [-INF, -0.0, 0.0, INF]),
    (Function::Cosh, [INF, 1.0, 1.0, INF]),
    (Function::Tanh, [-1.0, -0.0, 0.0, 1.0]),
    (Function::Asinh, [-INF, -0.0, 0.0, INF]),
    (Function::Acosh, [NAN, NAN, NAN, INF]),
    (Function::Atanh, [NAN, -0.0, 0.0, NAN]),
    (Function::Erf, [-1.0, -0.0, 0.0, 1.0]),
    (Function::Erfc, [2.0, 1.0, 1.0, 0.0]),
];

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[test]
fn special_values_are_those_of_the_standard() {
    let mut rows = Vec::new();
    for &(function, expected) in SPECIAL {
        for (x, expected) in [-INF, -0.0, 0.0, INF].into_iter().zip(expected) {
            let value = function.eval(x, 0.0);
            assert!(same(value, expected), "{}({x}) = {value}, not {expected}", function.name());
        }
        assert!(function.eval(NAN, 0.0).is_nan(), "{}(nan)", function.name());
        let [a, b, c, d] = expected.map(|value| if value.is_nan() { "nan".to_string() } else { format!("{value:.4}") });
        let cell = |text: String| text.trim_end_matches('0').trim_end_matches('.').to_string();
        let [a, b, c, d] = [a, b, c, d].map(|text| if text.contains('.') { cell(text) } else { text });
        rows.push(format!("| `{}` | {a} | {b} | {c} | {d} |", function.name()));
    }
    in_document("special values", &rows);
    for (function, x, expected) in [
        (Function::Exp, 709.782712893384, 1.797_693_134_862_273_2e308),
        (Function::Exp, 709.782712893385, INF),
        (Function::Exp, -745.1332191019411, 5e-324),
        (Function::Exp, -745.1332191019412, 0.0),
        (Function::Cosh, 710.4758600739439, 1.797_693_134_862_174_4e308),
        (Function::Cosh, 710.475860073944, INF),
        (Function::Sinh, -710.475860073944, -INF),
        (Function::Log, -1.0, NAN),
        (Function::Log, 1.0, 0.0),
        (Function::Log1p, -1.0, -INF),
        (Function::Log1p, -1.5, NAN),
        (Function::Log2, 5e-324, -1074.0),
        (Function::Log10, 1e22, 22.0),
        (Function::Acosh, 1.0, 0.0),
        (Function::Atanh, 1.0, INF),
        (Function::Atanh, -1.0, -INF),
        (Function::Atanh, 1.5, NAN),
        (Function::Acos, 1.5, NAN),
    ] {
        let value = function.eval(x, 0.0);
        assert!(same(value, expected), "{}({x}) = {value:e}, not {expected:e}", function.name());
    }
    // Whole powers of 2 and 10 have whole logarithms.
    for k in -1022..1024 {
        assert_eq!(Function::Log2.eval(power_of_two(k), 0.0), f64::from(k));
    }
    for k in 0..23 {
        assert_eq!(Function::Log10.eval(format!("1e{k}").parse().unwrap(), 0.0), f64::from(k));
    }
}

#[test]
fn powers_follow_the_standard() {
    // C17, F.10.4.4, line by line.
    let pow = |x: f64, y: f64| Function::Pow.eval(x, y);
    let odd = [1.0, 3.0, 9_007_199_254_740_991.0];
    let even = [2.0, 4.0, 9_007_199_254_740_992.0, 1e300];
    for n in odd {
        for zero in [0.0, -0.0] {
            assert!(same(pow(zero, -n), INF.copysign(zero)) && same(pow(zero, n), zero), "{zero}, {n}");
        }
        assert!(same(pow(-INF, -n), -0.0) && same(pow(-INF, n), -INF) && same(pow(-1.0, n), -1.0));
    }
    for y in even.into_iter().chain([0.5, 2.5]) {
        for zero in [0.0, -0.0] {
            assert!(same(pow(zero, -y), INF) && same(pow(zero, y), 0.0), "{zero}, {y}");
        }
        assert!(same(pow(-INF, -y), 0.0) && same(pow(-INF, y), INF), "{y}");
        assert!(same(pow(INF, -y), 0.0) && same(pow(INF, y), INF), "{y}");
    }
    assert!(even.into_iter().all(|y| same(pow(-1.0, y), 1.0)));
    for y in [INF, -INF, NAN, 0.3, -7.0, 1e300] {
        assert!(same(pow(1.0, y), 1.0));
    }
    for x in [INF, -INF, NAN, 0.0, -2.0, 5e-324] {
        assert!(same(pow(x, 0.0), 1.0) && same(pow(x, -0.0), 1.0));
    }
    assert!(same(pow(-1.0, INF), 1.0) && same(pow(-1.0, -INF), 1.0));
    assert!(pow(-2.0, 0.5).is_nan() && pow(NAN, 2.0).is_nan() && pow(2.0, NAN).is_nan());
    for (x, less) in [(0.5, true), (-0.5, true), (0.0, true), (2.0, false), (-2.0, false), (-INF, false)] {
        assert!(same(pow(x, INF), if less { 0.0 } else { INF }) && same(pow(x, -INF), if less { INF } else { 0.0 }));
    }
    assert!(same(pow(-2.0, 3.0), -8.0) && same(pow(-2.0, -2.0), 0.25) && same(pow(10.0, 22.0), 1e22));
    assert!(same(pow(2.0, -1074.0), 5e-324) && same(pow(2.0, 1023.0), 8.98846567431158e307));
    assert!(same(pow(2.0, -1076.0), 0.0) && same(pow(2.0, 1024.0), INF) && same(pow(-2.0, 1025.0), -INF));
    assert!(same(pow(1.0 + f64::EPSILON, 1e300), INF) && same(pow(1.0 - f64::EPSILON, 1e300), 0.0));
    assert!(same(pow(5e-324, 0.5), 2.222_758_749_485_077_5e-162));
}

/// Any bits, or ordinary numbers.
fn numbers() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let number = || prop_oneof![any::<u64>().prop_map(f64::from_bits), -30.0..30.0, 0.0..2.0, Just(0.0), Just(NAN)];
    proptest::collection::vec((number(), number()), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn slices_have_the_bits_of_single_values(pairs in numbers()) {
        for &function in Function::ALL {
            let (mut xs, ys): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
            function.eval_slice(&mut xs, &ys);
            for (value, &(x, y)) in xs.iter().zip(&pairs) {
                let single = function.eval(x, y);
                prop_assert!(same(*value, single), "{}({x:e}, {y:e}): {value:e}, {single:e}", function.name());
            }
        }
    }
}

#[test]
fn huge_angles_are_reduced_exactly() {
    let mut consts = Consts::new().unwrap();
    let mut random = Random::new(7);
    // The double nearest to a multiple of π/2 (Muller et al., Handbook of Floating-Point Arithmetic, 10.2).
    let nearest = 6_381_956_970_095_103.0 * power_of_two(797);
    for number in 0..1_500 {
        let magnitude = power_of_two(16 + random.below(1008) as i32) * (1.0 + random.unit());
        let x = if number == 0 { nearest } else { magnitude } * if number % 2 == 0 { 1.0 } else { -1.0 };
        for (function, allowed) in [(Function::Sin, 0.76), (Function::Cos, 0.76), (Function::Tan, 0.91)] {
            let big = arbitrary(function, x, 0.0, &mut consts).unwrap();
            let error = error(function.eval(x, 0.0), near(&big));
            assert!(error <= allowed, "{}({x:e}): error {error}", function.name());
        }
    }
}

const BITS: usize = 256;

fn big(x: f64) -> BigFloat {
    BigFloat::from_f64(x, BITS)
}

/// An independent implementation.
fn arbitrary(function: Function, x: f64, y: f64, consts: &mut Consts) -> Option<BigFloat> {
    let (x, y) = (big(x), big(y));
    let (p, mode) = (BITS, RoundingMode::None);
    let one = big(1.0);
    Some(match function {
        Function::Exp => x.exp(p, mode, consts),
        Function::Expm1 => x.exp(2 * p, mode, consts).sub(&one, 2 * p, mode),
        Function::Log => x.ln(p, mode, consts),
        Function::Log2 => x.log2(p, mode, consts),
        Function::Log10 => x.log10(p, mode, consts),
        Function::Log1p => x.add(&one, 2 * p, mode).ln(2 * p, mode, consts),
        Function::Pow => x.pow(&y, p, mode, consts),
        Function::Cbrt => x.cbrt(p, mode),
        Function::Sin => x.sin(p, mode, consts),
        Function::Cos => x.cos(p, mode, consts),
        Function::Tan => x.tan(p, mode, consts),
        Function::Asin => x.asin(p, mode, consts),
        Function::Acos => x.acos(p, mode, consts),
        Function::Atan => x.atan(p, mode, consts),
        Function::Sinh => x.sinh(p, mode, consts),
        Function::Cosh => x.cosh(p, mode, consts),
        Function::Tanh => x.tanh(p, mode, consts),
        Function::Asinh => x.asinh(p, mode, consts),
        Function::Acosh => x.acosh(p, mode, consts),
        Function::Atanh => x.atanh(p, mode, consts),
        _ => return None,
    })
}

/// Its first hundred bits.
fn near(big: &BigFloat) -> Scaled {
    let Some((words, _, sign, exponent, _)) = big.as_raw_parts() else { return (double(f64::NAN), 0) };
    if big.is_zero() {
        return (double(0.0), 0);
    }
    let sign = if sign == Sign::Neg { -1.0 } else { 1.0 };
    let part = |word: u64, place: i32| {
        let (high, low) = (word >> 32 << 32, word & 0xffff_ffff);
        double(high as f64 * power_of_two(place)) + double(low as f64 * power_of_two(place))
    };
    let [.., low, high] = words else { return (part(words[0], -64), exponent) };
    ((part(*high, -64) + part(*low, -128)).times(sign), exponent)
}

#[test]
fn reference_agrees_with_arbitrary_precision() {
    let mut consts = Consts::new().unwrap();
    for &(function, _) in FUNCTIONS {
        let mut random = Random::new(function as u64 + 100);
        let mut compared = 0;
        for number in 0..240 {
            let x = argument(function, number, &mut random);
            let y = second(x, number, &mut random);
            // That library has other limits.
            if !(1e-30..1e30).contains(&x.abs()) || (function == Function::Pow && y.abs() > 100.0) {
                continue;
            }
            let Some((own, k)) = exact(function, x, y) else { continue };
            let Some(big) = arbitrary(function, x, y, &mut consts) else { continue };
            let (other, l) = near(&big);
            if other.h == 0.0 || !other.h.is_finite() || (k - l).abs() > 900 {
                continue;
            }
            let difference = (own.times(unscaled(1.0, l - k)) - other).abs().h / other.h.abs();
            assert!(difference < 1e-26, "{}({x:e}, {y:e}): {difference:e}", function.name());
            compared += 1;
        }
        assert!(compared > 50, "{}: {compared} samples", function.name());
    }
}
