//! Organizations and their connections.

use rollcall_schema::Instant;

use crate::words::words;
use crate::{ConnectionId, JobId, OrganizationId, Setup, Traffic};

const HOUR_MILLIS: i64 = 60 * 60 * 1000;

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

    /// Whether nothing was heard of an IdP for too long that used to call.
    pub fn is_too_quiet(&self, now: Instant) -> bool {
        let after = self.setup.quiet_after_hours.unwrap_or(Setup::QUIET_AFTER_HOURS);
        let quiet = |seen: Instant| now.millis() - seen.millis() > i64::from(after) * HOUR_MILLIS;
        self.traffic.seen.is_some_and(quiet)
    }
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

words!(Status, NoSuchStatus, "status", [
    Draft => "draft",
    Observe => "observe",
    Active => "active",
    Paused => "paused",
    Disabled => "disabled",
]);

impl Status {
    /// Whether the directory follows the IdP: it is expected to call.
    pub(crate) const fn follows_idp(self) -> bool {
        matches!(self, Self::Active | Self::Observe)
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

words!(IdpKind, NoSuchIdp, "IdP kind", [
    Okta => "okta",
    Entra => "entra",
    Google => "google",
    Onelogin => "onelogin",
    Jumpcloud => "jumpcloud",
    Ping => "ping",
    Cyberark => "cyberark",
    Rippling => "rippling",
    Generic => "generic",
]);
