//! Kvaerno5: the ESDIRK pair 5(4) of Kværnø, seven stages of order 2, both solutions stiffly accurate; its interpolant of
//! order 4 has continuous derivatives.
//!
//! Source: A. Kværnø, Singly diagonally implicit Runge–Kutta methods with an explicit first stage, BIT Numerical
//! Mathematics 44 (2004) 489–502, the method ESDIRK 5/4 with γ = 0.26. The paper has no interpolant; this one solves the
//! conditions of order 4 (every stage used has Σ a_ij c_j = c_i²/2 and Σ a_ij c_j² = c_i³/3, so they are those of a
//! quadrature) with b(0) = 0, b(1) = b and the slopes f0 and f1 at the ends; the two coefficients left free make the
//! residuals of order 5 smallest over the step.

use crate::solve::esdirk::Esdirk;

/// The tableau; the embedded solution is the sixth stage's argument.
pub const KVAERNO5: Esdirk = Esdirk {
    name: "Kvaerno5",
    order: 5,
    error_order: 4,
    dense_order: 4,
    gamma: 0.26,
    c: &[0.0, 0.52, 1.230_333_209_967_908, 0.895_765_984_350_076, 0.436_393_609_858_647_56, 1.0, 1.0],
    a: &[
        &[],
        &[0.26],
        &[0.13, 0.840_333_209_967_908_1],
        &[0.223_719_614_783_205_04, 0.476_755_323_197_997, -0.064_708_953_631_126_15],
        &[0.166_485_643_232_483_22, 0.104_500_188_415_917_2, 0.036_314_822_720_987_15, -0.130_907_044_510_739_98],
        &[0.138_556_402_312_682_24, 0.0, -0.042_453_372_017_520_43, 0.024_466_578_980_031_41, 0.619_430_390_724_806_8],
        &[
            0.136_597_511_776_402_92,
            0.0,
            -0.054_969_087_965_383_76,
            -0.041_186_267_283_210_46,
            0.629_933_048_990_164,
            0.069_624_794_482_027_28,
        ],
    ],
    explicit: &[],
    e: &[
        -0.001_958_890_536_279_317_4,
        0.0,
        -0.012_515_715_947_863_326,
        -0.065_652_846_263_241_87,
        0.010_502_658_265_357_234,
        -0.190_375_205_517_972_7,
        0.26,
    ],
    filtered: false,
    dense: &[
        &[1.0, -2.252_273_133_606_638, 2.050_936_314_318_887_5, -0.662_065_668_935_846_6],
        &[0.0, 0.0, 0.0, 0.0],
        &[0.0, -0.308_834_096_676_506_96, 0.397_791_841_491_478_84, -0.143_926_832_780_355_67],
        &[0.0, -6.707_237_958_111_453, 13.249_730_847_090_065, -6.583_679_156_261_822],
        &[0.0, 4.223_267_820_771_485, -5.926_803_445_582_315, 2.333_468_673_800_993],
        &[0.0, 2.598_028_078_754_29, -4.917_556_979_580_47, 2.389_153_695_308_208],
        &[0.0, 2.447_049_288_868_823, -4.854_098_577_737_646, 2.667_049_288_868_823],
    ],
    beta: 0.04,
}
.checked();
