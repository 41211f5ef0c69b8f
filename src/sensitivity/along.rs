//! The way along steps with S as one function, where the system has it ([`System::explicit_tangent`],
//! [`System::rosenbrock_tangent`], [`System::difference_tangent`]).

mod differences;
mod stages;

use differences::Differences;
use stages::Stages;

use super::program::Program;
use super::steps::same;
use crate::solve::problem::Problem;
use crate::solve::{Formula, Taken};
use crate::system::System;

/// Functions for the steps of one method with k directions.
pub struct Along {
    formula: Formula,
    kind: Kind,
}

enum Kind {
    Stages(Stages),
    Differences(Differences),
}

/// Directions, and what parameters and discrete quantities change by in them.
struct Directions {
    n: usize,
    k: usize,
    /// Which changes in which direction, and by how much.
    moves: Vec<(usize, usize)>,
    amounts: Vec<f64>,
    discretes: usize,
}

impl Along {
    /// For the method of a step, if it is one of these, and changes of parameters and discrete quantities `q`, a row of k numbers
    /// each.
    pub fn new(system: &dyn System, taken: &Taken, q: &[f64], k: usize) -> Option<Self> {
        if k == 0 || !matches!(taken.formula, Formula::Explicit(_) | Formula::Rosenbrock(_) | Formula::Bdf(_)) {
            return None;
        }
        let (n, discretes) = (system.shape().dim(), system.shape().discretes_at);
        let moves = moving(q, k, discretes).collect();
        let mut directions = Directions { n, k, moves, amounts: Vec::new(), discretes };
        directions.turn(q);
        let kind = match taken.formula {
            Formula::Explicit(method) => {
                let step = system.explicit_tangent(&method.formula(), (k, &directions.moves));
                Kind::Stages(Stages::new(step, false, directions))
            }
            Formula::Rosenbrock(method) => {
                let step = system.rosenbrock_tangent(&method.formula(), (k, &directions.moves));
                Kind::Stages(Stages::new(step, true, directions))
            }
            Formula::Bdf(_) => Kind::Differences(Differences::new(directions)),
            _ => return None,
        };
        Some(Along { formula: taken.formula.clone(), kind })
    }

    /// Whether it is for the method of this step.
    pub fn is_for(&self, taken: &Taken) -> bool {
        match (&self.kind, &taken.formula) {
            (Kind::Differences(_), Formula::Bdf(_)) => true,
            _ => same(&taken.formula, &self.formula),
        }
    }

    /// Whether it is for such changes of parameters and discrete quantities.
    pub fn moves_as(&self, q: &[f64]) -> bool {
        let Directions { k, moves, discretes, .. } = self.directions();
        moving(q, *k, *discretes).eq(moves.iter().copied())
    }

    fn directions(&self) -> &Directions {
        match &self.kind {
            Kind::Stages(stages) => &stages.directions,
            Kind::Differences(differences) => &differences.directions,
        }
    }

    /// Takes what parameters and discrete quantities change by from here on.
    pub fn turn(&mut self, q: &[f64]) {
        match &mut self.kind {
            Kind::Stages(stages) => stages.directions.turn(q),
            Kind::Differences(differences) => differences.directions.turn(q),
        }
    }

    /// Along the step from the state `y`, of which `points` are kept, with S of what the method carries; how many numbers of that are
    /// new, or `None` if there is no function or its pivots were bad, and nothing has been done.
    pub fn step(
        &mut self,
        problem: &Problem,
        taken: &Taken,
        (y, points): (&[f64], &[f64]),
        carried: &mut Vec<f64>,
    ) -> Option<usize> {
        match (&mut self.kind, &taken.formula) {
            (Kind::Stages(stages), _) => stages.step(problem, taken, (y, points), carried),
            (Kind::Differences(differences), Formula::Bdf(step)) => {
                differences.step(problem, (taken, step), points, carried)
            }
            _ => None,
        }
    }

    /// The new state.
    pub fn end(&self) -> &[f64] {
        match &self.kind {
            Kind::Stages(stages) => stages.end(),
            Kind::Differences(differences) => differences.end(),
        }
    }

    /// Puts where the list of the step has it what of S is read inside the step; how many of the list's instructions are done then.
    pub fn tell(&self, program: &Program, carried: &[f64], slots: &mut [f64]) -> usize {
        match &self.kind {
            Kind::Stages(stages) => stages.tell(program, slots),
            Kind::Differences(differences) => differences.tell(program, carried, slots),
        }
    }
}

impl Directions {
    /// Takes changes.
    fn turn(&mut self, q: &[f64]) {
        self.amounts.clear();
        self.amounts.extend(self.moves.iter().map(|(row, direction)| q[row * self.k + direction]));
    }

    /// The size of S.
    fn size(&self) -> usize {
        self.n * self.k
    }
}

/// What changes in which direction; discrete quantities from that place on may be set at any time.
fn moving(q: &[f64], k: usize, discretes: usize) -> impl Iterator<Item = (usize, usize)> {
    let places = (0..q.len()).map(move |at| (at / k, at % k));
    places.filter(move |(row, direction)| *row >= discretes || q[row * k + direction] != 0.0)
}
