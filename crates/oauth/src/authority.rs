//! The authorization server of every connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rollcall_domain::{
    Clock, ConnectionId, Fetch, Ids, Issuers, Keyring, KeysAsked, Registry, Scopes, Traffics,
    Unavailable,
};
use serde_json::{Value, json};

use crate::issuer_keys::{IssuerKeys, Source};
use crate::jwt::ALGORITHMS;
use crate::rotation::ROTATES_AFTER;
use crate::signing_keys::SigningKeys;

/// Grants access tokens, and checks them.
///
/// The signing keys, and the assertions that were taken before, are shared with other replicas
/// through the registry.
pub struct OAuth {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) signing: SigningKeys,
    pub(crate) issuers: IssuerKeys,
    pub(crate) traffics: Traffics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    origin: String,
    rotation: Duration,
    binds: bool,
}

impl OAuth {
    /// An authorization server over a registry. The keyring seals the private halves of its keys;
    /// `origin` is the public URL that connections are below: `https://scim.example.com`, with the
    /// path behind it where there is one.
    pub fn new(
        registry: Arc<dyn Registry>,
        keys: Arc<Keyring>,
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        mut origin: String,
    ) -> Self {
        let issuers = IssuerKeys::new(fetch, Arc::clone(&clock));
        let signing =
            SigningKeys::new(Arc::clone(&registry), keys, Arc::clone(&clock), Arc::clone(&ids));
        origin.truncate(origin.trim_end_matches('/').len());
        let traffics = Traffics::new(Arc::clone(&registry), Arc::clone(&clock));
        let (rotation, binds) = (ROTATES_AFTER, false);
        Self { registry, signing, issuers, traffics, clock, ids, origin, rotation, binds }
    }

    /// The same with keys that become this old; 30 days if nobody says.
    #[must_use]
    pub fn with_rotation(self, rotation: Duration) -> Self {
        Self { rotation, ..self }
    }

    /// The same where client certificates are seen, which says so in its metadata: access tokens of
    /// credentials that are bound to one are bound to it too (RFC 8705 §3.3).
    #[must_use]
    pub fn with_client_certificates(self) -> Self {
        Self { binds: true, ..self }
    }

    /// Rotates the signing keys when it is time. Call it now and then on every replica.
    ///
    /// # Errors
    /// [`Unavailable`]; the keys are as they were.
    pub async fn tick(&self) -> Result<(), Unavailable> {
        self.signing.rotate(self.rotation).await
    }

    /// `iss` of the tokens of a connection (RFC 8414 §2).
    pub fn issuer(&self, connection: ConnectionId) -> String {
        format!("{}/connections/{connection}", self.origin)
    }

    /// Where the client of a connection gets them.
    pub fn token_endpoint(&self, connection: ConnectionId) -> String {
        format!("{}/oauth/token", self.issuer(connection))
    }

    /// `aud` of the tokens of a connection: what they open, and nothing else (R-OAUTH-08).
    pub fn audience(&self, connection: ConnectionId) -> String {
        format!("{}/scim/v2", self.issuer(connection))
    }

    /// The connection whose issuer that is.
    pub(crate) fn connection_of(&self, issuer: &str) -> Option<ConnectionId> {
        let id = issuer.strip_prefix(&self.origin)?.strip_prefix("/connections/")?;
        id.parse().ok()
    }

    /// RFC 8414 §2.
    pub(crate) fn described(&self, connection: ConnectionId) -> Value {
        json!({
            "issuer": self.issuer(connection),
            "token_endpoint": self.token_endpoint(connection),
            "jwks_uri": format!("{}/oauth/jwks", self.origin),
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "scopes_supported": Scopes::NAMES,
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            "tls_client_certificate_bound_access_tokens": self.binds,
        })
    }
}

impl Issuers for OAuth {
    fn asked(&self, jwks_uri: &str) -> Option<KeysAsked> {
        self.issuers.asked(&Source::Jwks(jwks_uri.to_owned()))
    }
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth").field("origin", &self.origin).finish_non_exhaustive()
    }
}
