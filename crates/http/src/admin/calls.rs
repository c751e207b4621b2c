//! From a request to one call of the admin service.

mod connections;
mod keys;
mod organizations;
mod schemas;
mod tokens;

use rollcall_domain::{Admin, AdminError, Unavailable};
use serde_json::Value;

use super::ask::Ask;
use super::fault::Fault;
use super::table::Call;

/// What the service gave, as its caller sees it.
pub(super) struct Answer {
    pub(super) shown: Value,
    /// Where it is an entry with revisions.
    pub(super) revision: Option<u64>,
}

/// Why there is no new answer.
pub(super) enum Undone {
    /// The request was made before: this was its answer.
    Repeated(Value),
    /// Anything else.
    Fault(Fault),
}

impl From<Value> for Answer {
    fn from(shown: Value) -> Self {
        let revision = shown.get("revision").and_then(Value::as_u64);
        Self { shown, revision }
    }
}

impl From<AdminError> for Undone {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Repeated(answer) => Self::Repeated(answer),
            error => Self::Fault(error.into()),
        }
    }
}

impl From<Fault> for Undone {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Unavailable> for Undone {
    fn from(source: Unavailable) -> Self {
        Self::Fault(source.into())
    }
}

/// Does what is asked. `issuer` is whose tokens operators sign in with, `base_url` says where a
/// connection is.
pub(super) async fn answer(
    admin: &Admin,
    ask: &Ask,
    issuer: Option<&str>,
    base_url: &(dyn Fn(&str) -> String + Sync),
) -> Result<Answer, Undone> {
    match ask.route.call {
        // It is answered before anybody is asked who they are.
        Call::Document => Err(Fault::nowhere().into()),
        Call::Organizations => organizations::list(admin, ask).await,
        Call::CreateOrganization => organizations::create(admin, ask).await,
        Call::Organization => organizations::get(admin, ask).await,
        Call::ChangeOrganization => organizations::change(admin, ask).await,
        Call::DeleteOrganization => organizations::delete(admin, ask).await,
        Call::Job => organizations::job(admin, ask).await,
        Call::Connections => connections::list(admin, ask).await,
        Call::CreateConnection => connections::create(admin, ask).await,
        Call::Connection => connections::get(admin, ask).await,
        Call::Configure => connections::configure(admin, ask).await,
        Call::DeleteConnection => connections::delete(admin, ask).await,
        Call::Removal => connections::removal(admin, ask).await,
        Call::Status => connections::status(admin, ask).await,
        Call::Validate => connections::validate(admin, ask, base_url).await,
        Call::Schemas => schemas::get(admin, ask).await,
        Call::AddSchemas => schemas::add(admin, ask).await,
        Call::RemoveSchema => schemas::remove(admin, ask).await,
        Call::Tokens => tokens::list(admin, ask).await,
        Call::CreateToken => tokens::create(admin, ask).await,
        Call::Token => tokens::get(admin, ask).await,
        Call::RevokeToken => tokens::revoke(admin, ask).await,
        Call::StartRotation => tokens::start_rotation(admin, ask).await,
        Call::Rotation => tokens::rotation(admin, ask).await,
        Call::FinishRotation => tokens::finish_rotation(admin, ask).await,
        Call::Keys => keys::list(admin, ask).await,
        Call::CreateKey => keys::create(admin, ask, issuer).await,
        Call::Key => keys::get(admin, ask).await,
        Call::RevokeKey => keys::revoke(admin, ask).await,
    }
}
