//! Our server, started for the tools on a free loopback port.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::leash::Leashed;
use crate::workspace;

const TOKEN: &str = "conformance-0123456789abcdefghijklmnopqrstuvwxyz";
const KEY: &str = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const START_LIMIT: Duration = Duration::from_secs(120);

/// A running `rollcall serve`.
#[derive(Debug)]
pub(super) struct Server {
    process: Leashed,
    address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Starts the server on `database` and waits until it says that it is ready. Somebody may take
    /// the port before it does: then it is started on another one.
    pub(super) fn start(rollcall: &Path, database: &str, scratch: &Path) -> Result<Self> {
        workspace::patiently(&[Duration::ZERO; 3], || Self::start_once(rollcall, database, scratch))
    }

    fn start_once(rollcall: &Path, database: &str, scratch: &Path) -> Result<Self> {
        let address = free_address()?;
        // It goes with each server.
        fs::create_dir_all(scratch).with_context(|| format!("creating {}", scratch.display()))?;
        let log = scratch.join("server.log");
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut command = unswayed(rollcall);
        command
            .args(["serve", "--database-url", database, "--listen", &address.to_string()])
            .args(["--public-url", &format!("http://{address}")])
            .env("ROLLCALL_SCIM_TOKEN", TOKEN)
            .env("ROLLCALL_KEY", KEY)
            .current_dir(scratch)
            .stdout(output.try_clone()?)
            .stderr(output);
        let process = Leashed::start(&mut command, "TERM", scratch)?;
        let mut server = Self { process, address, log };
        server.await_ready()?;
        say_nothing_of_events(rollcall, database)?;
        Ok(server)
    }

    /// The SCIM base URL that the token alone selects.
    pub(super) fn url(&self) -> String {
        format!("http://{}/scim/v2", self.address)
    }

    /// The OpenAPI document of the admin API.
    pub(super) fn openapi(&self) -> String {
        format!("http://{}/api/v1/openapi.json", self.address)
    }

    pub(super) fn token(&self) -> &'static str {
        TOKEN
    }

    /// Stops it by SIGTERM, which it must take as a normal end.
    pub(super) fn stop(self) -> Result<()> {
        let status = self.process.stop()?;
        if !status.success() {
            bail!("the server ended badly on SIGTERM: {status}");
        }
        Ok(())
    }

    fn await_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while !is_ready(self.address).unwrap_or(false) {
            if let Some(status) = self.process.ended()? {
                bail!("the server ended at start: {status}\n{}", workspace::tail(&self.log));
            }
            if started.elapsed() > START_LIMIT {
                bail!("/readyz never answered 200\n{}", workspace::tail(&self.log));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// scim2-tester refuses a ServiceProviderConfig with `securityEvents` (RFC 9967 §4), which is
/// younger than it, and checks nothing more then. Everything else is as every connection has it.
fn say_nothing_of_events(rollcall: &Path, database: &str) -> Result<()> {
    let of = ["--database-url", database, "--output", "json"];
    let list = workspace::output(unswayed(rollcall).args(["connection", "list"]).args(of))?;
    let list: Value = serde_json::from_str(&list).context("reading the list of connections")?;
    let connection = list.pointer("/0/connectionId").and_then(Value::as_str);
    let connection = connection.context("the server made no connection")?;
    let mut configure = unswayed(rollcall);
    configure.args(["connection", "configure", "--connection", connection]).args(of);
    workspace::quiet(configure.args(["--capability", "asynchronous=off"]))
}

/// The program, without what the environment might tell it.
fn unswayed(rollcall: &Path) -> Command {
    let mut command = Command::new(rollcall);
    for (name, _) in env::vars_os() {
        if name == "DATABASE_URL" || name.to_string_lossy().starts_with("ROLLCALL_") {
            command.env_remove(name);
        }
    }
    command
}

/// An address nobody listens on just now.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
    Ok(listener.local_addr()?)
}

fn is_ready(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.") && answer.ends_with(b" 200"))
}
