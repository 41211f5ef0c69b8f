//! Switches that the state decides, made ready to be located: which branch holds becomes a number, the mode, that does
//! not change within a step.
//!
//! A comparison `a < b` in the equations becomes `m < 0 or (m = 0 and a < b)` with a mode m of its own, −1 or 1 by the
//! sign of a − b; so do those of `min`, `max` and `abs`. `floor` and `ceil` become the whole number that the mode stands
//! for, and a lookup in a curve the polynomial whose number it is (`lookups`). With a mode of 0 everything means what was written: the switch is left to the control of the step size. With
//! another one the equations are smooth along the whole step, also behind the place where a − b changes sign, which is
//! found on the step's dense output; the step ends there and the mode changes. (So do modelling languages of hybrid
//! systems: H. Elmqvist, F. Cellier & M. Otter, Object-oriented modeling of hybrid systems, ESS 1993.)
//!
//! A switch over indices is one template with an array of modes. Switches that time alone decides are in
//! [`super::switches`]; equality, which holds at single points only, and `min` and `max` over an index are no switches.

use rustc_hash::{FxHashMap, FxHashSet};

use super::lookups::Lookups;
use super::surfaces::degree_among;
use super::switches::timed;
use super::{Dim, Family, Kind, Model, Piece, Surface, Symbol};
use crate::expr::{Affine, CurveId, ExprId, Format, Graph, IndexRange, Node, Printer, Reads, Subscript, SymbolId};
use crate::math::{Binary, Compare, Unary};
use crate::source::Span;

/// The mode of a switch, or one per element of its index ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct Mode {
    /// The switch as a person reads it: `x > 1`, `floor(x)`.
    pub name: String,
    /// The modes; a symbol of [`Kind::Mode`] with a dimension per range.
    pub symbol: SymbolId,
    /// The indices it depends on.
    pub ranges: Vec<IndexRange>,
    /// What decides it.
    pub watch: Watch,
}

/// The functions that decide a mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Watch {
    /// The mode is the sign of one function.
    Side(Surface),
    /// The mode stands for a level k, a whole number: k + 1 from 0 on, k below. Both functions are positive on it.
    Level {
        /// x less the beginning of the level, for floors x − k; where the mode is 0 a number whose floor is k.
        above: Surface,
        /// The end of the level less x, for floors k + 1 − x.
        below: Surface,
    },
}

/// The most modes of a model; switches beyond are left to the step-size control.
const MOST: usize = 10_000;
/// The most characters of a switch's name.
const NAME: usize = 60;

/// The model with modes; none if it has no switches to locate.
pub fn with_modes(model: &Model) -> Option<Model> {
    if model.run.over_switches {
        return None;
    }
    let families = || model.definitions.iter().chain(&model.derivatives);
    let pieces = || families().flat_map(|family| &family.pieces);
    let roots: Vec<ExprId> = pieces().map(|piece| piece.value).chain(model.constraints.iter().copied()).collect();
    let moving = |id: &ExprId| model.graph.facts(*id).reads >= Reads::Time && switches(&model.graph, *id);
    let candidates: Vec<ExprId> = model.graph.reachable(&roots).into_iter().filter(moving).collect();
    if candidates.is_empty() {
        return None;
    }
    let mut model = model.clone();
    let timed = timed(&mut model.graph, &candidates);
    let candidates: FxHashSet<ExprId> =
        candidates.into_iter().filter(|id| !timed.contains(id) && moves(&model.graph, &model.symbols, *id)).collect();
    if candidates.is_empty() {
        return None;
    }
    let lists = [std::mem::take(&mut model.definitions), std::mem::take(&mut model.derivatives)];
    let constraints = std::mem::take(&mut model.constraints);
    let mut work = Work {
        model,
        candidates,
        lookups: Lookups::default(),
        known: FxHashMap::default(),
        rewritten: FxHashMap::default(),
        degrees: FxHashMap::default(),
        total: 0,
    };
    let [definitions, derivatives] = lists.map(|list| list.into_iter().map(|f| work.family(f)).collect());
    let constraints = constraints.into_iter().map(|value| work.expression(value, &[])).collect();
    let mut model = Model { definitions, derivatives, constraints, ..work.model };
    if model.modes.is_empty() {
        return None;
    }
    model.lay_out();
    Some(model)
}

/// Whether a node is of a kind that switches.
fn switches(graph: &Graph, id: ExprId) -> bool {
    match graph.node(id) {
        Node::Compare(op, ..) => matches!(op, Compare::Lt | Compare::Le),
        Node::Binary(op, ..) => matches!(op, Binary::Min | Binary::Max),
        Node::Unary(op, _) => matches!(op, Unary::Abs | Unary::Floor | Unary::Ceil),
        Node::Curve(curve, ..) => Lookups::has_pieces(graph, curve),
        _ => false,
    }
}

/// Whether a node changes between events: one that reads discrete quantities only does not.
fn moves(graph: &Graph, symbols: &[Symbol], id: ExprId) -> bool {
    graph.reachable(&[id]).iter().any(|id| match graph.node(*id) {
        Node::Time => true,
        Node::Symbol(symbol, _) => match symbols[symbol.0 as usize].kind {
            Kind::Discrete | Kind::Parameter | Kind::Mode => false,
            _ => graph.symbol_reads(symbol) >= Reads::Time,
        },
        _ => false,
    })
}

/// What a mode is known by: its function (for levels x), of what kind it is, and the ranges of its indices.
type Key = (ExprId, Decides, Vec<IndexRange>);

/// What a function decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Decides {
    /// A side, by its sign.
    Side,
    /// A level, by the whole numbers.
    Whole,
    /// A level, by the points of a curve.
    Piece(CurveId),
}

struct Work {
    model: Model,
    /// Nodes, as they were written, that become modes.
    candidates: FxHashSet<ExprId>,
    lookups: Lookups,
    known: FxHashMap<Key, ExprId>,
    rewritten: FxHashMap<(ExprId, Vec<IndexRange>), ExprId>,
    /// Of computed arrays that have been dealt with, the degree as polynomials.
    degrees: FxHashMap<SymbolId, Option<u8>>,
    /// Modes so far, element by element.
    total: usize,
}

impl Work {
    fn family(&mut self, family: Family) -> Family {
        let mut degree = Some(0);
        let mut pieces = Vec::with_capacity(family.pieces.len());
        for piece in family.pieces {
            let value = self.expression(piece.value, &piece.ranges);
            degree = self.degree(value).zip(degree).map(|(a, b)| a.max(b));
            pieces.push(Piece { value, ..piece });
        }
        self.degrees.insert(family.symbol, degree);
        Family { pieces, ..family }
    }

    fn degree(&self, value: ExprId) -> Option<u8> {
        degree_among(&self.model.graph, &self.model.symbols, &self.degrees, value)
    }

    /// An expression with modes where it switches; `scope` has the ranges of its indices.
    fn expression(&mut self, root: ExprId, scope: &[IndexRange]) -> ExprId {
        if let Some(done) = self.rewritten.get(&(root, scope.to_vec())) {
            return *done;
        }
        let mut new: FxHashMap<ExprId, ExprId> = FxHashMap::default();
        for id in self.model.graph.reachable_outside_reductions(&[root]) {
            let node = self.model.graph.node(id);
            let value = match node {
                Node::Reduce(kind, var, lo, hi, body) => {
                    let range = IndexRange { var, lo: lo.into(), hi: hi.into() };
                    let inner: Vec<IndexRange> =
                        scope.iter().copied().filter(|r| r.var != var).chain([range]).collect();
                    match self.expression(body, &inner) {
                        same if same == body => id,
                        body => self.model.graph.reduce(kind, range, body),
                    }
                }
                _ => {
                    let mut changed = false;
                    self.model.graph.for_each_operand(node, |operand| changed |= new[&operand] != operand);
                    let plain = if changed { self.model.graph.rebuild(node, &|operand| new[&operand]) } else { id };
                    let decided = self.candidates.contains(&id).then(|| self.decided(id, plain, scope));
                    decided.flatten().unwrap_or(plain)
                }
            };
            new.insert(id, value);
        }
        self.rewritten.insert((root, scope.to_vec()), new[&root]);
        new[&root]
    }

    /// A switching node with its mode; none if it cannot have one. `written` gives its name.
    fn decided(&mut self, written: ExprId, id: ExprId, scope: &[IndexRange]) -> Option<ExprId> {
        let zero = self.model.graph.constant(0.0);
        match self.model.graph.node(id) {
            Node::Compare(op, a, b) => self.comparison(written, op, a, b, scope),
            Node::Binary(Binary::Min, a, b) => {
                let condition = self.comparison(written, Compare::Lt, a, b, scope)?;
                Some(self.model.graph.select(condition, a, b))
            }
            Node::Binary(Binary::Max, a, b) => {
                let condition = self.comparison(written, Compare::Lt, b, a, scope)?;
                Some(self.model.graph.select(condition, a, b))
            }
            Node::Unary(Unary::Abs, a) => {
                let condition = self.comparison(written, Compare::Lt, a, zero, scope)?;
                let negative = self.model.graph.neg(a);
                Some(self.model.graph.select(condition, negative, a))
            }
            Node::Curve(curve, order, x) => {
                let (level, free) = self.level(written, x, Decides::Piece(curve), scope)?;
                let graph = &mut self.model.graph;
                let value = self.lookups.value(graph, (curve, order), x, level)?;
                Some(graph.select(free, id, value))
            }
            Node::Unary(Unary::Floor, a) => self.level(written, a, Decides::Whole, scope).map(|(level, free)| {
                let graph = &mut self.model.graph;
                graph.select(free, id, level)
            }),
            Node::Unary(Unary::Ceil, a) => {
                // ⌈a⌉ = −⌊−a⌋
                let turned = self.model.graph.neg(a);
                let (level, free) = self.level(written, turned, Decides::Whole, scope)?;
                let graph = &mut self.model.graph;
                let level = graph.neg(level);
                Some(graph.select(free, id, level))
            }
            _ => None,
        }
    }

    /// `a < b` or `a <= b` by its mode.
    fn comparison(
        &mut self,
        written: ExprId,
        op: Compare,
        a: ExprId,
        b: ExprId,
        scope: &[IndexRange],
    ) -> Option<ExprId> {
        // The functions a − b and b − a have one mode.
        let turned = match (self.model.graph.as_const(a), self.model.graph.as_const(b)) {
            (Some(_), None) => true,
            (None, Some(_)) => false,
            _ => a > b,
        };
        let graph = &mut self.model.graph;
        let value = if turned { graph.sub(b, a) } else { graph.sub(a, b) };
        let mode = self.mode(written, (value, Decides::Side), scope)?;
        let graph = &mut self.model.graph;
        let zero = graph.constant(0.0);
        let holds =
            if turned { graph.compare(Compare::Lt, zero, mode) } else { graph.compare(Compare::Lt, mode, zero) };
        let free = graph.compare(Compare::Eq, mode, zero);
        let plain = graph.compare(op, a, b);
        let looked = graph.and(free, plain);
        Some(graph.or(holds, looked))
    }

    /// The level of x by its mode, and whether the mode is 0.
    fn level(
        &mut self,
        written: ExprId,
        x: ExprId,
        decides: Decides,
        scope: &[IndexRange],
    ) -> Option<(ExprId, ExprId)> {
        let mode = self.mode(written, (x, decides), scope)?;
        let graph = &mut self.model.graph;
        let zero = graph.constant(0.0);
        let free = graph.compare(Compare::Eq, mode, zero);
        Some((level_of(graph, mode), free))
    }

    /// The mode of a function, old or new.
    fn mode(&mut self, written: ExprId, (value, decides): (ExprId, Decides), scope: &[IndexRange]) -> Option<ExprId> {
        let facts = self.model.graph.facts(value);
        let ranges: Vec<IndexRange> = scope.iter().copied().filter(|r| facts.free >> r.var.0 & 1 == 1).collect();
        let known = ranges.iter().fold(0u64, |bits, r| bits | 1 << r.var.0) == facts.free;
        let key = (value, decides, ranges);
        if let Some(mode) = self.known.get(&key) {
            return Some(*mode);
        }
        let ranges = key.2.clone();
        let len = ranges.iter().fold(1usize, |len, r| len.saturating_mul(r.len()));
        if !known || facts.reads < Reads::Time || self.total.saturating_add(len) > MOST {
            return None;
        }
        self.total += len;
        let name = self.name(written);
        let model = &mut self.model;
        let symbol = model.graph.declare(Reads::Time);
        let dims = ranges.iter().map(|r| Dim { lo: r.lo, hi: r.hi, periodic: false }).collect();
        let at = format!("mode {}", model.modes.len());
        model.symbols.push(Symbol { name: at, kind: Kind::Mode, dims, offset: 0, doc: None, span: Span::new(0, 0) });
        let subscripts = ranges.iter().map(|r| Subscript { affine: Affine::var(r.var), wrap: false }).collect();
        let subscripts = model.graph.subscripts_id(subscripts);
        let mode = model.graph.intern(Node::Symbol(symbol, subscripts));
        let degree = self.degree(value);
        let graph = &mut self.model.graph;
        let level = level_of(graph, mode);
        let watch = match decides {
            Decides::Side => Watch::Side(Surface { value, degree }),
            Decides::Whole => {
                let one = graph.constant(1.0);
                let above = graph.sub(value, level);
                let next = graph.add(level, one);
                let below = graph.sub(next, value);
                Watch::Level { above: Surface { value: above, degree }, below: Surface { value: below, degree } }
            }
            Decides::Piece(curve) => {
                let [above, below] = self.lookups.ends(graph, curve, value, level)?;
                let position = self.lookups.position(graph, curve, value)?;
                let zero = graph.constant(0.0);
                let free = graph.compare(Compare::Eq, mode, zero);
                let above = graph.select(free, position, above);
                Watch::Level { above: Surface { value: above, degree }, below: Surface { value: below, degree } }
            }
        };
        self.model.modes.push(Mode { name, symbol, ranges, watch });
        self.known.insert(key, mode);
        Some(mode)
    }

    fn name(&self, written: ExprId) -> String {
        let text = Printer::new(&self.model.graph, &self.model, Format::Text).expression(written);
        match text.char_indices().nth(NAME) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

/// The whole number a mode stands for; 0 where it is 0.
fn level_of(graph: &mut Graph, mode: ExprId) -> ExprId {
    let (zero, one) = (graph.constant(0.0), graph.constant(1.0));
    let positive = graph.compare(Compare::Lt, zero, mode);
    let less = graph.sub(mode, one);
    graph.select(positive, less, mode)
}
