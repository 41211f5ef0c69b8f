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
    /// The header is that of another version of the library.
    RHAPSODE_WRONG_VERSION = 12,
}

pub use rhapsode_status::*;

use std::cell::RefCell;
use std::ffi::{CString, c_char};

/// Why a call did not do what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    status: rhapsode_status,
    sentence: String,
}

thread_local! {
    /// The sentence of the thread's last call that went wrong.
    static LAST: RefCell<CString> = RefCell::default();
}

/// A fault, and a sentence that names the argument.
pub fn fault(status: rhapsode_status, sentence: impl Into<String>) -> Fault {
    Fault { status, sentence: sentence.into() }
}

/// A pointer that must not be NULL is.
pub fn null(name: &str) -> Fault {
    fault(RHAPSODE_NULL_POINTER, format!("`{name}` is NULL"))
}

impl Fault {
    /// Its status; the sentence is the thread's last from now on.
    pub fn told(self) -> rhapsode_status {
        let sentence = CString::new(self.sentence.replace('\0', "")).unwrap_or_default();
        // A thread that is ending has nobody left to tell.
        let _ = LAST.try_with(|last| last.replace(sentence));
        self.status
    }
}

/// What was wrong with the calling thread's last call that did not return RHAPSODE_OK, as a sentence that names the argument;
/// empty if there was none. Valid until the thread's next such call.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_last_error() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(std::ptr::null())
}
