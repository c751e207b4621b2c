//! Units of statements: a connection, the wall around them, another attempt.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::InstrumentationEvent;
use diesel::deserialize::FromSqlRow;
use diesel::pg::Pg;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::Error as DieselError;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{
    AsyncConnection, AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection,
};
use futures_util::future::{BoxFuture, try_join};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use rollcall_domain::OrganizationId;

use crate::connect::{LONGEST, Target};
use crate::error::{Failure, Remedy};

/// How long a unit queues for a connection before the database counts as gone.
const QUEUE: Duration = Duration::from_secs(30);

/// Statements that make sense together or not at all.
///
/// [`send`](Self::send) hands every statement to the connection at its first poll unless one
/// needs the answer to another, which only [`Units::transact`] allows.
pub(crate) trait Unit: Sync {
    /// What comes of it.
    type Outcome: Send;

    /// Sends the statements.
    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Self::Outcome>>;

    /// Whether connections keep its statements prepared.
    fn kept(&self) -> bool {
        true
    }
}

/// A connection that statements are sent on, each counted.
pub(crate) struct Line<'c> {
    connection: &'c AsyncPgConnection,
    statements: &'c AtomicU64,
}

impl<'c> Line<'c> {
    /// Sends one statement and collects its rows.
    pub(crate) fn rows<Q, R>(&self, query: &Q) -> BoxFuture<'c, QueryResult<Vec<R>>>
    where
        Q: Query + QueryFragment<Pg> + QueryId,
        R: FromSqlRow<Q::SqlType, Pg> + Send + 'c,
    {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let mut connection = self.connection;
        let loading = connection.load(query);
        async move {
            let rows = loading.await?;
            rows.map(|row| R::build_from_row(&row?).map_err(DieselError::DeserializationError))
                .try_collect()
                .await
        }
        .boxed()
    }

    /// Sends a command that has neither values nor rows.
    pub(crate) fn command(&self, text: &'static str) -> BoxFuture<'c, QueryResult<()>> {
        let mut connection = self.connection;
        async move { connection.batch_execute(text).await }.boxed()
    }

    /// Sends one statement that has exactly one row.
    pub(crate) fn row<Q, R>(&self, query: &Q) -> BoxFuture<'c, QueryResult<R>>
    where
        Q: Query + QueryFragment<Pg> + QueryId,
        R: FromSqlRow<Q::SqlType, Pg> + Send + 'c,
    {
        let rows = self.rows(query);
        async move { rows.await?.pop().ok_or(DieselError::NotFound) }.boxed()
    }
}

/// One statement.
pub(crate) struct One<Q, R>(Q, PhantomData<fn() -> R>);

impl<Q, R> One<Q, R> {
    pub(crate) const fn new(query: Q) -> Self {
        Self(query, PhantomData)
    }
}

impl<Q, R> Unit for One<Q, R>
where
    Q: Query + QueryFragment<Pg> + QueryId + Sync,
    R: FromSqlRow<Q::SqlType, Pg> + Send + 'static,
{
    type Outcome = Vec<R>;

    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Vec<R>>> {
        line.rows(&self.0)
    }

    fn kept(&self) -> bool {
        self.0.is_safe_to_cache_prepared(&Pg).unwrap_or(false)
    }
}

/// Two units in one flush.
pub(crate) struct Both<A, B>(pub(crate) A, pub(crate) B);

impl<A: Unit, B: Unit> Unit for Both<A, B> {
    type Outcome = (A::Outcome, B::Outcome);

    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Self::Outcome>> {
        try_join(self.0.send(line), self.1.send(line)).boxed()
    }

    fn kept(&self) -> bool {
        self.0.kept() && self.1.kept()
    }
}

/// The pool, and what every unit goes through.
pub(crate) struct Units {
    pool: Pool<AsyncPgConnection>,
    walled: bool,
    statements: AtomicU64,
}

impl fmt::Debug for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Units").field("walled", &self.walled).finish_non_exhaustive()
    }
}

impl Units {
    /// A pool of at most `size` connections, none of them open yet.
    pub(crate) fn new(target: Target, size: usize) -> Result<Self, Failure> {
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        let shown = target.shown();
        let target = Arc::new(target);
        config.custom_setup = Box::new(move |_| {
            let target = Arc::clone(&target);
            async move { target.open_pooled().await }.boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(shown, config);
        let pool = Pool::builder(manager).max_size(size.max(1)).build();
        let pool = pool.map_err(|error| Failure::NoConnection(error.to_string()))?;
        Ok(Self { pool, walled: false, statements: AtomicU64::new(0) })
    }

    /// From here on, units of an organization set it first.
    pub(crate) const fn behind_the_wall(mut self, walled: bool) -> Self {
        self.walled = walled;
        self
    }

    /// Whether units of an organization set it first.
    pub(crate) const fn walled(&self) -> bool {
        self.walled
    }

    /// How many statements have been sent.
    pub(crate) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Runs a unit that only reads, once more where its connection turns out to be dead.
    pub(crate) async fn read<U: Unit>(
        &self,
        of: Option<OrganizationId>,
        unit: &U,
    ) -> Result<U::Outcome, Failure> {
        let started = Instant::now();
        match self.run(of, unit).await {
            Err(failure) if failure.is_passing() && started.elapsed() < LONGEST => {
                tracing::debug!(%failure, "a read is repeated");
                self.run(of, unit).await
            }
            outcome => outcome,
        }
    }

    /// Runs a unit in one flush: bare, or behind the wall of an organization.
    pub(crate) async fn run<U: Unit>(
        &self,
        of: Option<OrganizationId>,
        unit: &U,
    ) -> Result<U::Outcome, Failure> {
        let held = self.take().await?;
        held.preparing.store(!unit.kept(), Ordering::Relaxed);
        let behind = of.filter(|_| self.walled);
        let outcome = if !unit.kept() {
            // It is sent once, so it is planned for its values.
            let begin = format!("{}; set local plan_cache_mode = auto", begin(behind));
            self.flush(&held, &begin, unit).await
        } else if behind.is_some() {
            self.flush(&held, &begin(behind), unit).await
        } else {
            unit.send(&self.line(&held)).await
        };
        held.give_back(outcome)
    }

    /// Runs a unit whose statements need each other's answers, in one transaction that is rolled
    /// back when they come to a refusal.
    pub(crate) async fn transact<U, T, E>(
        &self,
        of: Option<OrganizationId>,
        unit: &U,
    ) -> Result<Result<T, E>, Failure>
    where
        U: Unit<Outcome = Result<T, E>>,
    {
        let held = self.take().await?;
        let outcome = self.in_transaction(&held, &begin(of.filter(|_| self.walled)), unit).await;
        held.give_back(outcome)
    }

    async fn in_transaction<U, T, E>(
        &self,
        held: &Held,
        begin: &str,
        unit: &U,
    ) -> QueryResult<Result<T, E>>
    where
        U: Unit<Outcome = Result<T, E>>,
    {
        let mut connection = held.connection();
        held.unsettled.store(true, Ordering::Relaxed);
        connection.batch_execute(begin).await?;
        let outcome = unit.send(&self.line(held)).await;
        let end = if matches!(outcome, Ok(Ok(_))) { "commit" } else { "rollback" };
        let ended = connection.batch_execute(end).await;
        held.unsettled.store(ended.is_err(), Ordering::Relaxed);
        let outcome = outcome?;
        ended.map(|()| outcome)
    }

    /// Sends `begin`, the unit and a commit without waiting in between: one round trip.
    ///
    /// A statement that the connection has yet to prepare leaves later, so the commit waits for
    /// it. The cooperative budget of the runtime must not pause a statement before it has left,
    /// hence `unconstrained`.
    async fn flush<U: Unit>(&self, held: &Held, begin: &str, unit: &U) -> QueryResult<U::Outcome> {
        let (mut first, mut last) = (held.connection(), held.connection());
        let line = self.line(held);
        let (begin, commit) =
            (pin!(first.batch_execute(begin)), pin!(last.batch_execute("commit")));
        let mut begun = Step::new(begin);
        let mut sent = Step::new(unit.send(&line));
        let mut committed = Step::new(commit);
        held.unsettled.store(true, Ordering::Relaxed);
        tokio::task::unconstrained(poll_fn(|cx| {
            begun.poll(cx);
            sent.poll(cx);
            if sent.is_done() || !held.preparing.load(Ordering::Relaxed) {
                committed.poll(cx);
                held.unsettled.store(false, Ordering::Relaxed);
            }
            if begun.is_done() && sent.is_done() && committed.is_done() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }))
        .await;
        begun.outcome()?;
        let outcome = sent.outcome()?;
        committed.outcome()?;
        Ok(outcome)
    }

    fn line<'c>(&'c self, held: &'c Held) -> Line<'c> {
        Line { connection: held.connection(), statements: &self.statements }
    }

    async fn take(&self) -> Result<Held, Failure> {
        let object = tokio::time::timeout(QUEUE, self.pool.get()).await;
        let object = object
            .map_err(|_| Failure::Busy)?
            .map_err(|error| Failure::NoConnection(error.to_string()))?;
        Ok(Held::new(object))
    }
}

fn begin(organization: Option<OrganizationId>) -> String {
    match organization {
        Some(id) => format!("begin; set local rollcall.organization = '{}'", id.uuid()),
        None => "begin".into(),
    }
}

/// A connection out of the pool, which goes back unless a transaction may be open on it, or a
/// statement prepared that nobody would ever close: the driver learns its name too late.
struct Held {
    object: Option<Object<AsyncPgConnection>>,
    unsettled: AtomicBool,
    preparing: Arc<AtomicBool>,
}

impl Held {
    fn new(mut object: Object<AsyncPgConnection>) -> Self {
        let preparing = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&preparing);
        object.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
                seen.store(true, Ordering::Relaxed);
            }
        });
        Self { object: Some(object), unsettled: AtomicBool::new(false), preparing }
    }

    fn connection(&self) -> &AsyncPgConnection {
        self.object.as_ref().expect("it is held until it is dropped")
    }

    /// After an error that has no name the connection is not worth keeping either: its server may
    /// be going, or a statement that it prepared may fit the tables no longer.
    fn give_back<T>(self, outcome: QueryResult<T>) -> Result<T, Failure> {
        self.preparing.store(false, Ordering::Relaxed);
        outcome.map_err(|error| {
            let failure = Failure::from(error);
            if failure.remedy() == Remedy::Ask {
                self.unsettled.store(true, Ordering::Relaxed);
            }
            failure
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && (self.unsettled.load(Ordering::Relaxed) || self.preparing.load(Ordering::Relaxed))
        {
            drop(Object::take(object));
        }
    }
}

/// A future that is polled beside others, with what came of it.
struct Step<F, T> {
    future: F,
    outcome: Option<QueryResult<T>>,
}

impl<F: Future<Output = QueryResult<T>> + Unpin, T> Step<F, T> {
    const fn new(future: F) -> Self {
        Self { future, outcome: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if self.outcome.is_none()
            && let Poll::Ready(outcome) = Pin::new(&mut self.future).poll(cx)
        {
            self.outcome = Some(outcome);
        }
    }

    const fn is_done(&self) -> bool {
        self.outcome.is_some()
    }

    fn outcome(self) -> QueryResult<T> {
        self.outcome.unwrap_or(Err(DieselError::NotFound))
    }
}
