//! Derivatives of a run beside the run itself: HIRES by its twelve rates, carried along and by a sweep back, and an estimate
//! of its error, over the plain run, method by method. Run: `cargo bench --bench sensitivities`; ratios of the fastest of many runs, taken in turn.
//!
//! `cargo bench --bench sensitivities -- --profile RUNS METHOD` carries along so often, for callgrind, `-- --plain RUNS METHOD` runs
//! alone (valgrind has no AVX-512: that counts what other processors do); `-- --memory STEPS` goes back
//! through a long run of Lorenz' equations and says how much memory the process has taken at most (Linux); `-- --parameters` what a
//! gradient by ten thousand rates costs.

use std::hint::black_box;
use std::time::Instant;

use rhapsode::solve::{Method, Save};
use rhapsode::{Compiled, Model, Problem, Way};

const MODEL: &str = concat!(
    include_str!("../tests/common/hires_rates.ode"),
    "solve t = 0..321.8122 { rtol = 1e-6, atol = 1e-9, save = 10 }"
);

const NAMES: [&str; 12] = ["k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11", "k12"];

fn problem(compiled: &Compiled, method: Method) -> Problem<'_> {
    compiled.problem().method(method)
}

/// Seconds.
fn once(call: impl FnOnce()) -> f64 {
    let start = Instant::now();
    call();
    start.elapsed().as_secs_f64()
}

/// What a gradient by all rates between species costs, up to ten thousand of them, in plain runs, and one by a single rate.
fn parameters() {
    for species in [3, 10, 32, 100] {
        let text = format!(
            "
            index i, j = 1..{species}
            param W[i,j] = 0.02 + 0.01*sin(i + 7*j), k = 1
            init x[i] = 1 + 0.5*sin(i)
            x[i]' = sum[j](W[i,j]*x[j]) - 2*k*x[i] - x[i]^2
            objective o = final(sum[i](x[i]^2))
            solve t = 0..10 {{ rtol = 1e-6 }}
            "
        );
        let compiled =
            Model::parse(&text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"));
        for method in [Method::Tsit5, Method::Dop853, Method::Rodas5P, Method::Bdf] {
            let [mut plain, mut ratios] = [f64::INFINITY, 0.0].map(|x| [x; 2]);
            for (which, names) in ["k", "W"].into_iter().enumerate() {
                let objective = compiled.objective(None, None, &[names]).unwrap_or_else(|e| panic!("{e}"));
                let objective = objective.method(method).way(Way::Adjoint);
                let at = objective.point().unwrap_or_else(|e| panic!("{e}"));
                let (mut gradient, mut best) = (vec![0.0; at.len()], f64::INFINITY);
                // Functions for whole steps are interpreted until compiling them pays.
                let begun = Instant::now();
                while begun.elapsed().as_secs_f64() < 0.3 {
                    _ = black_box(objective.value(&at));
                    _ = black_box(objective.value_and_gradient(&at, &mut gradient));
                }
                for _ in 0..20 {
                    plain[which] = plain[which].min(once(|| _ = black_box(objective.value(&at))));
                    best = best.min(once(|| _ = black_box(objective.value_and_gradient(&at, &mut gradient))));
                }
                ratios[which] = best / plain[which];
            }
            let (name, micros, rates) = (method.name(), plain[0] * 1e6, species * species);
            let [one, all] = ratios;
            println!("{name:8} {micros:9.1} µs; value and gradient by 1 rate {one:.2} ×, by {rates} {all:.2} ×");
        }
    }
}

/// A gradient through so many steps of Lorenz' equations, and the largest size of the process.
fn memory(steps: u32) {
    let text = "
        param s = 10, r = 28, b = 8/3
        init x = 1, y = 1, z = 1
        x' = s*(y - x)
        y' = x*(r - z) - y
        z' = x*y - b*z
    ";
    let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"));
    let end = 1e-3 * f64::from(steps);
    let problem = compiled.problem().span(0.0..end).method(Method::Tsit5).save(Save::At(vec![end]));
    let problem = problem.first_step(1e-3).max_step(1e-3);
    let recorded = problem.record().unwrap_or_else(|e| panic!("{e}"));
    black_box(recorded.pull(&[1.0, 0.0, 0.0]).unwrap_or_else(|e| panic!("{e}")));
    let (taken, bytes) = (recorded.solution().statistics.steps, recorded.bytes());
    println!("{taken} steps take {:.1} MB", bytes as f64 / 1e6);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
}

fn main() {
    let compiled = Model::parse(MODEL).unwrap_or_else(|e| panic!("{e}")).compile().unwrap_or_else(|e| panic!("{e}"));
    let carried = |problem: &Problem| _ = black_box(problem.tangents(&NAMES).unwrap_or_else(|e| panic!("{e}")));
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|a| a == "--parameters") {
        return parameters();
    }
    if let Some(at) = arguments.iter().position(|a| a == "--memory") {
        return memory(arguments.get(at + 1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000));
    }
    if let Some(at) = arguments.iter().position(|a| a == "--profile" || a == "--plain") {
        let count = arguments.get(at + 1).and_then(|n| n.parse().ok()).unwrap_or(100);
        let method = arguments.get(at + 2).and_then(|name| Method::find(name)).unwrap_or(Method::Rodas5P);
        let problem = problem(&compiled, method);
        match arguments[at].as_str() {
            "--plain" => (0..count).for_each(|_| _ = black_box(problem.solve().unwrap_or_else(|e| panic!("{e}")))),
            _ => (0..count).for_each(|_| carried(&problem)),
        }
        return;
    }
    println!("method        steps   plain µs   forward ×   adjoint ×   error ×");
    for method in [
        Method::Auto,
        Method::Rodas5P,
        Method::Rodas4,
        Method::Rosenbrock23,
        Method::KenCarp4,
        Method::Kvaerno5,
        Method::TrBdf2,
        Method::Bdf,
        Method::RadauIIA5,
    ] {
        let problem = problem(&compiled, method);
        let weights = vec![1.0; problem.solve().unwrap_or_else(|e| panic!("{e}")).len() * 8];
        let mut best = [f64::INFINITY; 4];
        for _ in 0..40 {
            let runs = [
                once(|| _ = black_box(problem.solve().unwrap_or_else(|e| panic!("{e}")))),
                once(|| carried(&problem)),
                once(|| {
                    let recorded = problem.record().unwrap_or_else(|e| panic!("{e}"));
                    black_box(recorded.pull(&weights).unwrap_or_else(|e| panic!("{e}")));
                }),
                once(|| _ = black_box(problem.global_error().unwrap_or_else(|e| panic!("{e}")))),
            ];
            best.iter_mut().zip(runs).for_each(|(best, run)| *best = best.min(run));
        }
        let steps = problem.solve().map_or(0, |solution| solution.statistics.steps);
        let [plain, ratios @ ..] = best;
        let [forward, adjoint, error] = ratios.map(|seconds| seconds / plain);
        let (name, micros) = (method.name(), plain * 1e6);
        println!("{name:12} {steps:6} {micros:10.1} {forward:11.1} {adjoint:11.1} {error:9.1}");
    }
}
