//! What each trajectory starts from: the values of its columns, put where they belong.

use super::super::bind::UnknownName;
use super::super::problem::{Problem, SolveError, Start};
use super::super::together::defaults_are_numbers;

/// Where the values of a column go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    Parameter(usize),
    State(usize),
    Discrete(usize),
}

/// Makes starts: `problem` with the values of the columns instead of its own.
pub struct Starts<'p, 'a> {
    problem: &'p Problem<'a>,
    places: &'p [Place],
    /// The values of all parameters, where those of the columns change no others.
    parameters: Option<Vec<f64>>,
}

impl Place {
    pub fn find(problem: &Problem, name: &str) -> Result<Place, UnknownName> {
        let model = problem.compiled().model();
        if let Some(place) = model.parameters().find(name) {
            return Ok(Place::Parameter(place));
        }
        if let Some(place) = model.states().find(name) {
            return Ok(Place::State(place));
        }
        let place = model.discretes().find(name).map(Place::Discrete);
        place.ok_or_else(|| problem.unknown(name))
    }
}

impl Place {
    /// Where values of these names go.
    ///
    /// # Errors
    /// [`UnknownName`], where a name is none of the model.
    pub fn of_all(problem: &Problem, names: &[String]) -> Result<Vec<Place>, UnknownName> {
        names.iter().map(|name| Place::find(problem, name)).collect()
    }
}

impl<'p, 'a> Starts<'p, 'a> {
    /// `first` are the values of one trajectory.
    ///
    /// # Errors
    /// Where a parameter has no value.
    pub fn new(problem: &'p Problem<'a>, places: &'p [Place], first: &[f64]) -> Result<Self, SolveError> {
        let model = problem.compiled().model();
        let mut starts = Starts { problem, places, parameters: None };
        let values = starts.problem(first).parameter_values().map_err(SolveError::Missing)?;
        starts.parameters =
            (model.sensitivities().is_empty() && defaults_are_numbers(model.checked())).then_some(values);
        Ok(starts)
    }

    /// The problem with these values of the columns.
    pub fn problem(&self, row: &[f64]) -> Problem<'a> {
        let mut problem = self.problem.clone();
        self.places.iter().zip(row).for_each(|(place, value)| problem.put(*place, *value));
        problem
    }

    /// What it starts from.
    pub fn start(&self, row: &[f64]) -> Result<Start, SolveError> {
        let Some(parameters) = &self.parameters else { return self.problem(row).start() };
        let mut values = parameters.clone();
        let placed = || self.places.iter().zip(row);
        for (place, value) in placed() {
            if let Place::Parameter(k) = place {
                values[*k] = *value;
            }
        }
        let compiled = self.problem.compiled();
        let discretes = placed().filter_map(|(place, value)| match place {
            Place::Discrete(k) => Some((*k, *value)),
            _ => None,
        });
        let mut start = self.problem.start_of(compiled.bind(&values), discretes);
        for (place, value) in placed() {
            if let Place::State(k) = place {
                start.y[*k] = *value;
            }
        }
        Ok(start)
    }
}
