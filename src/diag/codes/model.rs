//! Codes of the model checker, E02xx: what the statements of a model say together.

use super::{Code, CodeEntry};

/// Unknown name.
pub const UNKNOWN_NAME: Code = Code("E0201");
/// Declared twice.
pub const DECLARED_TWICE: Code = Code("E0202");
/// Not known when compiled.
pub const NOT_CONSTANT: Code = Code("E0203");
/// Defined in a circle.
pub const CYCLE: Code = Code("E0204");
/// Initial value without equation.
pub const NO_EQUATION: Code = Code("E0205");
/// No initial value.
pub const NO_INITIAL: Code = Code("E0206");
/// Given twice.
pub const GIVEN_TWICE: Code = Code("E0207");
/// Element without a statement.
pub const GAP: Code = Code("E0208");
/// Index out of range.
pub const OUT_OF_RANGE: Code = Code("E0209");
/// Empty range.
pub const EMPTY_RANGE: Code = Code("E0210");
/// Wrong number of subscripts.
pub const SUBSCRIPTS: Code = Code("E0211");
/// Not a subscript.
pub const NOT_AFFINE: Code = Code("E0212");
/// Unknown function.
pub const UNKNOWN_FUNCTION: Code = Code("E0213");
/// Wrong number of arguments.
pub const ARGUMENTS: Code = Code("E0214");
/// Truth value or number.
pub const KIND: Code = Code("E0215");
/// Division by zero.
pub const DIVISION_BY_ZERO: Code = Code("E0216");
/// Cannot be used here.
pub const NOT_HERE: Code = Code("E0217");
/// Left side of an array statement.
pub const LEFT_SIDE: Code = Code("E0218");
/// Equations and unknowns do not match.
pub const IMPLICIT: Code = Code("E0219");
/// Derivative without equation.
pub const PRIME: Code = Code("E0220");
/// Two orders.
pub const ORDERS: Code = Code("E0221");
/// Unknown option.
pub const UNKNOWN_OPTION: Code = Code("E0222");
/// Bad value in the solve block.
pub const OPTION_VALUE: Code = Code("E0223");
/// Another independent variable.
pub const INDEPENDENT: Code = Code("E0224");
/// Nothing to integrate.
pub const NO_STATES: Code = Code("E0225");
/// Too large.
pub const TOO_LARGE: Code = Code("E0226");
/// Index without a value.
pub const INDEX_HERE: Code = Code("E0227");
/// Index already in use.
pub const INDEX_IN_USE: Code = Code("E0228");
/// Too many index names.
pub const INDICES: Code = Code("E0229");
/// Delays.
pub const DELAY: Code = Code("E0230");
/// A past that is not read.
pub const HISTORY: Code = Code("E0231");
/// Needs a value.
pub const NO_VALUE: Code = Code("E0232");
/// Empty interval.
pub const BOUNDS: Code = Code("E0233");
/// Cannot be differentiated.
pub const DERIVATIVE: Code = Code("E0234");
/// Marks that cannot be followed.
pub const STIFF: Code = Code("E0235");

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: UNKNOWN_NAME,
        title: "unknown name",
        explanation: "A name that is used but neither declared nor defined. Names are told apart by case. The hint names the closest known one.",
        failing: "param rate = 1\ninit x = 1\nx' = -rat*x\n",
        mended: "param rate = 1\ninit x = 1\nx' = -rate*x\n",
    },
    CodeEntry {
        code: DECLARED_TWICE,
        title: "declared twice",
        explanation: "A name stands for one thing: one parameter, one constant, one state. The second declaration is shown with the first.",
        failing: "param k = 1\nconst k = 2\ninit x = 1\nx' = -k*x\n",
        mended: "param k = 2\ninit x = 1\nx' = -k*x\n",
    },
    CodeEntry {
        code: NOT_CONSTANT,
        title: "not known when compiled",
        explanation: "Sizes, ranges, constants and the numbers of a solve block must be known when the model is compiled: only numbers, `const` names and functions of them can stand there, and sizes and ranges must be whole.",
        failing: "param n = 5\nindex i = 1..n\ninit x[i] = 1\nx[i]' = -x[i]\n",
        mended: "const n = 5\nindex i = 1..n\ninit x[i] = 1\nx[i]' = -x[i]\n",
    },
    CodeEntry {
        code: CYCLE,
        title: "defined in a circle",
        explanation: "Definitions (or functions, or default values of parameters) that need each other cannot be evaluated. Algebraic loops are not solved: break the circle by hand.",
        failing: "a = b + 1\nb = 2*a\ninit x = 1\nx' = -a*x\n",
        mended: "a = 3\nb = 2*a\ninit x = 1\nx' = -b*x\n",
    },
    CodeEntry {
        code: NO_EQUATION,
        title: "initial value without equation",
        explanation: "`init` gives the start of something that a differential equation changes; this name has none of that order.",
        failing: "init x = 1, y = 2\nx' = -x\n",
        mended: "init x = 1, y = 2\nx' = -x\ny' = x\n",
    },
    CodeEntry {
        code: NO_INITIAL,
        title: "no initial value",
        explanation: "Every state needs a value at the start, and a state of second order also one for its first derivative.",
        failing: "init theta = 1\ntheta'' = -sin(theta)\n",
        mended: "init theta = 1, theta' = 0\ntheta'' = -sin(theta)\n",
    },
    CodeEntry {
        code: GIVEN_TWICE,
        title: "given twice",
        explanation: "Two statements say what the same element is. Of two overlapping array statements the more specific one wins only where its elements lie wholly inside the other's.",
        failing: "init x = 1\nx' = -x\nx' = 2*x\n",
        mended: "init x = 1\nx' = -x\n",
    },
    CodeEntry {
        code: GAP,
        title: "element without a statement",
        explanation: "Some element of an array is covered by no statement. Add one for it, or widen a range.",
        failing: "const N = 4\nindex i = 1..N\ninit x[i] = 1\nx[i]' = -x[i] for i in 2..N\n",
        mended: "const N = 4\nindex i = 1..N\ninit x[i] = 1\nx[i]' = -x[i] for i in 2..N\nx[1]' = 0\n",
    },
    CodeEntry {
        code: OUT_OF_RANGE,
        title: "index out of range",
        explanation: "For some value of its indices a subscript leaves the array. State the boundary by an equation of its own, restrict the statement with `for`, or declare the index `periodic`.",
        failing: "const N = 4\nindex i = 1..N\ninit x[i] = 1\nx[i]' = x[i-1] - x[i]\n",
        mended: "const N = 4\nindex i = 1..N periodic\ninit x[i] = 1\nx[i]' = x[i-1] - x[i]\n",
    },
    CodeEntry {
        code: EMPTY_RANGE,
        title: "empty range",
        explanation: "A range runs from its first to its last value, both included, and must hold at least one.",
        failing: "index i = 5..1\ninit x[i] = 1\nx[i]' = -x[i]\n",
        mended: "index i = 1..5\ninit x[i] = 1\nx[i]' = -x[i]\n",
    },
    CodeEntry {
        code: SUBSCRIPTS,
        title: "wrong number of subscripts",
        explanation: "An array is referred to with as many subscripts as it has dimensions, a single number with none.",
        failing: "const N = 3\nindex i = 1..N\ninit x[i] = 1\nx[i]' = -x\n",
        mended: "const N = 3\nindex i = 1..N\ninit x[i] = 1\nx[i]' = -x[i]\n",
    },
    CodeEntry {
        code: NOT_AFFINE,
        title: "not a subscript",
        explanation: "Subscripts are whole numbers, constants and indices, added or scaled by whole numbers: `u[2*i-1]`. They cannot depend on parameters or states.",
        failing: "const N = 3\nindex i = 1..N\nparam k = 1\ninit x[i] = 1\nx[i]' = -x[k]\n",
        mended: "const N = 3\nindex i = 1..N\nconst k = 1\ninit x[i] = 1\nx[i]' = -x[k]\n",
    },
    CodeEntry {
        code: UNKNOWN_FUNCTION,
        title: "unknown function",
        explanation: "The name before the parenthesis is no builtin function and no `fn` of the model. To multiply, write `*`.",
        failing: "init x = 1\nx' = -sine(x)\n",
        mended: "init x = 1\nx' = -sin(x)\n",
    },
    CodeEntry {
        code: ARGUMENTS,
        title: "wrong number of arguments",
        explanation: "The function takes another number of arguments. The hint shows how a builtin is called.",
        failing: "init x = 1\nx' = -atan2(x)\n",
        mended: "init x = 1\nx' = -atan2(x, 1)\n",
    },
    CodeEntry {
        code: KIND,
        title: "truth value or number",
        explanation: "Comparisons and `and or not` give truth values, which only `if` and those operators take; everything else takes and gives numbers.",
        failing: "init x = 1\nx' = (x > 0)*2\n",
        mended: "init x = 1\nx' = if x > 0 then 2 else 0\n",
    },
    CodeEntry {
        code: DIVISION_BY_ZERO,
        title: "division by zero",
        explanation: "The divisor is always 0, whatever the states and parameters are.",
        failing: "init x = 1\nx' = x/0\n",
        mended: "init x = 1\nx' = x/2\n",
    },
    CodeEntry {
        code: NOT_HERE,
        title: "cannot be used here",
        explanation: "Initial values may use parameters, constants and the start time; default values of parameters may use other parameters and constants. Neither may use states.",
        failing: "init x = 1, y = 2*x\nx' = -x\ny' = x\n",
        mended: "param x0 = 1\ninit x = x0, y = 2*x0\nx' = -x\ny' = x\n",
    },
    CodeEntry {
        code: LEFT_SIDE,
        title: "left side of an array statement",
        explanation: "On the left a subscript is an index, an index plus a number, or a number; each index stands in one place, and every index of a `for` clause stands somewhere.",
        failing: "const N = 3\nindex i = 1..N\ninit u[i,i] = 1\nu[i,i]' = 0\n",
        mended: "const N = 3\nindex i, j = 1..N\ninit u[i,j] = 1\nu[i,j]' = 0\n",
    },
    CodeEntry {
        code: IMPLICIT,
        title: "equations and unknowns do not match",
        explanation: "Equations without a name or a derivative alone on the left determine, all together, the names that have an initial value (their guess) and no equation of their own. There have to be as many of them as there are such names, and no part of them may say more or less than its unknowns need.",
        failing: "init x = 1, z = 0\nx' = z\n0 = x - z\n0 = x + 2*z\n",
        mended: "init x = 1, z = 0\nx' = z\n0 = x + 2*z\n",
    },
    CodeEntry {
        code: PRIME,
        title: "derivative without equation",
        explanation: "A prime refers to the derivative of a state, up to the order its equation gives.",
        failing: "a = 1\ninit x = 1\nx' = -a'*x\n",
        mended: "a = 1\ninit x = 1\nx' = -a*x\n",
    },
    CodeEntry {
        code: ORDERS,
        title: "two orders",
        explanation: "A state has equations for one order of derivative: all elements of an array share it.",
        failing: "init x = 1, x' = 0\nx'' = -x\nx' = 1\n",
        mended: "init x = 1, x' = 0\nx'' = -x\n",
    },
    CodeEntry {
        code: UNKNOWN_OPTION,
        title: "unknown option",
        explanation: "The solve block knows `rtol`, `atol`, `method`, `save`, `first_step`, `max_step` and `max_steps`.",
        failing: "init x = 1\nx' = -x\nsolve t = 0..1 { rtoll = 1e-6 }\n",
        mended: "init x = 1\nx' = -x\nsolve t = 0..1 { rtol = 1e-6 }\n",
    },
    CodeEntry {
        code: OPTION_VALUE,
        title: "bad value in the solve block",
        explanation: "The value of an option, or the span, is not one that can be used. The message says what is expected.",
        failing: "init x = 1\nx' = -x\nsolve t = 5..1\n",
        mended: "init x = 1\nx' = -x\nsolve t = 1..5\n",
    },
    CodeEntry {
        code: INDEPENDENT,
        title: "another independent variable",
        explanation: "The solve block names the independent variable: `t`, unless `time` declares another.",
        failing: "init x = 1\nx' = -x\nsolve z = 0..1\n",
        mended: "time z\ninit x = 1\nx' = -x\nsolve z = 0..1\n",
    },
    CodeEntry {
        code: NO_STATES,
        title: "nothing to integrate",
        explanation: "A model needs at least one differential equation.",
        failing: "param k = 1\noutput y = 2*k\n",
        mended: "param k = 1\ninit x = 0\nx' = k\noutput y = 2*k\n",
    },
    CodeEntry {
        code: TOO_LARGE,
        title: "too large",
        explanation: "All arrays of a model together may have 134217728 elements (one gigabyte); ranges are bounded likewise.",
        failing: "const N = 100000\nindex i, j = 1..N\ninit u[i,j] = 0\nu[i,j]' = 1\n",
        mended: "const N = 100\nindex i, j = 1..N\ninit u[i,j] = 0\nu[i,j]' = 1\n",
    },
    CodeEntry {
        code: INDEX_HERE,
        title: "index without a value",
        explanation: "An index has values where it stands on the left, in a `for` clause or in a reduction; elsewhere it has none.",
        failing: "const N = 3\nindex i = 1..N\ninit x = 1\nx' = -x*i\n",
        mended: "const N = 3\nindex i = 1..N\ninit x = 1\nx' = -x*sum[i](i)\n",
    },
    CodeEntry {
        code: INDEX_IN_USE,
        title: "index already in use",
        explanation: "A reduction binds its index; one that already has a value here would hide it.",
        failing: "const N = 3\nindex i = 1..N\ninit x[i] = 1\nx[i]' = -sum[i](x[i])\n",
        mended: "const N = 3\nindex i, j = 1..N\ninit x[i] = 1\nx[i]' = -sum[j](x[j])\n",
    },
    CodeEntry {
        code: INDICES,
        title: "too many index names",
        explanation: "A model may use 64 different index names. The same name can serve in any number of equations.",
        failing: "index q0, q1, q2, q3, q4, q5, q6, q7, q8, q9, q10, q11, q12, q13, q14, q15, q16, q17, q18, q19, q20, q21, q22, q23, q24, q25, q26, q27, q28, q29, q30, q31, q32, q33, q34, q35, q36, q37, q38, q39, q40, q41, q42, q43, q44, q45, q46, q47, q48, q49, q50, q51, q52, q53, q54, q55, q56, q57, q58, q59, q60, q61, q62, q63, q64 = 1..2\ninit x = 1\nx' = sum[q0](q0) + sum[q1](q1) + sum[q2](q2) + sum[q3](q3) + sum[q4](q4) + sum[q5](q5) + sum[q6](q6) + sum[q7](q7) + sum[q8](q8) + sum[q9](q9) + sum[q10](q10) + sum[q11](q11) + sum[q12](q12) + sum[q13](q13) + sum[q14](q14) + sum[q15](q15) + sum[q16](q16) + sum[q17](q17) + sum[q18](q18) + sum[q19](q19) + sum[q20](q20) + sum[q21](q21) + sum[q22](q22) + sum[q23](q23) + sum[q24](q24) + sum[q25](q25) + sum[q26](q26) + sum[q27](q27) + sum[q28](q28) + sum[q29](q29) + sum[q30](q30) + sum[q31](q31) + sum[q32](q32) + sum[q33](q33) + sum[q34](q34) + sum[q35](q35) + sum[q36](q36) + sum[q37](q37) + sum[q38](q38) + sum[q39](q39) + sum[q40](q40) + sum[q41](q41) + sum[q42](q42) + sum[q43](q43) + sum[q44](q44) + sum[q45](q45) + sum[q46](q46) + sum[q47](q47) + sum[q48](q48) + sum[q49](q49) + sum[q50](q50) + sum[q51](q51) + sum[q52](q52) + sum[q53](q53) + sum[q54](q54) + sum[q55](q55) + sum[q56](q56) + sum[q57](q57) + sum[q58](q58) + sum[q59](q59) + sum[q60](q60) + sum[q61](q61) + sum[q62](q62) + sum[q63](q63) + sum[q64](q64)\n",
        mended: "index q = 1..2\ninit x = 1\nx' = sum[q](q) + sum[q](q^2)\n",
    },
    CodeEntry {
        code: DELAY,
        title: "not a delay",
        explanation: "A state followed by parentheses is its value at another time, `x(t - tau)`. That time must not lie in the future, and may depend on states and parameters, not on values at further times. Parameters, discrete quantities and times themselves cannot be delayed; to multiply, write `*`.",
        failing: "param k = 2\ninit x = 1\nx' = -k(t - 1)\n",
        mended: "param k = 2\ninit x = 1\nx' = -k*x(t - 1)\n",
    },
    CodeEntry {
        code: HISTORY,
        title: "a past that is not read",
        explanation: "`init x(t) = …` gives the values of a state before the start, for delays to read. Where no delay reads them, only the value at the start means something: `init x = …`.",
        failing: "init x(t) = cos(t)\nx' = -x\n",
        mended: "init x = 1\nx' = -x\n",
    },
    CodeEntry {
        code: NO_VALUE,
        title: "needs a value",
        explanation: "Constants and outputs need a value, and an array parameter a value for all of its elements or for none.",
        failing: "const N\ninit x = 1\nx' = -x\n",
        mended: "const N = 3\ninit x = 1\nx' = -x\n",
    },
    CodeEntry {
        code: BOUNDS,
        title: "empty interval",
        explanation: "`in (LO, HI)` states where a parameter may lie; the lower bound stands first.",
        failing: "param k = 1 in (5, 2)\ninit x = 1\nx' = -k*x\n",
        mended: "param k = 1 in (0, 2)\ninit x = 1\nx' = -k*x\n",
    },
    CodeEntry {
        code: DERIVATIVE,
        title: "cannot be differentiated",
        explanation: "A computed array is read through a periodic subscript of several indices at once, and the derivative cannot follow it there. Write the computed expression in place.",
        failing: "const N = 6\nindex i, j = 1..N periodic\ninit x[i] = i\ns[i] = exp(x[i])\nx[i]' = sum[j](s[i+j])\n",
        mended: "const N = 6\nindex i, j = 1..N periodic\ninit x[i] = i\nx[i]' = sum[j](exp(x[i+j]))\n",
    },
    CodeEntry {
        code: STIFF,
        title: "a mark inside a function",
        explanation: "`stiff(…)` marks terms of equations, or factors of terms, so that a method can take them apart from the others: the equation must be linear in what is marked. Inside a function or a power, or twice in one product, a mark has no such meaning.",
        failing: "init x = 1\nx' = -stiff(x)^2\n",
        mended: "init x = 1\nx' = stiff(-x^2)\n",
    },
];
