//! Ctrl-C (and a request to terminate): the first asks the run to stop and write what there is, the second ends the process at once.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::output;

/// Set by the first Ctrl-C.
static CANCEL: AtomicBool = AtomicBool::new(false);
static ONCE: Once = Once::new();

/// Begins to listen, and gives the flag that the first Ctrl-C sets.
pub fn flag() -> &'static AtomicBool {
    ONCE.call_once(|| {
        // Where no handler can be installed, Ctrl-C ends the process as it always did.
        let _ = ctrlc::set_handler(|| {
            if CANCEL.swap(true, Ordering::SeqCst) {
                output::abandon();
                std::process::exit(130);
            }
        });
    });
    &CANCEL
}
