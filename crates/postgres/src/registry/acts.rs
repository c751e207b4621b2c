//! The statements of an amendment, in its transaction.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{Array, BigInt, Binary, Text, Uuid as SqlUuid};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rollcall_domain::{
    AdminEvent, Amend, AmendError, Amendment, ConnectionId, Entry, EntryId, Kept, Token,
    Unavailable,
};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::commit::pieces::log;
use crate::registry::amend::log_of;
use crate::registry::ends;
use crate::registry::rows::{
    AdminKeyRow, ConnectionRow, JobRow, KeptRow, OrganizationRow, SigningKeyRow, TokenRow,
};
use crate::statement::statement;
use crate::tables::{admin_key, connection, job, kept, organization, signing_key, token};
use crate::unit::{Line, Unit};
use crate::values::to_db;

/// An amendment, to be made in one transaction.
#[derive(Debug)]
pub(super) struct Amending<'a>(pub(super) &'a Amendment);

/// Why an amendment ends before its end.
pub(super) enum Stopped {
    /// Something is not as it should be.
    Refused(AmendError),
    /// The database failed.
    Failed(DieselError),
}

impl From<DieselError> for Stopped {
    fn from(error: DieselError) -> Self {
        Self::Failed(error)
    }
}

impl From<AmendError> for Stopped {
    fn from(error: AmendError) -> Self {
        Self::Refused(error)
    }
}

impl From<Unavailable> for Stopped {
    fn from(error: Unavailable) -> Self {
        Self::Refused(error.into())
    }
}

impl Unit for Amending<'_> {
    type Outcome = Result<(), AmendError>;

    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Self::Outcome>> {
        async move {
            match amend(line, self.0).await {
                Ok(()) => Ok(Ok(())),
                Err(Stopped::Refused(error)) => Ok(Err(error)),
                Err(Stopped::Failed(error)) => Err(error),
            }
        }
        .boxed()
    }
}

/// The answer comes first: whoever repeats a request waits there for the other one.
async fn amend(line: &Line<'_>, amendment: &Amendment) -> Result<(), Stopped> {
    if let Some(kept) = &amendment.kept {
        keep(line, kept).await?;
    }
    for act in &amendment.acts {
        match act {
            Amend::Add(entry) => add(line, entry).await?,
            Amend::Replace { entry, expect } => replace(line, entry, *expect).await?,
            Amend::Remove { id, expect } => {
                let at = amendment.events.first().map(|event| event.at);
                remove(line, *id, *expect, at.map(Instant::millis)).await?;
            }
            Amend::Room { connection, most, at } => room(line, *connection, *most, *at).await?,
        }
    }
    if !amendment.events.is_empty() {
        line.rows::<_, (Uuid,)>(&Log::new(amendment)).await?;
    }
    Ok(())
}

async fn add(line: &Line<'_>, entry: &Entry) -> Result<(), Stopped> {
    macro_rules! insert {
        ($table:ident, $row:expr) => {{
            let insert = diesel::insert_into($table::table).values($row).returning(($table::id,));
            line.row::<_, (Uuid,)>(&insert).await?
        }};
    }
    match entry {
        Entry::Organization(entry) => insert!(organization, OrganizationRow::of(entry)),
        Entry::Connection(entry) => insert!(connection, ConnectionRow::of(entry)?),
        Entry::Token(entry) => {
            hold(line, entry).await?;
            insert!(token, TokenRow::of(entry)?)
        }
        Entry::AdminKey(entry) => {
            if let Some(of) = entry.organization {
                let held = organization::table.filter(organization::id.eq(of.uuid()));
                let held = held.select((organization::id,)).for_key_share();
                stands(&line.rows::<_, (Uuid,)>(&held).await?)?;
            }
            insert!(admin_key, AdminKeyRow::of(entry))
        }
        Entry::SigningKey(entry) => insert!(signing_key, SigningKeyRow::of(entry)),
        Entry::Job(entry) => insert!(job, JobRow::of(entry)?),
    };
    Ok(())
}

/// The connection that gets a token stays until it has it.
async fn hold(line: &Line<'_>, token: &Token) -> Result<(), Stopped> {
    let held = connection::table
        .filter(connection::id.eq(token.connection.uuid()))
        .filter(connection::removed.is_null())
        .select((connection::id,))
        .for_share();
    stands(&line.rows::<_, (Uuid,)>(&held).await?)
}

/// Whether fewer than so many tokens of a connection live. Whoever asks at the same moment waits
/// until the other has added its own.
async fn room(line: &Line<'_>, id: ConnectionId, most: u32, at: Instant) -> Result<(), Stopped> {
    let held = connection::table
        .filter(connection::id.eq(id.uuid()).and(connection::removed.is_null()))
        .select((connection::id,))
        .for_no_key_update();
    stands(&line.rows::<_, (Uuid,)>(&held).await?)?;
    let live = token::expires.is_null().or(token::expires.gt(at.millis()));
    let live = token::table
        .filter(token::connection.eq(id.uuid()).and(token::revoked.is_null()).and(live))
        .select((token::id,))
        .limit(i64::from(most));
    match line.rows::<_, (Uuid,)>(&live).await?.len() < most as usize {
        true => Ok(()),
        false => Err(AmendError::Full.into()),
    }
}

async fn replace(line: &Line<'_>, entry: &Entry, expect: u64) -> Result<(), Stopped> {
    macro_rules! update {
        ($table:ident, $id:expr, $row:expr $(, $also:expr)?) => {{
            let read = $table::table
                .filter($table::id.eq($id.uuid()).and($table::revision.eq(to_db(expect))))
                $(.filter($also))?;
            let update = diesel::update(read).set($row).returning(($table::id,));
            line.rows::<_, (Uuid,)>(&update).await?
        }};
    }
    stands(&match entry {
        Entry::Organization(entry) => update!(organization, entry.id, OrganizationRow::of(entry)),
        Entry::Connection(entry) => {
            if entry.removal.is_some() {
                close(line, entry.id).await?;
            }
            let there = connection::removed.is_null();
            update!(connection, entry.id, ConnectionRow::of(entry)?, there)
        }
        Entry::Token(entry) => update!(token, entry.id, TokenRow::of(entry)?),
        Entry::AdminKey(entry) => update!(admin_key, entry.id, AdminKeyRow::of(entry)),
        Entry::SigningKey(entry) => update!(signing_key, entry.id, SigningKeyRow::of(entry)),
        Entry::Job(entry) => update!(job, entry.id, JobRow::of(entry)?),
    })
}

/// Waits for what IdPs are writing to a connection, and lets nothing begin before the end: each
/// such commit holds the row until it is made.
async fn close(line: &Line<'_>, id: ConnectionId) -> Result<(), Stopped> {
    let row = connection::table.filter(connection::id.eq(id.uuid()));
    let held = row.select((connection::id,)).for_update();
    stands(&line.rows::<_, (Uuid,)>(&held).await?)
}

async fn remove(line: &Line<'_>, id: EntryId, expect: u64, at: Option<i64>) -> Result<(), Stopped> {
    let expect = to_db(expect);
    macro_rules! delete {
        ($table:ident, $id:expr) => {{
            let read =
                $table::table.filter($table::id.eq($id.uuid()).and($table::revision.eq(expect)));
            let delete = diesel::delete(read).returning(($table::id,));
            stands(&line.rows::<_, (Uuid,)>(&delete).await?)
        }};
    }
    match id {
        EntryId::Organization(id) => ends::organization(line, id, expect).await,
        EntryId::Connection(id) => ends::connection(line, id, expect, at).await,
        EntryId::Token(id) => delete!(token, id),
        EntryId::AdminKey(id) => delete!(admin_key, id),
        EntryId::SigningKey(id) => delete!(signing_key, id),
        EntryId::Job(id) => delete!(job, id),
    }
}

/// Whether there was an entry at the revision that was read.
pub(super) fn stands(rows: &[(Uuid,)]) -> Result<(), Stopped> {
    match rows.is_empty() {
        false => Ok(()),
        true => Err(AmendError::Stale.into()),
    }
}

statement! {
    /// Keeps an answer in the place of one that is as old as so many milliseconds.
    Keep [<'a>] [<'a>] [<'static>] -> (BigInt,) {
        actor: &'a str = Text,
        key: &'a str = Text,
        fingerprint: Vec<u8> = Binary,
        at: i64 = BigInt,
        answer: &'a str = Text,
        kept_for: i64 = BigInt,
    }
    "insert into kept as k (actor, key, fingerprint, at, answer) values ($1, $2, $3, $4, $5)
on conflict (actor, key) do update
set fingerprint = excluded.fingerprint, at = excluded.at, answer = excluded.answer
where k.at <= excluded.at - $6
returning at"
}

async fn keep(line: &Line<'_>, new: &Kept) -> Result<(), Stopped> {
    let keep = Keep {
        actor: &new.actor,
        key: &new.key,
        fingerprint: new.fingerprint.to_vec(),
        at: new.at.millis(),
        answer: &new.answer,
        kept_for: Kept::FOR_MILLIS,
    };
    if !line.rows::<_, (i64,)>(&keep).await?.is_empty() {
        return Ok(());
    }
    let same = kept::actor.eq(&new.actor).and(kept::key.eq(&new.key));
    let earlier = line.row::<_, KeptRow>(&kept::table.filter(same)).await?.read()?;
    Err(AmendError::Repeated(Box::new(earlier)).into())
}

statement! {
    /// Appends events to one log.
    Log [<'a>] [<'a>] [<'static>] -> (SqlUuid,) {
        organization: Uuid = SqlUuid,
        ids: Vec<Uuid> = Array<SqlUuid>,
        times: Vec<i64> = Array<BigInt>,
        actors: Vec<String> = Array<Text>,
        connections: Vec<Uuid> = Array<SqlUuid>,
        actions: Vec<&'a str> = Array<Text>,
        kinds: Vec<&'a str> = Array<Text>,
        subjects: Vec<Uuid> = Array<SqlUuid>,
        revisions: Vec<i64> = Array<BigInt>,
        changes: Vec<String> = Array<Text>,
    }
    concat!(
        log!(),
        "select $1, e.id, e.at, e.actor, e.connection, e.action, e.kind, e.subject, e.revision,
    e.changes::jsonb
from unnest($2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::uuid[],
    $9::bigint[], $10::text[])
    e (id, at, actor, connection, action, kind, subject, revision, changes)
returning id"
    )
}

impl Log<'static> {
    fn new(amendment: &Amendment) -> Self {
        let events = &amendment.events;
        let connection = |event: &AdminEvent| event.connection.map(ConnectionId::uuid);
        Self {
            organization: log_of(amendment).uuid(),
            ids: events.iter().map(|event| event.id.uuid()).collect(),
            times: events.iter().map(|event| event.at.millis()).collect(),
            actors: events.iter().map(|event| event.actor.to_string()).collect(),
            connections: events.iter().map(|event| connection(event).unwrap_or_default()).collect(),
            actions: events.iter().map(|event| event.action).collect(),
            kinds: events.iter().map(|event| event.subject.kind()).collect(),
            subjects: events.iter().map(|event| event.subject.uuid()).collect(),
            revisions: events.iter().map(|event| to_db(event.revision)).collect(),
            changes: events.iter().map(changes).collect(),
        }
    }
}

fn changes(event: &AdminEvent) -> String {
    serde_json::Value::Object(event.changes.clone()).to_string()
}
