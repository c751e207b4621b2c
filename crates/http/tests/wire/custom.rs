//! Types that a connection added, by the same code as users.

use http::Method;
use rollcall_schema::Definitions;
use serde_json::json;

use crate::patch_op;
use crate::world::{PUBLIC, World};

const ROBOT: &str = "urn:example:1.0:Robot";

async fn world() -> World {
    let definitions: Definitions = serde_json::from_value(json!({
        "schemas": [{"id": ROBOT, "name": "Robot", "attributes": [
            {"name": "serial", "required": true, "uniqueness": "server"},
            {"name": "arms", "type": "integer"},
            {"name": "owner", "type": "complex", "subAttributes": [
                {"name": "value"},
                {"name": "$ref", "type": "reference", "referenceTypes": ["User"]},
            ]},
        ]}],
        "resourceTypes": [{
            "id": "Robot", "name": "Robot", "endpoint": "/Robots", "schema": ROBOT,
            "indexed": ["arms"],
        }],
    }))
    .unwrap();
    World::set_up(|setup| setup.definitions = definitions).await
}

#[tokio::test]
async fn custom_types_live_as_users_do() {
    // R-EXT-01, R-URI-02, R-COMMON-13, R-POST-03
    let world = world().await;
    let robot = json!({"schemas": [ROBOT], "serial": "R2", "arms": 3});
    let made = world.post("/Robots", &robot).await;
    let shown = made.is(201).json();
    let id = shown["id"].as_str().unwrap();
    let location = format!("{PUBLIC}{}/Robots/{id}", world.a.path);
    assert_eq!((made.header("location"), made.header("etag")), (&*location, "W/\"1\""));
    assert_eq!(shown["meta"]["resourceType"], "Robot");
    assert_eq!(shown["schemas"], json!([ROBOT]));
    world.post("/Robots", &robot).await.is_error(409, "uniqueness");
    let list = world.get("/robots?filter=serial%20eq%20%22r2%22").await.is(200).json();
    assert_eq!(list["totalResults"], 1);
    let list = world.get("/Robots?filter=arms%20gt%202&sortBy=serial").await.is(200).json();
    assert_eq!(list["Resources"][0], shown);
    let at = format!("/Robots/{id}");
    let change = patch_op(&json!([{"op": "replace", "path": "arms", "value": 4}]));
    assert_eq!(world.patch(&at, &change).await.is(200).json()["arms"], 4);
    world.put(&at, &json!({"schemas": [ROBOT]})).await.is_error(400, "invalidValue");
    world.delete(&at).await.is(204);
    world.get(&at).await.is_error(404, "");
    let refused = world.send(&world.a, Method::PUT, "/Robots", &[], "").await;
    refused.is_error(405, "");
    assert_eq!(refused.header("allow"), "GET, HEAD, POST");
    // Nobody learns of it without a token (R-E-05), nor on another connection.
    world.send(&world.b, Method::GET, "/Robots", &[], "").await.is_error(404, "");
}
