//! What operators see of the issuers that a connection trusts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rollcall_domain::{
    Admin, Caller, Check, CheckOutcome, Fetch, FetchError, IdpKind, Issuers, KeysAsked, NewToken,
    UuidIds,
};
use rollcall_schema::Instant;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::world::World;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// An issuer elsewhere that answers when all are asked for that there are.
struct Together {
    all: Barrier,
    fetched: AtomicUsize,
}

#[async_trait]
impl Fetch for Together {
    async fn json(&self, url: &str) -> Result<Value, FetchError> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        self.all.wait().await;
        let x = "A".repeat(43);
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        match url.rsplit('/').next() {
            Some("good") => Ok(json!({"keys": [key, {"kty": "oct"}, {}, 1]})),
            Some("unusable") => Ok(json!({"keys": [{}, {"kty": "oct", "k": "AA"}]})),
            Some("else") => Ok(json!("nothing of the kind")),
            _ => Err(FetchError("no connection in time".into())),
        }
    }

    fn may(&self, url: &str) -> Result<(), FetchError> {
        match url.starts_with("https://") || url.starts_with("http://localhost:9490/") {
            true => Ok(()),
            false => Err(FetchError("the origin is none that is allowed".into())),
        }
    }
}

/// What is remembered of issuers.
#[derive(Default)]
struct Remembered(Mutex<HashMap<String, KeysAsked>>);

impl Issuers for Remembered {
    fn asked(&self, jwks_uri: &str) -> Option<KeysAsked> {
        self.0.lock().unwrap().get(jwks_uri).copied()
    }
}

fn admin(world: &World) -> Admin {
    let (store, clock) = (world.store.clone(), world.clock.clone());
    Admin::new(store.clone(), store, clock, Arc::new(UuidIds))
}

fn trust(uri: &str) -> NewToken {
    let proof = json!({"kind": "trustedIssuer", "issuer": "https://i.example", "subject": "s",
        "audience": "a", "jwksUri": uri});
    serde_json::from_value(json!({ "proof": proof })).unwrap()
}

fn of_issuers(checks: &[Check]) -> Vec<(CheckOutcome, String)> {
    let those = checks.iter().filter(|check| check.name == "issuerKeys");
    those.map(|check| (check.outcome, check.detail.clone())).collect()
}

/// None of them is answered before all were asked for: one after another would never end.
#[tokio::test]
async fn issuers_are_looked_at_together_and_each_once() {
    let world = World::of(IdpKind::Generic).await;
    let fetch = Arc::new(Together { all: Barrier::new(4), fetched: AtomicUsize::new(0) });
    let admin = admin(&world).with_fetch(fetch.clone());
    for name in ["good", "unusable", "else", "slow", "good", "slow"] {
        let new = trust(&format!("https://i.example/{name}"));
        admin.mint(&Caller::CLI, world.id, &new).await.unwrap();
    }
    let look = async || {
        let found = admin.validate(&Caller::CLI, world.id, None).await.unwrap();
        of_issuers(&found.checks)
    };
    let (fail, pass) = (CheckOutcome::Fail, CheckOutcome::Pass);
    let expect = [
        (fail, "no usable key at https://i.example/else"),
        (pass, "1 usable keys at https://i.example/good"),
        (fail, "no keys at https://i.example/slow: no connection in time"),
        (fail, "no usable key at https://i.example/unusable"),
    ];
    let expect = expect.map(|(outcome, detail)| (outcome, detail.to_owned()));
    // Whoever looks at the same time shares what is fetched.
    let (first, second) = tokio::join!(look(), look());
    assert_eq!((first.as_slice(), second.as_slice()), (&expect[..], &expect[..]));
    assert_eq!(fetch.fetched.load(Ordering::SeqCst), 4);
}

/// What was remembered of an issuer shows without anybody asking it.
#[tokio::test]
async fn an_issuer_whose_keys_were_not_there_shows_in_the_status() {
    let world = World::of(IdpKind::Generic).await;
    let remembered = Arc::new(Remembered::default());
    let admin = admin(&world).with_issuers(remembered.clone());
    let uri = "https://i.example/keys";
    admin.mint(&Caller::CLI, world.id, &trust(uri)).await.unwrap();
    let now = world.now();
    let ago = |millis: i64| Instant::from_millis(now.millis() - millis);
    let believed = |at: Instant| Some((at, Instant::from_millis(at.millis() + 7 * DAY)));
    for (asked, expect, ready) in [
        (None, None, true),
        (Some(KeysAsked::default()), None, true),
        (Some(KeysAsked { came: believed(ago(DAY)), failed: None }), None, true),
        (
            Some(KeysAsked { came: believed(ago(DAY)), failed: Some(ago(1)) }),
            Some(CheckOutcome::Warn),
            true,
        ),
        (
            Some(KeysAsked { came: believed(ago(7 * DAY)), failed: Some(ago(1)) }),
            Some(CheckOutcome::Fail),
            false,
        ),
        (Some(KeysAsked { came: None, failed: Some(now) }), Some(CheckOutcome::Fail), false),
    ] {
        let known = asked.map(|asked| (uri.to_owned(), asked));
        *remembered.0.lock().unwrap() = known.into_iter().collect();
        let status = admin.status(&Caller::CLI, world.id).await.unwrap();
        let found = of_issuers(&status.checks);
        assert_eq!(found.first().map(|(outcome, _)| *outcome), expect, "{asked:?}: {found:?}");
        assert_eq!(status.ready, ready, "{asked:?}");
        assert!(found.iter().all(|(_, detail)| detail.contains(uri)), "{found:?}");
    }
}

/// R-E-22: from where keys may be fetched is known to whoever fetches.
#[tokio::test]
async fn r_e_22_plain_http_is_for_origins_that_are_allowed() {
    let world = World::of(IdpKind::Generic).await;
    let fetch = Together { all: Barrier::new(1), fetched: AtomicUsize::new(0) };
    let fetching = admin(&world).with_fetch(Arc::new(fetch));
    for (uri, alone, allowed) in [
        ("https://i.example/keys", true, true),
        ("http://localhost:9490/jwks", false, true),
        ("http://127.0.0.1:9490/jwks", false, false),
        ("http://i.example/keys", false, false),
        ("https://", false, false),
        ("https://a b/", false, false),
        ("https://i.example/keys\n", false, false),
        ("https://i.example/keys ", false, false),
        ("https://i.example/keys#f", false, false),
        ("https://me:secret@i.example/keys", false, false),
    ] {
        for (admin, expect) in [(&admin(&world), alone), (&fetching, allowed)] {
            let minted = admin.mint(&Caller::CLI, world.id, &trust(uri)).await;
            assert_eq!(minted.is_ok(), expect, "{uri:?}: {minted:?}");
            if let Err(error) = minted {
                let told = error.to_string();
                assert!(told.contains("`jwksUri`") && !told.contains("secret"), "{told}");
            }
        }
    }
}
