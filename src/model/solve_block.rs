//! The solve block: how the model wants to be run.

use super::check::Checker;
use super::{Grid, Run};
use crate::diag::{Diagnostic, closest, codes};
use crate::lang::ast::{Expr, ExprKind, Ident};

/// The options a solve block knows, with what they take.
pub const OPTIONS: &[(&str, &str)] = &[
    ("rtol", "a number between 0 and 1"),
    ("atol", "a number, at least 0"),
    ("method", "the name of a method"),
    (
        "save",
        "`steps`, a number of points (2 or more), `every(dt)`, `linear(from, to, count)` or `log(from, to, count)`",
    ),
    ("first_step", "a positive number"),
    ("max_step", "a positive number"),
    ("max_steps", "a whole number of at least 1"),
    ("reduce", "`conserved` or `none`"),
    ("switches", "`on` or `off`"),
];

impl Checker<'_> {
    pub fn solve_block(&mut self, time: &str) -> Run {
        let mut run = Run::default();
        let Some(block) = self.found.solve else { return run };
        if block.variable.name != time {
            let message = format!("expected the independent variable `{time}`, found `{}`", block.variable.name);
            self.diagnostics.push(
                Diagnostic::new(codes::model::INDEPENDENT, block.variable.span, message)
                    .help(format!("write `solve {time} = …`, or declare `time {}`", block.variable.name))
                    .fix(block.variable.span, time)
                    .line_before(block.variable.span, format!("time {}", block.variable.name)),
            );
        }
        if self.is_steady(&block.range.hi) {
            run.span = self.constant(&block.range.lo).filter(|t0| t0.is_finite()).map(|t0| (t0, f64::INFINITY));
        } else if let (Some(t0), Some(t1)) = (self.constant(&block.range.lo), self.constant(&block.range.hi)) {
            if t0 == t1 || !t0.is_finite() || !t1.is_finite() {
                let message = format!("the span {t0}..{t1} is empty or not finite");
                let span = block.range.lo.span.to(block.range.hi.span);
                self.diagnostics.push(Diagnostic::new(codes::model::OPTION_VALUE, span, message));
            } else if t1 < t0 {
                let message = format!("the span {t0}..{t1} ends before it begins");
                let span = block.range.lo.span.to(block.range.hi.span);
                self.diagnostics.push(
                    Diagnostic::new(codes::model::OPTION_VALUE, span, message)
                        .help(format!("write `{t1}..{t0}`"))
                        .fix(span, format!("{t1}..{t0}")),
                );
            } else {
                run.span = Some((t0, t1));
            }
        }
        let mut seen: Vec<&Ident> = Vec::new();
        for (name, value) in block.options {
            if let Some(first) = seen.iter().find(|known| known.name == name.name) {
                let message = format!("option `{}` is given twice", name.name);
                let diagnostic = Diagnostic::new(codes::model::DECLARED_TWICE, name.span, message);
                self.diagnostics.push(diagnostic.related(first.span, "first given here"));
                continue;
            }
            seen.push(name);
            self.option(name, value, &mut run);
        }
        run
    }

    /// Whether a run ends where nothing changes any more: `0..steady`, if nothing else has that name.
    fn is_steady(&self, end: &Expr) -> bool {
        matches!(&end.kind, ExprKind::Name(word) if word == "steady") && !self.entities.contains_key("steady")
    }

    fn option(&mut self, name: &Ident, value: &Expr, run: &mut Run) {
        match name.name.as_str() {
            "rtol" => run.rtol = self.number(name, value, |x| x > 0.0 && x < 1.0),
            "atol" => run.atol = self.number(name, value, |x| x >= 0.0),
            "first_step" => run.first_step = self.number(name, value, |x| x > 0.0),
            "max_step" => run.max_step = self.number(name, value, |x| x > 0.0),
            "max_steps" => run.max_steps = self.number(name, value, |x| x >= 1.0 && x == x.trunc()).map(|x| x as u64),
            "method" => match &value.kind {
                ExprKind::Name(method) => run.method = Some((method.clone(), value.span)),
                _ => self.bad_value(name, value),
            },
            "reduce" => match &value.kind {
                ExprKind::Name(word) if word == "none" => run.reduce = false,
                ExprKind::Name(word) if word == "conserved" => {
                    run.reduce = true;
                    run.reduce_at = Some(name.span.to(value.span));
                    if !self.found.reacting {
                        let message = "there is nothing to reduce: the model has no reactions";
                        self.diagnostics.push(
                            Diagnostic::new(codes::reactions::NOTHING_TO_REDUCE, name.span.to(value.span), message)
                                .help("conserved sums are found from reactions; leave the option out"),
                        );
                    }
                }
                _ => self.bad_value(name, value),
            },
            "switches" => match &value.kind {
                ExprKind::Name(word) if word == "on" || word == "off" => run.over_switches = word == "off",
                _ => self.bad_value(name, value),
            },
            "save" => run.save = self.grid(name, value),
            unknown => {
                let message = format!("unknown option `{unknown}`");
                let known = OPTIONS.iter().map(|(name, _)| *name);
                let diagnostic = Diagnostic::new(codes::model::UNKNOWN_OPTION, name.span, message);
                self.diagnostics.push(match closest(unknown, known.clone()) {
                    Some(guess) => diagnostic.did_you_mean(name.span, guess),
                    None => diagnostic.help(format!("known options: {}", known.collect::<Vec<_>>().join(", "))),
                });
            }
        }
    }

    fn bad_value(&mut self, name: &Ident, value: &Expr) {
        let expected = OPTIONS.iter().find(|(known, _)| *known == name.name).map_or("a value", |(_, what)| what);
        let message = format!("option `{}` expects {expected}", name.name);
        self.diagnostics.push(Diagnostic::new(codes::model::OPTION_VALUE, value.span, message));
    }

    fn number(&mut self, name: &Ident, value: &Expr, admissible: impl Fn(f64) -> bool) -> Option<f64> {
        let number = self.constant(value)?;
        if number.is_finite() && admissible(number) {
            return Some(number);
        }
        self.bad_value(name, value);
        None
    }

    fn grid(&mut self, name: &Ident, value: &Expr) -> Option<Grid> {
        let count = |x: f64| (2.0..=Grid::MOST as f64).contains(&x) && x == x.trunc();
        let grid = match &value.kind {
            ExprKind::Name(word) if word == "steps" => Some(Grid::Steps),
            ExprKind::Call(shape, arguments) if ["every", "linear", "log"].contains(&shape.name.as_str()) => {
                let numbers: Vec<f64> = arguments.iter().map(|a| self.constant(a)).collect::<Option<_>>()?;
                match (shape.name.as_str(), numbers.as_slice()) {
                    ("every", [dt]) if *dt > 0.0 => Some(Grid::Every(*dt)),
                    ("linear", [a, b, n]) if a < b && count(*n) => Some(Grid::Linear(*a, *b, *n as u64)),
                    ("log", [a, b, n]) if *a > 0.0 && a < b && count(*n) => Some(Grid::Log(*a, *b, *n as u64)),
                    _ => None,
                }
            }
            ExprKind::Call(..) => None,
            _ => self.constant(value).filter(|n| count(*n)).map(|n| Grid::Count(n as u64)),
        };
        if grid.is_none() && self.diagnostics.last().is_none_or(|d| d.span != value.span) {
            self.bad_value(name, value);
        }
        grid
    }
}
