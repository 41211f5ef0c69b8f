//! What calls return.

/// What became of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rhapsode_status {
    /// It did what it says.
    RHAPSODE_OK = 0,
    /// A handle is NULL, was freed, or was never given out.
    RHAPSODE_BAD_HANDLE = 1,
    /// A pointer that must not be NULL is.
    RHAPSODE_NULL_POINTER = 2,
    /// A text is not UTF-8.
    RHAPSODE_NOT_UTF8 = 3,
    /// A model's text has errors, or its file cannot be read: the model's message has them all.
    RHAPSODE_BAD_MODEL = 4,
    /// There is no such name.
    RHAPSODE_UNKNOWN_NAME = 5,
    /// An array has another length than it must, or a place lies beyond the end.
    RHAPSODE_WRONG_SIZE = 6,
    /// A value makes no sense (NaN, an empty span, a negative tolerance): the message names it.
    RHAPSODE_BAD_VALUE = 7,
    /// The run could not reach its end; the solution so far is there all the same.
    RHAPSODE_FAILED = 8,
    /// The run was cancelled; the solution so far is there all the same.
    RHAPSODE_CANCELLED = 9,
    /// Another thread is using the handle.
    RHAPSODE_BUSY = 10,
    /// A fault of this library, which has done nothing.
    RHAPSODE_PANIC = 11,
}

pub use rhapsode_status::*;
