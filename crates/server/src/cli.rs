//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rollcall_domain::{ConnectionId, IdpKind, TokenId};

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
        The first start makes an organization and a connection and prints its token once.\n\
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
    /// Make and list connections.
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
    /// Make, list and revoke the tokens of a connection.
    #[command(
        after_help = "Example: rollcall token list --database-url sqlite:./rollcall-data/rollcall.sqlite3 \\\n    \
        --connection conn_…"
    )]
    Token(TokenArgs),
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
    /// A file with the keys that seal cursors: every server on a PostgreSQL database needs the same,
    /// and on SQLite it is made where there is none. ROLLCALL_KEY, which counts more, holds the keys
    /// themselves [env: ROLLCALL_KEY_FILE] [default: beside an SQLite database]
    #[arg(long, value_name = "PATH")]
    pub(crate) key_file: Option<String>,
    /// Requests a second that a connection may send, with a burst behind a colon, such as 100:500;
    /// what a connection sets for itself counts more [env: ROLLCALL_RATE_LIMIT] [default: none]
    #[arg(long, value_name = "RATE[:BURST]")]
    pub(crate) rate_limit: Option<String>,
    /// Addresses of proxies whose X-Forwarded-For is believed, with commas between
    /// [env: ROLLCALL_TRUSTED_PROXIES]
    #[arg(long, value_name = "ADDRS")]
    pub(crate) trusted_proxies: Option<String>,
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
pub(crate) struct ConnectionArgs {
    #[command(subcommand)]
    pub(crate) command: ConnectionCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionCommand {
    /// Make a connection and print its base URL and token; the organization too, if it is new.
    #[command(after_help = "Example: rollcall connection create --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --organization Acme --idp okta --output json")]
    Create {
        #[command(flatten)]
        config: ConfigArgs,
        /// The name of the organization.
        #[arg(long)]
        organization: String,
        /// okta, entra, google, onelogin, jumpcloud, ping, cyberark, rippling, or generic for every
        /// other client.
        #[arg(long, default_value = "generic")]
        idp: IdpKind,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// List the connections.
    #[command(after_help = "Example: rollcall connection list --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 --output json")]
    List {
        #[command(flatten)]
        config: ConfigArgs,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show how a connection is set up and what its traffic speaks.
    #[command(after_help = "Example: rollcall connection show --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_… --output json")]
    Show {
        #[command(flatten)]
        config: ConfigArgs,
        /// The connection, as `rollcall connection list` shows it.
        #[arg(long)]
        connection: ConnectionId,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Change how a connection is set up; running servers follow within 2 seconds. Tokens stay.
    #[command(after_help = "Example: rollcall connection configure --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_… --profile entra \
        --capability bulk=off --limit rate=100:500\n\n\
        Profiles, switches, capabilities and limits are described one by one in docs/profiles.md.")]
    Configure(ConfigureArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ConfigureArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The connection, as `rollcall connection list` shows it.
    #[arg(long)]
    pub(crate) connection: ConnectionId,
    /// generic, okta, entra, jumpcloud or strict; default goes by the kind of IdP.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// A switch of the profile, such as stringBooleans=off; default takes what the profile says.
    /// Like --capability and --limit it may be given several times.
    #[arg(long = "switch", value_name = "NAME=on|off|default")]
    pub(crate) switches: Vec<String>,
    /// bulk, asynchronous, cursor, etag, filter, patch or sort; default is on.
    #[arg(long = "capability", value_name = "NAME=on|off|default")]
    pub(crate) capabilities: Vec<String>,
    /// maxRequestSize, bulkOperations, bulkPayload, pageDefault, pageMax or rate (100:500).
    #[arg(long = "limit", value_name = "NAME=VALUE|default")]
    pub(crate) limits: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
pub(crate) struct SchemaArgs {
    #[command(subcommand)]
    pub(crate) command: SchemaCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Add definitions, or change those that are there without taking anything away.
    #[command(after_help = "Example: rollcall schema add --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_… --pack roles\n\n\
        A file holds a schema or a resource type as RFC 7643 §6 and §7 have them, a list of both, \
        or {\"schemas\": […], \"resourceTypes\": […], \"extensions\": […]}.")]
    Add {
        #[command(flatten)]
        config: ConfigArgs,
        /// The connection, as `rollcall connection list` shows it.
        #[arg(long)]
        connection: ConnectionId,
        /// A JSON file with definitions; - reads standard input.
        #[arg(
            long,
            value_name = "PATH",
            required_unless_present = "pack",
            conflicts_with = "pack"
        )]
        file: Option<PathBuf>,
        /// Definitions that come with the program; `rollcall schema packs` names them.
        #[arg(long, value_name = "NAME")]
        pack: Option<String>,
    },
    /// List what was added, and how far its indexes are.
    #[command(after_help = "Example: rollcall schema list --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 --connection conn_…")]
    List {
        #[command(flatten)]
        config: ConfigArgs,
        /// The connection, as `rollcall connection list` shows it.
        #[arg(long)]
        connection: ConnectionId,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Remove a schema by its URN, or a resource type by its name, that no resource uses.
    #[command(after_help = "Example: rollcall schema remove --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_… Badge")]
    Remove {
        #[command(flatten)]
        config: ConfigArgs,
        /// The connection, as `rollcall connection list` shows it.
        #[arg(long)]
        connection: ConnectionId,
        /// The URN or the name.
        name: String,
    },
    /// List the definitions that come with the program.
    #[command(after_help = "Example: rollcall schema packs")]
    Packs {
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
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

#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make one more token; the others go on working.
    #[command(after_help = "Example: rollcall token create --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_…")]
    Create {
        #[command(flatten)]
        config: ConfigArgs,
        /// The connection, as `rollcall connection list` shows it.
        #[arg(long)]
        connection: ConnectionId,
        /// The userName or id of the user whose own token it is: it opens /Me alone.
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// List the tokens of a connection. Their secrets can't be shown again.
    #[command(after_help = "Example: rollcall token list --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_…")]
    List {
        #[command(flatten)]
        config: ConfigArgs,
        /// The connection, as `rollcall connection list` shows it.
        #[arg(long)]
        connection: ConnectionId,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// End a token; running servers follow within 2 seconds.
    #[command(after_help = "Example: rollcall token revoke --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --token tok_…")]
    Revoke {
        #[command(flatten)]
        config: ConfigArgs,
        /// The token, as `rollcall token list` shows it.
        #[arg(long)]
        token: TokenId,
    },
}
