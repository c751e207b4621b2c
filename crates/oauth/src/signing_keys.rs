//! The keys that sign access tokens, as replicas share them.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall_domain::{Clock, Ids, Keyring, Registry, SigningKey, SigningKeyId, Unavailable};
use rollcall_schema::Instant;
use serde_json::{Value, json};

use crate::jwt::Jwt;
use crate::public_keys::{PublicKeys, Verdict};

/// What private halves are sealed for.
const PURPOSE: &str = "signing keys";

/// How long keys are believed without reading them again.
const READ_EVERY: i64 = 60 * 1000;

/// Signs access tokens, and verifies those of other replicas too.
pub(crate) struct SigningKeys {
    pub(crate) registry: Arc<dyn Registry>,
    keyring: Arc<Keyring>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    known: Mutex<Known>,
    /// Whoever makes a key holds it, so that a replica makes one.
    making: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    keys: Arc<Vec<Arc<Held>>>,
    read: Option<Instant>,
}

/// A key with what is opened of it.
struct Held {
    kept: SigningKey,
    kid: String,
    public: PublicKeys,
    /// Where it signs.
    private: Option<EcdsaKeyPair>,
}

impl SigningKeys {
    pub(crate) fn new(
        registry: Arc<dyn Registry>,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let (known, making) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { registry, keyring, clock, ids, known, making }
    }

    /// Signs claims as an access token (RFC 9068 §2). Makes a key where none signs yet.
    pub(crate) async fn sign(&self, claims: &Value) -> Result<String, Unavailable> {
        let held = self.signer().await?;
        let Some(private) = &held.private else { return Err(Unavailable::new("no key signs")) };
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": held.kid});
        let [header, claims] =
            [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signed = private.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signed.map_err(|_| Unavailable::new("the key did not sign"))?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Whether one of the keys signed a token, those that have retired included. What another
    /// replica signed with a new key is good at once: a key that isn't known is looked for, which
    /// costs no more than a bearer token that nobody knows.
    pub(crate) async fn verify(&self, jwt: &Jwt<'_>) -> Result<bool, Unavailable> {
        let Some(kid) = &jwt.kid else { return Ok(false) };
        if kid.parse::<SigningKeyId>().is_err() {
            return Ok(false);
        }
        let mut held = self.known(READ_EVERY).await?.named(kid);
        if held.is_none() {
            held = self.read().await?.named(kid);
        }
        Ok(held.is_some_and(|held| held.public.verify(jwt) == Verdict::Good))
    }

    /// The public halves, those that have retired included (RFC 7517 §5).
    pub(crate) async fn jwks(&self) -> Result<Value, Unavailable> {
        let known = self.known(READ_EVERY).await?;
        let keys: Vec<&Value> = known.keys.iter().map(|held| &held.kept.public).collect();
        Ok(json!({"keys": keys}))
    }

    /// Forgets what was read.
    pub(crate) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }

    /// A new key, which nobody has kept yet.
    pub(crate) fn generate(&self) -> Result<SigningKey, Unavailable> {
        let failed = |_| Unavailable::new("no key could be generated");
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(failed)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref());
        let pair = pair.map_err(Unavailable::new)?;
        let id = SigningKeyId::from_uuid(self.ids.next());
        let kid = id.to_string();
        let sealed = self.keyring.seal(PURPOSE, kid.as_bytes(), document.as_ref());
        Ok(SigningKey {
            id,
            sealed: sealed.map_err(Unavailable::new)?,
            public: public(&kid, pair.public_key().as_ref()),
            created: self.clock.now(),
            retired: None,
            revision: 0,
        })
    }

    /// The newest key that signs.
    async fn signer(&self) -> Result<Arc<Held>, Unavailable> {
        if let Some(held) = self.known(READ_EVERY).await?.signer() {
            return Ok(held);
        }
        let _one = self.making.lock().await;
        if let Some(held) = self.read().await?.signer() {
            return Ok(held);
        }
        self.make_first().await?;
        self.read().await?.signer().ok_or_else(|| Unavailable::new("no key signs"))
    }

    fn held(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys, read again when that was so long ago.
    async fn known(&self, millis: i64) -> Result<Known, Unavailable> {
        let (known, now) = (self.held(), self.clock.now().millis());
        let is_fresh = |read: Instant| (0..millis).contains(&now.saturating_sub(read.millis()));
        if known.read.is_some_and(is_fresh) {
            return Ok(known);
        }
        self.read().await
    }

    async fn read(&self) -> Result<Known, Unavailable> {
        let kept = self.registry.signing_keys().await?;
        let before = self.held().keys;
        let open = |key: SigningKey| {
            let same = before.iter().find(|held| held.kept == key && held.private.is_some());
            same.map_or_else(|| Arc::new(self.open(key)), Arc::clone)
        };
        let keys = Arc::new(kept.into_iter().map(open).collect());
        let known = Known { keys, read: Some(self.clock.now()) };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known.clone();
        Ok(known)
    }

    fn open(&self, kept: SigningKey) -> Held {
        let kid = kept.id.to_string();
        let private = match kept.retired {
            None => self.opened(&kid, &kept.sealed),
            Some(_) => None,
        };
        let public = PublicKeys::of(&json!({"keys": [kept.public]}));
        Held { kept, kid, public, private }
    }

    fn opened(&self, kid: &str, sealed: &str) -> Option<EcdsaKeyPair> {
        let document = self.keyring.open(PURPOSE, kid.as_bytes(), sealed);
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair =
            document.and_then(|document| EcdsaKeyPair::from_pkcs8(algorithm, &document).ok());
        if pair.is_none() {
            tracing::warn!(kid, "a signing key was sealed with a key that is not in the keyring");
        }
        pair
    }
}

impl Known {
    fn named(&self, kid: &str) -> Option<Arc<Held>> {
        self.keys.iter().find(|held| held.kid == kid).cloned()
    }

    fn signer(&self) -> Option<Arc<Held>> {
        let signing = self.keys.iter().filter(|held| held.private.is_some());
        signing.max_by_key(|held| (held.kept.created, held.kept.id)).cloned()
    }
}

/// A public key (RFC 7518 §6.2.1) from its point, uncompressed.
fn public(kid: &str, point: &[u8]) -> Value {
    let (x, y) = point.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
    let [x, y] = [x, y].map(|half| URL_SAFE_NO_PAD.encode(half));
    json!({
        "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": kid,
    })
}
