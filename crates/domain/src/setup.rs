//! How a connection is set up, as it is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

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
    /// After how many hours without a request the connection counts as too quiet, once there was
    /// one; [`Setup::QUIET_AFTER_HOURS`] where nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_after_hours: Option<u32>,
    /// Schemas and resource types beside the standard ones.
    pub definitions: Definitions,
    /// Since which revision an index exists, by resource type and path: records that were indexed
    /// under an earlier one are not in it. What isn't named was always there.
    pub since: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Setup {
    /// How long an IdP may be quiet: a week.
    pub const QUIET_AFTER_HOURS: u32 = 7 * 24;
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

impl Capabilities {
    /// The names of capabilities, in one order.
    pub const NAMES: [&'static str; 7] =
        ["asynchronous", "bulk", "cursor", "etag", "filter", "patch", "sort"];

    /// Whether the capability of this name is offered; `None` when there is none.
    pub fn get(&self, name: &str) -> Option<bool> {
        { *self }.named(name).copied()
    }

    /// Offers the capability of this name, or no longer.
    ///
    /// # Errors
    /// [`NoSuchCapability`], which lists the names that there are.
    pub fn set(&mut self, name: &str, on: bool) -> Result<(), NoSuchCapability> {
        let capability = self.named(name);
        *capability.ok_or_else(|| NoSuchCapability(name.chars().take(80).collect()))? = on;
        Ok(())
    }

    fn named(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "asynchronous" => &mut self.asynchronous,
            "bulk" => &mut self.bulk,
            "cursor" => &mut self.cursor,
            "etag" => &mut self.etag,
            "filter" => &mut self.filter,
            "patch" => &mut self.patch,
            "sort" => &mut self.sort,
            _ => return None,
        })
    }
}

/// A name that no capability has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no capability `{0}`: use {all}", all = Capabilities::NAMES.join(", "))]
pub struct NoSuchCapability(String);

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

/// A limit that can't be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{limit}` can't be {given}: use {allowed}")]
pub struct BadLimit {
    /// The limit.
    pub limit: &'static str,
    given: u64,
    allowed: String,
}

impl BadLimit {
    pub(crate) fn unless(
        limit: &'static str,
        given: Option<impl Into<u64>>,
        allowed: RangeInclusive<u64>,
        what: impl fmt::Display,
    ) -> Result<(), Self> {
        match given.map(Into::into) {
            Some(given) if !allowed.contains(&given) => {
                let (least, most) = allowed.into_inner();
                let allowed = match most {
                    u64::MAX => format!("at least {least}{what}"),
                    most => format!("{least} to {most}{what}"),
                };
                Err(Self { limit, given, allowed })
            }
            _ => Ok(()),
        }
    }
}

impl Limits {
    /// The bytes that a body may be limited to: what is smaller holds no user, and what is larger
    /// is read into memory as a whole.
    const BYTES: RangeInclusive<u64> = 1024..=100 * 1024 * 1024;

    /// The most that a page or a bulk request may be made to hold.
    const PAGE_MAX: u64 = 1000;
    const OPERATIONS_MAX: u64 = 100_000;

    /// Whether these limits can be kept.
    ///
    /// # Errors
    /// [`BadLimit`] names the first that can't.
    pub fn check(&self) -> Result<(), BadLimit> {
        BadLimit::unless("maxRequestSize", self.max_request_size, Self::BYTES, " bytes")?;
        BadLimit::unless("bulkPayload", self.bulk_payload, Self::BYTES, " bytes")?;
        BadLimit::unless("bulkOperations", self.bulk_operations, 1..=Self::OPERATIONS_MAX, "")?;
        BadLimit::unless("pageMax", self.page_max, 1..=Self::PAGE_MAX, "")?;
        let most = self.page_max.map_or(Self::PAGE_MAX, Into::into);
        let what = self.page_max.map_or("", |_| ", which is `pageMax`");
        BadLimit::unless("pageDefault", self.page_default, 1..=most, what)?;
        self.rate.map_or(Ok(()), |rate| rate.check())
    }
}

impl Rate {
    /// The lowest rate: what Entra ID asks a server to sustain (E-ENTRA-24).
    pub const LEAST: u32 = 25;

    /// Whether this is a rate that a client can live with.
    ///
    /// # Errors
    /// [`BadLimit`] when it is below [`Rate::LEAST`], or its burst below itself.
    pub fn check(&self) -> Result<(), BadLimit> {
        let (least, sustained) = (u64::from(Self::LEAST), u64::from(self.per_second));
        let what = " requests a second, or no rate at all";
        BadLimit::unless("rate.perSecond", Some(self.per_second), least..=u64::MAX, what)?;
        let what = ", which is `rate.perSecond`";
        BadLimit::unless("rate.burst", Some(self.burst), sustained..=u64::MAX, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_the_names_that_they_are_kept_under() {
        let kept = serde_json::to_value(Capabilities::default()).unwrap();
        let mut kept: Vec<_> = kept.as_object().unwrap().keys().cloned().collect();
        kept.sort();
        assert_eq!(kept, Capabilities::NAMES);
        let mut capabilities = Capabilities::default();
        for name in Capabilities::NAMES {
            assert_eq!(capabilities.get(name), Some(true), "{name}");
            capabilities.set(name, false).unwrap();
            assert_eq!(capabilities.get(name), Some(false), "{name}");
        }
        assert_eq!(capabilities.get("nope"), None);
    }
}
