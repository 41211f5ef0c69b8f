//! Building straight-line kernels by hand: values with the habits that make good machine code (see RESEARCH: what is
//! used far from where it was made goes through memory; functions of about 2,000 operations).

use super::program::{Address, Affine, Buffer, Op, Piece, Stmt, Value};

/// A result used more than this many statements after it was made is read back from the work buffer.
const FAR: usize = 12;
/// A piece is cut after this many statements.
const LONG: usize = 2_000;

/// A kernel's body under construction.
#[derive(Debug, Default)]
pub struct Straight {
    pieces: Vec<Piece>,
    piece: Piece,
    /// Per element of the work buffer: the value last stored there, its piece and statement.
    stored: Vec<Option<(Value, usize, usize)>>,
    /// Whether what is kept is always read back.
    by_memory: bool,
    /// Per value of the piece at hand: whether it follows from the state, the work buffer or time.
    varied: Vec<bool>,
    /// Per value of the piece at hand: its statement.
    made: Vec<usize>,
}

impl Straight {
    /// Code in which what is kept is always read back, so that each value has one use: in loops on vectors, whose registers are
    /// few, loads then are operands of the instructions that need them.
    pub fn by_memory() -> Self {
        Straight { by_memory: true, ..Straight::default() }
    }

    /// Whether a value of the piece at hand follows from the state, the work buffer or time.
    pub fn varies(&self, value: Value) -> bool {
        self.varied.get(value.0 as usize).is_none_or(|varied| *varied)
    }

    /// The value of an operation.
    pub fn op(&mut self, op: Op) -> Value {
        let dst = Value(self.piece.values);
        self.piece.values += 1;
        let mut varies = match &op {
            Op::Load(from) => matches!(from.buffer, Buffer::Y | Buffer::W),
            Op::Time => true,
            _ => false,
        };
        op.for_each_operand(|operand| varies |= self.varied[operand.0 as usize]);
        self.varied.push(varies);
        self.made.push(self.piece.body.len());
        self.piece.body.push(Stmt::Let { dst, op });
        dst
    }

    /// The operation of a value of the piece at hand that is a number or an element of a buffer.
    pub fn leaf(&self, value: Value) -> Option<&Op> {
        match self.piece.body.get(*self.made.get(value.0 as usize)?)? {
            Stmt::Let { op: op @ (Op::Const(_) | Op::Load(_)), .. } => Some(op),
            _ => None,
        }
    }

    /// A buffer's element.
    pub fn load(&mut self, buffer: Buffer, element: usize) -> Value {
        self.op(Op::Load(address(buffer, element)))
    }

    /// Writes to a buffer.
    pub fn store(&mut self, buffer: Buffer, element: usize, value: Value) {
        self.piece.body.push(Stmt::Store { to: address(buffer, element), value });
    }

    /// Keeps a value in the work buffer, for [`Self::kept`].
    pub fn keep(&mut self, element: usize, value: Value) {
        self.store(Buffer::W, element, value);
        if self.stored.len() <= element {
            self.stored.resize(element + 1, None);
        }
        self.stored[element] = Some((value, self.pieces.len(), self.piece.body.len()));
    }

    /// What was kept there: the value itself if it was made nearby, else read back.
    pub fn kept(&mut self, element: usize) -> Value {
        if let Some(Some((value, piece, at))) = self.stored.get(element)
            && !self.by_memory
            && *piece == self.pieces.len()
            && self.piece.body.len() - at <= FAR
        {
            return *value;
        }
        self.load(Buffer::W, element)
    }

    /// `a·b + c`, contracted where `fma` says so.
    pub fn multiply_add(&mut self, a: Value, b: Value, c: Value, fma: bool) -> Value {
        if fma {
            return self.op(Op::Fma(a, b, c));
        }
        let product = self.op(Op::Binary(super::program::Binary::Mul, a, b));
        self.op(Op::Binary(super::program::Binary::Add, product, c))
    }

    /// `sum + a·b`, or the product alone.
    pub fn add_product(&mut self, a: Value, b: Value, sum: Option<Value>, fma: bool) -> Value {
        match sum {
            Some(sum) => self.multiply_add(a, b, sum, fma),
            None => self.op(Op::Binary(super::program::Binary::Mul, a, b)),
        }
    }

    /// A place where no value is in use but through memory: long bodies are cut here. Says whether this one was.
    pub fn may_cut(&mut self) -> bool {
        let long = self.piece.body.len() >= LONG;
        if long {
            self.cut();
        }
        long
    }

    /// Cuts here.
    pub fn cut(&mut self) {
        self.varied.clear();
        self.made.clear();
        self.pieces.push(std::mem::take(&mut self.piece));
    }

    /// Pieces of other code that are run here.
    pub fn run(&mut self, pieces: Vec<Piece>) {
        self.cut();
        self.pieces.extend(pieces);
    }

    /// The finished pieces.
    pub fn finish(mut self) -> Vec<Piece> {
        if !self.piece.body.is_empty() || self.pieces.is_empty() {
            self.pieces.push(self.piece);
        }
        self.pieces
    }
}

fn address(buffer: Buffer, element: usize) -> Address {
    Address { buffer, element: Affine::constant(element as i64) }
}
