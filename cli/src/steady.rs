//! `rhapsode steady`: where the equations come to rest, and whether they stay there.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use rhapsode::Steady;
use rhapsode::solve::{Approach, Stability};
use rhapsode::system::Names;
use serde_json::{Map, Value, json};

use crate::engine::{self, Request};
use crate::exit::Stop;
use crate::output::Output;
use crate::write::push_number;
use crate::{interrupt, values};

const EXAMPLES: &str = "\
Examples:
  rhapsode steady enzyme.ode
  rhapsode steady brusselator.ode --set B=3 --method newton     an unstable state, too
  rhapsode steady hires.ode -o rest.json                        with all eigenvalues
  rhapsode steady network.ode --sensitivities k1,k2             and how it moves with parameters
  rhapsode steady building.ode --at 12                          of equations that depend on time: time stopped at 12

With several steady states the answer belongs to the initial values: `--set x=2` starts elsewhere. Events are not
executed; discrete quantities keep the values they have at the start.";

/// Find a steady state and whether it is stable
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The model file; `-` reads standard input
    model: String,

    /// Set a parameter or an initial value, as in `k1=0.05` or `u[3]=1` (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment, allow_hyphen_values = true)]
    set: Vec<(String, f64)>,

    /// How to look for it: Newton's iteration, growing implicit steps, following the solution in time, or by itself the
    /// first of these that leads to a state the solution would stay in
    #[arg(long, value_parser = approaches(), default_value = "auto", ignore_case = true)]
    method: Approach,

    /// Stop time here, in equations that depend on it
    #[arg(long, value_name = "T", value_parser = values::number, allow_hyphen_values = true)]
    at: Option<f64>,

    /// Relative tolerance
    #[arg(long, value_parser = values::positive, allow_hyphen_values = true)]
    rtol: Option<f64>,

    /// Absolute tolerance, for all states
    #[arg(long, value_parser = values::not_negative, allow_hyphen_values = true)]
    atol: Option<f64>,

    /// Add exact derivatives d[x]/d[name] of all states and outputs by these parameters or initial values
    #[arg(long, value_name = "NAME,…", value_parser = values::columns)]
    sensitivities: Vec<values::Columns>,

    /// Write to a file instead of standard output: .csv, or .json with the eigenvalues
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Give up after so much time: seconds, or as in `500ms`, `5min`
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    max_time: Option<Duration>,

    /// No summary
    #[arg(short, long)]
    quiet: bool,
}

fn approaches() -> impl TypedValueParser<Value = Approach> {
    let find = |name: String| Approach::ALL.iter().find(|(known, _)| *known == name.to_ascii_lowercase());
    PossibleValuesParser::new(Approach::ALL.iter().map(|(name, _)| *name))
        .try_map(move |name| find(name).map(|(_, approach)| *approach).ok_or("unknown"))
}

/// The command.
///
/// # Errors
/// Bad input, a failed write, or no steady state.
pub fn steady(args: &Args) -> Result<(), Stop> {
    let by: Vec<String> = args.sensitivities.iter().flat_map(|c| c.0.iter().cloned()).collect();
    let model = engine::with_sensitivities(engine::load(&args.model)?, &by)?;
    let start = model.run().span.map_or(0.0, |span| span.0);
    let request = Request {
        set: args.set.clone(),
        span: Some((args.at.unwrap_or(start), f64::INFINITY)),
        rtol: args.rtol,
        atol: args.atol,
        max_time: args.max_time,
        ..Request::default()
    };
    engine::validate(&model, &request)?;
    let file = match &args.output {
        None => None,
        Some(path) => {
            let format = match path.extension().and_then(|e| e.to_str()) {
                Some("csv") => Format::Csv,
                Some("json") => Format::Json,
                _ => {
                    let path = path.display();
                    return Err(Stop::input(format!("error: --output: expected a .csv or .json file, found `{path}`")));
                }
            };
            Some((format, Output::open("--output", path)?))
        }
    };
    let compiled = engine::compile(&model, rhapsode::Backend::Jit)?;
    let rest = if model.checked().delays.is_empty() { Ok(compiled.clone()) } else { compiled.at_rest() };
    let rest = rest.map_err(|error| Stop::input(format!("error: {error}")))?;
    let system = rest.system();
    let switches = system.events().is_some_and(|events| !events.stops.is_empty());
    if args.at.is_none() && (system.shape().time_dependent || switches) {
        let t = model.independent();
        return Err(Stop::input(format!(
            "error: the equations depend on {t}, so nothing rests for ever\nhelp: `--at 0` stops {t} at 0"
        )));
    }
    let found = engine::steady(&compiled, &request, args.method, interrupt::flag())?;
    match file {
        Some((Format::Csv, file)) => file.write_bytes(&csv(&found))?,
        Some((Format::Json, file)) => {
            file.write_bytes(format!("{:#}\n", object(model.name(), &found)).as_bytes())?;
        }
        None => {
            let mut out = std::io::stdout().lock();
            let written = out.write_all(&csv(&found)).and_then(|()| out.flush());
            match written.map_err(|error| Stop::writing("standard output", &error)) {
                Err(Stop::Pipe) | Ok(()) => {}
                Err(stop) => return Err(stop),
            }
        }
    }
    if !args.quiet {
        let _ = writeln!(std::io::stderr(), "{}: {}", model.name(), summary(&found));
        if system.events().is_some_and(|events| !events.groups.is_empty()) {
            let _ = writeln!(std::io::stderr(), "events were left out; discrete quantities are as at the start");
        }
    }
    Ok(())
}

enum Format {
    Csv,
    Json,
}

/// States, then outputs, a line each.
fn csv(found: &Steady) -> Vec<u8> {
    let mut out = b"name,value\n".to_vec();
    for (names, list) in [(found.state_names(), found.states()), (found.output_names(), found.outputs())] {
        for (name, value) in all(names).zip(list) {
            // Names with subscripts have commas.
            let quoted = if name.contains(',') { format!("\"{name}\"") } else { name };
            out.extend_from_slice(quoted.as_bytes());
            out.push(b',');
            push_number(&mut out, *value);
            out.push(b'\n');
        }
    }
    out
}

/// Everything that is known of it.
fn object(model: &str, found: &Steady) -> Value {
    let map = |names: &Names, list: &[f64]| -> Map<String, Value> {
        all(names).zip(list).map(|(name, value)| (name, json!(value))).collect()
    };
    let s = found.statistics();
    json!({
        "model": model,
        "found_by": found.found_by(),
        "stability": match found.stability() {
            Stability::Stable => "stable",
            Stability::Unstable(_) => "unstable",
            Stability::Marginal(_) => "marginal",
            Stability::Unknown => "unknown",
        },
        "states": map(found.state_names(), found.states()),
        "derivatives": map(found.state_names(), found.derivatives()),
        "outputs": map(found.output_names(), found.outputs()),
        "eigenvalues": found.eigenvalues().map(|list| list.iter().map(|(re, im)| json!([re, im])).collect::<Vec<_>>()),
        "iterations": found.iterations(),
        "rhs": s.rhs,
        "jacobians": s.jacobians,
        "factorizations": s.factorizations,
        "seconds": s.solve_seconds,
    })
}

/// `stable, the slowest of 3 eigenvalues is -0.0123; found by newton in 5 iterations`
fn summary(found: &Steady) -> String {
    let first = found.eigenvalues().and_then(|list| list.first().copied());
    let count = found.eigenvalues().map_or(0, <[_]>::len);
    let written = |(re, im): (f64, f64)| match im {
        0.0 => format!("{re:.4e}"),
        im => format!("{re:.4e} ± {:.4e} i", im.abs()),
    };
    let farthest = first.map_or(String::new(), |value| match count {
        1 => format!(", the eigenvalue is {}", written(value)),
        n => format!(", of {n} eigenvalues the farthest to the right is {}", written(value)),
    });
    let stability = match found.stability() {
        Stability::Stable => format!("stable{farthest}"),
        Stability::Unstable(1) => format!("unstable along one direction{farthest}"),
        Stability::Unstable(n) => format!("unstable along {n} directions{farthest}"),
        Stability::Marginal(n) => {
            let list = found.eigenvalues().unwrap_or_default();
            let rest = list.get(n).map_or(String::new(), |v| format!("; the next is {}", written(*v)));
            let verb = if n == 1 { "has" } else { "have" };
            format!("stable but for {n} of {count} eigenvalues, which {verb} a real part of 0 within rounding{rest}")
        }
        Stability::Unknown => {
            "stability not known (too many states for eigenvalues, or equations that have none)".to_string()
        }
    };
    let count = found.iterations();
    let plural = if count == 1 { "" } else { "s" };
    let only = match found.stability() {
        Stability::Unstable(_) if found.last_resort() => "; no stable one was found from these initial values",
        _ => "",
    };
    format!("{stability}; found by {} in {count} iteration{plural}{only}", found.found_by())
}

/// The names of all elements, in order.
fn all(names: &Names) -> impl Iterator<Item = String> + '_ {
    (0..names.len()).map(|place| names.get(place))
}
