//! What the domain needs of the world.

use std::collections::BTreeSet;

use async_trait::async_trait;
use rollcall_schema::{Instant, ResourceType};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    AdminKey, AdminKeyId, AmendError, Amendment, Change, Connection, ConnectionId, Edge, Found,
    Job, JobId, Kept, Key, Load, Note, Organization, OrganizationId, Outcome, Page, Query, Record,
    ResourceId, Scope, SigningKey, Token, TokenHash, TokenId, TransactionId, Written,
};

/// A failure of a store that the domain can do nothing about. The source is for logs only.
#[derive(Debug, thiserror::Error)]
#[error("the store is unavailable: {0}")]
pub struct Unavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

impl Unavailable {
    /// Wraps whatever went wrong.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// Why a commit did not happen. Nothing of the change was applied.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A record is not at the version that was expected.
    #[error("a record has moved since it was read")]
    Stale,
    /// A record to be changed isn't there (any more).
    #[error("a record is gone")]
    Gone,
    /// A unique value is in use.
    #[error("the value of `{attr}` is in use")]
    Taken {
        /// The path of the attribute.
        attr: String,
    },
    /// Edges point at resources that are not in this connection.
    #[error("unknown members")]
    UnknownMembers(
        /// All of them that were found out about.
        Vec<ResourceId>,
    ),
    /// The end of the connection has been decided, or it is gone: no IdP writes there any more.
    #[error("the connection was closed while the request was worked on")]
    Closed,
    /// Everything else.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a search gave no page.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The filter makes the store look at more resources than it may.
    #[error("the filter looks at too many resources")]
    TooMany,
    /// Everything else.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Where the directories of organizations are kept.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens one connection's directory for reading.
    fn scope(&self, at: Scope) -> Box<dyn Reader + '_>;

    /// Applies `change` whole, or nothing of it. Answers one [`Written`] per write.
    ///
    /// # Errors
    /// [`CommitError`] says which expectation didn't hold.
    async fn commit(&self, at: Scope, change: Change) -> Result<Vec<Written>, CommitError> {
        let mut done = self.commit_many(at, vec![change], Halt::Never).await;
        done.pop().unwrap_or_else(|| Err(Unavailable::new("the store gave no answer").into()))
    }

    /// Applies each of `changes` whole or not at all, in their order, as few transactions as
    /// possible carrying many: what a change finds is what those before it left. Answers in the
    /// same order.
    ///
    /// What an IdP does ([`Actor::Token`](crate::Actor)) takes a connection whose end nobody has
    /// decided, when it is committed: once an amendment that decides it is made, nothing of an
    /// IdP comes behind that. Otherwise it is [`CommitError::Closed`]; a change that writes
    /// nothing may be told either way.
    ///
    /// With [`Halt::AtFailure`] the first change that fails is the last that is tried: nothing
    /// behind it is applied, and the answer ends with it.
    async fn commit_many(
        &self,
        at: Scope,
        changes: Vec<Change>,
        halt: Halt,
    ) -> Vec<Result<Vec<Written>, CommitError>>;

    /// Gives records the keys that the present definitions make of them, and says so of each.
    /// Neither a version nor `modified` moves, and the log says nothing: no resource changes.
    ///
    /// # Errors
    /// [`Unavailable`]; none of them was done then.
    async fn reindex(
        &self,
        at: Scope,
        entries: Vec<Reindex>,
    ) -> Result<Vec<Reindexed>, Unavailable>;

    /// Keeps what became of a request that was answered before it was done; whatever was kept
    /// under the same id is replaced.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn keep_outcome(&self, at: Scope, outcome: Outcome) -> Result<(), Unavailable>;

    /// Erases up to `limit` resources of an organization with everything that hangs on them, or,
    /// when there are none left, its log and whatever else its directories left behind. Answers
    /// how many resources it erased: 0 when nothing is left.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn erase(&self, of: OrganizationId, limit: u32) -> Result<u64, Unavailable>;

    /// What became of such a request of this connection.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn outcome(&self, at: Scope, id: TransactionId) -> Result<Option<Outcome>, Unavailable>;

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`Unavailable`] when it doesn't.
    async fn ready(&self) -> Result<(), Unavailable>;

    /// Does the housekeeping that the store wants done now and then.
    ///
    /// # Errors
    /// [`Unavailable`] when it couldn't; nothing is lost by that.
    async fn maintain(&self) -> Result<(), Unavailable>;
}

/// Whether a failure ends a row of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Each is tried.
    Never,
    /// The first that fails is the last that is tried.
    AtFailure,
}

/// A record whose keys are made anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Reindex {
    /// The name of the resource type.
    pub kind: String,
    /// The record.
    pub id: ResourceId,
    /// The version that the keys were made of.
    pub expect: u64,
    /// Every key; whichever there were, they become exactly these.
    pub keys: Vec<Key>,
    /// The revision of the definitions that made them.
    pub revision: u64,
}

/// What became of a [`Reindex`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reindexed {
    /// The record has the keys.
    Done,
    /// The record has moved since, or is gone: it is looked at again, if it is still behind.
    Moved,
    /// One of the keys is unique and another record has it; the record keeps those that it had.
    Taken {
        /// The path of the attribute.
        attr: String,
    },
}

/// One connection's directory. Each call is one round trip.
#[async_trait]
pub trait Reader: Send + Sync {
    /// The resource of this type with this id.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn get(
        &self,
        ty: &ResourceType,
        id: ResourceId,
        load: Load,
    ) -> Result<Option<Found>, Unavailable>;

    /// A page of the resources that satisfy a query.
    ///
    /// # Errors
    /// [`FindError::TooMany`] when the filter costs more than it may.
    async fn find(&self, query: &Query<'_>) -> Result<Page, FindError>;

    /// Rows of the relation `attr` of `owners`, ordered by owner and member, behind the pair
    /// `after`, at most `limit`.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn edges(
        &self,
        attr: &str,
        owners: &[ResourceId],
        after: Option<(ResourceId, ResourceId)>,
        limit: u32,
    ) -> Result<Vec<Edge>, Unavailable>;

    /// Those of these ids that are resources of a type, each once.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn present(
        &self,
        ty: &ResourceType,
        ids: &[ResourceId],
    ) -> Result<Vec<ResourceId>, Unavailable> {
        let mut present = BTreeSet::new();
        for id in ids {
            present.extend(self.get(ty, *id, Load::default()).await?.map(|found| found.record.id));
        }
        Ok(present.into_iter().collect())
    }

    /// Records of a type that were indexed under an earlier revision than this one, in the order
    /// of ids, behind the id `after`, at most `limit`. Costs little where there are none.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn behind(
        &self,
        kind: &str,
        revision: u64,
        after: Option<ResourceId>,
        limit: u32,
    ) -> Result<Vec<Record>, Unavailable>;
}

/// Where organizations, connections and credentials are kept, and what is administered is logged.
///
/// A connection that was removed is in none of the answers, nor are its credentials.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Makes an amendment whole, or nothing of it. Its events all stand in one log.
    ///
    /// # Errors
    /// [`AmendError`] says what was in the way.
    async fn amend(&self, amendment: Amendment) -> Result<(), AmendError>;

    /// Notes something that was seen; what it is about may be gone. A time never goes back.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn note(&self, note: Note) -> Result<(), Unavailable>;

    /// Organizations in the order in which they were made, behind the one with the id `after`, at
    /// most `limit`.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn organizations(
        &self,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> Result<Vec<Organization>, Unavailable>;

    /// One organization.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable>;

    /// The organization of this name, exactly.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn organization_named(&self, name: &str) -> Result<Option<Organization>, Unavailable>;

    /// Connections with their organizations in the order in which they were made, behind the one
    /// with the id `after`, at most `limit`: those of one organization, or of all.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn connections(
        &self,
        of: Option<OrganizationId>,
        after: Option<ConnectionId>,
        limit: u32,
    ) -> Result<Vec<(Organization, Connection)>, Unavailable>;

    /// One connection with its organization.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn connection(
        &self,
        id: ConnectionId,
    ) -> Result<Option<(Organization, Connection)>, Unavailable>;

    /// The credentials of a connection, the newest last, those that have ended included.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn tokens(&self, connection: ConnectionId) -> Result<Vec<Token>, Unavailable>;

    /// One credential and its connection.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn token(&self, id: TokenId) -> Result<Option<(Token, Connection)>, Unavailable>;

    /// The credential with this hash and its connection. Never depends on a scope.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn token_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<(Token, Connection)>, Unavailable>;

    /// The credentials that servers made from their environment, with their connections, the
    /// newest last, those that have ended included.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn bootstrap_tokens(&self) -> Result<Vec<(Token, Connection)>, Unavailable>;

    /// Credentials that nobody has revoked and that end between two times, the soonest first, at
    /// most `limit`.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn expiring_tokens(
        &self,
        between: (Instant, Instant),
        limit: u32,
    ) -> Result<Vec<Token>, Unavailable>;

    /// Admin keys in the order in which they were made, behind the one with the id `after`, at
    /// most `limit`: those for one organization alone, or all.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn admin_keys(
        &self,
        of: Option<OrganizationId>,
        after: Option<AdminKeyId>,
        limit: u32,
    ) -> Result<Vec<AdminKey>, Unavailable>;

    /// One admin key.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn admin_key(&self, id: AdminKeyId) -> Result<Option<AdminKey>, Unavailable>;

    /// The admin key with this hash.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn admin_key_by_hash(&self, hash: TokenHash) -> Result<Option<AdminKey>, Unavailable>;

    /// Every key that signs access tokens, or did, the newest last.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, Unavailable>;

    /// One job.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn job(&self, id: JobId) -> Result<Option<Job>, Unavailable>;

    /// Jobs that are not finished, at most `limit`: those first that nobody touched for longest, so
    /// that none that is stuck keeps others waiting.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn jobs_to_do(&self, limit: u32) -> Result<Vec<Job>, Unavailable>;

    /// The answer to a request that was named so, if it was made lately.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn kept(&self, actor: &str, key: &str) -> Result<Option<Kept>, Unavailable>;
}

/// Fetches JSON from elsewhere, guarded against whatever a URL may lead to (R-E-22).
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The JSON at a URL, or why it can't be had: within a few seconds, whatever is there.
    ///
    /// # Errors
    /// [`FetchError`].
    async fn json(&self, url: &str) -> Result<Value, FetchError>;

    /// Whether a URL may be fetched, as far as that can be told without asking anybody: what is
    /// not `https`, no more than an implementation makes an exception of.
    ///
    /// # Errors
    /// [`FetchError`].
    fn may(&self, url: &str) -> Result<(), FetchError> {
        match url.starts_with("https://") {
            true => Ok(()),
            false => Err(FetchError("the URL is not `https`".into())),
        }
    }
}

/// Why nothing was fetched, for operators to read: it names no address that a host leads to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Instant;
}

/// New identifiers.
pub trait Ids: Send + Sync {
    /// A UUIDv7, greater than every one that this source gave before.
    fn next(&self) -> Uuid;
}
