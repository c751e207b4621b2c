//! What is seen of a connection and its credentials while it is used, and what is not.

use rollcall_domain::TokenId;
use rollcall_tests::client::Request;
use rollcall_tests::idp::Idp;
use rollcall_tests::on_both_stores;
use rollcall_tests::operator::text;
use rollcall_tests::server::Server;
use rollcall_tests::wait::until;
use serde_json::{Value, json};

use super::{Customer, becomes, check, users};

on_both_stores!(
    an_old_token_that_is_still_used_is_told_at_once,
    a_token_on_a_foreign_path_is_not_used,
    a_token_that_lets_nobody_in_is_not_used,
    calls_of_closed_connections_are_heard,
);

async fn status(customer: &Customer) -> Value {
    customer.owner.get(&format!("{}/status", customer.made.path)).await.is(200).json()
}

/// However little ago its use before the rotation was noted.
async fn an_old_token_that_is_still_used_is_told_at_once(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, idp, .. } = &customer;
    users(idp).await.is(200);
    let rotation = format!("{}/rotation", customer.token());
    owner.act(&rotation).await.is(201);
    let shown = owner.get(&rotation).await.is(200).json();
    assert_eq!(shown["oldTokenInUse"], false, "{shown}");
    // A server that has seen it lately learns of the rotation within seconds.
    until("the old token is told to be in use", async || {
        users(idp).await.is(200);
        let shown = owner.get(&rotation).await.is(200).json();
        assert_eq!(shown["newTokenSeen"], false, "{shown}");
        (shown["oldTokenInUse"] == true).then_some(())
    })
    .await;
}

/// A rotation that has begun: its path, and the IdP with the new token.
async fn rotating(customer: &Customer) -> (String, Idp) {
    let rotation = format!("{}/rotation", customer.token());
    let new = customer.owner.act(&rotation).await.is(201).json();
    let token_id: TokenId = text(&new, "tokenId").parse().expect("the id of a token");
    (rotation, Idp { token: text(&new, "token"), token_id, ..customer.idp.clone() })
}

async fn a_token_on_a_foreign_path_is_not_used(server: &Server) {
    let customer = Customer::new(server).await;
    let (_, twin) = customer.twin(server).await;
    let owner = &customer.owner;
    let (rotation, new) = rotating(&customer).await;
    // On the path of another connection, and of none.
    for base in [&*twin.base, "/connections/nonsense/scim/v2"] {
        let request = Request::new("GET", format!("{base}/Users")).bearer(&new.token);
        new.client.send(request).await.is(404);
        assert_eq!(owner.get(&rotation).await.is(200).json()["newTokenSeen"], false, "{base}");
    }
    owner.act(&format!("{rotation}/finish")).await.is(409);
    users(&new).await.is(200);
    assert_eq!(owner.get(&rotation).await.is(200).json()["newTokenSeen"], true);
}

async fn a_token_that_lets_nobody_in_is_not_used(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, .. } = &customer;
    let (rotation, new) = rotating(&customer).await;
    // Nobody has seen the new one before the connection is closed.
    for (status, expect) in [("paused", 503), ("disabled", 403)] {
        owner.patch(&made.path, &json!({"status": status})).await.is(200);
        becomes(expect, async || users(&new).await).await;
        assert_eq!(owner.get(&rotation).await.json()["newTokenSeen"], false, "{status}");
        owner.act(&format!("{rotation}/finish")).await.is(409);
    }
    owner.patch(&made.path, &json!({"status": "active"})).await.is(200);
    becomes(200, async || users(&new).await).await;
    assert_eq!(owner.get(&rotation).await.json()["newTokenSeen"], true);
    owner.act(&format!("{rotation}/finish")).await.is(200);
}

async fn calls_of_closed_connections_are_heard(server: &Server) {
    for (status_is, expect) in [("paused", 503), ("disabled", 403)] {
        let customer = Customer::like(server, json!({"settings": {"status": status_is}})).await;
        let (_, twin) = customer.twin(server).await;
        let shown = status(&customer).await;
        assert_eq!(shown["lastSeen"], Value::Null, "{shown}");
        // What comes to another's path is nobody's traffic.
        let astray = Request::new("GET", format!("{}/Users", twin.base));
        let astray = customer.idp.client.send(astray.bearer(&customer.idp.token)).await;
        assert!(astray.status >= 400, "{astray}");
        assert_eq!(status(&customer).await["lastSeen"], Value::Null);
        customer.idp.client.send(customer.idp.request("GET", "/Nope")).await.is(expect);
        let shown = status(&customer).await;
        text(&shown, "lastSeen");
        assert_ne!(check(&shown, "traffic")["detail"], "nothing was ever heard of the IdP");
        let path = format!("{}/status", twin_path(&customer, &twin));
        let other = customer.owner.get(&path).await.is(200).json();
        assert_eq!(other["lastSeen"], Value::Null, "{other}");
        let first = customer.owner.get(&customer.token()).await.json();
        assert_eq!(first["lastUsed"], Value::Null, "it let nobody in: {first}");
    }
}

fn twin_path(customer: &Customer, twin: &Idp) -> String {
    format!("{}/connections/{}", customer.organization, twin.at.connection)
}
