//! Who gets in, and what paths lead to.

use crate::group;
use crate::user;
use crate::world::PUBLIC;
use crate::world::Tenant;
use crate::world::World;
use http::Method;
use http::Request;
use http_body_util::Full;

#[tokio::test]
async fn nothing_is_answered_without_a_token() {
    // R-E-05, R-E-10, R-E-28, R-AUTH-06, R-ERR-08; X47, X60
    let world = World::new().await;
    let paths = [
        "/Users",
        "/Users/x",
        "/Groups/.search",
        "/Schemas",
        "/ServiceProviderConfig",
        "/Bulk",
        "/Me",
        "/",
        "/.search",
        "/Nope",
        "/a/b/c/d",
    ];
    let bearer = format!("Bearer {}", world.a.token);
    let bad =
        ["", "Bearer", "Bearer ", "Bearer x", "non-token", world.a.token.as_str(), "Basic eDp5"];
    let methods =
        [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    for (at, path) in paths.iter().enumerate() {
        for base in [world.a.path.as_str(), "/scim/v2", "/scim", "/scim/v3", "/connections/x/scim"]
        {
            let method = methods[at % methods.len()].clone();
            let request = || {
                Request::builder()
                    .method(&method)
                    .uri(format!("{base}{path}"))
                    .header("content-type", "text/xml")
            };
            let answer = world.raw(request().body(Full::default()).unwrap()).await;
            answer.is_error(401, "");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"rollcall\"");
            for value in bad {
                let request = request().header("authorization", value);
                let answer = world.raw(request.body(Full::default()).unwrap()).await;
                answer.is_error(401, "");
                // RFC 6750 §3.1: what is wrong is told to whoever sent a token.
                let told = answer.header("www-authenticate").contains("error=\"invalid_token\"");
                assert_eq!(told, value == "Bearer x", "{value}");
            }
            let twice = request().header("authorization", &bearer).header("authorization", &bearer);
            world.raw(twice.body(Full::default()).unwrap()).await.is_error(401, "");
        }
    }
    world.get("/Users?access_token=x").await.is_error(401, "");
}

#[tokio::test]
async fn foreign_connections_look_like_nothing() {
    // R-TEN-02, R-TEN-04, R-E-02; X11, X49
    let world = World::new().await;
    let id = world.made(&world.b, "/Users", &user("ada")).await;
    let lost = |path: &str, token: &str| Tenant { path: path.into(), token: token.into() };
    let nothing = world.get("/Nope").await;
    nothing.is_error(404, "");
    for path in [
        world.b.path.as_str(),
        "/connections/conn_00000000000000000000000000000000/scim/v2",
        "/connections/nope/scim/v2",
        "/connections/nope/scim/v3",
    ] {
        for below in ["/Users", &format!("/Users/{id}"), "/Schemas", "/Me", "/Nope", ""] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let tenant = lost(path, &world.a.token);
                let answer = world.send(&tenant, method, below, &[], "{}").await;
                answer.is_error(404, "");
                assert_eq!(answer.text, nothing.text, "{path}{below}");
            }
        }
    }
    let outside = world.raw(Request::get("/nope").body(Full::default()).unwrap()).await;
    outside.is_error(404, "");
    assert_eq!(outside.text, nothing.text);
    // Ids of another connection are no ids here, wherever they are sent.
    let never = world.get("/Users/0197b3a0-0000-7000-8000-000000000000").await.text;
    let foreign = world.get(&format!("/Users/{id}")).await;
    foreign.is_error(404, "");
    assert_eq!(foreign.text.replace(&id, "0197b3a0-0000-7000-8000-000000000000"), never);
    world.post("/Groups", &group("G", &[&id])).await.is_error(400, "invalidValue");
    // By token alone the connection is its own.
    let by_token = lost("/scim", &world.b.token);
    let shown = world.send(&by_token, Method::GET, &format!("/Users/{id}"), &[], "").await;
    let location = format!("{PUBLIC}{}/Users/{id}", world.b.path);
    assert_eq!(shown.is(200).json()["meta"]["location"], location.as_str());
}

#[tokio::test]
async fn paths_are_read_kindly() {
    // R-HTTP-05, R-HTTP-07, R-HTTP-08, R-HTTP-09, R-POST-09; X10, X46, X50, X52, X53
    let world = World::new().await;
    let id = world.made(&world.a, "/Users", &user("ada")).await;
    for path in ["//Users//", "/users", "/Users/?count=1", &format!("/Users/{id}/")] {
        world.get(path).await.is(200);
    }
    for path in [
        "/Users/none",
        "/Nope",
        "/Users/a/b",
        "/Users.scim",
        "/Users/a%2Fb",
        &format!("/Users/{}", id.to_uppercase()),
    ] {
        world.get(path).await.is_error(404, "");
    }
    let base = world.a.path.trim_end_matches("/v2").to_owned();
    let unversioned = Tenant { path: base.clone(), token: world.a.token.clone() };
    world.send(&unversioned, Method::GET, "/Users", &[], "").await.is(200);
    let other = Tenant { path: format!("{base}/v3"), token: world.a.token.clone() };
    world.send(&other, Method::GET, "/Users", &[], "").await.is_error(400, "invalidVers");
    for (method, path, allow) in [
        (Method::POST, &*format!("/Users/{id}"), "GET, HEAD, PUT, PATCH, DELETE"),
        (Method::PATCH, "/Users", "GET, HEAD, POST"),
        (Method::OPTIONS, "/Users", "GET, HEAD, POST"),
        (Method::POST, "/Schemas", "GET, HEAD"),
        (Method::POST, "/", "GET, HEAD"),
        (Method::GET, "/.search", "POST"),
        (Method::GET, "/Bulk", "POST"),
        (Method::OPTIONS, "/Me", "GET, HEAD, PUT, PATCH"),
        (Method::DELETE, "/AsyncResults/x", "GET, HEAD"),
    ] {
        let answer = world.send(&world.a, method, path, &[], "").await;
        answer.is_error(405, "");
        assert_eq!(answer.header("allow"), allow);
    }
    world.get("/Me").await.is_error(501, "");
    let json = [("accept", "application/json"), ("x-request-id", "me-1")];
    let answer = world.send(&world.a, Method::GET, "/Users", &json, "").await;
    assert_eq!(answer.is(200).header("content-type"), "application/json");
    assert_eq!(answer.header("x-request-id"), "me-1");
}

#[tokio::test]
async fn heads_mirror_gets() {
    // R-GET-09
    let world = World::new().await;
    let id = world.made(&world.a, "/Users", &user("ada")).await;
    for path in ["/Users", &format!("/Users/{id}"), "/Schemas", "/Users/none", "/Users?filter=x"] {
        let get = world.get(path).await;
        let head = world.send(&world.a, Method::HEAD, path, &[], "").await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""));
        assert_eq!(head.header("content-length"), get.text.len().to_string());
        for name in ["etag", "location", "content-type", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}
