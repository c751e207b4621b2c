//! Numbers as the domain and the database hold them.

use rollcall_domain::{ResourceId, Scope, Unavailable};
use rollcall_schema::Instant;
use uuid::Uuid;

/// A version or a count for the database.
pub(crate) fn to_db(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A version or a count from the database, which keeps none below zero.
pub(crate) fn from_db(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// When something was, where it was at all.
pub(crate) fn instant(millis: Option<i64>) -> Option<Instant> {
    millis.map(Instant::from_millis)
}

/// SHA-256 of something, of which the database keeps 32 bytes.
pub(crate) fn digest(bytes: Vec<u8>) -> Result<[u8; 32], Unavailable> {
    bytes.try_into().map_err(|_| Unavailable::new("a digest has 32 bytes"))
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
