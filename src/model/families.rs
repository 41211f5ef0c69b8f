//! Families: the statements about one name become disjoint pieces, each a template over a box of index values.

use super::boxes::{Bounds, Conflict, most_specific};
use super::check::Checker;
use super::domain::Region;
use super::expression::Scope;
use super::names::{Statement, Target};
use super::{Dim, Piece};
use crate::diag::{Diagnostic, codes};
use crate::name::with_subscripts;

/// What the statements of a name say about its shape.
pub struct Shape {
    /// One region per statement.
    pub regions: Vec<Region>,
    /// The smallest box around all of them.
    pub dims: Vec<Dim>,
}

impl Checker<'_> {
    /// The regions of a name's statements and the array around them.
    pub fn shape(&mut self, name: &str, target: &Target, number_is_size: bool) -> Option<Shape> {
        let ranks: Vec<usize> = target.statements.iter().map(|s| s.subscripts.len()).collect();
        let rank = *ranks.first()?;
        if let Some(k) = ranks.iter().position(|r| *r != rank) {
            let statement = &target.statements[k];
            let message = format!("`{name}` has {rank} subscripts elsewhere, found {}", ranks[k]);
            self.diagnostics.push(
                Diagnostic::new(codes::model::SUBSCRIPTS, statement.span, message)
                    .related(target.span, "first mentioned here"),
            );
            return None;
        }
        // A number is a size only where it is all that is said of the dimension.
        let number_is_size = number_is_size && target.statements.len() == 1;
        let regions: Vec<Option<Region>> = target.statements.iter().map(|s| self.region(s, number_is_size)).collect();
        let regions: Vec<Region> = regions.into_iter().collect::<Option<_>>()?;
        // Terms written for neighbours of a periodic index wrap around: their index, not where they reach, is the size.
        let ahead = |r: &Region, d: usize| match &r.vars[d] {
            Some((.., ahead)) if target.added && r.periodic[d] => *ahead,
            _ => 0,
        };
        let dims = (0..rank)
            .map(|d| Dim {
                lo: regions.iter().map(|r| r.bounds[d].0 - ahead(r, d)).min().unwrap_or(1),
                hi: regions.iter().map(|r| r.bounds[d].1 - ahead(r, d)).max().unwrap_or(0),
                periodic: regions.iter().any(|r| r.periodic[d]),
            })
            .collect();
        Some(Shape { regions, dims })
    }

    /// The pieces of a name's statements over the given array: the most specific statement holds.
    pub fn pieces(
        &mut self,
        name: &str,
        target: &Target,
        shape: &Shape,
        dims: &[Dim],
        base: &Scope,
    ) -> Option<Vec<Piece>> {
        let whole: Bounds = dims.iter().map(|d| (d.lo, d.hi)).collect();
        if target.added {
            return self.added_pieces(target, shape, dims, whole, base);
        }
        let boxes: Vec<Bounds> = shape.regions.iter().map(|r| r.bounds.clone()).collect();
        let ranks: Vec<u32> = target.statements.iter().map(|statement| statement.outside).collect();
        let parts = match most_specific(&boxes, &ranks, &whole) {
            Ok(parts) => parts,
            Err(conflict) => {
                self.report_conflict(name, target, conflict);
                return None;
            }
        };
        let mut pieces = Vec::new();
        let mut good = true;
        for ((statement, region), parts) in target.statements.iter().zip(&shape.regions).zip(parts) {
            for part in parts {
                // All parts of a statement share its errors: stop at the first bad one.
                if self.lower_part(statement, region, part, base, &mut pieces).is_none() {
                    good = false;
                    break;
                }
            }
        }
        good.then_some(pieces)
    }

    /// Lowers a right side over a box, cutting the box where periodic subscripts wrap.
    fn lower_part(
        &mut self,
        statement: &Statement,
        region: &Region,
        part: Bounds,
        base: &Scope,
        pieces: &mut Vec<Piece>,
    ) -> Option<()> {
        let mut waiting = vec![part];
        while let Some(part) = waiting.pop() {
            let (local, subscripts) = region.scope(&part);
            let mut scope = Scope { indices: local.indices, ranges: local.ranges, ..base.clone() };
            if let Some((_, element)) = &mut scope.element {
                element.clone_from(&subscripts);
            }
            let value = self.real(statement.value?, &mut scope)?;
            if let Some((var, at)) = scope.cuts.first() {
                let dim = region.vars.iter().position(|v| v.as_ref().is_some_and(|(known, ..)| known == var))?;
                let ahead = region.vars[dim].as_ref().map_or(0, |(_, _, ahead)| *ahead);
                let (mut left, mut right) = (part.clone(), part);
                left[dim].1 = at - 1 + ahead;
                right[dim].0 = at + ahead;
                waiting.push(right);
                waiting.push(left);
                continue;
            }
            pieces.push(Piece { ranges: scope.ranges, subscripts, value });
        }
        Some(())
    }

    fn report_conflict(&mut self, name: &str, target: &Target, conflict: Conflict) {
        let element = |at: &[i64]| {
            let subscripts: Vec<String> = at.iter().map(i64::to_string).collect();
            format!("`{}`", with_subscripts(name, &subscripts))
        };
        let diagnostic = match conflict {
            Conflict::Overlap(a, b, at) => {
                let message = format!("{} is given twice", element(&at));
                let mut diagnostic = Diagnostic::new(codes::model::GIVEN_TWICE, target.statements[b].span, message)
                    .related(target.statements[a].span, "first given here");
                if !at.is_empty() {
                    diagnostic = diagnostic.help("the more specific one wins only where it lies wholly inside the other; state the shared element by itself");
                }
                diagnostic
            }
            Conflict::Gap(at) => {
                let message = format!("nothing is said about {}", element(&at));
                Diagnostic::new(codes::model::GAP, target.span, message)
                    .help("add a statement for it, or widen a range")
            }
        };
        self.diagnostics.push(diagnostic);
    }
}
