//! The log as tests read it back.

use async_trait::async_trait;
use rollcall_domain::{ConnectionId, EventId, OrganizationId, ResourceId};
use rollcall_schema::Instant;
use serde_json::{Map, Value};

/// Reads the log of an organization, which the ports only write.
///
/// A store's own tests implement it, usually by selecting from the table of events.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Every event of the organization: by number where the store has numbered them already.
    async fn events(&self, organization: OrganizationId) -> Vec<LoggedEvent>;
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedEvent {
    /// Its id.
    pub id: EventId,
    /// Its place in the organization's log, from 1, where the store gives it in the commit.
    pub seq: Option<u64>,
    /// When.
    pub at: Instant,
    /// Who did it, as an actor displays.
    pub actor: String,
    /// In which connection.
    pub connection: ConnectionId,
    /// The name of the action.
    pub action: String,
    /// The resource type.
    pub kind: String,
    /// The resource.
    pub resource: ResourceId,
    /// Its version afterwards.
    pub version: u64,
    /// What changed.
    pub changes: Map<String, Value>,
}
