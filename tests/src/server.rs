//! The real HTTP service on a real socket, over either store.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use rollcall_domain::{
    Admin, AdminError, Authenticator, Caller, Clock, Configured, Connection, ConnectionChange,
    Dialects, Directory, Fetch, FetchError, IdpKind, Ids as _, Indexer, Jobs, Keyring, Minted,
    NewAdminKey, NewConnection, NewToken, OrganizationId, Rate, Registry, Role, Scope, Store,
    SystemClock, Traffics, UuidIds, Watch,
};
use rollcall_http::{AdminApi, App, Settings};
use rollcall_oauth::{OAuth, Oidc};
use rollcall_outbound::{Allow, Outbound};
use rollcall_postgres::Postgres;
use rollcall_schema::Instant;
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
use crate::operator::Operator;
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
    /// What time it believes that it is.
    pub clock: Arc<LaterClock>,
    /// What grants access tokens.
    pub oauth: Arc<OAuth>,
    owner: String,
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
        Self::start_so(kind, settings, cursors, None).await
    }

    /// A service at which operators may sign in with tokens of this issuer for this audience.
    pub async fn start_signing_in(kind: StoreKind, issuer: &str, audience: &str) -> Self {
        let sign_in = Some((issuer.to_owned(), audience.to_owned()));
        Self::start_so(kind, settings(), CURSOR_TIMEOUT, sign_in).await
    }

    async fn start_so(
        kind: StoreKind,
        settings: Settings,
        cursors: Duration,
        sign_in: Option<(String, String)>,
    ) -> Self {
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
                let over = Over { kind, statements, sqlite, log, place, cursors, sign_in };
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
                let over = Over { kind, statements, sqlite, log, place, cursors, sign_in };
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
        let new = NewConnection { idp: kind, ..NewConnection::default() };
        let made = self.admin().connect(&Caller::CLI, organization, &new).await;
        let Configured { connection, minted } = made.expect("a connection is made");
        self.opened(&connection, &minted.expect("its first token"))
    }

    /// Makes a connection of this kind that is set up so, in an organization of its own.
    pub async fn idp_with(&self, kind: IdpKind, change: Value) -> Idp {
        let idp = self.idp(kind).await;
        self.configured(&idp, change).await
    }

    /// The same connection as one of its users sees it, named by `userName` or id.
    pub async fn user_of(&self, idp: &Idp, user: &str) -> Idp {
        self.token_like(idp, NewToken { user: Some(user.into()), ..NewToken::default() }).await
    }

    /// The same connection with a token like this.
    pub async fn token_like(&self, idp: &Idp, new: NewToken) -> Idp {
        let minted = self.admin().mint(&Caller::CLI, idp.at.connection, &new).await;
        let minted = minted.expect("a token is made");
        Idp { token: minted.reveal().into(), token_id: minted.token.id, ..idp.clone() }
    }

    /// The same connection with another token.
    pub async fn another_token(&self, idp: &Idp) -> Idp {
        self.token_like(idp, NewToken::default()).await
    }

    /// The service that operators use.
    pub fn admin(&self) -> Admin {
        let (registry, store) = (Arc::clone(&self.registry), Arc::clone(&self.store));
        let clock: Arc<dyn Clock> = Arc::<LaterClock>::clone(&self.clock);
        admin(registry, store, clock)
    }

    /// An operator who may do everything.
    pub fn owner(&self) -> Operator {
        Operator { client: self.client.clone(), key: self.owner.clone() }
    }

    /// What works behind requests; nothing does here until it is told to.
    pub fn jobs(&self) -> Jobs {
        let (registry, store) = (Arc::clone(&self.registry), Arc::clone(&self.store));
        let clock: Arc<dyn Clock> = Arc::<LaterClock>::clone(&self.clock);
        Jobs::new(registry, store, clock, Arc::new(UuidIds))
    }

    /// What raises alarms; nothing does here until it is told to.
    pub fn watch(&self) -> Watch {
        let clock: Arc<dyn Clock> = Arc::<LaterClock>::clone(&self.clock);
        Watch::new(Arc::clone(&self.registry), clock, Arc::new(UuidIds))
    }

    /// Another replica hears of the IdP of a connection.
    pub async fn heard_elsewhere(&self, idp: &Idp) {
        let clock: Arc<dyn Clock> = Arc::<LaterClock>::clone(&self.clock);
        let traffics = Traffics::new(Arc::clone(&self.registry), clock);
        traffics.saw(&self.connection(idp).await, false).await;
    }

    /// Waits until a job is finished, working on it.
    pub async fn finished(&self, operator: &Operator, job: &str) -> Value {
        let jobs = self.jobs();
        operator.finished(job, async || jobs.tick().await.expect("the store answers")).await
    }

    /// A connection as it is kept.
    pub async fn connection(&self, idp: &Idp) -> Connection {
        let found = self.admin().connection(&Caller::CLI, idp.at.connection).await;
        found.expect("it is there").1
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
        let change: ConnectionChange = serde_json::from_value(change).expect("it is a setup");
        let at = idp.at.connection;
        let set_up = self.admin().configure(&Caller::CLI, at, &change, None).await;
        set_up.expect("the connection is set up");
        self.another_token(idp).await
    }

    /// Adds definitions to a connection.
    ///
    /// # Errors
    /// Why they can't be added.
    pub async fn define(&self, idp: &Idp, definitions: &Value) -> Result<Idp, AdminError> {
        self.add(idp, &format!("{definitions:#}")).await?;
        Ok(self.another_token(idp).await)
    }

    /// Adds the definitions in a text to a connection.
    ///
    /// # Errors
    /// Why they can't be added.
    pub async fn add(&self, idp: &Idp, text: &str) -> Result<Connection, AdminError> {
        self.admin().add_definitions(&Caller::CLI, idp.at.connection, text, None).await
    }

    /// What the log of an organization tells of its directories.
    pub async fn events(&self, organization: OrganizationId) -> Vec<LoggedEvent> {
        let mut events = self.log.events(organization).await;
        events.retain(is_of_directory);
        events
    }

    /// What the log of an organization, or that of the server, tells of what operators did.
    pub async fn administered(&self, organization: Option<OrganizationId>) -> Vec<LoggedEvent> {
        let nobody = OrganizationId::from_uuid(uuid::Uuid::nil());
        let mut events = self.log.events(organization.unwrap_or(nobody)).await;
        events.retain(|event| !is_of_directory(event));
        events
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
            token: minted.reveal().into(),
            token_id: minted.token.id,
            at: Scope { organization: connection.organization, connection: connection.id },
            store: Arc::clone(&self.store),
        }
    }
}

fn is_of_directory(event: &LoggedEvent) -> bool {
    event.action.starts_with("resource.")
}

fn admin(registry: Arc<dyn Registry>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Admin {
    let admin = Admin::new(registry, store, clock, Arc::new(UuidIds));
    admin.with_keys(keys()).with_fetch(Arc::new(Near))
}

fn keys() -> Arc<Keyring> {
    Arc::new(Keyring::parse(KEY).expect("the test has a key"))
}

/// The machine's clock, or later.
#[derive(Debug, Default)]
pub struct LaterClock(AtomicI64);

impl LaterClock {
    /// Lets so much time pass. Servers that are shared are not for that.
    pub fn pass(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).expect("no eternity");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for LaterClock {
    fn now(&self) -> Instant {
        Instant::from_millis(SystemClock.now().millis() + self.0.load(Ordering::SeqCst))
    }
}

/// Fetches from this machine alone, on whatever port.
#[derive(Clone, Copy, Debug)]
struct Near;

#[async_trait]
impl Fetch for Near {
    async fn json(&self, url: &str) -> Result<Value, FetchError> {
        near(url)?.json(url).await
    }

    fn may(&self, url: &str) -> Result<(), FetchError> {
        near(url)?.may(url)
    }
}

fn near(url: &str) -> Result<Outbound, FetchError> {
    let port = url.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split('/').next());
    let origin = port.map(|port| format!("http://127.0.0.1:{port}"));
    let allow = Allow::origins(origin).map_err(|error| FetchError(error.to_string()))?;
    Ok(Outbound::new(allow))
}

/// A store that a service is about to be started on.
struct Over {
    kind: StoreKind,
    statements: Box<dyn Fn() -> u64 + Send + Sync>,
    sqlite: Option<Arc<Sqlite>>,
    log: Box<dyn EventLog>,
    place: Place,
    cursors: Duration,
    sign_in: Option<(String, String)>,
}

impl Over {
    async fn serve<S: Store + Registry + 'static>(
        self,
        store: Arc<S>,
        settings: Settings,
    ) -> Server {
        let Self { kind, statements, sqlite, log, place, cursors, sign_in } = self;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("the port is known"));
        let registry: Arc<dyn Registry> = Arc::<S>::clone(&store);
        let store: Arc<dyn Store> = store;
        let later = Arc::new(LaterClock::default());
        let clock: Arc<dyn Clock> = Arc::<LaterClock>::clone(&later);
        let service = Directory::new(Arc::clone(&store), Arc::clone(&clock), Arc::new(UuidIds));
        let service = service.with_keys(keys(), cursors);
        let traffics = Arc::new(Traffics::new(Arc::clone(&registry), Arc::clone(&clock)));
        let at = format!("{}{}", settings.public_url, settings.mount);
        let ids = Arc::new(UuidIds);
        let of = Arc::clone(&registry);
        let oauth = OAuth::new(of, keys(), Arc::new(Near), Arc::clone(&clock), ids, at);
        let oauth = Arc::new(oauth);
        let authenticator = Authenticator::new(Arc::clone(&registry))
            .with_access_tokens(Arc::<OAuth>::clone(&oauth))
            .with_traffics(Arc::clone(&traffics))
            .with_clock(Arc::clone(&clock));
        let operators = admin(Arc::clone(&registry), Arc::clone(&store), Arc::clone(&clock));
        let owner = owner(&operators).await;
        let mut api = AdminApi::new(operators).with_traffics(Arc::clone(&traffics));
        if let Some((issuer, audience)) = sign_in {
            let oidc = Oidc::new(issuer.clone(), audience, Arc::new(Near), Arc::clone(&clock));
            api = api.with_sign_in(Arc::new(oidc), issuer);
        }
        let app = App::new(service, authenticator, Arc::clone(&store), settings)
            .with_dialects(Dialects::new(Arc::clone(&registry), Arc::clone(&clock)))
            .with_traffics(traffics)
            .with_authorization(Arc::<OAuth>::clone(&oauth))
            .with_admin(api);
        let stop = CancellationToken::new();
        let drain = Duration::from_secs(5);
        tokio::spawn(rollcall_http::serve(listener, Arc::new(app), stop.clone(), drain));
        let (client, clock) = (Client::new(origin), later);
        Server {
            kind,
            client,
            store,
            clock,
            oauth,
            owner,
            registry,
            statements,
            sqlite,
            log,
            place,
            stop,
        }
    }
}

async fn owner(admin: &Admin) -> String {
    let new = NewAdminKey {
        name: "the tests".into(),
        role: Role::Owner,
        organization: None,
        expires: None,
        subject: None,
    };
    let minted = admin.create_admin_key(&Caller::CLI, &new).await.expect("a key is made");
    minted.secret.expect("it has a secret").reveal().to_owned()
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

/// The settings of servers that are shared: tests send many wrong credentials from one address.
pub fn settings() -> Settings {
    let failures = Rate { per_second: 10_000, burst: 100_000 };
    Settings { public_url: PUBLIC_URL.into(), failures, ..Settings::default() }
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
