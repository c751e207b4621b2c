//! Organizations, their connections and the credentials of those.

use std::fmt;
use std::str::FromStr;

use rollcall_schema::Instant;

use crate::{ConnectionId, OrganizationId, ResourceId, Setup, TokenId};

/// A customer of the SaaS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name, unique on the server.
    pub name: String,
}

/// One IdP directory of an organization.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// A name for people, unique within the organization where there is one.
    pub name: Option<String>,
    /// What kind of IdP stands at the other end.
    pub idp: IdpKind,
    /// When it was made.
    pub created: Instant,
    /// What was decided about it.
    pub setup: Setup,
    /// The revision of the setup, from 0.
    pub revision: u64,
    /// The dialect that its traffic was last seen to speak, for operators alone.
    pub dialect: Option<String>,
}

impl Connection {
    /// A connection that nothing was decided about yet.
    pub fn new(
        id: ConnectionId,
        organization: OrganizationId,
        idp: IdpKind,
        created: Instant,
    ) -> Self {
        let (name, setup, revision, dialect) = (None, Setup::default(), 0, None);
        Self { id, organization, name, idp, created, setup, revision, dialect }
    }
}

/// What kind of IdP a connection talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "products by their names")]
pub enum IdpKind {
    Okta,
    Entra,
    Google,
    Onelogin,
    Jumpcloud,
    Ping,
    Cyberark,
    Rippling,
    /// Any other.
    Generic,
}

impl IdpKind {
    /// Every kind, in the order in which help shows them.
    pub const ALL: [Self; 9] = [
        Self::Okta,
        Self::Entra,
        Self::Google,
        Self::Onelogin,
        Self::Jumpcloud,
        Self::Ping,
        Self::Cyberark,
        Self::Rippling,
        Self::Generic,
    ];

    /// The name as configuration and stores spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Google => "google",
            Self::Onelogin => "onelogin",
            Self::Jumpcloud => "jumpcloud",
            Self::Ping => "ping",
            Self::Cyberark => "cyberark",
            Self::Rippling => "rippling",
            Self::Generic => "generic",
        }
    }
}

impl fmt::Display for IdpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no kind of IdP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no IdP kind `{0}`: use one of {all}", all = IdpKind::ALL.map(IdpKind::name).join(", "))]
pub struct NoSuchIdp(String);

impl FromStr for IdpKind {
    type Err = NoSuchIdp;

    fn from_str(text: &str) -> Result<Self, NoSuchIdp> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| NoSuchIdp(text.chars().take(80).collect()))
    }
}

/// A bearer token as a store keeps it: by its hash alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Names the token; is no secret.
    pub id: TokenId,
    /// The connection that it opens.
    pub connection: ConnectionId,
    /// The organization of that connection.
    pub organization: OrganizationId,
    /// A name for people; a named token replaces the one of the same name.
    pub name: Option<String>,
    /// The resource that its bearer is, under `/Me`; a machine's where there is none (R-ME-02).
    pub subject: Option<ResourceId>,
    /// SHA-256 of the secret.
    pub hash: TokenHash,
    /// When it was made.
    pub created: Instant,
    /// When it ended.
    pub revoked: Option<Instant>,
}

/// SHA-256 of a token's secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}
