//! What the domain needs of the world.

use async_trait::async_trait;
use rollcall_schema::{Instant, ResourceType};
use uuid::Uuid;

use crate::{
    Change, Connection, ConnectionId, Edge, Found, Key, Load, Organization, Outcome, Page, Query,
    Record, ResourceId, Scope, Setup, Token, TokenHash, TokenId, TransactionId, Written,
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

/// A connection to be made.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// The organization to make where none has the name.
    pub new_organization: Organization,
    /// The connection; its `organization` is that of whichever organization has the name.
    pub connection: Connection,
}

/// Where organizations, connections and tokens are kept.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Makes a connection, and its organization where the name is new. A named connection that
    /// the organization already has is given back instead.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn ensure_connection(&self, new: NewConnection) -> Result<Connection, Unavailable>;

    /// Every connection with its organization, in the order in which they were made.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn connections(&self) -> Result<Vec<(Organization, Connection)>, Unavailable>;

    /// One connection with its organization.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn connection(
        &self,
        id: ConnectionId,
    ) -> Result<Option<(Organization, Connection)>, Unavailable>;

    /// Replaces the setup of a connection that is at revision `expect`; the revision moves by one.
    /// False when it is at another one, or there is no such connection.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn set_up(
        &self,
        id: ConnectionId,
        expect: u64,
        setup: Setup,
    ) -> Result<bool, Unavailable>;

    /// Notes which dialect the traffic of a connection speaks. No revision moves.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn note_dialect(&self, id: ConnectionId, dialect: &str) -> Result<(), Unavailable>;

    /// Keeps a token. Where it has a name, live tokens of that name and another hash are revoked
    /// at its creation time in the same step; one of the same name and hash stays as it is.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn add_token(&self, token: Token) -> Result<(), Unavailable>;

    /// The tokens of a connection, the newest last, revoked ones included.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn tokens(&self, connection: ConnectionId) -> Result<Vec<Token>, Unavailable>;

    /// Ends a token; false when there is no live one with this id.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn revoke_token(&self, id: TokenId, at: Instant) -> Result<bool, Unavailable>;

    /// The token with this hash, revoked or not, and its connection. Never depends on a scope.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn token_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<(Token, Connection)>, Unavailable>;
}

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
