//! Models.

use std::ffi::{CString, c_char};

use rhapsode::system::Names;
use rhapsode::{Compiled, FileLoader, Model};

use crate::border::{give, give_text, guard, text, value};
use crate::status::{self, Fault, fault, rhapsode_status};
use crate::table::{Message, Table};

/// A compiled model. It cannot change.
pub struct rhapsode_model;

/// What a handle stands for: nothing compiled where the text had errors.
pub(crate) struct Entry {
    compiled: Option<Compiled>,
    message: Message,
    name: CString,
}

pub(crate) static MODELS: Table<Entry> = Table::new("model");

/// The compiled model of a handle.
pub(crate) fn compiled(model: *const rhapsode_model) -> Result<Compiled, Fault> {
    MODELS
        .get(model)?
        .compiled
        .clone()
        .ok_or_else(|| fault(status::RHAPSODE_BAD_MODEL, "`model` has errors: see rhapsode_model_message"))
}

/// The version of this interface, to be compared with RHAPSODE_ABI_VERSION of the header: it changes when a signature does.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_abi_version() -> u32 {
    RHAPSODE_ABI_VERSION
}

/// Whether this library is the one that a host's header is for: pass RHAPSODE_ABI_VERSION.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_check_version(version: u32) -> rhapsode_status {
    guard(|| match version {
        RHAPSODE_ABI_VERSION => Ok(()),
        version => {
            let sentence = format!("`version` of the header is {version}, that of the library {RHAPSODE_ABI_VERSION}");
            Err(fault(status::RHAPSODE_WRONG_VERSION, sentence))
        }
    })
}

/// The version of this interface.
pub const RHAPSODE_ABI_VERSION: u32 = 1;

/// Compiles a model from its text; `name` stands in its messages (NULL: "model"). The text uses no files.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_parse(
    name: *const c_char,
    source: *const c_char,
    out: *mut *mut rhapsode_model,
) -> rhapsode_status {
    guard(|| {
        give("out", out, std::ptr::null_mut())?;
        let name = if name.is_null() { "model" } else { text("name", name)? };
        let source = text("source", source)?;
        made(Model::parse_named(name, source).map_err(|errors| errors.render(false)), out)
    })
}

/// Compiles a model from a file, and the files that it uses.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_load(path: *const c_char, out: *mut *mut rhapsode_model) -> rhapsode_status {
    guard(|| {
        give("out", out, std::ptr::null_mut())?;
        made(Model::load(text("path", path)?).map_err(|errors| errors.render(false)), out)
    })
}

/// Compiles a model from its text, and the files that it uses; these are found from the folder of `path`, which itself is not
/// read.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_parse_beside(
    path: *const c_char,
    source: *const c_char,
    out: *mut *mut rhapsode_model,
) -> rhapsode_status {
    guard(|| {
        give("out", out, std::ptr::null_mut())?;
        let model = Model::parse_with(&FileLoader, text("path", path)?, text("source", source)?);
        made(model.map_err(|errors| errors.render(false)), out)
    })
}

pub(crate) fn made(model: Result<Model, String>, out: *mut *mut rhapsode_model) -> Result<(), Fault> {
    let compiled = model.and_then(|model| model.compile().map_err(|error| error.to_string()));
    let message = Message::default();
    let (compiled, status) = match compiled {
        Ok(compiled) => (Some(compiled), Ok(())),
        Err(text) => {
            message.set(text.trim_end());
            (None, Err(fault(status::RHAPSODE_BAD_MODEL, text.trim_end())))
        }
    };
    let name = compiled.as_ref().map_or("", |compiled| compiled.model().name());
    let name = CString::new(name).unwrap_or_default();
    give("out", out, MODELS.insert(Entry { compiled, message, name }))?;
    status
}

/// Frees a model; NULL and what was freed are left alone. Problems, workspaces and solutions of it stay as they are.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_free(model: *mut rhapsode_model) {
    value((), || {
        MODELS.remove(model);
        Some(())
    });
}

/// The errors of a model's text; empty if there are none, NULL if this is no model.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_message(model: *const rhapsode_model) -> *const c_char {
    value(std::ptr::null(), || Some(MODELS.get(model).ok()?.message.pointer()))
}

/// What the text calls the model; NULL if this is no model.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_name(model: *const rhapsode_model) -> *const c_char {
    value(std::ptr::null(), || Some(MODELS.get(model).ok()?.name.as_ptr()))
}

/// The number of states, elements of arrays each counted; 0 if this is no model.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_states(model: *const rhapsode_model) -> usize {
    value(0, || Some(compiled(model).ok()?.model().states().len()))
}

/// The number of parameters.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_parameters(model: *const rhapsode_model) -> usize {
    value(0, || Some(compiled(model).ok()?.model().parameters().len()))
}

/// The number of outputs.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_outputs(model: *const rhapsode_model) -> usize {
    value(0, || Some(compiled(model).ok()?.model().outputs().len()))
}

/// Writes the name of state k, with its 0, into a buffer of `capacity` bytes; `needed` (may be NULL) receives the bytes it takes.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_state_name(
    model: *const rhapsode_model,
    k: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> rhapsode_status {
    guard(|| name(&compiled(model)?.model().states(), k, buffer, capacity, needed))
}

/// The same for parameter k.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_parameter_name(
    model: *const rhapsode_model,
    k: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> rhapsode_status {
    guard(|| name(&compiled(model)?.model().parameters(), k, buffer, capacity, needed))
}

/// The same for output k.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_output_name(
    model: *const rhapsode_model,
    k: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> rhapsode_status {
    guard(|| name(&compiled(model)?.model().outputs(), k, buffer, capacity, needed))
}

fn name(names: &Names, k: usize, buffer: *mut c_char, capacity: usize, needed: *mut usize) -> Result<(), Fault> {
    if k >= names.len() {
        return Err(fault(status::RHAPSODE_WRONG_SIZE, format!("`k` is {k}, and there are {}", names.len())));
    }
    give_text(&names.get(k), buffer, capacity, needed)
}

/// The place of a state of that name (`A`, `u[3,4]`).
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_find_state(
    model: *const rhapsode_model,
    name: *const c_char,
    out: *mut usize,
) -> rhapsode_status {
    guard(|| {
        let name = text("name", name)?;
        let place = compiled(model)?.model().states().find(name);
        let unknown = || fault(status::RHAPSODE_UNKNOWN_NAME, format!("no state is called `{name}`"));
        give("out", out, place.ok_or_else(unknown)?)
    })
}
