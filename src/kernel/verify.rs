//! The verifier: what a program must satisfy before a backend may run it.
//!
//! Every value is assigned once and used where it is visible (after its assignment, in its piece, and not after the
//! loop that assigns it), truth values and reals are told apart, loop variables are used where they are bound, and
//! every address lies within [`Lengths`] for every turn of the loops around it. The last is proved by interval
//! arithmetic over the ranges of the loop variables, so a program whose safety needs more than ranges is refused.
//! Backends rely on it: native code checks no bounds.

use super::program::{Address, Affine, Buffer, Carried, Kernel, Lengths, LoopVar, Op, Piece, Program, Stmt, Value};
use std::fmt;

/// Why a program may not run, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The kernel's name.
    pub kernel: &'static str,
    /// Which of its pieces.
    pub piece: usize,
    /// Which statement, counted from 0 in the order of the text form, and its text.
    pub statement: Option<(usize, String)>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel `{}`", self.kernel)?;
        if let Some((number, text)) = &self.statement {
            write!(f, ", piece {}, statement {number} (`{text}`)", self.piece)?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for Invalid {}

/// Checks a whole program; the first violation is reported.
pub fn verify(program: &Program) -> Result<(), Invalid> {
    for (position, kernel) in program.kernels.iter().enumerate() {
        let whole = |reason: String| Invalid { kernel: kernel.name, piece: 0, statement: None, reason };
        if program.kernels[..position].iter().any(|earlier| earlier.name == kernel.name) {
            return Err(whole("two kernels have this name".into()));
        }
        let Lengths { y, p, v, w, out } = kernel.lengths;
        if [y, p, v, w, out].into_iter().any(|length| length as u64 > LARGEST as u64) {
            return Err(whole("a buffer is longer than 2^48 elements".into()));
        }
        for (number, piece) in kernel.pieces.iter().enumerate() {
            Scope::new(kernel, number, piece).body(&piece.body)?;
        }
    }
    Ok(())
}

/// Bound of the magnitude of loop variables, subscripts and lengths: sums of a few of them stay far from overflow,
/// and loop variables are exact as `f64`.
const LARGEST: i64 = 1 << 48;

/// Whether a value is a number or a truth value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Real,
    Truth,
}

/// What a value or loop variable is at some point of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State<T> {
    Unassigned,
    Visible(T),
    OutOfScope,
}

/// The walk over one piece.
struct Scope<'a> {
    kernel: &'a Kernel,
    piece: usize,
    values: Vec<State<Kind>>,
    loops: Vec<State<(i64, i64)>>,
    /// What became visible, in order, to be hidden again at the end of a body.
    log: Vec<Entry>,
    statement: usize,
}

enum Entry {
    Value(Value),
    Loop(LoopVar),
}

type Check<T = ()> = Result<T, String>;

impl<'a> Scope<'a> {
    fn new(kernel: &'a Kernel, number: usize, piece: &Piece) -> Self {
        Scope {
            kernel,
            piece: number,
            values: vec![State::Unassigned; piece.values as usize],
            loops: vec![State::Unassigned; piece.loops as usize],
            log: Vec::new(),
            statement: 0,
        }
    }

    fn body(&mut self, statements: &[Stmt]) -> Result<(), Invalid> {
        for statement in statements {
            let number = self.statement;
            self.statement += 1;
            let at = |reason: String, scope: &Self| Invalid {
                kernel: scope.kernel.name,
                piece: scope.piece,
                statement: Some((number, statement.to_string())),
                reason,
            };
            match statement {
                Stmt::Loop { var, lo, hi, carried, body } => {
                    let mark = self.enter(*var, *lo, *hi, carried).map_err(|reason| at(reason, self))?;
                    self.body(body)?;
                    self.leave(mark, carried).map_err(|reason| at(reason, self))?;
                }
                simple => self.simple(simple).map_err(|reason| at(reason, self))?,
            }
        }
        Ok(())
    }

    fn simple(&mut self, statement: &Stmt) -> Check {
        match statement {
            Stmt::Let { dst, op } => {
                let kind = self.op(op)?;
                self.assign(*dst, kind)
            }
            Stmt::Store { to, value } => {
                if !matches!(to.buffer, Buffer::W | Buffer::Out) {
                    return Err(format!("`{}` may not be written", to.buffer));
                }
                self.address(to)?;
                self.real(*value)
            }
            Stmt::Wrap { var, of, extent } => {
                if !(1..=LARGEST).contains(extent) {
                    return Err(format!("extent {extent} is not between 1 and 2^48"));
                }
                self.range(of)?;
                self.bind(*var, 0, extent - 1)
            }
            Stmt::Lookup { var, table, at } => {
                let (lo, hi) = self.range(at)?;
                if lo < 0 || hi >= table.len() as i64 {
                    return Err(format!("reaches elements {lo} to {hi} of a table of length {}", table.len()));
                }
                // Not empty: it has an element at `lo`.
                let (least, most) = bounds(table);
                self.bind(*var, least, most)
            }
            Stmt::Loop { .. } => Ok(()),
        }
    }

    /// The head of a loop: its range and accumulators become visible; returns the mark to go back to.
    fn enter(&mut self, var: LoopVar, lo: i64, hi: i64, carried: &[Carried]) -> Check<usize> {
        if lo > hi {
            return Err(format!("the range {lo}..={hi} is empty"));
        }
        if lo < -LARGEST || hi > LARGEST {
            return Err(format!("the range {lo}..={hi} exceeds 2^48"));
        }
        carried.iter().try_for_each(|c| self.real(c.init))?;
        let mark = self.log.len();
        self.bind(var, lo, hi)?;
        carried.iter().try_for_each(|c| self.assign(c.acc, Kind::Real))?;
        Ok(mark)
    }

    /// The end of a loop: everything of its body is hidden, the carried results become visible.
    fn leave(&mut self, mark: usize, carried: &[Carried]) -> Check {
        carried.iter().try_for_each(|c| self.real(c.next))?;
        for entry in self.log.drain(mark..) {
            match entry {
                Entry::Value(value) => self.values[value.0 as usize] = State::OutOfScope,
                Entry::Loop(var) => self.loops[var.0 as usize] = State::OutOfScope,
            }
        }
        carried.iter().try_for_each(|c| self.assign(c.result, Kind::Real))
    }

    fn op(&self, op: &Op) -> Check<Kind> {
        match op {
            Op::Const(_) | Op::Time => Ok(Kind::Real),
            Op::Index(var) => self.bounds(*var).map(|_| Kind::Real),
            Op::Load(from) => {
                if from.buffer == Buffer::Out {
                    return Err("`out` may not be read".into());
                }
                self.address(from)?;
                Ok(Kind::Real)
            }
            Op::Unary(_, a) | Op::Curve(_, _, a) => self.real(*a).map(|()| Kind::Real),
            Op::Foreign(_, _, arguments) => self.reals(arguments, Kind::Real),
            Op::Binary(_, a, b) => self.reals(&[*a, *b], Kind::Real),
            Op::Fma(a, b, c) => self.reals(&[*a, *b, *c], Kind::Real),
            Op::Call1(function, a) => {
                arity(*function, 1)?;
                self.reals(&[*a], Kind::Real)
            }
            Op::Call2(function, a, b) => {
                arity(*function, 2)?;
                self.reals(&[*a, *b], Kind::Real)
            }
            Op::Compare(_, a, b) => self.reals(&[*a, *b], Kind::Truth),
            Op::And(a, b) | Op::Or(a, b) => {
                self.truth(*a)?;
                self.truth(*b)?;
                Ok(Kind::Truth)
            }
            Op::Not(a) => self.truth(*a).map(|()| Kind::Truth),
            Op::Select(c, a, b) => {
                self.truth(*c)?;
                self.reals(&[*a, *b], Kind::Real)
            }
        }
    }

    fn reals(&self, operands: &[Value], result: Kind) -> Check<Kind> {
        operands.iter().try_for_each(|&operand| self.real(operand))?;
        Ok(result)
    }

    fn real(&self, value: Value) -> Check {
        match self.kind(value)? {
            Kind::Real => Ok(()),
            Kind::Truth => Err(format!("{value} is a truth value where a real is needed")),
        }
    }

    fn truth(&self, value: Value) -> Check {
        match self.kind(value)? {
            Kind::Truth => Ok(()),
            Kind::Real => Err(format!("{value} is a real where a truth value is needed")),
        }
    }

    fn kind(&self, value: Value) -> Check<Kind> {
        match self.values.get(value.0 as usize) {
            Some(State::Visible(kind)) => Ok(*kind),
            Some(State::Unassigned) => Err(format!("{value} is used before it is assigned")),
            Some(State::OutOfScope) => Err(format!("{value} is used after the loop that assigns it")),
            None => Err(format!("{value} is not among the {} values of its piece", self.values.len())),
        }
    }

    fn assign(&mut self, value: Value, kind: Kind) -> Check {
        let count = self.values.len();
        match self.values.get_mut(value.0 as usize) {
            Some(state @ State::Unassigned) => {
                *state = State::Visible(kind);
                self.log.push(Entry::Value(value));
                Ok(())
            }
            Some(_) => Err(format!("{value} is assigned twice")),
            None => Err(format!("{value} is not among the {count} values of its piece")),
        }
    }

    fn bind(&mut self, var: LoopVar, lo: i64, hi: i64) -> Check {
        let count = self.loops.len();
        match self.loops.get_mut(var.0 as usize) {
            Some(state @ State::Unassigned) => {
                *state = State::Visible((lo, hi));
                self.log.push(Entry::Loop(var));
                Ok(())
            }
            Some(_) => Err(format!("loop variable {var} is bound twice")),
            None => Err(format!("{var} is not among the {count} loop variables of its piece")),
        }
    }

    fn bounds(&self, var: LoopVar) -> Check<(i64, i64)> {
        match self.loops.get(var.0 as usize) {
            Some(State::Visible(bounds)) => Ok(*bounds),
            Some(_) => Err(format!("loop variable {var} is not visible here")),
            None => Err(format!("{var} is not among the {} loop variables of its piece", self.loops.len())),
        }
    }

    fn address(&self, address: &Address) -> Check {
        let Lengths { y, p, v, w, out } = self.kernel.lengths;
        let length = match address.buffer {
            Buffer::Y => y,
            Buffer::P => p,
            Buffer::V => v,
            Buffer::W => w,
            Buffer::Out => out,
        };
        let (lo, hi) = self.range(&address.element)?;
        if lo < 0 || hi >= length as i64 {
            let place = if lo == hi { format!("element {lo}") } else { format!("elements {lo} to {hi}") };
            return Err(format!("{address} reaches {place} of a buffer of length {length}"));
        }
        Ok(())
    }

    /// The least and the largest value of a subscript over the ranges of its loop variables.
    fn range(&self, affine: &Affine) -> Check<(i64, i64)> {
        if !affine.terms.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err("loop variables of a subscript are not in ascending order".into());
        }
        let (mut lo, mut hi) = (i128::from(affine.base), i128::from(affine.base));
        for &(var, k) in &affine.terms {
            if k == 0 {
                return Err(format!("loop variable {var} has coefficient 0"));
            }
            let (from, to) = self.bounds(var)?;
            let (a, b) = (i128::from(k) * i128::from(from), i128::from(k) * i128::from(to));
            lo += a.min(b);
            hi += a.max(b);
        }
        match (i64::try_from(lo), i64::try_from(hi)) {
            (Ok(lo), Ok(hi)) if lo >= -LARGEST && hi <= LARGEST => Ok((lo, hi)),
            _ => Err("a subscript exceeds 2^48".into()),
        }
    }
}

/// The least and the largest value of a table.
pub fn bounds(table: &[u32]) -> (i64, i64) {
    let (least, most) = table.iter().fold((u32::MAX, 0), |(lo, hi), &value| (lo.min(value), hi.max(value)));
    (i64::from(least.min(most)), i64::from(most))
}

fn arity(function: crate::math::Function, given: usize) -> Check {
    match function.arity() {
        needed if needed == given => Ok(()),
        needed => Err(format!("`{}` takes {needed} arguments, not {given}", function.name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::program::{Binary, Compare, Unary};
    use crate::math::Function;

    fn at(buffer: Buffer, base: i64, terms: &[(u32, i64)]) -> Address {
        Address { buffer, element: affine(base, terms) }
    }

    fn affine(base: i64, terms: &[(u32, i64)]) -> Affine {
        Affine { base, terms: terms.iter().map(|&(var, k)| (LoopVar(var), k)).collect() }
    }

    fn set(dst: u32, op: Op) -> Stmt {
        Stmt::Let { dst: Value(dst), op }
    }

    fn load(dst: u32, base: i64, terms: &[(u32, i64)]) -> Stmt {
        set(dst, Op::Load(at(Buffer::Y, base, terms)))
    }

    fn store(base: i64, terms: &[(u32, i64)], value: u32) -> Stmt {
        Stmt::Store { to: at(Buffer::Out, base, terms), value: Value(value) }
    }

    fn repeat(lo: i64, hi: i64, carried: Vec<Carried>, body: Vec<Stmt>) -> Stmt {
        Stmt::Loop { var: LoopVar(0), lo, hi, carried, body }
    }

    fn program(body: Vec<Stmt>) -> Program {
        let lengths = Lengths { y: 10, p: 2, v: 0, w: 4, out: 10 };
        let piece = Piece { values: 12, loops: 3, body };
        Program { kernels: vec![Kernel { name: "rhs", lengths, pieces: vec![piece] }] }
    }

    /// The reason why a body is refused.
    fn refused(body: Vec<Stmt>) -> String {
        verify(&program(body)).expect_err("the program should be refused").reason
    }

    #[test]
    fn a_sum_over_a_wrapped_range_is_accepted() {
        let carried = vec![Carried { acc: Value(1), init: Value(0), next: Value(3), result: Value(4) }];
        let body = vec![
            Stmt::Wrap { var: LoopVar(1), of: affine(-1, &[(0, 1)]), extent: 10 },
            load(2, 0, &[(1, 1)]),
            set(3, Op::Binary(Binary::Add, Value(1), Value(2))),
            store(9, &[(0, -1)], 3),
        ];
        let body = vec![load(0, 0, &[]), repeat(0, 9, carried, body), store(0, &[], 4)];
        assert_eq!(verify(&program(body)), Ok(()));
    }

    #[test]
    fn the_message_names_kernel_piece_and_statement() {
        let error = verify(&program(vec![load(0, 0, &[]), store(10, &[], 0)])).expect_err("out of bounds");
        assert_eq!(
            error.to_string(),
            "kernel `rhs`, piece 0, statement 1 (`out[10] = %0`): out[10] reaches element 10 of a buffer of length 10"
        );
    }

    #[test]
    fn values_are_assigned_once_and_used_in_scope() {
        assert_eq!(refused(vec![load(0, 0, &[]), load(0, 1, &[])]), "%0 is assigned twice");
        assert_eq!(refused(vec![store(0, &[], 3)]), "%3 is used before it is assigned");
        assert_eq!(refused(vec![load(12, 0, &[])]), "%12 is not among the 12 values of its piece");
        let inner = vec![repeat(0, 9, vec![], vec![load(0, 0, &[(0, 1)])]), store(0, &[], 0)];
        assert_eq!(refused(inner), "%0 is used after the loop that assigns it");
        let own = vec![Carried { acc: Value(1), init: Value(1), next: Value(1), result: Value(2) }];
        assert_eq!(refused(vec![repeat(0, 1, own, vec![])]), "%1 is used before it is assigned");
        let twice = vec![Carried { acc: Value(1), init: Value(0), next: Value(1), result: Value(1) }];
        assert_eq!(refused(vec![load(0, 0, &[]), repeat(0, 1, twice, vec![])]), "%1 is assigned twice");
    }

    #[test]
    fn values_do_not_cross_pieces() {
        let mut program = program(vec![load(0, 0, &[])]);
        program.kernels[0].pieces.push(Piece { values: 1, loops: 0, body: vec![store(0, &[], 0)] });
        let error = verify(&program).expect_err("%0 belongs to piece 0");
        assert_eq!((error.piece, error.reason.as_str()), (1, "%0 is used before it is assigned"));
    }

    #[test]
    fn reals_and_truth_values_are_told_apart() {
        let compare = || vec![load(0, 0, &[]), set(1, Op::Compare(Compare::Lt, Value(0), Value(0)))];
        let with = |op| {
            let mut body = compare();
            body.push(set(2, op));
            refused(body)
        };
        let truth = "%1 is a truth value where a real is needed";
        let real = "%0 is a real where a truth value is needed";
        assert_eq!(with(Op::Unary(Unary::Neg, Value(1))), truth);
        assert_eq!(with(Op::Fma(Value(0), Value(0), Value(1))), truth);
        assert_eq!(with(Op::Select(Value(1), Value(0), Value(1))), truth);
        assert_eq!(with(Op::Call1(Function::Exp, Value(1))), truth);
        assert_eq!(with(Op::Not(Value(0))), real);
        assert_eq!(with(Op::And(Value(1), Value(0))), real);
        assert_eq!(with(Op::Select(Value(0), Value(0), Value(0))), real);
        let mut stored = compare();
        stored.push(store(0, &[], 1));
        assert_eq!(refused(stored), truth);
    }

    #[test]
    fn functions_take_their_number_of_arguments() {
        let body = |op| vec![load(0, 0, &[]), set(1, op)];
        assert_eq!(refused(body(Op::Call1(Function::Pow, Value(0)))), "`pow` takes 2 arguments, not 1");
        assert_eq!(refused(body(Op::Call2(Function::Exp, Value(0), Value(0)))), "`exp` takes 1 arguments, not 2");
    }

    #[test]
    fn loop_variables_are_bound_once_and_used_inside() {
        assert_eq!(refused(vec![load(0, 0, &[(0, 1)])]), "loop variable i0 is not visible here");
        let after = vec![repeat(0, 3, vec![], vec![]), load(0, 0, &[(0, 1)])];
        assert_eq!(refused(after), "loop variable i0 is not visible here");
        let wrapped_inside =
            vec![Stmt::Wrap { var: LoopVar(1), of: affine(0, &[(0, 1)]), extent: 4 }, load(0, 0, &[(1, 1)])];
        let after = vec![repeat(0, 3, vec![], wrapped_inside), load(1, 0, &[(1, 1)])];
        assert_eq!(refused(after), "loop variable i1 is not visible here");
        let twice = vec![repeat(0, 3, vec![], vec![]), repeat(0, 3, vec![], vec![])];
        assert_eq!(refused(twice), "loop variable i0 is bound twice");
        assert_eq!(refused(vec![load(0, 0, &[(3, 1)])]), "i3 is not among the 3 loop variables of its piece");
        assert_eq!(refused(vec![set(0, Op::Index(LoopVar(2)))]), "loop variable i2 is not visible here");
    }

    #[test]
    fn ranges_are_not_empty_and_extents_positive() {
        assert_eq!(refused(vec![repeat(1, 0, vec![], vec![])]), "the range 1..=0 is empty");
        let wrap = Stmt::Wrap { var: LoopVar(1), of: affine(3, &[]), extent: 0 };
        assert_eq!(refused(vec![wrap]), "extent 0 is not between 1 and 2^48");
        let huge = vec![repeat(0, i64::MAX, vec![], vec![])];
        assert!(refused(huge).contains("exceeds 2^48"));
    }

    #[test]
    fn addresses_stay_inside_their_buffers_on_every_turn() {
        let over = |lo, hi, base, k| refused(vec![repeat(lo, hi, vec![], vec![load(0, base, &[(0, k)])])]);
        assert_eq!(over(0, 5, 0, 2), "y[2*i0] reaches elements 0 to 10 of a buffer of length 10");
        assert_eq!(over(0, 5, 4, -1), "y[-i0 + 4] reaches elements -1 to 4 of a buffer of length 10");
        assert_eq!(over(0, 1, 0, i64::MAX), "a subscript exceeds 2^48");
        assert_eq!(refused(vec![load(0, -1, &[])]), "y[-1] reaches element -1 of a buffer of length 10");
        let empty = set(0, Op::Load(at(Buffer::V, 0, &[])));
        assert_eq!(refused(vec![empty]), "v[0] reaches element 0 of a buffer of length 0");
    }

    #[test]
    fn subscripts_are_sorted_and_without_zeros() {
        let unsorted = vec![repeat(0, 1, vec![], vec![load(0, 0, &[(0, 1), (0, 1)])])];
        assert_eq!(refused(unsorted), "loop variables of a subscript are not in ascending order");
        let zero = vec![repeat(0, 1, vec![], vec![load(0, 0, &[(0, 0)])])];
        assert_eq!(refused(zero), "loop variable i0 has coefficient 0");
    }

    #[test]
    fn only_work_and_result_are_written_and_the_result_is_not_read() {
        let body = vec![load(0, 0, &[]), Stmt::Store { to: at(Buffer::P, 0, &[]), value: Value(0) }];
        assert_eq!(refused(body), "`p` may not be written");
        assert_eq!(refused(vec![set(0, Op::Load(at(Buffer::Out, 0, &[])))]), "`out` may not be read");
    }

    #[test]
    fn kernel_names_are_unique() {
        let mut program = program(vec![]);
        program.kernels.push(program.kernels[0].clone());
        let error = verify(&program).expect_err("two kernels of one name");
        assert_eq!(error.to_string(), "kernel `rhs`: two kernels have this name");
    }
}
