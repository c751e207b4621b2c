//! Who administers, and what they may.

use rollcall_schema::Instant;

use crate::words::words;
use crate::{Actor, AdminKeyId, OrganizationId, TokenHash};

/// Whoever asks something of the admin service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As events name them.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
    /// The one organization that they may do it to; everywhere where there is none.
    pub organization: Option<OrganizationId>,
    /// What makes a repeated request known, where they said it.
    pub request: Option<Idempotency>,
}

/// What makes a repeated request known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// What the caller named the request.
    pub key: String,
    /// SHA-256 of everything that was asked.
    pub fingerprint: [u8; 32],
}

/// What a caller may do. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    ReadOnly,
    /// Change organizations, connections and tokens.
    Operator,
    /// Make and end admin keys too, and delete organizations.
    Owner,
}

words!(Role, NoSuchRole, "role", [
    Owner => "owner",
    Operator => "operator",
    ReadOnly => "read-only",
]);

impl Caller {
    /// Whoever runs the program beside the database: nothing is closed to them there.
    pub const CLI: Self =
        Self { actor: Actor::Cli, role: Role::Owner, organization: None, request: None };

    /// The server by itself.
    pub const SERVER: Self =
        Self { actor: Actor::Server, role: Role::Owner, organization: None, request: None };
}

/// A credential of the admin API, as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminKey {
    /// Names the key; is no secret.
    pub id: AdminKeyId,
    /// A name for people.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// To which organization alone; to all where there is none.
    pub organization: Option<OrganizationId>,
    /// How its holder proves to be the one.
    pub proof: Proof,
    /// SHA-256 of the secret, or of issuer and subject. Unique on the server.
    pub hash: TokenHash,
    /// When it was made.
    pub created: Instant,
    /// When it ends by itself.
    pub expires: Option<Instant>,
    /// When it was ended.
    pub revoked: Option<Instant>,
    /// Moves by one with each change of anything above, from 0.
    pub revision: u64,
    /// When it was used last, within a minute or so. No revision moves with it.
    pub used: Option<Instant>,
}

/// How the holder of an admin key proves to be the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Sends the secret.
    Secret,
    /// Comes with a token of the configured issuer for this subject (OpenID Connect Core §2).
    Subject(String),
}

impl AdminKey {
    /// Whether it opens anything.
    pub fn is_live(&self, now: Instant) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|end| now < end)
    }
}
