//! The compiled functions themselves, for hosts with solvers of their own.

use std::sync::{Mutex, TryLockError};

use rhapsode::Compiled;

use crate::border::{array, array_mut, give, guard, value};
use crate::model::{compiled, rhapsode_model};
use crate::status::{self, Fault, fault, rhapsode_status};
use crate::table::Table;

/// A model's functions with values for its parameters, and memory to evaluate them in: for one thread at a time.
pub struct rhapsode_workspace;

pub(crate) struct Entry {
    compiled: Compiled,
    /// Bound parameters and scratch.
    memory: Mutex<(Vec<f64>, Vec<f64>)>,
}

static WORKSPACES: Table<Entry> = Table::new("workspace");

/// Functions of a model with these values of all its parameters, in their order; with len = 0 those the model gives them.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_workspace_new(
    model: *const rhapsode_model,
    parameters: *const f64,
    len: usize,
    out: *mut *mut rhapsode_workspace,
) -> rhapsode_status {
    guard(|| {
        give("out", out, std::ptr::null_mut())?;
        let compiled = compiled(model)?;
        let count = compiled.model().parameters().len();
        let p = match len {
            0 => compiled
                .problem()
                .parameter_values()
                .map_err(|error| fault(status::RHAPSODE_BAD_VALUE, error.to_string()))?,
            len if len == count => array("parameters", parameters, len)?.to_vec(),
            len => {
                let sentence = format!("`parameters` has {len} numbers, and there are {count} parameters");
                return Err(fault(status::RHAPSODE_WRONG_SIZE, sentence));
            }
        };
        if p.iter().any(|value| value.is_nan()) {
            return Err(fault(status::RHAPSODE_BAD_VALUE, "one of the `parameters` is NaN"));
        }
        let work = vec![0.0; compiled.system().shape().work];
        let memory = Mutex::new((compiled.bind(&p), work));
        give("out", out, WORKSPACES.insert(Entry { compiled, memory }))
    })
}

/// Frees a workspace; NULL and what was freed are left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_workspace_free(workspace: *mut rhapsode_workspace) {
    value((), || {
        WORKSPACES.remove(workspace);
        Some(())
    });
}

/// Whether a length is what it must be.
fn sized(name: &str, found: usize, wanted: usize) -> Result<(), Fault> {
    match found == wanted {
        true => Ok(()),
        false => Err(fault(status::RHAPSODE_WRONG_SIZE, format!("`{name}` is {found}, and must be {wanted}"))),
    }
}

/// Place k of an array; NULL stays NULL.
fn offset(array: *mut usize, k: usize) -> *mut usize {
    if array.is_null() { array } else { array.wrapping_add(k) }
}

/// A function of (t, y) with `len` results.
fn evaluate(
    workspace: *mut rhapsode_workspace,
    (y, n): (*const f64, usize),
    (out, len): (*mut f64, usize),
    wanted: impl Fn(&Compiled) -> usize,
    function: impl Fn(&Compiled, &[f64], &[f64], &mut [f64], &mut [f64]),
) -> rhapsode_status {
    guard(|| {
        let entry = WORKSPACES.get(workspace)?;
        let mut memory = match entry.memory.try_lock() {
            Ok(memory) => memory,
            Err(TryLockError::Poisoned(memory)) => memory.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(fault(status::RHAPSODE_BUSY, "`workspace` is in use by another thread"));
            }
        };
        sized("n", n, entry.compiled.system().shape().dim())?;
        sized("entries", len, wanted(&entry.compiled))?;
        let (p, work) = &mut *memory;
        function(&entry.compiled, array("y", y, n)?, p, work, array_mut("out", out, len)?);
        Ok(())
    })
}

/// dy = f(t, y), both of n numbers.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_workspace_rhs(
    workspace: *mut rhapsode_workspace,
    t: f64,
    y: *const f64,
    n: usize,
    dy: *mut f64,
) -> rhapsode_status {
    evaluate(workspace, (y, n), (dy, n), |_| n, |compiled, y, p, work, dy| compiled.system().rhs(t, y, p, work, dy))
}

/// The number of entries of the derivatives of f by y that may differ from zero; 0 if this is no workspace.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_workspace_entries(workspace: *const rhapsode_workspace) -> usize {
    value(0, || Some(WORKSPACES.get(workspace).ok()?.compiled.jacobian_pattern().nnz()))
}

/// Where those entries stand, by columns: `columns` receives n + 1 places, `rows` one row per entry.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_workspace_pattern(
    workspace: *const rhapsode_workspace,
    columns: *mut usize,
    n: usize,
    rows: *mut usize,
    entries: usize,
) -> rhapsode_status {
    guard(|| {
        let entry = WORKSPACES.get(workspace)?;
        let pattern = entry.compiled.jacobian_pattern();
        sized("n", n, pattern.ncols())?;
        sized("entries", entries, pattern.nnz())?;
        for (k, place) in pattern.columns().iter().enumerate() {
            give("columns", offset(columns, k), *place)?;
        }
        for (k, row) in pattern.rows().iter().enumerate() {
            give("rows", offset(rows, k), *row)?;
        }
        Ok(())
    })
}

/// The entries themselves, in that order, at (t, y).
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_workspace_jacobian(
    workspace: *mut rhapsode_workspace,
    t: f64,
    y: *const f64,
    n: usize,
    values: *mut f64,
    entries: usize,
) -> rhapsode_status {
    let wanted = |compiled: &Compiled| compiled.jacobian_pattern().nnz();
    evaluate(workspace, (y, n), (values, entries), wanted, |compiled, y, p, work, out| {
        compiled.system().jacobian(t, y, p, work, out);
    })
}
