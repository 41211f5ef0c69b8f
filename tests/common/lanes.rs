//! What the tests of lanes in both precisions share: models, and numbers to move them by.

use rhapsode::{Backend, Compiled, Model};

/// Time, functions of one and two arguments, outputs, an array.
pub const FUNCTIONS: &str = "
const N = 3
index i = 1..N
param a = 0.3, b = 2, c = 1
init x[i] = 0.1*i, z = 1
x[i]' = -x[i]*i + a*sin(b*t) + tanh(z) + exp(-z)/sqrt(1 + z^2)
z' = -z*c + pow(1 + x[1]^2, 0.3*a) - cbrt(2 + x[2]) + atan2(x[3], 1 + t) + log(1 + x[3]^2)
output total = sum[i](x[i]) + t
";
pub const LORENZ: &str =
    "param s = 10, r = 28\ninit x = 1, y = 0, z = 0\nx' = s*(y - x)\ny' = x*(r - z) - y\nz' = x*y - 8/3*z";

pub fn compile(text: &str, backend: Backend) -> Compiled {
    Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile_with(backend).unwrap()
}

/// Numbers in −1..1 that are the same every time.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}
