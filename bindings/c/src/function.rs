//! Functions of the host, bound to a model's `extern fn`.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use rhapsode::HostFunction;

use crate::border::{give, guard, text};
use crate::model::{compiled, made, rhapsode_model};
use crate::status::{self, fault, null, rhapsode_status};

/// A function of `count` arguments. What it cannot answer is NAN: the step is then tried again shorter.
pub type rhapsode_function = Option<extern "C" fn(arguments: *const f64, count: usize, user: *mut c_void) -> f64>;

/// Its derivatives: writes one per argument to `out`, or of second derivatives count * count, row by row.
pub type rhapsode_derivatives =
    Option<extern "C" fn(arguments: *const f64, count: usize, out: *mut f64, user: *mut c_void)>;

/// What becomes of a function's `user` in the end.
pub type rhapsode_release = Option<extern "C" fn(user: *mut c_void)>;

/// A host's own pointer, which only the host's functions follow; given back in the end.
struct User {
    /// As an address, which threads may share: that its functions can be called from several is in the header.
    address: usize,
    release: rhapsode_release,
}

impl User {
    fn pointer(&self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.address)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            release(self.pointer());
        }
    }
}

/// The same model with a function of the host in the place of its `extern fn` of that name.
///
/// `value` is called with `user`, as are `gradient` and `hessian`, which may be NULL: implicit methods need the gradient,
/// derivatives of runs need both. They must give the same for the same arguments, may be called from all threads that solve
/// at once, and must return: no exception and no longjmp may leave them. `release` (may be NULL) is called with `user` when
/// nothing uses the functions any more, also where this call fails.
#[unsafe(no_mangle)]
pub extern "C" fn rhapsode_model_with_function(
    model: *const rhapsode_model,
    name: *const c_char,
    value: rhapsode_function,
    gradient: rhapsode_derivatives,
    hessian: rhapsode_derivatives,
    user: *mut c_void,
    release: rhapsode_release,
    out: *mut *mut rhapsode_model,
) -> rhapsode_status {
    guard(|| {
        let user = Arc::new(User { address: user.expose_provenance(), release });
        give("out", out, std::ptr::null_mut())?;
        let (compiled, name) = (compiled(model)?, text("name", name)?);
        let value = value.ok_or_else(|| null("value"))?;
        let own = user.clone();
        let mut host = HostFunction::new(move |x| value(x.as_ptr(), x.len(), own.pointer()));
        let derivatives = |derivatives: extern "C" fn(*const f64, usize, *mut f64, *mut c_void)| {
            let own = user.clone();
            move |x: &[f64], out: &mut [f64]| derivatives(x.as_ptr(), x.len(), out.as_mut_ptr(), own.pointer())
        };
        if let Some(gradient) = gradient {
            host = host.gradient(derivatives(gradient));
        }
        if let Some(hessian) = hessian {
            host = host.hessian(derivatives(hessian));
        }
        let bound = compiled.model().with_function(name, host);
        let bound = bound.map_err(|error| fault(status::RHAPSODE_UNKNOWN_NAME, error.to_string()))?;
        made(Ok(bound), out)
    })
}
