//! Data in the model: which columns of which files the statements name, and the curves made of them.
//!
//! Files have been loaded by the time the model is checked ([`Sources::data`]); here their columns are found by heading or
//! number, read as numbers, and held against what they are for. Units are found out beside this ([`super::units`]); the
//! conversions it asks for are done here, number by number.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Dim;
use super::check::Checker;
use super::expression::Scope;
use crate::curve::{Curve, Outside, Shape};
use crate::diag::{Diagnostic, closest, codes};
use crate::expr::{Affine, CurveId, ExprId};
use crate::lang::ast::{Ast, Column, ColumnName, Csv, Expr, Ident, Input, ItemKind, Made, Unit, UnitBase};
use crate::lang::{is_name, keywords, parse_unit};
use crate::source::data::{Fault, Layout, lines};
use crate::source::{DataFile, Sources, Span};

/// A column that a statement names.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub file: Arc<DataFile>,
    /// Counted from 0.
    pub place: usize,
    /// The unit behind its heading, and whether it stands in brackets, where only a unit can.
    pub unit: Option<(Unit, bool)>,
    /// Where the statement names it, or its file.
    pub span: Span,
    /// As it is called in messages.
    pub name: String,
}

/// How numbers change from one unit to another: `(x + before)*factor - after`, or divided instead.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub before: f64,
    pub factor: f64,
    pub divisor: Option<f64>,
    pub after: f64,
}

impl Change {
    fn apply(&self, x: f64) -> f64 {
        let x = x + self.before;
        let x = match self.divisor {
            Some(divisor) => x / divisor,
            None => x * self.factor,
        };
        x - self.after
    }
}

/// The columns of all tables, by where these begin.
#[derive(Debug, Default)]
pub struct Data {
    columns: FxHashMap<u32, Vec<Chosen>>,
    /// Per column of an input, how its numbers change.
    pub changes: FxHashMap<(String, usize), Change>,
}

impl Data {
    /// Finds the columns that the statements name.
    pub fn of(ast: &Ast, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Data {
        let mut data = Data::default();
        for item in &ast.items {
            match &item.kind {
                ItemKind::Input(input) => {
                    let chosen = choose_two(&input.csv, sources, diagnostics);
                    data.columns.extend(chosen.map(|list| (input.csv.span.start, list)));
                }
                ItemKind::Param(list) => {
                    for value in list.iter().filter_map(|d| d.value.as_ref()) {
                        super::reading::walk(value, &mut |e| {
                            if let crate::lang::ast::ExprKind::Csv(csv) = &e.kind {
                                let chosen = choose(csv, sources, diagnostics);
                                data.columns.extend(chosen.map(|list| (csv.span.start, list)));
                            }
                        });
                    }
                }
                _ => {}
            }
        }
        data
    }

    /// The columns of a table; none if there is something wrong with it, which has been told.
    pub fn columns(&self, csv: &Csv) -> Option<&[Chosen]> {
        self.columns.get(&csv.span.start).map(Vec::as_slice)
    }
}

/// The two columns of an input, which a file of two need not name.
fn choose_two(csv: &Csv, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Chosen>> {
    let list = choose(csv, sources, diagnostics)?;
    if list.len() != 2 {
        let found = if csv.columns.is_empty() { "the file has" } else { "found" };
        let message = format!("an input takes two columns, of its argument and of its value; {found} {}", list.len());
        let error = Diagnostic::new(codes::data::COLUMN, csv.span, message);
        diagnostics.push(error.help(headings(&list.first()?.file)));
        return None;
    }
    Some(list)
}

/// The columns that a table names, all of its file if it names none.
pub fn choose(csv: &Csv, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Chosen>> {
    let file = sources.data(csv.path.span)?;
    let layout = match file.layout() {
        Ok(layout) => layout,
        Err(fault) => {
            let message = format!("`{}`: {}", csv.path.name, fault.message);
            diagnostics.push(helped(Diagnostic::new(codes::data::CELL, csv.path.span, message), fault.help));
            return None;
        }
    };
    let chosen = |place: usize, span: Span| {
        let heading = layout.headings.as_ref().and_then(|list| list.get(place));
        let (name, unit) = heading.map(|text| heading_parts(text, span)).unwrap_or_default();
        let name = if name.is_empty() { format!("{}", place + 1) } else { name.to_string() };
        Chosen { file: file.clone(), place, unit, span, name }
    };
    if csv.columns.is_empty() {
        return Some((0..layout.width).map(|place| chosen(place, csv.path.span)).collect());
    }
    let places: Vec<Option<usize>> =
        csv.columns.iter().map(|column| find(file, layout, &csv.path.name, column, diagnostics)).collect();
    let list = places.into_iter().zip(&csv.columns);
    list.map(|(place, column)| place.map(|place| chosen(place, column.span))).collect()
}

fn find(
    file: &DataFile,
    layout: &Layout,
    path: &str,
    column: &Column,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let wanted = match &column.which {
        ColumnName::Place(place) => {
            let place = *place as usize;
            if (1..=layout.width).contains(&place) {
                return Some(place - 1);
            }
            let message = format!("`{path}` has columns 1 to {}, not {place}", layout.width);
            diagnostics.push(Diagnostic::new(codes::data::COLUMN, column.span, message).help(headings(file)));
            return None;
        }
        ColumnName::Name(name) | ColumnName::Text(name) => name.as_str(),
    };
    let Some(list) = &layout.headings else {
        let message = format!("`{path}` has no headings, so no column `{wanted}`");
        let error = Diagnostic::new(codes::data::COLUMN, column.span, message);
        diagnostics.push(error.help(format!("name a column by its number, 1 to {}", layout.width)));
        return None;
    };
    if let Some(place) = heading_at(list, wanted) {
        return Some(place);
    }
    let bare = |text: &str| heading_parts(text, column.span).0.to_string();
    let error = Diagnostic::new(codes::data::COLUMN, column.span, format!("`{path}` has no column `{wanted}`"));
    let known: Vec<String> = list.iter().map(|heading| bare(heading)).collect();
    let same = known.iter().find(|name| name.eq_ignore_ascii_case(wanted)).map(String::as_str);
    diagnostics.push(match same.or_else(|| closest(wanted, known.iter().map(String::as_str))) {
        // A heading may be a word of the language.
        Some(guess) if is_name(guess) || keywords().contains(&guess) => error.did_you_mean(column.span, guess),
        Some(guess) => error.did_you_mean(column.span, &format!("\"{guess}\"")),
        None => error.help(headings(file)),
    });
    None
}

/// The column under a heading, counted from 0; a unit in brackets behind it is no part of its name.
fn heading_at(list: &[String], wanted: &str) -> Option<usize> {
    let exact = list.iter().position(|heading| heading == wanted);
    exact.or_else(|| list.iter().position(|heading| heading_parts(heading, Span::new(0, 0)).0 == wanted))
}

/// The column of that name, counted from 0.
pub fn column_of(layout: &Layout, name: &super::ColumnName) -> Option<usize> {
    match name {
        super::ColumnName::Heading(heading) => heading_at(layout.headings.as_deref()?, heading),
        super::ColumnName::Place(place) => (*place as usize).checked_sub(1).filter(|place| *place < layout.width),
    }
}

/// What the columns of a file are called, for a hint.
fn headings(file: &DataFile) -> String {
    const SHOWN: usize = 12;
    match file.layout() {
        Ok(layout) => match &layout.headings {
            Some(list) => {
                let names: Vec<String> = list.iter().take(SHOWN).map(|h| format!("`{h}`")).collect();
                let more = if list.len() > SHOWN { ", …" } else { "" };
                format!("its columns are {}{more}", names.join(", "))
            }
            None => format!("it has no headings; name columns by their numbers, 1 to {}", layout.width),
        },
        Err(fault) => fault.message,
    }
}

/// A heading's name, and the unit in brackets or parentheses behind it, with its place in the model.
fn heading_parts(text: &str, span: Span) -> (&str, Option<(Unit, bool)>) {
    for (open, close) in [('[', ']'), ('(', ')')] {
        if let Some(at) = text.strip_suffix(close).and_then(|_| text.find(open))
            && at > 0
        {
            let inside = &text[at + 1..text.len() - 1];
            let unit = parse_unit(inside).map(|mut unit| {
                place_unit(&mut unit, span);
                (unit, open == '[')
            });
            return (text[..at].trim_end(), unit);
        }
    }
    (text, None)
}

fn place_unit(unit: &mut Unit, span: Span) {
    unit.span = span;
    for factor in &mut unit.factors {
        factor.span = span;
        if let UnitBase::Group(group) = &mut factor.base {
            place_unit(group, span);
        }
    }
}

fn helped(error: Diagnostic, help: Option<String>) -> Diagnostic {
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}

/// The value that a word names, or an error that lists what it may be.
fn rule<T: Copy + Default>(
    word: Option<&Ident>,
    what: &str,
    all: &[(&'static str, T)],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<T> {
    let Some(word) = word else { return Some(T::default()) };
    if let Some((_, value)) = all.iter().find(|(name, _)| *name == word.name) {
        return Some(*value);
    }
    let names: Vec<String> = all.iter().map(|(name, _)| format!("`{name}`")).collect();
    let message = format!("expected {} {what}, found `{}`", names.join(", "), word.name);
    let error = Diagnostic::new(codes::data::RULE, word.span, message);
    diagnostics.push(match closest(&word.name, all.iter().map(|(name, _)| *name)) {
        Some(guess) => error.did_you_mean(word.span, guess),
        None => error.help(format!("write for example {}", names[names.len() - 1])),
    });
    None
}

impl Checker<'_> {
    /// Makes the curves of all inputs.
    pub(super) fn read_inputs(&mut self) {
        let found = self.found.clone();
        for (name, input) in &found.inputs {
            match self.curve(name, input) {
                Some(curve) => {
                    let id = self.graph.add_curve(Arc::new(curve));
                    self.inputs.insert(name.to_string(), id);
                }
                // Its errors have been told.
                None => _ = self.failed_functions.insert(name.to_string()),
            }
        }
    }

    /// The inputs, for those who ask what a model reads.
    pub(super) fn named_inputs(&self) -> Vec<super::Input> {
        let inputs = self.found.inputs.iter().filter_map(|(name, input)| {
            let curve = *self.inputs.get(*name)?;
            Some(super::Input {
                name: name.to_string(),
                file: input.csv.path.name.clone(),
                curve,
                span: input.name.span,
            })
        });
        inputs.collect()
    }

    fn curve(&mut self, name: &str, input: &Input) -> Option<Curve> {
        let shape = rule(input.shape.as_ref(), "between the points", &Shape::ALL, &mut self.diagnostics);
        let outside = rule(input.outside.as_ref(), "after `extrapolate`", &Outside::ALL, &mut self.diagnostics);
        let columns = self.data.columns(&input.csv)?.to_vec();
        let [x, y] = columns.as_slice() else { return None };
        let (knots, values) = (self.numbers(x, name, 0), self.numbers(y, name, 1));
        let (shape, outside, knots, values) = (shape?, outside?, knots?, values?);
        let path = &input.csv.path.name;
        // Lines are looked up only where there is an error.
        let line = |row: usize| x.file.rows().ok().and_then(|rows| rows.get(row).map(|row| row.line)).unwrap_or(0);
        if let Some(at) = knots.windows(2).position(|pair| !(pair[0] < pair[1])) {
            let (before, after, column) = (knots[at], knots[at + 1], &x.name);
            let error = if before == after {
                let message = format!(
                    "`{path}`, column `{column}`: {before} stands there twice, in {}",
                    lines(&[line(at), line(at + 1)], 2)
                );
                let error = Diagnostic::new(codes::data::ROWS, x.span, message);
                error.help("leave one of the rows out; for a jump, write the second a little later or use `previous`")
            } else {
                let message =
                    format!("`{path}`, column `{column}`, {}: {after} comes after {before}", lines(&[line(at + 1)], 1));
                Diagnostic::new(codes::data::ROWS, x.span, message).help("sort the rows by this column")
            };
            self.diagnostics.push(error);
            return None;
        }
        let ends = (values.first().copied()?, values.last().copied()?);
        let open = outside == Outside::Periodic && shape != Shape::Previous && ends.0 != ends.1;
        if knots.len() == 1 && (shape != Shape::Previous || outside == Outside::Periodic) {
            let error = Diagnostic::new(codes::data::ROWS, input.csv.span, format!("`{path}` has one row of data"));
            self.diagnostics.push(error.help("an input needs two points at least; one is enough with `previous`"));
            return None;
        }
        if open {
            let message = format!("`{name}` is periodic, but begins with {} and ends with {}", ends.0, ends.1);
            let error = Diagnostic::new(codes::data::ROWS, y.span, message);
            self.diagnostics.push(error.help("end with a row that repeats the first value, one period later"));
            return None;
        }
        Curve::new(name, shape, outside, knots, &values)
    }

    /// The numbers of a column, in the units of the model.
    fn numbers(&mut self, column: &Chosen, input: &str, which: usize) -> Option<Vec<f64>> {
        let values = self.column(column)?;
        Some(match self.data.changes.get(&(input.to_string(), which)) {
            Some(change) => values.iter().map(|x| change.apply(*x)).collect(),
            None => values.to_vec(),
        })
    }

    fn column(&mut self, column: &Chosen) -> Option<Arc<[f64]>> {
        match column.file.column(column.place) {
            Ok(values) => Some(values),
            Err(Fault { message, help, of_file }) => {
                let of = if of_file { String::new() } else { format!(", column `{}`", column.name) };
                let sign = if message.starts_with("line") { "," } else { ":" };
                let message = format!("`{}`{of}{sign} {message}", column.file.name());
                // What is wrong with a file is told once.
                if !self.diagnostics.iter().any(|known| known.message == message) {
                    self.diagnostics.push(helped(Diagnostic::new(codes::data::CELL, column.span, message), help));
                }
                None
            }
        }
    }

    /// The element of an array of data that belongs to the element a statement is about.
    pub(super) fn csv(&mut self, csv: &Csv, scope: &Scope) -> Option<ExprId> {
        let Some((dims, subscripts)) = scope.element.clone().filter(|(dims, _)| !dims.is_empty()) else {
            let error = Diagnostic::new(codes::data::PLACE, csv.span, "data cannot stand here");
            let help = "read them into an array of parameters, `param W[i,j] = csv(\"w.csv\")`, or for a function of time \
                        write `input T(t) = csv(\"temp.csv\", time, temp)`";
            self.diagnostics.push(error.help(help));
            return None;
        };
        let known = self.arrays.get(&csv.span.start).copied();
        let curve = match known {
            Some(known) => known,
            None => {
                let made = self.array(csv, &dims);
                self.arrays.insert(csv.span.start, made);
                made
            }
        }?;
        let place = dims.iter().zip(&subscripts).try_fold(Affine::default(), |place, (dim, subscript)| {
            let scaled = Affine::default().add_scaled(&place, dim.len() as i64)?;
            scaled.add_scaled(subscript, 1)?.add_scaled(&Affine::constant(dim.lo), -1)
        })?;
        let place = self.graph.affine_value(&place);
        Some(self.graph.apply(curve, 0, place))
    }

    /// The numbers of an array, row by row.
    fn array(&mut self, csv: &Csv, dims: &[Dim]) -> Option<CurveId> {
        let chosen = self.data.columns(csv)?.to_vec();
        let columns: Vec<_> = chosen.iter().map(|column| self.column(column)).collect();
        let columns: Vec<Arc<[f64]>> = columns.into_iter().collect::<Option<_>>()?;
        let (rows, width) = (columns.first().map_or(0, |column| column.len()), columns.len());
        let fits = match dims {
            // A row is a vector, too.
            [n] => (width == 1 && rows == n.len()) || (rows == 1 && width == n.len()),
            [n, m] => rows == n.len() && width == m.len(),
            _ => false,
        };
        if !fits {
            let size: Vec<String> = dims.iter().map(|dim| dim.len().to_string()).collect();
            let s = |n: usize| if n == 1 { "" } else { "s" };
            let of = if csv.columns.is_empty() { "" } else { " of those named" };
            let message = format!(
                "`{}` has {rows} row{} and {width} column{}{of}, the array is {}",
                csv.path.name,
                s(rows),
                s(width),
                size.join(" by ")
            );
            let error = Diagnostic::new(codes::data::SIZE, csv.span, message);
            self.diagnostics.push(match dims {
                [_] if width > 1 => error.help("name the column: `csv(\"w.csv\", weight)`"),
                [_] | [_, _] => error.help("rows count with the first subscript, columns with the second"),
                _ => error.help("data fill arrays of one or two subscripts"),
            });
            return None;
        }
        let values = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        Some(self.graph.add_curve(Arc::new(Curve::array("data", values))))
    }

    /// A call of an input; none if no input has that name.
    pub(super) fn input(&mut self, name: &str, list: &[Expr], span: Span, scope: &mut Scope) -> Option<Option<ExprId>> {
        if !self.found.inputs.contains_key(name) {
            return None;
        }
        let values: Vec<_> = list.iter().map(|value| self.real(value, scope)).collect();
        // Without a curve its errors have been told.
        let curve = self.inputs.get(name).copied();
        Some(match (curve, values.as_slice()) {
            (Some(curve), [value]) => value.map(|value| self.graph.apply(curve, 0, value)),
            (Some(_), _) => {
                self.wrong_count(name, "1", values.len(), span);
                None
            }
            (None, _) => None,
        })
    }

    /// An expression that nobody wrote.
    pub(super) fn made(&mut self, made: &Made, scope: &mut Scope) -> Option<ExprId> {
        let inner = self.real(made.inner(), scope)?;
        Some(match made {
            Made::Numbers(values, _) => {
                let curve = self.graph.add_curve(Arc::new(Curve::array("data", values.to_vec())));
                self.graph.apply(curve, 0, inner)
            }
            Made::InUnitOf(..) => inner,
        })
    }
}
