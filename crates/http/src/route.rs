//! From a path to what it names: one `match` on its segments.

use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;
use rollcall_schema::ResourceType;

use crate::alike::alike;
use crate::problem::{Problem, ScimType};

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Place {
    /// Health, readiness or metrics, outside of the mount.
    Operation(Operation),
    /// Something below a SCIM base.
    Scim(Scim),
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

/// A path below a SCIM base. Whoever has no token learns nothing more about it (R-E-05).
#[derive(Debug)]
pub(crate) struct Scim {
    /// The connection as it stands in the path; without one the token decides.
    pub(crate) connection: Option<String>,
    /// What is there.
    pub(crate) endpoint: Result<Endpoint, Lost>,
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
    /// Something that describes the service.
    Discovery(Entry),
    /// Part of the protocol that isn't offered.
    NotOffered(&'static str),
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
}

const FIXED: [(&str, Fixed); 5] = [
    ("ServiceProviderConfig", Fixed::Config),
    ("Schemas", Fixed::Schemas),
    ("ResourceTypes", Fixed::ResourceTypes),
    ("Bulk", Fixed::Bulk),
    ("Me", Fixed::Me),
];

const ROOT: &str = "searching all types at once is not offered: ask `/Users` or `/Groups`";
const BULK: &str = "bulk requests are not offered: send each operation by itself";
const ME: &str = "`/Me` is not offered: a token stands for an IdP, not for a user";

impl Place {
    /// Finds what a path names. Empty segments don't count, so that trailing and doubled slashes
    /// change nothing (R-HTTP-08); `mount` holds the segments before the SCIM bases. Below one of
    /// those a segment that can't be read leads nowhere, but not past authentication (R-E-05).
    pub(crate) fn of(path: &str, mount: &[String], types: &[Arc<ResourceType>]) -> Self {
        let decoded: Vec<Option<String>> =
            path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
        let readable = decoded.iter().all(Option::is_some);
        let segments: Vec<&str> =
            decoded.iter().map(|s| s.as_deref().unwrap_or_default()).collect();
        let endpoint = |rest: &[&str]| match readable {
            true => Endpoint::of(rest, types),
            false => Err(Lost::Nowhere),
        };
        match segments.as_slice() {
            ["healthz"] => return Self::Operation(Operation::Health),
            ["readyz"] => return Self::Operation(Operation::Readiness),
            ["metrics"] => return Self::Operation(Operation::Metrics),
            _ => {}
        }
        let mounted = segments.split_at_checked(mount.len()).filter(|(head, _)| *head == mount);
        match mounted.map(|(_, rest)| rest) {
            Some(["connections", id, "scim", rest @ ..]) => {
                Self::Scim(Scim { connection: Some((*id).into()), endpoint: endpoint(rest) })
            }
            Some(["scim", rest @ ..]) => {
                Self::Scim(Scim { connection: None, endpoint: endpoint(rest) })
            }
            _ => Self::Nowhere,
        }
    }

    /// The path with its variable parts left out, for metrics and traces.
    pub(crate) fn template(&self) -> String {
        match self {
            Self::Operation(Operation::Health) => "/healthz".into(),
            Self::Operation(Operation::Readiness) => "/readyz".into(),
            Self::Operation(Operation::Metrics) => "/metrics".into(),
            Self::Scim(Scim { endpoint: Ok(endpoint), .. }) => endpoint.template(),
            Self::Scim(_) | Self::Nowhere => "unknown".into(),
        }
    }
}

/// Percent-decodes a segment once; what isn't text, or holds a slash, names nothing (R-HTTP-07).
fn decode(segment: &str) -> Option<String> {
    let decoded = percent_decode_str(segment).decode_utf8().ok()?;
    (!decoded.contains('/')).then(|| decoded.into_owned())
}

impl Endpoint {
    /// The version stands right before the endpoint, or not at all (RFC 7644 §3.13).
    fn of(segments: &[&str], types: &[Arc<ResourceType>]) -> Result<Self, Lost> {
        let rest = match segments {
            ["v2", rest @ ..] => rest,
            [first, ..] if is_version(first) => return Err(Lost::Version),
            rest => rest,
        };
        match rest {
            [] | [".search"] => Ok(Self::NotOffered(ROOT)),
            [name, rest @ ..] => Self::named(name, rest, types).ok_or(Lost::Nowhere),
        }
    }

    /// Exact names come first, then names in any case (R-HTTP-08).
    fn named(name: &str, rest: &[&str], types: &[Arc<ResourceType>]) -> Option<Self> {
        let exact = Self::fitting(|known| known == name, rest, types);
        let in_any_case = || Self::fitting(|known| alike(known, name), rest, types);
        exact.or_else(in_any_case).flatten()
    }

    /// `None` without such a name, `Some(None)` when there is nothing below it.
    fn fitting(
        fits: impl Fn(&str) -> bool,
        rest: &[&str],
        types: &[Arc<ResourceType>],
    ) -> Option<Option<Self>> {
        if let Some(ty) = types.iter().find(|ty| fits(ty.endpoint())) {
            return Some(Self::of_type(ty, rest));
        }
        let (_, fixed) = FIXED.iter().find(|(name, _)| fits(name))?;
        Some(fixed.below(rest))
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

    /// Whether requests with this method are answered here (R-HTTP-09).
    pub(crate) fn check(&self, method: &Method) -> Result<(), Problem> {
        let allow = match self {
            Self::Collection(_) => "GET, HEAD, POST",
            Self::Search(_) => "POST",
            Self::Resource(..) => "GET, HEAD, PUT, PATCH, DELETE",
            Self::Discovery(_) => "GET, HEAD",
            Self::NotOffered(detail) => return Err(Problem::not_offered(detail)),
        };
        let known = allow.split(", ").any(|name| name == method.as_str());
        if known { Ok(()) } else { Err(Problem::method(allow)) }
    }

    fn template(&self) -> String {
        match self {
            Self::Collection(ty) => format!("/{}", ty.endpoint()),
            Self::Search(ty) => format!("/{}/.search", ty.endpoint()),
            Self::Resource(ty, _) => format!("/{}/{{id}}", ty.endpoint()),
            Self::Discovery(Entry::Config) => "/ServiceProviderConfig".into(),
            Self::Discovery(Entry::Schemas) => "/Schemas".into(),
            Self::Discovery(Entry::Schema(_)) => "/Schemas/{id}".into(),
            Self::Discovery(Entry::ResourceTypes) => "/ResourceTypes".into(),
            Self::Discovery(Entry::ResourceType(_)) => "/ResourceTypes/{id}".into(),
            Self::NotOffered(_) => "not offered".into(),
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
            (Self::Bulk, []) => return Some(Endpoint::NotOffered(BULK)),
            (Self::Me, _) => return Some(Endpoint::NotOffered(ME)),
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
    use rollcall_schema::standard;

    use super::*;

    fn place(path: &str, mount: &[&str]) -> String {
        let mount: Vec<String> = mount.iter().map(ToString::to_string).collect();
        let place = Place::of(path, &mount, standard::types());
        let at = match &place {
            Place::Scim(scim) => scim.connection.clone().unwrap_or_else(|| "token".into()),
            Place::Operation(_) | Place::Nowhere => return place.template(),
        };
        match &place {
            Place::Scim(Scim { endpoint: Ok(Endpoint::Resource(ty, id)), .. }) => {
                format!("{at} {} {id}", ty.name())
            }
            Place::Scim(Scim { endpoint: Err(lost), .. }) => format!("{at} {lost:?}"),
            _ => format!("{at} {}", place.template()),
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
        check("/scim/v2/Me/x", "token not offered");
        check("/scim/v2/", "token not offered");
        check("/scim/.search", "token not offered");
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

    #[track_caller]
    fn allows(path: &str, allow: &[Method]) {
        let Place::Scim(Scim { endpoint: Ok(endpoint), .. }) =
            Place::of(path, &[], standard::types())
        else {
            panic!("{path}")
        };
        let all = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH];
        for method in all.iter().chain([&Method::DELETE, &Method::OPTIONS]) {
            assert_eq!(endpoint.check(method).is_ok(), allow.contains(method), "{method} {path}");
        }
    }

    #[test]
    fn known_routes_take_their_methods_alone() {
        // R-HTTP-09, R-POST-09, R-DEL-06, R-DISC-03
        allows("/scim/v2/Users", &[Method::GET, Method::HEAD, Method::POST]);
        allows("/scim/v2/Users/.search", &[Method::POST]);
        let all = [Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE];
        allows("/scim/v2/Users/x", &all);
        allows("/scim/v2/Schemas", &[Method::GET, Method::HEAD]);
        allows("/scim/v2/Bulk", &[]);
    }
}
