//! The order of every method, twice: the algebraic conditions of its coefficients, and the slope it shows.

use rhapsode::solve::explicit::ExplicitStepper;
use rhapsode::solve::methods::{bdf::Bdf, dop853::DOP853, rodas5p, rodas5p::Rodas5P, tsit5::TSIT5};
use rhapsode::solve::problem::Problem;
use rhapsode::solve::stepper::Stepper;
use rhapsode::solve::tableau::{Dense, ErrorEstimate, Explicit};
use rhapsode::solve::{Options, Tolerance};
use rhapsode::system::{ClosureSystem, System};

/// A rooted tree: the trees that hang at its root (indices into the list of all trees), ascending.
struct Tree {
    order: u32,
    children: Vec<usize>,
    /// γ(t): H&N&W II.2, definition 2.10.
    density: f64,
}

/// All rooted trees up to an order, smaller ones first.
fn trees(most: u32) -> Vec<Tree> {
    let mut all = vec![Tree { order: 1, children: vec![], density: 1.0 }];
    for order in 2..=most {
        let mut forests = Vec::new();
        grow(&all, order - 1, 0, &mut Vec::new(), &mut forests);
        for children in forests {
            let density = f64::from(order) * children.iter().map(|k| all[*k].density).product::<f64>();
            all.push(Tree { order, children, density });
        }
    }
    all
}

fn grow(all: &[Tree], left: u32, least: usize, forest: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    if left == 0 {
        found.push(forest.clone());
        return;
    }
    for k in least..all.len() {
        if all[k].order <= left {
            forest.push(k);
            grow(all, left - all[k].order, k, forest, found);
            forest.pop();
        }
    }
}

/// Φ_i(t) for every stage: the product over the children of Σ_j a_ij Φ_j(child).
fn weights(all: &[Tree], a: &dyn Fn(usize, usize) -> f64, stages: usize) -> Vec<Vec<f64>> {
    let mut phi: Vec<Vec<f64>> = Vec::new();
    for tree in all {
        let row = (0..stages)
            .map(|i| tree.children.iter().map(|k| (0..stages).map(|j| a(i, j) * phi[*k][j]).sum::<f64>()).product())
            .collect();
        phi.push(row);
    }
    phi
}

/// Largest violation of `Σ b_i Φ_i(t) = θ^order/γ(t)` over all trees up to an order.
fn violation(all: &[Tree], phi: &[Vec<f64>], b: &[f64], theta: f64, order: u32) -> f64 {
    let trees = all.iter().zip(phi).filter(|(tree, _)| tree.order <= order);
    trees
        .map(|(tree, phi)| {
            let sum: f64 = b.iter().zip(phi).map(|(b, p)| b * p).sum();
            (sum - theta.powi(tree.order as i32) / tree.density).abs()
        })
        .fold(0.0, f64::max)
}

#[test]
fn there_are_as_many_trees_as_cayley_says() {
    let all = trees(8);
    let counts: Vec<usize> = (1..=8).map(|order| all.iter().filter(|t| t.order == order).count()).collect();
    assert_eq!(counts, [1, 1, 2, 4, 9, 20, 48, 115]);
}

#[test]
fn explicit_tableaus_satisfy_the_order_conditions() {
    let all = trees(9);
    for method in [&TSIT5, &DOP853] {
        let phi = weights(&all, &|i, j| method.a[i].get(j).copied().unwrap_or(0.0), method.a.len());
        let at = |order: u32| violation(&all, &phi, method.b(), 1.0, order);
        assert!(at(method.order) < 2e-13, "{}: {:e}", method.name, at(method.order));
        assert!(at(method.order + 1) > 1e-7, "{} claims less than its order", method.name);
        // The solution the estimate compares with, b − e, has its own order.
        let embedded = |e: &[f64]| -> Vec<f64> {
            (0..method.stages)
                .map(|i| method.b().get(i).copied().unwrap_or(0.0) - e.get(i).copied().unwrap_or(0.0))
                .collect()
        };
        match method.error {
            ErrorEstimate::Weights(e) => assert!(violation(&all, &phi, &embedded(e), 1.0, method.error_order) < 1e-12),
            ErrorEstimate::Pair(e3, e5) => {
                assert!(violation(&all, &phi, &embedded(e3), 1.0, 3) < 1e-12);
                assert!(violation(&all, &phi, &embedded(e5), 1.0, 5) < 1e-12);
            }
        }
    }
}

#[test]
fn the_interpolant_of_tsit5_has_order_four_everywhere() {
    let all = trees(5);
    let phi = weights(&all, &|i, j| TSIT5.a[i].get(j).copied().unwrap_or(0.0), 7);
    let Dense::Weights(dense) = TSIT5.dense else { panic!("Tsit5 has weights") };
    for k in 1..=20 {
        let theta = f64::from(k) / 20.0;
        assert!(violation(&all, &phi, &dense(theta), theta, 4) < 1e-12, "θ = {theta}");
    }
}

/// Solves a small dense system by Gauss–Jordan elimination (an oracle of its own).
fn invert<const S: usize>(m: [[f64; S]; S]) -> [[f64; S]; S] {
    let mut a = m;
    let mut inverse = [[0.0; S]; S];
    (0..S).for_each(|i| inverse[i][i] = 1.0);
    for k in 0..S {
        let pivot = a[k][k];
        for j in 0..S {
            a[k][j] /= pivot;
            inverse[k][j] /= pivot;
        }
        for i in (0..S).filter(|i| *i != k) {
            let factor = a[i][k];
            for j in 0..S {
                a[i][j] -= factor * a[k][j];
                inverse[i][j] -= factor * inverse[k][j];
            }
        }
    }
    inverse
}

type Matrix = [[f64; 8]; 8];
type Weights = [f64; 8];

/// α, β = α + Γ, b and b̂ of Rodas5P, from the transformed coefficients: Γ⁻¹ = diag(1/γ) − C, α = A Γ, b = m Γ
/// (H&W IV.7.24).
fn rosenbrock() -> (Matrix, Matrix, Weights, Weights) {
    let mut inverse = [[0.0; 8]; 8];
    for i in 0..8 {
        for j in 0..8 {
            inverse[i][j] = if i == j { 1.0 / rodas5p::GAMMA } else { -rodas5p::CC[i][j] };
        }
    }
    let gamma = invert(inverse);
    let times = |row: &[f64; 8]| -> [f64; 8] { std::array::from_fn(|j| (0..8).map(|l| row[l] * gamma[l][j]).sum()) };
    let alpha: [[f64; 8]; 8] = std::array::from_fn(|i| times(&rodas5p::A[i]));
    let beta: [[f64; 8]; 8] = std::array::from_fn(|i| std::array::from_fn(|j| alpha[i][j] + gamma[i][j]));
    // y1 = argument of the last stage + u8; ŷ1 = that argument.
    let mut m = rodas5p::A[7];
    let embedded = times(&m);
    m[7] = 1.0;
    (alpha, beta, times(&m), embedded)
}

#[test]
fn rodas5p_satisfies_the_rosenbrock_order_conditions() {
    let (alpha, beta, b, embedded) = rosenbrock();
    let all = trees(6);
    // H&W IV.7.15: at a vertex with one child the matrix is β, elsewhere α.
    let mut phi: Vec<Vec<f64>> = Vec::new();
    for tree in &all {
        let matrix = if tree.children.len() == 1 { &beta } else { &alpha };
        let row = (0..8)
            .map(|i| tree.children.iter().map(|k| (0..8).map(|j| matrix[i][j] * phi[*k][j]).sum::<f64>()).product())
            .collect();
        phi.push(row);
    }
    assert!(violation(&all, &phi, &b, 1.0, 5) < 1e-11, "{:e}", violation(&all, &phi, &b, 1.0, 5));
    assert!(violation(&all, &phi, &b, 1.0, 6) > 1e-6);
    assert!(violation(&all, &phi, &embedded, 1.0, 4) < 1e-11);
    // Row sums: nodes and the weights of ∂f/∂t.
    for i in 0..8 {
        let (c, d): (f64, f64) = (alpha[i].iter().sum(), (0..8).map(|j| beta[i][j] - alpha[i][j]).sum());
        assert!((c - rodas5p::C[i]).abs() < 1e-11 && (d - rodas5p::D[i]).abs() < 1e-11, "row {i}");
    }
}

/// R(z) = 1 + z bᵀ(I − zB)⁻¹ 1 with complex z, by forward substitution (B is lower triangular).
fn stability(beta: &[[f64; 8]; 8], b: &[f64; 8], z: (f64, f64)) -> (f64, f64) {
    let mul = |a: (f64, f64), b: (f64, f64)| (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0);
    let div = |a: (f64, f64), b: (f64, f64)| {
        let n = b.0 * b.0 + b.1 * b.1;
        ((a.0 * b.0 + a.1 * b.1) / n, (a.1 * b.0 - a.0 * b.1) / n)
    };
    let mut k = [(0.0, 0.0); 8];
    let mut result = (1.0, 0.0);
    for i in 0..8 {
        let sum = (0..i).fold((0.0, 0.0), |s, j| (s.0 + beta[i][j] * k[j].0, s.1 + beta[i][j] * k[j].1));
        let zs = mul(z, sum);
        k[i] = div((1.0 + zs.0, zs.1), (1.0 - beta[i][i] * z.0, -beta[i][i] * z.1));
        let zk = mul(z, k[i]);
        result = (result.0 + b[i] * zk.0, result.1 + b[i] * zk.1);
    }
    result
}

#[test]
fn rodas5p_is_a_stable_and_damps_at_infinity() {
    let (_, beta, b, _) = rosenbrock();
    for radius in (-30..=60).map(|k| 10f64.powf(f64::from(k) / 10.0)) {
        for angle in (0..=45).map(|k| std::f64::consts::FRAC_PI_2 * (1.0 + f64::from(k) / 45.0)) {
            let (re, im) = stability(&beta, &b, (radius * angle.cos().min(0.0), radius * angle.sin()));
            assert!(re.hypot(im) <= 1.0 + 1e-10, "|R| = {} at radius {radius}, angle {angle}", re.hypot(im));
        }
    }
    let (re, im) = stability(&beta, &b, (-1e9, 0.0));
    assert!(re.hypot(im) < 1e-6, "R(-∞) = {re} {im}");
}

/// A nonlinear, non-autonomous problem with a known solution: y1 = exp(sin t), y2 = cos t.
fn nonlinear() -> ClosureSystem {
    ClosureSystem::new(2, 0, |t, y, _, dy| {
        dy[0] = y[0] * t.cos() * (1.0 + y[1] - t.cos());
        dy[1] = -t.sin() * y[0] * y[0] * (-2.0 * t.sin()).exp();
    })
    .with_jacobian(|t, y, _, j| {
        j[0] = t.cos() * (1.0 + y[1] - t.cos());
        j[1] = -2.0 * t.sin() * y[0] * (-2.0 * t.sin()).exp();
        j[2] = y[0] * t.cos();
        j[3] = 0.0;
    })
    .with_time_derivative(|t, y, _, ft| {
        let (s, c) = t.sin_cos();
        ft[0] = -y[0] * s * (1.0 + y[1] - c) + y[0] * c * s;
        ft[1] = (2.0 * s * c - c) * y[0] * y[0] * (-2.0 * s).exp();
    })
}

fn exact(t: f64) -> [f64; 2] {
    [t.sin().exp(), t.cos()]
}

/// A linear one: y' = -2 y + 2 cos t - sin t, y = cos t.
fn linear() -> ClosureSystem {
    ClosureSystem::new(2, 0, |t, y, _, dy| {
        dy[0] = -2.0 * (y[0] - t.sin().exp()) + t.cos() * t.sin().exp();
        dy[1] = -2.0 * (y[1] - t.cos()) - t.sin();
    })
    .with_jacobian(|_, _, _, j| j.copy_from_slice(&[-2.0, 0.0, 0.0, -2.0]))
    .with_time_derivative(|t, _, _, ft| {
        let e = t.sin().exp();
        ft[0] = 2.0 * t.cos() * e + (t.cos().powi(2) - t.sin()) * e;
        ft[1] = -2.0 * t.sin() - t.cos();
    })
}

fn error(y: &[f64], t: f64) -> f64 {
    y.iter().zip(exact(t)).map(|(y, e)| (y - e).abs()).fold(0.0, f64::max)
}

/// Largest errors at the ends and in the middles of `steps` equal steps over (0, 2).
fn run(system: &dyn System, make: &dyn Fn(&Problem) -> Box<dyn Stepper>, steps: u32) -> (f64, f64) {
    let h = 2.0 / f64::from(steps);
    let mut options = Options::new(0.0, 2.0);
    // Every step is accepted; the largest step is the step.
    (options.rtol, options.atol, options.max_step) = (0.9, Tolerance::Scalar(1e6), h);
    let mut problem = Problem::new(system, &[], &options);
    let mut stepper = make(&problem);
    stepper.start(&mut problem, 0.0, &exact(0.0), h).unwrap();
    let (mut t, mut ends, mut dense) = (0.0, 0.0f64, 0.0f64);
    for k in 1..=steps {
        let end = if k == steps { 2.0 } else { f64::from(k) * h };
        stepper.step(&mut problem, end).unwrap();
        let middle = 0.5 * (t + stepper.t());
        let mut y = [0.0; 2];
        stepper.interpolate(&mut problem, middle, &mut y);
        dense = dense.max(error(&y, middle));
        t = stepper.t();
        ends = ends.max(error(stepper.y(), t));
    }
    assert_eq!(t, 2.0);
    (ends, dense)
}

/// Makes a stepper for a problem.
type Maker = Box<dyn Fn(&Problem) -> Box<dyn Stepper>>;

fn explicit(method: &'static Explicit) -> Maker {
    Box::new(move |problem| Box::new(ExplicitStepper::new(method, problem.dim())))
}

#[test]
fn one_step_methods_show_their_order() {
    let rodas: Maker = Box::new(|p| Box::new(Rodas5P::new(p).unwrap()));
    // Name, stepper, order, order of the dense output's global error, numbers of steps.
    let methods = [
        ("Tsit5", explicit(&TSIT5), 5.0, 5.0, (40, 80)),
        ("DOP853", explicit(&DOP853), 8.0, 8.0, (5, 10)),
        ("Rodas5P", rodas, 5.0, 5.0, (40, 80)),
    ];
    for (name, make, order, dense_order, (coarse, fine)) in methods {
        for (kind, system) in [("linear", linear()), ("nonlinear", nonlinear())] {
            let (a, b) = (run(&system, &make, coarse), run(&system, &make, fine));
            let (slope, dense) = ((a.0 / b.0).log2(), (a.1 / b.1).log2());
            println!(
                "{name} {kind}: slope {slope:.2} ({:.1e} {:.1e}), dense {dense:.2} ({:.1e} {:.1e})",
                a.0, b.0, a.1, b.1
            );
            // A method may do better than its order on a problem, never worse.
            assert!(slope > order - 0.2, "{name} {kind}: slope {slope}");
            assert!(dense > dense_order - 0.25, "{name} {kind}: dense slope {dense}");
        }
    }
}

#[test]
fn bdf_shows_the_order_it_is_held_at() {
    for order in 1..=5usize {
        for (kind, system) in [("linear", linear()), ("nonlinear", nonlinear())] {
            let make = |problem: &Problem| -> Box<dyn Stepper> {
                let mut bdf = Bdf::new(problem).unwrap();
                bdf.hold(order, |t| exact(t).to_vec());
                Box::new(bdf)
            };
            let (a, b) = (run(&system, &make, 200), run(&system, &make, 400));
            let slope = (a.0 / b.0).log2();
            println!("BDF{order} {kind}: slope {slope:.2} ({:.1e} {:.1e}), dense {:.2}", a.0, b.0, (a.1 / b.1).log2());
            assert!(slope > order as f64 - 0.2, "order {order} {kind}: {slope}");
        }
    }
}
