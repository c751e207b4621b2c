//! What somebody between us and the server could do.

use std::fmt;
use std::net::IpAddr;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host};

use super::tls::Tls;

/// What the connection to a server elsewhere is open to. Shown, it names the mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exposure {
    /// It is in clear text.
    ClearText,
    /// It is encrypted, for whoever answers.
    Unverified,
    /// It is encrypted, for whoever has a certificate of an authority that the system trusts.
    AnyName,
}

impl Exposure {
    /// Nothing on this machine itself; and nothing where both ends prove to each other that they
    /// know the password and see the same certificate.
    pub(super) fn of(config: &Config, tls: &Tls, encrypted: bool) -> Option<Self> {
        if is_local(config) {
            return None;
        }
        if !encrypted {
            return Some(Self::ClearText);
        }
        if config.get_channel_binding() == ChannelBinding::Require {
            return None;
        }
        if !tls.verifies() {
            return Some(Self::Unverified);
        }
        tls.takes_any_name().then_some(Self::AnyName)
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mend = "add `sslmode=verify-full` to the database URL, and `sslrootcert=PATH` if an \
                    authority of your own signed the server's certificate";
        match self {
            Self::ClearText => write!(
                f,
                "the connection to PostgreSQL is in clear text: turn on `ssl` at the server, {mend}"
            ),
            Self::Unverified => write!(
                f,
                "the connection to PostgreSQL is encrypted, but who answers isn't verified: {mend}"
            ),
            Self::AnyName => write!(
                f,
                "the certificate of PostgreSQL may be for any name, from any authority that this \
                 system trusts: write `sslmode=verify-full`, or name one authority with \
                 `sslrootcert=PATH`"
            ),
        }
    }
}

/// Whether every host is this machine.
fn is_local(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    let is_local = |(at, host): (usize, &Host)| match (addresses.get(at), host) {
        (Some(address), _) => is_loopback(*address),
        #[cfg(unix)]
        (None, Host::Unix(_)) => true,
        (None, Host::Tcp(name)) => name == "localhost" || name.parse().is_ok_and(is_loopback),
    };
    config.get_hosts().iter().enumerate().all(is_local)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::super::words::split;
    use super::*;

    #[track_caller]
    fn check(url: &str, encrypted: bool, expect: Option<Exposure>) {
        let (rest, words) = split(url).unwrap();
        let config = rest.parse().unwrap();
        let tls = Tls::new(words, &config).unwrap();
        assert_eq!(Exposure::of(&config, &tls, encrypted), expect, "{url}");
    }

    #[test]
    fn this_machine_is_not_exposed() {
        for host in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "%2Ftmp"]
        {
            check(&format!("postgres://{host}/db"), false, None);
        }
        check("postgres://db.test/db?hostaddr=127.0.0.1", false, None);
        for host in ["db.test", "10.0.0.1", "[fe80::1]", "localhost,db.test", "localhost.test"] {
            check(&format!("postgres://{host}/db"), false, Some(Exposure::ClearText));
        }
        let clear = Some(Exposure::ClearText);
        check("postgres://localhost/db?hostaddr=10.0.0.1", false, clear);
    }

    #[test]
    fn verified_connections_are_not_exposed() {
        let unverified = Some(Exposure::Unverified);
        check("postgres://db.test/db", true, unverified);
        check("postgres://db.test/db?sslmode=require", true, unverified);
        check("postgres://db.test/db?sslmode=require&sslrootcert=a", true, None);
        check("postgres://db.test/db?sslmode=verify-ca&sslrootcert=a", true, None);
        check("postgres://db.test/db?sslmode=verify-ca", true, Some(Exposure::AnyName));
        check("postgres://db.test/db?sslmode=verify-full", true, None);
        check("postgres://db.test/db?sslmode=require&channel_binding=require", true, None);
        check("postgres://db.test/db?channel_binding=require", true, None);
    }

    #[test]
    fn each_names_its_mend() {
        for exposure in [Exposure::ClearText, Exposure::Unverified, Exposure::AnyName] {
            let text = exposure.to_string();
            assert!(text.contains("sslmode=verify-full") && text.contains("sslrootcert"), "{text}");
        }
    }
}
