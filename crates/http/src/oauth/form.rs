//! What clients send to a token endpoint (RFC 6749 §2.3.1, §4.4.2).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;

use crate::alike::alike;
use crate::media;
use crate::parameters::{Pair, Plus, decode, names_parameter, pairs};
use crate::problem::Problem;

const FORM: &str = "application/x-www-form-urlencoded";

/// Whatever of a client is secret is never sent in a URL.
const SECRETS: [&str; 2] = ["client_secret", "client_assertion"];

/// The most parameters that are looked at.
const MOST: usize = 100;

/// The parameters of a body. One without a value counts as absent, unknown ones are passed over
/// (RFC 6749 §3.2).
pub(super) struct Form<'b>(Vec<Pair<'b>>);

/// Who asks, by the form or by the header, and never by both.
pub(super) struct Client<'f> {
    pub(super) id: Option<Cow<'f, str>>,
    pub(super) secret: Option<Cow<'f, str>>,
}

impl<'b> Form<'b> {
    pub(super) fn read(parts: &Parts, body: &'b [u8]) -> Result<Self, Problem> {
        if !media::is(&parts.headers, CONTENT_TYPE, FORM) {
            return Err(Problem::invalid_request(format!("the body must be `{FORM}`")));
        }
        if SECRETS.iter().any(|name| names_parameter(parts.uri.query(), name)) {
            return Err(Problem::invalid_request("send every parameter in the body"));
        }
        let text = || Problem::invalid_request("the body is not UTF-8 once it is decoded");
        let body = str::from_utf8(body).map_err(|_| text())?;
        let mut form: Vec<Pair<'_>> = Vec::new();
        for pair in pairs(Some(body), Plus::Space) {
            let (name, value) = pair.map_err(|_| text())?;
            if form.iter().any(|(known, _)| *known == name) {
                return Err(Problem::invalid_request("a parameter is given twice"));
            }
            if form.len() == MOST {
                return Err(Problem::invalid_request("there are too many parameters"));
            }
            form.push((name, value));
        }
        Ok(Self(form))
    }

    /// A parameter by its exact name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }
}

impl<'f> Client<'f> {
    pub(super) fn of(headers: &HeaderMap, form: &'f Form<'_>) -> Result<Self, Problem> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (id, secret) = (form.get("client_id"), form.get("client_secret"));
        let (header, None) = (values.next(), values.next()) else {
            return Err(Problem::invalid_request("send one `Authorization` header"));
        };
        let Some(header) = header else {
            if secret.is_some() && form.get("client_assertion").is_some() {
                return Err(twice());
            }
            return Ok(Self { id: id.map(Cow::from), secret: secret.map(Cow::from) });
        };
        let header = header.to_str().ok().and_then(basic);
        let (own, password) = header.ok_or_else(Problem::invalid_client)?;
        if SECRETS.iter().any(|name| form.get(name).is_some()) {
            return Err(twice());
        }
        match id.filter(|id| *id != own) {
            Some(_) => Err(Problem::invalid_request("`client_id` is not that of the header")),
            None => Ok(Self { id: Some(own.into()), secret: Some(password.into()) }),
        }
    }
}

fn twice() -> Problem {
    Problem::invalid_request("authenticate the client in one way alone")
}

/// Id and password of HTTP Basic, each encoded as in a form before (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.trim().split_once(' ')?;
    let text = STANDARD.decode(encoded.trim()).ok().filter(|_| alike(scheme, "basic"))?;
    let text = String::from_utf8(text).ok()?;
    let (id, password) = text.split_once(':')?;
    Some((decoded(id)?, decoded(password)?))
}

fn decoded(text: &str) -> Option<String> {
    decode(text, Plus::Space).ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let request = headers
            .iter()
            .fold(Request::post(uri), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn basic_of(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    /// What is read as id and secret, or how it is refused.
    #[track_caller]
    fn check(header: Option<&str>, body: &str, expect: Result<(&str, &str), &str>) {
        let form = ("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
        let parts = match header {
            Some(header) => parts("/t", &[form, ("authorization", header)]),
            None => parts("/t", &[form]),
        };
        let read = Form::read(&parts, body.as_bytes());
        let client = read.and_then(|form| {
            let Client { id, secret } = Client::of(&parts.headers, &form)?;
            Ok((id.unwrap_or_default().into_owned(), secret.unwrap_or_default().into_owned()))
        });
        match (client, expect) {
            (Ok((id, secret)), Ok(expect)) => assert_eq!((&*id, &*secret), expect, "{body}"),
            (Err(problem), Err(name)) => {
                assert!(format!("{problem:?}").contains(name), "{body}: {problem:?}");
            }
            (read, expect) => panic!("{body}: {read:?}, not {expect:?}"),
        }
    }

    #[test]
    fn r_oauth_01_clients_authenticate_in_one_way() {
        let bad = Err("invalid_request");
        check(None, "client_id=a&client_secret=s%2B+x", Ok(("a", "s+ x")));
        check(None, "grant_type=client_credentials", Ok(("", "")));
        check(None, "client_id=&client_secret=", Ok(("", "")));
        check(None, "client_id=a&client_id=a", bad);
        check(None, "other=1&other=1", bad);
        check(None, "client_id=%FF", bad);
        check(None, "client_secret=s&client_assertion=j", bad);
        let header = basic_of("a:s");
        check(Some(&header), "grant_type=client_credentials", Ok(("a", "s")));
        check(Some(&header), "client_id=a", Ok(("a", "s")));
        check(Some(&header), "client_id=b", bad);
        check(Some(&header), "client_secret=s", bad);
        check(Some(&header), "client_assertion=j", bad);
        check(Some(&basic_of("a%3Ab:s%25+x:y")), "", Ok(("a:b", "s% x:y")));
        let unknown = Err("invalid_client");
        check(Some(&basic_of("a")), "", unknown);
        check(Some(&basic_of("a:%FF")), "", unknown);
        check(Some("Basic *"), "", unknown);
        check(Some("Basic"), "", unknown);
        check(Some("Bearer YTpz"), "", unknown);
    }

    #[test]
    fn r_oauth_07_forms_alone_are_read() {
        let form = ("content-type", FORM);
        let refused = |parts: &Parts, body: &[u8]| Form::read(parts, body).is_err();
        assert!(!refused(&parts("/t?x=1", &[form]), b"a=b"));
        assert!(refused(&parts("/t", &[]), b"a=b"));
        assert!(refused(&parts("/t", &[("content-type", "application/json")]), b"{}"));
        assert!(refused(&parts("/t?client_secret=s", &[form]), b"a=b"));
        assert!(refused(&parts("/t?client%5Fassertion=s", &[form]), b"a=b"));
        assert!(refused(&parts("/t", &[form]), b"\xff"));
        let many: String = (0..=MOST).map(|n| format!("p{n}=1&")).collect();
        assert!(refused(&parts("/t", &[form]), many.as_bytes()));
    }
}
