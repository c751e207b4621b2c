//! Names, ends and nulls that look like something else than they are.

use rollcall_tests::on_both_stores;
use rollcall_tests::operator::text;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

use super::{Customer, fresh};

on_both_stores!(
    names_are_what_people_see_of_them,
    names_that_look_the_same_are_the_same,
    nothing_ends_after_the_last_date,
    null_is_refused_where_nothing_can_be_none,
);

/// R-E-18, for whatever has a name.
async fn names_are_what_people_see_of_them(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, organization, .. } = &customer;
    let connections = format!("{organization}/connections");
    for name in ["\u{200B}", "\u{202E}emcA", "Acme\u{200B}", "Ac\u{200D}me", "a\u{1}b"] {
        for answer in [
            owner.post("/organizations", &json!({"name": name})).await,
            owner.patch(organization, &json!({"name": name})).await,
            owner.post(&connections, &json!({"settings": {"name": name}})).await,
            owner.patch(&made.path, &json!({"name": name})).await,
            owner.post(&customer.tokens(), &json!({"name": name})).await,
            owner.post("/admin/keys", &json!({"name": name, "role": "read-only"})).await,
        ] {
            let told = text(&answer.is(400).json(), "detail");
            assert!(told.contains("a name"), "{name:?}: {told}");
        }
    }
    owner.post(&customer.tokens(), &json!({"name": "می\u{200C}خواهم"})).await.is(201);
}

async fn names_that_look_the_same_are_the_same(server: &Server) {
    let owner = server.owner();
    let name = fresh("Mu\u{308}ller");
    let made = owner.post("/organizations", &json!({"name": name})).await.is(201).json();
    let composed = name.replace("u\u{308}", "ü");
    assert_eq!(made["name"], json!(composed));
    for same in [&name, &composed] {
        owner.post("/organizations", &json!({"name": same})).await.is(409);
    }
}

async fn nothing_ends_after_the_last_date(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let last = "9999-12-31T23:59:59.000Z";
    for end in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"] {
        let made = owner.post(&customer.tokens(), &json!({"expires": end})).await.is(201).json();
        assert_eq!(made["expires"], last);
        let rotation = format!("{}/{}/rotation", customer.tokens(), text(&made, "tokenId"));
        // It lives as long as the one before it was made to.
        let next = owner.act(&rotation).await.is(201).json();
        assert_eq!(next["expires"], last);
        let key = json!({"name": "k", "role": "read-only", "expires": end});
        let key = owner.post("/admin/keys", &key).await.is(201).json();
        assert_eq!(key["expires"], last);
    }
}

async fn null_is_refused_where_nothing_can_be_none(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, organization, .. } = &customer;
    owner.patch(&made.path, &json!({"status": null})).await.is(400);
    owner.patch(organization, &json!({"name": null})).await.is(400);
    let connections = format!("{organization}/connections");
    owner.post(&connections, &json!({"settings": {"status": null}})).await.is(400);
    let sizes = json!({"limits": {"maxRequestSize": 2048}, "security": {"maxRequestSize": 4096}});
    let told = text(&owner.patch(&made.path, &sizes).await.is(400).json(), "detail");
    assert!(told.contains("maxRequestSize"), "{told}");
    let shown = owner.get(&made.path).await.is(200).json();
    assert_eq!((&shown["revision"], &shown["status"]), (&json!(0), &json!("active")));
    // What can be none takes null.
    owner.patch(&made.path, &json!({"name": null, "quietAfterHours": null})).await.is(200);
    assert_ne!(shown["created"], Value::Null);
}
