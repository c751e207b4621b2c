//! Answers that are kept for whoever repeats a request.

use diesel::prelude::*;
use rollcall_domain::Kept;

use crate::statement::{Run, fixed};
use crate::tables::kept;
use crate::values::{Digest, Moment};

fixed! {
    /// Drops what is too old to be asked for.
    Expire -> () = "delete from kept where at < unixepoch() * 1000 - ?";
}

type KeptRow = (Digest, Moment, String);

/// Keeps an answer, in place of one that is too old; gives back one that is not.
pub(super) fn keep(conn: &mut SqliteConnection, new: &Kept) -> QueryResult<Option<Kept>> {
    if let Some(known) = find(conn, &new.actor, &new.key)?
        && new.at.millis() - known.at.millis() < Kept::FOR_MILLIS
    {
        return Ok(Some(known));
    }
    diesel::replace_into(kept::table)
        .values((
            kept::actor.eq(&new.actor),
            kept::key.eq(&new.key),
            kept::fingerprint.eq(Digest(new.fingerprint)),
            kept::at.eq(Moment(new.at)),
            kept::answer.eq(&new.answer),
        ))
        .execute(conn)?;
    Ok(None)
}

/// The answer to a request of this name.
pub(super) fn find(
    conn: &mut SqliteConnection,
    actor: &str,
    key: &str,
) -> QueryResult<Option<Kept>> {
    let row = kept::table
        .filter(kept::actor.eq(actor))
        .filter(kept::key.eq(key))
        .select((kept::fingerprint, kept::at, kept::answer))
        .first::<KeptRow>(conn)
        .optional()?;
    Ok(row.map(|(Digest(fingerprint), Moment(at), answer)| Kept {
        actor: actor.into(),
        key: key.into(),
        fingerprint,
        at,
        answer,
    }))
}

/// Drops what is too old.
pub(crate) fn expire(conn: &mut SqliteConnection) -> QueryResult<()> {
    Run::<Expire>::with([Kept::FOR_MILLIS.into()]).execute(conn).map(|_| ())
}
