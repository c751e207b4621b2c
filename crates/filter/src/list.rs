//! Reads comma-separated attribute lists.

use crate::{
    error::{ErrorKind, SyntaxError},
    parser::Parser,
    tree::AttrPath,
};

/// Items are cut at commas outside brackets and quotes (R-PROJ-09).
pub(crate) fn attributes<'t>(
    parser: &Parser,
    list: &'t str,
) -> Result<Vec<AttrPath<'t>>, SyntaxError> {
    if list.len() > parser.max_length {
        return Err(SyntaxError::too_long(list, parser.max_length));
    }
    let mut found = Vec::new();
    let mut start = 0;
    for item in Items(list) {
        if !item.trim().is_empty() {
            let attr = attr_path(parser, item).map_err(|error| error.shifted(start))?;
            found.push(AttrPath { offset: attr.offset + start, ..attr });
        }
        start += item.len() + 1;
    }
    Ok(found)
}

/// Reads one attribute; brackets behind it are checked and dropped.
pub(crate) fn attr_path<'t>(parser: &Parser, text: &'t str) -> Result<AttrPath<'t>, SyntaxError> {
    let path = parser.path(text).map_err(|error| match error.kind() {
        ErrorKind::Filter => error.of_kind(ErrorKind::Path),
        _ => error,
    })?;
    Ok(match path.sub {
        Some(sub) => AttrPath { text: text.trim(), sub: Some(sub), ..path.attr },
        None => path.attr,
    })
}

struct Items<'t>(&'t str);

impl<'t> Iterator for Items<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        if self.0.is_empty() {
            return None;
        }
        let (item, rest) = self.0.split_at_checked(end(self.0)).unwrap_or((self.0, ""));
        self.0 = rest.strip_prefix(',').unwrap_or(rest);
        Some(item)
    }
}

/// The byte of the first comma that separates items.
fn end(list: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, c) in list.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => return at,
            _ => {}
        }
    }
    list.len()
}

#[cfg(test)]
mod tests {
    use crate::{ErrorKind, parse_attr_path, parse_attributes};

    #[track_caller]
    fn check(list: &str, expect: &[(Option<&str>, &str, Option<&str>, usize)]) {
        let found = parse_attributes(list).unwrap_or_else(|error| panic!("{list}: {error}"));
        let found: Vec<_> =
            found.iter().map(|attr| (attr.urn, attr.name, attr.sub, attr.offset)).collect();
        assert_eq!(found, expect, "{list}");
    }

    #[test]
    fn lists_are_comma_separated_names() {
        // R-PROJ-05
        check("userName", &[(None, "userName", None, 0)]);
        check(
            "userName, name.givenName ,urn:x:User:a.b",
            &[
                (None, "userName", None, 0),
                (None, "name", Some("givenName"), 10),
                (Some("urn:x:User"), "a", Some("b"), 26),
            ],
        );
        check("urn:x:2.0:User", &[(Some("urn:x:2.0"), "User", None, 0)]);
        check("", &[]);
        check(" , ,", &[]);
        check(",id,,", &[(None, "id", None, 1)]);
    }

    #[test]
    fn value_paths_in_lists_are_read_as_their_attribute() {
        // R-PROJ-09
        check(r#"emails[type eq "work"]"#, &[(None, "emails", None, 0)]);
        check(
            r#"id, emails[type eq "a,b]\"[" and value pr].value,title"#,
            &[(None, "id", None, 0), (None, "emails", Some("value"), 4), (None, "title", None, 49)],
        );
        let attr = parse_attr_path(r#" emails[type eq "work"].value "#).unwrap();
        assert_eq!((attr.text, attr.offset), (r#"emails[type eq "work"].value"#, 1));
        assert_eq!(parse_attr_path("emails[type pr]").unwrap().text, "emails");
    }

    #[track_caller]
    fn fails(list: &str, offset: usize) {
        let error = parse_attributes(list).expect_err(list);
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Path, offset), "{list}: {error}");
    }

    #[test]
    fn malformed_items_say_where_in_the_list() {
        fails("id,user name", 8);
        fails("id, 1a", 4);
        fails("id,emails[type eq", 17);
        fails("id,emails[type is 1],id", 15);
        fails("a;b", 0);
        let long = "a,".repeat(5000);
        assert_eq!(parse_attributes(&long).unwrap_err().kind(), ErrorKind::TooLong);
        assert_eq!(
            parse_attr_path("").unwrap_err().to_string(),
            "text ends at offset 0, expected an attribute"
        );
    }
}
