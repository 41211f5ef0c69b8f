//! The lists of methods for x'' = g(t, x): positions and velocities have weights of their own.

use std::iter::once;

use super::{Interpolant, Op, Program};
use crate::solve::methods::dprkn6::{A, B, C, DENSE, STAGES};
use crate::solve::symplectic::Symplectic;
use crate::system::SecondOrder;

/// Both as they are.
const UNIT: [f64; 4] = [1.0, 0.0, 0.0, 1.0];

/// c_0 … c_5 of the quintic through x, h v and h² g at both ends of a step (`solve/symplectic.rs`): by columns x_0, h v_0, h² g_0,
/// x_1, h v_1, h² g_1.
const QUINTIC: [[f64; 6]; 6] = [
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.5, 0.0, 0.0, 0.0],
    [-10.0, -6.0, -1.5, 10.0, -4.0, 0.5],
    [15.0, 8.0, 1.5, -15.0, 7.0, -1.0],
    [-6.0, -3.0, -0.5, 6.0, -3.0, 0.5],
];

impl Program {
    fn pairs(&mut self, terms: impl IntoIterator<Item = (usize, [f64; 4])>) -> usize {
        let out = self.slot();
        let mut list = self.spare.pairs.pop().unwrap_or_default();
        list.extend(terms);
        self.ops.push(Op::Pairs { out, terms: list });
        out
    }

    /// A kick v += b z with z = h g(t, x) and the drift x += a h v behind it are one instruction.
    pub(super) fn symplectic(&mut self, method: &'static Symplectic, t: f64, h: f64) {
        self.carry(0, false);
        self.explicit = true;
        let first = self.slope(0, t, h);
        let (mut y, mut z, mut time) = (0, first, t);
        for (i, (b, a)) in method.b.iter().zip(method.a).enumerate() {
            if i > 0 && *b != 0.0 {
                z = self.slope(y, time, h);
            }
            y = self.pairs([(y, [1.0, a * h, 0.0, 1.0]), (z, [0.0, a * h * b, 0.0, *b])]);
            time += a * h;
        }
        self.leaves.push(y);
        self.main = self.ops.len();
        let last = self.slope(y, t + h, h);
        for k in 0..6 {
            let (x, v) = (QUINTIC[k], QUINTIC.get(k + 1).map_or([0.0; 6], |row| row.map(|c| (k + 1) as f64 * c)));
            let end = |i: usize| [x[i], h * x[i + 1], v[i] / h, v[i + 1]];
            let slope = |i: usize| [0.0, h * x[i], 0.0, v[i]];
            let coefficient = self.pairs([(0, end(0)), (first, slope(2)), (y, end(3)), (last, slope(5))]);
            self.read.push(coefficient);
        }
        self.dense = Interpolant::Powers(h);
    }

    /// DPRKN6 with z_i = h g(t + c_i h, x_i).
    pub(super) fn nystrom(&mut self, t: f64, h: f64) {
        self.carry(0, false);
        self.explicit = true;
        let mut z = [self.slope(0, t, h); STAGES];
        for i in 1..STAGES {
            let terms = z.iter().zip(A[i]).map(|(z, a)| (*z, [0.0, h * a, 0.0, 0.0]));
            let at = self.pairs(once((0, [1.0, C[i] * h, 0.0, 1.0])).chain(terms));
            z[i] = self.slope(at, t + C[i] * h, h);
        }
        let last = A[STAGES - 1].iter().chain(&[0.0]);
        let terms = z.iter().zip(last).zip(B).map(|((z, a), b)| (*z, [0.0, h * a, 0.0, b]));
        let end = self.pairs(once((0, [1.0, h, 0.0, 1.0])).chain(terms));
        self.leaves.push(end);
        self.main = self.ops.len();
        // Powers of θ: h² DENSE from 2 on for x, its derivative over h from 1 on for v.
        for k in 0..DENSE[0].len() + 2 {
            let start = match k {
                0 => UNIT,
                1 => [0.0, h, 0.0, 0.0],
                _ => [0.0; 4],
            };
            let weight = |row: &[f64; 5], k: Option<usize>| k.and_then(|k| row.get(k)).copied().unwrap_or(0.0);
            let terms = z.iter().zip(&DENSE).map(|(z, row)| {
                let (x, v) = (weight(row, k.checked_sub(2)), weight(row, k.checked_sub(1)));
                (*z, [0.0, h * x, 0.0, (k + 1) as f64 * v])
            });
            let power = self.pairs(once((0, start)).chain(terms));
            self.read.push(power);
        }
        self.dense = Interpolant::Powers(h);
    }
}

/// `out = Σ C x` for positions and velocities, k vectors side by side; all slots x stand before.
pub fn weigh_pairs(pairs: &SecondOrder, terms: &[(usize, [f64; 4])], k: usize, before: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    let size = out.len();
    for (slot, [xx, xv, vx, vv]) in terms {
        let from = &before[slot * size..(slot + 1) * size];
        for (x, v) in pairs {
            for l in 0..k {
                let (position, velocity) = (from[x * k + l], from[v * k + l]);
                out[x * k + l] += xx * position + xv * velocity;
                out[v * k + l] += vx * position + vv * velocity;
            }
        }
    }
}

/// The adjoint of that: `slots` get theirs by `mu`.
pub fn pull_pairs(pairs: &SecondOrder, terms: &[(usize, [f64; 4])], mu: &[f64], slots: &mut [f64]) {
    let n = mu.len();
    for (slot, [xx, xv, vx, vv]) in terms {
        let to = &mut slots[slot * n..(slot + 1) * n];
        for (x, v) in pairs {
            to[*x] += xx * mu[*x] + vx * mu[*v];
            to[*v] += xv * mu[*x] + vv * mu[*v];
        }
    }
}
