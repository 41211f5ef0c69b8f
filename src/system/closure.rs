//! A system from closures: hand-written right-hand sides for tests, benches and hosts.

use super::{Events, Names, SecondOrder, Shape, Split, System};
use crate::linalg::{Pattern, Strategy};
use std::sync::{Arc, OnceLock};

/// `f(t, y, p, dy)`.
pub type Rhs = Box<dyn Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync>;

/// Events and the functions that go with them.
struct Happenings {
    events: Events,
    surfaces: Rhs,
    resets: Rhs,
    schedule: Vec<f64>,
}

/// A system whose right-hand side is a closure. Its Jacobian is dense: from `jacobian` if given (column by column),
/// else by forward differences, which cost n evaluations and half the digits.
pub struct ClosureSystem {
    shape: Shape,
    pattern: Pattern,
    rhs: Rhs,
    jacobian: Option<Rhs>,
    time_derivative: Option<Rhs>,
    second_order: Option<Arc<SecondOrder>>,
    events: Option<Happenings>,
    split: Option<Split>,
    strategy: OnceLock<Arc<Strategy>>,
}

impl ClosureSystem {
    /// A system of `n` states named `y1 … yn` and `parameters` parameters.
    pub fn new(
        n: usize,
        parameters: usize,
        rhs: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static,
    ) -> Self {
        let shape = Shape {
            states: Names::scalars((1..=n).map(|k| format!("y{k}"))),
            outputs: Names::default(),
            parameters,
            algebraic: Vec::new(),
            discretes: Names::default(),
            discretes_at: parameters,
            work: 2 * n,
            time_dependent: true,
        };
        ClosureSystem {
            shape,
            pattern: Pattern::dense(n),
            rhs: Box::new(rhs),
            jacobian: None,
            time_derivative: None,
            second_order: None,
            events: None,
            split: None,
            strategy: OnceLock::new(),
        }
    }

    /// With an exact Jacobian: `f(t, y, p, values)`, values column by column.
    pub fn with_jacobian(mut self, f: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static) -> Self {
        self.jacobian = Some(Box::new(f));
        self
    }

    /// With an exact ∂f/∂t.
    pub fn with_time_derivative(mut self, f: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static) -> Self {
        self.time_derivative = Some(Box::new(f));
        self
    }

    /// Declares that x' = v holds for these places (x, v), and that no v' depends on a velocity.
    pub fn with_velocities(mut self, pairs: &SecondOrder) -> Self {
        self.second_order = Some(pairs.into());
        self
    }

    /// Declares that these states have no derivative: their entry of f is what an algebraic equation leaves, 0 = f.
    ///
    /// # Panics
    /// If there is no such state.
    pub fn with_algebraic(mut self, states: &[usize]) -> Self {
        let mut states = states.to_vec();
        states.sort_unstable();
        states.dedup();
        self.pattern = self.pattern.with_algebraic(&states);
        self.shape.algebraic = states;
        self
    }

    /// With events: their table, the watched functions and the right sides, both as `f(t, y, p, out)`, and the numbers
    /// of the schedule. Discrete quantities are the last `discretes` of the parameters.
    pub fn with_events(
        mut self,
        events: Events,
        discretes: usize,
        surfaces: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static,
        resets: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static,
        schedule: Vec<f64>,
    ) -> Self {
        self.shape.discretes = Names::scalars((1..=discretes).map(|k| format!("d{k}")));
        self.shape.discretes_at = self.shape.parameters.saturating_sub(discretes);
        self.events = Some(Happenings { events, surfaces: Box::new(surfaces), resets: Box::new(resets), schedule });
        self
    }

    /// With f taken apart: two systems whose right-hand sides add up to it, the second one to be taken implicitly.
    pub fn with_split(mut self, explicit: ClosureSystem, implicit: ClosureSystem) -> Self {
        self.split = Some(Split { explicit: Box::new(explicit), implicit: Box::new(implicit) });
        self
    }

    /// Declares that f does not depend on t.
    pub fn autonomous(mut self) -> Self {
        self.shape.time_dependent = false;
        self
    }
}

impl System for ClosureSystem {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn jacobian_pattern(&self) -> &Pattern {
        &self.pattern
    }

    fn strategy(&self) -> Arc<Strategy> {
        self.strategy.get_or_init(|| Arc::new(Strategy::new(&self.pattern, |_, _| None))).clone()
    }

    fn rhs(&self, t: f64, y: &[f64], p: &[f64], _w: &mut [f64], dy: &mut [f64]) {
        (self.rhs)(t, y, p, dy);
    }

    fn jacobian(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]) {
        if let Some(jacobian) = &self.jacobian {
            return jacobian(t, y, p, values);
        }
        let n = y.len();
        let (shifted, base) = w.split_at_mut(n);
        (self.rhs)(t, y, p, &mut base[..n]);
        shifted.copy_from_slice(y);
        for j in 0..n {
            let delta = f64::EPSILON.sqrt() * y[j].abs().max(1e-5);
            shifted[j] = y[j] + delta;
            let column = &mut values[j * n..(j + 1) * n];
            (self.rhs)(t, shifted, p, column);
            for (entry, f0) in column.iter_mut().zip(&base[..n]) {
                *entry = (*entry - f0) / (shifted[j] - y[j]);
            }
            shifted[j] = y[j];
        }
    }

    fn time_derivative(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], ft: &mut [f64]) {
        if let Some(f) = &self.time_derivative {
            return f(t, y, p, ft);
        }
        let n = y.len();
        let base = &mut w[..n];
        let delta = f64::EPSILON.sqrt() * t.abs().max(1e-5);
        (self.rhs)(t, y, p, base);
        (self.rhs)(t + delta, y, p, ft);
        for (entry, f0) in ft.iter_mut().zip(base.iter()) {
            *entry = (*entry - f0) / delta;
        }
    }

    fn second_order(&self) -> Result<Arc<SecondOrder>, String> {
        self.second_order.clone().ok_or_else(|| "it does not say which states are velocities".to_string())
    }

    fn outputs(&self, _t: f64, _y: &[f64], _p: &[f64], _w: &mut [f64], _out: &mut [f64]) {}

    fn split(&self) -> Option<&Split> {
        self.split.as_ref()
    }

    fn events(&self) -> Option<&Events> {
        self.events.as_ref().map(|happenings| &happenings.events)
    }

    fn surfaces(&self, t: f64, y: &[f64], p: &[f64], _w: &mut [f64], g: &mut [f64]) {
        if let Some(happenings) = &self.events {
            (happenings.surfaces)(t, y, p, g);
        }
    }

    fn resets(&self, t: f64, y: &[f64], p: &[f64], _w: &mut [f64], values: &mut [f64]) {
        if let Some(happenings) = &self.events {
            (happenings.resets)(t, y, p, values);
        }
    }

    fn schedule(&self, _t: f64, _p: &[f64], _w: &mut [f64], times: &mut [f64]) {
        if let Some(happenings) = &self.events {
            times.copy_from_slice(&happenings.schedule);
        }
    }
}
