//! Folding what is append-only on the hot path, and forgetting what nobody asks for any more.

use diesel::QueryDsl;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use rollcall_domain::{KEPT_FOR_MILLIS, Kept, OrganizationId, Unavailable};
use uuid::Uuid;

use crate::outcomes::Forget;
use crate::statement::statement;
use crate::tables::organization;
use crate::unit::{Both, One, Units};

statement! {
    /// Makes one row of an organization's counts per connection and type. Rows that another
    /// folding took first are left to it; a total is the same before and after.
    Fold [] [] [] -> (BigInt,) {
        organization: Uuid = SqlUuid,
    }
    "with crowded as (
    select connection, kind from resource_count where organization = $1
    group by connection, kind having count(*) > 1
),
taken as (
    delete from resource_count c using crowded w
    where c.organization = $1 and c.connection = w.connection and c.kind = w.kind
    returning c.connection, c.kind, c.n
)
insert into resource_count (organization, connection, kind, n)
select $1, connection, kind, sum(n) from taken group by connection, kind
returning n"
}

statement! {
    /// Drops the answers that were kept for longer than so many milliseconds.
    Unkeep [] [] [] -> (BigInt,) {
        kept_for: i64 = BigInt,
    }
    "with dropped as (
    delete from kept where at <= extract(epoch from now()) * 1000 - $1
    returning at
)
select count(*) from dropped"
}

/// Drops old answers; folds the counts of every organization and drops its old outcomes, one
/// after another: behind the wall they can't be seen together.
pub(crate) async fn keep_house(units: &Units) -> Result<(), Unavailable> {
    units.run(None, &One::<_, (i64,)>::new(Unkeep { kept_for: Kept::FOR_MILLIS })).await?;
    let all = organization::table.select((organization::id,));
    let organizations = units.read(None, &One::<_, (Uuid,)>::new(all)).await?;
    for (organization,) in organizations {
        let of = Some(OrganizationId::from_uuid(organization));
        let fold = One::<_, (i64,)>::new(Fold { organization });
        let forget = One::<_, (i64,)>::new(Forget { organization, kept_for: KEPT_FOR_MILLIS });
        units.run(of, &Both(fold, forget)).await?;
    }
    Ok(())
}
