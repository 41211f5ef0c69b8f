//! Object files: the code of a model made ready ahead of time, for this machine or another.

use super::compile::{self, Job, KernelJobs, Symbol};
use super::control::host_signature;
use super::emit::{Import, signature};
use super::target::{Allocator, Features, Machine as Target};
use crate::backend::ahead::{Ahead, OFFERED, library_name};
use cranelift::module::{FuncId, Linkage, Module, ModuleReloc, default_libcall_names};
use cranelift::prelude::Signature;
use cranelift_object::{ObjectBuilder, ObjectModule};

/// The machine an object file is for.
pub struct ObjectTarget(Target);

impl ObjectTarget {
    /// A target triple, such as `aarch64-unknown-linux-gnu`, else this machine's kind. `native` code uses all instructions
    /// of this machine; other code runs on every processor of its kind.
    ///
    /// # Errors
    /// A sentence: an unknown triple, one without a code generator, or `native` for another machine.
    pub fn new(triple: Option<&str>, native: bool) -> Result<Self, String> {
        Target::of(triple, native).map(ObjectTarget)
    }

    /// Whether it multiplies and adds in one instruction.
    pub fn fma(&self) -> bool {
        self.0.features.fma
    }
}

/// An object file with the functions `NAME_solve` and, of the kernels a host may call, `NAME_rhs` and so on.
///
/// # Errors
/// What the code generator says.
pub fn object(ahead: &Ahead, name: &str, target: &ObjectTarget) -> Result<Vec<u8>, String> {
    let target = &target.0;
    let features = Features { several: false, ..target.features };
    let (mut jobs, places) = compile::jobs(&ahead.program);
    let kernels: KernelJobs = ahead.program.kernels.iter().map(|kernel| kernel.name).zip(places).collect();
    jobs.push(Job::Function(&ahead.solve, &kernels));
    let machines = compile::compile(&jobs, target, features)?;
    let isa = target.isa(Allocator::Backtracking).clone();
    let ordinary = signature(isa.as_ref());
    let entry = host_signature(&ahead.solve, isa.as_ref());
    let builder = ObjectBuilder::new(isa, name, default_libcall_names()).map_err(|error| error.to_string())?;
    let mut module = ObjectModule::new(builder);
    let declared = |error: cranelift::module::ModuleError| error.to_string();
    let mut own: Vec<FuncId> = Vec::new();
    for (number, job) in jobs.iter().enumerate() {
        let kernel = kernels.iter().find(|(_, place)| *place as usize == number).map(|(kernel, _)| *kernel);
        let (symbol, linkage, signature) = match (job, kernel) {
            (Job::Function(..), _) => (format!("{name}_solve"), Linkage::Export, &entry),
            (_, Some(kernel)) if OFFERED.contains(&kernel) => (format!("{name}_{kernel}"), Linkage::Export, &ordinary),
            (_, Some(kernel)) => (format!("{name}_{kernel}"), Linkage::Local, &ordinary),
            (_, None) => (format!("{name}_part{number}"), Linkage::Local, &ordinary),
        };
        own.push(module.declare_function(&symbol, linkage, signature).map_err(declared)?);
    }
    let imports: Vec<Import> = Import::all().collect();
    let mut foreign: Vec<Option<FuncId>> = vec![None; imports.len()];
    for symbol in machines.iter().flat_map(|machine| &machine.relocations).map(|relocation| relocation.symbol) {
        if let Symbol::Import(number) = symbol
            && foreign[number as usize].is_none()
        {
            let known = match imports[number as usize] {
                Import::Function(function) => library_name(function),
                Import::Fma => Some("fma"),
                Import::Floor => Some("floor"),
                Import::Ceil => Some("ceil"),
                Import::Curve | Import::Foreign | Import::Gather(_) => None,
            };
            let known = known.ok_or_else(|| format!("{} is not in the C library", imports[number as usize].name()))?;
            let signature = Signature::new(module.isa().default_call_conv());
            foreign[number as usize] =
                Some(module.declare_function(known, Linkage::Import, &signature).map_err(declared)?);
        }
    }
    for (&id, machine) in own.iter().zip(&machines) {
        let relocations: Vec<ModuleReloc> = compile::relocations(machine, id, &own, &foreign);
        module.define_function_bytes(id, machine.alignment, &machine.bytes, &relocations).map_err(declared)?;
    }
    module.finish().emit().map_err(|error| error.to_string())
}
