//! Handles: numbers in the clothes of pointers, looked up in a table and never followed.

use std::collections::HashMap;
use std::ffi::{CString, c_char};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::status::{self, Fault, fault};

/// Numbers are given out once, over all kinds: a handle of one kind is none of another.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// All live handles of one kind.
pub struct Table<T> {
    /// What the parameter is called that such a handle is for.
    name: &'static str,
    map: RwLock<Option<HashMap<usize, Arc<T>>>>,
}

impl<T> Table<T> {
    pub const fn new(name: &'static str) -> Self {
        Table { name, map: RwLock::new(None) }
    }

    /// A handle for a value.
    pub fn insert<H>(&self, value: T) -> *mut H {
        // Steps of 16, as addresses of objects have.
        let number = 16 * NEXT.fetch_add(1, Ordering::Relaxed);
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        map.get_or_insert_default().insert(number, Arc::new(value));
        std::ptr::without_provenance_mut(number)
    }

    /// The value of a handle, which lives on while it is used even if the handle is freed.
    pub fn get<H>(&self, handle: *const H) -> Result<Arc<T>, Fault> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let value = map.as_ref().and_then(|map| map.get(&handle.addr())).cloned();
        value.ok_or_else(|| {
            let why = if handle.is_null() { "is NULL" } else { "was freed, or is no handle of that kind" };
            fault(status::RHAPSODE_BAD_HANDLE, format!("`{}` {why}", self.name))
        })
    }

    /// Forgets a handle, if it is one.
    pub fn remove<H>(&self, handle: *const H) {
        let removed = {
            let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
            map.as_mut().and_then(|map| map.remove(&handle.addr()))
        };
        // The table is not locked while the value is dropped.
        drop(removed);
    }
}

/// What a handle has to say.
#[derive(Default)]
pub struct Message(Mutex<CString>);

impl Message {
    /// Says something else.
    pub fn set(&self, text: impl Into<String>) {
        let text: String = text.into().replace('\0', "");
        let mut message = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *message = CString::new(text).unwrap_or_default();
    }

    /// Valid until it says something else.
    pub fn pointer(&self) -> *const c_char {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ptr()
    }
}
