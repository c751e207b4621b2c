//! What operations refer to.

use rollcall_domain::Operation;
use serde_json::{Value, json};

use crate::desk::{Desk, delete, id_of, join, patch, post, post_group, post_user, put, set, told};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn report(bulk_id: &str, manager: &str) -> Operation {
    let body = json!({"userName": bulk_id, ENTERPRISE: {"manager": {"value": manager}}});
    post("User", bulk_id, body)
}

fn manager(body: &Value) -> &Value {
    &body[ENTERPRISE]["manager"]["value"]
}

/// X38, R-BULK-05.
#[tokio::test]
async fn a_group_is_made_with_a_user_of_the_same_request() {
    let desk = Desk::open().await;
    let results = desk.bulk(vec![post_user("a", "ada"), post_group("g", &["bulkId:a"])]).await;
    assert_eq!(told(&results), ["0: 1", "1: 1"]);
    assert_eq!(desk.members(id_of(&results, 1)).await, [id_of(&results, 0)]);
    assert_eq!(desk.spy.calls().len(), 1);
}

/// R-BULK-05, R-BULK-09: results stand in the order of the request, whatever came first.
#[tokio::test]
async fn references_lead_forward_too() {
    let desk = Desk::open().await;
    let operations = vec![
        set("User", "bulkId:a", "title", "x"),
        report("b", "bulkId:c"),
        post_group("g", &["bulkId:b"]),
        post_user("a", "ada"),
        report("c", "bulkId:a"),
    ];
    let results = desk.bulk(operations).await;
    assert_eq!(told(&results), ["0: 2", "1: 1", "2: 1", "3: 1", "4: 1"]);
    let (a, b, c) = (id_of(&results, 3), id_of(&results, 1), id_of(&results, 4));
    assert_eq!(id_of(&results, 0), a);
    let body = |id| desk.body("User", id);
    assert_eq!(manager(&body(b).await.unwrap()), &json!(c.to_string()));
    assert_eq!(manager(&body(c).await.unwrap()), &json!(a.to_string()));
    assert_eq!(desk.members(id_of(&results, 2)).await, [b]);
}

/// R-BULK-05: every verb takes a reference for an id, and a PATCH in its paths.
#[tokio::test]
async fn references_stand_for_ids_in_paths() {
    let desk = Desk::open().await;
    let operations = vec![
        post_user("a", "ada"),
        post_user("b", "bea"),
        post_group("g", &["bulkId:a", "bulkId:b"]),
        patch(
            "Group",
            "bulkId:g",
            json!({"op": "remove", "path": "members[value eq \"bulkId:a\"]"}),
        ),
        put("User", "bulkId:b", json!({"userName": "bea", "nickName": "B"})),
        delete("User", "bulkId:a"),
    ];
    let results = desk.bulk(operations).await;
    assert_eq!(told(&results), ["0: 1", "1: 1", "2: 1", "3: 2", "4: 2", "5: -"]);
    assert_eq!(desk.members(id_of(&results, 2)).await, [id_of(&results, 1)]);
    assert_eq!(desk.body("User", id_of(&results, 0)).await, None);
}

/// R-BULK-07: each of them fails for itself, and what is nobody's business goes on.
#[tokio::test]
async fn unknown_and_failed_references_fail() {
    let desk = Desk::open().await;
    desk.user("ada").await;
    let operations = vec![
        post_group("g", &["bulkId:nobody"]),
        join("bulkId:g", "bulkId:a"),
        post_user("a", "ada"),
        report("b", "bulkId:a"),
        set("User", "bulkId:b", "title", "x"),
        post_user("c", "cyd"),
        delete("Group", "bulkId:nothing"),
    ];
    let results = desk.bulk(operations).await;
    let expect = [
        "0: unknown nobody",
        "1: needs g",
        "2: taken",
        "3: needs a",
        "4: needs b",
        "5: 1",
        "6: unknown nothing",
    ];
    assert_eq!(told(&results), expect);
    assert_eq!((desk.total("User").await, desk.total("Group").await), (2, 0));
}

/// R-BULK-07: nothing may be left that names a resource which was never made.
#[tokio::test]
async fn what_depends_on_a_failure_of_the_store_is_not_kept() {
    let desk = Desk::open().await;
    desk.user("ada").await;
    let chain = (0..40).map(|n| report(&format!("r{n}"), &format!("bulkId:r{}", n - 1)));
    let operations: Vec<_> = [post_user("r-1", "ada")].into_iter().chain(chain).collect();
    let results = desk.bulk(operations).await;
    assert_eq!(told(&results)[..2], ["0: taken", "1: needs r-1"]);
    assert!(told(&results)[2..].iter().all(|told| told.contains("needs r")));
    assert_eq!(desk.total("User").await, 1);
}

/// R-BULK-07: a deleted creation is no member any more.
#[tokio::test]
async fn a_creation_that_ended_again_is_nobody() {
    let desk = Desk::open().await;
    let operations = vec![
        post_user("a", "ada"),
        delete("User", "bulkId:a"),
        post_group("g", &["bulkId:a"]),
        set("User", "bulkId:a", "title", "x"),
        set("Group", "bulkId:a", "displayName", "x"),
    ];
    let results = desk.bulk(operations).await;
    let expect = ["0: 1", "1: -", "2: unknown members", "3: not found", "4: not found"];
    assert_eq!(told(&results), expect);
}
