//! The statements of one loop, and subscripts by formula or table.

use rustc_hash::FxHashMap;

use super::super::program::{Affine, LoopVar, Op, Piece, Stmt, Value};

/// The statements of one loop to be.
#[derive(Default)]
pub(super) struct Code {
    pub values: u32,
    pub loops: u32,
    pub body: Vec<Stmt>,
    known: FxHashMap<Vec<usize>, Affine>,
}

impl Code {
    /// Nothing yet; the loop's own variable is the first.
    pub fn new() -> Self {
        Code { loops: 1, ..Code::default() }
    }

    pub fn set(&mut self, op: Op) -> Value {
        let dst = Value(self.values);
        self.values += 1;
        self.body.push(Stmt::Let { dst, op });
        dst
    }

    /// A subscript with these values turn by turn: by a formula if there is one, else from a table.
    pub fn subscript(&mut self, elements: &[usize]) -> Affine {
        if let Some(known) = self.known.get(elements) {
            return known.clone();
        }
        let base = elements.first().map_or(0, |first| *first as i64);
        let stride = elements.get(1).map_or(0, |second| *second as i64 - base);
        let even = elements.iter().enumerate().all(|(k, element)| *element as i64 == base + stride * k as i64);
        let affine = match (even, stride) {
            (true, 0) => Affine::constant(base),
            (true, stride) => Affine { base, terms: vec![(LoopVar(0), stride)] },
            (false, _) => {
                let var = LoopVar(self.loops);
                self.loops += 1;
                let table = elements.iter().map(|element| *element as u32).collect();
                self.body.push(Stmt::Lookup { var, table, at: Affine { base: 0, terms: vec![(LoopVar(0), 1)] } });
                Affine { base: 0, terms: vec![(var, 1)] }
            }
        };
        self.known.insert(elements.to_vec(), affine.clone());
        affine
    }

    pub fn repeated(self, turns: usize) -> Piece {
        let (values, loops) = (self.values, self.loops);
        let hi = turns as i64 - 1;
        let turn = Stmt::Loop { var: LoopVar(0), lo: 0, hi, carried: Vec::new(), body: self.body };
        Piece { values, loops, body: vec![turn] }
    }
}
