//! Each refusal points at the spot: the offset in a filter or path, the place of an operation, the
//! JSON pointer in a body.

use rollcall_domain::IdpKind;
use rollcall_tests::client::{BULK, PATCH, Request, SCIM_JSON, SEARCH};
use rollcall_tests::data::{ENTERPRISE, USER};
use rollcall_tests::idp::Idp;
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

use super::{filled, holdings};

on_both_stores!(
    null_characters_and_lone_surrogates_are_pointed_at,
    escapes_in_filters_are_pointed_at,
    no_text_of_a_request_holds_a_null_character,
    no_definition_holds_a_null_character,
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
    assert_eq!(holdings(&idp).await, before);
}

/// R-FILTER-05: escapes that only the filter's own reader opens.
async fn escapes_in_filters_are_pointed_at(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    let (user, group) =
        (format!("/Users/{}", names.id("u1")), format!("/Groups/{}", names.id("g1")));
    for bad in [r"\u0000", r"a\u0000b", r"\ud800", r"\udc00\ud800", r"\ud800\u0000"] {
        let at = bad.find('\\').unwrap_or_default();
        for operator in ["eq", "ne", "co", "sw", "ew", "gt", "le"] {
            for (attr, value) in [("externalId", bad), ("nope", bad), ("active", bad)] {
                let filter = format!("{attr} {operator} \"{value}\"");
                let spot = format!("offset {}", attr.len() + operator.len() + 3 + at);
                for endpoint in ["/Users", "/Groups", ""] {
                    let detail = idp.find(endpoint, &filter).await.refused(400, "invalidFilter");
                    assert!(detail.contains(&spot), "{filter}: {detail}");
                    let search = json!({"schemas": [SEARCH], "filter": filter});
                    let answer = idp.post(&format!("{endpoint}/.search"), &search).await;
                    let detail = answer.refused(400, "invalidFilter");
                    assert!(detail.contains(&spot), "{filter}: {detail}");
                }
            }
        }
        for (path, start) in [(&user, "emails[value eq \""), (&group, "members[value eq \"")] {
            for op in ["add", "replace", "remove"] {
                let in_path = format!("{start}{bad}\"]");
                let operation = json!({"op": op, "path": in_path, "value": {"type": "x"}});
                let detail = idp.patch(path, operation.clone()).await.refused(400, "invalidFilter");
                let spot = format!("offset {}", start.len() + at);
                assert!(detail.contains(&spot), "{in_path}: {detail}");
                let data = json!({"schemas": [PATCH], "Operations": [operation]});
                let patch = json!([{"method": "PATCH", "path": path, "data": data}]);
                let told = idp.bulk(patch).await.operations();
                assert_eq!(told[0]["response"]["scimType"], "invalidFilter", "{}", told[0]);
            }
        }
    }
    assert_eq!(holdings(&idp).await, before);
}

/// Whatever holds a text takes U+0000 nowhere: what is asked is refused, what is named isn't there.
async fn no_text_of_a_request_holds_a_null_character(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    let user = format!("/Users/{}", names.id("u1"));
    for (query, scim_type, spot) in [
        ("attributes=%00", "invalidValue", "`attributes`"),
        ("attributes=userName,%00", "invalidValue", "`attributes`"),
        ("ATTRIBUTES=user%00Name", "invalidValue", "`ATTRIBUTES`"),
        ("excludedAttributes=%00", "invalidValue", "`excludedAttributes`"),
        ("sortBy=%00", "invalidValue", "`sortBy`"),
        ("sortBy=user%00Name", "invalidValue", "`sortBy`"),
        ("sortBy=userName&sortOrder=%00", "invalidValue", "`sortOrder`"),
        ("count=%00", "invalidValue", "`count`"),
        ("startIndex=%00", "invalidValue", "`startIndex`"),
        ("cursor=%00", "invalidCursor", ""),
        ("filter=userName%20eq%20%22%00%22", "invalidFilter", "offset 13"),
        ("filter=%00", "invalidFilter", "offset 0"),
    ] {
        for endpoint in ["/Users", "/Groups", ""] {
            let detail = idp.get(&format!("{endpoint}?{query}")).await.refused(400, scim_type);
            assert!(detail.contains(spot), "{query}: {detail}");
        }
        if query.to_lowercase().contains("attributes") {
            let made = idp.post(&format!("/Users?{query}"), &json!({"userName": "new"})).await;
            made.refused(400, scim_type);
            idp.get(&format!("{user}?{query}")).await.refused(400, scim_type);
        }
    }
    // R-GET-04: whatever else stands there is passed over.
    idp.get("/Users?nope=%00&%00=x").await.is(200);
    for (method, path) in [
        ("GET", "/Users/%00"),
        ("PUT", "/Users/%00"),
        ("PATCH", "/Groups/x%00"),
        ("DELETE", "/Users/%00"),
        ("GET", "/Schemas/%00"),
        ("GET", "/ResourceTypes/User%00"),
        ("GET", "/AsyncResults/txn_%00"),
        ("GET", "/%00"),
        ("GET", "/Users%00"),
    ] {
        let request = idp.request(method, path);
        let patch = json!({"schemas": [PATCH], "Operations": [{"op": "remove", "path": "title"}]});
        let request = match method {
            "PUT" => request.json(&json!({"schemas": [USER], "userName": "x"})),
            "PATCH" => request.json(&patch),
            _ => request,
        };
        idp.send(request).await.refused(404, "");
    }
    for tail in ["", "/Users"] {
        let path = format!("/connections/conn_%00/scim/v2{tail}");
        let answer = idp.client.send(Request::new("GET", path).bearer(&idp.token)).await;
        assert!(matches!(answer.status, 401 | 404), "{answer}");
    }
    for (name, value) in [
        ("client_id", "%00"),
        ("client_secret", "a%00"),
        ("scope", "%00"),
        ("resource", "%00"),
        ("client_assertion", "%00"),
    ] {
        let mut body = String::from("grant_type=client_credentials");
        for known in ["client_id", "client_secret"].iter().filter(|known| **known != name) {
            body += &format!("&{known}=x");
        }
        body += &format!("&{name}={value}");
        let path = idp.base.replace("/scim/v2", "/oauth/token");
        let request = Request::new("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = idp.client.send(request).await;
        assert!(matches!(answer.status, 400 | 401), "{name}: {answer}");
    }
    assert_eq!(holdings(&idp).await, before);
    // JSON inside a text is held to the same where the profile opens it.
    let entra = server.idp(IdpKind::Entra).await;
    for value in [r#"{"value": "\u0000"}"#, r#"{"value": "x", "displayName": "a\u0000"}"#] {
        let roles = json!({"schemas": [USER], "userName": "n", "roles": [{"value": value}]});
        entra.post("/Users", &roles).await.refused(400, "invalidValue");
    }
}

/// Definitions are texts too.
async fn no_definition_holds_a_null_character(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let good = r#"{"schemas": [{"id": "urn:example:thing", "name": "Thing", "attributes": [
        {"name": "a", "description": "D", "canonicalValues": ["C"]}]}], "resourceTypes": [
        {"name": "Thing", "endpoint": "/Things", "schema": "urn:example:thing"}]}"#;
    for word in ["urn:example:thing", "Thing", "\"a\"", "D", "\"C", "/Things", "\"name\""] {
        let end = word.trim_end_matches('"').len();
        let (head, quote) = word.split_at(end);
        let text = good.replace(word, &format!("{head}\\u0000{quote}"));
        let told = server.add(&idp, &text).await.expect_err(word).to_string();
        assert!(told.contains("line ") && told.contains("U+0000"), "{word}: {told}");
    }
    server.add(&idp, good).await.expect("the definitions are good");
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
