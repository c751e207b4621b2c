//! Connections and organizations end, with what hangs on them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Uuid as SqlUuid};
use rollcall_domain::{AmendError, ConnectionId, OrganizationId};
use uuid::Uuid;

use crate::registry::acts::{Stopped, stands};
use crate::statement::statement;
use crate::tables::{admin_key, connection, job, organization, token};
use crate::unit::Line;

statement! {
    /// Leaves the mark of a connection: its name is free.
    Mark [] [] [] -> (SqlUuid,) {
        id: Uuid = SqlUuid,
        expect: i64 = BigInt,
        at: Option<i64> = Nullable<BigInt>,
    }
    "update connection set
    removed = coalesce($3, (extract(epoch from now()) * 1000)::bigint),
    name = null, revision = revision + 1
where id = $1 and revision = $2 and removed is null
returning id"
}

/// Marks a connection as removed, and drops its credentials: whoever adds one meanwhile holds the
/// connection's row, so that those that are there afterwards are all.
pub(super) async fn connection(
    line: &Line<'_>,
    id: ConnectionId,
    expect: i64,
    at: Option<i64>,
) -> Result<(), Stopped> {
    let mark = Mark { id: id.uuid(), expect, at };
    stands(&line.rows::<_, (Uuid,)>(&mark).await?)?;
    let tokens = diesel::delete(token::table.filter(token::connection.eq(id.uuid())));
    line.rows::<_, (Uuid,)>(&tokens.returning((token::id,))).await?;
    Ok(())
}

/// Drops an organization with the marks of its connections, unless one is more than a mark. Its
/// row is locked first: nobody adds anything to it meanwhile.
pub(super) async fn organization(
    line: &Line<'_>,
    id: OrganizationId,
    expect: i64,
) -> Result<(), Stopped> {
    let id = id.uuid();
    let lock = organization::table
        .filter(organization::id.eq(id).and(organization::revision.eq(expect)))
        .select((organization::id,))
        .for_update();
    stands(&line.rows::<_, (Uuid,)>(&lock).await?)?;
    let left = connection::table
        .filter(connection::organization.eq(id).and(connection::removed.is_null()))
        .select((connection::id,))
        .limit(1);
    if !line.rows::<_, (Uuid,)>(&left).await?.is_empty() {
        return Err(AmendError::Stale.into());
    }
    let tokens = diesel::delete(token::table.filter(token::organization.eq(id)));
    line.rows::<_, (Uuid,)>(&tokens.returning((token::id,))).await?;
    let marks = diesel::delete(connection::table.filter(connection::organization.eq(id)));
    line.rows::<_, (Uuid,)>(&marks.returning((connection::id,))).await?;
    let keys = diesel::delete(admin_key::table.filter(admin_key::organization.eq(id)));
    line.rows::<_, (Uuid,)>(&keys.returning((admin_key::id,))).await?;
    let jobs = diesel::delete(job::table.filter(job::organization.eq(id)));
    line.rows::<_, (Uuid,)>(&jobs.returning((job::id,))).await?;
    let own = diesel::delete(organization::table.filter(organization::id.eq(id)));
    line.rows::<_, (Uuid,)>(&own.returning((organization::id,))).await?;
    Ok(())
}
