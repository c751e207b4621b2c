//! What became of requests that were answered before they were done.

use diesel::sql_types::{BigInt, Bool, Text, Uuid as SqlUuid};
use rollcall_domain::{Outcome, Scope, TransactionId, Unavailable};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::statement::statement;
use crate::unit::{One, Units};
use crate::values::place;

statement! {
    /// Keeps an outcome in the place of one of the same id.
    Keep [<'a>] [<'a>] [<'static>] -> (SqlUuid,) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        id: Uuid = SqlUuid,
        created: i64 = BigInt,
        touched: i64 = BigInt,
        done: bool = Bool,
        body: &'a str = Text,
    }
    "insert into outcome (organization, connection, id, created, touched, done, body)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (organization, connection, id) do update
set created = excluded.created, touched = excluded.touched, done = excluded.done,
    body = excluded.body
returning id"
}

statement! {
    /// One outcome of a connection.
    Look [] [] [] -> (BigInt, BigInt, Bool, Text) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        id: Uuid = SqlUuid,
    }
    "select created, touched, done, body from outcome
where organization = $1 and connection = $2 and id = $3"
}

statement! {
    /// Drops the outcomes of an organization that nobody touched for so many milliseconds.
    Forget [] [] [] -> (BigInt,) {
        organization: Uuid = SqlUuid,
        kept_for: i64 = BigInt,
    }
    "with forgotten as (
    delete from outcome
    where organization = $1 and touched < extract(epoch from now()) * 1000 - $2
    returning id
)
select count(*) from forgotten"
}

impl Units {
    pub(crate) async fn keep_outcome(
        &self,
        at: Scope,
        outcome: &Outcome,
    ) -> Result<(), Unavailable> {
        let (organization, connection) = place(at);
        let keep = Keep {
            organization,
            connection,
            id: outcome.id.uuid(),
            created: outcome.created.millis(),
            touched: outcome.touched.millis(),
            done: outcome.done,
            body: &outcome.body,
        };
        // Kept twice it is the same, so it may be sent again like a read.
        self.read(Some(at.organization), &One::<_, (Uuid,)>::new(keep)).await?;
        Ok(())
    }

    pub(crate) async fn outcome(
        &self,
        at: Scope,
        id: TransactionId,
    ) -> Result<Option<Outcome>, Unavailable> {
        let (organization, connection) = place(at);
        let look = One::<_, (i64, i64, bool, String)>::new(Look {
            organization,
            connection,
            id: id.uuid(),
        });
        let row = self.read(Some(at.organization), &look).await?.pop();
        Ok(row.map(|(created, touched, done, body)| Outcome {
            id,
            created: Instant::from_millis(created),
            touched: Instant::from_millis(touched),
            done,
            body,
        }))
    }
}
