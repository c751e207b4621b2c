//! Media types (R-POST-12, R-HTTP-02, R-HTTP-03).

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};

use crate::alike::alike;
use crate::problem::Problem;

const SCIM: &str = "application/scim+json";
const JSON: &str = "application/json";

/// The type of an answer: SCIM, unless the client names plain JSON alone. No client is refused
/// for what it accepts.
pub(crate) fn of_answer(headers: &HeaderMap) -> HeaderValue {
    let names = |wanted: &str| {
        values(headers, ACCEPT)
            .flat_map(|value| value.split(','))
            .any(|range| alike(essence(range), wanted))
    };
    HeaderValue::from_static(if names(JSON) && !names(SCIM) { JSON } else { SCIM })
}

/// Refuses a body that is declared as something other than JSON, or packed.
pub(crate) fn check_body(headers: &HeaderMap) -> Result<(), Problem> {
    let json = |value: &str| {
        let essence = essence(value);
        essence.is_empty() || [SCIM, JSON].iter().any(|name| alike(essence, name))
    };
    if headers.contains_key(CONTENT_TYPE) && !values(headers, CONTENT_TYPE).all(json) {
        return Err(Problem::media(format!("the body must be `{SCIM}` or `{JSON}`")));
    }
    if !values(headers, CONTENT_TYPE).flat_map(charsets).all(is_utf8) {
        return Err(Problem::media("the body must be UTF-8, and its `charset` say so or nothing"));
    }
    let plain = |value: &str| value.is_empty() || alike(value, "identity");
    if values(headers, CONTENT_ENCODING).any(|value| !plain(value.trim())) {
        return Err(Problem::media("packed bodies are not taken: leave `Content-Encoding` out"));
    }
    Ok(())
}

/// Whether a header names this media type and no other.
pub(crate) fn is(headers: &HeaderMap, name: HeaderName, wanted: &str) -> bool {
    let mut values = values(headers, name).map(essence).peekable();
    values.peek().is_some() && values.all(|value| alike(value, wanted))
}

/// The values of a header; one that is no text counts as a name that nothing has.
fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or("?"))
}

/// The character sets that a media type names.
fn charsets(value: &str) -> impl Iterator<Item = &str> {
    let parameters = value.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let named = parameters.filter(|(name, _)| alike(name.trim(), "charset"));
    named.map(|(_, charset)| charset.trim().trim_matches('"'))
}

/// Whether text in a character set is UTF-8; ASCII is.
fn is_utf8(charset: &str) -> bool {
    ["", "utf-8", "utf8", "us-ascii"].iter().any(|name| alike(charset, name))
}

/// A media type without its parameters.
fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[track_caller]
    fn answers(accept: &'static str, expect: &str) {
        assert_eq!(of_answer(&headers(ACCEPT, accept)), expect, "{accept}");
    }

    #[test]
    fn answers_are_scim_unless_json_alone_is_named() {
        // R-HTTP-02, R-HTTP-03
        assert_eq!(of_answer(&HeaderMap::new()), SCIM);
        answers("*/*", SCIM);
        answers("text/xml", SCIM);
        answers("Application/JSON; charset=utf-8", JSON);
        answers("text/html, application/json;q=0.9, */*", JSON);
        answers("application/json, application/scim+json", SCIM);
    }

    #[track_caller]
    fn takes(name: HeaderName, value: &'static str, expect: bool) {
        let name_and_value = format!("{name}: {value}");
        assert_eq!(check_body(&headers(name, value)).is_ok(), expect, "{name_and_value}");
    }

    #[test]
    fn bodies_are_json() {
        // R-POST-12, R-HTTP-11
        assert!(check_body(&HeaderMap::new()).is_ok());
        takes(CONTENT_TYPE, "application/scim+json;charset=UTF-8", true);
        takes(CONTENT_TYPE, "application/JSON", true);
        takes(CONTENT_TYPE, "", true);
        takes(CONTENT_TYPE, "application/json; CharSet = \"utf-8\"; x=1", true);
        takes(CONTENT_TYPE, "application/json;charset=us-ascii", true);
        takes(CONTENT_TYPE, "application/json; charset=", true);
        takes(CONTENT_TYPE, "application/scim+json; charset=iso-8859-1", false);
        takes(CONTENT_TYPE, "application/json; x=1; charset=\"utf-16\"", false);
        takes(CONTENT_TYPE, "text/xml", false);
        takes(CONTENT_TYPE, "application/x-www-form-urlencoded", false);
        takes(CONTENT_ENCODING, "identity", true);
        takes(CONTENT_ENCODING, "gzip", false);
    }
}
