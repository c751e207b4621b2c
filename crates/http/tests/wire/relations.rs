//! Members of groups and groups of users, few and many.

use crate::four_users;
use crate::group;
use crate::patch_op;
use crate::user;
use crate::world::PUBLIC;
use crate::world::Tenant;
use crate::world::World;
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn groups_show_members_and_users_show_groups() {
    // R-PROJ-07, R-PROJ-10; X22
    let world = World::new().await;
    let [u1, u2, ..] = &four_users(&world).await;
    let inner = world.made(&world.a, "/Groups", &group("Inner", &[u2])).await;
    let outer = world.made(&world.a, "/Groups", &group("Outer", &[u1, &inner])).await;
    let shown = world.get(&format!("/Groups/{outer}")).await.json();
    let members = shown["members"].as_array().unwrap();
    let base = format!("{PUBLIC}{}", world.a.path);
    assert_eq!(members.len(), 2, "{members:#?}");
    assert!(
        members
            .iter()
            .any(|one| one["$ref"] == format!("{base}/Groups/{inner}") && one["type"] == "Group")
    );
    assert!(members.iter().any(|one| one["$ref"] == format!("{base}/Users/{u1}")
        && one["value"] == u1.as_str()
        && one["type"] == "User"));
    let named = world.get(&format!("/Groups/{outer}?attributes=members.display")).await.json();
    assert!(named["members"].as_array().unwrap().contains(&json!({"display": "Inner"})), "{named}");
    let groups = world.get(&format!("/Users/{u2}")).await.json()["groups"].clone();
    let reached: Vec<_> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["value"].as_str().unwrap(), one["type"].as_str().unwrap()))
        .collect();
    assert_eq!(reached, [(inner.as_str(), "direct"), (outer.as_str(), "indirect")]);

    world.edge_reads();
    for (path, reads) in [
        ("/Groups", 1),
        ("/Groups?excludedAttributes=members", 0),
        ("/Groups?attributes=displayName", 0),
        ("/Groups?sortBy=displayName&sortOrder=descending", 1),
        ("/Groups?count=0", 0),
        ("/Users", 0),
    ] {
        let list = world.get(path).await.is(200).json();
        let shown = list["Resources"].as_array().unwrap();
        let members = shown.iter().filter_map(|one| one["members"].as_array()).flatten().count();
        assert_eq!((world.edge_reads(), members), (reads, if reads > 0 { 3 } else { 0 }), "{path}");
    }
    world.post("/Groups", &group("Bad", &["nope"])).await.is_error(400, "invalidValue");
    world.edge_reads();
    world.made(&world.a, "/Groups", &json!({"displayName": "Empty"})).await;
    assert_eq!(world.edge_reads(), 0);
}

#[tokio::test]
async fn large_groups_are_streamed() {
    // R-E-17; a GET of a large group never holds it whole
    let world = World::new().await;
    let id = world.made(&world.a, "/Groups", &json!({"displayName": "Large"})).await;
    world.made(&world.a, "/Groups", &json!({"displayName": "A"})).await;
    let at = format!("/Groups/{id}");
    for (members, reads) in [(1000, 1), (1001, 2), (10_500, 11)] {
        world.spy.pretend.store(members, Ordering::Relaxed);
        world.edge_reads();
        let shown = world.get(&at).await.is(200).json();
        assert_eq!(shown["members"].as_array().unwrap().len() as u64, members);
        assert_eq!(shown["displayName"], "Large");
        assert_eq!(world.edge_reads(), reads, "{members}");
    }
    world.spy.pretend.store(1500, Ordering::Relaxed);
    for path in ["/Groups", "/Groups?sortBy=displayName", "/Groups?attributes=members.value"] {
        let list = world.get(path).await.is(200).json();
        for one in list["Resources"].as_array().unwrap() {
            assert_eq!(one["members"].as_array().unwrap().len(), 1500, "{path}");
        }
    }
    world.edge_reads();
    world.get("/Groups").await.is(200);
    assert_eq!(world.edge_reads(), 3);
    let body = world.send(&world.a, Method::HEAD, &at, &[], "").await;
    assert_eq!(body.is(200).text, "");
}

#[tokio::test]
async fn answers_that_break_are_never_taken_for_whole() {
    let world = World::new().await;
    let id = world.made(&world.a, "/Groups", &json!({"displayName": "Large"})).await;
    world.spy.pretend.store(5000, Ordering::Relaxed);
    world.edge_reads();
    world.spy.breaks.store(3, Ordering::Relaxed);
    let body = world.open(&format!("/Groups/{id}")).await;
    assert_eq!(body.collect().await.unwrap_err().to_string(), "the answer was cut short");
    let failed = world.get(&format!("/Groups/{id}")).await;
    failed.is_error(503, "");
    assert!(failed.json()["detail"].as_str().unwrap().contains(failed.header("x-request-id")));
    assert!(!failed.text.contains("out of order"));
}

#[tokio::test]
async fn large_and_silent_groups_answer_patches_without_a_body() {
    // R-PATCH-04, R-PROJ-11, E-ENTRA-20
    let world = World::new().await;
    let rename = patch_op(&json!([{"op": "replace", "path": "displayName", "value": "New"}]));
    let patched = async |tenant: &Tenant, query: &str| {
        let id = world.made(tenant, "/Groups", &json!({"displayName": "Old"})).await;
        let path = format!("/Groups/{id}{query}");
        let answer = world.send(tenant, Method::PATCH, &path, &[], &rename).await;
        assert_eq!(answer.header("etag"), "W/\"2\"");
        assert!(answer.header("location").ends_with(&format!("/Groups/{id}")));
        assert_eq!(answer.text.is_empty(), answer.status == 204);
        answer.status.as_u16()
    };
    assert_eq!(patched(&world.a, "").await, 200);
    assert_eq!(patched(&world.entra, "").await, 204);
    assert_eq!(patched(&world.entra, "?attributes=displayName").await, 200);
    assert_eq!(patched(&world.entra, "?excludedAttributes=members").await, 204);
    world.spy.pretend.store(1000, Ordering::Relaxed);
    assert_eq!(patched(&world.a, "").await, 200);
    world.spy.pretend.store(1001, Ordering::Relaxed);
    assert_eq!(patched(&world.a, "").await, 204);
    assert_eq!(patched(&world.a, "?attributes=displayName").await, 200);
    assert_eq!(patched(&world.a, "?attributes=members").await, 200);
    assert_eq!(patched(&world.a, "?excludedAttributes=members").await, 200);
    world.spy.pretend.store(0, Ordering::Relaxed);
    let id = world.made(&world.entra, "/Users", &user("ada")).await;
    let change = patch_op(&json!([{"op": "replace", "path": "active", "value": false}]));
    let path = format!("/Users/{id}");
    world.send(&world.entra, Method::PATCH, &path, &[], &change).await.is(200);
}
