//! The C header of a model compiled ahead of time.

use super::ahead::{Ahead, OFFERED};
use super::c::{ARGUMENTS, prototype};
use crate::kernel::drive::{OPTIONS, STATISTICS, STATUSES};
use std::fmt::Write;

/// What a header says of a model besides its functions.
#[derive(Clone, Debug)]
pub struct Interface {
    /// A name that C takes, before all others.
    pub name: String,
    /// What `model NAME` says, the method, how it was made.
    pub remarks: Vec<String>,
    /// Names of the states.
    pub states: Vec<String>,
    /// Names of the parameters and what they are if nothing is said.
    pub parameters: Vec<(String, f64)>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// The span of the solve block.
    pub span: Option<(f64, f64)>,
}

/// A name as C takes it: letters, digits and underscores, not beginning with a digit.
pub fn identifier(name: &str) -> String {
    let mut text: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if text.starts_with(|c: char| c.is_ascii_digit()) || text.is_empty() {
        text.insert(0, '_');
    }
    text
}

impl Interface {
    /// The text of the header.
    pub fn header(&self, ahead: &Ahead) -> String {
        let (name, upper) = (&self.name, self.name.to_uppercase());
        let drive = &ahead.drive;
        let mut text = String::new();
        for (number, remark) in self.remarks.iter().enumerate() {
            let start = if number == 0 { "/* " } else { " * " };
            _ = writeln!(text, "{start}{}", remark.replace("*/", "* /"));
        }
        _ = writeln!(
            text,
            " *\n * Nothing here allocates, keeps anything between calls or writes anywhere but where it is told to: call it from"
        );
        _ = writeln!(text, " * as many threads as you like, each with its own memory. */");
        _ = writeln!(text, "#ifndef {upper}_H\n#define {upper}_H\n\n#include <stdint.h>\n");
        _ = writeln!(text, "#ifdef __cplusplus\nextern \"C\" {{\n#endif\n");
        _ = writeln!(text, "#define {upper}_STATES {}", self.states.len());
        _ = writeln!(text, "#define {upper}_PARAMETERS {}", self.parameters.len());
        _ = writeln!(text, "#define {upper}_DISCRETES {}", drive.discretes);
        _ = writeln!(text, "#define {upper}_OUTPUTS {}", self.outputs.len());
        _ = writeln!(
            text,
            "/* Numbers in a row of results: the states, then the discrete quantities, then the outputs. */"
        );
        _ = writeln!(text, "#define {upper}_ROW {}", drive.row());
        _ = writeln!(text, "/* Numbers of memory a run needs. */");
        _ = writeln!(text, "#define {upper}_MEMORY {}", drive.memory());
        if let Some((t0, t1)) = self.span {
            _ = writeln!(text, "/* The span of the model's solve block. */");
            _ = writeln!(text, "#define {upper}_T0 {t0:e}\n#define {upper}_T1 {t1:e}");
        }
        if !self.parameters.is_empty() {
            let values: Vec<String> = self.parameters.iter().map(|(_, value)| format!("{value:e}")).collect();
            _ = writeln!(text, "/* The parameters where the model is left as it is, to initialise an array with. */");
            _ = writeln!(text, "#define {upper}_DEFAULTS {{ {} }}", values.join(", "));
        }
        let parameters: Vec<&String> = self.parameters.iter().map(|(name, _)| name).collect();
        let mut first = 0;
        for (what, names) in [("states", &self.states), ("outputs", &self.outputs)] {
            self.places(
                &mut text,
                &format!("{what} in a row of results"),
                "",
                &names.iter().collect::<Vec<_>>(),
                first,
            );
            first += names.len();
        }
        self.places(&mut text, "parameters", "p_", &parameters, 0);
        _ = writeln!(text, "\n/* What {name}_solve returns. */\nenum {{");
        for (number, (status, meaning)) in STATUSES.iter().enumerate() {
            _ = writeln!(text, "    {upper}_{status} = {number}, /* {meaning} */");
        }
        text.push_str("};\n");
        for (what, fields) in
            [("options; 0 in a field means the default", &OPTIONS[..]), ("statistics of a run", &STATISTICS[..])]
        {
            let kind = what.split([' ', ';']).next().unwrap_or(what);
            _ = writeln!(text, "\n/* {}{}. */\nstruct {name}_{kind} {{", what[..1].to_uppercase(), &what[1..]);
            for (field, meaning) in fields {
                _ = writeln!(text, "    double {field}; /* {meaning} */");
            }
            text.push_str("};\n");
        }
        let prototype = ahead.functions.last().map(|solve| prototype(solve, name)).unwrap_or_default();
        let prototype = prototype
            .replace("double *p,", "const double *p,")
            .replace("double *y0", "const double *y0")
            .replace("double *times", "const double *times")
            .replace("double *options", &format!("const struct {name}_options *options"))
            .replace("double *statistics", &format!("struct {name}_statistics *statistics"));
        _ = writeln!(text, "\n/* Integrates from t0 to t1.\n *");
        for (argument, meaning) in [
            ("p", "the parameters, not null if there are some"),
            ("y0", "the state at t0, or null for the model's own initial values"),
            ("times, count", "the times to keep, within the span and in its direction; null and 0 for none"),
            ("out", "count rows of results, one after the other"),
            ("memory", "as many numbers as _MEMORY says; what they are before and after does not matter"),
            ("options", "or null for all defaults: those of the solve block"),
            ("statistics", "or null"),
        ] {
            _ = writeln!(text, " * {argument:<12}  {meaning}");
        }
        _ = writeln!(
            text,
            " *\n * Where the run ends early, the rows up to there are written: statistics->saved says how many. */\n{prototype};"
        );
        _ = writeln!(
            text,
            "\n/* The kernels, all called alike: time, state, bound parameters, nothing, work of as many numbers as _MEMORY says,\n * result. The bound parameters are an array of {upper}_BOUND numbers: the parameters, {upper}_DISCRETES discrete\n * quantities, then what {name}_bind makes of the parameters. */\n#define {upper}_BOUND {}",
            drive.bound
        );
        for kernel in OFFERED.iter().filter(|kernel| ahead.program.kernel(kernel).is_some()) {
            _ = writeln!(text, "void {name}_{kernel}({ARGUMENTS});");
        }
        self.pattern(&mut text, ahead);
        _ = writeln!(text, "\n#ifdef __cplusplus\n}}\n#endif\n\n#endif");
        text
    }

    /// Where the values of the Jacobian belong.
    fn pattern(&self, text: &mut String, ahead: &Ahead) {
        const MANY: usize = 10_000;
        let (upper, values) = (self.name.to_uppercase(), ahead.jacobian.len());
        _ = writeln!(
            text,
            "\n/* {}_jacobian: so many values; those with the same row and column add up. */",
            self.name
        );
        _ = writeln!(text, "#define {upper}_JACOBIAN_VALUES {values}");
        if values == 0 || values > MANY {
            return;
        }
        let (rows, columns): (Vec<String>, Vec<String>) =
            ahead.jacobian.iter().map(|(row, column)| (row.to_string(), column.to_string())).unzip();
        _ = writeln!(text, "#define {upper}_JACOBIAN_ROWS {{ {} }}", rows.join(", "));
        _ = writeln!(text, "#define {upper}_JACOBIAN_COLUMNS {{ {} }}", columns.join(", "));
    }

    /// Places by name; names that only differ in what C does not take are left out.
    fn places(&self, text: &mut String, what: &str, prefix: &str, names: &[&String], first: usize) {
        const MANY: usize = 1_000;
        if names.is_empty() || names.len() > MANY {
            return;
        }
        let spelled: Vec<String> = names.iter().map(|name| identifier(name)).collect();
        _ = writeln!(text, "\n/* Places of {what}. */\nenum {{");
        for (number, own) in spelled.iter().enumerate() {
            if spelled.iter().filter(|other| *other == own).count() == 1 {
                _ = writeln!(text, "    {}_{prefix}{own} = {},", self.name, first + number);
            }
        }
        text.push_str("};\n");
    }
}
