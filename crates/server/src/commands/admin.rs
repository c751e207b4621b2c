//! `rollcall admin`: who may use the admin API.

use anyhow::anyhow;
use rollcall_domain::{Caller, NewAdminKey};

use super::print::{print, print_rows, with};
use super::{admin_url, place, place::told};
use crate::backend::Backend;
use crate::cli::{AdminArgs, AdminCommand, AdminKeyCommand, NewKeyArgs};
use crate::config::Config;

pub(crate) async fn run(args: AdminArgs) -> anyhow::Result<()> {
    let AdminCommand::Key { command } = args.command;
    match command {
        AdminKeyCommand::Create(args) => create(*args).await?,
        AdminKeyCommand::List { config, output } => {
            let admin = Backend::open_existing(&Config::read(&config)?).await?.admin();
            let list = place::all(async |page| admin.admin_keys(&Caller::CLI, page).await);
            let none = "no admin keys yet: `rollcall admin key create` makes one";
            print_rows(list.await?.iter().map(|key| key.shown()), output, none)?;
        }
        AdminKeyCommand::Show { config, key, output } => {
            let admin = Backend::open_existing(&Config::read(&config)?).await?.admin();
            let found = told(admin.admin_key(&Caller::CLI, key).await)?;
            print(&found.shown(), output, "")?;
        }
        AdminKeyCommand::Revoke { config, key, output } => {
            let admin = Backend::open_existing(&Config::read(&config)?).await?.admin();
            let ended = told(admin.revoke_admin_key(&Caller::CLI, key, None).await)?;
            print(&ended.shown(), output, "It has ended.")?;
        }
    }
    Ok(())
}

async fn create(args: NewKeyArgs) -> anyhow::Result<()> {
    let config = Config::read(&args.config)?;
    let subject = args.subject.map(|subject| {
        let issuer = config.sign_in.as_ref().map(|sign_in| sign_in.issuer.clone());
        issuer.map(|issuer| (issuer, subject)).ok_or_else(|| {
            anyhow!(
                "--subject is one of an issuer: give --admin-oidc-issuer and \
                 --admin-oidc-audience, or set them where the server has its settings"
            )
        })
    });
    let subject = subject.transpose()?;
    let backend = Backend::open(&config).await?;
    let organization = match &args.organization {
        Some(text) => Some(place::organization(&backend, text).await?.id),
        None => None,
    };
    let new = NewAdminKey {
        name: args.name,
        role: args.role,
        organization,
        expires: args.expires,
        subject,
    };
    let minted = told(backend.admin().create_admin_key(&Caller::CLI, &new).await)?;
    let note = match minted.secret {
        Some(_) => "The key is shown this once.",
        None => "Its holder signs in with tokens of the issuer.",
    };
    let shown = with(minted.shown(), [("adminUrl", admin_url(&config).into())]);
    print(&shown, args.output, note)
}
