//! `cargo xtask conformance`: other people's SCIM test tools against our server.

mod findings;
mod server;
mod tools;

use anyhow::{Result, bail};

use crate::conformance::findings::{Findings, Opinion, Report};
use crate::conformance::server::Server;
use crate::conformance::tools::Tools;
use crate::postgres::Postgres;
use crate::workspace::Workspace;

/// Starts the server on each store and runs the tools against it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tools = Tools::install(workspace)?;
    let rollcall = workspace.build_rollcall()?;
    let scratch = workspace.target.join("conformance").join(format!("run-{}", std::process::id()));
    let sqlite = format!("sqlite:{}", scratch.join("rollcall.sqlite3").display());
    let server = Server::start(&rollcall, &sqlite, &scratch)?;
    let mut sound = judge(&tools, "SQLite", &server)?;
    server.stop()?;

    let postgres = Postgres::obtain(workspace)?;
    let server = Server::start(&rollcall, postgres.url(), &scratch)?;
    sound &= judge(&tools, "PostgreSQL", &server)?;
    server.stop()?;
    verdict(sound)
}

/// Runs the tools against a server that is already there.
pub(crate) fn run_against(workspace: &Workspace, url: &str, token: &str) -> Result<()> {
    let tools = Tools::install(workspace)?;
    verdict(told(url, &tools.run(url, token, None)?)?)
}

fn judge(tools: &Tools, name: &str, server: &Server) -> Result<bool> {
    told(name, &tools.run(&server.url(), server.token(), Some(&server.openapi()))?)
}

fn told(name: &str, findings: &Findings) -> Result<bool> {
    let report = Report::judge(findings, &Opinion::listed()?);
    println!("{}", report.describe(name));
    Ok(report.is_sound())
}

fn verdict(sound: bool) -> Result<()> {
    if !sound {
        bail!("the conformance tools found what is not in xtask/src/conformance/allowed.json");
    }
    Ok(())
}
