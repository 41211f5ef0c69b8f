//! Object files: the code of a model made ready ahead of time, for this machine or another.

use super::compile::{self, Job, Standing, Symbol};
use super::control::host_signature;
use super::emit::{Import, Lookup, signature};
use super::target::{Allocator, Features, Machine as Target};
use crate::backend::ahead::{Ahead, OFFERED, library_name};
use crate::curve::Curve;
use cranelift::codegen::ir::Endianness;
use cranelift::module::{DataDescription, DataId, FuncId, Linkage, Module, ModuleReloc, default_libcall_names};
use cranelift::prelude::Signature;
use cranelift_object::{ObjectBuilder, ObjectModule};
use std::sync::Arc;
use target_lexicon::{Architecture, BinaryFormat};

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
    let (jobs, places) = compile::jobs(&ahead.program);
    let standing = Standing {
        kernels: ahead.program.kernels.iter().map(|kernel| kernel.name).zip(places).collect(),
        functions: &ahead.functions,
        first: jobs.len() as u32,
    };
    let curve = |(number, (curve, order)): (usize, &(Arc<Curve>, u8))| Lookup {
        curve: curve.clone(),
        order: *order,
        job: standing.first + number as u32,
    };
    let lookups: Vec<Lookup> = ahead.curves.iter().enumerate().map(curve).collect();
    let own =
        jobs.into_iter().map(|job| if let Job::Piece(piece) = job { Job::Standing(piece, &lookups) } else { job });
    let jobs: Vec<Job> = own.chain(ahead.functions.iter().map(|function| Job::Function(function, &standing))).collect();
    let machines = compile::compile(&jobs, target, features)?;
    let isa = target.isa(Allocator::Backtracking).clone();
    // What is not the program's own code is reached through a table of addresses, which that format does not have here.
    let far = |symbol: Symbol| matches!(symbol, Symbol::Import(_) | Symbol::Table(_));
    let triple = isa.triple();
    if triple.binary_format == BinaryFormat::Coff
        && matches!(triple.architecture, Architecture::Aarch64(_))
        && machines.iter().flat_map(|machine| &machine.relocations).any(|relocation| far(relocation.symbol))
    {
        return Err(format!(
            "its tables and the C library cannot be reached from an object for {triple}; use `--emit c`"
        ));
    }
    let ordinary = signature(isa.as_ref());
    let entries: Vec<Signature> = ahead.functions.iter().map(|f| host_signature(f, isa.as_ref())).collect();
    let builder = ObjectBuilder::new(isa, name, default_libcall_names()).map_err(|error| error.to_string())?;
    let mut module = ObjectModule::new(builder);
    let declared = |error: cranelift::module::ModuleError| error.to_string();
    let mut own: Vec<FuncId> = Vec::new();
    for number in 0..jobs.len() {
        let kernel = standing.kernels.iter().find(|(_, place)| *place as usize == number).map(|(kernel, _)| *kernel);
        let function = number.checked_sub(standing.first as usize);
        let (symbol, linkage, signature) = match (function, kernel) {
            (Some(function), _) => {
                let last = function + 1 == ahead.functions.len();
                let linkage = if last { Linkage::Export } else { Linkage::Local };
                (format!("{name}_{}", ahead.functions[function].name), linkage, &entries[function])
            }
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
    let mut tables: Vec<DataId> = Vec::new();
    for (number, values) in ahead.tables.iter().enumerate() {
        let id =
            module.declare_data(&format!("{name}_table{number}"), Linkage::Local, false, false).map_err(declared)?;
        let little = module.isa().endianness() == Endianness::Little;
        let bytes = values.iter().flat_map(|x| if little { x.to_le_bytes() } else { x.to_be_bytes() });
        let mut data = DataDescription::new();
        data.define(bytes.collect());
        data.set_align(8);
        module.define_data(id, &data).map_err(declared)?;
        tables.push(id);
    }
    for (&id, machine) in own.iter().zip(&machines) {
        let relocations: Vec<ModuleReloc> = compile::relocations(machine, id, &own, &foreign, &tables);
        module.define_function_bytes(id, machine.alignment, &machine.bytes, &relocations).map_err(declared)?;
    }
    module.finish().emit().map_err(|error| error.to_string())
}
