//! What must be known of a piece before code is emitted: its address groups and which loads may wait for their use.
//!
//! Addresses with the same buffer and the same terms form a *group*: one pointer, and a constant offset per access. The
//! pointer of a group is formed where the last of its variables is bound, from the pointer of its *parent* (the same
//! terms without that variable); for a loop it then advances by a constant per turn. Cranelift computes nothing here
//! again, so the pointers are all the address arithmetic there is.
//!
//! A load whose uses all stand in the body that loads, with no store to its buffer between, is *deferred*: emitted
//! where it is used, where it can be a memory operand of the one instruction that needs it.

use crate::kernel::bounds;
use crate::kernel::program::{Address, Buffer, LoopVar, Op, Piece, Stmt, Value};
use rustc_hash::FxHashMap;

/// Accesses that differ by a constant only.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub buffer: Buffer,
    /// The part of the constant that does not fit an offset, in elements; only a group without terms adds it.
    pub far: i64,
    /// The group without its last bound variable, that variable, and its coefficient; of no-term groups, nothing.
    pub parent: Option<(usize, LoopVar, i64)>,
}

/// Buffer, terms and far part: what the addresses of a group share.
type Key = (Buffer, Vec<(LoopVar, i64)>, i64);

/// What is known of a piece.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub groups: Vec<Group>,
    /// Per loop variable: the groups whose pointers are formed where it is bound.
    pub born: Vec<Vec<usize>>,
    /// Per loop variable: least and largest value.
    pub ranges: Vec<(i64, i64)>,
    /// Per value: whether it is a load to be emitted at its uses.
    pub deferred: Vec<bool>,
    index: FxHashMap<Key, usize>,
}

/// Offsets stay within 2²⁹ bytes; the rest of the constant part goes into the pointer.
const NEAR_BITS: u32 = 27;

/// The far part of a constant subscript: the nearest multiple of 2²⁷ (neighbours of 0 on both sides have none).
pub(super) fn far(base: i64) -> i64 {
    (base + (1 << (NEAR_BITS - 1))) >> NEAR_BITS << NEAR_BITS
}

impl Plan {
    pub fn new(piece: &Piece) -> Self {
        let loops = piece.loops as usize;
        let values = piece.values as usize;
        let plan = Plan {
            born: vec![Vec::new(); loops],
            ranges: vec![(0, 0); loops],
            deferred: vec![false; values],
            ..Plan::default()
        };
        let mut walk =
            Walk { plan, order: vec![0; loops], bound: 0, loads: vec![None; values], body: 0, bodies: 0, stores: 0 };
        walk.body(&piece.body);
        walk.plan
    }

    /// The group of an address.
    pub fn group(&self, address: &Address) -> usize {
        let element = &address.element;
        if element.terms.is_empty() && far(element.base) == 0 {
            return address.buffer as usize;
        }
        self.index[&(address.buffer, element.terms.clone(), far(element.base))]
    }
}

/// The walk over a piece that makes its plan.
struct Walk {
    plan: Plan,
    /// When each loop variable was bound.
    order: Vec<u32>,
    bound: u32,
    /// Per value that is a load: its body and the number of stores to `w` seen before it, if it may be deferred so far.
    loads: Vec<Option<(u32, Option<u32>)>>,
    body: u32,
    bodies: u32,
    stores: u32,
}

impl Walk {
    fn body(&mut self, statements: &[Stmt]) {
        if self.plan.groups.is_empty() {
            for buffer in [Buffer::Y, Buffer::P, Buffer::V, Buffer::W, Buffer::Out] {
                self.group(buffer, Vec::new(), 0);
            }
        }
        for statement in statements {
            match statement {
                Stmt::Let { dst, op } => {
                    op.for_each_operand(|operand| self.used(operand));
                    if let Op::Load(from) = op {
                        self.address(from);
                        let stores = (from.buffer == Buffer::W).then_some(self.stores);
                        // The parts of a split loop assign the same values: what one forbids, all do without.
                        let first = self.loads[dst.0 as usize].replace((self.body, stores)).is_none();
                        self.plan.deferred[dst.0 as usize] |= first;
                    }
                }
                Stmt::Store { to, value } => {
                    self.used(*value);
                    self.address(to);
                    self.stores += u32::from(to.buffer == Buffer::W);
                }
                Stmt::Wrap { var, extent, .. } => {
                    self.bind(*var, 0, extent - 1);
                }
                Stmt::Lookup { var, table, .. } => {
                    let (least, most) = bounds(table);
                    self.bind(*var, least, most);
                }
                Stmt::Loop { var, lo, hi, carried, body } => {
                    carried.iter().for_each(|c| self.used(c.init));
                    self.bind(*var, *lo, *hi);
                    let outer = self.body;
                    self.bodies += 1;
                    self.body = self.bodies;
                    self.body(body);
                    carried.iter().for_each(|c| self.used(c.next));
                    self.body = outer;
                }
            }
        }
    }

    fn bind(&mut self, var: LoopVar, lo: i64, hi: i64) {
        self.plan.ranges[var.0 as usize] = (lo, hi);
        self.bound += 1;
        self.order[var.0 as usize] = self.bound;
    }

    fn used(&mut self, value: Value) {
        let value = value.0 as usize;
        if let Some((body, stores)) = self.loads[value]
            && (body != self.body || stores.is_some_and(|before| before != self.stores))
        {
            self.plan.deferred[value] = false;
        }
    }

    fn address(&mut self, address: &Address) {
        let element = &address.element;
        if !element.terms.is_empty() || far(element.base) != 0 {
            self.group(address.buffer, element.terms.clone(), far(element.base));
        }
    }

    fn group(&mut self, buffer: Buffer, terms: Vec<(LoopVar, i64)>, far: i64) -> usize {
        let key = (buffer, terms, far);
        if let Some(&known) = self.plan.index.get(&key) {
            return known;
        }
        let last = (0..key.1.len()).max_by_key(|&position| self.order[key.1[position].0.0 as usize]);
        let parent = last.map(|last| {
            let mut rest = key.1.clone();
            let (var, coefficient) = rest.remove(last);
            (self.group(buffer, rest, far), var, coefficient)
        });
        let group = self.plan.groups.len();
        if let Some((_, var, _)) = parent {
            self.plan.born[var.0 as usize].push(group);
        }
        self.plan.groups.push(Group { buffer, far, parent });
        self.plan.index.insert(key, group);
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_parts_fit_an_offset() {
        assert_eq!((far(0), far(-1), far(1 << 20)), (0, 0, 0));
        for base in [1 << 26, -(1 << 26) - 1, 1 << 30, (1 << 47) + 12_345, -(1 << 40) - 7] {
            let near = base - far(base);
            assert!(far(base) != 0 && near * 8 >= -(1 << 29) && near * 8 <= 1 << 29, "{base}");
        }
    }
}
