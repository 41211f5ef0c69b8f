//! Codes of components, from E0249: definitions, instances, members and used files.

use super::{Code, CodeEntry};

/// An instance of what is no component.
pub const UNKNOWN_COMPONENT: Code = Code("E0249");
/// An argument that the component does not take.
pub const ARGUMENT: Code = Code("E0250");
/// A parameter of a component that nothing gives.
pub const OPEN: Code = Code("E0251");
/// A member that the component does not have.
pub const UNKNOWN_MEMBER: Code = Code("E0252");
/// A dot after what is no instance.
pub const NOT_INSTANCE: Code = Code("E0253");
/// An instance or a component where a number belongs.
pub const NOT_A_VALUE: Code = Code("E0254");
/// A name of the model inside a component.
pub const NOT_VISIBLE: Code = Code("E0255");
/// A component that contains itself.
pub const CONTAINS_ITSELF: Code = Code("E0256");
/// Too many instances.
pub const TOO_MANY: Code = Code("E0257");
/// A used file that cannot be read.
pub const UNREADABLE: Code = Code("E0258");
/// Files that use each other.
pub const USE_CIRCLE: Code = Code("E0259");

/// The entries, ascending.
pub const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: UNKNOWN_COMPONENT,
        title: "unknown component",
        explanation: "An instance `a = Cell(g = 1)` needs a `component Cell(…) { … }` in the same file or in one that it \
                      names with `use`.",
        failing: "component Cell(g = 1) {\n  init V = 1\n  V' = -g*V\n}\na = Cel(g = 2)\ninit x = 1\nx' = -x\n",
        mended: "component Cell(g = 1) {\n  init V = 1\n  V' = -g*V\n}\na = Cell(g = 2)\ninit x = 1\nx' = -x\n",
    },
    CodeEntry {
        code: ARGUMENT,
        title: "no such argument",
        explanation: "An instance may be given what stands in the parentheses of its component, by name, each once. What \
                      is declared between the braces is the component's own; move it into the parentheses to let \
                      instances choose it.",
        failing: "component Cell(g = 1) {\n  init V = 1\n  V' = -g*V\n}\na = Cell(G = 2)\n",
        mended: "component Cell(g = 1) {\n  init V = 1\n  V' = -g*V\n}\na = Cell(g = 2)\n",
    },
    CodeEntry {
        code: OPEN,
        title: "open parameter",
        explanation: "A parameter of a component without a default is given by each instance: as an argument, \
                      `a = Cell(I = 3)`, or by an equation outside, `a.I = 3*sin(t)`.",
        failing: "component Cell(I) {\n  init V = 1\n  V' = I - V\n}\na = Cell()\n",
        mended: "component Cell(I) {\n  init V = 1\n  V' = I - V\n}\na = Cell()\na.I = sin(t)\n",
    },
    CodeEntry {
        code: UNKNOWN_MEMBER,
        title: "unknown member",
        explanation: "After the dot stands a quantity of the instance's component: a parameter, a state, a quantity it \
                      computes, a constant, or an instance inside it.",
        failing: "component Cell(g = 1) {\n  init V = 1\n  V' = -g*V\n}\na = Cell()\noutput y = a.v\n",
        mended: "component Cell(g = 1) {\n  init V = 1\n  V' = -g*V\n}\na = Cell()\noutput y = a.V\n",
    },
    CodeEntry {
        code: NOT_INSTANCE,
        title: "not an instance",
        explanation: "What stands before a dot is an instance of a component, made by a statement such as `a = Cell()`. \
                      Other quantities have no members.",
        failing: "init x = 1\nx' = -x\noutput y = x.V\n",
        mended: "init x = 1\nx' = -x\noutput y = x\n",
    },
    CodeEntry {
        code: NOT_A_VALUE,
        title: "not a quantity",
        explanation: "An instance is not a number: name one of its quantities, `a.V`. And a component is not a function: an \
                      instance of it is a statement of its own, `a = Cell()`.",
        failing: "component Cell(g = 1) {\n  init V = 1\n  V' = -g*V\n}\na = Cell()\noutput y = 2*a\n",
        mended: "component Cell(g = 1) {\n  init V = 1\n  V' = -g*V\n}\na = Cell()\noutput y = 2*a.V\n",
    },
    CodeEntry {
        code: NOT_VISIBLE,
        title: "not visible inside a component",
        explanation: "A component sees its own names, and the constants, functions, index sets and components of its file; \
                      a function inside a component sees its arguments instead of the component's quantities. What else it \
                      needs it is given: as a parameter of the component, as an argument of the function.",
        failing: "param k = 1\ncomponent Cell() {\n  init V = 1\n  V' = -k*V\n}\na = Cell()\n",
        mended: "param k = 1\ncomponent Cell(k) {\n  init V = 1\n  V' = -k*V\n}\na = Cell(k = k)\n",
    },
    CodeEntry {
        code: CONTAINS_ITSELF,
        title: "component contains itself",
        explanation: "A component may hold instances of others, but not of itself, directly or through others: there would \
                      be no end to it.",
        failing: "component Cell() {\n  init V = 1\n  V' = -V\n  inner = Cell()\n}\na = Cell()\ninit x = 1\nx' = -x\n",
        mended: "component Cell() {\n  init V = 1\n  V' = -V\n}\na = Cell()\ninit x = 1\nx' = -x\n",
    },
    CodeEntry {
        code: TOO_MANY,
        title: "too many instances",
        explanation: "Memory is bounded: all instances together may read 32 MiB of text, be 100,000, and stand 64 deep inside \
                      each other. An array of instances counts once, however large it is.",
        failing: "component A0() {\n  init x = 1\n  x' = -x\n}\ncomponent A1() {\n  a = A0()\n  b = A0()\n}\n\
                  component A2() {\n  a = A1()\n  b = A1()\n}\ncomponent A3() {\n  a = A2()\n  b = A2()\n}\n\
                  component A4() {\n  a = A3()\n  b = A3()\n}\ncomponent A5() {\n  a = A4()\n  b = A4()\n}\n\
                  component A6() {\n  a = A5()\n  b = A5()\n}\ncomponent A7() {\n  a = A6()\n  b = A6()\n}\n\
                  component A8() {\n  a = A7()\n  b = A7()\n}\ncomponent A9() {\n  a = A8()\n  b = A8()\n}\n\
                  component B0() {\n  a = A9()\n  b = A9()\n}\ncomponent B1() {\n  a = B0()\n  b = B0()\n}\n\
                  component B2() {\n  a = B1()\n  b = B1()\n}\ncomponent B3() {\n  a = B2()\n  b = B2()\n}\n\
                  component B4() {\n  a = B3()\n  b = B3()\n}\ncomponent B5() {\n  a = B4()\n  b = B4()\n}\n\
                  component B6() {\n  a = B5()\n  b = B5()\n}\nx = B6()\ninit y = 1\ny' = -y\n",
        mended: "const N = 65536\nindex i = 1..N\ncomponent A0() {\n  init x = 1\n  x' = -x\n}\nx[i] = A0()\ninit y = 1\n\
                 y' = -y\n",
    },
    CodeEntry {
        code: UNREADABLE,
        title: "used file not found",
        explanation: "`use \"cells.ode\"` brings the components, functions and constants of another file, which is found by \
                      its path from the folder of the file that says so. A model that is given as text alone uses no files \
                      unless its host serves them.",
        failing: "use \"cells.ode\"\ninit x = 1\nx' = -x\n",
        mended: "init x = 1\nx' = -x\n",
    },
    CodeEntry {
        code: USE_CIRCLE,
        title: "files use each other",
        explanation: "Used files may use others, but not in a circle. Move what both need into a file of its own.",
        failing: "use \"model\"   # in a file called `model`\ninit x = 1\nx' = -x\n",
        mended: "init x = 1\nx' = -x\n",
    },
];
