//! The machine code is made for: Cranelift's description of the host, made once per process.

use cranelift::codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift::codegen::settings::{self, Configurable, Flags};
use std::fmt::{Display, Formatter, Result as FmtResult};
use std::sync::OnceLock;
use target_lexicon::Triple;

/// Which register allocator: good code, or half the compile time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allocator {
    Backtracking,
    SinglePass,
}

/// What decides between an instruction and a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Features {
    /// Fused multiply-add.
    pub fma: bool,
    /// Rounding to integers.
    pub round: bool,
}

/// The host as `rhapsode show --target` describes it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Architecture, vendor, system.
    pub triple: Triple,
    /// Instruction set extensions in use.
    pub features: Vec<String>,
    /// Whether `fma` is an instruction (else a call).
    pub fma: bool,
    /// Numbers per vector.
    pub lanes: usize,
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        writeln!(f, "target: {}", self.triple)?;
        writeln!(f, "features: {}", self.features.join(" "))?;
        writeln!(f, "fused multiply-add: {}", if self.fma { "instruction" } else { "call" })?;
        write!(f, "vectors: {} × f64", self.lanes)
    }
}

/// The host, or why it has no native code.
pub fn target() -> Result<Target, String> {
    let isa = host(Allocator::Backtracking)?;
    let enabled = isa.isa_flags().into_iter().filter(|flag| flag.as_bool() == Some(true));
    let features = enabled.map(|flag| flag.name.trim_start_matches("has_").to_string()).collect();
    Ok(Target { triple: isa.triple().clone(), features, fma: Features::host()?.fma, lanes: 2 })
}

impl Features {
    /// What the host can do.
    pub fn host() -> Result<Self, String> {
        static HOST: OnceLock<Result<Features, String>> = OnceLock::new();
        HOST.get_or_init(|| host(Allocator::Backtracking).map(|isa| Features::of(isa.as_ref()))).clone()
    }

    /// What a target can do.
    fn of(isa: &dyn TargetIsa) -> Self {
        let x86 = isa.name() == "x64";
        let flags = isa.isa_flags();
        let has = |name: &str| flags.iter().any(|flag| flag.name == name && flag.as_bool() == Some(true));
        // Other targets have both in their base instruction set.
        Features { fma: !x86 || (has("has_avx") && has("has_fma")), round: !x86 || has("has_sse41") }
    }
}

/// Cranelift's description of the host.
pub(super) fn host(allocator: Allocator) -> Result<&'static OwnedTargetIsa, String> {
    static BACKTRACKING: OnceLock<Result<OwnedTargetIsa, String>> = OnceLock::new();
    static SINGLE_PASS: OnceLock<Result<OwnedTargetIsa, String>> = OnceLock::new();
    let (cell, name) = match allocator {
        Allocator::Backtracking => (&BACKTRACKING, "backtracking"),
        Allocator::SinglePass => (&SINGLE_PASS, "single_pass"),
    };
    cell.get_or_init(|| {
        let builder = cranelift::native::builder().map_err(str::to_string)?;
        builder.finish(flags(name)?).map_err(|error| error.to_string())
    })
    .as_ref()
    .map_err(Clone::clone)
}

/// Settings measured to be best when the scheduling is the program's own.
fn flags(allocator: &str) -> Result<Flags, String> {
    let mut builder = settings::builder();
    let checked = if cfg!(debug_assertions) { "true" } else { "false" };
    for (name, value) in [
        ("opt_level", "none"),
        ("regalloc_algorithm", allocator),
        ("enable_verifier", checked),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("unwind_info", "false"),
    ] {
        builder.set(name, value).map_err(|error| format!("setting {name}: {error}"))?;
    }
    Ok(Flags::new(builder))
}
