//! One change in one savepoint.
//!
//! Records come first, then edges, then keys: edges may point at resources of the same change,
//! and a key may pass from one of them to another.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use rollcall_domain::{
    Act, Body, Change, CommitError, ConnectionId, ResourceId, Scope, Write, Written,
};

use crate::edges::{self, Moved};
use crate::error::Undone;
use crate::log::Log;
use crate::statement::{Bind, Run, fixed};
use crate::tables::resource;
use crate::values::{Count, Id, Moment};
use crate::{json, keys};

fixed! {
    /// Moves the version of a record whose edges changed.
    Touch -> (BigInt, BigInt) =
        "update resource set version = version + 1, modified = ?, links = links + ? \
         where organization = ? and id = ? and connection = ? and kind = ? \
         returning version, created";

    /// Counts the edges of a record that was made or replaced.
    Linked -> () =
        "update resource set links = links + ? where organization = ? and id = ?";

    /// Moves the versions of many records that lost an edge each: pairs and the plus keep the index of ids in use.
    TouchAll -> (Binary, Text, BigInt) =
        "update resource set version = version + 1, modified = ?, links = links - 1 \
         where (organization, id) in (select ?, unhex(value) from json_each(?)) \
         and +connection = ? returning id, kind, version";

    /// Counts resources of a type.
    Counted -> () =
        "insert into resource_count (organization, connection, kind, n) values (?, ?, ?, ?) \
         on conflict (organization, connection, kind) do update set n = n + excluded.n";
}

/// Applies a change, or says why not. Whoever calls rolls back then.
pub(crate) fn apply(
    conn: &mut SqliteConnection,
    at: Scope,
    change: &Change,
) -> Result<Vec<Written>, Undone> {
    let records =
        change.writes.iter().map(|write| record(conn, at, write)).collect::<Result<Vec<_>, _>>()?;
    let mut log = Log::default();
    let mut written = Vec::with_capacity(records.len());
    for (write, record) in change.writes.iter().zip(records) {
        written.push(match (record, &write.act) {
            (Some(record), _) => stay(conn, at, write, record, &mut log)?,
            (None, Act::Delete { expect }) => delete(conn, at, write, *expect, &mut log)?,
            (None, _) => link(conn, at, write, &mut log)?,
        });
    }
    keys::apply(conn, at, change)?;
    for ((connection, kind), n) in counts(at, change) {
        let binds = [at.organization.into(), connection.into(), kind.into(), n.into()];
        Run::<Counted>::with(binds).execute(conn)?;
    }
    log.append(conn, at)?;
    Ok(written)
}

/// The organization and the connection as binds.
pub(crate) fn scope(at: Scope) -> [Bind; 2] {
    [at.organization.into(), at.connection.into()]
}

/// Makes, replaces or hands over a record; `None` where the act does nothing of that.
fn record(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
) -> Result<Option<Written>, Undone> {
    match &write.act {
        Act::Create { body, .. } => create(conn, at, write, body).map(Some),
        Act::Replace { expect, body, .. } => replace(conn, at, write, *expect, body).map(Some),
        Act::HandOver { expect, to, indexed, .. } => {
            hand_over(conn, at, write, (*expect, *to, *indexed)).map(Some)
        }
        Act::Link { .. } | Act::Delete { .. } => Ok(None),
    }
}

fn create(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
    body: &Body,
) -> Result<Written, Undone> {
    diesel::insert_into(resource::table)
        .values((
            resource::organization.eq(Id::from(at.organization)),
            resource::id.eq(Id::from(write.id)),
            resource::connection.eq(Id::from(at.connection)),
            resource::kind.eq(&*write.kind),
            resource::version.eq(1_i64),
            resource::created.eq(Moment(write.at)),
            resource::modified.eq(Moment(write.at)),
            resource::indexed.eq(Count(body.indexed)),
            resource::display.eq(body.display.as_deref()),
            resource::body.eq(&body.text),
        ))
        .execute(conn)?;
    Ok(Written { version: 1, created: write.at, modified: write.at, changed: true })
}

fn replace(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
    expect: u64,
    body: &Body,
) -> Result<Written, Undone> {
    let replaced = diesel::update(resource::table)
        .filter(resource::organization.eq(Id::from(at.organization)))
        .filter(resource::id.eq(Id::from(write.id)))
        .filter(resource::connection.eq(Id::from(at.connection)))
        .filter(resource::kind.eq(&*write.kind))
        .filter(resource::version.eq(Count(expect)))
        .set((
            resource::version.eq(resource::version + 1),
            resource::modified.eq(Moment(write.at)),
            resource::indexed.eq(Count(body.indexed)),
            resource::display.eq(body.display.as_deref()),
            resource::body.eq(&body.text),
        ))
        .returning((resource::version, resource::created))
        .get_result::<(Count, Moment)>(conn)
        .optional()?;
    moved(conn, at, write, expect, replaced)
}

/// The record alone: its edges stay, and its keys come behind.
fn hand_over(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
    (expect, to, indexed): (u64, ConnectionId, u64),
) -> Result<Written, Undone> {
    let handed = diesel::update(resource::table)
        .filter(resource::organization.eq(Id::from(at.organization)))
        .filter(resource::id.eq(Id::from(write.id)))
        .filter(resource::connection.eq(Id::from(at.connection)))
        .filter(resource::kind.eq(&*write.kind))
        .filter(resource::version.eq(Count(expect)))
        .set((
            resource::version.eq(resource::version + 1),
            resource::modified.eq(Moment(write.at)),
            resource::indexed.eq(Count(indexed)),
            resource::connection.eq(Id::from(to)),
        ))
        .returning((resource::version, resource::created))
        .get_result::<(Count, Moment)>(conn)
        .optional()?;
    moved(conn, at, write, expect, handed)
}

/// What became of a record that was to move on from a version, or why it didn't.
fn moved(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
    expect: u64,
    head_now: Option<(Count, Moment)>,
) -> Result<Written, Undone> {
    match head_now {
        Some((Count(version), Moment(created))) => {
            Ok(Written { version, created, modified: write.at, changed: true })
        }
        None => {
            head(conn, at, write, Some(expect))??;
            Err(CommitError::Stale.into())
        }
    }
}

/// A record's head where the expectation holds, or why it doesn't.
fn head(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
    expect: Option<u64>,
) -> QueryResult<Result<Written, Undone>> {
    let head = resource::table
        .filter(resource::organization.eq(Id::from(at.organization)))
        .filter(resource::id.eq(Id::from(write.id)))
        .filter(resource::connection.eq(Id::from(at.connection)))
        .filter(resource::kind.eq(&*write.kind))
        .select((resource::version, resource::created, resource::modified))
        .first::<(Count, Moment, Moment)>(conn)
        .optional()?;
    Ok(match head {
        None => Err(CommitError::Gone.into()),
        Some((Count(version), ..)) if expect.is_some_and(|expect| expect != version) => {
            Err(CommitError::Stale.into())
        }
        Some((Count(version), Moment(created), Moment(modified))) => {
            Ok(Written { version, created, modified, changed: false })
        }
    })
}

/// The edges of a record that was made or replaced.
fn stay(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
    record: Written,
    log: &mut Log,
) -> Result<Written, Undone> {
    let moved = edges::apply(conn, at, write)?;
    let more = edges::more(&moved);
    if more != 0 {
        let [organization, _] = scope(at);
        Run::<Linked>::with([more.into(), organization, write.id.into()]).execute(conn)?;
    }
    log.push(write, record.version, &moved);
    Ok(record)
}

/// Only the edges. The record itself is looked at where nothing changed, or where it is to blame.
fn link(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
    log: &mut Log,
) -> Result<Written, Undone> {
    let expect = match write.act {
        Act::Link { expect } => expect,
        _ => None,
    };
    let moved = match edges::apply(conn, at, write) {
        Ok(moved) => moved,
        Err(Undone::Refused(refused)) => {
            head(conn, at, write, expect)??;
            return Err(refused.into());
        }
        // Members were found in the same statement: it is the owner that isn't there.
        Err(Undone::Failed(error)) if error.is_broken_reference() => {
            head(conn, at, write, expect)??;
            return Err(error.into());
        }
        Err(failed) => return Err(failed),
    };
    if moved.is_empty() {
        return head(conn, at, write, expect)?;
    }
    let touched = Run::<Touch>::with([
        write.at.into(),
        edges::more(&moved).into(),
        at.organization.into(),
        write.id.into(),
        at.connection.into(),
        (&*write.kind).into(),
    ])
    .get_result::<(Count, Moment)>(conn)
    .optional()?;
    let (Count(version), Moment(created)) = touched.ok_or(CommitError::Gone)?;
    if expect.is_some_and(|expect| expect != version - 1) {
        return Err(CommitError::Stale.into());
    }
    log.push(write, version, &moved);
    Ok(Written { version, created, modified: write.at, changed: true })
}

fn delete(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
    expect: Option<u64>,
    log: &mut Log,
) -> Result<Written, Undone> {
    let lost = edges::drop(conn, at, write.id)?;
    keys::drop(conn, at, write.id)?;
    let deleted = diesel::delete(resource::table)
        .filter(resource::organization.eq(Id::from(at.organization)))
        .filter(resource::id.eq(Id::from(write.id)))
        .filter(resource::connection.eq(Id::from(at.connection)))
        .filter(resource::kind.eq(&*write.kind))
        .returning((resource::version, resource::created))
        .get_result::<(Count, Moment)>(conn)
        .optional()?;
    let (Count(version), Moment(created)) = deleted.ok_or(CommitError::Gone)?;
    if expect.is_some_and(|expect| expect != version) {
        return Err(CommitError::Stale.into());
    }
    log.push(write, version + 1, &[]);
    bereave(conn, at, write, lost, log)?;
    Ok(Written { version: version + 1, created, modified: write.at, changed: true })
}

/// Moves the version of each resource that lost an edge to one that was deleted, and says so.
fn bereave(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
    lost: Vec<(ResourceId, Arc<str>)>,
    log: &mut Log,
) -> QueryResult<()> {
    if lost.is_empty() {
        return Ok(());
    }
    let ids = json::ids(lost.iter().map(|(owner, _)| *owner));
    let [organization, connection] = scope(at);
    let owners: HashMap<Id, (String, Count)> =
        Run::<TouchAll>::with([write.at.into(), organization, ids.into(), connection])
            .load::<(Id, String, Count)>(conn)?
            .into_iter()
            .map(|(id, kind, version)| (id, (kind, version)))
            .collect();
    for (owner, attr) in lost {
        if let Some((kind, Count(version))) = owners.get(&Id::from(owner)) {
            let moved = Moved { attr, added: Vec::new(), removed: vec![write.id] };
            log.push_lost(write, (owner, kind), *version, &moved);
        }
    }
    Ok(())
}

/// By how much the numbers of resources move, in which connection and of which type.
fn counts(at: Scope, change: &Change) -> Vec<((ConnectionId, &str), i64)> {
    let mut counts: Vec<((ConnectionId, &str), i64)> = Vec::new();
    let mut count = |connection, kind, n| {
        let place = (connection, kind);
        match counts.iter_mut().find(|(known, _)| *known == place) {
            Some((_, count)) => *count += n,
            None => counts.push((place, n)),
        }
    };
    for write in &change.writes {
        match write.act {
            Act::Create { .. } => count(at.connection, &*write.kind, 1),
            Act::Delete { .. } => count(at.connection, &*write.kind, -1),
            Act::HandOver { to, .. } => {
                count(at.connection, &*write.kind, -1);
                count(to, &*write.kind, 1);
            }
            Act::Replace { .. } | Act::Link { .. } => {}
        }
    }
    counts.retain(|(_, n)| *n != 0);
    counts
}

trait BrokenReference {
    fn is_broken_reference(&self) -> bool;
}

impl BrokenReference for diesel::result::Error {
    fn is_broken_reference(&self) -> bool {
        use diesel::result::DatabaseErrorKind::ForeignKeyViolation;
        matches!(self, Self::DatabaseError(ForeignKeyViolation, _))
    }
}
