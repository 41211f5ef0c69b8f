//! The Taylor coefficients of a compiled model, and for small models whole steps by them.

use std::sync::Arc;

use super::step::Step;
use super::{Arguments, KernelId, Kernels, host_has_fma};
use crate::kernel::program::{Kernel, Program};
use crate::kernel::step::{operations, taylor_step};
use crate::kernel::{MatrixPlan, Target64};
use crate::linalg::Pattern;
use crate::system::{CompiledStep, Taylor, TaylorDerivatives};

/// Systems with more states take their steps by loops: they are worth it.
const STATES: usize = 40;
/// So do systems whose coefficients take more operations: as one function they would take long to compile.
const OPERATIONS: usize = 12_000;

/// The coefficients up to one order.
pub struct Series<K> {
    code: Code<K>,
    order: usize,
    smooth: bool,
}

enum Code<K> {
    /// A kernel for the coefficients alone.
    Alone(K, KernelId),
    /// The whole step, and the coefficients as its second kernel.
    Step(Arc<Step<K>>),
}

const COEFFICIENTS: KernelId = KernelId(1);

impl<K: Kernels + Clone + 'static> Series<K> {
    /// From a program with the kernel `taylor`; becomes kernels of the kind of `kernels`.
    ///
    /// # Errors
    /// A sentence, if there is no such kernel or no code can be made of it.
    pub fn new(program: Program, order: usize, smooth: bool, kernels: &K) -> Result<Self, String> {
        let taylor = program.kernel("taylor").ok_or("the kernel `taylor` is missing")?;
        if let Some(step) = whole_step(taylor, order, smooth) {
            let both = Program { kernels: vec![step, taylor.clone()] };
            if let Some(step) = Step::new(both, kernels.clone()) {
                return Ok(Series { code: Code::Step(Arc::new(step)), order, smooth });
            }
        }
        let kernels = kernels.another(&program).ok_or("no native code could be made of them")?;
        let kernel = kernels.find("taylor").ok_or("the kernel `taylor` is missing")?;
        Ok(Series { code: Code::Alone(kernels, kernel), order, smooth })
    }
}

/// The step as one kernel, for systems it pays for. Where there are branches the method looks inside its steps.
fn whole_step(taylor: &Kernel, order: usize, smooth: bool) -> Option<Kernel> {
    let small = smooth && (1..=STATES).contains(&taylor.lengths.y) && operations(taylor) <= OPERATIONS;
    small.then(|| taylor_step(taylor, order, Target64 { fma: host_has_fma() })).flatten()
}

impl<K: Kernels + Clone + 'static> Taylor for Series<K> {
    fn order(&self) -> usize {
        self.order
    }

    fn smooth(&self) -> bool {
        self.smooth
    }

    fn work(&self) -> usize {
        match &self.code {
            Code::Alone(kernels, kernel) => kernels.lengths(*kernel).w,
            Code::Step(step) => step.work(),
        }
    }

    fn coefficients(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], out: &mut [f64]) {
        let arguments = Arguments { t, y, p, v: &[], w, out };
        match &self.code {
            Code::Alone(kernels, kernel) => kernels.call(*kernel, arguments),
            Code::Step(step) => step.call(COEFFICIENTS, arguments),
        }
    }

    fn step(&self) -> Option<Arc<dyn CompiledStep>> {
        match &self.code {
            Code::Alone(..) => None,
            Code::Step(step) => Some(step.clone()),
        }
    }
}

/// The coefficients with those of ∂f/∂y and ∂f/∂p along the solution.
pub struct SeriesDerivatives<K> {
    kernels: K,
    kernel: KernelId,
    /// Both matrices, and where in the pattern each of a kernel's values goes if not in place.
    matrices: [(Pattern, Option<Vec<usize>>); 2],
    /// How many numbers the kernel writes for each order of each.
    raw: [usize; 2],
}

impl<K: Kernels> SeriesDerivatives<K> {
    /// From a program whose kernel `taylor` writes them, in the way of these plans.
    ///
    /// # Errors
    /// A sentence, if there is no such kernel or no code can be made of it.
    pub fn new(program: &Program, plans: &[MatrixPlan; 2], kernels: &K) -> Result<Self, String> {
        let kernels = kernels.another(program).ok_or("no native code could be made of them")?;
        let kernel = kernels.find("taylor").ok_or("the kernel `taylor` is missing")?;
        let matrices = [0, 1].map(|which| plans[which].pattern());
        Ok(SeriesDerivatives { kernels, kernel, matrices, raw: [0, 1].map(|which| plans[which].values) })
    }
}

impl<K: Kernels> TaylorDerivatives for SeriesDerivatives<K> {
    fn states(&self) -> &Pattern {
        &self.matrices[0].0
    }

    fn parameters(&self) -> &Pattern {
        &self.matrices[1].0
    }

    fn work(&self) -> usize {
        let lengths = self.kernels.lengths(self.kernel);
        lengths.w + lengths.out
    }

    fn values(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], [coefficients, states, parameters]: [&mut [f64]; 3]) {
        let (w, written) = w.split_at_mut(self.kernels.lengths(self.kernel).w);
        self.kernels.call(self.kernel, Arguments { t, y, p, v: &[], w, out: &mut *written });
        let (own, mut rest) = written.split_at(coefficients.len());
        coefficients.copy_from_slice(own);
        for (((pattern, places), raw), out) in self.matrices.iter().zip(self.raw).zip([states, parameters]) {
            let (own, behind) = rest.split_at(out.len() / pattern.nnz().max(1) * raw);
            rest = behind;
            let Some(places) = places else {
                out.copy_from_slice(own);
                continue;
            };
            out.fill(0.0);
            for (own, out) in own.chunks_exact(raw).zip(out.chunks_exact_mut(pattern.nnz())) {
                own.iter().zip(places).for_each(|(value, place)| out[*place] += value);
            }
        }
    }
}
