//! A PostgreSQL server of a test's own, which speaks TLS on the loopback.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, process};

use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use tokio::net::{TcpListener, UnixStream};

use crate::tls::{Authority, Identity};

/// How long the server may take to start: machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// Below those that outgoing sockets get.
const PORTS: std::ops::Range<u32> = 20_000..32_000;

/// Ends the server and removes its directory when our process is gone, however it went.
const WATCHER: &str = r#"
trap '' HUP INT TERM
read -r _
kill -s INT "$1" 2>/dev/null
n=0
while kill -0 "$1" 2>/dev/null && [ "$n" -lt 150 ]; do sleep 0.1; n=$((n + 1)); done
kill -s KILL "$1" 2>/dev/null
rm -rf "$2"
"#;

/// Who gets in: `app` by its password, `certified` by a certificate, `clear` without TLS alone.
const RULES: &str = "\
local     all all                    trust
hostssl   all certified 127.0.0.1/32 cert
hostnossl all clear     127.0.0.1/32 scram-sha-256
host      all app       127.0.0.1/32 scram-sha-256
";

const ROLES: &str = "
create role app login superuser password 'app';
create role certified login;
create role clear login password 'clear';
";

const SETTINGS: [&str; 7] = [
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "max_connections=50",
    "shared_buffers=16MB",
    "dynamic_shared_memory_type=mmap",
    "password_encryption=scram-sha-256",
    "ssl=on",
];

/// The files that a server is made of.
const FILES: [(&str, &str); 4] = [
    ("ssl_cert_file", "server.pem"),
    ("ssl_key_file", "server.key"),
    ("ssl_ca_file", "clients.pem"),
    ("hba_file", "rules"),
];

/// A running server. It ends with the process.
#[derive(Debug)]
pub struct OwnPostgres {
    /// Its directory, where a test may put files.
    pub directory: PathBuf,
    /// Where it listens on the loopback.
    pub port: u32,
    watcher: Child,
}

/// Where the programs are, and who runs them if it is not us.
struct Programs {
    bin: PathBuf,
    account: Option<(u32, u32)>,
}

impl OwnPostgres {
    /// Starts a server that shows this certificate, and takes those of clients from this authority.
    ///
    /// # Panics
    /// When there are no programs that speak TLS: tests are never skipped for want of them.
    pub async fn start(shows: &Identity, clients: &Authority) -> Self {
        let programs = Programs::given();
        let directory = tempfile::Builder::new().prefix("rollcall-pg-").tempdir();
        let directory = directory.expect("a directory").keep();
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).expect("it is ours");
        programs.hand_over(&directory);
        let authority = clients.pem();
        let texts: [&str; 4] = [&shows.certificate, &shows.key, &authority, RULES];
        for ((_, name), text) in FILES.into_iter().zip(texts) {
            let path = directory.join(name);
            fs::write(&path, text).expect("it is written");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
            programs.hand_over(&path);
        }
        programs.initialise(&directory);
        let own = Self::listen(&programs, directory).await;
        own.run(ROLES).await;
        own
    }

    /// Tries ports until one is free: the server takes none of its own choice.
    #[expect(clippy::zombie_processes, reason = "what watches the server ends it")]
    async fn listen(programs: &Programs, mut directory: PathBuf) -> Self {
        let width = PORTS.end - PORTS.start;
        for attempt in 0..20 {
            let port = PORTS.start + (process::id() * 31 + attempt * 977) % width;
            let mut server = programs.serve(&directory, port);
            let own = Self { watcher: watch(&server, &directory), directory, port };
            let began = Instant::now();
            loop {
                if AsyncPgConnection::establish(&own.socket_url("postgres")).await.is_ok() {
                    return own;
                }
                if server.try_wait().expect("it can be asked").is_some() {
                    break;
                }
                assert!(began.elapsed() < PATIENCE, "it takes no connection: {}", own.log());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let log = own.log();
            assert!(log.contains("already in use"), "it ended at start: {log}");
            // The watcher would take the directory with it.
            let Self { mut watcher, directory: kept, .. } = own;
            watcher.kill().expect("it runs");
            watcher.wait().expect("it ends");
            directory = kept;
        }
        panic!("no free port");
    }

    /// Runs statements as a superuser, by its socket.
    pub async fn run(&self, sql: &str) {
        let mut connection = self.superuser().await;
        connection.batch_execute(sql).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// A superuser's connection, by its socket.
    pub async fn superuser(&self) -> AsyncPgConnection {
        AsyncPgConnection::establish(&self.socket_url("postgres")).await.expect("it lets us in")
    }

    /// A way to it on the loopback that knows no TLS.
    pub async fn in_clear_text(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let socket = self.directory.join(format!(".s.PGSQL.{}", self.port));
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let socket = socket.clone();
                tokio::spawn(async move {
                    let mut far = UnixStream::connect(socket).await.expect("the server is there");
                    let _ended = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        port
    }

    fn socket_url(&self, user: &str) -> String {
        let host = self.directory.display().to_string().replace('/', "%2F");
        format!("postgres://{user}@{host}:{}/postgres", self.port)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Programs {
    fn given() -> Self {
        let Some(bin) = env::var_os("TEST_POSTGRES_BIN").map(PathBuf::from) else {
            let why = env::var("TEST_POSTGRES_LACKS");
            panic!(
                "no programs of a PostgreSQL that speaks TLS: {}",
                why.as_deref().unwrap_or("run `cargo xtask test`, which looks for them")
            );
        };
        let account = env::var("TEST_POSTGRES_ACCOUNT").ok().map(|ids| {
            let (user, group) = ids.split_once(':').expect("`user:group`");
            (user.parse().expect("a number"), group.parse().expect("a number"))
        });
        Self { bin, account }
    }

    fn hand_over(&self, path: &Path) {
        if let Some((user, group)) = self.account {
            chown(path, Some(user), Some(group)).expect("root may give files away");
        }
    }

    fn command(&self, program: &str, directory: &Path) -> Command {
        let mut command = Command::new(self.bin.join(program));
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command.current_dir(directory).env("LC_ALL", "C").env("TZ", "UTC");
        command.stdin(Stdio::null());
        command
    }

    fn initialise(&self, directory: &Path) {
        let mut initdb = self.command("initdb", directory);
        initdb.args(["-A", "trust", "--no-sync", "-U", "postgres", "-E", "UTF8", "--locale=C"]);
        let done = initdb.args(["-D", "data"]).output().expect("initdb runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn serve(&self, directory: &Path, port: u32) -> Child {
        let log = File::create(directory.join("log")).expect("it is ours");
        let mut server = self.command("postgres", directory);
        server.args(["-D", "data", "-k"]).arg(directory).args(["-p", &port.to_string()]);
        for (setting, name) in FILES {
            server.arg("-c").arg(format!("{setting}={}", directory.join(name).display()));
        }
        for setting in SETTINGS {
            server.args(["-c", setting]);
        }
        server.stdout(log.try_clone().expect("a handle")).stderr(log);
        server.process_group(0).spawn().expect("the server starts")
    }
}

fn watch(server: &Child, directory: &Path) -> Child {
    Command::new("sh")
        .args(["-c", WATCHER, "watcher", &server.id().to_string()])
        .arg(directory)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs")
}
