//! Discovery, and what operators ask for.

use crate::user;
use crate::world::PUBLIC;
use crate::world::World;
use http::Method;
use http::Request;
use http_body_util::Full;
use rollcall_domain::Setup;
use rollcall_http::Discovery;
use rollcall_http::MetricsAt;
use rollcall_http::Settings;
use rollcall_schema::{Definitions, ProfileName, packs, standard};
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
    let bulk = json!({"supported": true, "maxOperations": 5000, "maxPayloadSize": 10 << 20});
    assert_eq!(shown["bulk"], bulk);
    assert_eq!(shown["securityEvents"]["asyncRequest"], "request");
    assert!(shown["interopProfileConformant"].is_null());
    assert!(shown["RolesAndEntitlements"].is_null());
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
    // A connection that isn't there says no more than one that is, about other paths.
    let other = "/api/auth/connections/conn_00000000000000000000000000000000/scim/v2";
    let nobody = get(format!("{other}/Schemas"), "").await;
    nobody.is_error(401, "");
    assert_eq!(nobody.text, get(format!("{base}/Users"), "").await.text);
    get("/api/auth/connections/nope/scim/v2/Schemas".into(), "").await.is_error(401, "");
    get("/api/auth/scim/v2/Users".into(), "").await.is_error(401, "");
}

#[tokio::test]
async fn open_discovery_is_that_of_the_connection() {
    // R-DISC-05, R-DISC-09
    let settings = Settings { discovery: Discovery::Open, ..Settings::default() };
    let world = World::with(settings).await;
    let mut setup = Setup::default();
    setup.capabilities.patch = false;
    world.configure(&world.a, |connection| connection.setup = setup).await;
    for (path, patch) in [(world.a.path.as_str(), false), (&world.b.path, true), ("/scim", true)] {
        let request = Request::get(format!("{path}/ServiceProviderConfig"));
        let config = world.raw(request.body(Full::default()).unwrap()).await;
        assert_eq!(config.is(200).json()["patch"]["supported"], patch, "{path}");
    }
}

#[tokio::test]
async fn discovery_shows_what_a_connection_added() {
    // R-DISC-04, R-DISC-06, R-IOP-01, R-NEW-01
    let world = World::set_up(|setup| {
        setup.profile.name = Some(ProfileName::Strict);
        setup.definitions = Definitions::read(packs::get("roles").unwrap().text).unwrap();
    })
    .await;
    let config = world.get("/ServiceProviderConfig").await.is(200).json();
    assert_eq!(config["interopProfileConformant"], true);
    let held = |many: &str| {
        json!({"supported": true, many: true, "primarySupported": true, "typeSupported": true,
            "types": []})
    };
    let expect = json!({"roles": held("multipleRolesSupported"),
        "entitlements": held("multipleEntitlementsSupported")});
    assert_eq!(config["RolesAndEntitlements"], expect);
    let base = format!("{PUBLIC}{}", world.a.path);
    let types = world.get("/ResourceTypes").await.is(200).json();
    let names = types["Resources"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|ty| ty["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["User", "Group", "Role", "Entitlement"]);
    let role = world.get("/ResourceTypes/Role").await.is(200).json();
    assert_eq!(role["meta"]["location"], format!("{base}/ResourceTypes/Role"));
    assert!(role["indexed"].is_null());
    let schema = role["schema"].as_str().unwrap();
    let shown = world.get(&format!("/Schemas/{schema}")).await;
    assert_eq!(shown.is(200).json()["id"], schema);
    assert_eq!(world.get("/Schemas").await.json()["totalResults"], 8);
    // Other connections know nothing of it.
    let other = world.send(&world.b, Method::GET, "/ResourceTypes/Role", &[], "").await;
    other.is_error(404, "");
    world.send(&world.b, Method::GET, "/Roles", &[], "").await.is_error(404, "");
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
