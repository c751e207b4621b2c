//! An app over a store in memory, and short words to talk to it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use rollcall_domain::{
    AccessTokens, Admin, Authenticator, Caller, Change, CheckError, CommitError, Connection,
    ConnectionId, Directory, Edge, FindError, Found, Grant, Halt, IdpKind, Load, NewConnection,
    Organization, OrganizationId, Outcome, Page, Query, Reader, Record, Registry as _, Reindex,
    Reindexed, ResourceId, Scope, Setup, Store, SystemClock, Token, TransactionId, Unavailable,
    UuidIds, Written,
};
use rollcall_http::{App, Body, Settings};
use rollcall_schema::{Link, ResourceType};
use rollcall_testkit::{MemoryStore, registered};
use serde_json::Value;
use tokio::sync::Semaphore;
use uuid::Uuid;

pub(crate) const PUBLIC: &str = "https://scim.example";

/// An app with three connections.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) spy: Arc<Spy>,
    pub(crate) registry: Arc<MemoryStore>,
    pub(crate) grants: Arc<Grants>,
    /// What the app takes for the time, in milliseconds.
    pub(crate) time: Arc<AtomicU64>,
    pub(crate) a: Tenant,
    pub(crate) b: Tenant,
    pub(crate) entra: Tenant,
}

/// A connection: its base path and its token.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) path: String,
    pub(crate) token: String,
}

/// Access tokens that are good, each for the connection that it was granted for alone.
#[derive(Default)]
pub(crate) struct Grants(Mutex<HashMap<String, Grant>>);

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// A store that counts, that can be broken, and that can pretend to large groups.
#[derive(Default)]
pub(crate) struct Spy {
    memory: Arc<MemoryStore>,
    /// How often rows of relations were read.
    pub(crate) edges: AtomicU64,
    /// How many members every group seems to have; 0 for those it has.
    pub(crate) pretend: AtomicU64,
    /// After how many reads of rows the store fails; 0 for never.
    pub(crate) breaks: AtomicU64,
    /// Whether every search costs too much.
    pub(crate) too_many: AtomicBool,
    /// How often something was noted of a request that is answered later.
    pub(crate) outcomes: AtomicU64,
    pub(crate) gate: Gate,
}

/// Lets searches through one by one, once it is shut.
pub(crate) struct Gate {
    shut: AtomicBool,
    steps: Semaphore,
    came: Mutex<Vec<ConnectionId>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { shut: AtomicBool::new(false), steps: Semaphore::new(0), came: Mutex::default() }
    }
}

impl Gate {
    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    /// Lets so many through, in the order in which they came.
    pub(crate) fn open_for(&self, searches: usize) {
        self.steps.add_permits(searches);
    }

    /// Whose searches came to the shut gate.
    pub(crate) fn came(&self) -> Vec<ConnectionId> {
        self.came.lock().unwrap().clone()
    }

    async fn pass(&self, who: ConnectionId) {
        if self.shut.load(Ordering::SeqCst) {
            self.came.lock().unwrap().push(who);
            self.steps.acquire().await.unwrap().forget();
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Settings { public_url: PUBLIC.into(), ..Settings::default() }).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let memory = Arc::new(MemoryStore::new());
        let spy = Arc::new(Spy { memory: memory.clone(), ..Spy::default() });
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidIds));
        let admin = Admin::new(memory.clone(), spy.clone(), clock, ids);
        let mut tenants = Vec::new();
        for (name, idp) in [("A", IdpKind::Generic), ("B", IdpKind::Okta), ("C", IdpKind::Entra)] {
            let new = NewConnection { idp, ..NewConnection::default() };
            let made = admin.connect(&Caller::CLI, name, &new).await.unwrap();
            let path = format!("/connections/{}/scim/v2", made.connection.id);
            tenants.push(Tenant { path, token: made.minted.unwrap().reveal().into() });
        }
        let store: Arc<dyn Store> = spy.clone();
        let directory = Directory::new(store.clone(), Arc::new(SystemClock), Arc::new(UuidIds));
        let (registry, time) = (memory.clone(), Arc::new(AtomicU64::new(0)));
        let (now, grants) = (Arc::clone(&time), Arc::new(Grants::default()));
        let authenticator = Authenticator::new(memory).with_access_tokens(grants.clone());
        let app = App::new(directory, authenticator, store, settings)
            .with_metrics(|| "rollcall_up 1\n".into())
            .with_time(move || Duration::from_millis(now.load(Ordering::Relaxed)));
        let [a, b, entra] = tenants.try_into().unwrap_or_else(|_| panic!("three"));
        Self { app, spy, registry, grants, time, a, b, entra }
    }

    /// The same world with another app.
    pub(crate) fn serving(self, change: impl FnOnce(App) -> App) -> Self {
        Self { app: change(self.app), ..self }
    }

    /// A world whose first connection is set up otherwise.
    pub(crate) async fn set_up(change: impl FnOnce(&mut Setup)) -> Self {
        let world = Self::new().await;
        let mut setup = Setup::default();
        change(&mut setup);
        world.configure(&world.a, |connection| connection.setup = setup).await;
        world
    }

    /// Changes a connection.
    pub(crate) async fn configure(
        &self,
        tenant: &Tenant,
        change: impl FnOnce(&mut Connection) + Send,
    ) {
        registered::change(&*self.registry, tenant.connection(), change).await;
    }

    /// A connection as it is kept.
    pub(crate) async fn connection(&self, tenant: &Tenant) -> Connection {
        self.registry.connection(tenant.connection()).await.unwrap().unwrap().1
    }

    /// The organization of a connection.
    pub(crate) async fn organization(&self, tenant: &Tenant) -> Organization {
        let of = self.connection(tenant).await.organization;
        self.registry.organization(of).await.unwrap().unwrap()
    }

    /// A connection with one more token, which is like this.
    pub(crate) async fn token_of(
        &self,
        tenant: &Tenant,
        change: impl FnOnce(Token) -> Token + Send,
    ) -> Tenant {
        let connection = self.connection(tenant).await;
        let (_, secret) = registered::admit(&*self.registry, &connection, change).await;
        Tenant { path: tenant.path.clone(), token: secret.reveal().into() }
    }

    /// The first connection, with a token of a user's own.
    pub(crate) async fn user_of_a(&self, id: &str) -> Tenant {
        let subject = Some(id.parse().unwrap());
        self.token_of(&self.a, |token| Token { subject, ..token }).await
    }

    /// Sends what was made by hand.
    pub(crate) async fn raw(&self, request: Request<Full<bytes::Bytes>>) -> Answer {
        let (head, body) = self.app.handle(request).await.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    /// Sends a request to a connection; `path` is relative to its base.
    pub(crate) async fn send(
        &self,
        tenant: &Tenant,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl ToString,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", tenant.path))
            .header("authorization", format!("Bearer {}", tenant.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.raw(request.body(Full::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&self.a, Method::GET, path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(&self.a, Method::POST, path, &[], body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(&self.a, Method::PUT, path, &[], body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(&self.a, Method::PATCH, path, &[], body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(&self.a, Method::DELETE, path, &[], "").await
    }

    /// Makes a resource and gives its id.
    pub(crate) async fn made(&self, tenant: &Tenant, path: &str, body: &Value) -> String {
        let answer = self.send(tenant, Method::POST, path, &[], body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_str().unwrap().into()
    }

    /// The body of an answer as it is sent, without reading it.
    pub(crate) async fn open(&self, path: &str) -> Body {
        let request = Request::get(format!("{}{path}", self.a.path))
            .header("authorization", format!("Bearer {}", self.a.token));
        self.app.handle(request.body(Full::<bytes::Bytes>::default()).unwrap()).await.into_body()
    }

    /// How often rows of relations were read since the last time.
    pub(crate) fn edge_reads(&self) -> u64 {
        self.spy.edges.swap(0, Ordering::Relaxed)
    }
}

impl Tenant {
    pub(crate) fn connection(&self) -> ConnectionId {
        self.path.split('/').nth(2).unwrap().parse().unwrap()
    }
}

/// An access token whose issuer can't be reached.
pub(crate) const NO_KEYS: &str = "eyJ.no.keys";

#[async_trait::async_trait]
impl AccessTokens for Grants {
    async fn check(
        &self,
        token: &str,
        asked: Option<ConnectionId>,
    ) -> Result<Option<Grant>, CheckError> {
        if token == NO_KEYS {
            return Err(CheckError::NoKeys);
        }
        let grant = self.0.lock().unwrap().get(token).cloned();
        Ok(grant.filter(|grant| asked.is_none_or(|asked| asked == grant.connection)))
    }
}

impl Grants {
    /// Makes an access token.
    pub(crate) fn give(&self, grant: Grant) -> String {
        let mut grants = self.0.lock().unwrap();
        let token = format!("eyJ0.eyJ{}.c2ln", grants.len());
        grants.insert(token.clone(), grant);
        token
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks the whole shape of a SCIM error (R-ERR-01, R-ERR-02).
    #[track_caller]
    pub(crate) fn is_error(&self, status: u16, scim_type: &str) {
        let body = self.json();
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(body["status"], status.to_string(), "{body}");
        assert_eq!(body["schemas"], serde_json::json!([rollcall_schema::standard::ERROR]));
        assert_eq!(body["scimType"].as_str().unwrap_or_default(), scim_type, "{body}");
        assert!(!body["detail"].as_str().unwrap().is_empty(), "{body}");
        assert_eq!(self.header("content-type"), "application/scim+json");
        assert!(!self.header("x-request-id").is_empty());
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

#[async_trait::async_trait]
impl Store for Spy {
    fn scope(&self, at: Scope) -> Box<dyn Reader + '_> {
        Box::new(Window { spy: self, at, inner: self.memory.scope(at) })
    }

    async fn commit_many(
        &self,
        at: Scope,
        changes: Vec<Change>,
        halt: Halt,
    ) -> Vec<Result<Vec<Written>, CommitError>> {
        self.memory.commit_many(at, changes, halt).await
    }

    async fn reindex(
        &self,
        at: Scope,
        entries: Vec<Reindex>,
    ) -> Result<Vec<Reindexed>, Unavailable> {
        self.memory.reindex(at, entries).await
    }

    async fn erase(&self, of: OrganizationId, limit: u32) -> Result<u64, Unavailable> {
        self.memory.erase(of, limit).await
    }

    async fn keep_outcome(&self, at: Scope, outcome: Outcome) -> Result<(), Unavailable> {
        self.outcomes.fetch_add(1, Ordering::Relaxed);
        self.memory.keep_outcome(at, outcome).await
    }

    async fn outcome(&self, at: Scope, id: TransactionId) -> Result<Option<Outcome>, Unavailable> {
        self.memory.outcome(at, id).await
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        match self.breaks.load(Ordering::Relaxed) {
            0 => Ok(()),
            _ => Err(Unavailable::new("out of order")),
        }
    }

    async fn maintain(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

struct Window<'s> {
    spy: &'s Spy,
    at: Scope,
    inner: Box<dyn Reader + 's>,
}

#[async_trait::async_trait]
impl Reader for Window<'_> {
    async fn get(
        &self,
        ty: &ResourceType,
        id: ResourceId,
        load: Load,
    ) -> Result<Option<Found>, Unavailable> {
        self.inner.get(ty, id, load).await
    }

    async fn find(&self, query: &Query<'_>) -> Result<Page, FindError> {
        self.spy.gate.pass(self.at.connection).await;
        match self.spy.too_many.load(Ordering::Relaxed) {
            true => Err(FindError::TooMany),
            false => self.inner.find(query).await,
        }
    }

    async fn edges(
        &self,
        attr: &str,
        owners: &[ResourceId],
        after: Option<(ResourceId, ResourceId)>,
        limit: u32,
    ) -> Result<Vec<Edge>, Unavailable> {
        let read = self.spy.edges.fetch_add(1, Ordering::Relaxed) + 1;
        let breaks = self.spy.breaks.load(Ordering::Relaxed);
        if breaks > 0 && read > breaks {
            return Err(Unavailable::new("out of order"));
        }
        let pretend = self.spy.pretend.load(Ordering::Relaxed);
        if pretend == 0 {
            return self.inner.edges(attr, owners, after, limit).await;
        }
        let mut owners = owners.to_vec();
        owners.sort_unstable();
        let rows = owners.iter().flat_map(|owner| (1..=pretend).map(|n| edge(*owner, n)));
        let behind = |edge: &Edge| after.is_none_or(|last| (edge.owner, edge.member) > last);
        Ok(rows.filter(behind).take(limit as usize).collect())
    }

    async fn behind(
        &self,
        kind: &str,
        revision: u64,
        after: Option<ResourceId>,
        limit: u32,
    ) -> Result<Vec<Record>, Unavailable> {
        self.inner.behind(kind, revision, after, limit).await
    }
}

fn edge(owner: ResourceId, n: u64) -> Edge {
    let member = ResourceId::from_uuid(Uuid::from_u128(n.into()));
    let link = Link { id: member.to_string(), kind: "User".into(), display: None };
    Edge { owner, member, link }
}
