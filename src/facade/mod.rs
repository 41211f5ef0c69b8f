//! The facade: what a host program sees. The pipeline is in [`Model::parse`] and [`Model::compile_with`], verbs in order.

#[cfg(feature = "ahead")]
mod ahead;
mod asked;
mod bind;
mod carried;
mod derivatives;
mod ensemble;
mod errors;
mod files;
mod foreign;
mod jumps;
mod measured;
mod objective;
mod objective_error;
mod page;
mod past;
mod problem;
mod reach;
mod room;
mod second;
mod show;
mod steady;
mod together;
mod way;

#[cfg(feature = "ahead")]
pub use ahead::{AheadError, AheadOfTime, AheadOptions};
pub use bind::{MissingParameter, UnknownName};
pub use derivatives::{DerivativeError, Gradient, Recorded, Tangents, derivative_names};
pub use ensemble::{Ensemble, EnsembleError, Keep, Quantiles, Record, Sketch, THREADS, Valued, threads_by_default};
pub use errors::Errors;
pub use files::FileLoader;
pub use foreign::HostError;
pub use objective::{LOG_LIKELIHOOD, Objective};
pub use objective_error::ObjectiveError;
pub use problem::{Problem, SolveError};
pub use reach::OutsideData;
pub use show::Show;
pub use steady::Steady;
pub use way::{Prediction, Way};

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::backend::interpret::Interpreter;
use crate::backend::{
    CompiledSystem, KernelId, Kernels, MatrixMaker, PullMaker, SeriesDerivativesMaker, SeriesMaker, host_has_fma,
};
use crate::dae::solve_structure;
use crate::diag::{Code, Diagnostic, codes};
use crate::diff::{Derivatives, Unsupported, derive};
use crate::elaborate::{Elaborated, elaborate};
use crate::expr::SymbolId;
use crate::kernel::{Lowered, Target64, lower, lower_matrix, lower_pull, lower_taylor, lower_taylor_derivatives};
use crate::model::{self, check};
use crate::source::{Loader, Source, Sources, Span};
use crate::system::{Names, System};
use crate::{lang, linalg};
use files::NoFiles;

/// A model: parsed, checked and differentiated. Cheap to clone and share.
#[derive(Clone, Debug)]
pub struct Model {
    checked: Arc<model::Model>,
    derivatives: Arc<Derivatives>,
    /// What is compiled instead where the state decides switches: the same with a mode per switch.
    located: Option<Arc<(model::Model, Derivatives)>>,
    parse_seconds: f64,
    sensitivities: Vec<String>,
    /// Of a model with sensitivities, what makes them jump where nobody tells them to.
    jump: Option<jumps::Jump>,
}

/// Why sensitivities could not be formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SensitivityError {
    /// No parameter or state has the name.
    Name(UnknownName),
    /// Some equations had to be differentiated to determine all unknowns.
    Constrained,
    /// The equations cannot be differentiated.
    Unsupported(Unsupported),
    /// The model has events or discrete quantities: sensitivities would jump.
    Events,
    /// The model reads derivatives at other times.
    Delays,
    /// This parameter follows from another one that is differentiated by.
    Follows(String),
}

impl std::fmt::Display for SensitivityError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SensitivityError::Name(unknown) => unknown.fmt(f),
            SensitivityError::Constrained => {
                f.write_str("sensitivities in the error test are not there yet for models with equations that have to be differentiated")
            }
            SensitivityError::Unsupported(unsupported) => unsupported.fmt(f),
            SensitivityError::Events => {
                f.write_str("sensitivities of models with events or discrete quantities are not yet supported")
            }
            SensitivityError::Follows(parameter) => write!(
                f,
                "sensitivities are not carried in states where parameters follow from others, as `{parameter}` does; set it"
            ),
            SensitivityError::Delays => {
                f.write_str("sensitivities are not there yet for models that read derivatives at other times")
            }
        }
    }
}

impl std::error::Error for SensitivityError {}

/// The kernels, and the system that calls them.
type Emitted = (Arc<dyn Kernels>, Box<dyn System>);

/// Which backend runs the kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Native code; the interpreter where the `jit` feature is off or the machine is not supported.
    #[default]
    Jit,
    /// The interpreter.
    Interpret,
}

/// Errors that may only follow from what could not be read.
const FOLLOWS: [Code; 9] = [
    codes::model::UNKNOWN_NAME,
    codes::model::NO_EQUATION,
    codes::model::NO_INITIAL,
    codes::model::GAP,
    codes::model::OUT_OF_RANGE,
    codes::model::UNKNOWN_FUNCTION,
    codes::model::NO_STATES,
    codes::model::INDEX_HERE,
    codes::components::NOT_INSTANCE,
];

impl Model {
    /// Reads a model from its text, which uses no other files.
    ///
    /// # Errors
    /// All errors of the text at once.
    pub fn parse(text: &str) -> Result<Model, Errors> {
        Model::parse_named("model", text)
    }

    /// The same, with a name for the diagnostics (usually a path).
    ///
    /// # Errors
    /// All errors of the text at once.
    pub fn parse_named(name: &str, text: &str) -> Result<Model, Errors> {
        Model::parse_with(&NoFiles, name, text)
    }

    /// Reads a model from its text; the loader serves what it names with `use`, relative to `name`.
    ///
    /// # Errors
    /// All errors of the text, and of the texts it uses, at once.
    pub fn parse_with(loader: &dyn Loader, name: &str, text: &str) -> Result<Model, Errors> {
        let start = Instant::now();
        let (files, mut diagnostics) = lang::read(Source::new(name, text), loader);
        let (Elaborated { sources, ast }, more) = elaborate(files);
        diagnostics.extend(more);
        let sound = diagnostics.is_empty();
        let (checked, more) = check(&sources, &ast);
        // What could be read is checked all the same, so that one pass tells everything; but errors that only follow from
        // what could not (unknown names, missing equations) would mislead.
        diagnostics.extend(more.into_iter().filter(|d| sound || !FOLLOWS.contains(&d.code)));
        let Some(checked) = checked.filter(|_| diagnostics.is_empty()) else {
            return Err(Errors::new(sources, diagnostics));
        };
        let checked = match solve_structure(checked) {
            Ok(model) => model,
            Err(diagnostics) => return Err(Errors::new(sources, diagnostics)),
        };
        if let (Some(at), false) = (checked.run.reduce_at, checked.constraints.is_empty()) {
            let message = "conserved sums are not used beside equations that had to be differentiated";
            let error = Diagnostic::new(codes::reactions::NOTHING_TO_REDUCE, at, message);
            return Err(Errors::new(sources, vec![error.help("leave the option out")]));
        }
        let checked = Arc::new(checked);
        let model = Model::differentiated(checked.clone()).map_err(|unsupported| {
            let span =
                checked.symbols.iter().find(|s| s.name == unsupported.symbol).map_or(Span::new(0, 0), |s| s.span);
            let error = Diagnostic::new(codes::model::DERIVATIVE, span, unsupported.to_string());
            let help = format!("write the expression of `{}` where it is used", unsupported.symbol);
            Errors::new(sources, vec![error.help(help)])
        })?;
        Ok(Model { parse_seconds: start.elapsed().as_secs_f64(), ..model })
    }

    /// A checked model with its derivatives, and with a mode per switch that the state decides.
    fn differentiated(checked: impl Into<Arc<model::Model>>) -> Result<Model, Unsupported> {
        let checked = checked.into();
        let modes = model::with_modes(&checked);
        Model::with_located(checked, modes)
    }

    /// The same, with what is compiled instead of the model, if anything is.
    fn with_located(checked: Arc<model::Model>, located: Option<model::Model>) -> Result<Model, Unsupported> {
        let derivatives = Arc::new(derive(&checked)?);
        let located = match located {
            Some(model) => {
                let derivatives = derive(&model)?;
                Some(Arc::new((model, derivatives)))
            }
            None => None,
        };
        Ok(Model { checked, derivatives, located, parse_seconds: 0.0, sensitivities: Vec::new(), jump: None })
    }

    /// Reads a model from a file, and the files it uses.
    ///
    /// # Errors
    /// If the file cannot be read as UTF-8 text, or all errors of the text.
    pub fn load(path: impl AsRef<Path>) -> Result<Model, Errors> {
        let name = path.as_ref().display().to_string();
        match FileLoader.load(&name) {
            Ok(text) => Model::parse_with(&FileLoader, &name, &text),
            Err(reason) => Err(Errors::unreadable(&name, &reason)),
        }
    }

    /// Compiles to native code (or for the interpreter, where there is none).
    ///
    /// # Errors
    /// [`CompileError`] if native code cannot be made.
    pub fn compile(&self) -> Result<Compiled, CompileError> {
        self.compile_with(Backend::Jit)
    }

    /// Compiles for the given backend.
    ///
    /// # Errors
    /// [`CompileError`] if native code cannot be made.
    pub fn compile_with(&self, backend: Backend) -> Result<Compiled, CompileError> {
        let start = Instant::now();
        let lowered = self.lower();
        let (kernels, system) = self.emit(&lowered, backend)?;
        let compile_seconds = start.elapsed().as_secs_f64() + self.parse_seconds;
        Ok(Compiled {
            inner: Arc::new(Inner {
                model: self.clone(),
                lowered,
                kernels,
                system,
                compile_seconds,
                defaults: OnceLock::new(),
                fixed: OnceLock::new(),
                laws: OnceLock::new(),
                along: OnceLock::new(),
                larger: Mutex::default(),
                backend,
            }),
        })
    }

    /// A lowered program becomes kernels, and the kernels a system.
    fn emit(&self, lowered: &Lowered, backend: Backend) -> Result<Emitted, CompileError> {
        #[cfg(feature = "jit")]
        if backend == Backend::Jit {
            match crate::backend::native::Native::new(&lowered.program) {
                Ok(native) => return self.system_of(lowered, native),
                // No native code for this kind of machine: the interpreter gives the same numbers.
                Err(crate::backend::native::NativeError::Host(_)) => {}
                Err(error) => return Err(CompileError(error.to_string())),
            }
        }
        let _ = backend;
        let interpreter = Interpreter::new(&lowered.program).map_err(|e| CompileError(e.to_string()))?;
        self.system_of(lowered, interpreter)
    }

    fn system_of<K: Kernels + Clone + 'static>(&self, lowered: &Lowered, kernels: K) -> Result<Emitted, CompileError> {
        let system = CompiledSystem::new(lowered, kernels.clone(), self.states(), self.outputs(), self.discretes());
        let own = self.clone();
        let extended = lowered.without_program();
        let series: SeriesMaker = Box::new(move |order| {
            let target = Target64 { fma: host_has_fma() };
            let (model, derivatives) = own.compiled();
            lower_taylor(model, derivatives, &extended, target, order).map_err(|e| e.to_string())
        });
        let (own, extended) = (self.clone(), lowered.without_program());
        let of_series: SeriesDerivativesMaker = Box::new(move |order| {
            let target = Target64 { fma: host_has_fma() };
            let (model, derivatives) = own.compiled();
            lower_taylor_derivatives(model, derivatives, &extended, target, order)
        });
        let (own, extended) = (self.clone(), lowered.without_program());
        let matrices: MatrixMaker = Box::new(move |matrix| {
            let target = Target64 { fma: host_has_fma() };
            lower_matrix(own.compiled().0, &extended, target, matrix).map_err(|e| e.to_string())
        });
        let (own, extended) = (self.clone(), lowered.without_program());
        let pulls: PullMaker = Box::new(move |curved| {
            let target = Target64 { fma: host_has_fma() };
            lower_pull(own.compiled().0, &extended, target, curved).ok()
        });
        let checked = self.checked.clone();
        let velocities = Box::new(move || model::positions_and_velocities(&checked));
        match system {
            Some(system) => {
                let system = system.with_series(series, of_series).with_velocities(velocities);
                let system = system.with_matrices(matrices).with_pulls(pulls);
                Ok((Arc::new(kernels), Box::new(system)))
            }
            None => Err(CompileError("a kernel is missing from the lowered program".to_string())),
        }
    }

    /// The lowered form.
    pub fn lower(&self) -> Lowered {
        let (model, derivatives) = self.compiled();
        lower(model, derivatives, Target64 { fma: host_has_fma() })
    }

    /// What is compiled.
    fn compiled(&self) -> (&model::Model, &Derivatives) {
        match &self.located {
            Some(located) => (&located.0, &located.1),
            None => (&self.checked, &self.derivatives),
        }
    }

    /// The same model with forward sensitivities: for each name of a parameter (`k1`, `W[1,2]`) or of a state's initial
    /// value, every state and output x gets a column `d[x]/d[name]`, integrated and error-controlled with the states.
    ///
    /// # Errors
    /// [`UnknownName`], or [`CompileError`] where the derivatives cannot be formed.
    pub fn with_sensitivities(&self, names: &[&str]) -> Result<Model, SensitivityError> {
        if !self.checked.constraints.is_empty() {
            return Err(SensitivityError::Constrained);
        }
        if !self.checked.events.is_empty() || !together::discretes_are_numbers(&self.checked) {
            return Err(SensitivityError::Events);
        }
        if self.checked.delays.arguments.iter().any(|argument| argument.neutral) {
            return Err(SensitivityError::Delays);
        }
        let wanted = names.iter().map(|name| bind::wanted(&self.checked, name)).collect::<Result<Vec<_>, _>>();
        let wanted = wanted.map_err(SensitivityError::Name)?;
        if let Some(parameter) = carried::follower(&self.checked, &wanted) {
            return Err(SensitivityError::Follows(parameter));
        }
        self.with_directions(&wanted, &[]).map_err(SensitivityError::Unsupported)
    }

    /// The same by what names have been found to stand for; the discrete quantities `moving` change in each direction too.
    fn with_directions(&self, wanted: &[crate::diff::Wanted], moving: &[SymbolId]) -> Result<Model, Unsupported> {
        let larger = crate::diff::with_sensitivities(&self.checked, wanted, moving);
        let jump = jumps::jump(&self.checked, wanted);
        // The control of the step size keeps to what was written, unless it must be known whether sensitivities jump.
        let modes = if jump.is_some_and(|jump| jump.of_state) { model::with_modes(&larger) } else { None };
        let sensitivities = wanted.iter().map(|by| by.name.clone()).collect();
        let model = Model::with_located(Arc::new(larger), modes)?;
        Ok(Model { parse_seconds: self.parse_seconds, sensitivities, jump, ..model })
    }

    /// The model that is run for a question about the solution.
    fn asking(&self, question: model::Question) -> Result<Model, Unsupported> {
        Model::differentiated(self.checked.asking(question))
    }

    /// The names given to [`Self::with_sensitivities`].
    pub fn sensitivities(&self) -> &[String] {
        &self.sensitivities
    }

    /// What a name stands for that there is no derivative by, and what to do about it; none if it is a parameter, a state, or
    /// unknown.
    pub fn no_derivative_by(&self, name: &str) -> Option<(&'static str, &'static str)> {
        objective::no_derivative_by(&self.checked, name)
    }

    /// The checked model, as it was written.
    pub fn checked(&self) -> &model::Model {
        &self.checked
    }

    /// Its derivatives.
    pub fn derivatives(&self) -> &Derivatives {
        &self.derivatives
    }

    /// What `model NAME` says.
    pub fn name(&self) -> &str {
        &self.checked.name
    }

    /// The text it came from; [`Self::sources`] also has those it uses.
    pub fn source(&self) -> &Source {
        self.checked.sources.main()
    }

    /// The texts it came from, which the places of its symbols lie in.
    pub fn sources(&self) -> &Sources {
        &self.checked.sources
    }

    /// The independent variable's name.
    pub fn independent(&self) -> &str {
        &self.checked.time
    }

    /// What the solve block says.
    pub fn run(&self) -> &model::Run {
        &self.checked.run
    }

    /// Names of the states.
    pub fn states(&self) -> Names {
        self.names(&self.checked.states)
    }

    /// Names of the parameters.
    pub fn parameters(&self) -> Names {
        self.names(&self.checked.parameters)
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> Names {
        let symbols: Vec<SymbolId> = self.checked.outputs.iter().map(|f| f.symbol).collect();
        self.names(&symbols)
    }

    /// Names of the discrete quantities.
    pub fn discretes(&self) -> Names {
        self.names(&self.checked.discretes)
    }

    /// The doc comment of a name.
    pub fn doc(&self, name: &str) -> Option<&str> {
        self.checked.symbols.iter().find(|s| s.name == name).and_then(|s| s.doc.as_deref())
    }

    fn names(&self, symbols: &[SymbolId]) -> Names {
        let mut names = Names::default();
        for id in symbols {
            let symbol = self.checked.symbol(*id);
            names.push(symbol.name.clone(), symbol.dims.iter().map(|d| (d.lo, d.len())).collect());
        }
        names
    }
}

/// Native code could not be made: a fault of this program, not of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError(String);

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CompileError {}

/// A compiled model: immutable, `Send + Sync`, cheap to clone; solve it from as many threads as you like.
#[derive(Clone)]
pub struct Compiled {
    inner: Arc<Inner>,
}

struct Inner {
    model: Model,
    lowered: Lowered,
    kernels: Arc<dyn Kernels>,
    system: Box<dyn System>,
    compile_seconds: f64,
    /// The bound parameters with nothing set, made when first asked for.
    defaults: OnceLock<Result<Vec<f64>, MissingParameter>>,
    /// The defaults that nothing which is set changes.
    fixed: OnceLock<bind::Fixed>,
    /// Conserved sums, found when first asked for.
    laws: OnceLock<Vec<model::Law>>,
    /// The model with its derivative in one direction, compiled when first asked for.
    along: OnceLock<Result<Compiled, String>>,
    /// The model with sensitivities that was asked for last, and by what.
    larger: Mutex<Option<(Vec<String>, Compiled)>>,
    backend: Backend,
}

impl Compiled {
    /// The model it was compiled from.
    pub fn model(&self) -> &Model {
        &self.inner.model
    }

    /// A run to be: defaults from the solve block, then whatever is set.
    pub fn problem(&self) -> Problem<'_> {
        Problem::new(self)
    }

    /// The model without its delays, as it is for solutions that do not change: x(t − τ) is x. For the interpreter.
    ///
    /// # Errors
    /// [`CompileError`] where derivatives cannot be formed.
    pub fn at_rest(&self) -> Result<Compiled, CompileError> {
        let at_rest = Model::differentiated(self.model().checked.at_rest());
        let Model { checked, derivatives, located, .. } =
            at_rest.map_err(|unsupported| CompileError(unsupported.to_string()))?;
        Model { checked, derivatives, located, ..self.model().clone() }.compile_with(Backend::Interpret)
    }

    /// The system as the solvers see it: n states, bound parameters from [`Self::bind`].
    pub fn system(&self) -> &dyn System {
        self.inner.system.as_ref()
    }

    /// Where ∂f/∂y may be non-zero.
    pub fn jacobian_pattern(&self) -> &linalg::Pattern {
        self.inner.system.jacobian_pattern()
    }

    /// Seconds from text to callable kernels.
    pub fn compile_seconds(&self) -> f64 {
        self.inner.compile_seconds
    }

    /// Bytes of machine code.
    pub fn code_bytes(&self) -> usize {
        self.inner.kernels.code_bytes()
    }

    /// The model with sensitivities by these names; the last one is kept.
    fn larger(&self, names: &[&str]) -> Result<Compiled, DerivativeError> {
        // What a thread that panicked left is as good.
        let last = || self.inner.larger.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, larger)) = last().as_ref().filter(|(known, _)| known == names) {
            return Ok(larger.clone());
        }
        let model = self.model().with_sensitivities(names).map_err(|error| match error {
            SensitivityError::Name(unknown) => DerivativeError::Name(unknown),
            other => DerivativeError::Refused(other.to_string()),
        })?;
        let larger = model.compile_with(self.inner.backend).map_err(|e| DerivativeError::Refused(e.to_string()))?;
        *last() = Some((names.iter().map(|name| name.to_string()).collect(), larger.clone()));
        Ok(larger)
    }

    /// The model with its derivative in one direction ([`crate::diff::along`]).
    fn along(&self) -> Result<&Compiled, String> {
        let make = || {
            let along = Model::differentiated(crate::diff::along(&self.inner.model.checked));
            let along = along.map_err(|unsupported| unsupported.to_string())?;
            along.compile_with(self.inner.backend).map_err(|error| error.to_string())
        };
        self.inner.along.get_or_init(make).as_ref().map_err(String::clone)
    }

    fn kernel(&self, name: &str) -> Option<KernelId> {
        self.inner.kernels.find(name)
    }
}
