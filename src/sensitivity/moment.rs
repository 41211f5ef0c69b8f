//! Derivatives at events: what a moment at which something happens makes of S = ∂y/∂q and of the derivatives of discrete
//! quantities.
//!
//! At an event with g(t, y, p) = 0 the time moves by τ = −(g_y S + g_p q)/(g_y f + g_t); at a time of the schedule τ is the
//! derivative of its expression, behind a delay that of where it began and of the delay. D = S + f⁻ τ is the derivative of the
//! state at the moving time. Assignments act on D by their own derivatives, in the order in which they were executed; at the
//! end S = D − f⁺ τ is the derivative at a fixed time again (Rozenvasser 1967; Galán, Feehery & Barton 1999). A moment is a list
//! of linear instructions: down it goes S, up its adjoint.
//!
//! [`super::happening`] makes the lists.

use super::happening::name_of;
use super::linear::Linear;
use super::onto::Given;
use super::spare::{Kept, Spare};
use crate::solve::problem::Problem;
use crate::solve::{Cause, ErrorKind};

/// A number that changes with the state, the parameters and discrete quantities, and time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub y: Vec<(usize, f64)>,
    pub p: Vec<(usize, f64)>,
    pub t: f64,
}

/// What is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// A place among the states.
    State(usize),
    /// A place among the parameters and discrete quantities.
    Discrete(usize),
}

/// What it is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// What this comes to.
    Row(Row),
    /// A number kept under a ticket.
    Kept(usize, usize),
}

/// A linear instruction on D, the derivatives of discrete quantities, τ, and what is remembered.
#[derive(Clone, Debug)]
pub enum Op {
    /// τ is this.
    Time(Row),
    /// τ is what is remembered.
    Recall(usize),
    /// D += factor · f τ
    Along(Vec<f64>, f64),
    /// All at once.
    Assign(Vec<(Target, Source)>),
    /// Numbers to be remembered under a ticket.
    Remember(usize, Vec<Row>),
    /// The algebraic unknowns follow the others.
    Settle(Point),
    /// The state there moves onto the constraints, and unknowns follow; what was set stays if it can.
    Project(Point, Option<Vec<usize>>),
}

/// Where a run was.
#[derive(Clone, Debug)]
pub struct Point {
    pub t: f64,
    pub y: Vec<f64>,
    pub p: Vec<f64>,
    /// The interval that f was asked for.
    pub inside: (f64, f64),
}

impl Point {
    /// Where a problem is.
    pub fn of(problem: &Problem, t: f64, y: &[f64], spare: &mut Spare) -> Self {
        Point { t, y: spare.copy(y), p: spare.copy(problem.parameters()), inside: problem.interval() }
    }

    fn given<'g>(&'g self, set: &'g Option<Vec<usize>>) -> Given<'g> {
        Given { t: self.t, y: &self.y, set: set.as_deref() }
    }
}

/// A moment at which something happened.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When.
    pub t: f64,
    pub ops: Vec<Op>,
    /// The same in another order of what met by chance.
    pub other: Option<Vec<Op>>,
    /// Whether it ended the run: what is kept there moves with it.
    pub stopped: bool,
    /// Whether the state or f jumped.
    pub jumped: bool,
    /// What is named in an error.
    pub called: Called,
}

/// What happens, for an error to name.
#[derive(Clone, Copy, Debug)]
pub enum Called {
    /// A reason.
    Cause(Cause),
    /// An event, and its element.
    Event(usize, usize),
    /// What it is.
    Words(&'static str),
}

/// Memory for the way through a moment.
#[derive(Default)]
pub struct Scratch {
    way: Way,
    /// The registers once more, for another order.
    y: Vec<f64>,
    q: Vec<f64>,
    tau: Vec<f64>,
    kept: Kept,
}

/// Memory for the way through a list.
#[derive(Default)]
struct Way {
    values: Vec<f64>,
    tau: Vec<f64>,
    here: Vec<f64>,
}

/// What instructions act on: k numbers each.
pub struct Registers<'r> {
    /// Directions side by side.
    pub k: usize,
    /// D or S, n rows.
    pub y: &'r mut [f64],
    /// Of parameters and discrete quantities.
    pub q: &'r mut [f64],
    /// Of time.
    pub tau: &'r mut [f64],
    /// Of what is remembered, by ticket.
    pub kept: &'r mut Kept,
}

/// The place of a ticket's time, and of its values, among what is remembered.
pub fn time_of(ticket: usize) -> usize {
    2 * ticket
}

pub fn values_of(ticket: usize) -> usize {
    2 * ticket + 1
}

impl Row {
    fn value(&self, r: &Registers, out: &mut [f64]) {
        let k = r.k;
        out.iter_mut().zip(&*r.tau).for_each(|(out, tau)| *out = self.t * tau);
        for (list, of) in [(&self.y, &*r.y), (&self.p, &*r.q)] {
            for (place, c) in list {
                out.iter_mut().zip(&of[place * k..(place + 1) * k]).for_each(|(out, x)| *out += c * x);
            }
        }
    }

    /// The transpose, for one direction.
    fn pull(&self, value: f64, r: &mut Registers) {
        r.tau[0] += self.t * value;
        self.y.iter().for_each(|(place, c)| r.y[*place] += c * value);
        self.p.iter().for_each(|(place, c)| r.q[*place] += c * value);
    }

    /// Whether it does not change with anything.
    pub fn is_still(&self) -> bool {
        self.y.is_empty() && self.p.is_empty() && self.t == 0.0
    }

    pub fn scaled(mut self, factor: f64) -> Row {
        self.y.iter_mut().chain(&mut self.p).for_each(|(_, c)| *c *= factor);
        self.t *= factor;
        self
    }

    pub fn is_close(&self, other: &Row) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
        let same = |a: &[(usize, f64)], b: &[(usize, f64)]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && near(a.1, b.1))
        };
        near(self.t, other.t) && same(&self.y, &other.y) && same(&self.p, &other.p)
    }
}

impl Moment {
    /// Nothing yet.
    pub fn new(t: f64, called: Called, spare: &mut Spare) -> Self {
        Moment { t, ops: spare.ops(), other: None, stopped: false, jumped: false, called }
    }

    /// The start of a run that another one leads to: what unknowns and constraints make of the state there.
    pub fn of_start(problem: &Problem, t: f64, y: &[f64], spare: &mut Spare) -> Self {
        let mut moment = Moment::new(t, Called::Words(""), spare);
        let point = Point::of(problem, t, y, spare);
        let constrained = problem.system.constraints().is_some();
        moment.ops.push(if constrained { Op::Project(point, None) } else { Op::Settle(point) });
        moment
    }

    /// Down the list: S before becomes S behind. Whether the moment moves in any of the directions.
    ///
    /// # Errors
    /// Where events met whose order matters in these directions, or algebraic unknowns cannot follow.
    pub fn push(
        &self,
        problem: &mut Problem,
        linear: &mut Linear,
        r: Registers,
        scratch: &mut Scratch,
    ) -> Result<bool, ErrorKind> {
        self.through(problem, r, scratch, |problem, ops, r, way| run(ops, problem, linear, r, way))
    }

    /// Up the list, for adjoints.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn pull(
        &self,
        problem: &mut Problem,
        linear: &mut Linear,
        r: Registers,
        scratch: &mut Scratch,
    ) -> Result<(), ErrorKind> {
        let back = |problem: &mut Problem, ops: &[Op], r: &mut Registers, way: &mut Way| {
            run_back(ops, problem, linear, r, way).map(|()| false)
        };
        self.through(problem, r, scratch, back).map(|_| ())
    }

    /// Through the list and, if there is one, that of another order, which must come to the same.
    fn through(
        &self,
        problem: &mut Problem,
        mut r: Registers,
        scratch: &mut Scratch,
        mut run: impl FnMut(&mut Problem, &[Op], &mut Registers, &mut Way) -> Result<bool, ErrorKind>,
    ) -> Result<bool, ErrorKind> {
        let Scratch { way, y, q, tau, kept } = scratch;
        let Some(other) = &self.other else { return run(problem, &self.ops, &mut r, way) };
        for (copy, of) in [(&mut *y, &*r.y), (&mut *q, &*r.q), (&mut *tau, &*r.tau)] {
            copy.clear();
            copy.extend_from_slice(of);
        }
        kept.become_as(r.kept);
        let moved = run(problem, &self.ops, &mut r, way)?;
        run(problem, other, &mut Registers { k: r.k, y, q, tau, kept }, way)?;
        if agree(r.y, y) && agree(r.q, q) { Ok(moved) } else { Err(self.none(problem, MEETING)) }
    }

    /// The error of a value asked for just when this happens: fixed, while the moment moves.
    ///
    /// # Errors
    /// If the value jumps there and the moment moves.
    pub fn asked_for(&self, problem: &Problem, moved: bool) -> Result<(), ErrorKind> {
        if self.jumped && !self.stopped && moved {
            return Err(
                self.none(problem, "a value is asked for at just this time, where it jumps, and the event moves")
            );
        }
        Ok(())
    }

    /// The same where all directions count.
    ///
    /// # Errors
    /// As [`Self::asked_for`].
    pub fn asked_for_by_all(&self, problem: &Problem) -> Result<(), ErrorKind> {
        let moves = self.ops.iter().any(|op| match op {
            Op::Time(row) => !row.is_still(),
            Op::Recall(_) => true,
            _ => false,
        });
        self.asked_for(problem, moves)
    }

    pub fn none(&self, problem: &Problem, why: &'static str) -> ErrorKind {
        ErrorKind::NoDerivative { event: name_of(problem, self.called), time: self.t, why }
    }
}

pub const MEETING: &str = "it meets another event whose time moves differently, and their order matters";

/// Whether two derivatives are the same but for rounding.
pub fn agree(a: &[f64], b: &[f64]) -> bool {
    let size = a.iter().chain(b).fold(0.0f64, |size, x| size.max(x.abs()));
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-8 * size)
}

fn run(
    ops: &[Op],
    problem: &mut Problem,
    linear: &mut Linear,
    r: &mut Registers,
    way: &mut Way,
) -> Result<bool, ErrorKind> {
    let (k, mut moved) = (r.k, false);
    let Way { values, tau, here } = way;
    for op in ops {
        match op {
            Op::Time(row) => {
                tau.clear();
                tau.resize(k, 0.0);
                row.value(r, tau);
                r.tau.copy_from_slice(tau);
            }
            Op::Recall(slot) => match r.kept.get(*slot) {
                Some(kept) => r.tau.copy_from_slice(&kept[..k]),
                None => r.tau.fill(0.0),
            },
            Op::Along(f, factor) => {
                moved |= r.tau.iter().any(|tau| *tau != 0.0);
                for (row, f) in r.y.chunks_exact_mut(k).zip(f) {
                    row.iter_mut().zip(&*r.tau).for_each(|(x, tau)| *x += factor * f * tau);
                }
            }
            Op::Assign(list) => {
                values.clear();
                values.resize(k * list.len(), 0.0);
                for ((_, source), out) in list.iter().zip(values.chunks_exact_mut(k)) {
                    match source {
                        Source::Row(row) => row.value(r, out),
                        Source::Kept(slot, at) => {
                            if let Some(kept) = r.kept.get(*slot) {
                                out.copy_from_slice(&kept[at * k..(at + 1) * k]);
                            }
                        }
                    }
                }
                for ((target, _), value) in list.iter().zip(values.chunks_exact(k)) {
                    match target {
                        Target::State(place) => r.y[place * k..(place + 1) * k].copy_from_slice(value),
                        Target::Discrete(place) => r.q[place * k..(place + 1) * k].copy_from_slice(value),
                    }
                }
            }
            Op::Remember(slot, rows) => {
                values.clear();
                values.resize(k * rows.len(), 0.0);
                rows.iter().zip(values.chunks_exact_mut(k)).for_each(|(row, out)| row.value(r, out));
                r.kept.of(*slot, values.len())[..values.len()].copy_from_slice(values);
            }
            Op::Settle(point) => {
                let inside = leave(problem, point, here);
                let outcome = linear.follow(problem, (point.t, &point.y), (r.q, r.tau), k, r.y);
                problem.place(here, inside);
                outcome?;
            }
            Op::Project(point, set) => {
                let inside = leave(problem, point, here);
                let outcome = linear.project(problem, point.given(set), (r.q, r.tau), k, r.y);
                problem.place(here, inside);
                outcome?;
            }
        }
    }
    Ok(moved)
}

fn run_back(
    ops: &[Op],
    problem: &mut Problem,
    linear: &mut Linear,
    r: &mut Registers,
    way: &mut Way,
) -> Result<(), ErrorKind> {
    let Way { values, here, .. } = way;
    for op in ops.iter().rev() {
        match op {
            Op::Time(row) => {
                let tau = std::mem::take(&mut r.tau[0]);
                row.pull(tau, r);
            }
            Op::Recall(slot) => {
                let tau = std::mem::take(&mut r.tau[0]);
                r.kept.of(*slot, 1)[0] += tau;
            }
            Op::Along(f, factor) => {
                let sum: f64 = f.iter().zip(&*r.y).map(|(f, y)| f * y).sum();
                r.tau[0] += factor * sum;
            }
            Op::Assign(list) => {
                let mut take = |target: &Target| match target {
                    Target::State(place) => std::mem::take(&mut r.y[*place]),
                    Target::Discrete(place) => std::mem::take(&mut r.q[*place]),
                };
                // Of several values for one target the last stays.
                values.clear();
                values.extend(list.iter().rev().map(|(target, _)| take(target)));
                for ((_, source), value) in list.iter().rev().zip(&*values) {
                    match source {
                        Source::Row(row) => row.pull(*value, r),
                        Source::Kept(slot, at) => r.kept.of(*slot, at + 1)[*at] += value,
                    }
                }
            }
            Op::Remember(slot, rows) => {
                let Some(values) = r.kept.remove(*slot) else { continue };
                rows.iter().zip(&values).for_each(|(row, value)| row.pull(*value, r));
                r.kept.take(values);
            }
            Op::Settle(point) => {
                let inside = leave(problem, point, here);
                let outcome = linear.follow_back(problem, (point.t, &point.y), r.y, r.q, r.tau);
                problem.place(here, inside);
                outcome?;
            }
            Op::Project(point, set) => {
                let inside = leave(problem, point, here);
                let outcome = linear.project_back(problem, point.given(set), r.y, r.q, r.tau);
                problem.place(here, inside);
                outcome?;
            }
        }
    }
    Ok(())
}

/// Puts a problem at a point; its parameters until then are `here`, and the interval that f was asked for is told.
fn leave(problem: &mut Problem, point: &Point, here: &mut Vec<f64>) -> (f64, f64) {
    here.clear();
    here.extend_from_slice(problem.parameters());
    let inside = problem.interval();
    problem.place(&point.p, point.inside);
    inside
}
