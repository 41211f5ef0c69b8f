//! The points a run keeps, in order.

use std::sync::Arc;

use super::problem::Problem;
use super::{ErrorKind, Options, Save, Solution, Statistics};
use crate::system::Shape;

/// The points kept so far, and which of the times asked for is next.
pub struct Points<'a> {
    save: &'a Save,
    /// Bytes it may take.
    most: u64,
    direction: f64,
    table: Rows,
    /// n and m.
    widths: (usize, usize),
    next: usize,
}

/// Points one after the other: their times, and of each n states, then m outputs.
#[derive(Default)]
pub struct Rows {
    pub times: Vec<f64>,
    pub values: Vec<f64>,
}

impl<'a> Points<'a> {
    /// Nothing yet.
    pub fn new(options: &'a Options<'a>, shape: &Shape) -> Self {
        Points::within(options, shape, Rows::default())
    }

    /// The same in memory that is there.
    pub fn within(options: &'a Options<'a>, shape: &Shape, mut table: Rows) -> Self {
        let direction = (options.t1 - options.t0).signum();
        let widths = (shape.dim(), shape.outputs.len());
        let (save, most) = (&options.save, options.max_memory);
        table.times.clear();
        table.values.clear();
        Points { save, most, direction, table, widths, next: 0 }
    }

    /// Room for the points: all of them where their number is known.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] if they do not fit.
    pub fn reserve(&mut self) -> Result<(), ErrorKind> {
        let width = self.widths.0 + self.widths.1;
        let points = match self.save {
            Save::At(times) => times.len(),
            Save::Steps => 1024.min((1 << 20) / width.max(1)),
        };
        let needed = 8 * (points as u64).saturating_mul(width as u64 + 1);
        let refused = ErrorKind::Memory(needed, self.most);
        if matches!(self.save, Save::At(_)) && needed > self.most {
            return Err(refused);
        }
        let reserved =
            self.table.times.try_reserve_exact(points).and(self.table.values.try_reserve_exact(points * width));
        reserved.map_err(|_| refused)
    }

    /// Whether every step is kept.
    pub fn steps(&self) -> bool {
        *self.save == Save::Steps
    }

    /// The next of the times asked for.
    #[inline]
    pub fn next(&self) -> Option<f64> {
        match self.save {
            Save::At(times) => times.get(self.next).copied(),
            Save::Steps => None,
        }
    }

    /// The same, if it is `t`.
    pub fn next_at(&self, t: f64) -> bool {
        self.next() == Some(t)
    }

    /// The same, if a run that stands at `t` has reached it.
    #[inline]
    pub fn reached(&self, t: f64) -> Option<f64> {
        self.next().filter(|next| (t - next) * self.direction >= 0.0)
    }

    /// The same, if it comes before `t`.
    pub fn before(&self, t: f64) -> Option<f64> {
        self.next().filter(|next| (t - next) * self.direction > 0.0)
    }

    /// The next of the times asked for is the one after.
    pub fn advance(&mut self) {
        self.next += 1;
    }

    /// Keeps a point, with what the system records there.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] if it does not fit.
    pub fn push(&mut self, problem: &mut Problem, t: f64, y: &[f64]) -> Result<(), ErrorKind> {
        let needed = 8 * (self.table.values.len() + self.table.times.len() + y.len() + self.widths.1 + 1) as u64;
        if needed > self.most {
            return Err(ErrorKind::Memory(needed, self.most));
        }
        self.table.times.push(t);
        self.table.values.extend_from_slice(y);
        if self.widths.1 > 0 {
            let start = self.table.values.len();
            self.table.values.resize(start + self.widths.1, 0.0);
            problem.outputs(t, y, &mut self.table.values[start..]);
        }
        Ok(())
    }

    /// The last time kept.
    pub fn last(&self) -> Option<f64> {
        self.table.times.last().copied()
    }

    /// The table, whose memory another run takes up.
    pub fn into_rows(self) -> Rows {
        self.table
    }

    /// The table.
    pub fn into_solution(self, shape: Arc<Shape>, statistics: Statistics) -> Solution {
        Solution::from_rows(self.table.times, &self.table.values, shape, statistics)
    }
}
