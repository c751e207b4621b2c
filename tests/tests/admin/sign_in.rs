//! Operators who sign in elsewhere and come with a token of that issuer.

use rollcall_tests::issuer::{Issuer, SigningKey, hs256, now, unsigned};
use rollcall_tests::on_both_stores_alone;
use rollcall_tests::operator::text;
use rollcall_tests::server::{Server, StoreKind};
use serde_json::{Value, json};

on_both_stores_alone!(an_operator_signs_in_with_a_token_of_the_issuer);

const AUDIENCE: &str = "rollcall-admin";

async fn an_operator_signs_in_with_a_token_of_the_issuer(kind: StoreKind) {
    let key = SigningKey::rs256("k1");
    let issuer = Issuer::start(&[&key]).await;
    let server = Server::start_signing_in(kind, &issuer.name(), AUDIENCE).await;
    let owner = server.owner();
    let claims = |change: Value| {
        let mut claims = json!({"iss": issuer.name(), "sub": "ada", "aud": AUDIENCE,
            "iat": now(), "exp": now() + 300, "jti": format!("{change}")});
        for (name, value) in change.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims
    };
    let honest = key.sign(&claims(json!({})));
    let ada = owner.with(&honest);
    // As long as nobody knows the subject it opens nothing.
    ada.get("/organizations").await.is(401);
    let body = json!({"name": "Ada", "role": "operator", "subject": "ada"});
    let made = owner.post("/admin/keys", &body).await.is(201).json();
    assert!(made.get("key").is_none() && made["subject"] == "ada", "{made}");
    ada.get("/organizations").await.is(200);
    let organization = ada.organization("Signed in").await;
    ada.get("/admin/keys").await.is(403);
    let id = organization.trim_start_matches("/organizations/").parse().expect("an id");
    let events = server.administered(Some(id)).await;
    assert_eq!(events[0].actor, text(&made, "adminKeyId"), "{events:?}");

    let stranger = SigningKey::rs256("k1");
    let pem = key.public_pem();
    for (what, token) in [
        ("another subject", key.sign(&claims(json!({"sub": "eve"})))),
        ("another audience", key.sign(&claims(json!({"aud": "other"})))),
        ("another issuer", key.sign(&claims(json!({"iss": "https://evil.test"})))),
        ("expired", key.sign(&claims(json!({"exp": now() - 1, "iat": now() - 300})))),
        ("not yet", key.sign(&claims(json!({"nbf": now() + 4000})))),
        ("no end", {
            let mut claims = claims(json!({}));
            claims.as_object_mut().expect("an object").remove("exp");
            key.sign(&claims)
        }),
        ("another key", stranger.sign(&claims(json!({})))),
        ("nobody's signature", unsigned(&json!({"alg": "none", "kid": "k1"}), &claims(json!({})))),
        (
            "the public key as a secret",
            hs256(pem.as_bytes(), &json!({"alg": "HS256", "kid": "k1"}), &claims(json!({}))),
        ),
        ("half a token", honest[..honest.len() / 2].to_owned()),
    ] {
        let answer = owner.with(token).get("/organizations").await;
        assert_eq!(answer.status, 401, "{what}: {answer}");
    }
    // What ends is the key, whatever the token says.
    owner.delete(&format!("/admin/keys/{}", text(&made, "adminKeyId"))).await.is(200);
    ada.get("/organizations").await.is(401);
}
