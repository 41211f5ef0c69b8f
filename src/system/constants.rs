//! Numbers of the integration itself, which `solve` and a whole integration compiled ahead of time must have in common:
//! the same steps, the same events.

/// Most steps, rejected ones included, where nothing is said.
pub const MAX_STEPS: u64 = 10_000_000;

/// "safety 0.9": H&N&W II.4.
pub const SAFETY: f64 = 0.9;
/// The factors by which a step changes at most.
pub const SHRINK: f64 = 0.2;
/// See [`SHRINK`].
pub const GROW: f64 = 8.0;
/// The least error that is remembered, and its log₂.
pub const LEAST: (f64, f64) = (1e-4, -13.287_712_379_549_449);
/// How far inside a breakpoint f is asked for, as a share of the segment.
pub const MARGIN: f64 = 5.7e-14;

/// Newton iterations for algebraic unknowns at the start; their least damping.
pub const ITERATIONS: u32 = 100;
/// See [`ITERATIONS`].
pub const LEAST_DAMPING: f64 = 1e-8;
/// Changes of this share of the tolerance are as good as none.
pub const ENOUGH: f64 = 1e-6;
/// Changes of this share of the tolerance are taken where rounding lets no smaller ones be reached.
pub const ROUNDED: f64 = 0.1;
/// Newton iterations of a projection onto constraints.
pub const PROJECTIONS: usize = 12;
/// Shares of its size that a state which an event has set, and one whose constraints hold as it is, may move (squared).
pub const SET: f64 = 1e-8;
/// See [`SET`].
pub const KEPT: f64 = 1e-16;
/// Makes W·x = b leave the differential states as they are.
pub const HELD: f64 = 1e100;

/// Watched functions that are polynomials up to this degree along a step are expanded at once.
pub const MOST_DEGREE: usize = 40;
/// The degree tried for those that are no polynomials.
pub const ADAPTIVE: usize = 16;
/// Where a series counts as complete.
pub const RESOLVED: f64 = 1e-11;
/// A function that comes so near to zero, relative to its largest size so far, and goes back, touches it: rounding does
/// not let one tell.
pub const TOUCH: f64 = 256.0 * f64::EPSILON;
/// How often a step is halved until series are complete.
pub const HALVINGS: u32 = 6;
/// After so many parts what is left of a series counts as undecided.
pub const MOST_PARTS: usize = 4000;
/// Intervals of this width are not halved any more.
pub const NARROW: f64 = 1e-14;

/// Executions of events at one time, after which they are taken to cause each other for ever.
pub const MOST_AT_ONCE: u32 = 1000;
/// So many events in a row, each within [`CLOSE`] roundings of time after the one before, make a run that gets nowhere.
pub const MOST_CLOSE: u32 = 50;
/// See [`MOST_CLOSE`].
pub const CLOSE: f64 = 64.0;
