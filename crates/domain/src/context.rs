//! Who asks, and for which connection.

use std::sync::Arc;

use crate::{Connection, ConnectionId, OrganizationId, TokenId};

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
    /// An IdP with one of its connection's tokens.
    Token(TokenId),
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(id) => id.fmt(f),
        }
    }
}

/// An authenticated request. Made by [`Authenticator`](crate::Authenticator) alone, so that no
/// service can be called without one.
#[derive(Clone, Debug)]
pub struct Context {
    connection: Arc<Connection>,
    actor: Actor,
}

impl Context {
    pub(crate) const fn new(connection: Arc<Connection>, actor: Actor) -> Self {
        Self { connection, actor }
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
