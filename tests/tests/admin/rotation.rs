//! Rotation: start, verify, finish, and no request fails.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rollcall_tests::idp::Idp;
use rollcall_tests::on_both_stores;
use rollcall_tests::operator::text;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

use super::{Customer, becomes, users};

on_both_stores!(
    a_rotation_fails_no_request,
    a_rotation_is_finished_once_the_new_token_was_seen,
    one_rotation_at_a_time,
    a_rotation_is_given_up_by_revoking_the_new_token,
    a_client_secret_is_rotated_too,
);

fn with(idp: &Idp, made: &Value) -> Idp {
    let token_id = text(made, "tokenId").parse().expect("the id of a token");
    Idp { token: text(made, "token"), token_id, ..idp.clone() }
}

/// R-AUTH-03: an overlap of two secrets. An IdP that never stops calling sees no failure.
async fn a_rotation_fails_no_request(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let current = std::sync::Mutex::new(customer.idp.clone());
    let (stop, sent) = (AtomicBool::new(false), AtomicU32::new(0));
    let calling = async {
        let mut n = 0;
        while !stop.load(Ordering::SeqCst) {
            // As the IdP has it at the moment.
            let idp = current.lock().expect("nobody panics").clone();
            let request = match n % 3 {
                0 => idp.request("GET", "/Users?count=1"),
                1 => idp.request("POST", "/Users").json(&json!({"userName": format!("u{n}"),
                    "schemas": [rollcall_tests::data::USER]})),
                _ => idp.request("GET", "/ServiceProviderConfig"),
            };
            let answer = idp.send(request).await;
            assert!(answer.status < 300, "a request failed: {answer}");
            sent.fetch_add(1, Ordering::SeqCst);
            n += 1;
        }
    };
    let rotating = async {
        let pause = async || {
            let before = sent.load(Ordering::SeqCst);
            while sent.load(Ordering::SeqCst) < before + 5 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        for _ in 0..3 {
            let old = current.lock().expect("nobody panics").token_id;
            let rotation = format!("{}/{old}/rotation", customer.tokens());
            let new = owner.act(&rotation).await.is(201).json();
            pause().await;
            let new = with(&customer.idp, &new);
            *current.lock().expect("nobody panics") = new;
            pause().await;
            let verified = owner.get(&rotation).await.is(200).json();
            assert_eq!(verified["newTokenSeen"], true, "{verified}");
            owner.act(&format!("{rotation}/finish")).await.is(200);
            pause().await;
            let ended = owner.get(&format!("{}/{old}", customer.tokens())).await.json();
            assert!(ended["revoked"].is_string(), "{ended}");
        }
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(calling, rotating);
    becomes(401, async || users(&customer.idp).await).await;
}

async fn a_rotation_is_finished_once_the_new_token_was_seen(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, idp, .. } = &customer;
    let rotation = format!("{}/rotation", customer.token());
    owner.get(&rotation).await.is(404);
    users(idp).await.is(200);
    let started = owner.act(&rotation).await.is(201);
    let made = started.json();
    let new = with(idp, &made);
    let location = started.header("location").unwrap_or_default();
    assert!(location.ends_with(&format!("/tokens/{}", new.token_id)), "{started}");
    assert_eq!(made["replaces"], json!(idp.token_id.to_string()));
    let shown = owner.get(&rotation).await.is(200).json();
    assert_eq!((&shown["newTokenSeen"], &shown["oldTokenInUse"]), (&json!(false), &json!(false)));
    assert_eq!(shown["old"]["tokenId"], json!(idp.token_id.to_string()));
    assert!(!shown.to_string().contains(&new.token), "shown once");
    let refused = owner.act(&format!("{rotation}/finish")).await.is(409).json();
    assert!(text(&refused, "detail").contains(&new.token_id.to_string()), "{refused}");
    users(idp).await.is(200);
    users(&new).await.is(200);
    // Named by either of them.
    let by_new = owner.get(&format!("{}/{}/rotation", customer.tokens(), new.token_id)).await;
    assert_eq!(by_new.is(200).json()["newTokenSeen"], true);
    let finished = owner.act(&format!("{rotation}/finish")).await.is(200).json();
    assert_eq!(
        (&finished["tokenId"], &finished["replaces"]),
        (&json!(new.token_id.to_string()), &Value::Null)
    );
    becomes(401, async || users(idp).await).await;
    users(&new).await.is(200);
    owner.get(&rotation).await.is(404);
    owner.act(&format!("{rotation}/finish")).await.is(404);
    owner.act(&rotation).await.is(409);
}

async fn one_rotation_at_a_time(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let rotation = format!("{}/rotation", customer.token());
    let all = (0..8).map(|_| owner.act(&rotation));
    let all = futures_util::future::join_all(all).await;
    let made: Vec<_> = all.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "{all:?}");
    assert!(all.iter().all(|answer| matches!(answer.status, 201 | 409)), "{all:?}");
    let tokens = owner.get(&customer.tokens()).await.json();
    assert_eq!(tokens["items"].as_array().map(Vec::len), Some(2));
    // It insists on a revision where it is told to.
    let stale = owner.request("POST", &rotation).header("if-match", "\"0\"");
    owner.send(stale).await.is(412);
}

async fn a_rotation_is_given_up_by_revoking_the_new_token(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let rotation = format!("{}/rotation", customer.token());
    let made = owner.act(&rotation).await.is(201).json();
    let new = text(&made, "tokenId");
    owner.delete(&format!("{}/{new}", customer.tokens())).await.is(200);
    owner.get(&rotation).await.is(404);
    users(&customer.idp).await.is(200);
    let again = owner.post(&rotation, &json!({})).await.is(201).json();
    owner.post(&format!("{rotation}/finish"), &json!({"force": true})).await.is(200);
    users(&with(&customer.idp, &again)).await.is(200);
    // What it may is what the old one might.
    let narrow = json!({"scopes": "users.read", "name": "n"});
    let narrow = owner.post(&customer.tokens(), &narrow).await.is(201).json();
    let path = format!("{}/{}/rotation", customer.tokens(), text(&narrow, "tokenId"));
    let made = owner.post(&path, &json!({"expires": "2099-01-01T00:00:00Z"})).await.is(201).json();
    assert_eq!((&made["scopes"], &made["name"]), (&json!("users.read"), &json!("n")));
    assert_eq!(made["expires"], "2099-01-01T00:00:00.000Z");
}

async fn a_client_secret_is_rotated_too(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let body = json!({"proof": {"kind": "clientSecret"}});
    let old = owner.post(&customer.tokens(), &body).await.is(201).json();
    let rotation = format!("{}/{}/rotation", customer.tokens(), text(&old, "tokenId"));
    let new = owner.act(&rotation).await.is(201).json();
    assert_eq!(new["kind"], "clientSecret");
    let endpoint = format!("/connections/{}/oauth/token", customer.made.text("connectionId"));
    let id = customer.made.text("connectionId");
    let grant = async |made: &Value| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &*id),
            ("client_secret", &*text(made, "token")),
        ];
        let request = rollcall_tests::client::Request::new("POST", &*endpoint).form(&fields);
        server.client.send(request).await.status
    };
    assert_eq!((grant(&old).await, grant(&new).await), (200, 200));
    assert_eq!(owner.get(&rotation).await.json()["newTokenSeen"], true);
    owner.act(&format!("{rotation}/finish")).await.is(200);
    assert_eq!((grant(&old).await, grant(&new).await), (401, 200));
}
