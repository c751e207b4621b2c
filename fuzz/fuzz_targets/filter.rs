//! Any text as a filter: an error in one line, or a tree that its own text gives again and that
//! every profile resolves or refuses.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rollcall_filter::{Filter, Grammar, Parser};
use rollcall_schema::{Accept, Document, Instant, Profile, ProfileName, View, standard};
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let tolerant = parse(text, Grammar::Tolerant);
    if let Some(strict) = parse(text, Grammar::Strict) {
        assert_eq!(tolerant.as_ref(), Some(&strict), "the grammars differ");
    }
    if let Some(filter) = tolerant {
        resolve(&filter);
    }
});

fn parse(text: &str, grammar: Grammar) -> Option<Filter<'_>> {
    match (Parser { grammar, ..Parser::posted() }).filter(text) {
        Ok(filter) => {
            comes_back(&filter, grammar);
            Some(filter)
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.offset()), "{error:?}");
            assert_eq!(error.to_string().lines().count(), 1, "{error:?}");
            None
        }
    }
}

/// The text of a tree can be longer and deeper than the one it was made from.
fn comes_back(filter: &Filter<'_>, grammar: Grammar) {
    let wide =
        Parser { max_length: 1 << 20, max_depth: Parser::DEEPEST, grammar, ..Parser::posted() };
    let text = filter.to_string();
    assert_eq!(wide.filter(&text).as_ref(), Ok(filter), "as `{text}`");
}

fn resolve(filter: &Filter<'_>) {
    let now = Instant::from_millis(1_747_111_354_500);
    for (ty, document) in standard::types().iter().zip(DOCUMENTS.iter()) {
        let seen = View {
            id: "u1",
            version: 1,
            created: now,
            modified: now,
            document,
            links: &[],
            incoming: &[],
        };
        for name in ProfileName::ALL {
            if let Ok(condition) = ty.condition(filter, &Profile::of(name)) {
                condition.matches(ty, &seen);
            }
        }
    }
}

/// A user and a group.
static DOCUMENTS: LazyLock<Vec<Document>> = LazyLock::new(|| {
    let user = json!({
        "userName": "bjensen@Example.com", "externalId": "Ext-001", "displayName": "Straße",
        "title": "", "userType": "Employee", "name": {"givenName": "Barbara"},
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"},
        ],
        standard::ENTERPRISE_USER: {"employeeNumber": "701984", "manager": {"value": "u3"}},
    });
    let group = json!({"displayName": "Tour Guides"});
    let accept = |(ty, body): (&std::sync::Arc<rollcall_schema::ResourceType>, _)| {
        ty.accept(body, Accept::Create, &Profile::GENERIC).expect("a sound body").document
    };
    standard::types().iter().zip([user, group]).map(accept).collect()
});
