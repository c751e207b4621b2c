//! The one writer: waiting units of work share a transaction, and with it one fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{io, thread};

use diesel::{Connection, QueryResult, SqliteConnection};
use rollcall_domain::{CommitError, Unavailable};
use tokio::sync::{mpsc, oneshot};

use crate::error::Undone;
use crate::pool::Opener;

/// How many units of work may wait.
const QUEUE: usize = 1024;
/// How many units one transaction carries at most.
const BATCH: usize = 256;

/// The way to the writer.
pub(crate) struct Lane {
    queue: mpsc::Sender<Job>,
}

enum Job {
    Unit(Box<dyn Unit>),
    Stop(oneshot::Sender<()>),
}

/// Something to be done whole or not at all. It may be tried more than once.
trait Unit: Send {
    /// Whether somebody still waits for the outcome.
    fn wanted(&self) -> bool;

    /// Does the work inside a savepoint.
    fn apply(&mut self, conn: &mut SqliteConnection) -> QueryResult<()>;

    /// Tells the outcome of [`apply`](Self::apply): it is on disk.
    fn settle(self: Box<Self>);

    /// Tells that nothing came of it.
    fn fail(self: Box<Self>, why: &str);
}

impl Lane {
    /// Starts the writer on a connection of its own.
    pub(crate) fn start(opener: Opener, conn: SqliteConnection) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let writer = Writer { opener, conn: Some(conn) };
        thread::Builder::new().name("rollcall-sqlite".into()).spawn(move || writer.serve(jobs))?;
        Ok(Self { queue })
    }

    /// Has `work` done in the next transaction.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut SqliteConnection) -> Result<T, Undone> + Send + 'static,
    ) -> Result<T, CommitError> {
        let (reply, outcome) = oneshot::channel();
        let unit = Box::new(Pending { work, outcome: None, reply });
        let gone = |_| Unavailable::new("the writer has stopped");
        self.queue.send(Job::Unit(unit)).await.map_err(|_| gone(()))?;
        outcome.await.map_err(|_| gone(()))?
    }

    /// Does what still waits, then stops for good.
    pub(crate) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.queue.send(Job::Stop(done)).await.is_ok() {
            // An error means that the writer is gone, which is what was asked for.
            let _ = stopped.await;
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.queue.is_closed()
    }
}

struct Pending<W, T> {
    work: W,
    outcome: Option<Result<T, CommitError>>,
    reply: oneshot::Sender<Result<T, CommitError>>,
}

impl<W, T> Unit for Pending<W, T>
where
    W: FnMut(&mut SqliteConnection) -> Result<T, Undone> + Send,
    T: Send,
{
    fn wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn apply(&mut self, conn: &mut SqliteConnection) -> QueryResult<()> {
        self.outcome = match conn.transaction(&mut self.work) {
            Ok(value) => Some(Ok(value)),
            Err(Undone::Refused(error)) => Some(Err(error)),
            Err(Undone::Failed(error)) => return Err(error),
        };
        Ok(())
    }

    fn settle(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // Who doesn't wait any more doesn't want to know.
            let _ = self.reply.send(outcome);
        }
    }

    fn fail(self: Box<Self>, why: &str) {
        let _ = self.reply.send(Err(Unavailable::new(why).into()));
    }
}

struct Writer {
    opener: Opener,
    /// None after something went wrong on it.
    conn: Option<SqliteConnection>,
}

/// What became of a transaction.
enum Fate {
    Committed,
    /// It could not begin or end.
    Lost(String),
    /// One of the units failed or panicked.
    Tripped(String),
}

/// Where a transaction failed.
enum Fault {
    Transaction(diesel::result::Error),
    Unit(diesel::result::Error),
}

impl From<diesel::result::Error> for Fault {
    fn from(error: diesel::result::Error) -> Self {
        Self::Transaction(error)
    }
}

impl Writer {
    fn serve(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut stops = Vec::new();
        while let Some(first) = jobs.blocking_recv() {
            let mut units = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Unit(unit) if unit.wanted() => units.push(unit),
                    Job::Unit(_) => {}
                    Job::Stop(done) => {
                        jobs.close();
                        stops.push(done);
                    }
                }
                next = if units.len() < BATCH { jobs.try_recv().ok() } else { None };
            }
            self.finish(units);
        }
        drop(self);
        for done in stops {
            let _ = done.send(());
        }
    }

    fn finish(&mut self, mut units: Vec<Box<dyn Unit>>) {
        match self.attempt(&mut units) {
            Fate::Committed => units.into_iter().for_each(Unit::settle),
            // One unit must not take the others down: each on its own.
            Fate::Tripped(_) if units.len() > 1 => {
                units.into_iter().for_each(|unit| self.finish(vec![unit]));
            }
            Fate::Tripped(why) | Fate::Lost(why) => {
                tracing::error!(error = why, units = units.len(), "a transaction failed");
                units.into_iter().for_each(|unit| unit.fail(&why));
            }
        }
    }

    fn attempt(&mut self, units: &mut [Box<dyn Unit>]) -> Fate {
        if units.is_empty() {
            return Fate::Committed;
        }
        let caught = catch_unwind(AssertUnwindSafe(|| self.transact(units)));
        let fate = match caught {
            Ok(Ok(())) => Fate::Committed,
            Ok(Err(Fault::Transaction(error))) => Fate::Lost(error.to_string()),
            Ok(Err(Fault::Unit(error))) => Fate::Tripped(error.to_string()),
            Err(_) => Fate::Tripped("the writer panicked".into()),
        };
        match fate {
            Fate::Committed => self.opener.ledger().committed(),
            // Whatever state it is in: closing it rolls back.
            Fate::Lost(_) | Fate::Tripped(_) => self.conn = None,
        }
        fate
    }

    fn transact(&mut self, units: &mut [Box<dyn Unit>]) -> Result<(), Fault> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => {
                let opened = self
                    .opener
                    .writer()
                    .map_err(|error| diesel::result::Error::QueryBuilderError(Box::new(error)))?;
                none.insert(opened)
            }
        };
        conn.immediate_transaction(|conn| {
            units.iter_mut().try_for_each(|unit| unit.apply(conn).map_err(Fault::Unit))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use diesel::RunQueryDsl;
    use diesel::connection::SimpleConnection;

    use super::*;
    use crate::ledger::Ledger;

    fn lane(name: &str) -> (std::path::PathBuf, Lane) {
        let path = std::env::temp_dir().join(format!("rollcall-{}-{name}.db", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let opener = Opener::new(path.to_str().unwrap(), Arc::new(Ledger::default()));
        let mut conn = opener.writer().unwrap();
        conn.batch_execute("create table t (n integer not null) strict").unwrap();
        (path, Lane::start(opener, conn).unwrap())
    }

    async fn insert(lane: &Lane, n: i32) -> Result<(), CommitError> {
        lane.run(move |conn| {
            diesel::sql_query(format!("insert into t values ({n})")).execute(conn)?;
            Ok(())
        })
        .await
    }

    async fn rows(lane: &Lane) -> i64 {
        use diesel::dsl::sql;
        use diesel::sql_types::BigInt;
        lane.run(|conn| {
            Ok(diesel::select(sql::<BigInt>("(select count(*) from t)")).get_result(conn)?)
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn a_panic_reaches_its_caller_alone() {
        let (path, lane) = lane("panic");
        let bad = lane.run::<()>(|_| panic!("on purpose"));
        let (before, panicked, after) = tokio::join!(insert(&lane, 1), bad, insert(&lane, 2));
        before.unwrap();
        after.unwrap();
        assert!(matches!(panicked, Err(CommitError::Unavailable(_))));
        assert_eq!(rows(&lane).await, 2);
        lane.stop().await;
        std::fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn a_failure_of_the_database_reaches_its_caller_alone() {
        let (path, lane) = lane("failure");
        let bad = lane.run(|conn| {
            diesel::sql_query("insert into t values (7)").execute(conn)?;
            diesel::sql_query("insert into nowhere values (1)").execute(conn)?;
            Ok(())
        });
        let (before, failed, after) = tokio::join!(insert(&lane, 1), bad, insert(&lane, 2));
        before.unwrap();
        after.unwrap();
        assert!(matches!(failed, Err(CommitError::Unavailable(_))));
        assert_eq!(rows(&lane).await, 2);
        lane.stop().await;
        std::fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn a_refusal_leaves_nothing_of_its_unit() {
        let (path, lane) = lane("refusal");
        let refused = lane.run::<()>(|conn| {
            diesel::sql_query("insert into t values (7)").execute(conn)?;
            Err(CommitError::Stale.into())
        });
        let (before, refused, after) = tokio::join!(insert(&lane, 1), refused, insert(&lane, 2));
        before.unwrap();
        after.unwrap();
        assert!(matches!(refused, Err(CommitError::Stale)));
        assert_eq!(rows(&lane).await, 2);
        lane.stop().await;
        std::fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn stopping_does_what_waits_and_refuses_the_rest() {
        let (path, lane) = lane("stop");
        let (first, second, ()) = tokio::join!(insert(&lane, 1), insert(&lane, 2), lane.stop());
        first.unwrap();
        second.unwrap();
        assert!(lane.is_stopped());
        assert!(matches!(insert(&lane, 3).await, Err(CommitError::Unavailable(_))));
        std::fs::remove_file(path).unwrap();
    }
}
