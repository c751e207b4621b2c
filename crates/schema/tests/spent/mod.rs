//! How much of a processor's time a thread has had: a busy machine doesn't lengthen it, as it does
//! the time on the wall.

use std::time::{Duration, Instant};

/// Begins with what this thread is about to do.
pub(crate) struct Spent {
    wall: Instant,
    processor: Option<Duration>,
}

impl Spent {
    pub(crate) fn now() -> Self {
        Self { wall: Instant::now(), processor: processor() }
    }

    /// What was spent since, on the wall where the system doesn't tell.
    pub(crate) fn elapsed(&self) -> Duration {
        let since = self.processor.zip(processor()).map(|(then, now)| now.saturating_sub(then));
        since.unwrap_or_else(|| self.wall.elapsed())
    }
}

/// What this thread has had so far, where the system is Linux and counts: the time that it ran,
/// the time that it waited, and how often it ran.
fn processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let numbers: Vec<u64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let counts = numbers.iter().any(|number| *number > 0);
    numbers.first().filter(|_| counts).copied().map(Duration::from_nanos)
}
