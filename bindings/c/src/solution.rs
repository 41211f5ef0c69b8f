//! Solutions.

use std::ffi::{CString, c_char};

use rhapsode::solve::Solution;

use crate::border::{array_mut, give, guard, text, value};
use crate::status::{self, fault, rhapsode_status};
use crate::table::Table;

/// The result of a run. It cannot change.
pub struct rhapsode_solution;

pub(crate) struct Entry {
    solution: Solution,
    events: Vec<(f64, CString)>,
    method: CString,
}

pub(crate) static SOLUTIONS: Table<Entry> = Table::new("solution");

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
        let name = text("name", name)?;
        let unknown = |_| fault(status::RHAPSODE_UNKNOWN_NAME, format!("no state or output is called `{name}`"));
        let column = entry.solution.column(name).map_err(unknown)?;
        give("out", out, column.as_ptr())
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
        let dense = entry.solution.dense().ok_or_else(|| {
            fault(status::RHAPSODE_BAD_VALUE, "the run of `solution` was not asked for rhapsode_problem_dense")
        })?;
        let states = entry.solution.state_names().len();
        if n != states {
            return Err(fault(status::RHAPSODE_WRONG_SIZE, format!("`n` is {n}, and there are {states} states")));
        }
        if t.is_nan() {
            return Err(fault(status::RHAPSODE_BAD_VALUE, "`t` is NaN"));
        }
        dense.state(t, array_mut("y", y, n)?);
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
        let (when, what) = entry.events.get(k).ok_or_else(|| {
            let sentence = format!("`k` is {k}, and there were {} events", entry.events.len());
            fault(status::RHAPSODE_WRONG_SIZE, sentence)
        })?;
        if !time.is_null() {
            give("time", time, *when)?;
        }
        if !name.is_null() {
            give("name", name, what.as_ptr())?;
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
        let count = match text("what", what)? {
            "steps" => s.steps,
            "rejected" => s.rejected,
            "rhs" => s.rhs,
            "jacobians" => s.jacobians,
            "factorizations" => s.factorizations,
            "solves" => s.solves,
            "events" => s.events,
            other => {
                let sentence = format!("`what` is `{other}`, which is not counted");
                return Err(fault(status::RHAPSODE_UNKNOWN_NAME, sentence));
            }
        };
        give("out", out, count)
    })
}
