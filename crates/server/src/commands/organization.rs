//! `rollcall organization`: the customers of the SaaS.

use rollcall_domain::{Caller, OrganizationChange};

use super::print::{print, print_rows};
use super::work::{Wait, see_through};
use super::{place, place::told};
use crate::backend::Backend;
use crate::cli::{OrganizationArgs, OrganizationCommand};
use crate::config::Config;

pub(crate) async fn run(args: OrganizationArgs) -> anyhow::Result<()> {
    match args.command {
        OrganizationCommand::Create { config, name, output } => {
            let backend = Backend::open(&Config::read(&config)?).await?;
            let made = told(backend.admin().create_organization(&Caller::CLI, &name).await)?;
            print(&made.shown(), output, "")?;
        }
        OrganizationCommand::List { config, output } => {
            let backend = Backend::open_existing(&Config::read(&config)?).await?;
            let admin = backend.admin();
            let list = place::all(async |page| admin.organizations(&Caller::CLI, page).await);
            let rows = list.await?;
            let none = "no organizations yet: `rollcall organization create` makes one";
            print_rows(rows.iter().map(|one| one.shown()), output, none)?;
        }
        OrganizationCommand::Show { config, organization, output } => {
            let backend = Backend::open_existing(&Config::read(&config)?).await?;
            let found = place::organization(&backend, &organization).await?;
            print(&found.shown(), output, "")?;
        }
        OrganizationCommand::Rename { config, organization, name, output } => {
            let backend = Backend::open_existing(&Config::read(&config)?).await?;
            let found = place::organization(&backend, &organization).await?;
            let change = OrganizationChange { name: Some(name) };
            let (admin, at) = (backend.admin(), Some(found.revision));
            let changed = admin.change_organization(&Caller::CLI, found.id, &change, at).await;
            print(&told(changed)?.shown(), output, "")?;
        }
        OrganizationCommand::Delete { config, organization, background, output } => {
            let backend = Backend::open_existing(&Config::read(&config)?).await?;
            let found = place::organization(&backend, &organization).await?;
            let admin = backend.admin();
            let job = admin.delete_organization(&Caller::CLI, found.id, Some(found.revision));
            let job = told(job.await)?;
            see_through(&backend, job, Wait::unless(background), output).await?;
        }
    }
    Ok(())
}
