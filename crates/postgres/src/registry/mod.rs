//! Organizations, connections and credentials.
//!
//! None of their tables is behind the wall: a token is found by its hash alone. What is logged is.

mod acts;
mod amend;
mod ends;
mod names;
mod note;
mod rows;

use async_trait::async_trait;
use diesel::prelude::*;
use rollcall_domain::{
    AdminKey, AdminKeyId, AmendError, Amendment, Connection, ConnectionId, Job, JobId, Kept, Note,
    Organization, OrganizationId, Registry, SigningKey, Token, TokenHash, TokenId, Unavailable,
};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::Postgres;
use crate::registry::rows::{
    AdminKeyRow, ConnectionRow, JobRow, KeptRow, OrganizationRow, SigningKeyRow, TokenRow,
};
use crate::tables::{admin_key, connection, job, kept, organization, signing_key, token};
use crate::unit::One;

type Pair = (OrganizationRow, ConnectionRow);
type Credential = (TokenRow, ConnectionRow);

/// The one credential that is so, with its connection, unless that is a mark.
macro_rules! credential {
    ($which:expr) => {
        token::table
            .inner_join(connection::table)
            .filter($which)
            .filter(connection::removed.is_null())
            .select((token::all_columns, connection::all_columns))
    };
}

#[async_trait]
impl Registry for Postgres {
    async fn amend(&self, amendment: Amendment) -> Result<(), AmendError> {
        self.units.amend(&amendment).await
    }

    async fn note(&self, note: Note) -> Result<(), Unavailable> {
        self.units.note(&note).await
    }

    async fn organizations(
        &self,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> Result<Vec<Organization>, Unavailable> {
        let query = organization::table
            .filter(organization::id.gt(after.map_or(Uuid::nil(), OrganizationId::uuid)))
            .order(organization::id)
            .limit(i64::from(limit));
        let rows = self.units.read(None, &One::<_, OrganizationRow>::new(query)).await?;
        Ok(rows.into_iter().map(OrganizationRow::read).collect())
    }

    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        let query = organization::table.filter(organization::id.eq(id.uuid()));
        let row = self.units.read(None, &One::<_, OrganizationRow>::new(query)).await?.pop();
        Ok(row.map(OrganizationRow::read))
    }

    async fn organization_named(&self, name: &str) -> Result<Option<Organization>, Unavailable> {
        let query = organization::table.filter(organization::name.eq(name));
        let row = self.units.read(None, &One::<_, OrganizationRow>::new(query)).await?.pop();
        Ok(row.map(OrganizationRow::read))
    }

    async fn connections(
        &self,
        of: Option<OrganizationId>,
        after: Option<ConnectionId>,
        limit: u32,
    ) -> Result<Vec<(Organization, Connection)>, Unavailable> {
        let all = connection::table
            .inner_join(organization::table)
            .filter(connection::removed.is_null())
            .filter(connection::id.gt(after.map_or(Uuid::nil(), ConnectionId::uuid)))
            .order(connection::id)
            .limit(i64::from(limit))
            .select((organization::all_columns, connection::all_columns));
        let rows = match of {
            None => self.units.read(None, &One::<_, Pair>::new(all)).await?,
            Some(of) => {
                let own = all.filter(connection::organization.eq(of.uuid()));
                self.units.read(None, &One::<_, Pair>::new(own)).await?
            }
        };
        rows.into_iter().map(read_pair).collect()
    }

    async fn connection(
        &self,
        id: ConnectionId,
    ) -> Result<Option<(Organization, Connection)>, Unavailable> {
        let query = connection::table
            .inner_join(organization::table)
            .filter(connection::id.eq(id.uuid()))
            .filter(connection::removed.is_null())
            .select((organization::all_columns, connection::all_columns));
        let row = self.units.read(None, &One::<_, Pair>::new(query)).await?.pop();
        row.map(read_pair).transpose()
    }

    async fn tokens(&self, connection: ConnectionId) -> Result<Vec<Token>, Unavailable> {
        let query = token::table
            .filter(token::connection.eq(connection.uuid()))
            .order((token::created, token::id));
        let rows = self.units.read(None, &One::<_, TokenRow>::new(query)).await?;
        rows.into_iter().map(TokenRow::read).collect()
    }

    async fn token(&self, id: TokenId) -> Result<Option<(Token, Connection)>, Unavailable> {
        let query = credential!(token::id.eq(id.uuid()));
        let row = self.units.read(None, &One::<_, Credential>::new(query)).await?.pop();
        row.map(read_credential).transpose()
    }

    async fn token_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<(Token, Connection)>, Unavailable> {
        let query = credential!(token::hash.eq(hash.0.to_vec()));
        let row = self.units.read(None, &One::<_, Credential>::new(query)).await?.pop();
        row.map(read_credential).transpose()
    }

    async fn bootstrap_tokens(&self) -> Result<Vec<(Token, Connection)>, Unavailable> {
        let query = credential!(token::bootstrap).order((token::created, token::id));
        let rows = self.units.read(None, &One::<_, Credential>::new(query)).await?;
        rows.into_iter().map(read_credential).collect()
    }

    async fn expiring_tokens(
        &self,
        (from, until): (Instant, Instant),
        limit: u32,
    ) -> Result<Vec<Token>, Unavailable> {
        let query = token::table
            .filter(token::revoked.is_null())
            .filter(token::expires.ge(from.millis()))
            .filter(token::expires.le(until.millis()))
            .order((token::expires, token::id))
            .limit(i64::from(limit));
        let rows = self.units.read(None, &One::<_, TokenRow>::new(query)).await?;
        rows.into_iter().map(TokenRow::read).collect()
    }

    async fn admin_keys(
        &self,
        of: Option<OrganizationId>,
        after: Option<AdminKeyId>,
        limit: u32,
    ) -> Result<Vec<AdminKey>, Unavailable> {
        let all = admin_key::table
            .filter(admin_key::id.gt(after.map_or(Uuid::nil(), AdminKeyId::uuid)))
            .order(admin_key::id)
            .limit(i64::from(limit));
        let rows = match of {
            None => self.units.read(None, &One::<_, AdminKeyRow>::new(all)).await?,
            Some(of) => {
                let own = all.filter(admin_key::organization.eq(of.uuid()));
                self.units.read(None, &One::<_, AdminKeyRow>::new(own)).await?
            }
        };
        rows.into_iter().map(AdminKeyRow::read).collect()
    }

    async fn admin_key(&self, id: AdminKeyId) -> Result<Option<AdminKey>, Unavailable> {
        let query = admin_key::table.filter(admin_key::id.eq(id.uuid()));
        let row = self.units.read(None, &One::<_, AdminKeyRow>::new(query)).await?.pop();
        row.map(AdminKeyRow::read).transpose()
    }

    async fn admin_key_by_hash(&self, hash: TokenHash) -> Result<Option<AdminKey>, Unavailable> {
        let query = admin_key::table.filter(admin_key::hash.eq(hash.0.to_vec()));
        let row = self.units.read(None, &One::<_, AdminKeyRow>::new(query)).await?.pop();
        row.map(AdminKeyRow::read).transpose()
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKey>, Unavailable> {
        let query = signing_key::table.order((signing_key::created, signing_key::id));
        let rows = self.units.read(None, &One::<_, SigningKeyRow>::new(query)).await?;
        rows.into_iter().map(SigningKeyRow::read).collect()
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, Unavailable> {
        let query = job::table.filter(job::id.eq(id.uuid()));
        let row = self.units.read(None, &One::<_, JobRow>::new(query)).await?.pop();
        row.map(JobRow::read).transpose()
    }

    async fn jobs_to_do(&self, limit: u32) -> Result<Vec<Job>, Unavailable> {
        let query = job::table
            .filter(job::finished.is_null())
            .order((job::touched, job::id))
            .limit(i64::from(limit));
        let rows = self.units.read(None, &One::<_, JobRow>::new(query)).await?;
        rows.into_iter().map(JobRow::read).collect()
    }

    async fn kept(&self, actor: &str, key: &str) -> Result<Option<Kept>, Unavailable> {
        let query = kept::table.filter(kept::actor.eq(actor).and(kept::key.eq(key)));
        let row = self.units.read(None, &One::<_, KeptRow>::new(query)).await?.pop();
        row.map(KeptRow::read).transpose()
    }
}

fn read_pair((organization, connection): Pair) -> Result<(Organization, Connection), Unavailable> {
    Ok((organization.read(), connection.read()?))
}

fn read_credential((token, connection): Credential) -> Result<(Token, Connection), Unavailable> {
    Ok((token.read()?, connection.read()?))
}
