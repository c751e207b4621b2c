//! Organizations, connections and tokens.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::upsert::excluded;
use rollcall_domain::{
    Connection, ConnectionId, NewConnection, Organization, Registry, ResourceId, Setup, Token,
    TokenHash, TokenId, Unavailable,
};
use rollcall_schema::Instant;

use crate::Sqlite;
use crate::error::{Undone, unavailable};
use crate::tables::{connection, organization, token};
use crate::values::{Count, Decided, Hash, Id, Idp, Moment};

type ConnectionRow = (Id, Id, Option<String>, Idp, Moment, Decided, Count, Option<String>);
type TokenRow = (Hash, Id, Id, Id, Option<String>, Option<Id>, Moment, Option<Moment>);
type OrganizationRow = (Id, String);

#[async_trait]
impl Registry for Sqlite {
    async fn ensure_connection(&self, new: NewConnection) -> Result<Connection, Unavailable> {
        self.lane.run(move |conn| ensure(conn, &new)).await.map_err(unavailable)
    }

    async fn connections(&self) -> Result<Vec<(Organization, Connection)>, Unavailable> {
        self.pool
            .read(|conn| {
                let rows = connection::table
                    .inner_join(organization::table)
                    .select(((organization::id, organization::name), connection::all_columns))
                    .order((connection::created, connection::id))
                    .load::<(OrganizationRow, ConnectionRow)>(conn)?;
                Ok(rows.into_iter().map(both).collect())
            })
            .await
    }

    async fn connection(
        &self,
        id: ConnectionId,
    ) -> Result<Option<(Organization, Connection)>, Unavailable> {
        self.pool
            .read(move |conn| {
                let row = connection::table
                    .inner_join(organization::table)
                    .filter(connection::id.eq(Id::from(id)))
                    .select(((organization::id, organization::name), connection::all_columns))
                    .first::<(OrganizationRow, ConnectionRow)>(conn)
                    .optional()?;
                Ok(row.map(both))
            })
            .await
    }

    async fn set_up(
        &self,
        id: ConnectionId,
        expect: u64,
        setup: Setup,
    ) -> Result<bool, Unavailable> {
        let setup = Decided(setup);
        self.lane.run(move |conn| Ok(decide(conn, id, expect, &setup)?)).await.map_err(unavailable)
    }

    async fn note_dialect(&self, id: ConnectionId, dialect: &str) -> Result<(), Unavailable> {
        let dialect = dialect.to_owned();
        self.lane.run(move |conn| Ok(note(conn, id, &dialect)?)).await.map_err(unavailable)
    }

    async fn add_token(&self, token: Token) -> Result<(), Unavailable> {
        self.lane.run(move |conn| Ok(add(conn, &token)?)).await.map_err(unavailable)
    }

    async fn tokens(&self, connection: ConnectionId) -> Result<Vec<Token>, Unavailable> {
        self.pool
            .read(move |conn| {
                let rows = token::table
                    .filter(token::connection.eq(Id::from(connection)))
                    .order((token::created, token::id))
                    .load::<TokenRow>(conn)?;
                Ok(rows.into_iter().map(one_token).collect())
            })
            .await
    }

    async fn revoke_token(&self, id: TokenId, at: Instant) -> Result<bool, Unavailable> {
        self.lane.run(move |conn| Ok(revoke(conn, id, at)?)).await.map_err(unavailable)
    }

    async fn token_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<(Token, Connection)>, Unavailable> {
        self.pool
            .read(move |conn| {
                let row = token::table
                    .inner_join(connection::table)
                    .filter(token::hash.eq(Hash(hash)))
                    .select((token::all_columns, connection::all_columns))
                    .first::<(TokenRow, ConnectionRow)>(conn)
                    .optional()?;
                Ok(row.map(|(token, connection)| (one_token(token), one_connection(connection))))
            })
            .await
    }
}

fn ensure(conn: &mut SqliteConnection, new: &NewConnection) -> Result<Connection, Undone> {
    let NewConnection { new_organization, connection: wanted } = new;
    diesel::insert_into(organization::table)
        .values((
            organization::id.eq(Id::from(new_organization.id)),
            organization::name.eq(&new_organization.name),
            organization::created.eq(Moment(wanted.created)),
        ))
        .on_conflict(organization::name)
        .do_nothing()
        .execute(conn)?;
    let whose: Id = organization::table
        .filter(organization::name.eq(&new_organization.name))
        .select(organization::id)
        .first(conn)?;
    diesel::insert_into(connection::table)
        .values((
            connection::id.eq(Id::from(wanted.id)),
            connection::organization.eq(whose),
            connection::name.eq(wanted.name.as_deref()),
            connection::idp.eq(Idp(wanted.idp)),
            connection::created.eq(Moment(wanted.created)),
            connection::setup.eq(Decided(wanted.setup.clone())),
            connection::revision.eq(Count(wanted.revision)),
            connection::dialect.eq(wanted.dialect.as_deref()),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    let named = connection::table.filter(connection::organization.eq(whose)).into_boxed();
    let named = match &wanted.name {
        Some(name) => named.filter(connection::name.eq(name)),
        None => named.filter(connection::id.eq(Id::from(wanted.id))),
    };
    Ok(one_connection(named.first(conn)?))
}

fn decide(
    conn: &mut SqliteConnection,
    id: ConnectionId,
    expect: u64,
    setup: &Decided,
) -> QueryResult<bool> {
    diesel::update(connection::table)
        .filter(connection::id.eq(Id::from(id)))
        .filter(connection::revision.eq(Count(expect)))
        .set((connection::setup.eq(setup), connection::revision.eq(connection::revision + 1)))
        .execute(conn)
        .map(|decided| decided > 0)
}

fn note(conn: &mut SqliteConnection, id: ConnectionId, dialect: &str) -> QueryResult<()> {
    diesel::update(connection::table)
        .filter(connection::id.eq(Id::from(id)))
        .set(connection::dialect.eq(dialect))
        .execute(conn)
        .map(|_| ())
}

fn add(conn: &mut SqliteConnection, new: &Token) -> QueryResult<()> {
    if let Some(name) = &new.name {
        diesel::update(token::table)
            .filter(token::connection.eq(Id::from(new.connection)))
            .filter(token::name.eq(name))
            .filter(token::hash.ne(Hash(new.hash)))
            .filter(token::revoked.is_null())
            .set(token::revoked.eq(Moment(new.created)))
            .execute(conn)?;
    }
    let stays = token::table
        .filter(token::hash.eq(Hash(new.hash)))
        .filter(token::connection.eq(Id::from(new.connection)))
        .filter(token::name.is(new.name.as_deref()))
        .filter(token::revoked.is_null());
    if diesel::select(diesel::dsl::exists(stays)).get_result(conn)? {
        return Ok(());
    }
    // A secret that comes back after its end, or under another name, is a new token.
    diesel::insert_into(token::table)
        .values((
            token::hash.eq(Hash(new.hash)),
            token::id.eq(Id::from(new.id)),
            token::organization.eq(Id::from(new.organization)),
            token::connection.eq(Id::from(new.connection)),
            token::name.eq(new.name.as_deref()),
            token::subject.eq(new.subject.map(Id::from)),
            token::created.eq(Moment(new.created)),
            token::revoked.eq(new.revoked.map(Moment)),
        ))
        .on_conflict(token::hash)
        .do_update()
        .set((
            token::id.eq(excluded(token::id)),
            token::organization.eq(excluded(token::organization)),
            token::connection.eq(excluded(token::connection)),
            token::name.eq(excluded(token::name)),
            token::subject.eq(excluded(token::subject)),
            token::created.eq(excluded(token::created)),
            token::revoked.eq(excluded(token::revoked)),
        ))
        .execute(conn)
        .map(|_| ())
}

fn revoke(conn: &mut SqliteConnection, id: TokenId, at: Instant) -> QueryResult<bool> {
    diesel::update(token::table)
        .filter(token::id.eq(Id::from(id)))
        .filter(token::revoked.is_null())
        .set(token::revoked.eq(Moment(at)))
        .execute(conn)
        .map(|revoked| revoked > 0)
}

fn both(
    (organization, connection): (OrganizationRow, ConnectionRow),
) -> (Organization, Connection) {
    let (id, name) = organization;
    (Organization { id: id.into(), name }, one_connection(connection))
}

fn one_connection(row: ConnectionRow) -> Connection {
    let (id, organization, name, Idp(idp), Moment(created), decided, revision, dialect) = row;
    let (Decided(setup), Count(revision)) = (decided, revision);
    let (id, organization) = (id.into(), organization.into());
    Connection { id, organization, name, idp, created, setup, revision, dialect }
}

fn one_token(row: TokenRow) -> Token {
    let (Hash(hash), id, organization, connection, name, subject, Moment(created), revoked) = row;
    Token {
        id: id.into(),
        connection: connection.into(),
        organization: organization.into(),
        name,
        subject: subject.map(ResourceId::from),
        hash,
        created,
        revoked: revoked.map(|Moment(at)| at),
    }
}
