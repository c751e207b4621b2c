//! `rollcall token` on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use rollcall_domain::{ConnectionId, Scopes, TokenId};
use rollcall_schema::Instant;

use super::{ConfigArgs, OneConnection, Output};
use crate::moment::ending;

#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make one more credential; the others go on working.
    #[command(after_help = "Example: rollcall token create --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_… --name okta --expires 90d\n\n\
        Workload identity federation of Entra ID:\n  rollcall token create --database-url … --connection conn_… \\\n    \
        --kind trusted-issuer --issuer https://login.microsoftonline.com/<tenant>/v2.0 \\\n    \
        --subject <object id> --audience api://<app id> \\\n    \
        --jwks-uri https://login.microsoftonline.com/<tenant>/discovery/v2.0/keys")]
    Create(Box<NewTokenArgs>),
    /// List the credentials of a connection. Their secrets can't be shown again.
    #[command(after_help = "Example: rollcall token list --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --connection conn_…")]
    List(OneConnection),
    /// Show a credential: what it may do, when it ends and when it was used last.
    #[command(after_help = "Example: rollcall token show --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --token tok_…")]
    Show(OneToken),
    /// Start a rotation: make a credential like this one, and let both live until it is finished.
    #[command(after_help = "Example: rollcall token rotate --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --token tok_…\n\n\
        Then put the new one into the IdP, see it arrive with `rollcall token verify`, and end the \
        old one with `rollcall token finish`.")]
    Rotate {
        #[command(flatten)]
        config: ConfigArgs,
        /// The token that goes.
        #[arg(long)]
        token: TokenId,
        /// When the new one ends by itself: a time, or how long from now, such as 90d; without, it
        /// lives as long as the old one was made to.
        #[arg(long, value_name = "TIME|DAYS", value_parser = ending)]
        expires: Option<Instant>,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show whether the new credential of a rotation was seen, and whether the old one still is.
    #[command(after_help = "Example: rollcall token verify --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --token tok_…")]
    Verify {
        #[command(flatten)]
        config: ConfigArgs,
        /// The old token or the new one.
        #[arg(long)]
        token: TokenId,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Finish a rotation: the old credential ends; running servers follow within 2 seconds.
    #[command(after_help = "Example: rollcall token finish --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --token tok_…")]
    Finish {
        #[command(flatten)]
        config: ConfigArgs,
        /// The old token or the new one.
        #[arg(long)]
        token: TokenId,
        /// Finish it though nobody has come with the new one yet.
        #[arg(long)]
        force: bool,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// End a credential; running servers follow within 2 seconds.
    #[command(after_help = "Example: rollcall token revoke --database-url \
        sqlite:./rollcall-data/rollcall.sqlite3 \\\n    --token tok_…")]
    Revoke(OneToken),
}

/// One token, and how it is shown.
#[derive(Args, Debug)]
pub(crate) struct OneToken {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The token, as `rollcall token list` shows it.
    #[arg(long)]
    pub(crate) token: TokenId,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
pub(crate) struct NewTokenArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The connection, as `rollcall connection list` shows it.
    #[arg(long)]
    pub(crate) connection: ConnectionId,
    /// A name for people.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How its bearer proves to be the one.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) kind: WhichKind,
    /// users.read, users.write, groups.read, groups.write, or scim for all, with spaces between;
    /// without, everything.
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scope: Option<Scopes>,
    /// When it ends by itself: a time, or how long from now, such as 90d; without, never.
    #[arg(long, value_name = "TIME|DAYS", value_parser = ending)]
    pub(crate) expires: Option<Instant>,
    /// A JSON file with the public keys of the client (RFC 7517).
    #[arg(long, value_name = "PATH", required_if_eq("kind", "client-key"))]
    pub(crate) jwks: Option<PathBuf>,
    /// `iss` of the tokens that are trusted, exactly.
    #[arg(long, value_name = "URL", required_if_eq("kind", "trusted-issuer"))]
    pub(crate) issuer: Option<String>,
    /// `sub` of the tokens that are trusted, exactly.
    #[arg(long, value_name = "TEXT", required_if_eq("kind", "trusted-issuer"))]
    pub(crate) subject: Option<String>,
    /// `aud` of the tokens that are trusted, exactly.
    #[arg(long, value_name = "TEXT", required_if_eq("kind", "trusted-issuer"))]
    pub(crate) audience: Option<String>,
    /// Where the keys of the issuer are.
    #[arg(long, value_name = "URL", required_if_eq("kind", "trusted-issuer"))]
    pub(crate) jwks_uri: Option<String>,
    /// The client certificate that it is bound to: a PEM file, or its SHA-256 in base64url or in
    /// hexadecimal (RFC 8705).
    #[arg(long, value_name = "PATH|THUMBPRINT")]
    pub(crate) certificate: Option<String>,
    /// The userName or id of the user whose own token it is: it opens /Me alone.
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// How the bearer of a credential proves to be the one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhichKind {
    /// Sends the secret with every request.
    #[default]
    Bearer,
    /// Sends the secret to the token endpoint.
    ClientSecret,
    /// Signs assertions for the token endpoint with a key of its own.
    ClientKey,
    /// Comes with tokens of an issuer elsewhere.
    TrustedIssuer,
}
