//! From a path to what it names: one `match` on its segments.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;
use rollcall_domain::Capabilities;
use rollcall_schema::{ResourceType, standard};

use crate::admin::AdminPath;
use crate::alike::alike;
use crate::oauth::OAuth;
use crate::problem::{Problem, ScimType};

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Place {
    /// Health, readiness or metrics, outside of the mount.
    Operation(Operation),
    /// Something below the base of the admin API.
    Admin(AdminPath),
    /// Something below a SCIM base.
    Scim(Scim),
    /// Something of the authorization servers.
    OAuth(OAuth),
    /// Nothing.
    Nowhere,
}

/// What operators ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Health,
    Readiness,
    Metrics,
}

/// A path below a SCIM base. What is there depends on the connection, and whoever has no token
/// learns nothing more about it (R-E-05).
#[derive(Debug)]
pub(crate) struct Scim {
    /// The connection as it stands in the path; without one the token decides.
    pub(crate) connection: Option<String>,
    /// What stands behind the base, decoded; `None` where that is no text.
    segments: Option<Vec<String>>,
}

/// Why there is nothing below a SCIM base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// A version of the protocol that isn't spoken (R-HTTP-05).
    Version,
    /// No such endpoint.
    Nowhere,
}

/// Something below a SCIM base.
#[derive(Debug)]
pub(crate) enum Endpoint {
    /// The resources of a type.
    Collection(Arc<ResourceType>),
    /// A search by POST among them. No id can be `.search` (R-SEARCH-05).
    Search(Arc<ResourceType>),
    /// One of them, by its id as it was sent.
    Resource(Arc<ResourceType>, String),
    /// The resources of all types.
    Root,
    /// A search by POST among those.
    RootSearch,
    /// Many operations at once.
    Bulk,
    /// What became of a request that was answered before it was done.
    Outcome(String),
    /// The resource that the credential stands for.
    Me,
    /// Something that describes the service.
    Discovery(Entry),
}

/// A page of discovery.
#[derive(Debug)]
pub(crate) enum Entry {
    Config,
    Schemas,
    Schema(String),
    ResourceTypes,
    ResourceType(String),
}

/// Endpoints that every connection has, by name.
#[derive(Clone, Copy)]
enum Fixed {
    Config,
    Schemas,
    ResourceTypes,
    Bulk,
    Me,
    Outcomes,
}

const FIXED: [(&str, Fixed); 6] = [
    ("ServiceProviderConfig", Fixed::Config),
    ("Schemas", Fixed::Schemas),
    ("ResourceTypes", Fixed::ResourceTypes),
    ("Bulk", Fixed::Bulk),
    ("Me", Fixed::Me),
    (OUTCOMES, Fixed::Outcomes),
];

/// The endpoint below which it stands what became of requests (RFC 9967 §2.5.1.1).
pub(crate) const OUTCOMES: &str = "AsyncResults";

const NO_BULK: &str = "bulk requests are not offered: send each operation by itself";
const NO_PATCH: &str = "PATCH is not offered: read the resource, change it and PUT it";

impl Place {
    /// Finds what a path names. Empty segments don't count, so that trailing and doubled slashes
    /// change nothing (R-HTTP-08); `mount` holds the segments before the SCIM bases, and `public`
    /// those of the public URL, which proxies take away, mostly. Below one of
    /// those a segment that can't be read leads nowhere, but not past authentication (R-E-05).
    pub(crate) fn of(path: &str, mount: &[String], public: &[String]) -> Self {
        let decoded: Vec<Option<String>> =
            path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
        let segments: Vec<&str> =
            decoded.iter().map(|s| s.as_deref().unwrap_or_default()).collect();
        match segments.as_slice() {
            ["healthz"] => return Self::Operation(Operation::Health),
            ["readyz"] => return Self::Operation(Operation::Readiness),
            ["metrics"] => return Self::Operation(Operation::Metrics),
            _ => {}
        }
        if let Some(oauth) = OAuth::of(&segments, mount, public) {
            return Self::OAuth(oauth);
        }
        let (connection, rest) = match below(&segments, mount) {
            Some(["connections", id, "scim", rest @ ..]) => (Some((*id).to_owned()), rest.len()),
            Some(["scim", rest @ ..]) => (None, rest.len()),
            _ => match segments.as_slice() {
                ["api", "v1", rest @ ..] => {
                    let behind = rest.len();
                    return Self::Admin(AdminPath::new(last(decoded, behind)));
                }
                _ => return Self::Nowhere,
            },
        };
        Self::Scim(Scim { connection, segments: last(decoded, rest) })
    }

    /// The path with its variable parts left out, for metrics and traces; `None` where it takes
    /// the types of a connection to tell.
    pub(crate) fn template(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Operation(Operation::Health) => Some("/healthz".into()),
            Self::Operation(Operation::Readiness) => Some("/readyz".into()),
            Self::Operation(Operation::Metrics) => Some("/metrics".into()),
            Self::Admin(path) => path.template(),
            Self::Scim(scim) => Some(scim.endpoint(standard::types()).ok()?.template()),
            Self::OAuth(oauth) => Some(oauth.template().into()),
            Self::Nowhere => None,
        }
    }
}

/// The segments of a public URL, behind its host.
pub(crate) fn public_segments(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    path.split('/').filter(|segment| !segment.is_empty()).filter_map(decode).collect()
}

/// The segments behind the mount.
pub(crate) fn below<'s, 'p>(segments: &'s [&'p str], mount: &[String]) -> Option<&'s [&'p str]> {
    let (head, rest) = segments.split_at_checked(mount.len())?;
    (head == mount).then_some(rest)
}

/// The last so many segments; `None` where any is no text.
fn last(decoded: Vec<Option<String>>, count: usize) -> Option<Vec<String>> {
    let before = decoded.len() - count;
    let readable: Option<Vec<String>> = decoded.into_iter().collect();
    readable.map(|segments| segments.into_iter().skip(before).collect())
}

/// Percent-decodes a segment once; what isn't text, or holds a slash, names nothing (R-HTTP-07).
fn decode(segment: &str) -> Option<String> {
    let decoded = percent_decode_str(segment).decode_utf8().ok()?;
    (!decoded.contains('/')).then(|| decoded.into_owned())
}

impl Scim {
    /// What is there on a connection with these resource types.
    pub(crate) fn endpoint(&self, types: &[Arc<ResourceType>]) -> Result<Endpoint, Lost> {
        let segments = self.segments.as_ref().ok_or(Lost::Nowhere)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        Endpoint::of(&segments, types)
    }
}

impl Endpoint {
    /// The version stands right before the endpoint, or not at all (RFC 7644 §3.13).
    pub(crate) fn of(segments: &[&str], types: &[Arc<ResourceType>]) -> Result<Self, Lost> {
        let rest = match segments {
            ["v2", rest @ ..] => rest,
            [first, ..] if is_version(first) => return Err(Lost::Version),
            rest => rest,
        };
        match rest {
            [] => Ok(Self::Root),
            [".search"] => Ok(Self::RootSearch),
            [name, rest @ ..] => Self::named(name, rest, types).ok_or(Lost::Nowhere),
        }
    }

    /// Exact names come first, then names in any case (R-HTTP-08).
    fn named(name: &str, rest: &[&str], types: &[Arc<ResourceType>]) -> Option<Self> {
        let exact = Self::fitting(|known| known == name, rest, types);
        let in_any_case = || Self::fitting(|known| alike(known, name), rest, types);
        exact.or_else(in_any_case).flatten()
    }

    /// `None` without such a name, `Some(None)` when there is nothing below it. What every
    /// connection has comes first, so that no definition can hide it.
    fn fitting(
        fits: impl Fn(&str) -> bool,
        rest: &[&str],
        types: &[Arc<ResourceType>],
    ) -> Option<Option<Self>> {
        if let Some((_, fixed)) = FIXED.iter().find(|(name, _)| fits(name)) {
            return Some(fixed.below(rest));
        }
        let ty = types.iter().find(|ty| fits(ty.endpoint()))?;
        Some(Self::of_type(ty, rest))
    }

    fn of_type(ty: &Arc<ResourceType>, rest: &[&str]) -> Option<Self> {
        let ty = Arc::clone(ty);
        match rest {
            [] => Some(Self::Collection(ty)),
            [".search"] => Some(Self::Search(ty)),
            [id] => Some(Self::Resource(ty, (*id).into())),
            _ => None,
        }
    }

    /// Whether requests with this method are answered here (R-HTTP-09). What isn't offered is
    /// answered 501, whatever the method (R-DISC-09).
    pub(crate) fn check(&self, method: &Method, offered: &Capabilities) -> Result<(), Problem> {
        let patched = matches!(self, Self::Resource(..) | Self::Me) && method == Method::PATCH;
        if patched && !offered.patch {
            return Err(Problem::not_offered(NO_PATCH));
        }
        if matches!(self, Self::Bulk) && !offered.bulk {
            return Err(Problem::not_offered(NO_BULK));
        }
        let allow = self.allow(offered);
        // What `/Me` says to these depends on who asks (R-ME-02).
        let special = matches!(self, Self::Me) && matches!(*method, Method::POST | Method::DELETE);
        let known = special || allow.split(", ").any(|name| name == method.as_str());
        if known { Ok(()) } else { Err(Problem::method(allow)) }
    }

    fn allow(&self, offered: &Capabilities) -> &'static str {
        match self {
            Self::Collection(_) => "GET, HEAD, POST",
            Self::Resource(..) if offered.patch => "GET, HEAD, PUT, PATCH, DELETE",
            Self::Resource(..) => "GET, HEAD, PUT, DELETE",
            Self::Me if offered.patch => "GET, HEAD, PUT, PATCH",
            Self::Me => "GET, HEAD, PUT",
            Self::Search(_) | Self::RootSearch | Self::Bulk => "POST",
            Self::Root | Self::Outcome(_) | Self::Discovery(_) => "GET, HEAD",
        }
    }

    /// The path with its variable parts left out. Names that one connection made up are variable:
    /// there is no end to them.
    pub(crate) fn template(&self) -> Cow<'static, str> {
        let of = |ty: &ResourceType, rest: &str| {
            let known = standard::types().iter().any(|known| known.endpoint() == ty.endpoint());
            let endpoint = if known { ty.endpoint() } else { "{type}" };
            Cow::Owned(format!("/{endpoint}{rest}"))
        };
        match self {
            Self::Collection(ty) => of(ty, ""),
            Self::Search(ty) => of(ty, "/.search"),
            Self::Resource(ty, _) => of(ty, "/{id}"),
            Self::Root => "/".into(),
            Self::RootSearch => "/.search".into(),
            Self::Bulk => "/Bulk".into(),
            Self::Outcome(_) => "/AsyncResults/{id}".into(),
            Self::Me => "/Me".into(),
            Self::Discovery(Entry::Config) => "/ServiceProviderConfig".into(),
            Self::Discovery(Entry::Schemas) => "/Schemas".into(),
            Self::Discovery(Entry::Schema(_)) => "/Schemas/{id}".into(),
            Self::Discovery(Entry::ResourceTypes) => "/ResourceTypes".into(),
            Self::Discovery(Entry::ResourceType(_)) => "/ResourceTypes/{id}".into(),
        }
    }
}

impl Fixed {
    fn below(self, rest: &[&str]) -> Option<Endpoint> {
        let entry = match (self, rest) {
            (Self::Config, []) => Entry::Config,
            (Self::Schemas, []) => Entry::Schemas,
            (Self::Schemas, [urn]) => Entry::Schema((*urn).into()),
            (Self::ResourceTypes, []) => Entry::ResourceTypes,
            (Self::ResourceTypes, [name]) => Entry::ResourceType((*name).into()),
            (Self::Bulk, []) => return Some(Endpoint::Bulk),
            (Self::Me, []) => return Some(Endpoint::Me),
            (Self::Outcomes, [id]) => return Some(Endpoint::Outcome((*id).into())),
            _ => return None,
        };
        Some(Endpoint::Discovery(entry))
    }
}

impl From<Lost> for Problem {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Nowhere => Self::nowhere(),
            Lost::Version => {
                Self::bad(ScimType::InvalidVers, "this server speaks version 2 alone: use `/v2`")
            }
        }
    }
}

/// `v` and digits alone; anything else in that place is an endpoint.
fn is_version(segment: &str) -> bool {
    let digits = segment.strip_prefix(['v', 'V']).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use rollcall_schema::{Catalog, Definitions, Profile};
    use serde_json::json;

    use super::*;

    fn place(path: &str, mount: &[&str]) -> String {
        let mount: Vec<String> = mount.iter().map(ToString::to_string).collect();
        let place = Place::of(path, &mount, &[]);
        let Place::Scim(scim) = &place else {
            return place.template().unwrap_or("unknown".into()).into();
        };
        let at = scim.connection.clone().unwrap_or_else(|| "token".into());
        match scim.endpoint(standard::types()) {
            Ok(Endpoint::Resource(ty, id)) => format!("{at} {} {id}", ty.name()),
            Ok(endpoint) => {
                assert_eq!(place.template(), Some(endpoint.template()), "{path}");
                format!("{at} {}", endpoint.template())
            }
            Err(lost) => format!("{at} {lost:?}"),
        }
    }

    #[track_caller]
    fn check(path: &str, expect: &str) {
        assert_eq!(place(path, &[]), expect, "{path}");
    }

    #[test]
    fn the_version_stands_before_the_endpoint_or_not_at_all() {
        // R-HTTP-05, R-TEN-05
        check("/connections/conn_1/scim/v2/Users", "conn_1 /Users");
        check("/connections/conn_1/scim/Users", "conn_1 /Users");
        check("/scim/v2/Users", "token /Users");
        check("/scim/Groups", "token /Groups");
        check("/scim/v3/Users", "token Version");
        check("/scim/V2/Users", "token Version");
        check("/scim/v10", "token Version");
        check("/scim/vX/Users", "token Nowhere");
        check("/scim/v2/v2/Users", "token Nowhere");
        check("/scim/v2.0/Users", "token Nowhere");
    }

    #[test]
    fn slashes_and_case_of_endpoints_are_tolerated() {
        // R-HTTP-08
        check("//connections//conn_1/scim//v2//Users//", "conn_1 /Users");
        check("/scim/v2/users/", "token /Users");
        check("/scim/v2/serviceproviderconfig", "token /ServiceProviderConfig");
        check("/SCIM/v2/Users", "unknown");
        check("/Connections/conn_1/scim/v2/Users", "unknown");
        check("/connections/conn_1", "unknown");
        check("/", "unknown");
    }

    #[test]
    fn ids_are_decoded_once() {
        // R-HTTP-07, R-SEARCH-05
        check("/scim/v2/Users/a%20b", "token User a b");
        check("/scim/v2/Users/%2541", "token User %41");
        check("/scim/v2/Users/a%2Fb", "token Nowhere");
        check("/scim/v2/Users/%FF", "token Nowhere");
        check("/connections/c/scim/%FF", "c Nowhere");
        check("/connections/%FF/scim/v2/Users", " Nowhere");
        check("/%FF", "unknown");
        check("/%2Fhealthz", "unknown");
        check("/scim/v2/Users/.search", "token /Users/.search");
        check("/scim/v2/Users/.Search", "token User .Search");
        check("/scim/v2/Users/a/b", "token Nowhere");
        check("/scim/v2/Users.scim", "token Nowhere");
        check("/scim/v2/Schemas/urn%3Ax", "token /Schemas/{id}");
        check("/scim/v2/me", "token /Me");
        check("/scim/v2/Me/x", "token Nowhere");
        check("/scim/v2/", "token /");
        check("/scim/.search", "token /.search");
        check("/scim/v2/Bulk", "token /Bulk");
        check("/scim/v2/AsyncResults/x", "token /AsyncResults/{id}");
        check("/scim/v2/AsyncResults", "token Nowhere");
    }

    #[test]
    fn the_mount_stands_before_everything_but_operations() {
        let mount = ["api", "auth"];
        assert_eq!(place("/api/auth/scim/v2/Users", &mount), "token /Users");
        assert_eq!(place("/api//auth/connections/c/scim/Users", &mount), "c /Users");
        assert_eq!(place("/scim/v2/Users", &mount), "unknown");
        assert_eq!(place("/api", &mount), "unknown");
        assert_eq!(place("/healthz", &mount), "/healthz");
        assert_eq!(place("/api/auth/healthz", &mount), "unknown");
        assert_eq!(place("/readyz/", &[]), "/readyz");
    }

    /// A type of a connection's own is found there, and its name is no label.
    #[test]
    fn custom_types_have_endpoints() {
        let added: Definitions = serde_json::from_value(json!({
            "schemas": [{"id": "urn:example:1.0:Thing", "attributes": [{"name": "a"}]}],
            "resourceTypes": [{
                "id": "Thing", "name": "Thing", "endpoint": "/Things",
                "schema": "urn:example:1.0:Thing",
            }],
        }))
        .unwrap();
        let catalog = Catalog::compile(&added, &Profile::GENERIC).unwrap();
        for (path, template) in [
            ("/scim/v2/Things", "/{type}"),
            ("/scim/v2/things/1", "/{type}/{id}"),
            ("/scim/v2/Things/.search", "/{type}/.search"),
            ("/scim/v2/Users/1", "/Users/{id}"),
            ("/scim/v2/Schemas", "/Schemas"),
        ] {
            let place = Place::of(path, &[], &[]);
            let Place::Scim(scim) = &place else { panic!("{path}") };
            assert_eq!(scim.endpoint(catalog.types()).unwrap().template(), template, "{path}");
            assert_eq!(place.template().is_some(), !path.to_lowercase().contains("thing"));
        }
    }

    #[track_caller]
    fn allows(path: &str, offered: &Capabilities, allow: &[Method]) {
        let Place::Scim(scim) = Place::of(path, &[], &[]) else { panic!("{path}") };
        let endpoint = scim.endpoint(standard::types()).unwrap();
        let all = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH];
        for method in all.iter().chain([&Method::DELETE, &Method::OPTIONS]) {
            let allowed = endpoint.check(method, offered).is_ok();
            assert_eq!(allowed, allow.contains(method), "{method} {path}");
        }
    }

    #[test]
    fn known_routes_take_their_methods_alone() {
        // R-HTTP-09, R-POST-09, R-DEL-06, R-DISC-03, R-DISC-09
        let (get, head, post) = (Method::GET, Method::HEAD, Method::POST);
        let (put, patch, delete) = (Method::PUT, Method::PATCH, Method::DELETE);
        let all = Capabilities::default();
        let few = Capabilities { patch: false, bulk: false, ..all };
        let reads = [get.clone(), head.clone()];
        allows("/scim/v2/Users", &all, &[get.clone(), head.clone(), post.clone()]);
        allows("/scim/v2/Users/.search", &all, std::slice::from_ref(&post));
        let own = [get, head, put, delete, post.clone(), patch];
        allows("/scim/v2/Users/x", &few, &own[..4]);
        allows("/scim/v2/Users/x", &all, &[&own[..4], &own[5..]].concat());
        allows("/scim/v2/Me", &few, &own[..5]);
        allows("/scim/v2/Me", &all, &own);
        for path in ["/scim/v2/Schemas", "/scim/v2/AsyncResults/x", "/scim/v2/"] {
            allows(path, &all, &reads);
        }
        allows("/scim/v2/.search", &all, std::slice::from_ref(&post));
        allows("/scim/v2/Bulk", &all, &[post]);
        allows("/scim/v2/Bulk", &few, &[]);
    }
}
