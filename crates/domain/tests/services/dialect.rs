//! Noting which dialect the traffic of a connection speaks.

use rollcall_domain::{Asked, Dialects, IdpKind, Note, Registry as _, Sighting};

use crate::world::World;

fn from(agent: &str) -> Sighting<'_> {
    Sighting { method: "GET", endpoint: "Users", user_agent: Some(agent), ..Sighting::default() }
}

#[tokio::test]
async fn a_dialect_is_noted_when_it_changes_and_once_a_minute_at_most() {
    let world = World::of(IdpKind::Generic).await;
    let dialects = Dialects::new(world.store.clone(), world.clock.clone());
    let saw = async |sighting: Sighting<'_>| {
        dialects.saw(&world.connection().await, &sighting).await.unwrap();
        world.connection().await.traffic.dialect
    };
    assert_eq!(saw(Sighting::default()).await, None);
    assert_eq!(saw(from("Okta SCIM Client 1.0.0")).await.as_deref(), Some("okta"));
    let asked = Asked { entra_flag: true, ..Asked::default() };
    let flagged = Sighting { asked, ..Sighting::default() };
    for _ in 0..5 {
        assert_eq!(saw(flagged).await.as_deref(), Some("okta"), "within the same minute");
    }
    world.clock.forward(60_000);
    assert_eq!(saw(flagged).await.as_deref(), Some("entra"));
    // It changes nothing else.
    let connection = world.connection().await;
    assert_eq!((connection.revision, connection.idp), (0, IdpKind::Generic));
}

#[tokio::test]
async fn nothing_is_written_where_nothing_changes() {
    let world = World::of(IdpKind::Generic).await;
    let first = Dialects::new(world.store.clone(), world.clock.clone());
    let okta = from("Okta SCIM Client 1.0.0");
    first.saw(&world.connection().await, &okta).await.unwrap();
    // A server that starts knows what was noted; whoever else wrote meanwhile is left alone.
    let second = Dialects::new(world.store.clone(), world.clock.clone());
    let connection = world.connection().await;
    world.store.note(Note::Dialect(world.id, "changed".into())).await.unwrap();
    second.saw(&connection, &okta).await.unwrap();
    assert_eq!(world.connection().await.traffic.dialect.as_deref(), Some("changed"));
}
