//! Machine code is given back when its last owner drops, and may be shared between threads.
#![cfg(feature = "jit")]

use rhapsode::backend::native::{Native, NativeError};
use rhapsode::backend::{Arguments, KernelId, Kernels};
use rhapsode::kernel::program::{Address, Affine, Binary, Buffer, Kernel, Lengths, Op, Piece, Program, Stmt, Value};
use rhapsode::math::Function;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Memory is measured while no other test of this file runs.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `out[0] = exp(y[0])·c`, then in a second piece `out[1] = c`.
fn program(c: f64) -> Program {
    let at = |buffer, base| Address { buffer, element: Affine::constant(base) };
    let set = |dst, op| Stmt::Let { dst: Value(dst), op };
    let first = vec![
        set(0, Op::Load(at(Buffer::Y, 0))),
        set(1, Op::Const(c)),
        set(2, Op::Call1(Function::Exp, Value(0))),
        set(3, Op::Binary(Binary::Mul, Value(2), Value(1))),
        Stmt::Store { to: at(Buffer::Out, 0), value: Value(3) },
    ];
    let second = vec![set(0, Op::Const(c)), Stmt::Store { to: at(Buffer::Out, 1), value: Value(0) }];
    let pieces = vec![Piece { values: 4, loops: 0, body: first }, Piece { values: 1, loops: 0, body: second }];
    let lengths = Lengths { y: 1, out: 2, ..Lengths::default() };
    let nothing = Kernel { name: "nothing", lengths: Lengths::default(), pieces: vec![] };
    Program { kernels: vec![Kernel { name: "rhs", lengths, pieces }, nothing] }
}

fn run(native: &Native) -> [f64; 2] {
    let mut out = [0.0; 2];
    native.call(KernelId(0), Arguments { t: 0.0, y: &[1.0], p: &[], v: &[], w: &mut [], out: &mut out });
    native.call(KernelId(1), Arguments { t: 0.0, y: &[], p: &[], v: &[], w: &mut [], out: &mut [] });
    out
}

/// Resident memory in bytes, where the system tells.
fn resident() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split_whitespace().nth(1)?.parse::<usize>().ok()? * 4096)
}

fn cycles(count: usize) -> Result<(), NativeError> {
    for k in 0..count {
        let native = Native::new(&program(k as f64))?;
        assert_eq!(run(&native), [1f64.exp() * k as f64, k as f64]);
    }
    Ok(())
}

/// Leaking one page per program would grow memory by `count` pages.
fn memory_stays(count: usize) -> Result<(), NativeError> {
    let _alone = alone();
    cycles(200)?;
    let before = resident();
    cycles(count)?;
    match (before, resident()) {
        (Some(before), Some(after)) => {
            let grown = after.saturating_sub(before);
            assert!(grown < count * 4096 / 4, "memory grew by {grown} bytes in {count} cycles");
        }
        _ => println!("skipped: this system has no /proc/self/statm"),
    }
    Ok(())
}

#[test]
fn two_thousand_programs_leave_nothing_behind() -> Result<(), NativeError> {
    memory_stays(2_000)
}

#[test]
#[ignore = "a quarter of a minute; the short form runs always"]
fn a_hundred_thousand_programs_leave_nothing_behind() -> Result<(), NativeError> {
    memory_stays(100_000)
}

#[test]
fn code_is_shared_between_threads_and_outlives_its_maker() -> Result<(), NativeError> {
    let _alone = alone();
    let native = Native::new(&program(2.0))?;
    let function = native.function(KernelId(0));
    let clone = native.clone();
    drop(native);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(run(&clone), [1f64.exp() * 2.0, 2.0]));
        }
    });
    drop(clone);
    let mut out = [0.0; 2];
    function.call(Arguments { t: 0.0, y: &[0.0], p: &[], v: &[], w: &mut [], out: &mut out });
    assert_eq!(out, [2.0, 2.0]);
    Ok(())
}

#[test]
#[should_panic(expected = "a buffer is shorter than its kernel needs")]
fn short_buffers_are_refused() {
    let _alone = alone();
    let native = Native::new(&program(1.0)).expect("the host has native code");
    native.call(KernelId(0), Arguments { t: 0.0, y: &[1.0], p: &[], v: &[], w: &mut [], out: &mut [0.0] });
}

/// Thousands of statements in many pieces are compiled on several threads; the code is the same every time.
#[test]
fn large_programs_compile_the_same_every_time() -> Result<(), NativeError> {
    let _alone = alone();
    let mut large = program(3.0);
    let piece = |k: u32| {
        let at = |buffer, base| Address { buffer, element: Affine::constant(base) };
        let mut body = vec![Stmt::Let { dst: Value(0), op: Op::Load(at(Buffer::Y, 0)) }];
        for value in 1..400 {
            let op = if (value + k).is_multiple_of(3) { Binary::Mul } else { Binary::Add };
            let op = Op::Binary(op, Value(value - 1), Value((value * 7 + k) % value));
            body.push(Stmt::Let { dst: Value(value), op });
        }
        body.push(Stmt::Store { to: at(Buffer::Out, 0), value: Value(399) });
        Piece { values: 400, loops: 0, body }
    };
    large.kernels[0].pieces.extend((0..30).map(piece));
    let (first, second) = (Native::new(&large)?, Native::new(&large)?);
    assert_eq!(first.code_bytes(), second.code_bytes());
    assert_eq!(run(&first).map(f64::to_bits), run(&second).map(f64::to_bits));
    Ok(())
}
