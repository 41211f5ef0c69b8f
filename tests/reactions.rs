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

/// Right-hand sides at the same point of two models, state by state.
fn same_slopes(network: &str, plain: &str) {
    let slopes = |text: &str| {
        let compiled = Model::parse(text).unwrap_or_else(|errors| panic!("{errors}")).compile().unwrap();
        let bound = compiled.bind(&compiled.problem().parameter_values().unwrap());
        let names = compiled.model().states();
        // A number for each state that does not depend on its place.
        let value = |name: &str| 1.0 + name.bytes().fold(0u32, |h, b| (h * 31 + u32::from(b)) % 997) as f64 / 100.0;
        let y: Vec<f64> = (0..names.len()).map(|k| value(&names.get(k))).collect();
        let (mut w, mut dy) = (vec![0.0; compiled.system().shape().work], vec![0.0; y.len()]);
        compiled.system().rhs(0.5, &y, &bound, &mut w, &mut dy);
        let mut list: Vec<(String, f64)> = dy.iter().enumerate().map(|(k, dy)| (names.get(k), *dy)).collect();
        list.sort_by(|a, b| a.0.cmp(&b.0));
        list
    };
    let (network, plain) = (slopes(network), slopes(plain));
    assert_eq!(network.len(), plain.len());
    for ((name, a), (other, b)) in network.iter().zip(&plain) {
        assert_eq!(name, other);
        assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{name}: {a}, expected {b}");
    }
}

#[test]
fn a_chain_of_hops_is_a_family() {
    let head = "const N = 5\nindex i = 1..N\nparam k = 2, q[i] = i\ninit A[i] = i\n";
    same_slopes(
        &format!("{head}hop: A[i] <-> A[i+1] @ k, q[i] for i in 1..N-1\nA[1] -> 0 @ k\n"),
        &format!(
            "{head}hop[i] = k*A[i] - q[i]*A[i+1] for i in 1..N-1\nA[i]' = hop[i-1] - hop[i] for i in 2..N-1\n\
             A[1]' = -hop[1] - k*A[1]\nA[N]' = hop[N-1]\n"
        ),
    );
}

#[test]
fn hops_around_a_ring_wrap_in_both_directions() {
    let head = "const N = 6\nindex i = 1..N periodic\nparam k = 2, q = 3\ninit A[i] = i, B[i] = 0\n";
    same_slopes(
        &format!("{head}A[i] -> A[i+1] @ k\nA[i] -> A[i-2] + B[i] @ q\n"),
        &format!("{head}A[i]' = -k*A[i] + k*A[i-1] - q*A[i] + q*A[i+2]\nB[i]' = q*A[i]\n"),
    );
}

#[test]
fn sites_share_a_ligand() {
    let head = "const N = 4\nindex i = 1..N\nindex s = 1..2\nparam kf = 2, kr = 3, c[s] = s\n\
                init L = 1, R[i,s] = i + s, C[i] = 0\n";
    same_slopes(
        &format!("{head}bind: L + R[i,s] <-> C[i] @ kf*c[s], kr\nR[1,s] => 0.5 L @ c[s]\n"),
        &format!(
            "{head}bind[i,s] = kf*c[s]*L*R[i,s] - kr*C[i]\nL' = -sum[i, s](bind[i,s]) + 0.5*sum[s](c[s])\n\
             R[i,s]' = -bind[i,s]\nR[1,s]' = -bind[1,s] - c[s]\nC[i]' = sum[s](bind[i,s])\n"
        ),
    );
}

#[test]
fn arrays_take_added_terms_too() {
    let head = "const N = 4\nindex i, j = 1..N\nparam k = 2\ninit A[i,j] = i + j\n";
    same_slopes(
        &format!("{head}A[i,j]' += -A[i,j]\nA[2,j]' += k\nA[i,3]' += t for i in 2..3\n2 A[i,1] -> 0 @ k\n"),
        &format!(
            "{head}A[i,j]' = -A[i,j] + (if i == 2 then k else 0) + (if j == 3 and i > 1 and i < 4 then t else 0) \
             - (if j == 1 then 2*k*A[i,1]^2 else 0)\n"
        ),
    );
}

/// Elements that no reaction mentions do not change, and compiling does not depend on the size.
#[test]
fn arrays_of_reactions_stay_families() {
    let text = |n: usize| {
        format!(
            "const N = {n}\nindex i = 1..N\nparam k = 2\ninit A[i] = 1\nA[i] -> A[i+1] @ k for i in 2..N-2\n\
             A[i] + A[i-1] -> 2 A[i] @ k for i in 3..5\n"
        )
    };
    let pieces = |n| Model::parse(&text(n)).unwrap().checked().derivatives[0].pieces.len();
    assert_eq!(pieces(20), pieces(100_000));
    let compiled = Model::parse(&text(20)).unwrap().compile().unwrap();
    let run = compiled.problem().span(0.0..1.0).solve().unwrap();
    assert_eq!(run.column("A[1]").unwrap().last(), Some(&1.0));
    assert_eq!(run.column("A[20]").unwrap().last(), Some(&1.0));
}

#[test]
fn mistakes_in_arrays_of_reactions_point_at_the_subscript() {
    let head = "const N = 4\nindex i = 1..N\nparam k = 2\ninit A[i] = 1, B = 0\n";
    for (line, code) in [
        ("A[i] -> A[i+1] @ k", "E0209"),
        ("A[2*i] -> B @ k", "E0218"),
        ("A[i] -> B @ k\nA -> B @ k", "E0211"),
        ("A[i] -> B[i] @ k", "E0211"),
    ] {
        let errors = Model::parse(&format!("{head}{line}\n")).unwrap_err();
        let codes: Vec<&str> = errors.diagnostics().iter().map(|d| d.code.0).collect();
        assert!(codes.contains(&code), "{line}: {errors}");
    }
}

#[test]
fn distinct_encounters_are_counted_where_asked() {
    let head = "param k = 3\ninit A = 1, B = 0, C = 0\n";
    let network = "2 A + B -> 3 C @ k\n3 C <-> A @ k, 1\n";
    same_slopes(
        &format!("reactions combinatorial\n{head}{network}"),
        &format!("{head}v = k*A^2*B/2\nw = k*C^3/6 - A\nA' = -2*v + w\nB' = -v\nC' = 3*v - 3*w\n"),
    );
    same_slopes(&format!("reactions plain\n{head}{network}"), &format!("{head}{network}"));
    let errors = Model::parse(&format!("reactions combinatoric\nreactions plain\n{head}{network}")).unwrap_err();
    let found: Vec<&str> = errors.diagnostics().iter().map(|d| d.code.0).collect();
    assert_eq!(found, ["E0243", "E0202"], "{errors}");
}

#[test]
fn conserved_sums_of_arrays_go_element_by_element() {
    let text = "const N = 3\nindex i = 1..N\nparam k = 1\ninit A[i] = 1, B[i] = 0, E = 1\n\
                A[i] + E -> B[i] + E @ k\nA[i] -> A[i+1] @ k for i in 1..2\n";
    let shown = Model::parse(text).unwrap().show(Show::Conserved, Format::Text).unwrap();
    assert_eq!(shown, "A[1] + A[2] + A[3] + B[1] + B[2] + B[3]\nE\n");
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

/// `reduce = conserved` integrates fewer states and gives the same columns.
#[test]
fn a_reduced_network_has_the_same_solution() {
    let text = |option: &str| {
        format!(
            "{RATES}index i = 1..3\ninit X[i] = i\nbind:  E + S <-> ES @ kf, kr\ncat:   ES -> E + P @ kcat\n\
             P -> S @ Vmax\nX[i] -> X[i+1] @ kr for i in 1..2\nX[3] -> 2 X[1] @ kr*t\n\
             output total = E + ES\n\
             solve t = 0..5 {{ rtol = 1e-10, atol = 1e-13, save = 21, method = Rodas5P, reduce = {option} }}\n"
        )
    };
    let (full, reduced) = (text("none"), text("conserved"));
    let compiled = Model::parse(&reduced).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
    for start in [0.1, 2.0] {
        let run = |text: &str| {
            let compiled = Model::parse(text).unwrap_or_else(|e| panic!("{e}")).compile().unwrap();
            compiled.problem().set("E", start).unwrap().solve().unwrap()
        };
        let (full, reduced) = (run(&full), run(&reduced));
        assert_eq!(full.times(), reduced.times());
        for name in ["E", "S", "ES", "P", "X[1]", "X[3]", "total"] {
            for (a, b) in full.column(name).unwrap().iter().zip(reduced.column(name).unwrap()) {
                assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{name}: {a} {b}");
            }
        }
        // The sum is kept to rounding, and one state follows from it: the error test never sees it.
        for (e, es) in reduced.column("E").unwrap().iter().zip(reduced.column("ES").unwrap()) {
            assert!((e + es - start).abs() <= 1e-15 * (1.0 + start), "{e} {es}");
        }
    }
    // What was computed before a failure has all columns too.
    let failed = compiled.problem().max_steps(3).solve().unwrap_err();
    let rhapsode::SolveError::Failed(failure) = failed else { panic!("{failed}") };
    assert!(failure.partial.column("ES").is_ok() && failure.partial.column("E").is_ok());
}
