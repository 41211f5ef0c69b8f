//! Native code through Cranelift, used as an assembler: what is computed and in which order is the program's, only
//! instructions and registers are chosen here. It agrees with the interpreter bit for bit.
//!
//! Each piece is a function of its own (`split`, `gather`, `plan`, `emit`, `ops`, `vector`, `lockstep`), compiled apart (`compile`, on several threads
//! when there is much to do) and put into executable pages (`code`, the only unsafe file), which are given back when
//! the last owner drops.
//!
//! Loops over eight lanes are not Cranelift's where the processor has vectors of eight numbers: `wide` and `zmm`.

mod code;
mod compile;
#[cfg(feature = "ahead")]
mod control;
mod emit;
mod gather;
mod lockstep;
#[cfg(feature = "ahead")]
mod object;
mod ops;
mod plan;
mod split;
mod target;
mod vector;
#[cfg(all(target_arch = "x86_64", not(windows)))]
mod wide;
#[cfg(all(target_arch = "x86_64", not(windows)))]
mod zmm;

pub use code::Pointer;
#[cfg(feature = "ahead")]
pub use object::{ObjectTarget, object};
pub use target::{Target, target};

use super::{Arguments, KernelId, Kernels, Signature, SingleKernels};
use crate::kernel::program::{Lengths, Op, Program, Stmt};
use crate::kernel::{Invalid, verify};
use code::{Code, Held};
use std::fmt;
use std::sync::Arc;
use target::Features;

/// Why there is no native code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NativeError {
    /// The program is not a valid one.
    Invalid(Invalid),
    /// The host has no code generator, refused executable memory, or code generation failed.
    Host(String),
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NativeError::Invalid(invalid) => invalid.fmt(f),
            NativeError::Host(reason) => write!(f, "no native code: {reason}"),
        }
    }
}

impl std::error::Error for NativeError {}

impl From<Invalid> for NativeError {
    fn from(invalid: Invalid) -> Self {
        NativeError::Invalid(invalid)
    }
}

/// The kernels of a program as machine code. Cheap to clone; clones share the code.
#[derive(Clone)]
pub struct Native {
    code: Arc<Code>,
    kernels: Arc<[Compiled]>,
    bytes: usize,
}

/// What a program reads beside its buffers; native code has its addresses, so it lives as long as the code does.
fn held(program: &Program) -> Held {
    fn collect(body: &[Stmt], found: &mut Held) {
        for statement in body {
            match statement {
                Stmt::Lookup { table, .. } => found.tables.push(table.clone()),
                Stmt::Let { op: Op::Curve(curve, ..), .. } => found.curves.push(curve.clone()),
                Stmt::Let { op: Op::Foreign(foreign, ..), .. } => found.foreigns.push(foreign.clone()),
                Stmt::Loop { body, .. } => collect(body, found),
                _ => {}
            }
        }
    }
    let mut found = Held::default();
    let pieces = program.kernels.iter().flat_map(|kernel| &kernel.pieces);
    pieces.for_each(|piece| collect(&piece.body, &mut found));
    found
}

/// One kernel.
#[derive(Clone, Copy)]
struct Compiled {
    signature: Signature,
    pointer: Pointer,
}

impl Native {
    /// Verifies and compiles a program.
    pub fn new(program: &Program) -> Result<Self, NativeError> {
        Self::with_features(program, Features::host().map_err(NativeError::Host)?)
    }

    fn with_features(program: &Program, features: Features) -> Result<Self, NativeError> {
        verify(program)?;
        let (jobs, kernels) = compile::jobs(program);
        let target = target::Machine::host().map_err(NativeError::Host)?;
        let machines = compile::compile(&jobs, target, features).map_err(NativeError::Host)?;
        let code = Code::new(&machines, held(program)).map_err(NativeError::Host)?;
        let kernels = program.kernels.iter().zip(kernels).map(|(kernel, job)| Compiled {
            signature: Signature { name: kernel.name, lengths: kernel.lengths },
            pointer: code.pointer(job as usize),
        });
        let kernels = kernels.collect();
        let bytes = machines.iter().map(|machine| machine.bytes.len()).sum();
        Ok(Native { code: Arc::new(code), kernels, bytes })
    }

    /// Size of the machine code, in bytes.
    pub fn code_bytes(&self) -> usize {
        self.bytes
    }

    /// One kernel as a value of its own, for hot loops.
    pub fn function(&self, kernel: KernelId) -> Function {
        let Compiled { signature, pointer } = self.kernels[kernel.0];
        Function { pointer, lengths: signature.lengths, code: self.code.clone() }
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.kernels.iter().map(|kernel| kernel.signature.name).collect();
        f.debug_struct("Native").field("kernels", &names).field("bytes", &self.bytes).finish()
    }
}

impl Kernels for Native {
    fn find(&self, name: &str) -> Option<KernelId> {
        self.kernels.iter().position(|kernel| kernel.signature.name == name).map(KernelId)
    }

    fn lengths(&self, kernel: KernelId) -> Lengths {
        self.kernels[kernel.0].signature.lengths
    }

    #[inline]
    fn call(&self, kernel: KernelId, arguments: Arguments<'_>) {
        let kernel = &self.kernels[kernel.0];
        code::checked_call(kernel.pointer, &kernel.signature.lengths, arguments);
    }

    fn another(&self, program: &Program) -> Option<Self> {
        Native::new(program).ok()
    }

    fn single(&self, program: &Program) -> Option<Arc<dyn SingleKernels>> {
        let features = Features { single: true, ..Features::host().ok()? };
        Some(Arc::new(Single(Native::with_features(program, features).ok()?)))
    }

    fn code_bytes(&self) -> usize {
        self.bytes
    }
}

/// Kernels whose numbers are of single precision.
struct Single(Native);

impl SingleKernels for Single {
    fn lengths(&self, kernel: KernelId) -> Lengths {
        Kernels::lengths(&self.0, kernel)
    }

    #[inline]
    fn call(&self, kernel: KernelId, arguments: Arguments<'_, f32>) {
        let kernel = &self.0.kernels[kernel.0];
        code::checked_call(kernel.pointer, &kernel.signature.lengths, arguments);
    }
}

/// One kernel as machine code; it keeps the code alive.
#[derive(Clone)]
pub struct Function {
    pointer: Pointer,
    lengths: Lengths,
    #[allow(dead_code, reason = "owns what `pointer` points to")]
    code: Arc<Code>,
}

impl Function {
    /// How long the buffers of a call must be at least.
    pub fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// Runs the kernel.
    ///
    /// # Panics
    /// If a slice is shorter than [`Function::lengths`] says.
    #[inline]
    pub fn call(&self, arguments: Arguments<'_>) {
        code::checked_call(self.pointer, &self.lengths, arguments);
    }

    /// The machine code itself; valid while this value or its [`Native`] lives.
    pub fn pointer(&self) -> Pointer {
        self.pointer
    }
}

/// What a kernel looks like to Cranelift, piece by piece.
pub fn clif(program: &Program, kernel: KernelId) -> Result<String, NativeError> {
    texts(program, kernel).map(|(clif, _)| clif)
}

/// The machine code of a kernel, piece by piece, in Cranelift's notation.
pub fn assembly(program: &Program, kernel: KernelId) -> Result<String, NativeError> {
    texts(program, kernel).map(|(_, assembly)| assembly)
}

fn texts(program: &Program, kernel: KernelId) -> Result<(String, String), NativeError> {
    verify(program)?;
    let mut all = (String::new(), String::new());
    for piece in &program.kernels[kernel.0].pieces {
        let (clif, assembly) = compile::texts(compile::Job::Piece(piece)).map_err(NativeError::Host)?;
        for (text, part) in [(&mut all.0, clif), (&mut all.1, assembly)] {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&part);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::interpret::Interpreter;
    use crate::kernel::program::{Address, Affine, Buffer, Kernel, LoopVar, Op, Piece, Stmt, Unary, Value};

    /// `a·b + c`, its floor and a ceiling, of neighbours in `y`.
    fn rounding(turns: i64) -> Program {
        let at = |buffer, base| Address { buffer, element: Affine { base, terms: vec![(LoopVar(0), 1)] } };
        let set = |dst, op| Stmt::Let { dst: Value(dst), op };
        let store = |base, value| Stmt::Store { to: at(Buffer::Out, base), value: Value(value) };
        let body = vec![
            set(0, Op::Load(at(Buffer::Y, 0))),
            set(1, Op::Load(at(Buffer::Y, 1))),
            set(2, Op::Load(at(Buffer::Y, 2))),
            set(3, Op::Fma(Value(0), Value(1), Value(2))),
            set(4, Op::Unary(Unary::Floor, Value(3))),
            set(5, Op::Unary(Unary::Ceil, Value(1))),
            store(0, 3),
            store(20, 4),
            store(40, 5),
        ];
        let body = vec![Stmt::Loop { var: LoopVar(0), lo: 0, hi: turns - 1, carried: vec![], body }];
        let lengths = Lengths { y: 22, out: 60, ..Lengths::default() };
        Program { kernels: vec![Kernel { name: "f", lengths, pieces: vec![Piece { values: 6, loops: 1, body }] }] }
    }

    fn run(kernels: &dyn Kernels) -> Vec<u64> {
        let id = KernelId(0);
        let y: Vec<f64> =
            (0..22).map(|k| [0.1, -2.5, 1e17, -0.3, 3.0, f64::INFINITY][k % 6] * (k as f64 - 7.0)).collect();
        let (mut w, mut out) = (vec![0.0; kernels.lengths(id).w], vec![0.0; 60]);
        kernels.call(id, Arguments { t: 0.0, y: &y, p: &[], v: &[], w: &mut w, out: &mut out });
        out.iter().map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).collect()
    }

    #[test]
    fn hosts_without_the_instructions_compute_the_same() -> Result<(), NativeError> {
        for turns in [1, 2, 7, 20] {
            let program = rounding(turns);
            let expected = run(&Interpreter::new(&program)?);
            for (fma, round) in [(false, false), (true, false), (false, true)] {
                let fma = fma && Features::host().map_err(NativeError::Host)?.fma;
                let native = Native::with_features(
                    &program,
                    Features { fma, round, several: true, single: false, wide: false },
                )?;
                assert_eq!(run(&native), expected, "{turns} turns, fma {fma}, round {round}");
            }
        }
        Ok(())
    }

    #[test]
    fn the_texts_show_every_piece() -> Result<(), NativeError> {
        let mut program = rounding(9);
        let piece = program.kernels[0].pieces[0].clone();
        program.kernels[0].pieces.push(piece);
        assert_eq!(clif(&program, KernelId(0))?.matches("function ").count(), 2);
        assert!(assembly(&program, KernelId(0))?.contains("ret"));
        assert!(Native::new(&program)?.code_bytes() > 100);
        Ok(())
    }

    #[test]
    fn the_target_is_described() -> Result<(), String> {
        let text = target()?.to_string();
        assert!(text.starts_with("target: ") && text.contains("vectors: 2 × f64"), "{text}");
        Ok(())
    }
}
