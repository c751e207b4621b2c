//! Keys that the present definitions make, for records that stay as they are.

use diesel::prelude::*;
use rollcall_domain::{CommitError, Reindex, Reindexed, Scope};

use crate::error::Undone;
use crate::keys;
use crate::tables::resource;
use crate::values::{Count, Id};

/// Gives each record its keys, or leaves it as it was.
pub(crate) fn apply(
    conn: &mut SqliteConnection,
    at: Scope,
    entries: &[Reindex],
) -> Result<Vec<Reindexed>, Undone> {
    let one = |entry| match conn.transaction(|conn| reindex(conn, at, entry)) {
        Ok(()) => Ok(Reindexed::Done),
        Err(Undone::Refused(CommitError::Taken { attr })) => Ok(Reindexed::Taken { attr }),
        Err(Undone::Refused(CommitError::Stale)) => Ok(Reindexed::Moved),
        Err(undone) => Err(undone),
    };
    entries.iter().map(one).collect()
}

fn reindex(conn: &mut SqliteConnection, at: Scope, entry: &Reindex) -> Result<(), Undone> {
    let found = diesel::update(resource::table)
        .filter(resource::organization.eq(Id::from(at.organization)))
        .filter(resource::id.eq(Id::from(entry.id)))
        .filter(resource::connection.eq(Id::from(at.connection)))
        .filter(resource::kind.eq(&entry.kind))
        .filter(resource::version.eq(Count(entry.expect)))
        .set(resource::indexed.eq(Count(entry.revision)))
        .execute(conn)?;
    if found == 0 {
        return Err(CommitError::Stale.into());
    }
    keys::replace(conn, at, (&entry.kind, entry.id), &entry.keys)
}
