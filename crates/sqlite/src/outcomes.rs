//! What became of requests that were answered before they were done.

use diesel::prelude::*;
use diesel::upsert::excluded;
use rollcall_domain::{KEPT_FOR_MILLIS, Outcome, Scope, TransactionId};

use crate::statement::{Run, fixed};
use crate::tables::outcome;
use crate::values::{Id, Moment};

fixed! {
    /// Drops what nobody may ask for any more, of every organization.
    Expire -> () = "delete from outcome where touched < unixepoch() * 1000 - ?";
}

type OutcomeRow = (Id, Moment, Moment, bool, String);

/// Keeps an outcome in place of an earlier one.
pub(crate) fn keep(conn: &mut SqliteConnection, at: Scope, kept: &Outcome) -> QueryResult<()> {
    diesel::insert_into(outcome::table)
        .values((
            outcome::organization.eq(Id::from(at.organization)),
            outcome::connection.eq(Id::from(at.connection)),
            outcome::id.eq(Id::from(kept.id)),
            outcome::created.eq(Moment(kept.created)),
            outcome::touched.eq(Moment(kept.touched)),
            outcome::done.eq(kept.done),
            outcome::body.eq(&kept.body),
        ))
        .on_conflict((outcome::organization, outcome::connection, outcome::id))
        .do_update()
        .set((
            outcome::created.eq(excluded(outcome::created)),
            outcome::touched.eq(excluded(outcome::touched)),
            outcome::done.eq(excluded(outcome::done)),
            outcome::body.eq(excluded(outcome::body)),
        ))
        .execute(conn)
        .map(|_| ())
}

/// The outcome of this id in one connection.
pub(crate) fn find(
    conn: &mut SqliteConnection,
    at: Scope,
    id: TransactionId,
) -> QueryResult<Option<Outcome>> {
    let row = outcome::table
        .filter(outcome::organization.eq(Id::from(at.organization)))
        .filter(outcome::connection.eq(Id::from(at.connection)))
        .filter(outcome::id.eq(Id::from(id)))
        .select((outcome::id, outcome::created, outcome::touched, outcome::done, outcome::body))
        .first::<OutcomeRow>(conn)
        .optional()?;
    Ok(row.map(|(id, Moment(created), Moment(touched), done, body)| Outcome {
        id: id.into(),
        created,
        touched,
        done,
        body,
    }))
}

/// Drops what was not touched for too long.
pub(crate) fn expire(conn: &mut SqliteConnection) -> QueryResult<()> {
    Run::<Expire>::with([KEPT_FOR_MILLIS.into()]).execute(conn).map(|_| ())
}
