//! Scheduling: expressions become statements, each as early in the loop nest as it can be and, within that, just before
//! its first use.
//!
//! A node is placed in the innermost open loop whose variable it depends on; everything else moves out by itself.
//! Large straight-line bodies are cut into pieces, and a value used far from where it was made goes through the work
//! buffer, so that no function is huge and no value lives long (measured: see the project's notes on Cranelift).

use rustc_hash::FxHashMap;

use super::program::{Address, Affine, Buffer, Carried, LoopVar, Op, Piece, Stmt, Value};
use crate::expr::{
    ExprId, Graph, IndexRange, Node, Reduction, SubsId, SymbolId, VarId, reduction_operation, reduction_start,
};
use crate::math::{Binary, Unary};

/// Bodies of more operations than this are large: leaves are read anew at each use and far values pass through memory.
const LARGE: usize = 600;
/// The same for Taylor coefficients, whose values are mostly used soon.
const LARGE_SERIES: usize = 1000;
/// A function is cut after about so many operations.
const PIECE: usize = 2000;
/// In large bodies, a value made more statements ago than this is read back from the work buffer.
const FAR: usize = 40;
/// The same for Taylor coefficients.
const FAR_SERIES: usize = 12;

/// Where symbols live.
pub trait Layout {
    /// The buffer of a symbol, its first element there, and its dimensions as (first subscript, extent).
    fn place(&self, symbol: SymbolId) -> (Buffer, usize, Vec<(i64, usize)>);
}

/// Quantities computed once per binding of parameters and read by all kernels.
#[derive(Clone, Debug, Default)]
pub struct Hoisted {
    /// In order of their slots.
    pub nodes: Vec<ExprId>,
    slots: FxHashMap<ExprId, usize>,
    /// Where the first slot stands in `p`.
    pub base: usize,
    /// No more may be added.
    pub frozen: bool,
}

impl Hoisted {
    /// None yet; the first will stand at `base` in `p`.
    pub fn new(base: usize) -> Self {
        Hoisted { base, ..Hoisted::default() }
    }

    /// What is hoisted of the first `nodes` nodes of the graph.
    pub fn among_first(&self, nodes: usize) -> Self {
        let mut some = self.clone();
        some.slots.retain(|id, _| (id.0 as usize) < nodes);
        some
    }

    fn slot(&mut self, id: ExprId) -> Option<usize> {
        if let Some(slot) = self.slots.get(&id) {
            return Some(self.base + slot);
        }
        if self.frozen {
            return None;
        }
        self.slots.insert(id, self.nodes.len());
        self.nodes.push(id);
        Some(self.base + self.nodes.len() - 1)
    }
}

/// A loop nest and what it stores on each turn.
#[derive(Clone, Debug)]
pub struct Nest {
    /// Outermost first; empty for straight-line code.
    pub ranges: Vec<IndexRange>,
    /// Values and where they go.
    pub stores: Vec<(Target, ExprId)>,
}

/// Where a value is stored: `base + Σ stride·variable` in a buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The buffer.
    pub buffer: Buffer,
    /// The constant part.
    pub base: i64,
    /// The others.
    pub terms: Vec<(VarId, i64)>,
}

struct Frame {
    var: Option<(VarId, LoopVar)>,
    body: Vec<Stmt>,
    /// Nodes whose values end with this frame.
    owned: Vec<ExprId>,
    wraps: FxHashMap<(Affine, i64), LoopVar>,
}

#[derive(Clone, Copy)]
struct Made {
    value: Value,
    piece: usize,
    /// Statement count of the outermost frame when it was made or last read back.
    at: usize,
    /// In the outermost frame (only those can pass through memory).
    outermost: bool,
}

/// `a*b + c`, possibly with signs: what an addition becomes when one operand is a product used nowhere else.
#[derive(Clone, Copy)]
pub(super) enum Fused {
    /// `a*b + c`
    Plus(ExprId, ExprId, ExprId),
    /// `c - a*b`
    From(ExprId, ExprId, ExprId),
    /// `a*b - c`
    Minus(ExprId, ExprId, ExprId),
}

/// Emits one kernel.
pub struct Emitter<'a> {
    graph: &'a Graph,
    layout: &'a dyn Layout,
    /// `None` in the kernel that computes the hoisted quantities themselves.
    hoisted: Option<&'a mut Hoisted>,
    fma: bool,
    operations: usize,
    large: bool,
    /// A value made more statements ago than this is read back.
    far: usize,
    uses: FxHashMap<ExprId, u32>,
    fused: FxHashMap<ExprId, Fused>,
    made: FxHashMap<ExprId, Made>,
    frames: Vec<Frame>,
    pieces: Vec<Piece>,
    values: u32,
    loops: u32,
    /// Values of earlier statements that must be kept in the work buffer, by piece: (value, slot).
    spills: FxHashMap<(usize, Value), usize>,
    work: usize,
    /// Nodes whose values stand in the work buffer: leaves, from then on.
    stored: FxHashMap<ExprId, usize>,
}

impl<'a> Emitter<'a> {
    /// An emitter for nests with these roots; the first `work` elements of the work buffer are taken.
    pub fn new(
        graph: &'a Graph,
        layout: &'a dyn Layout,
        hoisted: Option<&'a mut Hoisted>,
        fma: bool,
        roots: &[ExprId],
        work: usize,
    ) -> Self {
        let nodes = graph.reachable(roots);
        let mut uses: FxHashMap<ExprId, u32> = FxHashMap::default();
        for id in &nodes {
            graph.for_each_operand(graph.node(*id), |operand| *uses.entry(operand).or_default() += 1);
        }
        for root in roots {
            *uses.entry(*root).or_default() += 1;
        }
        let operations =
            nodes.iter().filter(|id| !matches!(graph.node(**id), Node::Const(_) | Node::Symbol(..))).count();
        let mut emitter = Emitter {
            graph,
            layout,
            hoisted,
            fma,
            operations,
            large: operations > LARGE,
            far: FAR,
            uses,
            fused: FxHashMap::default(),
            made: FxHashMap::default(),
            frames: Vec::new(),
            pieces: Vec::new(),
            values: 0,
            loops: 0,
            spills: FxHashMap::default(),
            work,
            stored: FxHashMap::default(),
        };
        emitter.open(None);
        emitter
    }

    /// For Taylor coefficients: values stay in registers in larger bodies too; in still larger ones sums of products read
    /// their factors from memory, most as operands of the operation itself.
    pub fn of_series(mut self) -> Self {
        self.large = self.operations > LARGE_SERIES;
        self.far = FAR_SERIES;
        self
    }

    /// Emits a nest behind those before it.
    pub fn nest(&mut self, nest: &Nest) {
        for range in &nest.ranges {
            self.open(Some(range.var));
        }
        for (target, id) in &nest.stores {
            let value = self.value(*id);
            let to = self.target(target);
            self.push_top(Stmt::Store { to, value });
            self.cut_if_long();
        }
        for range in nest.ranges.iter().rev() {
            self.close(*range, Vec::new());
        }
    }

    /// How often a node is used by others and as a root.
    pub(super) fn uses(&self, id: ExprId) -> u32 {
        self.uses.get(&id).copied().unwrap_or(0)
    }

    /// Whether products and sums are fused.
    pub(super) fn fuses(&self) -> bool {
        self.fma
    }

    /// Whether there are many operations.
    pub(super) fn is_large(&self) -> bool {
        self.large
    }

    /// The graph.
    pub(super) fn graph(&self) -> &'a Graph {
        self.graph
    }

    /// Where a leaf stands, if it is an element of a buffer and no index decides which.
    pub(super) fn leaf_place(&mut self, id: ExprId) -> Option<(Buffer, usize)> {
        if let Some(slot) = self.stored.get(&id) {
            return Some((Buffer::W, *slot));
        }
        let address = match self.graph.node(id) {
            Node::Symbol(symbol, subs) if !self.graph.subscripts(subs).iter().any(|s| s.wrap) => {
                self.address(symbol, subs)
            }
            Node::Symbol(..) | Node::Const(_) | Node::Time | Node::Index(_) => return None,
            _ => return self.hoisted_slot(id).map(|slot| (Buffer::P, slot)),
        };
        address.element.terms.is_empty().then_some((address.buffer, address.element.base as usize))
    }

    /// Takes `count` elements of the work buffer; returns the first.
    pub(super) fn reserve(&mut self, count: usize) -> usize {
        self.work += count;
        self.work - count
    }

    /// From now on a node is read from this element of the work buffer.
    pub(super) fn keep(&mut self, id: ExprId, slot: usize) {
        self.stored.insert(id, slot);
    }

    /// Makes a function of its own of statements written elsewhere.
    pub(super) fn piece(&mut self, piece: Piece) {
        self.cut();
        self.pieces.push(piece);
    }

    /// Ends the current function: what follows becomes a new one. Work buffer contents carry over.
    pub fn cut(&mut self) {
        if self.frames.len() == 1 && !self.frames[0].body.is_empty() {
            let body = std::mem::take(&mut self.frames[0].body);
            self.frames[0].wraps.clear();
            self.pieces.push(Piece { values: self.values, loops: self.loops, body });
            self.values = 0;
            self.loops = 0;
        }
    }

    /// The pieces, and how much of the work buffer they use.
    pub fn finish(mut self) -> (Vec<Piece>, usize) {
        self.cut();
        let mut pieces = std::mem::take(&mut self.pieces);
        for (k, piece) in pieces.iter_mut().enumerate() {
            let body = std::mem::take(&mut piece.body);
            for stmt in body {
                let made = match &stmt {
                    // What was read back stands there already.
                    Stmt::Let { dst, op } if !matches!(op, Op::Load(_)) => vec![*dst],
                    Stmt::Loop { carried, .. } => carried.iter().map(|c| c.result).collect(),
                    _ => Vec::new(),
                };
                piece.body.push(stmt);
                for value in made {
                    if let Some(slot) = self.spills.get(&(k, value)) {
                        let to = Address { buffer: Buffer::W, element: Affine::constant(*slot as i64) };
                        piece.body.push(Stmt::Store { to, value });
                    }
                }
            }
        }
        (pieces, self.work)
    }

    fn open(&mut self, var: Option<VarId>) {
        let var = var.map(|var| {
            self.loops += 1;
            (var, LoopVar(self.loops - 1))
        });
        self.frames.push(Frame { var, body: Vec::new(), owned: Vec::new(), wraps: FxHashMap::default() });
    }

    /// Closes the innermost frame into a loop of the frame its values may depend on.
    fn close(&mut self, range: IndexRange, carried: Vec<Carried>) {
        let Some(frame) = self.frames.pop() else { return };
        for id in frame.owned {
            self.made.remove(&id);
        }
        let Some((_, var)) = frame.var else { return };
        let stmt = Stmt::Loop { var, lo: range.lo, hi: range.hi, carried, body: frame.body };
        self.push_top(stmt);
    }

    fn push_top(&mut self, stmt: Stmt) {
        if let Some(frame) = self.frames.last_mut() {
            frame.body.push(stmt);
        }
    }

    fn cut_if_long(&mut self) {
        if self.frames.len() == 1 && self.frames[0].body.len() >= PIECE {
            self.cut();
        }
    }

    fn fresh(&mut self) -> Value {
        self.values += 1;
        Value(self.values - 1)
    }

    /// The innermost frame whose variable is among the free ones.
    fn frame_of(&self, free: u64) -> usize {
        self.frames.iter().rposition(|frame| frame.var.is_some_and(|(var, _)| free >> var.0 & 1 == 1)).unwrap_or(0)
    }

    fn emit(&mut self, frame: usize, op: Op) -> Value {
        let dst = self.fresh();
        self.frames[frame].body.push(Stmt::Let { dst, op });
        dst
    }

    /// The value of a node, made now if it is not there yet.
    pub fn value(&mut self, root: ExprId) -> Value {
        let mut stack = vec![(root, false)];
        while let Some((id, ready)) = stack.pop() {
            if self.is_leaf(id) || self.made.contains_key(&id) {
                continue;
            }
            let node = self.graph.node(id);
            if let Node::Reduce(kind, var, lo, hi, body) = node {
                self.reduction(id, kind, IndexRange { var, lo: lo.into(), hi: hi.into() }, body);
                continue;
            }
            if ready {
                let op = self.operation(id, node);
                self.make(id, op);
                self.cut_if_long();
                continue;
            }
            stack.push((id, true));
            let mut operands = Vec::with_capacity(3);
            match self.fuse(id, node) {
                Some(Fused::Plus(a, b, c) | Fused::From(a, b, c) | Fused::Minus(a, b, c)) => operands.extend([c, b, a]),
                None => {
                    self.graph.for_each_operand(node, |operand| operands.push(operand));
                    operands.reverse();
                }
            }
            stack.extend(operands.into_iter().map(|operand| (operand, false)));
        }
        self.operand(root)
    }

    /// Nodes that cost a load or less: made at their use.
    pub(super) fn is_leaf(&mut self, id: ExprId) -> bool {
        match self.graph.node(id) {
            Node::Const(_) | Node::Time | Node::Index(_) | Node::Symbol(..) => true,
            // Both truth constants fold away while the graph is built.
            _ => self.stored.contains_key(&id) || self.hoisted_slot(id).is_some(),
        }
    }

    fn hoisted_slot(&mut self, id: ExprId) -> Option<usize> {
        let hoisted = self.hoisted.as_deref_mut()?;
        (self.graph.is_hoistable(id) && self.graph.facts(id).free == 0 && !is_truth(self.graph.node(id)))
            .then(|| hoisted.slot(id))
            .flatten()
    }

    fn make(&mut self, id: ExprId, op: Op) {
        let frame = self.frame_of(self.graph.facts(id).free);
        let value = self.emit(frame, op);
        self.remember(id, value, frame);
    }

    fn remember(&mut self, id: ExprId, value: Value, frame: usize) {
        let at = self.frames[0].body.len();
        self.frames[frame].owned.push(id);
        self.made.insert(id, Made { value, piece: self.pieces.len(), at, outermost: frame == 0 });
    }

    /// The value of a node that is a leaf or made already.
    fn operand(&mut self, id: ExprId) -> Value {
        if let Some(made) = self.made.get(&id).copied() {
            let here = self.pieces.len();
            let far = self.large
                && self.frames.len() == 1
                && self.frames[0].body.len() - made.at.min(self.frames[0].body.len()) > self.far;
            let leaf = self.is_leaf(id);
            if !made.outermost || (made.piece == here && (!far || is_truth(self.graph.node(id)))) {
                return made.value;
            }
            if !leaf {
                return self.read_back(id, made);
            }
        }
        let op = match self.graph.node(id) {
            Node::Const(bits) => Op::Const(f64::from_bits(bits)),
            Node::Time => Op::Time,
            Node::Index(var) => self.loop_var(var).map_or(Op::Const(0.0), Op::Index),
            Node::Symbol(symbol, subs) => Op::Load(self.address(symbol, subs)),
            _ if self.stored.contains_key(&id) => {
                let element = Affine::constant(self.stored[&id] as i64);
                Op::Load(Address { buffer: Buffer::W, element })
            }
            _ => match self.hoisted_slot(id) {
                Some(slot) => Op::Load(Address { buffer: Buffer::P, element: Affine::constant(slot as i64) }),
                // Not reached: `value` makes everything else before it is an operand.
                None => Op::Const(f64::NAN),
            },
        };
        let frame = self.frame_of(self.graph.facts(id).free);
        let value = self.emit(frame, op);
        self.remember(id, value, frame);
        value
    }

    /// Reads a far value back from the work buffer (a truth value crosses as 1 or 0).
    fn read_back(&mut self, id: ExprId, made: Made) -> Value {
        if is_truth(self.graph.node(id)) {
            // Cheap to compare again, and there are no truth values in memory.
            self.made.remove(&id);
            return self.value(id);
        }
        let slot = match self.spills.get(&(made.piece, made.value)) {
            Some(slot) => *slot,
            None => {
                self.work += 1;
                self.spills.insert((made.piece, made.value), self.work - 1);
                self.work - 1
            }
        };
        let element = Affine::constant(slot as i64);
        let value = self.emit(0, Op::Load(Address { buffer: Buffer::W, element }));
        // Further uses nearby share the reading; its own slot is the same.
        self.spills.insert((self.pieces.len(), value), slot);
        let at = self.frames[0].body.len();
        self.made.insert(id, Made { value, piece: self.pieces.len(), at, outermost: true });
        value
    }

    /// Whether an addition is a fused multiply-add here.
    pub(super) fn fuse(&mut self, id: ExprId, node: Node) -> Option<Fused> {
        if !self.fma {
            return None;
        }
        if let Some(fused) = self.fused.get(&id) {
            return Some(*fused);
        }
        let (op, a, b) = match node {
            Node::Binary(op @ (Binary::Add | Binary::Sub), a, b) => (op, a, b),
            _ => return None,
        };
        let product = |emitter: &mut Self, x: ExprId| match emitter.graph.node(x) {
            Node::Binary(Binary::Mul, p, q) if emitter.uses.get(&x) == Some(&1) && !emitter.is_leaf(x) => Some((p, q)),
            _ => None,
        };
        let fused = match (op, product(self, a), product(self, b)) {
            (Binary::Add, _, Some((p, q))) => Fused::Plus(p, q, a),
            (Binary::Add, Some((p, q)), None) => Fused::Plus(p, q, b),
            (_, _, Some((p, q))) => Fused::From(p, q, a),
            (_, Some((p, q)), None) => Fused::Minus(p, q, b),
            _ => return None,
        };
        self.fused.insert(id, fused);
        Some(fused)
    }

    fn operation(&mut self, id: ExprId, node: Node) -> Op {
        if let Some(fused) = self.fuse(id, node) {
            let negated = |emitter: &mut Self, x: ExprId| {
                if let Some(constant) = emitter.graph.as_const(x) {
                    return emitter.emit(0, Op::Const(-constant));
                }
                let value = emitter.operand(x);
                let frame = emitter.frame_of(emitter.graph.facts(x).free);
                emitter.emit(frame, Op::Unary(Unary::Neg, value))
            };
            return match fused {
                Fused::Plus(a, b, c) => {
                    let (a, b, c) = (self.operand(a), self.operand(b), self.operand(c));
                    Op::Fma(a, b, c)
                }
                Fused::From(a, b, c) => {
                    let (a, b, c) = (negated(self, a), self.operand(b), self.operand(c));
                    Op::Fma(a, b, c)
                }
                Fused::Minus(a, b, c) => {
                    let (a, b, c) = (self.operand(a), self.operand(b), negated(self, c));
                    Op::Fma(a, b, c)
                }
            };
        }
        match node {
            Node::Unary(op, a) => Op::Unary(op, self.operand(a)),
            Node::Binary(op, a, b) => Op::Binary(op, self.operand(a), self.operand(b)),
            Node::Call1(f, a) => Op::Call1(f, self.operand(a)),
            Node::Call2(f, a, b) => Op::Call2(f, self.operand(a), self.operand(b)),
            Node::Curve(curve, order, a) => Op::Curve(self.graph.curve(curve).clone(), order, self.operand(a)),
            Node::Foreign(foreign, part, arguments) => {
                let arguments = self.graph.arguments(arguments).iter().map(|a| self.operand(*a)).collect();
                Op::Foreign(self.graph.foreign(foreign).clone(), part, arguments)
            }
            Node::Compare(op, a, b) => Op::Compare(op, self.operand(a), self.operand(b)),
            Node::And(a, b) => Op::And(self.operand(a), self.operand(b)),
            Node::Or(a, b) => Op::Or(self.operand(a), self.operand(b)),
            Node::Not(a) => Op::Not(self.operand(a)),
            Node::Select(c, a, b) => {
                let c = self.operand(c);
                Op::Select(c, self.operand(a), self.operand(b))
            }
            // Leaves and reductions do not come here.
            _ => Op::Const(f64::NAN),
        }
    }

    fn reduction(&mut self, id: ExprId, kind: Reduction, range: IndexRange, body: ExprId) {
        let outer = self.frame_of(self.graph.facts(id).free);
        let init = self.emit(outer, Op::Const(reduction_start(kind)));
        let shadowed = self.shadow(range.var);
        self.open(Some(range.var));
        let inner = self.frames.len() - 1;
        let acc = self.fresh();
        let fused = match (kind, self.graph.node(body)) {
            (Reduction::Sum, Node::Binary(Binary::Mul, a, b)) if self.fma && self.uses.get(&body) == Some(&1) => {
                Some((a, b))
            }
            _ => None,
        };
        let next = match fused {
            Some((a, b)) => {
                self.value(a);
                self.value(b);
                let (a, b) = (self.operand(a), self.operand(b));
                self.emit(inner, Op::Fma(a, b, acc))
            }
            None => {
                let term = self.value(body);
                self.emit(inner, Op::Binary(reduction_operation(kind), acc, term))
            }
        };
        let result = self.fresh();
        let Some(frame) = self.frames.pop() else { return };
        for owned in frame.owned {
            self.made.remove(&owned);
        }
        if let Some((_, var)) = frame.var {
            let carried = vec![Carried { acc, init, next, result }];
            self.frames[outer].body.push(Stmt::Loop { var, lo: range.lo, hi: range.hi, carried, body: frame.body });
        }
        self.made.extend(shadowed);
        self.remember(id, result, outer);
    }

    /// Sets aside what was made from an index that a loop further out shares with the loop about to open: the same
    /// expression has another value inside, as in `sum[i](cos(x[i]))` under an equation for `x[i]'` that uses `cos(x[i])`.
    fn shadow(&mut self, var: VarId) -> Vec<(ExprId, Made)> {
        if !self.frames.iter().any(|frame| frame.var.is_some_and(|(known, _)| known == var)) {
            return Vec::new();
        }
        let inside: Vec<ExprId> =
            self.made.keys().copied().filter(|id| self.graph.facts(*id).free >> var.0 & 1 == 1).collect();
        inside.into_iter().filter_map(|id| self.made.remove(&id).map(|made| (id, made))).collect()
    }

    fn loop_var(&self, var: VarId) -> Option<LoopVar> {
        self.frames.iter().rev().find_map(|frame| frame.var.filter(|(known, _)| *known == var).map(|(_, lv)| lv))
    }

    fn target(&self, target: &Target) -> Address {
        let mut element = Affine::constant(target.base);
        for (var, stride) in &target.terms {
            if let Some(lv) = self.loop_var(*var) {
                add_term(&mut element, lv, *stride);
            }
        }
        Address { buffer: target.buffer, element }
    }

    /// The place of an array element: row-major over its dimensions.
    fn address(&mut self, symbol: SymbolId, subs: SubsId) -> Address {
        let (buffer, base, dims) = self.layout.place(symbol);
        let list = self.graph.subscripts(subs).to_vec();
        let mut element = Affine::constant(base as i64);
        let mut stride: i64 = dims.iter().map(|(_, n)| *n as i64).product();
        for (subscript, (lo, extent)) in list.iter().zip(dims) {
            stride /= extent.max(1) as i64;
            let mut place = Affine::constant(subscript.affine.offset - lo);
            let mut free = 0u64;
            for (var, k) in &subscript.affine.terms {
                free |= 1 << var.0;
                if let Some(lv) = self.loop_var(*var) {
                    add_term(&mut place, lv, *k);
                }
            }
            if subscript.wrap {
                let var = self.wrapped(place, extent as i64, free);
                add_term(&mut element, var, stride);
            } else {
                element.base += stride * place.base;
                for (var, k) in place.terms {
                    add_term(&mut element, var, stride * k);
                }
            }
        }
        Address { buffer, element }
    }

    fn wrapped(&mut self, of: Affine, extent: i64, free: u64) -> LoopVar {
        let frame = self.frame_of(free);
        let key = (of.clone(), extent);
        if let Some(var) = self.frames[frame].wraps.get(&key) {
            return *var;
        }
        self.loops += 1;
        let var = LoopVar(self.loops - 1);
        self.frames[frame].wraps.insert(key, var);
        self.frames[frame].body.push(Stmt::Wrap { var, of, extent });
        var
    }
}

pub(super) fn is_truth(node: Node) -> bool {
    matches!(node, Node::Bool(_) | Node::Compare(..) | Node::And(..) | Node::Or(..) | Node::Not(_))
}

fn add_term(affine: &mut Affine, var: LoopVar, k: i64) {
    match affine.terms.binary_search_by_key(&var, |term| term.0) {
        Ok(at) => {
            affine.terms[at].1 += k;
            if affine.terms[at].1 == 0 {
                affine.terms.remove(at);
            }
        }
        Err(at) if k != 0 => affine.terms.insert(at, (var, k)),
        Err(_) => {}
    }
}
