//! Taylor coefficients of the solution as expressions: `y(t + h) = Σ y_k h^k`, each `y_k` from those before it.
//!
//! Every operation of the right-hand side has a recurrence for normalised derivatives (Moore 1966; Jorba & Zou, A software
//! package for the numerical integration of ODEs by means of high-order Taylor methods, Experimental Mathematics 14
//! (2005), §2): products and quotients are convolutions, and a function u = f(x) follows from its derivative's series g by
//! `k u_k = Σ j x_j g_{k-j}`, so that the table of builtin functions and their derivatives serves here too. Selections
//! take the branch that holds at the point.
//!
//! Without arrays all coefficients are nodes of the graph. With arrays templates stay templates: what a recurrence reads
//! again is kept in an array of its own per order, and code size does not depend on the arrays' lengths.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Entry;
use super::forward::declare;
use super::series_nodes::{Template, is_smooth, mentions_arrays, normalise, refused};
use crate::expr::builtin;
use crate::expr::{Affine, ExprId, Graph, IndexRange, Node, Reads, Reduction, Subscript, SymbolId};
use crate::math::{Binary, Compare, Function, Unary};
use crate::model::{Dim, Family, Kind, Model, Piece, Symbol};

/// Why the solution's Taylor coefficients cannot be formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSeries {
    /// A function without a recurrence, and the state in whose equation it stands.
    Function(String, String),
    /// A product, minimum or maximum over so many index values.
    Reduction(String, String),
    /// More operations than this.
    TooLarge(usize),
    /// More numbers of work space than this.
    Memory(usize),
    /// Values at other times have no coefficients here.
    Delays,
}

impl std::fmt::Display for NoSeries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoSeries::Function(function, state) => {
                write!(f, "`{function}`, in the equation of {state}, has no recurrence for Taylor coefficients")
            }
            NoSeries::Reduction(kind, state) => {
                write!(f, "a `{kind}` over so many index values, in the equation of {state}, would have to be unrolled")
            }
            NoSeries::TooLarge(most) => {
                write!(f, "its Taylor coefficients take more than {most} operations")
            }
            NoSeries::Delays => f.write_str("values at other times have no Taylor coefficients"),
            NoSeries::Memory(most) => {
                write!(f, "its Taylor coefficients take more than {most} numbers of work space")
            }
        }
    }
}

impl std::error::Error for NoSeries {}

/// Nodes beyond which a series is refused: compiling them takes about a second.
const MOST: usize = 3_000_000;
/// Numbers of work space beyond which a series is refused (one gigabyte).
const MOST_WORK: usize = 1 << 27;

/// The coefficients as arrays to be computed in order.
#[derive(Clone, Debug)]
pub struct Series {
    /// The graph given, and the coefficients' nodes.
    pub graph: Graph,
    /// The symbols given, and those brought in.
    pub symbols: Vec<Symbol>,
    /// In order of computation.
    pub arrays: Vec<Computed>,
    /// The coefficients of the further entries, by order from 0 on, then by entry; they read the arrays.
    pub further: Vec<Vec<ExprId>>,
    /// Length of the work buffer that holds the arrays (the model's own computed arrays included).
    pub work: usize,
    /// Whether no coefficient depends on a branch taken at the point.
    pub smooth: bool,
}

/// One array of coefficients.
#[derive(Clone, Debug)]
pub struct Computed {
    /// Its values, by the subscripts of `family.symbol`.
    pub family: Family,
    /// If it holds a state's coefficients: the state and the order.
    pub coefficient: Option<(SymbolId, usize)>,
    /// Whether later values read it from the work buffer.
    pub kept: bool,
}

/// The coefficients of orders 1 to `order` of all states, and of orders 0 to `order` − 1 of further entries, which are
/// functions of the solution.
///
/// # Errors
/// [`NoSeries`]
pub fn taylor(
    model: &Model,
    graph: Graph,
    symbols: Vec<Symbol>,
    further: &[&Entry],
    order: usize,
) -> Result<Series, NoSeries> {
    let next = symbols.iter().filter(|s| s.kind == Kind::Definition).map(|s| s.offset + s.len()).max().unwrap_or(0);
    if !model.delays.is_empty() {
        return Err(NoSeries::Delays);
    }
    let largest = graph.len() + MOST;
    let mut builder = Builder {
        kept: mentions_arrays(model, &graph),
        graph,
        symbols,
        arrays: Vec::new(),
        next,
        contexts: vec![Vec::new()],
        known: FxHashMap::default(),
        stashed: FxHashMap::default(),
        per_order: FxHashMap::default(),
        elements: FxHashMap::default(),
        templates: Vec::new(),
        reread: FxHashSet::default(),
    };
    let mut families = Vec::new();
    let mut smooth = true;
    let prepared = |builder: &mut Builder, value: ExprId, ranges: &[IndexRange], name: &str| {
        let context = builder.context(ranges);
        let root = normalise(&mut builder.graph, value, name)?;
        match refused(&builder.graph, root) {
            Some(function) => Err(NoSeries::Function(function, name.to_string())),
            None => Ok((root, builder.template(root, context))),
        }
    };
    let computed = model.definitions.iter().filter(|f| model.graph.symbol_reads(f.symbol) > Reads::Parameters);
    for (family, is_state) in computed.map(|f| (f, false)).chain(model.derivatives.iter().map(|f| (f, true))) {
        let name = &model.symbol(family.symbol).name;
        let mut templates = Vec::new();
        for piece in &family.pieces {
            let (root, template) = prepared(&mut builder, piece.value, &piece.ranges, name)?;
            smooth &= is_smooth(&builder.graph, root);
            templates.push(template);
        }
        families.push((family, is_state, templates));
    }
    let mut entries = Vec::with_capacity(further.len());
    for entry in further {
        let name = &model.symbol(entry.row.0).name;
        entries.push(prepared(&mut builder, entry.value, &entry.ranges, name)?.1);
    }
    let mut coefficients = Vec::with_capacity(order);
    for k in 0..order {
        for (family, is_state, templates) in &families {
            for template in templates {
                builder.advance(*template, k);
            }
            builder.finish(model, family, *is_state, templates, k);
            if builder.graph.len() > largest {
                return Err(NoSeries::TooLarge(MOST));
            }
            if builder.next > MOST_WORK {
                return Err(NoSeries::Memory(MOST_WORK));
            }
        }
        coefficients.push(entries.iter().map(|entry| builder.entry(*entry, k)).collect());
    }
    Ok(Series {
        graph: builder.graph,
        symbols: builder.symbols,
        arrays: builder.arrays,
        further: coefficients,
        work: builder.next,
        smooth,
    })
}

/// A node in a context (the index ranges around it).
type Place = (ExprId, usize);

struct Builder {
    /// Whether what recurrences read again is kept in arrays.
    kept: bool,
    graph: Graph,
    symbols: Vec<Symbol>,
    arrays: Vec<Computed>,
    /// The first free element of the work buffer.
    next: usize,
    contexts: Vec<Vec<IndexRange>>,
    /// Coefficients by node and order.
    known: FxHashMap<(Place, usize), ExprId>,
    /// What is kept, by the expression it keeps.
    stashed: FxHashMap<Place, ExprId>,
    /// Arrays of the coefficients of states and definitions, by order (with arrays).
    per_order: FxHashMap<(SymbolId, usize), SymbolId>,
    /// Coefficients of scalar states and definitions, by order (without arrays).
    elements: FxHashMap<(SymbolId, usize), Vec<ExprId>>,
    templates: Vec<Template>,
    /// Nodes whose coefficients are read again at higher orders.
    reread: FxHashSet<Place>,
}

impl Builder {
    fn context(&mut self, ranges: &[IndexRange]) -> usize {
        if let Some(at) = self.contexts.iter().position(|known| known == ranges) {
            return at;
        }
        self.contexts.push(ranges.to_vec());
        self.contexts.len() - 1
    }

    fn inner(&mut self, context: usize, range: IndexRange) -> usize {
        let mut ranges = self.contexts[context].clone();
        ranges.retain(|outer| outer.var != range.var);
        ranges.push(range);
        self.context(&ranges)
    }

    fn template(&mut self, root: ExprId, context: usize) -> usize {
        let (template, reread) = Template::new(&mut self.graph, root, context);
        self.reread.extend(reread.into_iter().map(|id| (id, context)));
        self.templates.push(template);
        let place = self.templates.len() - 1;
        let sums: Vec<ExprId> = self.templates[place].order.clone();
        for id in sums {
            if let Node::Reduce(_, var, lo, hi, body) = self.graph.node(id) {
                let inner = self.inner(context, IndexRange { var, lo: lo.into(), hi: hi.into() });
                let nested = self.template(body, inner);
                self.templates[place].nested.push((id, nested));
            }
        }
        place
    }

    /// The coefficients of order k of all nodes of a template.
    fn advance(&mut self, template: usize, k: usize) {
        let Template { context, order, nested, .. } = self.templates[template].clone();
        for id in order {
            if self.known.contains_key(&((id, context), k)) {
                continue;
            }
            if let Some((_, inner)) = nested.iter().find(|(sum, _)| *sum == id) {
                self.advance(*inner, k);
            }
            let value =
                if k == 0 { self.first(id, context, &nested) } else { self.coefficient(id, context, k, &nested) };
            let value = if self.reread.contains(&(id, context)) { self.keep(value, context) } else { value };
            self.known.insert(((id, context), k), value);
        }
    }

    /// The coefficient of order k of a template that is asked for itself.
    fn entry(&mut self, template: usize, k: usize) -> ExprId {
        self.advance(template, k);
        let Template { context, root, .. } = self.templates[template];
        self.get(root, context, k)
    }

    /// Stores what the templates of a family say of order k: the definition's coefficient k, the state's k + 1.
    fn finish(&mut self, model: &Model, family: &Family, is_state: bool, templates: &[usize], k: usize) {
        if !is_state && k == 0 {
            // Computed by the model's own definition.
            return;
        }
        let order = if is_state { k + 1 } else { k };
        let factor = self.graph.constant(1.0 / order as f64);
        let mut pieces = Vec::new();
        for (piece, template) in family.pieces.iter().zip(templates) {
            let Template { context, root, .. } = self.templates[*template];
            let value = self.get(root, context, k);
            let value = if is_state { self.graph.mul(factor, value) } else { value };
            if !self.kept {
                let subscripts: Vec<i64> = piece.subscripts.iter().map(|a| a.offset).collect();
                let place = model.symbol(family.symbol).place(&subscripts);
                self.elements.entry((family.symbol, place)).or_default().push(value);
            }
            pieces.push(Piece { value, ..piece.clone() });
        }
        let mut symbol = family.symbol;
        if self.kept {
            let declared = Symbol { kind: Kind::Definition, offset: self.next, ..model.symbol(symbol).clone() };
            self.next += declared.len();
            symbol = declare(&mut self.graph, &mut self.symbols, declared, Reads::State);
            self.per_order.insert((family.symbol, order), symbol);
        } else if !is_state {
            return;
        }
        let coefficient = is_state.then_some((family.symbol, order));
        self.arrays.push(Computed { family: Family { symbol, pieces }, coefficient, kept: self.kept });
    }

    fn get(&mut self, id: ExprId, context: usize, k: usize) -> ExprId {
        if !self.varies(id) {
            return if k == 0 { id } else { self.graph.constant(0.0) };
        }
        match self.known.get(&((id, context), k)) {
            Some(value) => *value,
            // Not reached: templates list operands before users.
            None => self.graph.constant(f64::NAN),
        }
    }

    fn varies(&self, id: ExprId) -> bool {
        self.graph.facts(id).reads > Reads::Parameters
    }

    fn is_zero(&self, id: ExprId) -> bool {
        self.graph.as_const(id) == Some(0.0)
    }

    /// With arrays: the value as an array of its own, computed here; without: the value.
    fn keep(&mut self, value: ExprId, context: usize) -> ExprId {
        let leaf = matches!(self.graph.node(value), Node::Const(_) | Node::Time | Node::Index(_) | Node::Symbol(..));
        if !self.kept || leaf || !self.varies(value) {
            return value;
        }
        if let Some(kept) = self.stashed.get(&(value, context)) {
            return *kept;
        }
        let free = self.graph.facts(value).free;
        let ranges: Vec<IndexRange> =
            self.contexts[context].iter().copied().filter(|r| free >> r.var.0 & 1 == 1).collect();
        let dims: Vec<Dim> = ranges.iter().map(|r| Dim { lo: r.lo, hi: r.hi, periodic: false }).collect();
        let any = self.symbols[0].clone();
        let symbol = Symbol { name: "series".to_string(), kind: Kind::Definition, dims, offset: self.next, ..any };
        self.next += symbol.len();
        let symbol = declare(&mut self.graph, &mut self.symbols, symbol, Reads::State);
        let subscripts: Vec<Affine> = ranges.iter().map(|r| Affine::var(r.var)).collect();
        let list = subscripts.iter().map(|affine| Subscript { affine: affine.clone(), wrap: false }).collect();
        let list = self.graph.subscripts_id(list);
        let family = Family { symbol, pieces: vec![Piece { ranges, subscripts, value }] };
        self.arrays.push(Computed { family, coefficient: None, kept: true });
        let reference = self.graph.intern(Node::Symbol(symbol, list));
        self.stashed.insert((value, context), reference);
        reference
    }

    /// The value of a node at the point itself.
    fn first(&mut self, id: ExprId, context: usize, nested: &[(ExprId, usize)]) -> ExprId {
        if !self.kept || !self.varies(id) {
            return id;
        }
        let node = self.graph.node(id);
        if let (Node::Reduce(..), Some((_, inner))) = (node, nested.iter().find(|(sum, _)| *sum == id)) {
            return self.sum_of(*inner, 0, node);
        }
        let mut operands = Vec::new();
        self.graph.for_each_operand(node, |operand| operands.push(operand));
        let values: Vec<(ExprId, ExprId)> = operands.iter().map(|x| (*x, self.get(*x, context, 0))).collect();
        let value = |x: ExprId| values.iter().find(|(known, _)| *known == x).map_or(x, |(_, value)| *value);
        self.graph.rebuild(node, &value)
    }

    fn sum_of(&mut self, nested: usize, k: usize, node: Node) -> ExprId {
        let Node::Reduce(_, var, lo, hi, body) = node else { return self.graph.constant(f64::NAN) };
        let context = self.templates[nested].context;
        let term = self.get(body, context, k);
        self.graph.reduce(Reduction::Sum, IndexRange { var, lo: lo.into(), hi: hi.into() }, term)
    }

    /// The coefficient of order k ≥ 1 of a node whose operands have theirs.
    fn coefficient(&mut self, id: ExprId, c: usize, k: usize, nested: &[(ExprId, usize)]) -> ExprId {
        let zero = self.graph.constant(0.0);
        let node = self.graph.node(id);
        match node {
            Node::Time => self.graph.constant(if k == 1 { 1.0 } else { 0.0 }),
            Node::Symbol(symbol, list) => {
                if let Some(array) = self.per_order.get(&(symbol, k)) {
                    return self.graph.intern(Node::Symbol(*array, list));
                }
                let subscripts: Vec<i64> = self.graph.subscripts(list).iter().map(|s| s.affine.offset).collect();
                let place = self.symbols[symbol.0 as usize].place(&subscripts);
                // A definition's list lacks order 0, a state's too.
                self.elements.get(&(symbol, place)).and_then(|list| list.get(k - 1)).copied().unwrap_or(zero)
            }
            Node::Reduce(..) => match nested.iter().find(|(sum, _)| *sum == id) {
                Some((_, inner)) => self.sum_of(*inner, k, node),
                None => zero,
            },
            Node::Unary(Unary::Neg, a) => {
                let a = self.get(a, c, k);
                self.graph.neg(a)
            }
            Node::Unary(Unary::Abs, a) => {
                let (a0, ak) = (self.get(a, c, 0), self.get(a, c, k));
                let (below, minus) = (self.graph.compare(Compare::Lt, a0, zero), self.graph.neg(ak));
                self.graph.select(below, minus, ak)
            }
            Node::Unary(Unary::Sqrt, a) => self.root(id, a, c, k),
            Node::Binary(op @ (Binary::Add | Binary::Sub), a, b) => {
                let (a, b) = (self.get(a, c, k), self.get(b, c, k));
                self.graph.binary(op, a, b)
            }
            Node::Binary(Binary::Mul, a, b) => self.product(a, b, c, k),
            Node::Binary(Binary::Div, a, b) => self.quotient(id, a, b, c, k),
            Node::Binary(op @ (Binary::Min | Binary::Max), a, b) => {
                let (a0, b0) = (self.get(a, c, 0), self.get(b, c, 0));
                let first = if op == Binary::Min { (a0, b0) } else { (b0, a0) };
                let chosen = self.graph.compare(Compare::Lt, first.0, first.1);
                let (a, b) = (self.get(a, c, k), self.get(b, c, k));
                self.graph.select(chosen, a, b)
            }
            Node::Select(condition, a, b) => {
                let condition = self.get(condition, c, 0);
                let (a, b) = (self.get(a, c, k), self.get(b, c, k));
                self.graph.select(condition, a, b)
            }
            Node::Call1(Function::Log, a) => self.logarithm(id, a, c, k),
            Node::Call1(f, a) => self.function(f, id, &[a], c, k),
            Node::Curve(curve, order, a) => {
                let slope = self.graph.apply(curve, order + 1, a);
                self.composed(slope, a, c, k)
            }
            Node::Call2(Function::Pow, a, e) if !self.varies(e) => self.power(id, a, e, c, k),
            Node::Call2(f, a, b) => self.function(f, id, &[a, b], c, k),
            // Steps (floor, ceil) and truth values do not move.
            _ => zero,
        }
    }

    /// j u_j, the coefficients of the derivative.
    fn slope(&mut self, id: ExprId, c: usize, j: usize) -> ExprId {
        let value = self.get(id, c, j);
        let factor = self.graph.constant(j as f64);
        let slope = self.graph.mul(factor, value);
        self.keep(slope, c)
    }

    /// 1/x_0
    fn reciprocal(&mut self, id: ExprId, c: usize) -> ExprId {
        let (one, first) = (self.graph.constant(1.0), self.get(id, c, 0));
        let value = self.graph.div(one, first);
        self.keep(value, c)
    }

    /// Σ of products, those of the newest coefficients last: the others can be summed before these are known.
    fn sum(&mut self, mut terms: Vec<(usize, ExprId, ExprId)>) -> ExprId {
        terms.retain(|(_, a, b)| !self.is_zero(*a) && !self.is_zero(*b));
        terms.sort_by_key(|(newest, ..)| *newest);
        let mut sum = self.graph.constant(0.0);
        for (_, a, b) in terms {
            let product = self.graph.mul(a, b);
            sum = self.graph.add(sum, product);
        }
        sum
    }

    /// (a b)_k = Σ a_j b_{k−j}; squares by symmetry.
    fn product(&mut self, a: ExprId, b: ExprId, c: usize, k: usize) -> ExprId {
        if a == b {
            return self.square(a, c, k, 0);
        }
        let terms = (0..=k).map(|j| (j.max(k - j), self.get(a, c, j), self.get(b, c, k - j))).collect();
        self.sum(terms)
    }

    /// Σ a_j a_{k−j} over j from `from` to k − `from`.
    fn square(&mut self, a: ExprId, c: usize, k: usize, from: usize) -> ExprId {
        let two = self.graph.constant(2.0);
        let pairs: Vec<usize> = (from.max(1)..k.div_ceil(2)).collect();
        let terms = pairs.into_iter().map(|j| (k - j, self.get(a, c, j), self.get(a, c, k - j))).collect();
        let pairs = self.sum(terms);
        let mut sum = self.graph.mul(two, pairs);
        if k.is_multiple_of(2) && k / 2 >= from {
            let middle = self.get(a, c, k / 2);
            let square = self.graph.mul(middle, middle);
            sum = if self.is_zero(middle) { sum } else { self.graph.add(square, sum) };
        }
        if from == 0 && k > 0 {
            let (first, last) = (self.get(a, c, 0), self.get(a, c, k));
            if !self.is_zero(last) {
                let double = self.graph.mul(two, first);
                let product = self.graph.mul(double, last);
                sum = self.graph.add(sum, product);
            }
        }
        sum
    }

    /// q = a/b: q_k = (a_k − Σ_{j≥1} b_j q_{k−j}) / b_0
    fn quotient(&mut self, q: ExprId, a: ExprId, b: ExprId, c: usize, k: usize) -> ExprId {
        let inverse = self.reciprocal(b, c);
        let terms = (1..=k).map(|j| (j.max(k - j), self.get(b, c, j), self.get(q, c, k - j))).collect();
        let (above, sum) = (self.get(a, c, k), self.sum(terms));
        let difference = self.graph.sub(above, sum);
        if self.is_zero(difference) { difference } else { self.graph.mul(difference, inverse) }
    }

    /// s = √a: s_k = (a_k − Σ_{0<j<k} s_j s_{k−j}) / (2 s_0)
    fn root(&mut self, s: ExprId, a: ExprId, c: usize, k: usize) -> ExprId {
        let (half, first) = (self.graph.constant(0.5), self.get(s, c, 0));
        let inverse = self.graph.div(half, first);
        let inverse = self.keep(inverse, c);
        let (above, sum) = (self.get(a, c, k), self.square(s, c, k, 1));
        let difference = self.graph.sub(above, sum);
        if self.is_zero(difference) { difference } else { self.graph.mul(difference, inverse) }
    }

    /// l = log a: l_k = (a_k − (1/k) Σ_{0<j<k} j l_j a_{k−j}) / a_0
    fn logarithm(&mut self, l: ExprId, a: ExprId, c: usize, k: usize) -> ExprId {
        let inverse = self.reciprocal(a, c);
        let terms = (1..k).map(|j| (j.max(k - j), self.slope(l, c, j), self.get(a, c, k - j))).collect();
        let sum = self.sum(terms);
        let share = self.graph.constant(1.0 / k as f64);
        let mean = self.graph.mul(share, sum);
        let above = self.get(a, c, k);
        let difference = self.graph.sub(above, mean);
        if self.is_zero(difference) { difference } else { self.graph.mul(difference, inverse) }
    }

    /// p = a^e: k a_0 p_k = e Σ_{j<k} (k−j) a_{k−j} p_j − Σ_{j<k} a_{k−j} j p_j
    fn power(&mut self, p: ExprId, a: ExprId, e: ExprId, c: usize, k: usize) -> ExprId {
        let inverse = self.reciprocal(a, c);
        let plus = (0..k).map(|j| (j.max(k - j), self.slope(a, c, k - j), self.get(p, c, j))).collect();
        let minus = (1..k).map(|j| (j.max(k - j), self.get(a, c, k - j), self.slope(p, c, j))).collect();
        let (plus, minus) = (self.sum(plus), self.sum(minus));
        let scaled = self.graph.mul(e, plus);
        let difference = self.graph.sub(scaled, minus);
        let share = self.graph.constant(1.0 / k as f64);
        let factor = self.graph.mul(share, inverse);
        let factor = self.keep(factor, c);
        if self.is_zero(difference) { difference } else { self.graph.mul(difference, factor) }
    }

    /// u = f(x) with the node of f'(x): k u_k = Σ_{j≥1} j x_j f'_{k−j}
    fn composed(&mut self, slope: ExprId, x: ExprId, c: usize, k: usize) -> ExprId {
        let terms = (1..=k).map(|j| (j.max(k - j), self.slope(x, c, j), self.get(slope, c, k - j))).collect();
        let sum = self.sum(terms);
        let share = self.graph.constant(1.0 / k as f64);
        self.graph.mul(share, sum)
    }

    /// u = f(x, …): k u_k = Σ over arguments of Σ_{j≥1} j x_j g_{k−j} with g = ∂f/∂x
    fn function(&mut self, f: Function, u: ExprId, arguments: &[ExprId], c: usize, k: usize) -> ExprId {
        let mut terms = Vec::new();
        let (first, last) = (arguments[0], arguments[arguments.len() - 1]);
        for (place, x) in arguments.iter().enumerate() {
            let slope = builtin::derivative(f, place, &mut self.graph, first, last, u);
            terms.extend((1..=k).map(|j| (j.max(k - j), self.slope(*x, c, j), self.get(slope, c, k - j))));
        }
        let sum = self.sum(terms);
        let share = self.graph.constant(1.0 / k as f64);
        self.graph.mul(share, sum)
    }
}
