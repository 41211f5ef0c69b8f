//! Printing a tree and parsing the text gives the tree back, spans apart; and the text is a fixed point.

use proptest::prelude::*;
use rhapsode::lang::ast::*;
use rhapsode::lang::parse;
use rhapsode::source::{Source, Sources, Span};

const NOWHERE: Span = Span::new(0, 0);

fn ident(name: String) -> Ident {
    Ident { name, span: NOWHERE }
}

fn expr(kind: ExprKind) -> Expr {
    Expr { span: NOWHERE, kind }
}

/// The tree without its spans, to compare.
fn shape(ast: &Ast) -> String {
    let text = format!("{ast:?}");
    let mut parts = text.split("Span { ");
    let first = parts.next().unwrap_or("").to_owned();
    parts.fold(first, |shape, part| shape + part.split_once('}').map_or("", |(_, rest)| rest))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[xyzαβ_][a-z0-9_₁]{0,3}", Just("e".to_owned()), Just("periodic".to_owned()), Just("dose".to_owned())]
        .prop_filter("keywords are no names", |name| !matches!(name.as_str(), "in" | "if" | "or"))
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (0u32..20).prop_map(f64::from),
        any::<f64>().prop_filter_map("finite", |value| value.is_finite().then_some(value.abs())),
        (0.0..1.0).prop_map(|value: f64| value),
        Just(1e-4),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
    ]
}

fn some<T: std::fmt::Debug>(part: impl Strategy<Value = T>, least: usize) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(part, least..least + 3)
}

fn path() -> impl Strategy<Value = Vec<Segment>> {
    let segment =
        (name(), some(any_expr(), 0)).prop_map(|(name, subscripts)| Segment { name: ident(name), subscripts });
    prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(segment, 1..3)]
}

fn variable(inner: impl Strategy<Value = Expr> + Clone) -> impl Strategy<Value = Expr> {
    let inner_too = inner.clone();
    let operand = prop_oneof![
        name().prop_map(|name| expr(ExprKind::Name(name))),
        (name(), some(inner, 1)).prop_map(|(name, parts)| expr(ExprKind::Subscript(ident(name), parts))),
    ];
    let segment = (name(), some(inner_too, 0)).prop_map(|(name, subscripts)| Segment { name: ident(name), subscripts });
    let member = some(segment, 2).prop_map(|segments| expr(ExprKind::Member(segments)));
    let operand = prop_oneof![4 => operand, 1 => member];
    (operand, 0u32..3).prop_map(|(operand, order)| match order {
        0 => operand,
        _ => expr(ExprKind::Prime(Box::new(operand), order)),
    })
}

fn range_of(inner: impl Strategy<Value = Expr> + Clone) -> impl Strategy<Value = Range> {
    (inner.clone(), inner).prop_map(|(lo, hi)| Range { lo, hi })
}

fn any_expr() -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        3 => number().prop_map(|value| expr(ExprKind::Number(value))),
        3 => name().prop_map(|name| expr(ExprKind::Name(name))),
        1 => any::<bool>().prop_map(|value| expr(ExprKind::Bool(value))),
        1 => (number(), unit()).prop_map(|(value, unit)| expr(ExprKind::Quantity(value, Box::new(unit)))),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let sign = prop_oneof![Just(Sign::Plus), Just(Sign::Minus)];
        let factor = prop_oneof![Just(Factor::Times), Just(Factor::Over)];
        let comparison = prop_oneof![
            Just(Comparison::Lt),
            Just(Comparison::Le),
            Just(Comparison::Gt),
            Just(Comparison::Ge),
            Just(Comparison::Eq),
            Just(Comparison::Ne)
        ];
        let boxed = inner.clone().prop_map(Box::new);
        let index = (name(), prop::option::of(range_of(inner.clone())))
            .prop_map(|(name, range)| ReductionIndex { index: ident(name), range });
        let reduction = prop_oneof![Just("sum"), Just("prod"), Just("min"), Just("max"), Just("dot")];
        let kinds = prop_oneof![
            boxed.clone().prop_map(ExprKind::Negate),
            boxed.clone().prop_map(ExprKind::Not),
            some((sign, inner.clone()), 2).prop_map(|mut terms| {
                terms[0].0 = Sign::Plus;
                ExprKind::Sum(terms)
            }),
            some((factor, inner.clone()), 2).prop_map(|mut factors| {
                factors[0].0 = Factor::Times;
                ExprKind::Product(factors)
            }),
            (boxed.clone(), boxed.clone()).prop_map(|(base, exponent)| ExprKind::Power(base, exponent)),
            (comparison, boxed.clone(), boxed.clone()).prop_map(|(op, a, b)| ExprKind::Compare(op, a, b)),
            some(inner.clone(), 2).prop_map(ExprKind::And),
            some(inner.clone(), 2).prop_map(ExprKind::Or),
            (boxed.clone(), boxed.clone(), boxed).prop_map(|(c, a, b)| ExprKind::If(c, a, b)),
            (name(), some(inner.clone(), 0)).prop_map(|(name, parts)| ExprKind::Call(ident(name), parts)),
            (variable(inner.clone()), inner.clone())
                .prop_filter("of a lone name it is a call", |(operand, _)| !matches!(operand.kind, ExprKind::Name(_)))
                .prop_map(|(operand, time)| ExprKind::Delayed(Box::new(operand), Box::new(time))),
            (reduction, some(index, 1), inner.clone(), inner.clone()).prop_map(|(name, indices, a, b)| {
                let parts = if name == "dot" { vec![a, b] } else { vec![a] };
                ExprKind::Reduce(Box::new(ident(name.to_owned())), indices.into(), parts)
            }),
        ];
        prop_oneof![4 => kinds.prop_map(expr), 1 => variable(inner)]
    })
    .boxed()
}

fn unit() -> BoxedStrategy<Unit> {
    const NAMES: &[&str] = &["m", "mol", "µg", "min", "%", "°C", "°", "‰", "Ω"];
    let base = prop_oneof![
        4 => prop::sample::select(NAMES).prop_map(|name| UnitBase::Name(name.to_owned())),
        1 => number().prop_filter("positive", |value| *value > 0.0).prop_map(UnitBase::Number),
    ];
    let exponent = prop_oneof![4 => Just((1, 1)), 2 => (-9i32..10).prop_map(|n| (n, 1)), 1 => Just((-1, 2))];
    let of = |base: BoxedStrategy<UnitBase>| {
        let how = prop_oneof![Just(Factor::Times), Just(Factor::Over)];
        let factor = (how, base, exponent.clone()).prop_map(|(how, base, exponent)| UnitFactor {
            how,
            base,
            exponent,
            span: NOWHERE,
        });
        some(factor, 1).prop_map(|mut factors| {
            factors[0].how = Factor::Times;
            Unit { factors, span: NOWHERE }
        })
    };
    let plain = of(base.clone().boxed());
    of(prop_oneof![4 => base, 1 => plain.prop_map(UnitBase::Group)].boxed()).boxed()
}

fn domain() -> impl Strategy<Value = Vec<ForClause>> {
    let clause = (name(), range_of(any_expr())).prop_map(|(name, range)| ForClause { index: ident(name), range });
    prop_oneof![Just(Vec::new()), prop::collection::vec(clause, 1..3)]
}

fn declarations() -> impl Strategy<Value = Vec<Declaration>> {
    let value = prop::option::of(any_expr());
    let bounds = prop::option::of((any_expr(), any_expr()));
    let declaration = ((name(), prop::option::of(unit())), some(any_expr(), 0), value, bounds, domain()).prop_map(
        |((name, unit), subscripts, value, bounds, domain)| Declaration {
            name: ident(name),
            subscripts,
            unit,
            value,
            bounds,
            domain,
            span: NOWHERE,
        },
    );
    some(declaration, 1)
}

fn reaction() -> impl Strategy<Value = Reaction> {
    let species = (prop_oneof![Just(1.0), number()], path(), name(), some(any_expr(), 0))
        .prop_map(|(coefficient, path, name, subscripts)| Species {
            coefficient,
            path,
            name: ident(name),
            subscripts,
            span: NOWHERE,
        })
        .boxed();
    let side = || some(species.clone(), 0);
    let rate = prop_oneof![
        any_expr().prop_map(Rate::MassAction),
        (any_expr(), any_expr()).prop_map(|(forward, reverse)| Rate::Reversible(forward, reverse)),
        any_expr().prop_map(Rate::Explicit),
    ];
    (prop::option::of(name().prop_map(ident)), side(), side(), rate, domain()).prop_map(
        |(label, reactants, products, rate, domain)| Reaction {
            label,
            reactants,
            products,
            rate,
            domain,
            convention: Convention::default(),
        },
    )
}

fn item_kind() -> impl Strategy<Value = ItemKind> {
    let component = (name(), prop_oneof![Just(Vec::new()), declarations()], prop::collection::vec(item(part()), 0..4))
        .prop_map(|(name, parameters, body)| ItemKind::Component(Component { name: ident(name), parameters, body }));
    prop_oneof![
        8 => part(),
        1 => component,
        1 => Just(ItemKind::Reactions(Ident { name: "combinatorial".to_string(), span: NOWHERE })),
        1 => name().prop_map(|name| ItemKind::Model(ident(name))),
        1 => (name(), some(name().prop_map(ident), 0))
            .prop_map(|(name, params)| ItemKind::Function { name: ident(name), params, body: None }),
        1 => (name(), prop::option::of(unit())).prop_map(|(name, unit)| ItemKind::Time(ident(name), unit)),
        1 => "[a-z./ ]{0,8}".prop_map(|path| ItemKind::Use(ident(path))),
        1 => (name(), range_of(any_expr()), some((name().prop_map(ident), any_expr()), 0))
            .prop_map(|(name, range, options)| ItemKind::Solve { variable: ident(name), range, options }),
    ]
}

fn item(kind: impl Strategy<Value = ItemKind>) -> impl Strategy<Value = Item> {
    let doc = prop::option::of("[ a-z#]{0,5}[a-z](\n|\n[ #a-zé]{0,5}[a-z]){0,2}");
    (doc, kind).prop_map(|(doc, kind)| Item { doc, span: NOWHERE, kind })
}

/// What may stand inside a component as well.
fn part() -> impl Strategy<Value = ItemKind> {
    let instance = (name(), some(any_expr(), 0), name(), some((name().prop_map(ident), any_expr()), 1), domain())
        .prop_map(|(name, subscripts, component, arguments, domain)| Instance {
            name: ident(name),
            subscripts,
            component: ident(component),
            arguments,
            domain,
        });
    let annotation = || prop::option::of(unit());
    let past = || prop::option::of(name().prop_map(ident));
    let initial = ((path(), name(), annotation(), past()), 0u32..3, some(any_expr(), 0), any_expr(), domain())
        .prop_map(|((path, name, unit, past), order, subscripts, value, domain)| Initial {
            path,
            outside: 0,
            name: ident(name),
            order,
            subscripts,
            past,
            unit,
            value,
            domain,
            span: NOWHERE,
        });
    let names = || some(name().prop_map(ident), 1);
    prop_oneof![
        instance.prop_map(ItemKind::Instance),
        declarations().prop_map(ItemKind::Param),
        declarations().prop_map(ItemKind::Const),
        declarations().prop_map(ItemKind::Output),
        some(initial, 1).prop_map(ItemKind::Init),
        (names(), range_of(any_expr()), any::<bool>()).prop_map(|(names, range, periodic)| ItemKind::Index {
            names,
            range,
            periodic
        }),
        (name(), some(name().prop_map(ident), 0), any_expr()).prop_map(|(name, params, body)| ItemKind::Function {
            name: ident(name),
            params,
            body: Some(body)
        }),
        (any_expr(), annotation(), any_expr(), domain()).prop_map(|(lhs, unit, rhs, domain)| {
            let named = matches!(lhs.kind, ExprKind::Name(_) | ExprKind::Subscript(..));
            ItemKind::Equation { lhs, unit: unit.filter(|_| named), rhs, domain }
        }),
        (any_expr(), any_expr(), domain()).prop_map(|(lhs, rhs, domain)| ItemKind::Addition { lhs, rhs, domain }),
        reaction().prop_map(ItemKind::Reaction),
    ]
}

fn any_ast() -> impl Strategy<Value = Ast> {
    prop::collection::vec(item(item_kind()), 0..5).prop_map(|items| Ast { items })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parsing_inverts_printing(ast in any_ast()) {
        let text = ast.to_string();
        let (parsed, diagnostics) = parse(&Source::new("printed", text.as_str()));
        prop_assert!(diagnostics.is_empty(), "{text}\n{diagnostics:?}");
        prop_assert_eq!(shape(&parsed), shape(&ast), "{}", text);
        prop_assert_eq!(parsed.to_string(), text);
    }
}

/// What the canonical form of an expression is.
fn canonical(text: &str) -> String {
    let (ast, diagnostics) = parse(&Source::new("m", format!("y = {text}")));
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    ast.to_string().trim_start_matches("y = ").trim_end().to_owned()
}

#[test]
fn parentheses_stay_only_where_they_matter() {
    for (text, expected) in [
        ("-(x^2)", "-x^2"),
        ("(-x)^2", "(-x)^2"),
        ("(a^b)^c", "(a^b)^c"),
        ("a^(b^c)", "a^b^c"),
        ("2^(-3)", "2^-3"),
        ("(a*b)/c", "(a*b)/c"),
        ("a*b/c", "a*b/c"),
        ("a-(b+c)", "a - (b + c)"),
        ("(a) + ((b))", "a + b"),
        ("+a", "a"),
        ("not (a and b)", "not (a and b)"),
        ("(a < b) and (c == d)", "a < b and c == d"),
        ("if (a) then (b) else (if c then d else e)", "if a then b else if c then d else e"),
        ("u[ i - 1 , j ]' * (N - 1)", "u[i-1,j]'*(N - 1)"),
        ("x''[i]", "x[i]''"),
        ("sum[ j in 1 .. N - 1 ]( x[j] )", "sum[j in 1..N-1](x[j])"),
        ("1e3 [ m/s² ]^2", "1000 [m/s^2]^2"),
        ("5 [kg·m/(s*K⁻¹)^(2/4)]", "5 [kg*m/(s*K^-1)^(1/2)]"),
        ("1e-3 + 30000000 + 0.50 + 1e22", "0.001 + 3e7 + 0.5 + 1e22"),
    ] {
        assert_eq!(canonical(text), expected);
    }
}

#[test]
fn precedence_is_what_the_manual_says() {
    let same = |a: &str, b: &str| assert_eq!(canonical(a), canonical(b));
    same("-x^2", "-(x^2)");
    same("2^3^2", "2^(3^2)");
    same("2^-3^2", "2^(-(3^2))");
    same("-a*b", "(-a)*b");
    same("a or b and not c == d + e*f", "a or (b and (not (c == (d + (e*f)))))");
    same("if a then b else c + d", "if a then b else (c + d)");
}

#[test]
fn spans_cover_what_was_written() {
    let source =
        Source::new("m", "## first\n## second\nparam k = 1, q[i] = 2*(a + b) for i in 1..3 # end\nx' = -k*x\n");
    let (ast, diagnostics) = parse(&source);
    assert!(diagnostics.is_empty());
    assert_eq!(ast.items[0].doc.as_deref(), Some("first\nsecond"));
    assert_eq!(source.slice(ast.items[0].span), "param k = 1, q[i] = 2*(a + b) for i in 1..3");
    let ItemKind::Param(declarations) = &ast.items[0].kind else { panic!("{:?}", ast.items[0]) };
    assert_eq!(source.slice(declarations[1].span), "q[i] = 2*(a + b) for i in 1..3");
    let value = declarations[1].value.as_ref().unwrap();
    assert_eq!(source.slice(value.span), "2*(a + b)");
    let ExprKind::Product(factors) = &value.kind else { panic!("{value}") };
    assert_eq!(source.slice(factors[1].1.span), "a + b");
    let ItemKind::Equation { lhs, rhs, .. } = &ast.items[1].kind else { panic!("{:?}", ast.items[1]) };
    assert_eq!((source.slice(lhs.span), source.slice(rhs.span)), ("x'", "-k*x"));
}

#[test]
fn spans_of_a_used_text_lie_in_it() {
    let mut sources = Sources::new("main", "x' = 1\n");
    let used = sources.add("used", "## doc\nparam k = 1\ny' = -k*(y + 1\n").unwrap();
    let (ast, diagnostics) = parse(&used);
    assert_eq!((ast.items[0].doc.as_deref(), used.slice(ast.items[0].span)), (Some("doc"), "param k = 1"));
    let places: Vec<_> = diagnostics.iter().map(|d| (used.line_column(d.span.start), d.related[0].0)).collect();
    assert_eq!(places, [((3, 15), Span::new(35, 36))]);
    assert_eq!(used.slice(places[0].1), "(");
}
