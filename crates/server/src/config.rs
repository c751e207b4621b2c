//! Settings as the values that they stand for.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail};
use rollcall_domain::{Keyring, Rate, Secret};
use rollcall_outbound::Allow;
use rollcall_postgres::Postgres;

use crate::cli::ConfigArgs;
use crate::settings::{
    ADMIN_OIDC_AUDIENCE, ADMIN_OIDC_ISSUER, BODY_LIMIT, DATABASE_URL, DRAIN_SECONDS, FETCH_PRIVATE,
    Given, KEY, KEY_FILE, LISTEN, LOG, LOG_FORMAT, METRICS_LISTEN, MOUNT, Name, OPEN_DISCOVERY,
    POOL_SIZE, PUBLIC_URL, RATE_LIMIT, REQUESTS_AT_ONCE, SCIM_TOKEN, Settings, TLS_CERT,
    TLS_CLIENT_CA, TLS_KEY, TRUSTED_PROXIES, strangers,
};
use crate::tls::TlsFiles;

/// The whole configuration of a server.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) database: Option<DatabaseUrl>,
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<String>,
    pub(crate) mount: String,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) body_limit: usize,
    pub(crate) open_discovery: bool,
    pub(crate) pool_size: usize,
    pub(crate) drain: Duration,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    pub(crate) scim_token: Option<Secret>,
    pub(crate) key: Option<Keyring>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) rate: Option<Rate>,
    pub(crate) requests_at_once: Option<usize>,
    pub(crate) trusted_proxies: Vec<IpAddr>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) sign_in: Option<Issuer>,
    pub(crate) fetch_private: Allow,
}

/// Who says who operators are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issuer {
    pub(crate) issuer: String,
    pub(crate) audience: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Where the data is.
#[derive(Clone)]
pub(crate) enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(String),
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

impl Config {
    /// Reads the configuration from flags, environment and file.
    pub(crate) fn read(args: &ConfigArgs) -> anyhow::Result<Self> {
        // What is no text can't be right, but must not pass for unset.
        let variable =
            |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
        for name in strangers(names) {
            eprintln!(
                "warning: {name} is no setting: `rollcall serve --help` names those there are"
            );
        }
        Self::from_sources(args, &variable)
            .map_err(|problems| anyhow!("the configuration is not valid:\n{}", list(&problems)))
    }

    /// All problems at once, each with the source of the bad value.
    pub(crate) fn from_sources(
        args: &ConfigArgs,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<String>> {
        let (settings, problems) = Settings::read(args, environment);
        let mut reading = Reading { settings: &settings, problems };
        let config = Self {
            database: reading.take(DATABASE_URL, database_url),
            listen: reading
                .take(LISTEN, address)
                .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            public_url: reading.take(PUBLIC_URL, public_url),
            mount: reading.take(MOUNT, mount).unwrap_or_default(),
            metrics_listen: reading.take(METRICS_LISTEN, address),
            body_limit: reading.take(BODY_LIMIT, |text| number(text, 1024)).unwrap_or(1 << 20),
            open_discovery: reading.take(OPEN_DISCOVERY, truth).unwrap_or(false),
            pool_size: reading.take(POOL_SIZE, |text| number(text, 1)).unwrap_or(16),
            drain: Duration::from_secs(reading.take(DRAIN_SECONDS, seconds).unwrap_or(20)),
            log: reading.take(LOG, log_filter).unwrap_or_else(|| "info".into()),
            log_format: reading.take(LOG_FORMAT, log_format).unwrap_or_default(),
            scim_token: reading.take(SCIM_TOKEN, |text| Ok(Secret::given(text)?)),
            key: reading.take(KEY, |text| Ok(Keyring::parse(text)?)),
            key_file: reading.take(KEY_FILE, |text| Ok(text.into())),
            rate: reading.take(RATE_LIMIT, rate),
            requests_at_once: reading.take(REQUESTS_AT_ONCE, |text| number(text, 2)),
            trusted_proxies: reading.take(TRUSTED_PROXIES, addresses).unwrap_or_default(),
            tls: reading.tls(),
            sign_in: reading.sign_in(),
            fetch_private: reading.take(FETCH_PRIVATE, origins).unwrap_or_default(),
        };
        if reading.problems.is_empty() { Ok(config) } else { Err(reading.problems) }
    }

    /// The database, which every command but `check` needs.
    pub(crate) fn database(&self) -> anyhow::Result<&DatabaseUrl> {
        self.database.as_ref().ok_or_else(|| {
            anyhow!(
                "no database: give --database-url or set ROLLCALL_DATABASE_URL to \
                 sqlite:./rollcall.sqlite3 or postgres://user:password@host/database"
            )
        })
    }

    /// What `serve` can't do without.
    pub(crate) fn missing_for_serve(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(self.database().err().map(|error| error.to_string()));
        if self.public_url.is_none() {
            problems.push(
                "no public URL: give --public-url or set ROLLCALL_PUBLIC_URL to the address that \
                 clients use, such as https://scim.example.com"
                    .into(),
            );
        }
        problems.extend(self.tls.as_ref().and_then(|files| files.read().err()).map(chain));
        let replicated = matches!(self.database, Some(DatabaseUrl::Postgres(_)));
        if replicated && self.key.is_none() && self.key_file.is_none() {
            problems.push(
                "no key: every server on this database needs the same, in ROLLCALL_KEY or in the \
                 file that --key-file names; `rollcall key create` prints one"
                    .into(),
            );
        }
        problems
    }
}

/// An error with what led to it.
#[expect(clippy::needless_pass_by_value, reason = "it is mapped over errors")]
fn chain(error: anyhow::Error) -> String {
    format!("{error:#}")
}

/// Problems as lines.
pub(crate) fn list(problems: &[String]) -> String {
    problems.iter().map(|problem| format!("  - {problem}")).collect::<Vec<_>>().join("\n")
}

struct Reading<'a> {
    settings: &'a Settings,
    problems: Vec<String>,
}

impl Reading<'_> {
    fn take<T>(&mut self, name: Name, read: impl FnOnce(&str) -> anyhow::Result<T>) -> Option<T> {
        let Given { text, source } = self.settings.get(name)?;
        match read(text) {
            Ok(value) => Some(value),
            Err(error) => {
                // Secrets are not repeated, nor what may hold one: database URLs, and whatever
                // names a user, who may have a password.
                let shown = match name {
                    SCIM_TOKEN | KEY | DATABASE_URL => String::new(),
                    _ if text.contains('@') => String::new(),
                    _ => format!(" `{text}`"),
                };
                self.problems.push(format!("{source}:{shown} {error}"));
                None
            }
        }
    }
}

impl Reading<'_> {
    /// Certificate and key go together; that they fit is looked at where they are read.
    fn tls(&mut self) -> Option<TlsFiles> {
        let [certificate, key, client_ca] =
            [TLS_CERT, TLS_KEY, TLS_CLIENT_CA].map(|name| self.take(name, |text| Ok(text.into())));
        match (certificate, key, client_ca) {
            (Some(certificate), Some(key), client_ca) => {
                Some(TlsFiles { certificate, key, client_ca })
            }
            (None, None, None) => None,
            (None, None, Some(_)) => {
                self.lacks(TLS_CLIENT_CA, &[TLS_CERT, TLS_KEY]);
                None
            }
            (Some(_), None, _) => {
                self.lacks(TLS_CERT, &[TLS_KEY]);
                None
            }
            (None, Some(_), _) => {
                self.lacks(TLS_KEY, &[TLS_CERT]);
                None
            }
        }
    }

    fn sign_in(&mut self) -> Option<Issuer> {
        let (before, wanted) = (self.problems.len(), self.settings.get(ADMIN_OIDC_ISSUER));
        let issuer = wanted.and_then(|_| self.take(ADMIN_OIDC_ISSUER, issuer));
        match (issuer, self.take(ADMIN_OIDC_AUDIENCE, |text| Ok(text.to_owned()))) {
            (Some(issuer), Some(audience)) => return Some(Issuer { issuer, audience }),
            (Some(_), None) => self.lacks(ADMIN_OIDC_ISSUER, &[ADMIN_OIDC_AUDIENCE]),
            (None, Some(_)) if self.problems.len() == before => {
                self.lacks(ADMIN_OIDC_AUDIENCE, &[ADMIN_OIDC_ISSUER]);
            }
            _ => {}
        }
        None
    }

    /// A setting that is nothing without others.
    fn lacks(&mut self, name: Name, others: &[Name]) {
        if let Some(Given { source, .. }) = self.settings.get(name) {
            let others: Vec<_> = others.iter().map(|name| format!("`{name}`")).collect();
            self.problems.push(format!("{source}: needs {} beside it", others.join(" and ")));
        }
    }
}

fn database_url(text: &str) -> anyhow::Result<DatabaseUrl> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        Postgres::check_url(text)?;
        return Ok(DatabaseUrl::Postgres(text.into()));
    }
    let path = text.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
    match path {
        Some(":memory:") => bail!("would lose everything at the end: name a file, as sqlite:PATH"),
        Some(path) if !path.is_empty() => Ok(DatabaseUrl::Sqlite(path.into())),
        _ => bail!("is no database URL: use sqlite:PATH or postgres://user:password@host/database"),
    }
}

fn address(text: &str) -> anyhow::Result<SocketAddr> {
    text.parse().map_err(|_| anyhow!("is no address: use IP:PORT, such as 127.0.0.1:8080"))
}

/// An origin and perhaps a path, without a slash at the end.
fn public_url(text: &str) -> anyhow::Result<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let good = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && !rest.contains(['?', '#', '@'])
            && rest.chars().all(|c| c.is_ascii_graphic())
    });
    match good {
        true => Ok(text.trim_end_matches('/').into()),
        false => bail!("is no public URL: use https://host, with a path behind it if need be"),
    }
}

fn mount(text: &str) -> anyhow::Result<String> {
    let path = text.trim_end_matches('/');
    let good = path.is_empty() || path.starts_with('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    match good && path.chars().all(plain) {
        true => Ok(path.into()),
        false => bail!("is no mount prefix: use a path such as /api/auth"),
    }
}

fn number(text: &str, least: usize) -> anyhow::Result<usize> {
    let number = text.parse::<usize>().ok().filter(|number| *number >= least);
    number.ok_or_else(|| anyhow!("is no whole number from {least}"))
}

/// `100` or `100:500`.
pub(crate) fn rate(text: &str) -> anyhow::Result<Rate> {
    let (sustained, burst) = text.split_once(':').unwrap_or((text, text));
    let number = |text: &str| {
        text.parse::<u32>().map_err(|_| anyhow!("is no rate: use a number a second, or 100:500"))
    };
    let rate = Rate { per_second: number(sustained)?, burst: number(burst)? };
    rate.check()?;
    Ok(rate)
}

fn addresses(text: &str) -> anyhow::Result<Vec<IpAddr>> {
    let address = |text: &str| {
        let told = if text.contains('@') { "something" } else { text };
        text.trim().parse().map_err(|_| anyhow!("names `{told}`, which is no IP address"))
    };
    text.split(',').map(address).collect()
}

/// The URL of an issuer: `iss` says exactly this (OpenID Connect Discovery §3).
fn issuer(text: &str) -> anyhow::Result<String> {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let good = text.starts_with("https://") || local.iter().any(|local| text.starts_with(local));
    match good && !text.contains(['?', '#', '@']) && text.chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(text.into()),
        false => bail!("is no issuer: use its https URL, exactly as its tokens say it"),
    }
}

fn origins(text: &str) -> anyhow::Result<Allow> {
    let allow = Allow::origins(text.split(',').map(str::trim));
    allow.map_err(|_| anyhow!("holds what is no origin: write scheme, host and port alone"))
}

fn seconds(text: &str) -> anyhow::Result<u64> {
    let seconds = text.parse::<u64>().ok().filter(|seconds| *seconds <= 3600);
    seconds.ok_or_else(|| anyhow!("is no number of seconds from 0 to 3600"))
}

fn truth(text: &str) -> anyhow::Result<bool> {
    text.parse().map_err(|_| anyhow!("is neither true nor false"))
}

fn log_filter(text: &str) -> anyhow::Result<String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.into()),
        Err(error) => bail!("is no log filter ({error}): use info or rollcall_http=debug,info"),
    }
}

fn log_format(text: &str) -> anyhow::Result<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => bail!("is neither text nor json"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(args: &ConfigArgs, environment: &[(&str, &str)]) -> Vec<String> {
        let get = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into())
        };
        Config::from_sources(args, &get).err().unwrap_or_default()
    }

    #[test]
    fn flags_win_over_the_environment() {
        let args = ConfigArgs { listen: Some("127.0.0.1:1".into()), ..ConfigArgs::default() };
        let environment = |name: &str| (name == "ROLLCALL_LISTEN").then(|| "127.0.0.1:2".into());
        let config = Config::from_sources(&args, &environment).unwrap();
        assert_eq!(config.listen.port(), 1);
    }

    /// Reads the configuration with this text as its file.
    fn with_file(
        name: &str,
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, Vec<String>> {
        let file = std::env::temp_dir().join(format!("rollcall-{name}-{}", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let args = ConfigArgs { config: Some(file.clone()), ..ConfigArgs::default() };
        let config = Config::from_sources(&args, environment);
        std::fs::remove_file(file).unwrap();
        config
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let environment = |name: &str| (name == "ROLLCALL_LISTEN").then(|| "127.0.0.1:2".into());
        let text = "listen = \"127.0.0.1:3\"\nbody_limit = 4096\n";
        let config = with_file("order", text, &environment).unwrap();
        assert_eq!((config.listen.port(), config.body_limit), (2, 4096));
    }

    #[test]
    fn all_that_is_wrong_with_a_file_is_told_at_once() {
        let text = "listn = 1\nlisten = \"x\"\nbody_limit = 1.5\npool_size = 0\n";
        let told = with_file("wrong", text, &|_| None).unwrap_err();
        assert_eq!(told.len(), 4, "{told:?}");
        for part in ["no setting `listn`", "`body_limit` is a", "`listen` in", "`pool_size` in"] {
            assert!(told.iter().any(|told| told.contains(part)), "{part}: {told:?}");
        }
    }

    #[test]
    fn a_file_that_is_no_toml_keeps_its_secrets() {
        // R-E-13
        for text in ["\nscim_token = \"hunter2", "\ndatabase_url = hunter2", "\na = \"hunter2\" x"]
        {
            let told = with_file("secret", text, &|_| None).unwrap_err().concat();
            assert!(told.contains("line 2") && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn empty_variables_count_as_unset() {
        let config = Config::from_sources(&ConfigArgs::default(), &|_| Some(String::new()));
        assert!(config.unwrap().database.is_none());
    }

    #[test]
    fn every_bad_value_is_told_with_its_source() {
        let args = ConfigArgs { listen: Some("nowhere".into()), ..ConfigArgs::default() };
        let told = problems(
            &args,
            &[
                ("ROLLCALL_SCIM_TOKEN", "short-secret"),
                ("DATABASE_URL", "mysql://root:hunter2@db"),
                ("ROLLCALL_PUBLIC_URL", "scim.example.com"),
            ],
        );
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].starts_with("environment variable DATABASE_URL: is no database URL"));
        assert!(told[1].starts_with("flag --listen: `nowhere` is no address"), "{}", told[1]);
        assert!(told[3].starts_with("environment variable ROLLCALL_SCIM_TOKEN: a token needs"));
        assert!(!told.concat().contains("hunter2") && !told.concat().contains("short-secret"));
    }

    #[test]
    fn settings_that_need_each_other_are_told() {
        for (given, expect) in [
            (&[("ROLLCALL_TLS_CERT", "a")][..], "ROLLCALL_TLS_CERT: needs `tls_key`"),
            (&[("ROLLCALL_TLS_KEY", "a")], "ROLLCALL_TLS_KEY: needs `tls_cert`"),
            (&[("ROLLCALL_TLS_CLIENT_CA", "a")], "needs `tls_cert` and `tls_key`"),
            (&[("ROLLCALL_ADMIN_OIDC_ISSUER", "https://x.test")], "needs `admin_oidc_audience`"),
            (&[("ROLLCALL_ADMIN_OIDC_AUDIENCE", "a")], "needs `admin_oidc_issuer`"),
            (&[("ROLLCALL_ADMIN_OIDC_ISSUER", "http://x.test")], "is no issuer"),
            (&[("ROLLCALL_FETCH_PRIVATE", "10.0.0.1")], "ROLLCALL_FETCH_PRIVATE"),
        ] {
            let told = problems(&ConfigArgs::default(), given);
            assert_eq!(told.len(), 1, "{given:?}: {told:?}");
            assert!(told.concat().contains(expect), "{given:?}: {told:?}");
        }
        let whole = [
            ("ROLLCALL_TLS_CERT", "a"),
            ("ROLLCALL_TLS_KEY", "b"),
            ("ROLLCALL_ADMIN_OIDC_ISSUER", "https://x.test/"),
            ("ROLLCALL_ADMIN_OIDC_AUDIENCE", "rollcall"),
            ("ROLLCALL_FETCH_PRIVATE", "http://127.0.0.1:9000, https://10.0.0.1"),
        ];
        assert_eq!(problems(&ConfigArgs::default(), &whole), Vec::<String>::new());
    }

    #[test]
    fn database_urls() {
        let path = |text: &str| match database_url(text) {
            Ok(DatabaseUrl::Sqlite(path)) => path.display().to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(path("sqlite:./a b.db"), "./a b.db");
        assert_eq!(path("sqlite:///a.db"), "/a.db");
        for bad in ["sqlite:", "sqlite::memory:", "a.db", "mysql://x"] {
            assert!(database_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_database_url_is_read_whole() {
        let url = |text| database_url(text).map(|url| format!("{url:?}"));
        assert_eq!(url("postgres://u:p@h:5432/x").unwrap(), "postgres://…");
        for bad in ["postgres://u:hunter2@h:99999/x", "postgres://u:p@hunter2@h/x", "sqlite:", "x"]
        {
            let told = url(bad).unwrap_err().to_string();
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn what_may_be_a_password_is_not_repeated() {
        for (name, value) in [
            ("ROLLCALL_ADMIN_OIDC_ISSUER", "https://u:hunter2@idp.example"),
            ("ROLLCALL_FETCH_PRIVATE", "https://u:hunter2@idp.example"),
            ("ROLLCALL_FETCH_PRIVATE", "https://a.example,u:hunter2@idp.example"),
            ("ROLLCALL_PUBLIC_URL", "https://u:hunter2@scim.example"),
            ("ROLLCALL_TRUSTED_PROXIES", "10.0.0.1,http://u:hunter2@proxy"),
            ("ROLLCALL_LISTEN", "u:hunter2@127.0.0.1:80"),
        ] {
            let told = problems(&ConfigArgs::default(), &[(name, value)]).join("\n");
            assert!(told.contains(name), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
        // What can't be one is.
        let told = problems(&ConfigArgs::default(), &[("ROLLCALL_FETCH_PRIVATE", "idp")]);
        assert!(told.iter().any(|told| told.contains("`idp`")), "{told:?}");
    }

    #[test]
    fn public_urls_and_mounts() {
        assert_eq!(public_url("https://x.test/").unwrap(), "https://x.test");
        assert_eq!(public_url("http://127.0.0.1:8080/a").unwrap(), "http://127.0.0.1:8080/a");
        for bad in ["x.test", "ftp://x", "https://", "https:///a", "https://u:p@x", "https://x?q"] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
        assert_eq!(mount("/api/auth/").unwrap(), "/api/auth");
        assert!(mount("api").is_err() && mount("/a b").is_err());
    }
}
