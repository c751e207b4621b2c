//! What a URL leads to, before anything is sent there.

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use tokio::net::lookup_host;

use crate::allow::Origin;
use crate::{Allow, is_public};

/// The longest URL that is looked at, in bytes.
const LONGEST_URL: usize = 2048;

/// How many addresses of one host are tried.
const TRIED: usize = 4;

/// Why nothing is fetched in the clear.
const NOT_TLS: &str = "the URL is not `https`, and its origin is none that is allowed without";

/// A URL that may be fetched, as far as can be told without asking for addresses.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) uri: Uri,
    pub(crate) origin: Origin,
    is_allowed: bool,
}

impl Target {
    pub(crate) fn parse(url: &str, allow: &Allow) -> Result<Self, String> {
        if url.len() > LONGEST_URL {
            return Err(format!("the URL has more than {LONGEST_URL} bytes"));
        }
        let uri: Uri = url.parse().map_err(|_| "this is no URL".to_owned())?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("the URL names a user: leave that out".into());
        }
        let origin = Origin::of(&uri).ok_or(NOT_TLS)?;
        let is_allowed = allow.holds(&origin);
        if !origin.is_tls && !is_allowed {
            return Err(NOT_TLS.into());
        }
        Ok(Self { uri, origin, is_allowed })
    }

    /// The addresses of the host, all of them ones that may be connected to.
    pub(crate) async fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        let (host, port) = (self.origin.host(), self.origin.port);
        let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
            Ok(address) => vec![(address, port).into()],
            Err(_) => lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default(),
        };
        // One that isn't public is enough: a name never means both. Whether there is such a name in
        // our own network, and what it leads to, is nobody's business who may name URLs.
        let may = |address: &SocketAddr| self.is_allowed || is_public(address.ip());
        match !found.is_empty() && found.iter().all(may) {
            true => Ok(found.into_iter().take(TRIED).collect()),
            false if self.is_allowed => Err(format!("`{host}` has no address")),
            false => Err(format!("`{host}` has no public address")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_e_22_urls_are_https_and_name_nobody() {
        let allow = Allow::origins(["http://127.0.0.1:8080"]).unwrap();
        let long = format!("https://idp.test/{}", "x".repeat(LONGEST_URL));
        for (url, expect) in [
            ("https://idp.test/keys", None),
            ("http://127.0.0.1:8080/keys", None),
            ("http://idp.test/keys", Some(NOT_TLS)),
            ("http://127.0.0.1:8081/keys", Some(NOT_TLS)),
            ("file:///etc/passwd", Some("this is no URL")),
            ("ftp://idp.test/keys", Some(NOT_TLS)),
            ("/keys", Some(NOT_TLS)),
            ("https://ada:secret@idp.test/", Some("the URL names a user: leave that out")),
            ("https://idp.test@10.0.0.1/", Some("the URL names a user: leave that out")),
            ("https://a b/", Some("this is no URL")),
            ("", Some("this is no URL")),
            (&long, Some("the URL has more than 2048 bytes")),
        ] {
            let refused = Target::parse(url, &allow).err();
            assert_eq!(refused.as_deref(), expect, "{url}");
        }
    }

    #[tokio::test]
    async fn r_e_22_hosts_lead_to_public_addresses_alone() {
        let refused = [
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fd00::1]/",
            "https://localhost/",
            // Ways to write 127.0.0.1 that resolvers know.
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://no-such-name.invalid/",
        ];
        for url in refused {
            let target = Target::parse(url, &Allow::default()).unwrap();
            // Whoever asks learns nothing of what there is behind the name.
            let told = target.addresses().await.unwrap_err();
            assert_eq!(told, format!("`{}` has no public address", target.origin.host()));
        }
        for url in ["https://8.8.8.8/", "https://[2606:4700::1111]/"] {
            let target = Target::parse(url, &Allow::default()).unwrap();
            assert_eq!(target.addresses().await.unwrap().len(), 1, "{url}");
        }
        let allow = Allow::origins(["https://localhost:8443"]).unwrap();
        let target = Target::parse("https://localhost:8443/", &allow).unwrap();
        assert!(target.addresses().await.unwrap().iter().all(|found| found.ip().is_loopback()));
    }
}
