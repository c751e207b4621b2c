//! What is noted of credentials and connections while requests come, and how often.

use std::sync::Arc;

use rollcall_domain::{
    AuthError, Authenticator, Caller, IdpKind, Shown, Token, TokenId, Traffics, UuidIds, Watch,
};
use rollcall_testkit::EventLog as _;
use serde_json::json;

use crate::world::World;

const DAY: i64 = 24 * 60 * 60 * 1000;

impl World {
    fn traffics(&self) -> Traffics {
        Traffics::new(self.store.clone(), self.clock.clone())
    }

    async fn token(&self, id: TokenId) -> Token {
        self.admin.token(&Caller::CLI, self.id, id).await.unwrap()
    }

    /// A replica that has seen nothing yet lets somebody in, or not.
    async fn comes(&self, secret: &str) -> Result<(), AuthError> {
        let authenticator = Authenticator::new(self.store.clone())
            .with_clock(self.clock.clone())
            .with_traffics(Arc::new(self.traffics()));
        authenticator.bearer(Shown::token(secret)).await.map(|_| ())
    }
}

/// The same is noted once a minute, until a rotation begins.
#[tokio::test]
async fn a_rotation_lets_the_next_use_be_noted() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let traffics = world.traffics();
    let old = world.admin.tokens(cli, world.id).await.unwrap().remove(0);
    traffics.used(&old).await;
    let first = world.now();
    world.clock.forward(1_000);
    traffics.used(&old).await;
    assert_eq!(world.token(old.id).await.used, Some(first), "once a minute");
    world.admin.start_rotation(cli, world.id, old.id, None, None).await.unwrap();
    let rotation = world.admin.rotation(cli, world.id, old.id).await.unwrap();
    assert!(!rotation.old_in_use());
    world.clock.forward(1_000);
    for _ in 0..2 {
        traffics.used(&world.token(old.id).await).await;
    }
    let rotation = world.admin.rotation(cli, world.id, old.id).await.unwrap();
    assert!(rotation.old_in_use() && !rotation.is_verified());
    assert_eq!(rotation.old.used, Some(world.now()));
}

/// An IdP that goes on calling is not quiet, whatever it is answered.
#[tokio::test]
async fn an_idp_that_calls_while_its_connection_is_closed_is_not_quiet() {
    for status in ["paused", "disabled"] {
        let world = World::of(IdpKind::Generic).await;
        world.comes(&world.secret).await.unwrap();
        let used = world.admin.tokens(&Caller::CLI, world.id).await.unwrap().remove(0).used;
        world.traffics().saw(&world.connection().await, false).await;
        world.configure(json!({ "status": status })).await.unwrap();
        for _ in 0..30 {
            world.clock.forward(DAY);
            assert!(world.comes(&world.secret).await.is_err());
        }
        assert_eq!(world.connection().await.traffic.seen, Some(world.now()));
        let after = world.admin.tokens(&Caller::CLI, world.id).await.unwrap().remove(0).used;
        assert_eq!(after, used, "it let nobody in");
        world.configure(json!({"status": "active"})).await.unwrap();
        let ids = Arc::new(UuidIds);
        Watch::new(world.store.clone(), world.clock.clone(), ids).tick().await.unwrap();
        let events = world.store.events(world.organization).await;
        assert!(events.iter().all(|event| event.action != "connection.quiet"), "{events:#?}");
    }
}

/// On the path of another connection a token is of no use.
#[tokio::test]
async fn what_goes_astray_is_no_use() {
    let world = World::of(IdpKind::Generic).await;
    let authenticator = Authenticator::new(world.store.clone())
        .with_clock(world.clock.clone())
        .with_traffics(Arc::new(world.traffics()));
    let elsewhere = Some("conn_01890000000070008000000000000001".parse().unwrap());
    let used = async || world.admin.tokens(&Caller::CLI, world.id).await.unwrap().remove(0).used;
    for (connection, expect) in [(elsewhere, None), (Some(world.id), Some(world.now()))] {
        let shown = Shown { connection, ..Shown::token(&world.secret) };
        authenticator.bearer(shown).await.unwrap();
        assert_eq!(used().await, expect, "{connection:?}");
    }
}
