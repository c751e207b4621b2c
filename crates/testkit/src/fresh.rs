//! Ids that nothing has yet.

use rollcall_domain::{Ids, Organization, OrganizationId, ResourceId, UuidIds};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::EPOCH;

/// A UUID greater than every earlier one of this process.
pub(crate) fn fresh() -> Uuid {
    UuidIds.next()
}

/// A resource id that no store has.
pub fn fresh_id() -> ResourceId {
    ResourceId::from_uuid(fresh())
}

/// An organization that no store has.
pub fn fresh_organization() -> Organization {
    let id = OrganizationId::from_uuid(fresh());
    let created = Instant::from_millis(EPOCH);
    Organization { id, name: id.to_string(), created, revision: 0 }
}
