//! Backward by the adjoint equation instead of the steps: λ' = −Jᵀ λ along the solution between its points, from the end of
//! the run to its start, and ∫ (∂f/∂p)ᵀ λ dt for the parameters. What happens at moments is what a sweep back through the
//! steps does there.
//!
//! Source: Pontryagin's adjoint as in Serban & Hindmarsh, CVODES, ASME IDETC 2005, section 2.3; the interpolant is the method's
//! own dense output. The gradient is that of the exact solution, to the tolerances: not, like [`Tape::pull`]'s, of the numbers
//! the run returned.

use std::sync::Arc;

use super::linear::{Part, add_transposed};
use super::sweep::Sweep;
use super::tape::{Gradient, Tape};
use crate::linalg::{Pattern, Strategy};
use crate::solve::problem::Problem;
use crate::solve::{Dense, ErrorKind, Formula, Method, Options, Place, Save, Tolerance, integrate};
use crate::system::{Matrix, Names, Shape, System};

/// Nodes on [−1, 1] and weights of Gauss' quadrature with five of them, of order 10 (Abramowitz & Stegun, table 25.4).
const NODES: [(f64, f64); 5] = [
    (-0.906_179_845_938_664, 0.236_926_885_056_189_1),
    (-0.538_469_310_105_683_1, 0.478_628_670_499_366_5),
    (0.0, 0.568_888_888_888_888_9),
    (0.538_469_310_105_683_1, 0.478_628_670_499_366_5),
    (0.906_179_845_938_664, 0.236_926_885_056_189_1),
];

/// λ' = −J(t, y(t))ᵀ λ on a stretch of a run that ends at `end`.
struct Adjoint<'a> {
    system: &'a dyn System,
    dense: &'a Dense,
    p: &'a [f64],
    inside: (f64, f64),
    end: f64,
    shape: Shape,
    transposed: Arc<(Pattern, Arc<Strategy>)>,
    /// Where in the transposed pattern each entry of J stands.
    places: Vec<usize>,
}

impl<'a> Adjoint<'a> {
    fn new(problem: &Problem<'a>, p: &'a [f64], inside: (f64, f64), dense: &'a Dense, end: f64) -> Self {
        let (system, pattern) = (problem.system, problem.system.jacobian_pattern());
        let (n, nnz) = (system.shape().dim(), pattern.nnz());
        let transposed = system.transposed();
        // Numbers up to 2^53 are kept.
        let (mut next, mut order) = (Vec::new(), vec![0.0; nnz]);
        pattern.transpose(
            &transposed.0,
            &(0..nnz).map(|place| place as f64).collect::<Vec<_>>(),
            &mut next,
            &mut order,
        );
        let mut places = vec![0; nnz];
        order.iter().enumerate().for_each(|(to, from)| places[*from as usize] = to);
        let states: Names = system.shape().states.clone();
        let shape = Shape { states, work: system.shape().work + n + nnz, time_dependent: true, ..Shape::default() };
        Adjoint { system, dense, p, inside, end, shape, transposed, places }
    }

    /// y(t): at the end of the stretch what it comes to, not what is made of it there.
    fn state(&self, t: f64, y: &mut [f64]) {
        if t >= self.end { self.dense.state_before(t, y) } else { self.dense.state(t, y) }
    }

    /// J's values at t, in a part of the work slice.
    fn linearised<'w>(&self, t: f64, w: &'w mut [f64]) -> &'w [f64] {
        let (y, rest) = w.split_at_mut(self.shape.dim());
        let (values, work) = rest.split_at_mut(self.places.len());
        self.state(t, y);
        self.system.jacobian(t.max(self.inside.0).min(self.inside.1), y, self.p, work, values);
        values
    }
}

impl System for Adjoint<'_> {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn jacobian_pattern(&self) -> &Pattern {
        &self.transposed.0
    }

    fn strategy(&self) -> Arc<Strategy> {
        self.transposed.1.clone()
    }

    fn rhs(&self, t: f64, y: &[f64], _p: &[f64], w: &mut [f64], dy: &mut [f64]) {
        let values = self.linearised(t, w);
        let dy = &mut dy[..self.shape.dim()];
        dy.fill(0.0);
        add_transposed(self.system.jacobian_pattern(), values, y, -1.0, dy);
    }

    fn jacobian(&self, t: f64, _y: &[f64], _p: &[f64], w: &mut [f64], values: &mut [f64]) {
        let own = self.linearised(t, w);
        self.places.iter().zip(own).for_each(|(to, value)| values[*to] = -value);
    }

    // Methods that ask for it are not taken: y'' is not known between the points.
    fn time_derivative(&self, _t: f64, _y: &[f64], _p: &[f64], _w: &mut [f64], ft: &mut [f64]) {
        ft.fill(0.0);
    }

    fn outputs(&self, _t: f64, _y: &[f64], _p: &[f64], _w: &mut [f64], _out: &mut [f64]) {}
}

/// The way back, stretch by stretch.
struct Back<'a> {
    dense: &'a Dense,
    /// The ends of the run's steps.
    ends: Vec<f64>,
    options: Options<'a>,
    parameters: Part,
    /// Where the way back has come to.
    here: f64,
}

impl Back<'_> {
    /// From where it stands to `to`, on the stretch that the problem is placed on.
    fn go(&mut self, problem: &Problem, sweep: &mut Sweep, to: f64) -> Result<(), ErrorKind> {
        let from = std::mem::replace(&mut self.here, to);
        let largest = sweep.lambda.iter().fold(0.0f64, |most, l| most.max(l.abs()));
        if to >= from || largest == 0.0 {
            return Ok(());
        }
        let (p, inside) = (problem.parameters(), problem.interval());
        let adjoint = Adjoint::new(problem, p, inside, self.dense, from);
        self.options.atol = Tolerance::Scalar(1e-3 * self.options.rtol * largest);
        (self.options.t0, self.options.t1) = (from, to);
        let solution = integrate(&adjoint, &sweep.lambda, &[], &self.options).map_err(|failure| failure.kind)?;
        let Some(along) = solution.dense() else { return Ok(()) };
        // Between the steps of neither is anything smooth.
        let mut ends: Vec<f64> = self.ends.iter().copied().filter(|t| *t > to && *t < from).collect();
        ends.extend_from_slice(solution.times());
        ends.sort_by(f64::total_cmp);
        let (mut y, mut lambda) = (vec![0.0; sweep.lambda.len()], vec![0.0; sweep.lambda.len()]);
        for (a, b) in ends.iter().zip(&ends[1..]).filter(|(a, b)| a < b) {
            for (node, weight) in NODES {
                let t = 0.5 * (a + b) + 0.5 * (b - a) * node;
                adjoint.state(t, &mut y);
                along.state(t, &mut lambda);
                self.parameters.evaluate(problem.inside(t), &y, p, &[]);
                self.parameters.add_transposed(&lambda, 0.5 * (b - a) * weight, &mut sweep.gradient);
            }
        }
        let last = solution.len() - 1;
        sweep.lambda.iter_mut().enumerate().for_each(|(k, l)| *l = solution.state(k)[last]);
        Ok(())
    }
}

impl Tape {
    /// The gradient of Σ weights · values of the exact solution, by the adjoint equation over the run's dense output.
    ///
    /// # Errors
    /// Where there are algebraic equations, steps were dropped, or the adjoint cannot be followed.
    pub fn pull_continuously(
        &self,
        system: &dyn System,
        options: &Options,
        dense: &Dense,
        weights: &[f64],
    ) -> Result<Gradient, ErrorKind> {
        let refused = |sentence: &str| Err(ErrorKind::Options(sentence.to_string()));
        if !system.shape().algebraic.is_empty() || system.constraints().is_some() {
            return refused("the adjoint equation of algebraic equations is not there yet; go back through the steps");
        }
        if self.steps.first() > 0 {
            return refused("the run has more steps than may be kept; go back through the steps, or raise `max_tape`");
        }
        let (Some(last), Some((_, end))) = (self.stretches.len().checked_sub(1), dense.span()) else {
            return refused("nothing was recorded");
        };
        if options.t1 < options.t0 {
            return refused("the adjoint equation is for runs forwards in time; go back through the steps");
        }
        let mut problem = Problem::new(system, self.bound(last), options);
        let mut sweep = Sweep::new(system)?;
        let mut back = Back {
            dense,
            ends: dense.times(),
            options: Options {
                method: self.backwards(options.method),
                save: Save::Steps,
                dense: true,
                breakpoints: Vec::new(),
                first_step: None,
                begun: None,
                observe: None,
                progress: None,
                explain: false,
                ..options.clone()
            },
            parameters: Part::new(system, Matrix::Parameters)?,
            here: end,
        };
        let (mut kept, mut stretches) = (self.kept.len(), self.stretches.len());
        let (mut moments, mut points) = (self.moments.len(), Vec::new());
        let mut time = end;
        for index in (0..=self.steps.count()).rev() {
            let changes = stretches > 1 && self.stretches[stretches - 1].from > index;
            let first = self.kept[..kept].partition_point(|point| point.steps < index);
            let happens = moments > 0 && self.moments[moments - 1].0 == index;
            if changes || happens || first < kept {
                back.go(&problem, &mut sweep, time)?;
            }
            while stretches > 1 && self.stretches[stretches - 1].from > index {
                stretches -= 1;
            }
            let stretch = &self.stretches[stretches - 1];
            problem.place(self.bound(stretches - 1), stretch.inside);
            while let Some((steps, moment)) = moments.checked_sub(1).map(|last| &self.moments[last])
                && *steps == index
            {
                self.keep_back(&mut problem, &mut sweep, first..kept, moments, weights)?;
                sweep.through(&mut problem, moment)?;
                moments -= 1;
            }
            self.keep_back(&mut problem, &mut sweep, first..kept, moments, weights)?;
            if index > 0 {
                if stretch.from >= index
                    && let Some(before) = self.stretches[..stretches].iter().rposition(|before| before.from < index)
                {
                    problem.place(self.bound(before), self.stretches[before].inside);
                }
                for (k, point) in self.kept[..kept].iter().enumerate().skip(first).rev() {
                    if point.place == Place::Inside {
                        back.go(&problem, &mut sweep, point.t)?;
                        self.weigh(&mut problem, &mut sweep, k, point, weights);
                        sweep.take_up();
                    }
                }
                time = self.steps.get(index - 1, &mut points).t;
            }
            kept = first;
        }
        back.go(&problem, &mut sweep, time)?;
        Ok(Gradient { start: sweep.lambda, parameters: sweep.gradient })
    }

    /// The method for the way back: that of the run, unless it asks for derivatives by time or a Taylor series, which are not
    /// known, or for positions and velocities.
    fn backwards(&self, method: Method) -> Method {
        let explicit =
            |k: usize| matches!(self.steps.get(k, &mut Vec::new()).formula, Formula::Explicit(_) | Formula::Adams(_));
        match method {
            Method::Rosenbrock23 | Method::Rodas4 | Method::Rodas5P => Method::RadauIIA5,
            Method::Taylor => Method::Vern9,
            other if other.is_second_order() => Method::Vern7,
            Method::Auto if (0..self.steps.count()).all(explicit) => Method::Vern7,
            Method::Auto => Method::RadauIIA5,
            other => other,
        }
    }
}
