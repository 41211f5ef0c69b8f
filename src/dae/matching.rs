//! Which equation determines which unknown: maximum matching, and what to say where there is none.
//!
//! Source: augmenting paths; the parts that are over- and under-determined by A. L. Dulmage, N. S. Mendelsohn, Canad. J.
//! Math. 10 (1958) 517.

use rustc_hash::FxHashMap;

use super::scalars::Scalars;
use super::{Equation, Variable, fault};
use crate::diag::Diagnostic;
use crate::expr::{ExprId, SubsId, SymbolId};
use crate::source::Span;

/// A matching between equations and variables in progress.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    /// The equation of each variable.
    pub equation: Vec<Option<usize>>,
    /// What the last search passed: equations, variables.
    pub passed: (Vec<usize>, Vec<usize>),
}

impl Matching {
    /// Of so many variables, none matched.
    pub fn new(variables: usize) -> Self {
        Matching { equation: vec![None; variables], passed: Default::default() }
    }

    /// Finds a variable for an equation, changing those of others where that helps; `reads[e]` are the variables equation e
    /// may be matched with.
    pub fn augment(&mut self, start: usize, reads: &[Vec<usize>]) -> bool {
        let mut seen = vec![false; self.equation.len()];
        self.passed = (vec![start], Vec::new());
        // (equation, how many of its variables have been looked at); the last looked at leads to the next entry.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((equation, next)) = path.last_mut() {
            let list = &reads[*equation];
            if *next == 0
                && let Some(free) = list.iter().find(|v| self.equation[**v].is_none())
            {
                let mut given = *free;
                for (equation, next) in path.iter().rev() {
                    // What this equation was matched with, if anything, goes to the one before it.
                    let own = next.checked_sub(1).map(|at| reads[*equation][at]);
                    self.equation[own.unwrap_or(given)] = Some(*equation);
                    given = own.unwrap_or(given);
                }
                return true;
            }
            let Some(variable) = list.get(*next).copied() else {
                path.pop();
                continue;
            };
            *next += 1;
            if seen[variable] {
                continue;
            }
            seen[variable] = true;
            self.passed.1.push(variable);
            if let Some(other) = self.equation[variable] {
                self.passed.0.push(other);
                path.push((other, 0));
            }
        }
        false
    }
}

/// Equations and what they read by number, with the names of what is counted.
struct Counted {
    spans: Vec<Span>,
    reads: Vec<Vec<usize>>,
    names: Vec<(String, Span)>,
}

/// That equations and unknowns can be matched one to one, whatever the orders of derivatives.
///
/// # Errors
/// A diagnostic per part that is over- or under-determined.
pub fn determined(scalars: &mut Scalars, equations: &[Equation]) -> Result<(), Vec<Diagnostic>> {
    let mut counted = Counted { spans: Vec::new(), reads: Vec::new(), names: Vec::new() };
    for element in 0..scalars.elements() {
        let (unknown, _) = scalars.unknown_of(element);
        let span = scalars.model.symbol(scalars.unknowns[unknown][0]).span;
        counted.names.push((scalars.name(Variable { element, order: 0 }), span));
    }
    for equation in equations {
        let mut list: Vec<usize> = scalars.variables(equation.value).into_iter().map(|v| v.element).collect();
        list.dedup();
        counted.spans.push(equation.span);
        counted.reads.push(list);
    }
    if counted.faults().is_empty() {
        return Ok(());
    }
    // An equation of states that have equations of their own says something of what those read.
    let mut places: FxHashMap<(SymbolId, SubsId), usize> = FxHashMap::default();
    let mut values: Vec<ExprId> = equations.iter().map(|e| e.value).collect();
    let mut at = 0;
    while at < values.len() {
        for (symbol, subs) in scalars.states(values[at]) {
            let next = counted.names.len();
            let place = *places.entry((symbol, subs)).or_insert(next);
            if place == next {
                let own = scalars.model.symbol(symbol).clone();
                counted.names.push((own.name, own.span));
                let slope = scalars.slope_at(symbol, subs);
                values.push(slope);
                counted.spans.push(own.span);
                let mut list: Vec<usize> = scalars.variables(slope).into_iter().map(|v| v.element).collect();
                list.dedup();
                list.insert(0, place);
                counted.reads.push(list);
            }
            if !counted.reads[at].contains(&place) {
                counted.reads[at].push(place);
            }
        }
        at += 1;
    }
    match counted.faults() {
        faults if faults.is_empty() => Ok(()),
        faults => Err(faults),
    }
}

impl Counted {
    fn faults(&self) -> Vec<Diagnostic> {
        let mut matching = Matching::new(self.names.len());
        let mut diagnostics = Vec::new();
        let mut told = vec![false; self.reads.len()];
        for start in 0..self.reads.len() {
            if !matching.augment(start, &self.reads) && !told[start] {
                let (mut passed, unknowns) = matching.passed.clone();
                passed.sort_unstable();
                passed.iter().for_each(|e| told[*e] = true);
                diagnostics.push(self.too_many(&passed, &unknowns));
            }
        }
        if diagnostics.is_empty() && matching.equation.iter().any(Option::is_none) {
            diagnostics.push(self.too_few(&matching));
        }
        diagnostics
    }

    fn named(&self, which: &[usize]) -> Vec<String> {
        which.iter().map(|v| format!("`{}`", self.names[*v].0)).collect()
    }

    fn too_many(&self, passed: &[usize], unknowns: &[usize]) -> Diagnostic {
        let names = self.named(unknowns);
        let spans = self.places(passed);
        let last = spans[spans.len() - 1];
        let message = match passed.len() {
            1 if names.is_empty() => "this equation reads no unknown".to_string(),
            count => format!("{count} equations for {}", list(&names)),
        };
        let mut diagnostic = fault(last, message).label("one equation too many");
        for span in spans.iter().take(spans.len() - 1).take(4) {
            diagnostic = diagnostic.related(*span, "of the same unknowns");
        }
        diagnostic.help(match names.is_empty() {
            true => "an unknown has an initial value, its guess, and no equation of its own: `init z = 0`",
            false => "leave one out, or give what else is unknown an initial value, its guess: `init z = 0`",
        })
    }

    fn too_few(&self, matching: &Matching) -> Diagnostic {
        // From what is free to the equations that read it and on to what those determine.
        let count = self.names.len();
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); count];
        self.reads.iter().enumerate().for_each(|(e, list)| list.iter().for_each(|v| readers[*v].push(e)));
        let mut own = vec![None; self.reads.len()];
        matching.equation.iter().enumerate().for_each(|(v, e)| e.iter().for_each(|e| own[*e] = Some(v)));
        let mut reached: Vec<bool> = matching.equation.iter().map(Option::is_none).collect();
        let mut waiting: Vec<usize> = (0..count).filter(|v| reached[*v]).collect();
        let free = waiting.len();
        let mut passed: Vec<usize> = Vec::new();
        while let Some(v) = waiting.pop() {
            for e in &readers[v] {
                if !passed.contains(e) {
                    passed.push(*e);
                }
                if let Some(next) = own[*e].filter(|next| !reached[*next]) {
                    reached[next] = true;
                    waiting.push(next);
                }
            }
        }
        passed.sort_unstable();
        let unknowns: Vec<usize> = (0..count).filter(|v| reached[*v]).collect();
        let names = self.named(&unknowns);
        let message = match passed.len() {
            0 => format!("nothing determines {}", list(&names)),
            1 => format!("1 equation for {}", list(&names)),
            count => format!("{count} equations for {}", list(&names)),
        };
        let lacking = if free == 1 { "one equation too few".to_string() } else { format!("{free} equations too few") };
        let mut diagnostic = fault(self.names[unknowns[0]].1, message).label(lacking);
        for span in self.places(&passed).iter().take(4) {
            diagnostic = diagnostic.related(*span, "determines one of them");
        }
        diagnostic.help("add an equation, or make one of them a parameter")
    }

    /// The equations' places, each once, in order.
    fn places(&self, which: &[usize]) -> Vec<Span> {
        let mut spans: Vec<Span> = which.iter().map(|e| self.spans[*e]).collect();
        spans.dedup();
        spans
    }
}

/// Names in a sentence, a few of them.
pub fn list(names: &[String]) -> String {
    match names {
        [] => "no unknown".to_string(),
        [one] => one.clone(),
        [some @ .., last] if names.len() <= 5 => format!("{} and {last}", some.join(", ")),
        _ => format!("{} and {} more", names[..4].join(", "), names.len() - 4),
    }
}
