//! `rollcall token`: the credentials of a connection.

use serde_json::json;

use super::connection::{print, print_rows};
use super::{base_url, warn_without_public_url};
use crate::backend::Backend;
use crate::cli::{TokenArgs, TokenCommand};
use crate::config::Config;

pub(crate) async fn run(args: TokenArgs) -> anyhow::Result<()> {
    match args.command {
        TokenCommand::Create { config, connection, user, output } => {
            let config = Config::read(&config)?;
            let connections = Backend::open_existing(&config).await?.connections();
            let minted = match &user {
                Some(user) => connections.mint_for(connection, user).await?,
                None => connections.mint(connection).await?,
            };
            warn_without_public_url(&config);
            let made = json!({
                "tokenId": minted.token.id.to_string(),
                "connectionId": connection.to_string(),
                "baseUrl": base_url(&config, connection),
                "token": minted.secret.reveal(),
            });
            print(&made, output, "The token is shown this once. The others go on working.")?;
        }
        TokenCommand::List { config, connection, output } => {
            let config = Config::read(&config)?;
            let tokens =
                Backend::open_existing(&config).await?.connections().tokens(connection).await?;
            let rows = tokens.iter().map(|token| {
                json!({
                    "tokenId": token.id.to_string(),
                    "name": token.name,
                    "user": token.subject.map(|id| id.to_string()),
                    "created": token.created.to_string(),
                    "revoked": token.revoked.map(|at| at.to_string()),
                })
            });
            print_rows(rows, output, "no tokens: `rollcall token create` makes one")?;
        }
        TokenCommand::Revoke { config, token } => {
            let config = Config::read(&config)?;
            Backend::open_existing(&config).await?.connections().revoke(token).await?;
            println!("{token} has ended; running servers follow within 2 seconds");
        }
    }
    Ok(())
}
