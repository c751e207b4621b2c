//! Each refusal points at the spot: the offset in a filter or path, the place of an operation, the
//! JSON pointer in a body.

use rollcall_tests::client::{BULK, PATCH, SCIM_JSON, SEARCH};
use rollcall_tests::data::{ENTERPRISE, USER};
use rollcall_tests::idp::Idp;
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

use super::{filled, holdings};

on_both_stores!(
    null_characters_and_lone_surrogates_are_pointed_at,
    filters_and_paths_are_pointed_at,
    operations_are_pointed_at,
);

/// Sends a body that was written by hand.
async fn sent(idp: &Idp, method: &str, path: &str, body: String, scim_type: &str, spot: &str) {
    let request = idp.request(method, path).header("content-type", SCIM_JSON).body(body);
    let answer = idp.send(request).await;
    let detail = answer.refused(400, scim_type);
    assert!(detail.contains(spot), "`{spot}` is not in: {detail}\n{answer}");
}

/// R-ATTR-03, R-POST-05: in values and in names, however deep.
async fn null_characters_and_lone_surrogates_are_pointed_at(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    let user = format!("/Users/{}", names.id("u1"));
    for (bad, scim_type) in [
        (r"\u0000", "invalidValue"),
        (r"\ud800", "invalidSyntax"),
        (r"\udc00\ud800", "invalidSyntax"),
    ] {
        let body = |inner: &str| format!(r#"{{"schemas":["{USER}"],"userName":"a",{inner}}}"#);
        for (inner, pointer) in [
            (format!(r#""title":"{bad}""#), "/title"),
            (format!(r#""externalId":"a{bad}b""#), "/externalId"),
            (format!(r#""password":"{bad}""#), "/password"),
            (format!(r#""emails":[{{"value":"a"}},{{"type":"{bad}"}}]"#), "/emails/1/type"),
            (format!(r#""{ENTERPRISE}":{{"manager":{{"value":"{bad}"}}}}"#), "/manager/value"),
            (format!(r#""nope":[[{{"x":"{bad}"}}]]"#), "/nope/0/0/x"),
            (format!(r#""nope":{{"a{bad}":1}}"#), "/nope"),
        ] {
            for (method, path) in [("POST", "/Users"), ("PUT", &user)] {
                sent(&idp, method, path, body(&inner), scim_type, pointer).await;
            }
            let bulk = format!(
                r#"{{"schemas":["{BULK}"],"Operations":[{{"method":"POST","path":"/Users","bulkId":"g",
                "data":{{"userName":"good"}}}},{{"method":"POST","path":"/Users","bulkId":"b","data":{}}}]}}"#,
                body(&inner)
            );
            sent(&idp, "POST", "/Bulk", bulk.clone(), scim_type, "/Operations/1/data/").await;
            sent(&idp, "POST", "/Bulk", bulk, scim_type, pointer).await;
        }
        for name in ["method", "path", "bulkId", "version"] {
            let bulk = format!(r#"{{"schemas":["{BULK}"],"Operations":[{{"{name}":"{bad}"}}]}}"#);
            sent(&idp, "POST", "/Bulk", bulk, scim_type, &format!("/Operations/0/{name}")).await;
        }
        for (inner, pointer) in [
            (format!(r#"{{"op":"add","path":"title","value":"{bad}"}}"#), "/Operations/0/value"),
            (format!(r#"{{"op":"add","path":"{bad}","value":"x"}}"#), "/Operations/0/path"),
            (format!(r#"{{"op":"{bad}"}}"#), "/Operations/0/op"),
            (
                format!(r#"{{"op":"add","value":{{"name":{{"givenName":"{bad}"}}}}}}"#),
                "/value/name/givenName",
            ),
        ] {
            let patch = format!(r#"{{"schemas":["{PATCH}"],"Operations":[{inner}]}}"#);
            sent(&idp, "PATCH", &user, patch, scim_type, pointer).await;
        }
        for name in ["filter", "cursor", "sortBy", "count"] {
            for path in ["/Users/.search", "/.search"] {
                let search = format!(r#"{{"schemas":["{SEARCH}"],"{name}":"{bad}"}}"#);
                sent(&idp, "POST", path, search, scim_type, &format!("/{name}")).await;
            }
        }
    }
    // Escaped once more, they reach the filter.
    for bad in [r"\ud800", r"\udc00\ud800", "\0"] {
        let filter = format!("userName eq \"{bad}\"");
        for endpoint in ["/Users", "/Groups", ""] {
            let detail = idp.find(endpoint, &filter).await.refused(400, "invalidFilter");
            assert!(detail.contains("offset"), "{bad}: {detail}");
        }
    }
    let path = json!({"op": "remove", "path": r#"emails[value eq "\ud800"]"#});
    let answer = idp.patch(&user, path).await.is(400);
    assert!(answer.to_string().contains("offset"), "{answer}");
    // As an escape of the filter's own it is a text like any other, which nothing has.
    for operator in ["eq", "co", "sw", "ew", "gt"] {
        let filter = format!(r#"externalId {operator} "\u0000\uffff""#);
        for endpoint in ["/Users", "/Groups", ""] {
            let found = idp.find(endpoint, &filter).await.is(200).ids();
            assert!(operator == "gt" || found.is_empty(), "{filter}: {found:?}");
        }
    }
    assert_eq!(holdings(&idp).await, before);
}

/// R-FILTER-04: the offset is where a reader would put the finger.
async fn filters_and_paths_are_pointed_at(server: &Server) {
    let (idp, names) = filled(server).await;
    for (filter, offset) in [
        ("userName is 1", 9),
        ("userName eq \"a\" and", 19),
        ("userName eq \"a\" or (title pr", 28),
        ("emails[type eq \"work\"", 21),
        ("title pr )", 9),
        ("userName eq 'x'", 12),
        ("userName eq \"\u{e9}t\u{e9}\" is", 20),
    ] {
        for endpoint in ["/Users", ""] {
            let detail = idp.find(endpoint, filter).await.refused(400, "invalidFilter");
            assert!(detail.contains(&format!("offset {offset}")), "{filter}: {detail}");
        }
        let search = json!({"schemas": [SEARCH], "filter": filter});
        let detail = idp.post("/.search", &search).await.refused(400, "invalidFilter");
        assert!(detail.contains(&format!("offset {offset}")), "{filter}: {detail}");
    }
    let user = format!("/Users/{}", names.id("u1"));
    let before = idp.get(&user).await.json();
    for (path, offset) in
        [("emails[type eq", 14), ("name..givenName", 0), ("emails[type eq \"work\"]x", 22)]
    {
        let operations = json!([
            {"op": "replace", "path": "title", "value": "half"},
            {"op": "replace", "path": path, "value": "x"},
        ]);
        let answer = idp.patch(&user, operations).await.is(400);
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains(&format!("offset {offset}")), "{path}: {detail}");
        assert!(detail.starts_with("/Operations/1/path"), "{path}: {detail}");
    }
    assert_eq!(idp.get(&user).await.json(), before);
}

/// The second operation is the bad one, in PATCH and in bulk; nothing of the first is kept where
/// they are one request.
async fn operations_are_pointed_at(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    let user = format!("/Users/{}", names.id("u1"));
    let good = json!({"op": "replace", "path": "title", "value": "half"});
    for bad in [
        json!({"op": "move", "path": "title"}),
        json!({"path": "title"}),
        json!({"op": "replace", "path": "active", "value": "perhaps"}),
        json!({"op": "replace", "path": "emails", "value": 5}),
        json!({"op": "replace", "path": "id", "value": "mine"}),
        json!({"op": "replace", "path": "name", "value": "text"}),
        json!({"op": "remove"}),
        json!({"op": "add", "value": {"active": {}}}),
        json!({"op": "replace", "path": "userName", "value": ""}),
        json!(null),
        json!("op"),
    ] {
        let operations: Value = json!([good, bad]);
        let answer = idp.patch(&user, operations.clone()).await.is(400);
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.starts_with("/Operations/1"), "{bad}: {detail}");
        let bulk = json!([
            {"method": "DELETE", "path": "/Users/none"},
            {"method": "PATCH", "path": user, "data": {"schemas": [PATCH], "Operations": operations}},
        ]);
        let answer = idp.bulk(bulk).await;
        assert_eq!(answer.statuses(), "404 400", "{bad}");
        let in_bulk =
            answer.operations()[1]["response"]["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!(in_bulk, format!("/Operations/1/data{detail}"));
    }
    assert_eq!(holdings(&idp).await, before);
}
