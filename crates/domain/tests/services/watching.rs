//! Alarms: credentials that end soon, and IdPs that have gone quiet.

use std::sync::Arc;

use rollcall_domain::{Caller, IdpKind, Note, People, Registry as _, TokenId, UuidIds, Watch};
use rollcall_schema::Instant;
use rollcall_testkit::{EventLog as _, LoggedEvent};
use serde_json::{Value, json};

use crate::world::World;

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;

impl World {
    fn watch(&self) -> Watch {
        Watch::new(self.store.clone(), self.clock.clone(), Arc::new(UuidIds))
    }

    async fn ending_in(&self, days: i64) -> TokenId {
        let end = Instant::from_millis(self.now().millis() + days * DAY);
        self.mint(json!({"expires": end.to_string()})).await.unwrap().token.id
    }

    async fn alarms(&self, action: &str) -> Vec<LoggedEvent> {
        let mut events = self.store.events(self.organization).await;
        events.retain(|event| event.action == action);
        events
    }

    /// Days that were warned of, and for which token.
    async fn warnings(&self) -> Vec<(String, Value)> {
        let events = self.alarms("token.expiring").await;
        assert!(events.iter().all(|event| event.actor == "server"));
        let told = events.iter().map(|event| {
            let id = TokenId::from_uuid(event.resource.uuid()).to_string();
            (id, event.changes.get("days").unwrap().clone())
        });
        told.collect()
    }
}

#[tokio::test]
async fn a_token_is_warned_of_at_30_14_7_and_1_days() {
    let world = World::of(IdpKind::Generic).await;
    let id = world.ending_in(40).await.to_string();
    // Two replicas look, every six hours, until it is over.
    for _ in 0..(4 * 42) {
        world.watch().tick().await.unwrap();
        world.watch().tick().await.unwrap();
        world.clock.forward(6 * HOUR);
    }
    let expect = [30, 14, 7, 1].map(|days| (id.clone(), json!(days)));
    assert_eq!(world.warnings().await, expect);
    let at: Vec<i64> = world.alarms("token.expiring").await.iter().map(|e| e.at.millis()).collect();
    let first = at[0];
    assert_eq!(at, [0, 16, 23, 29].map(|days| first + days * DAY));
}

#[tokio::test]
async fn a_token_is_warned_of_once_at_the_nearest() {
    let world = World::of(IdpKind::Generic).await;
    let soon = world.ending_in(5).await.to_string();
    let gone = world.ending_in(5).await;
    world.ending_in(31).await;
    world.admin.revoke(&Caller::CLI, world.id, gone, None).await.unwrap();
    for _ in 0..3 {
        world.watch().tick().await.unwrap();
    }
    assert_eq!(world.warnings().await, [(soon.clone(), json!(7))]);
    world.clock.forward(4 * DAY);
    world.watch().tick().await.unwrap();
    let warned = world.warnings().await;
    assert_eq!(warned.len(), 3, "{warned:?}");
    assert!(warned.contains(&(soon, json!(1))), "{warned:?}");
}

/// More than one page of them, and more than fit on one at the same moment.
#[tokio::test]
async fn many_tokens_are_warned_of() {
    let world = World::of(IdpKind::Generic).await;
    let connection = world.connection().await;
    let end = Instant::from_millis(world.now().millis() + 10 * DAY);
    for n in 0..1_203 {
        let end = Instant::from_millis(end.millis() + n / 1_100);
        let expiring = |token| rollcall_domain::Token { expires: Some(end), ..token };
        rollcall_testkit::registered::admit(&*world.store, &connection, expiring).await;
    }
    world.watch().tick().await.unwrap();
    assert_eq!(world.warnings().await.len(), 1_203);
}

#[tokio::test]
async fn an_idp_that_goes_quiet_is_told_once_until_it_is_heard() {
    let world = World::of(IdpKind::Generic).await;
    let counts = async || {
        world.watch().tick().await.unwrap();
        world.watch().tick().await.unwrap();
        let quiet = world.alarms("connection.quiet").await.len();
        (quiet, world.alarms("connection.heard").await.len())
    };
    // One that never called is not quiet.
    world.clock.forward(30 * DAY);
    assert_eq!(counts().await, (0, 0));
    let seen = world.now();
    world.store.note(Note::Seen(world.id, seen)).await.unwrap();
    world.clock.forward(7 * DAY);
    assert_eq!(counts().await, (0, 0));
    world.clock.forward(1);
    assert_eq!(counts().await, (1, 0));
    let connection = world.connection().await;
    assert_eq!((connection.quiet, connection.traffic.seen), (Some(seen), Some(seen)));
    world.clock.forward(DAY);
    assert_eq!(counts().await, (1, 0));
    world.store.note(Note::Seen(world.id, world.now())).await.unwrap();
    assert_eq!(counts().await, (1, 1));
    assert_eq!(world.connection().await.quiet, None);
    // How long it may be is set for each connection.
    world.configure(json!({"quietAfterHours": 2})).await.unwrap();
    world.clock.forward(2 * HOUR + 1);
    assert_eq!(counts().await, (2, 1));
}

#[tokio::test]
async fn nobody_listens_to_what_is_closed() {
    let world = World::of(IdpKind::Generic).await;
    world.store.note(Note::Seen(world.id, world.now())).await.unwrap();
    for status in ["paused", "disabled", "draft"] {
        world.configure(json!({ "status": status })).await.unwrap();
        world.clock.forward(30 * DAY);
        world.watch().tick().await.unwrap();
    }
    assert!(world.alarms("connection.quiet").await.is_empty());
    world.configure(json!({"status": "observe"})).await.unwrap();
    world.watch().tick().await.unwrap();
    assert_eq!(world.alarms("connection.quiet").await.len(), 1);
    // Nor is what is being deleted heard again.
    let place = world.id;
    world.admin.remove_connection(&Caller::CLI, place, People::Keep, None).await.unwrap();
    world.watch().tick().await.unwrap();
    assert!(world.alarms("connection.heard").await.is_empty());
}

#[tokio::test]
async fn a_credential_that_ends_soon_is_mended_as_its_kind_can_be() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let ends = Instant::from_millis(world.now().millis() + DAY).to_string();
    let trust = json!({"kind": "trustedIssuer", "issuer": "https://i.test", "subject": "s",
        "audience": "a", "jwksUri": "https://i.test/keys"});
    for (proof, expect) in [(json!({"kind": "bearer"}), "rotate it"), (trust, "make another")] {
        let made = world.mint(json!({"proof": proof, "expires": ends})).await.unwrap();
        let status = world.admin.status(cli, world.id).await.unwrap();
        let mut soon = status.checks.iter().filter(|check| check.name == "expiry");
        let fix = soon.find(|check| check.detail.contains(&made.token.id.to_string()));
        let fix = fix.and_then(|check| check.fix.as_deref()).unwrap_or_default();
        assert!(fix.starts_with(expect), "{proof}: {fix}");
    }
}
