//! `rollcall connection`: the IdP directories of organizations.

use rollcall_domain::{
    Caller, Check, CheckOutcome, Configured, Connection, FirstToken, NewConnection, Organization,
    People,
};
use serde_json::Value;

use super::print::{brief, print, print_rows, with};
use super::work::{Wait, see_through};
use super::{base_path, base_url, configure, place, place::told, warn_without_public_url};
use crate::backend::Backend;
use crate::cli::{
    ConnectionArgs, ConnectionCommand, DeleteArgs, NewConnectionArgs, OneConnection, WhichPeople,
};
use crate::config::Config;

pub(crate) async fn run(args: ConnectionArgs) -> anyhow::Result<()> {
    match args.command {
        ConnectionCommand::Create(args) => create(args).await?,
        ConnectionCommand::List { config, organization, output } => {
            let config = Config::read(&config)?;
            let backend = Backend::open_existing(&config).await?;
            let of = match organization {
                Some(text) => Some(place::organization(&backend, &text).await?.id),
                None => None,
            };
            let admin = backend.admin();
            let list = place::all(async |page| admin.connections(&Caller::CLI, of, page).await);
            let rows: Vec<Value> = list
                .await?
                .iter()
                .map(|(organization, connection)| {
                    Ok(brief(shown(&config, organization, connection)?, output))
                })
                .collect::<anyhow::Result<_>>()?;
            warn_without_public_url(&config);
            let none = "no connections yet: `rollcall connection create` makes one";
            print_rows(rows.into_iter(), output, none)?;
        }
        ConnectionCommand::Show(OneConnection { config, connection, output }) => {
            let config = Config::read(&config)?;
            let backend = Backend::open_existing(&config).await?;
            let found = backend.admin().connection(&Caller::CLI, connection).await;
            let (organization, connection) = told(found)?;
            print(&shown(&config, &organization, &connection)?, output, "")?;
        }
        ConnectionCommand::Configure(args) => configure::run(args).await?,
        ConnectionCommand::Status(OneConnection { config, connection, output }) => {
            let config = Config::read(&config)?;
            let backend = Backend::open_existing(&config).await?;
            let status = told(backend.admin().status(&Caller::CLI, connection).await)?;
            print(&status.shown()?, output, "")?;
            passed(&status.checks)?;
        }
        ConnectionCommand::Validate(OneConnection { config, connection, output }) => {
            let config = Config::read(&config)?;
            let backend = Backend::open_existing(&config).await?;
            let admin = backend.admin_that_fetches(&config);
            let base = base_url(&config, connection);
            warn_without_public_url(&config);
            let found = told(admin.validate(&Caller::CLI, connection, Some(&base)).await)?;
            print(&found.shown()?, output, "")?;
            passed(&found.checks)?;
        }
        ConnectionCommand::Delete(args) => delete(args).await?,
    }
    Ok(())
}

/// Fails where a check did, so that scripts needn't read what was printed.
fn passed(checks: &[Check]) -> anyhow::Result<()> {
    let failed = checks.iter().filter(|check| check.outcome == CheckOutcome::Fail);
    let failed: Vec<_> = failed.map(|check| check.name).collect();
    if failed.is_empty() {
        return Ok(());
    }
    anyhow::bail!("{} of {} checks failed: {}", failed.len(), checks.len(), failed.join(", "))
}

async fn create(args: NewConnectionArgs) -> anyhow::Result<()> {
    let settings = configure::change_of(&args.change)?;
    let token = if args.without_token { FirstToken::None } else { FirstToken::Plain };
    let new = NewConnection { idp: args.idp, settings, token };
    let config = Config::read(&args.config)?;
    let backend = Backend::open(&config).await?;
    let admin = backend.admin();
    let made = match args.organization.parse() {
        Ok(id) => admin.create_connection(&Caller::CLI, id, &new).await,
        Err(_) => admin.connect(&Caller::CLI, &args.organization, &new).await,
    };
    let made = told(made)?;
    warn_without_public_url(&config);
    let note = if made.minted.is_some() { "The token is shown this once." } else { "" };
    print(&brief(configured(&config, &made), args.output), args.output, note)
}

/// A connection that was made or set up, with where it is.
pub(super) fn configured(config: &Config, made: &Configured) -> Value {
    let id = made.connection.id;
    let places =
        [("basePath", base_path(config, id).into()), ("baseUrl", base_url(config, id).into())];
    with(made.shown(), places)
}

/// A connection with its organization and where it is.
fn shown(
    config: &Config,
    organization: &Organization,
    connection: &Connection,
) -> anyhow::Result<Value> {
    let more = [
        ("organization", organization.name.as_str().into()),
        ("dialect", connection.traffic.dialect.as_deref().into()),
        ("basePath", base_path(config, connection.id).into()),
        ("baseUrl", base_url(config, connection.id).into()),
    ];
    Ok(with(connection.shown()?, more))
}

async fn delete(args: DeleteArgs) -> anyhow::Result<()> {
    let people = match (args.people, args.to) {
        (WhichPeople::Keep, None) => People::Keep,
        (WhichPeople::Deactivate, None) => People::Deactivate,
        (WhichPeople::HandOver, Some(to)) => People::HandOver { to },
        (WhichPeople::HandOver, None) => anyhow::bail!("--to names who takes the people over"),
        (_, Some(_)) => anyhow::bail!("--to goes with `--people hand-over` alone"),
    };
    let backend = Backend::open_existing(&Config::read(&args.config)?).await?;
    let admin = backend.admin();
    if args.preview {
        let preview = admin.preview_removal(&Caller::CLI, args.connection, people).await;
        return print(&told(preview)?.shown(), args.output, "Nothing was done.");
    }
    let job = admin.remove_connection(&Caller::CLI, args.connection, people, None).await;
    see_through(&backend, told(job)?, Wait::unless(args.background), args.output).await
}
