//! `cargo xtask props`: the property tests, with as many cases as asked for.

use anyhow::Result;

use crate::postgres::Postgres;
use crate::totals::{self, Outcome};
use crate::workspace::Workspace;

/// Runs the properties and prints the totals last.
pub(crate) fn run_and_report(workspace: &Workspace, cases: u32) -> Result<()> {
    run(workspace, cases, None)?.report()
}

/// Runs every test target named `props`; without a seed on cases that nobody has seen.
pub(crate) fn run(workspace: &Workspace, cases: u32, seed: Option<u64>) -> Result<Outcome> {
    let postgres = Postgres::obtain(workspace)?;
    let mut command =
        workspace.cargo(&["test", "--no-fail-fast", "--workspace", "--test", "props"]);
    command.env("TEST_DATABASE_URL", postgres.url()).env("PROPTEST_CASES", cases.to_string());
    if let Some(seed) = seed {
        command.env("PROPTEST_RNG_SEED", seed.to_string());
    }
    totals::stream(&mut command)
}
