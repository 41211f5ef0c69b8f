//! `Model`: a compiled model, its names, what it shows, and its runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rhapsode::solve::{ErrorKind, Failure};
use rhapsode::source::{DataFile, Loader};
use rhapsode::system::Names;
use rhapsode::{Compiled, Errors, FileLoader, Problem, Show, SolveError};

use crate::request::{Request, argument, mapping, numbers, optional};
use crate::solution::Solution;
use crate::{Reduced, errors, gradients, host, reduced};

/// What a model was read from; enough to read it again elsewhere.
struct Texts {
    name: String,
    text: String,
    /// The files it uses and its data, by the names they were loaded under.
    files: BTreeMap<String, String>,
    /// Its functions of the host: a callable, or a tuple of one and its derivatives.
    functions: Functions,
}

type Functions = BTreeMap<String, Py<PyAny>>;

/// Files from disk, kept as they are read.
#[derive(Default)]
struct Recorder(RefCell<BTreeMap<String, String>>);

impl Loader for Recorder {
    fn load(&self, name: &str) -> Result<String, String> {
        let text = FileLoader.load(name)?;
        self.0.borrow_mut().insert(name.to_string(), text.clone());
        Ok(text)
    }

    fn load_data(&self, name: &str) -> Result<Arc<DataFile>, String> {
        // Data may be larger than texts; their own limit counts.
        let data = FileLoader.load_data(name)?;
        self.0.borrow_mut().insert(name.to_string(), data.text().to_string());
        Ok(data)
    }
}

/// A model compiled to native code. It cannot change, may be solved from several threads at once, pickles and copies.
///
/// >>> import rhapsode
/// >>> model = rhapsode.compile("model decay\nparam k = 2\ninit x = 1\nx' = -k*x\n")
/// >>> model.name, model.states, model.parameters
/// ('decay', ['x'], {'k': 2.0})
#[pyclass(module = "rhapsode", frozen, weakref)]
pub struct Model {
    pub compiled: Compiled,
    texts: Texts,
    /// The same model with sensitivities, by their names.
    sensitive: Mutex<HashMap<Vec<String>, Compiled>>,
}

/// Compiles a model from its text. `files` are texts that it uses, by name; `name` stands in diagnostics; `functions` are what its
/// `extern fn`s call: a function each, or a tuple of it, its gradient and its hessian. Raises `ModelError`.
///
/// >>> import rhapsode
/// >>> model = rhapsode.compile(
/// ...     "model fall\nextern fn drag(v)\ninit v = 2\nv' = -drag(v)\n",
/// ...     functions={"drag": (lambda v: v*v, lambda v: [2*v])},
/// ... )
/// >>> round(float(model.solve((0, 1), rtol=1e-8).v[-1]), 6)
/// 0.666667
#[pyfunction]
#[pyo3(signature = (text, *, name=None, files=None, functions=None), text_signature = "(text, *, name='model', files=None, functions=None)")]
pub fn compile(
    text: &Bound<PyAny>,
    name: Option<&Bound<PyAny>>,
    files: Option<&Bound<PyAny>>,
    functions: Option<&Bound<PyAny>>,
) -> PyResult<Model> {
    let texts = Texts {
        name: optional("name", name)?.unwrap_or_else(|| "model".to_string()),
        text: argument("text", text)?,
        files: optional("files", files)?.unwrap_or_default(),
        functions: optional("functions", functions)?.unwrap_or_default(),
    };
    Model::read(text.py(), texts)
}

/// Compiles a model from a file, and the files it uses; `functions` are what its `extern fn`s call. Raises `ModelError`.
///
/// >>> import pathlib, rhapsode, tempfile
/// >>> with tempfile.TemporaryDirectory() as folder:
/// ...     path = pathlib.Path(folder, "decay.ode")
/// ...     _ = path.write_text("model decay\nparam k = 2\ninit x = 1\nx' = -k*x\n")
/// ...     rhapsode.load(path)
/// <rhapsode.Model decay: 1 state, 1 parameter>
#[pyfunction]
#[pyo3(signature = (path, *, functions=None))]
pub fn load(path: &Bound<PyAny>, functions: Option<&Bound<PyAny>>) -> PyResult<Model> {
    let (py, functions) = (path.py(), optional("functions", functions)?.unwrap_or_default());
    let path: std::path::PathBuf = argument("path", path)?;
    let recorder = Recorder::default();
    let name = path.display().to_string();
    let Ok(text) = FileLoader.load(&name) else {
        let texts = Texts { name, text: String::new(), files: BTreeMap::new(), functions };
        return Model::compiled(py, rhapsode::Model::load(&path), texts);
    };
    let model = rhapsode::Model::parse_with(&recorder, &name, &text);
    Model::compiled(py, model, Texts { name, text, files: recorder.0.into_inner(), functions })
}

/// What `pickle` calls.
#[pyfunction]
pub fn rebuild(
    py: Python,
    name: String,
    text: String,
    files: BTreeMap<String, String>,
    functions: Functions,
) -> PyResult<Model> {
    Model::read(py, Texts { name, text, files, functions })
}

impl Model {
    fn read(py: Python, texts: Texts) -> PyResult<Self> {
        let model = py.detach(|| rhapsode::Model::parse_with(&texts.files, &texts.name, &texts.text));
        Model::compiled(py, model, texts)
    }

    fn compiled(py: Python, model: Result<rhapsode::Model, Errors>, texts: Texts) -> PyResult<Self> {
        let mut model = model.map_err(|errors| errors::model(py, &errors))?;
        for (name, function) in &texts.functions {
            let host = host::function(py, name, function.bind(py))?;
            model = model.with_function(name, host).map_err(|error| errors::unknown(py, error.to_string()))?;
        }
        let compiled = py.detach(|| model.compile());
        let compiled = compiled.map_err(|error| errors::input(py, format!("cannot compile the model: {error}")))?;
        Ok(Model { compiled, texts, sensitive: Mutex::default() })
    }

    /// The model with sensitivities, made once.
    pub fn with_sensitivities(&self, py: Python, names: Vec<String>) -> PyResult<Compiled> {
        let known = |map: &HashMap<Vec<String>, Compiled>| map.get(&names).cloned();
        if let Some(compiled) = self.sensitive.lock().ok().and_then(|map| known(&map)) {
            return Ok(compiled);
        }
        let list: Vec<&str> = names.iter().map(String::as_str).collect();
        let model = self.compiled.model().with_sensitivities(&list).map_err(|error| match error {
            rhapsode::SensitivityError::Name(error) => errors::unknown(py, error.to_string()),
            error => errors::input(py, error.to_string()),
        })?;
        let compiled = py.detach(|| model.compile()).map_err(|error| errors::input(py, error.to_string()))?;
        if let Ok(mut map) = self.sensitive.lock() {
            map.insert(names.clone(), compiled.clone());
        }
        Ok(compiled)
    }

    /// Bound parameters and a state, for calls of single functions.
    fn point(&self, py: Python, y: &Bound<PyAny>, values: Option<&Bound<PyDict>>) -> PyResult<(Vec<f64>, Vec<f64>)> {
        let mut request = Request::read(py, None, None, values)?;
        request.span = Some((0.0, 1.0));
        let problem = request.problem(&self.compiled)?;
        let p = problem.parameter_values().map_err(|error| errors::input(py, error.to_string()))?;
        let y = numbers("y", y)?.0;
        let n = self.compiled.system().shape().dim();
        if y.len() != n {
            return Err(errors::input(py, format!("y has {} elements, expected {n}", y.len())));
        }
        Ok((y, self.compiled.bind(&p)))
    }
}

/// Works without holding the interpreter's lock, and gives what was raised meanwhile: by functions of Python that the model calls,
/// or by Ctrl-C where runs ask [`host::interrupted`].
pub fn interruptible<T: Send>(py: Python, work: impl FnOnce() -> T + Send) -> (T, Option<PyErr>) {
    py.detach(|| host::watched(work))
}

/// The result, unless something was raised.
pub fn raised<T>((result, signal): (T, Option<PyErr>)) -> PyResult<T> {
    signal.map_or(Ok(result), Err)
}

/// Runs a problem.
pub fn run(py: Python, problem: Problem<'_>) -> (Result<rhapsode::solve::Solution, SolveError>, Option<PyErr>) {
    interruptible(py, || problem.interrupt(&host::interrupted).solve())
}

/// What a failure is called in `SolveError.kind`.
pub fn kind(failure: &Failure) -> &'static str {
    match &failure.kind {
        ErrorKind::Options(_) => "options",
        ErrorKind::NotFinite(_) | ErrorKind::Derivative(..) => "not_finite",
        ErrorKind::StepTooSmall(_) | ErrorKind::Singular => "step_too_small",
        ErrorKind::TooManySteps(_) => "too_many_steps",
        ErrorKind::TooMuchTime(_) => "too_much_time",
        ErrorKind::Inconsistent { .. } | ErrorKind::InconsistentAfter { .. } => "inconsistent",
        ErrorKind::Ahead(..) | ErrorKind::Unsettled(_) => "delay",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::EventsForEver(_) | ErrorKind::Zeno(_) | ErrorKind::Slides(_) => "events",
        ErrorKind::NotSteady(_) => "not_steady",
        ErrorKind::NoDerivative { .. } | ErrorKind::Overflow => "no_derivative",
        ErrorKind::Memory(..) => "memory",
    }
}

#[pymethods]
impl Model {
    /// Integrates the model from `span[0]` to `span[1]`; without a span as its solve block says.
    ///
    /// Values of parameters and first values are keywords, or items of `params` (`{"W[1,2]": 3}`); an array is set as a whole.
    /// `sensitivities` names parameters and states whose derivatives become columns `d[y]/d[k]`. Options:
    ///
    /// - `method`: one of `rhapsode.methods()`; `auto` chooses.
    /// - `rtol`, `atol`: tolerances, `atol` also one per state.
    /// - `save`: `"steps"`, a number of points from start to end, or an array of times.
    /// - `first_step`, `max_step`; `max_steps`, `max_time` (seconds): a run beyond them raises `SolveError`.
    /// - `dense`: keep the curve between the points, which is else computed when it is first asked for.
    /// - `reduce`: leave out states that conserved sums determine. `over_switches`: do not locate switches of the equations.
    ///   `precision`: `"f64"` or `"f32"`, for ensembles at loose tolerances. `explain`: say in `statistics["reasons"]` what was chosen and why.
    ///
    /// Raises `InputError` or `UnknownNameError` where an argument makes no sense, `SolveError` where the end is not reached.
    ///
    /// >>> import rhapsode
    /// >>> model = rhapsode.compile("model decay\nparam k = 2\ninit x = 1\nx' = -k*x\n")
    /// >>> solution = model.solve((0, 1), k=3, x=2, rtol=1e-8, save=[0.5, 1.0], sensitivities=["k"])
    /// >>> [round(float(solution[name][-1]), 6) for name in solution.names]
    /// [0.099574, -0.099574]
    #[pyo3(signature = (span=None, params=None, sensitivities=None, **options))]
    fn solve(
        slf: &Bound<Self>,
        span: Option<&Bound<PyAny>>,
        params: Option<&Bound<PyAny>>,
        sensitivities: Option<&Bound<PyAny>>,
        options: Option<&Bound<PyDict>>,
    ) -> PyResult<Solution> {
        let py = slf.py();
        let request = Request::read(py, span, params, options)?;
        let own = slf.get();
        let compiled = match optional("sensitivities", sensitivities)? {
            None => own.compiled.clone(),
            Some(names) => own.with_sensitivities(py, names)?,
        };
        Solution::solve(py, slf.clone().unbind(), compiled, request)
    }

    /// The gradient of Σ weights · values of a run: by every parameter, and by every initial value. `weights` has a row per point
    /// kept, and a column per state and output. Arguments are otherwise those of `solve`.
    ///
    /// >>> import rhapsode
    /// >>> model = rhapsode.compile("model decay\nparam k = 2\ninit x = 1\nx' = -k*x\n")
    /// >>> by_parameters, by_states = model.vjp([[1.0]], (0, 1), save=[1.0], rtol=1e-8)
    /// >>> by_parameters.round(6), by_states.round(6)
    /// (array([-0.135335]), array([0.135335]))
    #[pyo3(signature = (weights, span=None, params=None, **options))]
    fn vjp<'py>(
        slf: &Bound<'py, Self>,
        weights: &Bound<'py, PyAny>,
        span: Option<&Bound<'py, PyAny>>,
        params: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<gradients::Pulled<'py>> {
        gradients::pull(slf.py(), slf, weights, Request::read(slf.py(), span, params, options)?)
    }

    /// Values of a run, shape (len(t), states + outputs), and their derivatives by the parameters and initial values `by`,
    /// shape (len(t), states + outputs, len(by)). Arguments are otherwise those of `solve`.
    ///
    /// >>> import rhapsode
    /// >>> model = rhapsode.compile("model decay\nparam k = 2\ninit x = 1\nx' = -k*x\n")
    /// >>> values, derivatives = model.tangents(["k", "x"], (0, 1), save=[1.0], rtol=1e-8)
    /// >>> derivatives.shape, derivatives[0, 0].round(6)
    /// ((1, 1, 2), array([-0.135335,  0.135335]))
    #[pyo3(signature = (by, span=None, params=None, **options))]
    fn tangents<'py>(
        slf: &Bound<'py, Self>,
        by: &Bound<'py, PyAny>,
        span: Option<&Bound<'py, PyAny>>,
        params: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        gradients::tangents(
            slf.py(),
            slf,
            &argument::<Vec<String>>("by", by)?,
            Request::read(slf.py(), span, params, options)?,
        )
    }

    /// An objective of the model as a function of the parameters and initial values `by`; with `data`, the logarithm of the
    /// likelihood of measured values (`name="log_likelihood"`, if the model has objectives too). `data` is a path, or columns by name.
    /// Options are `method`, `rtol`, `atol`, and values of other parameters.
    #[pyo3(signature = (by, name=None, data=None, span=None, **options))]
    fn objective<'py>(
        slf: &Bound<'py, Self>,
        by: &Bound<'py, PyAny>,
        name: Option<&Bound<'py, PyAny>>,
        data: Option<Bound<'py, PyAny>>,
        span: Option<Bound<'py, PyAny>>,
        options: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (by, name): (Vec<String>, Option<String>) = (argument("by", by)?, optional("name", name)?);
        slf.py().import("rhapsode._gradients")?.call_method1("objective", (slf, by, name, data, span, options))
    }

    /// The value of an objective and its derivatives by the parameters and initial values in `params`, at their values there.
    /// Arguments are otherwise those of `objective`.
    ///
    /// >>> import rhapsode
    /// >>> model = rhapsode.compile("model decay\nparam k = 2\ninit x = 1\nx' = -k*x\nobserve seen ~ Normal(x, 0.1)\n")
    /// >>> data = {"t": [0.5, 1.0], "seen": [0.4, 0.1]}
    /// >>> value, gradient = model.value_and_grad("log_likelihood", {"k": 2.0}, data, (0, 1), rtol=1e-8)
    /// >>> round(value, 4), round(gradient["k"], 4)
    /// (2.6533, -0.1126)
    #[pyo3(signature = (objective, params, data=None, span=None, **options))]
    fn value_and_grad<'py>(
        slf: &Bound<'py, Self>,
        objective: Option<&Bound<'py, PyAny>>,
        params: &Bound<'py, PyAny>,
        data: Option<Bound<'py, PyAny>>,
        span: Option<Bound<'py, PyAny>>,
        options: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let objective: Option<String> = optional("objective", objective)?;
        slf.py()
            .import("rhapsode._gradients")?
            .call_method1("value_and_grad", (slf, objective, mapping(params)?, data, span, options))
    }

    /// Runs the model once for every row of `params`, a DataFrame or a dict of arrays, and gives the solutions in that order: on `threads`, several
    /// side by side where the method can, or by an `executor`, anything with `map` as in `concurrent.futures`, a Dask client, or the module `ray`. Options are those of `solve`.
    ///
    /// >>> import rhapsode
    /// >>> model = rhapsode.compile("model decay\nparam k = 2\ninit x = 1\nx' = -k*x\n")
    /// >>> ensemble = model.ensemble({"k": [1.0, 2.0, 3.0]}, (0, 1), save=2, rtol=1e-8)
    /// >>> ensemble["x"][:, -1].round(6)
    /// array([0.367879, 0.135335, 0.049787])
    #[pyo3(signature = (params, span=None, executor=None, threads=None, **options))]
    fn ensemble<'py>(
        slf: &Bound<'py, Self>,
        params: Bound<'py, PyAny>,
        span: Option<Bound<'py, PyAny>>,
        executor: Option<Bound<'py, PyAny>>,
        threads: Option<&Bound<'py, PyAny>>,
        options: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let threads: Option<usize> = optional("threads", threads)?;
        slf.py().import("rhapsode._ensemble")?.call_method1("ensemble", (slf, params, span, executor, threads, options))
    }

    /// The derivatives dy/dt at (t, y).
    ///
    /// >>> import rhapsode
    /// >>> model = rhapsode.compile("model spring\nparam w = 2\ninit x = 1, v = 0\nx' = v\nv' = -w^2*x\n")
    /// >>> model.rhs(0, [1, 3], w=3), model.jacobian(0, [1, 3]).tolist()
    /// (array([ 3., -9.]), [[0.0, 1.0], [-4.0, 0.0]])
    #[pyo3(signature = (t, y, **values))]
    fn rhs<'py>(
        &self,
        py: Python<'py>,
        t: &Bound<PyAny>,
        y: &Bound<PyAny>,
        values: Option<&Bound<PyDict>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let t = argument("t", t)?;
        let (y, p) = self.point(py, y, values)?;
        let system = self.compiled.system();
        let (mut work, mut dy) = (vec![0.0; system.shape().work], vec![0.0; y.len()]);
        raised(host::watched(|| system.rhs(t, &y, &p, &mut work, &mut dy)))?;
        Ok(PyArray1::from_vec(py, dy))
    }

    /// The dense matrix of ∂f/∂y at (t, y).
    #[pyo3(signature = (t, y, **values))]
    fn jacobian<'py>(
        &self,
        py: Python<'py>,
        t: &Bound<PyAny>,
        y: &Bound<PyAny>,
        values: Option<&Bound<PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let t = argument("t", t)?;
        let (y, p) = self.point(py, y, values)?;
        let (system, n) = (self.compiled.system(), y.len());
        let pattern = system.jacobian_pattern();
        let (mut work, mut entries) = (vec![0.0; system.shape().work], vec![0.0; pattern.nnz()]);
        raised(host::watched(|| system.jacobian(t, &y, &p, &mut work, &mut entries)))?;
        let mut dense = vec![0.0; n * n];
        for column in 0..n {
            for place in pattern.columns()[column]..pattern.columns()[column + 1] {
                dense[pattern.rows()[place] * n + column] = entries[place];
            }
        }
        Ok(PyArray1::from_vec(py, dense).reshape([n, n])?.into_any())
    }

    /// A view of the model: "equations", "jacobian", "sparsity", "graph", "reactions", "conserved", "units", "program", "clif",
    /// "asm"; as "text" or "latex".
    ///
    /// >>> import rhapsode
    /// >>> print(rhapsode.compile("model decay\nparam k = 2\ninit x = 1\nx' = -k*x\n").show("jacobian"))
    /// d[x']/d[x] = -k
    #[pyo3(signature = (what=None, format=None), text_signature = "($self, what='equations', format='text')")]
    fn show(&self, py: Python, what: Option<&Bound<PyAny>>, format: Option<&Bound<PyAny>>) -> PyResult<String> {
        let what = optional("what", what)?.unwrap_or_else(|| "equations".to_string());
        let format = optional("format", format)?.unwrap_or_else(|| "text".to_string());
        let what = match what.as_str() {
            "equations" => Show::Equations,
            "jacobian" => Show::Jacobian,
            "sparsity" => Show::Sparsity,
            "graph" => Show::Graph,
            "reactions" => Show::Reactions,
            "conserved" => Show::Conserved,
            "units" => Show::Units,
            "program" => Show::Program,
            "clif" => Show::Clif,
            "asm" => Show::Asm,
            _ => {
                return Err(errors::input(py, format!("there is no view `{what}`; try \"equations\" or \"jacobian\"")));
            }
        };
        let format = match format.as_str() {
            "text" => rhapsode::expr::Format::Text,
            "latex" => rhapsode::expr::Format::Latex,
            _ => return Err(errors::input(py, format!("there is no format `{format}`; try \"text\" or \"latex\""))),
        };
        self.compiled.model().show(what, format).map_err(|sentence| errors::input(py, sentence))
    }

    /// The model as one self-contained web page.
    fn page(&self) -> String {
        self.compiled.model().page()
    }

    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.compiled.model().name()
    }

    /// The text it was compiled from.
    #[getter]
    fn source(&self) -> &str {
        &self.texts.text
    }

    /// The name of the independent variable.
    #[getter]
    fn independent(&self) -> &str {
        self.compiled.model().independent()
    }

    /// Start and end as the solve block says, if it does.
    #[getter]
    fn span(&self) -> Option<(f64, f64)> {
        self.compiled.model().run().span
    }

    /// Names of the states, of arrays element by element.
    #[getter]
    fn states(&self) -> Vec<String> {
        self.compiled.model().states().iter().collect()
    }

    /// Names of the outputs.
    #[getter]
    fn outputs(&self) -> Vec<String> {
        self.compiled.model().outputs().iter().collect()
    }

    /// Parameters with their values; None where one has no default.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut problem = self.compiled.problem();
        let mut missing = Vec::new();
        let values = loop {
            match problem.parameter_values() {
                Ok(values) => break values,
                Err(error) => {
                    problem = problem.set(&error.0, f64::NAN).map_err(|e| errors::unknown(py, e.to_string()))?;
                    missing.push(error.0);
                }
            }
        };
        let dict = PyDict::new(py);
        for (name, value) in self.compiled.model().parameters().iter().zip(values) {
            let value = if missing.contains(&name) { None } else { Some(value) };
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// Seconds from text to callable code.
    #[getter]
    fn compile_seconds(&self) -> f64 {
        self.compiled.compile_seconds()
    }

    /// The doc comment of a name.
    fn doc(&self, name: &Bound<PyAny>) -> PyResult<Option<String>> {
        Ok(self.compiled.model().doc(&argument::<String>("name", name)?).map(str::to_string))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Reduced<'py> {
        let texts = &self.texts;
        let functions = PyDict::new(py);
        texts.functions.iter().try_for_each(|(name, function)| functions.set_item(name, function))?;
        let arguments = (texts.name.as_str(), texts.text.as_str(), texts.files.clone(), functions).into_pyobject(py)?;
        reduced("rebuild", arguments)
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Models cannot change: a copy may be the model itself.
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<PyAny>) -> Py<Self> {
        slf
    }

    fn __repr__(&self) -> String {
        let model = self.compiled.model();
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let (states, parameters) = (model.states().len(), model.parameters().len());
        format!("<rhapsode.Model {}: {}, {}>", model.name(), count(states, "state"), count(parameters, "parameter"))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("rhapsode._display")?.call_method1("model_html", (slf,))
    }

    fn _repr_latex_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("rhapsode._display")?.call_method1("model_latex", (slf,))
    }
}

/// Names of arrays and numbers as one asks for them.
pub fn plain_names(names: &Names) -> impl Iterator<Item = String> + '_ {
    names.blocks().iter().map(|block| rhapsode::name::plain(&block.name))
}
