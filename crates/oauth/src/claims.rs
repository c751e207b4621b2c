//! What tokens say, and when it counts (RFC 7519 §4.1).

use std::time::Duration;

use rollcall_domain::Thumbprint;
use rollcall_schema::Instant;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Number, Value};

/// How far the clocks of others may be ahead (R-OAUTH-04).
const SKEW: i64 = 5 * 60 * 1000;

/// The longest that a token may live. Issuers that give theirs a day put the beginning back by as
/// much as clocks may differ (Entra does), so that comes on top.
const LONGEST: i64 = 24 * 60 * 60 * 1000 + SKEW;

/// The claims that every token is looked at for.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    pub(crate) sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<Number>,
    nbf: Option<Number>,
    iat: Option<Number>,
    pub(crate) jti: Option<String>,
    pub(crate) azp: Option<String>,
    events: Option<IgnoredAny>,
    cnf: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Who alone may show a token (RFC 7800 §3.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Anybody.
    No,
    /// Whoever has this client certificate (RFC 8705 §3.1).
    To(Thumbprint),
    /// Somebody who proves it in a way that is not known here.
    Otherwise,
}

impl Claims {
    /// Whether one of these is among those whom the token is for, to the letter.
    pub(crate) fn is_for(&self, names: &[&str]) -> bool {
        self.audiences().iter().any(|name| names.contains(&&**name))
    }

    /// Whether the token is for one of these or several, and for nobody else.
    pub(crate) fn is_only_for(&self, names: &[&str]) -> bool {
        self.is_for(names) && self.audiences().iter().all(|name| names.contains(&&**name))
    }

    fn audiences(&self) -> &[String] {
        match &self.aud {
            None => &[],
            Some(Audience::One(name)) => std::slice::from_ref(name),
            Some(Audience::Many(many)) => many,
        }
    }

    /// Whether the token tells of events (RFC 8417 §2.2, a logout among them) and so says nothing
    /// of who has it.
    pub(crate) const fn tells_events(&self) -> bool {
        self.events.is_some()
    }

    /// When the token ends; `None` when it is not good now, or for too long.
    pub(crate) fn ends(&self, now: Instant) -> Option<Instant> {
        let now = now.millis();
        let end = millis(self.exp.as_ref()?)?;
        let begins = [&self.nbf, &self.iat].into_iter().flatten().map(millis);
        for begin in begins {
            let begin = begin?;
            if begin > now.saturating_add(SKEW) {
                return None;
            }
        }
        let made = self.iat.as_ref().and_then(millis).unwrap_or(now);
        let lives = end.saturating_sub(made.min(now));
        (end > now && lives <= LONGEST).then(|| Instant::from_millis(end))
    }

    /// Who alone may show it.
    pub(crate) fn bound(&self) -> Bound {
        let Some(cnf) = &self.cnf else { return Bound::No };
        let print = cnf.get("x5t#S256").and_then(Value::as_str);
        let is_alone = cnf.as_object().is_some_and(|members| members.len() == 1);
        let print = print.filter(|_| is_alone).and_then(|print| print.parse().ok());
        print.map_or(Bound::Otherwise, Bound::To)
    }
}

/// A NumericDate (RFC 7519 §2), which may have a fraction.
fn millis(number: &Number) -> Option<i64> {
    if let Some(seconds) = number.as_i64() {
        return seconds.checked_mul(1000).filter(|millis| *millis >= 0);
    }
    let since = Duration::try_from_secs_f64(number.as_f64()?).ok()?;
    i64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn claims(value: Value) -> Claims {
        serde_json::from_value(value).unwrap()
    }

    #[track_caller]
    fn check(expect: Option<i64>, value: Value) {
        let shown = value.to_string();
        let ends = claims(value).ends(Instant::from_millis(NOW * 1000));
        assert_eq!(ends.map(Instant::millis), expect, "{shown}");
    }

    #[test]
    fn r_oauth_04_tokens_are_good_in_their_time() {
        let millis = (NOW + 60) * 1000;
        let end = Some(millis);
        check(end, json!({"exp": NOW + 60}));
        check(Some(millis + 500), json!({"exp": 1_700_000_060.5}));
        check(end, json!({"exp": NOW + 60, "iat": NOW + 300, "nbf": NOW + 300}));
        check(end, json!({"exp": NOW + 60, "iat": NOW - 3600}));
        check(Some((NOW + 86_400) * 1000), json!({"exp": NOW + 86_400, "iat": NOW}));
        // A day for one whose clock differs, and what Entra makes of that.
        let day = Some((NOW + 86_400) * 1000);
        check(day, json!({"exp": NOW + 86_400, "iat": NOW - 300, "nbf": NOW - 300}));
        check(Some((NOW + 86_700) * 1000), json!({"exp": NOW + 86_700, "iat": NOW + 300}));
    }

    #[test]
    fn r_oauth_04_tokens_are_not_good_at_other_times() {
        check(None, json!({}));
        check(None, json!({"exp": NOW}));
        check(None, json!({"exp": NOW - 1}));
        check(None, json!({"exp": NOW + 60, "nbf": NOW + 301}));
        check(None, json!({"exp": NOW + 60, "iat": NOW + 301}));
        // Too long.
        check(None, json!({"exp": NOW + 86_701}));
        check(None, json!({"exp": NOW + 60, "iat": NOW - 86_641}));
        check(None, json!({"exp": NOW + 86_400, "iat": NOW - 301}));
        check(None, json!({"exp": NOW + 86_760, "iat": NOW + 100}));
        // No times at all.
        check(None, json!({"exp": -1}));
        check(None, json!({"exp": i64::MAX}));
        check(None, json!({"exp": 1e300}));
        check(None, json!({"exp": NOW + 60, "nbf": -5.5}));
        assert!(serde_json::from_value::<Claims>(json!({"exp": "1700000060"})).is_err());
    }

    #[test]
    fn r_e_25_audiences_are_exact() {
        for (aud, expect) in [
            (json!("https://a.test"), true),
            (json!(["x", "https://a.test"]), true),
            (json!("https://a.test/"), false),
            (json!("https://A.test"), false),
            (json!("https://a.test.evil.test"), false),
            (json!(["x"]), false),
            (json!([]), false),
            (json!(null), false),
        ] {
            let shown = aud.to_string();
            assert_eq!(claims(json!({"aud": aud})).is_for(&["https://a.test"]), expect, "{shown}");
        }
        assert!(!claims(json!({})).is_for(&["https://a.test"]));
    }

    #[test]
    fn r_e_25_assertions_are_for_nobody_else() {
        let (a, b) = ("https://a.test", "https://a.test/token");
        for (aud, expect) in [
            (json!(a), true),
            (json!([a]), true),
            (json!([a, b]), true),
            (json!([a, "https://evil.test"]), false),
            (json!(["https://evil.test", b]), false),
            (json!([]), false),
            (json!(null), false),
        ] {
            let shown = aud.to_string();
            assert_eq!(claims(json!({"aud": aud})).is_only_for(&[a, b]), expect, "{shown}");
        }
    }

    #[test]
    fn r_oauth_05_a_token_says_whose_it_is() {
        let print = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        let bound = |cnf: Value| claims(json!({"cnf": cnf})).bound();
        assert!(matches!(bound(json!({"x5t#S256": print})), Bound::To(_)));
        assert_eq!(bound(json!({"x5t#S256": "short"})), Bound::Otherwise);
        assert_eq!(bound(json!({"jkt": print})), Bound::Otherwise);
        assert_eq!(bound(json!({"jkt": print, "x5t#S256": print})), Bound::Otherwise);
        assert_eq!(bound(json!({})), Bound::Otherwise);
        assert_eq!(claims(json!({})).bound(), Bound::No);
    }
}
