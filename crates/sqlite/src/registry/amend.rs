//! One amendment in one savepoint.

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use diesel::result::DatabaseErrorKind::{ForeignKeyViolation, UniqueViolation};
use diesel::result::Error::DatabaseError;
use rollcall_domain::{Amend, AmendError, Amendment, ConnectionId, Entry, EntryId, OrganizationId};
use rollcall_schema::Instant;

use super::kept;
use super::rows::{
    AdminKeyRow, ConnectionRow, JobRow, OrganizationRow, SeenConnection, SigningKeyRow, TokenRow,
    UsedAdminKey, UsedToken,
};
use crate::log;
use crate::statement::{Run, fixed};
use crate::tables::{admin_key, connection, job, organization, signing_key, token};
use crate::values::{Count, Id, Moment};

fixed! {
    /// Leaves a mark of a connection.
    Mark -> () =
        "update connection set removed = unixepoch() * 1000, name = null \
         where id = ? and revision = ? and removed is null";
}

/// Why an amendment left nothing behind.
#[derive(Debug)]
pub(super) enum Unmade {
    /// Something is in the way.
    Refused(AmendError),
    /// The database failed.
    Failed(diesel::result::Error),
}

impl From<diesel::result::Error> for Unmade {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error)
    }
}

/// Makes an amendment, or says why not. Whoever calls rolls back then.
pub(super) fn apply(conn: &mut SqliteConnection, amendment: &Amendment) -> Result<(), Unmade> {
    // First of all: what a request is repeated for may be done already.
    if let Some(kept) = &amendment.kept
        && let Some(known) = kept::keep(conn, kept)?
    {
        return Err(Unmade::Refused(AmendError::Repeated(Box::new(known))));
    }
    for act in &amendment.acts {
        match act {
            Amend::Add(entry) => add(conn, entry)?,
            Amend::Replace { entry, expect } => replace(conn, entry, *expect)?,
            Amend::Remove { id, expect } => remove(conn, *id, *expect)?,
            Amend::Room { connection, most, at } => room(conn, *connection, *most, *at)?,
        }
    }
    for event in &amendment.events {
        log::administered(conn, event)?;
    }
    Ok(())
}

fn add(conn: &mut SqliteConnection, entry: &Entry) -> Result<(), Unmade> {
    let added = match entry {
        Entry::Organization(one) => diesel::insert_into(organization::table)
            .values(&OrganizationRow::from(one))
            .execute(conn),
        Entry::Connection(one) => diesel::insert_into(connection::table)
            .values(&SeenConnection::from(&**one))
            .execute(conn),
        Entry::Token(one) => {
            is_there(conn, one.connection)?;
            diesel::insert_into(token::table).values(&UsedToken::from(&**one)).execute(conn)
        }
        Entry::AdminKey(one) => {
            if let Some(of) = one.organization {
                let there = organization::table.filter(organization::id.eq(Id::from(of)));
                found(usize::from(select(exists(there)).get_result::<bool>(conn)?))?;
            }
            diesel::insert_into(admin_key::table).values(&UsedAdminKey::from(&**one)).execute(conn)
        }
        Entry::SigningKey(one) => {
            diesel::insert_into(signing_key::table).values(&SigningKeyRow::from(one)).execute(conn)
        }
        Entry::Job(one) => {
            diesel::insert_into(job::table).values(&JobRow::from(&**one)).execute(conn)
        }
    };
    added.map(|_| ()).map_err(|error| told(entry, error))
}

/// Replaces a row that is at a revision.
macro_rules! replace {
    ($conn:expr, $table:ident, $one:expr, $expect:expr, $row:expr) => {
        diesel::update($table::table)
            .filter($table::id.eq(Id::from($one.id)))
            .filter($table::revision.eq(Count($expect)))
            .set(&$row)
            .execute($conn)
    };
}

fn replace(conn: &mut SqliteConnection, entry: &Entry, expect: u64) -> Result<(), Unmade> {
    let replaced = match entry {
        Entry::Organization(one) => {
            replace!(conn, organization, one, expect, OrganizationRow::from(one))
        }
        Entry::Connection(one) => diesel::update(connection::table)
            .filter(connection::id.eq(Id::from(one.id)))
            .filter(connection::revision.eq(Count(expect)))
            .filter(connection::removed.is_null())
            .set(&ConnectionRow::from(&**one))
            .execute(conn),
        Entry::Token(one) => replace!(conn, token, one, expect, TokenRow::from(&**one)),
        Entry::AdminKey(one) => replace!(conn, admin_key, one, expect, AdminKeyRow::from(&**one)),
        Entry::SigningKey(one) => {
            replace!(conn, signing_key, one, expect, SigningKeyRow::from(one))
        }
        Entry::Job(one) => replace!(conn, job, one, expect, JobRow::from(&**one)),
    };
    found(replaced.map_err(|error| told(entry, error))?)
}

/// Deletes a row that is at a revision.
macro_rules! delete {
    ($conn:expr, $table:ident, $id:expr, $expect:expr) => {
        diesel::delete($table::table)
            .filter($table::id.eq(Id::from($id)))
            .filter($table::revision.eq(Count($expect)))
            .execute($conn)?
    };
}

fn remove(conn: &mut SqliteConnection, id: EntryId, expect: u64) -> Result<(), Unmade> {
    found(match id {
        EntryId::Organization(id) => {
            clear(conn, id)?;
            delete!(conn, organization, id, expect)
        }
        EntryId::Connection(id) => {
            diesel::delete(token::table)
                .filter(token::connection.eq(Id::from(id)))
                .execute(conn)?;
            Run::<Mark>::with([id.into(), expect.into()]).execute(conn)?
        }
        EntryId::Token(id) => delete!(conn, token, id, expect),
        EntryId::AdminKey(id) => delete!(conn, admin_key, id, expect),
        EntryId::SigningKey(id) => delete!(conn, signing_key, id, expect),
        EntryId::Job(id) => delete!(conn, job, id, expect),
    })
}

/// Deletes what hangs on an organization whose connections are marks by now.
fn clear(conn: &mut SqliteConnection, id: OrganizationId) -> Result<(), Unmade> {
    let whose = Id::from(id);
    let left = connection::table
        .filter(connection::organization.eq(whose))
        .filter(connection::removed.is_null());
    if select(exists(left)).get_result(conn)? {
        return Err(Unmade::Refused(AmendError::Stale));
    }
    diesel::delete(token::table).filter(token::organization.eq(whose)).execute(conn)?;
    diesel::delete(connection::table).filter(connection::organization.eq(whose)).execute(conn)?;
    diesel::delete(admin_key::table).filter(admin_key::organization.eq(whose)).execute(conn)?;
    diesel::delete(job::table).filter(job::organization.eq(whose)).execute(conn)?;
    Ok(())
}

/// Whether fewer than so many tokens of a connection live.
fn room(
    conn: &mut SqliteConnection,
    id: ConnectionId,
    most: u32,
    at: Instant,
) -> Result<(), Unmade> {
    is_there(conn, id)?;
    let ends = token::expires.is_null().or(token::expires.gt(Moment(at)));
    let live: i64 = token::table
        .filter(token::connection.eq(Id::from(id)).and(token::revoked.is_null()).and(ends))
        .count()
        .get_result(conn)?;
    match live < i64::from(most) {
        true => Ok(()),
        false => Err(Unmade::Refused(AmendError::Full)),
    }
}

/// A token needs a connection that is more than a mark.
fn is_there(conn: &mut SqliteConnection, id: ConnectionId) -> Result<(), Unmade> {
    let one = connection::table
        .filter(connection::id.eq(Id::from(id)))
        .filter(connection::removed.is_null());
    found(usize::from(select(exists(one)).get_result::<bool>(conn)?))
}

fn found(rows: usize) -> Result<(), Unmade> {
    match rows {
        0 => Err(Unmade::Refused(AmendError::Stale)),
        _ => Ok(()),
    }
}

/// What a failure to write an entry comes from.
fn told(entry: &Entry, error: diesel::result::Error) -> Unmade {
    let kind = match entry {
        Entry::Organization(_) => "organization",
        Entry::Connection(_) => "connection",
        Entry::Token(_) => "token",
        Entry::AdminKey(_) => "admin key",
        Entry::SigningKey(_) => "signing key",
        Entry::Job(_) => "job",
    };
    match &error {
        // Ids are never given twice: that is a failure, not a name in use.
        DatabaseError(UniqueViolation, told) if !told.message().ends_with(".id") => {
            Unmade::Refused(AmendError::Taken(kind))
        }
        // What it belongs to is gone.
        DatabaseError(ForeignKeyViolation, _) => Unmade::Refused(AmendError::Stale),
        _ => Unmade::Failed(error),
    }
}
