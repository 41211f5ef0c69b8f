//! Ten thousand trajectories in lanes against the same one by one, on one core: `cargo bench --bench ensembles`.
//!
//! The last columns are the same in single precision, at rtol 1e-4, against lanes in double precision.
//! All ways take turns in one process, so that their ratio can be trusted where the times cannot. What each trajectory
//! ends at is compared bit for bit on the way. `-- NAME` runs one of the problems only.
//!
//! `-- --lanes NAME METHOD RTOL RUNS` runs lanes alone, for a profile, or to have instructions counted.
//!
//! `-- --abreast` compares runs whose steps alone go side by side (events, switches, `auto`) with the same one by one.
//!
//! `-- --peers FOLDER` writes problems, members and references for `benches/peers/ensembles.py`, and prints what Rhapsode takes
//! for them, in its form.

use std::time::Instant;

use rhapsode::solve::{Abreast, Lanes, Member, Method, Number, Options, Precision, Save, Tolerance, integrate};
use rhapsode::system::System;
use rhapsode::{Compiled, Model};

/// Trajectories of a run, runs of each way.
const COUNT: usize = 10_000;
const RUNS: usize = 5;

/// Name, equations, end, method, rtol and atol.
const PROBLEMS: [(&str, &str, f64, Method, f64, f64); 7] = [
    ("lorenz", LORENZ, 1.0, Method::Dop853, 1e-6, 1e-8),
    ("lorenz, loose", LORENZ, 1.0, Method::Tsit5, 1e-4, 1e-6),
    ("lorenz, series", LORENZ, 1.0, Method::Taylor, 1e-6, 1e-8),
    ("functions", FUNCTIONS, 1.0, Method::Dop853, 1e-6, 1e-8),
    ("robertson", include_str!("../examples/models/robertson.ode"), 1e5, Method::Rodas5P, 1e-6, 1e-10),
    ("pollution", include_str!("../examples/models/pollution.ode"), 60.0, Method::Rodas5P, 1e-6, 1e-10),
    ("hires", include_str!("../examples/models/hires.ode"), 321.8122, Method::Rodas5P, 1e-6, 1e-10),
];
const LORENZ: &str = "param s = 10, r = 28, b = 8/3\ninit x = 1, y = 0, z = 0\n\
                      x' = s*(y - x)\ny' = x*(r - z) - y\nz' = x*y - b*z";
const FUNCTIONS: &str = "param a = 1, b = 2\ninit x = 1, y = 0, z = 0\n\
                         x' = sin(a*y) - x\ny' = exp(-x*x) - b*y\nz' = log(1 + x*x) - tanh(z)";

/// The same of models between whose steps something happens.
const BETWEEN: [(&str, &str, f64, Method, f64, f64); 6] = [
    ("bouncing ball", BALL, 2.5, Method::Tsit5, 1e-6, 1e-8),
    ("switched", SWITCHED, 20.0, Method::Dop853, 1e-6, 1e-8),
    ("lorenz", LORENZ, 1.0, Method::Auto, 1e-6, 1e-8),
    ("robertson", include_str!("../examples/models/robertson.ode"), 1e5, Method::Auto, 1e-6, 1e-10),
    ("pollution", include_str!("../examples/models/pollution.ode"), 60.0, Method::Auto, 1e-6, 1e-10),
    ("algebraic", ALGEBRAIC, 10.0, Method::Rodas5P, 1e-6, 1e-8),
];
const BALL: &str = "param g = 9.81, c = 0.8\ninit h = 1, v = 0\nh' = v\nv' = -g\nwhen h < 0 { h := 0, v := -c*v }";
const SWITCHED: &str = "param k = 2, m = 0.5\ninit x = 1, v = 0\nx' = v\nv' = if x > 0 then -k*x else -m*x";
const ALGEBRAIC: &str = "param k = 1\ninit x = 1, z = 0.7\nx' = -k*z\n0 = z^3 + z - x";

fn compile(text: &str) -> Compiled {
    let model = Model::parse(text).unwrap_or_else(|errors| panic!("{errors}"));
    model.compile().unwrap_or_else(|error| panic!("{error}"))
}

/// Parameters moved by up to a tenth.
fn moved_parameters(compiled: &Compiled) -> Vec<Vec<f64>> {
    let values = compiled.problem().parameter_values().unwrap_or_else(|error| panic!("{error}"));
    let mut state = 7u64;
    let mut moved = |x: &f64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        x * (0.9 + 0.2 * (state >> 11) as f64 / (1u64 << 53) as f64)
    };
    (0..COUNT).map(|_| values.iter().map(&mut moved).collect()).collect()
}

/// The trajectories with these parameters.
fn members(compiled: &Compiled) -> Vec<Member> {
    let one = |(number, values): (usize, Vec<f64>)| {
        let p = compiled.bind(&values);
        Member { number, y: compiled.initial(0.0, &p), p }
    };
    moved_parameters(compiled).into_iter().enumerate().map(one).collect()
}

/// Least microseconds per trajectory.
fn least(best: f64, since: Instant) -> f64 {
    best.min(since.elapsed().as_secs_f64() / COUNT as f64 * 1e6)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--peers") {
        return peers::write(std::path::Path::new(arguments.get(place + 1).map_or("target/peers/ensembles", |s| s)));
    }
    if let Some(place) = arguments.iter().position(|argument| argument == "--lanes") {
        return lanes_alone(&arguments[place + 1..]);
    }
    if arguments.iter().any(|argument| argument == "--abreast") {
        return abreast();
    }
    let only: Vec<String> = arguments.into_iter().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    println!(
        "{:<14} {:<8} {:>6} {:>12} {:>12} {:>6} {:>12} {:>12} {:>6}",
        "problem", "method", "steps", "alone, µs", "lanes, µs", "ratio", "1e-4, µs", "f32, µs", "ratio"
    );
    for (name, text, end, method, rtol, atol) in PROBLEMS {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        let compiled = compile(text);
        let system = compiled.system();
        let members = members(&compiled);
        let mut options = Options::new(0.0, end);
        (options.method, options.rtol, options.atol) = (method, rtol, Tolerance::Scalar(atol));
        options.save = Save::At(vec![end]);
        let (mut alone, mut together, mut double, mut single) =
            (f64::INFINITY, f64::INFINITY, f64::INFINITY, f64::INFINITY);
        let (mut steps, mut ends) = (0, vec![Vec::new(); COUNT]);
        let mut loose = options.clone();
        (loose.rtol, loose.atol) = (1e-4, Tolerance::Scalar(atol * (1e-4 / rtol)));
        let mut rounded = loose.clone();
        rounded.precision = Precision::Single;
        for _ in 0..RUNS {
            let since = Instant::now();
            steps = 0;
            for (member, end) in members.iter().zip(&mut ends) {
                let solution = integrate(system, &member.y, &member.p, &options).unwrap_or_else(|e| panic!("{e}"));
                steps += solution.statistics.steps + solution.statistics.rejected;
                *end = solution.last();
            }
            alone = least(alone, since);
            let since = Instant::now();
            let found = in_lanes::<f64>(system, &options, &members);
            together = least(together, since);
            assert!(found == ends, "{name}: a trajectory is not what it is alone");
            let since = Instant::now();
            in_lanes::<f64>(system, &loose, &members);
            double = least(double, since);
            let since = Instant::now();
            in_lanes::<f32>(system, &rounded, &members);
            single = least(single, since);
        }
        let (steps, ratio, gain) = (steps as f64 / COUNT as f64, alone / together, double / single);
        println!(
            "{name:<14} {:<8} {steps:>6.1} {alone:>12.3} {together:>12.3} {ratio:>6.2} {double:>12.3} {single:>12.3} {gain:>6.2}",
            method.name()
        );
    }
}

/// Runs between whose steps something happens, by both ways in turns.
fn abreast() {
    println!("{:<14} {:<8} {:>12} {:>12} {:>6}", "problem", "method", "alone, µs", "abreast, µs", "ratio");
    for (name, text, end, method, rtol, atol) in BETWEEN {
        let compiled = compile(text);
        let system = compiled.system();
        let members = &members(&compiled)[..COUNT / 10];
        let mut options = Options::new(0.0, end);
        (options.method, options.rtol, options.atol) = (method, rtol, Tolerance::Scalar(atol));
        options.save = Save::At(vec![end]);
        let (mut alone, mut together) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..RUNS {
            let since = Instant::now();
            let expected = one_by_one(system, &options, members);
            alone = least(alone, since);
            let since = Instant::now();
            let mut lanes = Abreast::new(system, &options).unwrap_or_else(|reason| panic!("{reason}"));
            let (mut rest, mut ends) = (members.iter().cloned(), vec![Vec::new(); members.len()]);
            lanes.run(&mut || rest.next(), &mut |number, result| {
                ends[number] = result.unwrap_or_else(|e| panic!("{e}")).last();
            });
            together = least(together, since);
            assert!(ends == expected, "{name}: a trajectory is not what it is alone");
        }
        let share = COUNT as f64 / members.len() as f64;
        let (alone, together) = (share * alone, share * together);
        println!("{name:<14} {:<8} {alone:>12.3} {together:>12.3} {:>6.2}", method.name(), alone / together);
    }
}

/// Runs one problem in lanes only, and says how long it takes.
fn lanes_alone(arguments: &[String]) {
    let [name, method, rtol, runs] = arguments else { panic!("expected NAME METHOD RTOL RUNS") };
    let found = PROBLEMS.iter().find(|(problem, ..)| problem == name);
    let &(_, text, end, _, own_rtol, atol) = found.unwrap_or_else(|| panic!("no problem {name}"));
    let compiled = compile(text);
    let members = members(&compiled);
    let mut options = Options::new(0.0, end);
    options.method = Method::find(method).unwrap_or_else(|| panic!("no method {method}"));
    options.rtol = rtol.parse().unwrap_or_else(|e| panic!("{rtol}: {e}"));
    options.atol = Tolerance::Scalar(atol * (options.rtol / own_rtol));
    options.save = Save::At(vec![end]);
    let mut best = f64::INFINITY;
    for _ in 0..runs.parse().unwrap_or_else(|e| panic!("{runs}: {e}")) {
        // So few at a time that some of the times are those of a processor that does nothing else.
        for part in members.chunks(500) {
            let since = Instant::now();
            let mut lanes = Lanes::<f64>::new(compiled.system(), &options).unwrap_or_else(|reason| panic!("{reason}"));
            let mut rest = part.iter().cloned();
            lanes.run(&mut || rest.next(), &mut |_, result| {
                std::hint::black_box(result.unwrap_or_else(|e| panic!("{e}")).last());
            });
            best = best.min(since.elapsed().as_secs_f64() / part.len() as f64 * 1e6);
        }
    }
    println!("{name} {} {rtol}: {best:.3} µs", options.method.name());
}

/// Where all end, one after the other.
fn one_by_one(system: &dyn System, options: &Options, members: &[Member]) -> Vec<Vec<f64>> {
    let run =
        |member: &Member| integrate(system, &member.y, &member.p, options).unwrap_or_else(|e| panic!("{e}")).last();
    members.iter().map(run).collect()
}

/// Where all end, in lanes.
fn in_lanes<T: Number>(system: &dyn System, options: &Options, members: &[Member]) -> Vec<Vec<f64>> {
    let mut lanes = Lanes::<T>::new(system, options).unwrap_or_else(|reason| panic!("{reason}"));
    let (mut rest, mut ends) = (members.iter().cloned(), vec![Vec::new(); COUNT]);
    lanes.run(&mut || rest.next(), &mut |number, result| {
        ends[number] = result.unwrap_or_else(|e| panic!("{e}")).last();
    });
    ends
}

mod peers {
    //! What `benches/peers/ensembles.py` needs, and what Rhapsode takes for the same.

    use super::*;
    use serde_json::json;
    use std::fs;
    use std::path::Path;

    const TOLERANCES: [f64; 6] = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9];
    /// The places of the problems among [`PROBLEMS`], whether they are stiff, and atol/rtol.
    const CHOSEN: [(usize, bool, f64); 3] = [(0, false, 1e-2), (4, true, 1e-6), (5, true, 1e-10)];

    pub fn write(folder: &Path) {
        for (place, stiff, proportion) in CHOSEN {
            let (name, text, end, ..) = PROBLEMS[place];
            let compiled = compile(text);
            let (members, parameters) = (members(&compiled), moved_parameters(&compiled));
            let mut options = Options::new(0.0, end);
            options.method = if stiff { Method::Radau } else { Method::Vern9 };
            (options.rtol, options.atol) = (1e-13, Tolerance::Scalar(1e-13 * proportion));
            options.save = Save::At(vec![end]);
            let exact = one_by_one(compiled.system(), &options, &members);
            let own = folder.join(name);
            fs::create_dir_all(&own).unwrap_or_else(|e| panic!("{}: {e}", own.display()));
            let rows = members.iter().zip(&parameters).zip(&exact).map(|((member, parameters), exact)| {
                let numbers = member.y.iter().chain(parameters).chain(exact);
                numbers.map(|x| format!("{x:?}")).collect::<Vec<_>>().join(",")
            });
            let rows: Vec<String> = rows.collect();
            let (aux, equations) = statements(text);
            let states = names(&compiled.model().states());
            let equation = |state: &String| &equations.iter().find(|(left, _)| left == state).expect("an equation").1;
            let equations: Vec<&String> = states.iter().map(equation).collect();
            let table = json!({
                "name": name, "end": end, "stiff": stiff, "atol_over_rtol": proportion, "aux": aux,
                "states": states, "parameters": names(&compiled.model().parameters()),
                "equations": equations,
            });
            for (file, content) in [("members.csv", rows.join("\n") + "\n"), ("problem.json", table.to_string())] {
                fs::write(own.join(file), content).unwrap_or_else(|e| panic!("{file}: {e}"));
            }
            let (methods, alone): (&[Method], &[Method]) = if stiff {
                (&[Method::Rodas4, Method::Rodas5P], &[Method::Rodas5P, Method::Radau])
            } else {
                (&[Method::Tsit5, Method::Dop853, Method::Vern9, Method::Taylor], &[Method::Dop853, Method::Taylor])
            };
            for method in alone {
                for rtol in TOLERANCES {
                    (options.method, options.rtol, options.atol) =
                        (*method, rtol, Tolerance::Scalar(rtol * proportion));
                    report(&format!("{name},{} alone,{rtol:e}", method.name()), &exact, || {
                        one_by_one(compiled.system(), &options, &members)
                    });
                }
            }
            for method in methods {
                for rtol in TOLERANCES {
                    (options.method, options.rtol, options.atol) =
                        (*method, rtol, Tolerance::Scalar(rtol * proportion));
                    report(&format!("{name},{} lanes,{rtol:e}", method.name()), &exact, || {
                        in_lanes::<f64>(compiled.system(), &options, &members)
                    });
                    if rtol >= 1e-5 {
                        let mut rounded = options.clone();
                        rounded.precision = Precision::Single;
                        report(&format!("{name},{} f32 lanes,{rtol:e}", method.name()), &exact, || {
                            in_lanes::<f32>(compiled.system(), &rounded, &members)
                        });
                    }
                }
            }
        }
    }

    /// One line: the least time of some runs, and the error of the last.
    fn report(what: &str, exact: &[Vec<f64>], run: impl Fn() -> Vec<Vec<f64>>) {
        let (mut best, mut ends) = (f64::INFINITY, Vec::new());
        for _ in 0..3 {
            let since = Instant::now();
            ends = run();
            best = least(best, since);
        }
        let most = |k: usize| exact.iter().map(|row| row[k].abs()).fold(0.0, f64::max);
        let mut error = 0.0f64;
        for k in 0..exact[0].len() {
            let floor = 1e-9 * most(k);
            let shares = ends.iter().zip(exact).map(|(a, b)| (a[k] - b[k]).abs() / b[k].abs().max(floor));
            error = shares.fold(error, f64::max);
        }
        println!("{what},{best:.3},{error:.2e}");
    }

    fn names(names: &rhapsode::system::Names) -> Vec<String> {
        (0..names.len()).map(|k| names.get(k)).collect()
    }

    /// Names and right sides.
    type Statements = Vec<(String, String)>;

    /// The lines `name = …` and `name' = …` of a model.
    fn statements(text: &str) -> (Statements, Statements) {
        let (mut aux, mut equations) = (Vec::new(), Vec::new());
        for (left, right) in text.lines().filter_map(|line| line.split_once('=')) {
            let (left, right) = (left.trim(), right.split('#').next().unwrap_or(right).trim().to_string());
            match left.strip_suffix('\'') {
                Some(state) => equations.push((state.to_string(), right)),
                None if left.chars().all(char::is_alphanumeric) => aux.push((left.to_string(), right)),
                None => {}
            }
        }
        (aux, equations)
    }
}
