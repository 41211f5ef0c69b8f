//! Methods for x'' = g(t, x): the order conditions of the Nyström pair over all special Nyström trees, measured slopes,
//! energy that does not drift, how the structure is found in models, and what is refused.

use rhapsode::Model;
use rhapsode::solve::methods::dprkn6::{A, B, C, DENSE, Dprkn6, ERROR_V, ERROR_X, STAGES};
use rhapsode::solve::methods::symplectic_method;
use rhapsode::solve::problem::Problem;
use rhapsode::solve::stepper::Stepper;
use rhapsode::solve::symplectic::SymplecticStepper;
use rhapsode::solve::{Method, Options, Save, Tolerance};
use rhapsode::system::ClosureSystem;

/// A special Nyström tree (H&N&W II.14): a node whose children are velocities (so many) and further trees.
#[derive(Clone)]
struct Tree(u32, Vec<Tree>);

impl Tree {
    /// The power of c that the tree's weight is on the exact solution.
    fn power(&self) -> u32 {
        self.0 + self.1.iter().map(|child| child.power() + 2).sum::<u32>()
    }

    /// Its factor there: x from x'' = c^q is c^(q+2)/((q+1)(q+2)).
    fn factor(&self) -> f64 {
        let child = |t: &Tree| t.factor() / f64::from((t.power() + 1) * (t.power() + 2));
        self.1.iter().map(child).product()
    }

    /// Its weight at every stage.
    fn weight(&self) -> [f64; STAGES] {
        let mut product = C.map(|c| c.powi(self.0 as i32));
        for child in &self.1 {
            let inner = child.weight();
            for (i, value) in product.iter_mut().enumerate() {
                *value *= A[i].iter().zip(&inner).map(|(a, x)| a * x).sum::<f64>();
            }
        }
        product
    }
}

/// All trees of exactly this power.
fn trees(power: u32) -> Vec<Tree> {
    fn rec(left: u32, known: &[Tree], from: usize, chosen: &mut Vec<Tree>, found: &mut Vec<Tree>) {
        found.push(Tree(left, chosen.clone()));
        for (k, tree) in known.iter().enumerate().skip(from) {
            if tree.power() + 2 <= left {
                chosen.push(tree.clone());
                rec(left - tree.power() - 2, known, k, chosen, found);
                chosen.pop();
            }
        }
    }
    let known: Vec<Tree> = (0..power.saturating_sub(1)).flat_map(trees).collect();
    let mut found = Vec::new();
    rec(power, &known, 0, &mut Vec::new(), &mut found);
    found
}

/// The largest defect of a condition of this power for weights of v or (twice integrated) of x, at θ.
fn defect(b: &[f64], position: bool, power: u32, theta: f64, target: f64) -> f64 {
    let exact = |tree: &Tree| {
        let (q, factor) = (power as i32, tree.factor());
        if position {
            factor * theta.powi(q + 2) / f64::from((q + 1) * (q + 2))
        } else {
            factor * theta.powi(q + 1) / f64::from(q + 1)
        }
    };
    let one = |tree: Tree| {
        let sum: f64 = b.iter().zip(tree.weight()).map(|(b, w)| b * w).sum();
        (sum - target * exact(&tree)).abs()
    };
    trees(power).into_iter().map(one).fold(0.0, f64::max)
}

/// Conditions up to `most` are met, one behind is not.
fn meets(b: &[f64], position: bool, most: u32, theta: f64, target: f64, what: &str) {
    for power in 0..=most {
        let defect = defect(b, position, power, theta, target);
        assert!(defect < 2e-14, "{what}, θ = {theta}: power {power} is missed by {defect:e}");
    }
    let next = defect(b, position, most + 1, theta, target);
    assert!(next > 1e-7, "{what}, θ = {theta}: power {} is met too", most + 1);
}

#[test]
fn nystrom_trees_are_all_there() {
    // H&N&W II.14, table 14.3: 1, 1, 2, 3, 6, 10, 20 special Nyström trees.
    let counts: Vec<usize> = (0..7).map(|power| trees(power).len()).collect();
    assert_eq!(counts, [1, 1, 2, 3, 6, 10, 20]);
    for (i, row) in A.iter().enumerate() {
        assert!((row.iter().sum::<f64>() - 0.5 * C[i] * C[i]).abs() < 1e-15, "stage {i}");
    }
}

#[test]
fn dprkn6_has_its_orders() {
    // Order p: x up to power p − 2, v up to p − 1.
    let mut x = A[STAGES - 1].to_vec();
    x.push(0.0);
    meets(&x, true, 4, 1.0, 1.0, "x");
    meets(&B, false, 5, 1.0, 1.0, "v");
    meets(&ERROR_X, true, 2, 1.0, 0.0, "error of x");
    meets(&ERROR_V, false, 3, 1.0, 0.0, "error of v");
    for theta in [0.2, 0.5, 0.8, 1.0] {
        let position = DENSE.map(|row| (0..5).map(|j| row[j] * f64::powi(theta, j as i32 + 2)).sum::<f64>());
        let velocity =
            DENSE.map(|row| (0..5).map(|j| row[j] * (j + 2) as f64 * f64::powi(theta, j as i32 + 1)).sum::<f64>());
        if theta < 1.0 {
            meets(&position, true, 4, theta, 1.0, "dense x");
            meets(&velocity, false, 4, theta, 1.0, "dense v");
        }
        if theta == 1.0 {
            // At the end it is the solution.
            assert!(position.iter().zip(&x).chain(velocity.iter().zip(&B)).all(|(a, b)| (a - b).abs() < 1e-14));
        }
    }
}

/// x1'' = −x1 + sin-driven coupling with a known solution: x1 = exp(sin t), x2 = cos t.
fn driven() -> ClosureSystem {
    ClosureSystem::new(4, 0, |t, y, _, dy| {
        let (s, c) = t.sin_cos();
        (dy[0], dy[1]) = (y[2], y[3]);
        // x1'' = (cos² − sin) exp(sin t), made nonlinear; x2'' = −cos t.
        dy[2] = (c * y[1] - s) * y[0] + (y[0] - s.exp()) * y[1];
        dy[3] = -y[1] * y[0] * (-s).exp();
    })
    .with_velocities(&[(0, 2), (1, 3)])
}

fn exact(t: f64) -> [f64; 4] {
    let (s, c) = t.sin_cos();
    [s.exp(), c, c * s.exp(), -s]
}

/// Largest errors at the ends of `steps` steps over (0, 2) and in their middles.
fn run(make: &dyn Fn(&Problem) -> Box<dyn Stepper>, steps: u32) -> (f64, f64) {
    let (system, h) = (driven(), 2.0 / f64::from(steps));
    let mut options = Options::new(0.0, 2.0);
    (options.rtol, options.atol, options.max_step) = (0.9, Tolerance::Scalar(1e6), h);
    let mut problem = Problem::new(&system, &[], &options);
    let mut stepper = make(&problem);
    stepper.start(&mut problem, 0.0, &exact(0.0), h).unwrap();
    let error = |y: &[f64], t: f64| y.iter().zip(exact(t)).map(|(y, e)| (y - e).abs()).fold(0.0, f64::max);
    let (mut ends, mut middles) = (0.0f64, 0.0f64);
    while stepper.t() < 2.0 {
        let before = stepper.t();
        stepper.step(&mut problem, 2.0).unwrap();
        ends = ends.max(error(stepper.y(), stepper.t()));
        let middle = 0.5 * (before + stepper.t());
        let mut y = [0.0; 4];
        stepper.interpolate(&mut problem, middle, &mut y);
        middles = middles.max(error(&y, middle));
    }
    (ends, middles)
}

#[test]
fn methods_show_their_order() {
    for (method, order, dense, steps) in [
        (Method::Verlet, 2.0, 2.0, 100),
        (Method::McLachlan4, 4.0, 4.0, 40),
        (Method::KahanLi6, 6.0, 5.0, 20),
        (Method::KahanLi8, 8.0, 5.0, 10),
        (Method::Dprkn6, 6.0, 5.0, 20),
    ] {
        let make = |problem: &Problem| -> Box<dyn Stepper> {
            match symplectic_method(method) {
                Some(constants) => Box::new(SymplecticStepper::new(constants, problem).unwrap()),
                None => Box::new(Dprkn6::new(problem).unwrap()),
            }
        };
        let (a, b) = (run(&make, steps), run(&make, 2 * steps));
        let (slope, inside) = ((a.0 / b.0).log2(), (a.1 / b.1).log2());
        println!("{}: slope {slope:.2} ({:.1e} {:.1e}), inside {inside:.2}", method.name(), a.0, b.0);
        assert!(slope > order - 0.2, "{}: slope {slope}", method.name());
        assert!(inside > dense - 0.2, "{}: slope {inside} inside", method.name());
    }
}

const KEPLER: &str = "init x = 0.5, x' = 0, y = 0, y' = sqrt(3)\n\
    x'' = -x/(x^2 + y^2)^1.5\ny'' = -y/(x^2 + y^2)^1.5\n";

#[test]
fn symplectic_methods_keep_the_energy_and_others_lose_it() {
    let compiled = Model::parse(KEPLER).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    let energy = |s: &rhapsode::solve::Solution, k: usize| {
        let at = |name: &str| s.column(name).unwrap()[k];
        let (x, y, u, v) = (at("x"), at("y"), at("x'"), at("y'"));
        0.5 * (u * u + v * v) - 1.0 / x.hypot(y)
    };
    // The largest deviation over a quarter of the run, first and last: a drift would show as growth.
    let spread = |method: Method, h: f64| {
        let run = compiled.problem().span(0.0..800.0).method(method).first_step(h).save(Save::Steps);
        let s = run.solve().unwrap_or_else(|e| panic!("{}: {e}", method.name()));
        let (n, e0) = (s.len(), energy(&s, 0));
        let most = |from: usize, to: usize| (from..to).map(|k| (energy(&s, k) - e0).abs()).fold(0.0, f64::max);
        (most(0, n / 4), most(3 * n / 4, n))
    };
    for (method, h, size) in [
        (Method::Verlet, 0.02, 1e-1),
        (Method::McLachlan4, 0.02, 1e-2),
        (Method::KahanLi6, 0.05, 1e-4),
        (Method::KahanLi8, 0.05, 1e-5),
    ] {
        let (first, last) = spread(method, h);
        println!("{}: energy {first:.1e}, then {last:.1e}", method.name());
        assert!(first < size && last < 1.2 * first + 1e-12, "{}: {first:e} {last:e}", method.name());
    }
    // Contrast, so that the test can fail: an explicit method of higher order at a loose tolerance drifts.
    let (first, last) = spread(Method::Tsit5, 0.02);
    assert!(last > 2.0 * first, "Tsit5: {first:e} {last:e}");
}

#[test]
fn the_nystrom_pair_reaches_what_is_asked_for_with_fewer_evaluations() {
    let compiled = Model::parse(KEPLER).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    let period = 2.0 * std::f64::consts::PI;
    let run = |method: Method, rtol: f64| {
        let s = compiled.problem().span(0.0..10.0 * period).method(method).rtol(rtol).atol(rtol).solve().unwrap();
        let last = s.last();
        let error = last.iter().zip([0.5, 0.0, 0.0, 3f64.sqrt()]);
        let names: Vec<String> = (0..4).map(|k| s.state_names().get(k)).collect();
        assert_eq!(names, ["x", "x'", "y", "y'"]);
        (error.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max), s.statistics.rhs)
    };
    let (loose, _) = run(Method::Dprkn6, 1e-6);
    let (tight, evaluations) = run(Method::Dprkn6, 1e-9);
    let (other, more) = run(Method::Tsit5, 1e-10);
    println!("{loose:.1e} {tight:.1e} in {evaluations}; Tsit5 {other:.1e} in {more}");
    assert!(tight < 1e-7 && tight < loose * 1e-2, "{loose:e} {tight:e}");
    assert!(tight < other && evaluations < more, "{evaluations} {more}");
}

#[test]
fn structure_is_found_in_arrays_and_through_names() {
    let chain = "const N = 5\nindex i = 1..N\ninit q[i] = sin(i), v[i] = 0\nq[i]' = v[i]\nv[1]' = q[2] - 2*q[1]\n\
        v[N]' = q[N-1] - 2*q[N]\nv[i]' = q[i-1] - 2*q[i] + q[i+1] for i in 2..N-1\n";
    let compiled = Model::parse(chain).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    let pairs = compiled.system().second_order().unwrap();
    assert_eq!(pairs.to_vec(), (0..5).map(|k| (k, k + 5)).collect::<Vec<_>>());
    // x' = v, v' = x: the first is the position.
    let compiled = Model::parse("init v = 0, x = 1\nv' = x\nx' = v\n").unwrap().compile().unwrap();
    assert_eq!(compiled.system().second_order().unwrap().to_vec(), [(0, 1)]);
}

#[test]
fn other_systems_are_refused_by_name() {
    for (text, words) in [
        ("init x = 1\nx' = -x\n", "x is neither a position"),
        ("init x = 1, x' = 0\nx'' = -x - 0.1*x'\n", "the derivative of x' depends on the velocity x'"),
        ("init x = 1, v = 0, w = 0\nx' = v\nv' = w\nw' = -x\n", "neither a position"),
        ("init x = 1, v = 0\nx' = 2*v\nv' = -x\n", "neither a position"),
    ] {
        let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
        for method in Method::ALL.iter().filter(|method| method.is_second_order()) {
            let error = compiled.problem().span(0.0..1.0).method(*method).first_step(0.1).solve().unwrap_err();
            let error = error.to_string();
            assert!(error.contains(words) && error.contains("DOP853") && error.contains(method.name()), "{error}");
        }
    }
    let compiled = Model::parse(KEPLER).unwrap().compile().unwrap();
    let error = compiled.problem().span(0.0..1.0).method(Method::Verlet).solve().unwrap_err().to_string();
    assert!(error.contains("first_step"), "{error}");
}
