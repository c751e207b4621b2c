//! A moment in time as resources carry it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::moment;

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

/// A text that is no dateTime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no dateTime: write it as 2025-05-13T04:42:34Z")]
pub struct NotAMoment;

impl FromStr for Instant {
    type Err = NotAMoment;

    /// Reads an xsd:dateTime; what is finer than a millisecond is left out (R-ATTR-08).
    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        moment::parse(text).map(|moment| Self(moment.floor_millis())).ok_or(NotAMoment)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}
