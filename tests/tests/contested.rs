//! Values that two resources want, and errors that end a bulk request, over HTTP on both stores.

use rollcall_domain::{IdpKind, IndexState};
use rollcall_tests::bulk::{group, post, request, statuses, user};
use rollcall_tests::client::Answer;
use rollcall_tests::data::{ENTERPRISE, GROUP, USER};
use rollcall_tests::idp::{Idp, sorted};
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

on_both_stores!(
    r_attr_22_twins_in_a_circle_are_told_of_each_other,
    a_conflict_keeps_nobody_from_leaving,
    r_attr_14_nobody_has_an_empty_text_to_themselves,
    r_bulk_04_nothing_behind_the_last_error_is_kept,
);

const BADGE: &str = "urn:example:badge:1.0:User";

async fn total(idp: &Idp, endpoint: &str) -> Value {
    idp.get(endpoint).await.is(200).json()["totalResults"].clone()
}

/// R-BULK-06: 409 for each of the twins, and nothing of the circle is there.
async fn r_attr_22_twins_in_a_circle_are_told_of_each_other(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    let managed = |id: &str, name: &str, by: &str| {
        let manager = json!({"manager": {"value": format!("bulkId:{by}")}});
        let body = json!({"schemas": [USER, ENTERPRISE], "userName": name, (ENTERPRISE): manager});
        post(id, "/Users", &body)
    };
    let users = [managed("a", "q", "b"), managed("b", "Q", "a")];
    let crew = |id: &str, name: &str, member: &str| {
        let members = json!([{"value": format!("bulkId:{member}")}]);
        post(id, "/Groups", &json!({"schemas": [GROUP], "displayName": name, "members": members}))
    };
    let groups = [crew("a", "q", "b"), crew("b", "Q", "a")];
    for (operations, endpoint) in [(users, "/Users"), (groups, "/Groups")] {
        let results = idp.bulk(json!(operations)).await.is(200).operations();
        assert_eq!(statuses(&results), ["409", "409"], "{results:?}");
        for result in &results {
            assert_eq!(result["response"]["scimType"], "uniqueness", "{result}");
        }
        assert_eq!(total(&idp, endpoint).await, 0);
    }
}

/// Users with badges, whose numbers are unique or not.
fn badges(number: &Value, indexed: &Value) -> Value {
    json!({
        "schemas": [{"id": BADGE, "name": "Badge", "attributes": [number, {"name": "colour"}]}],
        "extensions": [{"resourceType": "User", "schema": BADGE, "indexed": indexed}],
    })
}

async fn with_badge(idp: &Idp, name: &str, number: &str) -> Answer {
    let badge = json!({"number": number, "colour": "red"});
    idp.post("/Users", &json!({"schemas": [USER, BADGE], "userName": name, (BADGE): badge})).await
}

/// A value that was taken before its index was there.
async fn a_conflict_keeps_nobody_from_leaving(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let plain = badges(&json!({"name": "number"}), &json!([]));
    let idp = server.define(&idp, &plain).await.expect("it is new");
    let first = with_badge(&idp, "ada", "B1").await.is(201).id();
    let (number, colour) = (format!("{BADGE}:number"), format!("{BADGE}:colour"));
    let unique = badges(&json!({"name": "number", "uniqueness": "server"}), &json!([colour]));
    let idp = server.define(&idp, &unique).await.expect("nobody has it twice");
    let second = with_badge(&idp, "grace", "b1").await.is(201).id();
    let leave = json!({"op": "replace", "path": "active", "value": false});
    let connection = server.connection(&idp).await;
    let indexer = server.indexer();
    let states = async || {
        let indexes = indexer.status(&connection).await.expect("its state is known");
        let of = |attr: &str| {
            let found = indexes.iter().find(|index| index.attr == attr);
            found.expect("an index").state.clone()
        };
        (of(&number), of(&colour))
    };
    let conflict = IndexState::Conflict(vec![first.parse().expect("an id")]);
    for round in 0..2 {
        for id in [&first, &second] {
            let path = format!("/Users/{id}");
            idp.patch(&path, leave.clone()).await.is(200);
            let title = json!({"op": "add", "value": {"title": format!("T{round}")}});
            idp.patch(&path, title).await.is(200);
            let whole = idp.get(&path).await.is(200).json();
            idp.put(&path, &whole).await.is(200);
        }
        assert_eq!(states().await, (conflict.clone(), IndexState::Ready));
        let found = idp.find("/Users", &format!("{number} eq \"B1\"")).await.is(200).ids();
        assert_eq!(sorted(&found), sorted(&[first.clone(), second.clone()]));
        with_badge(&idp, "vera", "B1").await.refused(409, "uniqueness");
        indexer.run(&connection).await.expect("it runs");
    }
    let set = |to: &str| json!({"op": "replace", "path": number, "value": to});
    with_badge(&idp, "vera", "B2").await.is(201);
    idp.patch(&format!("/Users/{first}"), set("b2")).await.refused(409, "uniqueness");
    // Once the other one has another number, it is claimed again.
    idp.patch(&format!("/Users/{second}"), set("B3")).await.is(200);
    indexer.run(&connection).await.expect("it runs");
    assert_eq!(states().await, (IndexState::Ready, IndexState::Ready));
    with_badge(&idp, "igor", "B1").await.refused(409, "uniqueness");
    idp.delete(&format!("/Users/{first}")).await.is(204);
    with_badge(&idp, "igor", "B1").await.is(201);
}

async fn r_attr_14_nobody_has_an_empty_text_to_themselves(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let unique = badges(&json!({"name": "number", "uniqueness": "server"}), &json!([]));
    let idp = server.define(&idp, &unique).await.expect("it is new");
    with_badge(&idp, "ada", "").await.is(201);
    let second = with_badge(&idp, "grace", "").await.is(201).id();
    let number = format!("{BADGE}:number");
    let set = |to: &str| json!({"op": "replace", "path": number, "value": to});
    for to in ["B1", "", "B1"] {
        idp.patch(&format!("/Users/{second}"), set(to)).await.is(200);
    }
    with_badge(&idp, "vera", "b1").await.refused(409, "uniqueness");
    with_badge(&idp, "vera", "").await.is(201);
}

/// R-BULK-09: what refers to a later operation waits for it.
async fn r_bulk_04_nothing_behind_the_last_error_is_kept(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let bulk = async |limit: u32, operations: &[Value]| {
        let mut body = request(operations);
        body["failOnErrors"] = json!(limit);
        idp.post("/Bulk", &body).await.is(200).operations()
    };
    let bad = post("v", "/Users", &json!({"schemas": [USER], "title": "nobody"}));
    let crew = || group("g", ["bulkId:w"]);
    let results = bulk(1, &[crew(), bad.clone(), user("w")]).await;
    assert_eq!(statuses(&results), ["400"], "{results:?}");
    assert_eq!(results[0]["bulkId"], "v");
    assert_eq!((total(&idp, "/Users").await, total(&idp, "/Groups").await), (json!(0), json!(0)));
    let results = bulk(2, &[crew(), bad, user("w")]).await;
    assert_eq!(statuses(&results), ["201", "400", "201"], "{results:?}");
    assert_eq!((total(&idp, "/Users").await, total(&idp, "/Groups").await), (json!(1), json!(1)));
    // A name that is taken is found out about in time as well.
    let named =
        |id: &str, name: &str| post(id, "/Users", &json!({"schemas": [USER], "userName": name}));
    let results = bulk(1, &[crew(), named("v", "W"), named("w", "y")]).await;
    assert_eq!(statuses(&results), ["409"], "{results:?}");
    assert_eq!((total(&idp, "/Users").await, total(&idp, "/Groups").await), (json!(1), json!(1)));
}
