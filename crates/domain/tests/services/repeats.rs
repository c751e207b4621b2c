//! Requests that are repeated because nobody heard the answer.

use rollcall_domain::{
    AdminError, Caller, Idempotency, IdpKind, Kept, NewConnection, NewToken, PageAsked,
    Registry as _,
};
use rollcall_testkit::EventLog as _;
use serde_json::Value;

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
