//! Events, numbered without gaps from what the table holds.

use std::hash::{DefaultHasher, Hash, Hasher};

use diesel::prelude::*;
use diesel::result::DatabaseErrorKind::NotNullViolation;
use diesel::result::Error::DatabaseError;
use rollcall_domain::{
    Action, AdminEvent, CommitError, ConnectionId, EventId, OrganizationId, ResourceId, Scope,
    Write,
};
use serde_json::{Map, Value, json};
use uuid::{Builder, Uuid};

use crate::edges::Moved;
use crate::error::Undone;
use crate::statement::{Run, fixed};
use crate::values::Id;

fixed! {
    /// Appends events: id, at, actor, action, kind, resource, version, changes. Where an IdP acts,
    /// the connection must be one whose end nobody has decided, or the column has no value, which
    /// it needs.
    Append -> () =
        "insert into event (organization, id, seq, at, actor, connection, action, kind, \
         resource, version, changes) \
         select ?, unhex(value ->> 0), \
         coalesce((select seq from event where organization = ? order by seq desc limit 1), 0) \
         + 1 + key, \
         value ->> 1, value ->> 2, \
         case when substr(value ->> 2, 1, 4) = 'tok_' then \
         (select id from connection where id = ? and removal is null and removed is null) \
         else ? end, \
         value ->> 3, value ->> 4, unhex(value ->> 5), value ->> 6, \
         value -> 7 from json_each(?)";
}

/// Appends what was administered to the log that it belongs to.
pub(crate) fn administered(conn: &mut SqliteConnection, event: &AdminEvent) -> QueryResult<()> {
    let kept = Value::Array(vec![Value::Array(vec![
        event.id.uuid().simple().to_string().into(),
        event.at.millis().into(),
        event.actor.to_string().into(),
        event.action.into(),
        event.subject.kind().into(),
        event.subject.uuid().simple().to_string().into(),
        event.revision.into(),
        event.changes.clone().into(),
    ])]);
    let organization = Id(event.organization.map_or(Uuid::nil(), OrganizationId::uuid));
    let connection = Id(event.connection.map_or(Uuid::nil(), ConnectionId::uuid));
    Run::<Append>::with([
        organization.into(),
        organization.into(),
        connection.into(),
        connection.into(),
        kept.to_string().into(),
    ])
    .execute(conn)
    .map(|_| ())
}

/// The events of one change, in their order.
#[derive(Debug, Default)]
pub(crate) struct Log {
    events: Vec<Value>,
}

impl Log {
    /// What a write says of its own resource, with the edges that really changed.
    pub(crate) fn push(&mut self, write: &Write, version: u64, moved: &[Moved]) {
        let event = &write.event;
        let mut changes = event.changes.clone();
        for moved in moved {
            changes.insert(moved.attr.to_string(), edges(moved));
        }
        let (id, action) = (event.id, event.action);
        self.entry(
            write,
            Entry { id, action, resource: write.id, kind: &write.kind, version },
            changes,
        );
    }

    /// That another resource lost an edge to one that a write deleted.
    pub(crate) fn push_lost(
        &mut self,
        write: &Write,
        (owner, kind): (ResourceId, &str),
        version: u64,
        moved: &Moved,
    ) {
        let changes = Map::from_iter([(moved.attr.to_string(), edges(moved))]);
        let (id, action) = (following(write, owner), Action::Changed);
        self.entry(write, Entry { id, action, resource: owner, kind, version }, changes);
    }

    /// Writes them all, unless an IdP did what it may no more.
    pub(crate) fn append(self, conn: &mut SqliteConnection, at: Scope) -> Result<(), Undone> {
        if self.events.is_empty() {
            return Ok(());
        }
        let Scope { organization: whose, connection } = at;
        let events = Value::Array(self.events).to_string();
        let binds =
            [whose.into(), whose.into(), connection.into(), connection.into(), events.into()];
        match Run::<Append>::with(binds).execute(conn) {
            Err(DatabaseError(NotNullViolation, _)) => Err(CommitError::Closed.into()),
            appended => Ok(appended.map(|_| ())?),
        }
    }

    fn entry(&mut self, write: &Write, entry: Entry<'_>, changes: Map<String, Value>) {
        let Entry { id, action, resource, kind, version } = entry;
        self.events.push(Value::Array(vec![
            id.uuid().simple().to_string().into(),
            write.at.millis().into(),
            write.event.actor.to_string().into(),
            action.name().into(),
            kind.into(),
            resource.uuid().simple().to_string().into(),
            version.into(),
            changes.into(),
        ]));
    }
}

/// What is an event's own, whatever write it came from.
#[derive(Clone, Copy)]
struct Entry<'k> {
    id: EventId,
    action: Action,
    resource: ResourceId,
    kind: &'k str,
    version: u64,
}

fn edges(moved: &Moved) -> Value {
    let texts = |ids: &[ResourceId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({ "added": texts(&moved.added), "removed": texts(&moved.removed) })
}

/// The id of an event that follows from a write: a UUIDv7 of its time, the same whenever the
/// write is tried again.
fn following(write: &Write, owner: ResourceId) -> EventId {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (write.event.id, owner, salt).hash(&mut hasher);
        hasher.finish()
    };
    let bits = (u128::from(half(0)) << 64 | u128::from(half(1))).to_be_bytes();
    let millis = u64::try_from(write.at.millis()).unwrap_or_default();
    let mut random = [0; 10];
    random.iter_mut().zip(bits).for_each(|(to, from)| *to = from);
    let id: Uuid = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    EventId::from_uuid(id)
}
