//! What was seen of connections and credentials: it moves no revision, and no time goes back.

use diesel::prelude::*;
use rollcall_domain::Note;

use crate::tables::{admin_key, connection, token};
use crate::values::{Id, Moment};

/// Sets a time of a row, unless a later one is there.
macro_rules! forward {
    ($conn:expr, $table:ident, $id:expr, $time:ident, $at:expr) => {
        diesel::update($table::table)
            .filter($table::id.eq(Id::from($id)))
            .filter($table::$time.is_null().or($table::$time.lt(Moment($at))))
            .set($table::$time.eq(Moment($at)))
            .execute($conn)
    };
}

/// Notes something; what it is about may be gone.
pub(super) fn note(conn: &mut SqliteConnection, note: &Note) -> QueryResult<()> {
    let noted = match note {
        Note::Dialect(id, dialect) => diesel::update(connection::table)
            .filter(connection::id.eq(Id::from(*id)))
            .set(connection::dialect.eq(dialect))
            .execute(conn),
        Note::Seen(id, at) => forward!(conn, connection, *id, seen, *at),
        Note::Tested(id, at) => forward!(conn, connection, *id, tested, *at),
        Note::Refused(id, token, at) => diesel::update(connection::table)
            .filter(connection::id.eq(Id::from(*id)))
            .filter(connection::refused_at.is_null().or(connection::refused_at.lt(Moment(*at))))
            .set((
                connection::refused_at.eq(Moment(*at)),
                connection::refused_token.eq(Id::from(*token)),
            ))
            .execute(conn),
        Note::Used(id, at) => forward!(conn, token, *id, used, *at),
        Note::KeyUsed(id, at) => forward!(conn, admin_key, *id, used, *at),
    };
    noted.map(|_| ())
}
