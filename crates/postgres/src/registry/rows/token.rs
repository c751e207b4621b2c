//! Credentials of connections as rows.

use diesel::prelude::{AsChangeset, Insertable, Queryable};
use rollcall_domain::{
    ConnectionId, OrganizationId, ResourceId, Scopes, Thumbprint, Token, TokenHash, TokenId,
    TokenKind, Unavailable,
};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::values::{digest, from_db, instant, to_db};

/// A row of the table. Its use doesn't change with the rest.
#[derive(Debug, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = crate::tables::token)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(in crate::registry) struct TokenRow {
    hash: Vec<u8>,
    id: Uuid,
    #[diesel(skip_update)]
    organization: Uuid,
    #[diesel(skip_update)]
    connection: Uuid,
    name: Option<String>,
    created: i64,
    revoked: Option<i64>,
    subject: Option<Uuid>,
    kind: String,
    scopes: String,
    certificate: Option<Vec<u8>>,
    expires: Option<i64>,
    replaces: Option<Uuid>,
    warned: Option<i64>,
    revision: i64,
    #[diesel(skip_update)]
    used: Option<i64>,
    bootstrap: bool,
}

impl TokenRow {
    /// What is kept of a credential.
    pub(in crate::registry) fn of(token: &Token) -> Result<Self, Unavailable> {
        let millis = |at: Option<Instant>| at.map(Instant::millis);
        Ok(Self {
            hash: token.hash.0.to_vec(),
            id: token.id.uuid(),
            organization: token.organization.uuid(),
            connection: token.connection.uuid(),
            name: token.name.clone(),
            created: token.created.millis(),
            revoked: millis(token.revoked),
            subject: token.subject.map(ResourceId::uuid),
            kind: serde_json::to_string(&token.kind).map_err(Unavailable::new)?,
            scopes: token.scopes.to_string(),
            certificate: token.certificate.map(|print| print.0.to_vec()),
            expires: millis(token.expires),
            replaces: token.replaces.map(TokenId::uuid),
            warned: token.warned.map(i64::from),
            revision: to_db(token.revision),
            used: millis(token.used),
            bootstrap: token.bootstrap,
        })
    }

    /// The credential that was kept.
    pub(in crate::registry) fn read(self) -> Result<Token, Unavailable> {
        let warned = self.warned.map(u32::try_from).transpose();
        Ok(Token {
            id: TokenId::from_uuid(self.id),
            connection: ConnectionId::from_uuid(self.connection),
            organization: OrganizationId::from_uuid(self.organization),
            name: self.name,
            kind: serde_json::from_str::<TokenKind>(&self.kind).map_err(Unavailable::new)?,
            scopes: self.scopes.parse::<Scopes>().map_err(Unavailable::new)?,
            subject: self.subject.map(ResourceId::from_uuid),
            hash: TokenHash(digest(self.hash)?),
            certificate: self.certificate.map(digest).transpose()?.map(Thumbprint),
            created: Instant::from_millis(self.created),
            expires: instant(self.expires),
            revoked: instant(self.revoked),
            replaces: self.replaces.map(TokenId::from_uuid),
            warned: warned.map_err(Unavailable::new)?,
            bootstrap: self.bootstrap,
            revision: from_db(self.revision),
            used: instant(self.used),
        })
    }
}
