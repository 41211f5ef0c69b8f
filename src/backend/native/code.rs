//! Executable memory: machine code put in place, called, and given back. The only unsafe file of the backend.

use super::compile::{Machine, Symbol, relocations};
use super::emit::Import;
use super::target::{Allocator, Machine as Target};
use crate::backend::Arguments;
use crate::curve::Curve;
use crate::foreign::{Foreign, Part};
use crate::kernel::program::Lengths;
use crate::math::{Entry, Gather, Real};
use cranelift::jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift::module::{Linkage, Module, default_libcall_names};
use cranelift::prelude::Signature;
use std::sync::Arc;

/// The machine form of a kernel: `(t, y, p, v, w, out)`.
///
/// Calling one is safe when every pointer is valid for the kernel's lengths (`w` and `out` for writing and disjoint
/// from each other and the rest) and the code it came from is alive.
pub type Pointer = unsafe extern "C" fn(f64, *const f64, *const f64, *const f64, *mut f64, *mut f64);

/// Machine code in executable pages; the pages are given back on drop.
pub(super) struct Code {
    /// Never used again once the code is in place, but to free it; `None` only while dropping.
    module: Option<JITModule>,
    functions: Vec<Pointer>,
    #[allow(dead_code, reason = "the code holds their addresses")]
    held: Held,
}

/// What a program's code reads at fixed addresses.
#[derive(Default)]
pub(super) struct Held {
    pub tables: Vec<Arc<[u32]>>,
    pub curves: Vec<Arc<Curve>>,
    pub foreigns: Vec<Arc<Foreign>>,
}

// SAFETY: after construction the module is not touched until `drop`, which has exclusive access, and the function
// pointers refer to immutable pages, which any thread may run.
unsafe impl Send for Code {}
// SAFETY: as above; shared access only reads `functions`.
unsafe impl Sync for Code {}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: pointers into the code leave this file only inside types that keep this `Code` alive, or as
            // `Pointer`, whose callers promise the same.
            unsafe { module.free_memory() };
        }
    }
}

impl Code {
    /// Puts functions in place and resolves what they refer to; what they read is kept as long as they.
    pub fn new(machines: &[Machine], held: Held) -> Result<Self, String> {
        let page = 1 << 16;
        // The arena may begin a new page for each function, and leave the rest of the last one unused.
        let room = |machine: &Machine| (machine.bytes.len() + machine.alignment as usize).next_multiple_of(4096);
        let size: usize = machines.iter().map(room).sum();
        let mut builder =
            JITBuilder::with_isa(Target::host()?.isa(Allocator::Backtracking).clone(), default_libcall_names());
        let arena =
            ArenaMemoryProvider::new_with_size(size.max(1).next_multiple_of(page)).map_err(|e| e.to_string())?;
        builder.memory_provider(Box::new(arena));
        let imports: Vec<Import> = Import::all().collect();
        let mut used = vec![None; imports.len()];
        for symbol in machines.iter().flat_map(|machine| &machine.relocations).map(|relocation| relocation.symbol) {
            if let Symbol::Import(number) = symbol {
                let import = imports[number as usize];
                if let Some(address) = address(import) {
                    builder.symbol(import.name(), address);
                }
                used[number as usize] = Some(import);
            }
        }
        let module = JITModule::new(builder);
        let mut code = Code { module: Some(module), functions: Vec::new(), held };
        code.fill(machines, &used).map_err(|error| error.to_string())?;
        Ok(code)
    }

    fn fill(
        &mut self,
        machines: &[Machine],
        imports: &[Option<Import>],
    ) -> Result<(), Box<cranelift::module::ModuleError>> {
        let Some(module) = &mut self.module else { return Ok(()) };
        let signature = Signature::new(module.isa().default_call_conv());
        let mut own = Vec::new();
        for _ in machines {
            own.push(module.declare_anonymous_function(&signature)?);
        }
        let mut foreign = Vec::new();
        for import in imports {
            foreign.push(match import {
                Some(import) => Some(module.declare_function(&import.name(), Linkage::Import, &signature)?),
                None => None,
            });
        }
        for (&id, machine) in own.iter().zip(machines) {
            let relocations = relocations(machine, id, &own, &foreign, &[]);
            module.define_function_bytes(id, machine.alignment, &machine.bytes, &relocations)?;
        }
        module.finalize_definitions()?;
        for id in own {
            let pointer = module.get_finalized_function(id);
            // SAFETY: the function was emitted with exactly the signature of `Pointer` (see `emit::signature`).
            self.functions.push(unsafe { std::mem::transmute::<*const u8, Pointer>(pointer) });
        }
        Ok(())
    }

    /// The function of that number.
    pub fn pointer(&self, function: usize) -> Pointer {
        self.functions[function]
    }
}

/// Runs the kernel that `pointer` is, whose buffers must be as long as `lengths` says.
///
/// It is not `unsafe` to call, so only types of this folder that pair a pointer with its own lengths, keep its code alive and
/// know the precision it was emitted for, `T`, may do so.
#[inline]
pub(super) fn checked_call<T: Real>(pointer: Pointer, lengths: &Lengths, arguments: Arguments<'_, T>) {
    arguments.check(lengths);
    let Arguments { t, y, p, v, w, out } = arguments;
    let (y, p, v) = (y.as_ptr().cast(), p.as_ptr().cast(), v.as_ptr().cast());
    // SAFETY: the program was verified: every access lies within the lengths the slices were just checked against,
    // and Rust's borrows keep what is written disjoint from everything else.
    unsafe { pointer(t, y, p, v, w.as_mut_ptr().cast(), out.as_mut_ptr().cast()) };
}

/// Where an import is; of functions without a form for several arguments, that form is nowhere.
fn address(import: Import) -> Option<*const u8> {
    extern "C" fn fma(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
    extern "C" fn floor(x: f64) -> f64 {
        x.floor()
    }
    extern "C" fn ceil(x: f64) -> f64 {
        x.ceil()
    }
    extern "C" fn curve(curve: *const Curve, order: u32, x: f64) -> f64 {
        // SAFETY: code passes only addresses of curves that its `Code` holds, and a curve never changes.
        let curve = unsafe { &*curve };
        curve.value(order as u8, x)
    }
    extern "C" fn foreign(foreign: *const Foreign, part: u32, arguments: *const f64) -> f64 {
        // SAFETY: code passes only addresses of functions that its `Code` holds, which never change, and of as many
        // arguments as the function has.
        let (foreign, arguments) = unsafe {
            let foreign = &*foreign;
            (foreign, std::slice::from_raw_parts(arguments, foreign.arguments.len()))
        };
        foreign.evaluate(Part::of_number(part), arguments)
    }
    Some(match import {
        Import::Function(function) => match function.entry() {
            Entry::One(function) => function as *const u8,
            Entry::Two(function) => function as *const u8,
        },
        Import::Gather(function) => match function.gather()? {
            Gather::Eight(function) => function as *const u8,
            Gather::FourPairs(function) => function as *const u8,
        },
        Import::Fma => fma as *const u8,
        Import::Floor => floor as *const u8,
        Import::Ceil => ceil as *const u8,
        Import::Curve => curve as *const u8,
        Import::Foreign => foreign as *const u8,
    })
}
