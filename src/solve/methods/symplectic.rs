//! Symplectic methods for x'' = g(t, x) with steps of one length: Störmer–Verlet (order 2), McLachlan and Atela's optimal
//! method of order 4, and Kahan and Li's compositions of orders 6 and 8. For long runs whose energy must not drift.
//!
//! Sources: E. Hairer, C. Lubich, G. Wanner, Geometric Numerical Integration, I.1 (Verlet); R. I. McLachlan, P. Atela, The
//! accuracy of symplectic integrators, Nonlinearity 5 (1992) 541–562; W. Kahan, R.-C. Li, Composition constants for raising
//! the orders of unconventional schemes for ordinary differential equations, Mathematics of Computation 66 (1997)
//! 1089–1099 (s9odr6a, s17odr8a: symmetric compositions of Verlet steps).

use crate::solve::symplectic::Symplectic;

/// Störmer–Verlet.
pub const VERLET: Symplectic = Symplectic { name: "Verlet", order: 2, b: &[0.5, 0.5], a: &[1.0, 0.0] }.checked();

/// McLachlan & Atela, order 4 in four stages.
pub const MCLACHLAN4: Symplectic = Symplectic {
    name: "McLachlan4",
    order: 4,
    b: &[0.134_496_199_277_431_1, -0.224_819_803_079_420_8, 0.756_320_000_515_668_3, 0.334_003_603_286_321_4],
    a: &[0.515_352_837_431_122_9, -0.085_782_019_412_973_65, 0.441_583_023_616_466_5, 0.128_846_158_365_384_2],
}
.checked();

/// Kahan & Li, order 6 of nine Verlet steps.
pub const KAHAN_LI6: Symplectic = Symplectic { name: "KahanLi6", order: 6, b: &kicks(&DRIFTS6), a: &DRIFTS6 }.checked();

/// Kahan & Li, order 8 of seventeen Verlet steps.
pub const KAHAN_LI8: Symplectic = Symplectic { name: "KahanLi8", order: 8, b: &kicks(&DRIFTS8), a: &DRIFTS8 }.checked();

const DRIFTS6: [f64; 10] = mirrored(&[
    0.392_161_444_007_314_14,
    0.332_599_136_789_359_4,
    -0.706_246_172_557_639_4,
    0.082_213_596_293_550_8,
    0.798_543_990_934_829_9,
]);

const DRIFTS8: [f64; 18] = mirrored(&[
    0.130_202_483_088_890_08,
    0.561_162_981_775_108_4,
    -0.389_474_962_644_847_3,
    0.158_841_906_555_155_6,
    -0.395_903_894_133_237_55,
    0.184_539_640_978_315_7,
    0.258_374_387_686_322_05,
    0.295_011_723_609_310_3,
    -0.605_508_533_830_034_5,
]);

/// A symmetric sequence from its first half and middle, with a drift of 0 behind.
const fn mirrored<const N: usize>(half: &[f64]) -> [f64; N] {
    let (mut all, mut i) = ([0.0; N], 0);
    while i < half.len() {
        all[i] = half[i];
        all[N - 2 - i] = half[i];
        i += 1;
    }
    all
}

/// Kicks that make Verlet steps of the drifts: halves of neighbours.
const fn kicks<const N: usize>(drifts: &[f64; N]) -> [f64; N] {
    let (mut all, mut i) = ([0.0; N], 0);
    while i < N {
        all[i] = 0.5 * (drifts[i] + if i > 0 { drifts[i - 1] } else { 0.0 });
        i += 1;
    }
    all
}
