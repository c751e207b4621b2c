//! Writes trees as texts that parse to the same trees.

use std::fmt::{Display, Formatter, Result, Write as _};

use crate::tree::{AttrPath, Expr, Literal, Op, Path};

/// Writes with as few parentheses as precedence allows.
///
/// What a parser made comes back equal when the text is parsed again. The text can be longer than
/// the one it was made from (a missing space, an escape) and nest one level deeper (a comparison
/// that moved into brackets).
/// Trees made by hand do so when `And` and `Or` have two parts or more and do not hold their like,
/// and no string holds U+0000.
impl<A: Display, V: Display> Display for Expr<A, V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::And(parts) => joined(f, parts, " and ", |f, part| match part {
                Self::Or(_) => write!(f, "({part})"),
                _ => part.fmt(f),
            }),
            Self::Or(parts) => joined(f, parts, " or ", |f, part| part.fmt(f)),
            Self::Not(part) => write!(f, "not ({part})"),
            Self::Compare(attr, op, value) => write!(f, "{attr} {op} {value}"),
            Self::Present(attr) => write!(f, "{attr} pr"),
            Self::Any(attr, part) => write!(f, "{attr}[{part}]"),
        }
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.as_str())
    }
}

/// Writes the path as it was written.
impl Display for AttrPath<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.text)
    }
}

/// Writes the value as in a filter: strings quoted and escaped as JSON.
impl Display for Literal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::String(text) => quoted(f, text),
            Self::Number(text) | Self::Bare(text) => f.write_str(text),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Null => f.write_str("null"),
        }
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.attr)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        match self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

fn joined<T>(
    f: &mut Formatter<'_>,
    parts: &[T],
    word: &str,
    write: impl Fn(&mut Formatter<'_>, &T) -> Result,
) -> Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        write(f, part)?;
    }
    Ok(())
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use crate::{Expr, parse_filter};

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(parse_filter(text).unwrap().to_string(), expect);
    }

    #[test]
    fn parentheses_stand_only_where_precedence_wants_them() {
        check("((a pr)) OR (b pr and (c pr))", "a pr or b pr and c pr");
        check("(a pr or b pr)and c pr", "(a pr or b pr) and c pr");
        check("NOT(a pr or b pr)", "not (a pr or b pr)");
        check("a[ (b pr or c pr) and d pr ]", "a[(b pr or c pr) and d pr]");
        check("a[(b pr or c pr)].d EQ x", "a[(b pr or c pr) and d eq x]");
    }

    #[test]
    fn strings_are_quoted_as_json() {
        check(r#"a eq "\u0001\"\\\u00e9\/""#, r#"a eq "\u0001\"\\é/""#);
    }

    #[test]
    fn a_resolved_tree_writes_itself_too() {
        let tree = Expr::And(vec![Expr::Present("title"), Expr::Compare("age", crate::Op::Ge, 18)]);
        assert_eq!(tree.to_string(), "title pr and age ge 18");
    }
}
