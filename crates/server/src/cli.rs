//! The command line.

mod admin;
mod connection;
mod organization;
mod schema;
mod token;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rollcall_domain::ConnectionId;

pub(crate) use admin::{AdminArgs, AdminCommand, AdminKeyCommand, NewKeyArgs};
pub(crate) use connection::{
    ChangeArgs, ConfigureArgs, ConnectionArgs, ConnectionCommand, DeleteArgs, NewConnectionArgs,
    WhichPeople,
};
pub(crate) use organization::{OrganizationArgs, OrganizationCommand};
pub(crate) use schema::{SchemaArgs, SchemaCommand};
pub(crate) use token::{NewTokenArgs, OneToken, TokenArgs, TokenCommand, WhichKind};

/// A self-hosted SCIM 2.0 provisioning server.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, after_help = "Example: rollcall dev")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a server to try things out, with its data in one directory.
    #[command(after_help = "Example: rollcall dev --data-dir ./rollcall-data\n\n\
        The first start makes an organization, a connection and an admin key, and prints the \
        token and the key once.\n\
        Later starts keep the data and print the command that makes another token.")]
    Dev(DevArgs),
    /// Start the server.
    #[command(
        after_help = "Example: rollcall serve --database-url postgres://rollcall@db/rollcall \\\n\
        \x20   --listen 0.0.0.0:8080 --public-url https://scim.example.com\n\n\
        Each setting comes from the file, then the environment (ROLLCALL_DATABASE_URL, …), then \
        flags; the later one counts.\nROLLCALL_SCIM_TOKEN (32 characters or more) opens the \
        connection `bootstrap` of the organization `default`.\nThe database is brought up to date \
        first."
    )]
    Serve(ConfigArgs),
    /// Check the configuration without starting anything.
    #[command(after_help = "Example: rollcall check --config /etc/rollcall.toml")]
    Check(ConfigArgs),
    /// Bring the database up to date.
    #[command(after_help = "Example: rollcall migrate --database-url postgres://owner@db/rollcall")]
    Migrate(ConfigArgs),
    /// Make, list, show, rename and delete organizations.
    #[command(
        after_help = "Example: rollcall organization list --database-url sqlite:./rollcall-data/rollcall.sqlite3"
    )]
    Organization(OrganizationArgs),
    /// Make, list, show, configure, check and delete connections.
    #[command(
        after_help = "Example: rollcall connection list --database-url sqlite:./rollcall-data/rollcall.sqlite3"
    )]
    Connection(ConnectionArgs),
    /// Add, list and remove schemas and resource types of a connection.
    #[command(
        after_help = "Example: rollcall schema add --database-url sqlite:./rollcall-data/rollcall.sqlite3 \\\n    \
        --connection conn_… --file ./badges.json"
    )]
    Schema(SchemaArgs),
    /// Make keys for the servers of one database.
    #[command(after_help = "Example: rollcall key create > /etc/rollcall/keys")]
    Key(KeyArgs),
    /// Make, list, show, rotate and revoke the credentials of a connection.
    #[command(
        after_help = "Example: rollcall token list --database-url sqlite:./rollcall-data/rollcall.sqlite3 \\\n    \
        --connection conn_…"
    )]
    Token(TokenArgs),
    /// Say who may use the admin API.
    #[command(
        after_help = "Example: rollcall admin key create --database-url sqlite:./rollcall-data/rollcall.sqlite3 \\\n    \
        --name ci --role operator"
    )]
    Admin(AdminArgs),
}

#[derive(Args, Debug)]
pub(crate) struct DevArgs {
    /// Where to listen. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,
    /// Where the data is kept; made on the first start.
    #[arg(long, default_value = "./rollcall-data")]
    pub(crate) data_dir: PathBuf,
}

/// One connection, and how what is asked of it is shown.
#[derive(Args, Debug)]
pub(crate) struct OneConnection {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The connection, as `rollcall connection list` shows it.
    #[arg(long)]
    pub(crate) connection: ConnectionId,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Settings as flags. What they mean is said once, in `settings.rs`.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ConfigArgs {
    /// A TOML file with settings [env: ROLLCALL_CONFIG]
    #[arg(long, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// sqlite:PATH or postgres://… [env: ROLLCALL_DATABASE_URL, DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// Where to listen [env: ROLLCALL_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// How clients reach the server: the beginning of every URL that it hands out
    /// [env: ROLLCALL_PUBLIC_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// A path in front of every SCIM path, such as /api/auth [env: ROLLCALL_MOUNT]
    #[arg(long, value_name = "PATH")]
    pub(crate) mount: Option<String>,
    /// A listener of its own for /metrics, /healthz and /readyz; without one /metrics is served on
    /// the main listener [env: ROLLCALL_METRICS_LISTEN]
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics_listen: Option<String>,
    /// The largest request body in bytes [env: ROLLCALL_BODY_LIMIT] [default: 1048576]
    #[arg(long, value_name = "BYTES")]
    pub(crate) body_limit: Option<String>,
    /// Whether discovery answers without a token: true or false
    /// [env: ROLLCALL_OPEN_DISCOVERY] [default: false]
    #[arg(long, value_name = "BOOL")]
    pub(crate) open_discovery: Option<String>,
    /// Connections to PostgreSQL [env: ROLLCALL_POOL_SIZE] [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) pool_size: Option<String>,
    /// A file with the keys that seal cursors and more: every server on a PostgreSQL database needs the same,
    /// and on SQLite it is made where there is none. ROLLCALL_KEY, which counts more, holds the keys
    /// themselves [env: ROLLCALL_KEY_FILE] [default: beside an SQLite database]
    #[arg(long, value_name = "PATH")]
    pub(crate) key_file: Option<String>,
    /// Requests a second that a connection may send, with a burst behind a colon, such as 100:500;
    /// what a connection sets for itself counts more [env: ROLLCALL_RATE_LIMIT] [default: none]
    #[arg(long, value_name = "RATE[:BURST]")]
    pub(crate) rate_limit: Option<String>,
    /// How many requests are worked on at once, half of them at most of one connection; others wait,
    /// and connections take turns [env: ROLLCALL_REQUESTS_AT_ONCE] [default: 64]
    #[arg(long, value_name = "N")]
    pub(crate) requests_at_once: Option<String>,
    /// Addresses of proxies whose X-Forwarded-For is believed, with commas between
    /// [env: ROLLCALL_TRUSTED_PROXIES]
    #[arg(long, value_name = "ADDRS")]
    pub(crate) trusted_proxies: Option<String>,
    /// A PEM file with the certificate of the server and those above it: then the server speaks TLS;
    /// it is read again when it changes [env: ROLLCALL_TLS_CERT]
    #[arg(long, value_name = "PATH")]
    pub(crate) tls_cert: Option<String>,
    /// A PEM file with the private key of that certificate [env: ROLLCALL_TLS_KEY]
    #[arg(long, value_name = "PATH")]
    pub(crate) tls_key: Option<String>,
    /// A PEM file with the authorities that client certificates must come from; without one any
    /// certificate is taken, and only its thumbprint counts [env: ROLLCALL_TLS_CLIENT_CA]
    #[arg(long, value_name = "PATH")]
    pub(crate) tls_client_ca: Option<String>,
    /// The OpenID Connect issuer whose tokens open the admin API, for the subjects of admin keys
    /// [env: ROLLCALL_ADMIN_OIDC_ISSUER]
    #[arg(long, value_name = "URL")]
    pub(crate) admin_oidc_issuer: Option<String>,
    /// The audience that those tokens must be for [env: ROLLCALL_ADMIN_OIDC_AUDIENCE]
    #[arg(long, value_name = "TEXT")]
    pub(crate) admin_oidc_audience: Option<String>,
    /// Origins with private addresses that keys of issuers may be fetched from, with commas between,
    /// such as http://127.0.0.1:9000 [env: ROLLCALL_FETCH_PRIVATE]
    #[arg(long, value_name = "ORIGINS")]
    pub(crate) fetch_private: Option<String>,
    /// How long requests in flight may take after SIGTERM
    /// [env: ROLLCALL_DRAIN_SECONDS] [default: 20]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain_seconds: Option<String>,
    /// What is logged, such as info or rollcall_http=debug [env: ROLLCALL_LOG] [default: info]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// text or json [env: ROLLCALL_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
}

/// How a command prints what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Print a new key. To rotate, put it on a line above the others: the first one seals, all of
    /// them open.
    #[command(after_help = "Example: rollcall key create > /etc/rollcall/keys")]
    Create,
}
