//! `rhapsode gradient`: the value of an objective and its derivatives, as JSON.

use std::path::PathBuf;

use rhapsode::solve::Method;
use rhapsode::{Objective, Way};
use serde_json::{Map, Value, json};

use crate::engine::{self, Asked, Found, Request};
use crate::exit::Stop;
use crate::output::Output;
use crate::{print, values};

const EXAMPLES: &str = "\
Examples:
  rhapsode gradient tank.ode --wrt k,x0                        of `objective cost = …` in the model
  rhapsode gradient lambda_cdm.ode supernovae.csv --wrt Om,H0  of the likelihood that `observe …` says
  rhapsode gradient tank.ode --wrt k --set k=2 --rtol 1e-10    elsewhere, more exactly
  rhapsode gradient tank.ode --wrt k,x0 --hessian              and the second derivatives
  rhapsode gradient tank.ode --objective cost --wrt k -o g.json

The data have a column named like the independent variable, and one for each name in `observe` that is none of the model's.
With data the objective is the logarithm of their likelihood.";

/// Compute the value of an objective, or of a likelihood, and its gradient
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The model file; `-` reads standard input
    model: String,

    /// The file of measured values: comma-separated, with headings
    data: Option<String>,

    /// The parameters and initial values to differentiate by; an array's name stands for all of its elements
    #[arg(long, value_name = "NAME,…", value_parser = values::columns, required = true)]
    wrt: Vec<values::Columns>,

    /// Which objective, if the model has several; that of observations is `log_likelihood`
    #[arg(long, value_name = "NAME")]
    objective: Option<String>,

    /// Set a parameter or an initial value, as in `k1=0.05` or `u[3]=1` (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment, allow_hyphen_values = true)]
    set: Vec<(String, f64)>,

    /// Start and end of the independent variable, as in `0..100`
    #[arg(long, value_name = "A..B", value_parser = values::span, allow_hyphen_values = true)]
    span: Option<(f64, f64)>,

    /// The integrator
    #[arg(long, value_parser = crate::settings::method_parser(), ignore_case = true)]
    method: Option<Method>,

    /// Relative tolerance
    #[arg(long, value_parser = values::positive, allow_hyphen_values = true)]
    rtol: Option<f64>,

    /// Absolute tolerance, for all states
    #[arg(long, value_parser = values::not_negative, allow_hyphen_values = true)]
    atol: Option<f64>,

    /// Carry the derivatives along with the run, whatever their number
    #[arg(long, conflicts_with = "adjoint")]
    forward: bool,

    /// Go back through the run, at a cost that does not depend on the number of derivatives: through the steps that were
    /// taken, or by the adjoint equation along the solution
    #[arg(long, value_name = "WAY", value_enum, num_args = 0..=1, default_missing_value = "discrete")]
    adjoint: Option<Back>,

    /// Add the matrix of second derivatives: for small problems, as it takes a run for each name
    #[arg(long)]
    hessian: bool,

    /// Add how far the value is from the exact one, estimated from the errors of all steps
    #[arg(long)]
    error_estimate: bool,

    /// Say on standard error which way was chosen, and why
    #[arg(long)]
    explain: bool,

    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE.json")]
    output: Option<PathBuf>,
}

/// `--adjoint`.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Back {
    /// The derivative of the numbers the run returns
    Discrete,
    /// That of the exact solution, to the tolerances
    Continuous,
}

/// The command.
///
/// # Errors
/// Bad input, a failed run, or a failed write.
pub fn gradient(args: &Args) -> Result<(), Stop> {
    let model = engine::load(&args.model)?;
    let request = Request {
        set: args.set.clone(),
        span: args.span,
        method: args.method,
        rtol: args.rtol,
        atol: args.atol,
        ..Request::default()
    };
    engine::validate(&model, &request)?;
    let file = args.output.as_ref().map(|path| Output::open("--output", path)).transpose()?;
    let asked = Asked {
        objective: args.objective.as_deref(),
        data: args.data.as_deref(),
        by: args.wrt.iter().flat_map(|names| names.0.iter().map(String::as_str)).collect(),
    };
    let mut objective = engine::objective(&model, &request, &asked)?;
    if args.forward {
        objective = objective.way(Way::Forward);
    } else if let Some(back) = args.adjoint {
        objective = objective.way(match back {
            Back::Discrete => Way::Adjoint,
            Back::Continuous => Way::Continuous,
        });
    } else if args.error_estimate {
        // The estimate is of a run whose steps are remembered.
        objective = objective.way(Way::Adjoint);
    }
    let found = engine::gradient(&objective, args.error_estimate)?;
    if args.explain {
        eprintln!("{}", engine::explain(&objective)?);
    }
    let hessian = if args.hessian { Some(engine::hessian(&objective, &found.at)?) } else { None };
    let text = format!("{:#}\n", object(model.name(), &objective, &found, hessian.as_deref()));
    match file {
        Some(file) => file.write_bytes(text.as_bytes())?,
        None => print(&text)?,
    }
    found.gradient.map(|_| ())
}

fn object(model: &str, objective: &Objective, found: &Found, hessian: Option<&[f64]>) -> Value {
    let map = |list: &[f64]| -> Map<String, Value> {
        objective.by().iter().zip(list).map(|(name, value)| (name.clone(), json!(value))).collect()
    };
    let mut object = json!({
        "model": model,
        "objective": objective.name(),
        "at": map(&found.at),
        "value": found.value,
        "gradient": found.gradient.as_ref().ok().map(|gradient| map(gradient)),
    });
    if let (Some(hessian), Some(object)) = (hessian, object.as_object_mut()) {
        let rows = hessian.chunks_exact(objective.by().len()).map(|row| Value::Object(map(row)));
        object.insert("hessian".to_string(), objective.by().iter().cloned().zip(rows).collect());
    }
    if let (Some(error), Some(object)) = (found.error, object.as_object_mut()) {
        object.insert("error_estimate".to_string(), json!(error));
    }
    object
}
