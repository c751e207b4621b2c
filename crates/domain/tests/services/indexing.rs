//! Building indexes while everything goes on.

use rollcall_domain::{Conflict, Error, Found, IdpKind, Index, IndexState, Scope, Store as _};
use serde_json::json;

use crate::world::{BADGE, World, badges};

const HOUR: i64 = 60 * 60 * 1000;

impl World {
    async fn group(&self, name: &str) -> Result<Found, Error> {
        self.create("Group", json!({ "displayName": name })).await
    }

    /// How far the index of an attribute is.
    async fn state(&self, kind: &str, attr: &str) -> IndexState {
        let indexes = self.indexer.status(&self.connection().await).await.unwrap();
        let mut of =
            indexes.into_iter().filter(|index| (&*index.kind, &*index.attr) == (kind, attr));
        let Some(Index { state, .. }) = of.next() else { panic!("no index of {attr}") };
        state
    }

    async fn behind(&self) -> usize {
        let connection = self.connection().await;
        let at = Scope { organization: connection.organization, connection: connection.id };
        let reader = self.store.scope(at);
        let behind = reader.behind("Group", connection.revision, None, 1000).await.unwrap();
        behind.len()
    }
}

#[tokio::test]
async fn an_index_is_built_and_answers_all_along() {
    let world = World::of(IdpKind::Generic).await;
    world.groups((0..1203).map(|n| format!("g{n}"))).await;
    world.configure(json!({"profile": "okta"})).await.unwrap();
    assert_eq!(world.count("Group", "displayName eq \"G7\"").await, 1);
    // A record that was written since is not behind.
    world.group("late").await.unwrap();
    assert_eq!(world.behind().await, 1000);
    let built = world.indexer.run(&world.connection().await).await.unwrap();
    assert_eq!((built.done, built.moved, built.conflicts.len()), (1203, 0, 0));
    assert_eq!(world.state("Group", "displayName").await, IndexState::Ready);
    assert_eq!(world.count("Group", "displayName eq \"G7\"").await, 1);
    let twin = world.group("G7").await.unwrap_err();
    assert!(matches!(twin, Error::Taken { .. }), "{twin:?}");
    let again = world.indexer.run(&world.connection().await).await.unwrap();
    assert_eq!(again.done, 0);
}

/// What was free when the setup changed may be taken before its index is there.
#[tokio::test]
async fn what_is_taken_meanwhile_waits_until_it_is_changed() {
    let world = World::of(IdpKind::Generic).await;
    let old = world.group("crew").await.unwrap();
    let other = world.group("deck").await.unwrap();
    world.configure(json!({"profile": "okta"})).await.unwrap();
    world.group("Crew").await.unwrap();
    let connection = world.connection().await;
    let built = world.indexer.run(&connection).await.unwrap();
    let id = old.record.id;
    let conflict = Conflict { kind: "Group".into(), id, attr: "displayName".into() };
    assert_eq!((built.done, built.conflicts), (1, [conflict].into()));
    assert_eq!(world.state("Group", "displayName").await, IndexState::Conflict(vec![id]));
    assert_eq!(world.state("Group", "externalId").await, IndexState::Ready);
    assert_eq!(world.state("User", "userName").await, IndexState::Ready);
    // No filter is answered by what is not complete.
    assert_eq!(world.count("Group", "displayName eq \"crew\"").await, 2);
    assert_eq!(world.count("Group", "displayName eq \"deck\"").await, 1);
    let rename = json!({"op": "replace", "path": "displayName", "value": "hull"});
    let ctx = world.ctx().await;
    world.patch_as(&ctx, "Group", &id.to_string(), rename).await.unwrap();
    assert_eq!(world.state("Group", "displayName").await, IndexState::Ready);
    assert_eq!(world.count("Group", "displayName eq \"crew\"").await, 1);
    drop(other);
}

/// A server that hasn't heard of a setup writes as the former one says.
#[tokio::test]
async fn what_is_written_under_a_former_setup_is_indexed_later() {
    let world = World::of(IdpKind::Generic).await;
    let former = world.ctx().await;
    let number = format!("{BADGE}:number");
    world.define(&badges(&json!([{"name": "number", "uniqueness": "server"}]))).await.unwrap();
    let badge = json!({"userName": "vera", BADGE: {"number": "7"}});
    let vera = world.create("User", badge).await.unwrap();
    world.indexer.tick().await.unwrap();
    assert_eq!(world.state("User", &number).await, IndexState::Ready);
    assert_eq!(world.count("User", &format!("{number} eq \"7\"")).await, 1);

    // A PUT of somebody who doesn't know the attribute takes its value away.
    let at = rollcall_domain::Named {
        ty: former.offer().catalog().ty("User").unwrap(),
        id: &vera.record.id.to_string(),
    };
    let body = json!({"userName": "vera", "title": "Captain"});
    let any = rollcall_domain::Precondition::None;
    let put = world.directory.replace(&former, at, &body, &any, Default::default());
    put.await.unwrap();
    assert_eq!(world.count("User", &format!("{number} eq \"7\"")).await, 0);
    world.indexer.tick().await.unwrap();
    assert_eq!(world.state("User", &number).await, IndexState::Ready);
    assert_eq!(world.count("User", &format!("{number} eq \"7\"")).await, 0);
    // And it is free.
    let badge = json!({"userName": "igor", BADGE: {"number": "7"}});
    world.create("User", badge).await.unwrap();
}

/// An index that was complete for long is as one that was always there.
#[tokio::test]
async fn a_complete_index_grows_old() {
    let world = World::of(IdpKind::Generic).await;
    world.group("crew").await.unwrap();
    let former = world.ctx().await;
    world.configure(json!({"profile": "okta"})).await.unwrap();
    let is_young = async || {
        world.indexer.tick().await.unwrap();
        !world.connection().await.setup.since.is_empty()
    };
    assert!(is_young().await, "it is built");
    assert!(is_young().await, "nothing is behind");
    world.clock.forward(HOUR - 1);
    assert!(is_young().await);
    // Somebody writes as the former setup says, and all begins again.
    world.create_as(&former, "Group", json!({"displayName": "deck"})).await.unwrap();
    world.clock.forward(1);
    assert!(is_young().await);
    assert!(is_young().await);
    world.clock.forward(HOUR);
    assert!(!is_young().await);
    let connection = world.connection().await;
    assert_eq!((connection.revision, connection.setup.since.len()), (2, 0));
    assert_eq!(world.count("Group", "displayName eq \"deck\"").await, 1);
    assert!(matches!(world.group("DECK").await, Err(Error::Taken { .. })));
    assert!(!is_young().await);
    assert_eq!(world.connection().await.revision, 2);
}

#[tokio::test]
async fn a_conflict_keeps_an_index_young() {
    let world = World::of(IdpKind::Generic).await;
    world.group("crew").await.unwrap();
    world.configure(json!({"profile": "okta"})).await.unwrap();
    world.group("crew").await.unwrap();
    for _ in 0..3 {
        world.indexer.tick().await.unwrap();
        world.clock.forward(2 * HOUR);
    }
    assert!(!world.connection().await.setup.since.is_empty());
}

/// A conflict keeps nothing else from being built, and nobody from changing what isn't in it.
#[tokio::test]
async fn a_conflict_is_in_nobody_s_way() {
    let world = World::of(IdpKind::Generic).await;
    let (number, colour) = (format!("{BADGE}:number"), format!("{BADGE}:colour"));
    let plain = json!([{"name": "number"}, {"name": "colour"}]);
    world.define(&badges(&plain)).await.unwrap();
    let user = async |name: &str, number: &str| {
        let badge = json!({"userName": name, BADGE: {"number": number, "colour": "red"}});
        world.create("User", badge).await
    };
    let ada = user("ada", "B1").await.unwrap().record.id;
    let unique = json!([
        {"name": "number", "uniqueness": "server"},
        {"name": "colour", "uniqueness": "none"},
    ]);
    let mut more = badges(&unique);
    more["extensions"][0]["indexed"] = json!([colour]);
    world.define(&more).await.unwrap();
    let grace = user("grace", "b1").await.unwrap().record.id;
    let ctx = world.ctx().await;
    let set = async |id: rollcall_domain::ResourceId, attr: &str, value: serde_json::Value| {
        let op = json!({"op": "replace", "path": attr, "value": value});
        world.patch_as(&ctx, "User", &id.to_string(), op).await
    };
    // Neither before it is found out about nor afterwards.
    set(ada, "active", json!(false)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(world.state("User", &number).await, IndexState::Conflict(vec![ada]));
        assert_eq!(world.state("User", &colour).await, IndexState::Ready);
        assert_eq!(world.count("User", &format!("{number} eq \"b1\"")).await, 2);
        set(ada, "title", json!("Countess")).await.unwrap();
        set(grace, "active", json!(false)).await.unwrap();
        world.indexer.tick().await.unwrap();
        let third = user("vera", "B1").await;
        assert!(matches!(third, Err(Error::Taken { .. })), "{third:?}");
    }
    // Whoever sets the attribute is told.
    user("vera", "B2").await.unwrap();
    let taken = set(ada, &number, json!("b2")).await;
    assert!(matches!(taken, Err(Error::Taken { .. })), "{taken:?}");
    set(grace, &number, json!("B3")).await.unwrap();
    world.indexer.tick().await.unwrap();
    assert_eq!(world.state("User", &number).await, IndexState::Ready);
    let third = user("igor", "B1").await;
    assert!(matches!(third, Err(Error::Taken { .. })), "it is claimed: {third:?}");
    set(ada, &number, json!("B4")).await.unwrap();
    user("igor", "B1").await.unwrap();
    assert_eq!(world.state("User", &number).await, IndexState::Ready);
}

/// R-ATTR-14: an empty text is no value.
#[tokio::test]
async fn nobody_has_an_empty_text_to_themselves() {
    let world = World::of(IdpKind::Generic).await;
    world.define(&badges(&json!([{"name": "number"}]))).await.unwrap();
    let user = async |name: &str| {
        world.create("User", json!({"userName": name, BADGE: {"number": ""}})).await.unwrap()
    };
    user("ada").await;
    user("grace").await;
    // Nor does it keep the attribute from becoming unique.
    world.define(&badges(&json!([{"name": "number", "uniqueness": "server"}]))).await.unwrap();
    user("vera").await;
    world.indexer.tick().await.unwrap();
    assert_eq!(world.state("User", &format!("{BADGE}:number")).await, IndexState::Ready);
    user("igor").await;
}
