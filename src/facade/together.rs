//! An objective or likelihood of a small smooth model, with its derivatives, by steps of the states and of their sensitivities
//! together.
//!
//! The sensitivities are states of a larger model, whose steps are whole compiled functions. A step of an explicit method, of
//! Adams' or of a Rosenbrock method is linear in them, so that they are the derivatives of exactly the numbers beside them, as
//! those of [`super::Problem::tangents`] are; this is only faster. Other methods iterate, and are not asked.
//!
//! A call takes the memory of one that is over, where there is one, and allocates nothing then; several may go on at once.

use super::bind::Desk;
use super::measured::Measured;
use super::room::Rooms;
use super::{Compiled, Model, bind};
use crate::expr::Reads;
use crate::model::{Family, Model as Checked, Question, Term, TermKind};
use crate::solve::{Method, Options, Repeated, Save};

/// States and sensitivities up to so many make whole compiled steps.
const MOST: usize = 40;
/// An objective by more names is as cheap by a sweep back.
const MOST_NAMES: usize = 4;

/// The larger model, and what does not change from call to call.
pub struct Together {
    compiled: Compiled,
    /// Places of what it is a function of: among the parameters, or the states.
    places: Vec<(bool, usize)>,
    /// Number of states without sensitivities, and of outputs per direction.
    n: usize,
    outputs: usize,
    rooms: Rooms<Room>,
}

/// What is summed up along a run.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    /// Log-densities of measured values.
    Measured(&'a Measured),
    /// The terms of an objective, and at the end their function.
    Terms(&'a [Term]),
}

/// Memory of a call.
#[derive(Default)]
struct Room {
    run: Repeated,
    desk: Desk,
    values: Vec<f64>,
    bound: Vec<f64>,
    /// The bound parameters with what is known at a point.
    there: Vec<f64>,
    y: Vec<f64>,
    work: Vec<f64>,
    out: Vec<f64>,
}

impl Together {
    /// For the model that is run for a question, as a function of `by`, with derivatives or without; none if its steps
    /// cannot be taken so.
    pub fn new(asking: &Model, question: Question, by: &[String], derivatives: bool) -> Option<Together> {
        let model = asking.checked();
        let directions = if derivatives { by.len() } else { 0 };
        if !is_smooth(model, question) || model.dim() * (directions + 1) > MOST {
            return None;
        }
        let moving = match question {
            Question::Objective(_) if directions > MOST_NAMES => return None,
            Question::Objective(_) => model.discretes.as_slice(),
            // Measured values change with nothing.
            Question::Likelihood => &[],
        };
        let wanted = by.iter().map(|name| bind::wanted(model, name)).collect::<Result<Vec<_>, _>>().ok()?;
        let places = wanted.iter().map(|by| {
            let symbol = model.symbol(by.symbol);
            (model.parameters.contains(&by.symbol), symbol.offset + symbol.place(&by.element))
        });
        let places = places.collect();
        let larger = asking.with_directions(&wanted[..directions], moving).ok()?;
        let (compiled, outputs) = (larger.compile().ok()?, asking.outputs().len());
        Some(Together { compiled, places, n: model.dim(), outputs, rooms: Rooms::default() })
    }

    /// Whether a method's steps are linear in what they carry along.
    pub fn suits(method: Method) -> bool {
        matches!(
            method,
            Method::Bosh3
                | Method::Tsit5
                | Method::Vern7
                | Method::Dop853
                | Method::Vern9
                | Method::Taylor
                | Method::Adams
                | Method::Rodas5P
                | Method::Rodas4
                | Method::Rosenbrock23
        )
    }

    /// The value at `at`, and its derivatives in `gradient`, unless that is empty; none if the run fails or is not asked for so, which others then tell.
    pub fn value_and_gradient(
        &self,
        base: &[f64],
        at: &[f64],
        options: &Options,
        asked: Asked,
        gradient: &mut [f64],
    ) -> Option<f64> {
        self.rooms.within(|room| self.in_room(room, (base, at), options, asked, gradient))
    }

    fn in_room(
        &self,
        room: &mut Room,
        (base, at): (&[f64], &[f64]),
        options: &Options,
        asked: Asked,
        gradient: &mut [f64],
    ) -> Option<f64> {
        let system = self.compiled.system();
        let Room { run, desk, values, bound, there, y, work, out } = room;
        if !Repeated::suits(system, options) {
            return None;
        }
        values.clear();
        values.extend_from_slice(base);
        self.places.iter().zip(at).filter(|((parameter, _), _)| *parameter).for_each(|((_, k), x)| values[*k] = *x);
        self.compiled.bind_within(desk, values, bound);
        self.compiled.initial_within(desk, options.t0, bound, y);
        for (j, ((_, place), x)) in
            self.places.iter().zip(at).enumerate().filter(|(_, ((parameter, _), _))| !*parameter)
        {
            y[*place] = *x;
            // What is set depends on nothing else.
            for (other, s) in y[self.n..].chunks_exact_mut(self.n).enumerate() {
                s[*place] = f64::from(u8::from(other == j));
            }
        }
        let shape = system.shape();
        there.clone_from(bound);
        work.resize(shape.work, 0.0);
        out.resize(shape.outputs.len(), 0.0);
        let Save::At(times) = &options.save else { return None };
        let mut sum = Sum { slots: shape.discretes_at, own: self.outputs, value: 0.0, row: 0, gradient };
        sum.gradient.fill(0.0);
        let mut keep = |place: usize, y: &[f64]| {
            let mut look = |there: &mut [f64], out: &mut [f64]| system.outputs(times[place], y, there, work, out);
            match asked {
                Asked::Measured(measured) => sum.measured(measured, times[place], there, out, &mut look),
                Asked::Terms(terms) => {
                    sum.terms(terms, (times[place], place + 1 == times.len()), there, out, &mut look);
                }
            }
        };
        run.run(system, y, bound, options, &mut keep).ok()?;
        let Sum { value, gradient, .. } = sum;
        let finite = value.is_finite() && gradient.iter().all(|d| d.is_finite());
        (finite && run.used_only(Self::suits)).then_some(value)
    }
}

/// What has been summed up so far.
struct Sum<'g> {
    /// Where the slots of the question begin in the bound parameters.
    slots: usize,
    /// Number of outputs per direction; the last of each is time.
    own: usize,
    value: f64,
    /// How many rows are done.
    row: usize,
    gradient: &'g mut [f64],
}

/// Evaluates the outputs with what the slots hold.
type Look<'l> = dyn FnMut(&mut [f64], &mut [f64]) + 'l;

impl Sum<'_> {
    /// Adds the rows measured at this time.
    fn measured(&mut self, measured: &Measured, time: f64, there: &mut [f64], out: &mut [f64], look: &mut Look) {
        while measured.times.get(self.row) == Some(&time) {
            there[self.slots..self.slots + measured.width].copy_from_slice(measured.row(self.row));
            look(there, out);
            self.value += out[..self.own - 1].iter().sum::<f64>();
            for (sum, out) in self.gradient.iter_mut().zip(out[self.own..].chunks_exact(self.own)) {
                *sum += out[..self.own - 1].iter().sum::<f64>();
            }
            self.row += 1;
        }
    }

    /// Fills the slots of the terms at this time in, with what they change by; at the end of the run their function is known.
    fn terms(
        &mut self,
        terms: &[Term],
        (time, last): (f64, bool),
        there: &mut [f64],
        out: &mut [f64],
        look: &mut Look,
    ) {
        look(there, out);
        let here = |term: &Term| match term.kind {
            TermKind::At(at) => at == time,
            TermKind::Integral | TermKind::Final => last,
        };
        for (j, _) in terms.iter().enumerate().filter(|(_, term)| here(term)) {
            for (slots, out) in there[self.slots..].chunks_exact_mut(terms.len().max(1)).zip(out.chunks_exact(self.own))
            {
                slots[j] = out[j];
            }
        }
        if last {
            look(there, out);
            self.value = out[terms.len()];
            let directions = out[self.own..].chunks_exact(self.own);
            self.gradient.iter_mut().zip(directions).for_each(|(d, out)| *d = out[terms.len()]);
        }
    }
}

/// Whether nothing happens on the way, and parameters do not follow from each other.
fn is_smooth(model: &Checked, question: Question) -> bool {
    let slots = match question {
        Question::Objective(k) => model.asked.objectives[k].terms.len(),
        Question::Likelihood => model.asked.columns.len(),
    };
    model.events.is_empty()
        && model.switches.is_empty()
        && crate::model::with_modes(model).is_none()
        && model.delays.is_empty()
        && model.constraints.is_empty()
        && model.algebraic.is_empty()
        && model.discretes.len() == slots
        && defaults_are_numbers(model)
}

/// Whether no parameter follows from others.
pub fn defaults_are_numbers(model: &Checked) -> bool {
    are_numbers(model, &model.defaults)
}

/// Whether no discrete quantity starts from parameters.
pub fn discretes_are_numbers(model: &Checked) -> bool {
    are_numbers(model, &model.discrete_starts)
}

/// Whether families follow from no parameter.
pub fn are_numbers(model: &Checked, families: &[Family]) -> bool {
    let mut pieces = families.iter().flat_map(|family| &family.pieces);
    pieces.all(|piece| model.graph.facts(piece.value).reads < Reads::Parameters)
}
