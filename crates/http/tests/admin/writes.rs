//! What a write insists on, and what repeating it does.

use http::Method;
use serde_json::json;

use crate::operations::all;
use crate::world::{Answer, Asked, World};

/// Generated from the document: who insists on another revision changes nothing.
#[tokio::test]
async fn writes_are_done_at_the_revision_that_was_read() {
    let document = World::new().await.document;
    for operation in all(&document).into_iter().filter(|operation| operation.writes) {
        let world = World::new().await;
        let mut ids = world.a.clone();
        if operation.id == "deleteOrganization" {
            ids.org.clone_from(&world.empty);
        }
        let path = operation.path(&ids, &world.a.second);
        // What a write changes can be read where it is written, or above a list.
        let mut read = path.split('?').next().unwrap().to_owned();
        if matches!(operation.id.as_str(), "startRotation" | "removeSchema") {
            read.truncate(read.rfind('/').unwrap());
        }
        let write = async |tag: &str| {
            let (method, body) = (operation.method.clone(), operation.body(Some(&world.a.org)));
            let (key, headers) = (Some(&*world.root), vec![("if-match", tag)]);
            world.ask(&Asked { method, path: &path, key, headers, body }).await
        };
        if !operation.if_match {
            write("\"0\"").await.says(400, "`If-Match` says nothing here");
            continue;
        }
        let before = world.get(&read).await.is(200).clone();
        let tag = before.header("etag").to_owned();
        for stale in ["\"999\"", "\"x\"", &format!("W/{tag}")] {
            write(stale).await.says(412, "read it again");
        }
        for garbage in ["", "0", "\"0\", \"1\"", "\"", "W/0"] {
            write(garbage).await.says(400, "`If-Match` takes");
        }
        assert_eq!(world.get(&read).await.text, before.text, "{}", operation.id);
        write(&tag).await.is(operation.status);
        let again = write(&tag).await;
        let told = again.status;
        assert!(told == 412 || told == 404 || told == 409 || told == 202, "{}", operation.id);
    }
}

#[tokio::test]
async fn any_revision_is_one_that_is_there() {
    let world = World::new().await;
    let path = format!("/organizations/{}", world.a.org);
    let any = [("if-match", "*")];
    world.send(Method::PATCH, &path, &any, Some(json!({"name": "Any"}))).await.is(200);
    // Reading insists on nothing.
    world.send(Method::GET, &path, &[("if-match", "\"999\"")], None).await.is(200);
}

async fn named(
    world: &World,
    key: &str,
    path: &str,
    name: &str,
    body: serde_json::Value,
) -> Answer {
    let headers = vec![("idempotency-key", name)];
    let (method, key, body) = (Method::POST, Some(key), Some(body));
    world.ask(&Asked { method, path, key, headers, body }).await
}

/// Generated from the document: every write that changes something gives its first answer again.
#[tokio::test]
async fn repeated_writes_give_their_first_answer() {
    let document = World::new().await.document;
    for operation in all(&document).into_iter().filter(|operation| operation.writes) {
        let world = World::new().await;
        let mut ids = world.a.clone();
        if operation.id == "deleteOrganization" {
            ids.org.clone_from(&world.empty);
        }
        let path = operation.path(&ids, &world.a.second);
        let mut answers = Vec::new();
        for _ in 0..2 {
            // What a first request began may be done when it is repeated.
            world.now.pass(3_000);
            world.jobs.tick().await.unwrap();
            let (method, body) = (operation.method.clone(), operation.body(Some(&world.a.org)));
            let (key, headers) = (Some(&*world.root), vec![("idempotency-key", "one")]);
            answers.push(world.ask(&Asked { method, path: &path, key, headers, body }).await);
        }
        let [first, again] = answers.as_slice() else { panic!("two") };
        assert_eq!(first.is(operation.status).header("idempotency-replayed"), "");
        assert_eq!(again.is(operation.status).text, first.text, "{}", operation.id);
        assert_eq!(again.header("idempotency-replayed"), "true", "{}", operation.id);
        for name in ["etag", "location"] {
            assert_eq!(again.header(name), first.header(name), "{}", operation.id);
        }
    }
}

#[tokio::test]
async fn a_repeated_request_shows_its_secret_again_to_whoever_made_it() {
    let world = World::new().await;
    let path = format!("{}/tokens", world.a.at());
    let first = named(&world, &world.root, &path, "n-1", json!({"name": "x"})).await;
    let secret = first.is(201).text_of("token");
    let again = named(&world, &world.root, &path, "n-1", json!({"name": "x"})).await;
    assert_eq!(again.is(201).text_of("token"), secret);
    assert_eq!(again.text, first.text);
    // Another request, another caller, another name.
    let other = named(&world, &world.root, &path, "n-1", json!({"name": "y"})).await;
    other.says(422, "one of its own");
    let theirs = named(&world, &world.a.secret, &path, "n-1", json!({"name": "x"})).await;
    assert_ne!(theirs.is(201).text_of("token"), secret);
    let next = named(&world, &world.root, &path, "n-2", json!({"name": "x"})).await;
    assert_ne!(next.is(201).text_of("token"), secret);
    // It is not kept for ever.
    world.now.pass(24 * 60 * 60 * 1000 + 1);
    let late = named(&world, &world.root, &path, "n-1", json!({"name": "x"})).await;
    assert_ne!(late.is(201).text_of("token"), secret);
}

#[tokio::test]
async fn names_of_requests_are_visible_ascii() {
    let world = World::new().await;
    let long = "x".repeat(256);
    for name in ["", " ", "a b", "\u{e4}", &long] {
        let answer = named(&world, &world.root, "/organizations", name, json!({"name": "N"})).await;
        answer.says(400, "1 to 255 visible ASCII");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let body = Some(json!({"name": "N"}));
    world.send(Method::POST, "/organizations", &twice, body).await.is(400);
    let most = "x".repeat(255);
    named(&world, &world.root, "/organizations", &most, json!({"name": "N"})).await.is(201);
}
