//! From a URL to a connection.

use std::error::Error;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio_postgres::config::Host;
use tokio_postgres::{Config, NoTls};

use crate::ConnectError;

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

/// Opens one connection.
pub(crate) async fn open(url: &str) -> Result<AsyncPgConnection, ConnectError> {
    let config = config(url)?;
    let refused = |reason| ConnectError::Refused { target: target(&config), reason };
    let (client, connection) =
        config.connect(NoTls).await.map_err(|error| refused(chain(&error)))?;
    AsyncPgConnection::try_from_client_and_connection(client, connection)
        .await
        .map_err(|error| refused(chain(&error)))
}

/// Opens one connection for the pool.
pub(crate) async fn open_pooled(url: &str) -> Result<AsyncPgConnection, ConnectionError> {
    let bad = |error: &dyn Error| ConnectionError::BadConnection(error.to_string());
    let mut connection = open(url).await.map_err(|error| bad(&error))?;
    connection.batch_execute(SETTINGS).await.map_err(|error| bad(&error))?;
    Ok(connection)
}

/// Who connects to what, without the password.
pub(crate) fn target_of(url: &str) -> Result<String, ConnectError> {
    config(url).map(|config| target(&config))
}

fn config(url: &str) -> Result<Config, ConnectError> {
    if has_stray_at(url) {
        let reason = "an `@` within the user or the password is written `%40`".into();
        return Err(ConnectError::BadUrl { reason });
    }
    let mut config: Config =
        url.parse().map_err(|error| ConnectError::BadUrl { reason: chain(&error) })?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    if config.get_application_name().is_none() {
        config.application_name("rollcall");
    }
    Ok(config)
}

/// Whether there is more than one `@` before the path: what stands between them would be taken
/// for a part of the host, and shown.
fn has_stray_at(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    authority.matches('@').count() > 1
}

fn target(config: &Config) -> String {
    let hosts: Vec<String> = config.get_hosts().iter().map(host).collect();
    let user = config.get_user().unwrap_or("?");
    let database = config.get_dbname().unwrap_or(user);
    format!("`{user}@{}/{database}`", hosts.join(","))
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
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shows(url: &str, expect: &str) {
        assert_eq!(target_of(url).unwrap(), expect);
    }

    #[test]
    fn targets_have_no_password() {
        shows("postgres://app:s3cret@db.example:5432/rollcall", "`app@db.example/rollcall`");
        shows("postgres://app@%2Ftmp%2Fpg/rollcall?password=s3cret", "`app@/tmp/pg/rollcall`");
    }

    #[test]
    fn bad_urls_say_how_to_write_one_without_the_password() {
        for url in [
            "postgres://app:s3cret@host:port/db",
            "postgres://a:s3cret@h/db?nope=1",
            "postgres://a:p@s3cret@h/db",
        ] {
            let error = target_of(url).unwrap_err().to_string();
            assert!(error.starts_with("no PostgreSQL URL: "), "{error}");
            assert!(error.contains("postgres://user:password@host"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[tokio::test]
    async fn refusals_name_the_target_and_the_cause() {
        let url = "postgres://app:s3cret@%2Fnonexistent/rollcall";
        let Err(error) = open(url).await else { panic!("nothing listens there") };
        let error = error.to_string();
        assert!(error.contains("`app@/nonexistent/rollcall`"), "{error}");
        assert!(error.contains("No such file"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
