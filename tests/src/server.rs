//! The real HTTP service on a real socket, over either store.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rollcall_domain::{
    Authenticator, Connection, Connections, ConnectionsError, Directory, IdpKind, Ids as _,
    Indexer, Keyring, Minted, OrganizationId, Registry, Scope, SetupChange, Store, SystemClock,
    UuidIds,
};
use rollcall_http::{App, Settings};
use rollcall_postgres::Postgres;
use rollcall_sqlite::Sqlite;
use rollcall_testkit::{EventLog, LoggedEvent};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::idp::Idp;
use crate::log::{self, PostgresLog, SqliteLog};
use crate::postgres::Database;
use crate::program::KEY;

/// What the server believes to be its own address: no test connects to it (R-HTTP-12).
pub const PUBLIC_URL: &str = "https://scim.example.test";

/// Connections to PostgreSQL of one server.
const POOL: usize = 8;

/// How long cursors are good where no test says otherwise.
pub const CURSOR_TIMEOUT: Duration = Duration::from_secs(3600);

/// A store that the service can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// SQLite in a directory of its own.
    Sqlite,
    /// PostgreSQL in a database of its own.
    Postgres,
}

/// A running service.
pub struct Server {
    /// What it runs on.
    pub kind: StoreKind,
    /// A client without credentials.
    pub client: Client,
    /// The store behind it.
    pub store: Arc<dyn Store>,
    registry: Arc<dyn Registry>,
    statements: Box<dyn Fn() -> u64 + Send + Sync>,
    sqlite: Option<Arc<Sqlite>>,
    log: Box<dyn EventLog>,
    place: Place,
    stop: CancellationToken,
}

/// Where the data is; goes with the server.
enum Place {
    Directory(TempDir),
    Database { database: Database },
}

impl Server {
    /// Starts a service of its own, for tests that count or configure.
    pub async fn start(kind: StoreKind, settings: Settings) -> Self {
        Self::start_with(kind, settings, CURSOR_TIMEOUT).await
    }

    /// The same with cursors that are good for so long from page to page.
    pub async fn start_with(kind: StoreKind, settings: Settings, cursors: Duration) -> Self {
        match kind {
            StoreKind::Sqlite => {
                let directory = tempfile::tempdir().expect("a directory for the database");
                let path = directory.path().join("rollcall.sqlite3");
                let store = Arc::new(Sqlite::open(&path).expect("SQLite opens"));
                store.migrate().await.expect("SQLite migrates");
                let counted = Arc::clone(&store);
                let statements = Box::new(move || counted.statements());
                let sqlite = Some(Arc::clone(&store));
                let log = Box::new(SqliteLog::at(&path));
                let place = Place::Directory(directory);
                let over = Over { kind, statements, sqlite, log, place, cursors };
                over.serve(store, settings).await
            }
            StoreKind::Postgres => {
                let database = crate::postgres::database().await;
                // As a server should log in: bound by row-level security.
                let store = Postgres::connect(&database.bound_url, POOL).await;
                let store = Arc::new(store.expect("PostgreSQL connects"));
                let counted = Arc::clone(&store);
                let statements = Box::new(move || counted.statements());
                let sqlite = None;
                let log = Box::new(PostgresLog::at(&database.url));
                let place = Place::Database { database };
                let over = Over { kind, statements, sqlite, log, place, cursors };
                over.serve(store, settings).await
            }
        }
    }

    /// Makes a connection of this kind in an organization of its own.
    pub async fn idp(&self, kind: IdpKind) -> Idp {
        self.idp_of(&format!("Organization {}", UuidIds.next()), kind).await
    }

    /// Makes a connection of this kind in the organization with this name.
    pub async fn idp_of(&self, organization: &str, kind: IdpKind) -> Idp {
        let made = self.connections().create(organization, kind).await;
        let (connection, minted) = made.expect("a connection is made");
        self.opened(&connection, &minted)
    }

    /// Makes a connection of this kind that is set up so, in an organization of its own.
    pub async fn idp_with(&self, kind: IdpKind, change: Value) -> Idp {
        let idp = self.idp(kind).await;
        self.configured(&idp, change).await
    }

    /// The same connection as one of its users sees it, named by `userName` or id.
    pub async fn user_of(&self, idp: &Idp, user: &str) -> Idp {
        let minted = self.connections().mint_for(idp.at.connection, user).await;
        let minted = minted.expect("a token is made");
        Idp { token: minted.secret.reveal().into(), token_id: minted.token.id, ..idp.clone() }
    }

    /// The same connection with another token.
    pub async fn another_token(&self, idp: &Idp) -> Idp {
        let minted = self.connections().mint(idp.at.connection).await.expect("a token is made");
        Idp { token: minted.secret.reveal().into(), token_id: minted.token.id, ..idp.clone() }
    }

    /// The service that makes connections and tokens.
    pub fn connections(&self) -> Connections {
        let (registry, store) = (Arc::clone(&self.registry), Arc::clone(&self.store));
        Connections::new(registry, store, Arc::new(SystemClock), Arc::new(UuidIds))
    }

    /// How many statements the store has sent to its database.
    pub fn statements(&self) -> u64 {
        (self.statements)()
    }

    /// How often the store has committed what requests write.
    pub async fn commits(&self) -> u64 {
        match (&self.sqlite, &self.place) {
            (Some(sqlite), _) => sqlite.transactions(),
            (None, Place::Database { database }) => log::transactions(&database.url).await,
            (None, Place::Directory(_)) => unreachable!("only SQLite has files"),
        }
    }

    /// What builds the indexes of connections; nothing does here until it is told to.
    pub fn indexer(&self) -> Indexer {
        let (registry, store) = (Arc::clone(&self.registry), Arc::clone(&self.store));
        Indexer::new(registry, store, Arc::new(SystemClock))
    }

    /// The same connection set up otherwise, with a token that sees that at once.
    pub async fn configured(&self, idp: &Idp, change: Value) -> Idp {
        let change: SetupChange = serde_json::from_value(change).expect("it is a setup");
        let set_up = self.connections().configure(idp.at.connection, &change).await;
        set_up.expect("the connection is set up");
        self.another_token(idp).await
    }

    /// Adds definitions to a connection.
    ///
    /// # Errors
    /// Why they can't be added.
    pub async fn define(&self, idp: &Idp, definitions: &Value) -> Result<Idp, ConnectionsError> {
        let text = format!("{definitions:#}");
        self.connections().add_definitions(idp.at.connection, &text).await?;
        Ok(self.another_token(idp).await)
    }

    /// The log of an organization.
    pub async fn events(&self, organization: OrganizationId) -> Vec<LoggedEvent> {
        self.log.events(organization).await
    }

    /// Where SQLite keeps its files.
    pub fn directory(&self) -> Option<&std::path::Path> {
        match &self.place {
            Place::Directory(directory) => Some(directory.path()),
            Place::Database { .. } => None,
        }
    }

    fn opened(&self, connection: &Connection, minted: &Minted) -> Idp {
        Idp {
            client: self.client.clone(),
            base: format!("/connections/{}/scim/v2", connection.id),
            token: minted.secret.reveal().into(),
            token_id: minted.token.id,
            at: Scope { organization: connection.organization, connection: connection.id },
            store: Arc::clone(&self.store),
        }
    }
}

/// A store that a service is about to be started on.
struct Over {
    kind: StoreKind,
    statements: Box<dyn Fn() -> u64 + Send + Sync>,
    sqlite: Option<Arc<Sqlite>>,
    log: Box<dyn EventLog>,
    place: Place,
    cursors: Duration,
}

impl Over {
    async fn serve<S: Store + Registry + 'static>(
        self,
        store: Arc<S>,
        settings: Settings,
    ) -> Server {
        let Self { kind, statements, sqlite, log, place, cursors } = self;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("the port is known"));
        let registry: Arc<dyn Registry> = Arc::<S>::clone(&store);
        let store: Arc<dyn Store> = store;
        let service = Directory::new(Arc::clone(&store), Arc::new(SystemClock), Arc::new(UuidIds));
        let keys = Keyring::parse(KEY).expect("the test has a key");
        let service = service.with_keys(Arc::new(keys), cursors);
        let authenticator = Authenticator::new(Arc::clone(&registry));
        let app = App::new(service, authenticator, Arc::clone(&store), settings);
        let stop = CancellationToken::new();
        let drain = Duration::from_secs(5);
        tokio::spawn(rollcall_http::serve(listener, Arc::new(app), stop.clone(), drain));
        let client = Client::new(origin);
        Server { kind, client, store, registry, statements, sqlite, log, place, stop }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The settings of servers that are shared.
pub fn settings() -> Settings {
    Settings { public_url: PUBLIC_URL.into(), ..Settings::default() }
}

/// Runs a case against the server of this test binary, which other cases use at the same time:
/// each makes a connection of its own.
pub fn run(kind: StoreKind, case: impl AsyncFnOnce(&Server)) {
    let server = shared(kind);
    runtime().block_on(case(&server));
}

/// Runs a case against a server that it starts itself.
pub fn run_alone(kind: StoreKind, case: impl AsyncFnOnce(StoreKind)) {
    runtime().block_on(case(kind));
}

/// The server lives as long as a test holds it, so that its files go when the tests are over.
fn shared(kind: StoreKind) -> Arc<Server> {
    static SHARED: [Mutex<Weak<Server>>; 2] = [const { Mutex::new(Weak::new()) }; 2];
    let place = match kind {
        StoreKind::Sqlite => &SHARED[0],
        StoreKind::Postgres => &SHARED[1],
    };
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    place.upgrade().unwrap_or_else(|| {
        let server = Arc::new(runtime().block_on(Server::start(kind, settings())));
        *place = Arc::downgrade(&server);
        server
    })
}

/// One runtime for all tests of a binary: servers and connections outlive the case that made them.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// Makes two tests of each case, `sqlite::CASE` and `postgres::CASE`. A case is an
/// `async fn(&Server)`; it shares the server with others.
#[macro_export]
macro_rules! on_both_stores {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $case() {
                $crate::server::run($crate::server::StoreKind::Sqlite, super::$case);
            })+
        }
        mod postgres {
            $(#[test] fn $case() {
                $crate::server::run($crate::server::StoreKind::Postgres, super::$case);
            })+
        }
    };
}

/// Makes two tests of each case, as [`on_both_stores!`] does. A case is an `async fn(StoreKind)`;
/// it starts a server of its own.
#[macro_export]
macro_rules! on_both_stores_alone {
    ($($case:ident),+ $(,)?) => {
        mod sqlite_alone {
            $(#[test] fn $case() {
                $crate::server::run_alone($crate::server::StoreKind::Sqlite, super::$case);
            })+
        }
        mod postgres_alone {
            $(#[test] fn $case() {
                $crate::server::run_alone($crate::server::StoreKind::Postgres, super::$case);
            })+
        }
    };
}
