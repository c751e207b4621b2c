//! Entries as rows. What is only seen of them stands apart: amendments leave it be.

use diesel::prelude::*;
use rollcall_domain::{
    Actor, AdminKey, Connection, IdpKind, Job, JobState, Organization, Proof, Role, Scopes, Setup,
    SigningKey, Status, Thumbprint, Token, TokenHash, TokenKind, Traffic, Work,
};
use serde_json::Value;
use uuid::Uuid;

use crate::tables::{admin_key, connection, job, organization, signing_key, token};
use crate::values::{Count, Digest, Id, Json, Moment, Named};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = organization, treat_none_as_null = true)]
pub(super) struct OrganizationRow {
    id: Id,
    name: String,
    created: Moment,
    revision: Count,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = connection, treat_none_as_null = true)]
pub(super) struct ConnectionRow {
    id: Id,
    organization: Id,
    name: Option<String>,
    idp: Named<IdpKind>,
    created: Moment,
    status: Named<Status>,
    setup: Json<Setup>,
    removal: Option<Id>,
    quiet: Option<Moment>,
    revision: Count,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = connection)]
pub(super) struct TrafficRow {
    dialect: Option<String>,
    seen: Option<Moment>,
    tested: Option<Moment>,
    refused_at: Option<Moment>,
    refused_token: Option<Id>,
}

/// With what was seen of it.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = connection)]
pub(super) struct SeenConnection {
    #[diesel(embed)]
    connection: ConnectionRow,
    #[diesel(embed)]
    traffic: TrafficRow,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = token, treat_none_as_null = true)]
pub(super) struct TokenRow {
    hash: Digest,
    id: Id,
    organization: Id,
    connection: Id,
    name: Option<String>,
    kind: Json<TokenKind>,
    scopes: Named<Scopes>,
    subject: Option<Id>,
    certificate: Option<Digest>,
    created: Moment,
    expires: Option<Moment>,
    revoked: Option<Moment>,
    replaces: Option<Id>,
    warned: Option<Count>,
    bootstrap: bool,
    revision: Count,
}

/// With when it was used last.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = token)]
pub(super) struct UsedToken {
    #[diesel(embed)]
    token: TokenRow,
    used: Option<Moment>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = admin_key, treat_none_as_null = true)]
pub(super) struct AdminKeyRow {
    id: Id,
    name: String,
    role: Named<Role>,
    organization: Option<Id>,
    subject: Option<String>,
    hash: Digest,
    created: Moment,
    expires: Option<Moment>,
    revoked: Option<Moment>,
    revision: Count,
}

/// With when it was used last.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = admin_key)]
pub(super) struct UsedAdminKey {
    #[diesel(embed)]
    key: AdminKeyRow,
    used: Option<Moment>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = signing_key, treat_none_as_null = true)]
pub(super) struct SigningKeyRow {
    id: Id,
    sealed: String,
    public: Json<Value>,
    created: Moment,
    retired: Option<Moment>,
    revision: Count,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = job, treat_none_as_null = true)]
pub(super) struct JobRow {
    id: Id,
    organization: Id,
    actor: Named<Actor>,
    work: Json<Work>,
    state: Json<JobState>,
    created: Moment,
    touched: Moment,
    /// Beside the state, for the index.
    finished: Option<Moment>,
    revision: Count,
}

impl From<&Organization> for OrganizationRow {
    fn from(one: &Organization) -> Self {
        Self {
            id: one.id.into(),
            name: one.name.clone(),
            created: Moment(one.created),
            revision: Count(one.revision),
        }
    }
}

impl From<OrganizationRow> for Organization {
    fn from(row: OrganizationRow) -> Self {
        Self { id: row.id.into(), name: row.name, created: row.created.0, revision: row.revision.0 }
    }
}

impl From<&Connection> for ConnectionRow {
    fn from(one: &Connection) -> Self {
        Self {
            id: one.id.into(),
            organization: one.organization.into(),
            name: one.name.clone(),
            idp: Named(one.idp),
            created: Moment(one.created),
            status: Named(one.status),
            setup: Json(one.setup.clone()),
            removal: one.removal.map(Id::from),
            quiet: one.quiet.map(Moment),
            revision: Count(one.revision),
        }
    }
}

impl From<&Traffic> for TrafficRow {
    fn from(seen: &Traffic) -> Self {
        Self {
            dialect: seen.dialect.clone(),
            seen: seen.seen.map(Moment),
            tested: seen.tested.map(Moment),
            refused_at: seen.refused.map(|(at, _)| Moment(at)),
            refused_token: seen.refused.map(|(_, token)| token.into()),
        }
    }
}

impl From<TrafficRow> for Traffic {
    fn from(row: TrafficRow) -> Self {
        let refused = row.refused_at.zip(row.refused_token);
        Self {
            dialect: row.dialect,
            seen: row.seen.map(|at| at.0),
            tested: row.tested.map(|at| at.0),
            refused: refused.map(|(at, token)| (at.0, token.into())),
        }
    }
}

impl From<&Connection> for SeenConnection {
    fn from(one: &Connection) -> Self {
        Self { connection: one.into(), traffic: (&one.traffic).into() }
    }
}

impl From<SeenConnection> for Connection {
    fn from(SeenConnection { connection: row, traffic }: SeenConnection) -> Self {
        Self {
            id: row.id.into(),
            organization: row.organization.into(),
            name: row.name,
            idp: row.idp.0,
            created: row.created.0,
            status: row.status.0,
            setup: row.setup.0,
            removal: row.removal.map(Into::into),
            quiet: row.quiet.map(|at| at.0),
            revision: row.revision.0,
            traffic: traffic.into(),
        }
    }
}

impl From<&Token> for TokenRow {
    fn from(one: &Token) -> Self {
        Self {
            hash: Digest(one.hash.0),
            id: one.id.into(),
            organization: one.organization.into(),
            connection: one.connection.into(),
            name: one.name.clone(),
            kind: Json(one.kind.clone()),
            scopes: Named(one.scopes),
            subject: one.subject.map(Id::from),
            certificate: one.certificate.map(|print| Digest(print.0)),
            created: Moment(one.created),
            expires: one.expires.map(Moment),
            revoked: one.revoked.map(Moment),
            replaces: one.replaces.map(Id::from),
            warned: one.warned.map(|days| Count(days.into())),
            bootstrap: one.bootstrap,
            revision: Count(one.revision),
        }
    }
}

impl From<&Token> for UsedToken {
    fn from(one: &Token) -> Self {
        Self { token: one.into(), used: one.used.map(Moment) }
    }
}

impl From<UsedToken> for Token {
    fn from(UsedToken { token: row, used }: UsedToken) -> Self {
        Self {
            id: row.id.into(),
            connection: row.connection.into(),
            organization: row.organization.into(),
            name: row.name,
            kind: row.kind.0,
            scopes: row.scopes.0,
            subject: row.subject.map(Into::into),
            hash: TokenHash(row.hash.0),
            certificate: row.certificate.map(|digest| Thumbprint(digest.0)),
            created: row.created.0,
            expires: row.expires.map(|at| at.0),
            revoked: row.revoked.map(|at| at.0),
            replaces: row.replaces.map(Into::into),
            warned: row.warned.map(|days| u32::try_from(days.0).unwrap_or(u32::MAX)),
            bootstrap: row.bootstrap,
            revision: row.revision.0,
            used: used.map(|at| at.0),
        }
    }
}

impl From<&AdminKey> for AdminKeyRow {
    fn from(one: &AdminKey) -> Self {
        let subject = match &one.proof {
            Proof::Secret => None,
            Proof::Subject(subject) => Some(subject.clone()),
        };
        Self {
            id: one.id.into(),
            name: one.name.clone(),
            role: Named(one.role),
            organization: one.organization.map(Id::from),
            subject,
            hash: Digest(one.hash.0),
            created: Moment(one.created),
            expires: one.expires.map(Moment),
            revoked: one.revoked.map(Moment),
            revision: Count(one.revision),
        }
    }
}

impl From<&AdminKey> for UsedAdminKey {
    fn from(one: &AdminKey) -> Self {
        Self { key: one.into(), used: one.used.map(Moment) }
    }
}

impl From<UsedAdminKey> for AdminKey {
    fn from(UsedAdminKey { key: row, used }: UsedAdminKey) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            role: row.role.0,
            organization: row.organization.map(Into::into),
            proof: row.subject.map_or(Proof::Secret, Proof::Subject),
            hash: TokenHash(row.hash.0),
            created: row.created.0,
            expires: row.expires.map(|at| at.0),
            revoked: row.revoked.map(|at| at.0),
            revision: row.revision.0,
            used: used.map(|at| at.0),
        }
    }
}

impl From<&SigningKey> for SigningKeyRow {
    fn from(one: &SigningKey) -> Self {
        Self {
            id: one.id.into(),
            sealed: one.sealed.clone(),
            public: Json(one.public.clone()),
            created: Moment(one.created),
            retired: one.retired.map(Moment),
            revision: Count(one.revision),
        }
    }
}

impl From<SigningKeyRow> for SigningKey {
    fn from(row: SigningKeyRow) -> Self {
        Self {
            id: row.id.into(),
            sealed: row.sealed,
            public: row.public.0,
            created: row.created.0,
            retired: row.retired.map(|at| at.0),
            revision: row.revision.0,
        }
    }
}

impl From<&Job> for JobRow {
    fn from(one: &Job) -> Self {
        Self {
            id: one.id.into(),
            organization: one.organization.map_or(Id(Uuid::nil()), Id::from),
            actor: Named(one.actor),
            work: Json(one.work.clone()),
            state: Json(one.state.clone()),
            created: Moment(one.created),
            touched: Moment(one.touched),
            finished: one.state.finished.map(Moment),
            revision: Count(one.revision),
        }
    }
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        Self {
            id: row.id.into(),
            organization: (!row.organization.0.is_nil()).then(|| row.organization.into()),
            actor: row.actor.0,
            work: row.work.0,
            state: row.state.0,
            created: row.created.0,
            touched: row.touched.0,
            revision: row.revision.0,
        }
    }
}
