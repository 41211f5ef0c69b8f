//! A model's object file against the same model compiled when it runs: HIRES and Lorenz, whole integrations. The object is
//! linked into a shared library by `cc` and loaded.

use criterion::{Criterion, criterion_group, criterion_main};
use rhapsode::solve::{Method, Save};
use rhapsode::{AheadOptions, Model};
use std::hint::black_box;
use std::process::Command;

type Solve = unsafe extern "C" fn(
    *const f64,
    *const f64,
    f64,
    f64,
    *const f64,
    i64,
    *mut f64,
    *mut f64,
    *const f64,
    *mut f64,
) -> i64;

const CASES: [(&str, &str, Method, f64); 2] = [
    ("hires", include_str!("../examples/models/hires.ode"), Method::Rodas5P, 321.8122),
    ("lorenz", include_str!("../examples/models/lorenz.ode"), Method::Dop853, 10.0),
];

fn compare(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text, method, end) in CASES {
        let model = Model::parse(text).expect("an example model");
        let options = AheadOptions { method: Some(method), native: true, name: Some(name.into()), target: None };
        let made = model.ahead_of_time(&options).expect("it can be made ahead of time");
        let (object, library) = (folder.path().join("m.o"), folder.path().join(format!("lib{name}.so")));
        let bytes = made.object().expect("code");
        std::fs::write(&object, &bytes).expect("a file");
        println!("{name}: the object file has {} bytes", bytes.len());
        let linked = Command::new("cc").arg("-shared").arg("-o").arg(&library).arg(&object).arg("-lm").status();
        assert!(linked.is_ok_and(|status| status.success()), "cc links");
        // SAFETY: the library holds nothing but the model's functions.
        let library = unsafe { libloading::Library::new(&library) }.expect("the library");
        let symbol = format!("{name}_solve");
        // SAFETY: the header says that this is its type.
        let solve = unsafe { library.get::<Solve>(symbol.as_bytes()) }.expect("the function");

        let compiled = model.compile().expect("native code");
        let parameters = made.defaults();
        let (mut memory, mut row) = (vec![0.0; made.memory()], vec![0.0; made.row()]);
        let tolerances = [1e-6, 1e-9, 0.0, 0.0, 0.0];
        let mut group = c.benchmark_group(format!("ahead/{name}"));
        group.bench_function("object", |b| {
            b.iter(|| {
                // SAFETY: lengths as the header says.
                let status = unsafe {
                    let (p, out, memory) = (parameters.as_ptr(), row.as_mut_ptr(), memory.as_mut_ptr());
                    let nothing = std::ptr::null_mut();
                    solve(p, std::ptr::null(), 0.0, end, &end, 1, out, memory, tolerances.as_ptr(), nothing)
                };
                assert_eq!(black_box(status), 0);
            });
        });
        group.bench_function("when it runs", |b| {
            b.iter(|| {
                let problem =
                    compiled.problem().span(0.0..end).method(method).rtol(1e-6).atol(1e-9).save(Save::At(vec![end]));
                black_box(problem.solve().expect("the end"));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, compare);
criterion_main!(benches);
