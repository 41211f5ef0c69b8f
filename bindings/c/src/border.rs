//! Where C's pointers become Rust's values: all unsafe code of the library for C.
//!
//! What is relied on is what the header says: a pointer that is not NULL points to what its parameter is called, for the length
//! that stands beside it, while the call lasts.

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::status::{self, Fault, fault, null, rhapsode_status};

/// What a call does; a panic becomes a status.
pub fn guard(work: impl FnOnce() -> Result<(), Fault>) -> rhapsode_status {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => status::RHAPSODE_OK,
        Ok(Err(fault)) => fault.told(),
        Err(_) => fault(status::RHAPSODE_PANIC, "a fault of this library: please report it").told(),
    }
}

/// The value of a call that returns one; a panic becomes `otherwise`.
pub fn value<T>(otherwise: T, work: impl FnOnce() -> Option<T>) -> T {
    catch_unwind(AssertUnwindSafe(work)).ok().flatten().unwrap_or(otherwise)
}

/// A text handed in; `name` is what the parameter is called.
pub fn text<'a>(name: &str, text: *const c_char) -> Result<&'a str, Fault> {
    if text.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL, so by the header's contract it points to a text that ends with 0 and outlives the call.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| fault(status::RHAPSODE_NOT_UTF8, format!("`{name}` is not UTF-8")))
}

/// An array handed in; NULL is allowed where it is empty.
pub fn array<'a>(name: &str, values: *const f64, len: usize) -> Result<&'a [f64], Fault> {
    if len == 0 {
        return Ok(&[]);
    }
    if values.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL, so by the header's contract it points to `len` numbers that outlive the call.
    Ok(unsafe { std::slice::from_raw_parts(values, len) })
}

/// An array to write to.
pub fn array_mut<'a>(name: &str, values: *mut f64, len: usize) -> Result<&'a mut [f64], Fault> {
    if len == 0 {
        return Ok(&mut []);
    }
    if values.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL, so by the header's contract it points to `len` numbers that are the call's alone while it lasts.
    Ok(unsafe { std::slice::from_raw_parts_mut(values, len) })
}

/// Writes a result.
pub fn give<T>(name: &str, out: *mut T, value: T) -> Result<(), Fault> {
    if out.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL, so by the header's contract it points to room for one value.
    unsafe { out.write(value) };
    Ok(())
}

/// Writes a text and its 0 into a buffer of `capacity` bytes, cut at a character if it does not fit; `needed` receives the
/// bytes that all of it takes, the 0 included.
pub fn give_text(text: &str, buffer: *mut c_char, capacity: usize, needed: *mut usize) -> Result<(), Fault> {
    if !needed.is_null() {
        give("needed", needed, text.len() + 1)?;
    }
    if capacity == 0 {
        return Ok(());
    }
    if buffer.is_null() {
        return Err(null("buffer"));
    }
    let mut len = text.len().min(capacity - 1);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    // SAFETY: not NULL, so by the header's contract it points to `capacity` bytes, and len < capacity.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), len + 1) };
    bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
    bytes[len] = 0;
    Ok(())
}
