//! `cargo xtask bench`: how fast the release build is, on both stores.

use anyhow::Result;

use crate::postgres::Postgres;
use crate::workspace::{self, Workspace};

/// Measures the release build and prints what it measured.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    workspace::run(&mut workspace.cargo(&["build", "--release", "--bin", "rollcall"]))?;
    let rollcall = workspace.target.join("release").join("rollcall");
    let postgres = Postgres::obtain(workspace)?;
    let args = ["run", "--release", "-p", "rollcall-tests", "--example", "bulk_ratio"];
    let mut measure = workspace.cargo(&args);
    measure.env("TEST_DATABASE_URL", postgres.url()).env("ROLLCALL_BIN", rollcall);
    workspace::run(&mut measure)
}
