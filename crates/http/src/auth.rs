//! Lets a request in, or not (RFC 7644 §2).

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::request::Parts;
use rollcall_domain::{AuthError, Authenticator, ConnectionId, Context, Shown, TokenHash};

use crate::Settings;
use crate::alike::alike;
use crate::limits::{Limiter, certificate};
use crate::parameters::names_parameter;
use crate::problem::Problem;

/// How long a request may take to arrive before its credential is looked at once more: whoever
/// sends slowly does nothing with one that has ended meanwhile.
pub(crate) const BELIEVED: Duration = Duration::from_millis(500);

/// The door of a server.
pub(crate) struct Door<'a> {
    pub(crate) authenticator: &'a Authenticator,
    pub(crate) limiter: &'a Limiter,
    pub(crate) settings: &'a Settings,
}

impl Door<'_> {
    /// Who asks. A token opens its own connection alone: on the path of another there is nothing
    /// (R-TEN-02, R-E-02). Whoever has sent too many wrong ones is not heard (R-SEC-06).
    pub(crate) async fn admit(
        &self,
        parts: &Parts,
        connection: Option<&str>,
    ) -> Result<Context, Problem> {
        let Self { authenticator, limiter, settings } = *self;
        let token = token(parts)?;
        let hash = TokenHash::of(token);
        let stranger = Limiter::stranger(parts, connection, settings);
        limiter.hear(stranger, hash, settings.failures)?;
        // What names no connection is the path of one that there isn't.
        let nobody = || ConnectionId::from_uuid(uuid::Uuid::nil());
        let named = connection.map(|id| id.parse().unwrap_or_else(|_| nobody()));
        let shown = Shown { token, connection: named, certificate: certificate(parts) };
        let found = authenticator.bearer(shown).await;
        match &found {
            Err(AuthError::Refused) => limiter.failed(stranger, hash, settings.failures),
            Ok(_) | Err(AuthError::Paused | AuthError::Disabled) => limiter.found(hash),
            Err(AuthError::NoKeys) => limiter.unchecked(stranger, hash, settings.failures),
            Err(AuthError::Unavailable(_)) => {}
        }
        let context = found?;
        let own = |named: &str| named == context.connection().id.to_string();
        if connection.is_none_or(own) { Ok(context) } else { Err(Problem::nowhere()) }
    }
}

/// The one bearer token of a request (R-E-28).
pub(crate) fn token(parts: &Parts) -> Result<&str, Problem> {
    if names_parameter(parts.uri.query(), "access_token") {
        return Err(Problem::unauthorized("send the token in the `Authorization` header alone"));
    }
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::unauthorized("send one `Authorization: Bearer …` header"));
    };
    let bearer = value.to_str().ok().and_then(|text| text.trim().split_once(' '));
    match bearer {
        Some((scheme, token)) if alike(scheme, "bearer") => Ok(token.trim()),
        _ => Err(Problem::unauthorized("send one `Authorization: Bearer …` header")),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn check(uri: &str, headers: &[&str], expect: Option<&str>) {
        let request = headers
            .iter()
            .fold(Request::get(uri), |request, value| request.header(AUTHORIZATION, *value));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(token(&parts).ok(), expect, "{uri} {headers:?}");
    }

    #[test]
    fn one_bearer_token_counts() {
        // R-AUTH-06, R-E-28
        check("/", &["Bearer abc"], Some("abc"));
        check("/", &["bEARER   abc "], Some("abc"));
        check("/", &[], None);
        check("/", &["abc"], None);
        check("/", &["non-token"], None);
        check("/", &["Basic abc"], None);
        check("/", &["Bearer"], None);
        check("/", &["Bearer abc", "Bearer abc"], None);
        check("/?access_token=abc", &["Bearer abc"], None);
        check("/?Access%5Ftoken=abc", &["Bearer abc"], None);
    }
}
