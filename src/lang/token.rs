//! The kinds of token, and what each says about lines.

use crate::source::Span;

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub span: Span,
    pub kind: Kind,
    /// Whether nothing but blanks stands before it on its line.
    pub first_on_line: bool,
    /// Whether it is first on its line and the line above does not go on.
    pub starts_line: bool,
}

macro_rules! keywords {
    ($($variant:ident $word:literal)+) => {
        /// What a token is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind {
            Name, Number, Text, Prime,
            $($variant,)+
            Plus, Minus, Star, Slash, Caret,
            Assign, Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual,
            RoundOpen, RoundClose, SquareOpen, SquareClose, BraceOpen, BraceClose,
            Comma, Colon, Dots,
            // Reserved for what is to come.
            Becomes, PlusAssign, Tilde, At, Dot, Arrow, BothArrow, RateArrow,
            // Operators of other languages, told apart to be helpful.
            StarStar, AndAnd, OrOr, Bang, Semicolon,
            /// Not a token: a stray character, a malformed number, an unterminated text or a name that is too long.
            Invalid,
            /// The end of a statement's line; never in the list, only seen through the parser's `peek`.
            Newline,
            End,
        }

        /// All keywords.
        pub(super) const WORDS: &[&str] = &[$($word),+];

        impl Kind {
            /// The keyword spelled `word`.
            pub fn keyword(word: &str) -> Option<Kind> {
                match word {
                    $($word => Some(Kind::$variant),)+
                    _ => None,
                }
            }

            /// Whether it is a keyword, which cannot be a name.
            pub fn is_keyword(self) -> bool {
                matches!(self, $(Kind::$variant)|+)
            }
        }
    };
}

keywords! {
    Model "model" Param "param" Const "const" Init "init" Output "output" Time "time" Index "index" Function "fn"
    Solve "solve"
    When "when" AtTime "at" Every "every" Discrete "discrete" Input "input" Component "component" Use "use"
    Observe "observe" Objective "objective" Extern "extern"
    If "if" Then "then" Else "else" And "and" Or "or" Not "not" True "true" False "false" In "in" For "for"
}

/// The words a statement may begin with, for suggestions.
pub(super) const STATEMENT_WORDS: [&str; 19] = [
    "model",
    "param",
    "const",
    "init",
    "output",
    "time",
    "index",
    "fn",
    "solve",
    "component",
    "use",
    "when",
    "at",
    "every",
    "discrete",
    "input",
    "objective",
    "observe",
    "extern",
];

impl Kind {
    /// Whether it is a keyword that begins a statement (and so can stand nowhere else).
    pub fn begins_statement(self) -> bool {
        use Kind::*;
        matches!(self, Model | Param | Const | Init | Output | Time | Index | Function | Solve | Component | Use)
            || matches!(self, When | AtTime | Every | Discrete | Input | Objective | Observe | Extern)
    }

    /// Whether it begins a statement that cannot stand inside a component.
    pub fn speaks_of_model(self) -> bool {
        use Kind::*;
        matches!(self, Component | Model | Use | Time | Solve | Input | Objective | Observe | Extern)
    }

    /// Whether a line that ends with it goes on below.
    pub fn expects_more(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Plus | Minus | Star | Slash | Caret | Assign | Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual
        ) || matches!(self, Comma | Colon | Dots | Becomes | PlusAssign | Tilde | At | Arrow | BothArrow | RateArrow)
            || matches!(self, StarStar | AndAnd | OrOr | Bang)
            || matches!(self, If | Then | Else | And | Or | Not | In | For)
    }

    /// Whether a line that begins with it belongs to the line above (no statement can begin with it).
    pub fn continues_line(self) -> bool {
        use Kind::*;
        matches!(self, Then | Else | And | Or | In | For)
    }

    /// The closing bracket of an opening one.
    pub fn closer(self) -> Option<Kind> {
        match self {
            Kind::RoundOpen => Some(Kind::RoundClose),
            Kind::SquareOpen => Some(Kind::SquareClose),
            Kind::BraceOpen => Some(Kind::BraceClose),
            _ => None,
        }
    }

    /// Whether it is a closing bracket.
    pub fn is_closer(self) -> bool {
        matches!(self, Kind::RoundClose | Kind::SquareClose | Kind::BraceClose)
    }

    /// Whether it is the arrow of a reaction.
    pub fn is_arrow(self) -> bool {
        matches!(self, Kind::Arrow | Kind::BothArrow | Kind::RateArrow)
    }
}
