//! What is looked at of a connection, and what each finding says would mend it.

use rollcall_schema::{Instant, ProfileName};
use serde_json::{Value, json};

use crate::{Connection, Job, Offer, Status, Token};

const MINUTE_MILLIS: i64 = 60 * 1000;
const HOUR_MILLIS: i64 = 60 * MINUTE_MILLIS;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// The longest base URL that every IdP takes (R-TEN-05).
const LONGEST_URL: usize = 1024;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What, by a name that stays.
    pub name: &'static str,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// What was seen.
    pub detail: String,
    /// What would mend it; nothing where nothing is wrong.
    pub fix: Option<String>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Nothing is wrong.
    Pass,
    /// It works, and will not for long, or not well.
    Warn,
    /// It doesn't work.
    Fail,
}

impl CheckOutcome {
    /// The name as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Check {
    pub(super) fn pass(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, outcome: CheckOutcome::Pass, detail: detail.into(), fix: None }
    }

    pub(super) fn warn(
        name: &'static str,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (detail, fix) = (detail.into(), Some(fix.into()));
        Self { name, outcome: CheckOutcome::Warn, detail, fix }
    }

    pub(super) fn fail(
        name: &'static str,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { outcome: CheckOutcome::Fail, ..Self::warn(name, detail, fix) }
    }

    /// As operators see it.
    pub fn shown(&self) -> Value {
        json!({
            "name": self.name,
            "outcome": self.outcome.name(),
            "detail": self.detail,
            "fix": self.fix,
        })
    }
}

/// What the registry knows tells.
pub(super) fn known(
    connection: &Connection,
    removal: Option<&Job>,
    tokens: &[Token],
    now: Instant,
) -> Vec<Check> {
    let mut checks = vec![status(connection, removal), credential(tokens, now)];
    checks.extend(expiry(tokens, now));
    checks.push(traffic(connection, now));
    checks.extend(late(connection, tokens, now));
    checks.extend(profile(connection));
    checks
}

fn status(connection: &Connection, removal: Option<&Job>) -> Check {
    let name = "status";
    if let Some(job) = connection.removal {
        let stuck = removal.and_then(|removal| removal.state.stuck.as_deref());
        return match stuck {
            Some(why) => Check::fail(
                name,
                format!("the connection is being deleted, and {job} can't go on: {why}"),
                "mend that, or delete the connection again with another choice for its people",
            ),
            None => {
                Check::fail(name, format!("the connection is being deleted: {job}"), "make another")
            }
        };
    }
    match connection.status {
        Status::Active => Check::pass(name, "the connection is active"),
        Status::Observe => Check::pass(name, "the connection observes: nobody's access follows"),
        Status::Draft => Check::warn(
            name,
            "the connection is a draft: it can be read, and not written",
            "set `status` to `active`, or to `observe` first",
        ),
        Status::Paused => Check::fail(
            name,
            "the connection is paused: every request is answered 503",
            "set `status` to `active`",
        ),
        Status::Disabled => Check::fail(
            name,
            "the connection is disabled: every request is answered 403",
            "set `status` to `active`",
        ),
    }
}

fn credential(tokens: &[Token], now: Instant) -> Check {
    match tokens.iter().filter(|token| token.is_live(now)).count() {
        0 => Check::fail("credential", "no credential is live", "make a token"),
        live => Check::pass("credential", format!("{live} live")),
    }
}

/// Live credentials that end soon, and nothing comes in their place.
fn expiry(tokens: &[Token], now: Instant) -> Vec<Check> {
    let replaced = |id| tokens.iter().any(|token| token.replaces == Some(id));
    let soon = tokens.iter().filter(|token| token.is_live(now) && !replaced(token.id));
    let soon = soon.filter_map(|token| {
        let end = token.expires?;
        let left = end.millis() - now.millis();
        let detail = format!("{} ends in {}, at {end}", token.id, in_words(left));
        let fix = match token.kind.has_secret() {
            true => "rotate it: start, put the new one into the IdP, finish",
            false => "make another that ends later, and revoke this one",
        };
        let soon = left < i64::from(Token::FIRST_WARNING) * DAY_MILLIS;
        soon.then(|| Check::warn("expiry", detail, fix))
    });
    soon.collect()
}

/// How long something lasts: in days from two on, then in hours, then in minutes.
fn in_words(millis: i64) -> String {
    let units = [(DAY_MILLIS, "days"), (HOUR_MILLIS, "hours"), (MINUTE_MILLIS, "minutes")];
    match units.into_iter().find(|(unit, _)| millis >= 2 * unit) {
        Some((unit, name)) => format!("{} {name}", millis / unit),
        None => "less than 2 minutes".into(),
    }
}

fn traffic(connection: &Connection, now: Instant) -> Check {
    let name = "traffic";
    let Some(seen) = connection.traffic.seen else {
        let fix = "give the IdP the base URL and a token, and test the connection there";
        return Check::warn(name, "nothing was ever heard of the IdP", fix);
    };
    match connection.is_too_quiet(now) {
        false => Check::pass(name, format!("last seen at {seen}")),
        true => Check::warn(
            name,
            format!("nothing was heard of the IdP since {seen}"),
            "see whether provisioning is on there, and what its log says",
        ),
    }
}

/// An IdP that still comes with a credential which has expired.
fn late(connection: &Connection, tokens: &[Token], now: Instant) -> Option<Check> {
    let (at, id) = connection.traffic.refused?;
    let used_since = tokens.iter().any(|token| token.used.is_some_and(|used| used > at));
    let recent = now.millis() - at.millis() < DAY_MILLIS;
    let detail = format!("{id}, which has expired, was refused at {at}");
    let fix = "put a live token into the IdP";
    (recent && !used_since).then(|| Check::fail("expiredToken", detail, fix))
}

/// Whether the profile is that of what the traffic speaks.
fn profile(connection: &Connection) -> Option<Check> {
    let dialect = connection.traffic.dialect.as_deref()?;
    let fits = match dialect {
        "okta" | "okta-oin" => ProfileName::Okta,
        "entra" | "entra-legacy" => ProfileName::Entra,
        "jumpcloud" => ProfileName::Jumpcloud,
        _ => return None,
    };
    let has = Offer::of(connection).ok()?.profile_name();
    let detail = format!("the traffic speaks {dialect}, and the profile is `{}`", has.name());
    Some(match has == fits {
        true => Check::pass("profile", detail),
        false => Check::warn("profile", detail, format!("set `profile` to `{}`", fits.name())),
    })
}

/// Whether IdPs take a base URL.
pub(super) fn url(base: &str) -> Check {
    let name = "baseUrl";
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    if base.len() > LONGEST_URL {
        return Check::fail(name, format!("{} characters", base.len()), "shorten the mount path");
    }
    match base.starts_with("https://") {
        true => Check::pass(name, base),
        false if local.iter().any(|local| base.starts_with(local)) => {
            Check::warn(name, base, "IdPs elsewhere need a public https URL: set `public_url`")
        }
        false => Check::fail(name, base, "IdPs send tokens over https alone: set `public_url`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_words_that_say_something() {
        for (millis, told) in [
            (30 * DAY_MILLIS - 1, "29 days"),
            (2 * DAY_MILLIS, "2 days"),
            (2 * DAY_MILLIS - 1, "47 hours"),
            (21 * HOUR_MILLIS + 59 * MINUTE_MILLIS, "21 hours"),
            (2 * HOUR_MILLIS, "2 hours"),
            (2 * HOUR_MILLIS - 1, "119 minutes"),
            (2 * MINUTE_MILLIS, "2 minutes"),
            (2 * MINUTE_MILLIS - 1, "less than 2 minutes"),
            (1, "less than 2 minutes"),
        ] {
            assert_eq!(in_words(millis), told);
        }
    }
}
