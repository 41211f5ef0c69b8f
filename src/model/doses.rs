//! Doses become events: a bolus adds to its target at once; an infusion counts itself in when it begins and out when it
//! ends, and its rate, times that count, is a term of the target's derivative.

use super::LeadIn;
use crate::diag::{Diagnostic, codes};
use crate::lang::ast::{
    Action, Ast, Comparison, Declaration, Dose, Event, Expr, ExprKind, Factor, ForClause, Ident, Item, ItemKind, Made,
    Sign, Trigger,
};
use crate::source::{Sources, Span};

/// What stands in the names of the counts that infusions bring in, and in no name of a person's.
const INFUSION: &str = " infusion ";

/// Whether a discrete quantity is the count of an infusion.
pub fn is_count(name: &str) -> bool {
    name.contains(INFUSION)
}

/// The statements with events in place of doses, and what precedes the start; none if there is no dose.
pub fn lower(ast: &Ast, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Option<(Ast, Option<LeadIn>)> {
    if !ast.items.iter().any(|item| matches!(item.kind, ItemKind::Dose(_) | ItemKind::Doses(_))) {
        return None;
    }
    let (mut items, mut terms) = (Vec::with_capacity(ast.items.len()), Vec::new());
    let mut lead_in: Option<LeadIn> = None;
    for (place, item) in ast.items.iter().enumerate() {
        let statement = |kind: ItemKind| Item { doc: None, span: item.span, kind };
        let given = match &item.kind {
            ItemKind::Dose(dose) => match given(dose, place, ast) {
                Ok(given) => given,
                Err(error) => {
                    diagnostics.push(*error);
                    continue;
                }
            },
            ItemKind::Doses(doses) => super::dose_tables::given(doses, place, ast, sources, diagnostics),
            _ => {
                items.push(item.clone());
                continue;
            }
        };
        items.extend(given.discretes.into_iter().map(|one| statement(ItemKind::Discrete(vec![one]))));
        items.extend(given.events.into_iter().map(|event| statement(ItemKind::Event(event))));
        terms.extend(given.terms);
        lead_in = match (lead_in, given.lead_in) {
            (Some(a), Some(b)) => Some(LeadIn { since: a.since.max(b.since), interval: a.interval.max(b.interval) }),
            (a, b) => a.or(b),
        };
    }
    for (target, term) in terms {
        add_term(&mut items, target, term);
    }
    Some((Ast { items }, lead_in))
}

/// What a dose becomes.
#[derive(Default)]
pub struct Given {
    pub events: Vec<Event>,
    /// The infusions under way.
    pub discretes: Vec<Declaration>,
    /// What they add to the derivatives of states.
    pub terms: Vec<(Expr, Expr)>,
    /// What precedes the start.
    pub lead_in: Option<LeadIn>,
}

fn given(dose: &Dose, place: usize, ast: &Ast) -> Result<Given, Box<Diagnostic>> {
    let span = dose.target.span;
    let refuse =
        |message: &str, help: &str| Err(Box::new(Diagnostic::new(codes::events::DOSE, span, message).help(help)));
    let name = match &dose.target.kind {
        ExprKind::Name(name) => name.clone(),
        ExprKind::Subscript(ident, _) => ident.name.clone(),
        _ => return refuse("a dose is given to a state", "name the state alone"),
    };
    let delayed = dose.lag.is_some() || dose.over.is_some();
    if delayed && matches!(&dose.schedule, Trigger::Every { from: None, .. }) {
        return refuse("with `lag` or `over` the first dose needs its time", "write `every PERIOD from TIME`");
    }
    // Numbers alone are in the target's unit, and in that of time.
    let amount = in_unit_of(Some(&name), dose.amount.clone());
    let amount = match &dose.bioavailability {
        Some(share) => product(share.clone(), Factor::Times, amount),
        None => amount,
    };
    let lag = dose.lag.clone().map(|lag| in_unit_of(None, lag));
    let over = dose.over.clone().map(|over| in_unit_of(None, over));
    let label = format!("dose {} {} {}", dose.target, dose.amount, dose.schedule);
    let event = |trigger: Trigger, label: String, set: Vec<(Expr, Expr)>| Event {
        label: Some(label),
        ends: false,
        trigger,
        attributes: Vec::new(),
        actions: set.into_iter().map(|(target, value)| Action::Assign(target, value)).collect(),
        domain: dose.domain.clone(),
    };
    let start = later(&dose.schedule, lag.as_ref());
    let Some(over) = over else {
        let value = sum(dose.target.clone(), Sign::Plus, amount);
        let events = vec![event(start, label, vec![(dose.target.clone(), value)])];
        return Ok(Given { events, ..Given::default() });
    };
    let end = later(&begun_in_run(&start, ast), Some(&over));
    let rate = product(amount, Factor::Over, over);
    let ended = format!("end of {label}");
    let ending = |set| Event { ends: true, ..event(end, ended, set) };
    if let ExprKind::Subscript(_, subscripts) = &dose.target.kind {
        let statements = statements_of(ast, &name);
        if statements.is_empty() {
            let help = "write its derivative as an equation, `u[i]' = …`";
            return refuse("an infusion into an element of an array needs the array's equation", help);
        }
        let infusion = Infusion::new(&name, place, span);
        let at = |name: &str| element(name, span, subscripts.clone());
        let (begin, stop) = infusion.actions(&at, &rate);
        let discretes = statements.iter().flat_map(|(lhs, domain)| infusion.declared(lhs, domain)).collect();
        let terms = statements.iter().map(|(lhs, _)| (lhs.clone(), element(&infusion.rate, span, subscripts_of(lhs))));
        return Ok(Given {
            events: vec![event(start, label, begin), ending(stop)],
            discretes,
            terms: terms.collect(),
            lead_in: None,
        });
    }
    let count = Expr { span, kind: ExprKind::Name(format!("{name}{INFUSION}{place}")) };
    let one = || number(1.0, span);
    let more = sum(count.clone(), Sign::Plus, one());
    let fewer = sum(count.clone(), Sign::Minus, one());
    let events = vec![event(start, label, vec![(count.clone(), more)]), ending(vec![(count.clone(), fewer)])];
    let discretes = vec![declaration(format!("{name}{INFUSION}{place}"), span, Vec::new(), Vec::new())];
    let terms = vec![(dose.target.clone(), product(count, Factor::Times, rate))];
    Ok(Given { events, discretes, terms, lead_in: None })
}

/// Quantities that an event sets, and to what.
type Settings = Vec<(Expr, Expr)>;

/// An infusion of many rates: the sum of those under way, and their number, so that the sum is 0 to the bit where there is
/// none.
pub struct Infusion {
    pub rate: String,
    count: String,
    span: Span,
}

impl Infusion {
    /// Into a state, by the statement at a place.
    pub fn new(name: &str, place: usize, span: Span) -> Infusion {
        Infusion { rate: format!("{name}{INFUSION}rate {place}"), count: format!("{name}{INFUSION}{place}"), span }
    }

    /// What is set when one of that rate begins and ends; `at` gives the element of a name.
    pub fn actions(&self, at: &dyn Fn(&str) -> Expr, rate: &Expr) -> (Settings, Settings) {
        let (sum_of, count) = (at(&self.rate), at(&self.count));
        let one = number(1.0, self.span);
        let begin = vec![
            (sum_of.clone(), sum(sum_of.clone(), Sign::Plus, rate.clone())),
            (count.clone(), sum(count.clone(), Sign::Plus, one.clone())),
        ];
        let last = compare(Comparison::Le, count.clone(), one.clone());
        let rest = sum(sum_of.clone(), Sign::Minus, rate.clone());
        let end =
            vec![(sum_of, choice(last, number(0.0, self.span), rest)), (count.clone(), sum(count, Sign::Minus, one))];
        (begin, end)
    }

    /// The declarations, over the same elements as an equation.
    pub fn declared(&self, lhs: &Expr, domain: &[ForClause]) -> Vec<Declaration> {
        let make = |name: &String| declaration(name.clone(), self.span, subscripts_of(lhs), domain.to_vec());
        vec![make(&self.rate), make(&self.count)]
    }
}

/// The states that equations of the first order give, and their `for` clauses.
fn statements_of(ast: &Ast, name: &str) -> Vec<(Expr, Vec<ForClause>)> {
    let of = |item: &Item| match &item.kind {
        ItemKind::Equation { lhs: Expr { kind: ExprKind::Prime(inner, 1), .. }, domain, .. } => match &inner.kind {
            ExprKind::Subscript(ident, _) if ident.name == name => Some((inner.as_ref().clone(), domain.clone())),
            _ => None,
        },
        _ => None,
    };
    ast.items.iter().filter_map(of).collect()
}

fn subscripts_of(state: &Expr) -> Vec<Expr> {
    match &state.kind {
        ExprKind::Subscript(_, list) => list.clone(),
        _ => Vec::new(),
    }
}

pub fn element(name: &str, span: Span, subscripts: Vec<Expr>) -> Expr {
    let name = name.to_string();
    let kind = match subscripts.is_empty() {
        true => ExprKind::Name(name),
        false => ExprKind::Subscript(Ident { name, span }, subscripts),
    };
    Expr { span, kind }
}

pub fn number(value: f64, span: Span) -> Expr {
    Expr { span, kind: ExprKind::Number(value) }
}

pub fn in_unit_of(quantity: Option<&str>, value: Expr) -> Expr {
    let made = Made::InUnitOf(quantity.map(str::to_string), value.clone());
    Expr { span: value.span, kind: ExprKind::Made(Box::new(made)) }
}

pub fn compare(how: Comparison, a: Expr, b: Expr) -> Expr {
    Expr { span: a.span, kind: ExprKind::Compare(how, Box::new(a), Box::new(b)) }
}

pub fn choice(condition: Expr, yes: Expr, no: Expr) -> Expr {
    Expr { span: yes.span, kind: ExprKind::If(Box::new(condition), Box::new(yes), Box::new(no)) }
}

fn declaration(name: String, span: Span, subscripts: Vec<Expr>, domain: Vec<ForClause>) -> Declaration {
    let value = Some(number(0.0, span));
    Declaration { name: Ident { name, span }, subscripts, unit: None, value, bounds: None, domain, span }
}

/// Adds a term to the target's equation, or to the sum over its reactions.
fn add_term(items: &mut Vec<Item>, target: Expr, term: Expr) {
    let span = target.span;
    let derivative = |lhs: &Expr| match &lhs.kind {
        ExprKind::Prime(inner, 1) => inner.kind == target.kind,
        _ => false,
    };
    let own = items.iter_mut().find_map(|item| match &mut item.kind {
        ItemKind::Equation { lhs, rhs, .. } if derivative(lhs) => Some(rhs),
        _ => None,
    });
    match own {
        Some(rhs) => *rhs = sum(rhs.clone(), Sign::Plus, term),
        None => {
            let lhs = Expr { span, kind: ExprKind::Prime(Box::new(target), 1) };
            items.push(Item { doc: None, span, kind: ItemKind::Addition { lhs, rhs: term, domain: Vec::new() } });
        }
    }
}

/// The schedule, so much later.
fn later(schedule: &Trigger, by: Option<&Expr>) -> Trigger {
    let Some(by) = by else { return schedule.clone() };
    let late = |time: &Expr| sum(in_unit_of(None, time.clone()), Sign::Plus, by.clone());
    match schedule {
        Trigger::Every { period, from, to } => {
            Trigger::Every { period: period.clone(), from: from.as_ref().map(late), to: to.as_ref().map(late) }
        }
        Trigger::At(times) => Trigger::At(times.iter().map(late).collect()),
        Trigger::When(_) => schedule.clone(),
    }
}

/// The start of a run: in the times of events that end what others began, the independent variable has that value.
pub fn start_of_run(ast: &Ast, span: Span) -> Expr {
    let named = ast.items.iter().find_map(|item| match &item.kind {
        ItemKind::Time(name, _) => Some(name.name.clone()),
        _ => None,
    });
    Expr { span, kind: ExprKind::Name(named.unwrap_or_else(|| "t".to_string())) }
}

/// A time that never comes.
pub fn never(span: Span) -> Expr {
    in_unit_of(None, number(f64::INFINITY, span))
}

/// A time, or never, if it lies before the run.
pub fn unless_before(time: Expr, then: Expr, ast: &Ast) -> Expr {
    let span = time.span;
    let before = compare(Comparison::Lt, time, start_of_run(ast, span));
    choice(before, never(span), then)
}

/// The times of a schedule from the start of the run on: an infusion begun before it is not under way, and does not end.
fn begun_in_run(schedule: &Trigger, ast: &Ast) -> Trigger {
    let timed = |time: &Expr| in_unit_of(None, time.clone());
    match schedule {
        Trigger::At(times) => {
            Trigger::At(times.iter().map(|time| unless_before(timed(time), timed(time), ast)).collect())
        }
        Trigger::Every { period, from: Some(from), to } => {
            // from + ⌈max((t − from)/period, 0)⌉ period
            let span = from.span;
            let call = |name: &str, list: Vec<Expr>| Expr {
                span,
                kind: ExprKind::Call(Ident { name: name.to_string(), span }, list),
            };
            let passed = sum(start_of_run(ast, span), Sign::Minus, timed(from));
            let turns =
                call("ceil", vec![call("max", vec![product(passed, Factor::Over, timed(period)), number(0.0, span)])]);
            let first = sum(timed(from), Sign::Plus, product(turns, Factor::Times, timed(period)));
            Trigger::Every { period: period.clone(), from: Some(first), to: to.clone() }
        }
        other => other.clone(),
    }
}

pub fn sum(a: Expr, sign: Sign, b: Expr) -> Expr {
    Expr { span: a.span, kind: ExprKind::Sum(vec![(Sign::Plus, a), (sign, b)]) }
}

pub fn product(a: Expr, how: Factor, b: Expr) -> Expr {
    Expr { span: a.span, kind: ExprKind::Product(vec![(Factor::Times, a), (how, b)]) }
}
