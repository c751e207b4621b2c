//! `rollcall schema` on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rollcall_domain::ConnectionId;

use super::{ConfigArgs, OneConnection, Output};

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
    List(OneConnection),
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
