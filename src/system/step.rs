//! Whole steps as one call: what a system may offer to methods that ask, and what they say when asking.
//!
//! A method describes its step as data; a system that knows its own equations answers with the step as one function, or
//! not at all. Neither needs to know how the other is made. Whether a step is offered depends on the system and the
//! method only, never on how often or when it is asked for, so that results do not either.

use std::sync::Arc;

/// An explicit Runge–Kutta step whose last stage stands at the new point (first same as last).
#[derive(Clone, Copy, Debug)]
pub struct ExplicitFormula<'a> {
    /// What the formula is known by; formulas of one name are the same.
    pub name: &'static str,
    /// Nodes.
    pub c: &'a [f64],
    /// Row i: the weights of the stages before stage i. The row of the last stage of a step is b.
    pub a: &'a [&'a [f64]],
    /// Stages of a step, the one at the new point included.
    pub stages: usize,
    /// Weights of the error estimate.
    pub error: ErrorFormula<'a>,
    /// Rows of an interpolant in the form of H&N&W II.6, over all stages of `a`; none if it is not of that form.
    pub interpolant: &'a [[f64; 16]],
}

/// How the error of a step is estimated.
#[derive(Clone, Copy, Debug)]
pub enum ErrorFormula<'a> {
    /// `h Σ e_i k_i`.
    Weights(&'a [f64]),
    /// Estimates of orders 3 and 5, combined as H&N&W II.10 says.
    Pair(&'a [f64], &'a [f64]),
}

/// A Rosenbrock–Wanner step in the form with u = Γk (H&W IV.7.24–25).
#[derive(Clone, Copy, Debug)]
pub struct RosenbrockFormula<'a> {
    /// What the formula is known by; formulas of one name are the same.
    pub name: &'static str,
    /// The diagonal of Γ.
    pub gamma: f64,
    /// Nodes.
    pub c: &'a [f64],
    /// Weights of h ∂f/∂t.
    pub d: &'a [f64],
    /// Row i: the weights of earlier u in a stage's argument.
    pub a: &'a [&'a [f64]],
    /// Row i: the weights of earlier u/h on a stage's right side.
    pub cc: &'a [&'a [f64]],
    /// The solution: y + Σ m_i u_i.
    pub m: &'a [f64],
    /// The error: Σ e_i u_i.
    pub e: &'a [f64],
    /// The backward error up to which solutions by planned pivots are taken.
    pub good: f64,
}

impl RosenbrockFormula<'_> {
    /// Whether the last stage is evaluated at the solution, whose f the next step begins with.
    pub fn first_same_as_last(&self) -> bool {
        let (weights, own) = self.m.split_at(self.m.len() - 1);
        self.a.last() == Some(&weights) && own == [0.0] && self.c.last() == Some(&1.0)
    }
}

/// A step in backward differences of order q.
#[derive(Clone, Copy, Debug)]
pub struct DifferenceFormula<'a> {
    /// What its step is known by.
    pub name: &'static str,
    /// Of ∇^0 y to ∇^q y in what the new point would be if f were 0.
    pub weights: &'a [f64],
}

/// One step of a method for one system, as one function. A pure function of its arguments; safe from many threads.
pub trait CompiledStep: Send + Sync {
    /// Numbers a step needs in `w`; the stages come first, n each.
    fn work(&self) -> usize;

    /// Tries a step from (t, y).
    ///
    /// - `y`: the state; for Rosenbrock methods as a step leaves it in `out`, with f(t, y) behind it;
    /// - `limits`: h, rtol, the least and the greatest time at which f may be asked for, then n absolute tolerances;
    /// - `w`: for explicit methods on entry f(t, y) in the first n places; on return all stages (k or u), n each;
    /// - `out`: the new state, n numbers; then the error in units of the tolerance (NaN if f is not finite at the new
    ///   point) and two numbers more. Of explicit methods: Σ(k_s − k_{s−1})² and Σ(g_s − g_{s−1})² over the last two
    ///   stages and their arguments, whose quotient estimates |λ|² (H&W IV.2). Of Rosenbrock methods: 1 if the pivots
    ///   were good, else 0, and a norm of J; then f at the new point, n numbers.
    ///
    /// # Panics
    /// If a slice is too short.
    fn attempt(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]);

    /// The coefficients of the interpolant of a step already taken, from its stages in `w`, which gains the extra ones.
    /// `limits` as in [`Self::attempt`], with the n numbers of the new state behind them; `out`: 7 n numbers
    /// (H&N&W II.6).
    ///
    /// # Panics
    /// If a slice is too short, or the formula has no interpolant of that form.
    fn interpolant(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]);

    /// The same step for several trajectories side by side, where there is one; made when first asked for.
    fn lanes(&self) -> Option<Arc<dyn CompiledLanes>> {
        None
    }

    /// The same in single precision.
    fn lanes_in_single(&self) -> Option<Arc<dyn CompiledLanes<f32>>> {
        None
    }
}

/// One step of a method for several trajectories of one system side by side. Number j of lane l of each buffer of
/// [`CompiledStep::attempt`] stands at place j·lanes + l. Each lane's numbers are, bit for bit, what the step alone gives,
/// whatever its neighbours hold; in single precision, what it gives with every number and every operation rounded to that.
pub trait CompiledLanes<T = f64>: Send + Sync {
    /// How many trajectories a call serves.
    fn lanes(&self) -> usize;

    /// Numbers a step needs in `w`, all lanes together.
    fn work(&self) -> usize;

    /// Tries a step of every lane. In front of the other limits stands the time t of each lane.
    ///
    /// # Panics
    /// If a slice is too short.
    fn attempt(&self, y: &[T], p: &[T], limits: &[T], w: &mut [T], out: &mut [T]);
}

/// Numbers in front of the absolute tolerances in `limits`.
pub const LIMITS: usize = 4;
/// Numbers behind the new state in `out`.
pub const EXTRA: usize = 3;

/// Newton's iteration of a BDF step for one system, as two functions, on factors of W that the system's planned pivots gave.
/// Pure functions of their arguments; safe from many threads.
pub trait CompiledNewton: Send + Sync {
    /// Numbers of the factors.
    fn factors(&self) -> usize;

    /// Numbers `w` must have.
    fn work(&self) -> usize;

    /// Prediction and the first iteration, `W x = f(t, predicted) − ψ/c` and `d = relaxed·x`.
    ///
    /// - `limits`: −1/c, relaxed, rtol, the least and the greatest time at which f may be asked for, five weights of ∇^k y
    ///   in the prediction (1, then 0 above the order) and five in ψ, k = 1 … 5; then n absolute tolerances and the state y;
    /// - `w`: on entry [`HISTORY`] differences ∇^k y, n numbers each; behind them, on return, the prediction, ψ, the weights
    ///   `1/(atol + rtol·max(|y|, |prediction|))`, d, the right side and x;
    /// - `out`: prediction + d; then the norms of relaxed·x and of d in those weights.
    ///
    /// # Panics
    /// If a slice is too short.
    fn first(&self, t: f64, factors: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]);

    /// Another iteration; right side and x are not kept.
    ///
    /// # Panics
    /// If a slice is too short.
    fn again(&self, t: f64, factors: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]);
}

/// A collocation method whose stages are decoupled by A⁻¹ = T Λ T⁻¹ (H&W IV.8): a real system and complex pairs.
#[derive(Clone, Copy, Debug)]
pub struct CollocationFormula<'a> {
    /// What the formula is known by; formulas of one name are the same.
    pub name: &'static str,
    /// Nodes, s of them, the last 1.
    pub c: &'a [f64],
    /// The real eigenvalue of A⁻¹.
    pub gamma: f64,
    /// The pairs α ± iβ.
    pub pairs: &'a [(f64, f64)],
    /// T, by rows: the real eigenvector, then real and imaginary part of each pair's for α + iβ; the last row is 1, 1, 0, …
    pub t: &'a [&'a [f64]],
    /// T⁻¹, by rows.
    pub inverse: &'a [&'a [f64]],
    /// The error estimate: (γ/h I − J)⁻¹ (f(t, y) + Σ e_i z_i/h).
    pub e: &'a [f64],
    /// 1/(c_i Π (c_i − c_k)), for Lagrange's polynomials on 0 and the nodes.
    pub lagrange: &'a [f64],
}

/// A collocation step of s stages for one system of n states, as functions that share the numbers in `w`. Pure functions of
/// their arguments; safe from many threads.
///
/// - `limits`: as of [`CompiledStep::attempt`], with f(t, y) behind them, n numbers;
/// - `w`: T⁻¹z is in front of all, s n numbers; then, as many each, z of the step before, which the host puts there, z, and f
///   at the stages; then the error, n numbers, and behind [`COLLOCATION_PARTS`] parts of n J, in the order of the pattern
///   ([`CollocationFormula`] has the names).
pub trait CompiledCollocation: Send + Sync {
    /// Numbers `w` must have.
    fn work(&self) -> usize;

    /// J at (t, y), and its norm in `out`.
    ///
    /// # Panics
    /// If a slice is too short, as all of these.
    fn jacobian(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]);

    /// Factorises γ/h I − J and (α − iβ)/h I − J.
    fn factor(&self, limits: &[f64], w: &mut [f64]);

    /// Starting values T⁻¹z on the collocation polynomial of the step before, this one being `ratio` times as long.
    fn predict(&self, ratio: f64, w: &mut [f64]);

    /// The first of Newton's iterations on T⁻¹z (H&W IV.8.4). `out`: the norm of its correction; 1 if the planned pivots were
    /// good, else 0.
    fn first(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]);

    /// Another iteration.
    fn again(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]);

    /// z, the new state, n numbers in `out`, and behind it the norm of the error (H&W IV.8.19).
    fn estimate(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]);

    /// The norm of the error once more, damped by evaluating f at y + error (H&W IV.8.20); in the same place of `out`.
    fn damp(&self, t: f64, y: &[f64], p: &[f64], limits: &[f64], w: &mut [f64], out: &mut [f64]);
}

/// Parts of n numbers behind the stages in the work buffer of a [`CompiledCollocation`].
pub const COLLOCATION_PARTS: usize = 3;

/// Differences ∇^k y that [`CompiledNewton`] finds in `w`: k = 0 … 7.
pub const HISTORY: usize = 8;
/// Parts of n numbers behind them.
pub const NEWTON_PARTS: usize = 6;
/// Numbers in front of the absolute tolerances in the limits of [`CompiledNewton`].
pub const NEWTON_LIMITS: usize = 15;
