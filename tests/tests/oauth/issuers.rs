//! Issuers elsewhere that a connection trusts: Entra's workload identity federation, and bearers of
//! such tokens. The issuer here is a real one, with its keys behind HTTP.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rollcall_domain::Clock as _;
use rollcall_domain::{Ids as _, UuidIds};
use rollcall_tests::issuer::{Issuer, SigningKey, hs256, unsigned};
use rollcall_tests::on_both_stores_alone;
use rollcall_tests::operator::text;
use rollcall_tests::server::{Server, StoreKind, settings};
use serde_json::{Value, json};

use super::{Client, but, granted, refused, users};

on_both_stores_alone!(
    r_oauth_02_entra_gets_a_token_by_federation,
    r_e_25_tokens_that_are_not_of_the_issuer_are_refused,
    keys_are_rotated_by_the_issuer_while_requests_run,
    keys_are_kept_and_not_asked_for_too_often,
    an_issuer_that_is_gone_is_told_and_not_trusted,
);

const SUBJECT: &str = "4f8a1c77-0000-4000-8000-00000000ada0";
const AUDIENCE: &str = "api://3c5f0000-0000-4000-8000-000000000001";

fn trust(issuer: &Issuer) -> Value {
    json!({"proof": {"kind": "trustedIssuer", "issuer": issuer.name(), "subject": SUBJECT,
        "audience": AUDIENCE, "jwksUri": issuer.jwks_uri()}})
}

fn seconds(server: &Server) -> i64 {
    server.clock.now().millis() / 1000
}

/// What a token of Entra says (R-OAUTH-02).
fn claims(server: &Server, issuer: &Issuer) -> Value {
    let now = seconds(server);
    json!({"iss": issuer.name(), "sub": SUBJECT, "aud": AUDIENCE, "oid": SUBJECT,
        "appid": "3c5f0000-0000-4000-8000-000000000001", "tid": "tenant", "idtyp": "app",
        "iat": now, "nbf": now, "exp": now + 3600, "uti": UuidIds.next().to_string()})
}

async fn r_oauth_02_entra_gets_a_token_by_federation(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let client = Client::new(&server).await;
    let key = SigningKey::rs256("entra-1");
    let issuer = Issuer::start(&[&key]).await;
    let made = client.credential(trust(&issuer)).await;
    assert_eq!((&made["issuer"], &made["subject"]), (&json!(issuer.name()), &json!(SUBJECT)));
    let assertion = key.sign(&claims(&server, &issuer));
    let answer = client.by_assertion(&assertion).await.is(200);
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let idp = client.with(granted(&answer));
    idp.user("ada").await;
    users(&idp).await.is(200);
    // What the issuer calls the client says nothing here: Entra sends the id of its application.
    let other = client
        .by_assertion_of(
            "3c5f0000-0000-4000-8000-000000000001",
            &key.sign(&claims(&server, &issuer)),
        )
        .await;
    granted(&other);
    // Shown as it is, as bearer.
    let bearer = client.with(key.sign(&claims(&server, &issuer)));
    users(&bearer).await.is(200);
    // On the path without an id nothing says whose issuer that is.
    let short = rollcall_tests::client::Request::new("GET", "/scim/v2/Users").bearer(&bearer.token);
    server.client.send(short).await.is(401);
    // Another connection does not trust it, and one that trusts the same with another subject
    // neither.
    let stranger = Client::new(&server).await;
    users(&stranger.with(&*bearer.token)).await.is(401);
    let mut narrow = trust(&issuer);
    narrow["proof"]["subject"] = json!("somebody else");
    stranger.credential(narrow).await;
    users(&stranger.with(key.sign(&claims(&server, &issuer)))).await.is(401);
    refused(
        &stranger.by_assertion(&key.sign(&claims(&server, &issuer))).await,
        401,
        "invalid_client",
    );
    // Until it is revoked.
    client.revoke(&made).await;
    super::becomes(401, async || users(&bearer).await).await;
    refused(
        &client.by_assertion(&key.sign(&claims(&server, &issuer))).await,
        401,
        "invalid_client",
    );
}

async fn r_e_25_tokens_that_are_not_of_the_issuer_are_refused(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let client = Client::new(&server).await;
    let key = SigningKey::rs256("k1");
    let stranger = SigningKey::rs256("k1");
    let issuer = Issuer::start(&[&key]).await;
    let evil = Issuer::start(&[&stranger]).await;
    client.credential(trust(&issuer)).await;
    let honest = claims(&server, &issuer);
    let now = seconds(&server);
    let but = |changes: Value| but(honest.clone(), changes);
    let header = |changes: Value| super::but(key.header(), changes);
    let jku = evil.jwks_uri();
    let pem = key.public_pem();
    let n = text(&key.jwk(), "n");
    let hs = json!({"alg": "HS256", "typ": "JWT", "kid": "k1"});
    granted(&client.by_assertion(&key.sign(&honest)).await);
    let fetched = issuer.fetches();
    for (what, token) in [
        ("wrong kid", key.sign_under(&header(json!({"kid": "k9"})), &honest)),
        ("another key of the same kid", stranger.sign(&honest)),
        ("alg none", unsigned(&json!({"alg": "none", "typ": "JWT", "kid": "k1"}), &honest)),
        ("HS256 with the public key", hs256(pem.as_bytes(), &hs, &honest)),
        ("HS256 with the modulus", hs256(n.as_bytes(), &hs, &honest)),
        ("jku", stranger.sign_under(&header(json!({"jku": jku})), &honest)),
        ("x5u", stranger.sign_under(&header(json!({"x5u": jku})), &honest)),
        ("jwk", stranger.sign_under(&header(json!({"jwk": stranger.jwk()})), &honest)),
        ("expired", key.sign(&but(json!({"iat": now - 4000, "nbf": now - 4000, "exp": now - 1})))),
        ("no end", key.sign(&but(json!({"exp": null})))),
        ("not yet", key.sign(&but(json!({"nbf": now + 900})))),
        ("foreign audience", key.sign(&but(json!({"aud": "api://other"})))),
        ("audience with more", key.sign(&but(json!({"aud": format!("{AUDIENCE}/.default")})))),
        ("no audience", key.sign(&but(json!({"aud": null})))),
        ("foreign issuer", key.sign(&but(json!({"iss": evil.name()})))),
        ("issuer with a slash", key.sign(&but(json!({"iss": format!("{}/", issuer.name())})))),
        ("foreign subject", key.sign(&but(json!({"sub": "eve"})))),
        ("no subject", key.sign(&but(json!({"sub": null})))),
    ] {
        let answer = client.by_assertion(&token).await;
        assert_eq!(answer.status, 401, "{what}: {answer}");
        refused(&answer, 401, "invalid_client");
        let bearer = users(&client.with(&*token)).await;
        assert_eq!(bearer.status, 401, "{what}: {bearer}");
        assert!(bearer.header("www-authenticate").is_some(), "{what}: {bearer}");
    }
    assert_eq!(evil.fetches(), 0, "a token never says where its keys are");
    assert!(issuer.fetches() <= fetched + 1, "whoever invents kids makes nobody ask");
    // Numbered tokens are good once at the endpoint.
    let numbered = key.sign(&but(json!({"jti": "once"})));
    granted(&client.by_assertion(&numbered).await);
    refused(&client.by_assertion(&numbered).await, 401, "invalid_client");
    granted(&client.by_assertion(&key.sign(&but(json!({"jti": "twice"})))).await);
}

async fn keys_are_rotated_by_the_issuer_while_requests_run(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let client = Client::new(&server).await;
    let keys: Vec<SigningKey> = (0..4).map(|n| SigningKey::es256(&format!("k{n}"))).collect();
    let issuer = Issuer::start(&[&keys[0]]).await;
    client.credential(trust(&issuer)).await;
    let (current, stop, sent) = (AtomicU32::new(0), AtomicBool::new(false), AtomicU32::new(0));
    let calling = async {
        while !stop.load(Ordering::SeqCst) {
            let key = &keys[current.load(Ordering::SeqCst) as usize];
            let answer = client.by_assertion(&key.sign(&claims(&server, &issuer))).await;
            users(&client.with(granted(&answer))).await.is(200);
            users(&client.with(key.sign(&claims(&server, &issuer)))).await.is(200);
            sent.fetch_add(1, Ordering::SeqCst);
        }
    };
    let rotating = async {
        let pause = async || {
            let before = sent.load(Ordering::SeqCst);
            while sent.load(Ordering::SeqCst) < before + 4 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        pause().await;
        for next in 1..keys.len() {
            // Published beside the old one, used, and then alone.
            issuer.publish(&[&keys[next - 1], &keys[next]]);
            server.clock.pass(Duration::from_secs(61));
            pause().await;
            current.store(u32::try_from(next).expect("few"), Ordering::SeqCst);
            pause().await;
            issuer.publish(&[&keys[next]]);
            pause().await;
        }
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(calling, rotating);
    // A key that was taken away is no key once the others were fetched again: a day later at most.
    server.clock.pass(Duration::from_secs(25 * 60 * 60));
    users(&client.with(keys[3].sign(&claims(&server, &issuer)))).await.is(200);
    users(&client.with(keys[0].sign(&claims(&server, &issuer)))).await.is(401);
    refused(
        &client.by_assertion(&keys[2].sign(&claims(&server, &issuer))).await,
        401,
        "invalid_client",
    );
}

/// R-OAUTH-02: kept for a day; a key that nobody knows makes the server ask, though not for every
/// request.
async fn keys_are_kept_and_not_asked_for_too_often(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let client = Client::new(&server).await;
    let [old, new] = [SigningKey::es256("old"), SigningKey::es256("new")];
    let issuer = Issuer::start(&[&old]).await;
    client.credential(trust(&issuer)).await;
    let by = async |key: &SigningKey| {
        client.by_assertion(&key.sign(&claims(&server, &issuer))).await.status
    };
    for _ in 0..10 {
        assert_eq!(by(&old).await, 200);
    }
    assert_eq!(issuer.fetches(), 1);
    server.clock.pass(Duration::from_secs(120));
    let many = futures_util::future::join_all((0..20).map(|_| by(&new))).await;
    assert_eq!(many, [401; 20]);
    assert_eq!(issuer.fetches(), 2, "one asks for all of them, and not again within a minute");
    issuer.publish(&[&new]);
    assert_eq!(by(&new).await, 401);
    server.clock.pass(Duration::from_secs(61));
    assert_eq!(by(&new).await, 200);
    assert_eq!(issuer.fetches(), 3);
}

async fn an_issuer_that_is_gone_is_told_and_not_trusted(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let client = Client::new(&server).await;
    let key = SigningKey::es256("k");
    let issuer = Issuer::start(&[&key]).await;
    let mut gone = trust(&issuer);
    gone["proof"]["jwksUri"] = json!(format!("{}/nothing", issuer.origin()));
    client.credential(gone).await;
    let token = key.sign(&claims(&server, &issuer));
    let answer = client.by_assertion(&token).await;
    assert_eq!(answer.status, 503, "it may be good, and nobody can tell: {answer}");
    assert!(answer.header("retry-after").is_some(), "{answer}");
    let bearer = users(&client.with(&*token)).await;
    assert_eq!(bearer.status, 503, "{bearer}");
    for told in [&answer, &bearer] {
        assert_eq!(told.header("retry-after"), Some("60"), "{told}");
        let text = told.json().to_string();
        assert!(text.contains("issuer") && !text.contains("directory"), "{told}");
    }
    // Whoever comes with something else is not kept waiting.
    users(&client.idp).await.is(200);
    // Keys that were fetched once do for a while where the issuer is gone.
    let steady = Client::new(&server).await;
    steady.credential(trust(&issuer)).await;
    granted(&steady.by_assertion(&key.sign(&claims(&server, &issuer))).await);
    let later = claims(&server, &issuer);
    drop(issuer);
    server.clock.pass(Duration::from_secs(25 * 60 * 60));
    let now = seconds(&server);
    let later = but(later, json!({"iat": now, "nbf": now, "exp": now + 600}));
    granted(&steady.by_assertion(&key.sign(&later)).await);
}
