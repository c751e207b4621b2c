//! How a connection is set up, as it is kept.

use std::collections::BTreeMap;

use rollcall_schema::{Definitions, ProfileName};
use serde::{Deserialize, Serialize};

/// What an operator decided about a connection: kept with it as JSON, everything left out being
/// the default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Setup {
    /// The wire dialect.
    pub profile: ProfileChoice,
    /// What is offered.
    pub capabilities: Capabilities,
    /// How much is taken.
    pub limits: Limits,
    /// Schemas and resource types beside the standard ones.
    pub definitions: Definitions,
    /// Since which revision an index exists, by resource type and path: records that were indexed
    /// under an earlier one are not in it. What isn't named was always there.
    pub since: BTreeMap<String, BTreeMap<String, u64>>,
}

/// A profile, and where the connection departs from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ProfileChoice {
    /// The profile; without one that of the IdP's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<ProfileName>,
    /// Switches that stand otherwise than in the profile, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub switches: BTreeMap<String, bool>,
}

/// What of the optional protocol a connection offers: what discovery advertises and requests get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Capabilities {
    /// `POST /Bulk` (RFC 7644 §3.7).
    pub bulk: bool,
    /// `Prefer: respond-async` on `/Bulk` (RFC 9967).
    pub asynchronous: bool,
    /// Cursor paging (RFC 9865).
    pub cursor: bool,
    /// Versions, `ETag` and `If-Match` (RFC 7644 §3.14).
    pub etag: bool,
    /// `filter` (RFC 7644 §3.4.2.2).
    pub filter: bool,
    /// PATCH (RFC 7644 §3.5.2).
    pub patch: bool,
    /// `sortBy` (RFC 7644 §3.4.2.3).
    pub sort: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            bulk: true,
            asynchronous: true,
            cursor: true,
            etag: true,
            filter: true,
            patch: true,
            sort: true,
        }
    }
}

/// How much a connection takes at once; what isn't set is the server's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Limits {
    /// The largest body, in bytes, but for `/Bulk`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_request_size: Option<u64>,
    /// The most operations of a bulk request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk_operations: Option<u32>,
    /// The largest body of a bulk request, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk_payload: Option<u64>,
    /// The size of a page that doesn't ask for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_default: Option<u32>,
    /// The largest page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_max: Option<u32>,
    /// How many requests a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// A sustained rate with a burst above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// Requests per second, at least 25.
    pub per_second: u32,
    /// How many may come at once.
    pub burst: u32,
}
