//! What came with the setups of connections: old rows, old outcomes, long statements.

use diesel_async::SimpleAsyncConnection;
use rollcall_domain::{KEPT_FOR_MILLIS, OrganizationId, Registry, Setup, Status, Store, Traffic};
use rollcall_postgres::Postgres;
use rollcall_schema::{Instant, ProfileName};
use rollcall_testkit::users;
use rollcall_tests::postgres::{connect, database};

use crate::{Opened, both, count, number, outcome};

/// Whatever their IdP: they spoke the generic dialect, and nobody asked them to change.
#[tokio::test(flavor = "multi_thread")]
async fn connections_of_before_stay_generic() {
    let database = database().await;
    let mut owner = connect(&database.url).await;
    let back = concat!(
        include_str!("../../../crates/postgres/migrations/2026-11-22-100000_administer/down.sql"),
        "delete from __diesel_schema_migrations where version = '20261122100000';\n",
        include_str!(
            "../../../crates/postgres/migrations/2026-11-22-000000_set_up_connections/down.sql"
        ),
        "delete from __diesel_schema_migrations where version = '20261122000000';
         insert into organization values (gen_random_uuid(), 'Acme', 5);
         insert into connection select gen_random_uuid(), id, null, 'okta', 5 from organization;
         insert into resource
             select organization, gen_random_uuid(), id, 'User', 1, 5, 5, 0, 'a', '{}'
             from connection;
         insert into resource_count select organization, id, 'User', 1 from connection"
    );
    owner.batch_execute(back).await.unwrap();
    let ran = Postgres::migrate(&database.url).await.unwrap();
    assert_eq!(ran, ["2026-11-22-000000_set_up_connections", "2026-11-22-100000_administer"]);
    let store = Postgres::connect(&database.bound_url, 1).await.unwrap();
    let all = store.connections(None, None, 10).await.unwrap();
    let [(_, connection)] = &*all else { panic!("{all:?}") };
    let mut expect = Setup::default();
    expect.profile.name = Some(ProfileName::Generic);
    assert_eq!((&connection.setup, connection.revision), (&expect, 0));
    assert_eq!((connection.status, &connection.traffic), (Status::Active, &Traffic::default()));
    let at = rollcall_domain::Scope {
        organization: OrganizationId::from_uuid(connection.organization.uuid()),
        connection: connection.id,
    };
    let behind = store.scope(at).behind(users().name(), 1, None, 10).await.unwrap();
    assert_eq!(behind.iter().map(|record| record.indexed).collect::<Vec<_>>(), [0]);
    assert_eq!(store.scope(at).behind(users().name(), 0, None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_outcomes_are_dropped() {
    let database = database().await;
    let mut owner = connect(&database.url).await;
    let now = number(&mut owner, "extract(epoch from now()) * 1000").await;
    let minute = 60_000;
    for Opened { store, site } in &both(&database).await {
        let [old, young] =
            [-minute, minute].map(|by| outcome(Instant::from_millis(now - KEPT_FOR_MILLIS + by)));
        for outcome in [&old, &young] {
            store.keep_outcome(site.at, outcome.clone()).await.unwrap();
        }
        store.maintain().await.unwrap();
        assert_eq!(store.outcome(site.at, old.id).await.unwrap(), None);
        assert_eq!(store.outcome(site.at, young.id).await.unwrap(), Some(young));
    }
    assert_eq!(count(&mut owner, "outcome").await, 2);
}

/// Unless somebody says otherwise a statement of the pool ends after half a minute.
#[tokio::test(flavor = "multi_thread")]
async fn statements_are_bounded_in_time() {
    let database = database().await;
    let join = if database.url.contains('?') { '&' } else { '?' };
    let short = format!("{}{join}options=-c%20statement_timeout%3D3s", database.url);
    let store = Postgres::connect(&short, 1).await.unwrap();
    store.ready().await.unwrap();
    let mut owner = connect(&database.url).await;
    owner.batch_execute("begin; lock table organization").await.unwrap();
    let refused = store.connections(None, None, 10).await.unwrap_err().to_string();
    assert!(refused.contains("timeout"), "{refused}");
    owner.batch_execute("rollback").await.unwrap();
    assert!(store.connections(None, None, 10).await.unwrap().is_empty());
}
