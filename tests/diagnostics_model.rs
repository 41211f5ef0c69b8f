//! Every code of the model checker: its failing model fails with it, its mended model does not, and how the error
//! looks is in `tests/diagnostics/model.txt` (`BLESS=1 cargo test --test diagnostics_model` rewrites it: read the
//! difference).

use std::path::Path;

use rhapsode::Model;
use rhapsode::diag::CodeEntry;
use rhapsode::diag::codes::{components, data, events, model, objectives, reactions, units};

/// The codes of the phase.
fn entries() -> impl Iterator<Item = &'static CodeEntry> {
    model::ENTRIES
        .iter()
        .chain(reactions::ENTRIES)
        .chain(components::ENTRIES)
        .chain(units::ENTRIES)
        .chain(events::ENTRIES)
        .chain(data::ENTRIES)
        .chain(objectives::ENTRIES)
}

/// A model of the table, which may read the table's files.
fn parse(text: &str) -> Result<Model, rhapsode::Errors> {
    let files = data::FILES.iter().map(|(name, text)| (name.to_string(), text.to_string()));
    Model::parse_with(&files.collect::<std::collections::BTreeMap<_, _>>(), "model", text)
}

#[test]
fn every_code_shows_in_its_failing_model_and_not_in_the_mended_one() {
    let mut faults = String::new();
    for entry in entries() {
        match parse(entry.failing) {
            Ok(_) => faults += &format!("{} does not show\n", entry.code),
            Err(errors)
                if errors.diagnostics().iter().any(|d| d.code != entry.code) || errors.diagnostics().len() != 1 =>
            {
                faults += &format!("{} is not alone:\n{errors}", entry.code);
            }
            Err(_) => {}
        }
        if let Err(errors) = parse(entry.mended) {
            faults += &format!("{} is not mended:\n{errors}", entry.code);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn the_errors_look_as_committed() {
    let mut text = String::new();
    for entry in entries().filter(|entry| entry.failing.len() < 300) {
        text += &parse(entry.failing).expect_err(entry.code.0).to_string();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics/model.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text);
}

#[test]
fn every_code_in_use_is_explained() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut used, mut waiting) = (0, ["model", "elaborate", "lang"].map(|folder| source.join(folder)).to_vec());
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!text.contains("Code(\"E"), "codes are named in diag/codes");
        let uses = |phase: &str| text.matches(&format!("codes::{phase}::")).count();
        used += uses("model") + uses("reactions") + uses("components") + uses("units") + uses("events") + uses("data");
    }
    assert!(used >= entries().count(), "{used} uses of {} codes", entries().count());
}

#[test]
fn all_errors_of_a_file_come_in_one_pass() {
    let text = "param k 1\ninit x = 1, y = 0\nx' = -kk*x\ny' = sni(x)\nz = u[1]\n";
    let errors = Model::parse(text).unwrap_err();
    assert!(!errors.diagnostics().is_empty());
    let text = "param k = 1\ninit x = 1, y = 0\nx' = -kk*x\ny' = sni(x)\nz = u[1] + x/0\n";
    let found: Vec<&str> = Model::parse(text).unwrap_err().diagnostics().iter().map(|d| d.code.0).collect();
    assert_eq!(found, ["E0201", "E0213", "E0201", "E0216"]);
}

/// Text that is legal but unkind.
#[test]
fn hostile_models_end_in_errors_or_models() {
    let chain: String = (1..20_000).map(|k| format!("a{k} = a{} + 1\n", k - 1)).collect();
    let chain = format!("a0 = t\n{chain}init x = 0\nx' = a19999\n");
    assert!(Model::parse(&chain).is_ok());

    let sum = format!("init x = 1\nx' = {}x\n", "x + ".repeat(50_000));
    assert!(Model::parse(&sum).is_ok());

    let doubling: String = (1..40).map(|k| format!("fn f{k}(x) = f{}(x) + f{}(2*x)\n", k - 1, k - 1)).collect();
    let doubling = format!("fn f0(x) = sin(x)\n{doubling}init x = 1\nx' = f39(x)\n");
    let _ = Model::parse(&doubling);

    let dense = "const N = 3000\nindex i, j = 1..N\ninit x[i] = i\nx[i]' = sum[j](x[j]*sin(i*j))\n";
    let model = Model::parse(dense).unwrap();
    assert!(model.compile().is_ok());

    let missing = Model::parse("param k\ninit x = 1\nx' = -k*x\nsolve t = 0..1").unwrap().compile().unwrap();
    assert!(missing.problem().solve().unwrap_err().to_string().contains("`k`"));
    assert!(missing.problem().set("k", 2.0).unwrap().solve().is_ok());
}
