//! The one writer: waiting units of work share a transaction, and with it one fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{io, thread};

use diesel::{Connection, QueryResult, SqliteConnection};
use rollcall_domain::{CommitError, Halt, Unavailable};
use tokio::sync::{mpsc, oneshot};

use crate::error::Undone;
use crate::pool::Opener;

/// How many units of work may wait.
const QUEUE: usize = 1024;
/// How many steps one transaction carries, but for those of its last unit.
const BATCH: usize = 256;

/// The way to the writer.
pub(crate) struct Lane {
    queue: mpsc::Sender<Job>,
}

enum Job {
    Unit(Box<dyn Unit>),
    Stop(oneshot::Sender<()>),
}

/// Steps in a row, each to be done whole or not at all. Any of them may be tried more than once.
trait Unit: Send {
    /// Whether somebody still waits for the outcome.
    fn wanted(&self) -> bool;

    /// How many steps there are.
    fn steps(&self) -> usize;

    /// Does a step inside a savepoint, on what those before it left. What was told of it and those
    /// behind it is forgotten.
    fn apply(&mut self, step: usize, conn: &mut SqliteConnection) -> QueryResult<Then>;

    /// Tells that nothing came of a step.
    fn fail(&mut self, step: usize, why: &str) -> Then;

    /// Tells the outcome: what was applied is on disk.
    fn settle(self: Box<Self>);
}

/// What comes behind a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The next one.
    Next,
    /// Nothing.
    End,
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
        mut work: impl FnMut(&mut SqliteConnection) -> Result<T, Undone> + Send + 'static,
    ) -> Result<T, CommitError> {
        let mut done = self.run_all(vec![()], move |conn, ()| work(conn), Halt::Never).await;
        done.pop().unwrap_or_else(|| Err(gone()))
    }

    /// Has `work` done on each item in the next transaction, in their order.
    pub(crate) async fn run_all<I: Send + 'static, T: Send + 'static>(
        &self,
        items: Vec<I>,
        work: impl FnMut(&mut SqliteConnection, &I) -> Result<T, Undone> + Send + 'static,
        halt: Halt,
    ) -> Vec<Result<T, CommitError>> {
        if items.is_empty() {
            return Vec::new();
        }
        let lost = match halt {
            Halt::Never => items.len(),
            Halt::AtFailure => 1,
        };
        let (reply, outcomes) = oneshot::channel();
        let unit = Box::new(Pending { items, work, halt, outcomes: Vec::new(), reply });
        // A unit that can't be sent is dropped, and its reply with it.
        let _ = self.queue.send(Job::Unit(unit)).await;
        outcomes.await.unwrap_or_else(|_| (0..lost).map(|_| Err(gone())).collect())
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

fn gone() -> CommitError {
    Unavailable::new("the writer has stopped").into()
}

struct Pending<I, W, T> {
    items: Vec<I>,
    work: W,
    halt: Halt,
    /// Of the steps so far.
    outcomes: Vec<Result<T, CommitError>>,
    reply: oneshot::Sender<Vec<Result<T, CommitError>>>,
}

impl<I, W, T> Pending<I, W, T> {
    fn tell(&mut self, step: usize, outcome: Result<T, CommitError>) -> Then {
        let ends = outcome.is_err() && self.halt == Halt::AtFailure;
        self.outcomes.truncate(step);
        self.outcomes.push(outcome);
        if ends { Then::End } else { Then::Next }
    }
}

impl<I, W, T> Unit for Pending<I, W, T>
where
    I: Send,
    W: FnMut(&mut SqliteConnection, &I) -> Result<T, Undone> + Send,
    T: Send,
{
    fn wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn steps(&self) -> usize {
        self.items.len()
    }

    fn apply(&mut self, step: usize, conn: &mut SqliteConnection) -> QueryResult<Then> {
        let Some(item) = self.items.get(step) else { return Ok(Then::End) };
        let outcome = match conn.transaction(|conn| (self.work)(conn, item)) {
            Ok(value) => Ok(value),
            Err(Undone::Refused(error)) => Err(error),
            Err(Undone::Failed(error)) => return Err(error),
        };
        Ok(self.tell(step, outcome))
    }

    fn fail(&mut self, step: usize, why: &str) -> Then {
        self.tell(step, Err(Unavailable::new(why).into()))
    }

    fn settle(self: Box<Self>) {
        // Who doesn't wait any more doesn't want to know.
        let _ = self.reply.send(self.outcomes);
    }
}

struct Writer {
    opener: Opener,
    /// None after something went wrong on it.
    conn: Option<SqliteConnection>,
}

/// What became of a transaction.
enum Fate<T> {
    Committed(T),
    /// It could not begin or end.
    Lost(String),
    /// One of the steps failed or panicked.
    Tripped(String),
}

/// Where a transaction failed.
enum Fault {
    Transaction(diesel::result::Error),
    Step(diesel::result::Error),
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
            let (mut units, mut steps) = (Vec::new(), 0);
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Unit(unit) if unit.wanted() => {
                        steps += unit.steps();
                        units.push(unit);
                    }
                    Job::Unit(_) => {}
                    Job::Stop(done) => {
                        jobs.close();
                        stops.push(done);
                    }
                }
                next = if steps < BATCH { jobs.try_recv().ok() } else { None };
            }
            self.finish(units);
        }
        drop(self);
        for done in stops {
            let _ = done.send(());
        }
    }

    /// Does all units in one transaction. When one of them fails, it must not take the others down:
    /// each is done on its own then.
    fn finish(&mut self, mut units: Vec<Box<dyn Unit>>) {
        if units.is_empty() {
            return;
        }
        match self.attempt(|conn| units.iter_mut().try_for_each(|unit| whole(&mut **unit, conn))) {
            Fate::Committed(()) => units.into_iter().for_each(Unit::settle),
            Fate::Tripped(_) if units.len() > 1 => {
                units.into_iter().for_each(|unit| self.finish(vec![unit]));
            }
            Fate::Tripped(_) if units.iter().any(|unit| unit.steps() > 1) => {
                units.into_iter().for_each(|unit| self.step_by_step(unit));
            }
            Fate::Tripped(why) | Fate::Lost(why) => {
                units.into_iter().for_each(|unit| give_up(unit, 0, &why));
            }
        }
    }

    /// Does each step in a transaction of its own: one that fails leaves the others be.
    fn step_by_step(&mut self, mut unit: Box<dyn Unit>) {
        for step in 0..unit.steps() {
            let then = match self.attempt(|conn| unit.apply(step, conn)) {
                Fate::Committed(then) => then,
                Fate::Tripped(why) => {
                    tracing::error!(error = why, step, "a step failed");
                    unit.fail(step, &why)
                }
                // It would be the same with every other one.
                Fate::Lost(why) => return give_up(unit, step, &why),
            };
            if then == Then::End {
                break;
            }
        }
        unit.settle();
    }

    /// Does `work` in one transaction, unless something fails.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>,
    ) -> Fate<T> {
        let caught = catch_unwind(AssertUnwindSafe(|| self.transact(work)));
        let fate = match caught {
            Ok(Ok(done)) => Fate::Committed(done),
            Ok(Err(Fault::Transaction(error))) => Fate::Lost(error.to_string()),
            Ok(Err(Fault::Step(error))) => Fate::Tripped(error.to_string()),
            Err(_) => Fate::Tripped("the writer panicked".into()),
        };
        match fate {
            Fate::Committed(_) => self.opener.ledger().committed(),
            // Whatever state it is in: closing it rolls back.
            Fate::Lost(_) | Fate::Tripped(_) => self.conn = None,
        }
        fate
    }

    fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>,
    ) -> Result<T, Fault> {
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
        conn.immediate_transaction(|conn| work(conn).map_err(Fault::Step))
    }
}

/// Does every step of a unit, up to one that ends it.
fn whole(unit: &mut dyn Unit, conn: &mut SqliteConnection) -> QueryResult<()> {
    for step in 0..unit.steps() {
        if unit.apply(step, conn)? == Then::End {
            break;
        }
    }
    Ok(())
}

/// Tells that nothing came of a step, nor of any behind it.
fn give_up(mut unit: Box<dyn Unit>, from: usize, why: &str) {
    tracing::error!(error = why, steps = unit.steps() - from, "a transaction failed");
    for step in from..unit.steps() {
        if unit.fail(step, why) == Then::End {
            break;
        }
    }
    unit.settle();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use diesel::RunQueryDsl;
    use diesel::connection::SimpleConnection;

    use super::*;
    use crate::ledger::Ledger;

    fn lane(name: &str) -> (std::path::PathBuf, Arc<Ledger>, Lane) {
        let path = std::env::temp_dir().join(format!("rollcall-{}-{name}.db", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let ledger = Arc::new(Ledger::default());
        let opener = Opener::new(path.to_str().unwrap(), Arc::clone(&ledger));
        let mut conn = opener.writer().unwrap();
        conn.batch_execute("create table t (n integer not null) strict").unwrap();
        (path, ledger, Lane::start(opener, conn).unwrap())
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
        let (path, _, lane) = lane("panic");
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
        let (path, _, lane) = lane("failure");
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
        let (path, _, lane) = lane("refusal");
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
    async fn a_transaction_carries_no_more_than_its_last_unit_too_many() {
        let (path, ledger, lane) = lane("batch");
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (begun, mut begins) = mpsc::channel(1);
        let blocker = lane.run(move |_| {
            begun.blocking_send(()).unwrap();
            wait.recv().unwrap();
            Ok(())
        });
        let add = |conn: &mut SqliteConnection, n: &usize| {
            diesel::sql_query(format!("insert into t values ({n})")).execute(conn)?;
            Ok(())
        };
        let row = |n: usize| lane.run_all((0..n).collect(), add, Halt::Never);
        // 250 and 20, then 500 alone, then the last.
        let waiting = async {
            begins.recv().await.unwrap();
            let start = async { go.send(()).unwrap() };
            tokio::join!(row(250), row(20), row(500), row(1), start)
        };
        let (blocked, (a, b, c, d, ())) = tokio::join!(blocker, waiting);
        blocked.unwrap();
        let done = [a, b, c, d].map(|row| row.iter().filter(|one| one.is_ok()).count());
        assert_eq!(done, [250, 20, 500, 1]);
        assert_eq!(ledger.transactions(), 1 + 3);
        assert_eq!(rows(&lane).await, 771);
        lane.stop().await;
        std::fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn a_panic_in_a_row_is_that_step_s_own() {
        let (path, _, lane) = lane("row");
        for (halt, expect) in
            [(Halt::Never, &[true, true, false, true][..]), (Halt::AtFailure, &[true, true, false])]
        {
            let work = |conn: &mut SqliteConnection, n: &i32| {
                diesel::sql_query(format!("insert into t values ({n})")).execute(conn)?;
                assert_ne!(*n, 2, "on purpose");
                Ok(())
            };
            let row = lane.run_all((0..4).collect(), work, halt);
            let (before, row, after) = tokio::join!(insert(&lane, 7), row, insert(&lane, 8));
            before.unwrap();
            after.unwrap();
            assert_eq!(row.iter().map(Result::is_ok).collect::<Vec<_>>(), expect);
        }
        assert_eq!(rows(&lane).await, 4 + 3 + 2);
        lane.stop().await;
        assert_eq!(lane.run_all(vec![1, 2], |_, _| Ok(()), Halt::Never).await.len(), 2);
        assert_eq!(lane.run_all(vec![1, 2], |_, _| Ok(()), Halt::AtFailure).await.len(), 1);
        std::fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn stopping_does_what_waits_and_refuses_the_rest() {
        let (path, _, lane) = lane("stop");
        let (first, second, ()) = tokio::join!(insert(&lane, 1), insert(&lane, 2), lane.stop());
        first.unwrap();
        second.unwrap();
        assert!(lane.is_stopped());
        assert!(matches!(insert(&lane, 3).await, Err(CommitError::Unavailable(_))));
        std::fs::remove_file(path).unwrap();
    }
}
