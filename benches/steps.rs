//! Whole steps as one kernel against the same steps stage by stage, in one run: `cargo bench --bench steps`.
//!
//! Also `cargo bench --bench steps -- --profile NAME METHOD`: solves one problem often, for callgrind.

use criterion::{Criterion, criterion_group};
use rhapsode::solve::{Method, Options, Save, Tolerance, integrate};
use rhapsode::system::System;
use rhapsode::{Compiled, Model};

#[path = "../tests/common/plain.rs"]
mod plain;
use plain::Plain;

/// Name, equations, span, and whether it is stiff.
const PROBLEMS: [(&str, &str, f64, bool); 9] = [
    ("lotka-volterra", "init x = 1, y = 1\nx' = 1.5*x - x*y\ny' = x*y - 3*y", 10.0, false),
    ("lorenz", "init x = 1, y = 0, z = 0\nx' = 10*(y - x)\ny' = x*(28 - z) - y\nz' = x*y - 8/3*z", 10.0, false),
    (
        "arenstorf",
        "const m = 0.012277471, q = 1 - m\n\
         init x = 0.994, y = 0, x' = 0, y' = -2.00158510637908252240537862224\n\
         d = ((x + m)^2 + y^2)^1.5\ne = ((x - q)^2 + y^2)^1.5\n\
         x'' = x + 2*y' - q*(x + m)/d - m*(x - q)/e\ny'' = y - 2*x' - q*y/d - m*y/e",
        17.065_216_560_157_962_558_891_720_6,
        false,
    ),
    ("rigid body", "init a = 0, b = 1, c = 1\na' = b*c\nb' = -a*c\nc' = -0.51*a*b", 12.0, false),
    ("fitzhugh-nagumo", "init v = -1, w = 1\nv' = v - v^3/3 - w + 0.5\nw' = 0.08*(v + 0.7 - 0.8*w)", 100.0, false),
    ("robertson", include_str!("../examples/models/robertson.ode"), 1e11, true),
    ("van der pol 1e3", "init x = 2, y = 0\nx' = y\ny' = 1e3*(1 - x^2)*y - x", 2000.0, true),
    ("oregonator", include_str!("../examples/models/oregonator.ode"), 360.0, true),
    ("hires", include_str!("../examples/models/hires.ode"), 321.8122, true),
];

fn compile(text: &str) -> Compiled {
    let model = Model::parse(text).unwrap_or_else(|errors| panic!("{errors}"));
    model.compile().unwrap_or_else(|error| panic!("{error}"))
}

struct Run {
    compiled: Compiled,
    y: Vec<f64>,
    p: Vec<f64>,
    options: Options<'static>,
}

impl Run {
    fn new(text: &str, end: f64, method: Method, rtol: f64) -> Self {
        let compiled = compile(text);
        let values = compiled.problem().parameter_values().unwrap_or_else(|e| panic!("{e}"));
        let p = compiled.bind(&values);
        let y = compiled.initial(0.0, &p);
        let mut options = Options::new(0.0, end);
        options.method = method;
        options.rtol = rtol;
        options.atol = Tolerance::Scalar(1e-2 * rtol);
        options.save = Save::At(vec![end]);
        Run { compiled, y, p, options }
    }

    fn solve(&self, system: &dyn System) -> u64 {
        let solution = integrate(system, &self.y, &self.p, &self.options).unwrap_or_else(|e| panic!("{e}"));
        solution.statistics.steps + solution.statistics.rejected
    }
}

fn methods(stiff: bool) -> &'static [Method] {
    if stiff { &[Method::Rodas5P] } else { &[Method::Dop853, Method::Tsit5] }
}

fn solves(c: &mut Criterion) {
    for (name, text, end, stiff) in PROBLEMS {
        for method in methods(stiff) {
            let run = Run::new(text, end, *method, 1e-6);
            let system = run.compiled.system();
            // Native code is there after a few runs.
            let steps = (0..40).map(|_| run.solve(system)).sum::<u64>() / 40;
            let mut group = c.benchmark_group(format!("{name}, {}, {steps} steps", method.name()));
            group.bench_function("whole", |b| b.iter(|| run.solve(system)));
            group.bench_function("by stages", |b| b.iter(|| run.solve(&Plain(system))));
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_millis(400))
        .warm_up_time(std::time::Duration::from_millis(100));
    targets = solves
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|a| a == "--profile") {
        let (name, method) = (&arguments[at + 1], Method::find(&arguments[at + 2]).unwrap_or(Method::Auto));
        let times = arguments.get(at + 3).and_then(|n| n.parse().ok()).unwrap_or(1_000);
        let Some((_, text, end, _)) = PROBLEMS.iter().find(|(known, ..)| known == name) else { return };
        let run = Run::new(text, *end, method, 1e-6);
        let steps: u64 = (0..times).map(|_| run.solve(run.compiled.system())).sum();
        println!("{steps} steps");
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
