//! Components become plain statements: every instance is replaced by the statements of its component, under names that
//! begin with the instance's.
//!
//! `a = Cell(gNa = 100)` makes `a.V` out of the component's `V`. An array of instances `c[i] = Cell()` makes one family
//! `c[].V` (an element is spelled `c[3].V`, see [`crate::name`]), so it costs what one instance costs, however large it
//! is. What a component declares with `const`, `index` and `fn` belongs to the component, not to its instances:
//! `Cell.N`. Names from used files that the model does not use directly are told apart by their file: `cells.ode:R`.
//!
//! The rules in short. A component sees its own names, and the constants, functions, index sets and components of its file
//! and of those that file uses. A parameter of a component becomes a parameter of the model if it has its default or an
//! argument made of numbers, constants and indices; an argument that reads anything else makes it a computed quantity, and
//! so does an equation for it from outside, `a.I = …`.
//!
//! What this is not: checking. Names are looked up as far as needed to tell whose they are; all else is left to `model`.
//! Spans of what an instance reads lie in a range of their own ([`Sources::expand`]), so that later stages' diagnostics
//! can be traced to the instance without those stages knowing of any.
//!
//! Invariant: without diagnostics, the tree that comes out has no component, instance, `use` or member in it, and a model
//! without these comes out as it went in.

mod convention;
mod expand;
mod finish;
mod report;
mod rewrite;
mod scope;

use crate::diag::Diagnostic;
use crate::lang::Files;
use crate::lang::ast::{Ast, Item, ItemKind};
use crate::source::Sources;

use expand::Expander;
use rewrite::{Frame, Rewriter};
use scope::Scopes;

/// A model without components.
#[derive(Clone, Debug)]
pub struct Elaborated {
    /// The texts, and the ranges of offsets in which instances have read their components.
    pub sources: Sources,
    /// Plain statements.
    pub ast: Ast,
}

/// Replaces all instances by what they stand for.
pub fn elaborate(files: Files) -> (Elaborated, Vec<Diagnostic>) {
    let Files { sources, mut files } = files;
    let mut diagnostics = Vec::new();
    files.iter_mut().for_each(|file| convention::settle(&mut file.ast, &mut diagnostics));
    let (mut scopes, items) = Scopes::new(&sources, files, &mut diagnostics);
    check_components(&mut scopes, &mut diagnostics);
    scopes.break_circles(&mut diagnostics);
    let mut expander = Expander::new(sources, &scopes, diagnostics);
    for (file, items) in items.into_iter().enumerate().rev() {
        expander.file(file, items);
    }
    expander.statics();
    expander.finish()
}

/// Looks at the names in every component once, whether it has instances or not, so that its errors are told once.
fn check_components(scopes: &mut Scopes, diagnostics: &mut Vec<Diagnostic>) {
    let mut used = Vec::with_capacity(scopes.components.len());
    for (place, component) in scopes.components.iter().enumerate() {
        let frame = Frame::of_component(place, component);
        let mut rewriter = Rewriter::new(scopes, &frame, Some(&mut *diagnostics));
        rewriter.parameters(&mut component.tree.parameters.clone());
        for item in &component.tree.body {
            match &item.kind {
                ItemKind::Instance(instance) => _ = rewriter.prepare(instance),
                _ => rewriter.item(&mut Item::clone(item)),
            }
        }
        used.push(std::mem::take(&mut rewriter.used));
    }
    for (component, used) in scopes.components.iter_mut().zip(used) {
        component.used = used;
    }
}
