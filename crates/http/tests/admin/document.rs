//! The OpenAPI document that is served.

use http::Method;
use rollcall_http::Settings;

use crate::world::World;

#[tokio::test]
async fn the_document_is_open_and_names_the_server() {
    let settings = Settings {
        public_url: "https://x.example/scim".into(),
        mount: "/auth".into(),
        ..Settings::default()
    };
    let world = World::with(settings).await;
    let answer = world.raw(Method::GET, "/api/v1/openapi.json", None, &[], None).await;
    assert_eq!(answer.is(200).header("content-type"), "application/json");
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "https://x.example/scim/api/v1");
    let scheme = &document["components"]["securitySchemes"]["adminKey"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&"http".into(), &"bearer".into()));
    assert_eq!(document["security"][0]["adminKey"], serde_json::json!([]));
    // The mount is the connections', not this API's.
    let connection = world.get(&world.a.at()).await.is(200).json();
    let id = &world.a.connection;
    assert_eq!(connection["basePath"], format!("/auth/connections/{id}/scim/v2"));
    let url = format!("https://x.example/scim/auth/connections/{id}/scim/v2");
    assert_eq!(connection["baseUrl"], url);
}

#[tokio::test]
async fn a_connection_says_where_it_is_wherever_it_is_named() {
    let world = World::new().await;
    let (at, id) = (world.a.at(), &world.a.connection);
    let url = format!("{}/connections/{id}/scim/v2", crate::world::PUBLIC);
    for path in ["", "/status", "/validate"] {
        let answer = world.get(&format!("{at}{path}")).await.is(200).json();
        assert_eq!(answer["baseUrl"], url, "{path}");
    }
    let checks = world.get(&format!("{at}/validate")).await.json();
    let found = checks["checks"].as_array().unwrap().iter().find(|one| one["name"] == "baseUrl");
    assert_eq!(
        (&found.unwrap()["detail"], &found.unwrap()["outcome"]),
        (&url.into(), &"pass".into())
    );
}

#[tokio::test]
async fn credentials_of_oauth_say_where_they_get_access_tokens() {
    let world = World::new().await;
    let tokens = format!("{}/tokens", world.a.at());
    let proof = |kind| serde_json::json!({"proof": {"kind": kind}});
    let made = world.post(&tokens, proof("clientSecret")).await.is(201).json();
    let id = &world.a.connection;
    let endpoint = format!("{}/connections/{id}/oauth/token", crate::world::PUBLIC);
    assert_eq!(made["tokenEndpoint"], endpoint);
    let token = made["tokenId"].as_str().unwrap();
    let read = world.get(&format!("{tokens}/{token}")).await.is(200).json();
    assert_eq!(read["tokenEndpoint"], endpoint);
    let bearer = world.post(&tokens, proof("bearer")).await.is(201).json();
    assert!(bearer.get("tokenEndpoint").is_none(), "{bearer}");
}
