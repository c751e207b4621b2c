//! Admin keys: who may administer what.

use std::time::Duration;

use rollcall_domain::Clock as _;
use rollcall_tests::operator::text;
use rollcall_tests::server::{Server, StoreKind, settings};
use rollcall_tests::{on_both_stores, on_both_stores_alone};
use serde_json::{Value, json};

use super::{Customer, fresh};

on_both_stores!(
    a_key_is_shown_once_listed_and_ended_at_once,
    a_key_of_one_organization_sees_that_one_alone,
    an_owner_of_one_organization_makes_keys_for_that_one_alone,
    keys_that_cannot_be_are_refused,
    nobody_gets_in_with_what_is_no_admin_key,
);

on_both_stores_alone!(a_key_ends_by_itself);

async fn a_key_is_shown_once_listed_and_ended_at_once(server: &Server) {
    let owner = server.owner();
    let body = json!({"name": "ci", "role": "operator"});
    let made = owner.post("/admin/keys", &body).await.is(201);
    let shown = made.json();
    let (id, key) = (text(&shown, "adminKeyId"), text(&shown, "key"));
    assert!(key.starts_with("rca_") && key.len() >= 43 && id.starts_with("adm_"), "{shown}");
    assert!(made.header("location").is_some_and(|at| at.ends_with(&format!("/admin/keys/{id}"))));
    let path = format!("/admin/keys/{id}");
    let read = owner.get(&path).await.is(200).json();
    assert_eq!((&read["role"], &read["name"]), (&json!("operator"), &json!("ci")));
    assert_eq!((read.get("key"), &read["lastUsed"]), (None, &Value::Null));
    let operator = owner.with(&key);
    operator.get("/organizations?limit=1").await.is(200);
    text(&owner.get(&path).await.json(), "lastUsed");
    let listed = owner.pages("/admin/keys", 2).await.concat();
    assert!(listed.iter().any(|one| one["adminKeyId"] == json!(id)));
    let stale = owner.request("DELETE", &path).header("if-match", "\"3\"");
    owner.send(stale).await.is(412);
    owner.delete(&path).await.is(200);
    operator.get("/organizations?limit=1").await.is(401);
    assert_eq!(owner.delete(&path).await.is(200).json()["revision"], 1);
    // An owner may end their own.
    let mine = owner.post("/admin/keys", &json!({"name": "me", "role": "owner"})).await.json();
    let me = owner.with(text(&mine, "key"));
    me.delete(&format!("/admin/keys/{}", text(&mine, "adminKeyId"))).await.is(200);
    me.get("/organizations").await.is(401);
    let log = server.administered(None).await;
    let actions: Vec<_> = log
        .iter()
        .filter(|event| event.resource.uuid().simple().to_string() == id.trim_start_matches("adm_"))
        .map(|event| event.action.as_str())
        .collect();
    assert_eq!(actions, ["admin_key.created", "admin_key.revoked"]);
}

async fn a_key_of_one_organization_sees_that_one_alone(server: &Server) {
    let (a, b) = (Customer::new(server).await, Customer::new(server).await);
    let own = a.made.text("organizationId");
    for role in ["owner", "operator", "read-only"] {
        let body = json!({"name": "own", "role": role, "organizationId": own});
        let theirs = a.owner.colleague(body).await;
        let seen = theirs.pages("/organizations", 1).await.concat();
        assert_eq!(
            seen.iter().map(|one| text(one, "organizationId")).collect::<Vec<_>>(),
            [own.as_str()]
        );
        theirs.get(&a.organization).await.is(200);
        theirs.get(&a.made.path).await.is(200);
        theirs.get(&format!("{}/status", a.made.path)).await.is(200);
        theirs.get(&b.organization).await.is(404);
        theirs.get(&b.made.path).await.is(404);
        theirs.post("/organizations", &json!({"name": fresh("New")})).await.is(403);
        theirs.delete(&a.organization).await.is(403);
        // A name in use would tell that there is another organization.
        for name in [text(&b.owner.get(&b.organization).await.json(), "name"), fresh(role)] {
            theirs.patch(&a.organization, &json!({"name": name})).await.is(403);
        }
        let minted = theirs.post(&a.tokens(), &json!({})).await;
        assert_eq!(minted.status, if role == "read-only" { 403 } else { 201 }, "{minted}");
        let keys = theirs.get("/admin/keys").await;
        assert_eq!(keys.status, if role == "owner" { 200 } else { 403 }, "{keys}");
    }
    let events = a.events(server).await;
    assert!(events.iter().any(|event| event.action == "admin_key.created"), "{events:?}");
}

async fn an_owner_of_one_organization_makes_keys_for_that_one_alone(server: &Server) {
    let (a, b) = (Customer::new(server).await, Customer::new(server).await);
    let [own, other] = [&a, &b].map(|one| one.made.text("organizationId"));
    let new = |role: &str, of: &Value| json!({"name": "k", "role": role, "organizationId": of});
    let owner = a.owner.colleague(new("owner", &json!(own))).await;
    let of_all = a.owner.post("/admin/keys", &new("read-only", &Value::Null)).await.is(201).json();
    let of_b = a.owner.post("/admin/keys", &new("owner", &json!(other))).await.is(201).json();
    owner.post("/admin/keys", &new("owner", &Value::Null)).await.is(403);
    owner.post("/admin/keys", &new("read-only", &json!(other))).await.is(404);
    let made = owner.post("/admin/keys", &new("operator", &json!(own))).await.is(201).json();
    let seen = owner.pages("/admin/keys", 1).await.concat();
    assert!(
        seen.iter().all(|key| key["organizationId"] == json!(own)) && seen.len() == 2,
        "{seen:?}"
    );
    for hidden in [&of_all, &of_b] {
        let path = format!("/admin/keys/{}", text(hidden, "adminKeyId"));
        owner.get(&path).await.is(404);
        owner.delete(&path).await.is(404);
        a.owner.get(&path).await.is(200);
    }
    owner.delete(&format!("/admin/keys/{}", text(&made, "adminKeyId"))).await.is(200);
}

async fn keys_that_cannot_be_are_refused(server: &Server) {
    let owner = server.owner();
    for body in [
        json!({}),
        json!({"name": "x"}),
        json!({"role": "owner"}),
        json!({"name": "", "role": "owner"}),
        json!({"name": "x", "role": "root"}),
        json!({"name": "x", "role": "owner", "expires": "2001-01-01T00:00:00Z"}),
        json!({"name": "x", "role": "owner", "key": "mine"}),
        json!({"name": "x", "role": "owner", "organizationId": "x"}),
        // Nobody signs in elsewhere at this server.
        json!({"name": "x", "role": "owner", "subject": "ada"}),
    ] {
        owner.post("/admin/keys", &body).await.is(400);
    }
    let nobody = json!({"name": "x", "role": "owner",
        "organizationId": "org_00000000000070008000000000000000"});
    owner.post("/admin/keys", &nobody).await.is(404);
    owner.get("/admin/keys/adm_00000000000070008000000000000000").await.is(404);
    owner.get("/admin/keys/x").await.is(404);
}

/// R-E-05, R-E-10, R-E-12.
async fn nobody_gets_in_with_what_is_no_admin_key(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    // The token of a connection is no admin key, nor the other way round.
    owner.with(customer.idp.token.clone()).get("/organizations").await.is(401);
    let other_way = customer.idp.request("GET", "/Users").bearer(&owner.key);
    customer.idp.client.send(other_way).await.is(401);
    let bare = || rollcall_tests::client::Request::new("GET", "/api/v1/organizations");
    for request in [
        bare(),
        bare().header("authorization", ""),
        bare().header("authorization", "Bearer"),
        bare().header("authorization", "Bearer  "),
        bare().header("authorization", format!("Basic {}", owner.key)),
        bare().header("authorization", owner.key.clone()),
        bare().header("cookie", format!("token={}", owner.key)),
        bare().header("x-api-key", owner.key.clone()),
        bare().bearer(&owner.key).header("authorization", format!("Bearer {}", owner.key)),
    ] {
        let answer = owner.send(request).await.is(401);
        assert!(answer.header("www-authenticate").is_some(), "{answer}");
    }
    let in_query = format!("/api/v1/organizations?access_token={}", owner.key);
    let in_query = rollcall_tests::client::Request::new("GET", in_query).bearer(&owner.key);
    owner.send(in_query).await.is(401);
    // CORS stays closed.
    let preflight = rollcall_tests::client::Request::new("OPTIONS", "/api/v1/organizations");
    let preflight = preflight.header("origin", "https://evil.test");
    let answer = owner.send(preflight.header("access-control-request-method", "GET")).await;
    assert!(answer.header("access-control-allow-origin").is_none(), "{answer}");
}

async fn a_key_ends_by_itself(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let owner = server.owner();
    let end = server.clock.now().millis() + 60 * 60 * 1000;
    let end = rollcall_schema::Instant::from_millis(end).to_string();
    let body = json!({"name": "short", "role": "read-only", "expires": end});
    let short = owner.colleague(body).await;
    short.get("/organizations").await.is(200);
    server.clock.pass(Duration::from_secs(60 * 60));
    short.get("/organizations").await.is(401);
}
