//! Texts made to hurt: each is refused by a bound that the error names, or read in linear time.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use rollcall_filter::{AttrPath, ErrorKind, Expr, Grammar, Literal, Op, Parser, SyntaxError};

const MIB: usize = 1 << 20;
/// Long enough to tell work that is linear from work that is not.
const LONG: usize = MIB / 8;

/// No bound that a caller could set.
fn unbounded(grammar: Grammar) -> Parser {
    Parser { max_length: usize::MAX, max_nodes: usize::MAX, max_depth: usize::MAX, grammar }
}

/// Checks that the text is refused as a filter and as a path, by a bound that is named.
#[track_caller]
fn refused(parser: &Parser, text: &str, kind: ErrorKind, limit: &str) {
    for error in [parser.filter(text).unwrap_err(), parser.path(text).unwrap_err()] {
        assert_named(&error, text, kind, limit);
    }
}

#[track_caller]
fn assert_named(error: &SyntaxError, text: &str, kind: ErrorKind, limit: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().ends_with(&format!("expected at most {limit}")), "{error}");
    assert!(text.is_char_boundary(error.offset()), "{error}");
}

/// Checks that the work ends in a time that only linear work can keep, in any build.
#[track_caller]
fn linear(work: impl FnOnce()) {
    let started = Instant::now();
    work();
    assert!(started.elapsed() < Duration::from_secs(60), "took {:?}", started.elapsed());
}

fn repeated(part: &str, length: usize) -> String {
    part.repeat(length / part.len())
}

#[test]
fn ten_thousand_nested_parentheses_are_refused() {
    // R-FILTER-24, X55
    for (open, close) in [("(", ")"), ("not (", ")"), ("a[", "]"), ("a[not(", ")]")] {
        let text = format!("{}a pr{}", open.repeat(10_000), close.repeat(10_000));
        refused(&Parser::default(), &text, ErrorKind::TooLong, "8192 bytes");
        let longer = Parser { max_length: MIB, ..Parser::default() };
        assert!(longer.filter(&text).is_err() && longer.path(&text).is_err(), "{open}");
        let only_deep = Parser { max_nodes: usize::MAX, ..longer };
        refused(&only_deep, &text, ErrorKind::TooDeep, "32 levels");
        refused(&unbounded(Grammar::Strict), &text, ErrorKind::TooDeep, "256 levels");
    }
}

#[test]
fn a_text_of_a_mebibyte_is_refused_by_its_length() {
    // R-FILTER-24
    for text in [repeated("a", MIB), repeated("é", MIB), repeated("a pr or ", MIB)] {
        refused(&Parser::default(), &text, ErrorKind::TooLong, "8192 bytes");
        refused(&Parser::posted(), &text, ErrorKind::TooLong, "65536 bytes");
        for error in [
            Parser::default().attributes(&text).unwrap_err(),
            Parser::default().attr_path(&text).unwrap_err(),
        ] {
            assert_named(&error, &text, ErrorKind::TooLong, "8192 bytes");
        }
    }
    // A bound that falls inside a character is told before it.
    let odd = Parser { max_length: 3, ..Parser::default() };
    assert_eq!(odd.filter("éé pr").unwrap_err().offset(), 2);
}

#[test]
fn a_hundred_thousand_terms_are_refused_by_their_number() {
    // R-FILTER-24
    let text = vec!["a pr"; 100_000].join(" or ");
    refused(&Parser::posted(), &text, ErrorKind::TooLong, "65536 bytes");
    let parser = Parser { max_length: MIB, ..Parser::default() };
    refused(&parser, &text, ErrorKind::TooManyNodes, "200 conditions");
    refused(&parser, &repeated("not(", MIB), ErrorKind::TooDeep, "32 levels");
}

#[test]
fn long_filters_take_linear_time_where_bounds_are_raised() {
    let long_name = format!("{} pr", repeated("a", LONG));
    let long_urn = format!("urn:{}x pr", repeated("a:", LONG));
    for text in [
        vec!["a pr"; 100_000].join(" or "),
        vec!["a pr"; 20_000].join(" and "),
        vec![r#"(a eq "x" or b eq "\n")"#; 5_000].join(" and "),
        vec![r#"a[b pr and c eq "x"]"#; 5_000].join(" or "),
        format!("a eq \"{}\"", repeated("\\u00e9\\n", LONG)),
        long_name,
        long_urn,
    ] {
        for grammar in [Grammar::Tolerant, Grammar::Strict] {
            let parser = unbounded(grammar);
            linear(|| {
                let tree = parser.filter(&text).unwrap();
                let written = tree.to_string();
                assert!(parser.filter(&written).unwrap() == tree.clone());
            });
        }
    }
}

#[test]
fn long_malformed_texts_take_linear_time_where_bounds_are_raised() {
    for part in [
        "a pr ",
        "a eq ",
        "or ",
        "\"",
        "\"\\",
        "\\",
        "a.",
        "urn:",
        "a[b pr].c ",
        ")",
        "]",
        "1e",
        "-",
        ".",
        ",",
        "é",
        "\u{a0}",
        "“",
        "\0",
        "not ",
        "a,\"b",
        "a[b",
        "\"\\ud83d",
    ] {
        let text = repeated(part, LONG);
        for parser in [unbounded(Grammar::Tolerant), unbounded(Grammar::Strict)] {
            linear(|| {
                let _ = parser.path(&text);
                let _ = parser.attr_path(&text);
                if let Err(error) = parser.filter(&text) {
                    assert!(text.is_char_boundary(error.offset()), "{part}: {error}");
                    assert!(error.to_string().len() < 400, "{part}: {error}");
                }
                if let Err(error) = parser.attributes(&text) {
                    assert!(text.is_char_boundary(error.offset()), "{part}: {error}");
                }
            });
        }
    }
}

#[test]
fn long_lists_and_paths_take_linear_time_where_bounds_are_raised() {
    let parser = unbounded(Grammar::Tolerant);
    linear(|| assert_eq!(parser.attributes(&repeated("a,", LONG)).unwrap().len(), LONG / 2));
    linear(|| assert!(parser.attributes(&",".repeat(LONG)).unwrap().is_empty()));
    let items = repeated("a[b eq \"],[\"].c,", LONG);
    linear(|| assert!(parser.attributes(&items).unwrap().len() > 8_000));
    let path = format!("a[{}].c", vec!["b pr"; 100_000].join(" or "));
    linear(|| assert_eq!(parser.path(&path).unwrap().to_string(), path));
    let name = repeated("a", LONG);
    linear(|| assert_eq!(parser.path(&name).unwrap().attr.name.len(), LONG));
}

/// The deepest tree that any text makes: three levels for each open bracket.
fn deepest() -> String {
    let mut text = "a pr".to_owned();
    for _ in 0..Parser::DEEPEST {
        text = format!("b eq \"x\" or c pr and not ({text})");
    }
    text
}

#[test]
fn the_deepest_tree_is_safe_on_a_small_stack() {
    let work = || {
        let text = deepest();
        let parser = unbounded(Grammar::Strict);
        let tree = parser.filter(&text).unwrap();
        assert_eq!(tree.to_string(), text);
        assert_eq!(tree.clone(), tree);
        let mut shown = String::new();
        write!(shown, "{tree:?}").unwrap();
        assert!(shown.len() > text.len());
        drop(tree);
        let deeper = format!("({text})");
        assert_eq!(parser.filter(&deeper).unwrap_err().kind(), ErrorKind::TooDeep);
    };
    thread::Builder::new().stack_size(MIB).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_tree_built_by_hand_as_deep_is_safe_too() {
    let work = || {
        let attr = AttrPath { text: "a", urn: None, name: "a", sub: None, offset: 0 };
        let mut tree = Expr::Compare(attr, Op::Eq, Literal::Null);
        for _ in 0..Parser::DEEPEST {
            tree = Expr::Not(Box::new(Expr::And(vec![tree, Expr::Present(attr)])));
        }
        let text = tree.to_string();
        assert_eq!(unbounded(Grammar::Strict).filter(&text), Ok(tree.clone()));
    };
    thread::Builder::new().stack_size(MIB).spawn(work).unwrap().join().unwrap();
}
