//! What `auto` chooses from: a table of methods with the tolerances they are for and what they cost, and the choice by
//! that table, with its reason in words. A method joins by a row.

use std::ops::Range;

use super::collocation::RadauStepper;
use super::explicit::ExplicitStepper;
use super::methods;
use super::problem::Problem;
use super::stepper::Stepper;
use super::tableau::Explicit;
use super::{ErrorKind, Method};
use crate::linalg::Kind;
use crate::math;

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

/// What the rest of a run would be in the steps taken now.
#[derive(Clone, Copy, Debug)]
pub struct Outlook {
    /// How much of t is left.
    pub left: f64,
    /// What a step advances, and what it costs.
    pub pace: f64,
    /// See `pace`.
    pub cost: f64,
    /// The spectral radius of J.
    pub radius: f64,
    /// Whether its eigenvalue is real and negative.
    pub decays: bool,
}

impl Outlook {
    /// That of a run whose explicit steps are not known yet.
    pub fn at_the_start(radius: f64, decays: bool) -> Self {
        Outlook { left: f64::INFINITY, pace: 0.0, cost: 0.0, radius, decays }
    }
}

/// A method for stiff systems.
pub struct Candidate {
    /// Which.
    pub method: Method,
    /// It is for relative tolerances from the first up to (not including) the second.
    pub rtol: (f64, f64),
    /// It is for systems of so many states.
    pub states: Range<usize>,
    /// It is only for systems whose fastest mode is known to decay without turning.
    pub decaying: bool,
    /// It is only for systems of differential equations without events: what it says between its steps is not held to the
    /// tolerance for algebraic unknowns, nor near enough for the times of events.
    pub plain: bool,
    /// Its steps at equal achieved error, in units of those of Rodas5P: the geometric mean over the stiff reference
    /// problems (`cargo bench --bench methods`).
    pub steps: f64,
    /// What a step costs.
    pub cost: fn(&Costs) -> f64,
}

/// Systems of so many states are large: BDF may serve them at any tolerance.
const LARGE: usize = 150;

/// Below this rtol order 5 would take a step for every few digits of rounding.
const LAST_DIGITS: f64 = 1e-10;

/// The methods for stiff systems.
pub const STIFF: &[Candidate] = &[
    // Order 13.
    Candidate {
        method: Method::Radau,
        rtol: (0.0, LAST_DIGITS),
        states: 0..usize::MAX,
        decaying: false,
        plain: false,
        steps: 0.35,
        cost: radau_step,
    },
    // Of few equations high order pays early: a step is one compiled function after the other. The fewer, the earlier.
    Candidate {
        method: Method::Radau,
        rtol: (LAST_DIGITS, 3e-7),
        states: 0..8,
        decaying: false,
        plain: true,
        steps: 0.15,
        cost: radau_step,
    },
    Candidate {
        method: Method::Radau,
        rtol: (3e-7, 2e-5),
        states: 0..3,
        decaying: false,
        plain: true,
        steps: 0.15,
        cost: radau_step,
    },
    Candidate {
        method: Method::Rodas5P,
        rtol: (LAST_DIGITS, 1.0),
        states: 0..usize::MAX,
        decaying: false,
        plain: false,
        steps: 1.0,
        cost: |c| 10.0 * c.rhs + c.factor + 8.0 * c.solve + 60.0 * c.n + 300.0,
    },
    Candidate {
        method: Method::Bdf,
        rtol: (0.0, 1.0),
        // Smaller ones may oscillate stiffly (BEAM), which orders above 2 do not stand.
        states: LARGE..usize::MAX,
        decaying: false,
        plain: false,
        steps: 5.5,
        cost: bdf_step,
    },
    // Of few equations (Van der Pol's, the Oregonator) transitions are the rule, and each asks for an order anew; chemistry
    // of some more (HIRES, POLLU) relaxes smoothly, with steps not much shorter than those of Rodas5P at such tolerances.
    Candidate {
        method: Method::Bdf,
        rtol: (1e-12, 3e-8),
        states: 8..LARGE,
        decaying: true,
        plain: false,
        steps: 2.0,
        cost: bdf_step,
    },
];

/// A step of Radau at order 13: four iterations, each with one real and three complex solves, and as many factorisations.
fn radau_step(c: &Costs) -> f64 {
    30.0 * c.rhs + 13.0 * c.factor + 52.0 * c.solve + 300.0 * c.n + 2000.0
}

/// A step of BDF: a factorisation every fourth step, or every tenth where it is dear.
fn bdf_step(c: &Costs) -> f64 {
    let share = if c.factor > 6.0 * (c.solve + c.rhs) { 0.1 } else { 0.25 };
    1.3 * (c.rhs + c.solve) + share * c.factor + 20.0 * c.n + 400.0
}

/// A method for systems that are not stiff.
pub struct Nonstiff {
    /// Which.
    pub method: Method,
    /// It is for relative tolerances below this.
    pub below: f64,
    /// For which systems.
    pub suits: fn(&Problem) -> bool,
}

/// The methods for systems that are not stiff; the first that suits is taken. From `benches/peers/run`: at equal achieved
/// error Taylor is the best of up to three equations from 1e-4 on; of others DOP853 overtakes Tsit5 at about 1e-3, Vern9
/// DOP853 at 1e-6; of some more equations (Pleiades) Vern7 is the best between.
pub const NONSTIFF: &[Nonstiff] = &[
    // The series of a single equation costs little more than its value.
    Nonstiff {
        method: Method::Taylor,
        below: 1e-2,
        suits: |p| p.dim() == 1 && p.system.events().is_none() && smooth(p),
    },
    // That of a few equations is short code; of larger or rougher systems it gains less than it costs to compile.
    Nonstiff {
        method: Method::Taylor,
        below: 2e-3,
        suits: |p| p.dim() <= 3 && p.system.events().is_none() && smooth(p),
    },
    // Two evaluations of f a step where f costs many times what the other vectors do.
    Nonstiff { method: Method::Adams, below: 1e-2, suits: |p| p.dim() >= 100 && rhs_cost(p) > 15.0 * p.dim() as f64 },
    Nonstiff { method: Method::Vern9, below: 3e-9, suits: |_| true },
    Nonstiff { method: Method::Vern9, below: 3e-8, suits: |p| p.dim() < 8 },
    Nonstiff { method: Method::Vern7, below: 3e-3, suits: |p| (10..100).contains(&p.dim()) },
    // Of large systems that stability limits Tsit5 is the cheaper, at any tolerance it reaches.
    Nonstiff { method: Method::Dop853, below: 3e-6, suits: |_| true },
    Nonstiff { method: Method::Dop853, below: 3e-3, suits: |p| p.dim() < 100 },
    Nonstiff { method: Method::Tsit5, below: 1.0, suits: |_| true },
];

/// A method for stretches that are not stiff, and what `auto` must know of it.
pub struct Chosen {
    /// The method.
    pub stepper: Box<dyn Stepper>,
    /// The largest |hλ| on the negative real axis for which steps are stable.
    pub limit: f64,
    /// Whether it estimates |hλ| itself.
    pub sees: bool,
}

/// Whether Taylor's series can be made, and of one piece; derivatives of its steps cost more than those of others.
fn smooth(problem: &Problem) -> bool {
    let order = methods::taylor::order(problem.rtol, problem.dim());
    !problem.told && problem.system.taylor(order).is_ok_and(|series| series.smooth())
}

/// The method for stretches that are not stiff; by stages, if asked for.
pub fn explicit(problem: &Problem, by_stages: bool) -> Chosen {
    let only_implicit = !problem.algebraic.is_empty() || problem.system.constraints().is_some();
    let rows = NONSTIFF.iter().filter(|row| !(by_stages && row.method == Method::Taylor));
    let rows = rows.filter(|row| !only_implicit && problem.rtol < row.below && (row.suits)(problem));
    for row in rows {
        let chosen = match row.method {
            Method::Taylor => methods::taylor::Taylor::new(problem).ok().map(|stepper| {
                // Of the Taylor polynomials of e^z, by their zeros: 2.79 at order 4, 8.9 at order 20.
                let limit = 1.26 + 0.381 * methods::taylor::order(problem.rtol, problem.dim()) as f64;
                Chosen { stepper: Box::new(stepper), limit, sees: false }
            }),
            Method::Adams => {
                let stepper = Box::new(methods::adams::Adams::new(problem.dim()));
                Some(Chosen { stepper, limit: 1.0, sees: false })
            }
            method => methods::tableau(method).map(|tableau| of_tableau(tableau, problem)),
        };
        if let Some(chosen) = chosen {
            return chosen;
        }
    }
    of_tableau(&methods::tsit5::TSIT5, problem)
}

fn of_tableau(method: &'static Explicit, problem: &Problem) -> Chosen {
    let stepper = Box::new(ExplicitStepper::new(method, problem));
    Chosen { stepper, limit: method.real_stability, sees: method.twins() }
}

/// Operations one evaluation of f may take: an entry of J stands for a term of f; a call takes as long as some 50.
pub fn rhs_cost(problem: &Problem) -> f64 {
    60.0 + (problem.system.jacobian_entries() + problem.dim()) as f64
}

/// What a step's parts take for this problem.
pub fn costs(problem: &Problem) -> Costs {
    let n = problem.dim() as f64;
    let strategy = problem.system.strategy();
    // What goes through indices takes longer than what was written out or runs along the memory.
    let slow = if matches!(strategy.kind, Kind::Straight | Kind::Banded | Kind::Dense) { 1.0 } else { 4.0 };
    let (factor, solve) = strategy.cost;
    Costs { rhs: rhs_cost(problem), factor: slow * factor + 40.0, solve: slow * solve + 40.0, n }
}

/// Steps Rodas5P takes for a whole run, as a rule: those of the stiff reference problems, within a factor of 3.
pub fn typical_steps(rtol: f64) -> f64 {
    8.0 * math::pow(rtol, -0.2)
}

/// The loosest tolerance from which on a method of order 2 takes too many steps.
const ORDER_TWO: f64 = 9e-6;
/// A stabilised method must be expected to cost less than this share of what others do.
const CLEARLY: f64 = 0.7;

/// The methods for stiff systems that suit this problem, with their operations for a whole run.
fn suitable<'p>(problem: &'p Problem, decays: bool) -> impl Iterator<Item = (Method, f64)> + use<'p> {
    let costs = costs(problem);
    let plain = problem.system.events().is_none() && problem.algebraic.is_empty();
    let suits = move |row: &&Candidate| {
        (row.rtol.0..row.rtol.1).contains(&problem.rtol)
            && row.states.contains(&problem.dim())
            && (decays || !row.decaying)
            && (plain || !row.plain)
    };
    // f of neutral equations has no derivative by time; that of others has none in its turn.
    let without = problem.system.delays().is_some_and(|delays| delays.is_neutral() || problem.told);
    let possible = move |row: &&Candidate| !(without && row.method == Method::Rodas5P);
    let runs = typical_steps(problem.rtol);
    let rows = STIFF.iter().filter(suits).filter(possible);
    rows.map(move |row| (row.method, runs * row.steps * (row.cost)(&costs)))
}

/// What a whole run takes, in operations, by the implicit method that takes least if fast modes decay.
pub fn expected(problem: &Problem) -> f64 {
    suitable(problem, true).map(|(_, cost)| cost).fold(f64::INFINITY, f64::min)
}

/// Operations of RKC for the rest of a run: it takes 14 rtol^(−1/3) steps (the 2-D Brusselator), whose stages grow with
/// the square root of hρ.
fn stabilised(problem: &Problem, outlook: &Outlook) -> Option<f64> {
    if !outlook.decays || problem.rtol < ORDER_TWO || outlook.pace <= 0.0 {
        return None;
    }
    let steps = 14.0 * math::pow(problem.rtol, -1.0 / 3.0);
    let stages = methods::rkc::stages(outlook.radius * outlook.left / steps) as f64;
    Some(steps * stages * (rhs_cost(problem) + 8.0 * problem.dim() as f64))
}

/// The method for stiff systems that costs least here; what was considered is explained. `None` if the rest of the run is
/// expected to cost less as it is.
pub fn stiff(problem: &mut Problem, outlook: Option<&Outlook>) -> Option<Method> {
    let as_it_is =
        outlook.map_or(f64::INFINITY, |o| if o.pace > 0.0 { o.left / o.pace * o.cost } else { f64::INFINITY });
    let rkc = outlook.and_then(|outlook| stabilised(problem, outlook)).filter(|rkc| *rkc < CLEARLY * as_it_is);
    let decays = outlook.is_some_and(|outlook| outlook.decays);
    let best = suitable(problem, decays).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((Method::Bdf, 0.0));
    // Expectations of implicit methods are rough: a trial will tell.
    let (method, cost) = match rkc {
        Some(rkc) if rkc < CLEARLY * best.1 => (Method::Rkc, rkc),
        _ => best,
    };
    if problem.explains() {
        let figure = |(method, cost): (Method, f64)| format!("{} {cost:.1e}", method.name());
        let figures: Vec<String> = suitable(problem, decays).map(figure).collect();
        let rkc = rkc.map_or(String::new(), |cost| format!(", RKC {cost:.1e}"));
        problem.explain(|| format!("{} where stiff: operations of a run, {}{rkc}", method.name(), figures.join(", ")));
    }
    (as_it_is > 0.5 * cost).then_some(method)
}

/// The stepper of a method for stiff systems.
///
/// # Errors
/// [`ErrorKind::Memory`] if W does not fit.
pub fn make(method: Method, problem: &Problem) -> Result<Box<dyn Stepper>, ErrorKind> {
    if method == Method::Radau {
        // What it says between its steps is worth its estimate only.
        let share = if problem.rtol < LAST_DIGITS { 0.0 } else { 0.5 };
        let radau = RadauStepper::new(method.name(), methods::radau::VARIABLE, problem)?;
        return Ok(Box::new(radau.relaxed(share)));
    }
    match methods::implicit(method, problem)? {
        Some(stepper) => Ok(stepper),
        None => Ok(Box::new(methods::rkc::Rkc::new(problem.dim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dear_factorisation_speaks_for_the_method_that_keeps_it() {
        let cost = |method: Method, c: &Costs| {
            let row = STIFF.iter().find(|row| row.method == method && !row.decaying).unwrap();
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
            assert!(NONSTIFF.iter().any(|row| rtol < row.below && methods::tableau(row.method).is_some()));
            assert!(STIFF.iter().any(|row| row.rtol.0 <= rtol && rtol < row.rtol.1));
        }
        assert!(STIFF.iter().all(|row| row.method.suits_stiff()));
    }
}
