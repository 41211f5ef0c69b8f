//! Tables of doses in the convention of NONMEM become events: one event over all boluses into a compartment, two over
//! all its infusions, one over all resets, whose times and amounts are lists of numbers. So a table of thousands of records costs
//! what one event costs to compile.
//!
//! Source of the convention: *NONMEM Users Guide*, parts IV and VI (PREDPP): `EVID` 0 is an observation, 1 a dose, 2
//! something else, 3 a reset, 4 a reset and a dose; `ADDL` further doses follow every `II`; `RATE` > 0 is an infusion, −1 and −2
//! one whose rate or duration the model gives; a reset ends what is under way.
//!
//! `dose_records` reads the rows; this file says what they mean.

use super::dose_records::{Kind, Record, Table, read};
use super::doses::{Given, Infusion, choice, compare, in_unit_of, never, number, product, sum, unless_before};
use super::{LOOK_BACK, LeadIn};
use crate::diag::{Diagnostic, closest, codes};
use crate::lang::ast::{
    Action, Ast, Comparison, DoseSetting, Doses, Event, Expr, ExprKind, Factor, ForClause, Ident, ItemKind, Made,
    Range, Sign, Trigger,
};
use crate::source::{Sources, Span};
use std::sync::Arc;

/// The index over the records of an event.
const RECORD: &str = "record of a dose";
/// So many records at fault are named.
const MOST_TOLD: usize = 3;

/// At most so many doses before a record make its steady state.
const MOST_BEFORE: f64 = 1e5;

/// A dose at its time, with what it needs to be one of a list.
#[derive(Clone, Debug)]
struct Single {
    time: f64,
    amount: f64,
    rate: f64,
    id: f64,
    /// When the next reset ends it.
    until: f64,
}

/// What a table says, and how.
struct Reader<'a> {
    doses: &'a Doses,
    path: &'a str,
    span: Span,
    table: Table,
    /// Whose records count, where that is known only when parameters are.
    id: Option<Expr>,
    errors: Vec<Diagnostic>,
}

/// The events of a table, and what they need; nothing after diagnostics.
pub fn given(doses: &Doses, place: usize, ast: &Ast, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Given {
    let Some(file) = sources.data(doses.csv.path.span) else { return Given::default() };
    let (path, span) = (doses.csv.path.name.as_str(), doses.csv.path.span);
    if let Some(column) = doses.csv.columns.first() {
        let error = Diagnostic::new(codes::data::COLUMN, column.span, "a table of doses has columns of fixed names");
        diagnostics
            .push(error.help("leave the columns out: ID, TIME, AMT, RATE, EVID, CMT, II, ADDL, SS are looked for"));
        return Given::default();
    }
    let table = match read(file) {
        Ok(table) => table,
        Err(messages) => {
            told(
                messages.into_iter().map(|m| Diagnostic::new(codes::data::RECORD, span, format!("`{path}`{m}"))),
                diagnostics,
            );
            return Given::default();
        }
    };
    let mut reader = Reader { doses, path, span, table, id: None, errors: Vec::new() };
    reader.choose_id();
    let given = reader.events(place, ast);
    told(reader.errors.into_iter(), diagnostics);
    given
}

/// Tells errors, those of one place as one.
fn told(errors: impl Iterator<Item = Diagnostic>, diagnostics: &mut Vec<Diagnostic>) {
    let mut groups: Vec<(Diagnostic, usize)> = Vec::new();
    for error in errors {
        let Some((first, count)) = groups.iter_mut().find(|(g, _)| (g.code, g.span) == (error.code, error.span)) else {
            groups.push((error, 1));
            continue;
        };
        *count += 1;
        if *count <= MOST_TOLD {
            let further = error.message.split_once("line ").map_or(error.message.as_str(), |(_, rest)| rest);
            first.message += &format!("; line {further}");
        }
    }
    for (mut error, count) in groups {
        if count > MOST_TOLD {
            error.message += &format!("; and {} more", count - MOST_TOLD);
        }
        diagnostics.push(error);
    }
}

impl Reader<'_> {
    fn refuse(&mut self, line: u64, column: &str, what: impl std::fmt::Display) -> &mut Diagnostic {
        let message = format!("`{}`, line {line}, column {column}: {what}", self.path);
        self.errors.push(Diagnostic::new(codes::data::RECORD, self.span, message));
        let last = self.errors.len() - 1;
        &mut self.errors[last]
    }

    /// Keeps the records of one subject, or notes that the choice is made by parameters.
    fn choose_id(&mut self) {
        let mut ids: Vec<f64> = self.table.records.iter().map(|record| record.id).collect();
        ids.sort_by(f64::total_cmp);
        ids.dedup();
        let known = |ids: &[f64]| {
            const SHOWN: usize = 8;
            let list: Vec<String> = ids.iter().take(SHOWN).map(f64::to_string).collect();
            list.join(", ") + if ids.len() > SHOWN { ", …" } else { "" }
        };
        let setting = self.doses.settings.iter().find_map(|setting| match setting {
            DoseSetting::Id(value) => Some(value),
            _ => None,
        });
        match setting.map(|value| (&value.kind, value)) {
            None if ids.len() > 1 => {
                let message = format!("`{}` has the records of {} subjects: {}", self.path, ids.len(), known(&ids));
                let error = Diagnostic::new(codes::data::RECORD, self.span, message);
                self.errors.push(error.help(format!(
                    "choose one: `doses csv(\"{}\") {{ id = {} }}`, or declare `param ID = {}` and write `id = ID`",
                    self.path, ids[0], ids[0]
                )));
            }
            None => {}
            Some((ExprKind::Number(id), value)) => {
                if !ids.contains(id) {
                    let message = format!("`{}` has no records of subject {id}, only of {}", self.path, known(&ids));
                    self.errors.push(Diagnostic::new(codes::data::RECORD, value.span, message));
                }
                self.table.records.retain(|record| record.id == *id);
            }
            Some((_, value)) => self.id = Some(value.clone()),
        }
    }

    fn events(&mut self, place: usize, ast: &Ast) -> Given {
        let mut given = Given::default();
        if !self.errors.is_empty() {
            return given;
        }
        let records = std::mem::take(&mut self.table.records);
        let resets: Vec<(f64, f64)> = records
            .iter()
            .filter(|r| matches!(r.kind, Kind::Reset | Kind::ResetAndDose))
            .map(|r| (r.id, r.time))
            .collect();
        if let Some(record) = records.iter().find(|r| matches!(r.kind, Kind::Reset | Kind::ResetAndDose)) {
            given.events.extend(self.resets(record, &resets, ast));
        }
        given.lead_in = self.lead_in(&records);
        let longest = given.lead_in.map_or(0.0, |lead_in| lead_in.interval);
        // Compartments in the order of their first dose.
        let states = states(ast);
        self.check_settings(&states, ast);
        let mut lists: Vec<(Expr, Way, Vec<Single>)> = Vec::new();
        for record in records.iter().filter(|record| matches!(record.kind, Kind::Dose | Kind::ResetAndDose)) {
            let Some(target) = self.compartment(record, &states) else { continue };
            let way = Way::of(record.rate);
            if let Some(word) = way.word()
                && self.setting(word, &target).is_none()
            {
                let help = format!("say it behind the table: `doses csv(…) {{ {word} {target} = … }}`");
                let error = self.refuse(
                    record.line,
                    "RATE",
                    format!("{} asks for the {word}, which is not given", record.rate),
                );
                error.help = Some(help);
                continue;
            }
            let singles = self.singles(record, &resets, longest);
            match lists.iter_mut().find(|(known, how, _)| known.kind == target.kind && *how == way) {
                Some((_, _, list)) => list.extend(singles),
                None => lists.push((target, way, singles)),
            }
        }
        for (k, (target, way, list)) in lists.into_iter().enumerate() {
            self.list((&target, way), &list, place * 1000 + k, ast, &mut given);
        }
        if self.errors.is_empty() { given } else { Given::default() }
    }

    /// What the records that ask for a steady state (`SS`) say of the time before the start. Such a record begins its
    /// subject's records, or stands less than an interval behind the one that does: then doses for ever before it are
    /// what it means.
    fn lead_in(&mut self, records: &[Record]) -> Option<LeadIn> {
        let mut lead_in: Option<LeadIn> = None;
        for record in records.iter().filter(|record| record.steady) {
            let own = || records.iter().filter(|other| other.id == record.id && other.kind != Kind::Other);
            let first = own().map(|other| other.time).fold(f64::INFINITY, f64::min);
            let begins = own().any(|other| other.time == first && other.steady);
            if !begins || record.time - record.interval >= first {
                self.refuse(
                    record.line,
                    "SS",
                    format!("other records of the subject, from time {first} on, come before this steady state"),
                )
                .help = Some("let the steady state begin the table, or write its doses (ADDL, II)".to_string());
                continue;
            }
            let all = lead_in.get_or_insert(LeadIn { since: record.time, interval: record.interval });
            (all.since, all.interval) = (all.since.max(first), all.interval.max(record.interval));
        }
        lead_in
    }

    /// A record's doses, those that follow it included, and those before it that make a steady state; `longest` is the
    /// longest distance between any of these.
    fn singles(&self, record: &Record, resets: &[(f64, f64)], longest: f64) -> Vec<Single> {
        let later = resets.iter().filter(|(id, time)| *id == record.id && *time > record.time).map(|(_, time)| *time);
        let until = later.fold(f64::INFINITY, f64::min);
        let before =
            if record.steady { (f64::from(LOOK_BACK) * longest / record.interval).min(MOST_BEFORE) } else { 0.0 };
        let places = -(before as i64)..=i64::from(record.further);
        let times = places.map(|k| record.time + k as f64 * record.interval);
        let single = |time| Single { time, amount: record.amount, rate: record.rate, id: record.id, until };
        times.filter(|time| *time < until).map(single).collect()
    }

    /// The compartment that a record names.
    fn compartment(&mut self, record: &Record, states: &[String]) -> Option<Expr> {
        let span = self.span;
        let plain = |name: &str| Expr { span, kind: ExprKind::Name(name.to_string()) };
        if let Ok(number) = record.compartment.parse::<u32>() {
            let mapped = self.doses.settings.iter().find_map(|setting| match setting {
                DoseSetting::Compartment(known, state) if *known == number => Some(state.clone()),
                _ => None,
            });
            let by_place = (number as usize).checked_sub(1).and_then(|k| states.get(k)).map(|name| plain(name));
            return mapped.or(by_place).or_else(|| {
                let list: Vec<String> = states.iter().enumerate().map(|(k, s)| format!("{} = {s}", k + 1)).collect();
                let error = self.refuse(record.line, "CMT", format!("there is no compartment {number}"));
                error.help = Some(format!("the states in their order are {}", list.join(", ")));
                None
            });
        }
        if states.contains(&record.compartment) {
            return Some(plain(&record.compartment));
        }
        let guess = closest(&record.compartment, states.iter().map(String::as_str)).map(str::to_string);
        let list = states.join(", ");
        let error = self.refuse(record.line, "CMT", format!("there is no state `{}`", record.compartment));
        error.help = Some(match guess {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("the states are {list}"),
        });
        None
    }

    /// The statement speaks of states, and once of each thing.
    fn check_settings(&mut self, states: &[String], ast: &Ast) {
        let mut seen: Vec<(String, Span)> = Vec::new();
        for setting in &self.doses.settings {
            let (what, target, span) = match setting {
                DoseSetting::Id(value) => ("id".to_string(), None, value.span),
                DoseSetting::Compartment(number, state) => (number.to_string(), Some(state), state.span),
                DoseSetting::Of(word, state, _) => (format!("{} {state}", word.name), Some(state), word.span),
            };
            if let Some((_, first)) = seen.iter().find(|(known, _)| *known == what) {
                let error = Diagnostic::new(codes::model::GIVEN_TWICE, span, format!("`{what}` is given twice"));
                self.errors.push(error.related(*first, "first given here").help("leave out one of them"));
            }
            seen.push((what, span));
            let Some(Expr { kind: ExprKind::Name(name), span }) = target else { continue };
            if !states.contains(name) && !is_array(ast, name) {
                let error = Diagnostic::new(codes::data::RECORD, *span, format!("there is no state `{name}`"));
                self.errors.push(match closest(name, states.iter().map(String::as_str)) {
                    Some(guess) => error.did_you_mean(*span, guess),
                    None => error.help(format!("the states are {}", states.join(", "))),
                });
            }
        }
    }

    /// What the statement says of a compartment.
    fn setting(&self, word: &str, target: &Expr) -> Option<Expr> {
        self.doses.settings.iter().find_map(|setting| match setting {
            DoseSetting::Of(known, state, value) if known.name == word && state.kind == target.kind => {
                Some(value.clone())
            }
            _ => None,
        })
    }

    /// The events of all doses of one kind into one compartment.
    fn list(&self, (target, way): (&Expr, Way), list: &[Single], place: usize, ast: &Ast, given: &mut Given) {
        let name = match &target.kind {
            ExprKind::Name(name) => name.as_str(),
            ExprKind::Subscript(ident, _) => ident.name.as_str(),
            _ => "",
        };
        let column = |f: &dyn Fn(&Single) -> f64| self.numbers(list.iter().map(f).collect());
        let share = self.setting("bioavailability", target);
        let amount = in_unit_of(Some(name), column(&|single| single.amount));
        let amount = match &share {
            Some(share) => product(share.clone(), Factor::Times, amount),
            None => amount,
        };
        let mut start = in_unit_of(None, column(&|single| single.time));
        if let Some(lag) = self.setting("lag", target) {
            start = sum(start, Sign::Plus, in_unit_of(None, lag));
            if list.iter().any(|single| single.until.is_finite()) {
                // What has not arrived when all is reset never does.
                let until = in_unit_of(None, column(&|single| single.until));
                let late = compare(Comparison::Ge, start.clone(), until);
                start = choice(late, self.never(), start);
            }
        }
        let ids = column(&|single| single.id);
        let start = self.chosen(&ids, start);
        let event = |trigger: Expr, label: String, set: Vec<(Expr, Expr)>| self.event(trigger, label, set, list.len());
        let file = self.path;
        if way == Way::Bolus {
            let value = sum(target.clone(), Sign::Plus, amount);
            given.events.push(event(start, format!("{file}: dose {target}"), vec![(target.clone(), value)]));
            return;
        }
        let over = |rate: Expr| product(amount.clone(), Factor::Over, rate);
        let (rate, duration) = match way {
            Way::Bolus | Way::Infusion => {
                let rate = column(&|single| single.rate);
                (rate.clone(), over(rate))
            }
            Way::Rate => {
                let rate = self.setting("rate", target).unwrap_or_else(|| number(f64::NAN, self.span));
                (rate.clone(), over(rate))
            }
            Way::Duration => {
                let set = self.setting("duration", target).unwrap_or_else(|| number(f64::NAN, self.span));
                let duration = in_unit_of(None, set);
                (over(duration.clone()), duration)
            }
        };
        let mut end = unless_before(start.clone(), sum(start.clone(), Sign::Plus, duration), ast);
        if list.iter().any(|single| single.until.is_finite()) {
            let until = in_unit_of(None, column(&|single| single.until));
            // What never begins does not end.
            let begun = compare(Comparison::Lt, start.clone(), until.clone());
            let least = Expr { span: self.span, kind: ExprKind::Call(self.word("min"), vec![end, until]) };
            end = choice(begun, least, self.never());
        }
        let infusion = Infusion::new(name, place, self.span);
        let at = |name: &str| Expr { span: self.span, kind: ExprKind::Name(name.to_string()) };
        let (begin, stop) = infusion.actions(&at, &rate);
        given.discretes.extend(infusion.declared(&at(&infusion.rate), &[]));
        given.terms.push((target.clone(), at(&infusion.rate)));
        let ended = event(end, format!("{file}: end of infusion {target}"), stop);
        given.events.push(Event { ends: true, ..ended });
        given.events.push(event(start, format!("{file}: infusion {target}"), begin));
    }

    /// The events that give every state its initial value back.
    fn resets(&mut self, first: &Record, resets: &[(f64, f64)], ast: &Ast) -> Vec<Event> {
        let mut set = Vec::new();
        for item in &ast.items {
            let ItemKind::Init(list) = &item.kind else { continue };
            for initial in list {
                if !initial.subscripts.is_empty() {
                    self.refuse(
                        first.line,
                        "EVID",
                        format!("a reset of arrays such as `{}` is not supported", initial.name.name),
                    );
                    return Vec::new();
                }
                let mut target = Expr { span: self.span, kind: ExprKind::Name(initial.name.name.clone()) };
                if initial.order > 0 {
                    let kind = ExprKind::Prime(Box::new(target), initial.order);
                    target = Expr { span: self.span, kind };
                }
                let own = (initial.order == 0).then_some(initial.name.name.as_str());
                let value = match own {
                    Some(name) => in_unit_of(Some(name), initial.value.clone()),
                    None => initial.value.clone(),
                };
                set.push((target, value));
            }
        }
        let ids = self.numbers(resets.iter().map(|(id, _)| *id).collect());
        let times = in_unit_of(None, self.numbers(resets.iter().map(|(_, time)| *time).collect()));
        vec![self.event(self.chosen(&ids, times), format!("{}: reset", self.path), set, resets.len())]
    }

    fn event(&self, trigger: Expr, label: String, set: Vec<(Expr, Expr)>, count: usize) -> Event {
        let range = Range { lo: number(1.0, self.span), hi: number(count as f64, self.span) };
        Event {
            label: Some(label),
            ends: false,
            trigger: Trigger::At(vec![trigger]),
            attributes: Vec::new(),
            actions: set.into_iter().map(|(target, value)| Action::Assign(target, value)).collect(),
            domain: vec![ForClause { index: self.word(RECORD), range }],
        }
    }

    /// A time that counts only for the subject chosen.
    fn chosen(&self, ids: &Expr, time: Expr) -> Expr {
        match &self.id {
            Some(id) => choice(compare(Comparison::Eq, id.clone(), ids.clone()), time, self.never()),
            None => time,
        }
    }

    /// The number of this turn, out of a list.
    fn numbers(&self, list: Vec<f64>) -> Expr {
        let index = Expr { span: self.span, kind: ExprKind::Name(RECORD.to_string()) };
        let place = sum(index, Sign::Minus, number(1.0, self.span));
        Expr { span: self.span, kind: ExprKind::Made(Box::new(Made::Numbers(Arc::from(list), place))) }
    }

    /// A time that no run reaches.
    fn never(&self) -> Expr {
        never(self.span)
    }

    fn word(&self, name: &str) -> Ident {
        Ident { name: name.to_string(), span: self.span }
    }
}

/// How a dose is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Bolus,
    /// At the record's rate.
    Infusion,
    /// At a rate that the model gives.
    Rate,
    /// In a time that the model gives.
    Duration,
}

impl Way {
    fn of(rate: f64) -> Way {
        match rate {
            0.0 => Way::Bolus,
            -1.0 => Way::Rate,
            -2.0 => Way::Duration,
            _ => Way::Infusion,
        }
    }

    /// What the statement must say of it.
    fn word(self) -> Option<&'static str> {
        match self {
            Way::Bolus | Way::Infusion => None,
            Way::Rate => Some("rate"),
            Way::Duration => Some("duration"),
        }
    }
}

/// Whether a name has an initial value as an array: then that the name stands alone is told elsewhere.
fn is_array(ast: &Ast, name: &str) -> bool {
    ast.items.iter().any(|item| match &item.kind {
        ItemKind::Init(list) => list.iter().any(|initial| initial.name.name == name && !initial.subscripts.is_empty()),
        _ => false,
    })
}

/// The names of the states without subscripts, in the order of the model.
fn states(ast: &Ast) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if !found.iter().any(|known| known == name) {
            found.push(name.to_string());
        }
    };
    for item in &ast.items {
        match &item.kind {
            ItemKind::Equation { lhs, .. } | ItemKind::Addition { lhs, .. } => {
                if let ExprKind::Prime(inner, _) = &lhs.kind
                    && let ExprKind::Name(name) = &inner.kind
                {
                    add(name);
                }
            }
            ItemKind::Reaction(reaction) => {
                let species = reaction.reactants.iter().chain(&reaction.products);
                species.filter(|s| s.subscripts.is_empty()).for_each(|s| add(&s.name.name));
            }
            _ => {}
        }
    }
    found
}
