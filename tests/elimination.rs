//! Planned eliminations of every kind against dense LU with pivoting, on random patterns; interpreter and native code
//! agree bit for bit; pivots that turn out bad are found out and replaced.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use rhapsode::backend::interpret::Interpreter;
use rhapsode::backend::{CompiledEliminator, host_has_fma};
use rhapsode::kernel::{Target64, lower_elimination, verify};
use rhapsode::linalg::{
    DenseLu, Elimination, Eliminator, HybridEliminator, Kind, Pattern, Shifted, Strategy, TableEliminator,
    plan_for_values,
};

/// An n × n pattern, values and a shift.
#[derive(Clone, Debug)]
struct Case {
    n: usize,
    pairs: Vec<(usize, usize)>,
    seed: u64,
    shift: f64,
}

fn cases() -> impl proptest::strategy::Strategy<Value = Case> {
    (1usize..40).prop_flat_map(|n| {
        (prop::collection::vec((0..n, 0..n), 0..4 * n), any::<u64>(), 0.1f64..30.0)
            .prop_map(move |(pairs, seed, shift)| Case { n, pairs, seed, shift })
    })
}

impl Case {
    fn pattern(&self) -> Pattern {
        Pattern::from_pairs(self.n, self.n, &self.pairs).0
    }

    /// Values in −1 … 1, no two alike.
    fn jacobian(&self, pattern: &Pattern) -> Vec<f64> {
        let mut state = self.seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as f64 / u64::MAX as f64 * 2.0 - 1.0
        };
        (0..pattern.nnz()).map(|_| next()).collect()
    }
}

fn right_side(n: usize) -> Vec<f64> {
    (0..n).map(|k| ((k * 29 + 7) % 13) as f64 - 6.5).collect()
}

/// The solution by dense LU with partial pivoting, if W is not near a singular matrix.
fn dense(pattern: &Pattern, shift: f64, jacobian: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    let n = pattern.nrows();
    let mut lu = DenseLu::new(n);
    for j in 0..n {
        lu.matrix_mut()[j * (n + 1)] += shift;
        for k in pattern.column(j) {
            lu.matrix_mut()[j * n + pattern.rows()[k]] -= jacobian[k];
        }
    }
    let mut x = b.to_vec();
    lu.factor().then(|| lu.solve(&mut x))?;
    x.iter().all(|x| x.abs() < 1e6).then_some(x)
}

fn run(code: &dyn Eliminator, shift: f64, jacobian: &[f64], b: &[f64]) -> (Vec<f64>, Vec<f64>, bool) {
    let (factors, scratch) = code.lengths();
    // What was in the storage must not matter.
    let (mut factors, mut scratch) = (vec![f64::NAN; factors], vec![f64::NAN; scratch]);
    let mut x = vec![f64::NAN; b.len()];
    code.factor(shift, jacobian, &mut factors);
    code.solve(&factors, b, &mut scratch, &mut x);
    let good = code.check(shift, jacobian, &x, b, &mut scratch);
    (x, factors, good)
}

fn compiled<K: rhapsode::backend::Kernels + 'static>(
    plan: &Elimination,
    pattern: &Pattern,
    like: &K,
) -> CompiledEliminator<K> {
    CompiledEliminator::new(plan, pattern, like, Target64 { fma: host_has_fma() }).unwrap()
}

fn empty() -> rhapsode::kernel::program::Program {
    rhapsode::kernel::program::Program::default()
}

fn agrees(case: &Case) -> Result<(), TestCaseError> {
    let pattern = case.pattern();
    let (jacobian, b) = (case.jacobian(&pattern), right_side(case.n));
    let Some(expected) = dense(&pattern, case.shift, &jacobian, &b) else { return Ok(()) };
    let size = expected.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    let mut plans = vec![
        Elimination::plan(&pattern, usize::MAX, true).unwrap(),
        Elimination::plan(&pattern, usize::MAX, false).unwrap(),
    ];
    plans.extend(plan_for_values(&pattern, case.shift, &jacobian, usize::MAX));
    prop_assert_eq!(plans.len(), 3, "a regular matrix has pivots");
    for (number, plan) in plans.iter().enumerate() {
        let program = lower_elimination(plan, &pattern, Target64 { fma: true });
        prop_assert!(verify(&program).is_ok());
        let table = TableEliminator::new(plan, &pattern);
        let interpreted = compiled(plan, &pattern, &Interpreter::new(&empty()).unwrap());
        let mut kinds: Vec<(&str, &dyn Eliminator)> = vec![("table", &table), ("interpreted", &interpreted)];
        let hybrid = HybridEliminator::new(plan, &pattern);
        if plan.blocks.len() == 2 {
            kinds.push(("hybrid", &hybrid));
        }
        for (kind, code) in kinds {
            let (x, _, good) = run(code, case.shift, &jacobian, &b);
            let error = x.iter().zip(&expected).fold(0.0f64, |m, (x, e)| m.max((x - e).abs()));
            // Plans from values have bounded growth; the others may lose digits, but must know it.
            let allowed = 1e-7 * size;
            prop_assert!(!good || error <= allowed, "{} of plan {}: {} {:?}", kind, number, error, case);
            prop_assert!(good || number < 2, "{} of plan {}: not good, {} {:?}", kind, number, error, case);
        }
        #[cfg(feature = "jit")]
        {
            let native = compiled(plan, &pattern, &rhapsode::backend::native::Native::new(&empty()).unwrap());
            let (x, factors, good) = run(&interpreted, case.shift, &jacobian, &b);
            let (nx, nfactors, ngood) = run(&native, case.shift, &jacobian, &b);
            let bits = |list: &[f64]| -> Vec<u64> { list.iter().map(|x| x.to_bits()).collect() };
            prop_assert_eq!(bits(&x), bits(&nx));
            prop_assert_eq!(bits(&factors[..plan.entries()]), bits(&nfactors[..plan.entries()]));
            prop_assert_eq!(good, ngood);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn eliminations_agree_with_dense_lu(case in cases()) {
        agrees(&case)?;
    }

    #[test]
    fn what_shifted_solves_is_solved(mut case in cases(), small in prop::bool::ANY) {
        // Without the shift's help pivots on the diagonal are often bad.
        if small {
            case.shift *= 1e-12;
        }
        let pattern = case.pattern();
        let (jacobian, b) = (case.jacobian(&pattern), right_side(case.n));
        if let Some(expected) = dense(&pattern, case.shift, &jacobian, &b) {
            let size = expected.iter().fold(1.0f64, |m, x| m.max(x.abs()));
            let mut w = Shifted::new(&pattern).unwrap();
            prop_assert!(w.factor(case.shift, &jacobian));
            let mut x = b.clone();
            w.solve(&mut x);
            let error = x.iter().zip(&expected).fold(0.0f64, |m, (x, e)| m.max((x - e).abs()));
            prop_assert!(error <= 1e-6 * size, "{} {:?}", error, case);
        }
    }
}

#[test]
fn a_large_straight_line_program_is_cut_and_agrees() {
    // A grid of 12 × 12 cells, two species: some 20,000 multiply-adds, many pieces.
    let side = 12;
    let at = |s: usize, i: usize, j: usize| (s * side + i) * side + j;
    let mut pairs = Vec::new();
    for i in 0..side {
        for j in 0..side {
            for s in 0..2 {
                pairs.extend([(at(s, i, j), at(s, i, j)), (at(s, i, j), at(1 - s, i, j))]);
                for (k, l) in [(i + 1, j), (i, j + 1)] {
                    if k < side && l < side {
                        pairs.extend([(at(s, i, j), at(s, k, l)), (at(s, k, l), at(s, i, j))]);
                    }
                }
            }
        }
    }
    let case = Case { n: 2 * side * side, pairs, seed: 11, shift: 9.0 };
    agrees(&case).unwrap();
    let plan = Elimination::plan(&case.pattern(), usize::MAX, false).unwrap();
    assert!(plan.multiply_adds > 5_000, "{}", plan.multiply_adds);
}

/// W of this pattern and values, solved by what a system of kernels would use; the sum of the residuals.
fn residual(n: usize, pairs: &[(usize, usize)], shift: f64, value: impl Fn(usize) -> f64) -> (f64, Shifted) {
    let (pattern, places) = Pattern::from_pairs(n, n, pairs);
    let mut jacobian = vec![0.0; pattern.nnz()];
    places.iter().enumerate().for_each(|(k, place)| jacobian[*place] = value(k));
    let strategy = Strategy::new(&pattern, |plan, pattern| {
        let like = Interpreter::new(&empty()).ok()?;
        Some(Arc::new(compiled(plan, pattern, &like)) as Arc<dyn Eliminator>)
    });
    let mut w = Shifted::with(&pattern, &strategy).unwrap();
    assert!(w.factor(shift, &jacobian));
    let b: Vec<f64> = (0..n).map(|k| (k % 7) as f64 - 3.0).collect();
    let mut x = b.clone();
    w.solve(&mut x);
    let mut jx = vec![0.0; n];
    pattern.multiply(&jacobian, &x, &mut jx);
    // A sum, so that NaN stays.
    ((0..n).map(|i| (b[i] - shift * x[i] + jx[i]).abs()).sum(), w)
}

#[test]
fn bad_pivots_are_found_out_and_chosen_anew() {
    // W = [[-2, -1], [-1, 1e-17]] in every pair of unknowns, where the plan takes 1e-17 first: all digits are lost.
    let n = 30;
    let pairs: Vec<_> = (0..n / 2).flat_map(|k| [(2 * k, 2 * k + 1), (2 * k + 1, 2 * k), (2 * k, 2 * k)]).collect();
    let mut pairs = pairs;
    // Joined in a ring, so that the first of each pair costs more to eliminate.
    pairs.extend((0..n / 2).map(|k| (2 * k, (2 * k + 2) % n)));
    let value = |k: usize| if k < 3 * n / 2 { [1.0, 1.0, 2.0][k % 3] } else { 0.25 };
    let (error, w) = residual(n, &pairs, 1e-17, value);
    assert!(!(error > 1e-9), "{error}");
    assert_eq!((w.fallbacks(), w.kind()), (1, Kind::Table.name()));
    // A factor of 10^20 between rows and between columns is no reason to complain.
    let chain: Vec<_> = (0..20).flat_map(|k| [(k, k), ((k + 1) % 20, k)]).collect();
    let (_, w) =
        residual(20, &chain, 1.0, |k| if k % 2 == 0 { -(10f64.powi(k as i32 / 2)) } else { 10f64.powi(k as i32 / 2) });
    assert_eq!((w.fallbacks(), w.kind()), (0, Kind::Straight.name()));
}

#[test]
fn a_singular_matrix_gives_no_numbers() {
    // Rows 0 and 1 of W are equal.
    let pairs = [(0, 1), (1, 0), (0, 0), (1, 1), (2, 2)];
    let (error, w) = residual(3, &pairs, 0.0, |k| [1.0, 1.0, 1.0, 1.0, 2.0][k]);
    assert!(error.is_nan());
    assert_eq!(w.fallbacks(), 1);
    // Not a number in J is not the pivots' fault.
    let (error, w) = residual(3, &pairs, 1.0, |_| f64::NAN);
    assert!(error.is_nan());
    assert_eq!(w.fallbacks(), 0);
}

#[test]
fn planning_is_given_up_where_it_keeps_failing() {
    let (pattern, _) = Pattern::from_pairs(6, 6, &[(0, 1), (1, 0), (2, 3), (3, 2)]);
    let mut w = Shifted::new(&pattern).unwrap();
    for k in 0..12 {
        // Values that ask for one order, then for the other.
        let values = if k % 2 == 0 { [1.0, 1.0, 1.0, 1.0] } else { [1.0, 1e-14, 1.0, 1e-14] };
        assert!(w.factor(if k % 2 == 0 { 1e-17 } else { 1.0 }, &values));
        let mut b = vec![1.0; 6];
        w.solve(&mut b);
        if k % 2 == 0 {
            assert!((b[0] + 1.0).abs() < 1e-9, "{k}: {b:?}");
        } else {
            assert!((b[0] - 1.0).abs() < 1e-9 && (b[1] - 2.0).abs() < 1e-9, "{k}: {b:?}");
        }
    }
}

#[test]
fn the_kind_follows_the_pattern() {
    let kind = |n: usize, pairs: &[(usize, usize)]| rhapsode::linalg::choose(&Pattern::from_pairs(n, n, pairs).0).kind;
    let full = |n: usize| -> Vec<(usize, usize)> { (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).collect() };
    assert_eq!(kind(12, &full(12)), Kind::Straight);
    assert_eq!(kind(90, &full(90)), Kind::Dense);
    let band = |n: usize, w: usize| -> Vec<(usize, usize)> {
        (0..n).flat_map(|j| (j.saturating_sub(w)..(j + w + 1).min(n)).map(move |i| (i, j))).collect()
    };
    assert_eq!(kind(400, &band(400, 2)), Kind::Straight);
    assert_eq!(kind(50_000, &band(50_000, 2)), Kind::Banded);
    let grid = |side: usize| -> Vec<(usize, usize)> {
        let n = side * side;
        (0..n).flat_map(|i| [1, side].into_iter().flat_map(move |d| [(i, (i + d) % n), ((i + d) % n, i)])).collect()
    };
    assert_eq!(kind(45 * 45, &grid(45)), Kind::Hybrid);
    assert_eq!(kind(200 * 200, &grid(200)), Kind::Krylov);
}
