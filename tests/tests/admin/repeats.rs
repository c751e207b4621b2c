//! Requests that are sent again: `Idempotency-Key`.

use std::time::Duration;

use rollcall_domain::{Ids as _, UuidIds};
use rollcall_tests::operator::text;
use rollcall_tests::server::{Server, StoreKind, settings};
use rollcall_tests::{on_both_stores, on_both_stores_alone};
use serde_json::json;

use super::{Customer, fresh};

on_both_stores!(
    twenty_repeats_at_once_make_one_connection,
    a_repeat_gets_the_first_answer_with_its_secret,
    a_key_names_one_request_of_one_caller,
    every_write_takes_a_key,
    repeats_at_once_are_answered_alike,
    what_changed_nothing_is_not_done_later,
    keys_that_cannot_be_are_refused,
);

on_both_stores_alone!(a_kept_answer_is_forgotten_after_a_day);

fn key() -> String {
    UuidIds.next().to_string()
}

async fn twenty_repeats_at_once_make_one_connection(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let path = format!("{}/connections", customer.organization);
    let key = key();
    let all = (0..20).map(|_| {
        let request = owner.asking("POST", &path, &json!({"idp": "okta"}));
        owner.send(request.header("idempotency-key", &key))
    });
    let all = futures_util::future::join_all(all).await;
    for answer in &all {
        assert_eq!(answer.status, 201, "{answer}");
        assert_eq!(answer.body, all[0].body, "each has the same answer");
        assert_eq!(answer.header("location"), all[0].header("location"));
    }
    let replayed = all.iter().filter(|one| one.header("idempotency-replayed") == Some("true"));
    assert_eq!(replayed.count(), 19);
    let listed = owner.get(&path).await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");
    let actions = customer.actions(server).await;
    assert_eq!(actions.iter().filter(|action| *action == "connection.created").count(), 2);
    assert_eq!(actions.iter().filter(|action| *action == "token.created").count(), 2);
}

async fn a_repeat_gets_the_first_answer_with_its_secret(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let key = key();
    let body = json!({"name": "t"});
    let ask = || owner.asking("POST", &customer.tokens(), &body).header("idempotency-key", &key);
    let first = owner.send(ask()).await.is(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = owner.send(ask()).await.is(201);
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, Some("true")));
    assert_eq!(again.header("etag"), first.header("etag"));
    assert!(text(&first.json(), "token").starts_with("rct_"));
    // Nobody who reads the database reads the secret: the answer is sealed.
    if let Some(directory) = server.directory() {
        let secret = text(&first.json(), "token");
        for file in std::fs::read_dir(directory).expect("the directory is there").flatten() {
            let bytes = std::fs::read(file.path()).unwrap_or_default();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "in {}", file.path().display());
        }
    }
    // What failed is not kept: it may be mended and sent again under its name.
    let key = super::fresh("k").replace(' ', "-");
    let bad = owner.asking("POST", &customer.tokens(), &json!({"scopes": "nope"}));
    owner.send(bad.header("idempotency-key", &key)).await.is(400);
    let good = owner.asking("POST", &customer.tokens(), &json!({"scopes": "users.read"}));
    owner.send(good.header("idempotency-key", &key)).await.is(201);
}

async fn a_key_names_one_request_of_one_caller(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let (key, name) = (key(), fresh("Once"));
    let ask = |name: &str| {
        owner
            .asking("POST", "/organizations", &json!({"name": name}))
            .header("idempotency-key", &key)
    };
    owner.send(ask(&name)).await.is(201);
    // Another body, path, query or method under the same name.
    owner.send(ask(&fresh("Twice"))).await.is(422);
    let other = owner.asking("POST", &customer.tokens(), &json!({"name": name}));
    owner.send(other.header("idempotency-key", &key)).await.is(422);
    // Somebody else's keys are their own.
    let colleague = owner.colleague(json!({"name": "c", "role": "operator"})).await;
    let theirs = colleague.asking("POST", "/organizations", &json!({"name": name}));
    colleague.send(theirs.header("idempotency-key", &key)).await.is(409);
    let theirs = colleague.asking("POST", "/organizations", &json!({"name": fresh("Theirs")}));
    colleague.send(theirs.header("idempotency-key", &key)).await.is(201);
}

async fn every_write_takes_a_key(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, organization, .. } = &customer;
    let token = owner.post(&customer.tokens(), &json!({})).await.is(201).json();
    let token = format!("{}/{}", customer.tokens(), text(&token, "tokenId"));
    let admin = owner.post("/admin/keys", &json!({"name": "k", "role": "read-only"})).await.json();
    let admin = format!("/admin/keys/{}", text(&admin, "adminKeyId"));
    let doomed = format!(
        "{organization}/connections/{}",
        customer.twin(server).await.0.text("connectionId")
    );
    for (status, request) in [
        (200, owner.asking("PATCH", organization, &json!({"name": fresh("R")}))),
        (200, owner.asking("PATCH", &made.path, &json!({"limits": {"pageMax": 3}}))),
        (200, owner.asking("POST", &format!("{}/schemas", made.path), &json!({"pack": "roles"}))),
        (200, owner.request("DELETE", &format!("{}/schemas/Role", made.path))),
        (201, owner.request("POST", &format!("{token}/rotation"))),
        (200, owner.asking("POST", &format!("{token}/rotation/finish"), &json!({"force": true}))),
        (200, owner.request("DELETE", &customer.token())),
        (201, owner.asking("POST", "/admin/keys", &json!({"name": "x", "role": "owner"}))),
        (200, owner.request("DELETE", &admin)),
        (202, owner.request("DELETE", &format!("{doomed}?people=keep"))),
    ] {
        let request = request.header("idempotency-key", key());
        let first = owner.send(request.clone()).await.is(status);
        let events = customer.actions(server).await.len();
        let again = owner.send(request).await.is(status);
        assert_eq!(again.body, first.body, "{again}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{again}");
        assert_eq!(customer.actions(server).await.len(), events, "{again}");
    }
}

/// Also where the first one leaves nothing to do for the others.
async fn repeats_at_once_are_answered_alike(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, .. } = &customer;
    let rotation = format!("{}/rotation", customer.token());
    let empty = owner.organization(&fresh("Empty")).await;
    for (status, request) in [
        (201, owner.request("POST", &rotation)),
        (200, owner.asking("POST", &format!("{rotation}/finish"), &json!({"force": true}))),
        (202, owner.request("DELETE", &format!("{}?people=keep", made.path))),
        (202, owner.request("DELETE", &empty)),
    ] {
        let request = request.header("idempotency-key", key());
        let all = (0..10).map(|_| owner.send(request.clone()));
        let all = futures_util::future::join_all(all).await;
        for answer in &all {
            assert_eq!((answer.status, &answer.body), (status, &all[0].body), "{answer}");
        }
        let replayed = all.iter().filter(|one| one.header("idempotency-replayed") == Some("true"));
        assert_eq!(replayed.count(), 9);
    }
}

async fn what_changed_nothing_is_not_done_later(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, .. } = &customer;
    let key = key();
    let set = |status: &str| {
        let request = owner.asking("PATCH", &made.path, &json!({"status": status}));
        request.header("idempotency-key", &key)
    };
    let first = owner.send(set("active")).await.is(200);
    owner.patch(&made.path, &json!({"status": "paused"})).await.is(200);
    let again = owner.send(set("active")).await.is(200);
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, Some("true")));
    assert_eq!(owner.get(&made.path).await.json()["status"], "paused");
    owner.send(set("disabled")).await.is(422);
}

async fn keys_that_cannot_be_are_refused(server: &Server) {
    let owner = server.owner();
    let ask = || owner.asking("POST", "/organizations", &json!({"name": fresh("K")}));
    for bad in ["", "two words", "\u{e9}", &"x".repeat(256)] {
        owner.send(ask().header("idempotency-key", bad)).await.is(400);
    }
    let twice = ask().header("idempotency-key", "a").header("idempotency-key", "b");
    owner.send(twice).await.is(400);
    owner.send(ask().header("idempotency-key", "x".repeat(255))).await.is(201);
}

async fn a_kept_answer_is_forgotten_after_a_day(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let owner = server.owner();
    let ask = || {
        let request = owner.asking("POST", "/admin/keys", &json!({"name": "k", "role": "owner"}));
        request.header("idempotency-key", "daily")
    };
    let first = owner.send(ask()).await.is(201);
    server.clock.pass(Duration::from_secs(23 * 60 * 60));
    assert_eq!(owner.send(ask()).await.is(201).body, first.body);
    server.clock.pass(Duration::from_secs(61 * 60));
    let second = owner.send(ask()).await.is(201);
    assert_ne!(second.body, first.body);
    assert_eq!(second.header("idempotency-replayed"), None);
}
