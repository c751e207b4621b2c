//! Single resources: what is made, changed and deleted.

use crate::four_users;
use crate::group;
use crate::patch_op;
use crate::user;
use crate::world::PUBLIC;
use crate::world::World;
use http::Method;
use http::Request;
use http_body_util::Full;
use rollcall_schema::standard;
use serde_json::Value;
use serde_json::json;

#[tokio::test]
async fn creation_answers_whole() {
    // R-POST-01, R-POST-02, R-ETAG-01, R-HTTP-12; X04, X57
    let world = World::new().await;
    let body = json!({"schemas": [standard::USER], "userName": "ada", "externalId": "1",
        "id": "mine", "meta": {"version": "x"}, "groups": [{"value": "x"}]});
    let headers = [("host", "evil.example"), ("x-forwarded-host", "evil.example")];
    let answer = world.send(&world.a, Method::POST, "/Users", &headers, &body).await;
    let made = answer.is(201).json();
    let id = made["id"].as_str().unwrap();
    let location = format!("{PUBLIC}{}/Users/{id}", world.a.path);
    assert_ne!(id, "mine");
    assert_eq!(answer.header("location"), location);
    assert_eq!(answer.header("etag"), "W/\"1\"");
    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(made["meta"]["location"], location.as_str());
    assert_eq!(made["meta"]["version"], "W/\"1\"");
    assert_eq!(made["active"], true);
    assert_eq!(made["groups"], Value::Null);
    assert_eq!(world.get(&format!("/Users/{id}")).await.json(), made);
}

#[tokio::test]
async fn bodies_that_are_refused() {
    // R-POST-03, R-POST-04, R-POST-05, R-POST-13, R-HTTP-10; X01, X02, X03, X51, X59
    let world = World::new().await;
    world.made(&world.a, "/Users", &user("jsmith")).await;
    world.post("/Users", &user("JSMITH")).await.is_error(409, "uniqueness");
    let twin = json!({"userName": "jsmith", "emails": [{"value": "not-an-address"}]});
    world.post("/Users", &twin).await.is_error(409, "uniqueness");
    world.post("/Users", &json!({"schemas": [standard::USER]})).await.is_error(400, "invalidValue");
    world.post("/Users", &json!([])).await.is_error(400, "invalidSyntax");
    let deep = "[".repeat(200);
    let large = format!("{{\"userName\":\"{}\"}}", "x".repeat(1_100_000));
    for (body, headers, status, scim_type) in [
        ("{bad", &[][..], 400, "invalidSyntax"),
        ("", &[], 400, "invalidSyntax"),
        ("{\"userName\":\"x\",\"userName\":\"y\"}", &[], 400, "invalidSyntax"),
        ("{\"userName\":\"x\",\"USERNAME\":\"y\"}", &[], 400, "invalidSyntax"),
        (deep.as_str(), &[], 400, "invalidSyntax"),
        (large.as_str(), &[], 413, ""),
        ("{\"userName\":\"x\"}", &[("content-type", "text/xml")], 415, ""),
        ("{\"userName\":\"x\"}", &[("content-encoding", "gzip")], 415, ""),
        ("{\"userName\":\"x\"}", &[("content-length", "9999999")], 413, ""),
    ] {
        let answer = world.send(&world.a, Method::POST, "/Users", headers, body).await;
        answer.is_error(status, scim_type);
    }
    let json = [("content-type", "application/json; charset=utf-8")];
    world.send(&world.a, Method::POST, "/Users", &json, &user("x")).await.is(201);
    let request = Request::post(format!("{}/Users", world.a.path))
        .header("authorization", format!("Bearer {}", world.a.token));
    let answer =
        world.raw(request.body(Full::from(&b"{\"userName\":\"\xff\"}"[..])).unwrap()).await;
    answer.is_error(400, "invalidSyntax");
}

#[tokio::test]
async fn passwords_are_never_shown() {
    // R-PROJ-06, R-SEC-01; X06
    let world = World::new().await;
    let body = json!({"userName": "ada", "password": "hunter2hunter2"});
    let id = world.made(&world.a, "/Users", &body).await;
    for path in ["", "?attributes=password", "?attributes=userName,password"] {
        let answer = world.get(&format!("/Users/{id}{path}")).await;
        assert!(!answer.is(200).text.contains("hunter2"), "{}", answer.text);
    }
    let filter = "/Users?filter=password%20sw%20%22h%22";
    world.get(filter).await.is_error(400, "invalidFilter");
}

#[tokio::test]
async fn replacement_replaces() {
    // R-PUT-01..12; X32..X35
    let world = World::new().await;
    let [u1, ..] = &four_users(&world).await;
    let at = format!("/Users/{u1}");
    world.put("/Users/none", &user("x")).await.is_error(404, "");
    world.put(&at, &json!({"title": "x"})).await.is_error(400, "invalidValue");
    let stale = [("if-match", "W/\"9\"")];
    let refused = world.send(&world.a, Method::PUT, &at, &stale, user("x")).await;
    refused.is_error(412, "");
    let answer = world.put(&at, &user("bjensen")).await;
    let shown = answer.is(200).json();
    assert_eq!(answer.header("etag"), "W/\"2\"");
    assert_eq!(answer.header("location"), format!("{PUBLIC}{}{at}", world.a.path));
    assert_eq!(shown["active"], true);
    assert!(shown["title"].is_null() && shown["emails"].is_null());
    assert_eq!(shown["schemas"], json!([standard::USER]));
    assert_eq!(world.put(&at, &user("bjensen")).await.is(200).header("etag"), "W/\"2\"");
}

#[tokio::test]
async fn changes_answer_with_the_resource() {
    // R-PATCH-03, R-PATCH-04, R-PATCH-09, R-PATCH-11, R-ERR-03
    let world = World::new().await;
    let [u1, ..] = &four_users(&world).await;
    let at = format!("/Users/{u1}");
    let change = patch_op(&json!([{"op": "Replace", "path": "active", "value": "False"}]));
    let answer = world.patch(&at, &change).await;
    assert_eq!(answer.is(200).json()["active"], false);
    assert_eq!(answer.header("etag"), "W/\"2\"");
    assert_eq!(world.patch(&at, &change).await.is(200).header("etag"), "W/\"2\"");
    let shown = world.patch(&at, &json!({"active": true})).await.is(200).json();
    assert_eq!(shown["active"], true);
    world.patch("/Users/none", &change).await.is_error(404, "");
    world.patch("/Users/none", &json!({})).await.is_error(404, "");
    for (operations, scim_type) in [
        (json!([]), "invalidSyntax"),
        (json!([{"op": "move", "path": "title"}]), "invalidSyntax"),
        (json!([{"op": "remove"}]), "noTarget"),
        (json!([{"op": "replace", "path": "emails[", "value": "x"}]), "invalidPath"),
        (json!([{"op": "replace", "path": "emails[type is 1]", "value": {}}]), "invalidFilter"),
        (json!([{"op": "replace", "path": "active", "value": "maybe"}]), "invalidValue"),
        (json!([{"op": "remove", "path": "userName"}]), "mutability"),
    ] {
        world.patch(&at, &patch_op(&operations)).await.is_error(400, scim_type);
    }
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    // R-DEL-01..06; X05, X37
    let world = World::new().await;
    let [_, u2, ..] = &four_users(&world).await;
    let g2 = world.made(&world.a, "/Groups", &group("Sub", &[u2])).await;
    let at = format!("/Users/{u2}");
    let stale = [("if-match", "\"7\"")];
    world.send(&world.a, Method::DELETE, &at, &stale, "").await.is_error(412, "");
    let gone = world.delete(&at).await;
    assert_eq!((gone.is(204).text.as_str(), gone.header("content-type")), ("", ""));
    let change = patch_op(&json!([{"op": "replace", "path": "active", "value": true}]));
    world.get(&at).await.is_error(404, "");
    world.patch(&at, &change).await.is_error(404, "");
    world.delete(&at).await.is_error(404, "");
    assert_eq!(world.get("/Users").await.json()["totalResults"], 3);
    assert!(world.get(&format!("/Groups/{g2}")).await.json()["members"].is_null());
    let again = world.made(&world.a, "/Users", &user("jsmith")).await;
    assert_ne!(&again, u2);
    world.delete("/Users").await.is_error(405, "");
}

#[tokio::test]
async fn versions_guard_reads_and_writes() {
    // R-ETAG-01..07; X36
    let world = World::new().await;
    let id = world.made(&world.a, "/Users", &user("ada")).await;
    let at = format!("/Users/{id}");
    let with = async |method: Method, at: &str, header: (&str, &str), body: String| {
        world.send(&world.a, method, at, &[header], body).await
    };
    let same = with(Method::GET, &at, ("if-none-match", "W/\"1\""), String::new()).await;
    assert_eq!((same.is(304).text.as_str(), same.header("etag")), ("", "W/\"1\""));
    with(Method::GET, &at, ("if-none-match", "*"), String::new()).await.is(304);
    with(Method::GET, &at, ("if-none-match", "\"2\""), String::new()).await.is(200);
    // RFC 9110 §13.1.1, §13.1.2: each header counts for reads and for changes.
    with(Method::GET, &at, ("if-match", "\"2\""), String::new()).await.is_error(412, "");
    with(Method::GET, &at, ("if-match", "\"2\", \"1\""), String::new()).await.is(200);
    with(Method::GET, &at, ("if-match", "*"), String::new()).await.is(200);
    let same = user("ada").to_string();
    for known in ["*", "W/\"1\""] {
        let header = ("if-none-match", known);
        with(Method::PUT, &at, header, same.clone()).await.is_error(412, "");
        with(Method::DELETE, &at, header, String::new()).await.is_error(412, "");
        with(Method::PUT, "/Users/none", header, same.clone()).await.is_error(404, "");
    }
    with(Method::PUT, &at, ("if-none-match", "\"2\""), same).await.is(200);
    let title = user("ada").to_string().replace('}', ",\"title\":\"T\"}");
    with(Method::PUT, &at, ("if-match", "\"foreign\""), title.clone()).await.is_error(412, "");
    with(Method::PUT, &at, ("if-match", "\"0\", W/\"1\""), title.clone()).await.is(200);
    with(Method::PUT, &at, ("if-match", "*"), title.clone()).await.is(200);
    with(Method::PUT, "/Users/none", ("if-match", "*"), title).await.is_error(404, "");
    with(Method::DELETE, &at, ("if-match", "W/\"1\""), String::new()).await.is_error(412, "");
    with(Method::DELETE, &at, ("if-match", "W/\"2\""), String::new()).await.is(204);
}

#[tokio::test]
async fn parallel_twins_are_one() {
    // R-E-19; X08
    let world = World::new().await;
    let body = user("twin");
    let twins = (0..50).map(|_| world.post("/Users", &body));
    let answers = futures_util::future::join_all(twins).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let taken = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((made, taken), (1, 49));
}
