//! Index rows of resources, changed by difference.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::result::DatabaseErrorKind::UniqueViolation;
use diesel::result::Error::DatabaseError;
use diesel::sql_types::Text;
use rollcall_domain::{Act, Change, CommitError, Key, ResourceId, Scope, Write};
use serde_json::json;

use crate::commit::scope;
use crate::error::Undone;
use crate::json;
use crate::statement::{Run, fixed};

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

/// Changes the index rows of every resource of a change.
pub(crate) fn apply(conn: &mut SqliteConnection, at: Scope, change: &Change) -> Result<(), Undone> {
    let mut removed = Vec::new();
    let mut added = Vec::new();
    for write in &change.writes {
        match &write.act {
            Act::Create { keys, .. } => added.extend(keys.iter().map(|key| (write, key))),
            Act::Replace { removed: old, added: new, .. } => {
                removed.extend(old.iter().map(|key| (write, key)));
                added.extend(new.iter().map(|key| (write, key)));
            }
            Act::Link { .. } | Act::Delete { .. } => {}
        }
    }
    if !removed.is_empty() {
        let [organization, connection] = scope(at);
        Run::<Remove>::with([organization, connection, rows(&removed).into()]).execute(conn)?;
    }
    if !added.is_empty() {
        add(conn, at, &added)?;
    }
    Ok(())
}

/// Removes the index rows of a resource.
pub(crate) fn drop(conn: &mut SqliteConnection, at: Scope, id: ResourceId) -> QueryResult<()> {
    Run::<Drop>::with([at.organization.into(), id.into()]).execute(conn).map(|_| ())
}

fn add(conn: &mut SqliteConnection, at: Scope, added: &[(&Write, &Key)]) -> Result<(), Undone> {
    let rows = rows(added);
    let [organization, connection] = scope(at);
    let inserted = Run::<Add>::with([organization, connection, rows.as_str().into()]).execute(conn);
    let Err(error) = inserted else { return Ok(()) };
    if !matches!(error, DatabaseError(UniqueViolation, _)) {
        return Err(error.into());
    }
    let [organization, connection] = scope(at);
    let taken = Run::<Taken>::with([rows.into(), organization, connection])
        .get_result::<String>(conn)
        .optional()?;
    match taken.or_else(|| twice(added)) {
        Some(attr) => Err(CommitError::Taken { attr }.into()),
        None => Err(error.into()),
    }
}

/// The attribute of a unique key that two resources of the same change want.
fn twice(added: &[(&Write, &Key)]) -> Option<String> {
    let mut seen = HashSet::new();
    let unique = added.iter().filter(|(_, key)| key.unique);
    let mut again = unique.filter(|(write, key)| !seen.insert((&write.kind, &key.attr, &key.text)));
    again.next().map(|(_, key)| key.attr.to_string())
}

fn rows(keys: &[(&Write, &Key)]) -> String {
    let row = |(write, key): &(&Write, &Key)| {
        json!([&*write.kind, &*key.attr, key.text, json::hex(write.id), key.unique])
    };
    serde_json::Value::Array(keys.iter().map(row).collect()).to_string()
}
