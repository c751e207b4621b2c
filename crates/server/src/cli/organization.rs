//! `rollcall organization` on the command line.

use clap::{Args, Subcommand};

use super::{ConfigArgs, Output};

#[derive(Args, Debug)]
pub(crate) struct OrganizationArgs {
    #[command(subcommand)]
    pub(crate) command: OrganizationCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Make an organization.
    #[command(after_help = "Example: rollcall organization create --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --name Acme")]
    Create {
        #[command(flatten)]
        config: ConfigArgs,
        /// Its name, which no other organization may have.
        #[arg(long)]
        name: String,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// List the organizations.
    #[command(after_help = "Example: rollcall organization list --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 --output json")]
    List {
        #[command(flatten)]
        config: ConfigArgs,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show an organization.
    #[command(after_help = "Example: rollcall organization show --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --organization Acme")]
    Show {
        #[command(flatten)]
        config: ConfigArgs,
        /// Its name or id.
        #[arg(long, value_name = "NAME|ID")]
        organization: String,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Give an organization another name.
    #[command(after_help = "Example: rollcall organization rename --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --organization Acme --name 'Acme Ltd'")]
    Rename {
        #[command(flatten)]
        config: ConfigArgs,
        /// Its present name, or its id.
        #[arg(long, value_name = "NAME|ID")]
        organization: String,
        /// Its name from now on.
        #[arg(long)]
        name: String,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Erase an organization with everything that it has, its log included. Its connections must
    /// have been deleted before. Nothing can be taken back.
    #[command(after_help = "Example: rollcall organization delete --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --organization Acme")]
    Delete {
        #[command(flatten)]
        config: ConfigArgs,
        /// Its name or id.
        #[arg(long, value_name = "NAME|ID")]
        organization: String,
        /// Leave the work to a running server, and don't wait.
        #[arg(long)]
        background: bool,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}
