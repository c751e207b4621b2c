//! The credentials of a connection: shown once, with scopes and an end, seen and ended.

use std::time::Duration;

use rollcall_tests::data::{GROUP, USER};
use rollcall_tests::idp::Idp;
use rollcall_tests::operator::text;
use rollcall_tests::server::{Server, StoreKind, settings};
use rollcall_tests::slow::Slow;
use rollcall_tests::{on_both_stores, on_both_stores_alone};
use serde_json::{Value, json};

use super::{Customer, becomes, check, users};

on_both_stores!(
    several_tokens_live_side_by_side,
    r_auth_05_scopes_open_their_own_kind,
    x48_a_read_only_token_writes_nothing,
    a_revoked_token_ends_within_seconds,
    whoever_sends_slowly_does_nothing_with_a_token_that_has_ended,
    credentials_that_cannot_be_are_refused,
    a_users_token_is_made_by_name,
);

on_both_stores_alone!(
    an_expired_token_is_told_on_its_connection,
    r_oauth_01_the_end_of_a_credential_is_warned_of,
    an_idp_that_goes_quiet_is_noticed,
);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The same connection with a token like this, made by the API.
async fn token(customer: &Customer, body: Value) -> (Idp, Value) {
    let made = customer.owner.post(&customer.tokens(), &body).await.is(201).json();
    let idp = Idp {
        token: text(&made, "token"),
        token_id: text(&made, "tokenId").parse().expect("the id of a token"),
        ..customer.idp.clone()
    };
    (idp, made)
}

async fn several_tokens_live_side_by_side(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let (second, made) = token(&customer, json!({"name": "second"})).await;
    let (third, _) = token(&customer, json!({})).await;
    for idp in [&customer.idp, &second, &third] {
        users(idp).await.is(200);
    }
    assert_eq!(
        (&made["name"], &made["scopes"], &made["kind"]),
        (&json!("second"), &json!("scim"), &json!("bearer"))
    );
    let path = format!("{}/{}", customer.tokens(), second.token_id);
    let shown = owner.get(&path).await.is(200);
    assert_eq!(shown.header("etag"), Some("\"0\""));
    let shown = shown.json();
    assert!(shown.get("token").is_none(), "shown once");
    // Last used, within a minute or so.
    assert!(text(&shown, "lastUsed").ends_with('Z'), "{shown}");
    let (unused, _) = token(&customer, json!({})).await;
    let unused = owner.get(&format!("{}/{}", customer.tokens(), unused.token_id)).await.json();
    assert_eq!(unused["lastUsed"], Value::Null);
    let pages = owner.pages(&customer.tokens(), 3).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    // If-Match guards what is ended.
    let end = |tag: &str| owner.request("DELETE", &path).header("if-match", tag);
    owner.send(end("\"4\"")).await.is(412);
    users(&second).await.is(200);
    let ended = owner.send(end("\"0\"")).await.is(200);
    assert!(
        ended.json()["revoked"].is_string() && ended.header("etag") == Some("\"1\""),
        "{ended}"
    );
    // Again changes nothing.
    owner.delete(&path).await.is(200);
    assert_eq!(owner.get(&path).await.json()["revision"], 1);
}

/// Users and groups, to read or to write; a 403 says which scope it takes (RFC 6750 §3.1).
async fn r_auth_05_scopes_open_their_own_kind(server: &Server) {
    let customer = Customer::new(server).await;
    let ada = customer.idp.user("ada").await;
    let crew = customer.idp.group("crew", &[&ada]).await;
    let of = |kind: &str| if kind == "users" { ("/Users", &ada) } else { ("/Groups", &crew) };
    for scope in ["users.read", "users.write", "groups.read", "groups.write"] {
        let (idp, made) = token(&customer, json!({"scopes": scope})).await;
        assert_eq!(made["scopes"], json!(scope));
        let (kind, access) = scope.split_once('.').expect("a scope");
        for other in ["users", "groups"] {
            let (path, id) = of(other);
            let read = if other == kind { 200 } else { 403 };
            let write = if other == kind && access == "write" { 200 } else { 403 };
            for answer in [idp.get(path).await, idp.get(&format!("{path}/{id}")).await] {
                assert_eq!(answer.status, read, "{scope}: {answer}");
                if read == 403 {
                    let challenge = answer.header("www-authenticate").unwrap_or_default();
                    assert!(challenge.contains("insufficient_scope"), "{answer}");
                    assert!(challenge.contains(&format!("{other}.read")), "{answer}");
                }
            }
            let set = json!({"op": "replace", "path": "displayName", "value": scope});
            let answer = idp.patch(&format!("{path}/{id}"), set).await;
            assert_eq!(answer.status, write, "{scope}: {answer}");
        }
        // Discovery is open to everybody who has a token.
        idp.get("/ServiceProviderConfig").await.is(200);
        // Each operation of a bulk request is looked at (R-E-16).
        let results = idp.bulk(json!([
            {"method": "POST", "path": "/Users", "bulkId": "u",
                "data": {"schemas": [USER], "userName": format!("by {scope}")}},
            {"method": "POST", "path": "/Groups", "bulkId": "g",
                "data": {"schemas": [GROUP], "displayName": format!("by {scope}")}},
        ]));
        let expect = match scope {
            "users.write" => "201 403",
            "groups.write" => "403 201",
            _ => "403 403",
        };
        let results = results.await;
        assert!(results.status == 403 || results.statuses() == expect, "{scope}: {results}");
    }
    let (idp, _) = token(&customer, json!({"scopes": "users.read groups.write"})).await;
    idp.get("/Users").await.is(200);
    idp.delete(&format!("/Groups/{crew}")).await.is(204);
}

async fn x48_a_read_only_token_writes_nothing(server: &Server) {
    let customer = Customer::new(server).await;
    let ada = customer.idp.user("ada").await;
    let (reader, _) = token(&customer, json!({"scopes": "users.read groups.read"})).await;
    reader.get(&format!("/Users/{ada}")).await.is(200);
    let body = json!({"schemas": [USER], "userName": "eve"});
    reader.post("/Users", &body).await.refused(403, "");
    reader.put(&format!("/Users/{ada}"), &body).await.refused(403, "");
    reader.delete(&format!("/Users/{ada}")).await.refused(403, "");
    reader.post("/Groups", &json!({"schemas": [GROUP], "displayName": "g"})).await.refused(403, "");
    assert_eq!(customer.idp.get("/Users").await.json()["totalResults"], 1);
    assert_eq!(customer.idp.get(&format!("/Users/{ada}")).await.json()["userName"], "ada");
}

async fn a_revoked_token_ends_within_seconds(server: &Server) {
    let customer = Customer::new(server).await;
    let (second, _) = token(&customer, json!({})).await;
    users(&second).await.is(200);
    customer.owner.delete(&format!("{}/{}", customer.tokens(), second.token_id)).await.is(200);
    becomes(401, async || users(&second).await).await;
    users(&customer.idp).await.is(200);
    // A new one works at once, however busy the connection is.
    for _ in 0..3 {
        let (fresh, _) = token(&customer, json!({})).await;
        users(&fresh).await.is(200);
    }
}

/// R-E-04: the body comes when the token is long revoked.
async fn whoever_sends_slowly_does_nothing_with_a_token_that_has_ended(server: &Server) {
    let customer = Customer::new(server).await;
    let (slow, _) = token(&customer, json!({})).await;
    let address = server.client.origin().trim_start_matches("http://");
    let body = json!({"schemas": [USER], "userName": "late"}).to_string();
    let (half, rest) = body.split_at(body.len() / 2);
    let head = format!(
        "POST {}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n",
        slow.base,
        slow.token,
        body.len()
    );
    let mut request = Slow::begin(address, &head).await;
    request.send(half).await;
    customer.owner.delete(&format!("{}/{}", customer.tokens(), slow.token_id)).await.is(200);
    becomes(401, async || users(&slow).await).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    request.send(rest).await;
    let answer = request.answer().await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!(customer.idp.get("/Users").await.json()["totalResults"], 0);
}

async fn credentials_that_cannot_be_are_refused(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let trust = |name: &str, value: &str| {
        let mut proof = json!({"kind": "trustedIssuer", "issuer": "https://i.test",
            "subject": "s", "audience": "a", "jwksUri": "https://i.test/keys"});
        proof[name] = json!(value);
        json!({ "proof": proof })
    };
    for (body, hint) in [
        (json!({"scopes": "users.fly"}), "users.read"),
        (json!({"scopes": ""}), "scope"),
        (json!({"expires": "2001-01-01T00:00:00Z"}), "future"),
        (json!({"expires": "soon"}), "dateTime"),
        (json!({"proof": {"kind": "password"}}), "password"),
        (json!({"proof": {"kind": "clientKey", "jwks": {"keys": []}}}), "jwks"),
        (
            json!({"proof": {"kind": "clientKey", "jwks": {"keys": [{"kty": "EC", "d": "x"}]}}}),
            "private",
        ),
        (trust("jwksUri", "http://keys.test/keys"), "https"),
        (trust("jwksUri", "file:///etc/passwd"), "https"),
        (trust("subject", ""), "subject"),
        (json!({"certificate": "short"}), "certificate"),
        (json!({"secret": "mine"}), "secret"),
        (json!({"name": "x".repeat(300)}), "name"),
    ] {
        let refused = owner.post(&customer.tokens(), &body).await.is(400).json();
        assert!(text(&refused, "detail").contains(hint), "{body}: {refused}");
    }
    owner.post(&customer.tokens(), &json!({"user": "nobody"})).await.is(404);
    let nobody = format!("{}/tok_00000000000070008000000000000000", customer.tokens());
    owner.get(&nobody).await.is(404);
    owner.delete(&nobody).await.is(404);
    owner.act(&format!("{nobody}/rotation")).await.is(404);
    owner.get(&format!("{}/rotation", customer.token())).await.is(404);
    let all = owner.get(&customer.tokens()).await.json();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1), "{all}");
}

async fn a_users_token_is_made_by_name(server: &Server) {
    let customer = Customer::new(server).await;
    let ada = customer.idp.user("ada").await;
    let (me, made) = token(&customer, json!({"user": "ADA"})).await;
    assert_eq!(made["user"], json!(ada));
    assert_eq!(me.get("/Me").await.is(200).id(), ada);
    me.get("/Users").await.refused(403, "");
}

async fn an_expired_token_is_told_on_its_connection(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let customer = Customer::new(&server).await;
    let owner = &customer.owner;
    let in_a_day = {
        use rollcall_domain::Clock as _;
        let now = server.clock.now().millis();
        rollcall_schema::Instant::from_millis(now + 24 * 60 * 60 * 1000).to_string()
    };
    let (short, made) = token(&customer, json!({"expires": in_a_day})).await;
    assert_eq!(made["expires"], json!(in_a_day));
    users(&short).await.is(200);
    let path = format!("{}/status", customer.made.path);
    assert_eq!(owner.get(&path).await.json()["expiredTokenRefused"], Value::Null);
    server.clock.pass(DAY);
    let refused = users(&short).await;
    refused.refused(401, "");
    // Nothing tells whoever asks that it was good once.
    let garbage =
        short.client.send(short.request("GET", "/Users?count=1").bearer("rct_none")).await;
    assert_eq!(super::bytes(&refused), super::bytes(&garbage));
    let told = owner.get(&path).await.is(200).json();
    assert_eq!(told["expiredTokenRefused"]["tokenId"], json!(short.token_id.to_string()), "{told}");
    text(&told["expiredTokenRefused"], "at");
    let late = check(&told, "expiredToken");
    assert!(late["outcome"] == "fail" && late["fix"].is_string(), "{told}");
    // Once the IdP has a live one, that is over.
    let (fresh, _) = token(&customer, json!({})).await;
    server.clock.pass(Duration::from_secs(1));
    users(&fresh).await.is(200);
    let mended = owner.get(&path).await.is(200).json();
    let checks = mended["checks"].as_array().expect("checks");
    assert!(checks.iter().all(|check| check["name"] != "expiredToken"), "{mended}");
}

/// 30, 14, 7 and 1 days before, once each, however often anybody looks.
async fn r_oauth_01_the_end_of_a_credential_is_warned_of(kind: StoreKind) {
    use rollcall_domain::Clock as _;
    let server = Server::start(kind, settings()).await;
    let customer = Customer::new(&server).await;
    let now = server.clock.now().millis();
    let end = now + 40 * 24 * 60 * 60 * 1000 + 60 * 60 * 1000;
    let end = rollcall_schema::Instant::from_millis(end).to_string();
    let (idp, _) = token(&customer, json!({"expires": end})).await;
    let warnings = async || {
        let events = customer.events(&server).await;
        let warned = events.iter().filter(|event| event.action == "token.expiring");
        warned.map(|event| (event.actor.clone(), event.changes["days"].clone())).collect::<Vec<_>>()
    };
    let mut expect: Vec<(String, Value)> = Vec::new();
    for day in 0..=41 {
        // Two replicas look at once.
        let (a, b) = (server.watch(), server.watch());
        let (a, b) = tokio::join!(a.tick(), b.tick());
        a.and(b).expect("the store answers");
        // So many whole days and an hour are left.
        let left = 40 - day;
        if let Some(days) = [29, 13, 6, 0].iter().position(|at| *at == left) {
            expect.push(("server".into(), json!([30, 14, 7, 1][days])));
        }
        assert_eq!(warnings().await, expect, "day {day}");
        server.clock.pass(DAY);
    }
    users(&idp).await.refused(401, "");
    let soon = customer.owner.get(&format!("{}/status", customer.made.path)).await.json();
    assert!(!soon["checks"].to_string().contains("ends in"), "{soon}");
}

async fn an_idp_that_goes_quiet_is_noticed(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let customer = Customer::like(&server, json!({"settings": {"quietAfterHours": 48}})).await;
    let silent = customer.twin(&server).await;
    users(&customer.idp).await.is(200);
    let path = format!("{}/status", customer.made.path);
    let actions = async || {
        server.watch().tick().await.expect("the store answers");
        let actions = customer.actions(&server).await;
        actions
            .into_iter()
            .filter(|a| matches!(&**a, "connection.quiet" | "connection.heard"))
            .collect::<Vec<_>>()
    };
    assert!(actions().await.is_empty());
    server.clock.pass(DAY);
    assert!(actions().await.is_empty());
    server.clock.pass(DAY + Duration::from_secs(60));
    assert_eq!(actions().await, ["connection.quiet"]);
    assert_eq!(actions().await, ["connection.quiet"], "once");
    let told = customer.owner.get(&path).await.is(200).json();
    assert!(told["quietSince"].is_string(), "{told}");
    assert_eq!(check(&told, "traffic")["outcome"], "warn");
    // One that was never heard of is not quiet, and a paused one neither.
    let never = customer.owner.get(&format!("{}/status", silent.0.path)).await.json();
    assert_eq!(never["quietSince"], Value::Null);
    // One server notes traffic once a minute; each replica by itself.
    server.heard_elsewhere(&customer.idp).await;
    assert_eq!(actions().await, ["connection.quiet", "connection.heard"]);
    assert_eq!(customer.owner.get(&path).await.json()["quietSince"], Value::Null);
}
