//! Preparing right-hand sides for Taylor coefficients: constants pulled out of products, so that `2*(x - y)/r` and
//! `(y - x)/r` share one quotient; and templates, the nodes of a right-hand side in an order in which their
//! coefficients can be computed.

use rustc_hash::{FxHashMap, FxHashSet};

use super::taylor::NoSeries;
use crate::expr::{
    Affine, ExprId, Graph, IndexRange, Node, Reads, Reduction, builtin, reduction_operation, reduction_start,
};
use crate::math::{Binary, Function, Unary};
use crate::model::Model;

/// A product or minimum over an index of more values than this is not unrolled.
const LONGEST_UNROLLED: usize = 64;

/// Whether any equation is a template over an index, or sums over one.
pub(super) fn mentions_arrays(model: &Model, graph: &Graph) -> bool {
    let families = model.definitions.iter().filter(|f| graph.symbol_reads(f.symbol) > Reads::Parameters);
    let pieces: Vec<_> = families.chain(&model.derivatives).flat_map(|f| &f.pieces).collect();
    let roots: Vec<ExprId> = pieces.iter().map(|piece| piece.value).collect();
    let sums = |id: &ExprId| matches!(graph.node(*id), Node::Reduce(..)) && graph.facts(*id).reads > Reads::Parameters;
    pieces.iter().any(|piece| !piece.ranges.is_empty()) || graph.reachable(&roots).iter().any(sums)
}

/// The first function without a recurrence among what varies: those whose derivatives end in one that has none, and the host's.
pub(super) fn refused(graph: &Graph, root: ExprId) -> Option<String> {
    graph.reachable(&[root]).into_iter().find_map(|id| match graph.node(id) {
        Node::Call1(f @ (Function::Gamma | Function::Lgamma | Function::Digamma | Function::Trigamma), x)
            if graph.facts(x).reads > Reads::Parameters =>
        {
            Some(f.name().to_string())
        }
        Node::Foreign(foreign, ..) if graph.facts(id).reads > Reads::Parameters => {
            Some(graph.foreign(foreign).name.clone())
        }
        _ => None,
    })
}

/// Whether an expression has no branches that depend on what varies.
pub(super) fn is_smooth(graph: &Graph, root: ExprId) -> bool {
    graph.reachable(&[root]).into_iter().filter(|id| graph.facts(*id).reads > Reads::Parameters).all(|id| {
        !matches!(
            graph.node(id),
            Node::Compare(..)
                | Node::Curve(..)
                | Node::Unary(Unary::Abs | Unary::Floor | Unary::Ceil, _)
                | Node::Binary(Binary::Min | Binary::Max, ..)
                | Node::Reduce(Reduction::Min | Reduction::Max, ..)
        )
    })
}

/// An equal expression (but for rounding) with constant factors outermost, differences in one order, powers with varying
/// exponents as exponentials, and products, minima and maxima over an index unrolled.
pub(super) fn normalise(graph: &mut Graph, root: ExprId, state: &str) -> Result<ExprId, NoSeries> {
    // A node is `factor * core`; no factor means 1.
    let mut done: FxHashMap<ExprId, (Option<ExprId>, ExprId)> = FxHashMap::default();
    for id in graph.reachable_outside_reductions(&[root]) {
        let node = graph.node(id);
        let part = |x: ExprId| done.get(&x).copied().unwrap_or((None, x));
        let result = if graph.facts(id).reads <= Reads::Parameters {
            (None, id)
        } else {
            match node {
                Node::Binary(Binary::Mul, a, b) => {
                    let (a, b) = (constant_out(graph, part(a)), constant_out(graph, part(b)));
                    let core = match (a.1, b.1) {
                        (None, None) => None,
                        (Some(x), None) | (None, Some(x)) => Some(x),
                        (Some(x), Some(y)) => Some(graph.mul(x, y)),
                    };
                    let factor = times(graph, a.0, b.0);
                    let one = graph.constant(1.0);
                    (factor, core.unwrap_or(one))
                }
                Node::Binary(Binary::Div, a, b) => {
                    let (a, b) = (constant_out(graph, part(a)), constant_out(graph, part(b)));
                    let one = graph.constant(1.0);
                    let factor = match b.0 {
                        None => a.0,
                        Some(below) => {
                            let above = a.0.unwrap_or(one);
                            Some(graph.div(above, below))
                        }
                    };
                    let (above, below) = (a.1.unwrap_or(one), b.1.unwrap_or(one));
                    (factor, graph.div(above, below))
                }
                Node::Unary(Unary::Neg, a) => {
                    let minus = graph.constant(-1.0);
                    let (factor, core) = part(a);
                    (times(graph, factor, Some(minus)), core)
                }
                Node::Binary(Binary::Sub, a, b) => match (part(a), part(b)) {
                    ((None, x), (None, y)) if x > y => {
                        let minus = graph.constant(-1.0);
                        (Some(minus), graph.sub(y, x))
                    }
                    (a, b) => {
                        let (a, b) = (whole(graph, a), whole(graph, b));
                        (None, graph.sub(a, b))
                    }
                },
                Node::Call2(Function::Pow, a, e) if graph.facts(e).reads > Reads::Parameters => {
                    let (a, e) = (whole(graph, part(a)), whole(graph, part(e)));
                    let log = graph.call1(Function::Log, a);
                    let exponent = graph.mul(e, log);
                    (None, graph.call1(Function::Exp, exponent))
                }
                Node::Reduce(kind, var, lo, hi, body) => {
                    let range = IndexRange { var, lo: lo.into(), hi: hi.into() };
                    (None, reduction(graph, kind, range, body, state)?)
                }
                _ => {
                    let mut operands = Vec::new();
                    graph.for_each_operand(node, |x| operands.push(x));
                    let values: Vec<(ExprId, ExprId)> = operands.iter().map(|x| (*x, whole(graph, part(*x)))).collect();
                    let value = |x: ExprId| values.iter().find(|(known, _)| *known == x).map_or(x, |(_, v)| *v);
                    (None, graph.rebuild(node, &value))
                }
            }
        };
        done.insert(id, result);
    }
    Ok(whole(graph, done[&root]))
}

fn reduction(
    graph: &mut Graph,
    kind: Reduction,
    range: IndexRange,
    body: ExprId,
    state: &str,
) -> Result<ExprId, NoSeries> {
    if kind == Reduction::Sum {
        let body = normalise(graph, body, state)?;
        return Ok(graph.reduce(kind, range, body));
    }
    if range.len() > LONGEST_UNROLLED {
        let name = match kind {
            Reduction::Prod => "prod",
            Reduction::Min => "min",
            _ => "max",
        };
        return Err(NoSeries::Reduction(name.to_string(), state.to_string()));
    }
    let mut result: Option<ExprId> = None;
    for value in range.lo..=range.hi {
        let with = [(range.var, Affine::constant(value))].into_iter().collect();
        let term = graph.substitute(body, &with);
        result = Some(match result {
            None => term,
            Some(before) => graph.binary(reduction_operation(kind), before, term),
        });
    }
    let empty = graph.constant(reduction_start(kind));
    normalise(graph, result.unwrap_or(empty), state)
}

fn times(graph: &mut Graph, a: Option<ExprId>, b: Option<ExprId>) -> Option<ExprId> {
    match (a, b) {
        (Some(a), Some(b)) => Some(graph.mul(a, b)),
        (a, b) => a.or(b),
    }
}

fn whole(graph: &mut Graph, (factor, core): (Option<ExprId>, ExprId)) -> ExprId {
    factor.map_or(core, |factor| graph.mul(factor, core))
}

/// Factor and core, a constant core counted to the factor.
fn constant_out(graph: &mut Graph, part: (Option<ExprId>, ExprId)) -> (Option<ExprId>, Option<ExprId>) {
    if graph.facts(part.1).reads <= Reads::Parameters {
        (times(graph, part.0, Some(part.1)), None)
    } else {
        (part.0, Some(part.1))
    }
}

/// The nodes of a right-hand side, operands before users, with the derivatives that functions' recurrences read.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// The right-hand side.
    pub root: ExprId,
    /// Which index ranges stand around it.
    pub context: usize,
    /// Nodes that vary, in order of computation.
    pub order: Vec<ExprId>,
    /// Sums over an index and the templates of their terms.
    pub nested: Vec<(ExprId, usize)>,
}

impl Template {
    /// The template, and the nodes whose coefficients are read again at higher orders.
    pub fn new(graph: &mut Graph, root: ExprId, context: usize) -> (Self, FxHashSet<ExprId>) {
        let mut template = Template { root, context, order: Vec::new(), nested: Vec::new() };
        let mut reread = FxHashSet::default();
        let mut seen = FxHashSet::default();
        let mut roots = vec![root];
        while let Some(next) = roots.pop() {
            for id in graph.reachable_outside_reductions(&[next]) {
                if graph.facts(id).reads <= Reads::Parameters || !seen.insert(id) {
                    continue;
                }
                template.order.push(id);
                note(graph, id, &mut reread, &mut roots);
            }
        }
        // What is read again is never a leaf: leaves are arrays already.
        reread.retain(|id| !matches!(graph.node(*id), Node::Symbol(..) | Node::Time | Node::Const(_)));
        (template, reread)
    }
}

/// Which coefficients the recurrence of a node reads again, and the derivatives it needs.
fn note(graph: &mut Graph, id: ExprId, reread: &mut FxHashSet<ExprId>, roots: &mut Vec<ExprId>) {
    let varies = |graph: &Graph, x: ExprId| graph.facts(x).reads > Reads::Parameters;
    match graph.node(id) {
        Node::Binary(Binary::Mul, a, b) if varies(graph, a) && varies(graph, b) => reread.extend([a, b]),
        Node::Binary(Binary::Div, _, b) if varies(graph, b) => reread.extend([id, b]),
        Node::Unary(Unary::Sqrt, _) => {
            reread.insert(id);
        }
        Node::Call1(Function::Log, a) => reread.extend([id, a]),
        Node::Call2(Function::Pow, a, e) if !varies(graph, e) => reread.extend([id, a]),
        Node::Call1(f, a) => {
            let slope = builtin::derivative(f, 0, graph, a, a, id);
            reread.extend([id, a, slope]);
            roots.push(slope);
        }
        Node::Call2(f, a, b) => {
            for place in 0..2 {
                let slope = builtin::derivative(f, place, graph, a, b, id);
                reread.extend([id, a, b, slope]);
                roots.push(slope);
            }
        }
        Node::Curve(curve, order, a) => {
            let slope = graph.apply(curve, order + 1, a);
            reread.extend([a, slope]);
            roots.push(slope);
        }
        // Conditions are evaluated at the point.
        Node::Select(_, a, b) => reread.extend([a, b]),
        _ => {}
    }
}
