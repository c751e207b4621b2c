//! Clients that sign assertions with a key of their own (RFC 7523).

use rollcall_domain::{
    AccessTokens as _, AuthorizationServer as _, ConnectionId, Ids as _, Refusal, TokenKind,
    TokenRequest, UuidIds,
};
use serde_json::{Value, json};

use crate::keys::{Key, mac, unsigned};
use crate::world::{World, assertion_request, is_no_client};

async fn with_keys(keys: &[&Key]) -> World {
    let world = World::new().await;
    let jwks = json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()});
    world.credential(TokenKind::ClientKey { jwks }, |_| {}).await;
    world
}

#[tokio::test]
async fn r_oauth_04_clients_prove_who_they_are_with_keys() {
    for alg in ["ES256", "ES384", "EdDSA", "RS256", "PS256"] {
        let key = Key::new("k1", alg);
        let world = with_keys(&[&key]).await;
        let granted = world.with_assertion(&key.token(&world.claims("1"))).await.unwrap();
        assert!(world.oauth.check(&granted.access_token, None).await.unwrap().is_some(), "{alg}");
    }
}

#[tokio::test]
async fn r_oauth_04_what_an_assertion_says_is_exact() {
    let key = Key::new("k1", "ES256");
    let world = with_keys(&[&key]).await;
    let (now, id) = (world.clock.seconds(), world.connection.to_string());
    let issuer = world.oauth.issuer(world.connection);
    let other = ConnectionId::from_uuid(UuidIds.next());
    let gone = Value::Null;
    for (nth, (claim, value, expect)) in [
        ("aud", json!(issuer), true),
        ("aud", json!([issuer, world.oauth.token_endpoint(world.connection)]), true),
        ("aud", json!(["https://elsewhere.test", issuer]), false),
        ("aud", json!(world.oauth.audience(world.connection)), false),
        ("aud", json!(world.oauth.token_endpoint(other)), false),
        ("aud", json!(format!("{issuer}/")), false),
        ("aud", gone.clone(), false),
        ("iss", json!(other), false),
        ("iss", gone.clone(), false),
        ("sub", json!(other), false),
        ("sub", gone.clone(), false),
        ("exp", json!(now), false),
        ("exp", json!(now - 600), false),
        ("exp", json!(now + 100_000), false),
        ("exp", gone.clone(), false),
        ("nbf", json!(now + 299), true),
        ("nbf", json!(now + 301), false),
        ("iat", json!(now + 301), false),
        ("iat", gone, true),
        ("sub", json!(id), true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = world.claims(&nth.to_string());
        let shown = format!("{claim} {value}");
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
            value => claims[claim] = value,
        }
        let granted = world.with_assertion(&key.token(&claims)).await;
        assert_eq!(granted.is_ok(), expect, "{shown}");
        assert!(matches!(granted, Ok(_) | Err(Refusal::InvalidClient)), "{shown}");
    }
}

/// Tokens of other kinds that the key may have signed are no assertions (RFC 8725 §3.11).
#[tokio::test]
async fn r_oauth_04_an_assertion_says_that_it_is_one() {
    let key = Key::new("k1", "ES256");
    let world = with_keys(&[&key]).await;
    for (typ, expect) in [
        ("JWT", true),
        ("client-authentication+jwt", true),
        ("at+jwt", false),
        ("logout+jwt", false),
        ("dpop+jwt", false),
    ] {
        let header = json!({"alg": "ES256", "typ": typ, "kid": "k1"});
        let granted = world.with_assertion(&key.signed(&header, &world.claims(typ))).await;
        assert_eq!(granted.is_ok(), expect, "{typ}");
    }
}

/// One that ends later than a day from now is remembered as long.
#[tokio::test]
async fn r_oauth_04_an_assertion_is_remembered_until_it_ends() {
    let key = Key::new("k1", "ES256");
    let world = with_keys(&[&key]).await;
    let (now, mut claims) = (world.clock.seconds(), world.claims("long"));
    claims["iat"] = json!(now + 299);
    claims["exp"] = json!(now + 86_690);
    let assertion = key.token(&claims);
    assert!(world.with_assertion(&assertion).await.is_ok());
    world.clock.pass(86_400 + 1);
    is_no_client(world.with_assertion(&assertion).await);
}

#[tokio::test]
async fn r_oauth_04_the_client_id_fits_where_it_is_sent() {
    let key = Key::new("k1", "ES256");
    let world = with_keys(&[&key]).await;
    let client = world.connection.to_string();
    for (jti, client_id, expect) in
        [("1", Some(&*client), true), ("2", None, true), ("3", Some("other"), false)]
    {
        let assertion = key.token(&world.claims(jti));
        let request = assertion_request(world.connection, &assertion);
        let granted = world.oauth.grant(TokenRequest { client_id, ..request }).await;
        assert_eq!(granted.is_ok(), expect, "{client_id:?}");
    }
}

#[tokio::test]
async fn r_oauth_04_an_assertion_is_good_once_on_whichever_replica() {
    let key = Key::new("k1", "ES256");
    let world = with_keys(&[&key]).await;
    let assertion = key.token(&world.claims("once"));
    assert!(world.with_assertion(&assertion).await.is_ok());
    is_no_client(world.with_assertion(&assertion).await);
    is_no_client(world.replica().grant(assertion_request(world.connection, &assertion)).await);
    // Another one of the same name, and another one.
    let mut again = world.claims("once");
    again["exp"] = json!(world.clock.seconds() + 61);
    is_no_client(world.with_assertion(&key.token(&again)).await);
    assert!(world.with_assertion(&key.token(&world.claims("twice"))).await.is_ok());
    // One without a name is known by all that it says.
    let mut nameless = world.claims("");
    nameless.as_object_mut().unwrap().remove("jti");
    assert!(world.with_assertion(&key.token(&nameless)).await.is_ok());
    is_no_client(world.with_assertion(&key.token(&nameless)).await);
}

#[tokio::test]
async fn r_oauth_04_of_many_at_once_one_is_taken() {
    let key = Key::new("k1", "ES256");
    let world = with_keys(&[&key]).await;
    let assertion = key.token(&world.claims("once"));
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..8 {
        let server = if nth % 2 == 0 { world.replica() } else { world.oauth.clone() };
        let (connection, assertion) = (world.connection, assertion.clone());
        tasks.spawn(async move {
            server.grant(assertion_request(connection, &assertion)).await.is_ok()
        });
    }
    let good = tasks.join_all().await.into_iter().filter(|good| *good).count();
    assert_eq!(good, 1);
}

#[tokio::test]
async fn r_e_25_keys_and_algorithms_fit() {
    let (ec, rsa) = (Key::new("ec", "ES256"), Key::new("rsa", "RS256"));
    let stranger = Key::new("ec", "ES256");
    let world = with_keys(&[&ec, &rsa]).await;
    let claims = world.claims("1");
    let public = ec.jwk().to_string();
    let header = |alg: &str, kid: &str| json!({"alg": alg, "typ": "JWT", "kid": kid});
    for (what, assertion) in [
        ("nobody signed it", unsigned(&header("none", "ec"), &claims)),
        ("nobody signed it, it says otherwise", unsigned(&header("ES256", "ec"), &claims)),
        ("a MAC by the public key", mac(&header("HS256", "ec"), &claims, public.as_bytes())),
        ("a MAC under another name", mac(&header("ES256", "ec"), &claims, public.as_bytes())),
        ("a stranger's key", stranger.token(&claims)),
        ("the wrong key", ec.signed(&header("ES256", "rsa"), &claims)),
        ("the wrong algorithm", rsa.signed(&header("PS256", "rsa"), &claims)),
        ("an unknown key", ec.signed(&header("ES256", "ed"), &claims)),
        ("no key", ec.signed(&json!({"alg": "ES256"}), &claims)),
        ("a key by URL", {
            let header = json!({"alg": "ES256", "kid": "ec", "jku": "https://evil.test/keys"});
            ec.signed(&header, &claims)
        }),
        ("its own key", {
            let header = json!({"alg": "ES256", "kid": "ec", "jwk": stranger.jwk()});
            stranger.signed(&header, &claims)
        }),
        ("too long", {
            let mut claims = claims.clone();
            claims["x"] = json!("x".repeat(16 * 1024));
            ec.token(&claims)
        }),
    ] {
        let granted = world.with_assertion(&assertion).await;
        assert!(matches!(granted, Err(Refusal::InvalidClient)), "{what}: {granted:?}");
    }
    assert!(world.with_assertion(&ec.token(&claims)).await.is_ok());
}

#[tokio::test]
async fn r_e_25_keys_for_something_else_verify_nothing() {
    for (member, value, expect) in [
        ("use", json!("sig"), true),
        ("use", json!("enc"), false),
        ("key_ops", json!(["verify"]), true),
        ("key_ops", json!(["encrypt"]), false),
        ("alg", json!("ES256"), true),
        ("alg", json!("ES384"), false),
        ("alg", json!("ECDH-ES"), false),
        ("crv", json!("P-384"), false),
        ("kty", json!("oct"), false),
        ("x", json!("AAAA"), false),
    ] {
        let key = Key::new("k1", "ES256");
        let mut jwk = key.jwk();
        jwk[member] = value.clone();
        let world = World::new().await;
        let jwks = json!({"keys": [{"kty": "new"}, jwk]});
        world.credential(TokenKind::ClientKey { jwks }, |_| {}).await;
        let granted = world.with_assertion(&key.token(&world.claims("1"))).await;
        assert_eq!(granted.is_ok(), expect, "{member} {value}");
    }
}

#[tokio::test]
async fn two_keys_are_good_while_they_are_exchanged() {
    let (old, new) = (Key::new("k1", "ES256"), Key::new("k2", "ES256"));
    let world = World::new().await;
    let kind = |key: &Key| TokenKind::ClientKey { jwks: json!({"keys": [key.jwk()]}) };
    let first = world.credential(kind(&old), |_| {}).await;
    world.credential(kind(&new), |_| {}).await;
    assert!(world.with_assertion(&old.token(&world.claims("1"))).await.is_ok());
    assert!(world.with_assertion(&new.token(&world.claims("2"))).await.is_ok());
    world.revoke(first).await;
    is_no_client(world.with_assertion(&old.token(&world.claims("3"))).await);
    assert!(world.with_assertion(&new.token(&world.claims("4"))).await.is_ok());
}
