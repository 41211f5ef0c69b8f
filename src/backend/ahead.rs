//! What is compiled ahead of time: a model's kernels, the whole step of a method, and the function that drives them.

use crate::curve::Curve;
use crate::kernel::control::{Function, Tables};
use crate::kernel::drive::{Constraints, Defaults, Drive, Table, lookup};
use crate::kernel::program::{Kernel, Op, Program, Stmt};
use crate::kernel::step::{
    Parts, explicit_dense, explicit_interpolant, explicit_step, operations, rosenbrock_dense, rosenbrock_prepare,
    rosenbrock_step, settle,
};
use crate::kernel::{Lowered, lower_elimination};
use crate::linalg::Elimination;
use crate::math::Function as Elementary;
use crate::system::{ExplicitFormula, RosenbrockFormula};
use std::sync::Arc;

/// A step of more operations is refused: its code would be megabytes.
const LARGEST: usize = 400_000;

/// A one-step method as data.
#[derive(Clone, Copy, Debug)]
pub struct Method<'a> {
    /// Its step.
    pub formula: Formula<'a>,
    /// Order of the error estimate.
    pub error_order: u32,
    /// β of the step-size controller.
    pub beta: f64,
    /// Degree in t of its interpolant.
    pub degree: usize,
}

/// Its step.
#[derive(Clone, Copy, Debug)]
pub enum Formula<'a> {
    /// An explicit one with an interpolant in rows.
    Explicit(ExplicitFormula<'a>),
    /// A Rosenbrock one and the rows of its interpolant.
    Rosenbrock(RosenbrockFormula<'a>, &'a [&'a [f64]]),
}

/// A model made ready for an object file or a text in C.
#[derive(Clone, Debug)]
pub struct Ahead {
    /// All kernels.
    pub program: Program,
    /// Functions with control flow; the last is the integration.
    pub functions: Vec<Function>,
    /// The numbers they read.
    pub tables: Tables,
    /// The curves that kernels read: the derivative of this order is the function of the same place.
    pub curves: Vec<(Arc<Curve>, u8)>,
    /// Sizes.
    pub drive: Drive,
    /// Row and column of each value of the kernel `jacobian`; those that meet add up.
    pub jacobian: Vec<(usize, usize)>,
}

/// Kernels that hosts may call.
pub const OFFERED: [&str; 6] = ["bind", "discretes", "init", "rhs", "jacobian", "outputs"];
/// Kernels that only the integration calls.
const INNER: [&str; 5] = ["surfaces", "resets", "schedule", "constraints", "constraint_jacobian"];

impl Ahead {
    /// From the lowered form of a model without delays and modes.
    ///
    /// # Errors
    /// A sentence that says what stands in the way.
    pub fn new(lowered: &Lowered, method: &Method, defaults: Defaults) -> Result<Ahead, String> {
        let find = |name| lowered.program.kernel(name);
        let rhs = find("rhs").ok_or("the model has no right-hand side")?;
        let (n, target) = (rhs.lengths.out, lowered.target);
        let (pattern, places) = lowered.jacobian.pattern();
        let pattern = pattern.with_algebraic(&lowered.algebraic);
        let large = || {
            format!(
                "its {n} equations are too large for a step as one function; try DOP853, or a host that compiles when it runs"
            )
        };
        let implicit = !lowered.algebraic.is_empty();
        let mut settling = Vec::new();
        let (step, prepare, dense, last) = match method.formula {
            Formula::Explicit(formula) if implicit => {
                return Err(format!("{} cannot solve algebraic equations; Rodas5P can", formula.name));
            }
            Formula::Explicit(formula) => {
                if operations(rhs).saturating_mul(formula.a.len()) > LARGEST {
                    return Err(large());
                }
                let step = explicit_step(rhs, &formula, target).ok_or_else(large)?;
                let prepare = explicit_interpolant(rhs, &formula, target).ok_or_else(large)?;
                (step, prepare, explicit_dense(n), Some((formula.stages - 1) * n))
            }
            Formula::Rosenbrock(formula, rows) => {
                let jacobian = find("jacobian").ok_or("the model has no Jacobian")?;
                let plan = Elimination::plan(&pattern, LARGEST, true).ok_or_else(large)?;
                let elimination = lower_elimination(&plan, &pattern, target);
                let parts = Parts {
                    rhs,
                    jacobian,
                    time_derivative: find("time_derivative"),
                    pattern: &pattern,
                    places: places.as_deref(),
                    elimination: &elimination,
                };
                if operations(rhs).saturating_mul(formula.c.len()).saturating_add(operations(jacobian)) > LARGEST {
                    return Err(large());
                }
                let step = rosenbrock_step(&parts, &formula, target).ok_or_else(large)?;
                if implicit {
                    settling.extend(settle(&parts).ok_or_else(large)?);
                }
                let dense = rosenbrock_dense(n, rows.len());
                (step, rosenbrock_prepare(n, rows), dense, None)
            }
        };
        let prepare = Kernel { name: "prepare", ..prepare };
        let stages = step.lengths.w.max(prepare.lengths.w);
        let rows = prepare.lengths.out;
        let mut kernels: Vec<Kernel> = OFFERED.iter().chain(&INNER).filter_map(|name| find(name)).cloned().collect();
        let work = kernels.iter().map(|kernel| kernel.lengths.w).max().unwrap_or(0).max(dense.lengths.w);
        let settle = settling.first().map(|kernel| kernel.lengths.w);
        kernels.extend(settling.into_iter().chain([step, prepare, dense]));
        let program = Program { kernels };
        supported(&program)?;
        let (mut tables, curves) = (Tables::new(), curves(&program));
        let mut functions: Vec<Function> = Vec::new();
        for (number, (curve, order)) in curves.iter().enumerate() {
            functions.push(lookup(curve, *order, number, &mut tables));
        }
        let mut events = lowered.events.events();
        if defaults.over_switches {
            events.stops.clear();
        }
        let events = match events.groups.is_empty() && events.stops.is_empty() {
            true => None,
            false => Some(Table::new(events, method.degree, lowered.parameters, &mut tables)?),
        };
        let constraints = find("constraints").map(|_| {
            let ((pattern, places), values) = (lowered.constraints.pattern(), lowered.constraints.values);
            Constraints::new(&pattern, places.as_deref(), values, &mut tables)
        });
        let drive = Drive {
            n,
            parameters: lowered.parameters,
            discretes: lowered.discretes,
            bound: lowered.bound,
            outputs: find("outputs").map_or(0, |kernel| kernel.lengths.out),
            stages,
            last,
            dense: rows,
            work,
            order: method.error_order,
            beta: method.beta,
            settle,
            constraints,
            events,
            defaults,
        };
        functions.extend(drive.functions());
        let place = |k| places.as_ref().map_or(k, |places| places[k]);
        let jacobian = (0..lowered.jacobian.values).map(|k| pattern.entry(place(k))).collect();
        Ok(Ahead { program, functions, tables, curves, drive, jacobian })
    }
}

/// The derivatives of curves that a program reads, each once.
fn curves(program: &Program) -> Vec<(Arc<Curve>, u8)> {
    fn search(body: &[Stmt], found: &mut Vec<(Arc<Curve>, u8)>) {
        for statement in body {
            match statement {
                Stmt::Let { op: Op::Curve(curve, order, _), .. } if place(found, curve, *order).is_none() => {
                    found.push((curve.clone(), *order));
                }
                Stmt::Loop { body, .. } => search(body, found),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    program.kernels.iter().flat_map(|kernel| &kernel.pieces).for_each(|piece| search(&piece.body, &mut found));
    found
}

/// The place of a curve's derivative in a list.
pub(super) fn place(list: &[(Arc<Curve>, u8)], curve: &Arc<Curve>, order: u8) -> Option<usize> {
    list.iter().position(|(own, of)| Arc::ptr_eq(own, curve) && *of == order)
}

/// The name of an elementary function in the C library; `None` if it has none.
pub(super) fn library_name(function: Elementary) -> Option<&'static str> {
    Some(match function {
        Elementary::Gamma => "tgamma",
        Elementary::Digamma | Elementary::Trigamma => return None,
        other => other.name(),
    })
}

/// Whether everything can stand alone.
fn supported(program: &Program) -> Result<(), String> {
    fn check(body: &[Stmt]) -> Result<(), String> {
        body.iter().try_for_each(|statement| match statement {
            Stmt::Let { op: Op::Foreign(foreign, ..), .. } => Err(format!(
                "it calls `{}`, a function of the host, which only hosts that compile when they run can bind; write it as `fn`",
                foreign.name
            )),
            Stmt::Let { op: Op::Call1(function, _) | Op::Call2(function, ..), .. } => match library_name(*function) {
                Some(_) => Ok(()),
                None => Err(format!("the C library has no function {}", function.name())),
            },
            Stmt::Loop { body, .. } => check(body),
            _ => Ok(()),
        })
    }
    program.kernels.iter().flat_map(|kernel| &kernel.pieces).try_for_each(|piece| check(&piece.body))
}
