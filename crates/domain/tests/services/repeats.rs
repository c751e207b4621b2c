//! Requests that are repeated because nobody heard the answer.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::join_all;
use rollcall_domain::{
    AdminError, Caller, Force, Idempotency, IdpKind, Kept, NewAdminKey, NewConnection, NewToken,
    OrganizationChange, PageAsked, People, Registry as _, Role, Status,
};
use rollcall_testkit::EventLog as _;
use serde_json::Value;

use crate::late::Late;
use crate::world::World;

fn named(key: &str, fingerprint: u8) -> Caller {
    let request = Idempotency { key: key.into(), fingerprint: [fingerprint; 32] };
    Caller { request: Some(request), ..Caller::CLI }
}

#[track_caller]
fn repeated<T: std::fmt::Debug>(result: Result<T, AdminError>) -> Value {
    match result {
        Err(AdminError::Repeated(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_and_does_nothing() {
    let world = World::of(IdpKind::Generic).await;
    let caller = &named("one", 1);
    let mint =
        async |caller: &Caller| world.admin.mint(caller, world.id, &NewToken::default()).await;
    let minted = mint(caller).await.unwrap();
    for _ in 0..3 {
        world.clock.forward(60_000);
        let answer = repeated(mint(caller).await);
        assert_eq!(answer, minted.shown());
        assert_eq!(answer["token"], Value::from(minted.reveal()));
    }
    assert_eq!(world.admin.tokens(&Caller::CLI, world.id).await.unwrap().len(), 2);
    world.enter(minted.reveal()).await.unwrap();
    // What is kept shows no secret.
    let kept = world.store.kept("cli", "one").await.unwrap().unwrap();
    assert!(!kept.answer.contains(minted.reveal()) && !kept.answer.contains("tok_"));
    // Another name is another request, and so is the same after a day.
    mint(&named("two", 1)).await.unwrap();
    world.clock.forward(Kept::FOR_MILLIS);
    mint(caller).await.unwrap();
    assert_eq!(world.admin.tokens(&Caller::CLI, world.id).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_name_is_for_one_request() {
    let world = World::of(IdpKind::Generic).await;
    world.admin.mint(&named("one", 1), world.id, &NewToken::default()).await.unwrap();
    let caller = &named("one", 2);
    let other = world.admin.mint(caller, world.id, &NewToken::default()).await;
    assert!(matches!(other, Err(AdminError::KeyReused)), "{other:?}");
    let other = world.admin.create_organization(caller, "Other").await;
    assert!(matches!(other, Err(AdminError::KeyReused)), "{other:?}");
    assert_eq!(world.admin.tokens(&Caller::CLI, world.id).await.unwrap().len(), 1 + 1);
}

/// What is in the way of the second is what the first one made.
#[tokio::test]
async fn whatever_is_made_is_made_once() {
    let world = World::of(IdpKind::Generic).await;
    let caller = &named("organization", 1);
    let made = world.admin.create_organization(caller, "Other").await.unwrap();
    let again = repeated(world.admin.create_organization(caller, "Other").await);
    assert_eq!(again, made.shown());

    let caller = &named("connect", 1);
    let new = NewConnection::default();
    let made = world.admin.connect(caller, "Third", &new).await.unwrap();
    let again = repeated(world.admin.connect(caller, "Third", &new).await);
    assert_eq!(again, made.shown());
    assert!(again["token"].is_string(), "{again}");

    let caller = &named("settings", 1);
    let change = serde_json::from_str(r#"{"capabilities": {"bulk": false}}"#).unwrap();
    let set = world.admin.configure(caller, world.id, &change, Some(0)).await.unwrap();
    let again = repeated(world.admin.configure(caller, world.id, &change, Some(0)).await);
    assert_eq!(again, set.shown());
    assert_eq!(world.connection().await.revision, 1);

    let caller = &named("revoke", 1);
    let id = world.admin.tokens(&Caller::CLI, world.id).await.unwrap()[0].id;
    let ended = world.admin.revoke(caller, world.id, id, Some(0)).await.unwrap();
    let again = repeated(world.admin.revoke(caller, world.id, id, Some(0)).await);
    assert_eq!(again, ended.shown());
    let events = world.store.events(world.organization).await;
    assert_eq!(events.iter().filter(|event| event.action == "token.revoked").count(), 1);
    let listed = world.admin.organizations(&Caller::CLI, &PageAsked::default()).await.unwrap();
    assert_eq!(listed.items.len(), 3);
}

#[tokio::test]
async fn what_failed_is_tried_again() {
    let world = World::of(IdpKind::Generic).await;
    let caller = &named("one", 1);
    let taken = world.admin.create_organization(caller, "Acme").await;
    assert!(matches!(taken, Err(AdminError::Conflict(_))), "{taken:?}");
    world.admin.create_organization(caller, "Acme Two").await.unwrap();
}

/// A repeat of what changed nothing changes nothing either, whatever others have done since.
#[tokio::test]
async fn what_changed_nothing_is_not_done_later() {
    let world = World::of(IdpKind::Generic).await;
    let (admin, cli) = (&world.admin, &Caller::CLI);
    let activate = serde_json::from_str(r#"{"status": "active"}"#).unwrap();
    let configure =
        async |caller: &Caller| admin.configure(caller, world.id, &activate, None).await;
    let first = configure(&named("connection", 1)).await.unwrap();
    let paused = world.configure(serde_json::json!({"status": "paused"})).await.unwrap();
    assert_eq!(repeated(configure(&named("connection", 1)).await), first.shown());
    assert_eq!(world.connection().await, paused);
    let other = configure(&named("connection", 2)).await;
    assert!(matches!(other, Err(AdminError::KeyReused)), "{other:?}");
    assert_eq!(world.connection().await.status, Status::Paused);

    let rename = |to: &str| OrganizationChange { name: Some(to.into()) };
    let to = async |caller: &Caller, name: &str| {
        admin.change_organization(caller, world.organization, &rename(name), None).await
    };
    let first = to(&named("organization", 1), "Acme").await.unwrap();
    to(cli, "Acme Ltd").await.unwrap();
    assert_eq!(repeated(to(&named("organization", 1), "Acme").await), first.shown());
    assert_eq!(admin.organization(cli, world.organization).await.unwrap().name, "Acme Ltd");

    let token = world.mint(serde_json::json!({})).await.unwrap().token.id;
    let key = NewAdminKey {
        name: "k".into(),
        role: Role::ReadOnly,
        organization: None,
        expires: None,
        subject: None,
    };
    let key = admin.create_admin_key(cli, &key).await.unwrap().key.id;
    admin.revoke(cli, world.id, token, None).await.unwrap();
    admin.revoke_admin_key(cli, key, None).await.unwrap();
    let ended = admin.revoke(&named("token", 1), world.id, token, None).await.unwrap();
    let again = admin.revoke(&named("token", 1), world.id, token, None).await;
    assert_eq!(repeated(again), ended.shown());
    let ended = admin.revoke_admin_key(&named("key", 1), key, None).await.unwrap();
    let again = admin.revoke_admin_key(&named("key", 1), key, None).await;
    assert_eq!(repeated(again), ended.shown());
    let other = admin.revoke_admin_key(&named("token", 2), key, None).await;
    assert!(matches!(other, Err(AdminError::KeyReused)), "{other:?}");
}

/// Of equal requests one is answered, and the others get its answer.
#[track_caller]
fn one_answer<T: std::fmt::Debug>(
    results: Vec<Result<T, AdminError>>,
    shown: impl Fn(&T) -> Value,
) {
    let (done, rest): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    let [Ok(done)] = &done[..] else { panic!("{done:?}") };
    for answer in rest {
        assert_eq!(repeated(answer), shown(done));
    }
}

async fn at_once<T, F: Future<Output = T>>(ask: impl Fn() -> F) -> Vec<T> {
    join_all((0..10).map(|_| ask())).await
}

/// What is in the way of the others is what the first one did since they looked for its answer.
#[tokio::test]
async fn repeats_at_the_same_moment_get_the_same_answer() {
    let world = World::over(IdpKind::Generic, |store| Arc::new(Late(store))).await;
    let (admin, at) = (&world.admin, world.id);
    let caller = |key: &str| named(key, 1);
    let old = admin.tokens(&Caller::CLI, at).await.unwrap()[0].id;

    let who = &caller("start");
    let started = at_once(|| admin.start_rotation(who, at, old, None, None)).await;
    one_answer(started, rollcall_domain::Minted::shown);
    let who = &caller("finish");
    let finished = at_once(|| admin.finish_rotation(who, at, old, Force::Yes)).await;
    one_answer(finished, rollcall_domain::Token::shown);
    let who = &caller("connection");
    let removed = at_once(|| admin.remove_connection(who, at, People::Keep, Some(0))).await;
    one_answer(removed, rollcall_domain::Job::shown);
    let other = admin.create_organization(&Caller::CLI, "Other").await.unwrap().id;
    let who = &caller("organization");
    let erased = at_once(|| admin.delete_organization(who, other, None)).await;
    one_answer(erased, rollcall_domain::Job::shown);
    // Whoever comes with another request is told so, and whoever names none what is in the way.
    let reused = admin.delete_organization(&named("organization", 2), other, None).await;
    assert!(matches!(reused, Err(AdminError::KeyReused)), "{reused:?}");
    let gone = admin.delete_organization(&Caller::CLI, other, None).await;
    assert!(matches!(gone, Err(AdminError::NotFound { .. })), "{gone:?}");
}
