//! Whole steps of methods for one system: generated when a method first asks, interpreted at first, compiled once that
//! pays.
//!
//! Interpreter and native code agree bit for bit, so when the change happens shows in the clock only. Which systems have
//! steps to offer depends on their size alone.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::interpret::Interpreter;
use super::{Arguments, KernelId, Kernels, SingleKernels};
use crate::kernel::program::{Kernel, Program};
use crate::kernel::step::{
    Begin, CollocationParts, DifferenceParts, Entries, Parts, StageParts, collocation_step, difference_tangent,
    explicit_adjoint, explicit_interpolant, explicit_step, explicit_tangent, for_single, newton_iterations, operations,
    rosenbrock_adjoint, rosenbrock_step, rosenbrock_tangent, side_by_side, statements,
};
use crate::kernel::{Lowered, MatrixPlan, Target64, lower_elimination, lower_elimination_within};
use crate::linalg::{Elimination, Pattern};
use crate::system::{
    CollocationFormula, CompiledCollocation, CompiledLanes, CompiledNewton, CompiledStep, DifferenceFormula,
    ExplicitFormula, RosenbrockFormula,
};

/// The pattern of a matrix, and the places of its kernel's values in it.
pub type Placed<'a> = (&'a Pattern, Option<&'a [usize]>);

/// Systems with more states have no steps of one kernel: vectors of that length are worth loops.
const STATES: usize = 40;
/// Nor do systems whose right-hand side has more operations than this, unrolled.
const OPERATIONS: usize = 1_000;
/// Nor steps of more operations.
const STEP: usize = 20_000;

/// The steps a system has been asked for.
pub struct Steps<K> {
    rhs: Option<Kernel>,
    jacobian: Option<Kernel>,
    time_derivative: Option<Kernel>,
    target: Target64,
    made: Mutex<Vec<Made<K>>>,
    /// The ways back through them, and along with directions.
    backward: Mutex<Vec<Made<K>>>,
    forward: Mutex<Vec<Along<K>>>,
}

/// So many ways along are kept: a host may ask by other names each time, and backward differences have one of each order.
const FORWARD: usize = 12;

/// The way along a step with k directions, of which these change a parameter: its column, and the direction.
struct Along<K> {
    name: &'static str,
    k: usize,
    moves: Vec<(usize, usize)>,
    step: Option<Arc<Step<K>>>,
}

/// By formula; `None` where a system has nothing to offer.
type Made<K> = (&'static str, Option<Arc<Step<K>>>);

impl<K: Kernels + Clone + 'static> Steps<K> {
    /// Nothing made yet.
    pub fn new(lowered: &Lowered) -> Self {
        let small = |rhs: &&Kernel| (1..=STATES).contains(&rhs.lengths.out) && operations(rhs) <= OPERATIONS;
        let rhs = lowered.program.kernel("rhs").filter(small).cloned();
        let find = |name| rhs.as_ref().and_then(|_| lowered.program.kernel(name)).cloned();
        let jacobian = find("jacobian").filter(|jacobian| operations(jacobian) <= OPERATIONS);
        let time_derivative = find("time_derivative");
        Steps {
            rhs,
            jacobian,
            time_derivative,
            target: lowered.target,
            made: Mutex::default(),
            backward: Mutex::default(),
            forward: Mutex::default(),
        }
    }

    /// A step of an explicit method.
    pub fn explicit(&self, formula: &ExplicitFormula, kernels: &K) -> Option<Arc<dyn CompiledStep>> {
        let rhs = self.rhs.as_ref()?;
        self.known_or(formula.name, || self.make(rhs, formula, kernels))
    }

    /// A step of a Rosenbrock method. `pattern` and `places` say where the Jacobian's values stand.
    pub fn rosenbrock(
        &self,
        formula: &RosenbrockFormula,
        kernels: &K,
        pattern: &Pattern,
        places: Option<&[usize]>,
    ) -> Option<Arc<dyn CompiledStep>> {
        let (rhs, jacobian) = (self.rhs.as_ref()?, self.jacobian.as_ref()?);
        self.known_or(formula.name, || {
            let plan = Elimination::plan(pattern, OPERATIONS, true)?;
            let elimination = lower_elimination_within(formula.good, &plan, pattern, self.target);
            let time_derivative = self.time_derivative.as_ref();
            let parts = Parts { rhs, jacobian, time_derivative, pattern, places, elimination: &elimination };
            let step = rosenbrock_step(&parts, formula, self.target).filter(|step| operations(step) <= STEP)?;
            Step::new(Program { kernels: vec![step] }, kernels.clone())
        })
    }

    /// The iterations of BDF steps, on factors as a [`super::CompiledEliminator`] lays them out.
    pub fn newton(&self, kernels: &K, pattern: &Pattern) -> Option<Arc<dyn CompiledNewton>> {
        let rhs = self.rhs.as_ref()?;
        let made = self.known("newton", || {
            let (_, elimination) = self.eliminated(pattern)?;
            let (program, factors) = newton_iterations(rhs, pattern, &elimination, self.target)?;
            Some(Step { factors, ..Step::new(program, kernels.clone())? })
        });
        made.map(|step| step as Arc<dyn CompiledNewton>)
    }

    /// The parts of a collocation step.
    pub fn collocation(
        &self,
        formula: &CollocationFormula,
        kernels: &K,
        (pattern, places): Placed,
    ) -> Option<Arc<dyn CompiledCollocation>> {
        let (rhs, jacobian) = (self.rhs.as_ref()?, self.jacobian.as_ref()?);
        let made = self.known(formula.name, || {
            let (_, elimination) = self.eliminated(pattern)?;
            let parts = CollocationParts { rhs, jacobian, pattern, places, elimination: &elimination };
            let program = collocation_step(&parts, formula, self.target)?;
            let small = program.kernels.iter().map(operations).sum::<usize>() <= 2 * STEP;
            if small { Step::new(program, kernels.clone()) } else { None }
        });
        made.map(|step| step as Arc<dyn CompiledCollocation>)
    }

    /// The way back through a step of an explicit method; the second kernel starts from points inside the step, or without stages.
    /// J and ∂f/∂p come with their patterns and the places of the kernels' values.
    pub fn explicit_adjoint(
        &self,
        formula: &ExplicitFormula,
        kernels: &K,
        (pattern, places): Placed,
        parameters: impl FnOnce() -> Option<(Program, MatrixPlan)>,
    ) -> Option<Arc<dyn CompiledStep>> {
        let (rhs, jacobian) = (self.rhs.as_ref()?, self.jacobian.as_ref()?);
        let mut made = self.backward.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let step = known(&mut made, formula.name, || {
            let parameters = parameters()?;
            let (by_parameter, columns) = entries(&parameters)?;
            let jacobian = Entries::new(jacobian, pattern, places);
            let parts = (&jacobian, &by_parameter);
            let back = |begin| explicit_adjoint(rhs, parts, formula, begin, columns, self.target);
            way_back(vec![back(Begin::Stages)?, back(Begin::Adjoints)?], kernels)
        });
        step.map(|step| step as Arc<dyn CompiledStep>)
    }

    /// The same through a step of a Rosenbrock method. `matrices` are ∂f/∂p, the curvature, and that by parameters.
    pub fn rosenbrock_adjoint(
        &self,
        formula: &RosenbrockFormula,
        kernels: &K,
        (pattern, places): Placed,
        matrices: impl FnOnce() -> Option<[(Program, MatrixPlan); 3]>,
    ) -> Option<Arc<dyn CompiledStep>> {
        let mut made = self.backward.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let step = known(&mut made, formula.name, || {
            let made = self.with_parts((pattern, places), true, matrices, |parts| {
                let back = |begin| rosenbrock_adjoint(parts, formula, begin, self.target);
                Some(vec![back(Begin::Stages)?, back(Begin::Adjoints)?])
            })?;
            way_back(made, kernels)
        });
        step.map(|step| step as Arc<dyn CompiledStep>)
    }

    /// The way along a step of a Rosenbrock method with so many directions, of which `moves` says which parameters they
    /// change. The latest are kept.
    pub fn rosenbrock_tangent(
        &self,
        formula: &RosenbrockFormula,
        kernels: &K,
        (pattern, places): Placed,
        (k, moves): (usize, &[(usize, usize)]),
        matrices: impl FnOnce() -> Option<[(Program, MatrixPlan); 3]>,
    ) -> Option<Arc<dyn CompiledStep>> {
        self.along(formula.name, (k, moves), kernels, || {
            let tangent = |parts: &StageParts| rosenbrock_tangent(parts, formula, (k, moves), self.target);
            Some(vec![self.with_parts((pattern, places), false, matrices, tangent)?])
        })
    }

    /// The same for steps of an explicit method.
    pub fn explicit_tangent(
        &self,
        formula: &ExplicitFormula,
        kernels: &K,
        (pattern, places): Placed,
        (k, moves): (usize, &[(usize, usize)]),
        parameters: impl FnOnce() -> Option<(Program, MatrixPlan)>,
    ) -> Option<Arc<dyn CompiledStep>> {
        let (rhs, jacobian) = (self.rhs.as_ref()?, self.jacobian.as_ref()?);
        let n = rhs.lengths.out;
        self.along(formula.name, (k, moves), kernels, || {
            if pattern.has_algebraic() {
                return None;
            }
            let parameters = parameters()?;
            let (by_parameter, _) = entries(&parameters)?;
            let jacobian = Entries::new(jacobian, pattern, places);
            Some(vec![explicit_tangent((&jacobian, &by_parameter), formula, n, (k, moves), self.target)?])
        })
    }

    /// The same for steps in backward differences; the second kernel changes their length.
    pub fn difference_tangent(
        &self,
        formula: &DifferenceFormula,
        kernels: &K,
        (pattern, places): Placed,
        (k, moves): (usize, &[(usize, usize)]),
        parameters: impl FnOnce() -> Option<(Program, MatrixPlan)>,
    ) -> Option<Arc<dyn CompiledStep>> {
        let jacobian = self.jacobian.as_ref()?;
        self.along(formula.name, (k, moves), kernels, || {
            // With algebraic equations W may be badly conditioned: lists refine their solutions.
            if pattern.has_algebraic() {
                return None;
            }
            let parameters = parameters()?;
            let parts = DifferenceParts {
                jacobian: Entries::new(jacobian, pattern, places),
                parameters: entries(&parameters)?.0,
                pattern,
                elimination: &self.eliminated(pattern)?,
            };
            difference_tangent(&parts, formula.weights, (k, moves), self.target)
        })
    }

    /// A way along that is known, or is made now.
    fn along(
        &self,
        name: &'static str,
        (k, moves): (usize, &[(usize, usize)]),
        kernels: &K,
        make: impl FnOnce() -> Option<Vec<Kernel>>,
    ) -> Option<Arc<dyn CompiledStep>> {
        let mut made = self.forward.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let same = |known: &&Along<K>| (known.name, known.k, known.moves.as_slice()) == (name, k, moves);
        let step = match made.iter().find(same) {
            Some(known) => known.step.clone(),
            None => {
                let small = |made: &Vec<Kernel>| made.iter().map(statements).sum::<usize>() <= 2 * STEP;
                let program = make().filter(small).map(|kernels| Program { kernels });
                let step = program.and_then(|program| Step::new(program, kernels.clone())).map(Arc::new);
                made.truncate(FORWARD - 1);
                made.insert(0, Along { name, k, moves: moves.to_vec(), step: step.clone() });
                step
            }
        };
        step.map(|step| step as Arc<dyn CompiledStep>)
    }

    /// What derivatives of a Rosenbrock step are made of; the transpose if the way leads back.
    fn with_parts<R>(
        &self,
        (pattern, places): Placed,
        back: bool,
        matrices: impl FnOnce() -> Option<[(Program, MatrixPlan); 3]>,
        make: impl FnOnce(&StageParts) -> Option<R>,
    ) -> Option<R> {
        let (rhs, jacobian) = (self.rhs.as_ref()?, self.jacobian.as_ref()?);
        let [by_parameter, curvature, mixed] = matrices()?;
        let transposed = back.then(|| pattern.transposed());
        let patterns: Vec<&Pattern> = std::iter::once(pattern).chain(&transposed).collect();
        let eliminations = patterns.iter().map(|pattern| self.eliminated(pattern)).collect::<Option<Vec<_>>>()?;
        let (parameters, columns) = entries(&by_parameter)?;
        make(&StageParts {
            rhs,
            time_derivative: self.time_derivative.as_ref(),
            jacobian: Entries::new(jacobian, pattern, places),
            parameters,
            curvature: entries(&curvature)?.0,
            mixed: entries(&mixed)?.0,
            patterns: &patterns,
            eliminations: &eliminations,
            columns,
        })
    }

    /// How W of this pattern is eliminated, with the kernels that do.
    fn eliminated(&self, pattern: &Pattern) -> Option<(Elimination, Program)> {
        let plan = Elimination::plan(pattern, OPERATIONS, true)?;
        let kernels = lower_elimination(&plan, pattern, self.target);
        Some((plan, kernels))
    }

    fn known_or(&self, name: &'static str, make: impl FnOnce() -> Option<Step<K>>) -> Option<Arc<dyn CompiledStep>> {
        self.known(name, make).map(|step| step as Arc<dyn CompiledStep>)
    }

    fn known(&self, name: &'static str, make: impl FnOnce() -> Option<Step<K>>) -> Option<Arc<Step<K>>> {
        let mut made = self.made.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        known(&mut made, name, make)
    }

    fn make(&self, rhs: &Kernel, formula: &ExplicitFormula, kernels: &K) -> Option<Step<K>> {
        if operations(rhs).saturating_mul(formula.stages) > STEP {
            return None;
        }
        let mut made = vec![explicit_step(rhs, formula, self.target)?];
        if !formula.interpolant.is_empty() {
            made.push(explicit_interpolant(rhs, formula, self.target)?);
        }
        Step::new(Program { kernels: made }, kernels.clone())
    }
}

/// The entries of a matrix of derivatives whose kernel is short enough to be part of a step, and how many columns it has.
fn entries((program, plan): &(Program, MatrixPlan)) -> Option<(Entries<'_>, usize)> {
    let kernel = program.kernel("matrix").filter(|kernel| operations(kernel) <= OPERATIONS)?;
    let (pattern, places) = plan.pattern();
    Some((Entries::new(kernel, &pattern, places.as_deref()), pattern.ncols()))
}

/// The way back through a step, if each of its kernels is short enough.
fn way_back<K: Kernels + Clone>(made: Vec<Kernel>, kernels: &K) -> Option<Step<K>> {
    let small = made.iter().all(|kernel| operations(kernel) <= 2 * STEP);
    if small { Step::new(Program { kernels: made }, kernels.clone()) } else { None }
}

/// What was made for a formula, or is now.
fn known<K>(
    made: &mut Vec<Made<K>>,
    name: &'static str,
    make: impl FnOnce() -> Option<Step<K>>,
) -> Option<Arc<Step<K>>> {
    if let Some((_, step)) = made.iter().find(|(known, _)| *known == name) {
        return step.clone();
    }
    let step = make().map(Arc::new);
    made.push((name, step.clone()));
    step
}

/// One step.
pub struct Step<K> {
    program: Program,
    /// Kernels of the kind that the program is to become.
    kind: K,
    interpreter: Interpreter,
    native: OnceLock<Option<K>>,
    calls: AtomicU32,
    /// Interpreted steps that cost about as much as compiling.
    enough: u32,
    work: usize,
    /// Of Newton iterations: the numbers of the factors.
    factors: usize,
    /// The same for several trajectories side by side.
    lanes: OnceLock<Option<Arc<Lanes<K>>>>,
    lanes_in_single: OnceLock<Option<Arc<LanesInSingle>>>,
}

/// So many trajectories side by side, in either precision: a whole one of the widest vectors there are.
const LANES: usize = 8;

/// One step of several trajectories.
struct Lanes<K>(Step<K>);

/// The same in single precision.
struct LanesInSingle(Arc<dyn SingleKernels>);

/// The longest work buffer of some kernels.
fn most_work(kernels: usize, length: impl Fn(KernelId) -> usize) -> usize {
    (0..kernels).map(|kernel| length(KernelId(kernel))).max().unwrap_or(0)
}

const STEP_KERNEL: KernelId = KernelId(0);
const INTERPOLANT: KernelId = KernelId(1);
const AGAIN: KernelId = KernelId(1);
const JACOBIAN: KernelId = KernelId(2);
const FACTOR: KernelId = KernelId(3);
const PREDICT: KernelId = KernelId(4);
const ESTIMATE: KernelId = KernelId(5);
const DAMP: KernelId = KernelId(6);

impl<K: Kernels> Step<K> {
    /// From a program whose first kernel is the step; becomes kernels of that kind.
    pub fn new(program: Program, kind: K) -> Option<Self> {
        let interpreter = Interpreter::new(&program).ok()?;
        let work = most_work(program.kernels.len(), |kernel| interpreter.lengths(kernel).w);
        let size: usize = program.kernels.iter().map(statements).sum();
        let own = operations(&program.kernels[0]);
        // Compiling takes some 0.15 ms and 0.5 µs an operation, an interpreted operation some 2 ns.
        let enough = (75_000 + 250 * size) / own.max(1);
        Some(Step {
            program,
            kind,
            interpreter,
            native: OnceLock::new(),
            calls: AtomicU32::new(0),
            enough: u32::try_from(enough).unwrap_or(u32::MAX),
            work,
            factors: 0,
            lanes: OnceLock::new(),
            lanes_in_single: OnceLock::new(),
        })
    }

    /// Calls one of the program's kernels.
    #[inline]
    pub fn call(&self, kernel: KernelId, arguments: Arguments<'_>) {
        match self.native.get() {
            Some(Some(native)) => native.call(kernel, arguments),
            _ => self.interpret(kernel, arguments),
        }
    }

    #[cold]
    fn interpret(&self, kernel: KernelId, arguments: Arguments<'_>) {
        // Exactly one thread sees this count; the others go on interpreting meanwhile.
        if self.calls.fetch_add(1, Ordering::Relaxed) == self.enough {
            let _ = self.native.set(self.kind.another(&self.program));
        }
        self.interpreter.call(kernel, arguments);
    }
}

impl<K: Kernels + Clone + 'static> CompiledStep for Step<K> {
    fn work(&self) -> usize {
        // The interpreter needs a place for every value; memory that is not asked for need not be cleared at every run.
        match self.native.get() {
            Some(Some(native)) => most_work(self.program.kernels.len(), |kernel| native.lengths(kernel).w),
            _ => self.work,
        }
    }

    #[inline]
    fn attempt(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.call(STEP_KERNEL, Arguments { t, y, p, v: limits, w, out });
    }

    fn interpolant(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.call(INTERPOLANT, Arguments { t, y, p, v: limits, w, out });
    }

    fn lanes(&self) -> Option<Arc<dyn CompiledLanes>> {
        let make = || {
            let kernel = side_by_side(&self.program.kernels[STEP_KERNEL.0], LANES)?;
            Some(Arc::new(Lanes(Step::new(Program { kernels: vec![kernel] }, self.kind.clone())?)))
        };
        self.lanes.get_or_init(make).clone().map(|lanes| lanes as Arc<dyn CompiledLanes>)
    }

    fn lanes_in_single(&self) -> Option<Arc<dyn CompiledLanes<f32>>> {
        let make = || {
            let kernel = for_single(side_by_side(&self.program.kernels[STEP_KERNEL.0], LANES)?);
            Some(Arc::new(LanesInSingle(self.kind.single(&Program { kernels: vec![kernel] })?)))
        };
        self.lanes_in_single.get_or_init(make).clone().map(|lanes| lanes as Arc<dyn CompiledLanes<f32>>)
    }
}

impl CompiledLanes<f32> for LanesInSingle {
    fn lanes(&self) -> usize {
        LANES
    }

    fn work(&self) -> usize {
        self.0.lengths(STEP_KERNEL).w
    }

    #[inline]
    fn attempt(&self, y: &[f32], p: &[f32], limits: &[f32], w: &mut [f32], out: &mut [f32]) {
        self.0.call(STEP_KERNEL, Arguments { t: 0.0, y, p, v: limits, w, out });
    }
}

impl<K: Kernels> CompiledLanes for Lanes<K> {
    fn lanes(&self) -> usize {
        LANES
    }

    fn work(&self) -> usize {
        // Interpreted or not: a run may see both.
        self.0.work
    }

    #[inline]
    fn attempt(&self, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.0.call(STEP_KERNEL, Arguments { t: 0.0, y, p, v: limits, w, out });
    }
}

impl<K: Kernels + Clone + 'static> CompiledNewton for Step<K> {
    fn factors(&self) -> usize {
        self.factors
    }

    fn work(&self) -> usize {
        CompiledStep::work(self)
    }

    #[inline]
    fn first(&self, t: f64, factors: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.call(STEP_KERNEL, Arguments { t, y: factors, p, v: limits, w, out });
    }

    #[inline]
    fn again(&self, t: f64, factors: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.call(AGAIN, Arguments { t, y: factors, p, v: limits, w, out });
    }
}

impl<K: Kernels + Clone + 'static> CompiledCollocation for Step<K> {
    fn work(&self) -> usize {
        CompiledStep::work(self)
    }

    fn jacobian(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.call(JACOBIAN, Arguments { t, y, p, v: limits, w, out });
    }

    fn factor(&self, limits: &[f64], w: &mut [f64]) {
        self.call(FACTOR, Arguments { t: 0.0, y: &[], p: &[], v: limits, w, out: &mut [] });
    }

    fn predict(&self, ratio: f64, w: &mut [f64]) {
        self.call(PREDICT, Arguments { t: ratio, y: &[], p: &[], v: &[], w, out: &mut [] });
    }

    fn first(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.call(STEP_KERNEL, Arguments { t, y, p, v: limits, w, out });
    }

    fn again(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.call(AGAIN, Arguments { t, y, p, v: limits, w, out });
    }

    fn estimate(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.call(ESTIMATE, Arguments { t, y, p, v: limits, w, out });
    }

    fn damp(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.call(DAMP, Arguments { t, y, p, v: limits, w, out });
    }
}
