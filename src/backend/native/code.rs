//! Ownership of machine code: module, entry points, memory.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::{Arc, OnceLock};

use cranelift::codegen::ir::{AbiParam, Signature, UserFuncName, types};
use cranelift::codegen::isa::OwnedTargetIsa;
use cranelift::codegen::settings::{self, Configurable};
use cranelift::codegen::{CodegenError, Context};
use cranelift::prelude::{FunctionBuilder, FunctionBuilderContext, InstBuilder};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift::module::{FuncId, Module, ModuleError};

use super::piece::PieceEmitter;
use crate::backend::{Kernels, check_lengths};
use crate::kernel::program::{Kernel, Lengths, Piece, Program};
use crate::kernel::{Invalid, verify};

/// Programs with more operations than this are compiled with the single-pass register allocator.
const VERY_LARGE: usize = 200_000;

type Entry = unsafe extern "C" fn(f64, *const f64, *const f64, *const f64, *mut f64, *mut f64);

/// Kernels as machine code.
pub struct Native {
    module: ManuallyDrop<JITModule>,
    entries: Vec<(Entry, Lengths)>,
    code_bytes: usize,
}

/// Why native code could not be made.
#[derive(Debug)]
pub enum NativeError {
    /// The program has no meaning.
    Invalid(Invalid),
    /// This machine is not supported.
    Host(String),
    /// Cranelift refused.
    Compile(String),
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NativeError::Invalid(invalid) => write!(f, "{invalid}"),
            NativeError::Host(reason) => write!(f, "no native code on this machine: {reason}"),
            NativeError::Compile(reason) => write!(f, "native code could not be made: {reason}"),
        }
    }
}

impl std::error::Error for NativeError {}

impl From<ModuleError> for NativeError {
    fn from(error: ModuleError) -> Self {
        NativeError::Compile(error.to_string())
    }
}

impl From<CodegenError> for NativeError {
    fn from(error: CodegenError) -> Self {
        NativeError::Compile(error.to_string())
    }
}

/// The host's instruction set, looked up once per register allocator.
fn host_isa(single_pass: bool) -> Result<OwnedTargetIsa, NativeError> {
    static ISAS: [OnceLock<Result<OwnedTargetIsa, String>>; 2] = [OnceLock::new(), OnceLock::new()];
    let isa = ISAS[usize::from(single_pass)].get_or_init(|| {
        let mut flags = settings::builder();
        let set = [
            ("opt_level", "none"),
            ("is_pic", "false"),
            ("use_colocated_libcalls", "false"),
            ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
            ("regalloc_algorithm", if single_pass { "single_pass" } else { "backtracking" }),
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
        ];
        for (name, value) in set {
            flags.set(name, value).map_err(|e| format!("{name}: {e}"))?;
        }
        let builder = cranelift::native::builder().map_err(str::to_string)?;
        builder.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())
    });
    isa.clone().map_err(NativeError::Host)
}

/// What the host is and which of its features are used.
pub fn host_description() -> Result<String, NativeError> {
    let isa = host_isa(false)?;
    let flags: Vec<String> = isa.isa_flags().iter().filter(|f| f.value_string() == "true").map(|f| f.name.to_string()).collect();
    Ok(format!("triple: {}\nfeatures: {}\nvector width: 128 bits (2 f64 lanes)", isa.triple(), flags.join(" ")))
}

/// The intermediate code and the machine code of a kernel, as text.
pub struct Listing {
    /// Cranelift's intermediate form.
    pub clif: String,
    /// Assembly.
    pub asm: String,
}

/// Lists the functions of a kernel without keeping them.
pub fn listing(kernel: &Kernel) -> Result<Listing, NativeError> {
    let isa = host_isa(false)?;
    let (mut clif, mut asm) = (String::new(), String::new());
    let mut builder_context = FunctionBuilderContext::new();
    for (k, piece) in kernel.pieces.iter().enumerate() {
        let mut context = Context::new();
        context.set_disasm(true);
        build_piece(&mut context, &mut builder_context, &isa, piece);
        clif += &format!("; {} piece {k}\n{}\n", kernel.name, context.func.display());
        let code = context.compile(&*isa, &mut Default::default()).map_err(|e| NativeError::from(e.inner))?;
        asm += &format!("; {} piece {k}\n{}\n", kernel.name, code.vcode.as_deref().unwrap_or(""));
    }
    Ok(Listing { clif, asm })
}

fn signature(isa: &OwnedTargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params.push(AbiParam::new(types::F64));
    signature.params.extend([AbiParam::new(isa.pointer_type()); 5]);
    signature
}

fn build_piece(context: &mut Context, builder_context: &mut FunctionBuilderContext, isa: &OwnedTargetIsa, piece: &Piece) {
    context.func.signature = signature(isa);
    context.func.name = UserFuncName::user(0, 0);
    let builder = FunctionBuilder::new(&mut context.func, builder_context);
    PieceEmitter::new(builder, isa, piece).emit();
}

impl Native {
    /// Compiles a program after verifying it.
    ///
    /// # Errors
    /// [`NativeError`].
    pub fn new(program: &Program) -> Result<Self, NativeError> {
        verify(program).map_err(NativeError::Invalid)?;
        let operations: usize = program.kernels.iter().flat_map(|k| &k.pieces).map(|p| p.values as usize).sum();
        let isa = host_isa(operations > VERY_LARGE)?;
        let builder = JITBuilder::with_isa(isa.clone(), cranelift::module::default_libcall_names());
        let mut native = Native { module: ManuallyDrop::new(JITModule::new(builder)), entries: Vec::new(), code_bytes: 0 };
        let ids = native.define_all(program, &isa)?;
        native.module.finalize_definitions()?;
        for (id, kernel) in ids.into_iter().zip(&program.kernels) {
            let address = native.module.get_finalized_function(id);
            // SAFETY: the function was built with exactly this signature (`signature`), is finalised, and stays mapped
            // until `self` is dropped.
            let entry = unsafe { std::mem::transmute::<*const u8, Entry>(address) };
            native.entries.push((entry, kernel.lengths));
        }
        Ok(native)
    }

    fn define_all(&mut self, program: &Program, isa: &OwnedTargetIsa) -> Result<Vec<FuncId>, NativeError> {
        let pieces: Vec<&Piece> = program.kernels.iter().flat_map(|k| &k.pieces).collect();
        let compiled = compile_pieces(&pieces, isa)?;
        let signature = signature(isa);
        let mut compiled = compiled.into_iter();
        let mut ids = Vec::new();
        let mut context = Context::new();
        let mut builder_context = FunctionBuilderContext::new();
        for kernel in &program.kernels {
            let mut parts = Vec::new();
            for _ in &kernel.pieces {
                let Some(code) = compiled.next() else { break };
                let id = self.module.declare_anonymous_function(&signature)?;
                self.module.define_function_bytes(id, code.alignment, &code.bytes, &code.relocations)?;
                self.code_bytes += code.bytes.len();
                parts.push(id);
            }
            if let [one] = parts[..] {
                ids.push(one);
                continue;
            }
            let id = self.module.declare_anonymous_function(&signature)?;
            context.clear();
            context.func.signature = signature.clone();
            let mut builder = FunctionBuilder::new(&mut context.func, &mut builder_context);
            let block = builder.create_block();
            builder.append_block_params_for_function_params(block);
            builder.switch_to_block(block);
            builder.seal_block(block);
            let arguments = builder.block_params(block).to_vec();
            for part in parts {
                let callee = self.module.declare_func_in_func(part, builder.func);
                builder.ins().call(callee, &arguments);
            }
            builder.ins().return_(&[]);
            builder.finalize(isa.frontend_config());
            self.module.define_function(id, &mut context)?;
            self.code_bytes += context.compiled_code().map_or(0, |code| code.code_buffer().len());
            ids.push(id);
        }
        Ok(ids)
    }

    /// Shares it between threads.
    pub fn shared(self) -> Arc<dyn Kernels> {
        Arc::new(self)
    }
}

/// A compiled piece before it has an address.
struct PieceCode {
    bytes: Vec<u8>,
    alignment: u64,
    relocations: Vec<cranelift::module::ModuleReloc>,
}

/// Compiles pieces, on several threads when there are many operations; the result does not depend on how many.
fn compile_pieces(pieces: &[&Piece], isa: &OwnedTargetIsa) -> Result<Vec<PieceCode>, NativeError> {
    const PARALLEL_FROM: usize = 8_000;
    let operations: usize = pieces.iter().map(|piece| piece.values as usize).sum();
    let threads = if operations < PARALLEL_FROM { 1 } else { std::thread::available_parallelism().map_or(1, |n| n.get().min(8)) };
    if threads == 1 {
        return compile_some(pieces, isa);
    }
    let share = pieces.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let workers: Vec<_> = pieces.chunks(share).map(|chunk| scope.spawn(move || compile_some(chunk, isa))).collect();
        let mut all = Vec::with_capacity(pieces.len());
        for worker in workers {
            match worker.join() {
                Ok(codes) => all.extend(codes?),
                Err(_) => return Err(NativeError::Compile("a compiling thread panicked".into())),
            }
        }
        Ok(all)
    })
}

fn compile_some(pieces: &[&Piece], isa: &OwnedTargetIsa) -> Result<Vec<PieceCode>, NativeError> {
    let mut context = Context::new();
    let mut builder_context = FunctionBuilderContext::new();
    let mut control = Default::default();
    let mut codes = Vec::with_capacity(pieces.len());
    for piece in pieces {
        context.clear();
        build_piece(&mut context, &mut builder_context, isa, piece);
        let compiled = context.compile(&**isa, &mut control).map_err(|e| NativeError::from(e.inner))?;
        let alignment = u64::from(compiled.buffer.alignment.max(isa.function_alignment().preferred));
        let bytes = compiled.code_buffer().to_vec();
        let relocations = compiled.buffer.relocs().to_vec();
        let relocations = relocations
            .iter()
            .map(|reloc| cranelift::module::ModuleReloc::from_mach_reloc(reloc, &context.func, FuncId::from_u32(0)))
            .collect();
        codes.push(PieceCode { bytes, alignment, relocations });
    }
    Ok(codes)
}

impl Kernels for Native {
    fn lengths(&self, kernel: usize) -> Lengths {
        self.entries[kernel].1
    }

    fn call(&self, kernel: usize, t: f64, y: &[f64], p: &[f64], v: &[f64], w: &mut [f64], out: &mut [f64]) {
        let (entry, lengths) = self.entries[kernel];
        check_lengths(lengths, y, p, v, w, out);
        // SAFETY: the verifier proved that the kernel touches each buffer only within `lengths`, and the buffers are at
        // least that long; `w` and `out` are borrowed exclusively, so nothing written aliases what is read.
        unsafe { entry(t, y.as_ptr(), p.as_ptr(), v.as_ptr(), w.as_mut_ptr(), out.as_mut_ptr()) }
    }

    fn code_bytes(&self) -> usize {
        self.code_bytes
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // SAFETY: the module is taken exactly once, here, and no code of it can run any more: entry points are called
        // only through `&self`.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() }
    }
}

// SAFETY: after construction the module is only kept for its memory; nothing in it is touched until drop, and the entry
// points are pure functions of their arguments.
unsafe impl Send for Native {}
// SAFETY: as for `Send`.
unsafe impl Sync for Native {}
