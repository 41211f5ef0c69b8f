//! The few instructions on vectors of eight numbers that loops over lanes and directions are made of, as bytes.
//!
//! Cranelift's vectors have two doubles or four numbers of single precision; those of AVX-512 have eight of either, a group of lanes.
//! What is left of a loop behind its last eight turns goes on vectors half as long if they do, and masks hide what no turn is for.
//! Source of the encoding: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, section 2.7 (EVEX) and the
//! pages of the instructions.

/// Numbers in a vector.
pub(super) const LANES: usize = 8;

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
    /// A vector's numbers, so many bytes behind an address.
    Memory(Base, i32),
    /// One number there, the same in all lanes.
    Single(Base, i32),
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

/// The mask register of comparisons, and that of the turns that are left.
const MASK: u8 = 1;
const LEFT: u8 = 2;
/// What is subtracted from the stack pointer stands here.
const FRAME: usize = 7;

/// A function under construction.
pub(super) struct Code {
    /// Whether numbers are of single precision, in vectors half as long.
    single: bool,
    /// Numbers of a vector.
    lanes: usize,
    /// Whether only those that the mask [`LEFT`] names are read and written.
    masked: bool,
    /// Whether rax is added to the place of vectors, and what else is, in bytes.
    indexed: bool,
    shift: i32,
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
        let (constants, waiting) = (Vec::new(), Vec::new());
        Code { single, lanes: LANES, masked: false, indexed: false, shift: 0, bytes, constants, waiting }
    }

    /// Bytes of a number.
    pub fn size(&self) -> i32 {
        if self.single { 4 } else { 8 }
    }

    /// Bytes of the longest vector.
    pub fn vector(&self) -> i32 {
        LANES as i32 * self.size()
    }

    /// The beginning of a loop whose turns are vectors.
    pub fn open(&mut self) -> usize {
        self.indexed = true;
        // xor eax, eax
        self.bytes.extend([0x31, 0xc0]);
        self.bytes.len()
    }

    /// Its end, after so many numbers.
    pub fn close(&mut self, start: usize, numbers: i32) {
        self.indexed = false;
        // add rax, 8; cmp rax, …; jb …
        self.bytes.extend([0x48, 0x83, 0xc0, LANES as u8, 0x48, 0x3d]);
        self.bytes.extend(numbers.to_le_bytes());
        self.bytes.extend([0x0f, 0x82]);
        let back = start as i32 - (self.bytes.len() as i32 + 4);
        self.bytes.extend(back.to_le_bytes());
    }

    /// From here on vectors are for so many numbers, less than eight, behind the first `passed`.
    pub fn rest(&mut self, numbers: usize, passed: i32) {
        self.lanes = if numbers > LANES / 2 { LANES } else { LANES / 2 };
        self.masked = numbers < self.lanes;
        self.shift = self.size() * passed;
        if self.masked {
            // mov eax, …; kmovw k2, eax
            self.bytes.push(0xb8);
            self.bytes.extend(((1u32 << numbers) - 1).to_le_bytes());
            self.bytes.extend([0xc5, 0xf8, 0x92, 0xc0 | LEFT << 3]);
        }
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
            From::Constant(_) | From::Single(..) if self.single => self.encode(SPREAD_SINGLE, (to, 0, last), 0, None),
            From::Constant(_) | From::Single(..) => self.encode(SPREAD, (to, 0, last), 0, None),
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
            From::Memory(base, _) | From::Single(base, _) => (1, bit(base as u8, 3)),
            From::Constant(_) => (1, 1),
        };
        // Of one number of memory all lanes are made, but by the instruction that does nothing else.
        let one = matches!(last, From::Constant(_) | From::Single(..));
        let spread = u8::from(one && ![SPREAD, SPREAD_SINGLE].contains(&instruction));
        let Instruction(map, opcode) = instruction;
        let length = if self.single { 0 } else { 1 } + u8::from(self.lanes == LANES);
        // Arithmetic in single precision has no prefix, anything else has that of operands of 16 bits.
        let prefix = u8::from(!self.single || map == 2 || [AND, XOR].contains(&instruction));
        // What is hidden is 0 in registers, stays in memory, and is not compared.
        let hide = self.masked && mask == 0 && matches!(last, From::Memory(base, _) if base != Base::Rsp);
        let (mask, zero) = match hide || (self.masked && instruction == COMPARE) {
            true => (LEFT, u8::from(![STORE, COMPARE].contains(&instruction))),
            false => (mask, 0),
        };
        self.bytes.extend([
            0x62,
            bit(register, 3) << 7 | x << 6 | b << 5 | bit(register, 4) << 4 | map,
            u8::from(!self.single) << 7 | (!second & 0xf) << 3 | 1 << 2 | prefix,
            zero << 7 | length << 5 | spread << 4 | bit(second, 4) << 3 | mask,
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
            From::Single(base, offset) => self.address(register, (base, offset), self.size(), false),
            From::Memory(Base::Rsp, offset) => {
                self.address(register, (Base::Rsp, offset), self.lanes as i32 * self.size(), false);
            }
            From::Memory(base, offset) => {
                let place = (base, offset + self.shift);
                self.address(register, place, self.lanes as i32 * self.size(), self.indexed);
            }
        }
        self.bytes.extend(immediate);
    }

    /// Register and address; the offset takes one byte if it is a small multiple of `unit`.
    fn address(&mut self, register: u8, (base, offset): (Base, i32), unit: i32, indexed: bool) {
        let short = i8::try_from(offset / unit).ok().filter(|_| offset % unit == 0);
        let (low, kind) = (base as u8 & 7, if short.is_some() { 0x40 } else { 0x80 } | register);
        match (indexed, base) {
            // [base + rax·size + …]
            (true, _) => self.bytes.extend([kind | 4, if self.single { 2 } else { 3 } << 6 | low]),
            (false, Base::Rsp) => self.bytes.extend([kind | low, 0x24]),
            (false, _) => self.bytes.push(kind | low),
        }
        match short {
            Some(units) => self.bytes.push(units as u8),
            None => self.bytes.extend(offset.to_le_bytes()),
        }
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
        // vfmadd231pd zmm3, zmm4, [rcx + 80]{1to8}
        let instruction = fma(Order::Sum231, false, false);
        assert_eq!(
            bytes(&|c| c.op(instruction, 3, 4, From::Single(Base::Rcx, 80))),
            [0x62, 0xf2, 0xdd, 0x58, 0xb8, 0x59, 0x0a]
        );
        // vbroadcastsd zmm17, [r8 + 8]
        assert_eq!(bytes(&|c| c.load(17, From::Single(Base::R8, 8))), [0x62, 0xc2, 0xfd, 0x48, 0x19, 0x48, 0x01]);
    }

    /// The same of a loop over 4,096 numbers, the seven behind it, and three behind eight.
    #[test]
    fn loops_and_rests_are_encoded_as_the_manual_says() {
        let mut code = Code::new(false);
        let first = code.bytes.len();
        let start = code.open();
        // x: vaddpd zmm1, zmm2, [rcx + rax*8 + 64]; vmovupd [r8 + rax*8 + 72], zmm20
        code.op(ADD, 1, 2, From::Memory(Base::Rcx, 64));
        code.store(20, Base::R8, 72);
        code.close(start, 4096);
        code.rest(7, 4096);
        // vmovupd zmm5{k2}{z}, [rdi + 32768]; vfmadd213pd zmm9{k2}{z}, zmm20, [rsi + 32776]; vmovupd [rdx + 32768]{k2}, zmm9
        code.load(5, From::Memory(Base::Rdi, 0));
        code.op(fma(Order::Factor213, false, false), 9, 20, From::Memory(Base::Rsi, 8));
        code.store(9, Base::Rdx, 0);
        // vcmpltpd k1{k2}, zmm3, [rdi + 32768]; vblendmpd zmm1{k1}, zmm2, zmm4
        code.select(1, (3, From::Memory(Base::Rdi, 0)), 1, (From::Register(4), 2));
        let expected: &[&[u8]] = &[
            &[0x31, 0xc0],
            &[0x62, 0xf1, 0xed, 0x48, 0x58, 0x4c, 0xc1, 0x01],
            &[0x62, 0xc1, 0xfd, 0x48, 0x11, 0xa4, 0xc0, 0x48, 0, 0, 0],
            // add rax, 8; cmp rax, 4096; jb x
            &[0x48, 0x83, 0xc0, 0x08, 0x48, 0x3d, 0x00, 0x10, 0, 0, 0x0f, 0x82, 0xdd, 0xff, 0xff, 0xff],
            // mov eax, 127; kmovw k2, eax
            &[0xb8, 0x7f, 0, 0, 0, 0xc5, 0xf8, 0x92, 0xd0],
            &[0x62, 0xf1, 0xfd, 0xca, 0x10, 0xaf, 0, 0x80, 0, 0],
            &[0x62, 0x72, 0xdd, 0xc2, 0xa8, 0x8e, 0x08, 0x80, 0, 0],
            &[0x62, 0x71, 0xfd, 0x4a, 0x11, 0x8a, 0, 0x80, 0, 0],
            &[0x62, 0xf1, 0xe5, 0x4a, 0xc2, 0x8f, 0, 0x80, 0, 0, 0x01],
            &[0x62, 0xf2, 0xed, 0x49, 0x65, 0xcc],
        ];
        assert_eq!(code.bytes[first..], expected.concat());
        // {evex} vaddpd ymm1, ymm2, [rdi + 96]
        let mut code = Code::new(false);
        code.rest(4, 8);
        let first = code.bytes.len();
        code.op(ADD, 1, 2, From::Memory(Base::Rdi, 32));
        assert_eq!(code.bytes[first..], [0x62, 0xf1, 0xed, 0x28, 0x58, 0x4f, 0x03]);
    }
}
