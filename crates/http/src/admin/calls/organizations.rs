//! Organizations and their jobs.

use rollcall_domain::{Admin, Organization, OrganizationChange};
use serde::Deserialize;

use super::super::ask::missing;
use super::{Answer, Ask, Undone};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrganization {
    name: String,
}

pub(super) async fn list(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let listed = admin.organizations(&ask.caller, &ask.page()?).await?;
    Ok(listed.shown(Organization::shown).into())
}

pub(super) async fn create(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let NewOrganization { name } = ask.body()?;
    Ok(admin.create_organization(&ask.caller, &name).await?.shown().into())
}

pub(super) async fn get(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    Ok(admin.organization(&ask.caller, ask.organization()?).await?.shown().into())
}

pub(super) async fn change(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let change: OrganizationChange = ask.body()?;
    let id = ask.organization()?;
    let changed = admin.change_organization(&ask.caller, id, &change, ask.expect).await?;
    Ok(changed.shown().into())
}

pub(super) async fn delete(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let id = ask.organization()?;
    let job = admin.delete_organization(&ask.caller, id, ask.expect).await?;
    Ok(job.shown().into())
}

pub(super) async fn job(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let id = ask.id("job", "job")?;
    // A job of an organization that can't be named is not there.
    let organization = ask.organization().map_err(|_| missing("job", ask.part("job")))?;
    Ok(admin.job(&ask.caller, Some(organization), id).await?.shown().into())
}
