//! Index reduction: equations that say nothing of any highest derivative are differentiated until all of them are
//! determined.
//!
//! Source: C. C. Pantelides, The consistent initialization of differential-algebraic systems, SIAM J. Sci. Stat. Comput. 9
//! (1988) 213, algorithm 3.2.

use rustc_hash::FxHashMap;

use super::matching::{Matching, list};
use super::scalars::Scalars;
use super::{Equation, MOST_DIFFERENTIATIONS, Variable, fault};
use crate::diag::Diagnostic;
use crate::expr::ExprId;

/// A system that determines all its highest derivatives.
pub struct Reduced {
    /// How often each element is differentiated in it.
    pub highest: Vec<usize>,
    /// The equations, each with the highest derivative it is matched with.
    pub equations: Vec<(Equation, Variable)>,
    /// Equations that were differentiated: 0 = … each, of lower derivatives only.
    pub constraints: Vec<ExprId>,
}

struct Search<'a> {
    scalars: &'a mut Scalars,
    equations: Vec<Equation>,
    /// How often each equation has been differentiated already, and whether its derivative is among the equations.
    depth: Vec<usize>,
    differentiated: Vec<bool>,
    variables: Vec<Variable>,
    places: FxHashMap<Variable, usize>,
    highest: Vec<usize>,
    /// Per equation: places of the variables it reads.
    reads: Vec<Vec<usize>>,
    /// The same, of highest derivatives only.
    candidates: Vec<Vec<usize>>,
    matching: Matching,
}

/// Differentiates what has to be.
///
/// # Errors
/// A diagnostic that names the equations, where they would have to be differentiated without end.
pub fn reduce(scalars: &mut Scalars, equations: Vec<Equation>) -> Result<Reduced, Vec<Diagnostic>> {
    let elements = scalars.elements();
    let mut search = Search {
        scalars,
        equations: Vec::new(),
        depth: Vec::new(),
        differentiated: Vec::new(),
        variables: Vec::new(),
        places: FxHashMap::default(),
        highest: vec![0; elements],
        reads: Vec::new(),
        candidates: Vec::new(),
        matching: Matching::new(0),
    };
    let count = equations.len();
    equations.into_iter().for_each(|equation| _ = search.add(equation, 0));
    search.refresh();
    for start in 0..count {
        let mut at = start;
        while !search.matching.augment(at, &search.candidates) {
            at = search.differentiate(at)?;
        }
    }
    Ok(search.finish())
}

impl Search<'_> {
    fn add(&mut self, equation: Equation, depth: usize) -> usize {
        let reads: Vec<Variable> = self.scalars.variables(equation.value);
        let places = reads
            .into_iter()
            .map(|variable| {
                self.highest[variable.element] = self.highest[variable.element].max(variable.order);
                *self.places.entry(variable).or_insert_with(|| {
                    self.variables.push(variable);
                    self.matching.equation.push(None);
                    self.variables.len() - 1
                })
            })
            .collect();
        self.equations.push(equation);
        self.depth.push(depth);
        self.differentiated.push(false);
        self.reads.push(places);
        self.candidates.push(Vec::new());
        self.equations.len() - 1
    }

    /// Only highest derivatives are matched.
    fn refresh(&mut self) {
        for (candidates, reads) in self.candidates.iter_mut().zip(&self.reads) {
            let highest = reads.iter().filter(|v| {
                let variable = self.variables[**v];
                variable.order == self.highest[variable.element]
            });
            *candidates = highest.copied().collect();
        }
    }

    /// Differentiates the equations the failed search passed; the derivative of the one it started from.
    fn differentiate(&mut self, start: usize) -> Result<usize, Vec<Diagnostic>> {
        let (equations, variables) = std::mem::take(&mut self.matching.passed);
        // Derivatives of the variables passed; each takes over its equation's derivative below.
        let mut next = Vec::new();
        for v in &variables {
            let variable = self.variables[*v];
            let derivative = Variable { order: variable.order + 1, ..variable };
            self.highest[variable.element] = self.highest[variable.element].max(derivative.order);
            next.push((*v, derivative));
        }
        let mut derivatives: FxHashMap<usize, usize> = FxHashMap::default();
        for e in &equations {
            let (equation, depth) = (self.equations[*e], self.depth[*e]);
            if depth >= MOST_DIFFERENTIATIONS {
                return Err(vec![self.endless(&equations, equation)]);
            }
            let value = self.scalars.rate(equation.value);
            let derivative = self.add(Equation { value, ..equation }, depth + 1);
            self.differentiated[*e] = true;
            derivatives.insert(*e, derivative);
        }
        for (v, derivative) in next {
            let Some(equation) = self.matching.equation[v] else { continue };
            if let (Some(place), Some(e)) = (self.places.get(&derivative), derivatives.get(&equation)) {
                self.matching.equation[*place] = Some(*e);
            }
        }
        self.refresh();
        Ok(derivatives.get(&start).copied().unwrap_or(start))
    }

    fn endless(&self, passed: &[usize], equation: Equation) -> Diagnostic {
        let mut names: Vec<String> = passed
            .iter()
            .flat_map(|e| &self.reads[*e])
            .map(|v| format!("`{}`", self.scalars.name(Variable { order: 0, ..self.variables[*v] })))
            .collect();
        names.sort_unstable();
        names.dedup();
        let message = format!(
            "differentiated {MOST_DIFFERENTIATIONS} times, these equations still do not determine {}",
            list(&names)
        );
        fault(equation.span, message)
            .label("one of them")
            .help("an equation may follow from others, or two unknowns appear only together")
    }

    fn finish(self) -> Reduced {
        let mut result = Reduced { highest: self.highest, equations: Vec::new(), constraints: Vec::new() };
        for (e, equation) in self.equations.iter().enumerate() {
            if self.differentiated[e] {
                result.constraints.push(equation.value);
            }
        }
        for (v, equation) in self.matching.equation.iter().enumerate() {
            let variable = self.variables[v];
            if let Some(e) = equation
                && variable.order == result.highest[variable.element]
            {
                result.equations.push((self.equations[*e], variable));
            }
        }
        result
    }
}
