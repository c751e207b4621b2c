//! Room for what takes much memory.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use rollcall_domain::ConnectionId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{BUCKETS, IDLE};

/// How many bulk requests there is room for, and how many of those may be one connection's: so
/// that large ones of one customer neither fill the memory nor keep out the others.
pub(super) const ALL: usize = 8;
pub(super) const EACH: usize = 2;

/// Rooms of all connections.
pub(super) struct Rooms {
    all: Arc<Semaphore>,
    of: Cache<ConnectionId, Arc<Semaphore>>,
}

/// Room for one bulk request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _own: OwnedSemaphorePermit,
    _shared: OwnedSemaphorePermit,
}

impl Rooms {
    pub(super) fn new() -> Self {
        let of = Cache::builder().max_capacity(BUCKETS).time_to_idle(IDLE).build();
        Self { all: Arc::new(Semaphore::new(ALL)), of }
    }

    /// Waits for room at most so long. Who waits behind the own requests takes none of the others'
    /// room.
    pub(super) async fn take(&self, connection: ConnectionId, wait: Duration) -> Option<Room> {
        let own = self.of.get_with(connection, || Arc::new(Semaphore::new(EACH)));
        let taking = async {
            let own = own.acquire_owned().await.ok()?;
            let shared = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Room { _own: own, _shared: shared })
        };
        tokio::time::timeout(wait, taking).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use rollcall_domain::Ids as _;
    use rollcall_domain::UuidIds;

    use super::*;

    fn connection() -> ConnectionId {
        ConnectionId::from_uuid(UuidIds.next())
    }

    #[tokio::test]
    async fn one_connection_leaves_room_for_others() {
        // R-E-17
        let rooms = Rooms::new();
        let at_once = Duration::from_millis(1);
        let one = connection();
        let mut taken = Vec::new();
        for _ in 0..EACH {
            taken.push(rooms.take(one, at_once).await.unwrap());
        }
        assert!(rooms.take(one, at_once).await.is_none());
        for _ in EACH..ALL {
            taken.push(rooms.take(connection(), at_once).await.unwrap());
        }
        assert!(rooms.take(connection(), at_once).await.is_none());
        taken.remove(0);
        let another = rooms.take(one, at_once).await;
        assert!(another.is_some() && rooms.take(one, at_once).await.is_none());
    }
}
