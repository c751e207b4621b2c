//! Admin keys as rows.

use diesel::prelude::{AsChangeset, Insertable, Queryable};
use rollcall_domain::{AdminKey, AdminKeyId, OrganizationId, Proof, Role, TokenHash, Unavailable};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::values::{digest, from_db, instant, to_db};

/// A row of the table. Its use doesn't change with the rest.
#[derive(Debug, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = crate::tables::admin_key)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(in crate::registry) struct AdminKeyRow {
    id: Uuid,
    name: String,
    role: String,
    organization: Option<Uuid>,
    subject: Option<String>,
    hash: Vec<u8>,
    created: i64,
    expires: Option<i64>,
    revoked: Option<i64>,
    revision: i64,
    #[diesel(skip_update)]
    used: Option<i64>,
}

impl AdminKeyRow {
    /// What is kept of an admin key.
    pub(in crate::registry) fn of(key: &AdminKey) -> Self {
        let millis = |at: Option<Instant>| at.map(Instant::millis);
        let subject = match &key.proof {
            Proof::Secret => None,
            Proof::Subject(subject) => Some(subject.clone()),
        };
        Self {
            id: key.id.uuid(),
            name: key.name.clone(),
            role: key.role.name().into(),
            organization: key.organization.map(OrganizationId::uuid),
            subject,
            hash: key.hash.0.to_vec(),
            created: key.created.millis(),
            expires: millis(key.expires),
            revoked: millis(key.revoked),
            revision: to_db(key.revision),
            used: millis(key.used),
        }
    }

    /// The admin key that was kept.
    pub(in crate::registry) fn read(self) -> Result<AdminKey, Unavailable> {
        Ok(AdminKey {
            id: AdminKeyId::from_uuid(self.id),
            name: self.name,
            role: self.role.parse::<Role>().map_err(Unavailable::new)?,
            organization: self.organization.map(OrganizationId::from_uuid),
            proof: self.subject.map_or(Proof::Secret, Proof::Subject),
            hash: TokenHash(digest(self.hash)?),
            created: Instant::from_millis(self.created),
            expires: instant(self.expires),
            revoked: instant(self.revoked),
            revision: from_db(self.revision),
            used: instant(self.used),
        })
    }
}
