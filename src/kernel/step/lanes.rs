//! A step for several trajectories side by side: the same statements once per lane.
//!
//! Numbers of one meaning stand together, number j of lane l at place `j·lanes + l`. A backend sees a loop whose turns do
//! not touch each other's elements, and may take as many of them at a time as its vectors hold: each lane computes what
//! the step alone would, so that its bits do not depend on its neighbours.

use std::ops::Range;

use crate::kernel::program::{Address, Affine, Buffer, Kernel, Lengths, LoopVar, Op, Piece, Stmt};
use crate::math::Real;

/// The kernel with every buffer `lanes` times as long. In front of `v` stand the times of the lanes. `None` if the kernel has
/// loops of its own.
pub fn side_by_side(kernel: &Kernel, lanes: usize) -> Option<Kernel> {
    let place = |buffer: Buffer, element: i64| {
        let element = element + i64::from(buffer == Buffer::V);
        Affine { base: element * lanes as i64, terms: vec![(LANE, 1)] }
    };
    let time = Op::Load(Address { buffer: Buffer::V, element: place(Buffer::V, -1) });
    let looped = |piece: &Piece| looped(piece, lanes, &place, time.clone());
    let pieces = kernel.pieces.iter().map(looped).collect::<Option<_>>()?;
    let Lengths { y, p, v, w, out } = kernel.lengths;
    let lengths = Lengths { y: y * lanes, p: p * lanes, v: (v + 1) * lanes, w: w * lanes, out: out * lanes };
    Some(Kernel { name: kernel.name, lengths, pieces })
}

/// The kernel with constants that single precision can tell from 0.
pub fn for_single(mut kernel: Kernel) -> Kernel {
    let body = |piece: &mut Piece| piece.body.iter_mut().for_each(legible);
    kernel.pieces.iter_mut().for_each(body);
    kernel
}

fn legible(statement: &mut Stmt) {
    match statement {
        Stmt::Let { op: Op::Const(value), .. } if *value != 0.0 && value.abs() < f32::LEAST => {
            *value = f32::LEAST.copysign(*value);
        }
        Stmt::Loop { body, .. } => body.iter_mut().for_each(legible),
        _ => {}
    }
}

/// The elements of each buffer that every direction has of its own: number j behind the first of them stands, for direction d, at
/// place `j·k + d` behind it. All others serve all directions.
pub struct Own {
    pub v: Range<usize>,
    pub w: Range<usize>,
    pub out: Range<usize>,
}

/// Code for one direction as a loop over k of them. `None` if it has loops of its own.
pub fn over_directions(pieces: Vec<Piece>, k: usize, own: &Own) -> Option<Vec<Piece>> {
    let place = |buffer: Buffer, element: i64| {
        let range = match buffer {
            Buffer::Y | Buffer::P => &(0..0),
            Buffer::V => &own.v,
            Buffer::W => &own.w,
            Buffer::Out => &own.out,
        };
        match usize::try_from(element) {
            Ok(at) if range.contains(&at) => {
                Affine { base: (range.start + (at - range.start) * k) as i64, terms: vec![(LANE, 1)] }
            }
            _ => Affine::constant(element),
        }
    };
    pieces.iter().map(|piece| looped(piece, k, &place, Op::Time)).collect()
}

const LANE: LoopVar = LoopVar(0);

/// The statements once per lane, a buffer's elements being where `place` says.
fn looped(piece: &Piece, lanes: usize, place: &dyn Fn(Buffer, i64) -> Affine, time: Op) -> Option<Piece> {
    let own = |address: &Address| match &address.element {
        Affine { base, terms } if terms.is_empty() => {
            Some(Address { buffer: address.buffer, element: place(address.buffer, *base) })
        }
        _ => None,
    };
    let statement = |statement: &Stmt| {
        Some(match statement {
            Stmt::Let { dst, op: Op::Time } => Stmt::Let { dst: *dst, op: time.clone() },
            Stmt::Let { dst, op: Op::Load(from) } => Stmt::Let { dst: *dst, op: Op::Load(own(from)?) },
            Stmt::Let { dst, op } => Stmt::Let { dst: *dst, op: op.clone() },
            Stmt::Store { to, value } => Stmt::Store { to: own(to)?, value: *value },
            Stmt::Loop { .. } | Stmt::Wrap { .. } | Stmt::Lookup { .. } => return None,
        })
    };
    let body = piece.body.iter().map(statement).collect::<Option<_>>()?;
    let turns = Stmt::Loop { var: LANE, lo: 0, hi: lanes as i64 - 1, carried: Vec::new(), body };
    Some(Piece { values: piece.values, loops: 1, body: vec![turns] })
}
