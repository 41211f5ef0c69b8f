//! The invariants of ARCHITECTURE.md, checked on the source text.

use std::path::{Path, PathBuf};

/// What each module may import; `math`, `name`, `curve` and `foreign` are the ground of both columns.
const ALLOWED: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("order", &[]),
    ("math", &[]),
    ("name", &[]),
    ("curve", &[]),
    ("foreign", &[]),
    ("diag", &["source"]),
    ("lang", &["source", "diag", "name", "order"]),
    ("elaborate", &["source", "diag", "lang", "order"]),
    ("expr", &["curve", "foreign", "math", "name"]),
    ("model", &["source", "diag", "lang", "curve", "foreign", "expr", "math", "name", "order"]),
    ("diff", &["expr", "model", "math"]),
    ("kernel", &["curve", "foreign", "expr", "model", "diff", "math", "linalg", "system"]),
    ("backend", &["curve", "foreign", "kernel", "math", "linalg", "system"]),
    ("dae", &["source", "diag", "expr", "model", "diff", "math", "name", "order"]),
    ("linalg", &["math", "order"]),
    ("system", &["linalg", "name", "math"]),
    ("solve", &["linalg", "system", "math"]),
    ("sensitivity", &["linalg", "system", "solve", "math"]),
];

/// Files over this many lines of code want splitting.
const LONGEST: usize = 600;
/// Exceptions, with the date they were made; this list may only shrink.
const LONGER: &[(&str, usize)] = &[
    // 2026-11-24: one production after the other.
    ("src/model/expression.rs", 640),
    // 2026-11-24: the scheduler.
    ("src/kernel/emit.rs", 680),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, list: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, list);
        } else if path.extension().is_some_and(|e| e == "rs") {
            list.push(path);
        }
    }
}

/// What the library for C and the Python package add.
const BINDINGS: [&str; 2] = ["bindings/c/src", "bindings/python/src"];

/// Of the library's files: path from the root, and the text without its test module and comments.
fn files() -> Vec<(String, String, String)> {
    files_of(&["src"])
}

/// The same of the library and of what lets others call it.
fn all_files() -> Vec<(String, String, String)> {
    files_of(&["src", BINDINGS[0], BINDINGS[1]])
}

fn files_of(folders: &[&str]) -> Vec<(String, String, String)> {
    let mut list = Vec::new();
    folders.iter().for_each(|folder| sources(&root().join(folder), &mut list));
    list.sort();
    list.into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod").next().unwrap_or("").to_string();
            let code: String = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(|line| format!("{line}\n"))
                .collect();
            (path.strip_prefix(root()).unwrap().display().to_string(), text, code)
        })
        .collect()
}

fn module(path: &str) -> &str {
    let rest = path.strip_prefix("src/").unwrap_or(path);
    rest.split(['/', '.']).next().unwrap_or(rest)
}

#[test]
fn imports_point_one_way() {
    let mut faults = Vec::new();
    for (path, _, code) in files() {
        let own = module(&path);
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == own) else { continue };
        for (at, _) in code.match_indices("crate::") {
            let name: String = code[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let known = ALLOWED.iter().any(|(module, _)| *module == name);
            if known && name != own && !allowed.contains(&name.as_str()) {
                faults.push(format!("{path} imports {name}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_module_of_the_library_is_in_the_table() {
    for (path, ..) in files() {
        let name = module(&path);
        let known = ALLOWED.iter().any(|(module, _)| *module == name) || ["lib", "facade"].contains(&name);
        assert!(known, "{path} belongs to no known module");
    }
}

#[test]
fn libraries_stay_in_their_places() {
    let places = [
        ("nom::", "src/lang/"),
        ("cranelift", "src/backend/native/"),
        ("faer::", "src/linalg/"),
        ("annotate_snippets", "src/diag/"),
        ("csv::", "src/source/data"),
    ];
    for (path, _, code) in files() {
        for (library, place) in places {
            assert!(!code.contains(library) || path.starts_with(place), "{path} uses {library}");
        }
    }
}

#[test]
fn elementary_functions_are_our_own() {
    // The platform's have other last bits on every machine.
    let names = "sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp exp2 exp_m1 ln ln_1p log log2 \
                 log10 powf cbrt hypot sin_cos gamma ln_gamma";
    for (path, _, code) in files() {
        for name in names.split_whitespace() {
            assert!(!code.contains(&format!(".{name}(")), "{path} calls .{name}()");
            for kind in ["f64", "f32"] {
                assert!(!code.contains(&format!("{kind}::{name}")), "{path} uses {kind}::{name}");
            }
        }
    }
}

/// Where `unsafe` may be: machine code is called, functions are compiled for instruction sets found at run time, and C and
/// XLA hand in pointers.
const UNSAFE: [&str; 4] =
    ["bindings/c/src/border.rs", "bindings/python/src/xla.rs", "src/backend/native/code.rs", "src/math/dispatch.rs"];

#[test]
fn unsafe_code_is_in_few_files_and_explained() {
    for (path, text, code) in all_files() {
        let count = code.matches("unsafe ").count();
        if UNSAFE.contains(&path.as_str()) {
            let reasons = text.matches("SAFETY:").count();
            assert!(reasons > 0 && count > 0, "{path} should hold the unsafe code, with reasons");
        } else {
            // A type may be named `unsafe extern fn` elsewhere only in that file.
            assert_eq!(count, 0, "{path} has unsafe code");
        }
    }
}

#[test]
fn nothing_gives_up_outside_tests() {
    for (path, _, code) in all_files() {
        for word in [".unwrap()", ".expect(\"", "todo!(", "unimplemented!(", "dbg!("] {
            assert!(!code.contains(word), "{path} has {word}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_is_of_readable_length() {
    for (path, text, code) in all_files() {
        assert!(text.starts_with("//!"), "{path} does not open with //!");
        let longest = LONGER.iter().find(|(known, _)| *known == path).map_or(LONGEST, |(_, lines)| *lines);
        let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
        // Tables are excepted.
        if !path.ends_with("expr/builtin.rs") {
            assert!(lines <= longest, "{path} has {lines} lines of code");
        }
    }
}
