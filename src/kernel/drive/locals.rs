//! The variables of the integration, by name.

use super::Drive;
use crate::kernel::control::{Local, Number, Writer, select, shifted};
use crate::system::constants::{GROW, LEAST};

/// The locals of a run and what they are before anything is known, each named once.
macro_rules! locals {
    (
        ($drive:ident, $f:ident, $parameters:ident) $(let $known:pat = $value:expr;)*
        given { $($given:ident)* }
        $($kind:ident { $($name:ident = $first:expr,)* })*
    ) => {
        /// The locals of a run.
        #[derive(Clone, Copy)]
        pub(super) struct Run {
            $(pub $given: Local,)*
            $($(pub $name: Local,)*)*
        }

        impl Run {
            /// Before anything is known.
            pub fn new($drive: &Drive, $f: &mut Writer, $parameters: [Local; 10]) -> Run {
                $(let $known = $value;)*
                Run { $($given,)* $($($name: $f.$kind(stringify!($name), $first),)*)* }
            }
        }
    };
}

locals! {
    (drive, f, parameters)
    let [_, _, t0, t1, times, count, out, memory, ..] = parameters;
    let places = drive.places();
    let place = |place| shifted(memory, place);

    given { memory times count t1 }
    real {
        direction = select(t0.below(t1), 1.0, -1.0),
        rtol = 0.0,
        atol = 0.0,
        first = 0.0,
        max_step = 0.0,
        max_steps = 0.0,
        h = 0.0,
        least = 0.0,
        end = t1,
        behind = f64::NEG_INFINITY,
        tried = 0.0,
        error = 0.0,
        log = 0.0,
        factor = 0.0,
        last = LEAST.1,
        most = GROW,
        t = t0,
        t_old = t0,
        steps = 0.0,
        rejected = 0.0,
        at = 0.0,
        wrong = 0.0,
        found = 0.0,
    }
    count {
        i = 0,
        status = 0,
        saved = 0,
        more = 0,
        ready = 0,
        cut = 0,
        happens = 0,
        repaired = 0,
    }
    pointer {
        here = place(places.points[0]),
        next = place(places.points[1]),
        before = place(places.points[2]),
        spare = place(places.points[2]),
        old = place(places.points[2]),
        slope = place(places.points[2]),
        stages = place(places.stages[0]),
        taken = place(places.stages[1]),
        bound = place(places.bound),
        limits = place(places.limits),
        dense = place(places.dense),
        work = place(places.work),
        row = out,
    }
}
