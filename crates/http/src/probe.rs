//! Requests that IdPs test connections with.

use http::Method;
use http::request::Parts;
use rollcall_domain::Context;

use crate::alike::{alike, small};
use crate::parameters::{Plus, pairs};
use crate::route::{Endpoint, Scim};

/// The most resources that a test asks for.
const FEW: u64 = 5;

/// What Entra calls the user that it looks for in vain.
const ENTRA: &str = "AzureAD_Test";

/// Whether IdPs test connections like this: they read discovery, or the first few resources, or
/// look for one that nobody can have made.
pub(crate) fn is_probe(parts: &Parts, scim: &Scim, context: &Context) -> bool {
    if parts.method != Method::GET {
        return false;
    }
    match scim.endpoint(context.offer().catalog().types()) {
        Ok(Endpoint::Discovery(_)) => true,
        Ok(Endpoint::Collection(ty)) => {
            matches!(ty.name(), "User" | "Group") && is_glance(parts.uri.query())
        }
        _ => false,
    }
}

/// Whether a list is asked for the sake of the answer, and not of what is in it.
fn is_glance(query: Option<&str>) -> bool {
    let (mut first, mut few, mut all) = (true, false, true);
    let mut nobody = false;
    for (name, value) in pairs(query, Plus::Heuristic).flatten() {
        let number = || value.trim().parse::<u64>().unwrap_or(u64::MAX);
        match small(&name).as_str() {
            "startindex" => first = number() <= 1,
            "count" => (few, all) = (number() <= FEW, false),
            "filter" if names_nobody(&value) => nobody = true,
            "filter" | "cursor" => return false,
            _ => {}
        }
    }
    nobody || (first && (few || (all && query.is_none_or(str::is_empty))))
}

/// Whether a filter looks for one name that is random.
fn names_nobody(filter: &str) -> bool {
    let mut words = filter.split_ascii_whitespace();
    let (Some(attr), Some(op), Some(value), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let named = ["userName", "displayName", "externalId", "id"].iter().any(|n| alike(n, attr));
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    named && alike(op, "eq") && value.is_some_and(|v| is_uuid(v) || v.starts_with(ENTRA))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: bool) {
        let (_, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        assert_eq!(is_glance(query), expect, "{path}");
    }

    /// The probes among what IdPs were seen to send, and what looks like them and is work.
    #[test]
    fn tests_of_connections_are_told_from_work() {
        // Entra, Google, CyberArk, Okta, IBM Verify, Delinea, Entra's validator.
        check("/Users?filter=userName%20eq%20%22a3f0c1de-0b51-4a3e-9c53-5f6f0d0a4f11%22", true);
        check("/Users?filter=userName+eq+%22AzureAD_Test%22", true);
        check("/Users?aadOptscim062020&filter=userName%20eq%20%22AzureAD_Test_7%22", true);
        check("/Groups?filter=displayName%20EQ%20%22a3f0c1de-0b51-4a3e-9c53-5f6f0d0a4f11%22", true);
        check("/Users?count=1", true);
        check("/Users?count=0", true);
        check("/Users?count=1&startIndex=1", true);
        check("/Users", true);
        check("/Groups", true);
        check("/Users?startIndex=1&count=2", true);
        check("/Users?startIndex=1&count=5", true);
        check("/Users?startindex=0&count=5", true);
        // Work.
        check("/Users?filter=userName%20eq%20%22ada%40contoso.test%22", false);
        check("/Users?filter=userName%20sw%20%22a3f0c1de-0b51-4a3e-9c53-5f6f0d0a4f11%22", false);
        check("/Users?filter=externalId%20eq%20%22e-77%22%20or%20userName%20eq%20%22ada%22", false);
        check("/Users?filter=active%20eq%20true&count=1", false);
        check("/Users?startIndex=1&count=100", false);
        check("/Users?startIndex=101&count=1", false);
        check("/Users?cursor&count=1", false);
        check("/Users?startIndex=1", false);
        check("/Users?attributes=userName", false);
    }
}
