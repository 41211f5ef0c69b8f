//! The interpreter: the meaning of a program, and the backend where no native code may run.
//!
//! Each kernel is flattened once into a list of instructions on registers. Registers (one per value, then one per
//! loop variable) live behind the kernel's own part of `w`, so that a call allocates nothing. Truth values are kept
//! as 1 and 0, loop variables as the bits of an `i64`.

use super::{Arguments, KernelId, Kernels, Signature, SingleKernels};
use crate::curve::Curve;
use crate::foreign::{Foreign, Part};
use crate::kernel::program::{
    Address, Affine, Binary, Buffer, Carried, Compare, Kernel, Lengths, LoopVar, Op, Piece, Program, Stmt, Unary, Value,
};
use crate::kernel::{Invalid, verify};
use crate::math::{Entry, Real};
use std::sync::Arc;

/// A program flattened to instructions.
#[derive(Clone, Debug)]
pub struct Interpreter {
    kernels: Vec<Flat>,
}

impl Interpreter {
    /// Verifies and flattens a program.
    pub fn new(program: &Program) -> Result<Self, Invalid> {
        verify(program)?;
        Ok(Interpreter { kernels: program.kernels.iter().map(Flat::new).collect() })
    }
}

impl Kernels for Interpreter {
    fn find(&self, name: &str) -> Option<KernelId> {
        self.kernels.iter().position(|kernel| kernel.signature.name == name).map(KernelId)
    }

    fn lengths(&self, kernel: KernelId) -> Lengths {
        self.kernels[kernel.0].signature.lengths
    }

    fn call(&self, kernel: KernelId, arguments: Arguments<'_>) {
        let flat = &self.kernels[kernel.0];
        arguments.check(&flat.signature.lengths);
        let Arguments { t, y, p, v, w, out } = arguments;
        let (w, registers) = w.split_at_mut(flat.own);
        flat.run(Arguments { t, y, p, v, w, out }, registers);
    }

    fn another(&self, program: &Program) -> Option<Self> {
        Interpreter::new(program).ok()
    }

    fn single(&self, program: &Program) -> Option<Arc<dyn SingleKernels>> {
        Some(Arc::new(Single(Interpreter::new(program).ok()?)))
    }
}

/// The same in single precision. Sums, products, quotients and roots of single numbers rounded as doubles and then again are
/// rounded rightly: a double has more than twice the digits and two.
struct Single(Interpreter);

impl SingleKernels for Single {
    fn lengths(&self, kernel: KernelId) -> Lengths {
        let flat = &self.0.kernels[kernel.0];
        Lengths { w: flat.own, ..flat.signature.lengths }
    }

    fn call(&self, kernel: KernelId, arguments: Arguments<'_, f32>) {
        let flat = &self.0.kernels[kernel.0];
        arguments.check(&self.lengths(kernel));
        flat.run(arguments, &mut vec![0.0; flat.signature.lengths.w - flat.own]);
    }
}

/// A register: where it lies in the scratch part of `w`.
type Register = u32;

/// One instruction; the commonest operations have their own, so that one jump leads to them.
#[derive(Clone, Copy, Debug)]
enum Instruction {
    Const {
        dst: Register,
        value: f64,
    },
    Time {
        dst: Register,
    },
    Index {
        dst: Register,
        var: Register,
    },
    Load {
        dst: Register,
        buffer: Buffer,
        element: u32,
    },
    LoadAt {
        dst: Register,
        buffer: Buffer,
        subscript: u32,
    },
    Store {
        buffer: Buffer,
        element: u32,
        src: Register,
    },
    StoreAt {
        buffer: Buffer,
        subscript: u32,
        src: Register,
    },
    Add {
        dst: Register,
        a: Register,
        b: Register,
    },
    Sub {
        dst: Register,
        a: Register,
        b: Register,
    },
    Mul {
        dst: Register,
        a: Register,
        b: Register,
    },
    Div {
        dst: Register,
        a: Register,
        b: Register,
    },
    Min {
        dst: Register,
        a: Register,
        b: Register,
    },
    Max {
        dst: Register,
        a: Register,
        b: Register,
    },
    Unary {
        op: Unary,
        dst: Register,
        a: Register,
    },
    Fma {
        dst: Register,
        a: Register,
        b: Register,
        c: Register,
    },
    Curve {
        curve: u32,
        order: u8,
        dst: Register,
        a: Register,
    },
    Foreign {
        call: u32,
        dst: Register,
    },
    Call1 {
        function: extern "C" fn(f64) -> f64,
        dst: Register,
        a: Register,
    },
    Call2 {
        function: extern "C" fn(f64, f64) -> f64,
        dst: Register,
        a: Register,
        b: Register,
    },
    Compare {
        op: Compare,
        dst: Register,
        a: Register,
        b: Register,
    },
    And {
        dst: Register,
        a: Register,
        b: Register,
    },
    Or {
        dst: Register,
        a: Register,
        b: Register,
    },
    Not {
        dst: Register,
        a: Register,
    },
    Select {
        dst: Register,
        c: Register,
        a: Register,
        b: Register,
    },
    Copy {
        dst: Register,
        src: Register,
    },
    Wrap {
        var: Register,
        subscript: u32,
        extent: i64,
    },
    Lookup {
        var: Register,
        subscript: u32,
        table: u32,
    },
    Enter {
        var: Register,
        lo: i64,
    },
    /// Goes back to `head` with the next value of `var` unless it has reached `last` (an index of `lasts`).
    Repeat {
        var: Register,
        last: u32,
        head: u32,
    },
}

/// One kernel, flattened.
#[derive(Clone, Debug)]
struct Flat {
    signature: Signature,
    /// The kernel's own part of `w`.
    own: usize,
    code: Vec<Instruction>,
    /// Subscripts that depend on loop variables: the constant part and a range of `terms`.
    subscripts: Vec<(i64, u32, u32)>,
    terms: Vec<(Register, i64)>,
    /// Last values of loop variables.
    lasts: Vec<i64>,
    tables: Vec<Arc<[u32]>>,
    curves: Vec<Arc<Curve>>,
    /// Calls of the host: which function and derivative, and where the arguments are.
    foreigns: Vec<(Arc<Foreign>, Part, Vec<Register>)>,
}

impl Flat {
    fn new(kernel: &Kernel) -> Self {
        let mut lengths = kernel.lengths;
        let mut flat = Flat {
            signature: Signature { name: kernel.name, lengths },
            own: lengths.w,
            code: Vec::new(),
            subscripts: Vec::new(),
            terms: Vec::new(),
            lasts: Vec::new(),
            tables: Vec::new(),
            curves: Vec::new(),
            foreigns: Vec::new(),
        };
        let registers = kernel.pieces.iter().map(|piece| flat.piece(piece)).max().unwrap_or(0);
        lengths.w += registers as usize;
        flat.signature.lengths = lengths;
        flat
    }

    /// Appends a piece; returns the number of registers it needs.
    fn piece(&mut self, piece: &Piece) -> u32 {
        let mut flattener = Flattener { flat: self, first_loop: piece.values, spare: piece.values + piece.loops };
        flattener.body(&piece.body);
        flattener.spare
    }

    /// Runs it on numbers of one precision or other; a register holds a double that is such a number.
    fn run<T: Real>(&self, arguments: Arguments<'_, T>, registers: &mut [f64]) {
        let Arguments { t, y, p, v, w, out } = arguments;
        let mut at = 0;
        macro_rules! reg {
            ($r:expr) => {
                registers[$r as usize]
            };
        }
        macro_rules! binary {
            ($dst:expr, $a:expr, $op:tt, $b:expr) => {
                reg!($dst) = T::round(reg!($a) $op reg!($b))
            };
        }
        while let Some(&instruction) = self.code.get(at) {
            at += 1;
            match instruction {
                Instruction::Const { dst, value } => reg!(dst) = T::round(value),
                Instruction::Time { dst } => reg!(dst) = T::round(t),
                Instruction::Index { dst, var } => reg!(dst) = T::round(integer(reg!(var)) as f64),
                Instruction::Load { dst, buffer, element } => reg!(dst) = read(buffer, element as usize, y, p, v, w),
                Instruction::LoadAt { dst, buffer, subscript } => {
                    let element = self.subscript(subscript, registers) as usize;
                    reg!(dst) = read(buffer, element, y, p, v, w);
                }
                Instruction::Store { buffer, element, src } => {
                    let to = if buffer == Buffer::W { &mut *w } else { &mut *out };
                    to[element as usize] = T::of(reg!(src));
                }
                Instruction::StoreAt { buffer, subscript, src } => {
                    let to = if buffer == Buffer::W { &mut *w } else { &mut *out };
                    to[self.subscript(subscript, registers) as usize] = T::of(reg!(src));
                }
                Instruction::Add { dst, a, b } => binary!(dst, a, +, b),
                Instruction::Sub { dst, a, b } => binary!(dst, a, -, b),
                Instruction::Mul { dst, a, b } => binary!(dst, a, *, b),
                Instruction::Div { dst, a, b } => binary!(dst, a, /, b),
                Instruction::Min { dst, a, b } => reg!(dst) = if reg!(a) < reg!(b) { reg!(a) } else { reg!(b) },
                Instruction::Max { dst, a, b } => reg!(dst) = if reg!(a) > reg!(b) { reg!(a) } else { reg!(b) },
                Instruction::Unary { op, dst, a } => reg!(dst) = T::round(unary(op, reg!(a))),
                Instruction::Fma { dst, a, b, c } => reg!(dst) = T::fma(reg!(a), reg!(b), reg!(c)),
                Instruction::Call1 { function, dst, a } => reg!(dst) = T::round(function(reg!(a))),
                Instruction::Curve { curve, order, dst, a } => {
                    reg!(dst) = T::round(self.curves[curve as usize].value(order, reg!(a)));
                }
                Instruction::Foreign { call, dst } => {
                    let (foreign, part, arguments) = &self.foreigns[call as usize];
                    let arguments: Vec<f64> = arguments.iter().map(|a| reg!(*a)).collect();
                    reg!(dst) = T::round(foreign.evaluate(*part, &arguments));
                }
                Instruction::Call2 { function, dst, a, b } => reg!(dst) = T::round(function(reg!(a), reg!(b))),
                Instruction::Compare { op, dst, a, b } => reg!(dst) = truth(compare(op, reg!(a), reg!(b))),
                Instruction::And { dst, a, b } => reg!(dst) = truth(reg!(a) != 0.0 && reg!(b) != 0.0),
                Instruction::Or { dst, a, b } => reg!(dst) = truth(reg!(a) != 0.0 || reg!(b) != 0.0),
                Instruction::Not { dst, a } => reg!(dst) = truth(reg!(a) == 0.0),
                Instruction::Select { dst, c, a, b } => {
                    reg!(dst) = if reg!(c) != 0.0 { reg!(a) } else { reg!(b) };
                }
                Instruction::Copy { dst, src } => reg!(dst) = reg!(src),
                Instruction::Wrap { var, subscript, extent } => {
                    reg!(var) = bits(self.subscript(subscript, registers).rem_euclid(extent));
                }
                Instruction::Lookup { var, subscript, table } => {
                    let at = self.subscript(subscript, registers) as usize;
                    reg!(var) = bits(i64::from(self.tables[table as usize][at]));
                }
                Instruction::Enter { var, lo } => reg!(var) = bits(lo),
                Instruction::Repeat { var, last, head } => {
                    let value = integer(reg!(var));
                    if value < self.lasts[last as usize] {
                        reg!(var) = bits(value + 1);
                        at = head as usize;
                    }
                }
            }
        }
    }

    fn subscript(&self, subscript: u32, registers: &[f64]) -> i64 {
        let (base, from, to) = self.subscripts[subscript as usize];
        let terms = &self.terms[from as usize..to as usize];
        terms.iter().fold(base, |sum, &(var, k)| sum + k * integer(registers[var as usize]))
    }
}

/// Appends statements of one piece to a kernel.
struct Flattener<'a> {
    flat: &'a mut Flat,
    first_loop: Register,
    /// The first register not yet in use.
    spare: Register,
}

impl Flattener<'_> {
    fn body(&mut self, statements: &[Stmt]) {
        for statement in statements {
            let instruction = match statement {
                Stmt::Let { dst, op } => self.op(dst.0, op),
                Stmt::Store { to, value } => match small(to) {
                    Some(element) => Instruction::Store { buffer: to.buffer, element, src: value.0 },
                    None => {
                        let subscript = self.subscript(&to.element);
                        Instruction::StoreAt { buffer: to.buffer, subscript, src: value.0 }
                    }
                },
                Stmt::Wrap { var, of, extent } => {
                    Instruction::Wrap { var: self.var(*var), subscript: self.subscript(of), extent: *extent }
                }
                Stmt::Lookup { var, table, at } => {
                    self.flat.tables.push(table.clone());
                    let table = self.flat.tables.len() as u32 - 1;
                    Instruction::Lookup { var: self.var(*var), subscript: self.subscript(at), table }
                }
                Stmt::Loop { var, lo, hi, carried, body } => {
                    self.repeat(*var, *lo, *hi, carried, body);
                    continue;
                }
            };
            self.flat.code.push(instruction);
        }
    }

    fn repeat(&mut self, var: LoopVar, lo: i64, hi: i64, carried: &[Carried], body: &[Stmt]) {
        let var = self.var(var);
        carried.iter().for_each(|c| self.copy(c.acc.0, c.init.0));
        self.flat.code.push(Instruction::Enter { var, lo });
        let head = self.flat.code.len() as u32;
        self.body(body);
        // All results first, then all accumulators: one accumulator may be the next value of another.
        carried.iter().for_each(|c| self.copy(c.result.0, c.next.0));
        carried.iter().for_each(|c| self.copy(c.acc.0, c.result.0));
        let last = self.flat.lasts.len() as u32;
        self.flat.lasts.push(hi);
        self.flat.code.push(Instruction::Repeat { var, last, head });
    }

    fn op(&mut self, dst: Register, op: &Op) -> Instruction {
        match *op {
            Op::Const(value) => Instruction::Const { dst, value },
            Op::Time => Instruction::Time { dst },
            Op::Index(var) => Instruction::Index { dst, var: self.var(var) },
            Op::Load(ref from) => match small(from) {
                Some(element) => Instruction::Load { dst, buffer: from.buffer, element },
                None => Instruction::LoadAt { dst, buffer: from.buffer, subscript: self.subscript(&from.element) },
            },
            Op::Unary(op, Value(a)) => Instruction::Unary { op, dst, a },
            Op::Binary(op, Value(a), Value(b)) => match op {
                Binary::Add => Instruction::Add { dst, a, b },
                Binary::Sub => Instruction::Sub { dst, a, b },
                Binary::Mul => Instruction::Mul { dst, a, b },
                Binary::Div => Instruction::Div { dst, a, b },
                Binary::Min => Instruction::Min { dst, a, b },
                Binary::Max => Instruction::Max { dst, a, b },
            },
            Op::Fma(Value(a), Value(b), Value(c)) => Instruction::Fma { dst, a, b, c },
            Op::Call1(function, Value(a)) => self.call(function.entry(), dst, a, a),
            Op::Call2(function, Value(a), Value(b)) => self.call(function.entry(), dst, a, b),
            Op::Curve(ref curve, order, Value(a)) => {
                self.flat.curves.push(curve.clone());
                Instruction::Curve { curve: self.flat.curves.len() as u32 - 1, order, dst, a }
            }
            Op::Foreign(ref foreign, part, ref arguments) => {
                let registers = arguments.iter().map(|Value(a)| *a).collect();
                self.flat.foreigns.push((foreign.clone(), part, registers));
                Instruction::Foreign { call: self.flat.foreigns.len() as u32 - 1, dst }
            }
            Op::Compare(op, Value(a), Value(b)) => Instruction::Compare { op, dst, a, b },
            Op::And(Value(a), Value(b)) => Instruction::And { dst, a, b },
            Op::Or(Value(a), Value(b)) => Instruction::Or { dst, a, b },
            Op::Not(Value(a)) => Instruction::Not { dst, a },
            Op::Select(Value(c), Value(a), Value(b)) => Instruction::Select { dst, c, a, b },
        }
    }

    fn call(&self, entry: Entry, dst: Register, a: Register, b: Register) -> Instruction {
        match entry {
            Entry::One(function) => Instruction::Call1 { function, dst, a },
            Entry::Two(function) => Instruction::Call2 { function, dst, a, b },
        }
    }

    fn copy(&mut self, dst: Register, src: Register) {
        self.flat.code.push(Instruction::Copy { dst, src });
    }

    fn var(&self, var: LoopVar) -> Register {
        self.first_loop + var.0
    }

    fn subscript(&mut self, affine: &Affine) -> u32 {
        let from = self.flat.terms.len() as u32;
        for &(var, k) in &affine.terms {
            self.flat.terms.push((self.var(var), k));
        }
        self.flat.subscripts.push((affine.base, from, self.flat.terms.len() as u32));
        self.flat.subscripts.len() as u32 - 1
    }
}

/// The element of an address that depends on no loop variable.
fn small(address: &Address) -> Option<u32> {
    address.element.terms.is_empty().then_some(address.element.base).and_then(|base| u32::try_from(base).ok())
}

#[inline(always)]
fn read<T: Real>(buffer: Buffer, element: usize, y: &[T], p: &[T], v: &[T], w: &[T]) -> f64 {
    let number = match buffer {
        Buffer::Y => y[element],
        Buffer::P => p[element],
        Buffer::V => v[element],
        Buffer::W | Buffer::Out => w[element],
    };
    number.double()
}

fn unary(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sqrt => x.sqrt(),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
    }
}

fn compare(op: Compare, a: f64, b: f64) -> bool {
    match op {
        Compare::Lt => a < b,
        Compare::Le => a <= b,
        Compare::Eq => a == b,
        Compare::Ne => a != b,
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn bits(integer: i64) -> f64 {
    f64::from_bits(integer as u64)
}

fn integer(bits: f64) -> i64 {
    bits.to_bits() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(dst: u32, op: Op) -> Stmt {
        Stmt::Let { dst: Value(dst), op }
    }

    fn at(buffer: Buffer, base: i64, terms: &[(u32, i64)]) -> Address {
        let terms = terms.iter().map(|&(var, k)| (LoopVar(var), k)).collect();
        Address { buffer, element: Affine { base, terms } }
    }

    /// `out[i] = y[(i-1) mod 4]` and `out[4]`, `out[5]` the Fibonacci numbers F₄ and F₅ by swapping accumulators.
    #[test]
    fn loops_wrap_and_carry() -> Result<(), Invalid> {
        let v = Value;
        let carried = vec![
            Carried { acc: v(2), init: v(0), next: v(3), result: v(6) },
            Carried { acc: v(3), init: v(1), next: v(4), result: v(7) },
        ];
        let body = vec![
            set(4, Op::Binary(Binary::Add, v(2), v(3))),
            Stmt::Wrap { var: LoopVar(1), of: Affine { base: -1, terms: vec![(LoopVar(0), 1)] }, extent: 4 },
            set(5, Op::Load(at(Buffer::Y, 0, &[(1, 1)]))),
            Stmt::Store { to: at(Buffer::Out, 0, &[(0, 1)]), value: v(5) },
        ];
        let body = vec![
            set(0, Op::Const(0.0)),
            set(1, Op::Const(1.0)),
            Stmt::Loop { var: LoopVar(0), lo: 0, hi: 3, carried, body },
            Stmt::Store { to: at(Buffer::Out, 4, &[]), value: v(6) },
            Stmt::Store { to: at(Buffer::Out, 5, &[]), value: v(7) },
        ];
        let lengths = Lengths { y: 4, out: 6, ..Lengths::default() };
        let piece = Piece { values: 8, loops: 2, body };
        let program = Program { kernels: vec![Kernel { name: "f", lengths, pieces: vec![piece] }] };
        let interpreter = Interpreter::new(&program)?;
        let id = interpreter.find("f").expect("it is there");
        let mut w = vec![f64::NAN; interpreter.lengths(id).w];
        let mut out = [0.0; 6];
        let y = [1.0, 2.0, 3.0, 4.0];
        interpreter.call(id, Arguments { t: 0.0, y: &y, p: &[], v: &[], w: &mut w, out: &mut out });
        assert_eq!(out, [4.0, 1.0, 2.0, 3.0, 3.0, 5.0]);
        Ok(())
    }
}
