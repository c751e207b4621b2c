//! How much one client may ask for: of a connection, and before anybody knows who it is.

mod bucket;
mod peer;
mod sizes;
mod turns;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use http::request::Parts;
use moka::sync::Cache;
use rollcall_domain::{ConnectionId, Limits, Rate, TokenHash};
use tracing::{Instrument as _, Span};

use crate::problem::Problem;
use crate::{Body, Settings};
use bucket::Bucket;
use peer::Network;
use turns::{NoTurn, Patience, Turns};

pub(crate) use peer::certificate;
pub use peer::{Peer, PeerCertificate};
pub(crate) use sizes::Pages;
pub(crate) use turns::Turn;

/// How many buckets of each kind are kept. One that is dropped is full again: that favours whoever
/// asks little.
const BUCKETS: u64 = 100_000;

/// How long a bucket is kept that nobody takes from; no debt outlives that.
const IDLE: Duration = Duration::from_secs(600);

/// How many good tokens are remembered, and for how long after their last use.
const TOKENS: u64 = 100_000;
const REMEMBERED: Duration = Duration::from_secs(3600);

/// How many bulk requests are held in memory at once, and how many of those may be one
/// connection's: so that large ones of one customer neither fill the memory nor keep out the
/// others.
const BULKS: usize = 8;
const BULKS_EACH: usize = 2;

/// Time that only goes forward.
pub(crate) type Stopwatch = Box<dyn Fn() -> Duration + Send + Sync>;

/// Requests of connections, per second and at once, and failures of those who have no good token.
pub(crate) struct Limiter {
    requests: Cache<ConnectionId, Arc<Bucket>>,
    failures: Cache<Stranger, Arc<Bucket>>,
    /// Tokens that were found lately: they are never kept waiting for the failures of others.
    good: Cache<TokenHash, ()>,
    /// For bulk requests, whose bodies are large.
    bulks: Turns,
    /// For all others.
    turns: Turns,
    now: Stopwatch,
}

/// How much more may fail for one network than for one connection from there: many customers'
/// IdPs share the addresses of one vendor.
const SHARED: u32 = 10;

/// Whoever asks, as far as that is known before it is known who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stranger {
    network: Network,
    of: Failing,
}

/// What failures are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Failing {
    /// One connection, by its path.
    Connection(ConnectionId),
    /// What names no connection.
    Elsewhere,
    /// Everything from one network.
    All,
}

impl Stranger {
    /// The buckets that a failure is taken from, with their rates.
    fn buckets(self, failures: Rate) -> [(Self, Rate); 2] {
        let Rate { per_second, burst } = failures;
        let shared = Rate {
            per_second: per_second.saturating_mul(SHARED),
            burst: burst.saturating_mul(SHARED),
        };
        [(self, failures), (Self { of: Failing::All, ..self }, shared)]
    }
}

impl Limiter {
    pub(crate) fn new(settings: &Settings) -> Self {
        let began = Instant::now();
        Self {
            requests: Cache::builder().max_capacity(BUCKETS).time_to_idle(IDLE).build(),
            failures: Cache::builder().max_capacity(BUCKETS).time_to_idle(IDLE).build(),
            good: Cache::builder().max_capacity(TOKENS).time_to_idle(REMEMBERED).build(),
            bulks: Turns::new("bulk", BULKS, BULKS_EACH),
            turns: Turns::new("others", settings.at_once, settings.at_once_each),
            now: Box::new(move || began.elapsed()),
        }
    }

    pub(crate) fn with_time(self, now: Stopwatch) -> Self {
        Self { now, ..self }
    }

    /// Takes a request of a connection, or says when there is room for one.
    pub(crate) fn admit(
        &self,
        connection: ConnectionId,
        limits: &Limits,
        settings: &Settings,
    ) -> Result<(), Problem> {
        let Some(rate) = settings.rate_of(limits) else { return Ok(()) };
        let taken = self.requests_of(connection).take(rate, (self.now)());
        taken.map_err(|wait| Problem::too_many_requests(rate, wait))
    }

    /// Charges a connection for what an admitted request does beyond the one operation that it was
    /// admitted for. The bucket may be left in debt (R-BULK-12).
    pub(crate) fn charge(
        &self,
        connection: ConnectionId,
        limits: &Limits,
        settings: &Settings,
        operations: usize,
    ) {
        let more = u32::try_from(operations.saturating_sub(1)).unwrap_or(u32::MAX);
        if let Some(rate) = settings.rate_of(limits).filter(|_| more > 0) {
            self.requests_of(connection).charge(rate, more, (self.now)());
        }
    }

    /// Waits until a request of a connection may be worked on. The turn is for the work alone: its
    /// body is there, and its answer is sent later.
    pub(crate) async fn turn(
        &self,
        connection: ConnectionId,
        settings: &Settings,
    ) -> Result<Turn, Problem> {
        let patience = Patience { queue: settings.queue, wait: settings.queue_wait };
        self.turns.take(connection, patience).await.map_err(|none| match none {
            NoTurn::Full => Problem::too_many_at_once(),
            NoTurn::Late => Problem::overloaded(patience.wait),
        })
    }

    /// The same for a bulk request, before its body is read: that is large (R-E-17).
    pub(crate) async fn bulk_turn(
        &self,
        connection: ConnectionId,
        settings: &Settings,
    ) -> Result<Turn, Problem> {
        let patience = Patience { queue: settings.queue, wait: settings.bulk_wait };
        let turn = self.bulks.take(connection, patience).await;
        turn.map_err(|_| Problem::too_many_bulks(patience.wait))
    }

    /// An answer whose later part is made in turns too. It was begun: it may wait behind any number
    /// of requests, but no longer than they.
    pub(crate) fn in_turns(
        &self,
        connection: ConnectionId,
        settings: &Settings,
        body: Body,
    ) -> Body {
        let (turns, wait, span) = (self.turns.clone(), settings.queue_wait, Span::current());
        body.in_turns(move || {
            let turns = turns.clone();
            let waiting = async move {
                let turn = turns.take(connection, Patience { queue: usize::MAX, wait }).await;
                turn.inspect_err(|_| tracing::warn!("an answer was cut short: it had no turn")).ok()
            };
            waiting.instrument(span.clone()).boxed()
        })
    }

    fn requests_of(&self, connection: ConnectionId) -> Arc<Bucket> {
        self.requests.get_with(connection, Arc::default)
    }

    /// Who asks for a connection; `None` where nobody said who is at the other end.
    pub(crate) fn stranger(
        parts: &Parts,
        connection: Option<&str>,
        settings: &Settings,
    ) -> Option<Stranger> {
        let network = Network::of(peer::client(parts, &settings.trusted_proxies)?);
        let connection = connection.and_then(|id| id.parse().ok());
        let of = connection.map_or(Failing::Elsewhere, Failing::Connection);
        Some(Stranger { network, of })
    }

    /// Whether a token may be looked up: not while its sender has failed too often, unless it was
    /// good lately (R-SEC-06).
    pub(crate) fn hear(
        &self,
        stranger: Option<Stranger>,
        token: TokenHash,
        failures: Rate,
    ) -> Result<(), Problem> {
        let Some(stranger) = stranger else { return Ok(()) };
        let wait = stranger.buckets(failures).into_iter().filter_map(|(whose, rate)| {
            self.failures.get(&whose).and_then(|bucket| bucket.wait(rate, (self.now)()))
        });
        match wait.max() {
            Some(wait) if !self.good.contains_key(&token) => {
                Err(Problem::too_many_failures(wait, failures))
            }
            _ => Ok(()),
        }
    }

    /// Notes a token that nobody has.
    pub(crate) fn failed(&self, stranger: Option<Stranger>, token: TokenHash, failures: Rate) {
        self.good.invalidate(&token);
        for (whose, rate) in stranger.into_iter().flat_map(|one| one.buckets(failures)) {
            self.failures.get_with(whose, Arc::default).charge(rate, 1, (self.now)());
        }
    }

    /// Notes a token that nobody could check, since the keys of its issuer are not there: it may be
    /// forged. One that was good lately costs nothing.
    pub(crate) fn unchecked(&self, stranger: Option<Stranger>, token: TokenHash, failures: Rate) {
        if !self.good.contains_key(&token) {
            self.failed(stranger, token, failures);
        }
    }

    /// Notes a good token.
    pub(crate) fn found(&self, token: TokenHash) {
        if self.good.get(&token).is_none() {
            self.good.insert(token, ());
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}
