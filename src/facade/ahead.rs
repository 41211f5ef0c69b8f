//! Compiling ahead of time: object files and C for hosts without this library.

use super::bind::{Fixed, parameter_values};
use super::{MissingParameter, Model};
use crate::backend::ahead::{Ahead, Formula, Method as Data};
use crate::backend::c;
use crate::backend::header::{Interface, identifier};
use crate::backend::native::{ObjectTarget, object};
use crate::kernel::drive::Defaults;
use crate::kernel::{Form, Target64, lower_as};
use crate::solve::Method;
use crate::solve::methods::{dop853, rodas4, rodas5p, rosenbrock23};
use crate::system::Names;
use crate::system::constants::MAX_STEPS;
use rustc_hash::FxHashMap;

/// What an object file is made for.
#[derive(Clone, Debug, Default)]
pub struct AheadOptions {
    /// DOP853, Rosenbrock23, Rodas4 or Rodas5P; that of the solve block, else Rodas5P, if nothing is said.
    pub method: Option<Method>,
    /// A target triple; this machine's kind if nothing is said.
    pub target: Option<String>,
    /// Use all instructions of this machine.
    pub native: bool,
    /// What functions are called after; the model's name if nothing is said.
    pub name: Option<String>,
}

impl AheadOptions {
    /// The methods there are ahead of time: those whose step and interpolant are data.
    pub const METHODS: [Method; 4] = [Method::Rodas5P, Method::Rodas4, Method::Rosenbrock23, Method::Dop853];
}

/// A model compiled ahead of time.
pub struct AheadOfTime {
    ahead: Ahead,
    interface: Interface,
    target: ObjectTarget,
}

/// Why a model cannot be compiled ahead of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AheadError {
    /// A parameter has no value.
    Missing(MissingParameter),
    /// What stands in the way, and what would work.
    Refused(String),
}

impl std::fmt::Display for AheadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AheadError::Missing(missing) => missing.fmt(f),
            AheadError::Refused(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for AheadError {}

impl Model {
    /// Compiles the model and a whole integration of it for a host without this library.
    ///
    /// # Errors
    /// What the model has that such code cannot do, an unknown target, a method that is not one step as data.
    pub fn ahead_of_time(&self, options: &AheadOptions) -> Result<AheadOfTime, AheadError> {
        let refused = |reason: String| AheadError::Refused(reason);
        let model = &self.checked;
        let has = |has: bool, what: &str| match has {
            true => Err(refused(format!("the model has {what}, which code made ahead of time cannot do"))),
            false => Ok(()),
        };
        has(!model.delays.is_empty(), "delays")?;
        has(model.lead_in.is_some(), "doses before the start")?;
        let written = || model.run.method.as_ref().and_then(|(name, _)| Method::find(name));
        let method = options.method.or_else(written).unwrap_or(Method::Auto);
        let data = data(method).ok_or_else(|| {
            refused(format!(
                "{} is not made ahead of time; Rodas5P, Rodas4, Rosenbrock23 and DOP853 are",
                method.name()
            ))
        })?;
        let target = ObjectTarget::new(options.target.as_deref(), options.native).map_err(refused)?;
        let lowered = lower_as(model, &self.derivatives, Target64 { fma: target.fma() }, Form::Straight);
        let run = &model.run;
        let defaults = Defaults {
            rtol: run.rtol.unwrap_or(1e-6),
            atol: run.atol.unwrap_or(1e-9),
            max_steps: run.max_steps.unwrap_or(MAX_STEPS) as f64,
            over_switches: run.over_switches,
        };
        let ahead = Ahead::new(&lowered, &data, defaults).map_err(refused)?;
        let values = parameter_values(model, &Fixed::of(model), &FxHashMap::default()).map_err(AheadError::Missing)?;
        let listed = |names: &Names| -> Vec<String> { (0..names.len()).map(|k| names.get(k)).collect() };
        let name = options.name.as_deref().unwrap_or(&model.name);
        let kind = if options.native { "this machine" } else { "every machine of its kind" };
        let triple = options.target.clone().unwrap_or_else(|| target_lexicon::Triple::host().to_string());
        let interface = Interface {
            name: identifier(name),
            remarks: vec![
                format!("The model `{}`, made by rhapsode {}.", model.name, env!("CARGO_PKG_VERSION")),
                format!("Method {}; code for {triple}, {kind}.", formula_name(&data)),
            ],
            states: listed(&self.states()),
            parameters: listed(&self.parameters()).into_iter().zip(values).collect(),
            outputs: listed(&self.outputs()),
            span: run.span,
        };
        Ok(AheadOfTime { ahead, interface, target })
    }
}

impl AheadOfTime {
    /// The object file.
    ///
    /// # Errors
    /// What the code generator says.
    pub fn object(&self) -> Result<Vec<u8>, String> {
        object(&self.ahead, &self.interface.name, &self.target)
    }

    /// The header for C and C++.
    pub fn header(&self) -> String {
        self.interface.header(&self.ahead)
    }

    /// The same functions as text in C99.
    pub fn c(&self) -> String {
        c::text(&self.ahead, &self.interface.name)
    }

    /// Numbers of memory a run needs.
    pub fn memory(&self) -> usize {
        self.ahead.drive.memory()
    }

    /// Numbers in a row of results: states, then outputs, discrete quantities among them.
    pub fn row(&self) -> usize {
        self.ahead.drive.row()
    }

    /// The parameters where the model is left as it is.
    pub fn defaults(&self) -> Vec<f64> {
        self.interface.parameters.iter().map(|(_, value)| *value).collect()
    }

    /// What all functions are called after.
    pub fn name(&self) -> &str {
        &self.interface.name
    }
}

fn formula_name(data: &Data) -> &'static str {
    match data.formula {
        Formula::Explicit(formula) => formula.name,
        Formula::Rosenbrock(formula, _) => formula.name,
    }
}

/// A method as data, if it is one whose step and interpolant become kernels.
fn data(method: Method) -> Option<Data<'static>> {
    let rosenbrock = match method {
        Method::Dop853 => {
            let method = &dop853::DOP853;
            return Some(Data {
                formula: Formula::Explicit(method.formula()),
                error_order: method.error_order,
                beta: 0.04,
                degree: 7,
            });
        }
        Method::Auto | Method::Rodas5P => &rodas5p::RODAS5P,
        Method::Rodas4 => &rodas4::RODAS4,
        Method::Rosenbrock23 => &rosenbrock23::ROSENBROCK23,
        _ => return None,
    };
    let formula = Formula::Rosenbrock(rosenbrock.formula(), rosenbrock.dense);
    let degree = rosenbrock.dense.len() + 1;
    Some(Data { formula, error_order: rosenbrock.error_order, beta: rosenbrock.beta, degree })
}
