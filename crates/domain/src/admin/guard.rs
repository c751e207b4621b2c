//! What must hold before anything is decided.

use std::future::Future;

use rollcall_schema::Instant;

use super::{ATTEMPTS, AdminError};
use crate::{Caller, Connection, OrganizationId, Role};

pub(super) use super::names::checked_name;

/// The last moment that a year of four digits names: 9999-12-31T23:59:59Z.
const LAST: Instant = Instant::from_millis(253_402_300_799_000);

impl Caller {
    /// Whether the caller may do what takes this role.
    pub(super) fn needs(&self, role: Role) -> Result<(), AdminError> {
        match self.role >= role {
            true => Ok(()),
            false => Err(AdminError::Forbidden(format!(
                "this takes the role `{role}`, and this key has the role `{}`",
                self.role
            ))),
        }
    }

    /// Whether the caller may do what concerns more than one organization.
    pub(super) fn everywhere(&self) -> Result<(), AdminError> {
        match self.organization {
            None => Ok(()),
            Some(_) => Err(AdminError::Forbidden(
                "this key is for one organization alone, and this concerns others".into(),
            )),
        }
    }

    /// Whether an organization is there for the caller.
    pub(super) fn sees(&self, organization: OrganizationId) -> bool {
        self.organization.is_none_or(|own| own == organization)
    }
}

/// When something ends that somebody wants to end then: what is later than any date can be written
/// ends as late as one can.
pub(super) fn checked_end(
    end: Option<Instant>,
    now: Instant,
) -> Result<Option<Instant>, AdminError> {
    match end {
        Some(end) if end <= now => Err(AdminError::Bad("`expires` is not in the future".into())),
        end => Ok(end.map(|end| end.min(LAST))),
    }
}

/// The end of what begins now and lives as long as something else was made to.
pub(super) fn end_after(now: Instant, lived: i64) -> Instant {
    Instant::from_millis(now.millis().saturating_add(lived)).min(LAST)
}

/// Whether an entry is at the revision that the caller insists on.
pub(super) fn insists(expect: Option<u64>, revision: u64) -> Result<(), AdminError> {
    match expect {
        Some(expect) if expect != revision => Err(AdminError::Stale),
        _ => Ok(()),
    }
}

/// Decides again where somebody else was faster, unless the caller insists on a revision: who
/// insists on none gets the answer of requests that come one after the other.
pub(super) async fn again<T, F>(
    expect: Option<u64>,
    decide: impl Fn() -> F + Send + Sync,
) -> Result<T, AdminError>
where
    F: Future<Output = Result<T, AdminError>> + Send,
{
    for _ in 0..ATTEMPTS {
        match decide().await {
            Err(AdminError::Stale) if expect.is_none() => {}
            decided => return decided,
        }
    }
    Err(AdminError::Busy)
}

/// Whether nobody decided the end of a connection.
pub(super) fn still_there(connection: &Connection) -> Result<(), AdminError> {
    match connection.removal {
        None => Ok(()),
        Some(job) => Err(AdminError::Conflict(format!("the connection is being deleted: {job}"))),
    }
}
