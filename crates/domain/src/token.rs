//! The credentials of connections, as stores keep them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall_schema::Instant;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::words::written_as_text;
use crate::{ConnectionId, OrganizationId, ResourceId, Scopes, TokenHash, TokenId};

/// A credential of a connection: whatever is secret in it is kept by its hash alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Names the token; is no secret.
    pub id: TokenId,
    /// The connection that it opens.
    pub connection: ConnectionId,
    /// The organization of that connection.
    pub organization: OrganizationId,
    /// A name for people.
    pub name: Option<String>,
    /// How its bearer proves to be the one.
    pub kind: TokenKind,
    /// What it may do.
    pub scopes: Scopes,
    /// The resource that its bearer is, under `/Me`; a machine's where there is none (R-ME-02).
    pub subject: Option<ResourceId>,
    /// SHA-256 of the secret; random bytes where there is none. Unique on the server.
    pub hash: TokenHash,
    /// The client certificate that it is bound to (RFC 8705 §3).
    pub certificate: Option<Thumbprint>,
    /// When it was made.
    pub created: Instant,
    /// When it ends by itself.
    pub expires: Option<Instant>,
    /// When it was ended.
    pub revoked: Option<Instant>,
    /// The token in whose place it comes, as long as both live.
    pub replaces: Option<TokenId>,
    /// The nearest of 30, 14, 7 and 1 days before its end that was warned of.
    pub warned: Option<u32>,
    /// Whether a server made it from its environment: it says which connection that is bound to.
    pub bootstrap: bool,
    /// Moves by one with each change of anything above, from 0.
    pub revision: u64,
    /// When it was used last, within a minute or so. No revision moves with it.
    pub used: Option<Instant>,
}

/// How the bearer of a credential proves to be the one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum TokenKind {
    /// Sends the secret with every request (RFC 6750).
    #[default]
    Bearer,
    /// Sends the secret to the token endpoint, as the client whose id is the connection's
    /// (RFC 6749 §4.4).
    ClientSecret,
    /// Signs assertions for the token endpoint with a key of its own (RFC 7523 §2.2).
    ClientKey {
        /// Its public keys (RFC 7517 §5).
        jwks: Value,
    },
    /// Comes with tokens of an issuer that is trusted: at the token endpoint as an assertion
    /// (R-OAUTH-02), or as bearer of them.
    #[serde(rename_all = "camelCase")]
    TrustedIssuer(Trust),
}

/// An issuer elsewhere, and which of its tokens count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trust {
    /// `iss`, exactly.
    pub issuer: String,
    /// `sub`, exactly.
    pub subject: String,
    /// `aud`, exactly.
    pub audience: String,
    /// Where its keys are (RFC 7517).
    pub jwks_uri: String,
}

impl TokenKind {
    /// The name as the API spells it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::ClientSecret => "clientSecret",
            Self::ClientKey { .. } => "clientKey",
            Self::TrustedIssuer(_) => "trustedIssuer",
        }
    }

    /// Whether there is a secret to be shown once.
    pub const fn has_secret(&self) -> bool {
        matches!(self, Self::Bearer | Self::ClientSecret)
    }
}

impl Token {
    /// How many days before its end a credential is warned of, the first warning first.
    pub(crate) const WARNINGS: [u32; 4] = [Self::FIRST_WARNING, 14, 7, 1];

    /// How many days before its end a credential is warned of first.
    pub(crate) const FIRST_WARNING: u32 = 30;

    /// A bearer token that may do everything and never ends.
    pub fn bearer(
        id: TokenId,
        (organization, connection): (OrganizationId, ConnectionId),
        hash: TokenHash,
        created: Instant,
    ) -> Self {
        Self {
            id,
            connection,
            organization,
            name: None,
            kind: TokenKind::Bearer,
            scopes: Scopes::ALL,
            subject: None,
            hash,
            certificate: None,
            created,
            expires: None,
            revoked: None,
            replaces: None,
            warned: None,
            bootstrap: false,
            revision: 0,
            used: None,
        }
    }

    /// Whether it has ended by itself.
    pub fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    /// Whether it opens anything.
    pub fn is_live(&self, now: Instant) -> bool {
        self.revoked.is_none() && !self.has_expired(now)
    }
}

/// SHA-256 of a client certificate in DER: what `x5t#S256` says (RFC 8705 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbprint(pub [u8; 32]);

/// A text that is no SHA-256 of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`certificate` is the SHA-256 of a certificate in DER, in base64url")]
pub struct NotAThumbprint;

impl fmt::Display for Thumbprint {
    /// In base64url, as `x5t#S256` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl FromStr for Thumbprint {
    type Err = NotAThumbprint;

    fn from_str(text: &str) -> Result<Self, NotAThumbprint> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(NotAThumbprint)
    }
}

written_as_text!(Thumbprint);
