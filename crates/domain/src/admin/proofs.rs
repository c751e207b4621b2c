//! Whether the bearer of a credential could prove to be the one.

use serde_json::Value;

use super::AdminError;
use super::public_keys::check_set;
use crate::{Fetch, TokenKind, Trust};

/// The longest text that a credential pins, in bytes.
const LONGEST: usize = 2048;

/// The largest set of keys of a credential, in bytes: ten of the longest kind fit in. Whoever shows
/// an assertion makes all of them be read.
const LARGEST_JWKS: usize = 32 * 1024;

/// Whether a credential of this kind can be checked at all. Without a client that fetches, keys are
/// fetched by `https` alone.
pub(super) fn check_proof(kind: &TokenKind, fetch: Option<&dyn Fetch>) -> Result<(), AdminError> {
    let checked = match kind {
        TokenKind::Bearer | TokenKind::ClientSecret => Ok(()),
        TokenKind::ClientKey { jwks } => check_keys(jwks),
        TokenKind::TrustedIssuer(trust) => check_trust(trust, fetch),
    };
    checked.map_err(AdminError::Bad)
}

fn check_keys(jwks: &Value) -> Result<(), String> {
    if jwks.to_string().len() > LARGEST_JWKS {
        let most = LARGEST_JWKS / 1024;
        return Err(format!("`jwks` is larger than {most} KiB: send the keys alone"));
    }
    check_set(jwks)
}

fn check_trust(trust: &Trust, fetch: Option<&dyn Fetch>) -> Result<(), String> {
    let texts = [&trust.issuer, &trust.subject, &trust.audience, &trust.jwks_uri];
    if texts.iter().any(|text| text.trim().is_empty() || text.len() > LONGEST) {
        return Err("`issuer`, `subject`, `audience` and `jwksUri` need a value each".into());
    }
    let uri = &*trust.jwks_uri;
    check_url(uri).map_err(|flaw| format!("`jwksUri` {flaw}"))?;
    let may = match fetch {
        Some(fetch) => fetch.may(uri).map_err(|error| error.to_string()),
        None if uri.starts_with("https://") => Ok(()),
        None => Err("the URL is not `https`".into()),
    };
    may.map_err(|why| format!("the keys at `jwksUri` would not be fetched: {why}"))
}

/// Whether a text is an URL of HTTP that somebody can ask for: with a host, and nothing in it that
/// nobody would send (RFC 3986).
fn check_url(text: &str) -> Result<(), &'static str> {
    let no_url = |c: char| !c.is_ascii_graphic() || r#""<>\^`{|}"#.contains(c);
    if text.contains(no_url) {
        return Err(
            "has a character in it that no URL has: write it percent-encoded, or leave it \
                    out",
        );
    }
    if text.contains('#') {
        return Err("has a fragment, which is never sent: leave it out");
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.ok_or("is no https URL: begin it with `https://`")?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("names a user: leave that out");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if !is_host(host) {
        return Err("names no host: write it behind `https://`");
    }
    match port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0)) {
        true => Ok(()),
        false => Err("names no port behind the `:`: write it from 1 to 65535, or leave it out"),
    }
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    host.chars().all(is_part) && host.contains(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_e_22_urls_of_keys_can_be_asked_for() {
        for url in [
            "https://idp.example",
            "https://idp.example/keys?of=me@example.com",
            "https://idp.example:8443/a/b%20c",
            "https://[::1]:8443/keys",
            "https://[::1]/keys",
            "http://localhost:9490/jwks",
            "https://xn--bcher-kva.example/keys",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        for (url, hint) in [
            ("https://", "names no host"),
            ("https:///keys", "names no host"),
            ("https://?x", "names no host"),
            ("https://:443/keys", "names no host"),
            ("https://[::1/keys", "names no host"),
            ("https://a b/", "character"),
            ("https://idp.example/keys\n", "character"),
            ("https://idp.example/keys ", "character"),
            (" https://idp.example/keys", "character"),
            ("https://bücher.example/keys", "character"),
            ("https://idp.example\\@evil.example/", "character"),
            ("https://idp.example/keys#f", "fragment"),
            ("https://me:secret@idp.example/keys", "names a user"),
            ("http://127.0.0.1:80@idp.example/keys", "names a user"),
            ("https://idp.example:0/keys", "port"),
            ("https://idp.example:/keys", "port"),
            ("https://idp.example:99999/keys", "port"),
            ("https:/idp.example/keys", "no https URL"),
            ("file:///etc/passwd", "no https URL"),
            ("idp.example", "no https URL"),
        ] {
            let flaw = check_url(url).unwrap_err();
            assert!(flaw.contains(hint), "{url}: {flaw}");
        }
    }
}
