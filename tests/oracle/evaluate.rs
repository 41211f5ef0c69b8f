//! A second reading of the language that shares nothing with the compiler but the syntax tree: it lists the elements of
//! every array one by one, picks the most specific statement for each by counting, and computes with dual numbers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::{Add, Div, Mul, Neg, Sub};

use rhapsode::lang::ast::{Ast, Comparison, Expr, ExprKind, Factor, ForClause, Ident, ItemKind, Range, Reaction, Sign};
use rhapsode::math::Function;

use super::networks::{Change, left};

/// A value and its derivative in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Dual {
    pub x: f64,
    pub d: f64,
}

impl Dual {
    pub fn constant(x: f64) -> Dual {
        Dual { x, d: 0.0 }
    }

    /// f(x), where f has this slope at x. A direction that is not taken stays 0 even where the slope is infinite.
    fn map(self, value: f64, slope: f64) -> Dual {
        Dual { x: value, d: if self.d == 0.0 { 0.0 } else { slope * self.d } }
    }
}

impl Add for Dual {
    type Output = Dual;
    fn add(self, o: Dual) -> Dual {
        Dual { x: self.x + o.x, d: self.d + o.d }
    }
}

impl Sub for Dual {
    type Output = Dual;
    fn sub(self, o: Dual) -> Dual {
        Dual { x: self.x - o.x, d: self.d - o.d }
    }
}

impl Mul for Dual {
    type Output = Dual;
    fn mul(self, o: Dual) -> Dual {
        Dual { x: self.x * o.x, d: self.map(0.0, o.x).d + o.map(0.0, self.x).d }
    }
}

impl Div for Dual {
    type Output = Dual;
    fn div(self, o: Dual) -> Dual {
        Dual { x: self.x / o.x, d: self.map(0.0, 1.0 / o.x).d - o.map(0.0, self.x / (o.x * o.x)).d }
    }
}

impl Neg for Dual {
    type Output = Dual;
    fn neg(self) -> Dual {
        Dual { x: -self.x, d: -self.d }
    }
}

#[derive(Clone, Copy)]
pub enum Value {
    Real(Dual),
    Truth(bool),
}

impl Value {
    pub fn real(self) -> Dual {
        match self {
            Value::Real(dual) => dual,
            Value::Truth(_) => panic!("a truth value where a number belongs"),
        }
    }

    fn truth(self) -> bool {
        match self {
            Value::Truth(truth) => truth,
            Value::Real(_) => panic!("a number where a truth value belongs"),
        }
    }
}

/// One statement: `name[subscripts] = value for …`.
#[derive(Clone, Copy)]
struct Statement<'a> {
    subscripts: &'a [Expr],
    domain: &'a [ForClause],
    value: Option<&'a Expr>,
}

/// What gives an element: the index values of the left side, the right side, and how many elements its statement has.
struct Given<'a> {
    indices: Vec<(&'a str, i64)>,
    value: Option<&'a Expr>,
    count: usize,
}

/// All elements of a name.
struct Elements<'a> {
    /// Lowest and highest subscript, and whether they wrap.
    dims: Vec<(i64, i64, bool)>,
    given: HashMap<Vec<i64>, Given<'a>>,
}

/// The names in scope that are not global.
#[derive(Clone, Default)]
pub struct Scope<'a> {
    pub indices: Vec<(&'a str, i64)>,
    arguments: Vec<(&'a str, Dual)>,
}

/// A model, read.
#[derive(Default)]
pub struct Oracle<'a> {
    constants: HashMap<&'a str, &'a Expr>,
    pub sets: HashMap<&'a str, (&'a Range, bool)>,
    functions: HashMap<&'a str, (&'a [Ident], &'a Expr)>,
    orders: HashMap<&'a str, u32>,
    time: Option<&'a str>,
    /// Reactions and added terms.
    pub changes: Vec<Change<'a>>,
    /// Reactions by label.
    fluxes: HashMap<&'a str, &'a Reaction>,
    /// Names that only reactions and added terms change.
    species: Vec<&'a str>,
    /// Whether mass action counts distinct encounters.
    pub combinatorial: bool,
    /// By name with primes; parameters and initial values with their keyword in front.
    elements: HashMap<String, Elements<'a>>,
}

/// Where the model is evaluated; names as in `u[1,2]`. Parameters that are not listed have their defaults.
#[derive(Clone)]
pub struct Point {
    pub t: Dual,
    pub y: HashMap<String, Dual>,
    pub p: HashMap<String, Dual>,
}

pub struct Run<'o, 'a> {
    pub oracle: &'o Oracle<'a>,
    point: &'o Point,
    known: RefCell<HashMap<String, Dual>>,
}

fn primed(name: &str, order: u32) -> String {
    format!("{name}{}", "'".repeat(order as usize))
}

fn element_name(name: &str, subscripts: &[i64]) -> String {
    let list: Vec<String> = subscripts.iter().map(i64::to_string).collect();
    if list.is_empty() { name.to_string() } else { format!("{name}[{}]", list.join(",")) }
}

impl<'a> Oracle<'a> {
    pub fn new(ast: &'a Ast) -> Self {
        let mut oracle = Oracle::default();
        let mut statements: Vec<(String, Vec<Statement<'a>>)> = Vec::new();
        let mut state = |key: String, statement: Statement<'a>| match statements.iter_mut().find(|(k, _)| *k == key) {
            Some((_, list)) => list.push(statement),
            None => statements.push((key, vec![statement])),
        };
        for item in &ast.items {
            match &item.kind {
                ItemKind::Model(_) | ItemKind::Solve { .. } => {}
                ItemKind::Time(name, _) => oracle.time = Some(&name.name),
                ItemKind::Index { names, range, periodic } => {
                    for name in names {
                        oracle.sets.insert(&name.name, (range, *periodic));
                    }
                }
                ItemKind::Function { name, params, body: Some(body) } => {
                    oracle.functions.insert(&name.name, (params, body));
                }
                // Of the host nothing is known here.
                ItemKind::Function { body: None, .. } => {}
                ItemKind::Param(list) | ItemKind::Const(list) | ItemKind::Output(list) => {
                    for d in list {
                        if let (ItemKind::Const(_), [], Some(value)) = (&item.kind, d.subscripts.as_slice(), &d.value) {
                            oracle.constants.insert(&d.name.name, value);
                            continue;
                        }
                        let keyword = if let ItemKind::Param(_) = item.kind { "param " } else { "" };
                        let statement =
                            Statement { subscripts: &d.subscripts, domain: &d.domain, value: d.value.as_ref() };
                        state(format!("{keyword}{}", d.name.name), statement);
                    }
                }
                ItemKind::Init(list) => {
                    for d in list {
                        let statement =
                            Statement { subscripts: &d.subscripts, domain: &d.domain, value: Some(&d.value) };
                        state(format!("init {}", primed(&d.name.name, d.order)), statement);
                    }
                }
                ItemKind::Discrete(_)
                | ItemKind::Event(_)
                | ItemKind::Dose(_)
                | ItemKind::Doses(_)
                | ItemKind::Input(_) => {
                    unreachable!("the generator writes no events")
                }
                ItemKind::Component(_) | ItemKind::Instance(_) | ItemKind::Use(_) => {
                    panic!("the oracle reads elaborated trees")
                }
                ItemKind::Reactions(word) => oracle.combinatorial = word.name == "combinatorial",
                ItemKind::Reaction(reaction) => {
                    let sides = reaction.reactants.iter().chain(&reaction.products);
                    sides.for_each(|species| _ = oracle.orders.insert(&species.name.name, 1));
                    if let Some(label) = &reaction.label {
                        oracle.fluxes.insert(&label.name, reaction);
                    }
                    oracle.changes.push(Change::Reaction(reaction));
                }
                // They change nothing.
                ItemKind::Objective(_) | ItemKind::Observe(_) => {}
                ItemKind::Addition { lhs, rhs: term, domain } => {
                    let (name, subscripts) = left(lhs);
                    oracle.orders.insert(name, 1);
                    oracle.changes.push(Change::Term { name, subscripts, term, domain });
                }
                ItemKind::Equation { lhs, rhs, domain, .. } => {
                    let (inner, order) = match &lhs.kind {
                        ExprKind::Prime(inner, order) => (inner.as_ref(), *order),
                        _ => (lhs, 0),
                    };
                    let (name, subscripts): (&str, &[Expr]) = match &inner.kind {
                        ExprKind::Name(name) => (name, &[]),
                        ExprKind::Subscript(ident, subscripts) => (&ident.name, subscripts),
                        other => panic!("not a left side: {other:?}"),
                    };
                    if order > 0 {
                        oracle.orders.insert(name, order);
                    }
                    state(primed(name, order), Statement { subscripts, domain, value: Some(rhs) });
                }
            }
        }
        for (key, list) in statements {
            let elements = oracle.enumerate(&list, key.starts_with("param "));
            oracle.elements.insert(key, elements);
        }
        // What only reactions change is as large as its initial value.
        for name in oracle.orders.keys() {
            let key = primed(name, 1);
            if !oracle.elements.contains_key(&key)
                && let Some(dims) = oracle.elements.get(&format!("init {name}")).map(|elements| elements.dims.clone())
            {
                oracle.elements.insert(key, Elements { dims, given: HashMap::new() });
                oracle.species.push(name);
            }
        }
        oracle
    }

    /// Lists the elements of a name; where statements meet, the one with fewer elements holds.
    fn enumerate(&self, statements: &[Statement<'a>], parameter: bool) -> Elements<'a> {
        let point = Point { t: Dual::constant(f64::NAN), y: HashMap::new(), p: HashMap::new() };
        let run = Run { oracle: self, point: &point, known: RefCell::default() };
        let rank = statements[0].subscripts.len();
        let mut elements = Elements { dims: vec![(i64::MAX, i64::MIN, false); rank], given: HashMap::new() };
        for statement in statements {
            let mut turns: Vec<Scope<'a>> = vec![Scope::default()];
            let mut bind = |name: &'a str, range: &'a Range| {
                let (lo, hi) = (run.integer(&range.lo, &Scope::default()), run.integer(&range.hi, &Scope::default()));
                turns = turns
                    .iter()
                    .flat_map(|scope| {
                        (lo..=hi).map(move |k| {
                            let mut scope = scope.clone();
                            scope.indices.push((name, k));
                            scope
                        })
                    })
                    .collect();
            };
            let mut bound: Vec<&str> = Vec::new();
            for clause in statement.domain {
                bind(&clause.index.name, &clause.range);
                bound.push(&clause.index.name);
            }
            for (k, subscript) in statement.subscripts.iter().enumerate() {
                for name in Oracle::index_names(subscript) {
                    let Some((range, periodic)) = self.sets.get(name) else { continue };
                    elements.dims[k].2 |= periodic;
                    if !bound.contains(&name) {
                        bind(name, range);
                        bound.push(name);
                    }
                }
            }
            // `param w[3]`, said alone, is a size.
            if let (true, 1, [Expr { kind: ExprKind::Number(size), .. }]) =
                (parameter, statements.len(), statement.subscripts)
            {
                elements.dims = vec![(1, *size as i64, false)];
                for k in 1..=*size as i64 {
                    elements.given.insert(vec![k], Given { indices: vec![], value: statement.value, count: 1 });
                }
                continue;
            }
            let count = turns.len();
            for scope in turns {
                let at: Vec<i64> = statement.subscripts.iter().map(|s| run.integer(s, &scope)).collect();
                for (dim, k) in elements.dims.iter_mut().zip(&at) {
                    (dim.0, dim.1) = (dim.0.min(*k), dim.1.max(*k));
                }
                if elements.given.get(&at).is_none_or(|known| count < known.count) {
                    elements.given.insert(at, Given { indices: scope.indices, value: statement.value, count });
                }
            }
        }
        elements
    }

    /// The values of `key` — a state with as many primes as its equation has, `init u`, `param k`, an output — by the
    /// names of its elements, which may be given with fewer primes.
    pub fn values(&self, keys: &[(String, Vec<i64>)], point: &Point) -> Vec<Dual> {
        let run = Run { oracle: self, point, known: RefCell::default() };
        keys.iter().map(|(key, at)| run.given(key, at)).collect()
    }

    /// The order of a state's equation.
    pub fn order(&self, name: &str) -> Option<u32> {
        self.orders.get(name).copied()
    }
}

impl Oracle<'_> {
    /// The names a left-side subscript is made of.
    pub fn index_names(subscript: &Expr) -> Vec<&str> {
        match &subscript.kind {
            ExprKind::Name(name) => vec![name],
            ExprKind::Sum(terms) => terms.iter().flat_map(|(_, term)| Oracle::index_names(term)).collect(),
            _ => Vec::new(),
        }
    }
}

impl<'a> Run<'_, 'a> {
    pub fn integer(&self, expr: &'a Expr, scope: &Scope<'a>) -> i64 {
        let x = self.eval(expr, scope).real().x;
        assert_eq!(x, x.trunc(), "not a whole number");
        x as i64
    }

    /// The element of a family at subscripts that may have to be wrapped.
    fn given(&self, key: &str, at: &[i64]) -> Dual {
        let elements = &self.oracle.elements[key];
        let at = self.wrapped(key, at);
        let name = element_name(key, &at);
        if let Some(known) = self.known.borrow().get(&name) {
            return *known;
        }
        if let Some(species) = key.strip_suffix('\'').filter(|name| self.oracle.species.contains(name)) {
            let value = self.change(species, &at);
            self.known.borrow_mut().insert(name, value);
            return value;
        }
        let given = elements.given.get(&at).unwrap_or_else(|| panic!("no statement gives {name}"));
        let scope = Scope { indices: given.indices.clone(), arguments: Vec::new() };
        let value = given.value.unwrap_or_else(|| panic!("{name} has no value"));
        let value = self.eval(value, &scope).real();
        self.known.borrow_mut().insert(name, value);
        value
    }

    pub fn wrapped(&self, key: &str, at: &[i64]) -> Vec<i64> {
        let dims = &self.oracle.elements[key].dims;
        assert_eq!(dims.len(), at.len(), "subscripts of {key}");
        let wrap = |(k, (lo, hi, periodic)): (&i64, &(i64, i64, bool))| {
            assert!(*periodic || (lo..=hi).contains(&k), "{key}[{at:?}] is out of range");
            lo + (k - lo).rem_euclid(hi - lo + 1)
        };
        at.iter().zip(dims).map(wrap).collect()
    }

    pub fn element(&self, name: &'a str, order: u32, at: &[i64]) -> Dual {
        let oracle = self.oracle;
        if let Some(highest) = oracle.orders.get(name) {
            let key = primed(name, *highest);
            if order == *highest {
                return self.given(&key, at);
            }
            return self.point.y[&element_name(&primed(name, order), &self.wrapped(&key, at))];
        }
        // Of a network's labels those of single reactions are read.
        if let Some(reaction) = oracle.fluxes.get(name) {
            return self.flux(reaction, &Scope::default());
        }
        let parameter = format!("param {name}");
        if oracle.elements.contains_key(&parameter) {
            let listed = self.point.p.get(&element_name(name, &self.wrapped(&parameter, at)));
            return listed.copied().unwrap_or_else(|| self.given(&parameter, at));
        }
        self.given(name, at)
    }

    fn name(&self, name: &'a str, scope: &Scope<'a>) -> Dual {
        if let Some((_, value)) = scope.arguments.iter().find(|(known, _)| *known == name) {
            return *value;
        }
        if let Some((_, k)) = scope.indices.iter().rev().find(|(known, _)| *known == name) {
            return Dual::constant(*k as f64);
        }
        match name {
            "pi" => Dual::constant(std::f64::consts::PI),
            time if time == self.oracle.time.unwrap_or("t") => self.point.t,
            _ => match self.oracle.constants.get(name) {
                Some(value) => self.eval(value, &Scope::default()).real(),
                None => self.element(name, 0, &[]),
            },
        }
    }

    pub fn eval(&self, expr: &'a Expr, scope: &Scope<'a>) -> Value {
        let real = |e: &'a Expr| self.eval(e, scope).real();
        let truth = |e: &'a Expr| self.eval(e, scope).truth();
        let subscripts = |list: &'a [Expr]| -> Vec<i64> { list.iter().map(|s| self.integer(s, scope)).collect() };
        Value::Real(match &expr.kind {
            ExprKind::Delayed(..) => panic!("the oracle knows no past"),
            ExprKind::Member(_) | ExprKind::Made(_) => panic!("the oracle reads trees as they are written, elaborated"),
            ExprKind::Csv(_) => panic!("the oracle reads no files"),
            ExprKind::Number(x) => Dual::constant(*x),
            // `tests/units.rs` holds quantities against the SI.
            ExprKind::Quantity(..) => panic!("the oracle reads numbers without units"),
            ExprKind::Bool(truth) => return Value::Truth(*truth),
            ExprKind::Name(name) => self.name(name, scope),
            ExprKind::Subscript(name, list) => self.element(&name.name, 0, &subscripts(list)),
            ExprKind::Prime(inner, order) => match &inner.kind {
                ExprKind::Name(name) => self.element(name, *order, &[]),
                ExprKind::Subscript(name, list) => self.element(&name.name, *order, &subscripts(list)),
                other => panic!("a prime on {other:?}"),
            },
            ExprKind::Negate(a) => -real(a),
            ExprKind::Sum(terms) => terms.iter().fold(Dual::constant(0.0), |sum, (sign, term)| match sign {
                Sign::Plus => sum + real(term),
                Sign::Minus => sum - real(term),
            }),
            ExprKind::Product(factors) => factors.iter().fold(Dual::constant(1.0), |product, (how, f)| match how {
                Factor::Times => product * real(f),
                Factor::Over => product / real(f),
            }),
            ExprKind::Power(a, b) => power(real(a), real(b)),
            ExprKind::Compare(op, a, b) => {
                let (a, b) = (real(a).x, real(b).x);
                return Value::Truth(match op {
                    Comparison::Lt => a < b,
                    Comparison::Le => a <= b,
                    Comparison::Gt => a > b,
                    Comparison::Ge => a >= b,
                    Comparison::Eq => a == b,
                    Comparison::Ne => a != b,
                });
            }
            ExprKind::Not(a) => return Value::Truth(!truth(a)),
            ExprKind::And(list) => return Value::Truth(list.iter().all(truth)),
            ExprKind::Or(list) => return Value::Truth(list.iter().any(truth)),
            ExprKind::If(c, a, b) => real(if truth(c) { a } else { b }),
            ExprKind::Call(function, arguments) => {
                let values: Vec<Dual> = arguments.iter().map(real).collect();
                match self.oracle.functions.get(function.name.as_str()) {
                    Some((params, body)) => {
                        let arguments = params.iter().map(|p| p.name.as_str()).zip(values).collect();
                        self.eval(body, &Scope { indices: Vec::new(), arguments }).real()
                    }
                    None => builtin(&function.name, &values),
                }
            }
            ExprKind::Reduce(operator, indices, bodies) => {
                let mut turns = vec![scope.clone()];
                for index in indices {
                    let name = index.index.name.as_str();
                    let range = index.range.as_ref().unwrap_or_else(|| self.oracle.sets[name].0);
                    let (lo, hi) = (self.integer(&range.lo, scope), self.integer(&range.hi, scope));
                    let turn = |scope: Scope<'a>| {
                        (lo..=hi).map(move |k| {
                            let mut scope = scope.clone();
                            scope.indices.push((name, k));
                            scope
                        })
                    };
                    turns = turns.into_iter().flat_map(turn).collect();
                }
                let body = |scope: &Scope<'a>| {
                    bodies.iter().map(|b| self.eval(b, scope).real()).fold(Dual::constant(1.0), |a, b| a * b)
                };
                let fold: fn(Dual, Dual) -> Dual = match operator.name.as_str() {
                    "sum" | "dot" => |a, b| a + b,
                    "prod" => |a, b| a * b,
                    "min" => least,
                    "max" => most,
                    other => panic!("reduction {other}"),
                };
                turns.iter().map(body).reduce(fold).expect("a range that is not empty")
            }
        })
    }
}

fn least(a: Dual, b: Dual) -> Dual {
    if a.x < b.x { a } else { b }
}

fn most(a: Dual, b: Dual) -> Dual {
    if a.x > b.x { a } else { b }
}

fn power(a: Dual, b: Dual) -> Dual {
    let value = a.x.powf(b.x);
    let by_base = a.map(0.0, b.x * a.x.powf(b.x - 1.0)).d;
    let by_exponent = b.map(0.0, if a.x == 0.0 { 0.0 } else { value * a.x.ln() }).d;
    Dual { x: value, d: by_base + by_exponent }
}

fn builtin(name: &str, arguments: &[Dual]) -> Dual {
    let a = arguments[0];
    let b = arguments.get(1).copied().unwrap_or(a);
    let c = arguments.get(2).copied().unwrap_or(a);
    let x = a.x;
    let zero_one = |on: bool| Dual::constant(if on { 1.0 } else { 0.0 });
    match name {
        "exp" => a.map(x.exp(), x.exp()),
        "expm1" => a.map(x.exp_m1(), x.exp()),
        "log" => a.map(x.ln(), 1.0 / x),
        "log1p" => a.map(x.ln_1p(), 1.0 / (1.0 + x)),
        "log10" => a.map(x.log10(), 1.0 / (x * 10f64.ln())),
        "log2" => a.map(x.log2(), 1.0 / (x * 2f64.ln())),
        "sqrt" => a.map(x.sqrt(), 0.5 / x.sqrt()),
        "cbrt" => a.map(x.cbrt(), x.cbrt() / (3.0 * x)),
        "sin" => a.map(x.sin(), x.cos()),
        "cos" => a.map(x.cos(), -x.sin()),
        "tan" => a.map(x.tan(), 1.0 / x.cos().powi(2)),
        "asin" => a.map(x.asin(), 1.0 / x.asin().cos()),
        "acos" => a.map(x.acos(), -1.0 / x.acos().sin()),
        "atan" => a.map(x.atan(), x.atan().cos().powi(2)),
        "sinh" => a.map(x.sinh(), x.cosh()),
        "cosh" => a.map(x.cosh(), x.sinh()),
        "tanh" => a.map(x.tanh(), 1.0 / x.cosh().powi(2)),
        "asinh" => a.map(x.asinh(), 1.0 / x.asinh().cosh()),
        "acosh" => a.map(x.acosh(), 1.0 / x.acosh().sinh()),
        "atanh" => a.map(x.atanh(), x.atanh().cosh().powi(2)),
        "erf" => a.map(Function::Erf.eval(x, x), 2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp()),
        "erfc" => a.map(Function::Erfc.eval(x, x), -2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp()),
        "atan2" => {
            let square = x * x + b.x * b.x;
            Dual { x: x.atan2(b.x), d: (b.x * a.d - x * b.d) / square }
        }
        "hypot" => Dual { x: x.hypot(b.x), d: (x * a.d + b.x * b.d) / x.hypot(b.x) },
        "pow" => power(a, b),
        "abs" => a.map(x.abs(), if x < 0.0 { -1.0 } else { 1.0 }),
        "sign" => Dual::constant(if x > 0.0 {
            1.0
        } else if x < 0.0 {
            -1.0
        } else {
            0.0
        }),
        "floor" => Dual::constant(x.floor()),
        "ceil" => Dual::constant(x.ceil()),
        "min" => arguments[1..].iter().fold(a, |m, v| least(m, *v)),
        "max" => arguments[1..].iter().fold(a, |m, v| most(m, *v)),
        "clamp" => least(most(a, b), c),
        "mod" => a - b * Dual::constant((x / b.x).floor()),
        "stiff" => a,
        "step" => zero_one(x >= b.x),
        "pulse" => zero_one(b.x <= x && x < b.x + c.x),
        other => panic!("the oracle does not know `{other}`"),
    }
}
