//! The absolute URLs of one connection's directory.

use std::sync::Arc;

use moka::sync::Cache;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rollcall_domain::{ConnectionId, Offer};
use rollcall_schema::ResourceType;

/// What can stand neither in a header nor, unescaped, in a JSON string.
const UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'\\').add(b'<').add(b'>');

/// The sites of connections, made once per revision of what they offer.
pub(crate) struct Sites {
    origin: String,
    known: Cache<(ConnectionId, u64), Site>,
}

/// How many sites are kept.
const KEPT: u64 = 1_000;

impl Sites {
    pub(crate) fn new(origin: String) -> Self {
        Self { origin, known: Cache::new(KEPT) }
    }

    /// The site of a connection.
    pub(crate) fn of(&self, connection: ConnectionId, offer: &Offer) -> Site {
        self.known.get_with((connection, offer.revision()), || {
            let endpoints = Endpoints::of(offer.catalog().types());
            Site::new(&self.origin, Some(connection), Arc::new(endpoints))
        })
    }

    /// The site of whatever connection a token opens.
    pub(crate) fn of_any(&self, offer: &Offer) -> Site {
        let endpoints = Endpoints::of(offer.catalog().types());
        Site::new(&self.origin, None, Arc::new(endpoints))
    }
}

/// A SCIM base URL and the endpoints below it (R-HTTP-12, R-TEN-05).
///
/// Everything that it gives out is visible ASCII without quotes.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    base: Arc<str>,
    endpoints: Arc<Endpoints>,
}

/// The endpoint of each resource type, by the name of the type.
#[derive(Debug)]
pub(crate) struct Endpoints(Vec<(Box<str>, Box<str>)>);

impl Endpoints {
    pub(crate) fn of(types: &[Arc<ResourceType>]) -> Self {
        let endpoint = |ty: &Arc<ResourceType>| (ty.name().into(), safe(ty.endpoint()).into());
        Self(types.iter().map(endpoint).collect())
    }
}

impl Site {
    /// The directory of a connection; without one, of whatever connection a token opens.
    pub(crate) fn new(
        origin: &str,
        connection: Option<ConnectionId>,
        endpoints: Arc<Endpoints>,
    ) -> Self {
        let base = match connection {
            Some(id) => base_of(origin, id),
            None => format!("{origin}/scim/v2"),
        };
        Self { base: base.into(), endpoints }
    }

    /// The SCIM base URL.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The endpoint of the type with this name.
    pub(crate) fn endpoint(&self, kind: &str) -> Option<&str> {
        self.endpoints.0.iter().find(|(name, _)| **name == *kind).map(|(_, endpoint)| &**endpoint)
    }

    /// The URL of a resource; the base for a type that is not served.
    pub(crate) fn location(&self, kind: &str, id: impl std::fmt::Display) -> String {
        match self.endpoint(kind) {
            Some(endpoint) => format!("{}/{endpoint}/{id}", self.base),
            None => self.base.to_string(),
        }
    }
}

/// The SCIM base of a connection.
pub(crate) fn base_of(origin: &str, connection: impl std::fmt::Display) -> String {
    format!("{origin}/connections/{connection}/scim/v2")
}

/// What clients put before `/connections`: the public URL, then the mount.
pub(crate) fn origin(public_url: &str, mount: &str) -> String {
    let mut origin = safe(public_url.trim().trim_end_matches('/'));
    for segment in mount.split('/').filter(|segment| !segment.is_empty()) {
        origin.push('/');
        origin.push_str(&safe(segment));
    }
    origin
}

fn safe(text: &str) -> String {
    utf8_percent_encode(text, UNSAFE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(public_url: &str, mount: &str, expect: &str) {
        assert_eq!(origin(public_url, mount), expect, "{public_url} and {mount}");
    }

    #[test]
    fn the_origin_is_what_was_configured() {
        // R-HTTP-12
        check("https://x.example", "", "https://x.example");
        check("https://x.example/", "/", "https://x.example");
        check("https://x.example:8443/a/", "api/auth/", "https://x.example:8443/a/api/auth");
        check("https://x.example/\"\r\n", "", "https://x.example/%22");
    }
}
