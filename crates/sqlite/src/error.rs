//! What can go wrong in a database file.

use std::path::PathBuf;

use rollcall_domain::{CommitError, Unavailable};

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// SQLite takes paths as text.
    #[error("the path `{}` is not UTF-8", .0.display())]
    Path(PathBuf),
    /// The file or its directory could not be made, or the writer not be started.
    #[error("cannot make `{}`", .path.display())]
    Io {
        /// The database file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file could not be opened as a database.
    #[error("cannot open `{}`", .path.display())]
    Connect {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        source: diesel::ConnectionError,
    },
}

/// Why a unit of work left nothing behind.
#[derive(Debug)]
pub(crate) enum Undone {
    /// Its expectations don't hold.
    Refused(CommitError),
    /// The database failed.
    Failed(diesel::result::Error),
}

impl From<diesel::result::Error> for Undone {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<CommitError> for Undone {
    fn from(error: CommitError) -> Self {
        Self::Refused(error)
    }
}

/// What is left of a [`CommitError`] where nothing is expected of records.
pub(crate) fn unavailable(error: CommitError) -> Unavailable {
    match error {
        CommitError::Unavailable(error) => error,
        other => Unavailable::new(other),
    }
}
