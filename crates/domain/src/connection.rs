//! Organizations and their connections.

use std::fmt;
use std::str::FromStr;

use rollcall_schema::Instant;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ConnectionId, JobId, OrganizationId, Setup, TokenId};

/// A customer of the SaaS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name, unique on the server.
    pub name: String,
    /// When it was made.
    pub created: Instant,
    /// Moves by one with each change, from 0.
    pub revision: u64,
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
    /// Whether it is open.
    pub status: Status,
    /// What was decided about it.
    pub setup: Setup,
    /// The job that takes it apart, once its end was decided: from then on nobody gets in.
    pub removal: Option<JobId>,
    /// Since when it is too quiet, where that was noticed.
    pub quiet: Option<Instant>,
    /// Moves by one with each change of anything above, from 0.
    pub revision: u64,
    /// What was seen of its traffic.
    pub traffic: Traffic,
}

impl Connection {
    /// A connection that nothing was decided about yet.
    pub fn new(
        id: ConnectionId,
        organization: OrganizationId,
        idp: IdpKind,
        created: Instant,
    ) -> Self {
        Self {
            id,
            organization,
            name: None,
            idp,
            created,
            status: Status::Active,
            setup: Setup::default(),
            removal: None,
            quiet: None,
            revision: 0,
            traffic: Traffic::default(),
        }
    }
}

/// What was seen of a connection's traffic, for operators alone. No revision moves with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The dialect that it speaks.
    pub dialect: Option<String>,
    /// When a request with a live credential came last, within a minute or so.
    pub seen: Option<Instant>,
    /// When a request that IdPs test connections with was answered well.
    pub tested: Option<Instant>,
    /// The last request with a credential that had expired a while ago, and which that was.
    pub refused: Option<(Instant, TokenId)>,
}

/// Whether a connection is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// It is being set up: reading works, so that connection tests pass, and writing doesn't.
    Draft,
    /// The directory follows the IdP, and nobody's access does.
    Observe,
    /// Everything works.
    #[default]
    Active,
    /// Nothing is answered for now, and everybody keeps the access that they have.
    Paused,
    /// Nothing is answered until somebody decides otherwise.
    Disabled,
}

impl Status {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Draft, Self::Observe, Self::Active, Self::Paused, Self::Disabled];

    /// The name as the API and stores spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Observe => "observe",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no status `{0}`: use one of {all}", all = Status::ALL.map(Status::name).join(", "))]
pub struct NoSuchStatus(String);

impl FromStr for Status {
    type Err = NoSuchStatus;

    fn from_str(text: &str) -> Result<Self, NoSuchStatus> {
        let found = Self::ALL.into_iter().find(|status| status.name() == text);
        found.ok_or_else(|| NoSuchStatus(text.chars().take(80).collect()))
    }
}

/// What kind of IdP a connection talks to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
    #[default]
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

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for IdpKind {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IdpKind {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}
