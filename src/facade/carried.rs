//! Derivatives of a run as further states of it, in whose errors they count: where that is asked for, and of models with delays.

use std::sync::Arc;

use super::bind::wanted;
use super::derivatives::{DerivativeError, Tangents};
use super::problem::{Problem, SolveError};
use super::together::discretes_are_numbers;
use crate::diff::{Direction, Wanted, tangent};
use crate::model::{Kind, Model, Piece};
use crate::solve::{Failure, Solution, Tolerance};

impl Problem<'_> {
    /// [`Self::tangents`] by a run of the model with sensitivities. Steps are linear in them or have converged for them too, so
    /// that they are the derivatives of the numbers beside them.
    pub(super) fn carried_in_states(&self, names: &[&str]) -> Result<Tangents, DerivativeError> {
        let model = self.compiled().model().checked();
        let wanted = names.iter().map(|name| wanted(model, name)).collect::<Result<Vec<_>, _>>();
        let wanted = wanted.map_err(DerivativeError::Name)?;
        self.suits_states()?;
        let start = self.start()?;
        let (s, changes) = self.directions(&start, &wanted)?;
        let larger = self.compiled().larger(names)?;
        let (n, k) = (model.dim(), names.len());
        let starts = (0..n).flat_map(|i| (0..k).map(move |j| (n * (j + 1) + i, i * k + j)));
        let problem = self.of_larger(&larger, starts.map(|(place, at)| (place, s[at])), self.scaled(&wanted)?);
        let cut = |solution: Solution| self.cut(solution, k);
        match problem.solve() {
            Ok(solution) => {
                let names = names.iter().map(|name| name.to_string()).collect();
                let (solution, values) = cut(solution);
                Ok(Tangents { solution, names, changes, values })
            }
            Err(SolveError::Failed(Failure { kind, time, step, partial })) => {
                let partial = Box::new(cut(*partial).0);
                Err(DerivativeError::Solve(SolveError::Failed(Failure { kind, time, step, partial })))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether nothing happens to the model that its sensitivities are not told of.
    pub(super) fn suits_states(&self) -> Result<(), DerivativeError> {
        let model = self.compiled().model().checked();
        if model.events.is_empty() && discretes_are_numbers(model) {
            return Ok(());
        }
        let who = if model.delays.is_empty() { "in the error test" } else { "of a model with delays" };
        let sentence = format!("sensitivities {who} are not there yet through events and with discrete quantities");
        Err(DerivativeError::Refused(sentence))
    }

    /// Absolute tolerances of states and sensitivities: of S by q those of the states over |q| (CVODES: Hindmarsh et al., ACM
    /// Trans. Math. Software 31 (2005) 363–396, section 3.3), so that they count alike in any units.
    fn scaled(&self, wanted: &[Wanted]) -> Result<Tolerance, DerivativeError> {
        let (model, start) = (self.compiled().model().checked(), self.start()?);
        let own = |k: usize| match &self.options().atol {
            Tolerance::Scalar(atol) => *atol,
            Tolerance::PerState(list) => list.get(k).copied().unwrap_or_default(),
        };
        let mut list: Vec<f64> = (0..model.dim()).map(own).collect();
        for by in wanted {
            let symbol = model.symbol(by.symbol);
            let place = symbol.offset + symbol.place(&by.element);
            let q = if symbol.kind == Kind::Parameter { start.bound[place] } else { start.y[place] };
            let scale = if q == 0.0 || !q.is_finite() { 1.0 } else { q.abs() };
            list.extend((0..model.dim()).map(|k| own(k) / scale));
        }
        Ok(Tolerance::PerState(list))
    }

    /// The model's own columns, and behind the states and outputs of each row their derivatives.
    fn cut(&self, solution: Solution, k: usize) -> (Solution, Vec<f64>) {
        let shape = self.compiled().system().shape();
        let (n, m) = (shape.dim(), shape.outputs.len());
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        for row in 0..solution.len() {
            rows.extend((0..n).map(|i| solution.state(i)[row]));
            rows.extend((0..m).map(|i| solution.output(i)[row]));
            values.extend((0..n).flat_map(|i| (1..=k).map(move |j| n * j + i)).map(|i| solution.state(i)[row]));
            values.extend((0..m).flat_map(|i| (1..=k).map(move |j| m * j + i)).map(|i| solution.output(i)[row]));
        }
        let (times, statistics) = (solution.times().to_vec(), solution.statistics.clone());
        (Solution::from_rows(times, &rows, Arc::new(shape.clone()), statistics), values)
    }

    /// Of a model with sensitivities: whether f jumps at times that move, or the solution jumps at its start and a delay brings that
    /// back at a time which moves. There sensitivities would jump.
    pub(super) fn no_moving_jump(&self, start: &super::problem::Start) -> Result<(), SolveError> {
        self.no_jump(None)?;
        let system = self.compiled().system();
        let own = self.compiled().model().sensitivities().len() + 1;
        let Some(table) = system.delays().filter(|_| own > 1) else { return Ok(()) };
        let (mut values, mut work) = (vec![0.0; 2 * table.values.len()], vec![0.0; system.shape().work]);
        let times = vec![self.options().t0; table.arguments.len()];
        system.past(&times, &start.bound, &mut work, &mut values);
        let jump = table.values.iter().zip(&values).find(|(delayed, value)| {
            let moves = table.arguments[delayed.argument].neutral && delayed.state < start.y.len() / own;
            moves && delayed.past && **value != start.y[delayed.state]
        });
        match jump {
            None => Ok(()),
            Some((delayed, _)) => Err(self.refused(format!(
                "`{}` jumps at the start, and `{}` at a time that moves with the parameters: there is no derivative; let what \
                 is said of the past lead to the value at the start",
                system.shape().states.get(delayed.state),
                table.arguments[delayed.argument].name,
            ))),
        }
    }
}

/// A parameter whose default changes with what is differentiated by.
pub fn follower(model: &Model, wanted: &[Wanted]) -> Option<String> {
    let mut graph = model.graph.clone();
    wanted.iter().filter(|by| model.symbol(by.symbol).kind == Kind::Parameter).find_map(|by| {
        let direction = Direction { parameter: Some((by.symbol, by.element.clone())), ..Direction::default() };
        let mut moves = |piece: &Piece| {
            let change = tangent(&mut graph, piece.value, &direction);
            graph.as_const(change) != Some(0.0)
        };
        let family = model.defaults.iter().find(|family| family.pieces.iter().any(&mut moves))?;
        Some(model.symbol(family.symbol).name.clone())
    })
}
