//! From a bearer token to a context.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::{Actor, Connection, ConnectionId, Context, Offer, Registry, TokenHash, Unavailable};

/// How long a token that was found is believed without asking again: the longest time that a
/// revoked token goes on working.
pub const BELIEVED_FOR: Duration = Duration::from_secs(2);

/// How many tokens are remembered at once.
const REMEMBERED: u64 = 10_000;

/// How many compiled offers are kept at once.
const COMPILED: u64 = 1_000;

/// Finds out who asks. The one maker of [`Context`].
///
/// A new token works at once: only tokens that were found are remembered.
pub struct Authenticator {
    registry: Arc<dyn Registry>,
    known: Cache<TokenHash, Context>,
    offers: Cache<(ConnectionId, u64), Arc<Offer>>,
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// There is no such token, or not any more.
    #[error("the token is not valid")]
    Refused,
    /// The registry could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Authenticator {
    /// An authenticator over a registry.
    pub fn new(registry: Arc<dyn Registry>) -> Self {
        let known = Cache::builder().max_capacity(REMEMBERED).time_to_live(BELIEVED_FOR).build();
        let offers = Cache::builder().max_capacity(COMPILED).build();
        Self { registry, known, offers }
    }

    /// Who the bearer of this token is. An empty token is nobody's (R-E-10).
    ///
    /// # Errors
    /// [`AuthError::Refused`] when the token is unknown or revoked.
    pub async fn bearer(&self, token: &str) -> Result<Context, AuthError> {
        if token.trim().is_empty() {
            return Err(AuthError::Refused);
        }
        let hash = TokenHash::of(token);
        if let Some(context) = self.known.get(&hash) {
            return Ok(context);
        }
        let found = self.registry.token_by_hash(hash).await?;
        let (token, connection) = found
            .filter(|(token, _)| token.hash.matches(&hash) && token.revoked.is_none())
            .ok_or(AuthError::Refused)?;
        let offer = self.offer(&connection)?;
        let context =
            Context::new(Arc::new(connection), offer, Actor::Token(token.id), token.subject);
        self.known.insert(hash, context.clone());
        Ok(context)
    }

    /// What a connection offers to whoever asks, where discovery is open; `None` when there is no
    /// such connection.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn discover(&self, id: ConnectionId) -> Result<Option<Arc<Offer>>, Unavailable> {
        match self.registry.connection(id).await? {
            Some((_, connection)) => self.offer(&connection).map(Some),
            None => Ok(None),
        }
    }

    /// Compiled once per revision.
    fn offer(&self, connection: &Connection) -> Result<Arc<Offer>, Unavailable> {
        let key = (connection.id, connection.revision);
        if let Some(offer) = self.offers.get(&key) {
            return Ok(offer);
        }
        let offer = Arc::new(Offer::of(connection).map_err(Unavailable::new)?);
        self.offers.insert(key, Arc::clone(&offer));
        Ok(offer)
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}
