//! Families whose statements are terms of a sum: what reactions and `+=` add to the derivative of an array species.
//!
//! The array is cut into boxes within which the same terms hold; each box becomes one piece, the sum of its terms in
//! the order of the file. Elements no term speaks of do not change.
//!
//! Invariant: the number of pieces depends on the number of terms and their ranges' ends, never on the array's size.

use super::boxes::{Bounds, difference, intersection};
use super::check::Checker;
use super::domain::Region;
use super::expression::Scope;
use super::families::Shape;
use super::names::Target;
use super::{Dim, Piece};
use crate::diag::{Diagnostic, codes};
use crate::expr::{Affine, ExprId, IndexRange, VarId};

/// A term where it does not wrap: its elements, and how far they are ahead of its indices.
struct Place {
    term: usize,
    bounds: Bounds,
    ahead: Vec<i64>,
}

impl Checker<'_> {
    /// The pieces of a sum of terms over the whole array.
    pub fn added_pieces(
        &mut self,
        target: &Target,
        shape: &Shape,
        dims: &[Dim],
        whole: Bounds,
        base: &Scope,
    ) -> Option<Vec<Piece>> {
        let places: Vec<Place> =
            shape.regions.iter().enumerate().flat_map(|(term, region)| unwrapped(term, region, dims)).collect();
        let mut parts: Vec<(Bounds, Vec<usize>)> = vec![(whole, Vec::new())];
        for (k, place) in places.iter().enumerate() {
            let mut cut = Vec::with_capacity(parts.len() + 1);
            for (part, terms) in parts {
                let Some(common) = intersection(&part, &place.bounds) else {
                    cut.push((part, terms));
                    continue;
                };
                cut.extend(difference(&part, &common).into_iter().map(|rest| (rest, terms.clone())));
                cut.push((common, terms.into_iter().chain([k]).collect()));
            }
            parts = cut;
        }
        parts.sort();
        let mut pieces = Vec::new();
        let mut waiting: Vec<(Bounds, Vec<usize>)> = parts.into_iter().rev().collect();
        while let Some((part, terms)) = waiting.pop() {
            let (vars, ranges, subscripts) =
                self.axes(&part, terms.first().map(|k| &shape.regions[places[*k].term]))?;
            let mut sum: Option<ExprId> = None;
            let mut cut = None;
            for k in &terms {
                let place = &places[*k];
                let region = &shape.regions[place.term];
                let mut scope = Scope { ranges: ranges.clone(), ..base.clone() };
                for (d, var) in region.vars.iter().enumerate() {
                    let Some((_, name, _)) = var else { continue };
                    let value = match vars[d] {
                        Some(var) => Affine { offset: -place.ahead[d], terms: vec![(var, 1)] },
                        None => Affine::constant(part[d].0 - place.ahead[d]),
                    };
                    scope.indices.push((name.clone(), value));
                }
                let value = self.real(target.statements[place.term].value?, &mut scope)?;
                cut = cut.or(scope.cuts.first().copied());
                sum = Some(match sum {
                    None => value,
                    Some(sum) => self.graph.add(sum, value),
                });
            }
            if let Some((var, at)) = cut {
                let dim = vars.iter().position(|known| *known == Some(var))?;
                let (mut left, mut right) = (part.clone(), part);
                left[dim].1 = at - 1;
                right[dim].0 = at;
                waiting.push((right, terms.clone()));
                waiting.push((left, terms));
                continue;
            }
            let value = sum.unwrap_or_else(|| self.graph.constant(0.0));
            pieces.push(Piece { ranges, subscripts, value });
        }
        Some(pieces)
    }

    /// Whether all terms speak of elements that have initial values (those say how large the species is). If it has
    /// none, that is told elsewhere.
    pub fn terms_stay_inside(&mut self, name: &str, target: &Target, shape: &Shape) -> bool {
        let found = self.found.clone();
        let Some(initial) = found.initials.get(&(name, 0)) else { return true };
        let Some(sizes) = self.shape(name, initial, false) else { return true };
        for (region, statement) in shape.regions.iter().zip(&target.statements) {
            for (d, (bounds, dim)) in region.bounds.iter().zip(&sizes.dims).enumerate() {
                if region.periodic[d] || (dim.lo <= bounds.0 && bounds.1 <= dim.hi) {
                    continue;
                }
                let outside = if bounds.0 < dim.lo { bounds.0 } else { bounds.1 };
                let message = format!("index out of range: this reaches `{name}[{outside}]`");
                let span = statement.subscripts.get(d).map_or(statement.span, |subscript| subscript.span);
                self.diagnostics.push(
                    Diagnostic::new(codes::model::OUT_OF_RANGE, span, message)
                        .related(initial.span, format!("`{name}` has subscripts {}..{}", dim.lo, dim.hi))
                        .help("restrict the reaction with `for`, or declare the index `periodic`"),
                );
                return false;
            }
        }
        true
    }

    /// A variable along each side of a box that is longer than one, named as in the first term if that can be.
    #[allow(clippy::type_complexity)]
    fn axes(
        &mut self,
        part: &Bounds,
        first: Option<&Region>,
    ) -> Option<(Vec<Option<VarId>>, Vec<IndexRange>, Vec<Affine>)> {
        let (mut vars, mut ranges, mut subscripts) = (Vec::new(), Vec::new(), Vec::new());
        for (d, (lo, hi)) in part.iter().enumerate() {
            if lo == hi {
                vars.push(None);
                subscripts.push(Affine::constant(*lo));
                continue;
            }
            let own = first.and_then(|region| region.vars[d].as_ref()).map(|(var, ..)| *var);
            let var = match own {
                Some(var) if !vars.contains(&Some(var)) => var,
                _ => self.graph.var(&format!("_{d}"))?,
            };
            vars.push(Some(var));
            ranges.push(IndexRange { var, lo: *lo, hi: *hi });
            subscripts.push(Affine::var(var));
        }
        Some((vars, ranges, subscripts))
    }
}

/// The parts of a term's elements that wrap equally often around periodic dimensions.
fn unwrapped(term: usize, region: &Region, dims: &[Dim]) -> Vec<Place> {
    let ahead = region.vars.iter().map(|var| var.as_ref().map_or(0, |(.., ahead)| *ahead)).collect();
    let mut places = vec![Place { term, bounds: region.bounds.clone(), ahead }];
    for (d, dim) in dims.iter().enumerate().filter(|(_, dim)| dim.periodic) {
        let extent = dim.len() as i64;
        let mut wrapped = Vec::new();
        for place in places {
            let (lo, hi) = place.bounds[d];
            let turn = |at: i64| (at - dim.lo).div_euclid(extent);
            for turns in turn(lo)..=turn(hi) {
                let first = dim.lo + turns * extent;
                let (from, to) = (lo.max(first), hi.min(first + extent - 1));
                let mut bounds = place.bounds.clone();
                bounds[d] = (from - turns * extent, to - turns * extent);
                let mut ahead = place.ahead.clone();
                ahead[d] -= turns * extent;
                wrapped.push(Place { term, bounds, ahead });
            }
        }
        places = wrapped;
    }
    places
}
