//! From a bearer token to a context.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::{Actor, Connection, Context, Registry, TokenHash, TokenId, Unavailable};

/// How long a token that was found is believed without asking again: the longest time that a
/// revoked token goes on working.
pub const BELIEVED_FOR: Duration = Duration::from_secs(2);

/// How many tokens are remembered at once.
const REMEMBERED: u64 = 10_000;

/// Finds out who asks. The one maker of [`Context`].
///
/// A new token works at once: only tokens that were found are remembered.
pub struct Authenticator {
    registry: Arc<dyn Registry>,
    known: Cache<TokenHash, (Arc<Connection>, TokenId)>,
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
        Self { registry, known }
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
        if let Some((connection, id)) = self.known.get(&hash) {
            return Ok(Context::new(connection, Actor::Token(id)));
        }
        let found = self.registry.token_by_hash(hash).await?;
        let (token, connection) = found
            .filter(|(token, _)| token.hash.matches(&hash) && token.revoked.is_none())
            .ok_or(AuthError::Refused)?;
        let connection = Arc::new(connection);
        self.known.insert(hash, (Arc::clone(&connection), token.id));
        Ok(Context::new(connection, Actor::Token(token.id)))
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}
