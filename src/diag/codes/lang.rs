//! E01xx: what reading a text can find wrong.

use super::{Code, CodeEntry};

/// A character that no token begins with.
pub const CHARACTER: Code = Code("E0101");
/// A malformed number.
pub const NUMBER: Code = Code("E0102");
/// Something other than what the grammar expects.
pub const EXPECTED: Code = Code("E0103");
/// A bracket that is not closed.
pub const BRACKET: Code = Code("E0104");
/// A statement that begins with an unknown word.
pub const STATEMENT: Code = Code("E0105");
/// A keyword where a name is expected.
pub const KEYWORD: Code = Code("E0106");
/// An operator of another language.
pub const OPERATOR: Code = Code("E0107");
/// A chain of comparisons.
pub const CHAIN: Code = Code("E0108");
/// Something called that is no function and has no value at another time.
pub const CALL: Code = Code("E0109");
/// A prime that follows neither a name nor a subscript.
pub const PRIME: Code = Code("E0110");
/// A line that begins with an operator.
pub const LINE: Code = Code("E0111");
/// A text in quotes that does not end on its line.
pub const TEXT: Code = Code("E0112");
/// A bound on names, statements or the size of the file.
pub const LIMIT: Code = Code("E0113");
/// A part of the language that is reserved but does not work yet.
pub const UNSUPPORTED: Code = Code("E0114");
/// A statement that cannot stand inside a component.
pub const INSIDE: Code = Code("E0115");

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: CHARACTER,
        title: "unexpected character",
        explanation: "The character begins no token of the language. Names may use letters of any script, digits and \
                      `_`.",
        failing: "param price$ = 3\n",
        mended: "param price = 3\n",
    },
    CodeEntry {
        code: NUMBER,
        title: "malformed number",
        explanation: "Numbers are decimal, with one point at most: `12`, `1.5`, `.5`, `2.`, `1e-3`.",
        failing: "param k = 1.2.3\n",
        mended: "param k = 1.23\n",
    },
    CodeEntry {
        code: EXPECTED,
        title: "unexpected token",
        explanation: "Something else is needed at this place. The message says what was expected and what was found \
                      instead. A statement ends at its line's end, unless the line ends with an operator or stands \
                      inside brackets.",
        failing: "param k 0.04\n",
        mended: "param k = 0.04\n",
    },
    CodeEntry {
        code: BRACKET,
        title: "bracket that is not closed",
        explanation: "Every `(`, `[` and `{` needs the bracket that closes it. Parentheses group and call; square \
                      brackets hold subscripts.",
        failing: "x' = -k*(x - 1\n",
        mended: "x' = -k*(x - 1)\n",
    },
    CodeEntry {
        code: STATEMENT,
        title: "unknown statement",
        explanation: "A statement begins with a keyword (`param`, `const`, `init`, `output`, `index`, `time`, `fn`, \
                      `solve`, `model`) or is an equation. Two names in a row are neither.",
        failing: "parm k = 1\n",
        mended: "param k = 1\n",
    },
    CodeEntry {
        code: KEYWORD,
        title: "keyword used as a name",
        explanation: "Words of the language cannot name parameters, states or functions. Some are reserved for \
                      features to come. Any variation works, such as a trailing underscore.",
        failing: "param index = 3\n",
        mended: "param index_ = 3\n",
    },
    CodeEntry {
        code: OPERATOR,
        title: "operator of another language",
        explanation: "Powers are written `^`, logic `and`, `or`, `not`, and a definition with `=`.",
        failing: "x' = -x**2\n",
        mended: "x' = -x^2\n",
    },
    CodeEntry {
        code: CHAIN,
        title: "chained comparison",
        explanation: "A comparison yields a truth value, which cannot be compared again. State both comparisons and \
                      join them with `and`.",
        failing: "y = if 0 < x < 1 then 1 else 0\n",
        mended: "y = if 0 < x and x < 1 then 1 else 0\n",
    },
    CodeEntry {
        code: CALL,
        title: "not a function",
        explanation: "Only names can be called, and only `sum`, `prod`, `min`, `max` and `dot` take indices in \
                      brackets before their arguments; an element or a derivative is followed by one time, `u[i](t - tau)`. \
                      A product is written with `*`.",
        failing: "y = (u + 2)(x + 1)\n",
        mended: "y = (u + 2)*(x + 1)\n",
    },
    CodeEntry {
        code: PRIME,
        title: "misplaced prime",
        explanation: "A prime marks the derivative of a state and follows its name or its subscripts: `x'`, `u[i]''`. \
                      Derivatives of whole expressions are not written this way; name the expression first.",
        failing: "y = (a + b)'\n",
        mended: "y = a' + b'\n",
    },
    CodeEntry {
        code: LINE,
        title: "line begins with an operator",
        explanation: "A statement ends at its line's end, so that a line cannot go on from the one above by beginning \
                      with an operator. End the line above with the operator, or put the expression in parentheses.",
        failing: "x' = a\n   * b\n",
        mended: "x' = a *\n   b\n",
    },
    CodeEntry {
        code: TEXT,
        title: "text without its end",
        explanation: "A text in quotes ends with a second `\"` on the same line.",
        failing: "W = \"weights.csv\n",
        mended: "W = 1\n",
    },
    CodeEntry {
        code: LIMIT,
        title: "limit exceeded",
        explanation: "Memory and time are bounded: a file has at most 32 MiB, 1,000,000 statements and 10,000,000 \
                      tokens, a name at most 255 bytes, and a report at most 100 errors.",
        failing: "param aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
                  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
                  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 1\n",
        mended: "param a = 1\n",
    },
    CodeEntry {
        code: UNSUPPORTED,
        title: "not yet supported",
        explanation: "This part of the language is reserved, so that models written today keep their meaning, and \
                      does not work yet: priors, distributions other than the normal one.",
        failing: "k ~ LogNormal(0, 1)\n",
        mended: "param k = 1\n",
    },
    CodeEntry {
        code: INSIDE,
        title: "not inside a component",
        explanation: "The braces of a component hold what each of its instances has: parameters, initial values, \
                      equations, outputs, instances of other components. `model`, `time`, `solve` and `use` speak of \
                      the whole model, as what is asked of its solution does, and components are not defined inside each other.",
        failing: "component Cell(g = 1) {\n  init V = 1\n  V' = -g*V\n  solve t = 0..1\n}\n",
        mended: "component Cell(g = 1) {\n  init V = 1\n  V' = -g*V\n}\nsolve t = 0..1\n",
    },
];
