//! How much is taken, and what whoever sends more is told.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::pending;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use rollcall_domain::Rate;
use rollcall_http::{Peer, Settings};
use rollcall_schema::standard;
use serde_json::json;

use crate::user;
use crate::world::{Answer, NO_KEYS, Tenant, World};

#[tokio::test]
async fn each_connection_has_its_own_size() {
    // R-HTTP-10, R-E-17
    let world = World::set_up(|setup| {
        (setup.limits.max_request_size, setup.limits.bulk_payload) = (Some(2048), Some(4096));
    })
    .await;
    let config = world.get("/ServiceProviderConfig").await.json();
    assert_eq!(config["bulk"]["maxPayloadSize"], 4096);
    let sized = |size: usize| {
        let body = json!({"userName": "x".repeat(100), "title": ""}).to_string();
        body.replace("\"\"", &format!("\"{}\"", "t".repeat(size - body.len())))
    };
    world.send(&world.a, Method::POST, "/Users", &[], sized(2048)).await.is(201);
    let large = world.send(&world.a, Method::POST, "/Users", &[], sized(2049)).await;
    large.is_error(413, "");
    assert!(large.json()["detail"].as_str().unwrap().contains("larger than 2048 bytes"));
    let declared = [("content-length", "2049")];
    world.send(&world.a, Method::POST, "/Users", &declared, "{}").await.is_error(413, "");
    world.send(&world.b, Method::POST, "/Users", &[], sized(2049)).await.is(201);
    // X42
    let large = world.send(&world.a, Method::POST, "/Bulk", &[], sized(4097)).await;
    large.is_error(413, "");
    let detail = large.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("`maxPayloadSize`") && detail.contains("4096"), "{detail}");
}

#[tokio::test]
async fn each_connection_has_its_own_rate() {
    // R-ERR-06, R-IPSIE-03; X54, shape 086
    let world = World::set_up(|setup| {
        setup.limits.rate = Some(Rate { per_second: 25, burst: 30 });
    })
    .await;
    for _ in 0..30 {
        world.get("/Users?startIndex=1&count=100").await.is(200);
    }
    let headers = [("user-agent", "Okta SCIM Client 1.0.0")];
    for path in ["/Users?startIndex=1&count=100", "/Nope", "/Schemas"] {
        let refused = world.send(&world.a, Method::GET, path, &headers, "").await;
        refused.is_error(429, "");
        assert_eq!(refused.header("retry-after"), "1");
        assert!(refused.json()["detail"].as_str().unwrap().contains("25 requests a second"));
    }
    world.post("/Users", &user("late")).await.is_error(429, "");
    world.send(&world.b, Method::GET, "/Users", &[], "").await.is(200);
    world.time.store(40, Ordering::Relaxed);
    assert_eq!(world.get("/Users").await.is(200).json()["totalResults"], 0);
    world.get("/Users").await.is_error(429, "");
    world.time.store(1_040, Ordering::Relaxed);
    for _ in 0..25 {
        world.get("/Users").await.is(200);
    }
    world.get("/Users").await.is_error(429, "");
}

#[tokio::test]
async fn the_server_s_rate_holds_where_a_connection_has_none() {
    let rate = Some(Rate { per_second: 1, burst: 2 });
    let world = World::with(Settings { rate, ..Settings::default() }).await;
    world.get("/Users").await.is(200);
    world.get("/Users").await.is(200);
    world.get("/Users").await.is_error(429, "");
    // Never fewer than 25 a second.
    world.time.store(40, Ordering::Relaxed);
    world.get("/Users").await.is(200);
}

async fn from(world: &World, peer: &str, tenant: &Tenant, forwarded: Option<&str>) -> Answer {
    let mut request = Request::get(format!("{}/Users", tenant.path))
        .header("authorization", format!("Bearer {}", tenant.token))
        .extension(Peer(peer.parse().unwrap()));
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    world.raw(request.body(Full::default()).unwrap()).await
}

fn guess(tenant: &Tenant) -> Tenant {
    Tenant { token: "guess".repeat(10), ..tenant.clone() }
}

#[tokio::test]
async fn who_guesses_tokens_is_not_heard_for_long() {
    // R-SEC-06, R-E-23
    let failures = Rate { per_second: 1, burst: 3 };
    let world = World::with(Settings { failures, ..Settings::default() }).await;
    let guess_a = guess(&world.a);
    from(&world, "192.0.2.1", &world.b, None).await.is(200);
    for _ in 0..3 {
        from(&world, "192.0.2.1", &guess_a, None).await.is_error(401, "");
    }
    let refused = from(&world, "192.0.2.1", &guess_a, None).await;
    refused.is_error(429, "");
    assert_eq!(refused.header("retry-after"), "1");
    // Not even a good token is looked up, unless it was good before; other addresses and other
    // connections are none the wiser.
    from(&world, "192.0.2.1", &world.a, None).await.is_error(429, "");
    from(&world, "192.0.2.2", &guess_a, None).await.is_error(401, "");
    from(&world, "192.0.2.2", &world.a, None).await.is(200);
    from(&world, "192.0.2.1", &world.a, None).await.is(200);
    from(&world, "192.0.2.1", &guess(&world.b), None).await.is_error(401, "");
    // Successes and requests without a token cost nothing.
    let nobody = Request::get(&world.b.path).extension(Peer("192.0.2.3".parse().unwrap()));
    let nobody = world.raw(nobody.body(Full::default()).unwrap()).await;
    nobody.is_error(401, "");
    for _ in 0..10 {
        from(&world, "192.0.2.2", &world.a, None).await.is(200);
    }
    world.time.store(1_000, Ordering::Relaxed);
    from(&world, "192.0.2.1", &guess_a, None).await.is_error(401, "");
    from(&world, "192.0.2.1", &guess_a, None).await.is_error(429, "");
}

/// Whoever forges tokens of an issuer that can't be reached is told that, and not for long.
#[tokio::test]
async fn r_sec_06_tokens_that_nobody_can_check_are_limited() {
    let failures = Rate { per_second: 1, burst: 3 };
    let world = World::with(Settings { failures, ..Settings::default() }).await;
    from(&world, "192.0.2.1", &world.a, None).await.is(200);
    let forged = Tenant { token: NO_KEYS.into(), ..world.a.clone() };
    for _ in 0..3 {
        let refused = from(&world, "192.0.2.1", &forged, None).await;
        refused.is_error(503, "");
        assert_eq!(refused.header("retry-after"), "60");
        assert!(refused.text.contains("issuer") && !refused.text.contains("directory"));
    }
    from(&world, "192.0.2.1", &forged, None).await.is_error(429, "");
    // What was good lately is heard.
    from(&world, "192.0.2.1", &world.a, None).await.is(200);
}

/// Nobody gets more tries by naming connections that nobody has.
#[tokio::test]
async fn who_guesses_everywhere_is_not_heard_for_long_either() {
    // R-SEC-06
    let failures = Rate { per_second: 1, burst: 3 };
    let world = World::with(Settings { failures, ..Settings::default() }).await;
    for n in 0..30 {
        let path = format!("/connections/conn_{n:032x}/scim/v2");
        let nowhere = Tenant { path, ..guess(&world.a) };
        from(&world, "192.0.2.1", &nowhere, None).await.is_error(401, "");
    }
    from(&world, "192.0.2.1", &guess(&world.a), None).await.is_error(429, "");
    from(&world, "192.0.2.2", &guess(&world.a), None).await.is_error(401, "");
}

#[tokio::test]
async fn proxies_that_are_trusted_say_who_guesses() {
    let failures = Rate { per_second: 1, burst: 1 };
    let trusted_proxies = vec!["10.0.0.1".parse().unwrap()];
    let settings = Settings { failures, trusted_proxies, ..Settings::default() };
    let world = World::with(settings).await;
    let guess = guess(&world.a);
    let ask = |peer, forwarded| from(&world, peer, &guess, forwarded);
    ask("10.0.0.1", Some("198.51.100.1")).await.is_error(401, "");
    ask("10.0.0.1", Some("198.51.100.1")).await.is_error(429, "");
    ask("10.0.0.1", Some("203.0.113.9, 198.51.100.1")).await.is_error(429, "");
    ask("10.0.0.1", Some("198.51.100.2")).await.is_error(401, "");
    // Nobody else is believed.
    ask("192.0.2.1", Some("198.51.100.3")).await.is_error(401, "");
    ask("192.0.2.1", Some("198.51.100.4")).await.is_error(429, "");
}

#[tokio::test]
async fn costly_filters_are_told_what_is_cheap() {
    // R-GET-07
    let world = World::new().await;
    world.spy.too_many.store(true, Ordering::Relaxed);
    for (path, expect) in [
        ("/Users?filter=title%20eq%20%22x%22", "`userName`, `displayName`, `emails.value`, "),
        (
            "/Groups?filter=displayName%20co%20%22x%22",
            "`externalId`, `displayName`, `members`, or `id`",
        ),
    ] {
        let refused = world.get(path).await;
        refused.is_error(400, "tooMany");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(expect) && detail.contains("200000"), "{detail}");
    }
}

/// Asks for the answer to one creation later, and says whether it was done on its own.
async fn is_done_later(world: &World, who: &Tenant) -> bool {
    let operation = json!({"method": "POST", "path": "/Users", "bulkId": "u", "data": user("x")});
    let body = json!({"schemas": [standard::BULK_REQUEST], "Operations": [operation]});
    let prefer = [("prefer", "respond-async, wait=30")];
    world.send(who, Method::POST, "/Bulk", &prefer, body).await.is(200);
    world.spy.outcomes.load(Ordering::Relaxed) > 0
}

/// Bodies of bulk requests are large: one connection has room for two, and keeps nobody else out.
#[tokio::test]
async fn bulk_requests_of_one_connection_take_turns() {
    // R-E-16, R-E-17
    let bulk_wait = Duration::from_millis(20);
    let world = World::with(Settings { bulk_wait, ..Settings::default() }).await;
    let slow = async || {
        let body = StreamBody::new(pending::<Result<Frame<Bytes>, std::io::Error>>());
        let request = Request::post(format!("{}/Bulk", world.a.path))
            .header("authorization", format!("Bearer {}", world.a.token));
        world.app.handle(request.body(body).unwrap()).await
    };
    let bulk = async |tenant: &Tenant| {
        let operation =
            json!({"method": "POST", "path": "/Users", "bulkId": "u", "data": user("x")});
        let body = json!({"schemas": [standard::BULK_REQUEST], "Operations": [operation]});
        world.send(tenant, Method::POST, "/Bulk", &[], body).await
    };
    tokio::select! {
        biased;
        _ = async { tokio::join!(slow(), slow()) } => panic!("their bodies never end"),
        () = async {
            let refused = bulk(&world.a).await;
            refused.is_error(429, "");
            assert_eq!(refused.header("retry-after"), "1");
            bulk(&world.b).await.is(200);
            world.get("/Users").await.is(200);
        } => {}
    }
    bulk(&world.a).await.is(200);
}

/// It may not read what came of it.
#[tokio::test]
async fn users_are_not_answered_later() {
    // R-ME-02, R-ASYNC-01
    let world = World::new().await;
    let id = world.made(&world.a, "/Users", &user("ada")).await;
    let ada = world.user_of_a(&id).await;
    assert!(!is_done_later(&world, &ada).await);
}
