//! What can be solved for by hand: the equations in blocks that have to be solved together, one after the other, and in
//! each block as many unknowns as possible given by an equation linear in them; the others are torn, left to the solver.
//!
//! Sources: I. S. Duff, J. K. Reid, ACM Trans. Math. Softw. 4 (1978) 137 for the blocks; F. E. Cellier, E. Kofman,
//! Continuous System Simulation, section 7.6, for the choice of what is torn. An alias, 0 = a − b, is the simplest case.

use rustc_hash::FxHashMap;

use super::linear::parts;
use super::matching::Matching;
use super::pantelides::Reduced;
use super::scalars::Scalars;
use super::{Equation, Variable};
use crate::expr::{ExprId, Reads, SubsId, SymbolId};
use crate::order::strong_components;

/// Which highest derivatives follow from others, and what is left to the solver.
pub struct Solved {
    /// Their expressions, in lower derivatives and torn ones.
    pub given: FxHashMap<(SymbolId, SubsId), ExprId>,
    /// The variables of `given`, in the order they were solved for.
    pub order: Vec<Variable>,
    /// Equations left, each with the variable whose row it takes.
    pub residuals: Vec<(ExprId, Variable)>,
}

/// Larger blocks are left to the solver as they are.
const LARGEST: usize = 500;

/// Solves for what can be solved for.
pub fn solve(scalars: &mut Scalars, system: &Reduced) -> Solved {
    let equations = &system.equations;
    let of: FxHashMap<Variable, usize> = equations.iter().enumerate().map(|(e, (_, v))| (*v, e)).collect();
    let reads: Vec<Vec<usize>> = equations
        .iter()
        .map(|(equation, _)| scalars.variables(equation.value).iter().filter_map(|v| of.get(v).copied()).collect())
        .collect();
    let mut solved = Solved { given: FxHashMap::default(), order: Vec::new(), residuals: Vec::new() };
    for block in strong_components(&reads) {
        let members: Vec<(Equation, Variable)> = block.iter().map(|e| equations[*e]).collect();
        solve_block(scalars, &members, &mut solved);
    }
    solved
}

fn solve_block(scalars: &mut Scalars, members: &[(Equation, Variable)], solved: &mut Solved) {
    let mut left: Vec<ExprId> = members.iter().map(|(e, _)| e.value).collect();
    // An array's elements stay states together.
    let eligible = |scalars: &Scalars, v: &Variable| v.order > 0 || scalars.is_scalar(v.element);
    let mut open: Vec<Variable> = members.iter().map(|(_, v)| *v).collect();
    let mut torn: Vec<Variable> = Vec::new();
    if members.len() > LARGEST {
        torn = std::mem::take(&mut open);
    }
    open.retain(|v| {
        let keep = eligible(scalars, v);
        if !keep {
            torn.push(*v);
        }
        keep
    });
    while !open.is_empty() {
        for value in &mut left {
            *value = scalars.replace(*value, &|symbol, subs| solved.given.get(&(symbol, subs)).copied());
        }
        let reads: Vec<Vec<Variable>> = left
            .iter()
            .map(|value| scalars.variables(*value).into_iter().filter(|v| open.contains(v)).collect())
            .collect();
        let single = (0..left.len()).find_map(|at| match reads[at].as_slice() {
            [variable] => Some((at, *variable, explicit(scalars, left[at], *variable)?)),
            _ => None,
        });
        match single {
            Some((at, variable, value)) => {
                left.remove(at);
                open.retain(|v| *v != variable);
                let node = scalars.node(variable);
                let crate::expr::Node::Symbol(symbol, subs) = scalars.model.graph.node(node) else { continue };
                solved.given.insert((symbol, subs), value);
                solved.order.push(variable);
            }
            None => {
                // The one that most equations read: without it most become single.
                let count = |v: &Variable| reads.iter().filter(|list| list.contains(v)).count();
                let Some(most) = open.iter().copied().max_by_key(|v| (count(v), std::cmp::Reverse(*v))) else { break };
                open.retain(|v| *v != most);
                torn.push(most);
            }
        }
    }
    for value in &mut left {
        *value = scalars.replace(*value, &|symbol, subs| solved.given.get(&(symbol, subs)).copied());
    }
    // Rows where the diagonal of J is not empty, as far as there are such.
    let reads: Vec<Vec<usize>> = left
        .iter()
        .map(|value| scalars.variables(*value).iter().filter_map(|v| torn.iter().position(|t| t == v)).collect())
        .collect();
    let mut matching = Matching::new(torn.len());
    let unmatched: Vec<usize> = (0..left.len()).filter(|e| !matching.augment(*e, &reads)).collect();
    let mut rest = unmatched.into_iter();
    for (variable, equation) in torn.iter().zip(&matching.equation) {
        if let Some(e) = equation.or_else(|| rest.next()) {
            solved.residuals.push((left[e], *variable));
        }
    }
}

/// The variable from an equation linear in it whose coefficient no state or time decides.
fn explicit(scalars: &mut Scalars, value: ExprId, variable: Variable) -> Option<ExprId> {
    let leaf = scalars.node(variable);
    let graph = &mut scalars.model.graph;
    let (coefficient, rest) = parts(graph, value, leaf)?;
    if graph.facts(coefficient).reads > Reads::Parameters || graph.as_const(coefficient) == Some(0.0) {
        return None;
    }
    let quotient = graph.div(rest, coefficient);
    Some(graph.neg(quotient))
}
