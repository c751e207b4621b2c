//! What an operator asks, read with care.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::str::FromStr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, IF_MATCH};
use http::request::Parts;
use rollcall_domain::{
    AdminError, Caller, ConnectionId, Idempotency, OrganizationId, PageAsked, Place,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Around;
use super::fault::Fault;
use super::path::Ids;
use super::table::{Kind, Route};
use crate::alike::alike;
use crate::parameters::{Plus, pairs};
use crate::problem::Problem;
use crate::{json, media, read_body};

/// Names a request, so that repeating it does nothing twice.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The longest name of a request.
const LONGEST_KEY: usize = 255;

/// How much of what is wrong with a body is told, in characters.
const TOLD: usize = 500;

/// A revision that nothing has.
const NEVER: u64 = u64::MAX;

/// A request that was understood, and who asks it.
pub(super) struct Ask {
    pub(super) route: &'static Route,
    pub(super) caller: Caller,
    /// The revision that the caller insists on.
    pub(super) expect: Option<u64>,
    ids: Ids,
    query: BTreeMap<&'static str, String>,
    body: Bytes,
}

/// Reads the body of a request that has one.
pub(super) async fn read_body<B>(route: &Route, around: Around<'_>, body: B) -> Result<Bytes, Fault>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    if route.body.is_none() {
        return Ok(Bytes::new());
    }
    let Around { parts, settings, .. } = around;
    let (limit, time) = (settings.body_limit, settings.body_timeout);
    let body = read_body::read(body, &parts.headers, limit, time).await?;
    if !body.is_empty() {
        check_type(&parts.headers)?;
    }
    Ok(body)
}

/// Bodies are plain JSON, and say so.
fn check_type(headers: &HeaderMap) -> Result<(), Fault> {
    let mut types = headers.get_all(CONTENT_TYPE).into_iter();
    let only = match (types.next(), types.next()) {
        (Some(only), None) => only.to_str().unwrap_or_default(),
        _ => "",
    };
    let essence = only.split(';').next().unwrap_or_default().trim();
    if !alike(essence, "application/json") {
        return Err(Problem::media("the body must be `application/json`, and say so").into());
    }
    Ok(media::check_body(headers)?)
}

impl Ask {
    pub(super) fn read(
        route: &'static Route,
        (parts, body): (&Parts, Bytes),
        mut caller: Caller,
        ids: Ids,
    ) -> Result<Self, Fault> {
        let query = query(route, parts.uri.query())?;
        let expect = if_match(route, &parts.headers)?;
        caller.request = request(route, parts, &body)?;
        Ok(Self { route, caller, expect, ids, query, body })
    }

    /// The variable part of the path of this name.
    pub(super) fn part(&self, name: &str) -> &str {
        let found = self.ids.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The id in the path under this name; what is none names nothing.
    pub(super) fn id<T: FromStr>(&self, name: &str, kind: &'static str) -> Result<T, AdminError> {
        self.part(name).parse().map_err(|_| missing(kind, self.part(name)))
    }

    /// The organization in the path.
    pub(super) fn organization(&self) -> Result<OrganizationId, AdminError> {
        self.id("org", "organization")
    }

    /// The connection in the path, which must be of the organization there: on the path of another
    /// it is as little there as one that nobody made.
    pub(super) fn place(&self) -> Result<Place, AdminError> {
        let connection: ConnectionId = self.id("connection", "connection")?;
        let organization = self.organization();
        let organization = organization.map_err(|_| missing("connection", &connection.to_string()));
        Ok(Place { organization: Some(organization?), connection })
    }

    /// The value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The page of a list.
    pub(super) fn page(&self) -> Result<PageAsked, Fault> {
        let limit = self.parameter("limit").map(|limit| {
            let detail = "`limit` is no number: use 1 to 1000";
            limit.parse().map_err(|_| Fault::bad(detail))
        });
        Ok(PageAsked { limit: limit.transpose()?, after: self.parameter("after").map(Into::into) })
    }

    /// The body as text.
    pub(super) fn text(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Fault> {
        Ok(json::parse(self.given())?)
    }

    /// The body. What its type doesn't know is refused, with its name and place.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        if !self.json()?.is_object() {
            return Err(Fault::bad("the body must be a JSON object"));
        }
        serde_json::from_slice(self.given()).map_err(|error| {
            let error = error.to_string();
            Fault::bad(format!("the body: {}", error.chars().take(TOLD).collect::<String>()))
        })
    }

    /// The body, or an empty object where it may be left out.
    fn given(&self) -> &[u8] {
        match self.route.body {
            Some(sent) if sent.optional && self.body.is_empty() => b"{}",
            _ => &self.body,
        }
    }
}

/// How the domain says that there is no such thing.
pub(super) fn missing(kind: &'static str, id: &str) -> AdminError {
    AdminError::NotFound { kind, id: id.chars().take(80).collect() }
}

/// The parameters of a query, each once. Nobody else's are passed over: a misspelt one would be
/// answered as if it weren't there.
fn query(route: &Route, query: Option<&str>) -> Result<BTreeMap<&'static str, String>, Fault> {
    let mut read = BTreeMap::new();
    for pair in pairs(query, Plus::Space) {
        let (name, value) = pair.map_err(|_| Fault::bad("the query is no UTF-8"))?;
        let known = route.query.iter().find(|parameter| parameter.name == name);
        let parameter = known.ok_or_else(|| unknown(route, &name))?;
        if let Kind::OneOf(values) = parameter.kind
            && !values.contains(&&*value)
        {
            let detail = format!("`{name}` is one of {}", values.join(", "));
            return Err(Fault::bad(detail));
        }
        if read.insert(parameter.name, value.into_owned()).is_some() {
            return Err(Fault::bad(format!("`{name}` stands twice in the query")));
        }
    }
    let missing = route.query.iter().find(|one| one.required && !read.contains_key(one.name));
    match missing {
        None => Ok(read),
        Some(missing) => {
            let values = match missing.kind {
                Kind::OneOf(values) => format!(", one of {}", values.join(", ")),
                Kind::Text | Kind::Count => String::new(),
            };
            Err(Fault::bad(format!("the query needs `{}`{values}", missing.name)))
        }
    }
}

fn unknown(route: &Route, name: &str) -> Fault {
    let known: Vec<_> = route.query.iter().map(|parameter| parameter.name).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let name: String = name.chars().take(80).collect();
    Fault::bad(format!("no parameter `{name}`: this path takes {known}"))
}

/// The revision that a write insists on (RFC 9110 §13.1.1). Tags are compared strongly; those that
/// were never given out match nothing.
fn if_match(route: &Route, headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let mut values = headers.get_all(IF_MATCH).into_iter();
    let value = match (values.next(), values.next()) {
        _ if !route.writes() => return Ok(None),
        (None, _) => return Ok(None),
        (Some(_), _) if !route.if_match => {
            return Err(Fault::bad("`If-Match` says nothing here: leave it out"));
        }
        (Some(value), None) => value.to_str().unwrap_or_default().trim(),
        (Some(_), Some(_)) => "",
    };
    if value == "*" {
        return Ok(None);
    }
    let (weak, tag) = match value.strip_prefix("W/") {
        Some(tag) => (true, tag),
        None => (false, value),
    };
    let opaque = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(opaque) = opaque.filter(|opaque| !opaque.contains('"')) else {
        let detail = "`If-Match` takes `*` or the one `ETag` that you read, such as \"3\"";
        return Err(Fault::bad(detail));
    };
    let revision = opaque.parse().ok().filter(|known: &u64| known.to_string() == opaque && !weak);
    Ok(Some(revision.unwrap_or(NEVER)))
}

/// What makes a repeated request known, where its sender named it.
fn request(route: &Route, parts: &Parts, body: &[u8]) -> Result<Option<Idempotency>, Fault> {
    let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).into_iter();
    let key = match (values.next(), values.next()) {
        _ if !route.writes() => return Ok(None),
        (None, _) => return Ok(None),
        (Some(key), None) => key.as_bytes(),
        (Some(_), Some(_)) => b"",
    };
    let visible = key.iter().all(u8::is_ascii_graphic);
    if key.is_empty() || key.len() > LONGEST_KEY || !visible {
        let detail = format!(
            "`Idempotency-Key` takes one name of 1 to {LONGEST_KEY} visible ASCII characters"
        );
        return Err(Fault::bad(detail));
    }
    let key = String::from_utf8_lossy(key).into_owned();
    Ok(Some(Idempotency { key, fingerprint: fingerprint(parts, body) }))
}

/// SHA-256 of everything that was asked. Lengths stand in front, so that no two requests give the
/// same bytes.
fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let query = parts.uri.query().unwrap_or_default();
    let fields = [parts.method.as_str(), parts.uri.path(), query];
    let mut digest = Sha256::new();
    for field in fields.map(str::as_bytes).into_iter().chain([body]) {
        digest.update((field.len() as u64).to_be_bytes());
        digest.update(field);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use http::{Method, Request};

    use super::super::table::ROUTES;
    use super::*;

    fn route(id: &str) -> &'static Route {
        ROUTES.iter().find(|route| route.id == id).unwrap()
    }

    #[track_caller]
    fn insists(values: &[&str], expect: Option<Option<u64>>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, value.parse().unwrap());
        }
        let read = if_match(route("changeOrganization"), &headers).ok();
        assert_eq!(read, expect, "{values:?}");
    }

    #[test]
    fn if_match_names_one_revision() {
        insists(&[], Some(None));
        insists(&["*"], Some(None));
        insists(&["\"3\""], Some(Some(3)));
        insists(&["W/\"3\""], Some(Some(NEVER)));
        insists(&["\"03\""], Some(Some(NEVER)));
        insists(&["\"x\""], Some(Some(NEVER)));
        insists(&["3"], None);
        insists(&[""], None);
        insists(&["\"1\", \"2\""], None);
        insists(&["\"1\"", "\"1\""], None);
    }

    #[track_caller]
    fn asks(id: &str, text: &str, expect: Result<&[(&'static str, &str)], &str>) {
        let read = query(route(id), Some(text)).map_err(|fault| format!("{fault:?}"));
        match (read, expect) {
            (Ok(read), Ok(expect)) => {
                let expect = expect.iter().map(|(name, value)| (*name, (*value).to_owned()));
                assert_eq!(read, expect.collect(), "{text}");
            }
            (Err(told), Err(expect)) => assert!(told.contains(expect), "{told}"),
            (read, expect) => panic!("{text}: {read:?}, not {expect:?}"),
        }
    }

    #[test]
    fn queries_hold_what_the_route_takes() {
        asks("listOrganizations", "", Ok(&[]));
        asks("listOrganizations", "limit=2&after=o%72g", Ok(&[("limit", "2"), ("after", "org")]));
        asks("listOrganizations", "limit=2&limit=2", Err("stands twice"));
        asks("listOrganizations", "Limit=2", Err("no parameter `Limit`: this path takes limit"));
        asks("getOrganization", "x", Err("takes none"));
        asks("listOrganizations", "after=%ff", Err("no UTF-8"));
        asks("deleteConnection", "", Err("needs `people`, one of keep, deactivate, handOver"));
        asks("deleteConnection", "people=Keep", Err("one of keep, deactivate, handOver"));
        asks("deleteConnection", "people=keep", Ok(&[("people", "keep")]));
    }

    #[test]
    fn fingerprints_tell_requests_apart() {
        let of = |method: Method, uri: &str, body: &[u8]| {
            let (parts, ()) =
                Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
            fingerprint(&parts, body)
        };
        let all = [
            of(Method::POST, "/a", b"b"),
            of(Method::PATCH, "/a", b"b"),
            of(Method::POST, "/ab", b""),
            of(Method::POST, "/a?b", b""),
            of(Method::POST, "/a", b"c"),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == one), Some(at));
        }
        assert_eq!(of(Method::POST, "/a", b"b"), all[0]);
    }
}
