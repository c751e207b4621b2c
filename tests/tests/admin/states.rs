//! The states of a connection, as its IdP meets them.

use rollcall_tests::client::{BULK, PATCH};
use rollcall_tests::data::USER;
use rollcall_tests::on_both_stores;
use rollcall_tests::operator::text;
use rollcall_tests::server::Server;
use serde_json::json;

use super::{Customer, becomes, check, users};

on_both_stores!(
    a_draft_is_read_and_not_written,
    an_observed_connection_follows_the_idp,
    a_paused_connection_answers_503_and_keeps_everybody,
    a_disabled_connection_answers_403,
);

async fn a_draft_is_read_and_not_written(server: &Server) {
    let customer = Customer::like(server, json!({"settings": {"status": "draft"}})).await;
    let Customer { owner, made, idp, .. } = &customer;
    // The tests of connections pass, and are seen.
    for path in ["/ServiceProviderConfig", "/Users?count=1", "/Groups", "/Schemas"] {
        idp.get(path).await.is(200);
    }
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]});
    idp.post("/Users/.search", &search).await.is(200);
    let user = json!({"schemas": [USER], "userName": "ada"});
    let told = idp.post("/Users", &user).await.refused(403, "");
    assert!(told.contains("draft"), "{told}");
    let nobody = "/Users/01890000-0000-7000-8000-00000000000a";
    idp.put(nobody, &user).await.refused(403, "");
    idp.patch(nobody, json!({"op": "replace", "path": "title", "value": "x"}))
        .await
        .refused(403, "");
    idp.delete(nobody).await.refused(403, "");
    let bulk = json!({"schemas": [BULK], "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": user}]});
    let bulk = idp.post("/Bulk", &bulk).await;
    assert!(bulk.status == 403 || bulk.statuses() == "403", "{bulk}");
    assert_eq!(idp.get("/Users").await.json()["totalResults"], 0);

    let status = owner.get(&format!("{}/status", made.path)).await.is(200).json();
    assert_eq!((&status["status"], &status["ready"]), (&json!("draft"), &json!(false)));
    text(&status, "connectionTestPassed");
    assert_eq!(check(&status, "status")["outcome"], "warn");
    owner.patch(&made.path, &json!({"status": "active"})).await.is(200);
    becomes(201, async || idp.post("/Users", &user).await).await;
}

async fn an_observed_connection_follows_the_idp(server: &Server) {
    let customer = Customer::like(server, json!({"settings": {"status": "observe"}})).await;
    let Customer { owner, made, idp, .. } = &customer;
    let ada = idp.user("ada").await;
    idp.group("G", &[&ada]).await;
    idp.patch(&format!("/Users/{ada}"), json!({"op": "replace", "path": "active", "value": false}))
        .await
        .is(200);
    let status = owner.get(&format!("{}/status", made.path)).await.is(200).json();
    assert_eq!((&status["status"], &status["ready"]), (&json!("observe"), &json!(true)));
}

async fn a_paused_connection_answers_503_and_keeps_everybody(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, idp, .. } = &customer;
    let ada = idp.user("ada").await;
    idp.group("G", &[&ada]).await;
    let before = (idp.get("/Users").await.json(), idp.get("/Groups").await.json());
    let logged = server.events(customer.id()).await.len();
    owner.patch(&made.path, &json!({"status": "paused"})).await.is(200);
    let paused = becomes(503, async || users(idp).await).await;
    assert_eq!(paused.header("retry-after"), Some("60"));
    assert!(paused.refused(503, "").contains("paused"));
    // Every route, so that no IdP takes a 404 for somebody who is gone.
    for (method, path) in [
        ("GET", format!("/Users/{ada}")),
        ("DELETE", format!("/Users/{ada}")),
        ("GET", "/ServiceProviderConfig".into()),
        ("GET", "/Nope".into()),
        ("POST", "/Bulk".into()),
    ] {
        let answer = idp.client.send(idp.request(method, &path)).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("60")), "{answer}");
    }
    let body = json!({"schemas": [PATCH], "Operations": [
        {"op": "replace", "path": "active", "value": false}]});
    let patch = idp.request("PATCH", &format!("/Users/{ada}")).json(&body);
    idp.client.send(patch).await.is(503);
    // A credential that is none is told so all the same.
    let garbage = idp.request("GET", "/Users").bearer("rct_garbage");
    idp.client.send(garbage).await.is(401);
    let status = owner.get(&format!("{}/status", made.path)).await.is(200).json();
    assert_eq!(
        (&status["ready"], &check(&status, "status")["outcome"]),
        (&json!(false), &json!("fail"))
    );
    // An operator may look and mint while it is paused.
    owner.post(&customer.tokens(), &json!({})).await.is(201);

    owner.patch(&made.path, &json!({"status": "active"})).await.is(200);
    becomes(200, async || users(idp).await).await;
    assert_eq!((idp.get("/Users").await.json(), idp.get("/Groups").await.json()), before);
    assert_eq!(server.events(customer.id()).await.len(), logged);
}

async fn a_disabled_connection_answers_403(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, idp, .. } = &customer;
    let ada = idp.user("ada").await;
    owner.patch(&made.path, &json!({"status": "disabled"})).await.is(200);
    let disabled = becomes(403, async || users(idp).await).await;
    assert!(disabled.refused(403, "").contains("disabled"));
    idp.get(&format!("/Users/{ada}")).await.refused(403, "");
    idp.delete(&format!("/Users/{ada}")).await.refused(403, "");
    idp.client.send(idp.request("GET", "/Users").bearer("rct_garbage")).await.is(401);
    let status = owner.get(&format!("{}/status", made.path)).await.is(200).json();
    assert!(text(check(&status, "status"), "fix").contains("active"));
    owner.patch(&made.path, &json!({"status": "active"})).await.is(200);
    becomes(200, async || users(idp).await).await;
    idp.get(&format!("/Users/{ada}")).await.is(200);
}
