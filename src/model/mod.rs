//! The checked model: what the page of equations means, with every name resolved and every array element accounted for.
//!
//! A [`Model`] is made by [`check`] and never changed. Its equations are families: one template per index range, never
//! one copy per element. It knows nothing of derivatives, kernels or solvers.
//!
//! Invariants: the pieces of a family are disjoint and cover the symbol; every subscript in a template stays inside its
//! array over the piece's ranges (or is marked as wrapping); definitions stand in order of evaluation.

mod added;
mod analysis;
mod asking;
mod boxes;
mod check;
mod conserved;
mod constants;
mod contributions;
mod data;
mod delays;
mod discretes;
mod domain;
mod dose_records;
mod dose_tables;
mod doses;
mod events;
mod expression;
mod families;
mod foreign;
mod implicit;
mod initial;
mod lookups;
mod modes;
mod names;
mod objectives;
mod reaches;
mod reactions;
mod reading;
mod rest;
mod second_order;
mod solve_block;
mod stiff;
mod surfaces;
mod switches;
mod units;

pub use analysis::{Access, Analysis, Entity, EntityId, Mention, Role, Target};
pub use asking::Question;
pub use check::check;
pub use conserved::{Law, dependents};
pub use data::column_of;
pub use delays::{Argument, Delayed, Delays, History};
pub use events::{Assignment, Event, Trigger};
pub use implicit::{Implicit, Unknown};
pub use modes::{Mode, Watch, with_modes};
pub use objectives::{Asked, Column, ColumnName, Objective, Observation, Term, TermKind};
pub use reaches::Reach;
pub use second_order::positions_and_velocities;
pub use solve_block::OPTIONS as SOLVE_OPTIONS;
pub use stiff::Marked;
pub use surfaces::{Condition, Logic, Surface};
pub use switches::{Switch, When};
pub use units::{Conversion, QuantityUnit, Units, known_units};

use crate::expr::{Affine, CurveId, ExprId, Graph, IndexRange, SymbolId};
use crate::math;
use crate::source::{Sources, Span};

/// A checked model.
#[derive(Clone, Debug)]
pub struct Model {
    /// What `model NAME` says, or the source's name.
    pub name: String,
    /// The texts it came from.
    pub sources: Sources,
    /// The comment above `model`, if it is a doc comment.
    pub doc: Option<String>,
    /// The independent variable's name.
    pub time: String,
    /// All expressions.
    pub graph: Graph,
    /// All scalars and arrays, by [`SymbolId`].
    pub symbols: Vec<Symbol>,
    /// States in the order of their layout.
    pub states: Vec<SymbolId>,
    /// Parameters in the order of their layout.
    pub parameters: Vec<SymbolId>,
    /// Arrays that are computed before what uses them, in order of evaluation.
    pub definitions: Vec<Family>,
    /// The time derivative of each state, in the order of `states`.
    pub derivatives: Vec<Family>,
    /// The same with the terms marked that `stiff(…)` says; none where nothing is marked.
    pub marked: Option<Marked>,
    /// Equations that do not say what one derivative is; empty once `crate::dae` has dealt with them.
    pub implicit: Implicit,
    /// Places of the states that have no derivative: their family in `derivatives` is what an algebraic equation leaves,
    /// 0 = …; ascending.
    pub algebraic: Vec<usize>,
    /// What else the states satisfy, 0 = … each: equations that had to be differentiated for the others to determine all
    /// unknowns.
    pub constraints: Vec<ExprId>,
    /// The initial value of each state, in the order of `states`.
    pub initials: Vec<Family>,
    /// The default value of each parameter, in the order of `parameters`; no pieces where none is given.
    pub defaults: Vec<Family>,
    /// The admissible interval of each parameter, where `in (LO, HI)` states one.
    pub bounds: Vec<Option<(f64, f64)>>,
    /// Quantities that only events change, in the order of their layout.
    pub discretes: Vec<SymbolId>,
    /// The value each of them starts from, in the order of `discretes`.
    pub discrete_starts: Vec<Family>,
    /// What happens at times or on conditions, in the order of the file.
    pub events: Vec<Event>,
    /// Times at which the equations switch; none if the solve block says `switches = off`.
    pub switches: Vec<Switch>,
    /// The switches of the equations that the state decides, those that others read first; none before [`with_modes`].
    pub modes: Vec<Mode>,
    /// The functions that data give.
    pub inputs: Vec<Input>,
    /// Where inputs without a rule beyond their points are asked for values.
    pub reaches: Vec<Reach>,
    /// What is read at other times.
    pub delays: Delays,
    /// The recorded quantities, discrete ones last.
    pub outputs: Vec<Family>,
    /// What is asked of a solution.
    pub asked: Asked,
    /// What each reaction, and each term added with `+=`, changes; in the order of the file, arrays element by element.
    /// None where those are too many.
    pub reactions: Option<Vec<Contribution>>,
    /// The reactions as they are written.
    pub written: Vec<Equation>,
    /// The states that [`SpeciesId`]s count, element by element.
    pub species: Vec<(SymbolId, Vec<i64>)>,
    /// What the solve block says.
    pub run: Run,
    /// Names that stand for numbers known when compiling: constants and indices.
    pub fixed: Vec<String>,
    /// The units of its quantities, if any is stated.
    pub units: Option<Units>,
    /// Doses that have been given for ever before the start; none if there are no such.
    pub lead_in: Option<LeadIn>,
}

/// What precedes the start of a run: doses at distances, for so long that all is periodic (`SS` in tables of doses).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeadIn {
    /// The time of the last record that asks for it; a run cannot start before.
    pub since: f64,
    /// The longest distance between doses.
    pub interval: f64,
}

/// At most so many times the longest distance between doses is looked back; doses farther away are left out.
pub const LOOK_BACK: u32 = 1_000;

/// A function that data give.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// The file, as the model names it.
    pub file: String,
    /// The function.
    pub curve: CurveId,
    /// Where it is declared.
    pub span: Span,
}

/// The place of a species in [`Model::species`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpeciesId(pub usize);

/// What a reaction changes, per unit of its net flux.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// The reaction's label or number; none for a term added with `+=`.
    pub label: Option<String>,
    /// How many of each species are made (positive) or used up (negative); none where the sum is 0.
    pub net: Vec<(SpeciesId, f64)>,
}

/// A reaction as a person reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Equation {
    /// Its label.
    pub label: Option<String>,
    /// What it takes.
    pub reactants: Vec<Participant>,
    /// `->`, `<->` or `=>`.
    pub arrow: &'static str,
    /// What it makes.
    pub products: Vec<Participant>,
    /// Its net flux, over its indices.
    pub flux: Vec<Piece>,
}

/// A species on one side of a reaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Participant {
    /// Its stoichiometric coefficient.
    pub coefficient: f64,
    /// Its name.
    pub name: String,
    /// Its subscripts as written.
    pub subscripts: Vec<String>,
}

/// A scalar or array with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// Its name; first derivatives of second-order states end in a prime.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its dimensions; none for a scalar.
    pub dims: Vec<Dim>,
    /// Its first element's place in the vector of its kind (states, parameters, outputs, definitions).
    pub offset: usize,
    /// The doc comment.
    pub doc: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Integrated.
    State,
    /// Given from outside.
    Parameter,
    /// Computed from others.
    Definition,
    /// Computed and recorded.
    Output,
    /// Constant between events.
    Discrete,
    /// The branch of a switch that holds, constant within a step ([`Mode`]).
    Mode,
    /// A state, or its derivative, at another time.
    Delayed,
    /// A time at which something is read.
    Argument,
    /// A vector that a Jacobian is multiplied with, laid out as the states are; derivatives bring it in.
    Direction,
    /// What a number depends on it by; derivatives bring it in.
    Adjoint,
}

/// One dimension of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dim {
    /// First subscript.
    pub lo: i64,
    /// Last subscript.
    pub hi: i64,
    /// Whether subscripts wrap around.
    pub periodic: bool,
}

impl Dim {
    /// Number of subscripts.
    pub fn len(self) -> usize {
        (self.hi - self.lo + 1).max(0) as usize
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.hi < self.lo
    }
}

impl Symbol {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.dims.iter().map(|dim| dim.len()).product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row-major place of an element within the symbol.
    pub fn place(&self, subscripts: &[i64]) -> usize {
        let wrapped = subscripts.iter().zip(&self.dims);
        wrapped.fold(0, |place, (s, dim)| place * dim.len() + (s - dim.lo).rem_euclid(dim.len().max(1) as i64) as usize)
    }
}

/// The values of one symbol: a template per disjoint region.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Whose values.
    pub symbol: SymbolId,
    /// The regions.
    pub pieces: Vec<Piece>,
}

/// One template over one box of index values.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The index variables that vary, outermost first.
    pub ranges: Vec<IndexRange>,
    /// The element it gives, per dimension of the symbol.
    pub subscripts: Vec<Affine>,
    /// The template.
    pub value: ExprId,
}

/// How the model wants to be run; everything can be overridden from outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Start and end of the independent variable.
    pub span: Option<(f64, f64)>,
    /// Relative tolerance.
    pub rtol: Option<f64>,
    /// Absolute tolerance.
    pub atol: Option<f64>,
    /// The method's name as written, and where.
    pub method: Option<(String, Span)>,
    /// Which points to keep.
    pub save: Option<Grid>,
    /// First step.
    pub first_step: Option<f64>,
    /// Largest step.
    pub max_step: Option<f64>,
    /// Limit on the number of steps.
    pub max_steps: Option<u64>,
    /// Whether states that conserved sums determine are left out of the integration.
    pub reduce: bool,
    /// Where that is said.
    pub reduce_at: Option<Span>,
    /// Whether steps may run over the times at which the equations switch.
    pub over_switches: bool,
}

/// A grid of points to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Grid {
    /// Every step the method takes.
    Steps,
    /// So many points from start to end, evenly spaced.
    Count(u64),
    /// One point every so much, and the end.
    Every(f64),
    /// `linear(from, to, count)`
    Linear(f64, f64, u64),
    /// `log(from, to, count)`
    Log(f64, f64, u64),
}

impl Grid {
    /// So many points are asked for at most.
    pub const MOST: u64 = 100_000_000;

    /// The points between `t0` and `t1` in the direction of integration; none where they are those of the steps.
    ///
    /// # Errors
    /// A sentence, where they are more than [`Grid::MOST`].
    pub fn points(self, t0: f64, t1: f64) -> Result<Option<Vec<f64>>, String> {
        let spread = |from: f64, to: f64, n: u64, map: &dyn Fn(f64) -> f64| -> Vec<f64> {
            let last = (n.max(2) - 1) as f64;
            let ends = (map(from), map(to));
            (0..n)
                .map(|k| match k {
                    0 => from,
                    k if k == n - 1 => to,
                    k => ends.0 + (ends.1 - ends.0) * (k as f64 / last),
                })
                .collect()
        };
        let mut points = match self {
            Grid::Steps => return Ok(None),
            Grid::Count(n) => spread(t0, t1, n, &|x| x),
            Grid::Linear(a, b, n) => spread(a, b, n, &|x| x),
            Grid::Log(a, b, n) => {
                let logs = spread(math::log(a), math::log(b), n, &|x| x);
                let last = logs.len().saturating_sub(1);
                logs.iter()
                    .enumerate()
                    .map(|(k, x)| {
                        if k == 0 {
                            a
                        } else if k == last {
                            b
                        } else {
                            math::exp(*x)
                        }
                    })
                    .collect()
            }
            Grid::Every(dt) => {
                let count = ((t1 - t0).abs() / dt.abs() * (1.0 + 1e-12)).floor();
                if count > Self::MOST as f64 {
                    let most = Self::MOST as f64;
                    return Err(format!(
                        "`every({dt:e})` asks for {count:.1e} points from {t0} to {t1}, more than {most:e}; keep fewer, or `steps`"
                    ));
                }
                let step = dt.abs() * (t1 - t0).signum();
                let mut points: Vec<f64> = (0..=count as u64).map(|k| t0 + k as f64 * step).collect();
                if let Some(last) = points.last_mut() {
                    if (*last - t1).abs() <= 1e-9 * dt.abs() {
                        *last = t1;
                    } else {
                        points.push(t1);
                    }
                }
                points
            }
        };
        let (lo, hi) = (t0.min(t1), t0.max(t1));
        // A run that ends before the grid does still shows its end.
        if points.iter().any(|t| (t - t1) * (t1 - t0) > 0.0) {
            points.push(t1);
        }
        points.retain(|t| (lo..=hi).contains(t));
        points.sort_by(|a, b| a.total_cmp(b));
        if t1 < t0 {
            points.reverse();
        }
        points.dedup();
        Ok(Some(points))
    }
}

impl Model {
    /// The symbol with that id.
    pub fn symbol(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.0 as usize]
    }

    /// Whether a piece of `derivatives` is what an algebraic equation leaves, and no derivative.
    pub fn is_algebraic(&self, family: SymbolId, piece: &Piece) -> bool {
        let symbol = self.symbol(family);
        let at: Vec<i64> = piece.subscripts.iter().map(|a| a.offset).collect();
        piece.ranges.is_empty() && self.algebraic.binary_search(&(symbol.offset + symbol.place(&at))).is_ok()
    }

    /// Number of scalar states, n.
    pub fn dim(&self) -> usize {
        self.states.iter().map(|id| self.symbol(*id).len()).sum()
    }

    /// Number of scalar parameters.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|id| self.symbol(*id).len()).sum()
    }
}

impl crate::expr::Names for Model {
    fn symbol(&self, symbol: SymbolId) -> &str {
        &self.symbols[symbol.0 as usize].name
    }

    fn time(&self) -> &str {
        &self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_hit_their_ends_and_stay_inside() {
        assert_eq!(Grid::Count(3).points(0.0, 1.0), Ok(Some(vec![0.0, 0.5, 1.0])));
        assert_eq!(Grid::Every(0.4).points(0.0, 1.0), Ok(Some(vec![0.0, 0.4, 0.8, 1.0])));
        assert_eq!(Grid::Every(0.1).points(0.0, 1.0).map(|p| p.map(|p| p.len())), Ok(Some(11)));
        let many = "`every(1e-13)` asks for 1.0e13 points from 0 to 1, more than 1e8; keep fewer, or `steps`";
        assert_eq!(Grid::Every(1e-13).points(0.0, 1.0), Err(many.to_string()));
        let log = Grid::Log(1e-6, 1e11, 18).points(0.0, 1e11).ok().flatten().unwrap_or_default();
        assert_eq!((log.len(), log[0], log[17]), (18, 1e-6, 1e11));
        assert_eq!(Grid::Linear(-1.0, 1.0, 3).points(0.0, 1.0), Ok(Some(vec![0.0, 1.0])));
        assert_eq!(Grid::Linear(0.0, 10.0, 11).points(0.0, 1.5), Ok(Some(vec![0.0, 1.0, 1.5])));
        assert_eq!(Grid::Count(3).points(1.0, 0.0), Ok(Some(vec![1.0, 0.5, 0.0])));
    }
}
