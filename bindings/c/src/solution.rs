//! Solutions.

use std::ffi::{CString, c_char};

use rhapsode::solve::Solution;

use crate::border::{array_mut, give, guard, text, value};
use crate::status::{self, rhapsode_status};
use crate::table::Table;

/// The result of a run. It cannot change.
pub struct rhapsode_solution;

pub(crate) struct Entry {
    solution: Solution,
    events: Vec<(f64, CString)>,
    method: CString,
}

pub(crate) static SOLUTIONS: Table<Entry> = Table::new();

impl From<Solution> for Entry {
    fn from(solution: Solution) -> Self {
        let events = solution.events().map(|(time, name)| (time, CString::new(name).unwrap_or_default())).collect();
        let method = CString::new(solution.statistics.method.as_str()).unwrap_or_default();
        Entry { solution, events, method }
    }
}

/// Frees a solution; NULL and what was freed are left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_free(solution: *mut rhapsode_solution) {
    value((), || {
        SOLUTIONS.remove(solution);
        Some(())
    });
}

/// The number of points kept; 0 if this is no solution.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_len(solution: *const rhapsode_solution) -> usize {
    value(0, || Some(SOLUTIONS.get(solution).ok()?.solution.len()))
}

/// The times of the points; NULL if this is no solution.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_times(solution: *const rhapsode_solution) -> *const f64 {
    value(std::ptr::null(), || Some(SOLUTIONS.get(solution).ok()?.solution.times().as_ptr()))
}

/// State k at the points; NULL if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_state(solution: *const rhapsode_solution, k: usize) -> *const f64 {
    value(std::ptr::null(), || {
        let entry = SOLUTIONS.get(solution).ok()?;
        (k < entry.solution.state_names().len()).then(|| entry.solution.state(k).as_ptr())
    })
}

/// Output k at the points; NULL if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_output(solution: *const rhapsode_solution, k: usize) -> *const f64 {
    value(std::ptr::null(), || {
        let entry = SOLUTIONS.get(solution).ok()?;
        (k < entry.solution.output_names().len()).then(|| entry.solution.output(k).as_ptr())
    })
}

/// The state or output of that name at the points.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_column(
    solution: *const rhapsode_solution,
    name: *const c_char,
    out: *mut *const f64,
) -> rhapsode_status {
    guard(|| {
        let entry = SOLUTIONS.get(solution)?;
        let column = entry.solution.column(text(name)?).map_err(|_| status::RHAPSODE_UNKNOWN_NAME)?;
        give(out, column.as_ptr())
    })
}

/// The n states at a time, of a run that keeps them between the points (rhapsode_problem_dense).
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_at(
    solution: *const rhapsode_solution,
    t: f64,
    y: *mut f64,
    n: usize,
) -> rhapsode_status {
    guard(|| {
        let entry = SOLUTIONS.get(solution)?;
        let dense = entry.solution.dense().ok_or(status::RHAPSODE_BAD_VALUE)?;
        if n != entry.solution.state_names().len() {
            return Err(status::RHAPSODE_WRONG_SIZE);
        }
        dense.state(t, array_mut(y, n)?);
        Ok(())
    })
}

/// The number of events that happened; 0 if this is no solution.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_events(solution: *const rhapsode_solution) -> usize {
    value(0, || Some(SOLUTIONS.get(solution).ok()?.events.len()))
}

/// When event k happened, and what it is called; both may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_event(
    solution: *const rhapsode_solution,
    k: usize,
    time: *mut f64,
    name: *mut *const c_char,
) -> rhapsode_status {
    guard(|| {
        let entry = SOLUTIONS.get(solution)?;
        let (when, what) = entry.events.get(k).ok_or(status::RHAPSODE_WRONG_SIZE)?;
        if !time.is_null() {
            give(time, *when)?;
        }
        if !name.is_null() {
            give(name, what.as_ptr())?;
        }
        Ok(())
    })
}

/// The method used; NULL if this is no solution.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_method(solution: *const rhapsode_solution) -> *const c_char {
    value(std::ptr::null(), || Some(SOLUTIONS.get(solution).ok()?.method.as_ptr()))
}

/// A count of the run: "steps", "rejected", "rhs", "jacobians", "factorizations", "solves", "events".
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_solution_count(
    solution: *const rhapsode_solution,
    what: *const c_char,
    out: *mut u64,
) -> rhapsode_status {
    guard(|| {
        let entry = SOLUTIONS.get(solution)?;
        let s = &entry.solution.statistics;
        let count = match text(what)? {
            "steps" => s.steps,
            "rejected" => s.rejected,
            "rhs" => s.rhs,
            "jacobians" => s.jacobians,
            "factorizations" => s.factorizations,
            "solves" => s.solves,
            "events" => s.events,
            _ => return Err(status::RHAPSODE_UNKNOWN_NAME),
        };
        give(out, count)
    })
}
