//! Numbers as the domain and the database hold them.

use rollcall_domain::{ResourceId, Scope};
use uuid::Uuid;

/// A version or a count for the database.
pub(crate) fn to_db(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A version or a count from the database, which keeps none below zero.
pub(crate) fn from_db(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Ids for an array.
pub(crate) fn uuids(ids: &[ResourceId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.uuid()).collect()
}

/// A scope as the first two values of most statements.
pub(crate) const fn place(at: Scope) -> (Uuid, Uuid) {
    (at.organization.uuid(), at.connection.uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive() {
        assert_eq!(from_db(to_db(7)), 7);
        assert_eq!(to_db(u64::MAX), i64::MAX);
        assert_eq!(from_db(-1), 0);
    }
}
