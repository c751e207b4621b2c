//! Sets of public keys (RFC 7517 §5), and what they verify.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use crate::jwt::Jwt;

/// How many keys of a set are looked at.
const MOST: usize = 100;

/// Keys that verify signatures.
#[derive(Default)]
pub(crate) struct PublicKeys(Vec<PublicKey>);

struct PublicKey {
    kid: Option<String>,
    /// What the key may verify: no more than its kind can and its `alg` says.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// What a set says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// One of its keys signed it.
    Good,
    /// None did.
    Bad,
    /// It has no key of that name.
    NoSuchKey,
}

impl PublicKeys {
    /// The keys of a JWK set that are for signatures. Others are passed over, as are those that
    /// can't be read: sets may hold keys that nobody here knows (RFC 7517 §5).
    pub(crate) fn of(jwks: &Value) -> Self {
        let keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten();
        Self(keys.take(MOST).filter_map(PublicKey::of).collect())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key of the name that the token gives signed it. A token that names none must come
    /// from the only key that there is.
    pub(crate) fn verify(&self, jwt: &Jwt<'_>) -> Verdict {
        let Some(kid) = &jwt.kid else {
            return match &*self.0 {
                [only] if only.verifies(jwt) => Verdict::Good,
                _ => Verdict::Bad,
            };
        };
        let named = || self.0.iter().filter(|key| key.kid.as_ref() == Some(kid));
        match named().next() {
            None => Verdict::NoSuchKey,
            Some(_) if named().any(|key| key.verifies(jwt)) => Verdict::Good,
            Some(_) => Verdict::Bad,
        }
    }
}

impl PublicKey {
    fn of(value: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        let algorithms = algorithms(&jwk);
        if algorithms.is_empty() || !is_for_signatures(&jwk) {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { kid: jwk.common.key_id, algorithms, key })
    }

    fn verifies(&self, jwt: &Jwt<'_>) -> bool {
        let (signature, message) = (jwt.signature, jwt.message.as_bytes());
        self.algorithms.contains(&jwt.algorithm)
            && jsonwebtoken::crypto::verify(signature, message, &self.key, jwt.algorithm)
                .unwrap_or(false)
    }
}

/// What a key may verify, by its kind, its curve and its `alg`.
fn algorithms(jwk: &Jwk) -> Vec<Algorithm> {
    let by_kind: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => {
            &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256]
        }
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            EllipticCurve::P521 | EllipticCurve::Ed25519 => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) => match key.curve {
            EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
            EllipticCurve::P256 | EllipticCurve::P384 | EllipticCurve::P521 => &[],
        },
        AlgorithmParameters::OctetKey(_) => &[],
    };
    let may = |algorithm: &&Algorithm| match jwk.common.key_algorithm {
        None => true,
        Some(KeyAlgorithm::UNKNOWN_ALGORITHM) => false,
        Some(alg) => alg.to_string().parse() == Ok(**algorithm),
    };
    by_kind.iter().filter(may).copied().collect()
}

fn is_for_signatures(jwk: &Jwk) -> bool {
    let by_use = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let operations = jwk.common.key_operations.as_ref();
    by_use && operations.is_none_or(|all| all.contains(&KeyOperations::Verify))
}
