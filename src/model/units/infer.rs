//! The unit of an expression, found from the units of what is in it; where terms of one dimension differ in size, the
//! factor between them is put into the expression.
//!
//! The rules: what is added, compared, chosen between or assigned has one unit; factors and powers multiply units; a number
//! is a pure number, except that 0 has any unit; a number alone as the value of a quantity is in the quantity's unit
//! (which is decided in [`statements`](super::statements)); a temperature that counts from an offset may be assigned,
//! compared and subtracted, nothing else.

use super::Conversion;
use super::exact::Exact;
use super::linear::{Exponent, Linear, UnitId};
use super::ratio::Ratio;
use super::report::Why;
use super::statements::Inference;
use crate::expr::builtin::{self, Dimension};
use crate::lang::ast::{Expr, ExprKind, Factor, Ident, Made, ReductionIndex, Sign};

/// Products of more units than this are not followed: such a product counts as unknown.
const MOST_TERMS: usize = 100;

/// What is known of a value: its unit, and the scale with an offset that it is a point of.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// The unit, for a point that of differences.
    pub unit: Linear,
    /// The scale, for a point.
    pub point: Option<UnitId>,
}

impl Form {
    /// A value that is no point of a scale.
    pub fn of(unit: Linear) -> Form {
        Form { unit, point: None }
    }
}

/// What names mean at one place beyond the model's own.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The function whose body this is.
    pub function: Option<String>,
    /// Its arguments.
    pub arguments: Vec<(String, Linear)>,
    /// Index names.
    pub indices: Vec<String>,
}

impl Inference<'_> {
    /// Demands that an expression has the form of the target, and converts it if only the size differs.
    pub fn coerce(&mut self, expr: &mut Expr, target: &Form, scope: &mut Scope, why: Why) {
        if is_zero(expr) {
            return;
        }
        // Demands go as deep inside as possible: each term of a sum is converted once, and the odd one out is named.
        let plain =
            target.point.is_none() && self.point(expr).is_none() && (self.converting || self.known(target).is_some());
        let mut wrong = None;
        match &mut expr.kind {
            ExprKind::Sum(terms) if plain && terms.iter().all(|(_, term)| self.point(term).is_none()) => {
                let terms = terms.iter_mut().map(|(_, term)| term).collect();
                wrong = self.coerce_all(terms, target, scope, why);
            }
            ExprKind::Negate(inner) if plain => self.coerce(inner, target, scope, why),
            ExprKind::If(condition, then, otherwise) if plain => {
                self.infer(condition, scope);
                wrong = self.coerce_all(vec![then, otherwise], target, scope, why);
            }
            ExprKind::Call(function, arguments)
                if plain
                    && ["min", "max", "clamp"].contains(&function.name.as_str())
                    && !self.functions.contains_key(&function.name) =>
            {
                wrong = self.coerce_all(arguments.iter_mut().collect(), target, scope, why);
            }
            ExprKind::Reduce(operator, indices, bodies)
                if plain && ["sum", "min", "max"].contains(&operator.name.as_str()) =>
            {
                let outer = self.open(indices, scope);
                bodies.iter_mut().for_each(|body| self.coerce(body, target, scope, why));
                scope.indices.truncate(outer);
            }
            _ => {
                let form = self.infer(expr, scope);
                self.meet(expr, &form, target, why);
            }
        }
        if let Some(form) = wrong {
            self.mismatch(expr, &form, target, why);
        }
    }

    /// The same of several expressions. If all that are known are of another dimension, they are held against the first
    /// of them, whose form is returned: then they are wrong together.
    fn coerce_all(&mut self, list: Vec<&mut Expr>, target: &Form, scope: &mut Scope, why: Why) -> Option<Form> {
        if self.converting {
            list.into_iter().for_each(|expr| self.coerce(expr, target, scope, why));
            return None;
        }
        let (mut leading, mut agrees) = (None, false);
        let mut forms = Vec::with_capacity(list.len());
        for expr in list {
            let form = if self.is_numeric(expr, scope) { None } else { Some(self.infer(expr, scope)) };
            match form.as_ref().map(|form| self.clash(form, target)) {
                Some(Some(true)) if leading.is_none() => leading = form.clone().map(|form| (form, expr.span)),
                // What is not known yet may agree.
                Some(Some(false) | None) => agrees = true,
                _ => {}
            }
            forms.push((expr, form));
        }
        let leading = leading.filter(|_| !agrees);
        for (expr, form) in forms {
            let (wanted, why) = match &leading {
                Some((_, place)) if *place == expr.span => continue,
                Some((leading, place)) => (leading, Why::Beside(*place)),
                None => (target, why),
            };
            match form {
                Some(form) => self.meet(expr, &form, wanted, why),
                None => self.coerce(expr, wanted, scope, why),
            }
        }
        leading.map(|(form, _)| form)
    }

    /// Whether the dimensions of two units differ, if both are known.
    fn clash(&mut self, form: &Form, target: &Form) -> Option<bool> {
        Some(self.known(form)?.dims != self.known(target)?.dims)
    }

    /// Demands that an expression of that form has the target's.
    pub fn meet(&mut self, expr: &mut Expr, form: &Form, target: &Form, why: Why) {
        let difference = form.unit.clone().plus(&target.unit, -Ratio::ONE);
        let open = self.converting && form.point != target.point && {
            let (own, wanted) = (self.solver.resolve(&form.unit), self.solver.resolve(&target.unit));
            own.unknowns().next().is_some() || wanted.unknowns().next().is_some()
        };
        if open {
            return self.undeclared_point(expr, form);
        }
        let rest = self.solver.demand_one(&difference, expr.span);
        let exact = self.registry.exact(&rest);
        let under_atoms = self.registry.exact_by_atoms(&rest);
        let beyond = exact.is_number() && !(exact.value().is_finite() && exact.value() > 0.0);
        if rest.is_lost() || exact.is_lost() || beyond {
            return self.too_large(expr.span);
        }
        if !exact.is_number() || under_atoms.iter().any(|part| !part.is_number()) {
            return self.mismatch(expr, form, target, why);
        }
        if !self.converting {
            return;
        }
        if under_atoms.iter().any(|part| !part.is_one()) {
            return self.unknown_power(expr, form, target);
        }
        match (form.point, target.point) {
            // The same scale may go by two names.
            (Some(from), Some(to)) if exact.is_one() && self.registry.offset(from) == self.registry.offset(to) => {}
            (from, to) if from == to => {
                if exact.value() != 1.0 {
                    let divisor = scale(expr, &exact);
                    self.record(expr, form, target, &exact, divisor, (0.0, 0.0));
                }
            }
            (from, to) => {
                let offset = |registry: &super::registry::Registry, point: Option<UnitId>| {
                    point.and_then(|id| registry.offset(id)).unwrap_or(0.0)
                };
                let (before, after) = (offset(&self.registry, from), offset(&self.registry, to));
                let offset = if exact.is_one() { (0.0, after - before) } else { (before, after) };
                shift(expr, offset.0);
                let divisor = scale(expr, &exact);
                shift(expr, -offset.1);
                self.record(expr, form, target, &exact, divisor, offset);
            }
        }
    }

    fn record(
        &mut self,
        expr: &Expr,
        form: &Form,
        target: &Form,
        size: &Exact,
        divisor: Option<f64>,
        offset: (f64, f64),
    ) {
        let (from, to, factor) = (self.spell_form(form), self.spell_form(target), size.value());
        self.conversions.push(Conversion { span: expr.span, from, to, factor, divisor, offset });
    }

    /// Demands a pure number; `what` says where.
    pub fn pure(&mut self, expr: &mut Expr, scope: &mut Scope, what: &str) {
        self.coerce(expr, &Form::default(), scope, Why::Number(what));
    }

    /// The unit of an expression that is to be no point of a scale.
    fn interval(&mut self, expr: &mut Expr, scope: &mut Scope) -> Linear {
        let form = self.infer(expr, scope);
        if form.point.is_some() {
            self.offset_misused(expr, &form);
        }
        form.unit
    }

    pub fn unknown(&mut self) -> Form {
        Form::of(Linear::unknown(self.solver.fresh()))
    }

    /// The form of an expression.
    pub fn infer(&mut self, expr: &mut Expr, scope: &mut Scope) -> Form {
        let zero = is_zero(expr);
        match &mut expr.kind {
            _ if zero => self.unknown(),
            ExprKind::Number(_) | ExprKind::Bool(_) => Form::default(),
            ExprKind::Quantity(_, unit) => match self.registry.read(unit, &mut self.diagnostics) {
                Some(given) => self.given(given),
                None => self.unknown(),
            },
            ExprKind::Name(name) => self.name(name, scope),
            ExprKind::Subscript(ident, subscripts) => {
                subscripts.iter_mut().for_each(|s| self.pure(s, scope, "a subscript"));
                self.name(&ident.name, scope)
            }
            // Told by the checker.
            ExprKind::Member(_) => self.unknown(),
            ExprKind::Prime(inner, order) => {
                let order = Ratio::new(i64::from(*order), 1);
                let form = self.infer(inner, scope);
                let time = self.time.unit.clone();
                Form::of(form.unit.plus(&time, -order))
            }
            ExprKind::Negate(inner) => Form::of(self.interval(inner, scope)),
            ExprKind::Sum(terms) => self.sum(terms, scope),
            ExprKind::Product(factors) => {
                let mut product = Linear::default();
                for (how, factor) in factors {
                    let unit = self.interval(factor, scope);
                    let power = if *how == Factor::Over { -Ratio::ONE } else { Ratio::ONE };
                    // Zero times anything is zero, whatever its unit.
                    product = product.plus(&unit, power);
                }
                self.bounded(product)
            }
            ExprKind::Power(base, exponent) => {
                let power = self.exponent(exponent, scope);
                let unit = self.interval(base, scope);
                self.pure(exponent, scope, "an exponent");
                self.bounded(unit.times(&power))
            }
            ExprKind::Compare(_, a, b) => {
                self.same(vec![a, b], scope);
                Form::default()
            }
            ExprKind::Not(inner) => {
                self.infer(inner, scope);
                Form::default()
            }
            ExprKind::And(list) | ExprKind::Or(list) => {
                list.iter_mut().for_each(|part| _ = self.infer(part, scope));
                Form::default()
            }
            ExprKind::If(condition, then, otherwise) => {
                self.infer(condition, scope);
                self.same(vec![then, otherwise], scope)
            }
            ExprKind::Csv(csv) => self.table(csv),
            ExprKind::Made(made) => self.made(made, scope),
            ExprKind::Call(function, arguments) => self.call(function, arguments, scope),
            ExprKind::Delayed(operand, time) => {
                let name = operand.to_string();
                self.time_argument(&name, time, scope);
                self.infer(operand, scope)
            }
            ExprKind::Reduce(operator, indices, bodies) => {
                let outer = self.open(indices, scope);
                let form = match operator.name.as_str() {
                    "min" | "max" => bodies.first_mut().map(|body| self.infer(body, scope)).unwrap_or_default(),
                    "prod" => {
                        bodies.iter_mut().for_each(|body| self.pure(body, scope, "a factor of `prod`"));
                        Form::default()
                    }
                    // `dot` multiplies its two, `sum` has one.
                    _ => bodies.iter_mut().fold(Form::default(), |product, body| {
                        Form::of(product.unit.plus(&self.interval(body, scope), Ratio::ONE))
                    }),
                };
                scope.indices.truncate(outer);
                form
            }
        }
    }

    /// Brings the indices of a reduction into scope; returns how many there were before.
    fn open(&mut self, indices: &mut [ReductionIndex], scope: &mut Scope) -> usize {
        let outer = scope.indices.len();
        for index in indices {
            if let Some(range) = &mut index.range {
                self.pure(&mut range.lo, scope, "an index");
                self.pure(&mut range.hi, scope, "an index");
            }
            scope.indices.push(index.index.name.clone());
        }
        outer
    }

    /// A unit that is not too long to be worked with.
    fn bounded(&mut self, unit: Linear) -> Form {
        if unit.len() <= MOST_TERMS {
            return Form::of(unit);
        }
        let unit = self.solver.resolve(&unit);
        if unit.len() <= MOST_TERMS { Form::of(unit) } else { self.unknown() }
    }

    fn name(&mut self, name: &str, scope: &Scope) -> Form {
        if let Some((_, unit)) = scope.arguments.iter().find(|(known, _)| known == name) {
            return Form::of(unit.clone());
        }
        if scope.indices.iter().any(|index| index == name) || name == "pi" {
            return Form::default();
        }
        if name == self.time_name {
            return self.time.clone();
        }
        match self.quantities.get(name) {
            Some(quantity) => quantity.form.clone(),
            None if self.indices.contains(name) => Form::default(),
            None => self.unknown(),
        }
    }

    /// The scale that an expression is a point of, as far as declarations say it.
    pub fn point(&self, expr: &Expr) -> Option<UnitId> {
        match &expr.kind {
            ExprKind::Name(name) => self.quantities.get(name)?.form.point,
            ExprKind::Subscript(ident, _) => self.quantities.get(&ident.name)?.form.point,
            ExprKind::Quantity(_, unit) => self.registry.peek_point(unit),
            ExprKind::If(_, then, otherwise) => self.point(then).or_else(|| self.point(otherwise)),
            ExprKind::Sum(terms) => {
                let mut points = terms.iter().filter_map(|(sign, term)| Some((*sign, self.point(term)?)));
                let (sign, first) = points.next()?;
                (sign == Sign::Plus && points.next().is_none()).then_some(first)
            }
            ExprKind::Call(function, _) if self.inputs.contains_key(&function.name) => {
                self.quantities.get(&function.name)?.form.point
            }
            ExprKind::Made(made) => self.point(made.inner()),
            ExprKind::Call(function, arguments) if ["min", "max", "clamp"].contains(&function.name.as_str()) => {
                arguments.iter().find_map(|argument| self.point(argument))
            }
            _ => None,
        }
    }

    fn sum(&mut self, terms: &mut [(Sign, Expr)], scope: &mut Scope) -> Form {
        let mut points = terms.iter().filter_map(|(sign, term)| Some((*sign, self.point(term)?)));
        let Some((_, scale)) = points.next() else {
            return self.same(terms.iter_mut().map(|(_, term)| term).collect(), scope);
        };
        let signs = terms.iter().filter(|(_, term)| self.point(term).is_some()).map(|(sign, _)| *sign);
        let (plus, minus) = signs.fold((0, 0), |(plus, minus), sign| match sign {
            Sign::Plus => (plus + 1, minus),
            Sign::Minus => (plus, minus + 1),
        });
        let difference = Form::of(self.registry.interval(scale));
        let point = Form { point: Some(scale), ..difference.clone() };
        let sound = plus == minus || (plus == 1 && minus == 0);
        if !sound && let Some((_, term)) = terms.iter().rev().find(|(_, term)| self.point(term).is_some()) {
            let term = term.clone();
            self.offset_misused(&term, &point);
        }
        for (_, term) in terms.iter_mut() {
            let target = if self.point(term).is_some() { &point } else { &difference };
            self.coerce(term, target, scope, Why::Scale);
        }
        if plus == 1 && minus == 0 { point } else { difference }
    }

    /// Demands that all have one form, that of the first which is not just a number. If they have not, which of them is
    /// wrong cannot be known, and nothing is concluded from it.
    pub(super) fn same(&mut self, mut list: Vec<&mut Expr>, scope: &mut Scope) -> Form {
        let leading = list.iter().position(|e| !self.is_numeric(e, scope));
        let leading = leading.or_else(|| list.iter().position(|e| !is_zero(e))).unwrap_or(0);
        let Some(first) = list.get_mut(leading) else { return Form::default() };
        let errors = self.diagnostics.len();
        let form = self.infer(first, scope);
        let place = first.span;
        for (k, expr) in list.into_iter().enumerate() {
            if k != leading {
                self.coerce(expr, &form, scope, Why::Beside(place));
            }
        }
        if self.diagnostics.len() > errors { self.unknown() } else { form }
    }

    /// Whether an expression is made of numbers alone: they say nothing of units.
    pub fn is_numeric(&self, expr: &Expr, scope: &Scope) -> bool {
        let name = |name: &str| {
            let local = scope.arguments.iter().any(|(known, _)| known == name);
            let own = name == self.time_name || (self.quantities.contains_key(name) && !self.numeric.contains(name));
            scope.indices.iter().any(|index| index == name) || (!local && !own)
        };
        let numeric = |e: &Expr| self.is_numeric(e, scope);
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Bool(_) => true,
            ExprKind::Quantity(..) | ExprKind::Prime(..) | ExprKind::Member(_) => false,
            ExprKind::Name(n) => name(n),
            ExprKind::Subscript(ident, list) => name(&ident.name) && list.iter().all(numeric),
            ExprKind::Negate(a) | ExprKind::Not(a) => numeric(a),
            ExprKind::Sum(terms) => terms.iter().all(|(_, e)| numeric(e)),
            ExprKind::Product(factors) => factors.iter().all(|(_, e)| numeric(e)),
            ExprKind::Power(a, b) | ExprKind::Compare(_, a, b) | ExprKind::Delayed(a, b) => numeric(a) && numeric(b),
            ExprKind::And(list) | ExprKind::Or(list) => list.iter().all(numeric),
            ExprKind::If(a, b, c) => numeric(a) && numeric(b) && numeric(c),
            ExprKind::Csv(csv) => self.table_unit(csv).is_none(),
            ExprKind::Made(made) => match &**made {
                Made::Numbers(..) => true,
                Made::InUnitOf(..) => false,
            },
            ExprKind::Call(function, _) if self.inputs.contains_key(&function.name) => false,
            ExprKind::Call(function, list) => builtin::find(&function.name).is_some() && list.iter().all(numeric),
            ExprKind::Reduce(_, indices, list) => {
                let mut inner = scope.clone();
                inner.indices.extend(indices.iter().map(|index| index.index.name.clone()));
                list.iter().all(|e| self.is_numeric(e, &inner))
            }
        }
    }

    /// An exponent as far as it is known; the rest is taken as it is written.
    fn exponent(&mut self, expr: &Expr, scope: &Scope) -> Exponent {
        match &expr.kind {
            ExprKind::Number(value) => match Ratio::decimal(*value) {
                Some(ratio) => Exponent::number(ratio),
                None => self.atom(&expr.to_string(), scope),
            },
            ExprKind::Negate(inner) => Exponent::default().plus(&self.exponent(inner, scope), -Ratio::ONE),
            ExprKind::Sum(terms) => terms.iter().fold(Exponent::default(), |sum, (sign, term)| {
                let sign = if *sign == Sign::Minus { -Ratio::ONE } else { Ratio::ONE };
                sum.plus(&self.exponent(term, scope), sign)
            }),
            ExprKind::Product(factors) if factors.len() <= 8 => {
                let mut product = Exponent::number(Ratio::ONE);
                for (how, factor) in factors {
                    let power = self.exponent(factor, scope);
                    product = match (how, power.as_number()) {
                        (Factor::Times, _) => product.times(&power),
                        (Factor::Over, Some(n)) if !n.is_zero() => product.times(&Exponent::number(n.inverse())),
                        _ => return self.atom(&expr.to_string(), scope),
                    };
                }
                product
            }
            ExprKind::Name(name) => match self.constants.get(name) {
                Some(ratio) if !scope.arguments.iter().any(|(known, _)| known == name) => Exponent::number(*ratio),
                _ => self.atom(name, scope),
            },
            _ => self.atom(&expr.to_string(), scope),
        }
    }

    fn atom(&mut self, text: &str, scope: &Scope) -> Exponent {
        Exponent::atom(self.atoms.intern(scope.function.as_deref(), text))
    }

    fn call(&mut self, function: &Ident, arguments: &mut [Expr], scope: &mut Scope) -> Form {
        let name = function.name.as_str();
        if self.functions.contains_key(name) {
            return self.user_call(name, arguments, scope);
        }
        if let (Some(form), [argument]) = (self.inputs.get(name).cloned(), &mut *arguments) {
            let place = (function.span, name);
            self.value(argument, &form, scope, place);
            return self.form_of(name);
        }
        if let ([time], true) = (&mut *arguments, builtin::find(name).is_none() && self.quantities.contains_key(name)) {
            // A value at another time.
            self.time_argument(name, time, scope);
            return self.name(name, scope);
        }
        match (name, &mut *arguments) {
            ("integral", [of]) => {
                let (unit, time) = (self.interval(of, scope), self.time.unit.clone());
                return self.bounded(unit.plus(&time, Ratio::ONE));
            }
            ("final", [of]) => return self.infer(of, scope),
            ("value", [of, time]) => {
                self.time_argument(name, time, scope);
                return self.infer(of, scope);
            }
            _ => {}
        }
        let Some(row) = builtin::find(name) else {
            arguments.iter_mut().for_each(|argument| _ = self.infer(argument, scope));
            return self.unknown();
        };
        match (row.dimension, arguments) {
            (Dimension::Number, arguments) => {
                let what = format!("the argument of `{name}`");
                arguments.iter_mut().for_each(|argument| self.pure(argument, scope, &what));
                Form::default()
            }
            (Dimension::Same, arguments) => {
                let points = ["min", "max", "clamp"].contains(&name);
                let form = self.same(arguments.iter_mut().collect(), scope);
                match arguments.first() {
                    Some(first) if form.point.is_some() && !points => {
                        self.offset_misused(first, &form);
                        Form::of(form.unit)
                    }
                    _ => form,
                }
            }
            (Dimension::Ratio, arguments) => {
                self.same(arguments.iter_mut().collect(), scope);
                Form::default()
            }
            (Dimension::Power(n, d), [argument]) => {
                let unit = self.interval(argument, scope);
                let power = Exponent::number(Ratio::new(i64::from(n), i64::from(d)));
                self.bounded(unit.times(&power))
            }
            (Dimension::Exponent, [base, exponent]) => {
                let power = self.exponent(exponent, scope);
                let unit = self.interval(base, scope);
                self.pure(exponent, scope, "an exponent");
                self.bounded(unit.times(&power))
            }
            (_, arguments) => {
                arguments.iter_mut().for_each(|argument| _ = self.infer(argument, scope));
                self.unknown()
            }
        }
    }

    /// Demands that what stands between the parentheses of `x(t - tau)` is a time.
    fn time_argument(&mut self, name: &str, time: &mut Expr, scope: &mut Scope) {
        let (form, variable) = (self.time.clone(), self.time_name.clone());
        self.coerce(time, &form, scope, Why::Argument { function: name, argument: &variable });
    }

    /// A call of a function of the model: its arguments must fit what its body says of them.
    fn user_call(&mut self, name: &str, arguments: &mut [Expr], scope: &mut Scope) -> Form {
        let exponents: Vec<Exponent> = arguments.iter().map(|argument| self.exponent(argument, scope)).collect();
        let Some(scheme) = self.functions.get(name).cloned() else { return self.unknown() };
        let (parameters, result) = self.instance(name, &scheme, &exponents);
        let errors = self.diagnostics.len();
        for (argument, (parameter, unit)) in arguments.iter_mut().zip(parameters) {
            // One argument that does not fit says nothing of the others: only what is inside them is looked at.
            let known = self.diagnostics.len() == errors;
            let form = if known { Form::of(unit) } else { self.unknown() };
            self.coerce(argument, &form, scope, Why::Argument { function: name, argument: &parameter });
        }
        if self.diagnostics.len() > errors { self.unknown() } else { Form::of(result) }
    }
}

/// Whether an expression is the number 0, which has any unit.
pub fn is_zero(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(value) => *value == 0.0,
        ExprKind::Negate(inner) => is_zero(inner),
        _ => false,
    }
}

fn replace(expr: &mut Expr, with: impl FnOnce(Expr) -> ExprKind) {
    let span = expr.span;
    let inner = std::mem::replace(expr, Expr { span, kind: ExprKind::Number(0.0) });
    expr.kind = with(inner);
}

/// Multiplies an expression by a size, or divides it where that is the rounder number, which is returned.
fn scale(expr: &mut Expr, size: &Exact) -> Option<f64> {
    let (factor, divisor) = (size.value(), size.inverse().value());
    let whole = |x: f64| x.fract() == 0.0 && x.abs() < 9e15;
    let divides = whole(divisor) && !whole(factor);
    let number = Expr { span: expr.span, kind: ExprKind::Number(if divides { divisor } else { factor }) };
    let how = if divides { Factor::Over } else { Factor::Times };
    if factor != 1.0 {
        replace(expr, |inner| ExprKind::Product(vec![(Factor::Times, inner), (how, number)]));
    }
    divides.then_some(divisor)
}

fn shift(expr: &mut Expr, by: f64) {
    if by != 0.0 {
        let sign = if by < 0.0 { Sign::Minus } else { Sign::Plus };
        let number = Expr { span: expr.span, kind: ExprKind::Number(by.abs()) };
        replace(expr, |inner| ExprKind::Sum(vec![(Sign::Plus, inner), (sign, number)]));
    }
}
