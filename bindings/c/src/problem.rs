//! Runs: what is changed from a model's own settings, and how to integrate.

use std::ffi::c_char;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use rhapsode::model::Grid;
use rhapsode::solve::{ErrorKind, Method, Save};
use rhapsode::{Compiled, Problem, SolveError};

use crate::border::{array, give, guard, text, value};
use crate::model::{compiled, rhapsode_model};
use crate::solution::{SOLUTIONS, rhapsode_solution};
use crate::status::{self, Fault, fault, rhapsode_status};
use crate::table::{Message, Table};

/// A run to be: a model, what is changed from its own settings, and how to integrate.
pub struct rhapsode_problem;

/// One call of a setter.
type Change = Box<dyn for<'a> Fn(Problem<'a>) -> Problem<'a> + Send>;

pub(crate) struct Entry {
    compiled: Compiled,
    changes: Mutex<Vec<Change>>,
    message: Message,
    cancel: AtomicBool,
}

static PROBLEMS: Table<Entry> = Table::new("problem");

impl Entry {
    fn changes(&self) -> Result<MutexGuard<'_, Vec<Change>>, Fault> {
        match self.changes.try_lock() {
            Ok(changes) => Ok(changes),
            Err(TryLockError::Poisoned(changes)) => Ok(changes.into_inner()),
            Err(TryLockError::WouldBlock) => Err(fault(status::RHAPSODE_BUSY, "`problem` is in use by another thread")),
        }
    }

    fn problem(&self, changes: &[Change]) -> Problem<'_> {
        changes.iter().fold(self.compiled.problem(), |problem, change| change(problem))
    }

    fn refuse(&self, status: rhapsode_status, message: impl Into<String>) -> Result<(), Fault> {
        let message = message.into();
        self.message.set(message.clone());
        Err(fault(status, message))
    }
}

/// A change of what is asked for.
fn change(
    problem: *mut rhapsode_problem,
    change: impl for<'a> Fn(Problem<'a>) -> Problem<'a> + Send + 'static,
) -> Result<(), Fault> {
    let entry = PROBLEMS.get(problem)?;
    entry.changes()?.push(Box::new(change));
    Ok(())
}

/// The same, if a number is what it must be.
fn change_if(
    problem: *mut rhapsode_problem,
    (good, name, found): (bool, &str, f64),
    made: impl for<'a> Fn(Problem<'a>) -> Problem<'a> + Send + 'static,
) -> Result<(), Fault> {
    if !good {
        return PROBLEMS.get(problem)?.refuse(status::RHAPSODE_BAD_VALUE, format!("{name} must not be {found:?}"));
    }
    change(problem, made)
}

/// A run of a model, with the settings of its solve block.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_new(
    model: *const rhapsode_model,
    out: *mut *mut rhapsode_problem,
) -> rhapsode_status {
    guard(|| {
        give("out", out, std::ptr::null_mut())?;
        let entry = Entry {
            compiled: compiled(model)?,
            changes: Mutex::default(),
            message: Message::default(),
            cancel: AtomicBool::new(false),
        };
        give("out", out, PROBLEMS.insert(entry))
    })
}

/// Frees a problem; NULL and what was freed are left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_free(problem: *mut rhapsode_problem) {
    value((), || {
        PROBLEMS.remove(problem);
        Some(())
    });
}

/// Why the last call with this problem failed; NULL if this is no problem.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_message(problem: *const rhapsode_problem) -> *const c_char {
    value(std::ptr::null(), || Some(PROBLEMS.get(problem).ok()?.message.pointer()))
}

/// Sets a parameter, or the first value of a state: `k1`, `W[1,2]`, `A`.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_set(
    problem: *mut rhapsode_problem,
    name: *const c_char,
    number: f64,
) -> rhapsode_status {
    guard(|| {
        let entry = PROBLEMS.get(problem)?;
        let name = text("name", name)?.to_string();
        if number.is_nan() {
            return entry.refuse(status::RHAPSODE_BAD_VALUE, format!("`{name}` is NaN"));
        }
        if let Err(error) = entry.compiled.problem().set(&name, number) {
            return entry.refuse(status::RHAPSODE_UNKNOWN_NAME, error.to_string());
        }
        // What does not fit was refused above.
        change(problem, move |run| run.clone().set(&name, number).unwrap_or(run))
    })
}

/// Sets all elements of an array of parameters or states, row by row.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_set_array(
    problem: *mut rhapsode_problem,
    name: *const c_char,
    values: *const f64,
    len: usize,
) -> rhapsode_status {
    guard(|| {
        let entry = PROBLEMS.get(problem)?;
        let (name, values) = (text("name", name)?.to_string(), array("values", values, len)?.to_vec());
        if values.iter().any(|value| value.is_nan()) {
            return entry.refuse(status::RHAPSODE_BAD_VALUE, format!("an element of `{name}` is NaN"));
        }
        if let Err(error) = entry.compiled.problem().set_array(&name, &values) {
            let known = error.contains("elements");
            let status = if known { status::RHAPSODE_WRONG_SIZE } else { status::RHAPSODE_UNKNOWN_NAME };
            return entry.refuse(status, error);
        }
        change(problem, move |run| run.clone().set_array(&name, &values).unwrap_or(run))
    })
}

/// Sets the first values of all states, in their order.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_initial(
    problem: *mut rhapsode_problem,
    values: *const f64,
    len: usize,
) -> rhapsode_status {
    guard(|| {
        let entry = PROBLEMS.get(problem)?;
        let values = array("values", values, len)?.to_vec();
        if let Err(error) = entry.compiled.problem().initial(&values) {
            return entry.refuse(status::RHAPSODE_WRONG_SIZE, error);
        }
        if values.iter().any(|value| value.is_nan()) {
            return entry.refuse(status::RHAPSODE_BAD_VALUE, "one of the initial `values` is NaN");
        }
        change(problem, move |run| run.clone().initial(&values).unwrap_or(run))
    })
}

/// From where to where to integrate; the end may lie before the start.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_span(problem: *mut rhapsode_problem, t0: f64, t1: f64) -> rhapsode_status {
    guard(|| change_if(problem, (!t0.is_nan() && !t1.is_nan(), "the span", t0 + t1), move |run| run.span(t0..t1)))
}

/// Relative and absolute tolerance.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_tolerances(problem: *mut rhapsode_problem, rtol: f64, atol: f64) -> rhapsode_status {
    guard(|| {
        change_if(problem, (rtol > 0.0, "rtol", rtol), move |run| run.rtol(rtol))?;
        change_if(problem, (atol >= 0.0, "atol", atol), move |run| run.atol(atol))
    })
}

/// Absolute tolerances, one per state.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_atol(
    problem: *mut rhapsode_problem,
    atol: *const f64,
    len: usize,
) -> rhapsode_status {
    guard(|| {
        let entry = PROBLEMS.get(problem)?;
        let atol = array("atol", atol, len)?.to_vec();
        let n = entry.compiled.model().states().len();
        if len != n {
            return entry.refuse(status::RHAPSODE_WRONG_SIZE, format!("expected {n} absolute tolerances, found {len}"));
        }
        if !atol.iter().all(|value| *value >= 0.0) {
            return entry.refuse(status::RHAPSODE_BAD_VALUE, "one of the tolerances `atol` is NaN or negative");
        }
        change(problem, move |run| run.atol_per_state(atol.clone()))
    })
}

/// The method, by name ("auto", "Tsit5", "Rodas5P", "BDF", …).
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_method(problem: *mut rhapsode_problem, name: *const c_char) -> rhapsode_status {
    guard(|| {
        let name = text("name", name)?;
        match Method::find(name) {
            Some(method) => change(problem, move |run| run.method(method)),
            None => {
                let known: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
                let sentence = format!("there is no method `{name}`; known methods: {}", known.join(", "));
                PROBLEMS.get(problem)?.refuse(status::RHAPSODE_UNKNOWN_NAME, sentence)
            }
        }
    })
}

/// Keeps the solution at these times, in the direction of integration.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_save_at(
    problem: *mut rhapsode_problem,
    times: *const f64,
    len: usize,
) -> rhapsode_status {
    guard(|| {
        let times = array("times", times, len)?.to_vec();
        if times.iter().any(|time| time.is_nan()) {
            return PROBLEMS.get(problem)?.refuse(status::RHAPSODE_BAD_VALUE, "one of the `times` is NaN");
        }
        change(problem, move |run| run.save(Save::At(times.clone())))
    })
}

/// Keeps so many points, evenly spaced; 0: every step.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_save_count(problem: *mut rhapsode_problem, count: u64) -> rhapsode_status {
    guard(|| {
        change(problem, move |run| match count {
            0 => run.save(Save::Steps),
            count => run.grid(Grid::Count(count)),
        })
    })
}

/// The first step to try, and an upper bound of steps; 0 leaves one open.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_steps(problem: *mut rhapsode_problem, first: f64, most: f64) -> rhapsode_status {
    guard(|| {
        change_if(problem, (first >= 0.0, "the first step", first), move |run| {
            if first > 0.0 { run.first_step(first) } else { run }
        })?;
        change_if(
            problem,
            (most >= 0.0, "the longest step", most),
            move |run| {
                if most > 0.0 { run.max_step(most) } else { run }
            },
        )
    })
}

/// Gives up after so many steps or so many seconds; 0 leaves one open.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_limits(problem: *mut rhapsode_problem, steps: u64, seconds: f64) -> rhapsode_status {
    guard(|| {
        if steps > 0 {
            change(problem, move |run| run.max_steps(steps))?;
        }
        let time = Duration::try_from_secs_f64(seconds);
        change_if(problem, (time.is_ok(), "the seconds", seconds), move |run| match time {
            Ok(time) if seconds > 0.0 => run.max_time(time),
            _ => run,
        })
    })
}

/// Keeps the solution between the points too, for rhapsode_solution_at.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_dense(problem: *mut rhapsode_problem) -> rhapsode_status {
    guard(|| change(problem, |run| run.dense()))
}

/// Ends a run in progress as soon as its step is done, from any thread; before a run it does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_cancel(problem: *const rhapsode_problem) -> rhapsode_status {
    guard(|| {
        PROBLEMS.get(problem)?.cancel.store(true, Ordering::Relaxed);
        Ok(())
    })
}

/// Runs it. Where the run fails or is cancelled `out` receives the solution so far.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_problem_solve(
    problem: *mut rhapsode_problem,
    out: *mut *mut rhapsode_solution,
) -> rhapsode_status {
    guard(|| {
        give("out", out, std::ptr::null_mut())?;
        let entry = PROBLEMS.get(problem)?;
        let changes = entry.changes()?;
        entry.cancel.store(false, Ordering::Relaxed);
        entry.message.set("");
        let run = entry.problem(&changes);
        if let Some(name) = run.unknown_method() {
            return entry
                .refuse(status::RHAPSODE_BAD_VALUE, format!("the solve block names an unknown method `{name}`"));
        }
        match run.cancel(&entry.cancel).solve() {
            Ok(solution) => give("out", out, SOLUTIONS.insert(solution.into())),
            Err(error) => {
                let message = error.to_string();
                let SolveError::Failed(failure) = error else {
                    return entry.refuse(status::RHAPSODE_BAD_VALUE, message);
                };
                let status = match failure.kind {
                    ErrorKind::Options(_) => return entry.refuse(status::RHAPSODE_BAD_VALUE, message),
                    ErrorKind::Interrupted => status::RHAPSODE_CANCELLED,
                    _ => status::RHAPSODE_FAILED,
                };
                give("out", out, SOLUTIONS.insert((*failure.partial).into()))?;
                entry.refuse(status, message)
            }
        }
    })
}
