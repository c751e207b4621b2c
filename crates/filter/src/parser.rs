//! Parses under chosen bounds, by a chosen grammar.

use crate::{
    error::{ErrorKind, SyntaxError},
    grammar::{StrictParser, StrictPathParser, TolerantParser, TolerantPathParser},
    lexer::{self, Spanned, Token},
    list,
    tree::{AttrPath, Filter, Path},
};

/// How texts are parsed: bounds and grammar (R-FILTER-24).
///
/// ```
/// use rollcall_filter::{ErrorKind, Grammar, Parser};
///
/// let strict = Parser { grammar: Grammar::Strict, max_nodes: 1, ..Parser::default() };
/// assert!(strict.filter(r#"userName eq "ada""#).is_ok());
/// assert!(strict.filter("userName eq ada").is_err());
/// let error = strict.filter("title pr or nickName pr").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::TooManyNodes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parser {
    /// Bytes of the longest text; 8 KiB unless told.
    pub max_length: usize,
    /// Comparisons, presence tests, value paths and negations together; 200 unless told.
    pub max_nodes: usize,
    /// Brackets of both kinds that may be open at once; 32 unless told, never over
    /// [`Parser::DEEPEST`].
    pub max_depth: usize,
    /// Which texts are taken.
    pub grammar: Grammar,
}

/// Which texts are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Grammar {
    /// RFC 7644 and what clients send beyond it: words without quotes, a missing space,
    /// a sub-attribute behind brackets in a filter (R-FILTER-05, R-FILTER-26, R-FILTER-28).
    #[default]
    Tolerant,
    /// RFC 7644 figures 1 and 7 only.
    Strict,
}

impl Default for Parser {
    fn default() -> Self {
        Self { max_length: 8 * 1024, max_nodes: 200, max_depth: 32, grammar: Grammar::Tolerant }
    }
}

impl Parser {
    /// Open brackets beyond which no tree is built, whatever [`max_depth`](Self::max_depth) says.
    ///
    /// Dropping, comparing or writing a tree takes stack for each level; this deep, 1 MiB is
    /// enough for all of them.
    pub const DEEPEST: usize = 256;

    /// The defaults for a text that came in a request body, where 64 KiB are taken.
    pub fn posted() -> Self {
        Self { max_length: 64 * 1024, ..Self::default() }
    }

    /// Parses a filter (RFC 7644 figure 1).
    ///
    /// # Errors
    /// [`SyntaxError`] with the first place that is wrong, or the bound that is exceeded.
    pub fn filter<'t>(&self, text: &'t str) -> Result<Filter<'t>, SyntaxError> {
        let tokens = lexer::tokens(text, self)?;
        let input = tokens.iter().cloned();
        let parsed = match self.grammar {
            Grammar::Tolerant => TolerantParser::new().parse(input),
            Grammar::Strict => StrictParser::new().parse(input),
        };
        let filter = parsed.map_err(|error| explain(error, text, &tokens))?;
        self.check_spaces(text, &tokens)?;
        Ok(filter)
    }

    /// Parses a PATCH path (RFC 7644 figure 7, R-PATCH-05).
    ///
    /// # Errors
    /// [`SyntaxError`] as for a filter; its kind is [`ErrorKind::Filter`] when the error is
    /// between brackets.
    pub fn path<'t>(&self, text: &'t str) -> Result<Path<'t>, SyntaxError> {
        let tokens = lexer::tokens(text, self)?;
        let input = tokens.iter().cloned();
        let parsed = match self.grammar {
            Grammar::Tolerant => TolerantPathParser::new().parse(input),
            Grammar::Strict => StrictPathParser::new().parse(input),
        };
        let path = parsed.map_err(|error| in_path(explain(error, text, &tokens), &tokens))?;
        self.check_spaces(text, &tokens).map_err(|error| in_path(error, &tokens))?;
        Ok(path)
    }

    /// Parses the value of `attributes` or `excludedAttributes`; see [`crate::parse_attributes`].
    ///
    /// # Errors
    /// [`SyntaxError`] for the first item that is no attribute.
    pub fn attributes<'t>(&self, list: &'t str) -> Result<Vec<AttrPath<'t>>, SyntaxError> {
        list::attributes(self, list)
    }

    /// Parses one attribute; see [`crate::parse_attr_path`].
    ///
    /// # Errors
    /// [`SyntaxError`] when it is none.
    pub fn attr_path<'t>(&self, text: &'t str) -> Result<AttrPath<'t>, SyntaxError> {
        list::attr_path(self, text)
    }

    pub(crate) fn depth(&self) -> usize {
        self.max_depth.min(Self::DEEPEST)
    }

    fn check_spaces(&self, text: &str, tokens: &[Spanned<'_>]) -> Result<(), SyntaxError> {
        match self.grammar {
            Grammar::Tolerant => Ok(()),
            Grammar::Strict => lexer::check_spaces(text, tokens),
        }
    }
}

fn explain(
    error: lalrpop_util::ParseError<usize, Token<'_>, SyntaxError>,
    text: &str,
    tokens: &[Spanned<'_>],
) -> SyntaxError {
    let at = match &error {
        lalrpop_util::ParseError::UnrecognizedToken { token, .. } => token.0,
        _ => text.len(),
    };
    let previous = tokens
        .iter()
        .flatten()
        .take_while(|(start, ..)| *start < at)
        .last()
        .map(|spanned| spanned.1);
    SyntaxError::from_parser(error, text, previous)
}

/// Tells a bad filter between brackets from a bad path (RFC 7644 table 9).
fn in_path(error: SyntaxError, tokens: &[Spanned<'_>]) -> SyntaxError {
    let place = |wanted| tokens.iter().flatten().find(|spanned| spanned.1 == wanted).map(|s| s.0);
    let opened = place(Token::OpenBracket).is_some_and(|at| at < error.offset());
    let closed = place(Token::CloseBracket).is_some_and(|at| at < error.offset());
    if opened && !closed && error.found().is_some() {
        error
    } else {
        error.of_kind(ErrorKind::Path)
    }
}

#[cfg(test)]
mod tests;
