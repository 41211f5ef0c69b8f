//! Doses become events: a bolus adds to its target at once; an infusion counts itself in when it begins and out when it
//! ends, and its rate, times that count, is a term of the target's derivative.

use crate::diag::{Diagnostic, codes};
use crate::lang::ast::{
    Action, Ast, Declaration, Dose, Event, Expr, ExprKind, Factor, Ident, Item, ItemKind, Sign, Trigger,
};

/// What stands in the names of the counts that infusions bring in, and in no name of a person's.
const INFUSION: &str = " infusion ";

/// Whether a discrete quantity is the count of an infusion.
pub fn is_count(name: &str) -> bool {
    name.contains(INFUSION)
}

/// The statements with events in place of doses; none if there is no dose.
pub fn lower(ast: &Ast, diagnostics: &mut Vec<Diagnostic>) -> Option<Ast> {
    if !ast.items.iter().any(|item| matches!(item.kind, ItemKind::Dose(_))) {
        return None;
    }
    let (mut items, mut terms) = (Vec::with_capacity(ast.items.len()), Vec::new());
    for (place, item) in ast.items.iter().enumerate() {
        let ItemKind::Dose(dose) = &item.kind else {
            items.push(item.clone());
            continue;
        };
        let statement = |kind: ItemKind| Item { doc: None, span: item.span, kind };
        match given(dose, place) {
            Ok(Given { events, count, term }) => {
                items.extend(count.map(|count| statement(ItemKind::Discrete(vec![count]))));
                items.extend(events.into_iter().map(|event| statement(ItemKind::Event(event))));
                terms.extend(term.map(|term| (dose.target.clone(), term)));
            }
            Err(error) => diagnostics.push(*error),
        }
    }
    for (target, term) in terms {
        add_term(&mut items, target, term);
    }
    Some(Ast { items })
}

/// What a dose becomes.
struct Given {
    events: Vec<Event>,
    /// The infusions under way.
    count: Option<Declaration>,
    /// What they add to the target's derivative.
    term: Option<Expr>,
}

fn given(dose: &Dose, place: usize) -> Result<Given, Box<Diagnostic>> {
    let span = dose.target.span;
    let refuse =
        |message: &str, help: &str| Err(Box::new(Diagnostic::new(codes::events::DOSE, span, message).help(help)));
    let name = match &dose.target.kind {
        ExprKind::Name(name) => name.clone(),
        ExprKind::Subscript(ident, _) if dose.over.is_none() => ident.name.clone(),
        ExprKind::Subscript(..) => {
            return refuse(
                "an infusion into an element of an array is not yet supported",
                "declare `discrete rate = 0`, set it by events, and add it in the equation",
            );
        }
        _ => return refuse("a dose is given to a state", "name the state alone"),
    };
    let delayed = dose.lag.is_some() || dose.over.is_some();
    if delayed && matches!(&dose.schedule, Trigger::Every { from: None, .. }) {
        return refuse("with `lag` or `over` the first dose needs its time", "write `every PERIOD from TIME`");
    }
    let amount = match &dose.bioavailability {
        Some(share) => product(share.clone(), Factor::Times, dose.amount.clone()),
        None => dose.amount.clone(),
    };
    let label = format!("dose {} {} {}", dose.target, dose.amount, dose.schedule);
    let event = |trigger: Trigger, label: String, target: Expr, value: Expr| Event {
        label: Some(label),
        trigger,
        attributes: Vec::new(),
        actions: vec![Action::Assign(target, value)],
        domain: dose.domain.clone(),
    };
    let start = later(&dose.schedule, dose.lag.as_ref());
    let Some(over) = &dose.over else {
        let value = sum(dose.target.clone(), Sign::Plus, amount);
        return Ok(Given { events: vec![event(start, label, dose.target.clone(), value)], count: None, term: None });
    };
    let count = Expr { span, kind: ExprKind::Name(format!("{name}{INFUSION}{place}")) };
    let one = || Expr { span, kind: ExprKind::Number(1.0) };
    let end = later(&start, Some(over));
    let more = sum(count.clone(), Sign::Plus, one());
    let fewer = sum(count.clone(), Sign::Minus, one());
    let events = vec![
        event(start, label.clone(), count.clone(), more),
        event(end, format!("end of {label}"), count.clone(), fewer),
    ];
    let rate = product(amount, Factor::Over, over.clone());
    let declaration = Declaration {
        name: Ident { name: format!("{name}{INFUSION}{place}"), span },
        subscripts: Vec::new(),
        unit: None,
        value: Some(Expr { span, kind: ExprKind::Number(0.0) }),
        bounds: None,
        domain: Vec::new(),
        span,
    };
    Ok(Given { events, count: Some(declaration), term: Some(product(count, Factor::Times, rate)) })
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
    let late = |time: &Expr| sum(time.clone(), Sign::Plus, by.clone());
    match schedule {
        Trigger::Every { period, from, to } => {
            Trigger::Every { period: period.clone(), from: from.as_ref().map(late), to: to.as_ref().map(late) }
        }
        Trigger::At(times) => Trigger::At(times.iter().map(late).collect()),
        Trigger::When(_) => schedule.clone(),
    }
}

fn sum(a: Expr, sign: Sign, b: Expr) -> Expr {
    Expr { span: a.span, kind: ExprKind::Sum(vec![(Sign::Plus, a), (sign, b)]) }
}

fn product(a: Expr, how: Factor, b: Expr) -> Expr {
    Expr { span: a.span, kind: ExprKind::Product(vec![(Factor::Times, a), (how, b)]) }
}
