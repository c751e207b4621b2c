//! An HTTP client that looks at the form of every answer.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::wait::PATIENCE;

/// The media type of SCIM.
pub const SCIM_JSON: &str = "application/scim+json";
/// The schema of an error.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// The schema of a list.
pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The schema of a PATCH.
pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The schema of a search.
pub const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// The schema of a bulk request.
pub const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The schema of the answer to one.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// Sends requests to one server over connections that stay open.
#[derive(Clone, Debug)]
pub struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    origin: String,
}

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Bytes,
    /// How long it took.
    pub took: Duration,
    /// What was asked, for messages.
    asked: String,
}

impl Client {
    /// A client of the server at `origin` (`http://127.0.0.1:1234`) over HTTP/1.1.
    pub fn new(origin: impl Into<String>) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self { http, origin: origin.into() }
    }

    /// The same over HTTP/2 in clear text, as one who knows that the server speaks it.
    pub fn http2(origin: impl Into<String>) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { http, origin: origin.into() }
    }

    /// Where the server is.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// What went wrong below HTTP.
    pub async fn try_send(&self, request: Request) -> Result<Answer, String> {
        let asked = format!("{} {}", request.method, request.path);
        let uri: Uri = format!("{}{}", self.origin, request.path)
            .parse()
            .unwrap_or_else(|error| panic!("{asked}: the test asks for no URI: {error}"));
        let (_, mut message) = request.into_message();
        *message.uri_mut() = uri;
        let began = Instant::now();
        let whole = async {
            let answer = self.http.request(message).await.map_err(|error| chain(&error))?;
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.map_err(|error| chain(&error))?.to_bytes();
            Ok::<_, String>((parts, body))
        };
        let whole = tokio::time::timeout(PATIENCE, whole).await;
        let (parts, body) = whole.map_err(|_| format!("{asked}: no answer in {PATIENCE:?}"))??;
        let took = began.elapsed();
        Ok(Answer::new(asked, &parts, body, took))
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request) -> Answer {
        let asked = format!("{} {}", request.method, request.path);
        self.try_send(request).await.unwrap_or_else(|error| panic!("{asked}: {error}"))
    }
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: &str, path: impl Into<String>) -> Self {
        let method = method.parse().expect("the test names a method");
        Self { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Adds a header, beside those of the same name.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name: HeaderName = name.parse().expect("the test names a header");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("the test sends a header");
        self.headers.append(name, value);
        self
    }

    /// Authenticates with a bearer token, instead of any other.
    pub fn bearer(mut self, token: &str) -> Self {
        self.headers.remove(AUTHORIZATION);
        self.header(AUTHORIZATION.as_str(), format!("Bearer {token}"))
    }

    /// Carries a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header(CONTENT_TYPE.as_str(), SCIM_JSON).body(body.to_string())
    }

    /// What is asked, for messages, and the message itself, to whoever it is sent.
    pub(crate) fn into_message(self) -> (String, http::Request<Full<Bytes>>) {
        let asked = format!("{} {}", self.method, self.path);
        let mut message = http::Request::new(Full::new(self.body));
        *message.method_mut() = self.method;
        *message.uri_mut() = self
            .path
            .parse()
            .unwrap_or_else(|error| panic!("{asked}: the test asks for no URI: {error}"));
        *message.headers_mut() = self.headers;
        (asked, message)
    }

    /// Carries a form (RFC 6749 §4.4.2).
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", crate::idp::encoded(value));
        let body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
        self.header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded").body(body)
    }

    /// Carries any body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// An answer as bytes that two requests can share: without the request's id and the date.
pub fn bytes(answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let id = answer.header("x-request-id").unwrap_or("no request id");
    // Ids have a number at their end, which grows: so does what holds one.
    let is_own = |name: &str| match name {
        "date" | "x-request-id" => true,
        "content-length" => body.contains(id),
        _ => false,
    };
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !is_own(name.as_str()))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    format!("{} {}\n{}", answer.status, headers.join("\n"), body.replace(id, "‹request›"))
}

impl Answer {
    pub(crate) fn new(
        asked: String,
        parts: &http::response::Parts,
        body: Bytes,
        took: Duration,
    ) -> Self {
        Self { status: parts.status.as_u16(), headers: parts.headers.clone(), body, took, asked }
    }

    /// The answer, which must have this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The id of the resource in the body.
    #[track_caller]
    pub fn id(&self) -> String {
        let body = self.json();
        body["id"].as_str().unwrap_or_else(|| panic!("no id\n{self}")).to_owned()
    }

    /// The resources of the list in the body.
    #[track_caller]
    pub fn resources(&self) -> Vec<Value> {
        let body = self.json();
        body["Resources"].as_array().unwrap_or_else(|| panic!("no list\n{self}")).clone()
    }

    /// The ids of the resources of the list in the body.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        let id = |resource: &Value| resource["id"].as_str().map(str::to_owned);
        self.resources().iter().map(|resource| id(resource).expect("resources have ids")).collect()
    }

    /// What became of each operation of a bulk request, whose form is checked.
    #[track_caller]
    pub fn operations(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self}");
        let body = self.json();
        assert_eq!(body["schemas"], json!([BULK_RESPONSE]), "{self}");
        let operations =
            body["Operations"].as_array().unwrap_or_else(|| panic!("no operations\n{self}"));
        for operation in operations {
            // R-BULK-03.
            let status =
                operation["status"].as_str().unwrap_or_else(|| panic!("no status\n{self}"));
            match status.starts_with('2') {
                true => assert!(operation["location"].is_string(), "{operation}\n{self}"),
                false => {
                    let error = &operation["response"];
                    assert_eq!(error["schemas"], json!([ERROR]), "{operation}\n{self}");
                    assert_eq!(error["status"], *status, "{operation}\n{self}");
                    assert!(error["detail"].is_string(), "{operation}\n{self}");
                    assert!(!status.starts_with('5') || status == "501", "{operation}\n{self}");
                }
            }
        }
        operations.clone()
    }

    /// The statuses of the operations of a bulk request, with a space between each two.
    #[track_caller]
    pub fn statuses(&self) -> String {
        let operations = self.operations();
        let statuses = operations.iter().filter_map(|operation| operation["status"].as_str());
        statuses.collect::<Vec<_>>().join(" ")
    }

    /// Asserts that this is a SCIM error of this status and kind. Answers its detail.
    #[track_caller]
    pub fn refused(&self, status: u16, scim_type: &str) -> String {
        assert_eq!(self.status, status, "{self}");
        let body = self.json();
        let expect = if scim_type.is_empty() { Value::Null } else { json!(scim_type) };
        assert_eq!(body["scimType"], expect, "{self}");
        body["detail"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts what holds for every answer under a SCIM base, whatever was asked.
    #[track_caller]
    pub fn well_formed(self) -> Self {
        assert!(self.status < 500 || self.status == 501, "the server failed: {self}");
        if self.asked.starts_with("HEAD") || matches!(self.status, 202 | 204 | 304) {
            assert!(self.body.is_empty(), "a body where none belongs: {self}");
            return self;
        }
        let media_type = self.header("content-type").unwrap_or_default();
        let known = media_type.starts_with(SCIM_JSON) || media_type.starts_with("application/json");
        assert!(known, "media type `{media_type}`: {self}");
        let body = self.json();
        if self.status >= 400 {
            // R-ERR-01, R-ERR-02.
            assert_eq!(body["schemas"], json!([ERROR]), "{self}");
            assert_eq!(body["status"], json!(self.status.to_string()), "{self}");
            let detail = body["detail"].as_str().unwrap_or_default();
            assert!(!detail.is_empty(), "an error without a word: {self}");
        }
        if let Some(version) = body.pointer("/meta/version").and_then(Value::as_str) {
            // R-COMMON-06, R-ETAG-01; discovery has its own tags.
            let tag = self.header("etag");
            assert!(tag.is_none() || tag == Some(version), "ETag and meta.version: {self}");
        }
        if let (Some(header), Some(body)) =
            (self.header("location"), body.pointer("/meta/location").and_then(Value::as_str))
        {
            // R-COMMON-05.
            assert_eq!(header, body, "Location and meta.location: {self}");
        }
        assert!(!has_key(&body, "password"), "a password came back: {self}");
        self
    }
}

/// Whether an object in `value`, at whatever depth, has this key. Definitions of attributes name
/// theirs as values.
fn has_key(value: &Value, key: &str) -> bool {
    match value {
        Value::Object(object) => {
            object.contains_key(key) || object.values().any(|value| has_key(value, key))
        }
        Value::Array(list) => list.iter().any(|value| has_key(value, key)),
        _ => false,
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 3000;
        let body = String::from_utf8_lossy(&self.body);
        let body: String = body.chars().take(SHOWN).collect();
        let asked: String = self.asked.chars().take(SHOWN).collect();
        write!(f, "{asked}\n  {} {:?}\n  {body}", self.status, self.headers)
    }
}
