//! How operations are committed: as many at once as can be, and right when somebody is faster.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rollcall_domain::{
    Clock, Derived, Directory, Halt, Named, Operation, Precondition, ResourceId, Status, UuidIds,
};
use rollcall_schema::Instant;
use rollcall_testkit::registered::change;
use serde_json::{Value, json};

use crate::desk::{
    Desk, Refusal, delete, id_of, insisting, join, patch, post_group, post_user, set, told, ty,
};
use crate::spy::Call;

fn users(from: usize, to: usize) -> impl Iterator<Item = Operation> {
    (from..to).map(|n| post_user(&format!("b{n}"), &format!("u{n}")))
}

/// The sizes of the calls of a store, and whether each ends at a failure.
fn calls(desk: &Desk) -> Vec<(usize, Halt)> {
    let of = |call: &Call| (call.writes.iter().sum(), call.halt);
    desk.spy.calls().iter().map(of).collect()
}

/// Somebody else changes an attribute of a user just before the next commit.
fn interfere(desk: &Desk, user: ResourceId, attr: &'static str, value: String) {
    let (other, ctx) = (Arc::new(desk.other()), desk.ctx.clone());
    desk.spy.before_a_commit(async move {
        let id = user.to_string();
        let at = Named { ty: ty("User"), id: &id };
        let body = set("User", user, attr, &value).data;
        other.patch(&ctx, at, body, &Precondition::None, Derived::Hidden).await.unwrap();
    });
}

async fn title(desk: &Desk, user: ResourceId) -> Value {
    desk.body("User", user).await.unwrap()["title"].clone()
}

/// An initial sync: one call for many, and nothing is read.
#[tokio::test]
async fn creations_share_commits_and_read_nothing() {
    let desk = Desk::open().await;
    let members: Vec<_> = (0..1_000).map(|n| format!("bulkId:b{n}")).collect();
    let members: Vec<_> = members.iter().map(String::as_str).collect();
    let group = post_group("g", &members);
    let results = desk.bulk(users(0, 1_000).chain([group]).collect()).await;
    assert_eq!(results.len(), 1_001);
    assert!(results.iter().all(|(_, result)| result.is_ok()));
    assert_eq!(desk.members(id_of(&results, 1_000)).await.len(), 1_000);
    assert_eq!(calls(&desk), [(500, Halt::Never), (500, Halt::Never), (1, Halt::Never)]);
    assert_eq!(desk.spy.reads(), 0);
}

/// A sync that is repeated fails one by one, and still takes few calls.
#[tokio::test]
async fn failures_in_the_middle_keep_the_others_company() {
    let desk = Desk::open().await;
    for n in [1, 3, 4] {
        desk.user(&format!("u{n}")).await;
    }
    let results = desk.bulk(users(0, 6).collect()).await;
    assert_eq!(told(&results), ["0: 1", "1: taken", "2: 1", "3: taken", "4: taken", "5: 1"]);
    assert_eq!(calls(&desk), [(6, Halt::Never)]);
    assert_eq!(desk.total("User").await, 6);
}

/// Records are read ahead, and a chain of changes of one resource needs one read.
#[tokio::test]
async fn changes_of_one_resource_follow_each_other_in_one_commit() {
    let desk = Desk::open().await;
    let ada = desk.user("ada").await;
    let operations = (0..50).map(|n| set("User", ada, "title", &format!("t{n}"))).collect();
    let results = desk.bulk(operations).await;
    assert_eq!(results.last().map(|(_, done)| done.as_ref().unwrap().version), Some(Some(51)));
    assert_eq!(title(&desk, ada).await, "t49");
    assert_eq!((calls(&desk), desk.spy.reads()), (vec![(50, Halt::AtFailure)], 1));
}

#[tokio::test]
async fn a_group_of_the_same_request_is_changed_again_and_again() {
    let desk = Desk::open().await;
    let operations = vec![
        post_user("a", "ada"),
        post_user("b", "bea"),
        post_group("g", &[]),
        join("bulkId:g", "bulkId:a"),
        join("bulkId:g", "bulkId:b"),
        join("bulkId:g", "bulkId:b"),
        set("Group", "bulkId:g", "displayName", "crew"),
        patch("Group", "bulkId:g", json!({"op": "remove", "path": "members[display eq \"ada\"]"})),
        join("bulkId:g", "bulkId:a"),
        delete("User", "bulkId:b"),
        set("Group", "bulkId:g", "displayName", "staff"),
    ];
    let results = desk.bulk(operations).await;
    let expect =
        ["0: 1", "1: 1", "2: 1", "3: 2", "4: 3", "5: 3", "6: 4", "7: 5", "8: 6", "9: -", "10: 8"];
    assert_eq!(told(&results), expect);
    assert_eq!(desk.members(id_of(&results, 2)).await, [id_of(&results, 0)]);
}

/// R-PATCH-03: in one PATCH, a filter picks members that the operation before it added.
#[tokio::test]
async fn a_patch_picks_members_that_it_added() {
    let desk = Desk::open().await;
    let mut both = patch(
        "Group",
        "bulkId:g",
        json!({"op": "add", "path": "members",
        "value": [{"value": "bulkId:a"}, {"value": "bulkId:b"}]}),
    );
    let remove = json!({"op": "remove", "path": "members[display eq \"ada\"]"});
    both.data["Operations"].as_array_mut().unwrap().push(remove);
    let operations = vec![post_user("a", "ada"), post_user("b", "bea"), post_group("g", &[]), both];
    let results = desk.bulk(operations).await;
    assert_eq!(told(&results), ["0: 1", "1: 1", "2: 1", "3: 2"]);
    assert_eq!(desk.members(id_of(&results, 2)).await, [id_of(&results, 1)]);
}

/// Somebody else is faster: what was read is read again, and the order stays.
#[tokio::test]
async fn a_stale_change_is_decided_again_in_its_place() {
    let desk = Desk::open().await;
    let (ada, bea) = (desk.user("ada").await, desk.user("bea").await);
    interfere(&desk, ada, "nickName", "A".into());
    let operations = vec![
        set("User", bea, "title", "x"),
        set("User", ada, "title", "one"),
        set("User", ada, "title", "two"),
        post_user("c", "cyd"),
        set("User", ada, "displayName", "Ada"),
    ];
    let results = desk.bulk(operations).await;
    assert_eq!(told(&results), ["0: 2", "1: 3", "2: 4", "3: 1", "4: 5"]);
    let body = desk.body("User", ada).await.unwrap();
    assert_eq!((&body["title"], &body["nickName"]), (&json!("two"), &json!("A")));
    assert_eq!(body["displayName"], "Ada");
}

/// The version that a later change of the same resource was decided for may be there by chance.
#[tokio::test]
async fn a_change_behind_a_stale_one_does_not_slip_in() {
    let desk = Desk::open().await;
    let ada = desk.user("ada").await;
    interfere(&desk, ada, "title", "other".into());
    let operations = vec![set("User", ada, "nickName", "A"), set("User", ada, "displayName", "D")];
    let results = desk.bulk(operations).await;
    assert_eq!(told(&results), ["0: 3", "1: 4"]);
    let body = desk.body("User", ada).await.unwrap();
    assert_eq!((&body["title"], &body["nickName"]), (&json!("other"), &json!("A")));
}

/// R-BULK-13: who insists on a version isn't served with another one.
#[tokio::test]
async fn a_version_that_is_overtaken_fails() {
    let desk = Desk::open().await;
    let ada = desk.user("ada").await;
    interfere(&desk, ada, "title", "other".into());
    let operations = vec![insisting(set("User", ada, "title", "x"), 1), post_user("b", "bea")];
    assert_eq!(told(&desk.bulk(operations).await), ["0: precondition", "1: 1"]);
    assert_eq!(title(&desk, ada).await, "other");
}

/// R-E-16: nobody is waited for without end.
#[tokio::test]
async fn who_is_always_overtaken_is_busy() {
    let desk = Desk::open().await;
    let ada = desk.user("ada").await;
    (0..30).for_each(|n| interfere(&desk, ada, "title", format!("t{n}")));
    let results = desk.bulk(vec![set("User", ada, "nickName", "A"), post_user("b", "bea")]).await;
    assert_eq!(told(&results), ["0: busy", "1: 1"]);
    assert_eq!(calls(&desk).len(), 21);
    assert_eq!(title(&desk, ada).await, "t20");
}

/// Whoever is gone when it comes to it.
#[tokio::test]
async fn a_resource_that_somebody_else_deletes_is_not_found() {
    let desk = Desk::open().await;
    let (ada, crew) = (desk.user("ada").await, desk.group("crew", &[]).await);
    let (other, ctx) = (desk.other(), desk.ctx.clone());
    desk.spy.before_a_commit(async move {
        for (kind, id) in [("User", ada.to_string()), ("Group", crew.to_string())] {
            let at = Named { ty: ty(kind), id: &id };
            other.delete(&ctx, at, &Precondition::None).await.unwrap();
        }
    });
    let operations = vec![
        set("User", ada, "title", "x"),
        set("User", ada, "title", "y"),
        join(crew, crew),
        delete("Group", crew),
        post_user("a", "ada"),
    ];
    let expect = ["0: not found", "1: not found", "2: not found", "3: not found", "4: 1"];
    assert_eq!(told(&desk.bulk(operations).await), expect);
}

/// R-BULK-04: with a limit a failure ends the round where it could be the last one.
#[tokio::test]
async fn a_limit_that_can_not_be_met_costs_nothing() {
    let desk = Desk::open().await;
    let request = || users(0, 40).map(Ok::<_, Refusal>).collect();
    assert_eq!(desk.bulk_until(Some(41), request()).await.len(), 40);
    assert_eq!(calls(&desk), [(40, Halt::Never)]);
    assert_eq!(desk.bulk_until(Some(40), request()).await.len(), 40);
    assert_eq!(desk.bulk_until(Some(3), request()).await.len(), 3);
}

/// 5,000 operations that fail one after the other, in a request that has to stop at each, don't
/// decide everything behind them again and again.
#[tokio::test]
async fn many_failures_in_order_stay_linear() {
    let desk = Desk::open().await;
    desk.user("taken").await;
    let ids: Vec<_> = {
        let results = desk.bulk(users(0, 120).collect()).await;
        (0..120).map(|at| id_of(&results, at)).collect()
    };
    let before = desk.spy.calls().len();
    let rename = |id: &ResourceId| set("User", id, "userName", "taken");
    let results = desk.bulk(ids.iter().map(rename).collect()).await;
    assert!(told(&results).iter().all(|told| told.ends_with("taken")));
    let tried = desk.spy.calls().iter().skip(before).map(|call| call.writes.len()).sum::<usize>();
    assert!(tried < 120 * 9, "{tried} changes were handed to the store");
    assert!(desk.spy.reads() < 120 * 10, "{} reads", desk.spy.reads());
}

#[tokio::test]
async fn large_bodies_share_fewer_commits() {
    let desk = Desk::open().await;
    let mut operations: Vec<_> = users(0, 12).collect();
    let numbers: Vec<_> =
        (0..1_200).map(|n| json!({"value": format!("{n}{}", "0".repeat(900))})).collect();
    for operation in &mut operations {
        operation.data["phoneNumbers"] = json!(numbers);
    }
    let results = desk.bulk(operations).await;
    assert!(results.iter().all(|(_, result)| result.is_ok()));
    let sizes: Vec<_> = calls(&desk).into_iter().map(|(size, _)| size).collect();
    assert_eq!(sizes, [4, 4, 4]);
}

/// A clock that goes on by so much whenever somebody looks.
struct Hurried(AtomicI64, i64);

impl Clock for Hurried {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.fetch_add(self.1, Ordering::Relaxed))
    }
}

/// R-E-04: whoever was let in before their connection was closed doesn't go on for long.
#[tokio::test]
async fn a_long_request_ends_with_its_connection() {
    for (pace, left) in [(1_000, 0), (0, 3)] {
        let desk = Desk::open().await;
        let id = desk.ctx.connection().id;
        change(&*desk.memory, id, |one| one.status = Status::Paused).await;
        let clock = Arc::new(Hurried(0.into(), pace));
        let directory = Directory::new(desk.memory.clone(), clock, Arc::new(UuidIds));
        let directory = directory.with_registry(desk.memory.clone());
        let operations = users(0, 3).map(Ok::<_, ()>).collect();
        let done = directory.bulk(&desk.ctx, operations, None, &|_| {}).await;
        assert_eq!(done.is_ok(), left > 0, "{done:?}");
        assert_eq!(desk.total("User").await, left, "at {pace} a look");
    }
}
