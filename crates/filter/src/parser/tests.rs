//! What is read as what, by rule.

use super::{Grammar, Parser};
use crate::{AttrPath, ErrorKind, Expr, Literal, Op, parse_filter, parse_path};

const STRICT: Parser =
    Parser { max_length: 8 * 1024, max_nodes: 200, max_depth: 32, grammar: Grammar::Strict };

/// Checks the tree by its text with every group in parentheses.
#[track_caller]
fn check(text: &str, expect: &str) {
    let filter = parse_filter(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(grouped(&filter), expect, "{text}");
    assert_eq!(parse_filter(&filter.to_string()).as_ref(), Ok(&filter), "{text} as {filter}");
}

/// Checks that both grammars give the same tree.
#[track_caller]
fn check_both(text: &str, expect: &str) {
    check(text, expect);
    assert_eq!(STRICT.filter(text), parse_filter(text), "{text}");
}

#[track_caller]
fn check_tolerant_only(text: &str, expect: &str) {
    check(text, expect);
    assert!(STRICT.filter(text).is_err(), "strict: {text}");
}

#[track_caller]
fn fails(text: &str, expect: &str) {
    let error = parse_filter(text).expect_err(text);
    assert_eq!(error.to_string(), expect, "{text}");
    assert!(STRICT.filter(text).is_err(), "strict: {text}");
}

#[track_caller]
fn fails_strict(text: &str, expect: &str) {
    assert!(parse_filter(text).is_ok(), "tolerant: {text}");
    assert_eq!(STRICT.filter(text).expect_err(text).to_string(), expect, "{text}");
}

fn grouped(filter: &crate::Filter<'_>) -> String {
    let all = |parts: &[crate::Filter<'_>], word: &str| {
        let parts: Vec<_> = parts.iter().map(grouped).collect();
        format!("({})", parts.join(word))
    };
    match filter {
        Expr::And(parts) => all(parts, " & "),
        Expr::Or(parts) => all(parts, " | "),
        Expr::Not(part) => format!("!{}", grouped(part)),
        Expr::Compare(attr, op, value) => format!("{} {op} {value:?}", attr.text),
        Expr::Present(attr) => format!("{} pr", attr.text),
        Expr::Any(attr, part) => format!("{}[{}]", attr.text, grouped(part)),
    }
}

#[test]
fn precedence_is_grouping_not_and_or() {
    // R-FILTER-01, F52, F53, F54, F55
    check_both("a pr and b pr or c pr", "((a pr & b pr) | c pr)");
    check_both("c pr or a pr and b pr", "(c pr | (a pr & b pr))");
    check_both("(c pr or a pr) and b pr", "((c pr | a pr) & b pr)");
    check_both("not (a pr) and b pr", "(!a pr & b pr)");
    check_both("not (a pr and b pr)", "!(a pr & b pr)");
    check_both("a pr and b pr and c pr", "(a pr & b pr & c pr)");
    check_both("a pr and (b pr and c pr)", "(a pr & b pr & c pr)");
    check_both("((a pr or b pr) or (c pr or d pr))", "(a pr | b pr | c pr | d pr)");
    check_both("not (not (a pr))", "!!a pr");
}

#[test]
fn words_are_case_insensitive() {
    // R-FILTER-02, F02
    check_both(r#"USERNAME Eq "jsmith""#, r#"USERNAME eq String("jsmith")"#);
    check_both("a PR AND NOT (b Pr) oR c pR", "((a pr & !b pr) | c pr)");
    for op in ["EQ", "Ne", "cO", "SW", "Ew", "GT", "gE", "Lt", "LE"] {
        check_both(&format!("a {op} 1"), &format!("a {} Number(\"1\")", op.to_ascii_lowercase()));
    }
    // Folding is that of ASCII: `ſ` is no `s`.
    assert!(parse_filter("a ſw 1").is_err());
}

#[test]
fn a_keyword_is_a_good_name_where_a_name_is_due() {
    check_both(r#"eq eq "x""#, r#"eq eq String("x")"#);
    check_both("not pr and pr pr", "(not pr & pr pr)");
    check_both("or eq 1 or and eq 2", "(or eq Number(\"1\") | and eq Number(\"2\"))");
    check_both("x[le le 1]", "x[le le Number(\"1\")]");
}

#[test]
fn not_stands_before_parentheses_only() {
    // R-FILTER-03, F12, F13, F31, F66
    check_both("not (title pr)", "!title pr");
    check_both("not(title pr)", "!title pr");
    check_both(r#"emails[not (type eq "work")]"#, r#"emails[!type eq String("work")]"#);
    fails(
        "not userName pr",
        "found `userName` at offset 4, expected `(`; \
         `not` stands before parentheses only, as in `not (title pr)`",
    );
}

#[test]
fn malformed_filters_say_where_and_what() {
    // R-FILTER-04, F61 to F64
    fails(
        r#"userName regex "j.*""#,
        "found `regex` at offset 9, expected an operator \
         (eq, ne, co, sw, ew, gt, ge, lt, le or pr) or `[`",
    );
    fails(
        "userName eq",
        "text ends at offset 11, expected a value: \
         a string in double quotes, a number, true, false or null",
    );
    fails(
        r#"userName eq "x" and"#,
        "text ends at offset 19, expected an attribute, `(` or `not (`",
    );
    fails(r#"(userName eq "x""#, "text ends at offset 16, expected `)`");
    fails("", "text ends at offset 0, expected an attribute, `(` or `not (`");
    fails("   ", "text ends at offset 3, expected an attribute, `(` or `not (`");
    fails("()", "found `)` at offset 1, expected an attribute, `(` or `not (`");
    fails("a pr)", "found `)` at offset 4, expected the end");
    fails("a pr b pr", "found `b` at offset 5, expected `and`, `or` or the end");
    fails("a[b pr", "text ends at offset 6, expected `and`, `or` or `]`");
    fails(
        r#"a eq "x"#,
        r#"found `"x` at offset 5, expected a closing `"`; inside a string write `\"` for a quote and `\\` for a backslash"#,
    );
    fails(
        "a == 1",
        "found `==` at offset 2, expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr) \
         or `[`; operators are words, such as `eq` for equal",
    );
    fails("a.b.c pr", "found `a.b.c` at offset 0, expected an attribute, `(` or `not (`");
    fails(
        "a eq \u{a0}1",
        "found `\u{a0}` at offset 5, expected a plain space; only plain spaces separate words",
    );
    fails("a\0 pr", "found `\u{FFFD}` at offset 1, expected a word, a string or a bracket");
}

#[test]
fn messages_stay_on_one_short_line() {
    let text = format!("a {}\n", "é".repeat(4000));
    let error = parse_filter(&text).unwrap_err();
    assert_eq!(error.found(), Some(format!("{}…", "é".repeat(32)).as_str()));
    let error = parse_filter("a eq \"x\ny").unwrap_err();
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[test]
fn strings_are_json() {
    // R-FILTER-05, R-FILTER-27, F05 to F07, F17, F68
    for (text, expect) in [
        (r#""a\"b\\c""#, "a\"b\\c"),
        (r#""\u006dÜLLER""#, "mÜLLER"),
        (r#""mu\u0308ller""#, "mu\u{308}ller"),
        (r#""O'Malley""#, "O'Malley"),
        (r#""“quoted”""#, "“quoted”"),
        (r#""\uD83D\uDE00 \/\b\f\n\r\t""#, "😀 /\u{8}\u{c}\n\r\t"),
        (r#""\u0001\\u0000""#, "\u{1}\\u0000"),
        (r#""""#, ""),
        (r#""and (or) [not]""#, "and (or) [not]"),
    ] {
        let text = format!("a eq {text}");
        let Ok(Expr::Compare(_, Op::Eq, Literal::String(value))) = STRICT.filter(&text) else {
            panic!("{text}");
        };
        assert_eq!(value, expect);
        let borrowed = matches!(value, std::borrow::Cow::Borrowed(_));
        assert_eq!(borrowed, !text.contains('\\'), "{text}");
    }
    for (text, offset) in [
        (r#""é\uD83D""#, 8),
        (r#""é\uDE00""#, 8),
        (r#""\uD83D\uD83D\uDE00""#, 6),
        (r#""\uD83D\uDE00\uD83D\n""#, 18),
        (r#""\"\x""#, 8),
        (r#""\u12""#, 6),
        (r#""\u+123""#, 6),
        ("\"a\tb\"", 7),
        ("\"\n\"", 6),
        ("\"\\u00e9\0\"", 12),
        (r#""\"#, 5),
        (r#""\u0000""#, 6),
        (r#""é\\\u0000\x""#, 10),
    ] {
        let error = parse_filter(&format!("a eq {text}")).expect_err(text);
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Filter, offset), "{text}: {error}");
    }
    fails(
        "a eq \"b\0\"",
        "found `\u{FFFD}\"` at offset 7, expected no control character; \
         inside a string write it as an escape, such as `\\t` or `\\u0001`",
    );
}

#[test]
fn other_quotes_are_refused_with_a_hint() {
    // R-FILTER-05, F65
    fails(
        "userName eq 'x'",
        "found `'` at offset 12, expected a straight double quote; put strings in double quotes",
    );
    for quote in ["“", "”", "„", "‘", "’", "«", "»", "‹", "＂"] {
        fails(
            &format!("userName eq {quote}x{quote}"),
            &format!(
                "found `{quote}` at offset 12, expected a straight double quote; \
                 replace typographic quotes by straight double quotes"
            ),
        );
    }
    fails(
        "name.familyName sw O'Malley",
        "found `'` at offset 20, expected a straight double quote; put strings in double quotes",
    );
}

#[test]
fn words_without_quotes_are_taken_unless_strict() {
    // R-FILTER-05
    check_tolerant_only("userName sw O", r#"userName sw Bare("O")"#);
    check_tolerant_only(
        "meta.Created gt 2015-10-10T14:38:21.8617979-07:00",
        r#"meta.Created gt Bare("2015-10-10T14:38:21.8617979-07:00")"#,
    );
    check_tolerant_only("meta.resourceType eq User", r#"meta.resourceType eq Bare("User")"#);
    check_tolerant_only("emails co ada@example.com", r#"emails co Bare("ada@example.com")"#);
    check_tolerant_only("userName ew .com", r#"userName ew Bare(".com")"#);
    check_tolerant_only("schemas eq urn:x:y", r#"schemas eq Bare("urn:x:y")"#);
    check_tolerant_only("employeeNumber eq 007", r#"employeeNumber eq Bare("007")"#);
    check_tolerant_only("active eq True", r#"active eq Bare("True")"#);
    check_tolerant_only("(a eq x) and b eq y", r#"(a eq Bare("x") & b eq Bare("y"))"#);
    fails_strict(
        "userName sw O",
        "found `O` at offset 12, expected a value: a string in double quotes, a number, true, \
         false or null; put strings in double quotes",
    );
    // A keyword is no value, so that a forgotten value is told as such.
    fails(
        "userName eq and title pr",
        "found `and` at offset 12, expected a value: a string in double quotes, a number, true, \
         false or null; put strings in double quotes",
    );
}

#[test]
fn other_values_are_json() {
    check_both("a eq true", "a eq Boolean(true)");
    check_both("a ne false", "a ne Boolean(false)");
    check_both("a eq null", "a eq Null");
    for number in ["0", "-0", "10", "-1.5", "1e3", "2.50E-7"] {
        check_both(&format!("a gt {number}"), &format!("a gt Number({number:?})"));
    }
    // R-FILTER-06 is the schema's: only it knows that an attribute is boolean.
    check_both("active gt false", "active gt Boolean(false)");
}

#[test]
fn a_value_path_holds_a_filter_without_value_paths() {
    // R-FILTER-26, F30
    check_both(
        r#"emails[type eq "work" and value co "@x"] or ims[type eq "xmpp" and value co "@y"]"#,
        r#"(emails[(type eq String("work") & value co String("@x"))] | ims[(type eq String("xmpp") & value co String("@y"))])"#,
    );
    check_both("not (a[b pr or c pr] and d pr)", "!(a[(b pr | c pr)] & d pr)");
    fails(
        "a[b[c pr]]",
        "found `[` at offset 3, expected an operator \
         (eq, ne, co, sw, ew, gt, ge, lt, le or pr); a value path cannot stand inside another",
    );
    fails("a[]", "found `]` at offset 2, expected an attribute, `(` or `not (`");
}

#[test]
fn a_comparison_behind_brackets_moves_inside_unless_strict() {
    // R-FILTER-26, F32, E-ENTRA-01
    check_tolerant_only(
        r#"emails[type eq "work"].value eq "x""#,
        r#"emails[(type eq String("work") & value eq String("x"))]"#,
    );
    check_tolerant_only(
        "emails[primary eq true].value pr",
        "emails[(primary eq Boolean(true) & value pr)]",
    );
    check_tolerant_only("a[b pr and c pr].d pr", "a[(b pr & c pr & d pr)]");
    check_tolerant_only("a[b pr or c pr].d pr", "a[((b pr | c pr) & d pr)]");
    check_tolerant_only("a[b pr].c pr and d pr", "(a[(b pr & c pr)] & d pr)");
    fails_strict(
        "emails[primary eq true].value pr",
        "found `.value` at offset 23, expected `and`, `or` or the end; \
         put the comparison inside the brackets: `emails[type eq \"work\" and value pr]`",
    );
    fails(
        "a[b pr].c",
        "text ends at offset 9, expected an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr)",
    );
}

#[test]
fn spaces_are_free_unless_strict() {
    // R-FILTER-28
    check_tolerant_only(r#"value eq"x""#, r#"value eq String("x")"#);
    check_tolerant_only(r#"a eq "x"and(b pr)"#, r#"(a eq String("x") & b pr)"#);
    check_tolerant_only("a [b pr]", "a[b pr]");
    check_both("  a   pr  and  ( b pr )  ", "(a pr & b pr)");
    check_both("a[ b pr ]", "a[b pr]");
    check_both("a\tpr\r\n", "a pr");
    fails_strict(r#"value eq"x""#, r#"found `"x"` at offset 8, expected a space before it"#);
    fails_strict("a [b pr]", "found `[` at offset 2, expected no space before it");
}

#[test]
fn bounds_hold_before_anything_is_built() {
    // R-FILTER-24, X55
    let kind = |text: &str| parse_filter(text).map(drop).map_err(|error| error.kind());
    let nested = |depth| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(kind(&nested(32)).is_ok());
    assert_eq!(kind(&nested(33)), Err(ErrorKind::TooDeep));
    assert_eq!(kind(&nested(3000)), Err(ErrorKind::TooDeep));
    assert_eq!(kind(&nested(10_000)), Err(ErrorKind::TooLong));
    assert_eq!(kind(&"(".repeat(10_000)), Err(ErrorKind::TooLong));
    assert_eq!(kind(&"x".repeat(1 << 20)), Err(ErrorKind::TooLong));
    let unbounded =
        Parser { max_length: 1 << 24, max_nodes: 1 << 20, max_depth: usize::MAX, ..STRICT };
    let error = unbounded.filter(&nested(10_000)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "brackets nested too deep at offset 256, expected at most 256 levels"
    );
    let nots = format!("{}a pr{}", "not(".repeat(200), ")".repeat(200));
    assert!(unbounded.filter(&nots).is_ok());

    let many = |count| vec!["a pr"; count].join(" or ");
    assert!(kind(&many(200)).is_ok());
    assert_eq!(kind(&many(201)), Err(ErrorKind::TooManyNodes));
    assert!(Parser { max_nodes: 1 << 20, ..Parser::posted() }.filter(&many(8000)).is_ok());
}

#[test]
fn a_long_token_needs_no_deep_stack() {
    let parser = Parser { max_length: 1 << 22, ..Parser::default() };
    for part in ["x", "é", "\\\\", "\\u00e9", "😀"] {
        let text = format!("a eq \"{}\"", part.repeat(200_000));
        assert!(parser.filter(&text).is_ok(), "{part}");
        assert!(parser.filter(text.trim_end_matches('"')).is_err(), "{part}");
    }
    for part in ["x", "é", "😀", "1", ".a"] {
        assert!(parser.filter(&format!("a eq {}", part.repeat(200_000))).is_ok(), "{part}");
    }
    assert!(parser.filter(&format!("a{}pr", " \t".repeat(200_000))).is_ok());
}

#[track_caller]
fn check_attr(text: &str, urn: Option<&str>, name: &str, sub: Option<&str>) {
    let path = parse_path(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(path.attr, AttrPath { text, urn, name, sub, offset: 0 });
    assert_eq!((path.filter, path.sub), (None, None));
    assert_eq!(STRICT.path(text).map(|path| path.attr), Ok(path.attr));
}

#[test]
fn attribute_paths_split_at_the_last_colon() {
    // R-EXT-03, R-PATCH-63, R-ATTR-04, F21 to F24, P65
    const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    const STEM: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0";
    check_attr("userName", None, "userName", None);
    check_attr("name.givenName", None, "name", Some("givenName"));
    check_attr("members.$ref", None, "members", Some("$ref"));
    check_attr("$ref", None, "$ref", None);
    check_attr("a-b_c9", None, "a-b_c9", None);
    check_attr(&format!("{ENT}:manager"), Some(ENT), "manager", None);
    check_attr(&format!("{ENT}:manager.value"), Some(ENT), "manager", Some("value"));
    check_attr(ENT, Some(STEM), "User", None);
    check_attr(&format!("{ENT}.manager"), Some(STEM), "User", Some("manager"));
    check_attr(&format!("{ENT}.manager.value"), Some(STEM), "User", Some("manager.value"));
    check_attr("urn:example:2.0", Some("urn:example"), "2.0", None);
    check_attr(
        "HTTPS://example.com/s/2.0/User:x.y",
        Some("HTTPS://example.com/s/2.0/User"),
        "x",
        Some("y"),
    );
    check_attr("http://example.com/User", Some("http"), "//example.com/User", None);
    let upper = ENT.to_ascii_uppercase();
    check_attr(&format!("{upper}:EMPLOYEENUMBER"), Some(&upper), "EMPLOYEENUMBER", None);
    // F23
    check_both(
        &format!(r#"{upper}:EMPLOYEENUMBER eq "701984""#),
        &format!(r#"{upper}:EMPLOYEENUMBER eq String("701984")"#),
    );
    check_both(&format!("{ENT}:a[b pr]"), &format!("{ENT}:a[b pr]"));
}

#[test]
fn offsets_count_from_the_start_of_the_text() {
    let filter = parse_filter("é pr");
    assert!(filter.is_err());
    let Ok(Expr::And(parts)) = parse_filter(r#"a eq "é" and b[c pr].d pr"#) else { panic!() };
    let Some(Expr::Any(b, inner)) = parts.get(1) else { panic!() };
    let Expr::And(inner) = inner.as_ref() else { panic!() };
    let [Expr::Present(c), Expr::Present(d)] = inner.as_slice() else { panic!() };
    assert_eq!((b.offset, c.offset, d.offset), (14, 16, 22));
    assert_eq!((d.text, d.name), ("d", "d"));
}

#[test]
fn paths_are_attributes_with_an_optional_filter() {
    // R-PATCH-05
    for text in [
        r#"members[value eq "x"]"#,
        r#"members[value eq "x"].display"#,
        r#"addresses[type eq "work" and not (primary eq true)].postalCode"#,
        r#"urn:x:y:User:emails[type eq "work"].value"#,
    ] {
        let path = parse_path(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(path.to_string(), text);
        assert_eq!(STRICT.path(text), Ok(path));
    }
    let path = parse_path(r#"roles[primary eq "True"].value"#).unwrap();
    assert_eq!((path.attr.name, path.sub, path.filter.is_some()), ("roles", Some("value"), true));
    assert!(parse_path(r#"emails[type eq"work"]"#).is_ok());
    assert!(STRICT.path(r#"emails[type eq"work"]"#).is_err());
}

#[track_caller]
fn fails_path(text: &str, kind: ErrorKind, offset: usize) {
    let error = parse_path(text).expect_err(text);
    assert_eq!((error.kind(), error.offset()), (kind, offset), "{text}: {error}");
}

#[test]
fn a_bad_filter_in_a_path_is_told_from_a_bad_path() {
    // R-PATCH-05, P38, P45
    fails_path("", ErrorKind::Path, 0);
    fails_path("emails[", ErrorKind::Path, 7);
    fails_path("emails[type", ErrorKind::Path, 11);
    fails_path("emails]", ErrorKind::Path, 6);
    fails_path("emails.", ErrorKind::Path, 0);
    fails_path("a.b.c", ErrorKind::Path, 0);
    fails_path("a b", ErrorKind::Path, 2);
    fails_path("a pr", ErrorKind::Path, 2);
    fails_path("a[b pr]c", ErrorKind::Path, 7);
    fails_path("a[b pr].c eq 1", ErrorKind::Path, 10);
    fails_path("a[b pr].c[d pr]", ErrorKind::Path, 9);
    fails_path("emails[type gt 1 or]", ErrorKind::Filter, 19);
    fails_path("emails[]", ErrorKind::Filter, 7);
    fails_path("emails[type eq 'x'].value", ErrorKind::Filter, 15);
    fails_path("emails[type is 1].value", ErrorKind::Filter, 12);
    fails_path("a[b[c pr]]", ErrorKind::Filter, 3);
    let error = parse_path(&format!("a[{}", "(".repeat(100))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooDeep);
}
