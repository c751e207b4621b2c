//! What joins a relation in the course of a PATCH.

use rollcall_domain::{Derived, Named, Precondition, ResourceId};
use rollcall_testkit::{Desk, Subject, groups, users};
use serde_json::{Value, json};

/// R-PATCH-03: what an earlier operation added is picked by everything that its row would show.
#[tokio::test]
async fn operations_pick_members_that_earlier_ones_added() {
    let desk = Desk::open(&Subject::memory()).await;
    let core = "urn:ietf:params:scim:schemas:core:2.0:";
    let user = |name: &str| json!({"schemas": [format!("{core}User")], "userName": name});
    let (ada, bea) = (desk.make(users(), user("ada")).await, desk.make(users(), user("bea")).await);
    let group = json!({"schemas": [format!("{core}Group")], "displayName": "Sub"});
    let sub = desk.make(groups(), group.clone()).await;
    let add = json!({"op": "add", "path": "members",
        "value": [{"value": bea.to_string()}, {"value": sub.to_string()}]});
    let replace =
        json!({"op": "replace", "path": "members", "value": [{"value": bea.to_string()}]});
    let remove = |filter: &str| json!({"op": "remove", "path": format!("members[{filter}]")});
    let by_reference = format!("$ref ew \"/{bea}\"");
    let check = async |operations: Value, expect: &[ResourceId]| {
        let mut group = group.clone();
        group["members"] = json!([{"value": ada.to_string()}]);
        let id = desk.make(groups(), group).await;
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations});
        let (text, none) = (id.to_string(), Precondition::None);
        let at = Named { ty: groups(), id: &text };
        let Desk { directory, context, .. } = &desk;
        directory.patch(context, at, body, &none, Derived::Hidden).await.unwrap();
        let rows = directory.edges(context, groups(), &[id], None, 9).await.unwrap();
        let members: Vec<_> = rows.into_iter().map(|row| row.member).collect();
        assert_eq!(members, expect, "{operations}");
    };
    check(json!([add, remove("type eq \"User\"")]), &[sub]).await;
    check(json!([add, remove("type eq \"Group\"")]), &[ada, bea]).await;
    check(json!([add, remove("display eq \"bea\"")]), &[ada, sub]).await;
    check(json!([add, remove(&by_reference)]), &[ada, sub]).await;
    check(json!([replace, remove("type eq \"User\"")]), &[]).await;
    check(json!([remove("type eq \"User\""), add]), &[bea, sub]).await;
}
