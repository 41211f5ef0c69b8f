//! The polynomials between points, by way of the slopes at the points.
//!
//! Sources: C. de Boor, *A Practical Guide to Splines* (1978), chapter IV, for the spline and its "not a knot" ends;
//! F. N. Fritsch and J. Butland, "A method for constructing local monotone piecewise cubic interpolants", SIAM J. Sci.
//! Stat. Comput. 5 (1984), 300–304, for the monotone one, with the three-point formula at the ends, cut where it would
//! leave the monotone region.

/// Coefficients of straight lines, two per cell.
pub fn lines(x: &[f64], y: &[f64]) -> Vec<f64> {
    (0..x.len() - 1).flat_map(|i| [y[i], (y[i + 1] - y[i]) / (x[i + 1] - x[i])]).collect()
}

/// Coefficients of the cubics with those slopes at the points, four per cell.
pub fn cells(x: &[f64], y: &[f64], slopes: &[f64]) -> Vec<f64> {
    let cell = |i: usize| {
        let h = x[i + 1] - x[i];
        let chord = (y[i + 1] - y[i]) / h;
        let (a, b) = (slopes[i], slopes[i + 1]);
        [y[i], a, (3.0 * chord - 2.0 * a - b) / h, (a + b - 2.0 * chord) / (h * h)]
    };
    (0..x.len() - 1).flat_map(cell).collect()
}

/// Lengths and chord slopes of the cells.
fn chords(x: &[f64], y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let h: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let d = y.windows(2).zip(&h).map(|(pair, h)| (pair[1] - pair[0]) / h).collect();
    (h, d)
}

/// The slopes that make the second derivative continuous. For a period first and last value are the same.
pub fn spline(x: &[f64], y: &[f64], periodic: bool) -> Vec<f64> {
    let n = x.len();
    let (h, d) = chords(x, y);
    match n {
        2 => return vec![d[0]; 2],
        3 if periodic => return three_periodic(&h, &d),
        // One parabola.
        3 => {
            let curvature = (d[1] - d[0]) / (h[0] + h[1]);
            return vec![d[0] - curvature * h[0], d[0] + curvature * h[0], d[1] + curvature * h[1]];
        }
        _ => {}
    }
    // At each inner point: h_i s_{i−1} + 2 (h_{i−1} + h_i) s_i + h_{i−1} s_{i+1} = 3 (h_i d_{i−1} + h_{i−1} d_i).
    let row = |left: usize, right: usize| {
        let (a, b) = (h[left], h[right]);
        ([b, 2.0 * (a + b), a], 3.0 * (b * d[left] + a * d[right]))
    };
    if periodic {
        // Unknowns s_0 … s_{n−2}; the last point is the first.
        let rows: Vec<_> = (0..n - 1).map(|i| row((i + n - 2) % (n - 1), i)).collect();
        let mut slopes = cyclic(rows);
        slopes.push(slopes[0]);
        return slopes;
    }
    let mut rows = Vec::with_capacity(n);
    let (a, b) = (h[0], h[1]);
    rows.push(([0.0, b, a + b], ((a + 2.0 * (a + b)) * b * d[0] + a * a * d[1]) / (a + b)));
    rows.extend((1..n - 1).map(|i| row(i - 1, i)));
    let (a, b) = (h[n - 2], h[n - 3]);
    rows.push(([a + b, b, 0.0], ((a + 2.0 * (a + b)) * b * d[n - 2] + a * a * d[n - 3]) / (a + b)));
    tridiagonal(&rows)
}

/// Two cells that follow each other for ever: by symmetry of the two equations, both solved.
fn three_periodic(h: &[f64], d: &[f64]) -> Vec<f64> {
    let (a, b) = (h[0], h[1]);
    // 2 (a + b) s_0 + (a + b) s_1 = r_0, (a + b) s_0 + 2 (a + b) s_1 = r_1
    let (r0, r1) = (3.0 * (a * d[1] + b * d[0]), 3.0 * (b * d[0] + a * d[1]));
    let total = 3.0 * (a + b);
    let (s0, s1) = ((2.0 * r0 - r1) / total, (2.0 * r1 - r0) / total);
    vec![s0, s1, s0]
}

/// Solves rows of (left, diagonal, right) by elimination downwards (Thomas).
fn tridiagonal(rows: &[([f64; 3], f64)]) -> Vec<f64> {
    let n = rows.len();
    let (mut ratio, mut value) = (vec![0.0; n], vec![0.0; n]);
    let mut before = (0.0, 0.0);
    for (i, ([left, diagonal, right], r)) in rows.iter().enumerate() {
        let pivot = diagonal - left * before.0;
        before = (right / pivot, (r - left * before.1) / pivot);
        (ratio[i], value[i]) = before;
    }
    for i in (0..n - 1).rev() {
        value[i] -= ratio[i] * value[i + 1];
    }
    value
}

/// The same where the first row's left and the last row's right neighbour are each other (Sherman and Morrison, 1950).
fn cyclic(mut rows: Vec<([f64; 3], f64)>) -> Vec<f64> {
    let n = rows.len();
    let (corner, other) = (rows[0].0[0], rows[n - 1].0[2]);
    let gamma = -rows[0].0[1];
    rows[0].0[1] -= gamma;
    rows[n - 1].0[1] -= corner * other / gamma;
    let x = tridiagonal(&rows);
    for (i, (_, r)) in rows.iter_mut().enumerate() {
        *r = match i {
            0 => gamma,
            i if i == n - 1 => other,
            _ => 0.0,
        };
    }
    let z = tridiagonal(&rows);
    let factor = (x[0] + corner * x[n - 1] / gamma) / (1.0 + z[0] + corner * z[n - 1] / gamma);
    x.iter().zip(&z).map(|(x, z)| x - factor * z).collect()
}

/// Slopes for which every cell is monotone where its points and their neighbours are.
pub fn monotone(x: &[f64], y: &[f64], periodic: bool) -> Vec<f64> {
    let n = x.len();
    let (h, d) = chords(x, y);
    if n == 2 {
        return vec![if periodic { 0.0 } else { d[0] }; 2];
    }
    // A weighted harmonic mean of the chords on both sides; 0 at an extremum.
    let inner = |left: usize, right: usize| {
        if !(d[left] * d[right] > 0.0) {
            return 0.0;
        }
        let (w1, w2) = (2.0 * h[right] + h[left], h[right] + 2.0 * h[left]);
        (w1 + w2) / (w1 / d[left] + w2 / d[right])
    };
    let end = |near: usize, next: usize| {
        let slope = ((2.0 * h[near] + h[next]) * d[near] - h[near] * d[next]) / (h[near] + h[next]);
        if !(slope * d[near] > 0.0) {
            0.0
        } else if d[near] * d[next] < 0.0 && slope.abs() > 3.0 * d[near].abs() {
            3.0 * d[near]
        } else {
            slope
        }
    };
    let (first, last) = match periodic {
        true => (inner(n - 2, 0), inner(n - 2, 0)),
        false => (end(0, 1), end(n - 2, n - 3)),
    };
    let middle = (1..n - 1).map(|i| inner(i - 1, i));
    std::iter::once(first).chain(middle).chain(std::iter::once(last)).collect()
}
