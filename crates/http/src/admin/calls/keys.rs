//! Admin keys.

use rollcall_domain::{Admin, AdminKey, AdminKeyId, NewAdminKey, OrganizationId, Role};
use rollcall_schema::Instant;
use serde::Deserialize;

use super::{Answer, Ask, Fault, Undone};

/// The longest subject of an issuer, in characters (OpenID Connect Core §2).
const LONGEST_SUBJECT: usize = 255;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct New {
    name: String,
    role: Role,
    organization_id: Option<OrganizationId>,
    expires: Option<Instant>,
    subject: Option<String>,
}

pub(super) async fn list(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let listed = admin.admin_keys(&ask.caller, &ask.page()?).await?;
    Ok(listed.shown(AdminKey::shown).into())
}

pub(super) async fn create(
    admin: &Admin,
    ask: &Ask,
    issuer: Option<&str>,
) -> Result<Answer, Undone> {
    let New { name, role, organization_id, expires, subject } = ask.body()?;
    let subject = subject.map(|subject| of_issuer(issuer, subject)).transpose()?;
    let new = NewAdminKey { name, role, organization: organization_id, expires, subject };
    Ok(admin.create_admin_key(&ask.caller, &new).await?.shown().into())
}

pub(super) async fn get(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    Ok(admin.admin_key(&ask.caller, id(ask)?).await?.shown().into())
}

pub(super) async fn revoke(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    Ok(admin.revoke_admin_key(&ask.caller, id(ask)?, ask.expect).await?.shown().into())
}

/// A subject of the issuer that operators sign in with.
fn of_issuer(issuer: Option<&str>, subject: String) -> Result<(String, String), Fault> {
    let Some(issuer) = issuer else {
        return Err(Fault::bad(
            "this server has no issuer that operators sign in with: leave `subject` out",
        ));
    };
    let count = subject.chars().count();
    if count == 0 || count > LONGEST_SUBJECT || subject.chars().any(char::is_control) {
        return Err(Fault::bad(format!(
            "`subject` needs 1 to {LONGEST_SUBJECT} characters, none of them a control character"
        )));
    }
    Ok((issuer.to_owned(), subject))
}

fn id(ask: &Ask) -> Result<AdminKeyId, Undone> {
    Ok(ask.id("key", "admin key")?)
}
