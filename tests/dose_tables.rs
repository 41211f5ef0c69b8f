//! Tables of doses in the convention of NONMEM, against the same doses written out and against solutions by hand.

use rhapsode::{Backend, Model};
use std::collections::BTreeMap;

const PK: &str =
    "param ka = 1.1, k = 0.2\ninit depot = 0, central = 0\ndepot' = -ka*depot\ncentral' = ka*depot - k*central\n";

fn parse(text: &str, table: &str) -> Result<Model, rhapsode::Errors> {
    let files = BTreeMap::from([("d.csv".to_string(), table.to_string())]);
    Model::parse_with(&files, "m.ode", text)
}

fn columns(model: &Model, set: &[(&str, f64)]) -> Vec<f64> {
    let compiled = model.compile().unwrap();
    let mut problem = compiled.problem().span(0.0..60.0).rtol(1e-11).atol(1e-11);
    for (name, value) in set {
        problem = problem.set(name, *value).unwrap();
    }
    let solution = problem.grid(rhapsode::model::Grid::Every(0.5)).solve().unwrap_or_else(|e| panic!("{e}"));
    ["depot", "central"].iter().flat_map(|name| solution.column(name).unwrap().to_vec()).collect()
}

/// A table means the same as statements do.
fn same(table: &str, settings: &str, statements: &str) {
    let with = |text: &str| parse(text, table).unwrap_or_else(|e| panic!("{e}"));
    let read = columns(&with(&format!("{PK}doses csv(\"d.csv\") {settings}\n")), &[]);
    let written = columns(&with(&format!("{PK}{statements}\n")), &[]);
    assert!(written.iter().any(|x| *x > 1.0));
    for (k, (a, b)) in read.iter().zip(&written).enumerate() {
        assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{statements}: {k}: {a} {b}");
    }
}

#[test]
fn boluses_and_what_follows_them() {
    let table = "ID,TIME,AMT,EVID,CMT,II,ADDL,DV\n7,0,100,1,1,12,3,.\n7,1,.,0,.,.,.,3.5\n7,2,.,2,.,.,.,.\n7,5,30,1,central,.,.,.\n";
    same(table, "", "dose depot 100 every 12 from 0 to 36\ndose central 30 at 5");
    same("TIME;AMT\n1;10\n1;20\n40;5\n", "", "dose depot 30 at 1\ndose depot 5 at 40");
    same("TIME,AMT,CMT\n1,10,2\n", "{ 2 = depot }", "dose depot 10 at 1");
}

#[test]
fn infusions_by_rate_and_by_the_model() {
    let table = "TIME,AMT,RATE,CMT,II,ADDL\n0,100,25,2,12,2\n1,60,20,2,.,.\n30,10,100,1,.,.\n";
    let written =
        "dose central 100 every 12 from 0 to 24 over 4\ndose central 60 at 1 over 3\ndose depot 10 at 30 over 0.1";
    same(table, "", written);
    same(
        "TIME,AMT,RATE,CMT\n2,60,-2,2\n3,30,-2,2\n",
        "{ duration central = 1.5 + 0.5 }",
        "dose central 60 at 2 over 2\ndose central 30 at 3 over 2",
    );
    same("TIME,AMT,RATE,CMT\n2,60,-1,2\n", "{ rate central = 15 }", "dose central 60 at 2 over 4");
}

#[test]
fn lag_and_bioavailability() {
    let table = "TIME,AMT,CMT,RATE\n0,100,1,.\n4,100,2,.\n10,50,1,20\n";
    let written = "dose depot 100 at 0.75 bioavailability 0.5\ndose central 100 at 4\ndose depot 25 at 10.75 over 1.25";
    same(table, "{ lag depot = 0.5 + 0.25, bioavailability depot = 0.5 }", written);
}

#[test]
fn resets_end_what_is_under_way() {
    // At 20 everything is empty again: the infusion stops, the doses to come are off, the lagged one never arrives.
    let table = "TIME,AMT,EVID,CMT,II,ADDL,RATE\n0,100,1,1,8,10,.\n18,1000,1,2,.,.,100\n19.5,77,1,1,.,.,.\n20,.,3,.,.,.,.\n30,50,4,2,.,.,.\n";
    let model =
        parse(&format!("{PK}doses csv(\"d.csv\") {{ lag depot = 1 }}\n"), table).unwrap_or_else(|e| panic!("{e}"));
    let all = columns(&model, &[]);
    let (depot, central) = all.split_at(all.len() / 2);
    assert!(central[39] > 100.0 && depot[39] > 1.0, "{} {}", central[39], depot[39]);
    assert!(depot[41..].iter().all(|x| *x == 0.0), "{:?}", &depot[40..]);
    assert!(central[41..60].iter().all(|x| *x == 0.0), "{:?}", &central[40..60]);
    for (k, x) in central.iter().enumerate().skip(60) {
        let expected = 50.0 * (-0.2 * (0.5 * k as f64 - 30.0)).exp();
        assert!((x - expected).abs() < 1e-8, "{k}: {x} {expected}");
    }
    // Initial values are given back, not zeros.
    let text =
        "param E0 = 3\ninit depot = 2*E0, central = 0\ndepot' = -depot\ncentral' = depot\ndoses csv(\"d.csv\")\n";
    let model = parse(text, "TIME,AMT,EVID\n0,5,1\n10,0,3\n").unwrap();
    assert!((columns(&model, &[])[20] - 6.0).abs() < 1e-9);
}

#[test]
fn one_subject_of_several_is_chosen() {
    let table = "ID,TIME,AMT\n1,0,100\n1,12,100\n2,0,50\n4,3,25\n";
    let refused = parse(&format!("{PK}doses csv(\"d.csv\")\n"), table).unwrap_err().to_string();
    assert!(refused.contains("`d.csv` has the records of 3 subjects: 1, 2, 4"), "{refused}");
    assert!(refused.contains("doses csv(\"d.csv\") { id = 1 }"), "{refused}");
    same(table, "{ id = 2 }", "dose depot 50 at 0");
    same(table, "{ id = 1 }", "dose depot 100 at 0, 12");
    let unknown = parse(&format!("{PK}doses csv(\"d.csv\") {{ id = 3 }}\n"), table).unwrap_err().to_string();
    assert!(unknown.contains("`d.csv` has no records of subject 3, only of 1, 2, 4"), "{unknown}");
    // A parameter chooses in each run.
    let model = parse(&format!("param ID = 1\n{PK}doses csv(\"d.csv\") {{ id = ID }}\n"), table).unwrap();
    for (id, statement) in [(1.0, "dose depot 100 at 0, 12"), (2.0, "dose depot 50 at 0"), (4.0, "dose depot 25 at 3")]
    {
        let written = columns(&parse(&format!("{PK}{statement}\n"), "").unwrap(), &[]);
        let read = columns(&model, &[("ID", id)]);
        assert!(read.iter().zip(&written).all(|(a, b)| (a - b).abs() <= 1e-9 * (1.0 + b.abs())), "{id}");
    }
}

#[test]
fn records_that_cannot_be_followed_are_named() {
    let found = |table: &str, settings: &str| {
        parse(&format!("{PK}doses csv(\"d.csv\"){settings}\n"), table).unwrap_err().to_string()
    };
    for (table, settings, parts) in [
        (
            "TIME,AMT,CMT\n0,5,dept\n",
            "",
            vec!["`d.csv`, line 2, column CMT: there is no state `dept`", "did you mean `depot`?"],
        ),
        ("TIME,AMT,CMT\n0,5,3\n", "", vec!["line 2, column CMT: there is no compartment 3", "1 = depot, 2 = central"]),
        (
            "TIME,AMT,RATE\n0,5,-2\n",
            "",
            vec!["line 2, column RATE: -2 asks for the duration", "{ duration depot = … }"],
        ),
        ("TIME,AMT,SS,II\n0,5,3,12\n", "", vec!["line 2, column SS: expected 0, 1 or 2, found 3"]),
        ("TIME,AMT\n5,1\n4,1\n", "", vec!["line 3, column TIME: 4 comes after 5"]),
        ("TIME,AMT\n0,-1\n", "", vec!["line 2, column AMT: -1 is negative"]),
        ("TIME,DOSE\n0,1\n", "", vec!["there is no column AMT; found TIME, DOSE"]),
        ("TIME,AMT\n0,1\n", " { lag dept = 1 }", vec!["dept"]),
    ] {
        let text = found(table, settings);
        parts.iter().for_each(|part| assert!(text.contains(part), "{part}\n{text}"));
    }
    let many: String = (0..20).map(|k| format!("{k},-1\n")).collect();
    let text = found(&format!("TIME,AMT\n{many}"), "");
    let expected = "`d.csv`, line 2, column AMT: -1 is negative; line 3, column AMT: -1 is negative; line 4, column AMT: -1 is \
                    negative; and 17 more";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn both_backends_agree_and_thousands_of_records_are_one_event() {
    let rows: String = (0..5000).map(|k| format!("{},{},{}\n", 0.01 * f64::from(k), k % 3 + 1, k % 2 + 1)).collect();
    let model = parse(&format!("{PK}doses csv(\"d.csv\")\n"), &format!("TIME,AMT,CMT\n{rows}")).unwrap();
    assert_eq!(model.checked().events.len(), 2);
    let run = |backend| {
        let compiled = model.compile_with(backend).unwrap();
        let solution = compiled.problem().span(0.0..60.0).solve().unwrap();
        assert_eq!(solution.events().count(), 5000);
        solution.last().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(run(Backend::Interpret), run(Backend::Jit));
}

#[test]
fn numbers_alone_are_in_the_units_of_what_they_are_for() {
    let text = "time t: hour\nparam ka: 1/hour = 1.1, k: 1/hour = 0.2, F = 0.5\ninit depot: mg = 0, central: mg = 0\n\
                depot' = -ka*depot\ncentral' = ka*depot - k*central\n";
    let plain =
        format!("{text}dose depot 100 every 12 from 0 to 24 lag 0.5 bioavailability F\ndose central 60 at 30 over 2\n");
    let with_units = format!(
        "{text}dose depot 0.1 [g] every 0.5 [day] from 0 [min] to 1 [day] lag 30 [min] bioavailability F\n\
         dose central 60000 [ug] at 30 [hour] over 120 [min]\n"
    );
    let table = "TIME,AMT,CMT,RATE,II,ADDL\n0,100,1,.,12,2\n30,60,2,30,.,.\n";
    let read = format!("{text}doses csv(\"d.csv\") {{ lag depot = 30 [min], bioavailability depot = F }}\n");
    let runs: Vec<Vec<f64>> = [plain, with_units, read]
        .iter()
        .map(|text| columns(&parse(text, table).unwrap_or_else(|e| panic!("{e}")), &[]))
        .collect();
    assert!(runs[0].iter().any(|x| *x > 10.0));
    for other in &runs[1..] {
        assert!(runs[0].iter().zip(other).all(|(a, b)| (a - b).abs() <= 1e-9 * (1.0 + b.abs())));
    }
    // What doses bring in for themselves is not listed.
    let listed = |statement: &str| {
        let model = parse(&format!("{text}{statement}\n"), table).unwrap_or_else(|e| panic!("{e}"));
        model.show(rhapsode::Show::Units, rhapsode::expr::Format::Text).unwrap()
    };
    for statement in ["dose central 60 at 30 over 2", "doses csv(\"d.csv\")"] {
        assert!(
            listed(statement).contains("depot") && !listed(statement).contains("infusion"),
            "{}",
            listed(statement)
        );
    }
    for wrong in ["dose depot 100 [L] at 0", "dose depot 100 at 0 [mg]", "dose depot 100 at 0 over 3 [mg]"] {
        let errors = parse(&format!("{text}{wrong}\n"), "").unwrap_err().to_string();
        assert!(errors.contains("E0261"), "{wrong}\n{errors}");
    }
}

#[test]
fn infusions_into_elements_of_arrays() {
    let array =
        "const N = 4\nindex i = 1..N\ninit u[i] = 0\nu[i]' = -0.3*u[i] + 0.1*u[i-1] for i in 2..N\nu[1]' = -0.3*u[1]\n";
    let scalar = "init u1 = 0, u2 = 0, u3 = 0, u4 = 0\nu1' = -0.3*u1\nu2' = -0.3*u2 + 0.1*u1\nu3' = -0.3*u3 + 0.1*u2\n\
                  u4' = -0.3*u4 + 0.1*u3\n";
    let doses = [
        (
            "dose u[1] 10 at 0, 1 over 3\ndose u[3] 5 every 4 from 2 to 12 over 1.5",
            "dose u1 10 at 0, 1 over 3\ndose u3 5 every 4 from 2 to 12 over 1.5",
        ),
        ("dose u[i] (10*i) at i over 2 for i in 2..3", "dose u2 20 at 2 over 2\ndose u3 30 at 3 over 2"),
    ];
    for (of_array, of_scalars) in doses {
        let run = |text: String| {
            let model = Model::parse(&text).unwrap_or_else(|e| panic!("{e}"));
            let compiled = model.compile().unwrap();
            compiled.problem().span(0.0..20.0).rtol(1e-11).atol(1e-11).solve().unwrap().last()
        };
        let (a, b) = (run(format!("{array}{of_array}\n")), run(format!("{scalar}{of_scalars}\n")));
        assert!(
            b.iter().all(|x| *x > 0.0 || b[0] == 0.0) && a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9),
            "{a:?} {b:?}"
        );
    }
}

/// One compartment after doses every `tau` for ever: the geometric sum of what is left of each.
#[test]
fn a_steady_state_is_what_doses_for_ever_lead_to() {
    let one = "param k = 0.2\ninit A = 0\nA' = -k*A\ndoses csv(\"d.csv\")\n";
    let at = |text: &str, table: &str, times: Vec<f64>| {
        let compiled = parse(text, table).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
        let problem = compiled.problem().span(0.0..60.0).rtol(1e-10).atol(1e-10);
        let solution = problem.save(rhapsode::solve::Save::At(times)).solve().unwrap_or_else(|e| panic!("{e}"));
        solution.column("A").unwrap().to_vec()
    };
    let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-6 * wanted, "{found} {wanted}");
    let left = |t: f64| (-0.2 * t).exp();
    // Peak D/(1 − e^(−k τ)) at once, and again after each interval.
    let found = at(one, "TIME,AMT,II,ADDL,SS\n0,100,12,4,1\n", vec![0.0, 11.0, 12.0, 48.0, 60.0]);
    let peak = 100.0 / (1.0 - left(12.0));
    for (found, wanted) in found.iter().zip([peak, peak * left(11.0), peak, peak, peak * left(12.0)]) {
        near(*found, wanted);
    }
    // 100 in the morning and 50 in the evening.
    let found = at(one, "TIME,AMT,II,SS\n0,100,24,1\n10,50,24,2\n", vec![0.0, 10.0]);
    near(found[0], (100.0 + 50.0 * left(14.0)) / (1.0 - left(24.0)));
    near(found[1], (100.0 * left(10.0) + 50.0) / (1.0 - left(24.0)));
    // Infusions longer than their distance overlap: two, for half of the time three, are under way at the start.
    let rate = 10.0;
    let found = at(one, "TIME,AMT,RATE,II,ADDL,SS\n0,50,10,2,40,1\n", vec![0.0, 1.5, 2.0]);
    // Amount at the beginning of an interval, from one past infusion of 5 h begun s ago.
    let of = |s: f64| rate / 0.2 * if s < 5.0 { 1.0 - left(s) } else { (1.0 - left(5.0)) * left(s - 5.0) };
    let sum = |t: f64| (0..200).map(|j| of(2.0 * f64::from(j) + t)).sum::<f64>();
    for (found, t) in found.iter().zip([0.0, 1.5, 2.0]) {
        near(*found, if t == 2.0 { sum(0.0) } else { sum(t) });
    }
    // With a lag the dose before is still to come.
    let lagged = one.replace("d.csv\")", "d.csv\") { lag A = 3 }");
    let found = at(&lagged, "TIME,AMT,II,ADDL,SS\n0,100,12,4,1\n", vec![0.0, 3.0]);
    near(found[0], peak * left(9.0));
    near(found[1], peak);
}

/// An infusion begun before the run is not under way, and its end takes nothing away.
#[test]
fn runs_that_begin_within_an_infusion_do_not_lose_by_its_end() {
    for statement in ["dose A 60 at 0, 10 over 4", "dose A 60 every 10 from 0 to 10 over 4", "doses csv(\"d.csv\")"] {
        let text = format!("init A = 0\nA' = 0*A\n{statement}\nsolve t = 2..30");
        let model = parse(&text, "TIME,AMT,RATE,II,ADDL\n0,60,15,10,1\n").unwrap_or_else(|e| panic!("{e}"));
        let solution = model.compile().unwrap().problem().solve().unwrap_or_else(|e| panic!("{e}"));
        assert!((solution.last()[0] - 60.0).abs() < 1e-9, "{statement}: {:?}", solution.last());
        let from = |t0: f64| {
            let compiled = model.compile().unwrap();
            compiled.problem().span(t0..30.0).solve().unwrap_or_else(|e| panic!("{e}")).last()[0]
        };
        assert!((from(0.0) - 120.0).abs() < 1e-9 && (from(10.0) - 60.0).abs() < 1e-9, "{statement}");
        assert!(from(12.0).abs() < 1e-9 && from(14.0).abs() < 1e-9, "{statement}");
    }
}

#[test]
fn a_steady_state_that_is_none_is_refused() {
    let one = "param k = 0.2\ninit A = 0\nA' = -k*A\ndoses csv(\"d.csv\")\n";
    let error = parse(one, "TIME,AMT,II,SS\n0,100,.,.\n20,50,12,1\n").unwrap_err().to_string();
    assert!(error.contains("line 3, column SS") && error.contains("from time 0 on"), "{error}");
    let run = |text: &str, from: f64| {
        let compiled = parse(text, "TIME,AMT,II,SS\n5,100,12,1\n").unwrap().compile().unwrap();
        compiled.problem().span(from..60.0).solve().unwrap_err().to_string()
    };
    assert!(run(one, 0.0).contains("in a steady state from 5 on, and the run starts at 0"), "{}", run(one, 0.0));
    // Without a way out amounts pile up.
    let closed = one.replace("-k*A", "0*A");
    assert!(run(&closed, 5.0).contains("lead to no steady state"), "{}", run(&closed, 5.0));
}
