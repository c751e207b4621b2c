//! Lists, searches and projections.

use crate::found;
use crate::four_users;
use crate::user;
use crate::world::World;
use rollcall_schema::standard;
use serde_json::Value;
use serde_json::json;

#[tokio::test]
async fn lists_are_paged() {
    // R-GET-02, R-GET-03, R-PAGE-01..07; X12..X18
    let world = World::new().await;
    let empty = world.get("/Users?count=1").await.is(200).json();
    assert_eq!(empty["totalResults"], 0);
    assert_eq!(empty["Resources"], json!([]));
    let ids = four_users(&world).await;
    for (query, start, expect) in [
        ("", 1, &ids[..]),
        ("?count=0", 1, &[]),
        ("?count=-5", 1, &[]),
        ("?startIndex=0&count=2", 1, &ids[..2]),
        ("?startindex=3&COUNT=2", 3, &ids[2..]),
        ("?startIndex=9", 9, &[]),
        ("?count=100000", 1, &ids[..]),
        ("?count=", 1, &ids[..]),
        ("?foo=1&aadOptscim062020", 1, &ids[..]),
    ] {
        let list = world.get(&format!("/Users{query}")).await.is(200).json();
        assert_eq!(list["schemas"], json!([standard::LIST_RESPONSE]));
        assert_eq!(list["totalResults"], 4, "{query}");
        assert_eq!(list["startIndex"], start, "{query}");
        assert_eq!(list["itemsPerPage"], expect.len(), "{query}");
        assert_eq!(found(&list), expect, "{query}");
    }
    world.get("/Users?count=abc").await.is_error(400, "invalidValue");
    world.get("/Users?startIndex=1.5").await.is_error(400, "invalidValue");
}

#[tokio::test]
async fn lists_are_filtered_and_sorted() {
    // R-FILTER-23, R-SORT-03, R-SORT-04; X23, X24, X55, X56, X58
    let world = World::new().await;
    let [u1, u2, u3, u4] = &four_users(&world).await;
    for (query, expect) in [
        ("filter=userName%20eq%20%22JSMITH%22", vec![u2]),
        ("filter=userName+eq+%22jsmith%22", vec![u2]),
        ("filter=userName%20eq%20%22Müller%22", vec![u3]),
        ("filter=emails.value%20eq%20%22w%2B1@example.com%22", vec![u4]),
        ("filter=emails.value%20eq%20%22w+1@example.com%22", vec![u4]),
        ("filter=emails%5Btype%20eq%20%22work%22%5D", vec![u1, u4]),
        ("filter=userName%20eq%20%22M%C3%BCller%22", vec![u3]),
        (
            "filter=meta.lastModified%20ge%20%220001-01-03T00:00:00.0000000Z%22",
            vec![u1, u2, u3, u4],
        ),
        ("filter=active%20eq%20false", vec![u2]),
        ("filter=nope%20pr", vec![]),
        ("sortBy=title", vec![u1, u2, u3, u4]),
        ("sortBy=emails.value", vec![u1, u4, u2, u3]),
        ("sortBy=emails.value&sortOrder=descending&count=1", vec![u3]),
    ] {
        let list = world.get(&format!("/Users?{query}")).await.is(200).json();
        assert_eq!(found(&list), expect, "{query}");
    }
    let deep = format!("/Users?filter={}", "(".repeat(10_000));
    for path in [&deep, "/Users?filter=", "/Users?filter=userName%20is%201", "/Users?filter=%22"] {
        world.get(path).await.is_error(400, "invalidFilter");
    }
    let curly = world.get("/Users?filter=userName%20eq%20%E2%80%9Cada%E2%80%9D").await;
    curly.is_error(400, "invalidFilter");
    assert!(curly.json()["detail"].as_str().unwrap().contains("quote"), "{}", curly.text);
    world.get("/Users?filter=userName+eq+“ada”").await.is_error(400, "invalidFilter");
    world.get("/Users?filter=%FF").await.is_error(400, "invalidValue");
    world.get("/Users?sortBy=title&sortOrder=up").await.is_error(400, "invalidValue");
}

#[tokio::test]
async fn searches_can_be_posted() {
    // R-SEARCH-01..06; X30, X31
    let world = World::new().await;
    let [u1, ..] = &four_users(&world).await;
    let body = json!({"schemas": [standard::SEARCH_REQUEST], "filter": "emails pr",
        "attributes": ["emails.value"], "count": 1});
    let list = world.post("/Users/.search?count=3&filter=x", &body).await.is(200).json();
    assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(3), &json!(1)));
    assert_eq!(found(&list), [u1]);
    assert_eq!(list["Resources"][0]["emails"][0], json!({"value": "bjensen@example.com"}));
    world.post("/Users/.search", &json!({"count": 1})).await.is_error(400, "invalidSyntax");
    world.get("/Users/.search").await.is_error(405, "");
}

#[tokio::test]
async fn projections_hold_everywhere() {
    // R-PROJ-01..12; X09, X19, X20, X21, X61
    let world = World::new().await;
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let answer = world.post("/Users?attributes=userName", &user("new")).await;
    assert_eq!(keys(&answer.is(201).json()), ["id", "schemas", "userName"]);
    let [u1, ..] = &four_users(&world).await;
    let at = |query: &str| format!("/Users/{u1}?{query}");
    world
        .get(&at("attributes=userName&excludedAttributes=name"))
        .await
        .is_error(400, "invalidValue");
    let shown = world.get(&at("excludedAttributes=id,schemas,userName")).await.is(200).json();
    assert!(shown["id"].is_string() && shown["schemas"].is_array() && shown["userName"].is_null());
    let shown = world.get(&at("attributes=emails.value")).await.is(200).json();
    assert!(shown["emails"].as_array().unwrap().iter().all(|one| keys(one) == ["value"]));
    let shown = world.get(&at("attributes=emails%5Btype%20eq%20%22work%22%5D")).await;
    assert_eq!(shown.is(200).json()["emails"].as_array().unwrap().len(), 2);
    let shown = world.get(&at("attributes=%5B%5B,title")).await.is(200).json();
    assert_eq!(keys(&shown), ["id", "schemas", "title"]);
    let list = world.get("/Users?excludedAttributes=emails,meta&count=2").await.is(200).json();
    assert!(list["Resources"].as_array().unwrap().iter().all(|one| one["emails"].is_null()));
    let shown = world.put(&at("attributes=title"), &user("bj")).await.is(200).json();
    assert_eq!(keys(&shown), ["id", "schemas"]);
}
