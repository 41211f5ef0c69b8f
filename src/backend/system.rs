//! A compiled model as the solvers see it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use super::series::{Series, SeriesDerivatives};
use super::step::{Placed, Steps};
use super::{Arguments, CompiledEliminator, KernelId, Kernels, host_has_fma};
use crate::kernel::program::Program;
use crate::kernel::{DelayPlan, EventPlan, Lowered, MatrixPlan, Target64};
use crate::linalg::{Eliminator, Pattern, Strategy};
use crate::system::{
    CollocationFormula, CompiledCollocation, CompiledNewton, CompiledStep, Constraints, Delays, Derivative,
    DifferenceFormula, Events, ExplicitFormula, Matrix, Pull, RosenbrockFormula, SecondOrder, Shape, Split, System,
    Taylor, TaylorDerivatives,
};

/// A [`System`] made of kernels. Generic over the backend, so that a solver's call reaches the kernel through one
/// indirection, not two.
pub struct CompiledSystem<K> {
    kernels: K,
    shape: Shape,
    places: Places,
    plan: MatrixPlan,
    pattern: OnceLock<(Pattern, Option<Vec<usize>>)>,
    /// Made, and its code compiled, when an implicit method first asks.
    strategy: OnceLock<Arc<Strategy>>,
    events: EventPlan,
    listed: OnceLock<Events>,
    delays: DelayPlan,
    delays_listed: OnceLock<Delays>,
    /// What the schedule reads as states: nothing.
    no_states: Vec<f64>,
    steps: Steps<K>,
    series: Option<SeriesMaker>,
    /// (x, v) of x' = v, or a state that is neither.
    velocities: Option<VelocityFinder>,
    second_order: OnceLock<Result<Arc<SecondOrder>, String>>,
    constraints: Option<Arc<Hidden<K>>>,
    split: Option<Split>,
    matrices: Option<MatrixMaker>,
    /// Those made so far, by place in [`Matrix::ALL`].
    derivatives: [OnceLock<Result<Arc<dyn Derivative>, String>>; Matrix::ALL.len()],
    pulls: Option<PullMaker>,
    /// Those of f, and of J v + τ ∂f/∂t.
    pulled: [OnceLock<Option<Arc<dyn Pull>>>; 2],
    transposed: OnceLock<Arc<(Pattern, Arc<Strategy>)>>,
    /// The series made so far, by order, and those with their derivatives.
    made: Mutex<BTreeMap<usize, Made<Series<K>>>>,
    series_derivatives: Option<SeriesDerivativesMaker>,
    derivatives_made: Mutex<BTreeMap<usize, Made<SeriesDerivatives<K>>>>,
}

/// Lowers the kernel `taylor` of an order and tells whether it is free of branches, or says why there is none.
pub type SeriesMaker = Box<dyn Fn(usize) -> Result<(Program, bool), String> + Send + Sync>;

/// Lowers the same with the coefficients of ∂f/∂y and ∂f/∂p.
pub type SeriesDerivativesMaker = Box<dyn Fn(usize) -> Result<(Program, [MatrixPlan; 2]), String> + Send + Sync>;

/// Lowers a matrix of derivatives, or says why there is none.
pub type MatrixMaker = Box<dyn Fn(Matrix) -> Result<(Program, MatrixPlan), String> + Send + Sync>;

/// Lowers products of the transposed Jacobians, or of those of J v + τ ∂f/∂t.
pub type PullMaker = Box<dyn Fn(bool) -> Option<Program> + Send + Sync>;

/// ∂f/∂p and the curvatures, which derivatives of a Rosenbrock step are made of.
fn second(maker: &MatrixMaker) -> Option<[(Program, MatrixPlan); 3]> {
    let make = |matrix| maker(matrix).ok();
    Some([make(Matrix::Parameters)?, make(Matrix::Curvature)?, make(Matrix::MixedCurvature)?])
}

/// Finds the places (x, v) of equations x' = v, or a state that is neither.
pub type VelocityFinder = Box<dyn Fn() -> Result<Vec<(usize, usize)>, usize> + Send + Sync>;

/// A series, or why there is none.
type Made<S> = Result<Arc<S>, String>;

/// The values of a matrix in the order of its pattern, from those of its kernel: where that does not write them in place,
/// they stand at the end of the work slice first, and those that meet add up.
fn assemble<K: Kernels>(kernels: &K, kernel: KernelId, places: Option<&[usize]>, arguments: Arguments<'_>) {
    let Some(places) = places else { return kernels.call(kernel, arguments) };
    let Arguments { t, y, p, v, w, out } = arguments;
    let own = w.len() - places.len();
    let (w, raw) = w.split_at_mut(own);
    kernels.call(kernel, Arguments { t, y, p, v, w, out: &mut *raw });
    out.fill(0.0);
    raw.iter().zip(places).for_each(|(value, place)| out[*place] += value);
}

/// The constraints of a compiled model.
struct Hidden<K> {
    kernels: K,
    values: KernelId,
    jacobian: KernelId,
    pattern: Pattern,
    /// The place of each of the kernel's values in the pattern.
    places: Option<Vec<usize>>,
    /// The kernels' work, and behind it the values of `jacobian`.
    work: usize,
}

impl<K: Kernels> Constraints for Hidden<K> {
    fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    fn work(&self) -> usize {
        self.work
    }

    fn values(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.kernels.call(self.values, Arguments { t, y, p, v: &[], w, out });
    }

    fn jacobian(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]) {
        let (places, arguments) = (self.places.as_deref(), Arguments { t, y, p, v: &[], w, out: values });
        assemble(&self.kernels, self.jacobian, places, arguments);
    }
}

/// A part of f, and its Jacobian if it is the implicit one.
struct Part<K> {
    kernels: K,
    shape: Shape,
    rhs: KernelId,
    jacobian: Option<KernelId>,
    plan: MatrixPlan,
    pattern: OnceLock<(Pattern, Option<Vec<usize>>)>,
    strategy: OnceLock<Arc<Strategy>>,
}

impl<K: Kernels> Part<K> {
    fn pattern_and_places(&self) -> &(Pattern, Option<Vec<usize>>) {
        self.pattern.get_or_init(|| self.plan.pattern())
    }
}

impl<K: Kernels + Clone + 'static> System for Part<K> {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn jacobian_pattern(&self) -> &Pattern {
        &self.pattern_and_places().0
    }

    fn strategy(&self) -> Arc<Strategy> {
        self.strategy.get_or_init(|| strategy(self.jacobian_pattern(), &self.kernels)).clone()
    }

    fn rhs(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], dy: &mut [f64]) {
        self.kernels.call(self.rhs, Arguments { t, y, p, v: &[], w, out: dy });
    }

    fn jacobian(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]) {
        if let Some(kernel) = self.jacobian {
            let (_, places) = self.pattern_and_places();
            assemble(&self.kernels, kernel, places.as_deref(), Arguments { t, y, p, v: &[], w, out: values });
        }
    }

    fn time_derivative(&self, _t: f64, _y: &[f64], _p: &[f64], _w: &mut [f64], ft: &mut [f64]) {
        // No method that takes f apart asks for it.
        ft.fill(f64::NAN);
    }

    fn outputs(&self, _t: f64, _y: &[f64], _p: &[f64], _w: &mut [f64], _out: &mut [f64]) {}
}

/// How W of this pattern is factorised, its code compiled by the same backend.
fn strategy<K: Kernels + Clone + 'static>(pattern: &Pattern, kernels: &K) -> Arc<Strategy> {
    let target = Target64 { fma: host_has_fma() };
    Arc::new(Strategy::new(pattern, |plan, pattern| {
        let code = CompiledEliminator::new(plan, pattern, kernels, target)?;
        Some(Arc::new(code) as Arc<dyn Eliminator>)
    }))
}

/// A matrix of derivatives with its own kernel.
struct Values<K> {
    kernels: K,
    kernel: KernelId,
    pattern: Pattern,
    /// The place of each of the kernel's values in the pattern.
    places: Option<Vec<usize>>,
    /// The kernel's work, and behind it its values.
    work: usize,
}

impl<K: Kernels> Derivative for Values<K> {
    fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    fn work(&self) -> usize {
        self.work
    }

    fn values(&self, t: f64, y: &[f64], p: &[f64], v: &[f64], w: &mut [f64], values: &mut [f64]) {
        let arguments = Arguments { t, y, p, v, w, out: values };
        assemble(&self.kernels, self.kernel, self.places.as_deref(), arguments);
    }
}

/// Products of transposed matrices, by their kernel.
struct Products<K> {
    kernels: K,
    kernel: KernelId,
}

impl<K: Kernels> Pull for Products<K> {
    fn work(&self) -> usize {
        self.kernels.lengths(self.kernel).w
    }

    fn add(&self, t: f64, y: &[f64], p: &[f64], direction: &[f64], w: &mut [f64]) {
        self.kernels.call(self.kernel, Arguments { t, y, p, v: direction, w, out: &mut [] });
    }
}

/// Where each kernel stands in the program.
#[derive(Clone, Copy, Debug)]
struct Places {
    rhs: KernelId,
    jacobian: KernelId,
    time_derivative: Option<KernelId>,
    outputs: Option<KernelId>,
    surfaces: Option<KernelId>,
    resets: Option<KernelId>,
    schedule: Option<KernelId>,
    lags: Option<KernelId>,
    times: Option<KernelId>,
    past: Option<KernelId>,
}

impl<K: Kernels + Clone + 'static> CompiledSystem<K> {
    /// The system of a lowered model whose program became `kernels`; `None` if a kernel every system needs is missing.
    pub fn new(
        lowered: &Lowered,
        kernels: K,
        states: crate::system::Names,
        outputs: crate::system::Names,
        discretes: crate::system::Names,
    ) -> Option<Self> {
        let place = |name: &str| kernels.find(name);
        let places = Places {
            rhs: place("rhs")?,
            jacobian: place("jacobian")?,
            time_derivative: place("time_derivative"),
            outputs: place("outputs"),
            surfaces: place("surfaces"),
            resets: place("resets"),
            schedule: place("schedule"),
            lags: place("lags"),
            times: place("times"),
            past: place("past"),
        };
        let most = (0..lowered.program.kernels.len()).map(|k| kernels.lengths(KernelId(k)).w).max().unwrap_or(0);
        let shape = Shape {
            states,
            outputs,
            parameters: lowered.bound,
            algebraic: lowered.algebraic.clone(),
            discretes,
            discretes_at: lowered.parameters,
            // Behind the kernels' own part: the Jacobian's values before they are gathered.
            work: most + lowered.jacobian.values.max(lowered.implicit.values),
            time_dependent: places.time_derivative.is_some(),
        };
        let constraints = match (place("constraints"), place("constraint_jacobian")) {
            (Some(values), Some(jacobian)) => {
                let (pattern, places) = lowered.constraints.pattern();
                let work = kernels.lengths(values).w.max(kernels.lengths(jacobian).w);
                let work = work + lowered.constraints.values;
                Some(Arc::new(Hidden { kernels: kernels.clone(), values, jacobian, pattern, places, work }))
            }
            _ => None,
        };
        let part = |rhs, jacobian, plan: &MatrixPlan| -> Box<dyn System> {
            let (kernels, shape, plan) = (kernels.clone(), shape.clone(), plan.clone());
            let (pattern, strategy) = (OnceLock::new(), OnceLock::new());
            Box::new(Part { kernels, shape, rhs, jacobian, plan, pattern, strategy })
        };
        let parts = (place("explicit"), place("implicit"), place("implicit_jacobian"));
        let split = match parts {
            (Some(explicit), Some(implicit), Some(jacobian)) => Some(Split {
                explicit: part(explicit, None, &MatrixPlan::default()),
                implicit: part(implicit, Some(jacobian), &lowered.implicit),
            }),
            _ => None,
        };
        let without = [places.schedule, places.lags, places.past].into_iter().flatten();
        let no_states = vec![0.0; without.map(|kernel| kernels.lengths(kernel).y).max().unwrap_or(0)];
        Some(CompiledSystem {
            constraints,
            split,
            kernels,
            shape,
            places,
            plan: lowered.jacobian.clone(),
            pattern: OnceLock::new(),
            strategy: OnceLock::new(),
            events: lowered.events.clone(),
            listed: OnceLock::new(),
            delays: lowered.delays.clone(),
            delays_listed: OnceLock::new(),
            no_states,
            steps: Steps::new(lowered),
            series: None,
            velocities: None,
            second_order: OnceLock::new(),
            matrices: None,
            derivatives: Default::default(),
            pulls: None,
            pulled: Default::default(),
            transposed: OnceLock::new(),
            made: Mutex::default(),
            series_derivatives: None,
            derivatives_made: Mutex::default(),
        })
    }

    /// With ways to make Taylor coefficients, and their derivatives.
    pub fn with_series(mut self, maker: SeriesMaker, derivatives: SeriesDerivativesMaker) -> Self {
        (self.series, self.series_derivatives) = (Some(maker), Some(derivatives));
        self
    }

    /// With a way to make matrices of derivatives.
    pub fn with_matrices(mut self, maker: MatrixMaker) -> Self {
        self.matrices = Some(maker);
        self
    }

    /// With a way to make products of the transposed Jacobians.
    pub fn with_pulls(mut self, maker: PullMaker) -> Self {
        self.pulls = Some(maker);
        self
    }

    fn make_pull(&self, curved: bool) -> Option<Arc<dyn Pull>> {
        // What is read at other times follows parameters in its own ways.
        let maker = self.pulls.as_ref().filter(|_| self.delays.is_empty())?;
        let kernels = self.kernels.another(&maker(curved)?)?;
        let kernel = kernels.find("pull")?;
        Some(Arc::new(Products { kernels, kernel }))
    }

    fn make_matrix(&self, matrix: Matrix) -> Result<Arc<dyn Derivative>, String> {
        let maker = self.matrices.as_ref().ok_or("this system was compiled without derivatives by parameters")?;
        let (program, plan) = maker(matrix)?;
        let kernels = self.kernels.another(&program).ok_or("no native code could be made of the derivatives")?;
        let kernel = kernels.find("matrix").ok_or("the kernel `matrix` is missing")?;
        let (pattern, places) = plan.pattern();
        let work = kernels.lengths(kernel).w + plan.values;
        Ok(Arc::new(Values { kernels, kernel, pattern, places, work }))
    }

    /// With the places (x, v) of equations x' = v, or of a state that is neither x nor v.
    /// Called when a method first asks: it takes time that grows with the number of states.
    pub fn with_velocities(mut self, velocities: VelocityFinder) -> Self {
        self.velocities = Some(velocities);
        self
    }

    /// Positions and velocities, if no acceleration depends on a velocity.
    fn structure(&self) -> Result<Arc<SecondOrder>, String> {
        let name = |place: usize| self.shape.states.get(place);
        let pairs = match self.velocities.as_ref().map(|find| find()) {
            Some(Ok(pairs)) => pairs,
            Some(Err(place)) => return Err(format!("{} is neither a position, x' = v, nor a velocity", name(place))),
            None => return Err("it does not say which states are velocities".to_string()),
        };
        let mut is_velocity = vec![false; self.shape.dim()];
        pairs.iter().for_each(|(_, v)| is_velocity[*v] = true);
        let pattern = &self.pattern_and_places().0;
        for (_, v) in &pairs {
            if let Some(row) = pattern.rows()[pattern.column(*v)].iter().find(|row| is_velocity[**row]) {
                return Err(format!("the derivative of {} depends on the velocity {}", name(*row), name(*v)));
            }
        }
        Ok(pairs.as_slice().into())
    }

    /// What functions for derivatives of whole steps are made of: matrices, and the pattern of J with the places of its kernel's values.
    /// None where the equations read other times.
    fn differentiable(&self) -> Option<(&MatrixMaker, Placed<'_>)> {
        let maker = self.matrices.as_ref().filter(|_| self.delays.is_empty())?;
        let (pattern, places) = self.pattern_and_places();
        Some((maker, (pattern, places.as_deref())))
    }

    fn pattern_and_places(&self) -> &(Pattern, Option<Vec<usize>>) {
        self.pattern.get_or_init(|| {
            let (pattern, places) = self.plan.pattern();
            (pattern.with_algebraic(&self.shape.algebraic), places)
        })
    }
}

impl<K: Kernels + Clone + 'static> System for CompiledSystem<K> {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn jacobian_pattern(&self) -> &Pattern {
        &self.pattern_and_places().0
    }

    fn jacobian_entries(&self) -> usize {
        self.plan.values
    }

    fn strategy(&self) -> Arc<Strategy> {
        self.strategy.get_or_init(|| strategy(self.jacobian_pattern(), &self.kernels)).clone()
    }

    fn derivative(&self, matrix: Matrix) -> Result<Arc<dyn Derivative>, String> {
        self.derivatives[matrix as usize].get_or_init(|| self.make_matrix(matrix)).clone()
    }

    fn pull(&self, curved: bool) -> Option<Arc<dyn Pull>> {
        self.pulled[usize::from(curved)].get_or_init(|| self.make_pull(curved)).clone()
    }

    fn transposed(&self) -> Arc<(Pattern, Arc<Strategy>)> {
        let make = || {
            let pattern = self.jacobian_pattern().transposed();
            let strategy = strategy(&pattern, &self.kernels);
            Arc::new((pattern, strategy))
        };
        self.transposed.get_or_init(make).clone()
    }

    fn rhs(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], dy: &mut [f64]) {
        self.kernels.call(self.places.rhs, Arguments { t, y, p, v: &[], w, out: dy });
    }

    fn jacobian(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]) {
        let (_, places) = self.pattern_and_places();
        let arguments = Arguments { t, y, p, v: &[], w, out: values };
        assemble(&self.kernels, self.places.jacobian, places.as_deref(), arguments);
    }

    fn time_derivative(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], ft: &mut [f64]) {
        match self.places.time_derivative {
            Some(kernel) => self.kernels.call(kernel, Arguments { t, y, p, v: &[], w, out: ft }),
            None => ft.fill(0.0),
        }
    }

    fn outputs(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], out: &mut [f64]) {
        if let Some(kernel) = self.places.outputs {
            self.kernels.call(kernel, Arguments { t, y, p, v: &[], w, out });
        }
    }

    fn constraints(&self) -> Option<Arc<dyn Constraints>> {
        self.constraints.clone().map(|constraints| constraints as Arc<dyn Constraints>)
    }

    fn split(&self) -> Option<&Split> {
        self.split.as_ref()
    }

    fn events(&self) -> Option<&Events> {
        if self.events.is_empty() { None } else { Some(self.listed.get_or_init(|| self.events.events())) }
    }

    fn surfaces(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], g: &mut [f64]) {
        if let Some(kernel) = self.places.surfaces {
            self.kernels.call(kernel, Arguments { t, y, p, v: &[], w, out: g });
        }
    }

    fn resets(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]) {
        if let Some(kernel) = self.places.resets {
            self.kernels.call(kernel, Arguments { t, y, p, v: &[], w, out: values });
        }
    }

    fn schedule(&self, t: f64, p: &[f64], w: &mut [f64], times: &mut [f64]) {
        if let Some(kernel) = self.places.schedule {
            self.kernels.call(kernel, Arguments { t, y: &self.no_states, p, v: &[], w, out: times });
        }
    }

    fn delays(&self) -> Option<&Delays> {
        if self.delays.is_empty() { None } else { Some(self.delays_listed.get_or_init(|| self.delays.delays())) }
    }

    fn lags(&self, p: &[f64], w: &mut [f64], lags: &mut [f64]) {
        if let Some(kernel) = self.places.lags {
            self.kernels.call(kernel, Arguments { t: 0.0, y: &self.no_states, p, v: &[], w, out: lags });
        }
    }

    fn times(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], times: &mut [f64]) {
        if let Some(kernel) = self.places.times {
            self.kernels.call(kernel, Arguments { t, y, p, v: &[], w, out: times });
        }
    }

    fn past(&self, s: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]) {
        if let Some(kernel) = self.places.past {
            self.kernels.call(kernel, Arguments { t: 0.0, y: &self.no_states, p, v: s, w, out: values });
        }
    }

    fn explicit_step(&self, formula: &ExplicitFormula) -> Option<Arc<dyn CompiledStep>> {
        // What is read at other times has another value at each stage.
        if !self.delays.is_empty() {
            return None;
        }
        self.steps.explicit(formula, &self.kernels)
    }

    fn explicit_adjoint(&self, formula: &ExplicitFormula) -> Option<Arc<dyn CompiledStep>> {
        let (maker, of) = self.differentiable()?;
        self.steps.explicit_adjoint(formula, &self.kernels, of, || maker(Matrix::Parameters).ok())
    }

    fn rosenbrock_adjoint(&self, formula: &RosenbrockFormula) -> Option<Arc<dyn CompiledStep>> {
        let (maker, of) = self.differentiable()?;
        self.steps.rosenbrock_adjoint(formula, &self.kernels, of, || second(maker))
    }

    fn rosenbrock_tangent(
        &self,
        formula: &RosenbrockFormula,
        directions: (usize, &[(usize, usize)]),
    ) -> Option<Arc<dyn CompiledStep>> {
        let (maker, of) = self.differentiable()?;
        self.steps.rosenbrock_tangent(formula, &self.kernels, of, directions, || second(maker))
    }

    fn explicit_tangent(
        &self,
        formula: &ExplicitFormula,
        directions: (usize, &[(usize, usize)]),
    ) -> Option<Arc<dyn CompiledStep>> {
        let (maker, of) = self.differentiable()?;
        self.steps.explicit_tangent(formula, &self.kernels, of, directions, || maker(Matrix::Parameters).ok())
    }

    fn difference_tangent(
        &self,
        formula: &DifferenceFormula,
        directions: (usize, &[(usize, usize)]),
    ) -> Option<Arc<dyn CompiledStep>> {
        let (maker, of) = self.differentiable()?;
        self.steps.difference_tangent(formula, &self.kernels, of, directions, || maker(Matrix::Parameters).ok())
    }

    fn second_order(&self) -> Result<Arc<SecondOrder>, String> {
        self.second_order.get_or_init(|| self.structure()).clone()
    }

    fn taylor(&self, order: usize) -> Result<Arc<dyn Taylor>, String> {
        let Some(maker) = &self.series else {
            return Err("this system was compiled without Taylor coefficients".to_string());
        };
        // A thread that panicked while holding the lock left the map whole.
        let mut made = self.made.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let entry = made.entry(order).or_insert_with(|| {
            let (program, smooth) = maker(order)?;
            Ok(Arc::new(Series::new(program, order, smooth, &self.kernels)?))
        });
        entry.clone().map(|series| series as Arc<dyn Taylor>)
    }

    fn taylor_derivatives(&self, order: usize) -> Result<Arc<dyn TaylorDerivatives>, String> {
        let Some(maker) = &self.series_derivatives else {
            return Err("this system was compiled without Taylor coefficients".to_string());
        };
        let mut made = self.derivatives_made.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let entry = made.entry(order).or_insert_with(|| {
            let (program, plans) = maker(order)?;
            Ok(Arc::new(SeriesDerivatives::new(&program, &plans, &self.kernels)?))
        });
        entry.clone().map(|series| series as Arc<dyn TaylorDerivatives>)
    }

    fn newton(&self) -> Option<Arc<dyn CompiledNewton>> {
        if !self.delays.is_empty() {
            return None;
        }
        self.steps.newton(&self.kernels, &self.pattern_and_places().0)
    }

    fn collocation(&self, formula: &CollocationFormula) -> Option<Arc<dyn CompiledCollocation>> {
        if !self.delays.is_empty() {
            return None;
        }
        let (pattern, places) = self.pattern_and_places();
        self.steps.collocation(formula, &self.kernels, (pattern, places.as_deref()))
    }

    fn rosenbrock_step(&self, formula: &RosenbrockFormula) -> Option<Arc<dyn CompiledStep>> {
        if !self.delays.is_empty() {
            return None;
        }
        let (pattern, places) = self.pattern_and_places();
        self.steps.rosenbrock(formula, &self.kernels, pattern, places.as_deref())
    }
}
