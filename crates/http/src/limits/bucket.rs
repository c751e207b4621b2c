//! What a rate has left.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rollcall_domain::Rate;

/// A token bucket, kept as the moment at which all that was taken will have been earned again.
#[derive(Debug, Default)]
pub(crate) struct Bucket(Mutex<Duration>);

impl Bucket {
    /// Takes one.
    ///
    /// # Errors
    /// How long it is until there is one.
    pub(crate) fn take(&self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let mut earned = self.earned();
        let after = (*earned).max(now) + each(rate);
        match after.checked_sub(now + span(rate)) {
            None | Some(Duration::ZERO) => {
                *earned = after;
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }

    /// How long it is until there is one; `None` when there is.
    pub(crate) fn wait(&self, rate: Rate, now: Duration) -> Option<Duration> {
        let after = (*self.earned()).max(now) + each(rate);
        after.checked_sub(now + span(rate)).filter(|wait| !wait.is_zero())
    }

    /// Takes `n`, whether they are there or not.
    pub(crate) fn charge(&self, rate: Rate, n: u32, now: Duration) {
        let mut earned = self.earned();
        *earned = (*earned).max(now).saturating_add(each(rate).saturating_mul(n));
    }

    fn earned(&self) -> std::sync::MutexGuard<'_, Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long it takes to earn one.
fn each(rate: Rate) -> Duration {
    Duration::from_secs(1) / rate.per_second.max(1)
}

/// How long it takes to earn all that a bucket holds.
fn span(rate: Rate) -> Duration {
    each(rate).saturating_mul(rate.burst.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 25, burst: 3 };

    fn at(millis: u64) -> Duration {
        Duration::from_millis(1_000 + millis)
    }

    #[test]
    fn a_burst_then_the_rate() {
        let bucket = Bucket::default();
        let taken = |millis| bucket.take(RATE, at(millis)).map_err(|wait| wait.as_millis());
        assert_eq!([taken(0), taken(0), taken(0)], [Ok(()); 3]);
        assert_eq!((taken(0), taken(10), taken(39)), (Err(40), Err(30), Err(1)));
        assert_eq!((taken(40), taken(40)), (Ok(()), Err(40)));
        // It holds no more than its burst, however long nobody asks.
        assert_eq!([taken(9_000), taken(9_000), taken(9_000)], [Ok(()); 3]);
        assert_eq!(taken(9_000), Err(40));
    }

    #[test]
    fn a_charge_leaves_debt() {
        // R-BULK-12
        let bucket = Bucket::default();
        assert_eq!(bucket.wait(RATE, at(0)), None);
        bucket.charge(RATE, 5_000, at(0));
        let expect = Duration::from_millis((5_000 - 2) * 40);
        assert_eq!(bucket.wait(RATE, at(0)), Some(expect));
        assert_eq!(bucket.take(RATE, at(0)), Err(expect));
        assert_eq!(bucket.take(RATE, at(0) + expect), Ok(()));
    }

    #[test]
    fn no_number_is_too_large() {
        let bucket = Bucket::default();
        let most = Rate { per_second: u32::MAX, burst: u32::MAX };
        assert_eq!(bucket.take(most, at(0)), Ok(()));
        for _ in 0..10 {
            bucket.charge(Rate { per_second: 1, burst: 1 }, u32::MAX, at(0));
        }
        assert!(bucket.take(RATE, at(0)).is_err());
    }
}
