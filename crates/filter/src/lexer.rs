//! Cuts a text into tokens, counting brackets and conditions before anything is parsed.

use logos::Logos;

use crate::{
    error::{ErrorKind, SyntaxError},
    parser::Parser,
    tree::Op,
};

/// A token with the bytes where it begins and ends, as the generated parser takes it.
pub(crate) type Spanned<'t> = Result<(usize, Token<'t>, usize), SyntaxError>;

/// A word of the language; keywords keep their text since they may be attribute names.
#[derive(Logos, Clone, Copy, Debug, PartialEq)]
#[logos(skip r"[ \t\r\n]+")]
pub(crate) enum Token<'t> {
    #[token("(")]
    Open,
    #[token(")")]
    Close,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,
    #[regex("(?i-u:and)", |lex| lex.slice(), priority = 50)]
    And(&'t str),
    #[regex("(?i-u:or)", |lex| lex.slice(), priority = 50)]
    Or(&'t str),
    #[regex("(?i-u:not)", |lex| lex.slice(), priority = 50)]
    Not(&'t str),
    #[regex("(?i-u:pr)", |lex| lex.slice(), priority = 50)]
    Present(&'t str),
    #[regex("(?i-u:eq|ne|co|sw|ew|gt|ge|lt|le)", |lex| op(lex.slice()), priority = 50)]
    Compare((Op, &'t str)),
    #[token("true", |lex| lex.slice(), priority = 50)]
    True(&'t str),
    #[token("false", |lex| lex.slice(), priority = 50)]
    False(&'t str),
    #[token("null", |lex| lex.slice(), priority = 50)]
    Null(&'t str),
    #[regex(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", |lex| lex.slice(), priority = 40)]
    Number(&'t str),
    /// Quotes and escapes still on.
    #[regex(r#""([^"\\]|\\(?s:.))*""#, |lex| lex.slice(), priority = 40)]
    String(&'t str),
    /// `name`, `name.sub`, or anything that begins with `urn:`, `http://` or `https://`.
    #[regex(r"[A-Za-z$][A-Za-z0-9$_-]*(\.[A-Za-z$][A-Za-z0-9$_-]*)?", |lex| lex.slice(), priority = 30)]
    #[regex(
        r"(?i-u:urn:|https?://)[A-Za-z0-9._~!$&*+;:=@%/#?-]*[A-Za-z0-9_~!$&*+;=@%/#?-]",
        |lex| lex.slice(),
        priority = 35
    )]
    Path(&'t str),
    /// `.name`, the dot included.
    #[regex(r"\.[A-Za-z$][A-Za-z0-9$_-]*", |lex| lex.slice(), priority = 30)]
    Sub(&'t str),
    /// Whatever else stands without space, bracket, quote, comma or control character.
    #[regex(r#"[^\s\x00-\x1F\x7F()\[\]"',\u{AB}\u{BB}\u{2018}-\u{201F}\u{2039}\u{203A}\u{FF02}\u{FF07}]+"#, |lex| lex.slice(), priority = 10)]
    Bare(&'t str),
}

/// Reads the tokens of `text` up to the first that is none.
///
/// # Errors
/// The text, its brackets or its conditions exceed `bounds`: known here, in one pass and in
/// constant stack, so that no parser ever sees ten thousand brackets (R-FILTER-24).
pub(crate) fn tokens<'t>(text: &'t str, bounds: &Parser) -> Result<Vec<Spanned<'t>>, SyntaxError> {
    if text.len() > bounds.max_length {
        return Err(SyntaxError::too_long(text, bounds.max_length));
    }
    let mut tokens = Vec::new();
    let (mut depth, mut nodes) = (0_usize, 0_usize);
    for (token, span) in Token::lexer(text).spanned() {
        let Ok(token) = token else {
            tokens.push(Err(unreadable(text, span.start)));
            break;
        };
        match token {
            Token::Open | Token::OpenBracket => depth += 1,
            Token::Close | Token::CloseBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        nodes += usize::from(is_node(&token));
        if depth > bounds.depth() {
            return Err(SyntaxError::too_deep(span.start, bounds.depth()));
        }
        if nodes > bounds.max_nodes {
            return Err(SyntaxError::too_many(span.start, bounds.max_nodes));
        }
        tokens.push(Ok((span.start, token, span.end)));
    }
    Ok(tokens)
}

/// Checks that single spaces stand where the ABNF wants them and nowhere else.
///
/// # Errors
/// The first place with a space too few or too many.
pub(crate) fn check_spaces(text: &str, tokens: &[Spanned<'_>]) -> Result<(), SyntaxError> {
    let mut before: Option<(Token<'_>, usize)> = None;
    for (start, token, end) in tokens.iter().flatten() {
        if let Some((previous, edge)) = before {
            let expected = match (previous, token, *start > edge) {
                (Token::Open | Token::OpenBracket, ..)
                | (_, Token::Close | Token::CloseBracket, _) => None,
                (Token::Not(_), Token::Open, _) => None,
                (_, Token::OpenBracket | Token::Sub(_), spaced) => {
                    spaced.then_some("no space before it")
                }
                (.., spaced) => (!spaced).then_some("a space before it"),
            };
            if let Some(expected) = expected {
                let found = text.get(*start..*end).unwrap_or_default();
                return Err(SyntaxError::unexpected(ErrorKind::Filter, *start, found, expected));
            }
        }
        before = Some((*token, *end));
    }
    Ok(())
}

fn op(text: &str) -> Option<(Op, &str)> {
    Op::parse(text).map(|op| (op, text))
}

/// Tokens that each become one node; `and` and `or` join nodes and are fewer.
fn is_node(token: &Token<'_>) -> bool {
    matches!(token, Token::Compare(_) | Token::Present(_) | Token::Not(_) | Token::OpenBracket)
}

/// Says why nothing that begins at `start` is a token.
fn unreadable(text: &str, start: usize) -> SyntaxError {
    let rest = text.get(start..).unwrap_or_default();
    let found = rest.chars().next().unwrap_or_default();
    let (found, expected, hint) = match found {
        '"' => (
            rest,
            "a closing `\"`",
            Some("inside a string write `\\\"` for a quote and `\\\\` for a backslash"),
        ),
        '\'' => ("'", "a straight double quote", Some("put strings in double quotes")),
        c if is_typographic(c) => (
            first(rest),
            "a straight double quote",
            Some("replace typographic quotes by straight double quotes"),
        ),
        c if c.is_whitespace() => {
            (first(rest), "a plain space", Some("only plain spaces separate words"))
        }
        _ => (first(rest), "a word, a string or a bracket", None),
    };
    SyntaxError::unexpected(ErrorKind::Filter, start, found, expected).hinted(hint)
}

/// Quotes that word processors put in place of straight ones.
fn is_typographic(c: char) -> bool {
    matches!(c, '«' | '»' | '\u{2018}'..='\u{201F}' | '‹' | '›' | '＂' | '＇')
}

fn first(rest: &str) -> &str {
    rest.char_indices().nth(1).map_or(rest, |(end, _)| rest.get(..end).unwrap_or(rest))
}
