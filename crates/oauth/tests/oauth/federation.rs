//! Tokens of issuers that are trusted (R-OAUTH-02).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rollcall_domain::{
    AccessTokens as _, Authenticator, AuthorizationServer as _, Clock as _, ConnectionId, Ids as _,
    Refusal, Registry as _, Shown, TokenId, TokenKind, TokenRequest, Trust, UuidIds,
};
use rollcall_schema::Instant;
use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::keys::{Key, mac, unsigned};
use crate::world::{CERTIFICATE, World, assertion_request, is_no_client, scopes};

const AUDIENCE: &str = "api://rollcall";
const SUBJECT: &str = "4f6e8d1c-0000-4000-8000-000000000001";

/// An issuer, a connection that trusts it, and the credential that says so.
async fn trusted(keys: &[&Key]) -> (Issuer, World, TokenId) {
    let issuer = Issuer::serve(keys).await;
    let world = World::fetching(issuer.near()).await;
    let kind = TokenKind::TrustedIssuer(Trust {
        issuer: issuer.url.clone(),
        subject: SUBJECT.into(),
        audience: AUDIENCE.into(),
        jwks_uri: issuer.jwks_uri(),
    });
    let id = world.credential(kind, |token| token.scopes = scopes("users.write")).await;
    (issuer, world, id)
}

fn claims(issuer: &Issuer, world: &World) -> Value {
    let now = world.clock.seconds();
    json!({
        "iss": issuer.url, "sub": SUBJECT, "aud": AUDIENCE, "oid": SUBJECT, "tid": "t",
        "iat": now, "nbf": now, "exp": now + 3600,
    })
}

#[tokio::test]
async fn r_oauth_02_a_workload_identity_gets_tokens() {
    let key = Key::new("k1", "RS256");
    let (issuer, world, id) = trusted(&[&key]).await;
    let assertion = key.token(&claims(&issuer, &world));
    // What Entra sends: a client id of its own, and `scope=scim`.
    let request = TokenRequest {
        client_id: Some("0a1b2c3d-0000-4000-8000-000000000002"),
        ..assertion_request(world.connection, &assertion)
    };
    let granted = world.oauth.grant(request).await.unwrap();
    assert_eq!((granted.expires_in, granted.scopes), (3600, scopes("users.write")));
    let grant = world.oauth.check(&granted.access_token, None).await.unwrap().unwrap();
    assert_eq!(grant.token, id);
    let granted = world.oauth.grant(TokenRequest { scope: Some("scim"), ..request }).await;
    assert_eq!(granted.unwrap().scopes, scopes("users.write"));
    world.change(id, |token| token.scopes = scopes("scim")).await;
    let granted = world.oauth.grant(TokenRequest { scope: Some("scim"), ..request }).await;
    assert_eq!(granted.unwrap().scopes, scopes("scim"));
}

#[tokio::test]
async fn r_oauth_04_numbered_tokens_of_an_issuer_are_taken_once() {
    let key = Key::new("k1", "ES256");
    let (issuer, world, _) = trusted(&[&key]).await;
    let mut numbered = claims(&issuer, &world);
    numbered["jti"] = json!("1");
    let assertion = key.token(&numbered);
    assert!(world.with_assertion(&assertion).await.is_ok());
    is_no_client(world.with_assertion(&assertion).await);
    is_no_client(world.replica().grant(assertion_request(world.connection, &assertion)).await);
}

#[tokio::test]
async fn r_auth_03_tokens_of_an_issuer_are_good_as_bearers() {
    let key = Key::new("k1", "ES256");
    let (issuer, world, id) = trusted(&[&key]).await;
    let (now, mut said) = (world.clock.seconds(), claims(&issuer, &world));
    said["jti"] = json!("1");
    let token = key.token(&said);
    for _ in 0..2 {
        let grant = world.oauth.check(&token, Some(world.connection)).await.unwrap().unwrap();
        assert_eq!((grant.token, grant.connection), (id, world.connection));
        assert_eq!(grant.scopes, scopes("users.write"));
        assert_eq!(grant.expires.millis(), (now + 3600) * 1000);
    }
    // Nobody knows whom it should open without the path.
    assert_eq!(world.oauth.check(&token, None).await.unwrap(), None);
    world.revoke(id).await;
    assert_eq!(world.oauth.check(&token, Some(world.connection)).await.unwrap(), None);
}

#[tokio::test]
async fn r_auth_03_one_issuer_is_trusted_by_two_connections() {
    let key = Key::new("k1", "ES256");
    let (issuer, world, first) = trusted(&[&key]).await;
    let other = ConnectionId::from_uuid(UuidIds.next());
    world.add_connection(other).await;
    let (trust, _) = world.store.token(first).await.unwrap().unwrap();
    world.credential(trust.kind, |token| token.connection = other).await;
    let authenticator = Authenticator::new(world.store.clone())
        .with_clock(world.clock.clone())
        .with_access_tokens(world.oauth.clone());
    let token = key.token(&claims(&issuer, &world));
    for connection in [world.connection, other, world.connection, other] {
        let shown = Shown { connection: Some(connection), ..Shown::token(&token) };
        let context = authenticator.bearer(shown).await.unwrap();
        assert_eq!(context.connection().id, connection);
    }
}

#[tokio::test]
async fn r_oauth_05_bearers_are_bound_where_they_say_so() {
    let key = Key::new("k1", "ES256");
    let (issuer, world, id) = trusted(&[&key]).await;
    let print = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    let checked = async |cnf: Value| {
        let mut said = claims(&issuer, &world);
        said["cnf"] = cnf;
        world.oauth.check(&key.token(&said), Some(world.connection)).await.unwrap()
    };
    let bound = checked(json!({"x5t#S256": print})).await.unwrap();
    assert_eq!(bound.certificate, Some(CERTIFICATE));
    assert_eq!(checked(json!({"jkt": print})).await, None);
    world.change(id, |token| token.certificate = Some(CERTIFICATE)).await;
    assert!(checked(json!({"x5t#S256": print})).await.is_some());
    let other = print.replace("Bw", "Aw");
    assert_eq!(checked(json!({"x5t#S256": other})).await, None);
}

#[tokio::test]
async fn r_e_25_tokens_of_others_are_refused_either_way() {
    let key = Key::new("k1", "RS256");
    let stranger = Key::new("k1", "RS256");
    let (issuer, world, _) = trusted(&[&key]).await;
    let (now, good) = (world.clock.seconds(), claims(&issuer, &world));
    let with = |claim: &str, value: Value| {
        let mut said = good.clone();
        said[claim] = value;
        key.token(&said)
    };
    let header = |alg: &str| json!({"alg": alg, "kid": "k1"});
    let jku = json!({"alg": "RS256", "kid": "k1", "jku": issuer.jwks_uri()});
    let public = key.jwk()["n"].as_str().unwrap().as_bytes().to_vec();
    for (what, token) in [
        ("foreign audience", with("aud", json!("api://other"))),
        ("longer audience", with("aud", json!(format!("{AUDIENCE}/.default")))),
        ("no audience", with("aud", json!([]))),
        ("foreign subject", with("sub", json!("somebody"))),
        ("no subject", with("sub", Value::Null)),
        ("foreign issuer", with("iss", json!("https://evil.test"))),
        ("issuer with a slash", with("iss", json!(format!("{}/", issuer.url)))),
        ("expired", with("exp", json!(now))),
        ("for ever", with("exp", json!(now + 86_701))),
        ("not yet", with("nbf", json!(now + 301))),
        ("from the future", with("iat", json!(now + 301))),
        ("stranger's key", stranger.token(&good)),
        ("unknown key", key.signed(&json!({"alg": "RS256", "kid": "k9"}), &good)),
        ("alg none", unsigned(&header("none"), &good)),
        ("HS256 by the public key", mac(&header("HS256"), &good, &public)),
        ("jku", key.signed(&jku, &good)),
        ("oversized", with("x", json!("x".repeat(16 * 1024)))),
        ("a logout", key.signed(&json!({"alg": "RS256", "kid": "k1", "typ": "logout+jwt"}), &good)),
        ("an event", with("events", json!({"https://schemas.example/left": {}}))),
    ] {
        let granted = world.with_assertion(&token).await;
        assert!(matches!(granted, Err(Refusal::InvalidClient)), "{what}: {granted:?}");
        let checked = world.oauth.check(&token, Some(world.connection)).await.unwrap();
        assert_eq!(checked, None, "{what}");
    }
    assert!(world.with_assertion(&key.token(&good)).await.is_ok());
    let many = with("aud", json!(["api://other", AUDIENCE]));
    assert!(world.with_assertion(&many).await.is_ok());
}

#[tokio::test]
async fn an_ended_trust_lets_nobody_in() {
    let key = Key::new("k1", "ES256");
    let (issuer, world, id) = trusted(&[&key]).await;
    let end = Instant::from_millis(world.clock.now().millis());
    world.change(id, |token| token.expires = Some(end)).await;
    is_no_client(world.with_assertion(&key.token(&claims(&issuer, &world))).await);
    world.revoke(id).await;
    is_no_client(world.with_assertion(&key.token(&claims(&issuer, &world))).await);
}

#[tokio::test]
async fn r_oauth_02_keys_are_kept_and_asked_for_again() {
    let (old, new) = (Key::new("k1", "ES256"), Key::new("k2", "ES256"));
    let (issuer, world, _) = trusted(&[&old]).await;
    let good = async |key: &Key| {
        let token = key.token(&claims(&issuer, &world));
        world.oauth.check(&token, Some(world.connection)).await.unwrap().is_some()
    };
    assert!(good(&old).await && good(&old).await);
    assert_eq!(issuer.fetched(), 1);

    // A key that nobody knows makes us ask, once a minute.
    world.clock.pass(60);
    assert!(!good(&new).await && !good(&new).await);
    assert_eq!(issuer.fetched(), 2);
    issuer.publish(&[&old, &new]);
    world.clock.pass(59);
    assert!(!good(&new).await);
    world.clock.pass(1);
    assert!(good(&new).await && good(&old).await);
    assert_eq!(issuer.fetched(), 3);

    // What is withdrawn is good for a day at most.
    issuer.publish(&[&new]);
    world.clock.pass(86_399);
    assert!(good(&old).await);
    world.clock.pass(1);
    assert!(!good(&old).await && good(&new).await);
}

#[tokio::test]
async fn r_oauth_02_known_keys_are_good_while_the_issuer_is_down() {
    let key = Key::new("k1", "ES256");
    let (issuer, world, _) = trusted(&[&key]).await;
    let check = async |key: &Key| {
        let token = key.token(&claims(&issuer, &world));
        world.oauth.check(&token, Some(world.connection)).await
    };
    issuer.set_down(true);
    assert!(check(&key).await.is_err());
    let refusal = world.with_assertion(&key.token(&claims(&issuer, &world))).await;
    assert!(matches!(refusal, Err(Refusal::NoKeys)), "{refusal:?}");
    issuer.set_down(false);
    world.clock.pass(60);
    assert!(check(&key).await.unwrap().is_some());
    issuer.set_down(true);
    world.clock.pass(2 * 86_400);
    assert!(check(&key).await.unwrap().is_some());
    // An issuer that publishes nothing is as good as down.
    issuer.set_down(false);
    issuer.publish(&[]);
    world.clock.pass(60);
    assert!(check(&key).await.unwrap().is_some());
    // For ever is too long.
    world.clock.pass(6 * 86_400);
    assert!(check(&key).await.is_err());
}

/// Keys are rotated while requests run: none of them fails, and they ask together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_oauth_02_keys_rotate_while_requests_run() {
    let (old, new) = (Arc::new(Key::new("k1", "ES256")), Arc::new(Key::new("k2", "ES256")));
    let (issuer, world, _) = trusted(&[&old]).await;
    let (issuer, world) = (Arc::new(issuer), Arc::new(world));
    let rotated = Arc::new(AtomicBool::new(false));
    let before = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (issuer, world, rotated) = (issuer.clone(), world.clone(), rotated.clone());
        let (old, new, before) = (old.clone(), new.clone(), before.clone());
        tasks.spawn(async move {
            let (mut checked, mut after) = (0, 0);
            while after < 20 {
                let is_rotated = rotated.load(Ordering::SeqCst);
                let key = if is_rotated { &new } else { &old };
                let token = key.token(&claims(&issuer, &world));
                let found = world.oauth.check(&token, Some(world.connection)).await.unwrap();
                assert!(found.is_some(), "after {checked}");
                checked += 1;
                before.fetch_add(1, Ordering::SeqCst);
                after += usize::from(is_rotated);
                tokio::task::yield_now().await;
            }
            checked
        });
    }
    // The old key is known by then.
    while before.load(Ordering::SeqCst) < 80 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    world.clock.pass(60);
    issuer.publish(&[&old, &new]);
    rotated.store(true, Ordering::SeqCst);
    let checked: usize = tasks.join_all().await.into_iter().sum();
    assert!(checked >= 160, "{checked}");
    assert_eq!(issuer.fetched(), 2);
}
