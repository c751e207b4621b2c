//! SQL with binds, as queries of Diesel.
//!
//! A [`Fixed`] text is prepared once per connection under its type; a [`Sql`] made piece by piece
//! is prepared once per text, or anew each time where texts have no end of variety.

use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl, SqliteConnection};
use rollcall_domain::{ConnectionId, OrganizationId, ResourceId};
use rollcall_schema::Instant;

use crate::values::{Count, Id, Moment};

/// A value that stands for one `?`.
#[derive(Clone, Debug)]
pub(crate) enum Bind {
    Id(Id),
    Text(String),
    Moment(Moment),
    Count(Count),
    Int(i64),
}

/// A statement whose text never changes. Each `?` is a bind; there are none in literals.
pub(crate) trait Fixed: 'static {
    const SQL: &'static str;
    type Row;
}

/// Declares [`Fixed`] statements.
macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident -> $row:ty = $sql:expr;)*) => {
        $($(#[$doc])*
        pub(crate) enum $name {}

        impl crate::statement::Fixed for $name {
            const SQL: &'static str = $sql;
            type Row = $row;
        })*
    };
}
pub(crate) use fixed;

/// A [`Fixed`] statement with its values.
pub(crate) struct Run<S> {
    binds: Vec<Bind>,
    statement: PhantomData<fn() -> S>,
}

impl<S: Fixed> Run<S> {
    pub(crate) fn with<const N: usize>(binds: [Bind; N]) -> Self {
        Self { binds: binds.into(), statement: PhantomData }
    }
}

/// SQL that is put together from pieces of our own and binds.
#[derive(Debug, Default)]
pub(crate) struct Sql {
    text: String,
    binds: Vec<Bind>,
}

impl Sql {
    pub(crate) fn push<const N: usize>(&mut self, text: &str, binds: [Bind; N]) -> &mut Self {
        self.text.push_str(text);
        self.binds.extend(binds);
        self
    }

    /// The query, which gives rows of type `R`.
    pub(crate) fn query<R>(self, keep: Keep) -> Composed<R> {
        Composed { sql: self, keep, row: PhantomData }
    }
}

/// Whether a connection keeps a statement prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Prepared,
    Nothing,
}

/// A whole [`Sql`].
pub(crate) struct Composed<R> {
    sql: Sql,
    keep: Keep,
    row: PhantomData<fn() -> R>,
}

fn walk<'b>(text: &str, binds: &'b [Bind], mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
    let mut pieces = text.split('?');
    out.push_sql(pieces.next().unwrap_or_default());
    for (bind, piece) in binds.iter().zip(pieces) {
        match bind {
            Bind::Id(id) => out.push_bind_param::<Binary, _>(id)?,
            Bind::Text(text) => out.push_bind_param::<Text, _>(text)?,
            Bind::Moment(moment) => out.push_bind_param::<BigInt, _>(moment)?,
            Bind::Count(count) => out.push_bind_param::<BigInt, _>(count)?,
            Bind::Int(int) => out.push_bind_param::<BigInt, _>(int)?,
        }
        out.push_sql(piece);
    }
    Ok(())
}

impl<S: Fixed> QueryFragment<Sqlite> for Run<S> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        walk(S::SQL, &self.binds, out)
    }
}

impl<S: Fixed> QueryId for Run<S> {
    type QueryId = Self;
}

impl<S: Fixed> Query for Run<S> {
    type SqlType = S::Row;
}

impl<S: Fixed> RunQueryDsl<SqliteConnection> for Run<S> {}

impl<R> QueryFragment<Sqlite> for Composed<R> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        if self.keep == Keep::Nothing {
            out.unsafe_to_cache_prepared();
        }
        walk(&self.sql.text, &self.sql.binds, out)
    }
}

impl<R> QueryId for Composed<R> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<R> Query for Composed<R> {
    type SqlType = R;
}

impl<R> RunQueryDsl<SqliteConnection> for Composed<R> {}

macro_rules! binds {
    ($($from:ty => $make:expr),* $(,)?) => {
        $(impl From<$from> for Bind {
            fn from(value: $from) -> Self {
                $make(value)
            }
        })*
    };
}

binds!(
    Id => Self::Id,
    OrganizationId => |id| Self::Id(Id::from(id)),
    ConnectionId => |id| Self::Id(Id::from(id)),
    ResourceId => |id| Self::Id(Id::from(id)),
    Instant => |at| Self::Moment(Moment(at)),
    String => Self::Text,
    &str => |text: &str| Self::Text(text.into()),
    u64 => |count| Self::Count(Count(count)),
    i64 => Self::Int,
);
