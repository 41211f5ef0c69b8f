//! Switches that time alone decides: the times at which the right-hand side jumps or has a kink, found in the model.
//!
//! `if t < t1`, `pulse(t, t0, width)`, `max(t - t0, 0)` switch where an affine function of time is zero, `floor(t/P)` where
//! it is a whole number. A step ends there exactly. Switches that the state decides are in [`super::modes`].

use super::{Family, Model, Piece};
use crate::curve::{Curve, Outside};
use crate::expr::{Affine, ExprId, Graph, IndexRange, Node, Reads};
use crate::math::{Binary, Unary};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// When a switch comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// Once.
    At(ExprId),
    /// Again and again, in both directions of time.
    Every {
        /// One of the times.
        from: ExprId,
        /// The distance; of either sign.
        period: ExprId,
    },
}

/// A switch, or one per element of its index ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct Switch {
    /// When.
    pub when: When,
    /// The indices its time depends on.
    pub ranges: Vec<IndexRange>,
}

/// The most elements of a switch over indices; more are left to the step-size control.
const MOST_ELEMENTS: usize = 10_000;

/// The index of a curve's knots.
const KNOT: &str = "knot of a curve";

/// `slope·t/per + offset`, where none of the three changes during a run.
#[derive(Clone, Copy)]
pub(super) struct Line {
    slope: ExprId,
    per: ExprId,
    offset: ExprId,
}

/// The switches of the equations and of the conditions of events.
pub fn switches(model: &mut Model) -> Vec<Switch> {
    let mut roots: Vec<(ExprId, Vec<IndexRange>)> = Vec::new();
    let families = model.definitions.iter().chain(&model.derivatives);
    let pieces =
        |family: &Family| family.pieces.iter().map(|p: &Piece| (p.value, p.ranges.clone())).collect::<Vec<_>>();
    roots.extend(families.flat_map(pieces));
    for event in &model.events {
        if let super::Trigger::When(condition) = &event.trigger {
            roots.extend(condition.surfaces.iter().map(|s| (s.value, event.ranges.clone())));
        }
    }
    let conditions = roots.len() - model.events.iter().map(surfaces).sum::<usize>();
    let mut finder = Finder::new(&mut model.graph);
    let mut seen = FxHashSet::default();
    for (k, (root, ranges)) in roots.iter().enumerate() {
        if k >= conditions {
            finder.zero(*root).into_iter().for_each(|when| finder.add(when, ranges));
        }
        for id in finder.graph.reachable(&[*root]) {
            if finder.graph.facts(id).reads >= Reads::Time && seen.insert((id, ranges.clone())) {
                finder.when(id).into_iter().for_each(|when| finder.add(when, ranges));
                if let Node::Curve(curve, _, argument) = finder.graph.node(id)
                    && let Some(line) = finder.line(argument)
                {
                    let curve = finder.graph.curve(curve).clone();
                    finder.knots(&curve, line, ranges);
                }
            }
        }
    }
    let mut told = FxHashSet::default();
    let mut found = finder.found;
    found.retain(|switch: &Switch| told.insert((switch.when, switch.ranges.clone())));
    found.retain(|switch| switch.when.is_fixed(&model.graph));
    found
}

/// Those of some nodes at whose switching a step ends because time alone decides it.
pub(super) fn timed(graph: &mut Graph, nodes: &[ExprId]) -> FxHashSet<ExprId> {
    let mut finder = Finder::new(graph);
    let mut timed = FxHashSet::default();
    for id in nodes {
        let by_time = match finder.graph.node(*id) {
            Node::Curve(_, _, argument) => finder.line(argument).is_some_and(|line| line.is_fixed(finder.graph)),
            _ => finder.when(*id).is_some_and(|when| when.is_fixed(finder.graph)),
        };
        if by_time {
            timed.insert(*id);
        }
    }
    timed
}

impl Line {
    /// Whether it is known before the run: what a discrete quantity moves is not.
    fn is_fixed(self, graph: &Graph) -> bool {
        [self.slope, self.per, self.offset].iter().all(|id| graph.facts(*id).reads <= Reads::Parameters)
    }
}

impl When {
    /// The same.
    fn is_fixed(self, graph: &Graph) -> bool {
        let fixed = |id: ExprId| graph.facts(id).reads <= Reads::Parameters;
        match self {
            When::At(time) => fixed(time),
            When::Every { from, period } => fixed(from) && fixed(period),
        }
    }
}

fn surfaces(event: &super::Event) -> usize {
    match &event.trigger {
        super::Trigger::When(condition) => condition.surfaces.len(),
        _ => 0,
    }
}

/// Finds the times of switches.
pub(super) struct Finder<'g> {
    pub graph: &'g mut Graph,
    lines: FxHashMap<ExprId, Option<Line>>,
    found: Vec<Switch>,
}

impl<'g> Finder<'g> {
    /// With nothing found yet.
    pub fn new(graph: &'g mut Graph) -> Self {
        Finder { graph, lines: FxHashMap::default(), found: Vec::new() }
    }

    /// When a node that reads time switches, if time alone decides it.
    fn when(&mut self, id: ExprId) -> Option<When> {
        match self.graph.node(id) {
            // Both lines must be known; their difference is zero where it switches.
            Node::Compare(_, a, b) | Node::Binary(Binary::Min | Binary::Max, a, b)
                if self.line(a).is_some() && self.line(b).is_some() =>
            {
                let difference = self.graph.sub(a, b);
                self.zero(difference)
            }
            Node::Unary(Unary::Abs, a) => self.zero(a),
            Node::Unary(Unary::Floor | Unary::Ceil, a) => {
                let (from, period) = self.line(a).and_then(|line| self.whole(line))?;
                Some(When::Every { from, period })
            }
            _ => None,
        }
    }

    /// The times at which a curve's argument is at a knot: one switch over the knots, however many these are.
    fn knots(&mut self, curve: &Curve, line: Line, ranges: &[IndexRange]) {
        let knots = match curve.outside() {
            // The last is the first once more.
            Outside::Periodic => curve.knots().len().saturating_sub(1),
            _ => curve.knots().len(),
        };
        let (Some(var), true) = (self.graph.var(KNOT), knots > 0 && self.graph.as_const(line.slope) != Some(0.0))
        else {
            return;
        };
        let list = self.graph.add_curve(Arc::new(Curve::array("knots", curve.knots()[..knots].to_vec())));
        let place = self.graph.affine_value(&Affine::var(var));
        let knot = self.graph.apply(list, 0, place);
        let beyond = self.graph.sub(knot, line.offset);
        let from = self.at_time(beyond, line);
        let when = match curve.outside() {
            Outside::Periodic => {
                let (first, last) = curve.range();
                let period = self.graph.constant(last - first);
                When::Every { from, period: self.at_time(period, line) }
            }
            _ => When::At(from),
        };
        let all = ranges.iter().copied().chain([IndexRange { var, lo: 0, hi: knots as i64 - 1 }]);
        let needed: Vec<IndexRange> = all.filter(|r| self.graph.facts(from).free >> r.var.0 & 1 == 1).collect();
        let copies: usize = needed.iter().map(|r| r.len()).product::<usize>() / knots;
        if copies <= MOST_ELEMENTS / knots.min(MOST_ELEMENTS) {
            self.found.push(Switch { when, ranges: needed });
        }
    }

    /// `distance·per/slope`
    fn at_time(&mut self, distance: ExprId, line: Line) -> ExprId {
        let scaled = self.graph.mul(distance, line.per);
        self.graph.div(scaled, line.slope)
    }

    /// Where an expression is zero, if it is a line.
    fn zero(&mut self, id: ExprId) -> Option<When> {
        self.line(id).and_then(|line| self.root(line)).map(When::At)
    }

    fn root(&mut self, line: Line) -> Option<ExprId> {
        if self.graph.as_const(line.slope) == Some(0.0) {
            return None;
        }
        let negative = self.graph.neg(line.offset);
        let scaled = self.graph.mul(negative, line.per);
        Some(self.graph.div(scaled, line.slope))
    }

    fn whole(&mut self, line: Line) -> Option<(ExprId, ExprId)> {
        let from = self.root(line)?;
        Some((from, self.graph.div(line.per, line.slope)))
    }

    fn add(&mut self, when: When, ranges: &[IndexRange]) {
        let free = match when {
            When::At(time) => self.graph.facts(time).free,
            When::Every { from, period } => self.graph.facts(from).free | self.graph.facts(period).free,
        };
        let needed: Vec<IndexRange> = ranges.iter().copied().filter(|r| free >> r.var.0 & 1 == 1).collect();
        let known = needed.iter().fold(0u64, |bits, r| bits | 1 << r.var.0) == free;
        if known && needed.iter().map(|r| r.len()).product::<usize>() <= MOST_ELEMENTS {
            self.found.push(Switch { when, ranges: needed });
        }
    }

    /// The expression as a line in time, if it is one.
    pub fn line(&mut self, id: ExprId) -> Option<Line> {
        if let Some(known) = self.lines.get(&id) {
            return *known;
        }
        for part in self.graph.reachable_outside_reductions(&[id]) {
            if !self.lines.contains_key(&part) {
                let line = self.line_of(part);
                self.lines.insert(part, line);
            }
        }
        self.lines.get(&id).copied().flatten()
    }

    fn line_of(&mut self, id: ExprId) -> Option<Line> {
        let (zero, one) = (self.graph.constant(0.0), self.graph.constant(1.0));
        if self.graph.facts(id).reads <= Reads::Parameters {
            return Some(Line { slope: zero, per: one, offset: id });
        }
        let of = |own: &Self, x: ExprId| own.lines.get(&x).copied().flatten();
        match self.graph.node(id) {
            Node::Time => Some(Line { slope: one, per: one, offset: zero }),
            Node::Unary(Unary::Neg, a) => {
                let line = of(self, a)?;
                let (slope, offset) = (self.graph.neg(line.slope), self.graph.neg(line.offset));
                Some(Line { slope, per: line.per, offset })
            }
            Node::Binary(op @ (Binary::Add | Binary::Sub), a, b) => {
                let (left, right) = (of(self, a)?, of(self, b)?);
                let flat = |own: &Self, line: Line| own.graph.as_const(line.slope) == Some(0.0);
                let (slope, per) = if flat(self, right) {
                    (left.slope, left.per)
                } else {
                    let turned = if op == Binary::Sub { self.graph.neg(right.slope) } else { right.slope };
                    if flat(self, left) {
                        (turned, right.per)
                    } else if left.per == right.per {
                        (self.graph.add(left.slope, turned), left.per)
                    } else {
                        return None;
                    }
                };
                Some(Line { slope, per, offset: self.graph.binary(op, left.offset, right.offset) })
            }
            Node::Binary(Binary::Mul, a, b) => {
                let fixed = |own: &Self, x: ExprId| own.graph.facts(x).reads <= Reads::Parameters;
                let (line, factor) = if fixed(self, a) { (of(self, b)?, a) } else { (of(self, a)?, b) };
                if !fixed(self, factor) {
                    return None;
                }
                let (slope, offset) = (self.graph.mul(line.slope, factor), self.graph.mul(line.offset, factor));
                Some(Line { slope, per: line.per, offset })
            }
            Node::Binary(Binary::Div, a, b) if self.graph.facts(b).reads <= Reads::Parameters => {
                let line = of(self, a)?;
                let (per, offset) = (self.graph.mul(line.per, b), self.graph.div(line.offset, b));
                Some(Line { per, offset, ..line })
            }
            _ => None,
        }
    }
}
