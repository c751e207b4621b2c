//! Who gets in, and what is open to them then.

use std::sync::Arc;

use rollcall_domain::IdpKind;
use rollcall_domain::{
    AuthError, Authenticator, Caller, Context, Derived, Error, Named, Precondition, Search, Shown,
    Thumbprint, Traffics,
};
use rollcall_schema::Instant;
use serde_json::{Value, json};

use crate::world::{World, ty};

const DAY: i64 = 24 * 60 * 60 * 1000;

#[track_caller]
fn refused(entered: Result<Context, AuthError>) {
    assert!(matches!(entered, Err(AuthError::Refused)), "{:?}", entered.err());
}

/// R-AUTH-02: a token has a lifetime where one was set.
#[tokio::test]
async fn a_token_ends_when_it_was_said_to() {
    let world = World::of(IdpKind::Generic).await;
    let end = rollcall_schema::Instant::from_millis(world.now().millis() + DAY);
    let minted = world.mint(json!({"expires": end.to_string()})).await.unwrap();
    world.clock.forward(DAY - 1);
    world.enter(minted.reveal()).await.unwrap();
    world.clock.forward(1);
    refused(world.enter(minted.reveal()).await);
    // The others live on.
    world.enter(&world.secret).await.unwrap();
    let late = world.mint(json!({"expires": end.to_string()})).await.unwrap_err();
    assert!(late.to_string().contains("not in the future"), "{late}");
}

/// What was found a moment ago ends on time all the same.
#[tokio::test]
async fn a_token_that_is_remembered_ends_on_time() {
    let world = World::of(IdpKind::Generic).await;
    let end = rollcall_schema::Instant::from_millis(world.now().millis() + 1_000);
    let minted = world.mint(json!({"expires": end.to_string()})).await.unwrap();
    let authenticator = Authenticator::new(world.store.clone()).with_clock(world.clock.clone());
    authenticator.bearer(Shown::token(minted.reveal())).await.unwrap();
    world.clock.forward(1_000);
    refused(authenticator.bearer(Shown::token(minted.reveal())).await);
}

/// Operators see who still comes with what has expired, as long as that is news.
#[tokio::test]
async fn who_comes_too_late_is_noted() {
    let world = World::of(IdpKind::Generic).await;
    let end = rollcall_schema::Instant::from_millis(world.now().millis() + DAY);
    let minted = world.mint(json!({"expires": end.to_string()})).await.unwrap();
    let come = async || {
        let traffics = Arc::new(Traffics::new(world.store.clone(), world.clock.clone()));
        let authenticator = Authenticator::new(world.store.clone())
            .with_clock(world.clock.clone())
            .with_traffics(traffics);
        authenticator.bearer(Shown::token(minted.reveal())).await
    };
    come().await.unwrap();
    let used = world.admin.token(&Caller::CLI, world.id, minted.token.id).await.unwrap().used;
    assert_eq!(used, Some(world.now()));
    assert_eq!(world.connection().await.traffic.refused, None);
    world.clock.forward(2 * DAY);
    let at = world.now();
    refused(come().await);
    assert_eq!(world.connection().await.traffic.refused, Some((at, minted.token.id)));
    let status = world.admin.status(&Caller::CLI, world.id).await.unwrap();
    assert!(!status.ready, "{status:#?}");
    assert!(status.checks.iter().any(|check| check.name == "expiredToken"), "{status:#?}");
    world.clock.forward(100 * DAY);
    refused(come().await);
    assert_eq!(world.connection().await.traffic.refused, Some((at, minted.token.id)));
}

/// R-E-10.
#[tokio::test]
async fn nothing_opens_nothing() {
    let world = World::of(IdpKind::Generic).await;
    for text in ["", " ", "\t", "rct_x", &world.secret.to_uppercase()] {
        refused(world.enter(text).await);
    }
    // A secret that goes to the token endpoint is no bearer token.
    let minted = world.mint(json!({"proof": {"kind": "clientSecret"}})).await.unwrap();
    refused(world.enter(minted.reveal()).await);
}

#[tokio::test]
async fn a_bound_token_needs_its_certificate() {
    let world = World::of(IdpKind::Generic).await;
    let print = Thumbprint([7; 32]);
    let minted = world.mint(json!({"certificate": print.to_string()})).await.unwrap();
    let come = async |certificate| {
        let shown = Shown { certificate, ..Shown::token(minted.reveal()) };
        Authenticator::new(world.store.clone()).bearer(shown).await
    };
    refused(come(None).await);
    refused(come(Some(Thumbprint([8; 32]))).await);
    come(Some(print)).await.unwrap();
}

/// What a caller with these scopes may do to users and to groups: read, write.
async fn open(world: &World, scopes: &str) -> [Result<(), &'static str>; 6] {
    let minted = world.mint(json!({ "scopes": scopes })).await.unwrap();
    let ctx = &world.bearer(minted.reveal()).await;
    let (user, group) = (ty(ctx, "User"), ty(ctx, "Group"));
    let needed = |error: Error| match error {
        Error::Scope { needed } => needed,
        other => panic!("{other:?}"),
    };
    let find = async |ty| {
        let found = world.directory.find(ctx, ty, &Search::default()).await;
        found.map(|_| ()).map_err(needed)
    };
    let first = ctx.offer().catalog().types().get(..1).unwrap();
    let all = world.directory.find_all(ctx, first, &Search::default()).await;
    let name = minted.token.id.to_string();
    let user_made = world.create_as(ctx, "User", json!({"userName": name})).await;
    let group_made = world.create_as(ctx, "Group", json!({"displayName": name})).await;
    let other = world.create("User", json!({"userName": format!("{name} too")})).await.unwrap();
    let id = other.record.id.to_string();
    let at = Named { ty: user, id: &id };
    let ended = world.directory.delete(ctx, at, &Precondition::None).await;
    [
        find(user).await,
        find(group).await,
        user_made.map(|_| ()).map_err(needed),
        group_made.map(|_| ()).map_err(needed),
        all.map(|_| ()).map_err(needed),
        ended.map(|_| ()).map_err(needed),
    ]
}

/// R-AUTH-05, R-AUTH-06.
#[tokio::test]
async fn scopes_open_what_they_say() {
    let world = World::of(IdpKind::Generic).await;
    let (ok, no) = (Ok(()), Err);
    let (ur, uw) = ("users.read", "users.write");
    let (gr, gw) = ("groups.read", "groups.write");
    assert_eq!(open(&world, "scim").await, [ok; 6]);
    assert_eq!(open(&world, ur).await, [ok, no(gr), no(uw), no(gw), ok, no(uw)]);
    assert_eq!(open(&world, uw).await, [ok, no(gr), ok, no(gw), ok, ok]);
    assert_eq!(open(&world, gw).await, [no(ur), ok, no(uw), ok, no(ur), no(uw)]);
    assert_eq!(open(&world, &format!("{ur} {gr}")).await, [ok, ok, no(uw), no(gw), ok, no(uw)]);
    let none = world.mint(json!({"scopes": ""})).await.unwrap_err();
    assert!(none.to_string().contains("without scopes"), "{none}");
}

/// R-AUTH-06: what was read is not written, however it is asked for.
#[tokio::test]
async fn a_reader_changes_nothing() {
    let world = World::of(IdpKind::Generic).await;
    let made = world.create("User", json!({"userName": "vera"})).await.unwrap();
    let minted = world.mint(json!({"scopes": "users.read groups.read"})).await.unwrap();
    let ctx = world.bearer(minted.reveal()).await;
    let id = made.record.id.to_string();
    let at = Named { ty: ty(&ctx, "User"), id: &id };
    world.directory.get(&ctx, at, Derived::Hidden).await.unwrap();
    let any = Precondition::None;
    let body = json!({"userName": "eve"});
    let put = world.directory.replace(&ctx, at, &body, &any, Derived::Hidden).await;
    let operation = json!({"op": "replace", "path": "userName", "value": "eve"});
    let patch = world.patch_as(&ctx, "User", &id, operation).await;
    for result in [put, patch] {
        let is_scope = matches!(result, Err(Error::Scope { needed: "users.write" }));
        assert!(is_scope, "{:?}", result.err());
    }
    assert_eq!(world.count("User", "userName eq \"vera\"").await, 1);
}

async fn with_status(world: &World, status: &str) {
    world.configure(json!({ "status": status })).await.unwrap();
}

/// A draft passes connection tests, and nothing is written there.
#[tokio::test]
async fn a_draft_is_read_and_not_written() {
    let world = World::of(IdpKind::Generic).await;
    let made = world.create("User", json!({"userName": "vera"})).await.unwrap();
    with_status(&world, "draft").await;
    let ctx = world.ctx().await;
    assert_eq!(world.count("User", "userName eq \"vera\"").await, 1);
    let id = made.record.id.to_string();
    let at = Named { ty: ty(&ctx, "User"), id: &id };
    let any = Precondition::None;
    let operation = json!({"op": "replace", "path": "active", "value": false});
    let results = [
        world.create_as(&ctx, "User", json!({"userName": "igor"})).await.map(|_| ()),
        world.patch_as(&ctx, "User", &id, operation).await.map(|_| ()),
        world.directory.delete(&ctx, at, &any).await.map(|_| ()),
    ];
    for result in results {
        assert!(matches!(result, Err(Error::Draft)), "{result:?}");
    }
    for status in ["active", "observe"] {
        with_status(&world, status).await;
        world.create("User", json!({ "userName": status })).await.unwrap();
    }
}

#[tokio::test]
async fn nobody_enters_what_is_paused_or_disabled() {
    let world = World::of(IdpKind::Generic).await;
    with_status(&world, "paused").await;
    let paused = world.enter(&world.secret).await;
    assert!(matches!(paused, Err(AuthError::Paused)), "{:?}", paused.err());
    // Nothing is told to those who have no token.
    refused(world.enter("rct_somebody").await);
    with_status(&world, "disabled").await;
    let disabled = world.enter(&world.secret).await;
    assert!(matches!(disabled, Err(AuthError::Disabled)), "{:?}", disabled.err());
    with_status(&world, "active").await;
    world.enter(&world.secret).await.unwrap();
}

#[tokio::test]
async fn checks_of_a_connection_say_what_to_do() {
    let world = World::of(IdpKind::Generic).await;
    let names = async || {
        let status = world.admin.status(&Caller::CLI, world.id).await.unwrap();
        let wrong = status.checks.iter().filter(|check| check.fix.is_some());
        (status.configured, status.ready, wrong.map(|check| check.name).collect::<Vec<_>>())
    };
    assert_eq!(names().await, (true, true, vec!["traffic"]));
    with_status(&world, "draft").await;
    assert_eq!(names().await, (true, false, vec!["status", "traffic"]));
    with_status(&world, "active").await;
    for token in world.admin.tokens(&Caller::CLI, world.id).await.unwrap() {
        world.admin.revoke(&Caller::CLI, world.id, token.id, None).await.unwrap();
    }
    assert_eq!(names().await, (false, false, vec!["credential", "traffic"]));
    let url = Some("http://scim.example");
    let validation = world.admin.validate(&Caller::CLI, world.id, url).await.unwrap();
    let found = |name: &str| validation.checks.iter().find(|check| check.name == name).unwrap();
    assert_eq!(found("baseUrl").shown()["outcome"], Value::from("fail"));
    assert_eq!(found("indexes").shown()["outcome"], Value::from("pass"));
}

/// What ends within two days is told by the hour.
#[tokio::test]
async fn an_end_that_is_near_is_told_in_hours() {
    let world = World::of(IdpKind::Generic).await;
    let end = Instant::from_millis(world.now().millis() + 21 * 60 * 60 * 1000 + 1);
    world.mint(json!({"expires": end.to_string()})).await.unwrap();
    let status = world.admin.status(&Caller::CLI, world.id).await.unwrap();
    let expiry = status.checks.iter().find(|check| check.name == "expiry").unwrap();
    assert!(expiry.detail.contains("ends in 21 hours, at "), "{expiry:?}");
}
