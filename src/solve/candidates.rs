//! What `auto` chooses from: a table of methods with the tolerances they are for and what they cost, and the choice by
//! that table, with its reason in words. A method joins by a row.

use super::explicit::ExplicitStepper;
use super::methods;
use super::problem::Problem;
use super::stepper::Stepper;
use super::tableau::Explicit;
use super::{ErrorKind, Method};

/// What the parts of a step take, in operations.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// One evaluation of f; J costs about as much.
    pub rhs: f64,
    /// One factorisation of W.
    pub factor: f64,
    /// One solve with W.
    pub solve: f64,
    /// The number of states.
    pub n: f64,
}

/// A method for stiff systems.
pub struct Candidate {
    /// Which.
    pub method: Method,
    /// It is for relative tolerances from the first up to (not including) the second.
    pub rtol: (f64, f64),
    /// It is for systems of at least so many states.
    pub states: usize,
    /// Its steps at equal achieved error, in units of those of Rodas5P: the geometric mean over the stiff reference
    /// problems (`cargo bench --bench methods`).
    pub steps: f64,
    /// What a step costs.
    pub cost: fn(&Costs) -> f64,
}

/// The methods for stiff systems.
pub const STIFF: &[Candidate] = &[
    // Where order 5 would take a step for every few digits of rounding: order 13.
    Candidate {
        method: Method::Radau,
        rtol: (0.0, 1e-10),
        states: 0,
        steps: 0.35,
        // Four iterations a step, each with one real and three complex solves, and as many factorisations.
        cost: |c| 30.0 * c.rhs + 13.0 * c.factor + 52.0 * c.solve + 300.0 * c.n + 2000.0,
    },
    Candidate {
        method: Method::Rodas5P,
        rtol: (1e-10, 1.0),
        states: 0,
        steps: 1.0,
        cost: |c| 10.0 * c.rhs + c.factor + 8.0 * c.solve + 60.0 * c.n + 300.0,
    },
    Candidate {
        method: Method::Bdf,
        rtol: (0.0, 1.0),
        // Smaller ones may oscillate stiffly (BEAM), which orders above 2 do not stand; there it gains little anyway.
        states: 150,
        steps: 5.5,
        // A factorisation every fourth step, or every tenth where it is dear.
        cost: |c| {
            let share = if c.factor > 6.0 * (c.solve + c.rhs) { 0.1 } else { 0.25 };
            1.3 * (c.rhs + c.solve) + share * c.factor + 20.0 * c.n + 400.0
        },
    },
];

/// The methods for systems that are not stiff: each up to (not including) a relative tolerance, tightest first.
/// At equal achieved error Vern9 overtakes DOP853 at about 1e-6 by a fifth (`benches/peers/run`), but sees stiffness later:
/// Robertson's problem at 1e-8 then takes 1,132 steps instead of 683.
pub const NONSTIFF: &[(Method, f64)] = &[(Method::Dop853, 1e-5), (Method::Tsit5, 1.0)];

/// The explicit method for the problem's tolerance.
pub fn explicit(problem: &Problem) -> &'static Explicit {
    let row = NONSTIFF.iter().find(|(_, below)| problem.rtol < *below);
    row.and_then(|(method, _)| methods::tableau(*method)).unwrap_or(&methods::tsit5::TSIT5)
}

/// What a step's parts take for this problem.
pub fn costs(problem: &Problem) -> Costs {
    let n = problem.dim() as f64;
    // An entry of J stands for a term of f; a call takes as long as some 50 operations.
    let rhs = 60.0 + problem.system.jacobian_entries() as f64 + n;
    let (factor, solve) = problem.system.strategy().cost;
    Costs { rhs, factor: factor + 40.0, solve: solve + 40.0, n }
}

/// The methods for stiff systems that suit this problem, with their operations per unit of progress.
fn suitable(problem: &Problem) -> Vec<(Method, f64)> {
    let costs = costs(problem);
    let suits =
        |row: &&Candidate| row.rtol.0 <= problem.rtol && problem.rtol < row.rtol.1 && problem.dim() >= row.states;
    STIFF.iter().filter(suits).map(|row| (row.method, row.steps * (row.cost)(&costs))).collect()
}

/// The method for stiff systems that costs least here; what was considered is explained.
pub fn stiff(problem: &mut Problem) -> Method {
    let list = suitable(problem);
    let best = list.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(Method::Bdf, |(method, _)| *method);
    problem.explain(|| {
        let figures: Vec<String> = list.iter().map(|(method, cost)| format!("{} {cost:.0}", method.name())).collect();
        format!("{} where stiff: operations per unit of progress, {}", best.name(), figures.join(", "))
    });
    best
}

/// The stepper of a method for stiff systems.
///
/// # Errors
/// [`ErrorKind::Memory`] if W does not fit.
pub fn make(method: Method, problem: &Problem) -> Result<Box<dyn Stepper>, ErrorKind> {
    match methods::implicit(method, problem)? {
        Some(stepper) => Ok(stepper),
        None => Ok(Box::new(ExplicitStepper::new(explicit(problem), problem))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dear_factorisation_speaks_for_the_method_that_keeps_it() {
        let cost = |method: Method, c: &Costs| {
            let row = STIFF.iter().find(|row| row.method == method).unwrap();
            row.steps * (row.cost)(c)
        };
        let small = Costs { rhs: 40.0, factor: 20.0, solve: 10.0, n: 3.0 };
        assert!(cost(Method::Rodas5P, &small) < cost(Method::Bdf, &small));
        let large = Costs { rhs: 1e5, factor: 1e9, solve: 1e6, n: 1e4 };
        assert!(cost(Method::Bdf, &large) < cost(Method::Rodas5P, &large));
    }

    #[test]
    fn every_candidate_can_be_made_and_every_tolerance_has_one() {
        for rtol in [1e-14, 1e-10, 1e-6, 1e-3, 0.5] {
            assert!(NONSTIFF.iter().any(|(method, below)| rtol < *below && methods::tableau(*method).is_some()));
            assert!(STIFF.iter().any(|row| row.rtol.0 <= rtol && rtol < row.rtol.1));
        }
        assert!(STIFF.iter().all(|row| row.method.suits_stiff()));
    }
}
