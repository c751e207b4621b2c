//! Creations that refer to each other.

use rollcall_domain::{Error, IdpKind, ResourceId, Undone};
use serde_json::json;

use crate::desk::{Desk, id_of, join, post, post_group, post_user, told};

/// X39, R-BULK-06.
#[tokio::test]
async fn groups_that_contain_each_other_are_made_at_once() {
    let desk = Desk::open().await;
    let operations =
        vec![post_group("a", &["bulkId:b"]), post_user("u", "ada"), post_group("b", &["bulkId:a"])];
    let results = desk.bulk(operations).await;
    assert_eq!(told(&results), ["0: 1", "1: 1", "2: 1"]);
    let (a, b) = (id_of(&results, 0), id_of(&results, 2));
    assert_eq!((desk.members(a).await, desk.members(b).await), (vec![b], vec![a]));
    let calls = desk.spy.calls();
    assert_eq!(calls.iter().map(|call| call.writes.clone()).collect::<Vec<_>>(), [[2, 1]]);
}

/// R-BULK-06, R-E-16: a circle of one, and a long one.
#[tokio::test]
async fn a_circle_has_any_length() {
    let desk = Desk::open().await;
    let results = desk.bulk(vec![post_group("g", &["bulkId:g"])]).await;
    let g = id_of(&results, 0);
    assert_eq!(desk.members(g).await, [g]);

    let name = |n: usize| format!("g{}", n % 300);
    let next = |n: usize| format!("bulkId:{}", name(n + 1));
    let circle = (0..300).map(|n| post_group(&name(n), &[&next(n)])).collect();
    let results = desk.bulk(circle).await;
    let ids: Vec<ResourceId> = (0..300).map(|n| id_of(&results, n)).collect();
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(desk.members(*id).await, [ids[(n + 1) % 300]]);
    }
}

/// R-BULK-06.
#[tokio::test]
async fn users_manage_each_other() {
    let desk = Desk::open().await;
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let user = |name: &str, of: &str| {
        post("User", name, json!({"userName": name, urn: {"manager": {"value": of}}}))
    };
    let results = desk.bulk(vec![user("a", "bulkId:b"), user("b", "bulkId:a")]).await;
    assert_eq!(told(&results), ["0: 1", "1: 1"]);
    let managed = desk.body("User", id_of(&results, 0)).await.unwrap();
    assert_eq!(managed[urn]["manager"]["value"], id_of(&results, 1).to_string());
}

/// R-BULK-06, R-BULK-07: whole or not at all, and whoever is to blame is told so.
#[tokio::test]
async fn a_circle_fails_as_a_whole() {
    let desk = Desk::open().await;
    let mut nameless = post_group("b", &["bulkId:a"]);
    nameless.data = json!({"members": nameless.data["members"]});
    let operations = vec![
        post_group("a", &["bulkId:b"]),
        nameless,
        post_group("c", &["bulkId:b"]),
        post_group("d", &["bulkId:e", "0197b3a0-0000-7000-8000-000000000001"]),
        post_group("e", &["bulkId:d"]),
        join("bulkId:e", "bulkId:e"),
    ];
    let results = desk.bulk(operations).await;
    let expect = [
        "0: needs b",
        "1: violation",
        "2: needs b",
        "3: unknown members",
        "4: needs d",
        "5: needs e",
    ];
    assert_eq!(told(&results), expect);
    assert_eq!(desk.total("Group").await, 0);
}

/// R-BULK-06, R-E-24: a name that somebody else has.
#[tokio::test]
async fn a_taken_name_in_a_circle_is_laid_to_whom_it_belongs() {
    let desk = Desk::of(IdpKind::Okta).await;
    desk.group("a", &[]).await;
    let operations = || vec![post_group("b", &["bulkId:a"]), post_group("a", &["bulkId:b"])];
    let results = desk.bulk(operations()).await;
    assert_eq!(told(&results), ["0: needs a", "1: taken"]);

    let desk = Desk::of(IdpKind::Okta).await;
    let mut twins = operations();
    twins[0].data["displayName"] = json!("A");
    let results = desk.bulk(twins).await;
    assert_eq!(told(&results), ["0: taken", "1: taken"]);
    assert_eq!(desk.total("Group").await, 0);
}

/// R-BULK-04: each operation of a circle is an error of its own.
#[tokio::test]
async fn the_errors_of_a_circle_all_count() {
    let desk = Desk::open().await;
    let circle = [post_group("a", &["bulkId:b", "nobody"]), post_group("b", &["bulkId:a"])];
    let operations = circle.into_iter().chain([post_user("u", "ada")]).map(Ok).collect();
    let results = desk.bulk_until(Some(2), operations).await;
    assert_eq!(told(&results), ["0: unknown members", "1: needs a"]);
    let (_, Err(Undone::Failed(Error::UnknownMembers { ids, .. }))) = &results[0] else {
        panic!("{results:?}")
    };
    assert_eq!(ids, &["nobody"]);
    assert_eq!(desk.total("User").await, 0);
}

/// R-BULK-06, R-ATTR-22: whoever shares a value with another of the circle is told so.
#[tokio::test]
async fn twins_in_a_circle_are_told_of_each_other() {
    let desk = Desk::of(IdpKind::Okta).await;
    let mut twin = post_group("c", &["bulkId:a"]);
    twin.data["displayName"] = json!("A");
    let operations = vec![post_group("a", &["bulkId:b"]), post_group("b", &["bulkId:c"]), twin];
    assert_eq!(told(&desk.bulk(operations).await), ["0: taken", "1: needs a", "2: taken"]);
    assert_eq!(desk.total("Group").await, 0);
}
