//! Curves of a model as functions that XLA calls by address, without the interpreter: `rhapsode.jax` registers them.
//!
//! The structures are those of XLA's foreign function interface (xla/ffi/api/c_api.h, major version 0), as far as they are read.
//! The only unsafe file of the package.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rhapsode::{Compiled, Problem};

use crate::errors::Refusal;
use crate::host;
use crate::model::Model;
use crate::request::Request;

/// What a number in a compiled computation stands for.
struct Curves {
    compiled: Compiled,
    request: Request,
    names: Vec<String>,
    /// Of each name, whether it is an initial value, and its place in the gradient.
    places: Vec<(bool, usize)>,
}

/// By number; no number is used again.
static CURVES: RwLock<BTreeMap<usize, Arc<Curves>>> = RwLock::new(BTreeMap::new());
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Keeps the curves of a model at given times as a function of the parameters and initial values `by`, and gives their number.
/// `places` are those of [`Model::vjp`].
#[pyfunction]
#[pyo3(signature = (model, by, places, span, params, options))]
pub fn keep_curves(
    py: Python,
    model: &Model,
    by: Vec<String>,
    places: Vec<(bool, usize)>,
    span: Option<&Bound<PyAny>>,
    params: &Bound<PyDict>,
    options: &Bound<PyDict>,
) -> PyResult<usize> {
    let request = Request::read(py, span, Some(params.as_any()), Some(options))?;
    request.problem(&model.compiled)?;
    let of = model.compiled.model();
    let there = |(initial, place): &(bool, usize)| *place < if *initial { of.states() } else { of.parameters() }.len();
    if by.len() != places.len() || !places.iter().all(there) {
        return Err(Refusal::Input("places must be those of by in the model".to_string()).into());
    }
    let curves = Curves { compiled: model.compiled.clone(), request, names: by, places };
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    CURVES.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::new(curves));
    Ok(number)
}

/// Forgets the curves of that number.
#[pyfunction]
pub fn drop_curves(number: usize) {
    CURVES.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
}

/// The addresses of what XLA calls: values, and the transpose.
#[pyfunction]
pub fn xla_handlers() -> (usize, usize) {
    (values as *const () as usize, pull as *const () as usize)
}

impl Curves {
    fn problem(&self, p: &[f64]) -> Result<Problem<'_>, String> {
        if let Some(k) = p.iter().position(|value| value.is_nan()) {
            return Err(format!("{} is NaN", self.names[k]));
        }
        let mut problem =
            self.request.problem(&self.compiled).map_err(Refusal::sentence)?.interrupt(&host::interrupted);
        for (name, value) in self.names.iter().zip(p) {
            problem = problem.set(name, *value).map_err(|error| error.to_string())?;
        }
        Ok(problem)
    }

    /// States and outputs, a row per time.
    fn values(&self, p: &[f64], out: &mut [f64]) -> Result<(), String> {
        let solution = self.problem(p)?.solve().map_err(|error| error.to_string())?;
        let (n, m, len) = (solution.state_names().len(), solution.output_names().len(), solution.len());
        if out.len() != len * (n + m) {
            return Err(format!("the run ended early, with {len} points"));
        }
        let columns = (0..n).map(|k| solution.state(k)).chain((0..m).map(|k| solution.output(k)));
        for (k, column) in columns.enumerate() {
            out.iter_mut().skip(k).step_by(n + m).zip(column).for_each(|(out, value)| *out = *value);
        }
        Ok(())
    }

    /// The gradient of Σ weights · values.
    fn pull(&self, p: &[f64], weights: &[f64], out: &mut [f64]) -> Result<(), String> {
        let recorded = self.problem(p)?.record().map_err(|error| error.to_string())?;
        let gradient = recorded.pull(weights).map_err(|error| error.to_string())?;
        for (out, (initial, place)) in out.iter_mut().zip(&self.places) {
            *out = if *initial { gradient.initial[*place] } else { gradient.parameters[*place] };
        }
        Ok(())
    }
}

#[repr(C)]
struct Extension {
    struct_size: usize,
    kind: c_int,
    next: *mut Extension,
}

#[repr(C)]
struct Version {
    struct_size: usize,
    extension: *mut Extension,
    major: c_int,
    minor: c_int,
}

#[repr(C)]
struct Metadata {
    struct_size: usize,
    version: Version,
    traits: u32,
}

#[repr(C)]
struct MetadataExtension {
    base: Extension,
    metadata: *mut Metadata,
}

#[repr(C)]
struct ErrorCreate {
    struct_size: usize,
    extension: *mut Extension,
    message: *const c_char,
    code: c_int,
}

#[repr(C)]
struct Api {
    struct_size: usize,
    extension: *mut Extension,
    version: Version,
    internal: *const c_void,
    create_error: Option<unsafe extern "C" fn(*mut ErrorCreate) -> *mut c_void>,
}

#[repr(C)]
struct Buffer {
    struct_size: usize,
    extension: *mut Extension,
    dtype: c_int,
    data: *mut c_void,
    rank: i64,
    dims: *mut i64,
}

/// Arguments or results.
#[repr(C)]
struct Buffers {
    struct_size: usize,
    extension: *mut Extension,
    size: i64,
    types: *mut c_int,
    list: *mut *mut Buffer,
}

#[repr(C)]
struct Scalar {
    dtype: c_int,
    value: *const i64,
}

#[repr(C)]
struct Attributes {
    struct_size: usize,
    extension: *mut Extension,
    size: i64,
    types: *mut c_int,
    names: *mut *mut c_void,
    list: *mut *mut Scalar,
}

#[repr(C)]
pub struct CallFrame {
    struct_size: usize,
    extension: *mut Extension,
    api: *const Api,
    context: *mut c_void,
    stage: c_int,
    arguments: Buffers,
    results: Buffers,
    attributes: Attributes,
}

const METADATA: c_int = 1;
const EXECUTE: c_int = 3;
const S64: c_int = 5;
const F64: c_int = 12;
const BUFFER: c_int = 1;
const SCALAR: c_int = 3;
const INVALID_ARGUMENT: c_int = 3;
/// The interface as it first was: what is read here has not changed since.
const MINOR: c_int = 1;

/// XLA's handler of values.
extern "C" fn values(frame: *mut CallFrame) -> *mut c_void {
    handle(frame, |curves, arguments, out| match arguments {
        [p] => curves.values(p, out),
        _ => Err("expected one argument".to_string()),
    })
}

/// XLA's handler of the transpose.
extern "C" fn pull(frame: *mut CallFrame) -> *mut c_void {
    handle(frame, |curves, arguments, out| match arguments {
        [p, weights] => curves.pull(p, weights, out),
        _ => Err("expected two arguments".to_string()),
    })
}

fn handle(frame: *mut CallFrame, work: impl Fn(&Curves, &[&[f64]], &mut [f64]) -> Result<(), String>) -> *mut c_void {
    // SAFETY: XLA calls with a frame that is valid until this returns.
    let Some(frame) = (unsafe { frame.as_ref() }) else { return std::ptr::null_mut() };
    // SAFETY: as above; XLA asks for metadata when the handler is registered, with a structure to be filled in.
    if let Some(extension) = unsafe { frame.extension.as_ref() }
        && extension.kind == METADATA
    {
        // SAFETY: an extension of that kind is the start of a `MetadataExtension`.
        if let Some(metadata) = unsafe { (*frame.extension.cast::<MetadataExtension>()).metadata.as_mut() } {
            (metadata.version.major, metadata.version.minor, metadata.traits) = (0, MINOR, 0);
        }
        return std::ptr::null_mut();
    }
    if frame.stage != EXECUTE {
        return std::ptr::null_mut();
    }
    let worked = catch_unwind(AssertUnwindSafe(|| {
        let kept = CURVES.read().unwrap_or_else(PoisonError::into_inner);
        let curves = number(&frame.attributes).and_then(|k| kept.get(&k).cloned());
        drop(kept);
        let curves = curves.ok_or("the function that made these curves is gone, or of another process")?;
        let arguments = slices(&frame.arguments).ok_or("expected arrays of 64-bit numbers")?;
        let [p, ..] = arguments[..] else { return Err("expected an argument".to_string()) };
        if p.len() != curves.names.len() {
            return Err(format!("expected {} parameters, found {}", curves.names.len(), p.len()));
        }
        let out = result(&frame.results).ok_or("expected an array of 64-bit numbers for the result")?;
        // SAFETY: as for arguments; results are written by this call alone and overlap nothing.
        let out = unsafe { &mut *out };
        match host::watched(|| work(&curves, &arguments, out)) {
            (_, Some(raised)) => Err(raised.to_string()),
            (result, None) => result,
        }
    }));
    match worked {
        Ok(Ok(())) => std::ptr::null_mut(),
        Ok(Err(sentence)) => refuse(frame, &sentence),
        Err(_) => refuse(frame, "a fault of rhapsode itself"),
    }
}

/// The only attribute.
fn number(attributes: &Attributes) -> Option<usize> {
    if attributes.size != 1 {
        return None;
    }
    // SAFETY: there is one attribute, and XLA says of what kind.
    let scalar = unsafe { (*attributes.types == SCALAR).then(|| &**attributes.list) }?;
    // SAFETY: as above.
    (scalar.dtype == S64).then(|| unsafe { *scalar.value })?.try_into().ok()
}

fn buffers(list: &Buffers) -> Option<Vec<&Buffer>> {
    let one = |k: usize| {
        // SAFETY: there are `size` types and pointers to buffers that live as long as the frame.
        let (kind, buffer) = unsafe { (*list.types.add(k), &**list.list.add(k)) };
        (kind == BUFFER && buffer.dtype == F64).then_some(buffer)
    };
    (0..list.size as usize).map(one).collect()
}

fn len(buffer: &Buffer) -> usize {
    // SAFETY: a buffer has `rank` extents.
    (0..buffer.rank as usize).map(|k| unsafe { *buffer.dims.add(k) } as usize).product()
}

fn slices(list: &Buffers) -> Option<Vec<&[f64]>> {
    // SAFETY: XLA's buffers hold as many numbers as their extents say, and are aligned; an empty one may be nowhere.
    let slice = |buffer: &Buffer| unsafe {
        if len(buffer) == 0 { &[] } else { std::slice::from_raw_parts(buffer.data.cast::<f64>(), len(buffer)) }
    };
    Some(buffers(list)?.into_iter().map(slice).collect())
}

/// The first of them, to be written to.
fn result(list: &Buffers) -> Option<*mut [f64]> {
    let buffers = buffers(list)?;
    let buffer = buffers.first()?;
    let length = len(buffer);
    let data = if length == 0 { std::ptr::NonNull::dangling().as_ptr() } else { buffer.data.cast::<f64>() };
    Some(std::ptr::slice_from_raw_parts_mut(data, length))
}

fn refuse(frame: &CallFrame, sentence: &str) -> *mut c_void {
    let message = CString::new(sentence.replace('\0', " ")).unwrap_or_default();
    let mut error = ErrorCreate {
        struct_size: std::mem::size_of::<ErrorCreate>(),
        extension: std::ptr::null_mut(),
        message: message.as_ptr(),
        code: INVALID_ARGUMENT,
    };
    // SAFETY: a frame has the functions of the interface; the message is copied.
    unsafe { frame.api.as_ref().and_then(|api| api.create_error).map_or(std::ptr::null_mut(), |make| make(&mut error)) }
}
