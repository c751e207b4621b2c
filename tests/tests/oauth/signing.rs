//! The keys that sign access tokens: published, and rotated while requests run.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rollcall_tests::client::Request;
use rollcall_tests::issuer::part;
use rollcall_tests::on_both_stores_alone;
use rollcall_tests::operator::text;
use rollcall_tests::server::{Server, StoreKind, settings};
use serde_json::Value;
use tokio::sync::RwLock;

use super::{Client, granted, users};

on_both_stores_alone!(keys_are_rotated_while_requests_run);

async fn keys(server: &Server) -> Vec<Value> {
    let answer = server.client.send(Request::new("GET", "/oauth/jwks")).await.is(200);
    let jwks = answer.json();
    jwks["keys"].as_array().expect("a list of keys").clone()
}

async fn keys_are_rotated_while_requests_run(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let client = Client::new(&server).await;
    let secret = client.secret().await;
    let first = granted(&client.by_secret(&secret).await);
    let kid = |token: &str| text(&part(token, 0), "kid");
    let published = keys(&server).await;
    for key in &published {
        assert!(key.get("d").is_none(), "a private half is published");
        assert_eq!(
            (&key["kty"], &key["crv"], &key["use"]),
            (&"EC".into(), &"P-256".into(), &"sig".into())
        );
    }
    assert!(published.iter().any(|key| key["kid"] == kid(&first)), "{published:?}");
    let (stop, sent) = (AtomicBool::new(false), AtomicU32::new(0));
    // No day passes between a grant and its use.
    let today = RwLock::new(());
    let asking = async {
        while !stop.load(Ordering::SeqCst) {
            let _today = today.read().await;
            let answer = client.by_secret(&secret).await;
            let token = granted(&answer);
            let listed = users(&client.with(&token)).await;
            assert_eq!(listed.status, 200, "{listed}");
            let published = keys(&server).await;
            assert!(published.iter().any(|key| key["kid"] == kid(&token)), "{token} {published:?}");
            sent.fetch_add(1, Ordering::SeqCst);
        }
    };
    let rotating = async {
        let mut kids = vec![kid(&first)];
        let began = std::time::Instant::now();
        // A month at most, day by day.
        for _ in 0..200 {
            {
                let _tonight = today.write().await;
                server.clock.pass(Duration::from_secs(24 * 60 * 60));
            }
            server.oauth.tick().await.expect("the store answers");
            let before = sent.load(Ordering::SeqCst);
            while sent.load(Ordering::SeqCst) < before + 2 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let last = kid(&granted(&client.by_secret(&secret).await));
            if !kids.contains(&last) {
                kids.push(last);
            }
            if kids.len() >= 3 || began.elapsed() > Duration::from_secs(60) {
                break;
            }
        }
        stop.store(true, Ordering::SeqCst);
        kids
    };
    let ((), kids) = tokio::join!(asking, rotating);
    assert!(kids.len() >= 3, "two rotations: {kids:?}");
    let published = keys(&server).await;
    assert!(!published.iter().any(|key| key["kid"] == kids[0]), "what nobody can show is gone");
    users(&client.with(&first)).await.is(401);
}
