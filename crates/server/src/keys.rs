//! Where the keys that seal cursors come from.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rollcall_domain::{Clock as _, Keyring, SystemClock};

use crate::config::{Config, DatabaseUrl};

/// The keys of this server: from the environment, or else from the key file.
///
/// A server on SQLite stands alone and makes a key file where there is none. On PostgreSQL every
/// replica needs the same keys, so that none is ever made up.
pub(crate) fn of(config: &Config) -> anyhow::Result<Keyring> {
    if let Some(keys) = &config.key {
        return Ok(keys.clone());
    }
    let (path, alone) = match (&config.key_file, config.database()?) {
        (Some(path), database) => (path.clone(), matches!(database, DatabaseUrl::Sqlite(_))),
        (None, DatabaseUrl::Sqlite(database)) => (beside(database), true),
        (None, DatabaseUrl::Postgres(_)) => bail!("no key: give --key-file or set ROLLCALL_KEY"),
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && alone => make(&path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "no key file `{}`: make one with `rollcall key create`, and give every server on this \
             database the same",
            path.display()
        ),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("reading the key file `{}`", path.display()));
        }
    };
    Keyring::parse(&text).with_context(|| format!("in the key file `{}`", path.display()))
}

/// A new keyring of one key, as text.
pub(crate) fn fresh() -> anyhow::Result<String> {
    Keyring::generate(SystemClock.now()).context("the machine gives no random bytes")
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

/// Makes a key file that its owner alone may read.
fn make(path: &Path) -> anyhow::Result<String> {
    let text = fresh()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(format!("{text}\n").as_bytes())?;
        file.sync_all()
    });
    match written {
        Ok(()) => Ok(text),
        // Somebody was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::read_to_string(path).with_context(|| format!("reading `{}`", path.display()))
        }
        Err(error) => {
            Err(error).with_context(|| format!("making the key file `{}`", path.display()))
        }
    }
}
