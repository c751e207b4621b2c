//! Any text as a PATCH path, an attribute list and one attribute: an error in one line, or parts
//! that stand where they say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall_filter::{AttrPath, Grammar, Parser, Path, SyntaxError};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let tolerant = path(text, Grammar::Tolerant);
    if let Some(strict) = path(text, Grammar::Strict) {
        assert_eq!(tolerant, Some(strict), "the grammars differ");
    }
    match Parser::posted().attributes(text) {
        Ok(attrs) => attrs.iter().for_each(|attr| stands(attr, text)),
        Err(error) => points(&error, text),
    }
    match Parser::posted().attr_path(text) {
        Ok(attr) => stands(&attr, text),
        Err(error) => points(&error, text),
    }
});

fn path(text: &str, grammar: Grammar) -> Option<Path<'_>> {
    let parsed = (Parser { grammar, ..Parser::posted() }).path(text);
    match parsed {
        Ok(path) => {
            stands(&path.attr, text);
            comes_back(&path, grammar);
            Some(path)
        }
        Err(error) => {
            points(&error, text);
            None
        }
    }
}

/// The text of a tree can be longer and deeper than the one it was made from.
fn comes_back(path: &Path<'_>, grammar: Grammar) {
    let wide =
        Parser { max_length: 1 << 20, max_depth: Parser::DEEPEST, grammar, ..Parser::posted() };
    let text = path.to_string();
    assert_eq!(wide.path(&text).as_ref(), Ok(path), "as `{text}`");
}

fn stands(attr: &AttrPath<'_>, text: &str) {
    assert!(text[attr.offset..].starts_with(attr.text), "{attr:?}");
    assert!(!attr.name.is_empty(), "{attr:?}");
}

fn points(error: &SyntaxError, text: &str) {
    assert!(text.is_char_boundary(error.offset()), "{error:?}");
    assert_eq!(error.to_string().lines().count(), 1, "{error:?}");
}
