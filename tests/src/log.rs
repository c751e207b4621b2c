//! The logs of the SQL stores, read from their tables.

use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel_async::AsyncPgConnection;
use rollcall_domain::{ConnectionId, EventId, OrganizationId, ResourceId};
use rollcall_schema::Instant;
use rollcall_testkit::{EventLog, LoggedEvent};
use serde_json::{Map, Value};
use uuid::Uuid;

mod sqlite {
    diesel::table! {
        event (organization, id) {
            organization -> Binary,
            id -> Binary,
            seq -> Nullable<BigInt>,
            at -> BigInt,
            actor -> Text,
            connection -> Binary,
            action -> Text,
            kind -> Text,
            resource -> Binary,
            version -> BigInt,
            changes -> Text,
        }
    }
}

mod postgres {
    diesel::table! {
        event (organization, id) {
            organization -> Uuid,
            id -> Uuid,
            seq -> Nullable<BigInt>,
            at -> BigInt,
            actor -> Text,
            connection -> Uuid,
            action -> Text,
            kind -> Text,
            resource -> Uuid,
            version -> BigInt,
            changes -> Jsonb,
        }
    }
}

/// The log in an SQLite file.
#[derive(Debug)]
pub struct SqliteLog(PathBuf);

impl SqliteLog {
    /// Reads the file at `path`, which is there.
    pub fn at(path: &Path) -> Self {
        Self(path.into())
    }
}

/// The log in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresLog(String);

impl PostgresLog {
    /// Reads by `url`, as a role that sees every organization.
    pub fn at(url: &str) -> Self {
        Self(url.into())
    }
}

/// Number, time, actor, action, type and version of an event.
type Plain = (Option<i64>, i64, String, String, String, i64);

/// Event, connection and resource.
type Named<I> = (I, I, I);

#[async_trait::async_trait]
impl EventLog for SqliteLog {
    async fn events(&self, organization: OrganizationId) -> Vec<LoggedEvent> {
        use sqlite::event::dsl;
        let path = self.0.to_str().expect("the path is text");
        let mut connection = SqliteConnection::establish(path).expect("the file opens");
        let rows: Vec<(Named<Vec<u8>>, Plain, String)> = dsl::event
            .filter(dsl::organization.eq(organization.uuid().as_bytes().to_vec()))
            .order((dsl::seq, dsl::id))
            .select((
                (dsl::id, dsl::connection, dsl::resource),
                (dsl::seq, dsl::at, dsl::actor, dsl::action, dsl::kind, dsl::version),
                dsl::changes,
            ))
            .load(&mut connection)
            .expect("the log is read");
        let id = |bytes: Vec<u8>| Uuid::from_slice(&bytes).expect("an id has 16 bytes");
        let event = |((event, connection, resource), plain, changes): (Named<_>, Plain, String)| {
            let changes = serde_json::from_str(&changes).expect("changes are JSON");
            logged((id(event), id(connection), id(resource)), plain, changes)
        };
        rows.into_iter().map(event).collect()
    }
}

#[async_trait::async_trait]
impl EventLog for PostgresLog {
    async fn events(&self, organization: OrganizationId) -> Vec<LoggedEvent> {
        use diesel_async::{AsyncConnection, RunQueryDsl};
        use postgres::event::dsl;
        let mut connection =
            AsyncPgConnection::establish(&self.0).await.expect("the server answers");
        let query = dsl::event
            .filter(dsl::organization.eq(organization.uuid()))
            .order((dsl::seq, dsl::id))
            .select((
                (dsl::id, dsl::connection, dsl::resource),
                (dsl::seq, dsl::at, dsl::actor, dsl::action, dsl::kind, dsl::version),
                dsl::changes,
            ));
        let rows: Vec<(Named<Uuid>, Plain, Value)> =
            RunQueryDsl::load(query, &mut connection).await.expect("the log is read");
        rows.into_iter().map(|(named, plain, changes)| logged(named, plain, changes)).collect()
    }
}

/// How many transactions of PostgreSQL have written into the log, as every change does.
pub async fn transactions(url: &str) -> u64 {
    use diesel::dsl::sql;
    use diesel::sql_types::BigInt;
    use diesel_async::{AsyncConnection, RunQueryDsl};
    use postgres::event::dsl;
    let mut connection = AsyncPgConnection::establish(url).await.expect("the server answers");
    let count = dsl::event.select(sql::<BigInt>("count(distinct xmin::text)"));
    let count: i64 = RunQueryDsl::get_result(count, &mut connection).await.expect("it is counted");
    count.try_into().expect("a count")
}

fn logged(named: Named<Uuid>, plain: Plain, changes: Value) -> LoggedEvent {
    let (event, connection, resource) = named;
    let (seq, at, actor, action, kind, version) = plain;
    let Value::Object(changes): Value = changes else { panic!("changes are an object: {changes}") };
    let changes: Map<String, Value> = changes;
    LoggedEvent {
        id: EventId::from_uuid(event),
        seq: seq.map(|seq| seq.try_into().expect("numbers are positive")),
        at: Instant::from_millis(at),
        actor,
        connection: ConnectionId::from_uuid(connection),
        action,
        kind,
        resource: ResourceId::from_uuid(resource),
        version: version.try_into().expect("versions are positive"),
        changes,
    }
}
