//! The few instructions on vectors of eight numbers that steps of lanes are made of, as bytes.
//!
//! Cranelift's vectors have two doubles or four numbers of single precision; those of AVX-512 have eight of either, a group of lanes.
//! Source of the encoding: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, section 2.7 (EVEX) and the
//! pages of the instructions.

/// A vector register, 0 to 31.
pub(super) type Register = u8;

/// A register that holds an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Rcx = 1,
    Rdx = 2,
    Rsp = 4,
    Rsi = 6,
    Rdi = 7,
    R8 = 8,
}

/// Where the last operand of an instruction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Register(Register),
    /// Eight numbers, so many bytes behind an address.
    Memory(Base, i32),
    /// A constant by its number, the same in all lanes.
    Constant(usize),
}

/// An instruction: its map of opcodes, and its opcode there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction(u8, u8);

pub(super) const ADD: Instruction = Instruction(1, 0x58);
pub(super) const MUL: Instruction = Instruction(1, 0x59);
pub(super) const SUB: Instruction = Instruction(1, 0x5c);
/// a where it is less than b, else b.
pub(super) const MIN: Instruction = Instruction(1, 0x5d);
pub(super) const DIV: Instruction = Instruction(1, 0x5e);
/// a where it is greater than b, else b.
pub(super) const MAX: Instruction = Instruction(1, 0x5f);
pub(super) const SQRT: Instruction = Instruction(1, 0x51);
/// Bit by bit.
pub(super) const AND: Instruction = Instruction(1, 0xdb);
pub(super) const XOR: Instruction = Instruction(1, 0xef);
const LOAD: Instruction = Instruction(1, 0x10);
const STORE: Instruction = Instruction(1, 0x11);
const SPREAD: Instruction = Instruction(2, 0x19);
const SPREAD_SINGLE: Instruction = Instruction(2, 0x18);
const COMPARE: Instruction = Instruction(1, 0xc2);
const BLEND: Instruction = Instruction(2, 0x65);

/// Which of the three operands of a fused multiply-add gives its register to the result; the last may stand in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// `r = r · last + second`
    Factor132,
    /// `r = second · r + last`
    Factor213,
    /// `r = second · last + r`
    Sum231,
}

/// A fused multiply-add, its product and what is added negated or not.
pub(super) fn fma(order: Order, negate_product: bool, negate_addend: bool) -> Instruction {
    let first = match order {
        Order::Factor132 => 0x98,
        Order::Factor213 => 0xa8,
        Order::Sum231 => 0xb8,
    };
    Instruction(2, first + if negate_product { 4 } else { 0 } + if negate_addend { 2 } else { 0 })
}

/// The mask register of comparisons.
const MASK: u8 = 1;
/// What is subtracted from the stack pointer stands here.
const FRAME: usize = 7;

/// A function under construction.
pub(super) struct Code {
    /// Whether numbers are of single precision, in vectors half as long.
    single: bool,
    bytes: Vec<u8>,
    constants: Vec<u64>,
    /// Where distances to constants are to be written: the place, the end of the instruction, the constant.
    waiting: Vec<(usize, usize, usize)>,
}

impl Code {
    /// With the beginning of a function.
    pub fn new(single: bool) -> Self {
        // push rbp; mov rbp, rsp; sub rsp, …; and rsp, -64
        let bytes = vec![0x55, 0x48, 0x89, 0xe5, 0x48, 0x81, 0xec, 0, 0, 0, 0, 0x48, 0x83, 0xe4, 0xc0];
        Code { single, bytes, constants: Vec::new(), waiting: Vec::new() }
    }

    /// Bytes of a number.
    pub fn size(&self) -> i32 {
        if self.single { 4 } else { 8 }
    }

    /// Bytes of a vector.
    pub fn vector(&self) -> i32 {
        8 * self.size()
    }

    /// The number of a constant, given by its bits as one of the code's numbers.
    pub fn constant(&mut self, bits: u64) -> usize {
        self.constants.iter().position(|known| *known == bits).unwrap_or_else(|| {
            self.constants.push(bits);
            self.constants.len() - 1
        })
    }

    /// `to = a ⋄ last`; of an instruction of one operand `a` is 0.
    pub fn op(&mut self, instruction: Instruction, to: Register, a: Register, last: From) {
        self.encode(instruction, (to, a, last), 0, None);
    }

    /// `to = last`
    pub fn load(&mut self, to: Register, last: From) {
        match last {
            From::Constant(_) if self.single => self.encode(SPREAD_SINGLE, (to, 0, last), 0, None),
            From::Constant(_) => self.encode(SPREAD, (to, 0, last), 0, None),
            _ => self.encode(LOAD, (to, 0, last), 0, None),
        }
    }

    /// Writes a register.
    pub fn store(&mut self, from: Register, base: Base, offset: i32) {
        self.encode(STORE, (from, 0, From::Memory(base, offset)), 0, None);
    }

    /// `to = if x ⋄ y then a else b`, the comparison by the number that the instruction knows it by.
    pub fn select(&mut self, comparison: u8, (x, y): (Register, From), to: Register, (a, b): (From, Register)) {
        self.encode(COMPARE, (MASK, x, y), 0, Some(comparison));
        self.encode(BLEND, (to, b, a), MASK, None);
    }

    fn encode(
        &mut self,
        instruction: Instruction,
        (register, second, last): (Register, Register, From),
        mask: u8,
        immediate: Option<u8>,
    ) {
        let bit = |number: u8, place: u8| (!number >> place) & 1;
        let (x, b) = match last {
            From::Register(number) => (bit(number, 4), bit(number, 3)),
            From::Memory(base, _) => (1, bit(base as u8, 3)),
            From::Constant(_) => (1, 1),
        };
        // Of one number of memory all lanes are made, but by the instruction that does nothing else.
        let spread = u8::from(matches!(last, From::Constant(_)) && ![SPREAD, SPREAD_SINGLE].contains(&instruction));
        let Instruction(map, opcode) = instruction;
        let (wide, length) = if self.single { (0, 1) } else { (1, 2) };
        // Arithmetic in single precision has no prefix, anything else has that of operands of 16 bits.
        let prefix = u8::from(!self.single || map == 2 || [AND, XOR].contains(&instruction));
        self.bytes.extend([
            0x62,
            bit(register, 3) << 7 | x << 6 | b << 5 | bit(register, 4) << 4 | map,
            wide << 7 | (!second & 0xf) << 3 | 1 << 2 | prefix,
            length << 5 | spread << 4 | bit(second, 4) << 3 | mask,
            opcode,
        ]);
        let register = (register & 7) << 3;
        let behind = usize::from(immediate.is_some());
        match last {
            From::Register(number) => self.bytes.push(0xc0 | register | number & 7),
            From::Constant(number) => {
                self.bytes.push(register | 5);
                let place = self.bytes.len();
                self.waiting.push((place, place + 4 + behind, number));
                self.bytes.extend([0; 4]);
            }
            From::Memory(base, offset) => {
                let (base, vector) = (base as u8 & 7, self.vector());
                let short = i8::try_from(offset / vector).ok().filter(|_| offset % vector == 0);
                self.bytes.push(if short.is_some() { 0x40 } else { 0x80 } | register | base);
                if base == Base::Rsp as u8 {
                    self.bytes.push(0x24);
                }
                match short {
                    Some(vectors) => self.bytes.push(vectors as u8),
                    None => self.bytes.extend(offset.to_le_bytes()),
                }
            }
        }
        self.bytes.extend(immediate);
    }

    /// The function, which keeps so many bytes on the stack, with its constants behind it.
    pub fn finish(mut self, stack: u32) -> Vec<u8> {
        self.bytes[FRAME..FRAME + 4].copy_from_slice(&stack.to_le_bytes());
        // vzeroupper; leave; ret
        self.bytes.extend([0xc5, 0xf8, 0x77, 0xc9, 0xc3]);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0xcc);
        let first = self.bytes.len();
        for (place, end, number) in std::mem::take(&mut self.waiting) {
            let distance = (first + self.size() as usize * number - end) as u32;
            self.bytes[place..place + 4].copy_from_slice(&distance.to_le_bytes());
        }
        let size = self.size() as usize;
        self.constants.iter().for_each(|bits| self.bytes.extend(&bits.to_le_bytes()[..size]));
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that GNU as makes of the same instructions.
    #[test]
    fn instructions_are_encoded_as_the_manual_says() {
        let bytes_of = |single: bool, emit: &dyn Fn(&mut Code)| {
            let mut code = Code::new(single);
            let start = code.bytes.len();
            emit(&mut code);
            code.bytes[start..].to_vec()
        };
        let bytes = |emit: &dyn Fn(&mut Code)| bytes_of(false, emit);
        // vaddpd zmm1, zmm2, zmm3
        assert_eq!(bytes(&|c| c.op(ADD, 1, 2, From::Register(3))), [0x62, 0xf1, 0xed, 0x48, 0x58, 0xcb]);
        // vmulpd zmm31, zmm17, [r8 + 64]
        assert_eq!(
            bytes(&|c| c.op(MUL, 31, 17, From::Memory(Base::R8, 64))),
            [0x62, 0x41, 0xf5, 0x40, 0x59, 0x78, 0x01]
        );
        // vfnmadd231pd zmm9, zmm20, zmm30
        let instruction = fma(Order::Sum231, true, false);
        assert_eq!(bytes(&|c| c.op(instruction, 9, 20, From::Register(30))), [0x62, 0x12, 0xdd, 0x40, 0xbc, 0xce]);
        // vmovupd [rsp + 128], zmm5
        assert_eq!(bytes(&|c| c.store(5, Base::Rsp, 128)), [0x62, 0xf1, 0xfd, 0x48, 0x11, 0x6c, 0x24, 0x02]);
        // vmovupd zmm4, [rcx + 72]
        assert_eq!(
            bytes(&|c| c.load(4, From::Memory(Base::Rcx, 72))),
            [0x62, 0xf1, 0xfd, 0x48, 0x10, 0xa1, 0x48, 0, 0, 0]
        );
        // vaddps ymm1, ymm2, [rdi + 32]
        assert_eq!(
            bytes_of(true, &|c| c.op(ADD, 1, 2, From::Memory(Base::Rdi, 32))),
            [0x62, 0xf1, 0x6c, 0x28, 0x58, 0x4f, 0x01]
        );
        // vfmadd213ps ymm20, ymm3, ymm4
        let instruction = fma(Order::Factor213, false, false);
        assert_eq!(
            bytes_of(true, &|c| c.op(instruction, 20, 3, From::Register(4))),
            [0x62, 0xe2, 0x65, 0x28, 0xa8, 0xe4]
        );
    }
}
