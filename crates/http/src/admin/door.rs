//! Lets an operator in, or not.

use rollcall_domain::{AuthError, Caller, Error, TokenHash, is_jwt};
use tracing::Span;
use tracing::field::display;

use super::fault::Fault;
use super::{AdminApi, Around};
use crate::auth;
use crate::limits::Limiter;
use crate::problem::Problem;

/// One text whether a key is missing, wrong, ended or revoked.
const REFUSED: &str = "the request needs a valid admin key as bearer token";

impl AdminApi {
    /// Who asks: by an admin key, or by a token of the issuer that operators sign in with. Cookies
    /// say nothing (R-E-12), and whoever has sent too many wrong keys is not heard (R-SEC-06).
    pub(super) async fn admit(&self, around: Around<'_>) -> Result<Caller, Fault> {
        let Around { parts, settings, limiter, .. } = around;
        let token = auth::token(parts)?;
        let hash = TokenHash::of(token);
        let stranger = Limiter::stranger(parts, None, settings);
        limiter.hear(stranger, hash, settings.failures)?;
        match self.enter(token).await {
            Ok(caller) => {
                limiter.found(hash);
                Span::current().record("actor", display(caller.actor));
                Ok(caller)
            }
            Err(AuthError::Unavailable(source)) => {
                Err(Problem::from(Error::Unavailable(source)).into())
            }
            Err(error @ AuthError::NoKeys) => {
                limiter.unchecked(stranger, hash, settings.failures);
                Err(Problem::from(error).into())
            }
            Err(_) => {
                limiter.failed(stranger, hash, settings.failures);
                Err(Problem::unauthorized(REFUSED).into())
            }
        }
    }

    async fn enter(&self, token: &str) -> Result<Caller, AuthError> {
        let traffics = self.traffics.as_ref();
        let Some((sign_in, _)) = self.sign_in.as_ref().filter(|_| is_jwt(token)) else {
            return self.admin.enter(token, traffics).await;
        };
        let subject = sign_in.subject(token).await?;
        let (issuer, subject) = subject.ok_or(AuthError::Refused)?;
        self.admin.enter_as((&issuer, &subject), traffics).await
    }
}
