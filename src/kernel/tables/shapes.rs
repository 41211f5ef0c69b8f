//! Units that differ only in which elements they read: their common shape, and the loop over them.

use super::super::emit::{Emitter, Fused};
use super::super::program::{Address, Buffer, Op, Stmt, Value};
use super::code::Code;
use super::{Group, Key, Operand, Units};
use crate::expr::{ExprId, Node};
use crate::math::Unary;

impl Units<'_, '_> {
    /// The shape of a tree: what is done, and from which buffers; and the leaves in order.
    pub(super) fn shape(&mut self, key: Key, shape: &mut Vec<u64>, leaves: &mut Vec<Operand>) {
        if key.1 {
            shape.push(NEGATIVE);
        }
        self.shape_of(key.0, shape, leaves);
    }

    fn shape_of(&mut self, id: ExprId, shape: &mut Vec<u64>, leaves: &mut Vec<Operand>) {
        if self.emitter.is_leaf(id) {
            let leaf = match self.emitter.graph().node(id) {
                Node::Const(bits) => Operand::Number(f64::from_bits(bits)),
                Node::Time => Operand::Time,
                _ => self.emitter.leaf_place(id).map_or(Operand::Number(f64::NAN), |(b, k)| Operand::Place(b, k)),
            };
            shape.push(match leaf {
                Operand::Number(_) => 0,
                Operand::Time => 1,
                Operand::Place(buffer, _) => 2 + buffer as u64,
            });
            return leaves.push(leaf);
        }
        let node = self.emitter.graph().node(id);
        let fused = self.emitter.fuse(id, node);
        shape.push(code(node, fused));
        for (operand, negative) in signed(node, fused, self.emitter) {
            match (negative, self.emitter.graph().as_const(operand)) {
                (true, Some(value)) => {
                    shape.push(0);
                    leaves.push(Operand::Number(-value));
                }
                (true, None) => {
                    shape.push(NEGATIVE);
                    self.shape_of(operand, shape, leaves);
                }
                (false, _) => self.shape_of(operand, shape, leaves),
            }
        }
    }

    /// One loop over the units of a group.
    pub(super) fn repeat(&mut self, group: &Group, to: Buffer) {
        let mut code = Code::new();
        let mut columns = group.leaves.iter();
        let Some(&key) = group.members.first() else { return };
        let mut value = self.build(key.0, &mut columns, &mut code);
        if key.1 {
            value = code.set(Op::Unary(Unary::Neg, value));
        }
        let element = code.subscript(&group.goals);
        code.body.push(Stmt::Store { to: Address { buffer: to, element }, value });
        self.emitter.piece(code.repeated(group.members.len()));
    }

    fn build(&mut self, id: ExprId, columns: &mut std::slice::Iter<Vec<Operand>>, code: &mut Code) -> Value {
        if self.emitter.is_leaf(id) {
            return self.leaf(columns.next(), code);
        }
        let node = self.emitter.graph().node(id);
        let fused = self.emitter.fuse(id, node);
        let mut values = [Value(0); 3];
        for (k, (operand, negative)) in signed(node, fused, self.emitter).into_iter().enumerate() {
            values[k] = match (negative, self.emitter.graph().as_const(operand)) {
                (true, Some(_)) => self.leaf(columns.next(), code),
                (true, None) => {
                    let value = self.build(operand, columns, code);
                    code.set(Op::Unary(Unary::Neg, value))
                }
                (false, _) => self.build(operand, columns, code),
            };
        }
        let [a, b, c] = values;
        code.set(match (fused, node) {
            (Some(_), _) => Op::Fma(a, b, c),
            (None, Node::Unary(op, _)) => Op::Unary(op, a),
            (None, Node::Binary(op, ..)) => Op::Binary(op, a, b),
            (None, Node::Call1(f, _)) => Op::Call1(f, a),
            (None, Node::Call2(f, ..)) => Op::Call2(f, a, b),
            (None, Node::Curve(curve, order, _)) => Op::Curve(self.emitter.graph().curve(curve).clone(), order, a),
            (None, Node::Compare(op, ..)) => Op::Compare(op, a, b),
            (None, Node::And(..)) => Op::And(a, b),
            (None, Node::Or(..)) => Op::Or(a, b),
            (None, Node::Not(_)) => Op::Not(a),
            (None, Node::Select(..)) => Op::Select(a, b, c),
            // Leaves were looked at before, reductions are no trees.
            (None, _) => Op::Const(f64::NAN),
        })
    }

    fn leaf(&mut self, column: Option<&Vec<Operand>>, code: &mut Code) -> Value {
        let column = column.map_or(&[][..], Vec::as_slice);
        let same =
            |number: f64| column.iter().all(|x| matches!(x, Operand::Number(n) if n.to_bits() == number.to_bits()));
        let buffer = match column.first() {
            Some(Operand::Time) => return code.set(Op::Time),
            Some(Operand::Number(number)) if same(*number) => return code.set(Op::Const(*number)),
            Some(Operand::Place(buffer, _)) => *buffer,
            _ => Buffer::W,
        };
        let elements: Vec<usize> = column
            .iter()
            .map(|operand| match operand {
                Operand::Place(_, element) => *element,
                Operand::Number(value) => self.number_place(*value),
                Operand::Time => 0,
            })
            .collect();
        let element = code.subscript(&elements);
        code.set(Op::Load(Address { buffer, element }))
    }
}

/// In a shape, the negative of what follows.
const NEGATIVE: u64 = 8;

/// An operation in a shape.
fn code(node: Node, fused: Option<Fused>) -> u64 {
    let (kind, which) = match (fused, node) {
        (Some(_), _) => (0, 0),
        (None, Node::Unary(op, _)) => (1, op as u64),
        (None, Node::Binary(op, ..)) => (2, op as u64),
        (None, Node::Call1(f, _)) => (3, f as u64),
        (None, Node::Call2(f, ..)) => (4, f as u64),
        (None, Node::Compare(op, ..)) => (5, op as u64),
        (None, Node::And(..)) => (6, 0),
        (None, Node::Or(..)) => (7, 0),
        (None, Node::Not(_)) => (8, 0),
        (None, Node::Select(..)) => (9, 0),
        (None, Node::Curve(curve, order, _)) => return (1 << 63) | (u64::from(curve.0) << 8) | u64::from(order),
        (None, _) => (10, 0),
    };
    16 + kind * 256 + which
}

/// The operands of an operation in order, and whether it takes their negatives (as [`Emitter`] fuses).
fn signed(node: Node, fused: Option<Fused>, emitter: &Emitter) -> Vec<(ExprId, bool)> {
    match fused {
        Some(Fused::Plus(a, b, c)) => vec![(a, false), (b, false), (c, false)],
        Some(Fused::From(a, b, c)) => vec![(a, true), (b, false), (c, false)],
        Some(Fused::Minus(a, b, c)) => vec![(a, false), (b, false), (c, true)],
        None => {
            let mut operands = Vec::with_capacity(3);
            emitter.graph().for_each_operand(node, |operand| operands.push((operand, false)));
            operands
        }
    }
}
