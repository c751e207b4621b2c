//! The project's own commands, run as `cargo xtask <command>`.

mod bench;
mod ci;
mod conformance;
mod fuzz;
mod leash;
mod postgres;
mod props;
mod python;
mod rules;
mod test;
mod tidy;
mod totals;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs every test, with a throwaway PostgreSQL beside them
    #[command(after_help = "Example: cargo xtask test -- --test contract")]
    Test {
        /// Passed on to `cargo test`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Runs the property tests with more cases
    #[command(after_help = "Example: cargo xtask props --cases 1024")]
    Props {
        /// Cases per property
        #[arg(long, default_value_t = 256)]
        cases: u32,
    },
    /// Runs scim2-tester and scim-sanity against the server on SQLite and on PostgreSQL
    #[command(
        after_help = "Example: cargo xtask conformance --url http://127.0.0.1:8080/scim/v2 --token TOKEN"
    )]
    Conformance {
        /// SCIM base URL of a running server to test instead
        #[arg(long, requires = "token")]
        url: Option<String>,
        /// Bearer token for that server
        #[arg(long, requires = "url")]
        token: Option<String>,
    },
    /// Measures the release build on SQLite and on PostgreSQL
    Bench,
    /// Fuzzes what reads clients' texts; needs nightly and cargo-fuzz
    #[command(after_help = "Example: cargo xtask fuzz --seconds 60 --target filter")]
    Fuzz(fuzz::Wanted),
    /// Checks the crate arrows, the invariants, migrations, links and rule ids
    Tidy,
    /// Lists the rule ids that tests name, with the files that name them
    Rules,
    /// Runs everything that must hold before a change lands
    Ci,
}

fn main() -> ExitCode {
    match perform(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<()> {
    let workspace = Workspace::find()?;
    match task {
        Task::Test { args } => test::run_and_report(&workspace, &args),
        Task::Props { cases } => props::run_and_report(&workspace, cases),
        Task::Conformance { url: Some(url), token: Some(token) } => {
            conformance::run_against(&workspace, &url, &token)
        }
        Task::Conformance { .. } => conformance::run(&workspace),
        Task::Bench => bench::run(&workspace),
        Task::Fuzz(wanted) => fuzz::run(&workspace, &wanted),
        Task::Tidy => tidy::run(&workspace),
        Task::Rules => rules::run(&workspace),
        Task::Ci => ci::run(&workspace),
    }
}
