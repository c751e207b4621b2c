//! Discovery, and what operators ask for.

use crate::user;
use crate::world::PUBLIC;
use crate::world::World;
use http::Method;
use http::Request;
use http_body_util::Full;
use rollcall_http::Discovery;
use rollcall_http::MetricsAt;
use rollcall_http::Settings;
use rollcall_schema::standard;
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn discovery_tells_the_truth() {
    // R-DISC-01..10, R-GET-05; X44, X45
    let world = World::new().await;
    let base = format!("{PUBLIC}{}", world.a.path);
    let config = world.get("/ServiceProviderConfig?attributes=patch").await;
    let shown = config.is(200).json();
    assert_eq!(config.header("cache-control"), "private, max-age=300");
    assert_eq!(shown["schemas"], json!([standard::SERVICE_PROVIDER_CONFIG]));
    assert_eq!(shown["meta"]["location"], format!("{base}/ServiceProviderConfig"));
    assert_eq!(shown["filter"], json!({"supported": true, "maxResults": 1000}));
    assert_eq!(shown["bulk"]["supported"], false);
    assert_eq!(shown["authenticationSchemes"][0]["type"], "oauthbearertoken");
    let known = [("if-none-match", config.header("etag"))];
    let path = "/ServiceProviderConfig?attributes=patch";
    world.send(&world.a, Method::GET, path, &known, "").await.is(304);
    for (path, kind, n) in [("/Schemas", "Schema", 6), ("/ResourceTypes", "ResourceType", 2)] {
        let list = world.get(path).await.is(200).json();
        assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(n), &json!(n)));
        for one in list["Resources"].as_array().unwrap() {
            assert_eq!(one["meta"]["resourceType"], kind);
            let location = one["meta"]["location"].as_str().unwrap();
            let single = world.get(location.strip_prefix(&base).unwrap()).await;
            assert_eq!(&single.is(200).json(), one);
        }
    }
    let lower = format!("/Schemas/{}", standard::USER.to_lowercase().replace(':', "%3A"));
    assert_eq!(world.get(&lower).await.is(200).json()["id"], standard::USER);
    world.get("/Schemas/urn:nope").await.is_error(404, "");
    world.get("/ResourceTypes/Nope").await.is_error(404, "");
    world.get("/Schemas?filter=id%20eq%20%22x%22").await.is_error(403, "");
    world.get("/ServiceProviderConfig?Filter=x").await.is_error(403, "");
    let id = world.made(&world.a, "/Users", &user("ada")).await;
    world.get(&format!("/Users/{id}?filter=(((&count=x")).await.is(200);
}

#[tokio::test]
async fn discovery_can_be_open() {
    // R-DISC-05
    let settings =
        Settings { discovery: Discovery::Open, mount: "/api/auth".into(), ..Settings::default() };
    let world = World::with(settings).await;
    let get = async |path: String, token: &str| {
        let request = Request::get(path);
        let request =
            if token.is_empty() { request } else { request.header("authorization", token) };
        world.raw(request.body(Full::default()).unwrap()).await
    };
    let base = format!("/api/auth{}", world.a.path);
    let shown = get(format!("{base}/Schemas/{}", standard::USER), "").await;
    let location = shown.is(200).json()["meta"]["location"].clone();
    assert_eq!(location, format!("{base}/Schemas/{}", standard::USER));
    get("/api/auth/scim/v2/ResourceTypes".into(), "").await.is(200);
    get(format!("{base}/Schemas"), "Bearer wrong").await.is_error(401, "");
    get(format!("{base}/Users"), "").await.is_error(401, "");
    get(format!("{base}/Nope"), "").await.is_error(401, "");
    get(world.a.path.clone(), "").await.is_error(404, "");
}

#[tokio::test]
async fn operators_need_no_token() {
    let world = World::new().await;
    let get = async |path: &str| world.raw(Request::get(path).body(Full::default()).unwrap()).await;
    let health = get("/healthz").await;
    assert_eq!(
        (health.is(200).text.as_str(), health.header("content-type")),
        ("ok", "text/plain; charset=utf-8")
    );
    get("/readyz/").await.is(200);
    assert_eq!(get("/metrics").await.is(200).text, "rollcall_up 1\n");
    world.raw(Request::post("/metrics").body(Full::default()).unwrap()).await.is_error(405, "");
    world.spy.breaks.store(1, Ordering::Relaxed);
    let unready = get("/readyz").await;
    assert_eq!(unready.is(503).text, "the store does not answer");
    get("/healthz").await.is(200);
    let apart = Settings { metrics: MetricsAt::OwnListener, ..Settings::default() };
    let world = World::with(apart).await;
    let hidden = world.raw(Request::get("/metrics").body(Full::default()).unwrap()).await;
    hidden.is_error(404, "");
}
