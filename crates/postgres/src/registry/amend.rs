//! Amendments: one transaction each, tried again where others were in the way.

use std::time::Instant;

use diesel::prelude::*;
use diesel::sql_types::Uuid as SqlUuid;
use rollcall_domain::{Amend, AmendError, Amendment, Entry, OrganizationId, Unavailable};
use uuid::Uuid;

use crate::commit::{ATTEMPTS, pause};
use crate::connect::LONGEST;
use crate::error::Remedy;
use crate::registry::acts::Amending;
use crate::statement::statement;
use crate::tables::{admin_key, connection, job, organization, signing_key, token};
use crate::unit::{One, Units};

statement! {
    /// Whether an event is there.
    Logged [] [] [] -> (SqlUuid,) {
        organization: Uuid = SqlUuid,
        id: Uuid = SqlUuid,
    }
    "select id from event where organization = $1 and id = $2"
}

impl Units {
    /// Makes an amendment whole, or nothing of it.
    pub(crate) async fn amend(&self, amendment: &Amendment) -> Result<(), AmendError> {
        let of = Some(log_of(amendment));
        let (started, mut attempt, mut doubt) = (Instant::now(), 1, false);
        loop {
            let failure = match self.transact(of, &Amending(amendment)).await {
                Ok(Ok(())) => return Ok(()),
                // An attempt that was given up for lost may have come to its end since.
                Ok(Err(_)) if doubt && self.is_amended(amendment).await? => return Ok(()),
                Ok(Err(refused)) => return Err(refused),
                Err(failure) => failure,
            };
            let remedy = failure.remedy();
            doubt |= remedy == Remedy::Ask;
            if doubt && self.is_amended(amendment).await? {
                return Ok(());
            }
            match remedy {
                Remedy::GiveUp | Remedy::Closed => return Err(Unavailable::from(failure).into()),
                // What it hangs on is gone.
                Remedy::ForeignKey => return Err(AmendError::Stale),
                Remedy::Unique => {
                    if let Some(kind) = self.namesake(amendment).await? {
                        return Err(AmendError::Taken(kind));
                    }
                }
                Remedy::Repeat | Remedy::Ask => {}
            }
            if attempt == ATTEMPTS || started.elapsed() > LONGEST {
                return Err(Unavailable::from(failure).into());
            }
            tracing::debug!(%failure, attempt, "an amendment is tried again");
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    /// Whether an amendment whose answer was lost was made: its events say so, or what it adds.
    /// One that only replaces and logs nothing is late the second time, as it would be had
    /// somebody else been faster.
    async fn is_amended(&self, amendment: &Amendment) -> Result<bool, Unavailable> {
        if let Some(event) = amendment.events.first() {
            let of = log_of(amendment);
            let logged = Logged { organization: of.uuid(), id: event.id.uuid() };
            return Ok(!self.insist(Some(of), &One::<_, (Uuid,)>::new(logged)).await?.is_empty());
        }
        for act in &amendment.acts {
            if let Amend::Add(entry) = act {
                return self.is_there(entry).await;
            }
        }
        Ok(false)
    }

    async fn is_there(&self, entry: &Entry) -> Result<bool, Unavailable> {
        macro_rules! found {
            ($table:ident, $id:expr) => {{
                let query = $table::table.filter($table::id.eq($id.uuid())).select(($table::id,));
                self.insist(None, &One::<_, (Uuid,)>::new(query)).await?
            }};
        }
        let found = match entry {
            Entry::Organization(entry) => found!(organization, entry.id),
            Entry::Connection(entry) => found!(connection, entry.id),
            Entry::Token(entry) => found!(token, entry.id),
            Entry::AdminKey(entry) => found!(admin_key, entry.id),
            Entry::SigningKey(entry) => found!(signing_key, entry.id),
            Entry::Job(entry) => found!(job, entry.id),
        };
        Ok(!found.is_empty())
    }
}

/// In whose log the events stand: the server's own is that of the nil UUID.
pub(super) fn log_of(amendment: &Amendment) -> OrganizationId {
    let of = amendment.events.first().and_then(|event| event.organization);
    of.unwrap_or(OrganizationId::from_uuid(Uuid::nil()))
}
