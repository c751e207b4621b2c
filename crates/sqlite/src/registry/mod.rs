//! Organizations, connections and credentials.

mod amend;
mod kept;
mod notes;
mod rows;

use async_trait::async_trait;
use diesel::Connection as _;
use diesel::prelude::*;
use rollcall_domain::{
    AdminKey, AdminKeyId, AmendError, Amendment, Connection, ConnectionId, Job, JobId, Kept, Note,
    Organization, OrganizationId, Registry, SigningKey, Token, TokenHash, TokenId, Unavailable,
};
use rollcall_schema::Instant;

use crate::Sqlite;
use crate::error::{Undone, unavailable};
use crate::tables::{admin_key, connection, job, organization, signing_key, token};
use crate::values::{Digest, Id, Moment};
use amend::Unmade;
use rows::{JobRow, OrganizationRow, SeenConnection, SigningKeyRow, UsedAdminKey, UsedToken};

pub(crate) use kept::expire;

type Credential = (UsedToken, SeenConnection);

/// The one credential that is so, with its connection, unless that is a mark.
macro_rules! credential {
    ($which:expr) => {
        token::table
            .inner_join(connection::table)
            .filter($which)
            .filter(connection::removed.is_null())
            .select((UsedToken::as_select(), SeenConnection::as_select()))
    };
}

#[async_trait]
impl Registry for Sqlite {
    async fn amend(&self, amendment: Amendment) -> Result<(), AmendError> {
        let made = move |conn: &mut SqliteConnection| match conn
            .transaction(|conn| amend::apply(conn, &amendment))
        {
            Ok(()) => Ok(Ok(())),
            Err(Unmade::Refused(error)) => Ok(Err(error)),
            Err(Unmade::Failed(error)) => Err(Undone::Failed(error)),
        };
        self.lane.run(made).await.map_err(unavailable)?
    }

    async fn note(&self, note: Note) -> Result<(), Unavailable> {
        self.lane.run(move |conn| Ok(notes::note(conn, &note)?)).await.map_err(unavailable)
    }

    async fn organizations(
        &self,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> Result<Vec<Organization>, Unavailable> {
        let page = move |conn: &mut SqliteConnection| {
            // Ids stand in the order in which they were given.
            let all = organization::table.select(OrganizationRow::as_select());
            let mut page = all.order(organization::id).limit(limit.into()).into_boxed();
            if let Some(after) = after {
                page = page.filter(organization::id.gt(Id::from(after)));
            }
            Ok(all_of(page.load::<OrganizationRow>(conn)?))
        };
        self.pool.read(page).await
    }

    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        let one = organization::table.filter(organization::id.eq(Id::from(id)));
        let one = one.select(OrganizationRow::as_select());
        let row = self.pool.read(move |conn| one.first(conn).optional()).await?;
        Ok(row.map(Into::into))
    }

    async fn organization_named(&self, name: &str) -> Result<Option<Organization>, Unavailable> {
        let one = organization::table.filter(organization::name.eq(name.to_owned()));
        let one = one.select(OrganizationRow::as_select());
        let row = self.pool.read(move |conn| one.first(conn).optional()).await?;
        Ok(row.map(Into::into))
    }

    async fn connections(
        &self,
        of: Option<OrganizationId>,
        after: Option<ConnectionId>,
        limit: u32,
    ) -> Result<Vec<(Organization, Connection)>, Unavailable> {
        let page = move |conn: &mut SqliteConnection| {
            let all = connection::table
                .inner_join(organization::table)
                .select((OrganizationRow::as_select(), SeenConnection::as_select()));
            let mut page = all.order(connection::id).limit(limit.into()).into_boxed();
            page = page.filter(connection::removed.is_null());
            if let Some(of) = of {
                page = page.filter(connection::organization.eq(Id::from(of)));
            }
            if let Some(after) = after {
                page = page.filter(connection::id.gt(Id::from(after)));
            }
            page.load::<(OrganizationRow, SeenConnection)>(conn)
        };
        let rows = self.pool.read(page).await?;
        Ok(rows.into_iter().map(|(whose, one)| (whose.into(), one.into())).collect())
    }

    async fn connection(
        &self,
        id: ConnectionId,
    ) -> Result<Option<(Organization, Connection)>, Unavailable> {
        let one = connection::table
            .inner_join(organization::table)
            .filter(connection::id.eq(Id::from(id)))
            .filter(connection::removed.is_null())
            .select((OrganizationRow::as_select(), SeenConnection::as_select()));
        let row = self
            .pool
            .read(move |conn| one.first::<(OrganizationRow, SeenConnection)>(conn).optional())
            .await?;
        Ok(row.map(|(whose, one)| (whose.into(), one.into())))
    }

    async fn tokens(&self, connection: ConnectionId) -> Result<Vec<Token>, Unavailable> {
        let all = token::table
            .filter(token::connection.eq(Id::from(connection)))
            .order((token::created, token::id))
            .select(UsedToken::as_select());
        let rows = self.pool.read(move |conn| all.load::<UsedToken>(conn)).await?;
        Ok(all_of(rows))
    }

    async fn token(&self, id: TokenId) -> Result<Option<(Token, Connection)>, Unavailable> {
        let one = credential!(token::id.eq(Id::from(id)));
        let row = self.pool.read(move |conn| one.first::<Credential>(conn).optional()).await?;
        Ok(row.map(|(token, connection)| (token.into(), connection.into())))
    }

    async fn token_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<(Token, Connection)>, Unavailable> {
        let one = credential!(token::hash.eq(Digest(hash.0)));
        let row = self.pool.read(move |conn| one.first::<Credential>(conn).optional()).await?;
        Ok(row.map(|(token, connection)| (token.into(), connection.into())))
    }

    async fn bootstrap_tokens(&self) -> Result<Vec<(Token, Connection)>, Unavailable> {
        let all = credential!(token::bootstrap.eq(true)).order((token::created, token::id));
        let rows = self.pool.read(move |conn| all.load::<Credential>(conn)).await?;
        Ok(rows.into_iter().map(|(token, connection)| (token.into(), connection.into())).collect())
    }

    async fn expiring_tokens(
        &self,
        (from, until): (Instant, Instant),
        limit: u32,
    ) -> Result<Vec<Token>, Unavailable> {
        let some = token::table
            .filter(token::revoked.is_null())
            .filter(token::expires.between(Moment(from), Moment(until)))
            .order((token::expires, token::id))
            .limit(limit.into())
            .select(UsedToken::as_select());
        let rows = self.pool.read(move |conn| some.load::<UsedToken>(conn)).await?;
        Ok(all_of(rows))
    }

    async fn admin_keys(
        &self,
        of: Option<OrganizationId>,
        after: Option<AdminKeyId>,
        limit: u32,
    ) -> Result<Vec<AdminKey>, Unavailable> {
        let page = move |conn: &mut SqliteConnection| {
            let all = admin_key::table.select(UsedAdminKey::as_select());
            let mut page = all.order(admin_key::id).limit(limit.into()).into_boxed();
            if let Some(of) = of {
                page = page.filter(admin_key::organization.eq(Id::from(of)));
            }
            if let Some(after) = after {
                page = page.filter(admin_key::id.gt(Id::from(after)));
            }
            Ok(all_of(page.load::<UsedAdminKey>(conn)?))
        };
        self.pool.read(page).await
    }

    async fn admin_key(&self, id: AdminKeyId) -> Result<Option<AdminKey>, Unavailable> {
        let one = admin_key::table
            .filter(admin_key::id.eq(Id::from(id)))
            .select(UsedAdminKey::as_select());
        let row = self.pool.read(move |conn| one.first::<UsedAdminKey>(conn).optional()).await?;
        Ok(row.map(Into::into))
    }

    async fn admin_key_by_hash(&self, hash: TokenHash) -> Result<Option<AdminKey>, Unavailable> {
        let one = admin_key::table
            .filter(admin_key::hash.eq(Digest(hash.0)))
            .select(UsedAdminKey::as_select());
        let row = self.pool.read(move |conn| one.first::<UsedAdminKey>(conn).optional()).await?;
        Ok(row.map(Into::into))
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKey>, Unavailable> {
        let all = signing_key::table
            .order((signing_key::created, signing_key::id))
            .select(SigningKeyRow::as_select());
        let rows = self.pool.read(move |conn| all.load(conn)).await?;
        Ok(all_of(rows))
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, Unavailable> {
        let one = job::table.filter(job::id.eq(Id::from(id))).select(JobRow::as_select());
        let row = self.pool.read(move |conn| one.first(conn).optional()).await?;
        Ok(row.map(Into::into))
    }

    async fn jobs_to_do(&self, limit: u32) -> Result<Vec<Job>, Unavailable> {
        let some = job::table
            .filter(job::finished.is_null())
            .order((job::touched, job::id))
            .limit(limit.into())
            .select(JobRow::as_select());
        let rows = self.pool.read(move |conn| some.load(conn)).await?;
        Ok(all_of(rows))
    }

    async fn kept(&self, actor: &str, key: &str) -> Result<Option<Kept>, Unavailable> {
        let (actor, key) = (actor.to_owned(), key.to_owned());
        self.pool.read(move |conn| kept::find(conn, &actor, &key)).await
    }
}

fn all_of<R: Into<T>, T>(rows: Vec<R>) -> Vec<T> {
    rows.into_iter().map(Into::into).collect()
}
