//! Waits for what comes about sooner or later, however busy the machine is.

use std::time::{Duration, Instant};

use crate::client::Answer;

/// How long anything may take: what takes longer never happens.
pub const PATIENCE: Duration = Duration::from_secs(60);

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

/// Asks until the answer has this status: what was decided holds within seconds where it was
/// believed otherwise a moment ago. How many seconds is for those to tell who hold the clock.
///
/// # Panics
/// When it hasn't after [`PATIENCE`].
pub async fn becomes(status: u16, ask: impl AsyncFn() -> Answer) -> Answer {
    let began = Instant::now();
    loop {
        let answer = ask().await;
        if answer.status == status {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "not {status} in {PATIENCE:?}: {answer}");
        tokio::time::sleep(TICK).await;
    }
}
