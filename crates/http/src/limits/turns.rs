//! Who is worked on next: connections that wait take turns.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollcall_domain::ConnectionId;
use tokio::sync::oneshot;
use tokio::time::timeout;

#[cfg(test)]
mod tests;

/// Turns of all connections. A turn that is free goes to whoever of its connection waits longest,
/// and to the connections that wait one after the other: who sends much delays nobody else by
/// more than a turn.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    line: Arc<Mutex<Line>>,
    /// What they are for, as metrics have it.
    of: &'static str,
}

/// A request's place in the line, and then its turn; gone when this is dropped, whichever it is.
#[derive(Debug)]
pub(crate) struct Turn {
    line: Arc<Mutex<Line>>,
    connection: ConnectionId,
    ticket: u64,
}

/// How long a line may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How many requests of one connection may wait.
    pub(super) queue: usize,
    /// How long one may wait.
    pub(super) wait: Duration,
}

/// Why there was no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// Enough of this connection wait already.
    Full,
    /// It took too long.
    Late,
}

impl Turns {
    /// As many turns in all, and as many of one connection; one at least.
    pub(super) fn new(of: &'static str, all: usize, each: usize) -> Self {
        let line = Line { all: all.max(1), each: each.max(1), ..Line::default() };
        Self { line: Arc::new(Mutex::new(line)), of }
    }

    /// Waits for a turn.
    pub(super) async fn take(
        &self,
        connection: ConnectionId,
        patience: Patience,
    ) -> Result<Turn, NoTurn> {
        let (turn, granted) = self.enter(connection, patience.queue)?;
        let Some(granted) = granted else { return Ok(turn) };
        let _waiting = Waiting::enter(self.of);
        match timeout(patience.wait, granted).await {
            Ok(_) => Ok(turn),
            Err(_) => Err(NoTurn::Late),
        }
    }

    /// A turn, or a place in the line with what tells when it has become one.
    fn enter(
        &self,
        connection: ConnectionId,
        queue: usize,
    ) -> Result<(Turn, Option<oneshot::Receiver<()>>), NoTurn> {
        let (ticket, granted) = lock(&self.line).enter(connection, queue)?;
        Ok((Turn { line: Arc::clone(&self.line), connection, ticket }, granted))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.line).leave(self.connection, self.ticket);
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who has a turn, and who waits for one.
///
/// While anybody is in `next` there is no free turn.
#[derive(Debug, Default)]
struct Line {
    all: usize,
    each: usize,
    taken: usize,
    /// Connections that have turns or wait.
    of: HashMap<ConnectionId, Own>,
    /// Connections that wait and may have another turn, in the order in which they get it.
    next: VecDeque<ConnectionId>,
    /// The last ticket that was given out.
    tickets: u64,
}

/// What one connection has.
#[derive(Debug, Default)]
struct Own {
    taken: usize,
    /// By ticket, hence in the order in which they came.
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Own {
    /// Whether the connection belongs into [`Line::next`].
    fn is_next(&self, each: usize) -> bool {
        !self.waiting.is_empty() && self.taken < each
    }
}

impl Line {
    fn enter(
        &mut self,
        connection: ConnectionId,
        queue: usize,
    ) -> Result<(u64, Option<oneshot::Receiver<()>>), NoTurn> {
        let (taken, waiting) =
            self.of.get(&connection).map_or((0, 0), |own| (own.taken, own.waiting.len()));
        let is_free = self.taken < self.all && taken < self.each;
        if !is_free && waiting >= queue {
            return Err(NoTurn::Full);
        }
        self.tickets += 1;
        let own = self.of.entry(connection).or_default();
        if is_free {
            own.taken += 1;
            self.taken += 1;
            return Ok((self.tickets, None));
        }
        let (grant, granted) = oneshot::channel();
        let was_next = own.is_next(self.each);
        own.waiting.insert(self.tickets, grant);
        if !was_next && own.is_next(self.each) {
            self.next.push_back(connection);
        }
        Ok((self.tickets, Some(granted)))
    }

    /// Takes away a place in the line, or a turn for which another gets one.
    fn leave(&mut self, connection: ConnectionId, ticket: u64) {
        let Some(own) = self.of.get_mut(&connection) else { return };
        let was_next = own.is_next(self.each);
        if own.waiting.remove(&ticket).is_none() {
            own.taken -= 1;
            self.taken -= 1;
        }
        match (was_next, own.is_next(self.each)) {
            (false, true) => self.next.push_back(connection),
            (true, false) => self.next.retain(|next| *next != connection),
            _ => {}
        }
        if own.taken == 0 && own.waiting.is_empty() {
            self.of.remove(&connection);
        }
        self.serve();
    }

    /// Gives away what is free.
    fn serve(&mut self) {
        while self.taken < self.all {
            let Some(connection) = self.next.pop_front() else { return };
            let Some(own) = self.of.get_mut(&connection) else { continue };
            let Some((_, grant)) = own.waiting.pop_first() else { continue };
            own.taken += 1;
            self.taken += 1;
            if own.is_next(self.each) {
                self.next.push_back(connection);
            }
            // Whoever is just going away hears nothing, and gives the turn back by being dropped.
            let _ = grant.send(());
        }
    }
}

/// Counts a request as long as it waits.
struct Waiting(metrics::Gauge);

impl Waiting {
    fn enter(of: &'static str) -> Self {
        let gauge = metrics::gauge!("rollcall_http_requests_waiting", "for" => of);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
