//! The PostgreSQL store: [`Postgres`] implements the ports [`Store`] and
//! [`Registry`](rollcall_domain::Registry).
//!
//! - **A commit is one statement** wherever its shape allows: the record, its keys by difference,
//!   the edges, the count and the event, with the answer in its row. Changes of several
//!   members of a group that others change meanwhile, and changes of several resources, are one
//!   transaction. Many changes in a row are one transaction too, in which resources that begin one
//!   after the other are one statement.
//! - **A read is one statement**, with the members or the derived groups in it. A search asks the
//!   indexes, and leaves to the domain's [`Sieve`](rollcall_domain::Sieve) what they can't decide.
//! - **Two walls.** Every statement names its organization; and row-level security lets a role
//!   that it binds see no other, whatever a statement forgets. Behind it a unit is one flush of
//!   `begin; set local …`, the statement, `commit`. Let the server log in as a member of the role
//!   `rollcall_app`, which [`Postgres::migrate`] makes:
//!
//!   ```sql
//!   create role rollcall_server login password '…';
//!   grant rollcall_app to rollcall_server;
//!   ```
//! - **Nothing is lost in between.** Units that the database rolls back for the sake of others are
//!   repeated; when a connection dies over a commit, the store asks whether its event is there.
//!
//! A statement may take 30 seconds, and those that stay prepared are planned once, unless the URL
//! (`?options=-c%20statement_timeout%3D5s`), the role or the database sets `statement_timeout` or
//! `plan_cache_mode`.
//!
//! The URL says in the words of libpq whether connections are encrypted: `sslmode=disable`,
//! `prefer`, `require`, `verify-ca` or `verify-full`, with `sslrootcert=PATH` or `system`, `sslcert`,
//! `sslkey` and `channel_binding`. Without a word there is TLS where the server offers it, and
//! nobody looks at who answers; [`Postgres::exposure`] says so. The stack is rustls: a certificate
//! has its names in `subjectAltName`, as one in the subject alone counts for nothing.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use rollcall_domain::Store;
//! use rollcall_postgres::Postgres;
//!
//! let url = "postgres://rollcall@localhost/rollcall";
//! Postgres::migrate(url).await?;
//! let store = Postgres::connect(url, 16).await?;
//! store.ready().await?;
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

mod behind;
mod candidates;
mod commit;
mod connect;
mod erase;
mod error;
mod explain;
mod housekeeping;
mod migrate;
mod outcomes;
mod read;
mod registry;
mod reindex;
mod rows;
mod statement;
mod tables;
mod unit;
mod values;

use async_trait::async_trait;
use diesel::sql_types::{Bool, Integer};
use rollcall_domain::{
    Change, CommitError, Halt, OrganizationId, Outcome, Reader, Reindex, Reindexed, Scope, Store,
    TransactionId, Unavailable, Written,
};

pub use connect::Exposure;
pub use error::{ConnectError, MigrateError};
pub use explain::statements_to_explain;

use connect::Target;
use read::Window;
use statement::statement;
use unit::{One, Units};

/// Directories of organizations in a PostgreSQL database.
#[derive(Debug)]
pub struct Postgres {
    units: Units,
    exposure: Option<Exposure>,
}

impl Postgres {
    /// Connects with at most `pool_size` connections (4–8 per core is plenty) to a database that
    /// is up to date or will be before it is used.
    ///
    /// # Errors
    /// [`ConnectError`] when the URL is none or the server doesn't let us in.
    pub async fn connect(url: &str, pool_size: usize) -> Result<Self, ConnectError> {
        let target = Target::read(url)?;
        let shown = target.shown();
        let exposure = target.exposure(&target.open().await?);
        let unexpected = |failure: error::Failure| ConnectError::Unexpected {
            target: shown.clone(),
            reason: failure.to_string(),
        };
        let units = Units::new(target, pool_size).map_err(unexpected)?;
        let bound = units.read(None, &One::<_, (bool,)>::new(Bound {})).await;
        let bound = bound.map_err(unexpected)? == [(true,)];
        Ok(Self { units: units.behind_the_wall(bound), exposure })
    }

    /// Whether a URL can be read, and the files of certificates that it names, without connecting.
    ///
    /// # Errors
    /// [`ConnectError::BadUrl`] and [`ConnectError::BadTls`] say what is wrong, and show no
    /// password.
    pub fn check_url(url: &str) -> Result<(), ConnectError> {
        Target::read(url).map(drop)
    }

    /// Brings the database up to date, and makes the role `rollcall_app` where it may; gives
    /// back the names of the migrations that it ran. Replicas may do so together. Needs tokio's
    /// multi-thread runtime.
    ///
    /// # Errors
    /// [`MigrateError`]; what ran before the failure stays.
    pub async fn migrate(url: &str) -> Result<Vec<String>, MigrateError> {
        migrate::migrate(url).await
    }

    /// The names of the migrations that the database lacks.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, Unavailable> {
        migrate::pending(&self.units).await
    }

    /// How many statements have been sent, those that begin and end transactions and set the
    /// organization aside.
    pub fn statements(&self) -> u64 {
        self.units.statements()
    }

    /// What somebody on the way to the server could do, if the server isn't on this machine: as the
    /// first connection was.
    pub const fn exposure(&self) -> Option<Exposure> {
        self.exposure
    }

    /// Whether row-level security binds the role of the connections: not superusers, nor roles
    /// with BYPASSRLS.
    pub const fn bound_by_policies(&self) -> bool {
        self.units.walled()
    }
}

#[async_trait]
impl Store for Postgres {
    fn scope(&self, at: Scope) -> Box<dyn Reader + '_> {
        Box::new(Window { units: &self.units, at })
    }

    async fn commit(&self, at: Scope, change: Change) -> Result<Vec<Written>, CommitError> {
        self.units.commit(at, &change).await
    }

    async fn commit_many(
        &self,
        at: Scope,
        changes: Vec<Change>,
        halt: Halt,
    ) -> Vec<Result<Vec<Written>, CommitError>> {
        self.units.commit_many(at, &changes, halt).await
    }

    async fn reindex(
        &self,
        at: Scope,
        entries: Vec<Reindex>,
    ) -> Result<Vec<Reindexed>, Unavailable> {
        self.units.reindex(at, &entries).await
    }

    async fn keep_outcome(&self, at: Scope, outcome: Outcome) -> Result<(), Unavailable> {
        self.units.keep_outcome(at, &outcome).await
    }

    async fn erase(&self, of: OrganizationId, limit: u32) -> Result<u64, Unavailable> {
        self.units.erase(of, limit).await
    }

    async fn outcome(&self, at: Scope, id: TransactionId) -> Result<Option<Outcome>, Unavailable> {
        self.units.outcome(at, id).await
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        self.units.read(None, &One::<_, (i32,)>::new(Ready {})).await?;
        Ok(())
    }

    async fn maintain(&self) -> Result<(), Unavailable> {
        housekeeping::keep_house(&self.units).await
    }
}

statement! {
    /// Whether policies bind the role.
    Bound [] [] [] -> (Bool,) {}
    "select not (rolsuper or rolbypassrls) from pg_roles where rolname = current_user"
}

statement! {
    /// Whether anybody is there.
    Ready [] [] [] -> (Integer,) {}
    "select 1"
}
