//! What can't be read is refused with its place, and never a failure of the server.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use crate::operations::all;
use crate::shape;
use crate::world::{Answer, World};

async fn post(world: &World, path: &str, media: &str, body: impl Into<Bytes>) -> Answer {
    let headers = [("content-type", media)];
    let headers = if media.is_empty() { &[][..] } else { &headers };
    let path = format!("/api/v1{path}");
    let answer =
        world.raw(Method::POST, &path, Some(&world.root), headers, Some(body.into())).await;
    shape::check_answer(&world.document, &Method::POST, &path, &answer);
    answer
}

const JSON: &str = "application/json";

#[tokio::test]
async fn unknown_members_are_told_with_their_place() {
    let world = World::new().await;
    let connections = format!("/organizations/{}/connections", world.a.org);
    let body = "{\n  \"name\": \"x\",\n  \"nmae\": 1\n}";
    let told = post(&world, "/organizations", JSON, body).await;
    told.says(400, "unknown field `nmae`").says(400, "line 3 column");
    let body = "{\"settings\": {\"limits\": {\"pageMaximum\": 3}}}";
    post(&world, &connections, JSON, body).await.says(400, "unknown field `pageMaximum`");
    let body = "{\"settings\": {\"capabilities\": {\"teleport\": true}}}";
    post(&world, &connections, JSON, body).await.says(400, "no capability `teleport`");
    let body = "{\"settings\": {\"limits\": {\"pageMax\": 0}}}";
    post(&world, &connections, JSON, body).await.says(400, "`pageMax` can't be 0");
    let body = "{\"token\": {\"user\": \"ada\"}}";
    post(&world, &connections, JSON, body).await.says(400, "no users yet");
    let tokens = format!("{}/tokens", world.a.at());
    let told = post(&world, &tokens, JSON, "{\"scopes\": \"all\"}").await;
    told.says(400, "no scope `all`: use scim");
    let bearer = "{\"proof\": {\"kind\": \"bearer\", \"jwks\": {}}}";
    post(&world, &tokens, JSON, bearer).await.says(400, "`jwks`");
}

#[tokio::test]
async fn bodies_are_json_and_not_too_large() {
    let world = World::new().await;
    let path = "/organizations";
    for media in ["", "text/plain", "application/scim+json", "application/x-www-form-urlencoded"] {
        post(&world, path, media, "{\"name\": \"x\"}").await.says(415, "application/json");
    }
    post(&world, path, "Application/JSON; charset=utf-8", "{\"name\": \"x\"}").await.is(201);
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
    post(&world, path, JSON, large).await.says(413, "1048576 bytes");
    let bodies: [(&[u8], &str); 9] = [
        (b"", "needs a JSON body"),
        (b"{", "line 1 column 1"),
        (b"[\"x\"]", "must be a JSON object"),
        (b"\"x\"", "must be a JSON object"),
        (b"{\"name\": \"a\\u0000b\"}", "U+0000"),
        (b"{\"name\": \"x\", \"name\": \"y\"}", "stands twice"),
        (b"{\"name\": 1}", "line 1 column 10"),
        (b"{}", "missing field `name`"),
        (b"{\"name\": \"\xff\"}", "not UTF-8"),
    ];
    for (body, detail) in bodies {
        post(&world, path, JSON, body.to_vec()).await.says(400, detail);
    }
}

/// Generated from the document: bytes that nobody expects never break the server.
#[tokio::test]
async fn no_body_breaks_the_server() {
    let deep = "[".repeat(5_000);
    let long = format!("{{\"{}\": 1}}", "n".repeat(10_000));
    let bodies = [
        "null",
        "0",
        "{\"\\u0000\": 1}",
        "{\"pack\": \"\\u0000\"}",
        "{\"pack\": 1}",
        "{\"name\": null}",
        "{\"expires\": \"9999999-01-01\"}",
        "{\"expires\": 1e400}",
        "{\"force\": \"yes\"}",
        "[[]]",
        "{\"name\": \"\\ud800\"}",
        "{\"quietAfterHours\": 99999999999}",
        "{\"proof\": {\"kind\": 7}}",
        "{\"proof\": {\"kind\": \"clientKey\", \"jwks\": []}}",
        &deep,
        &long,
    ];
    let world = World::new().await;
    let writes: Vec<_> = all(&world.document).into_iter().filter(|one| one.writes).collect();
    for operation in writes.iter().filter(|one| one.method != Method::DELETE) {
        let path = format!("/api/v1{}", operation.path(&world.a, ""));
        for body in bodies {
            let headers = [("content-type", JSON)];
            let body = Some(Bytes::copy_from_slice(body.as_bytes()));
            let method = operation.method.clone();
            let answer = world.raw(method, &path, Some(&world.root), &headers, body).await;
            assert!(answer.status.as_u16() < 500, "{} {answer:?}", operation.id);
            assert!(answer.text.len() < 4_000, "{} {answer:?}", operation.id);
            shape::check_answer(&world.document, &operation.method, &path, &answer);
        }
    }
}

#[tokio::test]
async fn parameters_are_those_of_the_path() {
    let world = World::new().await;
    world
        .get("/organizations?limt=1")
        .await
        .says(400, "no parameter `limt`: this path takes limit");
    world.get("/organizations?limit=1&limit=1").await.says(400, "stands twice");
    let path = format!("/organizations/{}?x", world.a.org);
    world.get(&path).await.says(400, "this path takes none");
    let removal = format!("{}/removal?people=", world.a.at());
    world.get(&format!("{removal}sell")).await.says(400, "one of keep, deactivate, handOver");
    let own = format!("{removal}handOver&to={}", world.a.connection);
    world.get(&own).await.says(400, "can't take itself over");
}

#[tokio::test]
async fn methods_are_those_of_the_path() {
    let world = World::new().await;
    let path = format!("/api/v1/organizations/{}", world.a.org);
    let put = world.raw(Method::PUT, &path, Some(&world.root), &[], None).await;
    assert_eq!(put.is(405).header("allow"), "GET, HEAD, PATCH, DELETE");
    assert_eq!(put.json()["title"], "Method Not Allowed");
    let (get, head) = (
        world.raw(Method::GET, &path, Some(&world.root), &[], None).await,
        world.raw(Method::HEAD, &path, Some(&world.root), &[], None).await,
    );
    assert_eq!((head.is(200).text.as_str(), head.header("etag")), ("", get.header("etag")));
    assert_eq!(head.header("content-length"), get.text.len().to_string());
    // No other origin is answered.
    let preflight = [("origin", "https://evil.example"), ("access-control-request-method", "GET")];
    let answer = world.raw(Method::OPTIONS, &path, Some(&world.root), &preflight, None).await;
    answer.is(405);
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn slashes_change_nothing_and_problems_name_the_request() {
    let world = World::new().await;
    let path = format!("/api//v1/organizations/{}/", world.a.org);
    world.raw(Method::GET, &path, Some(&world.root), &[], None).await.is(200);
    let told = world.send(Method::GET, "/nowhere", &[("x-request-id", "r-7")], None).await;
    assert_eq!(
        told.is(404).json(),
        json!({
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "there is nothing at this path",
            "instance": "r-7",
        })
    );
    assert_eq!(told.header("x-request-id"), "r-7");
}
