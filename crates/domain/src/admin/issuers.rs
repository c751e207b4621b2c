//! Whether the keys of the issuers that a connection trusts can be had.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, join_all};
use moka::sync::Cache;
use rollcall_schema::Instant;

use super::Check;
use super::public_keys::usable;
use crate::{Fetch, FetchError, Issuers, KeysAsked, Token, TokenKind};

const NAME: &str = "issuerKeys";

/// How long what was seen of an issuer is told again: whoever validates again and again makes this
/// server send no more than a request for that.
const TOLD_FOR: Duration = Duration::from_secs(5);

/// What was seen of how many issuers is kept.
const KEPT: u64 = 1_000;

/// How many usable keys there are at a URL.
type Look = Shared<BoxFuture<'static, Result<usize, FetchError>>>;

/// Looks at the keys of issuers, each shared by whoever wants the same.
pub(super) struct Looks(Cache<String, Look>);

impl Looks {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(KEPT).time_to_live(TOLD_FOR).build())
    }

    /// Looks at the keys of every issuer that a live credential trusts, at all of them together:
    /// it takes no longer than the slowest.
    pub(super) async fn at_issuers(
        &self,
        fetch: &Arc<dyn Fetch>,
        tokens: &[Token],
        now: Instant,
    ) -> Vec<Check> {
        let urls: Vec<_> = trusted(tokens, now).into_iter().collect();
        let found = join_all(urls.iter().map(|url| self.at(fetch, url))).await;
        urls.iter().zip(found).map(|(url, keys)| seen(url, &keys)).collect()
    }

    fn at(&self, fetch: &Arc<dyn Fetch>, url: &str) -> Look {
        self.0.get_with_by_ref(url, || {
            let (fetch, url) = (Arc::clone(fetch), url.to_owned());
            async move { fetch.json(&url).await.map(|jwks| usable(&jwks)) }.boxed().shared()
        })
    }
}

/// What is remembered of the keys of every issuer that a live credential trusts: something where
/// they were not there when they were needed.
pub(super) fn remembered(
    issuers: Option<&dyn Issuers>,
    tokens: &[Token],
    now: Instant,
) -> Vec<Check> {
    let Some(issuers) = issuers else { return Vec::new() };
    let told = |url: &str| missed(url, issuers.asked(url)?, now);
    trusted(tokens, now).into_iter().filter_map(told).collect()
}

fn missed(url: &str, KeysAsked { came, failed }: KeysAsked, now: Instant) -> Option<Check> {
    let detail = format!("the keys at {url} could not be fetched at {}", failed?);
    let fix = "see what `validate` says of them";
    Some(match came.filter(|(_, until)| *until > now) {
        Some((at, until)) => {
            let detail = format!("{detail}: those of {at} are believed until {until}");
            Check::warn(NAME, detail, fix)
        }
        None => Check::fail(NAME, format!("{detail}: tokens of the issuer are refused"), fix),
    })
}

fn seen(url: &str, keys: &Result<usize, FetchError>) -> Check {
    let fix = "check `jwksUri`, and that this server may reach it";
    match keys {
        Ok(0) => Check::fail(NAME, format!("no usable key at {url}"), fix),
        Ok(keys) => Check::pass(NAME, format!("{keys} usable keys at {url}")),
        Err(error) => Check::fail(NAME, format!("no keys at {url}: {error}"), fix),
    }
}

/// Where the keys are of the issuers that live credentials trust, each once.
fn trusted(tokens: &[Token], now: Instant) -> BTreeSet<&str> {
    let live = tokens.iter().filter(|token| token.is_live(now));
    let urls = live.filter_map(|token| match &token.kind {
        TokenKind::TrustedIssuer(trust) => Some(&*trust.jwks_uri),
        TokenKind::Bearer | TokenKind::ClientSecret | TokenKind::ClientKey { .. } => None,
    });
    urls.collect()
}
