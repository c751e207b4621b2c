//! OAuth 2.0 as clients meet it: token endpoints, access tokens, keys, and issuers elsewhere.

mod endpoint;
mod issuers;
mod signing;

use rollcall_domain::{Ids as _, UuidIds};
use rollcall_tests::client::{Answer, Request};
use rollcall_tests::idp::Idp;
use rollcall_tests::issuer::{SigningKey, now};
use rollcall_tests::operator::{Made, Operator, text};
use rollcall_tests::server::{PUBLIC_URL, Server};
use rollcall_tests::wait::becomes;
use serde_json::{Value, json};

/// The one type of assertions (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A connection whose IdP gets access tokens.
struct Client {
    owner: Operator,
    made: Made,
    idp: Idp,
}

impl Client {
    async fn new(server: &Server) -> Self {
        let owner = server.owner();
        let organization = owner.organization(&format!("Client {}", UuidIds.next())).await;
        let made = owner.connection(&organization, json!({})).await;
        let idp = made.idp(&server.client, &server.store);
        Self { owner, made, idp }
    }

    fn id(&self) -> String {
        self.made.text("connectionId")
    }

    /// `iss` of its access tokens.
    fn issuer(&self) -> String {
        format!("{PUBLIC_URL}/connections/{}", self.id())
    }

    fn endpoint(&self) -> String {
        format!("/connections/{}/oauth/token", self.id())
    }

    /// Makes a credential. Answers it.
    async fn credential(&self, body: Value) -> Value {
        let tokens = format!("{}/tokens", self.made.path);
        self.owner.post(&tokens, &body).await.is(201).json()
    }

    async fn revoke(&self, credential: &Value) {
        let path = format!("{}/tokens/{}", self.made.path, text(credential, "tokenId"));
        self.owner.delete(&path).await.is(200);
    }

    /// Makes a client secret. Answers the secret.
    async fn secret(&self) -> String {
        text(&self.credential(json!({"proof": {"kind": "clientSecret"}})).await, "token")
    }

    async fn ask(&self, fields: &[(&str, &str)]) -> Answer {
        self.idp.client.send(Request::new("POST", self.endpoint()).form(fields)).await
    }

    async fn by_secret(&self, secret: &str) -> Answer {
        let id = self.id();
        let fields =
            [("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", secret)];
        self.ask(&fields).await
    }

    async fn by_assertion(&self, assertion: &str) -> Answer {
        let id = self.id();
        self.by_assertion_of(&id, assertion).await
    }

    async fn by_assertion_of(&self, client_id: &str, assertion: &str) -> Answer {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
            ("scope", "scim"),
        ];
        self.ask(&fields).await
    }

    /// The same connection with this token.
    fn with(&self, token: impl Into<String>) -> Idp {
        Idp { token: token.into(), ..self.idp.clone() }
    }

    /// What an assertion of the client itself says (RFC 7523 §3).
    fn claims(&self) -> Value {
        json!({"iss": self.id(), "sub": self.id(), "aud": self.issuer(), "iat": now(),
            "exp": now() + 60, "jti": UuidIds.next().to_string()})
    }
}

/// The access token in an answer.
#[track_caller]
fn granted(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer}");
    text(&answer.json(), "access_token")
}

/// Asserts that this is an error of a token endpoint (RFC 6749 §5.2).
#[track_caller]
fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{answer}");
    let body = answer.json();
    assert_eq!(body["error"], json!(error), "{answer}");
    assert!(body["error_description"].is_string(), "{answer}");
    assert!(body.get("access_token").is_none(), "{answer}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
    let media_type = answer.header("content-type").unwrap_or_default();
    assert!(media_type.starts_with("application/json"), "{answer}");
    assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{answer}");
}

/// A list of the simplest kind, whatever comes of it.
async fn users(idp: &Idp) -> Answer {
    idp.client.send(idp.request("GET", "/Users?count=1")).await
}

/// Claims with something else in them; null takes away.
fn but(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(claims.as_object_mut().map(|claims| claims.remove(name))),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// The public halves of keys, as a client registers them.
fn jwks(keys: &[&SigningKey]) -> Value {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    json!({ "keys": keys })
}
