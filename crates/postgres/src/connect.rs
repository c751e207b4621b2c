//! From a URL to a connection: every one that is made begins here.

use std::error::Error;
use std::io;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use tokio_postgres::config::{ChannelBinding, Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};

use self::handshake::Handshakes;
use self::tls::Tls;
use self::words::Mode;
use crate::ConnectError;

mod exposure;
mod handshake;
mod tls;
mod verifier;
mod words;

pub use self::exposure::Exposure;

/// How long one attempt may take where the URL sets no `connect_timeout`.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server may leave what was sent unanswered by its host where the URL sets no
/// `tcp_user_timeout`: a host that died without a word ends its connections then.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a statement of the pool may take where neither the URL nor the role nor the database
/// sets a `statement_timeout`. What took so long is not tried again.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// What the connections of the pool are set to where nobody said otherwise. Statements that stay
/// prepared are planned once, whatever their values: planning the larger ones takes longer than
/// running them, and each is written so that there is one way to go.
const SETTINGS: &str = "select set_config(name, value, false)
from (values
    ('statement_timeout', '0', '30s'),
    ('plan_cache_mode', 'auto', 'force_generic_plan')
) s (name, unset, value)
where current_setting(name) = unset";

/// What the driver says of a server that answers no to TLS.
const NO_TLS: &str = "server does not support TLS";

/// What a URL leads to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    config: Config,
    tls: Tls,
}

/// A connection, and whether it is encrypted.
pub(crate) struct Opened {
    pub(crate) connection: AsyncPgConnection,
    encrypted: bool,
}

impl Target {
    /// Reads a URL and the files that it names. Nothing is connected to.
    pub(crate) fn read(url: &str) -> Result<Self, ConnectError> {
        let bad = |reason| ConnectError::BadUrl { reason };
        let (rest, words) = words::split(url).map_err(bad)?;
        let mut config: Config = rest.parse().map_err(|error| bad(chain(&error)))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("rollcall");
        }
        if config.get_hosts().is_empty() {
            // Where there is no name, certificates are for the address.
            for address in config.get_hostaddrs().to_vec() {
                config.host(address.to_string());
            }
        }
        let bad = |reason| ConnectError::BadTls { reason };
        let tls = Tls::new(words, &config).map_err(bad)?;
        // Sockets of this machine know no TLS, and libpq asks for none there.
        let speaks = tls.mode != Mode::Disable && !config.get_hosts().iter().all(is_socket);
        config.ssl_mode(if speaks { tls.driver_mode() } else { SslMode::Disable });
        if speaks {
            tls.connector().map_err(bad)?;
        }
        Ok(Self { config, tls })
    }

    /// Who connects to what, without the password.
    pub(crate) fn shown(&self) -> String {
        let hosts: Vec<String> = self.config.get_hosts().iter().map(host).collect();
        let user = self.config.get_user().unwrap_or("?");
        let database = self.config.get_dbname().unwrap_or(user);
        format!("`{user}@{}/{database}`", hosts.join(","))
    }

    /// What a connection is open to.
    pub(crate) fn exposure(&self, opened: &Opened) -> Option<Exposure> {
        Exposure::of(&self.config, &self.tls, opened.encrypted)
    }

    /// Opens one connection.
    pub(crate) async fn open(&self) -> Result<Opened, ConnectError> {
        if self.config.get_ssl_mode() == SslMode::Disable {
            let connected = self.config.connect(NoTls).await;
            return self
                .opened(connected.map_err(|error| self.refused(&error, false))?, false)
                .await;
        }
        let connector = self.tls.connector().map_err(|reason| ConnectError::BadTls { reason })?;
        let handshakes = Handshakes::new(connector);
        match self.config.connect(handshakes.clone()).await {
            Ok(connected) => self.opened(connected, handshakes.succeeded()).await,
            Err(error) if self.goes_on_in_clear_text(&error, &handshakes) => {
                tracing::debug!(reason = chain(&error), "the connection goes on in clear text");
                let mut config = self.config.clone();
                let connected = config.ssl_mode(SslMode::Disable).connect(NoTls).await;
                self.opened(connected.map_err(|again| self.both(&error, &again))?, false).await
            }
            Err(error) => Err(self.refused(&error, handshakes.failed())),
        }
    }

    /// Opens one connection for the pool.
    pub(crate) async fn open_pooled(&self) -> Result<AsyncPgConnection, ConnectionError> {
        let bad = |error: &dyn Error| ConnectionError::BadConnection(error.to_string());
        let mut connection = self.open().await.map_err(|error| bad(&error))?.connection;
        connection.batch_execute(SETTINGS).await.map_err(|error| bad(&error))?;
        Ok(connection)
    }

    async fn opened<S>(
        &self,
        (client, connection): (Client, Connection<Socket, S>),
        encrypted: bool,
    ) -> Result<Opened, ConnectError>
    where
        S: TlsStream + Unpin + Send + 'static,
    {
        // Without the driver's own half there is neither notification nor cancelling.
        let made = AsyncPgConnection::try_from_client_and_connection(client, connection).await;
        let connection = made.map_err(|error| ConnectError::Refused {
            target: self.shown(),
            reason: chain(&error),
        })?;
        Ok(Opened { connection, encrypted })
    }

    /// As libpq under `sslmode=prefer`: when TLS fails, or the server lets nobody in by it.
    fn goes_on_in_clear_text(
        &self,
        error: &tokio_postgres::Error,
        handshakes: &Handshakes,
    ) -> bool {
        let refused = error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
        self.tls.mode == Mode::Prefer
            && self.config.get_channel_binding() != ChannelBinding::Require
            && (handshakes.failed() || (handshakes.succeeded() && refused))
    }

    fn refused(&self, error: &tokio_postgres::Error, by_tls: bool) -> ConnectError {
        let target = self.shown();
        match self.tls_reason(error) {
            Some(reason) => ConnectError::Tls { target, reason },
            None if by_tls => ConnectError::Tls { target, reason: chain(error) },
            None => ConnectError::Refused { target, reason: chain(error) },
        }
    }

    fn both(&self, by_tls: &tokio_postgres::Error, after: &tokio_postgres::Error) -> ConnectError {
        let reason = format!("{} (and over TLS before: {})", chain(after), chain(by_tls));
        ConnectError::Refused { target: self.shown(), reason }
    }

    /// What went wrong with TLS, if it did, and what would mend it.
    fn tls_reason(&self, error: &tokio_postgres::Error) -> Option<String> {
        if causes(error).any(|cause| cause.to_string() == NO_TLS) {
            let word = self.tls.mode.word();
            return Some(format!(
                "the server offers no TLS, and `sslmode={word}` insists on it: turn on `ssl` there"
            ));
        }
        let inner = |cause: &'_ (dyn Error + 'static)| {
            let within = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            within.and_then(|error| error.downcast_ref::<TlsError>()).cloned()
        };
        Some(match causes(error).find_map(inner)? {
            error @ TlsError::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => format!(
                "the server's certificate comes from no authority {} ({error}): name the PEM file \
                 of the right one with `sslrootcert=PATH`",
                self.tls.authorities()
            ),
            error @ TlsError::InvalidCertificate(CertificateError::NotValidForNameContext {
                ..
            }) => format!(
                "{error}: connect to a name that it is for, in its subjectAltName, or take any \
                 name with `sslmode=verify-ca`"
            ),
            TlsError::AlertReceived(AlertDescription::CertificateRequired) => {
                "the server asks for a certificate: name one with `sslcert=PATH` and its key with \
                 `sslkey=PATH`"
                    .into()
            }
            error => error.to_string(),
        })
    }
}

const fn is_socket(host: &Host) -> bool {
    match host {
        Host::Tcp(_) => false,
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}

/// An error with its causes. The driver puts no part of a URL but option names into either.
fn chain(error: &dyn Error) -> String {
    causes(error).fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn causes(error: &dyn Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shows(url: &str, expect: &str) {
        assert_eq!(Target::read(url).unwrap().shown(), expect);
    }

    #[test]
    fn targets_have_no_password() {
        shows("postgres://app:s3cret@db.example:5432/rollcall", "`app@db.example/rollcall`");
        shows("postgres://app@%2Ftmp%2Fpg/rollcall?password=s3cret", "`app@/tmp/pg/rollcall`");
        shows("host=db.example user=app password=s3cret@1@2", "`app@db.example/app`");
        shows("postgres:///db?user=app&hostaddr=10.0.0.1", "`app@10.0.0.1/db`");
    }

    #[test]
    fn bad_urls_say_how_to_write_one_without_the_password() {
        for url in [
            "postgres://app:s3cret@host:port/db",
            "postgres://a:s3cret@h/db?nope=1",
            "postgres://a:p@s3cret@h/db",
        ] {
            let error = Target::read(url).unwrap_err().to_string();
            assert!(error.starts_with("no PostgreSQL URL: "), "{error}");
            assert!(error.contains("postgres://user:password@host"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn files_are_read_where_they_are_needed() {
        let file = "sslrootcert=/nonexistent/ca.pem";
        let error = Target::read(&format!("postgres://h/db?sslmode=verify-full&{file}"));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("/nonexistent/ca.pem"), "{error}");
        // Neither where TLS is off, nor on a socket.
        shows(&format!("postgres://h/db?sslmode=disable&{file}&user=a"), "`a@h/db`");
        shows(&format!("postgres://a@%2Ftmp/db?sslmode=verify-full&{file}"), "`a@/tmp/db`");
    }

    #[tokio::test]
    async fn refusals_name_the_target_and_the_cause() {
        let url = "postgres://app:s3cret@%2Fnonexistent/rollcall";
        let Err(error) = Target::read(url).unwrap().open().await else {
            panic!("nothing listens there")
        };
        let error = error.to_string();
        assert!(error.contains("`app@/nonexistent/rollcall`"), "{error}");
        assert!(error.contains("No such file"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
