//! A connection in a memory store, and the authorization server over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use rollcall_domain::{
    Amend, Amendment, AuthorizationServer as _, Clock, Connection, ConnectionId, Entry, Fetch,
    FetchError, Granted, IdpKind, Ids as _, Keyring, Organization, OrganizationId, Refusal,
    Registry as _, Scopes, Thumbprint, Token, TokenHash, TokenId, TokenKind, TokenRequest, UuidIds,
};
use rollcall_oauth::OAuth;
use rollcall_schema::Instant;
use rollcall_testkit::MemoryStore;
use serde_json::{Value, json};

pub(crate) const ORIGIN: &str = "https://scim.example.com/base";
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const KEYRING: &str = "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// A clock that stands still until it is moved.
pub(crate) struct At(AtomicI64);

impl Clock for At {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl At {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_700_000_000_000)))
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.now().millis() / 1000
    }
}

/// Fetches nothing.
pub(crate) struct Nothing;

#[async_trait]
impl Fetch for Nothing {
    async fn json(&self, url: &str) -> Result<Value, FetchError> {
        panic!("{url} was fetched");
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<At>,
    pub(crate) oauth: Arc<OAuth>,
    pub(crate) organization: OrganizationId,
    pub(crate) connection: ConnectionId,
    fetch: Arc<dyn Fetch>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::fetching(Arc::new(Nothing)).await
    }

    pub(crate) async fn fetching(fetch: Arc<dyn Fetch>) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), At::new());
        let oauth = server(&store, &fetch, &clock);
        let organization = OrganizationId::from_uuid(UuidIds.next());
        let entry = Entry::Organization(Organization {
            id: organization,
            name: "Acme".into(),
            created: clock.now(),
            revision: 0,
        });
        amend(&store, Amend::Add(entry)).await;
        let connection = ConnectionId::from_uuid(UuidIds.next());
        let world = Self { store, clock, oauth, organization, connection, fetch };
        world.add_connection(connection).await;
        world
    }

    pub(crate) async fn add_connection(&self, id: ConnectionId) {
        let made = Connection::new(id, self.organization, IdpKind::Generic, self.clock.now());
        amend(&self.store, Amend::Add(Entry::Connection(Box::new(made)))).await;
    }

    /// Another server over the same registry.
    pub(crate) fn replica(&self) -> Arc<OAuth> {
        server(&self.store, &self.fetch, &self.clock)
    }

    /// A credential, changed before it is kept.
    pub(crate) async fn credential(
        &self,
        kind: TokenKind,
        change: impl FnOnce(&mut Token),
    ) -> TokenId {
        let id = TokenId::from_uuid(UuidIds.next());
        let hash = TokenHash::of(&id.to_string());
        let at = (self.organization, self.connection);
        let mut token = Token { kind, ..Token::bearer(id, at, hash, self.clock.now()) };
        change(&mut token);
        amend(&self.store, Amend::Add(Entry::Token(Box::new(token)))).await;
        id
    }

    /// A secret that opens the token endpoint.
    pub(crate) async fn secret(&self, secret: &str, change: impl FnOnce(&mut Token)) -> TokenId {
        let keep = |token: &mut Token| {
            token.hash = TokenHash::of(secret);
            change(token);
        };
        self.credential(TokenKind::ClientSecret, keep).await
    }

    pub(crate) async fn revoke(&self, id: TokenId) {
        let now = self.clock.now();
        self.change(id, |token| token.revoked = Some(now)).await;
    }

    pub(crate) async fn change(&self, id: TokenId, change: impl FnOnce(&mut Token)) {
        let (mut token, _) = self.store.token(id).await.unwrap().unwrap();
        let expect = token.revision;
        change(&mut token);
        token.revision += 1;
        amend(&self.store, Amend::Replace { entry: Entry::Token(Box::new(token)), expect }).await;
    }

    pub(crate) async fn set(&self, change: impl FnOnce(&mut Connection)) {
        let (_, mut at) = self.store.connection(self.connection).await.unwrap().unwrap();
        let expect = at.revision;
        change(&mut at);
        at.revision += 1;
        amend(&self.store, Amend::Replace { entry: Entry::Connection(Box::new(at)), expect }).await;
    }

    pub(crate) async fn with_secret(&self, secret: &str) -> Result<Granted, Refusal> {
        let client = self.connection.to_string();
        self.oauth.grant(secret_request(self.connection, &client, secret)).await
    }

    pub(crate) async fn with_assertion(&self, assertion: &str) -> Result<Granted, Refusal> {
        self.oauth.grant(assertion_request(self.connection, assertion)).await
    }

    /// Claims of an assertion that the client of the connection makes itself.
    pub(crate) fn claims(&self, jti: &str) -> Value {
        let now = self.clock.seconds();
        json!({
            "iss": self.connection, "sub": self.connection, "jti": jti,
            "aud": format!("{ORIGIN}/connections/{}/oauth/token", self.connection),
            "iat": now, "exp": now + 60,
        })
    }
}

pub(crate) fn secret_request<'a>(
    connection: ConnectionId,
    client: &'a str,
    secret: &'a str,
) -> TokenRequest<'a> {
    TokenRequest {
        connection,
        grant_type: Some("client_credentials"),
        client_id: Some(client),
        client_secret: Some(secret),
        assertion_type: None,
        assertion: None,
        scope: None,
        certificate: None,
    }
}

pub(crate) fn assertion_request(connection: ConnectionId, text: &str) -> TokenRequest<'_> {
    TokenRequest {
        client_id: None,
        client_secret: None,
        assertion_type: Some(JWT_BEARER),
        assertion: Some(text),
        ..secret_request(connection, "", "")
    }
}

pub(crate) async fn amend(store: &MemoryStore, act: Amend) {
    store.amend(Amendment { acts: vec![act], ..Amendment::default() }).await.unwrap();
}

pub(crate) fn scopes(text: &str) -> Scopes {
    text.parse().unwrap()
}

pub(crate) const CERTIFICATE: Thumbprint = Thumbprint([7; 32]);

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "results read better without `&`")]
pub(crate) fn is_no_client(granted: Result<Granted, Refusal>) {
    assert!(matches!(granted, Err(Refusal::InvalidClient)), "{granted:?}");
}

fn server(store: &Arc<MemoryStore>, fetch: &Arc<dyn Fetch>, clock: &Arc<At>) -> Arc<OAuth> {
    let keyring: Keyring = KEYRING.parse().unwrap();
    let (store, fetch, clock) = (Arc::clone(store), Arc::clone(fetch), Arc::clone(clock));
    let ids = Arc::new(UuidIds);
    Arc::new(OAuth::new(store, Arc::new(keyring), fetch, clock, ids, format!("{ORIGIN}/")))
}
