//! The numbers behind constants and parameters' defaults, as far as they follow from the file alone.

use rustc_hash::FxHashMap;

use super::{Analysis, EntityId, Role};
use crate::expr::{Graph, builtin};
use crate::lang::ast::{Expr, ExprKind, Factor, ItemKind, Sign};
use crate::order::topological;

impl Analysis {
    /// The values of scalar constants and parameter defaults that are expressions of numbers, `pi`, builtin functions and
    /// one another.
    pub fn values(&self) -> FxHashMap<EntityId, f64> {
        let mut list: Vec<(EntityId, &Expr)> = Vec::new();
        for item in &self.ast.items {
            let (ItemKind::Const(declarations) | ItemKind::Param(declarations)) = &item.kind else { continue };
            for declaration in declarations.iter().filter(|d| d.subscripts.is_empty()) {
                let id = self.names.get(&declaration.name.name).copied();
                let id = id.filter(|id| matches!(self.entity(*id).role, Role::Constant | Role::Parameter));
                list.extend(id.zip(declaration.value.as_ref()));
            }
        }
        let places: FxHashMap<EntityId, usize> = list.iter().enumerate().map(|(k, (id, _))| (*id, k)).collect();
        let dependencies: Vec<Vec<usize>> = list
            .iter()
            .map(|(_, value)| {
                let inside = |at: u32| value.span.start <= at && at < value.span.end;
                let first = self.mentions.partition_point(|mention| mention.span.start < value.span.start);
                let mentions = self.mentions[first..].iter().take_while(|mention| inside(mention.span.start));
                let entities = mentions.filter_map(|mention| match mention.target {
                    super::Target::Entity(id) => places.get(&id).copied(),
                    _ => None,
                });
                entities.collect()
            })
            .collect();
        let mut values = FxHashMap::default();
        let Ok(order) = topological(&dependencies) else { return self.without_circles(&list) };
        for k in order {
            let (id, expr) = list[k];
            if let Some(value) = self.evaluate(expr, &values) {
                values.insert(id, value);
            }
        }
        values
    }

    /// Where some go in a circle: those that need no other.
    fn without_circles(&self, list: &[(EntityId, &Expr)]) -> FxHashMap<EntityId, f64> {
        let nothing = FxHashMap::default();
        let mut values = FxHashMap::default();
        // A few rounds find what a page of constants has; this is a file with an error.
        for _ in 0..4 {
            for (id, expr) in list {
                if let Some(value) = self.evaluate(expr, if values.is_empty() { &nothing } else { &values }) {
                    values.insert(*id, value);
                }
            }
        }
        values
    }

    fn evaluate(&self, expr: &Expr, known: &FxHashMap<EntityId, f64>) -> Option<f64> {
        let value = match &expr.kind {
            ExprKind::Number(value) => *value,
            ExprKind::Name(name) => match self.names.get(name) {
                Some(id) => *known.get(id)?,
                None if name == "pi" => std::f64::consts::PI,
                None => return None,
            },
            ExprKind::Negate(inner) => -self.evaluate(inner, known)?,
            ExprKind::Sum(terms) => {
                let mut sum = 0.0;
                for (sign, term) in terms {
                    let term = self.evaluate(term, known)?;
                    sum = if *sign == Sign::Plus { sum + term } else { sum - term };
                }
                sum
            }
            ExprKind::Product(factors) => {
                let mut product = 1.0;
                for (how, factor) in factors {
                    let factor = self.evaluate(factor, known)?;
                    product = if *how == Factor::Times { product * factor } else { product / factor };
                }
                product
            }
            ExprKind::Power(base, exponent) => {
                let (base, exponent) = (self.evaluate(base, known)?, self.evaluate(exponent, known)?);
                let mut graph = Graph::default();
                let (base, exponent) = (graph.constant(base), graph.constant(exponent));
                let power = graph.pow(base, exponent);
                graph.as_const(power)?
            }
            ExprKind::Call(function, arguments) => {
                let own = self.names.get(&function.name).is_some_and(|id| self.entity(*id).role == Role::Function);
                let row = builtin::find(&function.name).filter(|row| !own && row.arguments.len() == arguments.len())?;
                let mut graph = Graph::default();
                let values: Option<Vec<f64>> = arguments.iter().map(|a| self.evaluate(a, known)).collect();
                let nodes: Vec<_> = values?.into_iter().map(|value| graph.constant(value)).collect();
                let result = builtin::build(row, &mut graph, &nodes);
                graph.as_const(result)?
            }
            _ => return None,
        };
        value.is_finite().then_some(value)
    }
}
