//! Large networks as loops over index tables against the same networks as straight-line code, and both backends against
//! each other: on generated networks of the shapes of rule-based models, and on random ones of other shapes.

#[path = "common/network.rs"]
mod network;

use network::{Choices, call};
use proptest::prelude::*;
use rhapsode::backend::interpret::Interpreter;
use rhapsode::kernel::program::{Program, Stmt};
use rhapsode::kernel::{Form, Lowered, Target64, choose, lower_as};
use rhapsode::{Backend, Model};

fn model(text: &str) -> Model {
    Model::parse(text).unwrap_or_else(|errors| panic!("{text}\n{errors}"))
}

fn lowered(model: &Model, fma: bool, form: Form) -> Lowered {
    lower_as(model.checked(), model.derivatives(), Target64 { fma }, form)
}

fn lookups(program: &Program, kernel: &str) -> usize {
    fn count(body: &[Stmt]) -> usize {
        body.iter()
            .map(|statement| match statement {
                Stmt::Lookup { .. } => 1,
                Stmt::Loop { body, .. } => count(body),
                _ => 0,
            })
            .sum()
    }
    program.kernel(kernel).map_or(0, |kernel| kernel.pieces.iter().map(|piece| count(&piece.body)).sum())
}

/// y off the start, and the bound parameters: the model's, then what `bind` makes of them.
fn point(model: &Model, lowered: &Lowered, kernels: &Interpreter) -> (Vec<f64>, Vec<f64>) {
    let compiled = model.compile_with(Backend::Interpret).unwrap();
    let mut p = compiled.problem().parameter_values().unwrap();
    let hoisted = call(kernels, "bind", &[], &p);
    p.extend(hoisted);
    assert_eq!(p.len(), lowered.bound);
    let mut y = call(kernels, "init", &vec![0.0; model.states().len()], &p);
    y.iter_mut().enumerate().for_each(|(k, y)| *y += 0.05 + 0.013 * ((k * 7) % 13) as f64);
    (y, p)
}

/// Equal numbers: to the last bit, but that zeros have no sign and one NaN is as good as another.
fn same(a: &[f64], b: &[f64], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (k, (x, y)) in a.iter().zip(b).enumerate() {
        assert!(x == y || x.is_nan() && y.is_nan(), "{what}, value {k}: {x:e} {y:e}");
    }
}

/// Both forms, both kinds of rounding, both backends.
fn agree(text: &str) {
    let model = model(text);
    for fma in [false, true] {
        let (straight, tables) = (lowered(&model, fma, Form::Straight), lowered(&model, fma, Form::Tables));
        let [a, b] = [&straight, &tables].map(|form| Interpreter::new(&form.program).unwrap_or_else(|e| panic!("{e}")));
        let ((y, p), (z, q)) = (point(&model, &straight, &a), point(&model, &tables, &b));
        assert_eq!(y, z);
        for name in ["rhs", "jacobian"] {
            let (one, other) = (call(&a, name, &y, &p), call(&b, name, &z, &q));
            same(&one, &other, &format!("{name}, fma {fma}, of\n{text}"));
            #[cfg(feature = "jit")]
            if !fma || rhapsode::backend::host_has_fma() {
                let native = rhapsode::backend::native::Native::new(&tables.program).unwrap_or_else(|e| panic!("{e}"));
                let bits =
                    |list: &[f64]| list.iter().map(|x| if x.is_nan() { 1 } else { x.to_bits() }).collect::<Vec<_>>();
                assert_eq!(bits(&call(&native, name, &z, &q)), bits(&other), "{name}, fma {fma}, of\n{text}");
            }
        }
    }
}

#[test]
fn generated_networks_are_the_same_in_both_forms() {
    for (species, reactions) in [(20, 60), (60, 400), (356, 3000)] {
        let text = network::network(species, reactions, reactions as u64);
        agree(&text);
        let tables = lowered(&model(&text), false, Form::Tables);
        assert!(lookups(&tables.program, "rhs") > 5 && lookups(&tables.program, "jacobian") > 5);
    }
}

/// A large network takes few statements as tables, and one more reaction takes none.
#[test]
fn the_size_of_tables_does_not_grow_with_the_network() {
    let statements = |reactions| {
        let tables = lowered(&model(&network::network(200, reactions, 5)), true, Form::Tables);
        let pieces = |name| tables.program.kernel(name).map_or(0, |kernel| kernel.pieces.len());
        (pieces("rhs"), pieces("jacobian"))
    };
    let (few, many) = (statements(1500), statements(3000));
    assert!(many.0 <= few.0 + 10 && many.0 < 60, "{few:?} {many:?}");
}

#[test]
fn the_form_is_chosen_by_size_and_said() {
    let (form, reason) = choose(1000);
    assert_eq!(form, Form::Straight);
    assert!(reason.contains("1000 operations"), "{reason}");
    assert_eq!(choose(10_000_000).0, Form::Tables);
    let small = lowered(&model(&network::network(60, 800, 1)), true, Form::Chosen);
    assert_eq!(lookups(&small.program, "rhs"), 0);
    assert!(small.forms.iter().any(|reason| reason.starts_with("rhs: straight-line code")), "{:?}", small.forms);
    // A small model has nothing to choose.
    assert!(lowered(&model("init x = 1\nx' = -x\n"), true, Form::Chosen).forms.is_empty());
}

/// A network of rates of all kinds: not mass action only, fluxes used elsewhere, long sums written by hand.
fn random(seed: u64) -> String {
    let mut c = Choices(seed);
    let n = 4 + c.below(10);
    let mut text = String::from("param a = 0.7, b = 1.3, c = 0.2\n");
    for s in 0..n {
        text += &format!("init S{s} = {}\n", 0.1 * (s + 1) as f64);
    }
    let reactions = 10 + c.below(60);
    for r in 0..reactions {
        let mut s = || c.below(n);
        let (i, j, k, l) = (s(), s(), s(), s());
        let number = ["1", "2.5", "a", "b*c", "3", "a*0.1"][c.below(6)];
        text += &match c.below(12) {
            0 => format!("S{i} + S{j} -> S{k} @ {number}\n"),
            1 => format!("S{i} <-> S{j} + S{k} @ {number}, a\n"),
            2 => format!("v{r}: S{i} => S{j} @ a*S{i}/(b + S{i})\n"),
            3 => format!("2 S{i} + S{j} -> 3 S{k} + S{l} @ {number}\n"),
            4 => format!("S{i} => 0 @ if S{j} > 0.3 then {number}*S{i} else c*S{i}*S{k}\n"),
            5 => format!("0 -> S{i} @ {number}\n"),
            6 => format!("S{i} => S{j} @ exp(-S{k})*S{i}\n"),
            7 => format!("S{i}' += c*S{j}*S{k} - {number}*S{l}\n"),
            8 => format!("S{i} => 2.5 S{j} @ sqrt(S{i}*S{j} + {number})*t\n"),
            9 => format!("w{r}: S{i} -> S{j} @ {number}\nS{k}' += 0.5*w{r}\n"),
            10 => format!("S{i} -> 0 @ {number}\n"),
            _ => format!("S{i} + S{i} -> S{j} @ {number}\n"),
        };
    }
    for s in 0..n {
        text += &format!("S{s}' += {}\n", (0..n).map(|j| format!("c*S{j}*S{s}")).collect::<Vec<_>>().join(" - "));
    }
    text + "output total = S0 + S1\n"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn random_networks_are_the_same_in_both_forms(seed in any::<u64>()) {
        agree(&random(seed));
    }
}
