//! What is told of each operation, and where a request ends.

use std::sync::Mutex;

use rollcall_domain::{
    Context, Derived, Done, Error, Named, Operation, Precondition, ResourceId, Token, Undone,
};
use serde_json::{Value, json};

use crate::desk::{
    Desk, Refusal, delete, id_of, insisting, join, patch, post_group, post_user, put, set, told, ty,
};

fn bad(bulk_id: &str) -> Operation {
    let mut operation = post_user(bulk_id, "x");
    operation.data = json!({"title": "nobody"});
    operation
}

/// X40, X41, R-BULK-04.
#[tokio::test]
async fn errors_end_a_request_where_it_says_so() {
    async fn check(fail_on_errors: Option<u32>, expect: &[&str], users: u64) {
        let desk = Desk::open().await;
        desk.user("ada").await;
        let operations: Vec<Result<Operation, Refusal>> = vec![
            Ok(post_user("a", "one")),
            Ok(bad("b")),
            Ok(post_user("c", "two")),
            Err("GET"),
            Ok(post_user("d", "Ada")),
            Ok(post_user("e", "three")),
        ];
        let results = desk.bulk_until(fail_on_errors, operations).await;
        assert_eq!(told(&results), expect, "{fail_on_errors:?}");
        assert_eq!(desk.total("User").await, 1 + users, "{fail_on_errors:?}");
    }
    let all = ["0: 1", "1: violation", "2: 1", "3: refused GET", "4: taken", "5: 1"];
    check(None, &all, 3).await;
    check(Some(1), &all[..2], 1).await;
    check(Some(2), &all[..4], 2).await;
    check(Some(3), &all[..5], 2).await;
    check(Some(4), &all, 3).await;
    check(Some(u32::MAX), &all, 3).await;
}

/// R-BULK-04, R-BULK-09: nothing that stands behind the last error is kept, not even where
/// something before it refers to that; whatever fails by itself is told in its place.
#[tokio::test]
async fn what_refers_to_something_later_waits_where_an_error_ends_all() {
    async fn check(
        limit: u32,
        operations: Vec<Result<Operation, Refusal>>,
        expect: &[&str],
        (users, groups): (u64, u64),
    ) {
        let desk = Desk::open().await;
        desk.user("taken").await;
        let results = desk.bulk_until(Some(limit), operations).await;
        assert_eq!(told(&results), expect);
        assert_eq!((desk.total("User").await - 1, desk.total("Group").await), (users, groups));
    }
    let crew = || Ok(post_group("g", &["bulkId:w"]));
    let user = |id: &str| Ok(post_user(id, id));
    let taken = || Ok(post_user("t", "taken"));
    check(1, vec![crew(), Ok(bad("v")), user("w")], &["1: violation"], (0, 0)).await;
    check(1, vec![crew(), taken(), user("w")], &["1: taken"], (0, 0)).await;
    check(2, vec![crew(), taken(), user("w")], &["0: 1", "1: taken", "2: 1"], (1, 1)).await;
    check(1, vec![crew(), user("v"), user("w")], &["0: 1", "1: 1", "2: 1"], (2, 1)).await;
    // What joins the one that waits, waits too.
    let joined = vec![crew(), Ok(join("bulkId:g", "bulkId:v")), user("v"), Err("no"), user("w")];
    check(1, joined, &["2: 1", "3: refused no"], (1, 0)).await;
    let ends = vec![user("a"), Ok(post_group("g", &["bulkId:b"])), Err("no"), Ok(bad("b"))];
    check(1, ends, &["0: 1", "2: refused no"], (1, 0)).await;
    let mut nameless = post_group("g", &["bulkId:w"]);
    nameless.data = json!({"members": nameless.data["members"]});
    check(1, vec![Ok(nameless.clone()), user("v"), user("w")], &["0: violation"], (0, 0)).await;
    let circle = vec![
        Ok(post_group("a", &["bulkId:g"])),
        user("v"),
        Ok(Operation { data: json!({"members": [{"value": "bulkId:a"}]}), ..nameless }),
    ];
    check(1, circle, &["0: needs g", "2: violation"], (0, 0)).await;
}

/// R-BULK-04: an error is only one when everything before it has been done.
#[tokio::test]
async fn an_error_behind_a_failed_commit_does_not_count_first() {
    let desk = Desk::open().await;
    desk.user("ada").await;
    let operations =
        vec![Ok(post_user("a", "ada")), Err("no"), Ok(post_user("b", "bea")), Err("never")];
    let results = desk.bulk_until(Some(2), operations).await;
    assert_eq!(told(&results), ["0: taken", "1: refused no"]);
    assert_eq!(desk.total("User").await, 1);
}

/// R-BULK-13.
#[tokio::test]
async fn versions_are_insisted_on() {
    let desk = Desk::open().await;
    let (ada, crew) = (desk.user("ada").await, desk.group("crew", &[]).await);
    let operations = vec![
        insisting(set("User", ada, "title", "a"), 1),
        insisting(set("User", ada, "title", "b"), 1),
        insisting(set("User", ada, "title", "c"), 2),
        join(crew, ada),
        insisting(set("Group", crew, "displayName", "crew 2"), 1),
        insisting(join(crew, crew), 2),
        insisting(delete("Group", crew), 2),
        insisting(delete("Group", crew), 3),
    ];
    let results = desk.bulk(operations).await;
    let expect = [
        "0: 2",
        "1: precondition",
        "2: 3",
        "3: 2",
        "4: precondition",
        "5: 3",
        "6: precondition",
        "7: -",
    ];
    assert_eq!(told(&results), expect);
    assert_eq!(desk.body("User", ada).await.unwrap()["title"], "c");
}

/// R-PATCH-11: whether there is such a resource is found out before the body is looked at.
#[tokio::test]
async fn failures_are_those_of_single_requests() {
    let desk = Desk::open().await;
    let (ada, bea) = (desk.user("ada").await, desk.user("bea").await);
    desk.bulk(vec![delete("User", bea)]).await;
    let operations = vec![
        patch("User", bea, Value::Null),
        put("User", "no id", json!({})),
        set("Group", ada, "displayName", "x"),
        delete("User", bea),
        patch("User", ada, json!({"op": "replace", "path": "nope nope", "value": 1})),
        put("User", ada, json!({"userName": ""})),
        join(ada, ada),
    ];
    let results = desk.bulk(operations).await;
    let expect = [
        "0: not found",
        "1: not found",
        "2: not found",
        "3: not found",
        "4: patch",
        "5: violation",
        "6: not found",
    ];
    assert_eq!(told(&results), expect);
    let (_, Err(Undone::Failed(Error::NotFound { kind, id }))) = &results[1] else {
        panic!("{results:?}")
    };
    assert_eq!((kind.as_str(), id.as_str()), ("User", "no id"));
}

/// R-E-24.
#[tokio::test]
async fn a_conflict_with_somebody_inactive_says_so() {
    let desk = Desk::open().await;
    let ada = desk.user("ada").await;
    let off = patch("User", ada, json!({"op": "replace", "path": "active", "value": false}));
    let results = desk.bulk(vec![off, post_user("a", "ADA")]).await;
    let (_, Err(Undone::Failed(error))) = &results[1] else { panic!("{results:?}") };
    assert!(error.to_string().contains("inactive"), "{error}");
}

/// R-E-16, R-AUTH-05, R-AUTH-06: each operation needs the scope of its own type.
#[tokio::test]
async fn each_operation_needs_its_scope() {
    let desk = Desk::open().await;
    let (ada, crew) = (desk.user("ada").await, desk.group("crew", &[]).await);
    let check = async |scopes: &str, expect: [&str; 5]| {
        let scopes = scopes.parse().unwrap();
        let ctx = desk.with(|token| Token { scopes, ..token }).await;
        let operations = vec![
            set("User", ada, "nickName", scopes_name(&ctx).as_str()),
            set("Group", crew, "displayName", scopes_name(&ctx).as_str()),
            join(crew, ada),
            post_group(&scopes_name(&ctx), &[]),
            delete("User", ResourceId::from_uuid(crew.uuid())),
        ];
        let operations: Vec<Result<Operation, Refusal>> = operations.into_iter().map(Ok).collect();
        let results = desk.directory.bulk(&ctx, operations, None, &|_| {}).await.unwrap();
        let told: Vec<_> = results.iter().map(|(_, result)| scoped(result)).collect();
        assert_eq!(told, expect, "{scopes}");
    };
    let (users, groups, gone) = ("users.write", "groups.write", "not found");
    check("users.read groups.read", [users, groups, groups, groups, users]).await;
    check("users.write", ["done", groups, groups, groups, gone]).await;
    check("groups.write", [users, "done", "done", "done", users]).await;
    check("scim", ["done", "done", "done", "done", gone]).await;
    assert_eq!((desk.total("User").await, desk.total("Group").await), (1, 3));
}

/// A name that nobody has yet.
fn scopes_name(ctx: &Context) -> String {
    ctx.scopes().to_string()
}

fn scoped(result: &Result<Done, Undone<Refusal>>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(Undone::Failed(Error::Scope { needed })) => needed,
        Err(Undone::Failed(error)) => crate::desk::kind(error),
        Err(_) => "something else",
    }
}

/// R-BULK-11, R-ME-02, R-ME-03: each operation needs its own permission, as the single request
/// does.
#[tokio::test]
async fn each_operation_is_authorised() {
    let desk = Desk::open().await;
    let (ada, bea) = (desk.user("ada").await, desk.user("bea").await);
    let own = desk.own(ada).await;
    let operations = vec![
        set("User", ada, "nickName", "x"),
        set("User", bea, "nickName", "x"),
        post_user("a", "cyd"),
        delete("User", ada),
        set("User", ada, "userName", "eve"),
        put("User", ada, json!({"userName": "ada", "displayName": "ada", "nickName": "y"})),
        delete("User", "bulkId:a"),
    ];
    let operations: Vec<Result<Operation, Refusal>> = operations.into_iter().map(Ok).collect();
    let results = desk.directory.bulk(&own, operations, None, &|_| {}).await.unwrap();
    let expect = [
        "0: 2",
        "1: forbidden",
        "2: forbidden",
        "3: forbidden",
        "4: not self service",
        "5: 3",
        "6: forbidden",
    ];
    assert_eq!(told(&results), expect);
    assert_eq!(desk.total("User").await, 2);

    let (single, id, any) = (desk.other(), ada.to_string(), Precondition::None);
    let at = Named { ty: ty("User"), id: &id };
    let refused = [
        single.create(&own, ty("User"), json!({"userName": "cyd"})).await.err(),
        single.delete(&own, at, &any).await.err(),
    ];
    assert!(refused.iter().all(|error| matches!(error, Some(Error::Forbidden))), "{refused:?}");
    let body = json!({"userName": "ada", "displayName": "ada", "nickName": "z"});
    single.replace(&own, at, &body, &any, Derived::Hidden).await.unwrap();
}

#[tokio::test]
async fn progress_only_grows_up_to_all() {
    let desk = Desk::open().await;
    let user = |n| Ok::<_, Refusal>(post_user(&format!("b{n}"), &format!("u{n}")));
    let (operations, said) = ((0..1_200).map(user).collect(), Mutex::new(Vec::new()));
    let say = |n| said.lock().unwrap().push(n);
    let results = desk.directory.bulk(&desk.ctx, operations, None, &say).await.unwrap();
    assert_eq!(results.len(), 1_200);
    let said = said.into_inner().unwrap();
    assert_eq!(said, [500, 1_000, 1_200]);
}

/// A store that fails under way: what was done is told, and nothing else is tried.
#[tokio::test]
async fn what_was_done_before_the_store_failed_is_told() {
    let desk = Desk::open().await;
    desk.spy.fail_after(1);
    let operations = vec![Ok(post_user("a", "ada")), Ok(post_user("b", "bea")), Err("no")];
    let results = desk.bulk_until(None, operations).await;
    assert_eq!(told(&results)[..2], ["0: 1", "1: unavailable"]);
    assert_eq!(desk.total("User").await, 1);

    let desk = Desk::open().await;
    desk.spy.fail_after(0);
    let operations: Vec<Result<Operation, Refusal>> = vec![Ok(post_user("a", "ada"))];
    let failed = desk.directory.bulk(&desk.ctx, operations, None, &|_| {}).await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
}

#[tokio::test]
async fn an_empty_request_does_nothing() {
    let desk = Desk::open().await;
    assert!(desk.bulk(vec![]).await.is_empty());
    assert_eq!((desk.spy.calls().len(), desk.spy.reads()), (0, 0));
}

#[tokio::test]
async fn a_chain_of_changes_ends_in_the_last() {
    let desk = Desk::open().await;
    let results = desk
        .bulk(vec![
            post_user("a", "ada"),
            delete("User", "bulkId:a"),
            post_user("b", "ada"),
            set("User", "bulkId:b", "title", "x"),
            set("User", "bulkId:b", "userName", "bea"),
            post_user("c", "ada"),
        ])
        .await;
    assert_eq!(told(&results), ["0: 1", "1: -", "2: 1", "3: 2", "4: 3", "5: 1"]);
    let body = desk.body("User", id_of(&results, 2)).await.unwrap();
    assert_eq!((&body["userName"], &body["title"]), (&json!("bea"), &json!("x")));
}
