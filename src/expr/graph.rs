//! The expression graph: hash-consed nodes, each built once, never changed.
//!
//! An operand's id is always below its user's, so ascending ids are an order of evaluation and no walk over the graph
//! needs recursion. Each node carries what it depends on ([`Facts`]), computed when it is built. The constructors that
//! simplify are in `simplify`; this file only interns.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{Affine, IndexRange, Subscript};
use crate::curve::Curve;
use crate::foreign::{Foreign, Part};
use crate::math::{Binary, Compare, Function, Unary};

/// A node of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExprId(pub u32);

/// A scalar or array that expressions read: a state, a parameter, a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SymbolId(pub u32);

/// An index variable; equal names are equal variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VarId(pub u8);

/// An interned list of subscripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubsId(pub u32);

/// A curve that expressions read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CurveId(pub u32);

/// A function of the host that expressions call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForeignId(pub u32);

/// An interned list of operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArgumentsId(pub u32);

/// How a reduction combines its bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reduction {
    /// Σ, from the first index value up.
    Sum,
    /// Π
    Prod,
    /// Smallest.
    Min,
    /// Largest.
    Max,
}

/// What a node is. Real and truth values share the graph; the model checker keeps them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// A number, as bits.
    Const(u64),
    /// A truth value.
    Bool(bool),
    /// The independent variable.
    Time,
    /// An index variable as a number.
    Index(VarId),
    /// An element of a symbol.
    Symbol(SymbolId, SubsId),
    /// `-x`, `|x|`, …
    Unary(Unary, ExprId),
    /// `a + b`, …
    Binary(Binary, ExprId, ExprId),
    /// An elementary function.
    Call1(Function, ExprId),
    /// An elementary function of two arguments.
    Call2(Function, ExprId, ExprId),
    /// A derivative of a curve, order 0 being the curve itself.
    Curve(CurveId, u8, ExprId),
    /// A function of the host, or a derivative of it.
    Foreign(ForeignId, Part, ArgumentsId),
    /// A comparison.
    Compare(Compare, ExprId, ExprId),
    /// Both.
    And(ExprId, ExprId),
    /// Either.
    Or(ExprId, ExprId),
    /// The other.
    Not(ExprId),
    /// `if c then a else b`
    Select(ExprId, ExprId, ExprId),
    /// `Σ_{var in lo..=hi} body` and its kin; the range is not empty.
    Reduce(Reduction, VarId, i32, i32, ExprId),
}

/// What a node depends on, and whether its value is finite whenever its leaves are (overflow aside).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Free index variables, bit per [`VarId`].
    pub free: u64,
    /// Reads a symbol that [`Graph::declare`] marked so.
    pub reads: Reads,
    /// Sums and products of leaves, and functions bounded on all reals: never a division, logarithm or root.
    pub total: bool,
}

/// When a value can be computed: the earliest time is when nothing it reads can change any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// Numbers only: known when compiled.
    #[default]
    Nothing,
    /// Parameters: known when they are bound.
    Parameters,
    /// The independent variable: known when it is.
    Time,
    /// States.
    State,
}

/// The graph.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    facts: Vec<Facts>,
    /// Every node's id, found by the node: the nodes themselves stand in `nodes` only.
    intern: HashTable<ExprId>,
    subscripts: Vec<Vec<Subscript>>,
    subscript_ids: HashTable<SubsId>,
    symbol_reads: Vec<Reads>,
    vars: Vec<String>,
    curves: Vec<Arc<Curve>>,
    foreigns: Vec<Arc<Foreign>>,
    /// Ascending lists are few, so each is kept once.
    arguments: Vec<Vec<ExprId>>,
}

/// What a node becomes, given what others have become; nothing where it is built anew from its operands.
pub type Replacement<'a> = dyn Fn(&mut Graph, Node, &FxHashMap<ExprId, ExprId>) -> Option<ExprId> + 'a;

impl Graph {
    /// The number of distinct index names a model may use.
    pub const MAX_VARS: usize = 64;

    /// Announces the next symbol and what reading it means. Ids count up from 0.
    pub fn declare(&mut self, reads: Reads) -> SymbolId {
        self.symbol_reads.push(reads);
        SymbolId(self.symbol_reads.len() as u32 - 1)
    }

    /// Changes what reading a symbol means; only before any node reads it.
    pub fn set_reads(&mut self, symbol: SymbolId, reads: Reads) {
        self.symbol_reads[symbol.0 as usize] = reads;
    }

    /// What reading a symbol means.
    pub fn symbol_reads(&self, symbol: SymbolId) -> Reads {
        self.symbol_reads[symbol.0 as usize]
    }

    /// Takes in a curve.
    pub fn add_curve(&mut self, curve: Arc<Curve>) -> CurveId {
        self.curves.push(curve);
        CurveId(self.curves.len() as u32 - 1)
    }

    /// The curve with that id.
    pub fn curve(&self, id: CurveId) -> &Arc<Curve> {
        &self.curves[id.0 as usize]
    }

    /// All curves, in the order of their ids.
    pub fn curves(&self) -> &[Arc<Curve>] {
        &self.curves
    }

    /// Takes in a function of the host.
    pub fn add_foreign(&mut self, foreign: Arc<Foreign>) -> ForeignId {
        self.foreigns.push(foreign);
        ForeignId(self.foreigns.len() as u32 - 1)
    }

    /// The function of the host with that id.
    pub fn foreign(&self, id: ForeignId) -> &Arc<Foreign> {
        &self.foreigns[id.0 as usize]
    }

    /// All functions of the host, in the order of their ids.
    pub fn foreigns(&self) -> &[Arc<Foreign>] {
        &self.foreigns
    }

    /// Functions of the host in the place of those of the same ids.
    pub fn set_foreigns(&mut self, foreigns: Vec<Arc<Foreign>>) {
        self.foreigns = foreigns;
    }

    /// The operands of a call of the host.
    pub fn arguments(&self, id: ArgumentsId) -> &[ExprId] {
        &self.arguments[id.0 as usize]
    }

    /// A call of a function of the host, or of a derivative of it.
    pub fn call_foreign(&mut self, foreign: ForeignId, part: Part, arguments: Vec<ExprId>) -> ExprId {
        let known = self.arguments.iter().position(|list| *list == arguments);
        let id = known.unwrap_or_else(|| {
            self.arguments.push(arguments);
            self.arguments.len() - 1
        });
        self.intern(Node::Foreign(foreign, part, ArgumentsId(id as u32)))
    }

    /// The derivative of a call by its k-th argument.
    pub fn foreign_slope(&mut self, node: (ForeignId, Part, ArgumentsId), k: usize) -> ExprId {
        self.intern(Node::Foreign(node.0, node.1.by(k as u8), node.2))
    }

    /// The index variable of that name; `None` when there are already [`Self::MAX_VARS`] others.
    pub fn var(&mut self, name: &str) -> Option<VarId> {
        if let Some(at) = self.vars.iter().position(|known| known == name) {
            return Some(VarId(at as u8));
        }
        if self.vars.len() == Self::MAX_VARS {
            return None;
        }
        self.vars.push(name.to_string());
        Some(VarId(self.vars.len() as u8 - 1))
    }

    /// The name of an index variable.
    pub fn var_name(&self, var: VarId) -> &str {
        &self.vars[var.0 as usize]
    }

    /// An index variable that is none of those in `taken`, named after `var`.
    pub fn fresh_var(&mut self, var: VarId, taken: u64) -> Option<VarId> {
        let base = self.var_name(var).to_string();
        (1..).map(|k| format!("{base}_{k}")).find_map(|name| match self.var(&name) {
            Some(found) if taken >> found.0 & 1 == 1 => None,
            other => Some(other),
        })?
    }

    /// The list of subscripts with this id.
    pub fn subscripts(&self, id: SubsId) -> &[Subscript] {
        &self.subscripts[id.0 as usize]
    }

    /// The id of a list of subscripts.
    pub fn subscripts_id(&mut self, list: Vec<Subscript>) -> SubsId {
        let lists = &mut self.subscripts;
        let hash = |list: &Vec<Subscript>| FxBuildHasher.hash_one(list);
        let same = |id: &SubsId| lists[id.0 as usize] == list;
        match self.subscript_ids.entry(hash(&list), same, |id| hash(&lists[id.0 as usize])) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let id = SubsId(lists.len() as u32);
                place.insert(id);
                lists.push(list);
                id
            }
        }
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All nodes, operands first.
    pub fn ids(&self) -> impl Iterator<Item = ExprId> + use<> {
        (0..self.nodes.len() as u32).map(ExprId)
    }

    /// What a node is.
    pub fn node(&self, id: ExprId) -> Node {
        self.nodes[id.0 as usize]
    }

    /// What a node depends on.
    pub fn facts(&self, id: ExprId) -> Facts {
        self.facts[id.0 as usize]
    }

    /// The value of a numeric constant.
    pub fn as_const(&self, id: ExprId) -> Option<f64> {
        match self.node(id) {
            Node::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// The node's id, old or new.
    pub fn intern(&mut self, node: Node) -> ExprId {
        let nodes = &self.nodes;
        let hash = |node: &Node| FxBuildHasher.hash_one(node);
        let same = |id: &ExprId| nodes[id.0 as usize] == node;
        match self.intern.entry(hash(&node), same, |id| hash(&nodes[id.0 as usize])) {
            Entry::Occupied(known) => return *known.get(),
            Entry::Vacant(place) => _ = place.insert(ExprId(nodes.len() as u32)),
        }
        let id = ExprId(self.nodes.len() as u32);
        let facts = self.derive_facts(node);
        self.nodes.push(node);
        self.facts.push(facts);
        id
    }

    fn derive_facts(&self, node: Node) -> Facts {
        let mut facts = Facts { free: 0, reads: Reads::Nothing, total: true };
        match node {
            Node::Const(bits) => facts.total = f64::from_bits(bits).is_finite(),
            Node::Bool(_) => {}
            Node::Time => facts.reads = Reads::Time,
            Node::Index(var) => facts.free = 1 << var.0,
            Node::Symbol(symbol, subs) => {
                facts.reads = self.symbol_reads(symbol);
                for subscript in self.subscripts(subs) {
                    for (var, _) in &subscript.affine.terms {
                        facts.free |= 1 << var.0;
                    }
                }
            }
            Node::Call1(f, _) => {
                facts.total = matches!(
                    f,
                    Function::Sin
                        | Function::Cos
                        | Function::Tanh
                        | Function::Atan
                        | Function::Erf
                        | Function::Erfc
                        | Function::Cbrt
                        | Function::Asinh
                )
            }
            Node::Call2(f, ..) => facts.total = matches!(f, Function::Atan2 | Function::Hypot),
            Node::Unary(Unary::Sqrt, _) | Node::Binary(Binary::Div, ..) | Node::Curve(..) | Node::Foreign(..) => {
                facts.total = false
            }
            _ => {}
        }
        self.for_each_operand(node, |operand| {
            let below = self.facts(operand);
            facts.free |= below.free;
            facts.reads = facts.reads.max(below.reads);
            facts.total &= below.total;
        });
        if let Node::Reduce(_, var, ..) = node {
            facts.free &= !(1 << var.0);
        }
        facts
    }

    /// Calls `f` on each operand, left to right.
    pub fn for_each_operand(&self, node: Node, mut f: impl FnMut(ExprId)) {
        match node {
            Node::Const(_) | Node::Bool(_) | Node::Time | Node::Index(_) | Node::Symbol(..) => {}
            Node::Unary(_, a)
            | Node::Call1(_, a)
            | Node::Curve(_, _, a)
            | Node::Not(a)
            | Node::Reduce(_, _, _, _, a) => f(a),
            Node::Binary(_, a, b)
            | Node::Call2(_, a, b)
            | Node::Compare(_, a, b)
            | Node::And(a, b)
            | Node::Or(a, b) => {
                f(a);
                f(b);
            }
            Node::Select(a, b, c) => {
                f(a);
                f(b);
                f(c);
            }
            Node::Foreign(_, _, arguments) => self.arguments(arguments).iter().copied().for_each(f),
        }
    }

    /// Everything reachable from `roots`, ascending, so that operands come before users.
    pub fn reachable(&self, roots: &[ExprId]) -> Vec<ExprId> {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut stack: Vec<ExprId> = roots.to_vec();
        let mut result = Vec::new();
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                result.push(id);
                self.for_each_operand(self.node(id), |operand| stack.push(operand));
            }
        }
        result.sort_unstable();
        result
    }

    /// `root` with index variables replaced by affine expressions, bound variables renamed where they would capture.
    pub fn substitute(&mut self, root: ExprId, with: &FxHashMap<VarId, Affine>) -> ExprId {
        let touched = with.keys().fold(0u64, |bits, var| bits | 1 << var.0);
        if self.facts(root).free & touched == 0 {
            return root;
        }
        let mut new: FxHashMap<ExprId, ExprId> = FxHashMap::default();
        for id in self.reachable_outside_reductions(&[root]) {
            let replaced = if self.facts(id).free & touched == 0 {
                id
            } else {
                match self.node(id) {
                    Node::Index(var) => match with.get(&var) {
                        Some(affine) => self.affine_value(affine),
                        None => id,
                    },
                    Node::Symbol(symbol, subs) => {
                        let list = self.subscripts(subs).to_vec();
                        let list = list
                            .into_iter()
                            .map(|s| Subscript {
                                affine: s.affine.substitute(&|v| with.get(&v).cloned()),
                                wrap: s.wrap,
                            })
                            .collect();
                        let subs = self.subscripts_id(list);
                        self.intern(Node::Symbol(symbol, subs))
                    }
                    Node::Reduce(kind, var, lo, hi, body) => {
                        self.substitute_reduction(kind, IndexRange { var, lo: lo.into(), hi: hi.into() }, body, with)
                    }
                    node => self.rebuild(node, &|operand| new[&operand]),
                }
            };
            new.insert(id, replaced);
        }
        new[&root]
    }

    fn substitute_reduction(
        &mut self,
        kind: Reduction,
        range: IndexRange,
        body: ExprId,
        with: &FxHashMap<VarId, Affine>,
    ) -> ExprId {
        let mut inner = with.clone();
        inner.remove(&range.var);
        let arriving = inner.values().flat_map(|a| &a.terms).fold(0u64, |bits, (var, _)| bits | 1 << var.0);
        let mut var = range.var;
        if arriving >> var.0 & 1 == 1 {
            let taken = arriving | self.facts(body).free;
            if let Some(fresh) = self.fresh_var(var, taken) {
                inner.insert(var, Affine::var(fresh));
                var = fresh;
            }
        }
        let body = self.substitute(body, &inner);
        self.reduce(kind, IndexRange { var, ..range }, body)
    }

    /// Like [`Self::reachable`], but stops at reductions (their bodies belong to another scope).
    pub fn reachable_outside_reductions(&self, roots: &[ExprId]) -> Vec<ExprId> {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut stack = roots.to_vec();
        let mut result = Vec::new();
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                result.push(id);
                let node = self.node(id);
                if !matches!(node, Node::Reduce(..)) {
                    self.for_each_operand(node, |operand| stack.push(operand));
                }
            }
        }
        result.sort_unstable();
        result
    }

    /// `root` with nodes replaced as `with` says, operands first; what has become of nodes is kept in `known`.
    pub fn replace(&mut self, root: ExprId, known: &mut FxHashMap<ExprId, ExprId>, with: &Replacement) -> ExprId {
        for id in self.reachable(&[root]) {
            if known.contains_key(&id) {
                continue;
            }
            let node = self.node(id);
            let mut same = true;
            self.for_each_operand(node, |operand| same &= known[&operand] == operand);
            let value = match (with(self, node, known), node) {
                (Some(value), _) => value,
                (None, _) if same => id,
                (None, Node::Reduce(kind, var, lo, hi, body)) => {
                    self.reduce(kind, IndexRange { var, lo: lo.into(), hi: hi.into() }, known[&body])
                }
                (None, node) => self.rebuild(node, &|operand| known[&operand]),
            };
            known.insert(id, value);
        }
        known[&root]
    }

    /// The node built anew, simplified, from other operands; leaves and reductions stay.
    pub fn rebuild(&mut self, node: Node, operand: &dyn Fn(ExprId) -> ExprId) -> ExprId {
        match node {
            Node::Const(_) | Node::Bool(_) | Node::Time | Node::Index(_) | Node::Symbol(..) | Node::Reduce(..) => {
                self.intern(node)
            }
            Node::Unary(op, a) => self.unary(op, operand(a)),
            Node::Binary(op, a, b) => self.binary(op, operand(a), operand(b)),
            Node::Call1(f, a) => self.call1(f, operand(a)),
            Node::Call2(f, a, b) => self.call2(f, operand(a), operand(b)),
            Node::Curve(curve, order, a) => self.apply(curve, order, operand(a)),
            Node::Foreign(foreign, part, arguments) => {
                let arguments = self.arguments(arguments).iter().map(|a| operand(*a)).collect();
                self.call_foreign(foreign, part, arguments)
            }
            Node::Compare(op, a, b) => self.compare(op, operand(a), operand(b)),
            Node::And(a, b) => self.and(operand(a), operand(b)),
            Node::Or(a, b) => self.or(operand(a), operand(b)),
            Node::Not(a) => self.not(operand(a)),
            Node::Select(c, a, b) => self.select(operand(c), operand(a), operand(b)),
        }
    }

    /// An affine expression as a number.
    pub fn affine_value(&mut self, affine: &Affine) -> ExprId {
        let mut sum: Option<ExprId> = None;
        for &(var, k) in &affine.terms {
            let index = self.intern(Node::Index(var));
            let factor = self.constant(k as f64);
            let term = self.mul(factor, index);
            sum = Some(match sum {
                None => term,
                Some(sum) => self.add(sum, term),
            });
        }
        let offset = self.constant(affine.offset as f64);
        match sum {
            None => offset,
            Some(sum) => self.add(sum, offset),
        }
    }
}
