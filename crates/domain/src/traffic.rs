//! What is seen of connections and credentials while requests are answered.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use rollcall_schema::Instant;

use crate::{AdminKey, Clock, Connection, Note, Registry, Token, TokenId};

/// How often the same is noted, while what it is about stays as it is.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// How long after its end a credential is still told about, when somebody comes with it.
const RECENT_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;

/// How many are remembered at once.
const REMEMBERED: u64 = 10_000;

/// What was seen of a connection's traffic, for operators alone. No revision moves with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The dialect that it speaks.
    pub dialect: Option<String>,
    /// When a request with a live credential came last, within a minute or so, whether the
    /// connection is open or not.
    pub seen: Option<Instant>,
    /// When a request that IdPs test connections with was answered well.
    pub tested: Option<Instant>,
    /// The last request with a credential that had expired a while ago, and which that was.
    pub refused: Option<(Instant, TokenId)>,
}

/// Notes who was there and what with, each at most once a minute.
pub struct Traffics {
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
    noted: Cache<Once, ()>,
}

/// What was noted about which entry at which revision.
type Once = (Noted, u128, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Noted {
    Seen,
    Tested,
    Refused,
    Used,
    KeyUsed,
}

impl Traffics {
    /// A watcher that writes to a registry.
    pub fn new(registry: Arc<dyn Registry>, clock: Arc<dyn Clock>) -> Self {
        let noted = Cache::builder().max_capacity(REMEMBERED).time_to_live(NOTED_EVERY).build();
        Self { registry, clock, noted }
    }

    /// A request of this connection was answered, and well where it is one that IdPs test
    /// connections with.
    pub async fn saw(&self, connection: &Connection, tested: bool) {
        let (id, now) = (connection.id, self.clock.now());
        let once = |noted| (noted, id.uuid().as_u128(), 0);
        self.note_once(once(Noted::Seen), Note::Seen(id, now)).await;
        if tested {
            self.note_once(once(Noted::Tested), Note::Tested(id, now)).await;
        }
    }

    /// A credential was used: it let somebody in. As a rotation moves its revision, what was noted
    /// before that keeps nothing from being noted since.
    pub async fn used(&self, token: &Token) {
        let once = (Noted::Used, token.id.uuid().as_u128(), token.revision);
        self.note_once(once, Note::Used(token.id, self.clock.now())).await;
    }

    /// Somebody came with a credential that has expired.
    pub async fn refused(&self, token: &Token) {
        let now = self.clock.now();
        let recent = |end: Instant| now.millis() - end.millis() < RECENT_MILLIS;
        let once = (Noted::Refused, token.id.uuid().as_u128(), 0);
        if token.expires.is_some_and(recent)
            && self.note_once(once, Note::Refused(token.connection, token.id, now)).await
        {
            tracing::warn!(
                connection = %token.connection, token = %token.id,
                "an IdP still uses a credential that has expired",
            );
        }
    }

    /// An admin key was used.
    pub(crate) async fn key_used(&self, key: &AdminKey) {
        let once = (Noted::KeyUsed, key.id.uuid().as_u128(), 0);
        self.note_once(once, Note::KeyUsed(key.id, self.clock.now())).await;
    }

    /// Notes something unless it was noted lately, and says whether that was tried. No request
    /// fails because nobody could write down that it came; whoever comes next tries again.
    async fn note_once(&self, once: Once, note: Note) -> bool {
        let is_new = self.noted.entry(once).or_insert(()).is_fresh();
        if is_new && let Err(error) = self.registry.note(note).await {
            self.noted.invalidate(&once);
            tracing::warn!(%error, "what was seen could not be noted");
        }
        is_new
    }
}

impl fmt::Debug for Traffics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traffics").finish_non_exhaustive()
    }
}
