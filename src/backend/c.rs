//! The kernels and their driver as text in C99, to be read or compiled where there is no object file for the machine.
//!
//! Statement for statement what the program says: compiled without contraction (`-ffp-contract=off`, C's default under
//! `-std=c99`) it computes what the object file does, save that elementary functions are the C library's there too.

use super::ahead::{self, Ahead, OFFERED, library_name};
use crate::curve::Curve;
use crate::kernel::control::{self, Expr, Kind, Local, Whole};
use crate::kernel::program::{Address, Affine, Binary, Buffer, Compare, Kernel, LoopVar, Op, Stmt, Unary, Value};
use std::fmt::Write;
use std::sync::Arc;

/// The text of a model under a name that C takes.
pub fn text(ahead: &Ahead, name: &str) -> String {
    let mut text = format!("/* {name}: made by rhapsode, see the header. C99. */\n");
    text.push_str("#include <math.h>\n#include <stdint.h>\n#include <string.h>\n\n");
    text.push_str("static inline double minimum(double a, double b) { return a < b ? a : b; }\n");
    text.push_str("static inline double maximum(double a, double b) { return b < a ? a : b; }\n");
    text.push_str("static inline int64_t bits(double x) { int64_t n; memcpy(&n, &x, 8); return n; }\n");
    text.push_str("static inline double from_bits(int64_t n) { double x; memcpy(&x, &n, 8); return x; }\n");
    for (number, table) in ahead.tables.iter().enumerate() {
        let values: Vec<String> = table.iter().map(|value| self::number(*value)).collect();
        _ = writeln!(text, "\nstatic const double table{number}[] = {{ {} }};", values.join(", "));
    }
    // Curves stand before the kernels that read them, everything else behind.
    let (curves, others) = ahead.functions.split_at(ahead.curves.len());
    let writer = Text { curves: &ahead.curves, name };
    curves.iter().for_each(|function| self::function(&mut text, function, name, "static "));
    ahead.program.kernels.iter().for_each(|kernel| writer.kernel(&mut text, kernel));
    let (solve, inner) = others.split_last().map_or((None, others), |(last, inner)| (Some(last), inner));
    inner.iter().for_each(|function| self::function(&mut text, function, name, "static "));
    solve.iter().for_each(|function| self::function(&mut text, function, name, ""));
    text
}

/// What all kernels are called with.
pub const ARGUMENTS: &str = "double t, const double *y, const double *p, const double *v, double *w, double *out";

/// What the kernels' text needs to know beside them.
struct Text<'a> {
    curves: &'a [(Arc<Curve>, u8)],
    name: &'a str,
}

impl Text<'_> {
    fn kernel(&self, text: &mut String, kernel: &Kernel) {
        let name = self.name;
        let linkage = if OFFERED.contains(&kernel.name) { "" } else { "static " };
        let own = kernel.name;
        for (number, piece) in kernel.pieces.iter().enumerate() {
            let (linkage, own) = match kernel.pieces.len() {
                1 => (linkage, own.to_string()),
                _ => ("static ", format!("{own}_part{number}")),
            };
            _ = writeln!(text, "\n{linkage}void {name}_{own}({ARGUMENTS})\n{{");
            unused(text);
            let mut live = vec![false; piece.values as usize];
            needed(&piece.body, &mut live);
            self.body(text, &piece.body, &live, 1);
            text.push_str("}\n");
        }
        if kernel.pieces.len() != 1 {
            _ = writeln!(text, "\n{linkage}void {name}_{own}({ARGUMENTS})\n{{");
            unused(text);
            for number in 0..kernel.pieces.len() {
                _ = writeln!(text, "    {name}_{own}_part{number}(t, y, p, v, w, out);");
            }
            text.push_str("}\n");
        }
    }

    fn body(&self, text: &mut String, statements: &[Stmt], live: &[bool], depth: usize) {
        for statement in statements {
            if matches!(statement, Stmt::Let { dst, .. } if !live[dst.0 as usize]) {
                continue;
            }
            indent(text, depth);
            match statement {
                Stmt::Let { dst, op } => {
                    let kind = if matches!(op, Op::Compare(..) | Op::And(..) | Op::Or(..) | Op::Not(_)) {
                        "int"
                    } else {
                        "double"
                    };
                    _ = writeln!(text, "const {kind} {} = {};", value(*dst), self.operation(op));
                }
                Stmt::Store { to, value: stored } => _ = writeln!(text, "{} = {};", place(to), value(*stored)),
                Stmt::Wrap { var, of, extent } => {
                    let (var, of) = (variable(*var), affine(of));
                    _ = writeln!(text, "const int64_t {var} = (({of}) % {extent} + {extent}) % {extent};");
                }
                Stmt::Lookup { var, table, at } => {
                    let list: Vec<String> = table.iter().map(u32::to_string).collect();
                    let name = format!("table{}", var.0);
                    _ = writeln!(text, "static const uint32_t {name}[] = {{ {} }};", list.join(", "));
                    indent(text, depth);
                    _ = writeln!(text, "const int64_t {} = {name}[{}];", variable(*var), affine(at));
                }
                Stmt::Loop { var, lo, hi, carried, body: inner } => {
                    // The values carried from turn to turn are variables around the loop; behind it they are the results.
                    for c in carried {
                        _ = writeln!(text, "double {} = {};", value(c.result), value(c.init));
                        indent(text, depth);
                    }
                    let name = variable(*var);
                    _ = writeln!(text, "for (int64_t {name} = {lo}; {name} <= {hi}; {name}++) {{");
                    for c in carried {
                        indent(text, depth + 1);
                        _ = writeln!(text, "const double {} = {};", value(c.acc), value(c.result));
                    }
                    self.body(text, inner, live, depth + 1);
                    for c in carried {
                        indent(text, depth + 1);
                        _ = writeln!(text, "{} = {};", value(c.result), value(c.next));
                    }
                    indent(text, depth);
                    text.push_str("}\n");
                }
            }
        }
    }

    fn operation(&self, op: &Op) -> String {
        match op {
            Op::Const(constant) => number(*constant),
            Op::Time => "t".to_string(),
            Op::Index(var) => format!("(double){}", variable(*var)),
            Op::Load(from) => place(from),
            Op::Unary(op, a) => unary(*op, &value(*a)),
            Op::Binary(op, a, b) => binary(*op, &value(*a), &value(*b)),
            Op::Fma(a, b, c) => format!("fma({}, {}, {})", value(*a), value(*b), value(*c)),
            Op::Call1(function, a) => format!("{}({})", library_name(*function).unwrap_or(function.name()), value(*a)),
            Op::Call2(function, a, b) => {
                format!("{}({}, {})", library_name(*function).unwrap_or(function.name()), value(*a), value(*b))
            }
            Op::Curve(curve, order, a) => {
                let number = ahead::place(self.curves, curve, *order).unwrap_or_default();
                format!("{}_curve{number}({})", self.name, value(*a))
            }
            // Refused before: see `ahead`.
            Op::Foreign(foreign, ..) => format!("{}()", foreign.name),
            Op::Compare(op, a, b) => format!("{} {} {}", value(*a), comparison(*op), value(*b)),
            Op::And(a, b) => format!("{} & {}", value(*a), value(*b)),
            Op::Or(a, b) => format!("{} | {}", value(*a), value(*b)),
            Op::Not(a) => format!("!{}", value(*a)),
            Op::Select(c, a, b) => format!("{} ? {} : {}", value(*c), value(*a), value(*b)),
        }
    }
}

fn unused(text: &mut String) {
    text.push_str("    (void)t; (void)y; (void)p; (void)v; (void)w; (void)out;\n");
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("    ", depth));
}

/// Marks the values that what is stored needs: others are not printed.
fn needed(statements: &[Stmt], live: &mut [bool]) {
    for statement in statements.iter().rev() {
        match statement {
            Stmt::Let { dst, op } if live[dst.0 as usize] => op.for_each_operand(|value| live[value.0 as usize] = true),
            Stmt::Store { value, .. } => live[value.0 as usize] = true,
            Stmt::Loop { carried, body, .. } => {
                carried.iter().for_each(|c| live[c.next.0 as usize] = true);
                needed(body, live);
                carried.iter().for_each(|c| live[c.init.0 as usize] = true);
            }
            Stmt::Let { .. } | Stmt::Wrap { .. } | Stmt::Lookup { .. } => {}
        }
    }
}

fn value(value: Value) -> String {
    format!("x{}", value.0)
}

fn variable(var: LoopVar) -> String {
    format!("i{}", var.0)
}

fn affine(affine: &Affine) -> String {
    let mut text = affine.base.to_string();
    for (var, factor) in &affine.terms {
        _ = write!(text, " + {factor} * {}", variable(*var));
    }
    text
}

fn place(address: &Address) -> String {
    let buffer = match address.buffer {
        Buffer::Y => "y",
        Buffer::P => "p",
        Buffer::V => "v",
        Buffer::W => "w",
        Buffer::Out => "out",
    };
    format!("{buffer}[{}]", affine(&address.element))
}

/// A number that reads back as the same bits.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NAN".to_string()
    } else if value.is_infinite() {
        if value > 0.0 { "INFINITY".to_string() } else { "(-INFINITY)".to_string() }
    } else if value.is_sign_negative() {
        format!("({value:e})")
    } else {
        format!("{value:e}")
    }
}

fn unary(op: Unary, a: &str) -> String {
    match op {
        Unary::Neg => format!("-{a}"),
        Unary::Abs => format!("fabs({a})"),
        Unary::Sqrt => format!("sqrt({a})"),
        Unary::Floor => format!("floor({a})"),
        Unary::Ceil => format!("ceil({a})"),
    }
}

fn binary(op: Binary, a: &str, b: &str) -> String {
    match op {
        Binary::Add => format!("{a} + {b}"),
        Binary::Sub => format!("{a} - {b}"),
        Binary::Mul => format!("{a} * {b}"),
        Binary::Div => format!("{a} / {b}"),
        Binary::Min => format!("minimum({a}, {b})"),
        Binary::Max => format!("maximum({a}, {b})"),
    }
}

fn comparison(op: Compare) -> &'static str {
    match op {
        Compare::Lt => "<",
        Compare::Le => "<=",
        Compare::Eq => "==",
        Compare::Ne => "!=",
    }
}

/// How a parameter or local of a kind is declared.
fn declared(kind: Kind) -> &'static str {
    match kind {
        Kind::Real => "double ",
        Kind::Count => "int64_t ",
        Kind::Pointer => "double *",
    }
}

/// The head of the driver, as in the header.
pub fn prototype(function: &control::Function, name: &str) -> String {
    let own = &function.locals[..function.parameters];
    let list: Vec<String> = own.iter().map(|(local, kind)| format!("{}{local}", declared(*kind))).collect();
    format!("{}{name}_{}({})", declared(function.returns), function.name, list.join(", "))
}

fn function(text: &mut String, function: &control::Function, name: &str, linkage: &str) {
    let writer = Control { function, name, read: function.read() };
    _ = writeln!(text, "\n{linkage}{}\n{{", prototype(function, name));
    for (number, (_, kind)) in function.locals.iter().enumerate() {
        let (local, read) = (writer.local(Local(number as u32)), writer.read[number]);
        match number < function.parameters {
            true if !read => _ = writeln!(text, "    (void){local};"),
            false if read => _ = writeln!(text, "    {}{local} = 0;", declared(*kind)),
            _ => {}
        }
    }
    writer.list(text, &function.body, 1);
    text.push_str("}\n");
}

struct Control<'a> {
    function: &'a control::Function,
    name: &'a str,
    /// Which locals are read; others are not written out.
    read: Vec<bool>,
}

impl Control<'_> {
    /// Parameters keep their names; several locals may be called the same.
    fn local(&self, local: Local) -> String {
        let (name, number) = (self.function.locals[local.0 as usize].0, local.0 as usize);
        if number < self.function.parameters { name.to_string() } else { format!("{name}_{number}") }
    }

    fn list(&self, text: &mut String, statements: &[control::Stmt], depth: usize) {
        use control::Stmt;
        for statement in statements {
            if matches!(statement, Stmt::Set(local, _) if !self.read[local.0 as usize]) {
                continue;
            }
            indent(text, depth);
            match statement {
                Stmt::Call(local, function, arguments) => {
                    let list: Vec<String> = arguments.iter().map(|argument| self.expr(argument)).collect();
                    if self.read[local.0 as usize] {
                        _ = write!(text, "{} = ", self.local(*local));
                    }
                    _ = writeln!(text, "{}_{function}({});", self.name, list.join(", "));
                }
                Stmt::Set(local, value) => _ = writeln!(text, "{} = {};", self.local(*local), self.expr(value)),
                Stmt::Store(pointer, index, value) => {
                    _ = writeln!(text, "({})[{}] = {};", self.expr(pointer), self.expr(index), self.expr(value));
                }
                Stmt::If(condition, then, other) => {
                    _ = writeln!(text, "if ({}) {{", self.expr(condition));
                    self.list(text, then, depth + 1);
                    indent(text, depth);
                    if !other.is_empty() {
                        text.push_str("} else {\n");
                        self.list(text, other, depth + 1);
                        indent(text, depth);
                    }
                    text.push_str("}\n");
                }
                Stmt::While(condition, body) => {
                    _ = writeln!(text, "while ({}) {{", self.expr(condition));
                    self.list(text, body, depth + 1);
                    indent(text, depth);
                    text.push_str("}\n");
                }
                Stmt::Kernel(kernel, operands) => {
                    let list: Vec<String> = operands.iter().map(|operand| self.expr(operand)).collect();
                    _ = writeln!(text, "{}_{kernel}({});", self.name, list.join(", "));
                }
                Stmt::Return(status) => _ = writeln!(text, "return {};", self.expr(status)),
            }
        }
    }

    fn expr(&self, expr: &Expr) -> String {
        let e = |expr: &Expr| self.expr(expr);
        match expr {
            Expr::Real(value) => number(*value),
            Expr::Count(value) => value.to_string(),
            Expr::Local(local) => self.local(*local),
            Expr::Element(pointer, index) => format!("({})[{}]", e(pointer), e(index)),
            Expr::Shifted(pointer, 0) => e(pointer),
            Expr::Shifted(pointer, elements) => format!("({} + {elements})", e(pointer)),
            Expr::Moved(pointer, count) => format!("({} + {})", e(pointer), e(count)),
            Expr::Table(number) => format!("table{number}"),
            Expr::Unary(op, a) => format!("({})", unary(*op, &e(a))),
            Expr::Binary(op, a, b) => format!("({})", binary(*op, &e(a), &e(b))),
            Expr::Whole(op, a, b) => match op {
                Whole::Add => format!("({} + {})", e(a), e(b)),
                Whole::Sub => format!("({} - {})", e(a), e(b)),
                Whole::Mul => format!("({} * {})", e(a), e(b)),
                Whole::ShiftLeft => format!("(int64_t)((uint64_t){} << {})", e(a), e(b)),
                Whole::ShiftRight => format!("({} >> {})", e(a), e(b)),
            },
            Expr::Bits(a) => format!("bits({})", e(a)),
            Expr::FromBits(a) => format!("from_bits({})", e(a)),
            Expr::Truncated(a) => format!("(int64_t){}", e(a)),
            Expr::Converted(a) => format!("(double){}", e(a)),
            Expr::Compare(op, a, b) => format!("({} {} {})", e(a), comparison(*op), e(b)),
            Expr::Less(a, b) => format!("({} < {})", e(a), e(b)),
            Expr::IsNull(a) => format!("({} == 0)", e(a)),
            Expr::And(a, b) => format!("({} & {})", e(a), e(b)),
            Expr::Or(a, b) => format!("({} | {})", e(a), e(b)),
            Expr::Not(a) => format!("!{}", e(a)),
            Expr::Select(c, a, b) => format!("({} ? {} : {})", e(c), e(a), e(b)),
        }
    }
}
