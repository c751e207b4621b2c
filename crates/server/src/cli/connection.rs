//! `rollcall connection` on the command line.

use clap::{Args, Subcommand, ValueEnum};
use rollcall_domain::{ConnectionId, IdpKind, Status};

use super::{ConfigArgs, OneConnection, Output};

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
    Create(NewConnectionArgs),
    /// List the connections.
    #[command(after_help = "Example: rollcall connection list --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 --output json")]
    List {
        #[command(flatten)]
        config: ConfigArgs,
        /// The name or id of an organization: its connections alone.
        #[arg(long, value_name = "NAME|ID")]
        organization: Option<String>,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show how a connection is set up and what its traffic speaks.
    #[command(after_help = "Example: rollcall connection show --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_… --output json")]
    Show(OneConnection),
    /// Change how a connection is set up; running servers follow within 2 seconds. Tokens stay.
    #[command(after_help = "Example: rollcall connection configure --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_… --profile entra \
        --capability bulk=off --limit rate=100:500\n\n\
        Profiles, switches, capabilities and limits are described one by one in docs/profiles.md, \
        statuses in docs/operating.md.")]
    Configure(ConfigureArgs),
    /// Show whether a connection is ready, and what was seen of its IdP.
    #[command(after_help = "Example: rollcall connection status --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_…\n\n\
        The exit code is 1 when a check fails, and 0 when there are warnings alone.")]
    Status(OneConnection),
    /// Look at a connection closely, and say what would mend it.
    #[command(after_help = "Example: rollcall connection validate --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_… --public-url https://scim.example.com\n\n\
        The exit code is 1 when a check fails, and 0 when there are warnings alone.")]
    Validate(OneConnection),
    /// Delete a connection, having said what becomes of its people. Nothing can be taken back.
    #[command(after_help = "Example: rollcall connection delete --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_… --people deactivate --preview\n\n\
        With --preview nothing is done. Without, nobody gets in from now on, and the command works \
        until every resource is dealt with; what stops in between is taken up again by a server.")]
    Delete(DeleteArgs),
}

#[derive(Args, Debug)]
pub(crate) struct NewConnectionArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The name of the organization, or the id of one that is there.
    #[arg(long, value_name = "NAME|ID")]
    pub(crate) organization: String,
    /// okta, entra, google, onelogin, jumpcloud, ping, cyberark, rippling, or generic for every
    /// other client.
    #[arg(long, default_value = "generic")]
    pub(crate) idp: IdpKind,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Make no token.
    #[arg(long)]
    pub(crate) without_token: bool,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigureArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The connection, as `rollcall connection list` shows it.
    #[arg(long)]
    pub(crate) connection: ConnectionId,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// How a connection is set up.
#[derive(Args, Debug, Default)]
pub(crate) struct ChangeArgs {
    /// A name for people, which no other connection of the organization may have.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// draft, observe, active, paused or disabled.
    #[arg(long)]
    pub(crate) status: Option<Status>,
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
    /// After how long without a request an alarm is raised, such as 48h or 14d; default is a week.
    #[arg(long, value_name = "TIME|default")]
    pub(crate) quiet_after: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The connection, as `rollcall connection list` shows it.
    #[arg(long)]
    pub(crate) connection: ConnectionId,
    /// What becomes of its people.
    #[arg(long, value_enum)]
    pub(crate) people: WhichPeople,
    /// The connection that takes them over, of the same organization.
    #[arg(long, value_name = "CONNECTION", required_if_eq("people", "hand-over"))]
    pub(crate) to: Option<ConnectionId>,
    /// Only show what would become of them.
    #[arg(long, conflicts_with = "background")]
    pub(crate) preview: bool,
    /// Leave the work to a running server, and don't wait.
    #[arg(long)]
    pub(crate) background: bool,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// What becomes of the people of a connection that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhichPeople {
    /// They keep their access, and no IdP speaks for them any more.
    Keep,
    /// Every user is deactivated.
    Deactivate,
    /// Another connection of the organization takes them over as they are.
    HandOver,
}
