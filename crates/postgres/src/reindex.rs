//! Records get the keys that the present definitions make of them.

use std::convert::Infallible;

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Array, BigInt, Bool, Text, Uuid as SqlUuid};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rollcall_domain::{Reindex, Reindexed, Scope, Unavailable};
use uuid::Uuid;

use crate::commit::ask::Taken;
use crate::commit::{ATTEMPTS, pause};
use crate::error::Remedy;
use crate::statement::statement;
use crate::unit::{Line, One, Unit, Units};
use crate::values::{place, to_db};

statement! {
    /// Makes the keys of some records exactly the given ones; answers the places of those records
    /// that are as they are expected to be, counted from one.
    ///
    /// The records are locked, as whoever else changes their keys locks them. Where one is indexed
    /// otherwise than in the snapshot, its keys are not those of the snapshot either.
    Keyed [<'a>] [<'a>] [<'static>] -> (BigInt,) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        kinds: Vec<&'a str> = Array<Text>,
        ids: Vec<Uuid> = Array<SqlUuid>,
        versions: Vec<i64> = Array<BigInt>,
        revisions: Vec<i64> = Array<BigInt>,
        key_kinds: Vec<&'a str> = Array<Text>,
        key_ids: Vec<Uuid> = Array<SqlUuid>,
        key_attrs: Vec<&'a str> = Array<Text>,
        keys: Vec<&'a str> = Array<Text>,
        unique: Vec<bool> = Array<Bool>,
    }
    TEXT
}

/// Rows are compared with arrays by `not in`, which looks them up in a table of hashes: the planner
/// takes every array for a short one and would compare each with each.
const TEXT: &str = "with given (kind, id, version, revision, place) as materialized (
    select * from unnest($3::text[], $4::uuid[], $5::bigint[], $6::bigint[]) with ordinality
),
held as materialized (
    select r.id, r.kind, r.version, r.indexed from resource r
    where r.organization = $1 and r.id = any ($4::uuid[])
        and r.connection is not distinct from $2
    order by r.id
    for no key update
),
fit as materialized (
    select g.place, g.id, g.revision from given g
    join held h on h.id = g.id and h.kind = g.kind and h.version = g.version
    where h.indexed = (
        select r.indexed from resource r where r.organization = $1 and r.id = g.id)
),
unfit as materialized (
    select g.id from given g where g.place not in (select f.place from fit f)
),
moved as (
    update resource r set indexed = f.revision from fit f
    where r.organization = $1 and r.id = f.id and r.indexed <> f.revision
),
unkeyed as (
    delete from resource_key k using fit f
    where k.organization = $1 and k.id = f.id
        and (k.id, k.attr, k.key) not in (
            select * from unnest($8::uuid[], $9::text[], $10::text[]))
),
wanted as materialized (
    select distinct a.kind, a.id, a.attr, a.key, a.is_unique, (
        select k.is_unique from resource_key k
        where k.organization = $1 and k.connection = $2 and k.kind = a.kind
            and k.attr = a.attr and k.key = a.key and k.id = a.id) as was_unique
    from unnest($7::text[], $8::uuid[], $9::text[], $10::text[], $11::bool[])
        a (kind, id, attr, key, is_unique)
    where a.id not in (select u.id from unfit u)
),
rekeyed as (
    update resource_key k set is_unique = w.is_unique from wanted w
    where w.is_unique <> w.was_unique
        and k.organization = $1 and k.connection = $2 and k.kind = w.kind
        and k.attr = w.attr and k.key = w.key and k.id = w.id
),
keyed as (
    insert into resource_key (organization, connection, kind, attr, key, id, is_unique)
    select $1, $2, w.kind, w.attr, w.key, w.id, w.is_unique from wanted w
    where w.was_unique is null
)
select place from fit";

impl<'a> Keyed<'a> {
    pub(crate) fn new(at: Scope, entries: &'a [Reindex]) -> Self {
        let (organization, connection) = place(at);
        let keys =
            || entries.iter().flat_map(|entry| entry.keys.iter().map(move |key| (entry, key)));
        Self {
            organization,
            connection,
            kinds: entries.iter().map(|entry| &*entry.kind).collect(),
            ids: entries.iter().map(|entry| entry.id.uuid()).collect(),
            versions: entries.iter().map(|entry| to_db(entry.expect)).collect(),
            revisions: entries.iter().map(|entry| to_db(entry.revision)).collect(),
            key_kinds: keys().map(|(entry, _)| &*entry.kind).collect(),
            key_ids: keys().map(|(entry, _)| entry.id.uuid()).collect(),
            key_attrs: keys().map(|(_, key)| &*key.attr).collect(),
            keys: keys().map(|(_, key)| &*key.text).collect(),
            unique: keys().map(|(_, key)| key.unique).collect(),
        }
    }
}

impl Units {
    /// Makes the keys of records anew: in one statement unless a unique key is in use.
    pub(crate) async fn reindex(
        &self,
        at: Scope,
        entries: &[Reindex],
    ) -> Result<Vec<Reindexed>, Unavailable> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let of = Some(at.organization);
        let together = One::<_, (i64,)>::new(Keyed::new(at, entries));
        let mut attempt = 1;
        loop {
            let mut outcome = self.run(of, &together).await.map(|fit| done(entries.len(), &fit));
            if outcome.as_ref().is_err_and(|failure| failure.remedy() == Remedy::Unique) {
                let apart = self.transact(of, &Apart { at, entries }).await;
                outcome = apart.map(|Ok(done)| done);
            }
            match outcome {
                // What was done before an answer was lost is done once more, to the same end.
                Err(failure) if failure.is_passing() && attempt < ATTEMPTS => {
                    tracing::debug!(%failure, attempt, "records are indexed again");
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                outcome => return Ok(outcome?),
            }
        }
    }
}

fn done(count: usize, fit: &[(i64,)]) -> Vec<Reindexed> {
    let mut done = vec![Reindexed::Moved; count];
    for (place,) in fit {
        let place = usize::try_from(place - 1).ok();
        if let Some(one) = place.and_then(|place| done.get_mut(place)) {
            *one = Reindexed::Done;
        }
    }
    done
}

/// Records of which some want keys that others have: by halves, down to those.
struct Apart<'a> {
    at: Scope,
    entries: &'a [Reindex],
}

impl Unit for Apart<'_> {
    type Outcome = Result<Vec<Reindexed>, Infallible>;

    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Self::Outcome>> {
        async move {
            let mut outcomes = Vec::new();
            let mut due = vec![self.entries];
            while let Some(part) = due.pop() {
                line.command("savepoint part").await?;
                match line.rows::<_, (i64,)>(&Keyed::new(self.at, part)).await {
                    Ok(fit) => {
                        line.command("release part").await?;
                        outcomes.extend(done(part.len(), &fit));
                    }
                    Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
                        line.command("rollback to part; release part").await?;
                        match part {
                            [one] => outcomes.push(self.taken(line, one).await?),
                            _ => {
                                let (first, second) = part.split_at(part.len() / 2);
                                due.extend([second, first]);
                            }
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(Ok(outcomes))
        }
        .boxed()
    }
}

impl Apart<'_> {
    /// What is in use; where it is free again the record is looked at another time.
    async fn taken(&self, line: &Line<'_>, entry: &Reindex) -> QueryResult<Reindexed> {
        let taken = Taken::among(self.at, &entry.kind, entry.id, &entry.keys);
        let attr = line.rows::<_, (String,)>(&taken).await?.pop();
        Ok(attr.map_or(Reindexed::Moved, |(attr,)| Reindexed::Taken { attr }))
    }
}
