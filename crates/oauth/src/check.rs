//! Access tokens as they are shown (RFC 9068 §4).

use async_trait::async_trait;
use rollcall_domain::{AccessTokens, CheckError, ConnectionId, Grant, Scopes, TokenId};
use rollcall_schema::Instant;
use serde::Deserialize;

use crate::OAuth;
use crate::claims::Bound;
use crate::jwt::{ACCESS_TOKEN, Jwt};

/// What our own tokens say beyond the usual.
#[derive(Deserialize)]
struct Own {
    client_id: ConnectionId,
    scope: Scopes,
    rollcall_token: TokenId,
}

#[async_trait]
impl AccessTokens for OAuth {
    async fn check(
        &self,
        token: &str,
        asked: Option<ConnectionId>,
    ) -> Result<Option<Grant>, CheckError> {
        let Some(jwt) = Jwt::parse(token) else { return Ok(None) };
        let now = self.clock.now();
        let Some(expires) = jwt.claims.ends(now) else { return Ok(None) };
        match jwt.claims.iss.as_deref().and_then(|iss| self.connection_of(iss)) {
            Some(connection) => self.own(&jwt, connection, expires).await,
            None => self.elsewhere(&jwt, asked, (now, expires)).await,
        }
    }
}

impl OAuth {
    /// A token that says that it is ours. It names its connection, whichever was asked for.
    async fn own(
        &self,
        jwt: &Jwt<'_>,
        connection: ConnectionId,
        expires: Instant,
    ) -> Result<Option<Grant>, CheckError> {
        let Some(own) = jwt.claims::<Own>() else { return Ok(None) };
        let certificate = match jwt.claims.bound() {
            Bound::No => None,
            Bound::To(print) => Some(print),
            Bound::Otherwise => return Ok(None),
        };
        let is_access_token = jwt.typ.as_deref() == Some(ACCESS_TOKEN);
        let is_whole =
            own.client_id == connection && jwt.claims.is_for(&[&self.audience(connection)]);
        if !is_access_token || !is_whole || !self.signing.verify(jwt).await? {
            return Ok(None);
        }
        let Own { scope, rollcall_token, .. } = own;
        Ok(Some(Grant { token: rollcall_token, connection, scopes: scope, expires, certificate }))
    }

    /// A token of an issuer that the connection may trust. What ends with its credential is told
    /// by the credential.
    async fn elsewhere(
        &self,
        jwt: &Jwt<'_>,
        asked: Option<ConnectionId>,
        (now, expires): (Instant, Instant),
    ) -> Result<Option<Grant>, CheckError> {
        let Some(connection) = asked else { return Ok(None) };
        let tokens = self.unrevoked(connection, now).await?;
        let Some(token) = self.trusting(tokens, jwt).await? else { return Ok(None) };
        let certificate = match (jwt.claims.bound(), token.certificate) {
            (Bound::No, any) => any,
            (Bound::To(print), None) => Some(print),
            (Bound::To(print), Some(known)) if print == known => Some(print),
            (Bound::To(_) | Bound::Otherwise, _) => return Ok(None),
        };
        let (id, scopes) = (token.id, token.scopes);
        Ok(Some(Grant { token: id, connection, scopes, expires, certificate }))
    }
}
