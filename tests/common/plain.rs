//! A compiled system without its compiled steps, to compare them with: for the tests and the measurements of steps.

use std::sync::Arc;

use rhapsode::linalg::Pattern;
use rhapsode::system::{Derivative, Matrix, Shape, System, Taylor};

/// A system that keeps its steps to itself.
pub struct Plain<'a>(pub &'a dyn System);

impl System for Plain<'_> {
    fn shape(&self) -> &Shape {
        self.0.shape()
    }
    fn jacobian_pattern(&self) -> &Pattern {
        self.0.jacobian_pattern()
    }
    fn rhs(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], dy: &mut [f64]) {
        self.0.rhs(t, y, p, w, dy);
    }
    fn jacobian(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], values: &mut [f64]) {
        self.0.jacobian(t, y, p, w, values);
    }
    fn time_derivative(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], ft: &mut [f64]) {
        self.0.time_derivative(t, y, p, w, ft);
    }
    fn outputs(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.0.outputs(t, y, p, w, out);
    }
    fn derivative(&self, matrix: Matrix) -> Result<Arc<dyn Derivative>, String> {
        self.0.derivative(matrix)
    }
    fn taylor(&self, order: usize) -> Result<Arc<dyn Taylor>, String> {
        self.0.taylor(order).map(|series| Arc::new(Parts(series)) as Arc<dyn Taylor>)
    }
}

/// A series that keeps its whole steps to itself.
struct Parts(Arc<dyn Taylor>);

impl Taylor for Parts {
    fn order(&self) -> usize {
        self.0.order()
    }
    fn smooth(&self) -> bool {
        self.0.smooth()
    }
    fn work(&self) -> usize {
        self.0.work()
    }
    fn coefficients(&self, t: f64, y: &[f64], p: &[f64], w: &mut [f64], out: &mut [f64]) {
        self.0.coefficients(t, y, p, w, out);
    }
}
