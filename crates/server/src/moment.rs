//! Reads when something ends.

use anyhow::{anyhow, bail};
use rollcall_domain::{Clock as _, SystemClock};
use rollcall_schema::Instant;

const HOUR: i64 = 60 * 60 * 1000;

/// The longest time from now, in hours: a hundred years.
const MOST: i64 = 100 * 366 * 24;

/// A time as RFC 3339 writes it, or how long from now: `90d` or `12h`.
pub(crate) fn ending(text: &str) -> anyhow::Result<Instant> {
    ending_after(text, SystemClock.now())
}

fn ending_after(text: &str, now: Instant) -> anyhow::Result<Instant> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let hours = hours(text).map_err(|_| {
        anyhow!("`{text}` is no time: write it as 2030-01-31T00:00:00Z, or from now as 90d or 12h")
    })?;
    Ok(Instant::from_millis(now.millis() + hours * HOUR))
}

/// `90d` or `12h` in hours.
pub(crate) fn hours(text: &str) -> anyhow::Result<i64> {
    let (number, each) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => (days, 24),
        (_, Some(hours)) => (hours, 1),
        _ => (text, 0),
    };
    let hours = number.parse::<u32>().ok().map(|number| i64::from(number) * each);
    match hours.filter(|hours| (1..=MOST).contains(hours)) {
        Some(hours) => Ok(hours),
        None => bail!("`{text}` is no time: write it as 14d or 48h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_times_or_so_long_from_now() {
        let now = Instant::from_millis(1_747_111_354_000);
        let day = 24 * HOUR;
        for (text, expect) in [
            ("90d", Some(now.millis() + 90 * day)),
            ("12h", Some(now.millis() + day / 2)),
            ("2025-05-13T04:42:34Z", Some(now.millis())),
            ("2025-05-13T06:42:34.5+02:00", Some(now.millis() + 500)),
            ("0d", None),
            ("-1d", None),
            ("90", None),
            ("d", None),
            ("", None),
            ("tomorrow", None),
            ("4000000000d", None),
            ("99999d", None),
        ] {
            let at = ending_after(text, now).ok().map(Instant::millis);
            assert_eq!(at, expect, "{text}");
        }
    }
}
