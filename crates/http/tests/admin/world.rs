//! An app with an admin API, a few organizations, and short words to talk to it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use rollcall_domain::{
    Admin, Authenticator, Caller, CheckError, Clock, Directory, Jobs, Keyring, NewAdminKey, Role,
    SignIn, Traffics, UuidIds,
};
use rollcall_http::{AdminApi, App, Peer, Settings};
use rollcall_schema::Instant;
use rollcall_testkit::MemoryStore;
use serde_json::{Value, json};

use crate::shape;

pub(crate) const PUBLIC: &str = "https://scim.example";

/// Whose tokens operators sign in with.
pub(crate) const ISSUER: &str = "https://idp.example";

/// A token of that issuer, for the subject `ada`.
pub(crate) const SIGNED: &str = "aaaa.bbbb.cccc";

const KEYS: &str = "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// 2026-01-01T00:00:00Z.
const BEGAN: i64 = 1_767_225_600_000;

/// An app with two organizations that have everything, and one that has nothing.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) jobs: Jobs,
    pub(crate) now: Arc<Now>,
    /// The key of an owner for every organization.
    pub(crate) root: String,
    pub(crate) a: Customer,
    pub(crate) b: Customer,
    /// An organization without connections.
    pub(crate) empty: String,
    /// The document that the app serves.
    pub(crate) document: Value,
}

/// An organization with one of everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Customer {
    pub(crate) org: String,
    pub(crate) connection: String,
    /// Another of the same organization.
    pub(crate) second: String,
    pub(crate) token: String,
    /// A token that is being rotated, and the one in its place.
    pub(crate) old: String,
    pub(crate) new: String,
    pub(crate) job: String,
    /// An admin key of the organization, and its secret.
    pub(crate) key: String,
    pub(crate) secret: String,
    /// The secret of a credential of the connection.
    pub(crate) bearer: String,
}

/// A clock that stands still until it is told.
pub(crate) struct Now(AtomicI64);

impl Now {
    pub(crate) fn pass(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for Now {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.load(Ordering::Relaxed))
    }
}

struct Issuer;

#[async_trait::async_trait]
impl SignIn for Issuer {
    async fn subject(&self, token: &str) -> Result<Option<(String, String)>, CheckError> {
        match token {
            SIGNED => Ok(Some((ISSUER.into(), "ada".into()))),
            "down.down.down" => Err(CheckError::NoKeys),
            _ => Ok(None),
        }
    }
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// A request to be made.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: Option<Value>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Settings { public_url: PUBLIC.into(), ..Settings::default() }).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let store = Arc::new(MemoryStore::new());
        let now = Arc::new(Now(AtomicI64::new(BEGAN)));
        let ids = Arc::new(UuidIds);
        let admin = Admin::new(store.clone(), store.clone(), now.clone(), ids.clone())
            .with_keys(Arc::new(KEYS.parse::<Keyring>().unwrap()));
        let new = NewAdminKey {
            name: "root".into(),
            role: Role::Owner,
            organization: None,
            expires: None,
            subject: None,
        };
        let root = admin.create_admin_key(&Caller::CLI, &new).await.unwrap();
        let api = AdminApi::new(admin)
            .with_traffics(Arc::new(Traffics::new(store.clone(), now.clone())))
            .with_sign_in(Arc::new(Issuer), ISSUER);
        let directory = Directory::new(store.clone(), now.clone(), ids.clone());
        let jobs = Jobs::new(store.clone(), store.clone(), now.clone(), ids);
        let authenticator = Authenticator::new(store.clone()).with_clock(now.clone());
        let app = App::new(directory, authenticator, store, settings).with_admin(api);
        let mut world = Self {
            app,
            jobs,
            now,
            root: root.secret.unwrap().reveal().into(),
            a: Customer::default(),
            b: Customer::default(),
            empty: String::new(),
            document: Value::Null,
        };
        let document = world.raw(Method::GET, "/api/v1/openapi.json", None, &[], None).await;
        world.document = document.json();
        world.a = world.customer("A").await;
        world.b = world.customer("B").await;
        let empty = world.post("/organizations", json!({"name": "Empty"})).await;
        world.empty = empty.text_of("organizationId");
        world
    }

    /// Makes an organization with one of everything.
    async fn customer(&self, name: &str) -> Customer {
        let org = self.post("/organizations", json!({ "name": name })).await;
        let org = org.text_of("organizationId");
        let at = format!("/organizations/{org}/connections");
        let mut connections = Vec::new();
        for name in ["first", "second", "third"] {
            let body = json!({"idp": "okta", "settings": {"name": name}});
            connections.push(self.post(&at, body).await.is(201).json());
        }
        let id = |at: usize| connections[at]["connectionId"].as_str().unwrap().to_owned();
        let (connection, second, third) = (id(0), id(1), id(2));
        let removed = format!("{at}/{third}?people=keep");
        let job = self.send(Method::DELETE, &removed, &[], None).await.is(202).text_of("jobId");
        let tokens = format!("{at}/{connection}/tokens");
        let minted = self.post(&tokens, json!({"name": "one"})).await.is(201).clone();
        let old = self.post(&tokens, json!({"name": "two"})).await.is(201).text_of("tokenId");
        let rotation = self.post(&format!("{tokens}/{old}/rotation"), json!({})).await;
        let new = rotation.is(201).text_of("tokenId");
        self.post(&format!("{at}/{connection}/schemas"), json!({"pack": "roles"})).await.is(200);
        let body = json!({"name": name, "role": "owner", "organizationId": org});
        let key = self.post("/admin/keys", body).await.is(201).clone();
        Customer {
            org,
            connection,
            second,
            token: minted.text_of("tokenId"),
            old,
            new,
            job,
            key: key.text_of("adminKeyId"),
            secret: key.text_of("key"),
            bearer: minted.text_of("token"),
        }
    }

    /// A key of this role, for one organization or for all.
    pub(crate) async fn key(&self, role: &str, organization: Option<&str>) -> String {
        let body = json!({"name": role, "role": role, "organizationId": organization});
        self.post("/admin/keys", body).await.is(201).text_of("key")
    }

    /// Sends a request as it is.
    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body: Full<Bytes> = Full::from(body.unwrap_or_default());
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Peer(IpAddr::from([192, 0, 2, 1])));
        let (head, body) = self.app.handle(request).await.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    /// Sends a request, and holds its answer to the document.
    pub(crate) async fn ask(&self, asked: &Asked<'_>) -> Answer {
        let Asked { method, path, key, headers, body } = asked;
        let mut headers = headers.clone();
        let body = body.as_ref().map(|body| Bytes::from(body.to_string()));
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let path = format!("/api/v1{path}");
        let answer = self.raw(method.clone(), &path, *key, &headers, body).await;
        if !self.document.is_null() {
            shape::check_answer(&self.document, method, &path, &answer);
        }
        answer
    }

    /// Sends a request of the owner of everything.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let headers = headers.to_vec();
        self.ask(&Asked { method, path, key: Some(&self.root), headers, body }).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }
}

impl Customer {
    /// The path of its connection.
    pub(crate) fn at(&self) -> String {
        format!("/organizations/{}/connections/{}", self.org, self.connection)
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A member of the body.
    #[track_caller]
    pub(crate) fn text_of(&self, name: &str) -> String {
        let body = self.json();
        body[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {body}")).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// That it says no, and why.
    #[track_caller]
    pub(crate) fn says(&self, status: u16, detail: &str) -> &Self {
        self.is(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert!(self.text_of("detail").contains(detail), "{}", self.text);
        self
    }
}
