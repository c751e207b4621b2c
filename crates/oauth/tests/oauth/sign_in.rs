//! Operators who signed in elsewhere.

use rollcall_domain::{CheckError, SignIn as _};
use rollcall_oauth::Oidc;
use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::keys::{Key, unsigned};
use crate::world::At;

const AUDIENCE: &str = "rollcall-admin";

fn claims(issuer: &Issuer, at: &At) -> Value {
    let now = at.seconds();
    json!({"iss": issuer.url, "sub": "ada", "aud": AUDIENCE, "iat": now, "exp": now + 600})
}

#[tokio::test]
async fn an_operator_is_whom_the_issuer_says() {
    let key = Key::new("k1", "RS256");
    let (issuer, at) = (Issuer::serve(&[&key]).await, At::new());
    let oidc = Oidc::new(issuer.url.clone(), AUDIENCE.into(), issuer.near(), at.clone());
    let token = key.token(&claims(&issuer, &at));
    let ada = Some((issuer.url.clone(), "ada".to_owned()));
    assert_eq!(oidc.subject(&token).await.unwrap(), ada);
    assert_eq!(oidc.subject(&token).await.unwrap(), ada);
    assert_eq!(issuer.fetched(), 1);
}

#[tokio::test]
async fn r_e_25_whatever_else_comes_is_nobody() {
    let (key, stranger) = (Key::new("k1", "ES256"), Key::new("k1", "ES256"));
    let (issuer, at) = (Issuer::serve(&[&key]).await, At::new());
    let oidc = Oidc::new(issuer.url.clone(), AUDIENCE.into(), issuer.near(), at.clone());
    let good = claims(&issuer, &at);
    let with = |claim: &str, value: Value| {
        let mut said = good.clone();
        said[claim] = value;
        key.token(&said)
    };
    for token in [
        String::new(),
        "rca_secret".into(),
        with("aud", json!("another-client")),
        with("iss", json!("https://evil.test")),
        with("sub", json!("")),
        with("sub", Value::Null),
        with("exp", json!(at.seconds())),
        with("nbf", json!(at.seconds() + 301)),
        with("cnf", json!({"jkt": "x"})),
        stranger.token(&good),
        unsigned(&json!({"alg": "none"}), &good),
        key.signed(&json!({"alg": "ES256", "kid": "k1", "x5u": "https://evil.test"}), &good),
    ] {
        assert_eq!(oidc.subject(&token).await.unwrap(), None, "{token}");
    }
}

/// OpenID Connect Core §3.1.3.7, RFC 8725 §3.11: tokens that were made for something else, or for
/// somebody else, are no sign-in.
#[tokio::test]
async fn r_e_25_a_sign_in_is_one_and_ours() {
    let key = Key::new("k1", "ES256");
    let (issuer, at) = (Issuer::serve(&[&key]).await, At::new());
    let oidc = Oidc::new(issuer.url.clone(), AUDIENCE.into(), issuer.near(), at.clone());
    let both = json!([AUDIENCE, "evil"]);
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    for (typ, changes, expect) in [
        ("JWT", json!({}), true),
        ("at+jwt", json!({}), true),
        ("application/at+jwt", json!({"azp": "evil"}), true),
        ("logout+jwt", json!({}), false),
        ("logout+jwt", json!({"events": logout}), false),
        ("JWT", json!({"events": logout}), false),
        ("secevent+jwt", json!({}), false),
        ("dpop+jwt", json!({}), false),
        // An access token of one audience names its client so.
        ("JWT", json!({"azp": "evil"}), true),
        ("JWT", json!({"aud": [AUDIENCE]}), true),
        ("JWT", json!({"aud": both, "azp": "evil"}), false),
        ("JWT", json!({"aud": both}), false),
        ("JWT", json!({"aud": both, "azp": AUDIENCE}), true),
        ("at+jwt", json!({"aud": both, "azp": "evil"}), true),
    ] {
        let mut said = claims(&issuer, &at);
        for (name, value) in changes.as_object().unwrap() {
            said[name] = value.clone();
        }
        let token = key.signed(&json!({"alg": "ES256", "typ": typ, "kid": "k1"}), &said);
        let subject = oidc.subject(&token).await.unwrap();
        assert_eq!(subject.is_some(), expect, "{typ} {changes}");
    }
}

#[tokio::test]
async fn r_e_25_one_issuer_does_not_speak_for_another() {
    let key = Key::new("k1", "ES256");
    let (issuer, at) = (Issuer::serve(&[&key]).await, At::new());
    issuer.pose_as("https://another.test");
    let oidc = Oidc::new(issuer.url.clone(), AUDIENCE.into(), issuer.near(), at.clone());
    let token = key.token(&claims(&issuer, &at));
    assert!(matches!(oidc.subject(&token).await, Err(CheckError::NoKeys)));
    assert_eq!(issuer.fetched(), 0);
    // Where the keys are known, nothing is discovered.
    let oidc = Oidc::new(issuer.url.clone(), AUDIENCE.into(), issuer.near(), at)
        .with_jwks_uri(issuer.jwks_uri());
    assert!(oidc.subject(&token).await.unwrap().is_some());
}
