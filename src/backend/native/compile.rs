//! From functions to machine code: scratch memory that is used again, and threads for large programs.

#[cfg(feature = "ahead")]
use super::control;
#[cfg(feature = "ahead")]
use super::emit::Lookup;
use super::emit::{self, IMPORTS, Import, OWN, TABLES};
use super::target::{Allocator, Features, Machine as Target};
#[cfg(feature = "ahead")]
use crate::kernel::control::Function;
use crate::kernel::program::{Piece, Program, Stmt};
use cranelift::codegen::binemit::{Addend, CodeOffset, Reloc};
use cranelift::codegen::control::ControlPlane;
use cranelift::codegen::ir::{ExternalName, LibCall};
use cranelift::codegen::{Context, FinalizedRelocTarget};
use cranelift::module::{DataId, FuncId, ModuleReloc, ModuleRelocTarget};
use cranelift::prelude::FunctionBuilderContext;
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One function of a program, to be compiled on its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job<'a> {
    /// A piece.
    Piece(&'a Piece),
    /// A kernel of several pieces (or none): the first of them and their number.
    Driver { first: u32, count: u32 },
    /// A piece that calls its curves as functions of the program.
    #[cfg(feature = "ahead")]
    Standing(&'a Piece, &'a [Lookup]),
    /// A function with control flow, and what it may call.
    #[cfg(feature = "ahead")]
    Function(&'a Function, &'a Standing<'a>),
}

/// What functions with control flow may call.
#[cfg(feature = "ahead")]
#[derive(Debug)]
pub(super) struct Standing<'a> {
    /// The job that is each kernel's function, by name.
    pub kernels: Vec<(&'static str, u32)>,
    /// Each other; function k is job `first + k`.
    pub functions: &'a [Function],
    pub first: u32,
}

/// One compiled function.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub bytes: Vec<u8>,
    pub alignment: u64,
    pub relocations: Vec<Relocation>,
}

/// A place in a function that waits for an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relocation {
    pub offset: CodeOffset,
    pub kind: Reloc,
    pub addend: Addend,
    pub symbol: Symbol,
}

/// What a function refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// The function of that number.
    Own(u32),
    /// The import of that number.
    Import(u32),
    /// The table of that number.
    Table(u32),
    /// A place in the function itself.
    Inside(CodeOffset),
}

/// Above this many statements a piece is compiled with the faster register allocator.
const LARGE: usize = 50_000;
/// Above this many statements in a program it is compiled on several threads.
const MANY: usize = 1_000;

/// The jobs of a program in order, and the job that is each kernel's function.
pub(super) fn jobs(program: &Program) -> (Vec<Job<'_>>, Vec<u32>) {
    let mut jobs = Vec::new();
    let mut kernels = Vec::new();
    for kernel in &program.kernels {
        let first = jobs.len() as u32;
        jobs.extend(kernel.pieces.iter().map(Job::Piece));
        let count = kernel.pieces.len() as u32;
        if count == 1 {
            kernels.push(first);
        } else {
            kernels.push(jobs.len() as u32);
            jobs.push(Job::Driver { first, count });
        }
    }
    (jobs, kernels)
}

/// Compiles all jobs; the result does not depend on the number of threads.
pub(super) fn compile(jobs: &[Job<'_>], target: &Target, features: Features) -> Result<Vec<Machine>, String> {
    let statements: usize = jobs.iter().map(Job::size).sum();
    let threads = match std::thread::available_parallelism() {
        Ok(threads) if statements > MANY => threads.get().min(jobs.len()),
        _ => 1,
    };
    if threads <= 1 {
        return SCRATCH
            .with_borrow_mut(|scratch| jobs.iter().map(|&job| scratch.compile(job, target, features)).collect());
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut scratch = Scratch::new();
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(&job) = jobs.get(number) else { return done };
            done.push((number, scratch.compile(job, target, features)));
        }
    };
    let mut results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut results = work();
        for worker in workers {
            match worker.join() {
                Ok(part) => results.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_by_key(|&(number, _)| number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The places of a function that wait for addresses, as a module wants them; `id` is the function itself.
pub(super) fn relocations(
    machine: &Machine,
    id: FuncId,
    own: &[FuncId],
    foreign: &[Option<FuncId>],
    tables: &[DataId],
) -> Vec<ModuleReloc> {
    let resolve = |relocation: &Relocation| ModuleReloc {
        offset: relocation.offset,
        kind: relocation.kind,
        addend: relocation.addend,
        name: match relocation.symbol {
            Symbol::Own(number) => own[number as usize].into(),
            Symbol::Table(number) => tables[number as usize].into(),
            Symbol::Import(number) => foreign[number as usize].map_or(id.into(), FuncId::into),
            Symbol::Inside(offset) => ModuleRelocTarget::FunctionOffset(id, offset),
        },
    };
    machine.relocations.iter().map(resolve).collect()
}

/// The text of a job before and after compilation.
pub(super) fn texts(job: Job<'_>) -> Result<(String, String), String> {
    Scratch::new().texts(job)
}

impl Job<'_> {
    fn size(&self) -> usize {
        match self {
            Job::Piece(piece) => size(&piece.body),
            Job::Driver { count, .. } => *count as usize,
            #[cfg(feature = "ahead")]
            Job::Function(..) => 0,
            #[cfg(feature = "ahead")]
            Job::Standing(piece, _) => size(&piece.body),
        }
    }

    fn allocator(&self) -> Allocator {
        if self.size() > LARGE { Allocator::SinglePass } else { Allocator::Backtracking }
    }
}

/// The number of statements.
fn size(body: &[Stmt]) -> usize {
    body.iter().map(|statement| if let Stmt::Loop { body, .. } = statement { 1 + size(body) } else { 1 }).sum()
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// Memory of the compiler, kept from function to function.
struct Scratch {
    context: Context,
    builder: FunctionBuilderContext,
    control: ControlPlane,
}

impl Scratch {
    fn new() -> Self {
        Scratch { context: Context::new(), builder: FunctionBuilderContext::new(), control: ControlPlane::default() }
    }

    fn emit(&mut self, job: Job<'_>, target: &Target, features: Features) {
        self.context.clear();
        let isa = target.isa(job.allocator()).as_ref();
        let function = &mut self.context.func;
        match job {
            Job::Piece(piece) => emit::piece(piece, isa, features, &[], function, &mut self.builder),
            Job::Driver { first, count } => emit::driver(first, count, isa, function, &mut self.builder),
            #[cfg(feature = "ahead")]
            Job::Standing(piece, curves) => emit::piece(piece, isa, features, curves, function, &mut self.builder),
            #[cfg(feature = "ahead")]
            Job::Function(source, standing) => control::function(source, standing, isa, function, &mut self.builder),
        }
    }

    fn compile(&mut self, job: Job<'_>, target: &Target, features: Features) -> Result<Machine, String> {
        #[cfg(all(target_arch = "x86_64", not(windows)))]
        if let (true, Job::Piece(piece)) = (features.wide, job)
            && let Some(machine) = super::wide::piece(piece, features.single)
        {
            return Ok(machine);
        }
        self.emit(job, target, features);
        let isa = target.isa(job.allocator()).as_ref();
        if let Err(error) = self.context.compile(isa, &mut self.control) {
            return Err(format!("{:?}", error.inner));
        }
        let Some(code) = self.context.compiled_code() else { return Err("no code was produced".into()) };
        let names = self.context.func.params.user_named_funcs();
        let mut relocations = Vec::new();
        for relocation in code.buffer.relocs() {
            let symbol = match &relocation.target {
                FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                    let name = &names[*name];
                    match name.namespace {
                        OWN => Symbol::Own(name.index),
                        IMPORTS => Symbol::Import(name.index),
                        TABLES => Symbol::Table(name.index),
                        other => return Err(format!("unknown name space {other}")),
                    }
                }
                // Where the machine has no instruction for them.
                FinalizedRelocTarget::ExternalName(ExternalName::LibCall(LibCall::FloorF64)) => {
                    Symbol::Import(Import::Floor.number())
                }
                FinalizedRelocTarget::ExternalName(ExternalName::LibCall(LibCall::CeilF64)) => {
                    Symbol::Import(Import::Ceil.number())
                }
                FinalizedRelocTarget::Func(offset) => Symbol::Inside(*offset),
                FinalizedRelocTarget::ExternalName(other) => return Err(format!("unexpected symbol {other:?}")),
            };
            let (offset, kind, addend) = (relocation.offset, relocation.kind, relocation.addend);
            relocations.push(Relocation { offset, kind, addend, symbol });
        }
        Ok(Machine { bytes: code.buffer.data().to_vec(), alignment: u64::from(code.buffer.alignment), relocations })
    }

    fn texts(&mut self, job: Job<'_>) -> Result<(String, String), String> {
        let target = Target::host()?;
        self.emit(job, target, target.features);
        let clif = self.context.func.display().to_string();
        self.context.set_disasm(true);
        let isa = target.isa(job.allocator()).as_ref();
        let compiled = self.context.compile(isa, &mut self.control).map_err(|error| format!("{:?}", error.inner))?;
        let assembly = compiled.vcode.clone().unwrap_or_default();
        Ok((clif, assembly))
    }
}
