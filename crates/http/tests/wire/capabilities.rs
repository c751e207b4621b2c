//! What is advertised is there, and what isn't is refused or passed over (R-DISC-09).

use http::Method;
use rollcall_domain::Capabilities;
use rollcall_schema::standard;
use serde_json::{Value, json};

use crate::world::World;
use crate::{found, four_users, patch_op, user};

/// A connection without some capabilities.
async fn without(change: impl Fn(&mut Capabilities)) -> (World, Value) {
    let world = World::set_up(|setup| change(&mut setup.capabilities)).await;
    let config = world.get("/ServiceProviderConfig").await.is(200).json();
    (world, config)
}

#[tokio::test]
async fn without_patch_nothing_is_patched() {
    let (world, config) = without(|offered| offered.patch = false).await;
    assert_eq!(config["patch"], json!({"supported": false}));
    let id = world.made(&world.a, "/Users", &user("ada")).await;
    let change = patch_op(&json!([{"op": "replace", "path": "active", "value": false}]));
    let at = format!("/Users/{id}");
    world.patch(&at, &change).await.is_error(501, "");
    world.patch("/Users/none", &change).await.is_error(501, "");
    assert_eq!(world.get(&at).await.json()["active"], true);
    let refused = world.post(&at, &change).await;
    refused.is_error(405, "");
    assert_eq!(refused.header("allow"), "GET, HEAD, PUT, DELETE");
}

#[tokio::test]
async fn without_filters_a_filter_is_refused() {
    // R-FILTER-30
    let (world, config) = without(|offered| offered.filter = false).await;
    assert_eq!(config["filter"], json!({"supported": false, "maxResults": 0}));
    four_users(&world).await;
    assert_eq!(world.get("/Users").await.is(200).json()["totalResults"], 4);
    let refused = world.get("/Users?filter=userName%20eq%20%22jsmith%22").await;
    refused.is_error(400, "invalidFilter");
    assert_eq!(refused.json()["detail"], "`filter`: filters are not offered on this connection");
    let body = json!({"schemas": [standard::SEARCH_REQUEST], "filter": "title pr"});
    world.post("/Users/.search", &body).await.is_error(400, "invalidFilter");
}

#[tokio::test]
async fn without_sorting_the_order_is_that_of_creation() {
    // R-SORT-06, R-SORT-07
    let (world, config) = without(|offered| offered.sort = false).await;
    assert_eq!(config["sort"], json!({"supported": false}));
    let ids = four_users(&world).await;
    for query in ["sortBy=emails.value", "sortBy=userName&sortOrder=descending", "sortBy=%28"] {
        let list = world.get(&format!("/Users?{query}")).await.is(200).json();
        assert_eq!(found(&list), ids, "{query}");
    }
    let sorting = World::new().await;
    let ids = four_users(&sorting).await;
    let list = sorting.get("/Users?sortBy=emails.value").await.is(200).json();
    assert_ne!(found(&list), ids);
}

#[tokio::test]
async fn without_versions_there_is_no_trace_of_them() {
    // R-ETAG-01..05
    let (world, config) = without(|offered| offered.etag = false).await;
    assert_eq!(config["etag"], json!({"supported": false}));
    let made = world.post("/Users", &user("ada")).await;
    let id = made.is(201).json()["id"].as_str().unwrap().to_owned();
    let at = format!("/Users/{id}");
    let change = patch_op(&json!([{"op": "replace", "path": "title", "value": "T"}]));
    let answers = [
        made,
        world.get(&at).await,
        world.get(&format!("{at}?attributes=meta")).await,
        world.get("/Users").await,
        world.patch(&at, &change).await,
        world.put(&at, &user("ada")).await,
    ];
    for answer in &answers {
        assert!(answer.status.is_success(), "{answer:?}");
        assert_eq!(answer.header("etag"), "");
        assert!(!answer.text.contains("version"), "{}", answer.text);
        assert!(answer.text.contains("lastModified"), "{}", answer.text);
    }
    for tag in ["W/\"1\"", "*"] {
        let known = [("if-none-match", tag)];
        world.send(&world.a, Method::GET, &at, &known, "").await.is(200);
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let body = if method == Method::PATCH { change.clone() } else { user("ada") };
        let stale = [("if-match", "W/\"3\"")];
        let refused = world.send(&world.a, method, &at, &stale, body).await;
        refused.is_error(412, "");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("versions are not offered"), "{detail}");
    }
    let any = [("if-match", "*")];
    world.send(&world.a, Method::PUT, "/Users/none", &any, user("x")).await.is_error(404, "");
    world.send(&world.a, Method::DELETE, &at, &any, "").await.is(204);
}

#[tokio::test]
async fn without_bulk_there_is_none() {
    // R-EVT-07: nor is there anything to answer early
    let (world, config) = without(|offered| offered.bulk = false).await;
    assert_eq!(
        config["bulk"],
        json!({"supported": false, "maxOperations": 0, "maxPayloadSize": 0})
    );
    assert!(config["securityEvents"].is_null());
    for method in [Method::GET, Method::POST] {
        world.send(&world.a, method, "/Bulk", &[], "{}").await.is_error(501, "");
    }
    let (_, config) = without(|offered| offered.asynchronous = false).await;
    assert_eq!(
        (&config["bulk"]["supported"], &config["securityEvents"]),
        (&json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn pages_say_how_large_they_are() {
    // R-CUR-11, R-PAGE-03
    let world = World::set_up(|setup| {
        (setup.limits.page_default, setup.limits.page_max) = (Some(2), Some(3));
        setup.capabilities.cursor = false;
    })
    .await;
    let config = world.get("/ServiceProviderConfig").await.is(200).json();
    let expect = json!({"cursor": false, "index": true, "defaultPaginationMethod": "index",
        "defaultPageSize": 2, "maxPageSize": 3});
    assert_eq!((&config["pagination"], &config["filter"]["maxResults"]), (&expect, &json!(3)));
    four_users(&world).await;
    for (query, size) in [("", 2), ("?count=100", 3), ("?count=1", 1)] {
        let list = world.get(&format!("/Users{query}")).await.is(200).json();
        assert_eq!((found(&list).len(), &list["totalResults"]), (size, &json!(4)), "{query}");
    }
}
