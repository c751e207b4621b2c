//! The token endpoint (RFC 6749 §3.2).

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall_domain::{
    AmendError, Amendment, AuthorizationServer, ConnectionId, Granted, Kept, Refusal, Scopes,
    Status, Token, TokenRequest, Unavailable,
};
use rollcall_schema::Instant;
use serde_json::{Value, json};

use crate::OAuth;
use crate::clients::{Once, Proven};

/// How long an access token is good, unless its credential ends before: an hour (R-OAUTH-01).
pub const LIVES_FOR: Duration = Duration::from_secs(60 * 60);

#[async_trait]
impl AuthorizationServer for OAuth {
    async fn grant(&self, request: TokenRequest<'_>) -> Result<Granted, Refusal> {
        match request.grant_type {
            Some("client_credentials") => {}
            Some(_) => return Err(Refusal::UnsupportedGrantType),
            None => return Err(Refusal::InvalidRequest("`grant_type` is missing".into())),
        }
        let now = self.clock.now();
        let proven = self.client(&request, now).await?.ok_or(Refusal::InvalidClient)?;
        open(&proven)?;
        let scopes = scopes(request.scope, proven.token.scopes)?;
        if let Some(once) = &proven.once {
            self.use_up(&proven.token, once, now).await?;
        }
        let granted = self.access_token(&proven.token, scopes, now).await?;
        self.traffics.used(&proven.token).await;
        Ok(granted)
    }

    async fn jwks(&self) -> Result<Value, Unavailable> {
        self.signing.jwks().await
    }

    fn metadata(&self, connection: ConnectionId) -> Value {
        self.described(connection)
    }
}

impl OAuth {
    /// R-OAUTH-04: an assertion is good once, on whichever replica. It is remembered until it ends,
    /// and for a day at least.
    async fn use_up(&self, token: &Token, once: &Once, now: Instant) -> Result<(), Refusal> {
        let Once { mark, ends } = *once;
        let at = Instant::from_millis(now.millis().max(ends.millis() - Kept::FOR_MILLIS));
        let kept = Kept {
            actor: format!("assertion {}", token.id),
            key: URL_SAFE_NO_PAD.encode(mark),
            fingerprint: mark,
            at,
            answer: String::new(),
        };
        let amendment = Amendment { kept: Some(kept), ..Amendment::default() };
        match self.registry.amend(amendment).await {
            Ok(()) => Ok(()),
            Err(AmendError::Unavailable(error)) => Err(error.into()),
            Err(
                AmendError::Repeated(_)
                | AmendError::Taken(_)
                | AmendError::Full
                | AmendError::Stale,
            ) => Err(Refusal::InvalidClient),
        }
    }

    /// RFC 9068 §2.2.
    async fn access_token(
        &self,
        token: &Token,
        scopes: Scopes,
        now: Instant,
    ) -> Result<Granted, Refusal> {
        let issued = now.millis().div_euclid(1000);
        let longest = issued.saturating_add_unsigned(LIVES_FOR.as_secs());
        let ends = token.expires.map_or(longest, |end| longest.min(end.millis().div_euclid(1000)));
        let expires_in = u64::try_from(ends - issued).unwrap_or(0);
        if expires_in == 0 {
            return Err(Refusal::InvalidClient);
        }
        let connection = token.connection;
        let mut claims = json!({
            "iss": self.issuer(connection),
            "sub": connection,
            "client_id": connection,
            "aud": self.audience(connection),
            "iat": issued,
            "exp": ends,
            "jti": self.ids.next().to_string(),
            "scope": scopes,
            "rollcall_token": token.id,
        });
        if let (Some(print), Some(members)) = (token.certificate, claims.as_object_mut()) {
            let print = URL_SAFE_NO_PAD.encode(print.0);
            members.insert("cnf".into(), json!({"x5t#S256": print}));
        }
        let access_token = self.signing.sign(&claims).await?;
        Ok(Granted { access_token, expires_in, scopes })
    }
}

/// Whoever has proven to be the client is told that its connection is closed, so that IdPs come
/// again to a paused one. The proof is not used up by that.
fn open(client: &Proven) -> Result<(), Refusal> {
    match client.status {
        Status::Draft | Status::Observe | Status::Active => Ok(()),
        Status::Paused => Err(Refusal::Paused),
        Status::Disabled => {
            let connection = client.token.connection;
            tracing::warn!(%connection, "a disabled connection is still asked for access tokens");
            Err(Refusal::Disabled)
        }
    }
}

/// What is granted: all that the credential may, or as much of it as was asked for. `scim` asks
/// for all there is: Entra sends nothing else (R-OAUTH-02), and the answer says what it came to
/// (RFC 6749 §3.3).
fn scopes(asked: Option<&str>, may: Scopes) -> Result<Scopes, Refusal> {
    let all = |asked: &&str| asked.trim().is_empty() || asked.trim() == "scim";
    let Some(asked) = asked.filter(|asked| !all(asked)) else { return Ok(may) };
    let wanted: Scopes = asked.parse().map_err(|error| {
        let detail = format!("{error}");
        // Nothing else may stand there (RFC 6749 §5.2).
        let plain = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        Refusal::InvalidScope(detail.chars().filter(plain).collect())
    })?;
    match wanted.within(may) == wanted {
        true => Ok(wanted),
        false => Err(Refusal::InvalidScope(format!("the credential has no more than `{may}`"))),
    }
}
