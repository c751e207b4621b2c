//! JSON Web Tokens as they are read, before anything in them is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};

use crate::claims::Claims;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// The names of the algorithms that are taken, as metadata tells them (R-E-25): signatures alone,
/// of keys of which nobody but the signer has the private half.
pub(crate) const ALGORITHMS: [&str; 7] =
    ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"];

/// What access tokens say that they are (RFC 9068 §2.1).
pub(crate) const ACCESS_TOKEN: &str = "at+jwt";

/// A token in the compact serialization (RFC 7515 §3.1) whose header and claims could be read.
pub(crate) struct Jwt<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    /// What kind of token it says that it is.
    pub(crate) typ: Option<String>,
    pub(crate) claims: Claims,
    payload: Vec<u8>,
    /// What was signed.
    pub(crate) message: &'a str,
    pub(crate) signature: &'a str,
}

/// What is read of a header (RFC 7515 §4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default)]
    jku: Present,
    #[serde(default)]
    jwk: Present,
    #[serde(default)]
    x5u: Present,
    #[serde(default)]
    x5c: Present,
    #[serde(default)]
    crit: Present,
}

/// Whether a member is there, whatever it says.
#[derive(Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(from)?;
        Ok(Self(true))
    }
}

impl<'a> Jwt<'a> {
    /// `None` for whatever is no such token, is too long, or is signed in a way that is not taken.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (message, signature) = text.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let header: Header = read(&URL_SAFE_NO_PAD.decode(header).ok()?)?;
        if header.brings_its_own_key() || header.crit.0 {
            return None;
        }
        let algorithm = header.algorithm()?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims = read(&payload)?;
        let Header { kid, typ, .. } = header;
        Some(Self { algorithm, kid, typ, claims, payload, message, signature })
    }

    /// More claims than the usual ones.
    pub(crate) fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        read(&self.payload)
    }

    /// Whether it says that it is of one of these kinds, or doesn't say of which (RFC 8725 §3.11).
    pub(crate) fn may_be(&self, kinds: &[&str]) -> bool {
        let kinds = ["JWT", "jwt"].iter().chain(kinds);
        self.typ.is_none() || kinds.into_iter().any(|kind| self.is_of(kind))
    }

    /// Whether it says that it is of this kind.
    pub(crate) fn is_of(&self, kind: &str) -> bool {
        let typ = self.typ.as_deref();
        typ.is_some_and(|typ| typ.strip_prefix("application/").unwrap_or(typ) == kind)
    }

    /// What this token and no other one of its issuer has: its `jti`, or else all that it says.
    pub(crate) fn mark(&self) -> [u8; 32] {
        match &self.claims.jti {
            Some(jti) => Sha256::new().chain_update(b"jti ").chain_update(jti).finalize().into(),
            None => Sha256::digest(self.message).into(),
        }
    }
}

impl Header {
    /// R-E-25: keys are those that were configured, never those that a token points at.
    const fn brings_its_own_key(&self) -> bool {
        self.jku.0 || self.jwk.0 || self.x5u.0 || self.x5c.0
    }

    fn algorithm(&self) -> Option<Algorithm> {
        let known = ALGORITHMS.contains(&&*self.alg);
        self.alg.parse().ok().filter(|_| known)
    }
}

/// Reads a JSON object. No member that is looked at may be there twice (RFC 7515 §4).
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(header: &str, payload: &str) -> String {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{header}.{payload}.c2ln")
    }

    #[track_caller]
    fn check(expect: bool, header: &str, payload: &str) {
        assert_eq!(Jwt::parse(&text(header, payload)).is_some(), expect, "{header} {payload}");
    }

    #[test]
    fn r_e_25_only_signatures_of_private_keys_are_taken() {
        for name in ALGORITHMS {
            check(true, &format!(r#"{{"alg":"{name}"}}"#), "{}");
        }
        for name in ["none", "None", "", "HS256", "HS384", "HS512", "ES512", "PS512", "es256"] {
            check(false, &format!(r#"{{"alg":"{name}"}}"#), "{}");
        }
        check(false, "{}", "{}");
        check(false, r#"{"alg":["ES256"]}"#, "{}");
    }

    #[test]
    fn r_e_25_keys_that_tokens_bring_are_refused() {
        for name in ["jku", "jwk", "x5u", "x5c", "crit"] {
            for value in [r#""https://evil.test/keys""#, "{}", "[]", "null"] {
                check(false, &format!(r#"{{"alg":"ES256","{name}":{value}}}"#), "{}");
            }
        }
        check(true, r#"{"alg":"RS256","typ":"JWT","x5t":"abc","kid":"abc","nonce":1}"#, "{}");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", ".", "..", "...", "a.b.c", "eyJ.eyJ.", "e30.e30.e30", "é.ü.ö"] {
            assert!(Jwt::parse(text).is_none(), "{text}");
        }
        check(false, r#"{"alg":"ES256","alg":"ES256"}"#, "{}");
        check(false, r#"{"alg":"ES256"}"#, "[1]");
        check(false, r#"{"alg":"ES256"}"#, r#"{"iss":"a","iss":"b"}"#);
        check(false, r#"{"alg":"ES256"}"#, r#"{"iss":1}"#);
        check(false, r#"{"alg":"ES256"}"#, &"[".repeat(10_000));
        let four = format!("{}.x", text(r#"{"alg":"ES256"}"#, "{}"));
        assert!(Jwt::parse(&four).is_none());
    }

    #[test]
    fn r_e_25_long_tokens_are_refused_unread() {
        let long = |length: usize| format!(r#"{{"x":"{}"}}"#, "x".repeat(length));
        check(true, r#"{"alg":"ES256"}"#, &long(12_000));
        check(false, r#"{"alg":"ES256"}"#, &long(12_400));
    }

    #[test]
    fn a_token_of_another_kind_is_told_by_its_type() {
        for (typ, expect) in [
            ("JWT", true),
            ("jwt", true),
            ("application/jwt", true),
            ("at+jwt", true),
            ("application/at+jwt", true),
            ("logout+jwt", false),
            ("secevent+jwt", false),
            ("application/secevent+jwt", false),
            ("dpop+jwt", false),
            ("", false),
        ] {
            let header = format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#);
            let text = text(&header, "{}");
            assert_eq!(Jwt::parse(&text).unwrap().may_be(&["at+jwt"]), expect, "{typ}");
        }
        let text = text(r#"{"alg":"ES256"}"#, "{}");
        assert!(Jwt::parse(&text).unwrap().may_be(&[]));
    }

    #[test]
    fn r_oauth_04_a_token_is_known_again_by_its_jti() {
        let header = r#"{"alg":"ES256"}"#;
        let mark = |payload: &str| Jwt::parse(&text(header, payload)).unwrap().mark();
        assert_eq!(mark(r#"{"jti":"1","exp":1}"#), mark(r#"{"jti":"1","exp":2}"#));
        assert_ne!(mark(r#"{"jti":"1"}"#), mark(r#"{"jti":"2"}"#));
        assert_ne!(mark(r#"{"exp":1}"#), mark(r#"{"exp":2}"#));
    }
}
