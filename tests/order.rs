//! The order of every method by algebra: the order conditions of the solution, of the error estimate and of the dense
//! output over all rooted trees, and stability on a grid. The slopes are measured in `slopes.rs`.

#[path = "common/trees.rs"]
mod trees;

use rhapsode::solve::Method;
use rhapsode::solve::collocation::Radau;
use rhapsode::solve::esdirk::Esdirk;
use rhapsode::solve::methods::kencarp4::KENCARP4;
use rhapsode::solve::methods::kvaerno5::KVAERNO5;
use rhapsode::solve::methods::radau::{RADAU5, RADAU9, RADAU13};
use rhapsode::solve::methods::rdpk3sp49::RDPK3SP49;
use rhapsode::solve::methods::rodas4::RODAS4;
use rhapsode::solve::methods::rodas5p::RODAS5P;
use rhapsode::solve::methods::rosenbrock23::ROSENBROCK23;
use rhapsode::solve::methods::trbdf2::TRBDF2;
use rhapsode::solve::methods::{adams, tableau};
use rhapsode::solve::rosenbrock::Rosenbrock;
use rhapsode::solve::tableau::{Dense, ErrorEstimate, Explicit};
use trees::{Coefficients, Tree, trees};

/// What rounding of coefficients of size 100 leaves of a condition.
const ROUNDING: f64 = 2e-12;
/// A condition that is not met is missed by more than this.
const MISSED: f64 = 1e-7;

#[test]
fn trees_are_all_there_once() {
    // Cayley's numbers of rooted trees; the tall and the bushy tree's density.
    let all = trees(8);
    let counts: Vec<usize> = (1..=8).map(|order| all.iter().filter(|t| t.order() == order).count()).collect();
    assert_eq!(counts, [1, 1, 2, 4, 9, 20, 48, 115]);
    let leaf = || Tree(Vec::new());
    assert_eq!(Tree(vec![Tree(vec![leaf()])]).density(), 6.0);
    assert_eq!(Tree(vec![leaf(), leaf(), leaf()]).density(), 4.0);
}

/// The tableaus of all explicit Runge–Kutta methods.
fn explicit_methods() -> Vec<&'static Explicit> {
    Method::ALL.iter().filter_map(|method| tableau(*method)).collect()
}

/// The tableau as a square matrix, the stages of the interpolant included.
fn coefficients(method: &Explicit) -> Coefficients {
    let stages = method.a.len();
    let square: Vec<Vec<f64>> =
        method.a.iter().map(|row| row.iter().copied().chain(std::iter::repeat(0.0)).take(stages).collect()).collect();
    Coefficients { alone: square.clone(), among: square }
}

/// Meets the conditions up to `order` and misses one of the next.
fn has_order(coefficients: &Coefficients, b: &[f64], order: u32, theta: f64, target: f64, what: &str) {
    for q in 1..=order {
        let defect = coefficients.defect(b, q, theta, target);
        assert!(defect < ROUNDING, "{what}: order {q} is missed by {defect:e}");
    }
    let next = coefficients.defect(b, order + 1, theta, target);
    assert!(next > MISSED, "{what}: order {} is met too (defect {next:e}): the claim is too modest", order + 1);
}

#[test]
fn explicit_solutions_have_their_order() {
    for method in explicit_methods() {
        has_order(&coefficients(method), method.b(), method.order, 1.0, 1.0, method.name);
    }
}

#[test]
fn explicit_error_estimates_have_their_order() {
    for method in explicit_methods() {
        let coefficients = coefficients(method);
        match &method.error {
            ErrorEstimate::Weights(e) => {
                has_order(&coefficients, e, method.error_order, 1.0, 0.0, &format!("error of {}", method.name));
            }
            ErrorEstimate::Pair(third, fifth) => {
                has_order(&coefficients, third, 3, 1.0, 0.0, &format!("third-order error of {}", method.name));
                has_order(&coefficients, fifth, 5, 1.0, 0.0, &format!("fifth-order error of {}", method.name));
                // e5²/√(e5² + 0.01 e3²) falls as h^(2·6 − 4).
                assert_eq!(method.error_order, 7);
            }
        }
    }
}

/// The largest coefficient of the polynomials of an interpolant.
fn largest_coefficient(method: &Explicit) -> f64 {
    match method.dense {
        Dense::Polynomials(rows) => rows.iter().flat_map(|row| row.iter()).fold(0.0, |m, c| c.abs().max(m)),
        _ => 1.0,
    }
}

/// b(θ) of an explicit method: weights of all its stages.
fn dense_weights(method: &Explicit, theta: f64) -> Vec<f64> {
    let (stages, last) = (method.a.len(), method.stages - 1);
    match method.dense {
        Dense::Weights(weights) => weights(theta).to_vec(),
        Dense::Polynomials(rows) => {
            rows.iter().map(|row| theta * row.iter().rev().fold(0.0, |sum, c| sum * theta + c)).collect()
        }
        Dense::Rows(rows) => {
            // H&N&W II.6: the nested form of `ExplicitStepper`, one stage at a time.
            let rest = 1.0 - theta;
            let weight = |l: usize| {
                let b = method.b().get(l).copied().unwrap_or(0.0);
                let (f0, f1) = (f64::from(u8::from(l == 0)), f64::from(u8::from(l == last)));
                let inner = rows[0][l] + theta * (rows[1][l] + rest * (rows[2][l] + theta * rows[3][l]));
                theta * (b + rest * (f0 - b + theta * (2.0 * b - f1 - f0 + rest * inner)))
            };
            (0..stages).map(weight).collect()
        }
    }
}

#[test]
fn explicit_dense_outputs_have_their_order() {
    for method in explicit_methods() {
        let order = match method.name {
            "Tsit5" => 4,
            "DOP853" => 7,
            // Native: the order of the solution itself.
            _ => method.order,
        };
        let coefficients = coefficients(method);
        for theta in [0.1, 0.3, 0.45, 0.7, 0.9] {
            let b = dense_weights(method, theta);
            // The weights of Verner's interpolants reach 7,000 and cancel; their digits do too.
            let rounding = ROUNDING.max(20.0 * f64::EPSILON * largest_coefficient(method));
            for q in 1..=order {
                let defect = coefficients.defect(&b, q, theta, 1.0);
                assert!(defect < rounding, "{} at θ = {theta}: order {q} is missed by {defect:e}", method.name);
            }
        }
        // At the ends it is the solution itself.
        for (theta, expected) in [(0.0, vec![0.0; method.a.len()]), (1.0, method.b().to_vec())] {
            for (l, b) in dense_weights(method, theta).iter().enumerate() {
                let expected = expected.get(l).copied().unwrap_or(0.0);
                let rounding = 1e-13f64.max(20.0 * f64::EPSILON * largest_coefficient(method));
                assert!((b - expected).abs() < rounding, "{} at θ = {theta}: b{} = {b}", method.name, l + 1);
            }
        }
    }
}

const ROSENBROCK: [&Rosenbrock; 3] = [&ROSENBROCK23, &RODAS4, &RODAS5P];

/// A Rosenbrock method in the form of the theory: α and β = α + Γ, with Γ itself.
struct InTheory {
    coefficients: Coefficients,
    gamma: Vec<Vec<f64>>,
}

impl InTheory {
    /// Γ⁻¹ = I/γ − C, α = A Γ, β = α + Γ (H&W IV.7.24).
    fn new(method: &Rosenbrock) -> Self {
        let s = method.c.len();
        let diagonal = 1.0 / method.gamma;
        let mut gamma = vec![vec![0.0; s]; s];
        for column in 0..s {
            for i in column..s {
                let unit = if i == column { 1.0 } else { 0.0 };
                let sum: f64 = (column..i).map(|l| -method.cc[i][l] * gamma[l][column]).sum();
                gamma[i][column] = (unit - sum) / diagonal;
            }
        }
        let alpha: Vec<Vec<f64>> = method.a.iter().map(|row| times(row, &gamma)).collect();
        let beta = alpha.iter().zip(&gamma).map(|(a, g)| a.iter().zip(g).map(|(a, g)| a + g).collect()).collect();
        InTheory { coefficients: Coefficients { alone: beta, among: alpha }, gamma }
    }

    /// b = m Γ from weights m of the u.
    fn b(&self, m: &[f64]) -> Vec<f64> {
        times(m, &self.gamma)
    }
}

/// A row times a matrix.
fn times(row: &[f64], matrix: &[Vec<f64>]) -> Vec<f64> {
    (0..matrix.len()).map(|j| row.iter().zip(matrix).map(|(r, m)| r * m[j]).sum()).collect()
}

#[test]
fn rosenbrock_methods_have_their_order() {
    for method in ROSENBROCK {
        let theory = InTheory::new(method);
        has_order(&theory.coefficients, &theory.b(method.m), method.order, 1.0, 1.0, method.name);
        // The error is the difference of two solutions; it has the order of the lower.
        let error = theory.b(method.e);
        has_order(&theory.coefficients, &error, method.error_order, 1.0, 0.0, &format!("error of {}", method.name));
    }
    // The embedded solution of Rosenbrock23 is the better one.
    let theory = InTheory::new(&ROSENBROCK23);
    let better: Vec<f64> = ROSENBROCK23.m.iter().zip(ROSENBROCK23.e).map(|(m, e)| m + e).collect();
    has_order(&theory.coefficients, &theory.b(&better), 3, 1.0, 1.0, "Rosenbrock23, embedded");
}

#[test]
fn rosenbrock_dense_outputs_have_their_order() {
    for method in ROSENBROCK {
        let theory = InTheory::new(method);
        for theta in [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] {
            let inner = |l: usize| method.dense.iter().rev().fold(0.0, |sum, row| row[l] + theta * sum);
            let weight = |l: usize| theta * (method.m[l] + (1.0 - theta) * inner(l));
            let b = theory.b(&(0..method.c.len()).map(weight).collect::<Vec<_>>());
            for q in 1..=method.dense_order {
                let defect = theory.coefficients.defect(&b, q, theta, 1.0);
                assert!(defect < ROUNDING, "{} at θ = {theta}: order {q} is missed by {defect:e}", method.name);
            }
            let next = theory.coefficients.defect(&b, method.dense_order + 1, theta, 1.0);
            let inside = theta > 0.0 && theta < 1.0;
            assert!(next > MISSED || !inside, "{} at θ = {theta}: the claim is too modest", method.name);
        }
    }
}

#[test]
fn rosenbrock_nodes_are_row_sums() {
    // Non-autonomous problems (H&W IV.7.12): α_i = Σ α_ij, γ_i = Σ γ_ij.
    for method in ROSENBROCK {
        let theory = InTheory::new(method);
        for i in 0..method.c.len() {
            let alpha: f64 = theory.coefficients.among[i].iter().sum();
            let gamma: f64 = theory.gamma[i].iter().sum();
            assert!((alpha - method.c[i]).abs() < 1e-12, "{} α{}: {alpha}", method.name, i + 1);
            assert!((gamma - method.d[i]).abs() < 1e-12, "{} γ{}: {gamma}", method.name, i + 1);
        }
    }
}

#[test]
fn rosenbrock_methods_know_their_form() {
    let forms = ROSENBROCK.map(|m| (m.stiffly_accurate(), m.first_same_as_last()));
    assert_eq!(forms, [(false, true), (true, false), (true, false)]);
    assert_eq!((0..8).filter(|i| RODAS5P.adds_one(*i)).collect::<Vec<_>>(), [6, 7]);
}

const ESDIRK: [&Esdirk; 3] = [&TRBDF2, &KENCARP4, &KVAERNO5];

/// A with its diagonal, and b.
fn esdirk(method: &Esdirk) -> (Coefficients, Vec<f64>) {
    let s = method.c.len();
    let row = |i: usize| {
        let mut row = method.a[i].to_vec();
        row.push(if i == 0 { 0.0 } else { method.gamma });
        row.resize(s, 0.0);
        row
    };
    let a: Vec<Vec<f64>> = (0..s).map(row).collect();
    let b = a[s - 1].clone();
    assert!((0..s).all(|i| b[i] == method.b(i)));
    (Coefficients { alone: a.clone(), among: a }, b)
}

#[test]
fn esdirk_methods_have_their_order() {
    for method in ESDIRK {
        let (coefficients, b) = esdirk(method);
        has_order(&coefficients, &b, method.order, 1.0, 1.0, method.name);
        has_order(&coefficients, method.e, method.error_order, 1.0, 0.0, &format!("error of {}", method.name));
        // Stage order 2: what keeps the order on stiff problems.
        for (row, c) in coefficients.alone.iter().zip(method.c) {
            let sum: f64 = row.iter().zip(method.c).map(|(a, c)| a * c).sum();
            assert!((sum - 0.5 * c * c).abs() < 1e-14, "{}: {sum} at {c}", method.name);
        }
    }
    // The embedded solution of TR-BDF2 is the better one.
    let (coefficients, b) = esdirk(&TRBDF2);
    let better: Vec<f64> = b.iter().zip(TRBDF2.e).map(|(b, e)| b - e).collect();
    has_order(&coefficients, &better, 3, 1.0, 1.0, "TRBDF2, embedded");
}

/// Φ of every stage of a tree, for each way to take its nodes but the root by one of two tableaus (Kennedy & Carpenter
/// 2003, section 2).
fn additive_weights(tree: &Tree, tableaus: &[&[Vec<f64>]]) -> Vec<Vec<f64>> {
    let mut all = vec![vec![1.0; tableaus[0].len()]];
    for child in &tree.0 {
        let inner = additive_weights(child, tableaus);
        let children: Vec<Vec<f64>> = tableaus
            .iter()
            .flat_map(|a| inner.iter().map(move |phi| a.iter().map(|row| dot(row, phi)).collect()))
            .collect();
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).collect::<Vec<f64>>();
        all = all.iter().flat_map(|so_far| children.iter().map(|child| product(so_far, child))).collect();
    }
    all
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn kencarp4_with_its_companion_has_its_orders() {
    let method = &KENCARP4;
    let s = method.c.len();
    let (implicit, b) = esdirk(method);
    let square = |row: &[f64]| row.iter().copied().chain(std::iter::repeat(0.0)).take(s).collect::<Vec<f64>>();
    let explicit: Vec<Vec<f64>> = method.explicit.iter().map(|row| square(row)).collect();
    let tableaus = [&implicit.alone[..], &explicit[..]];
    let defect = |weights: &[f64], order: u32, theta: f64, target: f64| {
        let of_order = trees(order).into_iter().filter(|tree| tree.order() == order);
        of_order
            .flat_map(|tree| {
                let exact = target * theta.powi(order as i32) / tree.density();
                additive_weights(&tree, &tableaus).into_iter().map(move |phi| (dot(weights, &phi) - exact).abs())
            })
            .fold(0.0, f64::max)
    };
    for (what, weights, order, theta, target) in [
        ("solution", b, 4, 1.0, 1.0),
        ("error", method.e.to_vec(), 3, 1.0, 0.0),
        ("dense at 0.3", dense_of(method, 0.3), 3, 0.3, 1.0),
        ("dense at 0.8", dense_of(method, 0.8), 3, 0.8, 1.0),
    ] {
        for q in 1..=order {
            let defect = defect(&weights, q, theta, target);
            assert!(defect < 1e-10, "{what}: order {q} is missed by {defect:e}");
        }
        assert!(defect(&weights, order + 1, theta, target) > MISSED, "{what}: the claim is too modest");
    }
}

fn dense_of(method: &Esdirk, theta: f64) -> Vec<f64> {
    let mut b = vec![0.0; method.c.len()];
    method.dense_weights(theta, &mut b);
    b
}

#[test]
fn esdirk_dense_outputs_have_their_order() {
    for method in ESDIRK {
        let (coefficients, b) = esdirk(method);
        let mut weights = vec![0.0; b.len()];
        for theta in [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] {
            method.dense_weights(theta, &mut weights);
            for q in 1..=method.dense_order {
                let defect = coefficients.defect(&weights, q, theta, 1.0);
                assert!(defect < ROUNDING, "{} at θ = {theta}: order {q} is missed by {defect:e}", method.name);
            }
            let next = coefficients.defect(&weights, method.dense_order + 1, theta, 1.0);
            let inside = theta > 0.0 && theta < 1.0;
            assert!(next > MISSED || !inside, "{} at θ = {theta}: the claim is too modest", method.name);
        }
        for (weight, b) in weights.iter().zip(&b) {
            assert!((weight - b).abs() < 1e-13, "{}: {weight} is not {b} at the end", method.name);
        }
    }
}

#[test]
fn esdirk_methods_are_l_stable() {
    for method in ESDIRK {
        let (coefficients, b) = esdirk(method);
        is_l_stable(&coefficients.alone, &b, method.order, method.name);
    }
}

/// A of the collocation method at these nodes: ∫₀^c_i L_j, from ∫ x^k = c^(k+1)/(k + 1).
fn collocation(c: &[f64]) -> Vec<Vec<f64>> {
    let s = c.len();
    // Coefficients of L_j by multiplying its factors out.
    let lagrange = |j: usize| {
        let mut coefficients = vec![1.0];
        for k in (0..s).filter(|k| *k != j) {
            let mut next = vec![0.0; coefficients.len() + 1];
            for (power, value) in coefficients.iter().enumerate() {
                next[power + 1] += value / (c[j] - c[k]);
                next[power] -= value * c[k] / (c[j] - c[k]);
            }
            coefficients = next;
        }
        coefficients
    };
    let polynomials: Vec<Vec<f64>> = (0..s).map(lagrange).collect();
    let integral =
        |p: &[f64], x: f64| p.iter().rev().enumerate().fold(0.0, |sum, (k, v)| x * (v / (s - k) as f64 + sum));
    c.iter().map(|x| polynomials.iter().map(|p| integral(p, *x)).collect()).collect()
}

const RADAU: [(&Radau, u32); 3] = [(&RADAU5, 5), (&RADAU9, 9), (&RADAU13, 13)];

#[test]
fn radau_methods_have_their_order() {
    for (method, order) in RADAU {
        let a = collocation(method.c);
        let (s, b) = (a.len(), a[a.len() - 1].clone());
        let name = format!("Radau{order}");
        let coefficients = Coefficients { alone: a.clone(), among: a.clone() };
        // All trees, where they are not too many; beyond, the simplifying assumptions B(2s − 1), C(s), D(s − 1) that
        // imply order 2s − 1 (H&N&W theorem II.7.4).
        for q in 1..=order.min(9) {
            let defect = coefficients.defect(&b, q, 1.0, 1.0);
            assert!(defect < ROUNDING, "{name}: order {q} is missed by {defect:e}");
        }
        let moment = |w: &[f64], k: i32| w.iter().zip(method.c).map(|(w, c)| w * c.powi(k - 1)).sum::<f64>();
        assert!((1..=order as i32).all(|k| (moment(&b, k) - 1.0 / f64::from(k)).abs() < ROUNDING), "{name}: B");
        let beyond = order as i32 + 1;
        assert!((moment(&b, beyond) - 1.0 / f64::from(beyond)).abs() > 1e-10, "{name}: order {beyond} is met too");
        for k in 1..=s as i32 {
            for (row, c) in a.iter().zip(method.c) {
                assert!((moment(row, k) - c.powi(k) / f64::from(k)).abs() < ROUNDING, "{name}: C({k})");
            }
        }
        for k in 1..s as i32 {
            for j in 0..s {
                let sum: f64 = (0..s).map(|i| b[i] * method.c[i].powi(k - 1) * a[i][j]).sum();
                let expected = b[j] / f64::from(k) * (1.0 - method.c[j].powi(k));
                assert!((sum - expected).abs() < ROUNDING, "{name}: D({k})");
            }
        }
        // T Λ T⁻¹ A = I, so that the transformed systems are those of these A.
        let mut lambda = vec![vec![0.0; s]; s];
        lambda[0][0] = method.gamma;
        for (k, (alpha, beta)) in method.pairs.iter().enumerate() {
            let i = 1 + 2 * k;
            (lambda[i][i], lambda[i][i + 1], lambda[i + 1][i], lambda[i + 1][i + 1]) = (*alpha, *beta, -beta, *alpha);
        }
        let inverse: Vec<Vec<f64>> = method.inverse.iter().map(|row| row.to_vec()).collect();
        for (i, t) in method.t.iter().enumerate() {
            let row = times(&times(&times(t, &lambda), &inverse), &a);
            for (j, value) in row.iter().enumerate() {
                let unit = f64::from(u8::from(i == j));
                assert!((value - unit).abs() < ROUNDING, "{name}: T Λ T⁻¹ A has {value} at {i}, {j}");
            }
        }
        assert_eq!(method.t[s - 1], (0..s).map(|j| f64::from(u8::from(j == 0 || j % 2 == 1))).collect::<Vec<_>>());
        // The estimate h/γ (f(y) + Σ e z/h) as weights of f(y) and the stages.
        let mut extended = vec![vec![0.0; s + 1]];
        extended.extend(a.iter().map(|row| [0.0].iter().chain(row).copied().collect()));
        let mut weights = vec![1.0 / method.gamma];
        weights.extend(times(method.e, &a).iter().map(|w| w / method.gamma));
        let extended = Coefficients { alone: extended.clone(), among: extended };
        has_order(&extended, &weights, s as u32, 1.0, 0.0, &format!("error of {name}"));
        for theta in [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] {
            let mut lagrange = vec![0.0; s];
            method.dense_weights(theta, &mut lagrange);
            let weights = times(&lagrange, &a);
            for q in 1..=s as u32 {
                let defect = coefficients.defect(&weights, q, theta, 1.0);
                assert!(defect < ROUNDING, "{name} at θ = {theta}: order {q} is missed by {defect:e}");
            }
            let next = coefficients.defect(&weights, s as u32 + 1, theta, 1.0);
            assert!(next > 1e-12 || theta == 0.0 || theta == 1.0, "{name} at θ = {theta}: the claim is too modest");
        }
        is_l_stable(&a, &b, order, &name);
    }
}

/// A complex number, as little of it as is needed.
#[derive(Clone, Copy)]
struct Complex(f64, f64);

impl Complex {
    fn mul(self, o: Complex) -> Complex {
        Complex(self.0 * o.0 - self.1 * o.1, self.0 * o.1 + self.1 * o.0)
    }

    fn add(self, o: Complex) -> Complex {
        Complex(self.0 + o.0, self.1 + o.1)
    }

    fn scale(self, s: f64) -> Complex {
        Complex(self.0 * s, self.1 * s)
    }

    fn div(self, o: Complex) -> Complex {
        let size = o.0 * o.0 + o.1 * o.1;
        Complex((self.0 * o.0 + self.1 * o.1) / size, (self.1 * o.0 - self.0 * o.1) / size)
    }

    fn abs(self) -> f64 {
        self.0.hypot(self.1)
    }
}

/// R(z) = 1 + z bᵀ (I − z B)⁻¹ 1 (H&W IV.3.2, IV.7.14), by elimination with pivoting.
fn stability(matrix: &[Vec<f64>], b: &[f64], z: Complex) -> Complex {
    let s = b.len();
    let mut rows: Vec<Vec<Complex>> = (0..s)
        .map(|i| {
            let entry = |j: usize| Complex(f64::from(u8::from(i == j)), 0.0).add(z.scale(-matrix[i][j]));
            (0..s).map(entry).chain([Complex(1.0, 0.0)]).collect()
        })
        .collect();
    for k in 0..s {
        let pivot = (k..s).max_by(|i, j| rows[*i][k].abs().total_cmp(&rows[*j][k].abs())).unwrap();
        rows.swap(k, pivot);
        for i in k + 1..s {
            let factor = rows[i][k].div(rows[k][k]).scale(-1.0);
            for j in k..=s {
                rows[i][j] = rows[i][j].add(factor.mul(rows[k][j]));
            }
        }
    }
    let mut x = vec![Complex(0.0, 0.0); s];
    for k in (0..s).rev() {
        let sum = (k + 1..s).fold(rows[k][s], |sum, j| sum.add(rows[k][j].mul(x[j]).scale(-1.0)));
        x[k] = sum.div(rows[k][k]);
    }
    let sum = x.iter().zip(b).fold(Complex(0.0, 0.0), |sum, (x, b)| sum.add(x.scale(*b)));
    Complex(1.0, 0.0).add(z.mul(sum))
}

/// |R| ≤ 1 in the left half-plane, R → 0 far out, and R ≈ exp to the order near 0.
fn is_l_stable(matrix: &[Vec<f64>], b: &[f64], order: u32, name: &str) {
    for ring in -60..=60 {
        let radius = 10f64.powf(f64::from(ring) / 20.0);
        // From the imaginary axis to the negative real one; the lower half is its mirror image.
        for ray in 0..=60 {
            let angle = std::f64::consts::FRAC_PI_2 * (1.0 + f64::from(ray) / 60.0);
            let z = if ray == 0 { Complex(0.0, radius) } else { Complex(radius * angle.cos(), radius * angle.sin()) };
            let size = stability(matrix, b, z).abs();
            assert!(size <= 1.0 + 1e-12, "{name}: |R({} + {}i)| = {size}", z.0, z.1);
        }
    }
    for z in [Complex(-1e6, 0.0), Complex(0.0, 1e6), Complex(-1e6, 1e6)] {
        let size = stability(matrix, b, z).abs();
        assert!(size < 1e-4, "{name}: |R| = {size} far out: not L-stable");
    }
    // As far from 0 as high orders need to rise above rounding.
    let near = |x: f64| stability(matrix, b, Complex(0.0, x)).add(Complex(-x.cos(), -x.sin())).abs();
    let x = if order > 8 { 0.3 * f64::from(order) } else { 0.1 };
    let slope = (near(x) / near(0.5 * x)).log2();
    assert!(slope > f64::from(order) + 0.6, "{name} near 0: slope {slope}");
}

#[test]
fn rosenbrock_methods_are_l_stable() {
    for method in ROSENBROCK {
        let theory = InTheory::new(method);
        is_l_stable(&theory.coefficients.alone, &theory.b(method.m), method.order, method.name);
    }
}

#[test]
fn rdpk3sp49_has_its_orders_as_a_table() {
    let method = &RDPK3SP49;
    let stages = method.beta.len();
    let mut square = method.expanded();
    // The slope at the new point is a stage of the error estimate.
    square.iter_mut().for_each(|row| row.push(0.0));
    let b = square[stages].clone();
    for (row, c) in square.iter().zip(method.c) {
        assert!((row.iter().sum::<f64>() - c).abs() < 1e-13, "{row:?} and {c}");
    }
    let coefficients = Coefficients { alone: square.clone(), among: square };
    has_order(&coefficients, &b, method.order, 1.0, 1.0, method.name);
    has_order(&coefficients, method.error, method.error_order, 1.0, 0.0, "error of RDPK3Sp49");
}

#[test]
fn adams_coefficients_are_those_of_the_formula() {
    // At constant steps: Adams–Bashforth in backward differences (H&N&W III.1.7).
    let gamma = [1.0, 1.0 / 2.0, 5.0 / 12.0, 3.0 / 8.0, 251.0 / 720.0, 95.0 / 288.0, 19087.0 / 60480.0];
    let mut coefficients = adams::Coefficients::new();
    for k in [1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6] {
        coefficients.update(0.1, k);
        coefficients.accepted(0.1, k);
    }
    for (i, gamma) in gamma.iter().enumerate() {
        assert!((coefficients.g[i + 1] - gamma).abs() < 1e-14, "g{}: {} and {gamma}", i + 1, coefficients.g[i + 1]);
    }
}

#[test]
fn explicit_stability_ends_where_stated() {
    for method in explicit_methods() {
        let matrix = coefficients(method).alone;
        let size = |x: f64| stability(&matrix, method.b(), Complex(-x, 0.0)).abs();
        let steps = 400;
        let inside = (1..=steps).map(|k| method.real_stability * f64::from(k) / f64::from(steps));
        assert!(inside.into_iter().all(|x| size(x) <= 1.0), "{} is unstable inside its limit", method.name);
        let beyond = 1.1 * method.real_stability;
        assert!(size(beyond) > 1.0, "{} is stable at {beyond}, beyond its limit", method.name);
    }
}
