//! Organizations, connections and tokens.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::upsert::excluded;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rollcall_domain::{
    Connection, ConnectionId, IdpKind, NewConnection, Organization, OrganizationId, Registry,
    ResourceId, Setup, Token, TokenHash, TokenId, Unavailable,
};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::Postgres;
use crate::tables::{connection, organization, token};
use crate::unit::{Line, One, Unit};
use crate::values::{from_db, to_db};

type OrganizationRow = (Uuid, String);
type ConnectionRow = (Uuid, Uuid, Option<String>, String, i64, String, i64, Option<String>);
type TokenRow = (Vec<u8>, Uuid, Uuid, Uuid, Option<String>, i64, Option<i64>, Option<Uuid>);

#[async_trait]
impl Registry for Postgres {
    async fn ensure_connection(&self, new: NewConnection) -> Result<Connection, Unavailable> {
        let ensured = self.units.transact(None, &Ensure(new)).await?;
        ensured.and_then(read_connection)
    }

    async fn connections(&self) -> Result<Vec<(Organization, Connection)>, Unavailable> {
        let query = connection::table
            .inner_join(organization::table)
            .order((connection::created, connection::id))
            .select((ORGANIZATION, connection::all_columns));
        let rows = self.units.read(None, &One::new(query)).await?;
        rows.into_iter().map(read_pair).collect()
    }

    async fn connection(
        &self,
        id: ConnectionId,
    ) -> Result<Option<(Organization, Connection)>, Unavailable> {
        let query = connection::table
            .inner_join(organization::table)
            .filter(connection::id.eq(id.uuid()))
            .select((ORGANIZATION, connection::all_columns));
        let rows = self.units.read(None, &One::new(query)).await?;
        rows.into_iter().next().map(read_pair).transpose()
    }

    async fn set_up(
        &self,
        id: ConnectionId,
        expect: u64,
        setup: Setup,
    ) -> Result<bool, Unavailable> {
        let setup = serde_json::to_string(&setup).map_err(Unavailable::new)?;
        let (expect, next) = (to_db(expect), to_db(expect.saturating_add(1)));
        let read = connection::table
            .filter(connection::id.eq(id.uuid()).and(connection::revision.eq(expect)));
        let query = diesel::update(read)
            .set((connection::setup.eq(setup), connection::revision.eq(next)))
            .returning((connection::id,));
        let rows = self.units.run(None, &One::<_, (Uuid,)>::new(query)).await?;
        Ok(!rows.is_empty())
    }

    async fn note_dialect(&self, id: ConnectionId, dialect: &str) -> Result<(), Unavailable> {
        let query = diesel::update(connection::table.filter(connection::id.eq(id.uuid())))
            .set(connection::dialect.eq(dialect))
            .returning((connection::id,));
        self.units.run(None, &One::<_, (Uuid,)>::new(query)).await?;
        Ok(())
    }

    async fn add_token(&self, token: Token) -> Result<(), Unavailable> {
        self.units.transact(None, &Add(token)).await?
    }

    async fn tokens(&self, connection: ConnectionId) -> Result<Vec<Token>, Unavailable> {
        let query = token::table
            .filter(token::connection.eq(connection.uuid()))
            .order((token::created, token::id));
        let rows = self.units.read(None, &One::<_, TokenRow>::new(query)).await?;
        rows.into_iter().map(read_token).collect()
    }

    async fn revoke_token(&self, id: TokenId, at: Instant) -> Result<bool, Unavailable> {
        let live = token::table.filter(token::id.eq(id.uuid()).and(token::revoked.is_null()));
        let query =
            diesel::update(live).set(token::revoked.eq(at.millis())).returning((token::id,));
        let rows = self.units.run(None, &One::<_, (Uuid,)>::new(query)).await?;
        Ok(!rows.is_empty())
    }

    async fn token_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<(Token, Connection)>, Unavailable> {
        let query = token::table
            .inner_join(connection::table)
            .filter(token::hash.eq(hash.0.to_vec()))
            .select((token::all_columns, connection::all_columns));
        let rows = self.units.read(None, &One::<_, (TokenRow, ConnectionRow)>::new(query)).await?;
        let Some((token, connection)) = rows.into_iter().next() else { return Ok(None) };
        Ok(Some((read_token(token)?, read_connection(connection)?)))
    }
}

const ORGANIZATION: (organization::id, organization::name) = (organization::id, organization::name);

/// Makes a connection unless there is one of its name. Rows that others make meanwhile are waited
/// for and found.
struct Ensure(NewConnection);

impl Unit for Ensure {
    type Outcome = Result<ConnectionRow, Unavailable>;

    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Self::Outcome>> {
        async move {
            let NewConnection { new_organization, connection } = &self.0;
            let created = connection.created.millis();
            let setup = match serde_json::to_string(&connection.setup) {
                Ok(setup) => setup,
                Err(error) => return Ok(Err(Unavailable::new(error))),
            };
            let insert = diesel::insert_into(organization::table)
                .values((
                    organization::id.eq(new_organization.id.uuid()),
                    organization::name.eq(&new_organization.name),
                    organization::created.eq(created),
                ))
                .on_conflict(organization::name)
                .do_nothing()
                .returning((organization::id,));
            line.rows::<_, (Uuid,)>(&insert).await?;
            let find = organization::table
                .filter(organization::name.eq(&new_organization.name))
                .select((organization::id,));
            let (owner,): (Uuid,) = line.row(&find).await?;
            let insert = diesel::insert_into(connection::table)
                .values((
                    connection::id.eq(connection.id.uuid()),
                    connection::organization.eq(owner),
                    connection::name.eq(connection.name.as_deref()),
                    connection::idp.eq(connection.idp.name()),
                    connection::created.eq(created),
                    connection::setup.eq(setup),
                    connection::revision.eq(to_db(connection.revision)),
                    connection::dialect.eq(connection.dialect.as_deref()),
                ))
                .on_conflict((connection::organization, connection::name))
                .do_nothing()
                .returning(connection::all_columns);
            if let Some(made) = line.rows::<_, ConnectionRow>(&insert).await?.pop() {
                return Ok(Ok(made));
            }
            let find = connection::table
                .filter(connection::organization.eq(owner))
                .filter(connection::name.eq(connection.name.as_deref()));
            line.row(&find).await.map(Ok)
        }
        .boxed()
    }
}

/// Keeps a token in the place of live ones of its name. The connection's row is locked, so that
/// of two that come together one replaces the other.
struct Add(Token);

impl Unit for Add {
    type Outcome = Result<(), Unavailable>;

    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Self::Outcome>> {
        async move {
            let Token { id, connection, organization, name, subject, hash, created, revoked } =
                &self.0;
            let hash = hash.0.to_vec();
            let lock = connection::table
                .filter(connection::id.eq(connection.uuid()))
                .select((connection::id,))
                .for_no_key_update();
            line.rows::<_, (Uuid,)>(&lock).await?;
            if let Some(name) = name {
                let namesakes = token::table
                    .filter(token::connection.eq(connection.uuid()))
                    .filter(token::name.eq(name))
                    .filter(token::hash.ne(&hash))
                    .filter(token::revoked.is_null());
                let revoke = diesel::update(namesakes)
                    .set(token::revoked.eq(created.millis()))
                    .returning((token::id,));
                line.rows::<_, (Uuid,)>(&revoke).await?;
            }
            // A secret that comes back under another name, or after its end, is live as told.
            let keep = diesel::insert_into(token::table)
                .values((
                    token::hash.eq(&hash),
                    token::id.eq(id.uuid()),
                    token::organization.eq(organization.uuid()),
                    token::connection.eq(connection.uuid()),
                    token::name.eq(name.as_deref()),
                    token::created.eq(created.millis()),
                    token::revoked.eq(revoked.map(Instant::millis)),
                    token::subject.eq(subject.map(ResourceId::uuid)),
                ))
                .on_conflict(token::hash)
                .do_update()
                .set((
                    token::id.eq(excluded(token::id)),
                    token::organization.eq(excluded(token::organization)),
                    token::connection.eq(excluded(token::connection)),
                    token::name.eq(excluded(token::name)),
                    token::created.eq(excluded(token::created)),
                    token::revoked.eq(excluded(token::revoked)),
                    token::subject.eq(excluded(token::subject)),
                ));
            let differs = token::revoked
                .is_not_null()
                .or(token::connection.ne(excluded(token::connection)))
                .or(token::name.is_distinct_from(excluded(token::name)))
                .or(excluded(token::name).is_null());
            let keep = diesel::query_dsl::methods::FilterDsl::filter(keep, differs);
            line.rows::<_, (Uuid,)>(&keep.returning((token::id,))).await?;
            Ok(Ok(()))
        }
        .boxed()
    }
}

fn read_pair(
    (organization, connection): (OrganizationRow, ConnectionRow),
) -> Result<(Organization, Connection), Unavailable> {
    let (id, name) = organization;
    let organization = Organization { id: OrganizationId::from_uuid(id), name };
    Ok((organization, read_connection(connection)?))
}

fn read_connection(row: ConnectionRow) -> Result<Connection, Unavailable> {
    let (id, organization, name, idp, created, setup, revision, dialect) = row;
    Ok(Connection {
        id: ConnectionId::from_uuid(id),
        organization: OrganizationId::from_uuid(organization),
        name,
        idp: idp.parse::<IdpKind>().map_err(Unavailable::new)?,
        created: Instant::from_millis(created),
        setup: serde_json::from_str(&setup).map_err(Unavailable::new)?,
        revision: from_db(revision),
        dialect,
    })
}

fn read_token(row: TokenRow) -> Result<Token, Unavailable> {
    let (hash, id, organization, connection, name, created, revoked, subject) = row;
    let hash = hash.try_into().map_err(|_| Unavailable::new("a token's hash has 32 bytes"))?;
    Ok(Token {
        id: TokenId::from_uuid(id),
        connection: ConnectionId::from_uuid(connection),
        organization: OrganizationId::from_uuid(organization),
        name,
        subject: subject.map(ResourceId::from_uuid),
        hash: TokenHash(hash),
        created: Instant::from_millis(created),
        revoked: revoked.map(Instant::from_millis),
    })
}
