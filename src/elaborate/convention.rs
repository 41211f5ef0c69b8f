//! How mass action counts: what `reactions …` says holds for the reactions of its own file, wherever its components are
//! used, so that a component means the same in every model.

use crate::diag::{Diagnostic, closest, codes};
use crate::lang::ast::{Ast, Convention, Item, ItemKind};
use crate::source::Span;

/// Tells the reactions of a file how mass action counts.
pub fn settle(ast: &mut Ast, diagnostics: &mut Vec<Diagnostic>) {
    let convention = stated(ast, diagnostics);
    if convention == Convention::default() {
        return;
    }
    let tell = |item: &mut Item| {
        if let ItemKind::Reaction(reaction) = &mut item.kind {
            reaction.convention = convention;
        }
    };
    for item in &mut ast.items {
        match &mut item.kind {
            ItemKind::Component(component) => component.body.iter_mut().for_each(tell),
            _ => tell(item),
        }
    }
}

/// What the file says.
fn stated(ast: &Ast, diagnostics: &mut Vec<Diagnostic>) -> Convention {
    let mut convention = Convention::default();
    let mut first: Option<Span> = None;
    for item in &ast.items {
        let ItemKind::Reactions(word) = &item.kind else { continue };
        if let Some(first) = first {
            let message = "the convention of mass action is stated twice";
            let diagnostic = Diagnostic::new(codes::model::DECLARED_TWICE, word.span, message);
            diagnostics.push(diagnostic.related(first, "first stated here"));
            continue;
        }
        first = Some(word.span);
        match word.name.as_str() {
            "combinatorial" => convention = Convention::Combinatorial,
            "plain" => {}
            other => {
                let message = format!("expected `plain` or `combinatorial` after `reactions`, found `{other}`");
                let diagnostic = Diagnostic::new(codes::reactions::CONVENTION, word.span, message);
                diagnostics.push(match closest(other, ["plain", "combinatorial"]) {
                    Some(guess) => diagnostic.help(format!("did you mean `{guess}`?")).fix(word.span, guess),
                    None => diagnostic,
                });
            }
        }
    }
    convention
}
