//! Too much of what alone is fine: it is refused with its limit, or it works.

use std::time::Duration;

use rollcall_domain::IdpKind;
use rollcall_tests::client::{BULK, PATCH, SCIM_JSON, SEARCH};
use rollcall_tests::data::{ENTERPRISE, GROUP, USER, many_users};
use rollcall_tests::idp::sorted;
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

use super::{filled, holdings};

on_both_stores!(
    a_hundred_thousand_operations,
    a_megabyte_in_one_attribute,
    ten_thousand_parentheses_everywhere,
    ten_thousand_members_in_one_patch,
);

/// R-BULK-08, R-E-17: refused at once, naming the limit.
async fn a_hundred_thousand_operations(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    let deletion = json!({"method": "DELETE", "path": format!("/Users/{}", names.id("u1"))});
    let answer = idp.bulk(json!(vec![deletion; 100_000])).await;
    let detail = answer.refused(413, "");
    assert!(detail.contains("maxOperations") && detail.contains("5000"), "{detail}");
    assert!(answer.took < Duration::from_secs(45), "{answer}");
    for nothing in [json!(null), json!([]), json!({})] {
        idp.bulk(json!(vec![nothing; 100_000])).await.refused(413, "");
    }
    let large =
        format!("{{\"schemas\":[\"{BULK}\"],\"Operations\":[\"{}\"]}}", "x".repeat(11 << 20));
    let request = idp.request("POST", "/Bulk").header("content-type", SCIM_JSON).body(large);
    let detail = idp.send(request).await.refused(413, "");
    assert!(detail.contains("maxPayloadSize"), "{detail}");
    // As operations of a PATCH.
    let path = format!("/Users/{}", names.id("u1"));
    let many = vec![json!({"op": "add"}); 50_000];
    let answer = idp.patch(&path, json!(many)).await;
    assert!(matches!(answer.status, 400 | 413), "{}", answer.status);
    assert_eq!(holdings(&idp).await, before);
}

/// A body of that size is too large by itself; in bulk the value is.
async fn a_megabyte_in_one_attribute(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    let path = format!("/Users/{}", names.id("u1"));
    for (size, status) in [(1 << 20, 413), (900_000, 400)] {
        let text = "x".repeat(size);
        let users = [
            json!({"schemas": [USER], "userName": text}),
            json!({"schemas": [USER], "userName": "large", "title": text}),
            json!({"schemas": [USER], "userName": "large", "externalId": text}),
            json!({"schemas": [USER], "userName": "large", "name": {"givenName": text}}),
            json!({"schemas": [USER], "userName": "large", "emails": [{"value": text}]}),
            json!({"schemas": [USER, ENTERPRISE], "userName": "large", ENTERPRISE: {"department": text}}),
        ];
        for body in &users {
            let spot = if status == 413 { "1048576" } else { "65536" };
            for answer in [idp.post("/Users", body).await, idp.put(&path, body).await] {
                assert_eq!(answer.status, status, "{:.300}", answer.to_string());
                let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
                assert!(detail.contains(spot) || detail.contains("1024"), "{detail:.300}");
                assert!(detail.len() < 1_000, "long texts come back");
            }
        }
        let operation = json!({"op": "add", "path": "title", "value": text});
        assert_eq!(idp.patch(&path, operation).await.status, status);
        let operation = json!({"op": "add", "path": text, "value": "x"});
        assert_eq!(idp.patch(&path, operation).await.status, status);
        let search = json!({"schemas": [SEARCH], "filter": format!("userName eq \"{text}\"")});
        for path in ["/Users/.search", "/.search"] {
            let answer = idp.post(path, &search).await;
            assert_eq!(answer.status, status, "{:.300}", answer.to_string());
        }
        let operations: Value = users
            .iter()
            .enumerate()
            .map(|(n, body)| json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": body}))
            .collect();
        for operation in idp.bulk(operations).await.operations() {
            assert_eq!(operation["status"], "400", "{:.300}", operation.to_string());
            assert!(operation.to_string().len() < 2_000, "long texts come back");
        }
    }
    assert_eq!(holdings(&idp).await, before);
}

/// R-FILTER-24, R-E-17: each points at the spot where it became too deep.
async fn ten_thousand_parentheses_everywhere(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    let open = "(".repeat(10_000);
    let closed = format!("{open}userName pr{}", ")".repeat(10_000));
    let path = format!("/Users/{}", names.id("u1"));
    let group = format!("/Groups/{}", names.id("g1"));
    for nested in
        [&open, &closed, &format!("not {}", "not (".repeat(10_000)), &"emails[".repeat(10_000)]
    {
        for endpoint in ["/Users", "/Groups", ""] {
            // Longer than a URL may be, or nested deeper than a filter may.
            let answer = idp.find(endpoint, &nested[..2_000]).await;
            let detail = answer.refused(400, "invalidFilter");
            assert!(detail.contains("offset"), "{detail}");
            let search = json!({"schemas": [SEARCH], "filter": nested});
            let answer = idp.post(&format!("{endpoint}/.search"), &search).await;
            let detail = answer.refused(400, "invalidFilter");
            assert!(detail.contains("offset"), "{detail}");
        }
        for (path, in_path) in [
            (&path, nested.clone()),
            (&path, format!("emails[{nested}].value")),
            (&group, format!("members[{nested}]")),
        ] {
            let operation = json!({"op": "remove", "path": in_path});
            let answer = idp.patch(path, operation.clone()).await.is(400);
            let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
            assert!(detail.contains("offset") && detail.len() < 1_000, "{detail:.500}");
            let data = json!({"schemas": [PATCH], "Operations": [operation]});
            let answer = idp.bulk(json!([{"method": "PATCH", "path": path, "data": data}])).await;
            assert_eq!(answer.statuses(), "400");
        }
        let projected = idp
            .get(&format!(
                "{path}?attributes={}",
                &nested[..2_000].replace(' ', "%20").replace('[', "%5B")
            ))
            .await;
        assert!(matches!(projected.status, 200 | 400), "{projected}");
    }
    for member in ["Operations", "data"] {
        let deep = format!("{{\"{member}\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let request = idp.request("POST", "/Bulk").header("content-type", SCIM_JSON).body(deep);
        let detail = idp.send(request).await.refused(400, "invalidSyntax");
        assert!(detail.contains("byte"), "{detail}");
    }
    assert_eq!(holdings(&idp).await, before);
}

/// R-PATCH-22: 10,000 changes of members in one request, as one value and one by one.
async fn ten_thousand_members_in_one_patch(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let users = many_users(&idp, "m", 10_000).await;
    let group = idp.group("Everyone", &[]).await;
    let path = format!("/Groups/{group}");
    let members: Vec<Value> = users.iter().map(|id| json!({"value": id})).collect();
    let add = json!({"op": "add", "path": "members", "value": members});
    idp.patch(&path, add).await.is(204);
    assert!(idp.members(&group).await == sorted(&users), "members are missing");

    let one_by_one: Vec<Value> = users[..9_999]
        .iter()
        .map(|id| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")}))
        .collect();
    let answer = idp.patch(&path, json!(one_by_one)).await;
    assert!(matches!(answer.status, 200 | 204), "{:.500}", answer.to_string());
    assert_eq!(idp.members(&group).await, users[9_999..]);
    // In bulk, all or nothing: the last one is nobody.
    let mut most: Vec<Value> = users[..9_999].iter().map(|id| json!({"value": id})).collect();
    most.push(json!({"value": "nobody"}));
    let data = json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": "members", "value": most}]});
    let answer = idp
        .bulk(json!([
            {"method": "PATCH", "path": path, "data": data},
            {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {
                "schemas": [GROUP], "displayName": "Again", "members": members,
            }},
        ]))
        .await;
    assert_eq!(answer.statuses(), "400 201");
    assert_eq!(idp.members(&group).await, users[9_999..]);
    let again = answer.operations()[1]["location"].as_str().unwrap_or_default().to_owned();
    let again = again.rsplit('/').next().unwrap_or_default();
    assert!(idp.members(again).await == sorted(&users), "members are missing");
}
