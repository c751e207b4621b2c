//! Operators who signed in elsewhere.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use rollcall_domain::{CheckError, Clock, Fetch, SignIn};

use crate::claims::Bound;
use crate::issuer_keys::{IssuerKeys, Source};
use crate::jwt::{ACCESS_TOKEN, Jwt};

/// Tokens of one issuer for one audience (OpenID Connect Core §3.1.3.7).
pub struct Oidc {
    issuer: String,
    audience: String,
    source: Source,
    keys: IssuerKeys,
    clock: Arc<dyn Clock>,
}

impl Oidc {
    /// Takes tokens of `issuer` that are for `audience`, both to the letter. Its keys are where its
    /// configuration says (OpenID Connect Discovery §4).
    pub fn new(
        issuer: String,
        audience: String,
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let source = Source::Issuer(issuer.clone());
        let keys = IssuerKeys::new(fetch, Arc::clone(&clock));
        Self { issuer, audience, source, keys, clock }
    }

    /// The same with keys that are at this URL, whatever the configuration says.
    #[must_use]
    pub fn with_jwks_uri(self, jwks_uri: String) -> Self {
        Self { source: Source::Jwks(jwks_uri), ..self }
    }

    /// Whether a token was made for this audience. An ID token that is for others too was made for
    /// the one that it names (OpenID Connect Core §3.1.3.7, steps 3 to 5); an access token is for
    /// all of its audiences (RFC 9068 §3).
    fn is_meant(&self, jwt: &Jwt<'_>) -> bool {
        let (claims, ours) = (&jwt.claims, [&*self.audience]);
        let is_access_token = jwt.is_of(ACCESS_TOKEN);
        let is_alone = || claims.is_only_for(&ours);
        let is_named = || claims.azp.as_deref() == Some(&*self.audience);
        claims.is_for(&ours) && (is_access_token || is_alone() || is_named())
    }
}

/// Whether a token says who somebody is, and not what happened to them (RFC 8725 §3.11): a logout
/// token is an ID token but for that (OpenID Connect Back-Channel Logout §2.4).
fn is_sign_in(jwt: &Jwt<'_>) -> bool {
    jwt.may_be(&[ACCESS_TOKEN]) && !jwt.claims.tells_events()
}

#[async_trait]
impl SignIn for Oidc {
    async fn subject(&self, token: &str) -> Result<Option<(String, String)>, CheckError> {
        let Some(jwt) = Jwt::parse(token).filter(is_sign_in) else { return Ok(None) };
        let claims = &jwt.claims;
        let is_theirs = claims.iss.as_ref() == Some(&self.issuer) && claims.bound() == Bound::No;
        let is_ours = self.is_meant(&jwt) && claims.ends(self.clock.now()).is_some();
        let subject = claims.sub.clone().filter(|subject| !subject.is_empty());
        let Some(subject) = subject.filter(|_| is_theirs && is_ours) else { return Ok(None) };
        let good = self.keys.verify(&self.source, &jwt).await?;
        Ok(good.then(|| (self.issuer.clone(), subject)))
    }
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oidc").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
