//! Index rows of resources, changed by difference.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::result::DatabaseErrorKind::UniqueViolation;
use diesel::result::Error::DatabaseError;
use diesel::sql_types::Text;
use rollcall_domain::{
    Act, Change, CommitError, ConnectionId, Key, KeyChange, ResourceId, Scope, Write,
};
use serde_json::json;

use crate::commit::scope;
use crate::error::Undone;
use crate::json;
use crate::statement::{Fixed, Run, fixed};

fixed! {
    /// Adds rows: type, attribute, key, id, whether it is unique.
    Add -> () =
        "insert into resource_key (organization, connection, kind, attr, key, id, is_unique) \
         select ?, ?, value ->> 0, value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4 \
         from json_each(?)";

    /// Removes rows: type, attribute, key, id.
    Remove -> () =
        "delete from resource_key where organization = ? and connection = ? \
         and (kind, attr, key, id) in (select value ->> 0, value ->> 1, value ->> 2, \
         unhex(value ->> 3) from json_each(?))";

    /// Removes the rows of a resource but these: type, attribute, key.
    Retain -> () =
        "delete from resource_key indexed by resource_key_by_id \
         where organization = ? and id = ? \
         and (attr, key) not in (select value ->> 1, value ->> 2 from json_each(?))";

    /// Adds the rows that are not there, and turns those that are unique otherwise. `where true`
    /// keeps the parser from taking `on conflict` for a join.
    Put -> () =
        "insert into resource_key (organization, connection, kind, attr, key, id, is_unique) \
         select ?, ?, value ->> 0, value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4 \
         from json_each(?) where true \
         on conflict (organization, connection, kind, attr, key, id) \
         do update set is_unique = excluded.is_unique where is_unique <> excluded.is_unique";

    /// Removes the rows of a resource.
    Drop -> () =
        "delete from resource_key indexed by resource_key_by_id \
         where organization = ? and id = ?";

    /// The first of the rows that another resource has already.
    Taken -> Text =
        "select k.attr from json_each(?) j cross join resource_key k \
         indexed by resource_key_unique on k.organization = ? and k.connection = ? \
         and k.kind = j.value ->> 0 and k.attr = j.value ->> 1 and k.key = j.value ->> 2 \
         where k.is_unique and j.value ->> 4 and k.id <> unhex(j.value ->> 3) \
         order by j.key limit 1";
}

/// A key with whose it is.
#[derive(Clone, Copy)]
struct Held<'k> {
    kind: &'k str,
    id: ResourceId,
    key: &'k Key,
}

/// Changes the index rows of every resource of a change.
pub(crate) fn apply(conn: &mut SqliteConnection, at: Scope, change: &Change) -> Result<(), Undone> {
    let (mut removed, mut added, mut put) = (Vec::new(), Vec::new(), Vec::new());
    let mut handed: Vec<(ConnectionId, Held<'_>)> = Vec::new();
    for write in &change.writes {
        match &write.act {
            Act::Create { keys, .. } => added.extend(held(write, keys)),
            Act::Replace { keys: KeyChange::By { removed: old, added: new }, .. } => {
                removed.extend(held(write, old));
                added.extend(held(write, new));
            }
            Act::Replace { keys: KeyChange::To(keys), .. } => {
                let keys: Vec<_> = held(write, keys).collect();
                retain(conn, at, write.id, &keys)?;
                put.extend(keys);
            }
            Act::HandOver { to, keys, .. } => {
                drop(conn, at, write.id)?;
                handed.extend(held(write, keys).map(|key| (*to, key)));
            }
            Act::Link { .. } | Act::Delete { .. } => {}
        }
    }
    if !removed.is_empty() {
        let [organization, connection] = scope(at);
        Run::<Remove>::with([organization, connection, rows(&removed).into()]).execute(conn)?;
    }
    insert::<Put>(conn, at, &put)?;
    insert::<Add>(conn, at, &added)?;
    for run in handed.chunk_by(|(one, _), (next, _)| one == next) {
        let Some((connection, _)) = run.first() else { continue };
        let keys: Vec<_> = run.iter().map(|(_, key)| *key).collect();
        insert::<Add>(conn, Scope { connection: *connection, ..at }, &keys)?;
    }
    Ok(())
}

/// Gives a resource exactly these index rows, whichever it had.
pub(crate) fn replace(
    conn: &mut SqliteConnection,
    at: Scope,
    (kind, id): (&str, ResourceId),
    keys: &[Key],
) -> Result<(), Undone> {
    let keys: Vec<_> = keys.iter().map(|key| Held { kind, id, key }).collect();
    retain(conn, at, id, &keys)?;
    insert::<Put>(conn, at, &keys)
}

/// Removes the index rows of a resource.
pub(crate) fn drop(conn: &mut SqliteConnection, at: Scope, id: ResourceId) -> QueryResult<()> {
    Run::<Drop>::with([at.organization.into(), id.into()]).execute(conn).map(|_| ())
}

fn retain(
    conn: &mut SqliteConnection,
    at: Scope,
    id: ResourceId,
    keys: &[Held<'_>],
) -> QueryResult<()> {
    let binds = [at.organization.into(), id.into(), rows(keys).into()];
    Run::<Retain>::with(binds).execute(conn).map(|_| ())
}

/// Adds or puts rows, or says which of them another resource has.
fn insert<S: Fixed>(
    conn: &mut SqliteConnection,
    at: Scope,
    keys: &[Held<'_>],
) -> Result<(), Undone> {
    if keys.is_empty() {
        return Ok(());
    }
    let rows = rows(keys);
    let [organization, connection] = scope(at);
    let inserted = Run::<S>::with([organization, connection, rows.as_str().into()]).execute(conn);
    let Err(error) = inserted else { return Ok(()) };
    if !matches!(error, DatabaseError(UniqueViolation, _)) {
        return Err(error.into());
    }
    let [organization, connection] = scope(at);
    let taken = Run::<Taken>::with([rows.into(), organization, connection])
        .get_result::<String>(conn)
        .optional()?;
    match taken.or_else(|| twice(keys)) {
        Some(attr) => Err(CommitError::Taken { attr }.into()),
        None => Err(error.into()),
    }
}

/// The attribute of a unique key that two resources of the same change want.
fn twice(keys: &[Held<'_>]) -> Option<String> {
    let mut seen = HashSet::new();
    let unique = keys.iter().filter(|held| held.key.unique);
    let mut again = unique.filter(|held| !seen.insert((held.kind, &held.key.attr, &held.key.text)));
    again.next().map(|held| held.key.attr.to_string())
}

fn held<'k>(write: &'k Write, keys: &'k [Key]) -> impl Iterator<Item = Held<'k>> {
    keys.iter().map(|key| Held { kind: &write.kind, id: write.id, key })
}

fn rows(keys: &[Held<'_>]) -> String {
    let row = |held: &Held<'_>| {
        let key = held.key;
        json!([held.kind, &*key.attr, key.text, json::hex(held.id), key.unique])
    };
    serde_json::Value::Array(keys.iter().map(row).collect()).to_string()
}
