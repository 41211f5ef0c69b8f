//! Numbers to weigh things with.

/// Numbers without pattern, between −1 and 1.
pub fn numbers(count: usize) -> Vec<f64> {
    let mut x = 0.3f64;
    let next = |_| {
        x = (x * 97.0 + 0.1234567).fract();
        2.0 * x - 1.0
    };
    (0..count).map(next).collect()
}
