//! Origins that may be fetched from though they are plain or private.

use std::fmt;

use http::Uri;
use http::uri::{Authority, Scheme};

/// Origins that may be fetched from though their address is private, or though they speak plain
/// HTTP: none but those that are named.
#[derive(Clone, Debug, Default)]
pub struct Allow(Vec<Origin>);

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadOrigin(String);

/// A scheme, a host and a port (RFC 6454 §4).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub(crate) is_tls: bool,
    /// Compares without case.
    host: Authority,
    pub(crate) port: u16,
}

impl Allow {
    /// Those of these origins, such as `http://127.0.0.1:8080`, and no others.
    ///
    /// # Errors
    /// [`BadOrigin`] for whatever is more or less than scheme, host and port.
    pub fn origins<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, BadOrigin> {
        let read = |text: T| Origin::parse(text.as_ref());
        Ok(Self(texts.into_iter().map(read).collect::<Result<_, _>>()?))
    }

    pub(crate) fn holds(&self, origin: &Origin) -> bool {
        self.0.contains(origin)
    }
}

impl Origin {
    fn parse(text: &str) -> Result<Self, BadOrigin> {
        let bad = || BadOrigin(text.chars().take(200).collect());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let rest = uri.path_and_query().map_or("", |rest| rest.as_str());
        let is_bare = matches!(rest, "" | "/") && !text.contains('#');
        Self::of(&uri).filter(|_| is_bare).ok_or_else(bad)
    }

    /// The origin of a URL that names nobody in it.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host().parse().ok()?;
        let port = match authority.port() {
            Some(port) => port.as_str().parse().ok().filter(|port| *port != 0)?,
            None if is_tls => 443,
            None => 80,
        };
        Some(Self { is_tls, host, port })
    }

    /// The host by its name or address; IPv6 addresses without their brackets.
    pub(crate) fn host(&self) -> &str {
        let host = self.host.host();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }
}

impl fmt::Display for BadOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no origin: write scheme, host and port alone", self.0)
    }
}

impl std::error::Error for BadOrigin {}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Option<Origin> {
        Origin::of(&url.parse().unwrap())
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let allow = Allow::origins(["http://127.0.0.1:8080", "https://Idp.test/"]).unwrap();
        for (url, expect) in [
            ("http://127.0.0.1:8080/keys?a=b", true),
            ("https://127.0.0.1:8080/keys", false),
            ("http://127.0.0.1:8081/keys", false),
            ("http://127.0.0.2:8080/keys", false),
            ("https://idp.test/keys", true),
            ("https://idp.test:443/keys", true),
            ("https://idp.test.evil.test/keys", false),
            ("http://idp.test:443/keys", false),
        ] {
            assert_eq!(allow.holds(&origin(url).unwrap()), expect, "{url}");
        }
        assert!(!Allow::default().holds(&origin("https://idp.test").unwrap()));
        assert_eq!(origin("http://[::1]:80/x").unwrap().host(), "::1");
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        let urls =
            ["ftp://idp.test", "https://me@idp.test", "https://idp.test:0", "https://me:x@a"];
        for url in urls {
            assert_eq!(origin(url), None, "{url}");
        }
        for text in ["", "idp.test", "https://idp.test/keys", "https://idp.test?x", "https://a/#b"]
        {
            assert!(Allow::origins([text]).is_err(), "{text}");
        }
        let told = Allow::origins(["idp"]).unwrap_err().to_string();
        assert_eq!(told, "`idp` is no origin: write scheme, host and port alone");
    }
}
