//! Token secrets: made once, shown once, kept as a hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// The shortest secret that is accepted from outside, in characters.
const SHORTEST: usize = 32;

/// A bearer token in clear. Debug and logs never show it.
#[derive(Clone)]
pub struct Secret(String);

/// A secret from outside that is too easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token needs at least {SHORTEST} visible ASCII characters: try `openssl rand -hex 32`")]
pub struct WeakSecret;

impl Secret {
    /// A new secret of 32 random bytes behind a prefix that scanners can recognise.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        Self::behind("rct_")
    }

    /// The same for the admin API, behind a prefix of its own.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn random_for_admins() -> Result<Self, getrandom::Error> {
        Self::behind("rca_")
    }

    fn behind(prefix: &str) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// A secret that somebody else made.
    ///
    /// # Errors
    /// [`WeakSecret`] when it is shorter than 32 characters, or can't stand in a header.
    pub fn given(text: &str) -> Result<Self, WeakSecret> {
        let good = text.len() >= SHORTEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        if good { Ok(Self(text.into())) } else { Err(WeakSecret) }
    }

    /// The text itself, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of what proves to be the one: stores keep nothing else of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a token as it was sent.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// The hash of an admin key that belongs to a subject of an issuer.
    pub fn of_subject(issuer: &str, subject: &str) -> Self {
        Self::of(&format!("oidc\n{issuer}\n{subject}"))
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_or_unprintable_secrets_are_refused() {
        for text in ["", "short", &"x".repeat(31), &format!("{} ", "x".repeat(40))] {
            assert!(Secret::given(text).is_err(), "{text}");
        }
        assert!(Secret::given(&"x".repeat(32)).is_ok());
    }

    #[test]
    fn random_secrets_differ_and_hide() {
        let (a, b) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert!(!a.hash().matches(&b.hash()));
        assert!(a.hash().matches(&TokenHash::of(a.reveal())));
        assert_eq!(format!("{a:?}"), "Secret(…)");
        assert!(a.reveal().len() >= SHORTEST);
    }
}
