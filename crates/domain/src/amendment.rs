//! Everything that one decision of the admin service does to the registry, as a value.

use rollcall_schema::Instant;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Actor, AdminKey, AdminKeyId, Clock, Connection, ConnectionId, EventId, Ids, Job, JobId,
    Organization, OrganizationId, SigningKey, SigningKeyId, Token, TokenId, Unavailable,
};

/// What one decision does: kept whole, or nothing of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Amendment {
    /// In this order.
    pub acts: Vec<Amend>,
    /// Appended in the same commit.
    pub events: Vec<AdminEvent>,
    /// The answer, for whoever repeats the request.
    pub kept: Option<Kept>,
}

/// What becomes of one entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Amend {
    /// It is there from now on.
    Add(Entry),
    /// It is like this from now on, but for what is only seen ([`Note`]).
    Replace {
        /// What is kept, its revision one more than the one that was read.
        entry: Entry,
        /// The revision that was read: at another one it is [`AmendError::Stale`].
        expect: u64,
    },
    /// It is gone. A connection goes with its credentials, an organization with its admin keys,
    /// its jobs and the connections that went before it, and what nobody can see any more may be
    /// kept as a mark.
    Remove {
        /// Which.
        id: EntryId,
        /// The revision that was read.
        expect: u64,
    },
    /// A connection has room for one more credential: fewer than so many live, or it is
    /// [`AmendError::Full`]. Of those who add one together, each counts those before it.
    Room {
        /// The connection.
        connection: ConnectionId,
        /// How many credentials are too many beside another.
        most: u32,
        /// When they are counted.
        at: Instant,
    },
}

/// What a registry keeps.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A customer. Its name is unique on the server.
    Organization(Organization),
    /// One of its connections. Its name, where it has one, is unique in the organization.
    Connection(Box<Connection>),
    /// A credential of a connection.
    Token(Box<Token>),
    /// A credential of the admin API; where it is for one organization, that has to be there.
    AdminKey(Box<AdminKey>),
    /// A key that signs access tokens.
    SigningKey(SigningKey),
    /// Work behind a request.
    Job(Box<Job>),
}

/// Names an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the ids of the entries of the same names")]
pub enum EntryId {
    Organization(OrganizationId),
    Connection(ConnectionId),
    Token(TokenId),
    AdminKey(AdminKeyId),
    SigningKey(SigningKeyId),
    Job(JobId),
}

impl EntryId {
    /// What kind of entry it is, as events name it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Organization(_) => "Organization",
            Self::Connection(_) => "Connection",
            Self::Token(_) => "Token",
            Self::AdminKey(_) => "AdminKey",
            Self::SigningKey(_) => "SigningKey",
            Self::Job(_) => "Job",
        }
    }

    /// What a store keeps.
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Organization(id) => id.uuid(),
            Self::Connection(id) => id.uuid(),
            Self::Token(id) => id.uuid(),
            Self::AdminKey(id) => id.uuid(),
            Self::SigningKey(id) => id.uuid(),
            Self::Job(id) => id.uuid(),
        }
    }
}

/// One entry of the log about what was administered, but for its number.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminEvent {
    /// Its id.
    pub id: EventId,
    /// In whose log it stands: that of the server itself, which stores keep under the nil UUID,
    /// where there is none.
    pub organization: Option<OrganizationId>,
    /// In which connection; stores keep none as the nil UUID.
    pub connection: Option<ConnectionId>,
    /// When.
    pub at: Instant,
    /// Who did it.
    pub actor: Actor,
    /// What was done, such as `token.created`.
    pub action: &'static str,
    /// To what.
    pub subject: EntryId,
    /// Its revision afterwards.
    pub revision: u64,
    /// What changed: `before` and `after`, or whatever the action tells. Never a secret.
    pub changes: Map<String, Value>,
}

impl AdminEvent {
    /// That something was done just now, in the log of the server; [`within`](Self::within) names
    /// another. Of `changes` the members are told, where it is an object.
    pub fn new(
        (clock, ids): (&dyn Clock, &dyn Ids),
        actor: Actor,
        action: &'static str,
        (subject, revision): (EntryId, u64),
        changes: Value,
    ) -> Self {
        Self {
            id: EventId::from_uuid(ids.next()),
            organization: None,
            connection: None,
            at: clock.now(),
            actor,
            action,
            subject,
            revision,
            changes: members(changes),
        }
    }

    /// The same in the log of an organization, about one of its connections where there is one.
    #[must_use]
    pub fn within(
        self,
        organization: Option<OrganizationId>,
        connection: Option<ConnectionId>,
    ) -> Self {
        Self { organization, connection, ..self }
    }
}

/// What an event tells: the members of an object.
pub(crate) fn members(told: Value) -> Map<String, Value> {
    match told {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// An answer that is kept for whoever repeats the request, for [`Kept::FOR_MILLIS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Who asked, as an actor displays.
    pub actor: String,
    /// What they named the request.
    pub key: String,
    /// SHA-256 of everything that was asked.
    pub fingerprint: [u8; 32],
    /// When.
    pub at: Instant,
    /// What they were answered, sealed, as it may hold a secret.
    pub answer: String,
}

impl Kept {
    /// How long it is kept: a day.
    pub const FOR_MILLIS: i64 = 24 * 60 * 60 * 1000;
}

/// Something that was seen and moves no revision. A time never goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// What a connection's traffic speaks.
    Dialect(ConnectionId, String),
    /// That a connection had traffic.
    Seen(ConnectionId, Instant),
    /// That its IdP tested it.
    Tested(ConnectionId, Instant),
    /// That somebody came with a credential which had expired.
    Refused(ConnectionId, TokenId, Instant),
    /// That a credential was used.
    Used(TokenId, Instant),
    /// That an admin key was used.
    KeyUsed(AdminKeyId, Instant),
}

/// Why an amendment was not made. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum AmendError {
    /// An entry is not at the revision that was read, or is gone.
    #[error("an entry has changed since it was read")]
    Stale,
    /// Another entry has the name, or the hash.
    #[error("another {0} has that name")]
    Taken(
        /// The kind of entry.
        &'static str,
    ),
    /// A connection has as many live credentials as it may.
    #[error("the connection has no room for another credential")]
    Full,
    /// The request was made before.
    #[error("the request was made before")]
    Repeated(Box<Kept>),
    /// Everything else.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
