//! An SQLite file of its own for each test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_sqlite::Sqlite;
use rollcall_testkit::Subject;
use tempfile::TempDir;

use crate::log::SqliteLog;

/// A file that goes when this does.
#[derive(Debug)]
pub struct Database {
    directory: TempDir,
}

/// An open file.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Arc<Sqlite>,
    /// The same, as the contract takes it.
    pub subject: Subject,
}

impl Database {
    /// A place for a file, which is not there yet.
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory for the database") }
    }

    /// Where the file is.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("data").join("rollcall.db")
    }

    /// Opens the file with its tables up to date, as one process does. Each call is a process of
    /// its own to SQLite: it shares nothing with the others but the file.
    pub async fn open(&self) -> Opened {
        let opened = open(&self.path());
        opened.store.migrate().await.expect("the tables are made");
        opened
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

fn open(path: &Path) -> Opened {
    let store = Arc::new(Sqlite::open(path).expect("the file opens"));
    let subject = Subject::new(Arc::clone(&store), Arc::new(SqliteLog::at(path)));
    Opened { store, subject }
}
