//! Random texts that the grammar derives.
//!
//! Between tokens stand blanks, line ends and comments wherever the head of the grammar file allows them. The choices are
//! a repeatable stream; beyond a depth every choice is the one that ends soonest.
// Two packages include this file, each for a part of it.
#![allow(dead_code)]

use super::ebnf::{Grammar, Part, Production};

/// Classes of characters and what may stand for them.
const CLASSES: [(&str, &[&str]); 7] = [
    ("character", &["a", "Z", "é", " ", ".", "/", "#", "(", "}"]),
    ("letter", &["a", "b", "e", "f", "i", "k", "n", "o", "r", "t", "x", "y", "Z", "E", "α", "é", "Ω", "温"]),
    ("digit", &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]),
    ("nonzero-digit", &["1", "2", "6"]),
    ("superscript-digit", &["⁰", "¹", "²", "⁷"]),
    ("subscript-digit", &["₀", "₁", "₇"]),
    ("combining-mark", &["\u{301}", "\u{308}"]),
];

/// Productions that are tokens: nothing stands between their characters.
const TOKENS: [&str; 7] = ["name", "number", "primes", "superscripts", "whole", "divisor", "text"];

/// A line that ends with one of these goes on.
const GOES_ON: [&str; 22] = [
    "+", "-", "*", "/", "^", "=", "+=", "==", "!=", "<", "<=", ">", ">=", ",", ":", "..", "@", "->", "<->", "=>",
    "and", "or",
];

/// Beyond this many productions inside each other, or tokens in a text, every choice is the shortest.
const DEPTH: usize = 45;
/// The depth of the parts of a statement.
const STATEMENT: usize = 3;
const TOKENS_OF_A_TEXT: usize = 120;

pub struct Writer<'a> {
    grammar: &'a Grammar,
    /// What is never derived.
    avoided: &'a [&'a str],
    /// The height of the shortest derivation of each production.
    heights: Vec<usize>,
    /// How often each way was taken at each choice, option and repetition.
    taken: Vec<Vec<usize>>,
    choices: u64,
    text: String,
    depth: usize,
    written: usize,
    /// The open brackets.
    open: Vec<char>,
    last: String,
}

const FAR: usize = usize::MAX / 4;

impl<'a> Writer<'a> {
    pub fn new(grammar: &'a Grammar, avoided: &'a [&'a str], seed: u64) -> Self {
        let mut writer = Writer {
            grammar,
            avoided,
            heights: vec![FAR; grammar.productions.len()],
            taken: vec![Vec::new(); grammar.points],
            choices: seed,
            text: String::new(),
            depth: 0,
            written: 0,
            open: Vec::new(),
            last: String::new(),
        };
        loop {
            let heights: Vec<usize> =
                grammar.productions.iter().map(|p| writer.height(&p.part).saturating_add(1)).collect();
            if heights == writer.heights {
                break;
            }
            writer.heights = heights;
        }
        for production in &grammar.productions {
            writer.count(&production.part);
        }
        writer
    }

    /// A text that the production derives.
    pub fn text(&mut self, production: &str) -> String {
        (self.depth, self.written, self.open, self.last) = (0, 0, Vec::new(), String::new());
        self.text.clear();
        self.part(&Part::Name(production.to_owned()));
        std::mem::take(&mut self.text)
    }

    /// The productions with a way that was never taken and could have been.
    pub fn untaken(&self) -> Vec<&'a str> {
        let productions = self.grammar.productions.iter();
        let wanted = productions.filter(|production| !self.avoided.contains(&production.name.as_str()));
        wanted.filter(|production| self.misses(&production.part)).map(|production| production.name.as_str()).collect()
    }

    fn misses(&self, part: &Part) -> bool {
        match part {
            Part::Terminal(_) | Part::Name(_) => false,
            Part::Sequence(parts) => parts.iter().any(|part| self.misses(part)),
            Part::Choice(point, parts) => parts
                .iter()
                .enumerate()
                .any(|(way, part)| self.height(part) < FAR && (self.taken[*point][way] == 0 || self.misses(part))),
            Part::Optional(point, inner) | Part::Repeated(point, inner) => {
                let taken = &self.taken[*point];
                taken[0] == 0 || self.height(inner) < FAR && (taken[1] == 0 || self.misses(inner))
            }
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.grammar.productions.iter().position(|production| production.name == name)
    }

    fn height(&self, part: &Part) -> usize {
        match part {
            Part::Terminal(_) | Part::Optional(..) | Part::Repeated(..) => 0,
            Part::Name(name) if self.avoided.contains(&name.as_str()) => FAR,
            Part::Name(name) => self.place(name).map_or(0, |at| self.heights[at]),
            Part::Sequence(parts) => parts.iter().map(|part| self.height(part)).max().unwrap_or(0),
            Part::Choice(_, parts) => parts.iter().map(|part| self.height(part)).min().unwrap_or(0),
        }
    }

    /// Makes room to count the ways of each point.
    fn count(&mut self, part: &Part) {
        match part {
            Part::Terminal(_) | Part::Name(_) => {}
            Part::Sequence(parts) => parts.iter().for_each(|part| self.count(part)),
            Part::Choice(point, parts) => {
                self.taken[*point] = vec![0; parts.len()];
                parts.iter().for_each(|part| self.count(part));
            }
            Part::Optional(point, part) | Part::Repeated(point, part) => {
                self.taken[*point] = vec![0; 2];
                self.count(part);
            }
        }
    }

    fn ends_soon(&self) -> bool {
        self.depth > DEPTH || self.written > TOKENS_OF_A_TEXT
    }

    fn below(&mut self, n: usize) -> usize {
        self.choices = self.choices.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.choices >> 33) as usize % n
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Terminal(text) => self.token(text),
            Part::Name(name) => self.named(name),
            Part::Sequence(parts) => parts.iter().for_each(|part| self.part(part)),
            Part::Choice(point, parts) => {
                let heights: Vec<usize> = parts.iter().map(|part| self.height(part)).collect();
                let least = heights.iter().copied().min().unwrap_or(0);
                let bound = if self.ends_soon() { least + 1 } else { FAR };
                let possible: Vec<usize> = (0..parts.len()).filter(|at| heights[*at] < bound).collect();
                let way = possible[self.below(possible.len())];
                self.taken[*point][way] += 1;
                self.part(&parts[way]);
            }
            Part::Optional(point, inner) => {
                let taken = self.goes_on(inner);
                self.taken[*point][usize::from(taken)] += 1;
                if taken {
                    self.part(inner);
                }
            }
            Part::Repeated(point, inner) => {
                let mut count = 0;
                while count < 12 && self.goes_on(inner) {
                    count += 1;
                    self.part(inner);
                }
                self.taken[*point][usize::from(count > 0)] += 1;
            }
        }
    }

    /// Whether to take what may be left out: often in statements, seldom inside expressions.
    fn goes_on(&mut self, inner: &Part) -> bool {
        let (most, of) = if self.depth <= 4 { (3, 5) } else { (1, 5) };
        // What stands late in a statement has its turn in long texts too.
        let soon = self.ends_soon() && self.depth != STATEMENT;
        self.height(inner) < FAR && !soon && self.below(of) < most
    }

    fn named(&mut self, name: &str) {
        let grammar = self.grammar;
        match grammar.find(name) {
            Some(production) if TOKENS.contains(&name) => {
                let token = self.lexical(production);
                self.token(&token);
            }
            Some(production) => {
                self.depth += 1;
                self.part(&production.part);
                self.depth -= 1;
            }
            None if matches!(name, "newline" | "end-of-file") => {
                // The end of the file ends a line like any other; more text may follow here.
                self.text.push('\n');
                self.last.clear();
            }
            None => panic!("`{name}` is neither a production nor a class of characters that tests/grammar knows"),
        }
    }

    /// A token that the production derives, not one of the words it excludes, and no number that a float cannot hold.
    fn lexical(&mut self, production: &Production) -> String {
        loop {
            let mut token = String::new();
            self.characters(&production.part, &mut token);
            let sound = production.name != "number"
                || token
                    .parse::<f64>()
                    .is_ok_and(|value| value.is_finite() && (value > 0.0 || !token.contains(['e', 'E'])));
            if sound && !production.excluded.contains(&token) {
                return token;
            }
        }
    }

    fn characters(&mut self, part: &Part, token: &mut String) {
        match part {
            Part::Terminal(text) => token.push_str(text),
            Part::Name(name) => {
                let class = CLASSES.iter().find(|(class, _)| class == name);
                let (_, members) =
                    class.unwrap_or_else(|| panic!("`{name}` is no class of characters that tests/grammar knows"));
                token.push_str(members[self.below(members.len())]);
            }
            Part::Sequence(parts) => parts.iter().for_each(|part| self.characters(part, token)),
            Part::Choice(point, parts) => {
                let way = self.below(parts.len());
                self.taken[*point][way] += 1;
                self.characters(&parts[way], token);
            }
            Part::Optional(point, inner) | Part::Repeated(point, inner) => {
                let most = if matches!(part, Part::Optional(..)) { 1 } else { 4 };
                let mut count = 0;
                while count < most && self.below(2) == 0 {
                    count += 1;
                    self.characters(inner, token);
                }
                self.taken[*point][usize::from(count > 0)] += 1;
            }
        }
    }

    /// Writes a token and, before it, some of what may stand between tokens.
    fn token(&mut self, token: &str) {
        let bracket = |text: &str| matches!(text, "(" | ")" | "[" | "]" | ",");
        let line_may_end = matches!(self.open.last(), Some('(' | '[')) || GOES_ON.contains(&self.last.as_str());
        let gap = match self.below(40) {
            0 if line_may_end => "\n  ",
            1 if line_may_end => " # a comment, (unbalanced\n\n",
            2 if line_may_end => "\n## like a doc\n# and more\n\t",
            3..6 => "  ",
            _ if self.last.is_empty() => "",
            6..30 if bracket(token) || bracket(&self.last) => "",
            _ => " ",
        };
        self.written += 1;
        self.text.push_str(gap);
        self.text.push_str(token);
        match token {
            "(" | "[" | "{" => self.open.extend(token.chars()),
            ")" | "]" | "}" => {
                self.open.pop();
            }
            _ => {}
        }
        self.last = token.to_owned();
    }
}
