//! Identifiers: they parse, display and compare, nothing else.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::words::written_as_text;

/// A text that is no identifier of the kind that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an identifier of this kind")]
pub struct NotAnId(String);

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(Uuid);

        impl $name {
            /// The id that a store keeps under these bytes.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// What a store keeps.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let id = text.strip_prefix($prefix).and_then(|hex| Uuid::try_parse(hex).ok());
                id.map(Self)
                    .filter(|id| id.to_string() == text)
                    .ok_or_else(|| NotAnId(text.chars().take(80).collect()))
            }
        }

        written_as_text!($name);
    };
}

prefixed_id!(
    /// A customer of the SaaS: `org_…`.
    OrganizationId,
    "org_"
);
prefixed_id!(
    /// One IdP directory of an organization: `conn_…`.
    ConnectionId,
    "conn_"
);
prefixed_id!(
    /// A credential of a connection: `tok_…`. Names the token, is no secret.
    TokenId,
    "tok_"
);
prefixed_id!(
    /// A credential of the admin API: `adm_…`. Names the key, is no secret.
    AdminKeyId,
    "adm_"
);
prefixed_id!(
    /// A key that signs access tokens: `sig_…`, which is its `kid`.
    SigningKeyId,
    "sig_"
);
prefixed_id!(
    /// Work that goes on behind a request: `job_…`.
    JobId,
    "job_"
);
prefixed_id!(
    /// One entry of the log: `evt_…`.
    EventId,
    "evt_"
);

prefixed_id!(
    /// A request that was answered before it was done: `txn_…` (RFC 9967 §2.5.1).
    TransactionId,
    "txn_"
);

/// A resource, unique over the whole server (R-COMMON-01): `0197b3a0-…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ResourceId(Uuid);

impl ResourceId {
    /// The id that a store keeps under these bytes.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// What a store keeps.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for ResourceId {
    type Err = NotAnId;

    /// Exact: ids compare as sent (R-HTTP-07).
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Uuid::try_parse(text)
            .ok()
            .map(Self)
            .filter(|id| id.to_string() == text)
            .ok_or_else(|| NotAnId(text.chars().take(80).collect()))
    }
}

written_as_text!(ResourceId);
