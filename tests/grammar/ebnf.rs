//! The grammar file as data: productions with what they derive, their samples, and the words they exclude.
// Two packages include this file, each for a part of it.
#![allow(dead_code)]

use std::collections::BTreeMap;

/// What a production, or a part of one, derives.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// `"text"`
    Terminal(String),
    /// A production, or a class of characters such as `letter`.
    Name(String),
    /// `a b c`
    Sequence(Vec<Part>),
    /// `a | b`, numbered over the whole file.
    Choice(usize, Vec<Part>),
    /// `[ a ]`, numbered likewise.
    Optional(usize, Box<Part>),
    /// `{ a }`, numbered likewise.
    Repeated(usize, Box<Part>),
}

#[derive(Debug)]
pub struct Production {
    pub name: String,
    pub part: Part,
    pub accept: Vec<String>,
    pub reject: Vec<String>,
    /// The words of its comments that begin "but not".
    pub excluded: Vec<String>,
}

#[derive(Debug)]
pub struct Grammar {
    pub productions: Vec<Production>,
    /// How many choices, options and repetitions there are.
    pub points: usize,
}

impl Grammar {
    pub fn find(&self, name: &str) -> Option<&Production> {
        self.productions.iter().find(|production| production.name == name)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
    Comment(String),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(inside) = rest.strip_prefix("(*") {
            let end = inside.find("*)").expect("a comment ends");
            // `(* … f(2*x) *)`: the comment ends where a blank or line end comes before `*)`.
            let end = (end..inside.len())
                .find(|at| inside[*at..].starts_with("*)") && inside[..*at].ends_with([' ', '\n']))
                .unwrap_or(end);
            tokens.push(Token::Comment(inside[..end].trim().to_owned()));
            rest = &inside[end + 2..];
        } else if let Some(inside) = rest.strip_prefix('"') {
            // `"""` is the text of one quotation mark.
            let first = inside.chars().next().map_or(1, char::len_utf8);
            let end = first + inside[first..].find('"').expect("a text ends on its line");
            tokens.push(Token::Text(inside[..end].to_owned()));
            rest = &inside[end + 1..];
        } else if first.is_ascii_lowercase() {
            let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_' || c == '-')).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            assert!(
                "=|;[]{}()".contains(first),
                "`{first}` means nothing in a grammar: {}",
                &rest[..20.min(rest.len())]
            );
            tokens.push(Token::Sign(first));
            rest = &rest[1..];
        }
        rest = rest.trim_start();
    }
    tokens
}

/// Reads the whole file: `name = part ;` and comments.
pub fn grammar(text: &str) -> Grammar {
    let tokens = tokens(text);
    let mut reader = Reader { tokens: &tokens, at: 0, points: 0 };
    let mut productions: Vec<Production> = Vec::new();
    while let Some(token) = reader.next() {
        match token {
            Token::Word(name) => {
                assert_eq!(reader.next(), Some(Token::Sign('=')), "after `{name}`");
                let part = reader.choice();
                assert_eq!(reader.next(), Some(Token::Sign(';')), "at the end of `{name}`");
                let lists = || Vec::new();
                productions.push(Production { name, part, accept: lists(), reject: lists(), excluded: lists() });
            }
            Token::Comment(comment) => {
                let Some(production) = productions.last_mut() else { continue };
                let sample =
                    |kind| comment.strip_prefix(kind).map(|sample: &str| sample.trim_start().replace("\\n", "\n"));
                production.accept.extend(sample("accept:"));
                production.reject.extend(sample("reject:"));
                for list in comment.split("but not `").skip(1) {
                    let words = list.split('`').next().unwrap_or("");
                    production.excluded.extend(words.split_whitespace().map(str::to_owned));
                }
            }
            other => panic!("a production begins with its name, not with {other:?}"),
        }
    }
    let mut seen = BTreeMap::new();
    for production in &productions {
        assert_eq!(seen.insert(production.name.clone(), ()), None, "`{}` is defined twice", production.name);
    }
    Grammar { productions, points: reader.points }
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    points: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn point(&mut self) -> usize {
        self.points += 1;
        self.points - 1
    }

    fn choice(&mut self) -> Part {
        let mut parts = vec![self.sequence()];
        while self.peek() == Some(&Token::Sign('|')) {
            self.at += 1;
            parts.push(self.sequence());
        }
        if parts.len() == 1 { parts.remove(0) } else { Part::Choice(self.point(), parts) }
    }

    fn sequence(&mut self) -> Part {
        let mut parts = Vec::new();
        loop {
            let part = match self.peek() {
                Some(Token::Word(name)) => Part::Name(name.clone()),
                Some(Token::Text(text)) => Part::Terminal(text.clone()),
                Some(Token::Sign(opener @ ('(' | '[' | '{'))) => {
                    let opener = *opener;
                    self.at += 1;
                    let inner = self.choice();
                    let (closer, part) = match opener {
                        '(' => (')', inner),
                        '[' => (']', Part::Optional(self.point(), Box::new(inner))),
                        _ => ('}', Part::Repeated(self.point(), Box::new(inner))),
                    };
                    assert_eq!(self.peek(), Some(&Token::Sign(closer)), "a group ends");
                    part
                }
                Some(Token::Comment(_)) => panic!("comments stand between productions"),
                _ => break,
            };
            self.at += 1;
            parts.push(part);
        }
        if parts.len() == 1 { parts.remove(0) } else { Part::Sequence(parts) }
    }
}
