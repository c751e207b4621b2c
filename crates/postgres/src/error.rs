//! What goes wrong before and below the ports.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use rollcall_domain::Unavailable;

/// Why there is no store behind a URL. Never shows the password of the URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none that PostgreSQL knows.
    #[error(
        "no PostgreSQL URL: {reason}; write it as postgres://user:password@host:5432/database, \
         with `%2F` for `/` where the host is the directory of a Unix socket"
    )]
    BadUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// What the URL says about TLS can't be done.
    #[error("no TLS to PostgreSQL as the URL asks for it: {reason}")]
    BadTls {
        /// What is wrong with it.
        reason: String,
    },
    /// The server and we come to no TLS.
    #[error("could not connect to PostgreSQL at {target} over TLS: {reason}")]
    Tls {
        /// Role, host and database.
        target: String,
        /// What is in the way, and what would mend it.
        reason: String,
    },
    /// The server doesn't let us in, or isn't there.
    #[error(
        "could not connect to PostgreSQL at {target}: {reason}; check that the server runs there \
         and that role, password and database are right"
    )]
    Refused {
        /// Role, host and database.
        target: String,
        /// What the server or the network said.
        reason: String,
    },
    /// The server let us in and then failed.
    #[error("PostgreSQL at {target} didn't answer as expected: {reason}")]
    Unexpected {
        /// Role, host and database.
        target: String,
        /// What it said.
        reason: String,
    },
}

/// Why migrations didn't run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The runtime has one thread, which the migrations would block for good.
    #[error("migrations need tokio's multi-thread runtime")]
    OneThread,
    /// A migration or a grant failed.
    #[error("a migration failed: {0}; run it as the role that owns the database's tables")]
    Failed(String),
}

/// Why a unit of statements has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A connection could not be opened; nothing was sent.
    #[error("no connection to the database: {0}")]
    NoConnection(String),
    /// Every connection was busy for too long; nothing was sent.
    #[error("no connection to the database came free in time")]
    Busy,
    /// A statement failed, or its answer never came.
    #[error(transparent)]
    Database(#[from] DieselError),
}

/// What can be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// A unique index refused.
    Unique,
    /// A foreign key refused.
    ForeignKey,
    /// An IdP wrote to a connection that is closed: its event has none to stand under.
    Closed,
    /// It was rolled back for the sake of others, or never sent: repeat it.
    Repeat,
    /// It may or may not have happened: ask, then repeat it.
    Ask,
    /// None.
    GiveUp,
}

impl Failure {
    /// Whether a read has another chance.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self.remedy(), Remedy::Ask | Remedy::Repeat)
    }

    /// Whether the database refused what it was sent, rather than being out of reach.
    pub(crate) const fn is_refusal(&self) -> bool {
        use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
        match self {
            Self::Database(DieselError::DatabaseError(kind, _)) => {
                !matches!(kind, ClosedConnection | UnableToSendCommand)
            }
            Self::Database(_) => true,
            Self::NoConnection(_) | Self::Busy => false,
        }
    }

    /// What can be done about it.
    ///
    /// The driver names neither deadlocks (40P01) nor servers that shut down (57P01), so whatever
    /// it doesn't name is worth another attempt: a unit has no side effects but its own.
    pub(crate) const fn remedy(&self) -> Remedy {
        let kind = match self {
            Self::NoConnection(_) => return Remedy::Repeat,
            Self::Database(DieselError::DatabaseError(kind, _)) => kind,
            Self::Busy | Self::Database(_) => return Remedy::GiveUp,
        };
        match kind {
            DatabaseErrorKind::UniqueViolation => Remedy::Unique,
            DatabaseErrorKind::ForeignKeyViolation => Remedy::ForeignKey,
            // Of all that is written, that is the one value that may be missing.
            DatabaseErrorKind::NotNullViolation => Remedy::Closed,
            DatabaseErrorKind::SerializationFailure => Remedy::Repeat,
            DatabaseErrorKind::Unknown
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ClosedConnection => Remedy::Ask,
            _ => Remedy::GiveUp,
        }
    }
}

impl From<Failure> for Unavailable {
    fn from(failure: Failure) -> Self {
        Self::new(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: DatabaseErrorKind, expect: Remedy) {
        let error = DieselError::DatabaseError(kind, Box::new(String::new()));
        assert_eq!(Failure::from(error).remedy(), expect);
    }

    #[test]
    fn failures_have_remedies() {
        check(DatabaseErrorKind::UniqueViolation, Remedy::Unique);
        check(DatabaseErrorKind::NotNullViolation, Remedy::Closed);
        check(DatabaseErrorKind::SerializationFailure, Remedy::Repeat);
        check(DatabaseErrorKind::Unknown, Remedy::Ask);
        check(DatabaseErrorKind::UnableToSendCommand, Remedy::Ask);
        check(DatabaseErrorKind::CheckViolation, Remedy::GiveUp);
        assert_eq!(Failure::NoConnection(String::new()).remedy(), Remedy::Repeat);
        assert_eq!(Failure::Busy.remedy(), Remedy::GiveUp);
    }
}
