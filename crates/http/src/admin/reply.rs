//! Every answer of the admin API that says yes.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use rollcall_domain::TokenKind;
use serde_json::{Map, Value};

use super::BASE;
use super::ask::Ask;
use super::calls::Answer;
use super::table::variable;
use crate::site::{base_of, origin};
use crate::{Body, Settings, reply};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Says that the answer is that of the request before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Where the server is.
pub(super) struct Home {
    /// The URL of the admin API.
    pub(super) api: String,
    /// What clients put before `/connections`.
    origin: String,
    /// The path of that.
    mount: String,
}

impl Home {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            api: format!("{}{BASE}", origin(&settings.public_url, "")),
            origin: origin(&settings.public_url, &settings.mount),
            mount: origin("", &settings.mount),
        }
    }

    /// The SCIM base URL of a connection.
    pub(super) fn base_url(&self, connection: &str) -> String {
        base_of(&self.origin, connection)
    }

    /// Says where a connection is, in everything that names one.
    fn locate(&self, shown: &mut Value) {
        match shown {
            Value::Object(object) if object.contains_key("items") => {
                let items = object.get_mut("items").and_then(Value::as_array_mut);
                items.into_iter().flatten().for_each(|item| self.locate(item));
            }
            Value::Object(object) => {
                let id = object.get("connectionId").and_then(Value::as_str).map(str::to_owned);
                if let Some(id) = id {
                    object.insert("basePath".into(), base_of(&self.mount, &id).into());
                    object.insert("baseUrl".into(), self.base_url(&id).into());
                    if is_of_oauth(object) {
                        let endpoint = format!("{}/connections/{id}/oauth/token", self.origin);
                        object.insert("tokenEndpoint".into(), endpoint.into());
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether it is a credential that access tokens are granted to.
fn is_of_oauth(shown: &Map<String, Value>) -> bool {
    shown.contains_key("tokenId")
        && shown.get("kind").is_some_and(|kind| *kind != TokenKind::Bearer.name())
}

/// What is answered, and whether it was answered before.
pub(super) struct Made {
    answer: Answer,
    again: bool,
}

impl Made {
    pub(super) fn new(answer: Answer) -> Self {
        Self { answer, again: false }
    }

    pub(super) fn again(answer: Value) -> Self {
        Self { answer: answer.into(), again: true }
    }
}

/// The answer to a request.
pub(super) fn render(ask: &Ask, home: &Home, made: Made) -> Response<Body> {
    let Made { answer: Answer { mut shown, revision }, again } = made;
    home.locate(&mut shown);
    let mut response = json(shown.to_string());
    // Every status of the table is one.
    *response.status_mut() = StatusCode::from_u16(ask.route.status).unwrap_or_default();
    if let Some(revision) = revision {
        response = reply::with(response, ETAG, &format!("\"{revision}\""));
    }
    if let (Some(template), Some(object)) = (ask.route.location, shown.as_object()) {
        let location = format!("{}{}", home.api, filled(template, ask, object));
        response = reply::with(response, LOCATION, &location);
    }
    match again {
        true => reply::with(response, REPLAYED, "true"),
        false => response,
    }
}

/// The OpenAPI document.
pub(super) fn document(document: Bytes) -> Response<Body> {
    json(document)
}

fn json(body: impl Into<Bytes>) -> Response<Body> {
    let mut response = reply::ok(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// A template filled with members of the answer, then with variable parts of the path.
fn filled(template: &'static str, ask: &Ask, shown: &Map<String, Value>) -> String {
    let segments = template.split('/').map(|segment| match variable(segment) {
        Some(name) => shown.get(name).and_then(Value::as_str).unwrap_or_else(|| ask.part(name)),
        None => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}
