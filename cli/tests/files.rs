//! Files: every format is read back, and a file appears whole or not at all.

mod common;

use std::fs;

use common::{DECAY, example, folder, outcome, rhapsode};

#[test]
fn json_and_csv_hold_the_same_numbers() {
    let folder = folder();
    let (csv, json) = (folder.path().join("o.csv"), folder.path().join("o.json"));
    for path in [&csv, &json] {
        let (code, out, err) = outcome(rhapsode().args(["run", "-", "-q", "-o"]).arg(path).write_stdin(DECAY));
        assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    }
    let object: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(json).unwrap_or_default()).unwrap_or_default();
    assert_eq!(object["model"], "decay");
    assert_eq!(object["names"], serde_json::json!(["t", "x", "twice"]));
    let text = fs::read_to_string(csv).unwrap_or_default();
    for (r, line) in text.lines().skip(1).enumerate() {
        for (name, cell) in ["t", "x", "twice"].iter().zip(line.split(',')) {
            assert_eq!(object["columns"][name][r].as_f64(), cell.parse().ok());
        }
    }
}

#[test]
fn npz_holds_arrays_as_arrays() {
    let folder = folder();
    let path = folder.path().join("o.npz");
    let (code, _, err) = outcome(rhapsode().args(["run", &example("brusselator_2d"), "-o"]).arg(&path));
    assert_eq!(code, 0, "{err}");
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{error}"));
    let mut archive = zip::ZipArchive::new(file).unwrap_or_else(|error| panic!("{error}"));
    let mut bytes = Vec::new();
    let mut member = archive.by_name("u.npy").unwrap_or_else(|error| panic!("{error}"));
    std::io::Read::read_to_end(&mut member, &mut bytes).unwrap_or_else(|error| panic!("{error}"));
    assert!(String::from_utf8_lossy(&bytes[..128]).contains("'shape': (24, 32, 32)"));
    assert_eq!(bytes.len(), 128 + 24 * 32 * 32 * 8);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_can_be_read() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let folder = folder();
    let path = folder.path().join("o.parquet");
    let (code, _, err) = outcome(rhapsode().args(["run", "-", "-o"]).arg(&path).write_stdin(DECAY));
    assert_eq!(code, 0, "{err}");
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{error}"));
    let reader = SerializedFileReader::new(file).unwrap_or_else(|error| panic!("{error}"));
    let metadata = reader.metadata().file_metadata();
    assert_eq!((metadata.num_rows(), metadata.schema_descr().num_columns()), (3, 3));
}

#[test]
fn figures_are_what_their_names_say() {
    let folder = folder();
    let figure = |name: &str| {
        let path = folder.path().join(name);
        let (code, _, err) = outcome(rhapsode().args(["run", &example("robertson"), "-q", "--plot"]).arg(&path));
        assert_eq!((code, err.as_str()), (0, ""));
        fs::read(path).unwrap_or_default()
    };
    let svg = String::from_utf8(figure("f.svg")).unwrap_or_default();
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    // Two panels (B lies four decades below A), names in the legend, a logarithmic axis.
    assert_eq!(svg.matches("<clipPath").count(), 2);
    for word in [">A</text>", ">B</text>", ">total</text>", ">t</text>", ">10⁻⁶</text>", ">robertson</text>"] {
        assert!(svg.contains(word), "{word}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    let html = String::from_utf8(figure("f.html")).unwrap_or_default();
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains(&svg));
    #[cfg(feature = "plot")]
    assert!(figure("f.png").starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[test]
fn statistics_count_the_run() {
    let folder = folder();
    let path = folder.path().join("s.json");
    let (code, _, _) = outcome(rhapsode().args(["run", &example("robertson"), "-q", "--stats"]).arg(&path));
    assert_eq!(code, 0);
    let stats: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path).unwrap_or_default()).unwrap_or_default();
    for name in ["steps", "rhs", "jacobians", "factorizations", "solves"] {
        assert!(stats[name].as_u64().is_some_and(|n| n > 0), "{name}: {stats}");
    }
    for name in ["compile_seconds", "solve_seconds"] {
        assert!(stats[name].as_f64().is_some_and(|s| s > 0.0), "{name}: {stats}");
    }
    assert_eq!((&stats["success"], &stats["points"], &stats["end"]), (&true.into(), &200.into(), &1e11.into()));
}

#[test]
fn unwritable_outputs_are_refused_before_the_run() {
    let folder = folder();
    let inside = |name: &str| folder.path().join(name).display().to_string();
    // A run of this length would not end within the test's patience.
    let long = ["--span", "0..1e15", "--max-steps", "1e17", "--save", "2"];
    let cases = [
        ("-o", inside("none/o.csv"), "no directory"),
        ("--plot", inside("none/f.svg"), "no directory"),
        ("--stats", inside(""), "directory"),
    ];
    for (flag, path, reason) in cases {
        let (code, out, err) = outcome(rhapsode().args(["run", &example("lorenz"), flag, &path]).args(long));
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(reason) && err.contains(if flag == "-o" { "--output" } else { flag }), "{err}");
    }
    assert_eq!(fs::read_dir(folder.path()).map(Iterator::count).unwrap_or(9), 0);
}

#[test]
fn a_refused_run_leaves_files_as_they_were() {
    let folder = folder();
    let path = folder.path().join("o.csv");
    fs::write(&path, "precious").unwrap_or_else(|error| panic!("{error}"));
    let (code, _, _) = outcome(
        rhapsode().args(["run", "-", "-o"]).arg(&path).write_stdin("param k\ninit x = 1\nx' = k\nsolve t = 0..1 { }\n"),
    );
    assert_eq!(code, 2);
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), "precious");
    let (code, _, _) = outcome(rhapsode().args(["run", "-", "-o"]).arg(&path).write_stdin(DECAY));
    assert_eq!(code, 0);
    assert!(fs::read_to_string(&path).unwrap_or_default().starts_with("t,x,twice\n"));
    // No temporary file stays behind in either case.
    assert_eq!(fs::read_dir(folder.path()).map(Iterator::count).unwrap_or(9), 1);
}

#[test]
fn the_model_is_not_overwritten_and_outputs_do_not_collide() {
    let folder = folder();
    let model = folder.path().join("m.csv");
    fs::write(&model, DECAY).unwrap_or_else(|error| panic!("{error}"));
    let (code, _, err) = outcome(rhapsode().arg("run").arg(&model).arg("-o").arg(&model));
    assert!(code == 2 && err.contains("is the model itself"), "{err}");
    assert_eq!(fs::read_to_string(&model).unwrap_or_default(), DECAY);
    let path = folder.path().join("x.json");
    let (code, _, err) = outcome(rhapsode().arg("run").arg(&model).arg("-o").arg(&path).arg("--stats").arg(&path));
    assert!(code == 2 && err.contains("both name"), "{err}");
}

#[cfg(unix)]
#[test]
fn new_files_have_ordinary_permissions_and_devices_work() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let (ours, theirs) = (folder.path().join("o.csv"), folder.path().join("plain"));
    fs::write(&theirs, "").unwrap_or_else(|error| panic!("{error}"));
    outcome(rhapsode().args(["run", "-", "-o"]).arg(&ours).write_stdin(DECAY));
    let mode = |path| fs::metadata(path).map(|m| m.permissions().mode()).unwrap_or(0);
    assert_eq!(mode(&ours), mode(&theirs));
    let (code, _, err) = outcome(rhapsode().args(["run", "-", "-q", "--stats", "/dev/null"]).write_stdin(DECAY));
    assert_eq!((code, err.as_str()), (0, ""));
}
