//! A model whose outputs are what is asked of it: quadrature states for integrals, an output for each value at a point of
//! the solution, and slots among the discrete quantities for numbers that are known only then.

use super::objectives::TermKind;
use super::switches::switches;
use super::{Family, Kind, Model, Piece, Symbol};
use crate::expr::{Affine, ExprId, IndexRange, Node, Reads, Subscript, SymbolId};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// One of the objectives, by its place.
    Objective(usize),
    /// What all observations come to.
    Likelihood,
}

impl Model {
    /// The model to be run for a question.
    ///
    /// Its outputs are, of an objective, the terms in their order and then its value; of observations, their logarithms of
    /// densities in their order; and behind them the model's own discrete quantities, and time. Its discrete quantities are the model's own, and behind them the terms or the columns, 1
    /// until somebody sets them. An integral is a state behind the others that begins at 0.
    pub fn asking(&self, question: Question) -> Model {
        let mut asking = self.clone();
        let slots: Vec<SymbolId> = match question {
            Question::Objective(k) => self.asked.objectives[k].terms.iter().map(|term| term.symbol).collect(),
            Question::Likelihood => self.asked.columns.iter().map(|column| column.symbol).collect(),
        };
        asking.outputs.clear();
        let value = |of: SymbolId| own_value(self, of);
        match question {
            Question::Objective(k) => {
                let objective = &self.asked.objectives[k];
                for term in &objective.terms {
                    let Some(of) = value(term.value) else { continue };
                    let of = match term.kind {
                        TermKind::Integral => asking.integral(&term.text, of),
                        TermKind::Final | TermKind::At(_) => of,
                    };
                    asking.outputs.push(scalar(term.value, of));
                }
                let like = asking.symbol(objective.terms.first().map_or(self.states[0], |term| term.value)).clone();
                let total = Symbol { name: objective.name.clone(), kind: Kind::Output, dims: Vec::new(), ..like };
                let total = asking.declared(total, Reads::Nothing);
                asking.outputs.push(scalar(total, objective.value));
            }
            Question::Likelihood => {
                let symbols = self.asked.observations.iter().map(|observation| observation.log_density);
                asking.outputs.extend(symbols.filter_map(|symbol| Some(scalar(symbol, value(symbol)?))));
            }
        }
        for own in &self.discretes {
            let copy = asking.copy(*own);
            asking.outputs.push(copy);
        }
        let (like, now) = (asking.symbol(self.states[0]).clone(), asking.graph.time());
        let time = Symbol { name: self.time.clone(), kind: Kind::Output, dims: Vec::new(), doc: None, ..like };
        let time = asking.declared(time, Reads::Nothing);
        asking.outputs.push(scalar(time, now));
        for slot in slots {
            let one = asking.graph.constant(1.0);
            asking.discretes.push(slot);
            asking.discrete_starts.push(scalar(slot, one));
        }
        asking.run.reduce = false;
        asking.lay_out();
        if !asking.run.over_switches {
            asking.switches = switches(&mut asking);
        }
        asking
    }

    /// A state that integrates an expression; what it is.
    fn integral(&mut self, name: &str, of: ExprId) -> ExprId {
        let like = self.symbol(self.states[0]).clone();
        let state = Symbol { name: name.to_string(), kind: Kind::State, dims: Vec::new(), doc: None, ..like };
        let state = self.declared(state, Reads::State);
        let zero = self.graph.constant(0.0);
        self.states.push(state);
        self.derivatives.push(scalar(state, of));
        self.initials.push(scalar(state, zero));
        let subs = self.graph.subscripts_id(Vec::new());
        self.graph.intern(Node::Symbol(state, subs))
    }

    /// An output that is a quantity, element by element.
    fn copy(&mut self, of: SymbolId) -> Family {
        let symbol = Symbol { kind: Kind::Output, doc: None, ..self.symbol(of).clone() };
        let dims = symbol.dims.clone();
        let symbol = self.declared(symbol, Reads::Nothing);
        let (mut ranges, mut subscripts) = (Vec::new(), Vec::new());
        for (k, dim) in dims.iter().enumerate() {
            match self.graph.var(&format!("_{k}")) {
                Some(var) if dim.lo < dim.hi => {
                    ranges.push(IndexRange { var, lo: dim.lo, hi: dim.hi });
                    subscripts.push(Affine::var(var));
                }
                _ => subscripts.push(Affine::constant(dim.lo)),
            }
        }
        let list = subscripts.iter().map(|affine| Subscript { affine: affine.clone(), wrap: false }).collect();
        let subs = self.graph.subscripts_id(list);
        let value = self.graph.intern(Node::Symbol(of, subs));
        Family { symbol, pieces: vec![Piece { ranges, subscripts, value }] }
    }

    fn declared(&mut self, symbol: Symbol, reads: Reads) -> SymbolId {
        self.symbols.push(symbol);
        self.graph.declare(reads)
    }
}

fn own_value(model: &Model, of: SymbolId) -> Option<ExprId> {
    let family = model.asked.values.iter().find(|family| family.symbol == of)?;
    family.pieces.first().map(|piece| piece.value)
}

fn scalar(symbol: SymbolId, value: ExprId) -> Family {
    Family { symbol, pieces: vec![Piece { ranges: Vec::new(), subscripts: Vec::new(), value }] }
}
