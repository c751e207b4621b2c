//! The SCIM filter and PATCH path grammar: text to tree and back.
//!
//! SCIM 2.0 clients send filters (`userName eq "ada"`, RFC 7644 §3.4.2.2), PATCH paths
//! (`emails[type eq "work"].value`, §3.5.2) and attribute lists (§3.9).
//! This crate turns each into a small tree, or into an error that says where the text is wrong
//! and what to write instead; a tree's [`Display`](std::fmt::Display) gives its text again.
//! Servers, clients that build filters, gateways and linters can use it without the rest of
//! Rollcall.
//!
//! ```
//! use rollcall_filter::{Expr, Literal, Op, parse_filter, parse_path};
//!
//! let filter = parse_filter(r#"userName Eq "ada" and emails[type eq "work"]"#)?;
//! let Expr::And(parts) = &filter else { panic!("two parts") };
//! let [Expr::Compare(attr, op, Literal::String(value)), Expr::Any(emails, _)] = parts.as_slice()
//! else {
//!     panic!("a comparison, then a value path")
//! };
//! assert_eq!((attr.name, *op, value.as_ref(), emails.name), ("userName", Op::Eq, "ada", "emails"));
//! assert_eq!(filter.to_string(), r#"userName eq "ada" and emails[type eq "work"]"#);
//!
//! let path = parse_path(r#"members[value eq "2819"].display"#)?;
//! assert_eq!((path.attr.name, path.sub), ("members", Some("display")));
//!
//! let error = parse_filter("userName is 'ada'").unwrap_err();
//! assert_eq!(error.offset(), 9);
//! # Ok::<(), rollcall_filter::SyntaxError>(())
//! ```
//!
//! By default the grammar takes what real clients send beyond the RFC's ABNF, such as words
//! without quotes; [`Parser`] chooses [`Grammar::Strict`] and other bounds.
//!
//! # Errors
//!
//! A [`SyntaxError`] is one line for the client that sent the text, and its parts for programs.
//! Every offset, in the message and from [`SyntaxError::offset`], counts bytes of the text as it
//! was given, from 0, and always falls between two characters.
//!
//! ```
//! let error = rollcall_filter::parse_filter("userName eq “ada”").unwrap_err();
//! assert_eq!(error.offset(), 12);
//! assert_eq!(error.hint(), Some("replace typographic quotes by straight double quotes"));
//! assert_eq!(
//!     error.to_string(),
//!     "found `“` at offset 12, expected a straight double quote; \
//!      replace typographic quotes by straight double quotes"
//! );
//! ```
//!
//! The example `lint_filter` puts a caret below that place.
//!
//! # Bounds
//!
//! | | [`Parser::default`] | [`Parser::posted`] |
//! |---|---|---|
//! | length, in bytes | 8 KiB | 64 KiB |
//! | brackets open at once | 32 | 32 |
//! | conditions | 200 | 200 |
//!
//! All are checked in one pass before anything is built (R-FILTER-24); the error names the bound.
//! They can be raised: parsing stays linear in the length of the text and needs no more stack,
//! since no parser takes more than [`Parser::DEEPEST`] open brackets.
//! Nothing here panics, whatever the text.
//! A string that holds U+0000 is refused: no resource has such a text, and no database takes it.
//!
//! # What it does not do
//!
//! It knows no schema: whether an attribute exists, in which case it was written, whether `gt`
//! suits it and what a value means are questions to the crate that resolves the tree
//! (`rollcall-schema`). It evaluates nothing, decodes no percent signs and does no I/O.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod display;
mod error;
mod lexer;
mod list;
mod nodes;
mod parser;
mod tree;

lalrpop_util::lalrpop_mod!(
    #[expect(
        clippy::allow_attributes,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        unreachable_pub,
        reason = "lalrpop generates this module"
    )]
    grammar
);

pub use error::{ErrorKind, SyntaxError};
pub use parser::{Grammar, Parser};
pub use tree::{AttrPath, Expr, Filter, Literal, Op, Path};

/// Parses a filter with the default bounds and the tolerant grammar.
///
/// `And` and `Or` come back flat: neither holds its like, and each has two parts or more.
///
/// # Errors
/// [`SyntaxError`] with the first place that is wrong, or the bound that is exceeded.
pub fn parse_filter(text: &str) -> Result<Filter<'_>, SyntaxError> {
    Parser::default().filter(text)
}

/// Parses a PATCH path with the default bounds and the tolerant grammar.
///
/// # Errors
/// [`SyntaxError`]; its [kind](SyntaxError::kind) tells `invalidFilter`, for an error between
/// brackets, from `invalidPath` (R-PATCH-05).
pub fn parse_path(text: &str) -> Result<Path<'_>, SyntaxError> {
    Parser::default().path(text)
}

/// Parses a comma-separated list of attributes, as in `attributes` (RFC 7644 §3.9).
///
/// Spaces around commas and empty items are skipped (R-PROJ-05). A value path is read as its
/// attribute: `emails[type eq "work"]` as `emails` and `emails[type eq "work"].value` as
/// `emails.value` (R-PROJ-09); in the second case alone [`AttrPath::text`] holds the brackets.
///
/// ```
/// let names = rollcall_filter::parse_attributes(r#"userName, emails[type eq "work"].value,"#)?;
/// let names: Vec<_> = names.iter().map(|attr| (attr.name, attr.sub)).collect();
/// assert_eq!(names, [("userName", None), ("emails", Some("value"))]);
/// # Ok::<(), rollcall_filter::SyntaxError>(())
/// ```
///
/// # Errors
/// [`SyntaxError`] for the first item that is no attribute.
pub fn parse_attributes(list: &str) -> Result<Vec<AttrPath<'_>>, SyntaxError> {
    Parser::default().attributes(list)
}

/// Parses one attribute, as in `sortBy`, by the rules of [`parse_attributes`].
///
/// # Errors
/// [`SyntaxError`] when the text is empty or no attribute.
pub fn parse_attr_path(text: &str) -> Result<AttrPath<'_>, SyntaxError> {
    Parser::default().attr_path(text)
}
