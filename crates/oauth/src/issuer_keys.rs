//! The keys of issuers elsewhere, kept for a while.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use moka::sync::Cache;
use rollcall_domain::{CheckError, Clock, Fetch, FetchError, KeysAsked};
use rollcall_schema::Instant;
use serde_json::Value;

use crate::jwt::Jwt;
use crate::public_keys::{PublicKeys, Verdict};

/// How long keys are believed without asking again (R-OAUTH-02).
const FRESH: i64 = 24 * 60 * 60 * 1000;

/// How long they are believed when asking fails.
const STALE: i64 = 7 * FRESH;

/// How long nobody asks again after the last time, whatever keys tokens name.
const COOLDOWN: i64 = 60 * 1000;

/// How many sets are kept.
const KEPT: u64 = 1_000;

/// Verifies tokens with the keys that their issuers publish.
pub(crate) struct IssuerKeys {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    sets: Cache<Source, Arc<Set>>,
}

/// Where keys are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// At this URL (RFC 7517).
    Jwks(String),
    /// Where the configuration of this issuer says (OpenID Connect Discovery §4).
    Issuer(String),
}

/// The keys of one source.
#[derive(Default)]
struct Set {
    known: Mutex<Known>,
    /// Whoever asks holds it, so that one does.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    keys: Option<(Arc<PublicKeys>, Instant)>,
    asked: Option<Instant>,
    /// When they were asked for in vain, if they haven't come since.
    failed: Option<Instant>,
}

impl IssuerKeys {
    pub(crate) fn new(fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Self { fetch, clock, sets: Cache::new(KEPT) }
    }

    /// Whether one of the keys of `source` signed the token. A key that isn't known makes it ask
    /// again, though not more often than once in a minute.
    ///
    /// # Errors
    /// [`CheckError::NoKeys`] when there are none to verify with.
    pub(crate) async fn verify(&self, source: &Source, jwt: &Jwt<'_>) -> Result<bool, CheckError> {
        let set = self.sets.get_with_by_ref(source, Arc::default);
        let known = set.known();
        match known.verdict(jwt, self.clock.now(), FRESH) {
            Some(Verdict::Good) => return Ok(true),
            Some(Verdict::Bad) => return Ok(false),
            Some(Verdict::NoSuchKey) | None => {}
        }
        // On its own, so that it comes to an end though the client goes away.
        let asking = Arc::clone(&set).ask(
            known.asked,
            source.clone(),
            Arc::clone(&self.fetch),
            Arc::clone(&self.clock),
        );
        // What it came to shows in the set.
        let _ended = tokio::spawn(asking).await;
        match set.known().verdict(jwt, self.clock.now(), STALE) {
            Some(verdict) => Ok(verdict == Verdict::Good),
            None => Err(CheckError::NoKeys),
        }
    }

    /// Whether one of the keys of `source` that are known already signed the token.
    pub(crate) fn knows(&self, source: &Source, jwt: &Jwt<'_>) -> bool {
        let known = self.sets.get(source).map(|set| set.known());
        let verdict = known.and_then(|known| known.verdict(jwt, self.clock.now(), FRESH));
        verdict == Some(Verdict::Good)
    }

    /// What became of asking for the keys of `source`; `None` where nobody did.
    pub(crate) fn asked(&self, source: &Source) -> Option<KeysAsked> {
        let Known { keys, asked, failed } = self.sets.get(source)?.known();
        asked?;
        let until = |at: Instant| Instant::from_millis(at.millis() + STALE);
        Some(KeysAsked { came: keys.map(|(_, at)| (at, until(at))), failed })
    }
}

impl Set {
    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Asks for the keys, unless somebody did since `asked`, or did lately.
    async fn ask(
        self: Arc<Self>,
        asked: Option<Instant>,
        source: Source,
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
    ) {
        let _one = self.asking.lock().await;
        let (last, now) = (self.known().asked, clock.now());
        if last != asked || last.is_some_and(|last| is_within(last, now, COOLDOWN)) {
            return;
        }
        self.change(|known| known.asked = Some(now));
        match source.keys(&*fetch).await {
            Ok(keys) => self.change(|known| {
                known.keys = Some((Arc::new(keys), now));
                known.failed = None;
            }),
            Err(error) => {
                self.change(|known| known.failed = Some(now));
                tracing::warn!(%source, %error, "the keys of an issuer could not be fetched");
            }
        }
    }
}

impl Known {
    /// What the keys say of a token, unless they are older than that.
    fn verdict(&self, jwt: &Jwt<'_>, now: Instant, age: i64) -> Option<Verdict> {
        let (keys, since) = self.keys.as_ref()?;
        is_within(*since, now, age).then(|| keys.verify(jwt))
    }
}

impl fmt::Display for Source {
    /// Without the query, which may hold what is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Jwks(url) | Self::Issuer(url)) = self;
        f.write_str(url.split(['?', '#']).next().unwrap_or_default())
    }
}

impl Source {
    async fn keys(&self, fetch: &dyn Fetch) -> Result<PublicKeys, FetchError> {
        let jwks = match self {
            Self::Jwks(url) => fetch.json(url).await?,
            Self::Issuer(issuer) => fetch.json(&discovered(issuer, fetch).await?).await?,
        };
        let keys = PublicKeys::of(&jwks);
        match keys.is_empty() {
            false => Ok(keys),
            true => Err(FetchError("there is no key for signatures".into())),
        }
    }
}

/// Where an issuer says that its keys are.
async fn discovered(issuer: &str, fetch: &dyn Fetch) -> Result<String, FetchError> {
    let base = issuer.trim_end_matches('/');
    let told = fetch.json(&format!("{base}/.well-known/openid-configuration")).await?;
    // OpenID Connect Discovery §4.3: else one issuer could speak for another.
    if told.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(FetchError("the configuration is that of another issuer".into()));
    }
    let uri = told.get("jwks_uri").and_then(Value::as_str);
    uri.map(ToOwned::to_owned)
        .ok_or_else(|| FetchError("the configuration has no `jwks_uri`".into()))
}

fn is_within(then: Instant, now: Instant, millis: i64) -> bool {
    now.millis().saturating_sub(then.millis()) < millis
}
