//! Codes of units, from E0260.

use super::{Code, CodeEntry};

/// A name that is no unit.
pub const UNKNOWN_UNIT: Code = Code("E0260");
/// Two sides that cannot be equal or added.
pub const MISMATCH: Code = Code("E0261");
/// A quantity where a pure number is needed.
pub const NOT_NUMBER: Code = Code("E0262");
/// A temperature scale with an offset where only differences make sense.
pub const OFFSET: Code = Code("E0263");
/// A conversion under an exponent that is not known.
pub const UNKNOWN_POWER: Code = Code("E0264");
/// Exponents beyond what is counted.
pub const TOO_LARGE: Code = Code("E0265");

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: UNKNOWN_UNIT,
        title: "unknown unit",
        explanation: "Units are names such as `mol`, `hour`, `mmHg`, with the prefixes of the SI where they are usual \
                      (`mV`, `millivolt`), joined by `*`, `/` and `^`. Counted things (`cells`, `molecules`) and `1` are \
                      pure numbers. The language page lists all names.",
        failing: "param V: litr = 40\ninit x = 1\nx' = -x\n",
        mended: "param V: litre = 40\ninit x = 1\nx' = -x\n",
    },
    CodeEntry {
        code: MISMATCH,
        title: "units do not agree",
        explanation: "What is added, compared or assigned must have one dimension; the size may differ and is converted. \
                      A number in a sum is a pure number unless it has a unit, `3 [mg]`; 0 has any. The units under the \
                      parts of the expression show where it goes wrong.",
        failing: "time t: hour\nparam k: 1/hour = 0.3, inflow: mg = 2\ninit drug: mg = 100\ndrug' = inflow - k*drug\n",
        mended: "time t: hour\nparam k: 1/hour = 0.3, inflow: mg/hour = 2\ninit drug: mg = 100\ndrug' = inflow - k*drug\n",
    },
    CodeEntry {
        code: NOT_NUMBER,
        title: "not a pure number",
        explanation: "Functions such as `exp`, `log` and `sin`, exponents and subscripts take pure numbers: the exponential \
                      of three hours depends on whether they are hours or minutes. Divide by a quantity of the same \
                      dimension. Percentages and degrees of angle count as numbers and are converted.",
        failing: "time t: hour\nparam tau: hour = 3\ninit x = 1\nx' = -x*exp(-t)/tau\n",
        mended: "time t: hour\nparam tau: hour = 3\ninit x = 1\nx' = -x*exp(-t/tau)/tau\n",
    },
    CodeEntry {
        code: OFFSET,
        title: "temperature with an offset",
        explanation: "Degrees Celsius and Fahrenheit count from a zero of their own, so a temperature in them cannot be \
                      multiplied or added up. It can be assigned to a quantity in `K` or another scale (which converts \
                      it), compared, and subtracted; differences are in `K`, and so are units such as `J/K`.",
        failing: "param T: degC = 37, R: J/mol/K = 8.314, k: 1 = 1\ninit x: J/mol = 1\nx' = k*(R*T - x)\n",
        mended: "param T: degC = 37, R: J/mol/K = 8.314, k: 1 = 1\ninit x: J/mol = 1\nT_K: K = T\nx' = k*(R*T_K - x)/1 [s]\n",
    },
    CodeEntry {
        code: UNKNOWN_POWER,
        title: "conversion under an unknown power",
        explanation: "Two quantities of one dimension but different sizes stand under an exponent that is not a plain \
                      number, so the factor between them is not a number either. Declare both in the same unit.",
        failing: "param n = 2, K: uM = 5\ninit S: mM = 1\nS' = -S^n/(K^n + S^n)*S\n",
        mended: "param n = 2, K: mM = 5e-3\ninit S: mM = 1\nS' = -S^n/(K^n + S^n)*S/1 [s]\n",
    },
    CodeEntry {
        code: TOO_LARGE,
        title: "exponents too large",
        explanation: "The exponents of units are kept as exact fractions of whole numbers that a computer holds; powers of \
                      powers of powers leave that range long after they have left physics.",
        failing: "param L: m = 1\ninit x: m = 1\nx' = x + ((((((L^1000)^1000)^1000)^1000)^1000)^1000)^1000\n",
        mended: "param L: m = 1, tau: s = 1\ninit x: m = 1\nx' = (x + L^1000/L^999)/tau\n",
    },
];
