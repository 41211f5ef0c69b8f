//! Paths through a grid of four levels that change one parameter at a time, in random order, each by Δ = 2/3 (Morris 1991,
//! Technometrics 33; Δ = p/(2(p − 1)) for p = 4 levels).

use super::Random;

/// What a parameter moves by, as a share of its range.
pub const DELTA: f64 = 2.0 / 3.0;

/// Point `k % (row.len() + 1)` of path `k / (row.len() + 1)`.
pub fn fill(random: &Random, k: u64, row: &mut [f64]) {
    let n = row.len() as u64;
    let (path, step) = (k / (n + 1), k % (n + 1));
    for (d, x) in row.iter_mut().enumerate() {
        let bits = random.bits(path, d as u64);
        // From 0 or 1/3 upwards, or from 2/3 or 1 downwards.
        let low = f64::from(u32::from(bits & 1 == 1)) / 3.0;
        let up = bits & 2 == 2;
        let moved = random.permuted(path, d as u64, n) < step;
        *x = if moved == up { low + DELTA } else { low };
    }
}
