//! The two parts of f where terms are marked: f = f_E + f_I with f_I = ∂f/∂m, f_E = f at m = 0, and ∂f_I/∂y. f is linear in
//! the mark m (`crate::model::Marked`).

use rustc_hash::FxHashMap;

use super::forward::{Direction, array, tangent_model};
use super::reverse::state_jacobian;
use super::{Entry, Unsupported};
use crate::expr::{ExprId, Graph, Node, SymbolId};
use crate::math::Binary;
use crate::model::{Family, Marked, Model, Piece, Symbol};

/// The parts of f. Arrays that a part needs besides the model's own are computed before it, in order.
#[derive(Clone, Debug)]
pub struct Split {
    /// Arrays of f_E.
    pub explicit_definitions: Vec<Family>,
    /// f_E: the terms that are not marked.
    pub explicit: Vec<Family>,
    /// Arrays of f_I.
    pub implicit_definitions: Vec<Family>,
    /// f_I: the marked terms.
    pub implicit: Vec<Family>,
    /// ∂f_I/∂y.
    pub jacobian: Vec<Entry>,
}

/// Takes f apart.
///
/// # Errors
/// As [`super::derive`].
pub fn split(
    model: &Model,
    marked: &Marked,
    graph: &mut Graph,
    symbols: &mut Vec<Symbol>,
) -> Result<Split, Unsupported> {
    let used = |family: &&Family| model.definitions.iter().any(|own| own.symbol == family.symbol);
    let definitions: Vec<Family> = marked.definitions.iter().filter(used).cloned().collect();
    let with_marks = Model { definitions, derivatives: marked.derivatives.clone(), ..model.clone() };
    let direction = Direction { parameter: Some((marked.mark, Vec::new())), ..Direction::default() };
    let (implicit_definitions, implicit, _) = tangent_model(&with_marks, graph, symbols, direction);
    let mut rest = Rest { arrays: [(marked.mark, None)].into_iter().collect(), known: FxHashMap::default() };
    let mut explicit_definitions = Vec::new();
    for family in &with_marks.definitions {
        let pieces = rest.pieces(graph, family);
        if pieces == family.pieces {
            continue;
        }
        let own = array(graph, symbols, model.symbol(family.symbol), "rest of", &pieces);
        rest.arrays.insert(family.symbol, own);
        explicit_definitions.extend(own.map(|symbol| Family { symbol, pieces }));
    }
    let derivatives = with_marks.derivatives.iter();
    let explicit = derivatives.map(|f| Family { symbol: f.symbol, pieces: rest.pieces(graph, f) }).collect();
    let definitions = model.definitions.iter().chain(&implicit_definitions).cloned().collect();
    let (derivatives, known) = (implicit.clone(), symbols.clone());
    let stiff = Model { definitions, derivatives, symbols: known, ..with_marks };
    let jacobian = state_jacobian(&stiff, graph)?;
    Ok(Split { explicit_definitions, explicit, implicit_definitions, implicit, jacobian })
}

/// Expressions where the mark is 0.
struct Rest {
    /// What to read in place of a symbol; none where that is 0.
    arrays: FxHashMap<SymbolId, Option<SymbolId>>,
    known: FxHashMap<ExprId, ExprId>,
}

impl Rest {
    fn pieces(&mut self, graph: &mut Graph, family: &Family) -> Vec<Piece> {
        let pieces = family.pieces.iter();
        pieces.map(|piece| Piece { value: self.expression(graph, piece.value), ..piece.clone() }).collect()
    }

    fn expression(&mut self, graph: &mut Graph, root: ExprId) -> ExprId {
        let (zero, arrays) = (graph.constant(0.0), &self.arrays);
        graph.replace(root, &mut self.known, &|graph, node, known| {
            // Products with what the mark makes 0 vanish, finite or not.
            let vanishes = |x: ExprId| x != zero && known[&x] == zero;
            match node {
                Node::Binary(Binary::Mul, a, b) if vanishes(a) || vanishes(b) => Some(zero),
                Node::Binary(Binary::Div, a, _) if vanishes(a) => Some(zero),
                Node::Symbol(symbol, subs) => {
                    let own = arrays.get(&symbol)?;
                    Some(own.map_or(zero, |own| graph.intern(Node::Symbol(own, subs))))
                }
                _ => None,
            }
        })
    }
}
