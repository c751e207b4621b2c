//! Connections as rows.

use diesel::prelude::{AsChangeset, Insertable, Queryable};
use rollcall_domain::{
    Connection, ConnectionId, IdpKind, JobId, OrganizationId, Status, TokenId, Traffic, Unavailable,
};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::values::{from_db, instant, to_db};

/// A row of the table. What is only seen, and the mark, don't change with the rest.
#[derive(Debug, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = crate::tables::connection)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(in crate::registry) struct ConnectionRow {
    id: Uuid,
    #[diesel(skip_update)]
    organization: Uuid,
    name: Option<String>,
    idp: String,
    created: i64,
    setup: String,
    revision: i64,
    #[diesel(skip_update)]
    dialect: Option<String>,
    status: String,
    removal: Option<Uuid>,
    quiet: Option<i64>,
    #[diesel(skip_update)]
    seen: Option<i64>,
    #[diesel(skip_update)]
    tested: Option<i64>,
    #[diesel(skip_update)]
    refused_at: Option<i64>,
    #[diesel(skip_update)]
    refused_token: Option<Uuid>,
    #[diesel(skip_update)]
    removed: Option<i64>,
}

impl ConnectionRow {
    /// What is kept of a connection.
    pub(in crate::registry) fn of(connection: &Connection) -> Result<Self, Unavailable> {
        let traffic = &connection.traffic;
        let millis = |at: Option<Instant>| at.map(Instant::millis);
        Ok(Self {
            id: connection.id.uuid(),
            organization: connection.organization.uuid(),
            name: connection.name.clone(),
            idp: connection.idp.name().into(),
            created: connection.created.millis(),
            setup: serde_json::to_string(&connection.setup).map_err(Unavailable::new)?,
            revision: to_db(connection.revision),
            dialect: traffic.dialect.clone(),
            status: connection.status.name().into(),
            removal: connection.removal.map(JobId::uuid),
            quiet: millis(connection.quiet),
            seen: millis(traffic.seen),
            tested: millis(traffic.tested),
            refused_at: traffic.refused.map(|(at, _)| at.millis()),
            refused_token: traffic.refused.map(|(_, token)| token.uuid()),
            removed: None,
        })
    }

    /// The connection that was kept.
    pub(in crate::registry) fn read(self) -> Result<Connection, Unavailable> {
        let refused = instant(self.refused_at).zip(self.refused_token.map(TokenId::from_uuid));
        Ok(Connection {
            id: ConnectionId::from_uuid(self.id),
            organization: OrganizationId::from_uuid(self.organization),
            name: self.name,
            idp: self.idp.parse::<IdpKind>().map_err(Unavailable::new)?,
            created: Instant::from_millis(self.created),
            status: self.status.parse::<Status>().map_err(Unavailable::new)?,
            setup: serde_json::from_str(&self.setup).map_err(Unavailable::new)?,
            removal: self.removal.map(JobId::from_uuid),
            quiet: instant(self.quiet),
            revision: from_db(self.revision),
            traffic: Traffic {
                dialect: self.dialect,
                seen: instant(self.seen),
                tested: instant(self.tested),
                refused,
            },
        })
    }
}
