//! The compiled functions themselves, for hosts with solvers of their own.

use std::sync::{Mutex, TryLockError};

use rhapsode::Compiled;

use crate::border::{array, array_mut, give, guard, value};
use crate::model::{compiled, rhapsode_model};
use crate::status::{self, rhapsode_status};
use crate::table::Table;

/// A model's functions with values for its parameters, and memory to evaluate them in: for one thread at a time.
pub struct rhapsode_workspace;

pub(crate) struct Entry {
    compiled: Compiled,
    /// Bound parameters and scratch.
    memory: Mutex<(Vec<f64>, Vec<f64>)>,
}

static WORKSPACES: Table<Entry> = Table::new();

/// Functions of a model with these values of all its parameters, in their order; with len = 0 those the model gives them.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_workspace_new(
    model: *const rhapsode_model,
    parameters: *const f64,
    len: usize,
    out: *mut *mut rhapsode_workspace,
) -> rhapsode_status {
    guard(|| {
        give(out, std::ptr::null_mut())?;
        let compiled = compiled(model)?;
        let count = compiled.model().parameters().len();
        let p = match len {
            0 => compiled.problem().parameter_values().map_err(|_| status::RHAPSODE_BAD_VALUE)?,
            len if len == count => array(parameters, len)?.to_vec(),
            _ => return Err(status::RHAPSODE_WRONG_SIZE),
        };
        let work = vec![0.0; compiled.system().shape().work];
        let memory = Mutex::new((compiled.bind(&p), work));
        give(out, WORKSPACES.insert(Entry { compiled, memory }))
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
            Err(TryLockError::WouldBlock) => return Err(status::RHAPSODE_BUSY),
        };
        if n != entry.compiled.system().shape().dim() || len != wanted(&entry.compiled) {
            return Err(status::RHAPSODE_WRONG_SIZE);
        }
        let (p, work) = &mut *memory;
        function(&entry.compiled, array(y, n)?, p, work, array_mut(out, len)?);
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
        if n + 1 != pattern.columns().len() || entries != pattern.nnz() {
            return Err(status::RHAPSODE_WRONG_SIZE);
        }
        if columns.is_null() || (rows.is_null() && entries > 0) {
            return Err(status::RHAPSODE_NULL_POINTER);
        }
        for (k, place) in pattern.columns().iter().enumerate() {
            give(columns.wrapping_add(k), *place)?;
        }
        for (k, row) in pattern.rows().iter().enumerate() {
            give(rows.wrapping_add(k), *row)?;
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
