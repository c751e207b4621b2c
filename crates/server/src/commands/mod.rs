//! One module per command.

pub(crate) mod admin;
pub(crate) mod check;
mod configure;
pub(crate) mod connection;
mod credential;
pub(crate) mod dev;
pub(crate) mod key;
pub(crate) mod migrate;
pub(crate) mod organization;
mod place;
mod print;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod token;
mod work;

use rollcall_domain::ConnectionId;

use crate::config::Config;

/// The path of a connection's SCIM base, behind the public URL.
fn base_path(config: &Config, connection: ConnectionId) -> String {
    format!("{}/connections/{connection}/scim/v2", config.mount)
}

/// The SCIM base URL of a connection, as an IdP gets it.
fn base_url(config: &Config, connection: ConnectionId) -> String {
    format!("{}{}", origin(config), base_path(config, connection))
}

/// Where a connection grants access tokens (RFC 6749 §3.2).
fn token_endpoint(config: &Config, connection: ConnectionId) -> String {
    format!("{}{}/connections/{connection}/oauth/token", origin(config), config.mount)
}

/// The URL of the admin API.
fn admin_url(config: &Config) -> String {
    format!("{}/api/v1", origin(config))
}

fn origin(config: &Config) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    config.public_url.clone().unwrap_or_else(|| format!("{scheme}://{}", config.listen))
}

/// Says on standard error what a base URL was made of where nobody said it.
fn warn_without_public_url(config: &Config) {
    if config.public_url.is_none() {
        eprintln!(
            "note: no public URL is set, so the base URL names the listener; give --public-url"
        );
    }
}
