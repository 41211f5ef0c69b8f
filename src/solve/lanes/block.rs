//! The numbers of several trajectories side by side, as a step of them all reads and writes them.

use super::paces::Row;
use crate::math::Real;
use crate::system::{CompiledLanes, EXTRA, LIMITS};

/// How long the parts are that one trajectory has.
#[derive(Clone, Copy, Debug)]
pub struct Widths {
    /// States.
    pub n: usize,
    /// Numbers of a point: the state, and what stands behind it where one step begins with what another leaves.
    pub point: usize,
    /// Stages, n numbers each.
    pub stages: usize,
    /// Whether the last stage of an accepted step is the first of the next.
    pub carries: bool,
    /// Whether an attempt is told the time at its end, and not at its start.
    pub aims_at_end: bool,
}

/// The buffers of [`CompiledLanes::attempt`].
pub struct Block<T> {
    lanes: usize,
    pub widths: Widths,
    /// Lanes that stay where they are, one bit each.
    stay: u32,
    points: Numbers<T>,
    parameters: Numbers<T>,
    limits: Numbers<T>,
    work: Numbers<T>,
    out: Numbers<T>,
}

/// Numbers that begin where a line of the cache does: wide vectors of them do not lie across two.
struct Numbers<T> {
    all: Vec<T>,
    from: usize,
}

/// Bytes of a line.
const LINE: usize = 64;

impl<T: Real> Numbers<T> {
    fn zeros(count: usize) -> Self {
        let most = LINE / size_of::<T>();
        let all = vec![T::of(0.0); count + most];
        let from = all.as_ptr().align_offset(LINE).min(most);
        Numbers { all, from }
    }
}

impl<T> std::ops::Deref for Numbers<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.all[self.from..]
    }
}

impl<T> std::ops::DerefMut for Numbers<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.all[self.from..]
    }
}

/// A lane's numbers in a buffer, from a row on.
fn column<T>(buffer: &[T], (lanes, lane): (usize, usize), row: usize) -> impl Iterator<Item = &T> {
    buffer.iter().skip(row * lanes + lane).step_by(lanes)
}

/// The same, to be written.
fn column_mut<T>(buffer: &mut [T], (lanes, lane): (usize, usize), row: usize) -> impl Iterator<Item = &mut T> {
    buffer.iter_mut().skip(row * lanes + lane).step_by(lanes)
}

/// A lane's numbers in one buffer become those in another.
fn copy<T: Real>(to: &mut [T], from: &[T], (lanes, lane): (usize, usize)) {
    to.chunks_exact_mut(lanes).zip(from.chunks_exact(lanes)).for_each(|(to, from)| to[lane] = from[lane]);
}

/// Writes numbers of a lane.
fn put<T: Real>(buffer: &mut [T], lane: (usize, usize), row: usize, numbers: &[f64]) {
    column_mut(buffer, lane, row).zip(numbers).for_each(|(to, from)| *to = T::of(*from));
}

/// Reads them.
fn get<T: Real>(buffer: &[T], lane: (usize, usize), numbers: &mut [f64]) {
    numbers.iter_mut().zip(column(buffer, lane, 0)).for_each(|(to, from)| *to = from.double());
}

impl<T: Real> Block<T> {
    /// Memory for a step. `limits` are those of every lane.
    pub fn new(step: &dyn CompiledLanes<T>, widths: Widths, parameters: usize, limits: &[f64]) -> Self {
        let lanes = step.lanes();
        let zeros = |rows: usize| Numbers::zeros(rows * lanes);
        // Old and new points change places.
        let point = widths.point.max(widths.n + EXTRA);
        let mut block = Block {
            lanes,
            widths,
            stay: 0,
            points: zeros(point),
            parameters: zeros(parameters),
            limits: zeros(1 + LIMITS + widths.n),
            work: Numbers::zeros(step.work()),
            out: zeros(point),
        };
        (0..lanes).for_each(|lane| put(&mut block.limits, (lanes, lane), 1, &limits[..LIMITS + widths.n]));
        block
    }

    /// Tries a step of every lane.
    #[inline]
    pub fn attempt(&mut self, step: &dyn CompiledLanes<T>) {
        step.attempt(&self.points, &self.parameters, &self.limits, &mut self.work, &mut self.out);
    }

    /// The times that the lanes' next attempts are told, and their lengths.
    #[inline]
    pub fn aim(&mut self, (times, lengths): (&Row, &Row)) {
        let (to_times, rest) = self.limits.split_at_mut(self.lanes);
        for (to, from) in [(to_times, times), (&mut rest[..self.lanes], lengths)] {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = T::of(*from));
        }
    }

    /// What a lane's next attempt is told: a time, and its limits, the length first.
    pub fn set_limits(&mut self, lane: usize, t: f64, limits: &[f64]) {
        self.limits[lane] = T::of(t);
        put(&mut self.limits, (self.lanes, lane), 1, limits);
    }

    /// What the attempts say of themselves behind the new states.
    #[inline]
    pub fn said(&self) -> [Row; EXTRA] {
        let mut said = [Row::default(); EXTRA];
        let rows = self.out[self.widths.n * self.lanes..].chunks_exact(self.lanes);
        for (to, from) in said.iter_mut().zip(rows) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = from.double());
        }
        said
    }

    /// The lane's attempt is to be repeated from where it stands.
    #[inline]
    pub fn stay(&mut self, lane: usize) {
        self.stay |= 1 << lane;
    }

    /// The new points become the points, of all lanes but those that stay.
    #[inline]
    pub fn move_on(&mut self) {
        let (lanes, Widths { n, point, stages, carries, .. }) = (self.lanes, self.widths);
        let stay = std::mem::take(&mut self.stay);
        std::mem::swap(&mut self.points, &mut self.out);
        if carries {
            let (first, last) = self.work.split_at_mut((stages - 1) * n * lanes);
            let (first, last) = (&mut first[..n * lanes], &last[..n * lanes]);
            if stay == 0 {
                first.copy_from_slice(last);
            } else {
                (0..lanes).filter(|lane| stay >> lane & 1 == 0).for_each(|lane| copy(first, last, (lanes, lane)));
            }
        }
        if stay != 0 {
            let (points, old) = (&mut self.points[..point * lanes], &self.out[..point * lanes]);
            (0..lanes).filter(|lane| stay >> lane & 1 == 1).for_each(|lane| copy(points, old, (lanes, lane)));
        }
    }

    /// A lane's bound parameters.
    pub fn set_parameters(&mut self, lane: usize, p: &[f64]) {
        put(&mut self.parameters, (self.lanes, lane), 0, p);
    }

    /// The point a lane stands at, and its first stages.
    pub fn set_point(&mut self, lane: usize, point: &[f64], stages: &[f64]) {
        put(&mut self.points, (self.lanes, lane), 0, point);
        put(&mut self.work, (self.lanes, lane), 0, stages);
    }

    /// The point behind a step that was taken otherwise, and its stages.
    pub fn set_new(&mut self, lane: usize, point: &[f64], stages: &[f64]) {
        put(&mut self.out, (self.lanes, lane), 0, point);
        put(&mut self.work, (self.lanes, lane), 0, stages);
    }

    /// The point a lane's attempt began at, from its first number on.
    pub fn point(&self, lane: usize, point: &mut [f64]) {
        get(&self.points, (self.lanes, lane), point);
    }

    /// The point behind the attempt.
    pub fn new_point(&self, lane: usize, point: &mut [f64]) {
        get(&self.out, (self.lanes, lane), point);
    }

    /// Stages of the attempt, from the first on.
    pub fn stages(&self, lane: usize, stages: &mut [f64]) {
        get(&self.work, (self.lanes, lane), stages);
    }
}
