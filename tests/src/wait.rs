//! Waits for what comes about sooner or later, however busy the machine is.

use std::time::{Duration, Instant};

use crate::client::Answer;

/// How long anything may take: what takes longer never happens.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long a decision of an operator may take until every server follows it, as documented.
pub const FOLLOWS: Duration = Duration::from_secs(5);

/// How often to look again.
const TICK: Duration = Duration::from_millis(50);

/// Looks until there is something to see.
///
/// # Panics
/// When there is nothing after [`PATIENCE`].
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(began.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
        tokio::time::sleep(TICK).await;
    }
}

/// Asks until the answer has this status, as what was decided just now wants it.
///
/// # Panics
/// When a request that was begun [`FOLLOWS`] later is answered otherwise: however busy the machine
/// is, nobody may believe for longer what was so before.
pub async fn becomes(status: u16, ask: impl AsyncFn() -> Answer) -> Answer {
    let decided = Instant::now();
    loop {
        let waited = decided.elapsed();
        let answer = ask().await;
        if answer.status == status {
            return answer;
        }
        assert!(waited < FOLLOWS, "not {status} after {waited:?}: {answer}");
        tokio::time::sleep(TICK).await;
    }
}
