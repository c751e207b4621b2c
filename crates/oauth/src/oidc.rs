//! Operators who signed in elsewhere.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use rollcall_domain::{Clock, Fetch, SignIn, Unavailable};

use crate::claims::Bound;
use crate::issuer_keys::{IssuerKeys, Source};
use crate::jwt::Jwt;

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
}

#[async_trait]
impl SignIn for Oidc {
    async fn subject(&self, token: &str) -> Result<Option<(String, String)>, Unavailable> {
        let Some(jwt) = Jwt::parse(token) else { return Ok(None) };
        let claims = &jwt.claims;
        let is_theirs = claims.iss.as_ref() == Some(&self.issuer) && claims.bound() == Bound::No;
        let is_ours = claims.is_for(&[&self.audience]) && claims.ends(self.clock.now()).is_some();
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
