//! `/Me`, and tokens that belong to users.

use rollcall_domain::{
    AdminError, Context, Derived, Error, Found, IdpKind, Me, Precondition, Search,
};
use serde_json::{Value, json};

use crate::world::{World, ty};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn vera() -> Value {
    json!({
        "userName": "Vera", "active": true, "nickName": "V", "roles": [{"value": "reader"}],
        ENTERPRISE: {"department": "Deck"},
    })
}

/// A user with a token of its own.
async fn user(world: &World) -> (Found, Context) {
    let found = world.create("User", vera()).await.unwrap();
    let minted = world.mint(json!({"user": "VERA"})).await.unwrap();
    assert_eq!(minted.token.subject, Some(found.record.id));
    (found, world.bearer(minted.reveal()).await)
}

/// R-ME-02.
#[tokio::test]
async fn a_machine_is_nobody() {
    let world = World::of(IdpKind::Generic).await;
    assert!(Me::of(&world.directory, &world.ctx().await).await.unwrap().is_none());
}

#[tokio::test]
async fn tokens_are_made_for_users_alone() {
    let world = World::of(IdpKind::Generic).await;
    let (found, _) = user(&world).await;
    let group = world.create("Group", json!({"displayName": "Crew"})).await.unwrap();
    let mint = async |subject: &str| world.mint(json!({ "user": subject })).await;
    let id = found.record.id;
    assert_eq!(mint(&id.to_string()).await.unwrap().token.subject, Some(id));
    for nobody in ["igor", "", &group.record.id.to_string()] {
        let error = mint(nobody).await.unwrap_err();
        assert!(matches!(error, AdminError::NotFound { kind: "user", .. }), "{error:?}");
    }
}

/// R-ME-02, R-ME-03.
#[tokio::test]
async fn users_change_of_themselves_what_their_type_lists() {
    let world = World::of(IdpKind::Generic).await;
    let (found, ctx) = user(&world).await;
    let me = Me::of(&world.directory, &ctx).await.unwrap().unwrap();
    assert_eq!((me.ty.name(), &*me.id), ("User", &*found.record.id.to_string()));
    let patch = async |path: &str, value: Value| {
        let operation = json!({"op": "replace", "path": path, "value": value});
        let done = world.patch_as(&ctx, "User", &me.id, operation).await;
        done.map(|_| ()).map_err(|error| match error {
            Error::NotSelfService { attr } => attr,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(patch("displayName", json!("Vera K")).await, Ok(()));
    assert_eq!(patch("name.givenName", json!("Vera")).await, Ok(()));
    assert_eq!(patch("roles", json!([{"value": "admin"}])).await, Err("roles".into()));
    assert_eq!(patch("active", json!(false)).await, Err("active".into()));
    assert_eq!(patch("userName", json!("root")).await, Err("userName".into()));
    let department = format!("{ENTERPRISE}:department");
    assert_eq!(patch(&department, json!("Bridge")).await, Err(department));
    // What changes nothing is no change.
    assert_eq!(patch("active", json!(true)).await, Ok(()));
}

/// R-ME-03: a PUT that leaves out what users may not change would take it away.
#[tokio::test]
async fn users_replace_themselves_with_what_they_were() {
    let world = World::of(IdpKind::Generic).await;
    let (_, ctx) = user(&world).await;
    let me = Me::of(&world.directory, &ctx).await.unwrap().unwrap();
    let put = async |body: Value| {
        let any = Precondition::None;
        world.directory.replace(&ctx, me.named(), &body, &any, Derived::Hidden).await
    };
    let mut body = vera();
    body["nickName"] = json!("Vee");
    let done = put(body.clone()).await.unwrap();
    assert!(done.record.body.contains("Vee"), "{}", done.record.body);
    body.as_object_mut().unwrap().remove("roles");
    let error = put(body).await.unwrap_err();
    assert!(matches!(&error, Error::NotSelfService { attr } if attr == "roles"), "{error:?}");
    assert!(error.to_string().contains("`roles`"), "{error}");
}

/// R-ME-02: a user's token opens the user and nothing else.
#[tokio::test]
async fn nothing_else_is_open_to_a_user() {
    let world = World::of(IdpKind::Generic).await;
    let (found, ctx) = user(&world).await;
    let other = world.create("User", json!({"userName": "igor"})).await.unwrap();
    let group = json!({"displayName": "Crew", "members": [{"value": found.record.id.to_string()}]});
    let group = world.create("Group", group).await.unwrap();
    let me = Me::of(&world.directory, &ctx).await.unwrap().unwrap();
    let (users, groups) = (ty(&ctx, "User"), ty(&ctx, "Group"));
    let (directory, any) = (&world.directory, Precondition::None);
    #[track_caller]
    fn refused<T>(what: Result<T, Error>) {
        assert!(matches!(what, Err(Error::Forbidden)), "{:?}", what.err());
    }
    for (ty, found) in [(users, &other), (groups, &group)] {
        let id = found.record.id.to_string();
        let at = rollcall_domain::Named { ty, id: &id };
        refused(directory.get(&ctx, at, Derived::Hidden).await);
        refused(directory.delete(&ctx, at, &any).await);
        let operation = json!({"op": "replace", "path": "displayName", "value": "x"});
        refused(world.patch_as(&ctx, ty.name(), &id, operation).await);
        refused(directory.replace(&ctx, at, &json!({}), &any, Derived::Hidden).await);
        refused(directory.edges(&ctx, ty, &[found.record.id], None, 10).await);
        refused(directory.find(&ctx, ty, &Search::default()).await);
        refused(directory.create(&ctx, ty, json!({"userName": "u", "displayName": "g"})).await);
    }
    refused(directory.delete(&ctx, me.named(), &any).await);
    let promised = directory.promise(&world.ctx().await).await.unwrap();
    refused(directory.progress(&ctx, promised.id).await);
    assert!(directory.get(&ctx, me.named(), Derived::Shown).await.is_ok());
}

#[tokio::test]
async fn who_is_gone_has_no_access() {
    let world = World::of(IdpKind::Generic).await;
    let (found, ctx) = user(&world).await;
    world.delete("User", &found).await;
    let gone = Me::of(&world.directory, &ctx).await.unwrap_err();
    assert!(matches!(gone, Error::Ended), "{gone:?}");
}

/// R-E-11: access ends with `active`, not only with the resource.
#[tokio::test]
async fn who_is_deactivated_acts_no_more() {
    let world = World::of(IdpKind::Generic).await;
    let (found, ctx) = user(&world).await;
    let id = found.record.id.to_string();
    let off = json!({"op": "replace", "path": "active", "value": false});
    world.patch_as(&world.ctx().await, "User", &id, off).await.unwrap();
    let me = Me::of(&world.directory, &ctx).await.unwrap_err();
    assert!(matches!(me, Error::Ended), "{me:?}");
    let name = json!({"op": "replace", "path": "nickName", "value": "W"});
    let patched = world.patch_as(&ctx, "User", &id, name).await.unwrap_err();
    assert!(matches!(patched, Error::Ended), "{patched:?}");
}
