//! Where each setting comes from: file, then environment, then flags.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::cli::ConfigArgs;

/// A setting by its name in the file; `ROLLCALL_<NAME>` in the environment.
pub(crate) type Name = &'static str;

pub(crate) const DATABASE_URL: Name = "database_url";
pub(crate) const LISTEN: Name = "listen";
pub(crate) const PUBLIC_URL: Name = "public_url";
pub(crate) const MOUNT: Name = "mount";
pub(crate) const METRICS_LISTEN: Name = "metrics_listen";
pub(crate) const BODY_LIMIT: Name = "body_limit";
pub(crate) const OPEN_DISCOVERY: Name = "open_discovery";
pub(crate) const POOL_SIZE: Name = "pool_size";
pub(crate) const DRAIN_SECONDS: Name = "drain_seconds";
pub(crate) const LOG: Name = "log";
pub(crate) const LOG_FORMAT: Name = "log_format";
pub(crate) const SCIM_TOKEN: Name = "scim_token";
pub(crate) const KEY: Name = "key";
pub(crate) const KEY_FILE: Name = "key_file";
pub(crate) const RATE_LIMIT: Name = "rate_limit";
pub(crate) const REQUESTS_AT_ONCE: Name = "requests_at_once";
pub(crate) const TRUSTED_PROXIES: Name = "trusted_proxies";
pub(crate) const TLS_CERT: Name = "tls_cert";
pub(crate) const TLS_KEY: Name = "tls_key";
pub(crate) const TLS_CLIENT_CA: Name = "tls_client_ca";
pub(crate) const ADMIN_OIDC_ISSUER: Name = "admin_oidc_issuer";
pub(crate) const ADMIN_OIDC_AUDIENCE: Name = "admin_oidc_audience";
pub(crate) const FETCH_PRIVATE: Name = "fetch_private";

const ALL: [Name; 23] = [
    DATABASE_URL,
    LISTEN,
    PUBLIC_URL,
    MOUNT,
    METRICS_LISTEN,
    BODY_LIMIT,
    OPEN_DISCOVERY,
    POOL_SIZE,
    DRAIN_SECONDS,
    LOG,
    LOG_FORMAT,
    SCIM_TOKEN,
    KEY,
    KEY_FILE,
    RATE_LIMIT,
    REQUESTS_AT_ONCE,
    TRUSTED_PROXIES,
    TLS_CERT,
    TLS_KEY,
    TLS_CLIENT_CA,
    ADMIN_OIDC_ISSUER,
    ADMIN_OIDC_AUDIENCE,
    FETCH_PRIVATE,
];

/// Variables of the environment that no setting has: misspelt ones, most likely.
pub(crate) fn strangers(variables: impl Iterator<Item = String>) -> Vec<String> {
    // tidy: setting names
    let spelt = |name: &str| ALL.iter().any(|setting| setting.to_uppercase() == name);
    let known = |name: &str| name == "CONFIG" || spelt(name);
    let ours = |name: &String| name.strip_prefix("ROLLCALL_").is_some_and(|rest| !known(rest));
    variables.filter(ours).collect()
}

/// A value as it was given.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) text: String,
    pub(crate) source: Source,
}

/// Where a value came from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    File(PathBuf, Name),
    Environment(String),
    Flag(Name),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, name) => write!(f, "`{name}` in {}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag --{}", name.replace('_', "-")),
        }
    }
}

/// Every setting that was given, by the source that counts. An empty variable counts as unset.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(BTreeMap<Name, Given>);

impl Settings {
    /// Reads all sources, and tells what is wrong with the file.
    pub(crate) fn read(
        args: &ConfigArgs,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> (Self, Vec<String>) {
        let given = |name: &str| environment(name).filter(|text| !text.is_empty());
        let mut settings = Self::default();
        let file = args.config.clone().or_else(|| given("ROLLCALL_CONFIG").map(PathBuf::from));
        let problems = match file {
            Some(path) => settings.read_file(&path),
            None => Vec::new(),
        };
        settings.read_environment(&given);
        settings.read_flags(args);
        (settings, problems)
    }

    pub(crate) fn get(&self, name: Name) -> Option<&Given> {
        self.0.get(name)
    }

    fn read_file(&mut self, path: &Path) -> Vec<String> {
        let told = |problem: String| vec![format!("{}: {problem}", path.display())];
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return told(error.to_string()),
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => return told(said(&error, &text)),
        };
        table.into_iter().filter_map(|(key, value)| self.take(path, &key, value).err()).collect()
    }

    /// Takes one value of the file, or says what is wrong with it.
    fn take(&mut self, path: &Path, key: &str, value: toml::Value) -> Result<(), String> {
        let Some(name) = ALL.into_iter().find(|name| *name == key) else {
            let (path, all) = (path.display(), ALL.join(", "));
            return Err(format!("{path}: no setting `{key}`; there are {all}"));
        };
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            _ => {
                let path = path.display();
                return Err(format!("{path}: `{key}` is a text, a whole number or a truth value"));
            }
        };
        self.0.insert(name, Given { text, source: Source::File(path.into(), name) });
        Ok(())
    }

    fn read_environment(&mut self, given: &dyn Fn(&str) -> Option<String>) {
        let mut take = |name: Name, variable: String| {
            if let Some(text) = given(&variable) {
                self.0.insert(name, Given { text, source: Source::Environment(variable) });
            }
        };
        take(DATABASE_URL, "DATABASE_URL".into());
        for name in ALL {
            // tidy: setting names
            take(name, format!("ROLLCALL_{}", name.to_uppercase()));
        }
    }

    fn read_flags(&mut self, args: &ConfigArgs) {
        let flags = [
            (DATABASE_URL, &args.database_url),
            (LISTEN, &args.listen),
            (PUBLIC_URL, &args.public_url),
            (MOUNT, &args.mount),
            (METRICS_LISTEN, &args.metrics_listen),
            (BODY_LIMIT, &args.body_limit),
            (OPEN_DISCOVERY, &args.open_discovery),
            (POOL_SIZE, &args.pool_size),
            (DRAIN_SECONDS, &args.drain_seconds),
            (LOG, &args.log),
            (LOG_FORMAT, &args.log_format),
            (KEY_FILE, &args.key_file),
            (RATE_LIMIT, &args.rate_limit),
            (REQUESTS_AT_ONCE, &args.requests_at_once),
            (TRUSTED_PROXIES, &args.trusted_proxies),
            (TLS_CERT, &args.tls_cert),
            (TLS_KEY, &args.tls_key),
            (TLS_CLIENT_CA, &args.tls_client_ca),
            (ADMIN_OIDC_ISSUER, &args.admin_oidc_issuer),
            (ADMIN_OIDC_AUDIENCE, &args.admin_oidc_audience),
            (FETCH_PRIVATE, &args.fetch_private),
        ];
        for (name, value) in flags {
            if let Some(text) = value.clone() {
                self.0.insert(name, Given { text, source: Source::Flag(name) });
            }
        }
    }
}

/// What the parser says and where, but not the line itself, which may hold a secret.
fn said(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.split('\n').count();
    format!("line {line} is no TOML: {}", error.message())
}
