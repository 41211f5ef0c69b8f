//! Flags that `run` and `sweep` share: what is changed from the model's solve block.

use std::time::Duration;

use clap::ArgGroup;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use rhapsode::solve::{Method, Precision};

use crate::engine::{Points, Request};
use crate::values;

/// Settings of runs.
#[derive(clap::Args)]
#[command(group = ArgGroup::new("points"))]
pub struct Settings {
    /// Set a parameter or an initial value, as in `k1=0.05` or `u[3]=1` (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment, allow_hyphen_values = true)]
    set: Vec<(String, f64)>,

    /// Start and end of the independent variable
    #[arg(long, value_name = "FROM..TO", value_parser = values::span, allow_hyphen_values = true)]
    span: Option<(f64, f64)>,

    /// The integrator (upper or lower case)
    #[arg(long, value_parser = method_parser(), ignore_case = true)]
    method: Option<Method>,

    /// Relative tolerance
    #[arg(long, value_parser = values::positive, allow_hyphen_values = true)]
    rtol: Option<f64>,

    /// Absolute tolerance, for all states
    #[arg(long, value_parser = values::not_negative, allow_hyphen_values = true)]
    atol: Option<f64>,

    /// The numbers of the steps: f64, or f32 for ensembles at loose tolerances (explicit Runge–Kutta and Rosenbrock methods)
    #[arg(long, value_parser = precision_parser())]
    precision: Option<Precision>,

    /// Keep N evenly spaced points
    #[arg(long, value_name = "N", value_parser = values::count, group = "points")]
    save: Option<usize>,

    /// Keep exactly these points, as in `0,0.5,10`
    #[arg(long, value_name = "T,…", value_delimiter = ',', value_parser = values::number, group = "points",
          allow_hyphen_values = true)]
    save_at: Option<Vec<f64>>,

    /// Keep a point every DT
    #[arg(long, value_name = "DT", value_parser = values::positive, group = "points")]
    save_every: Option<f64>,

    /// Let steps run over the switches of the equations (`if`, `max`, `floor`, …) instead of ending there
    #[arg(long)]
    over_switches: bool,

    /// Give a run up after so many steps
    #[arg(long, value_name = "N", value_parser = values::steps)]
    max_steps: Option<u64>,

    /// Give a run up after so much time: seconds, or as in `500ms`, `5min`
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    max_time: Option<Duration>,
}

impl Settings {
    /// What they ask for.
    pub fn request(&self) -> Request {
        let points = match (self.save, &self.save_at, self.save_every) {
            (Some(n), ..) => Some(Points::Count(n)),
            (_, Some(times), _) => {
                let mut times = times.clone();
                times.sort_by(f64::total_cmp);
                times.dedup();
                Some(Points::At(times))
            }
            (.., Some(dt)) => Some(Points::Every(dt)),
            _ => None,
        };
        Request {
            set: self.set.clone(),
            span: self.span,
            method: self.method,
            rtol: self.rtol,
            atol: self.atol,
            precision: self.precision,
            points,
            over_switches: self.over_switches,
            explain: false,
            error_estimate: false,
            control_sensitivities: false,
            max_steps: self.max_steps,
            max_time: self.max_time,
        }
    }
}

/// The names of methods.
pub fn method_parser() -> impl TypedValueParser<Value = Method> {
    PossibleValuesParser::new(Method::ALL.iter().map(|m| m.name())).try_map(|name| Method::find(&name).ok_or("unknown"))
}

fn precision_parser() -> impl TypedValueParser<Value = Precision> {
    PossibleValuesParser::new(["f64", "f32"]).try_map(|name| Precision::find(&name).ok_or("unknown"))
}
