//! One connection, and short words for what tests do there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rollcall_domain::{
    Admin, AdminError, AuthError, Authenticator, Caller, Clock, Configured, Connection,
    ConnectionChange, ConnectionId, Context, Derived, Directory, Error, Found, IdpKind, Indexer,
    Keyring, Minted, Named, NewConnection, NewToken, OrganizationId, Precondition, Registry,
    ResourceId, Search, Shown, UuidIds,
};
use rollcall_filter::parse_filter;
use rollcall_schema::{Instant, ResourceType};
use rollcall_testkit::{MemoryStore, Site, Subject};
use serde_json::{Value, json};

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(crate) struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Hand {
    pub(crate) fn forward(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<Hand>,
    pub(crate) admin: Admin,
    pub(crate) directory: Directory,
    pub(crate) indexer: Indexer,
    pub(crate) organization: OrganizationId,
    pub(crate) id: ConnectionId,
    pub(crate) secret: String,
}

impl World {
    pub(crate) async fn of(idp: IdpKind) -> Self {
        Self::over(idp, |store| store).await
    }

    /// The same, administered over what is made of its registry.
    pub(crate) async fn over<R: Registry + 'static>(
        idp: IdpKind,
        registry: impl FnOnce(Arc<MemoryStore>) -> Arc<R>,
    ) -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(Hand(AtomicI64::new(1_700_000_000_000)));
        let ids = Arc::new(UuidIds);
        let key = Keyring::generate(clock.now()).unwrap();
        let registry = registry(store.clone());
        let admin = Admin::new(registry, store.clone(), clock.clone(), ids.clone())
            .with_keys(Arc::new(Keyring::parse(&key).unwrap()));
        let directory = Directory::new(store.clone(), clock.clone(), ids);
        let indexer = Indexer::new(store.clone(), store.clone(), clock.clone());
        let new = NewConnection { idp, ..NewConnection::default() };
        let Configured { connection, minted } =
            admin.connect(&Caller::CLI, "Acme", &new).await.unwrap();
        let (organization, id) = (connection.organization, connection.id);
        let secret = minted.unwrap().reveal().to_owned();
        Self { store, clock, admin, directory, indexer, organization, id, secret }
    }

    /// The connection as it is kept.
    pub(crate) async fn connection(&self) -> Connection {
        self.store.connection(self.id).await.unwrap().unwrap().1
    }

    /// Whoever has the first token, as of now.
    pub(crate) async fn ctx(&self) -> Context {
        self.bearer(&self.secret).await
    }

    pub(crate) async fn bearer(&self, secret: &str) -> Context {
        self.enter(secret).await.unwrap()
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Whether this secret opens the connection now.
    pub(crate) async fn enter(&self, secret: &str) -> Result<Context, AuthError> {
        let authenticator = Authenticator::new(self.store.clone()).with_clock(self.clock.clone());
        authenticator.bearer(Shown::token(secret)).await
    }

    /// Makes a token like this.
    pub(crate) async fn mint(&self, new: Value) -> Result<Minted, AdminError> {
        let new: NewToken = serde_json::from_value(new).unwrap();
        self.admin.mint(&Caller::CLI, self.id, &new).await
    }

    pub(crate) async fn configure(&self, change: Value) -> Result<Connection, AdminError> {
        let change: ConnectionChange = serde_json::from_value(change).unwrap();
        let configured = self.admin.configure(&Caller::CLI, self.id, &change, None).await;
        configured.map(|configured| configured.connection)
    }

    pub(crate) async fn define(&self, text: &Value) -> Result<Connection, AdminError> {
        self.admin.add_definitions(&Caller::CLI, self.id, &text.to_string(), None).await
    }

    /// Makes groups in one change, under the first setup.
    pub(crate) async fn groups(&self, names: impl IntoIterator<Item = String>) -> Vec<ResourceId> {
        let mut site = Site::open(&Subject::new(self.store.clone(), self.store.clone())).await;
        site.at = self.ctx().await.scope();
        let writes: Vec<_> = names.into_iter().map(|name| site.group_named(&name, &[])).collect();
        let ids = writes.iter().map(|write| write.id).collect();
        site.commit(writes).await.unwrap();
        ids
    }

    /// Makes a resource with the present setup.
    pub(crate) async fn create(&self, kind: &str, body: Value) -> Result<Found, Error> {
        self.create_as(&self.ctx().await, kind, body).await
    }

    pub(crate) async fn create_as(
        &self,
        ctx: &Context,
        kind: &str,
        body: Value,
    ) -> Result<Found, Error> {
        self.directory.create(ctx, ty(ctx, kind), body).await
    }

    pub(crate) async fn patch_as(
        &self,
        ctx: &Context,
        kind: &str,
        id: &str,
        operation: Value,
    ) -> Result<Found, Error> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation],
        });
        let at = Named { ty: ty(ctx, kind), id };
        self.directory.patch(ctx, at, body, &Precondition::None, Derived::Hidden).await
    }

    pub(crate) async fn delete(&self, kind: &str, found: &Found) {
        let ctx = self.ctx().await;
        let id = found.record.id.to_string();
        let at = Named { ty: ty(&ctx, kind), id: &id };
        self.directory.delete(&ctx, at, &Precondition::None).await.unwrap();
    }

    /// How many resources a filter finds.
    pub(crate) async fn count(&self, kind: &str, filter: &str) -> u64 {
        let ctx = self.ctx().await;
        let filter = Some(parse_filter(filter).unwrap());
        let search = Search { filter, count: 10, ..Search::default() };
        self.directory.find(&ctx, ty(&ctx, kind), &search).await.unwrap().total
    }
}

/// A type that the connection has.
pub(crate) fn ty<'c>(ctx: &'c Context, kind: &str) -> &'c ResourceType {
    ctx.offer().catalog().ty(kind).unwrap()
}

/// An extension of users with these attributes.
pub(crate) fn badges(attributes: &Value) -> Value {
    json!({
        "schemas": [{"id": BADGE, "attributes": attributes}],
        "extensions": [{"resourceType": "User", "schema": BADGE}],
    })
}

/// The URN of an extension.
pub(crate) const BADGE: &str = "urn:example:badge:1.0:User";
