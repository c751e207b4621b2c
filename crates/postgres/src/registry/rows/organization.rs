//! Organizations as rows.

use diesel::prelude::{AsChangeset, Insertable, Queryable};
use rollcall_domain::{Organization, OrganizationId};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::values::{from_db, to_db};

/// A row of the table.
#[derive(Debug, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = crate::tables::organization)]
pub(in crate::registry) struct OrganizationRow {
    id: Uuid,
    name: String,
    created: i64,
    revision: i64,
}

impl OrganizationRow {
    /// What is kept of an organization.
    pub(in crate::registry) fn of(organization: &Organization) -> Self {
        Self {
            id: organization.id.uuid(),
            name: organization.name.clone(),
            created: organization.created.millis(),
            revision: to_db(organization.revision),
        }
    }

    /// The organization that was kept.
    pub(in crate::registry) fn read(self) -> Organization {
        Organization {
            id: OrganizationId::from_uuid(self.id),
            name: self.name,
            created: Instant::from_millis(self.created),
            revision: from_db(self.revision),
        }
    }
}
