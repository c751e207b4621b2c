//! Signing keys as rows.

use diesel::prelude::{AsChangeset, Insertable, Queryable};
use rollcall_domain::{SigningKey, SigningKeyId, Unavailable};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::values::{from_db, instant, to_db};

/// A row of the table.
#[derive(Debug, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = crate::tables::signing_key)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(in crate::registry) struct SigningKeyRow {
    id: Uuid,
    sealed: String,
    public: String,
    created: i64,
    retired: Option<i64>,
    revision: i64,
}

impl SigningKeyRow {
    /// What is kept of a signing key.
    pub(in crate::registry) fn of(key: &SigningKey) -> Self {
        Self {
            id: key.id.uuid(),
            sealed: key.sealed.clone(),
            public: key.public.to_string(),
            created: key.created.millis(),
            retired: key.retired.map(Instant::millis),
            revision: to_db(key.revision),
        }
    }

    /// The signing key that was kept.
    pub(in crate::registry) fn read(self) -> Result<SigningKey, Unavailable> {
        Ok(SigningKey {
            id: SigningKeyId::from_uuid(self.id),
            sealed: self.sealed,
            public: serde_json::from_str(&self.public).map_err(Unavailable::new)?,
            created: Instant::from_millis(self.created),
            retired: instant(self.retired),
            revision: from_db(self.revision),
        })
    }
}
