//! Innermost loops two turns at a time.

use super::emit::Emitter;
use crate::kernel::program::{Carried, LoopVar, Stmt};

impl<'a> Emitter<'a> {
    /// Emits the loop with two lanes if that is legal; otherwise does nothing and says so.
    pub fn vectorised(&mut self, _: LoopVar, _: i64, _: i64, _: &'a [Carried], _: &'a [Stmt]) -> bool {
        false
    }
}
