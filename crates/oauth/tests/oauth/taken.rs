//! What operators may register is what verifies: keys that are taken, and no others.

use std::sync::Arc;

use rollcall_domain::{Admin, AdminError, Caller, NewToken, TokenKind, UuidIds};
use serde_json::{Value, json};

use crate::keys::Key;
use crate::world::World;

/// Every key of one kind, changed in ways that may make it none.
fn variations(jwk: &Value) -> Vec<(String, Value)> {
    let texts = ["", "AA", "AQAB", "AQ==", "ä", "A".repeat(43).as_str()].map(|text| json!(text));
    let others = [Value::Null, json!(1), json!({}), json!([]), json!(["verify"]), json!("sig")];
    let names = ["RS256", "RS512", "PS256", "PS384", "ES256", "ES384", "EdDSA", "HS256", "none"];
    let curves = ["P-256", "P-384", "P-521", "Ed25519", "X25519", "secp256k1"];
    let words = names.iter().chain(&curves).map(|word| json!(word));
    let values: Vec<Value> = texts.into_iter().chain(others).chain(words).collect();
    let members = ["kty", "crv", "x", "y", "n", "e", "use", "key_ops", "alg", "x5c", "x5u", "x5t"];
    let changed = members.iter().flat_map(|member| {
        values.iter().map(move |value| {
            let mut changed = jwk.clone();
            changed[member] = value.clone();
            (format!("{member}: {value}"), changed)
        })
    });
    let lacking = members.iter().map(|member| {
        let mut lacking = jwk.clone();
        lacking.as_object_mut().unwrap().remove(*member);
        (format!("no {member}"), lacking)
    });
    changed.chain(lacking).chain([("as it is".to_owned(), jwk.clone())]).collect()
}

/// What makes another good key of a good key.
const OTHERS: [&str; 4] = ["alg: \"RS512", "alg: \"PS256", "x: \"AAAAAA", "y: \"AAAAAA"];

/// R-AUTH-03: whoever registers a key gets in with it.
#[tokio::test]
async fn r_auth_03_keys_that_are_taken_are_keys_that_verify() {
    let mut differ = Vec::new();
    for alg in ["ES256", "ES384", "EdDSA", "RS256"] {
        let key = Key::new("k1", alg);
        let mut taken = 0;
        for (what, jwk) in variations(&key.jwk()) {
            let world = World::new().await;
            let kind = TokenKind::ClientKey { jwks: json!({ "keys": [jwk] }) };
            let minted = mint(&world, kind.clone()).await;
            world.credential(kind, |_| {}).await;
            let granted = world.with_assertion(&key.token(&world.claims("1"))).await;
            taken += usize::from(minted.is_ok());
            // Another key, or one for another algorithm, may be a good one.
            if minted.is_ok() != granted.is_ok()
                && !OTHERS.iter().any(|other| what.starts_with(other))
            {
                differ.push(format!(
                    "{alg} {what}: taken {}, good {}",
                    minted.is_ok(),
                    granted.is_ok()
                ));
            }
        }
        assert!(taken > 5, "{alg}: {taken}");
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// What is wrong is told for each key, by its place, with what would mend it.
#[tokio::test]
async fn keys_that_verify_nothing_are_refused_by_name() {
    let (ec, rsa) = (Key::new("k1", "ES256").jwk(), Key::new("k2", "RS256").jwk());
    let but = |name: &str, value: Value| {
        let mut jwk = ec.clone();
        jwk[name] = value;
        jwk
    };
    let nameless = but("kid", Value::Null);
    for (keys, told) in [
        (json!([{}]), "`jwks.keys[0]` is of a kind that is not taken: send one of RSA"),
        (json!([1]), "`jwks.keys[0]` is no key: send a JWK"),
        (json!([ec, {"kty": "oct", "k": "AA"}]), "`jwks.keys[1]` is a symmetric key: make a key"),
        (json!([but("x", json!("AA"))]), "`jwks.keys[0]` is incomplete: send"),
        (json!([but("crv", json!("P-521"))]), "`jwks.keys[0]` is of a kind that is not taken"),
        (json!([but("use", json!("enc"))]), "`jwks.keys[0]` is not for signatures"),
        (json!([but("key_ops", json!(["sign"]))]), "`jwks.keys[0]` verifies nothing"),
        (json!([but("alg", json!("RS256"))]), "`jwks.keys[0]` has an `alg` that is not taken"),
        (json!([rsa, but("d", json!("AA"))]), "`jwks.keys[1]` holds a private key: send the"),
        (json!([rsa, nameless]), "`jwks.keys[1]` has no `kid`, and there are others"),
        (json!([]), "`jwks` needs 1 to 10 public keys"),
        (json!({}), "`jwks` needs 1 to 10 public keys"),
    ] {
        let world = World::new().await;
        let shown = keys.to_string();
        let error = mint(&world, TokenKind::ClientKey { jwks: json!({ "keys": keys }) }).await;
        let error = error.unwrap_err();
        assert!(matches!(error, AdminError::Bad(_)), "{shown}: {error:?}");
        assert!(error.to_string().starts_with(told), "{shown}: {error}");
    }
    let world = World::new().await;
    let two = json!({"keys": [1, {"kty": "oct"}]});
    let error = mint(&world, TokenKind::ClientKey { jwks: two }).await.unwrap_err().to_string();
    assert!(error.contains("keys[0]") && error.contains("; `jwks.keys[1]`"), "{error}");
    mint(&world, TokenKind::ClientKey { jwks: json!({"keys": [nameless]}) }).await.unwrap();
    mint(&world, TokenKind::ClientKey { jwks: json!({"keys": [ec, rsa]}) }).await.unwrap();
}

async fn mint(world: &World, kind: TokenKind) -> Result<(), AdminError> {
    let (store, clock) = (world.store.clone(), world.clock.clone());
    let admin = Admin::new(store.clone(), store, clock, Arc::new(UuidIds));
    let new = NewToken { kind, ..NewToken::default() };
    admin.mint(&Caller::CLI, world.connection, &new).await.map(|_| ())
}
