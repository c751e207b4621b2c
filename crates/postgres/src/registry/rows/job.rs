//! Jobs as rows.

use diesel::prelude::{AsChangeset, Insertable, Queryable};
use rollcall_domain::{Actor, Job, JobId, OrganizationId, Unavailable};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::values::{from_db, to_db};

/// A row of the table.
#[derive(Debug, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = crate::tables::job)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(in crate::registry) struct JobRow {
    id: Uuid,
    organization: Uuid,
    actor: String,
    work: String,
    state: String,
    created: i64,
    touched: i64,
    /// So that those that are not finished are found.
    finished: Option<i64>,
    revision: i64,
}

impl JobRow {
    /// What is kept of a job.
    pub(in crate::registry) fn of(job: &Job) -> Result<Self, Unavailable> {
        Ok(Self {
            id: job.id.uuid(),
            organization: job.organization.map_or(Uuid::nil(), OrganizationId::uuid),
            actor: job.actor.to_string(),
            work: serde_json::to_string(&job.work).map_err(Unavailable::new)?,
            state: serde_json::to_string(&job.state).map_err(Unavailable::new)?,
            created: job.created.millis(),
            touched: job.touched.millis(),
            finished: job.state.finished.map(Instant::millis),
            revision: to_db(job.revision),
        })
    }

    /// The job that was kept.
    pub(in crate::registry) fn read(self) -> Result<Job, Unavailable> {
        Ok(Job {
            id: JobId::from_uuid(self.id),
            organization: (!self.organization.is_nil())
                .then(|| OrganizationId::from_uuid(self.organization)),
            actor: self.actor.parse::<Actor>().map_err(Unavailable::new)?,
            work: serde_json::from_str(&self.work).map_err(Unavailable::new)?,
            state: serde_json::from_str(&self.state).map_err(Unavailable::new)?,
            created: Instant::from_millis(self.created),
            touched: Instant::from_millis(self.touched),
            revision: from_db(self.revision),
        })
    }
}
