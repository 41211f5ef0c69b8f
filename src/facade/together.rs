//! The likelihood of a small smooth model, with its derivatives, by steps of the states and of their sensitivities together.
//!
//! The sensitivities are states of a larger model, whose steps are whole compiled functions. A step of an explicit method, of
//! Adams' or of a Rosenbrock method is linear in them, so that they are the derivatives of exactly the numbers beside them, as
//! those of [`super::Problem::tangents`] are; this is only faster. Other methods iterate, and are not asked.

use super::measured::Measured;
use super::{Compiled, Model, bind};
use crate::expr::Reads;
use crate::model::Model as Checked;
use crate::solve::{Method, Options, integrate};

/// States and sensitivities up to so many make whole compiled steps.
const MOST: usize = 40;

/// The larger model, and what does not change from call to call.
pub struct Together {
    compiled: Compiled,
    /// Places of what it is a function of: among the parameters, or the states.
    places: Vec<(bool, usize)>,
    /// Number of states without sensitivities, and of outputs per direction.
    n: usize,
    outputs: usize,
}

impl Together {
    /// For the model that is run for a likelihood, as a function of `by`, with derivatives or without; none if its steps
    /// cannot be taken so.
    pub fn new(asking: &Model, by: &[String], derivatives: bool) -> Option<Together> {
        let model = asking.checked();
        let directions = if derivatives { by.len() } else { 0 };
        if !is_smooth(model) || model.dim() * (directions + 1) > MOST {
            return None;
        }
        let wanted = by.iter().map(|name| bind::wanted(model, name)).collect::<Result<Vec<_>, _>>().ok()?;
        let places = wanted.iter().map(|by| {
            let symbol = model.symbol(by.symbol);
            (model.parameters.contains(&by.symbol), symbol.offset + symbol.place(&by.element))
        });
        let places = places.collect();
        let larger = asking.with_directions(&wanted[..directions]).ok()?;
        let (compiled, outputs) = (larger.compile().ok()?, asking.outputs().len());
        Some(Together { compiled, places, n: model.dim(), outputs })
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
        measured: &Measured,
        gradient: &mut [f64],
    ) -> Option<f64> {
        let system = self.compiled.system();
        let shape = system.shape();
        let mut values = base.to_vec();
        self.places.iter().zip(at).filter(|((parameter, _), _)| *parameter).for_each(|((_, k), x)| values[*k] = *x);
        let mut bound = self.compiled.bind(&values);
        let mut y = self.compiled.initial(options.t0, &bound);
        for (j, ((_, place), x)) in
            self.places.iter().zip(at).enumerate().filter(|(_, ((parameter, _), _))| !*parameter)
        {
            y[*place] = *x;
            // What is set depends on nothing else.
            for (other, s) in y[self.n..].chunks_exact_mut(self.n).enumerate() {
                s[*place] = f64::from(u8::from(other == j));
            }
        }
        let solution = integrate(system, &y, &bound, options).ok()?;
        let used = |method: &Method| solution.statistics.method.contains(method.name());
        if options.method == Method::Auto
            && Method::ALL.iter().any(|m| *m != Method::Auto && !Self::suits(*m) && used(m))
        {
            return None;
        }
        let (mut work, mut out) = (vec![0.0; shape.work], vec![0.0; shape.outputs.len()]);
        let slots = shape.discretes_at + shape.discretes.len() - measured.width;
        let own = self.outputs;
        let (mut value, mut row) = (0.0, 0);
        gradient.fill(0.0);
        for k in 0..measured.times.len() {
            let time = measured.times[k];
            row += solution.times()[row..].iter().take_while(|t| **t < time).count();
            y.iter_mut().enumerate().for_each(|(k, y)| *y = solution.state(k)[row]);
            bound[slots..slots + measured.width].copy_from_slice(measured.row(k));
            system.outputs(time, &y, &bound, &mut work, &mut out);
            // The last of each is time.
            value += out[..own - 1].iter().sum::<f64>();
            for (sum, out) in gradient.iter_mut().zip(out[own..].chunks_exact(own)) {
                *sum += out[..own - 1].iter().sum::<f64>();
            }
        }
        (value.is_finite() && gradient.iter().all(|d| d.is_finite())).then_some(value)
    }
}

/// Whether nothing happens on the way, and parameters do not follow from each other.
fn is_smooth(model: &Checked) -> bool {
    model.events.is_empty()
        && model.switches.is_empty()
        && crate::model::with_modes(model).is_none()
        && model.delays.is_empty()
        && model.constraints.is_empty()
        && model.algebraic.is_empty()
        && model.discretes.len() == model.asked.columns.len()
        && defaults_are_numbers(model)
}

/// Whether no parameter follows from others.
pub fn defaults_are_numbers(model: &Checked) -> bool {
    let mut pieces = model.defaults.iter().flat_map(|family| &family.pieces);
    pieces.all(|piece| model.graph.facts(piece.value).reads < Reads::Parameters)
}
