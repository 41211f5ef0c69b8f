//! Codes of data, from E0280: files, their columns and rows, and what is made of them. The models of the entries read
//! [`FILES`].

use super::{Code, CodeEntry};

/// A file of data that cannot be read.
pub const UNREADABLE: Code = Code("E0280");
/// A column that a file does not have, or too many or few columns.
pub const COLUMN: Code = Code("E0281");
/// Rows without a number, or malformed.
pub const CELL: Code = Code("E0282");
/// Points that do not ascend, or are too few.
pub const ROWS: Code = Code("E0283");
/// An unknown word for what stands between or beyond the points.
pub const RULE: Code = Code("E0284");
/// Data of another size than the array.
pub const SIZE: Code = Code("E0285");
/// Data where they cannot stand.
pub const PLACE: Code = Code("E0286");
/// A record of a table of doses that cannot be followed.
pub const RECORD: Code = Code("E0287");

/// The files that the models below read, by name.
pub const FILES: &[(&str, &str)] = &[
    ("temp.csv", "hour,temp\n0,5\n1,7\n2,6\n"),
    ("gaps.csv", "hour,temp\n0,5\n1,\n2,6\n"),
    ("unsorted.csv", "hour,temp\n0,5\n2,7\n1,6\n"),
    ("w.csv", "0,1\n1,0\n"),
    ("doses.csv", "TIME,AMT,CMT\n0,100,1\n12,100,1\n"),
    ("bad_doses.csv", "TIME,AMT,CMT\n0,100,1\n12,-100,1\n"),
];

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: UNREADABLE,
        title: "file of data not found",
        explanation: "`csv(\"temp.csv\", …)` reads a file of UTF-8 text, which is found by its path from the folder of the \
                      model. A model that is given as text alone reads no files unless its host serves them.",
        failing: "input T(t) = csv(\"temperature.csv\", hour, temp)\ninit x = 1\nx' = T(t) - x\n",
        mended: "input T(t) = csv(\"temp.csv\", hour, temp)\ninit x = 1\nx' = T(t) - x\n",
    },
    CodeEntry {
        code: COLUMN,
        title: "column",
        explanation: "A column is named by its heading (in quotes if it is no name) or by its number, counted from 1. An \
                      input takes two: that of its argument and that of its value. A unit in brackets or parentheses \
                      behind a heading, `temp [degC]`, is no part of its name.",
        failing: "input T(t) = csv(\"temp.csv\", hours, temp)\ninit x = 1\nx' = T(t) - x\n",
        mended: "input T(t) = csv(\"temp.csv\", hour, temp)\ninit x = 1\nx' = T(t) - x\n",
    },
    CodeEntry {
        code: CELL,
        title: "no number",
        explanation: "Every row needs a number in the columns that are read; the lines at fault are named. Nothing is \
                      filled in or left out silently.",
        failing: "input T(t) = csv(\"gaps.csv\", hour, temp)\ninit x = 1\nx' = T(t) - x\n",
        mended: "input T(t) = csv(\"temp.csv\", hour, temp)\ninit x = 1\nx' = T(t) - x\n",
    },
    CodeEntry {
        code: ROWS,
        title: "points out of order",
        explanation: "The points of an input ascend in its argument, each value once, and there are at least two (one with \
                      `previous`). What is `extrapolate periodic` ends with the value it begins with.",
        failing: "input T(t) = csv(\"unsorted.csv\", hour, temp)\ninit x = 1\nx' = T(t) - x\n",
        mended: "input T(t) = csv(\"temp.csv\", hour, temp)\ninit x = 1\nx' = T(t) - x\n",
    },
    CodeEntry {
        code: RULE,
        title: "between or beyond the points",
        explanation: "Between its points an input is `linear`, `previous`, `cubic` or `monotone`; beyond them it is an error \
                      to ask for it, or `extrapolate hold`, `extrapolate linear` or `extrapolate periodic` says what it is.",
        failing: "input T(t) = csv(\"temp.csv\", hour, temp) spline\ninit x = 1\nx' = T(t) - x\n",
        mended: "input T(t) = csv(\"temp.csv\", hour, temp) cubic\ninit x = 1\nx' = T(t) - x\n",
    },
    CodeEntry {
        code: SIZE,
        title: "size of the data",
        explanation: "A vector takes a column with as many rows as it has elements, a matrix a file with as many rows and \
                      columns as it has subscripts.",
        failing: "index i, j = 1..3\nparam W[i,j] = csv(\"w.csv\")\ninit x[i] = 1\nx[i]' = -sum[j](W[i,j]*x[j])\n",
        mended: "index i, j = 1..2\nparam W[i,j] = csv(\"w.csv\")\ninit x[i] = 1\nx[i]' = -sum[j](W[i,j]*x[j])\n",
    },
    CodeEntry {
        code: PLACE,
        title: "data in the wrong place",
        explanation: "`csv(…)` is the value of an array of parameters, `param W[i,j] = csv(\"w.csv\")`, or the source of an \
                      input, `input T(t) = csv(\"temp.csv\", hour, temp)`, or of `doses`.",
        failing: "init x = 1\nx' = csv(\"temp.csv\", hour, temp) - x\n",
        mended: "input T(t) = csv(\"temp.csv\", hour, temp)\ninit x = 1\nx' = T(t) - x\n",
    },
    CodeEntry {
        code: RECORD,
        title: "record of a dose",
        explanation: "`doses csv(\"doses.csv\")` follows the records of a table in the convention of NONMEM. A record that \
                      cannot be followed is told by its line and column.",
        failing: "init depot = 0, blood = 0\ndepot' = -depot\nblood' = depot - blood\ndoses csv(\"bad_doses.csv\")\n",
        mended: "init depot = 0, blood = 0\ndepot' = -depot\nblood' = depot - blood\ndoses csv(\"doses.csv\")\n",
    },
];
