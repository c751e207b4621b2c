//! What can't be read is refused where it is wrong, and nothing is applied.

use http::Method;
use serde_json::json;

use crate::patch_op;
use crate::user;
use crate::world::World;

#[tokio::test]
async fn bodies_are_pointed_at() {
    // R-POST-05, R-HTTP-10; X03
    let world = World::new().await;
    let id = world.made(&world.a, "/Users", &user("ada")).await;
    let deep = format!("{{\"userName\":{}", "[".repeat(10_000));
    let cases = [
        (
            r#"{"userName":"x","emails":[{"value":"\ud800"}]}"#,
            "invalidSyntax",
            "`/emails/0/value`: ",
        ),
        (
            r#"{"userName":"x","emails":[{"value":"a\u0000"}]}"#,
            "invalidValue",
            "`/emails/0/value`: ",
        ),
        (r#"{"userName":"x\u0000"}"#, "invalidValue", "`/userName`: U+0000"),
        (r#"{"userName":"x","a\u0000":1}"#, "invalidValue", "U+0000"),
        (r#"{"userName": tru}"#, "invalidSyntax", "at line 1 column "),
        ("{\"userName\":\n\"x\",}", "invalidSyntax", "at line 2 column "),
        (&*deep, "invalidSyntax", "deeper than 64 levels at byte 75"),
        ("{\"userName\": \"x\"", "invalidSyntax", "line 1"),
    ];
    for (body, scim_type, expect) in cases {
        for (method, path) in [
            (Method::POST, "/Users"),
            (Method::PUT, &*format!("/Users/{id}")),
            (Method::PATCH, &format!("/Users/{id}")),
            (Method::POST, "/Users/.search"),
        ] {
            let answer = world.send(&world.a, method, path, &[], body).await;
            answer.is_error(400, scim_type);
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(expect), "{body:.80}: {detail}");
        }
    }
    assert_eq!(world.get("/Users").await.json()["totalResults"], 1);
    let null = patch_op(&json!([{"op": "add", "path": "title", "value": "a\0"}]));
    world.patch(&format!("/Users/{id}"), &null).await.is_error(400, "invalidValue");
    assert_eq!(world.get(&format!("/Users/{id}")).await.header("etag"), "W/\"1\"");
}

#[tokio::test]
async fn parameters_are_named() {
    // R-FILTER-04, R-FILTER-24, R-PAGE-06, R-PROJ-04; X55
    let world = World::new().await;
    let nodes = ["title%20pr"; 201].join("%20or%20");
    for (query, scim_type, expect) in [
        ("filter=userName%20is%201", "invalidFilter", "`filter`: found `is` at offset 9"),
        ("filter=title%20pr%20and", "invalidFilter", "`filter`: text ends at offset 12"),
        (&*format!("filter={}", "(".repeat(33)), "invalidFilter", "offset 32, expected at most 32"),
        (
            &format!("filter={}", "x".repeat(8193)),
            "invalidFilter",
            "offset 8192, expected at most 8192 bytes",
        ),
        (&format!("filter={nodes}"), "invalidFilter", "expected at most 200 conditions"),
        ("filter=userName%20eq%20%22a%00%22", "invalidFilter", "`filter`: "),
        ("count=x", "invalidValue", "`count`"),
        ("startIndex=x", "invalidValue", "`startIndex`"),
        ("sortBy=a%20b", "invalidValue", "`sortBy`"),
        ("sortBy=title&sortOrder=x", "invalidValue", "`sortOrder`"),
        ("sortBy=%FF", "invalidValue", "`sortBy`: the query is not UTF-8"),
        ("attributes=id&excludedAttributes=name", "invalidValue", "`attributes`"),
    ] {
        let answer = world.get(&format!("/Users?{query}")).await;
        answer.is_error(400, scim_type);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(expect), "{query:.80}: {detail}");
    }
}
