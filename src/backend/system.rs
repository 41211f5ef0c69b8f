//! A compiled model as the solvers see it.

use std::sync::{Arc, OnceLock};

use super::step::Steps;
use super::{Arguments, CompiledEliminator, KernelId, Kernels, host_has_fma};
use crate::kernel::{Lowered, MatrixPlan, Target64};
use crate::linalg::{Eliminator, Pattern, Strategy};
use crate::system::{CompiledStep, ExplicitFormula, Shape, System};

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
    steps: Steps<K>,
}

/// Where each kernel stands in the program.
#[derive(Clone, Copy, Debug)]
struct Places {
    rhs: KernelId,
    jacobian: KernelId,
    time_derivative: Option<KernelId>,
    outputs: Option<KernelId>,
}

impl<K: Kernels + Clone + 'static> CompiledSystem<K> {
    /// The system of a lowered model whose program became `kernels`; `None` if a kernel every system needs is missing.
    pub fn new(
        lowered: &Lowered,
        kernels: K,
        states: crate::system::Names,
        outputs: crate::system::Names,
    ) -> Option<Self> {
        let place = |name: &str| kernels.find(name);
        let places = Places {
            rhs: place("rhs")?,
            jacobian: place("jacobian")?,
            time_derivative: place("time_derivative"),
            outputs: place("outputs"),
        };
        let most = (0..lowered.program.kernels.len()).map(|k| kernels.lengths(KernelId(k)).w).max().unwrap_or(0);
        let shape = Shape {
            states,
            outputs,
            parameters: lowered.bound,
            // Behind the kernels' own part: the Jacobian's values before they are gathered.
            work: most + lowered.jacobian.values,
            time_dependent: places.time_derivative.is_some(),
        };
        Some(CompiledSystem {
            kernels,
            shape,
            places,
            plan: lowered.jacobian.clone(),
            pattern: OnceLock::new(),
            strategy: OnceLock::new(),
            steps: Steps::new(lowered),
        })
    }

    fn pattern_and_places(&self) -> &(Pattern, Option<Vec<usize>>) {
        self.pattern.get_or_init(|| self.plan.pattern())
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
        let make = || {
            let target = Target64 { fma: host_has_fma() };
            Arc::new(Strategy::new(self.jacobian_pattern(), |plan, pattern| {
                let code = CompiledEliminator::new(plan, pattern, &self.kernels, target)?;
                Some(Arc::new(code) as Arc<dyn Eliminator>)
            }))
        };
        self.strategy.get_or_init(make).clone()
    }

    fn rhs(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], dy: &mut [f64]) {
        self.kernels.call(self.places.rhs, Arguments { t, y, p, v: &[], w, out: dy });
    }

    fn jacobian(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]) {
        let (_, places) = self.pattern_and_places();
        let Some(places) = places else {
            return self.kernels.call(self.places.jacobian, Arguments { t, y, p, v: &[], w, out: values });
        };
        let own = w.len() - places.len();
        let (w, raw) = w.split_at_mut(own);
        self.kernels.call(self.places.jacobian, Arguments { t, y, p, v: &[], w, out: raw });
        values.fill(0.0);
        for (value, place) in raw.iter().zip(places) {
            values[*place] += value;
        }
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

    fn explicit_step(&self, formula: &ExplicitFormula) -> Option<Arc<dyn CompiledStep>> {
        self.steps.explicit(formula, &self.kernels)
    }
}
