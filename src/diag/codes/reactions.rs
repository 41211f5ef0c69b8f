//! Codes of reactions, from E0240: what a network can get wrong beyond its equations.

use super::{Code, CodeEntry};

/// An equation beside reactions.
pub const EQUATION_BESIDE: Code = Code("E0240");
/// A coefficient that counts nothing.
pub const COEFFICIENT: Code = Code("E0241");
/// A term added to what is no first derivative.
pub const ADDED_TERM: Code = Code("E0242");
/// An unknown convention of mass action.
pub const CONVENTION: Code = Code("E0243");
/// A reduction without reactions.
pub const NOTHING_TO_REDUCE: Code = Code("E0244");

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: EQUATION_BESIDE,
        title: "equation beside reactions",
        explanation: "The derivative of a species is the sum over its reactions, so an equation for it would say two \
                      things at once. Write `A' += …` to add a term to that sum, or leave the species out of the \
                      reactions.",
        failing: "param k = 1, inflow = 2\ninit A = 1, B = 0\nA -> B @ k\nA' = inflow\n",
        mended: "param k = 1, inflow = 2\ninit A = 1, B = 0\nA -> B @ k\nA' += inflow\n",
    },
    CodeEntry {
        code: COEFFICIENT,
        title: "stoichiometric coefficient",
        explanation: "A coefficient says how many of a species take part, so it is positive. With `->` and `<->` it is \
                      also the species' exponent in the rate of mass action and must be whole; a yield such as `0.5 X` \
                      goes with an explicit rate, `=>`.",
        failing: "param k = 1\ninit A = 1, B = 0\n1.5 A -> B @ k\n",
        mended: "param k = 1\ninit A = 1, B = 0\n1.5 A => B @ k*A\n",
    },
    CodeEntry {
        code: ADDED_TERM,
        title: "added term",
        explanation: "`A' += …` adds a term to the derivative of a species, beside its reactions. Its left side is the \
                      first derivative of a name; other quantities are given by one equation with `=`.",
        failing: "param k = 1\ninit A = 1\nA -> 0 @ k\nA += 2\n",
        mended: "param k = 1\ninit A = 1\nA -> 0 @ k\nA' += 2\n",
    },
    CodeEntry {
        code: CONVENTION,
        title: "convention of mass action",
        explanation: "`reactions plain`, the default, gives `2 A -> B @ k` the rate k*A^2. `reactions combinatorial` \
                      counts distinct encounters as BioNetGen and Catalyst do: k*A^2/2. There is no other.",
        failing: "reactions combinatoric\nparam k = 1\ninit A = 1, B = 0\n2 A -> B @ k\n",
        mended: "reactions combinatorial\nparam k = 1\ninit A = 1, B = 0\n2 A -> B @ k\n",
    },
    CodeEntry {
        code: NOTHING_TO_REDUCE,
        title: "nothing to reduce",
        explanation: "`reduce = conserved` integrates fewer states: those that conserved sums of species determine follow \
                      from the others. Such sums are found from reactions, so a model of equations alone has none.",
        failing: "init x = 1\nx' = -x\nsolve t = 0..1 { reduce = conserved }\n",
        mended: "init A = 1, B = 0\nA -> B @ 1\nsolve t = 0..1 { reduce = conserved }\n",
    },
];
