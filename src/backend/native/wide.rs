//! Loops whose turns do not meet as straight-line code on vectors of eight numbers, where the processor has them.
//!
//! The loops are those of `kernel::step`, over lanes and over directions, and any other that is a piece by itself, of arithmetic
//! alone, whose subscripts move on by one with every turn or not at all. Eight turns are one turn of such code; those left over are
//! another, whose vectors are half as long or masked. Each statement becomes the instruction that computes the same, so that bits
//! do not change; what cannot be had so is left to Cranelift. Registers: a value that is needed latest gives way (Belady 1966),
//! to where it stands in memory already, or to the stack.

use super::compile::Machine;
use super::zmm::{self, Base, Code, From, Instruction, LANES, Order, Register};
use crate::kernel::program::{Address, Affine, Binary, Buffer, Compare, LoopVar, Op, Piece, Stmt, Unary, Value};
use rustc_hash::{FxHashMap, FxHashSet};

/// Loops of fewer turns are left to shorter vectors.
const LEAST: i64 = 3;
/// Vectors on the stack at most: less than a page, so that no guard page is passed by.
const MOST_SLOTS: usize = 60;
/// A value that is read from memory stays in a free register if it is needed again within so many statements.
const SOON: usize = 40;

/// The machine code of a piece, in single precision or not; `None` where it is no such loop.
pub(super) fn piece(piece: &Piece, single: bool) -> Option<Machine> {
    let [Stmt::Loop { var, lo: 0, hi, carried, body }] = &piece.body[..] else { return None };
    let turns = hi + 1;
    if !(LEAST..i64::from(i32::MAX / 16)).contains(&turns) || !carried.is_empty() {
        return None;
    }
    let work = Work::of(body, *var, (piece.values as usize, single))?;
    if !work.turns_are_apart(turns) {
        return None;
    }
    let (full, rest) = (turns as usize / LANES, turns as usize % LANES);
    let passed = (LANES * full) as i32;
    let (mut code, mut slots) = (Code::new(single), 0);
    if full > 0 {
        let start = (full > 1).then(|| code.open());
        (code, slots) = Allocation::new(&work, code).run()?;
        if let Some(start) = start {
            code.close(start, passed);
        }
    }
    if rest > 0 {
        code.rest(rest, passed);
        let (finished, more) = Allocation::new(&work, code).run()?;
        (code, slots) = (finished, slots.max(more));
    }
    let stack = slots as u32 * code.vector() as u32;
    Some(Machine { bytes: code.finish(stack), alignment: 64, relocations: Vec::new() })
}

/// An element of a buffer in the first turn, and whether it moves on by one with every turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    buffer: Buffer,
    element: i64,
    moves: bool,
}

/// What a statement asks for; operands by the number of their value.
#[derive(Clone, Copy, Debug)]
enum Task {
    Two(Instruction, [usize; 2]),
    Root(usize),
    /// A product and what is added, each negated or not.
    Fma([usize; 3], [bool; 2]),
    /// Of a comparison's number and operands, which of two.
    Select(u8, [usize; 2], [usize; 2]),
    Store(Place, usize),
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
enum Known {
    /// What a task gives, or a load.
    Number(usize),
    Negated(usize),
    Condition(u8, [usize; 2]),
}

/// Where a value can be read from without a task.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Home {
    None,
    Place(Place),
    Constant(u64),
    Stack(usize),
}

/// The tasks of a body, and the values they work on.
#[derive(Default)]
struct Work {
    /// With the value they give.
    tasks: Vec<(Task, Option<usize>)>,
    /// Where values stand at first.
    homes: Vec<Home>,
    /// The tasks that use each, in order.
    uses: Vec<Vec<usize>>,
    single: bool,
}

impl Work {
    fn of(body: &[Stmt], var: LoopVar, (values, single): (usize, bool)) -> Option<Self> {
        let mut work = Work { single, ..Work::default() };
        let mut known: Vec<Option<Known>> = vec![None; values];
        // What elements hold now.
        let mut held: FxHashMap<Place, usize> = FxHashMap::default();
        for statement in body {
            match statement {
                Stmt::Let { dst, op } => {
                    let value = work.operation(op, var, &known, &mut held)?;
                    known[dst.0 as usize] = Some(value);
                }
                Stmt::Store { to, value } => {
                    let value = work.number(known[value.0 as usize]?)?;
                    let place = place(to, var)?;
                    work.task(Task::Store(place, value));
                    held.insert(place, value);
                }
                _ => return None,
            }
        }
        for (position, (task, _)) in work.tasks.iter().enumerate() {
            task.operands(|value| work.uses[value].push(position));
        }
        Some(work)
    }

    fn value(&mut self, home: Home) -> usize {
        self.homes.push(home);
        self.uses.push(Vec::new());
        self.homes.len() - 1
    }

    /// A task; the value it gives.
    fn task(&mut self, task: Task) -> usize {
        let value = match task {
            Task::Store(..) => None,
            _ => Some(self.value(Home::None)),
        };
        self.tasks.push((task, value));
        value.unwrap_or_default()
    }

    fn operation(
        &mut self,
        op: &Op,
        var: LoopVar,
        known: &[Option<Known>],
        held: &mut FxHashMap<Place, usize>,
    ) -> Option<Known> {
        let of = |value: &Value| known[value.0 as usize];
        Some(Known::Number(match op {
            Op::Load(from) => {
                let place = place(from, var)?;
                *held.entry(place).or_insert_with(|| self.value(Home::Place(place)))
            }
            Op::Const(value) => {
                let single = || u64::from((*value as f32).to_bits());
                self.value(Home::Constant(if self.single { single() } else { value.to_bits() }))
            }
            Op::Unary(Unary::Neg, a) => return Some(Known::Negated(self.number(of(a)?)?)),
            Op::Unary(Unary::Abs, a) => {
                let (a, mask) = (self.number(of(a)?)?, self.value(Home::Constant(self.sign() - 1)));
                self.task(Task::Two(zmm::AND, [a, mask]))
            }
            Op::Unary(Unary::Sqrt, a) => {
                let a = self.number(of(a)?)?;
                self.task(Task::Root(a))
            }
            Op::Binary(op, a, b) => {
                let operands = [self.number(of(a)?)?, self.number(of(b)?)?];
                self.task(Task::Two(instruction(*op), operands))
            }
            Op::Fma(a, b, c) => {
                let (mut operands, mut negated) = ([0; 3], [false; 3]);
                for ((operand, negated), value) in operands.iter_mut().zip(&mut negated).zip([a, b, c]) {
                    (*operand, *negated) = match of(value)? {
                        Known::Negated(number) => (number, true),
                        number => (self.number(number)?, false),
                    };
                }
                self.task(Task::Fma(operands, [negated[0] != negated[1], negated[2]]))
            }
            Op::Compare(op, a, b) => {
                return Some(Known::Condition(comparison(*op), [self.number(of(a)?)?, self.number(of(b)?)?]));
            }
            Op::Select(condition, a, b) => {
                let Known::Condition(comparison, between) = of(condition)? else { return None };
                let ways = [self.number(of(a)?)?, self.number(of(b)?)?];
                self.task(Task::Select(comparison, between, ways))
            }
            _ => return None,
        }))
    }

    /// Whether no element that a turn writes is touched by another of the same vector, nor by any turn if it stays.
    fn turns_are_apart(&self, turns: i64) -> bool {
        let mut written = FxHashSet::default();
        for (task, _) in &self.tasks {
            if let Task::Store(place, _) = task {
                written.insert(*place);
            }
        }
        let read = self.homes.iter().filter_map(|home| if let Home::Place(place) = home { Some(place) } else { None });
        let mut touched: Vec<&Place> = read.chain(&written).collect();
        touched.sort_unstable_by_key(|place| (place.buffer as u8, place.element));
        let near = |of: &Place, other: &Place| {
            let together = turns.min(LANES as i64);
            let between = if other.moves { 1 - together..together } else { 0..turns };
            of.buffer == other.buffer && between.contains(&(other.element - of.element)) && of != other
        };
        written.iter().all(|place| {
            let from = touched.partition_point(|known| {
                (known.buffer as u8, known.element) <= (place.buffer as u8, place.element - LANES as i64)
            });
            let last = place.element + turns.max(LANES as i64);
            let others = touched[from..].iter();
            let mut others = others.take_while(|o| o.buffer == place.buffer && o.element < last);
            place.moves && !others.any(|other| near(place, other))
        })
    }

    /// The bit of the sign.
    fn sign(&self) -> u64 {
        if self.single { 1 << 31 } else { 1 << 63 }
    }

    /// The number that a value is.
    fn number(&mut self, known: Known) -> Option<usize> {
        match known {
            Known::Number(number) => Some(number),
            Known::Negated(number) => {
                let sign = self.value(Home::Constant(self.sign()));
                Some(self.task(Task::Two(zmm::XOR, [number, sign])))
            }
            Known::Condition(..) => None,
        }
    }
}

impl Task {
    fn operands(&self, mut each: impl FnMut(usize)) {
        match self {
            Task::Two(_, operands) => operands.iter().for_each(|value| each(*value)),
            Task::Root(value) | Task::Store(_, value) => each(*value),
            Task::Fma(operands, _) => operands.iter().for_each(|value| each(*value)),
            Task::Select(_, between, ways) => between.iter().chain(ways).for_each(|value| each(*value)),
        }
    }
}

/// Where an address is, if it moves on by one or stays.
fn place(address: &Address, var: LoopVar) -> Option<Place> {
    let moves = super::vector::advances(address, var)?;
    let Affine { base: element, terms } = &address.element;
    let near = (0..i64::from(i32::MAX / 16)).contains(element) && terms.len() == usize::from(moves);
    near.then_some(Place { buffer: address.buffer, element: *element, moves })
}

fn instruction(op: Binary) -> Instruction {
    match op {
        Binary::Add => zmm::ADD,
        Binary::Sub => zmm::SUB,
        Binary::Mul => zmm::MUL,
        Binary::Div => zmm::DIV,
        Binary::Min => zmm::MIN,
        Binary::Max => zmm::MAX,
    }
}

/// The predicates of `vcmppd`.
fn comparison(op: Compare) -> u8 {
    match op {
        Compare::Eq => 0,
        Compare::Lt => 1,
        Compare::Le => 2,
        Compare::Ne => 4,
    }
}

/// Where a buffer's address is: the third to seventh argument of a function of the System V calling convention, behind the time.
fn base(buffer: Buffer) -> Base {
    match buffer {
        Buffer::Y => Base::Rdi,
        Buffer::P => Base::Rsi,
        Buffer::V => Base::Rdx,
        Buffer::W => Base::Rcx,
        Buffer::Out => Base::R8,
    }
}

/// Instructions and registers, from the first task to the last.
struct Allocation<'a> {
    work: &'a Work,
    code: Code,
    homes: Vec<Home>,
    /// The register of each value that is in one, and the value in each register.
    register: Vec<Option<Register>>,
    inside: [Option<usize>; 32],
    /// Registers that the task at hand needs.
    locked: u32,
    /// How many uses of each value lie behind.
    used: Vec<usize>,
    /// Places on the stack, with the value there.
    slots: Vec<Option<usize>>,
    /// Those that the task at hand reads for the last time.
    vacant: Vec<usize>,
    /// The values that stand in an element.
    tenants: FxHashMap<Place, Vec<usize>>,
    position: usize,
    /// A value was nowhere: there is no code then.
    lost: bool,
}

impl<'a> Allocation<'a> {
    fn new(work: &'a Work, code: Code) -> Self {
        let count = work.homes.len();
        let mut tenants: FxHashMap<Place, Vec<usize>> = FxHashMap::default();
        for (value, home) in work.homes.iter().enumerate() {
            if let Home::Place(place) = home {
                tenants.entry(*place).or_default().push(value);
            }
        }
        Allocation {
            work,
            code,
            homes: work.homes.clone(),
            register: vec![None; count],
            inside: [None; 32],
            locked: 0,
            used: vec![0; count],
            slots: Vec::new(),
            vacant: Vec::new(),
            tenants,
            position: 0,
            lost: false,
        }
    }

    /// The code, and how many vectors stand on the stack at most.
    fn run(mut self) -> Option<(Code, usize)> {
        for (position, (task, gives)) in self.work.tasks.iter().enumerate() {
            (self.position, self.locked) = (position, 0);
            self.vacant.drain(..).for_each(|slot| self.slots[slot] = None);
            match (*task, *gives) {
                (Task::Two(instruction, [mut a, mut b]), Some(to)) => {
                    let either = [zmm::ADD, zmm::MUL, zmm::AND, zmm::XOR].contains(&instruction);
                    if either && self.register[a].is_none() && self.register[b].is_some() {
                        (a, b) = (b, a);
                    }
                    let first = self.bring(a);
                    let last = self.operand(b);
                    self.leave(task);
                    let to = self.take(to);
                    self.code.op(instruction, to, first, last);
                }
                (Task::Root(a), Some(to)) => {
                    let last = self.operand(a);
                    self.leave(task);
                    let to = self.take(to);
                    self.code.op(zmm::SQRT, to, 0, last);
                }
                (Task::Fma(operands, negated), Some(to)) => self.fma(task, operands, negated, to),
                (Task::Select(comparison, [x, y], [a, b]), Some(to)) => {
                    let (x, b) = (self.bring(x), self.bring(b));
                    let (y, a) = (self.operand(y), self.operand(a));
                    self.leave(task);
                    let to = self.take(to);
                    self.code.select(comparison, (x, y), to, (a, b));
                }
                (Task::Store(place, value), _) => {
                    let from = self.bring(value);
                    self.vacate(place, value);
                    let offset = self.code.size() * place.element as i32;
                    self.code.store(from, base(place.buffer), offset);
                    self.move_home(value, place);
                    self.leave(task);
                }
                _ => return None,
            }
            if self.lost || self.slots.len() > MOST_SLOTS {
                return None;
            }
        }
        Some((self.code, self.slots.len()))
    }

    /// `to = a b + c` in the place of one of them.
    fn fma(&mut self, task: &Task, [mut a, mut b, c]: [usize; 3], [product, addend]: [bool; 2], to: usize) {
        // At most one of them is read from memory, no factor before the other and what is added.
        if self.register[b].is_some() && self.register[a].is_none() {
            (a, b) = (b, a);
        }
        let first = self.bring(a);
        let gives_way = |all: &Self, value: usize| all.register[value].is_some() && all.is_last(value);
        let order = if gives_way(self, c) {
            Order::Sum231
        } else if gives_way(self, a) {
            if self.register[c].is_some() && self.register[b].is_none() { Order::Factor132 } else { Order::Factor213 }
        } else if gives_way(self, b) {
            (a, b) = (b, a);
            Order::Factor213
        } else {
            Order::Sum231
        };
        let instruction = zmm::fma(order, product, addend);
        if order == Order::Sum231 {
            let last = self.operand(b);
            let sum = match gives_way(self, c) {
                true => self.bring(c),
                false => {
                    let from = self.home_or_register(c);
                    let copy = self.free();
                    self.code.load(copy, from);
                    copy
                }
            };
            self.leave(task);
            self.code.op(instruction, sum, first, last);
            self.settle(to, sum);
            return;
        }
        let own = self.bring(a);
        let (second, last) = match order {
            Order::Factor132 => (self.bring(c), self.operand(b)),
            _ => (self.bring(b), self.operand(c)),
        };
        self.leave(task);
        self.code.op(instruction, own, second, last);
        self.settle(to, own);
    }

    /// Whether no later task uses the value.
    fn is_last(&self, value: usize) -> bool {
        self.next(value, self.position + 1).is_none()
    }

    /// The first task from a position on that uses the value.
    fn next(&self, value: usize, from: usize) -> Option<usize> {
        self.work.uses[value][self.used[value]..].iter().copied().find(|position| *position >= from)
    }

    /// The value in a register, which stays there for this task.
    fn bring(&mut self, value: usize) -> Register {
        let register = match self.register[value] {
            Some(register) => register,
            None => {
                let from = self.home(value);
                let register = self.free();
                self.code.load(register, from);
                self.settle(value, register);
                register
            }
        };
        self.locked |= 1 << register;
        register
    }

    /// The value wherever it is; in a register if one is free and it is needed again soon.
    fn operand(&mut self, value: usize) -> From {
        let soon = || self.next(value, self.position + 1).is_some_and(|next| next - self.position <= SOON);
        if self.register[value].is_some() || (self.inside.contains(&None) && soon()) {
            return From::Register(self.bring(value));
        }
        self.home(value)
    }

    fn home_or_register(&mut self, value: usize) -> From {
        match self.register[value] {
            Some(register) => From::Register(register),
            None => self.home(value),
        }
    }

    /// Where it stands in memory.
    fn home(&mut self, value: usize) -> From {
        match self.homes[value] {
            Home::Place(Place { buffer, element, moves }) => {
                let (base, offset) = (base(buffer), self.code.size() * element as i32);
                if moves { From::Memory(base, offset) } else { From::Single(base, offset) }
            }
            Home::Constant(bits) => From::Constant(self.code.constant(bits)),
            Home::Stack(slot) => From::Memory(Base::Rsp, self.code.vector() * slot as i32),
            Home::None => {
                self.lost = true;
                From::Register(0)
            }
        }
    }

    /// A register that nobody needs, locked for this task.
    fn free(&mut self) -> Register {
        let empty =
            (0..32u8).find(|&register| self.inside[register as usize].is_none() && self.locked >> register & 1 == 0);
        let register = empty.unwrap_or_else(|| self.evict());
        self.locked |= 1 << register;
        register
    }

    /// The register of the value that is needed latest, which goes to the stack if it stands nowhere else.
    fn evict(&mut self) -> Register {
        let candidates = (0..32u8).filter(|register| self.locked >> register & 1 == 0);
        let latest = candidates.max_by_key(|&register| {
            let next = self.inside[register as usize].and_then(|value| self.next(value, self.position));
            next.unwrap_or(usize::MAX)
        });
        let register = latest.unwrap_or_default();
        if let Some(value) = self.inside[register as usize].take() {
            self.register[value] = None;
            if self.homes[value] == Home::None {
                self.put_aside(value, register);
            }
        }
        register
    }

    /// Writes a value to the stack.
    fn put_aside(&mut self, value: usize, from: Register) {
        let slot = self.slots.iter().position(Option::is_none).unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(value);
        self.homes[value] = Home::Stack(slot);
        let offset = self.code.vector() * slot as i32;
        self.code.store(from, Base::Rsp, offset);
    }

    /// The task's operands have been used; what is not needed any more leaves its register.
    fn leave(&mut self, task: &Task) {
        task.operands(|value| {
            let uses = &self.work.uses[value];
            while uses.get(self.used[value]).is_some_and(|position| *position <= self.position) {
                self.used[value] += 1;
            }
            if self.used[value] == uses.len() {
                if let Some(register) = self.register[value].take() {
                    self.inside[register as usize] = None;
                    self.locked &= !(1 << register);
                }
                if let Home::Stack(slot) = self.homes[value] {
                    self.vacant.push(slot);
                }
            }
        });
    }

    /// A register for a new value; those of operands that have left may be it.
    fn take(&mut self, value: usize) -> Register {
        let register = self.free();
        self.settle(value, register);
        register
    }

    /// The value is in that register now.
    fn settle(&mut self, value: usize, register: Register) {
        if let Some(before) = self.inside[register as usize] {
            self.register[before] = None;
        }
        if self.work.uses[value].is_empty() {
            self.inside[register as usize] = None;
            return;
        }
        self.inside[register as usize] = Some(value);
        self.register[value] = Some(register);
    }

    /// Those that stand in an element move out before `value` is stored there.
    fn vacate(&mut self, place: Place, value: usize) {
        for tenant in self.tenants.remove(&place).unwrap_or_default() {
            if tenant == value || self.homes[tenant] != Home::Place(place) || self.is_last(tenant) {
                continue;
            }
            if self.register[tenant].is_none() {
                self.bring(tenant);
            }
            self.homes[tenant] = Home::None;
        }
    }

    /// A value that was stored can be read from there.
    fn move_home(&mut self, value: usize, place: Place) {
        if self.homes[value] == Home::None {
            self.homes[value] = Home::Place(place);
            self.tenants.entry(place).or_default().push(value);
        }
    }
}

#[cfg(test)]
mod tests;
