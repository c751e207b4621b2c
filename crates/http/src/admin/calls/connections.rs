//! Connections: how they are set up, how they are, and their end.

use rollcall_domain::{Admin, ConnectionChange, NewConnection, People};

use super::super::ask::missing;
use super::{Answer, Ask, Fault, Undone};

pub(super) async fn list(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let organization = ask.organization()?;
    let listed = admin.connections(&ask.caller, Some(organization), &ask.page()?).await?;
    let mut items = Vec::new();
    for (_, connection) in &listed.items {
        items.push(connection.shown()?);
    }
    Ok(serde_json::json!({ "items": items, "next": listed.next }).into())
}

pub(super) async fn create(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let new: NewConnection = ask.body()?;
    let made = admin.create_connection(&ask.caller, ask.organization()?, &new).await?;
    Ok(made.shown().into())
}

pub(super) async fn get(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let (_, connection) = admin.connection(&ask.caller, ask.place()?).await?;
    Ok(connection.shown()?.into())
}

pub(super) async fn configure(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let change: ConnectionChange = ask.body()?;
    let configured = admin.configure(&ask.caller, ask.place()?, &change, ask.expect).await?;
    Ok(configured.shown().into())
}

pub(super) async fn delete(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let (place, people) = (ask.place()?, people(ask)?);
    let job = admin.remove_connection(&ask.caller, place, people, ask.expect).await?;
    Ok(job.shown().into())
}

pub(super) async fn removal(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let preview = admin.preview_removal(&ask.caller, ask.place()?, people(ask)?).await?;
    Ok(preview.shown().into())
}

pub(super) async fn status(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    Ok(admin.status(&ask.caller, ask.place()?).await?.shown()?.into())
}

pub(super) async fn validate(
    admin: &Admin,
    ask: &Ask,
    base_url: &(dyn Fn(&str) -> String + Sync),
) -> Result<Answer, Undone> {
    let place = ask.place()?;
    let base_url = base_url(&place.connection.to_string());
    let validation = admin.validate(&ask.caller, place, Some(&base_url)).await?;
    Ok(validation.shown()?.into())
}

/// What is to become of the people of a connection.
fn people(ask: &Ask) -> Result<People, Undone> {
    match (ask.parameter("people"), ask.parameter("to")) {
        (Some("keep"), None) => Ok(People::Keep),
        (Some("deactivate"), None) => Ok(People::Deactivate),
        (Some("handOver"), Some(to)) => {
            let to = to.parse().map_err(|_| missing("connection", to))?;
            Ok(People::HandOver { to })
        }
        (Some("handOver"), None) => {
            let detail = "`people=handOver` needs `to`: the connection that takes them over";
            Err(Fault::bad(detail).into())
        }
        _ => Err(Fault::bad("`to` goes with `people=handOver` alone").into()),
    }
}
