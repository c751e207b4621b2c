//! Takes everything that an organization has out of the tables, piece by piece.

use diesel::prelude::*;
use diesel::sql_types::Binary;
use rollcall_domain::{OrganizationId, ResourceId};

use crate::json;
use crate::statement::{Run, fixed};
use crate::tables::{outcome, resource_count};
use crate::values::Id;

/// How many entries of a log go at once.
const EVENTS: u64 = 10_000;

fixed! {
    /// Which resources go next.
    Next -> Binary = "select id from resource where organization = ? order by id limit ?";

    /// Removes the edges at either end.
    Outgoing -> () =
        "delete from edge where organization = ? \
         and owner in (select unhex(value) from json_each(?))";
    Incoming -> () =
        "delete from edge where organization = ? \
         and member in (select unhex(value) from json_each(?))";

    /// Removes the index rows. Told which index: SQLite would walk those of the organization.
    Keys -> () =
        "delete from resource_key indexed by resource_key_by_id where organization = ? \
         and id in (select unhex(value) from json_each(?))";

    /// Counts them out.
    Uncount -> () =
        "update resource_count set n = n - (select count(*) from json_each(?) j \
         cross join resource r on r.organization = resource_count.organization \
         and r.id = unhex(j.value) and +r.connection = resource_count.connection \
         and +r.kind = resource_count.kind) where organization = ?";

    /// Removes the records.
    Records -> () =
        "delete from resource where organization = ? \
         and id in (select unhex(value) from json_each(?))";

    /// Removes the first entries of the log.
    Events -> () =
        "delete from event where organization = ? and seq in (select seq from event \
         where organization = ? order by seq limit ?)";
}

/// Erases some resources with their edges and keys, and says how many.
pub(crate) fn resources(
    conn: &mut SqliteConnection,
    of: OrganizationId,
    limit: u32,
) -> QueryResult<u64> {
    let ids = Run::<Next>::with([of.into(), u64::from(limit).into()]).load::<Id>(conn)?;
    if ids.is_empty() {
        return Ok(0);
    }
    let erased = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    let ids = json::ids(ids.into_iter().map(ResourceId::from));
    let named = || [of.into(), ids.as_str().into()];
    Run::<Outgoing>::with(named()).execute(conn)?;
    Run::<Incoming>::with(named()).execute(conn)?;
    Run::<Keys>::with(named()).execute(conn)?;
    Run::<Uncount>::with([ids.as_str().into(), of.into()]).execute(conn)?;
    Run::<Records>::with(named()).execute(conn)?;
    Ok(erased)
}

/// Erases some of the log, and says how much.
pub(crate) fn events(conn: &mut SqliteConnection, of: OrganizationId) -> QueryResult<usize> {
    Run::<Events>::with([of.into(), of.into(), EVENTS.into()]).execute(conn)
}

/// Erases what else directories leave behind.
pub(crate) fn rest(conn: &mut SqliteConnection, of: OrganizationId) -> QueryResult<()> {
    let of = Id::from(of);
    diesel::delete(outcome::table).filter(outcome::organization.eq(of)).execute(conn)?;
    diesel::delete(resource_count::table)
        .filter(resource_count::organization.eq(of))
        .execute(conn)
        .map(|_| ())
}
