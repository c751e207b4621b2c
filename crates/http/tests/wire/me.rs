//! `/Me`, for users and for machines.

use http::Method;
use serde_json::json;

use crate::world::{PUBLIC, World};
use crate::{patch_op, user};

#[tokio::test]
async fn machines_are_nobody() {
    // R-ME-02; X53
    let world = World::new().await;
    let change = patch_op(&json!([{"op": "replace", "path": "title", "value": "x"}]));
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH] {
        let answer = world.send(&world.a, method.clone(), "/Me", &[], &change).await;
        assert_eq!(answer.status, 501, "{method}");
    }
    world.delete("/Me").await.is_error(501, "");
    world.get("/Me").await.is_error(501, "");
}

#[tokio::test]
async fn users_are_answered_directly() {
    // R-ME-01, R-ME-02, R-GET-09
    let world = World::new().await;
    let id = world.made(&world.a, "/Users", &user("ada")).await;
    let ada = world.user_of_a(&id).await;
    let shown = world.send(&ada, Method::GET, "/Me", &[], "").await;
    let location = format!("{PUBLIC}{}/Users/{id}", world.a.path);
    assert_eq!(shown.is(200).json(), world.get(&format!("/Users/{id}")).await.json());
    assert_eq!((shown.header("location"), shown.header("etag")), (&*location, "W/\"1\""));
    let head = world.send(&ada, Method::HEAD, "/Me", &[], "").await;
    assert_eq!((head.is(200).text.as_str(), head.header("location")), ("", &*location));
    assert_eq!(head.header("content-length"), shown.text.len().to_string());
    let known = [("if-none-match", "W/\"1\"")];
    world.send(&ada, Method::GET, "/Me", &known, "").await.is(304);
    let few = world.send(&ada, Method::GET, "/me/?attributes=userName", &[], "").await;
    assert_eq!(few.is(200).json().as_object().unwrap().len(), 3);
    world.send(&ada, Method::GET, "/Me/x", &[], "").await.is_error(404, "");
    world.send(&ada, Method::POST, "/Me", &[], user("b")).await.is_error(501, "");
    world.send(&ada, Method::DELETE, "/Me", &[], "").await.is_error(403, "");
}

#[tokio::test]
async fn users_change_what_is_theirs() {
    // R-ME-02, R-ME-03
    let world = World::new().await;
    let id = world.made(&world.a, "/Users", &user("ada")).await;
    let other = world.made(&world.a, "/Users", &user("bob")).await;
    let ada = world.user_of_a(&id).await;
    let patch = |path: &str, value: &str| {
        patch_op(&json!([{"op": "replace", "path": path, "value": value}]))
    };
    let nick = patch("nickName", "A");
    let answer = world.send(&ada, Method::PATCH, "/Me", &[], &nick).await;
    assert_eq!(answer.is(200).json()["nickName"], "A");
    assert!(answer.header("location").ends_with(&format!("/Users/{id}")));
    let stale = [("if-match", "W/\"1\"")];
    world.send(&ada, Method::PATCH, "/Me", &stale, &nick).await.is_error(412, "");
    let body = json!({"schemas": user("")["schemas"], "userName": "ada", "nickName": "B"});
    let answer = world.send(&ada, Method::PUT, "/Me", &[], &body).await;
    assert_eq!(answer.is(200).json()["nickName"], "B");
    for refused in [patch("userName", "root"), patch("active", "false")] {
        world.send(&ada, Method::PATCH, "/Me", &[], &refused).await.is_error(403, "");
    }
    let mut raised = body.clone();
    raised["roles"] = json!([{"value": "admin"}]);
    world.send(&ada, Method::PUT, "/Me", &[], &raised).await.is_error(403, "");
    let kept = world.get(&format!("/Users/{id}")).await.json();
    assert_eq!((&kept["userName"], &kept["roles"]), (&json!("ada"), &json!(null)));
    // Nothing else is open to it, and discovery is.
    let others = format!("/Users/{other}");
    for (method, path) in [
        (Method::GET, "/Users"),
        (Method::POST, "/Users"),
        (Method::GET, others.as_str()),
        (Method::DELETE, &format!("/Users/{id}")),
        (Method::PATCH, &others),
    ] {
        let body = if method == Method::PATCH { nick.clone() } else { user("x") };
        world.send(&ada, method, path, &[], body).await.is_error(403, "");
    }
    world.send(&ada, Method::GET, "/Schemas", &[], "").await.is(200);
    // Who is gone is nobody.
    world.delete(&format!("/Users/{id}")).await.is(204);
    world.send(&ada, Method::GET, "/Me", &[], "").await.is_error(401, "");
}
