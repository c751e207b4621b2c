//! A moment in time as resources carry it.

use std::fmt;

use chrono::{DateTime, SecondsFormat};

/// Milliseconds since 1970, shown as `2025-05-13T04:42:34.000Z`.
///
/// Rollcall keeps what it shows: `meta.lastModified eq` the value that a client was sent holds
/// (R-ATTR-08, R-FILTER-25).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// The moment `millis` milliseconds after 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = DateTime::from_timestamp_millis(self.0).ok_or(fmt::Error)?;
        f.write_str(&moment.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}
