//! `rhapsode sweep` and `rhapsode merge`: what they write, that it depends on nothing but the sweep, and what they refuse.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{DECAY, example, folder, outcome, rhapsode};

/// Runs `rhapsode` with a line of arguments in a folder.
fn told(folder: &Path, line: &str) -> (i32, String, String) {
    outcome(rhapsode().current_dir(folder).args(line.split_whitespace()))
}

/// The same, which must go well.
fn good(folder: &Path, line: &str) -> String {
    let (code, out, err) = told(folder, line);
    assert_eq!(code, 0, "{line}: {err}");
    out
}

/// A folder with a model in it.
fn with(text: &str) -> tempfile::TempDir {
    let folder = folder();
    std::fs::write(folder.path().join("m.ode"), text).unwrap();
    folder
}

fn rows(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    reader.records().map(|r| r.unwrap().iter().map(str::to_string).collect()).collect()
}

fn number(cell: &str) -> f64 {
    cell.parse().unwrap_or_else(|_| panic!("`{cell}` is no number"))
}

#[test]
fn a_grid_is_the_runs_it_stands_for() {
    let folder = with(DECAY);
    let line = "sweep m.ode --param rate=log(0.5,2,3) --param x=1,4 --quiet";
    let table = rows(&good(folder.path(), line));
    assert_eq!(table[0], ["trajectory", "rate", "first x", "t", "x", "twice", "status"]);
    assert_eq!(table.len(), 7);
    for (k, row) in table[1..].iter().enumerate() {
        let (rate, x) = ([0.5, 1.0, 2.0][k / 2], [1.0, 4.0][k % 2]);
        assert_eq!((row[0].as_str(), number(&row[2]), row[6].as_str()), (k.to_string().as_str(), x, "ok"));
        assert!((number(&row[1]) - rate).abs() < 1e-15 && number(&row[3]) == 2.0);
        let set = format!("run m.ode --quiet --save-at 2 --set rate={} --set x={x}", row[1]);
        let alone = rows(&good(folder.path(), &set));
        assert_eq!(alone[1][1..], row[4..6], "{set}");
    }
    let times = rows(&good(folder.path(), "sweep m.ode --param rate=1,2 --keep times --columns twice --quiet"));
    assert_eq!(times[0], ["trajectory", "rate", "t", "twice", "status"]);
    let expected =
        [["0", "1", "0"], ["0", "1", "1"], ["0", "1", "2"], ["1", "2", "0"], ["1", "2", "1"], ["1", "2", "2"]];
    assert_eq!(times[1..].iter().map(|row| [&row[0], &row[1], &row[2]]).collect::<Vec<_>>(), expected);
    let events = "model e\nparam a = 1\ninit x = 0\nx' = a\nwhen x > 1 { x := 0 }\nsolve t = 0..2.5\n";
    let folder = with(events);
    let table = rows(&good(folder.path(), "sweep m.ode --param a=0.1,1 --keep events --quiet"));
    assert_eq!(table[0], ["trajectory", "a", "event", "t", "status"]);
    assert_eq!((table.len(), table[1][2].as_str(), table[1][3].as_str()), (4, "", "NaN"));
    assert!(table[2][2].contains("x > 1") && (number(&table[3][3]) - 2.0).abs() < 1e-9, "{table:?}");
}

#[test]
fn results_depend_on_neither_threads_nor_shards() {
    let folder = folder();
    let model = example("robertson");
    let sweep = format!("sweep {model} --param k1=log(1e-3,1,40) --param A=1,2,3 --quiet");
    for (keep, ending) in [("final", "csv"), ("final", "parquet"), ("times", "npz"), ("quantiles", "csv")] {
        let of = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let whole = format!("whole-{keep}.{ending}");
        good(folder.path(), &format!("{sweep} --keep {keep} --threads 1 -o {whole}"));
        good(folder.path(), &format!("{sweep} --keep {keep} --threads 5 -o five.{ending}"));
        assert!(of(&whole) == of(&format!("five.{ending}")), "{keep} {ending}");
        let mut shards = String::new();
        for number in [2, 3, 1] {
            good(folder.path(), &format!("{sweep} --keep {keep} --shard {number}/3 -o part.{ending}"));
            shards += &format!(" part.{ending}.{number}of3.shard");
        }
        good(folder.path(), &format!("merge merged.{ending} {shards} --quiet"));
        assert!(of(&whole) == of(&format!("merged.{ending}")), "{keep} {ending}");
        let left: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with("journal") || name.ends_with("tmp"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let environment = |threads: &str| {
        let mut command = rhapsode();
        outcome(command.current_dir(folder.path()).env("RHAPSODE_NUM_THREADS", threads).args(sweep.split_whitespace()))
    };
    assert_eq!(environment("3").1.as_bytes(), std::fs::read(folder.path().join("whole-final.csv")).unwrap());
    assert!(environment("many").2.contains("RHAPSODE_NUM_THREADS should be a whole number"));
}

#[test]
fn killed_three_times_and_resumed_the_result_is_the_same() {
    let folder = folder();
    let model = example("robertson");
    let line = |output: &str| {
        format!(
            "sweep {model} --param k1=log(1e-3,1,200) --param k2=log(1e6,1e8,80) --method BDF --rtol 1e-9 --atol 1e-14 --quiet -o {output}"
        )
    };
    let journal = folder.path().join("killed.parquet.journal");
    let size = || std::fs::metadata(&journal).map_or(0, |m| m.len());
    let mut random = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    let mut killed = 0;
    for _ in 0..3 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rhapsode"))
            .current_dir(folder.path())
            .args(line("killed.parquet").split_whitespace())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It has got further than before.
        let (before, start) = (size(), Instant::now());
        while size() <= before + 1000
            && child.try_wait().unwrap().is_none()
            && start.elapsed() < Duration::from_secs(120)
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::sleep(Duration::from_millis(u64::from(random >> 16) % 100));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(killed, 3, "it was done before it was killed; give it more to do");
    // As if the last entry had been torn, and garbage written.
    let file = std::fs::OpenOptions::new().write(true).open(&journal).unwrap();
    file.set_len(size() - 5).unwrap();
    good(folder.path(), &line("killed.parquet"));
    assert!(!journal.exists());
    good(folder.path(), &line("whole.parquet"));
    let of = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(of("killed.parquet") == of("whole.parquet"));
    assert!(of("whole.parquet").len() > 10_000);
}

#[test]
fn a_failure_is_marked_and_nothing_else() {
    let folder = with("model blow\nparam a = 1\ninit x = 1\nx' = a*x^2\nsolve t = 0..1\n");
    let (code, out, err) = told(folder.path(), "sweep m.ode --param a=0.5,2,0.25");
    let table = rows(&out);
    assert_eq!((code, table[1][4].as_str(), table[3][4].as_str()), (0, "ok", "ok"));
    assert!(table[2][4].contains("t = 0.") && number(&table[2][2]) < 0.51, "{table:?}");
    assert!(
        err.contains("3 trajectories (1 failed)") && err.contains("the first that failed is trajectory 1"),
        "{err}"
    );
    let (code, out, err) = told(folder.path(), "sweep m.ode --param a=2,3");
    assert!(code == 3 && err.contains("all trajectories failed") && rows(&out).len() == 3, "{err}");
    let times =
        rows(&good(folder.path(), "sweep m.ode --param a=2 --param x=1,0.1 --keep times --save-at 0.25,1 --quiet"));
    assert_eq!((times[2][4].as_str(), times.len()), ("NaN", 5));
    let bands = rows(&good(
        folder.path(),
        "sweep m.ode --param a=0.5,2,0.25 --keep quantiles --quantiles 0,1 --save-at 0.25,1 --quiet",
    ));
    assert_eq!(bands[0], ["t", "count", "x: 0 %", "x: 100 %"]);
    assert_eq!((bands[1][1].as_str(), bands[2][1].as_str()), ("3", "2"));
}

#[test]
fn how_it_went_is_told() {
    let folder = with("model blow\nparam a = 1\ninit x = 1\nx' = a*x^2\nsolve t = 0..1\n");
    let line = "sweep m.ode --param a=0.5,2,0.25 --method Tsit5 --threads 2 --explain --stats s.json -o a.csv --quiet";
    let (code, _, err) = told(folder.path(), line);
    assert_eq!((code, err.trim()), (0, "8 trajectories at a time on each of 2 threads, side by side in SIMD lanes"));
    let text = std::fs::read_to_string(folder.path().join("s.json")).unwrap();
    let stats: serde_json::Value = serde_json::from_str(&text).unwrap();
    let known = ["trajectories", "failed", "threads", "side_by_side"].map(|name| stats[name].as_u64());
    assert_eq!(known, [3, 1, 2, 8].map(Some), "{text}");
    assert!(stats["steps"].as_u64() > Some(10) && stats["solve_seconds"].as_f64() > Some(0.0), "{text}");
    assert!(stats["message"].as_str().unwrap().starts_with("trajectory 1: "), "{text}");
    let (_, _, err) = told(folder.path(), "sweep m.ode --param a=0.5 --method BDF --threads 1 --explain --quiet");
    let reason = "BDF has no step of one function for this system";
    assert_eq!(err.trim(), format!("one trajectory at a time on each of 1 thread: {reason}"));
    let (code, _, err) = told(folder.path(), "sweep m.ode --param a=1 --stats nowhere/s.json");
    assert!(code == 2 && err.contains("--stats: cannot write `nowhere/s.json`"), "{err}");
}

#[test]
fn bad_input_is_refused_with_a_hint() {
    let folder = with(
        "model m\nparam k1 = 1 in (0.5, 2), k2 = 2, c[i] = 1 for i in 1..2\nindex i = 1..2\ninit x = 1\nx' = -k1*x*k2*c[1]\nsolve t = 0..1\n",
    );
    let path = folder.path();
    std::fs::write(path.join("short.csv"), "k1,k2\n1,2\n3\n").unwrap();
    std::fs::write(path.join("odd.csv"), "k1,kk2\n1,2\n").unwrap();
    std::fs::write(path.join("results.csv"), "t,y\n1,2\n").unwrap();
    std::fs::write(path.join("text.csv"), "k1\nfast\n").unwrap();
    std::fs::write(path.join("empty.csv"), "k1\n").unwrap();
    for (line, expected) in [
        ("", "nothing varies"),
        ("--param k1=lin(0,1,0)", "has no values"),
        ("--param k1=lin(0,1,1e6) --param k2=lin(0,1,1e6)", "1000000 × 1000000 = 1e12 points, more than 1e9"),
        ("--param k11=1,2", "did you mean `k1`?"),
        ("--param c=1,2", "its elements are `c[1..2]`"),
        ("--param k1=1 --param k1=2", "`k1` is given twice"),
        ("--param k1=1 --set k1=2", "given by both"),
        ("--param k1=log(0,1,3)", "above 0"),
        ("--param k1=lin(0,1)", "how many values of `k1`"),
        ("--param k1", "how many values of `k1`"),
        ("--sample 10 --param k1=lin(0,1,3)", "is a range to draw from"),
        ("--sample 10 --param k2", "states no interval for `k2`"),
        ("--sample 10 --param k11", "did you mean `k1`?"),
        ("--sample 1e12", "more than 1e9"),
        ("--sample 0", "at least 1"),
        ("--param k1=1 --columns y", "no state or output is called `y`"),
        ("--param k1=1 --keep times", "which times to keep"),
        ("--param k1=1 --save 3", "go with `--keep times`"),
        ("--param k1=1 --keep quantiles --save 3 --quantiles 2", "no probability"),
        ("--param k1=1 --shard 1/2", "--output"),
        ("--param k1=1 --shard 3/2 -o a.csv", "no shard 3 of 2"),
        ("--param k1=1 --shard 0/2 -o a.csv", "no shard 0 of 2"),
        ("--param k1=1 -o nowhere/a.csv", "there is no directory `nowhere`"),
        ("--param k1=1 -o a.json", "should end in .csv, .parquet or .npz"),
        ("--param k1=1 -o a.txt", "should end in .csv, .npz or .parquet"),
        ("--param k1=1 --plot a.gif", "should end in .svg"),
        ("--param k1=1 --threads 0", "--threads"),
        ("--param k1=1 --precision f32", "rtol must be at least 2e-6 in single precision"),
        (
            "--param k1=1 --precision f32 --rtol 1e-4 --method BDF -o b.csv",
            "--precision: there is no run in single precision: BDF is no",
        ),
        ("--from nowhere.csv", "nowhere.csv"),
        ("--from short.csv", "`short.csv`"),
        ("--from odd.csv", "did you mean `k2`?"),
        ("--from results.csv", "no parameter or state is called `t`"),
        ("--from text.csv", "expected a number, found `fast`"),
        ("--from empty.csv", "no row"),
        ("--sample 4 --indices sobol --keep quantiles --save 3", "--indices are of values"),
        ("--indices sobol --param k1=1", "--sample"),
    ] {
        let (code, out, err) = told(path, &format!("sweep m.ode {line}"));
        assert!(code == 2 && out.is_empty(), "{line}: {code} {out}{err}");
        assert!(err.contains(expected), "{line}: {err}");
        let journal = std::fs::read_dir(path)
            .unwrap()
            .find(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().ends_with(".journal")));
        assert!(journal.is_none(), "{line}: {journal:?}");
    }
    let many: String = (1..=70).map(|k| format!(", p{k} = 1 in (0, 1)")).collect();
    std::fs::write(
        path.join("many.ode"),
        format!("model many\nparam p0 = 1{many}\ninit x = 1\nx' = -x\nsolve t = 0..1\n"),
    )
    .unwrap();
    let (code, _, err) = told(path, "sweep many.ode --sample 4 --indices sobol");
    assert!(code == 2 && err.contains("128 dimensions here, and 140 are needed"), "{err}");
}

#[test]
fn journals_and_shards_of_other_sweeps_are_refused() {
    let folder = with(DECAY);
    let path = folder.path();
    for number in 1..=3 {
        good(path, &format!("sweep m.ode --param rate=lin(0,1,10) --shard {number}/3 -o a.csv --quiet"));
    }
    good(path, "sweep m.ode --param rate=lin(0,1,11) --shard 2/3 -o b.csv --quiet");
    good(path, "sweep m.ode --param rate=lin(0,1,10) --rtol 1e-3 --shard 2/3 -o c.csv --quiet");
    good(path, "sweep m.ode --param rate=lin(0,1,10) --shard 2/4 -o a.csv --quiet");
    for (shards, expected) in [
        ("a.csv.1of3.shard b.csv.2of3.shard a.csv.3of3.shard", "different sweeps: the values of the parameters differ"),
        ("a.csv.1of3.shard c.csv.2of3.shard a.csv.3of3.shard", "different sweeps: span, tolerances or other settings"),
        ("a.csv.1of3.shard a.csv.2of4.shard a.csv.3of3.shard", "the number of shards is another"),
        ("a.csv.2of3.shard", "shards are missing: 1/3, 3/3"),
        ("a.csv.1of3.shard a.csv.1of3.shard", "are both shard 1/3"),
        ("m.ode", "no shard of a sweep"),
        ("nowhere", "`nowhere`"),
    ] {
        let (code, _, err) = told(path, &format!("merge out.csv {shards}"));
        assert!(code == 2 && err.contains(expected), "{shards}: {err}");
        assert!(!path.join("out.csv").exists());
    }
    // A journal beside the output, left by a sweep that was stopped.
    std::fs::copy(path.join("a.csv.1of3.shard"), path.join("d.csv.journal")).unwrap();
    let (code, _, err) = told(path, "sweep m.ode --param rate=lin(0,1,11) -o d.csv");
    assert!(code == 2 && err.contains("the journal of another sweep: the values of the parameters differ"), "{err}");
    std::fs::write(path.join("m.ode"), DECAY.replace("-rate", "-2*rate")).unwrap();
    let (code, _, err) = told(path, "sweep m.ode --param rate=lin(0,1,10) -o d.csv");
    assert!(code == 2 && err.contains("the model is another") && err.contains("--restart"), "{err}");
    good(path, "sweep m.ode --param rate=lin(0,1,10) -o d.csv --restart --quiet");
    std::fs::write(path.join("e.csv.journal"), "something else\n").unwrap();
    let (code, _, err) = told(path, "sweep m.ode --param rate=1 -o e.csv");
    assert!(code == 2 && err.contains("is no journal of a sweep"), "{err}");
    assert_eq!(std::fs::read_to_string(path.join("e.csv.journal")).unwrap(), "something else\n");
}

#[cfg(unix)]
#[test]
fn an_interrupted_sweep_says_how_it_goes_on() {
    let folder = folder();
    let model = example("robertson");
    let line = format!(
        "sweep {model} --param k1=log(1e-3,1,200) --param k2=log(1e6,1e8,200) --rtol 1e-9 --atol 1e-14 --quiet -o a.csv"
    );
    let child = Command::new(env!("CARGO_BIN_EXE_rhapsode"))
        .current_dir(folder.path())
        .args(line.split_whitespace())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let journal = folder.path().join("a.csv.journal");
    while std::fs::metadata(&journal).map_or(0, |m| m.len()) < 2000 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(
        err.contains("error: interrupted after ")
            && err.contains(" of 40000 trajectories; they are in `a.csv.journal`"),
        "{err}"
    );
    assert!(!folder.path().join("a.csv").exists());
}

#[test]
fn every_kind_of_sweep_has_its_figure() {
    let folder = with(
        "model m\nparam k = 1 in (0.5, 2), q = 3 in (1, 9), r = 1 in (0, 1)\ninit x = 1\nx' = -k*x + q + 0*r\noutput twice = 2*x\nsolve t = 0..1 { save = 5 }\n",
    );
    for (line, expected) in [
        ("--param k=lin(0,1,5)", ">twice<"),
        ("--param k=lin(0,1,5) --param q=1,2,5", ">twice<"),
        ("--param k=lin(0,1,5) --param q=log(1,5,4) --param r=1", ">k<"),
        ("--sample 50", "x (R² = "),
        ("--sample 50 --keep times", "lines: 50 %, bands: 5 to 95 %, 25 to 75 % of 50 trajectories"),
        ("--sample 50 --keep quantiles --quantiles 0,0.5,1", "bands: 0 to 100 % of"),
        ("--sample 16 --indices sobol", ">with interactions<"),
        ("--sample 16 --indices morris", "m at the end"),
        ("--sample 16 --indices sobol --keep times", "shares of the variance, with interactions; bands: 95 %"),
        ("--sample 16 --indices morris --keep times --columns x", ">q<"),
    ] {
        let (code, _, err) = told(folder.path(), &format!("sweep m.ode {line} --quiet -o a.csv --plot a.svg"));
        let drawn = std::fs::read_to_string(folder.path().join("a.svg")).unwrap_or_default();
        assert!(code == 0 && drawn.contains(expected), "{line}: {err}{drawn}");
        std::fs::remove_file(folder.path().join("a.svg")).unwrap();
    }
    for number in [1, 2] {
        good(folder.path(), &format!("sweep m.ode --sample 16 --indices sobol --quiet --shard {number}/2 -o a.csv"));
    }
    good(folder.path(), "merge a.csv a.csv.1of2.shard a.csv.2of2.shard --plot a.png --quiet");
    assert!(std::fs::read(folder.path().join("a.png")).unwrap().starts_with(b"\x89PNG"));
    for (line, expected) in [
        ("--param k=1,2 --keep events", "events are not drawn"),
        ("--param k=1,2 --param q=1,2 --param r=0,1", "a grid over 3 parameters"),
        ("--param k=1", "one trajectory only"),
    ] {
        let (code, _, err) = told(folder.path(), &format!("sweep m.ode {line} --plot b.svg"));
        assert!(code == 2 && err.contains(expected), "{line}: {err}");
    }
}

/// A million trajectories, killed three times: bounded memory, and the file of one go.
#[cfg(target_os = "linux")]
#[test]
fn a_million_trajectories_need_little_memory() {
    let folder = with("model m\nparam k = 1, q = 1\ninit x = 1, y = 0\nx' = -k*x\ny' = k*x - q*y\nsolve t = 0..1\n");
    let line = |output: &str| {
        format!(
            "sweep m.ode --param k=lin(0,1,1000) --param q=lin(0,2,1000) --method Tsit5 --rtol 1e-4 --quiet -o {output}"
        )
    };
    let journal = folder.path().join("killed.parquet.journal");
    let size = || std::fs::metadata(&journal).map_or(0, |m| m.len());
    // Runs until it ends, or until its journal has grown by so much, where it is killed; gives its peak of memory in kB.
    let run = |output: &str, most: u64| -> (bool, u64) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rhapsode"))
            .current_dir(folder.path())
            .args(line(output).split_whitespace())
            .spawn()
            .unwrap();
        let (before, mut peak) = (size(), 0);
        loop {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let own =
                status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
            peak = peak.max(own.unwrap_or(0));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                return (true, peak);
            }
            if size().saturating_sub(before) >= most {
                child.kill().unwrap();
                child.wait().unwrap();
                return (false, peak);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    for most in [1 << 20, 20 << 20, 8 << 20] {
        assert!(!run("killed.parquet", most).0, "it was done before it was killed");
    }
    for output in ["killed.parquet", "whole.parquet"] {
        let (_, peak) = run(output, u64::MAX);
        assert!((1000..500_000).contains(&peak), "{peak} kB");
        println!("peak of memory: {peak} kB");
    }
    let of = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(of("killed.parquet") == of("whole.parquet"));
}

/// A limit on the size of files stands for a full disk.
#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing() {
    let folder = with(DECAY);
    let line = "sweep m.ode --param rate=lin(0,1,2000) --quiet -o a.csv";
    let mut command = assert_cmd::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 50; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_rhapsode")]);
    let (code, _, err) = outcome(command.current_dir(folder.path()).args(line.split_whitespace()));
    assert!(code == 2 && err.contains("cannot write"), "{code} {err}");
    assert!(!folder.path().join("a.csv").exists() && folder.path().join("a.csv.journal").exists());
    good(folder.path(), line);
    good(folder.path(), &line.replace("a.csv", "b.csv"));
    let of = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(of("a.csv") == of("b.csv"));
}

#[test]
fn samples_and_earlier_results_are_repeated() {
    let folder = with(
        "model m\nparam k = 1 in (0.5, 2), q = 3 in (1, 9)\ninit x = 1\nx' = -k*x + q\nsolve t = 0..1 { save = 3 }\n",
    );
    let path = folder.path();
    for design in ["latin", "sobol", "random"] {
        let table = rows(&good(path, &format!("sweep m.ode --sample 64 --design {design} --quiet")));
        assert_eq!((table.len(), table[0][..3].join(",")), (65, "trajectory,k,q".to_string()));
        assert!(
            table[1..].iter().all(|row| (0.5..2.0).contains(&number(&row[1])) && (1.0..9.0).contains(&number(&row[2])))
        );
        let again = rows(&good(path, &format!("sweep m.ode --sample 64 --design {design} --seed 1 --quiet")));
        let other = rows(&good(path, &format!("sweep m.ode --sample 64 --design {design} --seed 2 --quiet")));
        assert!(table == again && table != other);
    }
    let logarithmic = rows(&good(path, "sweep m.ode --sample 1000 --param k=log(1e-3,1e3) --quiet"));
    assert_eq!(logarithmic[1..].iter().filter(|row| number(&row[1]) < 1.0).count(), 500);
    for ending in ["csv", "parquet", "npz"] {
        for keep in ["final", "times"] {
            good(
                path,
                &format!(
                    "sweep m.ode --sample 20 --param k --param x=lin(0,5) --keep {keep} -o first.{ending} --quiet"
                ),
            );
            good(path, &format!("sweep m.ode --from first.{ending} --keep {keep} -o again.{ending} --quiet"));
            let of = |name: &str| std::fs::read(path.join(format!("{name}.{ending}"))).unwrap();
            assert!(of("first") == of("again"), "{keep} {ending}");
        }
    }
}

/// The function of Ishigami & Homma (1990) as a model: its indices are known.
const ISHIGAMI: &str = "\
model ishigami
param x1 = 0 in (-3.141592653589793, 3.141592653589793), x2 = 0 in (-3.141592653589793, 3.141592653589793)
param x3 = 0 in (-3.141592653589793, 3.141592653589793)
init y = 0
y' = sin(x1) + 7*sin(x2)^2 + 0.1*x3^4*sin(x1)
solve t = 0..1 { rtol = 1e-10, atol = 1e-12 }
";

#[test]
fn sobol_indices_of_ishigami() {
    let folder = with(ISHIGAMI);
    let table = rows(&good(folder.path(), "sweep m.ode --sample 2048 --indices sobol --quiet"));
    assert_eq!(table[0].join(","), "quantity,parameter,first,first_low,first_high,total,total_low,total_high,used");
    let (a, b) = (7.0_f64, 0.1_f64);
    let pi4 = std::f64::consts::PI.powi(4);
    let variance = a * a / 8.0 + b * pi4 / 5.0 + b * b * pi4 * pi4 / 18.0 + 0.5;
    let first = [0.5 * (1.0 + b * pi4 / 5.0).powi(2) / variance, a * a / 8.0 / variance, 0.0];
    let third = b * b * pi4 * pi4 * 8.0 / 225.0 / variance;
    let total = [first[0] + third, first[1], third];
    for (k, row) in table[1..].iter().enumerate() {
        assert_eq!((row[0].as_str(), row[1].as_str(), row[8].as_str()), ("y", ["x1", "x2", "x3"][k], "2048"));
        for (place, exact) in [(2, first[k]), (5, total[k])] {
            let (low, high) = (number(&row[place + 1]), number(&row[place + 2]));
            assert!(low <= exact && exact <= high, "{row:?}: {exact}");
            assert!((number(&row[place]) - exact).abs() < 0.02 && high - low < 0.2, "{row:?}: {exact}");
        }
    }
}

#[test]
fn morris_effects_of_a_polynomial() {
    // y = 2 a − 3 b + a c over one unit of time, on ranges of one: effects are 2 + c, −3 and a.
    let folder = with(
        "model m\nparam a = 0 in (0, 1), b = 0 in (0, 1), c = 0 in (0, 1), d = 0 in (0, 1)\ninit y = 0\ny' = 2*a - 3*b + a*c + 0*d\nsolve t = 0..1 { rtol = 1e-10, atol = 1e-12 }\n",
    );
    let table = rows(&good(folder.path(), "sweep m.ode --sample 400 --indices morris --quiet"));
    assert_eq!(table[0].join(","), "quantity,parameter,mu_star,mu_star_low,mu_star_high,mu,sigma,used");
    // Levels are 0, 1/3, 2/3, 1, each a quarter of the time: mean 1/2, variance 5/36.
    let sigma = (5.0_f64 / 36.0).sqrt();
    for (row, (mu, sigma)) in table[1..].iter().zip([(2.5, sigma), (-3.0, 0.0), (0.5, sigma), (0.0, 0.0)]) {
        let found: Vec<f64> = row[2..7].iter().map(|cell| number(cell)).collect();
        assert!((found[3] - mu).abs() < 0.06 && (found[4] - sigma).abs() < 0.03, "{row:?}");
        assert!(found[1] <= mu.abs() + 1e-9 && mu.abs() <= found[2] + 1e-9, "{row:?}");
        assert_eq!(row[7], "400");
    }
}

#[test]
fn quantiles_are_those_of_all_runs() {
    let folder =
        with("model m\nparam k = 1\ninit x = 1\nx' = -k*x\nsolve t = 0..1 { rtol = 1e-10, atol = 1e-12, save = 2 }\n");
    let line = "sweep m.ode --param k=lin(0,1,20001) --keep quantiles --quantiles 0,0.1,0.5,1";
    let (code, out, err) = told(folder.path(), line);
    assert!(code == 0 && err.contains("ranks that are wrong by"), "{err}");
    let table = rows(&out);
    for (place, q) in [(2, 0.0), (3, 0.1), (4, 0.5), (5, 1.0_f64)] {
        // Ranks within 0.1 %.
        let rank = 1.0 + number(&table[2][place]).ln();
        assert!((rank - q).abs() < if q == 0.0 || q == 1.0 { 1e-8 } else { 1e-3 }, "{q} {rank}");
    }
}
