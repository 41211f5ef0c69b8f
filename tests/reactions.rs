//! Reaction networks against the equations they stand for.

use rhapsode::Model;
use rhapsode::Show;
use rhapsode::expr::Format;
use rhapsode::solve::Solution;

fn solve(text: &str) -> Solution {
    let model = Model::parse(text).unwrap_or_else(|errors| panic!("{errors}"));
    model.compile().unwrap().problem().solve().unwrap()
}

fn equations(text: &str) -> String {
    Model::parse(text).unwrap_or_else(|errors| panic!("{errors}")).show(Show::Equations, Format::Text).unwrap()
}

const RATES: &str = "param kf = 1e2, kr = 1, kcat = 10, Vmax = 0.3, Km = 0.5\n\
                     init E = 0.1, S = 1, ES = 0, P = 0\n";
const RUN: &str = "solve t = 0..5 { rtol = 1e-8, atol = 1e-12, save = 21 }\n";

#[test]
fn a_network_is_its_equations_bit_for_bit() {
    let network = format!(
        "{RATES}bind:  E + S <-> ES @ kf, kr\ncat:   ES -> E + P @ kcat\ndecay: P => 0 @ Vmax*P/(Km + P)\n{RUN}"
    );
    let twin = format!(
        "{RATES}bind = kf*E*S - kr*ES\ncat = kcat*ES\ndecay = Vmax*P/(Km + P)\n\
         E' = -bind + cat\nS' = -bind\nES' = bind - cat\nP' = cat - decay\n{RUN}"
    );
    assert_eq!(equations(&network), equations(&twin));
    let (network, twin) = (solve(&network), solve(&twin));
    assert_eq!(network.times(), twin.times());
    for name in ["E", "S", "ES", "P"] {
        assert_eq!(network.column(name).unwrap(), twin.column(name).unwrap(), "{name}");
    }
}

#[test]
fn coefficients_are_exponents_and_multiples_without_factorials() {
    let head = "param k = 3\ninit A = 1, B = 0, C = 0\n";
    let plain = "v = k*A^2*B\nA' = -(2*v)\nB' = -v\nC' = 3*v\n";
    assert_eq!(equations(&format!("{head}2 A + B -> 3 C @ k\n")), equations(&format!("{head}{plain}")));
    // The same species twice on a side counts twice.
    assert_eq!(equations(&format!("{head}A + B + A -> C + 2 C @ k\n")), equations(&format!("{head}{plain}")));
    // Fractions go with an explicit rate.
    let plain = "v = k*A\nA' = -v\nC' = 0.25*v\n";
    let head = "param k = 3\ninit A = 1, C = 0\n";
    assert_eq!(equations(&format!("{head}A => 0.25 C @ k*A\n")), equations(&format!("{head}{plain}")));
}

#[test]
fn catalysts_sources_and_sinks() {
    let text = "param k = 2, q = 3\ninit E = 1, A = 0\nE + A -> E @ k\n0 -> A @ q\n";
    let plain = "param k = 2, q = 3\ninit E = 1, A = 0\nE' = 0\nA' = -(k*E*A) + q\n";
    assert_eq!(equations(text), equations(plain));
}

#[test]
fn a_label_is_the_net_flux() {
    let text = "param kf = 2, kr = 1\ninit A = 1, B = 0, made = 0\nflip: A <-> B @ kf, kr\nmade' = flip\n\
                output v = 2*flip\nsolve t = 0..3 { rtol = 1e-10, atol = 1e-12, save = 7 }\n";
    let run = solve(text);
    let (a, b) = (run.column("A").unwrap(), run.column("B").unwrap());
    let (made, v) = (run.column("made").unwrap(), run.column("v").unwrap());
    for k in 0..7 {
        assert!((made[k] - b[k]).abs() < 1e-9, "{} {}", made[k], b[k]);
        assert_eq!(v[k], 2.0 * (2.0 * a[k] - b[k]));
    }
}

#[test]
fn added_terms_join_the_sum() {
    let text = "param k = 2\ninit A = 1, B = 0, V = 0\nA -> B @ k\nA' += sin(t)\nA' += 1\nV' += A\n";
    let plain = "param k = 2\ninit A = 1, B = 0, V = 0\nv = k*A\nA' = -v + sin(t) + 1\nB' = v\nV' = A\n";
    assert_eq!(equations(text), equations(plain));
}

#[test]
fn states_stand_in_order_of_first_mention() {
    let text = "param k = 1\ninit A = 1, B = 0, C = 0, D = 0\nD' = -D\nC -> A @ k\nB' += k\n";
    let order: Vec<String> = equations(text).lines().map(|line| line[..2].to_string()).collect();
    assert_eq!(order, ["D'", "C'", "A'", "B'"]);
}

#[test]
fn an_error_in_a_rate_is_told_once_and_where_it_is() {
    let text = "param k = 1\ninit A = 1, B = 0\nlost: A <-> B @ k, kk\n";
    let errors = Model::parse(text).unwrap_err();
    let found: Vec<_> = errors.diagnostics().iter().map(|d| (d.code.0, d.message.clone())).collect();
    assert_eq!(found, [("E0201", "unknown name `kk`".to_string())]);
}

#[test]
fn what_goes_wrong_with_names_shows_both_places() {
    for (text, code) in [
        ("param A = 1, k = 1\ninit B = 0\nA -> B @ k\n", "E0202"),
        ("param k = 1\ninit A = 1, B = 0\nv: A -> B @ k\nv: B -> A @ k\n", "E0202"),
        ("param k = 1\ninit A = 1, B = 0\nk: A -> B @ 2\n", "E0202"),
        ("param k = 1\ninit A = 1, B = 0\nA' = -A\nA -> B @ k\n", "E0240"),
        ("param k = 1\ninit A = 1\nA' = -A\nA' += k\n", "E0240"),
    ] {
        let errors = Model::parse(text).unwrap_err();
        let [diagnostic] = errors.diagnostics() else { panic!("{text}{errors}") };
        assert_eq!((diagnostic.code.0, diagnostic.related.len()), (code, 1), "{errors}");
    }
    let errors = Model::parse("param k = 1\ninit A = 1\nA -> B @ k\n").unwrap_err();
    assert_eq!(errors.diagnostics()[0].code.0, "E0206", "{errors}");
}

#[test]
fn arrays_of_reactions_are_refused_once() {
    let text = "const N = 3\nindex i = 1..N\nparam k = 1\ninit A[i] = 1\nA[i] -> 0 @ k for i in 1..N\n";
    let errors = Model::parse(text).unwrap_err();
    let [diagnostic] = errors.diagnostics() else { panic!("{errors}") };
    assert_eq!(diagnostic.code.0, "E0114");
}

#[test]
fn stoichiometric_sums_stay_along_a_stiff_run() {
    let text = "param k1 = 0.04, k2 = 3e7, k3 = 1e4\ninit A = 1, B = 0, C = 0\n\
                A -> B @ k1\n2 B -> B + C @ k2\nB + C -> A + C @ k3\n\
                solve t = 0..1e6 { rtol = 1e-8, atol = 1e-14, save = log(1e-4, 1e6, 30) }\n";
    let run = solve(text);
    let columns = ["A", "B", "C"].map(|name| run.column(name).unwrap());
    for k in 0..run.times().len() {
        let total: f64 = columns.iter().map(|column| column[k]).sum();
        assert!((total - 1.0).abs() < 1e-12, "{total}");
    }
}
