//! Our own signing keys, as they come and go.

use std::time::Duration;

use rollcall_domain::{
    AccessTokens as _, AuthorizationServer as _, Clock as _, OrganizationId, Registry as _,
    SigningKey,
};
use serde_json::Value;

use crate::world::{World, secret_request};

const DAY: i64 = 86_400;

async fn kept(world: &World) -> Vec<SigningKey> {
    world.store.signing_keys().await.unwrap()
}

async fn token(world: &World) -> String {
    world.with_secret("s3cret").await.unwrap().access_token
}

async fn is_good(world: &World, token: &str) -> bool {
    world.oauth.check(token, None).await.unwrap().is_some()
}

#[tokio::test]
async fn r_oauth_08_keys_are_made_when_they_are_needed() {
    let world = World::new().await;
    world.secret("s3cret", |_| {}).await;
    world.oauth.tick().await.unwrap();
    assert_eq!(kept(&world).await, []);
    token(&world).await;
    let [key] = &*kept(&world).await else { panic!("one key") };
    assert_eq!(key.public["kid"], Value::from(key.id.to_string()));
    assert!(key.public.get("d").is_none());
    world.oauth.tick().await.unwrap();
    assert_eq!(kept(&world).await.len(), 1);
}

#[tokio::test]
async fn old_keys_retire_and_go_when_their_tokens_have_ended() {
    let world = World::new().await;
    world.secret("s3cret", |_| {}).await;
    let first = token(&world).await;
    world.clock.pass(30 * DAY - 1);
    world.oauth.tick().await.unwrap();
    assert_eq!(kept(&world).await.len(), 1);
    let last = token(&world).await;
    world.clock.pass(1);
    world.oauth.tick().await.unwrap();
    let [old, new] = &*kept(&world).await else { panic!("two keys") };
    assert_eq!((old.retired, old.revision), (Some(world.clock.now()), 1));
    assert_eq!((new.retired, new.created), (None, world.clock.now()));

    // What the old one signed is good as long as it would have been.
    let next = token(&world).await;
    assert!(!is_good(&world, &first).await);
    assert!(is_good(&world, &last).await && is_good(&world, &next).await);
    assert_eq!(world.oauth.jwks().await.unwrap()["keys"].as_array().map(Vec::len), Some(2));
    world.clock.pass(7200);
    world.oauth.tick().await.unwrap();
    assert_eq!(kept(&world).await.len(), 2);
    world.clock.pass(1);
    world.oauth.tick().await.unwrap();
    assert_eq!(kept(&world).await.len(), 1);
    assert!(is_good(&world, &token(&world).await).await);
}

#[tokio::test]
async fn what_another_replica_signs_with_a_new_key_is_good_at_once() {
    let world = World::new().await;
    world.secret("s3cret", |_| {}).await;
    let other = world.replica();
    let client = world.connection.to_string();
    let signed = async || {
        let request = secret_request(world.connection, &client, "s3cret");
        other.grant(request).await.unwrap().access_token
    };
    assert!(is_good(&world, &signed().await).await);
    world.clock.pass(30 * DAY);
    assert!(is_good(&world, &signed().await).await);
    world.clock.pass(2);
    other.tick().await.unwrap();
    let new = signed().await;
    assert!(is_good(&world, &new).await);
    assert!(is_good(&world, &token(&world).await).await);
    assert_eq!(kept(&world).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_rotate_at_once_end_with_one_key() {
    let world = World::new().await;
    world.secret("s3cret", |_| {}).await;
    token(&world).await;
    world.clock.pass(30 * DAY);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let replica = world.replica();
        tasks.spawn(async move { replica.tick().await.unwrap() });
    }
    tasks.join_all().await;
    world.oauth.tick().await.unwrap();
    let signing = kept(&world).await.into_iter().filter(|key| key.retired.is_none()).count();
    assert_eq!(signing, 1);
    assert!(is_good(&world, &token(&world).await).await);
}

#[tokio::test]
async fn keys_that_the_keyring_does_not_open_are_replaced() {
    let world = World::new().await;
    world.secret("s3cret", |_| {}).await;
    let before = token(&world).await;
    let other: rollcall_domain::Keyring =
        "b:__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA".parse().unwrap();
    let elsewhere = rollcall_oauth::OAuth::new(
        world.store.clone(),
        std::sync::Arc::new(other),
        std::sync::Arc::new(crate::world::Nothing),
        world.clock.clone(),
        std::sync::Arc::new(rollcall_domain::UuidIds),
        crate::world::ORIGIN.into(),
    )
    .with_rotation(Duration::from_secs(60));
    let client = world.connection.to_string();
    let request = secret_request(world.connection, &client, "s3cret");
    world.clock.pass(2);
    let token = elsewhere.grant(request).await.unwrap().access_token;
    assert!(is_good(&world, &token).await && is_good(&world, &before).await);
}

#[tokio::test]
async fn keys_come_and_go_in_the_log() {
    use rollcall_testkit::EventLog as _;
    let world = World::new().await;
    world.secret("s3cret", |_| {}).await;
    token(&world).await;
    world.clock.pass(30 * DAY);
    world.oauth.tick().await.unwrap();
    world.clock.pass(3 * 3600);
    world.oauth.tick().await.unwrap();
    // The log of the server itself.
    let server = OrganizationId::from_uuid(uuid::Uuid::nil());
    let log = world.store.events(server).await;
    let actions: Vec<_> = log.iter().map(|event| event.action.clone()).collect();
    let expect =
        ["created", "created", "retired", "removed"].map(|end| format!("signing_key.{end}"));
    assert_eq!(actions, expect);
}
