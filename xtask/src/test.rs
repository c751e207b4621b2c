//! `cargo xtask test`: every test, with the server's binary and a throwaway PostgreSQL.

use std::env;

use anyhow::Result;

use crate::postgres::Postgres;
use crate::totals::{self, Outcome};
use crate::workspace::Workspace;

/// Runs the tests and prints the totals last.
pub(crate) fn run_and_report(workspace: &Workspace, args: &[String]) -> Result<()> {
    run(workspace, args, None)?.report()
}

/// Runs the tests; without a seed on cases of properties that nobody has seen.
pub(crate) fn run(workspace: &Workspace, args: &[String], seed: Option<u64>) -> Result<Outcome> {
    let rollcall = workspace.build_rollcall()?;
    let postgres = Postgres::obtain(workspace)?;
    let mut command = workspace.cargo(&["test", "--no-fail-fast"]);
    if !names_packages(args) {
        command.arg("--workspace");
    }
    command.args(args).env("TEST_DATABASE_URL", postgres.url()).env("ROLLCALL_BIN", rollcall);
    command.envs(postgres.for_own_servers(workspace));
    if env::var_os("PROPTEST_CASES").is_none() {
        command.env("PROPTEST_CASES", "16");
    }
    if let Some(seed) = seed {
        command.env("PROPTEST_RNG_SEED", seed.to_string());
    }
    totals::stream(&mut command)
}

/// Whether `args` choose packages of their own instead of the whole workspace.
fn names_packages(args: &[String]) -> bool {
    let own = args.iter().take_while(|arg| *arg != "--");
    own.into_iter().any(|arg| arg.starts_with("-p") || arg.starts_with("--package"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &str, expect: bool) {
        let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
        assert_eq!(names_packages(&args), expect);
    }

    #[test]
    fn packages_are_recognised() {
        check("-p rollcall-filter", true);
        check("--package=rollcall-filter a_test", true);
        check("--test contract", false);
        check("a_test -- -p", false);
        check("", false);
    }
}
