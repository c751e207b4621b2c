//! Builds the nodes that the grammar names.

use std::borrow::Cow;

use crate::{
    error::{ErrorKind, SyntaxError},
    tree::{AttrPath, Expr, Filter, Literal, Op},
};

/// The escape of a character that JSON has and no attribute.
const NUL: &str = r"\u0000";

type Verb<'t> = Option<(Op, Literal<'t>)>;

pub(crate) fn or<'t>(first: Filter<'t>, rest: Vec<Filter<'t>>) -> Filter<'t> {
    if rest.is_empty() {
        return first;
    }
    let mut parts = Vec::with_capacity(rest.len() + 1);
    for part in std::iter::once(first).chain(rest) {
        match part {
            Expr::Or(inner) => parts.extend(inner),
            other => parts.push(other),
        }
    }
    Expr::Or(parts)
}

pub(crate) fn and<'t>(first: Filter<'t>, rest: Vec<Filter<'t>>) -> Filter<'t> {
    if rest.is_empty() {
        return first;
    }
    let mut parts = Vec::with_capacity(rest.len() + 1);
    for part in std::iter::once(first).chain(rest) {
        match part {
            Expr::And(inner) => parts.extend(inner),
            other => parts.push(other),
        }
    }
    Expr::And(parts)
}

pub(crate) fn test<'t>(attr: AttrPath<'t>, verb: Verb<'t>) -> Filter<'t> {
    match verb {
        Some((op, value)) => Expr::Compare(attr, op, value),
        None => Expr::Present(attr),
    }
}

/// Reads `attr[inner].sub op value` as `attr[inner and sub op value]` (R-FILTER-26).
pub(crate) fn any_with<'t>(
    attr: AttrPath<'t>,
    inner: Filter<'t>,
    sub: AttrPath<'t>,
    verb: Verb<'t>,
) -> Filter<'t> {
    Expr::Any(attr, Box::new(and(inner, vec![test(sub, verb)])))
}

/// Splits at the last colon, then at the first dot behind it (R-EXT-03).
pub(crate) fn attr(text: &str, offset: usize) -> AttrPath<'_> {
    let (urn, tail) = match text.rsplit_once(':') {
        Some((urn, tail)) => (Some(urn), tail),
        None => (None, text),
    };
    let (name, sub) = match tail.split_once('.') {
        Some((name, sub)) if is_name(name) => (name, Some(sub)),
        _ => (tail, None),
    };
    AttrPath { text, urn, name, sub, offset }
}

pub(crate) fn undotted(dotted: &str) -> &str {
    dotted.strip_prefix('.').unwrap_or(dotted)
}

/// Decodes a JSON string, borrowing what has no escape.
///
/// JSON has an escape for U+0000, but no resource holds that character.
pub(crate) fn string(quoted: &str, offset: usize) -> Result<Cow<'_, str>, SyntaxError> {
    let text: Option<Cow<'_, str>> = serde_json::from_str(quoted)
        .map(Cow::Borrowed)
        .or_else(|_| serde_json::from_str(quoted).map(Cow::Owned))
        .ok();
    text.filter(|text| !text.contains('\0')).ok_or_else(|| unsound(quoted, offset))
}

/// Points at the first thing in a string that can't be there.
fn unsound(quoted: &str, offset: usize) -> SyntaxError {
    let at = quoted.len() - after_sound(quoted).len();
    let found = quoted.get(at..).unwrap_or_default();
    let (expected, hint) = if found.starts_with(NUL) {
        ("any other character", "no attribute holds the character U+0000")
    } else if found.starts_with('\\') {
        (
            "a JSON escape",
            "escapes are `\\\"`, `\\\\`, `\\/`, `\\b`, `\\f`, `\\n`, `\\r`, `\\t` and `\\uXXXX`, \
             surrogates in pairs",
        )
    } else {
        (
            "no control character",
            "inside a string write it as an escape, such as `\\t` or `\\u0001`",
        )
    };
    SyntaxError::unexpected(ErrorKind::Filter, offset + at, found, expected).hinted(Some(hint))
}

/// What is left of `text` from the first control character or broken escape on.
fn after_sound(mut text: &str) -> &str {
    while let Some(at) = text.find(|c| c < ' ' || c == '\\') {
        let rest = text.get(at..).unwrap_or_default();
        match escape(rest).and_then(|length| rest.get(length..)) {
            Some(behind) => text = behind,
            None => return rest,
        }
    }
    ""
}

/// How long the sound escape is that `text` begins with.
fn escape(text: &str) -> Option<usize> {
    match text.strip_prefix('\\')?.chars().next()? {
        '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => Some(2),
        'u' => match unit(text)? {
            0xD800..=0xDBFF => matches!(unit(text.get(6..)?)?, 0xDC00..=0xDFFF).then_some(12),
            0 | 0xDC00..=0xDFFF => None,
            _ => Some(6),
        },
        _ => None,
    }
}

fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$')
}
