//! Tokens from their making to their end.

use rollcall_domain::{
    AdminError, AuthError, Caller, FirstToken, Force, IdpKind, NewConnection, Note, Registry as _,
    Scopes, TokenId,
};
use rollcall_schema::Instant;
use rollcall_testkit::EventLog as _;
use serde_json::json;

use crate::world::World;

const DAY: i64 = 24 * 60 * 60 * 1000;

impl World {
    async fn used(&self, id: TokenId) {
        self.store.note(Note::Used(id, self.now())).await.unwrap();
    }

    async fn only(&self) -> TokenId {
        self.admin.tokens(&Caller::CLI, self.id).await.unwrap().first().unwrap().id
    }

    async fn finish(&self, id: TokenId, force: Force) -> Result<TokenId, AdminError> {
        let done = self.admin.finish_rotation(&Caller::CLI, self.id, id, force).await;
        done.map(|token| token.id)
    }

    async fn is_open(&self, secret: &str) -> bool {
        match self.enter(secret).await {
            Ok(_) => true,
            Err(AuthError::Refused) => false,
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "results read better without `&`")]
fn conflict<T: std::fmt::Debug>(result: Result<T, AdminError>, expect: &str) {
    let Err(AdminError::Conflict(detail)) = &result else { panic!("{result:?}") };
    assert!(detail.contains(expect), "{detail}");
}

#[tokio::test]
async fn a_rotation_goes_without_an_outage() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let old = world.only().await;
    world.clock.forward(1_000);
    let new = world.admin.start_rotation(cli, world.id, old, None, Some(0)).await.unwrap();
    assert_eq!((new.token.replaces, new.token.scopes), (Some(old), Scopes::ALL));
    assert!(world.is_open(&world.secret).await && world.is_open(new.reveal()).await);
    // Nobody has come with the new one yet.
    for id in [old, new.token.id] {
        let rotation = world.admin.rotation(cli, world.id, id).await.unwrap();
        assert_eq!((rotation.old.id, rotation.new.id), (old, new.token.id));
        assert!(!rotation.is_verified() && !rotation.old_in_use());
        conflict(world.finish(id, Force::No).await, "nobody has come");
    }
    world.clock.forward(1_000);
    world.used(old).await;
    world.used(new.token.id).await;
    let rotation = world.admin.rotation(cli, world.id, old).await.unwrap();
    assert!(rotation.is_verified() && rotation.old_in_use());
    assert_eq!(world.finish(old, Force::No).await.unwrap(), new.token.id);
    assert!(!world.is_open(&world.secret).await && world.is_open(new.reveal()).await);
    let over = world.admin.rotation(cli, world.id, old).await;
    assert!(matches!(over, Err(AdminError::NotFound { .. })), "{over:?}");
    // The next one starts from there.
    world.admin.start_rotation(cli, world.id, new.token.id, None, None).await.unwrap();
}

#[tokio::test]
async fn a_rotation_is_forced() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let old = world.only().await;
    let new = world.admin.start_rotation(cli, world.id, old, None, None).await.unwrap();
    world.finish(new.token.id, Force::Yes).await.unwrap();
    assert!(!world.is_open(&world.secret).await && world.is_open(new.reveal()).await);
}

/// The old one is the only one that opens anything once the new one has ended.
#[tokio::test]
async fn a_rotation_to_what_has_ended_is_not_finished() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let old = world.only().await;
    let end = Some(Instant::from_millis(world.now().millis() + 1_000));
    let new = world.admin.start_rotation(cli, world.id, old, end, None).await.unwrap();
    world.used(new.token.id).await;
    world.clock.forward(1_000);
    for force in [Force::No, Force::Yes] {
        for id in [old, new.token.id] {
            conflict(world.finish(id, force).await, "has ended");
        }
    }
    assert!(world.is_open(&world.secret).await && !world.is_open(new.reveal()).await);
    // It is given up as any other is.
    world.admin.revoke(cli, world.id, new.token.id, None).await.unwrap();
    let next = world.admin.start_rotation(cli, world.id, old, None, None).await.unwrap();
    world.used(next.token.id).await;
    world.finish(old, Force::No).await.unwrap();
    assert!(world.is_open(next.reveal()).await);
}

#[tokio::test]
async fn one_rotation_goes_at_a_time() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let old = world.only().await;
    let start = async || world.admin.start_rotation(cli, world.id, old, None, None).await;
    let first = start().await.unwrap();
    conflict(start().await, "under way");
    let stale = world.admin.start_rotation(cli, world.id, old, None, Some(0)).await;
    assert!(matches!(stale, Err(AdminError::Stale)), "{stale:?}");
    // Nor does another begin at its new end.
    let id = first.token.id;
    conflict(world.admin.start_rotation(cli, world.id, id, None, None).await, "finish that first");
    // Revoking the new one gives it up.
    world.admin.revoke(cli, world.id, first.token.id, None).await.unwrap();
    assert!(world.is_open(&world.secret).await && !world.is_open(first.reveal()).await);
    let second = start().await.unwrap();
    world.finish(second.token.id, Force::Yes).await.unwrap();
    conflict(start().await, "has ended");
}

/// What comes in the place of a token is like it, and lives as long.
#[tokio::test]
async fn a_successor_is_like_its_predecessor() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let end = Instant::from_millis(world.now().millis() + 90 * DAY);
    let new = json!({"name": "main", "scopes": "users.write", "expires": end.to_string(),
        "proof": {"kind": "clientSecret"}});
    let old = world.mint(new).await.unwrap().token;
    world.clock.forward(80 * DAY);
    let new = world.admin.start_rotation(cli, world.id, old.id, None, None).await.unwrap().token;
    assert_eq!((&new.name, &new.kind, new.scopes), (&old.name, &old.kind, old.scopes));
    assert_eq!(new.expires, Some(Instant::from_millis(world.now().millis() + 90 * DAY)));
    assert_ne!(new.hash, old.hash);
    // 2048 bits.
    let key = json!({"kty": "RSA", "n": "_".repeat(341) + "w", "e": "AQAB"});
    let keys = json!({"proof": {"kind": "clientKey", "jwks": {"keys": [key]}}});
    let keys = world.mint(keys).await.unwrap();
    assert!(keys.secret.is_none());
    let rotated = world.admin.start_rotation(cli, world.id, keys.token.id, None, None).await;
    conflict(rotated, "has no secret");
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_any_more() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let id = world.only().await;
    let stale = world.admin.revoke(cli, world.id, id, Some(7)).await;
    assert!(matches!(stale, Err(AdminError::Stale)), "{stale:?}");
    assert!(world.is_open(&world.secret).await);
    let ended = world.admin.revoke(cli, world.id, id, Some(0)).await.unwrap();
    assert_eq!((ended.revoked, ended.revision), (Some(world.now()), 1));
    assert!(!world.is_open(&world.secret).await);
    // Once more changes nothing.
    world.clock.forward(1_000);
    assert_eq!(world.admin.revoke(cli, world.id, id, None).await.unwrap(), ended);
    let unknown = world.admin.revoke(cli, world.id, TokenId::from_uuid(id.uuid()), None).await;
    assert!(unknown.is_ok());
}

/// Regression 25: whoever changes settings keeps the token that the IdP has.
#[tokio::test]
async fn settings_make_a_token_only_where_there_never_was_one() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let change = serde_json::from_value(json!({"capabilities": {"bulk": false}})).unwrap();
    let back = serde_json::from_value(json!({"capabilities": {"bulk": true}})).unwrap();
    let again = world.admin.configure(cli, world.id, &change, None).await.unwrap();
    assert!(again.minted.is_none());
    world.admin.revoke(cli, world.id, world.only().await, None).await.unwrap();
    let again = world.admin.configure(cli, world.id, &back, None).await.unwrap();
    assert!(again.minted.is_none(), "one that ended was one");
    let new = NewConnection { token: FirstToken::None, ..NewConnection::default() };
    let bare = world.admin.connect(cli, "Acme", &new).await.unwrap();
    assert!(bare.minted.is_none());
    let id = bare.connection.id;
    let first = world.admin.configure(cli, id, &change, None).await.unwrap();
    assert!(world.is_open(first.minted.unwrap().reveal()).await);
    assert!(world.admin.configure(cli, id, &back, None).await.unwrap().minted.is_none());
    assert_eq!(world.admin.tokens(cli, id).await.unwrap().len(), 1);
}

/// What is done is logged with who did it, and no secret is.
#[tokio::test]
async fn no_event_holds_a_secret() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let old = world.only().await;
    let bound = world.mint(json!({"name": "other"})).await.unwrap();
    let client = world.mint(json!({"proof": {"kind": "clientSecret"}})).await.unwrap();
    let new = world.admin.start_rotation(cli, world.id, old, None, None).await.unwrap();
    world.finish(old, Force::Yes).await.unwrap();
    world.admin.revoke(cli, world.id, bound.token.id, None).await.unwrap();
    world.configure(json!({"capabilities": {"sort": false}, "name": "main"})).await.unwrap();
    let events = world.store.events(world.organization).await;
    let actions: Vec<_> = events.iter().map(|event| &*event.action).collect();
    let expect = [
        "organization.created",
        "connection.created",
        "token.created",
        "token.created",
        "token.created",
        "token.rotation_started",
        "token.revoked",
        "token.rotation_finished",
        "token.revoked",
        "connection.changed",
    ];
    assert_eq!(actions, expect);
    assert!(events.iter().all(|event| event.actor == "cli"));
    let secrets = [&*world.secret, bound.reveal(), client.reveal(), new.reveal()];
    for event in &events {
        let text = serde_json::to_string(&event.changes).unwrap();
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
        assert!(!text.contains("rct_") && !text.contains("hash"), "{text}");
    }
    // A change tells what differs, and nothing else.
    let changes = &events.last().unwrap().changes;
    assert_eq!(changes["before"]["name"], json!(null));
    assert_eq!(changes["after"]["name"], json!("main"));
    assert!(changes["after"].get("limits").is_none(), "{changes:?}");
}

/// What is kept of a client's keys is small and public, and no URL has a password in it.
#[tokio::test]
async fn proofs_hold_nothing_that_is_large_or_private() {
    // R-E-22, R-OAUTH-04
    let world = World::of(IdpKind::Generic).await;
    let key = |member: &str, value: &str| {
        // 2048 bits.
        let mut key = json!({"kty": "RSA", "n": "_".repeat(341) + "w", "e": "AQAB"});
        key[member] = value.into();
        json!({"proof": {"kind": "clientKey", "jwks": {"keys": [key]}}})
    };
    let trust = |uri: &str| {
        json!({"proof": {"kind": "trustedIssuer", "issuer": "https://idp.example",
            "subject": "s", "audience": "a", "jwksUri": uri}})
    };
    let large = "A".repeat(33 * 1024);
    let mut refused: Vec<_> = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
        .map(|member| (key(member, "AA"), "private"))
        .into();
    refused.push((key("x5t", &large), "larger than 32 KiB"));
    refused.push((trust("https://me:secret@idp.example/keys"), "names a user"));
    refused.push((trust("http://127.0.0.1:80@idp.example/keys"), "names a user"));
    refused.push((trust("file:///etc/passwd"), "no https URL"));
    for (new, expect) in refused {
        let error = world.mint(new).await.unwrap_err();
        assert!(matches!(error, AdminError::Bad(_)), "{error:?}");
        assert!(error.to_string().contains(expect), "{error}");
    }
    world.mint(key("kid", "one")).await.unwrap();
    world.mint(trust("https://idp.example/keys?of=me@example.com")).await.unwrap();
    assert_eq!(world.admin.tokens(&Caller::CLI, world.id).await.unwrap().len(), 3);
}
