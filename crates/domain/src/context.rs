//! Who asks, and for which connection.

use std::str::FromStr;
use std::sync::Arc;

use rollcall_schema::ResourceType;

use crate::{
    Access, AdminKeyId, Connection, ConnectionId, Error, NotAnId, Offer, OrganizationId,
    ResourceId, Scopes, Status, TokenId,
};

/// What a store is opened for: every key begins with the organization (R-TEN-04, R-E-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The organization.
    pub organization: OrganizationId,
    /// The connection.
    pub connection: ConnectionId,
}

/// Who acts, as events name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// An IdP with one of its connection's credentials.
    Token(TokenId),
    /// Whoever holds a key of the admin API.
    AdminKey(AdminKeyId),
    /// Whoever may run the program beside the database.
    Cli,
    /// The server by itself.
    Server,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(id) => id.fmt(f),
            Self::AdminKey(id) => id.fmt(f),
            Self::Cli => f.write_str("cli"),
            Self::Server => f.write_str("server"),
        }
    }
}

impl FromStr for Actor {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        match text {
            "cli" => Ok(Self::Cli),
            "server" => Ok(Self::Server),
            text => text.parse().map(Self::Token).or_else(|_| text.parse().map(Self::AdminKey)),
        }
    }
}

/// An authenticated request. Made by [`Authenticator`](crate::Authenticator) alone, so that no
/// service can be called without one.
#[derive(Clone, Debug)]
pub struct Context {
    connection: Arc<Connection>,
    offer: Arc<Offer>,
    actor: Actor,
    scopes: Scopes,
    subject: Option<ResourceId>,
}

impl Context {
    /// Somebody who may do everything, and is nobody's user.
    pub(crate) const fn new(connection: Arc<Connection>, offer: Arc<Offer>, actor: Actor) -> Self {
        Self { connection, offer, actor, scopes: Scopes::ALL, subject: None }
    }

    pub(crate) fn with_scopes(self, scopes: Scopes, subject: Option<ResourceId>) -> Self {
        Self { scopes, subject, ..self }
    }

    /// Whether the credential, and the status of the connection, let resources of this type be
    /// read or written.
    ///
    /// # Errors
    /// [`Error::Draft`], [`Error::Scope`].
    pub(crate) fn may(&self, ty: &ResourceType, access: Access) -> Result<(), Error> {
        if access == Access::Write && self.connection.status == Status::Draft {
            return Err(Error::Draft);
        }
        match self.scopes.open(ty, access) {
            true => Ok(()),
            false => Err(Error::Scope { needed: Scopes::needed(ty, access) }),
        }
    }

    /// What the credential may do.
    pub const fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// What the connection offers, as it was when the request was admitted.
    pub const fn offer(&self) -> &Arc<Offer> {
        &self.offer
    }

    /// The resource that acts, where the credential is a user's own (R-ME-02): it may do nothing
    /// but what `/Me` lets it.
    pub const fn subject(&self) -> Option<ResourceId> {
        self.subject
    }

    /// Whether the resource with this id is open to whoever asks: a user's own token opens the
    /// user alone (R-ME-02).
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(crate) fn opens(&self, id: &str) -> Result<(), Error> {
        match self.subject {
            Some(subject) if subject.to_string() != id => Err(Error::Forbidden),
            _ => Ok(()),
        }
    }

    /// Whether every resource is open to whoever asks: lists and searches need that.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(crate) const fn opens_all(&self) -> Result<(), Error> {
        match self.subject {
            Some(_) => Err(Error::Forbidden),
            None => Ok(()),
        }
    }

    /// The connection that the credential belongs to.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Who acts.
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// What stores are opened for.
    pub fn scope(&self) -> Scope {
        Scope { organization: self.connection.organization, connection: self.connection.id }
    }
}
