//! One throwaway cluster on a Unix socket.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::account::Account;
use super::binaries::Binaries;
use super::wire;
use crate::leash::Leashed;
use crate::workspace;

/// The path of a Unix socket must fit into `sockaddr_un`: 104 bytes on the smallest systems.
const SOCKET_PATH_LIMIT: usize = 100;
const SOCKET: &str = ".s.PGSQL.5432";
const START_LIMIT: Duration = Duration::from_secs(120);

/// Speed over durability: nothing here outlives the run.
/// `mmap` keeps shared memory out of /dev/shm, which containers keep small.
/// A statement may take as long as a busy machine makes of what is done in a second elsewhere.
const SETTINGS: [&str; 8] = [
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "max_connections=300",
    "shared_buffers=64MB",
    "dynamic_shared_memory_type=mmap",
    "statement_timeout=120s",
];

/// A running cluster; dropped, it stops and its directory goes.
#[derive(Debug)]
pub(super) struct Cluster {
    dir: PathBuf,
    origin: String,
    server: Option<Leashed>,
}

impl Cluster {
    /// Makes a cluster below `target`, or in the temporary directory where that cannot be.
    pub(super) fn start(target: &Path, binaries: Binaries) -> Result<Self> {
        let account = Account::choose()?;
        let dir = place(target, account)?;
        let mut cluster = Self { dir, origin: String::new(), server: None };
        let bin = cluster.reachable(binaries, account)?;
        cluster.origin = bin.display().to_string();
        cluster.initialise(&bin, account)?;
        cluster.server = Some(cluster.serve(&bin, account)?);
        cluster.await_ready()?;
        Ok(cluster)
    }

    /// Where its programs come from.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The superuser's URL; the socket's directory stands where the host would.
    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", percent_encoded(&self.dir))
    }

    /// The programs, copied beside the data where the account cannot reach them.
    fn reachable(&self, binaries: Binaries, account: Account) -> Result<PathBuf> {
        if account.can_run(&binaries.bin.join("postgres")) {
            return Ok(binaries.bin);
        }
        let Some(root) = binaries.movable else {
            bail!("the account that runs the server cannot run its programs");
        };
        let copy = self.dir.join("server");
        workspace::quiet(Command::new("cp").arg("-R").arg(&root).arg(&copy))?;
        workspace::quiet(Command::new("chmod").args(["-R", "a+rX"]).arg(&copy))?;
        let bin = copy.join(binaries.bin.strip_prefix(&root).context("programs outside the copy")?);
        if !account.can_run(&bin.join("postgres")) {
            bail!("the account that runs the server cannot run its programs, even copied");
        }
        Ok(bin)
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    fn initialise(&self, bin: &Path, account: Account) -> Result<()> {
        let mut initdb = account.command(bin.join("initdb"));
        initdb.args(["-A", "trust", "--no-sync", "-U", "postgres", "-E", "UTF8", "--locale=C"]);
        initdb.arg("-D").arg(self.data());
        workspace::quiet(neutral(&mut initdb, &self.dir))
    }

    fn serve(&self, bin: &Path, account: Account) -> Result<Leashed> {
        let log = File::create(self.log()).context("creating the server's log")?;
        let mut postgres = account.command(bin.join("postgres"));
        postgres.arg("-D").arg(self.data()).arg("-k").arg(&self.dir);
        for setting in SETTINGS {
            postgres.args(["-c", setting]);
        }
        postgres.stdout(log.try_clone()?).stderr(log);
        // INT is PostgreSQL's fast shutdown: it drops its clients and leaves no shared memory.
        Leashed::start(neutral(&mut postgres, &self.dir), "INT", &self.dir)
    }

    fn await_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        let (socket, log) = (self.dir.join(SOCKET), self.log());
        while !wire::is_ready(&socket) {
            let ended = match &mut self.server {
                Some(server) => server.ended()?,
                None => None,
            };
            if let Some(status) = ended {
                bail!("postgres ended at start: {status}\n{}", workspace::tail(&log));
            }
            if started.elapsed() > START_LIMIT {
                bail!("postgres took no connection in {START_LIMIT:?}\n{}", workspace::tail(&log));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.server.take());
        if self.dir.exists()
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            eprintln!("removing {}: {error}", self.dir.display());
        }
    }
}

/// A fresh directory that the account can use and whose socket path is short enough.
fn place(target: &Path, account: Account) -> Result<PathBuf> {
    let name = format!("pg-{}", process::id());
    let mut reasons = Vec::new();
    for dir in [target.join(&name), env::temp_dir().join(format!("rollcall-{name}"))] {
        match prepare(&dir, account) {
            Ok(()) => return Ok(dir),
            Err(error) => reasons.push(format!("{}: {error:#}", dir.display())),
        }
    }
    bail!("no directory for the cluster: {}", reasons.join("; "))
}

fn prepare(dir: &Path, account: Account) -> Result<()> {
    if dir.join(SOCKET).as_os_str().len() > SOCKET_PATH_LIMIT {
        bail!("too long for the path of a Unix socket");
    }
    if dir.exists() {
        fs::remove_dir_all(dir).context("removing what a former run left")?;
    }
    DirBuilder::new().recursive(true).mode(0o755).create(dir).context("creating it")?;
    let usable = account.take(dir).and_then(|()| account.can_write(dir));
    if usable.is_err() {
        fs::remove_dir_all(dir).context("removing it")?;
    }
    usable
}

/// Runs in `dir`, and takes no setting from our own environment.
fn neutral<'a>(command: &'a mut Command, dir: &Path) -> &'a mut Command {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.current_dir(dir).env("LC_ALL", "C").env("TZ", "UTC")
}

fn percent_encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(*byte));
            }
            _ => encoded.extend(format!("%{byte:02X}").chars()),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_directory_becomes_a_host() {
        assert_eq!(percent_encoded(Path::new("/tmp/pg-1/a b")), "%2Ftmp%2Fpg-1%2Fa%20b");
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_before_it_is_made() {
        let long = env::temp_dir().join("x".repeat(SOCKET_PATH_LIMIT));
        assert!(prepare(&long, Account::Own).is_err());
        assert!(!long.exists());
    }
}
