//! The variables of the integration, by name.

use super::Drive;
use crate::kernel::control::{Local, Number, Writer, select, shifted};
use crate::system::constants::{GROW, LEAST};

/// The locals of a run.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub memory: Local,
    pub times: Local,
    pub count: Local,
    pub t1: Local,
    pub direction: Local,
    pub rtol: Local,
    pub atol: Local,
    pub first: Local,
    pub max_step: Local,
    pub max_steps: Local,
    pub h: Local,
    pub least: Local,
    pub end: Local,
    pub behind: Local,
    pub tried: Local,
    pub error: Local,
    pub log: Local,
    pub factor: Local,
    pub last: Local,
    pub most: Local,
    pub t: Local,
    pub t_old: Local,
    pub steps: Local,
    pub rejected: Local,
    pub at: Local,
    pub wrong: Local,
    pub found: Local,
    pub i: Local,
    pub status: Local,
    pub saved: Local,
    pub more: Local,
    pub ready: Local,
    pub cut: Local,
    pub happens: Local,
    pub repaired: Local,
    pub here: Local,
    pub next: Local,
    pub before: Local,
    pub spare: Local,
    pub limits: Local,
    pub stages: Local,
    pub taken: Local,
    pub old: Local,
    pub dense: Local,
    pub work: Local,
    pub slope: Local,
    pub row: Local,
    pub bound: Local,
}

impl Run {
    /// Before anything is known.
    pub fn new(drive: &Drive, f: &mut Writer, parameters: [Local; 10]) -> Run {
        let [_, _, t0, t1, times, count, out, memory, ..] = parameters;
        let places = drive.places();
        let direction = f.real("direction", select(t0.below(t1), 1.0, -1.0));
        let mut real = |name| f.real(name, 0.0);
        let [
            rtol,
            atol,
            first,
            max_step,
            max_steps,
            h,
            least,
            end,
            behind,
            tried,
            error,
            log,
            factor,
            last,
            most,
            t,
            t_old,
            steps,
            rejected,
            at,
            wrong,
            found,
        ] = [
            "rtol",
            "atol",
            "first",
            "max_step",
            "max_steps",
            "h",
            "least",
            "end",
            "behind",
            "tried",
            "error",
            "log",
            "factor",
            "last",
            "most",
            "t",
            "t_old",
            "steps",
            "rejected",
            "at",
            "wrong",
            "found",
        ]
        .map(&mut real);
        let [i, status, saved, more, ready, cut, happens, repaired] =
            ["i", "status", "saved", "more", "ready", "cut", "happens", "repaired"].map(|name| f.count(name, 0));
        let mut pointer = |name, place| f.pointer(name, shifted(memory, place));
        let [here, next, before] =
            [("here", 0), ("next", 1), ("before", 2)].map(|(name, k)| pointer(name, places.points[k]));
        let [stages, taken] = [("stages", 0), ("taken", 1)].map(|(name, k)| pointer(name, places.stages[k]));
        let [bound, limits, dense, work] =
            [("bound", places.bound), ("limits", places.limits), ("dense", places.dense), ("work", places.work)]
                .map(|(name, place)| pointer(name, place));
        let [spare, old, slope] = ["spare", "old", "slope"].map(|name| pointer(name, places.points[2]));
        let row = f.pointer("row", out);
        f.set(t, t0);
        f.set(t_old, t0);
        f.set(end, t1);
        f.set(behind, f64::NEG_INFINITY);
        f.set(last, LEAST.1);
        f.set(most, GROW);
        Run {
            memory,
            times,
            count,
            t1,
            direction,
            rtol,
            atol,
            first,
            max_step,
            max_steps,
            h,
            least,
            end,
            behind,
            tried,
            error,
            log,
            factor,
            last,
            most,
            t,
            t_old,
            steps,
            rejected,
            at,
            wrong,
            found,
            i,
            status,
            saved,
            more,
            ready,
            cut,
            happens,
            repaired,
            here,
            next,
            before,
            spare,
            limits,
            stages,
            taken,
            old,
            dense,
            work,
            slope,
            row,
            bound,
        }
    }
}
