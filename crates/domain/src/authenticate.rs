//! From a bearer token to a context.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use rollcall_schema::Instant;

use crate::oauth::NO_KEYS;
use crate::{
    AccessTokens, Actor, CheckError, Clock, Connection, ConnectionId, Context, Grant, Offer,
    Registry, Scopes, Status, SystemClock, Thumbprint, Token, TokenHash, TokenKind, Traffics,
    Unavailable, is_jwt,
};

/// How long a credential that was found is believed without asking again: the longest time that a
/// revoked one goes on working, and a connection after it was paused.
pub const BELIEVED_FOR: Duration = Duration::from_secs(2);

/// How often the log says that a disabled connection is still called.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// How many tokens are remembered at once.
const REMEMBERED: u64 = 10_000;

/// How many compiled offers are kept at once.
const COMPILED: u64 = 1_000;

/// Finds out who asks. The one maker of [`Context`] for requests.
///
/// A new token works at once: only tokens that were found are remembered.
pub struct Authenticator {
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
    access_tokens: Option<Arc<dyn AccessTokens>>,
    traffics: Option<Arc<Traffics>>,
    /// By the connection too where the same token may open several: its issuer is trusted by each.
    known: Cache<(TokenHash, Option<ConnectionId>), Known>,
    offers: Cache<(ConnectionId, u64), Arc<Offer>>,
    told: Cache<ConnectionId, ()>,
}

/// A request's credential, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The bearer token.
    pub token: &'a str,
    /// The connection that the path names; one that there isn't where the path names none. On the
    /// path of another one a token is of no use.
    pub connection: Option<ConnectionId>,
    /// The client certificate that the request came with.
    pub certificate: Option<Thumbprint>,
}

/// A credential that was found.
#[derive(Clone)]
struct Known {
    context: Context,
    token: Arc<Token>,
    expires: Option<Instant>,
    certificate: Option<Thumbprint>,
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// There is no such token, or not any more.
    #[error("the token is not valid")]
    Refused,
    /// The connection answers nothing for now.
    #[error("the connection is paused: repeat the request later")]
    Paused,
    /// The connection answers nothing until somebody decides otherwise.
    #[error("the connection is disabled: ask whoever runs this service to enable it")]
    Disabled,
    /// The keys of the token's issuer are not there to check it with.
    #[error("{NO_KEYS}")]
    NoKeys,
    /// The registry could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<CheckError> for AuthError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::NoKeys => Self::NoKeys,
            CheckError::Unavailable(source) => source.into(),
        }
    }
}

impl<'a> Shown<'a> {
    /// A token by itself.
    pub const fn token(token: &'a str) -> Self {
        Self { token, connection: None, certificate: None }
    }
}

impl Authenticator {
    /// An authenticator over a registry.
    pub fn new(registry: Arc<dyn Registry>) -> Self {
        let known = Cache::builder().max_capacity(REMEMBERED).time_to_live(BELIEVED_FOR).build();
        let offers = Cache::builder().max_capacity(COMPILED).build();
        let told = Cache::builder().max_capacity(COMPILED).time_to_live(TOLD_EVERY).build();
        let clock = Arc::new(SystemClock);
        Self { registry, clock, access_tokens: None, traffics: None, known, offers, told }
    }

    /// The same, which takes access tokens too.
    #[must_use]
    pub fn with_access_tokens(self, access_tokens: Arc<dyn AccessTokens>) -> Self {
        Self { access_tokens: Some(access_tokens), ..self }
    }

    /// The same, which tells of credentials that come too late.
    #[must_use]
    pub fn with_traffics(self, traffics: Arc<Traffics>) -> Self {
        Self { traffics: Some(traffics), ..self }
    }

    /// The same by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Who the bearer of this token is. An empty token is nobody's (R-E-10).
    ///
    /// # Errors
    /// [`AuthError::Refused`] when the token is unknown, has ended, or is bound to another
    /// certificate; [`AuthError::Paused`] and [`AuthError::Disabled`] by the connection's status.
    pub async fn bearer(&self, shown: Shown<'_>) -> Result<Context, AuthError> {
        if shown.token.trim().is_empty() {
            return Err(AuthError::Refused);
        }
        let hash = TokenHash::of(shown.token);
        let key = (hash, shown.connection.filter(|_| is_jwt(shown.token)));
        let known = match self.known.get(&key) {
            Some(known) => known,
            None => {
                let known = self.find(hash, shown).await?.ok_or(AuthError::Refused)?;
                self.known.insert(key, known.clone());
                known
            }
        };
        let now = self.clock.now();
        if known.expires.is_some_and(|end| end <= now) {
            self.came_late(&known, now).await;
            return Err(AuthError::Refused);
        }
        if known.certificate.is_some() && known.certificate != shown.certificate {
            return Err(AuthError::Refused);
        }
        let connection = known.context.connection();
        if shown.connection.is_none_or(|asked| asked == connection.id) {
            self.came(&known).await;
        }
        match connection.status {
            Status::Paused => Err(AuthError::Paused),
            Status::Disabled => {
                self.tell_of(connection);
                Err(AuthError::Disabled)
            }
            Status::Draft | Status::Observe | Status::Active => Ok(known.context),
        }
    }

    /// What a connection offers to whoever asks, where discovery is open; `None` when there is no
    /// such connection.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn discover(&self, id: ConnectionId) -> Result<Option<Arc<Offer>>, Unavailable> {
        match self.registry.connection(id).await? {
            Some((_, connection)) if connection.removal.is_none() => {
                self.offer(&connection).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A credential by its hash, or by what the access token says that it is.
    async fn find(&self, hash: TokenHash, shown: Shown<'_>) -> Result<Option<Known>, CheckError> {
        if let Some((token, connection)) = self.registry.token_by_hash(hash).await? {
            let good = token.hash.matches(&hash) && token.kind == TokenKind::Bearer;
            return match good {
                true => Ok(self.known(token, connection, None)?),
                false => Ok(None),
            };
        }
        let Some(access_tokens) = self.access_tokens.as_ref().filter(|_| is_jwt(shown.token))
        else {
            return Ok(None);
        };
        let Some(grant) = access_tokens.check(shown.token, shown.connection).await? else {
            return Ok(None);
        };
        match self.registry.token(grant.token).await? {
            Some((token, connection)) if connection.id == grant.connection => {
                Ok(self.known(token, connection, Some(&grant))?)
            }
            _ => Ok(None),
        }
    }

    /// What a credential opens, unless it was revoked, or its connection is taken apart.
    fn known(
        &self,
        token: Token,
        connection: Connection,
        grant: Option<&Grant>,
    ) -> Result<Option<Known>, Unavailable> {
        if token.revoked.is_some() || connection.removal.is_some() {
            return Ok(None);
        }
        let scopes = grant.map_or(Scopes::ALL, |grant| grant.scopes).within(token.scopes);
        let ends = [token.expires, grant.map(|grant| grant.expires)];
        let offer = self.offer(&connection)?;
        let context = Context::new(Arc::new(connection), offer, Actor::Token(token.id));
        Ok(Some(Known {
            context: context.with_scopes(scopes, token.subject),
            expires: ends.into_iter().flatten().min(),
            certificate: grant.and_then(|grant| grant.certificate).or(token.certificate),
            token: Arc::new(token),
        }))
    }

    /// Whoever calls a closed connection is heard all the same: the IdP is not quiet. A credential
    /// counts as used by those alone that are let in.
    async fn came(&self, known: &Known) {
        let Some(traffics) = &self.traffics else { return };
        match known.context.connection() {
            closed if matches!(closed.status, Status::Paused | Status::Disabled) => {
                traffics.saw(closed, false).await;
            }
            _ => traffics.used(&known.token).await,
        }
    }

    /// Whoever comes with a credential that has ended by itself is told to operators.
    async fn came_late(&self, known: &Known, now: Instant) {
        if let Some(traffics) = self.traffics.as_ref().filter(|_| known.token.has_expired(now)) {
            traffics.refused(&known.token).await;
        }
    }

    /// Whoever calls a disabled connection is told to operators.
    fn tell_of(&self, connection: &Connection) {
        if self.told.entry(connection.id).or_insert(()).is_fresh() {
            let Connection { id, organization, .. } = connection;
            tracing::warn!(connection = %id, %organization, "a disabled connection is still called");
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
