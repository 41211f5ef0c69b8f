//! Events as SciPy's `solve_ivp` means them: an event function that changes sign along a step is located on the step's dense
//! output; it neither changes the state nor restarts the method, and may end the run.

use rhapsode::solve::{Go, Passed};

/// What is asked of one event function.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Only crossings upwards (positive) or downwards (negative); 0: both.
    pub direction: f64,
    /// The run ends at the crossing of this number; 0: never.
    pub terminal: u64,
}

/// The event functions of a run, and where they were zero.
pub struct Crossings {
    kinds: Vec<Kind>,
    g: Vec<f64>,
    g_end: Vec<f64>,
    y: Vec<f64>,
    counts: Vec<u64>,
    /// Per event function the times, and the states then.
    pub found: Vec<(Vec<f64>, Vec<f64>)>,
    /// Whether an event has ended the run.
    pub ended: bool,
}

/// A zero within the step: when, and of which function.
struct Zero {
    t: f64,
    event: usize,
}

impl Crossings {
    /// Of a system of `n` states.
    pub fn new(kinds: Vec<Kind>, n: usize) -> Self {
        let m = kinds.len();
        Crossings {
            kinds,
            g: Vec::new(),
            g_end: vec![0.0; m],
            y: vec![0.0; n],
            counts: vec![0; m],
            found: vec![Default::default(); m],
            ended: false,
        }
    }

    /// Looks along a step. `value(k, t, y)` is event function k.
    pub fn look(&mut self, step: &mut Passed, value: &mut dyn FnMut(usize, f64, &[f64]) -> f64) -> Go {
        let (from, to) = (step.from(), step.to());
        if self.g.is_empty() {
            self.g = (0..self.kinds.len()).map(|k| value(k, from, step.start())).collect();
        }
        let mut zeros = Vec::new();
        for k in 0..self.kinds.len() {
            let (before, after) = (self.g[k], value(k, to, step.end()));
            self.g_end[k] = after;
            let (up, down) = (before <= 0.0 && after >= 0.0, before >= 0.0 && after <= 0.0);
            let direction = self.kinds[k].direction;
            if (up && direction > 0.0) || (down && direction < 0.0) || ((up || down) && direction == 0.0) {
                let y = &mut self.y;
                let t = zero((from, before), (to, after), &mut |t| {
                    step.state(t, y);
                    value(k, t, y)
                });
                zeros.push(Zero { t, event: k });
            }
        }
        std::mem::swap(&mut self.g, &mut self.g_end);
        let direction = if to < from { -1.0 } else { 1.0 };
        zeros.sort_by(|a, b| (a.t * direction).total_cmp(&(b.t * direction)));
        for zero in zeros {
            self.counts[zero.event] += 1;
            step.state(zero.t, &mut self.y);
            let (times, states) = &mut self.found[zero.event];
            times.push(zero.t);
            states.extend_from_slice(&self.y);
            if self.counts[zero.event] == self.kinds[zero.event].terminal {
                self.ended = true;
                return Go::StopAt(zero.t);
            }
        }
        Go::On
    }
}

/// A zero between two points where g has different signs, to rounding (Brent, Algorithms for Minimization Without
/// Derivatives, 1973, ch. 4).
fn zero((mut a, mut ga): (f64, f64), (mut b, mut gb): (f64, f64), g: &mut dyn FnMut(f64) -> f64) -> f64 {
    let (mut c, mut gc) = (a, ga);
    let mut last = b - a;
    let mut before = last;
    for _ in 0..200 {
        if gb.signum() == gc.signum() {
            (c, gc) = (a, ga);
            last = b - a;
            before = last;
        }
        if gc.abs() < gb.abs() {
            (a, ga, b, gb, c, gc) = (b, gb, c, gc, b, gb);
        }
        let tolerance = 2.0 * f64::EPSILON * b.abs() + f64::MIN_POSITIVE;
        let half = 0.5 * (c - b);
        if half.abs() <= tolerance || gb == 0.0 {
            break;
        }
        let mut step = half;
        let mut kept = half;
        if before.abs() >= tolerance && ga.abs() > gb.abs() {
            // Inverse quadratic interpolation, or the secant.
            let s = gb / ga;
            let (mut p, mut q) = if a == c {
                (2.0 * half * s, 1.0 - s)
            } else {
                let (q, r) = (ga / gc, gb / gc);
                (s * (2.0 * half * q * (q - r) - (b - a) * (r - 1.0)), (q - 1.0) * (r - 1.0) * (s - 1.0))
            };
            if p > 0.0 {
                q = -q
            } else {
                p = -p
            }
            if 2.0 * p < (3.0 * half * q - (tolerance * q).abs()).min((before * q).abs()) {
                (step, kept) = (p / q, last);
            }
        }
        before = kept;
        last = step;
        (a, ga) = (b, gb);
        b += if step.abs() > tolerance { step } else { tolerance.copysign(half) };
        gb = g(b);
    }
    b
}
