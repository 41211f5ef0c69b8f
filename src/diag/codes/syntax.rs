//! E0121 and following: mistakes in a statement's text that have a name of their own; the general ones are in [`super::lang`].

use super::{Code, CodeEntry};

/// An expression that is nested too deeply.
pub const NESTING: Code = Code("E0121");
/// A number that no 64-bit float can hold.
pub const NUMBER_RANGE: Code = Code("E0122");
/// Two operands without an operator between them.
pub const NO_OPERATOR: Code = Code("E0123");
/// `=` and `==` mixed up.
pub const EQUALS: Code = Code("E0124");
/// A semicolon.
pub const SEMICOLON: Code = Code("E0125");
/// A sign of typography where a plain one is meant.
pub const TYPOGRAPHY: Code = Code("E0126");
/// A statement that ends before it is complete.
pub const UNFINISHED: Code = Code("E0127");
/// An `if` without `then` or `else`.
pub const BRANCH: Code = Code("E0128");
/// A closing bracket that closes nothing.
pub const STRAY_BRACKET: Code = Code("E0129");
/// A reaction without its arrow or rate.
pub const REACTION: Code = Code("E0130");
/// One rate for both ways, or two for one.
pub const RATES: Code = Code("E0131");
/// A reduction of another number of expressions.
pub const REDUCTION: Code = Code("E0132");
/// An `if` as an operand.
pub const BARE_IF: Code = Code("E0133");

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: NESTING,
        title: "nested too deeply",
        explanation: "An expression may be 256 levels deep: parentheses, signs, powers and branches inside each other. \
                      Chains such as `a + b + c` are not deep, however long. Give parts of it names of their own.",
        failing: "y = ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((\
                  ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((\
                  ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))\
                  ))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))\
                  ))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))\
                  ))))))))))))))))))))\n",
        mended: "y = 1\n",
    },
    CodeEntry {
        code: NUMBER_RANGE,
        title: "number out of range",
        explanation: "Numbers are 64-bit floats, which reach from about 5e-324 to 1.8e308. A number beyond would read \
                      as infinite, or as zero.",
        failing: "param big = 1e999\n",
        mended: "param big = 1e300\n",
    },
    CodeEntry {
        code: NO_OPERATOR,
        title: "operator missing",
        explanation: "Two operands stand side by side. A product is written with `*`: juxtaposition is no \
                      multiplication, since `ab` is a name. Only the coefficient of a species stands before its name, \
                      with a blank between: `2 A -> B`.",
        failing: "x' = -2x\n",
        mended: "x' = -2*x\n",
    },
    CodeEntry {
        code: EQUALS,
        title: "one equals sign or two",
        explanation: "An equation or a definition has one `=`, a comparison two, `==`. A statement says one thing: `a = b \
                      = c` is two statements.",
        failing: "x' == -x\n",
        mended: "x' = -x\n",
    },
    CodeEntry {
        code: SEMICOLON,
        title: "semicolon",
        explanation: "A statement ends with its line; several declarations in one statement stand apart by commas.",
        failing: "param k = 1;\n",
        mended: "param k = 1\n",
    },
    CodeEntry {
        code: TYPOGRAPHY,
        title: "typographic sign",
        explanation: "A sign that editors and documents put in place of a plain one: `−` for `-`, `×` for `*`, `²` for \
                      `^2`, `≤` for `<=`, `→` for `->`. The hint shows the plain spelling.",
        failing: "area = r²\n",
        mended: "area = r^2\n",
    },
    CodeEntry {
        code: UNFINISHED,
        title: "statement ends too early",
        explanation: "The line or the file ends where something is still to come. A statement goes on in the next line \
                      inside brackets, after an operator or a comma, and before `then`, `else`, `and`, `or`, `in`, `for`.",
        failing: "param k =\nparam l = 2\n",
        mended: "param k = 1\nparam l = 2\n",
    },
    CodeEntry {
        code: BRANCH,
        title: "incomplete condition",
        explanation: "`if c then a else b` is an expression and has a value either way, so it needs its `then` and its \
                      `else`.",
        failing: "y = if x > 0 then 1\n",
        mended: "y = if x > 0 then 1 else 0\n",
    },
    CodeEntry {
        code: STRAY_BRACKET,
        title: "closing bracket without an opening one",
        explanation: "The bracket closes nothing that is open. Remove it, or open its partner before it.",
        failing: "y = (a + b))*c\n",
        mended: "y = (a + b)*c\n",
    },
    CodeEntry {
        code: REACTION,
        title: "incomplete reaction",
        explanation: "A reaction has reactants, an arrow, products, and its rate after `@`: `A + B -> C @ k` (mass \
                      action), `A <-> B @ kf, kr` (both ways), `A => B @ v` (the rate itself).",
        failing: "A -> B\n",
        mended: "A -> B @ k\n",
    },
    CodeEntry {
        code: RATES,
        title: "number of rates",
        explanation: "An arrow that goes one way, `->` or `=>`, has one rate; `<->` goes both ways and has two, forward \
                      and reverse, with a comma between.",
        failing: "A <-> B @ k\n",
        mended: "A <-> B @ kf, kr\n",
    },
    CodeEntry {
        code: REDUCTION,
        title: "expressions of a reduction",
        explanation: "`sum`, `prod`, `min` and `max` over indices take one expression, `dot` takes two.",
        failing: "y = dot[j](a[j]*b[j])\n",
        mended: "y = dot[j](a[j], b[j])\n",
    },
    CodeEntry {
        code: BARE_IF,
        title: "condition as an operand",
        explanation: "`if … then … else …` reaches as far to the right as it can, so as part of a larger expression it \
                      stands in parentheses.",
        failing: "y = 1 + if x > 0 then a else b\n",
        mended: "y = 1 + (if x > 0 then a else b)\n",
    },
];
