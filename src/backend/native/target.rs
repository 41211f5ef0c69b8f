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
    /// Elementary functions of several arguments at a time; code that runs without this library has none.
    pub several: bool,
    /// Numbers are of single precision, four to a vector.
    pub single: bool,
    /// Vectors of eight numbers, of code that runs here.
    pub wide: bool,
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
    let machine = Machine::host()?;
    let isa = machine.isa(Allocator::Backtracking);
    let enabled = isa.isa_flags().into_iter().filter(|flag| flag.as_bool() == Some(true));
    let features = enabled.map(|flag| flag.name.trim_start_matches("has_").to_string()).collect();
    Ok(Target { triple: isa.triple().clone(), features, fma: machine.features.fma, lanes: 2 })
}

impl Features {
    /// What the host can do.
    pub fn host() -> Result<Self, String> {
        Machine::host().map(|machine| machine.features)
    }

    /// What a target can do.
    fn of(isa: &dyn TargetIsa) -> Self {
        let x86 = isa.name() == "x64";
        let flags = isa.isa_flags();
        let has = |name: &str| flags.iter().any(|flag| flag.name == name && flag.as_bool() == Some(true));
        // Other targets have both in their base instruction set.
        Features {
            fma: !x86 || (has("has_avx") && has("has_fma")),
            round: !x86 || has("has_sse41"),
            several: true,
            single: false,
            wide: false,
        }
    }
}

/// A machine code is made for, as Cranelift describes it.
pub(super) struct Machine {
    /// With each register allocator.
    isas: [OwnedTargetIsa; 2],
    pub features: Features,
}

impl Machine {
    /// This machine, which runs what it compiles.
    pub fn host() -> Result<&'static Machine, String> {
        static HOST: OnceLock<Result<Machine, String>> = OnceLock::new();
        HOST.get_or_init(|| {
            let isa = |allocator| {
                let builder = cranelift::native::builder().map_err(str::to_string)?;
                builder.finish(flags(allocator, false)?).map_err(|error| error.to_string())
            };
            let mut host = Machine::new([isa("backtracking")?, isa("single_pass")?]);
            host.features.wide = has_wide_vectors();
            Ok(host)
        })
        .as_ref()
        .map_err(Clone::clone)
    }

    /// A machine that will run an object file: this kind if nothing is said.
    #[cfg(feature = "ahead")]
    pub fn of(triple: Option<&str>, native: bool) -> Result<Machine, String> {
        let host = Triple::host();
        let wanted = match triple {
            None => host.clone(),
            Some(text) => text.parse().map_err(|error| format!("no target `{text}`: {error}"))?,
        };
        if native && wanted != host {
            return Err(format!(
                "the instructions of this machine ({host}) are not those of {wanted}; leave out `native`"
            ));
        }
        let isa = |allocator| {
            let builder = match native {
                true => cranelift::native::builder().map_err(str::to_string),
                false => cranelift::codegen::isa::lookup(wanted.clone())
                    .map_err(|error| format!("no code for the target {wanted}: {error}")),
            };
            builder?.finish(flags(allocator, true)?).map_err(|error| error.to_string())
        };
        Ok(Machine::new([isa("backtracking")?, isa("single_pass")?]))
    }

    fn new(isas: [OwnedTargetIsa; 2]) -> Machine {
        let features = Features::of(isas[0].as_ref());
        Machine { isas, features }
    }

    /// Its description with a register allocator.
    pub fn isa(&self, allocator: Allocator) -> &OwnedTargetIsa {
        &self.isas[allocator as usize]
    }
}

/// Whether this processor has AVX-512, with operations on doubles and on shorter vectors.
fn has_wide_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Settings measured to be best when the scheduling is the program's own. `movable` code runs at any address.
fn flags(allocator: &str, movable: bool) -> Result<Flags, String> {
    let movable = if movable { "true" } else { "false" };
    let mut builder = settings::builder();
    let checked = if cfg!(debug_assertions) { "true" } else { "false" };
    for (name, value) in [
        ("opt_level", "none"),
        ("regalloc_algorithm", allocator),
        ("enable_verifier", checked),
        ("is_pic", movable),
        ("use_colocated_libcalls", "false"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("unwind_info", "false"),
    ] {
        builder.set(name, value).map_err(|error| format!("setting {name}: {error}"))?;
    }
    Ok(Flags::new(builder))
}
