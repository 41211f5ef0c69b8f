//! Products of the transposed Jacobians in one pass: Jᵀμ and (∂f/∂p)ᵀμ together, and the same of J v + τ ∂f/∂t.
//!
//! Method: reverse accumulation of Σ μ_i f_i (Griewank & Walther, Evaluating Derivatives, ch. 3). No matrix is formed; the cost is
//! that of a few evaluations of f, however many parameters there are. Computed arrays get an array of adjoints each, which is
//! complete when the array's own templates are gone through, so templates never meet across arrays. Equations over the same
//! indices are gone through together and share what they have in common.

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::Unsupported;
use super::forward::{declare, product_in_time};
use super::reverse::{accumulate, unwrapped};
use crate::expr::{Affine, ExprId, Graph, IndexRange, Node, Reads, Reduction, Subscript, SymbolId};
use crate::model::{Family, Kind, Model, Symbol};

/// Statements that add the products to adjoints, over a graph that extends the model's.
#[derive(Clone, Debug)]
pub struct Pull {
    /// The model's graph and the derivatives' nodes.
    pub graph: Graph,
    /// The model's symbols, then those brought in. Adjoints ([`Kind::Adjoint`]) are those of the states, of parameters and
    /// discrete quantities, and of computed arrays.
    pub symbols: Vec<Symbol>,
    /// Arrays to compute first besides the model's own, in order.
    pub definitions: Vec<Family>,
    /// In order.
    pub added: Vec<Added>,
    /// How many adjoints are of states, parameters and discrete quantities.
    pub sums: usize,
    /// How many there are in all; the others are 0 at first.
    pub adjoints: usize,
}

/// For all values of the indices, outermost first, elements of adjoints get new values, which are what they were and more.
#[derive(Clone, Debug)]
pub struct Added {
    /// The indices.
    pub ranges: Vec<IndexRange>,
    /// Elements, and their values.
    pub stores: Vec<((SymbolId, Vec<Affine>), ExprId)>,
}

/// Jᵀμ and (∂f/∂p)ᵀμ, or with `curved` the same of J v + τ ∂f/∂t: v, τ and then μ are read as elements of one direction.
///
/// # Errors
/// [`Unsupported`] where an array is read through a periodic subscript of several indices.
pub fn pull(model: &Model, curved: bool) -> Result<Pull, Unsupported> {
    let (mut graph, mut symbols) = (model.graph.clone(), model.symbols.clone());
    let (definitions, families) =
        if curved { product_in_time(model, &mut graph, &mut symbols) } else { (Vec::new(), model.derivatives.clone()) };
    let base = if curved { model.dim() + 1 } else { 0 };
    let (parameters, discretes) =
        (model.parameter_count(), model.discretes.iter().map(|id| model.symbol(*id).len()).sum::<usize>());
    let mut places: FxHashMap<SymbolId, usize> = FxHashMap::default();
    for (list, from) in
        [(&model.states, 0), (&model.parameters, model.dim()), (&model.discretes, model.dim() + parameters)]
    {
        places.extend(list.iter().map(|id| (*id, from + model.symbol(*id).offset)));
    }
    let sums = model.dim() + parameters + discretes;
    let mut adjoints = sums;
    let computed: Vec<&Family> = model.definitions.iter().chain(&definitions).collect();
    for family in &computed {
        places.insert(family.symbol, adjoints);
        adjoints += symbols[family.symbol.0 as usize].len();
    }
    let mut walk =
        Walk { graph: &mut graph, symbols: &mut symbols, places, reached: FxHashSet::default(), added: Vec::new() };
    let weights: FxHashMap<SymbolId, SymbolId> = model
        .states
        .iter()
        .map(|state| {
            let of = model.symbol(*state);
            let symbol = Symbol { kind: Kind::Direction, offset: base + of.offset, ..of.clone() };
            (*state, declare(walk.graph, walk.symbols, symbol, Reads::State))
        })
        .collect();
    let seeds = families.iter().map(|family| (family, weights[&family.symbol]));
    walk.through(seeds)?;
    for family in computed.iter().rev() {
        if !walk.reached.contains(&family.symbol) {
            continue;
        }
        let adjoint = walk.adjoint(family.symbol);
        walk.through(std::iter::once((*family, adjoint)))?;
    }
    let added = walk.added;
    Ok(Pull { graph, symbols, definitions, added, sums, adjoints })
}

struct Walk<'a> {
    graph: &'a mut Graph,
    symbols: &'a mut Vec<Symbol>,
    /// Of symbols that have adjoints, where those stand.
    places: FxHashMap<SymbolId, usize>,
    /// Those whose adjoints something has been added to.
    reached: FxHashSet<SymbolId>,
    added: Vec<Added>,
}

impl Walk<'_> {
    /// The adjoint of a symbol, as a symbol of its own each time: what is read of it is what stands there then.
    fn adjoint(&mut self, of: SymbolId) -> SymbolId {
        let symbol = Symbol { kind: Kind::Adjoint, offset: self.places[&of], ..self.symbols[of.0 as usize].clone() };
        declare(self.graph, self.symbols, symbol, Reads::State)
    }

    /// Goes through families whose elements are weighed with those of another symbol, by their indices.
    fn through<'f>(&mut self, families: impl Iterator<Item = (&'f Family, SymbolId)>) -> Result<(), Unsupported> {
        let mut groups: IndexMap<&[IndexRange], Vec<(ExprId, ExprId)>, FxBuildHasher> = IndexMap::default();
        for (family, weight) in families {
            for piece in &family.pieces {
                let subs = self.graph.subscripts_id(plain(&piece.subscripts));
                let seed = self.graph.intern(Node::Symbol(weight, subs));
                groups.entry(&piece.ranges).or_default().push((piece.value, seed));
            }
        }
        for (ranges, roots) in groups {
            self.group(ranges, &roots)?;
        }
        Ok(())
    }

    fn group(&mut self, ranges: &[IndexRange], roots: &[(ExprId, ExprId)]) -> Result<(), Unsupported> {
        let first = self.added.len();
        let taken = ranges.iter().fold(0u64, |bits, range| bits | 1 << range.var.0);
        for found in accumulate(self.graph, roots, Reads::Parameters, taken) {
            let Node::Symbol(symbol, subs) = self.graph.node(found.leaf) else { continue };
            if !self.places.contains_key(&symbol) || self.graph.as_const(found.value) == Some(0.0) {
                continue;
            }
            let list = self.graph.subscripts(subs).to_vec();
            let mut all = ranges.to_vec();
            all.extend(&found.extra);
            for (ranges, list) in unwrapped(&self.symbols[symbol.0 as usize], all, list)? {
                self.add(first, ranges, (symbol, list), found.value);
            }
        }
        Ok(())
    }

    /// Adds a value to an element's adjoint, with others from `first` on where that is no obstacle to consecutive turns being made at once.
    fn add(
        &mut self,
        first: usize,
        mut ranges: Vec<IndexRange>,
        (symbol, list): (SymbolId, Vec<Affine>),
        mut value: ExprId,
    ) {
        // Turns that add to the same element add up first.
        let moves =
            |range: &IndexRange| list.iter().any(|affine| affine.terms.iter().any(|(var, _)| *var == range.var));
        while let Some(range) = ranges.pop_if(|range| !moves(range)) {
            value = self.graph.reduce(Reduction::Sum, range, value);
        }
        self.reached.insert(symbol);
        let adjoint = self.adjoint(symbol);
        let subs = self.graph.subscripts_id(plain(&list));
        let before = self.graph.intern(Node::Symbol(adjoint, subs));
        let after = self.graph.add(before, value);
        let at = self.symbols[adjoint.0 as usize].offset;
        let apart = |added: &Added| {
            let other = |store: &((SymbolId, Vec<Affine>), ExprId)| self.symbols[store.0.0.0 as usize].offset != at;
            added.ranges == ranges && (ranges.is_empty() || added.stores.iter().all(other))
        };
        let store = ((adjoint, list), after);
        match self.added[first..].iter().position(apart) {
            Some(k) => self.added[first + k].stores.push(store),
            None => self.added.push(Added { ranges, stores: vec![store] }),
        }
    }
}

fn plain(list: &[Affine]) -> Vec<Subscript> {
    list.iter().map(|affine| Subscript { affine: affine.clone(), wrap: false }).collect()
}
