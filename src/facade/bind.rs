//! Parameter values: defaults, what is set from outside, and the quantities hoisted out of the kernels.

use std::cell::RefCell;
use std::fmt;

use rustc_hash::FxHashMap;

use super::Compiled;
use super::together::are_numbers;
use crate::backend::Arguments;
use crate::diag::closest;
use crate::diff::Wanted;
use crate::expr::{Environment, Evaluator, SymbolId, turns};
use crate::model::{Family, Kind, Model, SpeciesId, dependents};
use crate::name::split;
use crate::system::Eliminated;

/// No parameter or state has that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// The name asked for.
    pub name: String,
    /// The closest known name.
    pub suggestion: Option<String>,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no parameter or state is called `{}`", self.name)?;
        match &self.suggestion {
            Some(guess) => write!(f, "; did you mean `{guess}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownName {}

/// What a name given to `with_sensitivities` stands for.
pub fn wanted(model: &Model, name: &str) -> Result<Wanted, UnknownName> {
    let (base, subscripts) = split(name).unwrap_or_else(|| (name.to_string(), Vec::new()));
    let element: Option<Vec<i64>> = subscripts.iter().map(|s| s.parse().ok()).collect();
    let symbols = || model.parameters.iter().chain(&model.states);
    let found = symbols().find(|id| model.symbol(**id).name == base).and_then(|id| {
        let (symbol, element) = (model.symbol(*id), element?);
        let inside = |(s, d): (&i64, &crate::model::Dim)| (d.lo..=d.hi).contains(s);
        let fits = element.len() == symbol.dims.len() && element.iter().zip(&symbol.dims).all(inside);
        fits.then(|| Wanted { name: name.to_string(), symbol: *id, element })
    });
    found.ok_or_else(|| {
        let known = symbols().map(|id| model.symbol(*id).name.as_str());
        let suggestion = closest(&base, known).map(str::to_string);
        UnknownName { name: name.to_string(), suggestion }
    })
}

/// A parameter without default was not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingParameter(pub String);

impl fmt::Display for MissingParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parameter `{}` has no value: it has no default and was not set", self.0)
    }
}

impl std::error::Error for MissingParameter {}

/// The defaults that follow from numbers alone: the same whatever is set.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// By the parameter's place.
    values: Vec<Option<f64>>,
    /// The families of defaults that follow from other parameters, by their numbers.
    rest: Vec<usize>,
}

impl Fixed {
    /// Those of a model.
    pub fn of(model: &Model) -> Self {
        let set = FxHashMap::default();
        let (numbers, rest): (Vec<usize>, Vec<usize>) =
            (0..model.defaults.len()).partition(|k| are_numbers(model, &model.defaults[*k..=*k]));
        let defaults = Defaults::new(model, &set, vec![None; model.parameter_count()]);
        defaults.fill(&numbers);
        Fixed { values: defaults.known.into_inner(), rest }
    }
}

/// The values of all parameters: those set, and the defaults of the others, which may depend on them.
pub fn parameter_values(
    model: &Model,
    fixed: &Fixed,
    set: &FxHashMap<usize, f64>,
) -> Result<Vec<f64>, MissingParameter> {
    let mut known = fixed.values.clone();
    set.iter().for_each(|(place, value)| known[*place] = Some(*value));
    let defaults = Defaults::new(model, set, known);
    defaults.fill(&fixed.rest);
    let known = defaults.known.into_inner();
    let mut values = Vec::with_capacity(known.len());
    for (k, value) in known.into_iter().enumerate() {
        match value {
            Some(value) => values.push(value),
            None => return Err(MissingParameter(parameter_name(model, k))),
        }
    }
    match defaults.missing.into_inner() {
        Some(name) => Err(MissingParameter(name)),
        None => Ok(values),
    }
}

fn parameter_name(model: &Model, place: usize) -> String {
    let mut names = crate::system::Names::default();
    for id in &model.parameters {
        let symbol = model.symbol(*id);
        names.push(symbol.name.clone(), symbol.dims.iter().map(|d| (d.lo, d.len())).collect());
    }
    names.get(place)
}

struct Defaults<'a> {
    model: &'a Model,
    families: FxHashMap<SymbolId, &'a Family>,
    set: &'a FxHashMap<usize, f64>,
    known: RefCell<Vec<Option<f64>>>,
    missing: RefCell<Option<String>>,
}

impl<'a> Defaults<'a> {
    fn new(model: &'a Model, set: &'a FxHashMap<usize, f64>, known: Vec<Option<f64>>) -> Self {
        let families = model.defaults.iter().chain(&model.definitions).map(|family| (family.symbol, family)).collect();
        Defaults { model, families, set, known: RefCell::new(known), missing: RefCell::new(None) }
    }

    /// Finds the values of all elements of some families of defaults.
    fn fill(&self, families: &[usize]) {
        for family in families.iter().map(|k| &self.model.defaults[*k]) {
            let symbol = self.model.symbol(family.symbol);
            for piece in &family.pieces {
                for indices in turns(&piece.ranges) {
                    let value = |var| indices.iter().find(|(known, _)| *known == var).map_or(0, |(_, v)| *v);
                    let subscripts: Vec<i64> = piece.subscripts.iter().map(|a| a.eval(&value)).collect();
                    self.parameter(symbol.offset + symbol.place(&subscripts), || {
                        Evaluator::new(&self.model.graph, self, indices).value(piece.value)
                    });
                }
            }
        }
    }

    /// The value at a place: set, known, or computed now.
    fn parameter(&self, place: usize, compute: impl FnOnce() -> f64) -> f64 {
        if let Some(value) = self.set.get(&place) {
            self.known.borrow_mut()[place] = Some(*value);
            return *value;
        }
        if let Some(value) = self.known.borrow()[place] {
            return value;
        }
        let value = compute();
        self.known.borrow_mut()[place] = Some(value);
        value
    }

    /// Evaluates the piece of a family that gives an element.
    fn family_element(&self, symbol: SymbolId, subscripts: &[i64]) -> Option<f64> {
        let family = self.families.get(&symbol)?;
        family.pieces.iter().find_map(|piece| {
            let mut indices = Vec::new();
            for (affine, subscript) in piece.subscripts.iter().zip(subscripts) {
                match affine.terms.first() {
                    None if affine.offset != *subscript => return None,
                    None => {}
                    Some((var, _)) => {
                        let value = subscript - affine.offset;
                        let inside = piece.ranges.iter().any(|r| r.var == *var && r.lo <= value && value <= r.hi);
                        if !inside {
                            return None;
                        }
                        indices.push((*var, value));
                    }
                }
            }
            Some(Evaluator::new(&self.model.graph, self, indices).value(piece.value))
        })
    }
}

impl Environment for Defaults<'_> {
    fn time(&self) -> f64 {
        f64::NAN
    }

    fn element(&self, symbol: SymbolId, subscripts: &[i64]) -> f64 {
        let declared = self.model.symbol(symbol);
        // Wrapped subscripts come back into range.
        let subscripts: Vec<i64> = subscripts
            .iter()
            .zip(&declared.dims)
            .map(|(s, d)| d.lo + (s - d.lo).rem_euclid(d.len().max(1) as i64))
            .collect();
        let compute = || {
            let found = self.family_element(symbol, &subscripts);
            found.unwrap_or_else(|| {
                self.missing.borrow_mut().get_or_insert(declared.name.clone());
                f64::NAN
            })
        };
        match declared.kind {
            Kind::Parameter => self.parameter(declared.offset + declared.place(&subscripts), compute),
            _ => compute(),
        }
    }
}

impl Compiled {
    /// Of a large model, the form its kernels were lowered to and why, a sentence each.
    pub fn forms(&self) -> &[String] {
        &self.inner.lowered.forms
    }

    /// [`Self::bind`] of the defaults: what most runs need, computed once.
    pub(super) fn bound_defaults(&self) -> Result<&Vec<f64>, MissingParameter> {
        let bind = || Ok(self.bind(&self.parameter_values(&FxHashMap::default())?));
        self.inner.defaults.get_or_init(bind).as_ref().map_err(Clone::clone)
    }

    /// The values of all parameters: those set, by place, and the defaults of the others.
    pub(super) fn parameter_values(&self, set: &FxHashMap<usize, f64>) -> Result<Vec<f64>, MissingParameter> {
        let mut desk = Desk::default();
        self.parameter_values_within(&mut desk, set)?;
        Ok(desk.values)
    }

    /// The same into [`Desk::values`], in memory that is there where no default follows from what is set.
    pub(super) fn parameter_values_within(
        &self,
        desk: &mut Desk,
        set: &FxHashMap<usize, f64>,
    ) -> Result<(), MissingParameter> {
        let model = self.model().checked();
        let fixed = self.inner.fixed.get_or_init(|| Fixed::of(model));
        if !fixed.rest.is_empty() {
            desk.values = parameter_values(model, fixed, set)?;
            return Ok(());
        }
        desk.values.clear();
        desk.values.extend(fixed.values.iter().map(|value| value.unwrap_or(f64::NAN)));
        set.iter().for_each(|(place, value)| desk.values[*place] = *value);
        let mut places = fixed.values.iter().enumerate();
        match places.find(|(place, value)| value.is_none() && !set.contains_key(place)) {
            Some((place, _)) => Err(MissingParameter(parameter_name(model, place))),
            None => Ok(()),
        }
    }

    /// [`Self::bind`] of [`Desk::values`].
    pub(super) fn bind_values(&self, desk: &mut Desk, bound: &mut Vec<f64>) {
        let values = std::mem::take(&mut desk.values);
        self.bind_within(desk, &values, bound);
        desk.values = values;
    }

    /// The bound parameter vector the system's calls expect: parameter values, then discrete quantities as they are at the
    /// start, then modes (0: every switch means what was written), then hoisted quantities.
    pub fn bind(&self, values: &[f64]) -> Vec<f64> {
        let mut bound = Vec::new();
        self.bind_within(&mut Desk::default(), values, &mut bound);
        bound
    }

    /// The same into `bound`, in memory that is there.
    pub(super) fn bind_within(&self, desk: &mut Desk, values: &[f64], bound: &mut Vec<f64>) {
        let lowered = &self.inner.lowered;
        bound.clear();
        bound.extend_from_slice(values);
        bound.resize(lowered.bound, 0.0);
        if let Some(kernel) = self.kernel("bind") {
            let w = zeros(&mut desk.work, self.inner.kernels.lengths(kernel).w);
            let (p, rest) = bound.split_at_mut(lowered.parameters);
            let out = &mut rest[lowered.discretes + lowered.modes + lowered.delayed..];
            self.inner.kernels.call(kernel, Arguments { t: 0.0, y: &[], p, v: &[], w, out });
        }
        if let Some(kernel) = self.kernel("discretes") {
            let lengths = self.inner.kernels.lengths(kernel);
            let (w, y) = (zeros(&mut desk.work, lengths.w), zeros(&mut desk.state, lengths.y));
            let out = zeros(&mut desk.starts, lowered.discretes);
            self.inner.kernels.call(kernel, Arguments { t: 0.0, y, p: bound, v: &[], w, out });
            bound[lowered.parameters..lowered.parameters + lowered.discretes].copy_from_slice(&desk.starts);
        }
    }

    /// The states that conserved sums determine: of each sum the one that is largest at the start, which loses fewest
    /// digits. None where there is no such sum.
    pub(super) fn eliminated(&self, y0: &[f64]) -> Vec<Eliminated> {
        let model = self.inner.model.checked();
        let laws = self.inner.laws.get_or_init(|| model.conserved().unwrap_or_default());
        let place = |species: SpeciesId| {
            let (symbol, at) = &model.species[species.0];
            let symbol = model.symbol(*symbol);
            symbol.offset + symbol.place(at)
        };
        let list = dependents(laws, |species| y0[place(species)].abs()).unwrap_or_default();
        list.into_iter()
            .map(|(species, own, others)| Eliminated {
                state: place(species),
                own: own as f64,
                others: others.into_iter().map(|(species, weight)| (place(species), weight as f64)).collect(),
            })
            .collect()
    }

    /// The initial state for bound parameters.
    pub fn initial(&self, t0: f64, bound: &[f64]) -> Vec<f64> {
        let mut y = Vec::new();
        self.initial_within(&mut Desk::default(), t0, bound, &mut y);
        y
    }

    /// The same into `y`, in memory that is there.
    pub(super) fn initial_within(&self, desk: &mut Desk, t0: f64, bound: &[f64], y: &mut Vec<f64>) {
        let out = zeros(y, self.inner.model.checked().dim());
        if let Some(kernel) = self.kernel("init") {
            let lengths = self.inner.kernels.lengths(kernel);
            let (w, state) = (zeros(&mut desk.work, lengths.w), zeros(&mut desk.state, lengths.y));
            self.inner.kernels.call(kernel, Arguments { t: t0, y: state, p: bound, v: &[], w, out });
        }
    }
}

/// Memory for what is computed on the way from values to a start.
#[derive(Default)]
pub(super) struct Desk {
    pub values: Vec<f64>,
    work: Vec<f64>,
    state: Vec<f64>,
    starts: Vec<f64>,
}

/// So many zeros, where numbers were before.
pub(super) fn zeros(list: &mut Vec<f64>, len: usize) -> &mut [f64] {
    list.clear();
    list.resize(len, 0.0);
    list
}

#[cfg(test)]
mod tests {
    use crate::Model;

    #[test]
    fn what_is_set_takes_the_place_of_defaults_whatever_they_follow_from() {
        let text = "
            index i = 1..3
            param a = 2, b = a + 1, w[i] = 10*i, v[i] = w[i] + b
            init x = 1
            x' = -a*x
        ";
        let compiled = Model::parse(text).unwrap().compile().unwrap();
        let values = |problem: crate::Problem| problem.parameter_values().unwrap();
        assert_eq!(values(compiled.problem()), [2.0, 3.0, 10.0, 20.0, 30.0, 13.0, 23.0, 33.0]);
        let problem = compiled.problem().set("a", 4.0).unwrap().set("w[2]", 0.0).unwrap().set("v[3]", 7.0).unwrap();
        assert_eq!(values(problem), [4.0, 5.0, 10.0, 0.0, 30.0, 15.0, 5.0, 7.0]);
        assert_eq!(values(compiled.problem().set("b", 1.0).unwrap()), [2.0, 1.0, 10.0, 20.0, 30.0, 11.0, 21.0, 31.0]);
    }
}
