//! Memory for moments: what was made for those of one run serves those of the next.

use super::moment::{Moment, Op, Point, Row, Source, Target};

/// Lists of moments that are over, for the memory they have.
#[derive(Default)]
pub struct Spare {
    numbers: Vec<Vec<f64>>,
    entries: Vec<Vec<(usize, f64)>>,
    ops: Vec<Vec<Op>>,
    lists: Vec<Vec<(Target, Source)>>,
    rows: Vec<Vec<Row>>,
    places: Vec<Vec<usize>>,
}

impl Spare {
    /// So many zeros.
    pub fn zeros(&mut self, count: usize) -> Vec<f64> {
        let mut list = self.numbers.pop().unwrap_or_default();
        list.clear();
        list.resize(count, 0.0);
        list
    }

    /// A copy.
    pub fn copy(&mut self, of: &[f64]) -> Vec<f64> {
        let mut list = self.numbers.pop().unwrap_or_default();
        list.clear();
        list.extend_from_slice(of);
        list
    }

    /// A copy of places.
    pub fn places(&mut self, of: &[usize]) -> Vec<usize> {
        let mut list = self.places.pop().unwrap_or_default();
        list.clear();
        list.extend_from_slice(of);
        list
    }

    /// An empty list of entries.
    pub fn entries(&mut self) -> Vec<(usize, f64)> {
        let mut list = self.entries.pop().unwrap_or_default();
        list.clear();
        list
    }

    /// Empty lists of instructions, of assignments, and of rows.
    pub fn ops(&mut self) -> Vec<Op> {
        self.ops.pop().unwrap_or_default()
    }

    pub fn assignments(&mut self) -> Vec<(Target, Source)> {
        self.lists.pop().unwrap_or_default()
    }

    pub fn rows(&mut self) -> Vec<Row> {
        self.rows.pop().unwrap_or_default()
    }

    /// Takes numbers back.
    pub fn take(&mut self, numbers: Vec<f64>) {
        self.numbers.push(numbers);
    }

    /// Takes a row back.
    pub fn take_row(&mut self, row: Row) {
        self.entries.extend([row.y, row.p].into_iter().filter(|list| list.capacity() > 0));
    }

    /// Takes instructions back.
    pub fn take_ops(&mut self, mut ops: Vec<Op>) {
        for op in ops.drain(..) {
            self.take_op(op);
        }
        self.ops.push(ops);
    }

    /// Takes an instruction back.
    pub fn take_op(&mut self, op: Op) {
        match op {
            Op::Time(row) => self.take_row(row),
            Op::Recall(_) => {}
            Op::Along(f, _) => self.take(f),
            Op::Assign(mut list) => {
                for (_, source) in list.drain(..) {
                    if let Source::Row(row) = source {
                        self.take_row(row);
                    }
                }
                self.lists.push(list);
            }
            Op::Remember(_, mut rows) => {
                rows.drain(..).for_each(|row| self.take_row(row));
                self.rows.push(rows);
            }
            Op::Settle(point) => self.take_point(point),
            Op::Project(point, set) => {
                self.take_point(point);
                self.places.extend(set);
            }
        }
    }

    /// Takes a point back.
    pub fn take_point(&mut self, point: Point) {
        self.numbers.extend([point.y, point.p]);
    }

    /// Takes a moment back.
    pub fn take_moment(&mut self, moment: Moment) {
        self.take_ops(moment.ops);
        moment.other.into_iter().for_each(|ops| self.take_ops(ops));
    }
}

/// What is remembered, under tickets.
#[derive(Default)]
pub struct Kept {
    /// In order of their tickets.
    known: Vec<(usize, Vec<f64>)>,
    spare: Vec<Vec<f64>>,
}

impl Kept {
    /// The numbers under a ticket.
    pub fn get(&self, slot: usize) -> Option<&[f64]> {
        let at = self.known.binary_search_by_key(&slot, |(known, _)| *known).ok()?;
        Some(&self.known[at].1)
    }

    /// So many numbers under a ticket at least, new ones 0.
    pub fn of(&mut self, slot: usize, count: usize) -> &mut [f64] {
        let at = match self.known.binary_search_by_key(&slot, |(known, _)| *known) {
            Ok(at) => at,
            Err(at) => {
                let mut list = self.spare.pop().unwrap_or_default();
                list.clear();
                self.known.insert(at, (slot, list));
                at
            }
        };
        let list = &mut self.known[at].1;
        list.resize(count.max(list.len()), 0.0);
        list
    }

    /// What was remembered, which is to be taken back.
    pub fn remove(&mut self, slot: usize) -> Option<Vec<f64>> {
        let at = self.known.binary_search_by_key(&slot, |(known, _)| *known).ok()?;
        Some(self.known.remove(at).1)
    }

    /// Takes a list back.
    pub fn take(&mut self, list: Vec<f64>) {
        self.spare.push(list);
    }

    /// Nothing is remembered any more.
    pub fn clear(&mut self) {
        self.spare.extend(self.known.drain(..).map(|(_, list)| list));
    }

    /// Remembers the same as another.
    pub fn become_as(&mut self, other: &Kept) {
        self.clear();
        for (slot, list) in &other.known {
            self.of(*slot, list.len()).copy_from_slice(list);
        }
    }
}
