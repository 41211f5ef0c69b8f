//! Large networks as loops over index tables: what thousands of reactions of a few shapes lower to where straight-line
//! code would be long.
//!
//! The roots of a kernel are cut into *units*: quantities read more than once (fluxes, shared products), and terms of
//! long sums. Units whose expressions differ only in which elements they read become one loop: a gather through tables,
//! the operations, a store. A long sum (the derivative of a species) becomes steps `sum = fma(a, b, sum)` over elements
//! of the work buffer; the steps of all sums are one loop, the first step of each, then the second of each, and so on,
//! so that neighbouring turns do not wait for one another. Units that fit no loop are straight-line code.
//!
//! `find` cuts a kernel into units, `shapes` makes loops of those that are alike, this file puts them in order.
//!
//! Invariant: every operation, its rounding and the order of the terms of every sum are those of straight-line code, so
//! that results do not depend on the form (but for the sign of zeros): a fused multiply-add stands exactly where
//! [`Emitter`] would put one, and a step with a factor of ±1 rounds like an addition.

mod code;
mod find;
mod shapes;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::emit::{Emitter, Nest, Target};
use super::program::{Address, Affine, Buffer, LoopVar, Op, Piece, Stmt};
use crate::expr::{ExprId, Node};
use crate::math::Binary;
use code::Code;

/// From about this many operations on tables are as fast and compile an order of magnitude sooner (measured:
/// `benches/REPORT.md`, "Reaction networks"; below, straight-line code is up to 2× faster at run time).
pub const MANY: usize = 60_000;
/// Fewer units of a shape than this are not worth a loop.
const FEW: usize = 8;

/// How the straight part of a kernel is lowered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As [`choose`] says.
    #[default]
    Chosen,
    /// One operation after the other.
    Straight,
    /// Loops over index tables wherever a shape repeats.
    Tables,
}

/// The form for so many operations, of which so many repeat shapes, and why.
pub fn choose(operations: usize) -> (Form, String) {
    // Straight-line code takes 0.4 to 0.6 µs per operation to compile.
    let compile = operations as f64 * 0.5e-3;
    if operations >= MANY {
        let reason = format!(
            "loops over index tables: straight-line code of {operations} operations would take about {compile:.0} ms to \
             compile and run no faster (from {MANY} on)"
        );
        return (Form::Tables, reason);
    }
    let reason = format!(
        "straight-line code: {operations} operations, about {compile:.0} ms to compile, run faster than loops over tables \
         (up to {MANY})"
    );
    (Form::Straight, reason)
}

/// Emits stores outside all loops, as tables where shapes repeat.
pub(super) fn emit(emitter: &mut Emitter, stores: &[(Target, ExprId)]) {
    let mut units = Units {
        emitter,
        recipes: FxHashMap::default(),
        depths: FxHashMap::default(),
        numbers: IndexMap::default(),
        first_number: 0,
        places: FxHashMap::default(),
    };
    units.find(stores);
    units.run(stores);
}

/// A quantity with a place of its own: a node, or its negative.
type Key = (ExprId, bool);

/// Where an operand stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operand {
    Place(Buffer, usize),
    Number(f64),
    Time,
}

/// A step of a sum: `sum + a*b`, rounded once where products and sums are fused.
#[derive(Clone, Copy)]
struct Step {
    a: Factor,
    b: Key,
}

#[derive(Clone, Copy)]
enum Factor {
    /// 1 or -1.
    One(bool),
    Of(Key),
}

/// How a unit is computed.
enum Recipe {
    /// Few operations.
    Tree,
    /// A long sum.
    Sum(Vec<Step>),
    /// By the emitter.
    Other,
}

/// Units of one shape: a column of operands per leaf, and where the results go.
#[derive(Default)]
struct Group {
    members: Vec<Key>,
    leaves: Vec<Vec<Operand>>,
    goals: Vec<usize>,
}

struct Units<'e, 'a> {
    emitter: &'e mut Emitter<'a>,
    /// Per unit how it is computed, and the units it reads.
    recipes: FxHashMap<Key, (Recipe, Vec<Key>)>,
    /// How many operations deep the chain of a sum is.
    depths: FxHashMap<ExprId, u32>,
    /// Numbers that loops read through tables, by their bits: their place behind `first_number`.
    numbers: IndexMap<u64, (), FxBuildHasher>,
    first_number: usize,
    /// Where units stand in the work buffer.
    places: FxHashMap<Key, usize>,
}

impl Units<'_, '_> {
    fn run(&mut self, stores: &[(Target, ExprId)]) {
        self.store_numbers();
        // A root that nothing else reads and that is no sum goes where it belongs at once.
        let mut direct: FxHashMap<Key, usize> = FxHashMap::default();
        let mut copies = Vec::new();
        for (target, id) in stores {
            let key = (*id, false);
            let tree = matches!(self.recipes.get(&key), Some((Recipe::Tree | Recipe::Other, _)));
            if tree && self.emitter.uses(*id) == 1 && !self.emitter.is_leaf(*id) && target.buffer == Buffer::Out {
                direct.insert(key, target.base as usize);
            } else {
                copies.push((target, *id));
            }
        }
        let mut keys: Vec<Key> = self.recipes.keys().copied().collect();
        keys.sort_unstable();
        let mut levels: Vec<Vec<Key>> = Vec::new();
        let mut level_of: FxHashMap<Key, usize> = FxHashMap::default();
        for key in keys {
            // Numbers have their places already; a copied leaf or constant root is read where it stands.
            if self.emitter.graph().as_const(key.0).is_some() {
                continue;
            }
            let reads = &self.recipes[&key].1;
            let level = reads.iter().filter_map(|read| level_of.get(read)).max().map_or(0, |level| level + 1);
            level_of.insert(key, level);
            if levels.len() <= level {
                levels.resize_with(level + 1, Vec::new);
            }
            levels[level].push(key);
        }
        for level in levels {
            self.level(&level, &direct);
        }
        // What is left are copies, one loop for all that stand in one buffer.
        let mut groups: IndexMap<(Buffer, Option<Buffer>), Group, FxBuildHasher> = IndexMap::default();
        for (target, id) in copies {
            match (self.operand((id, false)), target.terms.is_empty()) {
                (Operand::Place(from, at), true) => {
                    let group = groups.entry((target.buffer, Some(from))).or_default();
                    group.goals.push(target.base as usize);
                    group.leaves.resize_with(1, Vec::new);
                    group.leaves[0].push(Operand::Place(from, at));
                    group.members.push((id, false));
                }
                _ => self.emitter.nest(&Nest { ranges: Vec::new(), stores: vec![(target.clone(), id)] }),
            }
        }
        for ((to, _), group) in groups {
            self.repeat(&group, to);
        }
    }

    /// One level: nothing in it reads anything else in it.
    fn level(&mut self, level: &[Key], direct: &FxHashMap<Key, usize>) {
        let mut groups: IndexMap<(Buffer, Vec<u64>), Group, FxBuildHasher> = IndexMap::default();
        let (mut sums, mut others) = (Vec::new(), Vec::new());
        for &key in level {
            match &self.recipes[&key].0 {
                Recipe::Sum(_) => sums.push(key),
                Recipe::Other => others.push(key),
                Recipe::Tree => {
                    let (mut shape, mut leaves) = (Vec::new(), Vec::new());
                    self.shape(key, &mut shape, &mut leaves);
                    let to = if direct.contains_key(&key) { Buffer::Out } else { Buffer::W };
                    let group = groups.entry((to, shape)).or_default();
                    group.members.push(key);
                    group.leaves.resize_with(leaves.len(), Vec::new);
                    group.leaves.iter_mut().zip(leaves).for_each(|(column, leaf)| column.push(leaf));
                }
            }
        }
        for ((to, _), group) in &mut groups {
            let first = if *to == Buffer::W { self.emitter.reserve(group.members.len()) } else { 0 };
            for (k, key) in group.members.iter().enumerate() {
                if *to == Buffer::W {
                    self.places.insert(*key, first + k);
                }
                group.goals.push(direct.get(key).copied().unwrap_or(first + k));
            }
            if group.members.len() >= FEW || group.members.iter().any(|key| key.1) {
                self.repeat(group, *to);
            } else {
                let goals = group.goals.clone();
                group.members.iter().zip(goals).for_each(|(key, goal)| self.one(key.0, *to, goal));
            }
        }
        for key in others {
            match direct.get(&key) {
                Some(&goal) => self.one(key.0, Buffer::Out, goal),
                None => {
                    let slot = self.emitter.reserve(1);
                    self.places.insert(key, slot);
                    self.one(key.0, Buffer::W, slot);
                }
            }
        }
        self.sums(&sums);
        for key in level.iter().filter(|key| !key.1) {
            if let (Some(&slot), false) = (self.places.get(key), self.emitter.is_leaf(key.0)) {
                self.emitter.keep(key.0, slot);
            }
        }
    }

    /// Straight-line code for one unit.
    fn one(&mut self, id: ExprId, buffer: Buffer, element: usize) {
        let target = Target { buffer, base: element as i64, terms: Vec::new() };
        self.emitter.nest(&Nest { ranges: Vec::new(), stores: vec![(target, id)] });
    }

    fn store_numbers(&mut self) {
        let numbers: Vec<f64> = self.numbers.keys().map(|bits| f64::from_bits(*bits)).collect();
        self.first_number = self.emitter.reserve(numbers.len());
        for (k, chunk) in numbers.chunks(1000).enumerate() {
            let mut code = Code::default();
            for (j, number) in chunk.iter().enumerate() {
                let value = code.set(Op::Const(*number));
                let element = Affine::constant((self.first_number + 1000 * k + j) as i64);
                code.body.push(Stmt::Store { to: Address { buffer: Buffer::W, element }, value });
            }
            self.emitter.piece(Piece { values: code.values, loops: 0, body: code.body });
        }
    }

    fn operand(&mut self, key: Key) -> Operand {
        let sign = if key.1 { -1.0 } else { 1.0 };
        match self.emitter.graph().node(key.0) {
            Node::Const(bits) => return Operand::Number(sign * f64::from_bits(bits)),
            Node::Time if !key.1 => return Operand::Time,
            _ => {}
        }
        let placed = self.places.get(&key).map(|slot| (Buffer::W, *slot));
        match placed.or_else(|| self.emitter.leaf_place(key.0)) {
            Some((buffer, element)) => Operand::Place(buffer, element),
            // Not reached: what has no place is a unit of a lower level.
            None => Operand::Number(f64::NAN),
        }
    }

    /// The element of the work buffer that a step reads.
    fn element(&mut self, key: Key) -> usize {
        match self.operand(key) {
            Operand::Number(value) => self.number_place(value),
            Operand::Place(_, element) => element,
            // Not reached: leaves that steps read are copied, the time too.
            Operand::Time => self.places.get(&key).copied().unwrap_or(0),
        }
    }

    fn number_place(&self, value: f64) -> usize {
        self.first_number + self.numbers.get_index_of(&value.to_bits()).unwrap_or(0)
    }

    /// The sums of a level: all start at -0, which added to anything changes nothing; then step by step.
    fn sums(&mut self, keys: &[Key]) {
        if keys.is_empty() {
            return;
        }
        let first = self.emitter.reserve(keys.len());
        let mut steps: Vec<(usize, usize, Step)> = Vec::new();
        for (row, key) in keys.iter().enumerate() {
            self.places.insert(*key, first + row);
            if let Recipe::Sum(list) = &self.recipes[key].0 {
                steps.extend(list.iter().enumerate().map(|(k, step)| (k, first + row, *step)));
            }
        }
        steps.sort_by_key(|(k, place, _)| (*k, *place));
        let mut code = Code::new();
        let zero = code.set(Op::Const(-0.0));
        let element = Affine { base: first as i64, terms: vec![(LoopVar(0), 1)] };
        code.body.push(Stmt::Store { to: Address { buffer: Buffer::W, element }, value: zero });
        self.emitter.piece(code.repeated(keys.len()));

        let places: Vec<usize> = steps.iter().map(|step| step.1).collect();
        let factor = |own: &mut Self, factor: Factor| match factor {
            Factor::One(negative) => own.number_place(if negative { -1.0 } else { 1.0 }),
            Factor::Of(key) => own.element(key),
        };
        let firsts: Vec<usize> = steps.iter().map(|step| factor(self, step.2.a)).collect();
        let seconds: Vec<usize> = steps.iter().map(|step| self.element(step.2.b)).collect();
        let mut code = Code::new();
        let load = |code: &mut Code, elements: &[usize]| {
            let element = code.subscript(elements);
            (element.clone(), code.set(Op::Load(Address { buffer: Buffer::W, element })))
        };
        let (_, a) = load(&mut code, &firsts);
        let (_, b) = load(&mut code, &seconds);
        let (place, sum) = load(&mut code, &places);
        let value = if self.emitter.fuses() {
            code.set(Op::Fma(a, b, sum))
        } else {
            let product = code.set(Op::Binary(Binary::Mul, a, b));
            code.set(Op::Binary(Binary::Add, product, sum))
        };
        code.body.push(Stmt::Store { to: Address { buffer: Buffer::W, element: place }, value });
        self.emitter.piece(code.repeated(steps.len()));
    }
}
