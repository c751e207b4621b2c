//! `rollcall admin` on the command line.

use clap::{Args, Subcommand};
use rollcall_domain::{AdminKeyId, Role};
use rollcall_schema::Instant;

use super::{ConfigArgs, Output};
use crate::moment::ending;

#[derive(Args, Debug)]
pub(crate) struct AdminArgs {
    #[command(subcommand)]
    pub(crate) command: AdminCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Make, list, show and revoke the keys of the admin API.
    #[command(
        after_help = "Example: rollcall admin key list --database-url sqlite:./rollcall-data/rollcall.sqlite3"
    )]
    Key {
        #[command(subcommand)]
        command: AdminKeyCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminKeyCommand {
    /// Make an admin key and print it once.
    #[command(after_help = "Example: rollcall admin key create --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --name ci --role operator --expires 365d")]
    Create(Box<NewKeyArgs>),
    /// List the admin keys. Their secrets can't be shown again.
    #[command(after_help = "Example: rollcall admin key list --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 --output json")]
    List {
        #[command(flatten)]
        config: ConfigArgs,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show an admin key: its role, when it ends and when it was used last.
    #[command(after_help = "Example: rollcall admin key show --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 --key adm_…")]
    Show {
        #[command(flatten)]
        config: ConfigArgs,
        /// The key, as `rollcall admin key list` shows it.
        #[arg(long)]
        key: AdminKeyId,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// End an admin key, at once.
    #[command(after_help = "Example: rollcall admin key revoke --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 --key adm_…")]
    Revoke {
        #[command(flatten)]
        config: ConfigArgs,
        /// The key, as `rollcall admin key list` shows it.
        #[arg(long)]
        key: AdminKeyId,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

#[derive(Args, Debug)]
pub(crate) struct NewKeyArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// A name for people.
    #[arg(long)]
    pub(crate) name: String,
    /// owner, operator or read-only.
    #[arg(long)]
    pub(crate) role: Role,
    /// The name or id of the one organization that it is for; without, it is for all.
    #[arg(long, value_name = "NAME|ID")]
    pub(crate) organization: Option<String>,
    /// When it ends by itself: a time, or how long from now, such as 365d; without, never.
    #[arg(long, value_name = "TIME|DAYS", value_parser = ending)]
    pub(crate) expires: Option<Instant>,
    /// The subject of the issuer in `admin_oidc_issuer` who signs in instead of sending a key.
    #[arg(long, value_name = "SUB")]
    pub(crate) subject: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}
