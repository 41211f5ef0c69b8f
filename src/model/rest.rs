//! A model at rest: what does not change is at another time what it is now, so that steady states know of no delays.

use rustc_hash::FxHashMap;

use super::{Delays, Family, Kind, Model, Surface, Trigger};
use crate::expr::{Affine, ExprId, IndexRange, Node, SubsId, Subscript, SymbolId, VarId};

impl Model {
    /// The model for solutions that have been constant for longer than its delays: each state at another time is what it is,
    /// and its derivative there 0.
    pub fn at_rest(&self) -> Model {
        let mut model = self.clone();
        let delays = std::mem::take(&mut model.delays);
        let mut definitions = std::mem::take(&mut model.definitions);
        let mut derivatives = std::mem::take(&mut model.derivatives);
        let mut outputs = std::mem::take(&mut model.outputs);
        let mut constraints = std::mem::take(&mut model.constraints);
        let mut events = std::mem::take(&mut model.events);
        let families: [&mut Vec<Family>; 3] = [&mut definitions, &mut derivatives, &mut outputs];
        for piece in families.into_iter().flatten().flat_map(|family| &mut family.pieces) {
            piece.value = model.now(&delays, piece.value);
        }
        constraints.iter_mut().for_each(|value| *value = model.now(&delays, *value));
        for event in &mut events {
            if let Trigger::When(condition) = &mut event.trigger {
                for surface in &mut condition.surfaces {
                    let value = model.now(&delays, surface.value);
                    *surface = Surface::new(&model.graph, &model.symbols, value);
                }
            }
            event.assignments.iter_mut().for_each(|a| a.value = model.now(&delays, a.value));
            event.delay.iter_mut().chain(&mut event.priority).for_each(|value| *value = model.now(&delays, *value));
        }
        // Nothing is asked of a solution that does not change.
        model.asked = Default::default();
        let mut model = Model { definitions, derivatives, outputs, constraints, events, ..model };
        model.lay_out();
        model
    }

    /// An expression with what it reads at other times as it is now.
    fn now(&mut self, delays: &Delays, root: ExprId) -> ExprId {
        let mut new: FxHashMap<ExprId, ExprId> = FxHashMap::default();
        for id in self.graph.reachable_outside_reductions(&[root]) {
            let value = match self.graph.node(id) {
                Node::Symbol(symbol, subs) => self.symbol_now(delays, symbol, subs).unwrap_or(id),
                Node::Reduce(kind, var, lo, hi, body) => {
                    let body = self.now(delays, body);
                    self.graph.reduce(kind, IndexRange { var, lo: lo.into(), hi: hi.into() }, body)
                }
                node => self.graph.rebuild(node, &|operand| new[&operand]),
            };
            new.insert(id, value);
        }
        new[&root]
    }

    /// A state at another time as it is now, or how fast it changes; none if the symbol is something else.
    fn symbol_now(&mut self, delays: &Delays, symbol: SymbolId, subs: SubsId) -> Option<ExprId> {
        if self.symbol(symbol).kind != Kind::Delayed {
            return None;
        }
        let delayed = delays.values.iter().find(|d| d.value == symbol || d.rate == symbol)?;
        if delayed.rate == symbol {
            return Some(self.graph.constant(0.0));
        }
        let here = delayed.ranges.iter().zip(self.graph.subscripts(subs));
        let with: FxHashMap<VarId, Affine> = here.map(|(range, at)| (range.var, at.affine.clone())).collect();
        let element =
            |affine: &Affine| Subscript { affine: affine.substitute(&|v| with.get(&v).cloned()), wrap: false };
        let subs = self.graph.subscripts_id(delayed.subscripts.iter().map(element).collect());
        Some(self.graph.intern(Node::Symbol(delayed.state, subs)))
    }
}
