//! Making connections, and their tokens.

use std::fmt;
use std::sync::Arc;

use crate::{
    Clock, ConfigureError, Connection, ConnectionId, IdpKind, Ids, NewConnection, Organization,
    OrganizationId, Registry, ResourceId, Secret, Store, Token, TokenId, Unavailable, WeakSecret,
};

/// The name of the organization that the bootstrap token makes.
const BOOTSTRAP_ORGANIZATION: &str = "default";

/// The name of the connection, and of its token, that the bootstrap token makes.
const BOOTSTRAP: &str = "bootstrap";

/// The longest name of an organization or connection, in characters.
const LONGEST_NAME: usize = 200;

/// Connections of organizations, and the credentials that open them.
pub struct Connections {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// Why a connection or token was not made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionsError {
    /// A name that can't be one.
    #[error("a name needs 1 to {LONGEST_NAME} characters, none of them a control character")]
    BadName,
    /// There is no such connection.
    #[error("no connection `{0}`: `rollcall connection list` shows those there are")]
    NoConnection(ConnectionId),
    /// There is no such token, or it has ended.
    #[error("no live token `{0}`: `rollcall token list` shows those there are")]
    NoToken(TokenId),
    /// There is no such user, or there are no users who could have a token.
    #[error("no resource `{0}` that acts for itself: use the userName or id of a user")]
    NoSubject(String),
    /// The connection can't be set up so.
    #[error(transparent)]
    Configure(#[from] ConfigureError),
    /// The bootstrap token is too easy to guess.
    #[error(transparent)]
    Weak(#[from] WeakSecret),
    /// The machine gives no randomness.
    #[error("the machine gives no random bytes: {0}")]
    Randomness(#[from] getrandom::Error),
    /// Everything else.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A token that was just made: the one time that its secret can be seen.
#[derive(Debug)]
pub struct Minted {
    /// The token as it is kept.
    pub token: Token,
    /// What the IdP gets.
    pub secret: Secret,
}

impl Connections {
    /// The service over its ports.
    pub fn new(
        registry: Arc<dyn Registry>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self { registry, store, clock, ids }
    }

    /// Makes a connection with its first token; the organization too, where the name is new.
    ///
    /// # Errors
    /// [`ConnectionsError::BadName`].
    pub async fn create(
        &self,
        organization: &str,
        idp: IdpKind,
    ) -> Result<(Connection, Minted), ConnectionsError> {
        let connection = self.ensure(organization, None, idp).await?;
        let minted = self.add_token(&connection, None, None, Secret::random()?).await?;
        Ok((connection, minted))
    }

    /// Every connection with its organization, in the order in which they were made.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn list(&self) -> Result<Vec<(Organization, Connection)>, Unavailable> {
        self.registry.connections().await
    }

    /// Makes one more token for a connection; the others go on working.
    ///
    /// # Errors
    /// [`ConnectionsError::NoConnection`].
    pub async fn mint(&self, connection: ConnectionId) -> Result<Minted, ConnectionsError> {
        let (_, connection) = self.get(connection).await?;
        self.add_token(&connection, None, None, Secret::random()?).await
    }

    /// Makes a token that is a user's own: it opens `/Me` and nothing else (R-ME-02). The user is
    /// named by `userName` or id, and is of a type that lets resources change themselves.
    ///
    /// # Errors
    /// [`ConnectionsError::NoConnection`], [`ConnectionsError::NoSubject`].
    pub async fn mint_for(
        &self,
        connection: ConnectionId,
        subject: &str,
    ) -> Result<Minted, ConnectionsError> {
        let (_, connection) = self.get(connection).await?;
        let found = crate::me::subject(&*self.store, &connection, subject).await?;
        let missing = || ConnectionsError::NoSubject(subject.chars().take(80).collect());
        let subject = found.ok_or_else(missing)?;
        self.add_token(&connection, None, Some(subject), Secret::random()?).await
    }

    /// The tokens of a connection, the newest last.
    ///
    /// # Errors
    /// [`ConnectionsError::NoConnection`].
    pub async fn tokens(&self, connection: ConnectionId) -> Result<Vec<Token>, ConnectionsError> {
        self.get(connection).await?;
        Ok(self.registry.tokens(connection).await?)
    }

    /// Ends a token. Servers that have seen it lately let it in for at most
    /// [`BELIEVED_FOR`](crate::BELIEVED_FOR) more.
    ///
    /// # Errors
    /// [`ConnectionsError::NoToken`].
    pub async fn revoke(&self, token: TokenId) -> Result<(), ConnectionsError> {
        let found = self.registry.revoke_token(token, self.clock.now()).await?;
        if found { Ok(()) } else { Err(ConnectionsError::NoToken(token)) }
    }

    /// Binds a token from the environment to the connection `bootstrap` of the organization
    /// `default`, both made where they are missing. A changed token replaces the earlier one.
    ///
    /// # Errors
    /// [`ConnectionsError::Weak`].
    pub async fn bootstrap(&self, token: &str) -> Result<Connection, ConnectionsError> {
        let secret = Secret::given(token)?;
        let connection =
            self.ensure(BOOTSTRAP_ORGANIZATION, Some(BOOTSTRAP), IdpKind::Generic).await?;
        self.add_token(&connection, Some(BOOTSTRAP), None, secret).await?;
        Ok(connection)
    }

    async fn ensure(
        &self,
        organization: &str,
        name: Option<&str>,
        idp: IdpKind,
    ) -> Result<Connection, ConnectionsError> {
        let organization = organization.trim();
        if organization.is_empty()
            || organization.chars().count() > LONGEST_NAME
            || organization.chars().any(char::is_control)
        {
            return Err(ConnectionsError::BadName);
        }
        let new_organization = Organization {
            id: OrganizationId::from_uuid(self.ids.next()),
            name: organization.into(),
        };
        let id = ConnectionId::from_uuid(self.ids.next());
        let made = Connection::new(id, new_organization.id, idp, self.clock.now());
        let connection = Connection { name: name.map(Into::into), ..made };
        Ok(self.registry.ensure_connection(NewConnection { new_organization, connection }).await?)
    }

    async fn add_token(
        &self,
        connection: &Connection,
        name: Option<&str>,
        subject: Option<ResourceId>,
        secret: Secret,
    ) -> Result<Minted, ConnectionsError> {
        let token = Token {
            id: TokenId::from_uuid(self.ids.next()),
            connection: connection.id,
            organization: connection.organization,
            name: name.map(Into::into),
            subject,
            hash: secret.hash(),
            created: self.clock.now(),
            revoked: None,
        };
        self.registry.add_token(token.clone()).await?;
        Ok(Minted { token, secret })
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}
