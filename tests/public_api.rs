//! The public interface that semantic versioning speaks of, as a checked-in text: what `rhapsode`, `rhapsode::solve` and
//! `rhapsode::system` export, with signatures. The other modules are the compiler's own; they may change in any version.
//!
//! `BLESS=1 cargo test --workspace --test public_api` writes the text anew. A line that is gone or changed there asks for a new
//! minor version before 1.0, and a major one after.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, TraitItem, UseTree, Visibility};

/// Modules whose exports count, and the folders or files where those are defined.
const MODULES: [(&str, &str, &[&str]); 3] = [
    ("rhapsode", "src/lib.rs", &["src/facade", "src/foreign.rs"]),
    ("rhapsode::solve", "src/solve/mod.rs", &["src/solve"]),
    ("rhapsode::system", "src/system/mod.rs", &["src/system"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn parse(path: &Path) -> Vec<Item> {
    let text = std::fs::read_to_string(path).unwrap();
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())).items
}

fn items(path: &Path, found: &mut Vec<Item>) {
    if path.is_dir() {
        let mut list: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        list.sort();
        list.iter().for_each(|path| items(path, found));
    } else {
        found.extend(parse(path));
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn leaves(tree: &UseTree, names: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, names),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, names)),
        UseTree::Name(name) => names.push(name.ident.to_string()),
        UseTree::Rename(name) => names.push(name.rename.to_string()),
        UseTree::Glob(_) => panic!("what is exported is named"),
    }
}

/// The name of an item that can be exported, and whether it is public where it stands.
fn named(item: &Item) -> Option<(String, bool)> {
    let (ident, visibility) = match item {
        Item::Const(item) => (&item.ident, &item.vis),
        Item::Enum(item) => (&item.ident, &item.vis),
        Item::Fn(item) => (&item.sig.ident, &item.vis),
        Item::Struct(item) => (&item.ident, &item.vis),
        Item::Trait(item) => (&item.ident, &item.vis),
        Item::Type(item) => (&item.ident, &item.vis),
        _ => return None,
    };
    Some((ident.to_string(), is_public(visibility)))
}

/// Tokens as one would write them, near enough to be read.
fn text(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (from, to) in [
        (" :: ", "::"),
        (" , ", ", "),
        (" ;", ";"),
        ("& ", "&"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" :", ":"),
        ("[ ", "["),
        (" ]", "]"),
        (" [", " ["),
        ("' ", "'"),
        (" ,", ","),
        ("->(", "-> ("),
        (":&", ": &"),
        (",)", ")"),
        ("::<", "<"),
    ] {
        text = text.replace(from, to);
    }
    text
}

fn fields(fields: &Fields, all: bool) -> Vec<String> {
    let seen = fields.iter().filter(|field| all || is_public(&field.vis));
    seen.map(|field| {
        let name = field.ident.as_ref().map_or(String::new(), |name| format!("{name}: "));
        name + &text(&field.ty)
    })
    .collect()
}

fn derives(attributes: &[syn::Attribute]) -> Vec<String> {
    let lists = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let mut list: Vec<String> = lists
        .flat_map(|attribute| {
            attribute.meta.require_list().unwrap().tokens.to_string().split(',').map(str::to_string).collect::<Vec<_>>()
        })
        .map(|name| format!("impl {}", name.trim()))
        .collect();
    list.sort();
    list
}

/// The item and what belongs to it, a line each.
fn lines(item: &Item) -> Vec<String> {
    match item {
        Item::Const(item) => vec![format!("const {}: {}", item.ident, text(&item.ty))],
        Item::Type(item) => vec![format!("type {}{} = {}", item.ident, text(&item.generics), text(&item.ty))],
        Item::Fn(item) => vec![text(&item.sig)],
        Item::Struct(item) => {
            let head = format!("struct {}{}", item.ident, text(&item.generics));
            [vec![head], fields(&item.fields, false), derives(&item.attrs)].concat()
        }
        Item::Enum(item) => {
            let variants = item.variants.iter().map(|variant| match &variant.fields {
                Fields::Unit => variant.ident.to_string(),
                inside => format!("{}({})", variant.ident, fields(inside, true).join(", ")),
            });
            [vec![format!("enum {}{}", item.ident, text(&item.generics))], variants.collect(), derives(&item.attrs)]
                .concat()
        }
        Item::Trait(item) => {
            let methods = item.items.iter().filter_map(|item| match item {
                TraitItem::Fn(method) => {
                    let own = if method.default.is_some() { " { … }" } else { "" };
                    Some(text(&method.sig) + own)
                }
                _ => None,
            });
            let bounds =
                if item.supertraits.is_empty() { String::new() } else { format!(": {}", text(&item.supertraits)) };
            [vec![format!("trait {}{}{bounds}", item.ident, text(&item.generics))], methods.collect()].concat()
        }
        _ => Vec::new(),
    }
}

/// What implementations add to the types of these names.
fn implementations(items: &[Item]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for item in items {
        let Item::Impl(block) = item else { continue };
        let syn::Type::Path(of) = &*block.self_ty else { continue };
        let list = found.entry(of.path.segments.last().unwrap().ident.to_string()).or_default();
        match &block.trait_ {
            Some((_, path, _)) => list.push(format!("impl {}", text(path.segments.last()))),
            None => list.extend(block.items.iter().filter_map(|item| match item {
                ImplItem::Fn(method) if is_public(&method.vis) => Some(text(&method.sig)),
                ImplItem::Const(value) if is_public(&value.vis) => {
                    Some(format!("const {}: {}", value.ident, text(&value.ty)))
                }
                _ => None,
            })),
        }
    }
    found
}

fn interface() -> String {
    let mut all = String::new();
    for (module, file, places) in MODULES {
        let mut items_of_module = Vec::new();
        places.iter().for_each(|place| items(&root().join(place), &mut items_of_module));
        let added = implementations(&items_of_module);
        let mut exported = Vec::new();
        for item in parse(&root().join(file)) {
            match &item {
                Item::Use(item) if is_public(&item.vis) => leaves(&item.tree, &mut exported),
                item => exported.extend(named(item).filter(|(_, public)| *public).map(|(name, _)| name)),
            }
        }
        exported.sort();
        exported.dedup();
        all += &format!("{module}\n");
        let own = parse(&root().join(file));
        for name in exported {
            let found = items_of_module.iter().chain(&own).find(|item| named(item) == Some((name.clone(), true)));
            let Some(item) = found else {
                // Of the ground both columns stand on.
                all += &format!("  {name}\n");
                continue;
            };
            let (mut own, mut rest) = (lines(item), added.get(&name).cloned().unwrap_or_default());
            rest.sort();
            all += &format!("  {}\n", own.remove(0));
            own.extend(rest);
            own.dedup();
            own.iter().for_each(|line| all += &format!("    {line}\n"));
        }
    }
    all
}

#[test]
fn the_public_interface_is_the_one_written_down() {
    let (path, found) = (root().join("tests/public_api.txt"), interface());
    if std::env::var_os("BLESS").is_some() {
        return std::fs::write(path, found).unwrap();
    }
    let known = std::fs::read_to_string(path).unwrap_or_default();
    let lines = |text: &str| text.lines().map(str::to_string).collect::<Vec<_>>();
    let gone: Vec<_> = lines(&known).into_iter().filter(|line| !lines(&found).contains(line)).collect();
    let new: Vec<_> = lines(&found).into_iter().filter(|line| !lines(&known).contains(line)).collect();
    assert!(
        known == found,
        "the public interface has changed; if that is meant: BLESS=1 cargo test --workspace --test public_api\n\
         gone: {gone:#?}\nnew: {new:#?}"
    );
}
