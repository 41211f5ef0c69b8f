//! `rhapsode explain`: what a diagnostic code means, with a model that shows it and the same model mended.

use rhapsode::diag::{CODES, CodeEntry, closest};

use crate::exit::Stop;
use crate::print;

/// Explain a diagnostic code
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  rhapsode explain E0209\n  rhapsode explain           list all codes")]
pub struct Args {
    /// The code, as in `E0209`; without it all are listed
    code: Option<String>,
}

/// The command.
///
/// # Errors
/// If there is no such code, or standard output cannot be written.
pub fn explain(args: &Args) -> Result<(), Stop> {
    let entries = || CODES.iter().copied().flatten();
    let Some(code) = &args.code else {
        return print(&entries().map(|e| format!("{}  {}\n", e.code, e.title)).collect::<String>());
    };
    let wanted = code.trim().to_uppercase();
    match entries().find(|entry| entry.code.0 == wanted) {
        Some(entry) => print(&page(entry)),
        None => {
            let hint = match closest(&wanted, entries().map(|e| e.code.0)) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => "`rhapsode explain` lists them".to_string(),
            };
            Err(Stop::input(format!("error: there is no code `{code}`\nhelp: {hint}")))
        }
    }
}

/// The page about a code.
pub fn page(entry: &CodeEntry) -> String {
    let indented = |text: &str| text.lines().map(|line| format!("    {}\n", shortened(line))).collect::<String>();
    let (code, title) = (entry.code, entry.title);
    let (failing, mended) = (indented(entry.failing), indented(entry.mended));
    format!(
        "{code}: {title}\n\n{}\n\nThis fails:\n\n{failing}\nThis does not:\n\n{mended}",
        wrapped(entry.explanation, 78)
    )
}

/// Models that show a limit have lines nobody reads to the end.
fn shortened(line: &str) -> String {
    match line.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_string(),
    }
}

fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines
            .last()
            .is_some_and(|line| !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_at_words() {
        assert_eq!(wrapped("one two  three", 8), "one two\nthree");
    }
}
