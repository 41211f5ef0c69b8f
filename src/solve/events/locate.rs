//! Crossings within a step: the watched functions along the dense output, isolated by [`super::series`], then refined.
//!
//! What is guaranteed: where the dense output is a polynomial of degree d in t and a watched function one of degree q in
//! (t, y) with q d ≤ [`MOST_DEGREE`], its values along the step are a polynomial that is sampled exactly, and every sign
//! change is found whatever their number, down to rounding. Functions of another kind are expanded on parts of the step
//! until the last coefficients are below [`RESOLVED`] of the sum; then the same holds for functions that are analytic
//! along the step, and is not certain for others.

use super::series::{Expansion, Piece, Transform};
use crate::solve::problem::Problem;
use crate::solve::stepper::Stepper;
use crate::system::Surface;
use crate::system::constants::{ADAPTIVE, HALVINGS, MOST_DEGREE, RESOLVED, TOUCH};

/// A watched function comes to zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// The first time at which it is seen on the other side (or nearest to zero, if it only touches).
    pub t: f64,
    /// Its place among the numbers of `surfaces`.
    pub place: usize,
    /// Its sign before.
    pub before: f64,
    /// Its sign from there on.
    pub after: f64,
}

/// What is looked for along a step.
#[derive(Clone, Copy)]
pub struct Watched<'w> {
    /// The functions.
    pub surfaces: &'w [Surface],
    /// Which of them to follow, by place.
    pub follows: &'w dyn Fn(usize) -> bool,
    /// Whether a crossing ends the step, so that those behind it do not matter.
    pub cuts: &'w dyn Fn(&Crossing) -> bool,
    /// Whether only that matters of the function at a place: not how it touches zero, nor what it does where the step begins.
    pub plain: &'w dyn Fn(usize) -> bool,
}

/// Memory of the search.
#[derive(Debug, Default)]
pub struct Locator {
    transforms: Vec<Transform>,
    expansion: Expansion,
    y: Vec<f64>,
    /// Per point all functions.
    samples: Vec<f64>,
    column: Vec<f64>,
    g: Vec<f64>,
    ends: (Vec<f64>, Vec<f64>),
    /// The largest size of each function so far.
    largest: Vec<f64>,
    /// Whether each function could not be told from zero where the step before ended, and had not changed sign.
    close: Vec<bool>,
    /// Whether each function is to be followed along this step.
    followed: Vec<bool>,
    /// The first time at which the step is cut, as far as is known: what is behind does not matter.
    until: f64,
    panels: Vec<(f64, f64, u32)>,
    pieces: Vec<Piece>,
    /// Plain crossings that may be the first, at the times that the series say.
    candidates: Vec<Candidate>,
    /// How many plain crossings the last step has behind the one that cuts it.
    pub behind: usize,
}

/// A crossing as the series sees it, and the times between which it lies for certain.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    crossing: Crossing,
    between: (f64, f64),
}

/// What the series tells of times, relative to the part of the step it is for.
const TOLD: f64 = 1e-9;

impl Locator {
    /// For n states and m watched functions; what it knew of another run is forgotten.
    pub fn begin(&mut self, n: usize, m: usize) {
        let lists = [&mut self.g, &mut self.largest, &mut self.ends.0, &mut self.ends.1];
        for (list, len) in lists.into_iter().zip([m; 4]).chain([(&mut self.y, n)]) {
            list.clear();
            list.resize(len, 0.0);
        }
        self.close.clear();
        self.close.resize(m, false);
    }

    /// Forgets where the step before ended.
    pub fn begin_anew(&mut self) {
        self.close.fill(false);
    }

    /// All crossings after t0, up to and including t1, in order of time, but for those behind one that cuts the step;
    /// `start` and `end` are the functions at t0 and t1.
    pub fn crossings(
        &mut self,
        problem: &mut Problem,
        stepper: &mut dyn Stepper,
        (t0, t1): (f64, f64),
        (start, end): (&[f64], &[f64]),
        Watched { surfaces, follows, cuts, plain }: Watched,
        found: &mut Vec<Crossing>,
    ) {
        found.clear();
        self.behind = 0;
        let m = start.len();
        self.followed.clear();
        self.followed.extend((0..m).map(follows));
        if !self.followed.contains(&true) {
            return;
        }
        for (place, (largest, g)) in self.largest.iter_mut().zip(start).enumerate() {
            if !self.followed[place] {
                self.close[place] = false;
                continue;
            }
            *largest = largest.max(if g.is_finite() { g.abs() } else { 0.0 });
        }
        let degree = stepper.degree().max(1);
        let exact = |surface: &Surface| {
            surface.degree.map(|q| usize::from(q) * degree).filter(|product| *product <= MOST_DEGREE)
        };
        let asked = |s: &&Surface| (s.first..s.first + s.len).any(follows);
        let terms = surfaces.iter().filter(asked).map(|s| exact(s).unwrap_or(ADAPTIVE)).max().unwrap_or(1) + 3;
        let adaptive = surfaces.iter().filter(asked).any(|s| exact(s).is_none());
        let transform = self.transform(terms);
        self.until = f64::INFINITY;
        self.panels.clear();
        self.panels.push((t0, t1, 0));
        while let Some((a, b, depth)) = self.panels.pop() {
            self.sample(problem, stepper, transform, (a, b), m);
            if adaptive && depth < HALVINGS && !self.is_resolved(transform, surfaces, &exact) {
                let middle = 0.5 * (a + b);
                if a < middle && middle < b {
                    self.panels.push((middle, b, depth + 1));
                    self.panels.push((a, middle, depth + 1));
                    continue;
                }
            }
            self.values_at(problem, stepper, a, (t0, start), (t1, end));
            self.ends.0.copy_from_slice(&self.g);
            self.values_at(problem, stepper, b, (t0, start), (t1, end));
            self.ends.1.copy_from_slice(&self.g);
            self.candidates.clear();
            for place in (0..m).filter(|place| follows(*place)) {
                if plain(place) && self.candidate(transform, (a, b), place, cuts) {
                    continue;
                }
                let first = found.len();
                self.on_panel(problem, stepper, transform, [(a, b), (t0, t1)], place, found);
                let cut = found[first..].iter().filter(|crossing| cuts(crossing)).map(|crossing| crossing.t);
                self.until = cut.fold(self.until, f64::min);
            }
            self.first_of_candidates(problem, stepper, (a, b), found);
            if self.until < b {
                break;
            }
        }
        found.sort_by(|x, y| x.t.total_cmp(&y.t).then(x.place.cmp(&y.place)));
    }

    /// Notes where a function first crosses zero if nothing but that is to be known of it, by its series alone; false where
    /// the series does not settle that.
    fn candidate(
        &mut self,
        transform: usize,
        (a, b): (f64, f64),
        place: usize,
        cuts: &dyn Fn(&Crossing) -> bool,
    ) -> bool {
        let ends = (sign(self.ends.0[place]), sign(self.ends.1[place]));
        self.expand(transform, place);
        let finite = self.column.iter().all(|g| g.is_finite());
        if !finite || ends.0 * ends.1 == 0.0 || (self.expansion.sign(-1.0), self.expansion.sign(1.0)) != ends {
            return false;
        }
        if self.expansion.is_one_signed() {
            self.close[place] = false;
            return true;
        }
        self.pieces.clear();
        self.expansion.isolate(&self.transforms[transform], ends, &mut self.pieces);
        let Some(first) = self.pieces.first().copied() else { return true };
        let time = |x: f64| a + (b - a) * 0.5 * (x + 1.0);
        let t = time(self.expansion.zero(first, -ends.0));
        let crossing = Crossing { t, place, before: ends.0, after: -ends.0 };
        if self.pieces.iter().any(|piece| piece.undecided) || !cuts(&crossing) {
            return false;
        }
        self.close[place] = false;
        let within = |x: f64| if x == 1.0 { b } else { time(x) };
        self.candidates.push(Candidate { crossing, between: (time(first.a).max(a), within(first.b)) });
        true
    }

    /// Of the candidates on a part of the step, the first, refined, and those that have crossed where it does. All functions
    /// are looked at there at once: a thousand that switch together cost what one does.
    fn first_of_candidates(
        &mut self,
        problem: &mut Problem,
        stepper: &mut dyn Stepper,
        (a, b): (f64, f64),
        found: &mut Vec<Crossing>,
    ) {
        let earliest = self.candidates.iter().min_by(|x, y| x.crossing.t.total_cmp(&y.crossing.t)).copied();
        let Some(Candidate { crossing, between: (lo, hi) }) = earliest.filter(|c| c.between.0 <= self.until) else {
            return;
        };
        let place = crossing.place;
        let near = TOLD * (b - a);
        let (mut left, mut right) = ((crossing.t - near).max(lo), (crossing.t + near).min(hi));
        if sign(self.one(problem, stepper, left, place)) != crossing.before {
            left = lo;
        }
        if sign(self.one(problem, stepper, right, place)) != crossing.after {
            right = hi;
        }
        let t = self.refine(problem, stepper, (left, right), crossing.after, place);
        self.one(problem, stepper, t, place);
        for candidate in &self.candidates {
            let Crossing { place, after, .. } = candidate.crossing;
            if place == crossing.place || sign(self.g[place]) == after {
                found.push(Crossing { t, ..candidate.crossing });
            } else {
                self.behind += 1;
            }
        }
        self.until = self.until.min(t);
    }

    /// The transform for so many terms, by its place.
    fn transform(&mut self, terms: usize) -> usize {
        match self.transforms.iter().position(|t| t.points.len() == terms) {
            Some(place) => place,
            None => {
                self.transforms.push(Transform::new(terms));
                self.transforms.len() - 1
            }
        }
    }

    fn sample(
        &mut self,
        problem: &mut Problem,
        stepper: &mut dyn Stepper,
        transform: usize,
        (a, b): (f64, f64),
        m: usize,
    ) {
        let points = &self.transforms[transform].points;
        self.samples.resize(points.len() * m, 0.0);
        self.column.resize(points.len(), 0.0);
        for (x, g) in points.iter().zip(self.samples.chunks_exact_mut(m)) {
            let t = a + (b - a) * 0.5 * (x + 1.0);
            stepper.interpolate(problem, t, &mut self.y);
            problem.surfaces(t, &self.y, g);
        }
    }

    fn expand(&mut self, transform: usize, place: usize) {
        let m = self.g.len();
        for (value, g) in self.column.iter_mut().zip(self.samples.chunks_exact(m)) {
            *value = g[place];
        }
        self.expansion.set(&self.transforms[transform], &self.column, TOUCH * self.largest[place]);
    }

    fn is_resolved(
        &mut self,
        transform: usize,
        surfaces: &[Surface],
        exact: &dyn Fn(&Surface) -> Option<usize>,
    ) -> bool {
        let places = |s: &Surface| s.first..s.first + s.len;
        surfaces.iter().filter(|s| exact(s).is_none()).flat_map(places).all(|place| {
            if !self.followed[place] {
                return true;
            }
            self.expand(transform, place);
            // What is no number somewhere may be one on a part.
            self.expansion.tail <= RESOLVED
        })
    }

    /// The functions at t, in `g`.
    fn values_at(
        &mut self,
        problem: &mut Problem,
        stepper: &mut dyn Stepper,
        t: f64,
        start: (f64, &[f64]),
        end: (f64, &[f64]),
    ) {
        if t == start.0 {
            self.g.copy_from_slice(start.1);
        } else if t == end.0 {
            self.g.copy_from_slice(end.1);
        } else {
            stepper.interpolate(problem, t, &mut self.y);
            problem.surfaces(t, &self.y, &mut self.g);
        }
    }

    fn on_panel(
        &mut self,
        problem: &mut Problem,
        stepper: &mut dyn Stepper,
        transform: usize,
        [(a, b), (t0, t1)]: [(f64, f64); 2],
        place: usize,
        found: &mut Vec<Crossing>,
    ) {
        // Where it is close at the start it may be leaving the surface it was put on, or turning back from it.
        let close = a == t0 && self.close[place];
        self.close[place] = false;
        let ends = (sign(self.ends.0[place]), sign(self.ends.1[place]));
        let mut inner = ends;
        self.pieces.clear();
        self.expand(transform, place);
        if !self.column.iter().all(|g| g.is_finite()) || ends.0.is_nan() || ends.1.is_nan() {
            // No series: the ends are all there is.
            if ends.0 != ends.1 && !ends.0.is_nan() && !ends.1.is_nan() {
                self.pieces.push(Piece { a: -1.0, b: 1.0, undecided: false });
            }
        } else {
            // What jumps where the step begins or ends (a saw of time) has another sign there than next to it.
            let (left, right) = (self.expansion.sign(-1.0), self.expansion.sign(1.0));
            inner.0 = if left != 0.0 && ends.0 != 0.0 { left } else { ends.0 };
            inner.1 = if right != 0.0 && ends.1 != 0.0 { right } else { ends.1 };
            if self.expansion.is_one_signed() && inner == ends && ends.0 == ends.1 && ends.0 != 0.0 {
                return;
            }
            self.expansion.isolate(&self.transforms[transform], inner, &mut self.pieces);
        }
        let time = |x: f64| match x {
            -1.0 => a,
            1.0 => b,
            x => a + (b - a) * 0.5 * (x + 1.0),
        };
        let pieces = std::mem::take(&mut self.pieces);
        // The sign so far, and where it was last certain: within rounding of zero the function may flicker.
        let (mut before, mut certain, mut touch) = (inner.0, None, None);
        if inner.0 != ends.0 {
            // Rounding decides where it is seen.
            let (mut t, mut h) = (a.next_up().min(b), f64::EPSILON * a.abs());
            while t < b && sign(self.one(problem, stepper, t, place)) != inner.0 {
                h = (2.0 * h).max(t - a);
                t = (a + h).min(b);
            }
            found.push(Crossing { t, place, before: ends.0, after: inner.0 });
        }
        for piece in &pieces {
            let (lo, hi) = (time(piece.a), time(piece.b));
            if certain.unwrap_or(lo) > self.until {
                self.pieces = pieces;
                return;
            }
            let end = if hi == b { inner.1 } else { self.one(problem, stepper, hi, place) };
            let open = hi != b && end.abs() <= self.expansion.noise;
            let after = if open { before } else { sign(end) };
            if piece.undecided && lo != t0 && hi != t1 && before != 0.0 {
                touch = touch.or(Some(0.5 * (lo + hi)));
            }
            if before != after {
                // A reset has put it on the surface, which it leaves at once.
                let next = lo.next_up().min(hi);
                let leaves = before == 0.0 && lo == a && sign(self.one(problem, stepper, next, place)) == after;
                let from = certain.unwrap_or(lo);
                let t = if leaves { next } else { self.refine(problem, stepper, (from, hi), after, place) };
                found.push(Crossing { t, place, before, after });
                touch = None;
            } else if piece.undecided && hi == t1 {
                self.close[place] = before != 0.0;
            } else if piece.undecided && lo == t0 && close && before != 0.0 {
                found.push(Crossing { t: lo.next_up(), place, before, after });
            } else if let (false, Some(t)) = (open, touch.take_if(|_| !open)) {
                self.touch(problem, stepper, (t, place), before, found);
            }
            certain = if open { certain.or(Some(lo)) } else { None };
            before = after;
        }
        if before != inner.1 {
            let t = self.refine(problem, stepper, (certain.unwrap_or(a), b), inner.1, place);
            found.push(Crossing { t, place, before, after: inner.1 });
            before = inner.1;
        } else if let Some(t) = touch {
            self.touch(problem, stepper, (t, place), before, found);
        }
        if before != ends.1 {
            found.push(Crossing { t: b, place, before, after: ends.1 });
        }
        self.pieces = pieces;
    }

    /// A function comes to zero at about t and goes back; or it passes zero twice closer than can be told.
    fn touch(
        &mut self,
        problem: &mut Problem,
        stepper: &mut dyn Stepper,
        (t, place): (f64, usize),
        side: f64,
        found: &mut Vec<Crossing>,
    ) {
        let between = sign(self.one(problem, stepper, t, place));
        if between != side && between != 0.0 {
            found.push(Crossing { t, place, before: side, after: between });
            found.push(Crossing { t: t.next_up(), place, before: between, after: side });
        } else {
            found.push(Crossing { t, place, before: side, after: side });
        }
    }

    /// One function at t.
    fn one(&mut self, problem: &mut Problem, stepper: &mut dyn Stepper, t: f64, place: usize) -> f64 {
        if t == stepper.t() {
            self.y.copy_from_slice(stepper.y());
        } else {
            stepper.interpolate(problem, t, &mut self.y);
        }
        problem.surfaces(t, &self.y, &mut self.g);
        self.g[place]
    }

    /// The first time, to neighbouring numbers, at which the sign is the one at hi, by regula falsi (the Illinois variant,
    /// Dowell & Jarratt 1971) and, where that is slow, by halving. Rounding may let the sign flicker there.
    fn refine(
        &mut self,
        problem: &mut Problem,
        stepper: &mut dyn Stepper,
        (mut lo, mut hi): (f64, f64),
        end: f64,
        place: usize,
    ) -> f64 {
        let mut weight_lo = self.one(problem, stepper, lo, place);
        let mut weight_hi = self.one(problem, stepper, hi, place);
        let (mut slow, mut side) = (0, 0);
        while lo.next_up() < hi {
            let width = hi - lo;
            let secant = lo - weight_lo * width / (weight_hi - weight_lo);
            let t = if slow < 3 && secant.is_finite() { secant } else { lo + 0.5 * width };
            let t = t.clamp(lo.next_up(), hi.next_down());
            let g = self.one(problem, stepper, t, place);
            if sign(g) == end {
                (hi, weight_hi) = (t, g);
                weight_lo *= if side > 0 { 0.5 } else { 1.0 };
                side = 1;
            } else {
                (lo, weight_lo) = (t, g);
                weight_hi *= if side < 0 { 0.5 } else { 1.0 };
                side = -1;
            }
            slow = if hi - lo > 0.5 * width { slow + 1 } else { 0 };
        }
        hi
    }
}

/// −1, 0 or 1; NaN stays NaN.
pub fn sign(g: f64) -> f64 {
    if g == 0.0 { 0.0 } else { g.signum() }
}
