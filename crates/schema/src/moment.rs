//! The instants of `dateTime` values (RFC 7643 §2.3.5).

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::Instant;

/// An instant of a `dateTime` value, to the nanosecond, in the years 0000 to 10000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Parts", try_from = "Parts")]
pub struct Moment(NaiveDateTime);

/// Seconds since 1970 and nanoseconds behind them: a moment as it is serialised.
type Parts = (i64, u32);

impl From<Moment> for Parts {
    fn from(moment: Moment) -> Self {
        let utc = moment.0.and_utc();
        (utc.timestamp(), utc.timestamp_subsec_nanos())
    }
}

impl TryFrom<Parts> for Moment {
    type Error = &'static str;

    fn try_from((seconds, nanos): Parts) -> Result<Self, &'static str> {
        let utc = DateTime::from_timestamp(seconds, nanos).ok_or("no such moment")?;
        Ok(Self(utc.naive_utc()))
    }
}

impl Moment {
    /// Milliseconds since 1970, rounded towards the past.
    ///
    /// A store that keeps milliseconds compares `gt` and `le` with this, `lt` and `ge` with
    /// [`ceil_millis`](Self::ceil_millis), and `eq` only where both are the same.
    pub fn floor_millis(self) -> i64 {
        self.0.and_utc().timestamp_millis()
    }

    /// Milliseconds since 1970, rounded towards the future.
    pub fn ceil_millis(self) -> i64 {
        let beyond = self.0.and_utc().timestamp_subsec_nanos() % 1_000_000;
        self.floor_millis() + i64::from(beyond != 0)
    }
}

impl From<Instant> for Moment {
    fn from(instant: Instant) -> Self {
        let moment = DateTime::from_timestamp_millis(instant.millis());
        Self(moment.map_or(NaiveDateTime::MAX, |moment| moment.naive_utc()))
    }
}

/// As it is kept and sent: UTC, milliseconds, `Z`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.and_utc().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// Reads an xsd:dateTime of the years 0001 to 9999 with up to 9 fraction digits; without an offset
/// it is UTC (R-ATTR-08).
pub(crate) fn parse(text: &str) -> Option<Moment> {
    let mut rest = text;
    let date = date(&mut rest)?;
    literal(&mut rest, "T")?;
    let hour = digits(&mut rest, 2)?;
    literal(&mut rest, ":")?;
    let minute = digits(&mut rest, 2)?;
    literal(&mut rest, ":")?;
    let second = digits(&mut rest, 2)?;
    let nanos = fraction(&mut rest)?;
    let offset = offset(rest)?;
    let local = match (hour, minute, second, nanos) {
        (24, 0, 0, 0) => date.succ_opt()?.and_hms_opt(0, 0, 0)?,
        _ => date.and_hms_nano_opt(hour, minute, second, nanos)?,
    };
    local.checked_sub_signed(offset).map(Moment)
}

/// The value as it is kept and sent: UTC, milliseconds, `Z` (R-ATTR-08).
///
/// `None` when it is no dateTime, or when UTC puts it outside the years 0001 to 9999.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let sent = parse(text)?.to_string();
    parse(&sent).map(|_| sent)
}

fn date(rest: &mut &str) -> Option<NaiveDate> {
    let year = digits(rest, 4).filter(|year| *year > 0)?;
    literal(rest, "-")?;
    let month = digits(rest, 2)?;
    literal(rest, "-")?;
    let day = digits(rest, 2)?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// The nanoseconds behind a point; 0 where there is no point.
fn fraction(rest: &mut &str) -> Option<u32> {
    if literal(rest, ".").is_none() {
        return Some(0);
    }
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    let missing = u32::try_from(9_usize.checked_sub(count)?).ok()?;
    Some(digits(rest, count)? * 10_u32.pow(missing))
}

fn offset(mut rest: &str) -> Option<TimeDelta> {
    if rest.is_empty() || rest == "Z" {
        return Some(TimeDelta::zero());
    }
    let east = literal(&mut rest, "+").is_some();
    if !east {
        literal(&mut rest, "-")?;
    }
    let hours = digits(&mut rest, 2)?;
    literal(&mut rest, ":")?;
    let minutes = digits(&mut rest, 2)?;
    let minutes = hours * 60 + Some(minutes).filter(|minutes| *minutes < 60)?;
    let good = rest.is_empty() && minutes <= 14 * 60;
    let minutes = i64::from(minutes);
    good.then(|| TimeDelta::minutes(if east { minutes } else { -minutes }))
}

fn literal(rest: &mut &str, text: &str) -> Option<()> {
    *rest = rest.strip_prefix(text)?;
    Some(())
}

fn digits(rest: &mut &str, count: usize) -> Option<u32> {
    let (head, tail) = rest.split_at_checked(count)?;
    let good = head.bytes().all(|byte| byte.is_ascii_digit());
    *rest = tail;
    head.parse().ok().filter(|_| good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(canonical(text).as_deref(), expect, "{text}");
    }

    #[test]
    fn r_attr_08_date_times_become_utc_with_milliseconds() {
        check("2025-05-13T04:42:34Z", Some("2025-05-13T04:42:34.000Z"));
        check("2025-05-13T06:42:34+02:00", Some("2025-05-13T04:42:34.000Z"));
        check("2025-05-13T00:12:34-04:30", Some("2025-05-13T04:42:34.000Z"));
        check("2025-05-13T04:42:34", Some("2025-05-13T04:42:34.000Z"));
        check("2025-05-13T04:42:34.5", Some("2025-05-13T04:42:34.500Z"));
        check("2025-05-13T04:42:34.123456789Z", Some("2025-05-13T04:42:34.123Z"));
        check("0001-01-03T00:00:00.0000000Z", Some("0001-01-03T00:00:00.000Z"));
        check("9999-12-31T23:59:59.999Z", Some("9999-12-31T23:59:59.999Z"));
        check("2024-02-29T24:00:00Z", Some("2024-03-01T00:00:00.000Z"));
    }

    #[test]
    fn r_attr_08_refuses_what_is_no_date_time() {
        for text in [
            "",
            "yesterday",
            "2025-05-13",
            "2025-05-13T04:42Z",
            "2025-05-13 04:42:34Z",
            "2025-5-13T04:42:34Z",
            "2025-02-29T00:00:00Z",
            "2025-05-13T25:00:00Z",
            "2025-05-13T24:00:01Z",
            "2025-05-13T04:42:60Z",
            "2025-05-13T04:42:34.Z",
            "2025-05-13T04:42:34.1234567890Z",
            "2025-05-13T04:42:34+15:00",
            "2025-05-13T04:42:34+02:60",
            "2025-05-13T04:42:34+0200",
            "2025-05-13T04:42:34ZZ",
            "+025-05-13T04:42:34Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+02:00",
            "9999-12-31T23:59:59-02:00",
            "2025-05-13T04:42:3é",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn moments_compare_by_the_nanosecond() {
        let at = |text| parse(text).unwrap();
        assert!(at("2025-01-01T00:00:00.000000001Z") > at("2025-01-01T00:00:00Z"));
        assert_eq!(at("2025-01-01T01:00:00+01:00"), at("2025-01-01T00:00:00.000Z"));
        assert_eq!(Moment::from(Instant::from_millis(1_500)), at("1970-01-01T00:00:01.5Z"));
    }

    #[test]
    fn milliseconds_round_both_ways() {
        let before = parse("1969-12-31T23:59:59.9999Z").unwrap();
        assert_eq!((before.floor_millis(), before.ceil_millis()), (-1, 0));
        let whole = parse("1970-01-01T00:00:01.500Z").unwrap();
        assert_eq!((whole.floor_millis(), whole.ceil_millis()), (1_500, 1_500));
    }
}
