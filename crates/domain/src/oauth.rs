//! What the domain needs of an authorization server (RFC 6749), and of those of others.

use async_trait::async_trait;
use rollcall_schema::Instant;
use serde_json::Value;

use crate::{ConnectionId, Scopes, SigningKeyId, Thumbprint, TokenId, Unavailable};

/// What an access token says, once it was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The credential that it was granted to, or that trusts its issuer.
    pub token: TokenId,
    /// The connection that it is for.
    pub connection: ConnectionId,
    /// What it may do; no more than the credential.
    pub scopes: Scopes,
    /// When it ends.
    pub expires: Instant,
    /// The client certificate that it is bound to (RFC 8705 §3).
    pub certificate: Option<Thumbprint>,
}

/// Checks access tokens that are JSON Web Tokens (RFC 7519, RFC 9068).
#[async_trait]
pub trait AccessTokens: Send + Sync {
    /// What a token says, as far as its signature, its issuer, its audience and its times go;
    /// whether the credential still lives is the caller's to ask. `asked` is the connection that
    /// the path of the request names. `None` when the token is not good.
    ///
    /// # Errors
    /// [`CheckError`].
    async fn check(
        &self,
        token: &str,
        asked: Option<ConnectionId>,
    ) -> Result<Option<Grant>, CheckError>;
}

/// An authorization server in which each connection is an issuer of its own, with one client
/// whose id is that of the connection.
#[async_trait]
pub trait AuthorizationServer: Send + Sync {
    /// Grants an access token (RFC 6749 §4.4).
    ///
    /// # Errors
    /// [`Refusal`].
    async fn grant(&self, request: TokenRequest<'_>) -> Result<Granted, Refusal>;

    /// The public keys that access tokens are signed with (RFC 7517 §5).
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn jwks(&self) -> Result<Value, Unavailable>;

    /// What clients may know of a connection's issuer (RFC 8414 §2): the same whether there is
    /// such a connection or not.
    fn metadata(&self, connection: ConnectionId) -> Value;
}

/// Says whose tokens of the configured issuer are, which operators sign in with (OpenID Connect
/// Core §3.1.3.7).
#[async_trait]
pub trait SignIn: Send + Sync {
    /// The issuer and the subject of a token that is good; `None` when it is not.
    ///
    /// # Errors
    /// [`CheckError`].
    async fn subject(&self, token: &str) -> Result<Option<(String, String)>, CheckError>;
}

/// Remembers what became of asking issuers elsewhere for their keys. It asks nobody.
pub trait Issuers: Send + Sync {
    /// What is known of the keys at a URL; `None` where they were never asked for.
    fn asked(&self, jwks_uri: &str) -> Option<KeysAsked>;
}

/// What became of asking an issuer for its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeysAsked {
    /// When they came last, and until when those are believed.
    pub came: Option<(Instant, Instant)>,
    /// When they were asked for in vain, if they haven't come since.
    pub failed: Option<Instant>,
}

/// Why nobody can tell whether a token is good.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The keys of whoever issued it are not there to check it with.
    #[error("{NO_KEYS}")]
    NoKeys,
    /// Everything else.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What is told of [`CheckError::NoKeys`], wherever it leads to.
pub(crate) const NO_KEYS: &str =
    "the keys of the token's issuer can't be fetched right now: repeat the request later";

/// What a client sent to a token endpoint.
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest<'a> {
    /// The connection whose endpoint it is.
    pub connection: ConnectionId,
    /// `grant_type`.
    pub grant_type: Option<&'a str>,
    /// `client_id`, from the body or the `Authorization` header.
    pub client_id: Option<&'a str>,
    /// `client_secret`, from either.
    pub client_secret: Option<&'a str>,
    /// `client_assertion_type`.
    pub assertion_type: Option<&'a str>,
    /// `client_assertion`.
    pub assertion: Option<&'a str>,
    /// `scope`.
    pub scope: Option<&'a str>,
    /// The client certificate that the request came with.
    pub certificate: Option<Thumbprint>,
}

/// An access token.
pub struct Granted {
    /// The token itself.
    pub access_token: String,
    /// In how many seconds it ends.
    pub expires_in: u64,
    /// What it may do.
    pub scopes: Scopes,
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Granted").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Why no access token was granted (RFC 6749 §5.2). One text whatever was wrong with the client.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Something is missing, or there twice.
    #[error("{0}")]
    InvalidRequest(String),
    /// The client is unknown, or could not prove to be the one.
    #[error("the client is unknown, or its secret or assertion is not good")]
    InvalidClient,
    /// The client is the one, and its connection is paused for a while.
    #[error("the connection is paused: repeat the request later")]
    Paused,
    /// The client is the one, and its connection is disabled.
    #[error("the connection is disabled: ask whoever runs this service to enable it")]
    Disabled,
    /// Only `client_credentials` are.
    #[error("only `client_credentials` are granted here")]
    UnsupportedGrantType,
    /// A scope that the client may not have, or that is none.
    #[error("{0}")]
    InvalidScope(String),
    /// The keys of the issuer that the client's assertion is of are not there to check it with.
    #[error("{NO_KEYS}")]
    NoKeys,
    /// Everything else.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<CheckError> for Refusal {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::NoKeys => Self::NoKeys,
            CheckError::Unavailable(source) => source.into(),
        }
    }
}

/// A key that signs access tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct SigningKey {
    /// Its id, which is its `kid`.
    pub id: SigningKeyId,
    /// The private half, sealed with the keyring.
    pub sealed: String,
    /// The public half (RFC 7517).
    pub public: Value,
    /// When it was made.
    pub created: Instant,
    /// When it stopped signing; what it signed before is good until it ends.
    pub retired: Option<Instant>,
    /// Moves by one with each change, from 0.
    pub revision: u64,
}

/// Whether a token has the shape of a signed JSON Web Token (RFC 7515 §3.1): three parts in
/// base64url, none of them empty. No secret of ours has a dot.
pub fn is_jwt(token: &str) -> bool {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_part = |part: &str| !part.is_empty() && part.chars().all(is_base64);
    token.split('.').count() == 3 && token.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_json_web_tokens_have_three_parts() {
        for token in ["eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmVk", "a.b.c", "-._.9"] {
            assert!(is_jwt(token), "{token}");
        }
        for token in ["", "rct_abc", "a.b", "a..c", "a.b.", ".b.c", "a.b.c.d", "a.b c.d", "a.b.ä"]
        {
            assert!(!is_jwt(token), "{token}");
        }
    }
}
