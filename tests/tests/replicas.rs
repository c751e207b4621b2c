//! Two real servers on one PostgreSQL: what an operator does at one holds at the other within five
//! seconds, which is documented, and what was made works at once.

use rollcall_domain::{Ids as _, UuidIds};
use rollcall_tests::client::{Answer, Client, Request};
use rollcall_tests::data::USER;
use rollcall_tests::issuer::{SigningKey, now};
use rollcall_tests::operator::{Made, text};
use rollcall_tests::program::{Serving, Site};
use rollcall_tests::server::StoreKind;
use rollcall_tests::wait::{PATIENCE, becomes, until};
use serde_json::{Value, json};

/// Two servers, and an admin key.
async fn replicas() -> (Site, Serving, Serving, String) {
    let site = Site::new(StoreKind::Postgres).await;
    let key = site.owner_key().await;
    let (a, b) = (site.serve(&[], &[]).await, site.serve(&[], &[]).await);
    (site, a, b, key)
}

async fn stopped(a: Serving, b: Serving) {
    a.program.stop().await;
    b.program.stop().await;
}

async fn connection(at: &Serving, key: &str) -> Made {
    let operator = at.operator(key);
    let organization = operator.organization(&UuidIds.next().to_string()).await;
    operator.connection(&organization, json!({})).await
}

fn base(made: &Made) -> String {
    format!("/connections/{}/scim/v2", made.text("connectionId"))
}

async fn users(at: &Client, made: &Made, token: &str) -> Answer {
    at.send(Request::new("GET", format!("{}/Users?count=1", base(made))).bearer(token)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_does_at_one_server_holds_at_the_other() {
    let (_site, a, b, key) = replicas().await;
    let (at_a, at_b) = (a.operator(&key), b.operator(&key));
    let made = connection(&a, &key).await;
    let tokens = format!("{}/tokens", made.path);
    // A new token works at once, at whichever server.
    for _ in 0..10 {
        let fresh = at_a.post(&tokens, &json!({})).await.is(201).json();
        users(&b.client, &made, &text(&fresh, "token")).await.is(200);
        let fresh = at_b.post(&tokens, &json!({})).await.is(201).json();
        users(&a.client, &made, &text(&fresh, "token")).await.is(200);
    }
    let doomed = at_a.post(&tokens, &json!({})).await.is(201).json();
    let token = text(&doomed, "token");
    for _ in 0..5 {
        users(&b.client, &made, &token).await.is(200);
        users(&a.client, &made, &token).await.is(200);
    }
    at_a.delete(&format!("{tokens}/{}", text(&doomed, "tokenId"))).await.is(200);
    becomes(401, async || users(&b.client, &made, &token).await).await;
    becomes(401, async || users(&a.client, &made, &token).await).await;

    let first = made.text("token");
    for (status, expect) in [("paused", 503), ("active", 200), ("disabled", 403), ("active", 200)] {
        users(&b.client, &made, &first).await;
        at_a.patch(&made.path, &json!({"status": status})).await.is(200);
        becomes(expect, async || users(&b.client, &made, &first).await).await;
    }
    at_a.patch(&made.path, &json!({"limits": {"maxRequestSize": 1024}})).await.is(200);
    let large = json!({"schemas": [USER], "userName": "x".repeat(3000)});
    let post = Request::new("POST", format!("{}/Users", base(&made))).bearer(&first).json(&large);
    becomes(413, async || b.client.send(post.clone()).await).await;

    // Admin keys are asked for with every request.
    let colleague = at_a.post("/admin/keys", &json!({"name": "c", "role": "owner"})).await.json();
    let theirs = at_b.with(text(&colleague, "key"));
    theirs.get("/organizations").await.is(200);
    at_a.delete(&format!("/admin/keys/{}", text(&colleague, "adminKeyId"))).await.is(200);
    theirs.get("/organizations").await.is(401);

    // A repeated request is the same one at either.
    let organization = made.path.split("/connections").next().expect("an organization");
    let ask = |at: &rollcall_tests::operator::Operator| {
        let request = at.asking("POST", &format!("{organization}/connections"), &json!({}));
        request.header("idempotency-key", "both")
    };
    let (x, y) = tokio::join!(at_a.send(ask(&at_a)), at_b.send(ask(&at_b)));
    assert_eq!((x.status, y.status, &x.body), (201, 201, &y.body));

    // The end of a connection, too.
    users(&b.client, &made, &first).await.is(200);
    at_a.delete(&format!("{}?people=keep", made.path)).await.is(202);
    becomes(401, async || users(&b.client, &made, &first).await).await;
    stopped(a, b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_across_two_servers_fails_no_request() {
    let (_site, a, b, key) = replicas().await;
    let at_a = a.operator(&key);
    let made = connection(&a, &key).await;
    let rotation = format!("{}/tokens/{}/rotation", made.path, made.text("tokenId"));
    let mut token = made.text("token");
    let rounds = async |token: &str| {
        for n in 0..20 {
            let at = if n % 2 == 0 { &a.client } else { &b.client };
            users(at, &made, token).await.is(200);
        }
    };
    rounds(&token).await;
    let new = at_a.send(at_a.request("POST", &rotation)).await.is(201).json();
    rounds(&token).await;
    token = text(&new, "token");
    rounds(&token).await;
    let verified = b.operator(&key).get(&rotation).await.is(200).json();
    assert_eq!(verified["newTokenSeen"], true);
    b.operator(&key).send(at_a.request("POST", &format!("{rotation}/finish"))).await.is(200);
    rounds(&token).await;
    let old = made.text("token");
    for at in [&a.client, &b.client] {
        becomes(401, async || users(at, &made, &old).await).await;
    }
    stopped(a, b).await;
}

/// However little ago a server noted its use before the rotation.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_token_in_use_at_one_server_is_told_at_the_other() {
    let (_site, a, b, key) = replicas().await;
    for (used, told) in [(&a, &b), (&b, &a)] {
        let made = connection(told, &key).await;
        let token = made.text("token");
        for at in [used, told] {
            users(&at.client, &made, &token).await.is(200);
        }
        let rotation = format!("{}/tokens/{}/rotation", made.path, made.text("tokenId"));
        let operator = told.operator(&key);
        operator.send(operator.request("POST", &rotation)).await.is(201);
        until("the old token is told to be in use", async || {
            users(&used.client, &made, &token).await.is(200);
            let shown = operator.get(&rotation).await.is(200).json();
            (shown["oldTokenInUse"] == true).then_some(())
        })
        .await;
    }
    stopped(a, b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn access_tokens_and_assertions_are_of_all_servers() {
    let (_site, a, b, key) = replicas().await;
    let at_a = a.operator(&key);
    let made = connection(&a, &key).await;
    let id = made.text("connectionId");
    let tokens = format!("{}/tokens", made.path);
    let grant = async |at: &Client, fields: &[(&str, &str)]| {
        let endpoint = format!("/connections/{id}/oauth/token");
        at.send(Request::new("POST", endpoint).form(fields)).await
    };
    let secret = json!({"proof": {"kind": "clientSecret"}});
    let secret = at_a.post(&tokens, &secret).await.is(201).json();
    let shown = text(&secret, "token");
    let fields =
        [("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", &*shown)];
    // Both servers make their first key at the same moment.
    let (x, y) = tokio::join!(grant(&a.client, &fields), grant(&b.client, &fields));
    let by = |answer: &Answer| text(&answer.json(), "access_token");
    for token in [by(&x), by(&y)] {
        for at in [&a.client, &b.client] {
            users(at, &made, &token).await.is(200);
        }
    }
    let jwks = async |at: &Client| at.send(Request::new("GET", "/oauth/jwks")).await.is(200).json();
    let (of_a, of_b) = (jwks(&a.client).await, jwks(&b.client).await);
    let kids = |jwks: &Value| {
        let keys = jwks["keys"].as_array().cloned().unwrap_or_default();
        let mut kids: Vec<String> = keys.iter().map(|key| text(key, "kid")).collect();
        kids.sort();
        kids
    };
    assert_eq!(kids(&of_a), kids(&of_b));

    // R-OAUTH-04: an assertion is good once, whichever server it is shown to.
    let client_key = SigningKey::es256("k");
    let proof = json!({"proof": {"kind": "clientKey", "jwks": {"keys": [client_key.jwk()]}}});
    at_a.post(&tokens, &proof).await.is(201);
    let issuer = format!("https://scim.example.test/connections/{id}");
    let assertion = || {
        client_key.sign(&json!({"iss": id, "sub": id, "aud": issuer, "iat": now(),
            "exp": now() + 60, "jti": UuidIds.next().to_string()}))
    };
    let by_assertion = async |at: &Client, assertion: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        grant(at, &fields).await.status
    };
    let one = assertion();
    assert_eq!(by_assertion(&a.client, &one).await, 200);
    assert_eq!(by_assertion(&b.client, &one).await, 401);
    for _ in 0..5 {
        let racing = assertion();
        let (x, y) =
            tokio::join!(by_assertion(&a.client, &racing), by_assertion(&b.client, &racing));
        let mut both = [x, y];
        both.sort_unstable();
        assert_eq!(both, [200, 401]);
    }

    // Revoking the secret at one ends its access tokens at the other.
    let token = by(&x);
    users(&b.client, &made, &token).await.is(200);
    at_a.delete(&format!("{tokens}/{}", text(&secret, "tokenId"))).await.is(200);
    becomes(401, async || users(&b.client, &made, &token).await).await;
    grant(&b.client, &fields).await.is(401);
    stopped(a, b).await;
}

/// A server that dies in the middle of a job leaves it to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_at_another_server() {
    const PEOPLE: usize = 2_000;
    let site = Site::new(StoreKind::Postgres).await;
    let key = site.owner_key().await;
    let a = site.serve(&[], &[]).await;
    let made = connection(&a, &key).await;
    let operations = (0..PEOPLE).map(|n| {
        json!({"method": "POST", "path": "/Users", "bulkId": format!("u{n}"),
            "data": {"schemas": [USER], "userName": format!("u{n}"), "active": true}})
    });
    let bulk = json!({"schemas": [rollcall_tests::client::BULK],
        "Operations": operations.collect::<Vec<_>>()});
    let bulk = Request::new("POST", format!("{}/Bulk", base(&made))).json(&bulk);
    a.client.send(bulk.bearer(&made.text("token"))).await.is(200);
    let started = a.operator(&key).delete(&format!("{}?people=deactivate", made.path)).await;
    let organization = made.path.split("/connections").next().expect("an organization");
    let job = format!("{organization}/jobs/{}", text(&started.is(202).json(), "jobId"));
    let began = std::time::Instant::now();
    loop {
        let shown = a.operator(&key).get(&job).await.is(200).json();
        assert_ne!(shown["state"], "finished", "too late to kill it: {shown}");
        if shown["done"].as_u64().is_some_and(|done| done > 0) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "it does nothing: {shown}");
    }
    a.program.kill().await;
    let b = site.serve(&[], &[]).await;
    let done = b.operator(&key).finished(&job, async || {}).await;
    assert_eq!(done["done"], json!(PEOPLE), "{done}");
    b.operator(&key).get(&made.path).await.is(404);
    b.program.stop().await;
}
