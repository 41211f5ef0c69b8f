//! Second-order structure: which states are positions, which are their velocities, `x' = v`.

use crate::expr::{Node, VarId, for_each_turn};
use crate::model::{Kind, Model};

/// (place of x, place of v) for every equation that says exactly x' = v, where every state is one of the two.
///
/// # Errors
/// The place of a state that is neither.
pub fn positions_and_velocities(model: &Model) -> Result<Vec<(usize, usize)>, usize> {
    if let Some(place) = model.algebraic.first() {
        return Err(*place);
    }
    let n = model.dim();
    let mut velocity_of = vec![None; n];
    for family in &model.derivatives {
        let own = model.symbol(family.symbol);
        for piece in &family.pieces {
            let Node::Symbol(symbol, list) = model.graph.node(piece.value) else { continue };
            let other = model.symbol(symbol);
            if other.kind != Kind::State {
                continue;
            }
            let list = model.graph.subscripts(list);
            for_each_turn(&piece.ranges, |indices| {
                let value = |var: VarId| indices.iter().find(|(known, _)| *known == var).map_or(0, |(_, v)| *v);
                let subscripts: Vec<i64> = piece.subscripts.iter().map(|a| a.eval(&value)).collect();
                let read: Vec<i64> = list.iter().map(|s| s.affine.eval(&value)).collect();
                velocity_of[own.offset + own.place(&subscripts)] = Some(other.offset + other.place(&read));
            });
        }
    }
    // In x' = v, v' = x either could be the position: the first is.
    let (mut pairs, mut is_velocity) = (Vec::new(), vec![false; n]);
    for x in 0..n {
        if let (Some(v), false) = (velocity_of[x], is_velocity[x])
            && !is_velocity[v]
            && v != x
        {
            is_velocity[v] = true;
            pairs.push((x, v));
        }
    }
    let mut known = is_velocity;
    for (x, v) in &pairs {
        // The velocity of a velocity is no velocity here.
        if pairs.iter().any(|(position, _)| position == v) {
            return Err(*v);
        }
        known[*x] = true;
    }
    match known.iter().position(|known| !known) {
        Some(place) => Err(place),
        None => Ok(pairs),
    }
}
