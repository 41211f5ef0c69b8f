//! Codes of what is asked of a solution, from E0290: objectives and observations.

use super::{Code, CodeEntry};

/// A term of an objective where none can stand.
pub const TERM: Code = Code("E0290");
/// An unknown distribution.
pub const DISTRIBUTION: Code = Code("E0291");
/// A column that cannot be observed.
pub const OBSERVED: Code = Code("E0292");

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: TERM,
        title: "term of an objective",
        explanation: "`integral(x)`, `final(x)` and `value(x, 3)` turn what has a value at each time into one number. They \
                      stand in objectives, outside each other and outside sums over indices; what they are taken of may \
                      be any expression, sums included.",
        failing: "init x = 1\nx' = -integral(x)\n",
        mended: "init x = 1\nx' = -x\nobjective total = integral(x)\n",
    },
    CodeEntry {
        code: DISTRIBUTION,
        title: "distribution",
        explanation: "`observe` says which distribution measured values come from: `Normal(mean, standard deviation)`, whose \
                      arguments are expressions of the model's quantities and of columns of the data.",
        failing: "init x = 1\nx' = -x\nobserve x_seen ~ Norml(x, 0.1)\n",
        mended: "init x = 1\nx' = -x\nobserve x_seen ~ Normal(x, 0.1)\n",
    },
    CodeEntry {
        code: OBSERVED,
        title: "column that cannot be observed",
        explanation: "The column of the independent variable says when the others were measured; it is not itself compared \
                      with anything.",
        failing: "init x = 1\nx' = -x\nobserve t ~ Normal(x, 0.1)\n",
        mended: "init x = 1\nx' = -x\nobserve x_seen ~ Normal(x, 0.1)\n",
    },
];
