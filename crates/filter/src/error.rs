//! What is wrong with a text, and where.

use lalrpop_util::ParseError;
use thiserror::Error;

use crate::lexer::Token;

/// How many characters of the text an error repeats.
const SHOWN: usize = 32;

/// A text that is no filter, path or attribute list.
///
/// The message is one line and quotes at most a few characters of the text:
/// ``found `regex` at offset 9, expected an operator …``.
/// It ends with the [`hint`](Self::hint), and its offset is that of [`offset`](Self::offset).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} at offset {offset}, expected {expected}{}", self.lead(), self.advice())]
#[non_exhaustive]
pub struct SyntaxError {
    kind: ErrorKind,
    offset: usize,
    found: Option<String>,
    expected: String,
    hint: Option<&'static str>,
}

/// What a [`SyntaxError`] is about, by what the caller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The filter is malformed, also one between the brackets of a path: `invalidFilter`.
    Filter,
    /// The path or the attribute list is malformed outside any brackets: `invalidPath`.
    Path,
    /// The text is longer than [`Parser::max_length`](crate::Parser::max_length).
    TooLong,
    /// Brackets nest deeper than [`Parser::max_depth`](crate::Parser::max_depth).
    TooDeep,
    /// There are more conditions than [`Parser::max_nodes`](crate::Parser::max_nodes).
    TooManyNodes,
}

impl SyntaxError {
    /// What the error is about.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where the error is, in bytes from the start of the text, and between two characters.
    ///
    /// For a bound it is the first place beyond it.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What stands there, shortened; `None` at the end of the text or over a bound.
    pub fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }

    /// What should stand there, in words for people.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// How to put it right, where a common slip is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint
    }

    pub(crate) fn unexpected(kind: ErrorKind, offset: usize, found: &str, expected: &str) -> Self {
        Self {
            kind,
            offset,
            found: Some(shorten(found)),
            expected: expected.to_owned(),
            hint: None,
        }
    }

    pub(crate) fn too_long(text: &str, limit: usize) -> Self {
        let offset = text.floor_char_boundary(limit);
        Self::bound(ErrorKind::TooLong, offset, format!("at most {limit} bytes"))
    }

    pub(crate) fn too_deep(offset: usize, limit: usize) -> Self {
        Self::bound(ErrorKind::TooDeep, offset, format!("at most {limit} levels"))
    }

    pub(crate) fn too_many(offset: usize, limit: usize) -> Self {
        Self::bound(ErrorKind::TooManyNodes, offset, format!("at most {limit} conditions"))
    }

    /// Puts the generated parser's error into words; `previous` is the token before it.
    pub(crate) fn from_parser(
        error: ParseError<usize, Token<'_>, Self>,
        text: &str,
        previous: Option<Token<'_>>,
    ) -> Self {
        let (span, expected) = match error {
            ParseError::User { error } => return error,
            ParseError::UnrecognizedToken { token: (start, _, end), expected } => {
                (start..end, expected)
            }
            ParseError::ExtraToken { token: (start, _, end) } => (start..end, Vec::new()),
            ParseError::UnrecognizedEof { expected, .. } => (text.len()..text.len(), expected),
            ParseError::InvalidToken { location } => (location..location, Vec::new()),
        };
        let found = text.get(span.clone()).filter(|found| !found.is_empty());
        let after_not = matches!(previous, Some(Token::Not(_)));
        let wanted = Wanted::new(&expected);
        Self {
            kind: ErrorKind::Filter,
            offset: span.start,
            found: found.map(shorten),
            expected: if after_not { "`(`".to_owned() } else { wanted.words() },
            hint: if after_not {
                Some("`not` stands before parentheses only, as in `not (title pr)`")
            } else {
                wanted.hint(found)
            },
        }
    }

    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    pub(crate) fn hinted(mut self, hint: Option<&'static str>) -> Self {
        self.hint = hint;
        self
    }

    /// Moves the error from a part to the whole that begins `by` bytes earlier.
    pub(crate) fn shifted(mut self, by: usize) -> Self {
        self.offset += by;
        self
    }

    fn bound(kind: ErrorKind, offset: usize, expected: String) -> Self {
        Self { kind, offset, found: None, expected, hint: None }
    }

    fn lead(&self) -> String {
        match (self.kind, &self.found) {
            (ErrorKind::TooLong, _) => "text too long".to_owned(),
            (ErrorKind::TooDeep, _) => "brackets nested too deep".to_owned(),
            (ErrorKind::TooManyNodes, _) => "too many conditions".to_owned(),
            (_, Some(found)) => format!("found `{found}`"),
            (_, None) => "text ends".to_owned(),
        }
    }

    fn advice(&self) -> String {
        self.hint.map(|hint| format!("; {hint}")).unwrap_or_default()
    }
}

/// The terminals that the generated parser would have taken.
struct Wanted<'e>(Vec<&'e str>);

impl<'e> Wanted<'e> {
    fn new(terminals: &'e [String]) -> Self {
        Self(terminals.iter().map(|name| name.trim_matches('"')).collect())
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    fn words(&self) -> String {
        if self.has("string") {
            return "a value: a string in double quotes, a number, true, false or null".to_owned();
        }
        if self.has("path") {
            let brackets = if self.has("(") { ", `(` or `not (`" } else { "" };
            return format!("an attribute{brackets}");
        }
        if self.has("op") {
            let bracket = if self.has("[") { " or `[`" } else { "" };
            return format!("an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr){bracket}");
        }
        let closing = self.has(")") || self.has("]");
        let words = [
            ("sub", "`.` and a sub-attribute"),
            ("[", "`[`"),
            ("and", "`and`"),
            ("or", "`or`"),
            (")", "`)`"),
            ("]", "`]`"),
        ];
        let mut words: Vec<_> =
            words.into_iter().filter(|(name, _)| self.has(name)).map(|(_, word)| word).collect();
        if !closing {
            words.push("the end");
        }
        match words.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            None => "the end".to_owned(),
        }
    }

    fn hint(&self, found: Option<&str>) -> Option<&'static str> {
        let found = found?;
        if self.has("string") && !found.starts_with(['(', ')', '[', ']']) {
            Some("put strings in double quotes")
        } else if self.has("op") && found == "[" {
            Some("a value path cannot stand inside another")
        } else if self.has("op") && found.starts_with(['=', '!', '<', '>']) {
            Some("operators are words, such as `eq` for equal")
        } else if self.has("and") && !self.has("sub") && found.starts_with('.') {
            Some("put the comparison inside the brackets: `emails[type eq \"work\" and value pr]`")
        } else {
            None
        }
    }
}

/// Keeps the message on one line, whatever was sent.
fn shorten(found: &str) -> String {
    let mut shown: String = found
        .chars()
        .take(SHOWN)
        .map(
            |c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { '\u{FFFD}' } else { c },
        )
        .collect();
    if found.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
