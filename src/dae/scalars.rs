//! The model's equations without arrays: reductions written out, computed arrays put in place, every reference to an
//! element by numbers. And what is done with such expressions: reading off unknowns, replacing elements, d/dt.

use rustc_hash::FxHashMap;

use super::Variable;
use crate::diff::{Direction, tangent};
use crate::expr::{Affine, ExprId, IndexRange, Node, Reads, Reduction, SubsId, Subscript, SymbolId, VarId, turns};
use crate::math::Binary;
use crate::model::{Family, Implicit, Kind, Model, Piece, Symbol};
use crate::name::with_subscripts;

/// The model in work.
pub struct Scalars {
    pub model: Model,
    /// Symbols of each unknown by order of derivative; further orders are declared as they come up.
    pub unknowns: Vec<Vec<SymbolId>>,
    /// Unknown and order of a symbol.
    of_symbol: FxHashMap<SymbolId, (usize, usize)>,
    /// Where each unknown's elements start.
    starts: Vec<usize>,
    /// d/dt of the states that have equations of their own, by symbol; each stands for their family.
    slopes: FxHashMap<SymbolId, SymbolId>,
    slope_of: FxHashMap<SymbolId, SymbolId>,
    plain: FxHashMap<ExprId, ExprId>,
}

impl Scalars {
    pub fn new(model: Model, implicit: &Implicit) -> Self {
        let unknowns: Vec<Vec<SymbolId>> = implicit.unknowns.iter().map(|u| u.symbols.clone()).collect();
        let mut of_symbol = FxHashMap::default();
        let (mut starts, mut next) = (Vec::new(), 0);
        for (k, symbols) in unknowns.iter().enumerate() {
            symbols.iter().enumerate().for_each(|(order, symbol)| _ = of_symbol.insert(*symbol, (k, order)));
            starts.push(next);
            next += model.symbol(symbols[0]).len();
        }
        starts.push(next);
        Scalars {
            model,
            unknowns,
            of_symbol,
            starts,
            slopes: FxHashMap::default(),
            slope_of: FxHashMap::default(),
            plain: FxHashMap::default(),
        }
    }

    /// Number of elements of all unknowns.
    pub fn elements(&self) -> usize {
        self.starts[self.unknowns.len()]
    }

    /// The unknown an element belongs to, and its place in it.
    pub fn unknown_of(&self, element: usize) -> (usize, usize) {
        let unknown = self.starts.partition_point(|start| *start <= element) - 1;
        (unknown, element - self.starts[unknown])
    }

    /// The elements of an unknown.
    pub fn elements_of(&self, unknown: usize) -> std::ops::Range<usize> {
        self.starts[unknown]..self.starts[unknown + 1]
    }

    /// The subscripts of an element.
    pub fn subscripts(&self, element: usize) -> Vec<i64> {
        let (unknown, mut place) = self.unknown_of(element);
        let dims = &self.model.symbol(self.unknowns[unknown][0]).dims;
        let mut list = vec![0; dims.len()];
        for (s, dim) in list.iter_mut().zip(dims).rev() {
            *s = dim.lo + (place % dim.len()) as i64;
            place /= dim.len();
        }
        list
    }

    /// Its name, `u[3]'`.
    pub fn name(&self, variable: Variable) -> String {
        let (unknown, _) = self.unknown_of(variable.element);
        let name = &self.model.symbol(self.unknowns[unknown][0]).name;
        let subscripts: Vec<String> = self.subscripts(variable.element).iter().map(i64::to_string).collect();
        let name = if subscripts.is_empty() { name.clone() } else { with_subscripts(name, &subscripts) };
        format!("{name}{}", "'".repeat(variable.order))
    }

    /// Whether the unknown is no array.
    pub fn is_scalar(&self, element: usize) -> bool {
        let (unknown, _) = self.unknown_of(element);
        self.model.symbol(self.unknowns[unknown][0]).dims.is_empty()
    }

    /// Its node.
    pub fn node(&mut self, variable: Variable) -> ExprId {
        let (unknown, _) = self.unknown_of(variable.element);
        self.declare_order(unknown, variable.order);
        let list = self.subscripts(variable.element);
        let subs = self.subscripts_id(&list);
        self.model.graph.intern(Node::Symbol(self.unknowns[unknown][variable.order], subs))
    }

    pub fn subscripts_id(&mut self, list: &[i64]) -> SubsId {
        let list = list.iter().map(|s| Subscript { affine: Affine::constant(*s), wrap: false }).collect();
        self.model.graph.subscripts_id(list)
    }

    /// The unknown's symbols up to that order of derivative.
    fn declare_order(&mut self, unknown: usize, order: usize) {
        while self.unknowns[unknown].len() <= order {
            let first = self.model.symbol(self.unknowns[unknown][0]).clone();
            let order = self.unknowns[unknown].len();
            let name = format!("{}{}", first.name, "'".repeat(order));
            let id = self.declare(Symbol { name, doc: None, ..first });
            self.of_symbol.insert(id, (unknown, order));
            self.unknowns[unknown].push(id);
        }
    }

    /// A new symbol that is read like a state.
    pub fn declare(&mut self, symbol: Symbol) -> SymbolId {
        self.model.symbols.push(symbol);
        self.model.graph.declare(Reads::State)
    }

    /// The unknowns an expression reads; it must be plain.
    pub fn variables(&self, root: ExprId) -> Vec<Variable> {
        let mut list: Vec<Variable> = Vec::new();
        for id in self.model.graph.reachable(&[root]) {
            if let Node::Symbol(symbol, subs) = self.model.graph.node(id)
                && let Some((unknown, order)) = self.of_symbol.get(&symbol)
            {
                let place = self.model.symbol(symbol).place(&self.numbers(subs));
                list.push(Variable { element: self.starts[*unknown] + place, order: *order });
            }
        }
        list.sort_unstable();
        list.dedup();
        list
    }

    fn numbers(&self, subs: SubsId) -> Vec<i64> {
        self.model.graph.subscripts(subs).iter().map(|s| s.affine.offset).collect()
    }

    /// The states with equations of their own that a plain expression reads.
    pub fn states(&self, root: ExprId) -> Vec<(SymbolId, SubsId)> {
        let graph = &self.model.graph;
        let leaves = graph.reachable(&[root]).into_iter().filter_map(|id| match graph.node(id) {
            Node::Symbol(symbol, subs) => Some((symbol, subs)),
            _ => None,
        });
        let own =
            |symbol: &SymbolId| self.model.symbol(*symbol).kind == Kind::State && !self.of_symbol.contains_key(symbol);
        leaves.filter(|(symbol, _)| own(symbol)).collect()
    }

    /// The derivative of an element of such a state.
    pub fn slope_at(&mut self, state: SymbolId, subs: SubsId) -> ExprId {
        let family = self.model.derivatives.iter().find(|f| f.symbol == state).cloned();
        let at = self.numbers(subs);
        let zero = self.model.graph.constant(0.0);
        // Every state has a family that covers it.
        family.and_then(|family| self.value_at(&family, &at)).unwrap_or(zero)
    }

    /// The expression without reductions and computed arrays.
    pub fn plain(&mut self, root: ExprId) -> ExprId {
        if let Some(known) = self.plain.get(&root) {
            return *known;
        }
        let mut new: FxHashMap<ExprId, ExprId> = FxHashMap::default();
        for id in self.model.graph.reachable_outside_reductions(&[root]) {
            let value = match self.model.graph.node(id) {
                Node::Reduce(kind, var, lo, hi, body) => self.written_out(kind, (var, lo.into(), hi.into()), body),
                Node::Symbol(symbol, subs) => self.element(symbol, subs).unwrap_or(id),
                node => self.model.graph.rebuild(node, &|operand| new[&operand]),
            };
            new.insert(id, value);
        }
        self.plain.insert(root, new[&root]);
        new[&root]
    }

    fn written_out(&mut self, kind: Reduction, (var, lo, hi): (VarId, i64, i64), body: ExprId) -> ExprId {
        let mut result: Option<ExprId> = None;
        for at in lo..=hi {
            let with = FxHashMap::from_iter([(var, Affine::constant(at))]);
            let value = self.model.graph.substitute(body, &with);
            let value = self.plain(value);
            let graph = &mut self.model.graph;
            result = Some(match (result, kind) {
                (None, _) => value,
                (Some(sum), Reduction::Sum) => graph.add(sum, value),
                (Some(product), Reduction::Prod) => graph.mul(product, value),
                (Some(least), Reduction::Min) => graph.binary(Binary::Min, least, value),
                (Some(most), Reduction::Max) => graph.binary(Binary::Max, most, value),
            });
        }
        // Ranges are not empty.
        result.unwrap_or(body)
    }

    /// The value of an element of a computed array, or an element whose subscripts wrapped; none where the reference
    /// stands as it is.
    fn element(&mut self, symbol: SymbolId, subs: SubsId) -> Option<ExprId> {
        let list = self.model.graph.subscripts(subs).to_vec();
        let dims = self.model.symbol(symbol).dims.clone();
        let wrapped: Vec<i64> = list
            .iter()
            .zip(&dims)
            .map(|(s, dim)| dim.lo + (s.affine.offset - dim.lo).rem_euclid(dim.len().max(1) as i64))
            .collect();
        let reads = self.model.graph.symbol_reads(symbol);
        if self.model.symbol(symbol).kind == Kind::Definition && reads > Reads::Parameters {
            let family = self.model.definitions.iter().find(|f| f.symbol == symbol)?.clone();
            return self.value_at(&family, &wrapped);
        }
        if list.iter().any(|s| s.wrap) {
            let subs = self.subscripts_id(&wrapped);
            return Some(self.model.graph.intern(Node::Symbol(symbol, subs)));
        }
        None
    }

    /// The plain value of one element of a family.
    pub fn value_at(&mut self, family: &Family, subscripts: &[i64]) -> Option<ExprId> {
        let with = |piece: &Piece| {
            let mut with: FxHashMap<VarId, Affine> = FxHashMap::default();
            for (target, at) in piece.subscripts.iter().zip(subscripts) {
                match target.terms.as_slice() {
                    [] if target.offset == *at => {}
                    [(var, 1)] => {
                        let value = at - target.offset;
                        piece.ranges.iter().find(|r| r.var == *var && (r.lo..=r.hi).contains(&value))?;
                        with.insert(*var, Affine::constant(value));
                    }
                    _ => return None,
                }
            }
            Some(with)
        };
        let (piece, with) = family.pieces.iter().find_map(|piece| Some((piece, with(piece)?)))?;
        let value = self.model.graph.substitute(piece.value, &with);
        Some(self.plain(value))
    }

    /// A plain expression with elements replaced.
    pub fn replace(&mut self, root: ExprId, with: &dyn Fn(SymbolId, SubsId) -> Option<ExprId>) -> ExprId {
        self.model.graph.replace(root, &mut FxHashMap::default(), &|_, node, _| match node {
            Node::Symbol(symbol, subs) => with(symbol, subs),
            _ => None,
        })
    }

    /// The total derivative by t of a plain expression: states with equations of their own change as those say, unknowns
    /// by their next derivative.
    pub fn rate(&mut self, root: ExprId) -> ExprId {
        let one = self.model.graph.constant(1.0);
        let mut direction = Direction { time: Some(one), ..Direction::default() };
        for id in self.model.graph.reachable(&[root]) {
            let Node::Symbol(symbol, _) = self.model.graph.node(id) else { continue };
            if let Some((unknown, order)) = self.of_symbol.get(&symbol).copied() {
                self.declare_order(unknown, order + 1);
                direction.tangents.insert(symbol, self.unknowns[unknown][order + 1]);
            } else if self.model.symbol(symbol).kind == Kind::State {
                let slope = self.slope(symbol);
                direction.tangents.insert(symbol, slope);
            }
        }
        let rate = tangent(&mut self.model.graph, root, &direction);
        let mut values: FxHashMap<(SymbolId, SubsId), ExprId> = FxHashMap::default();
        for id in self.model.graph.reachable(&[rate]) {
            let Node::Symbol(symbol, subs) = self.model.graph.node(id) else { continue };
            let Some(state) = self.slope_of.get(&symbol).copied() else { continue };
            values.insert((symbol, subs), self.slope_at(state, subs));
        }
        self.replace(rate, &|symbol, subs| values.get(&(symbol, subs)).copied())
    }

    fn slope(&mut self, state: SymbolId) -> SymbolId {
        if let Some(known) = self.slopes.get(&state) {
            return *known;
        }
        let of = self.model.symbol(state).clone();
        let id = self.declare(Symbol { name: format!("d {}", of.name), kind: Kind::Definition, offset: 0, ..of });
        self.slopes.insert(state, id);
        self.slope_of.insert(id, state);
        id
    }

    /// Every choice of values for the ranges, outermost first.
    pub fn turns(ranges: &[IndexRange]) -> Vec<FxHashMap<VarId, Affine>> {
        let constants =
            |turn: Vec<(VarId, i64)>| turn.into_iter().map(|(var, at)| (var, Affine::constant(at))).collect();
        turns(ranges).map(constants).collect()
    }
}
