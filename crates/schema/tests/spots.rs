//! Whatever is refused says where it stands, and what is too large is refused.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![expect(clippy::needless_pass_by_value, reason = "tables of cases read better without `&`")]

mod spent;

use std::time::Duration;

use rollcall_schema::{
    Accept, Catalog, Document, Instant, PatchError, Profile, ResourceType, View, Violation,
    standard,
};
use serde_json::{Value, json};

use crate::spent::Spent;

const ENT: &str = standard::ENTERPRISE_USER;

fn ty(name: &str) -> &'static ResourceType {
    Catalog::standard().ty(name).unwrap()
}

/// A body is refused at this place.
#[track_caller]
fn body(kind: &str, body: Value, profile: &Profile, place: &str) -> Violation {
    let refused = ty(kind).accept(body, Accept::Create, profile).unwrap_err();
    assert_eq!(refused.pointer(), place, "{refused}");
    let shown = refused.to_string();
    let prefix = if place.is_empty() { String::new() } else { format!("{place}: ") };
    assert!(shown.starts_with(&prefix), "{shown}");
    refused
}

/// A user with `key: value` is refused at this place.
#[track_caller]
fn user(key: &str, value: Value, place: &str) -> Violation {
    let mut sent = json!({"userName": "u"});
    sent[key] = value;
    body("User", sent, &Profile::GENERIC, place)
}

#[test]
fn bodies_are_pointed_into() {
    user("active", json!(5), "/active");
    user("ACTIVE", json!(5), "/ACTIVE");
    user("emails", json!([{"value": "a"}, {"value": 5}]), "/emails/1/value");
    user("emails", json!({"Value": 5}), "/emails/Value");
    user("emails", json!([5]), "/emails/0");
    user("emails", json!(5), "/emails");
    user("emails", json!([null, {"value": "a", "VALUE": "b"}]), "/emails/1/value");
    user("name", json!("x"), "/name");
    user("name", json!({"givenName": ["a"]}), "/name/givenName");
    user("name", json!([{"givenName": 1}]), "/name/0/givenName");
    user(ENT, json!({"manager": {"value": 7}}), &format!("/{ENT}/manager/value"));
    user(ENT, json!({"manager": 7}), &format!("/{ENT}/manager"));
    user(ENT, json!(5), &format!("/{ENT}"));
    user("x509Certificates", json!([{"value": "?"}]), "/x509Certificates/0/value");
    body("User", json!([]), &Profile::GENERIC, "");
    body("User", json!({}), &Profile::GENERIC, "/userName");
    body("User", json!({"userName": "u", "USERNAME": "u"}), &Profile::GENERIC, "/userName");
    let group = |members: Value, place: &str| {
        body("Group", json!({"displayName": "g", "members": members}), &Profile::GENERIC, place);
    };
    group(json!([{"value": "a"}, {"display": "b"}]), "/members/1");
    group(json!([{"value": "a"}, 5]), "/members/1");
    group(json!(5), "/members");
}

#[test]
fn strict_refusals_are_pointed_at() {
    // R-IOP-02
    let strict = |key: &str, value: Value, place: &str| {
        let mut sent = json!({"schemas": [standard::USER], "userName": "u"});
        sent[key] = value;
        body("User", sent, &Profile::STRICT, place);
    };
    strict("a/b~c", json!(1), "/a~1b~0c");
    strict("name", json!({"nick": "x"}), "/name/nick");
    strict(ENT, json!({"nope": "x"}), &format!("/{ENT}/nope"));
    strict("schemas", json!([standard::USER, "urn:x"]), "/schemas/1");
    strict("schemas", json!([standard::USER, standard::USER]), "/schemas/1");
    strict("schemas", json!([]), "/schemas");
    strict("schemas", json!([5]), "/schemas/0");
    let before = Document::from_stored(r#"{"userName": "u"}"#).unwrap();
    let how = Accept::Replace { id: "u1", before: &before };
    let sent = json!({"schemas": [standard::USER], "userName": "u", "id": "u2"});
    let refused = ty("User").accept(sent, how, &Profile::STRICT).unwrap_err();
    assert_eq!(refused.pointer(), "/id");
}

fn send(kind: &str, before: &Value, sent: Value, profile: &Profile) -> Result<Value, PatchError> {
    let document = Document::from_stored(&before.to_string()).unwrap();
    let at = Instant::from_millis(0);
    let seen = View {
        id: "x1",
        version: 1,
        created: at,
        modified: at,
        document: &document,
        links: &[],
        incoming: &[],
    };
    let patched = ty(kind).patch(sent, profile)?.apply(ty(kind), &seen, profile)?;
    Ok(Value::Object(patched.document.into_body()))
}

fn request(operations: Value) -> Value {
    json!({"schemas": [standard::PATCH_OP], "Operations": operations})
}

/// The second of two operations is refused at this place.
#[track_caller]
fn operation(operation: Value, place: &str) {
    let before = json!({"userName": "u", "emails": [{"value": "a"}, {"value": "b"}]});
    let good = json!({"op": "replace", "path": "title", "value": "A"});
    let sent = request(json!([good, operation]));
    let refused = send("User", &before, sent, &Profile::GENERIC).unwrap_err();
    assert_eq!(refused.pointer(), format!("/Operations/1{place}"), "{refused}");
    assert!(refused.to_string().starts_with(&format!("/Operations/1{place}: ")), "{refused}");
}

#[test]
fn operations_are_pointed_into() {
    operation(json!(5), "");
    operation(json!({"op": "move", "path": "title"}), "/op");
    operation(json!({"path": "title"}), "/op");
    operation(json!({"op": "add", "OP": "add"}), "/op");
    operation(json!({"op": "add", "path": 5, "value": 1}), "/path");
    operation(json!({"op": "add", "path": "title"}), "");
    operation(json!({"op": "add", "path": "title[", "value": 1}), "/path");
    operation(json!({"op": "add", "path": "a\u{0}", "value": 1}), "/path");
    operation(json!({"op": "replace", "path": "id", "value": "x"}), "/path");
    operation(json!({"op": "remove", "path": "userName"}), "/path");
    operation(json!({"op": "remove"}), "");
    operation(json!({"op": "add", "path": "active", "value": "nope"}), "/value");
    operation(
        json!({"op": "add", "path": "emails", "value": [{"value": "a"}, {"value": 5}]}),
        "/value/1/value",
    );
    operation(json!({"op": "add", "path": "emails", "value": {"value": 5}}), "/value/value");
    operation(
        json!({"op": "replace", "path": "name", "value": {"givenName": 5}}),
        "/value/givenName",
    );
    operation(json!({"op": "replace", "value": {"active": 5}}), "/value/active");
    operation(
        json!({"op": "replace", "value": {"name": {"givenName": 5}}}),
        "/value/name/givenName",
    );
    operation(
        json!({"op": "replace", "value": {ENT: {"manager": {"value": 5}}}}),
        &format!("/value/{ENT}/manager/value"),
    );
    operation(json!({"op": "replace", "value": {"name.givenName": 5}}), "/value/name.givenName");
    operation(json!({"op": "replace", "value": 5}), "/value");
    operation(
        json!({"op": "replace", "path": "emails[type eq \"x\"]", "value": {"value": 5}}),
        "/value/value",
    );
    operation(json!({"op": "remove", "path": "emails", "value": [{"value": 5}]}), "/value/0/value");
    // What the resource alone refuses has no narrower place, nor has a filter.
    operation(json!({"op": "replace", "path": "emails.value", "value": "x"}), "");
    operation(json!({"op": "replace", "path": "emails[type co 5].value", "value": "x"}), "");
    operation(json!({"op": "replace", "path": "userName", "value": " "}), "");
}

#[test]
fn messages_around_operations_are_pointed_into() {
    let refused = |sent: Value, place: &str| {
        let refused = ty("User").patch(sent, &Profile::STRICT).unwrap_err();
        assert_eq!(refused.pointer(), place, "{refused}");
    };
    refused(json!([]), "");
    refused(request(json!([])), "/Operations");
    refused(json!({"Operations": [{"op": "add"}]}), "/schemas");
    refused(json!({"operations": 1, "Operations": 2}), "/operations");
}

#[test]
fn no_text_holds_u_0000() {
    let wrong = [
        ("userName", json!("a\u{0}"), "/userName"),
        ("emails", json!([{"value": "a"}, {"value": "\u{0}"}]), "/emails/1/value"),
        // Also where it would be left out.
        ("password", json!("\u{0}"), "/password"),
        ("meta", json!({"version": "\u{0}"}), "/meta/version"),
        ("nope", json!({"x": ["\u{0}"]}), "/nope/x/0"),
        ("schemas", json!(["\u{0}"]), "/schemas/0"),
    ];
    for (key, value, place) in wrong {
        let refused = user(key, value, place);
        assert!(matches!(&refused, Violation::Value(_)), "{refused:?}");
        assert!(refused.to_string().contains("U+0000"), "{refused}");
    }
    let name = body("User", json!({"a\u{0}": 1}), &Profile::GENERIC, "/a\u{fffd}");
    assert!(matches!(name, Violation::Syntax(_)));
    operation(json!({"op": "add", "path": "title", "value": "\u{0}"}), "/value");
    operation(json!({"op": "add", "path": "nope", "value": [{"a": "\u{0}"}]}), "/value/0/a");
    // serde_json reads no lone surrogate.
    assert!(serde_json::from_str::<Value>(r#"{"userName": "\ud800"}"#).is_err());
}

#[test]
fn texts_are_bounded() {
    let long = |count: usize| "x".repeat(count);
    let refused = user("title", json!(long(65_537)), "/title").to_string();
    assert_eq!(refused, "/title: `title` has 65537 bytes: 65536 are the most");
    user("title", json!(long(1_000_000)), "/title");
    let key = user("userName", json!(long(1_025)), "/userName").to_string();
    assert_eq!(key, "/userName: `userName` has 1025 characters: 1024 are the most");
    user("emails", json!([{"value": long(1_025)}]), "/emails/0/value");
    user("externalId", json!(long(1_025)), "/externalId");
    let members = json!({"displayName": "g", "members": [{"value": long(1_025)}]});
    body("Group", members, &Profile::GENERIC, "/members/0/value");
    operation(json!({"op": "add", "path": "nickName", "value": long(65_537)}), "/value");
    // Characters count, and a certificate may fill the body.
    let good = json!({"userName": "é".repeat(1_024), "title": long(65_536),
        "x509Certificates": [{"value": "QUJD".repeat(250_000)}]});
    ty("User").accept(good, Accept::Create, &Profile::GENERIC).unwrap();
}

#[track_caller]
fn within(limit: Duration, act: impl FnOnce()) {
    let start = Spent::now();
    act();
    assert!(start.elapsed() < limit, "{:?}", start.elapsed());
}

#[test]
fn r_e_17_operations_are_bounded_and_quick() {
    let group = json!({"displayName": "g"});
    let add =
        |at: usize| json!({"op": "add", "path": "members", "value": [{"value": format!("m{at}")}]});
    let many = |count: usize| request((0..count).map(add).collect());
    let (most, more, far) = (many(20_000), many(20_001), many(100_000));
    within(Duration::from_secs(5), || {
        drop(send("Group", &group, most, &Profile::GENERIC).unwrap())
    });
    let remove =
        |at: usize| json!({"op": "remove", "path": format!("members[value eq \"m{at}\"]")});
    let removes = request((0..20_000).map(remove).collect());
    within(Duration::from_secs(5), || {
        drop(send("Group", &group, removes, &Profile::GENERIC).unwrap())
    });
    within(Duration::from_secs(1), || {
        for sent in [more, far] {
            let refused = ty("Group").patch(sent, &Profile::GENERIC).unwrap_err();
            assert!(matches!(&refused, PatchError::Syntax(_)), "{refused:?}");
            let said = refused.to_string();
            assert!(
                said.starts_with("/Operations: ") && said.ends_with("send 20000 at most"),
                "{said}"
            );
        }
    });
}
