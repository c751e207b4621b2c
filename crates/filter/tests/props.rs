//! Laws that hold for every text and every tree; `PROPTEST_CASES` says how many are tried.

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest},
    sample::select,
};
use rollcall_filter::{
    AttrPath, Expr, Filter, Grammar, Literal, Op, Parser, Path, parse_attributes, parse_filter,
    parse_path,
};

/// A filter that owns its texts, to borrow a [`Filter`] from.
type Owned = Expr<(Option<String>, String, Option<String>, String), Value>;

#[derive(Clone, Debug, PartialEq)]
enum Value {
    String(String),
    Number(String),
    Boolean(bool),
    Null,
    Bare(String),
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z$][A-Za-z0-9$_-]{0,6}",
        select(&["and", "or", "not", "pr", "eq", "LE", "true", "null", "userName"][..])
            .prop_map(str::to_owned),
    ]
}

fn urn() -> impl Strategy<Value = String> {
    prop_oneof![
        "urn:[a-z0-9:._/-]{0,12}[a-z0-9]",
        "(http|HTTPS)://[a-z0-9:._/-]{0,12}[a-z0-9]",
        Just("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User".to_owned()),
    ]
}

fn attr() -> impl Strategy<Value = (Option<String>, String, Option<String>, String)> {
    (prop::option::weighted(0.2, urn()), name(), prop::option::weighted(0.3, name())).prop_map(
        |(urn, name, sub)| {
            let mut text = urn.iter().fold(String::new(), |text, urn| text + urn + ":") + &name;
            text.extend(sub.iter().flat_map(|sub| [".", sub]));
            (urn, name, sub, text)
        },
    )
}

/// A word that the grammar reads as one and as nothing else.
fn bare() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.:@/é_-]{1,10}".prop_filter("a word of its own", |word| {
        let fixed = ["and", "or", "not", "pr"].iter().any(|w| word.eq_ignore_ascii_case(w))
            || ["true", "false", "null"].contains(&word.as_str())
            || Op::parse(word).is_some();
        let number = word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            && word.parse::<f64>().is_ok();
        !fixed && !number
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(|text| Value::String(text.replace('\0', ""))),
        "[ -~]{0,8}".prop_map(Value::String),
        "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?".prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        Just(Value::Null),
        bare().prop_map(Value::Bare),
    ]
}

fn test() -> impl Strategy<Value = Owned> {
    prop_oneof![
        (attr(), select(&Op::ALL[..]), value()).prop_map(|(a, op, v)| Expr::Compare(a, op, v)),
        attr().prop_map(Expr::Present),
    ]
}

/// Trees as the parser makes them: `And` holds no `And`, `Or` no `Or`, each two parts or more.
fn tree(leaf: impl Strategy<Value = Owned> + 'static) -> impl Strategy<Value = Owned> {
    leaf.prop_recursive(4, 24, 3, |part| {
        let parts = vec(part.clone(), 2..4);
        prop_oneof![
            parts.clone().prop_map(|parts| {
                Expr::And(
                    parts
                        .into_iter()
                        .flat_map(|part| match part {
                            Expr::And(inner) => inner,
                            other => vec![other],
                        })
                        .collect(),
                )
            }),
            parts.prop_map(|parts| {
                Expr::Or(
                    parts
                        .into_iter()
                        .flat_map(|part| match part {
                            Expr::Or(inner) => inner,
                            other => vec![other],
                        })
                        .collect(),
                )
            }),
            part.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

fn filter() -> impl Strategy<Value = Owned> {
    let inner = tree(test());
    tree(prop_oneof![
        3 => test(),
        1 => (attr(), inner).prop_map(|(attr, inner)| Expr::Any(attr, Box::new(inner))),
    ])
}

fn borrow_attr(
    (urn, name, sub, text): &(Option<String>, String, Option<String>, String),
) -> AttrPath<'_> {
    AttrPath { text, urn: urn.as_deref(), name, sub: sub.as_deref(), offset: 0 }
}

fn borrow(tree: &Owned) -> Filter<'_> {
    match tree {
        Expr::And(parts) => Expr::And(parts.iter().map(borrow).collect()),
        Expr::Or(parts) => Expr::Or(parts.iter().map(borrow).collect()),
        Expr::Not(part) => Expr::Not(Box::new(borrow(part))),
        Expr::Present(attr) => Expr::Present(borrow_attr(attr)),
        Expr::Any(attr, part) => Expr::Any(borrow_attr(attr), Box::new(borrow(part))),
        Expr::Compare(attr, op, value) => Expr::Compare(
            borrow_attr(attr),
            *op,
            match value {
                Value::String(text) => Literal::String(text.into()),
                Value::Number(text) => Literal::Number(text),
                Value::Boolean(value) => Literal::Boolean(*value),
                Value::Null => Literal::Null,
                Value::Bare(text) => Literal::Bare(text),
            },
        ),
    }
}

/// Whether the tree needs the tolerant grammar.
fn has_bare(tree: &Owned) -> bool {
    match tree {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(has_bare),
        Expr::Not(part) | Expr::Any(_, part) => has_bare(part),
        Expr::Compare(_, _, value) => matches!(value, Value::Bare(_)),
        Expr::Present(_) => false,
    }
}

fn wide(grammar: Grammar) -> Parser {
    Parser { max_length: 1 << 20, max_nodes: 1 << 12, max_depth: 64, grammar }
}

/// Texts that are nearly filters.
fn soup() -> impl Strategy<Value = String> {
    let words = [
        "and",
        "or",
        "not",
        "pr",
        "eq",
        "sw",
        "(",
        ")",
        "[",
        "]",
        "].value",
        "a",
        "a.b",
        "a.b.c",
        "urn:x:y",
        "urn:",
        "\"x\"",
        "\"\\uD83D\"",
        "\"",
        "\\",
        "'",
        "“",
        "1",
        "-",
        "true",
        "null",
        ".",
        ".c",
        ",",
        " ",
        "  ",
        "\t",
        "é",
        "\0",
        "\u{a0}",
    ];
    vec((select(words.to_vec()), any::<bool>()), 0..24).prop_map(|words| {
        words.into_iter().flat_map(|(word, spaced)| [word, if spaced { " " } else { "" }]).collect()
    })
}

/// Parses by every way in; texts that parse must come back from their own text.
fn try_everything(text: &str) -> Result<(), proptest::test_runner::TestCaseError> {
    for parser in [Parser::default(), wide(Grammar::Tolerant), wide(Grammar::Strict)] {
        match parser.filter(text) {
            Ok(tree) => {
                let again = tree.to_string();
                prop_assert_eq!(parser.filter(&again), Ok(tree));
            }
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.offset()), "{error}");
                prop_assert_eq!(error.to_string().lines().count(), 1);
            }
        }
        match parser.path(text) {
            Ok(path) => {
                let again = path.to_string();
                prop_assert_eq!(parser.path(&again), Ok(path));
            }
            Err(error) => prop_assert!(text.is_char_boundary(error.offset()), "{error}"),
        }
        if let Err(error) = parser.attributes(text) {
            prop_assert!(text.is_char_boundary(error.offset()), "{error}");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_tree_comes_back_from_its_text(owned in filter()) {
        let tree = borrow(&owned);
        let text = tree.to_string();
        prop_assert_eq!(wide(Grammar::Tolerant).filter(&text), Ok(tree));
        prop_assert_eq!(wide(Grammar::Strict).filter(&text).is_ok(), !has_bare(&owned));
    }

    #[test]
    fn a_path_comes_back_from_its_text(
        attr in attr(), inner in prop::option::of(tree(test())), sub in prop::option::of(name()),
    ) {
        let filter = inner.as_ref().map(borrow);
        let sub = sub.as_deref().filter(|_| filter.is_some());
        let path = Path { attr: borrow_attr(&attr), filter, sub };
        let text = path.to_string();
        prop_assert_eq!(wide(Grammar::Tolerant).path(&text), Ok(path));
    }

    #[test]
    fn a_list_comes_back_from_its_text(attrs in vec(attr(), 0..6)) {
        let text = attrs.iter().map(|attr| attr.3.as_str()).collect::<Vec<_>>().join(" ,");
        let expected: Vec<_> = attrs.iter().map(borrow_attr).collect();
        prop_assert_eq!(parse_attributes(&text), Ok(expected));
    }

    #[test]
    fn any_text_gives_a_tree_or_an_error(text in any::<String>()) {
        try_everything(&text)?;
    }

    #[test]
    fn any_words_give_a_tree_or_an_error(text in soup()) {
        try_everything(&text)?;
    }
}

#[test]
fn brackets_and_long_texts_fail_fast() {
    // X55
    for text in
        ["(".repeat(10_000), "[".repeat(10_000), "not(".repeat(250_000), "a[".repeat(500_000)]
    {
        assert!(parse_filter(&text).is_err());
        assert!(parse_path(&text).is_err());
        assert!(wide(Grammar::Tolerant).filter(&text).is_err());
        assert!(wide(Grammar::Tolerant).path(&text).is_err());
    }
}
