//! `rollcall token`: the credentials of a connection.

use rollcall_domain::{Caller, Force, Minted, TokenKind};
use serde_json::Value;

use super::credential::new_token;
use super::print::{brief, print, print_rows, with};
use super::{base_url, place::told, token_endpoint, warn_without_public_url};
use crate::backend::Backend;
use crate::cli::{NewTokenArgs, OneConnection, OneToken, TokenArgs, TokenCommand};
use crate::config::Config;

pub(crate) async fn run(args: TokenArgs) -> anyhow::Result<()> {
    match args.command {
        TokenCommand::Create(args) => create(*args).await?,
        TokenCommand::List(OneConnection { config, connection, output }) => {
            let admin = Backend::open_existing(&Config::read(&config)?).await?.admin();
            let tokens = told(admin.tokens(&Caller::CLI, connection).await)?;
            let rows = tokens.iter().map(|token| brief(token.shown(), output));
            print_rows(rows, output, "no tokens: `rollcall token create` makes one")?;
        }
        TokenCommand::Show(OneToken { config, token, output }) => {
            let admin = Backend::open_existing(&Config::read(&config)?).await?.admin();
            let place = told(admin.place_of(&Caller::CLI, token).await)?;
            let found = told(admin.token(&Caller::CLI, place, token).await)?;
            print(&found.shown(), output, "")?;
        }
        TokenCommand::Rotate { config, token, expires, output } => {
            let config = Config::read(&config)?;
            let admin = Backend::open_existing(&config).await?.admin();
            let place = told(admin.place_of(&Caller::CLI, token).await)?;
            let minted = admin.start_rotation(&Caller::CLI, place, token, expires, None).await;
            let minted = told(minted)?;
            warn_without_public_url(&config);
            let note = format!(
                "The token is shown this once, and the old one goes on working. Put the new one \
                 into the IdP, then:\n  rollcall token verify --token {0}\n  \
                 rollcall token finish --token {0}",
                minted.token.id
            );
            print(&made(&config, &minted), output, &note)?;
        }
        TokenCommand::Verify { config, token, output } => {
            let admin = Backend::open_existing(&Config::read(&config)?).await?.admin();
            let place = told(admin.place_of(&Caller::CLI, token).await)?;
            let rotation = told(admin.rotation(&Caller::CLI, place, token).await)?;
            let note = match (rotation.is_verified(), rotation.old_in_use()) {
                (false, _) => "Nobody has come with the new token yet.",
                (true, true) => {
                    "The new token was seen. The old one was too, since the new one was made: see \
                     whether everything has it that should."
                }
                (true, false) => {
                    "The new token was seen: `rollcall token finish` ends the old one."
                }
            };
            print(&rotation.shown(), output, note)?;
        }
        TokenCommand::Finish { config, token, force, output } => {
            let admin = Backend::open_existing(&Config::read(&config)?).await?.admin();
            let place = told(admin.place_of(&Caller::CLI, token).await)?;
            let force = if force { Force::Yes } else { Force::No };
            let finished = admin.finish_rotation(&Caller::CLI, place, token, force).await;
            let note = "The old token has ended; running servers follow within 2 seconds.";
            print(&told(finished)?.shown(), output, note)?;
        }
        TokenCommand::Revoke(OneToken { config, token, output }) => {
            let admin = Backend::open_existing(&Config::read(&config)?).await?.admin();
            let place = told(admin.place_of(&Caller::CLI, token).await)?;
            let ended = told(admin.revoke(&Caller::CLI, place, token, None).await)?;
            let note = "It has ended; running servers follow within 2 seconds.";
            print(&ended.shown(), output, note)?;
        }
    }
    Ok(())
}

async fn create(args: NewTokenArgs) -> anyhow::Result<()> {
    let new = new_token(&args)?;
    let config = Config::read(&args.config)?;
    let admin = Backend::open_existing(&config).await?.admin_that_fetches(&config);
    let minted = told(admin.mint(&Caller::CLI, args.connection, &new).await)?;
    warn_without_public_url(&config);
    let note = match minted.secret {
        Some(_) => "The token is shown this once. The others go on working.",
        None => "There is no secret of ours to it. The others go on working.",
    };
    print(&made(&config, &minted), args.output, note)
}

/// A credential that was just made, with where its bearer goes.
fn made(config: &Config, minted: &Minted) -> Value {
    let connection = minted.token.connection;
    let shown = with(minted.shown(), [("baseUrl", base_url(config, connection).into())]);
    match minted.token.kind {
        TokenKind::Bearer => shown,
        _ => with(shown, [("tokenEndpoint", token_endpoint(config, connection).into())]),
    }
}
