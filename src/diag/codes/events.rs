//! Codes of events, from E0270.

use super::{Code, CodeEntry};

/// A time that is not known before the run.
pub const TIME: Code = Code("E0270");
/// A target that no event can set.
pub const TARGET: Code = Code("E0271");
/// An attribute that makes no sense here.
pub const ATTRIBUTE: Code = Code("E0272");
/// A period or delay out of range.
pub const PERIOD: Code = Code("E0273");
/// An event without actions.
pub const NOTHING: Code = Code("E0274");
/// A dose that cannot be given.
pub const DOSE: Code = Code("E0275");

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: TIME,
        title: "time of an event",
        explanation: "The times of `at` and `every` are known before the run, so that steps end there exactly: numbers, \
                      constants and parameters. What depends on the state is a condition, which is located: `when`.",
        failing: "init x = 1\nx' = -x\nat 2*x { x := 1 }\n",
        mended: "init x = 1\nx' = -x\nwhen t > 2*x { x := 1 }\n",
    },
    CodeEntry {
        code: TARGET,
        title: "target of an event",
        explanation: "An event sets states and discrete quantities. Parameters do not change in a run, and what is \
                      defined by an equation has the value of that equation at all times.",
        failing: "param k = 1\ninit x = 1\nx' = -k*x\nat 5 { k := 0 }\n",
        mended: "discrete k = 1\ninit x = 1\nx' = -k*x\nat 5 { k := 0 }\n",
    },
    CodeEntry {
        code: ATTRIBUTE,
        title: "attribute of an event",
        explanation: "`delay`, `persistent`, `values at trigger` and `at start` say how a condition leads to an \
                      execution. The time of `at` and `every` is given and leads to it at once; `priority` goes with all.",
        failing: "init x = 1\nx' = -x\nat 5 delay 2 { x := 1 }\n",
        mended: "init x = 1\nx' = -x\nat 7 { x := 1 }\n",
    },
    CodeEntry {
        code: PERIOD,
        title: "period or delay",
        explanation: "The period of `every` is positive, a delay is not negative. Where they are parameters this is \
                      looked at when the run begins.",
        failing: "init x = 1\nx' = -x\nevery 0 { x := 1 }\n",
        mended: "init x = 1\nx' = -x\nevery 0.5 { x := 1 }\n",
    },
    CodeEntry {
        code: NOTHING,
        title: "event without actions",
        explanation: "An event sets quantities, `x := 0`, or ends the run, `stop`.",
        failing: "init x = 1\nx' = -x\nwhen x < 0.5 { }\n",
        mended: "init x = 1\nx' = -x\nwhen x < 0.5 { stop }\n",
    },
    CodeEntry {
        code: DOSE,
        title: "dose",
        explanation: "`dose TARGET AMOUNT at TIMES` (or `every PERIOD from FIRST to LAST`) adds to a state at once, with \
                      `over DURATION` as an infusion. `lag` and `over` shift times, so that a period needs its first.",
        failing: "init gut = 0\ngut' = -gut\ndose gut 100 every 12 over 2\n",
        mended: "init gut = 0\ngut' = -gut\ndose gut 100 every 12 from 0 over 2\n",
    },
];
