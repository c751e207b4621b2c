//! One module per command.

pub(crate) mod check;
pub(crate) mod configure;
pub(crate) mod connection;
pub(crate) mod dev;
pub(crate) mod key;
pub(crate) mod migrate;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod token;

use rollcall_domain::ConnectionId;

use crate::config::Config;

/// The path of a connection's SCIM base, behind the public URL.
fn base_path(config: &Config, connection: ConnectionId) -> String {
    format!("{}/connections/{connection}/scim/v2", config.mount)
}

/// The SCIM base URL of a connection, as an IdP gets it.
fn base_url(config: &Config, connection: ConnectionId) -> String {
    let origin = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    format!("{origin}{}", base_path(config, connection))
}

/// Says on standard error what a base URL was made of where nobody said it.
fn warn_without_public_url(config: &Config) {
    if config.public_url.is_none() {
        eprintln!(
            "note: no public URL is set, so the base URL names the listener; give --public-url"
        );
    }
}
