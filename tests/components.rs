//! Components: a model of instances is, to the last bit, the model one would write without them.

use std::collections::BTreeMap;

use rhapsode::name::plain;
use rhapsode::solve::Method;
use rhapsode::source::Loader;
use rhapsode::{Backend, Model};

fn parse(text: &str) -> Model {
    Model::parse(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Two models with the same solution, bit for bit; names of the second are those of the first with `_` for dots. Their
/// statements stand in the same order, since that decides on the last bits.
fn same(text: &str, by_hand: &str) {
    let (model, flat) = (parse(text), parse(by_hand));
    let names = |model: &Model| -> Vec<(String, Vec<(i64, usize)>)> {
        let all = [model.states(), model.parameters(), model.outputs()];
        let blocks = all.iter().flat_map(|names| names.blocks());
        blocks.map(|block| (plain(&block.name).replace('.', "_"), block.dims.clone())).collect()
    };
    assert_eq!(names(&model), names(&flat));
    for backend in [Backend::Interpret, Backend::Jit] {
        let run = |model: &Model| {
            let compiled = model.compile_with(backend).unwrap();
            // Stages: the order of the sums in a series follows the order in which the equations were read.
            let solution = compiled.problem().span(0.0..3.0).method(Method::Dop853).solve().unwrap();
            let values = |k: usize| solution.state(k).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            (solution.times().to_vec(), (0..model.states().len()).map(values).collect::<Vec<_>>())
        };
        assert_eq!(run(&model), run(&flat));
    }
}

const CELL: &str = "component Cell(gNa = 0.5, I, E = 2*gNa in (0, 100)) {
  param C = 1
  init V = -1, w = 0
  fn gate(v, s) = 1/(1 + exp(-v/s))
  const slow = 0.1
  inward = gNa*gate(V, 2)*(E - V)
  V' = (inward + I - w)/C
  w' = slow*(V - w)
  output flow = inward
}
";

#[test]
fn two_instances_are_two_sets_of_equations() {
    let text = format!(
        "{CELL}a = Cell(gNa = 0.7)\nb = Cell(I = g*(a.V - 1), E = k + 1)\na.I = g*(b.V - a.V)\n\
         param g = 0.3, k = 2\noutput both = a.V + b.w + a.C + cell_in\ncell_in = a.inward\n"
    );
    // `I` of both and `E` of `b` are computed; `E` of `a` stays a parameter.
    same(
        &text,
        "fn gate(v, s) = 1/(1 + exp(-v/s))
         param a_gNa = 0.7, a_E = 2*a_gNa, a_C = 1
         init a_V = -1, a_w = 0
         a_in = a_gNa*gate(a_V, 2)*(a_E - a_V)
         a_V' = (a_in + a_I - a_w)/a_C
         a_w' = 0.1*(a_V - a_w)
         output a_flow = a_in
         param b_gNa = 0.5
         b_I = g*(a_V - 1)
         b_E = k + 1
         param b_C = 1
         init b_V = -1, b_w = 0
         b_in = b_gNa*gate(b_V, 2)*(b_E - b_V)
         b_V' = (b_in + b_I - b_w)/b_C
         b_w' = 0.1*(b_V - b_w)
         output b_flow = b_in
         a_I = g*(b_V - a_V)
         param g = 0.3, k = 2
         output both = a_V + b_w + a_C + cell_in
         cell_in = a_in",
    );
}

#[test]
fn an_array_of_instances_is_an_array() {
    let text = format!(
        "const N = 7\nindex i = 1..N periodic\n{CELL}c[i] = Cell(gNa = 0.1*i)\nparam g = 0.2\n\
         c[i].I = g*(c[i-1].V - 2*c[i].V + c[i+1].V)\nc[2].I = 1\noutput mean = sum[i](c[i].V)/N\n"
    );
    same(
        &text,
        "const N = 7
         index i = 1..N periodic
         fn gate(v, s) = 1/(1 + exp(-v/s))
         param c_gNa[i] = 0.1*i, c_E[i] = 2*c_gNa[i], c_C[i] = 1
         init c_V[i] = -1, c_w[i] = 0
         c_in[i] = c_gNa[i]*gate(c_V[i], 2)*(c_E[i] - c_V[i])
         c_V[i]' = (c_in[i] + c_I[i] - c_w[i])/c_C[i]
         c_w[i]' = 0.1*(c_V[i] - c_w[i])
         output c_flow[i] = c_in[i]
         param g = 0.2
         c_I[i] = g*(c_V[i-1] - 2*c_V[i] + c_V[i+1])
         c_I[2] = 1
         output mean = sum[i](c_V[i])/N",
    );
}

#[test]
fn names_of_elements_put_the_subscript_where_it_is_written() {
    let text = "index i = 1..2\nindex j = 0..1\ncomponent Pair(k = 1) {\n  init x[j] = j, y = 1\n  x[j]' = -k*x[j]\n  y'' = -y\n  \
                init y' = 0\n}\ncomponent Box() { part[i] = Pair(k = i) }\nb = Box()\np[i] = Pair()\nq[i,j] = Box()\n";
    let names: Vec<String> = parse(text).states().iter().collect();
    assert_eq!(names[..4], ["b.part[1].x[0]", "b.part[1].x[1]", "b.part[2].x[0]", "b.part[2].x[1]"]);
    assert!(names.contains(&"p[2].y'".to_string()), "{names:?}");
    // The indices `i` and `j` of the outer array are not those inside.
    assert!(names.contains(&"q[2,1].part[1].x[0]".to_string()), "{names:?}");
    assert_eq!(names.len(), 2 * 4 + 2 * 4 + 4 * 2 * 4);
    let model = parse(text);
    for (k, name) in names.iter().enumerate() {
        assert_eq!(model.states().find(name), Some(k));
    }
    let compiled = model.compile().unwrap();
    let problem = compiled.problem().set("p[2].k", 3.0).unwrap().set("q[1,0].part[2].k", 5.0).unwrap();
    assert_eq!(problem.parameter_values().unwrap().iter().sum::<f64>(), 3.0 + (1.0 + 3.0) + 3.0 * 3.0 + (1.0 + 5.0));
    let unknown = compiled.problem().set("p[2].kk", 1.0).err().unwrap().to_string();
    assert!(unknown.contains("p[2].kk"), "{unknown}");
}

/// The lowered program of an array of instances does not grow with the array.
#[test]
fn compile_time_does_not_depend_on_how_many_instances_there_are() {
    let program = |n: usize| {
        let text =
            format!("const N = {n}\nindex i = 1..N periodic\n{CELL}c[i] = Cell(gNa = 0.1 + i/N, I = c[i-1].V)\n");
        parse(&text).lower().program.to_string()
    };
    let (small, large) = (program(50), program(50_000));
    assert_eq!(small.lines().count(), large.lines().count());
}

#[test]
fn members_reach_through_nested_instances_and_equations_from_outside_too() {
    let text = "component Gate(tau = 1, drive) {\n  init m = 0\n  m' = (drive - m)/tau\n}\n\
                component Cell(g = 1) {\n  fast = Gate(tau = 0.1, drive = V)\n  slow = Gate()\n  init V = 1\n  \
                V' = -g*V*fast.m - slow.m\n}\na = Cell()\na.slow.drive = cos(t)*a.fast.m\n\
                output peek = a.fast.tau*a.slow.m'\n";
    same(
        text,
        "param a_g = 1, a_fast_tau = 0.1, a_slow_tau = 1
         init a_fast_m = 0, a_slow_m = 0, a_V = 1
         a_fast_m' = (a_V - a_fast_m)/a_fast_tau
         a_slow_m' = (cos(t)*a_fast_m - a_slow_m)/a_slow_tau
         a_V' = -a_g*a_V*a_fast_m - a_slow_m
         output peek = a_fast_tau*a_slow_m'",
    );
}

#[test]
fn reactions_and_added_terms_of_instances() {
    same(
        "component Tank(k = 1) {\n  init A = 1, B = 0\n  decay: A -> B @ k\n  A' += 0.1\n}\n\
         x = Tank()\ny = Tank(k = 2)\nx.A' += 0.5*(y.A - x.A)\noutput f = x.decay\n",
        "param x_k = 1, y_k = 2\ninit x_A = 1, x_B = 0, y_A = 1, y_B = 0\nx_decay: x_A -> x_B @ x_k\nx_A' += 0.1\n\
         y_decay: y_A -> y_B @ y_k\ny_A' += 0.1\nx_A' += 0.5*(y_A - x_A)\noutput f = x_decay\n",
    );
}

#[test]
fn reactions_go_between_instances() {
    same(
        "component Tank(k = 1) {\n  init A = 1, B[i] = 0\n  decay: A -> B[1] @ k\n  B[i]' += -B[i] for i in 1..2\n}\n\
         component Pair() {\n  l = Tank()\n  r = Tank(k = 3)\n  l.A -> r.A @ 0.2\n}\nindex i = 1..2\n\
         x = Tank()\np = Pair()\nload: 2 x.A + p.l.B[1] <-> p.r.B[2] @ 0.1, 0.3\n0 => x.A @ 0.05*p.r.A\n\
         output f = load\n",
        "param x_k = 1, p_l_k = 1, p_r_k = 3\nindex i = 1..2\n\
         init x_A = 1, x_B[i] = 0, p_l_A = 1, p_l_B[i] = 0, p_r_A = 1, p_r_B[i] = 0\n\
         x_decay: x_A -> x_B[1] @ x_k\nx_B[i]' += -x_B[i] for i in 1..2\n\
         p_l_decay: p_l_A -> p_l_B[1] @ p_l_k\np_l_B[i]' += -p_l_B[i] for i in 1..2\n\
         p_r_decay: p_r_A -> p_r_B[1] @ p_r_k\np_r_B[i]' += -p_r_B[i] for i in 1..2\n\
         p_l_A -> p_r_A @ 0.2\nload: 2 x_A + p_l_B[1] <-> p_r_B[2] @ 0.1, 0.3\n0 => x_A @ 0.05*p_r_A\n\
         output f = load\n",
    );
    // Neighbours in an array of instances, and what does not exist.
    let chain = "index i = 1..4\ncomponent Tank() {\n  init A = 1, B = 0\n  A -> B @ 1\n}\nc[i] = Tank()\n";
    let text = format!("{chain}c[i].A <-> c[i+1].A @ 2, 2 for i in 1..3\n");
    let model = parse(&text);
    assert_eq!(model.checked().reactions.as_ref().map(Vec::len), Some(4 + 3));
    for (bad, code) in [("c[1].A -> c[1].C @ 1", "E0252"), ("c.A -> 0 @ 1", "E0211"), ("d.A -> 0 @ 1", "E0253")] {
        let errors = Model::parse(&format!("{chain}{bad}\n")).unwrap_err();
        let codes: Vec<_> = errors.diagnostics().iter().map(|d| d.code.0).collect();
        assert_eq!(codes, [code], "{errors}");
    }
}

/// The initial values of a model, by name.
fn initials(text: &str) -> Vec<(String, f64)> {
    let model = parse(text);
    let compiled = model.compile_with(Backend::Interpret).unwrap();
    let bound = compiled.bind(&compiled.problem().parameter_values().unwrap());
    model.states().iter().zip(compiled.initial(0.0, &bound)).collect()
}

#[test]
fn initial_values_from_outside_win() {
    let cell = "component Gate() {\n  init m[k] = 0.1, q = 0, q' = 5\n  m[k]' = -m[k] for k in 1..2\n  q'' = -q\n}\n\
                component Cell() {\n  gate = Gate()\n  init V = -1, gate.q = 1\n  V' = gate.q - V\n}\n\
                index k = 1..2\nindex i = 1..4\n";
    let text = format!(
        "{cell}a = Cell()\nb = Cell()\ninit a.V = v0, b.gate.q = 2, b.gate.q' = 6, b.gate.m[2] = 3\nparam v0 = 9\n"
    );
    let named = |list: &[(&str, f64)]| list.iter().map(|(name, x)| (name.to_string(), *x)).collect::<Vec<_>>();
    let value = |list: &[(String, f64)], name: &str| list.iter().find(|(known, _)| known == name).unwrap().1;
    let list = initials(&text);
    let expected = [
        ("a.V", 9.0),
        ("a.gate.q", 1.0),
        ("a.gate.q'", 5.0),
        ("a.gate.m[1]", 0.1),
        ("a.gate.m[2]", 0.1),
        ("b.V", -1.0),
        ("b.gate.q", 2.0),
        ("b.gate.q'", 6.0),
        ("b.gate.m[1]", 0.1),
        ("b.gate.m[2]", 3.0),
    ];
    assert_eq!(named(&expected.map(|(name, _)| (name, value(&list, name)))), named(&expected));
    assert_eq!(list.len(), 10);
    // Of an array: all, some, one. Said from outside it wins over what is more specific inside.
    let array = |statement: &str| {
        let list = initials(&format!("{cell}c[i] = Cell()\n{statement}\n"));
        (1..=4).map(|k| value(&list, &format!("c[{k}].V"))).collect::<Vec<_>>()
    };
    assert_eq!(array("init c[i].V = i"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(array("init c[i].V = 10 for i in 1..4"), [10.0; 4]);
    assert_eq!(array("init c[i].V = i for i in 2..3"), [-1.0, 2.0, 3.0, -1.0]);
    assert_eq!(array("init c[1].V = 7, c[N].V = 8\nconst N = 4"), [7.0, -1.0, -1.0, 8.0]);
    assert_eq!(array("init c[i].V = i, c[2].V = 7"), [1.0, 7.0, 3.0, 4.0]);
    let list = initials(&format!(
        "{cell}c[i] = Cell()\ninit c[i].gate.m[1] = i, c[4].gate.m[k] = 6\ninit c[4].gate.m[1] = 5\n"
    ));
    let all = (1..=4).flat_map(|i| (1..=2).map(move |k| format!("c[{i}].gate.m[{k}]")));
    assert_eq!(all.map(|name| value(&list, &name)).collect::<Vec<_>>(), [1.0, 0.1, 2.0, 0.1, 3.0, 0.1, 5.0, 6.0]);
    // A state without one in the component; and what is wrong.
    let open = "component Open() {\n  x' = -x\n}\na = Open()\n";
    assert_eq!(initials(&format!("{open}init a.x = 3\n")), [("a.x".to_string(), 3.0)]);
    let wrong = [
        ("init a.y = 3, a.x = 1", "E0252"),
        ("init a.x = 3, a.x = 4", "E0207"),
        ("init b.x = 1, a.x = 1", "E0253"),
        ("init a.x = 1, a.x' = 1", "E0205"),
        ("init a[1].x = 1", "E0211"),
    ];
    for (statement, code) in wrong {
        let errors = Model::parse(&format!("{open}{statement}\n")).unwrap_err();
        let codes: Vec<_> = errors.diagnostics().iter().map(|d| d.code.0).collect();
        assert_eq!(codes, [code], "{errors}");
    }
}

#[test]
fn a_used_file_keeps_its_convention_of_mass_action() {
    let library = |word: &str| {
        let text = format!("{word}component Dimer() {{\n  init A = 3, D = 0\n  pair: 2 A -> D @ 1\n}}\n");
        BTreeMap::from([("dimer.ode".to_string(), text)])
    };
    // 2 A -> D: A² once, and A²/2 by distinct encounters.
    for (used, own, of_used, of_own) in [
        ("", "", 9.0, 16.0),
        ("reactions combinatorial\n", "", 4.5, 16.0),
        ("", "reactions combinatorial\n", 9.0, 8.0),
        ("reactions plain\n", "reactions combinatorial\n", 9.0, 8.0),
        ("reactions combinatorial\n", "reactions combinatorial\n", 4.5, 8.0),
    ] {
        let text = format!(
            "{own}use \"dimer.ode\"\na = Dimer()\ninit X = 4, Y = 0\nmine: 2 X -> Y @ 1\noutput f = a.pair, g = mine\n"
        );
        let model = Model::parse_with(&library(used), "main.ode", &text).unwrap_or_else(|e| panic!("{e}"));
        let solution = model.compile().unwrap().problem().span(0.0..1e-3).solve().unwrap();
        assert_eq!((solution.output(0)[0], solution.output(1)[0]), (of_used, of_own), "{used:?} {own:?}");
    }
    let wrong = library("reactions combinatoral\nreactions plain\n");
    let errors = Model::parse_with(&wrong, "main.ode", "use \"dimer.ode\"\na = Dimer()\n").unwrap_err().to_string();
    assert!(errors.contains("did you mean `combinatorial`?") && errors.contains("dimer.ode:1:11"), "{errors}");
    assert!(errors.contains("stated twice") && errors.contains("dimer.ode:2:11"), "{errors}");
}

#[test]
fn settable_parameters_are_those_of_defaults_and_fixed_arguments() {
    let text = "const N = 3\nparam outer = 2\nfn twice(x) = 2*x\nfn scaled(x) = outer*x\n\
                component C(a, b, c, d, e = b + 1, f = d) {\n  init x = 0\n  x' = a + b + c + d + e + f - x\n}\n\
                i = C(a = N/2, b = twice(pi), c = scaled(1), d = outer + 1)\n";
    let names: Vec<String> = parse(text).parameters().iter().collect();
    assert_eq!(names, ["outer", "i.a", "i.b", "i.e"]);
}

fn library() -> BTreeMap<String, String> {
    let texts = [
        (
            "lib/cells.ode",
            "use \"../base/gates.ode\"\nconst Q = 8\nfn leak(v) = Q*v/unit\nfn own() = hidden\nparam hidden = 1\ntime s\n\
             component Cell(g = Q) {\n  gate = Gate()\n  init V = gate.m0\n  V' = -g*leak(V) + gate.m*sin(s)\n}\n\
             demo = Cell()\nsolve s = 0..1\nconst unit = 2\n",
        ),
        (
            "base/gates.ode",
            "const R = 3, start = 0.25\nindex i = 1..2\ncomponent Gate() {\n  const m0 = start*R\n  init w[i] = m0, m = 0\n  \
             w[i]' = -R*w[i]\n  m' = sum[i](w[i])\n}\n",
        ),
    ];
    texts.map(|(name, text)| (name.to_string(), text.to_string())).into()
}

#[test]
fn used_files_bring_components_functions_and_constants() {
    let text = "use \"lib/cells.ode\"\ntime z\nindex i = 1..4\nconst R = 5\na = Cell()\nb[i] = Cell(g = R + i)\noutput y = leak(a.V) + a.gate.m0\n";
    let model = Model::parse_with(&library(), "main.ode", text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(model.independent(), "z");
    let names: Vec<String> = model.parameters().iter().collect();
    assert_eq!(names, ["a.g", "b[1].g", "b[2].g", "b[3].g", "b[4].g"]);
    let states: Vec<String> = model.states().iter().collect();
    assert_eq!(states.len(), 5 * 4, "{states:?}");
    let compiled = model.compile().unwrap();
    let bound = compiled.bind(&compiled.problem().parameter_values().unwrap());
    let y = compiled.initial(0.0, &bound);
    assert_eq!(y[model.states().find("a.V").unwrap()], 0.75);
    let y = compiled.problem().span(0.0..0.1).solve().unwrap().output(0)[0];
    assert_eq!(y, 8.0 * 0.75 / 2.0 + 0.75);
    // What a file does not share, and what its files bring to it, is not seen.
    for (hidden, code) in [("hidden", "E0201"), ("start", "E0201"), ("demo.V", "E0253"), ("own()", "E0201")] {
        let text = format!("use \"lib/cells.ode\"\ninit x = 1\nx' = -x + {hidden}\n");
        let errors = Model::parse_with(&library(), "main.ode", &text).unwrap_err();
        assert_eq!(errors.diagnostics()[0].code.0, code, "{errors}");
    }
}

#[test]
fn errors_in_used_files_name_the_file_and_the_instance() {
    let mut texts = library();
    texts.insert("bad.ode".into(), "use \"worse.ode\"\ncomponent Bad(k = 1) {\n  init x = 1\n  x' = -k*y\n}\n".into());
    texts.insert("worse.ode".into(), "use \"bad.ode\"\ncomponent Worse() {\n  init x = 1\n  x' = -1 2\n}\n".into());
    let text = "use \"bad.ode\"\nuse \"lost.ode\"\nuse \"/etc/passwd\"\na = Bad()\nb = Bad(k = sin(1, 2))\n";
    let errors = Model::parse_with(&texts, "models/main.ode", text).unwrap_err().to_string();
    assert!(errors.contains("cannot use `bad.ode`: there is no `models/bad.ode`"), "{errors}");
    let errors = Model::parse_with(&texts, "main.ode", text).unwrap_err().to_string();
    for part in [
        "files use each other in a circle: `bad.ode` uses `worse.ode` uses `bad.ode`",
        "unknown name `y`\n --> bad.ode:4:11",
        "worse.ode:4:11",
        "cannot use `lost.ode`: there is no `lost.ode`",
        "cannot use `/etc/passwd`: the path is not relative",
    ] {
        assert!(errors.contains(part), "{part} is not in\n{errors}");
    }
}

#[test]
fn what_only_an_instance_makes_wrong_points_at_component_and_instance() {
    let text = "component Part(k) {\n  init x = k\n  x' = -x\n}\ncomponent Whole(k) {\n  part = Part(k = k)\n}\n\
                a = Whole(k = 1)\nb = Whole(k = a.part.x)\n";
    let errors = Model::parse(text).unwrap_err();
    let [error] = errors.diagnostics() else { panic!("{errors}") };
    let place = |span: rhapsode::source::Span| errors.source().line_column(span.start);
    assert_eq!((error.code.0, place(error.span)), ("E0217", (2, 12)));
    let related: Vec<_> = error.related.iter().map(|(span, remark)| (place(*span), remark.as_str())).collect();
    assert_eq!(related, [((6, 3), "in this instance"), ((9, 1), "in this instance")]);
}

/// A host's loader decides what a path means.
#[test]
fn a_loader_may_name_texts_as_it_likes() {
    struct Shelf;
    impl Loader for Shelf {
        fn locate(&self, _from: &str, path: &str) -> Result<String, String> {
            path.strip_prefix("shelf:").map(str::to_uppercase).ok_or_else(|| "it is not on the shelf".to_string())
        }
        fn load(&self, name: &str) -> Result<String, String> {
            Ok(format!("component {name}() {{ init x = 1\n x' = -x }}"))
        }
    }
    let model = Model::parse_with(&Shelf, "m", "use \"shelf:a\"\nuse \"shelf:A\"\nuse \"shelf:b\"\np = A()\nq = B()\n")
        .unwrap();
    assert_eq!(model.states().iter().collect::<Vec<_>>(), ["p.x", "q.x"]);
    let errors = Model::parse_with(&Shelf, "m", "use \"a\"\ninit x = 1\nx' = 1\n").unwrap_err().to_string();
    assert!(errors.contains("it is not on the shelf"), "{errors}");
}

/// A component's units hold in its instances, and for what is given from outside.
#[test]
fn units_of_components_are_checked_and_converted() {
    let cell = "time t: s\ncomponent Cell(k: 1/min = 6, drive: m) {\n  init x: cm = 100\n  x' = k*(drive - x)\n}\n";
    let text = format!("{cell}a = Cell()\nb = Cell(drive = 2*a.x)\na.drive = b.x\n");
    let compiled = parse(&text).compile().unwrap();
    let bound = compiled.bind(&compiled.problem().parameter_values().unwrap());
    let (mut w, mut dy) = (vec![0.0; compiled.system().shape().work], [0.0; 2]);
    compiled.system().rhs(0.0, &[100.0, 300.0], &bound, &mut w, &mut dy);
    // x in cm, 6/min = 0.1/s: (300 - 100)/10 and (2*100 - 300)/10.
    assert!((dy[0] - 20.0).abs() < 1e-12 && (dy[1] + 10.0).abs() < 1e-12, "{dy:?}");
    // An initial value from outside is converted as one inside.
    let text = format!("{cell}a = Cell(drive = 1 [m])\ninit a.x = 2 [m]\n");
    let compiled = parse(&text).compile().unwrap();
    let bound = compiled.bind(&compiled.problem().parameter_values().unwrap());
    assert_eq!(compiled.initial(0.0, &bound), [200.0]);
    let wrong = format!("{cell}a = Cell(drive = 1 [m])\ninit a.x = 2 [s]\n");
    assert_eq!(Model::parse(&wrong).unwrap_err().diagnostics()[0].code.0, "E0261");
    let wrong = format!("{cell}a = Cell()\na.drive = 3 [kg]\n");
    let errors = Model::parse(&wrong).unwrap_err();
    assert_eq!(errors.diagnostics()[0].code.0, "E0261", "{errors}");
}
