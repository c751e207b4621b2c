//! The real binary as a process of its own.

use std::env;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::client::Client;
use crate::operator::Operator;
use crate::postgres::{self, Database};
use crate::server::StoreKind;
use crate::tables::Tables;
use crate::wait::PATIENCE;

/// How often to look again.
const TICK: Duration = Duration::from_millis(10);

/// A key that seals cursors, for servers on PostgreSQL.
pub const KEY: &str = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A running `rollcall`. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    out: Said,
    err: Said,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// The lines of a stream so far.
#[derive(Clone, Debug, Default)]
struct Said(Arc<Mutex<String>>);

impl Said {
    fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let said = Self::default();
        let heard = said.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut text = heard.0.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
            }
        });
        said
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Program {
    /// Starts `rollcall` with these arguments, and with these variables alone of those that it
    /// reads.
    pub fn start(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let binary = env::var_os("ROLLCALL_BIN").map(PathBuf::from).expect(
            "ROLLCALL_BIN is not set: run `cargo xtask test`, which builds the server's binary",
        );
        let mut command = Command::new(binary);
        for (name, _) in env::vars_os() {
            if name == "DATABASE_URL" || name.to_string_lossy().starts_with("ROLLCALL_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .args(args)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let out = Said::of(child.stdout.take().expect("it is piped"));
        let err = Said::of(child.stderr.take().expect("it is piped"));
        Self { child, out, err }
    }

    /// What it has said on standard output once that holds `text`.
    pub async fn says(&mut self, text: &str) -> String {
        let out = self.out.clone();
        self.awaits(&out, text).await
    }

    /// What it has logged once that holds `text`.
    pub async fn logs(&mut self, text: &str) -> String {
        let err = self.err.clone();
        self.awaits(&err, text).await
    }

    async fn awaits(&mut self, stream: &Said, text: &str) -> String {
        let began = Instant::now();
        loop {
            let said = stream.text();
            if said.contains(text) {
                return said;
            }
            let ended = self.child.try_wait().expect("it can be asked");
            if ended.is_some() || began.elapsed() > PATIENCE {
                // What it said last may still be on its way.
                tokio::time::sleep(TICK * 10).await;
                let said = stream.text();
                if said.contains(text) {
                    return said;
                }
                panic!("no `{text}` ({ended:?}):\n{}\n{}", self.out.text(), self.err.text());
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Sends SIGTERM.
    pub async fn terminate(&self) {
        self.signal("-TERM").await;
    }

    /// Sends SIGHUP: files are read again.
    pub async fn hang_up(&self) {
        self.signal("-HUP").await;
    }

    async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args([signal, &id]).status().await;
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until it ends by itself.
    pub async fn ends(mut self) -> Outcome {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended
            .unwrap_or_else(|_| panic!("it runs on:\n{}\n{}", self.out.text(), self.err.text()))
            .expect("it can be waited for");
        // Both streams are closed now; their readers end soon.
        for stream in [&self.out, &self.err] {
            let began = Instant::now();
            while Arc::strong_count(&stream.0) > 1 && began.elapsed() < PATIENCE {
                tokio::time::sleep(TICK).await;
            }
        }
        Outcome { status, out: self.out.text(), err: self.err.text() }
    }

    /// Stops it as an operator does. It must end well.
    pub async fn stop(self) -> Outcome {
        self.terminate().await;
        let outcome = self.ends().await;
        assert!(outcome.status.success(), "{outcome:?}");
        outcome
    }

    /// Ends it by SIGKILL, in the middle of whatever it does.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }
}

/// Runs a command to its end.
pub async fn run(args: &[&str], variables: &[(&str, &str)]) -> Outcome {
    Program::start(args, variables).ends().await
}

/// Runs a command that must succeed. Answers its standard output.
pub async fn succeed(args: &[&str], variables: &[(&str, &str)]) -> String {
    let outcome = run(args, variables).await;
    assert!(outcome.status.success(), "{args:?}: {outcome:?}");
    outcome.out
}

/// Runs a command that must fail. Answers its standard error.
pub async fn fail(args: &[&str], variables: &[(&str, &str)]) -> String {
    let outcome = run(args, variables).await;
    assert!(!outcome.status.success(), "{args:?}: {outcome:?}");
    outcome.err
}

/// A database for a server of its own.
#[derive(Debug)]
pub enum Site {
    /// A file in a directory.
    Sqlite(TempDir),
    /// A database, at which the server logs in as a role that row-level security binds.
    Postgres(Database),
}

impl Site {
    /// An empty database that is up to date.
    pub async fn new(kind: StoreKind) -> Self {
        match kind {
            StoreKind::Sqlite => Self::Sqlite(tempfile::tempdir().expect("a directory")),
            StoreKind::Postgres => Self::Postgres(postgres::database().await),
        }
    }

    /// What the server is told.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(directory) => {
                format!("sqlite:{}", directory.path().join("rollcall.sqlite3").display())
            }
            Self::Postgres(database) => database.bound_url.clone(),
        }
    }

    /// What is kept there.
    pub fn tables(&self) -> Tables {
        match self {
            Self::Sqlite(directory) => Tables::Sqlite(directory.path().join("rollcall.sqlite3")),
            Self::Postgres(database) => Tables::Postgres(database.url.clone()),
        }
    }

    /// Starts `rollcall serve` here on a free port.
    pub async fn serve(&self, more: &[&str], variables: &[(&str, &str)]) -> Serving {
        let url = self.url();
        let variables = &[&[("ROLLCALL_KEY", KEY)], variables].concat();
        let mut args = vec!["serve", "--database-url", &url, "--listen", "127.0.0.1:0"];
        args.extend(["--public-url", "https://scim.example.test"]);
        args.extend(more);
        let mut program = Program::start(&args, variables);
        let log = program.logs("listening").await;
        let client = Client::new(format!("http://{}", address(&log, "listening")));
        Serving { program, client }
    }
}

impl Site {
    /// Makes an admin key for everything, as an operator beside the database does. Answers it.
    pub async fn owner_key(&self) -> String {
        let url = self.url();
        let args = ["admin", "key", "create", "--database-url", &url, "--name", "tests"];
        let args = [&args[..], &["--role", "owner", "--output", "json"]].concat();
        let made = succeed(&args, &[]).await;
        let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
        crate::operator::text(&made, "key")
    }
}

impl Serving {
    /// An operator with this key.
    pub fn operator(&self, key: &str) -> Operator {
        Operator { client: self.client.clone(), key: key.into() }
    }

    /// Where it listens: `127.0.0.1:1234`.
    pub fn address(&self) -> &str {
        self.client.origin().trim_start_matches("http://")
    }
}

/// A running `rollcall serve`.
#[derive(Debug)]
pub struct Serving {
    /// The process.
    pub program: Program,
    /// A client of it, without credentials.
    pub client: Client,
}

/// The address on the line of a log that holds `text`.
pub fn address(log: &str, text: &str) -> String {
    let line = log.lines().find(|line| line.contains(text)).expect("the log has the line");
    let at = line.find("127.0.0.1:").unwrap_or_else(|| panic!("no address: {line}"));
    line[at..].chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect()
}
