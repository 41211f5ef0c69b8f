//! `rhapsode show`: the inside of a model as text on standard output.

use clap::ValueEnum;
use rhapsode::Show;
use rhapsode::expr::Format;

use crate::exit::Stop;
use crate::{engine, print};

const EXAMPLES: &str = "\
Examples:
  rhapsode show hires.ode                                the equations, as understood
  rhapsode show hires.ode --jacobian --format latex      for a paper
  rhapsode show enzyme.ode --format html > enzyme.html   a page for a browser, or to print
  rhapsode show brusselator_1d.ode --sparsity            where the Jacobian is not zero
  rhapsode show enzyme.ode --conserved                   totals that stay what they are
  rhapsode show infusion.ode --units                     what is in which unit, and where numbers are converted
  rhapsode show hires.ode --graph | dot -Tsvg > hires.svg
  rhapsode show hires.ode --asm                          the machine code";

/// Show the inside of a model
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The model file; `-` reads standard input
    #[arg(required_unless_present = "target")]
    model: Option<String>,

    #[command(flatten)]
    view: View,

    /// How formulas are written
    #[arg(long, value_enum, default_value_t)]
    format: FormatName,
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct View {
    /// The differential equations (the default)
    #[arg(long)]
    equations: bool,
    /// The non-zero entries of the Jacobian ∂f/∂y
    #[arg(long)]
    jacobian: bool,
    /// Where the Jacobian is not zero
    #[arg(long)]
    sparsity: bool,
    /// The expression graph, in the DOT language
    #[arg(long)]
    graph: bool,
    /// The reactions, with their net fluxes
    #[arg(long)]
    reactions: bool,
    /// Sums of species that no reaction changes, found from the stoichiometry
    #[arg(long)]
    conserved: bool,
    /// The unit of every quantity, found or stated, and the conversions put into the equations
    #[arg(long)]
    units: bool,
    /// The lowered program, which every backend runs
    #[arg(long)]
    program: bool,
    /// Cranelift's intermediate form
    #[arg(long)]
    clif: bool,
    /// Machine code of this machine
    #[arg(long)]
    asm: bool,
    /// The machine that code is made for
    #[arg(long)]
    target: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FormatName {
    #[default]
    /// As the language has it
    Text,
    /// For a paper
    Latex,
    /// One page with equations, reactions, parameters and Jacobian, for a browser
    Html,
}

/// The command.
///
/// # Errors
/// A bad model, or a view that this build or machine does not have.
pub fn show(args: &Args) -> Result<(), Stop> {
    if args.view.target {
        return print(&target()?);
    }
    let view = match &args.view {
        View { jacobian: true, .. } => Show::Jacobian,
        View { sparsity: true, .. } => Show::Sparsity,
        View { graph: true, .. } => Show::Graph,
        View { reactions: true, .. } => Show::Reactions,
        View { conserved: true, .. } => Show::Conserved,
        View { units: true, .. } => Show::Units,
        View { program: true, .. } => Show::Program,
        View { clif: true, .. } => Show::Clif,
        View { asm: true, .. } => Show::Asm,
        _ => Show::Equations,
    };
    let format = match args.format {
        FormatName::Text => Format::Text,
        FormatName::Html if matches!(view, Show::Equations | Show::Jacobian | Show::Reactions) => {
            return print(&engine::load(args.model.as_deref().unwrap_or("-"))?.page());
        }
        FormatName::Html => {
            return Err(Stop::input(
                "error: --format html is one page of equations, reactions and Jacobian; leave out the view",
            ));
        }
        FormatName::Latex if matches!(view, Show::Equations | Show::Jacobian | Show::Reactions | Show::Conserved) => {
            Format::Latex
        }
        FormatName::Latex => {
            return Err(Stop::input(
                "error: --format latex goes with --equations, --reactions, --jacobian and --conserved only",
            ));
        }
    };
    let model = engine::load(args.model.as_deref().unwrap_or("-"))?;
    let text = model.show(view, format).map_err(|sentence| Stop::input(format!("error: {sentence}")))?;
    print(&text)
}

/// The machine that code is made for.
#[cfg(feature = "jit")]
fn target() -> Result<String, Stop> {
    let described = rhapsode::target_description();
    described.map(|text| text + "\n").map_err(|error| Stop::input(format!("error: no native code here: {error}")))
}

/// The machine that code would be made for.
#[cfg(not(feature = "jit"))]
fn target() -> Result<String, Stop> {
    Ok("this build has no native code (feature `jit`): models run in the interpreter\n".to_string())
}
